// Key pairs for the cases of WebCrypto, made for them and used nowhere else, and their public halves.
export const kRsa = {
  kty: "RSA",
  n: "vbsqIPAS42Y4ICCtizSOS8WvFlaV_B24A-6H2y1wBGZCRLFB-DYA-BwM7oOudHYij866O3PFF9fpW_NTCahKyIZ5FoK3pG0QbxpZ" +
    "PFy_TEYEELdOEZvwuN7sgJ3WeBvrad2Ns7U0nJU_Ji7YEoBiyoviiCmJySHI8hVobj1i2ydBRYGr896kqXANA-0P5QLBC8Paw4-z" +
    "iBu7jXL-S2tEt0v99Mp-1VIeh7s6MgGc6J-34o6f144fg0p5Foazs7OYtq4HIM4oeq_raoMMcdrhcWrtJIwxWvDsRtIX4k3VF1Gh" +
    "cCcQJiNZnDlfBRdt6DDQELocsaojGaslW1A7dpDh9w",
  e: "AQAB",
  d: "B_3gvedu3D47gfruZG0vyzhF8jpuceKslBnRhiVpUP4fr3YJ8dMQgmLoFoncaNJrDUSnaoarWCBDl5htuHvqvnyPkCesZZQke5GQ" +
    "Da9YbXWLiUq3Up2Pa7IUIyzC0mdWqKxo4hdxYmEU-l5BwrG-t4ph3dtmDt9J8Ax_zBjw14tCqJdR_uVT54yDK7FXpDdWozjP8_Hv" +
    "NvnEqYZjVnNGXIshEaUK5ZIezLddHn_pIZxVlHPyebwJm3mr0hEiygWTwtFmP-mikU34r46BIhmY1Yb9j_C-1pSXJQlR2VpA38eF" +
    "1EqwIxprkLXTisBs9g9xtGbEElOZ_IDlZe7YQAIneQ",
  p: "6Daf6QOrmZzjLIzNkcLwwHhyPNN-MzBfmSvaC_LaXXieqCowRHOb82SwZ4yVZKj1wkoqOqTZYrdYM8cPQ45yKoGL8XrjyXR4SQ-Z" +
    "ZYIlX34te2cVk6TXugD4nuVRhd3ic-rYxY1neJs751GbkQ3Q_a-53GigyGQw_F4VqioBRAk",
  q: "0SqE-GGKR9l1w9ZFEQXVdWsTX9ObzbGNVfZL2UaQjMAjeK5yTQ7Bxcpqxjtr-cnYT2Je1nWRa19fQWS1EzVneQVnuUDX015Ebsp1" +
    "HFTdEOR2-qwjrvn9B6YFWQY_8KE3YvRPaSw5_EGjQfPwXeXKKpYAt6EHGYFS2Uw30JsGdf8",
  dp: "uxC-M510ULRVQd9P_1t2TOb6yEtr_9q5OJBeAIAsL15rGXebGJm1iRaVEWXsN4HxMQpECKgiQ2cF0_hJMJgBGoLv9KGV_QUpnVnG" +
    "rkJwzwO7qgy6Eg2ah8oefwqnaNr9gXowFL08HKmZUVippOnncWZtqMRUufoUiElW1JUwHdk",
  dq: "E_Qmczt64ZfRMDmEpTcVQfpRAtdBCcJiZUz1t2iP6Z16xMx_gvJhcej5fqe0iUPEKu6LdZIJqWCTyb09uPNjR5xIZNfWvwdDJ_6Q" +
    "ZX-DB1WENC2vycV3af9gizmZZ-85RWthF_tsHLB2Tphi2dJOEvn0X5AxCTHZIXmv6Wqglyk",
  qi: "yPkOtQcfVjbFjZ1I88WBs7UO5AOgW7en7s77ldKcLTIxmnNhoE17CvTAZXNzjbwRUMnv35ZCIWrTW4qr-jrRBYn0a_F3QJx5Poep" +
    "ssqwviuNhzVybMG9B84KmBKZ2-Xf7UbAwrbxvM2EIvp_UX5g5-ZddIs9nRwrKKAm_S2rIHQ",
};
export const kP256 = {
  kty: "EC",
  x: "4PGx72gAkUYiEniXfsdl10LKJIW7GsYla4lIZdI7tNA",
  y: "lbc_jDB1F5xdK0PlR2JXqafoN9wUJpVGQ7hCHtqCAjU",
  crv: "P-256",
  d: "NGcrj_PEwNaOyqNwkq2dLjqqQVR97eajufLMPQ66l8g",
};
export const kP256Peer = {
  kty: "EC",
  x: "bjYYwpkYOTOTKHueqZNXIXfEbGunYxlX2I-brwaHoAg",
  y: "U-vjduAJfFgMRpmrG0Ec9FdZ88DOuBf6SQeNdbJ5gTU",
  crv: "P-256",
  d: "1NkkSVjQ_XNdw3eR2A69IgHSrhbxOB2o0gPbdHX2FLc",
};
export const kP384 = {
  kty: "EC",
  x: "9BBdWcXUBjBSh-aCFET_vTC4H1kwOcLGVQ3rT8u7g6K7FAUFftOEQO78sww7i52D",
  y: "kTu5bzcVLT5-56qS7tTQPywODnStCe7UbmJ2_kTXafO7X_JnR24ewCXu2B8ZWxiw",
  crv: "P-384",
  d: "JbFZGwqbOvRbVYTFaGh86upLDiqHxyIdrd697YeT7w3LAWqKLNvWAc0uGhZERbDR",
};
export const kP384Peer = {
  kty: "EC",
  x: "DZ1qZ12eYC5_FLAOEr9Qu9-Qc7_BwF5pOxO6f0VeHSdiKscFJXMy5-R0HcQU4L8I",
  y: "yJ_wvPSaVBtsED_NsY9mwPCS3Du3qtrt6mZR5mAvJbnRG2Wd1a_JBjDsC6T00wf5",
  crv: "P-384",
  d: "zvSmLTY8-sRRX-NFB5yqnrinEZsPTTstHvWjwG_SrdnQPj-4xP6Pnrmf_5izoeZW",
};
export const kP521 = {
  kty: "EC",
  x: "AMaWYcWlpclRK86hUTGFiw6MJ-bmiP2w4uwqm-pl1qljELG96LLeqGXx-EBD9A6CrkUka1GUBNN8OSxXFVYZBwYA",
  y: "AFG_IxsETkoQDSctVxcHHRRT0s_eZa0JEm3RUpZaKw8FZB4L6b2TOxlVkSKlVk63HSsL2T02tB9gTLEfwl6PsPLi",
  crv: "P-521",
  d: "AV8RLwOtBJMEk6FAMwvqU30xRo0A4mMSsvChjHg6w73KN4-rSD250gow2haJTt_uxhMyqQVyPLJ9jUYLUlbNKbt8",
};
export const kP521Peer = {
  kty: "EC",
  x: "ATkIiz3XTkI4luxkJxIyKssIhLjltM1Tu93R_QN4BPiqiWoBIZH4uIY3kHPiH07FgTQN62iz9D2ED4ZMuOTwXjo3",
  y: "AG5gi-uU37hvoUXb8G_AvOlxO-ORMzXv9aVyxcMsNepyYnDtrZj4zNFClgVpk8QCOsuyeSfzhHOCwH-mWnxtz5Ml",
  crv: "P-521",
  d: "AFXx7Co-uN-Uob_rN5PkrP9mc9cL905vJEQtE0kMGNWawBWCSo-5Gn4CETiTB7wLzInQ7MuBJ1UuviOk6tMAOqNS",
};
export const kEd25519 = {
  kty: "OKP",
  crv: "Ed25519",
  x: "sH_46rYHaODfG_yXFK99gQHlPp-k6LT47Gy_Wz_C_Do",
  d: "_7D7ffx0_O9WkWfRese09GgfX3_QzdBd-e6CGYA1v-Y",
};
export const kX25519 = {
  kty: "OKP",
  crv: "X25519",
  x: "XcFb5rGV40cKQuxcCbJ0UzigYzt0UYl4jdusejeCr1I",
  d: "WOOwPhjU7agxIsoz3PeBFFEzQfBE1HzjWNFEKuFXTFU",
};
export const kX25519Peer = {
  kty: "OKP",
  crv: "X25519",
  x: "LTPdT_7LfVXv-jFwQjOHCdbiOPpYHzK1usomXI8jLFY",
  d: "OLNB8sXuR8EDYjAFQT0YVXRu1s7TFxw0ZmUzLr7ya34",
};

export function publicHalf({ kty, crv, x, y, n, e }) {
  return kty === "RSA" ? { kty, n, e } : kty === "EC" ? { kty, crv, x, y } : { kty, crv, x };
}

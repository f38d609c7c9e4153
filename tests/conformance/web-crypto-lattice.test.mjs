// ML-DSA, ML-KEM, getPublicKey() and supports().
// compatibility-flags: webcrypto_modern_algorithms
import { thrown, worker } from "./lib.mjs";
import { ciphertext, publicKeys, shared, signature } from "./modules/lattice.mjs";

const S = crypto.subtle;
const utf8 = (text) => new TextEncoder().encode(text);
const base64 = (data) => btoa(String.fromCharCode(...new Uint8Array(data)));
const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const count = (bytes) => Uint8Array.from({ length: bytes }, (_, index) => index);
const same = (one, other) => base64(one) === base64(other);
const describe = (key) => `${key.type} ${key.algorithm.name} ${key.extractable} [${key.usages}]`;

const kFamilies = {
  "ML-DSA-44": { seed: 32, open: ["verify"], secret: ["sign"] }, "ML-DSA-65": { seed: 32, open: ["verify"], secret: ["sign"] },
  "ML-DSA-87": { seed: 32, open: ["verify"], secret: ["sign"] },
  "ML-KEM-768": { seed: 64, open: ["encapsulateBits"], secret: ["decapsulateBits"] },
  "ML-KEM-1024": { seed: 64, open: ["encapsulateBits"], secret: ["decapsulateBits"] },
};
const make = (name) => S.generateKey(name, true, [...kFamilies[name].open, ...kFamilies[name].secret]);
const fromSeed = (name, extractable = true) => S.importKey("raw-seed", count(kFamilies[name].seed), name, extractable, kFamilies[name].secret);

// Each of `tries` refused, in its order.
const refusals = async (tries) => {
  const seen = [];
  for (const one of tries) seen.push(await thrown(one));
  return seen;
};

const DER = (tag, contents) => [tag, ...(contents.length < 128 ? [contents.length] : contents.length < 256 ? [129, contents.length]
  : [130, contents.length >> 8, contents.length & 255]), ...contents];

const cases = {
  "keys of seeds": {
    async run() {
      const seen = {};
      for (const [name, { open }] of Object.entries(kFamilies)) {
        const key = await S.getPublicKey(await fromSeed(name, false), open);
        seen[name] = base64(await S.digest("SHA-256", await S.exportKey("raw-public", key)));
      }
      return seen;
    },
    expect: publicKeys,
  },
  "a signature of workerd's": {
    async run() {
      const key = await S.getPublicKey(await fromSeed("ML-DSA-44"), ["verify"]);
      const verify = (context) => S.verify({ name: "ML-DSA-44", context: utf8(context) }, key, fromBase64(signature), utf8("data"));
      return [await verify("context"), await verify("other"), await verify("")];
    },
    expect: [true, false, false],
  },
  "a secret that workerd sealed": {
    run: async () => base64(await S.decapsulateBits("ML-KEM-768", await fromSeed("ML-KEM-768"), fromBase64(ciphertext))),
    expect: shared,
  },
  "pairs": {
    run: async () => {
      const seen = [];
      for (const name of Object.keys(kFamilies)) {
        const { publicKey, privateKey } = await S.generateKey(name.toLowerCase(), false, [...kFamilies[name].secret, ...kFamilies[name].open]);
        seen.push(describe(publicKey), describe(privateKey));
      }
      return seen;
    },
    expect: Object.entries(kFamilies).flatMap(([name, { open, secret }]) =>
      [`public ${name} true [${open}]`, `private ${name} false [${secret}]`]),
  },
  "usages of pairs": {
    run: () => refusals([["ML-DSA-44", []], ["ML-DSA-44", ["verify"]], ["ML-DSA-44", ["encrypt"]], ["ML-KEM-768", ["sign"]], ["ML-KEM-768", ["encapsulateBits"]],
                         ["ML-KEM-512", ["decapsulateBits"]], ["Ed25519", ["encapsulateBits"]]].map(([name, usages]) => () => S.generateKey(name, true, usages))),
    expect: ["SyntaxError: Attempt to generate asymmetric keys with no valid private key usages.",
             "SyntaxError: Attempt to generate asymmetric keys with no valid private key usages.",
             'SyntaxError: Attempt to generate ML-DSA-44 key with invalid usage "encrypt".',
             'SyntaxError: Attempt to generate ML-KEM-768 key with invalid usage "sign".',
             "SyntaxError: Attempt to generate asymmetric keys with no valid private key usages.",
             'NotSupportedError: Unrecognized key generation algorithm "ML-KEM-512" requested.',
             'SyntaxError: Attempt to generate Ed25519 key with invalid usage "encapsulateBits".'],
  },
  "every format there and back": {
    async run() {
      const seen = [];
      for (const name of Object.keys(kFamilies)) {
        const { open, secret } = kFamilies[name];
        const { publicKey, privateKey } = await make(name);
        for (const [key, formats, usages] of [[publicKey, ["raw-public", "spki", "jwk"], open], [privateKey, ["raw-seed", "pkcs8", "jwk"], secret]]) {
          for (const format of formats) {
            const out = await S.exportKey(format, key);
            const back = await S.exportKey(format, await S.importKey(format, out, name, true, usages));
            seen.push(format === "jwk" ? JSON.stringify(out) === JSON.stringify(back) : same(out, back) && out.byteLength);
          }
        }
      }
      return seen;
    },
    expect: [1312, 1334, true, 32, 54, true, 1952, 1974, true, 32, 54, true, 2592, 2614, true, 32, 54, true,
             1184, 1206, true, 64, 86, true, 1568, 1590, true, 64, 86, true],
  },
  "the members of a JWK": {
    async run() {
      const { publicKey, privateKey } = await make("ML-DSA-44");
      const shown = (jwk) => Object.entries(jwk).filter(([, value]) => value !== undefined).map(([name, value]) =>
        `${name} ${["pub", "priv"].includes(name) ? value.length : value}`);
      return [shown(await S.exportKey("jwk", publicKey)), shown(await S.exportKey("jwk", privateKey))];
    },
    expect: [["kty AKP", "key_ops verify", "alg ML-DSA-44", "ext true", "pub 1750"],
             ["kty AKP", "key_ops sign", "alg ML-DSA-44", "ext true", "pub 1750", "priv 43"]],
  },
  "exports that are refused": {
    async run() {
      const { publicKey, privateKey } = await make("ML-KEM-768");
      const closed = await fromSeed("ML-KEM-768", false);
      return refusals([["raw", publicKey], ["raw-private", privateKey], ["raw-seed", publicKey], ["raw-public", privateKey], ["spki", privateKey],
                       ["pkcs8", publicKey], ["raw-seed", closed]].map((args) => () => S.exportKey(...args)));
    },
    expect: ['NotSupportedError: Unrecognized export format "raw" for ML-KEM.', 'NotSupportedError: Unrecognized export format "raw-private" for ML-KEM.',
             "InvalidAccessError: raw-seed export requires a private key.", "InvalidAccessError: raw-public export requires a public key.",
             "InvalidAccessError: SPKI export requires a public key.", "InvalidAccessError: PKCS8 export requires a private key.",
             "InvalidAccessError: Attempt to export non-extractable ML-KEM-768 key."],
  },
  "imports that are refused": {
    run: () => refusals([["raw-seed", 32, ["verify"]], ["raw-seed", 32, []], ["raw-seed", 31, ["sign"]], ["raw-public", 1312, ["sign"]], ["raw-public", 1311, []],
                         ["raw", 32, []], ["raw-secret", 32, []], ["spki", 3, []], ["pkcs8", 0, ["sign"]]]
      .map(([format, size, usages]) => () => S.importKey(format, new Uint8Array(size), "ML-DSA-44", true, usages))),
    expect: ['SyntaxError: Attempt to import private ML-DSA-44 key with invalid usage "verify".', "SyntaxError: Secret/private CryptoKeys must have at least one usage.",
             "DataError: Invalid ML-DSA-44 seed length: expected 32 bytes, got 31", 'SyntaxError: Attempt to import public ML-DSA-44 key with invalid usage "sign".',
             "DataError: Invalid ML-DSA-44 public key length: expected 1312 bytes, got 1311", 'NotSupportedError: Unsupported import format "raw" for ML-DSA.',
             'NotSupportedError: Unsupported import format "raw-secret" for ML-DSA.', "DataError: Invalid SPKI structure.", "DataError: Invalid PKCS8 structure."],
  },
  "malformed SPKI": {
    async run() {
      const { publicKey } = await make("ML-DSA-44");
      const open = [...new Uint8Array(await S.exportKey("raw-public", publicKey))];
      const oid = [...new Uint8Array(await S.exportKey("spki", publicKey))].slice(6, 17);
      const bits = DER(3, [0, ...open]);
      const tries = [[...DER(48, oid), ...bits], [...DER(48, oid), ...DER(3, [0, ...open.slice(1)])], [...DER(48, [...oid, 5, 0]), ...bits],
                     [...DER(48, oid), ...DER(3, [1, ...open])], [...DER(48, oid), ...DER(4, open)], [...DER(48, oid), ...bits, 5, 0],
                     [...DER(48, oid), 3, 0], DER(48, oid), [...DER(48, DER(6, [1, 2, 3])), ...bits]];
      return refusals([...tries.map((inner) => DER(48, inner)), [...DER(48, tries[0]), 0]]
        .map((der) => () => S.importKey("spki", new Uint8Array(der), "ML-DSA-44", true, ["verify"])));
    },
    expect: ["nothing thrown", "DataError: Failed to parse ML-DSA-44 public key from SPKI.", "DataError: SPKI AlgorithmIdentifier for ML-DSA-44 must not have parameters.",
             "DataError: Invalid SPKI subjectPublicKey BIT STRING padding.", "DataError: Invalid SPKI subjectPublicKey.", "DataError: Trailing data in SPKI.",
             "DataError: Invalid SPKI subjectPublicKey BIT STRING padding.", "DataError: Invalid SPKI subjectPublicKey.",
             "DataError: SPKI algorithm OID does not match ML-DSA-44.", "DataError: Invalid SPKI structure."],
  },
  "malformed PKCS #8": {
    async run() {
      const { publicKey } = await make("ML-DSA-44");
      const oid = [...new Uint8Array(await S.exportKey("spki", publicKey))].slice(6, 17);
      const seed = [...count(32)];
      const key = (version, algorithm, inner, rest = []) => DER(48, [2, 1, version, ...DER(48, algorithm), ...DER(4, inner), ...rest]);
      return refusals([key(0, oid, DER(128, seed)), key(1, oid, DER(128, seed)), key(0, [...oid, 5, 0], DER(128, seed)), key(0, oid, DER(128, seed.slice(1))),
                       key(0, oid, DER(4, seed)), key(0, oid, DER(48, [...DER(4, seed), ...DER(4, Array(2560).fill(1))])), key(0, oid, seed),
                       key(0, oid, DER(128, seed), DER(0xa0, [])), key(0, DER(6, [1, 2, 3]), DER(128, seed)), DER(48, [])]
        .map((der) => () => S.importKey("pkcs8", new Uint8Array(der), "ML-DSA-44", true, ["sign"])));
    },
    expect: ["nothing thrown", "DataError: Invalid PKCS8 version.", "DataError: PKCS8 AlgorithmIdentifier for ML-DSA-44 must not have parameters.",
             "DataError: Invalid ML-DSA-44 seed length in PKCS8.", "NotSupportedError: Only the seed PKCS8 private key format is supported for ML-DSA-44.",
             "NotSupportedError: Only the seed PKCS8 private key format is supported for ML-DSA-44.",
             "NotSupportedError: Only the seed PKCS8 private key format is supported for ML-DSA-44.", "nothing thrown",
             "DataError: PKCS8 algorithm OID does not match ML-DSA-44.", "DataError: Invalid PKCS8 version."],
  },
  "malformed JWK": {
    async run() {
      const { publicKey, privateKey } = await make("ML-KEM-768");
      const [open, secret] = [await S.exportKey("jwk", publicKey), await S.exportKey("jwk", privateKey)];
      const [p, s] = [["encapsulateBits"], ["decapsulateBits"]];
      return refusals([[{ ...open, kty: "OKP" }, p], [{ ...open, alg: undefined }, p], [{ ...open, alg: "ML-DSA-44" }, p], [{ ...open, use: "sig" }, p], [{ ...open, use: "sig" }, []],
                       [{ ...open, key_ops: [] }, p], [{ ...open, key_ops: [...p, ...p] }, p], [{ ...open, pub: undefined }, p], [{ ...open, pub: "!" }, p],
                       [{ ...open, pub: "AAAA" }, p], [open, s], [secret, p], [{ ...secret, pub: undefined }, s], [{ ...secret, priv: "AAAA" }, s],
                       [{ ...secret, priv: "!", pub: "!" }, s], [{ ...secret, pub: `AAAA${open.pub.slice(4)}` }, s]]
        .map(([jwk, usages]) => () => S.importKey("jwk", jwk, "ML-KEM-768", true, usages)));
    },
    expect: ['DataError: JWK "kty" field must be "AKP" for ML-KEM-768.', 'DataError: JWK "alg" field is required for ML-KEM-768.',
             'DataError: JWK "alg" field "ML-DSA-44" does not match "ML-KEM-768".', 'DataError: JWK "use" field must be "enc" for ML-KEM-768.', "nothing thrown",
             'DataError: "jwk" key missing usage "encapsulateBits", in "key_ops".', 'DataError: JWK contains duplicate value "encapsulateBits", in "key_ops".',
             'DataError: JWK for ML-KEM-768 must have "pub" field.', 'DataError: Invalid base64url in JWK "pub" for ML-KEM-768.',
             'DataError: Invalid JWK "pub" length for ML-KEM-768.', 'SyntaxError: Attempt to import public ML-KEM-768 key with invalid usage "decapsulateBits".',
             'SyntaxError: Attempt to import private ML-KEM-768 key with invalid usage "encapsulateBits".', 'DataError: JWK for ML-KEM-768 private keys must have "pub".',
             'DataError: Invalid JWK "priv" length for ML-KEM-768.', 'DataError: Invalid base64url in JWK "priv" for ML-KEM-768.',
             'DataError: JWK "pub" does not match the public key derived from "priv".'],
  },
  "sign and verify": {
    async run() {
      const seen = [];
      for (const name of ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"]) {
        const { publicKey, privateKey } = await make(name);
        const made = await S.sign(name, privateKey, utf8("data"));
        seen.push(made.byteLength, await S.verify(name, publicKey, made, utf8("data")), await S.verify(name, publicKey, made, utf8("date")),
                  await S.verify(name, publicKey, made.slice(1), utf8("data")), await S.verify({ name, context: new ArrayBuffer(0) }, publicKey, made, utf8("data")));
      }
      return seen;
    },
    expect: [2420, true, false, false, true, 3309, true, false, false, true, 4627, true, false, false, true],
  },
  "contexts and keys that are refused": {
    async run() {
      const { publicKey, privateKey } = await make("ML-DSA-44");
      return refusals([() => S.sign({ name: "ML-DSA-44", context: new Uint8Array(256) }, privateKey, count(3)), () => S.sign({ name: "ML-DSA-44", context: 5 }, privateKey, count(3)),
                       () => S.sign("ML-DSA-44", publicKey, count(3)), () => S.verify("ML-DSA-65", publicKey, count(3), count(3))]);
    },
    expect: ["OperationError: ML-DSA context must be at most 255 bytes.", "TypeError: ML-DSA context must be a buffer source.",
             'InvalidAccessError: Requested key usage "sign" does not match any usage listed in this CryptoKey.',
             'InvalidAccessError: Requested algorithm "ML-DSA-65" does not match this CryptoKey\'s algorithm "ML-DSA-44".'],
  },
  "encapsulate and decapsulate": {
    async run() {
      const seen = [];
      for (const name of ["ML-KEM-768", "ML-KEM-1024"]) {
        const { publicKey, privateKey } = await S.generateKey(name, false, ["encapsulateKey", "decapsulateKey", "encapsulateBits", "decapsulateBits"]);
        const bits = await S.encapsulateBits(name, publicKey);
        const key = await S.encapsulateKey(name, publicKey, "AES-GCM", true, ["encrypt"]);
        const other = await S.decapsulateKey(name, privateKey, key.ciphertext, "AES-GCM", true, ["decrypt"]);
        seen.push(Object.keys(bits), bits.sharedKey.byteLength, bits.ciphertext.byteLength, same(bits.sharedKey, await S.decapsulateBits(name, privateKey, bits.ciphertext)),
                  describe(key.sharedKey), same(await S.exportKey("raw", key.sharedKey), await S.exportKey("raw-secret", other)));
      }
      return seen;
    },
    expect: [["sharedKey", "ciphertext"], 32, 1088, true, "secret AES-GCM true [encrypt]", true, ["sharedKey", "ciphertext"], 32, 1568, true, "secret AES-GCM true [encrypt]", true],
  },
  "what a shared key can be": {
    async run() {
      const { publicKey } = await S.generateKey("ML-KEM-768", true, ["encapsulateKey", "decapsulateKey"]);
      return refusals([[{ name: "HMAC", hash: "SHA-256" }, false, ["sign"]], ["HKDF", false, ["deriveBits"]], ["HKDF", true, ["deriveBits"]], ["ChaCha20-Poly1305", true, ["encrypt"]],
                       ["Ed25519", true, ["sign"]], ["AES-GCM", true, []], ["nothing", true, []]].map((args) => () => S.encapsulateKey("ML-KEM-768", publicKey, ...args)));
    },
    expect: ["nothing thrown", "nothing thrown", "SyntaxError: HKDF key cannot be extractable.", "nothing thrown",
             'NotSupportedError: Unrecognized key import format "raw-secret".', "SyntaxError: Secret/private CryptoKeys must have at least one usage.",
             'NotSupportedError: Unrecognized key import algorithm "nothing" requested.'],
  },
  "ciphertexts and arguments that are refused": {
    async run() {
      const { publicKey, privateKey } = await make("ML-KEM-768");
      return refusals([() => S.decapsulateBits("ML-KEM-768", privateKey, count(5)), () => S.decapsulateBits("ML-KEM-768", publicKey, count(5)), () => S.decapsulateBits("ML-KEM-768", privateKey),
                       () => S.encapsulateBits(), () => S.encapsulateBits("ML-KEM-768"), () => S.encapsulateKey("ML-KEM-768", publicKey), () => S.encapsulateKey("ML-KEM-768", publicKey, "AES-GCM"),
                       () => S.decapsulateKey("ML-KEM-768", privateKey, count(1), "AES-GCM", true)]);
    },
    expect: ["OperationError: Invalid ciphertext length for ML-KEM-768: expected 1088 bytes, got 5",
             'InvalidAccessError: Requested key usage "decapsulateBits" does not match any usage listed in this CryptoKey.',
             "TypeError: Failed to execute 'decapsulateBits' on 'SubtleCrypto': parameter 3 is not of type 'Array'.",
             "TypeError: Failed to execute 'encapsulateBits' on 'SubtleCrypto': parameter 1 is not of type 'string or ImportKeyAlgorithm'.",
             "TypeError: Failed to execute 'encapsulateBits' on 'SubtleCrypto': parameter 2 is not of type 'CryptoKey'.",
             "TypeError: Failed to execute 'encapsulateKey' on 'SubtleCrypto': parameter 3 is not of type 'string or ImportKeyAlgorithm'.",
             "TypeError: Failed to execute 'encapsulateKey' on 'SubtleCrypto': parameter 4 is not of type 'boolean'.",
             "TypeError: Failed to execute 'decapsulateKey' on 'SubtleCrypto': parameter 6 is not of type 'Array'."],
  },
  "a wrong ciphertext gives another key": {
    async run() {
      const { publicKey, privateKey } = await make("ML-KEM-768");
      const sealed = await S.encapsulateBits("ML-KEM-768", publicKey);
      new Uint8Array(sealed.ciphertext)[7] ^= 1;
      const given = await S.decapsulateBits("ML-KEM-768", privateKey, sealed.ciphertext);
      return [given.byteLength, same(given, sealed.sharedKey)];
    },
    expect: [32, false],
  },
  "wrapped": {
    async run() {
      const wrapping = await S.generateKey({ name: "AES-GCM", length: 128 }, false, ["wrapKey", "unwrapKey"]);
      const parameters = { name: "AES-GCM", iv: count(12) };
      const { privateKey } = await make("ML-DSA-44");
      const seen = [];
      for (const format of ["raw-seed", "pkcs8", "jwk"]) {
        const wrapped = await S.wrapKey(format, privateKey, wrapping, parameters);
        seen.push(describe(await S.unwrapKey(format, wrapped, wrapping, parameters, "ML-DSA-44", true, ["sign"])));
      }
      return seen;
    },
    expect: Array(3).fill("private ML-DSA-44 true [sign]"),
  },
  "getPublicKey": {
    async run() {
      const seen = [];
      for (const [algorithm, usages, open] of [
        ["Ed25519", ["sign"], ["verify"]], ["X25519", ["deriveBits"], []], [{ name: "ECDSA", namedCurve: "P-256" }, ["sign"], ["verify"]],
        [{ name: "RSA-OAEP", hash: "SHA-256", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]) }, ["decrypt"], ["encrypt"]], ["ML-DSA-44", ["sign"], ["verify"]],
      ]) {
        const { publicKey, privateKey } = await S.generateKey(algorithm, false, usages);
        const made = await S.getPublicKey(privateKey, open);
        seen.push(describe(made), same(await S.exportKey("spki", made), await S.exportKey("spki", publicKey)));
      }
      return seen;
    },
    expect: ["public Ed25519 true [verify]", true, "public X25519 true []", true, "public ECDSA true [verify]", true, "public RSA-OAEP true [encrypt]", true,
             "public ML-DSA-44 true [verify]", true],
  },
  "getPublicKey, refused": {
    async run() {
      const { publicKey, privateKey } = await S.generateKey("Ed25519", false, ["sign", "verify"]);
      const secret = await S.generateKey({ name: "AES-GCM", length: 128 }, false, ["encrypt"]);
      return refusals([[privateKey, ["sign"]], [publicKey, []], [secret, []], [privateKey], [{}, []], []].map((args) => () => S.getPublicKey(...args)));
    },
    expect: ['SyntaxError: Attempt to import public Ed25519 key with invalid usage "sign".', "InvalidAccessError: The getPublicKey operation requires a private key.",
             "NotSupportedError: The getPublicKey operation is not supported for symmetric keys.",
             "TypeError: Failed to execute 'getPublicKey' on 'SubtleCrypto': parameter 2 is not of type 'Array'.",
             "TypeError: Failed to execute 'getPublicKey' on 'SubtleCrypto': parameter 1 is not of type 'CryptoKey'.",
             "TypeError: Failed to execute 'getPublicKey' on 'SubtleCrypto': parameter 1 is not of type 'CryptoKey'."],
  },
  "raw-secret and raw-public are what raw is": {
    async run() {
      const seen = [];
      for (const [name, usages] of [["AES-GCM", ["encrypt"]], ["AES-KW", ["wrapKey"]], [{ name: "HMAC", hash: "SHA-256" }, ["sign"]]]) {
        const key = await S.importKey("raw-secret", count(32), name, true, usages);
        seen.push(describe(key), same(await S.exportKey("raw-secret", key), count(32)));
      }
      seen.push(describe(await S.importKey("raw-secret", count(32), "HKDF", false, ["deriveBits"])), describe(await S.importKey("raw-public", count(32), "X25519", true, [])));
      const { publicKey, privateKey } = await S.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits"]);
      seen.push((await S.exportKey("raw-public", publicKey)).byteLength, await thrown(() => S.exportKey("raw-public", privateKey)), await thrown(() => S.exportKey("raw-secret", publicKey)));
      return seen;
    },
    expect: ["secret AES-GCM true [encrypt]", true, "secret AES-KW true [wrapKey]", true, "secret HMAC true [sign]", true, "secret HKDF false [deriveBits]", "public X25519 true []",
             65, "InvalidAccessError: Raw export of elliptic curve keys is only allowed for public keys.", 'InvalidAccessError: Cannot export "ECDH" in "raw-secret" format.'],
  },
};

// Which of the algorithms each operation takes by name alone.
const kNames = ["AES-CBC", "aes-gcm", "AES-KW", "HMAC", "HKDF", "PBKDF2", "RSASSA-PKCS1-v1_5", "RSA-PSS", "RSA-OAEP", "ECDSA", "ECDH", "Ed25519", "X25519", "NODE-ED25519",
                "SHA-1", "sha-512", "MD5", "SHA3-256", "ML-DSA-44", "ML-KEM-768", "ML-KEM-512", "ChaCha20-Poly1305", "AES-OCB", "nothing"];
const kByName = {
  encrypt: "RSA-OAEP", decrypt: "RSA-OAEP", sign: "HMAC,RSASSA-PKCS1-v1_5,Ed25519,NODE-ED25519,ML-DSA-44", verify: "HMAC,RSASSA-PKCS1-v1_5,Ed25519,NODE-ED25519,ML-DSA-44",
  digest: "SHA-1,sha-512,MD5,SHA3-256", generateKey: "Ed25519,X25519,ML-DSA-44,ML-KEM-768,ChaCha20-Poly1305", deriveKey: "", deriveBits: "",
  importKey: "AES-CBC,aes-gcm,AES-KW,HKDF,PBKDF2,Ed25519,X25519,ML-DSA-44,ML-KEM-768,ChaCha20-Poly1305",
  exportKey: "AES-CBC,aes-gcm,AES-KW,HMAC,RSASSA-PKCS1-v1_5,RSA-PSS,RSA-OAEP,ECDSA,ECDH,Ed25519,X25519,NODE-ED25519,ML-DSA-44,ML-KEM-768,ChaCha20-Poly1305",
  wrapKey: "AES-KW,RSA-OAEP", unwrapKey: "AES-KW,RSA-OAEP", getPublicKey: "RSASSA-PKCS1-v1_5,RSA-PSS,RSA-OAEP,ECDSA,ECDH,Ed25519,X25519,ML-DSA-44,ML-KEM-768",
  encapsulateKey: "ML-KEM-768", encapsulateBits: "ML-KEM-768", decapsulateKey: "ML-KEM-768", decapsulateBits: "ML-KEM-768", nothing: "", Sign: "",
};
for (const [operation, expect] of Object.entries(kByName)) {
  cases[`supports: ${operation}`] = { run: () => kNames.filter((name) => SubtleCrypto.supports(operation, name)).join(), expect };
}
const H = { name: "HKDF", hash: "SHA-256", salt: count(0), info: count(0) };
const P = { name: "PBKDF2", hash: "SHA-256", salt: count(0), iterations: 1 };
const kParameters = [
  ["encrypt", { name: "AES-GCM", iv: count(12) }, true], ["encrypt", { name: "AES-GCM", iv: count(0) }, false], ["encrypt", { name: "AES-GCM", iv: count(1), tagLength: 5 }, false],
  ["encrypt", { name: "AES-CBC", iv: count(16) }, true], ["encrypt", { name: "AES-CBC", iv: count(5) }, false], ["encrypt", { name: "AES-CTR", counter: count(16), length: 64 }, true],
  ["encrypt", { name: "AES-CTR", counter: count(16), length: 129 }, false], ["encrypt", { name: "ChaCha20-Poly1305", iv: count(12) }, true], ["encrypt", { name: "RSA-OAEP", label: 5 }, false],
  ["sign", { name: "ECDSA", hash: "SHA-256" }, true], ["sign", { name: "ECDSA", hash: "SHA-9" }, false], ["sign", { name: "RSA-PSS", saltLength: 32 }, true],
  ["sign", { name: "ML-DSA-44", context: count(255) }, true], ["sign", { name: "ML-DSA-44", context: new Uint8Array(256) }, false], ["sign", {}, false], ["sign", 5, false],
  ["generateKey", { name: "AES-KW", length: 192 }, true], ["generateKey", { name: "AES-KW", length: 129 }, false], ["generateKey", { name: "ECDH", namedCurve: "P-521" }, true],
  ["generateKey", { name: "HMAC", hash: "SHA-256", length: 0 }, false], ["generateKey", { name: "RSA-PSS", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" }, true],
  ["generateKey", { name: "RSA-PSS", modulusLength: 2048, publicExponent: new Uint8Array([2]), hash: "SHA-256" }, false],
  ["importKey", { name: "ECDSA", namedCurve: "P-256" }, true], ["importKey", { name: "ECDSA", namedCurve: "P-999" }, false], ["importKey", { name: "RSA-OAEP", hash: "SHA-1" }, true],
  ["importKey", { name: "HMAC", hash: "no" }, false], ["deriveBits", H, true, 256], ["deriveBits", H, false, 5], ["deriveBits", H, false, null], ["deriveBits", H, false, "8"],
  ["deriveBits", P, true, 256], ["deriveBits", { ...P, iterations: 0 }, false, 256], ["deriveBits", "X25519", false, 256], ["deriveKey", H, true, { name: "AES-GCM", length: 128 }],
  ["deriveKey", H, false, "AES-GCM"], ["deriveKey", H, true, { name: "HMAC", hash: "SHA-256" }], ["deriveKey", H, false, "HKDF"], ["deriveKey", H, false, 128],
  ["encapsulateKey", "ML-KEM-768", true, "AES-GCM"], ["encapsulateKey", "ML-KEM-768", false, "Ed25519"], ["encapsulateKey", "ML-KEM-768", false, "HMAC"],
  ["encapsulateKey", "ML-KEM-768", true, { name: "HMAC", hash: "SHA-256", length: 255 }], ["encapsulateKey", "ML-KEM-768", false, { name: "HMAC", hash: "SHA-256", length: 512 }],
  ["wrapKey", "AES-KW", true, "AES-GCM"], ["wrapKey", "AES-KW", false, "nothing"], ["wrapKey", "AES-KW", true, "HMAC"], ["unwrapKey", "AES-KW", false, "HMAC"],
];
cases["supports: parameters"] = { run: () => kParameters.map(([operation, algorithm, , third]) => SubtleCrypto.supports(operation, algorithm, third)), expect: kParameters.map(([, , expect]) => expect) };
cases["supports: keys to agree with"] = {
  async run() {
    const x = await S.generateKey("X25519", false, ["deriveBits"]);
    const e = await S.generateKey({ name: "ECDH", namedCurve: "P-256" }, false, ["deriveBits"]);
    return [["X25519", x.publicKey, 256], ["X25519", x.publicKey, 512], ["X25519", x.publicKey, null], ["X25519", x.privateKey, 256], ["X25519", e.publicKey, 256],
            ["ECDH", e.publicKey, 256], ["ECDH", e.publicKey, 257]].map(([name, key, bits]) => SubtleCrypto.supports("deriveBits", { name, public: key }, bits));
  },
  expect: [true, false, true, false, false, true, false],
};
cases["supports: arguments"] = {
  run: () => refusals([() => SubtleCrypto.supports(), () => SubtleCrypto.supports("sign"), () => SubtleCrypto.supports("deriveBits", H, -8)]),
  expect: ["TypeError: Failed to execute 'supports' on 'SubtleCrypto': parameter 1 is not of type 'string'.", "TypeError: Failed to execute 'supports' on 'SubtleCrypto': parameter 2 is not of type 'Value'.",
           "TypeError: length must be an unsigned long integer."],
};

export default worker(cases);

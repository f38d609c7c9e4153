// WebCrypto with key pairs: RSA, elliptic curves, Curve25519; and DigestStream. Shapes of results and texts of errors.
import { worker } from "./lib.mjs";
import { kEd25519, kP256, kP256Peer, kP384, kRsa, kX25519, kX25519Peer, publicHalf } from "./modules/crypto_keys.mjs";
import { len, once, S, table, u } from "./modules/rows.mjs";

const DS = crypto.DigestStream;
const jwk = { ...kRsa, alg: "RS256", key_ops: ["sign"], ext: true };
const pj = { ...publicHalf(kRsa), alg: "RS256", key_ops: ["verify"], ext: true };
const ej = { ...kP256, key_ops: ["sign"], ext: true };
const epj = { ...publicHalf(kP256), key_ops: ["verify"], ext: true };
const edj = { ...kEd25519, alg: "EdDSA", key_ops: ["sign"], ext: true };
const edp = { ...publicHalf(kEd25519), alg: "EdDSA", key_ops: ["verify"], ext: true };

async function pair(jwk, algorithm, forPublic, forPrivate) {
  return {
    publicKey: await S.importKey("jwk", publicHalf(jwk), algorithm, true, forPublic),
    privateKey: await S.importKey("jwk", jwk, algorithm, true, forPrivate),
  };
}

const keys = once(async () => {
  const r = await pair(kRsa, { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, ["verify"], ["sign"]);
  const pss = await pair(kRsa, { name: "RSA-PSS", hash: "SHA-512" }, ["verify"], ["sign"]);
  const oaep = await pair(kRsa, { name: "RSA-OAEP", hash: "SHA-1" }, ["encrypt", "wrapKey"], ["decrypt", "unwrapKey"]);
  const e = await pair(kP256, { name: "ECDSA", namedCurve: "P-256" }, ["verify"], ["sign"]);
  const ecdh = (jwk) => pair(jwk, { name: "ECDH", namedCurve: jwk.crv }, [], ["deriveBits", "deriveKey"]);
  const x25519 = (jwk) => pair(jwk, "X25519", [], ["deriveBits", "deriveKey"]);
  return {
    r, e, pss: pss.privateKey, pssp: pss.publicKey, oa: oaep.privateKey, oap: oaep.publicKey,
    spki: await S.exportKey("spki", r.publicKey), pkcs8: await S.exportKey("pkcs8", r.privateKey),
    es: await S.exportKey("spki", e.publicKey), er: await S.exportKey("raw", e.publicKey),
    d: await ecdh(kP256), d2: await ecdh(kP256Peer), d3: await ecdh(kP384), x: await x25519(kX25519), x2: await x25519(kX25519Peer),
    ed: await pair(kEd25519, "Ed25519", ["verify"], ["sign"]),
  };
});

const I = async (jwk, name = "RSASSA-PKCS1-v1_5", usages = ["sign"]) => {
  const key = await S.importKey("jwk", jwk, { name, hash: "SHA-256" }, true, usages);
  return [key.type, key.algorithm.modulusLength, key.usages];
};
const E = async (jwk, name = "ECDSA", usages = ["sign"], namedCurve = "P-256") => {
  const key = await S.importKey("jwk", jwk, { name, namedCurve }, true, usages);
  return [key.type, key.algorithm, key.usages];
};
const F = async (jwk, name = "Ed25519", usages = ["sign"]) => {
  const key = await S.importKey("jwk", jwk, { name, namedCurve: name }, true, usages);
  return [key.type, key.algorithm, key.usages];
};
const D = (made, peer, key = made.d.privateKey, bits = 256, name = "ECDH") => len(S.deriveBits({ name, public: peer }, key, bits));

const cases = table(keys, {
  "RSA: sign public key": [($) => S.sign("RSASSA-PKCS1-v1_5", $.r.publicKey, u(1)), "DOMException InvalidAccessError: Requested key usage \"sign\" does not match any usage listed in this CryptoKey."],
  "RSA: export spki private": [($) => S.exportKey("spki", $.r.privateKey), "DOMException InvalidAccessError: Asymmetric spki export requires public key (not \"private\")."],
  "RSA: export pkcs8 public": [($) => S.exportKey("pkcs8", $.r.publicKey), "DOMException InvalidAccessError: Asymmetric pkcs8 export requires private key (not \"public\")."],
  "RSA: export raw": [($) => S.exportKey("raw", $.r.publicKey), "DOMException InvalidAccessError: Cannot export \"RSASSA-PKCS1-v1_5\" in \"raw\" format."],
  "RSA: export bad": [($) => S.exportKey("zip", $.r.publicKey), "DOMException InvalidAccessError: Cannot export \"RSASSA-PKCS1-v1_5\" in \"zip\" format."],
  "RSA: export undefined": [($) => S.exportKey(undefined, $.r.publicKey), "DOMException InvalidAccessError: Cannot export \"RSASSA-PKCS1-v1_5\" in \"undefined\" format."],
  "RSA: verify short": [($) => S.verify("RSASSA-PKCS1-v1_5", $.r.publicKey, u(5), u(1)), false],
  "RSA: verify 256": [($) => S.verify("RSASSA-PKCS1-v1_5", $.r.publicKey, u(256), u(1)), false],
  "RSA: verify 256 ff": [($) => S.verify("RSASSA-PKCS1-v1_5", $.r.publicKey, u(256, 255), u(1)), false],
  "RSA: verify 257": [($) => S.verify("RSASSA-PKCS1-v1_5", $.r.publicKey, u(257, 1), u(1)), false],
  "RSA-PSS: without a salt": [($) => S.sign("RSA-PSS", $.pss, u(1)), "DOMException DataError: Failed to provide salt for RSA-PSS key operation which requires a salt"],
  "RSA-PSS: negative": [($) => S.sign({ name: "RSA-PSS", saltLength:-1 }, $.pss, u(1)), "DOMException DataError: SaltLength for RSA-PSS must be non-negative (provided -1)."],
  "RSA-PSS: big": [($) => S.sign({ name: "RSA-PSS", saltLength: 500 }, $.pss, u(1)), "DOMException OperationError: key too small for signing with given digest and salt length"],
  "RSA-PSS: works": [async ($) => S.verify({ name: "RSA-PSS", saltLength: 32 }, $.pssp, await S.sign({ name: "RSA-PSS", saltLength: 32 }, $.pss, u(1)), u(1)), true],
  "RSA-PSS: with another salt length": [async ($) => S.verify({ name: "RSA-PSS", saltLength: 33 }, $.pssp, await S.sign({ name: "RSA-PSS", saltLength: 32 }, $.pss, u(1)), u(1)), false],
  "RSA-PSS: verify without a salt": [async ($) => S.verify({ name: "RSA-PSS" }, $.pssp, u(256), u(1)), "TypeError: Failed to provide salt for RSA-PSS key operation which requires a salt"],
  "RSA-PSS: verify short": [async ($) => S.verify({ name: "RSA-PSS", saltLength: 32 }, $.pssp, u(2), u(1)), false],
  "RSA-PSS: verify big salt": [async ($) => S.verify({ name: "RSA-PSS", saltLength: 3200 }, $.pssp, u(256), u(1)), false],
  "RSA-PSS: export JWK with alg": [async ($) => (await S.exportKey("jwk", $.pss)).alg, "PS512"],
  "RSA-OAEP: works": [async ($) => [...new Uint8Array(await S.decrypt("RSA-OAEP", $.oa, await S.encrypt("RSA-OAEP", $.oap, u(3, 7))))], [7, 7, 7]],
  "RSA-OAEP: label": [async ($) => [...new Uint8Array(await S.decrypt({ name: "RSA-OAEP", label: u(2) }, $.oa, await S.encrypt({ name: "RSA-OAEP", label: u(2) }, $.oap, u(3, 7))))], [7, 7, 7]],
  "RSA-OAEP: label bad": [async ($) => S.decrypt({ name: "RSA-OAEP", label: u(2) }, $.oa, await S.encrypt({ name: "RSA-OAEP", label: u(3) }, $.oap, u(3, 7))), "DOMException OperationError: RSA-OAEP failed encrypt/decrypt."],
  "RSA-OAEP: label text": [async ($) => S.encrypt({ name: "RSA-OAEP", label: "x" }, $.oap, u(3, 7)), "TypeError: Incorrect type for the 'label' field on 'EncryptAlgorithm': the provided value is not of type 'BufferSource'."],
  "RSA-OAEP: too long": [async ($) => S.encrypt("RSA-OAEP", $.oap, u(215)), "DOMException OperationError: RSA-OAEP failed encrypt/decrypt."],
  "RSA-OAEP: empty": [async ($) => len(S.decrypt("RSA-OAEP", $.oa, await S.encrypt("RSA-OAEP", $.oap, u(0)))), 0],
  "RSA-OAEP: decrypt garbage": [async ($) => S.decrypt("RSA-OAEP", $.oa, u(256)), "DOMException OperationError: RSA-OAEP failed encrypt/decrypt."],
  "RSA-OAEP: decrypt short": [async ($) => S.decrypt("RSA-OAEP", $.oa, u(10)), "DOMException OperationError: RSA-OAEP failed encrypt/decrypt: Invalid RSA signature.."],
  "RSA-OAEP: JWK with alg": [async ($) => [(await S.exportKey("jwk", $.oa)).alg, (await S.exportKey("jwk", $.oap)).key_ops], ["RSA-OAEP", ["encrypt", "wrapKey"]]],
  "RSA-OAEP: wrap": [async ($) => { const k = await S.generateKey({ name: "AES-GCM", length: 128 }, true, ["encrypt"]); const w = await S.wrapKey("raw", k, $.oap, "RSA-OAEP"); const k2 = await S.unwrapKey("raw", w, $.oa, "RSA-OAEP", "AES-GCM", false, ["encrypt"]); return [w.byteLength, k2.algorithm]; }, [256, { name: "AES-GCM", length: 128 }]],
  "RSA JWK: works": [() => I(jwk), ["private", 2048, ["sign"]]],
  "RSA JWK: public key": [() => I(pj, undefined, ["verify"]), ["public", 2048, ["verify"]]],
  "RSA JWK: public key sign": [() => I(pj, undefined, ["sign"]), "DOMException SyntaxError: Attempt to import public RSASSA-PKCS1-v1_5 key with invalid usage \"sign\"."],
  "RSA JWK: public key usage none": [() => I(pj, undefined, []), ["public", 2048, []]],
  "RSA JWK: private key usage none": [() => I(jwk, undefined, []), "DOMException SyntaxError: Secret/private CryptoKeys must have at least one usage."],
  "RSA JWK: with kty": [() => I({ ...jwk, kty: "EC" }), "DOMException DataError: RSASSA-PKCS1-v1_5 \"jwk\" key import requires a JSON Web Key with Key Type parameter \"kty\" (\"EC\") equal to \"RSA\"."],
  "RSA JWK: with alg mismatch": [() => I({ ...jwk, alg: "RS512" }), "DOMException DataError: JSON Web Key Algorithm parameter \"alg\" (\"RS512\") does not match requested hash algorithm \"RS512\"."],
  "RSA JWK: without n": [() => I({ ...jwk, n: undefined }), "DOMException DataError: Invalid RSA key in JSON Web Key; missing or invalid Modulus parameter (\"n\")."],
  "RSA JWK: bad n": [() => I({ ...jwk, n: "!!" }), "DOMException DataError: Invalid RSA key in JSON Web Key; missing or invalid Modulus parameter (\"n\")."],
  "RSA JWK: without e": [() => I({ ...jwk, e: undefined }), "DOMException DataError: Invalid RSA key in JSON Web Key; missing or invalid Exponent parameter (\"e\")."],
  "RSA JWK: without p": [() => I({ ...jwk, p: undefined }), "DOMException DataError: Invalid RSA private key in JSON Web Key; if one Prime Factor or CRT Exponent/Coefficient parameter is present, then they must all be present (\"p\", \"q\", \"dp\", \"dq\", \"qi\")."],
  "RSA JWK: only d": [() => I({ kty: "RSA", n: jwk.n, e: jwk.e, d: jwk.d }), ["private", 2048, ["sign"]]],
  "RSA JWK: only d sign": [async () => { const k = await S.importKey("jwk", { kty: "RSA", n: jwk.n, e: jwk.e, d: jwk.d }, { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, true, ["sign"]); const s = await S.sign("RSASSA-PKCS1-v1_5", k, u(1)); return [s.byteLength]; }, [256]],
  "RSA JWK: bad p": [() => I({ ...jwk, p: jwk.q, q: jwk.q }), ["private", 2048, ["sign"]]],
  "RSA JWK: oth": [() => I({ ...jwk, oth: [{ r: "a", d: "b", t: "c" }] }), "DOMException NotSupportedError: Multi-prime private keys not supported."],
  "RSA JWK: with use": [() => I({ ...jwk, use: "enc" }), "DOMException DataError: Asymmetric \"jwk\" key import with usages requires a JSON Web Key with Public Key Use parameter \"use\" (\"enc\") equal to \"sig\"."],
  "RSA JWK: with use without usages": [() => I({ ...pj, use: "enc", key_ops: undefined }, undefined, []), ["public", 2048, []]],
  "RSA JWK: with key_ops twice": [() => I({ ...jwk, key_ops: ["sign", "sign"] }), "DOMException DataError: A JSON Web Key's Key Operations parameter (\"key_ops\") must not contain duplicates."],
  "RSA JWK: with key_ops missing": [() => I({ ...jwk, key_ops: ["verify"] }), "DOMException DataError: All specified key usages must be present in the JSON Web Key's Key Operations parameter (\"key_ops\")."],
  "RSA JWK: with key_ops with use inconsistent": [() => I({ ...jwk, use: "sig", key_ops: ["sign", "encrypt"] }), "DOMException DataError: A JSON Web Key should have either a Public Key Use parameter (\"use\") or a Key Operations parameter (\"key_ops\"); otherwise, the parameters must be consistent with each other. A Public Key Use for RSASSA-PKCS1-v1_5 would allow a Key Operations array with only \"sign\" and/or \"verify\" values (not \"encrypt\")."],
  "RSA JWK: with ext": [() => I({ ...jwk, ext: false }), "DOMException DataError: JWK ext field for \"RSASSA-PKCS1-v1_5\" is set to false but extractable is true"],
  "RSA JWK: key_ops not array": [() => I({ ...jwk, key_ops: "sign" }), "TypeError: Incorrect type for the 'key_ops' field on 'JsonWebKey': the provided value is not of type 'Array'."],
  "RSA JWK: n number": [() => I({ ...jwk, n: 5 }), "DOMException DataError: Invalid RSA key in JSON Web Key; missing or invalid Modulus parameter (\"n\")."],
  ...Object.fromEntries(["P-256", "P-384", "P-521"].map((namedCurve) => [`ECDSA: ${namedCurve} in DER and back`, [async () => {
    const [algorithm, how] = [{ name: "ECDSA", namedCurve }, { name: "ECDSA", hash: "SHA-256" }];
    const pair = await S.generateKey(algorithm, true, ["sign", "verify"]);
    const [pkcs8, spki] = [await S.exportKey("pkcs8", pair.privateKey), await S.exportKey("spki", pair.publicKey)];
    const mine = await S.importKey("pkcs8", pkcs8, algorithm, true, ["sign"]);
    const other = await S.importKey("spki", spki, algorithm, true, ["verify"]);
    const same = async (format, key, bytes) => String(new Uint8Array(await S.exportKey(format, key))) === String(new Uint8Array(bytes));
    return [await S.verify(how, other, await S.sign(how, mine, u(5)), u(5)), await same("pkcs8", mine, pkcs8), await same("spki", other, spki)];
  }, [true, true, true]]])),
  "ECDSA: a point off the curve in DER": [async () => {
    const { publicKey } = await S.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    const spki = new Uint8Array(await S.exportKey("spki", publicKey));
    spki[90] ^= 1;
    await S.importKey("spki", spki, { name: "ECDSA", namedCurve: "P-256" }, true, ["verify"]);
  }, "DOMException DataError: Invalid SPKI input."],
  "ECDSA: another's public key in DER": [async () => {
    const { privateKey } = await S.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    const other = await S.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    const pkcs8 = new Uint8Array(await S.exportKey("pkcs8", privateKey));
    pkcs8.set(new Uint8Array(await S.exportKey("pkcs8", other.privateKey)).slice(73), 73);
    await S.importKey("pkcs8", pkcs8, { name: "ECDSA", namedCurve: "P-256" }, true, ["sign"]);
  }, "DOMException DataError: Invalid PKCS8 input."],
  "ECDSA: a scalar of zero in DER": [async () => {
    const { privateKey } = await S.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    const pkcs8 = new Uint8Array(await S.exportKey("pkcs8", privateKey));
    pkcs8.fill(0, 36, 68);
    await S.importKey("pkcs8", pkcs8, { name: "ECDSA", namedCurve: "P-256" }, true, ["sign"]);
  }, "DOMException DataError: Invalid PKCS8 input."],
  "ECDSA: a scalar over the order in DER": [async () => {
    const { privateKey } = await S.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    const pkcs8 = new Uint8Array(await S.exportKey("pkcs8", privateKey));
    pkcs8.fill(255, 36, 68);
    await S.importKey("pkcs8", pkcs8, { name: "ECDSA", namedCurve: "P-256" }, true, ["sign"]);
  }, "DOMException DataError: Invalid PKCS8 input."],
  ...Object.fromEntries(Object.entries({
    "as it is": [(der) => der, ["public", 2048, [1, 0, 1]]],
    "another object identifier": [(der) => der.with(14, 3), "DOMException DataError: Invalid SPKI input."],
    "no parameters": [(der) => [48, 130, 1, 32, 48, 11, ...der.slice(6, 17), ...der.slice(19)], "DOMException DataError: Invalid SPKI input."],
    "parameters that are not null": [(der) => der.with(17, 4), "DOMException DataError: Invalid SPKI input."],
    "bits unused": [(der) => der.with(23, 1), "DOMException DataError: Invalid SPKI input."],
    "a negative modulus": [(der) => [48, 130, 1, 33, ...der.slice(4, 19), 3, 130, 1, 14, 0, 48, 130, 1, 9, 2, 130, 1, 0, ...der.slice(33)], "DOMException DataError: Invalid SPKI input."],
    "zeros in front of the modulus": [(der) => [48, 130, 1, 35, ...der.slice(4, 19), 3, 130, 1, 16, 0, 48, 130, 1, 11, 2, 130, 1, 2, 0, ...der.slice(32)], "DOMException DataError: Invalid SPKI input."],
    "an even modulus": [(der) => der.with(288, der[288] & 254), "DOMException DataError: Invalid SPKI input."],
    "an even exponent": [(der) => der.with(293, 0), "DOMException DataError: Invalid SPKI input."],
    "another exponent": [(der) => der.with(293, 3), "DOMException OperationError: Imported RSA key has invalid publicExponent 65539."],
    "a length that is too long": [(der) => [48, 131, 0, ...der.slice(2)], "DOMException DataError: Invalid SPKI input."],
    "a byte behind the exponent": [(der) => [48, 130, 1, 35, ...der.slice(4, 19), 3, 130, 1, 16, 0, 48, 130, 1, 11, ...der.slice(28), 0], "DOMException DataError: Invalid SPKI input."],
    "a byte less": [(der) => der.slice(0, -1), "DOMException DataError: Invalid SPKI input."],
    "a byte more": [(der) => [...der, 0], "DOMException DataError: Invalid 1 trailing bytes after SPKI input."],
  }).map(([name, [change, expected]]) => [`RSA: SPKI with ${name}`, [async ($) => {
    const key = await S.importKey("spki", new Uint8Array(change([...new Uint8Array($.spki)])), { name: "RSA-PSS", hash: "SHA-256" }, true, ["verify"]);
    return [key.type, key.algorithm.modulusLength, [...key.algorithm.publicExponent]];
  }, expected]])),
  "SPKI: garbage": [() => S.importKey("spki", u(20), { name: "RSA-PSS", hash: "SHA-512" }, true, ["verify"]), "DOMException DataError: Invalid SPKI input."],
  "SPKI: trailing": [($) => S.importKey("spki", new Uint8Array([...new Uint8Array($.spki), 1, 2]), { name: "RSA-PSS", hash: "SHA-512" }, true, ["verify"]), "DOMException DataError: Invalid 2 trailing bytes after SPKI input."],
  "PKCS #8: garbage": [() => S.importKey("pkcs8", u(20), { name: "RSA-PSS", hash: "SHA-512" }, true, ["sign"]), "DOMException DataError: Invalid PKCS8 input."],
  "PKCS #8: trailing": [($) => S.importKey("pkcs8", new Uint8Array([...new Uint8Array($.pkcs8), 1, 2]), { name: "RSA-PSS", hash: "SHA-512" }, true, ["sign"]), "DOMException DataError: Invalid 2 trailing bytes after PKCS8 input."],
  "SPKI: sign usage": [($) => S.importKey("spki", $.spki, { name: "RSA-PSS", hash: "SHA-512" }, true, ["sign"]), "DOMException SyntaxError: Attempt to import public RSA-PSS key with invalid usage \"sign\"."],
  "PKCS #8: verify usage": [($) => S.importKey("pkcs8", $.pkcs8, { name: "RSA-PSS", hash: "SHA-512" }, true, ["verify"]), "DOMException SyntaxError: Attempt to import private RSA-PSS key with invalid usage \"verify\"."],
  "RSA: raw import": [() => S.importKey("raw", u(4), { name: "RSA-PSS", hash: "SHA-512" }, true, ["verify"]), "DOMException NotSupportedError: Unrecognized key import format \"raw\"."],
  "RSA: import without a hash": [($) => S.importKey("spki", $.spki, { name: "RSA-PSS" }, true, ["verify"]), "TypeError: Missing field \"hash\" in \"algorithm\"."],
  "RSA: spki as ec": [($) => S.importKey("spki", $.spki, { name: "ECDSA", namedCurve: "P-256" }, true, ["verify"]), "DOMException DataError: Input was not an EC key."],
  "ECDSA: as RSA": [($) => S.importKey("spki", $.es, { name: "RSA-PSS", hash: "SHA-512" }, true, ["verify"]), "DOMException DataError: Input was not an RSA key."],
  "ECDSA: wrong curve": [($) => S.importKey("spki", $.es, { name: "ECDSA", namedCurve: "P-384" }, true, ["verify"]), "DOMException DataError: \"algorithm.namedCurve\" \"P-384\" does not match the curve specified by the input key data."],
  "ECDSA: wrong curve ECDH": [($) => S.importKey("spki", $.es, { name: "ECDH", namedCurve: "P-384" }, true, []), "DOMException DataError: \"algorithm.namedCurve\" \"P-384\", does not match the curve specified by the input key data."],
  "ECDSA: raw wrong": [() => S.importKey("raw", u(65), { name: "ECDSA", namedCurve: "P-256" }, true, ["verify"]), "DOMException DataError: Failed to import raw EC key data: Invalid point encoding.."],
  "ECDSA: raw not on the curve": [() => S.importKey("raw", u(65, 4), { name: "ECDSA", namedCurve: "P-256" }, true, ["verify"]), "DOMException DataError: Failed to import raw EC key data: Point is not on curve.."],
  "ECDSA: raw sign usage": [($) => S.importKey("raw", $.er, { name: "ECDSA", namedCurve: "P-256" }, true, ["sign"]), "DOMException SyntaxError: Attempt to import public ECDSA key with invalid usage \"sign\"."],
  "ECDSA: raw private export": [($) => S.exportKey("raw", $.e.privateKey), "DOMException InvalidAccessError: Raw export of elliptic curve keys is only allowed for public keys."],
  "ECDSA: sign without a hash": [($) => S.sign("ECDSA", $.e.privateKey, u(1)), "TypeError: Missing \"hash\" in AlgorithmIdentifier. (ECDSA requires that the hash algorithm be specified at call time rather than on the key. This differs from other WebCrypto algorithms for historical reasons.)"],
  "ECDSA: sign hash bad": [($) => S.sign({ name: "ECDSA", hash: "x" }, $.e.privateKey, u(1)), "DOMException NotSupportedError: Unrecognized or unimplemented digest algorithm requested."],
  "ECDSA: sign length": [($) => len(S.sign({ name: "ECDSA", hash: "SHA-512" }, $.e.privateKey, u(1))), 64],
  "ECDSA: verify short": [($) => S.verify({ name: "ECDSA", hash: "SHA-512" }, $.e.publicKey, u(3), u(1)), false],
  "ECDSA: verify zero": [($) => S.verify({ name: "ECDSA", hash: "SHA-512" }, $.e.publicKey, u(64), u(1)), false],
  "ECDSA: verify ff": [($) => S.verify({ name: "ECDSA", hash: "SHA-512" }, $.e.publicKey, u(64, 255), u(1)), false],
  "EC JWK: with kty": [() => E({ ...ej, kty: "RSA" }), "DOMException DataError: Elliptic curve \"jwk\" key import requires a JSON Web Key with Key Type parameter \"kty\" (\"RSA\") equal to \"EC\"."],
  "EC JWK: with crv mismatch": [() => E({ ...ej, crv: "P-384" }), ["private", { name: "ECDSA", namedCurve: "P-256" }, ["sign"]]],
  "EC JWK: curve arg mismatch": [() => E(ej, "ECDSA", ["sign"], "P-384"), "DOMException OperationError: Invalid EC key; public key coordinates \"x\" and \"y\" are invalid: Point is not on curve.."],
  "EC JWK: with alg": [() => E({ ...ej, alg: "ES384" }), "DOMException DataError: JSON Web Key Algorithm parameter \"alg\" (\"ES384\") does not match requested curve."],
  "EC JWK: alg?": [() => E({ ...ej, alg: "nope" }), "DOMException NotSupportedError: Unrecognized or unimplemented algorithm \"nope\" listed in JSON Web Key Algorithm parameter."],
  "EC JWK: without X25519": [() => E({ ...ej, x: undefined }), "DOMException DataError: Invalid EC key in JSON Web Key; missing \"x\"."],
  "EC JWK: without y": [() => E({ ...ej, y: undefined }), "DOMException DataError: Invalid EC key in JSON Web Key; missing \"y\"."],
  "EC JWK: bad X25519": [() => E({ ...ej, x: ej.y }), "DOMException OperationError: Invalid EC key; public key coordinates \"x\" and \"y\" are invalid: Point is not on curve.."],
  "EC JWK: bad d": [() => E({ ...ej, d: "AAAA" }), "DOMException OperationError: Invalid EC key; private key component \"d\" is invalid."],
  "EC JWK: bad d enc": [() => E({ ...ej, d: "!!" }), "DOMException DataError: Invalid EC key in JSON Web Key; missing or invalid private key component (\"d\")."],
  "EC JWK: as ECDH": [() => E({ ...ej, key_ops: undefined }, "ECDH", ["deriveBits"]), ["private", { name: "ECDH", namedCurve: "P-256" }, ["deriveBits"]]],
  "EC JWK: public key as ECDH given usage": [() => E({ ...epj, key_ops: undefined }, "ECDH", ["deriveBits"]), "DOMException SyntaxError: Attempt to import public ECDH key with invalid usage \"deriveBits\"."],
  "EC JWK: with key_ops ECDH": [() => E({ ...epj, key_ops: ["a"], use: "enc" }, "ECDH", []), "DOMException DataError: A JSON Web Key should have either a Public Key Use parameter (\"use\") or a Key Operations parameter (\"key_ops\"); otherwise, the parameters must be consistent with each other. For public ECDH keys, there are no valid usages,so keys with a non-empty \"key_ops\" parameter are not allowed."],
  "ECDH: works": [($) => D($, $.d2.publicKey), 32],
  "ECDH: null": [($) => D($, $.d2.publicKey, undefined, null), 32],
  "ECDH: 0": [($) => D($, $.d2.publicKey, undefined, 0), 0],
  "ECDH: long": [($) => D($, $.d2.publicKey, undefined, 264), "DOMException OperationError: Derived key length (264 bits) is too long (should be at most 256 bits)."],
  "ECDH: without a public key": [($) => D($, undefined), "TypeError: Missing field \"public\" in \"derivedKeyParams\"."],
  "ECDH: public key object": [($) => D($, {}), "TypeError: Incorrect type for the 'public' field on 'DeriveKeyAlgorithm': the provided value is not of type 'CryptoKey'."],
  "ECDH: public key private": [($) => D($, $.d2.privateKey), "DOMException InvalidAccessError: The provided key has type \"private\", not \"public\""],
  "ECDH: key public": [($) => D($, $.d2.publicKey, $.d.publicKey), "DOMException InvalidAccessError: Requested key usage \"deriveBits\" does not match any usage listed in this CryptoKey."],
  "ECDH: curve mismatch": [($) => D($, $.d3.publicKey), "DOMException InvalidAccessError: Private key for derivation is using curve \"P-256\" while public key is using \"P-384\"."],
  "ECDH: public key X25519": [($) => D($, $.x.publicKey), "DOMException InvalidAccessError: Base ECDH private key cannot be used to derive a key from a peer X25519 public key"],
  "ECDH: public key ECDSA": [($) => D($, $.e.publicKey), "DOMException InvalidAccessError: Private key for derivation is using \"ECDH\" while public key is using \"ECDSA\"."],
  "ECDH: public key RSA": [($) => D($, $.r.publicKey), "DOMException InvalidAccessError: Base ECDH private key cannot be used to derive a key from a peer RSASSA-PKCS1-v1_5 public key"],
  "X25519: works": [($) => D($, $.x2.publicKey, $.x.privateKey, 256, "X25519"), 32],
  "X25519: null": [($) => D($, $.x2.publicKey, $.x.privateKey, null, "X25519"), 32],
  "X25519: long": [($) => D($, $.x2.publicKey, $.x.privateKey, 264, "X25519"), "DOMException OperationError: Derived key length (264 bits) is too long (should be at most 256 bits)."],
  "X25519: zero point": [async ($) => D($, await S.importKey("raw", u(32), "X25519", true, []), $.x.privateKey, 256, "X25519"), "DOMException OperationError: Failed to derive EDDH key: public key routines INVALID_PEER_KEY."],
  "X25519: public key ECDH": [($) => D($, $.d.publicKey, $.x.privateKey, 256, "X25519"), "DOMException InvalidAccessError: Base X25519 private key cannot be used to derive a key from a peer ECDH public key"],
  "X25519: raw length": [() => S.importKey("raw", u(31), "X25519", true, []), "DOMException DataError: X25519 raw keys must be exactly 32-bytes (provided 31)."],
  "X25519: raw usage": [() => S.importKey("raw", u(32), "X25519", true, ["deriveBits"]), "DOMException SyntaxError: Attempt to import public X25519 key with invalid usage \"deriveBits\"."],
  "X25519: JWK public key usage": [async ($) => S.importKey("jwk", await S.exportKey("jwk", $.x.publicKey), "X25519", true, ["deriveBits"]).then(k => k.usages), "DOMException SyntaxError: Attempt to import public X25519 key with invalid usage \"deriveBits\"."],
  "X25519: spki usage": [async ($) => S.importKey("spki", await S.exportKey("spki", $.x.publicKey), "X25519", true, ["deriveBits"]).then(k => k.usages), "DOMException SyntaxError: Attempt to import public X25519 key with invalid usage \"deriveBits\"."],
  "ECDH: spki usage": [async ($) => S.importKey("spki", $.es, { name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits"]).then(k => k.usages), "DOMException SyntaxError: Attempt to import public ECDH key with invalid usage \"deriveBits\"."],
  "Ed25519: sign public key": [($) => S.sign("Ed25519", $.ed.publicKey, u(1)), "DOMException InvalidAccessError: Requested key usage \"sign\" does not match any usage listed in this CryptoKey."],
  "Ed25519: verify short": [($) => S.verify("Ed25519", $.ed.publicKey, u(3), u(1)), "DOMException OperationError: Invalid Ed25519 signature length 3"],
  "Ed25519: verify zero": [($) => S.verify("Ed25519", $.ed.publicKey, u(64), u(1)), false],
  "Ed25519: NODE-ED25519 mismatch": [($) => S.sign("NODE-ED25519", $.ed.privateKey, u(1)), "DOMException InvalidAccessError: Requested algorithm \"NODE-ED25519\" does not match this CryptoKey's algorithm \"Ed25519\"."],
  "Ed25519: raw private key": [($) => S.exportKey("raw", $.ed.privateKey), "DOMException InvalidAccessError: Raw export of Ed25519 keys is only allowed for public keys."],
  "Ed25519: raw": [($) => len(S.exportKey("raw", $.ed.publicKey)), 32],
  "Ed25519: pkcs8": [async ($) => [(await S.exportKey("pkcs8", $.ed.privateKey)).byteLength, (await S.exportKey("spki", $.ed.publicKey)).byteLength], [48, 44]],
  "Ed25519: raw length": [() => S.importKey("raw", u(31), "Ed25519", true, ["verify"]), "DOMException DataError: Ed25519 raw keys must be exactly 32-bytes (provided 31)."],
  "Ed25519 JWK": [() => F(edj), ["private", { name: "Ed25519" }, ["sign"]]],
  "Ed25519 JWK: NODE-ED25519": [() => F({ ...edj, alg: undefined }, "NODE-ED25519"), ["private", { name: "NODE-ED25519", namedCurve: "NODE-ED25519" }, ["sign"]]],
  "Ed25519 JWK: public key": [() => F(edp, undefined, ["verify"]), ["public", { name: "Ed25519" }, ["verify"]]],
  "Ed25519 JWK: with kty": [() => F({ ...edj, kty: "EC" }), "DOMException DataError: Ed25519 \"jwk\" key imports requires a JSON Web Key with Key Type parameter \"kty\" (\"EC\") equal to \"OKP\"."],
  "Ed25519 JWK: with crv": [() => F({ ...edj, crv: "X25519" }), "DOMException NotSupportedError: Only Ed25519 is supported but \"X25519\" was requested."],
  "Ed25519 JWK: without crv": [() => F({ ...edj, crv: undefined }), "DOMException DataError: Missing field \"crv\" for Ed25519 key."],
  "Ed25519 JWK: with alg": [() => F({ ...edj, alg: "ES256" }), "DOMException DataError: JSON Web Key Algorithm parameter \"alg\" (\"ES256\") does not match requested Ed25519 curve."],
  "Ed25519 JWK: without x": [() => F({ ...edj, x: undefined }), "DOMException DataError: Invalid Ed25519 key in JSON WebKey; missing or invalid public key component (\"x\")."],
  "Ed25519 JWK: with a short x": [() => F({ ...edj, x: "AAAA" }), "DOMException DataError: Invalid length 3 for public key"],
  "Ed25519 JWK: with a short d": [() => F({ ...edj, d: "AAAA" }), "DOMException DataError: Invalid length 3 for private key"],
  "Ed25519 JWK: with a bad d": [() => F({ ...edj, d: "!" }), "DOMException DataError: Invalid Ed25519 key in JSON Web Key; missing or invalid private key component (\"d\")."],
  "DigestStream": [async () => { const s = new DS("SHA-256"); const w = s.getWriter(); await w.write(u(3)); await w.write("abc"); await w.close(); return [(await s.digest).byteLength, String(s), s instanceof WritableStream, Number(s.bytesWritten), typeof s.bytesWritten, DS.name]; }, [32, "[object DigestStream]", true, 6, "bigint", "DigestStream"]],
  "DigestStream: bad with alg": [() => new DS("foo").digest, "DOMException NotSupportedError: Unrecognized or unimplemented digest algorithm requested."],
  "DigestStream: none": [() => new DS(), "TypeError: Failed to construct 'DigestStream': constructor parameter 1 is not of type 'string or HashAlgorithm'."],
  "DigestStream: aborted": [async () => { const s = new DS("SHA-1"); const w = s.getWriter(); const r = []; await w.abort(new Error("x")); await s.digest.catch(e => r.push(String(e))); return r; }, ["Error: x"]],
  "DigestStream: checksums": [async () => { const r = []; for (const a of ["crc32", "crc32c", "crc64nvme"]) { const s = new DS(a); const w = s.getWriter(); await w.write("123456789"); await w.close(); r.push([...new Uint8Array(await s.digest)]); } return r; }, [[203, 244, 57, 38], [227, 6, 146, 131], [174, 139, 20, 134, 10, 121, 152, 136]]],
  "DigestStream: pipe": [async () => { const s = new DS({ name: "md5" }); await new Response("hello").body.pipeTo(s); return [...new Uint8Array(await s.digest)]; }, [93, 65, 64, 42, 188, 75, 42, 118, 185, 113, 157, 145, 16, 23, 197, 146]],
  "DigestStream: same digest": [() => { const s = new DS("SHA-1"); s.digest.catch(()=>{}); return s.digest === s.digest; }, true],
});

export default worker(cases);

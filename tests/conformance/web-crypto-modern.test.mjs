// What the flag adds to WebCrypto, as far as it is there; and RSA-RAW, which needs none.
// compatibility-flags: webcrypto_modern_algorithms
import { thrown, worker } from "./lib.mjs";

const S = crypto.subtle;
const bytes = (text) => new TextEncoder().encode(text);
const hex = (data) => [...new Uint8Array(data)].map((each) => each.toString(16).padStart(2, "0")).join("");
const fromHex = (text) => Uint8Array.from(text.match(/../g), (each) => parseInt(each, 16));
const kName = "ChaCha20-Poly1305";
const kUnknown = "NotSupportedError: Unrecognized or unimplemented digest algorithm requested.";

const cases = {
  "SHA-3": {
    run: async () => [hex(await S.digest("SHA3-256", bytes("abc"))), hex(await S.digest("sha3-384", bytes(""))), (await S.digest("SHA3-512", bytes("abc"))).byteLength],
    expect: ["3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
             "0c63a75b845e4f7d01107d852e4c2485c51a50aaaa94fc61995e71bbee983a2ac3713831264adb47fb6bd1e058d5f004", 64],
  },
  "SHA-3 is for digest() alone": {
    run: () => Promise.all([thrown(() => S.digest("SHA3-224", bytes(""))), thrown(() => S.generateKey({ name: "HMAC", hash: "SHA3-256" }, true, ["sign"])),
                            thrown(() => new crypto.DigestStream("SHA3-256"))]),
    expect: [kUnknown, kUnknown, kUnknown],
  },
  // RFC 8439, 2.8.2
  "ChaCha20-Poly1305: the vector of its RFC": {
    async run() {
      const key = await S.importKey("raw-secret", fromHex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"), kName, true, ["encrypt", "decrypt"]);
      const parameters = { name: kName, iv: fromHex("070000004041424344454647"), additionalData: fromHex("50515253c0c1c2c3c4c5c6c7") };
      const text = "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
      const sealed = await S.encrypt(parameters, key, bytes(text));
      const open = new TextDecoder().decode(await S.decrypt(parameters, key, sealed));
      return [hex(sealed).slice(0, 32), hex(sealed).slice(-32), open === text, key.algorithm, key.type, key.usages];
    },
    expect: ["d31a8d34648e60db7b86afbc53ef7ec2", "1ae10b594f09e26a7e902ecbd0600691", true, { name: kName }, "secret", ["encrypt", "decrypt"]],
  },
  "ChaCha20-Poly1305: keys": {
    async run() {
      const key = await S.generateKey({ name: kName }, true, ["encrypt", "wrapKey"]);
      const jwk = await S.exportKey("jwk", key);
      const again = await S.importKey("jwk", jwk, kName, true, ["encrypt"]);
      return [(await S.exportKey("raw-secret", key)).byteLength, jwk.kty, jwk.alg, jwk.key_ops, hex(await S.exportKey("raw-secret", again)) === hex(await S.exportKey("raw-secret", key)),
              await thrown(() => S.exportKey("raw", key)), await thrown(() => S.importKey("raw", new Uint8Array(32), kName, true, ["encrypt"])),
              await thrown(() => S.importKey("raw-secret", new Uint8Array(31), kName, true, ["encrypt"])),
              await thrown(() => S.importKey("jwk", { kty: "oct", k: "AAAA" }, kName, true, ["encrypt"])),
              await thrown(() => S.generateKey({ name: kName }, true, ["sign"]))];
    },
    expect: [32, "oct", "C20P", ["encrypt", "wrapKey"], true, 'NotSupportedError: ChaCha20-Poly1305 key only supports exporting "raw-secret" and "jwk", not "raw".',
             'NotSupportedError: Unrecognized key import format "raw".', "DataError: ChaCha20-Poly1305 key must be 256 bits.",
             "DataError: ChaCha20-Poly1305 JWK key must be 256 bits.", 'SyntaxError: Attempt to generate ChaCha20-Poly1305 key with invalid usage "sign".'],
  },
  "ChaCha20-Poly1305: what it refuses": {
    async run() {
      const key = await S.generateKey({ name: kName }, true, ["encrypt", "decrypt"]);
      const iv = new Uint8Array(12);
      const encrypt = (parameters) => thrown(() => S.encrypt({ name: kName, ...parameters }, key, new Uint8Array(10)));
      const decrypt = (size) => thrown(() => S.decrypt({ name: kName, iv }, key, new Uint8Array(size)));
      return Promise.all([encrypt({ iv: new Uint8Array(11) }), encrypt({}), encrypt({ iv, tagLength: 64 }), encrypt({ iv, tagLength: 128 }), decrypt(20), decrypt(5)]);
    },
    expect: ["OperationError: ChaCha20-Poly1305 IV must be 12 bytes long.", 'TypeError: Missing field "iv" in "algorithm".',
             "OperationError: ChaCha20-Poly1305 tag length must be 128 bits.", "nothing thrown", "OperationError: ChaCha20-Poly1305 authentication failed.",
             "OperationError: ChaCha20-Poly1305 ciphertext is shorter than its authentication tag."],
  },
  "RSA-RAW": {
    async run() {
      const pair = await S.generateKey({ name: "RSASSA-PKCS1-v1_5", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" }, true, ["sign", "verify"]);
      const key = await S.importKey("pkcs8", await S.exportKey("pkcs8", pair.privateKey), "RSA-RAW", true, ["sign"]);
      const { alg, key_ops, ...jwk } = await S.exportKey("jwk", pair.privateKey);
      const same = await S.importKey("jwk", jwk, { name: "RSA-RAW", hash: "SHA-256" }, false, ["sign"]);
      // A padded digest, signed bare, is a signature of the padded kind.
      const info = fromHex("3031300d060960864801650304020105000420");
      const digest = new Uint8Array(await S.digest("SHA-256", bytes("message")));
      const padded = new Uint8Array(128).fill(0xff);
      padded.set([0, 1]);
      padded[128 - 52] = 0;
      padded.set(info, 128 - 51);
      padded.set(digest, 128 - 32);
      const signature = await S.sign("RSA-RAW", key, padded);
      return [key.algorithm.name, key.algorithm.modulusLength, key.algorithm.hash === undefined, key.type, hex(signature) === hex(await S.sign("RSA-RAW", same, padded)),
              await S.verify("RSASSA-PKCS1-v1_5", pair.publicKey, signature, bytes("message")), await thrown(() => S.sign("RSA-RAW", key, new Uint8Array(5))),
              await thrown(async () => S.importKey("spki", await S.exportKey("spki", pair.publicKey), "RSA-RAW", true, [])),
              await thrown(() => S.generateKey({ name: "RSA-RAW", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]) }, true, ["sign"]))];
    },
    expect: ["RSA-RAW", 1024, true, "private", true, true, "OperationError: Invalid RSA signature.", 'DataError: RSA-RAW only supports private keys but requested "public".',
             'NotSupportedError: Unrecognized key generation algorithm "RSA-RAW" requested.'],
  },
};
export default worker(cases);

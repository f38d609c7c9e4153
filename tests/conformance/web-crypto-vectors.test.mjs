// WebCrypto against published vectors (FIPS 180, 197, SP 800-38A and D, RFC 2202, 3394, 4231, 5869, 5903, 6070, 6979,
// 7748, 8032), and every algorithm there and back in every format.
import { worker } from "./lib.mjs";
import { kEd25519, kP256, kP256Peer, kP384, kP384Peer, kP521, kP521Peer, kRsa, kX25519, kX25519Peer, publicHalf } from "./modules/crypto_keys.mjs";
import { hex, once, S, table, u, unhex, utf8 } from "./modules/rows.mjs";

const digest = async (name, text) => hex(await S.digest(name, utf8(text)));
const secret = (algorithm, key, ...usages) => S.importKey("raw", unhex(key), algorithm, false, usages);
const hmac = async (hash, key, data) => hex(await S.sign("HMAC", await secret({ name: "HMAC", hash }, key, "sign"), data));
const kBlocks = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
const aes = async (algorithm, key, data) => {
  const made = await secret(algorithm.name, key, "encrypt", "decrypt");
  const sealed = await S.encrypt(algorithm, made, unhex(data));
  if (hex(await S.decrypt(algorithm, made, sealed)) !== data) return "does not decrypt";
  return hex(sealed);
};
const cbc = (key) => aes({ name: "AES-CBC", iv: unhex("000102030405060708090a0b0c0d0e0f") }, key, kBlocks);
const ctr = (key) => aes({ name: "AES-CTR", counter: unhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"), length: 128 }, key, kBlocks);
const kGcmText = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
const gcm = (key, text, iv, additionalData, tagLength) => aes({ name: "AES-GCM", iv: unhex(iv), additionalData, tagLength }, key, text);
const kAad = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
const wrap = async (kek, key) => {
  const wrapping = await secret("AES-KW", kek, "wrapKey", "unwrapKey");
  const inner = await S.importKey("raw", unhex(key), { name: "HMAC", hash: "SHA-256" }, true, ["sign"]);
  const wrapped = await S.wrapKey("raw", inner, wrapping, "AES-KW");
  const back = await S.unwrapKey("raw", wrapped, wrapping, "AES-KW", { name: "HMAC", hash: "SHA-256" }, true, ["sign"]);
  return [hex(wrapped), hex(await S.exportKey("raw", back)) === key];
};
const pbkdf2 = async (hash, password, salt, iterations, bytes) => {
  const key = await S.importKey("raw", utf8(password), "PBKDF2", false, ["deriveBits"]);
  return hex(await S.deriveBits({ name: "PBKDF2", hash, salt: utf8(salt), iterations }, key, bytes * 8));
};
const hkdf = async (hash, key, salt, info, bytes) => {
  const made = await secret("HKDF", key, "deriveBits");
  return hex(await S.deriveBits({ name: "HKDF", hash, salt: unhex(salt), info: unhex(info) }, made, bytes * 8));
};
// Signs with a raw private key (in the PKCS #8 of RFC 8410) and verifies with the raw public key.
const ed25519 = async (seed, publicKey, message) => {
  const key = await S.importKey("pkcs8", unhex("302e020100300506032b657004220420" + seed), "Ed25519", true, ["sign"]);
  const signature = await S.sign("Ed25519", key, unhex(message));
  const verify = await S.importKey("raw", unhex(publicKey), "Ed25519", true, ["verify"]);
  return [hex(signature), await S.verify("Ed25519", verify, signature, unhex(message)), await S.verify("Ed25519", verify, signature, u(1))];
};
const x25519 = async (seed, peer) => {
  const key = await S.importKey("pkcs8", unhex("302e020100300506032b656e04220420" + seed), "X25519", true, ["deriveBits"]);
  const other = await S.importKey("raw", unhex(peer), "X25519", true, []);
  return hex(await S.deriveBits({ name: "X25519", public: other }, key, 256));
};
const url = (text) => btoa(String.fromCharCode(...unhex(text))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const ecdsa = async (namedCurve, x, y, hash, message, signature) => {
  const jwk = { kty: "EC", crv: namedCurve, x: url(x), y: url(y) };
  const key = await S.importKey("jwk", jwk, { name: "ECDSA", namedCurve }, true, ["verify"]);
  const bytes = unhex(signature);
  const good = await S.verify({ name: "ECDSA", hash }, key, bytes, utf8(message));
  bytes[5] ^= 1;
  return [good, await S.verify({ name: "ECDSA", hash }, key, bytes, utf8(message)), await S.verify({ name: "ECDSA", hash }, key, unhex(signature), utf8("other"))];
};

// There and back: what is exported in `format` and imported again exports the same.
const thereAndBack = async (jwk, algorithm, format, usages) => {
  const key = await S.importKey("jwk", jwk, algorithm, true, usages);
  const first = await S.exportKey(format, key);
  const again = await S.importKey(format, first, algorithm, true, usages);
  const second = await S.exportKey(format, again);
  const text = (exported) => (exported instanceof ArrayBuffer ? hex(exported) : JSON.stringify(exported));
  return [again.type, text(first) === text(second), text(first).length];
};
const signs = async (jwk, importing, signing) => {
  const key = await S.importKey("jwk", jwk, importing, false, ["sign"]);
  const verify = await S.importKey("jwk", publicHalf(jwk), importing, false, ["verify"]);
  const data = u(100, 7);
  const signature = await S.sign(signing, key, data);
  const good = await S.verify(signing, verify, signature, data);
  new Uint8Array(signature)[10] ^= 4;
  return [signature.byteLength, good, await S.verify(signing, verify, signature, data)];
};
const agrees = async (mine, peer, algorithm) => {
  const derive = async (a, b, bits) => {
    const key = await S.importKey("jwk", a, algorithm, false, ["deriveBits"]);
    const other = await S.importKey("jwk", publicHalf(b), algorithm, false, []);
    return hex(await S.deriveBits({ name: algorithm.name, public: other }, key, bits));
  };
  const all = await derive(mine, peer, null);
  return [all === (await derive(peer, mine, null)), all.length / 2, all.startsWith(await derive(mine, peer, 64))];
};
const generated = async (algorithm, usages) => {
  const pair = await S.generateKey(algorithm, false, usages);
  return [pair.publicKey.type, pair.privateKey.type, pair.publicKey.algorithm.name, pair.publicKey.usages, pair.privateKey.usages, pair.publicKey.extractable, pair.privateKey.extractable];
};
const oaep = async (hash, bytes) => {
  const key = await S.importKey("jwk", kRsa, { name: "RSA-OAEP", hash }, false, ["decrypt"]);
  const open = await S.importKey("jwk", publicHalf(kRsa), { name: "RSA-OAEP", hash }, false, ["encrypt"]);
  const sealed = await S.encrypt("RSA-OAEP", open, u(bytes, 9));
  return [sealed.byteLength, hex(await S.decrypt("RSA-OAEP", key, sealed)) === hex(u(bytes, 9))];
};
// A key of every kind, wrapped and unwrapped.
const wrapped = async (format, jwk, algorithm, usages) => {
  const iv = u(12, 1);
  const wrapping = await S.importKey("raw", u(32, 2), "AES-GCM", false, ["wrapKey", "unwrapKey"]);
  const key = await S.importKey("jwk", jwk, algorithm, true, usages);
  const sealed = await S.wrapKey(format, key, wrapping, { name: "AES-GCM", iv });
  const back = await S.unwrapKey(format, sealed, wrapping, { name: "AES-GCM", iv }, algorithm, true, usages);
  return [back.type, back.usages, JSON.stringify(await S.exportKey("jwk", back)) === JSON.stringify(await S.exportKey("jwk", key))];
};

const rows = {
  "SHA-1 of abc": [() => digest("SHA-1", "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d"],
  "SHA-256 of abc": [() => digest("SHA-256", "abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  "SHA-256 of nothing": [() => digest("SHA-256", ""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  "SHA-384 of abc": [() => digest("SHA-384", "abc"), "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"],
  "SHA-512 of abc": [() => digest("SHA-512", "abc"), "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"],
  "MD5 of abc": [() => digest("MD5", "abc"), "900150983cd24fb0d6963f7d28e17f72"],
  "SHA-256 of a million letters": [() => digest("SHA-256", "a".repeat(1e6)), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"],
  "HMAC-SHA-256, RFC 4231 1": [() => hmac("SHA-256", "0b".repeat(20), utf8("Hi There")), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"],
  "HMAC-SHA-256, RFC 4231 2": [() => hmac("SHA-256", hex(utf8("Jefe")), utf8("what do ya want for nothing?")), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"],
  "HMAC-SHA-384, RFC 4231 2": [() => hmac("SHA-384", hex(utf8("Jefe")), utf8("what do ya want for nothing?")), "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"],
  "HMAC-SHA-512, RFC 4231 2": [() => hmac("SHA-512", hex(utf8("Jefe")), utf8("what do ya want for nothing?")), "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"],
  "HMAC-SHA-256, RFC 4231 6: a key longer than a block": [() => hmac("SHA-256", "aa".repeat(131), utf8("Test Using Larger Than Block-Size Key - Hash Key First")), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"],
  "HMAC-SHA-1, RFC 2202 2": [() => hmac("SHA-1", hex(utf8("Jefe")), utf8("what do ya want for nothing?")), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"],
  "HMAC-MD5, RFC 2202 2": [() => hmac("MD5", hex(utf8("Jefe")), utf8("what do ya want for nothing?")), "750c783e6ab0b503eaa86e310a5db738"],
  "AES-CBC 128, SP 800-38A F.2.1": [async () => (await cbc("2b7e151628aed2a6abf7158809cf4f3c")).slice(0, 128), "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"],
  "AES-CBC 192, SP 800-38A F.2.3": [async () => (await cbc("8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b")).slice(0, 32), "4f021db243bc633d7178183a9fa071e8"],
  "AES-CBC 256, SP 800-38A F.2.5": [async () => (await cbc("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")).slice(0, 32), "f58c4c04d6e5f1ba779eabfb5f7bfbd6"],
  "AES-CTR 128, SP 800-38A F.5.1": [() => ctr("2b7e151628aed2a6abf7158809cf4f3c"), "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"],
  "AES-CTR 256, SP 800-38A F.5.5": [async () => (await ctr("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")).slice(0, 32), "601ec313775789a5b7a7f504bbf3d228"],
  "AES-GCM, test case 1": [() => gcm("00".repeat(16), "", "00".repeat(12)), "58e2fccefa7e3061367f1d57a4e7455a"],
  "AES-GCM, test case 2": [() => gcm("00".repeat(16), "00".repeat(16), "00".repeat(12)), "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf"],
  "AES-GCM, test case 4: additional data": [() => gcm("feffe9928665731c6d6a8f9467308308", kGcmText, "cafebabefacedbaddecaf888", kAad), "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47"],
  "AES-GCM, test case 5: a short iv": [() => gcm("feffe9928665731c6d6a8f9467308308", kGcmText, "cafebabefacedbad", kAad), "61353b4c2806934a777ff51fa22a4755699b2a714fcdc6f83766e5f97b6c742373806900e49f24b22b097544d4896b424989b5e1ebac0f07c23f45983612d2e79e3b0785561be14aaca2fccb"],
  "AES-GCM with a tag of 96 bits": [() => gcm("00".repeat(16), "00".repeat(16), "00".repeat(12), undefined, 96), "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b2"],
  "AES-KW, RFC 3394 4.1": [() => wrap("000102030405060708090a0b0c0d0e0f", "00112233445566778899aabbccddeeff"), ["1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5", true]],
  "AES-KW, RFC 3394 4.6": [() => wrap("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f"), ["28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21", true]],
  "PBKDF2, RFC 6070 1": [() => pbkdf2("SHA-1", "password", "salt", 1, 20), "0c60c80f961f0e71f3a9b524af6012062fe037a6"],
  "PBKDF2, RFC 6070 3": [() => pbkdf2("SHA-1", "password", "salt", 4096, 20), "4b007901b765489abead49d926f721d065a429c1"],
  "PBKDF2, RFC 6070 5": [() => pbkdf2("SHA-1", "passwordPASSWORDpassword", "saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096, 25), "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038"],
  "PBKDF2 with SHA-256": [() => pbkdf2("SHA-256", "password", "salt", 2, 32), "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43"],
  ...Object.fromEntries(Object.entries({ "SHA-1": "8caf869627a01ad8", "SHA-256": "373f000eee4574cd", "SHA-384": "0d3fa960db97d519", "SHA-512": "815fb60343da4466" }).map(([hash, expected]) => [`PBKDF2 with ${hash}: several blocks, passwords as long as a block and longer`, [async () => {
    const all = [];
    for (const length of [64, 65, 128, 129]) all.push(await pbkdf2(hash, "p".repeat(length), "salt".repeat(50), 3, 150));
    return hex((await S.digest("SHA-256", utf8(all.join()))).slice(0, 8));
  }, expected]])),
  "PBKDF2 of an empty password": [() => pbkdf2("SHA-512", "", "", 1, 8), "6d2ecbbbfb2e6dcd"],
  "HKDF, RFC 5869 1": [() => hkdf("SHA-256", "0b".repeat(22), "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9", 42), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"],
  "HKDF, RFC 5869 3: no salt, no info": [() => hkdf("SHA-256", "0b".repeat(22), "", "", 42), "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"],
  "HKDF, RFC 5869 4: SHA-1": [() => hkdf("SHA-1", "0b".repeat(11), "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9", 42), "085a01ea1b10f36933068b56efa5ad81a4f14b822f5b091568a9cdd4f155fda2c22e422478d305f3f896"],
  "Ed25519, RFC 8032 1": [() => ed25519("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", ""), ["e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b", true, false]],
  "Ed25519, RFC 8032 2": [() => ed25519("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72"), ["92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00", true, false]],
  "X25519, RFC 7748 5.2": [() => x25519("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4", "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"), "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"],
  "ECDSA P-256, RFC 6979 A.2.5": [() => ecdsa("P-256", "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6", "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299", "SHA-256", "sample", "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"), [true, false, false]],
  "ECDSA P-384, RFC 6979 A.2.6": [() => ecdsa("P-384", "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13", "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720", "SHA-384", "sample", "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe4699ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8"), [true, false, false]],
};
const kCurves = { "P-256": [kP256, kP256Peer], "P-384": [kP384, kP384Peer], "P-521": [kP521, kP521Peer] };
const kHashes = ["SHA-1", "SHA-256", "SHA-384", "SHA-512"];
for (const [namedCurve, [key, peer]] of Object.entries(kCurves)) {
  const bytes = { "P-256": 32, "P-384": 48, "P-521": 66 }[namedCurve];
  for (const hash of kHashes) {
    rows[`ECDSA ${namedCurve} with ${hash}`] = [() => signs(key, { name: "ECDSA", namedCurve }, { name: "ECDSA", hash }), [2 * bytes, true, false]];
  }
  rows[`ECDH ${namedCurve}: both get the same`] = [() => agrees(key, peer, { name: "ECDH", namedCurve }), [true, bytes, true]];
  const sizes = { "P-256": [276, 182, 130], "P-384": [370, 240, 194], "P-521": [482, 316, 266] }[namedCurve];
  rows[`ECDSA ${namedCurve} as pkcs8`] = [() => thereAndBack(key, { name: "ECDSA", namedCurve }, "pkcs8", ["sign"]), ["private", true, sizes[0]]];
  rows[`ECDSA ${namedCurve} as spki`] = [() => thereAndBack(publicHalf(key), { name: "ECDSA", namedCurve }, "spki", ["verify"]), ["public", true, sizes[1]]];
  rows[`ECDSA ${namedCurve} as raw`] = [() => thereAndBack(publicHalf(key), { name: "ECDSA", namedCurve }, "raw", ["verify"]), ["public", true, sizes[2]]];
  rows[`ECDH ${namedCurve} as pkcs8`] = [() => thereAndBack(key, { name: "ECDH", namedCurve }, "pkcs8", ["deriveKey"]), ["private", true, sizes[0]]];
  rows[`ECDH ${namedCurve} as raw`] = [() => thereAndBack(publicHalf(key), { name: "ECDH", namedCurve }, "raw", []), ["public", true, sizes[2]]];
  rows[`ECDSA ${namedCurve}: generated`] = [() => generated({ name: "ECDSA", namedCurve }, ["sign", "verify"]), ["public", "private", "ECDSA", ["verify"], ["sign"], true, false]];
  rows[`ECDSA ${namedCurve}: wrapped as jwk`] = [() => wrapped("jwk", key, { name: "ECDSA", namedCurve }, ["sign"]), ["private", ["sign"], true]];
}
for (const hash of kHashes) {
  rows[`RSASSA-PKCS1-v1_5 with ${hash}`] = [() => signs(kRsa, { name: "RSASSA-PKCS1-v1_5", hash }, "RSASSA-PKCS1-v1_5"), [256, true, false]];
  rows[`RSA-PSS with ${hash}`] = [() => signs(kRsa, { name: "RSA-PSS", hash }, { name: "RSA-PSS", saltLength: 20 }), [256, true, false]];
  const most = 256 - 2 - 2 * { "SHA-1": 20, "SHA-256": 32, "SHA-384": 48, "SHA-512": 64 }[hash];
  rows[`RSA-OAEP with ${hash}`] = [() => oaep(hash, most), [256, true]];
  rows[`RSA-OAEP with ${hash}: a byte too many`] = [() => oaep(hash, most + 1), "DOMException OperationError: RSA-OAEP failed encrypt/decrypt."];
  rows[`HMAC with ${hash}: its key as jwk`] = [() => thereAndBack({ kty: "oct", k: "AAECAwQ" }, { name: "HMAC", hash }, "jwk", ["sign"]), ["secret", true, hash === "SHA-1" ? 69 : 71]];
}
rows["RSA-PSS without salt"] = [() => signs(kRsa, { name: "RSA-PSS", hash: "SHA-256" }, { name: "RSA-PSS", saltLength: 0 }), [256, true, false]];
for (const name of ["RSASSA-PKCS1-v1_5", "RSA-PSS"]) {
  rows[`${name} as pkcs8`] = [() => thereAndBack(kRsa, { name, hash: "SHA-256" }, "pkcs8", ["sign"]), ["private", true, 2436]];
  rows[`${name} as spki`] = [() => thereAndBack(publicHalf(kRsa), { name, hash: "SHA-256" }, "spki", ["verify"]), ["public", true, 588]];
  rows[`${name} as jwk`] = [() => thereAndBack(kRsa, { name, hash: "SHA-512" }, "jwk", ["sign"]), ["private", true, 1659]];
}
rows["RSA: wrapped as pkcs8"] = [() => wrapped("pkcs8", kRsa, { name: "RSA-PSS", hash: "SHA-256" }, ["sign"]), ["private", ["sign"], true]];
for (const [name, key, usage] of [["Ed25519", kEd25519, "sign"], ["X25519", kX25519, "deriveBits"]]) {
  const forPublic = usage === "sign" ? ["verify"] : [];
  rows[`${name} as pkcs8`] = [() => thereAndBack(key, { name }, "pkcs8", [usage]), ["private", true, 96]];
  rows[`${name} as spki`] = [() => thereAndBack(publicHalf(key), { name }, "spki", forPublic), ["public", true, 88]];
  rows[`${name} as raw`] = [() => thereAndBack(publicHalf(key), { name }, "raw", forPublic), ["public", true, 64]];
  rows[`${name}: wrapped as jwk`] = [() => wrapped("jwk", key, { name }, [usage]), ["private", [usage], true]];
}
rows["Ed25519: signs"] = [() => signs(kEd25519, "Ed25519", "Ed25519"), [64, true, false]];
rows["NODE-ED25519: signs"] = [() => signs(kEd25519, { name: "NODE-ED25519", namedCurve: "NODE-ED25519" }, "NODE-ED25519"), [64, true, false]];
rows["X25519: both get the same"] = [() => agrees(kX25519, kX25519Peer, { name: "X25519" }), [true, 32, true]];
rows["RSA: generated"] = [() => generated({ name: "RSA-OAEP", modulusLength: 1024, publicExponent: new Uint8Array([3]), hash: "SHA-1" }, ["encrypt", "decrypt"]), ["public", "private", "RSA-OAEP", ["encrypt"], ["decrypt"], true, false]];
for (const length of [128, 192, 256]) {
  rows[`AES ${length}: its key as jwk`] = [async () => (({ kty, alg, key_ops }) => [kty, alg, key_ops])(await S.exportKey("jwk", await S.generateKey({ name: "AES-CTR", length }, true, ["decrypt"]))), ["oct", `A${length}CTR`, ["decrypt"]]];
}
// At global scope: what needs no randomness of a secret key works, as in workerd.
let early;
try {
  early = hex(await S.sign("HMAC", await S.importKey("raw", u(1), { name: "HMAC", hash: "MD5" }, false, ["sign"]), u(0)));
} catch (error) {
  early = String(error);
}
let refused;
try {
  await S.generateKey({ name: "AES-GCM", length: 128 }, true, ["encrypt"]);
} catch (error) {
  refused = error.message.slice(0, 51);
}
rows["at global scope: HMAC works"] = [() => early, "74e6f7298a9c2d168935f58c001bad88"];
rows["at global scope: a secret key can't be generated"] = [() => refused, "Disallowed operation called within global scope. As"];
rows["a key does not change with what a script does to it"] = [async () => {
  const key = await S.importKey("raw", u(16), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  key.usages.push("sign");
  key.algorithm.name = "AES-GCM";
  return S.sign("HMAC", key, u(1));
}, 'DOMException InvalidAccessError: Requested key usage "sign" does not match any usage listed in this CryptoKey.'];

const cases = table(once(async () => ({})), rows);

export default worker(cases);

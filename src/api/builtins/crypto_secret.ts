// The algorithms with secret keys: AES, HMAC, and the two that derive.
import type { Bytes } from "./native.d";
import {
  type Algorithm, type CryptoKey, decodeBase64Url, encodeBase64Url, exportedJwk, type JsonWebKey, type Material, newKey,
} from "./crypto_key";
import { type Act, checkUsages, fail, findHash, isBytes, type Parameters } from "./crypto_names";
import { bytesOf, native } from "./seam";

// Work of one PBKDF2 at most: iterations times blocks of output. A few seconds.
const kPbkdf2RoundsMax = 20_000_000;
const kPbkdf2RoundsAtOnce = 20_000; // More are done on the pool: this many take milliseconds.

function copyOf(data: Bytes | JsonWebKey): Uint8Array<ArrayBuffer> {
  return bytesOf(data)!.slice() as Uint8Array<ArrayBuffer>;
}

function randomBytes(count: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count);
  native.randomFill(bytes);
  return bytes;
}

function unknownFormat(format: string): never {
  fail("NotSupportedError", `Unrecognized key import format "${format}".`);
}

// -- AES

abstract class Aes implements Algorithm {
  readonly rawFormat = "raw-secret";
  constructor(readonly name: string) {}
  usagesAllowed(): string[] {
    return ["encrypt", "decrypt", "wrapKey", "unwrapKey"];
  }
  #key(secret: Uint8Array<ArrayBuffer>, extractable: boolean, usages: string[]): CryptoKey {
    const description = { name: this.name, length: secret.length * 8 };
    return newKey({ algorithm: this, type: "secret", extractable, usages, description, secret });
  }
  generate(parameters: Parameters, extractable: boolean, wanted: string[]): CryptoKey {
    const usages = checkUsages(this.name, "generate", wanted, this.usagesAllowed());
    const bits = parameters.integer("length");
    if (bits === undefined) throw parameters.missing("length");
    if (bits !== 128 && bits !== 192 && bits !== 256) {
      fail("OperationError", `Generated AES key length must be 128, 192, or 256 bits but requested ${bits}.`);
    }
    return this.#key(randomBytes(bits / 8), extractable, usages);
  }
  importKey(format: string, data: Bytes | JsonWebKey, _: Parameters, extractable: boolean, wanted: string[]): CryptoKey {
    const usages = checkUsages(this.name, "import secret", wanted, this.usagesAllowed());
    if (format !== "raw" && format !== "jwk") unknownFormat(format);
    const secret = isBytes(data) ? copyOf(data) : this.#secretOfJwk(data);
    const bits = secret.length * 8;
    if (bits !== 128 && bits !== 192 && bits !== 256) {
      fail("DataError", `Imported AES key length must be 128, 192, or 256 bits but provided ${bits}.`);
    }
    if (!isBytes(data)) this.#checkJwk(data, bits, wanted);
    return this.#key(secret, extractable, usages);
  }
  #secretOfJwk(jwk: JsonWebKey): Uint8Array<ArrayBuffer> {
    if (jwk.kty !== "oct") {
      fail("DataError", 'Symmetric "jwk" key import requires a JSON Web Key with Key Type parameter "kty" equal to ' +
        `"oct" (encountered "${jwk.kty}").`);
    }
    return decodeBase64Url(jwk.k, 'Symmetric "jwk" key import requires a base64Url encoding of the key.');
  }
  #checkJwk(jwk: JsonWebKey, bits: number, wanted: string[]): void {
    const alg = `A${bits}${this.name.slice(4)}`;
    if (jwk.alg !== undefined && jwk.alg !== alg) {
      fail("DataError", `Symmetric "jwk" key contains invalid "alg" value "${jwk.alg}", expected "${alg}".`);
    }
    if (wanted.length > 0 && jwk.use !== undefined && jwk.use !== "enc") {
      fail("DataError", `Symmetric "jwk" key must have a "use" of "enc", not "${jwk.use}".`);
    }
    const ops = jwk.key_ops;
    if (ops === undefined) return;
    const twice = ops.toSorted().find((each, index, all) => all[index + 1] === each);
    if (twice !== undefined) fail("DataError", `Symmetric "jwk" key contains duplicate value "${twice}", in "key_op".`);
    for (const usage of wanted) {
      if (!ops.includes(usage)) fail("DataError", `"jwk" key missing usage "${usage}", in "key_ops".`);
    }
  }
  exportKey(key: Material, format: string): ArrayBuffer | JsonWebKey {
    const secret = key.secret!;
    if (format === "raw") return secret.slice().buffer;
    if (format !== "jwk") {
      fail("NotSupportedError",
        `${this.name} key only supports exporting "raw", "raw-secret" & "jwk", not "${format}".`);
    }
    const alg = `A${secret.length * 8}${this.name.slice(4)}`;
    return exportedJwk(key, { kty: "oct", alg, k: encodeBase64Url(secret) });
  }
  // What workerd says when a padding or a tag does not fit.
  protected refused(data: Bytes, expected: number, length = data.byteLength): never {
    fail("OperationError", "Decryption failed. This could be due to a ciphertext authentication failure, bad padding, " +
      `incorrect CryptoKey, or another algorithm-specific reason. Input length was ${length}, output length expected ` +
      `to be ${expected} for ${this.name}`);
  }
  protected failed(): never {
    fail("OperationError", `Error doing ${this.name} encrypt/decrypt.`);
  }
}

const kTagBits = [32, 64, 96, 104, 112, 120, 128];

class AesGcm extends Aes {
  #read(parameters: Parameters): { iv: Bytes; additional: Bytes | undefined; tagBits: number } {
    const iv = parameters.bytes("iv");
    const additional = parameters.bytes("additionalData");
    const tagBits = parameters.integer("tagLength", "AES-GCM tagLength is outside the integer range.") ?? 128;
    if (iv === undefined) throw parameters.missing("iv");
    if (iv.byteLength === 0) fail("OperationError", "AES-GCM IV must not be empty.");
    if (!kTagBits.includes(tagBits)) fail("OperationError", `Invalid AES-GCM tag length ${tagBits}.`);
    return { iv, additional, tagBits };
  }
  encrypt(key: Material, parameters: Parameters, data: Bytes): ArrayBuffer {
    const { iv, additional, tagBits } = this.#read(parameters);
    return native.aesGcm(true, key.secret!, iv, data, additional, tagBits / 8) ?? this.failed();
  }
  decrypt(key: Material, parameters: Parameters, data: Bytes): ArrayBuffer {
    const { iv, additional, tagBits } = this.#read(parameters);
    const bytes = data.byteLength;
    if (bytes < tagBits / 8) {
      fail("OperationError", `Ciphertext length of ${bytes * 8} bits must be greater than or equal to the size of the ` +
        `AES-GCM tag length of ${tagBits} bits.`);
    }
    const plain = bytes - tagBits / 8;
    return (
      native.aesGcm(false, key.secret!, iv, data, additional, tagBits / 8) ?? this.refused(data, plain, plain));
  }
}

// With webcrypto_modern_algorithms. Its keys have one length.
class ChaCha20Poly1305 implements Algorithm {
  readonly name = "ChaCha20-Poly1305";
  readonly modern = true;
  static readonly usages = ["encrypt", "decrypt", "wrapKey", "unwrapKey"];

  #key(secret: Uint8Array<ArrayBuffer>, extractable: boolean, usages: string[]): CryptoKey {
    return newKey({ algorithm: this, type: "secret", extractable, usages, description: { name: this.name }, secret });
  }
  generate(_: Parameters, extractable: boolean, wanted: string[]): CryptoKey {
    return this.#key(randomBytes(32), extractable, checkUsages(this.name, "generate", wanted, ChaCha20Poly1305.usages));
  }
  importKey(format: string, data: Bytes | JsonWebKey, _: Parameters, extractable: boolean, wanted: string[]): CryptoKey {
    const usages = checkUsages(this.name, "import secret", wanted, ChaCha20Poly1305.usages);
    if (format !== "raw-secret" && format !== "jwk") unknownFormat(format);
    const secret = isBytes(data) ? copyOf(data)
      : decodeBase64Url(data.k, 'Symmetric "jwk" key import requires a base64Url encoding of the key.');
    if (secret.length !== 32) fail("DataError", `${this.name}${isBytes(data) ? "" : " JWK"} key must be 256 bits.`);
    return this.#key(secret, extractable, usages);
  }
  exportKey(key: Material, format: string): ArrayBuffer | JsonWebKey {
    if (format === "raw-secret") return key.secret!.slice().buffer;
    if (format === "jwk") return exportedJwk(key, { kty: "oct", alg: "C20P", k: encodeBase64Url(key.secret!) });
    fail("NotSupportedError", `${this.name} key only supports exporting "raw-secret" and "jwk", not "${format}".`);
  }
  #run(encrypt: boolean, key: Material, parameters: Parameters, data: Bytes): ArrayBuffer | undefined {
    const iv = parameters.bytes("iv");
    const additional = parameters.bytes("additionalData");
    const tagBits = parameters.integer("tagLength") ?? 128;
    if (iv === undefined) throw parameters.missing("iv");
    if (iv.byteLength !== 12) fail("OperationError", `${this.name} IV must be 12 bytes long.`);
    if (tagBits !== 128) fail("OperationError", `${this.name} tag length must be 128 bits.`);
    if (!encrypt && data.byteLength < 16) {
      fail("OperationError", `${this.name} ciphertext is shorter than its authentication tag.`);
    }
    return native.chaCha20Poly1305(encrypt, key.secret!, iv, data, additional, 16);
  }
  encrypt(key: Material, parameters: Parameters, data: Bytes): ArrayBuffer {
    return this.#run(true, key, parameters, data) ?? fail("OperationError", `Error doing ${this.name} encrypt/decrypt.`);
  }
  decrypt(key: Material, parameters: Parameters, data: Bytes): ArrayBuffer {
    return this.#run(false, key, parameters, data) ?? fail("OperationError", `${this.name} authentication failed.`);
  }
}

class AesCbc extends Aes {
  #iv(parameters: Parameters, unit: string): Bytes {
    const iv = parameters.bytes("iv");
    if (iv === undefined) throw parameters.missing("iv");
    if (iv.byteLength !== 16) {
      fail("OperationError", `AES-CBC IV must be 16 bytes long (provided ${iv.byteLength}${unit}).`);
    }
    return iv;
  }
  encrypt(key: Material, parameters: Parameters, data: Bytes): ArrayBuffer {
    return native.aesCbc(true, key.secret!, this.#iv(parameters, " bytes"), data) ?? this.failed();
  }
  decrypt(key: Material, parameters: Parameters, data: Bytes): ArrayBuffer {
    const whole = Math.max(0, Math.ceil(data.byteLength / 16) - 1) * 16;
    return native.aesCbc(false, key.secret!, this.#iv(parameters, ""), data) ?? this.refused(data, whole);
  }
}

class AesCtr extends Aes {
  encrypt(key: Material, parameters: Parameters, data: Bytes): ArrayBuffer {
    const counter = parameters.bytes("counter");
    if (counter === undefined) throw new TypeError('Missing "counter" member in "algorithm".');
    if (counter.byteLength !== 16) {
      fail("OperationError", `Counter must have length of 16 bytes (provided ${counter.byteLength}).`);
    }
    const bits = parameters.integer("length");
    if (bits === undefined) throw new TypeError('Missing "length" member in "algorithm".');
    if (bits < 1 || bits > 128) fail("OperationError", `Invalid counter of ${bits} bits length provided.`);
    return (
      native.aesCtr(key.secret!, counter, bits, data) ?? fail("OperationError", "Counter block values will repeat."));
  }
  decrypt(key: Material, parameters: Parameters, data: Bytes): ArrayBuffer {
    return this.encrypt(key, parameters, data);
  }
}

class AesKw extends Aes {
  override usagesAllowed(): string[] {
    return ["wrapKey", "unwrapKey"];
  }
  wrap(key: Material, data: Bytes): ArrayBuffer {
    const bytes = data.byteLength;
    if (bytes % 8 !== 0) {
      fail("OperationError", "Unwrapped key bit length must be a multiple of 64 bits but unwrapped key has a length " +
        `of ${bytes * 8} bits.`);
    }
    if (bytes < 16) {
      fail("OperationError", `Unwrapped key has length ${bytes} bytes but it should be greater than or equal to 16 ` +
        "and less than or equal to 18446744073709551607");
    }
    return native.aesKeyWrap(true, key.secret!, data) ?? fail("OperationError", "AES-KW key wrapping failed.");
  }
  unwrap(key: Material, data: Bytes): ArrayBuffer {
    const bits = data.byteLength * 8;
    if (bits % 64 !== 0) {
      fail("OperationError", `Provided a wrapped key to unwrap that is ${bits} bits which isn't a multiple of 64 bits.`);
    }
    if (bits < 192) {
      fail("OperationError",
        `Provided a wrapped key to unwrap this is ${bits} bits that is less than the minimal length of 192 bits.`);
    }
    return native.aesKeyWrap(false, key.secret!, data) ?? fail("OperationError", "AES-KW key unwrapping failed.");
  }
}

// -- HMAC

class Hmac implements Algorithm {
  readonly rawFormat = "raw-secret";
  readonly name = "HMAC";
  #key(secret: Uint8Array<ArrayBuffer>, bits: number, hash: string, extractable: boolean, usages: string[]): CryptoKey {
    if (bits % 8 !== 0) secret[secret.length - 1]! &= 0xff00 >> bits % 8; // Bits that are not the key's.
    const { name } = findHash(hash);
    const description = { name: this.name, hash: { name }, length: bits };
    return newKey({ algorithm: this, type: "secret", extractable, usages, description, secret, hash: name });
  }
  #usages(act: Act, wanted: string[]): string[] {
    return checkUsages(this.name, act, wanted, ["sign", "verify"]);
  }
  generate(parameters: Parameters, extractable: boolean, wanted: string[]): CryptoKey {
    const hash = parameters.requiredHash();
    const usages = this.#usages("generate", wanted);
    const bits = parameters.integer("length") ?? hash.blockBytes * 8;
    if (bits <= 0) {
      fail("OperationError", `HMAC key length must be a non-zero unsigned long integer (requested ${bits}).`);
    }
    return this.#key(randomBytes(Math.ceil(bits / 8)), bits, hash.name, extractable, usages);
  }
  importKey(format: string, data: Bytes | JsonWebKey, parameters: Parameters, extractable: boolean, wanted: string[]): CryptoKey {
    const usages = this.#usages("import secret", wanted);
    const hash = parameters.hash();
    if (hash === undefined) throw parameters.missing("hash");
    if (format !== "raw" && format !== "jwk") unknownFormat(format);
    const secret = isBytes(data) ? copyOf(data) : this.#secretOfJwk(data, hash);
    const size = secret.length * 8;
    const bits = parameters.integer("length") ?? size;
    if (bits <= 0 || bits > size || bits <= size - 8) {
      fail("DataError", `Imported HMAC key length (${bits}) must be a non-zero value up to 7 bits less than, and no ` +
        `greater than, the bit length of the raw key data (${size}).`);
    }
    return this.#key(secret, bits, hash, extractable, usages);
  }
  #secretOfJwk(jwk: JsonWebKey, hash: string): Uint8Array<ArrayBuffer> {
    if (jwk.kty !== "oct") {
      fail("DataError", 'HMAC "jwk" key import requires a JSON Web Key with Key Type parameter ("kty") equal to "oct" ' +
        `(encountered "${jwk.kty}").`);
    }
    const secret = decodeBase64Url(jwk.k, 'HMAC "jwk" key import requires a base64Url encoding of the key');
    if (jwk.alg !== undefined) {
      if (!hash.startsWith("SHA-")) {
        fail("NotSupportedError", `Unrecognized or unimplemented hash algorithm requested${jwk.alg}`);
      }
      const alg = `HS${hash.slice(4)}`;
      if (jwk.alg !== alg) {
        fail("DataError", 'HMAC "jwk" key import specifies "alg" that is incompatible with the hash name (encountered ' +
          `"${jwk.alg}", expected "${alg}").`);
      }
    }
    return secret;
  }
  exportKey(key: Material, format: string): ArrayBuffer | JsonWebKey {
    if (format === "raw") return key.secret!.slice().buffer;
    if (format !== "jwk") fail("NotSupportedError", `Unimplemented key export format "${format}".`);
    if (!key.hash!.startsWith("SHA-")) {
      fail("NotSupportedError", `Unimplemented JWK key export format for key algorithm "${key.hash}".`);
    }
    return exportedJwk(key, { kty: "oct", alg: `HS${key.hash!.slice(4)}`, k: encodeBase64Url(key.secret!) });
  }
  sign(key: Material, _: Parameters, data: Bytes): ArrayBuffer {
    return native.hmacSign(findHash(key.hash!).number, key.secret!, data);
  }
  verify(key: Material, _: Parameters, signature: Bytes, data: Bytes): boolean {
    return native.hmacVerify(findHash(key.hash!).number, key.secret!, signature, data);
  }
}

// -- derivation

abstract class Derivation implements Algorithm {
  readonly rawFormat = "raw-secret";
  constructor(readonly name: string) {}
  importKey(format: string, data: Bytes | JsonWebKey, _: Parameters, extractable: boolean, wanted: string[]): CryptoKey {
    const usages = checkUsages(this.name, "import secret", wanted, ["deriveKey", "deriveBits"]);
    if (extractable) fail("SyntaxError", `${this.name} key cannot be extractable.`);
    if (format !== "raw") {
      const end = this.name === "PBKDF2" ? "." : "";
      fail("NotSupportedError", `${this.name} key must be imported in "raw" format (requested "${format}")${end}`);
    }
    const description = { name: this.name };
    return newKey({ algorithm: this, type: "secret", extractable, usages, description, secret: copyOf(data) });
  }
  protected bytesOfBits(bits: number | null): number {
    if (bits === null) fail("OperationError", `${this.name} cannot derive a key with null length.`);
    if (bits % 8 !== 0) {
      fail("OperationError",
        `${this.name} requires a derived key length that is a multiple of eight (requested ${bits}).`);
    }
    return bits / 8;
  }
}

class Hkdf extends Derivation {
  deriveBits(key: Material, parameters: Parameters, bits: number | null): ArrayBuffer {
    const salt = parameters.bytes("salt");
    const info = parameters.bytes("info");
    const hash = parameters.requiredHash();
    if (salt === undefined) throw parameters.missing("salt");
    if (info === undefined) throw parameters.missing("info");
    const bytes = this.bytesOfBits(bits);
    if (bytes > 255 * hash.bytes) fail("OperationError", "HKDF deriveBits failed.");
    return (
      native.cryptoHkdf(hash.number, key.secret!, salt, info, bytes) ?? fail("OperationError", "HKDF deriveBits failed."));
  }
}

class Pbkdf2 extends Derivation {
  async deriveBits(key: Material, parameters: Parameters, bits: number | null): Promise<ArrayBuffer> {
    const salt = parameters.bytes("salt");
    const hash = parameters.requiredHash();
    if (salt === undefined) throw parameters.missing("salt");
    const iterations = parameters.integer("iterations");
    if (iterations === undefined) throw parameters.missing("iterations");
    const bytes = this.bytesOfBits(bits);
    if (iterations <= 0) {
      fail("OperationError", `PBKDF2 requires a positive iteration count (requested ${iterations}).`);
    }
    const blocks = Math.max(1, Math.ceil(bytes / hash.bytes));
    if (iterations * blocks > kPbkdf2RoundsMax) {
      const most = Math.floor(kPbkdf2RoundsMax / blocks);
      fail("NotSupportedError",
        `Pbkdf2 failed: iteration counts above ${most} are not supported (requested ${iterations}).`);
    }
    const work = [hash.number, key.secret!, salt, iterations, bytes] as const;
    const later = iterations * blocks > kPbkdf2RoundsAtOnce ? native.cryptoPbkdf2Later(...work) : undefined;
    const derived = await (later ?? native.cryptoPbkdf2(...work));
    if (derived === undefined) throw new Error("PBKDF2 deriveBits failed.");
    return derived;
  }
}

export const kSecretAlgorithms: Algorithm[] = [
  new AesCtr("AES-CTR"), new AesCbc("AES-CBC"), new AesGcm("AES-GCM"), new AesKw("AES-KW"), new Hmac(),
  new Pbkdf2("PBKDF2"), new Hkdf("HKDF"), new ChaCha20Poly1305(),
];

// RSASSA-PKCS1-v1_5, RSA-PSS and RSA-OAEP.
import { compatibility } from "./compatibility";
import type { Box, Bytes } from "./native.d";
import { type Algorithm, type CryptoKey, type CryptoKeyPair, decodeBase64Url, encodeBase64Url, type JsonWebKey, type Material } from "./crypto_key";
import { fail, findHash, type Parameters } from "./crypto_names";
import { keyTypeOf, PairAlgorithm, type Traits } from "./crypto_public";
import { bytesOf, native } from "./seam";

// Making a longer key takes minutes.
const kModulusBitsMax = 8192;
// Paddings, as C++ numbers them.
const kPkcs1 = 1;
const kPss = 2;
const kRaw = 3;

const kPrivateParts = ["p", "q", "dp", "dq", "qi"] as const;
const kPartNames = {
  p: "First Prime Factor", q: "Second Prime Factor", dp: "First Factor CRT Exponent", dq: "Second Factor CRT Exponent",
  qi: "First CRT Coefficient",
};

// Its value; undefined from 2^32 on.
function smallNumber(bytes: Bytes): number | undefined {
  let value = 0;
  for (const byte of bytesOf(bytes)!) {
    value = value * 256 + byte;
    if (value >= 2 ** 32) return undefined;
  }
  return value;
}

// `value` is 65537 or below 256.
function exponentBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(value === 65537 ? 3 : 1);
  bytes[0] = bytes[bytes.length - 1] = value & 0xff;
  return bytes;
}

function checkModulus(bits: number): void {
  if (!compatibility.strictKeys || (bits % 8 === 0 && bits >= 256 && bits <= 16384)) return;
  fail("OperationError", `The modulus length must be a multiple of 8 and between 256 and 16k, but ${bits} was requested.`);
}
const kExponents = 'The "publicExponent" must be either 3 or 65537, but';

abstract class Rsa extends PairAlgorithm {
  protected readonly padding: number = 0;
  // `alg` of a JWK.
  protected abstract algOf(hash: string): string;

  // The hash of an imported key; "": it has none.
  protected hashOf(parameters: Parameters): string {
    return parameters.requiredHash().name;
  }

  #traits(modulusBytes: number, hash: string, exponent: Uint8Array): Traits {
    const publicExponent = compatibility.exponentBytes ? exponent : exponent.slice().buffer;
    const modulusLength = modulusBytes * 8;
    if (hash === "") return { description: { name: this.name, modulusLength, publicExponent }, modulusBytes };
    return { description: { name: this.name, modulusLength, publicExponent, hash: { name: hash } }, hash, modulusBytes };
  }

  async generate(parameters: Parameters, extractable: boolean, wanted: string[]): Promise<CryptoKeyPair> {
    const exponent = parameters.bytes("publicExponent");
    if (exponent === undefined) throw parameters.missing("publicExponent");
    const hashName = parameters.hash();
    if (hashName === undefined) throw parameters.missing("hash");
    const bits = parameters.integer("modulusLength");
    if (bits === undefined) throw parameters.missing("modulusLength");
    if (bits <= 0) fail("OperationError", `modulusLength must be greater than zero (requested ${bits}).`);
    const hash = findHash(hashName);
    const usages = this.checkUsages("generate", wanted);
    checkModulus(bits);
    const value = smallNumber(exponent);
    if (value === undefined) fail("OperationError", `${kExponents} got a number larger than 2^32.`);
    if (value !== 3 && value !== 65537) fail("OperationError", `${kExponents} got ${value}.`);
    if (compatibility.strictKeys && bits % 128 !== 0) {
      fail("OperationError", "Can't generate key: RSA key size is required to be a multiple of 128");
    }
    if (bits > kModulusBitsMax) fail("OperationError", `RSA keys of more than ${kModulusBitsMax} bits can't be generated.`);
    const copy = bytesOf(exponent)!.slice() as Uint8Array;
    const box = await (native.keyGenerateLater(bits, copy) ?? native.keyGenerate("RSA", bits, copy));
    if (box === undefined) fail("OperationError", "Error generating RSA key.");
    return this.pair(box, this.#traits(bits / 8, hash.name, copy), extractable, usages);
  }

  importKey(format: string, data: Bytes | JsonWebKey, parameters: Parameters, extractable: boolean, wanted: string[]): CryptoKey {
    const hash = this.hashOf(parameters);
    const imported = this.import(format, data, extractable, wanted, (jwk) => this.#readJwk(jwk, hash));
    if (keyTypeOf(imported.box) !== "RSA") fail("DataError", "Input was not an RSA key.");
    const [modulusBytes, value] = native.keyRsa(imported.box);
    checkModulus(modulusBytes * 8);
    if (value < 0) fail("OperationError", `${kExponents} got a number larger than 2^32.`);
    if (value !== 65537 && value !== 3 && value !== 17 && value !== 37) {
      fail("OperationError", `Imported RSA key has invalid publicExponent ${value}.`);
    }
    return this.key(imported, this.#traits(modulusBytes, hash, exponentBytes(value)), extractable);
  }

  #readJwk(jwk: JsonWebKey, hash: string): Box {
    if (jwk.kty !== "RSA") {
      fail("DataError", 'RSASSA-PKCS1-v1_5 "jwk" key import requires a JSON Web Key with Key Type parameter "kty" ' +
        `("${jwk.kty}") equal to "RSA".`);
    }
    if (jwk.alg !== undefined && jwk.alg !== this.algOf(hash)) {
      if (!["SHA-1", "SHA-256", "SHA-384", "SHA-512"].some((each) => this.algOf(each) === jwk.alg)) {
        fail("NotSupportedError",
          `Unrecognized or unimplemented algorithm "${jwk.alg}" listed in JSON Web Key Algorithm parameter.`);
      }
      fail("DataError", `JSON Web Key Algorithm parameter "alg" ("${jwk.alg}") does not match requested hash algorithm ` +
        `"${jwk.alg}".`);
    }
    const invalid = "Invalid RSA key in JSON Web Key;";
    const n = decodeBase64Url(jwk.n, `${invalid} missing or invalid Modulus parameter ("n").`);
    const e = decodeBase64Url(jwk.e, `${invalid} missing or invalid Exponent parameter ("e").`);
    if (jwk.d === undefined) return native.keyFromRsa(n, e) ?? fail("DataError", "Invalid RSA key in JSON Web Key.");
    const d = decodeBase64Url(jwk.d, `${invalid} missing or invalid Private Exponent parameter ("d").`);
    const present = kPrivateParts.filter((part) => jwk[part] !== undefined);
    if (present.length !== 0 && present.length !== kPrivateParts.length) {
      fail("DataError", "Invalid RSA private key in JSON Web Key; if one Prime Factor or CRT Exponent/Coefficient " +
        'parameter is present, then they must all be present ("p", "q", "dp", "dq", "qi").');
    }
    const rest = present.map(
      (part) => decodeBase64Url(jwk[part], `${invalid} invalid ${kPartNames[part]} parameter ("${part}").`));
    return native.keyFromRsa(n, e, d, ...rest) ?? fail("DataError", "Invalid RSA key in JSON Web Key.");
  }

  protected jwkOf(key: Material, parts: (ArrayBuffer | undefined)[]): Partial<JsonWebKey> {
    if (key.hash === undefined || !key.hash.startsWith("SHA")) {
      fail("NotSupportedError", `JWK export not supported for hash algorithm "${key.hash}".`);
    }
    const [n, e, d, p, q, dp, dq, qi] = parts.map((part) => part && encodeBase64Url(part));
    return { kty: "RSA", alg: this.algOf(key.hash!), n, e, d, p, q, dp, dq, qi } as Partial<JsonWebKey>;
  }
  protected exportRaw(): never {
    fail("InvalidAccessError", `Cannot export "${this.name}" in "raw" format.`);
  }
}

const kSignature = { use: "sig", operations: ["sign", "verify"] };

class RsaPkcs1 extends Rsa {
  protected override readonly padding = kPkcs1;
  constructor() {
    super("RSASSA-PKCS1-v1_5", ["verify"], ["sign"], kSignature);
  }
  protected algOf(hash: string): string {
    return `RS${hash.slice(4)}`;
  }
  sign(key: Material, _: Parameters, data: Bytes): ArrayBuffer {
    const hash = findHash(key.hash!);
    if (hash.bytes + 32 > key.modulusBytes!) {
      const bits = 8 * (hash.bytes + 32);
      fail("OperationError", `key too small for signing with given digest, need at least ${bits}bits.`);
    }
    return native.keySign(key.box!, hash.number, kPkcs1, 0, data) ?? fail("OperationError", "RSA signing failed.");
  }
  verify(key: Material, _: Parameters, signature: Bytes, data: Bytes): boolean {
    return native.keyVerify(key.box!, findHash(key.hash!).number, kPkcs1, 0, signature, data);
  }
}

const kNoSalt = "Failed to provide salt for RSA-PSS key operation which requires a salt";

class RsaPss extends Rsa {
  constructor() {
    super("RSA-PSS", ["verify"], ["sign"], kSignature);
  }
  protected algOf(hash: string): string {
    return `PS${hash.slice(4)}`;
  }
  #checkSalt(salt: number): void {
    if (salt < 0) fail("DataError", `SaltLength for RSA-PSS must be non-negative (provided ${salt}).`);
  }
  sign(key: Material, parameters: Parameters, data: Bytes): ArrayBuffer {
    const salt = parameters.integer("saltLength");
    const hash = findHash(key.hash!);
    if (salt === undefined) fail("DataError", kNoSalt);
    this.#checkSalt(salt);
    const room = key.modulusBytes! - hash.bytes - 2;
    if (room < 0) fail("OperationError", "key too small for signing with given digest");
    if (salt > room) fail("OperationError", "key too small for signing with given digest and salt length");
    return native.keySign(key.box!, hash.number, kPss, salt, data) ?? fail("OperationError", "RSA signing failed.");
  }
  verify(key: Material, parameters: Parameters, signature: Bytes, data: Bytes): boolean {
    const salt = parameters.integer("saltLength");
    if (salt === undefined) throw new TypeError(kNoSalt);
    this.#checkSalt(salt);
    return native.keyVerify(key.box!, findHash(key.hash!).number, kPss, salt, signature, data);
  }
}

class RsaOaep extends Rsa {
  constructor() {
    super("RSA-OAEP", ["encrypt", "wrapKey"], ["decrypt", "unwrapKey"],
      { use: "enc", operations: ["encrypt", "wrapKey"] });
  }
  protected algOf(hash: string): string {
    return hash === "SHA-1" ? "RSA-OAEP" : `RSA-OAEP-${hash.slice(4)}`;
  }
  encrypt(key: Material, parameters: Parameters, data: Bytes): ArrayBuffer {
    return this.#run(true, key, parameters, data);
  }
  decrypt(key: Material, parameters: Parameters, data: Bytes): ArrayBuffer {
    return this.#run(false, key, parameters, data);
  }
  #run(encrypt: boolean, key: Material, parameters: Parameters, data: Bytes): ArrayBuffer {
    const result = native.keyOaep(key.box!, encrypt, findHash(key.hash!).number, parameters.bytes("label"), data);
    if (result !== undefined) return result;
    const why = !encrypt && data.byteLength !== key.modulusBytes ? ": Invalid RSA signature.." : ".";
    fail("OperationError", `RSA-OAEP failed encrypt/decrypt${why}`);
  }
}

// The bare operation of a private key, on as many bytes as the modulus has. Its keys are imported only.
class RsaRaw extends Rsa {
  constructor() {
    super("RSA-RAW", [], ["sign"], kSignature);
  }
  protected algOf(): string {
    return "";
  }
  protected override hashOf(): string {
    return "";
  }
  override importKey(format: string, data: Bytes | JsonWebKey, parameters: Parameters, extractable: boolean, wanted: string[]): CryptoKey {
    const open = format === "spki" || (format === "jwk" && (data as JsonWebKey).d === undefined);
    if (open) fail("DataError", 'RSA-RAW only supports private keys but requested "public".');
    return super.importKey(format, data, parameters, extractable, wanted);
  }
  sign(key: Material, _: Parameters, data: Bytes): ArrayBuffer {
    return native.keySign(key.box!, undefined, kRaw, 0, data) ?? fail("OperationError", "Invalid RSA signature.");
  }
}
(RsaRaw.prototype as any).generate = undefined;

export const kRsaAlgorithms: Algorithm[] = [new RsaPkcs1(), new RsaPss(), new RsaOaep(), new RsaRaw()];

// SubtleCrypto: converts and checks what scripts give, and hands it to the algorithm.
// https://w3c.github.io/webcrypto/, in workerd's order of checks and with its texts.
import { compatibility } from "./compatibility";
import type { Bytes } from "./native.d";
import { kEllipticAlgorithms } from "./crypto_elliptic";
import {
  type Algorithm, type CryptoKey, type CryptoKeyPair, type JsonWebKey, type Material, materialOf, newKey, readJwk,
} from "./crypto_key";
import { Arguments, checkUsages, fail, findDigest, isBytes, lookup, Parameters } from "./crypto_names";
import { kLatticeAlgorithms } from "./crypto_lattice";
import { kRsaAlgorithms } from "./crypto_rsa";
import { kSecretAlgorithms } from "./crypto_secret";
import { supports } from "./crypto_supports";
import { illegalConstructor, isObject, kIllegalInvocation, kInternal, native, platform, toInteger } from "./seam";

const kAlgorithms: Record<string, Algorithm> = { __proto__: null as any };
for (const algorithm of [...kSecretAlgorithms, ...kRsaAlgorithms, ...kEllipticAlgorithms, ...kLatticeAlgorithms]) {
  kAlgorithms[algorithm.name] = kAlgorithms[algorithm.name.toUpperCase()] = algorithm;
}

const kModernFormats = ["raw-public", "raw-private", "raw-seed", "raw-secret"];
const kNoUsages = "Secret/private CryptoKeys must have at least one usage.";

function keyArgument(args: Arguments, index: number): Material {
  const material = materialOf(args.values[index]);
  if (material === undefined) throw args.wrong(index, "CryptoKey");
  return material;
}

// `key` is one of the algorithm asked for, and may be used so.
function checkUse(key: Material, parameters: Parameters, usage: string): void {
  const { name } = key.algorithm;
  if (parameters.name !== name && parameters.name.toLowerCase() !== name.toLowerCase()) {
    fail("InvalidAccessError", `Requested algorithm "${parameters.name}" does not match this CryptoKey's algorithm ` +
      `"${key.algorithm.name}".`);
  }
  if (!key.usages.includes(usage)) {
    fail("InvalidAccessError", `Requested key usage "${usage}" does not match any usage listed in this CryptoKey.`);
  }
}

function unimplemented(operation: string, key: Material): never {
  fail("NotSupportedError", `The ${operation} operation is not implemented for "${key.algorithm.name}".`);
}

function findAlgorithm(name: string): Algorithm | undefined {
  const found = lookup(kAlgorithms, name);
  return found?.modern && !compatibility.modernCrypto ? undefined : found;
}

function checkFormat(format: string): void {
  if (!compatibility.modernCrypto && kModernFormats.includes(format)) {
    fail("NotSupportedError", `Key format "${format}" requires the webcrypto_modern_algorithms flag.`);
  }
}

function importKey(format: string, data: Bytes | JsonWebKey, parameters: Parameters, extractable: boolean,
                   usages: string[]): CryptoKey {
  checkFormat(format);
  if (format === "raw" || kModernFormats.includes(format) || format === "pkcs8" || format === "spki") {
    if (!isBytes(data)) {
      throw new TypeError("Import data provided for buffer-based import formats must be a buffer source.");
    }
  } else if (format === "jwk") {
    if (isBytes(data)) throw new TypeError('Import data provided for "jwk" import format must be a JsonWebKey.');
    if (data.ext === false && extractable) {
      fail("DataError", `JWK ext field for "${parameters.name}" is set to false but extractable is true`);
    }
  } else {
    fail("NotSupportedError", `Unrecognized key import format "${format}".`);
  }
  const algorithm = findAlgorithm(parameters.name);
  if (algorithm === undefined) {
    fail("NotSupportedError", `Unrecognized key import algorithm "${parameters.name}" requested.`);
  }
  const key = algorithm.importKey(plainFormat(algorithm, format), data, parameters, extractable, usages);
  const { type, usages: granted } = materialOf(key)!;
  if (granted.length === 0 && type !== "public") fail("SyntaxError", kNoUsages);
  return key;
}

const plainFormat = (algorithm: Algorithm, format: string) => (format === algorithm.rawFormat ? "raw" : format);

function exportKey(key: Material, format: string): ArrayBuffer | JsonWebKey {
  checkFormat(format);
  if (!key.extractable) {
    fail("InvalidAccessError", `Attempt to export non-extractable ${key.algorithm.name} key.`);
  }
  if (key.algorithm.exportKey === undefined) unimplemented("exportKey", key);
  return key.algorithm.exportKey(key, plainFormat(key.algorithm, format));
}

// https://w3c.github.io/webcrypto/#dfn-get-key-length; null: the algorithm has no say.
function keyLength(parameters: Parameters): number | null {
  const name = lookup(kAlgorithms, parameters.name)?.name ?? "";
  const bits = parameters.integer("length");
  if (name.startsWith("AES-")) {
    if (bits === undefined) throw parameters.missing("length", "derivedKeyParams");
    if (bits !== 128 && bits !== 192 && bits !== 256) {
      fail("OperationError", `Derived AES key must be 128, 192, or 256 bits in length but provided ${bits}.`);
    }
    return bits;
  }
  if (name === "HMAC") {
    if (bits === undefined) return parameters.requiredHash("derivedKeyParams").blockBytes * 8;
    if (bits > 0) return bits;
    throw new TypeError("HMAC key length must be a non-zero unsigned long integer.");
  }
  if (name === "HKDF" || name === "PBKDF2") return null;
  fail("NotSupportedError", `Unrecognized derived key type "${parameters.name}" requested.`);
}

const kTakesAnother = ["deriveKey", "wrapKey", "unwrapKey", "encapsulateKey", "decapsulateKey"];

// The length that supports() is asked about; undefined: it is no number.
function readBits(value: unknown): number | undefined {
  if (typeof value !== "number") return undefined;
  if (value < 0) throw new TypeError("length must be an unsigned long integer.");
  return Math.trunc(value);
}

function keyPairOrKey(made: CryptoKey | CryptoKeyPair): CryptoKey | CryptoKeyPair {
  const material = materialOf(made);
  if (material !== undefined) {
    if (material.usages.length === 0) fail("SyntaxError", kNoUsages);
  } else if (materialOf((made as CryptoKeyPair).privateKey)!.usages.length === 0) {
    fail("SyntaxError", "Attempt to generate asymmetric keys with no valid private key usages.");
  }
  return made;
}

// Methods take their arguments as a list: as in workerd, their `length` is 0, and what is missing is told by position.
export class SubtleCrypto {
  #brand = true;
  constructor(token?: unknown) {
    illegalConstructor(token);
  }
  #arguments(method: string, values: unknown[]): Arguments {
    return new Arguments(method, values);
  }
  static #check(self: unknown): asserts self is SubtleCrypto {
    if (!isObject(self) || !(#brand in self)) throw new TypeError(kIllegalInvocation);
  }

  async encrypt(...values: unknown[]): Promise<ArrayBuffer> {
    SubtleCrypto.#check(this);
    const args = this.#arguments("encrypt", values);
    const parameters = args.algorithm(0, "EncryptAlgorithm");
    const key = keyArgument(args, 1);
    const data = args.bytes(2);
    checkUse(key, parameters, "encrypt");
    return key.algorithm.encrypt?.(key, parameters, data) ?? unimplemented("encrypt", key);
  }
  async decrypt(...values: unknown[]): Promise<ArrayBuffer> {
    SubtleCrypto.#check(this);
    const args = this.#arguments("decrypt", values);
    const parameters = args.algorithm(0, "EncryptAlgorithm");
    const key = keyArgument(args, 1);
    const data = args.bytes(2);
    checkUse(key, parameters, "decrypt");
    return key.algorithm.decrypt?.(key, parameters, data) ?? unimplemented("decrypt", key);
  }
  async sign(...values: unknown[]): Promise<ArrayBuffer> {
    SubtleCrypto.#check(this);
    const args = this.#arguments("sign", values);
    const parameters = args.algorithm(0, "SignAlgorithm");
    const key = keyArgument(args, 1);
    const data = args.bytes(2);
    checkUse(key, parameters, "sign");
    return key.algorithm.sign?.(key, parameters, data) ?? unimplemented("sign", key);
  }
  async verify(...values: unknown[]): Promise<boolean> {
    SubtleCrypto.#check(this);
    const args = this.#arguments("verify", values);
    const parameters = args.algorithm(0, "SignAlgorithm");
    const key = keyArgument(args, 1);
    const signature = args.bytes(2);
    const data = args.bytes(3);
    checkUse(key, parameters, "verify");
    return key.algorithm.verify?.(key, parameters, signature, data) ?? unimplemented("verify", key);
  }
  async digest(...values: unknown[]): Promise<ArrayBuffer> {
    SubtleCrypto.#check(this);
    const args = this.#arguments("digest", values);
    const parameters = args.algorithm(0, "HashAlgorithm");
    const data = args.bytes(1);
    return native.cryptoDigest(findDigest(parameters.name).number, data);
  }

  async generateKey(...values: unknown[]): Promise<CryptoKey | CryptoKeyPair> {
    SubtleCrypto.#check(this);
    const args = this.#arguments("generateKey", values);
    const parameters = args.algorithm(0, "GenerateKeyAlgorithm");
    const extractable = args.flag(1);
    const usages = args.usages(2);
    const algorithm = findAlgorithm(parameters.name);
    if (algorithm?.generate === undefined) {
      fail("NotSupportedError", `Unrecognized key generation algorithm "${parameters.name}" requested.`);
    }
    return keyPairOrKey(await algorithm.generate(parameters, extractable, usages));
  }
  async deriveKey(...values: unknown[]): Promise<CryptoKey> {
    SubtleCrypto.#check(this);
    const args = this.#arguments("deriveKey", values);
    const parameters = args.algorithm(0, "DeriveKeyAlgorithm");
    const key = keyArgument(args, 1);
    const derived = args.algorithm(2, "ImportKeyAlgorithm");
    const extractable = args.flag(3);
    const usages = args.usages(4);
    checkUse(key, parameters, "deriveKey");
    const bits = keyLength(derived);
    if (key.algorithm.deriveBits === undefined) unimplemented("deriveBits", key);
    return importKey("raw", await key.algorithm.deriveBits(key, parameters, bits), derived, extractable, usages);
  }
  async deriveBits(...values: unknown[]): Promise<ArrayBuffer> {
    SubtleCrypto.#check(this);
    const args = this.#arguments("deriveBits", values);
    const parameters = args.algorithm(0, "DeriveKeyAlgorithm");
    const key = keyArgument(args, 1);
    const bits = values[2] === undefined || values[2] === null ? null : toInteger(values[2]);
    if (bits !== null && bits < 0) throw new TypeError("deriveBits length must be an unsigned long integer.");
    checkUse(key, parameters, "deriveBits");
    return key.algorithm.deriveBits?.(key, parameters, bits) ?? unimplemented("deriveBits", key);
  }

  async importKey(...values: unknown[]): Promise<CryptoKey> {
    SubtleCrypto.#check(this);
    const args = this.#arguments("importKey", values);
    const format = args.text(0);
    const data = values[1];
    const bytes = isBytes(data);
    if (!bytes && (!isObject(data) || data instanceof SharedArrayBuffer)) throw args.wrong(1, "BufferSource or JsonWebKey");
    const material = bytes ? data : readJwk(data);
    const parameters = args.algorithm(2, "ImportKeyAlgorithm");
    const extractable = args.flag(3);
    return importKey(format, material, parameters, extractable, args.usages(4));
  }
  async exportKey(...values: unknown[]): Promise<ArrayBuffer | JsonWebKey> {
    SubtleCrypto.#check(this);
    const args = this.#arguments("exportKey", values);
    const format = args.text(0);
    return exportKey(keyArgument(args, 1), format);
  }
  async wrapKey(...values: unknown[]): Promise<ArrayBuffer> {
    SubtleCrypto.#check(this);
    const args = this.#arguments("wrapKey", values);
    const format = args.text(0);
    const key = keyArgument(args, 1);
    const wrapping = keyArgument(args, 2);
    const parameters = args.algorithm(3, "EncryptAlgorithm");
    checkUse(wrapping, parameters, "wrapKey");
    const exported = exportKey(key, format);
    const data = isBytes(exported) ? exported : native.utf8Encode(JSON.stringify(exported));
    const { algorithm } = wrapping;
    return algorithm.wrap?.(wrapping, data) ?? algorithm.encrypt?.(wrapping, parameters, data) ??
      unimplemented("wrapKey", wrapping);
  }
  async unwrapKey(...values: unknown[]): Promise<CryptoKey> {
    SubtleCrypto.#check(this);
    const args = this.#arguments("unwrapKey", values);
    const format = args.text(0);
    const wrapped = args.bytes(1);
    const unwrapping = keyArgument(args, 2);
    const parameters = args.algorithm(3, "EncryptAlgorithm");
    const unwrapped = args.algorithm(4, "ImportKeyAlgorithm");
    const extractable = args.flag(5);
    const usages = args.usages(6);
    checkUse(unwrapping, parameters, "unwrapKey");
    const { algorithm } = unwrapping;
    const data = algorithm.unwrap?.(unwrapping, wrapped) ?? algorithm.decrypt?.(unwrapping, parameters, wrapped) ??
      unimplemented("unwrapKey", unwrapping);
    if (format !== "jwk") return importKey(format, data, unwrapped, extractable, usages);
    const jwk: unknown = JSON.parse(native.utf8Decode(data, false, false));
    if (!isObject(jwk)) fail("DataError", 'Missing "kty" field or corrupt JSON unwrapping key?');
    return importKey(format, readJwk(jwk), unwrapped, extractable, usages);
  }

  // -- with webcrypto_modern_algorithms

  async getPublicKey(...values: unknown[]): Promise<CryptoKey> {
    SubtleCrypto.#check(this);
    const args = this.#arguments("getPublicKey", values);
    const key = keyArgument(args, 0);
    const wanted = args.usages(1);
    if (key.type === "secret") fail("NotSupportedError", "The getPublicKey operation is not supported for symmetric keys.");
    if (key.type !== "private") fail("InvalidAccessError", "The getPublicKey operation requires a private key.");
    const usages = checkUsages(key.algorithm.name, "import public", wanted, key.algorithm.forPublic ?? []);
    return newKey({ ...key, type: "public", extractable: true, usages });
  }
  async encapsulateBits(...values: unknown[]): Promise<{ sharedKey: ArrayBuffer; ciphertext: ArrayBuffer }> {
    SubtleCrypto.#check(this);
    const args = this.#arguments("encapsulateBits", values);
    const parameters = args.algorithm(0, "ImportKeyAlgorithm");
    const key = keyArgument(args, 1);
    checkUse(key, parameters, "encapsulateBits");
    const [sharedKey, ciphertext] = key.algorithm.encapsulate?.(key) ?? unimplemented("encapsulate", key);
    return { sharedKey, ciphertext };
  }
  async encapsulateKey(...values: unknown[]): Promise<{ sharedKey: CryptoKey; ciphertext: ArrayBuffer }> {
    SubtleCrypto.#check(this);
    const args = this.#arguments("encapsulateKey", values);
    const parameters = args.algorithm(0, "ImportKeyAlgorithm");
    const key = keyArgument(args, 1);
    const shared = args.algorithm(2, "ImportKeyAlgorithm");
    const extractable = args.flag(3);
    const usages = args.usages(4);
    checkUse(key, parameters, "encapsulateKey");
    const [secret, ciphertext] = key.algorithm.encapsulate?.(key) ?? unimplemented("encapsulate", key);
    return { sharedKey: importKey("raw-secret", secret, shared, extractable, usages), ciphertext };
  }
  async decapsulateBits(...values: unknown[]): Promise<ArrayBuffer> {
    SubtleCrypto.#check(this);
    const args = this.#arguments("decapsulateBits", values);
    const parameters = args.algorithm(0, "ImportKeyAlgorithm");
    const key = keyArgument(args, 1);
    if (!isBytes(values[2])) throw args.wrong(2, "Array");
    checkUse(key, parameters, "decapsulateBits");
    return key.algorithm.decapsulate?.(key, values[2]) ?? unimplemented("decapsulate", key);
  }
  async decapsulateKey(...values: unknown[]): Promise<CryptoKey> {
    SubtleCrypto.#check(this);
    const args = this.#arguments("decapsulateKey", values);
    const parameters = args.algorithm(0, "ImportKeyAlgorithm");
    const key = keyArgument(args, 1);
    if (!isBytes(values[2])) throw args.wrong(2, "Array");
    const shared = args.algorithm(3, "ImportKeyAlgorithm");
    const extractable = args.flag(4);
    const usages = args.usages(5);
    checkUse(key, parameters, "decapsulateKey");
    const secret = key.algorithm.decapsulate?.(key, values[2]) ?? unimplemented("decapsulate", key);
    return importKey("raw-secret", secret, shared, extractable, usages);
  }
  static supports(...values: unknown[]): boolean {
    const args = new Arguments("supports", values);
    const operation = args.text(0);
    if (values.length < 2) throw args.wrong(1, "Value");
    const named = (value: unknown) => {
      const holder = isObject(value) ? (value as any).name : value;
      return typeof holder === "string" ? new Parameters(value, "Algorithm") : undefined;
    };
    const parameters = named(values[1]);
    if (parameters === undefined) return false;
    const [, , third] = values;
    const bits = operation === "deriveBits" && third !== undefined && third !== null ? readBits(third) : undefined;
    const algorithm = named(third);
    if (operation === "deriveBits" ? bits === undefined && third !== undefined && third !== null
      : third !== undefined && algorithm === undefined && kTakesAnother.includes(operation)) return false;
    return supports(operation, parameters, { bits, algorithm }, findAlgorithm, keyLength);
  }

  timingSafeEqual(...values: unknown[]): boolean {
    const args = this.#arguments("timingSafeEqual", values);
    const [a, b] = [args.bytes(0), args.bytes(1)];
    if (a.byteLength !== b.byteLength) throw new TypeError("Input buffers must have the same byte length.");
    return native.cryptoEqual(a, b);
  }
}
platform({ SubtleCrypto });

export function newSubtle(): SubtleCrypto {
  return new SubtleCrypto(kInternal);
}

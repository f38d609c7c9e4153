// CryptoKey, what is behind one, and the JWK form of keys.
import type { Box, Bytes } from "./native.d";
import { fail, type Parameters } from "./crypto_names";
import { illegalConstructor, isObject, kInternal, native, platform, textOf } from "./seam";

// What a key can do; the names and the methods of a family of algorithms. Arguments and usages have been checked.
export interface Algorithm {
  readonly name: string;
  readonly modern?: boolean; // There with webcrypto_modern_algorithms alone.
  generate?(parameters: Parameters, extractable: boolean, usages: string[]): CryptoKey | CryptoKeyPair | Promise<CryptoKeyPair>;
  importKey(format: string, data: Bytes | JsonWebKey, parameters: Parameters, extractable: boolean, usages: string[]): CryptoKey;
  exportKey?(key: Material, format: string): ArrayBuffer | JsonWebKey;
  encrypt?(key: Material, parameters: Parameters, data: Bytes): ArrayBuffer;
  decrypt?(key: Material, parameters: Parameters, data: Bytes): ArrayBuffer;
  wrap?(key: Material, data: Bytes): ArrayBuffer;
  unwrap?(key: Material, data: Bytes): ArrayBuffer;
  sign?(key: Material, parameters: Parameters, data: Bytes): ArrayBuffer;
  verify?(key: Material, parameters: Parameters, signature: Bytes, data: Bytes): boolean;
  // `bits` is null where the algorithm decides.
  deriveBits?(key: Material, parameters: Parameters, bits: number | null): ArrayBuffer | Promise<ArrayBuffer>;
  encapsulate?(key: Material): [sharedKey: ArrayBuffer, ciphertext: ArrayBuffer];
  decapsulate?(key: Material, ciphertext: Bytes): ArrayBuffer;
  readonly rawFormat?: string; // What webcrypto_modern_algorithms calls the format "raw".
  readonly forPublic?: string[]; // The usages of a public key, where there are pairs.
}

// A key as it is, whatever a script does to the properties of its CryptoKey.
export interface Material {
  readonly algorithm: Algorithm;
  readonly type: "secret" | "public" | "private";
  readonly extractable: boolean;
  readonly usages: readonly string[];
  readonly description: { name: string; [member: string]: any }; // What `key.algorithm` shows. Not to be read back.
  readonly secret?: Uint8Array<ArrayBuffer>; // The bytes of a secret key.
  readonly box?: Box; // Both halves of a pair.
  readonly hash?: string; // Of HMAC and RSA.
  readonly curve?: string; // As C++ names the type.
  readonly modulusBytes?: number;
}

export interface CryptoKeyPair {
  publicKey: CryptoKey;
  privateKey: CryptoKey;
}

export class CryptoKey {
  #material: Material | undefined = undefined;
  declare readonly type: string;

  constructor(token?: unknown, type?: string, extractable?: boolean) {
    illegalConstructor(token);
    const shown = { usages: undefined, algorithm: undefined, extractable, type };
    for (const [name, value] of Object.entries(shown)) {
      Object.defineProperty(this, name, { value, enumerable: true, configurable: true });
    }
  }
  // A copy of `blank` with all that makes a key.
  static make(blank: CryptoKey, material: Material): CryptoKey {
    const key = native.copyWith(blank, "usages", [...material.usages], "algorithm", material.description);
    key.#material = material;
    return key;
  }
  // undefined: it is none.
  static materialOf(value: unknown): Material | undefined {
    return isObject(value) && #material in value ? (value as CryptoKey).#material : undefined;
  }
}
export const { materialOf } = CryptoKey;
const { make } = CryptoKey;
delete (CryptoKey as any).materialOf;
delete (CryptoKey as any).make;
platform({ CryptoKey });

// Keys that no script sees: to copy one is several times quicker than to define four read-only properties.
const blanksOf = (extractable: boolean) => ({
  secret: new CryptoKey(kInternal, "secret", extractable),
  public: new CryptoKey(kInternal, "public", extractable),
  private: new CryptoKey(kInternal, "private", extractable),
});
const [kOpenBlanks, kClosedBlanks] = [blanksOf(true), blanksOf(false)];

export function newKey(material: Material): CryptoKey {
  return make((material.extractable ? kOpenBlanks : kClosedBlanks)[material.type], material);
}

// -- JSON Web Keys: https://www.rfc-editor.org/rfc/rfc7517

const kTexts = ["kty", "use", "alg", "crv", "x", "y", "d", "n", "e", "p", "q", "dp", "dq", "qi", "k", "pub", "priv"] as const;
export type JsonWebKey = { [name in (typeof kTexts)[number]]?: string } & {
  kty: string;
  key_ops?: string[];
  ext?: boolean;
  oth?: unknown[];
};
// In the order in which an exported key shows them; those that it has not are undefined.
const kMembers = ["kty", "use", "key_ops", "alg", "ext", "crv", "x", "y", "d", "n", "e", "p", "q", "dp", "dq", "qi",
  "oth", "k", "pub", "priv"];

export function exportedJwk(key: Material, members: Partial<JsonWebKey>): JsonWebKey {
  const known: any = { ...members, key_ops: [...key.usages], ext: true };
  const jwk: any = {};
  for (const name of kMembers) jwk[name] = known[name];
  return jwk;
}

// A copy with its members converted. `value` is an object.
export function readJwk(value: any): JsonWebKey {
  const jwk: any = {};
  for (const name of kTexts) {
    const member = value[name];
    if (member !== undefined || name === "kty") jwk[name] = textOf(member);
  }
  const arrays: [string, (item: unknown) => unknown][] = [["key_ops", textOf], ["oth", (item) => item]];
  for (const [name, convert] of arrays) {
    const member = value[name];
    if (member === undefined) continue;
    if (!Array.isArray(member)) {
      throw new TypeError(
        `Incorrect type for the '${name}' field on 'JsonWebKey': the provided value is not of type 'Array'.`);
    }
    jwk[name] = Array.from(member, convert);
  }
  if (value.ext !== undefined) jwk.ext = Boolean(value.ext);
  return jwk;
}

export function encodeBase64Url(bytes: ArrayBuffer | Uint8Array): string {
  const text = native.base64Encode(native.latin1(new Uint8Array(bytes as ArrayBuffer)))!;
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// Both alphabets, padded or not, as workerd. A DataError with `problem` if it is missing or something else.
export function decodeBase64Url(text: string | undefined, problem: string): Uint8Array<ArrayBuffer> {
  const bytes = text === undefined ? undefined : native.base64Decode(text.replaceAll("-", "+").replaceAll("_", "/"));
  if (bytes === undefined) fail("DataError", problem);
  return Uint8Array.from(bytes, (character) => character.charCodeAt(0));
}

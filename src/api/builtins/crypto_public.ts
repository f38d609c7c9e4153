// What the algorithms with key pairs share: import, export, and the pair itself.
import type { Box, Bytes } from "./native.d";
import {
  type Algorithm, type CryptoKey, type CryptoKeyPair, exportedJwk, type JsonWebKey, type Material, newKey,
} from "./crypto_key";
import { type Act, checkUsages, fail, isBytes, type Parameters } from "./crypto_names";
import { native } from "./seam";

// Why a point was refused, as C++ numbers it (PointProblem).
export const kNotOnCurve = 1;
export const kBadCompressed = 2;
export const kInfinity = 3;
export const kBadPrivate = 4;
export const kBadPair = 5;

// As C++ numbers them (KeyType): the types, "EC" for another curve, "" for another type.
const kKeyTypes = ["", "RSA", "P-256", "P-384", "P-521", "EC", "Ed25519", "X25519"];
export function keyTypeOf(box: Box): string {
  return kKeyTypes[native.keyType(box)]!;
}

// What a key has beside its usages: the same for both halves of a pair.
export type Traits = Pick<Material, "description" | "hash" | "curve" | "modulusBytes">;

export interface Imported {
  box: Box;
  type: "public" | "private";
  usages: string[];
}

export abstract class PairAlgorithm implements Algorithm {
  // `forPublic` and `forPrivate`: the usages of each half. `uses`: what a JWK may say the key is for, in `use` and with
  // it in `key_ops`.
  constructor(readonly name: string, readonly forPublic: string[], readonly forPrivate: string[],
              readonly uses: { use: string; operations: string[] }) {}

  abstract importKey(format: string, data: Bytes | JsonWebKey, parameters: Parameters, extractable: boolean, usages: string[]): CryptoKey;
  // The members that tell the key; `numbers` are its parts, as native.keyParts gives them.
  protected abstract jwkOf(key: Material, parts: (ArrayBuffer | undefined)[]): Partial<JsonWebKey>;
  protected abstract exportRaw(key: Material): ArrayBuffer;

  protected checkUsages(act: Act, wanted: string[]): string[] {
    const allowed = act === "import public" ? this.forPublic : act === "import private" ? this.forPrivate
      : [...this.forPublic, ...this.forPrivate];
    return checkUsages(this.name, act, wanted, allowed);
  }

  protected pair(box: Box, traits: Traits, extractable: boolean, usages: string[]): CryptoKeyPair {
    const half = (type: "public" | "private", mine: string[], open: boolean) => newKey({
      ...traits, algorithm: this, type, extractable: open, usages: usages.filter((usage) => mine.includes(usage)), box,
    });
    return { publicKey: half("public", this.forPublic, true), privateKey: half("private", this.forPrivate, extractable) };
  }

  protected key(imported: Imported, traits: Traits, extractable: boolean): CryptoKey {
    const { description, hash, curve, modulusBytes } = traits;
    const { box, type, usages } = imported;
    return newKey({ algorithm: this, type, extractable, usages, description, box, hash, curve, modulusBytes });
  }

  protected import(format: string, data: Bytes | JsonWebKey, extractable: boolean, wanted: string[],
                   readJwk: (jwk: JsonWebKey) => Box): Imported {
    if (format === "jwk") return this.#importJwk(data as JsonWebKey, extractable, wanted, readJwk);
    if (format !== "spki" && format !== "pkcs8") fail("NotSupportedError", `Unrecognized key import format "${format}".`);
    const secret = format === "pkcs8";
    const name = format.toUpperCase();
    if (!isBytes(data)) fail("DataError", `${name} import requires an ArrayBuffer.`);
    const box = native.keyFromDer(secret, data);
    if (box === undefined) fail("DataError", `Invalid ${name} input.`);
    if (typeof box === "number") fail("DataError", `Invalid ${box} trailing bytes after ${name} input.`);
    const usages = this.checkUsages(secret ? "import private" : "import public", wanted);
    return { box, type: secret ? "private" : "public", usages };
  }

  #importJwk(jwk: JsonWebKey, extractable: boolean, wanted: string[], readJwk: (jwk: JsonWebKey) => Box): Imported {
    const secret = jwk.d !== undefined;
    const usages = this.checkUsages(secret ? "import private" : "import public", wanted);
    if (secret && jwk.oth !== undefined) fail("NotSupportedError", "Multi-prime private keys not supported.");
    if (wanted.length > 0 && jwk.use !== undefined && jwk.use !== this.uses.use) {
      fail("DataError", 'Asymmetric "jwk" key import with usages requires a JSON Web Key with Public Key Use parameter ' +
        `"use" ("${jwk.use}") equal to "sig".`);
    }
    if (jwk.key_ops !== undefined) this.#checkOperations(jwk.key_ops, jwk.use, wanted);
    return { box: readJwk(jwk), type: secret ? "private" : "public", usages };
  }

  // https://www.rfc-editor.org/rfc/rfc7517#section-4.3
  #checkOperations(operations: string[], use: string | undefined, wanted: string[]): void {
    if (new Set(operations).size < operations.length) {
      fail("DataError", `A JSON Web Key's Key Operations parameter ("key_ops") must not contain duplicates.`);
    }
    if (use !== undefined) {
      if (use !== this.uses.use) {
        fail("DataError", `Asymmetric "jwk" import requires a JSON Web Key with Public Key Use "use" ("${use}") equal to ` +
          `"${this.uses.use}".`);
      }
      for (const operation of operations) this.#checkOperation(operation);
    }
    if (!wanted.every((usage) => operations.includes(usage))) {
      fail("DataError",
        `All specified key usages must be present in the JSON Web Key's Key Operations parameter ("key_ops").`);
    }
  }
  #checkOperation(operation: string): void {
    const consistent = 'A JSON Web Key should have either a Public Key Use parameter ("use") or a Key Operations ' +
      'parameter ("key_ops"); otherwise, the parameters must be consistent with each other. ';
    const [first, second] = this.uses.operations;
    if (first === undefined) {
      fail("DataError", consistent + `For public ${this.name} keys, there are no valid usages,so keys with a non-empty ` +
        '"key_ops" parameter are not allowed.');
    }
    if (operation !== first && operation !== second) {
      fail("DataError", consistent + `A Public Key Use for ${this.name} would allow a Key Operations array with only ` +
        `"${first}" and/or "${second}" values (not "${operation}").`);
    }
  }

  exportKey(key: Material, format: string): ArrayBuffer | JsonWebKey {
    const secret = key.type === "private";
    if (format === "pkcs8") {
      if (!secret) fail("InvalidAccessError", 'Asymmetric pkcs8 export requires private key (not "public").');
      return native.keyToDer(key.box!, true) ?? fail("OperationError", "Private key export failed.");
    }
    if (format === "spki") {
      if (secret) fail("InvalidAccessError", 'Asymmetric spki export requires public key (not "private").');
      return native.keyToDer(key.box!, false) ?? fail("OperationError", "Public key export failed.");
    }
    if (format === "jwk") return exportedJwk(key, this.jwkOf(key, native.keyParts(key.box!, secret)));
    if (format === "raw") return this.exportRaw(key);
    fail("InvalidAccessError", `Cannot export "${this.name}" in "${format}" format.`);
  }
}

// The first `bits` of a secret; all of it for null.
export function firstBits(secret: ArrayBuffer, bits: number | null): ArrayBuffer {
  const all = secret.byteLength * 8;
  const count = bits ?? all;
  if (count > all) {
    fail("OperationError", `Derived key length (${count} bits) is too long (should be at most ${all} bits).`);
  }
  const result = new Uint8Array(secret.slice(0, Math.ceil(count / 8)));
  if (count % 8 !== 0) result[result.length - 1]! &= 0xff00 >> count % 8;
  return result.buffer;
}

// The public key of an agreement, which belongs to `mine`.
export function peerOf(key: Material, peer: Material | undefined, parameters: Parameters): Material {
  if (peer === undefined) {
    if (parameters.value("public") === undefined) throw parameters.missing("public", "derivedKeyParams");
    throw parameters.wrong("public", "CryptoKey");
  }
  if (key.type !== "private") {
    fail("InvalidAccessError", `The deriveBits operation is only valid for a private key, not "${key.type}".`);
  }
  if (peer.type !== "public") {
    fail("InvalidAccessError", `The provided key has type "${peer.type}", not "public"`);
  }
  const [mine, other] = [key.algorithm.name, peer.algorithm.name];
  if (("namedCurve" in key.description) !== (peer.curve !== undefined && peer.description.namedCurve !== undefined)) {
    fail("InvalidAccessError", `Base ${mine} private key cannot be used to derive a key from a peer ${other} public key`);
  }
  if (mine !== other) {
    const plain = key.curve === "X25519" && peer.curve === undefined;
    fail("InvalidAccessError", plain
      ? `Base ${mine} private key cannot be used to derive a key from a peer ${other} public key`
      : `Private key for derivation is using "${mine}" while public key is using "${other}".`);
  }
  return peer;
}

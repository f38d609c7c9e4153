// ECDSA, ECDH, and the algorithms on Curve25519.
import type { Box, Bytes } from "./native.d";
import {
  type CryptoKey, type CryptoKeyPair, decodeBase64Url, encodeBase64Url, type JsonWebKey, type Material, materialOf,
} from "./crypto_key";
import { fail, findHash, isBytes, lookup, type Parameters } from "./crypto_names";
import {
  firstBits, type Imported, kBadCompressed, kBadPair, kBadPrivate, keyTypeOf, kInfinity, kNotOnCurve, PairAlgorithm, peerOf,
} from "./crypto_public";
import { concatBytes, native } from "./seam";

const kSignature = { use: "sig", operations: ["sign", "verify"] };
const kAgreement = { use: "enc", operations: [] };
const kDerive = ["deriveKey", "deriveBits"];

const kCurves: Record<string, string> = { __proto__: null as any, "P-256": "P-256", "P-384": "P-384", "P-521": "P-521" };
const kAlgs: Record<string, string> = { ES256: "P-256", ES384: "P-384", ES512: "P-521" };

abstract class Elliptic extends PairAlgorithm {
  readonly rawFormat = "raw-public";
  #curve(parameters: Parameters): { asked: string; curve: string } {
    const asked = parameters.text("namedCurve");
    if (asked === undefined) throw parameters.missing("namedCurve");
    const curve = lookup(kCurves, asked);
    if (curve === undefined) {
      fail("NotSupportedError", `Unrecognized or unimplemented EC curve "${asked}" requested.`);
    }
    return { asked, curve };
  }
  #traits(curve: string) {
    return { description: { name: this.name, namedCurve: curve }, curve };
  }

  generate(parameters: Parameters, extractable: boolean, wanted: string[]): CryptoKeyPair {
    const usages = this.checkUsages("generate", wanted);
    const { curve } = this.#curve(parameters);
    const box = native.keyGenerate(curve);
    if (box === undefined) fail("OperationError", `Error generating EC "${curve}" key.`);
    return this.pair(box, this.#traits(curve), extractable, usages);
  }

  importKey(format: string, data: Bytes | JsonWebKey, parameters: Parameters, extractable: boolean, wanted: string[]): CryptoKey {
    const { asked, curve } = this.#curve(parameters);
    const imported = format === "raw" ? this.#importRaw(data, curve, wanted)
      : this.import(format, data, extractable, wanted, (jwk) => this.#readJwk(jwk, curve));
    const type = keyTypeOf(imported.box);
    if (type !== "EC" && kCurves[type] === undefined) {
      fail("DataError", this.name === "ECDSA" ? "Input was not an EC key."
        : "Input was not an EC public key nor a DH key.");
    }
    if (type !== curve) {
      const comma = this.name === "ECDSA" ? "" : ",";
      fail("DataError",
        `"algorithm.namedCurve" "${asked}"${comma} does not match the curve specified by the input key data.`);
    }
    return this.key(imported, this.#traits(curve), extractable);
  }

  #importRaw(data: Bytes | JsonWebKey, curve: string, wanted: string[]): Imported {
    if (!isBytes(data)) fail("DataError", "Expected raw EC key but instead got a Json Web Key.");
    const usages = this.checkUsages("import public", wanted);
    const box = native.keyFromPoint(curve, data);
    if (typeof box !== "number") return { box, type: "public", usages };
    if (box === kInfinity) fail("DataError", "Invalid raw EC key provided.");
    const why = box === kNotOnCurve ? "Point is not on curve." : box === kBadCompressed ? "Invalid compressed point."
      : "Invalid point encoding.";
    fail("DataError", `Failed to import raw EC key data: ${why}.`);
  }

  #readJwk(jwk: JsonWebKey, curve: string): Box {
    if (jwk.kty !== "EC") {
      fail("DataError", 'Elliptic curve "jwk" key import requires a JSON Web Key with Key Type parameter "kty" ' +
        `("${jwk.kty}") equal to "EC".`);
    }
    if (this.name === "ECDSA" && jwk.alg !== undefined) {
      if (!Object.hasOwn(kAlgs, jwk.alg)) {
        fail("NotSupportedError",
          `Unrecognized or unimplemented algorithm "${jwk.alg}" listed in JSON Web Key Algorithm parameter.`);
      }
      if (kAlgs[jwk.alg] !== curve) {
        fail("DataError", `JSON Web Key Algorithm parameter "alg" ("${jwk.alg}") does not match requested curve.`);
      }
    }
    const x = decodeBase64Url(jwk.x, 'Invalid EC key in JSON Web Key; missing "x".');
    const y = decodeBase64Url(jwk.y, 'Invalid EC key in JSON Web Key; missing "y".');
    const d = jwk.d === undefined ? undefined : decodeBase64Url(jwk.d,
      'Invalid EC key in JSON Web Key; missing or invalid private key component ("d").');
    const box = native.keyFromEc(curve, x, y, d);
    if (typeof box !== "number") return box;
    if (box === kBadPair) fail("DataError", "Invalid EC key in JSON Web Key.");
    if (box === kBadPrivate) fail("OperationError", 'Invalid EC key; private key component "d" is invalid.');
    const why = box === kNotOnCurve ? ": Point is not on curve.." : ".";
    fail("OperationError", `Invalid EC key; public key coordinates "x" and "y" are invalid${why}`);
  }

  protected jwkOf(key: Material, parts: (ArrayBuffer | undefined)[]): Partial<JsonWebKey> {
    const [x, y, d] = parts.map((part) => part && encodeBase64Url(part));
    return { kty: "EC", crv: key.curve, x, y, d } as Partial<JsonWebKey>;
  }
  protected exportRaw(key: Material): ArrayBuffer {
    if (key.type !== "public") {
      fail("InvalidAccessError", "Raw export of elliptic curve keys is only allowed for public keys.");
    }
    const [x, y] = native.keyParts(key.box!, false);
    return concatBytes([new Uint8Array([4]), new Uint8Array(x!), new Uint8Array(y!)]).buffer;
  }
}

class Ecdsa extends Elliptic {
  constructor() {
    super("ECDSA", ["verify"], ["sign"], kSignature);
  }
  #hash(parameters: Parameters): number {
    const hash = parameters.hash();
    if (hash !== undefined) return findHash(hash).number;
    throw new TypeError('Missing "hash" in AlgorithmIdentifier. (ECDSA requires that the hash algorithm be specified at ' +
      "call time rather than on the key. This differs from other WebCrypto algorithms for historical reasons.)");
  }
  sign(key: Material, parameters: Parameters, data: Bytes): ArrayBuffer {
    return native.keySign(key.box!, this.#hash(parameters), 0, 0, data) ?? fail("OperationError", "ECDSA signing failed.");
  }
  verify(key: Material, parameters: Parameters, signature: Bytes, data: Bytes): boolean {
    return native.keyVerify(key.box!, this.#hash(parameters), 0, 0, signature, data);
  }
}

class Ecdh extends Elliptic {
  constructor() {
    super("ECDH", [], kDerive, kAgreement);
  }
  deriveBits(key: Material, parameters: Parameters, bits: number | null): ArrayBuffer {
    const peer = peerOf(key, materialOf(parameters.value("public")), parameters);
    if (peer.curve !== key.curve) {
      fail("InvalidAccessError",
        `Private key for derivation is using curve "${key.curve}" while public key is using "${peer.curve}".`);
    }
    const secret = native.keyDerive(key.box!, peer.box!);
    if (secret === undefined) fail("OperationError", "Failed to generate shared ECDH secret.");
    return firstBits(secret, bits);
  }
}

// -- Curve25519: https://www.rfc-editor.org/rfc/rfc8037

abstract class Curve25519 extends PairAlgorithm {
  readonly rawFormat = "raw-public";
  constructor(name: string, readonly type: "Ed25519" | "X25519", forPublic: string[], forPrivate: string[],
              uses: { use: string; operations: string[] }) {
    super(name, forPublic, forPrivate, uses);
  }
  #traits() {
    const legacy = this.name === "NODE-ED25519";
    return { description: legacy ? { name: this.name, namedCurve: this.name } : { name: this.name }, curve: this.type };
  }
  #checkCurve(parameters: Parameters): void {
    if (this.name !== "NODE-ED25519") return;
    const curve = parameters.text("namedCurve");
    if (curve === undefined) throw parameters.missing("namedCurve");
    if (curve !== this.name) fail("NotSupportedError", `EDDSA curve "${curve}" isn't supported.`);
  }

  generate(parameters: Parameters, extractable: boolean, wanted: string[]): CryptoKeyPair {
    const usages = this.checkUsages("generate", wanted);
    this.#checkCurve(parameters);
    const box = native.keyGenerate(this.type);
    if (box === undefined) fail("OperationError", `Error generating ${this.type} key.`);
    return this.pair(box, this.#traits(), extractable, usages);
  }

  importKey(format: string, data: Bytes | JsonWebKey, parameters: Parameters, extractable: boolean, wanted: string[]): CryptoKey {
    this.#checkCurve(parameters);
    const imported = format === "raw" ? this.#importRaw(data as Bytes, wanted)
      : this.import(format, data, extractable, wanted, (jwk) => this.#readJwk(jwk));
    if (keyTypeOf(imported.box) !== this.type) fail("DataError", `Input was not an ${this.type} key.`);
    return this.key(imported, this.#traits(), extractable);
  }
  #importRaw(data: Bytes, wanted: string[]): Imported {
    const usages = this.checkUsages("import public", wanted);
    if (data.byteLength !== 32) {
      fail("DataError", `${this.type} raw keys must be exactly 32-bytes (provided ${data.byteLength}).`);
    }
    return { box: this.#fromRaw(false, data), type: "public", usages };
  }
  #fromRaw(secret: boolean, bytes: Bytes): Box {
    return native.keyFromRaw(this.type, secret, bytes) ?? fail("OperationError", `Failed to import ${this.type} key.`);
  }

  #readJwk(jwk: JsonWebKey): Box {
    const type = this.type;
    if (jwk.kty !== "OKP") {
      fail("DataError",
        `${type} "jwk" key imports requires a JSON Web Key with Key Type parameter "kty" ("${jwk.kty}") equal to "OKP".`);
    }
    if (jwk.crv === undefined) fail("DataError", `Missing field "crv" for ${type} key.`);
    if (jwk.crv !== type) fail("NotSupportedError", `Only ${type} is supported but "${jwk.crv}" was requested.`);
    if (type === "Ed25519" && jwk.alg !== undefined && jwk.alg !== "EdDSA") {
      fail("DataError",
        `JSON Web Key Algorithm parameter "alg" ("${jwk.alg}") does not match requested Ed25519 curve.`);
    }
    const x = decodeBase64Url(jwk.x,
      `Invalid ${type} key in JSON WebKey; missing or invalid public key component ("x").`);
    if (x.length !== 32) fail("DataError", `Invalid length ${x.length} for public key`);
    if (jwk.d === undefined) return this.#fromRaw(false, x);
    const d = decodeBase64Url(jwk.d,
      `Invalid ${type} key in JSON Web Key; missing or invalid private key component ("d").`);
    if (d.length !== 32) fail("DataError", `Invalid length ${d.length} for private key`);
    return this.#fromRaw(true, d);
  }

  protected jwkOf(_: Material, parts: (ArrayBuffer | undefined)[]): Partial<JsonWebKey> {
    const [x, d] = parts.map((part) => part && encodeBase64Url(part));
    const alg = this.name === "Ed25519" ? "EdDSA" : undefined;
    return { kty: "OKP", crv: this.type, alg, x, d } as Partial<JsonWebKey>;
  }
  protected exportRaw(key: Material): ArrayBuffer {
    if (key.type !== "public") {
      fail("InvalidAccessError", `Raw export of ${this.name} keys is only allowed for public keys.`);
    }
    return native.keyParts(key.box!, false)[0]!;
  }
}

class EdDsa extends Curve25519 {
  constructor(name: string) {
    super(name, "Ed25519", ["verify"], ["sign"], kSignature);
  }
  sign(key: Material, _: Parameters, data: Bytes): ArrayBuffer {
    return (
      native.keySign(key.box!, undefined, 0, 0, data) ?? fail("OperationError", "Failed to sign with Ed25119 key."));
  }
  verify(key: Material, _: Parameters, signature: Bytes, data: Bytes): boolean {
    if (signature.byteLength !== 64) {
      fail("OperationError", `Invalid ${this.name} signature length ${signature.byteLength}`);
    }
    return native.keyVerify(key.box!, undefined, 0, 0, signature, data);
  }
}

class X25519 extends Curve25519 {
  constructor() {
    super("X25519", "X25519", [], kDerive, kAgreement);
  }
  deriveBits(key: Material, parameters: Parameters, bits: number | null): ArrayBuffer {
    const peer = peerOf(key, materialOf(parameters.value("public")), parameters);
    if (bits !== null && bits > 256) {
      fail("OperationError", `Derived key length (${bits} bits) is too long (should be at most 256 bits).`);
    }
    const secret = native.keyDerive(key.box!, peer.box!);
    if (secret === undefined) fail("OperationError", "Failed to derive EDDH key: public key routines INVALID_PEER_KEY.");
    return firstBits(secret, bits);
  }
}

export const kEllipticAlgorithms = [new Ecdsa(), new Ecdh(), new EdDsa("NODE-ED25519"), new EdDsa("Ed25519"), new X25519()];

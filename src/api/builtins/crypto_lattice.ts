// ML-DSA and ML-KEM, with webcrypto_modern_algorithms: https://wicg.github.io/webcrypto-modern-algos/, with workerd's texts. Of
// a private key its seed travels, in every format.
import type { Box, Bytes } from "./native.d";
import {
  type Algorithm, type CryptoKey, type CryptoKeyPair, decodeBase64Url, encodeBase64Url, exportedJwk, type JsonWebKey,
  type Material, newKey,
} from "./crypto_key";
import { type Act, checkUsages, fail, isBytes, type Parameters } from "./crypto_names";
import { bytesOf, concatBytes, native } from "./seam";

interface Sizes { oid: number[]; publicBytes: number; ciphertextBytes?: number }

const kOidStart = [0x60, 0x86, 0x48, 1, 0x65, 3, 4]; // 2.16.840.1.101.3.4
const kContextBytesMax = 255;

abstract class Lattice implements Algorithm {
  readonly modern = true;
  protected abstract readonly family: string;
  protected abstract readonly seedBytes: number;
  constructor(readonly name: string, readonly sizes: Sizes, readonly forPublic: string[], readonly forPrivate: string[],
              readonly use: string) {}

  #usages(act: Act, wanted: string[]): string[] {
    const allowed = act === "import public" ? this.forPublic : act === "import private" ? this.forPrivate
      : [...this.forPublic, ...this.forPrivate];
    return checkUsages(this.name, act, wanted, allowed);
  }
  #key(type: "public" | "private", box: Box, extractable: boolean, usages: string[]): CryptoKey {
    return newKey({ algorithm: this, type, extractable, usages, description: { name: this.name }, box });
  }
  #import(secret: boolean, bytes: Uint8Array, problem: string): Box {
    return native.latticeImport(this.name, secret, bytes as Bytes) ?? fail("DataError", problem);
  }

  generate(_: Parameters, extractable: boolean, wanted: string[]): CryptoKeyPair {
    const usages = this.#usages("generate", wanted);
    const box = native.latticeGenerate(this.name) ?? fail("OperationError", `Error generating ${this.name} key.`);
    const of = (names: string[]) => usages.filter((usage) => names.includes(usage));
    return {
      publicKey: this.#key("public", box, true, of(this.forPublic)),
      privateKey: this.#key("private", box, extractable, of(this.forPrivate)),
    };
  }

  importKey(format: string, data: Bytes | JsonWebKey, _: Parameters, extractable: boolean, wanted: string[]): CryptoKey {
    if (format === "jwk") return this.#importJwk(data as JsonWebKey, extractable, wanted);
    const secret = format === "raw-seed" || format === "pkcs8";
    if (!secret && format !== "raw-public" && format !== "spki") {
      fail("NotSupportedError", `Unsupported import format "${format}" for ${this.family}.`);
    }
    const usages = this.#usages(secret ? "import private" : "import public", wanted);
    const given = bytesOf(data)!;
    let box: Box;
    if (format === "pkcs8") box = this.#import(true, this.#readPkcs8(given), "Invalid PKCS8 structure.");
    else if (format === "spki") box = this.#import(false, this.#readSpki(given), this.#unparsed());
    else {
      const [what, size] = secret ? ["seed", this.seedBytes] : ["public key", this.sizes.publicBytes];
      if (given.byteLength !== size) {
        fail("DataError", `Invalid ${this.name} ${what} length: expected ${size} bytes, got ${given.byteLength}`);
      }
      box = this.#import(secret, given, `Invalid ${this.name} ${what}.`);
    }
    return this.#key(secret ? "private" : "public", box, extractable, usages);
  }

  exportKey(key: Material, format: string): ArrayBuffer | JsonWebKey {
    const secret = key.type === "private";
    const part = (which: boolean) => native.latticePart(key.box!, which) ?? fail("OperationError", `Error exporting ${this.name} key.`);
    switch (format) {
      case "jwk": return exportedJwk(key, {
        kty: "AKP", alg: this.name, pub: encodeBase64Url(part(false)), ...(secret ? { priv: encodeBase64Url(part(true)) } : {}),
      });
      case "raw-public":
        if (secret) fail("InvalidAccessError", "raw-public export requires a public key.");
        return part(false);
      case "raw-seed":
        if (!secret) fail("InvalidAccessError", "raw-seed export requires a private key.");
        return part(true);
      case "spki":
        if (secret) fail("InvalidAccessError", "SPKI export requires a public key.");
        return sequence(this.#algorithm(), element(kBitString, concatBytes([new Uint8Array(1), new Uint8Array(part(false))]))).buffer;
      case "pkcs8":
        if (!secret) fail("InvalidAccessError", "PKCS8 export requires a private key.");
        return sequence(element(kInteger, new Uint8Array(1)), this.#algorithm(),
                        element(kOctets, element(kSeed, new Uint8Array(part(true))))).buffer;
    }
    fail("NotSupportedError", `Unrecognized export format "${format}" for ${this.family}.`);
  }

  // -- SubjectPublicKeyInfo and PKCS #8

  #algorithm(): Uint8Array {
    return sequence(element(kOid, Uint8Array.from([...kOidStart, ...this.sizes.oid])));
  }
  #checkAlgorithm(der: Reader, kind: string): void {
    const inner = der.inside(kSequence);
    const oid = inner?.take(kOid);
    if (inner === undefined || oid === undefined) fail("DataError", `Invalid ${kind} structure.`);
    const expected = [...kOidStart, ...this.sizes.oid];
    if (oid.length !== expected.length || expected.some((byte, index) => oid[index] !== byte)) {
      fail("DataError", `${kind} algorithm OID does not match ${this.name}.`);
    }
    if (!inner.done) fail("DataError", `${kind} AlgorithmIdentifier for ${this.name} must not have parameters.`);
  }
  #unparsed(): string {
    return `Failed to parse ${this.name} public key from SPKI.`;
  }
  #readSpki(given: Uint8Array): Uint8Array {
    const outer = new Reader(given);
    const der = outer.inside(kSequence);
    if (der === undefined || !outer.done) fail("DataError", "Invalid SPKI structure.");
    this.#checkAlgorithm(der, "SPKI");
    const bits = der.take(kBitString);
    if (bits === undefined) fail("DataError", "Invalid SPKI subjectPublicKey.");
    if (bits[0] !== 0) fail("DataError", "Invalid SPKI subjectPublicKey BIT STRING padding.");
    if (!der.done) fail("DataError", "Trailing data in SPKI.");
    if (bits.length - 1 !== this.sizes.publicBytes) fail("DataError", this.#unparsed());
    return bits.subarray(1);
  }
  #readPkcs8(given: Uint8Array): Uint8Array {
    const outer = new Reader(given);
    const der = outer.inside(kSequence);
    if (der === undefined || !outer.done) fail("DataError", "Invalid PKCS8 structure.");
    const version = der.take(kInteger);
    if (version?.length !== 1 || version[0] !== 0) fail("DataError", "Invalid PKCS8 version.");
    this.#checkAlgorithm(der, "PKCS8");
    const inner = der.inside(kOctets);
    if (inner === undefined) fail("DataError", "Invalid PKCS8 structure.");
    const seed = inner.take(kSeed);
    if (seed === undefined || !inner.done) {
      fail("NotSupportedError", `Only the seed PKCS8 private key format is supported for ${this.name}.`);
    }
    if (seed.length !== this.seedBytes) fail("DataError", `Invalid ${this.name} seed length in PKCS8.`);
    return seed;
  }

  // -- JWK, of the key type AKP

  #importJwk(jwk: JsonWebKey, extractable: boolean, wanted: string[]): CryptoKey {
    const { name } = this;
    const secret = jwk.priv !== undefined;
    const usages = this.#usages(secret ? "import private" : "import public", wanted);
    this.#checkJwk(jwk, wanted);
    const readPublic = () => decodeBase64Url(jwk.pub, `Invalid base64url in JWK "pub" for ${name}.`);
    if (!secret) {
      if (jwk.pub === undefined) fail("DataError", `JWK for ${name} must have "pub" field.`);
      const open = readPublic();
      if (open.length !== this.sizes.publicBytes) fail("DataError", `Invalid JWK "pub" length for ${name}.`);
      return this.#key("public", this.#import(false, open, `Invalid JWK "pub" for ${name}.`), extractable, usages);
    }
    const seed = decodeBase64Url(jwk.priv, `Invalid base64url in JWK "priv" for ${name}.`);
    if (seed.length !== this.seedBytes) fail("DataError", `Invalid JWK "priv" length for ${name}.`);
    if (jwk.pub === undefined && this.needsPublic) fail("DataError", `JWK for ${name} private keys must have "pub".`);
    const box = this.#import(true, seed, `Invalid JWK "priv" for ${name}.`);
    if (jwk.pub !== undefined) {
      const [open, derived] = [readPublic(), native.latticePart(box, false)];
      const same = derived?.byteLength === open.length && native.cryptoEqual(derived, open);
      if (!same) fail("DataError", 'JWK "pub" does not match the public key derived from "priv".');
    }
    return this.#key("private", box, extractable, usages);
  }
  protected readonly needsPublic: boolean = false;

  #checkJwk({ kty, alg, use, key_ops: ops }: JsonWebKey, wanted: string[]): void {
    const { name } = this;
    if (kty !== "AKP") fail("DataError", `JWK "kty" field must be "AKP" for ${name}.`);
    if (alg === undefined) fail("DataError", `JWK "alg" field is required for ${name}.`);
    if (alg !== name) fail("DataError", `JWK "alg" field "${alg}" does not match "${name}".`);
    if (wanted.length > 0 && use !== undefined && use !== this.use) {
      fail("DataError", `JWK "use" field must be "${this.use}" for ${name}.`);
    }
    if (ops === undefined) return;
    const twice = ops.toSorted().find((each, index, all) => all[index + 1] === each);
    if (twice !== undefined) fail("DataError", `JWK contains duplicate value "${twice}", in "key_ops".`);
    for (const usage of wanted) {
      if (!ops.includes(usage)) fail("DataError", `"jwk" key missing usage "${usage}", in "key_ops".`);
    }
  }
}

export class MlDsa extends Lattice {
  protected readonly family = "ML-DSA";
  protected readonly seedBytes = 32;
  constructor(set: number, oid: number, publicBytes: number) {
    super(`ML-DSA-${set}`, { oid: [3, oid], publicBytes }, ["verify"], ["sign"], "sig");
  }
  // What is signed along.
  readContext(parameters: Parameters): Bytes {
    const context = parameters.value("context");
    if (context === undefined) return new Uint8Array(0);
    if (!isBytes(context)) throw new TypeError("ML-DSA context must be a buffer source.");
    if (context.byteLength > kContextBytesMax) {
      fail("OperationError", `ML-DSA context must be at most ${kContextBytesMax} bytes.`);
    }
    return context;
  }
  sign(key: Material, parameters: Parameters, data: Bytes): ArrayBuffer {
    return native.latticeSign(key.box!, this.readContext(parameters), data) ?? fail("OperationError", "ML-DSA signing failed.");
  }
  verify(key: Material, parameters: Parameters, signature: Bytes, data: Bytes): boolean {
    return native.latticeVerify(key.box!, this.readContext(parameters), signature, data);
  }
}

export class MlKem extends Lattice {
  protected readonly family = "ML-KEM";
  protected readonly seedBytes = 64;
  protected override readonly needsPublic = true;
  constructor(set: number, oid: number, publicBytes: number, ciphertextBytes: number) {
    super(`ML-KEM-${set}`, { oid: [4, oid], publicBytes, ciphertextBytes }, ["encapsulateKey", "encapsulateBits"],
          ["decapsulateKey", "decapsulateBits"], "enc");
  }
  encapsulate(key: Material): [sharedKey: ArrayBuffer, ciphertext: ArrayBuffer] {
    return native.latticeEncapsulate(key.box!) ?? fail("OperationError", "ML-KEM encapsulation failed.");
  }
  decapsulate(key: Material, ciphertext: Bytes): ArrayBuffer {
    const expected = this.sizes.ciphertextBytes!;
    if (ciphertext.byteLength !== expected) {
      fail("OperationError",
           `Invalid ciphertext length for ${this.name}: expected ${expected} bytes, got ${ciphertext.byteLength}`);
    }
    return native.latticeDecapsulate(key.box!, ciphertext) ?? fail("OperationError", "ML-KEM decapsulation failed.");
  }
}

export const kLatticeAlgorithms = [
  new MlDsa(44, 17, 1312), new MlDsa(65, 18, 1952), new MlDsa(87, 19, 2592),
  new MlKem(768, 2, 1184, 1088), new MlKem(1024, 3, 1568, 1568),
];

// -- as much of DER as these keys have

const kInteger = 0x02, kBitString = 0x03, kOctets = 0x04, kOid = 0x06, kSequence = 0x30, kSeed = 0x80;

function element(tag: number, contents: Uint8Array): Uint8Array {
  const { length } = contents;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return concatBytes([Uint8Array.from([tag, ...size]), contents]);
}
function sequence(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return element(kSequence, concatBytes(parts)) as Uint8Array<ArrayBuffer>;
}

class Reader {
  #at = 0;
  constructor(readonly bytes: Uint8Array) {}
  get done(): boolean { return this.#at === this.bytes.length; }
  // The contents of the next element, if it is of that tag and whole; lengths are as short as can be.
  take(tag: number): Uint8Array | undefined {
    const { bytes } = this;
    if (bytes[this.#at] !== tag) return undefined;
    let at = this.#at + 1;
    let length = bytes[at++] ?? Infinity;
    if (length >= 0x80) {
      const count = length & 0x7f;
      if (count < 1 || count > 2) return undefined;
      length = 0;
      for (let i = 0; i < count; i++) length = length * 256 + (bytes[at++] ?? Infinity);
      if (length < (count === 1 ? 0x80 : 0x100)) return undefined;
    }
    if (!(at + length <= bytes.length)) return undefined;
    this.#at = at + length;
    return bytes.subarray(at, at + length);
  }
  inside(tag: number): Reader | undefined {
    const contents = this.take(tag);
    return contents && new Reader(contents);
  }
}

// SubtleCrypto.supports(): whether an operation would be taken with these parameters.
// https://wicg.github.io/webcrypto-modern-algos/#SubtleCrypto-method-supports, as workerd answers.
import { type Algorithm, materialOf } from "./crypto_key";
import { findDigest, findHash, lookup, type Parameters } from "./crypto_names";
import { MlDsa, MlKem } from "./crypto_lattice";

type Find = (name: string) => Algorithm | undefined;
type Check = (parameters: Parameters) => boolean | void; // False or an error: no.

const hasHash: Check = (parameters) => void parameters.requiredHash();
const kCurves = ["P-256", "P-384", "P-521"];
const hasCurve: Check = (parameters) => kCurves.includes((parameters.text("namedCurve") ?? "").toUpperCase());
const isNode: Check = (parameters) => parameters.text("namedCurve") === "NODE-ED25519";
const kAesBits = [128, 192, 256];
const isAesLength: Check = (parameters) => kAesBits.includes(parameters.integer("length") ?? 0);
const always: Check = () => true;
const size = (parameters: Parameters, member: string) => parameters.bytes(member)?.byteLength ?? 0;

const kTagBits = [32, 64, 96, 104, 112, 120, 128];
const kCiphers: Record<string, Check> = {
  "AES-CBC": (parameters) => size(parameters, "iv") === 16,
  "AES-CTR": (parameters) => {
    const bits = parameters.integer("length") ?? 0;
    return size(parameters, "counter") === 16 && bits >= 1 && bits <= 128;
  },
  "AES-GCM": (parameters) => {
    parameters.bytes("additionalData");
    return size(parameters, "iv") > 0 && kTagBits.includes(parameters.integer("tagLength") ?? 128);
  },
  "CHACHA20-POLY1305": (parameters) => {
    parameters.bytes("additionalData");
    return size(parameters, "iv") === 12 && (parameters.integer("tagLength") ?? 128) === 128;
  },
  "RSA-OAEP": (parameters) => void parameters.bytes("label"),
};

const context = (parameters: Parameters, find: Find) => void (find(parameters.name) as MlDsa).readContext(parameters);
const kSigners: Record<string, Check> = {
  "HMAC": always, "RSASSA-PKCS1-V1_5": always, "ED25519": always, "NODE-ED25519": always, "ECDSA": hasHash,
  "RSA-PSS": (parameters) => (parameters.integer("saltLength") ?? -1) >= 0,
};

const rsaPair: Check = (parameters) => {
  parameters.requiredHash();
  const bits = parameters.integer("modulusLength") ?? 0;
  const exponent = parameters.bytes("publicExponent");
  if (exponent === undefined) return false;
  const bytes = [...new Uint8Array(ArrayBuffer.isView(exponent) ? exponent.buffer.slice(exponent.byteOffset, exponent.byteOffset + exponent.byteLength) : exponent)];
  while (bytes[0] === 0) bytes.shift();
  return bits % 128 === 0 && bits >= 512 && bits <= 8192 && ["3", "1,0,1"].includes(String(bytes));
};
const kGenerators: Record<string, Check> = {
  "AES-CBC": isAesLength, "AES-CTR": isAesLength, "AES-GCM": isAesLength, "AES-KW": isAesLength,
  "CHACHA20-POLY1305": always, "ECDSA": hasCurve, "ECDH": hasCurve, "ED25519": always, "X25519": always, "NODE-ED25519": isNode,
  "RSASSA-PKCS1-V1_5": rsaPair, "RSA-PSS": rsaPair, "RSA-OAEP": rsaPair,
  "HMAC": (parameters) => {
    parameters.requiredHash();
    return (parameters.integer("length") ?? 1) > 0;
  },
};
const kImporters: Record<string, Check> = {
  "AES-CBC": always, "AES-CTR": always, "AES-GCM": always, "AES-KW": always, "HKDF": always, "PBKDF2": always,
  "CHACHA20-POLY1305": always, "ECDSA": hasCurve, "ECDH": hasCurve, "ED25519": always, "X25519": always, "NODE-ED25519": isNode,
  "RSASSA-PKCS1-V1_5": hasHash, "RSA-PSS": hasHash, "RSA-OAEP": hasHash, "HMAC": kGenerators["HMAC"]!,
};
const kExporters = [
  "AES-CBC", "AES-CTR", "AES-GCM", "AES-KW", "CHACHA20-POLY1305", "ECDSA", "ECDH", "ED25519", "X25519", "NODE-ED25519",
  "RSASSA-PKCS1-V1_5", "RSA-PSS", "RSA-OAEP", "HMAC",
];
const kPublicKeys = ["ECDSA", "ECDH", "ED25519", "X25519", "RSASSA-PKCS1-V1_5", "RSA-PSS", "RSA-OAEP"];
// What a secret can become.
const kSecrets = ["AES-CBC", "AES-CTR", "AES-GCM", "AES-KW", "CHACHA20-POLY1305", "HMAC", "HKDF", "PBKDF2"];

// -- deriving: `bits` null stands for all there are

const kCurveBits: Record<string, number> = { "P-256": 256, "P-384": 384, "P-521": 528 };
function agrees(parameters: Parameters, bits: number | null): boolean {
  const peer = materialOf(parameters.value("public"));
  if (peer?.type !== "public" || peer.algorithm.name.toUpperCase() !== parameters.name.toUpperCase()) return false;
  return bits === null || bits <= (kCurveBits[peer.curve ?? ""] ?? 256);
}
const kDerivers: Record<string, (parameters: Parameters, bits: number | null) => boolean> = {
  "X25519": agrees, "ECDH": agrees,
  "HKDF": (parameters, bits) => {
    parameters.requiredHash();
    return parameters.bytes("salt") !== undefined && parameters.bytes("info") !== undefined && bits !== null && bits % 8 === 0;
  },
  "PBKDF2": (parameters, bits) => {
    parameters.requiredHash();
    return parameters.bytes("salt") !== undefined && (parameters.integer("iterations") ?? 0) > 0 && bits !== null && bits % 8 === 0;
  },
};

export interface Other { bits: number | null | undefined; algorithm: Parameters | undefined } // The third argument.

// `keyLength` of an algorithm that is derived for; throws if there is none.
export function supports(operation: string, parameters: Parameters, other: Other, find: Find,
                         keyLength: (parameters: Parameters) => number | null): boolean {
  const upper = parameters.name.toUpperCase();
  const algorithm = find(parameters.name);
  const passes = (table: Record<string, Check>, of: Parameters) => {
    const check = find(of.name) === undefined ? undefined : lookup(table, of.name);
    return check !== undefined && check(of) !== false;
  };
  const imports = (of: Parameters) => isLattice(find(of.name)) || passes(kImporters, of);
  const exports = (of: Parameters) => find(of.name) !== undefined && (isLattice(find(of.name)) || kExporters.includes(of.name.toUpperCase()));
  const ciphers = () => passes(kCiphers, parameters);
  const derives = (bits: number | null) => algorithm !== undefined && (lookup(kDerivers, parameters.name)?.(parameters, bits) ?? false);
  try {
    switch (operation) {
      case "encrypt": case "decrypt": return ciphers();
      case "sign": case "verify":
        if (algorithm instanceof MlDsa) return context(parameters, find), true;
        return passes(kSigners, parameters);
      case "digest": return findDigest(parameters.name) !== undefined;
      case "generateKey": return isLattice(algorithm) || passes(kGenerators, parameters);
      case "importKey": return imports(parameters);
      case "exportKey": return exports(parameters);
      case "wrapKey":
        return (upper === "AES-KW" || ciphers()) && (other.algorithm === undefined || exports(other.algorithm));
      case "unwrapKey":
        return (upper === "AES-KW" || ciphers()) && (other.algorithm === undefined || imports(other.algorithm));
      case "getPublicKey": return isLattice(algorithm) || kPublicKeys.includes(upper);
      case "deriveBits": return derives(other.bits ?? null);
      case "deriveKey":
        return other.algorithm !== undefined && imports(other.algorithm) && derives(keyLength(other.algorithm));
      case "encapsulateBits": case "decapsulateBits": return algorithm instanceof MlKem;
      case "encapsulateKey": case "decapsulateKey":
        return algorithm instanceof MlKem && (other.algorithm === undefined || takesSecret(other.algorithm, imports));
    }
  } catch {
    // What the operation would say.
  }
  return false;
}

const kSharedBits = 256;
const isLattice = (algorithm: Algorithm | undefined) => algorithm instanceof MlDsa || algorithm instanceof MlKem;

function takesSecret(parameters: Parameters, imports: (of: Parameters) => boolean): boolean {
  if (!kSecrets.includes(parameters.name.toUpperCase()) || !imports(parameters)) return false;
  const bits = parameters.integer("length") ?? kSharedBits;
  return parameters.name.toUpperCase() !== "HMAC" || (bits <= kSharedBits && bits > kSharedBits - 8);
}

// What all of WebCrypto shares: hashes, usages, and the conversion of arguments and dictionaries, in workerd's words.
import { compatibility } from "./compatibility";
import type { Bytes } from "./native.d";
import { DOMException } from "./errors";
import { isObject, textOf, toInteger, wrongArgument } from "./seam";

export interface Hash {
  name: string;
  number: number; // What C++ calls it (HashByNumber).
  bytes: number;
  blockBytes: number;
}
const kHashes: Record<string, Hash> = {
  __proto__: null as any,
  "SHA-1": { name: "SHA-1", number: 0, bytes: 20, blockBytes: 64 },
  "SHA-256": { name: "SHA-256", number: 1, bytes: 32, blockBytes: 64 },
  "SHA-384": { name: "SHA-384", number: 2, bytes: 48, blockBytes: 128 },
  "SHA-512": { name: "SHA-512", number: 3, bytes: 64, blockBytes: 128 },
  "MD5": { name: "MD5", number: 4, bytes: 16, blockBytes: 64 },
};

// With webcrypto_modern_algorithms; of digest() alone.
const kModernHashes: Record<string, Hash> = {
  __proto__: null as any,
  "SHA3-256": { name: "SHA3-256", number: 5, bytes: 32, blockBytes: 136 },
  "SHA3-384": { name: "SHA3-384", number: 6, bytes: 48, blockBytes: 104 },
  "SHA3-512": { name: "SHA3-512", number: 7, bytes: 64, blockBytes: 72 },
};

export function fail(name: string, message: string): never {
  throw new DOMException(message, name);
}

// Of a table without a prototype whose keys are in upper case, and perhaps as they are usually written too.
export function lookup<T>(table: Record<string, T>, name: string): T | undefined {
  return table[name] ?? table[name.toUpperCase()];
}

export function findHash(name: string): Hash {
  return (
    lookup(kHashes, name) ?? fail("NotSupportedError", "Unrecognized or unimplemented digest algorithm requested."));
}

export function findDigest(name: string): Hash {
  return (compatibility.modernCrypto ? lookup(kModernHashes, name) : undefined) ?? findHash(name);
}

// -- usages, in the order in which a key lists them

const kUsages = [
  "encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits", "wrapKey", "unwrapKey", "encapsulateKey", "encapsulateBits",
  "decapsulateKey", "decapsulateBits",
];

export type Act = "generate" | "import secret" | "import public" | "import private";

export function checkUsages(name: string, act: Act, wanted: string[], allowed: string[]): string[] {
  for (const usage of wanted) {
    if (!allowed.includes(usage)) {
      fail("SyntaxError", `Attempt to ${act} ${name} key with invalid usage "${usage}".`);
    }
  }
  return wanted.length === 1 ? [wanted[0]!] : kUsages.filter((usage) => wanted.includes(usage));
}

// -- arguments

export class Arguments {
  constructor(readonly method: string, readonly values: unknown[]) {}

  wrong(index: number, type: string): TypeError {
    return wrongArgument(this.method, "SubtleCrypto", index + 1, type);
  }
  text(index: number): string {
    if (index >= this.values.length) throw this.wrong(index, "string");
    return textOf(this.values[index]);
  }
  flag(index: number): boolean {
    if (index >= this.values.length) throw this.wrong(index, "boolean");
    return Boolean(this.values[index]);
  }
  bytes(index: number): Bytes {
    const value = this.values[index];
    if (!isBytes(value)) throw this.wrong(index, "BufferSource");
    return value;
  }
  usages(index: number): string[] {
    const value = this.values[index];
    if (!Array.isArray(value)) throw this.wrong(index, "Array");
    const usages: string[] = [];
    for (let i = 0; i < value.length; ++i) usages.push(textOf(value[i]));
    return usages;
  }
  algorithm(index: number, dictionary: string): Parameters {
    const value = this.values[index];
    if (value === undefined || value === null) throw this.wrong(index, `string or ${dictionary}`);
    return new Parameters(value, dictionary);
  }
}

export function isBytes(value: unknown): value is Bytes {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value);
}

// An algorithm as a script gives it: its name, or a dictionary whose members are converted when they are asked for.
export class Parameters {
  readonly name: string;
  readonly #members: any;

  constructor(value: unknown, readonly dictionary: string) {
    this.#members = isObject(value) ? value : {};
    this.name = isObject(value) ? textOf(this.#members.name) : textOf(value);
  }
  value(member: string): unknown {
    return this.#members[member];
  }
  bytes(member: string): Bytes | undefined {
    const value = this.value(member);
    if (value !== undefined && !isBytes(value)) throw this.wrong(member, "BufferSource");
    return value;
  }
  // A Web IDL long. NaN and infinities are 0.
  integer(member: string, range?: string): number | undefined {
    const value = this.value(member);
    return value === undefined ? undefined : toInteger(value, range);
  }
  text(member: string): string | undefined {
    const value = this.value(member);
    return value === undefined ? undefined : textOf(value);
  }
  // The member `hash`: a name, or a dictionary with one.
  hash(): string | undefined {
    const value = this.value("hash");
    return value === undefined ? undefined : isObject(value) ? textOf((value as any).name) : textOf(value);
  }
  wrong(member: string, type: string): TypeError {
    return new TypeError(
      `Incorrect type for the '${member}' field on '${this.dictionary}': the provided value is not of type '${type}'.`);
  }
  missing(member: string, where = "algorithm"): TypeError {
    return new TypeError(`Missing field "${member}" in "${where}".`);
  }
  requiredHash(where?: string): Hash {
    const name = this.hash();
    if (name === undefined) throw this.missing("hash", where);
    return findHash(name);
  }
}

// Durable Objects as their callers see them: DurableObjectNamespace, DurableObjectId and the stub.
import { type Callee, fetchThrough } from "./fetch";
import type { RequestInit } from "./request";
import type { Response } from "./response";
import {
  illegalConstructor, inherit, isObject, kInternal, native, platform, textOf, wrongArgument,
} from "./seam";

let hexOf: (id: DurableObjectId) => string; // Whatever a script makes of toString().

export class DurableObjectId {
  #hex: string;
  declare jurisdiction: undefined;
  declare name: string | undefined;

  constructor(token?: unknown, hex?: string, name?: string) {
    illegalConstructor(token);
    this.#hex = hex!;
    this.jurisdiction = undefined;
    this.name = name;
  }
  toString(): string { return this.#hex; }
  static {
    hexOf = (id) => id.#hex;
  }
  equals(other: unknown): boolean {
    if (!(other instanceof DurableObjectId)) throw wrongArgument("equals", "DurableObjectId", 1, "DurableObjectId");
    return this.#hex === other.#hex;
  }
}

const kNamespace = "DurableObjectNamespace";
const isOptional = (value: unknown) => value === undefined || value === null || isObject(value);

// IDs of names that were asked for, as hex: deriving one is two keyed hashes. Emptied when there are kNamesMax.
const kNamesMax = 4096;
const kNameLengthMax = 128; // Longer names are not kept.

interface GetOptions { locationHint?: unknown; routingMode?: unknown }

export class DurableObjectNamespace {
  #ns: number;
  #names: Map<string, string>;
  constructor(token?: unknown, ns?: number, names?: Map<string, string>) {
    illegalConstructor(token);
    this.#ns = ns!;
    this.#names = names ?? new Map();
  }
  newUniqueId(options?: { jurisdiction?: unknown }): DurableObjectId {
    if (!isOptional(options)) throw wrongArgument("newUniqueId", kNamespace, 1, "NewUniqueIdOptions");
    if (options?.jurisdiction !== undefined && options.jurisdiction !== null) throw noJurisdictions();
    return new DurableObjectId(kInternal, native.idNewUnique(this.#ns));
  }
  idFromName(name: unknown): DurableObjectId {
    if (name === undefined) throw wrongArgument("idFromName", kNamespace, 1, "string");
    const text = textOf(name);
    let hex = this.#names.get(text);
    if (hex === undefined) {
      hex = native.idFromName(this.#ns, text);
      if (this.#names.size >= kNamesMax) this.#names.clear();
      if (text.length <= kNameLengthMax) this.#names.set(text, hex);
    }
    return new DurableObjectId(kInternal, hex, text);
  }
  idFromString(text: unknown): DurableObjectId {
    if (text === undefined) throw wrongArgument("idFromString", kNamespace, 1, "string");
    return new DurableObjectId(kInternal, native.idFromString(this.#ns, textOf(text)));
  }
  get(id: unknown, options?: GetOptions): DurableObject {
    if (!(id instanceof DurableObjectId)) throw wrongArgument("get", kNamespace, 1, "DurableObjectId");
    if (!isOptional(options)) throw wrongArgument("get", kNamespace, 2, "GetDurableObjectOptions");
    const mode = options?.routingMode;
    if (mode !== undefined && mode !== "primary-only") throw new RangeError(`unknown routingMode: ${mode}`);
    return new DurableObject(kInternal, this.#ns, id);
  }
  getByName(name: unknown, options?: GetOptions): DurableObject {
    if (name === undefined) throw wrongArgument("getByName", kNamespace, 1, "string");
    return this.get(this.idFromName(name), options);
  }
  jurisdiction(which?: unknown): DurableObjectNamespace {
    if (which !== undefined && which !== null) throw noJurisdictions();
    return new DurableObjectNamespace(kInternal, this.#ns, this.#names);
  }
}

function noJurisdictions(): Error {
  return new Error("Jurisdiction restrictions are not implemented in workerd.");
}

// What a stub is an instance of; scripts know it by its texts only.
export class Fetcher {
  fetch(_input: unknown, _init?: RequestInit): Promise<Response> {
    return Promise.reject(new TypeError("Illegal invocation"));
  }
}

// The stub. Its name is what scripts see as `stub.constructor.name`.
export class DurableObject {
  #callee: Callee;
  declare name: string | undefined;
  declare id: DurableObjectId;

  constructor(token?: unknown, ns?: number, id?: DurableObjectId) {
    illegalConstructor(token);
    const { name } = id!;
    this.name = name;
    this.id = id!;
    this.#callee = { ns: ns!, hex: hexOf(id!), name, broken: undefined };
  }

  fetch(input: unknown, init?: RequestInit): Promise<Response> {
    if (arguments.length === 0) return Promise.reject(wrongArgument("fetch", "Fetcher", 1, "Request or string"));
    const callee = this.#callee;
    if (callee.broken !== undefined) return Promise.reject(callee.broken());
    return fetchThrough(callee, "Fetcher", input, init);
  }
}

inherit(DurableObject, Fetcher);
platform({ DurableObjectId, DurableObjectNamespace, Fetcher, DurableObject });

// `stub.constructor()` looks like a call of the object's method: it says what `new` says, not V8's text about classes.
function callable() { throw new TypeError("Illegal constructor"); }
callable.prototype = DurableObject.prototype;
Object.defineProperty(callable, "name", { value: "DurableObject", configurable: true });
Object.defineProperty(DurableObject.prototype, "constructor",
                      { value: callable, writable: true, enumerable: false, configurable: true });

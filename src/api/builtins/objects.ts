// Durable Objects as their callers see them: DurableObjectNamespace, DurableObjectId and the stub.
import { describeError, flagsOfError, kObjectReset, kRemote, makeError } from "./errors";
import { fetchThrough, type Send } from "./fetch";
import type { RequestInit } from "./request";
import type { Response } from "./response";
import { illegalConstructor, isObject, kInternal, native, platform, textOf, wrongArgument } from "./seam";

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
  equals(other: unknown): boolean {
    if (!(other instanceof DurableObjectId)) throw wrongArgument("equals", "DurableObjectId", 1, "DurableObjectId");
    return this.#hex === other.#hex;
  }
}

const kNamespace = "DurableObjectNamespace";
const isOptional = (value: unknown) => value === undefined || value === null || isObject(value);

interface GetOptions { locationHint?: unknown; routingMode?: unknown }

export class DurableObjectNamespace {
  #ns: number;
  constructor(token?: unknown, ns?: number) {
    illegalConstructor(token);
    this.#ns = ns!;
  }
  newUniqueId(options?: { jurisdiction?: unknown }): DurableObjectId {
    if (!isOptional(options)) throw wrongArgument("newUniqueId", kNamespace, 1, "NewUniqueIdOptions");
    if (options?.jurisdiction !== undefined && options.jurisdiction !== null) throw noJurisdictions();
    return new DurableObjectId(kInternal, native.idNewUnique(this.#ns));
  }
  idFromName(name: unknown): DurableObjectId {
    if (name === undefined) throw wrongArgument("idFromName", kNamespace, 1, "string");
    const text = textOf(name);
    return new DurableObjectId(kInternal, native.idFromName(this.#ns, text), text);
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
    return new DurableObjectNamespace(kInternal, this.#ns);
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
export class DurableObject extends Fetcher {
  #send: Send;
  declare name: string | undefined;
  declare id: DurableObjectId;
  #broken: (() => Error) | undefined = undefined; // Set when its object was reset: then each call fails at once.

  constructor(token?: unknown, ns?: number, id?: DurableObjectId) {
    illegalConstructor(token);
    super();
    this.name = id!.name;
    this.id = id!;
    const [hex, name] = [id!.toString(), id!.name];
    this.#send = (...call) => native.fetchObject(ns!, hex, name, ...call);
  }

  override fetch(input: unknown, init?: RequestInit): Promise<Response> {
    if (arguments.length === 0) return Promise.reject(wrongArgument("fetch", "Fetcher", 1, "Request or string"));
    if (this.#broken !== undefined) return Promise.reject(this.#broken());
    return fetchThrough(this.#send, "Fetcher", input, init).catch((error) => {
      this.#noteReset(error);
      throw error;
    });
  }
  #noteReset(error: unknown): void {
    const flags = flagsOfError(error);
    if ((flags & kObjectReset) === 0) return;
    const [name, message] = describeError(error);
    this.#broken = () => makeError(name, message, flags & ~kRemote);
  }
}

platform({ DurableObjectId, DurableObjectNamespace, Fetcher, DurableObject });

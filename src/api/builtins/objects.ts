// Durable Objects as their callers see them: DurableObjectNamespace, DurableObjectId and the stub.
import { compatibility } from "./compatibility";
import { type Callee, fetchThrough } from "./fetch";
import { connectThrough } from "./object_sockets";
import type { RequestInit } from "./request";
import type { Response } from "./response";
import { callThrough, type PlainArguments, type Start } from "./rpc_ends";
import { answerToAnyName } from "./rpc_stub";
import { addHookOf, type Hook, type Path, type Result } from "./rpc_target";
import { setPortable } from "./rpc_values";
import type { Socket } from "./sockets";
import {
  illegalConstructor, inherit, isObject, kInternal, native, platform, textOf, wrongArgument,
} from "./seam";

// Whatever a script makes of toString() and `name`.
let hexOf: (id: DurableObjectId) => string;
let nameOf: (id: DurableObjectId) => string | undefined;
let isId: (value: unknown) => value is DurableObjectId;

let calleeOfStub: (stub: object) => Callee | undefined;

export class DurableObjectId {
  #hex: string;
  #name: string | undefined;
  declare jurisdiction: undefined;
  declare name: string | undefined;

  constructor(token?: unknown, hex?: string, name?: string) {
    illegalConstructor(token);
    this.#hex = hex!;
    this.jurisdiction = undefined;
    this.name = this.#name = name;
  }
  toString(): string { return this.#hex; }
  static {
    hexOf = (id) => id.#hex;
    nameOf = (id) => id.#name;
    isId = (value): value is DurableObjectId => isObject(value) && #hex in value;
  }
  equals(other: unknown): boolean {
    if (!isId(other)) throw wrongArgument("equals", "DurableObjectId", 1, "DurableObjectId");
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
    if (arguments.length === 0) throw wrongArgument("idFromName", kNamespace, 1, "string");
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
    if (arguments.length === 0) throw wrongArgument("idFromString", kNamespace, 1, "string");
    return new DurableObjectId(kInternal, native.idFromString(this.#ns, textOf(text)));
  }
  get(id: unknown, options?: GetOptions): DurableObject {
    if (!isId(id)) throw wrongArgument("get", kNamespace, 1, "DurableObjectId");
    if (!isOptional(options)) throw wrongArgument("get", kNamespace, 2, "GetDurableObjectOptions");
    const hint = options?.locationHint; // There is one place: any text will do.
    if (hint !== undefined) textOf(hint);
    const mode = options?.routingMode;
    if (mode !== undefined && mode !== "primary-only") throw new RangeError(`unknown routingMode: ${mode}`);
    return new DurableObject(kInternal, this.#ns, id);
  }
  getByName(name: unknown, options?: GetOptions): DurableObject {
    if (arguments.length === 0) throw wrongArgument("getByName", kNamespace, 1, "string");
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

// What a stub is an instance of. An object of this very class came over RPC, or is one of `ctx.exports`.
let calleeOf: (stub: Fetcher) => Callee;
const callables = new WeakMap<object, Callee>(); // Of ctx.exports: functions.

export class Fetcher {
  #callee: Callee | undefined;
  constructor(token?: unknown, callee?: Callee) {
    illegalConstructor(token);
    this.#callee = callee;
  }
  static {
    calleeOf = (stub) => {
      const callee = #callee in stub ? stub.#callee : callables.get(stub);
      if (callee === undefined) throw new TypeError("Illegal invocation");
      return callee;
    };
  }
  fetch(input: unknown, init?: RequestInit): Promise<Response> {
    try {
      return fetchOf(calleeOf(this), arguments.length, input, init);
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

// A raw socket to the callee's connect() handler.
function connect(this: object, ...args: unknown[]): Socket {
  const callee = calleeOfStub(this) ?? calleeOf(this as Fetcher);
  return connectThrough(new StubHook(callee), callee, args);
}
Object.defineProperty(Fetcher.prototype, "connect", { value: connect, writable: true, configurable: true });

function fetchOf(callee: Callee, given: number, input: unknown, init?: RequestInit): Promise<Response> {
  if (given === 0) return Promise.reject(wrongArgument("fetch", "Fetcher", 1, "Request or string"));
  if (callee.broken !== undefined) return Promise.reject(callee.broken());
  if (!compatibility.fullUrl && typeof input === "string") input = native.urlParse(input, "https://fake-host/") ?? input;
  return fetchThrough(callee, "Fetcher", input, init);
}

// The stub. Its name is what scripts see as `stub.constructor.name`.
// Both properties are defined, not only set: setting would ask the proxy that answers to any name, on the way up.
export class DurableObject {
  #callee: Callee;
  name: string | undefined = undefined;
  id: DurableObjectId | undefined = undefined;

  constructor(token?: unknown, ns?: number, id?: DurableObjectId) {
    illegalConstructor(token);
    const name = nameOf(id!);
    this.name = name;
    this.id = id!;
    this.#callee = { ns: ns!, hex: hexOf(id!), name, entrypoint: undefined, script: "", props: undefined, broken: undefined };
  }

  fetch(input: unknown, init?: RequestInit): Promise<Response> {
    return fetchOf(this.#callee, arguments.length, input, init);
  }
  static {
    calleeOfStub = (stub) => #callee in stub ? stub.#callee : undefined;
  }
}

inherit(DurableObject, Fetcher);
platform({ DurableObjectId, DurableObjectNamespace, Fetcher, DurableObject });

// `stub.constructor()` looks like a call of the object's method: it says what `new` says, not V8's text about classes.
function looksLike(name: string, of: Function): void {
  function callable() { throw new TypeError("Illegal constructor"); }
  callable.prototype = of.prototype;
  Object.defineProperty(callable, "name", { value: name, configurable: true });
  Object.defineProperty(of.prototype, "constructor",
                        { value: callable, writable: true, enumerable: false, configurable: true });
}
looksLike("DurableObject", DurableObject);
looksLike("ServiceStub", Fetcher);

// -- RPC through stubs

const kNobody: Callee = { ns: 0, hex: "", name: undefined, entrypoint: undefined, script: "", props: undefined, broken: undefined };
let ownName = ""; // Of this script: stubs of its entrypoints travel with it.
export function setOwnName(name: string): void {
  ownName = name;
}

function calleeOfAny(value: unknown): Callee | undefined {
  if (!isObject(value)) return undefined;
  const callee = calleeOfStub(value);
  if (callee !== undefined) return callee;
  return value instanceof Fetcher ? calleeOf(value) : undefined;
}

// Each call is a session of its own, if it needs one.
class StubHook implements Hook, Start {
  constructor(readonly callee: Callee) {}
  call(path: Path, args: unknown[] | undefined): Result {
    return callThrough(this, this.callee, path, args);
  }
  session(state: object, message: Uint8Array, socket: number): void {
    const { ns, hex, name, script, entrypoint, props } = this.callee;
    if (entrypoint === undefined) native.rpcObject(state, ns, hex, name, message, socket);
    else native.rpcEntrypoint(state, script, entrypoint, props, message, socket);
  }
  plain(state: object, method: string, args: PlainArguments): void {
    const { ns, hex, name, script, entrypoint, props } = this.callee;
    if (entrypoint === undefined) native.rpcCallObject(state, ns, hex, name, method, args);
    else native.rpcCallEntrypoint(state, script, entrypoint, props, method, args);
  }
  dup(): Hook { return this; }
  dispose(): void {}
  onBroken(): void {}
}

addHookOf((value) => {
  const callee = calleeOfAny(value);
  return callee === undefined ? undefined : new StubHook(callee);
});

setPortable({
  describe(value) {
    const callee = calleeOfAny(value);
    if (callee === undefined) return undefined;
    if (callee.entrypoint !== undefined) return ["entrypoint", callee.entrypoint, callee.props, callee.script || ownName];
    return ["object", native.namespaceToken(callee.ns), callee.hex, callee.name];
  },
  revive([kind, first, second, third]) {
    if (kind === "entrypoint") {
      const script = third === ownName ? "" : third as string;
      return new Fetcher(kInternal, { ...kNobody, script, entrypoint: first as string, props: second as ArrayBuffer | undefined });
    }
    const ns = native.namespaceOfToken(first as string);
    return new Fetcher(kInternal, { ...kNobody, ns, hex: second as string, name: third as string | undefined });
  },
});

// One of ctx.exports: called with `props` it gives one that has them.
function entrypointStub(callee: Callee): Fetcher {
  const stub = (options?: { props?: unknown }) => {
    const props = options?.props;
    if (props !== undefined && !isObject(props)) {
      throw new TypeError("Incorrect type for the 'props' field on 'Options': the provided value is not of type 'Object'.");
    }
    return entrypointStub({ ...callee, props: props === undefined ? undefined : native.serialize(props) });
  };
  delete (stub as any).name;
  delete (stub as any).length;
  callables.set(stub, callee);
  return Object.setPrototypeOf(stub, Fetcher.prototype);
}
export function loopbackStub(entrypoint: string): Fetcher {
  return entrypointStub({ ...kNobody, entrypoint });
}

// What a binding to an entrypoint of another script is.
export function serviceStub(script: string, entrypoint: string, props: unknown): Fetcher {
  const bytes = props === undefined ? undefined : native.serialize(props);
  return new Fetcher(kInternal, { ...kNobody, script, entrypoint, props: bytes });
}

// Once per isolate, if the script's compatibility date has RPC.
export function enableRpc(): void {
  answerToAnyName(Fetcher.prototype, (stub) => new StubHook(calleeOfAny(stub)!));
}

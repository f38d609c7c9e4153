// A Worker that looks at what is asked for in `names.mjs` and answers what it found, as JSON: the same on limpet and on
// workerd. See tools/compatibility.mjs.
import * as workers from "cloudflare:workers";
import names from "./names.mjs";

const hooks = await import("node:async_hooks").catch(() => undefined);

// An instance of each class that has members to look at; `extra` holds what only an event has.
const kMakers = {
  WorkerGlobalScope: () => globalThis, Console: () => console, Scheduler: () => scheduler, Cloudflare: () => Cloudflare,
  Navigator: () => navigator, Performance: () => performance, CacheStorage: () => caches, Cache: () => caches.default,
  Crypto: () => crypto, SubtleCrypto: () => crypto.subtle, Headers: () => new Headers(), FormData: () => new FormData(),
  CryptoKey: () => crypto.subtle.generateKey({ name: "AES-GCM", length: 128 }, true, ["encrypt"]),
  DigestStream: () => new crypto.DigestStream("SHA-1"), Blob: () => new Blob([]), File: () => new File([], "f"),
  Event: () => new Event("x"), CustomEvent: () => new CustomEvent("x"), ErrorEvent: () => new ErrorEvent("x"),
  MessageEvent: () => new MessageEvent("x"), CloseEvent: () => new CloseEvent("x"), EventTarget: () => new EventTarget(),
  AbortController: () => new AbortController(), AbortSignal: () => AbortSignal.abort(1),
  TextDecoder: () => new TextDecoder(), TextEncoder: () => new TextEncoder(), DOMException: () => new DOMException("m", "n"),
  Request: () => new Request("http://h/"), Response: () => new Response("text"), Body: () => new Response("text"),
  URL: () => new URL("http://h/"), URLSearchParams: () => new URLSearchParams(), URLPattern: () => new URLPattern(),
  ReadableStream: () => new ReadableStream(), WritableStream: () => new WritableStream(), TransformStream: () => new TransformStream(),
  ReadableStreamDefaultReader: () => new ReadableStream().getReader(),
  ReadableStreamBYOBReader: () => new ReadableStream({ type: "bytes" }).getReader({ mode: "byob" }),
  ReadableStreamDefaultController: () => controllerOf(ReadableStream, {}),
  ReadableByteStreamController: () => controllerOf(ReadableStream, { type: "bytes" }),
  WritableStreamDefaultController: () => controllerOf(WritableStream, {}),
  TransformStreamDefaultController: () => controllerOf(TransformStream, {}),
  ReadableStreamBYOBRequest: () => new Promise((done) => {
    const stream = new ReadableStream({ type: "bytes", pull: (controller) => done(controller.byobRequest) });
    stream.getReader({ mode: "byob" }).read(new Uint8Array(1));
  }),
  WritableStreamDefaultWriter: () => new WritableStream().getWriter(), FixedLengthStream: () => new FixedLengthStream(1),
  IdentityTransformStream: () => new IdentityTransformStream(), CompressionStream: () => new CompressionStream("gzip"),
  DecompressionStream: () => new DecompressionStream("gzip"), TextEncoderStream: () => new TextEncoderStream(),
  TextDecoderStream: () => new TextDecoderStream(), CountQueuingStrategy: () => new CountQueuingStrategy({ highWaterMark: 1 }),
  ByteLengthQueuingStrategy: () => new ByteLengthQueuingStrategy({ highWaterMark: 1 }),
  WebSocket: () => new WebSocketPair()[0], WebSocketPair: () => new WebSocketPair(),
  WebSocketRequestResponsePair: () => new WebSocketRequestResponsePair("a", "b"),
  MessageChannel: () => new MessageChannel(), MessagePort: () => new MessageChannel().port1,
  EventSource: () => EventSource.from(new ReadableStream()), PerformanceMark: () => performance.mark("m"),
  PerformanceMeasure: () => performance.measure("m"), PerformanceEntry: () => performance.mark("m"),
  PerformanceObserver: () => new PerformanceObserver(() => {}),
  "cloudflare:workers": () => workers, "node:async_hooks": () => hooks, WebAssembly: () => WebAssembly,
  AsyncLocalStorage: () => new hooks.AsyncLocalStorage(), AsyncResource: () => new hooks.AsyncResource("x"),
};

function controllerOf(Stream, source) {
  let controller;
  new Stream({ ...source, start: (given) => void (controller = given) });
  return controller;
}

const text = (error) => (error instanceof Error ? `${error.name}: ${error.message}` : `threw ${typeof error}`);

// What a property is, without what may differ from run to run.
function shape(holder, key, own) {
  const found = Object.getOwnPropertyDescriptor(holder, key);
  const flags = `${found.enumerable ? "" : ", not enumerable"}${found.configurable ? "" : ", not configurable"}`;
  if (found.get || found.set) {
    return `accessor${found.set ? "" : ", read-only"}${flags}`;
  }
  const kind = typeof found.value === "function"
    ? (/^class\b/.test(Function.prototype.toString.call(found.value)) || found.value.prototype ? "class" : `method of ${found.value.length}`)
    : "value";
  return `${own ? "own " : ""}${kind}${found.writable ? "" : ", read-only"}${flags}`;
}

// What a script would do first with it.
async function use(instance, name) {
  const value = instance[name];
  if (typeof value !== "function") void value.anything;
  else if (/^class\b/.test(Function.prototype.toString.call(value))) new value();
  else await value.call(instance);
}

// Of a member: where it is and what it is; `read`: what reading it gives, if there is an instance to read it from.
async function look(holderName, start, key, instance) {
  const name = key.startsWith("Symbol.") ? Symbol[key.slice(7)] : key;
  const seen = {};
  for (let holder = start; holder !== null && holder !== undefined; holder = Object.getPrototypeOf(holder)) {
    if (!Object.hasOwn(holder, name)) continue;
    seen.shape = shape(holder, name, holder === instance);
    break;
  }
  if (instance === undefined || instance === null) return seen;
  try {
    const value = instance[name];
    seen.read = typeof value;
    if (seen.shape === undefined && value !== undefined) seen.shape = "there";
    if (value instanceof Promise) value.catch(() => {});
    // Something that is not there throws whatever it is given.
    if (names.missing.includes(`${holderName}.${key}`)) await use(instance, name);
  } catch (error) {
    seen[names.missing.includes(`${holderName}.${key}`) ? "missing" : "threw"] = text(error);
  }
  return seen;
}

async function probeClass(name, { members, statics }, extra) {
  const constructor = globalThis[name] ?? hooks?.[name];
  const seen = { global: typeof constructor, members: {}, statics: {} };
  let instance;
  try {
    instance = await (extra[name] ?? kMakers[name])?.();
  } catch (error) {
    seen.instance = text(error);
  }
  const prototype = typeof constructor === "function" ? constructor.prototype : undefined;
  const start = instance ?? prototype;
  if (start === undefined || start === null) return seen;
  for (const member of members) seen.members[member] = await look(name, start, member, instance);
  for (const member of statics) seen.statics[member] = typeof constructor === "function" ? await look(name, constructor, member, constructor) : {};
  if (prototype !== undefined) {
    seen.tag = Object.hasOwn(prototype, Symbol.toStringTag) ? String(prototype[Symbol.toStringTag]) : "none";
    seen.constructor = `of ${constructor.length}`;
    seen.base = Object.getPrototypeOf(constructor)?.name ?? "";
  }
  return seen;
}

function inherited(object) {
  const all = [];
  for (let holder = Object.getPrototypeOf(object); holder; holder = Object.getPrototypeOf(holder)) all.push(...Object.getOwnPropertyNames(holder));
  return all.sort();
}

async function probe(kind, extra) {
  const found = {};
  for (const [name, wanted] of Object.entries(names[kind])) found[name] = await probeClass(name, wanted, extra);
  return found;
}

export class Subject {
  constructor(state, env) {
    Object.assign(this, { state, env });
  }
  async fetch(request) {
    const { storage } = this.state;
    let transaction;
    await storage.transaction(async (given) => void (transaction = given));
    const namespace = this.env.Subject;
    return Response.json(await probe("objects", {
      DurableObjectState: () => this.state, DurableObjectStorage: () => storage, DurableObjectTransaction: () => transaction,
      DurableObjectId: () => this.state.id, DurableObjectNamespace: () => namespace,
      DurableObjectStub: () => namespace.get(namespace.newUniqueId()), SqlStorage: () => storage.sql, SyncKvStorage: () => storage.kv,
    }));
  }
}

export default {
  async fetch(request, env, ctx) {
    const classes = await probe("classes", { ExecutionContext: () => ctx, Request: () => request });
    const objects = await (await env.Subject.get(env.Subject.newUniqueId()).fetch("http://object/")).json();
    const globals = {};
    for (const name of names.globals) globals[name] = await look("globalThis", globalThis, name, globalThis);
    return Response.json({
      classes: { ...classes, ...objects }, globals,
      all: Object.getOwnPropertyNames(globalThis).sort(), inherited: inherited(globalThis),
    });
  },
};

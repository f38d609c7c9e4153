// How C++ starts a script: events, instances, what a handler gets beside the request, and the module
// "cloudflare:workers".
import { AlarmInvocationInfo } from "./alarm_info";
import { AsyncLocalStorage, asyncHooks, inFrameOfNow } from "./async_context";
import { compatibility, isOn } from "./compatibility";
import { describeError, makeError } from "./errors";
import { hearFetch, hearTail, heardTypes, isHeard, scheduledEvent } from "./global_scope";
import { KvNamespace } from "./kv";
import type { InBody, Packed } from "./native.d";
import { DurableObjectId, DurableObjectNamespace, enableRpc, Fetcher, loopbackStub, serviceStub, setOwnName } from "./objects";
import { incomingRequest, type Request } from "./request";
import { isErrorResponse, respond, Response } from "./response";
import { describeThrown } from "./rpc_errors";
import { serve, servePlain } from "./rpc_ends";
import { RpcPromise, RpcProperty, RpcStub } from "./rpc_stub";
import { RpcTarget, Target } from "./rpc_target";
import {
  illegalConstructor, isObject, kInternal, missing, missingProperties, native, platform, textOf, wrongArgument,
} from "./seam";
import { connect } from "./sockets";
import { allowAlarms, DurableObjectStorage } from "./storage";
import { traceItem } from "./tail";
import { tracing } from "./tracing";
import { HibernatedSockets, isWebSocket, type WebSocket, WebSocketRequestResponsePair } from "./websocket";

const kNoFetch = "Handler does not export a fetch() function.";
const kNoTail = "Handler does not export a tail() function.";
const kNoAlarm = "An alarm was due, but the Durable Object class has no alarm() handler. It will not be tried again.";
const kErrorResponse = "Return value from serve handler must not be an error response (like Response.error())";
const kNoPromise = "Callback returned incorrect type; expected 'Promise'";
const kNoResponse = "Incorrect type for Promise: the Promise did not resolve to 'Response'.";

// What has a `then` and is no promise was a value once, for which nobody waits.
function waitFor(promise: unknown): void {
  native.waitUntil(compatibility.unwrapsThenables || promise instanceof Promise ? Promise.resolve(promise) : Promise.resolve());
}

export class ExecutionContext {
  constructor(token?: unknown, props?: unknown) {
    illegalConstructor(token);
    if (props !== undefined) {
      Object.defineProperty(this, "props", { value: props, writable: true, enumerable: true, configurable: true });
    }
  }
  get exports(): object | undefined { return exportsOfScript(); }
  get tracing(): object { return tracing; }
  waitUntil(promise: unknown): void {
    if (arguments.length === 0) throw wrongArgument("waitUntil", "ExecutionContext", 1, "Promise");
    waitFor(promise);
  }
  mapVirtualHost(): never { throw missing("mapVirtualHost", "ExecutionContext"); }
  abort(): never { throw missing("abort", "ExecutionContext"); }
  passThroughOnException(): void {} // Nothing stands behind a script here that could answer instead.
  get props(): object {
    const value = {};
    this.props = value;
    return value;
  }
  set props(value: object) {
    Object.defineProperty(this, "props", { value, writable: true, enumerable: true, configurable: true });
  }
}
platform({ ExecutionContext });

// `id` and `storage` are the script's to replace.
let socketsOf: (state: DurableObjectState) => HibernatedSockets;

const kTextBytesMax = 2048; // Of an automatic response and its request.
const kEventTimeoutMax = 604_800_000;
const kState = "DurableObjectState";

export class DurableObjectState {
  #sockets: HibernatedSockets | undefined = undefined; // Most objects never have any.
  static {
    socketsOf = (state) => (state.#sockets ??= new HibernatedSockets());
  }
  declare id: DurableObjectId;
  declare storage: DurableObjectStorage;
  declare props: object;
  constructor(token?: unknown, id?: string, name?: string) {
    illegalConstructor(token);
    this.id = new DurableObjectId(kInternal, id, name);
    this.storage = new DurableObjectStorage(kInternal);
    this.props = {};
  }
  get exports(): object | undefined { return exportsOfScript(); }
  waitUntil(promise: unknown): void {
    if (arguments.length === 0) throw wrongArgument("waitUntil", "DurableObjectState", 1, "Promise");
    waitFor(promise);
  }
  blockConcurrencyWhile<T>(callback: () => T | Promise<T>): Promise<T> {
    if (typeof callback !== "function") {
      return Promise.reject(wrongArgument("blockConcurrencyWhile", "DurableObjectState", 1, "function"));
    }
    try {
      const inFrame = inFrameOfNow(callback);
      return native.blockConcurrency(async () => inFrame());
    } catch (error) {
      return Promise.reject(error);
    }
  }
  acceptWebSocket(socket: unknown, tags?: unknown): void {
    if (!isWebSocket(socket)) throw wrongArgument("acceptWebSocket", kState, 1, "WebSocket");
    socketsOf(this).accept(socket, tags);
  }
  getWebSockets(tag?: unknown): WebSocket[] {
    return socketsOf(this).list(tag === undefined ? undefined : textOf(tag));
  }
  getTags(socket: unknown): string[] {
    if (!isWebSocket(socket)) throw wrongArgument("getTags", kState, 1, "WebSocket");
    return socketsOf(this).tags(socket);
  }
  setWebSocketAutoResponse(pair?: unknown): void {
    if (pair === undefined || pair === null) return native.wsSetAutoResponse(undefined, undefined);
    if (!(pair instanceof WebSocketRequestResponsePair)) {
      throw wrongArgument("setWebSocketAutoResponse", kState, 1, "WebSocketRequestResponsePair");
    }
    for (const [name, text] of [["Request", pair.request], ["Response", pair.response]] as const) {
      const size = native.utf8Encode(text).byteLength;
      if (size <= kTextBytesMax) continue;
      throw new RangeError(`${name} cannot be larger than ${kTextBytesMax} bytes. A ${name.toLowerCase()} of size ${size} was provided.`);
    }
    native.wsSetAutoResponse(pair.request, pair.response);
  }
  getWebSocketAutoResponse(): WebSocketRequestResponsePair | null {
    const pair = native.wsAutoResponse();
    return pair === undefined ? null : new WebSocketRequestResponsePair(pair[0], pair[1]);
  }
  getWebSocketAutoResponseTimestamp(socket: unknown): Date | null {
    if (!isWebSocket(socket)) throw wrongArgument("getWebSocketAutoResponseTimestamp", kState, 1, "WebSocket");
    return socketsOf(this).autoResponseTime(socket);
  }
  setHibernatableWebSocketEventTimeout(ms?: unknown): void {
    const timeout = ms === undefined ? 0 : Math.trunc(Number(ms));
    if (!Number.isFinite(timeout)) throw new TypeError("The value cannot be converted because it is not an integer.");
    if (timeout < 0) {
      throw new TypeError("The value cannot be converted because it is negative and this API expects a positive number.");
    }
    if (timeout > kEventTimeoutMax) {
      throw new Error(`Event timeout should not exceed ${kEventTimeoutMax} ms.`);
    }
    native.wsEventTimeout(timeout);
  }
  getHibernatableWebSocketEventTimeout(): number | null {
    return native.wsEventTimeout(undefined) ?? null;
  }
  abort(reason?: unknown): void {
    native.abort(reason === undefined ? "Application called abort() to reset Durable Object." : String(reason));
  }
}
platform({ DurableObjectState });
missingProperties(DurableObjectState.prototype, "DurableObjectState", ["facets"]);

// -- base classes

class DurableObject {
  declare ctx: DurableObjectState;
  declare env: object;
  constructor(ctx: DurableObjectState, env: object) {
    if (!(ctx instanceof DurableObjectState)) {
      throw new TypeError("Failed to construct 'DurableObjectBase': constructor parameter 1 is not of type 'DurableObjectState'.");
    }
    this.ctx = ctx;
    this.env = env;
  }
}
class WorkerEntrypoint {
  declare ctx: ExecutionContext;
  declare env: object;
  constructor(ctx: ExecutionContext, env: object) {
    if (!isObject(ctx)) {
      throw new TypeError("Failed to construct 'WorkerEntrypoint': constructor parameter 1 is not of type 'Object'.");
    }
    this.ctx = ctx;
    this.env = env;
  }
}
class WorkflowEntrypoint extends WorkerEntrypoint {}
const kBaseClasses = { DurableObject, RpcTarget, WorkerEntrypoint, WorkflowEntrypoint };
for (const [name, each] of Object.entries(kBaseClasses)) Object.defineProperty(each, "name", { value: name });

// Stands for an object whose every property is missing.
function absent(name: string): object {
  const refuse = (_: object, key: PropertyKey): never => {
    throw new Error(`Failed to get the '${String(key)}' property on '${name}': '${name}' is not implemented.`);
  };
  return new Proxy({}, { get: refuse, set: refuse, has: refuse });
}

// The export `env`: what withEnv() gave to whoever runs, else the script's own.
const envOverrides = new AsyncLocalStorage();
function importableEnv(env: object): object {
  return standIn(() => (envOverrides.getStore() as object | undefined) ?? env);
}
// For an object that is another one at each look.
function standIn(now: () => object): object {
  return new Proxy({}, {
    get: (_, key) => Reflect.get(now(), key),
    set: (_, key, value) => Reflect.set(now(), key, value),
    has: (_, key) => Reflect.has(now(), key),
    deleteProperty: (_, key) => Reflect.deleteProperty(now(), key),
    ownKeys: () => Reflect.ownKeys(now()),
    defineProperty: (_, key, property) => Reflect.defineProperty(now(), key, { ...property, configurable: true }),
    getOwnPropertyDescriptor: (_, key) => {
      const property = Reflect.getOwnPropertyDescriptor(now(), key);
      return property && { ...property, configurable: true };
    },
  });
}

function withEnv(newEnv: unknown, fn: () => unknown): unknown {
  return isObject(newEnv) ? envOverrides.run(newEnv, fn) : fn();
}

// The exports of the runtime's own modules; undefined: there is none of that name.
export function builtinModule(name: string, env: object): object | undefined {
  if (name === "cloudflare:workers") {
    const waitUntil = (promise: unknown) => waitFor(promise);
    return {
      ...kBaseClasses, RpcPromise, RpcProperty, RpcStub, ServiceStub: Fetcher,
      env: importableEnv(isOn("disallow_importable_env") ? {} : env), waitUntil, withEnv,
      exports: standIn(() => exportsOfScript() ?? {}), cache: absent("cache"), tracing,
    };
  }
  if (name === "cloudflare:sockets") return { connect };
  const bare = name.startsWith("node:") ? name.slice(5) : isOn("nodejs_compat") ? name : "";
  return bare === "async_hooks" && (isOn("nodejs_als") || isOn("nodejs_compat")) ? asyncHooks() : undefined;
}

// -- ctx.exports

let exported: { namespace: any; classes: Map<string, number> } | undefined;
let made: object | undefined; // What scripts see of them.

// The module's exports, and the index of the namespace of each class that has storage.
export function setExports(namespace: object, classes: [name: string, ns: number][], script: string): void {
  setOwnName(script);
  exported = { namespace, classes: new Map(classes) };
  if (compatibility.rpc) enableRpc();
}

// Loopback: each entrypoint as a stub, each class with storage as its namespace.
function exportsOfScript(): object | undefined {
  if (!compatibility.ctxExports || exported === undefined) return undefined;
  if (made !== undefined) return made;
  const all: Record<string, unknown> = {};
  const names = Object.keys(exported.namespace).sort((a, b) => Number(b === "default") - Number(a === "default"));
  for (const name of names) {
    const value = exported.namespace[name];
    const ns = exported.classes.get(name);
    if (ns !== undefined) all[name] = new DurableObjectNamespace(kInternal, ns);
    else if (isObject(value)) all[name] = loopbackStub(name);
  }
  return (made = all);
}

// Of a binding to static files (worker/runtime.h, kAssetsEntrypoint).
const kAssets = { ns: 0, hex: "", name: undefined, entrypoint: "\0assets", script: "", props: undefined, broken: undefined };

function serviceOf([script, entrypoint, props]: [string, string, string | undefined]): Fetcher {
  return serviceStub(script, entrypoint, props === undefined ? undefined : JSON.parse(props));
}

export function makeEnv(bindings: [kind: string, name: string, value: unknown][]): object {
  const env: Record<string, unknown> = {};
  for (const [kind, name, value] of bindings) {
    let bound = value;
    if (kind === "namespace") bound = new DurableObjectNamespace(kInternal, value as number);
    else if (kind === "kv") bound = new KvNamespace(kInternal, value as number);
    else if (kind === "assets") bound = new Fetcher(kInternal, kAssets);
    else if (kind === "service") bound = serviceOf(value as [string, string, string | undefined]);
    else if (kind === "json" && typeof value === "string") bound = JSON.parse(value);
    Object.defineProperty(env, name, { value: bound, writable: true, enumerable: true, configurable: true });
  }
  return env;
}

// -- events

function answer(event: number, result: unknown, headers: Packed): void {
  try {
    if (!(result instanceof Response)) throw new TypeError(kNoResponse);
    if (isErrorResponse(result)) throw new TypeError(kErrorResponse);
    respond(event, result, headers);
  } catch (error) {
    fail(event, error);
  }
}

function fail(event: number, error: unknown): void {
  const [name, message, stack, flags] = describeError(error);
  if (!compatibility.enhancedErrors) return native.reject(event, name, message, stack, flags);
  native.reject(event, name, message, stack, flags, native.serialize(describeThrown(error)));
}

// A Response is answered at once; anything else is awaited, thenables too.
function settle(event: number, result: unknown, headers: Packed): void {
  if (result instanceof Response) answer(event, result, headers);
  else if (!isObject(result) || !("then" in result)) fail(event, new TypeError(kNoPromise));
  else Promise.resolve(result).then((value) => answer(event, value, headers), (error) => fail(event, error));
}

type Cf = string | undefined; // JSON text

export function dispatchFetch(target: unknown, env: object, event: number, method: string, url: string,
  headers: Packed, body: InBody, cf: Cf, props?: unknown): void {
  let result: unknown;
  try {
    const request = incomingRequest(method, url, headers, body, cf, event);
    if (target === undefined && isHeard("fetch")) return settle(event, hearFetch(request), headers);
    const ctx = new ExecutionContext(kInternal, props);
    if (typeof target === "function") {
      result = fetchOf(new (target as any)(ctx, env), request);
    } else {
      const handler = (target as any)?.fetch;
      if (typeof handler !== "function") throw new Error(kNoFetch);
      result = handler.call(target, request, env, ctx);
    }
  } catch (error) {
    fail(event, error);
    return;
  }
  settle(event, result, headers);
}

// An instance as C++ holds it, and reads `preShutdown` of: whether it has such a handler.
interface Living { object: any; state: DurableObjectState; preShutdown: boolean; target: Target | undefined }

export function constructObject(cls: unknown, env: object, id: string, name: string | undefined): Living {
  const state = new DurableObjectState(kInternal, id, name);
  const storage = state.storage; // The script may put another one in its place.
  const object = new (cls as any)(state, env);
  allowAlarms(storage, typeof object.alarm === "function");
  return { object, state, preShutdown: typeof object.preShutdown === "function", target: undefined };
}

export function dispatchObjectFetch({ object }: Living, event: number, method: string, url: string, headers: Packed,
  body: InBody, cf: Cf): void {
  let result: unknown;
  try {
    result = fetchOf(object, incomingRequest(method, url, headers, body, cf, event));
  } catch (error) {
    fail(event, error);
    return;
  }
  settle(event, result, headers);
}

const kNoRpc = "because its class was not declared with `extends DurableObject`. In order to enable RPC, make sure your " +
  "class extends the special class `DurableObject`, which can be imported from the module \"cloudflare:workers\".";
const kNoEntrypointRpc = "because its entrypoint is not a class that extends `WorkerEntrypoint`, nor an object. See " +
  "https://developers.cloudflare.com/workers/runtime-apis/rpc/";

type RpcTargets = Living | [entrypoint: unknown, env: object, props: unknown];

// The first message of an RPC session.
export function dispatchRpc(target: RpcTargets, event: number, message: Uint8Array, socket: number): void {
  const callee = targetFor(target, event);
  if (callee !== undefined) serve(callee, event, message, socket);
  else if (socket !== 0) native.wsDrop(socket);
}

// A call that needs no session so far.
export function dispatchCall(target: RpcTargets, event: number, method: string, args: unknown[]): void {
  const callee = targetFor(target, event);
  if (callee !== undefined) servePlain(callee, event, method, args);
}

// Undefined: `event` was answered.
function targetFor(target: RpcTargets, event: number): Target | undefined {
  try {
    return Array.isArray(target) ? entrypointTarget(target[0], target[1], target[2]) : objectTarget(target);
  } catch (error) {
    fail(event, error);
    return undefined;
  }
}

function objectTarget(living: Living): Target {
  if (living.target !== undefined) return living.target;
  const { object } = living;
  const target = living.target = new Target(object, true);
  if (!(object instanceof DurableObject)) {
    target.refusal = new TypeError(`The receiving Durable Object does not support RPC, ${kNoRpc}`);
  }
  return target;
}

function entrypointTarget(entrypoint: unknown, env: object, props: unknown): Target {
  const ctx = new ExecutionContext(kInternal, props);
  if (typeof entrypoint === "function" && entrypoint.prototype instanceof WorkerEntrypoint) {
    return new Target(new (entrypoint as any)(ctx, env), true);
  }
  const target = new Target(entrypoint, true, [env, ctx]);
  if (typeof entrypoint !== "object" || entrypoint === null) {
    target.refusal = new TypeError(`The receiving Worker does not support RPC, ${kNoEntrypointRpc}`);
  }
  return target;
}

const kSocketHandlers = ["webSocketMessage", "webSocketClose", "webSocketError"];

export function dispatchObjectSocket({ object, state }: Living, event: number, number: number, kind: number,
  first: unknown, reason: unknown, clean: unknown): void {
  const sockets = socketsOf(state);
  const done = () => {
    if (kind !== 0) sockets.forget(-number);
    native.respond(event, 200, "", "", null, undefined);
  };
  const failed = (error: unknown) => {
    if (kind !== 0) sockets.forget(-number);
    fail(event, error);
  };
  try {
    if (kind !== 0) sockets.ends(-number);
    const handler = object[kSocketHandlers[kind]!];
    if (typeof handler !== "function") return done();
    const socket = sockets.get(-number);
    const result = kind === 1 ? handler.call(object, socket, first, reason, clean)
      : handler.call(object, socket, kind === 0 ? first : new Error(String(first)));
    if (isObject(result)) Promise.resolve(result).then(done, failed);
    else done();
  } catch (error) {
    failed(error);
  }
}

// Runs the handler `name` of an object; `event` ends with it. Nobody hears what it returns.
function runHandler(object: any, name: string, event: number, info: object, missing?: string): void {
  const done = () => native.respond(event, 200, "", "", null, undefined);
  const failed = (error: unknown) => fail(event, error);
  try {
    const handler = object[name];
    if (typeof handler !== "function") {
      if (missing !== undefined) native.log("warn", missing);
      return done();
    }
    const result = handler.call(object, info);
    if (isObject(result)) Promise.resolve(result).then(done, failed);
    else done();
  } catch (error) {
    failed(error);
  }
}

export function dispatchObjectAlarm({ object }: Living, event: number, retryCount: number, scheduledTime: number): void {
  runHandler(object, "alarm", event, new AlarmInvocationInfo(kInternal, retryCount, scheduledTime), kNoAlarm);
}

export function dispatchPreShutdown({ object }: Living, event: number, reason: string): void {
  runHandler(object, "preShutdown", event, { reason });
}

const kNoScheduled = "Received a ScheduledEvent but we lack a handler for ScheduledEvents (a.k.a. Cron Triggers). Did you " +
  "remember to export a scheduled() function?";
let retriesRefused: (controller: ScheduledController) => boolean;

class ScheduledController {
  #noRetry = false;
  static {
    retriesRefused = (controller) => controller.#noRetry;
  }
  constructor(token?: unknown, cron?: string, scheduledTime?: number) {
    illegalConstructor(token);
    Object.defineProperty(this, "cron", { value: cron, enumerable: true });
    Object.defineProperty(this, "scheduledTime", { value: scheduledTime, enumerable: true });
  }
  noRetry(): void {
    this.#noRetry = true;
  }
}
platform({ ScheduledController });

export function dispatchScheduled(target: unknown, env: object, event: number, cron: string, scheduledTime: number): void {
  const over = (ok: boolean, noRetry: boolean) =>
    native.respond(event, ok ? 200 : 500, "", "", JSON.stringify({ outcome: ok ? "ok" : "exception", noRetry }), undefined);
  let refused = () => false;
  let lacking = false;
  const listen = () => {
    const told = scheduledEvent(cron, scheduledTime);
    lacking = told === undefined;
    if (told === undefined) return native.log("error", kNoScheduled);
    refused = told.refused;
    told.tell();
  };
  const run = async () => {
    if (target === undefined) return listen();
    const controller = new ScheduledController(kInternal, cron, scheduledTime);
    refused = () => retriesRefused(controller);
    const ctx = new ExecutionContext(kInternal);
    const isClass = typeof target === "function";
    const holder = isClass ? new (target as any)(ctx, env) : target as any;
    const handler = holder?.scheduled;
    lacking = typeof handler !== "function";
    if (lacking) native.log("error", kNoScheduled);
    else await (isClass ? handler.call(holder, controller, undefined, undefined) : handler.call(holder, controller, env, ctx));
  };
  native.waitUntil(run()); // What it throws is reported there.
  native.whenWaited((failed) => over(!failed && !lacking, lacking || refused()));
}
// Tells the default export, or who listens, of an event of another script. Nobody hears what it returns.
export function dispatchTail(target: unknown, env: object, event: number, item: string): void {
  const done = () => native.respond(event, 200, "", "", null, undefined);
  const failed = (error: unknown) => fail(event, error);
  try {
    const events = [traceItem(item)];
    const ctx = new ExecutionContext(kInternal);
    const handler = typeof target === "function" ? new (target as any)(ctx, env) : target;
    if (target === undefined && isHeard("tail")) hearTail(events);
    else if (typeof handler?.tail !== "function") throw new Error(kNoTail);
    else return void Promise.resolve(handler.tail(events, env, ctx)).then(done, failed);
    done();
  } catch (error) {
    failed(error);
  }
}

function fetchOf(instance: any, request: Request): unknown {
  const handler = instance.fetch;
  if (typeof handler !== "function") throw new Error(kNoFetch);
  return handler.call(instance, request);
}

// -- what a module exports

const kHandlers = ["fetch", "scheduled", "queue", "tail", "tailStream", "trace", "email", "connect", "alarm", "test"];
// Classes compiled to functions too; no arrow, async or generator function.
const isConstructor = (value: any) => typeof value === "function" && value.prototype !== undefined &&
  Object.hasOwn(value.prototype, "constructor");
const isClass = (value: unknown) => typeof value === "function" && value.prototype !== undefined &&
  /^class\b/.test(Function.prototype.toString.call(value));

export function describeModule(namespace: any): string {
  const exports: string[] = [];
  const classes: string[] = [];
  for (const name of Object.keys(namespace)) {
    if (name === "default") continue;
    exports.push(name);
    const value = namespace[name];
    if (isConstructor(value) && !(value.prototype instanceof WorkerEntrypoint)) classes.push(name);
  }
  const main = "default" in namespace ? namespace.default : undefined;
  const kind = main === undefined ? "none" : isClass(main) ? "class" : isObject(main) ? "object" : "other";
  const holder: any = kind === "class" ? main.prototype : kind === "object" ? main : undefined;
  const heard = main === undefined ? [...heardTypes()].filter((type) => kHandlers.includes(type)) : [];
  const handlers = holder === undefined ? heard : kHandlers.filter((name) => typeof holder[name] === "function");
  return JSON.stringify({ default: kind, handlers, exports, classes });
}

export { describeError, makeError };

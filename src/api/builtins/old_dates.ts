// What scripts of early compatibility dates find in another way, where that can be put in place once per isolate (compatibility.ts
// has the rest). Nothing here runs for a script of today.
import { isOn } from "./compatibility";
import { SubtleCrypto } from "./crypto_subtle";
import { DurableObjectState } from "./entry";
import { hideSource } from "./native_code";
import { DurableObject, Fetcher } from "./objects";
import { ignoreThenables, keepReadyOfReleased } from "./old_streams";
import { dropMoved, moveMembers } from "./own_members";
import { Request } from "./request";
import { Response } from "./response";
import { missing, native, prototypes, textOf, wrongArgument } from "./seam";
import { DurableObjectStorage, DurableObjectTransaction } from "./storage";
import { IdentityTransformStream, isInternal, kStreamClasses, ReadableStream, TransformStream, WritableStream } from "./streams";
import { URL } from "./url";
import { OriginalUrl } from "./url_original";
import { URLPattern } from "./url_pattern";

const all = globalThis as any;

export function applyOldDates(): void {
  if (!isOn("fetcher_no_get_put_delete")) define(Fetcher.prototype, kFetcherHelpers);
  if (!isOn("capture_async_api_throws")) throwAtOnce();
  if (!isOn("no_global_importscripts")) define(all, kImportScripts);
  if (!isOn("cache_option_enabled")) delete (Request.prototype as any).cache;
  if (!isOn("streams_byob_reader_detaches_buffer")) keepBuffers();
  if (!isOn("internal_stream_byob_return_view")) endWithoutView();
  if (!isOn("workers_api_getters_setters_on_prototype")) moveAllMembers();
  if (!isOn("url_standard")) Object.defineProperty(all, "URL", { value: OriginalUrl, writable: true, enumerable: false, configurable: true });
  if (!isOn("urlpattern_standard")) delete (URLPattern.prototype as any).hasRegExpGroups;
  if (!isOn("webcrypto_modern_algorithms")) trimSubtle();
  if (!isOn("transformstream_enable_standard_constructor")) makeTransformsIdentities();
  if (!isOn("streams_enable_constructors")) forbidStreams();
  if (!isOn("unwrap_custom_thenables")) ignoreThenables(replaceClass);
  if (!isOn("writable_stream_spec_compliant_writer")) keepReadyOfReleased();
  if (!isOn("set_tostring_tag")) {
    for (const each of [all, ...prototypes]) delete each[Symbol.toStringTag];
  }
}

// In the order that scripts see.
function moveAllMembers(): void {
  moveMembers(Request, ["keepalive", "integrity", "cf", "signal", "fetcher", "redirect", "headers", "url", "method", "bodyUsed", "body"]);
  moveMembers(Response, ["type", "cf", "webSocket", "url", "redirected", "ok", "headers", "statusText", "status", "bodyUsed", "body"]);
  moveMembers(OriginalUrl, ["hash", "searchParams", "search", "pathname", "port", "hostname", "host", "password", "username", "protocol",
    "origin", "href"]);
  dropMoved();
}

function define(holder: object, methods: Record<string, Function>): void {
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(value, "length", { value: 0, configurable: true });
    hideSource(value);
    Object.defineProperty(holder, name, { value, writable: true, enumerable: true, configurable: true });
  }
}

const kImportScripts = {
  importScripts() { throw missing("importScripts", "WorkerGlobalScope"); },
};

// At the end of an internal stream a BYOB reader had no view to give.
function endWithoutView(): void {
  const { prototype } = kStreamClasses.ReadableStreamBYOBReader as any;
  const { read } = prototype;
  prototype.read = async function (this: any, ...args: unknown[]) {
    const stream = this._ownerReadableStream;
    const { value, done } = await read.apply(this, args);
    return { value: done && stream !== undefined && isInternal(stream) ? undefined : value, done };
  };
}

// Reading into a view took the view's buffer away from nobody, if the stream was an internal one.
function keepBuffers(): void {
  const { prototype } = kStreamClasses.ReadableStreamBYOBReader as any;
  const { read } = prototype;
  prototype.read = async function (this: any, view: any, ...rest: unknown[]) {
    const stream = this._ownerReadableStream;
    const isOurs = ArrayBuffer.isView(view) && stream !== undefined && isInternal(stream);
    if (!isOurs) return await read.call(this, view, ...rest);
    const { value, done } = await read.call(this, new Uint8Array(view.byteLength), ...rest);
    if (value === undefined) return { value, done };
    new Uint8Array(view.buffer).set(value, view.byteOffset);
    const { constructor, BYTES_PER_ELEMENT: width = 1 } = view as any;
    return { value: new (constructor as any)(view.buffer, view.byteOffset, Math.trunc(value.byteLength / width)), done };
  };
}

function trimSubtle(): void {
  delete (SubtleCrypto as any).supports;
  for (const name of ["getPublicKey", "encapsulateBits", "encapsulateKey", "decapsulateBits", "decapsulateKey"]) {
    delete (SubtleCrypto.prototype as any)[name];
  }
}

// -- stub.get(), put() and delete(), from before RPC

const kReaders: Record<string, (response: Response) => unknown> = {
  text: (response) => response.text(),
  json: (response) => response.json(),
  arrayBuffer: (response) => response.arrayBuffer(),
  stream: (response) => response.body,
};

async function ask(stub: Fetcher, method: string, url: string, init: object): Promise<Response> {
  const response = await stub.fetch(url, { method, redirect: "manual", ...init });
  const absent = method === "GET" && (response.status === 404 || response.status === 410);
  if (response.ok || absent) return response;
  throw new Error(`HTTP ${method} request failed: ${response.status} ${response.statusText}`);
}

// Rejects in the words of a method whose parameter is missing.
const lacking = (method: string, index: number, type: string) => Promise.reject(wrongArgument(method, "Fetcher", index, type));
const kBodyTypes = "JsReadableStream or string or BufferSource or Blob or FormData or URLSearchParams or URLSearchParams or " +
  "JsUrlSearchParams or AsyncGenerator";

const kFetcherHelpers = {
  get(this: Fetcher, url?: unknown, type: unknown = "text"): Promise<unknown> {
    if (url === undefined) return lacking("get", 1, "string");
    const read = typeof type === "string" && Object.hasOwn(kReaders, type) ? kReaders[type] : undefined;
    return ask(this, "GET", textOf(url), {}).then((response) => {
      if (response.status === 404 || response.status === 410) return null;
      if (read !== undefined) return read(response);
      throw new TypeError('Unknown response type. Possible types are "text", "arrayBuffer", "json", and "stream".');
    });
  },
  put(this: Fetcher, url?: unknown, body?: any, options?: any): Promise<void> {
    if (url === undefined) return lacking("put", 1, "string");
    if (body === undefined) return lacking("put", 2, kBodyTypes);
    if (options !== undefined && options !== null && typeof options !== "object") return lacking("put", 3, "PutOptions");
    const to = new URL(textOf(url), "https://fake-host/");
    for (const [name, value] of [["expiration", options?.expiration], ["expiration_ttl", options?.expirationTtl]] as const) {
      if (value !== undefined) to.searchParams.append(name, String(value));
    }
    return ask(this, "PUT", to.href, { body: body === null ? "null" : body }).then(() => {});
  },
  delete(this: Fetcher, url?: unknown): Promise<void> {
    return url === undefined ? lacking("delete", 1, "string") : ask(this, "DELETE", textOf(url), {}).then(() => {});
  },
};

// -- what is wrong with the arguments of an asynchronous method is thrown, not a rejection

// `all`: whatever goes wrong before the method returns, not only what workerd says of a parameter's type.
function throwsAtOnce(holder: any, names: string[], whatever: boolean): void {
  for (const name of names) {
    const property = Object.getOwnPropertyDescriptor(holder, name);
    if (property === undefined) continue;
    const method = property.value;
    const { [name]: value } = {
      [name](this: unknown, ...args: unknown[]) {
        const result = method.apply(this, args);
        if (!(result instanceof Promise)) return result;
        const [state, reason] = native.promiseState(result);
        if (state !== 2 || !(whatever || isOfParameter(reason))) return result;
        result.catch(() => {});
        throw reason;
      },
    };
    Object.defineProperty(value, "length", { value: 0, configurable: true });
    hideSource(value);
    Object.defineProperty(holder, name, { ...property, value });
  }
}

const isOfParameter = (error: any) => error instanceof TypeError && error.message.startsWith("Failed to execute '");

function throwAtOnce(): void {
  const operations = ["get", "put", "delete", "list", "deleteAll", "getAlarm", "setAlarm", "deleteAlarm", "sync"];
  for (const { prototype } of [DurableObjectStorage, DurableObjectTransaction]) throwsAtOnce(prototype, operations, true);
  throwsAtOnce(DurableObjectStorage.prototype, ["transaction"], false);
  throwsAtOnce(DurableObjectState.prototype, ["blockConcurrencyWhile"], false);
  throwsAtOnce(Fetcher.prototype, ["fetch", "get", "put", "delete"], false);
  throwsAtOnce(DurableObject.prototype, ["fetch"], false);
  throwsAtOnce(SubtleCrypto.prototype, Object.getOwnPropertyNames(SubtleCrypto.prototype).filter((name) => name !== "constructor"), false);
  throwsAtOnce(ReadableStream.prototype, ["pipeTo"], false);
  throwsAtOnce(all.scheduler.constructor.prototype, ["wait"], false);
  throwsAtOnce(all, ["fetch"], false);
}

// -- streams that scripts can't make

const noConstructor = (name: string) => `To use the new ${name}() constructor, enable the streams_enable_constructors compatibility flag. Refer ` +
  "to the docs for more information: https://developers.cloudflare.com/workers/platform/compatibility-dates/#compatibility-flags";
const kOfMadeStreams = ["ReadableStreamDefaultController", "ReadableByteStreamController", "ReadableStreamBYOBRequest",
  "TransformStreamDefaultController", "WritableStreamDefaultController"];

function replaceClass(name: string, of: Function, handler: ProxyHandler<any>): void {
  const seen = new Proxy(of, handler);
  of.prototype.constructor = seen;
  Object.defineProperty(all, name, { value: seen, writable: true, enumerable: false, configurable: true });
}

function forbidStreams(): void {
  const refusal = (name: string) => (): never => { throw new Error(noConstructor(name)); };
  const construct = refusal("ReadableStream");
  replaceClass("ReadableStream", ReadableStream, {
    construct,
    get: (target, key) => (key === "from" ? construct : Reflect.get(target, key)),
  });
  replaceClass("WritableStream", WritableStream, { construct: refusal("WritableStream") });
  for (const name of kOfMadeStreams) delete all[name];
}

function makeTransformsIdentities(): void {
  class Plain extends IdentityTransformStream {}
  replaceClass("TransformStream", TransformStream, {
    construct() {
      return new Plain();
    },
  });
  Plain.prototype.constructor = all.TransformStream;
}

// Values on their way over RPC: structured clone, and beside it references (functions, RpcTargets, stubs, streams) and
// platform objects by value. docs/formats/rpc.md lists the descriptions.
import { Blob, bytesOfBlob, File } from "./blob";
import { isReplayable, kRaw, moveRaw, type Raw } from "./body";
import { DOMException } from "./errors";
import { Headers, packedHeaders, packHeaders } from "./headers";
import { incomingRequest, Request, requestHeaders } from "./request";
import { fetchedResponse, packedOf, Response } from "./response";
import { type Hook, hookOf, RpcTarget, Target } from "./rpc_target";
import { isStubLike, RpcStub } from "./rpc_stub";
import { kInternal, native } from "./seam";
import { ReadableStream, requireBytes, streamOfNumber, WritableStream } from "./streams";

export const kMessageBytesMax = 32 * 1024 * 1024;

// One side of a session, as values see it.
export interface Ends {
  // Makes something callable from the other side; its number.
  export(target: Target): number;
  // The number of the other side's export that a hook stands for; 0: it is no such.
  homeOf(hook: Hook): number;
  import(number: number): Hook;
  exported(number: number): Target | undefined;
}

// A stub by value: who it calls, as text that any isolate understands.
interface Portable {
  describe(value: object): unknown[] | undefined;
  revive(parts: unknown[]): object;
}
let portable: Portable;
export function setPortable(value: Portable): void {
  portable = value;
}

// What V8 would refuse: functions and proxies. Stands in for one while a value is written.
class Reference {
  constructor(readonly to: unknown) {}
}

const cloneError = (type: string) =>
  new DOMException(`Could not serialize object of type "${type}". This type does not support serialization.`, "DataCloneError");

function typeName(value: object): string {
  const { constructor } = value as any;
  return typeof constructor === "function" && typeof constructor.name === "string" ? constructor.name : "Object";
}

// Writes `value`. What it exports is taken back if it can't be written. `moved`: gets the stubs in it.
export function write(ends: Ends, value: unknown, drop: (number: number) => void, moved?: RpcStub[]): ArrayBuffer {
  const made: number[] = [];
  const add = (target: Target) => {
    const number = ends.export(target);
    made.push(number);
    return number;
  };
  const describe = (object: object) => {
    if (moved !== undefined && object instanceof Reference && object.to instanceof RpcStub) moved.push(object.to);
    return describeHost(ends, object, add);
  };
  try {
    if (!holdsCallable(value)) {
      try {
        return native.rpcSerialize(value, describe);
      } catch (error) {
        // V8 refuses callables and proxies where it meets them: put stand-ins in their place, if that was it.
        const swapped = substitute(value);
        if (swapped === value) throw error;
        made.splice(0).forEach(drop);
        return native.rpcSerialize(swapped, describe);
      }
    }
    return native.rpcSerialize(substitute(value), describe);
  } catch (error) {
    made.forEach(drop);
    throw error;
  }
}

// Whether one is at the top, or in the arguments of a call: most are.
function holdsCallable(value: unknown): boolean {
  if (typeof value === "function") return true;
  if (!Array.isArray(value)) return false;
  for (const each of value) {
    if (typeof each === "function" || (Array.isArray(each) && each.some((inner) => typeof inner === "function"))) return true;
  }
  return false;
}

const isPlain = (value: object) => {
  const proto = Object.getPrototypeOf(value);
  return proto === Object.prototype || proto === null;
};

// A copy of the containers that hold something callable or a proxy, with Reference in its place; else `value` itself.
function substitute(value: unknown, seen = new Map<object, unknown>()): unknown {
  if (typeof value === "function") return new Reference(value);
  if (typeof value !== "object" || value === null) return value;
  const known = seen.get(value);
  if (known !== undefined) return known;
  if (native.previewProxy(value) !== undefined) return new Reference(value);
  if (Array.isArray(value)) {
    const copy: unknown[] = new Array(value.length);
    seen.set(value, copy);
    let changed = false;
    for (const key of Object.keys(value)) {
      const item = (value as any)[key];
      changed = ((copy as any)[key] = substitute(item, seen)) !== item || changed;
    }
    if (!changed) seen.set(value, value);
    return changed ? copy : value;
  }
  if (value instanceof Map || value instanceof Set) {
    const isMap = value instanceof Map;
    const copy: any = isMap ? new Map() : new Set();
    seen.set(value, copy);
    let changed = false;
    for (const [key, item] of value.entries()) {
      const [newKey, newItem] = [substitute(key, seen), substitute(item, seen)];
      changed ||= newKey !== key || newItem !== item;
      if (isMap) copy.set(newKey, newItem);
      else copy.add(newItem);
    }
    if (!changed) seen.set(value, value);
    return changed ? copy : value;
  }
  if (!isPlain(value)) return value;
  const copy: Record<string, unknown> = {};
  seen.set(value, copy);
  let changed = false;
  for (const key of Object.keys(value)) {
    const item = (value as any)[key];
    const made = substitute(item, seen);
    changed ||= made !== item;
    Object.defineProperty(copy, key, { value: made, writable: true, enumerable: true, configurable: true });
  }
  if (!changed) seen.set(value, value);
  return changed ? copy : value;
}

type Add = (target: Target) => number;

function describeHost(ends: Ends, object: object, add: Add): unknown[] {
  if (object instanceof Reference) return describeCallable(ends, object.to as object, add);
  if (object instanceof RpcTarget) return ["ref", add(new Target(object))];
  const stub = portable.describe(object);
  if (stub !== undefined) return stub;
  if (object instanceof Headers) return ["headers", packHeaders(object)];
  if (object instanceof Request) {
    const body = describeBody(moveRaw(object, "Cannot send a Request with a used body."), add);
    return ["request", object.method, object.url, requestHeaders(object), body, object.redirect];
  }
  if (object instanceof Response) {
    if (object.webSocket !== null) throw cloneError("WebSocket");
    const body = describeBody(moveRaw(object, "Body has already been used. It can only be used once. Use tee() first if " +
      "you need to read it twice."), add);
    return ["response", object.status, object.statusText, packedOf(object), body, object.url];
  }
  if (object instanceof ReadableStream) return ["readable", add(new Target(new Source(object)))];
  if (object instanceof WritableStream) return ["writable", add(new Target(new Sink(object)))];
  if (object instanceof Blob) {
    const file = object instanceof File ? [object.name, object.lastModified] : [];
    return ["blob", bytesOfBlob(object), object.type, ...file];
  }
  if (DOMException.prototype.isPrototypeOf(object)) {
    const { message, name } = object as DOMException;
    return ["exception", message, name];
  }
  throw cloneError(typeName(object));
}

function describeCallable(ends: Ends, value: object, add: Add): unknown[] {
  if (!isStubLike(value)) return portable.describe(value) ?? ["ref", add(new Target(value))];
  if (!(value instanceof RpcStub)) throw cloneError(typeName(value));
  const hook = hookOf(value)!;
  const home = ends.homeOf(hook);
  return home !== 0 ? ["home", home] : ["ref", add(new Target(new RpcStub(kInternal, hook.dup())))];
}

function describeBody(raw: Raw, add: Add): unknown {
  if (isReplayable(raw)) return raw;
  const stream = raw instanceof ReadableStream ? raw : streamOfNumber(raw as number);
  return ["stream", add(new Target(new Source(stream)))];
}

// -- streams: the reader asks for each chunk, so its pace is the source's

class Source extends RpcTarget {
  #reader: any;
  constructor(stream: ReadableStream) {
    super();
    this.#reader = (stream as any).getReader();
  }
  async read(): Promise<Uint8Array | undefined> {
    const { done, value } = await this.#reader.read();
    return done ? undefined : requireBytes(value);
  }
  cancel(reason: unknown): void {
    this.#reader.cancel(reason).catch(() => {});
  }
  [Symbol.dispose](): void {
    this.#reader.cancel(new Error("The stream was dropped by its reader.")).catch(() => {});
  }
}

class Sink extends RpcTarget {
  #writer: any;
  #ended = false;
  constructor(stream: WritableStream) {
    super();
    this.#writer = (stream as any).getWriter();
  }
  async write(chunk: unknown): Promise<void> {
    await this.#writer.write(chunk);
  }
  async close(): Promise<void> {
    this.#ended = true;
    await this.#writer.close();
  }
  async abort(reason: unknown): Promise<void> {
    this.#ended = true;
    await this.#writer.abort(reason);
  }
  [Symbol.dispose](): void {
    if (this.#ended) return;
    this.#writer.abort(new Error("WritableStream received over RPC was disconnected because the remote execution context " +
      "ended.")).catch(() => {});
  }
}

function readableOf(hook: Hook): ReadableStream {
  return new (ReadableStream as any)({
    type: "bytes",
    async pull(controller: any) {
      try {
        for (;;) {
          const chunk = await hook.call(["read"], []).value() as Uint8Array | undefined;
          if (chunk === undefined) {
            hook.dispose();
            controller.close();
            controller.byobRequest?.respond(0);
            return;
          }
          if (chunk.byteLength === 0) continue;
          controller.enqueue(chunk);
          return;
        }
      } catch {
        controller.error(new Error("ReadableStream received over RPC disconnected prematurely."));
        hook.dispose();
      }
    },
    async cancel(reason: unknown) {
      await hook.call(["cancel"], [reason instanceof Error ? reason : String(reason)]).value().catch(() => {});
      hook.dispose();
    },
  }, { highWaterMark: 0 });
}

function writableOf(hook: Hook): WritableStream {
  const last = async (name: string, args: unknown[]) => {
    try {
      await hook.call([name], args).value();
    } finally {
      hook.dispose();
    }
  };
  return new (WritableStream as any)({
    async write(chunk: unknown) { await hook.call(["write"], [chunk]).value(); },
    close: () => last("close", []),
    abort: (reason: unknown) => last("abort", [reason]),
  });
}

// -- and back. `stubs` collects what is to be disposed of with the value.

export function read(ends: Ends, bytes: ArrayBufferView, stubs: Hook[]): unknown {
  const take = (number: number) => ends.import(number);
  const kept = (hook: Hook) => {
    stubs.push(hook);
    return new RpcStub(kInternal, hook);
  };
  const body = (given: unknown) => (Array.isArray(given) ? readableOf(take(given[1])) : given as null | string | Uint8Array);
  return native.rpcDeserialize(bytes, (parts: any[]): object => {
    switch (parts[0]) {
      case "ref": return kept(take(parts[1]));
      case "home": return new RpcStub(ends.exported(parts[1])!.value);
      case "headers": return new Headers(packedHeaders(parts[1]));
      case "request": return requestOf(parts, body(parts[4]));
      case "response": return responseOf(parts, body(parts[4]));
      case "readable": return readableOf(take(parts[1]));
      case "writable": return writableOf(take(parts[1]));
      case "blob":
        return parts.length > 3 ? new File([parts[1]], parts[3], { type: parts[2], lastModified: parts[4] })
          : new Blob([parts[1]], { type: parts[2] });
      case "exception": return new DOMException(parts[1], parts[2]);
      default: return portable.revive(parts);
    }
  });
}

function requestOf([, method, url, headers, , redirect]: any[], body: null | string | Uint8Array | ReadableStream): Request {
  const request = incomingRequest(method, url, headers, null);
  request[kRaw] = body;
  return new Request(request, { redirect });
}

function responseOf([, status, statusText, headers, , url]: any[], body: null | string | Uint8Array | ReadableStream): Response {
  const response = fetchedResponse(status, statusText, headers, null, url, false);
  response[kRaw] = body;
  return response;
}

// The standard streams (from web-streams-polyfill), with workerd's texts, and streams over bodies that C++ holds.
import {
  ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableByteStreamController, ReadableStream,
  ReadableStreamBYOBReader, ReadableStreamBYOBRequest, ReadableStreamDefaultController, ReadableStreamDefaultReader,
  TransformStream as PlainTransformStream, TransformStreamDefaultController, WritableStream,
  WritableStreamDefaultController, WritableStreamDefaultWriter,
} from "web-streams-polyfill";
import { compatibility } from "./compatibility";
import type { AbortSignal } from "./events";
import { isIdentity, isWritten, join, joinSent, kBody, takeBody } from "./joins";
import { withoutBackpressure } from "./old_streams";
import { bytesOf, isObject, native, platform, toInteger, wrongArgument, wrongConstructorArgument } from "./seam";

// The standard's, that knows of one made without arguments that it changes nothing.
const TransformStream = new Proxy(PlainTransformStream, {
  construct(target, given, made) {
    const stream = Reflect.construct(target, given, made);
    if (!compatibility.transformsWait) withoutBackpressure(stream);
    if (given.length === 0) isIdentity(stream.readable, stream.writable);
    return stream;
  },
});
TransformStream.prototype.constructor = TransformStream;

export const kStreamClasses = {
  ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableByteStreamController, ReadableStream,
  ReadableStreamBYOBReader, ReadableStreamBYOBRequest, ReadableStreamDefaultController, ReadableStreamDefaultReader,
  TransformStream, TransformStreamDefaultController, WritableStream, WritableStreamDefaultController,
  WritableStreamDefaultWriter,
};
export { ReadableStream, TransformStream, WritableStream };

platform(kStreamClasses);

// What a stream of a socket that is closing says to whoever comes.
export const kClosing = Symbol("closing");

export const kLockedText = "This ReadableStream is currently locked to a reader.";

const getReader = ReadableStream.prototype.getReader;
ReadableStream.prototype.getReader = function (this: ReadableStream, options?: any): any {
  if (this.locked) throw new TypeError(kLockedText);
  if ((this as any)[kClosing]) throw new TypeError((this as any)[kClosing]);
  if (options !== undefined && options !== null && !isObject(options)) {
    throw wrongArgument("getReader", "ReadableStream", 1, "GetReaderOptions");
  }
  const mode = options?.mode;
  if (mode !== undefined && mode !== "byob") {
    throw new TypeError("mode must be undefined or 'byob' in call to getReader().");
  }
  return getReader.call(this, options);
} as any;
// How many streams a stream comes of, one after another: a read goes down through all of them, on one stack.
const kDepth = Symbol("depth");
const kDepthMax = 256; // Half of what the stack holds.
function depthBehind(stream: object): number {
  const depth = ((stream as any)[kDepth] ?? 0) + 1;
  if (depth > kDepthMax) throw new RangeError(`More than ${kDepthMax} streams in a row, by pipeThrough() or tee().`);
  return depth;
}
const tee = ReadableStream.prototype.tee;
ReadableStream.prototype.tee = function (this: ReadableStream): any {
  if (this.locked) throw new TypeError("This ReadableStream is currently locked to a reader,");
  const depth = depthBehind(this);
  const branches = tee.call(this);
  for (const branch of branches) (branch as any)[kDepth] = depth;
  (this as any)._disturbed = true;
  return branches;
};
const cancel = ReadableStream.prototype.cancel;
ReadableStream.prototype.cancel = function (this: ReadableStream, reason?: any): Promise<void> {
  return this.locked ? Promise.reject(new TypeError(kLockedText)) : cancel.call(this, reason);
};
const kInternal = Symbol("internal"); // Of streams that workerd has in C++.
export const isInternal = (stream: object) => kInternal in stream;
function internal(stream: object): void {
  (stream as any)[kInternal] = true;
}

const pipeTo = ReadableStream.prototype.pipeTo;
const kDestinationClosed = "This destination writable stream is closed.";

function pipeInto(from: any, to: any, options: any): Promise<void> {
  if (!(to instanceof WritableStream) || to.locked) return pipeTo.call(from, to, options);
  const { _state: state, _closeRequest: closing, _inFlightCloseRequest: inFlight } = to as any;
  if (state === "closed" || (state === "writable" && (closing ?? inFlight) !== undefined)) {
    return refusePipe(from, to, options);
  }
  const old = !compatibility.pipesBack && state === "writable" && !isInternal(to);
  return old ? pipeAsBefore(from, to, options) : pipeTo.call(from, to, options);
}
async function refusePipe(from: any, to: any, options: any): Promise<void> {
  const error = new TypeError(kDestinationClosed);
  const wasClosed = to._state === "closed";
  if (!options?.preventCancel) await cancel.call(from, error);
  throw compatibility.pipesBack || isInternal(to) || wasClosed ? error : new TypeError("This ReadableStream is closed.");
}
// Before pipe_to_backward_propagation a pipe ended well if its destination failed, but for a write.
async function pipeAsBefore(from: any, to: any, options: any): Promise<void> {
  const controller = to._writableStreamController;
  const write = controller._writeAlgorithm;
  let failed = false;
  const watched = (chunk: unknown) => {
    const done = write(chunk);
    done.catch(() => { failed ||= to._state === "writable"; });
    return done;
  };
  controller._writeAlgorithm = watched;
  try {
    await pipeTo.call(from, to, options);
  } catch (error) {
    const back = !failed && from._state !== "errored" && !options?.signal?.aborted && error === to._storedError;
    if (!back) throw error;
  } finally {
    if (controller._writeAlgorithm === watched) controller._writeAlgorithm = write;
  }
}

ReadableStream.prototype.pipeTo = function (this: ReadableStream, to: any, options?: any): Promise<void> {
  if (to === undefined) return Promise.reject(wrongArgument("pipeTo", "ReadableStream", 1, "WritableStream"));
  if (this.locked) return Promise.reject(new TypeError(kLockedText));
  const pipe = () => pipeInto(this, to, options);
  if (!(to instanceof WritableStream)) return pipe();
  return (options === undefined && join(this, to, pipe, true)) || joinSent(this, to, options ?? undefined) || pipe();
};
const pipeThrough = ReadableStream.prototype.pipeThrough;
ReadableStream.prototype.pipeThrough = function (this: ReadableStream, to: any, options?: any): any {
  if (!isObject(to)) throw wrongArgument("pipeThrough", "ReadableStream", 1, "Transform");
  for (const [side, type] of [["readable", ReadableStream], ["writable", WritableStream]] as const) {
    if (!((to as any)[side] instanceof type)) {
      throw new TypeError(`Incorrect type for the '${side}' field on 'Transform': the provided value is not of type '${type.name}'.`);
    }
  }
  const { readable, writable } = to as any;
  readable[kDepth] = depthBehind(this);
  const alone = options === undefined && join(this, writable, () => pipeTo.call(this, writable), false);
  return alone ? readable : pipeThrough.call(this, to as any, options);
} as any;
const enqueueBytes = ReadableByteStreamController.prototype.enqueue as any;
(ReadableByteStreamController.prototype as any).enqueue = function (this: any, chunk: any): void {
  if (!ArrayBuffer.isView(chunk) && !(chunk instanceof ArrayBuffer)) {
    throw wrongArgument("enqueue", "ReadableByteStreamController", 1, "BufferSource");
  }
  if (chunk.byteLength === 0) throw new TypeError("Cannot enqueue a zero-length ArrayBuffer.");
  enqueueBytes.call(this, chunk instanceof ArrayBuffer ? new Uint8Array(chunk) : chunk);
};
const from = (ReadableStream as any).from;
(ReadableStream as any).from = function (source: unknown): ReadableStream {
  if (source === undefined || source === null) throw wrongArgument("from", "ReadableStream", 1, "AsyncGenerator");
  return from(source);
};
// What an early end leaves is a last chunk; the end itself comes with the next read.
const readInto = ReadableStreamBYOBReader.prototype.read as any;
(ReadableStreamBYOBReader.prototype as any).readAtLeast = async function readAtLeast(this: any, least: unknown, view: any): Promise<any> {
  if (arguments.length === 0) throw wrongArgument("readAtLeast", "ReadableStreamBYOBReader", 1, "integer");
  const count = toInteger(least);
  if (!ArrayBuffer.isView(view)) throw wrongArgument("readAtLeast", "ReadableStreamBYOBReader", 2, "ArrayBufferView");
  const size = view.byteLength;
  const width = (view as any).BYTES_PER_ELEMENT ?? 1;
  if (count === 0) throw new TypeError("Requested invalid minimum number of bytes to read (0).");
  if (count < 0 || count * width > size) {
    const named = count < 0 ? BigInt.asUintN(64, BigInt(count)) : count * width;
    throw new TypeError(`Minimum bytes to read (${named}) exceeds size of buffer (${size}).`);
  }
  // A stream that is closed but for what waits in its queue gives that.
  const controller = this._ownerReadableStream?._readableStreamController;
  const short = controller?._closeRequested && controller._queueTotalSize < count * width;
  const { value, done } = await readInto.call(this, view, short ? undefined : { min: count });
  return { value, done: done && !(value?.byteLength > 0) };
};
const kOutstanding = "Cannot call releaseLock() on a reader with outstanding read promises.";
for (const { prototype } of [ReadableStreamDefaultReader, ReadableStreamBYOBReader] as any[]) {
  const { releaseLock } = prototype;
  prototype.releaseLock = function (this: any): void {
    const stream = this._ownerReadableStream;
    const reads = this._readRequests ?? this._readIntoRequests;
    if (stream !== undefined && isInternal(stream) && reads.length > 0) throw new TypeError(kOutstanding);
    releaseLock.call(this);
  };
}
const getWriter = WritableStream.prototype.getWriter;
WritableStream.prototype.getWriter = function (this: WritableStream): any {
  if (this.locked) throw new TypeError("This WritableStream is currently locked to a writer.");
  if ((this as any)[kClosing]) throw new TypeError((this as any)[kClosing]);
  isWritten(this);
  return getWriter.call(this);
};

// What the stream will give in all, if that is known.
const kLength = Symbol("length");

// A stream over a body of C++, which may not be there yet. It reads only when someone asks.
export function streamOfNumber(given: number | Promise<number>): ReadableStream {
  let body = typeof given === "number" ? given : 0;
  const stream = new ReadableStream({
    type: "bytes",
    async pull(controller: any) {
      if (body === 0) body = await given;
      const chunk = await native.bodyRead(body);
      if (chunk === undefined) {
        controller.close();
        controller.byobRequest?.respond(0);
      } else if (chunk.byteLength > 0) {
        controller.enqueue(chunk);
      }
    },
    cancel() {
      native.bodyCancel(body);
    },
  } as any, { highWaterMark: 0 });
  internal(stream);
  if (body !== 0) (stream as any)[kBody] = body;
  return stream;
}

export function streamOfBytes(bytes: Uint8Array): ReadableStream {
  const stream = new ReadableStream({
    type: "bytes",
    pull(controller: any) {
      if (bytes.byteLength > 0) controller.enqueue(bytes);
      controller.close();
      controller.byobRequest?.respond(0);
    },
  } as any, { highWaterMark: 0 });
  internal(stream);
  return stream;
}

// The same for a body whose fetch a signal may still end: bytes, text, or one that C++ holds.
export function streamUntilAborted(body: number | string | Uint8Array, signal: AbortSignal): ReadableStream {
  const abort = () => {
    if (stream._state === "readable") stream._readableStreamController.error(signal.reason);
    if (typeof body === "number") native.bodyCancel(body);
  };
  const done = () => signal.removeEventListener("abort", abort);
  const read = async () => {
    if (typeof body === "number") return await native.bodyRead(body);
    const rest = typeof body === "string" ? native.utf8Encode(body) : body;
    body = new Uint8Array(0);
    return rest.byteLength > 0 ? rest : undefined;
  };
  const stream = new ReadableStream({
    type: "bytes",
    async pull(controller: any) {
      const chunk = await read();
      if (signal.aborted) return;
      if (chunk === undefined) {
        done();
        controller.close();
        controller.byobRequest?.respond(0);
      } else if (chunk.byteLength > 0) {
        controller.enqueue(chunk);
      }
    },
    cancel() {
      done();
      if (typeof body === "number") native.bodyCancel(body);
    },
  } as any, { highWaterMark: 0 }) as any;
  internal(stream);
  signal.addEventListener("abort", abort, { once: true });
  return stream;
}

export function isByteStream(stream: ReadableStream): boolean {
  return (stream as any)._readableStreamController instanceof ReadableByteStreamController;
}

export function isDisturbed(stream: ReadableStream): boolean {
  return (stream as any)._disturbed === true;
}

// Takes the number out of an untouched stream and leaves the stream locked; undefined if it has none or was touched.
export function takeNumber(stream: ReadableStream): number | undefined {
  const body = takeBody(stream);
  if (body === undefined) return undefined;
  getReader.call(stream);
  (stream as any)._disturbed = true;
  return body;
}

export function lengthOf(stream: ReadableStream): number | undefined {
  return (stream as any)[kLength];
}

export function requireBytes(chunk: unknown): Uint8Array {
  const bytes = chunk instanceof SharedArrayBuffer ? undefined : bytesOf(chunk);
  if (bytes === undefined) throw new TypeError("This ReadableStream did not return bytes.");
  return bytes;
}

// All that a stream still has to give. `stream` must not be locked.
export async function readAll(stream: ReadableStream): Promise<Uint8Array[]> {
  const reader = getReader.call(stream) as any;
  const chunks: Uint8Array[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return chunks;
    try {
      chunks.push(requireBytes(value));
    } catch (error) {
      reader.cancel(error).catch(() => {});
      throw error;
    }
  }
}

// -- workerd's own pipes

const kOtherOnBytes = "This TransformStream is being used as a byte stream, but received an object of " +
  "non-ArrayBuffer/ArrayBufferView type on its writable side.";

export function copyOfBytes(chunk: unknown): Uint8Array {
  if (typeof chunk === "string") return native.utf8Encode(chunk);
  const bytes = bytesOf(chunk);
  if (bytes === undefined) throw new TypeError(kOtherOnBytes);
  return bytes.slice();
}

// A writable and a readable side without a buffer between them: a write waits until all of it was read. Readers may bring
// buffers of their own.
interface BytePipe {
  readable: ReadableStream;
  writable: WritableStream;
  left: number;                    // What may still be written.
}

function bytePipe(length: number | undefined): BytePipe {
  let waiting: { bytes: Uint8Array; taken(): void; fail(reason: unknown): void } | undefined;
  let wake = () => {};             // Of a pull that waits for a write.
  let reader: any;
  let writer: any;
  const pipe = { left: length ?? Infinity } as BytePipe;
  const give = () => {
    if (waiting === undefined) return;
    const { bytes, taken } = waiting;
    const request = reader.byobRequest;
    const count = request ? Math.min(request.view.byteLength, bytes.byteLength) : bytes.byteLength;
    waiting.bytes = bytes.subarray(count);
    if (count === bytes.byteLength) waiting = undefined;
    if (request) {
      new Uint8Array(request.view.buffer, request.view.byteOffset, count).set(bytes.subarray(0, count));
      request.respond(count);
    } else {
      reader.enqueue(bytes);
    }
    if (waiting === undefined) taken();
  };
  const drop = (reason: unknown) => {
    waiting?.fail(reason);
    waiting = undefined;
  };
  pipe.readable = new ReadableStream({
    type: "bytes",
    start(controller: any) { reader = controller; },
    pull() {
      if (waiting !== undefined) return give();
      return new Promise<void>((done) => {
        wake = () => {
          wake = () => {};
          give();
          done();
        };
      });
    },
    cancel(reason: unknown) {
      drop(reason);
      writer.error(reason);
    },
  } as any, { highWaterMark: 0 });
  pipe.writable = new WritableStream({
    start(controller: any) {
      writer = controller;
      // The stream calls abort() only after its write is over, which may be never.
      controller.signal.addEventListener("abort", () => { if (compatibility.abortsWrites) drop(controller.signal.reason); });
    },
    write(chunk: unknown) {
      try {
        const bytes = copyOfBytes(chunk);
        if (bytes.byteLength > pipe.left) throw new TypeError(kTooMany);
        pipe.left -= bytes.byteLength;
        if (bytes.byteLength === 0) return;
        return new Promise<void>((taken, fail) => {
          waiting = { bytes, taken, fail };
          wake();
        });
      } catch (error) {
        reader.error(error);
        throw error;
      }
    },
    close() {
      if (length !== undefined && pipe.left > 0) {
        reader.error(new TypeError("FixedLengthStream did not see all expected bytes before close()."));
      } else {
        reader.close();
        reader.byobRequest?.respond(0);
      }
      wake();
    },
    abort(reason: unknown) {
      reader.error(reason);
      wake();
    },
  });
  internal(pipe.readable);
  internal(pipe.writable);
  return pipe;
}

const kPipe = Symbol("pipe");

export class IdentityTransformStream {
  [kPipe]: BytePipe;
  constructor(strategy?: unknown) {
    if (strategy !== undefined && strategy !== null && !isObject(strategy)) {
      throw wrongConstructorArgument("IdentityTransformStream", 1, "QueuingStrategy");
    }
    this[kPipe] = bytePipe(undefined);
    isIdentity(this.readable, this.writable);
  }
  get readable(): ReadableStream {
    return this[kPipe].readable;
  }
  get writable(): WritableStream {
    return this[kPipe].writable;
  }
}
// A TransformStream by name, but nothing of it is made.
Object.setPrototypeOf(IdentityTransformStream, TransformStream);
Object.setPrototypeOf(IdentityTransformStream.prototype, TransformStream.prototype);

const kTooMany = "Attempt to write too many bytes through a FixedLengthStream.";

export class FixedLengthStream extends IdentityTransformStream {
  constructor(length: unknown) {
    if (arguments.length === 0) throw wrongConstructorArgument("FixedLengthStream", 1, "bigint");
    const number = Math.trunc(Number(length));
    if (!Number.isFinite(number)) throw new TypeError("The value cannot be converted because it is not an integer.");
    if (number < 0) {
      throw new TypeError("The value cannot be converted because it is negative and this API expects a positive " +
        "bigint.");
    }
    super();
    this[kPipe] = bytePipe(number);
    (this.readable as any)[kLength] = number;
    isIdentity(this.readable, this.writable, this[kPipe]);
  }
}
platform({ IdentityTransformStream, FixedLengthStream });

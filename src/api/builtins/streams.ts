// The standard streams (from web-streams-polyfill), with workerd's texts, and streams over bodies that C++ holds.
import {
  ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableByteStreamController, ReadableStream,
  ReadableStreamBYOBReader, ReadableStreamBYOBRequest, ReadableStreamDefaultController, ReadableStreamDefaultReader,
  TransformStream, TransformStreamDefaultController, WritableStream, WritableStreamDefaultController,
  WritableStreamDefaultWriter,
} from "web-streams-polyfill";
import { bytesOf, native, platform, wrongConstructorArgument } from "./seam";

export const kStreamClasses = {
  ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableByteStreamController, ReadableStream,
  ReadableStreamBYOBReader, ReadableStreamBYOBRequest, ReadableStreamDefaultController, ReadableStreamDefaultReader,
  TransformStream, TransformStreamDefaultController, WritableStream, WritableStreamDefaultController,
  WritableStreamDefaultWriter,
};
export { ReadableStream, TransformStream, WritableStream };

platform(kStreamClasses);

export const kLockedText = "This ReadableStream is currently locked to a reader.";

const getReader = ReadableStream.prototype.getReader;
ReadableStream.prototype.getReader = function (this: ReadableStream, options?: any): any {
  if (this.locked) throw new TypeError(kLockedText);
  const mode = options?.mode;
  if (mode !== undefined && mode !== "byob") {
    throw new TypeError("mode must be undefined or 'byob' in call to getReader().");
  }
  return getReader.call(this, options);
} as any;
const tee = ReadableStream.prototype.tee;
ReadableStream.prototype.tee = function (this: ReadableStream): any {
  if (this.locked) throw new TypeError("This ReadableStream is currently locked to a reader,");
  return tee.call(this);
};
const cancel = ReadableStream.prototype.cancel;
ReadableStream.prototype.cancel = function (this: ReadableStream, reason?: any): Promise<void> {
  return this.locked ? Promise.reject(new TypeError(kLockedText)) : cancel.call(this, reason);
};
const pipeTo = ReadableStream.prototype.pipeTo;
ReadableStream.prototype.pipeTo = function (this: ReadableStream, to: any, options?: any): Promise<void> {
  return this.locked ? Promise.reject(new TypeError(kLockedText)) : pipeTo.call(this, to, options);
};
const getWriter = WritableStream.prototype.getWriter;
WritableStream.prototype.getWriter = function (this: WritableStream): any {
  if (this.locked) throw new TypeError("This WritableStream is currently locked to a writer.");
  return getWriter.call(this);
};

// The number of the body behind a stream that nobody has read from, so that it can be passed on as it is.
const kBody = Symbol("body");
// What the stream will give in all, if that is known.
const kLength = Symbol("length");

// A stream over a body of C++. It reads only when someone asks.
export function streamOfNumber(body: number): ReadableStream {
  const stream = new ReadableStream({
    type: "bytes",
    async pull(controller: any) {
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
  (stream as any)[kBody] = body;
  return stream;
}

export function streamOfBytes(bytes: Uint8Array): ReadableStream {
  return new ReadableStream({
    type: "bytes",
    pull(controller: any) {
      if (bytes.byteLength > 0) controller.enqueue(bytes);
      controller.close();
      controller.byobRequest?.respond(0);
    },
  } as any, { highWaterMark: 0 });
}

export function isDisturbed(stream: ReadableStream): boolean {
  return (stream as any)._disturbed === true;
}

// Takes the number out of an untouched stream and leaves the stream locked; undefined if it has none or was touched.
export function takeNumber(stream: ReadableStream): number | undefined {
  const body: number | undefined = (stream as any)[kBody];
  if (body === undefined || stream.locked || isDisturbed(stream)) return undefined;
  getReader.call(stream);
  (stream as any)._disturbed = true;
  return body;
}

export function lengthOf(stream: ReadableStream): number | undefined {
  return (stream as any)[kLength];
}

export function requireBytes(chunk: unknown): Uint8Array {
  const bytes = bytesOf(chunk);
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

export class IdentityTransformStream extends TransformStream {
  constructor(transformer?: unknown) {
    super({
      transform(chunk: unknown, controller: any) {
        const bytes = copyOfBytes(chunk);
        if (bytes.byteLength > 0) controller.enqueue(bytes);
      },
      ...(transformer as object),
    });
  }
}

const kTooMany = "Attempt to write too many bytes through a FixedLengthStream.";

export class FixedLengthStream extends IdentityTransformStream {
  constructor(length: unknown) {
    if (length === undefined) throw wrongConstructorArgument("FixedLengthStream", 1, "bigint");
    let left = Number(length);
    if (left < 0) {
      throw new TypeError("The value cannot be converted because it is negative and this API expects a positive " +
        "bigint.");
    }
    super({
      transform(chunk: unknown, controller: any) {
        const bytes = copyOfBytes(chunk);
        if (bytes.byteLength > left) throw new TypeError(kTooMany);
        left -= bytes.byteLength;
        if (bytes.byteLength > 0) controller.enqueue(bytes);
      },
      flush() {
        if (left > 0) throw new TypeError("FixedLengthStream did not see all expected bytes before close().");
      },
    });
    (this.readable as any)[kLength] = left;
  }
}
platform({ IdentityTransformStream, FixedLengthStream });

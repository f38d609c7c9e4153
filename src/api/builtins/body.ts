// Bodies of Request and Response. A body stays what it was given as (text, bytes, the number of a body in C++) until
// somebody asks for the stream.
import { Blob, blobOf, bytesOfBlob, decodeForm, encodeMultipart, FormData } from "./blob";
import { compatibility } from "./compatibility";
import { pumpOfBodies } from "./joins";
import { standardMimeType } from "./mime";
import type { OutBody, Pump } from "./native.d";
import { bytesOf, concatBytes, illegalConstructor, isObject, kIllegalInvocation, native, platform, textOf } from "./seam";
import {
  isByteStream, isDisturbed, kLockedText, lengthOf, readAll, ReadableStream, requireBytes, streamOfBytes, streamOfNumber, takeNumber,
} from "./streams";
import { URLSearchParams } from "./url";

export type Raw = null | string | Uint8Array | number | ReadableStream;

export const kRaw: unique symbol = Symbol("raw");
export const kUsed: unique symbol = Symbol("used");

const kUsedText = "Body has already been used. It can only be used once. Use tee() first if you need to read it twice.";
export const kTextType = "text/plain;charset=UTF-8";
const kDisturbedText = "This ReadableStream is disturbed (has already been read from), and cannot be used as a body.";
const kNoBytes = new Uint8Array(0);

export class Body {
  declare [kRaw]: Raw;
  declare [kUsed]: boolean; // Read or moved. A stream knows by itself.

  constructor() {
    illegalConstructor(undefined); // Request and Response inherit without calling it.
  }
  get body(): ReadableStream | null {
    const raw = this[kRaw];
    if (raw === null || raw instanceof ReadableStream) return raw;
    const stream = streamOf(this[kUsed] ? kNoBytes : raw);
    if (this[kUsed]) {
      stream.getReader();
      (stream as any)._disturbed = true;
    }
    this[kRaw] = stream;
    return stream;
  }
  get bodyUsed(): boolean {
    const raw = this[kRaw];
    return this[kUsed] || (raw instanceof ReadableStream && isDisturbed(raw));
  }
  text(): Promise<string> {
    return readText(this);
  }
  json(): Promise<unknown> {
    return readJson(this);
  }
  arrayBuffer(): Promise<ArrayBuffer> {
    return readBuffer(this);
  }
  bytes(): Promise<Uint8Array> {
    return bytesOfBody(this);
  }
  async blob(): Promise<Blob> {
    const type = (this as any).headers.get("content-type") ?? "";
    return blobOf((await bytesOfBody(this)).slice(), compatibility.blobMimeType ? (standardMimeType(type) ?? "") : type);
  }
  async formData(): Promise<FormData> {
    const type: string | null = (this as any).headers.get("content-type");
    if (type === null) throw new TypeError("Parsing a Body as FormData requires a Content-Type header.");
    return decodeForm(await bytesOfBody(this), type);
  }
}
platform({ Body });

function streamOf(raw: string | Uint8Array | number): ReadableStream {
  if (typeof raw === "number") return streamOfNumber(raw);
  return streamOfBytes(typeof raw === "string" ? native.utf8Encode(raw) : raw);
}

// Marks a body as read and gives what it was; throws if it was read before.
function take(body: Body): Raw {
  const raw = body[kRaw];
  if (raw === undefined) throw new TypeError(kIllegalInvocation);
  if (raw === null) return null;
  if (body.bodyUsed) throw new TypeError(kUsedText);
  if (raw instanceof ReadableStream) {
    if (raw.locked) throw new TypeError(kLockedText);
    return takeNumber(raw) ?? raw;
  }
  body[kUsed] = true;
  return raw;
}

async function readText(body: Body): Promise<string> {
  const raw = take(body);
  if (raw === null) return "";
  const strip = compatibility.stripBom;
  if (typeof raw === "number" && strip) return native.bodyReadText(raw);
  if (typeof raw !== "string") return native.utf8Decode(await bytesOfRaw(raw), false, !strip);
  return strip && raw.charCodeAt(0) === 0xfeff ? raw.slice(1).toWellFormed() : raw.toWellFormed();
}

async function readJson(body: Body): Promise<unknown> {
  return JSON.parse(await readText(body));
}

async function readBuffer(body: Body): Promise<ArrayBuffer> {
  const bytes = await bytesOfBody(body);
  return bytes.byteLength === bytes.buffer.byteLength ? (bytes.buffer as ArrayBuffer) : bytes.slice().buffer;
}

async function bytesOfBody(body: Body): Promise<Uint8Array> {
  const raw = take(body);
  return raw === null ? new Uint8Array(0) : typeof raw === "string" ? native.utf8Encode(raw) : bytesOfRaw(raw);
}

async function bytesOfRaw(raw: Uint8Array | number | ReadableStream): Promise<Uint8Array> {
  if (typeof raw === "number") return new Uint8Array(await native.bodyReadAll(raw));
  if (raw instanceof ReadableStream) return concatBytes(await readAll(raw));
  return raw;
}

// https://fetch.spec.whatwg.org/#concept-bodyinit-extract: the body, and the type it brings along.
export function extract(init: unknown): [Raw, string | undefined] {
  if (init === null || init === undefined) return [null, undefined];
  if (typeof init === "string") return [init, kTextType];
  if (!isObject(init)) return [textOf(init), kTextType];
  if (init instanceof ReadableStream) {
    if (isDisturbed(init)) {
      throw new TypeError(kDisturbedText);
    }
    if (init.locked) throw new TypeError("This ReadableStream is locked to a reader, and cannot be used as a body.");
    return [init, undefined];
  }
  const bytes = bytesOf(init);
  if (bytes !== undefined) return [bytes.slice(), undefined];
  if (init instanceof URLSearchParams) return [init.toString(), "application/x-www-form-urlencoded;charset=UTF-8"];
  if (init instanceof Blob) return [bytesOfBlob(init), init.type || undefined];
  if (init instanceof FormData) {
    const { bytes: form, type } = encodeMultipart(init);
    return [form, type];
  }
  if (compatibility.iterableBodies && iterates(init)) return [(ReadableStream as any).from(init), undefined];
  return [textOf(init), kTextType];
}

const plainText = Object.prototype.toString;

// What has a text of its own is that text, unless it iterates asynchronously or is an array.
function iterates(init: object): boolean {
  if (typeof (init as any)[Symbol.asyncIterator] === "function") return true;
  if (init instanceof String || typeof (init as any)[Symbol.iterator] !== "function") return false;
  if (!compatibility.ownTexts || Array.isArray(init)) return true;
  return init.toString === plainText && (init as any)[Symbol.toPrimitive] === undefined;
}

// The body of a clone; the original keeps the other half.
export function cloneRaw(body: Body): Raw {
  if (body[kUsed] || (body[kRaw] instanceof ReadableStream && body[kRaw].locked)) {
    throw new TypeError("This ReadableStream is currently locked to a reader,");
  }
  const raw = body[kRaw];
  if (raw === null || typeof raw === "string" || raw instanceof Uint8Array) return raw;
  const [mine, other] = body.body!.tee();
  body[kRaw] = mine;
  return other;
}

// Moves the body out, for a Request made of another one.
export function moveRaw(body: Body, problem: string): Raw {
  const raw = body[kRaw];
  if (raw === null) return null;
  if (body.bodyUsed) throw new TypeError(problem);
  if (raw instanceof ReadableStream && raw.locked) {
    throw new TypeError("The ReadableStream has been locked to a reader.");
  }
  body[kUsed] = true;
  return raw;
}

// What C++ gets. The body counts as read afterwards.
export function outBody(body: Body): OutBody {
  return body[kRaw] === null ? null : outOf(take(body)!);
}

// The same of what moveRaw gave.
export function outOf(raw: NonNullable<Raw>): OutBody {
  if (!(raw instanceof ReadableStream)) return raw as OutBody;
  return takeNumber(raw) ?? pumpOfBodies(raw, pumpOf(raw));
}

// The length that C++ can't see by itself.
export function outLength(body: Body): number | undefined {
  return lengthOfRaw(body[kRaw]);
}
export function lengthOfRaw(raw: Raw): number | undefined {
  return raw instanceof ReadableStream ? lengthOf(raw) : undefined;
}

// Whether a body can be sent a second time, after a redirect.
export function isReplayable(raw: Raw): boolean {
  return raw === null || typeof raw === "string" || raw instanceof Uint8Array;
}

// A chunk of a byte stream is nobody else's. Freed when C++ has copied it, which it has when it asks for the next: left to
// the collector, chunks pile up to its threshold.
function pumpOf(stream: ReadableStream): Pump {
  const reader = stream.getReader() as any;
  const owned = isByteStream(stream);
  let last: ArrayBuffer | undefined;
  return {
    async read() {
      last?.transfer(0);
      last = undefined;
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return undefined;
        // A script may have written texts: what leaves is UTF-8.
        const bytes = typeof value === "string" ? native.utf8Encode(value) : requireBytes(value);
        if (owned) last = bytes.buffer as ArrayBuffer;
        if (bytes.byteLength > 0) return bytes;
      }
    },
    cancel(reason) {
      reader.cancel(reason).catch(() => {});
    },
  };
}

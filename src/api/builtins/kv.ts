// Bindings to Workers KV: arguments, types of values, and the texts that workerd itself has. What the namespace refuses
// comes from C++.
import {
  bytesOf, concatBytes, illegalConstructor, isObject, kInternal, native, platform, textOf, wrongArgument,
} from "./seam";
import { isDisturbed, ReadableStream, requireBytes, streamOfBytes, takeNumber } from "./streams";

const kHolder = "KvNamespace";
const kBytes = 1, kMetadata = 2; // Flags of native.nsGet.
const kBulkMax = 100;
const kValueMax = 25 * 1024 * 1024, kBulkBytesMax = kValueMax;
const kStreamMax = 128 * 1024 * 1024; // What is read of a stream to say how long a value would be.
const kNoSuchType = 'Unknown response type. Possible types are "text", "arrayBuffer", "json", and "stream".';
const kNoSuchValue = "KV put() accepts only strings, ArrayBuffers, ArrayBufferViews, and ReadableStreams as values.";

interface GetOptions { type: string; cacheTtl: number | undefined }
interface Found { value: unknown; metadata: unknown; cacheStatus: null }
interface PutOptions { expiration?: unknown; expirationTtl?: unknown; metadata?: unknown }
interface ListOptions { prefix?: unknown; limit?: unknown; cursor?: unknown }

const isOptional = (options: unknown): options is object | null | undefined =>
  options === undefined || options === null || isObject(options);

// https://webidl.spec.whatwg.org/#js-long, but that what is out of range throws.
function int32(value: unknown): number {
  const number = Number(value);
  if (Number.isNaN(number)) return 0;
  if (number < -2147483648 || number > 2147483647) {
    throw new TypeError("Value out of range. Must be between -2147483648 and 2147483647 (inclusive).");
  }
  return Math.trunc(number);
}

function keyOf(key: unknown): string {
  const text = textOf(key);
  if (text === "") throw new TypeError("Key name cannot be empty.");
  if (text === "." || text === "..") throw new TypeError(`"${text}" is not allowed as a key name.`);
  return text;
}

const refused = (method: string, text: string) => new Error(`KV ${method} failed: ${text}`);

function optionsOf(given: unknown): GetOptions {
  if (given === undefined || given === null) return { type: "text", cacheTtl: undefined };
  if (!isObject(given)) return { type: textOf(given), cacheTtl: undefined };
  const { type, cacheTtl } = given as { type?: unknown; cacheTtl?: unknown };
  return { type: type === undefined ? "text" : textOf(type), cacheTtl: cacheTtl === undefined ? undefined : int32(cacheTtl) };
}

// From the text or the bytes, whichever the type wants.
function convert(value: string | ArrayBuffer, type: string): unknown {
  if (type === "json") return JSON.parse(value as string);
  if (type === "stream") return streamOfBytes(new Uint8Array(value as ArrayBuffer));
  if (type !== "text" && type !== "arrayBuffer") throw new TypeError(kNoSuchType);
  return value;
}

const flagsOf = (type: string) => (type === "arrayBuffer" || type === "stream" ? kBytes : 0);
const metadataOf = (text: string | undefined): unknown => (text === undefined ? null : JSON.parse(text));

async function getMany(ns: number, keys: unknown[], given: unknown, withMetadata: boolean): Promise<Map<string, unknown>> {
  const { type, cacheTtl } = optionsOf(given);
  const method = "GET_BULK";
  if (type !== "text" && type !== "json") throw refused(method, `400 "${type}" is not a valid type. Use "json" or "text"`);
  if (keys.length > kBulkMax) throw refused(method, `400 You can request a maximum of ${kBulkMax} keys`);
  if (keys.length < 1) throw refused(method, "400 You must request a minimum of 1 key");
  const names = keys.map(textOf);
  const found = await Promise.all(names.map(async (name) => {
    try {
      return await native.nsGet(ns, name, kMetadata, cacheTtl);
    } catch (error) {
      throw new Error((error as Error).message.replace("KV GET ", `KV ${method} `));
    }
  }));
  const all = new Map<string, unknown>();
  let size = 0;
  found.forEach((each: [string, string | undefined] | null, index) => {
    size += each === null ? 0 : each[0].length;
    if (size > kBulkBytesMax) throw refused(method, "413 Total size of request exceeds the limit of 25MB");
    all.set(names[index]!, each === null ? null : oneOfMany(method, each, type, withMetadata));
  });
  return all;
}

function oneOfMany(method: string, [text, metadata]: [string, string | undefined], type: string, withMetadata: boolean): unknown {
  let value: unknown;
  try {
    value = convert(text, type);
  } catch {
    throw refused(method, `400 At least one of the requested keys corresponds to a non-${type} value`);
  }
  return withMetadata ? { value, metadata: metadataOf(metadata) } : value;
}

// All of a stream, or what is too long to be a value.
async function readStream(stream: ReadableStream): Promise<ArrayBuffer | Uint8Array> {
  const number = takeNumber(stream);
  if (number !== undefined) return native.bodyReadAll(number);
  const reader = (stream as any).getReader();
  let chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done && length <= kValueMax) return concatBytes(chunks);
    if (!done) {
      const bytes = requireBytes(value);
      length += bytes.byteLength;
      if (length <= kValueMax) chunks.push(bytes.slice());
      else chunks = [];
      if (length <= kStreamMax) continue;
      reader.cancel().catch(() => {});
    }
    throw refused("PUT", `413 Value length of ${length} exceeds limit of ${kValueMax}.`);
  }
}

// What nsPut takes; a stream as it is.
function valueOf(value: unknown): string | Uint8Array | ReadableStream {
  if (!isObject(value)) return textOf(value);
  const bytes = bytesOf(value);
  if (bytes !== undefined) return bytes;
  if (!(value instanceof ReadableStream)) throw new TypeError(kNoSuchValue);
  if (value.locked) throw new TypeError("The ReadableStream has been locked to a reader.");
  if (isDisturbed(value)) {
    throw new TypeError("This ReadableStream is disturbed (has already been read from), and cannot be used as a body.");
  }
  return value;
}

function put(ns: number, key: string, value: unknown, options: PutOptions): Promise<void> {
  const expiration = options.expiration === undefined ? undefined : `${int32(options.expiration)}`;
  const ttl = options.expirationTtl === undefined ? undefined : `${int32(options.expirationTtl)}`;
  const given = options.metadata;
  const metadata = given === undefined || given === null ? undefined : JSON.stringify(given);
  const body = valueOf(value);
  if (!(body instanceof ReadableStream)) return native.nsPut(ns, key, body, expiration, ttl, metadata);
  return readStream(body).then((bytes) => native.nsPut(ns, key, bytes, expiration, ttl, metadata));
}

async function list(ns: number, options: ListOptions): Promise<object> {
  const limit = options.limit === undefined || options.limit === null ? 0 : int32(options.limit);
  const isGiven = (value: unknown) => value !== undefined && value !== null && value !== "";
  const [cursor, ...flat] = await native.nsList(ns, isGiven(options.prefix) ? textOf(options.prefix) : "",
    limit > 0 ? limit : undefined, isGiven(options.cursor) ? textOf(options.cursor) : undefined);
  const keys: object[] = [];
  for (let at = 0; at < flat.length; at += 3) {
    const key: Record<string, unknown> = { name: flat[at] };
    if (flat[at + 1] !== 0) key.expiration = flat[at + 1];
    if (flat[at + 2] !== undefined) key.metadata = JSON.parse(flat[at + 2]);
    keys.push(key);
  }
  return cursor === undefined ? { keys, list_complete: true, cacheStatus: null }
    : { keys, list_complete: false, cursor, cacheStatus: null };
}

let nsOf: (holder: KvNamespace) => number;

// Turns what an operation throws into a rejection.
function rejecting<T>(holder: KvNamespace, operation: (ns: number) => Promise<T>): Promise<T> {
  const ns = nsOf(holder);
  try {
    return operation(ns);
  } catch (error) {
    return Promise.reject(error);
  }
}

export class KvNamespace {
  #ns: number;
  constructor(token?: unknown, ns?: number) {
    illegalConstructor(token);
    this.#ns = ns!;
  }
  static {
    nsOf = (holder) => holder.#ns;
  }
  get(key: unknown, given?: unknown): Promise<unknown> {
    if (arguments.length === 0) throw wrongArgument("get", kHolder, 1, "string or Array");
    return rejecting(this, (ns) => {
      if (Array.isArray(key)) return getMany(ns, key, given, false);
      const { type, cacheTtl } = optionsOf(given);
      const value = native.nsGet(ns, keyOf(key), flagsOf(type), cacheTtl);
      if (type === "text" || type === "arrayBuffer") return value;
      return value.then((found) => (found === null ? null : convert(found, type)));
    });
  }
  list(options?: unknown): Promise<object> {
    if (!isOptional(options)) throw wrongArgument("list", kHolder, 1, "ListOptions");
    return rejecting(this, (ns) => list(ns, options ?? {}));
  }
  put(key: unknown, value?: unknown, options?: unknown): Promise<void> {
    if (arguments.length === 0) throw wrongArgument("put", kHolder, 1, "string");
    if (arguments.length === 1) throw wrongArgument("put", kHolder, 2, "string or Object");
    if (!isOptional(options)) throw wrongArgument("put", kHolder, 3, "PutOptions");
    return rejecting(this, (ns) => put(ns, keyOf(key), value, options ?? {}));
  }
  getWithMetadata(key: unknown, given?: unknown): Promise<Found | Map<string, unknown>> {
    if (arguments.length === 0) throw wrongArgument("getWithMetadata", kHolder, 1, "string or Array");
    return rejecting<Found | Map<string, unknown>>(this, (ns) => {
      if (Array.isArray(key)) return getMany(ns, key, given, true);
      const { type, cacheTtl } = optionsOf(given);
      return native.nsGet(ns, keyOf(key), flagsOf(type) | kMetadata, cacheTtl).then((found) => {
        if (found === null) return { value: null, metadata: null, cacheStatus: null };
        return { value: convert(found[0], type), metadata: metadataOf(found[1]), cacheStatus: null };
      });
    });
  }
  delete(key: unknown): Promise<void> {
    if (arguments.length === 0) throw wrongArgument("delete", kHolder, 1, "string");
    return rejecting(this, (ns) => native.nsDelete(ns, keyOf(key)));
  }
}
platform({ KvNamespace });

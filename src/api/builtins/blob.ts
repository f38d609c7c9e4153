// Blob, File, FormData and the two forms that FormData takes as a body.
import { compatibility } from "./compatibility";
import { bytesOf, concatBytes, native, platform, textOf, toInteger, wrongArgument, wrongConstructorArgument } from "./seam";
import { ReadableStream, streamOfBytes } from "./streams";
import { parseForm } from "./url";

const kBytes = Symbol("bytes");

let typed: (bytes: Uint8Array<ArrayBuffer>, type: string) => Blob;

export class Blob {
  #type: string;
  declare [kBytes]: Uint8Array<ArrayBuffer>;

  constructor(parts?: unknown[], options?: { type?: unknown }) {
    if (parts !== undefined && !Array.isArray(parts)) throw wrongConstructorArgument("Blob", 1, "Array");
    if ((options as any)?.endings !== undefined) throw new Error("The 'endings' field on 'Options' is not implemented.");
    const { type: given = "" } = options ?? {};
    const type = textOf(given);
    this.#type = /^[\x20-\x7e]*$/.test(type) ? type.toLowerCase() : "";
    this[kBytes] = parts === undefined ? new Uint8Array(0) : concatBytes(Array.from(parts, bytesOfPart));
  }
  static {
    typed = (bytes, type) => {
      const blob = new Blob();
      blob[kBytes] = bytes;
      blob.#type = type;
      return blob;
    };
  }
  get size(): number { return this[kBytes].byteLength; }
  get type(): string { return this.#type; }
  slice(start?: unknown, end?: unknown, type?: string): Blob {
    const [from, to] = [start, end].map((at) => (at === undefined ? undefined : toInteger(at)));
    return new Blob([this[kBytes].slice(from, to)], { type });
  }
  async arrayBuffer(): Promise<ArrayBuffer> { return this[kBytes].slice().buffer; }
  async bytes(): Promise<Uint8Array> { return this[kBytes].slice(); }
  async text(): Promise<string> { return native.utf8Decode(this[kBytes], false, true); }
  stream(): ReadableStream { return streamOfBytes(this[kBytes].slice()); }
}

function bytesOfPart(part: unknown): Uint8Array {
  if (part instanceof Blob) return part[kBytes];
  return bytesOf(part) ?? native.utf8Encode(textOf(part));
}

// A body's: its type stands as it is given.
export function blobOf(bytes: Uint8Array<ArrayBuffer>, type: string): Blob {
  return typed(bytes, type);
}

export function bytesOfBlob(blob: Blob): Uint8Array<ArrayBuffer> {
  return blob[kBytes];
}

export class File extends Blob {
  #name: string;
  #lastModified: number;
  constructor(parts: unknown[], name: unknown, options?: { type?: unknown; lastModified?: number }) {
    if (arguments.length > 0 && !Array.isArray(parts)) throw wrongConstructorArgument("File", 1, "Array");
    if (arguments.length < 2) throw wrongConstructorArgument("File", 2, "string");
    super(parts, options);
    this.#name = textOf(name);
    const { lastModified = Date.now() } = options ?? {};
    this.#lastModified = +lastModified || 0;
  }
  get name(): string { return this.#name; }
  get lastModified(): number { return this.#lastModified; }
}

type FormValue = string | File;

export class FormData {
  #entries: [string, FormValue][] = [];

  append(name: unknown, value: unknown, filename?: unknown): void {
    const key = keyOf("append", name, arguments.length, 2);
    this.#entries.push([key, formValue(key, value, filename)]);
  }
  set(name: unknown, value: unknown, filename?: unknown): void {
    const key = keyOf("set", name, arguments.length, 2);
    const at = this.#entries.findIndex((entry) => entry[0] === key);
    const entry: [string, FormValue] = [key, formValue(key, value, filename)];
    if (at < 0) this.#entries.push(entry);
    else this.#entries = this.#entries.toSpliced(at, 1, entry).filter((each) => each === entry || each[0] !== key);
  }
  delete(name: unknown): void {
    const key = keyOf("delete", name, arguments.length);
    this.#entries = this.#entries.filter((entry) => entry[0] !== key);
  }
  get(name: unknown): FormValue | null {
    const key = keyOf("get", name, arguments.length);
    return this.#entries.find((entry) => entry[0] === key)?.[1] ?? null;
  }
  getAll(name: unknown): FormValue[] {
    const key = keyOf("getAll", name, arguments.length);
    return this.#entries.filter((entry) => entry[0] === key).map((entry) => entry[1]);
  }
  has(name: unknown): boolean {
    const key = keyOf("has", name, arguments.length);
    return this.#entries.some((entry) => entry[0] === key);
  }
  forEach(callback: (value: FormValue, name: string, parent: FormData) => void, self?: unknown): void {
    if (typeof callback !== "function") throw wrongArgument("forEach", "FormData", 1, "function");
    for (const [name, value] of this) callback.call(self, value, name, this);
  }
  *entries(): IterableIterator<[string, FormValue]> {
    for (let at = 0; at < this.#entries.length; at++) yield [...this.#entries[at]!];
  }
  *keys(): IterableIterator<string> { for (const [name] of this.entries()) yield name; }
  *values(): IterableIterator<FormValue> { for (const [, value] of this.entries()) yield value; }
  declare [Symbol.iterator]: () => IterableIterator<[string, FormValue]>;
}
FormData.prototype[Symbol.iterator] = FormData.prototype.entries;

// The name in the first of `count` arguments, of which a method needs one or two.
function keyOf(method: string, name: unknown, count: number, needed = 1): string {
  if (count === 0) throw wrongArgument(method, "FormData", 1, "string");
  const key = textOf(name);
  if (count < needed) throw wrongArgument(method, "FormData", 2, "File or Blob or string");
  return key;
}

function formValue(field: string, value: unknown, filename: unknown): FormValue {
  if (!(value instanceof Blob)) return textOf(value);
  if (value instanceof File && filename === undefined) return value;
  const name = filename === undefined ? field : textOf(filename);
  return new File([value], name, { type: value.type });
}

// -- multipart/form-data (RFC 7578)

const escapeName = (name: string) => name.replaceAll("\r", "%0D").replaceAll("\n", "%0A").replaceAll('"', "%22");
const unescapeName = (name: string) => name.replace(/%22|%0D|%0A/gi, decodeURIComponent);

export function encodeMultipart(form: FormData): { bytes: Uint8Array; type: string } {
  const boundary = native.randomUUID().replaceAll("-", "");
  const pieces: Uint8Array[] = [];
  const text = (value: string) => pieces.push(native.utf8Encode(value));
  for (const [name, value] of form) {
    text(`--${boundary}\r\nContent-Disposition: form-data; name="${escapeName(name)}"`);
    if (typeof value === "string") {
      text(`\r\n\r\n${value}\r\n`);
    } else {
      const type = value.type || "application/octet-stream";
      text(`; filename="${escapeName(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`);
      pieces.push(bytesOfBlob(value));
      text("\r\n");
    }
  }
  text(`--${boundary}--`);
  return { bytes: concatBytes(pieces), type: `multipart/form-data; boundary=${boundary}` };
}

const kNoBoundary = "No boundary string in Content-Type header. The multipart/form-data MIME type requires a " +
  "boundary parameter, e.g. 'Content-Type: multipart/form-data; boundary=\"abcd\"'. See RFC 7578, section 4.";
const kBadForm = "Unrecognized Content-Type header value. FormData can only parse the following MIME types: " +
  "multipart/form-data, application/x-www-form-urlencoded";

export function decodeForm(bytes: Uint8Array, contentType: string): FormData {
  const type = contentType.split(";")[0]!.trim().toLowerCase();
  if (type === "multipart/form-data") return decodeMultipart(bytes, contentType);
  if (type !== "application/x-www-form-urlencoded") throw new TypeError(kBadForm);
  const form = new FormData();
  for (const [name, value] of parseForm(native.utf8Decode(bytes, false, false))) form.append(name, value);
  return form;
}

// Works on Latin-1 text, where one character is one byte, so that positions in it are positions in `bytes`.
function decodeMultipart(bytes: Uint8Array, contentType: string): FormData {
  const found = /;\s*boundary=(?:"([^"]*)"|([^\s;]*))/i.exec(contentType);
  const boundary = found?.[1] ?? found?.[2];
  if (!boundary) throw new TypeError(kNoBoundary);
  const latin1 = native.latin1(bytes);
  const form = new FormData();
  const mark = `--${boundary}`;
  const utf8 = (start: number, end: number) => native.utf8Decode(bytes.subarray(start, end), false, true);
  let at = latin1.indexOf(mark);
  if (at < 0) throw new TypeError("No initial boundary string (or you have a truncated message).");
  for (;;) {
    at += mark.length;
    if (latin1.startsWith("--", at)) return form;
    const head = latin1.indexOf("\r\n\r\n", at);
    const end = head < 0 ? -1 : latin1.indexOf(`\r\n${mark}`, head + 2);
    if (end < 0) throw new TypeError("No subsequent boundary string after header (or you have a truncated message).");
    const headers = utf8(at, head);
    const name = /^content-disposition:\s*form-data[^\r\n]*?;\s*name="([^"\r\n]*)"/im.exec(headers);
    if (!name) throw new TypeError("Invalid Content-Disposition header found while parsing FormData.");
    const filename = /^content-disposition:[^\r\n]*;\s*filename="([^"\r\n]*)"/im.exec(headers)?.[1];
    const body = Math.min(head + 4, end);
    if (filename === undefined || !compatibility.formFiles) {
      form.append(unescapeName(name[1]!), utf8(body, end));
    } else {
      const type = /^content-type:\s*([^\r\n]*)/im.exec(headers)?.[1]?.trim() ?? "application/octet-stream";
      form.append(unescapeName(name[1]!), new File([bytes.slice(body, end)], unescapeName(filename), { type }));
    }
    at = end + 2;
  }
}

platform({ Blob, File, FormData });

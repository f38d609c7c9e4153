// Headers: https://fetch.spec.whatwg.org/#headers-class. Names keep the case they came with on their way out.
import { compatibility } from "./compatibility";
import type { Packed } from "./native.d";
import { isObject, kInternal, platform, textOf, wrongArgument, wrongConstructorArgument } from "./seam";

const kNamePattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]*$/;
const kLookedFor = /^[!#$%&'*+\-.^_`|~0-9A-Za-z\u0080-\uffff]*$/; // What is beyond ASCII is not there, which is no error.
const kBadValue = /[\0\r\n]/;
const kEntries = Symbol("entries");
const kPacked = Symbol("packed");
const kImmutable = Symbol("immutable");
const kBadPair = "To initialize a Headers object from a sequence, each inner sequence must have exactly two elements.";

interface Entry { name: string; values: string[] }

// A Headers that came packed keeps that text until someone changes it: most are passed on or never read. While `kPacked`
// is there it counts, and `kEntries`, if made, only serves look-ups.
export class Headers {
  declare [kEntries]: Map<string, Entry> | undefined;
  declare [kPacked]: Packed | undefined;
  declare [kImmutable]: boolean;

  constructor(init?: unknown, packed?: Packed, immutable?: boolean) {
    if (init === kInternal) {
      this[kEntries] = undefined;
      this[kPacked] = packed;
      this[kImmutable] = immutable!;
      return;
    }
    this[kEntries] = undefined;
    this[kPacked] = "";
    this[kImmutable] = false;
    if (init === null) throw wrongConstructorArgument("Headers", 1, "Headers or Sequence or object");
    if (init !== undefined) fill(this, init);
  }

  get(name: unknown): string | null {
    const entry = allOf(this).get(keyOf("get", name, arguments.length));
    return entry === undefined ? null : entry.values.length === 1 ? entry.values[0]! : entry.values.join(", ");
  }
  has(name: unknown): boolean {
    return allOf(this).has(keyOf("has", name, arguments.length));
  }
  set(name: unknown, value: unknown): void {
    requireTwo("set", name, arguments.length);
    const key = checkedName(name);
    const text = checkedValue(value);
    writable(this).set(key, { name: textOf(name), values: [text] });
  }
  append(name: unknown, value: unknown): void {
    requireTwo("append", name, arguments.length);
    checkedName(name);
    const text = checkedValue(value);
    add(writable(this), textOf(name), text);
  }
  delete(name: unknown): void {
    writable(this).delete(keyOf("delete", name, arguments.length));
  }
  getSetCookie(): string[] {
    return [...(allOf(this).get("set-cookie")?.values ?? [])];
  }
  getAll(name: unknown): string[] {
    if (arguments.length === 0) throw wrongArgument("getAll", "Headers", 1, "string");
    if (textOf(name).toLowerCase() !== "set-cookie") {
      throw new TypeError('getAll() can only be used with the header name "Set-Cookie".');
    }
    return allOf(this).get("set-cookie")?.values.slice() ?? [];
  }
  forEach(callback: (value: string, name: string, parent: Headers) => void, self?: unknown): void {
    if (typeof callback !== "function") throw wrongArgument("forEach", "Headers", 1, "function");
    for (const [name, value] of sorted(this)) callback.call(self, value, name, this);
  }
  entries(): IterableIterator<[string, string]> {
    return sorted(this).values();
  }
  *keys(): IterableIterator<string> {
    for (const [name] of sorted(this)) yield name;
  }
  *values(): IterableIterator<string> {
    for (const [, value] of sorted(this)) yield value;
  }
  declare [Symbol.iterator]: () => IterableIterator<[string, string]>;
}
Headers.prototype[Symbol.iterator] = Headers.prototype.entries;

// Takes away what a script of this date and these flags does not have.
export function trimHeaders(): void {
  if (!compatibility.setCookieApart) delete (Headers.prototype as any).getSetCookie;
}
platform({ Headers });

function allOf(headers: Headers): Map<string, Entry> {
  let entries = headers[kEntries];
  if (entries === undefined) {
    entries = headers[kEntries] = new Map<string, Entry>();
    eachPacked(headers[kPacked]!, (name, value) => add(entries!, name, value));
  }
  return entries;
}

function writable(headers: Headers): Map<string, Entry> {
  if (headers[kImmutable]) throw new TypeError("Can't modify immutable headers.");
  const entries = allOf(headers);
  headers[kPacked] = undefined;
  return entries;
}

function sorted(headers: Headers): [string, string][] {
  const all = allOf(headers);
  const pairs: [string, string][] = [];
  for (const key of [...all.keys()].sort()) {
    const { values } = all.get(key)!;
    if (key === "set-cookie" && compatibility.setCookieApart) for (const value of values) pairs.push([key, value]);
    else pairs.push([key, values.join(", ")]);
  }
  return pairs;
}

export function packHeaders(headers: Headers): Packed {
  const packed = headers[kPacked];
  if (packed !== undefined) return packed;
  let text = "";
  for (const { name, values } of headers[kEntries]!.values()) {
    for (const value of values) text += `${name}\0${value}\0`;
  }
  return text;
}

export function eachPacked(packed: Packed, take: (name: string, value: string) => void): void {
  for (let at = 0; at < packed.length;) {
    const nameEnd = packed.indexOf("\0", at);
    const valueEnd = packed.indexOf("\0", nameEnd + 1);
    take(packed.slice(at, nameEnd), packed.slice(nameEnd + 1, valueEnd));
    at = valueEnd + 1;
  }
}

// Of a response: read-only.
export function packedHeaders(packed: Packed): Headers {
  return new Headers(kInternal, packed, true);
}

// A changeable copy.
export function copyHeaders(packed: Packed): Headers {
  return new Headers(kInternal, packed, false);
}

function requireTwo(method: string, name: unknown, count: number): void {
  if (count === 1) textOf(name);
  if (count < 2) throw wrongArgument(method, "Headers", count + 1, "string");
}

function add(entries: Map<string, Entry>, name: string, value: string): void {
  const key = known.get(name) ?? name.toLowerCase();
  const entry = entries.get(key);
  if (entry === undefined) entries.set(key, { name, values: [value] });
  else entry.values.push(value);
}

function keyOf(method: string, name: unknown, count: number): string {
  if (count === 0) throw wrongArgument(method, "Headers", 1, "string");
  const text = textOf(name);
  const key = known.get(text);
  if (key !== undefined) return key;
  if (!kLookedFor.test(text)) throw new TypeError("Invalid header name.");
  return text.toLowerCase();
}

// Names seen before, in lower case: scripts use few.
const kKnownMax = 256;
const known = new Map<string, string>();

function checkedName(name: unknown): string {
  const text = textOf(name);
  const key = known.get(text);
  if (key !== undefined) return key;
  if (!kNamePattern.test(text)) throw new TypeError("Invalid header name.");
  const lower = text.toLowerCase();
  if (known.size < kKnownMax) known.set(text, lower);
  return lower;
}

function checkedValue(value: unknown): string {
  let text = textOf(value);
  // Blanks at the ends go. Nothing below the blank but the tab is legal, so this looks at the ends alone.
  if (text.charCodeAt(0) <= 0x20 || text.charCodeAt(text.length - 1) <= 0x20) {
    text = text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "");
  }
  if (kBadValue.test(text)) throw new TypeError("Invalid header value.");
  return text;
}

function fill(headers: Headers, init: unknown): void {
  if (init instanceof Headers) {
    headers[kPacked] = packHeaders(init);
  } else if (isObject(init) && typeof (init as any)[Symbol.iterator] === "function") {
    for (const item of init as Iterable<unknown>) {
      if (!isObject(item)) throw new TypeError("Incorrect type: the provided value is not of type 'Sequence'.");
      const pair = Array.from(item as Iterable<unknown>);
      if (pair.length !== 2) throw new TypeError(kBadPair);
      headers.append(pair[0], pair[1]);
    }
  } else if (isObject(init)) {
    for (const key of Object.keys(init)) headers.append(key, (init as any)[key]);
  } else {
    throw wrongConstructorArgument("Headers", 1, "Headers or Sequence or object");
  }
}

// The member `headers` of what a Request or Response is made with.
export function headersOf(init: unknown, dictionary: string): Headers {
  if (init === undefined || isObject(init)) return new Headers(init);
  throw new TypeError(`Incorrect type for the 'headers' field on '${dictionary}': the provided value is not of type ` +
    "'Headers or Sequence or object'.");
}

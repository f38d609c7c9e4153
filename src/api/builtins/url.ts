// URL and URLSearchParams. Parsing is C++ (WHATWG); the parts of a URL are kept as the array that it gives.
import { compatibility } from "./compatibility";
import { isObject, native, platform, textOf, wrongArgument, wrongConstructorArgument } from "./seam";

const enum Part { kHref, kProtocol, kUsername, kPassword, kHost, kHostname, kPort, kPathname, kSearch, kHash, kOrigin }
type Settable = Parameters<typeof native.urlSet>[1];

export const kUpdate = Symbol("update");
export const kReload = Symbol("reload");

const kBadHref = "Failed to set the 'href' property on 'URL': the provided value is not of type 'valid URL string'.";

// What was parsed lately: scripts see the same URLs again and again. Emptied when it has kKnownMax.
const kKnownMax = 256;
const kKnownTextMax = 256;
const known = new Map<string, string>();

// The serialised URL, or undefined.
export function parseUrl(input: string): string | undefined {
  const found = known.get(input);
  if (found !== undefined) return found;
  const href = native.urlParse(input, undefined);
  if (href !== undefined && input.length <= kKnownTextMax && href.length <= kKnownTextMax) {
    if (known.size >= kKnownMax) known.clear();
    known.set(input, href);
  }
  return href;
}

export function originOf(href: string): string {
  return native.urlParts(href)[Part.kOrigin]!;
}

// Where the host begins in the href of an http(s) URL; 0 for another scheme.
function hostStart(href: string): number {
  if (href.startsWith("http://")) return 7;
  return href.startsWith("https://") ? 8 : 0;
}

export class URL {
  #href: string;
  #path = 0; // Where the path begins; 0: nobody asked yet, -1: not to be seen in the text alone.
  #parts: string[] | undefined = undefined;
  #params: URLSearchParams | undefined = undefined;

  constructor(input: unknown, base?: unknown) {
    if (arguments.length === 0) throw wrongConstructorArgument("URL", 1, "USVString");
    const href = parse(input, base);
    if (href === undefined) throw new TypeError("Invalid URL string.");
    this.#href = href;
  }
  #set(part: Settable, value: unknown): void {
    const href = native.urlSet(this.#href, part, textOf(value));
    if (href === undefined) {
      if (part === "href") throw new TypeError(kBadHref);
      return;
    }
    const query = this.#params === undefined ? "" : this.search;
    this.#become(href);
    if (this.#params !== undefined && query !== this.search) this.#params[kReload](this.search);
  }
  #become(href: string): void {
    this.#href = href;
    this.#path = 0;
    this.#parts = undefined;
  }
  #part(part: Part): string {
    return (this.#parts ??= native.urlParts(this.#href))[part]!;
  }
  // Of a serialised http(s) URL without user information the rest is plain to see: its path begins at the first slash
  // after the host.
  #pathStart(): number {
    if (this.#path === 0) {
      const href = this.#href;
      const host = hostStart(href);
      const path = host === 0 ? -1 : href.indexOf("/", host);
      const user = href.indexOf("@");
      this.#path = user >= 0 && user < path ? -1 : path;
    }
    return this.#path;
  }

  get href(): string { return this.#href; }
  set href(value: string) { this.#set("href", value); }
  get origin(): string {
    const path = this.#pathStart();
    return path < 0 ? this.#part(Part.kOrigin) : this.#href.slice(0, path);
  }
  get protocol(): string { return this.#href.slice(0, this.#href.indexOf(":") + 1); }
  set protocol(value: string) { this.#set("protocol", value); }
  get username(): string { return this.#part(Part.kUsername); }
  set username(value: string) { this.#set("username", value); }
  get password(): string { return this.#part(Part.kPassword); }
  set password(value: string) { this.#set("password", value); }
  get host(): string {
    const path = this.#pathStart();
    return path < 0 ? this.#part(Part.kHost) : this.#href.slice(hostStart(this.#href), path);
  }
  set host(value: string) { this.#set("host", value); }
  get hostname(): string { return this.#part(Part.kHostname); }
  set hostname(value: string) { this.#set("hostname", value); }
  get port(): string { return this.#part(Part.kPort); }
  set port(value: string) { this.#set("port", value); }
  get pathname(): string {
    const path = this.#pathStart();
    if (path < 0) return this.#part(Part.kPathname);
    const href = this.#href;
    const hash = href.indexOf("#", path);
    const end = hash < 0 ? href.length : hash;
    const query = href.indexOf("?", path);
    return href.slice(path, query >= 0 && query < end ? query : end);
  }
  set pathname(value: string) { this.#set("pathname", value); }
  get search(): string {
    const path = this.#pathStart();
    if (path < 0) return this.#part(Part.kSearch);
    const href = this.#href;
    const hash = href.indexOf("#", path);
    const end = hash < 0 ? href.length : hash;
    const query = href.indexOf("?", path);
    return query < 0 || query + 1 >= end ? "" : href.slice(query, end);
  }
  set search(value: string) { this.#set("search", value); }
  get hash(): string { return this.#part(Part.kHash); }
  set hash(value: string) { this.#set("hash", value); }

  get searchParams(): URLSearchParams {
    if (this.#params === undefined) {
      this.#params = new URLSearchParams(this.search);
      this.#params[kUpdate] = (query) => this.#become(native.urlSet(this.#href, "search", query) ?? this.#href);
    }
    return this.#params;
  }
  toString(): string { return this.#href; }
  toJSON(): string { return this.#href; }

  static canParse(input: unknown, base?: unknown): boolean {
    if (arguments.length === 0) throw wrongArgument("canParse", "URL", 1, "USVString");
    return parse(input, base) !== undefined;
  }
  static parse(input: unknown, base?: unknown): URL | null {
    if (arguments.length === 0) throw wrongArgument("parse", "URL", 1, "USVString");
    return URL.canParse(input, base) ? new URL(input, base) : null;
  }
  static createObjectURL(): never { throw new Error("URL.createObjectURL() is not implemented"); }
  static revokeObjectURL(): never { throw new Error("URL.revokeObjectURL() is not implemented"); }
}

function parse(input: unknown, base: unknown): string | undefined {
  if (base === undefined) return parseUrl(textOf(input));
  return native.urlParse(textOf(input), textOf(base));
}

// -- application/x-www-form-urlencoded (https://url.spec.whatwg.org/#application/x-www-form-urlencoded)

function unescape(text: string): string {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return unescapeBroken(spaced);
  }
}

// Escapes that are no UTF-8 or no hex: bytes first, then a decoder that replaces.
function unescapeBroken(text: string): string {
  const source = native.utf8Encode(text);
  const bytes = new Uint8Array(source.length);
  let length = 0;
  for (let at = 0; at < source.length; at++) {
    const hex = source[at] === 0x25 ? String.fromCharCode(source[at + 1] ?? 0, source[at + 2] ?? 0) : "";
    if (/^[0-9a-fA-F]{2}$/.test(hex)) {
      bytes[length++] = parseInt(hex, 16);
      at += 2;
    } else if (source[at] === 0x25 && !compatibility.standardUrls) {
      if (!/^[0-9a-fA-F]/.test(hex)) continue; // What is malformed is what remains of it.
      bytes[length++] = parseInt(hex[0]!, 16);
      at++;
    } else {
      bytes[length++] = source[at]!;
    }
  }
  return native.utf8Decode(bytes.subarray(0, length), false, true);
}

const kEscapes: Record<string, string> = { "!": "%21", "'": "%27", "(": "%28", ")": "%29", "~": "%7E", "%20": "+" };
function escape(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(/[!'()~]|%20/g, (each) => kEscapes[each]!);
}

export function parseForm(text: string): [string, string][] {
  const pairs: [string, string][] = [];
  for (const piece of text.split("&")) {
    if (piece === "") continue;
    const equals = piece.indexOf("=");
    if (equals < 0) pairs.push([unescape(piece), ""]);
    else pairs.push([unescape(piece.slice(0, equals)), unescape(piece.slice(equals + 1))]);
  }
  return pairs;
}

// String with lone surrogates replaced, as a WebIDL USVString.
const text = (value: unknown) => textOf(value).toWellFormed();

export class URLSearchParams {
  #pairs: [string, string][];
  declare [kUpdate]: ((query: string) => void) | undefined;

  constructor(init?: unknown) {
    this[kUpdate] = undefined;
    if (init === undefined) {
      this.#pairs = [];
    } else if (isObject(init)) {
      this.#pairs = pairsOf(init);
    } else {
      this.#pairs = parseQuery(text(init));
    }
  }
  [kReload](query: string): void {
    this.#pairs = parseQuery(query);
  }
  #changed(): void {
    this[kUpdate]?.(this.toString());
  }

  get size(): number { return this.#pairs.length; }
  append(name: unknown, value: unknown): void {
    requireCount("append", 2, arguments.length, name);
    this.#pairs.push([text(name), text(value)]);
    this.#changed();
  }
  delete(name: unknown, given?: unknown): void {
    const value = compatibility.valueArguments ? given : undefined;
    requireCount("delete", 1, arguments.length);
    const [key, wanted] = [text(name), value === undefined ? undefined : text(value)];
    this.#pairs = this.#pairs.filter((pair) => pair[0] !== key || (wanted !== undefined && pair[1] !== wanted));
    this.#changed();
  }
  get(name: unknown): string | null {
    requireCount("get", 1, arguments.length);
    const key = text(name);
    for (const pair of this.#pairs) if (pair[0] === key) return pair[1];
    return null;
  }
  getAll(name: unknown): string[] {
    requireCount("getAll", 1, arguments.length);
    const key = text(name);
    return this.#pairs.filter((pair) => pair[0] === key).map((pair) => pair[1]);
  }
  has(name: unknown, given?: unknown): boolean {
    const value = compatibility.valueArguments ? given : undefined;
    requireCount("has", 1, arguments.length);
    const [key, wanted] = [text(name), value === undefined ? undefined : text(value)];
    return this.#pairs.some((pair) => pair[0] === key && (wanted === undefined || pair[1] === wanted));
  }
  set(name: unknown, value: unknown): void {
    requireCount("set", 2, arguments.length, name);
    const key = text(name);
    const at = this.#pairs.findIndex((pair) => pair[0] === key);
    if (at < 0) this.#pairs.push([key, text(value)]);
    else {
      const made: [string, string] = [key, text(value)];
      this.#pairs = this.#pairs.toSpliced(at, 1, made).filter((pair) => pair === made || pair[0] !== key);
    }
    this.#changed();
  }
  sort(): void {
    this.#pairs.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
    this.#changed();
  }
  forEach(callback: (value: string, key: string, parent: URLSearchParams) => void, self?: unknown): void {
    if (typeof callback !== "function") throw wrongArgument("forEach", "URLSearchParams", 1, "function");
    for (const [key, value] of this) callback.call(self, value, key, this);
  }
  *entries(): IterableIterator<[string, string]> {
    for (let at = 0; at < this.#pairs.length; at++) yield [...this.#pairs[at]!];
  }
  *keys(): IterableIterator<string> {
    for (let at = 0; at < this.#pairs.length; at++) yield this.#pairs[at]![0];
  }
  *values(): IterableIterator<string> {
    for (let at = 0; at < this.#pairs.length; at++) yield this.#pairs[at]![1];
  }
  toString(): string {
    return this.#pairs.map(([name, value]) => `${escape(name)}=${escape(value)}`).join("&");
  }
  declare [Symbol.iterator]: () => IterableIterator<[string, string]>;
}
URLSearchParams.prototype[Symbol.iterator] = URLSearchParams.prototype.entries;

function requireCount(method: string, wanted: number, count: number, first?: unknown): void {
  if (count === 1 && wanted === 2) textOf(first);
  if (count < wanted) throw wrongArgument(method, "URLSearchParams", count + 1, "USVString");
}

function parseQuery(query: string): [string, string][] {
  return parseForm(query.startsWith("?") ? query.slice(1) : query);
}

function originalPair(item: unknown, at: number): [string, string] {
  if (!Array.isArray(item)) throw new TypeError(`Incorrect type for array element ${at}: the provided value is not of type 'Array'.`);
  if (item.length === 2) return [text(item[0]), text(item[1])];
  throw new TypeError("To initialize a URLSearchParams object from an array-of-arrays, each inner array must have exactly two elements.");
}

function pairsOf(init: object): [string, string][] {
  if (compatibility.standardUrls ? typeof (init as any)[Symbol.iterator] === "function" : Array.isArray(init)) {
    return Array.from(init as Iterable<unknown>, (item, at) => {
      if (!compatibility.standardUrls) return originalPair(item, at);
      if (!isObject(item)) throw new TypeError("Incorrect type: the provided value is not of type 'Sequence'.");
      const pair = Array.from(item as Iterable<unknown>);
      if (pair.length !== 2) throw new TypeError("Invalid URL search params sequence.");
      return [text(pair[0]), text(pair[1])];
    });
  }
  return Object.keys(init).map((key) => [text(key), text((init as any)[key])]);
}

platform({ URL, URLSearchParams });

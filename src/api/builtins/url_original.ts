// URL as scripts of early compatibility dates have it (url_original, before 2022-10-31): RFC 3986's generic syntax with a host that
// must be there, no knowledge of schemes but their ports, and everything decoded and encoded anew. WebSocket takes its addresses
// by this grammar at any date.
import { giveMembers } from "./own_members";
import { native, platform, textOf, wrongConstructorArgument } from "./seam";
import { kReload, kUpdate, URLSearchParams } from "./url";

// Texts are bytes of UTF-8 here, one a character.
interface Parts {
  scheme: string;
  user: [name: string, password: string | undefined] | undefined;
  host: string; // With the port.
  path: string[];
  slash: boolean; // At the end of the path.
  query: [name: string, value: string | undefined][];
  hash: string | undefined;
}

const kAbsolute = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#([^]*))?$/;
const kRelative = /^(?:([A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#([^]*))?$/;
const kHost = /^[A-Za-z0-9._\-:[\]]*$/;
// What is written as it is.
const kPlainUser = /[^!$&'()*+,\-.0-9A-Z_a-z~]/g;
const kPlainPath = /[^!$&'()*+,\-.0-9:;=@A-Z[\]^_a-z|~]/g;
const kPlainHash = /[^!#$&'()*+,\-./0-9:;=?@A-Z[\\\]^_a-z{|}~]/g;
const kPlainQuery = /[^*\-.0-9A-Z_a-z]/g;
const kPorts: Record<string, string> = { ftp: "21", gopher: "70", http: "80", https: "443", ws: "80", wss: "443" };
const kSpecial = new Set([...Object.keys(kPorts), "file"]);

class Malformed extends Error {} // Of an escape; it stays in here.

const bytesOf = (text: string): string => native.latin1(native.utf8Encode(text));
const lower = (text: string) => text.replace(/[A-Z]/g, (each) => each.toLowerCase());
const encode = (text: string, others: RegExp) =>
  text.replace(others, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
const encodeQuery = (text: string) => encode(text, kPlainQuery).replaceAll("%20", "+");

function decode(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})?/g, (_, hex?: string) => {
    if (hex === undefined) throw new Malformed();
    return String.fromCharCode(parseInt(hex, 16));
  });
}
// What is malformed is what remains of it.
const decodeAnything = (text: string) =>
  text.replace(/%([0-9a-fA-F]{0,2})/g, (_, hex: string) => (hex === "" ? "" : String.fromCharCode(parseInt(hex, 16))));
const decodeQuery = (text: string) => decode(text.replaceAll("+", " "));

function cut(text: string, mark: string): [string, string | undefined] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function queryOf(text: string): Parts["query"] {
  return text.split("&").filter((each) => each !== "").map((each) => {
    const [name, value] = cut(each, "=");
    return [decodeQuery(name), value === undefined ? undefined : decodeQuery(value)];
  });
}

// Appends the parts of `text` to a path.
function walk(parts: Parts, text: string): void {
  for (const part of text.split("/")) {
    parts.slash = part === "" || part === "." || part === "..";
    if (part === "..") parts.path.pop();
    else if (!parts.slash) parts.path.push(decode(part));
  }
}

function takeAuthority(parts: Parts, text: string): boolean {
  const [first, rest] = cut(text, "@");
  if (rest !== undefined) {
    const [name, password] = cut(first, ":");
    parts.user = [decode(name), password === undefined ? undefined : decode(password)];
  }
  parts.host = decode(rest ?? first);
  if (!kHost.test(parts.host)) return false;
  parts.host = lower(parts.host);
  return true;
}

function clone(parts: Parts): Parts {
  return { ...parts, path: [...parts.path], query: [...parts.query] };
}

function parseAbsolute(text: string): Parts | undefined {
  const found = kAbsolute.exec(text);
  if (found === null) return undefined;
  const [, scheme, authority, path, query, hash] = found;
  const parts: Parts = { scheme: lower(scheme!), user: undefined, host: "", path: [], slash: false, query: [], hash: undefined };
  if (!takeAuthority(parts, authority!)) return undefined;
  if (path !== "") walk(parts, path!.slice(1));
  if (query !== undefined) parts.query = queryOf(query);
  if (hash !== undefined) parts.hash = decode(hash);
  return parts;
}

function parseRelative(text: string, base: Parts): Parts | undefined {
  if (text === "") return clone(base);
  const [, scheme = base.scheme, authority, path, query, hash] = kRelative.exec(text)!;
  const parts: Parts = { ...clone(base), scheme, hash: undefined };
  if (authority !== undefined) {
    Object.assign(parts, { user: undefined, path: [], slash: false });
    if (!takeAuthority(parts, authority)) return undefined;
  }
  if (path !== "") {
    const isAbsolute = path!.startsWith("/");
    if (isAbsolute) parts.path = [];
    else if (authority === undefined && !parts.slash) parts.path.pop();
    walk(parts, isAbsolute ? path!.slice(1) : path!);
  }
  if (query !== undefined) parts.query = queryOf(query);
  else if (authority !== undefined || path !== "") parts.query = [];
  if (hash !== undefined) parts.hash = decode(hash);
  return parts;
}

// Undefined, too, if an escape is malformed.
function attempt(parse: () => Parts | undefined): Parts | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

// Whether it has the form of one; nobody looks at its escapes.
export function isOriginalUrl(text: string): boolean {
  const authority = kAbsolute.exec(text)?.[2];
  if (authority === undefined) return false;
  const [first, host = first] = cut(authority, "@");
  return kHost.test(host);
}

// Drops the scheme's own port, and a colon without one.
function normalizePort(parts: Parts): void {
  const [name, port] = cut(parts.host, ":");
  if (port === "" || (port !== undefined && port === kPorts[parts.scheme])) parts.host = name;
}

function pathOf({ path, slash }: Parts): string {
  return path.map((part) => `/${encode(part, kPlainPath)}`).join("") + (slash ? "/" : "");
}
function searchOf({ query }: Parts): string {
  const pairs = query.map(([name, value]) => encodeQuery(name) + (value === undefined ? "" : `=${encodeQuery(value)}`));
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

function hrefOf(parts: Parts): string {
  const { scheme, user, host, path, hash } = parts;
  const name = user === undefined ? "" : encode(user[0], kPlainUser);
  const secret = user?.[1] === undefined ? "" : `:${encode(user[1], kPlainUser)}`;
  if (!kHost.test(host)) throw new TypeError("Invalid hostname when stringifying URL.");
  if (path.some((part) => part === "" || part === "." || part === "..")) throw new TypeError("Invalid pathname when stringifying URL.");
  const who = user === undefined ? "" : `${name}${secret}@`;
  return `${scheme}://${who}${host}${pathOf(parts)}${searchOf(parts)}${hash === undefined ? "" : `#${encode(hash, kPlainHash)}`}`;
}

export class OriginalUrl {
  #parts: Parts;
  #params: URLSearchParams | undefined = undefined;

  constructor(input: unknown, base?: unknown) {
    giveMembers(this, OriginalUrl);
    if (arguments.length === 0) throw wrongConstructorArgument("URL", 1, "string");
    const text = bytesOf(textOf(input));
    let parts: Parts | undefined;
    if (base === undefined) {
      parts = attempt(() => parseAbsolute(text));
    } else {
      const from = attempt(() => parseAbsolute(bytesOf(textOf(base))));
      if (from === undefined) throw new TypeError("Invalid base URL string.");
      parts = attempt(() => parseRelative(text, from));
      if (parts === undefined) throw new TypeError("Invalid relative URL string.");
    }
    if (parts === undefined) throw new TypeError("Invalid URL string.");
    normalizePort(parts);
    this.#parts = parts;
  }

  // Takes the changed parts if what they are written as can be read.
  #become(changed: Partial<Parts>): void {
    const parts = attempt(() => parseAbsolute(hrefOf({ ...this.#parts, ...changed })));
    if (parts !== undefined) this.#parts = parts;
  }
  #reload(): void {
    this.#params?.[kReload](searchOf(this.#parts));
  }

  get href(): string { return hrefOf(this.#parts); }
  set href(value: unknown) {
    const parts = attempt(() => parseAbsolute(bytesOf(textOf(value))));
    if (parts === undefined) {
      throw new TypeError("Failed to set the 'href' property on 'URL': the provided value is not of type 'valid URL string'.");
    }
    this.#parts = parts;
    this.#reload();
  }
  get origin(): string {
    const { scheme, host } = this.#parts;
    return kSpecial.has(scheme) && scheme !== "file" ? `${scheme}://${host}` : "null";
  }
  get protocol(): string { return `${this.#parts.scheme}:`; }
  set protocol(value: unknown) {
    this.#become({ scheme: cut(bytesOf(textOf(value)), ":")[0] });
    normalizePort(this.#parts);
  }
  get username(): string { return encode(this.#parts.user?.[0] ?? "", kPlainUser); }
  set username(value: unknown) { this.#become({ user: [bytesOf(textOf(value)), this.#parts.user?.[1]] }); }
  get password(): string { return encode(this.#parts.user?.[1] ?? "", kPlainUser); }
  set password(value: unknown) {
    const { user } = this.#parts;
    const text = bytesOf(textOf(value));
    if (user !== undefined || text !== "") this.#become({ user: [user?.[0] ?? "", text === "" ? undefined : text] });
  }
  get host(): string { return this.#parts.host; }
  set host(value: unknown) {
    const port = cut(this.#parts.host, ":")[1];
    const [name, given] = cut(bytesOf(textOf(value)), ":");
    this.#parts.host = given !== undefined && given !== "" ? `${name}:${given}` : port !== undefined ? `${name}:${port}` : name;
    normalizePort(this.#parts);
  }
  get hostname(): string { return cut(this.#parts.host, ":")[0]; }
  set hostname(value: unknown) {
    const { port } = this;
    this.#parts.host = cut(bytesOf(textOf(value)), ":")[0] + (port === "" ? "" : `:${port}`);
  }
  get port(): string { return cut(this.#parts.host, ":")[1] ?? ""; }
  set port(value: unknown) {
    this.#parts.host = `${this.hostname}:${bytesOf(textOf(value))}`;
    normalizePort(this.#parts);
  }
  get pathname(): string { return pathOf(this.#parts) || (kSpecial.has(this.#parts.scheme) ? "/" : ""); }
  set pathname(value: unknown) {
    const text = bytesOf(textOf(value));
    const parts = { ...this.#parts, path: [] };
    const walked = attempt(() => (walk(parts, text.startsWith("/") ? text.slice(1) : text), parts));
    if (walked !== undefined) this.#parts = walked;
  }
  get search(): string { return searchOf(this.#parts); }
  set search(value: unknown) {
    const text = bytesOf(textOf(value));
    const parts = attempt(() => ({ ...this.#parts, query: queryOf(text.startsWith("?") ? text.slice(1) : text) }));
    if (parts !== undefined) this.#parts = parts;
    this.#reload();
  }
  get hash(): string {
    const { hash } = this.#parts;
    return hash === undefined || hash === "" ? "" : `#${encode(hash, kPlainHash)}`;
  }
  set hash(value: unknown) {
    const text = bytesOf(textOf(value));
    this.#parts.hash = decodeAnything(text.startsWith("#") ? text.slice(1) : text);
  }
  get searchParams(): URLSearchParams {
    if (this.#params === undefined) {
      this.#params = new URLSearchParams(this.search);
      this.#params[kUpdate] = (query) => {
        const bare = new Set(this.#parts.query.filter((pair) => pair[1] === undefined).map((pair) => pair[0]));
        this.#parts.query = queryOf(query).map(([name, value]) => [name, value === "" && bare.has(name) ? undefined : value]);
      };
    }
    return this.#params;
  }
  toString(): string { return this.href; }
  toJSON(): string { return this.href; }
}
platform({ URL: OriginalUrl });

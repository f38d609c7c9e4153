// Request: https://fetch.spec.whatwg.org/#request-class, as workerd has it.
import { Body, cloneRaw, extract, kRaw, kUsed, moveRaw, type Raw } from "./body";
import { compatibility, isManual } from "./compatibility";
import { DOMException } from "./errors";
import { abortSignal, AbortSignal } from "./events";
import { copyHeaders, Headers, headersOf, packedHeaders, packHeaders } from "./headers";
import type { InBody, Packed } from "./native.d";
import { giveMembers } from "./own_members";
import { inherit, isObject, kInternal, native, platform, textOf, wrongConstructorArgument } from "./seam";
import { parseUrl } from "./url";

const kMethods = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "PURGE", "OPTIONS", "TRACE", "COPY", "LOCK",
  "MKCOL", "MOVE", "PROPFIND", "PROPPATCH", "SEARCH", "UNLOCK", "ACL", "REPORT", "MKACTIVITY", "CHECKOUT", "MERGE",
  "MSEARCH", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "QUERY", "BAN"]);
// Those that are written in capitals whatever the date.
const kOldMethods = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]);
const kRedirectText = 'Invalid redirect value, must be one of "follow" or "manual" ("error" won\'t be implemented ' +
  'since it does not make sense at the edge; use "manual" and check the response status code).';
export const kBodyOnGetText = "Request with a GET or HEAD method cannot have a body.";

const kMethod = Symbol("method");
const kUrl = Symbol("url");
const kHeaders = Symbol("headers");
const kCf = Symbol("cf");
const kRest = Symbol("rest");
const kEvent = Symbol("event");

interface Rest { redirect: string; signal: AbortSignal | undefined; cache: string | undefined; manual: boolean }
const kDefaults: Rest = Object.freeze({ redirect: "follow", signal: undefined, cache: undefined, manual: false });
// Of a request that came in: passed on, it hands redirects back to whoever sent it.
const kIncoming: Rest = Object.freeze({ redirect: "manual", signal: undefined, cache: undefined, manual: false });

export interface RequestInit {
  method?: unknown;
  headers?: unknown;
  body?: unknown;
  redirect?: unknown;
  signal?: unknown;
  cf?: unknown;
  cache?: unknown;
  integrity?: unknown;
  fetcher?: unknown;
  encodeResponseBody?: unknown;
}

export interface Request extends Body {}
export class Request {
  declare [kMethod]: string;
  declare [kUrl]: string;
  declare [kHeaders]: Headers | Packed; // Of a request that came in: packed until someone looks.
  declare [kCf]: unknown; // JSON text until someone looks.
  declare [kRest]: Rest;
  declare [kEvent]: number; // Of a request that came in.

  constructor(input: unknown, init?: RequestInit) {
    giveMembers(this, Request);
    this[kUsed] = false;
    if (input === kInternal) return; // incomingRequest sets the rest.
    if (arguments.length === 0) throw wrongConstructorArgument("Request", 1, "Request or string");
    if (init !== undefined && init !== null && !isObject(init)) {
      throw wrongConstructorArgument("Request", 2, "RequestInitializerDict or Request");
    }
    const source = input instanceof Request ? input : undefined;
    this[kUrl] = source ? source[kUrl] : compatibility.standardUrl ? absoluteUrl(textOf(input)) : textOf(input);
    this[kMethod] = init?.method !== undefined ? checkedMethod(init.method) : (source?.[kMethod] ?? "GET");
    this[kRest] = restOf(source?.[kRest] ?? kDefaults, init);
    const headers = init?.headers === undefined && source ? copyHeaders(requestHeaders(source)) : headersOf(init?.headers, "RequestInitializerDict");
    this[kHeaders] = headers;
    if (init?.cf !== undefined && !isObject(init.cf)) {
      throw new TypeError("Incorrect type for the 'cf' field on 'RequestInitializerDict': the provided value is not of type 'Object'.");
    }
    this[kCf] = init?.cf ?? source?.[kCf];
    const given = init?.body;
    const [raw, type] = given !== undefined && given !== null ? extract(given) : [null, undefined];
    const moved = raw === null && source && given !== null ? source[kRaw] : raw;
    if (moved !== null && (this[kMethod] === "GET" || this[kMethod] === "HEAD")) throw new TypeError(kBodyOnGetText);
    if (raw === null && source && given !== null) {
      this[kRaw] = moveRaw(source, "Cannot reconstruct a Request with a used body.");
    } else {
      this[kRaw] = raw;
    }
    if (type !== undefined && !headers.has("content-type")) headers.set("Content-Type", type);
  }

  get method(): string { return this[kMethod]; }
  get url(): string { return this[kUrl]; }
  get headers(): Headers {
    const headers = this[kHeaders];
    return typeof headers === "string" ? (this[kHeaders] = packedHeaders(headers)) : headers;
  }
  get redirect(): string { return this[kRest].redirect; }
  get signal(): AbortSignal {
    const incoming = this[kRest] === kIncoming && compatibility.requestSignal;
    const rest = writableRest(this);
    if (rest.signal === undefined) {
      const signal = (rest.signal = new AbortSignal(kInternal));
      const tell = () => abortSignal(signal, new DOMException("The client has disconnected", "AbortError"));
      if (incoming) native.onClientGone(tell, this[kEvent]);
    }
    return rest.signal;
  }
  get fetcher(): null { return null; }
  get cache(): string | undefined { return this[kRest].cache; }
  get integrity(): string { return ""; }
  get keepalive(): boolean { return false; }
  get cf(): unknown {
    if (typeof this[kCf] === "string") this[kCf] = JSON.parse(this[kCf]);
    return this[kCf];
  }
  clone(): Request {
    const copy = new Request(kInternal);
    const raw = cloneRaw(this);
    copy[kMethod] = this[kMethod];
    copy[kUrl] = this[kUrl];
    copy[kHeaders] = copyHeaders(requestHeaders(this));
    copy[kRaw] = raw;
    copy[kCf] = this[kCf];
    copy[kRest] = { ...this[kRest] };
    return copy;
  }
}
inherit(Request, Body);
platform({ Request });

// The shared defaults are replaced before they are written to.
function writableRest(request: Request): Rest {
  if (Object.isFrozen(request[kRest])) request[kRest] = { ...request[kRest] };
  return request[kRest];
}

// The request of a running event; `cf` is JSON text.
export function incomingRequest(method: string, url: string, headers: Packed, body: InBody, cf?: string, event = 0): Request {
  const request = new Request(kInternal);
  request[kMethod] = method;
  request[kUrl] = url;
  request[kHeaders] = headers;
  request[kRaw] = body;
  request[kCf] = cf;
  request[kRest] = kIncoming;
  request[kEvent] = event;
  return request;
}

export function requestHeaders(request: Request): Packed {
  const headers = request[kHeaders];
  return typeof headers === "string" ? headers : packHeaders(headers);
}

// The signal that the maker of a request gave, if any.
export function givenSignal(request: Request): AbortSignal | undefined {
  return request[kRest].signal;
}

// encodeResponseBody: "manual".
export function asksForCodedBody(request: Request): boolean {
  return request[kRest].manual;
}

export function absoluteUrl(text: string): string {
  const href = parseUrl(text);
  if (href === undefined) throw new TypeError(`Invalid URL: ${text}`);
  return href;
}

function checkedMethod(method: unknown): string {
  const text = textOf(method);
  let upper = text.toUpperCase();
  if (!compatibility.allMethods && !kOldMethods.has(upper)) upper = text;
  if (!kMethods.has(upper)) throw new TypeError(`Invalid HTTP method string: ${text}`);
  return upper;
}

function restOf(base: Rest, init: RequestInit | undefined): Rest {
  if (init === undefined || init === null) return { ...base };
  const redirect = init.redirect === undefined ? base.redirect : textOf(init.redirect);
  if (redirect !== "follow" && redirect !== "manual") throw new TypeError(kRedirectText);
  let signal = base.signal;
  if (init.signal === null) signal = undefined;
  else if (init.signal !== undefined) {
    const isSignal = init.signal instanceof AbortSignal;
    if (!isSignal && compatibility.refusesWrong) {
      throw new TypeError("Incorrect type for the 'signal' field on 'RequestInitializerDict': the provided value is " +
        "not of type 'AbortSignal'.");
    }
    signal = isSignal ? (init.signal as AbortSignal) : undefined;
  }
  if (init.fetcher !== undefined && init.fetcher !== null) {
    throw new TypeError("Incorrect type for the 'fetcher' field on 'RequestInitializerDict': the provided value is not of " +
      "type 'Fetcher'.");
  }
  if (init.integrity !== undefined && textOf(init.integrity) !== "") {
    throw new TypeError("Subrequest integrity checking is not implemented. The integrity option must be either undefined or an " +
      "empty string.");
  }
  if (init.cache !== undefined && !compatibility.cacheOption) {
    throw new Error("The 'cache' field on 'RequestInitializerDict' is not implemented.");
  }
  const cache = init.cache === undefined ? base.cache : textOf(init.cache);
  if (cache !== undefined && cache !== "no-store" && !(cache === "no-cache" && compatibility.noCache)) {
    throw new TypeError(`Unsupported cache mode: ${cache}`);
  }
  const given = init.encodeResponseBody;
  const manual = given !== undefined && isManual("encodeResponseBody", given);
  return { redirect, signal, cache, manual };
}

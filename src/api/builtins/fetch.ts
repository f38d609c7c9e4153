// fetch(), and the part that it shares with a stub's fetch(): redirects and abort signals.
import { isReplayable, kRaw, moveRaw, outOf, lengthOfRaw, type Raw } from "./body";
import { bodyCodings, compatibility } from "./compatibility";
import { kObjectReset, kRemote, makeError } from "./errors";
import { AbortSignal } from "./events";
import { fetchData } from "./data_url";
import { eachPacked } from "./headers";
import type { InBody, OutBody, Packed } from "./native.d";
import { absoluteUrl, asksForCodedBody, givenSignal, Request, requestHeaders, type RequestInit } from "./request";
import { fetchedResponse, type Response } from "./response";
import { errorOf, type Thrown } from "./rpc_errors";
import { isObject, native, wrongArgument } from "./seam";
import { ReadableStream, streamUntilAborted } from "./streams";
import { originOf, parseUrl } from "./url";

const kRedirectsMax = 20;
const kScope = "ServiceWorkerGlobalScope";
const kUsedRequest = "Cannot reconstruct a Request with a used body.";
const kBodyIsGone = "A request with a one-time-use body (it was initialized from a stream, not a buffer) encountered " +
  "a redirect requiring the body to be retransmitted. To avoid this error in the future, construct this request from " +
  "a buffer-like body initializer.";

// Whom a stub calls: an object, or an entrypoint of this script or of another one. `broken` is set when its object was reset: then
// each call fails at once.
export interface Callee {
  readonly ns: number;
  readonly hex: string;
  readonly name: string | undefined;
  readonly entrypoint: string | undefined; // Then the three before say nothing.
  readonly script: string; // Whose entrypoint; empty: this very version's.
  readonly props: ArrayBuffer | undefined;
  broken: (() => Error) | undefined;
}

// A fetch under way (native.d.ts, FetchState). Changed from hop to hop.
class Fetching {
  visited: string[] | undefined = undefined; // Once a redirect was followed.
  id = 0; // For native.cancelFetch; kept only if there is a signal.
  constructor(readonly callee: Callee | undefined, public method: string, public url: string, public headers: Packed,
    readonly raw: Raw, readonly signal: AbortSignal | undefined, readonly follows: boolean,
    readonly codings: number) {}
}

const isRedirect = (status: number) => status >= 301 && status <= 308 && (status <= 303 || status >= 307);

// `url` itself, or what an early date makes of it.
function requireHttp(url: string): string {
  if (url.startsWith("http:") || url.startsWith("https:")) return url;
  if (compatibility.httpOnly || !/^[a-z]+:\/\//.test(url)) throw new TypeError(`Fetch API cannot load: ${url}`);
  return url.replace(/^[a-z]+/, "http");
}

// A text URL alone needs no Request, and a Request alone no other one.
export function fetchThrough(callee: Callee | undefined, holder: string, input: unknown, init?: RequestInit):
  Promise<Response> {
  try {
    if (init !== undefined && init !== null && !isObject(init)) {
      throw wrongArgument("fetch", holder, 2, "RequestInitializerDict or Request");
    }
    if (callee === undefined && typeof input === "string" && /^data:/i.test(input)) return Promise.resolve(fetchData(input));
    if (init === undefined && typeof input === "string") {
      const url = requireHttp(compatibility.standardUrl ? absoluteUrl(input) : (parseUrl(input) ?? input));
      return send(new Fetching(callee, "GET", url, "", null, undefined, true, bodyCodings()), null, undefined);
    }
    const request = input instanceof Request && (init === undefined || init === null) ? input : new Request(input, init);
    const url = requireHttp(compatibility.standardUrl ? request.url : (parseUrl(request.url) ?? request.url));
    const signal = givenSignal(request);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const raw = moveRaw(request, kUsedRequest);
    const follows = request.redirect === "follow";
    // Only as an option of the fetch itself, as in workerd.
    const manual = init !== undefined && init !== null && asksForCodedBody(request);
    const codings = manual ? 0 : bodyCodings();
    const headers = request.cache === undefined ? requestHeaders(request) : uncached(requestHeaders(request));
    const fetching = new Fetching(callee, request.method, url, headers, raw, signal, follows,
      codings);
    const length = lengthOfRaw(raw);
    const body = raw === null ? null : outOf(raw);
    return signal === undefined ? send(fetching, body, length) : sendWithSignal(fetching, signal, body, length);
  } catch (error) {
    return Promise.reject(error);
  }
}

function send(fetching: Fetching, body: OutBody, length: number | undefined): Promise<Response> {
  const { callee, method, url, headers, codings } = fetching;
  const promise: Promise<Response> = callee === undefined
    ? native.fetchOutbound(fetching, method, url, headers, body, length, codings)
    : callee.entrypoint !== undefined
    ? native.fetchEntrypoint(fetching, callee.script, callee.entrypoint, callee.props, method, url, headers, body, length,
                             codings)
    : native.fetchObject(fetching, callee.ns, callee.hex, callee.name, method, url, headers, body, length, codings,
                         compatibility.requestSignal);
  if (fetching.signal !== undefined) fetching.id = native.lastFetch();
  return promise;
}

function sendWithSignal(fetching: Fetching, signal: AbortSignal, body: OutBody, length: number | undefined):
  Promise<Response> {
  const promise = send(fetching, body, length);
  return new Promise((resolve, reject) => {
    const abort = () => {
      native.cancelFetch(fetching.id);
      reject(signal.reason);
    };
    const done = () => signal.removeEventListener("abort", abort);
    signal.addEventListener("abort", abort, { once: true });
    promise.then((answer) => {
      done();
      const raw = answer[kRaw];
      if (raw !== null && !(raw instanceof ReadableStream)) answer[kRaw] = streamUntilAborted(raw, signal);
      resolve(answer);
    }, (error) => {
      done();
      reject(error);
    });
  });
}

// -- what C++ calls with the answer

export function fetched(state: object, status: number, statusText: string, headers: Packed, body: InBody,
  socket: number | undefined): Response | Promise<Response> {
  const fetching = state as Fetching;
  const { visited } = fetching;
  if (fetching.follows && isRedirect(status)) {
    const location = find(headers, "location");
    if (location !== undefined) return redirect(fetching, status, location, body);
  }
  return fetchedResponse(status, statusText, headers, body, fetching.url, visited !== undefined, socket,
    fetching.codings === 0);
}

export function fetchFailed(state: object, name: string, message: string, flags: number, details: Uint8Array | undefined): unknown {
  const { callee } = state as Fetching;
  if (callee !== undefined && (flags & kObjectReset) !== 0) {
    callee.broken = () => makeError(name, message, flags & ~kRemote);
  }
  if (details === undefined || (flags & kRemote) === 0) return makeError(name, message, flags);
  return errorOf(native.deserialize(details) as Thrown);
}

function redirect(fetching: Fetching, status: number, location: string, body: InBody): Promise<Response> {
  const { url, raw, signal } = fetching;
  const next = native.urlParse(location, url);
  if (next === undefined) throw new TypeError("Invalid Location header; unable to follow redirect.");
  requireHttp(next);
  const visited = (fetching.visited ??= [url]);
  if (visited.length > kRedirectsMax) throw new TypeError(`Too many redirects.${visited.join(", ")}`);
  if (typeof body === "number") native.bodyCancel(body);
  visited.push(next);
  let again: OutBody = null;
  if ((status === 303 && fetching.method !== "HEAD") ||
      (fetching.method === "POST" && (status === 301 || status === 302))) {
    fetching.method = "GET";
    fetching.headers = without(fetching.headers, (name) => name.startsWith("content-"));
  } else if (!isReplayable(raw)) {
    throw new TypeError(kBodyIsGone);
  } else if (fetching.method !== "GET") {
    again = raw as OutBody;
  }
  if (compatibility.keepsNoAuthorization && originOf(next) !== originOf(url)) {
    fetching.headers = without(fetching.headers, (name) => name === "authorization");
  }
  fetching.url = next;
  if (signal?.aborted) throw signal.reason;
  return send(fetching, again, undefined);
}

// What `cache: "no-store"` and "no-cache" say to whoever is on the way.
function uncached(headers: Packed): Packed {
  for (const name of ["Cache-Control", "Pragma"]) {
    if (find(headers, name.toLowerCase()) === undefined) headers += `${name}\0no-cache\0`;
  }
  return headers;
}

function find(headers: Packed, wanted: string): string | undefined {
  let found: string | undefined;
  eachPacked(headers, (name, value) => {
    if (found === undefined && name.toLowerCase() === wanted) found = value;
  });
  return found;
}

function without(headers: Packed, drop: (name: string) => boolean): Packed {
  let kept = "";
  eachPacked(headers, (name, value) => {
    if (!drop(name.toLowerCase())) kept += `${name}\0${value}\0`;
  });
  return kept;
}

// Asks for a WebSocket. Throws the global-scope error.
export function fetchUpgrade(url: string, headers: Packed): Promise<Response> {
  return send(new Fetching(undefined, "GET", url, headers, null, undefined, false, bodyCodings()), null, undefined);
}

export function fetch(input: unknown, init?: RequestInit): Promise<Response> {
  if (arguments.length === 0) {
    return Promise.reject(wrongArgument("fetch", kScope, 1, "Request or string"));
  }
  return fetchThrough(undefined, kScope, input, init);
}

// fetch(), and the part that it shares with a stub's fetch(): redirects and abort signals.
import { isReplayable, kRaw, outBody, outLength } from "./body";
import { AbortSignal } from "./events";
import { flatten } from "./headers";
import type { Flat, InResponse, OutBody } from "./native.d";
import { absoluteUrl, givenSignal, Request, type RequestInit } from "./request";
import { fetchedResponse, type Response } from "./response";
import { isObject, native, wrongArgument } from "./seam";

const kRedirectsMax = 20;
const kScope = "ServiceWorkerGlobalScope";
const kBodyIsGone = "A request with a one-time-use body (it was initialized from a stream, not a buffer) encountered " +
  "a redirect requiring the body to be retransmitted. To avoid this error in the future, construct this request from " +
  "a buffer-like body initializer.";
const kNoHeaders: Flat = [];

// Sends one request; the number is for native.cancelFetch.
type Length = number | undefined;
export type Send = (method: string, url: string, headers: Flat, body: OutBody, length: Length) =>
  [Promise<InResponse>, number];

const isRedirect = (status: number) => status >= 301 && status <= 308 && (status <= 303 || status >= 307);

function requireHttp(url: string): void {
  if (!url.startsWith("http:") && !url.startsWith("https:")) throw new TypeError(`Fetch API cannot load: ${url}`);
}

// A text URL alone needs no Request.
export function fetchThrough(send: Send, holder: string, input: unknown, init?: RequestInit): Promise<Response> {
  try {
    if (init !== undefined && init !== null && !isObject(init)) {
      throw wrongArgument("fetch", holder, 2, "RequestInitializerDict or Request");
    }
    if (init === undefined && typeof input === "string") {
      const url = absoluteUrl(input);
      requireHttp(url);
      return follow(send, "GET", url, kNoHeaders, undefined, undefined, "follow");
    }
    const request = new Request(input, init);
    requireHttp(request.url);
    const signal = givenSignal(request);
    if (signal?.aborted) return Promise.reject(signal.reason);
    return follow(send, request.method, request.url, flatten(request.headers), request, signal, request.redirect);
  } catch (error) {
    return Promise.reject(error);
  }
}

async function follow(send: Send, method: string, url: string, headers: Flat, body: Request | undefined,
  signal: AbortSignal | undefined, redirect: string): Promise<Response> {
  const visited = [url];
  const raw = body === undefined ? null : body[kRaw];
  const length = body === undefined ? undefined : outLength(body);
  let out: OutBody = body === undefined ? null : outBody(body);
  for (;;) {
    const answer = await sendOnce(send, method, url, headers, out, length, signal);
    const status = answer[0];
    if (redirect !== "follow" || !isRedirect(status)) return fetchedResponse(answer, url, visited.length > 1);
    const location = find(answer[2], "location");
    if (location === undefined) return fetchedResponse(answer, url, visited.length > 1);
    const next = native.urlParse(location, url)?.[0];
    if (next === undefined) throw new TypeError("Invalid Location header; unable to follow redirect.");
    requireHttp(next);
    if (visited.length > kRedirectsMax) throw new TypeError(`Too many redirects.${visited.join(", ")}`);
    if (typeof answer[3] === "number") native.bodyCancel(answer[3]);
    visited.push(next);
    if ((status === 303 && method !== "HEAD") || (method === "POST" && (status === 301 || status === 302))) {
      method = "GET";
      out = null;
      headers = without(headers, (name) => name.startsWith("content-"));
    } else if (!isReplayable(raw)) {
      throw new TypeError(kBodyIsGone);
    }
    if (native.urlParse(next, undefined)![10] !== native.urlParse(url, undefined)![10]) {
      headers = without(headers, (name) => name === "authorization");
    }
    url = next;
  }
}

function sendOnce(send: Send, method: string, url: string, headers: Flat, body: OutBody, length: Length,
  signal: AbortSignal | undefined): Promise<InResponse> {
  if (signal === undefined) return send(method, url, headers, body, length)[0];
  if (signal.aborted) return Promise.reject(signal.reason);
  const [promise, id] = send(method, url, headers, body, length);
  return new Promise((resolve, reject) => {
    const abort = () => {
      native.cancelFetch(id);
      reject(signal.reason);
    };
    const done = () => signal.removeEventListener("abort", abort);
    signal.addEventListener("abort", abort, { once: true });
    promise.then((answer) => { done(); resolve(answer); }, (error) => { done(); reject(error); });
  });
}

function find(headers: Flat, wanted: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) if (headers[at]!.toLowerCase() === wanted) return headers[at + 1];
  return undefined;
}

function without(headers: Flat, drop: (name: string) => boolean): Flat {
  const kept: Flat = [];
  for (let at = 0; at < headers.length; at += 2) {
    if (!drop(headers[at]!.toLowerCase())) kept.push(headers[at]!, headers[at + 1]!);
  }
  return kept;
}

const outbound: Send = (method, url, headers, body, length) => native.fetchOutbound(method, url, headers, body, length);

export function fetch(input: unknown, init?: RequestInit): Promise<Response> {
  if (arguments.length === 0) {
    return Promise.reject(wrongArgument("fetch", kScope, 1, "Request or string"));
  }
  return fetchThrough(outbound, kScope, input, init);
}

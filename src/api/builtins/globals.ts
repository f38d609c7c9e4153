// The global functions: timers, microtasks, cloning, performance; and the installation of all globals.
import { Blob, File, FormData } from "./blob";
import { isOn } from "./compatibility";
import { CompressionStream, DecompressionStream } from "./compression";
import { kCacheGlobals } from "./cache";
import { consoleObject, reportException } from "./console";
import { Crypto } from "./crypto";
import { CryptoKey } from "./crypto_key";
import { SubtleCrypto } from "./crypto_subtle";
import { DOMException } from "./errors";
import { AbortController, AbortSignal, CustomEvent, ErrorEvent, Event, EventTarget } from "./events";
import { EventSource } from "./event_source";
import { fetch } from "./fetch";
import { kScopeGlobals, makeScope } from "./global_scope";
import { Headers } from "./headers";
import { MessageChannel, MessageEvent, MessagePort } from "./messages";
import { hideSource, installToString } from "./native_code";
import { kPerformanceClasses, makePerformance } from "./performance";
import { guardReceivers, onGlobal } from "./receivers";
import { Request } from "./request";
import { Response } from "./response";
import { illegalConstructor, isObject, kInternal, native, platform, textOf, wrongArgument } from "./seam";
import { FixedLengthStream, IdentityTransformStream, kStreamClasses } from "./streams";
import { reportUncaught } from "./uncaught";
import { atob, btoa, TextDecoder, TextDecoderStream, TextEncoder, TextEncoderStream } from "./text";
import { URL, URLSearchParams } from "./url";
import { URLPattern } from "./url_pattern";
import { CloseEvent, WebSocket, WebSocketPair, WebSocketRequestResponsePair } from "./websocket";

const kScope = "ServiceWorkerGlobalScope";

function startTimer(name: string, callback: unknown, ms: unknown, repeat: boolean, rest: unknown[]): number {
  if (typeof callback !== "function") throw wrongArgument(name, kScope, 1, "function");
  const delay = Math.min(Math.max(0, Math.trunc(+(ms as number)) || 0), 2 ** 31 - 1);
  return native.setTimer(() => {
    try {
      callback.apply(globalThis, rest);
    } catch (error) {
      reportException(error);
    }
  }, delay, repeat);
}
function setTimeout(callback: unknown, ms?: unknown, ...rest: unknown[]): number {
  return startTimer("setTimeout", callback, ms, false, rest);
}
function setInterval(callback: unknown, ms?: unknown, ...rest: unknown[]): number {
  return startTimer("setInterval", callback, ms, true, rest);
}
function stopTimer(id: unknown): void {
  const number = +(id as number);
  if (Number.isInteger(number) && number > 0) native.clearTimer(number);
}
function clearTimeout(id?: unknown): void {
  if (arguments.length === 0) throw wrongArgument("clearTimeout", kScope, 1, "Number");
  stopTimer(id);
}
function clearInterval(id?: unknown): void {
  if (arguments.length === 0) throw wrongArgument("clearInterval", kScope, 1, "Number");
  stopTimer(id);
}

const resolved = Promise.resolve();
function queueMicrotask(callback: unknown): void {
  if (typeof callback !== "function") throw wrongArgument("queueMicrotask", kScope, 1, "function");
  resolved.then(() => {
    try {
      callback.call(globalThis);
    } catch (error) {
      reportUncaught(error);
    }
  });
}

function structuredClone(value: unknown, options?: { transfer?: Iterable<unknown> }): unknown {
  if (arguments.length === 0) throw wrongArgument("structuredClone", kScope, 1, "Value");
  if (options !== undefined && options !== null && !isObject(options)) {
    throw wrongArgument("structuredClone", kScope, 2, "StructuredCloneOptions");
  }
  const transfer = options?.transfer === undefined ? [] : [...options.transfer];
  for (const each of transfer) {
    if (!(each instanceof ArrayBuffer)) throw new TypeError("Object is not transferable");
  }
  return native.structuredClone(value, transfer as ArrayBuffer[], true);
}

function reportError(error: unknown): void {
  if (arguments.length === 0) throw wrongArgument("reportError", kScope, 1, "Value");
  reportUncaught(error);
}

class Navigator {
  constructor(token?: unknown) {
    illegalConstructor(token);
  }
  #languages = ["en"];
  // Sent and forgotten: true says that it is under way.
  sendBeacon(url: unknown, body?: unknown): boolean {
    if (url === undefined) throw wrongArgument("sendBeacon", "Navigator", 1, "string");
    const sent = fetch(textOf(url), { method: "POST", body });
    native.waitUntil(sent.then((response) => response.body?.cancel(), () => {}));
    return true;
  }
  get userAgent(): string { return "Cloudflare-Workers"; }
  get hardwareConcurrency(): number { return 1; }
  get platform(): string { return ""; }
  get language(): string { return "en"; }
  get languages(): string[] { return this.#languages; }
}

// What a wait is rejected with: a reason that is no object is told as an error.
const errorOf = (reason: unknown) => (isObject(reason) ? reason : new Error(String(reason)));

class Scheduler {
  constructor(token?: unknown) {
    illegalConstructor(token);
  }
  wait(ms: unknown, options?: { signal?: AbortSignal }): Promise<void> {
    if (arguments.length === 0) return Promise.reject(wrongArgument("wait", "Scheduler", 1, "number"));
    if (options !== undefined && options !== null && !isObject(options)) {
      return Promise.reject(wrongArgument("wait", "Scheduler", 2, "WaitOptions"));
    }
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(errorOf(signal.reason));
    return new Promise((resolve, reject) => {
      const abort = () => {
        clearTimeout(id);
        reject(errorOf(signal!.reason));
      };
      const id = setTimeout(() => {
        signal?.removeEventListener("abort", abort);
        resolve();
      }, ms);
      signal?.addEventListener("abort", abort, { once: true });
    });
  }
}

platform({ Navigator, Scheduler });

// Takes away what a script of this date and these flags does not have.
export function trimNavigator(): void {
  if (isOn("enable_navigator_language")) return;
  delete (Navigator.prototype as any).language;
  delete (Navigator.prototype as any).languages;
}

// Writable and configurable; enumerable are the few that are on workerd.
const kEnumerable = new Set(["caches", "Cloudflare", "clearInterval", "clearTimeout", "crypto", "navigator", "performance", "scheduler",
  "self", "setInterval", "setTimeout"]);
// On workerd these are the global scope's prototype's, and enumerable.
const kFunctions = new Set(["addEventListener", "removeEventListener", "dispatchEvent", "atob", "btoa", "fetch", "queueMicrotask",
  "reportError", "structuredClone"]);

export function installGlobals(): void {
  const all: Record<string, unknown> = {
    ...kStreamClasses, ...kScopeGlobals, ...kPerformanceClasses, ...kCacheGlobals, AbortController, AbortSignal, Blob, CloseEvent, CompressionStream, Crypto, CryptoKey, CustomEvent,
    DecompressionStream, DOMException, ErrorEvent, Event, EventSource, EventTarget, File, FixedLengthStream, FormData, Headers,
    IdentityTransformStream, MessageChannel, MessageEvent, MessagePort, Navigator, Request,
    Response, SubtleCrypto, TextDecoder, TextDecoderStream, TextEncoder, TextEncoderStream, URL, URLPattern, URLSearchParams,
    WebSocket, WebSocketPair, WebSocketRequestResponsePair,
    atob, btoa, clearInterval, clearTimeout, console: consoleObject, crypto: new Crypto(kInternal), fetch,
    navigator: new Navigator(kInternal), performance: makePerformance(), queueMicrotask, reportError,
    scheduler: new Scheduler(kInternal), self: globalThis, setInterval, setTimeout, structuredClone,
  };
  for (const name of [...kFunctions, "clearInterval", "clearTimeout", "setInterval", "setTimeout"]) {
    all[name] = onGlobal(all[name] as () => unknown);
  }
  for (const [name, value] of Object.entries(all)) {
    if (typeof value === "function") Object.defineProperty(value, "name", { value: name, configurable: true }); // Bundling may have changed it.
    const enumerable = kEnumerable.has(name) || kFunctions.has(name);
    Object.defineProperty(globalThis, name, { value, writable: true, enumerable, configurable: true });
  }
  makeScope();
  guardReceivers();
  for (const value of [...Object.values(all), ...Object.values(consoleObject)]) hideSource(value);
  installToString();
}

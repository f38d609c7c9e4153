// The global scope: events of what nothing catches, reportError, performance, caches, navigator, env of cloudflare:workers.
import * as workers from "cloudflare:workers";
import { objectClass, thrown, worker } from "./lib.mjs";

const pause = (ms = 3) => new Promise((done) => setTimeout(done, ms));

// What listeners of `type` at the global scope hear while `action` runs.
async function heard(type, action, look) {
  const seen = [];
  const hear = (event) => void seen.push(look(event));
  addEventListener(type, hear);
  try {
    await action();
    await pause();
  } finally {
    removeEventListener(type, hear);
  }
  return seen;
}
const refusal = (event) => [event.constructor.name, event.type, event.cancelable, event.isTrusted, event.target === globalThis, event.promise instanceof Promise, String(event.reason)];
const failure = (event) => [event.constructor.name, event.message, event.cancelable, event.isTrusted, String(event.error), event.lineno > 0];

const cases = {
  "the platform's functions have no source": {
    run() {
      const { get: status } = Object.getOwnPropertyDescriptor(Response.prototype, "status");
      const functions = [Headers, Headers.prototype.get, Response.json, fetch, structuredClone, WebSocketPair, crypto.subtle.digest, status, Function.prototype.toString, DOMException];
      return [...functions.map(String), String(class Own { own() {} }), String(function own() {})];
    },
    expect: [...["Headers", "get", "json", "fetch", "structuredClone", "WebSocketPair", "digest", "", "toString", "DOMException"].map((name) => `function ${name}() { [native code] }`),
             "class Own { own() {} }", "function own() {}"],
  },
  "the global scope is an event target": { run: () => { let seen; const hear = function (event) { seen = [this === globalThis, event.target === globalThis]; }; addEventListener("own", hear); const result = dispatchEvent(new Event("own")); removeEventListener("own", hear); dispatchEvent(new Event("own")); return [seen, result]; }, expect: [[true, true], true] },
  "addEventListener without a listener is refused": { run: () => thrown(() => addEventListener("x", 1)), expect: "TypeError: Failed to execute 'addEventListener' on 'EventTarget': parameter 2 is not of type 'function or HandlerObject'." },
  "its classes can't be made": { run: async () => [await thrown(() => new ServiceWorkerGlobalScope()), await thrown(() => new ExtendableEvent("x")), await thrown(() => new PromiseRejectionEvent("x", {})), await thrown(() => new Body()), await thrown(() => new FetchEvent("fetch"))], expect: ["TypeError: Illegal constructor", "TypeError: Illegal constructor", "TypeError: Illegal constructor", "TypeError: Illegal constructor", "TypeError: Illegal constructor"] },
  "origin is a text that stays": { run: async () => [origin, await thrown(() => { origin = "x"; })], expect: ["null", "TypeError: Cannot assign to read only property 'origin' of object '#<ServiceWorkerGlobalScope>'"] },

  "unhandledrejection": { run: () => heard("unhandledrejection", () => void Promise.reject(new Error("one")), refusal), expect: [["PromiseRejectionEvent", "unhandledrejection", false, true, true, true, "Error: one"]] },
  "unhandledrejection: not if it is handled in time": { run: () => heard("unhandledrejection", () => void Promise.reject(new Error("two")).catch(() => {}), refusal), expect: [] },
  "rejectionhandled": { run: () => heard("rejectionhandled", async () => { const promise = Promise.reject(new Error("three")); await pause(); promise.catch(() => {}); }, refusal), expect: [["PromiseRejectionEvent", "rejectionhandled", false, true, true, true, "undefined"]] },
  "rejectionhandled: not if it was handled in time": { run: () => heard("rejectionhandled", async () => { const promise = Promise.reject(new Error("four")); promise.catch(() => {}); await pause(); }, refusal), expect: [] },
  "reportError": { run: () => heard("error", () => reportError(new RangeError("far")), failure), expect: [["ErrorEvent", "Uncaught RangeError: far", false, true, "RangeError: far", true]] },
  "reportError of what is no error": { run: () => heard("error", () => reportError("text"), (event) => [event.message, event.error]), expect: [["Uncaught text", "text"]] },
  "error: an exception in a microtask": { run: () => heard("error", () => queueMicrotask(() => { throw new Error("in a microtask"); }), failure), expect: [["ErrorEvent", "Uncaught Error: in a microtask", false, true, "Error: in a microtask", true]] },
  "error: not for a timer": { run: () => heard("error", () => setTimeout(() => { throw new Error("in a timer"); }, 1), failure), expect: [] },
  "onerror": { run: () => { let seen; globalThis.onerror = (event) => (seen = event.type); reportError(new Error("five")); delete globalThis.onerror; return seen; }, expect: "error" },

  "caches without a cache": { run: async () => [await thrown(() => caches.default.match("http://h/")), await thrown(() => caches.default.put("http://h/", new Response("x"))), await thrown(() => caches.default.delete("http://h/")), await thrown(async () => (await caches.open("c")).match("http://h/"))], expect: ["Error: No Cache was configured", "Error: No Cache was configured", "Error: No Cache was configured", "Error: No Cache was configured"] },
  "caches: what workerd has no method for": { run: async () => [await thrown(() => caches.has("c")), await thrown(() => caches.keys()), await thrown(() => caches.default.add("http://h/")), await thrown(() => caches.default.keys())], expect: ["Error: Failed to execute 'has' on 'CacheStorage': the method is not implemented.", "Error: Failed to execute 'keys' on 'CacheStorage': the method is not implemented.", "Error: Failed to execute 'add' on 'Cache': the method is not implemented.", "Error: Failed to execute 'keys' on 'Cache': the method is not implemented."] },
  "caches: wrong arguments": { run: async () => [await thrown(() => caches.default.match()), await thrown(() => caches.default.match("relative")), await thrown(() => caches.default.put("http://h/", 3)), await thrown(() => caches.default.match("http://h/", { ignoreSearch: true }))], expect: ["TypeError: Failed to execute 'match' on 'Cache': parameter 1 is not of type 'Request or string'.", "TypeError: Invalid URL: relative", "TypeError: Failed to execute 'put' on 'Cache': parameter 2 is not of type 'Response'.", "Error: The 'ignoreSearch' field on 'CacheQueryOptions' is not implemented."] },

  "Cloudflare.compatibilityFlags": { run: () => { const flags = Cloudflare.compatibilityFlags; return [Object.keys(flags).length > 150, flags.url_standard, flags.nodejs_compat, flags.websocket_close_reason_byte_limit, flags.no_such_flag]; }, expect: [true, true, false, false, undefined] },
  "compatibilityFlags are frozen": { run: () => { const flags = Cloudflare.compatibilityFlags; return [Object.isFrozen(flags), flags === Cloudflare.compatibilityFlags]; }, expect: [true, true] },
  "navigator": { run: () => [navigator.language, navigator.languages, navigator.platform, navigator.hardwareConcurrency, String(navigator)], expect: ["en", ["en"], "", 1, "[object Navigator]"] },
  "navigator.sendBeacon": { run: async ({ env }) => [navigator.sendBeacon(env.ECHO, "body"), await thrown(() => navigator.sendBeacon())], expect: [true, "TypeError: Failed to execute 'sendBeacon' on 'Navigator': parameter 1 is not of type 'string'."] },
  "URL.createObjectURL": { run: async () => [await thrown(() => URL.createObjectURL(new Blob([]))), await thrown(() => URL.revokeObjectURL("x"))], expect: ["Error: URL.createObjectURL() is not implemented", "Error: URL.revokeObjectURL() is not implemented"] },
  "request.fetcher": { run: () => thrown(() => new Request("http://h/", { fetcher: 1 })), expect: "TypeError: Incorrect type for the 'fetcher' field on 'RequestInitializerDict': the provided value is not of type 'Fetcher'." },
  "performance is the clock alone before its classes came": { run: () => [typeof performance.mark, typeof PerformanceMark, typeof Performance, JSON.stringify(performance), performance.timeOrigin], expect: ["undefined", "undefined", "undefined", "{}", 0] },

  "cloudflare:workers: env": { run: ({ env }) => [workers.env.ECHO === env.ECHO, Object.keys(workers.env).sort(), "ECHO" in workers.env], expect: [true, ["ECHO", "Subject", "TCP", "TCP_CLOSED", "TLS"], true] },
  "cloudflare:workers: withEnv": { run: async () => [workers.withEnv({ A: 1 }, () => [workers.env.A, Object.keys(workers.env)]), await workers.withEnv({ A: 2 }, async () => { await pause(); return workers.env.A; }), workers.env.A], expect: [[1, ["A"]], 2, undefined] },
  "Event: cancelBubble": { run: () => { const event = new Event("x"); const before = event.cancelBubble; event.cancelBubble = true; return [before, event.cancelBubble]; }, expect: [false, true] },
  "functions have no length": { run: () => [Headers.length, Headers.prototype.get.length, new URL("http://h/").toString.length, AbortSignal.any.length, Response.json.length], expect: [0, 0, 0, 0, 0] },

  "in an object: what SQLite storage alone has": { inObject: async ({ storage }) => [await thrown(() => storage.transactionSync(() => 1)), await thrown(() => storage.getCurrentBookmark())], expect: ["nothing thrown", "nothing thrown"], limpet: ["Error: Durable Object is not backed by SQL.", "Error: This Durable Object's storage back-end does not implement point-in-time recovery."], because: "this workerd keeps every object in SQLite; production's classes of new_classes say this" },
};

export const Subject = objectClass(cases);
export default worker(cases);

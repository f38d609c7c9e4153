// Timers, microtasks, structuredClone, events, AbortController, crypto, console, performance.
import { describe, thrown, worker } from "./lib.mjs";

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

const cases = {
  "setTimeout passes its arguments": { run: () => new Promise((done) => setTimeout((...all) => done(all), 1, "a", 2)), expect: ["a", 2] },
  "timers fire in the order of their times": { run: async () => { const seen = []; setTimeout(() => seen.push(30), 30); setTimeout(() => seen.push(1), 1); setTimeout(() => seen.push(15), 15); await pause(60); return seen; }, expect: [1, 15, 30] },
  "timers of one time fire in the order of their calls": { run: async () => { const seen = []; for (let n = 0; n < 5; n++) setTimeout(() => seen.push(n), 2); await pause(20); return seen; }, expect: [0, 1, 2, 3, 4] },
  "clearTimeout stops a timer": { run: async () => { const seen = []; const id = setTimeout(() => seen.push("no"), 1); clearTimeout(id); await pause(10); return seen; }, expect: [] },
  "clearTimeout of nonsense is fine": { run: () => [clearTimeout(undefined), clearTimeout(null), clearTimeout(123456)], expect: [undefined, undefined, undefined] },
  "setInterval repeats until it is cleared": { run: () => new Promise((done) => { let n = 0; const id = setInterval(() => { if (++n === 3) { clearInterval(id); done(n); } }, 1); }), expect: 3 },
  "a timer without a function is refused": { run: () => thrown(() => setTimeout("code", 1)), expect: "TypeError: Failed to execute 'setTimeout' on 'ServiceWorkerGlobalScope': parameter 1 is not of type 'function'." },
  "a timer id is a number": { run: () => { const id = setTimeout(() => {}, 1); clearTimeout(id); return typeof id; }, expect: "number" },
  "a negative delay means at once": { run: () => new Promise((done) => setTimeout(() => done("fired"), -5)), expect: "fired" },
  "microtasks go before timers": { run: async () => { const seen = []; setTimeout(() => seen.push("timer"), 0); queueMicrotask(() => seen.push("microtask")); Promise.resolve().then(() => seen.push("promise")); seen.push("now"); await pause(5); return seen; }, expect: ["now", "microtask", "promise", "timer"] },
  "queueMicrotask without a function is refused": { run: () => thrown(() => queueMicrotask("x")), expect: "TypeError: Failed to execute 'queueMicrotask' on 'ServiceWorkerGlobalScope': parameter 1 is not of type 'function'." },
  "an exception in a timer ends nothing else": { run: async () => { setTimeout(() => { throw new Error("in a timer"); }, 1); await pause(10); return "alive"; }, expect: "alive" },
  "an unhandled rejection ends nothing else": { run: async () => { Promise.reject(new Error("nobody waits")); await pause(2); return "alive"; }, expect: "alive" },
  "scheduler.wait": { run: async () => typeof (await scheduler.wait(1)), expect: "undefined" },

  "structuredClone of nested values": { run: () => structuredClone({ a: [1, { b: new Map([[1, new Set([2])]]) }], d: new Date(0), r: /x/g, u: undefined, big: 5n }), expect: { a: [1, { b: new Map([[1, new Set([2])]]) }], d: new Date("1970-01-01T00:00:00.000Z"), r: /x/g, u: undefined, big: 5n } },
  "structuredClone keeps cycles": { run: () => { const a = {}; a.self = a; const b = structuredClone(a); return [b.self === b, b === a]; }, expect: [true, false] },
  "structuredClone of a function is refused": { run: () => thrown(() => structuredClone(() => 1)), expect: "DataCloneError: () => 1 could not be cloned." },
  "structuredClone of an error": { run: () => { const e = structuredClone(new RangeError("far")); return [e instanceof RangeError, e.name, e.message]; }, expect: [true, "RangeError", "far"] },
  "structuredClone can transfer a buffer": { run: () => { const b = new ArrayBuffer(4); const c = structuredClone(b, { transfer: [b] }); return [b.byteLength, c.byteLength]; }, expect: [0, 4] },
  "structuredClone without a value is refused": { run: () => thrown(() => structuredClone()), expect: "TypeError: Failed to execute 'structuredClone' on 'ServiceWorkerGlobalScope': parameter 1 is not of type 'Value'." },

  "EventTarget: listeners are called in order": { run: () => { const t = new EventTarget(); const seen = []; t.addEventListener("x", () => seen.push(1)); t.addEventListener("x", () => seen.push(2)); const result = t.dispatchEvent(new Event("x")); return [seen, result]; }, expect: [[1, 2], true] },
  "EventTarget: the same listener is added once": { run: () => { const t = new EventTarget(); let n = 0; const f = () => n++; t.addEventListener("x", f); t.addEventListener("x", f); t.dispatchEvent(new Event("x")); return n; }, expect: 1 },
  "EventTarget: once": { run: () => { const t = new EventTarget(); let n = 0; t.addEventListener("x", () => n++, { once: true }); t.dispatchEvent(new Event("x")); t.dispatchEvent(new Event("x")); return n; }, expect: 1 },
  "EventTarget: removeEventListener": { run: () => { const t = new EventTarget(); let n = 0; const f = () => n++; t.addEventListener("x", f); t.removeEventListener("x", f); t.dispatchEvent(new Event("x")); return n; }, expect: 0 },
  "EventTarget: preventDefault of a cancelable event": { run: () => { const t = new EventTarget(); t.addEventListener("x", (e) => e.preventDefault()); const e = new Event("x", { cancelable: true }); return [t.dispatchEvent(e), e.defaultPrevented]; }, expect: [false, true] },
  "EventTarget: stopImmediatePropagation": { run: () => { const t = new EventTarget(); const seen = []; t.addEventListener("x", (e) => { seen.push(1); e.stopImmediatePropagation(); }); t.addEventListener("x", () => seen.push(2)); t.dispatchEvent(new Event("x")); return seen; }, expect: [1] },
  "EventTarget: a handler object": { run: () => { const t = new EventTarget(); let type; t.addEventListener("x", { handleEvent(e) { type = e.type; } }); t.dispatchEvent(new Event("x")); return type; }, expect: "x" },
  "URL: the parts of many shapes": {
    run: () => ["http://h", "https://h:8443/a/b?q=1&r=@#x?y", "http://u:p@h/a@b", "http://u@h?x", "http://h/?", "http://h/#", "http://h/p?#", "http://h/p#?q", "http://[::1]:80/x", "data:text/plain,a?b#c", "file:///a/b", "blob:https://h/1", "ws://h/x", "mailto:a@b", "https://h//x", "http://h/@p", "javascript:1"].map((text) => {
      const url = new URL(text);
      return [url.href, url.protocol, url.origin, url.username, url.password, url.host, url.hostname, url.port, url.pathname, url.search, url.hash].join(" ");
    }),
    expect: [
      "http://h/ http: http://h   h h  /  ", "https://h:8443/a/b?q=1&r=@#x?y https: https://h:8443   h:8443 h 8443 /a/b ?q=1&r=@ #x?y",
      "http://u:p@h/a@b http: http://h u p h h  /a@b  ", "http://u@h/?x http: http://h u  h h  / ?x ", "http://h/? http: http://h   h h  /  ", "http://h/# http: http://h   h h  /  ",
      "http://h/p?# http: http://h   h h  /p  ", "http://h/p#?q http: http://h   h h  /p  #?q", "http://[::1]/x http: http://[::1]   [::1] [::1]  /x  ",
      "data:text/plain,a?b#c data: null      text/plain,a ?b #c", "file:///a/b file: null      /a/b  ", "blob:https://h/1 blob: https://h      https://h/1  ", "ws://h/x ws: ws://h   h h  /x  ",
      "mailto:a@b mailto: null      a@b  ", "https://h//x https: https://h   h h  //x  ", "http://h/@p http: http://h   h h  /@p  ", "javascript:1 javascript: null      1  ",
    ],
  },
  "URL: what is set is seen in every part and in searchParams": {
    run: () => {
      const url = new URL("http://h/a?x=1");
      const params = url.searchParams;
      url.pathname = "/b c";
      url.search = "y=2";
      const seen = [url.href, params.get("x"), params.get("y")];
      params.append("z", "3 4");
      seen.push(url.href, url.search);
      url.host = "other:81";
      url.username = "me";
      seen.push(url.href, url.pathname, url.host, url.origin);
      url.protocol = "https";
      url.hash = "f";
      url.href = "https://new/q?z=9";
      seen.push(url.pathname, params.get("z"), url.hash);
      return seen;
    },
    expect: ["http://h/b%20c?y=2", null, "2", "http://h/b%20c?y=2&z=3+4", "?y=2&z=3+4", "http://me@other:81/b%20c?y=2&z=3+4", "/b%20c", "other:81", "http://other:81", "/q", "9", ""],
  },
  "Headers: a copy of a request's headers is changed alone": {
    run: () => {
      const first = new Request("http://h/", { headers: { a: "1", B: "2" } });
      const second = new Request(first);
      second.headers.set("a", "3");
      second.headers.append("b", "4");
      second.headers.delete("none");
      const third = new Headers(second.headers);
      third.delete("a");
      return [[...first.headers], [...second.headers], [...third], first.clone().headers.get("b")];
    },
    expect: [[["a", "1"], ["b", "2"]], [["a", "3"], ["b", "2, 4"]], [["b", "2, 4"]], "2"],
  },
  "Event: its fields": { run: () => { const e = new Event("x", { bubbles: true }); return [e.type, e.bubbles, e.cancelable, e.defaultPrevented, e.target, e.eventPhase]; }, expect: ["x", true, false, false, undefined, 0] },
  "CustomEvent carries its detail": { run: () => new CustomEvent("x", { detail: { a: 1 } }).detail, expect: { a: 1 } },

  "AbortController: abort sets the signal": { run: () => { const c = new AbortController(); const before = c.signal.aborted; let fired = 0; c.signal.addEventListener("abort", () => fired++); c.abort(); c.abort(); return [before, c.signal.aborted, fired, c.signal.reason.name, c.signal.reason.message]; }, expect: [false, true, 1, "AbortError", "The operation was aborted"] },
  "AbortController: a reason of its own": { run: async () => { const c = new AbortController(); c.abort(new RangeError("mine")); return thrown(() => c.signal.throwIfAborted()); }, expect: "RangeError: mine" },
  "AbortSignal: abort and any": { run: () => { const a = AbortSignal.abort("r"); const any = AbortSignal.any([new AbortController().signal, a]); return [a.aborted, a.reason, any.aborted, any.reason]; }, expect: [true, "r", true, "r"] },
  "AbortSignal: timeout": { run: async () => { const s = AbortSignal.timeout(1); await new Promise((done) => s.addEventListener("abort", done)); return [s.aborted, s.reason.name]; }, expect: [true, "TimeoutError"] },
  "AbortSignal: onabort": { run: () => { const c = new AbortController(); let n = 0; c.signal.onabort = () => n++; c.abort(); return n; }, expect: 1 },
  "DOMException has name, message and code": { run: () => { const e = new DOMException("m", "NotFoundError"); return [e.name, e.message, e.code, e instanceof Error]; }, expect: ["NotFoundError", "m", 8, true] },

  "randomUUID is a version 4 UUID": { run: () => [/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()), crypto.randomUUID() === crypto.randomUUID()], expect: [true, false] },
  "getRandomValues fills and gives back its array": { run: () => { const a = new Uint8Array(64); return [crypto.getRandomValues(a) === a, a.some((byte) => byte !== 0)]; }, expect: [true, true] },
  "getRandomValues takes 65,536 bytes at most": { run: async () => [await thrown(() => crypto.getRandomValues(new Uint8Array(65536))), await thrown(() => crypto.getRandomValues(new Uint8Array(65537)))], expect: ["nothing thrown", "QuotaExceededError: getRandomValues() only accepts buffers of size <= 64K but provided 65537 bytes."] },
  "getRandomValues refuses floats": { run: () => thrown(() => crypto.getRandomValues(new Float64Array(1))), expect: "TypeMismatchError: ArrayBufferView argument to getRandomValues() must be an integer-typed view." },

  "console never throws": {
    run: () => {
      const ring = {};
      ring.self = ring;
      const hostile = { get x() { throw new Error("no"); }, toString() { throw new Error("no"); } };
      const proxy = new Proxy({}, { get() { throw new Error("no"); }, ownKeys() { throw new Error("no"); } });
      for (const method of ["log", "info", "warn", "error", "debug"]) {
        console[method]();
        console[method]("%s %d %o %%", "a", 1);
        console[method](ring, hostile, proxy, Symbol("s"), 1n, null, undefined, () => 1, new Map([[ring, ring]]), "\ud800");
      }
      return "fine";
    }, expect: "fine",
  },
  "console has its other methods": { run: () => ["assert", "clear", "count", "dir", "group", "groupEnd", "table", "time", "timeEnd", "trace"].map((method) => typeof console[method]), expect: ["function", "function", "function", "function", "function", "function", "function", "function", "function", "function"] },
  "performance.now is a number that does not go back": { run: async () => { const a = performance.now(); await pause(2); const b = performance.now(); return [typeof a, b >= a]; }, expect: ["number", true] },
  "Date.now is a whole number": { run: () => Number.isInteger(Date.now()), expect: true },
  "globalThis and self": { run: () => [self === globalThis, typeof globalThis], expect: [true, "object"] },
  "eval and new Function are refused": { run: async () => [await thrown(() => eval("1")), await thrown(() => new Function("return 1"))], expect: ["EvalError: Code generation from strings disallowed for this context", "EvalError: Code generation from strings disallowed for this context"] },
  "navigator.userAgent": { run: () => navigator.userAgent, expect: "Cloudflare-Workers" },
  "WebAssembly can't be compiled from bytes": { run: () => thrown(() => new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))), expect: "CompileError: WebAssembly.Module(): Wasm code generation disallowed by embedder" },
  "what today's language has": {
    run: () => [
      [3, 1, 2].toSorted(), [1, 2, 3].at(-1), Object.groupBy([1, 2, 3], (n) => (n % 2 ? "odd" : "even")), "a-b".replaceAll("-", "+"),
      [..."ab".matchAll(/./g)].length, Array.from([1, 2, 3].values().map((n) => n * 2)), new Set([1, 2]).union(new Set([3])), typeof Promise.withResolvers().resolve,
    ].map(describe), expect: [[1, 2, 3], 3, { odd: [1, 3], even: [2] }, "a+b", 2, [2, 4, 6], new Set([1, 2, 3]), "function"],
  },
  "a deep recursion is a RangeError": { run: () => { const f = () => f() + 1; return thrown(f); }, expect: "RangeError: Maximum call stack size exceeded" },
  "bindings: a text variable": { run: ({ env }) => typeof env.ECHO, expect: "string" },
};

export default worker(cases);

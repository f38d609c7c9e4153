// What evil.test.mjs runs: small programs by name, in a Worker and in objects. Each is given what there is to harm.
const prelude = `
import { DurableObject, RpcTarget } from "cloudflare:workers";
const forever = () => { for (;;) {} };
const down = () => down() + 1;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
// A Proxy whose every trap does this.
const trapped = (act, target = function () {}) => new Proxy(target, new Proxy({}, { get: () => act }));
const bytes = () => new Uint8Array(65536).fill(7);
const detach = (view) => { structuredClone(view.buffer, { transfer: [view.buffer] }); return view; };
const tryAll = async (actions) => {
  const seen = [];
  for (const action of actions) {
    try {
      const value = await action();
      seen.push(typeof value);
    } catch (error) {
      let text;
      try { text = String(error); } catch { text = "an error without a text"; }
      seen.push(text.slice(0, 100));
    }
  }
  return seen.join("; ");
};
// What takes values of the script: each is called with an evil one.
const takers = ({ storage, state, env, other }) => [
  (v) => structuredClone(v), (v) => new Response(v), (v) => new Response("", v), (v) => new Response("", { headers: v }), (v) => new Request(v), (v) => new Request("http://a/", v),
  (v) => new Headers(v), (v) => new URL(v), (v) => new URLSearchParams(v), (v) => new Blob(v), (v) => new Blob([v]), (v) => new Blob([], v), (v) => new File([v], v), (v) => new FormData().append(v, v),
  (v) => new TextEncoder().encode(v), (v) => new TextEncoder().encodeInto(v, v), (v) => new TextDecoder(v), (v) => new TextDecoder().decode(v), (v) => btoa(v), (v) => atob(v), (v) => fetch(v), (v) => fetch("http://127.0.0.1:1/", v),
  (v) => new ReadableStream(v).getReader().read(), (v) => new ReadableStream({}, v), (v) => new WritableStream(v).getWriter().write(v), (v) => new TransformStream(v, v, v), (v) => new CompressionStream("gzip").writable.getWriter().write(v),
  (v) => crypto.subtle.digest(v, v), (v) => crypto.subtle.digest("SHA-256", v), (v) => crypto.subtle.importKey("raw", v, v, v, v), (v) => crypto.subtle.importKey("jwk", v, "HMAC", true, ["sign"]), (v) => crypto.subtle.generateKey(v, v, v), (v) => crypto.getRandomValues(v),
  (v) => new WebSocketPair()[0].send(v), (v) => new WebSocket(v), (v) => new EventTarget().addEventListener(v, v, v), (v) => new EventTarget().dispatchEvent(v), (v) => new Event(v, v), (v) => new CustomEvent("x", v),
  (v) => setTimeout(v, v), (v) => setInterval(v, 1e9), (v) => clearTimeout(v), (v) => queueMicrotask(v), (v) => AbortSignal.any(v), (v) => AbortSignal.timeout(v), (v) => AbortSignal.abort(v), (v) => new DOMException(v, v), (v) => reportError(v),
  (v) => console.log(v, [v], { v }), (v) => console.log("%s %o %d", v, v, v), (v) => new URLPattern(v), (v) => new MessageChannel().port1.postMessage(v), (v) => performance.mark?.(v), (v) => scheduler.wait(v), (v) => new Intl.DateTimeFormat(v),
  (v) => env.Pairs.idFromName(v), (v) => env.Pairs.idFromString(v), (v) => env.Pairs.get(v), (v) => env.Pairs.newUniqueId(v), (v) => other.fetch(v), (v) => other.fetch("http://x/", v), (v) => other.echo(v), (v) => other[v]?.(), (v) => other.call({ v: [v] }), (v) => new Response(bytes(), { cf: v, webSocket: v, encodeBody: v }),
  ...(storage ? [
    (v) => storage.get(v), (v) => storage.get([v]), (v) => storage.get("a", v), (v) => storage.put(v, v), (v) => storage.put("a", v), (v) => storage.put({ a: v }), (v) => storage.put("a", 1, v), (v) => storage.delete(v), (v) => storage.delete([v]),
    (v) => storage.list(v), (v) => storage.list({ start: v, end: v, prefix: v, limit: v }), (v) => storage.setAlarm(v), (v) => storage.getAlarm(v), (v) => storage.transaction(v), (v) => storage.transaction(() => v), (v) => storage.transactionSync?.(v), (v) => storage.transactionSync?.(() => v),
    (v) => storage.kv?.put("a", v), (v) => storage.kv?.get(v), (v) => storage.kv?.list(v), (v) => storage.sql?.exec(v), (v) => storage.sql?.exec("SELECT ?", v), (v) => storage.sql?.exec("SELECT ?, ?", v, v).one(), (v) => storage.sql?.exec("SELECT 1").raw(v),
    (v) => state.blockConcurrencyWhile(() => v && 1), (v) => state.waitUntil(v), (v) => state.acceptWebSocket(v, v), (v) => state.acceptWebSocket(new WebSocketPair()[1], [v]), (v) => state.getWebSockets(v), (v) => state.setWebSocketAutoResponse(v), (v) => new WebSocketRequestResponsePair(v, v), (v) => state.setHibernatableWebSocketEventTimeout(v),
    (v) => { const [, server] = Object.values(new WebSocketPair()); state.acceptWebSocket(server); server.serializeAttachment(v); },
    (v) => storage.onNextSessionRestoreBookmark?.(v), (v) => storage.getBookmarkForTime?.(v),
  ] : []),
];
const withAll = (make) => (tools) => tryAll(takers(tools).map((take) => () => { const given = take(make(tools)); return given?.then ? Promise.race([given, sleep(200)]) : given; }));
`;

// name: the source of a function of { storage, state, env, other, ctx }. Its text or what it threw is the answer.
const evil = {
  // Values that strike back when they are looked at.
  "a Proxy that throws everywhere": `withAll(() => trapped(() => { throw new Error("trap"); }))`,
  "a Proxy that throws null everywhere": `withAll(() => trapped(() => { throw null; }))`,
  "a Proxy that recurses everywhere": `withAll(() => trapped(() => down()))`,
  "a Proxy that gives itself everywhere": `withAll(() => { const p = trapped(() => p); return p; })`,
  "a Proxy that was revoked": `withAll(() => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy; })`,
  "a Proxy of a function that was revoked": `withAll(() => { const { proxy, revoke } = Proxy.revocable(function () {}, {}); revoke(); return proxy; })`,
  "a Proxy of a Proxy, deep": `withAll(() => { let p = {}; for (let i = 0; i < 100000; i++) p = new Proxy(p, {}); return p; })`,
  "a Proxy of an array with a length beyond all": `withAll(() => new Proxy([], { get: (t, k) => (k === "length" ? 2 ** 53 - 1 : k === Symbol.iterator ? undefined : "x") }))`,
  "texts that throw": `withAll(() => ({ toString() { throw undefined; }, valueOf() { throw Symbol("x"); }, toJSON() { throw 1; }, [Symbol.toPrimitive]() { throw null; } }))`,
  "texts that recurse": `withAll(() => ({ toString: down, valueOf: down, toJSON: down, [Symbol.toPrimitive]: down }))`,
  "getters that recurse": `withAll(() => { const o = {}; for (const key of ["type", "method", "headers", "body", "status", "start", "pull", "write", "name", "limit", "prefix", "size", "signal", "then", "once", "detail", "code", "kty", "hash", "0", "length"]) Object.defineProperty(o, key, { enumerable: true, get: down }); return o; })`,
  "getters that end their storage": `withAll(({ storage }) => ({ get a() { storage?.deleteAll(); return 1; }, get b() { storage?.sql && storage.sql?.exec("DROP TABLE IF EXISTS t"); return 2; } }))`,
  "getters that change the object while it is cloned": `withAll(() => { const o = { get a() { for (let i = 0; i < 1000; i++) o["k" + i] = i; delete o.b; return 1; }, b: 2, c: [] }; return o; })`,
  "a list that grows while it is read": `withAll(() => { const list = [1, 2]; Object.defineProperty(list, 0, { enumerable: true, get() { list.length = 100000; return 1; } }); return list; })`,
  "a list that shrinks while it is read": `withAll(() => { const list = ["a", "b", "c"]; Object.defineProperty(list, 0, { enumerable: true, get() { list.length = 1; return "a"; } }); return list; })`,
  "a value that is nested deeply": `withAll(() => { let v = []; for (let i = 0; i < 200000; i++) v = [v]; return v; })`,
  "objects nested deeply": `withAll(() => { let v = {}; for (let i = 0; i < 200000; i++) v = { v }; return v; })`,
  "maps nested deeply": `withAll(() => { let v = new Map(); for (let i = 0; i < 100000; i++) v = new Map([[v, v]]); return v; })`,
  "errors with causes, deep": `withAll(() => { let e = new Error("x"); for (let i = 0; i < 100000; i++) e = new Error("x", { cause: e }); return e; })`,
  "an error whose parts throw": `withAll(() => Object.defineProperties(new Error("x"), Object.fromEntries(["name", "message", "stack", "cause"].map((k) => [k, { get() { throw new Proxy({}, { get() { throw 1; } }); } }]))))`,
  "an error whose parts recurse": `withAll(() => Object.defineProperties(new Error("x"), Object.fromEntries(["name", "message", "stack", "cause"].map((k) => [k, { get: down }]))))`,
  "thenables that recurse": `withAll(() => { const t = { then: (done) => done(t) }; let n = 0; const u = { then: (done) => (n++ < 1000 ? done(u) : done(1)) }; return u; })`,
  "a thenable that calls back twice and throws": `withAll(() => ({ then(a, b) { a(1); b(2); a(3); throw 4; } }))`,
  "iterators that strike": `withAll(() => ({ [Symbol.iterator]: () => ({ next() { throw null; }, return() { throw 2; } }), [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(null) }) }))`,
  "iterators that give nonsense": `withAll(() => ({ [Symbol.iterator]: () => ({ next: () => 5 }), [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve(5) }) }))`,
  "detached buffers": `withAll(() => detach(bytes()))`, "the buffer of a detached one": `withAll(() => detach(bytes()).buffer)`,
  "resizable buffers": `withAll(() => new Uint8Array(new ArrayBuffer(8, { maxByteLength: 1 << 20 })))`,
  "a resizable buffer out of bounds": `withAll(() => { const b = new ArrayBuffer(1024, { maxByteLength: 4096 }); const v = new Uint8Array(b, 512, 256); b.resize(16); return v; })`,
  "a growable shared buffer": `withAll(() => new Uint8Array(new SharedArrayBuffer(8, { maxByteLength: 1 << 20 })))`, "a shared buffer": `withAll(() => new SharedArrayBuffer(64))`,
  "WebAssembly's memory": `withAll(() => new Uint8Array(new WebAssembly.Memory({ initial: 1, maximum: 10 }).buffer))`, "a very long list": `withAll(() => { const l = []; l.length = 2 ** 32 - 1; return l; })`,
  "a very long text": `withAll(() => "x".repeat(2 ** 29 - 24))`, "numbers that are none": `withAll(() => NaN)`, "the largest number": `withAll(() => Number.MAX_VALUE)`, "minus infinity": `withAll(() => -Infinity)`,
  "a negative bigint": `withAll(() => -(2n ** 4000n))`, "a symbol": `withAll(() => Symbol("x"))`, "null": `withAll(() => null)`, "nothing": `withAll(() => undefined)`, "a lone surrogate": `withAll(() => "\\ud800")`, "a zero byte": `withAll(() => "a\\0b")`,
  "global objects": `withAll(() => globalThis)`, "a generator": `withAll(() => (function* () { for (;;) yield 1; })())`, "a class of the platform without its inside": `withAll(() => Object.create(Response.prototype))`, "a module": `withAll(() => import("cloudflare:workers"))`,
  "an object with a prototype of the platform": `withAll(() => Object.setPrototypeOf({}, new Headers()))`, "a prototype chain with a Proxy": `withAll(() => Object.create(new Proxy({}, { getPrototypeOf() { throw 1; }, get() { throw 2; }, has() { throw 3; } })))`,
  // Thrown.
  ...Object.fromEntries(["null", "undefined", "Symbol('s')", "trapped(() => { throw 1; })", "Object.create(null)", "1n", "function () {}", "new Proxy(new Error('x'), { get() { throw 1; } })", "{ toString: down }", "[[[]]]"].map((what) => [`throw ${what}`, `() => { throw (${what}); }`])),
  "reject with a Proxy": `() => Promise.reject(trapped(() => { throw 1; }))`, "throw over RPC": `({ other }) => tryAll([() => other.call("null"), () => other.call("proxy"), () => other.call("recurse"), () => other.call("thenable"), () => other.call("forever")])`,
  // Endless.
  "an endless loop": `() => forever()`, "endless microtasks": `() => { const again = () => Promise.resolve().then(again); return again(); }`, "endless microtasks by await": `async () => { for (;;) await null; }`,
  "endless microtasks by queueMicrotask": `() => { const again = () => queueMicrotask(again); again(); return new Promise(() => {}); }`, "an endless finally": `() => { for (;;) { try { forever(); } finally { continue; } } }`,
  "a loop that catches everything": `async () => { for (;;) { try { for (;;) await 1; } catch {} finally {} } }`, "endless in a timer": `() => new Promise(() => setTimeout(forever))`, "endless in a getter": `() => structuredClone({ get a() { return forever(); } })`,
  "endless in toJSON": `() => Response.json({ toJSON: forever })`, "endless in a thenable": `async () => await { then: forever }`, "endless in a stream": `() => new Response(new ReadableStream({ pull: forever }, { highWaterMark: 0 })).text()`,
  "endless in a Proxy": `() => new Headers(new Proxy({}, { ownKeys: forever }))`, "endless in a sort": `() => [3, 2, 1].sort(forever)`, "endless in a regular expression": `() => String(/^(a+)+$/.test("a".repeat(40) + "b"))`, "endless in replace": `() => "a".replace(/a/, forever)`,
  "endless in an event listener": `() => { const t = new EventTarget(); t.addEventListener("x", forever); t.dispatchEvent(new Event("x")); }`, "endless in finalization": `async () => { const r = new FinalizationRegistry(forever); for (let i = 0; i < 1000; i++) r.register({}, 1); for (let i = 0; i < 50; i++) { new Array(100000).fill({}); await sleep(1); } return "done"; }`,
  "endless in WebAssembly": `() => "compiled: " + typeof new WebAssembly.Module(new Uint8Array([0,97,115,109,1,0,0,0]))`, "endless in an async generator": `async () => { async function* g() { for (;;) yield 1; } for await (const x of g()) ; }`,
  "endless in JSON.parse": `() => JSON.parse("[1]", forever)`, "endless in Symbol.species": `() => { class A extends Array { static get [Symbol.species]() { return forever(); } } return A.from([1]).map((x) => x); }`,
  "endless in a tail of waitUntil": `({ ctx }) => { ctx.waitUntil(sleep(1).then(forever)); return "answered"; }`, "endless in a call": `({ other }) => other.call("forever")`,
  // Deep.
  "recursion": `() => down()`, "recursion through bind": `() => { let f = () => 1; for (let i = 0; i < 100000; i++) f = f.bind(null); return f(); }`, "recursion in JSON": `() => { let v = []; for (let i = 0; i < 500000; i++) v = [v]; return JSON.stringify(v).length; }`,
  "recursion in JSON.parse": `() => typeof JSON.parse("[".repeat(500000) + "]".repeat(500000))`, "recursion in a regular expression": `() => new RegExp("(".repeat(50000) + ")".repeat(50000)).test("a")`, "recursion in an eval of new Function": `() => new Function("(".repeat(100000))()`,
  "recursion of promises": `async () => { let p = Promise.resolve(1); for (let i = 0; i < 300000; i++) p = p.then((x) => x); return await p; }`, "recursion of streams": `() => { let s = new Response("x").body; for (let i = 0; i < 3000; i++) s = s.pipeThrough(new TransformStream()); return new Response(s).text(); }`,
  "recursion of tee": `async () => { let s = new Response("x").body; const all = []; for (let i = 0; i < 2000; i++) { const [a, b] = s.tee(); s = a; all.push(b); } return await new Response(s).text(); }`, "recursion of dispatchEvent": `() => { const t = new EventTarget(); t.addEventListener("x", () => t.dispatchEvent(new Event("x"))); t.dispatchEvent(new Event("x")); return "done"; }`,
  "recursion of AbortSignal.any": `() => { const c = new AbortController(); let s = c.signal; for (let i = 0; i < 20000; i++) s = AbortSignal.any([s]); c.abort(); return String(s.aborted); }`, "recursion in an abort listener": `() => { const c = new AbortController(); c.signal.onabort = () => { c.abort(); down(); }; c.abort(); return "done"; }`,
  "recursion of objects that call each other": `({ other }) => other.call("again")`,
  "recursion of transactions": `({ storage }) => { const again = (n) => storage.transaction(() => again(n + 1)); return storage && again(0); }`, "recursion of transactionSync": `({ storage }) => { const again = () => storage.transactionSync(again); return storage?.transactionSync && again(); }`,
  "recursion of blockConcurrencyWhile": `({ state }) => { const again = () => state.blockConcurrencyWhile(again); return state && again(); }`,
  "a deep stack and then the API": `(tools) => { const all = takers(tools); let seen = ""; const dig = (n) => { try { dig(n + 1); } catch { for (const take of all.slice(0, 60)) { try { take("x")?.catch?.(() => {}); } catch (error) { seen = String(error).slice(0, 50); } } } }; dig(0); return "dug " + seen; }`,
  "a deep stack and then storage": `async (tools) => { const all = takers(tools).slice(60); const seen = []; const dig = () => { try { dig(); } catch { for (const take of all) { try { const p = take("x"); p?.catch?.(() => {}); } catch (error) { seen.push(1); } } } }; dig(); return "dug"; }`,
  // Much.
  "a text of 512 MiB": `() => String(("x".repeat(2 ** 29 - 24)).length)`, "a text beyond that": `() => "x".repeat(2 ** 30)`, "a text put together beyond all": `() => { let t = "x".repeat(2 ** 28); t += t; t += t; return t; }`,
  "a buffer of 8 GiB": `() => new ArrayBuffer(2 ** 33).byteLength`, "a body of a text of 512 MiB": `() => new Response("x".repeat(2 ** 29 - 24)).text()`, "encoding 512 MiB": `() => new TextEncoder().encode("\\u0800".repeat(2 ** 28)).length`, "JSON of 512 MiB": `() => JSON.stringify({ a: "\\0".repeat(2 ** 27) }).length`,
  "a URL of 256 MiB": `() => new URL("http://a/" + " ".repeat(2 ** 28)).href.length`, "base64 of 512 MiB": `() => btoa("x".repeat(2 ** 29 - 24)).length`, "headers of 64 MiB": `() => new Response("", { headers: { a: "x".repeat(2 ** 26) } })`, "a million headers": `() => { const h = new Headers(); for (let i = 0; i < 1000000; i++) h.append("a" + i, "b"); return new Response("x", { headers: h }); }`,
  "timers without end": `() => { for (;;) setTimeout(() => {}, 1e6); }`, "streams without end": `() => { const all = []; for (;;) all.push(new ReadableStream()); }`, "WebSockets without end": `() => { const all = []; for (;;) all.push(new WebSocketPair()); }`, "fetches without end": `({ other }) => { const all = []; for (;;) all.push(other.fetch("http://x/").catch(() => {})); }`,
  "calls without end": `({ other }) => { const all = []; for (;;) all.push(other.echo("x").catch(() => {})); }`, "promises without end": `() => { const all = []; for (;;) all.push(new Promise(() => {})); }`, "objects without end": `({ env }) => { const all = []; for (let i = 0; i < 3e6; i++) all.push(env.Pairs.newUniqueId()); return "done"; }`,
  "logs without end": `() => { for (let i = 0; i < 20000; i++) console.log("x".repeat(1000)); return "done"; }`, "a log of 256 MiB": `() => { console.log("x".repeat(2 ** 28)); return "done"; }`, "puts without end": `({ storage }) => { if (!storage) return "none"; for (let i = 0; i < 200000; i++) storage.put("k" + i, "x".repeat(2000)); return "done"; }`,
  "rows without end": `({ storage }) => { if (!storage?.sql?.exec) return "none"; return [...storage.sql.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT randomblob(100000) FROM n")].length; }`,
  "alarms without end": `({ storage }) => { if (!storage) return "none"; for (let i = 0; i < 100000; i++) storage.setAlarm(1e15 + i); return "done"; }`, "waitUntils without end": `({ ctx }) => { for (let i = 0; i < 300000; i++) ctx.waitUntil(sleep(1)); return "done"; }`, "sections without end": `({ state }) => { if (!state) return "none"; for (let i = 0; i < 20000; i++) state.blockConcurrencyWhile(() => sleep(0)); return "done"; }`,
  "WebAssembly memory to its limit": `() => { const m = new WebAssembly.Memory({ initial: 1, maximum: 65536 }); let pages = 1; try { for (;;) { m.grow(256); pages += 256; new Uint8Array(m.buffer, (pages - 1) * 65536).fill(1); } } catch (error) { return String(error) + pages; } }`,
  "WebAssembly tables": `() => { const all = []; for (let i = 0; i < 200; i++) all.push(new WebAssembly.Table({ element: "anyfunc", initial: 10000000 })); return "done"; }`, "a decompression bomb": `async () => { const z = new Response(new Blob([new Uint8Array(1 << 26)]).stream().pipeThrough(new CompressionStream("gzip"))); const all = []; const small = await z.arrayBuffer(); for (let i = 0; i < 20; i++) all.push(await new Response(new Blob([small]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer()); return String(all.length); }`,
  "PBKDF2 with all iterations": `async () => { const key = await crypto.subtle.importKey("raw", bytes(), "PBKDF2", false, ["deriveBits"]); return String(await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-512", salt: bytes(), iterations: 2 ** 32 - 1 }, key, 512)); }`, "an RSA key beyond all": `() => crypto.subtle.generateKey({ name: "RSA-PSS", modulusLength: 65536, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" }, true, ["sign", "verify"])`,
  "an RSA exponent of nothing": `() => crypto.subtle.generateKey({ name: "RSA-PSS", modulusLength: 2048, publicExponent: new Uint8Array(0), hash: "SHA-256" }, true, ["sign", "verify"])`,
  // Buffers that go in the midst.
  "buffers detached while they are digested": `async () => { const v = bytes(); const d = crypto.subtle.digest("SHA-512", v); detach(v); return String((await d).byteLength); }`, "buffers detached while they are signed": `async () => { const k = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, true, ["sign"]); const v = bytes(); const s = crypto.subtle.sign("HMAC", k, v); detach(v); return String((await s).byteLength); }`,
  "buffers detached while they are written": `async () => { const t = new TransformStream(); const w = t.writable.getWriter(); const v = bytes(); const p = w.write(v); detach(v); const r = t.readable.getReader(); const got = await r.read(); return String(got.value.byteLength); }`, "a buffer detached in a BYOB read": `async () => { let c; const s = new ReadableStream({ type: "bytes", start(x) { c = x; } }); const r = s.getReader({ mode: "byob" }); const p = r.read(new Uint8Array(10)); const request = c.byobRequest; try { detach(request.view); request.respond(5); } catch (error) { return String(error); } return String(await p); }`,
  "a BYOB view that is too short": `async () => { let c; const s = new ReadableStream({ type: "bytes", start(x) { c = x; } }); const r = s.getReader({ mode: "byob" }); const p = r.read(new Uint32Array(2)); c.byobRequest.respond(3); c.close(); try { c.byobRequest?.respond(0); } catch (e) { return String(e); } return String(await p); }`, "a buffer detached by a getter of an option": `async () => { const v = bytes(); return String((await crypto.subtle.digest({ get name() { detach(v); return "SHA-256"; } }, v)).byteLength); }`,
  "a buffer that shrinks by a getter": `async () => { const b = new ArrayBuffer(1 << 16, { maxByteLength: 1 << 16 }); const v = new Uint8Array(b); return String((await crypto.subtle.digest({ get name() { b.resize(0); return "SHA-256"; } }, v)).byteLength); }`, "a buffer detached by a toString": `() => { const v = bytes(); const h = new Headers(); h.set("a", { toString() { detach(v); return "x"; } }); return new Response(v).text(); }`,
  "a binding of SQL that detaches another": `({ storage }) => { if (!storage?.sql?.exec) return "none"; const v = bytes(); return JSON.stringify([...storage.sql.exec("SELECT length(?) AS a, ? AS b", v, { toString() { detach(v); return "x"; } })]); }`, "a cursor whose buffer goes": `({ storage }) => { if (!storage?.kv?.put) return "none"; const v = bytes(); const c = storage.sql.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i, length(?) AS l FROM n", v); c.next(); detach(v); return JSON.stringify(c.toArray()); }`,
  "a put of a value that detaches itself": `({ storage }) => { if (!storage) return "none"; const v = bytes(); return storage.put("a", { get x() { detach(v); return 1; }, v }); }`, "encodeInto of a shrinking buffer": `() => { const b = new ArrayBuffer(64, { maxByteLength: 64 }); return JSON.stringify(new TextEncoder().encodeInto({ toString() { b.resize(0); return "abc"; } }, new Uint8Array(b))); }`, "random values of a shared buffer": `() => String(crypto.getRandomValues(new Uint8Array(new SharedArrayBuffer(16))).length)`,
  "timingSafeEqual of odd buffers": `() => tryAll([() => crypto.subtle.timingSafeEqual(detach(bytes()), bytes()), () => crypto.subtle.timingSafeEqual(1, 2), () => crypto.subtle.timingSafeEqual(new Float64Array(2), new DataView(new ArrayBuffer(16)))])`,
  // Atomics.
  "Atomics.wait": `() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60000)`, "Atomics.waitAsync": `async () => { const { async, value } = Atomics.waitAsync(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50); return String(async && await Promise.race([value, sleep(500)])); }`, "Atomics.pause": `() => { Atomics.pause?.(1e9); return "done"; }`,
  // SQL.
  "SQL of every odd kind": `({ storage }) => { if (!storage?.sql?.exec) return "none"; return tryAll(["SELECT zeroblob(2147483647)", "SELECT randomblob(2147483647)", "SELECT printf('%2147483647d', 1)", "SELECT replace(hex(zeroblob(4000000)), '0', 'xxxxxxxxxx')", "SELECT " + "(".repeat(5000) + "1" + ")".repeat(5000), "SELECT 1" + " UNION SELECT 1".repeat(3000), "SELECT '" + "x".repeat(2 ** 24) + "'", "CREATE TABLE big(" + Array.from({ length: 3000 }, (_, i) => "c" + i).join() + ")", "SELECT * FROM pragma_function_list, pragma_function_list, pragma_function_list", "WITH RECURSIVE a(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM a) SELECT count(*) FROM a", "CREATE TABLE IF NOT EXISTS q(a); CREATE TRIGGER IF NOT EXISTS qt AFTER INSERT ON q BEGIN INSERT INTO q VALUES (1); END; PRAGMA recursive_triggers = ON; INSERT INTO q VALUES (1)", "SELECT group_concat(randomblob(1000000)) FROM pragma_function_list", "SELECT json('" + "[".repeat(100000) + "')", "SELECT '" + "a".repeat(100) + "' LIKE '%" + "a%".repeat(20) + "b'", "DROP TABLE sqlite_master", "PRAGMA writable_schema = ON", "SELECT fts5(?1)", "INSERT INTO sqlite_master VALUES (1,2,3,4,5)"].map((q) => () => [...storage.sql.exec(q)].length)); }`,
  "a cursor used after its table has gone": `({ storage }) => { if (!storage?.sql?.exec) return "none"; const { sql } = storage; sql.exec("CREATE TABLE IF NOT EXISTS g(a); INSERT INTO g VALUES (1), (2), (3)"); const c = sql.exec("SELECT * FROM g"); c.next(); return tryAll([() => sql.exec("DROP TABLE g"), () => c.next(), () => c.toArray(), () => storage.deleteAll(), () => c.next(), () => c.raw().next()]); }`,
  "SQL within a cursor's loop that changes what it reads": `({ storage }) => { if (!storage?.sql?.exec) return "none"; const { sql } = storage; sql.exec("CREATE TABLE IF NOT EXISTS h(a); INSERT INTO h VALUES (1)"); let n = 0; for (const row of sql.exec("SELECT * FROM h")) { sql.exec("INSERT INTO h VALUES (?)", row.a + 1); if (n++ > 2000) break; } return String(n); }`,
  "transactionSync within a cursor, thrown out of": `({ storage }) => { if (!storage?.sql?.exec) return "none"; const { sql } = storage; sql.exec("CREATE TABLE IF NOT EXISTS i(a); INSERT INTO i VALUES (1), (2)"); const c = sql.exec("SELECT * FROM i"); c.next(); try { storage.transactionSync(() => { sql.exec("DELETE FROM i"); for (const x of sql.exec("SELECT 1")) storage.transactionSync(() => { throw 1; }); }); } catch {} return JSON.stringify(c.toArray()); }`,
  // The globals themselves.
  "a polluted Object.prototype": `(tools) => { Object.defineProperty(Object.prototype, "get", { configurable: true, get() { throw new Error("get"); }, set() { throw new Error("set"); } }); Object.defineProperty(Object.prototype, "then", { configurable: true, get() { throw new Error("then"); } }); return withAll(() => ({ a: 1 }))(tools).finally(() => { delete Object.prototype.get; delete Object.prototype.then; }); }`,
  "a polluted Array.prototype": `async (tools) => { const kept = {}; for (const key of ["push", "map", "join", "splice", "at", "slice", "concat", "entries", Symbol.iterator]) { kept[key] = Array.prototype[key]; } const all = takers(tools); for (const key of Object.keys(kept)) Array.prototype[key] = () => { throw new Error(String(key)); }; Object.defineProperty(Array.prototype, 0, { configurable: true, set() { throw new Error("0"); }, get: () => "zero" }); let n = 0; try { for (let i = 0; i < all.length; i++) { try { all[i]("x")?.catch?.(() => {}); } catch { n++; } } await sleep(20); } finally { delete Array.prototype[0]; for (const key of Object.keys(kept)) Array.prototype[key] = kept[key]; } return "thrown " + n; }`,
  "a polluted Promise": `async (tools) => { const { then, constructor } = Promise.prototype; const all = takers(tools); let n = 0; Object.defineProperty(Promise.prototype, "constructor", { configurable: true, get() { throw new Error("constructor"); } }); Promise.prototype.then = function () { throw new Error("then"); }; try { for (let i = 0; i < all.length; i++) { try { all[i]("x"); } catch { n++; } } } finally { Promise.prototype.then = then; delete Promise.prototype.constructor; Promise.prototype.constructor = constructor; } await sleep(20); return "thrown " + n; }`,
  "species that lie": `(tools) => { const kept = Object.getOwnPropertyDescriptor(Promise, Symbol.species); Object.defineProperty(Promise, Symbol.species, { configurable: true, get: () => function Lie(run) { run(() => {}, () => {}); return { then: 5 }; } }); Object.defineProperty(Uint8Array, Symbol.species, { configurable: true, get: () => function () { return new Uint8Array(0); } }); return withAll(() => "x")(tools).finally(() => { Object.defineProperty(Promise, Symbol.species, kept); delete Uint8Array[Symbol.species]; }); }`,
  "buffers whose members lie": `(tools) => withAll(() => { const v = bytes(); for (const key of ["length", "byteLength", "byteOffset", "buffer"]) Object.defineProperty(v, key, { get: () => 2 ** 40 }); return v; })(tools)`,
  "texts whose methods lie": `(tools) => { const { toString } = String.prototype; String.prototype.toString = () => { throw 1; }; String.prototype[Symbol.iterator] = () => { throw 2; }; return withAll(() => "http://x/")(tools).finally(() => { String.prototype.toString = toString; }); }`,
  "Error.prepareStackTrace that recurses": `() => { Error.prepareStackTrace = () => new Error("again").stack; try { return String(new Error("x").stack).slice(0, 100); } finally { delete Error.prepareStackTrace; } }`, "Error.stackTraceLimit beyond all": `() => { const kept = Error.stackTraceLimit; Error.stackTraceLimit = Infinity; try { return String(down()); } finally { Error.stackTraceLimit = kept; } }`,
  "Error.stackTraceLimit that throws": `() => { Object.defineProperty(Error, "stackTraceLimit", { configurable: true, get() { throw 1; } }); try { throw new Error("x"); } catch (error) { return String(error.stack); } finally { delete Error.stackTraceLimit; Error.stackTraceLimit = 10; } }`,
  "a global that is frozen": `(tools) => tryAll([() => Object.freeze(globalThis), () => delete globalThis.Response, () => { globalThis.Promise = 5; }, () => new Response("x").text()]).finally(() => 1)`,
  // Late.
  "a response read after its event": `async () => { const r = new Response(new ReadableStream({ async pull(c) { await sleep(1); c.error(null); } })); return tryAll([() => r.text(), () => r.clone(), () => r.body.getReader(), () => r.text()]); }`,
  "abort in a getter of a clone": `({ state, storage }) => state ? storage.put("a", { get a() { state.abort("in a getter"); return 1; } }) : "none"`, "abort in a transaction of a cursor": `({ state, storage }) => { if (!storage?.sql?.exec) return "none"; for (const row of storage.sql.exec("SELECT 1 UNION SELECT 2")) storage.transactionSync(() => state.abort(trapped(() => { throw 1; }))); }`,
  "abort with a Proxy": `({ state }) => state ? state.abort(trapped(() => { throw 1; })) : "none"`, "a section that throws a Proxy": `({ state }) => state ? state.blockConcurrencyWhile(() => { throw trapped(() => { throw 1; }); }) : "none"`,
  "an answer that is none": `({ raw }) => { raw.value = trapped(() => { throw 1; }); }`, "an answer that is a number": `({ raw }) => { raw.value = 5; }`, "an answer with a body that never ends": `({ raw }) => { raw.value = new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1)); return sleep(1).then(() => { throw null; }); } })); }`, "an answer whose stream gives odd chunks": `({ raw }) => { raw.value = new Response(new ReadableStream({ start(c) { c.enqueue(trapped(() => { throw 1; })); c.enqueue("text"); c.enqueue(detach(bytes())); c.close(); } })); }`,
  "an alarm without end": `async ({ storage }) => { if (!storage) return "none"; await storage.put("evil alarm", "forever"); await storage.setAlarm(Date.now()); await sleep(50); return "set"; }`, "a constructor without end": `({ env }) => env.Pairs.getByName("forever").echo(1)`, "a constructor that recurses": `({ env }) => env.Pairs.getByName("recurse").echo(1)`, "a constructor that gives something else": `({ env }) => env.Pairs.getByName("other").echo(1)`, "a constructor that throws a Proxy": `({ env }) => env.Pairs.getByName("proxy").echo(1)`,
};

const code = `${prelude}
const evil = {
${Object.entries(evil).map(([name, source]) => `  ${JSON.stringify(name)}: ${source},`).join("\n")}
};
async function answer(name, tools) {
  const raw = {};
  const value = await evil[name]({ ...tools, raw });
  if ("value" in raw) return raw.value;
  return value instanceof Response ? value : new Response("gave " + typeof value + ": " + String(value).slice(0, 1000));
}
const methods = (Base) => class extends Base {
  constructor(ctx, env) {
    super(ctx, env);
    switch (ctx.id.name) {
      case "forever": forever();
      case "recurse": down();
      case "other": return trapped(() => 5);
      case "proxy": throw trapped(() => { throw 1; });
    }
  }
  echo(value) { return value; }
  call(what) {
    switch (what) {
      case "null": throw null;
      case "proxy": throw trapped(() => { throw 1; });
      case "recurse": return down();
      case "thenable": return { then(done) { done(this); } };
      case "forever": return forever();
      case "again": return this.env.Pairs.get(this.env.Pairs.newUniqueId()).call("again");
    }
    return what;
  }
  async alarm() { if (await this.ctx.storage.get("evil alarm")) { await this.ctx.storage.delete("evil alarm"); forever(); } }
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/") return new Response("plain");
    const other = this.env.Pairs.get(this.env.Pairs.newUniqueId());
    return await answer(decodeURIComponent(pathname.slice(1)), { storage: this.ctx.storage, state: this.ctx, ctx: this.ctx, env: this.env, other });
  }
};
export class Pairs extends methods(DurableObject) {}
export class Rows extends methods(DurableObject) {}
export default {
  async fetch(request, env, ctx) {
    const [, where, name] = new URL(request.url).pathname.split("/");
    if (where === "ok") return new Response("ok");
    const other = env.Pairs.get(env.Pairs.newUniqueId());
    if (where === "worker") return await answer(decodeURIComponent(name), { env, ctx, other });
    const namespace = where === "pairs" ? env.Pairs : env.Rows;
    return await namespace.get(namespace.newUniqueId()).fetch("http://object/" + name);
  },
};
`;

const kFetch = `export default { fetch: () => new Response("started") };`;
const modules = {
  "a loop": `for (;;) {} ${kFetch}`, "microtasks": `const again = () => Promise.resolve().then(again); again(); ${kFetch}`, "an await that never ends": `await new Promise(() => {}); ${kFetch}`, "a loop of awaits": `for (;;) await null; ${kFetch}`,
  "recursion": `const down = () => down() + 1; down(); ${kFetch}`, "memory": `const all = []; for (;;) all.push(new Array(1e6).fill(1)); ${kFetch}`, "buffers": `const all = []; for (;;) all.push(new Uint8Array(1e8).fill(1)); ${kFetch}`,
  "throw null": `throw null; ${kFetch}`, "throw a Proxy": `throw new Proxy({}, { get() { throw 1; } }); ${kFetch}`, "throw a symbol": `throw Symbol("x"); ${kFetch}`, "a rejection": `Promise.reject(new Proxy({}, { get() { throw 1; } })); ${kFetch}`,
  "an export that is a Proxy": `export default new Proxy({}, { get() { throw 1; } });`, "an export whose getter recurses": `const down = () => down() + 1; export default { get fetch() { return down(); } };`, "an export whose getter loops": `export default { get fetch() { for (;;) {} } };`,
  "an export that is a function": `export default function () { for (;;) {} }`, "an export in its dead zone": `export default { fetch: () => new Response(String(later)) }; await null; throw 1; let later;`, "a class whose static loops": `export default class { static { for (;;) {} } }`,
  "Atomics.wait": `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); ${kFetch}`, "polluted": `Object.prototype.then = () => { throw 1; }; Object.defineProperty(Object.prototype, "default", { get() { throw 2; } }); Array.prototype[Symbol.iterator] = null; ${kFetch}`,
  "globals that are gone": `for (const key of Object.getOwnPropertyNames(globalThis)) { try { delete globalThis[key]; } catch {} } export default { fetch: () => 5 };`, "an import of itself": `import "./index.mjs"; ${kFetch}`, "an import of nothing": `import "./nowhere.mjs"; ${kFetch}`, "a dynamic import of itself": `await import("./index.mjs"); ${kFetch}`,
  "a source nested deeply": `${"(".repeat(100000)}1${")".repeat(100000)}; ${kFetch}`, "an expression of many terms": `const x = 1${" + 1".repeat(200000)}; ${kFetch}`, "a template nested deeply": `${"`${".repeat(20000)}1${"}`".repeat(20000)}; ${kFetch}`, "functions nested deeply": `${"(() => ".repeat(20000)}1${")".repeat(20000)}; ${kFetch}`,
  "a regular expression nested deeply": `/${"(".repeat(100000)}${")".repeat(100000)}/; ${kFetch}`, "a class chain": `let C = Object; for (let i = 0; i < 100000; i++) { const D = C; C = class extends D {}; } new C(); ${kFetch}`,
};

export const kEvil = { code, names: Object.keys(evil), modules };

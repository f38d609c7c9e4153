// Objects as their callers see them: delivery, gates, life and death, errors and their flags.
import { failure, objectClass, thrown, worker } from "./lib.mjs";

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const kIncrements = 20;

const cases = {
  "concurrent get, add, put never lose an update": {
    run: async ({ object, call }) => {
      await Promise.all(Array.from({ length: kIncrements }, () => call(object, "increment")));
      return call(object, "value");
    }, expect: 20,
  },
  "a fetch between get and put lets others in": {
    run: async ({ object, call, env }) => {
      await Promise.all(Array.from({ length: 3 }, () => call(object, "incrementAroundFetch", env.ECHO)));
      return call(object, "value");
    }, expect: 1,
  },
  "blockConcurrencyWhile keeps others out during a fetch": {
    run: async ({ object, call, env }) => {
      await Promise.all(Array.from({ length: 3 }, () => call(object, "incrementInSection", env.ECHO)));
      return call(object, "value");
    }, expect: 3,
  },
  "calls on one stub are delivered in order": {
    run: async ({ object, call }) => {
      await Promise.all([1, 2, 3, 4, 5].map((n) => call(object, "append", n)));
      return call(object, "list");
    }, expect: [1, 2, 3, 4, 5],
  },
  "microtasks run to their end before the next event": {
    run: async ({ object, call }) => {
      await Promise.all([call(object, "manyMicrotasks", "a"), call(object, "manyMicrotasks", "b")]);
      return call(object, "list");
    }, expect: ["a0", "a1", "a2", "b0", "b1", "b2"],
  },
  "memory lasts from event to event": { run: async ({ object, call }) => { await call(object, "append", 1); return call(object, "list"); }, expect: [1] },
  "the constructor runs once": { run: async ({ object, call }) => { await call(object, "list"); await call(object, "list"); return call(object, "constructions"); }, expect: 1 },
  "objects of one class have memory of their own": {
    run: async ({ newObject, call }) => { const [a, b] = [newObject(), newObject()]; await call(a, "append", 1); return call(b, "list"); }, expect: [],
  },
  "an uncaught exception fails its event alone": {
    run: async ({ object, call }) => {
      await call(object, "append", 1);
      const error = await failure(() => call(object, "fail", "mine"));
      return [error, await call(object, "list")];
    }, expect: [{ error: "Error: mine", remote: true }, [1]],
  },
  "an exception after a put does not undo the put": {
    run: async ({ object, call }) => [await failure(() => call(object, "putThenFail")), await call(object, "value")], expect: [{ error: "Error: after the put", remote: true }, 42],
  },
  "the type of an error is kept": {
    run: async ({ object, call }) => {
      const seen = [];
      for (const type of ["Error", "TypeError", "RangeError", "SyntaxError", "ReferenceError"]) seen.push((await failure(() => call(object, "failAs", type))).error);
      return seen;
    }, expect: ["Error: a Error", "TypeError: a TypeError", "RangeError: a RangeError", "SyntaxError: a SyntaxError", "ReferenceError: a ReferenceError"],
  },
  "a DOMException keeps its name": { run: ({ object, call }) => failure(() => call(object, "failWithDomException")), expect: { error: "NotFoundError: not here", remote: true } },
  "a thrown text": { run: ({ object, call }) => failure(() => call(object, "failWithText")), expect: { error: "Error: just text", remote: true } },
  "a rejected promise is an exception": { run: ({ object, call }) => failure(() => call(object, "reject")), expect: { error: "RangeError: rejected", remote: true } },
  "a class of its own degrades to Error": { run: ({ object, call }) => failure(() => call(object, "failWithOwnClass")), expect: { error: "Error: Own: mine", remote: true } },
  "an error caught by the caller can be an error of its own": {
    run: async ({ object, call }) => { try { await call(object, "fail", "x"); } catch (error) { return [error instanceof Error, error.constructor === Error]; } }, expect: [true, true],
  },
  "a throw in blockConcurrencyWhile resets the object": {
    run: async ({ env, call }) => {
      const id = env.Subject.newUniqueId();
      await call(env.Subject.get(id), "append", 1);
      const error = await failure(() => call(env.Subject.get(id), "failInSection"));
      return [error, await call(env.Subject.get(id), "list")];
    }, expect: [{ error: "TypeError: in the section", remote: true, durableObjectReset: true }, []],
  },
  "a throw in blockConcurrencyWhile drops nothing durable": {
    run: async ({ env, call }) => {
      const id = env.Subject.newUniqueId();
      await call(env.Subject.get(id), "increment");
      await failure(() => call(env.Subject.get(id), "failInSection"));
      return call(env.Subject.get(id), "value");
    }, expect: 1,
  },
  "blockConcurrencyWhile gives what its callback returns": {
    inObject: ({ state }) => state.blockConcurrencyWhile(async () => 5), expect: 5,
  },
  "a section may be inside a section": {
    inObject: ({ state }) => state.blockConcurrencyWhile(() => state.blockConcurrencyWhile(async () => "inner")), expect: "inner",
  },
  "a section's callback may be synchronous": { inObject: ({ state }) => state.blockConcurrencyWhile(() => "plain"), expect: "plain" },
  "blockConcurrencyWhile without a function is refused": { inObject: ({ state }) => thrown(() => state.blockConcurrencyWhile()), expect: "TypeError: Failed to execute 'blockConcurrencyWhile' on 'DurableObjectState': parameter 1 is not of type 'function'." },
  "storage and timers work inside a section": {
    inObject: ({ state, storage }) => state.blockConcurrencyWhile(async () => { await storage.put("k", 1); await pause(1); return storage.get("k"); }), expect: 1,
  },
  "no event is delivered before the constructor's section ends": {
    run: async ({ env, call }) => call(env.Slow.get(env.Slow.newUniqueId()), "state"), expect: "yes",
  },
  "a constructor that throws fails the request and is tried anew": {
    run: async ({ env, call }) => {
      const id = env.Fragile.newUniqueId();
      const first = await failure(() => call(env.Fragile.get(id), "ping"));
      const second = await failure(() => call(env.Fragile.get(id), "ping"));
      return [first, second];
    }, expect: [{ error: "RangeError: no construction 1", remote: true, durableObjectReset: true }, { error: "RangeError: no construction 2", remote: true, durableObjectReset: true }],
  },
  "a throw in the constructor's section fails the request": {
    run: async ({ env, call }) => failure(() => call(env.FragileSection.get(env.FragileSection.newUniqueId()), "ping")), expect: { error: "Error: no start", remote: true, durableObjectReset: true },
  },
  "abort ends the event with its reason": { run: ({ object, call }) => failure(() => call(object, "abort", "enough")), expect: { error: "Error: enough", remote: true, durableObjectReset: true } },
  "abort without a reason": { run: ({ object, call }) => failure(() => call(object, "abort", null)), expect: { error: "Error: Application called abort() to reset Durable Object.", remote: true, durableObjectReset: true } },
  "abort drops what was not flushed and starts memory anew": {
    run: async ({ env, call }) => {
      const id = env.Subject.newUniqueId();
      await call(env.Subject.get(id), "increment");
      await call(env.Subject.get(id), "append", 1);
      await failure(() => call(env.Subject.get(id), "putThenAbort"));
      return [await call(env.Subject.get(id), "value"), await call(env.Subject.get(id), "list")];
    }, expect: [1, []],
  },
  "nothing runs after abort": {
    run: async ({ object, newObject, call }) => {
      const witness = newObject();
      await call(witness, "setGlobal", "untouched");
      await failure(() => call(object, "abortThenMark"));
      return call(witness, "getGlobal");
    }, expect: "untouched",
  },
  "a stub fails again after a reset, a fresh one works": {
    run: async ({ env, call }) => {
      const id = env.Subject.newUniqueId();
      const stub = env.Subject.get(id);
      await failure(() => call(stub, "abort", "gone"));
      return [await failure(() => call(stub, "list")), await call(env.Subject.get(id), "list")];
    }, expect: [{ error: "Error: gone", durableObjectReset: true }, []],
  },
  "other objects of the class outlive an abort": {
    run: async ({ newObject, call }) => { const [a, b] = [newObject(), newObject()]; await call(b, "append", 1); await failure(() => call(a, "abort", "x")); return call(b, "list"); }, expect: [1],
  },
  "others waiting for an aborted object fail too": {
    run: async ({ env, call }) => {
      const id = env.Subject.newUniqueId();
      await call(env.Subject.get(id), "list");
      const waiting = failure(() => call(env.Subject.get(id), "forever"));
      await call(env.Subject.get(id), "list");
      await failure(() => call(env.Subject.get(id), "abort", "all out"));
      return waiting;
    }, expect: { error: "Error: all out", remote: true, durableObjectReset: true },
  },
  "a class without fetch": { run: ({ env }) => failure(() => env.Mute.get(env.Mute.newUniqueId()).fetch("http://object/")), expect: { error: "Error: Handler does not export a fetch() function.", remote: true } },
  "fetch of an object that gives no Response": { run: async ({ env }) => failure(() => env.Odd.get(env.Odd.newUniqueId()).fetch("http://object/undefined")), expect: { error: "TypeError: Incorrect type for Promise: the Promise did not resolve to 'Response'.", remote: true } },
  "fetch of an object that gives a text": { run: async ({ env }) => failure(() => env.Odd.get(env.Odd.newUniqueId()).fetch("http://object/text")), expect: { error: "TypeError: Incorrect type for Promise: the Promise did not resolve to 'Response'.", remote: true } },
  "stub.fetch takes a Request": {
    run: async ({ env }) => (await env.Odd.get(env.Odd.newUniqueId()).fetch(new Request("http://host/echo?q=1", { method: "PUT", body: "b", headers: { "x-a": "1" } }))).json(), expect: { method: "PUT", url: "http://host/echo?q=1", body: "b", header: "1" },
  },
  "stub.fetch takes a URL and init": {
    run: async ({ env }) => (await env.Odd.get(env.Odd.newUniqueId()).fetch(new URL("http://host/echo"), { method: "POST", body: "b", headers: { "x-a": "2" } })).json(), expect: { method: "POST", url: "http://host/echo", body: "b", header: "2" },
  },
  "stub.fetch refuses a relative URL": { run: ({ object }) => thrown(() => object.fetch("/relative")), expect: "TypeError: Invalid URL: /relative" },
  "stub.fetch refuses another scheme": { run: ({ object }) => thrown(() => object.fetch("ftp://host/")), expect: "TypeError: Fetch API cannot load: ftp://host/" },
  "stub.fetch refuses a body on GET": { run: ({ object }) => thrown(() => object.fetch("http://host/", { body: "b" })), expect: "TypeError: Request with a GET or HEAD method cannot have a body." },
  "stub.fetch without arguments is refused": { run: ({ object }) => thrown(() => object.fetch()), expect: "TypeError: Failed to execute 'fetch' on 'Fetcher': parameter 1 is not of type 'Request or string'." },
  "the host of a stub's URL is free": { run: async ({ env }) => (await (await env.Odd.get(env.Odd.newUniqueId()).fetch("https://never.resolved.invalid:99/echo")).json()).url, expect: "https://never.resolved.invalid:99/echo" },
  "status and headers of an object's answer arrive": {
    run: async ({ env }) => { const r = await env.Odd.get(env.Odd.newUniqueId()).fetch("http://host/teapot"); return [r.status, r.headers.get("x-made-by"), await r.text(), r.ok]; }, expect: [418, "object", "short and stout", false],
  },
  "a redirect goes to the same stub": { run: async ({ env }) => { const r = await env.Odd.get(env.Odd.newUniqueId()).fetch("http://host/moved"); return [r.status, await r.text(), r.redirected, r.url]; }, expect: [200, "arrived", true, "http://elsewhere.invalid/arrived"] },
  "redirect: manual gives the redirect itself": { run: async ({ env }) => { const r = await env.Odd.get(env.Odd.newUniqueId()).fetch("http://host/moved", { redirect: "manual" }); return [r.status, r.headers.get("location")]; }, expect: [302, "http://elsewhere.invalid/arrived"] },
  "a body of 1 MiB goes in and comes out": {
    run: async ({ env }) => { const text = "0123456789abcdef".repeat(65536); const r = await env.Odd.get(env.Odd.newUniqueId()).fetch("http://host/mirror", { method: "POST", body: text }); return (await r.text()) === text; }, expect: true,
  },
  "a streamed answer arrives whole": { run: async ({ env }) => (await env.Odd.get(env.Odd.newUniqueId()).fetch("http://host/stream")).text(), expect: "chunk 0;chunk 1;chunk 2;chunk 3;" },
  "an object calls another": {
    run: async ({ env, object, call, newObject }) => { const id = env.Subject.newUniqueId(); await call(env.Subject.get(id), "append", 7); return call(object, "askOther", id.toString()); }, expect: [7],
  },
  "an object calls itself": { run: ({ object, call }) => call(object, "askItself"), expect: [] },
  "waitUntil of an object lets work go on after the answer": {
    run: async ({ object, call }) => {
      await call(object, "later");
      for (let tries = 0; tries < 500; tries++) {
        if ((await call(object, "marks")) === "later") return "done";
        await pause(2);
      }
    }, expect: "done",
  },
  "a rejection in waitUntil changes nothing": { run: async ({ object, call }) => { await call(object, "laterRejects"); return call(object, "list"); }, expect: [] },
  "waitUntil of a Worker lets work go on after the answer": {
    run: async ({ ctx, object, call }) => { ctx.waitUntil(call(object, "append", 1)); return typeof ctx.waitUntil; }, expect: "function",
  },
  "a timer of an object runs after the answer": {
    run: async ({ object, call }) => {
      await call(object, "timer");
      for (let tries = 0; tries < 500; tries++) {
        if ((await call(object, "marks")) === "timer") return "done";
        await pause(2);
      }
    }, expect: "done",
  },
  "module globals are shared by the objects": { run: async ({ newObject, call }) => { const name = `${Math.random()}`; await call(newObject(), "setGlobal", name); return (await call(newObject(), "getGlobal")) === name; }, expect: true },
  "a stream of one object can't be read by another": {
    run: async ({ object, newObject, call }) => { await call(object, "keepStream"); return (await failure(() => call(newObject(), "useKept"))).error.split(". ")[0]; },
    expect: "Error: Cannot perform I/O on behalf of a different Durable Object",
  },
  "a storage of one object can't be used by another": {
    run: async ({ object, newObject, call }) => {
      await call(object, "keepStorage");
      return [(await failure(() => call(newObject(), "useKeptStorage"))).error.split(". ")[0], await call(object, "value")];
    }, expect: ["Error: Cannot perform I/O on behalf of a different Durable Object", 0],
  },
  "one object may use what an earlier request of it left": {
    run: async ({ object, call }) => { await call(object, "keepStub"); return call(object, "useKeptStub"); }, expect: [],
  },
  "I/O while the module loads is refused": { run: () => globalScope.fetch, expect: "Error: Disallowed operation called within global scope. Asynchronous I/O (ex: fetch() or connect()), setting a timeout, and generating random values are not allowed within global scope. To fix this error, perform this operation within a handler. https://developers.cloudflare.com/workers/runtime-apis/handlers/" },
  "a timer while the module loads is refused": { run: () => globalScope.timer, expect: "Error: Disallowed operation called within global scope. Asynchronous I/O (ex: fetch() or connect()), setting a timeout, and generating random values are not allowed within global scope. To fix this error, perform this operation within a handler. https://developers.cloudflare.com/workers/runtime-apis/handlers/" },
  "randomness while the module loads is refused": { run: () => globalScope.random, expect: "Error: Disallowed operation called within global scope. Asynchronous I/O (ex: fetch() or connect()), setting a timeout, and generating random values are not allowed within global scope. To fix this error, perform this operation within a handler. https://developers.cloudflare.com/workers/runtime-apis/handlers/" },
};

const globalScope = {
  fetch: await thrown(() => fetch("http://host/")),
  timer: await thrown(() => setTimeout(() => {}, 1)),
  random: await thrown(() => crypto.getRandomValues(new Uint8Array(1))),
};
let shared;
let kept;

export default worker(cases);
export const Subject = objectClass(cases, {
  constructed(self) { self.items = []; self.constructions = (self.constructions ?? 0) + 1; },
  async increment() {
    const value = (await this.storage.get("value")) ?? 0;
    this.storage.put("value", value + 1);
    return value + 1;
  },
  async incrementAroundFetch(echo) {
    const value = (await this.storage.get("value")) ?? 0;
    await (await fetch(`${echo}/?delay=300`)).text();
    await this.storage.put("value", value + 1);
  },
  async incrementInSection(echo) {
    await this.state.blockConcurrencyWhile(async () => {
      const value = (await this.storage.get("value")) ?? 0;
      await (await fetch(`${echo}/?delay=5`)).text();
      await this.storage.put("value", value + 1);
    });
  },
  async value() { return (await this.storage.get("value")) ?? 0; },
  async append(item) { this.items.push(item); },
  async list() { return this.items; },
  async constructions() { return this.constructions; },
  async manyMicrotasks(name) { for (let n = 0; n < 3; n++) { this.items.push(`${name}${n}`); await Promise.resolve(); } },
  async fail(message) { throw new Error(message); },
  async putThenFail() { this.storage.put("value", 42); throw new Error("after the put"); },
  async failAs(type) { throw new globalThis[type](`a ${type}`); },
  async failWithDomException() { throw new DOMException("not here", "NotFoundError"); },
  async failWithText() { throw "just text"; },
  async reject() { return Promise.reject(new RangeError("rejected")); },
  async failWithOwnClass() { class Own extends Error { constructor(message) { super(message); this.name = "Own"; this.extra = 1; } } throw new Own("mine"); },
  async failInSection() { await this.state.blockConcurrencyWhile(async () => { throw new TypeError("in the section"); }); },
  async abort(reason) { if (reason === null) this.state.abort(); else this.state.abort(reason); },
  async putThenAbort() { this.storage.put("value", 99); this.state.abort("drop it"); },
  async abortThenMark() { try { this.state.abort("stop"); } finally { shared = "ran after abort"; } },
  async marks() { return this.mark ?? "none"; },
  async forever() { await new Promise((done) => setTimeout(done, 30000)); },
  async askOther(id) { const other = this.env.Subject.get(this.env.Subject.idFromString(id)); return (await other.fetch("http://object/action/list", { method: "POST", body: "null" })).json(); },
  async askItself() { return (await this.env.Subject.get(this.state.id).fetch("http://object/action/list", { method: "POST", body: "null" })).json(); },
  async later() { this.state.waitUntil((async () => { await pause(5); this.mark = "later"; })()); },
  async laterRejects() { this.state.waitUntil(Promise.reject(new Error("nobody minds"))); },
  async timer() { setTimeout(() => { this.mark = "timer"; }, 1); },
  async setGlobal(value) { shared = value; },
  async getGlobal() { return shared; },
  async keepStream() { kept = (await fetch(this.env.ECHO)).body; },
  async useKept() { return new Response(kept).text(); },
  async keepStorage() { kept = this.storage; },
  async useKeptStorage() { await kept.put("value", 1); },
  async keepStub() { this.stub = this.env.Subject.get(this.env.Subject.newUniqueId()); },
  async useKeptStub() { return (await this.stub.fetch("http://object/action/list", { method: "POST", body: "null" })).json(); },
});
export class Slow {
  constructor(state) {
    this.ready = "no";
    state.blockConcurrencyWhile(async () => { await state.storage.get("x"); await pause(10); this.ready = "yes"; });
  }
  async fetch() { return Response.json(this.ready); }
}
let fragileTries = 0;
export class Fragile {
  constructor() { throw new RangeError(`no construction ${++fragileTries}`); }
  async fetch() { return Response.json("never"); }
}
export class FragileSection {
  constructor(state) { state.blockConcurrencyWhile(async () => { throw new Error("no start"); }); }
  async fetch() { return Response.json("never"); }
}
export class Mute { constructor() {} }
export class Odd {
  async fetch(request) {
    const url = new URL(request.url);
    switch (url.pathname) {
      case "/undefined": return undefined;
      case "/text": return "text";
      case "/echo": return Response.json({ method: request.method, url: request.url, body: await request.text(), header: request.headers.get("x-a") });
      case "/teapot": return new Response("short and stout", { status: 418, headers: { "x-made-by": "object" } });
      case "/moved": return new Response(null, { status: 302, headers: { location: "http://elsewhere.invalid/arrived" } });
      case "/arrived": return new Response("arrived");
      case "/mirror": return new Response(request.body);
      case "/stream": {
        let n = 0;
        return new Response(new ReadableStream({ pull(controller) { controller.enqueue(new TextEncoder().encode(`chunk ${n};`)); if (++n === 4) controller.close(); } }));
      }
    }
  }
}

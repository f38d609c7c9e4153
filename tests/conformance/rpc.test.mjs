// RPC: methods and properties of objects and entrypoints, references both ways, pipelining, disposal, errors.
import { DurableObject, RpcStub, RpcTarget, WorkerEntrypoint } from "cloudflare:workers";
import { eventually, failure, thrown, worker } from "./lib.mjs";

const logged = (object, count) => eventually(() => object.getLog(), (log) => log.length >= count);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const rpc = (env) => env.Subject.get(env.Subject.newUniqueId());
const kindOf = (value) => [typeof value, Object.prototype.toString.call(value), value?.constructor?.name];

class Counter extends RpcTarget {
  #count = 0;
  field = 1;
  arrow = () => 1;
  constructor(log) {
    super();
    this.log = log;
  }
  increment(by = 1) { return (this.#count += by); }
  get value() { return this.#count; }
  self() { return this; }
  [Symbol.dispose]() { this.log?.push("disposed"); }
}
class Plain { x = 1; }

export class Greeter extends WorkerEntrypoint {
  greet(whom) { return `hello ${whom} ${JSON.stringify(this.ctx.props)}`; }
  counter() { return new Counter(); }
  async fetch(request) { return new Response(`fetched ${new URL(request.url).pathname}`); }
}
export class Old {
  async fetch() { return new Response("old"); }
  hello() { return 1; }
}
export class Subject extends DurableObject {
  log = [];
  field = 5;
  arrow = () => 3;
  #count = 0;
  echo(value) { return value; }
  async increment() { return ++this.#count; }
  get property() { return { a: { b: 7 }, count: this.#count }; }
  get doubler() { return (x) => x * 2; }
  get later() { return Promise.resolve({ here: 1 }); }
  counter() { return new Counter(this.log); }
  async slowCounter() { await pause(20); return new Counter(this.log); }
  parts() { return { counter: new Counter(this.log), n: 3, nested: { add: (a) => a + 1 } }; }
  async callBack(f) { return (await f(20)) + 1; }
  async callBackTwice(f) { return [await f(1), await f(2)]; }
  keep(f) { this.kept = f; return typeof f; }
  keepDup(f) { this.kept = f.dup(); }
  async useKept() { return await this.kept(5); }
  dropKept() { this.kept[Symbol.dispose](); }
  plain() { return new Plain(); }
  fail(kind) { throw Object.assign(new globalThis[kind]("mine"), { own: 1 }); }
  quitter() { return () => this.ctx.abort("quit"); }
  failText() { throw "just text"; }
  failDom() { throw new DOMException("not here", "NotFoundError"); }
  kind(value) { return kindOf(value); }
  bytes() {
    return new ReadableStream({ type: "bytes", start(c) { c.enqueue(new TextEncoder().encode("hello ")); c.enqueue(new TextEncoder().encode("there")); c.close(); } });
  }
  failingStream() { return new ReadableStream({ type: "bytes", pull() { throw new RangeError("no more"); } }); }
  async readAll(stream) { return await new Response(stream).text(); }
  async writeTo(writable) {
    const writer = writable.getWriter();
    await writer.write(new TextEncoder().encode("abc"));
    await writer.write(new TextEncoder().encode("def"));
    await writer.close();
  }
  async seen(request) { return [request.url, request.method, request.headers.get("x-a"), await request.text()]; }
  response() { return new Response("body", { status: 201, headers: { "x-b": "1" } }); }
  getLog() { return this.log; }
  count(...values) { return values.length; }
  alarm() {}
  nothing() {}
  long(n) { return "x".repeat(n); }
  lengthOf(text) { return text.length; }
  map() { return new Map([["a", new Set([1])]]); }
  error() { return new RangeError("inside"); }
  circle() { const a = {}; a.self = a; return a; }
  headers() { return new Headers({ a: "1" }); }
  async incrementOf(stub) { return await stub.increment(); }
  async fetchOf(stub) { return await (await stub.fetch("http://x/y")).text(); }
  getThis() { return this; }
  async put(key, value) { await this.ctx.storage.put(key, value); return await this.ctx.storage.get(key); }
  putAndFail() { this.ctx.storage.put("k", 42); throw new Error("after the put"); }
  async get(key) { return await this.ctx.storage.get(key); }
  abort() { this.ctx.abort("gone"); }
  async slow(ms, result) { await pause(ms); return result; }
  async other(id) { return await this.env.Subject.get(this.env.Subject.idFromString(id)).increment(); }
  async counterOfOther(id) { return await this.env.Subject.get(this.env.Subject.idFromString(id)).counter(); }
  id() { return this.ctx.id.toString(); }
  async fetch(request) { return new Response(`object ${new URL(request.url).pathname}`); }
}

const cases = {
  "an abort ends what goes through a pipe": { run: async ({ env }) => { const subject = rpc(env); const quit = await subject.quitter(); return [await failure(() => quit()), await failure(() => quit()), await failure(() => subject.echo(1))]; }, expect: [{"durableObjectReset":true,"error":"Error: quit","remote":true},{"error":"Error: The execution context which hosts this callback is no longer running."},{"durableObjectReset":true,"error":"Error: quit"}] },
  "members of a stub are functions": { run: async ({ env }) => { const s = rpc(env); return [kindOf(s.echo), String(s.echo), kindOf(s.echo(1)), s.echo(1) instanceof Promise, "anything" in s, Object.keys(s), typeof s.then, kindOf(s)]; }, expect: [["function","[object JsRpcProperty]","RpcProperty"],"[object JsRpcProperty]",["function","[object JsRpcPromise]","RpcPromise"],false,true,["name","id"],"undefined",["object","[object DurableObject]","DurableObject"]] },
  "a call": { run: async ({ env }) => rpc(env).echo({ a: [1, "two", null] }), expect: {"a":[1,"two",null]} },
  "values keep their types": { run: async ({ env }) => {
    const s = rpc(env);
    const [map, circle, error] = [await s.map(), await s.circle(), await s.error()];
    return [map.get("a").has(1), circle.self === circle, error.name, error.message, error instanceof RangeError, (await s.nothing()) === undefined,
      await s.count(1, undefined, 3), (await s.echo(new Date(5))).getTime(), String(await s.echo(/a/g)), (await s.echo(new Uint8Array([1, 2]))).length,
      (await s.echo(10n)) === 10n, Object.is(await s.echo(-0), -0), Number.isNaN(await s.echo(NaN))];
  }, expect: [true,true,"RangeError","inside",true,true,3,5,"/a/g",2,true,true,true] },
  "one object twice in a value is one object": { run: async ({ env }) => { const a = { x: 1 }; const back = await rpc(env).echo([a, a]); return back[0] === back[1]; }, expect: true },
  "arguments are copied at the call": { run: async ({ env }) => { const value = { n: 1 }; const promise = rpc(env).echo(value); value.n = 2; return (await promise).n; }, expect: 1 },
  "properties": { run: async ({ env }) => { const s = rpc(env); return [await s.property, await s.property.a, await s.property.a.b, await s.later]; }, expect: [{"a":{"b":7},"count":0},{"b":7},7,{"here":1}] },
  "a property is asked for anew by each path, once by each property": { run: async ({ env }) => {
    const s = rpc(env);
    const property = s.property;
    const before = await property;
    await s.increment();
    return [before.count, (await property).count, (await s.property).count];
  }, expect: [0,1,1] },
  "what is not there": { run: async ({ env }) => { const s = rpc(env); return [await failure(() => s.nope), await failure(() => s.nope()), await failure(() => s.property.zip), await failure(() => s.property.a.zip.zap), await failure(() => s.property.a.b.c)]; }, expect: [{"error":"TypeError: The RPC receiver does not implement the method \"nope\".","remote":true},{"error":"TypeError: The RPC receiver does not implement the method \"nope\".","remote":true},{"error":"TypeError: The RPC receiver does not implement the method \"zip\".","remote":true},{"error":"TypeError: The RPC receiver does not implement the method \"zip\".","remote":true},{"error":"TypeError: The RPC receiver does not implement the method \"b\".","remote":true}] },
  "fields of an instance can't be seen": { run: async ({ env }) => { const s = rpc(env); return [await failure(() => s.field), await failure(() => s.field()), await failure(() => s.arrow()), await failure(() => s.env), await failure(() => s.ctx.storage)]; }, expect: [{"error":"TypeError: The RPC receiver does not implement the method \"field\".","remote":true},{"error":"TypeError: The RPC receiver does not implement the method \"field\".","remote":true},{"error":"TypeError: The RPC receiver does not implement the method \"arrow\".","remote":true},{"error":"TypeError: The RPC receiver does not implement the method \"env\".","remote":true},{"error":"TypeError: The RPC receiver does not implement the method \"ctx\".","remote":true}] },
  "what is no function": { run: async ({ env }) => failure(() => rpc(env).property()), expect: {"error":"TypeError: \"property\" is not a function.","remote":true} },
  "reserved names": { run: async ({ env }) => { const s = rpc(env); const all = []; for (const name of ["dup", "alarm", "webSocketMessage", "webSocketClose", "webSocketError"]) all.push(await failure(() => s[name]())); return all; }, expect: [{"error":"TypeError: 'dup' is a reserved method and cannot be called over RPC.","remote":true},{"error":"TypeError: 'alarm' is a reserved method and cannot be called over RPC.","remote":true},{"error":"TypeError: 'webSocketMessage' is a reserved method and cannot be called over RPC.","remote":true},{"error":"TypeError: 'webSocketClose' is a reserved method and cannot be called over RPC.","remote":true},{"error":"TypeError: 'webSocketError' is a reserved method and cannot be called over RPC.","remote":true}] },
  "names of every object are the stub's own": { run: async ({ env }) => { const s = rpc(env); return [String(s), s.hasOwnProperty("x"), await thrown(() => s.constructor()), s.name === undefined, typeof s.id]; }, expect: ["[object DurableObject]",false,"TypeError: Illegal constructor",true,"object"] },
  "a class that does not extend DurableObject": { run: async ({ env }) => { const s = env.Old.get(env.Old.newUniqueId()); return [await failure(() => s.hello()), await failure(() => s.hello), await (await s.fetch("http://x/")).text()]; }, expect: [{"error":"TypeError: The receiving Durable Object does not support RPC, because its class was not declared with `extends DurableObject`. In order to enable RPC, make sure your class extends the special class `DurableObject`, which can be imported from the module \"cloudflare:workers\".","remote":true},{"error":"TypeError: The receiving Durable Object does not support RPC, because its class was not declared with `extends DurableObject`. In order to enable RPC, make sure your class extends the special class `DurableObject`, which can be imported from the module \"cloudflare:workers\".","remote":true},"old"] },
  "a function by reference": { run: async ({ env }) => { const s = rpc(env); const f = await s.doubler; return [kindOf(f), await f(4), await s.doubler(5)]; }, expect: [["function","[object JsRpcStub]","RpcStub"],8,10] },
  "an RpcTarget by reference": { run: async ({ env }) => {
    const c = await rpc(env).counter();
    return [kindOf(c), await c.increment(), await c.increment(5), await c.value, await failure(() => c.field), await failure(() => c.arrow()), await failure(() => c.nope()), await failure(() => c.log)];
  }, expect: [["function","[object JsRpcStub]","RpcStub"],1,6,6,{"error":"TypeError: The RPC receiver does not implement the method \"field\".","remote":true},{"error":"TypeError: The RPC receiver does not implement the method \"arrow\".","remote":true},{"error":"TypeError: The RPC receiver does not implement the method \"nope\".","remote":true},{"error":"TypeError: The RPC receiver does not implement the method \"log\".","remote":true}] },
  "references within a value": { run: async ({ env }) => { const p = await rpc(env).parts(); return [Object.keys(p), p.n, await p.counter.increment(), await p.nested.add(1)]; }, expect: [["counter","n","nested"],3,1,2] },
  "pipelining": { run: async ({ env }) => {
    const s = rpc(env);
    return [await s.counter().increment(), await s.slowCounter().increment(3), await s.counter().self().self().increment(9), await s.parts().counter.increment(4),
      await s.parts().nested.add(1), await s.parts().n, await s.property.a.b];
  }, expect: [1,3,9,4,2,3,7] },
  "pipelined calls come in order": { run: async ({ env }) => { const c = rpc(env).slowCounter(); const all = [c.increment(), c.increment(10), c.increment(100)]; return [...await Promise.all(all), await c.value]; }, expect: [1,11,111,111] },
  "a result is used before and after it is there": { run: async ({ env }) => { const c = rpc(env).counter(); const first = await c.increment(); const second = await c.increment(); const stub = await c; return [first, second, await stub.increment()]; }, expect: [1,2,3] },
  "what is pipelined fails with its base": { run: async ({ env }) => { const s = rpc(env); return [await failure(() => s.fail("TypeError").foo.bar()), await failure(() => s.counter().zip.zap())]; }, expect: [{"error":"TypeError: mine","remote":true},{"error":"TypeError: The RPC receiver does not implement the method \"zip\".","remote":true}] },
  "a callback": { run: async ({ env }) => { const s = rpc(env); return [await s.callBack((x) => x * 2), await s.callBack(async (x) => { await pause(1); return x; }), await s.callBackTwice((x) => x + 100)]; }, expect: [41,21,[101,102]] },
  "a callback that throws": { run: async ({ env }) => failure(() => rpc(env).callBack(() => { throw new RangeError("theirs"); })), expect: {"error":"RangeError: theirs","remote":true} },
  "an argument's stub ends with the call": { run: async ({ env }) => { const s = rpc(env); return [await s.keep((x) => x), await failure(() => s.useKept())]; }, expect: ["function",{"error":"Error: RPC stub used after being disposed.","remote":true}] },
  "dup() keeps it": { run: async ({ env }) => { const s = rpc(env); await s.keepDup((x) => x + 100); const value = await s.useKept(); await s.dropKept(); return [value, await failure(() => s.useKept())]; }, expect: [105,{"error":"Error: RPC stub used after being disposed.","remote":true}] },
  "an RpcTarget as an argument": { run: async ({ env }) => { const c = new Counter(); return [await rpc(env).incrementOf(c), c.value]; }, expect: [1,1] },
  "a stub that comes home": { run: async ({ env }) => { const c = new Counter(); const back = await rpc(env).echo(c); return [kindOf(back), await back.increment(4), c.value]; }, expect: [["function","[object JsRpcStub]","RpcStub"],4,4] },
  "a reference passed on to a third": { run: async ({ env }) => { const [a, b] = [rpc(env), rpc(env)]; const c = await a.counter(); return [await b.incrementOf(c), await c.increment()]; }, expect: [1,2] },
  "a reference returned from a third": { run: async ({ env }) => { const [a, b] = [rpc(env), rpc(env)]; const c = await a.counterOfOther(String(b.id)); return [await c.increment(), await c.increment()]; }, expect: [1,2] },
  "calls from object to object": { run: async ({ env }) => { const [a, b] = [rpc(env), rpc(env)]; await b.increment(); return a.other(String(b.id)); }, expect: 2 },
  "an object's stub as an argument": { run: async ({ env }) => { const s = rpc(env); const other = rpc(env); return [await s.kind(other), await s.incrementOf(other), await other.increment(), await s.fetchOf(other)]; }, expect: [["object","[object Fetcher]","ServiceStub"],1,2,"object /y"] },
  "what can't be sent": { run: async ({ env }) => {
    const s = rpc(env);
    const all = [];
    for (const value of [new Plain(), Symbol("a"), new WeakMap(), env.Subject, env.Subject.newUniqueId(), s.echo, s.counter()]) all.push(await failure(() => s.kind(value)));
    return [...all, await failure(() => s.plain()), await failure(() => s.getThis())];
  }, expect: [{"error":"DataCloneError: Could not serialize object of type \"Plain\". This type does not support serialization."},{"error":"DataCloneError: Symbol(a) could not be cloned."},{"error":"DataCloneError: #<WeakMap> could not be cloned."},{"error":"DataCloneError: Could not serialize object of type \"DurableObjectNamespace\". This type does not support serialization."},{"error":"DataCloneError: Could not serialize object of type \"DurableObjectId\". This type does not support serialization."},{"error":"DataCloneError: Could not serialize object of type \"RpcProperty\". This type does not support serialization."},{"error":"DataCloneError: Could not serialize object of type \"RpcPromise\". This type does not support serialization."},{"error":"DataCloneError: Could not serialize object of type \"Plain\". This type does not support serialization.","remote":true},{"error":"DataCloneError: Could not serialize object of type \"Subject\". This type does not support serialization.","remote":true}] },
  "kinds of references": { run: async ({ env }) => { const s = rpc(env); return [await s.kind(() => 1), await s.kind(new Counter()), await s.kind({ f() {} })]; }, expect: [["function","[object JsRpcStub]","RpcStub"],["function","[object JsRpcStub]","RpcStub"],["object","[object Object]","Object"]] },
  "disposal": { run: async ({ env }) => { const s = rpc(env); const c = await s.counter(); c[Symbol.dispose](); return [await logged(s, 1), await failure(() => c.increment())]; }, expect: [["disposed"],{"error":"Error: RPC stub used after being disposed."}] },
  "using": { run: async ({ env }) => {
    const s = rpc(env);
    { using c = await s.counter(); await c.increment(); }
    const first = [...await logged(s, 1)];
    { using p = await s.parts(); await p.counter.increment(); }
    return [first, [...await logged(s, 2)]];
  }, expect: [["disposed"],["disposed","disposed"]] },
  "a promise that is disposed of": { run: async ({ env }) => { const s = rpc(env); { using p = s.counter(); await p.increment(); } return [...await logged(s, 1)]; }, expect: ["disposed"] },
  "every object that comes back can be disposed of": { run: async ({ env }) => {
    const s = rpc(env);
    const all = [];
    for (const value of [await s.parts(), await s.echo({}), await s.echo([1]), await s.map(), s.echo(1)]) all.push([typeof value[Symbol.dispose], Object.getOwnPropertyDescriptor(value, Symbol.dispose)?.enumerable ?? null]);
    return all;
  }, expect: [["function",false],["function",false],["function",false],["function",false],["function",null]] },
  "dup() of a stub": { run: async ({ env }) => {
    const s = rpc(env);
    const c = await s.counter();
    const d = c.dup();
    c[Symbol.dispose]();
    const seen = [await d.increment(), await failure(() => c.increment()), [...await s.getLog()]];
    d[Symbol.dispose]();
    return [...seen, [...await logged(s, 1)]];
  }, expect: [1,{"error":"Error: RPC stub used after being disposed."},[],["disposed"]] },
  "errors keep name and message": { run: async ({ env }) => { const s = rpc(env); const all = []; for (const kind of ["Error", "TypeError", "RangeError", "SyntaxError", "ReferenceError", "EvalError", "URIError"]) all.push(await failure(() => s.fail(kind))); return [...all, await failure(() => s.failText()), await failure(() => s.failDom())]; }, expect: [{"error":"Error: mine","remote":true},{"error":"TypeError: mine","remote":true},{"error":"RangeError: mine","remote":true},{"error":"SyntaxError: mine","remote":true},{"error":"ReferenceError: mine","remote":true},{"error":"EvalError: mine","remote":true},{"error":"URIError: mine","remote":true},{"error":"Error: just text","remote":true},{"error":"NotFoundError: not here","remote":true}] },
  "streams": { run: async ({ env }) => {
    const s = rpc(env);
    const { readable, writable } = new TransformStream();
    const written = s.writeTo(writable);
    return [await new Response(await s.bytes()).text(), await s.readAll(new Response("up").body), await new Response(readable).text(), (await written) === undefined];
  }, expect: ["hello there","up","abcdef",true] },
  "a stream that fails": { run: async ({ env }) => thrown(async () => new Response(await rpc(env).failingStream()).text()), expect: "Error: ReadableStream received over RPC disconnected prematurely." },
  "a long stream": { run: async ({ env }) => {
    const chunk = new Uint8Array(10_000).fill(97);
    let left = 100;
    const text = await rpc(env).readAll(new ReadableStream({ type: "bytes", pull(c) { if (left-- > 0) c.enqueue(chunk.slice()); else c.close(); } }));
    return text.length;
  }, expect: 1000000 },
  "Request, Response, Headers": { run: async ({ env }) => {
    const s = rpc(env);
    const r = await s.response();
    return [r.status, r.headers.get("x-b"), await r.text(), await s.seen(new Request("http://a/b", { method: "POST", body: "hey", headers: { "x-a": "2" } })), (await s.headers()).get("a")];
  }, expect: [201,"1","body",["http://a/b","POST","2","hey"],"1"] },
  "calls on one stub come in order": { run: async ({ env }) => { const s = rpc(env); return Promise.all([s.increment(), s.increment(), s.increment(), s.increment(), s.increment()]); }, expect: [1,2,3,4,5] },
  "then, catch, finally": { run: async ({ env }) => { const p = rpc(env).increment(); const all = [p.then((x) => x + 1), p.catch(() => 1), p.finally(() => 1)]; return [all.map((each) => each instanceof Promise), await Promise.all(all), await p]; }, expect: [[true,true,true],[2,1,1],1] },
  "what is too large": { run: async ({ env }) => { const s = rpc(env); const short = (text) => text.replace(/\d{6,}/, "N"); return [short(await thrown(() => s.long(33 * 1024 * 1024))), short(await thrown(() => s.lengthOf("x".repeat(33 * 1024 * 1024)))), (await s.long(20 * 1024 * 1024)).length]; }, expect: ["Error: Serialized RPC arguments or return values are limited to 32MiB, but the size of this value was: N bytes.","Error: Serialized RPC arguments or return values are limited to 32MiB, but the size of this value was: N bytes.",20971520] },
  "storage behind a call": { run: async ({ env }) => { const s = rpc(env); return [await s.put("a", { b: 1 }), await s.get("a"), await failure(() => s.putAndFail()), await s.get("k")]; }, expect: [{"b":1},{"b":1},{"error":"Error: after the put","remote":true},42] },
  "abort": { run: async ({ env }) => {
    const id = env.Subject.newUniqueId();
    const s = env.Subject.get(id);
    const c = await s.counter();
    const pending = failure(() => s.slow(60_000));
    const own = await failure(() => s.abort());
    const again = await failure(() => s.increment());
    return [own, await pending, again, (await failure(() => c.increment())).error !== "nothing thrown", await env.Subject.get(id).increment()];
  }, expect: [{"error":"Error: gone","durableObjectReset":true},{"error":"Error: gone","durableObjectReset":true},{"error":"Error: gone","durableObjectReset":true},true,1] },
  "onRpcBroken": { run: async ({ env }) => {
    const s = rpc(env);
    const c = await s.counter();
    const told = new Promise((done) => c.onRpcBroken((error) => done(error instanceof Error)));
    await failure(() => s.abort());
    return Promise.race([told, pause(2000).then(() => "not told")]);
  }, limpet: true, because: "the instance is gone, and the stub with it", expect: "not told" },
  "fetch beside RPC": { run: async ({ env }) => { const s = rpc(env); return [await (await s.fetch("http://x/path")).text(), await s.increment()]; }, expect: ["object /path",1] },
  "ctx.exports": { run: async ({ ctx }) => {
    const { Greeter } = ctx.exports;
    return [Object.keys(ctx.exports), await Greeter.greet("you"), await Greeter({ props: { a: 1 } }).greet("me"), await Greeter.counter().increment(),
      await (await Greeter.fetch("http://x/there")).text(), await ctx.exports.Subject.getByName("x").echo(1)];
  }, expect: [["default","Greeter","Old","Subject"],"hello you {}","hello me {\"a\":1}",1,"fetched /there",1] },
  "an entrypoint's stub as an argument": { run: async ({ env, ctx }) => thrown(() => rpc(env).fetchOf(ctx.exports.Greeter)), limpet: "nothing thrown", because: "an entrypoint can be named from everywhere", expect: "DataCloneError: Could not serialize object of type \"LoopbackServiceStub\". This type does not support serialization." },
  "RpcStub of one's own": { run: async () => { const c = new RpcStub(new Counter()); const f = new RpcStub((x) => x + 1); return [kindOf(c), await c.increment(), await f(1), await c.self().increment(), await failure(() => c.field)]; }, expect: [["function","[object JsRpcStub]","RpcStub"],1,2,2,{"error":"TypeError: The RPC receiver does not implement the method \"field\".","remote":true}] },
  "RpcStub of nothing": { run: async () => thrown(() => new RpcStub(5)), expect: "TypeError: Failed to construct 'JsRpcStub': constructor parameter 1 is not of type 'Object'." },
  "an RpcStub of one's own as an argument": { run: async ({ env }) => { const s = rpc(env); const log = []; const c = new RpcStub(new Counter(log)); const seen = [await s.incrementOf(c), await c.increment()]; c[Symbol.dispose](); return [...seen, await eventually(() => log, (all) => all.length > 0)]; }, expect: [1,2,["disposed"]] },
  "many calls at once": { run: async ({ env }) => { const s = rpc(env); const all = await Promise.all(Array.from({ length: 200 }, (_, i) => s.echo(i))); return all.reduce((a, b) => a + b); }, expect: 19900 },
};

export default { ...worker(cases), entrypoints: ["Greeter"] };

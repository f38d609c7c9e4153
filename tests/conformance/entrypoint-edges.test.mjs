// Entrypoints of a script, reached through ctx.exports: plain objects, classes, their lives and their props.
import { eventually, failure, objectClass, thrown, worker } from "./lib.mjs";
import * as workers from "cloudflare:workers";

const { WorkerEntrypoint } = workers;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

const cases = {
  // Plain objects
  "a method of a plain object": { run: ({ ctx }) => failure(() => ctx.exports.plain.three("a")).then(async (seen) => [seen, await ctx.exports.plain.three("a").catch(String)]), expect: [{"error":"nothing thrown"},["three","a","object","ExecutionContext"]] },
  "methods of a plain object with other numbers of parameters": { run: async ({ ctx }) => { const seen = []; for (const name of ["none", "one", "two", "four", "rest"]) seen.push(await ctx.exports.plain[name]("a").catch(String)); return seen; }, expect: ["none",["one","a"],["two","a","object"],"TypeError: Cannot call handler function \"four\" over RPC because it has the wrong number of arguments. A simple function handler can only be called over RPC if it has exactly the arguments (arg, env, ctx), where only the first argument comes from the client. To support multi-argument RPC functions, use class-based syntax (extending WorkerEntrypoint) instead.",3] },
  "a method of a plain object with two arguments": { run: ({ ctx }) => failure(() => ctx.exports.plain.three("a", "b")), expect: {"error":"TypeError: Attempted to call RPC function \"three\" with the wrong number of arguments. When calling a top-level handler function that is not declared as part of a class, you must always send exactly one argument. In order to support variable numbers of arguments, the server must use class-based syntax (extending WorkerEntrypoint) instead.","remote":true} },
  "a method of a plain object without an argument": { run: ({ ctx }) => failure(() => ctx.exports.plain.three()), expect: {"error":"TypeError: Attempted to call RPC function \"three\" with the wrong number of arguments. When calling a top-level handler function that is not declared as part of a class, you must always send exactly one argument. In order to support variable numbers of arguments, the server must use class-based syntax (extending WorkerEntrypoint) instead.","remote":true} },
  "what a plain object has not": { run: ({ ctx }) => failure(() => ctx.exports.plain.missing("a")), expect: {"error":"TypeError: The RPC receiver does not implement the method \"missing\".","remote":true} },
  "what is no function of a plain object": { run: async ({ ctx }) => [await failure(() => ctx.exports.plain.value("a")), await failure(async () => await ctx.exports.plain.value)], expect: [{"error":"TypeError: \"value\" is not a function.","remote":true},{"error":"nothing thrown"}] },
  "fetch of a plain object": { run: async ({ ctx }) => (await ctx.exports.plain.fetch("http://x/there")).text(), expect: "/there object ExecutionContext" },
  "fetch of a plain object without one": { run: ({ ctx }) => failure(() => ctx.exports.bare.fetch("http://x/")), expect: {"error":"Error: Handler does not export a fetch() function.","remote":true} },
  "fetch of the default export": { run: async ({ ctx }) => { const answer = await ctx.exports.default.fetch("http://x/nowhere"); return [answer.status, await answer.text()]; }, expect: [404,"no such case"] },

  // Classes
  "an instance for each call": { run: async ({ ctx }) => [await ctx.exports.Greeter.count(), await ctx.exports.Greeter.count()], expect: [1,1] },
  "an instance for each fetch": { run: async ({ ctx }) => [await (await ctx.exports.Greeter.fetch("http://x/")).text(), await (await ctx.exports.Greeter.fetch("http://x/")).text()], expect: ["count 1","count 1"] },
  "what is pipelined on one call has one instance": { run: async ({ ctx }) => { const counter = ctx.exports.Greeter.counter(); return [await counter.next(), await counter.next()]; }, expect: [1,2] },
  "ctx and env of an entrypoint": { run: async ({ ctx, env }) => [await ctx.exports.Greeter.kinds(), (await ctx.exports.Greeter.echoOf()) === env.ECHO], expect: [["ExecutionContext","object",["ctx","env","n"]],true] },
  "props": { run: async ({ ctx }) => [await ctx.exports.Greeter.props(), await ctx.exports.Greeter({ props: { a: [1], d: new Date(0) } }).props(), await ctx.exports.Greeter({}).props()], expect: [{},{"a":[1],"d":{"$":"Date","text":"1970-01-01T00:00:00.000Z"}},{}] },
  "props that can't be cloned": { run: ({ ctx }) => thrown(() => ctx.exports.Greeter({ props: { f: () => 1 } }).props()), expect: "DataCloneError: () => 1 could not be cloned." },
  "props that are no object": { run: async ({ ctx }) => { const seen = []; for (const props of [5, "text", null, [1]]) seen.push(await thrown(async () => seen.push(await ctx.exports.Greeter({ props }).props()))); return seen; }, expect: ["TypeError: Incorrect type for the 'props' field on 'Options': the provided value is not of type 'Object'.","TypeError: Incorrect type for the 'props' field on 'Options': the provided value is not of type 'Object'.","TypeError: Incorrect type for the 'props' field on 'Options': the provided value is not of type 'Object'.",[1],"nothing thrown"] },
  "props are copied": { run: async ({ ctx }) => { const props = { a: 1 }; const stub = ctx.exports.Greeter({ props }); props.a = 2; return stub.props(); }, expect: {"a":1} },
  "a constructor that throws": { run: async ({ ctx }) => [await failure(() => ctx.exports.Broken.hello()), await failure(() => ctx.exports.Broken.fetch("http://x/"))], expect: [{"error":"RangeError: not today","remote":true},{"error":"RangeError: not today","remote":true}] },
  "fetch of a class without one": { run: ({ ctx }) => failure(() => ctx.exports.Silent.fetch("http://x/")), expect: {"error":"Error: Handler does not export a fetch() function.","remote":true} },
  "names of every entrypoint": { run: async ({ ctx }) => { const seen = []; for (const name of ["dup", "constructor", "fetch", "connect", "alarm", "scheduled", "queue", "tail", "test", "trace", "email"]) seen.push(typeof ctx.exports.Silent[name]); return seen; }, expect: ["function","function","function","function","function","function","function","function","function","function","function"] },
  "reserved names of an entrypoint": { run: async ({ ctx }) => { const seen = []; for (const name of ["alarm", "webSocketMessage", "tail", "trace", "queue"]) seen.push(await ctx.exports.Greeter[name]().then((value) => ["fine", value], (error) => String(error))); return seen; }, expect: ["TypeError: 'alarm' is a reserved method and cannot be called over RPC.","TypeError: 'webSocketMessage' is a reserved method and cannot be called over RPC.",["fine","tailed"],["fine","traced"],["fine","queued"]] },
  "waitUntil of an entrypoint": { run: async ({ ctx, newObject, call }) => { await ctx.exports.Greeter.later(); return eventually(() => globalThis.wentOn, Boolean); }, expect: true },
  "an error keeps its type": { run: async ({ ctx }) => [await failure(() => ctx.exports.Greeter.fails("RangeError")), await failure(() => ctx.exports.Greeter.fetch("http://x/fail"))], expect: [{"error":"RangeError: as asked","remote":true},{"error":"TypeError: as asked","remote":true}] },
  "storage is none of an entrypoint's": { run: ({ ctx }) => ctx.exports.Greeter.storage(), expect: ["undefined","undefined","undefined"] },
  "the names in ctx.exports": { run: ({ ctx }) => Object.keys(ctx.exports).sort(), expect: ["Broken","Greeter","Silent","Subject","bare","default","plain"] },
  "ctx.exports of an object": { inObject: async ({ state }) => [Object.keys(state.exports).sort().join() !== "", await state.exports.Greeter.count()], expect: [true,1] },
  "ctx.exports is the same each time": { run: ({ ctx }) => [ctx.exports === ctx.exports, ctx.exports.Greeter === ctx.exports.Greeter], expect: [true,true] },
};

export const plain = {
  value: 5,
  none() { return "none"; },
  one(a) { return ["one", a]; },
  two(a, b) { return ["two", a, typeof b]; },
  three(a, env, ctx) { return ["three", a, typeof env.Subject, ctx?.constructor?.name]; },
  four(a, b, c, d) { return "four"; },
  rest(...all) { return all.length; },
  fetch(request, env, ctx) { return new Response([new URL(request.url).pathname, typeof env.Subject, ctx.constructor.name].join(" ")); },
};
export const bare = { three(a, env, ctx) { return a; } };
class Counter extends workers.RpcTarget { #n = 0; next() { return ++this.#n; } }
export class Greeter extends WorkerEntrypoint {
  n = 0;
  count() { return ++this.n; }
  counter() { return new Counter(); }
  kinds() { return [this.ctx.constructor.name, typeof this.env.Subject, Object.keys(this).sort()]; }
  echoOf() { return this.env.ECHO; }
  props() { return this.ctx.props; }
  later() { this.ctx.waitUntil(pause(5).then(() => { globalThis.wentOn = true; })); }
  fails(type) { throw new globalThis[type]("as asked"); }
  storage() { return [typeof this.ctx.storage, typeof this.ctx.id, typeof this.ctx.blockConcurrencyWhile]; }
  tail() { return "tailed"; }
  trace() { return "traced"; }
  queue() { return "queued"; }
  fetch(request) {
    if (request.url.endsWith("/fail")) throw new TypeError("as asked");
    return new Response("count " + ++this.n);
  }
}
export class Broken extends WorkerEntrypoint { constructor(ctx, env) { super(ctx, env); throw new RangeError("not today"); } hello() {} }
export class Silent extends WorkerEntrypoint {}
export class Subject extends objectClass(cases) {}

export default { ...worker(cases), entrypoints: ["plain", "bare", "Greeter", "Broken", "Silent"] };

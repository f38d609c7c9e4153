// The edges of events: what hangs, what is too much, and handlers of every shape.
import { failure, objectClass, thrown, worker } from "./lib.mjs";
import * as workers from "cloudflare:workers";

const { DurableObject, RpcTarget, WorkerEntrypoint } = workers;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

class Chain extends RpcTarget {
  constructor(depth) { super(); this.depth = depth; }
  next() { return new Chain(this.depth + 1); }
  get deep() { return this.depth; }
}

const cases = {
  // Too much
  "10,000 timers": { inObject: async () => { const ids = []; const seen = await thrown(() => { for (let i = 0; i < 10_000; i++) ids.push(setTimeout(() => {}, 60_000)); }); ids.forEach(clearTimeout); return [seen, ids.length]; }, expect: ["nothing thrown",10000] },
  "10,001 timers": { inObject: async () => { const ids = []; const seen = await thrown(() => { for (let i = 0; i < 10_001; i++) ids.push(setInterval(() => {}, 60_000)); }); ids.forEach(clearInterval); return [seen.split(", current")[0], ids.length]; }, expect: ["QuotaExceededError: You have exceeded the number of active timeouts you may set. max active timeouts: 10000",10000] },
  "timers that are cleared count no more": { inObject: async () => thrown(() => { for (let i = 0; i < 30_000; i++) clearTimeout(setTimeout(() => {}, 60_000)); }), expect: "nothing thrown" },
  "clearTimeout of what is none": { run: () => [undefined, null, 0, -1, "x", {}, 1e20].map((id) => { try { return clearTimeout(id); } catch (error) { return String(error); } }), expect: [{"$":"undefined"},{"$":"undefined"},{"$":"undefined"},{"$":"undefined"},{"$":"undefined"},{"$":"undefined"},{"$":"undefined"}] },
  "setTimeout with arguments, and of a text": { run: async () => [await new Promise((done) => setTimeout((...all) => done(all), 0, 1, "two")), await thrown(() => setTimeout("text", 0)), typeof setTimeout(() => {}, 0)], expect: [[1,"two"],"TypeError: Failed to execute 'setTimeout' on 'ServiceWorkerGlobalScope': parameter 1 is not of type 'function'.","number"] },
  "a pipeline of 63 calls": { run: ({ env }) => failure(() => pipeline(env, 63)), expect: {"error":"nothing thrown"} },
  "a pipeline of 70 calls": { run: ({ env }) => pipeline(env, 70).catch((error) => String(error)), expect: 70,
    limpet: "Error: RPC calls can be pipelined at most 64 deep.", because: "64 is the limit that is documented" },

  // What hangs
  "a Worker whose promise nobody can keep": { run: () => new Promise(() => {}), http: { status: 500 } },

  // waitUntil and env of cloudflare:workers
  "env of cloudflare:workers": { run: ({ env }) => [Object.keys(workers.env).sort().join() === Object.keys(env).sort().join(), workers.env.ECHO === env.ECHO], expect: [true,true] },
  "withEnv": { run: async () => [await workers.withEnv({ A: 1 }, async () => { await pause(1); return workers.env.A; }), workers.env.A], expect: [1,{"$":"undefined"}] },
  "waitUntil of cloudflare:workers": { run: async () => [typeof workers.waitUntil, workers.waitUntil(Promise.resolve())], expect: ["function",{"$":"undefined"}] },
  "waitUntil of a Worker with something that is no promise": { run: ({ ctx }) => thrown(() => ctx.waitUntil(1)), expect: "nothing thrown" },
  "passThroughOnException": { run: ({ ctx }) => thrown(() => ctx.passThroughOnException()), expect: "nothing thrown" },
  "members of ctx": { run: ({ ctx }) => [Object.prototype.toString.call(ctx), ctx.constructor.name, ctx.props], expect: ["[object ExecutionContext]","ExecutionContext",{}] },
  "base classes by hand": { run: async () => [await thrown(() => new DurableObject()), await thrown(() => new WorkerEntrypoint()), await thrown(() => new RpcTarget().x)], expect: ["TypeError: Failed to construct 'DurableObjectBase': constructor parameter 1 is not of type 'DurableObjectState'.","TypeError: Failed to construct 'WorkerEntrypoint': constructor parameter 1 is not of type 'Object'.","nothing thrown"] },

  // Methods and handlers
  "a method that is no function over RPC": { run: ({ env }) => failure(() => env.Shapes.getByName("a").value()), expect: {"error":"TypeError: The RPC receiver does not implement the method \"value\".","remote":true} },
  "a getter over RPC": { run: async ({ env }) => [await env.Shapes.getByName("a").got, await failure(() => env.Shapes.getByName("a").gets())], expect: ["got",{"error":"nothing thrown"}] },
  "a getter that throws": { run: ({ env }) => failure(async () => await env.Shapes.getByName("a").bad), expect: {"error":"RangeError: bad getter","remote":true} },
  "a static method": { run: ({ env }) => failure(() => env.Shapes.getByName("a").stat()), expect: {"error":"TypeError: The RPC receiver does not implement the method \"stat\".","remote":true} },
  "a private-like and a symbol name": { run: async ({ env }) => [await env.Shapes.getByName("a")._hidden(), typeof env.Shapes.getByName("a")[Symbol("x")]], expect: ["not hidden","undefined"] },
  "a method with this": { run: ({ env }) => env.Shapes.getByName("a").me(), expect: "Shapes object" },
  "a generator method": { run: ({ env }) => failure(() => env.Shapes.getByName("a").counts()), expect: {"error":"DataCloneError: [object Generator] could not be cloned.","remote":true} },
  "a method inherited from a class of one's own": { run: ({ env }) => env.Shapes.getByName("a").inherited(), expect: "from above" },
  "undefined, null and holes as arguments": { run: ({ env }) => env.Shapes.getByName("a").args(undefined, null, [1, , 3]), expect: ["undefined","null",[3,false]] },
  "a subclass that forgets super": { run: ({ env }) => failure(() => env.Forgetful.getByName("a").fetch("http://o/")), expect: {"error":"ReferenceError: Must call super constructor in derived class before accessing 'this' or returning from derived constructor","remote":true,"durableObjectReset":true} },
  "a constructor that returns another object": { run: async ({ env }) => (await env.Other.getByName("a").fetch("http://o/")).text(), expect: "another" },
};

function pipeline(env, depth) {
  let at = env.Shapes.getByName("chain").chain();
  for (let i = 0; i < depth; i++) at = at.next();
  return Promise.resolve(at.deep);
}

export class Subject extends objectClass(cases) {}
class Above extends DurableObject { inherited() { return "from above"; } }
export class Shapes extends Above {
  static stat() { return 1; }
  value = 5;
  get got() { return "got"; }
  get gets() { return () => "called"; }
  get bad() { throw new RangeError("bad getter"); }
  _hidden() { return "not hidden"; }
  me() { return this.constructor.name + " " + typeof this.ctx; }
  *counts() { yield 1; }
  args(...all) { return all.map((one) => Array.isArray(one) ? [one.length, 1 in one] : String(one)); }
  chain() { return new Chain(0); }
}
export class Forgetful extends DurableObject { constructor() { } fetch() { return new Response("never"); } }
export class Other { constructor() { return { fetch: () => new Response("another") }; } }

export default worker(cases);

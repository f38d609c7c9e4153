// The edges of objects: what is rarely done with namespaces, IDs, state, sections and transactions, and its exact words.
import { failure, objectClass, thrown, worker } from "./lib.mjs";
import { DurableObject } from "cloudflare:workers";

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

const cases = {
  // Namespaces, IDs and stubs
  "newUniqueId in a jurisdiction": { run: ({ env }) => thrown(() => env.Subject.newUniqueId({ jurisdiction: "eu" })), expect: "Error: Jurisdiction restrictions are not implemented in workerd." },
  "newUniqueId in no jurisdiction": { run: ({ env }) => [undefined, null].map((jurisdiction) => env.Subject.newUniqueId({ jurisdiction }).toString().length), expect: [64, 64] },
  "a namespace of a jurisdiction": { run: ({ env }) => thrown(() => env.Subject.jurisdiction("eu")), expect: "Error: Jurisdiction restrictions are not implemented in workerd." },
  "a namespace of an unknown jurisdiction": { run: ({ env }) => thrown(() => env.Subject.jurisdiction("mars")), expect: "Error: Jurisdiction restrictions are not implemented in workerd." },
  "a namespace of no jurisdiction": {
    run: async ({ env }) => {
      const seen = [];
      for (const which of [[], [undefined], [null]]) {
        seen.push(await thrown(() => { seen.push(env.Subject.jurisdiction(...which).idFromName("a").equals(env.Subject.idFromName("a"))); }));
      }
      return seen;
    }, expect: [true,"nothing thrown",true,"nothing thrown",true,"nothing thrown"],
  },
  "the jurisdiction of an ID": { run: ({ env }) => [env.Subject.newUniqueId().jurisdiction, env.Subject.idFromName("a").jurisdiction], expect: [{"$":"undefined"},{"$":"undefined"}] },
  "getExisting": { run: ({ env }) => typeof env.Subject.getExisting, expect: "undefined" },
  "members of a namespace": { run: ({ env }) => Object.getOwnPropertyNames(Object.getPrototypeOf(env.Subject)).sort(), expect: ["constructor","get","getByName","idFromName","idFromString","jurisdiction","newUniqueId"] },
  "members of an ID": { run: ({ env }) => [Object.getOwnPropertyNames(Object.getPrototypeOf(env.Subject.newUniqueId())).sort(), Object.keys(env.Subject.idFromName("x"))], expect: [["constructor","equals","toString"],["jurisdiction","name"]] },
  "an ID of another class in get": { run: ({ env, call }) => call(env.Subject.get(env.Other.idFromName("x")), "id").then((id) => id === env.Other.idFromName("x").toString()), expect: true,
    limpet: false, because: "an object's ID is always one of its class: what is the same in both gives another ID there" },
  "routing to the primary": { run: ({ env, call }) => call(env.Subject.get(env.Subject.newUniqueId(), { routingMode: "primary-only" }), "count"), expect: 1 },
  "an ID in JSON": { run: ({ env }) => JSON.stringify(env.Subject.idFromName("x")), expect: "{\"name\":\"x\"}" },
  "an ID as an RPC argument": { run: ({ env }) => thrown(() => env.Remote.getByName("a").echo(env.Subject.newUniqueId())), expect: "DataCloneError: Could not serialize object of type \"DurableObjectId\". This type does not support serialization." },
  "getByName with options": { run: ({ env, call }) => call(env.Subject.getByName("hinted", { locationHint: "weur" }), "name"), expect: "hinted" },
  "getByName without a name": { run: ({ env }) => thrown(() => env.Subject.getByName()), expect: "TypeError: Failed to execute 'getByName' on 'DurableObjectNamespace': parameter 1 is not of type 'string'." },
  "a stub is fetched with a relative text": { run: ({ object }) => thrown(() => object.fetch("action")), expect: "TypeError: Invalid URL: action" },
  "a redirect of a body that is a stream": {
    run: ({ object }) => failure(() => object.fetch("http://object/action/redirect307", {
      method: "POST", body: new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode("null")); c.close(); } }) })), expect: {"error":"TypeError: A request with a one-time-use body (it was initialized from a stream, not a buffer) encountered a redirect requiring the body to be retransmitted. To avoid this error in the future, construct this request from a buffer-like body initializer."},
  },
  "a redirect of a body that is a text": { run: async ({ object }) => (await object.fetch("http://object/action/redirect307", { method: "POST", body: "null" })).json(), expect: "there" },
  "more redirects than twenty": { run: ({ object }) => failure(() => object.fetch("http://object/action/redirectForEver", { method: "POST", body: "null" })), expect: {"error":"TypeError: Too many redirects.http://object/action/redirectForEver, http://object/action/redirectForEver, http://object/action/redirectForEver, http://object/action/redirectForEver, http://object/action/redirectForEver, http://object/action/redirectForEver, http://object/action/redirectForEver, http://object/action/redirectForEver, http://object/action/redirectForEver, http://object/action/redirectForEver, http://object/action/redirectForEver, http://object/action/redirectForEver, http://object/action/redirectForEver, http://object/action/redirectForEver, http://object/action/redirectForEver, http://object/action/redirectForEver, http://object/action/redirectForEver, http://object/action/redirectForEver, http://object/action/redirectForEver, http://object/action/redirectForEver, http://object/action/redirectForEver"} },
  "redirect: error": { run: ({ object }) => failure(() => object.fetch("http://object/action/redirect307", { method: "POST", body: "null", redirect: "error" })), expect: {"error":"TypeError: Invalid redirect value, must be one of \"follow\" or \"manual\" (\"error\" won't be implemented since it does not make sense at the edge; use \"manual\" and check the response status code)."} },
  "a signal that is aborted": { run: ({ object }) => failure(() => object.fetch("http://object/action/count", { method: "POST", body: "null", signal: AbortSignal.abort() })), expect: {"error":"AbortError: The operation was aborted","retryable":true},
    limpet: {"error":"AbortError: The operation was aborted"}, because: "who aborts does not want it again" },

  // State
  "members of state may be replaced": {
    inObject: ({ state, self }) => {
      const before = state.storage;
      state.storage = "mine"; state.id = 1;
      const seen = [state.storage, state.id, Object.keys(state).filter((key) => ["id", "props", "storage"].includes(key)).sort()];
      state.storage = before;
      return seen;
    }, expect: ["mine",1,["id","props","storage"]],
  },
  "storage may be replaced in part": { inObject: async ({ state }) => { state.storage.get = () => "mine"; return state.storage.get("x"); }, expect: "mine" },
  "props and what is not there": { inObject: ({ state }) => [state.props, state.version], expect: [{},{"$":"undefined"}] },
  "abort with something that is no Error": { run: async ({ newObject, call }) => { const seen = []; for (const what of ["text", 5, null, { a: 1 }]) seen.push(await failure(() => call(newObject(), "abortWith", what))); return seen; }, expect: [{"error":"Error: text","remote":true,"durableObjectReset":true},{"error":"Error: 5","remote":true,"durableObjectReset":true},{"error":"Error: null","remote":true,"durableObjectReset":true},{"error":"Error: [object Object]","remote":true,"durableObjectReset":true}] },
  "waitUntil of something that is no promise": { inObject: ({ state }) => thrown(() => state.waitUntil(5)), expect: "nothing thrown" },
  "waitUntil without arguments": { inObject: ({ state }) => thrown(() => state.waitUntil()), expect: "TypeError: Failed to execute 'waitUntil' on 'DurableObjectState': parameter 1 is not of type 'Promise'." },

  // Sections
  "sections nested 63, 64 and 65 deep": {
    run: async ({ newObject, call }) => { const seen = []; for (const deep of [63, 64, 65]) seen.push(await failure(() => call(newObject(), "nest", deep))); return seen; }, expect: [{"error":"nothing thrown"},{"error":"nothing thrown"},{"error":"Error: blockConcurrencyWhile() calls are nested too deeply.","remote":true,"durableObjectReset":true}],
  },
  "sections queue in the order of their calls": { run: ({ object, call }) => call(object, "sections"), expect: [1,-1,2,-2,3,-3] },
  "what begins in a section belongs to it": { run: async ({ object, call }) => { const both = [call(object, "sectionWithTimer"), call(object, "append", "event")]; await Promise.all(both); return call(object, "list"); }, expect: ["timer","section","event"] },
  "a reply to a fetch waits for a section": { run: ({ object, call, env }) => call(object, "fetchBesideSection", env.ECHO), expect: ["section","reply"] },

  // Transactions
  "a rollback of the outer transaction while the inner one runs": { run: ({ object, call }) => call(object, "outerRollback"), expect: "Error: Cannot roll back an outer transaction while a nested transaction is still running." },
  "members of a transaction": { inObject: ({ storage }) => storage.transaction((txn) => Object.getOwnPropertyNames(Object.getPrototypeOf(txn)).sort()), expect: ["constructor","delete","deleteAlarm","deleteAll","get","getAlarm","list","put","rollback","setAlarm"] },
  "a transaction is none of the storage's class": { inObject: ({ storage }) => storage.transaction((txn) => [txn.constructor.name, typeof txn.deleteAll, typeof txn.sync, typeof txn.transaction, typeof txn.sql]), expect: ["DurableObjectTransaction","function","undefined","undefined","undefined"] },
  "get, list and delete of a transaction after its end": {
    inObject: async ({ storage }) => {
      let kept;
      await storage.transaction(async (txn) => { kept = txn; });
      return [await thrown(() => kept.list()), await thrown(() => kept.delete("a")), await thrown(() => kept.getAlarm()), await thrown(() => kept.setAlarm(1)), await thrown(() => kept.deleteAlarm()), await thrown(() => kept.get(["a"]))];
    }, expect: ["Error: Cannot call list() on transaction that has already committed: did you move `txn` outside of the closure?","Error: Cannot call delete() on transaction that has already committed: did you move `txn` outside of the closure?","Error: Cannot call getAlarm() on transaction that has already committed: did you move `txn` outside of the closure?","TypeError: Your Durable Object class must have an alarm() handler in order to call setAlarm()","Error: Cannot call deleteAlarm() on transaction that has already committed: did you move `txn` outside of the closure?","Error: Cannot call get() on transaction that has already committed: did you move `txn` outside of the closure?"],
  },
  "a transaction in a transaction's return value": { inObject: async ({ storage }) => { await storage.transaction(async () => { await storage.transaction(async () => { await storage.put("in", 1); }); await storage.put("out", 2); }); return storage.list(); }, expect: {"$":"Map","entries":[["in",1],["out",2]]} },
  "deleteAll right after a transaction": { inObject: async ({ storage }) => { storage.transaction(async (txn) => { await txn.put("a", 1); }); await storage.deleteAll(); return storage.list(); }, expect: {"$":"Map","entries":[]} },

  // Handlers
  "Response.error() of an object": { run: ({ env }) => failure(() => env.Odd.getByName("e").fetch("http://o/error")), expect: {"error":"TypeError: Return value from serve handler must not be an error response (like Response.error())","remote":true} },
  "what is no Response, at once": {
    run: async ({ env }) => { const seen = []; for (const what of ["text", "undefined", "5", "plain", "thenable", "promise"]) seen.push(await env.Odd.getByName(what).fetch("http://o/" + what).then((r) => r.text(), (e) => e.message)); return seen; }, expect: ["Callback returned incorrect type; expected 'Promise'","Callback returned incorrect type; expected 'Promise'","Callback returned incorrect type; expected 'Promise'","Callback returned incorrect type; expected 'Promise'","from a thenable","Incorrect type for Promise: the Promise did not resolve to 'Response'."],
  },
  "null of an object": { run: ({ env }) => failure(() => env.Odd.getByName("n").fetch("http://o/null")), expect: {"error":"TypeError: Callback returned incorrect type; expected 'Promise'","remote":true} },
  "a Response used twice": { run: async ({ env }) => { const odd = env.Odd.getByName("t"); const first = await (await odd.fetch("http://o/same")).text(); return [first, await failure(async () => (await odd.fetch("http://o/same")).text())]; }, expect: ["same",{"error":"TypeError: Body has already been used. It can only be used once. Use tee() first if you need to read it twice.","remote":true}] },
  "a class whose members are fields": { run: async ({ env }) => (await env.Fields.getByName("f").fetch("http://o/")).text(), expect: "a field" },
  "a class without a constructor of its own": { run: async ({ env }) => (await env.Bare.getByName("f").fetch("http://o/")).json(), expect: ["object","object",["ctx","env"]] },
  "errors of the standard types": {
    run: async ({ object, call }) => { const seen = []; for (const type of ["Error", "RangeError", "TypeError", "SyntaxError", "ReferenceError", "EvalError", "URIError"]) seen.push(await failure(() => call(object, "throwA", type))); return seen; }, expect: [{"error":"Error: what Error","remote":true},{"error":"RangeError: what RangeError","remote":true},{"error":"TypeError: what TypeError","remote":true},{"error":"SyntaxError: what SyntaxError","remote":true},{"error":"ReferenceError: what ReferenceError","remote":true},{"error":"EvalError: what EvalError","remote":true},{"error":"URIError: what URIError","remote":true}],
  },
  "an AggregateError and a cause": {
    run: async ({ object, call }) => {
      const error = await call(object, "throwAggregate").catch((thrown) => thrown);
      return [error.name, error.message, error.constructor.name, error instanceof AggregateError, error.errors, error.cause];
    }, expect: ["AggregateError","many","AggregateError",true,{"$":"undefined"},{"$":"undefined"}],
  },
  "flags of the script's own errors": { run: ({ object, call }) => failure(() => call(object, "throwFlags")), expect: {"error":"Error: flags","remote":true,"overloaded":true},
    limpet: {"error":"Error: flags","remote":true}, because: "only the runtime's own errors carry flags" },
};


const actions = {
  id() { return this.state.id.toString(); },
  name() { return this.state.id.name; },
  count() { return this.counted = (this.counted ?? 0) + 1; },
  append(what) { (this.seen ??= []).push(what); },
  list() { return this.seen ?? []; },
  abortWith(what) { this.state.abort(what); },
  async nest(deep) {
    const go = (left) => this.state.blockConcurrencyWhile(async () => left > 1 ? go(left - 1) : "deep enough");
    return go(deep);
  },
  async sections() {
    const seen = [];
    await Promise.all([1, 2, 3].map((n) => this.state.blockConcurrencyWhile(async () => { seen.push(n); await pause(1); seen.push(-n); })));
    return seen;
  },
  async sectionWithTimer() {
    await this.state.blockConcurrencyWhile(async () => {
      setTimeout(() => actions.append.call(this, "timer"), 1);
      await pause(20);
      actions.append.call(this, "section");
    });
  },
  async fetchBesideSection(url) {
    const seen = [];
    const reply = fetch(url).then(() => seen.push("reply"));
    await this.state.blockConcurrencyWhile(async () => { await pause(150); seen.push("section"); });
    await reply;
    return seen;
  },
  async outerRollback() {
    return thrown(() => this.storage.transaction(async (outer) => {
      await this.storage.transaction(async () => { outer.rollback(); });
    }));
  },
  throwA(type) { throw new globalThis[type]("what " + type); },
  throwAggregate() { throw new AggregateError([new Error("one")], "many", { cause: "because" }); },
  throwFlags() { throw Object.assign(new Error("flags"), { retryable: true, overloaded: true, durableObjectReset: true }); },
};

const Base = objectClass(cases, actions);
export class Subject extends Base {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/action/redirect307") return new Response(null, { status: 307, headers: { Location: "/there" } });
    if (pathname === "/action/redirectForEver") return new Response(null, { status: 307, headers: { Location: "/action/redirectForEver" } });
    if (pathname === "/there") return Response.json("there");
    return super.fetch(request);
  }
}
export class Other { fetch() { return new Response("other"); } }
export class Remote extends DurableObject { echo(value) { return value; } }

export class Odd {
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/error") return Response.error();
    if (pathname === "/null") return null;
    if (pathname === "/text") return "text";
    if (pathname === "/undefined") return undefined;
    if (pathname === "/5") return 5;
    if (pathname === "/plain") return {};
    if (pathname === "/thenable") return { then(done) { done(new Response("from a thenable")); } };
    if (pathname === "/promise") return Promise.resolve("text");
    return this.same ??= new Response("same");
  }
}
export class Fields { fetch = () => new Response("a field"); }
export class Bare extends DurableObject { fetch() { return Response.json([typeof this.ctx, typeof this.env.Subject, Object.keys(this)]); } }

export default worker(cases);

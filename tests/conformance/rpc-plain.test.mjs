// RPC of calls whose arguments and results are values alone, and of those that turn out not to be.
import { DurableObject, RpcTarget } from "cloudflare:workers";
import { failure, thrown, worker } from "./lib.mjs";

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const rpc = (env) => env.Subject.get(env.Subject.newUniqueId());
const turns = async (count) => { for (let turn = 0; turn < count; turn++) await null; };

class Counter extends RpcTarget {
  #count = 0;
  increment(by = 1) { return (this.#count += by); }
}
class Plain { x = 1; }

export class Subject extends DurableObject {
  log = [];
  echo(value) { return value; }
  list(...values) { return values; }
  count(...values) { return values.length; }
  same(one, other) { return one === other; }
  lengths(...texts) { return texts.map((text) => [text.length, text.at(-1).codePointAt(0)]); }
  repeat(text, times) { return text.repeat(times); }
  kind(value) { return value === null ? "null" : typeof value; }
  thenable() { return { then(done) { done(5); } }; }
  failingThenable() { return { get then() { throw new RangeError("no then"); } }; }
  later(value) { return pause(10).then(() => value); }
  object() { return { a: { b: 7 }, list: [1, 2] }; }
  slowObject() { return pause(10).then(() => this.object()); }
  mixed() { return { n: 1, deep: [{ add: (a, b) => a + b }] }; }
  counter() { return new Counter(); }
  plain() { return { inside: new Plain() }; }
  failingGetter() { return { get x() { throw new RangeError("no x"); } }; }
  failNow(what) { throw what === "text" ? "just text" : new TypeError("now"); }
  async failLater() { await pause(5); throw new TypeError("later"); }
  symbol() { return Symbol("s"); }
  functionOf() { return (x) => x * 2; }
  big() { return 12345678901234567890n; }
  shared() { const a = { x: 1 }; return { one: a, other: a }; }
  proxied() { return new Proxy({ a: 1 }, {}); }
  push(what) { this.log.push(what); }
  async pushLater(what) { this.log.push(what); await pause(5); }
  getLog() { return this.log; }
  async through(call, values) { const back = []; for (const value of values) back.push(await call(value)); return back; }
  async spread(call, values) { return call(...values); }
  tell(call, what) { call(what); return what; }
  async tellTwice(call, what) { await call(`first ${what}`); call(`then ${what}`); return what; }
  async hand(call) { await call("given"); return { call, text: "back" }; }
  async putAndGive(key) { this.ctx.storage.put(key, 1); return key; }
  putNow(key, value) { this.ctx.storage.put(key, value); return value; }
  get(key) { return this.ctx.storage.get(key); }
  async listed(values) {
    for (const [index, value] of values.entries()) await this.ctx.storage.put(`listed-${index}`, value);
    return [...(await this.ctx.storage.list({ prefix: "listed-" })).values()];
  }
  fetch(request) { this.log.push(new URL(request.url).pathname); return new Response("ok"); }
}

const kValues = [undefined, null, true, false, 0, -0, 1, -1, 1.5, NaN, Infinity, -Infinity, 2 ** 31, -(2 ** 31), 2 ** 31 - 1, 2 ** 53, 5e-324,
  "", "abc", "x\0y", "\u00e9\u00ff", "\u65e5\u672c", "\u{1f600}", "\ud800", "a\u0100".slice(0, 1), 10n];

const cases = {
  "each primitive, there and back": { run: async ({ env }) => { const s = rpc(env); const back = []; for (const value of kValues) back.push(await s.echo(value)); return [back, back.every((value, index) => Object.is(value, kValues[index]))]; }, expect: [[{"$": "undefined"}, null, true, false, 0, {"$": "number", "text": "-0"}, 1, -1, 1.5, {"$": "number", "text": "NaN"}, {"$": "number", "text": "Infinity"}, {"$": "number", "text": "-Infinity"}, 2147483648, -2147483648, 2147483647, 9007199254740992, 5e-324, "", "abc", "x\u0000y", "\u00e9\u00ff", "\u65e5\u672c", "\ud83d\ude00", "\ud800", "a", {"$": "bigint", "text": "10"}], true] },
  "all of them at once": { run: async ({ env }) => rpc(env).list(...kValues), expect: [{"$": "undefined"}, null, true, false, 0, {"$": "number", "text": "-0"}, 1, -1, 1.5, {"$": "number", "text": "NaN"}, {"$": "number", "text": "Infinity"}, {"$": "number", "text": "-Infinity"}, 2147483648, -2147483648, 2147483647, 9007199254740992, 5e-324, "", "abc", "x\u0000y", "\u00e9\u00ff", "\u65e5\u672c", "\ud83d\ude00", "\ud800", "a", {"$": "bigint", "text": "10"}] },
  "as they are on arrival": { run: async ({ env }) => { const s = rpc(env); return Promise.all([undefined, null, 1, "a", true, 1n, {}, [], new Date(0)].map((value) => s.kind(value))); }, expect: ["undefined", "null", "number", "string", "boolean", "bigint", "object", "object", "object"] },
  "any number of arguments": { run: async ({ env }) => { const s = rpc(env); return Promise.all([0, 1, 15, 16, 17, 64, 65, 1000].map((count) => s.count(...Array.from({ length: count }, (_, i) => i)))); }, expect: [0, 1, 15, 16, 17, 64, 65, 1000] },
  "long texts": { run: async ({ env }) => {
    const s = rpc(env);
    const texts = ["x".repeat(65_536), "x".repeat(65_537), "\u65e5".repeat(65_536), "\u65e5".repeat(65_537), "\u00e9".repeat(200_000)];
    const back = await Promise.all(texts.map((text) => s.echo(text)));
    return [await s.lengths(...texts), back.every((text, index) => text === texts[index]), (await s.repeat("ab", 300_000)).length];
  }, expect: [[[65536, 120], [65537, 120], [65536, 26085], [65537, 26085], [200000, 233]], true, 600000] },
  "a text made of pieces": { run: async ({ env }) => { let text = ""; for (let i = 0; i < 100; i++) text += `piece ${i} `; return (await rpc(env).echo(text.slice(3))) === text.slice(3); }, expect: true },
  "one object as two arguments": { run: async ({ env }) => { const a = { x: 1 }; const s = rpc(env); return [await s.same(a, a), await s.same(a, { x: 1 })]; }, expect: [true, false] },
  "one object twice in a result": { run: async ({ env }) => { const { one, other } = await rpc(env).shared(); return one === other; }, expect: true },
  "arguments as they were at the call": { run: async ({ env }) => { const s = rpc(env); const list = [1, { n: 1 }]; const promise = s.echo(list); list[1].n = 2; list.push(3); return promise; }, expect: [1, {"n": 1}] },
  "what can't go": { run: async ({ env }) => {
    const s = rpc(env);
    return [await thrown(() => s.echo(Symbol("x"))), await thrown(() => s.echo({ deep: [Symbol("x")] })), await thrown(() => s.echo(new Plain())), await thrown(() => s.symbol()),
      await thrown(() => s.plain()), await thrown(() => s.echo({ get x() { throw new RangeError("mine"); } })), await failure(() => s.failingGetter()), await thrown(() => s.echo(new WeakMap()))];
  }, expect: ["DataCloneError: Symbol(x) could not be cloned.", "DataCloneError: Symbol(x) could not be cloned.", "DataCloneError: Could not serialize object of type \"Plain\". This type does not support serialization.", "DataCloneError: Symbol(s) could not be cloned.", "DataCloneError: Could not serialize object of type \"Plain\". This type does not support serialization.", "RangeError: mine", {"error": "RangeError: no x", "remote": true}, "DataCloneError: #<WeakMap> could not be cloned."] },
  "what fails": { run: async ({ env }) => {
    const s = rpc(env);
    return [await failure(() => s.failNow()), await failure(() => s.failNow("text")), await failure(() => s.failLater()), await failure(() => s.failingThenable()),
      await failure(() => s.missing(1)), await failure(() => s.constructor(1)), await failure(() => s.alarm()), await failure(() => s.log(1))];
  }, expect: [{"error": "TypeError: now", "remote": true}, {"error": "Error: just text", "remote": true}, {"error": "TypeError: later", "remote": true}, {"error": "RangeError: no then", "remote": true}, {"error": "TypeError: The RPC receiver does not implement the method \"missing\".", "remote": true}, {"error": "TypeError: Illegal constructor"}, {"error": "TypeError: 'alarm' is a reserved method and cannot be called over RPC.", "remote": true}, {"error": "TypeError: The RPC receiver does not implement the method \"log\".", "remote": true}] },
  "promises and thenables": { run: async ({ env }) => { const s = rpc(env); return [await s.thenable(), await s.later(1), await s.later({ a: 1 }), await s.later()]; }, expect: [5, 1, {"a": 1}, {"$": "undefined"}] },
  "a result that holds functions": { run: async ({ env }) => { const mixed = await rpc(env).mixed(); return [mixed.n, await mixed.deep[0].add(1, 2)]; }, expect: [1, 3] },
  "a result that is one": { run: async ({ env }) => { const s = rpc(env); const double = await s.functionOf(); return [await double(4), await double(5)]; }, expect: [8, 10] },
  "a target, called before it is there and after": { run: async ({ env }) => { const c = rpc(env).counter(); const first = await c.increment(); const held = await c; return [first, await held.increment(), await held.increment(5)]; }, expect: [1, 2, 7] },
  "members of a result before it is there": { run: async ({ env }) => { const s = rpc(env); return [await s.object().a.b, await s.slowObject().a.b, await s.echo({ a: { b: 3 } }).a.b, await s.echo([5, 6])[1], await s.later({ x: "y" }).x]; }, expect: [7, 7, 3, {"$": "undefined"}, "y"] },
  "members of a result, asked for later": { run: async ({ env }) => {
    const s = rpc(env);
    const seen = [];
    for (const count of [1, 2, 5, 50]) {
      const promise = s.slowObject();
      await turns(count);
      const early = promise.a.b;
      seen.push(await early, await promise.list[0]);
    }
    const settled = s.object();
    await settled;
    return [seen, await settled.a.b];
  }, expect: [[7, {"$": "undefined"}, 7, {"$": "undefined"}, 7, {"$": "undefined"}, 7, {"$": "undefined"}], 7] },
  "calls on a plain result": { run: async ({ env }) => { const s = rpc(env); return [await failure(() => s.object().a()), await failure(() => s.object().missing.more()), await failure(() => s.echo(5).toFixed(1)), await failure(() => s.echo("text").trim())]; }, expect: [{"error": "TypeError: \"a\" is not a function.", "remote": true}, {"error": "TypeError: The RPC receiver does not implement the method \"missing\".", "remote": true}, {"error": "TypeError: The RPC receiver does not implement the method \"toFixed\".", "remote": true}, {"error": "TypeError: The RPC receiver does not implement the method \"trim\".", "remote": true}] },
  "a member and the result itself": { run: async ({ env }) => { const promise = rpc(env).object(); const member = promise.a; return [await promise, await member]; }, expect: [{"a": {"b": 7}, "list": [1, 2]}, {"b": 7}] },
  "a failed call's members": { run: async ({ env }) => { const promise = rpc(env).failLater(); return [await failure(() => promise.x.y), await failure(() => promise)]; }, expect: [{"error": "TypeError: later", "remote": true}, {"error": "TypeError: later", "remote": true}] },
  "arguments that go only with the first member": { run: async ({ env }) => { const s = rpc(env); const big = "z".repeat(70_000); return [(await s.echo({ text: big }).text).length, (await s.echo({ deep: { text: big } }).deep.text).length]; }, expect: [70000, 70000] },
  "results can be disposed of": { run: async ({ env }) => { const s = rpc(env); const value = await s.object(); const number = await s.echo(1); const array = await s.list(1); return [typeof value[Symbol.dispose], Object.keys(value), typeof array[Symbol.dispose], number, value[Symbol.dispose]()]; }, expect: ["function", ["a", "list"], "function", 1, {"$": "undefined"}] },
  "calls can be disposed of": { run: async ({ env }) => { const s = rpc(env); const promise = s.object(); promise[Symbol.dispose](); return [await promise, await failure(() => promise.a.b), await s.echo(1)]; }, expect: [{"a": {"b": 7}, "list": [1, 2]}, {"error": "Error: RPC promise used after being disposed."}, 1] },
  "calls and fetches arrive in order": { run: async ({ env }) => {
    const s = rpc(env);
    await Promise.all([s.push(1), s.push({ two: 2 }), s.pushLater(3), s.push("four"), s.push(5)]);
    return s.getLog();
  }, expect: [1, {"two": 2}, 3, "four", 5] },
  "writes behind plain calls": { run: async ({ env }) => { const s = rpc(env); return [await s.putAndGive("a"), await s.get("a"), await s.putNow("b", 2), await s.get("b"), await s.get("none")]; }, expect: ["a", 1, 2, 2, {"$": "undefined"}] },
  "objects that came from storage": { run: async ({ env }) => rpc(env).listed([{ a: 1 }, { e: { request: { headers: { host: "x" } } } }, [{ b: [{}] }], { c: null }]),
    expect: [{ a: 1 }, { e: { request: { headers: { host: "x" } } } }, [{ b: [{}] }], { c: null }] },
  "names that a stub was asked for": { run: async ({ env }) => {
    const s = rpc(env);
    const before = [typeof s.echo, "echo" in s, Object.keys(s)];
    s.echo = 5;
    const t = rpc(env);
    t.never = 6;
    return [before, s.echo, Object.keys(s), typeof t.echo, t.never, Object.keys(t), delete s.echo, typeof s.echo, await s.echo(7)];
  }, expect: [["function", true, ["name", "id"]], 5, ["name", "id", "echo"], "function", 6, ["name", "id", "never"], true, "function", 7] },
  "each primitive through a callback, there and back": { run: async ({ env }) => { const s = rpc(env); const seen = []; const back = await s.through((value) => { seen.push(value); return value; }, kValues); return [seen, back].map((all) => all.every((value, index) => Object.is(value, kValues[index])) && all.length); }, expect: [26, 26] },
  "lists and objects through a callback": { run: async ({ env }) => {
    const holed = [1, , 3];
    holed.extra = "x";
    const values = [[], [1, 2], [[1], [2]], holed, { a: [1] }, new Array(70).fill(1), ["x".repeat(70_000)], new Date(5), new Map([[1, 2]])];
    const shape = (value) => [Array.isArray(value), value.length, 1 in value, value.extra, typeof value];
    const seen = [];
    const back = await rpc(env).through((value) => { seen.push(shape(value)); return value; }, values);
    return [seen, back.map(shape)];
  }, expect: [
    [[true, 0, false, {"$": "undefined"}, "object"], [true, 2, true, {"$": "undefined"}, "object"], [true, 2, true, {"$": "undefined"}, "object"], [true, 3, false, "x", "object"], [false, {"$": "undefined"}, false, {"$": "undefined"}, "object"], [true, 70, true, {"$": "undefined"}, "object"], [true, 1, false, {"$": "undefined"}, "object"], [false, {"$": "undefined"}, false, {"$": "undefined"}, "object"], [false, {"$": "undefined"}, false, {"$": "undefined"}, "object"]], [[true, 0, false, {"$": "undefined"}, "object"], [true, 2, true, {"$": "undefined"}, "object"], [true, 2, true, {"$": "undefined"}, "object"], [true, 3, false, "x", "object"], [false, {"$": "undefined"}, false, {"$": "undefined"}, "object"], [true, 70, true, {"$": "undefined"}, "object"], [true, 1, false, {"$": "undefined"}, "object"], [false, {"$": "undefined"}, false, {"$": "undefined"}, "object"], [false, {"$": "undefined"}, false, {"$": "undefined"}, "object"]]] },
  "arguments of a callback": { run: async ({ env }) => { const s = rpc(env); const many = Array.from({ length: 65 }, (_, i) => i); return [await s.spread((...all) => all, [1, "a", null, undefined]), await s.spread((...all) => all.length, many), await s.spread((...all) => all.length, []), await s.spread((one, two) => [typeof one, two.length], [1n, "\u65e5".repeat(70_000)])]; }, expect: [[1, "a", null, {"$": "undefined"}], 65, 0, ["bigint", 70000]] },
  "callbacks that nobody awaits": { run: async ({ env }) => {
    const s = rpc(env);
    const log = [];
    const tell = (what) => { log.push(what); };
    const given = [await s.tell(tell, "a"), await s.tellTwice(tell, "b"), ...(await Promise.all([s.tell(tell, "c"), s.tellTwice(tell, "d")]))];
    while (log.length < 6) await pause(1);
    return [given, log.sort()];
  }, expect: [["a", "b", "c", "d"], ["a", "c", "first b", "first d", "then b", "then d"]] },
  "a callback that comes back can be called": { run: async ({ env }) => {
    const log = [];
    using given = await rpc(env).hand((what) => { log.push(what); return log.length; });
    return [given.text, await given.call("again"), log];
  }, expect: ["back", 2, ["given", "again"]] },
};

export default worker(cases);

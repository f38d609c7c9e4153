// AsyncLocalStorage and AsyncResource: where a store is seen.
// compatibility-flags: nodejs_als
import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import * as hooks from "node:async_hooks";
import { objectClass, thrown, worker } from "./lib.mjs";

const als = new AsyncLocalStorage();
const pause = (ms = 1) => new Promise((done) => setTimeout(done, ms));
const later = (start) => new Promise((done) => als.run("inside", () => start(() => done(als.getStore()))));
// What keeps a store, in every way that there is, and what each gives.
const keep = (store) => als.run(store, () => {
  const [snapshot, bound, resource] = [AsyncLocalStorage.snapshot(), AsyncLocalStorage.bind(() => als.getStore()), new AsyncResource("R")];
  return [() => snapshot(() => als.getStore()), bound, () => resource.runInAsyncScope(() => als.getStore()), resource.bind(() => als.getStore()), AsyncResource.bind(() => als.getStore())];
});
const give = async (ways) => await Promise.all(ways.map(async (way) => { let given; const error = await thrown(() => { given = way(); }); return given ?? error; }));
const ofModule = keep("module");
let kept = [];
const kElsewhere = "Error: Cannot call this AsyncLocalStorage bound function outside of the request in which it was created.";

const cases = {
  "the exports of node:async_hooks": { run: () => Object.keys(hooks), expect: ["AsyncLocalStorage", "AsyncResource", "asyncWrapProviders", "createHook", "default", "executionAsyncId", "executionAsyncResource", "triggerAsyncId"] },
  "the default export has them too": { run: () => hooks.default.AsyncLocalStorage === AsyncLocalStorage, expect: true },
  "run: the store, arguments, result, and nothing afterwards": { run: () => [als.run(1, (a, b) => [als.getStore(), a, b], 2, 3), als.getStore()], expect: [[1, 2, 3], undefined] },
  "run: nested": { run: () => als.run(1, () => [als.run(2, () => als.getStore()), als.getStore()]), expect: [2, 1] },
  "run: an exception restores the store": { run: async () => [await thrown(() => als.run(1, () => { throw new RangeError("out"); })), als.getStore()], expect: ["RangeError: out", undefined] },
  "run: two storages do not see each other": { run: () => { const other = new AsyncLocalStorage(); return als.run(1, () => other.run(2, () => [als.getStore(), other.getStore()])); }, expect: [1, 2] },
  "run without a function is refused": { run: () => thrown(() => als.run(1, 2)), expect: "TypeError: Failed to execute 'run' on 'AsyncLocalStorage': parameter 2 is not of type 'function'." },
  "run of something else is refused": { run: () => thrown(() => AsyncLocalStorage.prototype.run.call({}, 1, () => 2)), expect: "TypeError: Illegal invocation: function called with incorrect `this` reference. See https://developers.cloudflare.com/workers/observability/errors/#illegal-invocation-errors for details." },
  "exit": { run: () => als.run(5, () => [als.exit((x) => [als.getStore(), x], 7), als.getStore()]), expect: [[undefined, 7], 5] },
  "enterWith and disable are not there": { run: async () => [await thrown(() => als.enterWith(1)), await thrown(() => als.disable())], expect: ["Error: asyncLocalStorage.enterWith() is not implemented", "Error: asyncLocalStorage.disable() is not implemented"] },
  "a default value and a name": { run: () => { const named = new AsyncLocalStorage({ defaultValue: 4, name: "n" }); return [named.getStore(), named.name, named.run(1, () => named.getStore()), als.name]; }, expect: [4, "n", 1, ""] },

  "a store follows await": { run: () => als.run(2, async () => { await 0; await pause(); return als.getStore(); }), expect: 2 },
  "a store follows setTimeout": { run: () => later((done) => setTimeout(done, 1)), expect: "inside" },
  "a store follows setInterval": { run: () => later((done) => { const id = setInterval(() => { clearInterval(id); done(); }, 1); }), expect: "inside" },
  "a store follows queueMicrotask": { run: () => later((done) => queueMicrotask(done)), expect: "inside" },
  "a store follows scheduler.wait": { run: () => als.run(3, async () => { await scheduler.wait(1); return als.getStore(); }), expect: 3 },
  "a store follows fetch": { run: ({ env }) => als.run(4, async () => { await (await fetch(env.ECHO)).text(); return als.getStore(); }), expect: 4 },
  "a store follows thenables": { run: () => als.run(5, async () => await { then(done) { done(als.getStore()); } }), expect: 5 },
  "a store follows waitUntil": { run: ({ ctx }) => new Promise((done) => als.run(6, () => ctx.waitUntil((async () => { await 0; done(als.getStore()); })()))), expect: 6 },
  "then() runs in the store of its call": { run: () => { const settled = als.run(1, () => Promise.resolve()); return als.run(2, () => settled.then(() => als.getStore())); }, expect: 2 },
  "who settles a promise does not matter": { run: async () => { const { promise, resolve } = Promise.withResolvers(); const seen = als.run(1, () => promise.then(() => als.getStore())); als.run(2, resolve); return await seen; }, expect: 1 },
  "timers of different stores keep theirs": { run: async () => { const seen = []; for (let n = 0; n < 5; n++) als.run(n, () => setTimeout(() => seen.push(als.getStore()), 5 - n)); await pause(15); return seen.sort(); }, expect: [0, 1, 2, 3, 4] },
  "nothing is left for the next timer": { run: async () => { als.run(1, () => setTimeout(() => {}, 1)); await pause(3); return await new Promise((done) => setTimeout(() => done(als.getStore()), 1)); }, expect: undefined },
  "a timer that throws leaves nothing behind": { run: async () => { als.run(1, () => setTimeout(() => { throw new Error("in a timer"); }, 1)); await pause(3); return als.getStore(); }, expect: undefined },

  "listeners run in the store of dispatchEvent": { run: () => { const target = new EventTarget(); let seen; als.run(1, () => target.addEventListener("x", () => (seen = als.getStore()))); als.run(2, () => target.dispatchEvent(new Event("x"))); return seen; }, expect: 2 },
  "listeners of abort run in the store of abort()": { run: () => { const controller = new AbortController(); let seen = "none"; als.run(1, () => controller.signal.addEventListener("abort", () => (seen = als.getStore()))); controller.abort(); return seen; }, expect: undefined },
  "a message arrives in the store of postMessage": { run: () => new Promise((done) => { const { port1, port2 } = new MessageChannel(); als.run(1, () => (port1.onmessage = () => done(als.getStore()))); als.run(2, () => port2.postMessage(0)); }), expect: 2 },
  "pull() of a stream runs in the store of read()": { run: async () => { const seen = []; const stream = als.run(1, () => new ReadableStream({ pull(c) { seen.push(als.getStore()); c.close(); } }, { highWaterMark: 0 })); await pause(); await als.run(2, () => stream.getReader().read()); return seen; }, expect: [2] },
  "unhandledrejection runs in the store of the rejection": { run: () => new Promise((done) => { const hear = () => { removeEventListener("unhandledrejection", hear); done(als.getStore()); }; addEventListener("unhandledrejection", hear); als.run(7, () => { Promise.reject(new Error("nobody waits")); }); }), expect: 7 },

  "snapshot": { run: () => { const snapshot = als.run(8, () => AsyncLocalStorage.snapshot()); return als.run(9, () => snapshot((x) => [als.getStore(), x], 1)); }, expect: [8, 1] },
  "bind": { run: () => { const bound = als.run(10, () => AsyncLocalStorage.bind(function (x) { return [als.getStore(), x, this === globalThis]; })); return bound.call("other", 2); }, expect: [10, 2, true] },
  "bind without a function is refused": { run: () => thrown(() => AsyncLocalStorage.bind(1)), expect: "TypeError: Failed to execute 'bind' on 'AsyncLocalStorage': parameter 1 is not of type 'Function'." },
  "AsyncResource: runInAsyncScope": { run: () => { const resource = als.run(11, () => new AsyncResource("R")); return resource.runInAsyncScope(function (x) { return [als.getStore(), x, this]; }, "this", 3); }, expect: [11, 3, "this"] },
  "AsyncResource: bind": { run: () => { const resource = als.run(12, () => new AsyncResource("R")); const bound = resource.bind(() => als.getStore()); return [bound(), bound.asyncResource === resource]; }, expect: [12, true] },
  "AsyncResource: static bind": { run: () => als.run(13, () => AsyncResource.bind((x) => [als.getStore(), x]))(4), expect: [13, 4] },
  "AsyncResource: ids are 0": { run: () => { const resource = new AsyncResource("R"); return [resource.asyncId(), resource.triggerAsyncId()]; }, expect: [0, 0] },

  "what keeps a store works in its own event": { run: async () => { const ways = keep(1); await pause(); return await give(ways); }, expect: [1, 1, 1, 1, 1] },
  "... and in no other": { run: async ({ object, call }) => { kept = keep(1); return await call(object, "give"); }, expect: Array(5).fill(kElsewhere) },
  "... not even if it kept nothing": { run: async ({ object, call }) => { kept = [AsyncLocalStorage.snapshot()]; return await call(object, "give"); }, expect: [kElsewhere] },
  "what an object kept works in no other event": { run: async ({ object, newObject, call }) => { await call(object, "keep"); return [await give(kept), await call(newObject(), "give")]; }, expect: [Array(5).fill(kElsewhere), Array(5).fill(kElsewhere)] },
  "... but in all of its object's": { run: async ({ object, call }) => { await call(object, "keep"); return await call(object, "give"); }, expect: Array(5).fill("object") },
  "what a module kept works everywhere": { run: async ({ object, call }) => { kept = ofModule; return [await give(ofModule), await call(object, "give")]; }, expect: [Array(5).fill("module"), Array(5).fill("module")] },

  "in an object: blockConcurrencyWhile and storage": { inObject: ({ state, storage }) => als.run(1, () => state.blockConcurrencyWhile(async () => { const first = als.getStore(); await storage.get("a"); return [first, als.getStore()]; })), expect: [1, 1] },
  "in an object: after a transaction": { inObject: ({ storage }) => als.run(2, async () => { await storage.transaction(async (txn) => { await txn.put("a", 1); }); await storage.sync(); return als.getStore(); }), expect: 2 },
};

export const Subject = objectClass(cases, {
  keep() { kept = keep("object"); },
  async give() { return await give(kept); },
});
export default worker(cases);

// Who runs when: turns, the input gate, the output gate and bursts of writes, as far as a script can tell.
import { failure, objectClass, thrown, worker } from "./lib.mjs";

const kRounds = 60;
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

// Sends `action` and, at the same time, ten marks to one object. What the action gives: the marks that came in while it ran.
async function against(object, call, action, argument) {
  const running = call(object, action, argument);
  const marks = Array.from({ length: 10 }, () => call(object, "mark"));
  const seen = await running;
  await Promise.all(marks);
  return seen;
}

// One operation each, awaited kRounds times.
const operations = {
  get: (storage) => storage.get("k"),
  "get of several": (storage) => storage.get(["k", "l", "none"]),
  put: (storage, i) => storage.put("k", i),
  "put of several": (storage, i) => storage.put({ k: i, l: i }),
  delete: (storage) => storage.delete("l"),
  "delete of several": (storage) => storage.delete(["l", "none"]),
  list: (storage) => storage.list(),
  getAlarm: (storage) => storage.getAlarm(),
  setAlarm: (storage) => storage.setAlarm(Date.now() + 1e8),
  deleteAlarm: (storage) => storage.deleteAlarm(),
  transaction: (storage, i) => storage.transaction(async (txn) => txn.put("k", (await txn.get("k") ?? 0) + i)),
  "get, allowConcurrency": (storage) => storage.get("k", { allowConcurrency: true }),
  "put, allowUnconfirmed": (storage, i) => storage.put("k", i, { allowUnconfirmed: true }),
};

const cases = {
  // -- Turns
  "a long chain of awaits is one turn": { run: ({ object, call }) => against(object, call, "chain"), expect: 0 },
  "microtasks of a timer end before the next timer": {
    inObject: async () => {
      const order = [];
      setTimeout(async () => { order.push("a"); await null; order.push("a, later"); }, 1);
      setTimeout(() => order.push("b"), 1);
      await wait(20);
      return order;
    }, expect: ["a", "a, later", "b"],
  },
  "microtasks go before timers": {
    inObject: async () => {
      const order = [];
      setTimeout(() => order.push("timer"), 0);
      queueMicrotask(() => { order.push("microtask"); queueMicrotask(() => order.push("its microtask")); });
      await Promise.resolve().then(() => order.push("promise"));
      await wait(5);
      return order;
    }, expect: ["microtask", "promise", "its microtask", "timer"],
  },
  "an endless chain of storage reads and awaits still ends": {
    inObject: async ({ storage }) => { let sum = 0; for (let i = 0; i < 2000; i++) sum += (await storage.get("k")) === undefined ? 1 : 0; return sum; }, expect: 2000,
  },

  // -- The input gate
  ...Object.fromEntries(Object.keys(operations).filter((name) => !name.includes("allow")).map((name) => [`nobody comes in while ${name} is awaited`, {
    run: ({ object, call }) => against(object, call, "rounds", name), expect: 0,
  }])),
  "options change no answer of awaited operations": {
    run: async ({ object, call }) => {
      for (const name of Object.keys(operations).filter((each) => each.includes("allow"))) await call(object, "rounds", name);
      return call(object, "value");
    }, expect: 59,
  },
  "a timer lets others in": { run: ({ object, call }) => against(object, call, "untilMarked", "timer"), expect: true },
  "a fetch lets others in": { run: async ({ object, call, env }) => against(object, call, "untilMarked", "fetch"), expect: true },
  "sync lets others in": { run: ({ object, call }) => against(object, call, "untilMarked", "sync"), expect: true },
  "a call to another object lets others in": { run: ({ object, call }) => against(object, call, "untilMarked", "object"), expect: true },
  "scheduler.wait lets others in": { run: ({ object, call }) => against(object, call, "untilMarked", "scheduler"), expect: true },
  "a promise that another event resolves lets it in": {
    run: async ({ object, call }) => { const waits = call(object, "waitForOther"); await call(object, "resolveOther", "from another"); return waits; }, expect: "from another",
  },
  "a section keeps all others out, whatever it awaits": {
    run: async ({ object, call }) => {
      const seen = [];
      for (const what of ["timer", "fetch", "sync", "object", "scheduler"]) seen.push(await against(object, call, "inSection", what));
      return seen;
    }, expect: [0, 0, 0, 0, 0],
  },
  "timers that were set before a section wait for its end": {
    inObject: async ({ state }) => {
      const order = [];
      setTimeout(() => order.push("timer"), 5);
      await state.blockConcurrencyWhile(async () => { await wait(30); order.push("section"); });
      order.push("after");
      await wait(20);
      return order;
    }, expect: ["section", "after", "timer"],
  },
  "code after a section runs before any other event": {
    run: async ({ object, call }) => against(object, call, "afterSection"), expect: 0,
  },
  "sections that are begun at once run one after the other": {
    inObject: async ({ state }) => {
      const order = [];
      const section = (name, ms) => state.blockConcurrencyWhile(async () => { order.push(`${name} begins`); await wait(ms); order.push(`${name} ends`); return name; });
      const names = await Promise.all([section("a", 20), section("b", 1), section("c", 5)]);
      return [names, order];
    }, expect: [["a", "b", "c"], ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]],
  },
  "a section begins at once, not in a later turn": {
    inObject: async ({ state }) => { const order = []; const done = state.blockConcurrencyWhile(() => { order.push("section"); }); order.push("after the call"); await done; return order; }, expect: ["after the call", "section"],
  },
  "a transaction begins at once, not in a later turn": {
    inObject: async ({ storage }) => { const order = []; const done = storage.transaction(() => { order.push("transaction"); }); order.push("after the call"); await done; return order; }, expect: ["after the call", "transaction"],
  },
  "a transaction waits for a section that runs": {
    inObject: async ({ state, storage }) => {
      const order = [];
      const section = state.blockConcurrencyWhile(async () => { await wait(20); order.push("section"); });
      const transaction = storage.transaction(async () => { order.push("transaction"); });
      await Promise.all([section, transaction]);
      return order;
    }, expect: ["section", "transaction"],
  },

  // -- Order of what is not awaited
  "operations that nobody awaits settle in the order of their calls": {
    inObject: async ({ storage }) => {
      const order = [];
      const note = (name) => (value) => { order.push([name, value instanceof Map ? value.size : value]); };
      storage.put("a", 1).then(note("put"));
      storage.get("a").then(note("get"));
      storage.put("a", 2).then(note("put again"));
      storage.delete("a").then(note("delete"));
      storage.get("a").then(note("get again"));
      await storage.list().then(note("list"));
      await wait(5);
      return order;
    }, expect: [["put", undefined], ["get", 1], ["put again", undefined], ["delete", true], ["get again", undefined], ["list", 0]],
  },
  "a read shows the writes before it, none behind it": {
    inObject: async ({ storage }) => {
      storage.put("a", 1);
      const first = storage.get("a"), all = storage.list();
      storage.put("a", 2);
      storage.put("b", 2);
      const second = storage.get("a");
      storage.deleteAll();
      return [await first, await second, await all, await storage.get("a")];
    }, expect: [1, 2, new Map([["a", 1]]), undefined],
  },
  "values of a list are copies of their own": {
    inObject: async ({ storage }) => {
      await storage.put("a", { n: 1 });
      const [one, other] = [await storage.list(), await storage.list()];
      one.get("a").n = 2;
      return [other.get("a"), await storage.get("a"), one.get("a") === (await storage.get("a"))];
    }, expect: [{ n: 1 }, { n: 1 }, false],
  },

  // -- Bursts
  "what threw leaves the writes before it, of one burst": {
    run: async ({ object, call }) => {
      const failed = await failure(() => call(object, "putsThenThrows"));
      return [failed, await call(object, "keys")];
    }, expect: [{ error: "Error: after the puts", remote: true }, ["a", "b"]],
  },
  "an abort takes the whole burst, not the one before it": {
    run: async ({ env, call, newObject }) => {
      const object = newObject();
      const failed = await failure(() => call(object, "burstsThenAbort"));
      return [failed, await call(env.Subject.get(object.id), "keys")];
    }, expect: [{ error: "Error: ended", remote: true, durableObjectReset: true }, ["first"]],
  },
  "an abort in a transaction takes it": {
    run: async ({ env, call, newObject }) => {
      const object = newObject();
      const failed = await failure(() => call(object, "abortsInTransaction"));
      return [failed, await call(env.Subject.get(object.id), "keys")];
    }, expect: [{ error: "Error: ended", remote: true, durableObjectReset: true }, []],
  },
  "a section that throws takes the burst that is open": {
    run: async ({ env, call, newObject }) => {
      const object = newObject();
      const failed = await failure(() => call(object, "throwsInSection"));
      return [failed, await call(env.Subject.get(object.id), "keys")];
    }, expect: [{ error: "Error: in the section", remote: true, durableObjectReset: true }, ["before"]],
  },
  "sync makes durable what an abort would take": {
    run: async ({ env, call, newObject }) => {
      const object = newObject();
      const failed = await failure(() => call(object, "syncsThenAborts", { allowUnconfirmed: true }));
      return [failed, await call(env.Subject.get(object.id), "keys")];
    }, expect: [{ error: "Error: ended", remote: true, durableObjectReset: true }, ["unconfirmed"]],
  },
  "a call to another object waits for the writes before it": {
    run: async ({ env, call, newObject }) => {
      // The other one is called after a put: when it answers, an abort can't take the put back.
      const object = newObject();
      const failed = await failure(() => call(object, "callsThenAborts", String(newObject().id)));
      return [failed, await call(env.Subject.get(object.id), "keys")];
    }, expect: [{ error: "Error: ended", remote: true, durableObjectReset: true }, ["before the call"]],
  },
  "a transaction begins when what was written before it is committed": {
    run: async ({ env, call, newObject }) => {
      const object = newObject();
      await failure(() => call(object, "putsThenAbortsInTransaction"));
      return call(env.Subject.get(object.id), "keys");
    }, expect: ["before"],
  },
  "a nested transaction's writes fall with the outer one": {
    inObject: async ({ storage }) => {
      const failed = await thrown(() => storage.transaction(async () => {
        await storage.transaction(async (inner) => { await inner.put("inner", 1); });
        throw new Error("outer");
      }));
      return [failed, await storage.list()];
    }, expect: ["Error: outer", new Map([])],
  },
  "many writes in one burst": {
    steps: [
      ({ storage }) => { for (let i = 0; i < 1000; i++) storage.put(`k${i}`, i); return "put"; },
      async ({ storage }) => { const all = await storage.list(); return [all.size, all.get("k999")]; },
    ], expect: ["put", [1000, 999]],
  },
  "an object that only read has nothing, then or later": {
    steps: [
      async ({ storage }) => [await storage.get("a"), await storage.list(), await storage.delete("a"), await storage.getAlarm()],
      async ({ storage }) => (await storage.list()).size,
    ], expect: [[undefined, new Map([]), false, null], 0],
  },
};

const ways = {
  timer: () => wait(1),
  scheduler: () => scheduler.wait(1),
  sync: (self) => { self.storage.put("n", Math.random()); return self.storage.sync(); },
  fetch: (self) => fetch(`${self.env.ECHO}/`).then((response) => response.text()),
  object: (self) => self.env.Subject.get(self.env.Subject.idFromName("the other")).fetch("http://object/action/nothing", { method: "POST", body: "0" }),
};

export default worker(cases);
export class Subject extends objectClass(cases, {
  constructed(self) { self.marks = 0; },
  nothing() { return null; },
  mark() { this.marks++; },
  async value() { return await this.storage.get("k") ?? null; },
  async keys() { return [...(await this.storage.list()).keys()]; },
  async chain() {
    const before = this.marks;
    for (let i = 0; i < 20_000; i++) await null;
    return this.marks - before;
  },
  async rounds(name) {
    const before = this.marks;
    for (let i = 0; i < kRounds; i++) await operations[name](this.storage, i);
    return this.marks - before;
  },
  // Whether a mark comes in while it awaits the same again and again.
  async untilMarked(way) {
    const before = this.marks;
    for (let tries = 0; tries < 5000 && this.marks === before; tries++) await ways[way](this);
    return this.marks > before;
  },
  inSection(way) {
    return this.state.blockConcurrencyWhile(async () => {
      const before = this.marks;
      for (let i = 0; i < 5; i++) await ways[way](this);
      return this.marks - before;
    });
  },
  async afterSection() {
    let inside;
    await this.state.blockConcurrencyWhile(async () => { await wait(20); inside = this.marks; });
    return this.marks - inside;
  },
  waitForOther() { return new Promise((done) => { this.resolve = done; }); },
  resolveOther(value) { this.resolve(value); },
  putsThenThrows() { this.storage.put("a", 1); this.storage.put("b", 2); throw new Error("after the puts"); },
  async burstsThenAbort() {
    this.storage.put("first", 1);
    await this.storage.sync();
    this.storage.put("second", 1);
    this.storage.put("third", 1);
    this.state.abort("ended");
  },
  async abortsInTransaction() {
    await this.storage.transaction(async (txn) => { await txn.put("in", 1); this.state.abort("ended"); });
  },
  async throwsInSection() {
    this.storage.put("before", 1);
    await this.state.blockConcurrencyWhile(() => { throw new Error("in the section"); });
  },
  async syncsThenAborts(options) {
    this.storage.put("unconfirmed", 1, options);
    await this.storage.sync();
    this.state.abort("ended");
  },
  async callsThenAborts(other) {
    this.storage.put("before the call", 1);
    await (await this.env.Subject.get(this.env.Subject.idFromString(other)).fetch("http://object/action/nothing", { method: "POST", body: "0" })).text();
    this.state.abort("ended");
  },
  async putsThenAbortsInTransaction() {
    this.storage.put("before", 1);
    await this.storage.transaction(async (txn) => { await txn.put("in", 1); this.state.abort("ended"); });
  },
}) {
  alarm() {}
}

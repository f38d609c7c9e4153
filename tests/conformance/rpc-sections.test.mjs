// RPC within blockConcurrencyWhile and transactions: what a section calls for comes in to it, and nobody else does.
// A callback is called once: on workerd the second call within the section waits for its end.
import { DurableObject, RpcTarget } from "cloudflare:workers";
import { failure, worker } from "./lib.mjs";

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

class Counter extends RpcTarget {
  #count = 0;
  increment(by = 1) { return (this.#count += by); }
  async callBack(f) { return [await f(1)]; }
  get missing() { return undefined; }
}
export class Subject extends DurableObject {
  marks = 0;
  log = [];
  mark() { return ++this.marks; }
  counter() { return new Counter(); }
  parts() { return { counter: new Counter(), add: (a) => a + 1, text: "t" }; }
  async callBack(f) { return [await f(1)]; }
  async slowly(f) { await pause(20); return await f(1); }
  async fetch() {
    const [client, server] = Object.values(new WebSocketPair());
    server.accept();
    server.addEventListener("message", ({ data }) => server.send(`heard ${data}`));
    return new Response(null, { status: 101, webSocket: client });
  }
  get other() { return this.env.Subject.get(this.env.Subject.newUniqueId()); }
  // What `inside` gives in a section of this object, and how many events came in meanwhile.
  async inSection(name) {
    const before = this.marks;
    const seen = await this.ctx.blockConcurrencyWhile(async () => [await inside[name](this), this.marks - before]);
    this.log.push("after");
    return seen;
  }
  inTransaction(name) { return this.ctx.storage.transaction(() => inside[name](this)); }
  async heldBefore(use) {
    const counter = await this.other.counter();
    const first = await counter.increment();
    return [first, await this.ctx.blockConcurrencyWhile(() => held[use](counter)), await counter.increment(10)];
  }
  async usedAfter() {
    const counter = await this.ctx.blockConcurrencyWhile(async () => { const c = await this.other.counter(); await c.increment(); return c; });
    return [await counter.increment(), await counter.callBack((x) => x * 5)];
  }
}
const inside = {
  counter: async (self) => { const c = await self.other.counter(); return [await c.increment(), await c.increment(2)]; },
  pipelined: (self) => self.other.counter().increment(3),
  parts: async (self) => { const { counter, add, text } = await self.other.parts(); return [await counter.increment(), await add(1), text]; },
  callBack: (self) => self.other.callBack((x) => x * 2),
  slowly: (self) => self.other.slowly((x) => x * 2),
  callBackThatFails: (self) => failure(() => self.other.callBack(() => { throw new RangeError("no"); })),
  callBackThatCalls: (self) => { const { other } = self; return other.callBack(async (x) => [x, await other.mark(), self.marks]); },
  nested: (self) => self.ctx.blockConcurrencyWhile(async () => { const c = await self.other.counter(); return [await c.increment(), await c.callBack((x) => x + 1)]; }),
  twoAtOnce: (self) => Promise.all([self.other.callBack((x) => x), self.other.callBack((x) => -x), self.other.counter().increment()]),
  webSocket: async (self) => {
    const { webSocket } = await self.other.fetch("http://other/", { headers: { upgrade: "websocket" } });
    webSocket.accept();
    webSocket.send("you");
    return await new Promise((done) => webSocket.addEventListener("message", ({ data }) => { webSocket.close(); done(data); }));
  },
};
const held = {
  increment: (counter) => counter.increment(),
  callBack: (counter) => counter.callBack((x) => x * 3),
  dup: async (counter) => { const d = counter.dup(); const seen = await d.increment(); d[Symbol.dispose](); return seen; },
};

// Ten other events are sent to the object while its section runs.
const inSection = (name, expect) => ({
  run: async ({ env }) => {
    const object = env.Subject.get(env.Subject.newUniqueId());
    const running = object.inSection(name);
    const marks = Array.from({ length: 10 }, () => object.mark());
    const seen = await running;
    return [seen, (await Promise.all(marks)).at(-1)];
  }, expect: [[expect, 0], 10],
});
const inTransaction = (name, expect) => ({ run: async ({ env }) => await env.Subject.get(env.Subject.newUniqueId()).inTransaction(name), expect });
const before = (use, expect) => ({ run: async ({ env }) => await env.Subject.get(env.Subject.newUniqueId()).heldBefore(use), expect });

const cases = {
  "blockConcurrencyWhile: a stub that a call gave": inSection("counter", [1, 3]),
  "blockConcurrencyWhile: a call on what is not there yet": inSection("pipelined", 3),
  "blockConcurrencyWhile: stubs in what a call gave": inSection("parts", [1, 2, "t"]),
  "blockConcurrencyWhile: a callback": inSection("callBack", [2]),
  "blockConcurrencyWhile: a callback, later": inSection("slowly", 2),
  "blockConcurrencyWhile: a callback that throws": inSection("callBackThatFails", { error: "RangeError: no", remote: true }),
  "blockConcurrencyWhile: a callback that calls": inSection("callBackThatCalls", [[1, 1, 0]]),
  "blockConcurrencyWhile in another: a stub and a callback": inSection("nested", [1, [2]]),
  "blockConcurrencyWhile: several sessions": inSection("twoAtOnce", [[1], [-1], 1]),
  "blockConcurrencyWhile: a WebSocket": inSection("webSocket", "heard you"),
  "transaction: a stub that a call gave": inTransaction("counter", [1, 3]),
  "transaction: a callback": inTransaction("callBack", [2]),
  "blockConcurrencyWhile: a stub of before": before("increment", [1, 2, 12]),
  "blockConcurrencyWhile: a stub of before that calls back": before("callBack", [1, [3], 11]),
  "blockConcurrencyWhile: a stub of before, twice held": before("dup", [1, 2, 12]),
  "a stub of within blockConcurrencyWhile, after it": { run: async ({ env }) => await env.Subject.get(env.Subject.newUniqueId()).usedAfter(), expect: [2, [5]] },
};

export default worker(cases);

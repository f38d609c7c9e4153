// RPC between objects of two shards: callbacks, order, streams, and what becomes of sessions when an end goes away.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { corePid, kSanitized, startLimpet, until } from "./lib.mjs";

// The Worker runs `inWorker`s: /case/NAME?n=N. Of the N named objects some pair is on two shards (all but one run in 2^N).
const code = (version) => `
import { DurableObject, RpcTarget } from "cloudflare:workers";
const kVersion = ${JSON.stringify(version)};
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const said = async (promise) => { try { return ["value", await promise]; } catch (error) {
  return [error.name + ": " + error.message, { remote: error.remote, overloaded: error.overloaded, reset: error.durableObjectReset }];
} };
class Tally extends RpcTarget {
  constructor(owner) { super(); this.owner = owner; this.count = 0; owner.live++; }
  add(by = 1) { return (this.count += by); }
  async slow(ms) { await pause(ms); return this.count; }
  version() { return kVersion; }
  self() { return this; }
  abort() { this.owner.ctx.abort("aborted by a call"); }
  spin() { for (;;) {} }
  hoard() { const all = []; for (;;) all.push(new Array(1000).fill(Math.random())); }
  async forget() { this.kept = undefined; }
  [Symbol.dispose]() { this.owner.live--; this.owner.disposed++; }
}
export class Peer extends DurableObject {
  live = 0; disposed = 0; order = []; born = Math.random();
  hold() { this.held = true; return new Promise((done) => { this.letGo = done; }); }  // Stays in memory until release().
  isHeld() { return this.held ?? false; }
  release() { this.letGo(); }
  version() { return kVersion; }
  birth() { return this.born; }
  counts() { return { live: this.live, disposed: this.disposed }; }
  tally() { return new Tally(this); }
  echo(value) { return value; }
  sizeOf(value) { return value.byteLength; }
  make(bytes) { return new Uint8Array(bytes); }
  async callBack(f, times) { let sum = 0; for (let n = 0; n < times; n++) sum += await f(n); return sum; }
  note(n) { this.order.push(n); }
  async noted() { return this.order; }
  // A calls B with a function of its own; B calls it, and gives A one that calls A again.
  async both(name, turns) {
    let here = 0;
    const other = this.env.Peer.getByName(name);
    using made = await other.answerBoth((n) => { here += n; return here; });
    let there = 0;
    for (let n = 0; n < turns; n++) there = await made(n);
    return { here, there };
  }
  async answerBoth(f) {
    const kept = f.dup();
    return async (n) => (await kept(n)) * 2;
  }
  async keep(name) { this.kept = await this.env.Peer.getByName(name).tally(); return await this.kept.add(); }
  async use() { return await this.kept.add(); }
  async useSaid() { return await said(this.kept.add()); }
  async watch() { this.broke = []; this.kept.onRpcBroken((error) => this.broke.push(error.message)); }
  async broken() { return this.broke; }
  async drop() { this.kept[Symbol.dispose](); }
  stream(chunks, size) {
    this.pulled = 0;
    return new ReadableStream({ type: "bytes", pull: (c) => {
      if (this.pulled++ === chunks) return c.close();
      c.enqueue(new Uint8Array(size).fill(this.pulled));
    } }, { highWaterMark: 0 });
  }
  pulls() { return this.pulled; }
}
const cases = {
  async both({ env, n }) {
    const out = [];
    for (let a = 0; a < n; a++) out.push(await env.Peer.getByName("both" + a).both("both" + (a + 1) % n, 20));
    return out;
  },
  async callbacks({ env, n }) {
    return await Promise.all(Array.from({ length: n }, (_, a) => env.Peer.getByName("cb" + a).callBack((k) => k, 25)));
  },
  async order({ env, n }) {
    const out = [];
    for (let a = 0; a < n; a++) {
      const peer = env.Peer.get(env.Peer.newUniqueId());
      const calls = [];
      for (let k = 0; k < 200; k++) calls.push(peer.note(k));
      await Promise.all(calls);
      out.push((await peer.noted()).every((each, at) => each === at));
      using tally = await peer.tally();  // Through a pipe.
      const sums = [];
      for (let k = 0; k < 200; k++) sums.push(tally.add());
      out.push((await Promise.all(sums)).every((each, at) => each === at + 1));
    }
    return out;
  },
  async many({ env, n }) {
    using tally = await env.Peer.getByName("many").tally();
    for (let k = 0; k < n; k++) await tally.add();
    return await tally.add(0);
  },
  async manyBack({ env, n }) { return await env.Peer.getByName("many").callBack((k) => 1, n); },
  async manyStubs({ env, n }) {
    using tally = await env.Peer.getByName("many").tally();
    for (let k = 0; k < n; k++) { using again = await tally.self(); }
    return await env.Peer.getByName("many").counts();
  },
  async ends({ env, ctx, url }) {  // Ends with what it holds held.
    const name = url.searchParams.get("name");
    for (let k = 0; k < 5; k++) globalThis["held" + k] = await env.Peer.getByName(name).tally();
    return await env.Peer.getByName(name).counts();
  },
  counts: ({ env, url }) => env.Peer.getByName(url.searchParams.get("name")).counts(),
  async reset({ env, url }) {
    const how = url.searchParams.get("how");
    const peer = env.Peer.getByName("reset-" + how);
    const before = await peer.birth();
    const tally = await peer.tally();
    const broke = [];
    tally.onRpcBroken((error) => broke.push(error.message));
    await tally.add();
    const under = [said(tally.slow(60000)), said(tally.self().slow(60000)), said(tally[how]())];
    const ended = await Promise.all(under);
    const later = await said(tally.add());
    const same = await said(peer.birth());
    const fresh = await said(env.Peer.getByName("reset-" + how).birth());
    return { ended, later, same, broke: broke.length, fresh: fresh[0] === "value" && fresh[1] !== before };
  },
  async large({ env, url }) {
    const bytes = Number(url.searchParams.get("bytes"));
    const peer = env.Peer.getByName("large");
    return [await said(peer.sizeOf(new Uint8Array(bytes))), await said(peer.make(bytes).then((all) => all.byteLength)), await said(peer.echo("fine"))];
  },
  async slowReader({ env, n }) {
    const peer = env.Peer.getByName("stream");
    const reader = (await peer.stream(n, 65536)).getReader();
    let bytes = 0, ahead = 0;
    for (let k = 0; ; k++) {
      const { done, value } = await reader.read();
      if (done) break;
      bytes += value.byteLength;
      if (k % 32 === 0) { await pause(5); ahead = Math.max(ahead, await peer.pulls() - k); }
    }
    return { bytes, ahead };
  },
  async deployed({ env, url }) {
    const peer = env.Peer.getByName("deployed");
    const tally = await peer.tally();
    const version = await tally.version();
    const ended = await said(tally.slow(60000));
    return { version, ended, later: await said(tally.add()) };
  },
};
export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    const [, kind, name, method, argument] = url.pathname.split("/");
    if (kind === "case") return Response.json(await cases[name]({ env, ctx, url, n: Number(url.searchParams.get("n")) }));
    if (kind === "peer") return Response.json((await env.Peer.getByName(name)[method](argument)) ?? null);
    return new Response(kVersion);
  },
};`;

let server;
const script = { name: "rpc", classes: ["Peer"], sqlite: true };
const flags = ["--cpu-ms", "8000", "--memory-mb", "256", "--idle-evict-ms", "300", "--roll-grace", "1"];
before(async () => {
  server = await startLimpet({ shards: 2, flags });
  await server.deploy({ ...script, code: code("one") });
});
after(() => server?.stop("SIGKILL"));

async function json(path, expected = 200) {
  const answer = await server.fetch("rpc", path, { timeoutMs: 60_000 });
  assert.equal(answer.status, expected, answer.body);
  return JSON.parse(answer.body);
}
const run = (name, query = "") => json(`/case/${name}?${query}`);
const peer = (name, method, argument = "") => json(`/peer/${name}/${method}/${argument}`);
const options = { timeout: 300_000 };
// Keeps an object in memory, also if the next question to it is late; resolves with what lets go of it.
async function hold(name) {
  const held = peer(name, "hold");
  await until(`${name} to be held`, () => peer(name, "isHeld"));
  return async () => { await peer(name, "release"); await held; };
}
const residentBytes = () => Number(readFileSync(`/proc/${corePid(server.pid)}/status`, "utf8").match(/VmRSS:\s+(\d+)/)[1]) * 1024;
const kMebibyte = 1 << 20;

test("callbacks go both ways between objects of any two shards", options, async () => {
  const sum = 19 * 20 / 2;
  for (const each of await run("both", "n=12")) assert.equal(each.here, sum, JSON.stringify(each));
  assert.deepEqual(await run("callbacks", "n=12"), new Array(12).fill(24 * 25 / 2));
});

test("calls of one stub arrive in order, without a pipe and through one", options, async () => {
  assert.deepEqual(await run("order", "n=6"), new Array(12).fill(true));
});

test("10,000 calls in one session, of either side, and 10,000 stubs keep memory flat", { ...options, skip: kSanitized }, async () => {
  await run("many", "n=3000");
  await run("manyBack", "n=3000");
  await run("manyStubs", "n=3000");
  const before = residentBytes();
  assert.equal(await run("many", "n=10000"), 10000);
  assert.equal(await run("manyBack", "n=10000"), 10000);
  await run("manyStubs", "n=10000");
  const grown = residentBytes() - before;
  assert.ok(grown < 48 * kMebibyte, `grew by ${Math.round(grown / kMebibyte)} MiB`);
});

test("the end of a request disposes what it held", options, async () => {
  const letGo = await hold("ends");
  const { live, disposed } = await run("ends", "name=ends");
  assert.deepEqual({ live, disposed }, { live: 5, disposed: 0 });
  await until("the targets to be disposed", async () => {
    const counts = await run("counts", "name=ends");
    return counts.live === 0 && counts.disposed === 5;
  });
  await letGo();
});

test("a stub that an object keeps holds its target in memory, for as long as the object is there itself", options, async () => {
  const letGoOfHolder = await hold("holder");
  const holder = await peer("holder", "birth");
  assert.equal(await peer("holder", "keep", "kept"), 1);
  const kept = await peer("kept", "birth");
  const evictions = await server.metric("limpet_object_evictions_total");
  await until("others to be evicted", async () => {  // More than once the time after which the target's object would be.
    await peer("passing" + Math.random(), "birth");
    assert.equal(await peer("holder", "birth"), holder);
    return (await server.metric("limpet_object_evictions_total")) > evictions + 5;
  });
  assert.equal(await peer("holder", "use"), 2);
  assert.equal(await peer("kept", "birth"), kept);
  const letGoOfKept = await hold("kept");
  await peer("holder", "drop");
  await until("the target to be disposed", async () => (await peer("kept", "counts")).live === 0);
  assert.equal(await peer("holder", "keep", "kept"), 1);
  await letGoOfKept();
  assert.equal(await peer("kept", "birth"), kept);
  await letGoOfHolder();
  await until("the idle holder to leave memory, and the target's object after it", async () => {
    await new Promise((done) => setTimeout(done, 700));  // Asking keeps them.
    return (await peer("holder", "birth")) !== holder && (await peer("kept", "birth")) !== kept;
  });
  assert.deepEqual(await peer("kept", "counts"), { live: 0, disposed: 0 });
});

for (const [how, text] of [["abort", /aborted by a call/], ["spin", /exceeded its CPU time limit/]]) {
  test(`the callee's reset by ${how} ends the calls under way through a pipe, and the stub`, options, async () => {
    const { ended, later, same, broke, fresh } = await run("reset", `how=${how}`);
    assert.equal(ended.length, 3);
    for (const [said, flags] of ended) {
      assert.match(said, text);
      assert.deepEqual(flags, { remote: true, reset: true, ...(how === "spin" ? { overloaded: true } : {}) });
    }
    assert.match(later[0], /no longer running/);
    assert.match(same[0], text, "the stub of the object is broken too");
    assert.equal(broke, 1);
    assert.ok(fresh, "a new stub reaches a new instance");
  });
}

test("a callee over the memory limit ends its callers with an error, never silence", options, async () => {
  const answer = await server.fetch("rpc", "/case/reset?how=hoard", { timeoutMs: 60_000 });
  assert.ok([200, 503].includes(answer.status), `${answer.status} ${answer.body}`);
  if (answer.status === 200) assert.ok(JSON.parse(answer.body).ended.every(([said]) => said !== "value"));
  assert.equal(await peer("after-memory", "echo", "x"), "x");
});

test("arguments and results of 32 MiB at most", options, async () => {
  const own = await startLimpet({ shards: 2 });  // Copies of such values take seconds of CPU on a busy machine.
  await own.deploy({ ...script, code: code("large") });
  const run = async (name, query) => {
    const answer = await own.fetch("rpc", `/case/${name}?${query}`, { timeoutMs: 60_000 });
    assert.equal(answer.status, 200, answer.body);
    return JSON.parse(answer.body);
  };
  assert.deepEqual(await run("large", `bytes=${31 * kMebibyte}`), [["value", 31 * kMebibyte], ["value", 31 * kMebibyte], ["value", "fine"]]);
  const [argument, result, after] = await run("large", `bytes=${33 * kMebibyte}`);
  assert.match(argument[0], /Serialized RPC arguments or return values are limited to 32MiB/);
  assert.match(result[0], /Serialized RPC arguments or return values are limited to 32MiB/);
  assert.deepEqual(after, ["value", "fine"]);
  await own.stop("SIGKILL");
});

test("a stream's reader sets the pace of its source", options, async () => {
  const { bytes, ahead } = await run("slowReader", "n=512");
  assert.equal(bytes, 512 * 65536);
  assert.ok(ahead <= 34, `the source was ${ahead} chunks ahead`);
});

test("a deploy breaks open sessions with an error; new calls meet the new version", options, async () => {
  assert.equal(await peer("holder2", "keep", "deployed2"), 1);
  await peer("holder2", "watch");
  const running = run("deployed");
  await until("the call to run", async () => (await peer("deployed", "counts")).live > 0);
  await server.deploy({ ...script, newClasses: [], code: code("two") });
  const { version, ended, later } = await running;
  assert.equal(version, "one");
  assert.match(ended[0], /its code was updated|canceled/);
  assert.match(later[0], /no longer running|canceled/);
  assert.equal(await peer("deployed", "version"), "two");
  assert.equal(await peer("holder2", "version"), "two");
  assert.equal(await peer("holder2", "keep", "deployed2"), 1, "a new target");
});

// What goes on when a client leaves before its answer: an object's work does, a Worker's does while waitUntil() holds it.
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";
import { startLimpet, until } from "./lib.mjs";

let server;
before(async () => { server = await startLimpet({ shards: 1 }); });
after(() => server?.stop("SIGKILL"));

const kCode = `
let left = 0;
export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    const gate = env.Gate.get(env.Gate.idFromName("gate")), note = (what) => gate.fetch("http://gate/note/" + what);
    if (pathname === "/left") return Response.json(left);
    if (pathname.startsWith("/gate/")) return gate.fetch("http://gate" + pathname.slice(5));
    request.signal.addEventListener("abort", () => { left++; });
    if (pathname === "/inner/left" || pathname.startsWith("/call/")) return env.INNER.fetch(request);
    if (pathname.startsWith("/rpc/")) return new Response(await env.INNER.work(pathname));
    if (pathname === "/keeps/call") { const called = env.INNER.fetch("http://inner/keeps/call"); ctx.waitUntil(called); return called; }
    if (pathname === "/drops") {
      const reader = (await env.INNER.fetch("http://inner/stream")).body.getReader();
      await reader.read();
      await reader.cancel();
      return new Response("dropped");
    }
    if (pathname === "/object") return env.Busy.get(env.Busy.idFromName("busy")).fetch(request);
    await note("begun");
    if (pathname === "/held") ctx.waitUntil(gate.fetch("http://gate/wait").then(() => note("waited")));
    await gate.fetch("http://gate/wait");
    await note("went on");
    return new Response("answer");
  },
};
export class Busy {
  constructor(state, env) { this.storage = state.storage; this.env = env; }
  async fetch() {
    const gate = this.env.Gate.get(this.env.Gate.idFromName("gate"));
    await gate.fetch("http://gate/note/begun");
    await gate.fetch("http://gate/wait");
    await this.storage.put("done", true);
    await gate.fetch("http://gate/note/done");
    return new Response("answer");
  }
}
export class Gate {
  notes = []; waiting = [];
  async fetch(request) {
    const [, what, text] = new URL(request.url).pathname.split("/");
    if (what === "note") this.notes.push(decodeURIComponent(text));
    if (what === "wait") await new Promise((done) => this.waiting.push(done));
    if (what === "open") this.waiting.splice(0).forEach((open) => open());
    if (what === "clear") this.notes = [];
    return Response.json({ notes: this.notes, waiting: this.waiting.length });
  }
}`;

// A Worker that another one calls. It holds its work by waitUntil() if the path says so.
const kInner = `
import { WorkerEntrypoint } from "cloudflare:workers";
let left = 0;
export default class extends WorkerEntrypoint {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/inner/left") return Response.json(left);
    request.signal.addEventListener("abort", () => { left++; });
    if (pathname === "/stream") return new Response(new ReadableStream({ pull(controller) { controller.enqueue(new Uint8Array(10)); } }));
    return new Response(await this.work(pathname));
  }
  async work(pathname) {
    const gate = this.env.Gate.get(this.env.Gate.idFromName("gate")), note = (what) => gate.fetch("http://gate/note/" + what);
    await note("begun");
    if (pathname.endsWith("/held")) this.ctx.waitUntil(gate.fetch("http://gate/wait").then(() => note("waited")));
    await gate.fetch("http://gate/wait");
    await note("went on");
    return "answer";
  }
}`;

const gate = async (what) => JSON.parse((await server.fetch("leaving", "/gate/" + what)).body);

async function leave(path, waiting) {
  await gate("clear");
  const sent = http.get({ host: "127.0.0.1", port: server.port, path, headers: { host: "leaving.localhost" } });
  sent.on("error", () => {});
  await until("it waits", async () => (await gate("see")).waiting === waiting);
  const leftBefore = (await server.fetch("leaving", "/left")).body;
  sent.destroy();
  await until("the server has seen it", async () => (await server.fetch("leaving", "/left")).body !== leftBefore);
}

const leftInside = async () => (await server.fetch("leaving", "/inner/left")).body;

async function deployAll() {
  const compatibilityDate = "2026-11-17";
  await server.deploy({ name: "gates", code: kCode, classes: ["Busy", "Gate"], compatibilityDate });
  const bindings = ["Busy", "Gate"].map((name) => ({ type: "durable_object_namespace", name, class_name: name, script_name: "gates" }));
  await server.deploy({ name: "inner", code: kInner, metadata: { bindings }, compatibilityDate });
  await server.deploy({ name: "leaving", code: kCode, metadata: { bindings: [...bindings, { type: "service", name: "INNER", service: "inner" }] }, compatibilityDate });
}

test("an object goes on with a request whose client has left", { timeout: 300_000 }, async () => {
  await deployAll();
  await leave("/object", 1);
  await gate("open");
  await until("it is done", async () => (await gate("see")).notes.includes("done"));
  assert.deepEqual((await gate("see")).notes, ["begun", "done"]);
});

test("a Worker ends with its client", { timeout: 300_000 }, async () => {
  await leave("/worker", 1);
  await gate("open");
  for (let round = 0; round < 5; round++) await gate("see");
  assert.deepEqual((await gate("see")).notes, ["begun"]);
});

test("a Worker goes on without its client while waitUntil() holds it", { timeout: 300_000 }, async () => {
  await leave("/held", 2);
  await gate("open");
  await until("all of it is done", async () => (await gate("see")).notes.length === 3);
  assert.deepEqual((await gate("see")).notes.sort(), ["begun", "waited", "went on"]);
});

for (const way of ["call", "rpc"]) {
  test(`a Worker ends with its caller (${way})`, { timeout: 300_000 }, async () => {
    const before = await leftInside();
    await leave(`/${way}/plain`, 1);
    if (way === "call") await until("it has heard", async () => (await leftInside()) !== before);
    await gate("open");
    for (let round = 0; round < 5; round++) await gate("see");
    assert.deepEqual((await gate("see")).notes, ["begun"]);
  });

  test(`a Worker goes on without its caller while waitUntil() holds it (${way})`, { timeout: 300_000 }, async () => {
    await leave(`/${way}/held`, 2);
    await gate("open");
    await until("what is held is done", async () => (await gate("see")).notes.includes("waited"));
  });
}

test("a Worker goes on if its caller's waitUntil() holds the call", { timeout: 300_000 }, async () => {
  await leave("/keeps/call", 1);
  await gate("open");
  await until("it is done", async () => (await gate("see")).notes.includes("went on"));
});

test("a Worker whose answer is dropped is told", { timeout: 300_000 }, async () => {
  const before = await leftInside();
  assert.equal((await server.fetch("leaving", "/drops")).body, "dropped");
  await until("it has heard", async () => (await leftInside()) !== before);
});

// Tail Workers on a running server: who is told of what, across shards and kinds of events, and what does no harm.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { api, limpet, startLimpet, until } from "./lib.mjs";
import { project, wrangler } from "./wrangler.mjs";

let server;
before(async () => {
  server = await startLimpet({ shards: 2 });
  // Keeps what it is told in an object, since each shard has a memory of its own.
  await server.deploy({ name: "ear", classes: ["Memory"], code: `
    import { DurableObject } from "cloudflare:workers";
    export class Memory extends DurableObject {
      async add(items) { for (const item of items) await this.ctx.storage.put(crypto.randomUUID(), item); }
      async all() { return [...(await this.ctx.storage.list()).values()]; }
    }
    const memory = (env) => env.Memory.get(env.Memory.idFromName("all"));
    export default {
      async tail(events, env) { await memory(env).add(JSON.parse(JSON.stringify(events))); },
      async fetch(request, env) { return Response.json(await memory(env).all()); },
    };` });
});
after(() => server?.stop());

const heard = async () => JSON.parse((await server.fetch("ear")).body);
const find = (what, wanted) => until(what, async () => (await heard()).find(wanted));
const consumers = (...names) => ({ tail_consumers: names.map((service) => ({ service })) });
const kPlain = `export default { fetch(request) { console.log(new URL(request.url).pathname); return new Response("ok", { status: 202 }); } };`;
const said = (word) => (item) => item.logs[0]?.message[0] === word;

test("events of every kind come with what they are", async () => {
  await server.deploy({ name: "mouth", classes: ["Boat"], metadata: consumers("ear"), code: `
    import { DurableObject } from "cloudflare:workers";
    export class Boat extends DurableObject {
      sail() { console.log("sails"); return 1; }
      async wake() { await this.ctx.storage.setAlarm(Date.now()); }
      alarm() { console.log("alarmed"); }
    }
    export default {
      async fetch(request, env) {
        const { pathname } = new URL(request.url);
        console.log(pathname);
        const boat = env.Boat.get(env.Boat.idFromName("b"));
        if (pathname === "/boat") { await boat.sail(); await boat.wake(); }
        if (pathname === "/throw") throw new RangeError("thrown");
        return new Response("ok", { status: 202 });
      },
    };` });
  await server.fetch("mouth", "/boat");
  const request = await find("the request", said("/boat"));
  assert.deepEqual([request.outcome, request.scriptName, request.event.request.method, request.event.response, request.executionModel],
                   ["ok", "mouth", "GET", { status: 202 }, "stateless"]);
  assert.match(request.scriptVersion.id, /^[0-9a-f-]{36}$/);
  assert.ok(Math.abs(request.eventTimestamp - Date.now()) < 600_000);
  const call = await find("the call", said("sails"));
  assert.deepEqual([call.entrypoint, call.event, call.executionModel], ["Boat", { rpcMethod: "sail" }, "durableObject"]);
  assert.match(call.durableObjectId, /^[0-9a-f]{64}$/);
  const alarm = await find("the alarm", said("alarmed"));
  assert.match(alarm.event.scheduledTime, /^\d{4}-.*Z$/);
  await server.fetch("mouth", "/throw");
  const thrown = await find("the exception", said("/throw"));
  assert.deepEqual([thrown.outcome, thrown.exceptions[0].name, thrown.exceptions[0].message], ["exception", "RangeError", "thrown"]);
});

test("a consumer that is gone, throws or listens to itself does no harm", async () => {
  await server.deploy({ name: "thrower", code: `export default { tail() { throw new Error("no"); } };` });
  await server.deploy({ name: "echo", metadata: consumers("nobody", "thrower", "echo", "ear"), code: `
    let told = 0;
    export default {
      fetch(request) { console.log(new URL(request.url).pathname); return new Response(String(told)); },
      tail(events) { told += events.length; console.log("in tail"); },
    };` });
  await server.fetch("echo", "/echo");
  await find("the request", said("/echo"));
  // One event is one: tail() itself is told to nobody.
  for (let i = 0; i < 10; i++) await server.fetch("echo", "/again");
  assert.equal((await heard()).filter(said("in tail")).length, 0);
});

test("consumers are the script's: a change of settings counts at once, and goes through versions", async () => {
  await server.deploy({ name: "late", code: kPlain });
  await server.fetch("late", "/unheard");
  const patched = await api(server, "PATCH", "/workers/scripts/late/script-settings",
                            { body: JSON.stringify(consumers("ear")), headers: { "content-type": "application/json" } });
  assert.equal(patched.json?.success, true, patched.body);
  await server.fetch("late", "/heard");
  await find("the request", said("/heard"));
  assert.equal((await heard()).filter(said("/unheard")).length, 0);
  const refused = await api(server, "DELETE", "/workers/scripts/ear");
  assert.equal(refused.json.errors[0].code, 10064);
  const producers = (await api(server, "GET", "/workers/tails/by-consumer/ear")).json.result.map((each) => each.producer.script);
  assert.deepEqual(producers.sort(), ["echo", "late", "mouth"]);
});

test("the tool and wrangler send tail_consumers", async () => {
  const files = (name) => ({ "wrangler.jsonc": { name, main: "a.mjs", compatibility_date: "2026-03-01", tail_consumers: [{ service: "ear" }] }, "a.mjs": kPlain });
  const tool = project(files("by-tool"));
  const published = await limpet(["publish", "--server", server.admin, "--token", server.token], { cwd: tool.folder });
  assert.equal(published.code, 0, published.stderr);
  await server.fetch("by-tool", "/by-tool");
  await find("the tool's", said("/by-tool"));
  const { folder } = project(files("by-wrangler"));
  for (const path of ["/first", "/second"]) {
    const deployed = await wrangler(server, "4.164", ["deploy"], { cwd: folder });
    assert.equal(deployed.code, 0, deployed.text);
    await server.fetch("by-wrangler", path);
    await find("wrangler's", said(path));
  }
});

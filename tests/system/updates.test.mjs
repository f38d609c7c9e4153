// Code updates of running objects: strategies, preShutdown.
import assert from "node:assert/strict";
import dns from "node:dns";
import { after, before, test } from "node:test";
import { api, startLimpet, tryDeploy, until } from "./lib.mjs";

let server;
before(async () => { server = await startLimpet({ flags: ["--idle-evict-ms", "300"] }); });
after(() => server?.stop());

// "NAME.localhost" is this machine for Node's WebSocket, too.
const lookup = dns.lookup;
dns.lookup = (host, options, done) => (host.endsWith(".localhost") ? lookup("127.0.0.1", options, done) : lookup(host, options, done));

const code = (version, body = "") => `
  export default { fetch(request, env) { return env.Thing.get(env.Thing.idFromName(new URL(request.url).hostname)).fetch(request); } };
  export class Thing {
    constructor(state) { this.state = state; this.count = 0; }
    async fetch(request) {
      const path = new URL(request.url).pathname;
      if (path === "/socket") {
        const [client, mine] = Object.values(new WebSocketPair());
        this.state.acceptWebSocket(mine);
        return new Response(null, { status: 101, webSocket: client });
      }
      if (path === "/hold") {
        await this.state.storage.put("held", true);
        await new Promise(() => {});
      }
      return Response.json({ version: ${version}, count: ++this.count, sum: (await this.state.storage.get("sum")) ?? 0, held: await this.state.storage.get("held"), told: await this.state.storage.get("told") });
    }
    webSocketMessage(socket, message) { socket.send(message + " ${version}"); }
    ${body}
  }`;
const script = (name, version, strategy, body) =>
  ({ name, code: code(version, body), classes: ["Thing"], newClasses: version === 1 ? undefined : [], metadata: { code_update_strategy: strategy } });
const get = async (name, path = "/", from = server) => JSON.parse((await from.fetch(name, path)).body);
const socketTo = async (name) => {
  const socket = new WebSocket(`ws://${name}.localhost:${server.port}/socket`);
  socket.received = [];
  socket.closed = 0;
  socket.onmessage = ({ data }) => socket.received.push(data);
  socket.onclose = () => socket.closed++;
  await new Promise((done, fail) => { socket.onopen = done; socket.onerror = fail; });
  return socket;
};
const starts = () => server.metric("limpet_object_starts_total");

test("an immediate update ends what runs, a deferred one waits until the object is idle; hibernatable sockets outlive both", async () => {
  await server.deploy(script("now", 1));
  const socket = await socketTo("now");
  const hold = server.fetch("now", "/hold");
  await until("the request to run", async () => (await get("now")).held === true);
  await server.deploy(script("now", 2, { mode: "immediate" }));
  const ended = await hold;
  assert.equal(ended.status, 500, "its caller hears why, and nobody caught it");
  assert.deepEqual(await get("now"), { version: 2, count: 1, sum: 0, held: true });
  socket.send("after");
  await until("the answer of the new code", () => socket.received.includes("after 2"));

  await server.deploy(script("now", 3, { mode: "deferred", max_delay: 60 }));
  // Within less than its idle time after the last event the old instance serves on; later the new one does.
  const first = await get("now");
  assert.ok((first.version === 2 && first.count === 2) || first.version === 3, JSON.stringify(first));
  await until("the object to be idle, and the new code", async () => {
    await new Promise((done) => setTimeout(done, 400));
    return (await get("now")).version === 3;
  });
  socket.send("again");
  await until("the answer of the newest code", () => socket.received.includes("again 3"));
  assert.equal(socket.closed, 0);
  socket.close();
});

test("a deferred update keeps a busy object on its code, and a delay of nothing does not", async () => {
  await server.deploy(script("busy", 1));
  const hold = server.fetch("busy", "/hold");
  await until("the request to run", async () => (await get("busy")).held === true);
  await server.deploy(script("busy", 2, { mode: "deferred" }));
  assert.equal((await get("busy")).version, 1);
  assert.equal((await get("busy")).version, 1, "new requests go to the old instance, too");
  await server.deploy(script("busy", 3, { mode: "deferred", max_delay: 0 }));
  assert.equal((await hold).status, 500, "the object ends at once; the Worker that waits for it catches nothing");
  assert.equal((await get("busy")).version, 3);
});

test("deployments show their strategy; what makes no sense is refused", async () => {
  await server.deploy(script("shown", 1, { mode: "deferred" }));
  const list = async () => (await api(server, "GET", "/workers/scripts/shown/deployments")).json.result.deployments;
  assert.deepEqual((await list())[0].code_update_strategy, { mode: "deferred", max_delay: 300 });
  const [{ version_id }] = (await list())[0].versions;
  const again = (strategy) => api(server, "POST", "/workers/scripts/shown/deployments",
    { body: JSON.stringify({ strategy: "percentage", versions: [{ version_id, percentage: 100 }], code_update_strategy: strategy }), headers: { "content-type": "application/json" } });
  assert.equal((await again({ mode: "immediate" })).json.success, true);
  assert.deepEqual((await list())[0].code_update_strategy, { mode: "immediate" });
  for (const bad of [{ mode: "immediate", max_delay: 60 }, { mode: "deferred", max_delay: 100_000 }, { mode: "soon" }]) {
    const refused = (await again(bad)).json;
    assert.equal(refused.errors[0].code, 10021);
    assert.match(refused.errors[0].message, /code_update_strategy/);
    assert.equal((await tryDeploy(server, script("shown", 2, bad))).json.errors[0].code, 10021);
  }
  await again(undefined);
  assert.equal("code_update_strategy" in (await list())[0], false);
});

test("preShutdown runs before a planned end, and what it writes is there for the next instance", async () => {
  const lastWords = `async preShutdown({ reason }) {
    await this.state.storage.put("sum", ((await this.state.storage.get("sum")) ?? 0) + this.count);
    await scheduler.wait(5);
    const told = (await this.state.storage.get("told")) ?? [];
    this.state.storage.put("told", [...told, reason]);
  }`;
  const patient = await startLimpet();  // Here nothing is evicted before the deploy.
  await patient.deploy(script("words", 1, undefined, lastWords));
  await get("words", "/", patient);
  await get("words", "/", patient);
  await patient.deploy(script("words", 2, undefined, lastWords));
  assert.deepEqual(await get("words", "/", patient), { version: 2, count: 1, sum: 2, told: ["codeUpdated"] });
  await patient.stop();
  await server.deploy(script("words", 1, undefined, lastWords));
  assert.deepEqual(await get("words"), { version: 1, count: 1, sum: 0 });
  const before = await starts();
  await until("the object to leave memory", async () => (await server.metric("limpet_objects_live")) === 0);
  assert.deepEqual(await get("words"), { version: 1, count: 1, sum: 1, told: ["inactive"] });
  assert.equal(await starts(), before + 1);
});

test("a preShutdown that throws, or never ends, holds nobody up for long", { timeout: 300_000 }, async () => {
  await server.deploy(script("throws", 1, undefined, `preShutdown() { this.state.storage.put("told", "thrown"); throw new Error("no last words"); }`));
  await get("throws");
  await server.deploy(script("throws", 2));
  assert.deepEqual(await get("throws"), { version: 2, count: 1, sum: 0, told: "thrown" });
  await server.deploy(script("hangs", 1, undefined, `async preShutdown() { this.state.storage.put("told", "hangs"); await new Promise(() => {}); }`));
  await get("hangs");
  await server.deploy(script("hangs", 2));
  assert.deepEqual(await get("hangs"), { version: 2, count: 1, sum: 0, told: "hangs" });
  await until("the log", () => /preShutdown\(\) took too long/.test(server.running.stderr));
});

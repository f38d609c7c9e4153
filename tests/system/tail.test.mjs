// Tails: what a script's events did, told live: to wrangler, to our own tool, to any WebSocket.
import assert from "node:assert/strict";
import net from "node:net";
import { after, before, test } from "node:test";
import { api, kLimpet, limpet, run, startLimpet, until } from "./lib.mjs";
import { startWrangler, temporaryProject } from "./wrangler.mjs";

const kCode = `
  import { DurableObject } from "cloudflare:workers";
  export class Boat extends DurableObject {
    async sail(where) { console.warn("sailing to", where); await this.ctx.storage.put("where", where); console.log("written"); return where; }
    async rock() { throw new RangeError("a rock"); }
    async alarm() { console.log("the alarm"); }
    async wake() { await this.ctx.storage.setAlarm(Date.now()); }
    fetch() {
      const pair = new WebSocketPair();
      this.ctx.acceptWebSocket(pair[1]);
      return new Response(null, { status: 101, webSocket: pair[0] });
    }
    webSocketMessage(socket, message) { console.log("heard", message); socket.send("aye"); socket.close(1000); }
  }
  export default {
    async fetch(request, env, ctx) {
      const { pathname, searchParams } = new URL(request.url);
      const boat = env.BOAT.get(env.BOAT.idFromName("a"));
      if (pathname === "/throw") throw new TypeError("no such tide");
      if (pathname === "/sail") return new Response(await boat.sail(searchParams.get("to")));
      if (pathname === "/rock") await boat.rock().catch(() => {});
      if (pathname === "/wake") await boat.wake();
      if (pathname === "/socket") return await boat.fetch(request);
      console.log("on the way", { path: pathname });
      ctx.waitUntil(new Promise((done) => setTimeout(done, 5)).then(() => console.debug("later")));
      return new Response("ok", { status: 201 });
    },
  };`;

let server;
before(async () => {
  server = await startLimpet();
  await server.deploy({ name: "harbour", code: kCode, classes: [["BOAT", "Boat"]], sqlite: true });
  await server.deploy({ name: "other", code: `export default { fetch() { console.log("elsewhere"); return new Response("other"); } }` });
});
after(() => server?.stop());

// A listener with nothing but a socket: it sends frames without masks, as wrangler does.
async function listen({ filters = [], script = "harbour" } = {}) {
  const opened = await api(server, "POST", `/workers/scripts/${script}/tails`, { body: JSON.stringify({ filters }), headers: { "content-type": "text/plain" } });
  assert.equal(opened.json?.success, true, opened.body);
  const url = new URL(opened.json.result.url);
  assert.ok(Date.parse(opened.json.result.expires_at) > Date.now());
  const listener = { id: opened.json.result.id, url, events: [], pongs: [], head: "", closed: undefined, ended: false };
  const socket = net.connect(Number(url.port), url.hostname);
  listener.socket = socket;
  socket.on("error", () => {});
  socket.on("close", () => (listener.ended = true));
  let bytes = Buffer.alloc(0);
  socket.on("data", (data) => {
    bytes = Buffer.concat([bytes, data]);
    if (!listener.head) {
      const end = bytes.indexOf("\r\n\r\n");
      if (end < 0) return;
      listener.head = bytes.subarray(0, end).toString();
      bytes = bytes.subarray(end + 4);
    }
    while (bytes.length >= 2) {
      const form = bytes[1] & 127;
      const at = form === 126 ? 4 : form === 127 ? 10 : 2;
      if (bytes.length < at) return;
      const size = form === 126 ? bytes.readUInt16BE(2) : form === 127 ? Number(bytes.readBigUInt64BE(2)) : form;
      if (bytes.length < at + size) return;
      const payload = bytes.subarray(at, at + size);
      if ((bytes[0] & 15) === 1) listener.events.push(JSON.parse(payload.toString()));
      if ((bytes[0] & 15) === 10) listener.pongs.push(payload.toString());
      if ((bytes[0] & 15) === 8) listener.closed = payload.readUInt16BE(0);
      bytes = bytes.subarray(at + size);
    }
  });
  listener.send = (opcode, text) => socket.write(Buffer.concat([Buffer.from([0x80 | opcode, text.length]), Buffer.from(text)]));
  socket.write(`GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n` +
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: trace-v1\r\n\r\n");
  await until("the tail's handshake", () => listener.head);
  listener.find = (what, probe) => until(what, () => listener.events.find(probe));
  return listener;
}

const logs = (event) => event.logs.map((log) => log.message.join(" "));

test("events of every kind, with what they said and how they ended", async () => {
  const tail = await listen();
  assert.match(tail.head, /^HTTP\/1.1 101/);
  assert.match(tail.head, /sec-websocket-protocol: trace-v1/i);
  tail.send(1, `{"debug":false}`);
  tail.send(9, "wrangler tail ping");
  await until("the pong", () => tail.pongs.includes("wrangler tail ping"));

  await server.fetch("other");
  await server.fetch("harbour", "/plain?a=b", { headers: { "x-boat": "limpet", authorization: "Bearer hidden", cookie: "hidden" } });
  const plain = await tail.find("a request", (event) => event.event?.request?.url.endsWith("/plain?a=b"));
  assert.equal(plain.outcome, "ok");
  assert.equal(plain.scriptName, "harbour");
  assert.deepEqual(plain.event.response, { status: 201 });
  assert.equal(plain.event.request.method, "GET");
  assert.equal(plain.event.request.headers["x-boat"], "limpet");
  assert.doesNotMatch(JSON.stringify(plain), /hidden/);
  assert.deepEqual(plain.logs.map((log) => log.level), ["log", "debug"]);
  assert.deepEqual(plain.logs[0].message, ["on the way", { path: "/plain" }]);
  assert.equal(logs(plain)[1], "later");

  await server.fetch("harbour", "/throw");
  const thrown = await tail.find("an exception", (event) => event.outcome === "exception" && event.event?.request);
  assert.deepEqual([thrown.exceptions[0].name, thrown.exceptions[0].message], ["TypeError", "no such tide"]);

  await server.fetch("harbour", "/sail?to=Falmouth");
  const rpc = await tail.find("a call", (event) => event.event?.rpcMethod === "sail");
  assert.deepEqual([rpc.entrypoint, rpc.outcome, ...logs(rpc)], ["Boat", "ok", "sailing to Falmouth", "written"]);
  assert.match(rpc.durableObjectId, /^[0-9a-f]{64}$/);
  await server.fetch("harbour", "/rock");
  const rock = await tail.find("a failed call", (event) => event.event?.rpcMethod === "rock");
  assert.equal(rock.outcome, "ok");  // The call came to its end: what it gave was an error.
  assert.match(logs(rock)[0], /Uncaught RangeError: a rock/);

  await server.fetch("harbour", "/wake");
  const alarm = await tail.find("an alarm", (event) => logs(event).includes("the alarm"));
  assert.ok(Date.parse(alarm.event.scheduledTime) > 0);

  const socket = new net.Socket().connect(server.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write(`GET /socket HTTP/1.1\r\nHost: harbour.localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`);
  await tail.find("the upgrade", (event) => event.event?.response?.status === 101);
  socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]));  // "hi", under a mask of zeros
  const message = await tail.find("a message", (event) => event.event?.getWebSocketEvent?.webSocketEventType === "message");
  assert.deepEqual(logs(message), ["heard hi"]);
  socket.destroy();

  assert.ok(tail.events.every((event) => event.scriptName === "harbour"));
  tail.send(8, "\x03\xe8");
  tail.socket.destroy();
});

test("filters, an end by DELETE, a name that is none", async () => {
  const bad = await listen({ filters: [{ outcome: ["exception"] }] });
  const posts = await listen({ filters: [{ method: ["POST"] }] });
  await server.fetch("harbour", "/one");
  await server.fetch("harbour", "/throw");
  await server.fetch("harbour", "/two", { method: "POST" });
  await posts.find("the POST", (event) => event.event.request.url.endsWith("/two"));
  await bad.find("the exception", (event) => event.event.request.url.endsWith("/throw"));
  assert.deepEqual([bad.events.length, posts.events.length], [1, 1]);
  assert.equal((await api(server, "DELETE", `/workers/scripts/harbour/tails/${bad.id}`)).json.success, true);
  await until("the end", () => bad.closed === 1000 || bad.ended);
  posts.socket.destroy();
  const none = await api(server, "POST", "/workers/scripts/nothing/tails", { body: "{}" });
  assert.equal(none.json.errors[0].code, 10007);
  const wrong = await api(server, "POST", "/workers/scripts/harbour/tails", { body: JSON.stringify({ filters: [{ colour: "red" }] }) });
  assert.equal(wrong.json.errors[0].code, 10021);
});

for (const version of ["4.164", "3.114"]) {
  test(`wrangler ${version} tail`, async () => {
    const tail = startWrangler(server, version, ["tail", "harbour", "--format", "json"], { cwd: temporaryProject() });
    await until("wrangler to hear of a request", async () => {
      await server.fetch("harbour", "/heard");
      return tail.stdout.includes("/heard");
    }, 60_000);
    assert.match(tail.stdout, /"outcome": "ok"/);
    assert.match(tail.stdout, /on the way/);
    tail.child.kill("SIGINT");
    await tail.exited;
  });
}

test("limpet tail", async () => {
  const tail = run(kLimpet, ["tail", "harbour", "--search", "on the way"], { env: server.env });
  await until("a request", async () => {
    await server.fetch("harbour", "/heard");
    return /GET http:.*\/heard 201 ok.*\n {2}log on the way/.test(tail.stdout);
  }, 60_000);
  tail.child.kill("SIGINT");
  await tail.exited;
  const wrong = await limpet(["tail", "nothing"], { env: server.env });
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /10007/);
});

// WebSockets of a running server, seen from a client that is not ours (Node's), and from bare TCP.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import dns from "node:dns";
import { readFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { test } from "node:test";
import { corePid, kSanitized, startLimpet, until } from "./lib.mjs";

// One room, with standard or hibernatable sockets. `version` shows which code answers.
const room = (version = 1) => `
export class Room {
  constructor(state) {
    this.state = state;
    this.sockets = new Set();
    this.made = (globalThis.made = (globalThis.made ?? 0) + 1);
    this.log = (globalThis.logs ??= {})[state.id.name] ??= [];  // Outlives the instance, as long as nobody deploys.
  }
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === "/log") return Response.json({ log: this.log, live: this.sockets.size, hibernated: this.state.getWebSockets().length, made: this.made, stored: await this.state.storage.get("last") ?? null });
    if (url.pathname === "/auto") { this.state.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong")); return new Response("set"); }
    if (url.pathname === "/timeout") { this.state.setHibernatableWebSocketEventTimeout(Number(url.searchParams.get("ms"))); return new Response("set"); }
    if (url.pathname === "/wait") { this.log.push("wait"); await scheduler.wait(60_000); return new Response("waited"); }
    if (url.pathname === "/flood") {
      for (let i = 0; i < Number(url.searchParams.get("count")); i++) for (const socket of this.sockets) socket.send("x".repeat(1 << 20));
      return new Response("sent");
    }
    if (url.pathname === "/dial") {
      const seen = [];
      const socket = new WebSocket(url.searchParams.get("to"), ["other", "chat"]);
      socket.addEventListener("open", () => seen.push(\`open \${socket.protocol}\`));
      socket.addEventListener("message", (event) => seen.push(\`message \${event.data}\`));
      await new Promise((done) => socket.addEventListener("close", (event) => done(seen.push(\`close \${event.code} \${event.wasClean}\`))));
      return Response.json(seen);
    }
    if (url.pathname === "/abort") this.state.abort("gone");
    const [client, server] = Object.values(new WebSocketPair());
    if (url.pathname.startsWith("/hibernate")) {
      this.state.acceptWebSocket(server, url.searchParams.getAll("tag"));
      server.serializeAttachment({ name: url.searchParams.get("name") });
    } else {
      server.accept();
      this.sockets.add(server);
      server.addEventListener("message", async (event) => {
        if (event.data === "store") { this.state.storage.put("last", "stored"); return server.send("stored"); }
        server.send(event.data instanceof Blob ? await event.data.arrayBuffer() : event.data);
      });
      server.addEventListener("close", (event) => { this.log.push(\`close \${event.code} \${event.wasClean}\`); this.sockets.delete(server); server.close(4002, "answer"); });
      server.addEventListener("error", (event) => this.log.push(\`error \${event.message}\`));
    }
    return new Response(null, { status: 101, webSocket: client });
  }
  async webSocketMessage(socket, message) {
    if (message === "who") return socket.send(JSON.stringify({ ...socket.deserializeAttachment(), tags: this.state.getTags(socket), made: this.made, version: ${version}, others: this.state.getWebSockets().length }));
    if (message === "hang") { this.state.storage.put("last", "hang"); return scheduler.wait(60_000); }
    if (message === "all") { for (const each of this.state.getWebSockets()) each.send("to all"); return; }
    socket.send(message);
  }
  webSocketClose(socket, code, reason, wasClean) {
    this.log.push(\`close \${code} \${wasClean}\`);
    if (!wasClean) this.log.push(\`readyState \${socket.readyState}, \${this.state.getWebSockets().length} sockets\`);
  }
  webSocketError(socket, error) { this.log.push(\`error \${error.message}\`); }
}
export default {
  fetch(request, env) {
    const url = new URL(request.url);
    if (url.pathname === "/worker") {
      const [client, server] = Object.values(new WebSocketPair());
      server.accept();
      server.addEventListener("message", (event) => server.send("worker " + event.data));
      return new Response(null, { status: 101, webSocket: client });
    }
    if (url.pathname === "/outward") return fetch(url.searchParams.get("to"), { headers: { Upgrade: "websocket" } });
    const object = env.Room.get(env.Room.idFromName(url.searchParams.get("room") ?? "one"));
    if (url.pathname !== "/wait") return object.fetch(request);
    return object.fetch(request).catch(({ message, retryable, durableObjectReset }) => Response.json({ message, retryable, durableObjectReset }));
  },
};`;

const kIdleMs = "200";
const start = async (flags = [], options = {}) => {
  const server = await startLimpet({ flags: ["--idle-evict-ms", kIdleMs, "--allow-private-network", ...flags], ...options });
  await server.deploy({ name: "room", code: room(), classes: ["Room"] });
  return server;
};
const log = async (server, query = "") => JSON.parse((await server.fetch("room", `/log${query}`)).body);

// Not every resolver knows that *.localhost is this machine (RFC 6761).
const lookup = dns.lookup;
dns.lookup = (host, options, callback) => lookup(host.endsWith(".localhost") ? "127.0.0.1" : host, options, callback);

// A client with what it has seen.
async function open(server, path) {
  const socket = new WebSocket(`ws://room.localhost:${server.port}${path}`);
  socket.binaryType = "arraybuffer";
  const seen = [];
  socket.addEventListener("message", ({ data }) => seen.push(typeof data === "string" ? data : [...new Uint8Array(data)]));
  socket.addEventListener("close", ({ code, reason }) => seen.push({ code, reason }));
  socket.addEventListener("error", () => {});
  await until("the WebSocket to open", () => socket.readyState === 1 || seen.length > 0);
  const next = async () => {
    await until("a message", () => seen.length > 0);
    return seen.shift();
  };
  return { socket, seen, next, send: (data) => socket.send(data), ask: (data) => { socket.send(data); return next(); } };
}

// A server that greets its WebSockets and offers the protocol "chat".
async function startGreeter() {
  const sockets = [];
  const server = http.createServer((request, response) => response.end());
  server.on("upgrade", (request, socket) => {
    const accept = createHash("sha1").update(request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
    const chosen = request.headers["sec-websocket-protocol"] ? "Sec-WebSocket-Protocol: chat\r\n" : "";
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${chosen}\r\n\x81\x09greetings`, "latin1");
    if (chosen) setTimeout(() => socket.destroy(), 50);
    sockets.push(socket);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { port: server.address().port, cut: () => sockets.forEach((socket) => socket.destroy()), close: () => server.close() };
}

// A client of bare TCP, after the handshake.
async function openRaw(server, path) {
  const socket = net.connect(server.port, "127.0.0.1");
  let read = Buffer.alloc(0);
  socket.on("data", (data) => (read = Buffer.concat([read, data])));
  socket.on("error", () => {});
  socket.write(`GET ${path} HTTP/1.1\r\nHost: room.localhost:${server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
               `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`);
  await until("the handshake", () => read.includes("\r\n\r\n"));
  assert.match(read.toString("latin1"), /^HTTP\/1.1 101 /);
  read = read.subarray(read.indexOf("\r\n\r\n") + 4);
  // One frame with a mask of zeros.
  const frame = (first, text) => socket.write(Buffer.concat([Buffer.from([first, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]));
  return { socket, frame, read: () => read };
}

test("text, bytes and long messages come back", async () => {
  const server = await start();
  const client = await open(server, "/?room=echo");
  assert.equal(await client.ask("hello"), "hello");
  assert.equal(await client.ask("grüße 😀"), "grüße 😀");
  assert.deepEqual(await client.ask(new Uint8Array([1, 2, 3])), [1, 2, 3]);
  assert.equal(await client.ask(""), "");
  const long = "x".repeat(3 << 20);
  assert.equal((await client.ask(long)).length, long.length);
  client.socket.close(4001, "bye");
  assert.deepEqual(await client.next(), { code: 4002, reason: "answer" });
  assert.deepEqual((await log(server, "?room=echo")).log, ["close 4001 true"]);
  await server.stop();
});

test("a fragmented message is one message", async () => {
  const server = await start();
  const client = await openRaw(server, "/");
  client.frame(0x01, "frag");
  client.frame(0x89, "");  // A ping in between.
  client.frame(0x00, "men");
  client.frame(0x80, "ted");
  await until("the echo", () => client.read().includes("fragmented"));
  client.socket.destroy();
  await until("the object to see the cut", async () => (await log(server)).log.includes("close 1006 false"));
  await server.stop();
});

test("a Worker without an object lives as long as its WebSocket", async () => {
  const server = await start();
  const client = await open(server, "/worker");
  assert.equal(await client.ask("a"), "worker a");
  await server.fetch("room", "/auto?room=other");
  await until("an object that was asked later to be evicted", async () => (await server.metric("limpet_object_evictions_total")) > 0);
  assert.equal(await client.ask("b"), "worker b");
  client.socket.close();
  await server.stop();
});

test("a Worker hands on the WebSocket of another server", async () => {
  const [server, other] = [await start(), await startGreeter()];
  const client = await open(server, `/outward?to=${encodeURIComponent(`http://127.0.0.1:${other.port}/`)}`);
  assert.equal(await client.next(), "greetings");
  other.cut();
  assert.equal((await client.next()).code, 1006);
  await server.stop();
  other.close();
});

test("new WebSocket() in an object", async () => {
  const [server, other] = [await start(), await startGreeter()];
  const seen = JSON.parse((await server.fetch("room", `/dial?to=${encodeURIComponent(`ws://127.0.0.1:${other.port}/`)}`)).body);
  assert.deepEqual(seen, ["open chat", "message greetings", "close 1006 false"]);
  await server.stop();
  other.close();
});

test("a hibernatable WebSocket outlives its instance, with tags and attachment", async () => {
  const server = await start();
  const client = await open(server, "/hibernate?name=ann&tag=x&tag=y&room=h");
  const first = JSON.parse(await client.ask("who"));
  assert.deepEqual({ ...first, made: 0 }, { name: "ann", tags: ["x", "y"], made: 0, version: 1, others: 1 });
  await until("the eviction", async () => (await server.metric("limpet_objects_live")) === 0);
  const woken = JSON.parse(await client.ask("who"));
  assert.deepEqual({ ...woken, made: 0 }, { name: "ann", tags: ["x", "y"], made: 0, version: 1, others: 1 });
  assert.ok(woken.made > first.made, "another instance");
  await until("the eviction", async () => (await server.metric("limpet_objects_live")) === 0);
  client.socket.close(4009, "bye");
  assert.deepEqual(await client.next(), { code: 4009, reason: "bye" });
  assert.deepEqual((await log(server, "?room=h")).log, ["close 4009 true"]);
  assert.equal((await log(server, "?room=h")).hibernated, 0);
  await server.stop();
});

test("an automatic response wakes nobody", async () => {
  const server = await start();
  const client = await open(server, "/hibernate?room=auto");
  await server.fetch("room", "/auto?room=auto");
  await until("the eviction", async () => (await server.metric("limpet_objects_live")) === 0);
  const before = await server.metric("limpet_object_starts_total");
  assert.equal(await client.ask("ping"), "pong");
  assert.equal(await server.metric("limpet_object_starts_total"), before);
  assert.equal(await client.ask("other"), "other");
  assert.equal(await server.metric("limpet_object_starts_total"), before + 1);
  client.socket.close();
  await server.stop();
});

test("an automatic response that is set before the first WebSocket outlives its instance", async () => {
  const server = await start();
  await server.fetch("room", "/auto?room=early");
  await until("the eviction", async () => (await server.metric("limpet_objects_live")) === 0);
  const client = await open(server, "/hibernate?room=early");
  assert.equal(await client.ask("ping"), "pong");
  client.socket.close();
  await server.stop();
});

test("a handler that runs over the event timeout costs its object the instance, and nothing that is stored", async () => {
  const server = await start();
  const client = await open(server, "/hibernate?room=t");
  const made = (await log(server, "?room=t")).made;
  await server.fetch("room", "/timeout?room=t&ms=150");
  const waiting = server.fetch("room", "/wait?room=t");
  await until("it to wait", async () => (await log(server, "?room=t")).log.includes("wait"));
  client.send("hang");
  assert.equal((await client.next()).code, 1006);
  assert.deepEqual(JSON.parse((await waiting).body), {
    message: "Actor exceeded event execution time and was disconnected.", retryable: true, durableObjectReset: true });
  const after = await log(server, "?room=t");
  assert.deepEqual({ ...after, made: after.made > made }, { log: ["wait"], live: 0, hibernated: 0, made: true, stored: "hang" });
  await server.stop();
});

test("a client that is cut is a close 1006 of its hibernated socket", async () => {
  const server = await start();
  const client = await openRaw(server, "/hibernate?room=cut");
  const other = await open(server, "/hibernate?room=cut");
  await until("the eviction", async () => (await server.metric("limpet_objects_live")) === 0);
  client.socket.destroy();
  await until("the close", async () => (await log(server, "?room=cut")).log.includes("close 1006 false"));
  assert.equal((await log(server, "?room=cut")).hibernated, 1);
  await until("the close", async () => (await log(server, "?room=cut")).log.includes("close 1006 false"), 5000);
  const after = await log(server, "?room=cut");
  assert.deepEqual([after.log, after.hibernated], [["close 1006 false", "readyState 2, 2 sockets"], 1]);
  other.socket.close();
  await server.stop();
});

test("the kernel watches a line on which nothing happens", async () => {
  const server = await start();
  const client = await openRaw(server, "/hibernate?room=idle");
  const port = (number) => `:${number.toString(16).toUpperCase().padStart(4, "0")}`;
  // "02:…": a keep-alive timer runs (Documentation/networking/proc_net_tcp.rst), in hundredths of a second.
  const timer = () => readFileSync("/proc/net/tcp", "utf8").split("\n").map((line) => line.trim().split(/\s+/))
    .find(([, local, remote]) => local?.endsWith(port(server.port)) && remote?.endsWith(port(client.socket.localPort)))[5].split(":");
  await until("the keep-alive timer", () => timer()[0] === "02");
  assert.ok(parseInt(timer()[1], 16) <= 6000, timer().join(":"));
  client.socket.destroy();
  await server.stop();
});

test("a standard WebSocket keeps its instance in memory", async () => {
  const server = await start();
  const client = await open(server, "/?room=stays");
  assert.equal(await client.ask("a"), "a");
  const made = (await log(server, "?room=stays")).made;
  const evictions = await server.metric("limpet_object_evictions_total");
  await log(server, "?room=other");
  await until("an object that was asked later to be evicted", async () => (await server.metric("limpet_object_evictions_total")) > evictions);
  assert.equal(await client.ask("b"), "b");
  assert.equal((await log(server, "?room=stays")).made, made);
  client.socket.close();
  await server.stop();
});

test("a deploy keeps hibernatable sockets and closes the others with 1012", async () => {
  const server = await start();
  const kept = await open(server, "/hibernate?name=ann&room=d");
  const closed = await open(server, "/?room=d");
  await server.deploy({ name: "room", code: room(2), classes: ["Room"], newClasses: [] });
  assert.deepEqual(await closed.next(), { code: 1012, reason: "Durable Object reset because its code was updated." });
  const { name, version } = JSON.parse(await kept.ask("who"));
  assert.deepEqual({ name, version }, { name: "ann", version: 2 });
  kept.socket.close();
  await server.stop();
});

test("a reset object's sockets are cut", async () => {
  const server = await start();
  const [standard, hibernated] = [await open(server, "/?room=r"), await open(server, "/hibernate?room=r")];
  await server.fetch("room", "/abort?room=r");
  assert.equal((await standard.next()).code, 1006);
  assert.equal((await hibernated.next()).code, 1006);
  assert.equal((await log(server, "?room=r")).hibernated, 0);
  await server.stop();
});

test("a deleted script's sockets are cut", async () => {
  const server = await start();
  const [standard, hibernated] = [await open(server, "/?room=r"), await open(server, "/hibernate?room=s")];
  await server.remove("room");
  assert.equal((await standard.next()).code, 1006);
  assert.equal((await hibernated.next()).code, 1006);
  await server.stop();
});

test("what was answered over a WebSocket is durable after kill -9", async () => {
  const server = await start();
  const client = await open(server, "/?room=k");
  assert.equal(await client.ask("store"), "stored");
  process.kill(corePid(server.pid), "SIGKILL");
  assert.equal((await client.next()).code, 1006);
  await until("the server to be back", async () => (await log(server, "?room=k")).stored === "stored");
  await server.stop();
});

test("a reader that takes nothing is cut, and holds bounded memory", async () => {
  const server = await start();
  const client = await openRaw(server, "/?room=slow");
  client.socket.pause();
  const bytes = () => Number(readFileSync(`/proc/${corePid(server.pid)}/status`, "utf8").match(/VmRSS:\s+(\d+)/)[1]) * 1024;
  const before = bytes();
  for (let i = 0; i < 10; i++) await server.fetch("room", "/flood?room=slow&count=10");
  await until("the end of the socket", async () => (await log(server, "?room=slow")).log.some((each) => each.startsWith("error ")));
  assert.ok(kSanitized || bytes() - before < 300 << 20, `${(bytes() - before) >> 20} MiB`);
  client.socket.destroy();
  await server.stop();
});

test("SIGTERM closes WebSockets with 1001", async () => {
  const server = await start();
  const client = await open(server, "/?room=t");
  const hibernated = await open(server, "/hibernate?room=t");
  const stopped = server.stop();
  assert.equal((await client.next()).code, 1001);
  assert.equal((await hibernated.next()).code, 1001);
  assert.equal((await stopped).code, 0);
});

test("a thousand hibernated sockets cost little", async () => {
  const kCount = 1000;
  const server = await start(["--memory-mb", "256"]);
  const pid = corePid(server.pid);
  const bytes = () => Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/VmRSS:\s+(\d+)/)[1]) * 1024;
  const warm = await Promise.all(Array.from({ length: 200 }, (_, i) => openRaw(server, `/hibernate?name=w&room=many-${i % 10}`)));
  const before = bytes();
  const sockets = [];
  for (let i = 0; i < kCount; i += 100) {
    sockets.push(...await Promise.all(Array.from({ length: 100 }, (_, j) => openRaw(server, `/hibernate?name=n${i + j}&room=many-${j % 10}`))));
  }
  await until("the eviction", async () => (await server.metric("limpet_objects_live")) === 0);
  // Most of it is what the isolate's heap grew by, once; bench/sockets.mjs has the figure.
  const each = (bytes() - before) / kCount;
  assert.ok(kSanitized || each < 32 * 1024, `${each} bytes a socket`);
  sockets[0].frame(0x81, "all");
  await until("all of one room to hear it", () => sockets.filter((socket) => socket.read().includes("to all")).length === kCount / 10);
  for (const { socket } of [...warm, ...sockets]) socket.destroy();
  await server.stop();
});

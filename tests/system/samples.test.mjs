// Programs in the shape of the well-known samples for this model, written against the platform alone and published by the
// tool: a chat with rooms by name and by ID, and a relay of binary updates that hibernates.
import assert from "node:assert/strict";
import dns from "node:dns";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { limpet, startLimpet, temporaryFolder, until } from "./lib.mjs";

let server;
before(async () => { server = await startLimpet({ flags: ["--idle-evict-ms", "60"] }); });
after(() => server?.stop());

// Not every resolver knows that *.localhost is this machine (RFC 6761).
const lookup = dns.lookup;
dns.lookup = (host, options, callback) => lookup(host.endsWith(".localhost") ? "127.0.0.1" : host, options, callback);

async function publish(files) {
  const folder = temporaryFolder("limpet-sample");
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const ended = await limpet(["publish"], { cwd: folder, env: server.env });
  assert.equal(ended.code, 0, ended.stderr);
}

// A client that keeps what it hears: parsed JSON, or bytes.
async function connect(url) {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const heard = [];
  socket.onmessage = ({ data }) => heard.push(typeof data === "string" ? JSON.parse(data) : new Uint8Array(data));
  socket.onclose = ({ code, reason }) => heard.push({ closed: code, reason });
  socket.onerror = () => {};
  await until("the WebSocket to open", () => socket.readyState === 1 || heard.length > 0);
  const next = async (what = "a message") => {
    await until(what, () => heard.length > 0);
    return heard.shift();
  };
  return { socket, heard, next, say: (value) => socket.send(JSON.stringify(value)) };
}

const kChat = `
import HTML from "./chat.html";

async function handleErrors(request, func) {
  try {
    return await func();
  } catch (err) {
    if (request.headers.get("Upgrade") == "websocket") {
      let pair = new WebSocketPair();
      pair[1].accept();
      pair[1].send(JSON.stringify({ error: err.message }));
      pair[1].close(1011, "Uncaught exception during session setup");
      return new Response(null, { status: 101, webSocket: pair[0] });
    }
    return new Response(err.message, { status: 500 });
  }
}

export default {
  async fetch(request, env) {
    return await handleErrors(request, async () => {
      let url = new URL(request.url);
      let path = url.pathname.slice(1).split("/");
      if (!path[0]) return new Response(HTML, { headers: { "Content-Type": "text/html;charset=UTF-8" } });
      if (path[0] != "api" || path[1] != "room") return new Response("Not found", { status: 404 });
      if (!path[2]) {
        if (request.method != "POST") return new Response("Method not allowed", { status: 405 });
        return new Response(env.rooms.newUniqueId().toString(), { headers: { "Access-Control-Allow-Origin": "*" } });
      }
      let name = path[2];
      let id;
      if (name.match(/^[0-9a-f]{64}$/)) id = env.rooms.idFromString(name);
      else if (name.length <= 32) id = env.rooms.idFromName(name);
      else return new Response("Name too long", { status: 404 });
      let newUrl = new URL(request.url);
      newUrl.pathname = "/" + path.slice(3).join("/");
      return env.rooms.get(id).fetch(newUrl, request);
    });
  },
};

export class ChatRoom {
  constructor(controller, env) {
    this.storage = controller.storage;
    this.env = env;
    this.sessions = [];
    this.lastTimestamp = 0;
  }
  async fetch(request) {
    return await handleErrors(request, async () => {
      let url = new URL(request.url);
      if (url.pathname != "/websocket") return new Response("Not found", { status: 404 });
      if (request.headers.get("Upgrade") != "websocket") return new Response("expected websocket", { status: 400 });
      let ip = request.headers.get("CF-Connecting-IP");
      let pair = new WebSocketPair();
      await this.handleSession(pair[1], ip);
      return new Response(null, { status: 101, webSocket: pair[0] });
    });
  }
  async handleSession(webSocket, ip) {
    webSocket.accept();
    let limiter = this.env.limiters.get(this.env.limiters.idFromName(ip));
    let session = { webSocket, blockedMessages: [] };
    this.sessions.push(session);
    this.sessions.forEach((other) => { if (other.name) session.blockedMessages.push(JSON.stringify({ joined: other.name })); });
    let backlog = [...(await this.storage.list({ reverse: true, limit: 100 })).values()].reverse();
    backlog.forEach((value) => session.blockedMessages.push(value));
    let receivedUserInfo = false;
    webSocket.addEventListener("message", async (msg) => {
      try {
        if (session.quit) return webSocket.close(1011, "WebSocket broken.");
        let wait = +(await (await limiter.fetch("https://dummy-url", { method: "POST" })).text());
        if (wait > 0) return webSocket.send(JSON.stringify({ error: "Your IP is being rate-limited, please try again later." }));
        let data = JSON.parse(msg.data);
        if (!receivedUserInfo) {
          session.name = "" + (data.name || "anonymous");
          if (session.name.length > 32) {
            webSocket.send(JSON.stringify({ error: "Name too long." }));
            webSocket.close(1009, "Name too long.");
            return;
          }
          session.blockedMessages.forEach((queued) => webSocket.send(queued));
          delete session.blockedMessages;
          this.broadcast({ joined: session.name });
          webSocket.send(JSON.stringify({ ready: true }));
          receivedUserInfo = true;
          return;
        }
        data = { name: session.name, message: "" + data.message };
        data.timestamp = Math.max(Date.now(), this.lastTimestamp + 1);
        this.lastTimestamp = data.timestamp;
        let dataStr = JSON.stringify(data);
        this.broadcast(dataStr);
        await this.storage.put(new Date(data.timestamp).toISOString(), dataStr);
      } catch (err) {
        webSocket.send(JSON.stringify({ error: err.stack }));
      }
    });
    let closeOrErrorHandler = () => {
      session.quit = true;
      this.sessions = this.sessions.filter((member) => member !== session);
      if (session.name) this.broadcast({ quit: session.name });
    };
    webSocket.addEventListener("close", closeOrErrorHandler);
    webSocket.addEventListener("error", closeOrErrorHandler);
  }
  broadcast(message) {
    if (typeof message !== "string") message = JSON.stringify(message);
    let quitters = [];
    this.sessions = this.sessions.filter((session) => {
      if (!session.name) {
        session.blockedMessages.push(message);
        return true;
      }
      try {
        session.webSocket.send(message);
        return true;
      } catch (err) {
        session.quit = true;
        quitters.push(session);
        return false;
      }
    });
    quitters.forEach((quitter) => { if (quitter.name) this.broadcast({ quit: quitter.name }); });
  }
}

export class RateLimiter {
  constructor() { this.nextAllowedTime = 0; }
  async fetch(request) {
    let now = Date.now() / 1000;
    this.nextAllowedTime = Math.max(now, this.nextAllowedTime);
    if (request.method == "POST") this.nextAllowedTime += 0.5;
    return new Response(Math.max(0, this.nextAllowedTime - now - 20));
  }
}
`;

test("a chat: rooms by name and by ID, standard WebSockets, a page by the rules of 2021", async () => {
  await publish({
    "wrangler.toml": `name = "edge-chat"
type = "javascript"
workers_dev = true
compatibility_date = "2021-11-03"

[build]
command = ""
[build.upload]
format = "modules"
dir = "src"
main = "./chat.mjs"
[[build.upload.rules]]
type = "Data"
globs = ["**/*.html"]

[durable_objects]
bindings = [
  { name = "rooms", class_name = "ChatRoom" },
  { name = "limiters", class_name = "RateLimiter" },
]
[[migrations]]
tag = "v1"
new_classes = ["ChatRoom", "RateLimiter"]
`,
    "src/chat.html": "<!DOCTYPE html><title>chat</title>",
    "src/chat.mjs": kChat,
  });
  const page = await server.fetch("edge-chat", "/");
  assert.equal(page.body, "<!DOCTYPE html><title>chat</title>");
  assert.equal(page.headers["content-type"], "text/html;charset=UTF-8");
  assert.equal((await server.fetch("edge-chat", "/api/room")).status, 405);
  const room = (await server.fetch("edge-chat", "/api/room", { method: "POST" })).body;
  assert.match(room, /^[0-9a-f]{64}$/);
  assert.equal((await server.fetch("edge-chat", `/api/room/${"x".repeat(33)}/websocket`)).status, 404);
  assert.equal((await server.fetch("edge-chat", "/api/room/lobby/websocket")).status, 400);

  const url = (name) => `ws://edge-chat.localhost:${server.port}/api/room/${name}/websocket`;
  for (const name of ["lobby", room]) {
    const [ann, ben] = [await connect(url(name)), await connect(url(name))];
    ann.say({ name: "ann" });
    assert.deepEqual([await ann.next(), await ann.next()], [{ joined: "ann" }, { ready: true }]);
    ann.say({ message: "first" });
    assert.equal((await ann.next()).message, "first");
    ben.say({ name: "ben" });  // Who has not said his name yet gets what he missed, in order.
    assert.deepEqual([await ben.next(), (await ben.next()).message, await ben.next(), await ben.next()],
                     [{ joined: "ann" }, "first", { joined: "ben" }, { ready: true }]);
    assert.deepEqual(await ann.next(), { joined: "ben" });
    ben.say({ message: "grüße" });
    const said = await ann.next();
    assert.deepEqual({ ...said, timestamp: 0 }, { name: "ben", message: "grüße", timestamp: 0 });
    assert.deepEqual(await ben.next(), said);
    ben.socket.close();
    assert.deepEqual(await ann.next(), { quit: "ben" });
    const late = await connect(url(name));  // The backlog comes from the storage.
    late.say({ name: "cat" });
    assert.deepEqual([await late.next(), (await late.next()).message, (await late.next()).message], [{ joined: "ann" }, "first", "grüße"]);
    for (const each of [ann, late]) each.socket.close();
  }
  const long = await connect(url("lobby"));
  long.say({ name: "x".repeat(33) });
  assert.deepEqual([await long.next(), await long.next()], [{ error: "Name too long." }, { closed: 1009, reason: "Name too long." }]);
  const bad = await connect(url("0".repeat(64)));  // An ID that is not of this namespace.
  assert.match((await bad.next()).error, /Durable Object ID is not valid for this namespace/);
  assert.equal((await bad.next()).closed, 1011);
});

// A document is a list of updates, each an opaque run of bytes after a byte for its kind. Whoever joins asks for what he
// lacks by the number of updates that he knows.
const kRelay = `
import { DurableObject } from "cloudflare:workers";
const kSync = 0, kUpdate = 1, kAwareness = 2;
export class Document extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    ctx.blockConcurrencyWhile(async () => {
      this.updates = [...(await ctx.storage.list({ prefix: "update:" })).values()];
    });
  }
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname.endsWith("/size")) return Response.json({ updates: this.updates.length, clients: this.ctx.getWebSockets().length });
    const { 0: client, 1: socket } = new WebSocketPair();
    this.ctx.acceptWebSocket(socket, [url.searchParams.get("role") ?? "writer"]);
    socket.serializeAttachment({ client: crypto.randomUUID(), awareness: null });
    return new Response(null, { status: 101, webSocket: client });
  }
  async webSocketMessage(socket, message) {
    if (typeof message === "string") return socket.close(1003, "binary only");
    const bytes = new Uint8Array(message);
    switch (bytes[0]) {
      case kSync: {
        for (const update of this.updates.slice(new DataView(message).getUint32(1))) socket.send(update);
        for (const other of this.ctx.getWebSockets()) {
          const { awareness } = other.deserializeAttachment();
          if (awareness && other !== socket) socket.send(awareness);
        }
        return;
      }
      case kUpdate: {
        if (this.ctx.getTags(socket)[0] !== "writer") return socket.close(4403, "read only");
        this.updates.push(bytes);
        this.ctx.storage.put("update:" + String(this.updates.length).padStart(8, "0"), bytes);
        break;
      }
      case kAwareness: {
        socket.serializeAttachment({ ...socket.deserializeAttachment(), awareness: bytes });
        break;
      }
    }
    for (const other of this.ctx.getWebSockets()) if (other !== socket) other.send(bytes);
  }
  webSocketClose(socket, code) {
    for (const other of this.ctx.getWebSockets()) if (other !== socket) other.send(new Uint8Array([kAwareness]));
    socket.close(code, "bye");
  }
}
export default {
  fetch: (request, env) => env.DOCUMENT.get(env.DOCUMENT.idFromName(new URL(request.url).pathname.split("/")[1])).fetch(request),
};
`;

test("a relay of binary updates: hibernation, late joiners, awareness in attachments", async () => {
  await publish({
    "wrangler.toml": `name = "relay"
main = "src/index.js"
compatibility_date = "2026-03-01"
[[durable_objects.bindings]]
name = "DOCUMENT"
class_name = "Document"
[[migrations]]
tag = "v1"
new_classes = ["Document"]
`,
    "src/index.js": kRelay,
  });
  const url = (query = "") => `ws://relay.localhost:${server.port}/doc${query}`;
  const asleep = () => until("the eviction", async () => (await server.metric("limpet_objects_live")) === 0);
  const sync = (known) => { const bytes = new Uint8Array(5); new DataView(bytes.buffer).setUint32(1, known); return bytes; };
  const update = (size, fill) => { const bytes = new Uint8Array(size).fill(fill); bytes[0] = 1; return bytes; };

  const [ann, ben] = [await connect(url()), await connect(url())];
  for (const size of [1, 2, 126, 65_536, 100_000]) {
    ann.socket.send(update(size, size % 251));
    assert.deepEqual(await ben.next(), update(size, size % 251));
  }
  ann.socket.send(new Uint8Array([2, 77]));
  assert.deepEqual(await ben.next(), new Uint8Array([2, 77]));
  await asleep();

  const cat = await connect(url("?role=reader"));  // All of it was out of memory meanwhile.
  cat.socket.send(sync(2));
  assert.deepEqual([await cat.next(), await cat.next(), await cat.next(), await cat.next()],
                   [update(126, 126), update(65_536, 65_536 % 251), update(100_000, 100_000 % 251), new Uint8Array([2, 77])]);
  await asleep();
  const woken = await server.metric("limpet_object_starts_total");
  const pongs = [];
  cat.socket.onmessage = ({ data }) => pongs.push(data);
  cat.socket.send("ping");
  await until("the pong", () => pongs.length === 1);
  assert.equal(pongs[0], "pong");
  assert.equal(await server.metric("limpet_object_starts_total"), woken);
  cat.socket.send(update(3, 9));
  assert.deepEqual(await cat.next(), { closed: 4403, reason: "read only" });
  assert.deepEqual([await ann.next(), await ben.next()], [new Uint8Array([2]), new Uint8Array([2])]);
  ben.socket.send(update(7, 7));
  assert.deepEqual(await ann.next(), update(7, 7));
  ben.socket.close(4000, "done");
  assert.deepEqual(await ben.next(), { closed: 4000, reason: "bye" });
  const size = JSON.parse((await server.fetch("relay", "/doc/size")).body);
  assert.deepEqual(size, { updates: 6, clients: 1 });
  ann.socket.close();
});

// Well-known libraries as npm has them, bundled and published by the tool: what they answer here is what they answer on
// workerd. One Worker each, so that a failure names the library.
import assert from "node:assert/strict";
import dns from "node:dns";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { kRepository, limpet, startLimpet, temporaryFolder, until } from "./lib.mjs";

let server;
before(async () => { server = await startLimpet({ flags: ["--idle-evict-ms", "60"] }); });
after(() => server?.stop());

// Not every resolver knows that *.localhost is this machine (RFC 6761).
const lookup = dns.lookup;
dns.lookup = (host, options, callback) => lookup(host.endsWith(".localhost") ? "127.0.0.1" : host, options, callback);

async function publish(name, code, more = "") {
  const folder = temporaryFolder("limpet-library");
  symlinkSync(join(kRepository, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "worker.mjs"), code);
  writeFileSync(join(folder, "wrangler.toml"), `name = "${name}"\nmain = "worker.mjs"\ncompatibility_date = "2026-05-01"\n${more}`);
  const ended = await limpet(["deploy"], { cwd: folder, env: server.env });
  assert.equal(ended.code, 0, ended.stderr);
  return {
    send: (path, options) => server.fetch(name, path, options),
    async json(path, options) {
      const answer = await server.fetch(name, path, options);
      assert.equal(answer.status, 200, answer.body);
      return JSON.parse(answer.body);
    },
  };
}

test("hono: routes, middleware, streams, cookies, WebSockets", async () => {
  const worker = await publish("hono", `
import { Hono } from "hono";
import { basicAuth } from "hono/basic-auth";
import { upgradeWebSocket } from "hono/cloudflare-workers";
import { compress } from "hono/compress";
import { setCookie } from "hono/cookie";
import { cors } from "hono/cors";
import { etag } from "hono/etag";
import { HTTPException } from "hono/http-exception";
import { jwt, sign } from "hono/jwt";
import { streamSSE, streamText } from "hono/streaming";
import { getRuntimeKey } from "hono/adapter";

const app = new Hono();
app.use("/api/*", cors({ origin: "http://origin" }));
app.use("/auth/*", basicAuth({ username: "u", password: "p" }));
app.use("/jwt/*", jwt({ secret: "secret", alg: "HS256" }));
app.use("/etag/*", etag());
app.use("/zip/*", compress());
app.get("/", (c) => c.text(getRuntimeKey()));
app.get("/p/:id{[0-9]+}/:rest?", (c) => c.json({ param: c.req.param(), query: c.req.queries("a") }));
app.get("/api/a", (c) => c.json({ a: 1 }));
app.get("/auth/a", (c) => c.text("in"));
app.get("/token", async (c) => c.text(await sign({ sub: "me" }, "secret", "HS256")));
app.get("/jwt/a", (c) => c.json(c.get("jwtPayload")));
app.get("/etag/a", (c) => c.text("same"));
app.get("/zip/a", (c) => c.text("z".repeat(5000)));
app.get("/text", (c) => streamText(c, async (out) => { for (let i = 0; i < 3; i++) { await out.writeln("line " + i); await out.sleep(1); } }));
app.get("/events", (c) => streamSSE(c, async (out) => { await out.writeSSE({ data: "one", event: "e", id: "1" }); await out.writeSSE({ data: "two" }); }));
app.get("/cookie", (c) => { setCookie(c, "a", "b", { httpOnly: true, path: "/" }); setCookie(c, "c", "d"); return c.text("set"); });
app.post("/form", async (c) => { const body = await c.req.parseBody(); return c.json({ text: body.text, file: [body.file.name, await body.file.text()] }); });
app.post("/echo", (c) => c.body(c.req.raw.body));
app.get("/tea", () => { throw new HTTPException(418, { message: "tea" }); });
app.get("/boom", () => { throw new Error("boom"); });
app.onError((error, c) => error instanceof HTTPException ? error.getResponse() : c.text("error: " + error.message, 500));
app.notFound((c) => c.text("nothing here", 404));
app.get("/ws", upgradeWebSocket(() => ({ onMessage(event, socket) { socket.send("re: " + event.data); } })));
export default app;
`);
  assert.equal((await worker.send("/")).body, "workerd");
  assert.deepEqual(await worker.json("/p/12/x?a=1&a=2"), { param: { id: "12", rest: "x" }, query: ["1", "2"] });
  assert.equal((await worker.send("/p/ab")).body, "nothing here");
  assert.equal((await worker.send("/api/a", { headers: { origin: "http://origin" } })).headers["access-control-allow-origin"], "http://origin");
  const preflight = await worker.send("/api/a", { method: "OPTIONS", headers: { origin: "http://origin", "access-control-request-method": "PUT" } });
  assert.equal(preflight.status, 204);
  assert.match(preflight.headers["access-control-allow-methods"], /PUT/);
  assert.equal((await worker.send("/auth/a")).status, 401);
  assert.equal((await worker.send("/auth/a", { headers: { authorization: `Basic ${btoa("u:p")}` } })).body, "in");
  const token = (await worker.send("/token")).body;
  assert.deepEqual(await worker.json("/jwt/a", { headers: { authorization: `Bearer ${token}` } }), { sub: "me" });
  assert.equal((await worker.send("/jwt/a", { headers: { authorization: `Bearer ${token}x` } })).status, 401);
  const tagged = await worker.send("/etag/a");
  assert.equal((await worker.send("/etag/a", { headers: { "if-none-match": tagged.headers.etag } })).status, 304);
  assert.equal((await worker.send("/zip/a", { headers: { "accept-encoding": "gzip" } })).headers["content-encoding"], "gzip");
  assert.equal((await worker.send("/text")).body, "line 0\nline 1\nline 2\n");
  assert.equal((await worker.send("/events")).body, "event: e\ndata: one\nid: 1\n\ndata: two\n\n");
  assert.deepEqual((await worker.send("/cookie")).headers["set-cookie"], ["a=b; Path=/; HttpOnly", "c=d; Path=/"]);
  const boundary = "--b\r\ncontent-disposition: form-data; name=\"text\"\r\n\r\nt\r\n--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"n.txt\"\r\n\r\ninside\r\n--b--\r\n";
  assert.deepEqual(await worker.json("/form", { method: "POST", body: boundary, headers: { "content-type": "multipart/form-data; boundary=b" } }), { text: "t", file: ["n.txt", "inside"] });
  assert.equal((await worker.send("/echo", { method: "POST", body: "over and back" })).body, "over and back");
  assert.deepEqual([(await worker.send("/tea")).status, (await worker.send("/boom")).body], [418, "error: boom"]);
  const socket = new WebSocket(`ws://hono.localhost:${server.port}/ws`);
  const heard = [];
  socket.onmessage = ({ data }) => heard.push(data);
  await until("the WebSocket to open", () => socket.readyState === 1);
  socket.send("hi");
  await until("an answer", () => heard.length > 0);
  assert.deepEqual(heard, ["re: hi"]);
  socket.close();
});

test("itty-router: parameters, content, errors", async () => {
  const worker = await publish("itty", `
import { AutoRouter, cors, error, StatusError, withContent, withParams } from "itty-router";
const { preflight, corsify } = cors({ origin: "*" });
const router = AutoRouter({ before: [preflight, withParams], finally: [corsify] });
router.get("/a/:id", ({ id, query }) => ({ id, query }))
  .post("/content", withContent, ({ content }) => ({ content }))
  .get("/status", () => { throw new StatusError(403, "no"); })
  .get("/error", () => error(401, { why: "you" }));
export default { fetch: router.fetch };
`);
  assert.deepEqual(await worker.json("/a/5?x=1&x=2"), { id: "5", query: { x: ["1", "2"] } });
  const posted = { method: "POST", body: '{"a":1}', headers: { "content-type": "application/json" } };
  assert.deepEqual(await worker.json("/content", posted), { content: { a: 1 } });
  const refused = await worker.send("/status");
  assert.deepEqual([refused.status, JSON.parse(refused.body), refused.headers["access-control-allow-origin"]], [403, { status: 403, error: "no" }, "*"]);
  assert.equal((await worker.send("/error")).status, 401);
  assert.equal((await worker.send("/nowhere")).status, 404);
});

test("jose: signs, encrypts, imports and exports with every kind of key", async () => {
  const worker = await publish("jose", `
import * as jose from "jose";
async function signed(alg) {
  const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true });
  const token = await new jose.SignJWT({ sub: "me" }).setProtectedHeader({ alg }).setExpirationTime(4e9).sign(privateKey);
  const jwk = await jose.exportJWK(publicKey);
  const set = jose.createLocalJWKSet({ keys: [{ ...jwk, alg, use: "sig" }] });
  const key = await jose.importSPKI(await jose.exportSPKI(publicKey), alg);
  const again = await new jose.CompactSign(new Uint8Array(3)).setProtectedHeader({ alg }).sign(await jose.importPKCS8(await jose.exportPKCS8(privateKey), alg));
  const refused = await jose.jwtVerify(token.slice(0, -6) + "AAAAAA", key).then(() => "taken", (error) => error.code);
  return [(await jose.jwtVerify(token, set)).payload.sub, (await jose.jwtVerify(token, key)).payload.sub, (await jose.compactVerify(again, key)).payload.length, refused];
}
async function sealed(alg, enc) {
  const pair = /RSA|ECDH/.test(alg) ? await jose.generateKeyPair(alg) : undefined;
  const secret = pair ? undefined : /PBES/.test(alg) ? new TextEncoder().encode("password") : await jose.generateSecret(alg === "dir" ? enc : alg);
  const token = await new jose.EncryptJWT({ sub: "me" }).setProtectedHeader({ alg, enc }).encrypt(pair?.publicKey ?? secret);
  return (await jose.jwtDecrypt(token, pair?.privateKey ?? secret, { keyManagementAlgorithms: [alg] })).payload.sub;
}
export default {
  async fetch(request) {
    const { searchParams } = new URL(request.url);
    const alg = searchParams.get("alg"), enc = searchParams.get("enc");
    return Response.json(enc ? await sealed(alg, enc) : await signed(alg));
  },
};
`);
  const query = (alg, enc) => `/?${new URLSearchParams(enc ? { alg, enc } : { alg })}`;
  for (const alg of ["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"]) {
    assert.deepEqual(await worker.json(query(alg)), ["me", "me", 3, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"], alg);
  }
  for (const [alg, enc] of [["dir", "A256GCM"], ["A128KW", "A128CBC-HS256"], ["A256GCMKW", "A128GCM"], ["RSA-OAEP-256", "A256GCM"], ["ECDH-ES+A128KW", "A256GCM"], ["PBES2-HS256+A128KW", "A256GCM"]]) {
    assert.equal(await worker.json(query(alg, enc)), "me", alg);
  }
});

test("zod and superjson: values in and out", async () => {
  const worker = await publish("values", `
import superjson from "superjson";
import { z } from "zod";
const Shape = z.object({ mail: z.email(), count: z.coerce.number().int().min(2), at: z.coerce.date().optional() }).strict();
export default {
  async fetch(request) {
    const read = Shape.safeParse(await request.json());
    if (!read.success) return Response.json(read.error.issues.map(({ code, path }) => [code, path.join()]), { status: 422 });
    const kept = superjson.stringify({ ...read.data, big: 10n, set: new Set([1]), map: new Map([["a", /x/g]]), none: undefined, error: new TypeError("t") });
    const back = superjson.parse(kept);
    return Response.json([back.mail, back.count, back.at?.toISOString(), typeof back.big, back.set.has(1), back.map.get("a").source, "none" in back, back.error.name]);
  },
};
`);
  const post = (value) => worker.send("/", { method: "POST", body: JSON.stringify(value) });
  assert.deepEqual(JSON.parse((await post({ mail: "a@b.co", count: "5", at: "2026-01-02" })).body),
                   ["a@b.co", 5, "2026-01-02T00:00:00.000Z", "bigint", true, "x", true, "TypeError"]);
  const refused = await post({ mail: "a", count: 1, more: 1 });
  assert.deepEqual([refused.status, JSON.parse(refused.body)], [422, [["invalid_format", "mail"], ["too_small", "count"], ["unrecognized_keys", ""]]]);
});

test("partyserver: rooms that hibernate", async () => {
  const worker = await publish("party", `
import { getServerByName, routePartykitRequest, Server } from "partyserver";
export class Room extends Server {
  static options = { hibernate: true };
  onConnect(connection, { request }) {
    connection.setState({ from: new URL(request.url).searchParams.get("from") });
    connection.send("welcome to " + this.name);
  }
  onMessage(connection, message) {
    this.broadcast(connection.state.from + ": " + message, [connection.id]);
  }
  onRequest() { return Response.json({ name: this.name, connections: [...this.getConnections()].length }); }
  onClose(connection) { this.broadcast(connection.state.from + " left"); }
  double(number) { return number * 2; }
}
export default {
  async fetch(request, env) {
    if (new URL(request.url).pathname === "/rpc") return Response.json(await (await getServerByName(env.Room, "one")).double(21));
    return (await routePartykitRequest(request, env)) ?? new Response("no party", { status: 404 });
  },
};
`, '[[durable_objects.bindings]]\nname = "Room"\nclass_name = "Room"\n[[migrations]]\ntag = "v1"\nnew_sqlite_classes = ["Room"]\n');
  assert.equal(await worker.json("/rpc"), 42);
  assert.equal((await worker.send("/other")).status, 404);
  const join = async (from) => {
    const socket = new WebSocket(`ws://party.localhost:${server.port}/parties/room/lobby?from=${from}`);
    const heard = [];
    socket.onmessage = ({ data }) => heard.push(data);
    await until(`${from}'s welcome`, () => heard.shift() === "welcome to lobby");
    return { socket, heard };
  };
  const [ann, bob] = [await join("ann"), await join("bob")];
  ann.socket.send("hi");
  await until("ann's words", () => bob.heard.shift() === "ann: hi");
  await until("the room to leave memory", async () => (await server.metric("limpet_objects_live")) === 0);
  bob.socket.send("still here");
  await until("bob's words", () => ann.heard.shift() === "bob: still here");
  assert.deepEqual(await worker.json("/parties/room/lobby"), { name: "lobby", connections: 2 });
  bob.socket.close();
  await until("that bob left", () => ann.heard.shift() === "bob left");
  ann.socket.close();
});

test("capnweb: objects by reference, over HTTP and over a WebSocket", async () => {
  const worker = await publish("capnweb", `
import { DurableObject } from "cloudflare:workers";
import { newWorkersRpcResponse, RpcTarget } from "capnweb";
class Counter extends RpcTarget {
  #sum = 0;
  add(number) { return this.#sum += number; }
  async tell(listener) { return await listener("the sum is " + this.#sum); }
  fail() { throw new RangeError("too far"); }
}
class Api extends RpcTarget {
  square(number) { return number * number; }
  counter() { return new Counter(); }
  values() { return { date: new Date(5), bytes: new Uint8Array([1, 2]), big: 10n }; }
}
export class Room extends DurableObject { fetch(request) { return newWorkersRpcResponse(request, new Api()); } }
export default { fetch(request, env) {
  return new URL(request.url).pathname === "/room" ? env.Room.getByName("one").fetch(request) : newWorkersRpcResponse(request, new Api());
} };
`, '[[durable_objects.bindings]]\nname = "Room"\nclass_name = "Room"\n[[migrations]]\ntag = "v1"\nnew_sqlite_classes = ["Room"]\n');
  const { newHttpBatchRpcSession, newWebSocketRpcSession } = await import("capnweb");
  assert.equal((await worker.send("/")).status, 400);
  for (const path of ["/", "/room"]) {
    const batch = newHttpBatchRpcSession(`http://capnweb.localhost:${server.port}${path}`);
    const [square, sum, values] = await Promise.all([batch.square(batch.square(3)), batch.counter().add(4), batch.values()]);
    assert.deepEqual([square, sum, values.date.getTime(), [...values.bytes], values.big], [81, 4, 5, [1, 2], 10n], path);
    const session = newWebSocketRpcSession(`ws://capnweb.localhost:${server.port}${path}`);
    const counter = await session.counter();
    assert.deepEqual([await counter.add(2), await counter.add(3), await counter.tell((text) => `${text}, I hear`)], [2, 5, "the sum is 5, I hear"], path);
    await assert.rejects(async () => await counter.fail(), { name: "RangeError", message: "too far" });
    session[Symbol.dispose]();
  }
});

test("drizzle-orm: an object's database", async () => {
  const worker = await publish("drizzle", `
import { DurableObject } from "cloudflare:workers";
import { count, desc, eq, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/durable-sqlite";
import { migrate } from "drizzle-orm/durable-sqlite/migrator";
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
const users = sqliteTable("users", { id: integer().primaryKey({ autoIncrement: true }), name: text().notNull(), at: integer({ mode: "timestamp" }),
  more: text({ mode: "json" }), is: integer({ mode: "boolean" }) });
const m0000 = "CREATE TABLE users (id integer PRIMARY KEY AUTOINCREMENT NOT NULL, name text NOT NULL, at integer, more text, \`is\` integer);" +
  "--> statement-breakpointCREATE UNIQUE INDEX names ON users (name);";
const kMigrations = { journal: { entries: [{ idx: 0, when: 1, tag: "0000_first", breakpoints: true }] }, migrations: { m0000 } };
export class Users extends DurableObject {
  async fetch() {
    const db = drizzle(this.ctx.storage);
    for (let turn = 0; turn < 2; turn++) await migrate(db, kMigrations);
    const made = await db.insert(users).values([{ name: "ann", at: new Date(5000), more: { a: [1] }, is: true }, { name: "bob" }]).returning();
    await db.update(users).set({ name: sql\`upper(\${users.name})\` }).where(eq(users.name, "bob"));
    const refused = await Promise.resolve().then(() => db.insert(users).values({ name: "ann" })).then(() => "taken", (error) => String(error.cause ?? error));
    let undone = "";
    try { db.transaction((tx) => { tx.insert(users).values({ name: "eve" }).run(); tx.rollback(); }); } catch (error) { undone = error.message; }
    return Response.json([made[0], await db.select().from(users).orderBy(desc(users.id)).limit(1), db.select({ all: count() }).from(users).get(), refused, undone]);
  }
}
export default { fetch: (request, env) => env.Users.getByName("one").fetch(request) };
`, '[[durable_objects.bindings]]\nname = "Users"\nclass_name = "Users"\n[[migrations]]\ntag = "v1"\nnew_sqlite_classes = ["Users"]\n');
  assert.deepEqual(await worker.json("/"), [
    { id: 1, name: "ann", at: "1970-01-01T00:00:05.000Z", more: { a: [1] }, is: true }, [{ id: 2, name: "BOB", at: null, more: null, is: null }], { all: 2 },
    "Error: UNIQUE constraint failed: users.name: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)", "Rollback",
  ]);
});

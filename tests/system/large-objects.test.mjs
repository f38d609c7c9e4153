// Objects that are larger than a copy may take of memory: export, import and fork, with other objects at work, clients that
// go away, and kills in the middle.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createReadStream, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { corePid, kSanitized, limpet, startLimpet, temporaryFolder, until } from "./lib.mjs";

const kMebibyte = 1 << 20;
const kRows = kSanitized ? 60 : 120;  // Of a mebibyte each.
// What the store's threads and its cache still come to is in it; a copy in memory would come to twice as much.
const kGrowthMax = 160 * kMebibyte;
// The pages that are read at once, SQLite's cache, buffers.
const kExportGrowthMax = 48 * kMebibyte;
const kCode = `
  export default {
    async fetch(request, env) {
      const [, name] = new URL(request.url).pathname.split("/");
      return await env.Sql.get(env.Sql.idFromName(name)).fetch(request);
    },
  };
  export class Sql {
    constructor(ctx) { this.ctx = ctx; }
    async fetch(request) {
      const { storage, id } = this.ctx;
      if (new URL(request.url).searchParams.has("put")) storage.put("boat", "small");
      let rows = 0, sum = 0;
      try { ({ rows, sum } = storage.sql.exec("SELECT count(*) AS rows, sum(length(x)) AS sum FROM t").one()); } catch {}
      const pairs = [...storage.kv.list({ limit: 1000 })].length;
      return Response.json({ id: id.toString(), rows, sum, pairs });
    }
  }`;

const folder = temporaryFolder("limpet-large");
let server;
const tool = async (...args) => await limpet(["objects", ...args], { env: server.env });
const call = async (path) => JSON.parse((await server.fetch("large", path)).body);
const file = (name) => join(folder, name);
const status = (name) => Number(readFileSync(`/proc/${corePid(server.pid)}/status`, "latin1").match(new RegExp(`${name}:\\s+(\\d+) kB`))[1]) * 1024;

// A database of `rows` mebibytes of noise, and pairs as an export has them (any value will do: they are not read).
function makeFile(path, { rows, pairs = 0 }) {
  const database = new DatabaseSync(path);
  database.exec("PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; CREATE TABLE t(x)");
  database.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows}) INSERT INTO t SELECT randomblob(${kMebibyte}) FROM n`);
  if (pairs > 0) {
    database.exec("CREATE TABLE _cf_KV(key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID");
    database.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${pairs}) INSERT INTO _cf_KV SELECT 'key' || i, x'ff0f2203616263' FROM n`);
  }
  database.close();
}

function contentOf(path) {
  const database = new DatabaseSync(path, { readOnly: true });
  assert.equal(database.prepare("PRAGMA integrity_check").get().integrity_check, "ok");
  const hash = createHash("sha256");
  for (const { x } of database.prepare("SELECT x FROM t ORDER BY rowid").iterate()) hash.update(x);
  for (const { key, value } of database.prepare("SELECT key, value FROM _cf_KV ORDER BY key").iterate()) hash.update(key).update(value);
  database.close();
  return hash.digest("hex");
}

// Scratch files that the server has open: they have no names.
function openScratch() {
  const fds = `/proc/${corePid(server.pid)}/fd`;
  const link = (fd) => { try { return readlinkSync(join(fds, fd)); } catch { return ""; } };
  return readdirSync(fds).map(link).filter((path) => path.includes("/scratch/")).length;
}

before(async () => {
  server = await startLimpet();
  await server.deploy({ name: "large", code: kCode, classes: ["Sql"], newClasses: ["Sql"], sqlite: true });
  makeFile(file("large.db"), { rows: kRows, pairs: 500 });
}, { timeout: 300_000 });
after(async () => { await server?.stop(); });

const options = { timeout: 600_000 };

test("import, export and fork of a large object leave memory as it was, and other objects at work", options, async () => {
  const { id } = await call("/whale");
  // They fill what the store keeps in memory, its cache of 256 MiB above all.
  for (const step of [["import", id, file("large.db")], ["import", id, file("large.db")], ["export", id, file("first.db")], ["fork", id, "--to", "other"]]) {
    const ended = await tool(...step);
    assert.equal(ended.code, 0, `${step}: ${ended.stderr}`);
  }
  rmSync(file("first.db"));
  const expected = { id, rows: kRows, sum: kRows * kMebibyte, pairs: 500 };
  assert.deepEqual(await call("/whale"), expected);
  writeFileSync(`/proc/${corePid(server.pid)}/clear_refs`, "5");
  const before = status("VmHWM");
  let stop = false, answers = 0;
  const pinging = (async () => {
    while (!stop) answers += (await call("/shrimp?put")).pairs;
  })();
  const steps = [["export", id, file("now.db")], ["import", id, file("now.db")], ["fork", id, "--to", "calf"], ["export", id, file("again.db")]];
  for (const step of steps) {
    const had = answers;
    const ended = await tool(...step);
    assert.equal(ended.code, 0, `${step}: ${ended.stderr}`);
    assert.ok(answers > had, `another object answers during ${step[0]}`);
  }
  stop = true;
  await pinging;
  const grown = status("VmHWM") - before;
  if (!kSanitized) assert.ok(grown <= kGrowthMax, `it grew by ${(grown / kMebibyte).toFixed(1)} MiB`);
  assert.deepEqual(await call("/whale"), expected);
  assert.deepEqual({ ...await call("/calf"), id }, expected);
  assert.equal(contentOf(file("now.db")), contentOf(file("again.db")));
  assert.ok(statSync(file("again.db")).size <= statSync(file("now.db")).size + kMebibyte);
  assert.equal(openScratch(), 0);
  rmSync(file("again.db"));
});

test("an export reads past the store's cache: a server that has just started stays as small as it is", options, async () => {
  const { dataDir } = server;
  await server.stop();
  server = await startLimpet({ dataDir });
  const { id } = await call("/whale");
  await call("/shrimp?put");
  writeFileSync(`/proc/${corePid(server.pid)}/clear_refs`, "5");
  const before = status("VmHWM");
  for (let round = 0; round < 2; round++) {
    const ended = await tool("export", id, file("again.db"));
    assert.equal(ended.code, 0, ended.stderr);
    assert.ok(statSync(file("again.db")).size > kRows * kMebibyte);
    rmSync(file("again.db"));
  }
  const grown = status("VmHWM") - before;
  if (!kSanitized) assert.ok(grown <= kExportGrowthMax, `it grew by ${(grown / kMebibyte).toFixed(1)} MiB`);
});

test("a damaged file, and one over the quota, change nothing", options, async () => {
  const { id } = await call("/whole?put");
  const damaged = readFileSync(file("large.db")).subarray(0, 20 * 4096);
  writeFileSync(file("damaged.db"), damaged);
  assert.match((await tool("import", id, file("damaged.db"))).stderr, /cut short/);
  makeFile(file("small.db"), { rows: 2, pairs: 300 });
  const bytes = readFileSync(file("small.db"));
  bytes.fill(0xaa, bytes.length - 2 * 4096);
  writeFileSync(file("damaged.db"), bytes);
  assert.match((await tool("import", id, file("damaged.db"))).stderr, /damaged|can't be read/);
  assert.deepEqual(await call("/whole"), { id, rows: 0, sum: 0, pairs: 1 });
  const { dataDir } = server;
  await server.stop();
  server = await startLimpet({ dataDir, flags: ["--object-storage-mb", "20"] });
  assert.match((await tool("import", id, file("large.db"))).stderr, /Exceeded allowed storage: the Durable Object would store/);
  assert.deepEqual(await call("/whole"), { id, rows: 0, sum: 0, pairs: 1 });
  await server.stop();
  server = await startLimpet({ dataDir });
});

test("a client that goes away leaves nothing behind", options, async () => {
  const { id } = await call("/whale");
  const target = new URL(`${server.admin}/client/v4/accounts/local/workers/durable_objects/objects/${id}/`);
  const headers = { authorization: `Bearer ${server.token}`, "content-type": "application/vnd.sqlite3" };
  await new Promise((done, fail) => {
    http.get(new URL("export", target), { headers }, (response) => {
      assert.equal(response.statusCode, 200);
      assert.ok(Number(response.headers["content-length"]) > kRows * kMebibyte);
      response.once("data", () => { response.destroy(); done(); });
    }).on("error", fail);
  });
  await until("the scratch file of the export to be gone", () => openScratch() === 0);
  await new Promise((done) => {
    const sending = http.request(new URL("import", target), { method: "PUT", headers: { ...headers, "content-length": statSync(file("large.db")).size } });
    sending.on("error", () => done());
    createReadStream(file("large.db"), { end: 8 * kMebibyte }).on("end", () => sending.destroy()).pipe(sending, { end: false });
  });
  await until("the scratch file of the import to be gone", () => openScratch() === 0);
  assert.equal((await call("/whale")).rows, kRows);
});

test("a kill in the middle of an import leaves the object as it was", options, async () => {
  const { id } = await call("/whale");
  const [before] = [await call("/whale")];
  makeFile(file("other.db"), { rows: kRows + 1 });
  const counted = async () => await server.metric("limpet_store_written_bytes_total");
  const stored = async () => await server.metric("limpet_stored_bytes");
  const whole = await stored();
  const written = await counted();
  const importing = tool("import", id, file("other.db"));
  await until("half of the import", async () => (await counted()) > written + kRows * kMebibyte / 2, 300_000);
  const { dataDir } = server;
  await server.stop("SIGKILL");
  assert.notEqual((await importing).code, 0);
  assert.deepEqual(readdirSync(join(dataDir, "scratch")), []);
  server = await startLimpet({ dataDir });
  // Nobody uses the object: what it has of the import is given back all the same.
  await until("the half of the import to be undone", async () => (await stored()) === whole, 300_000);
  // From outside first: nobody has used the object yet.
  const exported = await tool("export", id, file("before.db"));
  assert.equal(exported.code, 0, exported.stderr);
  assert.equal(contentOf(file("before.db")), contentOf(file("now.db")));
  assert.deepEqual(await call("/whale"), before);
});

test("a kill in the middle of the import of a new object leaves nothing of it, and nobody need ask", options, async () => {
  const { id } = await call("/minnow");
  const stored = async () => await server.metric("limpet_stored_bytes");
  const whole = await stored();
  const importing = tool("import", id, file("other.db"));
  await until("half of the import", async () => (await stored()) > whole + kRows * kMebibyte / 2, 300_000);
  const { dataDir } = server;
  await server.stop("SIGKILL");
  assert.notEqual((await importing).code, 0);
  server = await startLimpet({ dataDir });
  await until("the half of the import to be gone", async () => (await stored()) === whole, 300_000);
  assert.match((await tool("export", id, file("none.db"))).stderr, /stores nothing/);
});

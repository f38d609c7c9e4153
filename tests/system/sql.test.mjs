// SQL in objects as real processes have it: kill -9, a CPU limit, a full transaction, eviction, deploys, a full disk.
// LIMPET_TEST_ROUNDS sets the number of kills (20), LIMPET_TEST_SEED repeats a run's random choices.
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";
import { corePid, startLimpet, temporaryFolder, until } from "./lib.mjs";
import { seededRandom } from "./scripts.mjs";

const kObjects = 40;
const kClients = 12;
const kRunMsMax = 250;
const rounds = Math.min(Number(process.env.LIMPET_TEST_ROUNDS ?? 20), 50);
const seed = Number(process.env.LIMPET_TEST_SEED ?? Date.now() % 1_000_000);
const random = seededRandom(seed);

// /add: one burst of two rows and two pairs (one of them a synchronous pair), all with the number of the burst; a third
// of them with pages of noise, so that a burst is of many pages.
const code = (version = 1) => `
import { DurableObject } from "cloudflare:workers";
export default { async fetch(request, env) {
  const url = new URL(request.url);
  if (url.pathname === "/plain") return new Response("plain");
  return env.Ledger.getByName(url.searchParams.get("name") ?? "A").fetch(request);
} };
export class Ledger extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.born = Math.random();
    this.sql = ctx.storage.sql;
    this.sql.exec("CREATE TABLE IF NOT EXISTS one(n INTEGER PRIMARY KEY, noise BLOB); CREATE TABLE IF NOT EXISTS two(n INTEGER UNIQUE, text TEXT)");
  }
  last() { return this.sql.exec("SELECT coalesce(max(n), 0) AS n FROM one").one().n; }
  async fetch(request) {
    const url = new URL(request.url);
    const { sql, ctx: { storage } } = this;
    switch (url.pathname) {
      case "/add": {
        const n = this.last() + 1;
        sql.exec("INSERT INTO one VALUES (?, ?)", n, n % 3 === 0 ? crypto.getRandomValues(new Uint8Array(30_000)) : null);
        storage.put("pair", n);
        sql.exec("INSERT INTO two VALUES (?, ?)", n, "text " + n);
        storage.kv.put("kv", n);
        return Response.json({ n });
      }
      case "/check": {
        const one = sql.exec("SELECT count(*) AS rows, coalesce(max(n), 0) AS last FROM one").one();
        const two = sql.exec("SELECT count(*) AS rows, coalesce(max(n), 0) AS last FROM two").one();
        return Response.json({ one, two, pair: (await storage.get("pair")) ?? 0, kv: storage.kv.get("kv") ?? 0, born: this.born, version: ${version} });
      }
      case "/long":
        sql.exec("INSERT INTO one VALUES (-1, NULL)");
        return Response.json(sql.exec("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) AS n FROM r").one());
      case "/fill": {  // One burst of that many MiB.
        sql.exec("CREATE TABLE IF NOT EXISTS large(b BLOB)");
        for (let mib = Number(url.searchParams.get("mib")); mib > 0; mib--) sql.exec("INSERT INTO large VALUES (randomblob(1048576))");
        return Response.json({ born: this.born });
      }
      case "/large":
        return Response.json({ rows: sql.exec("SELECT count(*) AS n FROM sqlite_master WHERE name = 'large'").one().n === 0 ? 0
          : sql.exec("SELECT count(*) AS n FROM large").one().n, born: this.born });
    }
    return new Response("no such path", { status: 404 });
  }
}`;
const script = { name: "ledger", classes: ["Ledger"], sqlite: true };
const flags = ["--idle-evict-ms", "300"];
const options = { timeout: 300_000 };

const dataDir = temporaryFolder("limpet-sql");
let server;
const start = async () => { server = await startLimpet({ dataDir, flags }); };
before(async () => {
  await start();
  await server.deploy({ ...script, code: code() });
});
after(() => server?.stop("SIGKILL"));

async function json(path, name = "A", agent = undefined, from = server) {
  const answer = await from.fetch("ledger", `${path}${path.includes("?") ? "&" : "?"}name=${name}`, { agent });
  assert.equal(answer.status, 200, answer.body);
  return JSON.parse(answer.body);
}

const sum = (all) => all.reduce((sum, each) => sum + each, 0);

// Every burst up to some number is there, whole.
function checkWhole({ one, two, pair, kv }, what) {
  assert.deepEqual([one.rows, two.rows, two.last, pair, kv], new Array(5).fill(one.last), `${what}: ${JSON.stringify({ one, two, pair, kv })}`);
}

test(`rows and pairs of a burst stay together and none is lost over ${rounds} kills (seed ${seed})`, { timeout: 120_000 + rounds * 30_000 }, async () => {
  const asked = new Array(kObjects).fill(0);
  const acknowledged = new Array(kObjects).fill(0);
  for (let round = 0; round < rounds; round++) {
    const agent = new http.Agent({ keepAlive: true });
    let stop = false;
    const client = async () => {
      while (!stop) {
        const name = Math.floor(random() * kObjects);
        asked[name]++;
        const answer = await server.fetch("ledger", `/add?name=kill-${name}`, { agent, timeoutMs: 5_000 }).catch(() => undefined);
        if (answer?.status === 200) acknowledged[name] = Math.max(acknowledged[name], JSON.parse(answer.body).n);
      }
    };
    const clients = Array.from({ length: kClients }, client);
    const before = sum(acknowledged);
    await until("a burst", () => sum(acknowledged) > before);
    await new Promise((done) => setTimeout(done, random() * kRunMsMax));  // The random moment.
    const core = corePid(server.pid);
    server.running.child.kill("SIGKILL");
    if (core && random() < 0.5) try { process.kill(core, "SIGKILL"); } catch { /* It has ended already. */ }
    await server.running.exited;
    stop = true;
    await Promise.all(clients);
    agent.destroy();
    await start();
    const checking = new http.Agent({ keepAlive: true, maxSockets: kClients });
    await Promise.all(acknowledged.map(async (low, name) => {
      const what = `seed ${seed} round ${round}: object ${name}`;
      const seen = await json("/check", `kill-${name}`, checking);
      checkWhole(seen, what);
      assert.ok(seen.one.last >= low, `${what} has ${seen.one.last}, ${low} were acknowledged`);
      assert.ok(seen.one.last <= asked[name], `${what} has ${seen.one.last}, ${asked[name]} were asked for`);
    }));
    checking.destroy();
  }
});

test("a query without end is ended by the CPU limit; other scripts' objects answer meanwhile, nothing of its burst stays", options, async () => {
  const own = await startLimpet({ flags: ["--cpu-ms", "1500"] });  // What the other tests do may take longer.
  for (const name of ["ledger", "other"]) await own.deploy({ ...script, name, code: code() });
  const names = ["B", "C", "D", "E", "F"];  // On both shards.
  await json("/add", "A-long", undefined, own);
  let ended = false;
  const long = own.fetch("ledger", "/long?name=A-long").finally(() => (ended = true));
  let answered = 0;
  let slowest = 0;
  const start = performance.now();
  while (!ended) {
    const begun = performance.now();
    const answer = await own.fetch("other", `/add?name=${names[answered % 5]}`);
    assert.equal(answer.status, 200, answer.body);
    if (ended) break;
    slowest = Math.max(slowest, performance.now() - begun);
    answered++;
  }
  assert.equal((await long).status, 503);
  const whole = performance.now() - start;
  assert.ok(answered >= 10, `${answered} answers meanwhile`);
  assert.ok(slowest < whole / 2, `the slowest took ${Math.round(slowest)} ms of ${Math.round(whole)} ms`);
  checkWhole(await json("/check", "A-long", undefined, own), "after the query");
  await own.stop("SIGKILL");
});

test("an object over the limit of one transaction is reset, and holds what it held before", options, async () => {
  const before = await json("/fill?mib=20", "wide");
  const answer = await server.fetch("ledger", "/fill?mib=80&name=wide", { timeoutMs: 60_000 });
  assert.ok(answer.status >= 500, `${answer.status} ${answer.body}`);
  const after = await json("/large", "wide");
  assert.equal(after.rows, 20);
  assert.notEqual(after.born, before.born);
  assert.equal((await json("/large", "other")).rows, 0);
  await json("/fill?mib=30", "wide");
  assert.equal((await json("/large", "wide")).rows, 50);
});

test("what was written is there after eviction and after a deploy", options, async () => {
  for (let n = 0; n < 7; n++) await json("/add", "kept");
  const { born } = await json("/check", "kept");
  const seen = await until("the object to have left memory", async () => {
    await new Promise((done) => setTimeout(done, 600));  // Asking keeps it.
    const seen = await json("/check", "kept");
    return seen.born !== born && seen;
  });
  checkWhole(seen, "after eviction");
  assert.equal(seen.one.last, 7);
  await json("/add", "kept");
  await server.deploy({ ...script, newClasses: [], code: code(2) });
  const later = await json("/check", "kept");
  checkWhole(later, "after the deploy");
  assert.deepEqual([later.one.last, later.version], [8, 2]);
  assert.equal((await json("/add", "kept")).n, 9);
});

test("a deploy under load loses no row and fails no request", options, async () => {
  let stop = false;
  const last = new Array(8).fill(0);
  const clients = last.map(async (_, index) => {
    while (!stop) last[index] = (await json("/add", `rolling-${index}`)).n;
  });
  for (let version = 3; version < 6; version++) {
    await server.deploy({ ...script, newClasses: [], code: code(version) });
    await until("the new version", async () => (await json("/check", "rolling-0")).version === version);
  }
  stop = true;
  await Promise.all(clients);
  for (const [index, n] of last.entries()) {
    const seen = await json("/check", `rolling-${index}`);
    checkWhole(seen, `object ${index}`);
    assert.equal(seen.one.last, n);
  }
});

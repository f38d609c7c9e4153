// A disk that is full: callers get errors and never a false success, the server lives, scripts that store nothing don't
// notice, and once there is space again everything acknowledged is there. The disk is a small tmpfs, which only root may
// mount: without that the tests are skipped, by name.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { corePid, limpet, startLimpet, temporaryFolder, tryDeploy, until } from "./lib.mjs";
import { kHello } from "./scripts.mjs";

// /put?name=N&key=K: writes 32 KiB of noise that begins with K, un-awaited, and answers at once: only the output gate
// stands between a full disk and a 200. /get: the first characters of K's value, or null. `events`: a memory's age.
const kHoarder = `
const kNoise = 32 * 1024;
export default {
  fetch(request, env) {
    const name = new URL(request.url).searchParams.get("name");
    return env.Hoarder.get(env.Hoarder.idFromName(name)).fetch(request);
  },
};
export class Hoarder {
  constructor(state) { this.state = state; this.events = 0; }
  async fetch(request) {
    const url = new URL(request.url);
    const key = url.searchParams.get("key");
    const events = ++this.events;
    if (url.pathname === "/put") {
      const noise = new Uint8Array(kNoise);
      crypto.getRandomValues(noise);
      noise.set(new TextEncoder().encode(key));
      this.state.storage.put(key, noise);
      return Response.json({ events });
    }
    const stored = await this.state.storage.get(key);
    return Response.json({ id: this.state.id.toString(), events, stored: stored ? new TextDecoder().decode(stored.slice(0, key.length)) : null });
  }
}
`;
const kMebibyte = 1 << 20;

// A folder on a file system of its own, of `bytes`; undefined if this user may not mount one.
function smallDisk(bytes) {
  const folder = temporaryFolder("limpet-disk");
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "limpet-test", folder]);
  if (mounted.status !== 0) return undefined;
  process.prependListener("exit", () => spawnSync("umount", ["--lazy", folder]));  // Before the folder is removed.
  return folder;
}
const kMayMount = smallDisk(kMebibyte) !== undefined;
const options = { timeout: 300_000, skip: kMayMount ? false : "mounting a tmpfs is not permitted here (run as root)" };

const freeBytes = (disk) => { const about = statfsSync(disk); return about.bavail * about.bsize; };

// Fills what is left of the disk but `leave` bytes.
function addBallast(disk, leave = 0) {
  const file = openSync(join(disk, "ballast"), "a");
  try {
    for (let left = freeBytes(disk) - leave; left > 0; left = freeBytes(disk) - leave) writeSync(file, Buffer.alloc(Math.min(left, kMebibyte)));
  } catch (error) {
    assert.equal(error.code, "ENOSPC");
  } finally {
    closeSync(file);
  }
}
const dropBallast = (disk) => rmSync(join(disk, "ballast"));

async function startOn(disk) {
  const dataDir = join(disk, "data");
  mkdirSync(dataDir, { recursive: true });
  return await startLimpet({ dataDir });
}

const put = (server, name, key) => server.fetch("hoarder", `/put?name=${name}&key=${key}`);
const get = async (server, name, key) => {
  const answer = await server.fetch("hoarder", `/get?name=${name}&key=${key}`);
  assert.equal(answer.status, 200, answer.body);
  return JSON.parse(answer.body);
};

async function checkAcknowledged(server, acknowledged) {
  for (const [name, key] of acknowledged) assert.equal((await get(server, name, key)).stored, key, `${name}/${key} was acknowledged`);
}

// A probe of `until`: a write that is acknowledged again.
const writes = (server, acknowledged, key) => async () => {
  const answer = await put(server, "after", key);
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body}`);
  acknowledged.push(["after", key]);
  return true;
};

test("a full disk fails writers alone, loses nothing, and heals without a restart", options, async () => {
  const disk = smallDisk(48 * kMebibyte);
  let server = await startOn(disk);
  await server.deploy({ name: "hello", code: kHello });
  await server.deploy({ name: "hoarder", classes: ["Hoarder"], code: kHoarder });
  const core = corePid(server.pid);
  const acknowledged = [];
  for (let round = 0; round < 3; round++) {
    addBallast(disk, 4 * kMebibyte);
    let refused = 0;
    for (let n = 0; refused < 20; n++) {
      assert.ok(n < 1000, "the disk gets full");
      const [name, key] = [`object-${n % 7}`, `${round}-${n}`];
      const answers = await Promise.all([put(server, name, key), put(server, `${name}x`, key), server.fetch("hello")]);
      for (const [index, answer] of answers.slice(0, 2).entries()) {
        if (answer.status === 200) acknowledged.push([index === 0 ? name : `${name}x`, key]);
        else assert.ok(answer.status >= 500 && answer.status < 600, `${answer.status}`);
        refused += answer.status === 200 ? 0 : 1;
      }
      assert.equal(answers[2].body, "hello", "a script without storage answers");
    }
    assert.equal((await tryDeploy(server, { name: "late", code: kHello })).json?.success, false, "a deploy is refused");
    assert.equal((await server.fetch("hello")).body, "hello");
    dropBallast(disk);
    await until("the store to take writes again", writes(server, acknowledged, `healed-${round}`));
    await checkAcknowledged(server, acknowledged);
  }
  await server.deploy({ name: "late", code: kHello });
  assert.equal((await server.fetch("late")).body, "hello");
  assert.equal(corePid(server.pid), core, "the core is the one that was started");
  assert.ok(acknowledged.length > 100, `${acknowledged.length} writes were acknowledged`);

  await server.stop("SIGKILL");
  server = await startOn(disk);
  await checkAcknowledged(server, acknowledged);
  assert.equal((await server.stop()).code, 0);
});

test("put, reply, disk failure: the client gets an error, the object's memory is gone", options, async () => {
  const disk = smallDisk(24 * kMebibyte);
  const server = await startOn(disk);
  await server.deploy({ name: "hoarder", classes: ["Hoarder"], code: kHoarder });
  assert.equal((await put(server, "A", "first")).status, 200);
  assert.equal(JSON.parse((await put(server, "A", "second")).body).events, 2);
  addBallast(disk);
  const answer = await put(server, "A", "lost");
  assert.equal(answer.status, 500, answer.body);
  assert.doesNotMatch(answer.body, /events/);
  dropBallast(disk);
  const { events, stored } = await until("the object to be read again", () => get(server, "A", "lost"));
  assert.deepEqual({ events, stored }, { events: 1, stored: null });
  assert.equal((await get(server, "A", "second")).stored, "second");
  await server.stop();
});

// /add: a row of 32 KiB of noise and a pair, both numbered; /seen: how many rows, the last one, and the pair.
const kRows = `
export default { fetch: (request, env) => env.Rows.getByName(new URL(request.url).searchParams.get("name")).fetch(request) };
export class Rows {
  constructor(state) {
    this.storage = state.storage;
    this.storage.sql.exec("CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, noise BLOB)");
  }
  async fetch(request) {
    const { sql } = this.storage;
    const seen = () => sql.exec("SELECT count(*) AS rows, coalesce(max(n), 0) AS last FROM t").one();
    if (new URL(request.url).pathname === "/add") {
      sql.exec("INSERT INTO t VALUES (?, randomblob(32768))", seen().last + 1);
      this.storage.put("last", seen().last);
    }
    return Response.json({ ...seen(), pair: (await this.storage.get("last")) ?? 0 });
  }
}
`;

test("a full disk during SQL: an error, no row that was not acknowledged stays half, and it heals", options, async () => {
  const disk = smallDisk(32 * kMebibyte);
  let server = await startOn(disk);
  await server.deploy({ name: "rows", classes: ["Rows"], sqlite: true, code: kRows });
  const acknowledged = new Map();
  const ask = async (name, path) => {
    const answer = await server.fetch("rows", `${path}?name=${name}`);
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body}`);
    return JSON.parse(answer.body);
  };
  const check = async () => {
    for (const [name, last] of acknowledged) {
      const seen = await ask(name, "/seen");
      assert.deepEqual([seen.rows, seen.pair], [seen.last, seen.last], `${name}: ${JSON.stringify(seen)}`);
      assert.ok(seen.last >= last, `${name} has ${seen.last}, ${last} were acknowledged`);
    }
  };
  const add = async (name) => {
    const { last } = await ask(name, "/add");
    acknowledged.set(name, last);
    return true;
  };
  await Promise.all(["A", "B", "C"].map(add));
  for (let round = 0; round < 2; round++) {
    addBallast(disk, 3 * kMebibyte);
    let refused = 0;
    for (let n = 0; refused < 10; n++) {
      assert.ok(n < 1000, "the disk gets full");
      await add(["A", "B", "C"][n % 3]).catch(({ message }) => {
        assert.match(message, /^5\d\d /);
        refused++;
      });
    }
    dropBallast(disk);
    await until("the store to take rows again", () => add("A"));
    await check();
  }
  await server.stop("SIGKILL");
  server = await startOn(disk);
  await check();
  await server.stop();
});

test("an import that the disk has no room for is refused, by name, and changes nothing", options, async () => {
  const disk = smallDisk(128 * kMebibyte);
  const server = await startOn(disk);
  await server.deploy({ name: "hoarder", classes: ["Hoarder"], code: kHoarder });
  assert.equal((await put(server, "A", "first")).status, 200);
  const { id } = await get(server, "A", "first");
  const file = join(temporaryFolder("limpet-import"), "large.db");
  const database = new DatabaseSync(file);
  database.exec("PRAGMA page_size = 4096; CREATE TABLE _cf_KV(key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID");
  database.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) INSERT INTO _cf_KV SELECT i, randomblob(100000) FROM n");
  database.close();
  for (const left of [20, 50, 80]) {  // Not for the file, for its pairs, for the store.
    addBallast(disk, left * kMebibyte);
    const refused = await limpet(["objects", "import", id, file], { env: server.env });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /The disk has too little room|the disk is full/);
    assert.equal((await get(server, "A", "first")).stored, "first");
    assert.equal((await put(server, "B", `${left}`)).status, 200, "the store has its room");
    dropBallast(disk);
  }
  assert.equal((await server.stop()).code, 0);
});

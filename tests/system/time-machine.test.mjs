// The time machine from outside: `limpet objects bookmarks|export|import|fork|restore` on a live server, a restart in
// between, and a server without history.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { api, limpet, request, startLimpet } from "./lib.mjs";

const kCode = `
  export default {
    async fetch(request, env) {
      const [, binding, name] = new URL(request.url).pathname.split("/");
      return await env[binding].get(env[binding].idFromName(name)).fetch(request);
    },
  };
  class Base {
    constructor(ctx) { this.ctx = ctx; this.calls = 0; }
    async fetch(request) {
      const { searchParams } = new URL(request.url);
      const { storage } = this.ctx;
      let sql;
      try { ({ sql } = storage); } catch {}
      const value = searchParams.get("put");
      if (value !== null) {
        storage.put("boat", value);
        if (sql) {
          sql.exec("CREATE TABLE IF NOT EXISTS t(x)");
          sql.exec("INSERT INTO t VALUES (?)", value);
        }
        storage.setAlarm(4102444800000);
      }
      if (searchParams.has("clear")) await storage.deleteAll();
      const bookmark = sql && searchParams.has("bookmark") ? await storage.getCurrentBookmark() : undefined;
      let rows = null;
      try { rows = sql.exec("SELECT x FROM t ORDER BY rowid").toArray().map(({ x }) => x); } catch {}
      return Response.json({ id: this.ctx.id.toString(), boat: await storage.get("boat"), rows, bookmark, alarm: await storage.getAlarm(), calls: ++this.calls });
    }
    alarm() {}
  }
  export class Plain extends Base {}
  export class Sql extends Base {}`;

let server, folder;
const paths = "/workers/durable_objects";
const tool = async (...args) => await limpet(["objects", ...args], { env: server.env });
const call = async (path) => JSON.parse((await server.fetch("things", path)).body);
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "limpet-time-"));
  server = await startLimpet();
  await server.deploy({ name: "things", code: kCode, classes: ["Plain"] });
  await server.deploy({ name: "things", code: kCode, classes: ["Plain", "Sql"], newClasses: ["Sql"], sqlite: true });
});
after(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("restore: there and back, of a live object, by what the tool prints", async () => {
  const { id, bookmark } = await call("/Sql/restore?put=one&bookmark");
  await call("/Sql/restore?put=two");
  const restored = await tool("restore", id, "--bookmark", bookmark);
  assert.equal(restored.code, 0, restored.stderr);
  assert.deepEqual(await call("/Sql/restore"), { id, boat: "one", rows: ["one"], alarm: 4102444800000, calls: 1 });
  const undo = /--bookmark ([0-9a-f-]{59})/.exec(restored.stderr)[1];
  assert.equal((await tool("restore", id, "--at", undo)).code, 0);
  assert.deepEqual((await call("/Sql/restore")).rows, ["one", "two"]);
});

test("bookmarks: the last one first, and each leads where it says", async () => {
  const seen = [];
  let id;
  for (let i = 0; i < 4; i++) {
    const reply = await call(`/Sql/list?put=${i}&bookmark`);
    ({ id } = reply);
    seen.push(reply.bookmark);
  }
  const lines = (await tool("bookmarks", id)).stdout.trim().split("\n").map((line) => line.split("  "));
  assert.ok(lines.length >= 4, String(lines.length));
  assert.deepEqual(lines.map(([, bookmark]) => bookmark), lines.map(([, bookmark]) => bookmark).sort().reverse());
  assert.ok(lines.every(([time]) => Math.abs(Date.parse(time) - Date.now()) < 60_000), lines[0][0]);
  assert.equal(JSON.parse((await tool("bookmarks", id, "--limit", "2", "--json")).stdout).length, 2);
  await tool("restore", id, "--at", lines.at(-1)[1]);
  assert.deepEqual((await call("/Sql/list")).boat, undefined, "before its first write");
  await tool("restore", id, "--at", seen[1]);
  assert.deepEqual((await call("/Sql/list")).rows, ["0", "1"]);
});

test("export: a plain SQLite file, now and at a moment; import puts it back", async () => {
  const { id, bookmark } = await call("/Sql/file?put=one&bookmark");
  await call("/Sql/file?put=two");
  const now = join(folder, "now.db"), then = join(folder, "then.db");
  const wrote = await tool("export", id, now);
  assert.equal(wrote.code, 0, wrote.stderr);
  assert.equal((await tool("export", id, then, "--at", bookmark)).code, 0);
  const read = (file) => {
    const database = new DatabaseSync(file);
    const rows = database.prepare("SELECT x FROM t ORDER BY rowid").all().map(({ x }) => x);
    const pairs = database.prepare("SELECT key, typeof(value) AS type FROM _cf_KV").all().map((row) => ({ ...row }));
    const notes = Object.fromEntries(database.prepare("SELECT name, value FROM _cf_METADATA").all().map(({ name, value }) => [name, value]));
    assert.deepEqual({ ...database.prepare("PRAGMA integrity_check").get() }, { integrity_check: "ok" });
    database.close();
    return { rows, pairs, notes };
  };
  assert.deepEqual(read(now).rows, ["one", "two"]);
  assert.deepEqual(read(then).rows, ["one"]);
  assert.deepEqual(read(then).pairs, [{ key: "boat", type: "blob" }]);
  assert.deepEqual([read(then).notes.object, read(then).notes.name, read(then).notes.bookmark, read(then).notes.alarm], [id, "file", bookmark, "4102444800000"]);
  assert.match((await tool("export", id, now)).stderr, /is there already/);

  await call("/Sql/file?clear");
  const imported = await tool("import", id, then);
  assert.equal(imported.code, 0, imported.stderr);
  assert.deepEqual(await call("/Sql/file"), { id, boat: "one", rows: ["one"], alarm: 4102444800000, calls: 1 });
  const undo = /--bookmark ([0-9a-f-]{59})/.exec(imported.stderr)[1];
  await tool("restore", id, "--at", undo);
  assert.equal((await call("/Sql/file")).boat, undefined);
  // Of an object that was deleted, and its name with it, the file still has the name.
  assert.equal((await tool("delete", id)).code, 0);
  assert.equal((await tool("import", id, then)).code, 0);
  assert.equal(JSON.parse((await tool("list", "Sql", "--prefix", "file", "--json")).stdout)[0]?.id, id);
});

test("import: any SQLite file; refuses what is none, and tables for a class without SQL", async () => {
  const { id } = await call("/Sql/foreign?put=x");
  const made = join(folder, "made.db");
  const database = new DatabaseSync(made);
  database.exec("CREATE TABLE t(x); INSERT INTO t VALUES ('by hand')");
  database.close();
  assert.equal((await tool("import", id, made)).code, 0);
  assert.deepEqual(await call("/Sql/foreign"), { id, rows: ["by hand"], alarm: null, calls: 1 });
  const wrong = join(folder, "wrong.db");
  writeFileSync(wrong, "no database");
  assert.match((await tool("import", id, wrong)).stderr, /no SQLite database/);
  const { id: plain } = await call("/Plain/foreign?put=x");
  assert.match((await tool("import", plain, made)).stderr, /has no SQLite storage/);
  assert.match((await tool("import", id, join(folder, "missing.db"))).stderr, /No such file/);
  assert.deepEqual((await call("/Sql/foreign")).rows, ["by hand"]);
});

test("fork: a copy as of a moment, and never over something", async () => {
  const { id, bookmark } = await call("/Sql/original?put=one&bookmark");
  await call("/Sql/original?put=two");
  const forked = await tool("fork", id, "--to", "copy", "--at", bookmark);
  assert.equal(forked.code, 0, forked.stderr);
  const listed = JSON.parse((await tool("list", "Sql", "--prefix", "cop", "--json")).stdout);
  assert.deepEqual(listed.map(({ id, name }) => [id, name]), [[forked.stdout.trim(), "copy"]], "its name is known before it has run");
  const copy = await call("/Sql/copy");
  assert.equal(copy.id, forked.stdout.trim());
  assert.deepEqual([copy.boat, copy.rows, copy.alarm], ["one", ["one"], null]);
  assert.deepEqual((await call("/Sql/original")).rows, ["one", "two"]);
  assert.match((await tool("fork", id, "--to", "copy")).stderr, /stores something already/);
});

test("pairs of a class without SQL can be had back from outside, too", async () => {
  const { id } = await call("/Plain/old?put=one");
  const at = (await tool("bookmarks", id, "--limit", "1")).stdout.trim().split("  ")[1];
  await call("/Plain/old?put=two");
  assert.equal((await tool("restore", id, "--at", at)).code, 0);
  assert.equal((await call("/Plain/old")).boat, "one");
});

test("moments that are none are refused by name", async () => {
  const { id, bookmark } = await call("/Sql/refused?put=one&bookmark");
  const { bookmark: other } = await call("/Sql/other?put=one&bookmark");
  const refusals = {
    "yesterday": /neither a bookmark nor a time/, [other]: /another Durable Object/, "2999-01-01T00:00:00Z": /lies in the future/,
    "2020-01-01T00:00Z": /older than the history/, "5": /older than the history/, [`x${bookmark.slice(1)}`]: /not of the form/,
  };
  for (const [at, text] of Object.entries(refusals)) {
    for (const command of [["restore", id, "--at", at], ["export", id, join(folder, "none.db"), "--at", at], ["fork", id, "--to", "none", "--at", at]]) {
      const refused = await tool(...command);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, text, command.join(" "));
    }
  }
  assert.equal(existsSync(join(folder, "none.db")), false);
  assert.match((await tool("export", "f".repeat(64), join(folder, "none.db"))).stderr, /of no class/);
  assert.match((await tool("restore", id)).stderr, /--at/);
});

test("an export under load is of one commit", async () => {
  const { id } = await call("/Sql/load?put=0");
  let stop = false, number = 0;
  const writing = (async () => {
    while (!stop) await request(`${server.of("things")}/Sql/load?put=${++number}`);
  })();
  for (let i = 0; i < 5; i++) {
    const file = join(folder, `load${i}.db`);
    const wrote = await tool("export", id, file);
    assert.equal(wrote.code, 0, wrote.stderr);
    const database = new DatabaseSync(file);
    const last = database.prepare("SELECT x FROM t ORDER BY rowid DESC LIMIT 1").get().x;
    const pair = Buffer.from(database.prepare("SELECT value FROM _cf_KV WHERE key = 'boat'").get().value).toString("latin1");
    assert.ok(pair.endsWith(last), `${JSON.stringify(pair)} ${last}`);
    database.close();
  }
  stop = true;
  await writing;
});

test("delete takes the history along", async () => {
  const { id, bookmark } = await call("/Sql/gone?put=one&bookmark");
  assert.equal((await tool("delete", id)).code, 0);
  assert.match((await tool("restore", id, "--at", bookmark)).stderr, /older than the history/);
  assert.match((await tool("delete", id)).stderr, /nothing to delete/);
});

test("history outlasts a kill, and a start without it leaves a gap that is known", async () => {
  const { id, bookmark } = await call("/Sql/kill?put=one&bookmark");
  await call("/Sql/kill?put=two");
  await server.stop("SIGKILL");
  server = await startLimpet({ dataDir: server.dataDir });
  assert.equal((await tool("restore", id, "--at", bookmark)).code, 0);
  assert.deepEqual((await call("/Sql/kill")).rows, ["one"]);
  const { dataDir } = server;
  await server.stop();
  server = await startLimpet({ dataDir, flags: ["--history-days", "0"] });
  assert.match((await tool("restore", id, "--at", bookmark)).stderr, /keeps no history/);
  assert.equal((await api(server, "GET", `${paths}/objects/${id}/bookmarks`)).status, 409);
  await call("/Sql/kill?put=three");
  await server.stop();
  server = await startLimpet({ dataDir });
  assert.match((await tool("restore", id, "--at", bookmark)).stderr, /older than the history/);
  assert.deepEqual((await call("/Sql/kill")).rows, ["one", "three"]);
});

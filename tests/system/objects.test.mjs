// `limpet objects` and the REST API below it, on a live server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { api, limpet, request, startLimpet, until } from "./lib.mjs";

const kCode = `
  export default {
    async fetch(request, env) {
      const { pathname, searchParams } = new URL(request.url);
      const [binding, name] = pathname.slice(1).split("/").map(decodeURIComponent);
      const id = searchParams.has("unique") ? env[binding].newUniqueId() : env[binding].idFromName(name);
      return await env[binding].get(id).fetch(request);
    },
  };
  class Base {
    constructor(ctx) { this.ctx = ctx; this.calls = 0; }
    async fetch(request) {
      const { searchParams } = new URL(request.url);
      if (searchParams.has("sql")) {
        this.ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS t(a)");
        this.ctx.storage.sql.exec("INSERT INTO t VALUES(zeroblob(100000))");
      }
      if (searchParams.has("alarm")) await this.ctx.storage.setAlarm(Number(searchParams.get("alarm")));
      if (searchParams.has("wait")) await new Promise((done) => setTimeout(done, 60_000));
      const before = await this.ctx.storage.get("boat");
      if (searchParams.has("put")) await this.ctx.storage.put({ boat: searchParams.get("put"), rope: 7 });
      return Response.json({ id: this.ctx.id.toString(), before, calls: ++this.calls });
    }
  }
  export class Plain extends Base { alarm() {} }
  export class Named extends Base {}
  export class Sql extends Base {}`;

let server;
const paths = "/workers/durable_objects";
const tool = async (...args) => await limpet(["objects", ...args], { env: server.env });
const call = async (path) => JSON.parse((await server.fetch("things", path)).body);
before(async () => {
  server = await startLimpet();
  await server.deploy({ name: "things", code: kCode, classes: ["Plain", "Named"] });
  await server.deploy({ name: "things", code: kCode, classes: ["Plain", "Named", "Sql"], newClasses: ["Sql"], sqlite: true });
});
after(() => server?.stop());

test("list: pages, limits, only what stores something", async () => {
  const ids = [];
  const names = new Map();
  for (let index = 0; index < 25; index++) {
    ids.push((await call(`/Plain/${index}?put=${index}`)).id);
    names.set(ids.at(-1), String(index));
  }
  await call("/Plain/reader");
  ids.sort();
  const all = await tool("list", "Plain");
  assert.equal(all.code, 0, all.stderr);
  assert.deepEqual(all.stdout.trim().split("\n"), ids.map((id) => `${id}  ${names.get(id)}`));
  const some = await tool("list", "Plain", "--limit", "7", "--json", "--script", "things");
  assert.deepEqual(JSON.parse(some.stdout), ids.slice(0, 7).map((id) => ({ id, hasStoredData: true, name: names.get(id) })));

  const { json: { result: namespaces } } = await api(server, "GET", `${paths}/namespaces`);
  const plain = namespaces.find((each) => each.class === "Plain").id;
  assert.deepEqual((await tool("list", plain, "--limit", "1")).stdout.trim(), `${ids[0]}  ${names.get(ids[0])}`);
  const seen = [];
  let cursor = "";
  do {
    const { json } = await api(server, "GET", `${paths}/namespaces/${plain}/objects?limit=10${cursor && `&cursor=${cursor}`}`);
    seen.push(...json.result.map((each) => each.id));
    assert.equal(json.result_info.count, json.result.length);
    cursor = json.result_info.cursor;
  } while (cursor);
  assert.deepEqual(seen, ids);
});

test("list of more than a page of the tool", async () => {
  const ids = [];
  for (let index = 0; index < 1050; index += 50) {
    ids.push(...await Promise.all(Array.from({ length: 50 }, async (_, i) => (await call(`/Sql/${index + i}?put=1`)).id)));
  }
  assert.deepEqual((await tool("list", "Sql")).stdout.trim().split("\n").map((line) => line.split("  ")[0]), ids.sort());
  const named = (await tool("list", "Sql", "--prefix", "1")).stdout.trim().split("\n").map((line) => line.split("  ")[1]);
  assert.deepEqual(named, Array.from({ length: 1050 }, (_, index) => String(index)).filter((name) => name.startsWith("1")).sort());
});

test("names: of objects that were reached by one, by prefix, page by page", async () => {
  const odd = ["room/ä", "room/b c", "room/\u{1F600}", "room&x=1", "room/%", "roof"];
  const ids = new Map();
  for (const name of odd) {
    const { id } = await call(`/Named/${encodeURIComponent(name)}?put=1`);
    ids.set(name, id);
  }
  const byBytes = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));
  const list = async (...args) => JSON.parse((await tool("list", "Named", "--json", ...args)).stdout);
  const rooms = odd.filter((name) => name.startsWith("room")).sort(byBytes);
  assert.deepEqual((await list("--prefix", "room")).map((each) => [each.name, each.id]), rooms.map((name) => [name, ids.get(name)]));
  assert.deepEqual((await list("--prefix", "room/")).map((each) => each.name), rooms.filter((name) => name.startsWith("room/")));
  assert.deepEqual(await list("--prefix", "none"), []);
  const { json: { result: namespaces } } = await api(server, "GET", `${paths}/namespaces`);
  const named = namespaces.find((each) => each.class === "Named").id;
  const seen = [];
  let cursor = "";
  do {
    const { json } = await api(server, "GET", `${paths}/namespaces/${named}/objects?limit=2&name_prefix=ro&cursor=${encodeURIComponent(cursor)}`);
    seen.push(...json.result.map((each) => each.name));
    cursor = json.result_info.cursor;
  } while (cursor);
  assert.deepEqual(seen, [...odd].sort(byBytes));

  for (const name of odd) assert.match((await tool("get", name, "--class", "Named")).stdout, new RegExp(`^class +Named of things\nid +${ids.get(name)}\n`));
  assert.equal(JSON.parse((await tool("get", ids.get("roof"), "--json")).stdout).name, "roof");
  assert.match((await tool("get", "nobody", "--class", "Named")).stderr, /No object of that class and name stores anything/);
  // A name goes with its object, and comes again with it.
  assert.equal((await tool("delete", ids.get("roof"))).code, 0);
  assert.deepEqual(await list("--prefix", "roof"), []);
  assert.equal((await call("/Named/roof?put=2")).id, ids.get("roof"));
  assert.deepEqual((await list("--prefix", "roof")).map((each) => each.id), [ids.get("roof")]);
  // What is reached by its ID alone has none.
  const { id } = await call("/Named/-?put=1&unique");
  assert.equal("name" in JSON.parse((await tool("get", id, "--json")).stdout), false);
});

test("get shows the alarm", async () => {
  const at = Date.now() + 3_600_000;
  const { id } = await call(`/Plain/alarmed?put=1&alarm=${at}`);
  assert.equal(JSON.parse((await tool("get", id, "--json")).stdout).alarm, new Date(at).toISOString());
  assert.match((await tool("get", id)).stdout, new RegExp(`\nalarm +${new Date(at).toISOString()}\n`));
});

test("get: keys, sizes, the database", async () => {
  const { id } = await call("/Sql/get?put=Patella&sql");
  const json = JSON.parse((await tool("get", id, "--json")).stdout);
  assert.deepEqual(json.keys.map((each) => each.key), ["boat", "rope"]);
  assert.ok(json.keys.every((each) => each.bytes > 0 && each.bytes < 100));
  assert.equal(json.keys_complete, true);
  assert.ok(json.database_bytes > 100_000 && json.database_bytes < 200_000, json.database_bytes);
  assert.deepEqual([json.id, json.class, json.script, json.use_sqlite, json.hasStoredData], [id, "Sql", "things", true, true]);
  assert.ok(json.stored_bytes > json.pairs_bytes && json.class_stored_bytes >= json.stored_bytes && json.script_stored_bytes >= json.class_stored_bytes && json.server_stored_bytes >= json.script_stored_bytes);
  await call("/Sql/get?put=Limpet");
  const again = JSON.parse((await tool("get", id, "--json")).stdout);
  assert.ok(again.commit_number > json.commit_number, `${again.commit_number} after ${json.commit_number}`);
  const text = (await tool("get", id)).stdout;
  assert.match(text, /^class +Sql of things\nname +get\ndatabase +\d+ bytes\npairs +\d+ bytes\nstored +\d+ bytes\ncommit +\d+\nkey +boat +\d+ bytes\nkey +rope/);
  const { id: reader } = await call("/Plain/reader");
  assert.match((await tool("get", reader)).stdout, /stores +nothing/);
});

test("delete: all that it stored, also while it lives and runs; the next event meets a fresh instance", async () => {
  const { id } = await call("/Sql/gone?put=Patella&sql");
  assert.equal((await call("/Sql/gone")).before, "Patella");
  const running = server.fetch("things", "/Sql/gone?wait");
  await until("it to run", async () => (await call("/Sql/gone")).calls > 2);
  const deleted = await tool("delete", id.toUpperCase());
  assert.equal(deleted.code, 0, deleted.stderr);
  assert.equal((await running).status, 500, "who called it gets an error");
  assert.equal(JSON.parse((await tool("get", id, "--json")).stdout).hasStoredData, false);
  assert.deepEqual(await call("/Sql/gone"), { id, calls: 1 });
  assert.equal((await call("/Sql/gone?put=Helcion")).before, undefined);
  assert.equal((await call("/Sql/gone")).before, "Helcion");
});

test("deletes among writes: what was answered after a delete is there", async () => {
  const { id } = await call("/Plain/race?put=0");
  const writes = Promise.allSettled(Array.from({ length: 200 }, (_, index) => request(`${server.of("things")}/Plain/race?put=${index}`)));
  for (let index = 0; index < 5; index++) await api(server, "DELETE", `${paths}/objects/${id}`);
  await writes;
  await call("/Plain/race?put=last");
  assert.equal((await call("/Plain/race")).before, "last");
  assert.equal((await tool("delete", id)).code, 0);
  assert.equal((await call("/Plain/race")).before, undefined);
});

test("refusals say what is wrong", async () => {
  const refused = async (args, pattern, code = 1) => {
    const { code: got, stdout, stderr } = await tool(...args);
    assert.equal(got, code, stdout + stderr);
    assert.equal(stdout, "");
    assert.match(stderr, pattern);
  };
  const { id } = await call("/Plain/0");
  await refused(["list", "Plane"], /There is no class "Plane" on this server\. There are: Plain \(things\), Named \(things\), Sql \(things\)/);
  await refused(["list", "Plain", "--script", "other"], /There is no class "Plain" in the script "other"/);
  await refused(["get", "abc"], /64 hex digits/);
  await refused(["delete", "../x"], /64 hex digits/);
  await refused(["get", "0".repeat(64)], /of no class on this server/);
  await refused(["delete", "0".repeat(64)], /of no class on this server/);
  await refused(["delete", (await call("/Plain/reader")).id], /stores nothing/);
  for (const limit of ["0", "-1"]) await refused(["list", "Plain", "--limit", limit], /--limit is a number from 1 on/);
  await refused(["list", "Plain", "--limits", "3"], /limpet objects list has no flag --limits; did you mean --limit\?/, 2);
  await refused(["list"], /class/, 2);
  await refused([], /objects/, 2);

  await server.deploy({ name: "others", code: kCode, classes: ["Plain"] });
  await refused(["list", "Plain"], /Several scripts have a class "Plain": pass --script, one of others, things/);
  const { json: { result: namespaces } } = await api(server, "GET", `${paths}/namespaces`);
  const [sql, plain] = ["Sql", "Plain"].map((name) => namespaces.find((each) => each.class === name && each.script === "things").id);
  const answers = async (method, path, status, pattern) => {
    const answer = await api(server, method, paths + path);
    assert.equal(answer.status, status, answer.body);
    assert.match(answer.json.errors[0].message, pattern);
  };
  await answers("GET", `/namespaces/${sql}/objects/${id}`, 400, /not valid for this namespace/);
  await answers("DELETE", `/namespaces/${sql}/objects/${id}`, 400, /not valid for this namespace/);
  await answers("GET", `/namespaces/${sql}/objects?cursor=${id}`, 400, /cursor/);
  await answers("GET", "/namespaces/nothing/objects", 404, /no Durable Object namespace "nothing"/);
  await answers("GET", `/namespaces/nothing/objects/${id}`, 404, /no Durable Object namespace "nothing"/);
  await answers("GET", `/objects/${id}0`, 400, /must be 64 hex digits/);
  for (const limit of ["0", "-1", "x", "10001", "1.5", "99999999999999999999"]) await answers("GET", `/namespaces/${plain}/objects?limit=${limit}`, 400, /limit is a number/);
  assert.equal((await api(server, "GET", `${paths}/namespaces/${plain}/objects`, { token: "wrong" })).status, 403);
});

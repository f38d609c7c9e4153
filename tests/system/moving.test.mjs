// Moving in and out: a project as people make it for Cloudflare (tests/system/moving: TypeScript, two classes, KV, static
// files, a cron, npm dependencies) comes here without an edit, in both forms of its configuration and by both tools; what
// it stored can be taken away again. docs/moving.md is what is tested.
import assert from "node:assert/strict";
import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { api, kLimpet, kRepository, limpet, request, run, startLimpet, temporaryFolder, until } from "./lib.mjs";
import { wrangler } from "./wrangler.mjs";

const kConfigs = ["wrangler.jsonc", "wrangler.toml"];
const kNamespace = "06779da6940b431db6e566b4846d64db";  // In both configurations.

// The project with one of its two configurations, as after `npm install`.
function projectWith(config) {
  const folder = temporaryFolder("moving");
  cpSync(join(kRepository, "tests/system/moving"), folder, { recursive: true });
  for (const other of kConfigs) if (other !== config) rmSync(join(folder, other));
  symlinkSync(join(kRepository, "node_modules"), join(folder, "node_modules"));
  return folder;
}

const kTools = {
  limpet: (server, folder) => limpet(["deploy"], { cwd: folder, env: server.env }),
  wrangler: (server, folder) => wrangler(server, "4.164", ["deploy"], { cwd: folder }),
};

// `send(path, options)` reaches the project. `before`: how many entries the book "a" has.
async function uses(send, { before = 0 } = {}) {
  const home = await send("/");
  assert.deepEqual([home.status, home.body.includes("<h1>Guests</h1>")], [200, true], home.body);
  const about = JSON.parse((await send("/api/about", { headers: { origin: "http://elsewhere" } })).body);
  assert.deepEqual([about.title, about.max, about.notes], ["Guests", 50, "be kind"]);
  assert.equal((await send("/api/greeting", { method: "PUT", body: "welcome" })).status, 204);
  assert.equal(JSON.parse((await send("/api/about")).body).greeting, "welcome");
  // The limiter lets three entries through, whichever deploy they came after.
  const sign = (name) => send("/api/books/a", { method: "POST", body: JSON.stringify({ name, text: "hi" }), headers: { "content-type": "application/json" } });
  for (let count = before; count < 3; count++) {
    const signed = await sign(`guest ${count}`);
    assert.equal(signed.status, 201, signed.body);
    assert.match(JSON.parse(signed.body).id, /^[\w-]{21}$/);  // nanoid's.
  }
  assert.deepEqual([(await sign("one too many")).status], [429]);
  const book = JSON.parse((await send("/api/books/a")).body);
  assert.deepEqual(book.map((entry) => entry.name), ["guest 0", "guest 1", "guest 2"]);
}

for (const [config, first] of [["wrangler.jsonc", "limpet"], ["wrangler.toml", "wrangler"]]) {
  test(`${config}, by ${first} first, then by the other tool`, async () => {
    const server = await startLimpet();
    const folder = projectWith(config);
    // The one step: the namespace under the ID that the configuration has. Both tools say how.
    const refused = await kTools[first](server, folder);
    const said = refused.stdout + refused.stderr;
    assert.equal(refused.code, 1, said);
    const command = said.match(/limpet (kv namespace create \S+ --id [0-9a-f]+)/)?.[1].split(" ");
    assert.ok(command, said);
    assert.deepEqual((await api(server, "GET", "/workers/scripts")).json.result, []);
    const made = await limpet(command, { env: server.env });
    assert.equal(made.code, 0, made.stderr);

    const tools = [first, first === "limpet" ? "wrangler" : "limpet"];
    for (const [round, tool] of tools.entries()) {
      const deployed = await kTools[tool](server, folder);
      assert.equal(deployed.code, 0, `${tool}: ${deployed.stdout}${deployed.stderr}`);
      await uses((path, options) => server.fetch("guestbook", path, options), { before: round * 3 });
    }
    const schedules = await api(server, "GET", "/workers/scripts/guestbook/schedules");
    assert.deepEqual(schedules.json.result.schedules.map((each) => each.cron), ["0 * * * *"]);
    const classes = (await api(server, "GET", "/workers/durable_objects/namespaces")).json.result;
    assert.deepEqual(Object.fromEntries(classes.map((each) => [each.class, each.use_sqlite])), { Guestbook: true, Limiter: false });
    await server.stop();
  });

  test(`limpet dev in the same folder, ${config}`, async () => {
    const folder = projectWith(config);
    const dev = run(kLimpet, ["dev", "--listen", "127.0.0.1:0"], { cwd: folder });
    try {
      const port = await until("the address", () => dev.stdout.match(/:(\d+)/)?.[1]);
      await uses((path, options) => request(`http://127.0.0.1:${port}${path}`, options));
    } finally {
      dev.child.kill("SIGTERM");
      await dev.exited;
    }
  });
}

test("what it stored can be taken away: objects, KV, modules", async () => {
  const server = await startLimpet();
  const folder = projectWith("wrangler.jsonc");
  const tool = async (...words) => {
    const ended = await limpet(words, { cwd: folder, env: server.env });
    assert.equal(ended.code, 0, `${words.join(" ")}: ${ended.stderr}`);
    return ended.stdout;
  };
  await tool("kv", "namespace", "create", "settings", "--id", kNamespace);
  await tool("deploy");
  await uses((path, options) => server.fetch("guestbook", path, options));

  const objects = JSON.parse(await tool("objects", "list", "Guestbook", "--json"));
  assert.deepEqual(objects.map((each) => each.name), ["a"]);
  await tool("objects", "export", objects[0].id, join(folder, "a.sqlite"));
  const database = new DatabaseSync(join(folder, "a.sqlite"), { readOnly: true });
  assert.deepEqual(database.prepare("SELECT name, text FROM entries ORDER BY rowid").all().map((row) => ({ ...row })),
                   [0, 1, 2].map((count) => ({ name: `guest ${count}`, text: "hi" })));
  database.close();

  // All of a namespace as a file that both tools store again, bytes and metadata included.
  writeFileSync(join(folder, "bytes.bin"), Buffer.from([0, 255, 10]));
  await tool("kv", "key", "put", "bytes", "--path", "bytes.bin", "--binding", "SETTINGS", "--metadata", `{"m":1}`);
  const pairs = await tool("kv", "bulk", "export", "--binding", "SETTINGS");
  assert.deepEqual(JSON.parse(pairs), [
    { key: "bytes", value: "AP8K", base64: true, metadata: { m: 1 } }, { key: "greeting", value: `{"text":"welcome"}` }]);
  writeFileSync(join(folder, "pairs.json"), pairs);
  const elsewhere = await startLimpet();
  for (const [title, put] of [["limpet", (id) => limpet(["kv", "bulk", "put", "pairs.json", "--namespace-id", id], { cwd: folder, env: elsewhere.env })],
                              ["wrangler", (id) => wrangler(elsewhere, "4.164", ["kv", "bulk", "put", "pairs.json", "--namespace-id", id, "--remote"], { cwd: folder })]]) {
    const made = await api(elsewhere, "POST", "/storage/kv/namespaces", { body: JSON.stringify({ title }) });
    const stored = await put(made.json.result.id);
    assert.equal(stored.code, 0, stored.stdout + stored.stderr);
    const again = await limpet(["kv", "bulk", "export", "--namespace-id", made.json.result.id], { cwd: folder, env: elsewhere.env });
    assert.equal(again.stdout, pairs);
  }
  // What a bulk get gives is taken as well; it gives text alone.
  writeFileSync(join(folder, "keys.json"), await tool("kv", "key", "list", "--binding", "SETTINGS", "--prefix", "greeting", "--json"));
  const got = await wrangler(server, "4.164", ["kv", "bulk", "get", "keys.json", "--namespace-id", kNamespace, "--remote"], { cwd: folder });
  assert.equal(got.code, 0, got.text);
  writeFileSync(join(folder, "got.json"), got.stdout.slice(got.stdout.indexOf("{"), got.stdout.lastIndexOf("}") + 1));
  const copy = await api(elsewhere, "POST", "/storage/kv/namespaces", { body: JSON.stringify({ title: "copy" }) });
  const stored = await limpet(["kv", "bulk", "put", "got.json", "--namespace-id", copy.json.result.id], { cwd: folder, env: elsewhere.env });
  assert.equal(stored.code, 0, stored.stderr);
  assert.equal((await limpet(["kv", "key", "get", "greeting", "--namespace-id", copy.json.result.id], { env: elsewhere.env })).stdout, `{"text":"welcome"}`);

  const modules = await api(server, "GET", "/workers/scripts/guestbook/content/v2");
  assert.ok(modules.body.includes(readFileSync(join(folder, "src/notes.txt"), "utf8")));
  await server.stop();
  await elsewhere.stop();
});

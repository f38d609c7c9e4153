// Secrets, versions and deployments with our own tool, and what of them lies on the disk.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { limpet, run, kLimpet, startLimpet } from "./lib.mjs";

let server;
before(async () => (server = await startLimpet()));
after(() => server?.stop());
const tool = async (...args) => await limpet(args, { env: server.env });
const code = (word) => `export default { fetch(request, env) { return new Response("${word} " + env.KEY); } }`;
const text = async () => (await server.fetch("things")).body;
async function secret(name, value) {
  const running = run(kLimpet, ["secret", "put", name, "--name", "things"], { env: server.env, stdio: ["pipe", "pipe", "pipe"] });
  running.child.stdin.end(value);
  const { code } = await running.exited;
  return { code, ...running };
}
const lines = (result) => {
  assert.equal(result.code, 0, result.stderr);
  return result.stdout.trim().split("\n").filter(Boolean);
};

test("secrets are set, listed, deleted, and lie nowhere in the clear", async () => {
  await server.deploy({ name: "things", code: code("one") });
  assert.equal((await secret("KEY", "hunter2-hunter2\n")).code, 0);
  assert.equal(await text(), "one hunter2-hunter2");
  assert.deepEqual(lines(await tool("secret", "list", "--name", "things")), ["KEY"]);
  assert.equal((await secret("EMPTY", "")).code, 1);
  const gone = await tool("secret", "delete", "NOTHING", "--name", "things");
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /10056/);

  const file = join(server.dataDir, "bulk.json");
  writeFileSync(file, JSON.stringify({ KEY: null, OTHER: "rosebud-rosebud" }));
  assert.equal((await tool("secret", "bulk", file, "--name", "things")).code, 0);
  rmSync(file);
  assert.equal(await text(), "one undefined");
  assert.deepEqual(lines(await tool("secret", "list", "--name", "things", "--json")), ['[{"name":"OTHER","type":"secret_text"}]']);

  assert.equal(statSync(join(server.dataDir, "secrets-key")).mode & 0o777, 0o600);
  await server.stop();
  const all = readdirSync(server.dataDir, { recursive: true, withFileTypes: true }).filter((each) => each.isFile())
    .map((each) => readFileSync(join(each.parentPath ?? each.path, each.name)));
  assert.ok(all.length > 2);
  for (const bytes of all) assert.ok(!bytes.includes("hunter2-hunter2") && !bytes.includes("rosebud-rosebud"));
  assert.doesNotMatch(server.running.stderr + server.running.stdout, /hunter2|rosebud/);

  // Without its key the server says what is missing; with it all is there again.
  const key = join(server.dataDir, "secrets-key");
  renameSync(key, `${key}.kept`);
  await assert.rejects(startLimpet({ dataDir: server.dataDir }), /secrets-key/);
  renameSync(`${key}.kept`, key);
  server = await startLimpet({ dataDir: server.dataDir });
  assert.equal(await text(), "one undefined");
  assert.deepEqual(lines(await tool("secret", "list", "--name", "things")), ["OTHER"]);
});

test("versions share the traffic, and roll back", async () => {
  await server.deploy({ name: "things", code: code("two") });
  const versions = lines(await tool("versions", "list", "--name", "things"));
  const [two, older] = versions.map((line) => line.split(" ")[0]);
  assert.equal(await text(), "two undefined");
  assert.match((await tool("versions", "view", older, "--name", "things")).stdout, new RegExp(`Version ID: +${older}\n[^]*Handlers: +fetch\n[^]*Binding: +OTHER  secret_text\n`));
  assert.equal(JSON.parse((await tool("versions", "view", two, "--name", "things", "--json")).stdout).id, two);
  assert.match((await tool("versions", "view", "none", "--name", "things")).stderr, /100146|10146|version/i);
  assert.equal((await tool("versions", "deploy", `${older}@30`, two, "--name", "things", "--message", "a try")).code, 0);
  const [status] = lines(await tool("deployments", "status", "--name", "things"));
  assert.match(status, new RegExp(`30% ${older}  70% ${two}  a try`));
  const words = new Set();
  for (let i = 0; i < 200 && words.size < 2; i++) words.add(await text());
  assert.deepEqual([...words].sort(), ["one undefined", "two undefined"]);
  const bad = await tool("versions", "deploy", `${older}@30`, `${two}@30`, "--name", "things");
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /60%/);
  assert.equal((await tool("rollback", "--name", "things")).code, 0);  // To what was live before, alone.
  assert.match(lines(await tool("deployments", "list", "--name", "things"))[0], new RegExp(`100% ${two}  Rollback`));
  assert.equal((await tool("rollback", older, "--name", "things", "--message", "further")).code, 0);
  assert.equal(await text(), "one undefined");
  const nothing = await tool("rollback", "no-such-version", "--name", "things");
  assert.match(nothing.stderr, /100146/);
  assert.equal(nothing.code, 1);
});

test("the split is what it was after a restart", async () => {
  const [two, older] = lines(await tool("versions", "list", "--name", "things")).map((line) => line.split(" ")[0]);
  assert.equal((await tool("versions", "deploy", `${older}@50`, `${two}@50`, "--name", "things")).code, 0);
  const keys = Array.from({ length: 20 }, (_, i) => ({ "cloudflare-workers-version-key": `client ${i}` }));
  const ask = () => Promise.all(keys.map(async (headers) => (await server.fetch("things", "/", { headers })).body));
  const before = await ask();
  assert.equal(new Set(before).size, 2);
  await server.stop();
  server = await startLimpet({ dataDir: server.dataDir });
  assert.deepEqual(await ask(), before);
});

// wrangler's other commands: what limpet lacks is refused by its name, and what it has takes wrangler's flags.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { api, kLimpet, run, startLimpet, until } from "./lib.mjs";
import { project, startWrangler, wrangler } from "./wrangler.mjs";

const kVersion = "4.164";
const kHello = `export default { fetch() { console.log("seen"); return new Response("hello"); } }`;
const kBase = { main: "index.js", compatibility_date: "2026-03-01" };

let server;
before(async () => (server = await startLimpet()));
after(() => server?.stop());

const tried = (args, options) => wrangler(server, kVersion, args, options);
async function succeed(args, options) {
  const result = await tried(args, options);
  assert.equal(result.code, 0, `wrangler ${args.join(" ")}\n${result.text}\n${server.running.stderr}`);
  return result;
}

test("a binding to what limpet lacks is refused, all of them at once, with what to do instead", async () => {
  const bindings = {
    d1_databases: [{ binding: "BASE", database_name: "base", database_id: "11111111-1111-4111-8111-111111111111" }],
    ai: { binding: "MIND" },
    ratelimits: [{ name: "LIMIT", namespace_id: "1", simple: { limit: 1, period: 10 } }],
  };
  const { folder, write } = project({ "wrangler.json": { name: "lacking", ...kBase, ...bindings }, "index.js": kHello });
  const expected = [/"BASE" of type "d1" is not supported: limpet has no D1\. A Durable Object/, /"MIND" of type "ai" .*fetch\(\)/,
                    /"LIMIT" of type "ratelimit" .*rate-limiter/];
  const refused = await tried(["deploy"], { cwd: folder });
  assert.notEqual(refused.code, 0);
  for (const line of expected) assert.match(refused.text, line);
  // Our own tool reads the same file.
  const own = run(kLimpet, ["deploy", "--server", server.admin, "--token", server.token], { cwd: folder });
  assert.equal((await own.exited).code, 1);
  for (const line of expected) assert.match(own.stderr, line);
  assert.equal((await server.fetch("lacking")).status, 404);
  // wrangler itself asks for these before it uploads.
  for (const [more, line] of [[{ r2_buckets: [{ binding: "FILES", bucket_name: "files" }] }, /limpet has no R2\. Workers KV/],
                              [{ queues: { producers: [{ binding: "LATER", queue: "later" }] } }, /limpet has no Queues\. .*alarm/]]) {
    write("wrangler.json", { name: "lacking", ...kBase, ...more });
    const asked = await tried(["deploy"], { cwd: folder });
    assert.notEqual(asked.code, 0);
    assert.match(asked.text, line);
  }
  assert.match((await tried(["d1", "list"], { cwd: folder })).text, /limpet has no D1\./);
});

test("kv key put with a file, a lifetime and metadata; kv bulk delete", async () => {
  const { folder } = project({ "value.bin": Buffer.from([0, 255, 1]), "keys.json": ["plain", "dated"], "wrangler.json": { name: "keys", ...kBase } });
  const id = (await api(server, "POST", "/storage/kv/namespaces", { body: JSON.stringify({ title: "by-wrangler" }) })).json.result.id;
  const at = (...args) => succeed(["kv", ...args, "--namespace-id", id, "--remote"], { cwd: folder });
  await at("key", "put", "a /ü", "--path", "value.bin", "--ttl", "3600", "--metadata", `{"m":1}`);
  await at("key", "put", "dated", "v", "--expiration", "4102444800");
  await api(server, "PUT", `/storage/kv/namespaces/${id}/values/plain`, { body: "v" });
  const keys = JSON.parse((await at("key", "list")).stdout);
  const [file] = keys;
  assert.ok(file.expiration > Date.now() / 1000 + 3000);
  assert.deepEqual(keys, [{ name: "a /ü", expiration: file.expiration, metadata: { m: 1 } }, { name: "dated", expiration: 4102444800 }, { name: "plain" }]);
  const value = await fetch(`${server.admin}/client/v4/accounts/local/storage/kv/namespaces/${id}/values/a%20%2F%C3%BC`, { headers: { authorization: `Bearer ${server.token}` } });
  assert.deepEqual(Buffer.from(await value.arrayBuffer()), Buffer.from([0, 255, 1]));
  await at("bulk", "delete", "keys.json", "--force");
  const left = (await api(server, "GET", `/storage/kv/namespaces/${id}/keys`)).json.result;
  assert.deepEqual(left.map((key) => key.name), ["a /ü"]);
});

test("a version for each secret that is put, all of them listed", async () => {
  const { folder } = project({ "wrangler.json": { name: "secretive", ...kBase }, "index.js": kHello, "two.json": { TWO: "2", THREE: "3" } });
  await succeed(["deploy"], { cwd: folder });
  await succeed(["versions", "secret", "put", "ONE"], { cwd: folder, input: "1" });
  await succeed(["versions", "secret", "bulk", "two.json"], { cwd: folder });
  await succeed(["versions", "secret", "delete", "THREE"], { cwd: folder });
  const versions = JSON.parse((await succeed(["versions", "list", "--json"], { cwd: folder })).stdout);
  assert.equal(versions.length, 4);
  await succeed(["versions", "deploy", `${versions.at(-1).id}@100%`, "-y"], { cwd: folder });
  const secrets = (await api(server, "GET", "/workers/scripts/secretive/secrets")).json.result;
  assert.deepEqual(secrets.map((secret) => secret.name).sort(), ["ONE", "TWO"]);
});

test("tail with filters: what they do not let through is not shown", async () => {
  const { folder } = project({ "wrangler.json": { name: "heard", ...kBase }, "index.js": kHello });
  await succeed(["deploy"], { cwd: folder });
  const tail = startWrangler(server, kVersion, ["tail", "heard", "--format", "json", "--method", "POST", "--header", "x-tag:yes", "--status", "ok", "--search", "seen"], { cwd: folder });
  try {
    // It says nothing when it listens: so, until it has seen one.
    await until("an event", async () => {
      await server.fetch("heard", "/no", { method: "POST" });
      await server.fetch("heard", "/neither", { headers: { "x-tag": "yes" } });
      await server.fetch("heard", "/this", { method: "POST", headers: { "x-tag": "yes" } });
      return tail.stdout.includes("/this");
    });
    assert.doesNotMatch(tail.stdout, /\/no\b|\/neither/);
  } finally {
    tail.child.kill("SIGINT");
    await tail.exited;
  }
});

// Workers KV as a whole: a Worker, the API and the tools on the same values; what a crash leaves; wrangler's commands.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { api, corePid, kLimpet, limpet, makeKvNamespace, request, run, startLimpet, temporaryFolder, tryDeploy, until } from "./lib.mjs";
import { kWranglers, project, wrangler } from "./wrangler.mjs";

let server;
before(async () => (server = await startLimpet()));
after(() => server?.stop());

// PUT /KEY stores the body, GET /KEY reads it, DELETE /KEY deletes it; /?list lists.
const kCode = `export default { async fetch(request, { KV }) {
  const url = new URL(request.url);
  const key = decodeURIComponent(url.pathname.slice(1));
  try {
    if (url.search === "?list") return Response.json(await KV.list());
    if (request.method === "PUT") return new Response(String(await KV.put(key, request.body ?? "", { metadata: request.headers.get("x-metadata") ?? undefined })));
    if (request.method === "DELETE") return new Response(String(await KV.delete(key)));
    const { value, metadata } = await KV.getWithMetadata(key);
    return value === null ? new Response("none", { status: 404 }) : Response.json({ value, metadata });
  } catch (error) { return new Response(error.message, { status: 500 }); }
} };`;
const send = (name, method, path, options = {}) => server.fetch(name, path, { method, ...options });
const values = (id, key) => `/storage/kv/namespaces/${id}/values/${encodeURIComponent(key)}`;
// Deploys the Worker with a namespace of its own; gives its ID.
async function worker(name) {
  const id = await makeKvNamespace(server, name);
  await server.deploy({ name, code: kCode, kv: { KV: id } });
  return id;
}

test("a Worker and the API see the same values, at once", async () => {
  const id = await worker("same");
  assert.equal((await send("same", "PUT", "/dir%2Fa%20b", { body: "from the Worker", headers: { "x-metadata": "m" } })).body, "undefined");
  const raw = await api(server, "GET", values(id, "dir/a b"));
  assert.deepEqual([raw.status, raw.body, raw.headers["content-type"]], [200, "from the Worker", "application/octet-stream"]);
  assert.equal((await api(server, "PUT", values(id, "b"), { body: "from the API" })).json.success, true);
  assert.deepEqual(JSON.parse((await send("same", "GET", "/b")).body), { value: "from the API", metadata: null });
  const keys = await api(server, "GET", `/storage/kv/namespaces/${id}/keys`);
  assert.deepEqual(keys.json.result, [{ name: "b" }, { name: "dir/a b", metadata: "m" }]);
  await send("same", "DELETE", "/b");
  assert.equal((await api(server, "GET", values(id, "b"))).json.errors[0].code, 10009);
});

test("an expiration is told, and too early ones are refused", async () => {
  const id = await worker("expires");
  const at = Math.floor(Date.now() / 1000) + 1000;
  await api(server, "PUT", `${values(id, "k")}?expiration=${at}`, { body: "v" });
  assert.equal((await api(server, "GET", values(id, "k"))).headers.expiration, String(at));
  assert.deepEqual(JSON.parse((await send("expires", "GET", "/?list")).body).keys, [{ name: "k", expiration: at }]);
  const refused = await api(server, "PUT", `${values(id, "k")}?expiration_ttl=59`, { body: "v" });
  assert.deepEqual([refused.status, refused.json.errors[0].code], [400, 10034]);
});

test("what a put has answered survives the end of the process", async () => {
  const dataDir = temporaryFolder("kv-crash");
  let own = await startLimpet({ dataDir });
  const id = await makeKvNamespace(own, "kept");
  await own.deploy({ name: "kept", code: kCode, kv: { KV: id } });
  const written = [];
  for (let round = 0; round < 2; round++) {
    let killed = false;
    const puts = Array.from({ length: 50 }, async (_, index) => {
      const key = `${round}-${index}`;
      try {
        const answer = await own.fetch("kept", `/${key}`, { method: "PUT", body: key });
        if (answer.status === 200) written.push(key);
      } catch (error) {
        if (!killed) throw error;
      }
    });
    await until("some writes", () => written.length > round * 10 + 5);
    killed = true;
    process.kill(corePid(own.pid), "SIGKILL");
    own.running.child.kill("SIGKILL");
    await Promise.all(puts);
    await own.running.exited;
    own = await startLimpet({ dataDir });
    for (const key of written) assert.equal(JSON.parse((await own.fetch("kept", `/${key}`)).body).value, key);
  }
  assert.equal((await api(own, "GET", "/storage/kv/namespaces")).json.result[0].id, id);
  await own.stop();
});

test("a namespace that is deleted is gone for the Worker and for uploads", async () => {
  const id = await worker("gone");
  await send("gone", "PUT", "/k", { body: "v" });
  assert.equal((await api(server, "DELETE", `/storage/kv/namespaces/${id}`)).json.success, true);
  for (const method of ["GET", "PUT", "DELETE"]) {
    const answer = await send("gone", method, "/k");
    assert.deepEqual([answer.status, answer.body], [500, `KV ${method} failed: 404 the KV namespace has been deleted`]);
  }
  const again = await tryDeploy(server, { name: "gone", code: kCode, kv: { KV: id } });
  assert.deepEqual([again.status, again.json.errors[0].code], [400, 10041]);
});

test("a token that may only read can't write", async () => {
  const id = await worker("scoped");
  const made = await api(server, "POST", "/tokens", { body: JSON.stringify({ name: "reader", scope: "read" }) });
  const token = made.json.result.value;
  assert.equal((await api(server, "PUT", values(id, "k"), { body: "v", token })).json.errors[0].code, 9109);
  assert.equal((await api(server, "GET", `/storage/kv/namespaces/${id}/keys`, { token })).status, 200);
  assert.equal((await api(server, "POST", `/storage/kv/namespaces/${id}/bulk/get`, { body: `{"keys":["k"]}`, token })).status, 200);
  const log = await api(server, "GET", "/audit_logs?limit=1000");
  assert.ok(log.json.result.some((entry) => entry.path.endsWith(`/kv/namespaces`) && entry.method === "POST"));
});

for (const version of Object.keys(kWranglers)) {
  test(`wrangler ${version}: kv namespace, key and bulk, and a deploy with a binding`, async () => {
    const remote = version.startsWith("4") ? ["--remote"] : [];
    const { folder, write } = project({ "wrangler.json": { name: `kv-${version.replace(".", "-")}`, main: "a.mjs", compatibility_date: "2026-03-01" }, "a.mjs": kCode });
    const title = `wrangler ${version}`;
    const succeed = async (...args) => {
      const result = await wrangler(server, version, args, { cwd: folder });
      assert.equal(result.code, 0, `${args.join(" ")}\n${result.text}\n${server.running.stderr}`);
      return result;
    };
    await succeed("kv", "namespace", "create", title);
    const listed = JSON.parse((await succeed("kv", "namespace", "list")).stdout);
    const { id } = listed.find((each) => each.title.endsWith(title));
    const kv = (group, action, ...rest) => succeed("kv", group, action, ...rest, "--namespace-id", id, ...remote);
    await kv("key", "put", "dir/k 1", "value", "--metadata", `{"m":1}`, "--ttl", "3600");
    assert.equal((await kv("key", "get", "dir/k 1", "--text")).stdout.trim(), "value");
    const keys = JSON.parse((await kv("key", "list", "--prefix", "dir/")).stdout);
    assert.deepEqual(keys.map(({ name, metadata }) => [name, metadata]), [["dir/k 1", { m: 1 }]]);
    await kv("key", "delete", "dir/k 1");
    write("bulk.json", [{ key: "a", value: "1" }, { key: "b", value: "Mg==", base64: true }]);
    await kv("bulk", "put", "bulk.json");
    write("keys.json", ["a", "b"]);
    if (version.startsWith("4")) assert.match((await kv("bulk", "get", "keys.json")).stdout, /"a"/);

    const config = { name: `kv-${version.replace(".", "-")}`, main: "a.mjs", compatibility_date: "2026-03-01", kv_namespaces: [{ binding: "KV", id }] };
    write("wrangler.json", config);
    await succeed("deploy");
    assert.equal(JSON.parse((await server.fetch(config.name, "/b")).body).value, "2");
    await kv("bulk", "delete", "keys.json", "--force");
    assert.equal((await server.fetch(config.name, "/b")).status, 404);
    await succeed("kv", "namespace", "delete", "--namespace-id", id, ...(version === "4.164" ? ["--skip-confirmation"] : []));
    assert.equal((await api(server, "GET", `/storage/kv/namespaces/${id}`)).json.errors[0].code, 10013);
  });
}

test("the tool: limpet kv in both spellings, and a project's bindings", async () => {
  const folder = temporaryFolder("kv-tool");
  const tool = async (...words) => {
    const result = await limpet(words, { cwd: folder, env: server.env });
    assert.equal(result.code, 0, `${words.join(" ")}\n${result.stderr}`);
    return result.stdout;
  };
  const made = await tool("kv", "namespace", "create", "tool");
  const id = made.match(/^id = "([0-9a-f]{32})"$/m)[1];
  assert.ok((await tool("kv", "namespace", "list")).split("\n").includes(`${id}  tool`));
  writeFileSync(join(folder, "wrangler.toml"), `name = "tool"\nmain = "a.mjs"\n[[kv_namespaces]]\nbinding = "KV"\nid = "${id}"\n`);
  writeFileSync(join(folder, "a.mjs"), kCode);
  await tool("publish");
  await tool("kv:key", "put", "--binding", "KV", "k", "value", "--metadata", `"m"`);
  assert.deepEqual(JSON.parse((await server.fetch("tool", "/k")).body), { value: "value", metadata: "m" });
  assert.equal(await tool("kv", "key", "get", "--namespace-id", id, "k"), "value");
  assert.deepEqual(JSON.parse(await tool("kv", "key", "list", "--binding", "KV", "--json")), [{ name: "k", metadata: "m" }]);
  writeFileSync(join(folder, "value.bin"), Buffer.from([0, 255, 10]));
  await tool("kv", "key", "put", "--binding", "KV", "bytes", "--path", "value.bin");
  assert.deepEqual((await api(server, "GET", values(id, "bytes"))).status, 200);
  assert.deepEqual((await request(`${server.admin}/client/v4/accounts/local${values(id, "bytes")}`, { headers: { authorization: `Bearer ${server.token}` } })).bytes, Buffer.from([0, 255, 10]));
  await tool("kv", "key", "delete", "--binding", "KV", "bytes");
  writeFileSync(join(folder, "bulk.json"), JSON.stringify(Array.from({ length: 2500 }, (_, index) => ({ key: `n${index}`, value: String(index) }))));
  await tool("kv:bulk", "put", "--binding", "KV", "bulk.json");
  assert.equal((await tool("kv", "key", "list", "--binding", "KV")).trim().split("\n").length, 2501);
  writeFileSync(join(folder, "keys.json"), `["n7","absent"]`);
  assert.deepEqual(JSON.parse(await tool("kv", "bulk", "get", "--binding", "KV", "keys.json")), { n7: "7", absent: null });
  const listed = await tool("kv", "key", "list", "--binding", "KV", "--prefix", "n7", "--json");
  writeFileSync(join(folder, "keys.json"), listed);
  await tool("kv", "bulk", "delete", "--binding", "KV", "keys.json");
  assert.equal((await server.fetch("tool", "/n7")).status, 404);
  await tool("kv", "namespace", "rename", "tool", "--new-name", "renamed");
  await tool("kv", "namespace", "delete", "renamed");
  const missing = await limpet(["kv", "key", "get", "--binding", "KV", "k"], { cwd: folder, env: server.env });
  assert.notEqual(missing.code, 0);
  assert.match(missing.stderr, /namespace not found/);
});

test("a binding without an ID gets a namespace, the same at each publish", async () => {
  const folder = temporaryFolder("kv-provided");
  writeFileSync(join(folder, "wrangler.toml"), `name = "provided"\nmain = "a.mjs"\n[[kv_namespaces]]\nbinding = "KV"\n`);
  writeFileSync(join(folder, "a.mjs"), kCode);
  for (let round = 0; round < 2; round++) {
    const published = await limpet(["publish"], { cwd: folder, env: server.env });
    assert.equal(published.code, 0, published.stderr);
    if (round === 0) await server.fetch("provided", "/k", { method: "PUT", body: "v" });
  }
  assert.equal(JSON.parse((await server.fetch("provided", "/k")).body).value, "v");
  const got = await limpet(["kv", "key", "get", "--binding", "KV", "k"], { cwd: folder, env: server.env });
  assert.equal(got.stdout, "v");
});

test("dev makes the namespaces by itself, and keeps them", async () => {
  const folder = temporaryFolder("kv-dev");
  mkdirSync(join(folder, "src"));
  writeFileSync(join(folder, "wrangler.toml"), `name = "dev"\nmain = "src/a.mjs"\n[[kv_namespaces]]\nbinding = "KV"\nid = "0123456789abcdef0123456789abcdef"\n`);
  writeFileSync(join(folder, "src/a.mjs"), kCode);
  for (let round = 0; round < 2; round++) {
    const dev = run(kLimpet, ["dev", "--listen", "127.0.0.1:0"], { cwd: folder });
    try {
      const port = await until("the address", () => dev.stdout.match(/:(\d+)/)?.[1]);
      if (round === 0) await request(`http://127.0.0.1:${port}/k`, { method: "PUT", body: "v" });
      assert.equal(JSON.parse((await request(`http://127.0.0.1:${port}/k`)).body).value, "v", dev.stderr);
    } finally {
      dev.child.kill("SIGTERM");
      await dev.exited;
    }
  }
});

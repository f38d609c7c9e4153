// wrangler 2.21, the last of its line, against a server of ours: the commands that put something there, in its own words.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { api, startLimpet, until } from "./lib.mjs";
import { project, startWrangler, wrangler } from "./wrangler.mjs";

let server;
before(async () => (server = await startLimpet()));
after(() => server?.stop());

const code = (word) => `export default { async fetch(request, env) {
  console.log("heard");
  const count = await (await env.C.get(env.C.idFromName("a")).fetch("http://c/")).text();
  return new Response(["${word}", env.V, env.KEY, count].join(" "));
} };
export class C {
  constructor(state) { this.state = state; }
  async fetch() {
    const count = (await this.state.storage.get("count") ?? 0) + 1;
    await this.state.storage.put("count", count);
    return new Response(String(count));
  }
}`;
const kConfig = `name = "old"
main = "a.js"
compatibility_date = "2023-05-01"
vars = { V = "v" }
durable_objects = { bindings = [{ name = "C", class_name = "C" }] }
[[migrations]]
tag = "v1"
new_classes = ["C"]
`;
const text = async () => (await server.fetch("old")).body;

test("wrangler 2.21: publish, secret, deployments, rollback, tail, delete", async () => {
  const { folder, write } = project({ "wrangler.toml": kConfig, "a.js": code("one") });
  const run = async (args, options = {}) => {
    const ended = await wrangler(server, "2.21", args, { cwd: folder, ...options });
    assert.equal(ended.code, 0, `${args.join(" ")}\n${ended.text}\n${server.running.stderr}`);
    return ended;
  };
  await run(["publish"]);
  await run(["secret", "put", "KEY"], { input: "sealed" });
  assert.equal(await text(), "one v sealed 1");
  write("a.js", code("two"));
  await run(["publish"]);
  assert.equal(await text(), "two v sealed 2");

  const listed = await run(["deployments", "list"]);
  const ids = [...listed.text.matchAll(/Deployment ID: +([0-9a-f-]{36})/g)].map((each) => each[1]);
  assert.equal(ids.length, 3, listed.text);
  await run(["rollback", ids[1], "--message", "back"]);
  assert.equal(await text(), "one v sealed 3");
  assert.equal((await api(server, "GET", "/workers/scripts/old/deployments")).json.result.deployments[0].annotations["workers/message"], "back");

  const tail = startWrangler(server, "2.21", ["tail", "old", "--format", "json"], { cwd: folder });
  try {
    await until("what the Worker says", async () => {
      await text();
      return tail.stdout.includes("heard");
    });
  } finally {
    tail.child.kill("SIGTERM");
    await tail.exited;
  }
  await run(["delete"]);
  assert.equal((await server.fetch("old")).status, 404);
});

test("wrangler 2.21: kv:namespace, kv:key, kv:bulk", async () => {
  const { folder } = project({ "wrangler.toml": `name = "kv"\n`, "bulk.json": [{ key: "a", value: "1" }] });
  const run = async (...args) => {
    const ended = await wrangler(server, "2.21", args, { cwd: folder });
    assert.equal(ended.code, 0, `${args.join(" ")}\n${ended.text}`);
    return ended.stdout;
  };
  const id = (await run("kv:namespace", "create", "KV")).match(/[0-9a-f]{32}/)[0];
  await run("kv:key", "put", "k", "v", "--namespace-id", id);
  assert.equal(await run("kv:key", "get", "k", "--namespace-id", id), "v");
  await run("kv:bulk", "put", "bulk.json", "--namespace-id", id);
  assert.deepEqual(JSON.parse(await run("kv:key", "list", "--namespace-id", id)).map((each) => each.name), ["a", "k"]);
  await run("kv:namespace", "delete", "--namespace-id", id);
});

// The binding of type version_metadata: what the version that runs is called, whoever made it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { api, kLimpet, run, startLimpet } from "./lib.mjs";
import { project, wrangler } from "./wrangler.mjs";

let server;
before(async () => (server = await startLimpet()));
after(() => server?.stop());

const kFiles = (name) => ({
  "wrangler.jsonc": { name, main: "a.js", compatibility_date: "2026-03-01", version_metadata: { binding: "VERSION" } },
  "a.js": `export default { fetch: (request, env) => Response.json(env.VERSION) };`,
});
const seen = async (name) => JSON.parse((await server.fetch(name, "/")).body);
// What the REST API says of the version that is deployed.
async function deployed(name) {
  const { json } = await api(server, "GET", `/workers/scripts/${name}/deployments`);
  const id = json.result.deployments[0].versions[0].version_id;
  const version = (await api(server, "GET", `/workers/scripts/${name}/versions/${id}`)).json.result;
  return { id, tag: version.annotations?.["workers/tag"] ?? "", timestamp: version.metadata.created_on };
}

test("wrangler's deploys, with and without a tag, and a version that goes live later", async () => {
  const { folder } = project(kFiles("metadata"));
  const succeed = async (...args) => {
    const result = await wrangler(server, "4.164", args, { cwd: folder });
    assert.equal(result.code, 0, result.text);
    return result;
  };
  await succeed("deploy");
  const first = await seen("metadata");
  assert.deepEqual(first, await deployed("metadata"));
  assert.equal(first.tag, "");
  assert.ok(Math.abs(Date.parse(first.timestamp) - Date.now()) < 600_000, first.timestamp);

  const uploaded = await succeed("versions", "upload", "--tag", "v2", "--message", "second");
  assert.deepEqual(await seen("metadata"), first);
  const id = uploaded.text.match(/Version ID: +([0-9a-f-]{36})/)[1];
  await succeed("versions", "deploy", `${id}@100%`, "-y");
  assert.deepEqual(await seen("metadata"), await deployed("metadata"));
  assert.deepEqual([(await seen("metadata")).id, (await seen("metadata")).tag], [id, "v2"]);
});

test("the tool's: a secret makes a version of its own, a rollback brings the old one back", async () => {
  const { folder } = project(kFiles("toolmade"));
  const flags = ["--server", server.admin, "--token", server.token];
  const tool = async (args, input) => {
    const running = run(kLimpet, [...args, ...flags], { cwd: folder, stdio: ["pipe", "pipe", "pipe"] });
    running.child.stdin.end(input);
    assert.equal((await running.exited).code, 0, running.stderr);
  };
  await tool(["publish"]);
  const first = await seen("toolmade");
  assert.deepEqual(first, await deployed("toolmade"));
  await tool(["secret", "put", "KEY"], "value");
  const second = await seen("toolmade");
  assert.deepEqual(second, await deployed("toolmade"));
  assert.notEqual(second.id, first.id);
  await tool(["rollback", first.id]);
  assert.deepEqual(await seen("toolmade"), first);
});

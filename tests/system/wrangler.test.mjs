// The published wrangler, unmodified, deploys to limpet: what each version prints and sends, and that it took effect.
import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { api, kRepository, startLimpet } from "./lib.mjs";
import { kWranglers, project, wrangler } from "./wrangler.mjs";

let server;
before(async () => (server = await startLimpet()));
after(() => server?.stop());

// Runs a command that must succeed.
async function succeed(version, args, options) {
  const result = await wrangler(server, version, args, options);
  assert.equal(result.code, 0, `wrangler ${version} ${args.join(" ")}\n${result.text}\n${server.running.stderr}`);
  return result;
}
const text = async (name, path = "/") => (await server.fetch(name, path)).body;
const versionIdOf = (result) => result.text.match(/Version ID: +([0-9a-f-]{36})/)?.[1];

// Every version deploys: first by the classic road (PUT), then by the versioned one, and its words name what is live.
for (const version of Object.keys(kWranglers)) {
  test(`wrangler ${version}: the counter example, deployed twice, keeps its count`, async () => {
    const { folder } = project({});
    cpSync(join(kRepository, "examples/counter"), folder, { recursive: true });
    const name = `counter-${version.replace(".", "-")}`;
    const live = async () => (await api(server, "GET", `/workers/scripts/${name}/deployments`)).json.result.deployments[0].versions[0].version_id;

    const first = await succeed(version, ["deploy", "--name", name], { cwd: folder });
    assert.equal(versionIdOf(first), await live(), first.text);
    assert.match(await text(name, "/increment"), /count: 1/);
    const second = await succeed(version, ["deploy", "--name", name], { cwd: folder });
    assert.equal(versionIdOf(second), await live(), second.text);
    assert.notEqual(versionIdOf(first), versionIdOf(second));
    assert.match(await text(name, "/increment"), /count: 2/);
  });
}

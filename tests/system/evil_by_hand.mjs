// Scripts that do what no script should: each gives an answer or a clear error, the process lives, and its neighbour is served.
// Not part of ./dev test: all of it takes ten minutes and more. node --test --test-force-exit tests/system/evil_by_hand.mjs; with LIMPET_TEST_SHOW=1
// it says what each came to.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { corePid, startLimpet, tryDeploy, until } from "./lib.mjs";
import { kHello } from "./scripts.mjs";
import { kEvil } from "./evil.mjs";

const kAnswerMsMax = 60_000;
let server;
let core;
before(async () => {
  // Little CPU time, so that what never ends is over soon.
  server = await startLimpet({ shards: 1, flags: ["--cpu-ms", "1000"] });
  core = corePid(server.pid);
  await server.deploy({ name: "neighbour", code: kHello });
  await server.deploy({ name: "evil", code: kEvil.code, classes: ["Pairs"], sqliteClasses: ["Rows"] });
});
after(() => server?.stop("SIGKILL"));

async function checkAlive(what) {
  assert.equal(corePid(server.pid), core, `${what}: the core is the one that was started\n${server.running.stderr.slice(-3000)}`);
  assert.equal((await server.fetch("neighbour")).body, "hello", what);
}

for (const [place, path] of [["a Worker", "worker"], ["an object", "pairs"], ["an object with SQL", "rows"]]) {
  test(`evil in ${place}`, { timeout: 600_000 }, async () => {
    for (const name of kEvil.names) {
      const answer = await server.fetch("evil", `/${path}/${encodeURIComponent(name)}`, { timeoutMs: kAnswerMsMax });
      if (process.env.LIMPET_TEST_SHOW) console.log(`${path} ${name}: ${answer.status} ${answer.body.slice(0, 200)}`);
      assert.ok(answer.status === 200 || answer.status >= 500, `${name}: ${answer.status} ${answer.body.slice(0, 300)}`);
      assert.ok(answer.body.length > 0, `${name}: an answer says something`);
      await checkAlive(name);
      await until(`the script to serve again after ${name}`, async () => (await server.fetch("evil", "/ok")).body === "ok");
    }
  });
}

test("a module that is evil at its start is refused, with a reason", { timeout: 300_000 }, async () => {
  for (const [name, code] of Object.entries(kEvil.modules)) {
    const answer = await tryDeploy(server, { name: "start", code });
    if (process.env.LIMPET_TEST_SHOW) console.log(`${name}: ${answer.status} ${answer.body.slice(0, 300)}`);
    assert.ok(answer.json, `${name}: ${answer.status}`);
    if (!answer.json.success) assert.ok(answer.json.errors[0].message.length > 0, name);
    else await server.fetch("start", "/", { timeoutMs: kAnswerMsMax });
    await checkAlive(name);
  }
});

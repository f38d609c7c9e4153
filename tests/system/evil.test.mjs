// Scripts that do what no script should: each gives an answer or a clear error, the process lives, and its neighbour is served.
// In ./dev test each runs in one of three places, in turn, but those that take long. With LIMPET_TEST_EVIL=all every one runs
// everywhere, which takes ten minutes and more; with LIMPET_TEST_SHOW=1 the suite says what each came to.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { corePid, startLimpet, tryDeploy, until } from "./lib.mjs";
import { kHello } from "./scripts.mjs";
import { kEvil } from "./evil.mjs";

const kAll = process.env.LIMPET_TEST_EVIL === "all";
const kAnswerMsMax = 120_000;
// 512 MiB of anything, what an object bears for 30 s, and what is ended late.
const kSlow = /512 MiB|256 MiB|headers of 64 MiB|a very long text|a Proxy that gives itself everywhere|in finalization|WebAssembly tables/;
// What the client, which is Node's, does not take: an answer that is cut, as its body failed, or a head of 64 MiB.
const kNotTaken = /an answer with a body that never ends|an answer whose stream gives odd chunks|headers of 64 MiB/;
// What leaves an object's event without an answer, as in workerd.
const kUnanswered = /Atomics.waitAsync/;
// What the script has done to its own globals may stay: it is deployed anew.
const kStays = /polluted|species that lie|a global that is frozen/;
const places = [["a Worker", "worker"], ["an object", "pairs"], ["an object with SQL", "rows"]];
let server;
let core;
before(async () => {
  // Little CPU time, so that what never ends is over soon.
  server = await startLimpet({ shards: 1, flags: ["--cpu-ms", kAll ? "1000" : "300"] });
  core = corePid(server.pid);
  await server.deploy({ name: "neighbour", code: kHello });
  await server.deploy({ name: "evil", code: kEvil.code, classes: ["Pairs"], sqliteClasses: ["Rows"] });
});
after(() => server?.stop("SIGKILL"));

async function checkAlive(what) {
  assert.equal(corePid(server.pid), core, `${what}: the core is the one that was started\n${server.running.stderr.slice(-3000)}`);
  assert.equal((await server.fetch("neighbour")).body, "hello", what);
}

async function answerOf(path, name) {
  if (path !== "worker" && kUnanswered.test(name)) return { status: 500, body: "not asked" };
  const asked = server.fetch("evil", `/${path}/${encodeURIComponent(name)}`, { timeoutMs: kAnswerMsMax });
  if (!kNotTaken.test(name)) return await asked;
  return await asked.catch((error) => {
    assert.match(String(error), /aborted|Header overflow/, name);
    return { status: 500, body: String(error) };
  });
}

for (const [at, [place, path]] of places.entries()) {
  test(`evil in ${place}`, { timeout: kAll ? 900_000 : 300_000 }, async () => {
    const names = kAll ? kEvil.names : kEvil.names.filter((name, index) => index % places.length === at && !kSlow.test(name));
    for (const name of names) {
      const start = performance.now();
      const answer = await answerOf(path, name);
      if (process.env.LIMPET_TEST_SHOW) console.log(`${path} ${name}: ${answer.status} ${Math.round(performance.now() - start)} ms ${answer.body.slice(0, 200)}`);
      assert.ok(answer.status === 200 || answer.status >= 500, `${name}: ${answer.status} ${answer.body.slice(0, 300)}`);
      assert.ok(answer.body.length > 0, `${name}: an answer says something`);
      await checkAlive(name);
      if (kStays.test(name)) await server.deploy({ name: "evil", code: kEvil.code, classes: ["Pairs", "Rows"], newClasses: [] });
      await until(`the script to serve again after ${name}`, async () => (await server.fetch("evil", "/ok")).body === "ok");
    }
  });
}

test("a constructor that never ends is told as what has used up its CPU time", { timeout: 120_000 }, async () => {
  const answer = await server.fetch("evil", `/worker/${encodeURIComponent("a constructor without end")}`, { timeoutMs: kAnswerMsMax });
  assert.equal(answer.status, 503, answer.body);
});

test("a module that is evil at its start is refused, with a reason", { timeout: 300_000 }, async () => {
  for (const [name, code] of Object.entries(kEvil.modules)) {
    const answer = await tryDeploy(server, { name: "start", code });
    if (process.env.LIMPET_TEST_SHOW) console.log(`${name}: ${answer.status} ${answer.body.slice(0, 300)}`);
    assert.ok(answer.json, `${name}: ${answer.status}`);
    if (!answer.json.success) assert.match(answer.json.errors[0].message, /.(?<!: )$/s, name);
    else await server.fetch("start", "/", { timeoutMs: kAnswerMsMax });
    await checkAlive(name);
  }
});

// What is on the disk, and what never gets there: bursts under kill -9, objects that store nothing.
// LIMPET_TEST_SEED repeats a run's random choices.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { corePid, startLimpet, temporaryFolder, until } from "./lib.mjs";
import { seededRandom } from "./scripts.mjs";

const kKills = 12;
const kPairs = 24;
const kRunMsMax = 150;
const seed = Number(process.env.LIMPET_TEST_SEED ?? Date.now() % 1_000_000);

// /write?name=N: again and again two un-awaited puts of the same number, then a wait for the disk. /read: both.
const kPair = `
export default {
  fetch(request, env) {
    const name = new URL(request.url).searchParams.get("name");
    return env.Pair.get(env.Pair.idFromName(name)).fetch(request);
  },
};
export class Pair {
  constructor(state) { this.state = state; }
  async fetch(request) {
    const storage = this.state.storage;
    if (new URL(request.url).pathname === "/read") {
      return Response.json({ left: (await storage.get("left")) ?? null, right: (await storage.get("right")) ?? null });
    }
    for (let number = (await storage.get("left")) ?? 0; ; ) {
      number++;
      storage.put("left", number);
      storage.put("right", number);
      await storage.sync();
    }
  }
}
`;

test(`two puts that nobody awaited: both are there after kill -9, or none (seed ${seed})`, { timeout: 300_000 }, async () => {
  const random = seededRandom(seed);
  const dataDir = temporaryFolder("limpet-pairs");
  let server = await startLimpet({ dataDir });
  await server.deploy({ name: "pair", classes: ["Pair"], code: kPair });
  const last = new Array(kPairs).fill(0);
  for (let kill = 0; kill < kKills; kill++) {
    const writers = last.map((_, name) => server.fetch("pair", `/write?name=${name}`).catch(() => "cut"));
    await new Promise((done) => setTimeout(done, 20 + random() * kRunMsMax));  // The random moment.
    const core = corePid(server.pid);
    process.kill(core, "SIGKILL");
    await server.stop("SIGKILL");
    assert.ok((await Promise.all(writers)).every((answer) => answer === "cut"));
    server = await startLimpet({ dataDir });
    for (let name = 0; name < kPairs; name++) {
      const { left, right } = JSON.parse((await server.fetch("pair", `/read?name=${name}`)).body);
      assert.equal(left, right, `kill ${kill}, object ${name}`);
      assert.ok((left ?? 0) >= last[name], `kill ${kill}, object ${name} went back from ${last[name]} to ${left}`);
      last[name] = left ?? 0;
    }
  }
  assert.ok(Math.max(...last) > kKills, `the pairs were written: up to ${Math.max(...last)}`);
  await server.stop();
});

// /idle does nothing, /reads reads what is not there, /writes writes, /undone writes inside a transaction that is rolled
// back. Each answers with the object's ID.
const kQuiet = `
export default {
  fetch(request, env) {
    const url = new URL(request.url);
    return env.Quiet.get(env.Quiet.idFromName(url.pathname + url.search)).fetch(request);
  },
};
export class Quiet {
  constructor(state) { this.state = state; }
  async fetch(request) {
    const storage = this.state.storage;
    switch (new URL(request.url).pathname) {
      case "/reads": await storage.get("absent"); await storage.get(["a", "b"]); await storage.list(); break;
      case "/writes": await storage.put("key", "value"); break;
      case "/undone": await storage.transaction(async (txn) => { await txn.put("key", "value"); txn.rollback(); }); break;
    }
    return new Response(this.state.id.toString());
  }
}
`;

// The files of the data folder in which `bytes` occur.
function filesWith(folder, bytes) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile() && readFileSync(join(each.parentPath, each.name)).includes(bytes))
    .map((each) => each.name);
}

test("an object that never wrote leaves nothing on the disk", async () => {
  const server = await startLimpet();
  await server.deploy({ name: "quiet", classes: ["Quiet"], code: kQuiet });
  const committed = () => server.metric("limpet_store_commits_total");
  const ids = {};
  const before = await committed();
  assert.ok(before > 0, "the deploy was");
  for (const path of ["/idle", "/reads", "/undone"]) {
    for (let n = 0; n < 20; n++) {
      const answer = await server.fetch("quiet", `${path}?${n}`);
      assert.equal(answer.status, 200, answer.body);
      (ids[path] ??= []).push(answer.body);
    }
  }
  assert.equal(await committed(), before, "nothing was committed");
  ids["/writes"] = [(await server.fetch("quiet", "/writes")).body];
  assert.equal(await committed(), before + 1);
  assert.equal((await server.stop()).code, 0);
  // The first half of an ID is what the store knows an object by (docs/formats/store-rocks.md).
  const found = (id) => filesWith(server.dataDir, Buffer.from(id.slice(0, 32), "hex"));
  assert.notDeepEqual(found(ids["/writes"][0]), [], "the search finds an object that did write");
  for (const path of ["/idle", "/reads", "/undone"]) {
    for (const id of ids[path]) assert.deepEqual(found(id), [], `${path} ${id}`);
  }
});

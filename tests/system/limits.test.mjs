// What callers see of a script that is over its limits: HTTP clients a 503 that says when to come again, scripts an error
// that says what happened.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startLimpet } from "./lib.mjs";

const kGreedy = `
function spend(what) {
  if (what === "cpu") for (;;) {}
  const all = [];
  for (;;) all.push(new Array(1000).fill(Math.random()));
}
export default {
  async fetch(request, env) {
    const [, who, what] = new URL(request.url).pathname.split("/");
    if (who === "worker") spend(what);
    if (who === "object") return env.Greedy.get(env.Greedy.idFromName("greedy")).fetch("http://object/" + what);
    return new Response("fine");
  },
};
export class Greedy {
  constructor(state, env) { this.env = env; }
  async fetch(request) {
    const [, what, then] = new URL(request.url).pathname.split("/");
    if (what === "through") return this.env.Greedy.get(this.env.Greedy.idFromName("greedy")).fetch("http://object/" + then);
    spend(what);
  }
}
`;
// A script of its own: over the memory limit, everything in the isolate ends.
const kCaller = `
export default {
  async fetch(request, env) {
    const [, name, ...path] = new URL(request.url).pathname.split("/");
    try {
      return await env.Greedy.get(env.Greedy.idFromName(name)).fetch("http://object/" + path.join("/"));
    } catch (error) {
      return Response.json({ message: error.message, remote: error.remote, overloaded: error.overloaded, reset: error.durableObjectReset });
    }
  },
};
`;
const kTexts = {
  cpu: "Durable Object exceeded its CPU time limit and was reset.",
  memory: "Durable Object's isolate exceeded its memory limit and was reset.",
};

// Holds its input gate until a call of another object returns.
const kCrowd = `
export default {
  async fetch(request, env) {
    const slow = env.Slow.get(env.Slow.idFromName("slow")), gate = env.Gate.get(env.Gate.idFromName("gate"));
    const { pathname } = new URL(request.url);
    if (pathname === "/direct") return slow.fetch("http://object/");
    if (pathname === "/holding") return gate.fetch("http://object/held");
    if (pathname === "/release") return gate.fetch("http://object/release");
    const held = slow.fetch("http://object/hold");
    await gate.fetch("http://object/held");
    if (pathname === "/hold") return held;
    const tries = [1, 2, 3, 4].map(() => slow.fetch("http://object/").then((answer) => answer.text(),
      ({ message, overloaded, retryable, remote }) => ({ message, overloaded, retryable, remote })));
    const seen = await Promise.all(tries);
    await gate.fetch("http://object/release");
    return Response.json([...seen, await (await held).text(), await (await slow.fetch("http://object/")).text()]);
  },
};
export class Slow {
  served = 0;
  constructor(state, env) { this.state = state; this.env = env; }
  async fetch(request) {
    if (!request.url.endsWith("/hold")) return new Response("served " + ++this.served);
    const gate = this.env.Gate.get(this.env.Gate.idFromName("gate"));
    return this.state.blockConcurrencyWhile(() => gate.fetch("http://object/wait"));
  }
}
export class Gate {
  constructor() { this.close(); }
  close() {
    this.waits = new Promise((resolve) => { this.waiting = resolve; });
    this.opens = new Promise((resolve) => { this.open = resolve; });
  }
  async fetch(request) {
    const what = new URL(request.url).pathname;
    if (what === "/held") await this.waits;
    if (what === "/release") { this.open(); this.close(); }
    if (what === "/wait") { const { opens } = this; this.waiting(); await opens; }
    return new Response(what);
  }
}
`;

// Two: on a slow machine filling the memory takes longer than what the other may spend.
const servers = {};
before(async () => {
  for (const [what, flags] of [["cpu", ["--cpu-ms", "2000"]], ["memory", ["--memory-mb", "48"]]]) {
    const server = servers[what] = await startLimpet({ shards: 1, flags });
    await server.deploy({ name: "greedy", classes: ["Greedy"], code: kGreedy });
    const bindings = [{ type: "durable_object_namespace", name: "Greedy", class_name: "Greedy", script_name: "greedy" }];
    await server.deploy({ name: "caller", code: kCaller, bindings });
  }
});
after(() => Promise.all(Object.values(servers).map((server) => server.stop("SIGKILL"))));

for (const what of ["cpu", "memory"]) {
  for (const who of ["worker", "object"]) {
    test(`${what} over the limit in ${who === "worker" ? "a Worker" : "an object"} is a 503 with Retry-After`, { timeout: 300_000 }, async () => {
      const server = servers[what];
      const answer = await server.fetch("greedy", `/${who}/${what}`);
      assert.equal(answer.status, 503);
      assert.equal(answer.headers["retry-after"], "1");
      assert.equal((await server.fetch("greedy")).body, "fine");
    });
  }

  test(`a caller that catches an object's ${what} error knows what it is`, { timeout: 300_000 }, async () => {
    const seen = { message: kTexts[what], remote: true, overloaded: true, reset: true };
    assert.deepEqual(JSON.parse((await servers[what].fetch("caller", `/greedy/${what}`)).body), seen);
  });
}

test("an error that passes through another object keeps its text and flags", { timeout: 300_000 }, async () => {
  const { message, overloaded } = JSON.parse((await servers.cpu.fetch("caller", "/between/through/cpu")).body);
  assert.deepEqual({ message, overloaded }, { message: kTexts.cpu, overloaded: true });
});

test("an object that is behind refuses with the real texts, and a 503 with Retry-After outside", { timeout: 300_000 }, async () => {
  const crowded = await startLimpet({ flags: ["--object-queue", "3", "--object-wait", "5", "--roll-grace", "0"] });
  try {
    await crowded.deploy({ name: "crowd", classes: ["Slow", "Gate"], code: kCrowd });
    // Three at once is what Gate may be asked: by /hold, by /holding and by Slow.
    const refused = (why) => ({ message: "Durable Object is overloaded. " + why, overloaded: true });
    assert.deepEqual(JSON.parse((await crowded.fetch("crowd", "/fill")).body), [
      refused("Requests queued for too long."), refused("Requests queued for too long."), refused("Requests queued for too long."),
      refused("Too many requests queued."), "/wait", "served 1",
    ]);
    const held = crowded.fetch("crowd", "/hold");
    await crowded.fetch("crowd", "/holding");
    const answer = await crowded.fetch("crowd", "/direct");
    assert.equal(answer.status, 503);
    assert.equal(answer.headers["retry-after"], "1");
    await crowded.fetch("crowd", "/release");
    assert.equal((await held).status, 200);
  } finally {
    await crowded.stop("SIGKILL");
  }
});

test("an object takes so many requests in 10 s and no more", { timeout: 300_000 }, async () => {
  const limited = await startLimpet({ flags: ["--object-rate", "2"] });
  try {
    const code = `
export default { async fetch(request, env) {
  const seen = [];
  for (let i = 0; i < 3; ++i) seen.push(await env.O.get(env.O.idFromName("o")).fetch(request).then((a) => a.text(), (e) => [e.message, e.overloaded]));
  return Response.json(seen);
} };
export class O { fetch() { return new Response("fine"); } }`;
    await limited.deploy({ name: "rate", classes: ["O"], code });
    assert.deepEqual(JSON.parse((await limited.fetch("rate")).body), ["fine", "fine",
      ["Durable Object is overloaded. Too many requests for the same object within a 10 second window.", true]]);
  } finally {
    await limited.stop("SIGKILL");
  }
});

const kHoarder = `
export default { async fetch(request, env) {
  const [, cls, name] = new URL(request.url).pathname.split("/");
  return env[cls].get(env[cls].idFromName(name)).fetch(request).catch((error) => Response.json([error.message, error.durableObjectReset]));
} };
class Hoarder {
  constructor(state) { this.storage = state.storage; }
  async fetch(request) {
    const [, , , what, key, size] = new URL(request.url).pathname.split("/");
    const value = "x".repeat(Number(size));
    try {
      if (what === "put") await this.storage.put(key, value);
      if (what === "delete") await this.storage.delete(key);
      if (what === "kv") this.storage.kv.put(key, value);
      if (what === "sql") this.storage.sql.exec("CREATE TABLE IF NOT EXISTS t(v)"), this.storage.sql.exec("INSERT INTO t VALUES (?)", value);
      if (what === "caught") await this.storage.transaction(async (txn) => { await txn.put("in", "it"); await txn.put(key, value); });
      return Response.json([(await this.storage.list({ limit: 100 })).size]);
    } catch (error) {
      return Response.json([(await this.storage.list({ limit: 100 })).size, error.name + ": " + error.message]);
    }
  }
}
export class Pairs extends Hoarder {}
export class Rows extends Hoarder {}
`;

test("storage has its quotas: of an object, a class, the server", { timeout: 300_000 }, async () => {
  const full = "Error: database or disk is full: SQLITE_FULL", shared = "Error: Exceeded allowed storage in Durable Objects.";
  const small = await startLimpet({ flags: ["--object-storage-mb", "1", "--class-storage-mb", "2", "--storage-mb", "3"] });
  try {
    await small.deploy({ name: "hoard", code: kHoarder, metadata: { migrations: { steps: [{ new_classes: ["Pairs"], new_sqlite_classes: ["Rows"] }] } },
      bindings: ["Pairs", "Rows"].map((name) => ({ type: "durable_object_namespace", name, class_name: name })) });
    const ask = async (path) => JSON.parse((await small.fetch("hoard", path)).body);
    for (let key = 0; key < 10; key++) assert.deepEqual(await ask(`/Pairs/a/put/${key}/100000`), [key + 1]);
    assert.deepEqual(await ask("/Pairs/a/put/more/100000"), [10, full]);
    assert.deepEqual(await ask("/Pairs/a/caught/more/100000"), [10, full], "a transaction takes back what fitted");
    assert.deepEqual(await ask("/Pairs/a/delete/0/0"), [9]);
    assert.deepEqual(await ask("/Pairs/a/put/more/100000"), [10]);
    for (let key = 0; key < 10; key++) assert.deepEqual(await ask(`/Pairs/b/put/${key}/100000`), [key + 1]);
    assert.deepEqual(await ask("/Pairs/c/put/1/120000"), [0, shared], "the class is full");
    assert.deepEqual(await ask("/Rows/a/kv/1/600000"), [1]);
    assert.deepEqual(await ask("/Rows/a/sql/1/600000"), ["database or disk is full: SQLITE_FULL", true],
      "pairs and rows are of one quota, and SQL that meets it loses its transaction, and the object its memory");
    assert.deepEqual(await ask("/Rows/b/kv/1/600000"), [0, shared], "the server is full");
    assert.deepEqual(await ask("/Pairs/a/get/-/0"), [10], "what is full can be read");
  } finally {
    await small.stop("SIGKILL");
  }
});

// What workerd says to the same, with sql.setMaxPageCountForTest(256).
const kFills = `
let last = [];
export default { async fetch(request, env) {
  return env.O.get(env.O.idFromName("o")).fetch(request).catch((error) => Response.json([error.message, error.durableObjectReset]));
} };
export class O {
  constructor(state) { this.storage = state.storage; this.instance = crypto.randomUUID(); }
  async fetch(request) {
    const { sql } = this.storage, log = [], what = new URL(request.url).pathname;
    const run = (act) => { try { log.push(act()?.toArray?.()[0] ?? "ok"); } catch (error) { log.push(error.message); } };
    const exec = (text) => run(() => sql.exec(text));
    const count = "SELECT count(*) AS n FROM t", small = "INSERT INTO t VALUES (zeroblob(10))", large = "INSERT INTO t VALUES (randomblob(7000000))";
    if (what === "/last") return Response.json(last);
    last = log;
    if (what === "/many") {
      exec("CREATE TABLE t(v)"), exec(small);
      exec("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 80) INSERT INTO t SELECT randomblob(100000) FROM c");
      exec(count), exec(small);
    }
    if (what === "/one") exec(small), exec(large), exec(count), exec(small), exec("DELETE FROM t");
    if (what === "/inside") run(() => this.storage.transactionSync(() => { exec(small); exec(large); exec(small); })), exec(count);
    await this.storage.sync();
    exec(count);
    return Response.json(log);
  }
}`;

test("SQL that is full: a statement of many rows fails alone, one of a single row takes its burst and the object down", { timeout: 300_000 }, async () => {
  const full = "database or disk is full: SQLITE_FULL";
  const small = await startLimpet({ flags: ["--object-storage-mb", "1"] });
  try {
    await small.deploy({ name: "fills", code: kFills, classes: ["O"], sqlite: true });
    const ask = async (path) => JSON.parse((await small.fetch("fills", path)).body);
    assert.deepEqual(await ask("/many"), ["ok", "ok", full, { n: 1 }, "ok", { n: 2 }]);
    assert.deepEqual(await ask("/one"), [full, true]);
    assert.deepEqual(await ask("/last"), ["ok", full, { n: 2 }, full, full]);
    assert.deepEqual(await ask("/inside"), [full, true]);
    assert.deepEqual(await ask("/last"), ["ok", full, full, "Cannot commit transaction due to an earlier SQL critical error", { n: 2 }]);
    assert.deepEqual(await ask("/"), [{ n: 2 }], "nothing of it is there, and the object serves on");
  } finally {
    await small.stop("SIGKILL");
  }
});

test("the classes of a script share its quota, and one that is given away takes its bytes along", { timeout: 300_000 }, async () => {
  const shared = "Error: Exceeded allowed storage in Durable Objects.";
  let small = await startLimpet({ flags: ["--script-storage-mb", "1"] });
  try {
    const deploy = async (name, classes, steps) => await small.deploy({ name, code: kHoarder, metadata: { migrations: { steps } },
      bindings: classes.map((cls) => ({ type: "durable_object_namespace", name: cls, class_name: cls })) });
    await deploy("one", ["Pairs", "Rows"], [{ new_classes: ["Pairs"], new_sqlite_classes: ["Rows"] }]);
    const ask = async (script, path) => JSON.parse((await small.fetch(script, path)).body);
    for (let key = 0; key < 6; key++) assert.deepEqual(await ask("one", `/Pairs/a/put/${key}/100000`), [key + 1]);
    assert.deepEqual(await ask("one", "/Rows/a/kv/1/400000"), [1]);
    assert.deepEqual(await ask("one", "/Rows/b/kv/1/100000"), [0, shared], "its two classes are full together");
    assert.deepEqual(await ask("one", "/Pairs/b/put/1/100000"), [0, shared]);
    await small.stop("SIGKILL");
    small = await startLimpet({ dataDir: small.dataDir, flags: ["--script-storage-mb", "1"] });
    assert.deepEqual(await ask("one", "/Pairs/b/put/1/100000"), [0, shared], "also after a restart");
    await deploy("two", ["Pairs"], [{ transferred_classes: [{ from: "Pairs", from_script: "one", to: "Pairs" }] }]);
    assert.deepEqual(await ask("one", "/Rows/b/kv/1/500000"), [1], "what went to the other script is no longer its own");
    for (let key = 6; key < 10; key++) assert.deepEqual(await ask("two", `/Pairs/a/put/${key}/100000`), [key + 1]);
    assert.deepEqual(await ask("two", "/Pairs/a/put/more/100000"), [10, shared], "the other script has a quota of its own");
  } finally {
    await small.stop("SIGKILL");
  }
});

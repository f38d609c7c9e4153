// kill -9 while everything changes at once: KV puts, deploys, secrets, scripts that are deleted while their objects write. What
// was acknowledged is there, nothing is half there, and every script answers.
// LIMPET_TEST_SEED repeats a run's random choices.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { api, corePid, makeKvNamespace, startLimpet, temporaryFolder, tryDeploy } from "./lib.mjs";
import { seededRandom } from "./scripts.mjs";

const kRounds = Math.min(Number(process.env.LIMPET_TEST_ROUNDS ?? 50), 10);
const kRunMsMax = 400;
const seed = Number(process.env.LIMPET_TEST_SEED ?? Date.now() % 1_000_000);
const random = seededRandom(seed);
const dataDir = temporaryFolder("limpet-changes");
let server;
let namespace;
before(async () => {
  server = await startLimpet({ dataDir });
  namespace = await makeKvNamespace(server, "changes");
  await deployKv();
});
after(() => server?.stop("SIGKILL"));

const kKv = `export default { async fetch(request, env) {
  const url = new URL(request.url);
  const key = url.searchParams.get("key");
  if (url.pathname === "/put") await env.KV.put(key, url.searchParams.get("value"), { metadata: { n: Number(url.searchParams.get("value")) } });
  const { value, metadata } = await env.KV.getWithMetadata(key);
  return Response.json({ value: Number(value), n: metadata?.n ?? 0 });
} };`;
const deployKv = () => server.deploy({ name: "kv", code: kKv, kv: { KV: namespace } });

// Its version in the module and in a variable, which must be of one deploy; its secret.
const versioned = (n) => ({ name: "versioned", code: `import other from "./other.mjs"; export default { fetch: (request, env) => Response.json({ own: ${n}, other, variable: Number(env.N), secret: Number(env.SECRET ?? 0) }) };`, n });
const deployVersion = (n) => {
  const { name, code } = versioned(n);
  return tryDeploy(server, { name, modules: { "index.mjs": code, "other.mjs": `export default ${n};` }, vars: { N: String(n) }, metadata: { keep_bindings: ["secret_text"] } });
};
const putSecret = (n) => api(server, "PUT", "/workers/scripts/versioned/secrets", { body: JSON.stringify({ name: "SECRET", text: String(n), type: "secret_text" }), headers: { "content-type": "application/json" } });

// An object that writes; its script comes and goes.
const kWriter = `export default { fetch: (request, env) => env.Writer.getByName("one").fetch(request) };
export class Writer {
  constructor(state) { this.storage = state.storage; }
  async fetch(request) {
    const life = new URL(request.url).searchParams.get("life");
    if (life) { this.storage.put("left", life); this.storage.put("right", life); }
    return Response.json([(await this.storage.get("left")) ?? null, (await this.storage.get("right")) ?? null]);
  }
}`;

const ok = (answer) => answer?.status === 200 || answer?.json?.success === true;
const quiet = (promise) => promise.catch(() => undefined);

test(`what was acknowledged is there, whole, over ${kRounds} kills (seed ${seed})`, { timeout: 60_000 + kRounds * 20_000 }, async () => {
  const kKeys = 18;
  const kPutters = 3;  // Each with keys of its own, so that the last put of a key is the one that was asked for last.
  const [asked, told] = [new Array(kKeys).fill(0), new Array(kKeys).fill(0)];
  const version = { asked: 0, told: 0 };
  const secret = { asked: 0, told: 0 };
  const writer = { life: 0, there: undefined, gone: new Set() };  // `there`: as acknowledged; undefined: not known.
  let changes = 0;
  for (let round = 0; round < kRounds; round++) {
    let stop = false;
    const again = async (change) => { while (!stop) if (await quiet(change())) changes++; };
    const putOne = (putter) => async () => {
      const key = putter + kPutters * Math.floor(random() * (kKeys / kPutters));
      const value = ++asked[key];
      const answer = await server.fetch("kv", `/put?key=k${key}&value=${value}`, { timeoutMs: 5000 });
      if (ok(answer)) told[key] = Math.max(told[key], value);
      return ok(answer);
    };
    const deployOne = async () => {
      const n = ++version.asked;
      if (!ok(await deployVersion(n))) return false;
      version.told = n;
      const next = ++secret.asked;
      if (!ok(await putSecret(next))) return false;
      secret.told = next;
      return true;
    };
    const remove = async () => {
      writer.there = undefined;
      if (!ok(await quiet(server.remove("writer")))) return false;
      for (let life = 1; life <= writer.life; life++) writer.gone.add(`life-${life}`);
      writer.there = null;
      return true;
    };
    const comeAndGo = async () => {
      writer.there = undefined;
      const life = `life-${++writer.life}`;
      // It may be there from before.
      if (!ok(await tryDeploy(server, { name: "writer", code: kWriter, classes: ["Writer"] }))) return remove();
      const writes = Array.from({ length: 5 }, () => quiet(server.fetch("writer", `/?life=${life}`, { timeoutMs: 5000 })));
      if (ok(await writes[0])) writer.there = life;
      if (random() < 0.7) await remove();
      await Promise.all(writes);
      return true;
    };
    const clients = [...Array.from({ length: kPutters }, (_, putter) => again(putOne(putter))), again(deployOne), again(comeAndGo)];
    await new Promise((done) => setTimeout(done, 50 + random() * kRunMsMax));  // The random moment.
    const core = corePid(server.pid);
    if (random() < 0.5) try { process.kill(core, "SIGKILL"); } catch { /* It has ended already. */ }
    server.running.child.kill("SIGKILL");
    await server.running.exited;
    stop = true;
    await Promise.all(clients);
    server = await startLimpet({ dataDir });

    const what = `seed ${seed}, round ${round}`;
    for (let key = 0; key < kKeys; key++) {
      const { value, n } = JSON.parse((await server.fetch("kv", `/?key=k${key}`)).body);
      assert.equal(value, n, `${what}: a value and its metadata are of one put`);
      assert.ok(value >= told[key] && value <= asked[key], `${what}: key ${key} has ${value}, ${told[key]} was acknowledged, ${asked[key]} asked for`);
      asked[key] = told[key] = value;
    }
    if (version.told > 0) {
      const answer = await server.fetch("versioned");
      assert.equal(answer.status, 200, `${what}: ${answer.body}`);
      const seen = JSON.parse(answer.body);
      assert.ok(seen.own === seen.other && seen.own === seen.variable, `${what}: of one deploy: ${answer.body}`);
      assert.ok(seen.own >= version.told && seen.own <= version.asked, `${what}: ${answer.body}, ${JSON.stringify(version)}`);
      assert.ok(seen.secret >= secret.told && seen.secret <= secret.asked, `${what}: ${answer.body}, ${JSON.stringify(secret)}`);
    }
    const answer = await server.fetch("writer");
    if (writer.there === null) assert.equal(answer.status, 404, `${what}: a script that was deleted is back`);
    if (answer.status === 200) {
      const [left, right] = JSON.parse(answer.body);
      assert.equal(left, right, `${what}: one burst`);
      assert.ok(!writer.gone.has(left), `${what}: ${left} was deleted with its script`);
      if (writer.there) assert.equal(left, writer.there, what);
    } else {
      assert.ok(answer.status === 404 && !writer.there, `${what}: ${answer.status} ${answer.body}`);
    }
  }
  assert.ok(changes > kRounds && version.told > 0 && secret.told > 0 && writer.gone.size > 0,
            `${changes} changes were acknowledged, ${JSON.stringify([version, secret])}, ${writer.gone.size} deletions`);
});

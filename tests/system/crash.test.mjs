// kill -9 at random moments: every acknowledged increment is there, no count exceeds what was asked; tasks in SQL with
// an alarm for the next of them run once each, none before its time.
// LIMPET_TEST_ROUNDS sets the number of kills (50), LIMPET_TEST_SEED repeats a run's random choices.
import assert from "node:assert/strict";
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { corePid, run, kLimpet, startLimpet, temporaryFolder, until } from "./lib.mjs";
import { counters, seededRandom } from "./scripts.mjs";

const kObjects = 200;
const kClients = 16;
const kRunMsMax = 250;
const rounds = Number(process.env.LIMPET_TEST_ROUNDS ?? 50);
const seed = Number(process.env.LIMPET_TEST_SEED ?? Date.now() % 1_000_000);

const random = seededRandom(seed);

// /ask?in=MS: a task for later, and in the same burst the alarm for the one that is due first. The alarm moves what is
// due from one table to the other, and sets the next. Nothing is awaited in between: all of it lands, or nothing.
const kTasks = `
import { DurableObject } from "cloudflare:workers";
export default { fetch: (request, env) => env.Tasks.getByName(new URL(request.url).searchParams.get("name")).fetch(request) };
export class Tasks extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.sql = ctx.storage.sql;
    this.sql.exec("CREATE TABLE IF NOT EXISTS waits(n INTEGER PRIMARY KEY AUTOINCREMENT, due INTEGER); CREATE TABLE IF NOT EXISTS ran(n INTEGER, early INTEGER)");
  }
  setNext() {
    const { due } = this.sql.exec("SELECT min(due) AS due FROM waits").one();
    if (due !== null) this.ctx.storage.setAlarm(due);
  }
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === "/ask") {
      const { n } = this.sql.exec("INSERT INTO waits(due) VALUES (?) RETURNING n", Date.now() + Number(url.searchParams.get("in"))).one();
      this.setNext();
      return Response.json({ n });
    }
    const numbers = (table) => this.sql.exec("SELECT n FROM " + table + " ORDER BY n").toArray().map((row) => row.n);
    return Response.json({ waits: numbers("waits"), ran: numbers("ran"), early: this.sql.exec("SELECT count(*) AS rows FROM ran WHERE early").one().rows, alarm: await this.ctx.storage.getAlarm() });
  }
  alarm({ scheduledTime }) {
    const now = Date.now();
    this.sql.exec("INSERT INTO ran SELECT n, ? FROM waits WHERE due <= ?", Number(now < scheduledTime), now);
    this.sql.exec("DELETE FROM waits WHERE due <= ?", now);
    this.setNext();
  }
}`;

const dataDir = temporaryFolder("limpet-crash");
let server;
before(async () => {
  server = await startLimpet({ dataDir });
  await server.deploy({ name: "crash", classes: ["Counter"], code: counters() });
  await server.deploy({ name: "tasks", classes: ["Tasks"], sqlite: true, code: kTasks });
});
after(() => server?.stop("SIGKILL"));

const asked = new Array(kObjects).fill(0);
const acknowledged = new Array(kObjects).fill(0);
const sum = (all) => all.reduce((sum, each) => sum + each, 0);

async function checkCounts(round) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: kClients });
  await Promise.all(acknowledged.map(async (low, name) => {
    const answer = await server.fetch("crash", `/value?name=${name}`, { agent });
    assert.equal(answer.status, 200, `seed ${seed} round ${round}: object ${name}: ${answer.body}`);
    const { count } = JSON.parse(answer.body);
    assert.ok(count >= low, `seed ${seed} round ${round}: object ${name} has ${count}, ${low} were acknowledged`);
    assert.ok(count <= asked[name], `seed ${seed} round ${round}: object ${name} has ${count}, ${asked[name]} were asked for`);
  }));
  agent.destroy();
}

test(`nothing acknowledged is lost over ${rounds} kills (seed ${seed})`, { timeout: 120_000 + rounds * 30_000 }, async () => {
  for (let round = 0; round < rounds; round++) {
    const agent = new http.Agent({ keepAlive: true });
    let stop = false;
    const client = async () => {
      while (!stop) {
        const name = Math.floor(random() * kObjects);
        asked[name]++;
        const answer = await server.fetch("crash", `/increment?name=${name}`, { agent, timeoutMs: 5_000 }).catch(() => undefined);
        if (answer?.status === 200) acknowledged[name]++;
      }
    };
    const clients = Array.from({ length: kClients }, client);
    const before = sum(acknowledged);
    await until("an increment", () => sum(acknowledged) > before);
    await new Promise((done) => setTimeout(done, random() * kRunMsMax));  // The random moment.
    const core = corePid(server.pid);
    server.running.child.kill("SIGKILL");  // The launcher; the core must end with it.
    if (core && random() < 0.5) try { process.kill(core, "SIGKILL"); } catch { /* It has ended already. */ }
    await server.running.exited;
    stop = true;
    await Promise.all(clients);
    agent.destroy();
    server = await startLimpet({ dataDir });
    await checkCounts(round);
  }
});

const taskRounds = Math.min(rounds, 12);
test(`no row and no alarm is lost over ${taskRounds} kills, and none runs too early (seed ${seed})`, { timeout: 120_000 + taskRounds * 30_000 }, async () => {
  const kNames = 60;
  const kInMsMax = 600;
  const agent = new http.Agent({ keepAlive: true, maxSockets: kClients });
  const told = Array.from({ length: kNames }, () => []);  // Numbers of the tasks that were acknowledged.
  const check = async (name) => {
    const answer = await server.fetch("tasks", `/check?name=${name}`, { agent });
    assert.equal(answer.status, 200, answer.body);
    const seen = JSON.parse(answer.body);
    const what = `seed ${seed} object ${name}: ${answer.body}`;
    const all = [...seen.waits, ...seen.ran].sort((a, b) => a - b);
    assert.deepEqual(all, all.map((_, index) => index + 1), `${what}: every task is in one of the tables, once`);
    assert.ok(all.length >= Math.max(0, ...told[name]), `${what}: ${told[name].length} were acknowledged`);
    assert.equal(seen.early, 0, what);
    assert.ok(seen.waits.length === 0 || seen.alarm !== null, `${what}: tasks wait for no alarm`);
    return seen;
  };
  for (let round = 0; round < taskRounds; round++) {
    let stop = false;
    const client = async () => {
      while (!stop) {
        const name = Math.floor(random() * kNames);
        const answer = await server.fetch("tasks", `/ask?name=${name}&in=${Math.floor(random() * kInMsMax)}`, { agent, timeoutMs: 5_000 }).catch(() => undefined);
        if (answer?.status === 200) told[name].push(JSON.parse(answer.body).n);
      }
    };
    const clients = Array.from({ length: kClients }, client);
    const before = told.flat().length;
    await until("a task", () => told.flat().length > before);
    await new Promise((done) => setTimeout(done, random() * 2 * kRunMsMax));  // The random moment.
    const core = corePid(server.pid);
    server.running.child.kill("SIGKILL");
    if (core && random() < 0.5) try { process.kill(core, "SIGKILL"); } catch { /* It has ended already. */ }
    await server.running.exited;
    stop = true;
    await Promise.all(clients);
    server = await startLimpet({ dataDir });
    await Promise.all(told.map((_, name) => check(name)));
  }
  await until("every task to run", async () => (await Promise.all(told.map((_, name) => check(name)))).every((seen) => seen.waits.length === 0));
  const ran = sum((await Promise.all(told.map((_, name) => check(name)))).map((seen) => seen.ran.length));
  assert.ok(ran >= told.flat().length && ran >= taskRounds, `${ran} tasks ran`);
  agent.destroy();
});

test("a core that is killed alone serves again within a second, nothing lost", async () => {
  // On a machine on which a whole server takes longer than that to start, within what such a start takes.
  const begun = performance.now();
  const other = await startLimpet();
  const startMs = performance.now() - begun;
  await other.stop();
  const before = JSON.parse((await server.fetch("crash", "/increment?name=1")).body).count;
  asked[1]++;
  const old = corePid(server.pid);
  assert.ok(old, "the launcher has a core");
  process.kill(old, "SIGKILL");
  const start = performance.now();
  const answer = await until("an answer of the new core", async () => {
    const seen = await server.fetch("crash", "/value?name=1", { timeoutMs: 20_000 }).catch(() => undefined);
    return seen?.status === 200 && corePid(server.pid) !== old ? seen : undefined;
  });
  const waitedMs = performance.now() - start;
  assert.ok(JSON.parse(answer.body).count >= before);
  assert.ok(waitedMs <= Math.max(1000, 3 * startMs), `served again after ${Math.round(waitedMs)} ms; a server took ${Math.round(startMs)} ms to start`);
});

test("a byte flipped in the middle of the log is a refusal to start that names the file", async () => {
  const folder = temporaryFolder("limpet-flip");
  const own = await startLimpet({ dataDir: folder });
  await own.deploy({ name: "flip", classes: ["Counter"], code: counters() });
  for (let name = 0; name < 50; name++) await own.fetch("flip", `/increment?name=${name}`);
  const core = corePid(own.pid);
  own.running.child.kill("SIGKILL");
  await own.running.exited;
  await until("the core to end with its launcher", () => { try { process.kill(core, 0); return false; } catch { return true; } });
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile() && each.name.endsWith(".log"))
    .map((each) => join(each.parentPath, each.name)).filter((file) => statSync(file).size > 1000);
  assert.ok(files.length > 0, "there is a log");
  const log = files.sort((a, b) => statSync(b).size - statSync(a).size)[0];
  const bytes = readFileSync(log);
  bytes[bytes.length >> 1] ^= 0x40;
  writeFileSync(log, bytes);
  const refused = run(kLimpet, ["serve", "--data-dir", folder, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
  const deadline = setTimeout(() => refused.child.kill("SIGKILL"), 60_000);
  const { code } = await refused.exited;
  clearTimeout(deadline);
  assert.equal(code, 1, refused.stderr);
  assert.match(refused.stderr, /corrupt/i);
  assert.match(refused.stderr, /\.log|\/\d{6}/);
});

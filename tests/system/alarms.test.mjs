// Alarms of the real server: they outlive kill -9, orderly restarts and deploys, and go with their class.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { corePid, startLimpet, temporaryFolder, until } from "./lib.mjs";

// /set?name=N&in=MS   /seen?name=N: { runs: [{ late, retryCount, name, version }], alarm }
const code = (version, extra = "") => `
export default {
  fetch(request, env) {
    const name = new URL(request.url).searchParams.get("name");
    return env.Sleeper.get(env.Sleeper.idFromName(name)).fetch(request);
  },
};
export class Sleeper {
  constructor(state) { this.state = state; this.storage = state.storage; }
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === "/set") {
      this.storage.put("fails", Number(url.searchParams.get("fails") ?? 0));
      await this.storage.setAlarm(Date.now() + Number(url.searchParams.get("in")));
      return new Response("set");
    }
    return Response.json({ runs: (await this.storage.get("runs")) ?? [], alarm: await this.storage.getAlarm() });
  }
  async alarm({ retryCount, isRetry, scheduledTime }) {
    const late = Date.now() - scheduledTime;
    const runs = (await this.storage.get("runs")) ?? [];
    runs.push({ late, retryCount, isRetry, name: this.state.id.name, version: ${version} });
    await this.storage.put("runs", runs);
    ${extra}
    if (runs.length <= await this.storage.get("fails")) throw new Error("not yet");
  }
}
`;

const dataDir = temporaryFolder("limpet-alarms");
let server;
before(async () => {
  server = await startLimpet({ dataDir });
  await server.deploy({ name: "sleep", classes: ["Sleeper"], code: code(1) });
});
after(() => server?.stop("SIGKILL"));

const set = async (name, ms, fails = 0) => {
  const answer = await server.fetch("sleep", `/set?name=${name}&in=${ms}&fails=${fails}`);
  assert.equal(answer.body, "set");
};
const seen = async (name) => JSON.parse((await server.fetch("sleep", `/seen?name=${name}`)).body);
const ran = (name, count = 1) => until(`the alarm of ${name}`, async () => {
  const { runs } = await seen(name).catch(() => ({ runs: [] }));
  return runs.length >= count && runs;
});
// The name of an object whose alarm is due after `act` has ended, however long that takes.
async function setBefore(act, label, ms) {
  for (let attempt = 0; ; attempt++, ms *= 2) {
    const name = `${label}-${attempt}`;
    const due = Date.now() + ms;  // Or later: the object reads the clock after us.
    await set(name, ms);
    await act();
    if (Date.now() < due) return name;
  }
}

test("an alarm runs at its time, not before", { timeout: 300_000 }, async () => {
  const names = Array.from({ length: 50 }, (_, index) => `plain-${index}`);
  await Promise.all(names.map((name, index) => set(name, 200 + 10 * index)));
  for (const name of names) {
    const [run, ...more] = await ran(name);
    assert.deepEqual([run.retryCount, run.isRetry, run.name, more.length], [0, false, name, 0]);
    assert.ok(run.late >= 0, `${run.late} ms late`);
  }
});

test("alarms that were acknowledged survive kill -9, and those that were due meanwhile run at the start", { timeout: 300_000 }, async () => {
  await set("during", 600);
  const due = Date.now() + 600;
  await set("later", 4_000);
  await set("retried", 100, 1);
  await ran("retried");
  await until("its failure to be counted", async () => { const { runs, alarm } = await seen("retried"); return alarm !== null || runs.length > 1; });
  const core = corePid(server.pid);
  server.running.child.kill("SIGKILL");
  if (core) try { process.kill(core, "SIGKILL"); } catch { /* It has ended already. */ }
  await server.running.exited;
  await until("its time", () => Date.now() > due);
  server = await startLimpet({ dataDir });
  const [during] = await ran("during");
  assert.equal(during.name, "during");
  assert.ok(during.late >= 0);
  const retried = await ran("retried", 2);
  assert.deepEqual(retried.map((run) => run.retryCount), [0, 1]);
  const [later] = await ran("later");
  assert.ok(later.late >= 0, `${later.late} ms late`);
  assert.equal((await seen("later")).alarm, null);
});

test("an alarm that waits runs in the code of a later deploy, and one that waits for an orderly restart after it", { timeout: 300_000 }, async () => {
  const deployed = await setBefore(() => server.deploy({ name: "sleep", classes: ["Sleeper"], newClasses: [], code: code(2) }), "deployed", 1_000);
  assert.equal((await ran(deployed))[0].version, 2);
  const restarted = await setBefore(async () => {
    const { code: status } = await server.stop("SIGTERM");
    assert.equal(status, 0);
    server = await startLimpet({ dataDir });
  }, "restarted", 1_500);
  assert.equal((await ran(restarted))[0].version, 2);
});

test("a script that is deleted takes its alarms along", { timeout: 300_000 }, async () => {
  await server.deploy({ name: "witness", classes: ["Sleeper"], code: code(1) });
  await set("gone", 1_500);
  await server.remove("sleep");
  await server.fetch("witness", "/set?name=later&in=1500");
  await until("an alarm of another script that is due later", async () => JSON.parse((await server.fetch("witness", "/seen?name=later")).body).runs.length > 0);
  await until("no alarm to run", async () => (await server.metric("limpet_alarms_running")) === 0);
  await server.deploy({ name: "sleep", classes: ["Sleeper"], code: code(3) });
  assert.deepEqual(await seen("gone"), { runs: [], alarm: null });
});

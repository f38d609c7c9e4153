// examples/scheduler over HTTP and RPC: planning, lists, refusals, runs at least once, repetition, failures, a killed server.
// EXAMPLES_ON=workerd runs the same on workerd.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { kNoAlarms, modulesOf, startExample } from "./example.mjs";
import { request, until } from "./lib.mjs";

// The example, and beside it: runs that fail on demand, the alarm handler by hand, the methods over RPC. Where the server
// has no alarms yet, setting one does nothing, so that all but the alarm itself is tested.
const kMain = `
  import worker from "./index.mjs";
  import { Scheduler as Base } from "./scheduler.mjs";
  export { Journal } from "./journal.mjs";
  export class Scheduler extends Base {
    constructor(ctx, env) {
      super(ctx, env);
      ctx.blockConcurrencyWhile(() => ctx.storage.getAlarm().catch(() => {
        ctx.storage.setAlarm = ctx.storage.deleteAlarm = async () => {};
      }));
    }
    async deliver(key, payload) {
      if (payload?.fails) throw new Error("no such luck");
      await super.deliver(key, payload);
      if (payload?.unsure) throw new Error("the answer was lost");
    }
    async ring() { await this.alarm(); }
    nextAlarm() { return this.ctx.storage.getAlarm(); }
  }
  export default {
    async fetch(request, env) {
      const [, method] = new URL(request.url).pathname.match(/^\\/rpc\\/(\\w+)$/) ?? [];
      if (!method) return await worker.fetch(request, env);
      const result = await env.SCHEDULERS.get(env.SCHEDULERS.idFromName("main"))[method](...await request.json());
      return Response.json(result ?? null);
    },
  };`;

let server;
before(async () => {
  server = await startExample({ name: "scheduler", modules: modulesOf("scheduler", kMain), classes: [["SCHEDULERS", "Scheduler"], ["JOURNALS", "Journal"]] });
});
after(() => server?.stop());

async function call(method, path, body) {
  const answer = await request(server.url + path, { method, body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body) });
  return { status: answer.status, json: JSON.parse(answer.body) };
}
const rpc = async (method, ...args) => (await call("POST", `/rpc/${method}`, args)).json;
const runs = async (id) => (await call("GET", "/runs")).json.filter((run) => run.key.startsWith(`${id}@`));
const kFar = "2040-01-01T00:00:00.000Z";

test("plan, get, list, cancel, over HTTP and RPC; the same PUT twice is one task", async () => {
  const wish = { at: kFar, every: 60, payload: { boat: "Patella" } };
  const tide = { id: "tide", due: kFar, every: 60, payload: { boat: "Patella" } };
  assert.deepEqual(await call("PUT", "/tasks/tide", wish), { status: 201, json: tide });
  assert.deepEqual(await call("PUT", "/tasks/tide", wish), { status: 200, json: tide });
  assert.deepEqual(await call("GET", "/tasks/tide"), { status: 200, json: tide });
  assert.deepEqual(await rpc("get", "tide"), tide);
  // "in" counts from the first time it was said.
  const first = await call("PUT", "/tasks/soon", { in: 3_600 });
  assert.deepEqual((await call("PUT", "/tasks/soon", { in: 3_600 })).json, first.json);
  assert.notDeepEqual((await call("PUT", "/tasks/soon", { in: 7_200 })).json, first.json);
  assert.deepEqual((await rpc("plan", "noon", { at: "2039-01-01T12:00:00+02:00" })).task, { id: "noon", due: "2039-01-01T10:00:00.000Z", payload: null });
  assert.deepEqual((await call("GET", "/tasks")).json.tasks.map(({ id }) => id), ["soon", "noon", "tide"]);
  assert.deepEqual(await call("DELETE", "/tasks/tide"), { status: 200, json: tide });
  assert.equal((await call("DELETE", "/tasks/tide")).status, 404);
  assert.equal((await rpc("cancel", "soon")).id, "soon");
  assert.equal(await rpc("cancel", "soon"), null);
  assert.deepEqual((await rpc("list")).tasks.map(({ id }) => id), ["noon"]);
  await rpc("cancel", "noon");
});

test("a wish that is none is refused with its reason", async () => {
  for (const [wish, reason] of [
    ["not JSON", /object as JSON/], ["null", /object as JSON/], ["[]", /object as JSON/], [{}, /Say when/], [{ at: kFar, in: 1 }, /Say when/],
    [{ at: "tomorrow" }, /"at" is a time/], [{ at: -1 }, /"at" is a time/], [{ at: 1e300 }, /"at" is a time/], [{ at: null }, /"at" is a time/],
    [{ in: -1 }, /"in" is a number/], [{ in: "5" }, /"in" is a number/], [{ in: 1e12 }, /"in" is a number/],
    [{ in: 1, every: 0 }, /"every"/], [{ in: 1, every: "day" }, /"every"/], [{ in: 1, cron: "* * * * *" }, /no "cron"/],
    [{ in: 1, payload: "x".repeat(16_384) }, /payload has up to/],
  ]) {
    const { status, json } = await call("PUT", "/tasks/bad", wish);
    assert.equal(status, 400, JSON.stringify(wish).slice(0, 80));
    assert.match(json.error, reason);
  }
  assert.match((await rpc("plan", "a b", { in: 1 })).error, /An ID is/);
  assert.equal((await call("PUT", `/tasks/${"x".repeat(65)}`, { in: 1 })).status, 404);
  assert.equal((await call("POST", "/tasks", {})).status, 404);
  assert.deepEqual((await call("GET", "/tasks")).json, { tasks: [] });
});

test("a list of 250 tasks comes in pages", async () => {
  for (let index = 0; index < 250; index++) await rpc("plan", `many-${index}`, { at: Date.parse(kFar) + Math.floor(index / 7) });
  const seen = [];
  let pages = 0;
  for (let after = ""; after !== undefined; pages++) {
    const { json } = await call("GET", `/tasks${after && `?after=${encodeURIComponent(after)}`}`);
    seen.push(...json.tasks.map(({ id }) => id));
    after = json.after;
  }
  assert.equal(pages, 3);
  assert.equal(new Set(seen).size, 250);
  assert.equal(seen.length, 250);
  for (const id of seen) await rpc("cancel", id);
});

test("what is due runs once, repeats from its own time, and a failure holds up nothing", async () => {
  const past = Date.now() - 10_500;
  await rpc("plan", "once", { at: past, payload: 1 });
  await rpc("plan", "broken", { at: past - 1, payload: { fails: true } });
  await rpc("plan", "unsure", { at: past - 2, payload: { unsure: true } });
  await rpc("plan", "again", { at: past, every: 4, payload: 2 });
  await rpc("ring");
  assert.deepEqual((await runs("once")).map(({ key, payload }) => [key, payload]), [[`once@${new Date(past).toISOString()}`, 1]]);
  assert.equal(await rpc("get", "once"), null);
  assert.equal((await runs("again")).length, 1, "what passed meanwhile is one run");
  const next = Date.parse((await rpc("get", "again")).due);
  assert.equal((next - past) % 4_000, 0);
  assert.ok(next > Date.now() - 1_000 && next <= Date.now() + 4_000, `${next - Date.now()}`);
  const broken = await rpc("get", "broken");
  assert.equal(broken.error, "no such luck");
  assert.equal(broken.due, new Date(past - 1).toISOString());
  assert.ok(broken.failures >= 1 && Date.parse(broken.retry) > past);

  // Delivered, but the scheduler did not learn of it: it runs again, under the same key, and the journal has it once.
  await until("another try", async () => (await rpc("ring"), (await rpc("get", "unsure")).failures >= 2));
  assert.equal((await runs("unsure")).length, 1);
  for (const id of ["broken", "unsure", "again"]) await rpc("cancel", id);
});

test("tasks survive a killed server", async () => {
  await rpc("plan", "kept", { at: kFar });
  await server.kill();
  await server.startAgain();
  assert.equal((await rpc("get", "kept")).due, kFar);
  await rpc("cancel", "kept");
});

test("the alarm is that of the next task, and none without one", async (context) => {
  if (!server.alarms) return context.skip(kNoAlarms);
  assert.equal(await rpc("nextAlarm"), null);
  await rpc("plan", "late", { at: kFar });
  await rpc("plan", "early", { at: "2039-01-01T00:00:00Z" });
  assert.equal(await rpc("nextAlarm"), Date.parse("2039-01-01T00:00:00Z"));
  await rpc("cancel", "early");
  assert.equal(await rpc("nextAlarm"), Date.parse(kFar));
  await rpc("cancel", "late");
  assert.equal(await rpc("nextAlarm"), null);
});

test("tasks run by themselves, repeat, are cancelled, and one that came due while the server was down runs", async (context) => {
  if (!server.alarms) return context.skip(kNoAlarms);
  await rpc("plan", "beat", { in: 0.2, every: 1 });
  await until("three beats", async () => (await runs("beat")).length >= 3);
  const keys = (await runs("beat")).map(({ key }) => Date.parse(key.slice("beat@".length)));
  assert.equal(new Set(keys).size, keys.length);
  await rpc("cancel", "beat");
  await rpc("plan", "down", { in: 1 });
  await server.kill();
  await server.startAgain();
  await until("the run", async () => (await runs("down")).length === 1);
  await until("its end", async () => (await rpc("get", "down")) === null);
});

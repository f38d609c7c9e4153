// Cron triggers: what a scheduled handler gets and how its events end, beside workerd; by hand under dev; on a server by
// the clock, over a kill; the tool and its refusals.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Miniflare } from "../../node_modules/wrangler-4.86/node_modules/miniflare/dist/src/index.js";
import { api, corePid, deploy, kLimpet, limpet, request, run, startLimpet, temporaryFolder, until } from "./lib.mjs";

const kScript = `
import { waitUntil } from "cloudflare:workers";
const log = [];
export default {
  fetch() { return Response.json(log.splice(0)); },
  async scheduled(controller, env, ctx) {
    const { cron } = controller;
    const names = []; for (const name in controller) names.push(name);
    const text = (action) => { try { return action(); } catch (error) { return String(error); } };
    log.push({
      cron, time: controller.scheduledTime > 1e12 ? "now" : controller.scheduledTime, names, own: Object.getOwnPropertyNames(controller), json: Object.keys(JSON.parse(JSON.stringify(controller))),
      tag: Object.prototype.toString.call(controller), name: controller.constructor.name, count: arguments.length, env: env.X,
      ctx: ctx.constructor.name, self: typeof this?.scheduled, global: typeof ScheduledController,
      set: text(() => { controller.cron = 1; }), illegal: text(() => controller.noRetry.call({})), made: text(() => new controller.constructor()),
    });
    switch (cron) {
      case "throw": throw new Error("no");
      case "reject": return Promise.reject("text");
      case "noRetry": log.push(controller.noRetry() === undefined); break;
      case "noRetry throw": controller.noRetry(); throw new Error("no");
      case "waits": ctx.waitUntil(scheduler.wait(5).then(() => log.push("waited"))); break;
      case "waits in turn": waitUntil(scheduler.wait(5).then(() => { ctx.waitUntil(scheduler.wait(5).then(() => log.push("waited twice"))); })); break;
      case "waits for a failure": ctx.waitUntil(scheduler.wait(5).then(() => { throw new Error("later"); })); break;
      case "hangs": return new Promise(() => {});
      case "waits for ever": ctx.waitUntil(new Promise(() => {})); break;
      case "value": return 5;
      case "late": await scheduler.wait(5); log.push("late"); break;
      case "unhandled": Promise.reject(new Error("x"));
    }
  },
};`;
const kOthers = {
  none: `export default { fetch: () => Response.json("here") };`,
  number: `export default { scheduled: 5, fetch: () => Response.json("here") };`,
  sync: `export default { scheduled() { throw new Error("sync"); }, fetch: () => Response.json("here") };`,
  class: `import { WorkerEntrypoint } from "cloudflare:workers"; let seen;
    export default class extends WorkerEntrypoint {
      scheduled(controller, ...rest) { seen = [controller.cron, rest.map((each) => each?.constructor.name ?? String(each)), this.ctx.constructor.name, this.env.X]; }
      fetch() { return Response.json(seen); }
    }`,
};
const kAsked = ["cron=*+*+*+*+*&time=1234567890123", "", "time=-5", "cron=a&cron=b", ...["throw", "reject", "noRetry", "noRetry throw", "waits", "waits in turn",
  "waits for a failure", "hangs", "waits for ever", "value", "late", "unhandled"].map((cron) => `cron=${encodeURIComponent(cron)}`)];

// What is asked of a Worker behind another one that runs its handler, since workerd's own way to do so is a binding.
const kDriver = `export default { async fetch(request, env) {
  const url = new URL(request.url), time = url.searchParams.get("time");
  if (url.pathname === "/") return env.TARGET.fetch(request);
  return Response.json(await env.TARGET.scheduled({ scheduledTime: time ? new Date(parseInt(time)) : undefined, cron: url.searchParams.get("cron") ?? undefined }));
} };`;

// In service-worker format.
const kListener = `
const log = [];
addEventListener("fetch", (event) => event.respondWith(Response.json(log.splice(0))));
addEventListener("scheduled", (event) => {
  const { cron } = event;
  const text = (action) => { try { return action(); } catch (error) { return String(error); } };
  log.push({
    cron, time: event.scheduledTime > 1e12 ? "now" : event.scheduledTime, type: event.type, tag: Object.prototype.toString.call(event),
    classes: [event instanceof ScheduledEvent, event instanceof ExtendableEvent], target: event.target === globalThis, trusted: event.isTrusted,
    set: text(() => { event.cron = 1; }), property: Object.getOwnPropertyDescriptor(event, "scheduledTime").configurable,
    illegal: text(() => event.noRetry.call({})), made: text(() => new ScheduledEvent("x")),
  });
  switch (cron) {
    case "throw": throw new Error("no");
    case "noRetry": log.push(event.noRetry() === undefined); break;
    case "noRetry throw": event.noRetry(); throw new Error("no");
    case "waits": event.waitUntil(scheduler.wait(5).then(() => log.push("waited"))); break;
    case "waits for a failure": event.waitUntil(scheduler.wait(5).then(() => { throw new Error("later"); })); break;
    case "waits for ever": event.waitUntil(new Promise(() => {})); break;
  }
});
addEventListener("scheduled", () => log.push("second"));`;
const kListenerAsked = ["cron=a&time=1234567890123", ...["throw", "noRetry", "noRetry throw", "waits", "waits for a failure", "waits for ever"].map((cron) => `cron=${encodeURIComponent(cron)}`)];
const kDeaf = `addEventListener("fetch", (event) => event.respondWith(Response.json("here"))); globalThis.onscheduled = () => {};`;

async function onWorkerd(script, asked, modules = true) {
  const compatibilityDate = "2026-03-01";
  const miniflare = new Miniflare({ cf: false, workers: [
    { name: "driver", modules: true, compatibilityDate, compatibilityFlags: ["service_binding_extra_handlers"], serviceBindings: { TARGET: "target" }, script: kDriver },
    { name: "target", modules, compatibilityDate, bindings: { X: "x" }, script },
  ] });
  try {
    const { host } = await miniflare.ready;
    const seen = [];
    for (const query of asked) {
      const outcome = JSON.parse((await request(`http://${host}/run?${query}`)).body);
      seen.push({ query, outcome, log: JSON.parse((await request(`http://${host}/`)).body) });
    }
    return seen;
  } finally {
    await miniflare.dispose();
  }
}

function startDev(folder) {
  return run(kLimpet, ["dev", "--listen", "127.0.0.1:0"], { cwd: folder });
}
async function stopDev(dev) {
  dev.child.kill("SIGTERM");
  await dev.exited;
}
const portOf = (dev) => until("the address", () => dev.stdout.match(/:(\d+)/)?.[1]);

async function onDev(script, asked) {
  const folder = temporaryFolder("cron-dev");
  writeFileSync(join(folder, "wrangler.toml"), `name = "c"\nmain = "a.js"\ncompatibility_date = "2026-03-01"\n[vars]\nX = "x"\n`);
  writeFileSync(join(folder, "a.js"), script);
  const dev = startDev(folder);
  try {
    const base = `http://127.0.0.1:${await portOf(dev)}`;
    const seen = [];
    for (const query of asked) {
      const answer = await request(`${base}/cdn-cgi/handler/scheduled?format=json&${query}`);
      const outcome = JSON.parse(answer.body);
      assert.equal(answer.status, outcome.outcome === "ok" ? 200 : 500);
      seen.push({ query, outcome, log: JSON.parse((await request(base)).body) });
    }
    return seen;
  } finally {
    await stopDev(dev);
  }
}

test("a scheduled handler sees what workerd shows it, and ends as there", async () => {
  assert.deepEqual(await onDev(kScript, kAsked), await onWorkerd(kScript, kAsked));
  for (const [name, script] of Object.entries(kOthers)) {
    assert.deepEqual(await onDev(script, ["cron=x&time=1000"]), await onWorkerd(script, ["cron=x&time=1000"]), name);
  }
});

test("listeners of scheduled events see what workerd shows them, and end as there", async () => {
  assert.deepEqual(await onDev(kListener, kListenerAsked), await onWorkerd(kListener, kListenerAsked, false));
  assert.deepEqual(await onDev(kDeaf, ["cron=x"]), await onWorkerd(kDeaf, ["cron=x"], false));
});

test("a listener to events that never come is told so", async () => {
  const folder = temporaryFolder("cron-deaf");
  writeFileSync(join(folder, "wrangler.toml"), `name = "c"\nmain = "a.js"\ncompatibility_date = "2026-03-01"\n`);
  writeFileSync(join(folder, "a.js"), `addEventListener("queue", () => {}); addEventListener("email", () => {}); ${kDeaf}`);
  const dev = startDev(folder);
  try {
    assert.equal((await request(`http://127.0.0.1:${await portOf(dev)}`)).body, '"here"');
    for (const type of ["queue", "email"]) {
      await until("the warning", () => (dev.stdout + dev.stderr).includes(`This script listens to "${type}" events. limpet has none: the listener is never called.`));
    }
  } finally {
    await stopDev(dev);
  }
});

test("dev: by hand, in words; not for pages elsewhere", async () => {
  const folder = temporaryFolder("cron-dev");
  writeFileSync(join(folder, "wrangler.toml"), `name = "c"\nmain = "a.mjs"\n[triggers]\ncrons = ["0 0 1 1 *"]\n`);
  writeFileSync(join(folder, "a.mjs"), `export default { scheduled({ cron }) { if (cron === "throw") throw new Error("no"); console.log("ran " + cron); }, fetch: () => new Response("here") };`);
  const dev = startDev(folder);
  try {
    const base = `http://127.0.0.1:${await portOf(dev)}`;
    const get = async (path, headers) => { const { status, body } = await request(base + path, { headers }); return [status, body]; };
    for (const path of ["handler", "local", "mf"]) assert.deepEqual(await get(`/cdn-cgi/${path}/scheduled?cron=0+0+1+1+*`), [200, "ok"]);
    assert.deepEqual(await get("/__scheduled?cron=5+*+*+*+*"), [200, "Ran scheduled event"]);
    await until("the log", () => dev.stderr.includes("ran 5 * * * *") || dev.stdout.includes("ran 5 * * * *"));
    assert.deepEqual(await get("/cdn-cgi/handler/scheduled?cron=throw"), [500, "exception"]);
    assert.deepEqual(await get("/__scheduled?cron=throw"), [500, "exception"]);
    assert.equal((await get("/__scheduled?time=soon"))[0], 400);
    assert.equal((await get("/__scheduled", { origin: "https://elsewhere.example" }))[0], 403);
    assert.equal((await get("/__scheduled", { "sec-fetch-site": "cross-site" }))[0], 403);
    assert.deepEqual(await get("/__scheduled/more"), [200, "here"]);
    writeFileSync(join(folder, "wrangler.toml"), `name = "c"\nmain = "a.mjs"\n[triggers]\ncrons = ["0 0 * * 0"]\n`);
    await until("the refusal", () => /invalid cron string "0 0 \* \* 0"/.test(dev.stderr));
  } finally {
    await stopDev(dev);
  }
});

let server;
before(async () => { server = await startLimpet(); });
after(() => server?.stop());

test("a server runs each minute once, also if it is killed in between", { timeout: 300_000 }, async () => {
  // What ran is kept by an object: the kill takes what the isolate knows.
  const code = `
    import { DurableObject } from "cloudflare:workers";
    export class Log extends DurableObject {
      add(entry) { const all = this.ctx.storage.kv?.get("all") ?? []; all.push(entry); this.ctx.storage.kv.put("all", all); }
      all() { return this.ctx.storage.kv.get("all") ?? []; }
    }
    const log = (env) => env.LOG.get(env.LOG.idFromName("log"));
    export default {
      async fetch(request, env) { return Response.json(await log(env).all()); },
      async scheduled({ cron, scheduledTime }, env, ctx) { ctx.waitUntil(log(env).add([cron, scheduledTime, Date.now()])); },
    };`;
  const own = await startLimpet();
  try {
    await deploy(own, { name: "clock", code, sqliteClasses: [["LOG", "Log"]] });
    // On a server no request runs a handler.
    assert.equal((await request(`http://clock.localhost:${own.port}/__scheduled`)).body, "[]");
    const put = await api(own, "PUT", "/workers/scripts/clock/schedules", { body: JSON.stringify([{ cron: "* * * * *" }]) });
    assert.equal(put.json?.success, true, put.body);
    const runs = async () => JSON.parse((await request(`http://clock.localhost:${own.port}/`)).body);
    const first = await until("the first minute", async () => { const all = await runs(); return all.length > 0 && all; }, 90_000);
    process.kill(corePid(own.child.pid), "SIGKILL");
    await until("the server again", async () => (await runs()).length > 0);
    assert.deepEqual((await runs()).filter(([, time]) => time === first[0][1]), [first[0]]);
    for (const [cron, time, now] of await runs()) {
      assert.equal(cron, "* * * * *");
      assert.equal(time % 60_000, 0);
      assert.ok(now >= time, "not before its time");
    }
  } finally {
    await own.stop();
  }
});

test("publish and triggers deploy set crons, an empty list clears them, none leaves them", async () => {
  const folder = temporaryFolder("cron-tool");
  const write = (triggers) => writeFileSync(join(folder, "wrangler.toml"), `name = "tool"\nmain = "a.mjs"\n${triggers}`);
  writeFileSync(join(folder, "a.mjs"), `export default { scheduled() {} };`);
  const call = (...words) => limpet([...words, "--server", server.admin, "--token", server.token], { cwd: folder });
  const crons = async () => (await api(server, "GET", "/workers/scripts/tool/schedules")).json.result.schedules.map(({ cron }) => cron);
  write(`[triggers]\ncrons = ["0 17 * * SUN", "*/5 * * * *"]\n`);
  const published = await call("publish");
  assert.equal(published.code, 0, published.stderr);
  assert.match(published.stdout + published.stderr, /schedule: 0 17 \* \* SUN/);
  assert.deepEqual(await crons(), ["0 17 * * SUN", "*/5 * * * *"]);
  write("");
  assert.equal((await call("publish")).code, 0);
  assert.equal((await crons()).length, 2);
  write(`[triggers]\ncrons = ["59 23 LW * *"]\n`);
  const triggers = await call("triggers", "deploy");
  assert.equal(triggers.code, 0, triggers.stderr);
  assert.match(triggers.stdout, /^schedule: 59 23 LW \* \*$/m);
  assert.deepEqual(await crons(), ["59 23 LW * *"]);
  write(`[triggers]\ncrons = ["59 23 * *"]\n`);
  const refused = await call("triggers", "deploy");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /invalid cron string "59 23 \* \*": it has 4 fields.*10100/);
  assert.deepEqual(await crons(), ["59 23 LW * *"]);
  write(`[triggers]\ncrons = []\n`);
  assert.equal((await call("triggers", "deploy")).code, 0);
  assert.deepEqual(await crons(), []);
});

// Bindings between Workers on a running server: deploys of either side, split traffic, shards, deletion, limits, the tool,
// wrangler.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { api, kLimpet, limpet, request, run, startLimpet, temporaryFolder, tryDeploy, until } from "./lib.mjs";
import { kWranglers, project, wrangler } from "./wrangler.mjs";

let server;
before(async () => { server = await startLimpet({ flags: ["--shards", "2"] }); });
after(() => server?.stop());

const kBack = `
  import { WorkerEntrypoint } from "cloudflare:workers";
  export default { fetch: (request, env) => new Response("back VERSION") };
  export class Greeter extends WorkerEntrypoint {
    hello(name) { return [this.ctx.props.greeting ?? "Hello", name, "VERSION"].join(" "); }
  }`;
const kFront = `export default {
  async fetch(request, env) {
    try {
      if (new URL(request.url).pathname === "/hello") return new Response(await env.GREETER.hello("you"));
      return await env.BACK.fetch(request);
    } catch (error) {
      return new Response(error.name + ": " + error.message, { status: 500 });
    }
  } }`;
const back = (version) => kBack.replaceAll("VERSION", version);
const text = async (name, path = "/") => (await server.fetch(name, path)).body;

test("each side is deployed on its own", async () => {
  await server.deploy({ name: "back", code: back("one") });
  await server.deploy({ name: "front", code: kFront,
                        services: [{ name: "BACK", service: "back" }, { name: "GREETER", service: "back", entrypoint: "Greeter", props: { greeting: "Ahoy" } }] });
  assert.deepEqual([await text("front"), await text("front", "/hello")], ["back one", "Ahoy you one"]);
  await server.deploy({ name: "back", code: back("two") });
  assert.deepEqual([await text("front"), await text("front", "/hello")], ["back two", "Ahoy you two"]);
});

test("the callee's deployment shares out calls", async () => {
  await server.deploy({ name: "split", code: back("one") });
  await server.deploy({ name: "caller", code: kFront, services: [{ name: "BACK", service: "split" }, { name: "GREETER", service: "split", entrypoint: "Greeter" }] });
  await server.deploy({ name: "split", code: back("two") });
  const versions = (await api(server, "GET", "/workers/scripts/split/versions")).json.result.items.map((each) => each.id);
  const body = JSON.stringify({ strategy: "percentage", versions: versions.slice(0, 2).map((id) => ({ version_id: id, percentage: 50 })) });
  assert.equal((await api(server, "POST", "/workers/scripts/split/deployments", { body })).json.success, true);
  const seen = new Set();
  for (let i = 0; i < 60; i++) seen.add(await text("caller", i % 2 ? "/hello" : "/"));
  assert.deepEqual([...seen].sort(), ["Hello you one", "Hello you two", "back one", "back two"]);
});

test("a callee that does not start is the caller's error; one that went is, too", async () => {
  await server.deploy({ name: "gone", code: back("x") });
  await server.deploy({ name: "left", code: kFront, services: [{ name: "BACK", service: "gone" }, { name: "GREETER", service: "gone", entrypoint: "Greeter" }] });
  const refused = await api(server, "DELETE", "/workers/scripts/gone");
  assert.deepEqual([refused.status, refused.json.errors[0].code], [400, 10064]);
  assert.match(refused.json.errors[0].message, /left binds it as BACK/);
  assert.equal(await text("left"), "back x");
  await server.remove("gone");
  assert.deepEqual([await text("left"), await text("left", "/hello")], ["Error: Worker not found.", "Error: Worker not found."]);
  await server.deploy({ name: "gone", code: back("again") });
  assert.equal(await text("left"), "back again");
});

test("what can't be bound is refused, and says why", async () => {
  const refused = async (services) => {
    const { status, json } = await tryDeploy(server, { name: "hopeful", code: kFront, services });
    return [status, json.errors[0].code, json.errors[0].message];
  };
  assert.deepEqual(await refused([{ name: "X", service: "nobody" }]),
                   [400, 10143, "Could not resolve service binding 'X'. Target script 'nobody' not found. Please verify the target script and try again."]);
  assert.deepEqual((await refused([{ name: "X", service: "back", entrypoint: "Nobody" }])).slice(0, 2), [400, 10144]);
  assert.deepEqual((await refused([{ name: "X", service: "hopeful", entrypoint: "Nobody" }])).slice(0, 2), [400, 10144]);
});

test("Workers that call each other without end are stopped", async () => {
  const code = `export default { async fetch(request, env) {
    const depth = Number(request.headers.get("depth") ?? 0) + 1;
    try { return await env.SELF.fetch(request.url, { headers: { depth } }); }
    catch (error) { return new Response(depth + " " + error.message); }
  } }`;
  await server.deploy({ name: "mirror", code, services: [{ name: "SELF", service: "mirror" }] });
  assert.match(await text("mirror"), /^33 Subrequest depth limit exceeded. This request recursed through Workers too many times\./);
});

test("objects that call each other without end are stopped, by fetch and by RPC, with Workers in between or not", async () => {
  const code = `
    import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
    const said = (depth, error) => depth + " " + error.message;
    export class Hall extends DurableObject {
      other(depth, alone) { return this.env.HALL.getByName(alone ? "one" : "room " + depth); }
      async ask(depth, how) {
        const pause = () => new Promise((done) => setTimeout(done, 1));
        try {
          if (how === "alone") await pause();
          if (how === "pausing") { await this.ctx.storage.put("depth", depth); await pause(); }
          if (how === "through a Worker") return await this.env.SELF.pass(depth + 1, how);
          return await this.other(depth, how === "alone").ask(depth + 1, how);
        } catch (error) { return said(depth, error); }
      }
      async fetch(request) {
        const depth = Number(request.headers.get("depth")) + 1;
        try { return await this.other(depth).fetch(request.url, { headers: { depth } }); }
        catch (error) { return new Response(said(depth, error)); }
      }
    }
    export class Door extends WorkerEntrypoint {
      async pass(depth, how) { return await this.env.HALL.getByName("room " + depth).ask(depth, how); }
    }
    export default { async fetch(request, env) {
      const how = decodeURIComponent(new URL(request.url).pathname.slice(1));
      if (how === "fetch") return await env.HALL.getByName("one").fetch(request);
      return new Response(await env.HALL.getByName("one").ask(1, how));
    } }`;
  await server.deploy({ name: "echo", code, classes: [["HALL", "Hall"]], services: [{ name: "SELF", service: "echo", entrypoint: "Door" }], compatibilityDate: "2026-03-01" });
  const tooDeep = "Subrequest depth limit exceeded. This request recursed through Workers too many times. This can happen e.g. if you have a Worker or Durable Object that calls other Workers or objects recursively.";
  for (const how of ["fetch", "at once", "pausing", "alone", "through a Worker"]) assert.equal(await text("echo", `/${encodeURIComponent(how)}`), `15 ${tooDeep}`, how);
  // What one event came from says nothing of others: shallow calls go on beside a deep one.
  assert.deepEqual(await Promise.all(Array.from({ length: 8 }, () => text("echo", "/alone"))), Array(8).fill(`15 ${tooDeep}`));
});

test("an object of another script calls back through a binding", async () => {
  await server.deploy({ name: "yard", classes: [["DOCK", "Dock"]], code: `
    import { DurableObject } from "cloudflare:workers";
    export class Dock extends DurableObject {
      async ask(service) { await this.ctx.storage.put("asked", true); return [await service.hello("dock"), await this.ctx.storage.get("asked")]; }
    }
    export default { fetch: () => new Response("yard") };` });
  await server.deploy({ name: "visitor", services: [{ name: "GREETER", service: "back", entrypoint: "Greeter", props: { greeting: "Hail" } }],
                        code: `export default { async fetch(request, env) {
                          const all = [];
                          for (let i = 0; i < 8; i++) all.push(await env.DOCK.get(env.DOCK.idFromName(String(i))).ask(env.GREETER));
                          return Response.json(all);
                        } }`,
                        metadata: { bindings: [{ type: "service", name: "GREETER", service: "back", entrypoint: "Greeter", props: { greeting: "Hail" } },
                                               { type: "durable_object_namespace", name: "DOCK", class_name: "Dock", script_name: "yard" }] } });
  assert.deepEqual(JSON.parse(await text("visitor")), Array(8).fill(["Hail dock two", true]));
});

test("static files of a script answer before its code", async () => {
  const { folder } = project({
    "wrangler.jsonc": { name: "filed", main: "a.mjs", compatibility_date: "2026-03-01", assets: { directory: "public" } },
    "a.mjs": `export default { fetch: () => new Response("code") };`, "public/page.txt": "file",
  });
  const published = await limpet(["publish", "--server", server.admin, "--token", server.token], { cwd: folder });
  assert.equal(published.code, 0, published.stderr);
  await server.deploy({ name: "reader", code: kFront, services: [{ name: "BACK", service: "filed" }] });
  assert.deepEqual([await text("reader", "/page.txt"), await text("reader", "/other")], ["file", "code"]);
});

test("limpet publish sends services; limpet dev says which one is not there", async () => {
  const folder = temporaryFolder("services");
  const config = `name = "sender"\nmain = "a.mjs"\ncompatibility_date = "2026-03-01"
services = [{ binding = "BACK", service = "back" }, { binding = "GREETER", service = "back", entrypoint = "Greeter", props = { greeting = "Oi" } }]\n`;
  writeFileSync(join(folder, "wrangler.toml"), config);
  writeFileSync(join(folder, "a.mjs"), kFront);
  const published = await limpet(["publish", "--server", server.admin, "--token", server.token], { cwd: folder });
  assert.equal(published.code, 0, published.stderr);
  assert.deepEqual([await text("sender"), await text("sender", "/hello")], ["back two", "Oi you two"]);

  const dev = run(kLimpet, ["dev", "--listen", "127.0.0.1:0"], { cwd: folder });
  try {
    const port = await until("the address", () => dev.stdout.match(/:(\d+)/)?.[1]);
    const get = (path) => request(`http://127.0.0.1:${port}${path}`);
    const missing = `Worker "back" not found. Make sure it is running locally.`;
    const answer = await get("/");
    assert.deepEqual([answer.status, answer.body], [503, missing]);
    assert.equal((await get("/hello")).body, `Error: ${missing}`);
  } finally {
    dev.child.kill("SIGTERM");
    await dev.exited;
  }
});

for (const version of Object.keys(kWranglers)) {
  test(`wrangler ${version}: services`, async () => {
    const suffix = version.replace(".", "-");
    const { folder } = project({
      "back/wrangler.jsonc": { name: `w-back-${suffix}`, main: "a.js", compatibility_date: "2026-03-01" }, "back/a.js": back("wrangled"),
      "front/wrangler.jsonc": {
        name: `w-front-${suffix}`, main: "a.js", compatibility_date: "2026-03-01",
        services: [{ binding: "BACK", service: `w-back-${suffix}` }, { binding: "GREETER", service: `w-back-${suffix}`, entrypoint: "Greeter", props: { greeting: "Hi" } }],
      },
      "front/a.js": kFront,
    });
    const early = await wrangler(server, version, ["deploy"], { cwd: join(folder, "front") });
    assert.match(early.text, /Could not resolve service binding 'BACK'\. Target script .*\[code: 10143\]/s);
    for (const part of ["back", "front"]) {
      const deployed = await wrangler(server, version, ["deploy"], { cwd: join(folder, part) });
      assert.equal(deployed.code, 0, deployed.text);
    }
    const [fetched, called] = [await text(`w-front-${suffix}`), await text(`w-front-${suffix}`, "/hello")];
    // 3.x knows no props.
    assert.deepEqual([fetched, called.replace(/^(Hi|Hello) /, "")], ["back wrangled", "you wrangled"]);
    if (version === "4.164") assert.equal(called, "Hi you wrangled");
    const deleted = await wrangler(server, version, ["delete"], { cwd: join(folder, "back") });
    assert.match(deleted.text, new RegExp(`Worker w-front-${suffix} \\(production\\) uses this Worker as a Service Binding`));
  });
}

test("objects of another script, bound by script_name: wrangler, the tool, an environment", async () => {
  const owner = (name) => ({
    "wrangler.jsonc": {
      name, main: "a.js", compatibility_date: "2026-03-01", durable_objects: { bindings: [{ name: "OWN", class_name: "Count" }] },
      migrations: [{ tag: "v1", new_sqlite_classes: ["Count"] }],
      env: { staging: { durable_objects: { bindings: [{ name: "OWN", class_name: "Count" }] } } },
    },
    "a.js": `
      import { DurableObject } from "cloudflare:workers";
      export class Count extends DurableObject {
        async next() { const n = ((await this.ctx.storage.get("n")) ?? 0) + 1; await this.ctx.storage.put("n", n); return n; }
      }
      export default { fetch: async (request, env) => new Response(await env.OWN.get(env.OWN.idFromName("a")).next()) };`,
  });
  const user = (name, binding) => ({
    "wrangler.jsonc": { name, main: "a.js", compatibility_date: "2026-03-01", durable_objects: { bindings: [{ name: "THEIRS", class_name: "Count", ...binding }] } },
    "a.js": `export default { fetch: async (request, env) => new Response(await env.THEIRS.get(env.THEIRS.idFromName("a")).next()) };`,
  });
  const deploy = async (files, ...args) => {
    const result = await wrangler(server, "4.164", ["deploy", ...args], { cwd: project(files).folder });
    assert.equal(result.code, 0, result.text);
  };
  const early = await wrangler(server, "4.164", ["deploy"], { cwd: project(user("too-early", { script_name: "owner" })).folder });
  assert.match(early.text, /script 'owner' that does not exist.*\[code: 10061\]/s);
  await deploy(owner("owner"));
  await deploy(owner("owner"), "--env", "staging");
  await deploy(user("by-wrangler", { script_name: "owner" }));
  const published = await limpet(["publish", "--server", server.admin, "--token", server.token], { cwd: project(user("by-tool", { script_name: "owner", environment: "staging" })).folder });
  assert.equal(published.code, 0, published.stderr);
  // One object, whoever asks; the environment's is another one.
  assert.deepEqual([await text("owner"), await text("by-wrangler"), await text("owner")], ["1", "2", "3"]);
  assert.deepEqual([await text("owner-staging"), await text("by-tool")], ["1", "2"]);
});

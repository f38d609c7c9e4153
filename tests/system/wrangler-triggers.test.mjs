// The published wranglers, unmodified, with what stands beside the code: static files, routes and custom domains, crons, and
// classes that are declared or move to another Worker.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { api, request, startLimpet } from "./lib.mjs";
import { kWranglers, project, wrangler } from "./wrangler.mjs";

let server;
before(async () => (server = await startLimpet()));
after(() => server?.stop());

async function succeed(version, args, options) {
  const result = await wrangler(server, version, args, options);
  assert.equal(result.code, 0, `wrangler ${version} ${args.join(" ")}\n${result.text}\n${server.running.stderr}`);
  return result;
}
const kDate = "2026-03-01";
const at = (host, path = "/") => request(`http://127.0.0.1:${server.port}${path}`, { host });
const nameOf = (what, version) => `${what}-${version.replace(".", "-")}`;

for (const version of Object.keys(kWranglers)) {
  test(`wrangler ${version}: static files, some new, some known, some gone`, async () => {
    const name = nameOf("files", version);
    const { folder, write } = project({
      "wrangler.json": { name, main: "index.js", compatibility_date: kDate, assets: { directory: "public", binding: "ASSETS", not_found_handling: "404-page" } },
      "index.js": `export default { fetch(request, env) {
        const url = new URL(request.url);
        if (url.pathname.startsWith("/api")) return new Response("from code");
        return env.ASSETS.fetch(request);
      } }`,
      "public/index.html": `home of ${name}`, "public/404.html": `nothing in ${name}`, "public/same.txt": `the same in ${name}`, "public/old.txt": `old in ${name}`,
      "public/_headers": "/same.txt\n  X-Tide: high\n", "public/_redirects": "/away /same.txt 302\n", "public/.assetsignore": "secret.txt\n", "public/secret.txt": "no",
    });
    const first = await succeed(version, ["deploy"], { cwd: folder });
    assert.match(first.text, /Success! Uploaded 4 files/);
    assert.equal((await server.fetch(name)).body, `home of ${name}`);
    const same = await server.fetch(name, "/same.txt");
    assert.deepEqual([same.body, same.headers["x-tide"]], [`the same in ${name}`, "high"]);
    assert.equal((await server.fetch(name, "/away")).headers.location, "/same.txt");
    assert.equal((await server.fetch(name, "/api/x")).body, "from code");
    const missing = await server.fetch(name, "/secret.txt");
    assert.deepEqual([missing.status, missing.body], [404, `nothing in ${name}`]);

    write("public/index.html", `another home of ${name}`);
    write("public/old.txt", `newer in ${name}`);
    const second = await succeed(version, ["deploy"], { cwd: folder });
    assert.match(second.text, /Success! Uploaded 2 files \(2 already uploaded\)/);
    assert.equal((await server.fetch(name)).body, `another home of ${name}`);
    assert.equal((await server.fetch(name, "/same.txt")).body, `the same in ${name}`);
    if (version !== "4.164") return;
    // Without code at all.
    write("wrangler.json", { name, compatibility_date: kDate, assets: { directory: "public" } });
    await succeed(version, ["deploy"], { cwd: folder });
    assert.equal((await server.fetch(name)).body, `another home of ${name}`);
  });

  test(`wrangler ${version}: routes and custom domains, put, changed, taken away`, async () => {
    const name = nameOf("roads", version), zone = `v${version.replace(".", "")}.example.com`;
    const { folder, write } = project({ "index.js": `export default { fetch: () => new Response("${name}") }` });
    const set = (routes) => write("wrangler.json", { name, main: "index.js", compatibility_date: kDate, ...(routes ? { routes } : {}) });
    set([{ pattern: `api.${zone}/v1/*`, zone_name: zone }, { pattern: `shop.${zone}`, custom_domain: true }]);
    const first = await succeed(version, ["deploy"], { cwd: folder });
    assert.match(first.text, new RegExp(`api\\.${zone}/v1/\\*`));
    assert.match(first.text, new RegExp(`shop\\.${zone}`));
    assert.equal((await at(`api.${zone}`, "/v1/x")).body, name);
    assert.equal((await at(`api.${zone}`, "/v2/x")).status, 404);
    assert.equal((await at(`shop.${zone}`)).body, name);
    set([{ pattern: `api.${zone}/v2/*`, zone_name: zone }]);
    await succeed(version, ["triggers", "deploy"], { cwd: folder });
    assert.equal((await at(`api.${zone}`, "/v2/x")).body, name);
    assert.equal((await at(`api.${zone}`, "/v1/x")).status, 404);
    // Another Worker can't have what this one has.
    const other = project({
      "wrangler.json": { name: `${name}-too`, main: "index.js", compatibility_date: kDate, routes: [{ pattern: `api.${zone}/v2/*`, zone_name: zone }] },
      "index.js": `export default { fetch: () => new Response("other") }`,
    });
    const refused = await wrangler(server, version, ["deploy"], { cwd: other.folder });
    assert.equal(refused.code, 1, refused.text);
    assert.match(refused.text, new RegExp(`${name}`));
    assert.equal((await at(`api.${zone}`, "/v2/x")).body, name);
  });

  test(`wrangler ${version}: crons, put, refused, changed, taken away`, async () => {
    const name = nameOf("crons", version);
    const { folder, write } = project({ "index.js": `export default { scheduled() {}, fetch: () => new Response("${name}") }` });
    const set = (triggers) => write("wrangler.json", { name, main: "index.js", compatibility_date: kDate, ...triggers });
    const crons = async () => (await api(server, "GET", `/workers/scripts/${name}/schedules`)).json.result.schedules.map(({ cron }) => cron);
    set({ triggers: { crons: ["*/30 * * * *", "0 17 * * SUN"] } });
    const first = await succeed(version, ["deploy"], { cwd: folder });
    assert.match(first.text, /schedule: 0 17 \* \* SUN/);
    assert.deepEqual(await crons(), ["*/30 * * * *", "0 17 * * SUN"]);
    set({ triggers: { crons: ["0 0 * * 0"] } });
    const refused = await wrangler(server, version, ["triggers", "deploy"], { cwd: folder });
    assert.equal(refused.code, 1, refused.text);
    assert.match(refused.text, /invalid cron string/);
    assert.match(refused.text, /10100/);
    assert.deepEqual(await crons(), ["*/30 * * * *", "0 17 * * SUN"]);
    if (version === "4.164") {
      set({});
      await succeed(version, ["deploy"], { cwd: folder });
      assert.equal((await crons()).length, 2);
    }
    set({ triggers: { crons: [] } });
    await succeed(version, ["triggers", "deploy"], { cwd: folder });
    assert.deepEqual(await crons(), []);
  });

  test(`wrangler ${version}: a class moves to another Worker, with its objects`, async () => {
    const from = nameOf("giver", version), to = nameOf("taker", version);
    const code = (exported) => `
      ${exported ? "export" : ""} class Counter {
        constructor(ctx) { this.ctx = ctx; }
        async fetch() { const n = (await this.ctx.storage.get("n") ?? 0) + 1; await this.ctx.storage.put("n", n); return new Response(String(n)); }
      }
      export default { fetch: (request, env) => env.C ? env.C.get(env.C.idFromName("a")).fetch(request) : new Response("none") }`;
    const bound = { bindings: [{ name: "C", class_name: "Counter" }] };
    const giver = project({
      "wrangler.json": { name: from, main: "index.js", compatibility_date: kDate, durable_objects: bound, migrations: [{ tag: "v1", new_classes: ["Counter"] }] },
      "index.js": code(true),
    });
    await succeed(version, ["deploy"], { cwd: giver.folder });
    assert.equal((await server.fetch(from)).body, "1");
    const taker = project({
      "wrangler.json": { name: to, main: "index.js", compatibility_date: kDate, durable_objects: bound,
                         migrations: [{ tag: "v1", transferred_classes: [{ from: "Counter", from_script: from, to: "Counter" }] }] },
      "index.js": code(true),
    });
    await succeed(version, ["deploy"], { cwd: taker.folder });
    assert.equal((await server.fetch(to)).body, "2");
    // The giver goes on without it.
    giver.write("wrangler.json", { name: from, main: "index.js", compatibility_date: kDate, migrations: [{ tag: "v1", new_classes: ["Counter"] }] });
    giver.write("index.js", code(false));
    await succeed(version, ["deploy"], { cwd: giver.folder });
    assert.equal((await server.fetch(from)).body, "none");
    assert.equal((await server.fetch(to)).body, "3");
  });
}

// Of these only the newest knows declared classes.
test("wrangler 4.164: declared classes, made, renamed, handed over, destroyed", async () => {
  const code = (...classes) => `import { DurableObject } from "cloudflare:workers";
    ${classes.map((name) => `export class ${name} extends DurableObject {
      fetch() { const n = (this.ctx.storage.kv.get("n") ?? 0) + 1; this.ctx.storage.kv.put("n", n); return new Response(String(n)); }
    }`).join("\n")}
    export default { fetch: (request, env) => env.C ? env.C.get(env.C.idFromName("a")).fetch(request) : new Response("none") }`;
  const { folder, write } = project({});
  const set = (name, exported, exports, class_name) => {
    write("index.js", code(...exported));
    write("wrangler.json", { name, main: "index.js", compatibility_date: kDate, exports, ...(class_name ? { durable_objects: { bindings: [{ name: "C", class_name }] } } : {}) });
  };
  const live = { type: "durable-object", storage: "sqlite" };
  const deploy = () => succeed("4.164", ["deploy"], { cwd: folder });
  set("declared", ["One"], { One: live }, "One");
  await deploy();
  assert.equal((await server.fetch("declared")).body, "1");
  set("declared", ["Two"], { One: { type: "durable-object", state: "renamed", renamed_to: "Two" }, Two: live }, "Two");
  await deploy();
  assert.equal((await server.fetch("declared")).body, "2");
  set("declared", ["Two"], { Two: { type: "durable-object", storage: "legacy-kv" } }, "Two");
  const refused = await wrangler(server, "4.164", ["deploy"], { cwd: folder });
  assert.equal(refused.code, 1, refused.text);
  assert.match(refused.text, /exports reconciliation failed[^]*storage_type_mismatch/);
  assert.equal((await server.fetch("declared")).body, "3");
  set("declared", [], { Two: { type: "durable-object", state: "deleted" } });
  await deploy();
  assert.equal((await server.fetch("declared")).body, "none");
});

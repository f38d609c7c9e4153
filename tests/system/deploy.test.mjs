// Deploys while requests run, migrations over REST, restarts.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import http from "node:http";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { limpet, request, startLimpet, temporaryFolder, tryDeploy, until } from "./lib.mjs";
import { counters, kHello } from "./scripts.mjs";

let server;
before(async () => { server = await startLimpet(); });
after(() => server?.stop());

test("a deploy under load fails no request, and objects roll over with their counts", async () => {
  const kObjects = 20;
  const kClients = 8;
  const script = { name: "rolling", classes: ["Counter"] };
  await server.deploy({ ...script, code: counters(1) });
  const agent = new http.Agent({ keepAlive: true });
  const acknowledged = new Array(kObjects).fill(0);
  const failures = [];
  const versions = new Set();
  let stop = false;
  const client = async (seed) => {
    for (let turn = seed; !stop; turn++) {
      const name = turn % kObjects;
      const answer = await server.fetch("rolling", `/increment?name=${name}`, { agent }).catch((error) => ({ status: 0, body: error.message }));
      if (answer.status === 200) {
        acknowledged[name]++;
        versions.add(JSON.parse(answer.body).version);
      } else {
        failures.push(`${answer.status} ${answer.body.slice(0, 200)}`);
      }
    }
  };
  const clients = Array.from({ length: kClients }, (_, index) => client(index * 3));
  for (let version = 2; version <= 5; version++) {
    await server.deploy({ ...script, newClasses: [], code: counters(version) });
    await until(`version ${version} to answer`, () => versions.has(version));
  }
  stop = true;
  await Promise.all(clients);
  agent.destroy();
  assert.deepEqual(failures, []);
  for (let name = 0; name < kObjects; name++) {
    const { count, version } = JSON.parse((await server.fetch("rolling", `/value?name=${name}`)).body);
    assert.equal(count, acknowledged[name]);
    assert.equal(version, 5);
  }
});

test("the first request after a deploy meets the new version and fresh memory", async () => {
  const script = { name: "fresh", classes: ["Counter"] };
  await server.deploy({ ...script, code: counters("one") });
  await server.fetch("fresh", "/increment");
  assert.equal(JSON.parse((await server.fetch("fresh", "/increment")).body).wasInitialized, true);
  await server.deploy({ ...script, newClasses: [], code: counters("two") });
  assert.deepEqual(JSON.parse((await server.fetch("fresh", "/value")).body), { count: 2, wasInitialized: false, version: "two" });
});

test("a request that runs during a deploy ends on its old version", async () => {
  const slow = (text) => `export default { async fetch(request) {
    if (new URL(request.url).pathname === "/slow") await new Promise((done) => setTimeout(done, 500));
    return new Response("${text}");
  } };`;
  await server.deploy({ name: "slow", code: slow("old") });
  assert.equal((await server.fetch("slow", "/")).body, "old");
  const before = await server.metric("limpet_http_requests_total");
  const running = server.fetch("slow", "/slow");
  await until("it to run", async () => (await server.metric("limpet_http_requests_total")) === before + 1);
  await server.deploy({ name: "slow", code: slow("new") });
  assert.equal((await server.fetch("slow", "/")).body, "new");
  assert.equal((await running).body, "old");
});

test("deploys that come fast end no request that is about to answer", async () => {
  const slow = (version) => `export default { async fetch(request) {
    if (new URL(request.url).pathname === "/slow") await new Promise((done) => setTimeout(done, 700));
    return new Response("${version}");
  } };`;
  await server.deploy({ name: "fast", code: slow(1) });
  assert.equal((await server.fetch("fast")).body, "1");
  const before = await server.metric("limpet_http_requests_total");
  const running = server.fetch("fast", "/slow");
  await until("it to run", async () => (await server.metric("limpet_http_requests_total")) === before + 1);
  for (const version of [2, 3]) await server.deploy({ name: "fast", code: slow(version) });
  assert.equal((await running).body, "1");
});

test("two versions live at most: what hangs in the first is ended when the third comes", { timeout: 300_000 }, async () => {
  const hanging = (version) => `
    const forever = () => new Promise((done) => setTimeout(done, 3_600_000));
    export default { async fetch(request) {
      if (new URL(request.url).pathname === "/hang") await forever();
      return new Response("${version}");
    } };
    export class Hang {
      hanging = 0;
      async fetch(request) {
        const path = new URL(request.url).pathname;
        if (path === "/hang") await forever(this.hanging++);
        return new Response(path === "/hanging" ? String(this.hanging) : "${version}");
      }
    }`;
  // Calls the object from a script of its own, which lives on.
  const caller = `export default { async fetch(request, env) {
    try {
      return await env.Hang.get(env.Hang.idFromName("x")).fetch(request);
    } catch (error) {
      return Response.json({ message: error.message, reset: error.durableObjectReset, retryable: error.retryable });
    }
  } };`;
  const script = { name: "three", classes: ["Hang"] };
  await server.deploy({ ...script, code: hanging(1) });
  await server.deploy({ name: "caller", code: caller, bindings: [{ type: "durable_object_namespace", name: "Hang", class_name: "Hang", script_name: "three" }] });
  const ended = [];
  const before = { requests: await server.metric("limpet_http_requests_total"), starts: await server.metric("limpet_object_starts_total") };
  const hangs = [server.fetch("three", "/hang"), server.fetch("caller", "/hang")];
  for (const hang of hangs) hang.then((answer) => ended.push(answer));
  await until("both to run", async () => (await server.metric("limpet_http_requests_total")) === before.requests + 2 &&
                                         (await server.metric("limpet_object_starts_total")) === before.starts + 1);
  await until("the object to hang", async () => (await server.fetch("caller", "/hanging")).body === "1");
  await server.deploy({ ...script, newClasses: [], code: hanging(2) });
  assert.equal((await server.fetch("three")).body, "2");
  assert.deepEqual(ended, [], "the version before the deployed one lives");
  await server.deploy({ ...script, newClasses: [], code: hanging(3) });
  const [request, object] = await Promise.all(hangs);
  assert.equal(request.status, 503);
  assert.equal(request.headers["retry-after"], "1");
  assert.deepEqual(JSON.parse(object.body), { message: "Durable Object reset because its code was updated.", reset: true, retryable: true });
  assert.equal((await server.fetch("three")).body, "3");
  assert.equal((await server.fetch("caller")).body, "3");
});

test("a refused deploy changes nothing", async () => {
  await server.deploy({ name: "kept", code: kHello });
  const broken = [
    { code: "export default {", why: /SyntaxError|Unexpected/ },
    { code: "throw new Error('at start');", why: /at start/ },
    { code: `import "./missing.mjs"; export default {};`, why: /missing\.mjs/ },
    { code: kHello, classes: ["Absent"], why: /Absent/ },
    { code: "for (;;) {}", why: /CPU|time|start/i },
  ];
  for (const { why, ...script } of broken) {
    const answer = await tryDeploy(server, { name: "kept", ...script });
    assert.equal(answer.json?.success, false, script.code);
    assert.match(answer.json.errors[0].message, why);
    assert.equal(typeof answer.json.errors[0].code, "number");
    assert.equal((await server.fetch("kept")).body, "hello");
  }
});

test("migrations are refused with their codes when they must be", async () => {
  const script = { name: "migrating", classes: ["Counter"], code: counters() };
  await server.deploy(script);
  const again = await tryDeploy(server, script);
  assert.equal(again.json.errors[0].code, 10074);
  const withoutMigration = await tryDeploy(server, { name: "unmigrated", classes: ["Counter"], newClasses: [], code: counters() });
  assert.equal(withoutMigration.json.success, false);
  const dropped = await tryDeploy(server, { ...script, classes: [], newClasses: [], code: kHello });
  assert.equal(dropped.json.success, false, "a class that has objects can't just vanish");
});

test("the API wants its token", async () => {
  const answer = await request(`${server.admin}/client/v4/accounts/local/workers/scripts`, { headers: { authorization: "Bearer wrong" } });
  assert.equal(answer.status, 403);
  assert.ok([10000, 9109].includes(JSON.parse(answer.body).errors[0].code));
});

test("an unknown host is a 404, an unknown route of the API is code 7003", async () => {
  assert.equal((await server.fetch("nobody")).status, 404);
  const answer = await request(`${server.admin}/client/v4/no/such/route`, { headers: { authorization: `Bearer ${server.token}` } });
  assert.equal(answer.status, 404);
  assert.equal(JSON.parse(answer.body).errors[0].code, 7003);
});

test("scripts and data are there again after an orderly restart", async () => {
  await server.deploy({ name: "lasting", classes: ["Counter"], code: counters() });
  await server.fetch("lasting", "/increment?name=x");
  const { code } = await server.stop();
  assert.equal(code, 0);
  server = await startLimpet({ dataDir: server.dataDir });
  assert.equal(JSON.parse((await server.fetch("lasting", "/value?name=x")).body).count, 1);
});

test("SIGTERM lets running requests end", async () => {
  await server.deploy({ name: "draining", code: `export default { async fetch(r) { if (new URL(r.url).pathname === "/slow") await new Promise((d) => setTimeout(d, 400)); return new Response("done"); } };` });
  assert.equal((await server.fetch("draining")).body, "done");
  const before = await server.metric("limpet_http_requests_total");
  const running = server.fetch("draining", "/slow");
  await until("it to run", async () => (await server.metric("limpet_http_requests_total")) === before + 1);
  const stopped = server.stop();
  assert.equal((await running).body, "done");
  assert.equal((await stopped).code, 0);
  server = await startLimpet({ dataDir: server.dataDir });
});

test("a deploy says how long the script's start took", async () => {
  const quick = await server.deploy({ name: "quick-start", code: kHello });
  assert.ok(quick.startup_time_ms >= 1, String(quick.startup_time_ms));
  const slow = await server.deploy({ name: "slow-start", code: `let n = 0; for (let i = 0; i < 1e8; i++) n += i % 7;\n${kHello}` });
  assert.ok(slow.startup_time_ms >= 20, String(slow.startup_time_ms));
  const stuck = await tryDeploy(server, { name: "stuck-start", code: `for (;;) {}\n${kHello}` });
  assert.equal(stuck.json.errors[0].code, 10021);
  assert.match(stuck.json.errors[0].message, /startup exceeded CPU time limit/);
});

test("a script answers on NAME.SUBDOMAIN.workers.dev and on its custom domains, also after a restart", async () => {
  const folder = temporaryFolder("limpet-domains");
  const say = (name, routes) => {
    writeFileSync(join(folder, "wrangler.toml"), `name = "${name}"\nmain = "a.mjs"\nroutes = [${routes}]\n`);
    writeFileSync(join(folder, "a.mjs"), `export default { fetch: () => new Response("${name}") };`);
    return limpet(["publish"], { cwd: folder, env: own.env });
  };
  const domain = (pattern) => `{ pattern = "${pattern}", custom_domain = true }`;
  let own = await startLimpet({ dataDir: join(folder, "data") });
  const on = async (host) => (await request(own.url, { host })).body;
  const shop = await say("shop", `"example.net/*", ${domain("Shop.example.com")}, ${domain("www.shop.example.com")}`);
  assert.equal(shop.code, 0, shop.stderr);
  const taken = await say("thief", domain("shop.example.com"));
  assert.equal(taken.code, 1);
  assert.match(taken.stderr, /"shop\.example\.com" belongs to the Worker "shop"/);
  for (const host of ["shop.local.workers.dev", "shop.anyone.workers.dev", "shop.example.com", "SHOP.EXAMPLE.COM:80", "www.shop.example.com"]) {
    assert.equal(await on(host), "shop", host);
  }
  assert.equal(await on("example.net"), "shop");
  for (const host of ["example.com", "a.shop.example.com", "www.example.net"]) assert.match(await on(host), /^No Worker answers/, host);
  await own.stop();
  own = await startLimpet({ dataDir: join(folder, "data") });
  assert.equal(await on("shop.example.com"), "shop");
  assert.equal((await say("shop", "")).code, 0);
  assert.match(await on("shop.example.com"), /^No Worker answers/);
  assert.equal((await say("thief", domain("shop.example.com"))).code, 0);
  assert.equal(await on("shop.example.com"), "thief");
  await own.remove("thief");
  assert.match(await on("shop.example.com"), /^No Worker answers/);
  const wrong = await say("shop", domain("shop.example.com/path"));
  assert.match(wrong.stderr, /no host name that a custom domain can have/);
  await own.stop();
});

test("routes: the most specific one answers, the same one has one owner, workers_dev = false takes NAME.localhost away", async () => {
  const folder = temporaryFolder("limpet-routes");
  const publish = (name, rest) => {
    writeFileSync(join(folder, "wrangler.toml"), `name = "${name}"\nmain = "a.mjs"\n${rest}\n`);
    writeFileSync(join(folder, "a.mjs"), `export default { fetch: () => new Response("${name}") };`);
    return limpet(["publish"], { cwd: folder, env: server.env });
  };
  const on = async (host, path = "/") => (await request(server.url + path, { host })).body;
  const wide = await publish("wide", `routes = ["*.routed.org/*", { pattern = "routed.org/*", zone_name = "routed.org" }]\nworkers_dev = false`);
  assert.equal(wide.code, 0, wide.stderr);
  assert.deepEqual(wide.stdout.trim().split("\n"), ["*.routed.org/*", "routed.org/*"]);
  const narrow = await publish("narrow", `route = "www.routed.org/api/*"`);
  assert.equal(narrow.code, 0, narrow.stderr);
  assert.equal(await on("routed.org"), "wide");
  assert.equal(await on("any.routed.org", "/x?y"), "wide");
  assert.equal(await on("www.routed.org", "/api/x"), "narrow");
  assert.equal(await on("www.routed.org", "/api"), "wide");
  assert.equal(await on("narrow.localhost"), "narrow");
  for (const host of ["wide.localhost", "wide.me.workers.dev"]) assert.match(await on(host), /^No Worker answers/);
  const taken = await publish("thief", `route = "routed.org/*"`);
  assert.equal(taken.code, 1);
  assert.match(taken.stderr, /The route "routed\.org\/\*" belongs to the Worker "wide"/);
  assert.match((await publish("thief", `route = "routed.org/*.jpg"`)).stderr, /Invalid route pattern .* can only be its end/);
  assert.equal((await publish("wide", `routes = []`)).code, 0);
  assert.match(await on("routed.org"), /^No Worker answers/);
  assert.equal(await on("wide.localhost"), "wide");
});

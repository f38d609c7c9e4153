// `limpet serve` as an operator meets it: flags, signals, the launcher and its core.
import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { corePid, limpet, request, startLimpet, until } from "./lib.mjs";
import { counters, kHello } from "./scripts.mjs";

const kSlow = `export default { async fetch() { await new Promise((done) => setTimeout(done, 800)); return new Response("slow"); } };`;
const lives = (pid) => { try { process.kill(pid, 0); return true; } catch { return false; } };

test("--help explains, a wrong flag is wrong usage by name", async () => {
  const help = await limpet(["serve", "--help"]);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /--data-dir DIR/);
  const wrong = await limpet(["serve", "--shards", "none"]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /--shards/);
});

test("an admin address that others reach needs a flag", async () => {
  const refused = await limpet(["serve", "--admin-listen", "0.0.0.0:0", "--listen", "127.0.0.1:0"]);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /--allow-remote-admin/);
});

test("foreign code in NODE_OPTIONS is not run", async () => {
  const shown = await limpet(["--version"], { env: { NODE_OPTIONS: "--require=/no/such/file.js" } });
  assert.equal(shown.code, 0, shown.stderr);
});

test("SIGTERM lets a running request end and takes no new one", async () => {
  const server = await startLimpet();
  await server.deploy({ name: "slow", code: kSlow });
  await server.deploy({ name: "hello", code: kHello });
  const running = server.fetch("slow");
  await until("the request to run", async () => /limpet_http_requests_total\{shard="\d"\} 1/.test((await request(`${server.admin}/metrics`)).body));
  const stopped = server.stop();
  await until("new connections to be refused", async () => server.fetch("hello").then(() => false, () => true));
  assert.equal((await running).body, "slow");
  assert.equal((await stopped).code, 0);
  assert.equal(server.running.stdout.trim().split("\n").length, 1, "one line on standard output");
});

test("a first start has nothing to warn of", async () => {
  const server = await startLimpet();
  assert.equal((await server.stop()).code, 0);
  assert.doesNotMatch(server.running.stderr, /warn|error/i);
});

test("the log has what Workers did not catch, and with --log-workers all their console", async () => {
  const code = `export default { async fetch(request) {
    console.log("asked for " + new URL(request.url).pathname);
    if (request.url.endsWith("/bad")) throw new TypeError("out of beans");
    return new Response("ok");
  } };`;
  const server = await startLimpet();
  await server.deploy({ name: "shop", code });
  assert.equal((await server.fetch("shop", "/bad")).status, 500);
  await until("the exception in the log", () => /error +worker: shop: .*TypeError: out of beans\n +at .*index\.mjs:3/.test(server.running.stderr));
  await server.stop();
  assert.doesNotMatch(server.running.stderr, /asked for/);
  const chatty = await startLimpet({ dataDir: server.dataDir, flags: ["--log-workers=all"] });
  assert.equal((await chatty.fetch("shop", "/good")).body, "ok");
  await until("the console in the log", () => /info +worker: shop: asked for \/good/.test(chatty.running.stderr));
  await chatty.stop();
});

test("a second SIGTERM ends at once", async () => {
  const server = await startLimpet();
  await server.deploy({ name: "stuck", code: kSlow.replace("800", "3_600_000") });
  const running = server.fetch("stuck").catch(() => "cut");
  await until("the request to run", async () => /limpet_http_requests_total\{shard="\d"\} 1/.test((await request(`${server.admin}/metrics`)).body));
  server.running.child.kill("SIGTERM");
  await until("the first signal to be heard", () => /second signal/.test(server.running.stderr));
  const start = performance.now();
  await server.stop();
  assert.ok(performance.now() - start < 20_000, "long before the request would end");
  assert.equal(await running, "cut");
});

test("SIGHUP replaces the core under load: no connection is refused, no request fails, nothing is lost", { timeout: 300_000 }, async () => {
  const kNames = 10;
  const server = await startLimpet();
  await server.deploy({ name: "busy", classes: ["Counter"], code: counters() });
  const acknowledged = new Array(kNames).fill(0);
  const failures = [];
  let answers = 0;
  let stop = false;
  const client = async (seed, agent) => {
    for (let turn = seed; !stop; turn++) {
      const name = turn % kNames;
      const answer = await server.fetch("busy", `/increment?name=${name}`, { agent }).catch((error) => ({ status: 0, body: error.message }));
      answers++;
      if (answer.status === 200) acknowledged[name]++;
      else failures.push(`${answer.status} ${answer.body.slice(0, 200)}`);
    }
  };
  const keepAlive = new http.Agent({ keepAlive: true });
  const eachItsOwn = new http.Agent({ keepAlive: false });
  const clients = Array.from({ length: 8 }, (_, index) => client(index, index % 2 ? keepAlive : eachItsOwn));
  const cores = [corePid(server.pid)];
  for (let round = 0; round < 2; round++) {
    server.running.child.kill("SIGHUP");
    server.running.child.kill("SIGHUP");  // Asking twice does no harm.
    const core = await until("a new core", () => { const now = corePid(server.pid); return now !== undefined && !cores.includes(now) && now; });
    cores.push(core);
    const before = answers;
    await until("answers of the new core", () => answers > before + 50);
  }
  stop = true;
  await Promise.all(clients);
  keepAlive.destroy();
  assert.deepEqual(failures, []);
  for (let name = 0; name < kNames; name++) {
    assert.equal(JSON.parse((await server.fetch("busy", `/value?name=${name}`)).body).count, acknowledged[name]);
  }
  assert.match(server.running.stderr, /replacing the core/);
  assert.doesNotMatch(server.running.stderr, /the core ended/);
  assert.equal((await server.stop()).code, 0);
});

test("a core that can't start again at once is tried until it can", { timeout: 300_000 }, async () => {
  const server = await startLimpet();
  await server.deploy({ name: "hello", code: kHello });
  const format = join(server.dataDir, "store", "FORMAT");
  renameSync(format, `${format}.away`);
  process.kill(corePid(server.pid), "SIGKILL");
  await until("two refusals", () => server.running.stderr.split("restore the file").length > 2);
  renameSync(`${format}.away`, format);
  assert.equal((await server.fetch("hello")).body, "hello");
  assert.equal((await server.stop()).code, 0);
});

test("SIGTERM while the core is being replaced ends it all in good order", async () => {
  const server = await startLimpet();
  await server.deploy({ name: "slow", code: kSlow });
  const running = server.fetch("slow");
  await until("the request to run", async () => /limpet_http_requests_total\{shard="\d"\} 1/.test(await server.metrics()));
  server.running.child.kill("SIGHUP");
  await until("the core to drain", () => /stopping/.test(server.running.stderr));
  assert.equal((await server.stop()).code, 0);
  assert.equal((await running).body, "slow");
});

test("a service manager that tells the core and its launcher to end lets running requests end", async () => {
  const server = await startLimpet();
  await server.deploy({ name: "slow", code: kSlow });
  const running = server.fetch("slow");
  await until("the request to run", async () => /limpet_http_requests_total\{shard="\d"\} 1/.test(await server.metrics()));
  process.kill(corePid(server.pid), "SIGTERM");
  assert.equal((await server.stop()).code, 0);
  assert.equal((await running).body, "slow");
});

test("the core ends with its launcher", async () => {
  const server = await startLimpet();
  const core = corePid(server.pid);
  await server.stop("SIGKILL");
  await until("the core to end", () => !lives(core));
});

test("an unknown host is told what there is", async () => {
  const server = await startLimpet();
  await server.deploy({ name: "hello", code: kHello });
  const answer = await server.fetch("nobody");
  assert.equal(answer.status, 404);
  assert.match(answer.body, /hello/);
  await server.stop();
});

test("scripts live in UTC, wherever the server stands", async () => {
  const server = await startLimpet({ env: { TZ: "America/New_York" } });
  await server.deploy({ name: "zone", code: `export default { fetch() { return new Response(new Date(0).toString()); } };` });
  assert.match((await server.fetch("zone")).body, /^Thu Jan 01 1970 00:00:00 GMT\+0000/);
  await server.stop();
});

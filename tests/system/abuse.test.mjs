// What scripts, clients and operators do wrong: each meets a clear error, and everyone else keeps being served.
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { kLimpet, request, run, startLimpet, temporaryFolder, tryDeploy, until } from "./lib.mjs";
import { kHello, kHostile } from "./scripts.mjs";

const kCpuLimitSeconds = 30;
let server;
before(async () => {
  server = await startLimpet({ shards: 1 });
  server.running.exited.then((result) => (ended = result));
  await server.deploy({ name: "hostile", code: kHostile });
  await server.deploy({ name: "neighbour", code: kHello });
});
after(() => server?.stop("SIGKILL"));
// The server must outlive all of this; if it doesn't, what it said last is the way to the reason.
let ended;
afterEach(async () => {
  assert.equal(ended, undefined, `limpet serve ended: ${JSON.stringify(ended)}\n${server.running.stderr.slice(-4000)}`);
  const answer = await server.fetch("neighbour");
  assert.equal(answer.body, "hello", "the neighbour answers");
});

// Latencies in ms of a neighbour asked again and again until `work` is done.
async function neighbourDuring(work) {
  const latencies = [];
  let done = false;
  const finished = work.finally(() => (done = true));
  while (!done) {
    const start = performance.now();
    const answer = await server.fetch("neighbour");
    assert.equal(answer.body, "hello");
    latencies.push(performance.now() - start);
  }
  await finished;
  return latencies.sort((a, b) => a - b);
}
const p99 = (sorted) => sorted[Math.floor(sorted.length * 0.99)];

test("an endless loop ends with an error; its neighbour on the same shard keeps answering", { timeout: 300_000 }, async () => {
  let answer;
  const latencies = await neighbourDuring(server.fetch("hostile", "/loop", { timeoutMs: 280_000 }).then((seen) => (answer = seen)));
  assert.ok(answer.status >= 500, `${answer.status}`);
  // The loop is interrupted each 10 ms of its time: so many answers, and none that waits long, whatever else the machine does.
  const whole = latencies.reduce((sum, each) => sum + each, 0);
  assert.ok(latencies.length > 20 * kCpuLimitSeconds, `${latencies.length} answers meanwhile`);
  assert.ok(p99(latencies) < Math.max(100, whole / 100), `p99 ${p99(latencies).toFixed(1)} ms over ${latencies.length} requests in ${whole.toFixed()} ms`);
  assert.equal((await server.fetch("hostile", "/ok")).body, "ok", "the script itself serves again");
});

test("an endless chain of microtasks ends with an error", { timeout: 300_000 }, async () => {
  let answer;
  await neighbourDuring(server.fetch("hostile", "/microtask-loop", { timeoutMs: 280_000 }).then((seen) => (answer = seen)));
  assert.ok(answer.status >= 500);
  assert.equal((await server.fetch("hostile", "/ok")).body, "ok");
});

test("Atomics.wait does not stop the thread", async () => {
  const answer = await server.fetch("hostile", "/atomics-wait", { timeoutMs: 50_000 });
  assert.ok(answer.status >= 500);
});

for (const bomb of ["array", "map", "keys", "string", "array-buffer", "wasm-memory"]) {
  test(`a memory bomb (${bomb}) ends its script alone`, { timeout: 300_000 }, async () => {
    let answer;
    await neighbourDuring(server.fetch("hostile", `/${bomb}`, { timeoutMs: 280_000 }).then((seen) => (answer = seen)));
    assert.ok(answer.status >= 500, `${answer.status} ${answer.body.slice(0, 200)}`);
    const again = await until("the script to serve again", async () => {
      const seen = await server.fetch("hostile", "/ok");
      return seen.status === 200 && seen;
    });
    assert.equal(again.body, "ok");
  });
}

test("one allocation over the limit is an error", async () => {
  assert.ok((await server.fetch("hostile", "/one-allocation")).status >= 500);
  assert.equal((await server.fetch("hostile", "/ok")).body, "ok");
});

test("a text longer than any string is an error", { timeout: 120_000 }, async () => {
  // Base64 of a text of the greatest length; a text that is put together of pieces takes no memory before that.
  await server.deploy({ name: "long", code: `export default { fetch() { try { return new Response(btoa("x".repeat(2 ** 29 - 24)).length); } catch (error) { return new Response(String(error)); } } };` });
  assert.equal((await server.fetch("long", "/", { timeoutMs: 100_000 })).body, "RangeError: String is too long for a V8 string");
});

test("a deep recursion is an error", async () => assert.ok((await server.fetch("hostile", "/recursion")).status >= 500));

test("an unhandled rejection harms nobody", async () => {
  assert.equal((await server.fetch("hostile", "/rejection")).body, "rejected");
  assert.equal((await server.fetch("hostile", "/ok")).body, "ok");
});

test("an exception is a 500 that shows no stack to the client", async () => {
  const answer = await server.fetch("hostile", "/throw");
  assert.equal(answer.status, 500);
  assert.doesNotMatch(answer.body, /index\.mjs/);
});

// Writes raw bytes and resolves with what comes back until the connection closes or `deadlineMs` passes.
function raw(bytes, { deadlineMs = 60_000, port = server.port, repeat = 1, end = true } = {}) {
  return new Promise((done) => {
    const socket = net.connect(port, "127.0.0.1");
    let text = "";
    const finish = () => { clearTimeout(timer); socket.destroy(); done(text); };
    const timer = setTimeout(finish, deadlineMs);
    socket.on("data", (data) => { text += data; if (end && /\r\n\r\n/.test(text)) setTimeout(finish, 50); });
    socket.on("close", finish);
    socket.on("error", finish);
    let left = repeat;
    const write = () => {
      while (left-- > 0) {
        if (!socket.write(bytes)) return socket.once("drain", write);
      }
    };
    socket.on("connect", write);
  });
}

test("a header of 100 MB is refused long before it is read", async () => {
  const first = Buffer.from(`GET / HTTP/1.1\r\nHost: neighbour.localhost\r\nX-Big: `);
  const answer = await new Promise((done) => {
    const socket = net.connect(server.port, "127.0.0.1");
    const block = Buffer.alloc(1 << 20, 0x61);
    let sent = 0;
    let text = "";
    const finish = () => { socket.destroy(); done({ text, sent }); };
    socket.on("data", (data) => (text += data));
    socket.on("close", finish);
    socket.on("error", finish);
    const write = () => {
      while (sent < 100 << 20 && !socket.destroyed) { sent += block.length; if (!socket.write(block)) return socket.once("drain", write); }
    };
    socket.write(first, write);
  });
  assert.ok(answer.text === "" || /^HTTP\/1\.1 4(31|00|13)/.test(answer.text), answer.text.slice(0, 100));
  assert.ok(answer.sent < 100 << 20, `the server took ${answer.sent} bytes`);
});

test("a slow client is sent away and holds up nobody", { timeout: 300_000 }, async () => {
  const socket = net.connect(server.port, "127.0.0.1");
  let closed = false;
  socket.on("close", () => (closed = true));
  socket.on("error", () => {});
  socket.on("data", () => {});
  let sent = 0;
  const drip = setInterval(() => { if (!closed) socket.write("GET / HTTP/1.1\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"[sent++ % 60]); }, 1000);
  try {
    await until("the slow client to be closed", async () => {
      assert.equal((await server.fetch("neighbour")).body, "hello");
      return closed;
    }, 200_000);
  } finally {
    clearInterval(drip);
    socket.destroy();
  }
});

test("a body larger than the limit is a 413", { timeout: 300_000 }, async () => {
  const answer = await raw(`POST /length HTTP/1.1\r\nHost: hostile.localhost\r\nContent-Length: 10000000000\r\n\r\n`);
  assert.match(answer, /^HTTP\/1\.1 413/);
});

test("broken requests are 400", async () => {
  for (const text of ["nonsense\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                      "POST / HTTP/1.1\r\nHost: neighbour.localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
                      "POST / HTTP/1.1\r\nHost: neighbour.localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                      "GET / HTTP/1.1\r\nHost: neighbour.localhost\r\nBad Name: x\r\n\r\n"]) {
    const answer = await raw(text);
    assert.match(answer, /^HTTP\/1\.1 400/, JSON.stringify(text));
  }
});

test("broken UTF-8 in every field is answered", async () => {
  const bad = Buffer.from([0xff, 0xc3, 0x28]);
  const fields = [
    Buffer.concat([Buffer.from("GET /"), bad, Buffer.from(" HTTP/1.1\r\nHost: hostile.localhost\r\n\r\n")]),
    Buffer.concat([Buffer.from("GET /ok?"), bad, Buffer.from(" HTTP/1.1\r\nHost: hostile.localhost\r\n\r\n")]),
    Buffer.concat([Buffer.from("GET /ok HTTP/1.1\r\nHost: hostile.localhost\r\nX-A: "), bad, Buffer.from("\r\n\r\n")]),
    Buffer.concat([Buffer.from("GET /ok HTTP/1.1\r\nHost: "), bad, Buffer.from("\r\n\r\n")]),
    Buffer.concat([Buffer.from("POST /echo HTTP/1.1\r\nHost: hostile.localhost\r\nContent-Length: 3\r\n\r\n"), bad]),
    Buffer.from("GET /ok?q=%ff%c3%28 HTTP/1.1\r\nHost: hostile.localhost\r\n\r\n"),
  ];
  for (const bytes of fields) assert.match(await raw(bytes), /^HTTP\/1\.1 (200|400|404)/, bytes.toString("latin1"));
});

test("modules that can't run are refused at the deploy, with the reason", async () => {
  const refused = [[`export default { fetch( }`, /SyntaxError/], [`export const x = 1;`, /default|handler|export/i], [`throw new RangeError("start");`, /start/]];
  for (const [code, why] of refused) {
    const answer = await tryDeploy(server, { name: "broken", code });
    assert.equal(answer.json?.success, false, code);
    assert.match(answer.json.errors[0].message, why);
  }
});

test("a script can't fetch the admin port", async () => {
  for (const host of ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433"]) {
    const url = `http://${host}:${server.adminPort}/healthz`;
    const answer = await server.fetch("hostile", `/admin?url=${encodeURIComponent(url)}`);
    assert.doesNotMatch(answer.body, /^reached/, url);
  }
});

test("the admin port refuses a foreign Host and a foreign Origin", async () => {
  const path = `${server.admin}/client/v4/accounts/local/workers/scripts`;
  const authorization = `Bearer ${server.token}`;
  const rebound = await request(path, { host: "evil.example", headers: { authorization } });
  assert.ok([400, 403, 421].includes(rebound.status), `${rebound.status}`);
  const foreign = await request(path, { headers: { authorization, origin: "http://evil.example" } });
  assert.equal(foreign.status, 403);
  assert.equal((await request(path, { headers: { authorization } })).status, 200);
});

// Starts a server that must not come up; resolves with { code, stderr }.
async function refusedStart(args) {
  const refused = run(kLimpet, ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", ...args]);
  const deadline = setTimeout(() => refused.child.kill("SIGKILL"), 60_000);
  const { code } = await refused.exited;
  clearTimeout(deadline);
  return { code, stderr: refused.stderr };
}

test("a locked data directory is a refusal to start that says so", async () => {
  const { code, stderr } = await refusedStart(["--data-dir", server.dataDir]);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /lock|in use/i);
});

test("an unwritable data directory is a refusal to start that names it", async () => {
  const folder = join(temporaryFolder(), "sealed");
  mkdirSync(folder);
  chmodSync(folder, 0o500);
  const target = process.getuid() === 0 ? "/proc/limpet" : join(folder, "data");
  const { code, stderr } = await refusedStart(["--data-dir", target]);
  chmodSync(folder, 0o700);
  rmSync(folder, { recursive: true });
  assert.equal(code, 1, stderr);
  assert.ok(stderr.includes(target), stderr);
});

test("a port in use is a refusal to start that names it", async () => {
  const { code, stderr } = await refusedStart(["--data-dir", temporaryFolder(), "--listen", `127.0.0.1:${server.port}`]);
  assert.equal(code, 1, stderr);
  assert.match(stderr, new RegExp(String(server.port)));
});

test("CF headers: the server sets the address; a trusted proxy may", async () => {
  await server.deploy({ name: "who", code: `export default { fetch: (r) => Response.json({ ip: r.headers.get("CF-Connecting-IP"), ray: r.headers.get("CF-Other") }) };` });
  assert.equal(JSON.parse((await server.fetch("who")).body).ip, "127.0.0.1");
  assert.equal(JSON.parse((await server.fetch("who", "/", { headers: { "CF-Connecting-IP": "203.0.113.7" } })).body).ip, "203.0.113.7");
});

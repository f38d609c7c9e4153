// The admin port over TLS: the tool, wrangler and WebSockets through it, nothing in the clear, and what is refused.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import https from "node:https";
import net from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { kLimpet, limpet, run, startLimpet, temporaryFolder, until } from "./lib.mjs";
import { project, wrangler } from "./wrangler.mjs";

const kFolder = temporaryFolder("admin-tls");
const kCert = join(kFolder, "cert.pem"), kKey = join(kFolder, "key.pem");
let server, origin;

before(async () => {
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=limpet test",
                           "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", kKey, "-out", kCert], { stdio: "ignore" });
  server = await startLimpet({ flags: ["--admin-tls-cert", kCert, "--admin-tls-key", kKey] });
  origin = `https://127.0.0.1:${server.adminPort}`;
});
after(() => server?.stop());

// One request over TLS that trusts the certificate; resolves with { status, body }.
function ask(path, { method = "GET", body, token = server.token, agent } = {}) {
  return new Promise((done, fail) => {
    const outgoing = https.request(origin + path, { method, agent, ca: readFileSync(kCert), headers: token ? { authorization: `Bearer ${token}` } : {} }, (incoming) => {
      const chunks = [];
      incoming.on("data", (chunk) => chunks.push(chunk));
      incoming.on("end", () => done({ status: incoming.statusCode, body: Buffer.concat(chunks).toString() }));
    });
    outgoing.on("error", fail);
    outgoing.end(body);
  });
}

test("the API answers over TLS, kept connections too, and nothing in the clear", async () => {
  assert.match(server.running.stdout, /admin https:/);
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
  for (let i = 0; i < 5; i++) assert.equal((await ask("/client/v4/accounts", { agent })).status, 200);
  agent.destroy();
  assert.equal((await ask("/client/v4/accounts", { token: "wrong" })).status, 403);
  assert.equal((await ask("/healthz", { token: "" })).status, 200);  // A loopback client is one through TLS as well.
  const large = await ask("/client/v4/accounts/local/workers/scripts/x/schedules", { method: "PUT", body: "x".repeat(900_000) });
  assert.equal(JSON.parse(large.body).errors[0].code, 10026);
  const said = await new Promise((done) => {
    const socket = net.connect(server.adminPort, "127.0.0.1", () => socket.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    let text = "";
    socket.on("data", (chunk) => (text += chunk.toString("latin1")));
    socket.on("error", () => {});
    socket.on("close", () => done(text));
  });
  assert.doesNotMatch(said, /HTTP\/1\.1/);
});

test("the tool and wrangler deploy through it, and tail", async () => {
  const { folder } = project({
    "wrangler.json": { name: "secure", main: "index.js", compatibility_date: "2026-03-01" },
    "index.js": `export default { fetch() { console.log("heard"); return new Response("here"); } }`,
  });
  const env = { LIMPET_SERVER: origin, LIMPET_TOKEN: server.token, LIMPET_CA_FILE: kCert };
  const published = await limpet(["publish"], { cwd: folder, env });
  assert.equal(published.code, 0, published.stderr);
  assert.equal((await server.fetch("secure")).body, "here");
  const untrusted = await limpet(["whoami"], { env: { ...env, LIMPET_CA_FILE: "" } });
  assert.equal(untrusted.code, 1);
  const deployed = await wrangler({ ...server, admin: origin }, "4.164", ["deploy"], { cwd: folder, env: { NODE_EXTRA_CA_CERTS: kCert } });
  assert.equal(deployed.code, 0, deployed.text);
  const tail = run(kLimpet, ["tail", "secure"], { env });
  await until("an event", async () => {
    await server.fetch("secure");
    return tail.stdout.includes("heard");
  });
  tail.child.kill("SIGTERM");
  await tail.exited;
});

test("a stop ends kept connections, and a wrong certificate does not start", async () => {
  const other = join(kFolder, "none.pem");
  writeFileSync(other, "no certificate");
  const serve = (...flags) => limpet(["serve", "--data-dir", temporaryFolder("admin-tls-data"), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", ...flags]);
  const wrong = await serve("--admin-tls-cert", other, "--admin-tls-key", kKey);
  assert.equal(wrong.code, 1, wrong.stderr);
  assert.match(wrong.stderr, /none\.pem/);
  const half = await serve("--admin-tls-cert", kCert);
  assert.equal(half.code, 2);
  assert.match(half.stderr, /--admin-tls-key/);
  const agent = new https.Agent({ keepAlive: true });
  await ask("/client/v4/accounts", { agent });
  assert.equal((await server.stop()).code, 0);
  agent.destroy();
});

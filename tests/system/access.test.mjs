// API tokens and the audit log, by the tool, against a real server that is killed in between.
import assert from "node:assert/strict";
import { test } from "node:test";
import { limpet, startLimpet, temporaryFolder, api } from "./lib.mjs";

test("tokens with scopes and an expiry, made, listed, used, revoked; every change is in the log", async () => {
  const dataDir = temporaryFolder("limpet-data");
  let server = await startLimpet({ dataDir });
  const tool = (...args) => limpet(args, { env: server.env });
  const made = await tool("token", "create", "ci", "--expires", "30d");
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stderr, /Made the token "ci" with the scope "deploy", until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\. It is shown this once:/);
  const ci = made.stdout.trim();
  const eye = JSON.parse((await tool("token", "create", "eye", "--scope", "read", "--json")).stdout);
  assert.equal(eye.scope, "read");

  // Those who may not: named, and nothing is changed.
  const asEye = await limpet(["delete", "none", "--force"], { env: { ...server.env, LIMPET_TOKEN: eye.value } });
  assert.equal(asEye.code, 1);
  assert.match(asEye.stderr, /the token "eye" has the scope "read", this needs "deploy"/);
  for (const path of ["/tokens", "/audit_logs"]) assert.equal((await api(server, "GET", path, { token: ci })).status, 403);
  await server.deploy({ name: "hello", code: "export default { fetch() { return new Response('hello'); } };" });
  assert.equal((await api({ ...server, token: ci }, "DELETE", "/workers/scripts/hello?force=true")).status, 200);

  // What is mistyped.
  assert.match((await tool("token", "create", "x", "--scope", "all")).stderr, /read,deploy,admin|read, deploy/);
  assert.match((await tool("token", "create", "x", "--expires", "soon")).stderr, /2027-01-31/);
  assert.match((await tool("token", "create", "ci")).stderr, /There is a token "ci" already/);
  assert.match((await tool("token", "revoke", "cy")).stderr, /There is no token "cy"/);
  assert.equal((await tool("tokn", "list")).code, 2);

  await server.stop("SIGKILL");
  server = await startLimpet({ dataDir });
  const list = await tool("token", "list");
  assert.match(list.stdout, /^ci +deploy +made .* expires .*$/m);
  assert.match(list.stdout, /^eye +read +made .* does not expire$/m);
  assert.ok(!list.stdout.includes(ci.slice(5)));
  assert.equal((await api(server, "GET", "/workers/scripts", { token: ci })).status, 200);
  assert.equal((await tool("token", "revoke", "ci")).code, 0);
  assert.equal((await api(server, "GET", "/workers/scripts", { token: ci })).status, 403);

  const log = (await tool("audit")).stdout;
  assert.match(log, /^[\d-]+ [\d:]+ {2}ci +DELETE \/workers\/scripts\/hello {2}done$/m);
  assert.match(log, /admin-token +POST +\/tokens {2}refused: There is a token "ci" already.* \[10002\]/);
  assert.match(log.split("\n")[0], /DELETE \/tokens\/ci {2}done/);
  assert.ok(!log.includes(ci) && !log.includes(eye.value));
  assert.equal(JSON.parse((await tool("audit", "--limit", "2", "--json")).stdout).length, 2);
  await server.stop();
});

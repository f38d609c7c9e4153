// What a user types, as the README says it.
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { limpet, request, startLimpet, temporaryFolder } from "./lib.mjs";

const work = temporaryFolder("limpet-walk");
const project = join(work, "counter-example-4");
let server;
before(async () => { server = await startLimpet(); });
after(() => server?.stop());

const tool = (args, cwd = project) => limpet(args, { cwd, env: { ...server.env, HOME: work } });
const get = async (path) => (await request(server.of("counter-example-4") + path)).body.trim();

test("generate makes a project from the built-in template", async () => {
  const made = await tool(["generate", "counter-example-4"], work);
  assert.equal(made.code, 0, made.stderr);
  for (const file of ["package.json", "README.md", "wrangler.toml", "src/index.mjs"]) assert.ok(existsSync(join(project, file)), file);
});

test("generate refuses a name that can't be a Worker's", async () => {
  const made = await tool(["generate", "Not A Name"], work);
  assert.notEqual(made.code, 0);
  assert.match(made.stderr, /Worker name/);
});

test("publish of a new class without saying so is refused and says what to do", async () => {
  const published = await tool(["publish"]);
  assert.equal(published.code, 1, published.stdout);
  assert.match(published.stderr, /--new-class Counter/);
  assert.match(published.stderr, /\[\[migrations\]\]/);
});

test("publish --new-class publishes and prints the URL", async () => {
  const published = await tool(["publish", "--new-class", "Counter"]);
  assert.equal(published.code, 0, published.stderr);
  assert.match(published.stdout, new RegExp(`http://counter-example-4\\.localhost:${server.port}`));
});

test("publish --new-class again is refused: the class exists", async () => {
  const published = await tool(["publish", "--new-class", "Counter"]);
  assert.equal(published.code, 1);
  assert.match(published.stderr, /Counter/);
  assert.match(published.stderr, /already|10074/);
});

test("publish again redeploys", async () => {
  const published = await tool(["publish"]);
  assert.equal(published.code, 0, published.stderr);
});

test("the counter counts, also below zero", async () => {
  assert.equal(await get("/"), "Durable Object 'A' count: 0");
  assert.equal(await get("/increment"), "Durable Object 'A' count: 1");
  assert.equal(await get("/decrement"), "Durable Object 'A' count: 0");
  assert.equal(await get("/decrement"), "Durable Object 'A' count: -1");
  assert.equal(await get("/increment"), "Durable Object 'A' count: 0");
});

test("an edit goes live with a publish, memory starts anew, counts stay", async () => {
  await get("/increment");
  const source = join(project, "src/index.mjs");
  writeFileSync(source, readFileSync(source, "utf8").replaceAll("count: ", "now: "));
  assert.equal((await tool(["publish"])).code, 0);
  assert.match(await get("/"), /now: 1$/);
});

test("--rename-class keeps the data, --delete-class destroys it", async () => {
  const source = join(project, "src/index.mjs");
  const config = join(project, "wrangler.toml");
  const [code, toml] = [readFileSync(source, "utf8"), readFileSync(config, "utf8")];
  writeFileSync(source, code.replaceAll("class Counter", "class Tally"));
  writeFileSync(config, toml.replaceAll(`class_name = "Counter"`, `class_name = "Tally"`).replaceAll(`class_name="Counter"`, `class_name="Tally"`));
  const renamed = await tool(["publish", "--rename-class", "Counter", "Tally"]);
  assert.equal(renamed.code, 0, renamed.stderr);
  assert.match(await get("/"), /: 1$/);

  const inUse = await tool(["publish", "--delete-class", "Tally"]);
  assert.equal(inUse.code, 1, "a class with a binding can't be deleted");

  writeFileSync(source, `export default { fetch: () => new Response("no classes") };`);
  writeFileSync(config, toml.replace(/\[durable_objects\][\s\S]*?(?=\n\[|$)/, ""));
  const deleted = await tool(["publish", "--delete-class", "Tally"]);
  assert.equal(deleted.code, 0, deleted.stderr);
  assert.equal(await get("/"), "no classes");

  writeFileSync(source, code);
  writeFileSync(config, toml);
  assert.equal((await tool(["publish", "--new-class", "Counter"])).code, 0);
  assert.match(await get("/"), /: 0$/);
});

test("exit codes: 0 for success, 1 for refusal, 2 for wrong usage", async () => {
  assert.equal((await tool(["--version"])).code, 0);
  assert.equal((await tool(["publish", "--no-such-flag"])).code, 2);
  assert.equal((await tool(["no-such-command"])).code, 2);
  assert.equal((await limpet(["publish"], { cwd: project, env: { ...server.env, LIMPET_TOKEN: "wrong" } })).code, 1);
  assert.equal((await limpet(["publish"], { cwd: project, env: { LIMPET_SERVER: "http://127.0.0.1:1", LIMPET_TOKEN: "x" } })).code, 1);
});

test("whoami and delete", async () => {
  assert.equal((await tool(["whoami"])).code, 0);
  const deleted = await tool(["delete", "--force"]);
  assert.equal(deleted.code, 0, deleted.stderr);
  assert.equal((await request(server.of("counter-example-4") + "/")).status, 404);
});

test("the admin token is for its owner's eyes", () => {
  assert.equal(statSync(join(server.dataDir, "admin-token")).mode & 0o777, 0o600);
});

test("healthz and metrics answer on the admin port", async () => {
  assert.equal((await request(`${server.admin}/healthz`)).status, 200);
  const metrics = await request(`${server.admin}/metrics`);
  assert.equal(metrics.status, 200);
  assert.match(metrics.body, /^# TYPE \w+ (counter|gauge|histogram)$/m);
});

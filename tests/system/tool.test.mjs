// Conveniences of the tool: values for dev, logins by name, results for programs, keys and menus on a terminal.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { kLimpet, limpet, request, run, startLimpet, temporaryFolder, until } from "./lib.mjs";

let server;
before(async () => { server = await startLimpet(); });
after(() => server?.stop());

const kSays = `export default { fetch: (request, env) => Response.json({ ...env }) };`;

// The program on a pseudo-terminal (script(1)): what it shows, and what is typed.
function onTerminal(words, { cwd, env } = {}) {
  const line = [kLimpet, ...words].map((word) => `'${word}'`).join(" ");
  return run("script", ["-qefc", line, "/dev/null"], { cwd, env: { TERM: "xterm", ...env }, stdio: ["pipe", "pipe", "pipe"] });
}

test("dev: .dev.vars and .env, and changes of them", async () => {
  const folder = temporaryFolder("dev-vars");
  writeFileSync(join(folder, "wrangler.toml"), `name = "vars"\nmain = "a.mjs"\n[vars]\nA = "configured"\nB = "configured"\n`);
  writeFileSync(join(folder, "a.mjs"), kSays);
  writeFileSync(join(folder, ".env"), `A=env\nC="two\\nlines"\nD=env\n`);
  const dev = run(kLimpet, ["dev", "--listen", "127.0.0.1:0", "--var", "D:flag"], { cwd: folder });
  try {
    const port = await until("the address", () => dev.stdout.match(/:(\d+)/)?.[1]);
    const seen = async () => JSON.parse((await request(`http://127.0.0.1:${port}/`)).body);
    assert.deepEqual(await seen(), { A: "env", B: "configured", C: "two\nlines", D: "flag" });
    assert.match(dev.stderr, /using the values of \.env/);
    writeFileSync(join(folder, ".dev.vars"), `B=secret # of mine\n`);
    await until("the values of .dev.vars", async () => (await seen()).B === "secret");
    assert.deepEqual(await seen(), { A: "configured", B: "secret", D: "flag" });
    rmSync(join(folder, ".dev.vars"));
    await until("the values of .env", async () => (await seen()).A === "env");
  } finally {
    dev.child.kill("SIGTERM");
    await dev.exited;
  }
});

test("dev --env-file: those files alone, the host does not take them for its own", async () => {
  const folder = temporaryFolder("dev-env-file");
  const files = { "wrangler.toml": `name = "vars"\nmain = "a.mjs"\n`, "a.mjs": kSays, ".dev.vars": "A=vars\nB=vars\n", "one.env": "A=one\nC=one\n", "two.env": "A=two\n" };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const start = (...files) => run(kLimpet, ["dev", "--listen", "127.0.0.1:0", ...files.flatMap((file) => ["--env-file", file])], { cwd: folder });
  const dev = start("one.env", "two.env");
  try {
    const port = await until("the address", () => dev.stdout.match(/:(\d+)/)?.[1]);
    assert.deepEqual(JSON.parse((await request(`http://127.0.0.1:${port}/`)).body), { A: "two", C: "one" });
  } finally {
    dev.child.kill("SIGTERM");
    await dev.exited;
  }
  const missing = start("three.env");
  await until("the refusal", () => missing.stderr.includes("error: --env-file: there is no file "));
  missing.child.kill("SIGTERM");
  await missing.exited;
});

test("dev on a terminal: the keys", async () => {
  const folder = temporaryFolder("dev-keys");
  writeFileSync(join(folder, "wrangler.toml"), `name = "keys"\nmain = "a.mjs"\n[[durable_objects.bindings]]\nname = "C"\nclass_name = "C"\n`);
  writeFileSync(join(folder, "a.mjs"), `export default { fetch: (r, env) => env.C.get(env.C.idFromName("a")).fetch(r) };
export class C {
  constructor(state) { this.state = state; }
  async fetch() { const n = ((await this.state.storage.get("n")) ?? 0) + 1; await this.state.storage.put("n", n); return new Response(String(n)); }
}`);
  const dev = onTerminal(["dev", "--listen", "127.0.0.1:0"], { cwd: folder });
  const shown = () => dev.stdout;
  const port = await until("the menu", () => shown().includes("keys: o opens") && shown().match(/localhost:(\d+)/)?.[1]);
  const get = async () => (await request(`http://127.0.0.1:${port}/`)).body;
  assert.equal(await get(), "1");
  assert.equal(await get(), "2");
  const loads = () => shown().split(" loaded keys ").length - 1;
  const before = loads();
  dev.child.stdin.write("r");
  await until("another load", () => loads() > before);
  assert.equal(await get(), "3");
  dev.child.stdin.write("c");
  await until("the cleared state", () => shown().includes("cleared the state"));
  await until("a load on the new state", () => loads() > before + 1);
  assert.equal(await get(), "1");
  dev.child.stdin.write("?");
  await until("the menu again", () => shown().split("keys: o opens").length > 2);
  dev.child.stdin.write("x");
  assert.equal((await dev.exited).code, 0, shown());
});

test("init on a terminal asks for a template and a name", async () => {
  const folder = temporaryFolder("init");
  const init = onTerminal(["init"], { cwd: folder });
  await until("the list", () => /1 {2}counter .*\r?\n[^]*site[^]*Number or name \[1\]/.test(init.stdout));
  init.child.stdin.write("site\n");
  await until("the name", () => init.stdout.includes("The project's name [site]"));
  init.child.stdin.write("mine\n");
  assert.equal((await init.exited).code, 0, init.stdout);
  assert.match(readFileSync(join(folder, "mine/wrangler.toml"), "utf8"), /name = "mine"/);
  assert.ok(existsSync(join(folder, "mine/public/index.html")));
  const none = onTerminal(["init"], { cwd: folder });
  await until("the list", () => none.stdout.includes("Number or name"));
  none.child.stdin.write("99\n");
  assert.equal((await none.exited).code, 1);
  // Without a terminal nobody is asked; an example may be named.
  assert.equal((await limpet(["generate"], { cwd: folder })).stdout.trim(), "worker");
  assert.equal((await limpet(["generate", "other", "hello"], { cwd: folder })).code, 0);
  assert.match(readFileSync(join(folder, "other/src/index.mjs"), "utf8"), /Hello/);
});

test("login keeps a server by name, once its token is right", async () => {
  const home = temporaryFolder("home");
  const env = { HOME: home, XDG_CONFIG_HOME: join(home, "config"), LIMPET_SERVER: "", LIMPET_TOKEN: "", LIMPET_PROFILE: "" };
  const tool = (...words) => limpet(words, { cwd: home, env });
  const wrong = await tool("login", "--server", server.admin, "--token", "wrong", "--profile", "far");
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /Authentication error/);
  assert.match((await tool("whoami", "--profile", "far")).stderr, /there is no profile "far"\. Make one with: limpet login --profile far/);
  const login = await tool("login", "--server", `${server.admin}/`, "--token", server.token, "--profile", "far");
  assert.equal(login.code, 0, login.stderr);
  const file = join(home, "config/limpet/profiles/far.json");
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const who = await tool("whoami", "--profile", "far", "--json");
  assert.deepEqual(JSON.parse(who.stdout), { server: server.admin, account: "local", token: "admin-token", scope: "admin" });
  assert.equal((await limpet(["whoami"], { cwd: home, env: { ...env, LIMPET_PROFILE: "far" } })).code, 0);
  assert.match((await tool("login", "--profile", "../x", "--server", server.admin, "--token", server.token)).stderr, /is no profile's name/);
  assert.match((await tool("login", "--server", server.admin)).stderr, /pass --token/);
  // Without a name; the token on standard input.
  const typed = run(kLimpet, ["login", "--server", server.admin, "--token", "-"], { cwd: home, env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  typed.child.stdin.end(`${server.token}\n`);
  assert.equal((await typed.exited).code, 0, typed.stderr);
  assert.equal((await tool("whoami")).code, 0);
  assert.equal((await tool("logout")).code, 0);
  assert.match((await tool("logout")).stderr, /not logged in/);
  assert.equal((await tool("logout", "--profile", "far")).code, 0);
  assert.ok(!existsSync(file));
});

test("login on a terminal asks, and does not show the token", async () => {
  const home = temporaryFolder("home");
  const env = { HOME: home, XDG_CONFIG_HOME: join(home, "config"), LIMPET_SERVER: "", LIMPET_TOKEN: "", LIMPET_PROFILE: "" };
  const login = onTerminal(["login"], { cwd: home, env });
  await until("the question", () => login.stdout.includes("Server's admin address"));
  login.child.stdin.write(`${server.admin}\n`);
  await until("the other one", () => login.stdout.includes("Its token"));
  login.child.stdin.write(`${server.token}\n`);
  assert.equal((await login.exited).code, 0, login.stdout);
  assert.ok(!login.stdout.includes(server.token));
  assert.equal((await limpet(["whoami"], { cwd: home, env })).code, 0);
});

test("results for programs", async () => {
  const folder = temporaryFolder("json");
  writeFileSync(join(folder, "wrangler.toml"), `name = "json"\nmain = "a.mjs"\nworkers_dev = true\nroutes = ["json.example/*"]\n`);
  writeFileSync(join(folder, "a.mjs"), kSays);
  const published = await limpet(["publish", "--json"], { cwd: folder, env: server.env });
  const { version_id, ...rest } = JSON.parse(published.stdout);
  assert.match(version_id, /^[0-9a-f-]{36}$/);
  assert.deepEqual(rest, { success: true, name: "json", urls: [server.of("json"), "json.example/*"] });
  const deleted = await limpet(["delete", "--json"], { cwd: folder, env: server.env });
  assert.deepEqual(JSON.parse(deleted.stdout), { success: true, deleted: "json" });
});

test("--json is one document, whatever is asked; a list where things are listed", async () => {
  await server.deploy({ name: "documents", classes: ["C"], code: `export class C { constructor(ctx) { this.ctx = ctx; }
    async fetch() { await this.ctx.storage.put("a", 1); return new Response(this.ctx.id.toString()); } }
    export default { fetch: (request, env) => env.C.get(env.C.idFromName("one")).fetch(request) };` });
  const id = (await server.fetch("documents")).body;
  const tool = async (...words) => {
    const ended = await limpet([...words, "--json"], { env: server.env });
    assert.equal(ended.code, 0, `${words.join(" ")}: ${ended.stderr}`);
    return JSON.parse(ended.stdout);
  };
  const of = ["--name", "documents"];
  assert.deepEqual(await tool("kv", "namespace", "list"), []);
  const { id: ns } = await tool("kv", "namespace", "create", "documents");
  const at = ["--namespace-id", ns];
  assert.deepEqual(await tool("kv", "key", "list", ...at), []);
  assert.equal((await tool("kv", "key", "put", "a", "1", ...at)).success, true);
  assert.equal((await tool("kv", "key", "put", "b", "2", ...at)).success, true);
  const lists = { "kv key list": at, "kv namespace list": [], "versions list": of, "deployments list": of, "secret list": of, "token list": [], "audit": [],
                  "objects list": ["C"], "objects bookmarks": [id] };
  for (const [words, more] of Object.entries(lists)) assert.ok(Array.isArray(await tool(...words.split(" "), ...more)), words);
  assert.deepEqual((await tool("kv", "key", "list", ...at)).map((key) => key.name), ["a", "b"]);
  for (const [words, more] of Object.entries({ "deployments status": of, "objects get": [id], "kv key delete": ["a", ...at], "kv namespace delete": at, "token create": ["t"],
                                               "token revoke": ["t"], "objects delete": [id] })) {
    const result = await tool(...words.split(" "), ...more);
    assert.ok(result && typeof result === "object" && !Array.isArray(result), words);
  }
});

test("a mistyped command, flag or key is told the right one", async () => {
  const folder = temporaryFolder("typo");
  assert.match((await limpet(["pubish"], { cwd: folder })).stderr, /Did you mean "limpet publish"\?/);
  assert.match((await limpet(["logn"], { cwd: folder })).stderr, /Did you mean "limpet login"\?/);
  assert.match((await limpet(["publish", "--asets", "x"], { cwd: folder })).stderr, /did you mean --assets\?/);
  mkdirSync(join(folder, "p"));
  writeFileSync(join(folder, "p/a.txt"), "a");
  writeFileSync(join(folder, "wrangler.toml"), `name = "typo"\n[assets]\ndirectory = "p"\nhtml_handing = "none"\n`);
  assert.match((await limpet(["publish", "--dry-run"], { cwd: folder })).stderr, /unknown key "assets\.html_handing" is ignored; did you mean "html_handling"\?/);
});

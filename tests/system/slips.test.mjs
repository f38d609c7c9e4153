// What the tool says and does when something is mistyped, missing or about to be destroyed; and flags of wrangler's that
// stand in for the configuration.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { api, kLimpet, limpet, run, startLimpet, temporaryFolder, until } from "./lib.mjs";

let server;
before(async () => { server = await startLimpet(); });
after(() => server?.stop());

const kEcho = `export default { fetch: (r, env) => Response.json({ ...env, b: typeof BUILD === "undefined" ? null : BUILD }) };`;

function folderOf(config, files = { "a.mjs": kEcho }) {
  const folder = temporaryFolder("slips");
  writeFileSync(join(folder, "wrangler.toml"), config);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

const tool = (cwd, words, env = {}) => limpet(words, { cwd, env: { ...server.env, ...env } });

// The program on a pseudo-terminal (script(1)); `line` is one of a shell.
const onTerminal = (cwd, line) => run("script", ["-qefc", line, "/dev/null"],
                                      { cwd, env: { TERM: "xterm", ...server.env }, stdio: ["pipe", "pipe", "pipe"] });

test("what is wrong with a project is said with file and line", async () => {
  const said = async (config, files) => {
    const { code, stderr } = await tool(folderOf(config, files), ["deploy", "--dry-run"]);
    assert.equal(code, 1, stderr);
    return stderr;
  };
  assert.match(await said(`name = "x"\nmain = "nope.mjs"\n`), /wrangler\.toml:2: "main": nope\.mjs does not exist/);
  assert.match(await said(`name = "x\nmain = "a.mjs"\n`), /wrangler\.toml:1:\d+: /);
  assert.match(await said(`name = "-x"\nmain = "a.mjs"\n`), /no dash at the beginning/);
});

test("a dry run for programs is JSON, for people it lists the bindings", async () => {
  const folder = folderOf(`name = "dry"\nmain = "a.mjs"\n[vars]\nA = "1"\n`);
  const { stdout, code } = await tool(folder, ["deploy", "--dry-run", "--json"]);
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), { success: true, dry_run: true, name: "dry", static_files: 0,
    modules: [{ name: "a.mjs", type: "application/javascript+module", bytes: kEcho.length }] });
  assert.match((await tool(folder, ["deploy", "--dry-run"])).stderr, /env\.A {2}plain_text/);
  assert.equal((await api(server, "GET", "/workers/scripts/dry/settings")).status, 404);
});

test("flags stand in for the configuration", async () => {
  const folder = folderOf(`name = "flags"\nmain = "a.mjs"\ncompatibility_date = "2026-01-01"\n[vars]\nA = "file"\n`);
  const first = await tool(folder, ["deploy", "--var", "A:flag", "--var", "B:b:c", "--define", `BUILD:"one"`, "--minify", "--message", "the first", "--tag", "t1"]);
  assert.equal(first.code, 0, first.stderr);
  assert.deepEqual(JSON.parse((await server.fetch("flags")).body), { A: "flag", B: "b:c", b: "one" });
  const versions = JSON.parse((await tool(folder, ["versions", "list", "--json"])).stdout);
  assert.deepEqual(versions[0].annotations, { "workers/message": "the first", "workers/tag": "t1" });
  const second = await tool(folder, ["deploy", "--keep-vars", "--compatibility-date", "2026-02-02"]);
  assert.equal(second.code, 0, second.stderr);
  assert.deepEqual(JSON.parse((await server.fetch("flags")).body), { A: "file", B: "b:c", b: null });
  await tool(folder, ["deploy"]);
  assert.deepEqual(JSON.parse((await server.fetch("flags")).body), { A: "file", b: null });
  const wrong = await tool(folder, ["deploy", "--var", "A"]);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /--var takes KEY:VALUE/);
});

test("with environments in the configuration and none named the tool warns", async () => {
  const folder = folderOf(`name = "envs"\nmain = "a.mjs"\n[env.staging]\n`);
  assert.match((await tool(folder, ["deploy", "--dry-run"])).stderr, /none is named/);
  assert.doesNotMatch((await tool(folder, ["deploy", "--dry-run", "--env", ""])).stderr, /none is named/);
  assert.doesNotMatch((await tool(folder, ["deploy", "--dry-run", "-e", "staging"])).stderr, /none is named/);
});

test("secrets in bulk from lines NAME=value, and what is wrong with a file", async () => {
  const folder = folderOf(`name = "bulk"\nmain = "a.mjs"\n`, { "a.mjs": kEcho, ".env.production": `ONE=1\n# a comment\nTWO="2 3"\n`, "list.json": "[1]" });
  assert.equal((await tool(folder, ["deploy"])).code, 0);
  const put = await tool(folder, ["secret", "bulk", ".env.production"]);
  assert.equal(put.code, 0, put.stderr);
  assert.deepEqual(JSON.parse((await server.fetch("bulk")).body), { ONE: "1", TWO: "2 3", b: null });
  assert.match((await tool(folder, ["secret", "bulk", "list.json"])).stderr, /list\.json must hold names and values/);
  assert.match((await tool(folder, ["secret", "bulk"])).stderr, /standard input/);
});

test("a module of Node.js without the flag: the refusal names the flag", async () => {
  const folder = folderOf(`name = "node"\nmain = "a.mjs"\n`, { "a.mjs": `import fs from "node:fs";\n${kEcho}` });
  const refused = await tool(folder, ["deploy"]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /compatibility_flags = \["nodejs_compat"\]/);
});

test("a module that is not there is named once, with its importer", async () => {
  const folder = folderOf(`name = "lost"\nmain = "a.mjs"\nno_bundle = true\n`, { "a.mjs": `import "./lost.mjs";\n${kEcho}` });
  const refused = await tool(folder, ["deploy"]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^error: No such module "lost\.mjs"\.\n  imported from "a\.mjs"\n\n\[code: 10021\]$/m);
  assert.equal(refused.stderr.split("No such module").length, 2);
});

test("tokens: an expiry that is none, an empty token", async () => {
  const made = await tool(".", ["token", "create", "t", "--expires", "soon"]);
  assert.equal(made.code, 1);
  assert.match(made.stderr, /--expires takes 30d, 12h or a date/);
  assert.equal((await tool(".", ["whoami", "--token", ""])).code, 2);
});

test("on a terminal a delete is asked about; without one, or with --yes, it is not", async () => {
  const folder = folderOf(`name = "precious"\nmain = "a.mjs"\n`);
  assert.equal((await tool(folder, ["deploy"])).code, 0);
  const answer = async (text, words) => {
    const asked = onTerminal(folder, `'${kLimpet}' delete ${words ?? ""}`);
    if (text !== undefined) {
      await until("the question", () => asked.stdout.includes("Delete precious and all data of its objects? [y/N]"));
      asked.child.stdin.write(text);
    }
    return (await asked.exited).code;
  };
  assert.equal(await answer("\r"), 1);
  assert.equal(await answer("no\r"), 1);
  assert.equal((await server.fetch("precious")).status, 200);
  assert.equal(await answer("y\r"), 0);
  assert.equal((await server.fetch("precious")).status, 404);
  assert.equal((await tool(folder, ["deploy"])).code, 0);
  assert.equal(await answer(undefined, "--yes"), 0);
  assert.equal((await tool(folder, ["deploy"])).code, 0);
  assert.equal((await tool(folder, ["delete"])).code, 0);
});

test("a namespace whose delete is declined stays, with exit code 1", async () => {
  const folder = folderOf(`name = "kept"\nmain = "a.mjs"\n`, { "keys.json": `["a"]` });
  assert.equal((await tool(folder, ["kv", "namespace", "create", "kept"])).code, 0);
  const id = JSON.parse((await tool(folder, ["kv", "namespace", "list", "--json"])).stdout).find((one) => one.title === "kept").id;
  for (const [words, question] of [[`namespace delete kept`, "and all that is in it? [y/N]"], [`bulk delete keys.json --namespace-id ${id}`, "Delete 1 key? [y/N]"]]) {
    const asked = onTerminal(folder, `'${kLimpet}' kv ${words}`);
    await until("the question", () => asked.stdout.includes(question));
    asked.child.stdin.write("n\r");
    assert.equal((await asked.exited).code, 1);
    assert.match(asked.stdout, /Nothing was done/);
    assert.doesNotMatch(asked.stdout, /error/);
  }
  assert.equal((await tool(folder, ["kv", "namespace", "delete", "kept"])).code, 0);
});

test("results that go to a file have no colours, though messages go to a terminal", async () => {
  const folder = folderOf(`name = "plain"\nmain = "a.mjs"\n`);
  assert.equal((await tool(folder, ["deploy"])).code, 0);
  const tail = onTerminal(folder, `'${kLimpet}' tail > out.txt`);
  await until("the tail", () => tail.stdout.includes("Listening"));
  const seen = await until("an event", async () => {
    await server.fetch("plain");
    return readFileSync(join(folder, "out.txt"), "utf8");
  });
  tail.child.kill("SIGTERM");
  await tail.exited;
  assert.match(seen, /GET .*200 ok/);
  assert.doesNotMatch(seen, /\x1b/);
});

// Projects as they were written since 2020, each published by the real tool to a real server and asked for an answer.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { api, kRepository, limpet, startLimpet, temporaryFolder } from "./lib.mjs";

let server;
before(async () => { server = await startLimpet(); });
after(() => server?.stop());

const kWasm = readFileSync(join(kRepository, "tests/conformance/modules/add.wasm"));
const kData = Buffer.from([0, 1, 255]);
// One object counts; the class and its binding are named as each dialect does.
const counter = (binding, className = "Counter") => `
export default {
  async fetch(request, env) {
    return await env.${binding}.get(env.${binding}.idFromName("A")).fetch(request.url);
  },
};
export class ${className} {
  constructor(state) { this.state = state; }
  async fetch() {
    const value = ((await this.state.storage.get("value")) || 0) + 1;
    await this.state.storage.put("value", value);
    return new Response(value);
  }
}
`;
const kModules = `
import { greet } from "./lib/greet.mjs";
import note from "./note.txt";
import page from "./pages/page.html";
import data from "./data.bin";
import add from "./add.wasm";
export default {
  fetch() {
    const sum = new WebAssembly.Instance(add).exports.add(2, 3);
    return Response.json([greet("you"), note, page, [...new Uint8Array(data)], add instanceof WebAssembly.Module, sum]);
  },
};
`;
const kModuleFiles = {
  "lib/greet.mjs": `import { hello } from "../hello.mjs"; export const greet = (name) => hello + ", " + name;`,
  "hello.mjs": `export const hello = "hello";`,
  "note.txt": "a note, ä\n",
  "pages/page.html": "<p>page</p>",
  "data.bin": kData,
  "add.wasm": kWasm,
};
const kModulesAnswer = ["hello, you", "a note, ä\n", "<p>page</p>", [0, 1, 255], true, 5];

const below = (folder, files) => Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text]));
function project(files) {
  const folder = temporaryFolder("limpet-dialect");
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return folder;
}
const publish = (cwd, ...args) => limpet(["publish", ...args], { cwd, env: server.env });
async function published(cwd, ...args) {
  const ended = await publish(cwd, ...args);
  assert.equal(ended.code, 0, ended.stderr);
  assert.doesNotMatch(ended.stderr, /warning/);
  return ended;
}
const answer = async (name, path) => (await server.fetch(name, path)).body;

test("March 2021, the first release candidates: build.upload_dir, durable_objects.classes with binding", async () => {
  const folder = project({
    "wrangler.toml": `name = "rc0"
type = "javascript"
workers_dev = true
account_id = ""
[build]
upload_dir = "src"
upload_format = "modules"
[durable_objects]
classes = [{ binding = "Counter", class_name = "Counter" }]
`,
    "src/index.mjs": counter("Counter"),
  });
  const refused = await publish(folder);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /--new-class Counter/);
  await published(folder, "--new-class", "Counter");
  await published(folder);
  assert.equal(await answer("rc0"), "1");
});

test("April 2021, the talk: [build] upload.dir, upload.format, upload.main", async () => {
  const folder = project({
    "wrangler.toml": `name = "talk"
type = "javascript"
workers_dev = true
account_id = ""
route = ""
zone_id = ""

[build]
upload.dir = "src"
upload.format = "modules"
upload.main = "./index.mjs"

[durable_objects]
bindings = [{name = "COUNTER", class_name = "Counter"}]
`,
    "src/index.mjs": counter("COUNTER"),
  });
  await published(folder, "--new-class", "Counter");
  await published(folder);
  assert.equal(await answer("talk"), "1");
  assert.equal(await answer("talk"), "2");
});

test("September 2021, 1.19: [[migrations]] are applied once and in order", async () => {
  const toml = (rest) => `name = "v119"
type = "javascript"
workers_dev = true
compatibility_date = "2021-09-20"
[build]
command = "mkdir -p dist && cp src/* dist/"
[build.upload]
format = "modules"
main = "./index.mjs"
[durable_objects]
${rest}`;
  const folder = project({
    "wrangler.toml": toml(`bindings = [{ name = "COUNTER", class_name = "Counter" }]
[[migrations]]
tag = "v1"
new_classes = ["Counter"]
`),
    "src/index.mjs": counter("COUNTER"),
  });
  await published(folder);
  await published(folder);
  assert.equal(await answer("v119"), "1");
  writeFileSync(join(folder, "wrangler.toml"), toml(`bindings = [{ name = "COUNTER", class_name = "Tally" }]
[[migrations]]
tag = "v1"
new_classes = ["Counter"]
[[migrations]]
tag = "v2"
renamed_classes = [{ from = "Counter", to = "Tally" }]
`));
  writeFileSync(join(folder, "src/index.mjs"), counter("COUNTER", "Tally"));
  await published(folder);
  assert.equal(await answer("v119"), "2");
  const { json } = await api(server, "GET", "/workers/services/v119");
  assert.equal(json.result.default_environment.script.migration_tag, "v2");
});

test("September 2022 and since: main", async () => {
  const folder = project({
    "wrangler.toml": `name = "since2022"
main = "./src/index.mjs"
compatibility_date = "2022-09-08"
[durable_objects]
bindings = [{ name = "COUNTER", class_name = "Counter" }]
[[migrations]]
tag = "v1"
new_classes = ["Counter"]
`,
    "src/index.mjs": counter("COUNTER"),
  });
  await published(folder);
  assert.equal(await answer("since2022"), "1");
});

test("wrangler.json and wrangler.jsonc: new_sqlite_classes, vars", async () => {
  for (const [file, name] of [["wrangler.json", "json"], ["wrangler.jsonc", "jsonc"]]) {
    const folder = project({
      [file]: `{
  // Comments and the last comma are read in both.
  "$schema": "node_modules/wrangler/config-schema.json",
  "name": "${name}",
  "main": "src/index.mjs",
  "compatibility_date": "2026-03-01",
  "durable_objects": { "bindings": [{ "name": "COUNTER", "class_name": "Counter" }] },
  "migrations": [{ "tag": "v1", "new_sqlite_classes": ["Counter"] }],
}
`,
      "src/index.mjs": counter("COUNTER"),
    });
    await published(folder);
    assert.equal(await answer(name), "1");
  }
});

test("1.x: every module of the folder is uploaded by the rules, of each kind", async () => {
  const folder = project({
    "wrangler.toml": `name = "kinds"
type = "javascript"
[build.upload]
dir = "./worker"
format = "modules"
main = "./main.mjs"
[[build.upload.rules]]
type = "Text"
globs = ["**/*.html", "**/*.txt"]
fallthrough = true
[[build.upload.rules]]
type = "CompiledWasm"
globs = ["**/*.wasm"]
[[build.upload.rules]]
type = "Data"
globs = ["**/*.bin"]
`,
    "worker/main.mjs": kModules,
    ...below("worker", kModuleFiles),
    "worker/tsconfig.json": "{ // no module\n}\n",
    "worker/README.md": "no module",
    "worker/node_modules/x/index.js": "no module",
  });
  await published(folder);
  assert.deepEqual(JSON.parse(await answer("kinds")), kModulesAnswer);
});

test("a rule decides before the defaults: .js as ES module, .html as data, imported by its bare name", async () => {
  const folder = project({
    "wrangler.toml": `name = "ruled"
type = "javascript"
[build]
upload = { dir = "src", format = "modules", main = "./chat.js", rules = [
  { type = "ESModule", globs = ["**/*.js"] },
  { type = "Data", globs = ["**/*.html"] },
] }
`,
    "src/chat.js": `import HTML from "chat.html"; import { name } from "./name.js";
export default { fetch: () => new Response(name + (HTML instanceof ArrayBuffer) + new TextDecoder().decode(HTML)) };`,
    "src/name.js": `export const name = "chat ";`,
    "src/chat.html": "<p>chat</p>",
  });
  await published(folder);
  assert.equal(await answer("ruled"), "chat true<p>chat</p>");
});

test("today: what main imports goes along, of each kind; with no_bundle everything does", async () => {
  for (const [name, extra] of [["imports", ""], ["unbundled", "no_bundle = true\n"]]) {
    const folder = project({
      "wrangler.toml": `name = "${name}"\nmain = "src/main.mjs"\n${extra}`,
      "src/main.mjs": kModules,
      ...below("src", kModuleFiles),
    });
    await published(folder);
    assert.deepEqual(JSON.parse(await answer(name)), kModulesAnswer);
  }
});

test("TypeScript and packages are bundled, and modules of the other kinds stay modules", async () => {
  const folder = project({
    "wrangler.toml": `name = "bundled"\nmain = "src/main.ts"\n`,
    "src/main.ts": kModules.replace("export default", `import { two } from "dep"; const n: number = two; if (n !== 2) throw n;\nexport default`),
    ...below("src", kModuleFiles),
    "node_modules/dep/package.json": `{ "name": "dep", "main": "index.js" }`,
    "node_modules/dep/index.js": "export const two = 2;",
  });
  await published(folder);
  assert.deepEqual(JSON.parse(await answer("bundled")), kModulesAnswer);
});

test("--env: a script of its own, with its own classes and vars; what is inherited is", async () => {
  const folder = project({
    "wrangler.toml": `name = "envs"
type = "javascript"
[build]
upload.dir = "src"
upload.format = "modules"
upload.main = "./index.mjs"
[vars]
WHERE = "top"
[durable_objects]
bindings = [{ name = "COUNTER", class_name = "Counter" }]
[[migrations]]
tag = "v1"
new_classes = ["Counter"]
[env.staging]
vars = { WHERE = "staging", DEPTH = 2 }
durable_objects.bindings = [{ name = "COUNTER", class_name = "Counter" }]
[env.plain]
name = "own-name"
`,
    "src/index.mjs": counter("COUNTER").replace("async fetch(request, env) {",
      `async fetch(request, env) {\n    if (new URL(request.url).pathname === "/vars") return Response.json([env.WHERE, env.DEPTH, "COUNTER" in env]);`),
  });
  const top = await publish(folder);
  assert.equal(top.code, 0, top.stderr);
  assert.deepEqual(top.stderr.match(/warning: .*/g), ['warning: wrangler.toml has environments, and none is named: this is the top level, envs. Name one with --env, or say --env ""']);
  await published(folder, "--env", "");
  await published(folder, "--env", "staging");
  await published(folder, "-e", "staging");
  const plain = await publish(folder, "--env", "plain");
  assert.equal(plain.code, 0, plain.stderr);
  assert.deepEqual(plain.stderr.match(/warning: .*/g), ["vars", "durable_objects"].map((key, index) =>
    `warning: wrangler.toml:${[7, 9][index]}: "${key}" exists at the top level, but not on "env.plain": environments do not inherit it. Please add it to "env.plain".`));
  assert.equal(await answer("envs"), "1");
  assert.equal(await answer("envs"), "2");
  assert.equal(await answer("envs-staging"), "1", "another script, other objects");
  assert.deepEqual(JSON.parse(await answer("envs", "/vars")), ["top", null, true]);
  assert.deepEqual(JSON.parse(await answer("envs-staging", "/vars")), ["staging", 2, true]);
  assert.deepEqual(JSON.parse(await answer("own-name", "/vars")), [null, null, false]);
  const none = await publish(folder, "--env", "prod");
  assert.equal(none.code, 1);
  assert.match(none.stderr, /there is no environment "prod": add \[env\.prod\]/);
});

test("mistyped keys warn by name and line, and the rest is published", async () => {
  const folder = project({
    "wrangler.toml": `name = "typos"
main = "index.mjs"
compatibilty_date = "2026-03-01"
[durable_objects]
bindings = [
  { name = "COUNTER", class_name = "Counter", scriptname = "x" },
]
[[migrations]]
tag = "v1"
new_classes = ["Counter"]
new_clases = []
`,
    "index.mjs": counter("COUNTER"),
  });
  const ended = await publish(folder);
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stderr, /wrangler\.toml:3: unknown key "compatibilty_date"/);
  assert.match(ended.stderr, /wrangler\.toml:6: unknown key "durable_objects\.bindings\.scriptname"/);
  assert.match(ended.stderr, /wrangler\.toml:11: unknown key "migrations\.new_clases"/);
  assert.equal(await answer("typos"), "1");
});

for (const [what, toml, pattern] of [
  ["a key of a wrong type", `main = 5`, /wrangler\.toml:2: "main" must be a string, not number/],
  ["a list that is no list", `compatibility_flags = "a"`, /wrangler\.toml:2: "compatibility_flags" must be an array, not string/],
  ["a list with a number in it", `compatibility_flags = [\n"a",\n2]`, /wrangler\.toml:4: "compatibility_flags" must be an array of strings/],
  ["a type that 1.x did not have", `type = "javscript"`, /wrangler\.toml:2: "type" must be "javascript", "webpack" or "rust"/],
  ["an unknown key in [build]", `[build]\nuplaod.dir = "src"`, /wrangler\.toml:3: unknown key "build\.uplaod"/],
  ["a rule without a type", `main = "a.mjs"\n[[rules]]\nglobs = ["**/*.txt"]`, /wrangler\.toml:3: "rules\.type" must be ESModule/],
  ["a rule without globs", `main = "a.mjs"\n[[rules]]\ntype = "Text"`, /wrangler\.toml:3: "rules" needs "globs"/],
  ["bindings that are no tables", `[durable_objects]\nbindings = ["Counter"]`, /wrangler\.toml:3: "durable_objects\.bindings" must be an array of tables/],
  ["a binding without a class", `[durable_objects]\nbindings = [{ name = "C" }]`, /wrangler\.toml:3: "durable_objects\.bindings" needs a "class_name"/],
  ["a rename without a target", `[[migrations]]\ntag = "v1"\nrenamed_classes = [{ from = "A" }]`, /wrangler\.toml:4: "migrations\.renamed_classes" needs a "to"/],
  ["a route that is a number", `routes = [1]`, /wrangler\.toml:2: a route must be a string or a table/],
  ["a namespace without a name", `kv_namespaces = [{ id = "x" }]`, /wrangler\.toml:2: "kv_namespaces" needs a "binding"/],
  ["a wrong type in the environment", `[env.test]\nworkers_dev = "no"`, /wrangler\.toml:3: "env\.test\.workers_dev" must be a boolean, not string/],
  ["text that is no TOML", `main = `, /wrangler\.toml:2:8: /],
]) {
  test(`refused by name and line: ${what}`, async () => {
    const args = toml.startsWith("[env.") ? ["--env", "test"] : [];
    const ended = await publish(project({ "wrangler.toml": `name = "wrong"\n${toml}\n`, "a.mjs": "export default {}" }), ...args);
    assert.equal(ended.code, 1, ended.stderr);
    assert.match(ended.stderr, pattern);
    assert.equal((await server.fetch("wrong")).status, 404);
  });
}

test("what limpet can't run is refused in words", async () => {
  const cases = [
    [{ "wrangler.toml": `name = "w"\ntype = "javascript"\n` }, /nothing to publish: set main/],
    [{ "wrangler.toml": `name = "w"\n[build.upload]\nformat = "service-worker"\n`, "package.json": `{"main":"gone.js"}` }, /gone\.js does not exist/],
    [{ "wrangler.toml": `name = "w"\nmain = "a.js"\n`, "a.js": "const listens = false;" }, /The uploaded script has no registered event handlers\./],
    [{ "wrangler.toml": `name = "w"\n[build.upload]\nformat = "modules"\ndir = "src"\nmain = "./index.js"\n`, "src/index.js": "" }, /The uploaded script has no registered event handlers\./],
    [{ "wrangler.toml": `name = "w"\n[build.upload]\nformat = "modules"\ndir = "src"\nmain = "./index.mjs"\n` }, /src.*(does not exist|No such file)/],
    [{ "wrangler.toml": `name = "w"\nmain = "src/index.mjs"\n` }, /src\/index\.mjs does not exist/],
    [{ "wrangler.toml": `name = "w"\nmain = "a.mjs"\n`, "a.mjs": "export default {" }, /a\.mjs:1/],
    [{ "wrangler.toml": `name = "w"\nmain = "a.mjs"\n`, "a.mjs": `import x from "./x.json"; export default { fetch: () => x };`, "x.json": "{ // no\n}" }, /SyntaxError: .*JSON.*\n  at x\.json/],
    [{ "wrangler.toml": `name = "w"\nmain = "a.mjs"\n`, "a.mjs": `import x from "./x.wasm"; export default { fetch: () => x };`, "x.wasm": "no" }, /CompileError: .*\n  at x\.wasm/],
    [{ "wrangler.toml": `name = "w"\nmain = "a.mjs"\n[build]\ncommand = "exit 3"\n`, "a.mjs": "" }, /build command "exit 3" ended with code 3/],
  ];
  for (const [files, pattern] of cases) {
    const ended = await publish(project(files));
    assert.equal(ended.code, 1, ended.stderr);
    assert.match(ended.stderr, pattern);
  }
});

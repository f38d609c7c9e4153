// Scripts in service-worker format and CommonJS modules, as wrangler and our tool upload them; service workers and objects.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { api, limpet, startLimpet, tryDeploy } from "./lib.mjs";
import { kWranglers, project, wrangler } from "./wrangler.mjs";

let server;
before(async () => { server = await startLimpet(); });
after(() => server?.stop());
const json = async (name, path = "/") => {
  const answer = await server.fetch(name, path);
  try { return JSON.parse(answer.body); } catch { return answer.body; }
};
async function publish(files) {
  const { folder } = project(files);
  const ended = await limpet(["publish", "--server", server.admin, "--token", server.token], { cwd: folder });
  assert.equal(ended.code, 0, ended.stderr);
}

// (module (func (export "f") (result i32) i32.const 42))
const kWasm = Buffer.from("0061736d010000000105016000017f030201000705010166" + "00000a06010400412a0b", "hex");
const kParts = `
  addEventListener("fetch", (event) => {
    event.waitUntil(Promise.resolve());
    event.respondWith(answer(event.request));
  });
  async function answer(request) {
    const { exports } = new WebAssembly.Instance(WASM);
    return Response.json([PLAIN, JSON_VALUE, TEXT, [...new Uint8Array(DATA)], exports.f(), typeof SECRET, new URL(request.url).pathname]);
  }`;
const kConfig = `main = "a.js"\ncompatibility_date = "2023-03-01"\nvars = { PLAIN = "sea", JSON_VALUE = { depth = 1 } }
[wasm_modules]\nWASM = "f.wasm"\n[text_blobs]\nTEXT = "note.txt"\n[data_blobs]\nDATA = "blob.bin"\n`;
const kFiles = { "a.js": kParts, "f.wasm": kWasm, "note.txt": "a note", "blob.bin": Buffer.from([1, 255]) };
const kSeen = ["sea", { depth: 1 }, "a note", [1, 255], 42, "undefined", "/x"];

test("the tool uploads a service worker with all its parts", async () => {
  await publish({ ...kFiles, "wrangler.toml": `name = "parts"\n${kConfig}` });
  assert.deepEqual(await json("parts", "/x"), kSeen);
});

test("and bundles one, TypeScript too; 1.x finds it in package.json", async () => {
  const files = { "b.ts": `export const word: string = "bundled";`,
                  "index.ts": `import { word } from "./b";\naddEventListener("fetch", (event: any) => event.respondWith(new Response(JSON.stringify(word))));` };
  await publish({ ...files, "wrangler.toml": `name = "bundled"\nmain = "index.ts"\n` });
  assert.equal(await json("bundled"), "bundled");
  await publish({ "wrangler.toml": `name = "first"\ntype = "javascript"\n`, "package.json": { main: "worker.js" },
                  "worker.js": `addEventListener("fetch", function (event) { event.respondWith(new Response('"1.x"')); });` });
  assert.equal(await json("first"), "1.x");
});

test("the tool uploads CommonJS modules beside ES modules, and as the main one", async () => {
  await publish({ "wrangler.toml": `name = "folder"\ncompatibility_date = "2023-03-01"\n[build.upload]\nformat = "modules"\ndir = "dist"\nmain = "./index.mjs"\n`,
                  "dist/index.mjs": `import parts from "./parts.js"; export default { fetch: () => Response.json([parts.word, parts.same()]) };`,
                  "dist/parts.js": `const other = require("./lib/other.js"); exports.word = other.word; exports.same = () => require("./parts.js") === exports;`,
                  "dist/lib/other.js": `module.exports = { word: require("./text.txt").trim() };`, "dist/lib/text.txt": "read\n" });
  assert.deepEqual(await json("folder"), ["read", true]);
  await publish({ "wrangler.toml": `name = "common"\n[build.upload]\nformat = "modules"\ndir = "dist"\nmain = "./index.js"\n`,
                  "dist/index.js": `module.exports = { fetch: () => new Response('"main"') };` });
  assert.equal(await json("common"), "main");
});

for (const version of Object.keys(kWranglers)) {
  test(`wrangler ${version} deploys a service worker with all its parts`, async () => {
    const name = `worker-${version.replace(".", "-")}`;
    const { folder } = project({ ...kFiles, "wrangler.toml": `name = "${name}"\n${kConfig}` });
    const deployed = await wrangler(server, version, ["deploy"], { cwd: folder });
    assert.equal(deployed.code, 0, deployed.text);
    assert.deepEqual(await json(name, "/x"), kSeen);
  });
}

test("a service worker uses objects of another script, secrets, and calls of another Worker", async () => {
  await server.deploy({ name: "yard", classes: ["Boat"], code: `
    import { DurableObject } from "cloudflare:workers";
    export class Boat extends DurableObject {
      async fetch() { const n = ((await this.ctx.storage.get("n")) ?? 0) + 1; await this.ctx.storage.put("n", n); return new Response(String(n)); }
    }
    export default { fetch: () => new Response("yard") };` });
  const code = `addEventListener("fetch", (event) => event.respondWith((async () => {
    const boat = BOATS.get(BOATS.idFromName("a"));
    return Response.json([await (await boat.fetch("http://boat/")).text(), await (await boat.fetch("http://boat/")).text(), await (await YARD.fetch("http://x/")).text(), typeof SECRET]);
  })()));`;
  const bindings = [{ type: "durable_object_namespace", name: "BOATS", class_name: "Boat", script_name: "yard" }, { type: "service", name: "YARD", service: "yard" },
                    { type: "secret_text", name: "SECRET", text: "hush" }];
  await server.deploy({ name: "user", script: true, modules: { "script": code }, metadata: { bindings } });
  assert.deepEqual(await json("user"), ["1", "2", "yard", "string"]);
});

test("what a service worker can't do is refused", async () => {
  const refused = async (script) => {
    const { status, json: answer } = await tryDeploy(server, { name: "refused", script: true, ...script });
    return [status, answer.errors[0].code, answer.errors[0].message];
  };
  assert.deepEqual((await refused({ modules: { script: "const a = 1;" } })).slice(0, 2), [400, 10068]);
  assert.match((await refused({ modules: { script: "addEventListener('fetch', () => {}); missing();" } }))[2], /ReferenceError: missing is not defined\n  at script:1/);
  assert.match((await refused({ modules: { script: "export default {}" } }))[2], /SyntaxError/);
  assert.match((await refused({ modules: { script: "addEventListener('fetch', () => {});" }, classes: ["Boat"] }))[2], /Boat/);
});

test("what a version is, is told: its content and handlers", async () => {
  const settings = (await api(server, "GET", "/workers/scripts/parts/versions")).json.result.items[0];
  const version = (await api(server, "GET", `/workers/scripts/parts/versions/${settings.id}`)).json.result;
  assert.deepEqual(version.resources.script.handlers, ["fetch"]);
  assert.deepEqual(version.resources.bindings.map((each) => each.type).sort(), ["data_blob", "json", "plain_text", "text_blob", "wasm_module"]);
});

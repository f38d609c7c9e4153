// The published wrangler, unmodified, deploys to limpet: what each version prints and sends, and that it took effect.
import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { api, kRepository, startLimpet } from "./lib.mjs";
import { kWranglers, project, wrangler } from "./wrangler.mjs";

let server;
before(async () => (server = await startLimpet()));
after(() => server?.stop());

// Runs a command that must succeed.
async function succeed(version, args, options) {
  const result = await wrangler(server, version, args, options);
  assert.equal(result.code, 0, `wrangler ${version} ${args.join(" ")}\n${result.text}\n${server.running.stderr}`);
  return result;
}
const text = async (name, path = "/") => (await server.fetch(name, path)).body;
const versionIdOf = (result) => result.text.match(/Version ID: +([0-9a-f-]{36})/)?.[1];

// Every version deploys: first by the classic road (PUT), then by the versioned one, and its words name what is live.
for (const version of Object.keys(kWranglers)) {
  test(`wrangler ${version}: the counter example, deployed twice, keeps its count`, async () => {
    const { folder } = project({});
    cpSync(join(kRepository, "examples/counter"), folder, { recursive: true });
    const name = `counter-${version.replace(".", "-")}`;
    const live = async () => (await api(server, "GET", `/workers/scripts/${name}/deployments`)).json.result.deployments[0].versions[0].version_id;

    const first = await succeed(version, ["deploy", "--name", name], { cwd: folder });
    assert.equal(versionIdOf(first), await live(), first.text);
    assert.match(await text(name, "/increment"), /count: 1/);
    const second = await succeed(version, ["deploy", "--name", name], { cwd: folder });
    assert.equal(versionIdOf(second), await live(), second.text);
    assert.notEqual(versionIdOf(first), versionIdOf(second));
    assert.match(await text(name, "/increment"), /count: 2/);
  });
}

const catalogOf = async (name) => {
  const script = `/workers/scripts/${name}`;
  const [service, versions, deployments, secrets] = await Promise.all(
    [`/workers/services/${name}`, `${script}/versions`, `${script}/deployments`, `${script}/secrets`].map((path) => api(server, "GET", path)));
  return JSON.stringify([service.json, versions.json, deployments.json, secrets.json]);
};
// A deploy that must be refused, with this code, and leave everything as it was.
async function refused(version, name, code, args, options) {
  const before = await catalogOf(name);
  const result = await wrangler(server, version, args, options);
  assert.equal(result.code, 1, result.text);
  assert.match(result.text, new RegExp(`\\[code: ${code}\\]`));
  assert.equal(await catalogOf(name), before);
}

test("variables, modules of every kind, environments, and again by the other road", async () => {
  // (module (func (export "f") (result i32) i32.const 42))
  const wasm = Buffer.from("0061736d010000000105016000017f030201000705010166" + "00000a06010400412a0b", "hex");
  const { folder, write } = project({
    "wrangler.jsonc": {
      name: "parts", main: "src/index.js", compatibility_date: "2026-03-01", vars: { PLAIN: "sea", JSON: { depth: [1, 2] }, NUMBER: 7 },
      env: { staging: { vars: { PLAIN: "pond" } } }, version_metadata: { binding: "VERSION" },
    },
    "src/index.js": `
      import text from "./note.txt"; import data from "./blob.bin"; import wasm from "./f.wasm"; import { more } from "./more.js";
      export default { async fetch(request, env) {
        const { exports } = new WebAssembly.Instance(wasm);
        return Response.json([text, [...new Uint8Array(data)], exports.f(), more, env.PLAIN, env.JSON, env.NUMBER, env.VERSION?.id]);
      } }`,
    "src/more.js": `export const more = "more";`, "src/note.txt": "a note", "src/blob.bin": Buffer.from([1, 2, 255]), "src/f.wasm": wasm,
  });
  const parts = ["a note", [1, 2, 255], 42, "more"];
  const seen = async (name) => JSON.parse(await text(name));
  let id = versionIdOf(await succeed("4.164", ["deploy"], { cwd: folder }));
  assert.deepEqual(await seen("parts"), [...parts, "sea", { depth: [1, 2] }, 7, id]);
  await succeed("4.164", ["deploy", "--env", "staging"], { cwd: folder });
  assert.deepEqual(await seen("parts-staging"), [...parts, "pond", null, null, null].map((each) => each ?? null));
  write("src/more.js", `export const more = "less";`);
  id = versionIdOf(await succeed("4.86", ["deploy", "--var", "PLAIN:lake"], { cwd: folder }));
  assert.deepEqual((await seen("parts")).slice(3), ["less", "lake", { depth: [1, 2] }, 7, id]);
  // What does not start is refused with its place; what was live stays.
  write("src/more.js", `throw new Error("no start");`);
  await refused("4.164", "parts", 10021, ["deploy"], { cwd: folder });
  assert.equal((await seen("parts"))[3], "less");
});

test("migrations, step by step, and what is refused leaves nothing behind", async () => {
  const code = (...classes) => `
    class Base {
      constructor(ctx) { this.ctx = ctx; }
      async fetch() { const n = (await this.ctx.storage.get("n") ?? 0) + 1; await this.ctx.storage.put("n", n); return new Response(String(n)); }
    }
    ${classes.map((name) => `export class ${name} extends Base {}`).join("\n")}
    export default { fetch(request, env) {
      const ns = env[new URL(request.url).pathname.slice(1)];
      return ns ? ns.get(ns.idFromName("a")).fetch(request) : new Response("no such binding", { status: 404 });
    } }`;
  const { folder, write } = project({});
  const set = (classes, bindings, migrations) => {
    write("index.js", code(...classes));
    write("wrangler.json", {
      name: "steps", main: "index.js", compatibility_date: "2026-03-01", migrations,
      durable_objects: { bindings: Object.entries(bindings).map(([name, class_name]) => ({ name, class_name })) },
    });
  };
  const deployed = () => succeed("4.164", ["deploy"], { cwd: folder });
  const no = (code) => refused("4.164", "steps", code, ["deploy"], { cwd: folder });
  const steps = [{ tag: "v1", new_classes: ["A"] }, { tag: "v2", new_sqlite_classes: ["B"] }, { tag: "v3", renamed_classes: [{ from: "A", to: "C" }] },
                 { tag: "v4", deleted_classes: ["B"] }];

  set(["A"], { A: "A" }, []);
  await no(10061);  // A binding without its migration.
  set([], {}, steps.slice(0, 1));
  await no(10070);  // A class that is not exported.
  set(["A"], { A: "A" }, steps.slice(0, 1));
  await deployed();
  assert.equal(await text("steps", "/A"), "1");
  set(["A", "B"], { A: "A", B: "B" }, steps.slice(0, 2));
  await deployed();
  assert.equal(await text("steps", "/A"), "2");
  assert.equal(await text("steps", "/B"), "1");
  set(["B"], { B: "B" }, steps.slice(0, 2));
  await no(10064);  // A class that objects depend on has vanished.
  set(["B", "C"], { A: "C", B: "B" }, steps.slice(0, 3));
  await deployed();
  assert.equal(await text("steps", "/A"), "3");
  set(["B", "C"], { A: "C", B: "B" }, steps);
  await no(10061);  // Deleted, and still bound.
  set(["C"], { A: "C" }, steps);
  await deployed();
  assert.equal(await text("steps", "/A"), "4");
  assert.equal(await text("steps", "/B"), "no such binding");
});

// Each version has its own road for secrets; before the first deploy it uploads a draft.
for (const version of Object.keys(kWranglers)) {
  test(`wrangler ${version}: secrets before and after the first deploy`, async () => {
    const name = `secrets-${version.replace(".", "-")}`;
    const { folder } = project({
      "wrangler.json": { name, main: "index.js", compatibility_date: "2026-03-01" },
      "index.js": `export default { fetch(request, env) { return Response.json([env.FIRST, env.SECOND, env.THIRD].map((each) => each ?? null)); } }`,
      "bulk.json": { SECOND: "bulk-2", THIRD: "bulk-3" },
    });
    const seen = async () => JSON.parse(await text(name));
    await succeed(version, ["secret", "put", "FIRST"], { cwd: folder, input: "draft-1" });
    await succeed(version, ["deploy"], { cwd: folder });
    assert.deepEqual(await seen(), ["draft-1", null, null]);
    const bulk = await succeed(version, ["secret", "bulk", "bulk.json"], { cwd: folder });
    assert.deepEqual(await seen(), ["draft-1", "bulk-2", "bulk-3"]);
    await succeed(version, ["secret", "delete", "FIRST"], { cwd: folder });
    assert.deepEqual(await seen(), [null, "bulk-2", "bulk-3"]);
    const list = await succeed(version, ["secret", "list"], { cwd: folder });
    assert.deepEqual(JSON.parse(list.stdout.slice(list.stdout.indexOf("["))).map((each) => each.name).sort(), ["SECOND", "THIRD"]);
    assert.doesNotMatch(list.text + bulk.text + await catalogOf(name) + server.running.stderr, /draft-1|bulk-2|bulk-3/);
  });
}

test("versions: uploaded, shown, split, pinned, rolled back; secrets of a version that is not live", async () => {
  const code = (word) => `export default { fetch(request, env) { return new Response("${word} " + env.KEY); } }`;
  const { folder, write } = project({
    "wrangler.json": { name: "versions", main: "index.js", compatibility_date: "2026-03-01" }, "index.js": code("one"),
  });
  const w = (...args) => succeed("4.164", args, { cwd: folder });
  const one = versionIdOf(await w("deploy", "--message", "the first"));
  write("index.js", code("two"));
  const uploaded = await w("versions", "upload", "--tag", "second", "--message", "not live");
  const two = uploaded.text.match(/Version ID: +([0-9a-f-]{36})/)[1];
  assert.equal(await text("versions"), "one undefined");
  const view = await w("versions", "view", two);
  assert.match(view.text, /second/);
  assert.match((await w("versions", "list")).text, new RegExp(`${one}[^]*${two}`));
  await succeed("4.164", ["versions", "secret", "put", "KEY"], { cwd: folder, input: "sealed" });
  const three = (await api(server, "GET", "/workers/scripts/versions/versions")).json.result.items[0].id;
  assert.equal(await text("versions"), "one undefined");

  await w("versions", "deploy", `${one}@50`, `${three}@50`, "-y");
  assert.match((await w("deployments", "status")).text, /\(50%\)[^]*\(50%\)/);
  const of = async (headers) => (await server.fetch("versions", "/", { headers })).body;
  const words = new Set();
  for (let i = 0; i < 64; i++) {
    const key = { "Cloudflare-Workers-Version-Key": `client ${i}` };
    const word = await of(key);
    assert.equal(await of(key), word);  // A client stays with its version.
    words.add(word);
  }
  assert.deepEqual([...words].sort(), ["one undefined", "two sealed"]);
  for (const [id, word] of [[one, "one undefined"], [three, "two sealed"]]) {
    for (let i = 0; i < 8; i++) assert.equal(await of({ "Cloudflare-Workers-Version-Overrides": `versions="${id}"` }), word);
  }
  assert.equal((await api(server, "PUT", "/workers/scripts/versions/secrets", { body: JSON.stringify({ name: "K", text: "t" }) })).json.errors[0].code, 10215);

  await w("versions", "deploy", `${three}@100`, "-y");
  assert.equal(await text("versions"), "two sealed");
  await w("rollback", one, "--message", "back", "-y");
  assert.equal(await text("versions"), "one undefined");
  assert.match((await w("deployments", "list")).text, /back/);
});

test("an older wrangler copies a version to give it a secret", async () => {
  const { folder } = project({
    "wrangler.json": { name: "copied", main: "index.js", compatibility_date: "2026-03-01", vars: { WORD: "kept" } },
    "index.js": `import note from "./note.txt"; export default { fetch(request, env) { return new Response([note, env.WORD, env.KEY].join()); } }`,
    "note.txt": "note",
  });
  await succeed("3.114", ["deploy"], { cwd: folder });
  for (const version of ["3.114", "4.86"]) {
    await succeed(version, ["versions", "secret", "put", "KEY"], { cwd: folder, input: version });
    assert.notEqual(await text("copied"), `note,kept,${version}`);
    await succeed(version, ["versions", "deploy", (await api(server, "GET", "/workers/scripts/copied/versions")).json.result.items[0].id, "-y"], { cwd: folder });
    assert.equal(await text("copied"), `note,kept,${version}`);
  }
});

test("objects stay with one version of a split deployment, and with their storage", async () => {
  const code = (word) => `
    export class Boat {
      constructor(ctx) { this.ctx = ctx; }
      async fetch() { const n = (await this.ctx.storage.get("n") ?? 0) + 1; await this.ctx.storage.put("n", n); return new Response("${word} " + n); }
    }
    export default { fetch(request, env) { return env.BOAT.get(env.BOAT.idFromName(new URL(request.url).pathname)).fetch(request); } }`;
  const options = { name: "boats", classes: [["BOAT", "Boat"]] };
  const one = (await server.deploy({ ...options, code: code("one") })).deployment_id;
  const two = (await server.deploy({ ...options, code: code("two"), newClasses: [] })).deployment_id;
  const split = async (...shares) => {
    const versions = shares.map(([version_id, percentage]) => ({ version_id, percentage }));
    return (await api(server, "POST", "/workers/scripts/boats/deployments", { body: JSON.stringify({ strategy: "percentage", versions }) })).json;
  };
  const ask = async () => Object.fromEntries(await Promise.all(Array.from({ length: 40 }, async (_, i) => [i, await text("boats", `/${i}`)])));
  assert.equal((await split([one, 90], [two, 10])).success, true);
  const first = await ask();
  const again = await ask();
  for (const i in first) assert.equal(again[i], first[i].replace("1", "2"));
  assert.ok(Object.values(first).some((each) => each === "one 1"));
  assert.equal((await split([two, 60], [one, 40])).success, true);
  const third = await ask();
  for (const i in third) {
    assert.match(third[i], / 3$/);
    if (first[i] === "two 1") assert.equal(third[i], "two 3");  // Who has gone over stays.
  }
  assert.deepEqual([...new Set(Object.values(third))].sort(), ["one 3", "two 3"]);
  for (const bad of [[[one, 50]], [[one, 50], [one, 50]], [[one, -1], [two, 101]], []]) assert.equal((await split(...bad)).errors[0].code, 10021);
  assert.equal((await split(["nothing", 100])).errors[0].code, 100146);
});

test("delete, whoami, triggers deploy", async () => {
  const { folder } = project({
    "wrangler.json": { name: "ends", main: "index.js", compatibility_date: "2026-03-01" },
    "index.js": `export default { fetch() { return new Response("here"); } }`,
  });
  assert.match((await succeed("4.164", ["whoami"], { cwd: folder })).text, /local/);
  await succeed("4.164", ["deploy"], { cwd: folder });
  await succeed("4.164", ["triggers", "deploy"], { cwd: folder });
  assert.equal(await text("ends"), "here");
  for (const version of Object.keys(kWranglers)) {
    await succeed("4.164", ["deploy"], { cwd: folder });
    await succeed(version, ["delete", "--force"], { cwd: folder });
    assert.equal((await server.fetch("ends")).status, 404);
  }
});

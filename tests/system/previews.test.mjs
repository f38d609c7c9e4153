// Preview URLs: a version that is not live answers at an address of its own, by our tool and by the published wrangler.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { api, limpet, startLimpet } from "./lib.mjs";
import { project, wrangler } from "./wrangler.mjs";

let server;
before(async () => (server = await startLimpet()));
after(() => server?.stop());

const code = (word) => `export default { fetch: (request, env) => new Response("${word} " + new URL(request.url).hostname + " " + env.WORD) };`;
const config = (name, more = {}) => ({ name, main: "a.js", compatibility_date: "2026-03-01", preview_urls: true, vars: { WORD: "w" }, ...more });
const body = async (name) => {
  const answer = await server.fetch(name);
  return answer.status === 200 ? answer.body : answer.status;
};

test("limpet: versions upload, its prefix and its alias; switched off, they are gone", async () => {
  const { folder, write } = project({ "wrangler.json": config("site", { assets: { directory: "public" } }), "a.js": code("one"), "public/file.txt": "one" });
  const tool = async (...words) => {
    const ended = await limpet(words, { cwd: folder, env: server.env });
    assert.equal(ended.code, 0, `${words.join(" ")}: ${ended.stderr}`);
    return ended;
  };
  const first = JSON.parse((await tool("publish", "--json")).stdout).version_id;
  write("a.js", code("two"));
  write("public/file.txt", "two");
  const uploaded = await tool("versions", "upload", "--preview-alias", "staging", "--tag", "t", "--message", "m");
  const [second, ...urls] = uploaded.stdout.trim().split("\n");
  const label = `${second.slice(0, 8)}-site`;
  assert.deepEqual(urls, [server.of(label), server.of("staging-site")]);
  assert.match(uploaded.stderr, new RegExp(`limpet versions deploy ${second} --name site`));
  assert.equal(await body("site"), "one site.localhost w");
  assert.equal(await body(label), `two ${label}.localhost w`);
  assert.equal(await body("staging-site"), "two staging-site.localhost w");
  assert.equal(await body(`${first.slice(0, 8)}-site`), `one ${first.slice(0, 8)}-site.localhost w`);
  assert.deepEqual([(await server.fetch("site", "/file.txt")).body, (await server.fetch(label, "/file.txt")).body], ["one", "two"]);

  // The alias goes on to what is uploaded next; what is live does not change.
  write("a.js", code("three"));
  const third = JSON.parse((await tool("versions", "upload", "--preview-alias", "staging", "--json")).stdout);
  assert.deepEqual(third.preview_urls, [server.of(`${third.version_id.slice(0, 8)}-site`), server.of("staging-site")]);
  assert.match(await body("staging-site"), /^three/);
  assert.match(await body(label), /^two/);

  // Who listens to the script hears of them, under its name.
  const tail = await api(server, "POST", "/workers/scripts/site/tails", { body: "{}" });
  const ear = new WebSocket(tail.json.result.url, "trace-v1");
  await new Promise((done, fail) => Object.assign(ear, { onopen: done, onerror: fail }));
  const heard = new Promise((done) => { ear.onmessage = async ({ data }) => done(JSON.parse(typeof data === "string" ? data : await data.text())); });
  assert.match(await body("staging-site"), /^three/);
  const event = await heard;
  assert.deepEqual([event.scriptName, event.scriptVersion.id], ["site", third.version_id]);
  ear.close();

  // They are there after a restart, and they are gone with the setting.
  await server.stop();
  server = await startLimpet({ dataDir: server.dataDir });
  assert.match(await body("staging-site"), /^three/);
  write("wrangler.json", config("site", { preview_urls: false }));
  await tool("publish");
  assert.equal(await body("staging-site"), 404);
  assert.match(await body("site"), /^three/);
  const none = await tool("versions", "upload", "--preview-alias", "x");
  assert.match(none.stderr, /no preview URL/);
});

for (const version of ["4.164", "4.86"]) {
  test(`wrangler ${version}: versions upload --preview-alias prints addresses that answer`, async () => {
    const name = `w-${version.replace(".", "-")}`;
    const { folder, write } = project({ "wrangler.json": config(name), "a.js": code("one") });
    const run = async (...words) => {
      const ended = await wrangler(server, version, words, { cwd: folder });
      assert.equal(ended.code, 0, ended.text);
      return ended.text;
    };
    await run("deploy");
    write("a.js", code("two"));
    const text = await run("versions", "upload", "--preview-alias", "staging");
    const host = (what) => text.match(new RegExp(`${what} URL: https://([^\\s/]+)`))?.[1];
    for (const [what, label] of [["Version Preview", `[0-9a-f]{8}-${name}`], ["Version Preview Alias", `staging-${name}`]]) {
      assert.match(host(what) ?? text, new RegExp(`^${label}\\.`));
      const answer = await server.fetch(name, "/", { host: host(what) });
      assert.match(answer.body, /^two /, what);
    }
    assert.match(await body(name), /^one /);
  });
}

test("a Worker with classes of its own has none, as in production", async () => {
  const { folder } = project({
    "wrangler.json": config("objects", { durable_objects: { bindings: [{ name: "O", class_name: "O" }] }, migrations: [{ tag: "v1", new_classes: ["O"] }] }),
    "a.js": `${code("one")}\nexport class O {}`,
  });
  assert.equal((await limpet(["publish"], { cwd: folder, env: server.env })).code, 0);
  const uploaded = await limpet(["versions", "upload", "--json"], { cwd: folder, env: server.env });
  assert.equal(uploaded.code, 0, uploaded.stderr);
  const { version_id, preview_urls } = JSON.parse(uploaded.stdout);
  assert.deepEqual(preview_urls, []);
  assert.equal(await body(`${version_id.slice(0, 8)}-objects`), 404);
});

// Static files: a project with a page and an API, deployed by the tool; files alone; uploads over REST; restarts.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { api, limpet, request, run, kLimpet, startLimpet, temporaryFolder, until, uploadForm } from "./lib.mjs";

let server;
before(async () => { server = await startLimpet(); });
after(() => server?.stop());

const kPage = `<!doctype html><title>Page</title>${"<p>text that compresses well</p>".repeat(100)}`;
const kApi = `export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    if (url.pathname === "/api/page") {
      const page = await env.ASSETS.fetch(new URL("/index.html", url));
      return Response.json({ status: page.status, url: page.url, redirected: page.redirected, type: page.headers.get("Content-Type"),
        encoding: page.headers.get("Content-Encoding"), size: (await page.text()).length });
    }
    if (url.pathname === "/api/none") {
      const none = await env.ASSETS.fetch("http://any.where/none", { redirect: "manual" });
      return Response.json({ status: none.status, body: await none.text() });
    }
    return Response.json({ script: url.pathname, method: request.method });
  },
};`;

function project(files) {
  const folder = temporaryFolder("assets");
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}
const publish = async (folder, ...flags) => {
  const done = await limpet(["publish", ...flags], { cwd: folder, env: server.env });
  return { ...done, text: done.stdout + done.stderr };
};

test("files of a split deployment are those of the version that has the request", async () => {
  const file = (version) => ({ "public/page.html": `page ${version}`, "src/index.mjs": `export default { fetch: () => new Response("script ${version}") }` });
  const folder = project({ "wrangler.toml": `name = "halves"\nmain = "src/index.mjs"\ncompatibility_date = "2026-01-01"\n[assets]\ndirectory = "public"\n`, ...file(1) });
  assert.equal((await publish(folder)).code, 0);
  for (const [name, content] of Object.entries(file(2))) writeFileSync(join(folder, name), content);
  assert.equal((await publish(folder)).code, 0);
  const [two, one] = (await api(server, "GET", "/workers/scripts/halves/versions")).json.result.items.map((each) => each.id);
  const body = JSON.stringify({ strategy: "percentage", versions: [{ version_id: two, percentage: 90 }, { version_id: one, percentage: 10 }] });
  assert.equal((await api(server, "POST", "/workers/scripts/halves/deployments", { body })).status, 200);
  const both = async (headers) => [(await server.fetch("halves", "/page", { headers })).body, (await server.fetch("halves", "/other", { headers })).body];
  for (const [version, id] of [[1, one], [2, two]]) {
    assert.deepEqual(await both({ "Cloudflare-Workers-Version-Overrides": `halves="${id}"` }), [`page ${version}`, `script ${version}`]);
  }
  const seen = new Set();
  for (let key = 0; key < 100; key++) {
    const [page, script] = await both({ "Cloudflare-Workers-Version-Key": `user-${key}` });
    assert.equal(page.replace("page", "script"), script);
    seen.add(page);
  }
  assert.deepEqual([...seen].sort(), ["page 1", "page 2"]);
});

test("a project with static files and a script", async () => {
  const large = randomBytes(3_000_000);
  const folder = project({
    "wrangler.toml": `name = "site"\nmain = "src/index.mjs"\ncompatibility_date = "2026-01-01"\n[assets]\ndirectory = "public"\nbinding = "ASSETS"\n`,
    "src/index.mjs": kApi,
    "public/index.html": kPage, "public/docs/index.html": "<h1>docs</h1>", "public/large.bin": large,
    "public/empty.txt": "", "public/secret.map": "no", "public/.assetsignore": "*.map\n",
    "public/_redirects": "/old /docs/ 301\n/wrong\n", "public/_headers": "/*\n  X-Frame-Options: DENY\n",
  });
  const first = await publish(folder);
  assert.equal(first.code, 0, first.text);
  assert.match(first.text, /uploaded 4 of 4 new static files \(4 in all\)/);
  assert.match(first.text, /_redirects:2: Expected exactly 2 or 3 whitespace-separated tokens\. Got 1\./);
  const again = await publish(folder);
  assert.match(again.text, /4 static files, none of them new/);

  const page = await server.fetch("site", "/");
  assert.equal(page.status, 200);
  assert.equal(page.body, kPage);
  assert.equal(page.headers["content-type"], "text/html; charset=utf-8");
  assert.equal(page.headers["cache-control"], "public, max-age=0, must-revalidate");
  assert.equal(page.headers["x-frame-options"], "DENY");
  assert.match(page.headers.etag, /^"[0-9a-f]{32}"$/);
  for (const tag of [page.headers.etag, `W/${page.headers.etag}`, `"x", ${page.headers.etag}`]) {
    const same = await server.fetch("site", "/", { headers: { "If-None-Match": tag } });
    assert.deepEqual([same.status, same.body], [304, ""]);
  }
  const head = await server.fetch("site", "/", { method: "HEAD" });
  assert.deepEqual([head.status, head.body, head.headers["content-length"]], [200, "", String(kPage.length)]);

  const brotli = await server.fetch("site", "/", { headers: { "Accept-Encoding": "gzip, deflate, br" } });
  assert.equal(brotli.headers["content-encoding"], "br");
  assert.equal(brotli.headers.etag, `W/${page.headers.etag}`);
  assert.equal(brotliDecompressSync(brotli.bytes).toString(), kPage);
  assert.ok(brotli.bytes.length < 500);
  const gzip = await server.fetch("site", "/", { headers: { "Accept-Encoding": "gzip, br;q=0" } });
  assert.equal(gunzipSync(gzip.bytes).toString(), kPage);

  const redirected = await server.fetch("site", "/old?x=1");
  assert.deepEqual([redirected.status, redirected.headers.location], [301, "/docs/?x=1"]);
  assert.equal((await server.fetch("site", "/docs")).headers.location, "/docs/");
  assert.equal((await server.fetch("site", "/", { method: "POST" })).status, 405);
  assert.equal((await server.fetch("site", "/empty.txt")).body, "");

  const whole = await server.fetch("site", "/large.bin");
  assert.ok(whole.bytes.equals(large));
  assert.equal(whole.headers["accept-ranges"], "bytes");
  const part = await server.fetch("site", "/large.bin", { headers: { Range: "bytes=262140-262150" } });
  assert.deepEqual([part.status, part.headers["content-range"]], [206, "bytes 262140-262150/3000000"]);
  assert.ok(part.bytes.equals(large.subarray(262140, 262151)));
  const last = await server.fetch("site", "/large.bin", { headers: { Range: "bytes=-5" } });
  assert.ok(last.bytes.equals(large.subarray(-5)));
  assert.equal((await server.fetch("site", "/large.bin", { headers: { Range: "bytes=3000000-" } })).status, 416);

  // What is no file is the script's.
  assert.deepEqual(JSON.parse((await server.fetch("site", "/api/x", { method: "POST" })).body), { script: "/api/x", method: "POST" });
  assert.deepEqual(JSON.parse((await server.fetch("site", "/secret.map")).body), { script: "/secret.map", method: "GET" });
  assert.deepEqual(JSON.parse((await server.fetch("site", "/_headers")).body), { script: "/_headers", method: "GET" });
  const asked = JSON.parse((await server.fetch("site", "/api/page")).body);
  assert.deepEqual(asked, { status: 200, url: `${server.of("site")}/`, redirected: true, type: "text/html; charset=utf-8", encoding: null, size: kPage.length });
  assert.deepEqual(JSON.parse((await server.fetch("site", "/api/none")).body), { status: 404, body: "" });
});

test("static files alone, and a page for what is not found", async () => {
  const folder = project({ "index.html": "home", "404.html": "lost", "about.html": "about" });
  const done = await publish(folder, "--name", "pages", "--assets", folder);
  assert.equal(done.code, 0, done.text);
  assert.equal((await server.fetch("pages", "/about")).body, "about");
  const lost = await server.fetch("pages", "/nowhere");
  assert.deepEqual([lost.status, lost.body], [404, ""]);
  writeFileSync(join(folder, "wrangler.jsonc"), `{ "name": "pages", "assets": { "directory": ".", "not_found_handling": "404-page" } }`);
  writeFileSync(join(folder, ".assetsignore"), "wrangler.jsonc\n");
  assert.equal((await publish(folder)).code, 0);
  const found = await server.fetch("pages", "/nowhere");
  assert.deepEqual([found.status, found.body], [404, "lost"]);
  // Without the folder the files are gone, as the script is another one.
  await server.deploy({ name: "pages", code: `export default { fetch: () => new Response("code") };` });
  assert.equal((await server.fetch("pages", "/about")).body, "code");
});

test("a restart and a rollback keep each version's files", async () => {
  const folder = project({ "wrangler.toml": `name = "rolled"\n[assets]\ndirectory = "public"\n`, "public/a.txt": "one" });
  assert.equal((await publish(folder)).code, 0);
  const versions = async () => (await api(server, "GET", "/workers/scripts/rolled/versions")).json.result.items;
  const [first] = await versions();
  writeFileSync(join(folder, "public/a.txt"), "two");
  assert.equal((await publish(folder)).code, 0);
  assert.equal((await server.fetch("rolled", "/a.txt")).body, "two");
  const back = await api(server, "POST", "/workers/scripts/rolled/deployments",
    { body: JSON.stringify({ strategy: "percentage", versions: [{ version_id: first.id, percentage: 100 }] }), headers: { "content-type": "application/json" } });
  assert.equal(back.json.success, true, back.body);
  assert.equal((await server.fetch("rolled", "/a.txt")).body, "one");
  const dataDir = server.dataDir;
  await server.stop("SIGKILL");
  server = await startLimpet({ dataDir });
  assert.equal((await server.fetch("rolled", "/a.txt")).body, "one");
  assert.equal((await server.fetch("site", "/docs/")).body, "<h1>docs</h1>");
});

test("an upload over REST: buckets, single files, and what is refused", async () => {
  const json = { "content-type": "application/json" };
  const hash = (digit) => String(digit).repeat(32);
  const session = (manifest) => api(server, "POST", "/workers/scripts/rest/assets-upload-session", { body: JSON.stringify({ manifest }), headers: json });
  const opened = await session({ "/a.txt": { hash: hash(1), size: 3 }, "/b.txt": { hash: hash(2), size: 3 } });
  assert.deepEqual(opened.json.result.buckets, [[hash(1), hash(2)]]);
  const { jwt } = opened.json.result;
  const claims = JSON.parse(Buffer.from(jwt.split(".")[1], "base64").toString());
  assert.ok(claims.exp > Date.now() / 1000);
  const put = (assets) => {
    const form = uploadForm({ modules: { "index.mjs": kApi }, bindings: [{ name: "ASSETS", type: "assets" }], metadata: { assets } });
    return api(server, "PUT", "/workers/scripts/rest", { body: form.body, headers: { "content-type": form.type } });
  };
  assert.match((await put({ jwt, config: {} })).body, /token of the upload of static files is wrong or over/);
  assert.match((await put({ jwt: "a.b.c", config: {} })).body, /wrong or over/);
  assert.match((await put(undefined)).body, /Binding \\"ASSETS\\" is one to static files, and the upload has none/);

  const single = (name, token, body = "one") => api(server, "POST", `/workers/assets/upload/${name}`, { body, token, headers: { "content-type": "text/plain" } });
  assert.equal((await single(hash(1), "wrong")).status, 403);
  assert.match((await single(hash(9), jwt)).body, /is no file of this upload/);
  const one = await single(hash(1), jwt);
  assert.deepEqual([one.status, one.json.result], [202, {}]);
  const boundary = "b0undary";
  const body = `--${boundary}\r\nContent-Disposition: form-data; name="${hash(2)}"; filename="${hash(2)}"\r\nContent-Type: application/null\r\n\r\n${Buffer.from("two").toString("base64")}\r\n--${boundary}--\r\n`;
  const bulk = await api(server, "POST", "/workers/assets/upload?base64=true", { body, token: jwt, headers: { "content-type": `multipart/form-data; boundary=${boundary}` } });
  assert.equal(bulk.status, 201);
  assert.match((await put({ jwt: bulk.json.result.jwt, config: { html_handling: "maybe" } })).body, /must be one of/);
  assert.equal((await put({ jwt: bulk.json.result.jwt, config: {} })).json.success, true);
  const two = await server.fetch("rest", "/b.txt");
  assert.deepEqual([two.body, two.headers["content-type"]], ["two", undefined]);
  // Known contents are not asked for again; another version may keep the files of the one before.
  const known = await session({ "/c.txt": { hash: hash(2), size: 3 } });
  assert.deepEqual(known.json.result.buckets, []);
  const form = uploadForm({ modules: { "index.mjs": kApi }, metadata: { keep_assets: true } });
  assert.equal((await api(server, "PUT", "/workers/scripts/rest", { body: form.body, headers: { "content-type": form.type } })).json.success, true);
  assert.equal((await server.fetch("rest", "/a.txt")).body, "one");
  assert.match((await session({ "/x": { hash: "short", size: 1 } })).body, /must be 32 hex digits/);
  assert.match((await session({ "/x": { hash: hash(3), size: 26_214_401 } })).body, /Asset too large/);
});

test("run_worker_first", async () => {
  const folder = project({
    "wrangler.toml": `name = "first"\nmain = "index.mjs"\n[assets]\ndirectory = "public"\nrun_worker_first = ["/api/*", "!/api/docs/*"]\nnot_found_handling = "single-page-application"\n`,
    "index.mjs": kApi, "public/index.html": "app", "public/api/docs/a.txt": "docs", "public/api/b.txt": "hidden",
  });
  assert.equal((await publish(folder)).code, 0);
  assert.equal((await server.fetch("first", "/any/page")).body, "app");
  assert.equal(JSON.parse((await server.fetch("first", "/api/b.txt")).body).script, "/api/b.txt");
  assert.equal((await server.fetch("first", "/api/docs/a.txt")).body, "docs");
});

test("the tool refuses by name", async () => {
  const refused = async (toml, files = {}) => {
    const done = await publish(project({ "wrangler.toml": toml, ...files }));
    assert.equal(done.code, 1);
    return done.text;
  };
  assert.match(await refused(`name = "x"\nmain = "i.mjs"\n[site]\nbucket = "./public"\n`), /Workers Sites/);
  assert.match(await refused(`name = "x"\n[assets]\ndirectory = "none"\n`), /folder of static files .*none does not exist/);
  assert.match(await refused(`name = "x"\n[assets]\ndirectory = "."\nbinding = "A"\n`), /"assets.binding" needs a script/);
  assert.match(await refused(`name = "x"\n[assets]\ndirectory = "p"\nhtml_handling = "x"\n`, { "p/a": "" }), /must be one of/);
  assert.match(await refused(`name = "x"\n[assets]\ndirectory = "p"\n`, { "p/a.bin": Buffer.alloc(26_214_401) }), /Asset too large: .*a\.bin/);
});

test("limpet dev serves the folder, and what changes in it", async () => {
  const folder = project({ "wrangler.toml": `name = "live"\n[assets]\ndirectory = "public"\n`, "public/index.html": "one" });
  const dev = run(kLimpet, ["dev", "--listen", "127.0.0.1:0"], { cwd: folder });
  try {
    const port = await until("the address", () => dev.stdout.match(/:(\d+)/)?.[1]);
    const get = async (path) => (await request(`http://127.0.0.1:${port}${path}`)).body;
    assert.equal(await get("/"), "one");
    writeFileSync(join(folder, "public/index.html"), "two");
    await until("the changed page", async () => (await get("/")) === "two");
    mkdirSync(join(folder, "public/new"));
    writeFileSync(join(folder, "public/new/a.txt"), "new");
    await until("the new file", async () => (await get("/new/a.txt")) === "new");
  } finally {
    dev.child.kill("SIGTERM");
    await dev.exited;
  }
});

// Records what Cloudflare's asset Worker (in npm's miniflare) answers to requests for static files, for site_test.cc:
//   node src/assets/record_peer.mjs MINIFLARE_FOLDER > src/assets/peer_cases.jsonl
// A line: {"files", "config", "date", "requests": [[method, url, navigates, routed to the script, status, location, file, headers]]}
import { readFileSync, writeFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const work = mkdtempSync(join(tmpdir(), "peer-"));
async function load(name, source, names) {
  const file = join(work, name);
  writeFileSync(file, `${source}\nexport { ${names.join(", ")} };\n`);
  return import(pathToFileURL(file));
}

// The Worker's own functions, without the platform around them.
let worker = readFileSync(join(folder, "dist/src/workers/assets/assets.worker.js"), "utf8");
worker = worker.replace(/import .*"cloudflare:workers".*\n/, "class WorkerEntrypoint {}\n").replace(/export \{[^}]*\};?\s*(\/\/.*)?$/, "");
const { canFetch, handleRequest, normalizeConfiguration } =
  await load("worker.mjs", worker, ["canFetch", "handleRequest", "normalizeConfiguration"]);
let router = readFileSync(join(folder, "dist/src/workers/assets/router.worker.js"), "utf8");
router = router.replace(/import .*"cloudflare:workers".*\n/, "class WorkerEntrypoint {}\n").replace(/export \{[^}]*\};?\s*(\/\/.*)?$/, "");
const { generateStaticRoutingRuleMatcher } = await load("router.mjs", router, ["generateStaticRoutingRuleMatcher"]);

// The parsers of _redirects, _headers and run_worker_first.
const all = readFileSync(join(folder, "dist/src/index.js"), "utf8");
const from = all.indexOf("// ../workers-shared/utils/configuration/constants.ts");
const to = all.indexOf("// ../workers-shared/utils/configuration/parseStaticRouting.ts");
const end = all.indexOf("\n// ", to + 10);
const parsers = `import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
const __esm = (module) => { let run = Object.values(module)[0]; return () => { run?.(); run = undefined; }; };
const init_workers_shared = () => {};
${all.slice(from, to).replace(/\/\/ \.\.\/workers-shared\/index\.ts[\s\S]*?(?=\/\/ \.\.\/workers-shared\/utils\/configuration\/constructConfiguration)/, "")}
${all.slice(to, end)}
init_constants13(); init_parseStaticRouting(); init_validateURL(); init_parseHeaders(); init_parseRedirects(); init_constructConfiguration();`;
const { parseRedirects, parseHeaders, constructRedirects, constructHeaders, parseStaticRouting } =
  await load("parsers.mjs", parsers, ["parseRedirects", "parseHeaders", "constructRedirects", "constructHeaders", "parseStaticRouting"]);

const quiet = { log() {}, info() {}, warn() {}, debug() {}, error() {} };
const noSpan = { setTags() {}, addLogs() {} };

async function record(files, config, date, requests) {
  const redirects = config._redirects === undefined ? {} :
    constructRedirects({ redirects: parseRedirects(config._redirects, { htmlHandling: config.html_handling }), logger: quiet });
  const headers = config._headers === undefined ? {} : constructHeaders({ headers: parseHeaders(config._headers), logger: quiet });
  const routing = Array.isArray(config.run_worker_first) ? parseStaticRouting(config.run_worker_first) : undefined;
  const configuration = normalizeConfiguration({
    compatibility_date: date, compatibility_flags: [], html_handling: config.html_handling,
    not_found_handling: config.not_found_handling, has_static_routing: routing !== undefined, ...redirects, ...headers });
  const env = { JAEGER: { enterSpan: (_, run) => run(noSpan) } };
  const exists = async (path) => (Object.hasOwn(files, path) ? files[path] : null);
  const getByETag = async (tag) => ({ readableStream: tag, contentType: "text/plain", cacheStatus: "HIT" });
  const analytics = { setData() {} };
  const rows = [];
  for (const [method, url, navigates = false] of requests) {
    const request = () => new Request(url, { method, headers: navigates ? { "Sec-Fetch-Mode": "navigate" } : {} });
    // Node's Request drops that header: the Worker is given one that has it.
    const asked = () => ({ url: request().url, method, headers: new Map([["Sec-Fetch-Mode", navigates ? "navigate" : undefined]]) });
    const given = () => Object.assign(asked(), { headers: { get: (n) => (navigates && n === "Sec-Fetch-Mode" ? "navigate" : null), has: () => false } });
    let script = false;
    if (routing && generateStaticRoutingRuleMatcher(routing.asset_worker)({ request: given() })) script = false;
    else if (routing && generateStaticRoutingRuleMatcher(routing.user_worker)({ request: given() })) script = true;
    else if (config.run_worker_first === true) script = true;
    else script = !(await canFetch(given(), env, configuration, exists));
    const response = await handleRequest(given(), env, configuration, exists, getByETag, analytics);
    const set = {};
    for (const [name, value] of response.headers) if (name.startsWith("x-")) set[name] = value;
    const text = response.body === null ? null : await response.text();
    rows.push([method, url, navigates, script, response.status, response.headers.get("location"), text, set]);
  }
  console.log(JSON.stringify({ files, config, date, requests: rows }));
}

const kOrigin = "http://example.com";
const kFiles = {
  "/index.html": "h0", "/file.html": "h1", "/folder/index.html": "h2", "/both.html": "h3", "/both/index.html": "h4",
  "/bin": "h5", "/bin.html": "h6", "/a/b/404.html": "h7", "/404.html": "h8", "/a/index": "h9", "/a/x.txt": "ha",
  "/sp ace/ü.html": "hb", "/[x].html": "hc", "/%5Bboop%5D.html": "hd", "/same.html": "he", "/same/index.html": "he",
  "/data.json": "hf",
};
const kPaths = [
  "/", "/index", "/index.html", "/file", "/file.html", "/file/", "/file/index", "/file/index.html", "/folder",
  "/folder.html", "/folder/", "/folder/index", "/folder/index.html", "/both", "/both.html", "/both/", "/both/index",
  "/both/index.html", "/bin", "/bin.html", "/bin/", "/bin/index", "/bin/index.html", "/a", "/a/", "/a/index", "/a/b/none", "/a/none",
  "/a/x.txt", "/a/x.txt/", "/none", "/none/", "/none.html", "/none/index.html", "//file", "//", "/folder//", "/./file",
  "/a/../file", "/%66ile", "/file?q=1&r", "/file.html?q=1", "/sp%20ace/%C3%BC", "/sp%20ace/ü", "/sp ace/%c3%bc.html",
  "/[x]", "/%5Bx%5D", "/%255Bboop%255D", "/%", "/%zz", "/%ff", "/same", "/same/", "/same.html", "/same/index.html",
  "/data.json", "/data.json.html", "/404", "/404.html", "/a/b/404", "/%2e%2e/file", "/file%2F", "/folder%2findex.html",
];
for (const html_handling of [undefined, "auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none"]) {
  for (const not_found_handling of [undefined, "none", "single-page-application", "404-page"]) {
    if ((html_handling === undefined) !== (not_found_handling === undefined)) continue;
    for (const date of ["2025-03-31", "2025-04-01"]) {
      const requests = [];
      for (const path of kPaths) {
        requests.push(["GET", kOrigin + path]);
        if (not_found_handling !== "none" && /none|^\/file$/.test(path)) requests.push(["GET", kOrigin + path, true]);
      }
      requests.push(["HEAD", kOrigin + "/file"], ["POST", kOrigin + "/file"], ["POST", kOrigin + "/none"], ["PUT", kOrigin + "/folder"]);
      await record(kFiles, { html_handling, not_found_handling }, date, requests);
    }
  }
}
// Without some of the files.
await record({ "/a.html": "x", "/b/index.html": "y" }, { not_found_handling: "404-page" }, "2026-01-01",
  ["/", "/a", "/b", "/c", "/b/c/d"].map((path) => ["GET", kOrigin + path]));
await record({ "/a.html": "x" }, { not_found_handling: "single-page-application" }, "2026-01-01", [["GET", kOrigin + "/q", true]]);

const kRedirects = `
# comment
/old /new 301
/plain  /target
/query /target?x=1 303
/hash /target#there 307
/away https://example.org/there?y=2#z 308   # trailing
/self https://example.com/here 302
/rewrite /file 200
/rewrite-page /file.html 200
/lost /nowhere 200
/bad /x 404
/three a b c d
https://example.com/abs /x
/loop/* /index
/rooted/ /index.html
/blog/* /news/:splat
/u/:id/edit /edit?id=:id 301
/p/:a/:b /:b/:a
/dup /one
/dup /two
/proxy/* /file 200
/deep/*/end /got/:splat
/late /static-after-dynamic
/slashes/* /:splat
/ext/* https://:splat.example.org/x
/sp%20ace/x /y
/ü /z
relative /rel
/x1/:n :n
/empty
/two/:x/:x /never
`;
const kRedirectPaths = ["/old", "/old?a=b", "/old/", "/plain", "/query", "/query?z=2", "/hash?k=v", "/away", "/away?q=1", "/self", "/rewrite",
  "/rewrite?x", "/rewrite-page", "/lost", "/bad", "/three", "/abs", "/loop/x", "/rooted/", "/blog/", "/blog/a/b", "/blog", "/u/7/edit", "/u/7/8/edit",
  "/u//edit", "/p/1/2", "/p/1/2/3", "/dup", "/proxy/1", "/proxy/", "/deep/a/b/end", "/deep/end", "/late", "/slashes//evil.com", "/slashes/%5Cevil.com",
  "/slashes/a//b", "/ext/sub", "/sp%20ace/x", "/%C3%BC", "/relative", "/x1/q", "/file", "/none", "/two/1/1"];
for (const not_found_handling of ["none", "404-page"]) {
  await record(kFiles, { _redirects: kRedirects, not_found_handling }, "2026-01-01",
    [...kRedirectPaths.map((path) => ["GET", kOrigin + path]), ["POST", kOrigin + "/old"], ["POST", kOrigin + "/rewrite"]]);
}
await record(kFiles, { _redirects: "/ /index.html\n/a/ /index\n", html_handling: "none" }, "2026-01-01",
  ["/", "/a/"].map((path) => ["GET", kOrigin + path]));
await record(kFiles, { _redirects: `${Array.from({ length: 2005 }, (_, i) => `/s${i} /t${i}`).join("\n")}\n${Array.from({ length: 105 }, (_, i) => `/d${i}/* /e${i}`).join("\n")}\n` },
  "2026-01-01", ["/s0", "/s1999", "/s2000", "/d0/x", "/d99/x", "/d100/x"].map((path) => ["GET", kOrigin + path]));

const kHeaders = `
/*
  X-All: 1
/file
  X-One: a
  x-one: b
  X-All: 2
/folder/*
  X-Splat: got :splat
  ! X-All
/p/:name/:rest
  X-Name: :name-:rest
https://example.com/data.json
  X-Host: yes
https://:sub.example.com/*
  X-Sub: :sub
https://other.com/*
  X-Other: no
/two/*/stars/*
  X-Two: no
/none
# nothing
/bad name
  X Y: no
  X-Empty:
  NoColon
/late/*
  X-Late: :splat
  X-Colon: a:b:c
`;
await record(kFiles, { _headers: kHeaders }, "2026-01-01",
  [...["/", "/file", "/file.html", "/folder/", "/folder/index.html", "/p/a/b", "/data.json", "/two/1/stars/2", "/none", "/late/x/y"].map((path) => ["GET", kOrigin + path]),
    ["GET", "http://www.example.com/file"], ["GET", "http://example.com:8080/data.json"], ["POST", kOrigin + "/file"]]);

for (const run_worker_first of [true, false, ["/api/*"], ["/api/*", "!/api/docs/*"], ["/*", "!/*.json"], ["/a*b/c"]]) {
  await record({ ...kFiles, "/api/docs/index.html": "hz" }, { run_worker_first, not_found_handling: "single-page-application" }, "2025-03-31",
    ["/", "/file", "/api", "/api/", "/api/x", "/api/docs/", "/api/docs/none", "/data.json", "/none", "/axxb/c", "/ab/c", "/a/b/c"]
      .flatMap((path) => [["GET", kOrigin + path], ["GET", kOrigin + path, true], ["POST", kOrigin + path]]));
}

// Runs the conformance files on limpet or on workerd and compares what comes out with what they expect.
//   node tests/conformance/run.mjs --on limpet|workerd [--server ADMIN_URL --public URL --token TOKEN] [FILTER]
// Without --server limpet is started in a temporary folder. FILTER: part of "FILE CASE". Last line: N passed, N failed.
import { readdirSync, readFileSync } from "node:fs";
import http from "node:http";
import { registerHooks } from "node:module";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { deploy, kLimpet, kRepository, limpetExists, makeKvNamespace, request, startLimpet, startMiniflare, startWorkerd } from "../system/lib.mjs";
import { describe } from "./lib.mjs";
import { kCaFile, startTcpPeer } from "./tcp_peer.mjs";

const kFolder = dirname(fileURLToPath(import.meta.url));
const kCaseDeadlineMs = 200_000;
const kCoders = { gzip: gzipSync, br: brotliCompressSync };

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { on: { type: "string", default: "limpet" }, server: { type: "string" }, public: { type: "string" },
             token: { type: "string" }, verbose: { type: "boolean", default: false } },
});
const filter = positionals[0] ?? "";

// Node reads a file only for its list of cases: what only a runtime can import becomes empty here.
registerHooks({
  resolve(specifier, context, next) {
    if (!/\.(txt|html|bin|wasm|json)$|^cloudflare:/.test(specifier)) return next(specifier, context);
    return { url: "data:text/javascript,export default undefined; export class DurableObject {} " +
      "export const connect = undefined; export class RpcStub {} export class ServiceStub {} export class RpcTarget {} export class WorkerEntrypoint {}", shortCircuit: true };
  },
});

// { name: content } of a file and what it imports, itself first.
function modulesOf(main) {
  const modules = {};
  const add = (name) => {
    if (name in modules) return;
    // Data of the Web Platform Tests is where tools/bootstrap.sh puts it.
    modules[name] = readFileSync(name.startsWith("wpt/") ? join(kRepository, "build", name) : join(kFolder, name));
    if (!/\.[mc]?js$/.test(name)) return;
    for (const [, specifier] of String(modules[name]).matchAll(/(?:from|import|require)\s*\(?\s*"(\.[^"]+)"/g)) {
      add(normalize(join(dirname(name), specifier)));
    }
  };
  add(main);
  return modules;
}

// Answers like an echo, after the milliseconds that the query asks for: the outside world for cases that fetch.
async function startEcho() {
  const server = http.createServer((incoming, outgoing) => {
    const url = new URL(incoming.url, "http://echo");
    const chunks = [];
    incoming.on("data", (chunk) => chunks.push(chunk));
    incoming.on("end", () => setTimeout(() => {
      if (url.pathname === "/circle") url.searchParams.set("location", "/circle");
      if (url.searchParams.has("location")) {
        outgoing.writeHead(Number(url.searchParams.get("status") ?? 302), { location: url.searchParams.get("location") });
        return outgoing.end("moved");
      }
      const coding = url.searchParams.get("coding");
      if (coding) {  // A fixed text, compressed; "cut" or replaced by something else, "broken".
        const whole = kCoders[coding]?.("coded ".repeat(50)) ?? Buffer.from("coded");
        outgoing.writeHead(200, { "content-encoding": coding });
        return outgoing.end(url.searchParams.has("cut") ? whole.subarray(0, 18) : url.searchParams.has("broken") ? "this is not compressed at all" : whole);
      }
      outgoing.writeHead(Number(url.searchParams.get("status") ?? 200), { "content-type": "application/json", "x-echo": "yes" });
      if (incoming.method === "HEAD" || outgoing.statusCode === 204) return outgoing.end();
      outgoing.end(JSON.stringify({ method: incoming.method, path: incoming.url, headers: incoming.headers,
                                    body: Buffer.concat(chunks).toString() }));
    }, Number(url.searchParams.get("delay") ?? 0)));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

// One running server per way of running: `start(file)` gives { send(path, options), stop() }.
async function limpetRunner() {
  // One shard, as workerd has one thread: objects of a class share an isolate on a shard, not across shards.
  const flags = ["--allow-private-network", "--shards", "1", "--ca-file", kCaFile];
  let server;
  if (options.server) {
    server = { admin: options.server, token: options.token, port: Number(new URL(options.public).port) };
  } else {
    if (!limpetExists()) throw new Error(`${kLimpet} does not exist: run ./dev build`);
    server = await startLimpet({ flags });
  }
  return {
    async start(file) {
      const name = `conformance-${file.name.replace(/\W/g, "-")}`;
      // Scripts of a file have names of their own here, since all files share a server.
      const rename = (other) => (other === "main" ? name : `${name}-${other}`);
      const named = (services = []) => services.map((each) => ({ ...each, service: rename(each.service) }));
      const consumers = (tails = []) => tails.map((tail) => ({ service: rename(tail) }));
      for (const [other, { services, tails, compatibilityFlags = [], ...script }] of Object.entries(file.others)) {
        await deploy(server, { name: rename(other), ...script, services: named(services), metadata: { compatibility_flags: compatibilityFlags, tail_consumers: consumers(tails) } });
      }
      const kv = {};
      for (const binding of file.kv) kv[binding] = await makeKvNamespace(server, `${name}-${binding}-${Date.now()}`);
      await deploy(server, { name, kv, modules: file.modules, classes: file.classes, vars: file.vars, sqlite: file.sqlite, compatibilityDate: file.date,
                             services: named(file.services), metadata: { compatibility_flags: file.flags, tail_consumers: consumers(file.tails) } });
      const base = `http://${name}.localhost:${server.port}`;
      return { send: (path, sent) => request(base + path, { ...sent, timeoutMs: kCaseDeadlineMs }), stop: async () => {} };
    },
    stop: async () => await server.stop?.(),
  };
}

async function workerdRunner() {
  return {
    async start(file) {
      if (file.kv.length > 0) {
        const server = await startMiniflare({ modules: file.modules, classes: file.classes, vars: file.vars, kv: file.kv, compatibilityDate: file.date, compatibilityFlags: file.flags });
        return { send: (path, sent) => request(server.url + path, { ...sent, timeoutMs: kCaseDeadlineMs }), stop: () => server.stop() };
      }
      const server = await startWorkerd({ services: file.services, tails: file.tails, others: file.others, modules: file.modules, classes: file.classes, vars: file.vars, sqlite: file.sqlite, compatibilityDate: file.date,
                                          compatibilityFlags: file.flags, trusted: [readFileSync(kCaFile, "utf8")] });
      return { send: (path, sent) => request(server.url + path, { ...sent, timeoutMs: kCaseDeadlineMs }), stop: () => server.stop() };
    },
    stop: async () => {},
  };
}

// What a case should give on this runtime, in the form that `observe` gives.
function expected(test) {
  const own = options.on === "limpet" && "limpet" in test;
  if (test.http) return own ? test.limpet : test.http;
  const value = own ? test.limpet : test.expect;
  return test.steps ? { steps: value.map((each) => ({ value: describe(each) })) } : { value: describe(value) };
}

async function observe(server, name, test) {
  const { path = "", ...sent } = test.send ?? {};
  const answer = await server.send(`/case/${encodeURIComponent(name)}${path}`, sent);
  if (!test.http) {
    try {
      return JSON.parse(answer.body);
    } catch {
      return { status: answer.status, body: answer.body };
    }
  }
  const seen = {};
  const wanted = expected(test);
  if ("status" in wanted) seen.status = answer.status;
  if ("body" in wanted) seen.body = answer.body;
  if ("headers" in wanted) {
    seen.headers = {};
    for (const key of Object.keys(wanted.headers)) seen.headers[key] = answer.headers[key] ?? null;
  }
  return seen;
}

let passed = 0;
let failed = 0;
function report(name, problem) {
  if (problem === undefined) {
    passed++;
    if (options.verbose) console.log(`ok   ${name}`);
  } else {
    failed++;
    console.log(`FAIL ${name}\n     ${problem}`);
  }
}

const runner = options.on === "workerd" ? await workerdRunner() : await limpetRunner();
const echo = await startEcho();
const peer = await startTcpPeer();
try {
  for (const fileName of readdirSync(kFolder).filter((each) => each.endsWith(".test.mjs")).sort()) {
    const exported = await import(join(kFolder, fileName));
    const names = Object.keys(exported.default.cases).filter((name) => `${fileName} ${name}`.includes(filter));
    if (names.length === 0) continue;
    const modules = modulesOf(fileName);
    const file = {
      name: fileName.replace(".test.mjs", ""), modules, classes: Object.keys(exported).filter((name) => name !== "default" && !exported.default.entrypoints?.includes(name)),
      vars: { ECHO: echo.url, TCP: peer.plain, TLS: peer.secure, TCP_CLOSED: peer.closed }, date: String(modules[fileName]).match(/^\/\/ compatibility-date: (\S+)$/m)?.[1] ?? "2026-03-01",
      flags: String(modules[fileName]).match(/^\/\/ compatibility-flags: (.+)$/m)?.[1].split(" ") ?? [],
      services: exported.default.services, tails: exported.default.tails,
      others: Object.fromEntries(Object.entries(exported.default.others ?? {}).map(([name, { main, ...other }]) => [name, { ...other, modules: modulesOf(main) }])),
      kv: String(modules[fileName]).match(/^\/\/ kv: (.+)$/m)?.[1].split(" ") ?? [],
      sqlite: /^\/\/ storage: sqlite$/m.test(String(modules[fileName])),
    };
    let server;
    try {
      server = await runner.start(file);
    } catch (error) {
      for (const name of names) report(`${fileName}: ${name}`, `the file did not start: ${error.message}`);
      continue;
    }
    for (const name of names) {
      const test = exported.default.cases[name];
      try {
        const [seen, wanted] = [await observe(server, name, test), expected(test)];
        report(`${fileName}: ${name}`, isDeepStrictEqual(seen, wanted) ? undefined
          : `expected ${JSON.stringify(wanted)}\n     got      ${JSON.stringify(seen)}`);
      } catch (error) {
        report(`${fileName}: ${name}`, error.message);
      }
    }
    await server.stop();
  }
} finally {
  echo.close();
  peer.close();
  await runner.stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

// ./dev bench: limpet (1 and 2 shards), workerd and a bare Beast server, same script, same load, alternating runs.
//   node bench/run.mjs [--seconds 3] [--runs 5] [--only NAME] [--long] [--workerd-only] [--write-docs]
// Prints a table of medians and ratios, stores all figures under bench/results/, with --write-docs also docs/benchmarks.md.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { corePid, kRepository, limpetExists, request, run, startLimpet, startWorkerd, temporaryFolder, until } from "../tests/system/lib.mjs";
import { bodiesTable, measureBodies } from "./bodies.mjs";
import { kLiveMsWanted, measureDeploys } from "./deploy.mjs";
import { fanOut } from "./fanout.mjs";
import { pacedLoad } from "./paced.mjs";

const kFolder = dirname(fileURLToPath(import.meta.url));
const kConnections = 32;
const kCpuMsWanted = 0.5;
const { values: options } = parseArgs({ options: {
  seconds: { type: "string", default: "3" }, runs: { type: "string", default: "5" }, only: { type: "string", default: "" },
  long: { type: "boolean", default: false }, "workerd-only": { type: "boolean", default: false }, "write-docs": { type: "boolean", default: false },
} });
const seconds = Number(options.seconds);
const runs = Number(options.runs);
const withLimpet = limpetExists() && !options["workerd-only"];
const code = readFileSync(join(kFolder, "worker.mjs"), "utf8");
const median = (all) => [...all].sort((a, b) => a - b)[all.length >> 1];

// Rounds of the /cpu loop that take kCpuMsWanted here.
function cpuRounds() {
  const kTrial = 20_000_000;
  const loop = (rounds) => { let sum = 0; for (let round = rounds; round > 0; round--) sum = (sum * 31 + round) | 0; return sum; };
  loop(kTrial);
  const start = performance.now();
  loop(kTrial);
  return Math.round((kTrial * kCpuMsWanted) / (performance.now() - start));
}

async function startServers() {
  const servers = {};
  servers.workerd = await startWorkerd({ modules: { "worker.mjs": code }, classes: ["Counter", "Room"], sqliteClasses: ["Subject"] });
  if (withLimpet) {
    for (const shards of [1, 2]) {
      const server = await startLimpet({ shards });
      await server.deploy({ name: "bench", modules: { "worker.mjs": code }, classes: ["Counter", "Room"], sqliteClasses: ["Subject"] });
      servers[`limpet${shards}`] = { ...server, host: `bench.localhost:${server.port}` };
    }
  }
  const beast = join(kRepository, "build/release/beast_server");
  if (!existsSync(beast) && existsSync(join(kFolder, "beast_server.cc"))) {
    mkdirSync(dirname(beast), { recursive: true });
    const built = spawnSync("clang++-19", ["-std=c++20", "-O2", join(kFolder, "beast_server.cc"), "-o", beast, "-lpthread"], { stdio: "inherit" });
    if (built.status !== 0) console.error("bench/beast_server.cc did not compile: no figures for it");
  }
  if (existsSync(beast)) {
    const port = 20000 + Math.floor(Math.random() * 20000);
    const running = run(beast, [String(port)]);
    await until("the Beast server", () => request(`http://127.0.0.1:${port}/`));
    servers.beast = { url: `http://127.0.0.1:${port}`, stop: () => { running.child.kill("SIGKILL"); return running.exited; } };
  }
  return servers;
}

// One wrk run: { rate, p99Ms, errors }.
function wrk(server, path) {
  const headers = server.host ? ["-H", `Host: ${server.host}`] : [];
  const output = execFileSync("wrk", ["-t1", `-c${kConnections}`, `-d${seconds}s`, "--latency", ...headers, server.url + path], { encoding: "utf8" });
  const unit = { us: 0.001, ms: 1, s: 1000, m: 60000 };
  const [, p99, p99Unit] = output.match(/99%\s+([\d.]+)(us|ms|s|m)/) ?? [0, NaN, "ms"];
  const bad = Number(output.match(/Non-2xx or 3xx responses: (\d+)/)?.[1] ?? 0);
  const socket = output.match(/Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/)?.slice(1).reduce((sum, each) => sum + Number(each), 0) ?? 0;
  return { rate: Number(output.match(/Requests\/sec:\s+([\d.]+)/)[1]), p99Ms: Number(p99) * unit[p99Unit], errors: bad + socket };
}

const sum = (folder) => readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile())
  .reduce((bytes, each) => bytes + statSync(join(each.parentPath, each.name)).blocks * 512, 0);
const residentBytes = (pid) => Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/VmRSS:\s+(\d+)/)[1]) * 1024;

// Loads every server with every path, `runs` times, in turns: { name: { server: [{ rate, … }] } }.
async function measureRates(servers, loads) {
  const results = {};
  for (const [name, { path, on, fan }] of Object.entries(loads)) {
    if (!name.includes(options.only)) continue;
    results[name] = {};
    for (let turn = 0; turn < runs; turn++) {
      for (const [label, server] of Object.entries(servers)) {
        if (!on.includes(label)) continue;
        const result = fan ? await fanOut(server, { ...fan, path, seconds }) : wrk(server, label === "beast" ? "/" : path);
        (results[name][label] ??= []).push(result);
        console.error(`  ${name} on ${label}: ${Math.round(result.rate)}/s p99 ${result.p99Ms.toFixed(2)} ms${result.errors ? ` ${result.errors} ERRORS` : ""}`);
      }
    }
  }
  return results;
}

// p99 at half of workerd's highest rate, limpet and workerd in turns.
async function measureLatency(servers, results) {
  if (!servers.limpet1 || !results.plain) return undefined;
  const rate = Math.round(median(results.plain.workerd.map((each) => each.rate)) / 2);
  const pairs = [];
  for (let turn = 0; turn < runs; turn++) {
    const pair = {};
    for (const label of ["limpet1", "workerd"]) pair[label] = await pacedLoad(servers[label], "/plain", { rate, seconds, connections: kConnections });
    pairs.push(pair);
    console.error(`  p99 at ${rate}/s: limpet ${pair.limpet1.p99Ms.toFixed(2)} ms, workerd ${pair.workerd.p99Ms.toFixed(2)} ms`);
  }
  return { rate, pairs, lower: pairs.filter((pair) => pair.limpet1.p99Ms < pair.workerd.p99Ms).length };
}

// Sizes and start-up times, on a server of their own.
async function measureSizes() {
  const kObjects = 20_000;
  const dataDir = temporaryFolder("limpet-bench");
  let server = await startLimpet({ dataDir, shards: 1 });
  const deployStart = performance.now();
  await server.deploy({ name: "bench", modules: { "worker.mjs": code }, classes: ["Counter"] });
  const deployed = performance.now();
  await server.fetch("bench", "/plain");
  const firstResponseMs = performance.now() - deployed;
  await server.fetch("bench", "/fill?from=0&to=10");
  const before = { disk: sum(dataDir), memory: residentBytes(corePid(server.pid)) };
  const fill = async (from, to) => {
    for (let n = from; n < to; n += 500) assertOk(await server.fetch("bench", `/fill?from=${n}&to=${Math.min(n + 500, to)}`, { timeoutMs: 120_000 }));
  };
  await fill(10, kObjects);
  const after = { disk: sum(dataDir), memory: residentBytes(corePid(server.pid)) };
  const deploys = await measureDeploys(server);
  const sizes = { deployMs: deployed - deployStart, firstResponseMs, deploys, bytesOnDiskPerObject: (after.disk - before.disk) / (kObjects - 10),
                  memoryPerObject: (after.memory - before.memory) / (kObjects - 10) };
  if (options.long) {
    await fill(kObjects, 1_000_000);
    await server.stop();
    const start = performance.now();
    server = await startLimpet({ dataDir, shards: 1 });
    await server.fetch("bench", "/read");
    sizes.startWithMillionObjectsMs = performance.now() - start;
  }
  await server.stop();
  return sizes;
}
function assertOk(answer) {
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body.slice(0, 300)}`);
}

const kTargets = [
  ["plain", "limpet1", "workerd", 5], ["plain", "limpet1", "beast", 0.6], ["read", "limpet1", "workerd", 10], ["increment one", "limpet1", "workerd", 10],
  ["increment many", "limpet1", "workerd", 50], ["new object", "limpet1", "workerd", 50], ["cpu 500 µs", "limpet2", "limpet1", 1.7],
  ["plain", "limpet2", "limpet1", undefined],
  ["rpc call", "limpet1", "workerd", 5], ["rpc with callback", "limpet1", "workerd", 5], ["sql 1000 rows in one event", "limpet1", "workerd", 1],
  ["sql one row x1000 objects", "limpet1", "workerd", 20], ["sql indexed read", "limpet1", "workerd", 1],
];

function table(results, latency, sizes) {
  const lines = ["| load | limpet, 1 shard | limpet, 2 shards | workerd | bare Beast |", "| --- | ---: | ---: | ---: | ---: |"];
  const cell = (all) => (all ? `${Math.round(median(all.map((each) => each.rate)))}/s` : "–");
  for (const [name, row] of Object.entries(results)) {
    lines.push(`| ${name} | ${cell(row.limpet1)} | ${cell(row.limpet2)} | ${cell(row.workerd)} | ${cell(row.beast)} |`);
  }
  lines.push("", "| target | wanted | measured | |", "| --- | ---: | ---: | --- |");
  const add = (what, wanted, measured, good) => lines.push(`| ${what} | ${wanted} | ${measured} | ${good === undefined ? "reported" : good ? "met" : "missed"} |`);
  for (const [name, label, other, wanted] of kTargets) {
    const row = results[name];
    if (!row?.[label] || !row?.[other]) continue;
    const ratio = median(row[label].map((each) => each.rate)) / median(row[other].map((each) => each.rate));
    add(`${name}: ${label} / ${other}`, wanted ? `≥ ${wanted}` : "", ratio.toFixed(2), wanted ? ratio >= wanted : undefined);
  }
  if (latency) add(`p99 at ${latency.rate}/s lower than workerd's`, `≥ ${Math.ceil(runs * 0.8)} of ${runs} runs`, `${latency.lower}`, latency.lower >= runs * 0.8);
  if (sizes) {
    add("bytes on disk per counter object", "≤ 300", sizes.bytesOnDiskPerObject.toFixed(0), sizes.bytesOnDiskPerObject <= 300);
    add("memory per resident object, bytes", "≤ 8192", sizes.memoryPerObject.toFixed(0), sizes.memoryPerObject <= 8192);
    add("first response after a deploy, ms", "≤ 10", sizes.firstResponseMs.toFixed(1), sizes.firstResponseMs <= 10);
    add("deploy of 1 MB: upload to first answer, ms", `≤ ${kLiveMsWanted}`, sizes.deploys.large.live.toFixed(0), sizes.deploys.large.live <= kLiveMsWanted);
    if (sizes.startWithMillionObjectsMs) add("start to first answer with 1,000,000 objects, ms", "≤ 2000", sizes.startWithMillionObjectsMs.toFixed(0), sizes.startWithMillionObjectsMs <= 2000);
  }
  return lines.join("\n");
}

const rounds = cpuRounds();
const everywhere = ["workerd", "limpet1", "limpet2"];
const loads = {
  plain: { path: "/plain", on: [...everywhere, "beast"] },
  read: { path: "/read", on: everywhere },
  "increment one": { path: "/increment", on: everywhere },
  "increment many": { path: "/increment-many", on: everywhere },
  "new object": { path: "/new", on: everywhere },
  "cpu 500 µs": { path: `/cpu?rounds=${rounds}`, on: everywhere },
  "rpc call": { path: "/rpc", on: everywhere },
  "rpc with callback": { path: "/rpc-callback", on: everywhere },
  "sql 1000 rows in one event": { path: "/sql-rows", on: everywhere },
  "sql one row x1000 objects": { path: "/sql-objects", on: everywhere },
  "sql indexed read": { path: "/sql-read", on: everywhere },
  // Deliveries of WebSocket messages.
  "fan-out 1x100": { path: "/room", on: everywhere, fan: { rooms: 1, members: 100 } },
  "fan-out 100x10": { path: "/room", on: everywhere, fan: { rooms: 100, members: 10 } },
  "fan-out 1x100, hibernatable": { path: "/hibernate", on: everywhere, fan: { rooms: 1, members: 100 } },
};
const servers = await startServers();
let results;
let latency;
try {
  results = await measureRates(servers, loads);
  latency = options.only ? undefined : await measureLatency(servers, results);
} finally {
  for (const server of Object.values(servers)) await server.stop();
}
const sizes = withLimpet && !options.only ? await measureSizes() : undefined;
const bodies = withLimpet ? await measureBodies({ runs, seconds, only: options.only }) : {};
const text = [table(results, latency, sizes), ...(Object.keys(bodies).length > 0 ? [bodiesTable(bodies)] : [])].join("\n\n");
console.log(text);
const machine = { cpu: cpus()[0].model, cores: cpus().length, seconds, runs, connections: kConnections, date: new Date().toISOString() };
mkdirSync(join(kFolder, "results"), { recursive: true });
writeFileSync(join(kFolder, "results", `${machine.date.replace(/\W/g, "-")}.json`), JSON.stringify({ machine, results, latency, sizes, bodies }, null, 1));
if (options["write-docs"]) {
  writeFileSync(join(kRepository, "docs/benchmarks.md"), `# Benchmarks

Medians of ${runs} alternating runs of ${seconds} s each, ${kConnections} connections from \`wrk\` on the same machine (${machine.cores} cores,
${machine.cpu}), ${machine.date.slice(0, 10)}. Every runtime runs bench/worker.mjs and answers a write only when it is durable; the second table is bench/bodies_worker.mjs,
its streams are of 1 GiB. Made by \`./dev bench --write-docs${options.long ? " --long" : ""}\`.

${text}
`);
}

// Loads of bodies and of WebCrypto: limpet (one shard) beside workerd, the same script, alternating runs.
//   node bench/bodies.mjs [--runs 5] [--only NAME] [--seconds 1] [--bytes 1073741824]
// run.mjs runs it too. `stream_peer.cc` is both ends of the streams.
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { corePid, kRepository, request, run, startLimpet, startWorkerd, temporaryFolder, until } from "../tests/system/lib.mjs";

const kFolder = dirname(fileURLToPath(import.meta.url));
const kPeer = join(kRepository, "build/release/stream_peer");
const kMiB = 1024 * 1024;
const execute = promisify(execFile);
const median = (all) => [...all].sort((a, b) => a - b)[all.length >> 1];

function buildPeer() {
  mkdirSync(dirname(kPeer), { recursive: true });
  const built = spawnSync("clang++-19", ["-std=c++20", "-O2", join(kFolder, "stream_peer.cc"), "-o", kPeer, "-lpthread"], { stdio: "inherit" });
  if (built.status !== 0) throw new Error("bench/stream_peer.cc did not compile");
}

// Resident memory in bytes: `VmRSS`, or `VmHWM`, its highest since resetPeak.
const memory = (pid, line) => Number(readFileSync(`/proc/${pid}/status`, "utf8").match(new RegExp(`${line}:\\s+(\\d+)`))[1]) * 1024;
// CPU seconds so far, of a kernel that counts in hundredths.
const cpuSeconds = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
};
const resetPeak = (pid) => writeFileSync(`/proc/${pid}/clear_refs`, "5");

// [name, path, what goes up, what comes down, the ratio wanted]. `{n}` is the number of bytes, `{u}` the upstream's URL, `{s}` where all is
// thrown away.
const kStreams = [
  ["pass-through", "/pass", true, true, 2],
  ["fetched", "/fetched?from={u}", false, true, 2],
  ["fetched body", "/fetched-body?from={u}", false, true, 2],
  ["upload", "/upload?from={s}", true, false, 1],
  ["identity", "/identity", true, true, 1],
  ["fixed length", "/fixed?bytes={n}", true, true, 1],
  ["transform", "/transform", true, true, 1],
  ["by hand", "/reader", true, true, 1],
];

// CPU seconds are of a GiB: the server's, and those of both ends together.
async function stream(server, [, path, up, down], bytes, upstream) {
  const filled = (server.pathOf?.(up, down) ?? path).replace("{n}", bytes)
    .replace("{u}", encodeURIComponent(`http://127.0.0.1:${upstream.port}/${bytes}`))
    .replace("{s}", encodeURIComponent(`http://127.0.0.1:${upstream.port}/0`));
  const pid = server.pidOf();
  const before = memory(pid, "VmRSS");
  const cpuBefore = cpuSeconds(pid);
  const upstreamBefore = cpuSeconds(upstream.pid);
  resetPeak(pid);
  const { stdout } = await execute(kPeer, ["load", server.port, server.host, filled, up ? bytes : 0, down ? bytes : 0], { timeout: 120_000 });
  const [seconds, loadCpu] = stdout.split(" ").map(Number);
  const ofGiB = (cpu) => cpu * 1024 * kMiB / bytes;
  return { rate: bytes / kMiB / seconds, grownBytes: Math.max(0, memory(pid, "VmHWM") - before),
           cpu: ofGiB(cpuSeconds(pid) - cpuBefore), endsCpu: ofGiB(loadCpu + cpuSeconds(upstream.pid) - upstreamBefore) };
}

function wrkBody(server, path, body, seconds) {
  const script = join(temporaryFolder("limpet-bench"), "post.lua");
  writeFileSync(script, `wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = ${JSON.stringify(body)}\n`);
  const output = execFileSync("wrk", ["-t1", "-c8", `-d${seconds}s`, "-s", script, "-H", `Host: ${server.host}`, server.url + path], { encoding: "utf8" });
  if (/Non-2xx|Socket errors/.test(output)) throw new Error(output);
  return { rate: Number(output.match(/Requests\/sec:\s+([\d.]+)/)[1]) };
}

// Rounds a second that the steps of one request make, one request after the other.
async function steps(server, name, rounds, seconds) {
  const path = `/step?name=${encodeURIComponent(name)}`;
  const once = async () => {
    const answer = await request(server.url + path, { host: server.host });
    if (answer.status !== 200) throw new Error(`${name}: ${answer.status} ${answer.body.slice(0, 200)}`);
  };
  await once();
  const start = performance.now();
  let count = 0;
  do {
    await once();
    ++count;
  } while (performance.now() - start < seconds * 1000);
  return { rate: (count * rounds * 1000) / (performance.now() - start) };
}

function jsonText(bytes) {
  const rows = [];
  for (let size = 2; size < bytes - 70; size += 64) rows.push({ id: 100000 + rows.length, name: `row ${rows.length % 10}`, on: true, tags: ["a", "b"] });
  return JSON.stringify(rows);
}

// { name: { limpet1: [...], workerd: [...], unit, wanted } }
export async function measureBodies({ runs, seconds, bytes = 1024 * kMiB, only = "" }) {
  buildPeer();
  const code = readFileSync(join(kFolder, "bodies_worker.mjs"), "utf8");
  const upstream = run(kPeer, ["serve"]);
  const port = (upstream.port = await until("the streams' server", () => Number(upstream.stdout.trim())));
  const bare = run(kPeer, ["relay", String(port)]);
  const relay = { host: "relay", pidOf: () => bare.pid, pathOf: (up, down) => (up && !down ? "/0" : "/{n}"),
                  port: await until("the bare relay", () => Number(bare.stdout.trim())) };
  const results = {};
  const servers = {};
  try {
    const workerd = await startWorkerd({ modules: { "worker.mjs": code } });
    servers.workerd = { ...workerd, host: `127.0.0.1:${workerd.port}`, pidOf: () => workerd.pid };
    const limpet = await startLimpet({ shards: 1, flags: ["--allow-private-network", "--body-max", "4096"] });
    await limpet.deploy({ name: "bodies", modules: { "worker.mjs": code } });
    servers.limpet1 = { ...limpet, host: `bodies.localhost:${limpet.port}`, pidOf: () => corePid(limpet.pid) };
    const measure = async (name, unit, wanted, one, others = {}) => {
      if (!name.includes(only)) return;
      const row = (results[name] = { unit, wanted });
      for (let turn = 0; turn < runs; turn++) {
        for (const [label, server] of Object.entries({ ...servers, ...others })) {
          const result = await one(server);
          (row[label] ??= []).push(result);
          const more = result.cpu === undefined ? "" : ` +${(result.grownBytes / kMiB).toFixed(0)} MiB, CPU ${result.cpu.toFixed(2)} s/GiB, of both ends ${result.endsCpu.toFixed(2)}`;
          console.error(`  ${name} on ${label}: ${result.rate.toFixed(0)} ${unit}${more}`);
        }
      }
    };
    for (const each of kStreams) await measure(`stream: ${each[0]}`, "MiB/s", each[4], (server) => stream(server, each, bytes, upstream), { relay });
    for (const size of [1, 64]) {
      const text = jsonText(size * 1024);
      await measure(`JSON echo ${size} KiB`, "/s", 1, (server) => wrkBody(server, "/json", text, seconds));
      await measure(`text ${size} KiB`, "/s", 1, (server) => wrkBody(server, "/text", text, seconds));
      await measure(`arrayBuffer ${size} KiB`, "/s", 1, (server) => wrkBody(server, "/buffer", text, seconds));
    }
    for (const [label, size] of [["1 KiB", 1024], ["4 MiB", 4 * kMiB]]) {
      const from = `/fetched-text?from=${encodeURIComponent(`http://127.0.0.1:${port}/${size}`)}`;
      await measure(`fetched text ${label}`, "/s", 1, (server) => wrkBody(server, from, "", seconds));
    }
    if ("stream: alone".includes(only)) {
      const alone = { port, host: "peer", pidOf: () => upstream.pid };
      for (const [up, down] of [[true, true], [false, true]]) {
        const all = [];
        for (let turn = 0; turn < runs; turn++) all.push(await stream(alone, ["alone", "/{n}", up, down], bytes, upstream));
        const of = (member) => median(all.map((each) => each[member]));
        console.error(`  stream_peer alone, ${up ? "both ways" : "one way"}: ${of("rate").toFixed(0)} MiB/s, CPU ${of("endsCpu").toFixed(2)} s/GiB`);
      }
    }
    const all = JSON.parse((await request(`${servers.workerd.url}/steps`)).body);
    for (const [name, rounds] of all) await measure(`crypto: ${name}`, "/s", 1, (server) => steps(server, name, rounds, Math.min(seconds, 1)));
  } finally {
    for (const server of Object.values(servers)) await server.stop();
    bare.child.kill();
    upstream.child.kill();
  }
  return results;
}

const number = (value) => (value >= 100 ? value.toFixed(0) : value.toFixed(1));

// Where even the bare relay is less than `wanted` times as fast as workerd, no server could be: what the two ends and
// the kernel take of the machine bounds the row, and the CPU time tells what the throughput can't.
function judge({ wanted, limpet1, workerd, relay }) {
  const of = (all, member) => median(all.map((each) => each[member]));
  const ratio = of(limpet1, "rate") / of(workerd, "rate");
  if (ratio >= wanted) return "met";
  if (!relay || of(relay, "rate") >= wanted * of(workerd, "rate")) return "missed";
  const ofCpu = of(workerd, "cpu") / of(limpet1, "cpu");
  return `bounded by the ends; CPU ${ofCpu.toFixed(2)} ≥ ${wanted}: ${ofCpu >= wanted ? "met" : "missed"}`;
}

export function bodiesTable(results) {
  const lines = ["| bodies and cryptography | limpet, 1 shard | workerd | ratio | wanted | | memory grows, limpet | workerd | bare relay | CPU s/GiB, limpet | workerd | bare relay |",
                 "| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |"];
  for (const [name, row] of Object.entries(results)) {
    const { unit, limpet1, workerd, relay } = row;
    const of = (all, member) => median(all.map((each) => each[member]));
    const [ours, theirs] = [limpet1, workerd].map((all) => of(all, "rate"));
    const grown = (all) => `${(Math.max(...all.map((each) => each.grownBytes)) / kMiB).toFixed(0)} MiB`;
    const cpu = (all) => of(all, "cpu").toFixed(2);
    const more = relay ? [grown(limpet1), grown(workerd), `${number(of(relay, "rate"))} ${unit}`, cpu(limpet1), cpu(workerd), cpu(relay)] : Array(6).fill("");
    lines.push(`| ${name} | ${number(ours)} ${unit} | ${number(theirs)} ${unit} | ${(ours / theirs).toFixed(2)} | ≥ ${row.wanted} | ${judge(row)} | ${more.join(" | ")} |`);
  }
  return lines.join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: {
    runs: { type: "string", default: "5" }, seconds: { type: "string", default: "1" }, only: { type: "string", default: "" }, bytes: { type: "string", default: String(1024 * kMiB) },
  } });
  console.log(bodiesTable(await measureBodies({ runs: Number(values.runs), seconds: Number(values.seconds), only: values.only, bytes: Number(values.bytes) })));
}

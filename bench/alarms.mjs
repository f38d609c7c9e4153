// What pending alarms cost and how late alarms are.   node bench/alarms.mjs [--alarms 1000000] [--late 1000]
// 1. N objects set an alarm far away; the server starts again: time to its first answer, and resident memory with and
//    without them.   2. On the idle server alarms of `--late` objects that are not in memory, one every 10 ms: lateness.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { corePid, startLimpet, temporaryFolder } from "../tests/system/lib.mjs";

const { values } = parseArgs({ options: { alarms: { type: "string", default: "1000000" }, late: { type: "string", default: "1000" } } });
const [alarms, late] = [Number(values.alarms), Number(values.late)];
const kAtOnce = 500;
const kEveryMs = 10;

const code = `
export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const [from, count] = ["from", "count"].map((name) => Number(url.searchParams.get(name)));
    const object = (index) => env.Sleeper.get(env.Sleeper.idFromName("sleeper " + index));
    if (url.pathname === "/hello") return new Response("hello");
    const all = Array.from({ length: count }, (_, index) => object(from + index).fetch(request.url + "&index=" + index));
    return Response.json(await Promise.all(all.map(async (answer) => (await answer).json())));
  },
};
export class Sleeper {
  constructor(state) { this.storage = state.storage; }
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === "/seen") return Response.json((await this.storage.get("late")) ?? null);
    const every = Number(url.searchParams.get("every"));
    await this.storage.setAlarm(Number(url.searchParams.get("at")) + every * Number(url.searchParams.get("index")));
    return Response.json("set");
  }
  async alarm({ scheduledTime }) {
    const late = Date.now() - scheduledTime;
    await this.storage.put("late", late);
  }
}`;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const resident = (server) => Number(readFileSync(`/proc/${corePid(server.pid)}/status`, "utf8").match(/VmRSS:\s+(\d+)/)[1]) / 1024;
const flags = ["--idle-evict-ms", "500"];

async function restart(server) {
  await server?.stop();
  const start = performance.now();
  const fresh = await startLimpet({ dataDir, shards: 1, flags });
  await fresh.fetch("sleep", "/hello");
  const ms = performance.now() - start;
  await pause(3_000);
  return { server: fresh, ms, mib: resident(fresh) };
}

const dataDir = temporaryFolder("limpet-bench-alarms");
let server = await startLimpet({ dataDir, shards: 1, flags });
await server.deploy({ name: "sleep", classes: ["Sleeper"], code });
const empty = await restart(server);
server = empty.server;

const far = Date.now() + 30 * 86_400_000;
const begin = performance.now();
for (let from = 0; from < alarms; from += kAtOnce) {
  const answer = await server.fetch("sleep", `/set?from=${from}&count=${kAtOnce}&at=${far}&every=1`, { timeoutMs: 60_000 });
  if (answer.status !== 200) throw new Error(answer.body);
}
const setPerSecond = alarms / ((performance.now() - begin) / 1000);
const full = await restart(server);
server = full.server;

const first = Date.now() + 8_000;
for (let from = 0; from < late; from += kAtOnce) {
  const at = first + from * kEveryMs;
  await server.fetch("sleep", `/set?from=${alarms + from}&count=${Math.min(kAtOnce, late - from)}&at=${at}&every=${kEveryMs}`);
}
await pause(8_000 + late * kEveryMs + 2_000);
const seen = [];
for (let from = 0; from < late; from += kAtOnce) {
  seen.push(...JSON.parse((await server.fetch("sleep", `/seen?from=${alarms + from}&count=${Math.min(kAtOnce, late - from)}`)).body));
}
await server.stop();
if (seen.some((ms) => ms === null || ms < 0)) throw new Error("an alarm was early, or did not run");
seen.sort((a, b) => a - b);
const at = (part) => seen[Math.min(seen.length - 1, Math.floor(seen.length * part))];
console.log(`${alarms} alarms set at ${Math.round(setPerSecond)}/s`);
console.log(`start to first answer: ${Math.round(empty.ms)} ms without, ${Math.round(full.ms)} ms with them (wanted: 2000)`);
console.log(`resident after a start: ${Math.round(empty.mib)} MiB without, ${Math.round(full.mib)} MiB with them (wanted: 100 more)`);
console.log(`lateness of ${late}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${seen.at(-1)} ms (wanted: p99 50)`);

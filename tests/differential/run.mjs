// Plays programs of random seeds on limpet and on workerd, and compares what comes out.
//   node tests/differential/run.mjs [--from SEED] [--count N] [--seconds N] [--show] [--shrink]
// --shrink makes each program that differs as small as it still differs; --show prints what both gave. Last line: N passed, N failed.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { request, startLimpet, startWorkerd } from "../system/lib.mjs";
import { generate } from "./generate.mjs";
import { expected } from "./known.mjs";

const { values: options } = parseArgs({ options: {
  from: { type: "string", default: "1" }, count: { type: "string", default: "100" }, seconds: { type: "string", default: "60" },
  shrink: { type: "boolean", default: false }, show: { type: "boolean", default: false }, program: { type: "string" } } });
const kFolder = dirname(fileURLToPath(import.meta.url));
const kTimeoutMs = 40_000;
const kShrinkMsMax = 15_000;
const modules = Object.fromEntries(["worker.mjs", "values.mjs"].map((name) => [name, readFileSync(join(kFolder, name), "utf8")]));
const script = { modules, classes: ["Pairs"], sqliteClasses: ["Rows"] };

// One shard, as workerd has one thread.
const limpet = await startLimpet({ flags: ["--shards", "1"] });
await limpet.deploy({ name: "program", ...script });
const workerd = await startWorkerd(script);
const kUrls = { limpet: limpet.of("program"), workerd: workerd.url };

let runs = 0;
async function play(url, steps) {
  const answer = await request(url, { method: "POST", body: JSON.stringify({ run: `run${runs++}`, steps }), timeoutMs: kTimeoutMs }).catch((error) => ({ status: 0, body: error.message }));
  return answer.status === 200 ? JSON.parse(answer.body) : { status: answer.status, body: answer.body };
}
async function both(steps) {
  const [ours, theirs] = await Promise.all([play(kUrls.limpet, steps), play(kUrls.workerd, steps)]);
  return { ours, theirs, differ: !isDeepStrictEqual(expected(ours), expected(theirs)) };
}

// Programs that are smaller by one step or action. What an action needs stays.
function* smaller(list) {
  for (let index = 0; index < list.length; index++) {
    if (Array.isArray(list[index]) && (typeof list[0] !== "string" || list[0] === "all")) yield [...list.slice(0, index), ...list.slice(index + 1)];
  }
  for (let index = 0; index < list.length; index++) {
    if (!Array.isArray(list[index])) continue;
    if (list[index][0] === "go") yield [...list.slice(0, index), list[index][1], ...list.slice(index + 1)];
    for (const less of smaller(list[index])) yield [...list.slice(0, index), less, ...list.slice(index + 1)];
  }
}
async function shrink(steps) {
  const end = performance.now() + kShrinkMsMax;
  while (performance.now() < end) {
    let less;
    for (const candidate of smaller(steps)) {
      if (performance.now() > end) break;
      if ((await both(candidate)).differ) { less = candidate; break; }
    }
    if (!less) break;
    steps = less;
  }
  return steps;
}

// The first places where two logs differ.
function* differences(ours, theirs, path = "") {
  if (isDeepStrictEqual(ours, theirs)) return;
  const inside = ours !== null && theirs !== null && typeof ours === "object" && typeof theirs === "object" && Array.isArray(ours) === Array.isArray(theirs);
  if (!inside) return yield `${path}\n       limpet  ${JSON.stringify(ours)?.slice(0, 500)}\n       workerd ${JSON.stringify(theirs)?.slice(0, 500)}`;
  for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) yield* differences(ours[key], theirs[key], `${path}/${key}`);
}

let passed = 0;
let failed = 0;
try {
  const end = performance.now() + Number(options.seconds) * 1000;
  const first = Number(options.from);
  for (let seed = first; seed < first + Number(options.count) && performance.now() < end; seed++) {
    let steps = options.program ? JSON.parse(options.program) : generate(seed);
    let seen = await both(steps);
    if (options.program && options.show) console.log(JSON.stringify(seen.ours, null, 1), JSON.stringify(seen.theirs, null, 1));
    if (!seen.differ) { passed++; continue; }
    failed++;
    console.log(`FAIL seed ${seed}`);
    if (options.shrink) {
      steps = await shrink(steps);
      seen = await both(steps);
      console.log(`     ${JSON.stringify(steps)}`);
    }
    for (const text of [...differences(expected(seen.ours), expected(seen.theirs))].slice(0, 3)) console.log(`     ${text}`);
  }
} finally {
  await limpet.stop("SIGKILL");
  await workerd.stop("SIGKILL");
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

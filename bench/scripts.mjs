// Many scripts on one server, and how long a deploy takes until it is live.
//   node bench/scripts.mjs [--scripts 10000]
// Prints: memory of an idle script, the next start until its ready line, and the time from the upload's first byte to the
// first answer of the new version, for a bundle of 1 MB.
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { corePid, startLimpet, temporaryFolder } from "../tests/system/lib.mjs";

const { values } = parseArgs({ options: { scripts: { type: "string", default: "10000" } } });
const kScripts = Number(values.scripts);
const residentKib = (server) => Number(readFileSync(`/proc/${corePid(server.pid)}/status`, "utf8").match(/VmRSS:\s+(\d+)/)[1]);
const code = (text) => `export default { fetch() { return new Response(${JSON.stringify(text)}); } };`;

const dataDir = temporaryFolder("limpet-scripts");
let server = await startLimpet({ dataDir });
await server.deploy({ name: "first", code: code("first") });
await server.stop();
server = await startLimpet({ dataDir });
const before = residentKib(server);
const start = performance.now();
for (let next = 0; next < kScripts;) {
  const batch = Array.from({ length: Math.min(8, kScripts - next) }, () => next++);
  await Promise.all(batch.map((index) => server.deploy({ name: `script-${index}`, code: code(`script ${index}`) })));
}
console.log(`${kScripts} scripts deployed: ${((performance.now() - start) / kScripts).toFixed(2)} ms each`);
await server.stop();

const began = performance.now();
server = await startLimpet({ dataDir });
console.log(`start with ${kScripts} scripts: ${(performance.now() - began).toFixed(0)} ms`);
console.log(`memory of an idle script: ${((residentKib(server) - before) / kScripts).toFixed(1)} KiB`);
const sample = await server.fetch(`script-${kScripts - 1}`);
if (sample.body !== `script ${kScripts - 1}`) throw new Error(`wrong answer: ${sample.status} ${sample.body}`);

// 1 MB of code such as a bundler writes it: one module, many functions, few of them run at the start.
const functions = Array.from({ length: 8_000 }, (_, index) => `function part${index}(value) { const state = { index: ${index}, value }; return state.index + state.value * ${index}; }`);
const bundle = (version) => `${functions.join("\n")}\nexport default { fetch() { return new Response("version ${version}" + (part7(1) > 0 ? "" : "?")); } };`;
const times = [];
for (let version = 0; version < 20; version++) {
  const text = bundle(version);
  const from = performance.now();
  await server.deploy({ name: "large", code: text });
  const answer = await server.fetch("large");
  if (answer.body !== `version ${version}`) throw new Error(`not live: ${answer.body}`);
  times.push(performance.now() - from);
}
times.sort((a, b) => a - b);
console.log(`deploy of ${(bundle(0).length / 1e6).toFixed(2)} MB to its first answer: median ${times[10].toFixed(0)} ms, highest ${times.at(-1).toFixed(0)} ms`);
await server.stop();

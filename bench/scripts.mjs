// Many scripts on one server, and how long a deploy takes until it is live.
//   node bench/scripts.mjs [--scripts 10000]
// Prints: memory of an idle script, the next start until its ready line, and what deploy.mjs does, beside all of them.
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { deployReport, measureDeploys } from "./deploy.mjs";
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

console.log(deployReport(await measureDeploys(server)));
await server.stop();

// Deploy to live: from the last byte of an upload to the first answer of the new version, sent for when the upload was
// answered. A bundle of 1 MB and one of a line take turns.
//   node bench/deploy.mjs [--runs 25]
import http from "node:http";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startLimpet, uploadForm } from "../tests/system/lib.mjs";

export const kLiveMsWanted = 100;  // Of 1 MB.
const kBytes = { large: 1_000_000, small: 0 };

// Code such as a bundler writes it: one module, many functions, few of them run at the start.
function bundle(bytes, version) {
  const parts = [];
  for (let index = 0, length = 0; length < bytes; index++) {
    parts.push(`function part${index}(value) { const state = { index: ${index}, value }; return state.index + state.value * ${index}; }\n`);
    length += parts.at(-1).length;
  }
  return `${parts.join("")}export default { fetch() { return new Response("version ${version}"); } };`;
}

function send(url, { body, ...options }) {
  return new Promise((resolve, reject) => {
    let sent;
    const request = http.request(url, options, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ sent, answered: performance.now(), status: response.statusCode, body: Buffer.concat(chunks).toString() }));
    });
    request.on("error", reject);
    request.end(body, () => (sent = performance.now()));
  });
}

async function deployOnce(server, agent, name, version) {
  const form = uploadForm({ modules: { "index.mjs": bundle(kBytes[name], version) } });
  const headers = { authorization: `Bearer ${server.token}`, "content-type": form.type, "content-length": form.body.length };
  const upload = `${server.admin}/client/v4/accounts/local/workers/scripts/${name}?excludeScript=true`;
  const put = await send(upload, { method: "PUT", agent, headers, body: form.body });
  if (put.status !== 200) throw new Error(`refused: ${put.status} ${put.body}`);
  const first = await send(server.url, { agent, headers: { host: `${name}.localhost` } });
  if (first.body !== `version ${version}`) throw new Error(`not live: ${first.status} ${first.body}`);
  return { answered: put.answered - put.sent, live: first.answered - put.sent };
}

// Milliseconds, of each bundle: { large: { answered, live, highest }, small }; medians but for the highest.
export async function measureDeploys(server, runs = 25) {
  const agent = new http.Agent({ keepAlive: true });
  const times = { large: [], small: [] };
  for (let run = -1; run < runs; run++) {
    for (const name of Object.keys(kBytes)) {
      const took = await deployOnce(server, agent, name, run);
      if (run >= 0) times[name].push(took);  // The first one warms up.
    }
  }
  agent.destroy();
  const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
  const summary = (list) => ({ answered: median(list.map((each) => each.answered)), live: median(list.map((each) => each.live)), highest: Math.max(...list.map((each) => each.live)) });
  return { large: summary(times.large), small: summary(times.small) };
}

export function deployReport({ large, small }) {
  const line = ({ answered, live, highest }) => `answered after ${answered.toFixed(1)} ms, live after ${live.toFixed(1)} ms (highest ${highest.toFixed(1)})`;
  return `deploy of 1 MB: ${line(large)}: ${large.live <= kLiveMsWanted ? "met" : "missed"} (≤ ${kLiveMsWanted} ms)\ndeploy of a line: ${line(small)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { runs: { type: "string", default: "25" } } });
  const server = await startLimpet();
  console.log(deployReport(await measureDeploys(server, Number(values.runs))));
  await server.stop();
}

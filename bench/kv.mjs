// Workers KV beside miniflare's: puts and gets a second of one namespace, in alternating runs under the same load.
//   node bench/kv.mjs [--seconds 3] [--runs 3]
import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";
import { makeKvNamespace, request, startLimpet, startMiniflare, temporaryFolder } from "../tests/system/lib.mjs";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "3" }, runs: { type: "string", default: "3" } } });
const kConnections = 64;
const kKeys = 1000;

// /get and /put are one operation a request, /gets and /puts ten: what a request itself costs is out of it then.
const kCode = `
let next = 0;
const key = () => "key-" + (next = (next + 1) % ${kKeys});
const value = "v".repeat(100);
const many = (action) => Promise.all(Array.from({ length: 10 }, action));
export default { async fetch(request, { KV }) {
  switch (new URL(request.url).pathname) {
    case "/get": return new Response(await KV.get(key()));
    case "/put": await KV.put(key(), value); break;
    case "/gets": await many(() => KV.get(key())); break;
    case "/puts": await many(() => KV.put(key(), value)); break;
  }
  return new Response("ok");
} };`;

const limpet = await startLimpet({ shards: 1 });
await limpet.deploy({ name: "kv", code: kCode, kv: { KV: await makeKvNamespace(limpet, "bench") } });
const miniflare = await startMiniflare({ modules: { "index.mjs": kCode }, kv: ["KV"], folder: temporaryFolder("bench-kv") });
const servers = { limpet: { url: limpet.url, host: `kv.localhost:${limpet.port}` }, miniflare: { url: miniflare.url } };

// Operations a second.
function load({ url, host }, path, each) {
  const headers = host ? ["-H", `Host: ${host}`] : [];
  const output = execFileSync("wrk", ["-t1", `-c${each === 1 ? kConnections : 8}`, `-d${values.seconds}s`, "--timeout", "30s", ...headers, url + path], { encoding: "utf8" });
  const bad = output.match(/Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)/)?.[0];
  if (bad) console.log(`  ${path}: ${bad}`);
  return Number(output.match(/Requests\/sec: +([\d.]+)/)[1]) * each;
}
// What a load left behind is worked off: nothing of it runs beside the other server's.
async function settle({ url, host }) {
  for (let i = 0; i < 3; i++) await request(`${url}/put`, { host, timeoutMs: 120_000 });
}
const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];

try {
  for (const server of Object.values(servers)) {
    for (let i = 0; i < kKeys / 10; i++) await request(`${server.url}/puts`, { host: server.host });
  }
  for (const [path, each] of [["/get", 1], ["/gets", 10], ["/put", 1], ["/puts", 10]]) {
    const seen = { limpet: [], miniflare: [] };
    for (let i = 0; i < Number(values.runs); i++) {
      for (const name of Object.keys(servers)) {
        seen[name].push(load(servers[name], path, each));
        await settle(servers[name]);
      }
    }
    const [ours, theirs] = [median(seen.limpet), median(seen.miniflare)];
    console.log(`${path.padEnd(6)} limpet ${Math.round(ours)}/s  miniflare ${Math.round(theirs)}/s  ratio ${(ours / theirs).toFixed(1)}`);
  }
} finally {
  await limpet.stop();
  await miniflare.stop();
}

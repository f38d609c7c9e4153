// Load at a fixed rate, whatever the server does (open loop): latency counts from the time a request was due.
import http from "node:http";

// Resolves with { sent, p50Ms, p99Ms, errors }.
export async function pacedLoad(server, path, { rate, seconds, connections }) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const url = new URL(server.url);
  const latencies = [];
  let errors = 0;
  let sent = 0;
  const waiting = new Set();
  const one = (dueMs) => {
    const done = new Promise((finish) => {
      const failed = () => { errors++; finish(); };
      const outgoing = http.get({ hostname: url.hostname, port: url.port, path, agent, headers: { host: server.host ?? url.host } }, (response) => {
        response.on("error", failed);
        response.on("end", () => {
          latencies.push(performance.now() - dueMs);
          if (response.statusCode !== 200) errors++;
          finish();
        });
        response.resume();
      });
      outgoing.on("error", failed);
    }).finally(() => waiting.delete(done));
    waiting.add(done);
  };
  const start = performance.now();
  const total = Math.round(rate * seconds);
  while (sent < total) {
    const due = Math.min(total, Math.floor(((performance.now() - start) / 1000) * rate));
    while (sent < due) one(start + (sent++ / rate) * 1000);
    await new Promise((done) => setImmediate(done));
  }
  await Promise.all(waiting);
  agent.destroy();
  latencies.sort((a, b) => a - b);
  return { sent, p50Ms: latencies[latencies.length >> 1], p99Ms: latencies[Math.floor(latencies.length * 0.99)], errors };
}

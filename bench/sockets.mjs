// What a hibernated WebSocket costs: bytes of the server's memory and of the kernel's, after its object was evicted.
//   node bench/sockets.mjs [--count 10000] [--objects 100]
import { readFileSync } from "node:fs";
import net from "node:net";
import { parseArgs } from "node:util";
import { corePid, startLimpet, until } from "../tests/system/lib.mjs";

const { values } = parseArgs({ options: { count: { type: "string", default: "10000" }, objects: { type: "string", default: "100" } } });
const [count, objects] = [Number(values.count), Number(values.objects)];

const kCode = `
export class Room {
  constructor(state) { this.state = state; }
  fetch(request) {
    const [client, server] = Object.values(new WebSocketPair());
    this.state.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client });
  }
  webSocketMessage(socket, message) { socket.send(message); }
}
export default { fetch: (request, env) => env.Room.get(env.Room.idFromName(new URL(request.url).pathname)).fetch(request) };`;

const server = await startLimpet({ shards: 1, flags: ["--idle-evict-ms", "200"] });
await server.deploy({ name: "room", code: kCode, classes: ["Room"] });
const pid = corePid(server.pid);
const resident = () => Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/VmRSS:\s+(\d+)/)[1]) * 1024;
const sockets = [];

const open = (path) => new Promise((done, fail) => {
  const socket = net.connect(server.port, "127.0.0.1");
  socket.on("error", fail);
  socket.once("data", (data) => (String(data).startsWith("HTTP/1.1 101") ? done(socket) : fail(new Error(String(data)))));
  socket.write(`GET ${path} HTTP/1.1\r\nHost: room.localhost:${server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  sockets.push(socket);
});
const fill = async (to) => {
  while (sockets.length < to) await Promise.all(Array.from({ length: Math.min(50, to - sockets.length) }, (_, i) => open(`/${(sockets.length + i) % objects}`)));
  await until("the eviction", async () => (await server.metric("limpet_objects_live")) === 0);
};

await fill(count / 10);
const before = resident();
await fill(count);
const each = (resident() - before) / (count - count / 10);
console.log(`${count} hibernated WebSockets of ${objects} objects: ${Math.round(each)} bytes each, ${Math.round(resident() / (1 << 20))} MiB in all`);
for (const socket of sockets) socket.destroy();
await server.stop();

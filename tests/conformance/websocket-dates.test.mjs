// compatibility-date: 2026-05-01
// What about WebSockets depends on the compatibility date: the limit of a reason, Blobs, and who answers a Close.
import { objectClass, worker } from "./lib.mjs";
import { outcome } from "./modules/rows.mjs";
import { connect, next, open, pair, pause, record, until } from "./modules/sockets.mjs";

const gets = async (object, path) => (await object.fetch(`http://object${path}`)).json();

const rows = {
  "a reason of 124 bytes": [async () => { const [a] = open(); return outcome(() => a.close(1000, "x".repeat(124)) ?? "fine"); }, "DOMException SyntaxError: WebSocket close reason must not be longer than 123 bytes when UTF-8 encoded."],
  "a reason of 123 bytes": [async () => { const [a, b] = open(); const event = next(b, "close"); a.close(1000, "x".repeat(123)); return (await event).reason.length; }, 123],
  "a reason of 62 umlauts": [async () => { const [a] = open(); return outcome(() => a.close(1000, "ü".repeat(62)) ?? "fine"); }, "DOMException SyntaxError: WebSocket close reason must not be longer than 123 bytes when UTF-8 encoded."],
  "the binaryType": [() => pair()[0].binaryType, "blob"],
  "bytes arrive as a Blob": [async () => { const [a, b] = open(); const event = next(b); a.send(new Uint8Array([1, 2])); const { data } = await event; return [data.constructor.name, data.size, data.type, [...new Uint8Array(await data.arrayBuffer())]]; }, ["Blob",2,"",[1,2]]],
  "bytes arrive as an ArrayBuffer, if asked for": [async () => { const [a, b] = open(); b.binaryType = "arraybuffer"; const event = next(b); a.send(new Uint8Array([1, 2])); return (await event).data.constructor.name; }, "ArrayBuffer"],
  "another binaryType": [() => { const [a] = pair(); a.binaryType = "nodebuffer"; return a.binaryType; }, "blob"],
  "a Close is answered": [async () => { const [a, b] = open(); const seen = record(a, [], "a "); record(b, seen, "b "); a.close(4001, "ask"); await until(seen, 2, 200); return [...seen.sort(), a.readyState, b.readyState]; }, ["a close 4001 ask true state 3","b close 4001 ask true state 3","b error Uncaught Error: Network connection lost.",3,3], { limpet: ["a close 4001 ask true state 3", "b close 4001 ask true state 3", 3, 3], because: "workerd reads on after both Close frames, and reports that" }],
  "a Close is not answered if half open is allowed": [async () => { const [a, b] = open({ allowHalfOpen: true }); const seen = record(a, [], "a "); record(b, seen, "b "); a.close(4001, "ask"); await until(seen, 2, 100); return [...seen.sort(), a.readyState, b.readyState]; }, ["b close 4001 ask true state 2",2,2]],
  "send in a close event": [async () => { const [a, b] = open(); const seen = []; b.addEventListener("close", () => { try { b.send("bye"); seen.push("sent"); } catch (error) { seen.push(error.message); } }); a.close(1000); return until(seen, 1, 100); }, ["Can't call WebSocket send() after close()."]],
  "close in a close event": [async () => { const [a, b] = open(); const seen = record(a); b.addEventListener("close", () => b.close(4002, "mine")); a.close(1000, "x"); return until(seen, 1, 100); }, ["close 1000 x true state 3"]],
  "a hibernatable socket's Close is answered": [async ({ object }) => { const socket = await connect(object, "/accept"); const seen = record(socket); socket.close(4001, "ask"); await until(seen, 1, 200); return [seen, socket.readyState, await gets(object, "/log")]; }, [[],2,["close 4001 ask true state 2"]], { limpet: [["close 4001 ask true state 3"], 3, ["close 4001 ask true state 2"]], because: "a Close that the handler does not answer is answered after it: else the connection would stay for ever" }],
  "bytes at a hibernatable socket": [async ({ object }) => { const socket = await connect(object, "/accept"); socket.binaryType = "arraybuffer"; socket.send(new Uint8Array([7])); await pause(20); return gets(object, "/log"); }, ["ArrayBuffer"]],
};

const cases = {};
for (const [name, [run, expect, more]] of Object.entries(rows)) cases[name] = { run: (tools) => outcome(() => run(tools)), expect, ...more };

export class Subject extends objectClass(cases) {
  log = [];
  async fetch(request) {
    if (request.url.endsWith("/log")) return Response.json(this.log);
    if (!request.url.endsWith("/accept")) return super.fetch(request);
    const [client, server] = pair();
    this.state.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client });
  }
  webSocketMessage(socket, message) { this.log.push(message.constructor.name); }
  webSocketClose(socket, code, reason, wasClean) { this.log.push(`close ${code} ${reason} ${wasClean} state ${socket.readyState}`); }
}
export default worker(cases);

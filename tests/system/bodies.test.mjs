// Bodies that a Worker pipes: what its promise hears of a client that goes, and what a client that takes nothing costs.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import net from "node:net";
import { after, before, test } from "node:test";
import { corePid, startLimpet, until } from "./lib.mjs";

const kBytes = 80 * 1024 * 1024;  // Under the limit of a body.
const kMemoryBytesMax = 64 * 1024 * 1024;
const code = `
const ends = [];
export default { fetch(request, env, ctx) {
  if (request.method === "GET") return Response.json(ends);
  const { readable, writable } = new ({ Identity: IdentityTransformStream, Plain: TransformStream })[new URL(request.url).pathname.slice(1)]();
  ctx.waitUntil(request.body.pipeTo(writable).then(() => ends.push("whole"), () => ends.push("cut")));
  return new Response(readable);
} };`;

let server;
before(async () => {
  server = await startLimpet({ shards: 1 });
  await server.deploy({ name: "pipes", code });
});
after(() => server.stop());

const resident = () => Number(readFileSync(`/proc/${corePid(server.pid)}/status`, "utf8").match(/VmRSS:\s+(\d+)/)[1]) * 1024;
const ends = async () => JSON.parse((await server.fetch("pipes", "/")).body);
const upload = (path) => {
  const socket = net.connect(server.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write(`POST ${path} HTTP/1.1\r\nHost: pipes.localhost\r\nContent-Length: ${kBytes}\r\n\r\n`);
  return socket;
};

for (const path of ["/Identity", "/Plain"]) {
  test(`${path}: the pipe is told its end, and that the client has gone`, async () => {
    const seen = (await ends()).length;
    const body = Buffer.alloc(300_000, "x");
    assert.equal((await server.fetch("pipes", path, { method: "POST", body })).bytes.length, body.length);
    await until("the end of the pipe", async () => (await ends()).slice(seen).join() === "whole");

    const socket = upload(path);
    socket.write(body);
    socket.once("data", () => socket.destroy());
    await until("the cut of the pipe", async () => (await ends()).slice(seen).join() === "whole,cut");
  });

  test(`${path}: a client that takes nothing costs no memory`, async () => {
    const start = resident();
    const socket = upload(path).pause();
    const piece = Buffer.alloc(1 << 20, "x");
    let taken = 0;
    const more = () => {
      for (; taken < kBytes; taken += piece.length) if (!socket.write(piece)) return socket.once("drain", () => { taken += piece.length; more(); });
    };
    more();
    let last;
    await until("the upload to stop", () => {  // What the server has taken stands still for half a second.
      const now = performance.now();
      if (last?.taken !== socket.bytesWritten - socket.writableLength) last = { taken: socket.bytesWritten - socket.writableLength, at: now };
      return now - last.at > 500;
    });
    assert.ok(last.taken > 0 && last.taken < kBytes, `the server took ${last.taken} bytes`);
    assert.ok(resident() - start < kMemoryBytesMax, `${resident() - start} bytes more`);
    socket.destroy();
  });
}

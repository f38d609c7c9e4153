// Bodies that a Worker pipes: what its promise hears of a client that goes, and what a client that takes nothing costs.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { after, before, test } from "node:test";
import { corePid, startLimpet, until } from "./lib.mjs";

const kBytes = 80 * 1024 * 1024;  // Under the limit of a body.
const kMemoryBytesMax = 64 * 1024 * 1024;
const code = `
const ends = [];
export default { fetch(request, env, ctx) {
  if (request.method === "GET") return Response.json(ends);
  const [, kind, late] = new URL(request.url).pathname.split("/");
  const { readable, writable } = new ({ Identity: IdentityTransformStream, Plain: TransformStream })[kind]();
  const pipe = () => request.body.pipeTo(writable).then(() => ends.push("whole"), () => ends.push("cut"));
  ctx.waitUntil(late ? scheduler.wait(1).then(pipe) : pipe());
  return new Response(readable);
} };`;

const fetched = `
export default { async fetch(request) {
  const { pathname, searchParams } = new URL(request.url);
  const answer = () => fetch(searchParams.get("from"));
  if (pathname === "/pass") return answer();
  if (pathname === "/text") return new Response(await (await answer()).text());
  if (pathname === "/bytes") return new Response(await (await answer()).arrayBuffer());
  const kept = [];
  while (kept.length < 100) kept.push(await (await answer()).text());
  return new Response(String(kept.length));
} };`;
const kBodies = {
  ascii: Buffer.alloc(3_000_003, "abcdefg"),
  wide: Buffer.from("\u00e4\u20ac\u{1f600}".repeat(50_000)),
  marked: Buffer.concat([Buffer.from("\ufeff"), Buffer.alloc(200_000, "x")]),
  small: Buffer.from("small"),
};

let server;
const origin = http.createServer((request, response) => {
  const body = kBodies[request.url.slice(1)];
  response.setHeader("Content-Length", body.length);
  response.end(body);
});
before(async () => {
  server = await startLimpet({ shards: 1, flags: ["--allow-private-network"] });
  await server.deploy({ name: "pipes", code });
  await server.deploy({ name: "fetched", code: fetched });
  await new Promise((resolve) => origin.listen(0, "127.0.0.1", resolve));
});
after(() => {
  origin.closeAllConnections();
  origin.close();
  return server.stop();
});
const fromOrigin = (path, name) => server.fetch("fetched", `${path}?from=${encodeURIComponent(`http://127.0.0.1:${origin.address().port}/${name}`)}`);

for (const name of Object.keys(kBodies)) {
  test(`a fetched body (${name}) passes untouched, and is what a script reads`, async () => {
    const body = kBodies[name];
    for (let turn = 0; turn < 2; turn++) {
      assert.ok((await fromOrigin("/pass", name)).bytes.equals(body), "passed");
      assert.ok((await fromOrigin("/bytes", name)).bytes.equals(body), "as bytes");
      assert.equal((await fromOrigin("/text", name)).body, new TextDecoder().decode(body), "as text");
    }
  });
}

test("texts that a script keeps count against the limit of its memory", async () => {
  assert.ok((await fromOrigin("/keep", "ascii")).status >= 500);
  assert.equal((await fromOrigin("/text", "small")).body, "small");
});

const resident = () => Number(readFileSync(`/proc/${corePid(server.pid)}/status`, "utf8").match(/VmRSS:\s+(\d+)/)[1]) * 1024;
const ends = async () => JSON.parse((await server.fetch("pipes", "/")).body);
const upload = (path) => {
  const socket = net.connect(server.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write(`POST ${path} HTTP/1.1\r\nHost: pipes.localhost\r\nContent-Length: ${kBytes}\r\n\r\n`);
  return socket;
};

for (const path of ["/Identity", "/Plain", "/Identity/late", "/Plain/late"]) {
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
    const seen = (await ends()).length;
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
    await until("the cut of the pipe", async () => (await ends()).slice(seen).join() === "cut");
  });
}

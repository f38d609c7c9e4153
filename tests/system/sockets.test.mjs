// cloudflare:sockets on a server as it is by default, and what keeps an object that holds a connection.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startTcpPeer } from "../conformance/tcp_peer.mjs";
import { startLimpet } from "./lib.mjs";

const kScript = `
import { connect } from "cloudflare:sockets";
import { DurableObject } from "cloudflare:workers";
const bytes = (text) => new TextEncoder().encode(text);
async function failure(address, options) {
  try {
    await connect(address, options).opened;
    return "connected";
  } catch (error) {
    return error.message + " | " + error.cause?.message;
  }
}
export class Holder extends DurableObject {
  async open(address) {
    this.socket = connect(address);
    this.writer = this.socket.writable.getWriter();
    await this.writer.write(bytes("echo\\n"));
    this.reader = this.socket.readable.getReader();
  }
  async echo(text) {
    if (this.socket === undefined) return "forgotten";
    await this.writer.write(bytes(text));
    return new TextDecoder().decode((await this.reader.read()).value);
  }
  async close() {
    await this.socket.close();
  }
}
export default {
  async fetch(request, env) {
    const { action, address, secure } = await request.json();
    const holder = env.Holder.getByName("one");
    if (action === "failure") return new Response(await failure(address, { secureTransport: secure ?? "off" }));
    return new Response(String(await (action === "open" ? holder.open(address) : action === "close" ? holder.close() : holder.echo(action))));
  },
};`;

let peer, closed, open;
before(async () => {
  peer = await startTcpPeer();
  [closed, open] = await Promise.all([startLimpet({ shards: 1 }), startLimpet({ shards: 2, flags: ["--allow-private-network", "--idle-evict-ms", "100"] })]);
  for (const server of [closed, open]) await server.deploy({ name: "sockets", code: kScript, classes: ["Holder"] });
});
after(async () => {
  await Promise.all([closed?.stop(), open?.stop()]);
  peer?.close();
});
const ask = async (server, body) => (await server.fetch("sockets", "/", { method: "POST", body: JSON.stringify(body) })).body;
const kRefused = "proxy request failed, cannot connect to the specified address | ";

test("private addresses are refused, unless a flag permits them", async () => {
  const text = await ask(closed, { action: "failure", address: peer.plain });
  assert.ok(text.startsWith(kRefused) && text.includes("--allow-private-network"), text);
  assert.equal(await ask(open, { action: "failure", address: peer.plain }), "connected");
});

test("the admin port is refused always", async () => {
  const text = await ask(open, { action: "failure", address: `localhost:${open.adminPort}` });
  assert.ok(text.startsWith(kRefused) && text.includes("reserved"), text);
});

test("a certificate that nobody vouches for is refused, and the cause says so", async () => {
  const text = await ask(open, { action: "failure", address: peer.secure, secure: "on" });
  assert.ok(text.startsWith(kRefused) && text.includes("TLS"), text);
});

test("an object with an open connection stays in memory, and leaves it afterwards", async () => {
  await ask(open, { action: "open", address: peer.plain });
  await new Promise((done) => setTimeout(done, 500));
  assert.equal(await ask(open, { action: "still here" }), "still here");
  await ask(open, { action: "close" });
  for (let i = 0; i < 100; i++) {
    await new Promise((done) => setTimeout(done, 200));
    if (await ask(open, { action: "x" }).catch(() => "") === "forgotten") return;
  }
  assert.fail("it never left");
});

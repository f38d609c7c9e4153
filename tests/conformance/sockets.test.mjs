// cloudflare:sockets, with tcp_peer.mjs at the other end.
import { connect } from "cloudflare:sockets";
import { objectClass, thrown, worker } from "./lib.mjs";

const bytes = (text) => new TextEncoder().encode(text);
async function textOf(readable) {
  let text = "";
  for await (const chunk of readable) text += new TextDecoder().decode(chunk);
  return text;
}

async function say(socket, text) {
  const writer = socket.writable.getWriter();
  try {
    await writer.write(bytes(text));
  } finally {
    writer.releaseLock();
  }
}

// "pending" if the promise is not settled soon.
const soon = (promise, ms = 2000) => Promise.race([promise, scheduler.wait(ms).then(() => "pending")]);
const state = (promise, ms) => soon(thrown(() => promise), ms);
const kRefused = "Error: proxy request failed, cannot connect to the specified address";
const kLost = "Error: Network connection lost.";

// What connect() says to an address or options; "connects" if nothing.
async function refusal(address, options) {
  try {
    const socket = connect(address, options);
    for (const promise of [socket.opened, socket.closed, socket.close()]) promise.catch(() => {});
    return "connects";
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
}

const kSaid = "the arguments of workerd's own classes have mangled names";
const cases = {
  "a socket is an object of its class with these members": {
    async run({ env }) {
      const socket = connect(env.TCP);
      const seen = [
        Object.prototype.toString.call(socket), socket.constructor.name, Object.keys(socket), connect.name, typeof globalThis.Socket,
        ["readable", "writable", "opened", "closed", "upgraded", "secureTransport", "close", "startTls"].map((key) => key in socket),
        socket.readable === socket.readable, socket.opened === socket.opened, socket.closed === socket.closed,
        socket.secureTransport, socket.upgraded, await thrown(() => new socket.constructor()),
      ];
      await socket.close();
      return seen;
    },
    expect: ["[object Socket]", "Socket", [], "connect", "undefined", Array(8).fill(true), true, true, true, "off", false,
             "TypeError: Illegal constructor"],
  },
  "addresses": {
    async run() {
      const long = `${"x".repeat(300)}:80`;
      const addresses = ["", "host", "host:", ":80", "host:99999", "ho st:80", "http://host:80", "user@host:80", "host:80/path",
                         "host:80?x", "[::1", "é.com:80", long, 5, {}, { hostname: "a" }, { hostname: "a", port: 70000 },
                         { hostname: "a", port: -1 }, { hostname: "a b", port: 1 }, "[::1]:1", { hostname: "127.0.0.1", port: "1" }];
      return Promise.all(addresses.map((address) => refusal(address)));
    },
    expect: [
      "TypeError: Specified address is missing hostname.", "TypeError: Specified address is missing port.",
      "TypeError: Specified address is missing port.", "TypeError: Specified address could not be parsed.",
      "TypeError: Specified address could not be parsed.", "TypeError: Specified address could not be parsed.",
      "TypeError: Specified address is missing port.",
      ...Array(3).fill("TypeError: Specified address is empty string, contains unsupported characters or is too long."),
      "TypeError: Specified address could not be parsed.",
      ...Array(2).fill("TypeError: Specified address is empty string, contains unsupported characters or is too long."),
      "TypeError: Specified address is missing port.",
      ...Array(2).fill("TypeError: The value cannot be converted because it is not an integer."),
      "TypeError: Value out of range. Must be less than or equal to 65535.",
      "TypeError: The value cannot be converted because it is negative and this API expects a positive number.",
      "TypeError: Specified address is empty string, contains unsupported characters or is too long.", "connects", "connects",
    ],
  },
  "no address at all": {
    run: () => Promise.all([refusal(), refusal(null)]),
    expect: Array(2).fill("TypeError: Cannot initialize N7workerd3api13SocketAddressE with required members from an undefined or null value."),
    limpet: Array(2).fill("TypeError: Cannot initialize SocketAddress with required members from an undefined or null value."),
    because: kSaid,
  },
  "options": {
    async run({ env }) {
      const options = [5, "x", { secureTransport: "yes" }, { secureTransport: null }, { highWaterMark: -1 }, { highWaterMark: "x" },
                       { secureTransport: undefined, allowHalfOpen: "x", highWaterMark: 5n, other: 1 }, undefined];
      return Promise.all(options.map((each) => refusal(env.TCP, each)));
    },
    expect: [
      ...Array(2).fill("TypeError: Failed to execute 'connect' on 'SocketsModule': parameter 2 is not of type 'SocketOptions'."),
      "TypeError: Unsupported value in secureTransport socket option: yes",
      "TypeError: Unsupported value in secureTransport socket option: null",
      "TypeError: The value cannot be converted because it is negative and this API expects a positive bigint.",
      "TypeError: The value cannot be converted because it is not an integer.", "connects", "connects",
    ],
  },
  "bytes go and come; closing the writable side lets the other end finish": {
    async run({ env }) {
      const socket = connect(env.TCP);
      const { remoteAddress } = await socket.opened;
      await say(socket, "echo\nhello");
      await socket.writable.close();
      return [remoteAddress === env.TCP, await textOf(socket.readable), await state(socket.closed)];
    },
    expect: [true, "hello", "nothing thrown"],
  },
  "an address as hostname and port": {
    async run({ env }) {
      const [hostname, port] = env.TCP.split(":");
      const socket = connect({ hostname, port: Number(port) });
      await say(socket, "say x\n");
      return [(await socket.opened).remoteAddress === env.TCP, await textOf(socket.readable)];
    },
    expect: [true, "x"],
  },
  "writes wait for the connection": {
    async run({ env }) {
      const socket = connect(`localhost:${env.TCP.split(":")[1]}`);
      const writer = socket.writable.getWriter();
      for (const text of ["ec", "ho\n", "one", "two"]) writer.write(bytes(text));
      await writer.close();
      return textOf(socket.readable);
    },
    expect: "onetwo",
  },
  "the other side's end closes this one": {
    async run({ env }) {
      const socket = connect(env.TCP);
      await say(socket, "say hi there\n");
      const text = await textOf(socket.readable);
      await socket.closed;
      return [text, await thrown(() => say(socket, "more"))];
    },
    expect: ["hi there", "TypeError: This WritableStream has been closed."],
  },
  "but not if it may be half open": {
    async run({ env }) {
      const socket = connect(env.TCP, { allowHalfOpen: true });
      await say(socket, "say hi there\n");
      const text = await textOf(socket.readable);
      const seen = [text, await state(socket.closed), await thrown(() => say(socket, "more")), await thrown(() => socket.writable.close())];
      return [...seen, await thrown(() => socket.close()), await state(socket.closed)];
    },
    expect: ["hi there", "pending", "nothing thrown", "nothing thrown", "nothing thrown", "nothing thrown"],
  },
  "an end that nobody reads is not noticed": {
    async run({ env }) {
      const socket = connect(env.TCP);
      await say(socket, "say hi there\n");
      const seen = await state(socket.closed);
      await socket.close();
      return seen;
    },
    expect: "pending",
  },
  "a connection that is cut": {
    async run({ env }) {
      const socket = connect(env.TCP);
      await say(socket, "reset\n");
      return [await thrown(() => socket.readable.getReader().read()), await state(socket.closed), await thrown(() => say(socket, "x"))];
    },
    expect: [kLost, "nothing thrown", kLost],
  },
  "nobody listens": {
    async run({ env }) {
      const socket = connect(env.TCP_CLOSED);
      return [await thrown(() => socket.opened), await thrown(() => socket.closed), await textOf(socket.readable),
              await thrown(() => say(socket, "x")), await thrown(() => socket.close())];
    },
    expect: [kRefused, kRefused, "", kRefused.replace("Error:", "Error: jsg.Error:"), "nothing thrown"],
  },
  "nobody listens, and the script writes at once": {
    run: ({ env }) => thrown(() => say(connect(env.TCP_CLOSED), "x")),
    expect: kRefused.replace("Error:", "Error: jsg.Error:"),
  },
  "ports of HTTP and mail, a name that is none": {
    async run() {
      const seen = [];
      for (const address of ["127.0.0.1:80", "127.0.0.1:25", "no-such-host.invalid:1234"]) {
        seen.push(await thrown(() => connect(address).opened));
      }
      return seen;
    },
    expect: [`${kRefused}. It looks like you might be trying to connect to a HTTP-based service — consider using fetch instead`, kRefused, kRefused],
  },
  "close() cuts the line and refuses what comes later": {
    async run({ env }) {
      const socket = connect(env.TCP);
      await say(socket, "hold\n");
      const reader = socket.readable.getReader();
      const reading = thrown(() => reader.read());
      const seen = [await thrown(() => socket.close()), await state(socket.closed), await reading, await thrown(() => say(socket, "x")),
                    await thrown(() => socket.close())];
      let held = "open";
      for (let i = 0; held === "open" && i < 100; i++) {
        const asking = connect(env.TCP);
        await say(asking, "held\n");
        held = await textOf(asking.readable);
      }
      return [...seen, held !== "open"];
    },
    expect: ["nothing thrown", "nothing thrown", "TypeError: This socket has been closed.",
             "TypeError: This WritableStream belongs to an object that is closing.", "nothing thrown", true],
  },
  "close() at once waits for the connection": {
    async run({ env }) {
      const socket = connect(env.TCP);
      return [await thrown(() => socket.close()), (await socket.opened).remoteAddress === env.TCP];
    },
    expect: ["nothing thrown", true],
  },
  "what was written before close() arrives": {
    async run({ env }) {
      const socket = connect(env.TCP);
      const writer = socket.writable.getWriter();
      writer.write(bytes("keep\n")).catch(() => {});
      for (let i = 0; i < 10; i++) writer.write(new Uint8Array(100_000)).catch(() => {});
      await socket.close();
      const asking = connect(env.TCP);
      await say(asking, "kept\n");
      return textOf(asking.readable);
    },
    expect: "1000000",
  },
  "cancel() and abort() leave the other direction alone": {
    async run({ env }) {
      const first = connect(env.TCP);
      await say(first, "echo\n");
      await first.readable.cancel("why");
      const second = connect(env.TCP);
      await say(second, "say still\n");
      await second.writable.abort(new Error("why")).catch(() => {});
      const seen = [await thrown(() => say(first, "x")), await state(first.closed), await textOf(second.readable)];
      await first.close();
      return seen;
    },
    expect: ["nothing thrown", "pending", "still"],
  },
  "highWaterMark counts bytes": {
    async run({ env }) {
      const socket = connect(env.TCP, { highWaterMark: 10 });
      const writer = socket.writable.getWriter();
      const seen = [writer.desiredSize];
      const writing = writer.write(bytes("hold\n123456789"));
      seen.push(writer.desiredSize);
      await writing;
      seen.push(writer.desiredSize);
      socket.close();
      return seen;
    },
    expect: [10, -4, 10],
  },
  "readers may bring a buffer": {
    async run({ env }) {
      const socket = connect(env.TCP);
      await say(socket, "say hi there\n");
      const reader = socket.readable.getReader({ mode: "byob" });
      const first = await reader.read(new Uint8Array(4));
      const second = await reader.readAtLeast(4, new Uint8Array(100));
      const last = await reader.read(new Uint8Array(100));
      const text = (each) => new TextDecoder().decode(each.value);
      return [text(first), text(second), last.done];
    },
    expect: ["hi t", "here", true],
  },
  "five megabytes come": {
    async run({ env }) {
      const socket = connect(env.TCP);
      await say(socket, "count 5000000\n");
      let count = 0;
      for await (const chunk of socket.readable) count += chunk.byteLength;
      return count;
    },
    expect: 5_000_000,
  },
  "five megabytes go": {
    async run({ env }) {
      const socket = connect(env.TCP);
      await say(socket, "sum\n");
      const writer = socket.writable.getWriter();
      for (let i = 0; i < 50; i++) await writer.write(new Uint8Array(100_000));
      await writer.close();
      return textOf(socket.readable);
    },
    expect: "5000000",
  },
  "a reader that does not read holds the sender back": {
    async run({ env }) {
      const socket = connect(env.TCP);
      await say(socket, "flood\n");
      const reader = socket.readable.getReader();
      await reader.read();
      await scheduler.wait(300);
      const asking = connect(env.TCP);
      await say(asking, "flooded\n");
      const sent = Number(await textOf(asking.readable));
      await socket.close();
      return sent < 32 * 1024 * 1024;
    },
    expect: true,
  },
  "a response is what comes": {
    async run({ env }) {
      const socket = connect(env.TCP);
      await say(socket, "say as a body\n");
      return new Response(socket.readable);
    },
    http: { status: 200, body: "as a body" },
  },
  "a body is piped in": {
    async run({ env }) {
      const socket = connect(env.TCP);
      await say(socket, "echo\n");
      const piped = new Response("piped body").body.pipeTo(socket.writable);
      return [await textOf(socket.readable), await thrown(() => piped)];
    },
    expect: ["piped body", "nothing thrown"],
  },
  "in an object, behind its writes": {
    async inObject({ env, storage }) {
      storage.put("key", "value");
      const socket = connect(env.TCP);
      await say(socket, "echo\n");
      storage.put("key", "other");
      await say(socket, "from an object");
      await socket.writable.close();
      return [await textOf(socket.readable), await storage.get("key")];
    },
    expect: ["from an object", "other"],
  },
  "a socket of another request": {
    async run({ env, object }) {
      const made = connect(env.TCP);
      globalThis.socketOfAnother = made;
      const text = await (await object.fetch("http://object/action/useOther", { method: "POST", body: "null" })).json();
      await made.close();
      return text.startsWith("Error: Cannot perform I/O on behalf of a different");
    },
    expect: true,
  },
  // -- TLS
  "TLS from the beginning": {
    async run({ env }) {
      const socket = connect(env.TLS, { secureTransport: "on" });
      await say(socket, "say secret\n");
      return [socket.secureTransport, socket.upgraded, await textOf(socket.readable), await state(socket.closed), await thrown(() => socket.startTls())];
    },
    expect: ["on", false, "secret", "nothing thrown", "TypeError: Cannot startTls on a TLS socket."],
  },
  "over TLS, too, the writable side closes first": {
    async run({ env }) {
      const socket = connect(env.TLS, { secureTransport: "on", allowHalfOpen: true });
      await say(socket, "sum\n");
      await say(socket, "x".repeat(1000));
      await socket.writable.close();
      return textOf(socket.readable);
    },
    expect: "1000",
  },
  "a certificate of another name": {
    async run({ env }) {
      const socket = connect(env.TLS.replace("127.0.0.1", "127.0.0.2"), { secureTransport: "on" });
      return [await thrown(() => socket.opened), await thrown(() => socket.closed)];
    },
    expect: [kRefused, kRefused],
  },
  "startTls()": {
    async run({ env }) {
      const socket = connect(env.TCP, { secureTransport: "starttls" });
      await say(socket, "tls\n");
      const reader = socket.readable.getReader();
      const ready = new TextDecoder().decode((await reader.read()).value);
      reader.releaseLock();
      const secure = socket.startTls();
      const seen = [ready, socket.secureTransport, socket.upgraded, secure.secureTransport, secure.upgraded];
      seen.push(await thrown(() => socket.startTls()));
      seen.push((await secure.opened).remoteAddress === env.TCP, socket.upgraded, await state(socket.closed), socket.readable.locked, socket.writable.locked);
      await say(secure, "over tls");
      await secure.writable.close();
      return [...seen, await textOf(secure.readable), await thrown(() => socket.startTls()), await thrown(() => secure.startTls())];
    },
    expect: ["ready\n", "starttls", false, "on", false,
             "TypeError: startTls has already been called on this socket, or the socket was transferred over RPC.", true, true,
             "nothing thrown", true, true, "over tls", "TypeError: The connection was closed before startTls could be started.",
             "TypeError: Cannot startTls on a TLS socket."],
  },
  "startTls() sends first what was written": {
    async run({ env }) {
      const socket = connect(env.TCP, { secureTransport: "starttls" });
      const writer = socket.writable.getWriter();
      writer.write(bytes("tl"));
      writer.write(bytes("s-now\n"));
      writer.releaseLock();
      const secure = socket.startTls();
      await say(secure, "over tls");
      await secure.writable.close();
      return textOf(secure.readable);
    },
    expect: "over tls",
  },
  "startTls() for a name that the certificate has not": {
    async run({ env }) {
      const socket = connect(env.TCP, { secureTransport: "starttls" });
      await say(socket, "tls\n");
      const reader = socket.readable.getReader();
      await reader.read();
      reader.releaseLock();
      const secure = socket.startTls({ expectedServerHostname: "other.test" });
      const failed = await Promise.allSettled([secure.opened, secure.closed, secure.readable.getReader().read(), say(secure, "x")]);
      return failed.map(({ reason }) => reason?.name);
    },
    expect: ["Error", "Error", "Error", "Error"],
  },
  "startTls() where it makes no sense": {
    async run({ env }) {
      const plain = connect(env.TCP);
      const closed = connect(env.TCP, { secureTransport: "starttls" });
      await closed.close();
      const open = connect(env.TCP, { secureTransport: "starttls" });
      const seen = [plain, closed, open].map((socket, index) => thrown(() => socket.startTls(index === 2 ? 5 : undefined)));
      plain.close();
      open.close();
      return Promise.all(seen);
    },
    expect: ["TypeError: The `secureTransport` socket option must be set to 'starttls' for startTls to be used.",
             "TypeError: The connection was closed before startTls could be started.",
             "TypeError: Failed to execute 'startTls' on 'Socket': parameter 1 is not of type 'TlsOptions'."],
  },
};

let atStart = "connects";
try {
  connect("localhost:1");
} catch (error) {
  atStart = error.message.slice(0, 57);
}
cases["not in the global scope"] = { run: () => atStart, expect: "Disallowed operation called within global scope. Asynchro" };

export default worker(cases);
export const Subject = objectClass(cases, {
  async useOther() {
    return thrown(() => say(globalThis.socketOfAnother, "x"));
  },
});

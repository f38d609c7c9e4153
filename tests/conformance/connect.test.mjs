// connect() of a stub and the connect() handler of a class, an entrypoint and a default export.
// compatibility-date: 2026-05-01
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import { thrown, worker } from "./lib.mjs";

const bytes = (text) => new TextEncoder().encode(text);
const all = (stream) => new Response(stream).text();
async function say(socket, text) {
  const writer = socket.writable.getWriter();
  await writer.write(bytes(text));
  await writer.close();
}
// Both at once: neither side of a socket has a buffer.
const talk = async (socket, text) => (await Promise.all([all(socket.readable), say(socket, text)]))[0];

export class Subject extends DurableObject {
  async connect(socket) {
    await socket.readable.pipeTo(socket.writable);
  }
}
export class Plain {
  async connect(socket) { await say(socket, "plain"); }
}
export class Mute extends DurableObject {
  fetch() { return new Response("only fetch"); }
}
export class Thrower extends DurableObject {
  async connect() { throw new RangeError("no"); }
}
export class Quick extends DurableObject {
  connect(socket) {
    scheduler.wait(20).then(() => say(socket, "late")).catch(() => {});
  }
}
export class Once extends DurableObject {
  async connect(socket) {
    const { value } = await socket.readable.getReader().read();
    await socket.writable.getWriter().write(value);
  }
}
export class About extends DurableObject {
  async connect(socket) {
    const { upgraded, secureTransport } = socket;
    const opened = await socket.opened;
    await say(socket, JSON.stringify({ opened, upgraded, secureTransport, type: socket.constructor.name, tls: await thrown(() => socket.startTls()) }));
  }
}
export class Closer extends DurableObject {
  async connect(socket) {
    await socket.close();
    await socket.closed;
  }
}
export class Left extends DurableObject {
  async connect(socket) {
    this.seen = thrown(() => all(socket.readable));
    await this.seen;
  }
  async fetch() { return new Response(await this.seen); }
}
export class Writer extends DurableObject {
  async connect(socket) {
    this.ctx.storage.put("key", "stored");
    await say(socket, await this.ctx.storage.get("key"));
  }
}
export class Entry extends WorkerEntrypoint {
  async connect(socket) { await say(socket, JSON.stringify(this.ctx.props)); }
}
export class NoEntry extends WorkerEntrypoint {}

const stub = (env, name) => env[name].get(env[name].newUniqueId());
const kRefused = "Error: proxy request failed, cannot connect to the specified address";

const cases = {
  "a socket to an object and back": {
    run: ({ env }) => talk(stub(env, "Subject").connect("some.host:80"), "hello"),
    expect: "hello",
  },
  "several at once": {
    async run({ env }) {
      const object = stub(env, "Subject");
      return await Promise.all(["a", "b", "c"].map((text) => talk(object.connect("host:1"), text)));
    },
    expect: ["a", "b", "c"],
  },
  "a class that does not extend DurableObject": {
    run: ({ env }) => all(stub(env, "Plain").connect("host:1").readable),
    expect: "plain",
  },
  "what the caller sees of it": {
    async run({ env }) {
      const socket = stub(env, "Subject").connect({ hostname: "host", port: 5 });
      return [await socket.opened, socket.constructor.name, socket.upgraded, socket.secureTransport];
    },
    expect: [{ remoteAddress: "host:5", localAddress: undefined }, "Socket", false, "off"],
  },
  "what the handler sees of it": {
    run: async ({ env }) => JSON.parse(await all(stub(env, "About").connect("[::1]:5").readable)),
    expect: { opened: { localAddress: "[::1]:5" }, upgraded: false, secureTransport: "off", type: "Socket",
              tls: "TypeError: The `secureTransport` socket option must be set to 'starttls' for startTls to be used." },
  },
  "without a handler": {
    async run({ env }) {
      const socket = stub(env, "Mute").connect("host:1");
      return [await thrown(() => socket.opened), await thrown(() => socket.closed)];
    },
    expect: [kRefused, kRefused],
  },
  "a write without a handler": {
    run: ({ env }) => thrown(() => stub(env, "Mute").connect("host:1").writable.getWriter().write(bytes("a"))),
    expect: `Error: jsg.${kRefused}`,
  },
  "a handler that throws has connected": {
    async run({ env }) {
      const socket = stub(env, "Thrower").connect("host:1");
      return [await thrown(() => socket.opened), await all(socket.readable), await thrown(() => socket.closed)];
    },
    expect: ["nothing thrown", "", "nothing thrown"],
  },
  "the end of the handler is the end of the connection": {
    async run({ env }) {
      const socket = stub(env, "Quick").connect("host:1");
      return [await all(socket.readable), await thrown(() => socket.closed)];
    },
    expect: ["", "nothing thrown"],
  },
  "a write after the end of the handler": {
    async run({ env }) {
      const socket = stub(env, "Once").connect("host:1");
      const writer = socket.writable.getWriter();
      const reading = all(socket.readable);
      await writer.write(bytes("abc"));
      return [await reading, await thrown(() => socket.closed), await thrown(() => writer.write(bytes("def")))];
    },
    expect: ["abc", "nothing thrown", "Error: Network connection lost."],
  },
  "closed by the handler": {
    async run({ env }) {
      const socket = stub(env, "Closer").connect("host:1");
      return [await all(socket.readable), await thrown(() => socket.closed)];
    },
    expect: ["", "nothing thrown"],
  },
  "closed by the caller": {
    async run({ env }) {
      const object = stub(env, "Left");
      const socket = object.connect("host:1");
      const writer = socket.writable.getWriter();
      await writer.write(bytes("abc"));
      writer.releaseLock();
      await socket.close();
      return await (await object.fetch("http://object/")).text();
    },
    expect: "TypeError: Can't read from request stream because client disconnected.",
  },
  "what follows a write to the storage": {
    run: ({ env }) => all(stub(env, "Writer").connect("host:1").readable),
    expect: "stored",
  },
  "an entrypoint, with props": {
    run: ({ ctx }) => all(ctx.exports.Entry({ props: { a: 1 } }).connect("host:1").readable),
    expect: '{"a":1}',
  },
  "an entrypoint without a handler": {
    run: ({ ctx }) => thrown(() => ctx.exports.NoEntry.connect("host:1").opened),
    expect: kRefused,
  },
  "the default export": {
    run: ({ ctx }) => talk(ctx.exports.default.connect("host:1"), "hi"),
    expect: "hi default",
  },
  "TLS": {
    run: ({ env }) => thrown(() => stub(env, "Subject").connect("host:1", { secureTransport: "on" }).opened),
    expect: kRefused,
  },
  "addresses": {
    async run({ env }) {
      const tried = [];
      for (const address of ["x", "", 5, {}, "a:99999", "http://x:1"]) {
        tried.push(await thrown(() => stub(env, "Subject").connect(address).opened));
      }
      tried.push(await thrown(() => stub(env, "Subject").connect()));
      return tried;
    },
    expect: ["TypeError: Specified address is missing port.", "TypeError: Specified address is missing hostname.",
             "TypeError: Specified address is missing port.", "TypeError: The value cannot be converted because it is not an integer.",
             "TypeError: Specified address could not be parsed.", "TypeError: Specified address is missing port.",
             "TypeError: Failed to execute 'connect' on 'Fetcher': parameter 1 is not of type 'SocketAddress or string'."],
  },
  "not a method that RPC reaches": {
    run: async ({ ctx, env }) => [await thrown(() => stub(env, "Subject")["connect2"]("host:1")), typeof ctx.exports.Entry.connect],
    expect: ['TypeError: The RPC receiver does not implement the method "connect2".', "function"],
  },
};

export default {
  ...worker(cases),
  entrypoints: ["Entry", "NoEntry"],
  async connect(socket, env, ctx) {
    const reader = socket.readable.getReader();
    const { value } = await reader.read();
    await say(socket, `${new TextDecoder().decode(value)} ${typeof ctx.waitUntil === "function" && env.Subject ? "default" : "?"}`);
  },
};

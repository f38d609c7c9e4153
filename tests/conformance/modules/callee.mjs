// The Worker that services.test.mjs calls: an entrypoint as a class, as an object, with state of its own.
import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";

let calls = 0;

class Tally extends RpcTarget {
  #sum = 0;
  add(n) { return (this.#sum += n); }
  get sum() { return this.#sum; }
}

export default class extends WorkerEntrypoint {
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === "/throw") throw new RangeError("from the callee");
    if (url.pathname === "/body") return new Response(request.body, { headers: { "x-method": request.method } });
    if (url.pathname === "/redirect") return Response.redirect("http://callee/target", 302);
    if (url.pathname === "/cf") return Response.json(request.cf ?? null);
    if (url.pathname === "/socket") {
      const [client, server] = Object.values(new WebSocketPair());
      server.accept();
      server.addEventListener("message", (event) => server.send(`echo ${event.data}`));
      return new Response(null, { status: 101, webSocket: client });
    }
    if (url.pathname === "/stream") {
      const { readable, writable } = new TransformStream();
      const writer = writable.getWriter();
      this.ctx.waitUntil((async () => {
        for (const part of ["a", "b", "c"]) await writer.write(new TextEncoder().encode(part));
        await writer.close();
      })());
      return new Response(readable);
    }
    return Response.json({ url: request.url, method: request.method, host: request.headers.get("host"), env: Object.keys(this.env).sort(),
                           props: this.ctx.props });
  }
  add(a, b) { return a + b; }
  get color() { return "blue"; }
  raise() { throw new TypeError("no"); }
  twice(callback) { return callback(1).then((first) => callback(first)); }
  adder(n) { return (m) => n + m; }
  tally() { return new Tally(); }
  count() { return ++calls; }
  readBack(stream) { return new Response(stream).text(); }
  stream() { return new Response("streamed").body; }
  deep() { return { inner: { tally: new Tally(), list: [1, 2] } }; }
  ask(stub) { return stub.hello("me"); }
  own(name) { return this.ctx.exports[name] !== undefined; }
  loopback() { return this.ctx.exports.Greeter({ props: { greeting: "Hola" } }); }
}

export class Greeter extends WorkerEntrypoint {
  async fetch() { return new Response(`fetched ${JSON.stringify(this.ctx.props)}`); }
  hello(name) { return `${this.ctx.props.greeting ?? "Hello"}, ${name}`; }
  get props() { return this.ctx.props; }
}

export const handlers = {
  async fetch(request, env, ctx) { return new Response(`object ${JSON.stringify(ctx.props)}`); },
  double(value, env, ctx) { return [value * 2, typeof env, typeof ctx.waitUntil]; },
  none() { return arguments.length; },
  four(a, b, c, d) {},
  rest(...all) { return all.map((x) => typeof x); },
  short(value) { return value; },
};

export function plain() {}

// What a Worker may do while another one is told of it. The first log line names the event.
import { WorkerEntrypoint } from "cloudflare:workers";

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    console.log(pathname.slice(1));
    if (pathname === "/logs") {
      console.debug("debug"); console.info("info"); console.warn("warn"); console.error("error");
      console.log("several", 1, { a: [1, "x"] }, null, undefined, true);
      console.log();
      const cycle = {}; cycle.self = cycle;
      for (const odd of [Symbol("s"), () => 1, 10n, new Map([[1, 2]]), new Date(0), cycle, NaN, new Uint8Array(2), new RangeError("odd")]) console.log("odd", odd);
    }
    if (pathname === "/throw") throw new RangeError("thrown");
    if (pathname === "/later") ctx.waitUntil(new Promise((done) => setTimeout(done, 5)).then(() => console.log("after the answer")));
    if (pathname === "/rejects") ctx.waitUntil(Promise.reject(new TypeError("nobody waits")));
    return new Response("ok", { status: pathname === "/status" ? 404 : 200 });
  },
};

export class Named extends WorkerEntrypoint {
  fetch() { console.log("named"); return new Response("named"); }
  method(word) { console.log(word); return word; }
  raise(word) { console.log(word); throw new RangeError("raised"); }
}

// The signal of a request that comes to an object follows whoever called it (enable_request_signal).
// compatibility-date: 2026-11-20
import { objectClass, worker } from "./lib.mjs";

async function until(object, call, wanted) {
  let log;
  for (let i = 0; i < 2000; i++) {
    log = await call(object, "log");
    if (log.length >= wanted) break;
    await scheduler.wait(10);
  }
  return log;
}
const kGone = "AbortError: The client has disconnected";
const cases = {
  "the caller aborts": {
    async run({ object, call }) {
      const controller = new AbortController();
      const calling = object.fetch("http://object/wait", { signal: controller.signal }).catch((error) => error.message);
      await until(object, call, 1);
      controller.abort(new Error("mine"));
      return [await calling, await until(object, call, 2)];
    },
    expect: ["mine", ["waits", kGone]],
  },
  "an answer ends it well": {
    async run({ object, call }) {
      const text = await (await object.fetch("http://object/answer")).text();
      await scheduler.wait(50);
      return [text, await call(object, "log")];
    },
    expect: ["answer", []],
  },
  "the answer's body is dropped": {
    async run({ object, call }) {
      const response = await object.fetch("http://object/stream");
      const reader = response.body.getReader();
      await reader.read();
      await reader.cancel();
      return until(object, call, 1);
    },
    expect: [kGone],
  },
  "the answer's body is read to its end": {
    async run({ object, call }) {
      const text = await (await object.fetch("http://object/short")).text();
      await scheduler.wait(50);
      return [text, await call(object, "log")];
    },
    expect: ["short", []],
  },
};
const Base = objectClass(cases, { log() { return this.log ?? []; } });
export class Subject extends Base {
  async fetch(request) {
    const path = new URL(request.url).pathname;
    if (/^\/(case|action)\//.test(path)) return super.fetch(request);
    this.log ??= [];
    request.signal.addEventListener("abort", () => this.log.push(String(request.signal.reason)));
    if (path === "/answer") return new Response("answer");
    if (path === "/short") return new Response(new Response("short").body.pipeThrough(new TransformStream({ transform: (chunk, to) => to.enqueue(chunk) })));
    if (path === "/stream") {
      return new Response(new ReadableStream({ async pull(to) { await scheduler.wait(5); to.enqueue(new Uint8Array(10)); } }));
    }
    this.log.push("waits");
    await scheduler.wait(20_000);
    return new Response("late");
  }
}
export default worker(cases);

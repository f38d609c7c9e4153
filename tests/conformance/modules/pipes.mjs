// Pipes before and after 2026-11-17 (`late`, where it differs).
import { thrown } from "../lib.mjs";

const bytes = (text) => new TextEncoder().encode(text);
const endless = (seen) => new ReadableStream({
  pull(controller) { controller.enqueue(bytes("x")); },
  cancel(reason) { seen.push(`cancelled: ${reason}`); },
});

export const pipes = {
  "a pipe whose reader goes away": {
    async run() {
      const seen = [];
      const { readable, writable } = new TransformStream();
      const piping = endless(seen).pipeTo(writable);
      const reader = readable.getReader();
      await reader.read();
      await reader.cancel(new Error("stop"));
      return [await thrown(() => piping), ...seen];
    },
    expect: ["nothing thrown", "cancelled: Error: stop"],
    late: ["Error: stop", "cancelled: Error: stop"],
  },
  "a pipe whose destination fails by itself": {
    async run() {
      const seen = [];
      let controller;
      const writable = new WritableStream({ start(given) { controller = given; } });
      const source = new ReadableStream({ cancel(reason) { seen.push(`cancelled: ${reason}`); } });
      const piping = source.pipeTo(writable);
      await scheduler.wait(1);
      controller.error(new Error("late"));
      return [await thrown(() => piping), ...seen, source.locked, writable.locked];
    },
    expect: ["nothing thrown", "cancelled: Error: late", false, false],
    late: ["Error: late", "cancelled: Error: late", false, false],
  },
  "a pipe whose write fails": {
    async run() {
      const seen = [];
      return [await thrown(() => endless(seen).pipeTo(new WritableStream({ write() { throw new Error("full"); } }))), ...seen];
    },
    expect: ["Error: full", "cancelled: Error: full"],
  },
  "a pipe whose source fails": {
    run: () => thrown(() => new ReadableStream({ pull() { throw new Error("empty"); } }).pipeTo(new WritableStream())),
    expect: "Error: empty",
  },
  "a pipe that is aborted": {
    run: () => thrown(() => new ReadableStream().pipeTo(new WritableStream(), { signal: AbortSignal.abort(new Error("enough")) })),
    expect: "Error: enough",
  },
  "a pipe into what was closed": {
    async run() {
      const seen = [];
      const writable = new WritableStream();
      await writable.close();
      return [await thrown(() => endless(seen).pipeTo(writable)), ...seen];
    },
    expect: ["TypeError: This destination writable stream is closed.", "cancelled: TypeError: This destination writable stream is closed."],
  },
};

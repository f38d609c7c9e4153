// What a script of 2023 has in another way: backpressure of transforms, what has a `then` and is no promise, writers, RSA keys.
// compatibility-date: 2023-07-01
import { thrown, worker } from "./lib.mjs";

const soon = () => scheduler.wait(2);
const thenable = (seen, name) => ({ then(done) { seen.push(name); done(); } });

// Four writes, then three reads, one after another.
async function writesOf(stream, chunk = "a") {
  const seen = [];
  const writer = stream.writable.getWriter();
  for (let i = 0; i < 4; i++) writer.write(chunk).then(() => seen.push(i));
  await soon();
  const reader = stream.readable.getReader();
  for (let i = 0; i < 3; i++) {
    seen.push("read");
    await reader.read();
    await soon();
    seen.push(`desired ${writer.desiredSize}`);
  }
  return seen.join(" ");
}
const kAfterOne = "read 0 1 2 3 desired 1 read desired 1 read desired 1";
const kAtOnce = "0 1 2 3 read desired 1 read desired 1 read desired 1";

const cases = {
  "a TransformStream's writer waits for the first read alone": { run: () => writesOf(new TransformStream({})), expect: kAfterOne },
  "a plain TransformStream, too": { run: () => writesOf(new TransformStream()), expect: kAfterOne },
  "one with room does not wait": { run: () => writesOf(new TransformStream({}, undefined, { highWaterMark: 2 })), expect: kAtOnce },
  "TextEncoderStream does not wait": { run: () => writesOf(new TextEncoderStream()), expect: kAtOnce },
  "TextDecoderStream does not wait": { run: () => writesOf(new TextDecoderStream(), new Uint8Array([65])), expect: kAtOnce },
  "a source's thenables are values": {
    async run() {
      const seen = [];
      const reader = new ReadableStream({
        start() { return thenable(seen, "start"); }, cancel() { return thenable(seen, "cancel"); },
        pull(controller) { controller.enqueue(this === undefined ? "nothing" : "x"); return thenable(seen, "pull"); },
      }, { highWaterMark: 0 }).getReader();
      seen.push((await reader.read()).value);
      await reader.cancel();
      return seen;
    },
    expect: ["x"],
  },
  "a sink's thenables are values": {
    async run() {
      const seen = [];
      const writer = new WritableStream({ start: () => thenable(seen, "start"), write: () => thenable(seen, "write"), close: () => thenable(seen, "close") }).getWriter();
      await writer.write("a");
      await writer.close();
      await new WritableStream({ abort: () => thenable(seen, "abort") }).abort();
      return seen;
    },
    expect: [],
  },
  "a transformer's thenables are values": {
    async run() {
      const seen = [];
      const { readable, writable } = new TransformStream({ start: () => thenable(seen, "start"), flush: () => thenable(seen, "flush"),
        transform(chunk, controller) { controller.enqueue(chunk); return thenable(seen, "transform"); } });
      const writer = writable.getWriter();
      writer.write("a");
      writer.close();
      for await (const chunk of readable) seen.push(chunk);
      return seen;
    },
    expect: ["a"],
  },
  "waitUntil of a thenable": { async run({ ctx }) { const seen = []; ctx.waitUntil(thenable(seen, "waitUntil")); await soon(); return seen; }, expect: [] },
  "promises of a class of one's own are promises": {
    async run() {
      class Own extends Promise {}
      let ended = false;
      await new WritableStream({ write: () => new Own((done) => setTimeout(done, 2)).then(() => { ended = true; }) }).getWriter().write("a");
      return ended;
    },
    expect: true,
  },
  "an abort waits for the write that is under way": {
    async run() {
      const seen = [];
      const { readable, writable } = new IdentityTransformStream();
      const writer = writable.getWriter();
      for (const each of [1, 2]) writer.write(new Uint8Array([each])).then(() => seen.push(`wrote ${each}`), (error) => seen.push(`${each}: ${error.message}`));
      await soon();
      writer.abort(new Error("why")).then(() => seen.push("aborted"));
      await soon();
      seen.push("read");
      const reader = readable.getReader();
      const { value } = await reader.read();
      seen.push(await thrown(() => reader.read()));
      await soon();
      return [value, seen.sort()];
    },
    expect: [{ $: "Uint8Array", bytes: [1] }, ["2: why", "Error: why", "aborted", "read", "wrote 1"]],
  },
  "a writer that was let go keeps the error of its stream": {
    async run() {
      const writer = new WritableStream({ write() { throw new Error("why"); } }).getWriter();
      await writer.write("a").catch(() => {});
      writer.closed.catch(() => {});
      writer.releaseLock();
      return thrown(() => writer.ready);
    },
    expect: "Error: why",
  },
  "one of a stream that is well stays ready": {
    async run() {
      const writer = new WritableStream().getWriter();
      writer.releaseLock();
      return thrown(() => writer.ready);
    },
    expect: "nothing thrown",
  },
  "one that waits is told": {
    async run() {
      const writer = new WritableStream({ write: () => soon() }).getWriter();
      writer.write("a");
      const { ready } = writer;
      writer.releaseLock();
      return [await thrown(() => ready), await thrown(() => writer.ready)];
    },
    expect: Array(2).fill("TypeError: This WritableStream writer has been released."),
  },
  "an RSA key of an odd length": {
    run: async () => (await crypto.subtle.generateKey({ name: "RSASSA-PKCS1-v1_5", modulusLength: 1000, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" }, true, ["sign", "verify"])).publicKey.algorithm.modulusLength,
    expect: 1000,
  },
  "an RSA key that is far too short": {
    run: async () => (await crypto.subtle.importKey("jwk", { kty: "RSA", n: "wAEB", e: "Aw" }, { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, true, ["verify"])).algorithm.modulusLength,
    expect: 24,
  },
};

export default worker(cases);

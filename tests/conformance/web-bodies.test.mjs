// Bodies that a script's own streams make, and pipes that begin after the response was returned.
import { thrown, worker } from "./lib.mjs";

const bytes = (text) => new TextEncoder().encode(text);
const of = (...chunks) => new ReadableStream({
  start(controller) {
    for (const chunk of chunks) controller.enqueue(chunk);
    controller.close();
  },
});
const json = () => of(bytes('{"a":'), bytes("1}"));
const kNoBytes = "TypeError: This ReadableStream did not return bytes.";
const kUsed = "TypeError: Body has already been used. It can only be used once. Use tee() first if you need to read it twice.";
const kLong = "hello".repeat(30000);

const cases = {
  "json, text and bytes of a stream": {
    run: async () => [await new Response(json()).json(), await new Response(json()).text(),
                      [...await new Response(of(bytes("ab"))).bytes()],
                      await new Request("http://host", { method: "POST", body: json() }).json()],
    expect: [{ a: 1 }, '{"a":1}', [97, 98], { a: 1 }],
  },
  "blob and form of a stream": {
    async run() {
      const form = new Response(of(bytes("a=1&"), bytes("b=2")), { headers: { "content-type": "application/x-www-form-urlencoded" } });
      return [await (await new Response(json()).blob()).text(), [...await form.formData()]];
    },
    expect: ['{"a":1}', [["a", "1"], ["b", "2"]]],
  },
  "characters that chunks cut": {
    run: () => new Response(of(...[...bytes("ä€😀")].map((byte) => new Uint8Array([byte])))).text(),
    expect: "ä€😀",
  },
  "chunks that are no bytes": {
    async run() {
      const seen = [];
      for (const chunk of ["text", "", 1, null, undefined, {}, [1], new SharedArrayBuffer(2)]) {
        seen.push(await thrown(() => new Response(of(chunk)).text()));
      }
      return seen;
    },
    expect: Array(8).fill(kNoBytes),
  },
  "views of any kind are bytes": {
    run: async () => [await new Response(of(new Uint16Array([0x4241]))).text(), await new Response(of(new DataView(bytes("xyz").buffer, 1))).text()],
    expect: ["AB", "yz"],
  },
  "the stream hears why": {
    async run() {
      let reason;
      const stream = new ReadableStream({ pull(controller) { controller.enqueue(5); }, cancel(given) { reason = String(given); } });
      return [await thrown(() => new Response(stream).text()), reason];
    },
    expect: [kNoBytes, kNoBytes],
  },
  "errors of the stream": {
    run: async () => [
      await thrown(() => new Response(new ReadableStream({ start(controller) { controller.error(new RangeError("x")); } })).text()),
      await thrown(() => new Response(new ReadableStream({ pull() { throw new RangeError("y"); } })).json()),
    ],
    expect: ["RangeError: x", "RangeError: y"],
  },
  "a stream that is slow": {
    run() {
      let left = 5;
      return new Response(new ReadableStream({
        async pull(controller) {
          await scheduler.wait(1);
          if (left-- > 0) controller.enqueue(bytes("a"));
          else controller.close();
        },
      })).text();
    },
    expect: "aaaaa",
  },
  "nothing in it": {
    run: async () => [await new Response(of()).text(), await thrown(() => new Response(of()).json())],
    expect: ["", "SyntaxError: Unexpected end of JSON input"],
  },
  "read, cancelled and read again": {
    async run() {
      const [begun, cancelled, twice] = [json(), json(), json()].map((stream) => new Response(stream));
      const reader = begun.body.getReader();
      await reader.read();
      reader.releaseLock();
      await cancelled.body.cancel();
      await twice.text();
      return [await thrown(() => begun.text()), await thrown(() => cancelled.text()), await thrown(() => twice.text()), twice.bodyUsed];
    },
    expect: [kUsed, kUsed, kUsed, true],
  },
  "both halves of a tee": {
    async run() {
      const [one, other] = json().tee();
      return [await new Response(one).text(), await new Response(other).json()];
    },
    expect: ['{"a":1}', { a: 1 }],
  },
  "iterators": {
    run: async () => [await new Response(ReadableStream.from([bytes("a"), bytes("b")])).text(), await thrown(() => new Response(ReadableStream.from(["a"])).text())],
    expect: ["ab", kNoBytes],
  },
  "piped later, by a timer": {
    run({ request }) {
      const { readable, writable } = new IdentityTransformStream();
      setTimeout(() => request.body.pipeTo(writable), 10);
      return new Response(readable);
    },
    send: { method: "POST", body: kLong },
    http: { status: 200, body: kLong },
  },
  "piped later, through a TransformStream": {
    run({ request }) {
      const { readable, writable } = new TransformStream();
      scheduler.wait(5).then(() => request.body.pipeTo(writable));
      return new Response(readable);
    },
    send: { method: "POST", body: kLong },
    http: { status: 200, body: kLong },
  },
  "piped later, of known length": {
    run({ request }) {
      const { readable, writable } = new FixedLengthStream(kLong.length);
      scheduler.wait(5).then(() => request.body.pipeTo(writable));
      return new Response(readable);
    },
    send: { method: "POST", body: kLong },
    http: { status: 200, headers: { "content-length": String(kLong.length) }, body: kLong },
  },
  "piped later, behind what a writer wrote": {
    run({ request }) {
      const { readable, writable } = new TransformStream();
      (async () => {
        await scheduler.wait(5);
        const writer = writable.getWriter();
        await writer.write(bytes("head "));
        writer.releaseLock();
        await request.body.pipeTo(writable);
      })();
      return new Response(readable);
    },
    send: { method: "POST", body: "tail" },
    http: { status: 200, body: "head tail" },
  },
  "two bodies into one, later": {
    async run({ env }) {
      const { readable, writable } = new TransformStream();
      (async () => {
        for (const preventClose of [true, false]) {
          const { body } = await fetch(`${env.ECHO}/?coding=none`);
          await body.pipeTo(writable, { preventClose });
        }
      })();
      return new Response(readable);
    },
    http: { status: 200, body: "codedcoded" },
  },
};

export default worker(cases);

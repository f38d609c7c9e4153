// Streams: the pipes of bytes, readers with their own buffer, pipes, tee. A case is [body, what comes out].
import { thrown, worker } from "./lib.mjs";

const enc = (text) => new TextEncoder().encode(text);
const tick = () => new Promise((done) => setTimeout(done, 1));
const values = (...all) => new ReadableStream({ start(controller) { all.forEach((each) => controller.enqueue(each)); controller.close(); } });
const textOf = (stream) => new Response(stream).text();
async function valuesOf(stream) {
  const seen = [];
  for await (const each of stream) seen.push(each);
  return seen;
}
const chunksOf = async (stream) => (await valuesOf(stream)).map((each) => new TextDecoder().decode(each));

const table = {
  "Identity: the classes": [async () => {
    const s = new IdentityTransformStream();
    return [s instanceof TransformStream, s.readable instanceof ReadableStream, s.writable instanceof WritableStream, Object.prototype.toString.call(s)];
  }, [true, true, true, "[object IdentityTransformStream]"]],
  "Identity: a write waits for its read": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    const w = writable.getWriter();
    let written = false;
    const write = w.write(enc("abc")).then(() => { written = true; });
    await tick();
    const before = written;
    const r = readable.getReader();
    const got = await r.read();
    await write;
    return [before, got, written];
  }, [false, { value: enc("abc"), done: false }, true]],
  "Identity: one write is one chunk": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    const w = writable.getWriter();
    const all = Promise.all([w.write(enc("a")), w.write(enc("bc")), w.close()]);
    const got = await chunksOf(readable);
    await all;
    return got;
  }, ["a", "bc"]],
  "Identity: an empty write gives no chunk": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    const w = writable.getWriter();
    const all = Promise.all([w.write(enc("")), w.write(enc("x")), w.close()]);
    const got = await chunksOf(readable);
    await all;
    return got;
  }, ["x"]],
  "Identity: a string is written as UTF-8": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    const w = writable.getWriter();
    w.write("é");
    w.close();
    return await chunksOf(readable);
  }, ["é"]],
  "Identity: an ArrayBuffer and a view": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    const w = writable.getWriter();
    w.write(enc("ab").buffer);
    w.write(new Uint16Array([1, 2]).subarray(1));
    w.close();
    return await chunksOf(readable);
  }, ["ab", "\u0002\u0000"]],
  "Identity: a number is refused": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    const w = writable.getWriter();
    return [await thrown(() => w.write(7)), await thrown(() => w.write({})), await thrown(() => w.write(null))];
  }, ["TypeError: This TransformStream is being used as a byte stream, but received an object of non-ArrayBuffer/ArrayBufferView type on its writable side.", "TypeError: This TransformStream is being used as a byte stream, but received an object of non-ArrayBuffer/ArrayBufferView type on its writable side.", "TypeError: This TransformStream is being used as a byte stream, but received an object of non-ArrayBuffer/ArrayBufferView type on its writable side."]],
  "Identity: the chunk read is a copy": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    const w = writable.getWriter();
    const sent = enc("ab");
    const write = w.write(sent);
    const got = (await readable.getReader().read()).value;
    sent[0] = 0;
    await write;
    return [got, sent.byteLength];
  }, [enc("ab"), 2]],
  "Identity: BYOB takes what fits": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    const w = writable.getWriter();
    const all = w.write(enc("abcdef"));
    const r = readable.getReader({ mode: "byob" });
    const first = await r.read(new Uint8Array(4));
    const second = await r.read(new Uint8Array(4));
    await all;
    return [first, second];
  }, [{ value: enc("abcd"), done: false }, { value: enc("ef"), done: false }]],
  "Identity: BYOB at the end": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    writable.getWriter().close();
    const r = readable.getReader({ mode: "byob" });
    return await r.read(new Uint8Array(4));
  }, { value: new Uint8Array(0), done: true }],
  "Identity: BYOB detaches the buffer given": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    writable.getWriter().write(enc("abc"));
    const r = readable.getReader({ mode: "byob" });
    const mine = new Uint8Array(8);
    const { value } = await r.read(mine);
    return [mine.byteLength, value.byteLength, value.buffer.byteLength];
  }, [0, 3, 8]],
  "Identity: BYOB into the middle of a buffer": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    writable.getWriter().write(enc("abc"));
    const r = readable.getReader({ mode: "byob" });
    const { value } = await r.read(new Uint8Array(new ArrayBuffer(8), 2, 4));
    return [value, value.byteOffset];
  }, [enc("abc"), 2]],
  "Identity: readAtLeast waits for more writes": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    const w = writable.getWriter();
    const all = Promise.all([w.write(enc("ab")), w.write(enc("cd")), w.write(enc("ef"))]);
    const r = readable.getReader({ mode: "byob" });
    const got = await r.readAtLeast(3, new Uint8Array(8));
    const rest = await r.read(new Uint8Array(8));
    await all;
    return [got, rest];
  }, [{ value: enc("abcd"), done: false }, { value: enc("ef"), done: false }]],
  "Identity: readAtLeast at an early end": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    const w = writable.getWriter();
    w.write(enc("ab"));
    w.close();
    const r = readable.getReader({ mode: "byob" });
    const got = await r.readAtLeast(5, new Uint8Array(8));
    const end = await r.readAtLeast(5, new Uint8Array(8));
    return [got, end];
  }, [{ value: enc("ab"), done: false }, { value: new Uint8Array(0), done: true }]],
  "Identity: readAtLeast is bounded": [async () => {
    const { readable } = new IdentityTransformStream();
    const r = readable.getReader({ mode: "byob" });
    return [await thrown(() => r.readAtLeast(0, new Uint8Array(4))), await thrown(() => r.readAtLeast(5, new Uint8Array(4))), await thrown(() => r.readAtLeast(-1, new Uint8Array(4)))];
  }, ["TypeError: Requested invalid minimum number of bytes to read (0).", "TypeError: Minimum bytes to read (5) exceeds size of buffer (4).", "TypeError: Minimum bytes to read (18446744073709551615) exceeds size of buffer (4)."]],
  "Identity: read of nothing": [async () => {
    const { readable } = new IdentityTransformStream();
    const r = readable.getReader({ mode: "byob" });
    return [await thrown(() => r.read()), await thrown(() => r.read(new Uint8Array(0))), await thrown(() => r.read("x"))];
  }, ["TypeError: Failed to execute 'read' on 'ReadableStreamBYOBReader': parameter 1 is not of type 'ArrayBufferView'.", "TypeError: You must call read() on a \"byob\" reader with a positive-sized TypedArray object.", "TypeError: Failed to execute 'read' on 'ReadableStreamBYOBReader': parameter 1 is not of type 'ArrayBufferView'."]],
  "Identity: abort reaches the reader": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    const r = readable.getReader();
    const read = thrown(() => r.read());
    const w = writable.getWriter();
    await w.abort(new RangeError("mine"));
    return [await read, await thrown(() => r.closed)];
  }, ["RangeError: mine", "RangeError: mine"]],
  "Identity: abort while a write waits": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    const w = writable.getWriter();
    const write = thrown(() => w.write(enc("a")));
    await tick();
    await w.abort(new RangeError("mine"));
    return [await write, await thrown(() => readable.getReader().read())];
  }, ["RangeError: mine", "Error: Network connection lost."], { limpet: ["RangeError: mine", "RangeError: mine"], because: "the reader hears the reason" }],
  "Identity: cancel while a write waits": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    const w = writable.getWriter();
    const write = thrown(() => w.write(enc("a")));
    await tick();
    await readable.cancel(new RangeError("mine"));
    return [await write, await thrown(() => w.closed)];
  }, ["RangeError: mine", "RangeError: mine"]],
  "Identity: cancel reaches the writer": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    const w = writable.getWriter();
    await readable.cancel(new RangeError("mine"));
    return [await thrown(() => w.write(enc("x")))];
  }, ["RangeError: mine"]],
  "Identity: close waits for the end to be read": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    const w = writable.getWriter();
    let closed = false;
    const close = w.close().then(() => { closed = true; });
    await tick();
    const before = closed;
    const got = await readable.getReader().read();
    await close;
    return [before, got, closed];
  }, [true, { value: undefined, done: true }, true]],
  "Identity: write after close": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    const w = writable.getWriter();
    const close = w.close();
    const late = await thrown(() => w.write(enc("x")));
    await readable.getReader().read();
    await close;
    return [late, await thrown(() => w.write(enc("x"))), await thrown(() => w.close())];
  }, ["TypeError: This WritableStream has been closed.", "TypeError: This WritableStream has been closed.", "TypeError: This WritableStream has been closed."]],
  "Identity: desiredSize": [async () => {
    const { writable } = new IdentityTransformStream();
    const w = writable.getWriter();
    const first = w.desiredSize;
    w.write(enc("abc"));
    return [first, w.desiredSize];
  }, [1, 1], { limpet: [1, 0], because: "pipeTo waits for it" }],
  "Identity: a high water mark": [async () => {
    const { readable, writable } = new IdentityTransformStream({}, { highWaterMark: 10 });
    const w = writable.getWriter();
    const first = w.desiredSize;
    w.write(enc("abc"));
    return [first, w.desiredSize];
  }, [1, 1], { limpet: [1, 0], because: "there is no buffer to fill" }],
  "Identity: a transformer is ignored": [async () => {
    const { readable, writable } = new IdentityTransformStream({ transform(c, k) { k.enqueue(enc("no")); } });
    const w = writable.getWriter();
    w.write(enc("a"));
    w.close();
    return await textOf(readable);
  }, "a"],
  "Identity: as the body of a Response": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    const w = writable.getWriter();
    w.write(enc("a"));
    w.write(enc("b"));
    w.close();
    return await new Response(readable).text();
  }, "ab"],
  "Identity: tee": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    const w = writable.getWriter();
    w.write(enc("ab"));
    w.close();
    const [a, b] = readable.tee();
    return [await textOf(a), await textOf(b), readable.locked];
  }, ["ab", "ab", true]],
  "Identity: a branch of tee takes BYOB": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    const w = writable.getWriter();
    w.write(enc("abcd"));
    w.close();
    const [a, b] = readable.tee();
    const r = a.getReader({ mode: "byob" });
    const first = await r.read(new Uint8Array(2));
    return [first, await textOf(b)];
  }, [{ value: enc("ab"), done: false }, "abcd"]],
  "FixedLength: the right length": [async () => {
    const { readable, writable } = new FixedLengthStream(3);
    const w = writable.getWriter();
    w.write(enc("ab"));
    w.write(enc("c"));
    w.close();
    return await textOf(readable);
  }, "abc"],
  "FixedLength: too much": [async () => {
    const { readable, writable } = new FixedLengthStream(3);
    const w = writable.getWriter();
    const soon = (p) => Promise.race([p.then(() => "done", String), new Promise((done) => setTimeout(done, 5000, "pending"))]);
    const write = soon(w.write(enc("abcd")));
    const read = soon(readable.getReader().read());
    return [await write, await read];
  }, ["done", "TypeError: Attempt to write too many bytes through a FixedLengthStream."], { limpet: ["TypeError: Attempt to write too many bytes through a FixedLengthStream.", "TypeError: Attempt to write too many bytes through a FixedLengthStream."], because: "who writes too much should know" }],
  "FixedLength: pipeTo": [async () => {
    const { readable, writable } = new FixedLengthStream(4);
    const pipe = values(enc("ab"), enc("cd")).pipeTo(writable);
    const text = await textOf(readable);
    await pipe;
    return text;
  }, "abcd"],
  "FixedLength: as the body of a Response": [async () => {
    const { readable, writable } = new FixedLengthStream(2);
    const w = writable.getWriter();
    w.write(enc("ab"));
    w.close();
    const r = new Response(readable);
    return [r.headers.get("content-length"), await r.text()];
  }, [null, "ab"]],
  "Identity: a refused write leaves the pipe as it was": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    const w = writable.getWriter();
    const first = await thrown(() => w.write(7));
    const write = thrown(() => w.write(enc("a")));
    const got = await Promise.race([readable.getReader().read().catch(String), new Promise((done) => setTimeout(done, 30, "nothing came"))]);
    return [first, got];
  }, ["TypeError: This TransformStream is being used as a byte stream, but received an object of non-ArrayBuffer/ArrayBufferView type on its writable side.", { value: enc("a"), done: false }], { limpet: ["TypeError: This TransformStream is being used as a byte stream, but received an object of non-ArrayBuffer/ArrayBufferView type on its writable side.", "TypeError: This TransformStream is being used as a byte stream, but received an object of non-ArrayBuffer/ArrayBufferView type on its writable side."], because: "an error in a sink ends it, as the Streams standard says" }],
  "Writable: write after close": [async () => {
    const w = new WritableStream().getWriter();
    const close = w.close();
    const late = await thrown(() => w.write(1));
    await close;
    return [late, await thrown(() => w.write(1))];
  }, ["TypeError: This WritableStream has been closed.", "TypeError: This WritableStream has been closed."]],
  "Writable: close twice": [async () => {
    const w = new WritableStream().getWriter();
    const close = w.close();
    const again = await thrown(() => w.close());
    await close;
    return [again, await thrown(() => w.close())];
  }, ["TypeError: This WritableStream has been closed.", "TypeError: This WritableStream has been closed."]],
  "Writable: after an error": [async () => {
    const w = new WritableStream({ start(c) { c.error(new RangeError("mine")); } }).getWriter();
    return [await thrown(() => w.write(1)), await thrown(() => w.close()), await thrown(() => w.abort()), w.desiredSize];
  }, ["RangeError: mine", "RangeError: mine", "nothing thrown", null]],
  "what start() throws is the stream's error": [async () => {
    const start = () => { throw new RangeError("mine"); };
    const [readable, writable, transform] = [new ReadableStream({ start }), new WritableStream({ start }), new TransformStream({ start })];
    return [await thrown(() => readable.getReader().read()), await thrown(() => writable.getWriter().closed), await thrown(() => transform.readable.getReader().read())];
  }, ["RangeError: mine", "RangeError: mine", "RangeError: mine"]],
  "readAtLeast: what it counts": [async () => {
    const parts = ["ab", "cd", "ef", "gh"];
    const s = new ReadableStream({ type: "bytes", pull(c) { const p = parts.shift(); if (p) c.enqueue(enc(p)); else { c.close(); c.byobRequest?.respond(0); } } });
    const r = s.getReader({ mode: "byob" });
    return [await r.readAtLeast(2, new Uint16Array(3)), await thrown(() => r.readAtLeast(4, new Uint16Array(3)))];
  }, [{ value: new Uint16Array(enc("abcd").buffer), done: false }, "TypeError: Minimum bytes to read (8) exceeds size of buffer (6)."]],
  "Identity: readAtLeast into wider elements": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    const w = writable.getWriter();
    w.write(enc("abcd"));
    w.write(enc("ef"));
    const r = readable.getReader({ mode: "byob" });
    return await r.readAtLeast(2, new Uint16Array(4));
  }, { value: enc("abcd"), done: false }, { limpet: { value: new Uint16Array(enc("abcd").buffer), done: false }, because: "the view that comes back is of the class of the one given" }],
  "FixedLength: too little": [async () => {
    const { readable, writable } = new FixedLengthStream(3);
    const w = writable.getWriter();
    w.write(enc("ab"));
    const close = thrown(() => w.close());
    const r = readable.getReader();
    const first = await r.read();
    return [first, await thrown(() => r.read()), await close];
  }, [{ value: enc("ab"), done: false }, "TypeError: FixedLengthStream did not see all expected bytes before close().", "nothing thrown"]],
  "FixedLength: a BigInt": [async () => {
    const { readable, writable } = new FixedLengthStream(2n);
    const w = writable.getWriter();
    w.write(enc("ab"));
    w.close();
    return await textOf(readable);
  }, "ab"],
  "FixedLength: no length": [async () => {
    return [await thrown(() => new FixedLengthStream()), await thrown(() => new FixedLengthStream(-1)), await thrown(() => new FixedLengthStream("x"))];
  }, ["TypeError: Failed to construct 'FixedLengthStream': constructor parameter 1 is not of type 'bigint'.", "TypeError: The value cannot be converted because it is negative and this API expects a positive bigint.", "TypeError: The value cannot be converted because it is not an integer."]],
  "FixedLength: BYOB": [async () => {
    const { readable, writable } = new FixedLengthStream(4);
    const w = writable.getWriter();
    w.write(enc("abcd"));
    w.close();
    const r = readable.getReader({ mode: "byob" });
    return [await r.readAtLeast(4, new Uint8Array(4)), await r.read(new Uint8Array(4))];
  }, [{ value: enc("abcd"), done: false }, { value: new Uint8Array(0), done: true }]],
  "FixedLength: zero": [async () => {
    const { readable, writable } = new FixedLengthStream(0);
    const w = writable.getWriter();
    w.close();
    return await textOf(readable);
  }, ""],
  "Body: BYOB": [async () => {
    const r = new Response("abcdef").body.getReader({ mode: "byob" });
    return [await r.read(new Uint8Array(4)), await r.read(new Uint8Array(4)), await r.read(new Uint8Array(4))];
  }, [{ value: enc("abcd"), done: false }, { value: enc("ef"), done: false }, { value: new Uint8Array(0), done: true }]],
  "Body: readAtLeast": [async () => {
    const r = new Response("abcdef").body.getReader({ mode: "byob" });
    return [await r.readAtLeast(5, new Uint8Array(5)), await r.readAtLeast(5, new Uint8Array(5)), await r.readAtLeast(5, new Uint8Array(5))];
  }, [{ value: enc("abcde"), done: false }, { value: enc("f"), done: false }, { value: new Uint8Array(0), done: true }]],
  "Byte stream: BYOB and readAtLeast": [async () => {
    const parts = ["ab", "cd", "ef"];
    const s = new ReadableStream({ type: "bytes", pull(c) { const p = parts.shift(); if (p) c.enqueue(enc(p)); else { c.close(); c.byobRequest?.respond(0); } } });
    const r = s.getReader({ mode: "byob" });
    return [await r.readAtLeast(3, new Uint8Array(8)), await r.read(new Uint8Array(8))];
  }, [{ value: enc("abcd"), done: false }, { value: enc("ef"), done: false }]],
  "Byte stream: read with min": [async () => {
    const parts = ["ab", "cd", "ef"];
    const s = new ReadableStream({ type: "bytes", pull(c) { const p = parts.shift(); if (p) c.enqueue(enc(p)); else { c.close(); c.byobRequest?.respond(0); } } });
    const r = s.getReader({ mode: "byob" });
    return [await r.read(new Uint8Array(8), { min: 3 }), await r.read(new Uint8Array(8))];
  }, [{ value: enc("abcd"), done: false }, { value: enc("ef"), done: false }]],
  "A stream of values takes no BYOB reader": [async () => {
    return await thrown(() => new ReadableStream({ start(c) { c.enqueue("a"); } }).getReader({ mode: "byob" }));
  }, "TypeError: This ReadableStream does not support BYOB reads."],
  "pipeTo: closes the other end": [async () => {
    const { readable, writable } = new IdentityTransformStream();
    const pipe = values(enc("a"), enc("b")).pipeTo(writable);
    const text = await textOf(readable);
    await pipe;
    return text;
  }, "ab"],
  "pipeTo: preventClose": [async () => {
    const seen = [];
    let closed = false;
    const w = new WritableStream({ write(c) { seen.push(c); }, close() { closed = true; } });
    await values(1, 2).pipeTo(w, { preventClose: true });
    const writer = w.getWriter();
    await writer.write(3);
    return [seen, closed];
  }, [[1, 2, 3], false]],
  "pipeTo: an error of the source aborts": [async () => {
    let why;
    const w = new WritableStream({ abort(r) { why = r; } });
    const s = new ReadableStream({ start(c) { c.error(new RangeError("source")); } });
    const error = await thrown(() => s.pipeTo(w));
    return [error, String(why)];
  }, ["RangeError: source", "RangeError: source"]],
  "pipeTo: preventAbort": [async () => {
    let why = "none";
    const w = new WritableStream({ abort(r) { why = r; } });
    const s = new ReadableStream({ start(c) { c.error(new RangeError("source")); } });
    const error = await thrown(() => s.pipeTo(w, { preventAbort: true }));
    return [error, why, w.locked];
  }, ["RangeError: source", "none", false]],
  "pipeTo: an error of the sink cancels": [async () => {
    let why;
    const s = new ReadableStream({ pull(c) { c.enqueue(1); }, cancel(r) { why = r; } });
    const w = new WritableStream({ write() { throw new RangeError("sink"); } });
    const error = await thrown(() => s.pipeTo(w));
    return [error, String(why)];
  }, ["RangeError: sink", "RangeError: sink"]],
  "pipeTo: preventCancel": [async () => {
    let why = "none";
    const s = new ReadableStream({ pull(c) { c.enqueue(1); }, cancel(r) { why = r; } });
    const w = new WritableStream({ write() { throw new RangeError("sink"); } });
    const error = await thrown(() => s.pipeTo(w, { preventCancel: true }));
    return [error, why, s.locked];
  }, ["RangeError: sink", "none", false]],
  "pipeTo: a signal": [async () => {
    const controller = new AbortController();
    const seen = [];
    const s = new ReadableStream({ pull(c) { if (seen.length === 0) c.enqueue(1); }, cancel(r) { seen.push("cancel " + r); } });
    const w = new WritableStream({ write(c) { seen.push(c); controller.abort(new RangeError("enough")); }, abort(r) { seen.push("abort " + r); } });
    const error = await thrown(() => s.pipeTo(w, { signal: controller.signal }));
    return [error, seen];
  }, ["RangeError: enough", [1, "cancel RangeError: enough", "abort RangeError: enough"]], { limpet: ["RangeError: enough", [1, "abort RangeError: enough", "cancel RangeError: enough"]], because: "the order of the Streams standard" }],
  "pipeTo: locked ends": [async () => {
    const s = values(1);
    s.getReader();
    const w = new WritableStream();
    w.getWriter();
    return [await thrown(() => s.pipeTo(new WritableStream())), await thrown(() => values(1).pipeTo(w)), await thrown(() => values(1).pipeTo({}))];
  }, ["TypeError: This ReadableStream is currently locked to a reader.", "TypeError: This WritableStream is currently locked to a writer", "TypeError: Failed to execute 'pipeTo' on 'ReadableStream': parameter 1 is not of type 'WritableStream'."]],
  "pipeThrough: a chain": [async () => {
    return await textOf(values("a", "b").pipeThrough(new TextEncoderStream()).pipeThrough(new IdentityTransformStream()).pipeThrough(new TextDecoderStream()).pipeThrough(new TextEncoderStream()));
  }, "ab"],
  "pipeThrough: locked ends": [async () => {
    const t = new TransformStream();
    t.writable.getWriter();
    return [await thrown(() => values(1).pipeThrough(t)), await thrown(() => values(1).pipeThrough({}))];
  }, ["TypeError: This WritableStream is currently locked to a writer.", "TypeError: Incorrect type for the 'readable' field on 'Transform': the provided value is not of type 'ReadableStream'."]],
  "pipeThrough: values into a byte pipe": [async () => {
    return await thrown(() => textOf(values(1).pipeThrough(new IdentityTransformStream())));
  }, "TypeError: This WritableStream only supports writing byte types.", { limpet: "TypeError: This TransformStream is being used as a byte stream, but received an object of non-ArrayBuffer/ArrayBufferView type on its writable side.", because: "one text for what is no bytes" }],
  "pipeThrough and tee: many in a row": [async () => {
    const pipes = async (count) => { let s = values("a"); for (let i = 0; i < count; i++) s = s.pipeThrough(new TransformStream()); return (await s.getReader().read()).value; };
    const tees = async (count) => { let s = values("a"); for (let i = 0; i < count; i++) [s] = s.tee(); return (await s.getReader().read()).value; };
    return [await pipes(256), await tees(256), await thrown(() => pipes(257)), await thrown(() => tees(257))];
  }, ["a", "a", "nothing thrown", "nothing thrown"], { limpet: ["a", "a", ...Array(2).fill("RangeError: More than 256 streams in a row, by pipeThrough() or tee().")], because: "a read goes down through them on one stack (docs/limits.md)" }],
  "tee: values are shared": [async () => {
    const value = { a: 1 };
    const [a, b] = values(value).tee();
    const [x, y] = [await a.getReader().read(), await b.getReader().read()];
    return [x.value === value, y.value === value];
  }, [true, true]],
  "tee: an error reaches both": [async () => {
    const [a, b] = new ReadableStream({ start(c) { c.error(new RangeError("broken")); } }).tee();
    return [await thrown(() => a.getReader().read()), await thrown(() => b.getReader().read())];
  }, ["RangeError: broken", "RangeError: broken"]],
  "tee: the source is cancelled when both are": [async () => {
    let why;
    const s = new ReadableStream({ cancel(r) { why = r; } });
    const [a, b] = s.tee();
    const first = a.cancel("one");
    await tick();
    const before = why;
    await Promise.all([first, b.cancel("two")]);
    return [before ?? "not yet", why];
  }, ["not yet", "two"], { limpet: ["not yet", ["one", "two"]], because: "the Streams standard: both reasons" }],
  "tee: a slow branch keeps what it has not read": [async () => {
    const [a, b] = values(1, 2, 3).tee();
    return [await valuesOf(a), await valuesOf(b)];
  }, [[1, 2, 3], [1, 2, 3]]],
  "from: an array": [() => valuesOf(ReadableStream.from([1, 2, 3])), [1, 2, 3]],
  "from: an async generator": [async () => {
    async function* g() { yield 1; yield 2; } return await valuesOf(ReadableStream.from(g()));
  }, [1, 2]],
  "from: what is none": [async () => {
    return [await thrown(() => ReadableStream.from(7)), await thrown(() => ReadableStream.from({}))];
  }, ["TypeError: Failed to execute 'from' on 'ReadableStream': parameter 1 is not of type 'AsyncGenerator'.", "TypeError: Failed to execute 'from' on 'ReadableStream': parameter 1 is not of type 'AsyncGenerator'."]],
  "for await: return cancels": [async () => {
    let why = "none";
    const s = new ReadableStream({ pull(c) { c.enqueue(1); }, cancel() { why = "cancelled"; } });
    for await (const each of s) break;
    return [why, s.locked];
  }, ["cancelled", false]],
  "for await: preventCancel": [async () => {
    let why = "none";
    const s = new ReadableStream({ pull(c) { c.enqueue(1); }, cancel() { why = "cancelled"; } });
    for await (const each of s.values({ preventCancel: true })) break;
    return [why, s.locked];
  }, ["none", false]],
  "Transform: start, transform, flush": [async () => {
    const t = new TransformStream({ start(c) { c.enqueue("s"); }, transform(x, c) { c.enqueue(x + "!"); }, flush(c) { c.enqueue("f"); } });
    const w = t.writable.getWriter();
    w.write("a");
    w.close();
    return await valuesOf(t.readable);
  }, ["s", "a!", "f"]],
  "Transform: terminate": [async () => {
    const t = new TransformStream({ transform(x, c) { c.enqueue(x); c.terminate(); } });
    const w = t.writable.getWriter();
    w.write("a");
    const got = await valuesOf(t.readable);
    return [got, await thrown(() => w.write("b"))];
  }, [["a"], "TypeError: The transform stream has been terminated"]],
  "Transform: an error in transform": [async () => {
    const t = new TransformStream({ transform() { throw new RangeError("mine"); } });
    const w = t.writable.getWriter();
    const write = thrown(() => w.write("a"));
    return [await thrown(() => t.readable.getReader().read()), await write];
  }, ["RangeError: mine", "RangeError: mine"]],
  "Writable: backpressure": [async () => {
    let go;
    const w = new WritableStream({ write() { return new Promise((done) => { go = done; }); } }, new CountQueuingStrategy({ highWaterMark: 2 })).getWriter();
    const sizes = [w.desiredSize];
    w.write(1);
    sizes.push(w.desiredSize);
    w.write(2);
    sizes.push(w.desiredSize);
    return sizes;
  }, [2, 1, 0]],
  "Writable: the controller's signal": [async () => {
    let signal;
    const w = new WritableStream({ start(c) { signal = c.signal; } });
    await w.abort("why");
    return [signal.aborted, signal.reason];
  }, [true, "why"]],
  "Reader: releaseLock": [async () => {
    const s = values(1, 2);
    const r = s.getReader();
    await r.read();
    r.releaseLock();
    const again = s.getReader();
    return [(await again.read()).value, await thrown(() => r.read())];
  }, [2, "TypeError: This ReadableStream reader has been released."]],
  "Reader: a pending read when the lock is released": [async () => {
    const s = new ReadableStream();
    const r = s.getReader();
    const read = thrown(() => r.read());
    r.releaseLock();
    return await read;
  }, "TypeError: This ReadableStream reader has been released."],
};

export default worker(Object.fromEntries(Object.entries(table).map(([name, [run, expect, more]]) => [name, { run, expect, ...more }])));

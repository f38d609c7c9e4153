// Pipes of a body that comes from outside: the runtime may pass it on without a byte of it in JavaScript, and nobody is to
// notice. A case is [run, what comes out, more].
import { thrown, worker } from "./lib.mjs";

const enc = (text) => new TextEncoder().encode(text);
const tick = () => new Promise((done) => setTimeout(done, 1));
const textOf = (stream) => new Response(stream).text();
const kLong = "0123456789abcdef".repeat(8192);  // More than comes with a head.
const post = (body = kLong) => ({ send: { method: "POST", body } });
const kWhole = { http: { status: 200, body: kLong } };
const through = (make) => [({ request }) => new Response(request.body.pipeThrough(make())), undefined, { ...post(), ...kWhole }];
// The answer is on its way when `begin` is called.
const later = (begin, body = kLong, make = () => new IdentityTransformStream(), headers = {}) => [({ request, ctx }) => {
  const { readable, writable } = make();
  ctx.waitUntil((async () => {
    await tick();
    await begin(request, writable, ctx);
  })().catch(() => {}));
  return new Response(readable);
}, undefined, { ...post(), http: { status: 200, body, headers } }];
const lengths = (length, problem) => [({ request }) => thrown(() => new Response(request.body.pipeThrough(new FixedLengthStream(length))).text()), problem, post()];

const table = {
  "text of a long body": [async ({ request }) => (await request.text()) === kLong, true, post()],
  "text of a long body that is not ASCII": [async ({ request }) => { const text = await request.text(); return [text.length, text.slice(0, 3), text.at(-1)]; }, [100_003, "äöü", "é"],
    post("\ufeff" + "äöü" + "x".repeat(99_999) + "é")],
  "json of a long body": [async ({ request }) => (await request.json()).length, 20_000, post(JSON.stringify(Array(20_000).fill({ a: 1 })))],
  "json of a long body that is none": [({ request }) => thrown(() => request.json()), "SyntaxError: Unexpected non-whitespace character after JSON at position 1 (line 1 column 2)", post("1{".repeat(50_000))],
  "Identity": through(() => new IdentityTransformStream()),
  "FixedLength": [({ request }) => new Response(request.body.pipeThrough(new FixedLengthStream(kLong.length))), undefined,
    { ...post(), http: { status: 200, body: kLong, headers: { "content-length": String(kLong.length) } } }],
  "Transform": through(() => new TransformStream()),
  "two in a row": [({ request }) => new Response(request.body.pipeThrough(new IdentityTransformStream()).pipeThrough(new TransformStream())), undefined,
    { ...post(), ...kWhole }],
  "a pipe that is waited for": [({ request, ctx }) => {
    const { readable, writable } = new IdentityTransformStream();
    ctx.waitUntil(request.body.pipeTo(writable));
    return new Response(readable);
  }, undefined, { ...post(), ...kWhole }],
  "after a wait": [async ({ request }) => {
    const { readable, writable } = new TransformStream();
    request.body.pipeTo(writable);
    await tick();
    await tick();
    return new Response(readable);
  }, undefined, { ...post(), ...kWhole }],
  "the first chunk is looked at": [async ({ request }) => {
    const { readable, writable } = new TransformStream();
    request.body.pipeTo(writable);
    const reader = readable.getReader();
    let { value } = await reader.read();
    let size = 0;
    for (; value; { value } = await reader.read()) size += value.byteLength;
    return size;
  }, kLong.length, post()],
  "the promise of the pipe": [async ({ request }) => {
    const { readable, writable } = new IdentityTransformStream();
    const done = request.body.pipeTo(writable).then((value) => String(value));
    const text = await new Response(readable).text();
    return [text === kLong, await done];
  }, [true, "undefined"], post()],
  "both sides are locked meanwhile": [async ({ request }) => {
    const { readable, writable } = new IdentityTransformStream();
    request.body.pipeTo(writable);
    const locked = [request.body.locked, writable.locked, readable.locked, request.bodyUsed];
    await new Response(readable).text();
    return locked;
  }, [true, true, false, true], post()],
  "tee": [async ({ request }) => {
    const [a, b] = request.body.pipeThrough(new IdentityTransformStream()).tee();
    return (await Promise.all([textOf(a), textOf(b)])).map((text) => text === kLong);
  }, [true, true], post()],
  "cancel reaches the pipe": [async ({ request }) => {
    const { readable, writable } = new TransformStream();
    const pipe = thrown(() => request.body.pipeTo(writable));
    await readable.cancel(new RangeError("enough"));
    return await pipe;
  }, "nothing thrown", post()],
  "written to before": [async ({ request }) => {
    const { readable, writable } = new TransformStream();
    const writer = writable.getWriter();
    writer.write(enc("first "));
    writer.releaseLock();
    request.body.pipeTo(writable);
    return (await textOf(readable)).slice(0, 12);
  }, "0123456789ab", { ...post(), limpet: "first 012345", because: "workerd loses the write" }],
  "preventClose": [async ({ request }) => {
    const { readable, writable } = new TransformStream();
    request.body.pipeTo(writable, { preventClose: true }).then(() => {
      const writer = writable.getWriter();
      writer.write(enc(" last"));
      writer.close();
    });
    return (await textOf(readable)).slice(-8);
  }, "def last", post()],
  "FixedLength of too few": lengths(kLong.length + 1, "TypeError: FixedLengthStream did not see all expected bytes before close()."),
  "FixedLength of too many": lengths(100, "TypeError: Attempt to write too many bytes through a FixedLengthStream."),
  "begun after the answer": later((request, writable) => request.body.pipeTo(writable)),
  "begun after the answer, plain": later((request, writable) => request.body.pipeTo(writable), kLong, () => new TransformStream()),
  "begun after the answer, of a known length": later((request, writable) => request.body.pipeTo(writable), kLong,
    () => new FixedLengthStream(kLong.length), { "content-length": String(kLong.length) }),
  "begun after the answer, behind a chunk": later(async (request, writable) => {
    const writer = writable.getWriter();
    await writer.write(enc("first "));
    writer.releaseLock();
    await request.body.pipeTo(writable);
  }, "first " + kLong),
  "begun after the answer, between chunks": later(async (request, writable) => {
    let writer = writable.getWriter();
    await writer.write(enc("first "));
    writer.releaseLock();
    await request.body.pipeTo(writable, { preventClose: true });
    writer = writable.getWriter();
    await writer.write(enc(" last"));
    await writer.close();
  }, "first " + kLong + " last"),
  "begun after the answer, one after another": later(async (request, writable) => {
    await request.body.pipeTo(writable, { preventClose: true });
    await new Response(" middle ").body.pipeTo(writable, { preventClose: true });
    await new Response(kLong).body.pipeTo(writable);
  }, kLong + " middle " + kLong),
  "begun after the answer: what is seen of it": later(async (request, writable) => {
    const seen = [];
    const look = () => seen.push([request.body.locked, request.bodyUsed, writable.locked]);
    const pipe = request.body.pipeTo(writable, { preventClose: true });
    look();
    seen.push(String(await pipe));
    look();
    const writer = writable.getWriter();
    await writer.write(enc(JSON.stringify(seen)));
    await writer.close();
  }, kLong + '[[true,true,true],"undefined",[false,true,false]]'),
  "an empty body to the end": [async ({ request }) => {
    const { readable, writable } = new TransformStream();
    await request.body.pipeTo(writable);
    return await textOf(readable);
  }, "", { send: { method: "POST", body: "", headers: { "transfer-encoding": "chunked" } } }],
};

export default worker(Object.fromEntries(Object.entries(table).map(([name, [run, expect, more]]) => [name, { run, expect, ...more }])));

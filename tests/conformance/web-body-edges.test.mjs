// Bodies that were read in part, cancelled or split, readers that are released, and what a body's blob says of its type.
import { workerOfRows } from "./lib.mjs";

const bytes = (text) => new TextEncoder().encode(text);
const parts = () => new ReadableStream({
  start(controller) {
    controller.enqueue(bytes("he"));
    controller.enqueue(bytes("llo"));
    controller.close();
  },
});
const typeOf = async (type) => (await new Response("x", { headers: { "content-type": type } }).blob()).type;
async function split(response) {
  const [one, other] = response.body.tee();
  return [response.bodyUsed, await new Response(one).text(), await new Response(other).text()];
}
async function readOne(response, options, ...given) {
  const reader = response.body.getReader(options);
  await reader.read(...given);
  reader.releaseLock();
  return [response.bodyUsed, await response.clone().text(), response.bodyUsed];
}
async function cancelled(body) {
  await body.body.cancel();
  const used = body.bodyUsed;
  const copy = body.clone();
  return [used, body.bodyUsed, copy.bodyUsed, await copy.text()];
}
async function readAndClone(response, read) {
  await response[read]().catch(() => {});
  return response.clone();
}
function release(stream, options, ...given) {
  const reader = stream.getReader(options);
  reader.read(...given);
  reader.releaseLock();
}
async function released(reader) {
  reader.releaseLock();
  reader.releaseLock();
  const texts = [];
  for (const each of [reader.closed, reader.read(), reader.cancel()]) texts.push(await each.catch((error) => error.message));
  return texts;
}
async function decodeChunk(chunk) {
  const { readable, writable } = new TextDecoderStream();
  const writer = writable.getWriter();
  for (const each of [writer.closed, writer.write(chunk)]) each.catch(() => {});
  return await readable.getReader().read();
}
const bodyUsedAfterForm = async (response) => [await response.formData().catch((error) => error.message), response.bodyUsed];

const rows = [
  [() => split(new Response("hello")),
    ["true","hello","hello"]],
  [() => split(new Response(parts())),
    ["true","hello","hello"]],
  [() => split(new Request("http://h/", { method: "POST", body: "hello" })),
    ["true","hello","hello"]],
  [() => (() => { const stream = parts(); stream.tee(); return new Response(stream); })(),
    "TypeError: This ReadableStream is disturbed (has already been read from), and cannot be used as a body."],
  [() => (() => { const response = new Response("x"); response.body.tee(); return response.clone(); })(),
    "TypeError: This ReadableStream is currently locked to a reader,"],
  [() => readOne(new Response(parts())),
    ["true","llo","false"]],
  [() => readOne(new Response("hello"), { mode: "byob" }, new Uint8Array(2)),
    ["true","llo","false"]],
  [() => cancelled(new Response("hello")),
    ["true","false","false",""]],
  [() => cancelled(new Response(parts())),
    ["true","false","false",""]],
  [() => cancelled(new Request("http://h/", { method: "POST", body: parts() })),
    ["true","false","false",""]],
  [() => readAndClone(new Response(parts()), "text"),
    "TypeError: This ReadableStream is currently locked to a reader,"],
  [() => readAndClone(new Response(parts()), "json"),
    "TypeError: This ReadableStream is currently locked to a reader,"],
  [() => readAndClone(new Response("x"), "arrayBuffer"),
    "TypeError: This ReadableStream is currently locked to a reader,"],
  [() => release(new IdentityTransformStream().readable),
    "TypeError: Cannot call releaseLock() on a reader with outstanding read promises."],
  [() => release(new IdentityTransformStream().readable, { mode: "byob" }, new Uint8Array(1)),
    "TypeError: Cannot call releaseLock() on a reader with outstanding read promises."],
  [() => release(new ReadableStream({ start() {} })),
    "undefined"],
  [() => released(new Response("x").body.getReader()),
    ["This ReadableStream reader has been released.","This ReadableStream reader has been released.","This ReadableStream reader has been released."]],
  [() => released(parts().getReader()),
    ["This ReadableStream reader has been released.","This ReadableStream reader has been released.","This ReadableStream reader has been released."]],
  [() => decodeChunk("text"),
    "TypeError: This TransformStream is being used as a byte stream, but received a value that is not a BufferSource."],
  [() => decodeChunk(undefined),
    "TypeError: This TransformStream is being used as a byte stream, but received a value that is not a BufferSource."],
  [() => decodeChunk({}),
    "TypeError: This TransformStream is being used as a byte stream, but received a value that is not a BufferSource."],
  [() => bodyUsedAfterForm(new Response("x")),
    ["Unrecognized Content-Type header value. FormData can only parse the following MIME types: multipart/form-data, application/x-www-form-urlencoded","true"]],
  [() => bodyUsedAfterForm(new Response(parts())),
    ["Parsing a Body as FormData requires a Content-Type header.","false"]],
  [() => bodyUsedAfterForm(new Response("x", { headers: { "content-type": "multipart/form-data" } })),
    ["No boundary string in Content-Type header. The multipart/form-data MIME type requires a boundary parameter, e.g. 'Content-Type: multipart/form-data; boundary=\"abcd\"'. See RFC 7578, section 4.","true"]],
  [() => bodyUsedAfterForm(new Response("x", { headers: { "content-type": "text/html" } })),
    ["Unrecognized Content-Type header value. FormData can only parse the following MIME types: multipart/form-data, application/x-www-form-urlencoded","true"]],
  [() => typeOf("TEXT/HTML; Charset=\"utf-8\""),
    "text/html;charset=utf-8"],
  [() => typeOf("multipart/form-data; boundary=x"),
    "multipart/form-data; boundary=x"],
  [() => typeOf("multipart/form-data;boundary=\"x y\""),
    "multipart/form-data; boundary=\"x y\""],
  [() => typeOf("multipart/mixed; boundary=x"),
    "multipart/mixed; boundary=x"],
  [() => typeOf("a/b; c=d; e=f"),
    "a/b;c=d;e=f"],
  [() => typeOf("a/b; x=\"y;z\""),
    "a/b;x=\"y;z\""],
  [() => typeOf("nonsense"),
    ""],
];
export default workerOfRows(rows);

// What was otherwise before 2021-11 and 2022-06: members of instances, buffers of BYOB readers, arguments of wrong types, UTF-16.
// compatibility-date: 2021-09-01
import { workerOfRows } from "./lib.mjs";

const code = (text) => [...text].map((each) => each.codePointAt(0).toString(16));
const utf16 = (bytes, options) => code(new TextDecoder("utf-16le", options).decode(new Uint8Array(bytes)));
async function readInto(stream, size) {
  const view = new Uint8Array(size);
  const reading = stream.getReader({ mode: "byob" }).read(view);
  const before = view.byteLength;
  const { value, done } = await reading;
  return [before, value.byteLength, value.buffer === view.buffer, view.join(), done];
}
class Mine extends Response {
  get status() { return 7; }
}
async function written() {
  const { readable, writable } = new IdentityTransformStream();
  writable.getWriter().write(new Uint8Array([1, 2, 3]));
  return await readInto(readable, 5);
}

const rows = [
  [() => Object.keys(new Request("http://h/")),
    ["keepalive","integrity","cf","signal","fetcher","redirect","headers","url","method","bodyUsed","body"]],
  [() => Object.keys(new Response("x")),
    ["type","cf","webSocket","url","redirected","ok","headers","statusText","status","bodyUsed","body"]],
  [() => Object.keys(new URL("http://h/")),
    ["hash","searchParams","search","pathname","port","hostname","host","password","username","protocol","origin","href"]],
  [() => ["url" in Request.prototype, "status" in Response.prototype, "body" in Response.prototype, "href" in URL.prototype],
    ["false","false","false","false"]],
  [() => new Mine("x").status,
    "200"],
  [() => (() => { const request = new Request("http://h/", { method: "PUT" }); return new Request("http://z/", { ...request, headers: { a: "1" } }).method; })(),
    "PUT"],
  [() => (() => { return JSON.stringify(Object.assign({}, new Response(null, { status: 201 }))); })(),
    "{\"type\":\"default\",\"webSocket\":null,\"url\":\"\",\"redirected\":false,\"ok\":true,\"headers\":{},\"statusText\":\"\",\"status\":201,\"bodyUsed\":false,\"body\":null}"],
  [() => (() => { return JSON.stringify({ ...new URL("http://h/a?b") }); })(),
    "{\"hash\":\"\",\"searchParams\":{},\"search\":\"?b\",\"pathname\":\"/a\",\"port\":\"\",\"hostname\":\"h\",\"host\":\"h\",\"password\":\"\",\"username\":\"\",\"protocol\":\"http:\",\"origin\":\"http://h\",\"href\":\"http://h/a?b\"}"],
  [() => (() => { const url = new URL("http://h/"); url.pathname = "/q"; return url.href; })(),
    "http://h/q"],
  [() => (() => { const { url, method } = new Request("http://h/x").clone(); return [url, method]; })(),
    ["http://h/x","GET"]],
  [() => readInto(new Response("hello").body, 5),
    ["5","5","true","104,101,108,108,111","false"]],
  [() => readInto(new Response("hello").body, 8),
    ["8","5","true","104,101,108,108,111,0,0,0","false"]],
  [() => written(),
    ["5","3","true","1,2,3,0,0","false"]],
  [() => new EventTarget().addEventListener("x", 5),
    "undefined"],
  [() => new EventTarget().addEventListener("x", {}),
    "TypeError: Incorrect type for the 'handleEvent' field on 'HandlerObject': the provided value is not of type 'function'."],
  [() => new EventTarget().addEventListener("x"),
    "TypeError: Failed to execute 'addEventListener' on 'EventTarget': parameter 2 is not of type 'function or HandlerObject'."],
  [() => new EventTarget().removeEventListener("x", 5),
    "undefined"],
  [() => new Response("x", { webSocket: 5 }).status,
    "200"],
  [() => new Response("x", { cf: 5 }).status,
    "TypeError: Incorrect type for the 'cf' field on 'InitializerDict': the provided value is not of type 'Object'."],
  [() => new Request("http://h/", { signal: {} }).method,
    "GET"],
  [() => new Request("http://h/", { cf: 5 }),
    "TypeError: Incorrect type for the 'cf' field on 'RequestInitializerDict': the provided value is not of type 'Object'."],
  [() => new MessageEvent("message", { source: 5 }).source,
    "null"],
  [() => utf16([0x00, 0xd8, 0x61, 0x00]),
    ["d800","61"]],
  [() => utf16([0x00, 0xdc]),
    ["dc00"]],
  [() => utf16([0x00, 0xd8]),
    ["d800"]],
  [() => utf16([0x61]),
    ["fffd"]],
  [() => utf16([0x00, 0xd8, 0x61]),
    ["fffd"]],
  [() => utf16([0x00, 0xd8, 0x61, 0x00], { fatal: true }),
    ["d800","61"]],
  [() => utf16([0x61], { fatal: true }),
    "TypeError: Failed to decode input."],
];
export default workerOfRows(rows);

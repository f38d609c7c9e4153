// The platform's objects in structuredClone and in storage.
import * as workers from "cloudflare:workers";
import { objectClass, thrown, worker } from "./lib.mjs";

const look = (value) => {
  if (value instanceof Headers) return ["Headers", [...value]];
  if (value instanceof Blob) return [value.constructor.name, value.size, value.type];
  if (value instanceof Request) return ["Request", value.url, value.method, [...value.headers], value.redirect, value.cf, value.body];
  if (value instanceof Response) return ["Response", value.status, value.statusText, [...value.headers], value.body];
  if (value instanceof DOMException) return ["DOMException", value.name, value.message, value.code, typeof value.stack];
  return [Object.prototype.toString.call(value)];
};
const make = {
  headers: () => new Headers([["A", "1"], ["set-cookie", "a=1"], ["set-cookie", "b=2"]]),
  exception: () => new DOMException("m", "AbortError"),
  blob: () => new Blob(["xy"], { type: "text/plain" }),
  request: () => new Request("http://h/p?q", { method: "PUT", headers: { x: "1" }, redirect: "manual", cf: { a: 1 } }),
  response: () => new Response(null, { status: 404, statusText: "No", headers: { x: "1" } }),
};
const expected = {
  headers: ["Headers", [["a", "1"], ["set-cookie", "a=1"], ["set-cookie", "b=2"]]],
  exception: ["DOMException", "AbortError", "m", 20, "string"],
  blob: ["Blob", 2, "text/plain"],
  request: ["Request", "http://h/p?q", "PUT", [["x", "1"]], "manual", { a: 1 }, null],
  response: ["Response", 404, "No", [["x", "1"]], null],
};
const refused = {
  file: () => new File(["x"], "f"), form: () => new FormData(), url: () => new URL("http://h/"), params: () => new URLSearchParams("a=1"),
  "a request with a body": () => new Request("http://h/", { method: "POST", body: "b" }), "a response with a body": () => new Response("b"),
  readable: () => new ReadableStream(), signal: () => AbortSignal.abort(), controller: () => new AbortController(), event: () => new Event("x"),
  target: () => new (class extends workers.RpcTarget {})(), crypto: () => crypto,
};
const kNoType = (type) => `DataCloneError: Could not serialize object of type "${type}". This type does not support serialization.`;
const kStream = "DataCloneError: ReadableStream can only be serialized for RPC.";

const cases = {
  "structuredClone": { run: () => Object.fromEntries(Object.entries(make).map(([name, one]) => [name, look(structuredClone(one()))])), expect: expected },
  "in a MessageChannel": { run: () => new Promise((done) => { const { port1, port2 } = new MessageChannel(); port2.onmessage = ({ data }) => done([look(data[0]), look(data[1].inner)]); port1.postMessage([make.headers(), { inner: make.exception() }]); }), expect: [expected.headers, expected.exception] },
  "in storage": { inObject: async ({ storage }) => { const seen = {}; for (const [name, one] of Object.entries(make)) { await storage.put(name, { one: one() }); seen[name] = look((await storage.get(name)).one); } return seen; }, expect: expected },
  "in storage, listed": { inObject: async ({ storage }) => { await storage.put({ a: make.blob(), b: make.headers() }); return [...(await storage.list()).values()].map(look); }, expect: [expected.blob, expected.headers] },
  "one object twice stays one": { run: () => { const headers = make.headers(); const [a, b] = structuredClone([headers, headers]); return [a === b, a !== headers]; }, expect: [true, true] },
  "a clone is a copy": { run: () => { const headers = make.headers(); const copy = structuredClone(headers); copy.set("a", "2"); return [headers.get("a"), copy.get("a")]; }, expect: ["1", "2"] },
  "the bytes of a blob": { run: async () => [await structuredClone(make.blob()).text(), [...await structuredClone(new Blob([new Uint8Array([0, 255])])).bytes()]], expect: ["xy", [0, 255]] },
  "a subclass comes out as its base": { run: () => structuredClone(new (class Mine extends Headers {})({ a: "1" })).constructor.name, expect: "Headers" },
  "what a script does to the classes does not matter": { run: () => { const { get } = Headers.prototype; Headers.prototype.get = () => "patched"; try { return get.call(structuredClone(make.headers()), "a"); } finally { Headers.prototype.get = get; } }, expect: "1" },
  "a SharedArrayBuffer is shared": { run: () => { const shared = new SharedArrayBuffer(2); const copy = structuredClone({ shared }).shared; new Uint8Array(copy)[1] = 7; return [copy !== shared, new Uint8Array(shared)[1]]; }, expect: [true, 7] },
  "what can't be cloned": {
    run: async () => { const seen = {}; for (const [name, one] of Object.entries(refused)) seen[name] = await thrown(() => structuredClone(one())); return seen; },
    expect: { file: kNoType("File"), form: kNoType("FormData"), url: kNoType("URL"), params: kNoType("URLSearchParams"), "a request with a body": kStream, "a response with a body": kStream, readable: kStream, signal: "DataCloneError: AbortSignal serialization is not enabled.", controller: kNoType("AbortController"), event: kNoType("Event"), target: "DataCloneError: Remote RPC references can only be serialized for RPC.", crypto: kNoType("Crypto") },
  },
};

export const Subject = objectClass(cases);
export default worker(cases);

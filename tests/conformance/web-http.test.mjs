// Request, Response, Headers, bodies and streams, and what the client sees of an answer.
import { thrown, worker } from "./lib.mjs";

const encode = (text) => new TextEncoder().encode(text);
const chunks = (...texts) => new ReadableStream({ start(controller) { for (const text of texts) controller.enqueue(encode(text)); controller.close(); } });

const cases = {
  "Headers: names are case-insensitive": { run: () => { const h = new Headers({ "X-A": "1" }); return [h.get("x-a"), h.has("X-a"), h.get("none")]; }, expect: ["1", true, null] },
  "Headers: append joins with a comma": { run: () => { const h = new Headers(); h.append("a", "1"); h.append("A", "2"); return h.get("a"); }, expect: "1, 2" },
  "Headers: set replaces, delete removes": { run: () => { const h = new Headers([["a", "1"], ["a", "2"]]); h.set("a", "3"); const s = h.get("a"); h.delete("a"); return [s, h.has("a")]; }, expect: ["3", false] },
  "Headers: iteration is sorted and lower-case": { run: () => [...new Headers({ B: "2", a: "1", "C-d": "3" })], expect: [["a", "1"], ["b", "2"], ["c-d", "3"]] },
  "Headers: keys, values, entries, forEach": { run: () => { const h = new Headers({ b: "2", a: "1" }); const seen = []; h.forEach((value, key) => seen.push(`${key}=${value}`)); return [[...h.keys()], [...h.values()], [...h.entries()], seen]; }, expect: [["a", "b"], ["1", "2"], [["a", "1"], ["b", "2"]], ["a=1", "b=2"]] },
  "Headers: values are trimmed": { run: () => new Headers({ a: "  x y \t" }).get("a"), expect: "x y" },
  "Headers: an invalid name is refused": { run: () => thrown(() => new Headers({ "a b": "1" })), expect: "TypeError: Invalid header name." },
  "Headers: an invalid value is refused": { run: () => thrown(() => new Headers({ a: "x\ny" })), expect: "TypeError: Invalid header value." },
  "Headers: getSetCookie keeps cookies apart": { run: () => { const h = new Headers(); h.append("set-cookie", "a=1"); h.append("set-cookie", "b=2"); return [h.getSetCookie(), h.get("set-cookie")]; }, expect: [["a=1", "b=2"], "a=1, b=2"] },
  "Headers: made from Headers is a copy": { run: () => { const a = new Headers({ x: "1" }); const b = new Headers(a); b.set("x", "2"); return [a.get("x"), b.get("x")]; }, expect: ["1", "2"] },
  "Headers: numbers become text": { run: () => new Headers({ a: 5 }).get("a"), expect: "5" },

  "Request: defaults": { run: () => { const r = new Request("http://host/path?q#f"); return [r.method, r.url, r.body, r.bodyUsed, r.redirect]; }, expect: ["GET", "http://host/path?q#f", null, false, "follow"] },
  "Request: a relative URL is refused": { run: () => thrown(() => new Request("/path")), expect: "TypeError: Invalid URL: /path" },
  "Request: the URL is normalised": { run: () => new Request("HTTP://HOST:80/a/../b c").url, expect: "http://host/b%20c" },
  "Request: known methods become upper case": { run: () => ["get", "post", "put", "delete"].map((method) => new Request("http://h/", { method }).method), expect: ["GET", "POST", "PUT", "DELETE"] },
  "Request: an unknown method is refused": { run: () => thrown(() => new Request("http://h/", { method: "a b" })), expect: "TypeError: Invalid HTTP method string: a b" },
  "Request: GET with a body is refused": { run: () => thrown(() => new Request("http://h/", { body: "x" })), expect: "TypeError: Request with a GET or HEAD method cannot have a body." },
  "Request: HEAD with a body is refused": { run: () => thrown(() => new Request("http://h/", { method: "HEAD", body: "x" })), expect: "TypeError: Request with a GET or HEAD method cannot have a body." },
  "Request: a text body sets the type": { run: () => new Request("http://h/", { method: "POST", body: "x" }).headers.get("content-type"), expect: "text/plain;charset=UTF-8" },
  "Request: URLSearchParams as a body": { run: async () => { const r = new Request("http://h/", { method: "POST", body: new URLSearchParams({ a: "1 2" }) }); return [r.headers.get("content-type"), await r.text()]; }, expect: ["application/x-www-form-urlencoded;charset=UTF-8", "a=1+2"] },
  "Request: copied with changes": { run: async () => { const a = new Request("http://h/", { method: "POST", body: "b", headers: { x: "1" } }); const b = new Request(a, { headers: { y: "2" } }); return [b.method, b.headers.get("x"), b.headers.get("y"), await b.text(), a.bodyUsed]; }, expect: ["POST", null, "2", "b", true] },
  "Request: clone can be read twice": { run: async () => { const r = new Request("http://h/", { method: "POST", body: "b" }); const c = r.clone(); return [await r.text(), await c.text()]; }, expect: ["b", "b"] },
  "Request: redirect error is refused": { run: () => thrown(() => new Request("http://h/", { redirect: "error" })), expect: "TypeError: Invalid redirect value, must be one of \"follow\" or \"manual\" (\"error\" won't be implemented since it does not make sense at the edge; use \"manual\" and check the response status code)." },
  "Request: an unknown redirect mode is refused": { run: () => thrown(() => new Request("http://h/", { redirect: "x" })), expect: "TypeError: Invalid redirect value, must be one of \"follow\" or \"manual\" (\"error\" won't be implemented since it does not make sense at the edge; use \"manual\" and check the response status code)." },
  "Request: an incoming request's headers can't be changed": { run: ({ request }) => thrown(() => request.headers.set("a", "b")), expect: "TypeError: Can't modify immutable headers." },
  "Request: a copy of an incoming request can be changed": { run: ({ request }) => { const copy = new Request(request); copy.headers.set("a", "b"); return copy.headers.get("a"); }, expect: "b" },
  "Request: an incoming GET has no body": { run: ({ request }) => [request.method, request.body, request.bodyUsed], expect: ["GET", null, false] },
  "Request: an incoming body as text": { send: { method: "POST", body: "h\u00e9llo" }, run: ({ request }) => request.text(), expect: "héllo" },
  "Request: an incoming body as json": { send: { method: "POST", body: '{"a":[1]}' }, run: ({ request }) => request.json(), expect: { a: [1] } },
  "Request: an incoming body that is not json": { send: { method: "POST", body: "{" }, run: ({ request }) => thrown(() => request.json()), expect: "SyntaxError: Expected property name or '}' in JSON at position 1 (line 1 column 2)" },
  "Request: an incoming body as bytes": { send: { method: "POST", body: "ab" }, run: ({ request }) => request.arrayBuffer(), expect: new Uint8Array([97, 98]).buffer },
  "Request: an incoming body as a stream": {
    send: { method: "POST", body: "stream me" },
    run: async ({ request }) => { let text = ""; const decoder = new TextDecoder(); for await (const chunk of request.body) text += decoder.decode(chunk, { stream: true }); return text; }, expect: "stream me",
  },
  "Request: an incoming body can be read once": { send: { method: "POST", body: "x" }, run: async ({ request }) => { await request.text(); return [request.bodyUsed, await thrown(() => request.text())]; }, expect: [true, "TypeError: Body has already been used. It can only be used once. Use tee() first if you need to read it twice."] },
  "Request: broken UTF-8 in a body becomes replacement characters": { send: { method: "POST", body: Buffer4([0x61, 0xff, 0xc3, 0x62]) }, run: ({ request }) => request.text(), expect: "a��b" },
  "Request: headers of the client arrive": { send: { headers: { "X-Custom": "Value", "x-twice": ["a", "b"] } }, run: ({ request }) => [request.headers.get("x-custom"), request.headers.get("x-twice")], expect: ["Value", "a, b"] },
  "Request: path and query arrive": { send: { path: "/a%20b?q=%C3%A4&r=1" }, run: ({ request }) => new URL(request.url).search + " " + new URL(request.url).pathname.split("/").at(-1), expect: "?q=%C3%A4&r=1 a%20b" },
  "Request: cf is an object": { run: ({ request }) => typeof request.cf, expect: "object", limpet: "object", because: "workerd has no edge in front of it" },

  "Response: defaults": { run: () => { const r = new Response(); return [r.status, r.statusText, r.ok, r.body, r.bodyUsed, r.redirected, r.url, r.headers.get("content-type")]; }, expect: [200, "", true, null, false, false, "", null] },
  "Response: a text body sets the type": { run: () => new Response("x").headers.get("content-type"), expect: "text/plain;charset=UTF-8" },
  "Response: bytes set no type": { run: () => new Response(new Uint8Array(1)).headers.get("content-type"), expect: null },
  "Response: a number becomes text": { run: () => new Response(5).text(), expect: "5" },
  "Response: null is no body, undefined too": { run: () => [new Response(null).body, new Response(undefined).body], expect: [null, null] },
  "Response: an object becomes text": { run: () => new Response({}).text(), expect: "[object Object]" },
  "Response: status out of range is refused": { run: async () => [await thrown(() => new Response(null, { status: 99 })), await thrown(() => new Response(null, { status: 600 }))], expect: ["RangeError: Responses may only be constructed with status codes in the range 200 to 599, inclusive.", "RangeError: Responses may only be constructed with status codes in the range 200 to 599, inclusive."] },
  "Response: 204 with a body is refused": { run: () => thrown(() => new Response("x", { status: 204 })), expect: "TypeError: Response with null body status (101, 204, 205, or 304) cannot have a body." },
  "Response: 304 without a body is fine": { run: () => new Response(null, { status: 304 }).status, expect: 304 },
  "Response: ok is 200 to 299": { run: () => [200, 299, 300, 404].map((status) => new Response(null, { status }).ok), expect: [true, true, false, false] },
  "Response: json": { run: async () => { const r = Response.json({ a: 1 }, { status: 201 }); return [r.status, r.headers.get("content-type"), await r.text()]; }, expect: [201, "application/json", "{\"a\":1}"] },
  "Response: json of undefined": { run: () => thrown(() => Response.json(undefined)), expect: "nothing thrown" },
  "Response: redirect": { run: () => { const r = Response.redirect("http://h/x", 301); return [r.status, r.headers.get("location")]; }, expect: [301, "http://h/x"] },
  "Response: redirect with a wrong status": { run: () => thrown(() => Response.redirect("http://h/x", 200)), expect: "RangeError: 200 is not a redirect status code. It must be one of: 301, 302, 303, 307, or 308." },
  "Response: clone can be read twice": { run: async () => { const r = new Response("b"); const c = r.clone(); return [await r.text(), await c.text()]; }, expect: ["b", "b"] },
  "Response: clone after reading is refused": { run: async () => { const r = new Response("b"); await r.text(); return thrown(() => r.clone()); }, expect: "TypeError: This ReadableStream is currently locked to a reader," },
  "Response: text, json, arrayBuffer, bytes, blob": { run: async () => [await new Response("1").text(), await new Response("1").json(), await new Response("1").arrayBuffer(), await new Response("1").bytes(), (await new Response("1").blob()).size], expect: ["1", 1, new Uint8Array([49]).buffer, new Uint8Array([49]), 1] },
  "Response: reading twice is refused": { run: async () => { const r = new Response("b"); await r.text(); return thrown(() => r.json()); }, expect: "TypeError: Body has already been used. It can only be used once. Use tee() first if you need to read it twice." },
  "Response: a body without content reads as empty": { run: async () => [await new Response().text(), (await new Response().arrayBuffer()).byteLength], expect: ["", 0] },
  "Response: a byte order mark is dropped from text": { run: () => new Response(new Uint8Array([0xef, 0xbb, 0xbf, 0x61])).text(), expect: "a" },
  "Response: copied with another status": { run: async () => { const r = new Response(new Response("b", { headers: { x: "1" } }).body, { status: 202 }); return [r.status, await r.text()]; }, expect: [202, "b"] },
  "Response: init from a Response": { run: () => { const r = new Response("b", new Response(null, { status: 203, statusText: "Odd", headers: { x: "1" } })); return [r.status, r.statusText, r.headers.get("x")]; }, expect: [203, "Odd", "1"] },
  "Response: a stream as a body": { run: () => new Response(chunks("one ", "two")).text(), expect: "one two" },
  "Response: a stream that fails": { run: () => thrown(() => new Response(new ReadableStream({ start(c) { c.error(new RangeError("broken")); } })).text()), expect: "RangeError: broken" },

  "Streams: a reader takes chunks": { run: async () => { const reader = chunks("a", "b").getReader(); const seen = []; for (;;) { const { done, value } = await reader.read(); if (done) return seen; seen.push(new TextDecoder().decode(value)); } }, expect: ["a", "b"] },
  "Streams: a locked stream is refused": { run: async () => { const s = chunks("a"); s.getReader(); return [s.locked, await thrown(() => s.getReader())]; }, expect: [true, "TypeError: This ReadableStream is currently locked to a reader."] },
  "Streams: tee gives two": { run: async () => { const [a, b] = chunks("x", "y").tee(); return [await new Response(a).text(), await new Response(b).text()]; }, expect: ["xy", "xy"] },
  "Streams: pipeThrough a TransformStream": { run: () => new Response(chunks("ab", "c").pipeThrough(new TransformStream({ transform(chunk, controller) { controller.enqueue(encode(new TextDecoder().decode(chunk).toUpperCase())); } }))).text(), expect: "ABC" },
  "Streams: cancel tells the source why": { run: async () => { let why; const s = new ReadableStream({ cancel(reason) { why = reason; } }); await s.cancel("enough"); return why; }, expect: "enough" },
  "Streams: a body's reader takes bytes": { run: async () => { const { value } = await new Response("ab").body.getReader().read(); return value; }, expect: new Uint8Array([97, 98]) },

  "Client: a text answer": { run: () => new Response("hello"), http: { status: 200, body: "hello", headers: { "content-type": "text/plain;charset=UTF-8", "content-length": "5" } } },
  "Client: status and headers": { run: () => new Response("x", { status: 418, headers: { "X-A": "1" } }), http: { status: 418, body: "x", headers: { "x-a": "1" } } },
  "Client: an empty 204": { run: () => new Response(null, { status: 204 }), http: { status: 204, body: "" } },
  "Client: two cookies stay two": { run: () => { const r = new Response(null); r.headers.append("set-cookie", "a=1"); r.headers.append("set-cookie", "b=2"); return r; }, http: { status: 200, body: "", headers: { "set-cookie": ["a=1", "b=2"] } } },
  "Client: a redirect is passed on": { run: () => Response.redirect("http://elsewhere.invalid/", 302), http: { status: 302, body: "", headers: { location: "http://elsewhere.invalid/" } } },
  "Client: a streamed answer": { run: () => new Response(chunks("one ", "two ", "three")), http: { status: 200, body: "one two three" } },
  "Client: a body sent is streamed back": { send: { method: "POST", body: "echo ".repeat(2000) }, run: ({ request }) => new Response(request.body), http: { status: 200, body: "echo ".repeat(2000) } },
  "Client: HEAD has no body": { send: { method: "HEAD" }, run: () => new Response("hello"), http: { status: 200, body: "" } },
  "Client: an uncaught exception is a 500": { run: () => { throw new Error("mine"); }, http: { status: 500 } },
  "Client: an answer that is no Response is a 500": { run: () => "text", http: { status: 500 } },
  "Client: an object's answer is passed on": { run: () => new Response(chunks("a"), { status: 201 }), http: { status: 201, body: "a" } },
};

// Node's Buffer exists only where the client's request is made.
function Buffer4(bytes) {
  return globalThis.Buffer?.from(bytes);
}

export default worker(cases);

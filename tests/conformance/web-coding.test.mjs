// Content-Encoding: what a script sees of compressed bodies. tests/system/http.test.mjs looks at the bytes on the wire.
import { thrown, worker } from "./lib.mjs";

const kText = "coded ".repeat(50);
const coded = (env, coding, more = "") => fetch(`${env.ECHO}/?coding=${coding}${more}`);
const magic = async (response) => [...new Uint8Array(await response.arrayBuffer())].slice(0, 2);
const gzipped = (init) => new Response(kText, { headers: { "content-encoding": "gzip" }, ...init });

const cases = {
  "fetch asks for no coding by itself": { run: async ({ env }) => (await (await fetch(env.ECHO)).json()).headers["accept-encoding"] ?? "none", expect: "none" },
  "gzip is decoded when it is read": { run: async ({ env }) => { const r = await coded(env, "gzip"); return [r.headers.get("content-encoding"), (await r.text()) === kText]; }, expect: ["gzip", true] },
  "br is decoded when it is read": { run: async ({ env }) => { const r = await coded(env, "br"); return [r.headers.get("content-encoding"), (await r.text()) === kText]; }, expect: ["br", true] },
  "a stream of it is decoded": { run: async ({ env }) => { let size = 0; for await (const chunk of (await coded(env, "gzip")).body) size += chunk.length; return size; }, expect: 300 },
  "both of a clone are decoded": { run: async ({ env }) => { const r = await coded(env, "gzip"); const c = r.clone(); return [(await r.text()).length, (await c.text()).length]; }, expect: [300, 300] },
  "a copy with a body of its own is decoded": { run: async ({ env }) => new Response((await coded(env, "br")).body).text().then((text) => text === kText), expect: true },
  "other names are left alone": { run: async ({ env }) => Promise.all(["GZIP", "x-gzip", "deflate", "gzip,br"].map(async (coding) => (await coded(env, coding)).text())), expect: ["coded", "coded", "coded", "coded"] },
  "encodeResponseBody: manual leaves it alone": { run: async ({ env }) => magic(await fetch(`${env.ECHO}/?coding=gzip`, { encodeResponseBody: "manual" })), expect: [0x1f, 0x8b] },
  "an encodeResponseBody of a Request does not count": { run: async ({ env }) => magic(await fetch(new Request(`${env.ECHO}/?coding=gzip`, { encodeResponseBody: "manual" }))), expect: [...new TextEncoder().encode("co")] },
  "gzip that is cut": { run: async ({ env }) => thrown(async () => (await coded(env, "gzip", "&cut")).text()), expect: "TypeError: Gzip compressed stream ended prematurely." },
  "gzip that is none": { run: async ({ env }) => thrown(async () => (await coded(env, "gzip", "&broken")).text()), expect: "TypeError: Gzip decompression failed." },
  "br that is cut": { run: async ({ env }) => thrown(async () => (await coded(env, "br", "&cut")).text()), expect: "TypeError: Brotli compressed stream ended prematurely." },
  "br that is none": { run: async ({ env }) => thrown(async () => (await coded(env, "br", "&broken")).text()), expect: "TypeError: Brotli decompression failed." },
  "a Response of one's own is not coded before it is sent": { run: () => gzipped().text().then((text) => text === kText), expect: true },
  "encodeBody takes two values": { run: () => thrown(() => gzipped({ encodeBody: "none" })), expect: "TypeError: encodeBody: unexpected value: none" },
  "encodeResponseBody takes two values": { run: () => thrown(() => new Request("http://h/", { encodeResponseBody: "none" })), expect: "TypeError: encodeResponseBody: unexpected value: none" },
  "an object's coded answer is decoded by its caller": { run: async ({ env }) => { const r = await env.Coder.get(env.Coder.newUniqueId()).fetch("http://object/"); return [r.headers.get("content-encoding"), (await r.text()) === kText]; }, expect: ["gzip", true] },
  "an object's coded answer can be had as it is": { run: async ({ env }) => magic(await env.Coder.get(env.Coder.newUniqueId()).fetch("http://object/", { encodeResponseBody: "manual" })), expect: [0x1f, 0x8b] },
  "a coded request body is sent as it is": { run: async ({ env }) => { const j = await (await fetch(env.ECHO, { method: "POST", body: "abc", headers: { "content-encoding": "gzip" } })).json(); return [j.body, j.headers["content-encoding"]]; }, expect: ["abc", "gzip"] },
  "a coded request body arrives as it is": { send: { method: "POST", body: "abc", headers: { "content-encoding": "gzip" } }, run: ({ request }) => request.text(), expect: "abc" },
};

export default worker(cases);
export class Coder {
  fetch() { return gzipped(); }
}

// Outbound fetch, against the echo server of run.mjs.
import { objectClass, thrown, worker } from "./lib.mjs";

const cases = {
  "GET": { run: async ({ env }) => { const r = await fetch(`${env.ECHO}/path?q=1`); const j = await r.json(); return [r.status, r.ok, j.method, j.path, r.headers.get("x-echo"), r.redirected]; }, expect: [200, true, "GET", "/path?q=1", "yes", false] },
  "a name and a password in the URL": { run: async ({ env }) => { const j = await (await fetch(env.ECHO.replace("//", "//u:p%40@") + "/p")).json(); return [j.path, j.headers.host === env.ECHO.slice(7), j.headers.authorization ?? "none"]; }, expect: ["/p", true, "none"] },
  "POST with a text": { run: async ({ env }) => { const j = await (await fetch(env.ECHO, { method: "POST", body: "h\u00e9" })).json(); return [j.method, j.body, j.headers["content-type"], j.headers["content-length"]]; }, expect: ["POST", "hé", "text/plain;charset=UTF-8", "3"] },
  "POST with bytes": { run: async ({ env }) => { const j = await (await fetch(env.ECHO, { method: "POST", body: new Uint8Array([97, 98]) })).json(); return [j.body, j.headers["content-type"] ?? "none"]; }, expect: ["ab", "none"] },
  "the length of no body": {
    run: async ({ env }) => {
      const lengths = {};
      for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]) {
        const seen = await (await fetch(env.ECHO, { method })).json();
        lengths[method] = seen.headers["content-length"] ?? "none";
      }
      return lengths;
    },
    expect: { GET: "none", POST: "0", PUT: "0", PATCH: "0", DELETE: "0", OPTIONS: "0", PROPFIND: "0" },
  },
  "POST with a stream": {
    run: async ({ env }) => { const body = new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode("one ")); c.enqueue(new TextEncoder().encode("two")); c.close(); } }); return (await (await fetch(env.ECHO, { method: "POST", body })).json()).body; }, expect: "one two",
  },
  "headers are sent": { run: async ({ env }) => { const j = await (await fetch(env.ECHO, { headers: { "X-A": "1", Accept: "text/x" } })).json(); return [j.headers["x-a"], j.headers.accept]; }, expect: ["1", "text/x"] },
  "a Request is sent": { run: async ({ env }) => { const j = await (await fetch(new Request(env.ECHO, { method: "PUT", body: "b" }), { headers: { "x-b": "2" } })).json(); return [j.method, j.body, j.headers["x-b"]]; }, expect: ["PUT", "b", "2"] },
  "HEAD has no body": { run: async ({ env }) => { const r = await fetch(env.ECHO, { method: "HEAD" }); return [r.status, await r.text()]; }, expect: [200, ""] },
  "a 404 is an answer, not an error": { run: async ({ env }) => { const r = await fetch(`${env.ECHO}/?status=404`); return [r.status, r.ok]; }, expect: [404, false] },
  "a 204 has no body": { run: async ({ env }) => { const r = await fetch(`${env.ECHO}/?status=204`); return [r.status, r.body]; }, expect: [204, null] },
  "redirects are followed": { run: async ({ env }) => { const r = await fetch(`${env.ECHO}/a?location=/b`); const j = await r.json(); return [j.path, r.redirected, r.url.endsWith("/b")]; }, expect: ["/b", true, true] },
  "a 302 makes a POST a GET": { run: async ({ env }) => { const j = await (await fetch(`${env.ECHO}/a?location=/b`, { method: "POST", body: "x" })).json(); return [j.method, j.body]; }, expect: ["GET", ""] },
  "a 307 keeps the POST": { run: async ({ env }) => { const j = await (await fetch(`${env.ECHO}/a?status=307&location=/b`, { method: "POST", body: "x" })).json(); return [j.method, j.body]; }, expect: ["POST", "x"] },
  "redirect: manual gives the redirect": { run: async ({ env }) => { const r = await fetch(`${env.ECHO}/a?location=/b`, { redirect: "manual" }); return [r.status, r.headers.get("location"), await r.text()]; }, expect: [302, "/b", "moved"] },
  "redirects in a circle end": { run: async ({ env }) => { const text = await thrown(() => fetch(`${env.ECHO}/circle`)); return [text.split("http")[0], text.split("http").length - 1]; }, expect: ["TypeError: Too many redirects.", 21] },
  "the answer's headers can't be changed": { run: async ({ env }) => { const r = await fetch(env.ECHO); return thrown(() => r.headers.set("a", "b")); }, expect: "TypeError: Can't modify immutable headers." },
  "a copy of the answer can be changed": { run: async ({ env }) => { const r = await fetch(env.ECHO); const copy = new Response(r.body, r); copy.headers.set("a", "b"); return [copy.headers.get("a"), copy.headers.get("x-echo"), copy.status]; }, expect: ["b", "yes", 200] },
  "an aborted fetch rejects": { run: async ({ env }) => { const c = new AbortController(); const p = thrown(() => fetch(`${env.ECHO}/?delay=20000`, { signal: c.signal })); c.abort(); return p; }, expect: "AbortError: The operation was aborted" },
  "a fetch aborted before it starts rejects": { run: async ({ env }) => thrown(() => fetch(env.ECHO, { signal: AbortSignal.abort() })), expect: "AbortError: The operation was aborted" },
  "another scheme is refused": { run: () => thrown(() => fetch("ftp://host/")), expect: "TypeError: Fetch API cannot load: ftp://host/" },
  "a relative URL is refused": { run: () => thrown(() => fetch("/x")), expect: "TypeError: Invalid URL: /x" },
  "a GET with a body is refused": { run: ({ env }) => thrown(() => fetch(env.ECHO, { body: "x" })), expect: "TypeError: Request with a GET or HEAD method cannot have a body." },
  "a closed port is an error": { run: async () => (await thrown(() => fetch("http://127.0.0.1:1/"))).split(":")[0], expect: "Error" },
  "many fetches at once all come back": { run: async ({ env }) => (await Promise.all(Array.from({ length: 20 }, async (_, n) => (await (await fetch(`${env.ECHO}/${n}`)).json()).path))).join(), expect: "/0,/1,/2,/3,/4,/5,/6,/7,/8,/9,/10,/11,/12,/13,/14,/15,/16,/17,/18,/19" },
  "an answer can be passed on as it is": { run: ({ env }) => fetch(`${env.ECHO}/?status=201`), http: { status: 201, headers: { "x-echo": "yes" } } },
  "data: URLs": {
    async run() {
      const seen = [];
      for (const url of ["data:text/plain,hello%20w", "data:text/plain;base64,aGk=", "data:,x", "data:;charset=utf-8,%C3%A9", "data:TEXT/HTML ; a=b,x",
                         "data:text/plain;base64,a%47k=", "data:text/plain; base64,!!", "DATA:,x#frag", "data:bad type,%zz%4", "data: text/plain ,y"]) {
        const response = await fetch(url);
        seen.push([response.status, response.statusText, response.url, response.headers.get("content-type"), await response.text()].join("|"));
      }
      return [...seen, await thrown(() => fetch("data:nonsense")), await thrown(() => fetch("blob:http://x/y"))];
    },
    expect: ["200|OK||text/plain|hello w", "200|OK||text/plain|hi", "200|OK||text/plain;charset=US-ASCII|x", "200|OK||text/plain;charset=utf-8|\u00e9",
             "200|OK||text/html;a=b|x", "200|OK||text/plain|hi", "200|OK||text/plain|", "200|OK||text/plain;charset=US-ASCII|x",
             "200|OK||text/plain;charset=US-ASCII|%zz%4", "200|OK||text/plain|y", "TypeError: Fetch API cannot load: data:nonsense",
             "TypeError: Fetch API cannot load: blob:http://x/y"],
  },
  "an object fetches": { inObject: async ({ env }) => (await (await fetch(`${env.ECHO}/from-object`)).json()).path, expect: "/from-object" },
};

export default worker(cases);
export const Subject = objectClass(cases);

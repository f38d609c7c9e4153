// What a script of early 2024 has in another way: pipes, URLPattern, the end of a BYOB read.
// compatibility-date: 2024-02-01
import { thrown, worker } from "./lib.mjs";
import { pipes } from "./modules/pipes.mjs";

const kBase = "http://host";
const parts = (pattern) => [pattern.protocol, pattern.username, pattern.password, pattern.hostname, pattern.port, pattern.pathname, pattern.search, pattern.hash];

const cases = {
  "URLPattern: what a text does not say is empty": {
    run: () => [parts(new URLPattern("https://*.host/:x")), parts(new URLPattern("/a/:b", kBase)), parts(new URLPattern("http://host/a?b=*")), parts(new URLPattern({ pathname: "a", baseURL: kBase }))],
    expect: [["https", "", "", "*.host", "", "/:x", "", ""], ["http", "", "", "host", "", "/a/:b", "", ""], ["http", "", "", "host", "", "/a", "b=*", ""], ["http", "", "", "host", "", "/a", "", ""]],
  },
  "URLPattern: so a query does not match": {
    run: () => [new URLPattern("/a/:b", kBase).test("http://host/a/1?c"), new URLPattern("/a/:b?*", kBase).test("http://host/a/1?c"), new URLPattern({ pathname: "/a/:b" }).test("http://host/a/1?c")],
    expect: [false, false, true],
  },
  "URLPattern: a group without a match": { run: () => new URLPattern({ pathname: "/a/:b?" }).exec("http://host/a").pathname.groups, expect: { b: "" } },
  "URLPattern: errors": {
    run: async () => [await thrown(() => new URLPattern("/a")), await thrown(() => new URLPattern("/a", "host")), await thrown(() => new URLPattern({ port: "abc" })),
                      await thrown(() => new URLPattern({}, kBase)), await thrown(() => new URLPattern({}).test({}, kBase))],
    expect: ["TypeError: Syntax error in URL Pattern: a relative pattern must have a base URL.", "TypeError: Invalid base URL.", "TypeError: Syntax error in URL Pattern",
             "nothing thrown", "TypeError: A baseURL is not allowed when input is an object."],
  },
  "URLPattern: hasRegExpGroups": { run: () => "hasRegExpGroups" in URLPattern.prototype, expect: false },
  "a BYOB reader at the end of a body": {
    async run() {
      const seen = [];
      for (const stream of [new Response("abc").body, new ReadableStream({ type: "bytes", pull(controller) { controller.close(); controller.byobRequest?.respond(0); } })]) {
        const reader = stream.getReader({ mode: "byob" });
        let read;
        do read = await reader.read(new Uint8Array(4)); while (!read.done);
        seen.push(read.value === undefined ? "nothing" : read.value.byteLength);
      }
      return seen;
    },
    expect: ["nothing", 0],
  },
  "headers of a wrong type": {
    run: async () => [await thrown(() => new Response("", { headers: 5 })), await thrown(() => new Response("", { headers: null })), await thrown(() => new Request(kBase, { headers: "a" })),
                      await thrown(() => new Request(kBase, { headers: null }))],
    expect: ["Dict", "Dict", "RequestDict", "RequestDict"].map((name) => `TypeError: Incorrect type for the 'headers' field on '${name.replace("Dict", "InitializerDict")}': ` +
      "the provided value is not of type 'Headers or Sequence or object'."),
  },
};
for (const [name, { run, expect }] of Object.entries(pipes)) cases[name] = { run, expect };
export default worker(cases);

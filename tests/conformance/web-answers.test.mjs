// Bodies that a signal ends, texts in streams that leave, cache modes, and arguments of a wrong type.
// compatibility-date: 2026-05-01
import { thrown, worker } from "./lib.mjs";

const bytes = (text) => new TextEncoder().encode(text);
const of = (...chunks) => new ReadableStream({
  start(controller) {
    for (const chunk of chunks) controller.enqueue(chunk);
    controller.close();
  },
});
const refusals = async (...tries) => {
  const seen = [];
  for (const one of tries) seen.push(await thrown(one));
  return seen;
};
const headersSent = async (response) => {
  const { headers } = await (await response).json();
  return [headers["cache-control"], headers.pragma];
};
async function aborted({ env }, use) {
  const controller = new AbortController();
  const response = await fetch(env.ECHO, { method: "POST", body: "x".repeat(200_000), signal: controller.signal });
  return await thrown(() => use(response, () => controller.abort(new Error("enough"))));
}

export class Subject {
  async fetch(request) { return new Response(request.method === "POST" ? await request.text() : "from an object"); }
}

const kDictionary = "TypeError: Incorrect type for the 'cf' field on 'RequestInitializerDict': the provided value is not of type 'Object'.";
const kIntegrity = "TypeError: Subrequest integrity checking is not implemented. The integrity option must be either undefined or an empty string.";

const cases = {
  "a signal ends a body before it is read": { run: (tools) => aborted(tools, (response, abort) => { abort(); return response.text(); }), expect: "Error: enough" },
  "a signal ends a body while it is read": {
    run: (tools) => aborted(tools, async (response, abort) => {
      const reader = response.body.getReader();
      await reader.read();
      abort();
      while (!(await reader.read()).done);
    }),
    expect: "Error: enough",
  },
  "a signal ends text()": { run: (tools) => aborted(tools, (response, abort) => { const text = response.text(); abort(); return text; }), expect: "Error: enough" },
  "a signal ends the body of a clone": { run: (tools) => aborted(tools, (response, abort) => { const copy = response.clone(); abort(); return copy.text(); }), expect: "Error: enough" },
  "a signal ends a pipe": {
    run: (tools) => aborted(tools, (response, abort) => {
      const { readable, writable } = new TransformStream();
      response.body.pipeTo(writable).catch(() => {});
      abort();
      return new Response(readable).text();
    }),
    expect: "Error: enough",
  },
  "a signal after the body": { run: (tools) => aborted(tools, async (response, abort) => { await response.text(); abort(); }), expect: "nothing thrown" },
  "a signal ends an object's body": {
    async run({ object }) {
      const controller = new AbortController();
      const response = await object.fetch("http://object/", { signal: controller.signal });
      controller.abort(new Error("enough"));
      return await thrown(() => response.text());
    },
    expect: "Error: enough",
  },
  "a body with a signal that nobody uses": {
    run: async ({ env, object }) => [(await (await fetch(env.ECHO, { signal: new AbortController().signal })).json()).method,
                                     await (await object.fetch("http://object/", { signal: AbortSignal.timeout(60_000) })).text()],
    expect: ["GET", "from an object"],
  },
  "a body with a signal that is passed on": {
    run: ({ env }) => fetch(`${env.ECHO}/?coding=none`, { signal: new AbortController().signal }),
    http: { status: 200, body: "coded" },
  },
  "texts in a stream": { run: () => new Response(of("a", "", "ü", bytes("b"))), http: { status: 200, body: "aüb" } },
  "texts through a TransformStream": {
    run() {
      const { readable, writable } = new TransformStream();
      const writer = writable.getWriter();
      writer.write("one ");
      writer.write("two");
      writer.close();
      return new Response(readable);
    },
    http: { status: 200, body: "one two" },
  },
  "texts in a stream to an object": { run: async ({ object }) => (await object.fetch("http://object/", { method: "POST", body: of("a", "b") })).text(), expect: "ab" },
  "cache modes": {
    run: async ({ env }) => [await headersSent(fetch(env.ECHO, { cache: "no-store" })), await headersSent(fetch(new Request(env.ECHO, { cache: "no-cache" }))),
                             await headersSent(fetch(env.ECHO, { cache: "no-store", headers: { "cache-control": "max-age=5" } })),
                             await headersSent(fetch(env.ECHO, { cache: "no-store", headers: { Pragma: "own" } })), await headersSent(fetch(env.ECHO))],
    expect: [["no-cache", "no-cache"], ["no-cache", "no-cache"], ["max-age=5", "no-cache"], ["no-cache", "own"], [undefined, undefined]],
  },
  "Request: cf and integrity": {
    run: () => refusals(...[{ cf: 5 }, { cf: null }, { cf: "a" }, { cf: {} }, { integrity: "sha256-x" }, { integrity: "" }].map((init) => () => new Request("http://host", init))),
    expect: [kDictionary, kDictionary, kDictionary, "nothing thrown", kIntegrity, "nothing thrown"],
  },
  "Request: a GET of one with a body": {
    run: () => thrown(() => new Request(new Request("http://host", { method: "POST", body: "x" }), { method: "GET" })),
    expect: "TypeError: Request with a GET or HEAD method cannot have a body.",
  },
  "Response: cf, and an empty text without a body": {
    run: () => [new Response("", { cf: { a: 1 } }).cf, new Response("").cf, [...new Response("", { status: 304 }).headers], [...new Response("").headers]],
    expect: [{ a: 1 }, undefined, [], [["content-type", "text/plain;charset=UTF-8"]]],
  },
  "arguments of Headers, Blob, File, FormData": {
    run: () => refusals(() => new Headers(null), () => new Blob("x"), () => new Blob(5), () => new Blob([], { endings: "native" }), () => new File(["x"]), () => new FormData().append("a")),
    expect: ["TypeError: Failed to construct 'Headers': constructor parameter 1 is not of type 'Headers or Sequence or object'.",
             "TypeError: Failed to construct 'Blob': constructor parameter 1 is not of type 'Array'.", "TypeError: Failed to construct 'Blob': constructor parameter 1 is not of type 'Array'.",
             "Error: The 'endings' field on 'Options' is not implemented.", "TypeError: Failed to construct 'File': constructor parameter 2 is not of type 'string'.",
             "TypeError: Failed to execute 'append' on 'FormData': parameter 2 is not of type 'File or Blob or string'."],
  },
  "arguments of timers and signals": {
    run: () => refusals(() => clearTimeout(), () => clearTimeout(undefined), () => clearInterval(), () => scheduler.wait(), () => setTimeout(() => {}, 1n), () => AbortSignal.any()),
    expect: ["TypeError: Failed to execute 'clearTimeout' on 'ServiceWorkerGlobalScope': parameter 1 is not of type 'Number'.", "nothing thrown",
             "TypeError: Failed to execute 'clearInterval' on 'ServiceWorkerGlobalScope': parameter 1 is not of type 'Number'.",
             "TypeError: Failed to execute 'wait' on 'Scheduler': parameter 1 is not of type 'number'.", "TypeError: Cannot convert a BigInt value to a number",
             "TypeError: Failed to execute 'any' on 'AbortSignal': parameter 1 is not of type 'Array'."],
  },
  "arguments of TextDecoder": {
    run: () => refusals(() => new TextDecoder("utf-8", "x"), () => new TextDecoder().decode(bytes("a"), 5)),
    expect: ["TypeError: Failed to construct 'TextDecoder': constructor parameter 2 is not of type 'ConstructorOptions'.",
             "TypeError: Failed to execute 'decode' on 'TextDecoder': parameter 2 is not of type 'DecodeOptions'."],
  },
};
export default worker(cases);

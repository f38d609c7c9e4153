// What scripts of the first compatibility date have in another way.
// compatibility-date: 2021-01-01
import { objectClass, worker } from "./lib.mjs";

// How `action` fails: at once, by its promise, or not at all.
async function how(action) {
  let promise;
  try {
    promise = action();
  } catch (error) {
    return `at once ${error.name}: ${error.message}`;
  }
  try {
    await promise;
    return "fine";
  } catch (error) {
    return `later ${error.name}: ${error.message}`;
  }
}
const hows = (...actions) => Promise.all(actions.map(how));
const parameter = (method, holder, index, type) =>
  `at once TypeError: Failed to execute '${method}' on '${holder}': parameter ${index} is not of type '${type}'.`;

// The call that the object saw.
const seen = async (response) => (await response).json();
const kNoStreams = "at once Error: To use the new ReadableStream() constructor, enable the streams_enable_constructors compatibility " +
  "flag. Refer to the docs for more information: https://developers.cloudflare.com/workers/platform/compatibility-dates/#compatibility-flags";
const bytes = (text) => new TextEncoder().encode(text);
const textOf = (stream) => new Response(stream).text();

const cases = {
  "a stub takes relative addresses": {
    async run({ object }) {
      const urls = [];
      for (const url of ["/rel", "rel", "?q", "", "http://h/x", "//other/y"]) urls.push((await seen(object.fetch(`${url}`))).url);
      return urls;
    },
    expect: ["https://fake-host/rel", "https://fake-host/rel", "https://fake-host/?q", "https://fake-host/", "http://h/x", "https://other/y"],
  },
  "a stub has get, put and delete": {
    async run({ object }) {
      const read = async (action) => {
        try {
          const value = await action();
          return value instanceof ArrayBuffer ? "buffer" : value instanceof ReadableStream ? "stream" : typeof value === "object" ? value && value.url : value ?? "undefined";
        } catch (error) {
          return `${error.name}: ${error.message}`;
        }
      };
      const results = [];
      for (const action of [
        () => object.get("http://o/a", "json"), () => object.get("/a", "json"), () => object.get("http://o/a", "arrayBuffer"),
        () => object.get("http://o/a", "stream"), () => object.get("http://o/a?plain"), () => object.get("http://o/a", "zzz"),
        () => object.get("http://o/a?status=404"), () => object.get("http://o/a?status=410"), () => object.get("http://o/a?status=500"),
        () => object.put("http://o/a", "body"), () => object.put("http://o/a?status=500", "body"), () => object.delete("http://o/a"),
        () => object.delete("http://o/a?status=404"),
      ]) results.push(await read(action));
      return results;
    },
    expect: ["http://o/a", "https://fake-host/a", "buffer", "stream", "plain",
             'TypeError: Unknown response type. Possible types are "text", "arrayBuffer", "json", and "stream".', null, null,
             "Error: HTTP GET request failed: 500 Internal Server Error", "undefined",
             "Error: HTTP PUT request failed: 500 Internal Server Error", "undefined", "Error: HTTP DELETE request failed: 404 Not Found"],
  },
  "put() tells when it expires": {
    async run({ object, call }) {
      await object.put("http://o/a?x=1", "body", { expiration: 5, expirationTtl: 6 });
      return call(object, "last");
    },
    expect: ["PUT", "http://o/a?x=1&expiration=5&expiration_ttl=6", "body"],
  },
  "storage throws at once": {
    inObject: ({ storage, state }) => hows(
      () => storage.get(), () => storage.put(), () => storage.put("k"), () => storage.put("k", () => {}), () => storage.list({ limit: -1 }),
      () => storage.list(5), () => storage.delete(), () => storage.setAlarm(), () => storage.setAlarm(NaN), () => storage.deleteAll(5),
      () => storage.transaction(), () => storage.transaction(() => { throw new Error("inside"); }), () => state.blockConcurrencyWhile(),
      () => storage.get("k")),
    expect: [
      parameter("get", "DurableObjectStorage", 1, "string or Array"), parameter("put", "DurableObjectStorage", 1, "string or object"),
      "at once TypeError: put() called with undefined value.", "at once DataCloneError: () => {} could not be cloned.",
      "at once TypeError: List limit must be positive.", parameter("list", "DurableObjectStorage", 1, "ListOptions"),
      parameter("delete", "DurableObjectStorage", 1, "string or Array"), parameter("setAlarm", "DurableObjectStorage", 1, "date"),
      "at once TypeError: The value cannot be converted because it is not a valid Date.",
      parameter("deleteAll", "DurableObjectStorage", 1, "PutOptions"), parameter("transaction", "DurableObjectStorage", 1, "function"),
      "later Error: inside", parameter("blockConcurrencyWhile", "DurableObjectState", 1, "function"), "fine",
    ],
  },
  "so does the rest, where a parameter is of a wrong type": {
    run: ({ object }) => hows(
      () => fetch(), () => fetch("http://x", 5), () => fetch("nope"), () => fetch("http://x/", { method: "GET", body: "x" }),
      () => object.fetch(), () => crypto.subtle.digest(), () => crypto.subtle.importKey("raw"), () => crypto.subtle.digest("bad", bytes("x")),
      () => new Response("x").body.pipeTo(5)),
    expect: [
      parameter("fetch", "ServiceWorkerGlobalScope", 1, "Request or string"),
      parameter("fetch", "ServiceWorkerGlobalScope", 2, "RequestInitializerDict or Request"), "later TypeError: Fetch API cannot load: nope",
      "later TypeError: Request with a GET or HEAD method cannot have a body.", parameter("fetch", "Fetcher", 1, "Request or string"),
      parameter("digest", "SubtleCrypto", 1, "string or HashAlgorithm"), parameter("importKey", "SubtleCrypto", 2, "BufferSource or JsonWebKey"),
      "later NotSupportedError: Unrecognized or unimplemented digest algorithm requested.", parameter("pipeTo", "ReadableStream", 1, "WritableStream"),
    ],
  },
  "streams can't be made": {
    run: () => hows(() => new ReadableStream({}), () => new WritableStream(), () => ReadableStream.from([1])),
    expect: [kNoStreams, kNoStreams.replace("Readable", "Writable"), kNoStreams],
  },
  "a TransformStream changes nothing, whatever it is given": {
    async run() {
      const stream = new TransformStream({ transform(chunk, controller) { controller.enqueue(bytes("changed")); } });
      const writer = stream.writable.getWriter();
      writer.write(bytes("as it is")).then(() => writer.close());
      return [stream instanceof TransformStream, stream.constructor.name, stream.readable instanceof ReadableStream, await textOf(stream.readable)];
    },
    expect: [true, "TransformStream", true, "as it is"],
  },
  "globals": {
    run: async () => [typeof ReadableStreamDefaultController, typeof WritableStreamDefaultController, typeof CountQueuingStrategy, typeof importScripts,
                (await hows(() => importScripts("x")))[0]],
    expect: ["undefined", "undefined", "function", "function", "at once Error: Failed to execute 'importScripts' on 'WorkerGlobalScope': the method is not implemented."],
  },
  "no tags": {
    run: () => [new Headers(), new Response(), crypto, new Event("x"), globalThis, new URLSearchParams()].map((each) => Object.prototype.toString.call(each)),
    expect: Array(6).fill("[object Object]"),
  },
  "files in forms become text": {
    async run() {
      const form = new FormData();
      form.append("file", new File(["héllo"], "a.txt"));
      form.append("text", "t");
      return [...await new Response(form).formData()];
    },
    expect: [["file", "héllo"], ["text", "t"]],
  },
  "a Request's address is as it was written": {
    run: () => ["http://x", "HTTP://EX.com/a b#frag", "http://x:80/", "/rel"].map((url) => new Request(url).url),
    expect: ["http://x", "HTTP://EX.com/a b#frag", "http://x:80/", "/rel"],
  },
  "it is parsed when it is fetched": {
    async run({ env }) {
      const response = await fetch(new Request(env.ECHO.replace("http:", "HTTP:")));
      return [response.status, (await response.json()).path];
    },
    expect: [200, "/"],
  },
  "a redirect's address is as it was written": {
    run: () => ["http://x", "http://x/a b#f"].map((url) => Response.redirect(url).headers.get("location")),
    expect: ["http://x", "http://x/a b#f"],
  },
  "other protocols are HTTP": { run: async ({ env }) => (await fetch(env.ECHO.replace("http:", "ftp:"))).status, expect: 200 },
  "methods": {
    run: () => ["get", "Post", "delete", "PATCH", "patch", "purge"].map((method) => {
      try {
        return new Request("http://x", { method }).method;
      } catch (error) {
        return error.message;
      }
    }),
    expect: ["GET", "POST", "DELETE", "PATCH", "Invalid HTTP method string: patch", "Invalid HTTP method string: purge"],
  },
  "no cache option": {
    run: async () => ["cache" in new Request("http://x"), (await hows(() => new Request("http://x", { cache: "no-store" })))[0]],
    expect: [false, "at once Error: The 'cache' field on 'RequestInitializerDict' is not implemented."],
  },
  "what iterates is text as a body": {
    run: () => Promise.all([["a", "b"], { async *[Symbol.asyncIterator]() {} }, { toString() { return "text"; } }].map(textOf)),
    expect: ["a,b", "[object Object]", "text"],
  },
  "a byte order mark stays": { run: async () => [(await textOf("\ufeffx")).length, (await textOf(bytes("\ufeffx"))).length], expect: [2, 2] },
  "publicExponent is a buffer": {
    async run() {
      const parameters = { name: "RSASSA-PKCS1-v1_5", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" };
      const { publicKey } = await crypto.subtle.generateKey(parameters, true, ["sign", "verify"]);
      return publicKey.algorithm.publicExponent;
    },
    expect: new Uint8Array([1, 0, 1]).buffer,
  },
  "what follows compressed data is overlooked, and that it lacks its end": {
    async run() {
      const gzip = new Uint8Array(await new Response(new Response("hello").body.pipeThrough(new CompressionStream("gzip"))).arrayBuffer());
      const longer = new Uint8Array(gzip.length + 3);
      longer.set(gzip);
      return Promise.all([longer, gzip.slice(0, -4)].map((data) => textOf(new Response(data).body.pipeThrough(new DecompressionStream("gzip")))));
    },
    expect: ["hello", "hello"],
  },
  "Authorization goes along to another origin": {
    async run({ env }) {
      const other = `${env.ECHO.replace("127.0.0.1", "localhost")}/x`;
      const response = await fetch(`${env.ECHO}/?location=${encodeURIComponent(other)}`, { headers: { authorization: "a" } });
      return (await response.json()).headers.authorization;
    },
    expect: "a",
  },
};
let last;
const Base = objectClass(cases, { last: () => last });
export class Subject extends Base {
  async fetch(request) {
    const url = new URL(request.url);
    if (/^\/(case|action)\//.test(url.pathname)) return super.fetch(request);
    last = [request.method, request.url, await request.text()];
    const status = Number(url.searchParams.get("status") ?? 200);
    return url.searchParams.has("plain") ? new Response("plain") : Response.json({ url: request.url, method: request.method }, { status });
  }
}
export default worker(cases);

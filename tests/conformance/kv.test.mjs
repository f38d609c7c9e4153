// Workers KV: what a binding gives, takes and refuses. The peer is miniflare, whose KV workerd talks to.
// kv: KV
import { objectClass, thrown, worker } from "./lib.mjs";

const kLong = "k".repeat(513);
const kNow = () => Math.floor(Date.now() / 1000);
const keys = (count) => Array.from({ length: count }, (_, index) => `absent${index}`);
const refused = (action) => ({ run: ({ env }) => thrown(() => action(env.KV)) });
const bytes = (...values) => new Uint8Array(values);
const stream = (text) => new Response(text).body;
const oneChunk = (chunk) => new ReadableStream({ start(controller) { controller.enqueue(chunk); controller.close(); } });
// A value is put under a key of its own and read back.
const back = (key, value, type, options) => ({
  run: async ({ env: { KV } }) => {
    const answer = await KV.put(key, value(), options);
    if (answer !== undefined) throw new Error(`put gave ${answer}`);
    return await KV.get(key, type);
  },
});
const filled = async (KV, prefix, names) => {
  for (const name of names) await KV.put(prefix + name, "v");
};

const kTypes = 'TypeError: Unknown response type. Possible types are "text", "arrayBuffer", "json", and "stream".';
const kValues = "TypeError: KV put() accepts only strings, ArrayBuffers, ArrayBufferViews, and ReadableStreams as values.";
const kRange = "TypeError: Value out of range. Must be between -2147483648 and 2147483647 (inclusive).";
const kTooLong = "UTF-8 encoded length of 513 exceeds key length limit of 512.";

const cases = {
  // -- the binding
  "the binding is a KvNamespace": {
    run: ({ env: { KV } }) => [String(KV), KV.constructor.name, Object.getOwnPropertyNames(KV), KV instanceof Object, KV.get.length,
                               typeof globalThis.KvNamespace, typeof globalThis.KVNamespace],
    expect: ["[object KvNamespace]", "KvNamespace", [], true, 0, "undefined", "undefined"],
  },
  "its methods": {
    run: ({ env: { KV } }) => Object.getOwnPropertyNames(KV.constructor.prototype).sort(),
    expect: ["constructor", "delete", "get", "getWithMetadata", "list", "put"],
  },
  "it can't be constructed": { ...refused((KV) => new KV.constructor()), expect: "TypeError: Illegal constructor" },
  "its methods need it": {
    ...refused((KV) => { const { get } = KV; return get("a"); }),
    expect: "TypeError: Illegal invocation: function called with incorrect `this` reference. See https://developers.cloudflare.com/workers/observability/errors/#illegal-invocation-errors for details.",
  },
  "every method gives a promise": {
    run: ({ env: { KV } }) => [KV.get("p"), KV.put("p", "1"), KV.list({ prefix: "p" }), KV.delete("p"), KV.getWithMetadata("p"), KV.get("")]
      .map((each) => { each.catch(() => {}); return Object.prototype.toString.call(each); }),
    expect: Array(6).fill("[object Promise]"),
  },
  "missing arguments": {
    run: async ({ env: { KV } }) => [await thrown(() => KV.get()), await thrown(() => KV.put("a")), await thrown(() => KV.delete()),
                                     await thrown(() => KV.list("x")), await thrown(() => KV.put("a", "b", 5))],
    expect: ["TypeError: Failed to execute 'get' on 'KvNamespace': parameter 1 is not of type 'string or Array'.",
             "TypeError: Failed to execute 'put' on 'KvNamespace': parameter 2 is not of type 'string or Object'.",
             "TypeError: Failed to execute 'delete' on 'KvNamespace': parameter 1 is not of type 'string'.",
             "TypeError: Failed to execute 'list' on 'KvNamespace': parameter 1 is not of type 'ListOptions'.",
             "TypeError: Failed to execute 'put' on 'KvNamespace': parameter 3 is not of type 'PutOptions'."],
  },
  "a missing argument is thrown, not rejected": {
    run: ({ env: { KV } }) => { try { KV.get().catch(() => {}); } catch (error) { return error.name; } }, expect: "TypeError",
  },
  // -- values
  "a text": { ...back("text", () => "v✓"), expect: "v✓" },
  "the empty text": { ...back("empty", () => ""), expect: "" },
  "a number is put as its text": { ...back("number", () => 5), expect: "5" },
  "undefined, null and booleans, too": {
    run: async ({ env: { KV } }) => {
      await KV.put("u", undefined), await KV.put("n", null), await KV.put("b", true);
      return [await KV.get("u"), await KV.get("n"), await KV.get("b")];
    },
    expect: ["undefined", "null", "true"],
  },
  "a buffer": { ...back("buffer", () => bytes(0, 255).buffer, "arrayBuffer"), expect: bytes(0, 255).buffer },
  "a view is its part of the buffer": { ...back("view", () => bytes(0, 1, 2).subarray(1), "arrayBuffer"), expect: bytes(1, 2).buffer },
  "a DataView": { ...back("dataview", () => new DataView(new ArrayBuffer(3), 1), "arrayBuffer"), expect: bytes(0, 0).buffer },
  "a SharedArrayBuffer": { ...back("shared", () => new SharedArrayBuffer(2), "arrayBuffer"), expect: bytes(0, 0).buffer },
  "a response's stream": { ...back("stream", () => stream("streamed")), expect: "streamed" },
  "a stream of the script's": { ...back("own", () => oneChunk(new TextEncoder().encode("hi"))), expect: "hi" },
  "the request's body": {
    send: { method: "POST", body: "sent" },
    run: async ({ env: { KV }, request }) => { await KV.put("request", request.body); return KV.get("request"); }, expect: "sent",
  },
  "a stream that fails": {
    ...refused((KV) => KV.put("fails", new ReadableStream({ pull(controller) { controller.error(new Error("boom")); } }))), expect: "Error: boom",
  },
  "a locked stream": {
    ...refused((KV) => { const locked = stream("x"); locked.getReader(); return KV.put("locked", locked); }),
    expect: "TypeError: The ReadableStream has been locked to a reader.",
  },
  "no other objects": {
    run: async ({ env: { KV } }) => {
      const texts = new Set();
      for (const value of [{}, [1], new Date(0), new Blob(["x"]), () => 1, new String("x"), new URLSearchParams("a=1"), new Response("x")]) {
        texts.add(await thrown(() => KV.put("object", value)));
      }
      return [...texts];
    },
    expect: [kValues],
  },
  "a byte order mark stays": {
    run: async ({ env: { KV } }) => { await KV.put("bom", bytes(0xef, 0xbb, 0xbf, 97)); return [...(await KV.get("bom"))].length; }, expect: 2,
  },
  "what is no UTF-8 is replaced": { ...back("utf8", () => bytes(97, 255, 98)), expect: "a\ufffdb" },
  "json": { ...back("json", () => '{"x":[1]}', "json"), expect: { x: [1] } },
  "json by option": { ...back("json2", () => "[1]", { type: "json", cacheTtl: 60 }), expect: [1] },
  "no json": { ...refused(async (KV) => { await KV.put("nojson", "v"); await KV.get("nojson", "json"); }), expect: "SyntaxError: Unexpected token 'v', \"v\" is not valid JSON" },
  "a stream comes out": {
    run: async ({ env: { KV } }) => {
      await KV.put("out", "v");
      const out = await KV.get("out", "stream");
      return [out instanceof ReadableStream, await new Response(out).text()];
    },
    expect: [true, "v"],
  },
  "an absent key is null, whatever the type": {
    run: ({ env: { KV } }) => Promise.all([undefined, null, "text", "json", "arrayBuffer", "stream", "blob", {}].map((type) => KV.get("absent", type))),
    expect: Array(8).fill(null),
  },
  "unknown types": {
    run: async ({ env: { KV } }) => {
      await KV.put("types", "v");
      return [await thrown(() => KV.get("types", "blob")), await thrown(() => KV.get("types", { type: null })), await thrown(() => KV.get("types", 7)),
              await KV.get("types", null), await KV.get("types", { type: undefined })];
    },
    expect: [kTypes, kTypes, kTypes, "v", "v"],
  },
  "delete": {
    run: async ({ env: { KV } }) => {
      await KV.put("delete", "v");
      return [await KV.delete("delete"), await KV.get("delete"), await KV.delete("delete")];
    },
    expect: [undefined, null, undefined],
  },
  "25 MiB and no more": {
    run: async ({ env: { KV } }) => {
      await KV.put("big", new Uint8Array(25 * 1024 * 1024));
      const size = (await KV.get("big", "arrayBuffer")).byteLength;
      await KV.delete("big");
      return [size, await thrown(() => KV.put("big", new Uint8Array(25 * 1024 * 1024 + 1)))];
    },
    expect: [26214400, "Error: KV PUT failed: 413 Value length of 26214401 exceeds limit of 26214400."],
  },
  "nor a stream of more": {
    run: ({ env: { KV } }) => {
      let count = 0;
      const long = new ReadableStream({ pull(controller) { if (count++ < 27) controller.enqueue(new Uint8Array(1024 * 1024)); else controller.close(); } });
      return thrown(() => KV.put("big", long));
    },
    expect: "Error: KV PUT failed: 413 Value length of 28311552 exceeds limit of 26214400.",
  },
  // -- keys
  "keys that there can't be": {
    run: async ({ env: { KV } }) => {
      const texts = [];
      for (const key of ["", ".", "..", kLong]) {
        for (const action of [() => KV.get(key), () => KV.put(key, "v"), () => KV.delete(key), () => KV.getWithMetadata(key)]) texts.push(await thrown(action));
      }
      return texts;
    },
    expect: [...Array(4).fill("TypeError: Key name cannot be empty."), ...Array(4).fill('TypeError: "." is not allowed as a key name.'),
             ...Array(4).fill('TypeError: ".." is not allowed as a key name.'),
             ...["GET", "PUT", "DELETE", "GET"].map((method) => `Error: KV ${method} failed: 414 ${kTooLong}`)],
  },
  "512 bytes of UTF-8": {
    run: async ({ env: { KV } }) => [await KV.get("é".repeat(256)), await thrown(() => KV.get("é".repeat(257)))],
    expect: [null, "Error: KV GET failed: 414 UTF-8 encoded length of 514 exceeds key length limit of 512."],
  },
  "keys are texts": {
    run: async ({ env: { KV } }) => {
      await KV.put(7, "seven");
      return [await KV.get("7"), await KV.get(null), await KV.get({}), await thrown(() => KV.get(Symbol("x")))];
    },
    expect: ["seven", null, null, "TypeError: Cannot convert a Symbol value to a string"],
  },
  "any characters": {
    run: async ({ env: { KV } }) => {
      const names = ["a/b", "a%2Fb", "a b", "?x=1#y", "\u0000", "{}", "✓"];
      for (const name of names) await KV.put(name, name);
      return Promise.all(names.map((name) => KV.get(name)));
    },
    expect: ["a/b", "a%2Fb", "a b", "?x=1#y", "\u0000", "{}", "✓"],
  },
  // -- metadata
  "metadata": {
    run: async ({ env: { KV } }) => {
      await KV.put("m1", "[1]", { metadata: { n: 1 } });
      return [await KV.getWithMetadata("m1"), await KV.getWithMetadata("m1", "json"), await KV.getWithMetadata("m1", { type: "arrayBuffer" }), await KV.get("m1")];
    },
    expect: [{ value: "[1]", metadata: { n: 1 }, cacheStatus: null }, { value: [1], metadata: { n: 1 }, cacheStatus: null },
             { value: bytes(91, 49, 93).buffer, metadata: { n: 1 }, cacheStatus: null }, "[1]"],
  },
  "without metadata, without a value": {
    run: async ({ env: { KV } }) => { await KV.put("m2", "v"); return [await KV.getWithMetadata("m2"), await KV.getWithMetadata("absent")]; },
    expect: [{ value: "v", metadata: null, cacheStatus: null }, { value: null, metadata: null, cacheStatus: null }],
  },
  "any JSON is metadata": {
    run: async ({ env: { KV } }) => {
      const seen = [];
      for (const metadata of ["s", 0, false, null, undefined, [1], "é✓"]) {
        await KV.put("m3", "v", { metadata });
        seen.push((await KV.getWithMetadata("m3")).metadata);
      }
      return seen;
    },
    expect: ["s", 0, false, null, null, [1], "é✓"],
  },
  "a put without metadata drops it": {
    run: async ({ env: { KV } }) => { await KV.put("m4", "v", { metadata: 1 }); await KV.put("m4", "w"); return (await KV.getWithMetadata("m4")).metadata; }, expect: null,
  },
  "what is no JSON": { ...refused((KV) => KV.put("m5", "v", { metadata: 1n })), expect: "TypeError: Do not know how to serialize a BigInt" },
  "1024 bytes of metadata": {
    run: async ({ env: { KV } }) => [await KV.put("m6", "v", { metadata: "x".repeat(1022) }), await thrown(() => KV.put("m6", "v", { metadata: "x".repeat(1023) }))],
    expect: [undefined, "Error: KV PUT failed: 413 Metadata length of 1025 exceeds limit of 1024."],
  },
  // -- times
  "expirationTtl": {
    run: async ({ env: { KV } }) => {
      const seen = [];
      for (const expirationTtl of [59, 60, 0, -1, "x", "100", 60.7, NaN, null, 1e12, undefined]) seen.push(await thrown(() => KV.put("ttl", "v", { expirationTtl })));
      return seen;
    },
    expect: [59, "nothing thrown", 0, -1, 0, "nothing thrown", "nothing thrown", 0, 0, kRange, "nothing thrown"].map((each) => (typeof each === "string" ? each
      : `Error: KV PUT failed: 400 Invalid expiration_ttl of ${each}. ${each > 0 ? "Expiration TTL must be at least 60." : "Please specify integer greater than 0."}`)),
  },
  "expiration": {
    run: async ({ env: { KV } }) => {
      const now = kNow();
      const seen = [];
      for (const expiration of [1, "soon", now + 30, now + 100, new Date()]) {
        seen.push((await thrown(() => KV.put("at", "v", { expiration }))).replace(String(now + 30), "SOON"));
      }
      return seen;
    },
    expect: ["Error: KV PUT failed: 400 Invalid expiration of 1. Please specify integer greater than the current number of seconds since the UNIX epoch.",
             "Error: KV PUT failed: 400 Invalid expiration of 0. Please specify integer greater than the current number of seconds since the UNIX epoch.",
             "Error: KV PUT failed: 400 Invalid expiration of SOON. Expiration times must be at least 60 seconds in the future.", "nothing thrown", kRange],
  },
  "of both the TTL counts": { run: ({ env: { KV } }) => KV.put("both", "v", { expiration: 1, expirationTtl: 100 }), expect: undefined },
  "cacheTtl": {
    run: async ({ env: { KV } }) => {
      const seen = [];
      for (const cacheTtl of [29, 30, -1, NaN, "x", null, undefined, 30.5, 1e12]) seen.push(await thrown(() => KV.get("a", { cacheTtl })));
      return seen;
    },
    expect: [29, "nothing thrown", -1, 0, 0, 0, "nothing thrown", "nothing thrown", kRange].map((each) => (typeof each === "string" ? each
      : `Error: KV GET failed: 400 Invalid cache_ttl of ${each}. Cache TTL must be at least 30.`)),
  },
  // -- many keys
  "many keys": {
    run: async ({ env: { KV } }) => {
      await KV.put("many", '{"x":[1]}', { metadata: 1 });
      return [await KV.get(["many", "absent"]), await KV.get(["many", "absent"], "json"), await KV.get(["many", "many"], { type: "json", cacheTtl: 60 }),
              await KV.getWithMetadata(["many", "absent"]), await KV.getWithMetadata(["many"], "json")];
    },
    expect: [new Map([["many", '{"x":[1]}'], ["absent", null]]), new Map([["many", { x: [1] }], ["absent", null]]), new Map([["many", { x: [1] }]]),
             new Map([["many", { value: '{"x":[1]}', metadata: 1 }], ["absent", null]]), new Map([["many", { value: { x: [1] }, metadata: 1 }]])],
  },
  "1 to 100 keys": {
    run: async ({ env: { KV } }) => [await thrown(() => KV.get([])), await thrown(() => KV.get(keys(101))), (await KV.get(keys(100))).size, await thrown(() => KV.getWithMetadata([]))],
    expect: ["Error: KV GET_BULK failed: 400 You must request a minimum of 1 key", "Error: KV GET_BULK failed: 400 You can request a maximum of 100 keys", 100,
             "Error: KV GET_BULK failed: 400 You must request a minimum of 1 key"],
  },
  "many keys as text or json": {
    run: async ({ env: { KV } }) => {
      await KV.put("plain", "v");
      return [await thrown(() => KV.get(["plain"], "arrayBuffer")), await thrown(() => KV.get(["plain"], "blob")), await thrown(() => KV.get(["plain"], "json")),
              await thrown(() => KV.get([""])), await thrown(() => KV.get([kLong])), await thrown(() => KV.get(["plain"], { cacheTtl: 29 }))];
    },
    expect: ['400 "arrayBuffer" is not a valid type. Use "json" or "text"', '400 "blob" is not a valid type. Use "json" or "text"',
             "400 At least one of the requested keys corresponds to a non-json value", "400 Key names must not be empty", `414 ${kTooLong}`,
             "400 Invalid cache_ttl of 29. Cache TTL must be at least 30."].map((text) => `Error: KV GET_BULK failed: ${text}`),
  },
  // -- lists
  "a list is in order of UTF-8": {
    run: async ({ env: { KV } }) => {
      await filled(KV, "l1/", ["b", "a:1", "a:2", "a", "é", "\u{1F600}", "\uE000"]);
      return KV.list({ prefix: "l1/" });
    },
    expect: { keys: ["a", "a:1", "a:2", "b", "é", "\uE000", "\u{1F600}"].map((name) => ({ name: `l1/${name}` })), list_complete: true, cacheStatus: null },
  },
  "page by page": {
    run: async ({ env: { KV } }) => {
      await filled(KV, "l2/", ["a", "b", "c"]);
      const first = await KV.list({ prefix: "l2/", limit: 2 });
      const second = await KV.list({ prefix: "l2/", limit: 2, cursor: first.cursor });
      const exact = await KV.list({ prefix: "l2/", limit: 3 });
      return [first.keys, first.list_complete, typeof first.cursor, Object.keys(first), second, exact.list_complete];
    },
    expect: [[{ name: "l2/a" }, { name: "l2/b" }], false, "string", ["keys", "list_complete", "cursor", "cacheStatus"],
             { keys: [{ name: "l2/c" }], list_complete: true, cacheStatus: null }, true],
  },
  "an empty list": { run: ({ env: { KV } }) => KV.list({ prefix: "none/" }), expect: { keys: [], list_complete: true, cacheStatus: null } },
  "a list tells metadata and times": {
    run: async ({ env: { KV } }) => {
      await KV.put("l3/x", "v", { metadata: { a: [1] }, expirationTtl: 1000 });
      await KV.put("l3/y", "v", { metadata: null });
      const { keys: listed } = await KV.list({ prefix: "l3/" });
      const rest = listed[0].expiration - kNow();
      return [rest > 900 && rest <= 1000, Object.keys(listed[0]), listed[0].metadata, listed[1]];
    },
    expect: [true, ["name", "expiration", "metadata"], { a: [1] }, { name: "l3/y" }],
  },
  "limits of a list": {
    run: async ({ env: { KV } }) => {
      await filled(KV, "l4/", ["a", "b", "c"]);
      const seen = [];
      for (const limit of [0, -1, NaN, null, "2", 2.9, undefined]) seen.push((await KV.list({ prefix: "l4/", limit })).keys.length);
      seen.push(await thrown(() => KV.list({ limit: 1001 })), await thrown(() => KV.list({ prefix: kLong })));
      return seen;
    },
    expect: [3, 3, 3, 3, 2, 2, 3, "Error: KV GET failed: 400 Invalid key_count_limit of 1001. Please specify an integer less than 1000.", `Error: KV GET failed: 414 ${kTooLong}`],
  },
  "options of a list that say nothing": {
    run: async ({ env: { KV } }) => {
      await filled(KV, "l5/", ["a"]);
      const has = async (options) => (await KV.list(options)).keys.length > 0;
      return [await has(), await has(null), await has({ prefix: null }), await has({ prefix: "l5/", cursor: "" }), await has({ prefix: "l5/", cursor: null })];
    },
    expect: [true, true, true, true, true],
  },
  // -- from an object
  "an object reads what it has put": {
    inObject: async ({ env: { KV } }) => { await KV.put("o1", "v", { metadata: 1 }); return [await KV.getWithMetadata("o1"), await KV.get(["o1"]), (await KV.list({ prefix: "o1" })).keys]; },
    expect: [{ value: "v", metadata: 1, cacheStatus: null }, new Map([["o1", "v"]]), [{ name: "o1", metadata: 1 }]],
  },
  "a Worker reads what an object has put behind a write of its own": {
    run: async ({ env: { KV }, object, call }) => { await call(object, "keep", "kept"); return [await KV.get("o2"), await call(object, "drop"), await KV.get("o2")]; },
    expect: ["kept", "kept", null],
  },
  "an object's refusals": {
    inObject: async ({ env: { KV } }) => [await thrown(() => KV.get("")), await thrown(() => KV.put("o3", "v", { expirationTtl: 1 })), await thrown(() => KV.list({ limit: 1001 }))],
    expect: ["TypeError: Key name cannot be empty.", "Error: KV PUT failed: 400 Invalid expiration_ttl of 1. Expiration TTL must be at least 60.",
             "Error: KV GET failed: 400 Invalid key_count_limit of 1001. Please specify an integer less than 1000."],
  },
};

export const Subject = objectClass(cases, {
  async keep(value) { this.storage.put("value", value); await this.env.KV.put("o2", value); return "done"; },
  async drop() { const value = await this.storage.get("value"); await this.env.KV.delete("o2"); return value; },
});
export default worker(cases);

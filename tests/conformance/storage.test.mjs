// The asynchronous key-value storage of an object: values, key order, argument checks and their texts.
import { describe, objectClass, thrown, worker } from "./lib.mjs";

const kAstral = "\u{1F600}";      // U+1F600: first UTF-16 unit D83D, first UTF-8 byte F0.
const kPrivateUse = "\uE000";     // U+E000: UTF-16 E000 sorts after D83D, UTF-8 EE sorts before F0.
const filled = async (storage) => {
  await storage.put({ a: 1, b: 2, ba: 3, c: 4, ca: 5, cb: 6, d: 7 });
  return storage;
};

const cases = {
  "get of an absent key is undefined": { inObject: ({ storage }) => storage.get("absent"), expect: undefined },
  "a value put is read back": {
    inObject: async ({ storage }) => { await storage.put("k", "v"); return storage.get("k"); }, expect: "v",
  },
  "put resolves with undefined": { inObject: ({ storage }) => storage.put("k", 1), expect: undefined },
  "a value lasts from one event to the next": {
    steps: [({ storage }) => storage.put("k", { n: 1 }), ({ storage }) => storage.get("k")], expect: [undefined, { n: 1 }],
  },
  "storage methods return promises": {
    inObject: ({ storage }) => [storage.get("a"), storage.put("a", 1), storage.list(), storage.delete("a")]
      .map((each) => Object.prototype.toString.call(each)), expect: ["[object Promise]", "[object Promise]", "[object Promise]", "[object Promise]"],
  },
  "an un-awaited put is seen by the next get": {
    inObject: ({ storage }) => { storage.put("k", 1); storage.put("k", 2); return storage.get("k"); }, expect: 2,
  },
  "a get returns the state as of its call, not of later writes": {
    inObject: async ({ storage }) => {
      await storage.put("k", "old");
      const read = storage.get("k");
      storage.put("k", "new");
      return [await read, await storage.get("k")];
    }, expect: ["old", "new"],
  },
  "a value is cloned when put is called": {
    inObject: async ({ storage }) => {
      const value = { list: [1] };
      const written = storage.put("k", value);
      value.list.push(2);
      await written;
      return storage.get("k");
    }, expect: { list: [1] },
  },
  "a value read is a copy of its own": {
    inObject: async ({ storage }) => {
      await storage.put("k", { n: 1 });
      (await storage.get("k")).n = 2;
      return storage.get("k");
    }, expect: { n: 1 },
  },
  "structured values come back as they were": {
    inObject: async ({ storage }) => {
      const value = {
        text: "ä\u0000\u{1F600}", number: -1.5, zero: -0, nan: NaN, big: 12345678901234567890n, yes: true, nothing: null,
        missing: undefined, list: [1, , 3], map: new Map([["k", new Set([1, "2"])]]), date: new Date(86400000),
        pattern: /a+b/gi, bytes: new Uint8Array([1, 2, 255]), buffer: new Uint8Array([7]).buffer, error: new RangeError("far"),
      };
      await storage.put("k", value);
      return storage.get("k");
    }, expect: { text: "ä\u0000😀", number: -1.5, zero: -0, nan: NaN, big: 12345678901234567890n, yes: true, nothing: null, missing: undefined, list: [1, undefined, 3], map: new Map([["k", new Set([1, "2"])]]), date: new Date("1970-01-02T00:00:00.000Z"), pattern: /a+b/gi, bytes: new Uint8Array([1, 2, 255]), buffer: new Uint8Array([7]).buffer, error: { $: "Error", text: "RangeError: far" } },
  },
  "a cycle in a value is kept": {
    inObject: async ({ storage }) => {
      const value = { name: "ring" };
      value.self = value;
      await storage.put("k", value);
      const read = await storage.get("k");
      return [read.self === read, read.name];
    }, expect: [true, "ring"],
  },
  "a class instance comes back as a plain object": {
    inObject: async ({ storage }) => {
      class Point { constructor() { this.x = 1; } length() { return 1; } }
      await storage.put("k", new Point());
      const read = await storage.get("k");
      return [read, Object.getPrototypeOf(read) === Object.prototype];
    }, expect: [{ x: 1 }, true],
  },
  "null, false, 0 and the empty string are values": {
    inObject: async ({ storage }) => {
      await storage.put({ n: null, f: false, z: 0, e: "" });
      return [await storage.get("n"), await storage.get("f"), await storage.get("z"), await storage.get("e"), (await storage.list()).size];
    }, expect: [null, false, 0, "", 4],
  },
  "a function can't be stored": { inObject: ({ storage }) => thrown(() => storage.put("k", () => 1)), expect: "DataCloneError: () => 1 could not be cloned." },
  "a symbol can't be stored": { inObject: ({ storage }) => thrown(() => storage.put("k", Symbol("s"))), expect: "DataCloneError: Symbol(s) could not be cloned." },
  "a refused value leaves the old one": {
    inObject: async ({ storage }) => {
      await storage.put("k", "old");
      await thrown(() => storage.put("k", { f: () => 1 }));
      return storage.get("k");
    }, expect: "old",
  },
  "a promise can't be stored": { inObject: ({ storage }) => thrown(() => storage.put("k", Promise.resolve(1))), expect: "DataCloneError: #<Promise> could not be cloned." },
  "put of undefined is refused": { inObject: ({ storage }) => thrown(() => storage.put("k", undefined)), expect: "TypeError: put() called with undefined value." },
  "put with a key alone is refused": { inObject: ({ storage }) => thrown(() => storage.put("k")), expect: "TypeError: put() called with undefined value." },
  "put of entries with a number as options is refused": { inObject: ({ storage }) => thrown(() => storage.put({ a: 1 }, 5)), expect: "TypeError: put() may only be called with a single key-value pair and optional options as put(key, value, options) or with multiple key-value pairs and optional options as put(entries, options)" },
  "put without arguments is refused": { inObject: ({ storage }) => thrown(() => storage.put()), expect: "TypeError: Failed to execute 'put' on 'DurableObjectStorage': parameter 1 is not of type 'string or object'." },
  "put of entries skips undefined values": {
    inObject: async ({ storage }) => { await storage.put({ a: 1, b: undefined, c: 3 }); return storage.list(); }, expect: new Map([["a", 1], ["c", 3]]),
  },
  "put of an undefined entry keeps the old value": {
    inObject: async ({ storage }) => { await storage.put("b", 1); await storage.put({ a: 1, b: undefined }); return storage.list(); }, expect: new Map([["a", 1], ["b", 1]]),
  },
  "put of no entries is fine": { inObject: async ({ storage }) => { await storage.put({}); return storage.list(); }, expect: new Map([]) },
  "argument errors reject, they do not throw at once": {
    inObject: async ({ storage }) => {
      let atOnce = "no";
      let promise;
      try { promise = storage.put("k", undefined); } catch { atOnce = "yes"; }
      return [atOnce, await thrown(() => promise)];
    }, expect: ["no", "TypeError: put() called with undefined value."],
  },
  "a number as a key becomes text": {
    inObject: async ({ storage }) => { await storage.put(5, "five"); return [await storage.get("5"), await storage.list()]; }, expect: ["five", new Map([["5", "five"]])],
  },
  "the empty string and NUL are keys": {
    inObject: async ({ storage }) => { await storage.put("", 1); await storage.put("\u0000", 2); await storage.put("a\u0000b", 3); return storage.list(); }, expect: new Map([["", 1], ["\u0000", 2], ["a\u0000b", 3]]),
  },
  "get without a key is refused": { inObject: ({ storage }) => thrown(() => storage.get()), expect: "TypeError: Failed to execute 'get' on 'DurableObjectStorage': parameter 1 is not of type 'string or Array'." },
  "get of several keys sorts, omits absent ones, collapses duplicates": {
    inObject: async ({ storage }) => { await filled(storage); return storage.get(["b", "a", "missing", "b"]); }, expect: new Map([["a", 1], ["b", 2]]),
  },
  "get of no keys is an empty Map": { inObject: ({ storage }) => storage.get([]), expect: new Map([]) },
  "get of several keys is a Map": { inObject: async ({ storage }) => (await storage.get(["a"])) instanceof Map, expect: true },
  "keys sort by UTF-8 bytes in get": {
    inObject: async ({ storage }) => {
      await storage.put({ [kAstral]: 1, [kPrivateUse]: 2, z: 3, "ä": 4 });
      return [...(await storage.get([kAstral, kPrivateUse, "z", "ä"])).keys()];
    }, expect: ["z", "ä", "\uE000", "😀"],
  },
  "keys sort by UTF-8 bytes in list": {
    inObject: async ({ storage }) => {
      await storage.put({ [kAstral]: 1, [kPrivateUse]: 2, z: 3, "ä": 4 });
      return [...(await storage.list()).keys()];
    }, expect: ["z", "ä", "\uE000", "😀"],
  },
  "delete says whether the key was there": {
    inObject: async ({ storage }) => { await storage.put("k", 1); return [await storage.delete("k"), await storage.delete("k"), await storage.get("k")]; }, expect: [true, false, undefined],
  },
  "delete of several keys counts those that were there": {
    inObject: async ({ storage }) => { await filled(storage); return [await storage.delete(["a", "b", "none", "a"]), (await storage.list()).size]; }, expect: [2, 5],
  },
  "delete of no keys is 0": { inObject: ({ storage }) => storage.delete([]), expect: 0 },
  "delete without a key is refused": { inObject: ({ storage }) => thrown(() => storage.delete()), expect: "TypeError: Failed to execute 'delete' on 'DurableObjectStorage': parameter 1 is not of type 'string or Array'." },
  "delete sees a put of the same burst": {
    inObject: ({ storage }) => { storage.put("k", 1); return Promise.all([storage.delete("k"), storage.delete("k")]); }, expect: [true, false],
  },
  "list of an empty storage is an empty Map": { inObject: ({ storage }) => storage.list(), expect: new Map([]) },
  "list is ascending": { inObject: async ({ storage }) => (await filled(storage)).list(), expect: new Map([["a", 1], ["b", 2], ["ba", 3], ["c", 4], ["ca", 5], ["cb", 6], ["d", 7]]) },
  "list from start, which is included": { inObject: async ({ storage }) => (await filled(storage)).list({ start: "c" }), expect: new Map([["c", 4], ["ca", 5], ["cb", 6], ["d", 7]]) },
  "list after startAfter, which is excluded": { inObject: async ({ storage }) => (await filled(storage)).list({ startAfter: "c" }), expect: new Map([["ca", 5], ["cb", 6], ["d", 7]]) },
  "list to end, which is excluded": { inObject: async ({ storage }) => (await filled(storage)).list({ end: "c" }), expect: new Map([["a", 1], ["b", 2], ["ba", 3]]) },
  "list by prefix": { inObject: async ({ storage }) => (await filled(storage)).list({ prefix: "c" }), expect: new Map([["c", 4], ["ca", 5], ["cb", 6]]) },
  "list in reverse": { inObject: async ({ storage }) => [...(await (await filled(storage)).list({ reverse: true })).keys()], expect: ["d", "cb", "ca", "c", "ba", "b", "a"] },
  "list with a limit": { inObject: async ({ storage }) => (await filled(storage)).list({ limit: 2 }), expect: new Map([["a", 1], ["b", 2]]) },
  "list in reverse with a limit takes the largest": { inObject: async ({ storage }) => (await filled(storage)).list({ reverse: true, limit: 2 }), expect: new Map([["d", 7], ["cb", 6]]) },
  "list intersects start, end and prefix": {
    inObject: async ({ storage }) => (await filled(storage)).list({ start: "b", end: "d", prefix: "c", reverse: true, limit: 1 }), expect: new Map([["cb", 6]]),
  },
  "reverse does not swap start and end": {
    inObject: async ({ storage }) => [...(await (await filled(storage)).list({ start: "b", end: "cb", reverse: true })).keys()], expect: ["ca", "c", "ba", "b"],
  },
  "startAfter with prefix": { inObject: async ({ storage }) => (await filled(storage)).list({ startAfter: "ca", prefix: "c" }), expect: new Map([["cb", 6]]) },
  "start after end is an empty range": { inObject: async ({ storage }) => (await filled(storage)).list({ start: "d", end: "a" }), expect: new Map([]) },
  "end equal to start is an empty range": { inObject: async ({ storage }) => (await filled(storage)).list({ start: "b", end: "b" }), expect: new Map([]) },
  "an empty prefix means no prefix": { inObject: async ({ storage }) => (await (await filled(storage)).list({ prefix: "" })).size, expect: 7 },
  "a prefix of the last byte has no upper bound": {
    inObject: async ({ storage }) => { await storage.put({ "\u{10FFFF}": 1, "\u{10FFFF}x": 2, a: 3 }); return storage.list({ prefix: "\u{10FFFF}" }); }, expect: new Map([["􏿿", 1], ["􏿿x", 2]]),
  },
  "undefined options count as absent": {
    inObject: async ({ storage }) => (await (await filled(storage)).list({ start: undefined, end: undefined, limit: undefined, prefix: undefined })).size, expect: 7,
  },
  "list with limit 0 is refused": { inObject: ({ storage }) => thrown(() => storage.list({ limit: 0 })), expect: "TypeError: List limit must be positive." },
  "list with a negative limit is refused": { inObject: ({ storage }) => thrown(() => storage.list({ limit: -1 })), expect: "TypeError: List limit must be positive." },
  "list with limit NaN is refused": { inObject: ({ storage }) => thrown(() => storage.list({ limit: NaN })), expect: "TypeError: List limit must be positive." },
  "list with start and startAfter is refused": { inObject: ({ storage }) => thrown(() => storage.list({ start: "a", startAfter: "a" })), expect: "TypeError: list() cannot be called with both start and startAfter values." },
  "list with a text as options is refused": { inObject: ({ storage }) => thrown(() => storage.list("a")), expect: "TypeError: Failed to execute 'list' on 'DurableObjectStorage': parameter 1 is not of type 'ListOptions'." },
  "list sees what the burst before it wrote and deleted": {
    inObject: async ({ storage }) => { await filled(storage); storage.put("bb", 9); storage.delete("a"); storage.put("c", 0); return storage.list({ end: "d" }); }, expect: new Map([["b", 2], ["ba", 3], ["bb", 9], ["c", 0], ["ca", 5], ["cb", 6]]),
  },
  "a limited list sees deletes of the burst before it": {
    inObject: async ({ storage }) => { await filled(storage); storage.delete("a"); storage.delete("b"); return storage.list({ limit: 2 }); }, expect: new Map([["ba", 3], ["c", 4]]),
  },
  "a list is a snapshot of its call": {
    inObject: async ({ storage }) => {
      await storage.put("a", 1);
      const listed = storage.list();
      storage.put("b", 2);
      return (await listed).size;
    }, expect: 1,
  },
  "deleteAll empties the storage": {
    inObject: async ({ storage }) => { await filled(storage); const result = await storage.deleteAll(); return [result, await storage.list()]; }, expect: [undefined, new Map([])],
  },
  "deleteAll takes un-flushed writes with it, not later ones": {
    inObject: async ({ storage }) => { storage.put("a", 1); storage.deleteAll(); storage.put("b", 2); return storage.list(); }, expect: new Map([["b", 2]]),
  },
  "sync resolves with undefined": { inObject: ({ storage }) => { storage.put("a", 1, { allowUnconfirmed: true }); return storage.sync(); }, expect: undefined },
  "the options allowConcurrency, allowUnconfirmed and noCache change no result": {
    inObject: async ({ storage }) => {
      const all = { allowConcurrency: true, allowUnconfirmed: true, noCache: true };
      await storage.put("a", 1, all);
      await storage.put({ b: 2 }, all);
      return [await storage.get("a", all), await storage.get(["a", "b"], all), await storage.list(all), await storage.delete("a", all)];
    }, expect: [1, new Map([["a", 1], ["b", 2]]), new Map([["a", 1], ["b", 2]]), true],
  },
  "128 keys in one call are fine": {
    inObject: async ({ storage }) => {
      const entries = Object.fromEntries(Array.from({ length: 128 }, (_, index) => [`k${index}`, index]));
      await storage.put(entries);
      return [(await storage.get(Object.keys(entries))).size, await storage.delete(Object.keys(entries))];
    }, expect: [128, 128],
  },
  "1,000 values are listed without a default limit": {
    inObject: async ({ storage }) => {
      for (let index = 0; index < 1000; index++) storage.put(`k${String(index).padStart(4, "0")}`, index);
      const listed = await storage.list();
      return [listed.size, [...listed.keys()][999], (await storage.list({ startAfter: "k0500", limit: 400 })).size];
    }, expect: [1000, "k0999", 400],
  },
  "a value of 100 KiB comes back whole": {
    inObject: async ({ storage }) => {
      const text = "0123456789abcdef".repeat(6400);
      await storage.put("k", text);
      return (await storage.get("k")) === text;
    }, expect: true,
  },
  "objects of one class do not see each other's keys": {
    run: async ({ newObject, call }) => {
      const [one, two] = [newObject(), newObject()];
      await call(one, "put", ["k", "one"]);
      return [await call(one, "get", "k"), (await call(two, "get", "k")) ?? "nothing"];
    }, expect: ["one", "nothing"],
  },
  "a stored id is refused, its text is not": {
    inObject: async ({ storage, state }) => [(await thrown(() => storage.put("k", state.id))).split(":")[0], await storage.put("k", state.id.toString())], expect: ["DataCloneError", undefined],
  },
  "describe tells values apart": { run: () => describe([undefined, -0, 1n]), expect: [undefined, -0, 1n] },
};

export default worker(cases);
export const Subject = objectClass(cases, {
  async put([key, value]) { await this.storage.put(key, value); },
  async get(key) { return await this.storage.get(key); },
});

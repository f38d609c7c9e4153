// storage.kv argument by argument, and the methods of storage, state, namespaces, IDs and transactions without their object.
// storage: sqlite
import { objectClass, thrown, tried as say, worker } from "./lib.mjs";

const kIllegal = "TypeError: Illegal invocation: function called with incorrect `this` reference. See " +
  "https://developers.cloudflare.com/workers/observability/errors/#illegal-invocation-errors for details.";
const kShort = kIllegal.replace(/See https.*/, "…");
const detached = (bytes) => { structuredClone(bytes.buffer, { transfer: [bytes.buffer] }); return bytes; };
const keysOf = (iterator) => [...iterator].map(([key]) => key);
const fill = (kv, keys = ["a", "b", "c", "d"]) => { for (const key of keys) kv.put(key, key); };
const kOddKeys = [undefined, null, 5, NaN, -0, true, {}, [], ["a", "b"], 10n, Symbol("s"), () => 1, { toString: () => "own" }, { toString() { throw new RangeError("no text"); } }, new Date(NaN)];
// What calling each method of `object`'s class on something else does, at once or later. Its own functions only.
const foreign = async (object, skip = []) => {
  const seen = {};
  for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(object)).sort()) {
    if (name === "constructor" || skip.includes(name)) continue;
    const { value, get } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(object), name);
    const callee = typeof value === "function" ? value : get;
    if (typeof callee !== "function") continue;
    let text = "";
    try { const result = callee.call({}, "a"); text = "later "; await result; text += "nothing thrown"; } catch (error) { text += `${error.name}: ${error.message}`.replace(/See https.*/, "…"); }
    seen[name] = text;
  }
  return seen;
};

const cases = {
  // -- storage.kv
  "kv keys of every type": { inObject: ({ storage: { kv } }) => kOddKeys.map((key) => [say(() => kv.put(key, 1)), say(() => kv.get(key)), say(() => kv.delete(key))]), expect: [[undefined, 1, true], [undefined, 1, true], [undefined, 1, true], [undefined, 1, true], [undefined, 1, true], [undefined, 1, true], [undefined, 1, true], [undefined, 1, true], [undefined, 1, true], [undefined, 1, true], ["TypeError: Cannot convert a Symbol value to a string", "TypeError: Cannot convert a Symbol value to a string", "TypeError: Cannot convert a Symbol value to a string"], [undefined, 1, true], [undefined, 1, true], ["RangeError: no text", "RangeError: no text", "RangeError: no text"], [undefined, 1, true]] },
  "kv keys that came of them": { inObject: ({ storage: { kv } }) => { for (const key of kOddKeys) say(() => kv.put(key, 1)); return keysOf(kv.list()); }, expect: ["", "() => 1", "0", "10", "5", "Invalid Date", "NaN", "[object Object]", "a,b", "null", "own", "true", "undefined"] },
  "kv without arguments": { inObject: ({ storage: { kv } }) => [say(() => kv.get()), say(() => kv.put()), say(() => kv.put("a")), say(() => kv.get("a")), keysOf(kv.list()), say(() => kv.delete())], expect: ["TypeError: Failed to execute 'get' on 'SyncKvStorage': parameter 1 is not of type 'string'.", "TypeError: Failed to execute 'put' on 'SyncKvStorage': parameter 1 is not of type 'string'.", "TypeError: Failed to execute 'put' on 'SyncKvStorage': parameter 2 is not of type 'Value'.", undefined, [], "TypeError: Failed to execute 'delete' on 'SyncKvStorage': parameter 1 is not of type 'string'."] },
  "kv with more arguments than there are": { inObject: ({ storage: { kv } }) => [say(() => kv.put("a", 1, { allowUnconfirmed: true })), say(() => kv.put("a", 2, 5)), say(() => kv.get("a", { noCache: true })), say(() => kv.get("a", 5)), say(() => kv.delete("a", 5)), say(() => keysOf(kv.list({}, 5)))], expect: [undefined, undefined, 2, 2, true, []] },
  "kv texts that are odd keys": { inObject: ({ storage: { kv } }) => { for (const key of ["", "\0", "é", "😀", "\uffff", "a".repeat(2048)]) kv.put(key, key.length); return [...kv.list()].map(([key, value]) => [key.slice(0, 3), value]); }, expect: [["", 0], ["\u0000", 1], ["aaa", 2048], ["é", 1], ["￿", 1], ["😀", 2]] },
  "kv values of every type": { inObject: ({ storage: { kv } }) => {
    const of = (value) => say(() => { kv.put("k", value); return kv.get("k"); });
    return [of(null), of(undefined), of(NaN), of(-0), of(10n), of(true), of(""), of(new Date(5)), of(/a/g), of(new Map([[1, { a: 1 }]])), of(new Set([1])), of([1, , 3]), of(new Error("e")), of(new Uint8Array([1]).buffer), of(new Int8Array([-1])), of(new Boolean(false)),
      of(Symbol("s")), of(() => 1), of({ f() {} }), of(Promise.resolve()), of(new WeakMap()), of(globalThis), of(detached(new Uint8Array(2))), of(detached(new Uint8Array(2)).buffer), of({ get a() { throw new SyntaxError("from a getter"); } }), of(new Proxy({}, {})), of(new Headers()), of(kv)];
  }, expect: [null, undefined, NaN, -0, 10n, true, "", new Date("1970-01-01T00:00:00.005Z"), /a/g, new Map([[1, { a: 1 }]]), new Set([1]), [1, undefined, 3], new Error("e"), new Uint8Array([1]).buffer, new Int8Array([255]), {}, "DataCloneError: Symbol(s) could not be cloned.", "DataCloneError: () => 1 could not be cloned.", "DataCloneError: f() {} could not be cloned.", "DataCloneError: #<Promise> could not be cloned.", "DataCloneError: #<WeakMap> could not be cloned.", "DataCloneError: #<ServiceWorkerGlobalScope> could not be cloned.", "DataCloneError: An ArrayBuffer is detached and could not be cloned.", "DataCloneError: An ArrayBuffer is detached and could not be cloned.", "SyntaxError: from a getter", "DataCloneError: #<Object> could not be cloned.", {}, "DataCloneError: Could not serialize object of type \"SyncKvStorage\". This type does not support serialization."] },
  "kv: a value is copied both ways": { inObject: ({ storage: { kv } }) => { const value = { n: 1 }; kv.put("k", value); value.n = 2; const read = kv.get("k"); read.n = 3; return [kv.get("k"), [...kv.list()][0][1], value === read]; }, expect: [{ n: 1 }, { n: 1 }, false] },
  "kv: a getter that writes": { inObject: ({ storage: { kv } }) => { kv.put("k", { get a() { kv.put("inner", 1); return 2; } }); return [...kv.list()]; }, expect: [["inner", 1], ["k", { a: 2 }]] },
  "kv delete says whether it was there": { inObject: ({ storage: { kv } }) => { kv.put("a", undefined); return [kv.delete("a"), kv.delete("a"), kv.delete("none")]; }, expect: [true, false, false] },
  "kv list options of every type": { inObject: ({ storage: { kv } }) => {
    fill(kv);
    return [undefined, null, {}, [], 5, "a", true, () => 1, Symbol("s"), { start: null }, { start: 5 }, { prefix: undefined }, { prefix: null }, { prefix: "" }, { end: "" }, { limit: "2" }, { limit: null }, { limit: 1.9 }, { limit: NaN }, { limit: 2n }, { limit: 2 ** 40 }, { limit: {} }, { reverse: "yes" }, { reverse: 0 }, { start: Symbol("s") },
      { start: "b", startAfter: undefined }, { startAfter: "b", start: null }, { allowConcurrency: true }].map((options) => say(() => keysOf(kv.list(options))));
  }, expect: [["a", "b", "c", "d"], ["a", "b", "c", "d"], ["a", "b", "c", "d"], ["d", "c", "b", "a"], "TypeError: Failed to execute 'list' on 'SyncKvStorage': parameter 1 is not of type 'ListOptions'.", "TypeError: Failed to execute 'list' on 'SyncKvStorage': parameter 1 is not of type 'ListOptions'.", "TypeError: Failed to execute 'list' on 'SyncKvStorage': parameter 1 is not of type 'ListOptions'.", ["a", "b", "c", "d"], "TypeError: Failed to execute 'list' on 'SyncKvStorage': parameter 1 is not of type 'ListOptions'.", [], ["a", "b", "c", "d"], ["a", "b", "c", "d"], [], ["a", "b", "c", "d"], [], ["a", "b"], "TypeError: List limit must be positive.", ["a"], "TypeError: List limit must be positive.", "TypeError: Cannot convert a BigInt value to a number", "TypeError: Value out of range. Must be between -2147483648 and 2147483647 (inclusive).", "TypeError: List limit must be positive.", ["d", "c", "b", "a"], ["a", "b", "c", "d"], "TypeError: Cannot convert a Symbol value to a string", ["b", "c", "d"], "TypeError: list() cannot be called with both start and startAfter values.", ["a", "b", "c", "d"]] },
  "kv list in every combination": { inObject: ({ storage: { kv } }) => {
    fill(kv, ["a", "a1", "a2", "b", "b1", "c"]);
    return [{ start: "a1", end: "b1" }, { start: "a1", end: "b1", reverse: true, limit: 2 }, { startAfter: "a", prefix: "a" }, { prefix: "a", end: "a2" }, { prefix: "b", start: "c" }, { start: "z" }, { end: "a" }, { start: "b", end: "a" }, { prefix: "a", reverse: true, limit: 1 }, { startAfter: "a", reverse: true }].map((options) => keysOf(kv.list(options)));
  }, expect: [["a1", "a2", "b"], ["b", "a2"], ["a1", "a2"], ["a", "a1"], [], [], [], [], ["a2"], ["c", "b1", "b", "a2", "a1"]] },
  "kv list and what is written meanwhile": { inObject: ({ storage: { kv } }) => {
    fill(kv);
    const seen = [];
    for (const [key, value] of kv.list()) { seen.push([key, value]); if (key === "a") { kv.delete("b"); kv.put("c", "changed"); kv.put("e", "new"); } }
    return seen;
  }, expect: [["a", "a"], ["c", "changed"], ["d", "d"], ["e", "new"]] },
  "kv list in reverse and what is written meanwhile": { inObject: ({ storage: { kv } }) => {
    fill(kv);
    const seen = [];
    for (const [key] of kv.list({ reverse: true })) { seen.push(key); if (key === "d") { kv.delete("c"); kv.put("aa", 1); } }
    return seen;
  }, expect: ["d", "b", "aa", "a"] },
  "kv list that ends early": { inObject: ({ storage: { kv } }) => { fill(kv); const list = kv.list(); const seen = []; for (const [key] of list) { seen.push(key); if (key === "b") break; } return [seen, keysOf(list), say(() => list.next())]; }, expect: [["a", "b"], ["c", "d"], { done: true, value: undefined }] },
  "kv list at its end": { inObject: ({ storage: { kv } }) => { fill(kv, ["a"]); const list = kv.list(); return [list.next(), list.next(), list.next(), kv.put("b", 1), list.next()]; }, expect: [{ done: false, value: ["a", "a"] }, { done: true, value: undefined }, { done: true, value: undefined }, undefined, { done: true, value: undefined }] },
  "kv list and its iterator": { inObject: ({ storage: { kv } }) => { fill(kv); const list = kv.list(); return [list[Symbol.iterator]() === list, Object.prototype.toString.call(list), typeof list.return, say(() => kv.list().map(([key]) => key).toArray()), say(() => new Map(kv.list({ limit: 2 }))), say(() => Object.fromEntries(kv.list({ prefix: "a" }))), say(() => list.next.call({}).done)]; }, expect: [true, "[object ListIterator]", "undefined", ["a", "b", "c", "d"], new Map([["a", "a"], ["b", "b"]]), { a: "a" }, kIllegal] },
  "kv list: the first dies when a second begins": { inObject: ({ storage: { kv } }) => { fill(kv); const list = kv.list(); list.next(); const refused = say(() => kv.list({ limit: -1 })); const still = say(() => list.next()); kv.list(); return [refused, still, say(() => list.next()), say(() => keysOf(list))]; }, expect: ["TypeError: List limit must be positive.", { done: false, value: ["b", "b"] }, "Error: kv.list() iterator was invalidated because a new call to kv.list() was started. Only one kv.list() iterator can exist at a time.", "Error: kv.list() iterator was invalidated because a new call to kv.list() was started. Only one kv.list() iterator can exist at a time."] },
  "kv list across awaits": { inObject: async ({ storage }) => { const { kv } = storage; fill(kv); const list = kv.list(); const seen = [list.next().value[0]]; await storage.put("bb", 1); await scheduler.wait(1); seen.push(list.next().value[0], list.next().value[0]); await storage.sync(); return [...seen, ...keysOf(list)]; }, expect: ["a", "b", "bb", "c", "d"] },
  "kv list and deleteAll": { inObject: async ({ storage }) => { fill(storage.kv); const list = storage.kv.list(); list.next(); await storage.deleteAll(); return [typeof say(() => list.next()), keysOf(storage.kv.list())]; }, expect: ["string", []], limpet: ["object", []], because: "workerd: internal error; here the list is at its end" },
  "kv list: its first pair is that of when it began": { inObject: ({ storage: { kv } }) => {
    fill(kv);
    const after = (options, change) => { fill(kv); const list = kv.list(options); change(); return [list.next(), list.next()].map(({ done, value }) => (done ? "end" : value)); };
    return [after({}, () => kv.delete("a")), after({}, () => { for (const key of "abcd") kv.delete(key); }), after({}, () => { kv.delete("a"); kv.put("b", 5); }), after({}, () => kv.put("0", 1)), after({ reverse: true }, () => kv.put("z", 1)), after({ limit: 1, start: "b" }, () => kv.delete("b"))];
  }, expect: [[["a", "a"], ["b", "b"]], [["a", "a"], "end"], [["a", "a"], ["b", 5]], [["a", "a"], ["b", "b"]], [["d", "d"], ["c", "c"]], [["b", "b"], "end"]] },
  "kv list that was empty when it began": { inObject: ({ storage: { kv } }) => { const first = kv.list(); fill(kv); const seen = [first.next()]; const second = kv.list({ start: "x", reverse: true }); kv.put("y", 1); seen.push(second.next(), second.next()); const third = kv.list({ prefix: "x" }); kv.put("x", 1); return [...seen, third.next(), keysOf(third)]; }, expect: [{ done: true, value: undefined }, { done: true, value: undefined }, { done: true, value: undefined }, { done: true, value: undefined }, []] },
  "kv list of within a transactionSync that is rolled back": { inObject: async ({ storage }) => {
    const { kv } = storage;
    const of = async (act) => { fill(kv); await storage.sync(); await scheduler.wait(1); let list; say(() => storage.transactionSync(() => { list = act(); throw new Error("back"); })); return keysOf(list); };
    return [await of(() => { for (const key of "abcd") kv.delete(key); return kv.list(); }), await of(() => { kv.put("0", 1); return kv.list(); }), await of(() => { kv.put("0", 1); return kv.list({ limit: 1 }); }), await of(() => { const list = kv.list(); list.next(); return list; }), await of(() => { const list = kv.list(); list.next(); kv.delete("b"); return list; })];
  }, expect: [[], ["0", "a", "b", "c", "d"], ["0"], ["b", "c", "d"], ["b", "c", "d"]] },
  "kv list in a transaction that is rolled back": { inObject: async ({ storage }) => { const { kv } = storage; fill(kv, ["a"]); let list; await thrown(() => storage.transaction(async () => { fill(kv); list = kv.list(); list.next(); throw new Error("back"); })); return [say(() => list.next()), keysOf(kv.list())]; }, expect: [{ done: true, value: undefined }, ["a"]] },
  "kv in transactions": { inObject: async ({ storage }) => {
    const { kv } = storage;
    kv.put("a", 1);
    await thrown(() => storage.transaction(async (txn) => { kv.put("a", 2); await txn.put("b", 2); kv.delete("a"); throw new Error("back"); }));
    const after = [...kv.list()];
    await storage.transaction(async (txn) => { kv.put("a", 3); await txn.put("c", kv.get("a")); txn.rollback(); kv.put("d", 4); });
    return [after, [...kv.list()]];
  }, expect: [[["a", 1]], [["a", 1], ["d", 4]]] },
  "kv in a value, as a text": { inObject: async ({ storage }) => [JSON.stringify(storage.kv), String(storage.kv), Object.keys(storage.kv), await thrown(() => storage.put("k", storage.kv))], expect: ["{}", "[object SyncKvStorage]", [], "DataCloneError: Could not serialize object of type \"SyncKvStorage\". This type does not support serialization."] },

  // -- Without their object
  "methods of storage.kv on something else": { inObject: ({ storage }) => foreign(storage.kv), expect: { delete: kShort, get: kShort, list: kShort, put: kShort } },
  "methods of storage on something else": { inObject: ({ storage }) => foreign(storage, ["kv", "sql", "getBookmarkForTime", "onNextSessionRestoreBookmark", "waitForBookmark", "ensureReplicas", "disableReplicas", "primary", "configureReadReplication"]), expect: { delete: kShort, deleteAlarm: kShort, deleteAll: kShort, get: kShort, getAlarm: kShort, getCurrentBookmark: kShort, list: kShort, put: kShort, setAlarm: kShort, sync: kShort, transaction: kShort, transactionSync: kShort } },
  "methods of a transaction on something else": { inObject: ({ storage }) => storage.transaction((txn) => foreign(txn)), expect: { delete: kShort, deleteAlarm: kShort, deleteAll: kShort, get: kShort, getAlarm: kShort, list: kShort, put: kShort, rollback: kShort, setAlarm: kShort } },
  "methods of state on something else": { inObject: async ({ state }) => { const seen = await foreign(state); return Object.fromEntries(["abort", "acceptWebSocket", "blockConcurrencyWhile", "getTags", "getWebSockets", "getWebSocketAutoResponse", "setWebSocketAutoResponse", "waitUntil", "getHibernatableWebSocketEventTimeout"].map((name) => [name, seen[name]])); }, expect: { abort: kShort, acceptWebSocket: kShort, blockConcurrencyWhile: kShort, getTags: kShort, getWebSockets: kShort, getWebSocketAutoResponse: kShort, setWebSocketAutoResponse: kShort, waitUntil: kShort, getHibernatableWebSocketEventTimeout: kShort } },
  "methods of an ID on something else": { run: ({ env }) => foreign(env.Subject.newUniqueId()), expect: { equals: kShort, toString: kShort } },
  "methods of a namespace on something else": { run: async ({ env }) => { const seen = await foreign(env.Subject); return Object.fromEntries(["get", "getByName", "idFromName", "idFromString", "jurisdiction", "newUniqueId"].map((name) => [name, seen[name]])); }, expect: { get: kShort, getByName: kShort, idFromName: kShort, idFromString: kShort, jurisdiction: kShort, newUniqueId: kShort } },
  "methods that were taken off": { inObject: async ({ storage, state }) => {
    const { get, put, list, transaction, setAlarm } = storage, { blockConcurrencyWhile, waitUntil } = state;
    return Promise.all([() => get("a"), () => put("a", 1), () => list(), () => transaction(() => 1), () => setAlarm(5), () => blockConcurrencyWhile(() => 1), () => waitUntil(1)].map((call) => { let text; try { text = call() instanceof Promise ? "a promise" : "a value"; } catch (error) { text = `thrown ${error.name}: ${error.message}`; } return text; }));
  }, expect: [`thrown ${kIllegal}`, `thrown ${kIllegal}`, `thrown ${kIllegal}`, `thrown ${kIllegal}`, `thrown ${kIllegal}`, `thrown ${kIllegal}`, `thrown ${kIllegal}`] },
  "fetch of a stub on something else": { run: async ({ object }) => [await thrown(() => object.fetch.call({}, "http://object/")), await thrown(() => (0, object.fetch)("http://object/"))], expect: [kIllegal, kIllegal] },
};

export default worker(cases);
export const Subject = objectClass(cases);

// Programs by seed: what worker.mjs plays. Nothing in one depends on time or on the order of what runs at once but where the
// runtimes promise an order. Calls go from an object to one with a higher number only, so that none waits for itself.
import { seededRandom } from "../system/scripts.mjs";
import { statement } from "./generate_sql.mjs";

const kObjects = ["k0", "r1", "k2", "r3"];  // k: class Pairs, r: class Rows, which has SQL.
const kKeys = ["a", "b", "c", "aa", "ab", "b1", "", "\u00e4", "\u{1f600}", "\uffee", "z"];

export function generate(seed) {
  const random = seededRandom(seed);
  const below = (most) => Math.floor(random() * most);
  const one = (list) => list[below(list.length)];
  const chance = (part) => random() < part;
  const many = (most, make) => Array.from({ length: 1 + below(most) }, make);
  const tools = { below, one, chance, many };

  const scalar = () => one([0, -1, 1.5, 42, "", "text", "\u00e4\u{1f600}\u0000", true, false, null, 2 ** 53, { $: "undefined" }, { $: "number", text: "NaN" }, { $: "number", text: "-0" },
    { $: "number", text: "-Infinity" }, { $: "bigint", text: "-12345678901234567890" }, { $: "long", text: "xy", times: 1 + below(3000) }]);
  const odd = () => one([{ $: "symbol" }, { $: "function" }, { $: "promise" }, { $: "weak" }, { $: "proxy" }, { $: "instance" }, { $: "getter" }, { $: "getter", bad: true }, { $: "url" },
    { $: "headers", pairs: [["a", "b"], ["c", "d"]] }]);
  const error = () => one([
    () => ({ $: "error", type: one(["Error", "RangeError", "TypeError", "SyntaxError", "EvalError", "ReferenceError", "URIError"]), message: one(["said", "", "two\nlines", "colon: yes"]),
             ...(chance(0.3) ? { cause: value(2) } : {}), ...(chance(0.4) ? { own: { code: scalar(), detail: value(2) } } : {}) }),
    () => ({ $: "named", name: one(["MyError", "TypeError", "", "DataCloneError"]), message: "named" }),
    () => ({ $: "dom", name: one(["AbortError", "DataCloneError"]), message: "dom" }),
    () => ({ $: "aggregate", message: "several" }),
  ])();
  const thrown = () => (chance(0.8) ? error() : one(["a text", 5, null, true, { $: "undefined" }, { $: "number", text: "NaN" }]));
  const value = (depth = 3) => {
    const inner = () => (depth > 0 && chance(0.7) ? value(depth - 1) : scalar());
    if (depth <= 0 || chance(0.35)) return scalar();
    return one([
      () => many(3, inner), () => Object.fromEntries(many(3, () => [one(["p", "q", "r", "1", "constructor", "then2"]), inner()])),
      () => ({ $: "date", time: one([0, 1e12, -1, 8.64e15, NaN]) }), () => ({ $: "regexp", source: one(["a+", "[/]", "\\d"]), flags: one(["", "gi", "u", "y"]) }),
      () => ({ $: "map", entries: many(3, () => [inner(), inner()]) }), () => ({ $: "set", items: many(3, inner) }),
      () => ({ $: "bytes", type: one(["Uint8Array", "Int8Array", "Uint16Array", "Float64Array", "Float32Array", "Uint8ClampedArray"]), items: many(6, () => below(300)) }),
      () => ({ $: "bytes", type: "BigInt64Array", items: [{ $: "bigint", text: "7" }] }),
      () => ({ $: "buffer", items: many(5, () => below(256)) }), () => ({ $: "view", items: [1, 2, 3] }), () => ({ $: "part", items: [4, 5, 6] }),
      () => ({ $: "boxed", of: one([1, "s", true, { $: "bigint", text: "5" }]) }), () => ({ $: "sparse", at: below(6) }), () => ({ $: "ring" }),
      () => ({ $: "twice", of: inner() }), error, error,
      () => (chance(0.4) ? odd() : inner()),
    ])();
  };

  const key = () => (chance(0.03) ? one([null, 5, { $: "undefined" }, { $: "symbol" }, { $: "boxed", of: "a" }]) : one(kKeys));
  const readOptions = (at) => (chance(0.25) && !at.still ? [one([{ allowConcurrency: true }, { noCache: true }, { allowUnconfirmed: true }, { $: "undefined" }, {}, null, 5, "text"])] : []);
  const listOptions = () => (chance(0.3) ? [] : [Object.fromEntries(many(3, () => one([
    () => ["start", one(kKeys)], () => ["end", one(kKeys)], () => ["prefix", one(["a", "b", "", "\u00e4", "\ud83d"])], () => ["reverse", chance(0.7)], () => ["limit", one([1, 2, 3, 100, 0, -1, 1.5, "2"])],
    () => ["startAfter", one(kKeys)], () => ["noCache", true], () => ["start", { $: "undefined" }]])()))]);
  const when = () => one([{ $: "time", time: one([4e12, 4.1e12]) }, { $: "time", time: 4e12, date: true }, { $: "time", time: 4e12 + 0.75 }, 4e12, 0, -1, { $: "number", text: "NaN" }, "4000000000000", null, { $: "undefined" }]);
  // What may be done without a wait, in an object.
  const now = (at) => one([
    ...(at.sql ? [() => ["kv", "get", key()], () => ["kv", "put", key(), value()], () => ["kv", "put", key(), value()], () => ["kv", "delete", key()], () => ["kv", "list", ...listOptions()]] : []),
    ...(at.sql && !at.rolls ? [() => ["open", below(3), "kv", one([{}, { prefix: "a" }, { reverse: true }])]] : []),
    ...(at.sql ? [0, 1, 2, 3, 4].map(() => () => ["sql", one(["array", "array", "array", "one", "raw", "first", "unread"]), ...statement(tools)]) : []),
    ...(at.sql && !at.rolls ? [() => ["open", below(3), "sql", ...statement(tools, true)], () => ["next", below(3)], () => ["next", below(3)], () => ["rest", below(3)]] : []),
    () => ["clone", value()],
  ])();
  const whose = (at) => (at.txn && chance(0.7) ? "txn" : "storage");
  const waiting = (at) => one([
    ...(at.still ? [] : [() => ["sync"], () => ["tick"], () => ["sleep", below(3)], () => ["timer", below(3), many(2, () => now(at))]]),
    () => ["get", whose(at), key(), ...readOptions(at)], () => ["get", whose(at), many(4, key), ...readOptions(at)],
    () => ["put", whose(at), key(), value(), ...readOptions(at)], () => ["put", whose(at), key(), value(), ...readOptions(at)],
    () => ["put", whose(at), Object.fromEntries(many(4, () => [one(kKeys), value(2)])), ...readOptions(at)],
    () => ["delete", whose(at), key(), ...readOptions(at)], () => ["delete", whose(at), many(4, key)],
    () => ["list", whose(at), ...listOptions()], () => ["list", whose(at), ...listOptions()],
    () => ["getAlarm", whose(at), ...readOptions(at)], () => ["setAlarm", whose(at), when(), ...readOptions(at)], () => ["deleteAlarm", whose(at)],
    () => (chance(0.2) ? ["deleteAll", ...readOptions(at)] : ["getAlarm", "storage"]),
    () => (chance(0.3) ? ["reject", error()] : ["getAlarm", "storage"]),
  ])();
  const how = () => one(["return", "return", "throw", "rollback"]);
  const nested = (outside) => {
    const at = { ...outside, rolls: true };  // What is read on after a rollback is each runtime's own business.
    return one([
      () => ["transaction", many(4, () => action({ ...at, txn: true, depth: at.depth - 1 })), how()],
      () => ["transaction", many(4, () => action({ ...at, txn: true, depth: at.depth - 1 })), how()],
      () => !at.sql ? waiting(at) : ["transactionSync", many(4, () => (chance(0.2) && at.depth > 1 ? ["transactionSync", many(3, () => now(at)), one(["return", "throw"])] : now(at))), one(["return", "return", "throw"])],
      () => ["block", many(3, () => action({ ...at, gated: true, depth: at.depth - 1 })), one(["return", "return", "return", "return", "return", "throw"])],
      ...(at.txn ? [] : [() => ["waitUntil", many(2, () => waiting({ ...at, still: true })), one(["return", "throw"])]]),
    ])();
  };
  const call = (at) => {
    const others = kObjects.filter((name) => Number(name[1]) > at.number);
    if (others.length === 0) return waiting(at);
    const name = one(others);
    return chance(0.4) ? ["rpc", name, links(!at.txn && !at.gated)] : ["event", name, one(["rpc", "fetch"]), event(name, at.depth - 1)];
  };
  const action = (at) => {
    if (at.depth > 0 && chance(0.25)) return nested(at);
    if (at.depth > 0 && chance(0.12)) return call(at);
    const plain = chance(0.45) ? now(at) : waiting(at);
    return plain[0] !== "timer" && chance(0.2) ? ["go", plain] : plain;
  };
  const event = (name, depth = 2) => {
    const at = { number: Number(name[1]), sql: name[0] === "r", depth, still: depth === 0 };
    const list = many(8, () => action(at));
    if (depth > 0 && chance(0.04)) list.splice(below(list.length + 1), 0, one([["abort"], ["abort", "a reason"], ["abort", error()], ["throw", thrown()], ["remember", "kept"]]));
    if (chance(0.3)) list.push(["memory"]);
    return list;
  };
  // A chain of calls on an object's stub.
  const links = (twice = true) => {  // In a critical section workerd hangs at the second call of a callback.
    const argument = () => (chance(0.15) ? odd() : value());
    const onTally = () => many(3, () => one([["call", "add", below(9)], ["member", "count"], ["call", "child", 2], ["call", "later", 3], ["call", "record", 4], ["member", "missing"], ["member", "own"], ["member", "broken"],
      ["call", "fail", error()], ["call", "none"], ["await"], ["dup"], ["dispose"], ["both"]]));
    return one([
      () => [["call", "echo", argument()]], () => [["call", "echo", argument()]], () => [["call", "described", argument(), argument()]],
      () => [["call", "fail", thrown()]], () => [["call", "failLater", error()], ...(chance(0.4) ? [["member", "x"]] : [])],
      () => [["call", "tally", below(5)], ...onTally()], () => [["call", "tally", below(5)], ...(chance(0.3) ? [["await"]] : []), ...onTally()],
      () => [["call", "record", 3], one([["member", "tally"], ["member", "list"], ["member", "add"], ["member", "nothing"], ["await"]]), ...onTally()],
      () => [["call", "record", 3], ["member", "list"], ["member", one(["0", "1", "length", "map"])], ...(chance(0.3) ? [["member", "deep"]] : [])],
      () => [["call", "record", 3], ["member", "add"], ["apply", 4]], () => [["call", "adder", 3], ["apply", one([4, "s", { $: "bigint", text: "1" }])]],
      () => [["call", one(["callback", twice ? "callbackTwice" : "callback"]), { $: "function", start: 1 }, scalar(), scalar()]],
      () => [["call", one(["callback", twice ? "callbackTwice" : "callback"]), { $: "throwing", error: thrown() }]], () => [["call", "callback", argument()]],
      () => [["call", "member", value(), "p"]], () => [["member", one(["property", "nothing", "absent", "echo", "memory", "ctx", "then", "constructor"])], ...(chance(0.4) ? [["member", "some"]] : [])],
      () => [["call", one(["absent", "nothing", "constructor", "toString", "alarm2", "__proto__"])]],
      () => [["call", "echo", { list: [{ $: "function" }, argument()] }], ...(chance(0.5) ? [["member", "list"], ["member", "0"], ["apply", 2]] : [])],
    ])();
  };

  const steps = [];
  const construct = (name) => ["construct", name, { how: one(["throw", "reject", "fine", "fine"]), times: 1 + below(2), error: error(), actions: many(3, () => action({ number: 9, sql: name[0] === "r", depth: 1, gated: true })) }];
  const step = () => {
    const name = one(kObjects);
    if (chance(0.25)) return ["rpc", name, links()];
    if (chance(0.1)) {  // Several events of one object, all arriving in order.
      const kind = one(["rpc", "fetch"]);
      return ["all", ...many(3, () => ["event", name, kind, event(name, 0)])];
    }
    if (chance(0.05)) return ["clone", value()];
    return ["event", name, one(["rpc", "fetch"]), event(name)];
  };
  if (chance(0.2)) steps.push(construct(one(kObjects)));
  for (let count = 3 + below(6); count > 0; count--) steps.push(step());
  if (chance(0.08)) {
    const name = one(kObjects);
    const at = { number: 9, sql: name[0] === "r", depth: 1 };
    steps.push(["event", name, "rpc", [["put", "storage", "alarm actions", JSON.stringify({ list: many(4, () => action(at)), end: chance(0.1) ? "throw" : "return" })], ["delete", "storage", "alarm log"], ["setAlarm", "storage", { $: "soon", ms: 0 }]]]);
    steps.push(["alarm", name]);
  }
  for (const name of kObjects) steps.push(["event", name, "rpc", [["list", "storage"], ["getAlarm", "storage"], ...(name[0] === "r" ? [["sql", "array", "SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'"], ["sql", "raw", "SELECT * FROM t"]] : [])]]);
  return steps;
}

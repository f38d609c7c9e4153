// Errors that are copied, stored, or leave an object: with their name and all that they have (enhanced_error_serialization).
// compatibility-date: 2026-11-20
import { objectClass, worker } from "./lib.mjs";

class MyError extends TypeError {
  constructor(message, options) {
    super(message, options);
    this.name = "MyError";
    this.code = 42;
  }
}

function show(error) {
  if (!(error instanceof Error)) return error;
  const own = Object.fromEntries(Object.getOwnPropertyNames(error).filter((name) => !["stack", "message"].includes(name))
    .map((name) => [name, name === "errors" ? error.errors.map(String) : error[name] instanceof Error ? show(error[name]) : error[name]]));
  return [error.constructor.name, `${error.name}: ${error.message}`, own, typeof error.stack];
}

function samples() {
  const inner = Object.assign(new RangeError("inner"), { own: { list: [1] } });
  const named = Object.assign(new RangeError("named"), { name: "Custom" });
  return [new MyError("my"), new Error("plain"), new MyError("with cause", { cause: inner }), named,
          Object.assign(new Error("with inner"), { inner }), new AggregateError([new Error("a")], "several")];
}
const kSeen = [
  ["Error", "MyError: my", { name: "MyError", code: 42 }, "string"],
  ["Error", "Error: plain", {}, "string"],
  ["Error", "MyError: with cause", { cause: ["RangeError", "RangeError: inner", { own: { list: [1] } }, "string"], name: "MyError", code: 42 }, "string"],
  ["Error", "Custom: named", { name: "Custom" }, "string"],
  ["Error", "Error: with inner", { inner: ["RangeError", "RangeError: inner", { own: { list: [1] } }, "string"] }, "string"],
  ["AggregateError", "AggregateError: several", { errors: ["Error: a"] }, "string"],
];
const deep = (value) => JSON.parse(JSON.stringify(value));

async function failureOf(object, path) {
  try {
    await object.fetch(`http://object/action/${path}`, { method: "POST", body: "null" });
    return "nothing thrown";
  } catch (error) {
    return deep(show(error));
  }
}

const cases = {
  "copies": { run: () => deep(samples().map((each) => show(structuredClone(each)))), expect: kSeen },
  "copies within other values": { run: () => deep(samples().map((each) => show(structuredClone({ list: [each] }).list[0]))), expect: kSeen },
  "the stack is kept": {
    run() {
      const error = new MyError("here");
      return structuredClone(error).stack === error.stack;
    },
    expect: true,
  },
  "what an error has that can't be copied": {
    run() {
      try {
        return structuredClone(Object.assign(new Error("x"), { call: () => 1 }));
      } catch (error) {
        return `${error.name}: ${error.message}`;
      }
    },
    expect: "DataCloneError: () => 1 could not be cloned.",
  },
  "stored": {
    async inObject({ storage }) {
      const seen = [];
      for (const each of samples()) {
        await storage.put("error", { each });
        seen.push(show((await storage.get("error")).each));
      }
      return deep(seen);
    },
    expect: kSeen,
  },
  "one that holds itself": {
    async inObject({ storage }) {
      const error = new Error("self");
      error.self = error;
      const failed = (action) => action().then(() => "fine", (problem) => problem.message);
      return [await failed(async () => structuredClone(error)), await failed(() => storage.put("error", error))];
    },
    expect: ["Unable to deserialize cloned data.", "fine"],
    limpet: ["Unable to deserialize cloned data.", "An error that holds itself could not be cloned."],
    because: "what could never be read is refused",
  },
  "out of an object's fetch": {
    run: async ({ object }) => [await failureOf(object, "mine"), await failureOf(object, "caused"), await failureOf(object, "thing"), await failureOf(object, "number")],
    expect: [
      ["Error", "MyError: boom", { name: "MyError", code: 42, remote: true }, "string"],
      ["RangeError", "RangeError: outer", { cause: "text", extra: { a: [1] }, remote: true }, "string"],
      { a: 1, remote: true },
      ["Error", "Error: 5", { remote: true }, "string"],
    ],
  },
};
export default worker(cases);
export const Subject = objectClass(cases, {
  mine() { throw new MyError("boom"); },
  caused() { throw Object.assign(new RangeError("outer", { cause: "text" }), { extra: { a: [1] } }); },
  thing() { throw { a: 1 }; },
  number() { throw 5; },
});

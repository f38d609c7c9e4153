// Namespaces, IDs and stubs: spec of the ID format, validation texts, what a stub is.
import { objectClass, thrown, worker } from "./lib.mjs";

const kHex = /^[0-9a-f]{64}$/;

const cases = {
  "an ID is 64 lower-case hex digits": { run: ({ env }) => [env.Subject.newUniqueId(), env.Subject.idFromName("A")].map((id) => kHex.test(id.toString())), expect: [true, true] },
  "idFromName is deterministic": { run: ({ env }) => env.Subject.idFromName("A").toString() === env.Subject.idFromName("A").toString(), expect: true },
  "names differ, IDs differ": { run: ({ env }) => new Set(["A", "B", "a", "", " "].map((name) => env.Subject.idFromName(name).toString())).size, expect: 5 },
  "one name gives different IDs in two classes": { run: ({ env }) => env.Subject.idFromName("A").equals(env.Other.idFromName("A")), expect: false },
  "the empty name is a name": { run: ({ env }) => kHex.test(env.Subject.idFromName("").toString()), expect: true },
  "a very long name is a name": { run: ({ env }) => kHex.test(env.Subject.idFromName("x".repeat(100000)).toString()), expect: true },
  "a name outside ASCII is a name": { run: ({ env }) => env.Subject.idFromName("ä\u{1F600}").name, expect: "ä😀" },
  "idFromName keeps the name": { run: ({ env }) => env.Subject.idFromName("A").name, expect: "A" },
  "a number as a name becomes text": { run: ({ env }) => env.Subject.idFromName(7).equals(env.Subject.idFromName("7")), expect: true },
  "newUniqueId has no name": { run: ({ env }) => env.Subject.newUniqueId().name, expect: undefined },
  "newUniqueId is unique": { run: ({ env }) => new Set(Array.from({ length: 100 }, () => env.Subject.newUniqueId().toString())).size, expect: 100 },
  "idFromString gives the same ID and loses the name": {
    run: ({ env }) => { const id = env.Subject.idFromName("A"); const again = env.Subject.idFromString(id.toString()); return [again.equals(id), again.toString() === id.toString(), again.name]; }, expect: [true, true, undefined],
  },
  "idFromString takes upper case and writes lower case": {
    run: ({ env }) => { const id = env.Subject.idFromName("A"); return env.Subject.idFromString(id.toString().toUpperCase()).toString() === id.toString(); }, expect: true,
  },
  "idFromString refuses a short text": { run: ({ env }) => thrown(() => env.Subject.idFromString("abc")), expect: "TypeError: Invalid Durable Object ID: must be 64 hex digits" },
  "idFromString refuses the empty text": { run: ({ env }) => thrown(() => env.Subject.idFromString("")), expect: "TypeError: Invalid Durable Object ID: must be 64 hex digits" },
  "idFromString refuses 63 and 65 digits": { run: async ({ env }) => [await thrown(() => env.Subject.idFromString("a".repeat(63))), await thrown(() => env.Subject.idFromString("a".repeat(65)))], expect: ["TypeError: Invalid Durable Object ID: must be 64 hex digits", "TypeError: Invalid Durable Object ID: must be 64 hex digits"] },
  "idFromString refuses what is not hex": { run: ({ env }) => thrown(() => env.Subject.idFromString("g".repeat(64))), expect: "TypeError: Invalid Durable Object ID: must be 64 hex digits" },
  "idFromString refuses an ID nobody made": { run: ({ env }) => thrown(() => env.Subject.idFromString("a".repeat(64))), expect: "TypeError: Durable Object ID is not valid for this namespace." },
  "idFromString refuses an ID of another class": { run: ({ env }) => thrown(() => env.Subject.idFromString(env.Other.idFromName("A").toString())), expect: "TypeError: Durable Object ID is not valid for this namespace." },
  "idFromString refuses an ID with one digit changed": {
    run: ({ env }) => { const text = env.Subject.idFromName("A").toString(); return thrown(() => env.Subject.idFromString(text.slice(0, 63) + (text[63] === "0" ? "1" : "0"))); }, expect: "TypeError: Durable Object ID is not valid for this namespace.",
  },
  "equals compares the bytes, not the name": {
    run: ({ env }) => { const id = env.Subject.idFromName("A"); return [id.equals(env.Subject.idFromString(id.toString())), id.equals(env.Subject.idFromName("B")), id.equals(env.Subject.newUniqueId())]; }, expect: [true, false, false],
  },
  "equals refuses a text": { run: ({ env }) => thrown(() => env.Subject.idFromName("A").equals("A")), expect: "TypeError: Failed to execute 'equals' on 'DurableObjectId': parameter 1 is not of type 'DurableObjectId'." },
  "idFromName without a name": { run: ({ env }) => thrown(() => env.Subject.idFromName()), expect: "TypeError: Failed to execute 'idFromName' on 'DurableObjectNamespace': parameter 1 is not of type 'string'." },
  "idFromString without a text": { run: ({ env }) => thrown(() => env.Subject.idFromString()), expect: "TypeError: Failed to execute 'idFromString' on 'DurableObjectNamespace': parameter 1 is not of type 'string'." },
  "get without an ID is refused": { run: ({ env }) => thrown(() => env.Subject.get()), expect: "TypeError: Failed to execute 'get' on 'DurableObjectNamespace': parameter 1 is not of type 'DurableObjectId'." },
  "get with a text is refused": { run: ({ env }) => thrown(() => env.Subject.get("A")), expect: "TypeError: Failed to execute 'get' on 'DurableObjectNamespace': parameter 1 is not of type 'DurableObjectId'." },
  "get is synchronous and makes no object": { run: ({ env }) => { const stub = env.Subject.get(env.Subject.idFromName("never called")); return typeof stub.fetch; }, expect: "function" },
  "a stub has the ID and the name": { run: ({ env }) => { const id = env.Subject.idFromName("A"); const stub = env.Subject.get(id); return [stub.id.equals(id), stub.name, stub.id.name]; }, expect: [true, "A", "A"] },
  "a stub of a unique ID has no name": { run: ({ env }) => env.Subject.get(env.Subject.newUniqueId()).name, expect: undefined },
  "getByName is idFromName and get": { run: ({ env }) => { const stub = env.Subject.getByName("A"); return [stub.id.equals(env.Subject.idFromName("A")), stub.name]; }, expect: [true, "A"] },
  "inside the object its ID is the caller's": {
    run: async ({ env, call }) => { const id = env.Subject.idFromName("inside"); return (await call(env.Subject.get(id), "id")).text === id.toString(); }, expect: true,
  },
  "inside the object the name is known": { run: async ({ env, call }) => (await call(env.Subject.getByName("known"), "id")).name, expect: "known" },
  "inside an object of a unique ID there is no name": { run: async ({ object, call }) => (await call(object, "id")).name ?? "none", expect: "none" },
  "inside an object reached by idFromString there is no name": {
    run: async ({ env, call }) => (await call(env.Subject.get(env.Subject.idFromString(env.Subject.idFromName("by text").toString())), "id")).name ?? "none", expect: "none",
  },
  "an ID gets its object back, whatever way it was made": {
    run: async ({ env, call }) => {
      const id = env.Subject.idFromName("ways");
      await call(env.Subject.get(id), "set", "here");
      return call(env.Subject.get(env.Subject.idFromString(id.toString())), "get");
    }, expect: "here",
  },
  "an ID with an option that hints a location works": { run: async ({ env, call }) => (await call(env.Subject.get(env.Subject.newUniqueId(), { locationHint: "weur" }), "id")).text.length, expect: 64 },
  "an unknown location hint": { run: ({ env }) => thrown(() => env.Subject.get(env.Subject.newUniqueId(), { locationHint: "moon" })), expect: "nothing thrown" },
  "an unknown routing mode is refused": { run: ({ env }) => thrown(() => env.Subject.get(env.Subject.newUniqueId(), { routingMode: "moon" })), expect: "RangeError: unknown routingMode: moon" },
  "String(id) is its text": { run: ({ env }) => { const id = env.Subject.idFromName("A"); return String(id) === id.toString(); }, expect: true },
  "the names of the classes": {
    run: ({ env }) => [env.Subject, env.Subject.newUniqueId(), env.Subject.get(env.Subject.newUniqueId())].map((each) => each.constructor.name), expect: ["DurableObjectNamespace", "DurableObjectId", "DurableObject"],
  },
  "a stub is no promise": {
    run: async ({ object }) => [object.then, "then" in object, (await object) === object], expect: [undefined, false, true],
  },
  "a stub's constructor can't be called": {
    run: async ({ object }) => [await thrown(() => object.constructor()), await thrown(() => new object.constructor())], expect: ["TypeError: Illegal constructor", "TypeError: Illegal constructor"],
  },
  "toString, valueOf and hasOwnProperty of a stub are the local ones": {
    run: ({ object }) => [String(object), object.valueOf() === object, object.hasOwnProperty("fetch"), Object.keys(object)], expect: ["[object DurableObject]", true, false, ["name", "id"]],
  },
  "a stub's fetch, id and name belong to its class": {
    run: ({ object }) => ["fetch", "id", "name", "constructor"].map((key) => key in object), expect: [true, true, true, true],
  },
  "state has id, storage and its methods": {
    inObject: ({ state }) => ["id", "storage", "waitUntil", "blockConcurrencyWhile", "abort"].map((key) => typeof state[key]), expect: ["object", "object", "function", "function", "function"],
  },
  "state.id and state.storage stay the same objects": { inObject: ({ state }) => [state.id === state.id, state.storage === state.storage], expect: [true, true] },
  "an ID can't be made by hand": { run: ({ env }) => thrown(() => new (env.Subject.newUniqueId().constructor)()), expect: "TypeError: Illegal constructor" },
};

export default worker(cases);
export const Subject = objectClass(cases, {
  async id() { return { text: this.state.id.toString(), name: this.state.id.name }; },
  async set(value) { this.value = value; },
  async get() { return this.value; },
});
export const Other = objectClass({});

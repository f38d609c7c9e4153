// Errors over RPC from the date on at which they keep more than name and message.
// compatibility-date: 2026-06-01
import { DurableObject } from "cloudflare:workers";
import { worker } from "./lib.mjs";

const kinds = {
  properties: () => Object.assign(new TypeError("mine"), { own: 1, deep: { a: [1] } }),
  named: () => Object.assign(new Error("special"), { name: "Mine", code: 7 }),
  silent: () => Object.assign(new Error(""), { name: "Odd" }),
  cause: () => new Error("outer", { cause: new RangeError("inner") }),
  many: () => new AggregateError([new Error("one")], "many"),
  hidden: () => Object.defineProperty(new Error("g"), "hidden", { value: 3 }),
  uncloneable: () => Object.assign(new Error("f"), { f() {}, ok: 1 }),
  flags: () => Object.assign(new Error("flags"), { remote: "no", retryable: true, overloaded: false }),
  text: () => "just text",
  object: () => ({ a: 1 }),
};
export class Subject extends DurableObject {
  fail(kind) { throw kinds[kind](); }
}
function seen(error, inner = false) {
  if (!(error instanceof Error)) return { ...error, durableObjectId: undefined };
  const own = {};
  for (const key of Object.getOwnPropertyNames(error).sort()) {
    if (["stack", "durableObjectId", "cause", "errors"].includes(key)) continue;
    own[key] = [error[key], Object.getOwnPropertyDescriptor(error, key).enumerable];
  }
  return { type: error.constructor.name, name: error.name, own, title: error.stack.split("\n")[0],
    ...(error.cause ? { cause: seen(error.cause, true) } : {}), ...(error.errors ? { errors: error.errors.map((each) => seen(each, true)) } : {}) };
}
const of = (kind, expect) => ({ run: async ({ env }) => { try { await env.Subject.get(env.Subject.newUniqueId()).fail(kind); } catch (error) { return seen(error); } }, expect });

const cases = {
  "own properties": of("properties", { type: "TypeError", name: "TypeError", own: { deep: [{ a: [1] }, true], message: ["mine", false], own: [1, true], remote: [true, true] }, title: "TypeError: mine" }),
  "a name": of("named", { type: "Error", name: "Mine", own: { code: [7, true], message: ["special", false], name: ["Mine", true], remote: [true, true] }, title: "Mine: special" }),
  "a name without a message": of("silent", { type: "Error", name: "Odd", own: { message: ["", false], name: ["Odd", true], remote: [true, true] }, title: "Odd" }),
  "a cause": of("cause", { type: "Error", name: "Error", own: { message: ["outer", false], remote: [true, true] }, title: "Error: outer", cause: { type: "RangeError", name: "RangeError", own: { message: ["inner", false] }, title: "RangeError: inner" } }),
  "errors in one": of("many", { type: "AggregateError", name: "AggregateError", own: { message: ["many", false], remote: [true, true] }, title: "AggregateError: many", errors: [{ type: "Error", name: "Error", own: { message: ["one", false] }, title: "Error: one" }] }),
  "what can't be enumerated": of("hidden", { type: "Error", name: "Error", own: { hidden: [3, true], message: ["g", false], remote: [true, true] }, title: "Error: g" }),
  "what can't be sent takes the others with it": of("uncloneable", { type: "Error", name: "Error", own: { message: ["f", false], remote: [true, true] }, title: "Error: f" }),
  "flags of the script's own": of("flags", { type: "Error", name: "Error", own: { message: ["flags", false], overloaded: [false, true], remote: [true, true], retryable: [true, true] }, title: "Error: flags" }),
  "a text": of("text", { type: "Error", name: "Error", own: { message: ["just text", false], remote: [true, true] }, title: "Error: just text" }),
  "an object": of("object", { a: 1, remote: true, durableObjectId: undefined }),
};
export default worker(cases);

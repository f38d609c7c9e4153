// Workers in service-worker format, CommonJS modules, and listeners in place of handlers: called through bindings.
import { failure, thrown, worker } from "./lib.mjs";

const said = async (service, path, init) => { const answer = await service.fetch(`http://old${path}`, init); return answer.status === 200 ? await answer.text() : [answer.status, await answer.text()]; };
const value = async (service, path) => JSON.parse(await (await service.fetch(`http://old/${path}`)).text());

const cases = {
  "respondWith a Response": { run: ({ env }) => said(env.OLD, "/plain"), expect: "plain" },
  "respondWith a promise": { run: ({ env }) => said(env.OLD, "/promise"), expect: [201, "promised"] },
  "respondWith what reads the body": { run: ({ env }) => said(env.OLD, "/async", { method: "POST", body: "sent" }), expect: "async /async sent" },
  "the event": { run: ({ env }) => value(env.OLD, "event"), expect: { type: "fetch", kind: "FetchEvent", tag: "[object FetchEvent]", fetchEvent: true, extendable: true, request: true, url: "http://old/event", same: true, keys: true, target: true, trusted: true, phase: 2, cancelable: false } },
  "bindings are globals": { run: ({ env }) => value(env.OLD, "globals"), expect: { kAtStart: "string word", word: "word", own: true, writable: { value: "word", writable: true, enumerable: true, configurable: true }, self: true, this: true, strict: false, require: "undefined", module: "undefined" } },
  "a binding to another Worker": { run: ({ env }) => said(env.OLD, "/fetcher"), expect: "plain /leaf" },
  "no objects are bound": { run: ({ env }) => said(env.OLD, "/object"), expect: "none" },
  "respondWith twice": { run: async ({ env }) => [await said(env.OLD, "/twice"), await said(env.OLD, "/later")], expect: ["first", "InvalidStateError: FetchEvent.respondWith() has already been called; it can only be called once."] },
  "respondWith too late": { run: async ({ env }) => [await said(env.OLD, "/late"), await said(env.OLD, "/later")], expect: ["in time", "InvalidStateError: Too late to call FetchEvent.respondWith(). It must be called synchronously in the event handler."] },
  "a listener that throws": { run: ({ env }) => failure(() => env.OLD.fetch("http://old/throw")), expect: { error: "RangeError: thrown", remote: true } },
  "a promise that is rejected": { run: ({ env }) => failure(() => env.OLD.fetch("http://old/reject")), expect: { error: "TypeError: rejected", remote: true } },
  "a promise of something else": { run: ({ env }) => failure(() => env.OLD.fetch("http://old/wrong")), expect: { error: "TypeError: Incorrect type for Promise: the Promise did not resolve to 'Response'.", remote: true } },
  "respondWith a text": { run: ({ env }) => said(env.OLD, "/text"), expect: "TypeError: Failed to execute 'respondWith' on 'FetchEvent': parameter 1 is not of type 'Promise'." },
  "respondWith nothing": { run: ({ env }) => said(env.OLD, "/none"), expect: "TypeError: Failed to execute 'respondWith' on 'FetchEvent': parameter 1 is not of type 'Promise'." },
  "nobody responds": { run: async ({ env }) => (await failure(() => env.OLD.fetch("http://old/silent"))).error.replace(/reference = .*/, ""), expect: "Error: internal error; ", limpet: `Error: No listener of "fetch" called respondWith().`, because: "nothing stands behind a script that could answer" },
  "waitUntil": { run: async ({ env }) => { const first = await said(env.OLD, "/wait"); for (let i = 0; i < 5000 && (await said(env.OLD, "/later")) !== "waited"; i++) await scheduler.wait(2); return [first, await said(env.OLD, "/later")]; }, expect: ["answered", "waited"] },
  "passThroughOnException": { run: ({ env }) => said(env.OLD, "/pass"), expect: "passes" },
  "globals live on": { run: async ({ env }) => { const first = Number(await said(env.OLD, "/count")); return Number(await said(env.OLD, "/count")) - first; }, expect: 1 },
  "preventDefault": { run: ({ env }) => said(env.OLD, "/prevent"), expect: "false" },
  "a second listener": { run: ({ env }) => said(env.OLD, "/second"), expect: "by the second" },
  "RPC to a script": { run: async ({ env }) => (await thrown(() => env.OLD.method())).replace(/(reference =|because) .*/, ""), expect: "Error: internal error; ", limpet: "TypeError: The receiving Worker does not support RPC, ", because: "workerd has no word for it" },

  "module.exports": { run: ({ env }) => value(env.COMMON, "whole"), expect: ["function", 5] },
  "exports": { run: ({ env }) => value(env.COMMON, "parts"), expect: [["a", "b", "double", "seen", "names", "cycle", "requireAgain", "es", "files", "missing", "throws", "builtin", "node"], 1, "b"] },
  "the namespace of a CommonJS module": { run: ({ env }) => value(env.COMMON, "namespace"), expect: [["default"], true, "object", 13, "undefined"] },
  "what a CommonJS module sees": { run: ({ env }) => value(env.COMMON, "required"), expect: ["function", "object", "object", true, "global", "string", "string", ["exports", "path"]] },
  "cycles of require": { run: ({ env }) => value(env.COMMON, "cycle"), expect: ["object", ["a", "b", "double", "seen", "names"]] },
  "a module runs once": { run: ({ env }) => value(env.COMMON, "once"), expect: [1, true] },
  "require of an ES module": { run: ({ env }) => value(env.COMMON, "es"), expect: [7, ["string", ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], null, null]] },
  "require of text, data and JSON": { run: ({ env }) => value(env.COMMON, "data"), expect: ["a note", [1, 2], { deep: [1] }] },
  "require of what is not there": { run: ({ env }) => value(env.COMMON, "missing"), expect: "Error: No such module \"modules/old/absent.cjs\"." },
  "require of a module that throws": { run: ({ env }) => value(env.COMMON, "throws"), expect: ["RangeError: while it loads", "RangeError: while it loads"] },
  "require of a built-in": { run: ({ env }) => value(env.COMMON, "builtin"), expect: "TypeError: Cannot convert undefined or null to object" },
  "require of Node's without the flag": { run: ({ env }) => value(env.COMMON, "builtinNode"), expect: "Error: No such module \"node:path\"." },
  "require itself": { run: ({ env }) => value(env.COMMON, "names"), expect: ["undefined", 0, "require"] },
  "import() of a CommonJS module": { run: ({ env }) => value(env.COMMON, "dynamic"), expect: [["default"], { lazy: true }] },

  "require of before CommonJS modules had a default export": { run: async ({ env }) => [await said(env.NAMESPACES, "/whole"), await value(env.NAMESPACES, "namespace"), await value(env.NAMESPACES, "dynamic")], expect: [[500, "TypeError: double is not a function"], [["default"], true, "object", 13, "undefined"], [["default"], { lazy: true }]] },

  "listeners of a module": { run: ({ env }) => said(env.LISTENS, "/plain"), expect: "listened" },
  "a default export comes before listeners": { run: ({ env }) => said(env.BOTH, "/plain"), expect: "handled" },
};

export default {
  ...worker(cases),
  services: [{ name: "OLD", service: "old" }, { name: "COMMON", service: "common" }, { name: "NAMESPACES", service: "namespaces" }, { name: "LISTENS", service: "listens" }, { name: "BOTH", service: "both" }],
  others: {
    leaf: { main: "modules/old/leaf.mjs" },
    old: { main: "modules/old/script.js", script: true, vars: { WORD: "word" }, services: [{ name: "FRIEND", service: "leaf" }] },
    namespaces: { main: "modules/old/main.mjs", compatibilityDate: "2022-08-01" },
    common: { main: "modules/old/main.mjs" },
    listens: { main: "modules/old/listens.mjs" },
    both: { main: "modules/old/both.mjs" },
  },
};

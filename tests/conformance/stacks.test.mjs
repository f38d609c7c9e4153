// Stacks of errors: the script's own frames, none of the runtime's.
import { worker } from "./lib.mjs";

const frames = (error, most = 2) => error.stack.split("\n    at ").slice(1, 1 + most).map((frame) => frame.replace(/\(?[^ (]*:\d+:\d+\)?/, "here"));
async function caught(action) {
  try { await action(); } catch (error) { return error; }
}
// What `action` throws, thrown in a function of a name.
const inside = async (action) => frames(await caught(function script() { return action(); }));
function prepared(prepare, action) {
  Error.prepareStackTrace = prepare;
  try { return action(); } finally { delete Error.prepareStackTrace; }
}

const cases = {
  "of a constructor": { run: () => inside(() => new Headers(1)), expect: ["here","script here"] },
  "of a function": { run: () => inside(() => atob("%")), expect: ["here","script here"] },
  "of a method that rejects": { run: () => inside(() => crypto.subtle.digest("X", new Uint8Array(1))), expect: ["here","script here"] },
  "of a listener": { run: () => inside(() => { let error; const target = new EventTarget(); target.addEventListener("x", () => { error = new Error(); }); target.dispatchEvent(new Event("x")); throw error; }), expect: ["EventTarget.<anonymous> here","here"] },
  "of a stream's source": { run: () => inside(() => { let error; new ReadableStream({ start() { error = new Error(); } }); throw error; }), expect: ["Object.start here","here"] },
  "of a timer": { run: async () => frames(await new Promise((done) => setTimeout(function late() { done(new Error()); }, 1))).length, expect: 1 },
  "the title": { run: async () => [await caught(() => new Headers(1)), new DOMException("a", "AbortError"), new Error(), Object.assign(new Error("m"), {})].map((error) => error.stack.split("\n")[0]), expect: ["TypeError: Failed to construct 'Headers': constructor parameter 1 is not of type 'Headers or Sequence or object'.","AbortError: a","Error","Error: m"] },
  "captureStackTrace": { run: () => { const holder = {}; Error.captureStackTrace(holder); return [holder.stack.split("\n")[0], holder.stack.includes("builtins")]; }, expect: ["Error",false] },
  "prepareStackTrace": { run: () => prepared((error, sites) => [error.message, sites.map((site) => site.getFunctionName()).slice(0, 2)], () => { const error = function script() { try { return new Headers(1); } catch (error) { return error; } }(); return error.stack; }), expect: ["Failed to construct 'Headers': constructor parameter 1 is not of type 'Headers or Sequence or object'.",["script",null]] },
  "a prepareStackTrace that throws": { run: () => prepared(() => { throw new RangeError("mine"); }, () => { try { return String(new Error().stack); } catch (error) { return error.message; } }), expect: "mine" },
  "a prepareStackTrace that is no function": { run: () => prepared(5, () => new Error("five").stack.split("\n")[0]), expect: "Error: five" },
  "nothing of the script's is asked in between": { run: () => { const push = Array.prototype.push; let asked = 0; Array.prototype.push = function (...all) { asked++; return push.apply(this, all); }; try { void new Error("x").stack; } finally { Array.prototype.push = push; } return asked; }, expect: 0 },
};
export default worker(cases);

// What a script of an early date does not have, or has in another way.
// compatibility-date: 2021-12-01
import { thrown, worker } from "./lib.mjs";

const cases = {
  "no navigator": { run: () => [typeof navigator, typeof Navigator], expect: ["undefined", "undefined"] },
  "no WeakRef": { run: () => [typeof WeakRef, typeof FinalizationRegistry], expect: ["undefined", "undefined"] },
  "no MessageChannel": { run: () => [typeof MessageChannel, typeof MessagePort], expect: ["undefined", "undefined"] },
  "no Temporal": { run: () => typeof Temporal, expect: "undefined" },
  "Headers: Set-Cookie is joined, and getSetCookie is not there": { run: () => { const headers = new Headers([["set-cookie", "a=1"], ["set-cookie", "b=2"]]); return [[...headers], typeof headers.getSetCookie, headers.getAll("set-cookie")]; }, expect: [[["set-cookie", "a=1, b=2"]], "undefined", ["a=1", "b=2"]] },
  "URLSearchParams: delete and has take no value": { run: () => { const params = new URLSearchParams("a=1&a=2"); const has = params.has("a", "3"); params.delete("a", "1"); return [has, String(params)]; }, expect: [true, ""] },
  "what a listener throws leaves dispatchEvent": { run: () => { const target = new EventTarget(); target.addEventListener("x", () => { throw new Error("in a listener"); }); return thrown(() => target.dispatchEvent(new Event("x"))); }, expect: "Error: in a listener" },
  "an early script has no eval at its start": { run: () => evaluated, expect: "EvalError: Code generation from strings disallowed for this context" },
  "flags by date": { run: () => { const flags = Cloudflare.compatibilityFlags; return [flags.formdata_parser_supports_files, flags.url_standard, flags.global_navigator]; }, expect: [true, false, false] },
};
const evaluated = await thrown(() => eval("1"));
export default worker(cases);

// What a script of a late date has.
// compatibility-date: 2026-11-17
// compatibility-flags: enable_global_performance_classes no_nodejs_compat no_nodejs_compat_v2
import { thrown, worker } from "./lib.mjs";
import { pipes } from "./modules/pipes.mjs";

const evaluated = eval("1 + 1");
const shape = (entry) => { const { startTime, duration, ...rest } = JSON.parse(JSON.stringify(entry)); return [entry.constructor.name, typeof startTime, typeof duration, rest]; };

const cases = {
  "eval at the start, and not later": { run: async () => [evaluated, await thrown(() => eval("1"))], expect: [2, "EvalError: Code generation from strings disallowed for this context"] },
  "what a listener throws is reported": { run: () => { const target = new EventTarget(); const seen = []; const hear = (event) => void seen.push(event.message); addEventListener("error", hear); target.addEventListener("x", () => { throw new Error("in a listener"); }); target.addEventListener("x", () => void seen.push("second")); seen.push(target.dispatchEvent(new Event("x"))); removeEventListener("error", hear); return seen; }, expect: ["Uncaught Error: in a listener", "second", true] },
  "a listener's `this` is its target": { run: () => { const target = new EventTarget(); let self; target.addEventListener("x", function () { self = this; }); target.dispatchEvent(new Event("x")); return self === target; }, expect: true },
  "an incoming request's signal is there": { run: ({ request }) => [request.signal.aborted, request.signal === request.signal], expect: [false, true] },
  "performance.mark": { run: () => { const mark = performance.mark("a", { detail: { x: 1 } }); return [shape(mark), mark.detail, mark instanceof PerformanceEntry, performance.mark("b", { startTime: 5 }).startTime]; }, expect: [["PerformanceMark", "number", "number", { name: "a", entryType: "mark", detail: { x: 1 } }], { x: 1 }, true, 5] },
  "performance.measure": { run: () => { performance.mark("from", { startTime: 3 }); performance.mark("to", { startTime: 8 }); const m = performance.measure("m", "from", "to"); const n = performance.measure("n", { start: 2, duration: 3 }); return [shape(m), m.startTime, m.duration, n.startTime, n.duration, performance.measure("o", "to").startTime]; }, expect: [["PerformanceMeasure", "number", "number", { name: "m", entryType: "measure" }], 3, 5, 2, 3, 8] },
  "performance: entries are listed and cleared": { run: () => { performance.clearMarks(); performance.clearMeasures(); performance.mark("a"); performance.mark("b"); performance.measure("a"); const seen = [performance.getEntries().length, performance.getEntriesByName("a").length, performance.getEntriesByType("mark").length]; performance.clearMarks("a"); seen.push(performance.getEntries().map((each) => each.name)); performance.clearMeasures(); performance.clearMarks(); seen.push(performance.getEntries().length); return seen; }, expect: [3, 2, 2, ["b"], 0], limpet: [3, 2, 2, ["b", "a"], 0], because: "clearMarks() of a name takes measures along on workerd, against the standard" },
  "performance: wrong arguments": { run: async () => [await thrown(() => performance.mark()), await thrown(() => performance.measure()), await thrown(() => performance.mark("a", { detail: 5 }))], expect: ["TypeError: Failed to execute 'mark' on 'Performance': parameter 1 is not of type 'string'.", "TypeError: Failed to execute 'measure' on 'Performance': parameter 1 is not of type 'string'.", "TypeError: Incorrect type for the 'detail' field on 'Options': the provided value is not of type 'Object'."] },
  "performance: what is there in name": { run: () => [JSON.stringify(performance), performance.eventCounts.size, PerformanceObserver.supportedEntryTypes, new PerformanceObserver(() => {}).takeRecords()], expect: ['{"timeOrigin":0}', 0, ["measure", "mark"], []] },
};
for (const [name, { run, expect, late = expect }] of Object.entries(pipes)) cases[name] = { run, expect: late };
export default worker(cases);

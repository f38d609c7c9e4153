// The tracing API where nothing collects spans.
// compatibility-date: 2026-05-01
import * as workers from "cloudflare:workers";
import { thrown, worker } from "./lib.mjs";

const { tracing } = workers;
const name = (value) => (isSpan(value) ? "Span" : value);
const isSpan = (value) => typeof value === "object" && value !== null && value.constructor?.name === "Span";
async function tell(run) {
  try {
    return name(await run());
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
}
const each = async (tries) => {
  const seen = [];
  for (const one of tries) seen.push(await tell(one));
  return seen;
};
const kIllegal = "TypeError: Illegal invocation: function called with incorrect `this` reference. See " +
  "https://developers.cloudflare.com/workers/observability/errors/#illegal-invocation-errors for details.";

export class Subject {
  constructor(state) { this.state = state; }
  fetch() { return Response.json(["tracing" in this.state]); }
}

const cases = {
  "what is there": {
    run: ({ ctx }) => [Object.getOwnPropertyNames(Object.getPrototypeOf(tracing)).sort(), Object.getOwnPropertyNames(tracing.Span.prototype).sort(), typeof ctx.tracing.enterSpan,
                       String(tracing), String(tracing.startSpan("x")), typeof globalThis.Span],
    expect: [["Span", "constructor", "enterSpan", "getActiveSpan", "startActiveSpan", "startSpan", "withActiveSpan"],
             ["constructor", "end", "isTraced", "recordException", "setAttribute", "setAttributes", "setStatus", "spanContext", "updateName"], "function",
             "[object Tracing]", "[object Span]", "undefined"],
  },
  "enterSpan runs what it is given": {
    run: async ({ ctx }) => [tracing.enterSpan("n", (span, ...rest) => [isSpan(span), span.isTraced, rest], 1, 2), await tracing.startActiveSpan("n", async () => 7), ctx.tracing.enterSpan("n", () => 8),
                             ...await each([() => tracing.enterSpan("n", () => { throw new RangeError("x"); }), () => tracing.enterSpan("n", async () => { throw new RangeError("y"); })])],
    expect: [[true, false, [1, 2]], 7, 8, "RangeError: x", "RangeError: y"],
  },
  "the active span": {
    run: async () => {
      const span = tracing.startSpan("x");
      return [tracing.getActiveSpan() === tracing.getActiveSpan(), tracing.enterSpan("a", (inner) => tracing.getActiveSpan() === inner),
              await tracing.enterSpan("a", async (inner) => { await scheduler.wait(1); return tracing.getActiveSpan() === inner; }),
              tracing.withActiveSpan(span, (...given) => [given, tracing.getActiveSpan() === span], 1, 2)];
    },
    expect: [true, true, true, [[1, 2], true]],
  },
  "spans take what they are told": {
    run: () => {
      const span = tracing.startSpan("x");
      return each([() => span.setAttribute("a", 1), () => span.setAttribute("a", undefined), () => span.setAttributes({ a: 1 }), () => span.setStatus({ code: "error", message: "m" }),
                   () => span.updateName(5), () => span.recordException(null), () => span.end(), () => span.end(), () => span.setAttribute("a", "b"), () => span.spanContext()]);
    },
    expect: ["Span", "Span", "Span", "Span", "Span", undefined, undefined, undefined, "Span", { traceId: "00000000000000000000000000000000", spanId: "0000000000000000", traceFlags: 0 }],
  },
  "what they refuse": {
    run: () => {
      const span = tracing.startSpan("x");
      return each([() => span.setAttribute(), () => span.setAttribute("a", Symbol()), () => span.setAttribute("a", 5n), () => span.setAttributes(5), () => span.setStatus(), () => span.setStatus({ code: "x" }),
                   () => span.updateName(), () => span.recordException(), () => tracing.enterSpan(), () => tracing.enterSpan("n"), () => tracing.startActiveSpan("n", 5), () => tracing.startSpan(),
                   () => tracing.withActiveSpan({}, () => 1), () => tracing.withActiveSpan(span), () => new tracing.Span(), () => new tracing.constructor(), () => span.end.call({}), () => tracing.startSpan.call({}, "x")]);
    },
    expect: ["TypeError: Failed to execute 'setAttribute' on 'Span': parameter 1 is not of type 'string'.", "TypeError: Cannot convert a Symbol value to a string",
             "TypeError: Cannot convert a BigInt value to a number", "TypeError: Failed to execute 'setAttributes' on 'Span': parameter 1 is not of type 'object'.",
             "TypeError: Failed to execute 'setStatus' on 'Span': parameter 1 is not of type 'TracingSpanStatus'.", "TypeError: Span status code must be 'unset', 'ok', or 'error'.",
             "TypeError: Failed to execute 'updateName' on 'Span': parameter 1 is not of type 'string'.", "TypeError: Failed to execute 'recordException' on 'Span': parameter 1 is not of type 'Value'.",
             "TypeError: Failed to execute 'enterSpan' on 'Tracing': parameter 1 is not of type 'string'.", "TypeError: Failed to execute 'enterSpan' on 'Tracing': parameter 2 is not of type 'Function'.",
             "TypeError: Failed to execute 'startActiveSpan' on 'Tracing': parameter 2 is not of type 'Function'.", "TypeError: Failed to execute 'startSpan' on 'Tracing': parameter 1 is not of type 'string'.",
             "TypeError: Failed to execute 'withActiveSpan' on 'Tracing': parameter 1 is not of type 'Span'.", "TypeError: Failed to execute 'withActiveSpan' on 'Tracing': parameter 2 is not of type 'Function'.",
             "TypeError: Illegal constructor", "TypeError: Illegal constructor", kIllegal, kIllegal],
  },
  "not of an object's state": {
    run: async ({ object }) => (await object.fetch("http://object/")).json(),
    expect: [false],
  },
};
export default worker(cases);

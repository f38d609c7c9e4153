// Events, timers and streams as scripts see them from the outside.
import { workerOfRows } from "./lib.mjs";

const listen = (options) => new EventTarget().addEventListener("x", () => {}, options);
const unlisten = (options) => new EventTarget().removeEventListener("x", () => {}, options);
function dispatch(event, prepare) {
  const target = new EventTarget();
  const log = [];
  prepare(target, log);
  log.push(target.dispatchEvent(event));
  return log;
}
const thisOf = (start) => new Promise((done) => start(function () { done(this === globalThis); }, 0));
const reject = (reason) => scheduler.wait(1000, { signal: AbortSignal.abort(reason) });
function rejectLater(reason) {
  const controller = new AbortController();
  const waiting = scheduler.wait(1000, { signal: controller.signal });
  controller.abort(reason);
  return waiting;
}

const rows = [
  [() => listen(true),
    "TypeError: addEventListener(): useCapture must be false."],
  [() => listen("x"),
    "TypeError: addEventListener(): useCapture must be false."],
  [() => listen({ capture: true }),
    "TypeError: addEventListener(): options.capture must be false."],
  [() => listen({ capture: 0, passive: true, once: 1 }),
    "undefined"],
  [() => listen({ signal: null }),
    "TypeError: Incorrect type for the 'signal' field on 'AddEventListenerOptions': the provided value is not of type 'AbortSignal'."],
  [() => listen({ signal: {} }),
    "TypeError: Incorrect type for the 'signal' field on 'AddEventListenerOptions': the provided value is not of type 'AbortSignal'."],
  [() => unlisten(true),
    "TypeError: removeEventListener(): useCapture must be false."],
  [() => unlisten({ capture: 1 }),
    "TypeError: removeEventListener(): options.capture must be false."],
  [() => unlisten(false),
    "undefined"],
  [() => dispatch(new Event("x"), (target, log) => target.addEventListener("x", (event) => { event.preventDefault(); log.push(event.defaultPrevented, event.returnValue); })),
    ["false","true","false"]],
  [() => dispatch(new Event("x", { cancelable: true }), (target, log) => target.addEventListener("x", (event) => { event.preventDefault(); log.push(event.defaultPrevented, event.returnValue); })),
    ["true","false","false"]],
  [() => dispatch(new Event("x"), (target, log) => { target.addEventListener("x", () => log.push("listener")); target.onx = () => log.push("handler"); }),
    ["handler","listener","true"]],
  [() => dispatch(new Event("x"), (target, log) => { target.onx = (event) => { log.push("handler"); event.stopImmediatePropagation(); }; target.addEventListener("x", () => log.push("listener")); }),
    ["handler","true"]],
  [() => dispatch(new Event("x"), (target, log) => { target.onx = { handleEvent: () => log.push("handler") }; }),
    ["true"]],
  [() => dispatch(new Event("x"), (target) => { target.onx = () => { throw new RangeError("in a handler"); }; }),
    "RangeError: in a handler"],
  [() => (() => { const event = new Event("x"); event.cancelBubble = true; const before = event.cancelBubble; event.cancelBubble = false; return [before, event.cancelBubble]; })(),
    ["true","false"]],
  [() => (() => { const event = new Event("x"); event.stopPropagation(); return event.cancelBubble; })(),
    "true"],
  [() => thisOf(setTimeout),
    "true"],
  [() => thisOf(queueMicrotask),
    "true"],
  [() => thisOf((callback) => { const timer = setInterval(function () { clearInterval(timer); callback.call(this); }, 0); }),
    "true"],
  [() => reject("why"),
    "Error: why"],
  [() => reject(5),
    "Error: 5"],
  [() => reject(null),
    "Error: null"],
  [() => reject(new RangeError("mine")),
    "RangeError: mine"],
  [() => rejectLater("why"),
    "Error: why"],
  [() => rejectLater(undefined),
    "AbortError: The operation was aborted"],
  [() => [Object.keys(new ReadableStream()), Object.keys(new WritableStream()), Object.keys(new TransformStream()), Object.keys(new Response("x").body)].join(),
    ",,,"],
  [() => JSON.stringify({ body: new Response("x").body, writable: new WritableStream(), transform: new TransformStream(), identity: new IdentityTransformStream() }),
    "{\"body\":{},\"writable\":{},\"transform\":{},\"identity\":{}}"],
  [() => JSON.stringify({ ...new ReadableStream() }),
    "{}"],
];
export default workerOfRows(rows);

// `tracing` of cloudflare:workers and of a context. Nothing here collects spans, so every span is one that is not traced: it
// takes what it is told and forgets it, and runs what it is to run. Which one is active is known all the same.
import { AsyncLocalStorage } from "./async_context";
import { illegalConstructor, isObject, kIllegalInvocation, kInternal, platform, textOf, wrongArgument } from "./seam";

let isSpan: (value: unknown) => value is Span;

const kCodes = ["unset", "ok", "error"];

export class Span {
  #brand = true;
  constructor(token?: unknown) {
    illegalConstructor(token);
  }
  static {
    isSpan = (value): value is Span => isObject(value) && #brand in value;
  }
  get isTraced(): boolean { return check(this) && false; }
  spanContext(): object {
    check(this);
    return { traceId: "0".repeat(32), spanId: "0".repeat(16), traceFlags: 0 };
  }
  setAttribute(name?: unknown, value?: unknown): Span {
    check(this);
    if (arguments.length === 0) throw wrongArgument("setAttribute", "Span", 1, "string");
    textOf(name);
    if (typeof value === "symbol") textOf(value);
    if (typeof value === "bigint") throw new TypeError("Cannot convert a BigInt value to a number");
    return this;
  }
  setAttributes(attributes?: unknown): Span {
    check(this);
    if (!isObject(attributes)) throw wrongArgument("setAttributes", "Span", 1, "object");
    return this;
  }
  setStatus(status?: any): Span {
    check(this);
    if (!isObject(status)) throw wrongArgument("setStatus", "Span", 1, "TracingSpanStatus");
    if (!kCodes.includes(textOf((status as any).code))) throw new TypeError("Span status code must be 'unset', 'ok', or 'error'.");
    return this;
  }
  updateName(name?: unknown): Span {
    check(this);
    if (arguments.length === 0) throw wrongArgument("updateName", "Span", 1, "string");
    textOf(name);
    return this;
  }
  recordException(_error?: unknown): void {
    check(this);
    if (arguments.length === 0) throw wrongArgument("recordException", "Span", 1, "Value");
  }
  end(): void { check(this); }
}
function check(self: unknown): true {
  if (isSpan(self)) return true;
  throw new TypeError(kIllegalInvocation);
}

const active = new AsyncLocalStorage();
const kRoot = new Span(kInternal);

export class Tracing {
  #brand = true;
  declare readonly Span: typeof Span;
  constructor(token?: unknown) {
    illegalConstructor(token);
  }
  #run(method: string, given: IArguments): unknown {
    const [name, run, ...rest] = given;
    if (given.length === 0) throw wrongArgument(method, "Tracing", 1, "string");
    textOf(name);
    if (typeof run !== "function") throw wrongArgument(method, "Tracing", 2, "Function");
    const span = new Span(kInternal);
    return active.run(span, run, span, ...rest);
  }
  enterSpan(): unknown {
    return this.#run("enterSpan", arguments);
  }
  startActiveSpan(): unknown {
    return this.#run("startActiveSpan", arguments);
  }
  startSpan(name?: unknown): Span {
    if (arguments.length === 0) throw wrongArgument("startSpan", "Tracing", 1, "string");
    textOf(name);
    return new Span(kInternal);
  }
  getActiveSpan(): Span {
    return (active.getStore() as Span | undefined) ?? kRoot;
  }
  withActiveSpan(span?: unknown, run?: unknown, ...rest: unknown[]): unknown {
    if (!isSpan(span)) throw wrongArgument("withActiveSpan", "Tracing", 1, "Span");
    if (typeof run !== "function") throw wrongArgument("withActiveSpan", "Tracing", 2, "Function");
    return active.run(span, run as (...given: unknown[]) => unknown, ...rest);
  }
}
Object.defineProperty(Tracing.prototype, "Span", { value: Span, writable: true, configurable: true });
platform({ Span, Tracing });

export const tracing = new Tracing(kInternal);

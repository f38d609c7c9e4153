// Event, EventTarget, AbortController and AbortSignal.
import { compatibility } from "./compatibility";
import { DOMException } from "./errors";
import { reportUncaught } from "./uncaught";
import {
  illegalConstructor, isObject, kInternal, native, platform, textOf, toInteger, wrongArgument, wrongConstructorArgument,
} from "./seam";

const kTarget = Symbol("target");
const kStop = Symbol("stop");
const kActive = Symbol("active");
const kTrusted = Symbol("trusted");
const kRefused = Symbol("refused"); // By preventDefault(), also where that has no effect.
const kListeners = Symbol("listeners");
export const kOwnHandlers = Symbol("handlers"); // On targets that call `onmessage` and the like themselves.

export class Event {
  #type: string;
  #init: any;
  #prevented = false;
  #cancelled = false;
  declare [kTarget]: EventTarget | undefined;
  declare [kStop]: boolean;
  declare [kActive]: boolean;
  declare [kTrusted]: boolean;
  declare [kRefused]: boolean;

  constructor(type: string, init?: { bubbles?: boolean; cancelable?: boolean; composed?: boolean }) {
    checkEvent("Event", arguments.length, init, "Init");
    this.#type = textOf(type);
    this.#init = init ?? {};
    this[kTarget] = undefined;
    this[kStop] = false;
    this[kActive] = false;
    this[kTrusted] = false;
    this[kRefused] = false;
  }
  get type(): string { return this.#type; }
  get bubbles(): boolean { return Boolean(this.#init.bubbles); }
  get cancelable(): boolean { return Boolean(this.#init.cancelable); }
  get composed(): boolean { return Boolean(this.#init.composed); }
  get defaultPrevented(): boolean { return this.#prevented; }
  get returnValue(): boolean { return !this.#prevented; }
  get target(): EventTarget | undefined { return this[kTarget]; }
  get currentTarget(): EventTarget | undefined { return this[kTarget]; }
  get srcElement(): EventTarget | undefined { return this[kTarget]; }
  get eventPhase(): number { return this[kActive] ? 2 : 0; }
  get timeStamp(): number { return 0; } // As on workerd: what an event's time would be measured from is nowhere said.
  get isTrusted(): boolean { return this[kTrusted]; }
  get cancelBubble(): boolean { return this.#cancelled; }
  set cancelBubble(value: boolean) { this.#cancelled = Boolean(value); }
  preventDefault(): void {
    this.#prevented = this.cancelable;
    this[kRefused] = true;
  }
  stopPropagation(): void { this.#cancelled = true; }
  stopImmediatePropagation(): void { this[kStop] = true; }
  composedPath(): EventTarget[] { return this[kActive] ? [this[kTarget]!] : []; }
}
for (const [name, value] of Object.entries({ NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 })) {
  Object.defineProperty(Event, name, { value, enumerable: true, configurable: true });
  Object.defineProperty(Event.prototype, name, { value, enumerable: true, configurable: true });
}

// Marks an event as the runtime's own.
export function trusted<T extends Event>(event: T): T {
  event[kTrusted] = true;
  return event;
}

// What a constructor of events says of its arguments: `count` of them, the second a dictionary of the type `dictionary`.
export function checkEvent(holder: string, count: number, init: unknown, dictionary: string): void {
  if (count === 0) throw wrongConstructorArgument(holder, 1, "string");
  if (init !== undefined && init !== null && !isObject(init)) throw wrongConstructorArgument(holder, 2, dictionary);
}

export class CustomEvent extends Event {
  #detail: unknown;
  constructor(type: string, init?: { detail?: unknown }) {
    checkEvent("CustomEvent", arguments.length, init, "CustomEventInit");
    super(type, init as {});
    this.#detail = init?.detail;
  }
  get detail(): unknown { return this.#detail; }
}

interface ErrorInit { message?: unknown; filename?: unknown; lineno?: unknown; colno?: unknown; error?: unknown }

export class ErrorEvent extends Event {
  #message: string;
  #filename: string;
  #line: number;
  #column: number;
  #error: unknown;
  constructor(type: string, init?: ErrorInit) {
    checkEvent("ErrorEvent", arguments.length, init, "ErrorEventInit");
    super(type, init as {});
    const { message = "", filename = "", lineno = 0, colno = 0, error } = init ?? {};
    this.#message = textOf(message);
    this.#filename = textOf(filename);
    this.#line = toInteger(lineno);
    this.#column = toInteger(colno);
    this.#error = error;
  }
  get message(): string { return this.#message; }
  get filename(): string { return this.#filename; }
  get lineno(): number { return this.#line; }
  get colno(): number { return this.#column; }
  get error(): unknown { return this.#error; }
}

const kBadHandler = "Incorrect type for the 'handleEvent' field on 'HandlerObject': the provided value is not of type 'function'.";
type Listener = ((event: Event) => void) | { handleEvent(event: Event): void };
interface Entry { listener: Listener; once: boolean; removed: boolean }

const kBadSignal = "Incorrect type for the 'signal' field on 'AddEventListenerOptions': the provided value is not of type 'AbortSignal'.";

// There is no tree of targets, and so no capturing.
function requireBubbling(method: string, options: unknown): void {
  if (isObject(options) ? (options as any).capture : options) {
    throw new TypeError(`${method}(): ${isObject(options) ? "options.capture" : "useCapture"} must be false.`);
  }
}

export class EventTarget {
  declare [kListeners]: Map<string, Entry[]> | undefined;
  constructor() {
    this[kListeners] = undefined;
  }

  addEventListener(type: string, listener: Listener | null | undefined, options?: any): void {
    if (arguments.length === 0) throw wrongArgument("addEventListener", "EventTarget", 1, "string");
    const name = textOf(type);
    if (listener === null || (listener === undefined && arguments.length > 1)) return;
    if (!isObject(listener) && !compatibility.refusesWrong && arguments.length > 1) return;
    if (!isObject(listener)) throw wrongArgument("addEventListener", "EventTarget", 2, "function or HandlerObject");
    if (typeof listener !== "function" && typeof listener.handleEvent !== "function") throw new TypeError(kBadHandler);
    requireBubbling("addEventListener", options);
    const { once, signal } = isObject(options) ? (options as any) : ({} as any);
    if (signal !== undefined && !(signal instanceof AbortSignal)) throw new TypeError(kBadSignal);
    if (signal?.aborted) return;
    const all = (this[kListeners] ??= new Map());
    const entries: Entry[] = all.get(name) ?? [];
    if (entries.some((entry) => entry.listener === listener)) return;
    all.set(name, [...entries, { listener, once: Boolean(once), removed: false }]);
    signal?.addEventListener("abort", () => this.removeEventListener(name, listener), { once: true });
  }

  removeEventListener(type: string, listener: Listener | null | undefined, options?: any): void {
    if (arguments.length === 0) throw wrongArgument("removeEventListener", "EventTarget", 1, "string");
    const name = textOf(type);
    // Null and undefined are not mistaken for a listener, if they were said.
    const isNone = (listener === undefined || listener === null) && arguments.length > 1;
    const isOther = !isNone && !isObject(listener) && (compatibility.refusesWrong || arguments.length === 1);
    if (isOther) throw wrongArgument("removeEventListener", "EventTarget", 2, "Object");
    requireBubbling("removeEventListener", options);
    const entries = this[kListeners]?.get(name);
    const entry = entries?.find((each) => each.listener === listener);
    if (!entry) return;
    entry.removed = true;
    this[kListeners]!.set(name, entries!.filter((each) => each !== entry));
  }

  dispatchEvent(event: Event): boolean {
    if (!(event instanceof Event)) throw wrongArgument("dispatchEvent", "EventTarget", 1, "Event");
    if (event[kActive]) throw new DOMException("The event is already being dispatched.", "InvalidStateError");
    event[kTarget] = this;
    event[kStop] = false;
    event[kActive] = true;
    try {
      const handler = (this as any)[`on${event.type}`];
      if (typeof handler === "function" && !(kOwnHandlers in this)) callListener(this, handler, event);
      for (const entry of this[kListeners]?.get(event.type) ?? []) {
        if (event[kStop]) break;
        if (entry.removed) continue;
        if (entry.once) this.removeEventListener(event.type, entry.listener);
        callListener(this, entry.listener, event);
      }
    } finally {
      event[kActive] = false;
    }
    return !event[kRefused];
  }
}

// What a listener throws leaves dispatchEvent, unless the script's date or flags have it reported.
function callListener(target: EventTarget, listener: Listener, event: Event): void {
  try {
    if (typeof listener === "function") listener.call(compatibility.targetIsThis ? target : undefined as any, event);
    else listener.handleEvent(event);
  } catch (error) {
    if (!compatibility.reportsListeners) throw error;
    reportUncaught(error);
  }
}

const kState = Symbol("state");
interface SignalState { aborted: boolean; reason: unknown; onabort: unknown; followers: AbortSignal[] }

export class AbortSignal extends EventTarget {
  declare [kState]: SignalState;
  constructor(token?: unknown) {
    illegalConstructor(token);
    super();
    this[kState] = { aborted: false, reason: undefined, onabort: null, followers: [] };
  }
  get aborted(): boolean { return this[kState].aborted; }
  get reason(): unknown { return this[kState].reason; }
  get onabort(): unknown { return this[kState].onabort; }
  set onabort(value: unknown) { this[kState].onabort = isObject(value) ? value : null; }
  throwIfAborted(): void { if (this[kState].aborted) throw this[kState].reason; }

  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal(kInternal);
    abortSignal(signal, reason);
    return signal;
  }
  static timeout(ms: number): AbortSignal {
    if (arguments.length === 0) throw wrongArgument("timeout", "AbortSignal", 1, "number");
    const delay = Math.max(0, +ms || 0);
    const signal = new AbortSignal(kInternal);
    const timedOut = () => new DOMException("The operation was aborted due to timeout", "TimeoutError");
    const fire = () => abortSignal(signal, timedOut());
    native.setTimer(fire, delay, false);
    return signal;
  }
  static any(signals: AbortSignal[]): AbortSignal {
    if (!Array.isArray(signals)) throw wrongArgument("any", "AbortSignal", 1, "Array");
    const all = new AbortSignal(kInternal);
    const sources = [...signals];
    for (const [at, source] of sources.entries()) {
      if (source instanceof AbortSignal) continue;
      throw new TypeError(`Incorrect type for array element ${at}: the provided value is not of type 'AbortSignal'.`);
    }
    const first = sources.find((source) => source.aborted);
    if (first) abortSignal(all, first.reason);
    else for (const source of sources) source[kState].followers.push(all);
    return all;
  }
}

// Aborts once; later calls change nothing.
export function abortSignal(signal: AbortSignal, reason?: unknown): void {
  const state = signal[kState];
  if (state.aborted) return;
  state.aborted = true;
  state.reason = reason === undefined ? new DOMException("The operation was aborted", "AbortError") : reason;
  signal.dispatchEvent(trusted(new Event("abort")));
  for (const follower of state.followers) abortSignal(follower, state.reason);
  state.followers = [];
}

export class AbortController {
  #signal = new AbortSignal(kInternal);
  get signal(): AbortSignal { return this.#signal; }
  abort(reason?: unknown): void { abortSignal(this.#signal, reason); }
}

platform({ Event, CustomEvent, ErrorEvent, EventTarget, AbortSignal, AbortController });

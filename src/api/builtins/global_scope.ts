// The global scope as an event target, the events that happen there, and those of Workers that listen in place of exporting
// handlers. Of the latter some exist in name alone.
import { flagValues, isOn } from "./compatibility";
import { Body } from "./body";
import { DOMException } from "./errors";
import { ErrorEvent, Event, EventTarget, trusted } from "./events";
import type { Request } from "./request";
import { Response } from "./response";
import {
  illegalConstructor, isObject, kIllegalInvocation, kInternal, missingProperties, native, platform, wrongArgument,
} from "./seam";
import { kStreamClasses } from "./streams";
import { setHearer } from "./uncaught";

class WorkerGlobalScope extends EventTarget {
  constructor(token?: unknown) {
    illegalConstructor(token);
    super();
  }
}
class ServiceWorkerGlobalScope extends WorkerGlobalScope {}

class ExtendableEvent extends Event {
  constructor(token?: unknown, type = "") {
    illegalConstructor(token);
    super(type);
  }
  waitUntil(promise: unknown): void { native.waitUntil(Promise.resolve(promise)); }
}
const kTwice = "FetchEvent.respondWith() has already been called; it can only be called once.";
const kTooLate = "Too late to call FetchEvent.respondWith(). It must be called synchronously in the event handler.";

let answerOf: (event: FetchEvent) => unknown; // And no more answers from then on.
class FetchEvent extends ExtendableEvent {
  #answer: Promise<unknown> | Response | undefined = undefined;
  #over = false;
  constructor(token?: unknown, request?: Request) {
    super(token, "fetch");
    Object.defineProperty(this, "request", { value: request, enumerable: true, configurable: true });
  }
  static {
    answerOf = (event) => {
      event.#over = true;
      return event.#answer;
    };
  }
  respondWith(answer: unknown): void {
    if (!(answer instanceof Response) && typeof (answer as any)?.then !== "function") {
      throw wrongArgument("respondWith", "FetchEvent", 1, "Promise");
    }
    if (this.#over) throw new DOMException(kTooLate, "InvalidStateError");
    if (this.#answer !== undefined) throw new DOMException(kTwice, "InvalidStateError");
    this.#answer = answer as Promise<unknown> | Response;
  }
  passThroughOnException(): void {} // Nothing stands behind a script here that could answer instead.
}
let retriesRefused: (event: ScheduledEvent) => boolean;
class ScheduledEvent extends ExtendableEvent {
  #noRetry = false;
  static {
    retriesRefused = (event) => event.#noRetry;
  }
  constructor(token?: unknown, cron?: string, scheduledTime?: number) {
    super(token, "scheduled");
    Object.defineProperty(this, "cron", { value: cron, enumerable: true, configurable: true });
    Object.defineProperty(this, "scheduledTime", { value: scheduledTime, enumerable: true, configurable: true });
  }
  noRetry(): void {
    if (!isObject(this) || !(#noRetry in this)) throw new TypeError(kIllegalInvocation);
    this.#noRetry = true;
  }
}
class TailEvent extends ExtendableEvent {
  constructor(token?: unknown, events?: object[]) {
    super(token, "tail");
    for (const name of ["events", "traces"]) Object.defineProperty(this, name, { value: events, enumerable: true, configurable: true });
  }
}

class PromiseRejectionEvent extends Event {
  declare readonly reason: unknown;
  declare readonly promise: Promise<unknown>;
  constructor(token?: unknown, type?: string, promise?: Promise<unknown>, reason?: unknown) {
    illegalConstructor(token);
    super(type!);
    Object.defineProperty(this, "reason", { value: reason, enumerable: true, configurable: true });
    Object.defineProperty(this, "promise", { value: promise, enumerable: true, configurable: true });
  }
}

class Cloudflare {
  #flags: Record<string, boolean> | undefined = undefined;
  constructor(token?: unknown) {
    illegalConstructor(token);
  }
  get compatibilityFlags(): Record<string, boolean> { return (this.#flags ??= flagValues()); }
}
platform({
  WorkerGlobalScope, ServiceWorkerGlobalScope, ExtendableEvent, FetchEvent, ScheduledEvent, TailEvent, PromiseRejectionEvent,
  Cloudflare,
});

const { addEventListener: add, removeEventListener: remove, dispatchEvent: dispatch } = EventTarget.prototype;
const scope = globalThis as unknown as EventTarget;
const heard = new Set<string>(); // Types that something listens to, or did.
const kNeverHeard = new Set(["queue", "email", "trace", "tailStream", "connect"]); // Events of Workers elsewhere.

function addEventListener(...given: Parameters<typeof add>): void {
  add.apply(scope, given);
  const type = String(given[0]);
  if (kNeverHeard.has(type) && !heard.has(type)) {
    native.log("warn", `This script listens to "${type}" events. limpet has none: the listener is never called.`);
  }
  heard.add(type);
  if (type === "rejectionhandled") native.hearHandled();
}
function removeEventListener(...given: Parameters<typeof remove>): void { remove.apply(scope, given); }
function dispatchEvent(event: Event): boolean { return dispatch.call(scope, event); }

// `onerror` and the like are plain properties: nothing tells when one is set.
export const isHeard = (type: string) => heard.has(type) || typeof (globalThis as any)[`on${type}`] === "function";

// Tells the script's listeners of an exception that nothing catches. False: one of them prevented the report of it.
function hearError(error: unknown): boolean {
  if (!isHeard("error")) return true;
  const [message, filename, lineno, colno] = native.placeOf(error);
  return dispatchEvent(trusted(new ErrorEvent("error", { message, filename, lineno, colno, error })));
}

// The types of events that something has listened to.
export const heardTypes = (): Iterable<string> => heard;
const kNoAnswer = "No listener of \"fetch\" called respondWith().";

// Tells the listeners of a request: what one of them responds with. Throws what one throws.
export function hearFetch(request: Request): unknown {
  const event = trusted(new FetchEvent(kInternal, request));
  try {
    dispatchEvent(event);
  } finally {
    answerOf(event);
  }
  const answer = answerOf(event);
  if (answer === undefined) throw new Error(kNoAnswer);
  return answer;
}

// A scheduled event for those who listen; undefined: nobody does. `tell` throws what a listener throws; `refused`: one of
// them called noRetry().
export function scheduledEvent(cron: string, scheduledTime: number): { tell(): void; refused(): boolean } | undefined {
  if (!heard.has("scheduled")) return undefined;
  const event = trusted(new ScheduledEvent(kInternal, cron, scheduledTime));
  return { tell: () => dispatchEvent(event), refused: () => retriesRefused(event) };
}

export function hearTail(events: object[]): void {
  dispatchEvent(trusted(new TailEvent(kInternal, events)));
}

// Hooks.rejected: of a promise that was rejected and that nobody has handled by the end of its turn, or later.
export function rejected(promise: Promise<unknown> | undefined, reason: unknown, handled: boolean): boolean {
  if (promise === undefined) return hearError(reason); // Thrown by a microtask's own function.
  const type = handled ? "rejectionhandled" : "unhandledrejection";
  if (!isHeard(type)) return true;
  return dispatchEvent(trusted(new PromiseRejectionEvent(kInternal, type, promise, reason)));
}

missingProperties(kStreamClasses.ReadableStreamBYOBRequest.prototype, "ReadableStreamBYOBRequest", ["atLeast"]);

export const kScopeGlobals = {
  WorkerGlobalScope, ServiceWorkerGlobalScope, ExtendableEvent, FetchEvent, ScheduledEvent, TailEvent, PromiseRejectionEvent, Body,
  addEventListener, removeEventListener, dispatchEvent, Cloudflare: new Cloudflare(kInternal),
};

export function makeScope(): void {
  setHearer(hearError);
  Object.setPrototypeOf(globalThis, ServiceWorkerGlobalScope.prototype);
  Object.defineProperty(globalThis, "origin", { value: "null", enumerable: true, configurable: true });
  Object.defineProperty(globalThis, Symbol.toStringTag, { value: "ServiceWorkerGlobalScope", configurable: true });
}

// Takes away what a script of this date and these flags does not have.
export function trimScope(): void {
  const names: [flag: string, name: string][] = [
    ["global_navigator", "navigator"], ["global_navigator", "Navigator"], ["temporal", "Temporal"],
    ["enable_weak_ref", "WeakRef"], ["enable_weak_ref", "FinalizationRegistry"],
    ["expose_global_message_channel", "MessageChannel"], ["expose_global_message_channel", "MessagePort"],
  ];
  for (const [flag, name] of names) if (!isOn(flag)) delete (globalThis as any)[name];
}

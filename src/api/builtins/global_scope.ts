// The global scope as an event target, the events that happen there, and the classes of events of service workers, which
// exist in name alone: modules get theirs through handlers.
import { flagValues, isOn } from "./compatibility";
import { Body } from "./body";
import { ErrorEvent, Event, EventTarget, trusted } from "./events";
import { illegalConstructor, kInternal, missing, missingProperties, native, platform } from "./seam";
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
  constructor(token?: unknown) {
    illegalConstructor(token);
    super("");
  }
  waitUntil(promise: unknown): void { native.waitUntil(Promise.resolve(promise)); }
}
class FetchEvent extends ExtendableEvent {
  respondWith(): void { throw missing("respondWith", "FetchEvent"); }
  passThroughOnException(): void { throw missing("passThroughOnException", "FetchEvent"); }
}
class ScheduledEvent extends ExtendableEvent {
  noRetry(): void { throw missing("noRetry", "ScheduledEvent"); }
}
class TailEvent extends ExtendableEvent {}

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

function addEventListener(type: string, listener: any, options?: any): void {
  add.call(scope, type, listener, options);
  heard.add(String(type));
  if (String(type) === "rejectionhandled") native.hearHandled();
}
function removeEventListener(type: string, listener: any, options?: any): void { remove.call(scope, type, listener, options); }
function dispatchEvent(event: Event): boolean { return dispatch.call(scope, event); }

// `onerror` and the like are plain properties: nothing tells when one is set.
const isHeard = (type: string) => heard.has(type) || typeof (globalThis as any)[`on${type}`] === "function";

// Tells the script's listeners of an exception that nothing catches. False: one of them prevented the report of it.
function hearError(error: unknown): boolean {
  if (!isHeard("error")) return true;
  const [message, filename, lineno, colno] = native.placeOf(error);
  return dispatchEvent(trusted(new ErrorEvent("error", { message, filename, lineno, colno, error })));
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

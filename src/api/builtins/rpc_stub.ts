// What scripts hold of something elsewhere: RpcStub, and what a stub's members and calls give. All three are callable
// and answer to any name, so each is a proxy over one function.
import { addHookOf, type Hook, hookOf, type Path, type Result } from "./rpc_target";
import { illegalInvocation, isObject, kInternal, platform } from "./seam";

const kState: unique symbol = Symbol("rpc");

// Whatever calls a property asks for, or has asked for, its value.
function stateOf(value: unknown): State {
  const state = isObject(value) ? (value as any)[kState] as State | undefined : undefined;
  if (state === undefined) throw illegalInvocation();
  return state;
}

const kNoPath: Path = [];
const kDisposed = "RPC stub used after being disposed.";
function usable(state: State): State {
  if (state.disposed) throw new Error(kDisposed);
  return state;
}


// A property of a stub, or of what a call will give. Nothing is asked for before someone awaits it.
export class RpcProperty {
  declare [kState]: State;
  then(done?: (value: unknown) => unknown, failed?: (error: unknown) => unknown): Promise<unknown> {
    return valueOf(stateOf(this)).then(done, failed);
  }
  catch(failed?: (error: unknown) => unknown): Promise<unknown> {
    return valueOf(stateOf(this)).catch(failed);
  }
  finally(settled?: () => void): Promise<unknown> {
    return valueOf(stateOf(this)).finally(settled);
  }
}
function valueOf(state: State): Promise<unknown> {
  if (state.disposed) return Promise.reject(new Error(kDisposed));
  return state.hook.call(state.path, undefined).value();
}

function resultOf(value: unknown): Result {
  const { result } = stateOf(value);
  if (result === undefined) throw illegalInvocation();
  return result;
}

// What a call will give.
export class RpcPromise {
  declare [kState]: State;
  then(done?: (value: unknown) => unknown, failed?: (error: unknown) => unknown): Promise<unknown> {
    return resultOf(this).value().then(done, failed);
  }
  catch(failed?: (error: unknown) => unknown): Promise<unknown> {
    return resultOf(this).value().catch(failed);
  }
  finally(settled?: () => void): Promise<unknown> {
    return resultOf(this).value().finally(settled);
  }
  [Symbol.dispose](): void {
    resultOf(this).dispose();
  }
}

// A reference. `new RpcStub(target)` makes one to something of this side.
let localHook: (target: unknown) => Hook;
export function setLocalHook(make: (target: unknown) => Hook): void {
  localHook = make;
}
export class RpcStub {
  declare [kState]: State;
  constructor(target: unknown, hook?: Hook) {
    const state = new State(RpcStub.prototype, target === kInternal ? hook! : localHook(target), kNoPath, undefined);
    return proxyOf(state) as RpcStub;
  }
  dup(): RpcStub {
    return new RpcStub(kInternal, usable(stateOf(this)).hook.dup());
  }
  onRpcBroken(told: (error: unknown) => void): void {
    usable(stateOf(this)).hook.onBroken(told);
  }
  [Symbol.dispose](): void {
    const state = stateOf(this);
    if (state.disposed) return;
    state.disposed = true;
    state.hook.dispose();
  }
}

const kNames = new Map<object, string>([[RpcProperty, "JsRpcProperty"], [RpcPromise, "JsRpcPromise"], [RpcStub, "JsRpcStub"]]);
platform({ RpcProperty, RpcPromise, RpcStub }, true);
for (const [each, tag] of kNames) {
  Object.defineProperty((each as any).prototype, Symbol.toStringTag, { value: tag, configurable: true });
}

// The function under every proxy: it never runs, but makes `typeof` say "function".
const callable = () => {};
delete (callable as any).name;
delete (callable as any).length;

// An index is no name: nothing answers to it.
const isIndex = (key: string) => key.charCodeAt(0) <= 57 && /^(0|[1-9]\d{0,9})$/.test(key);

// What a proxy stands for, and its handler.
class State implements ProxyHandler<() => void> {
  disposed = false;
  constructor(readonly prototype: object, readonly hook: Hook, readonly path: Path, readonly result: Result | undefined) {}
  get(_target: unknown, key: string | symbol): unknown {
    if (key === kState) return this;
    if (typeof key === "symbol" || key in this.prototype) return Reflect.get(this.prototype, key);
    if (key === "then" || isIndex(key)) return undefined; // "then" of RpcStub: awaiting one gives the stub itself.
    return propertyOf(this, key);
  }
  apply(_target: unknown, _self: unknown, args: unknown[]): unknown {
    return invoke(this, args);
  }
  has(_target: unknown, key: string | symbol): boolean {
    return key in this.prototype || (typeof key === "string" && key !== "then");
  }
  getPrototypeOf(): object { return this.prototype; }
  setPrototypeOf(): boolean { return false; }
  ownKeys(): string[] { return []; }
  getOwnPropertyDescriptor(): undefined { return undefined; }
  defineProperty(): boolean { return false; }
  deleteProperty(): boolean { return false; }
  set(): boolean { return false; }
  preventExtensions(): boolean { return false; }
}

const proxyOf = (state: State): object => new Proxy(callable, state);

function propertyOf({ hook, path, result, disposed }: State, key: string): object {
  // A call's own result is the hook of what follows it.
  const base = path.length === 0 && result !== undefined ? result : hook;
  const state = new State(RpcProperty.prototype, base, [...path, key], undefined);
  state.disposed = disposed;
  return proxyOf(state);
}

function invoke(state: State, args: unknown[]): object {
  const { hook, path, result } = usable(state);
  return promiseOf((path.length === 0 && result !== undefined ? result : hook).call(path, args));
}

function promiseOf(result: Result): object {
  return proxyOf(new State(RpcPromise.prototype, result, kNoPath, result));
}

// -- for the rest of the built-ins

// A member of a stub that is an ordinary object: `stub.name`.
export function memberOf(hook: Hook, key: string): object {
  return proxyOf(new State(RpcProperty.prototype, hook, [key], undefined));
}

// What an RpcStub stands for; other kinds of stubs register their own.
export function stubHook(value: unknown): Hook | undefined {
  return value instanceof RpcStub ? usable(stateOf(value)).hook : undefined;
}
addHookOf(stubHook);

export const isStubLike = (value: unknown) =>
  typeof value === "function" && (value instanceof RpcStub || value instanceof RpcPromise || value instanceof RpcProperty);

// Names that get a property of their own once they were asked for.
const kKnownNamesMax = 256;

// Gives a class of stubs every name that it has not got itself. `find` gives the hook of an instance.
export function answerToAnyName(prototype: object, find: (stub: any) => Hook): void {
  const own = Object.getPrototypeOf(prototype);
  const known: object = Object.create(new Proxy(own, {
    get(target, key, receiver) {
      if (typeof key === "symbol" || key in target) return Reflect.get(target, key, receiver);
      if (key === "then" || isIndex(key)) return undefined;
      learn(key);
      return memberOf(find(receiver), key);
    },
    has(target, key) {
      return key in target || (typeof key === "string" && key !== "then");
    },
  }));
  // V8 remembers where a property is, and calls its getter at once; a proxy it asks each time.
  let names = 0;
  const learn = (key: string) => {
    if (names === kKnownNamesMax) return;
    names++;
    Object.defineProperty(known, key, {
      get(this: unknown) { return memberOf(find(this), key); },
      set(this: object, value: unknown) {
        Object.defineProperty(this, key, { value, writable: true, enumerable: true, configurable: true });
      },
      configurable: true,
    });
  };
  Object.setPrototypeOf(prototype, known);
}

export { hookOf };

// AsyncLocalStorage and AsyncResource: the module node:async_hooks as workerd has it. A *frame* is what each storage holds at
// a moment: a Map that nobody changes, or undefined while none holds anything. V8 keeps the current frame and carries it
// through promises (native.asyncFrame); timers and critical sections carry it here and in C++.
import { native, platform, textOf, wrongArgument, wrongConstructorArgument } from "./seam";

type Frame = ReadonlyMap<AsyncLocalStorage, unknown> | undefined;

function runIn<T>(frame: Frame, callback: (...args: any[]) => T, self: unknown, args: unknown[]): T {
  const before = native.asyncFrame() as Frame;
  native.setAsyncFrame(frame);
  try {
    return Reflect.apply(callback, self, args);
  } finally {
    native.setAsyncFrame(before);
  }
}

// `callback`, to be called in the frame of now; itself if that is none.
export function inFrameOfNow<T extends (...args: any[]) => any>(callback: T): T {
  const frame = native.asyncFrame() as Frame;
  if (frame === undefined) return callback;
  return ((...args: unknown[]) => runIn(frame, callback, undefined, args)) as T;
}

// What keeps a frame keeps what belongs to its event: nothing else may call it. What a module made when it was evaluated
// belongs to none.
class Kept {
  readonly #context = native.currentContext();
  readonly #frame = native.asyncFrame() as Frame;
  run<T>(callback: (...args: any[]) => T, self: unknown, args: unknown[]): T {
    if (this.#context !== 0 && this.#context !== native.currentContext()) {
      throw new Error("Cannot call this AsyncLocalStorage bound function outside of the request in which it was created.");
    }
    return runIn(this.#frame, callback, self, args);
  }
}

function bound(kept: Kept, callback: Function, self: unknown): (...args: unknown[]) => unknown {
  return (...args) => kept.run(callback as any, self, args);
}

export class AsyncLocalStorage {
  #name: string;
  #initial: unknown;
  constructor(options?: { name?: unknown; defaultValue?: unknown }) {
    this.#name = options?.name === undefined ? "" : textOf(options.name);
    this.#initial = options?.defaultValue;
  }
  get name(): string { return this.#name; }
  getStore(): unknown {
    const frame = native.asyncFrame() as Frame;
    return frame?.has(this) ? frame.get(this) : this.#initial;
  }
  run(store: unknown, callback: (...args: any[]) => unknown, ...args: unknown[]): unknown {
    if (typeof callback !== "function") throw wrongArgument("run", "AsyncLocalStorage", 2, "function");
    const frame = new Map(native.asyncFrame() as Frame);
    return runIn(frame.set(this, store), callback, undefined, args);
  }
  exit(callback: (...args: any[]) => unknown, ...args: unknown[]): unknown {
    if (typeof callback !== "function") throw wrongArgument("exit", "AsyncLocalStorage", 1, "function");
    const frame = new Map(native.asyncFrame() as Frame);
    return runIn(frame.set(this, undefined), callback, undefined, args);
  }
  enterWith(): never { throw new Error("asyncLocalStorage.enterWith() is not implemented"); }
  disable(): never { throw new Error("asyncLocalStorage.disable() is not implemented"); }
  static bind(callback: unknown): Function {
    if (typeof callback !== "function") throw wrongArgument("bind", "AsyncLocalStorage", 1, "Function");
    return bound(new Kept(), callback, globalThis);
  }
  static snapshot(): Function {
    const kept = new Kept();
    return (callback: (...args: any[]) => unknown, ...args: unknown[]) => kept.run(callback, globalThis, args);
  }
}

export class AsyncResource {
  #kept = new Kept();
  constructor(type: unknown) {
    if (type === undefined) throw wrongConstructorArgument("AsyncResource", 1, "string");
  }
  asyncId(): number { return 0; }
  triggerAsyncId(): number { return 0; }
  emitDestroy(): void {}
  bind(callback: unknown, self?: unknown): Function {
    if (typeof callback !== "function") throw wrongArgument("bind", "AsyncResource", 1, "Function");
    return Object.assign(bound(this.#kept, callback, self ?? globalThis), { asyncResource: this });
  }
  runInAsyncScope(callback: (...args: any[]) => unknown, self?: unknown, ...args: unknown[]): unknown {
    if (typeof callback !== "function") throw wrongArgument("runInAsyncScope", "AsyncResource", 1, "function");
    return this.#kept.run(callback, self ?? globalThis, args);
  }
  static bind(callback: unknown, type?: unknown, self?: unknown): Function {
    if (typeof callback !== "function") throw wrongArgument("bind", "AsyncResource", 1, "Function");
    return new AsyncResource(type ?? "AsyncResource").bind(callback, self);
  }
}
platform({ AsyncLocalStorage, AsyncResource });

// Hooks never fire: the module is there for programs that look at them in passing.
export function asyncHooks(): object {
  const exports = {
    AsyncLocalStorage, AsyncResource, asyncWrapProviders: Object.freeze({}),
    createHook() { const hook = { enable: () => hook, disable: () => hook }; return hook; },
    executionAsyncId: () => 0, executionAsyncResource: () => ({}), triggerAsyncId: () => 0,
  };
  return { ...exports, default: exports };
}

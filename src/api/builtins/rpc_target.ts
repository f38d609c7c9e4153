// What a caller may reach on a value of this side over RPC: https://developers.cloudflare.com/workers/runtime-apis/rpc/
import { isObject } from "./seam";

// A class whose instances go by reference.
export class RpcTarget {}

export type Path = readonly string[];

// Whatever stands for something elsewhere: a stub's inside.
export interface Hook {
  // Sends a call, or without `args` asks for a property.
  call(path: Path, args: unknown[] | undefined): Result;
  dup(): Hook;
  dispose(): void;
  onBroken(told: (error: unknown) => void): void;
}
// What a call will give: to be awaited, or to be called before it is there.
export interface Result extends Hook {
  value(): Promise<unknown>;
}

// The hook of a stub of any kind; set by rpc_stub.ts and objects.ts, which come later.
const kHookOf: ((value: unknown) => Hook | undefined)[] = [];
export function addHookOf(find: (value: unknown) => Hook | undefined): void {
  kHookOf.push(find);
}
export function hookOf(value: unknown): Hook | undefined {
  for (const find of kHookOf) {
    const hook = find(value);
    if (hook !== undefined) return hook;
  }
  return undefined;
}

// The name that connect() of a stub calls; `connected` is what that comes to, and is set by object_sockets.ts.
export const kConnect = "\0connect";
type Connected = (holder: unknown, rest: unknown[], args: unknown[]) => Promise<unknown>;
let connected: Connected;
export function setConnected(run: Connected): void {
  connected = run;
}

export class Target {
  disposed = false;
  refusal: Error | undefined; // Why nothing of it can be called but connect().
  // `entrypoint`: a Durable Object or an entrypoint, with names of its own that can't be called. `rest`: what a handler of
  // a plain object gets behind its one argument.
  constructor(readonly value: unknown, readonly entrypoint = false, readonly rest: unknown[] | undefined = undefined) {}

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    const { value } = this;
    const hook = hookOf(value);
    if (hook !== undefined) return hook.dispose();
    if (!(value instanceof RpcTarget)) return;
    const dispose = (value as any)[Symbol.dispose];
    if (typeof dispose === "function") dispose.call(value);
  }
}

const kReserved = new Set(["dup", "constructor"]);
const kReservedOfEntrypoints = new Set(["fetch", "connect", "alarm", "webSocketMessage", "webSocketClose", "webSocketError"]);

const kUseClass = "use class-based syntax (extending WorkerEntrypoint) instead.";
const takesMore = (name: string) => new TypeError(`Cannot call handler function "${name}" over RPC because it has the wrong number ` +
  "of arguments. A simple function handler can only be called over RPC if it has exactly the arguments (arg, env, ctx), where " +
  `only the first argument comes from the client. To support multi-argument RPC functions, ${kUseClass}`);
const givenOther = (name: string) => new TypeError(`Attempted to call RPC function "${name}" with the wrong number of arguments. ` +
  "When calling a top-level handler function that is not declared as part of a class, you must always send exactly one " +
  `argument. In order to support variable numbers of arguments, the server must ${kUseClass}`);

const unknown = (key: string) => new TypeError(`The RPC receiver does not implement the method "${key}".`);

// The member of `holder` that a caller sees under this name; throws if there is none.
function member(holder: unknown, key: string, target: Target | undefined): unknown {
  if (kReserved.has(key) || (target?.entrypoint && kReservedOfEntrypoints.has(key))) {
    throw new TypeError(`'${key}' is a reserved method and cannot be called over RPC.`);
  }
  if (!isObject(holder)) throw unknown(key);
  const proto = Object.getPrototypeOf(holder);
  const byClass = holder instanceof RpcTarget || (target?.entrypoint && target.rest === undefined);
  if (!byClass) {
    // Of plain values their own properties alone.
    const plain = proto === Object.prototype || proto === null || typeof holder === "function";
    if (!plain || !Object.hasOwn(holder, key)) throw unknown(key);
    return (holder as any)[key];
  }
  // Of an instance what its classes have: fields are its own business.
  if (Object.hasOwn(holder, key)) throw unknown(key);
  for (let at = proto; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    if (!Object.hasOwn(at, key)) continue;
    const value = (holder as any)[key];
    if (value === undefined) break; // An accessor without a getter looks so, too.
    return value;
  }
  throw unknown(key);
}

// A path may lead on through a value: not through a list or an instance of a class.
function isPassable(value: unknown): boolean {
  if (!isObject(value)) return false;
  if (typeof value === "function" || value instanceof RpcTarget) return true;
  const proto = Object.getPrototypeOf(value);
  return proto === Object.prototype || proto === null;
}

// Follows the path from `target` and calls what is there (`args`), or gives it. A stub on the way takes over from there.
export function reach(target: Target, path: Path, args: unknown[] | undefined): Promise<unknown> {
  try {
    return Promise.resolve(reachNow(target, path, args));
  } catch (error) {
    return Promise.reject(error);
  }
}

// The same as it is given, which is to be awaited.
export function reachNow(target: Target, path: Path, args: unknown[] | undefined): unknown {
  if (target.disposed) throw new Error("RPC stub used after being disposed.");
  if (target.entrypoint && path.length === 1 && path[0] === kConnect && args !== undefined) {
    return connected(target.value, target.rest ?? [], args);
  }
  if (target.refusal !== undefined) throw target.refusal;
  let holder: unknown = undefined;
  let value = target.value;
  for (let index = 0; index < path.length; index++) {
    const hook = index > 0 || !target.entrypoint ? hookOf(value) : undefined;
    if (hook !== undefined) return hook.call(path.slice(index), args).value();
    if (index > 0 && !isPassable(value)) throw unknown(path[index - 1]!);
    holder = value;
    value = member(value, path[index]!, index === 0 ? target : undefined);
  }
  const hook = path.length > 0 || !target.entrypoint ? hookOf(value) : undefined;
  if (args === undefined) {
    if (hook === undefined && typeof value === "function" && holder !== undefined) return bound(value, holder);
    return value;
  }
  if (hook !== undefined) return hook.call([], args).value();
  if (typeof value !== "function") throw new TypeError(`"${path.at(-1) ?? ""}" is not a function.`);
  if (target.rest !== undefined && path.length === 1) {
    if (value.length > 1 + target.rest.length) throw takesMore(path[0]!);
    if (args.length !== 1) throw givenOther(path[0]!);
    return (value as any).call(holder, args[0], ...target.rest);
  }
  return (value as any).apply(holder, args);
}

function bound(value: Function, holder: unknown): Function {
  return (...args: unknown[]) => value.apply(holder, args);
}


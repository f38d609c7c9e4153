// The natives, set once before anything a script could call, and names that several files share.
import { hideSources } from "./native_code";
import type { Native } from "./native.d";

export let native: Native;
export const prototypes: object[] = []; // Of the platform's classes.
export function setNative(value: Native): void {
  native = value;
  for (const prototype of prototypes) native.markHost(prototype);
}

// The first argument of a constructor that scripts may not call. Nothing outside this bundle can hold it.
export const kInternal: unique symbol = Symbol("internal");

export function illegalConstructor(token: unknown): void {
  if (token !== kInternal) throw new TypeError("Illegal constructor");
}

// The text for an argument of a wrong type, as workerd words it.
export function wrongArgument(method: string, holder: string, index: number, type: string): TypeError {
  return new TypeError(`Failed to execute '${method}' on '${holder}': parameter ${index} is not of type '${type}'.`);
}

export function wrongConstructorArgument(holder: string, index: number, type: string): TypeError {
  return new TypeError(`Failed to construct '${holder}': constructor parameter ${index} is not of type '${type}'.`);
}

// Of a member that is declared and not there: it fails by its name.
export function missing(method: string, holder: string): Error {
  return new Error(`Failed to execute '${method}' on '${holder}': the method is not implemented.`);
}

// Accessors that throw, on `prototype`, of properties that are declared and not there.
export function missingProperties(prototype: object, holder: string, names: string[]): void {
  for (const name of names) {
    Object.defineProperty(prototype, name, {
      get(): never { throw new Error(`Failed to get the '${name}' property on '${holder}': the property is not implemented.`); },
      enumerable: true, configurable: true,
    });
  }
}

export function illegalInvocation(): TypeError {
  return new TypeError(kIllegalInvocation);
}

// As every function of workerd's.
function withoutLength(value: unknown): void {
  if (typeof value === "function") Object.defineProperty(value, "length", { value: 0, configurable: true });
}

// Functions that look at their receiver themselves: receivers.ts leaves them alone.
export const checking = new Set<unknown>();

// Gives classes what WebIDL gives: their name (bundling may change it), a tag, enumerable members; and sees to it that
// C++ refuses to clone their instances. Called as platform({ Event, EventTarget }): build.mjs puts a look at the receiver
// into the classes' functions and names those in `checked`. True: all of them look already.
export function platform(classes: Record<string, Function>, checked: Record<string, string[]> | true = {}): void {
  for (const [name, constructor] of Object.entries(classes)) {
    const { prototype } = constructor;
    Object.defineProperty(constructor, "name", { value: name, configurable: true });
    withoutLength(constructor);
    Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
    prototypes.push(prototype);
    for (const key of checked === true ? Object.getOwnPropertyNames(prototype) : checked[name] ?? []) {
      const { value, get, set } = Object.getOwnPropertyDescriptor(prototype, key)!;
      checking.add(value).add(get).add(set);
    }
    if (Object.hasOwn(prototype, Symbol.iterator)) {
      Object.defineProperty(prototype, Symbol.iterator, { enumerable: false });
    }
    for (const key of Object.getOwnPropertyNames(prototype)) {
      if (key === "constructor") continue;
      Object.defineProperty(prototype, key, { enumerable: true });
      withoutLength(Object.getOwnPropertyDescriptor(prototype, key)!.value);
    }
    for (const key of Object.getOwnPropertyNames(constructor)) {
      if (Object.getOwnPropertyDescriptor(constructor, key)!.configurable && key !== "length" && key !== "name") {
        Object.defineProperty(constructor, key, { enumerable: true });
        if (key !== "prototype") withoutLength(Object.getOwnPropertyDescriptor(constructor, key)!.value);
      }
    }
    hideSources(constructor);
  }
}

// Makes `derived` a subclass of `base` after the fact. V8 gives up on the constructor of a class with `extends` that
// comes out of a snapshot: it compiles it over and over, in vain ("Bailed out due to dependency change"; seen with
// --trace-opt), and runs it unoptimised. So classes that every request makes have none, and no super().
export function inherit(derived: Function, base: Function): void {
  Object.setPrototypeOf(derived, base);
  Object.setPrototypeOf(derived.prototype, base.prototype);
}

// A WebIDL string: symbols throw.
export function textOf(value: unknown): string {
  return `${value as string}`;
}

export const kIllegalInvocation = "Illegal invocation: function called with incorrect `this` reference. See " +
  "https://developers.cloudflare.com/workers/observability/errors/#illegal-invocation-errors for details.";

const kOtherObject = "Cannot perform I/O on behalf of a different Durable Object. I/O objects (such as streams, " +
  "request/response bodies, and others) created in the context of one Durable Object cannot be accessed from a " +
  "different Durable Object in the same isolate. This is a limitation of Cloudflare Workers which allows us to " +
  "improve overall performance.";

const kOtherRequest = "Cannot perform I/O on behalf of a different request. I/O objects (such as streams, " +
  "request/response bodies, and others) created in the context of one request handler cannot be accessed from a " +
  "different request's handler. This is a limitation of Cloudflare Workers which allows us to improve overall " +
  "performance.";

export function currentObject(): number {
  return native.currentObject();
}

// Throws unless the running event is one of `owner`'s.
export function requireOwner(owner: number): void {
  const current = currentObject();
  if (current !== owner) throw new Error(current === 0 ? kOtherRequest : kOtherObject);
}

// https://webidl.spec.whatwg.org/#js-long, but that what is out of range throws, with the text `range`.
export function toInteger(value: unknown, range?: string): number {
  const number = Math.trunc(+(value as number)) || 0;
  if (!Number.isFinite(number)) return 0;
  if (number < -(2 ** 31) || number >= 2 ** 31) {
    throw new TypeError(range ?? "Value out of range. Must be between -2147483648 and 2147483647 (inclusive).");
  }
  return number;
}

export function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

// The bytes of a buffer or view, without copying; undefined if it is neither.
export function bytesOf(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return new Uint8Array(value as ArrayBuffer);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength);
  return undefined;
}

export function concatBytes(chunks: Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const chunk of chunks) length += chunk.byteLength;
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.byteLength;
  }
  return all;
}

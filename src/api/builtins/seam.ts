// The natives, set once before anything a script could call, and names that several files share.
import type { Native } from "./native.d";

export let native: Native;
export function setNative(value: Native): void {
  native = value;
}

// The first argument of a constructor that scripts may not call. Nothing outside this bundle can hold it.
export const kInternal: unique symbol = Symbol("internal");

// Marks the prototype of every platform class: its instances can't be cloned or stored. A registered symbol, so that C++
// finds it too.
export const kPlatform: unique symbol = Symbol.for("limpet.platform") as any;

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

// Gives classes what WebIDL gives: their name (bundling may change it), a tag, enumerable members, and the mark that keeps
// their instances from being cloned. Called as platform({ Event, EventTarget }).
export function platform(classes: Record<string, Function>): void {
  for (const [name, constructor] of Object.entries(classes)) {
    const { prototype } = constructor;
    Object.defineProperty(constructor, "name", { value: name, configurable: true });
    Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
    Object.defineProperty(prototype, kPlatform, { value: true });
    for (const key of Object.getOwnPropertyNames(prototype)) {
      if (key !== "constructor") Object.defineProperty(prototype, key, { enumerable: true });
    }
  }
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

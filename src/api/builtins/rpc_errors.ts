// Errors on their way over RPC and out of an object's fetch, and copies of errors. Name and message travel, the stack does not;
// own properties do from compatibility date 2026-04-21 (enhanced_error_serialization), and thrown objects that are no errors.
import { compatibility } from "./compatibility";
import { describeError, DOMException, kRemote, makeError, typedError } from "./errors";
import { native } from "./seam";

// With an empty name: `own.value` was thrown, an object.
export type Thrown = [name: string, message: string, flags: number, own: Record<string, unknown> | undefined];

function copyOf<T>(value: T): T | undefined {
  try {
    return native.deserialize(native.serialize(value)) as T;
  } catch {
    return undefined;
  }
}

export function describeThrown(error: unknown): Thrown {
  const [name, message, , flags] = describeError(error);
  if (!compatibility.enhancedErrors || typeof error !== "object" || error === null) return [name, message, flags, undefined];
  if (!(error instanceof Error)) {
    const value = copyOf(error);
    return value === undefined ? [name, message, flags, undefined] : ["", "", flags, { value }];
  }
  if (error instanceof DOMException) return [name, message, flags, undefined];
  const own: Record<string, unknown> = {};
  try {
    for (const key of Object.getOwnPropertyNames(error)) {
      if (key !== "name" && key !== "message" && key !== "stack") own[key] = (error as any)[key];
    }
    // All of them or none.
    return [String(error.name), String(error.message), flags, copyOf(own) ?? {}];
  } catch {
    return [name, message, flags, undefined];
  }
}

function titleOf(error: Error): string {
  return error.message === "" ? error.name : `${error.name}: ${error.message}`;
}

function define(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
}

export function errorOf([name, message, flags, own]: Thrown): unknown {
  if (own === undefined) return makeError(name, message, flags | kRemote);
  if (name === "") {
    define(own.value as object, "remote", true);
    return own.value;
  }
  const error = name === "AggregateError" ? new AggregateError([], message) : makeError(name, message, flags | kRemote);
  if (error.name !== name) define(error, "name", name);
  for (const [key, value] of Object.entries(own)) {
    if (key !== "remote") define(error, key, value);
    const inner = key === "cause" ? [value] : key === "errors" && Array.isArray(value) ? value : [];
    for (const each of inner) if (each instanceof Error) each.stack = titleOf(each);
  }
  define(error, "remote", true);
  error.stack = titleOf(error);
  return error;
}

// -- copies (clone.ts). The stack stays.

export type Copied = [name: string, message: string, stack: unknown, own: Record<string, unknown>];

export function packError(error: Error): Copied {
  const own: Record<string, unknown> = {};
  for (const key of Object.getOwnPropertyNames(error)) {
    if (key !== "name" && key !== "message" && key !== "stack") own[key] = (error as any)[key];
  }
  return [String(error.name), String(error.message), String(error.stack), own];
}

export function unpackError([name, message, stack, own]: Copied): Error {
  const error = typedError(name, message);
  if (error.name !== name) define(error, "name", name);
  for (const [key, value] of Object.entries(own)) define(error, key, value);
  Object.defineProperty(error, "stack", { value: stack, writable: true, configurable: true });
  return error;
}

// Errors on their way over RPC. Name and message travel, the stack does not; own properties do from compatibility date
// 2026-04-21 (enhanced_error_serialization).
import { compatibility } from "./compatibility";
import { describeError, kRemote, makeError } from "./errors";
import { native } from "./seam";

export type Thrown = [name: string, message: string, flags: number, own: Record<string, unknown> | undefined];

export function describeThrown(error: unknown): Thrown {
  const [name, message, , flags] = describeError(error);
  if (!compatibility.enhancedErrors || !(error instanceof Error)) return [name, message, flags, undefined];
  const own: Record<string, unknown> = {};
  for (const key of Object.keys(error)) {
    try {
      own[key] = native.deserialize(native.serialize((error as any)[key]));
    } catch {
      // What can't be sent stays behind.
    }
  }
  return [String(error.name), String(error.message), flags, own];
}

export function errorOf([name, message, flags, own]: Thrown): Error {
  const error = makeError(name, message, flags | kRemote);
  if (own === undefined) return error;
  if (error.name !== name) Object.defineProperty(error, "name", { value: name, writable: true, enumerable: false, configurable: true });
  for (const [key, value] of Object.entries(own)) {
    if (key !== "name" && key !== "message" && key !== "stack") (error as any)[key] = value;
  }
  return error;
}

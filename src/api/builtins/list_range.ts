// What storage.list() and storage.kv.list() are asked for.
import { textOf } from "./seam";

export interface ListOptions {
  start?: unknown; startAfter?: unknown; end?: unknown; prefix?: unknown; reverse?: unknown; limit?: unknown;
}

// As native.storageList takes it.
export interface ListRange {
  start: string; after: boolean; end: string | undefined; prefix: string; reverse: boolean; limit: number | undefined;
}

const optionalText = (value: unknown) => (value === undefined ? undefined : textOf(value)); // null is a text, too.

const kIntMax = 2 ** 31 - 1;

// Throws TypeErrors as workerd words them.
export function rangeOf(options: ListOptions): ListRange {
  // Read in this order, each once.
  const [start, startAfter] = [optionalText(options.start), optionalText(options.startAfter)];
  const [end, prefix] = [optionalText(options.end), optionalText(options.prefix)];
  const reverse = Boolean(options.reverse);
  const limit = limitOf(options.limit);
  if (start !== undefined && startAfter !== undefined) {
    throw new TypeError("list() cannot be called with both start and startAfter values.");
  }
  return { start: startAfter ?? start ?? "", after: startAfter !== undefined, end, prefix: prefix ?? "", reverse, limit };
}

function limitOf(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const number = +(value as number); // Refuses a BigInt.
  const limit = Number.isFinite(number) ? Math.trunc(number) : 0;
  if (limit > kIntMax || limit < -kIntMax - 1) {
    throw new TypeError("Value out of range. Must be between -2147483648 and 2147483647 (inclusive).");
  }
  if (!(limit > 0)) throw new TypeError("List limit must be positive.");
  return limit;
}

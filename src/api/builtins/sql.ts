// state.storage.sql and state.storage.kv: https://developers.cloudflare.com/durable-objects/api/sqlite-storage-api/
import { type ListOptions, rangeOf } from "./list_range";
import type { Box } from "./native.d";
import {
  bytesOf, illegalConstructor, isObject, kInternal, native, platform, requireOwner, textOf, wrongArgument,
} from "./seam";

type Value = null | number | string | ArrayBuffer;
type Row = Record<string, Value>;

const kSqlStorage = "SqlStorage";

export class SqlStorage {
  #owner: number;
  constructor(token?: unknown, owner?: number) {
    illegalConstructor(token);
    this.#owner = owner!;
  }
  exec(query: unknown, ...bindings: unknown[]): Cursor {
    if (query === undefined) throw wrongArgument("exec", kSqlStorage, 1, "String");
    const [columns, row, read, written, box] = native.sqlExec(this.#owner, textOf(query), bindings.map(bindingOf));
    return new Cursor(kInternal, new Run(columns, row, read, written, box));
  }
  get databaseSize(): number { return native.sqlSize(this.#owner); }
  declare Cursor: typeof Cursor;
  declare Statement: typeof Statement;
}

// What SQLite takes as it is; anything else as its text.
function bindingOf(value: unknown): unknown {
  if (typeof value === "number" || typeof value === "string" || value === null || value === undefined) return value;
  if (typeof value === "bigint") throw new TypeError("Cannot convert a BigInt value to a number");
  return bytesOf(value) ?? textOf(value);
}

// One run of a statement, which a cursor and its iterators share. `row` is the next to be given.
class Run {
  constructor(readonly columns: string[], public row: Value[] | undefined, readonly read: number, readonly written: number,
    readonly box: Box | undefined) {}
  take(): Value[] | undefined {
    const { row } = this;
    if (row !== undefined) this.row = native.sqlStep(this.box!);
    return row;
  }
  // All that is left, flat.
  takeAll(): Value[] {
    const { row } = this;
    if (row === undefined) return [];
    this.row = undefined;
    const rest = native.sqlRest(this.box!);
    return row.concat(rest);
  }
  object(row: Value[]): Row {
    return objectOf(this.columns, row, 0);
  }
  counts(): [read: number, written: number] {
    return this.box === undefined ? [this.read, this.written] : native.sqlCounts(this.box);
  }
}

// A row as an object; of columns with the same name the last counts.
function objectOf(columns: string[], values: Value[], at: number): Row {
  const row: Row = {};
  for (let index = 0; index < columns.length; index++) {
    const name = columns[index]!;
    if (name === "__proto__") Object.defineProperty(row, name, { value: values[at + index], writable: true, enumerable: true, configurable: true });
    else row[name] = values[at + index]!;
  }
  return row;
}

function asArrays(run: Run): Value[][] {
  const flat = run.takeAll();
  const width = run.columns.length;
  const rows: Value[][] = [];
  for (let at = 0; at < flat.length; at += width) rows.push(flat.slice(at, at + width));
  return rows;
}

function asObjects(run: Run): Row[] {
  const flat = run.takeAll();
  const { columns } = run;
  const rows: Row[] = [];
  for (let at = 0; at < flat.length; at += columns.length) {
    rows.push(objectOf(columns, flat, at));
  }
  return rows;
}

const kIterators = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));

let runOf: (iterator: RawIterator) => Run;

class RowIterator {
  #run: Run;
  constructor(run: Run) { this.#run = run; }
  next(): IteratorResult<Row> { return nextRow(this.#run); }
}
class RawIterator {
  #run: Run;
  constructor(run: Run) { this.#run = run; }
  next(): IteratorResult<Value[]> {
    const row = this.#run.take();
    return row === undefined ? { done: true, value: undefined } : { done: false, value: row };
  }
  static {
    runOf = (iterator) => iterator.#run;
  }
}

function nextRow(run: Run): IteratorResult<Row> {
  const row = run.take();
  return row === undefined ? { done: true, value: undefined } : { done: false, value: run.object(row) };
}

export class Cursor {
  #run: Run;
  constructor(token?: unknown, run?: Run) {
    illegalConstructor(token);
    this.#run = run!;
  }
  next(): IteratorResult<Row> { return nextRow(this.#run); }
  toArray(): Row[] { return asObjects(this.#run); }
  one(): Row {
    const run = this.#run;
    const row = run.take();
    if (row === undefined) throw new Error("Expected exactly one result from SQL query, but got no results.");
    if (run.row !== undefined) throw new Error("Expected exactly one result from SQL query, but got multiple results.");
    return run.object(row);
  }
  raw(): RawIterator { return new RawIterator(this.#run); }
  get columnNames(): string[] { return [...this.#run.columns]; }
  get rowsRead(): number { return this.#run.counts()[0]; }
  get rowsWritten(): number { return this.#run.counts()[1]; }
  [Symbol.iterator](): RowIterator { return new RowIterator(this.#run); }
}

export class Statement {
  constructor(token?: unknown) { illegalConstructor(token); }
}

const kKv = "SyncKvStorage";
const kPage = 128; // Pairs that a list reads at once.

const kInvalidated = "kv.list() iterator was invalidated because a new call to kv.list() was started. Only one kv.list() " +
  "iterator can exist at a time.";


export class SyncKvStorage {
  #owner: number;
  #listing: ListIterator | undefined;
  constructor(token?: unknown, owner?: number) {
    illegalConstructor(token);
    this.#owner = owner!;
  }
  get(key: unknown): unknown {
    if (key === undefined) throw wrongArgument("get", kKv, 1, "string");
    return native.kvGet(this.#owner, textOf(key));
  }
  put(key: unknown, value?: unknown): void {
    if (key === undefined) throw wrongArgument("put", kKv, 1, "string");
    native.kvPut(this.#owner, textOf(key), value);
  }
  delete(key: unknown): boolean {
    if (key === undefined) throw wrongArgument("delete", kKv, 1, "string");
    return native.kvDelete(this.#owner, textOf(key));
  }
  list(options?: ListOptions): ListIterator {
    if (options !== undefined && options !== null && !isObject(options)) throw wrongArgument("list", kKv, 1, "SyncKvListOptions");
    requireOwner(this.#owner);
    const iterator = new ListIterator(options ?? {});
    if (this.#listing !== undefined) invalidate(this.#listing);
    return (this.#listing = iterator);
  }
}

let invalidate: (iterator: ListIterator) => void;

// Reads a page of pairs at a time.
class ListIterator {
  #start: string;
  #after: boolean;
  #end: string | undefined;
  #prefix: string;
  #reverse: boolean;
  #left: number;
  #page: unknown[] = [];
  #at = 0;
  #done = false;
  #valid = true;
  constructor(options: ListOptions) {
    const range = rangeOf(options);
    this.#start = range.start;
    this.#after = range.after;
    this.#end = range.end;
    this.#prefix = range.prefix;
    this.#reverse = range.reverse;
    this.#left = range.limit ?? Infinity;
  }
  next(): IteratorResult<[string, unknown]> {
    if (!this.#valid) throw new Error(kInvalidated);
    if (this.#at >= this.#page.length && !this.#done) this.#read();
    if (this.#at >= this.#page.length || this.#left <= 0) return { done: true, value: undefined };
    const pair: [string, unknown] = [this.#page[this.#at] as string, this.#page[this.#at + 1]];
    this.#at += 2;
    this.#left--;
    return { done: false, value: pair };
  }
  #read(): void {
    const page = native.kvList(this.#start, this.#end, this.#after, this.#prefix, this.#reverse, Math.min(kPage, this.#left));
    this.#page = page;
    this.#at = 0;
    this.#done = page.length < 2 * kPage;
    if (page.length === 0) return;
    const last = page[page.length - 2] as string;
    if (this.#reverse) {
      this.#end = last;
    } else {
      this.#start = last;
      this.#after = true;
    }
  }
  static {
    invalidate = (iterator) => { iterator.#valid = false; };
  }
}

for (const iterator of [RowIterator, ListIterator]) Object.setPrototypeOf(iterator.prototype, kIterators);
// As every iterator's, but faster.
function toArray(this: RawIterator): Value[][] { return asArrays(runOf(this)); }
Object.setPrototypeOf(RawIterator.prototype, Object.create(kIterators, { toArray: { value: toArray } }));
for (const [name, value] of Object.entries({ Cursor, Statement })) {
  Object.defineProperty(SqlStorage.prototype, name, { value, writable: true, enumerable: true, configurable: true });
}
platform({ SqlStorage, Cursor, Statement, SyncKvStorage, RowIterator, RawIterator, ListIterator });

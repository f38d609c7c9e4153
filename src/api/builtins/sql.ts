// state.storage.sql and state.storage.kv: https://developers.cloudflare.com/durable-objects/api/sqlite-storage-api/
import { type ListOptions, rangeOf } from "./list_range";
import type { Box } from "./native.d";
import {
  illegalConstructor, isObject, kInternal, native, platform, requireOwner, textOf, wrongArgument,
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
    if (arguments.length === 0) throw wrongArgument("exec", kSqlStorage, 1, "String");
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
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer ? value : textOf(value);
}

// One run of a statement, which a cursor and its iterators share. `row` is the next to be given.
class Run {
  constructor(readonly columns: string[], public row: Value[] | undefined, private read: number, private written: number,
    private box: Box | undefined) {}
  take(): Value[] | undefined {
    const { row } = this;
    if (row === undefined) return undefined;
    this.row = undefined; // What throws has come to its end.
    this.row = native.sqlStep(this.box!);
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
  end(): void {
    if (this.box !== undefined) [this.read, this.written] = native.sqlEnd(this.box);
    this.row = this.box = undefined;
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
    if (run.row !== undefined) {
      run.end();
      throw new Error("Expected exactly one result from SQL query, but got multiple results.");
    }
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
    if (arguments.length === 0) throw wrongArgument("get", kKv, 1, "string");
    return native.kvGet(this.#owner, textOf(key));
  }
  put(key: unknown, value?: unknown): void {
    if (arguments.length === 0) throw wrongArgument("put", kKv, 1, "string");
    if (arguments.length === 1) throw wrongArgument("put", kKv, 2, "Value");
    native.kvPut(this.#owner, textOf(key), value);
  }
  delete(key: unknown): boolean {
    if (arguments.length === 0) throw wrongArgument("delete", kKv, 1, "string");
    return native.kvDelete(this.#owner, textOf(key));
  }
  list(options?: ListOptions): ListIterator {
    if (options !== undefined && options !== null && !isObject(options)) throw wrongArgument("list", kKv, 1, "ListOptions");
    requireOwner(this.#owner);
    const iterator = new ListIterator(options ?? {});
    if (this.#listing !== undefined) invalidate(this.#listing);
    return (this.#listing = iterator);
  }
}

let invalidate: (iterator: ListIterator) => void;

// Reads a page of pairs at a time, and anew what is left of it when a pair may have changed. The first pair is the one
// that was there when the list began; a list that was empty then stays so.
class ListIterator {
  #start: string;
  #after: boolean;
  #end: string | undefined;
  #prefix: string;
  #reverse: boolean;
  #left: number;
  #page: unknown[] = [];
  #changes = -1;
  #at = 0;
  #last = false; // There is nothing behind the page.
  #ended = false;
  #begun = false;
  #valid = true;
  constructor(options: ListOptions) {
    const range = rangeOf(options);
    this.#start = range.start;
    this.#after = range.after;
    this.#end = range.end;
    this.#prefix = range.prefix;
    this.#reverse = range.reverse;
    this.#left = range.limit ?? Infinity;
    this.#look();
  }
  next(): IteratorResult<[string, unknown]> {
    if (!this.#valid) throw new Error(kInvalidated);
    if (this.#begun && !this.#ended && this.#left > 0) this.#look();
    this.#begun = true;
    if (this.#at >= this.#page.length || this.#left <= 0) this.#ended = true;
    if (this.#ended) return { done: true, value: undefined };
    const pair: [string, unknown] = [this.#page[this.#at] as string, this.#page[this.#at + 1]];
    this.#at += 2;
    this.#left--;
    if (this.#reverse) {
      this.#end = pair[0];
    } else {
      this.#start = pair[0];
      this.#after = true;
    }
    return { done: false, value: pair };
  }
  #look(): void {
    const changes = native.kvChanges();
    if (changes === this.#changes && (this.#last || this.#at < this.#page.length)) return;
    this.#changes = changes;
    this.#page = native.kvList(this.#start, this.#end, this.#after, this.#prefix, this.#reverse, Math.min(kPage, this.#left));
    this.#at = 0;
    this.#last = this.#page.length < 2 * kPage;
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

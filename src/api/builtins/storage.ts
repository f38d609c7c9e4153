// DurableObjectStorage and DurableObjectTransaction: argument checks, options and texts. Values are serialised in C++.
import { isOn } from "./compatibility";
import { type ListOptions, rangeOf } from "./list_range";
import {
  currentObject, illegalConstructor, isObject, kInternal, native, platform, requireOwner, textOf, wrongArgument,
} from "./seam";
import { SqlStorage, SyncKvStorage } from "./sql";

const kKeysMax = 128;
const kShapeText = "put() may only be called with a single key-value pair and optional options as put(key, value, " +
  "options) or with multiple key-value pairs and optional options as put(entries, options)";

interface Options { allowConcurrency?: unknown; allowUnconfirmed?: unknown; noCache?: unknown }

function flagsOf(options: Options | undefined | null): number {
  if (options === undefined || options === null) return 0;
  return (options.allowConcurrency ? 1 : 0) | (options.allowUnconfirmed ? 2 : 0) | (options.noCache ? 4 : 0);
}

function readFlagsOf(options: Options | undefined | null): number {
  if (options === undefined || options === null) return 0;
  return (options.allowConcurrency ? 1 : 0) | (options.noCache ? 4 : 0);
}

function checkOptions(options: unknown, method: string, holder: string, index: number, type: string): void {
  if (options !== undefined && options !== null && !isObject(options)) throw wrongArgument(method, holder, index, type);
}

function checkCount(keys: unknown[]): void {
  if (keys.length > kKeysMax) throw new RangeError(`Maximum number of keys is ${kKeysMax}.`);
}

// An undefined key that was given is a text, as any other.
function undefinedKey(given: number, method: string, holder: string, type: string): string {
  if (given === 0) throw wrongArgument(method, holder, 1, type);
  return "undefined";
}

// The operations, for storage and transaction alike. They throw where the methods reject. Arguments are converted in their
// order, and then looked at.
function get(owner: number, holder: string, key: unknown, options?: Options): Promise<unknown> {
  const keys = Array.isArray(key) ? key.map(textOf) : textOf(key);
  checkOptions(options, "get", holder, 2, "GetOptions");
  if (typeof keys === "string") return native.storageGet(owner, keys, readFlagsOf(options));
  requireOwner(owner);
  checkCount(keys);
  return native.storageGetMany(keys, readFlagsOf(options));
}

function put(owner: number, holder: string, key: unknown, value: unknown, options?: Options): Promise<void> {
  if (!isObject(key) || Array.isArray(key)) {
    if (value === undefined) throw new TypeError("put() called with undefined value.");
    checkOptions(options, "put", holder, 3, "PutOptions");
    return native.storagePut(owner, [textOf(key), value], flagsOf(options));
  }
  if (value !== undefined && value !== null && !isObject(value)) throw new TypeError(kShapeText);
  const pairs: unknown[] = [];
  for (const name of Object.keys(key)) {
    const each = (key as any)[name];
    if (each !== undefined) pairs.push(name, each);
  }
  if (pairs.length > 2 * kKeysMax) throw new RangeError(`Maximum number of pairs is ${kKeysMax}.`);
  return pairs.length === 0 ? Promise.resolve() : native.storagePut(owner, pairs, flagsOf(value as Options));
}

function remove(holder: string, key: unknown, options?: Options): Promise<boolean | number> {
  const keys = Array.isArray(key) ? key.map(textOf) : [textOf(key)];
  checkOptions(options, "delete", holder, 2, "PutOptions");
  if (Array.isArray(key)) {
    checkCount(keys);
    return keys.length === 0 ? Promise.resolve(0) : native.storageDelete(keys, flagsOf(options), false);
  }
  return native.storageDelete(keys, flagsOf(options), true);
}

function list(holder: string, options?: Options & ListOptions): Promise<Map<string, unknown>> {
  checkOptions(options, "list", holder, 1, "ListOptions");
  const { start, after, end, prefix, reverse, limit } = rangeOf(options ?? {});
  return native.storageList(start, end, after, prefix, reverse, limit, readFlagsOf(options));
}

const kDeleteAlarmToo = 8;
const kTimeMax = 8.64e15; // What a Date can hold.
const kAlarmTimeMax = 2 ** 63 / 1e6; // Of 64 bits of nanoseconds.
const kAlarms = Symbol("alarms"); // Whether the class has a handler; not known before its constructor has run.

function getAlarm(holder: string, options?: Options): Promise<number | null> {
  checkOptions(options, "getAlarm", holder, 1, "GetAlarmOptions");
  return native.storageGetAlarm(readFlagsOf(options));
}

function setAlarm(holder: string, storage: DurableObjectStorage, time: unknown, options?: Options,
  check?: () => void): Promise<void> {
  if (typeof time !== "number" && !(time instanceof Date)) throw wrongArgument("setAlarm", holder, 1, "date");
  const ms = Number(time);
  if (!Number.isFinite(ms)) throw new TypeError("The value cannot be converted because it is not a valid Date.");
  if (Math.abs(ms) > kAlarmTimeMax) throw new TypeError(`This API doesn't support dates ${ms > 0 ? "after 2189" : "before 1687"}.`);
  checkOptions(options, "setAlarm", holder, 2, "SetAlarmOptions");
  if (ms < 1) throw new TypeError("setAlarm() cannot be called with an alarm time <= 0");
  if (storage[kAlarms] === false) {
    throw new TypeError("Your Durable Object class must have an alarm() handler in order to call setAlarm()");
  }
  check?.();
  return native.storageSetAlarm(Math.trunc(ms), flagsOf(options));
}

function deleteAlarm(holder: string, options?: Options): Promise<void> {
  checkOptions(options, "deleteAlarm", holder, 1, "SetAlarmOptions");
  return native.storageDeleteAlarm(flagsOf(options));
}

export function allowAlarms(storage: DurableObjectStorage, allowed: boolean): void {
  storage[kAlarms] = allowed;
}

// Turns what an operation throws into a rejection, without the cost of an async function.
function rejecting<T>(owner: number, operation: () => Promise<T>): Promise<T> {
  try {
    requireOwner(owner);
    return operation();
  } catch (error) {
    return Promise.reject(error);
  }
}

const kStorage = "DurableObjectStorage";
const kTransaction = "DurableObjectTransaction";
const kOpen = Symbol("open"); // How many transactions are open.

export class DurableObjectStorage {
  #owner: number;
  declare sql: SqlStorage;
  declare kv: SyncKvStorage;
  declare [kOpen]: number;
  declare [kAlarms]: boolean | undefined;
  constructor(token?: unknown) {
    illegalConstructor(token);
    this.#owner = currentObject();
    this[kOpen] = 0;
    if (!native.usesSqlite()) return;
    define(this, "sql", new SqlStorage(kInternal, this.#owner));
    define(this, "kv", new SyncKvStorage(kInternal, this.#owner));
  }
  // The two that everybody uses do without a closure; C++ checks the owner.
  get(key: unknown, options?: Options): Promise<unknown> {
    try {
      if (key === undefined) key = undefinedKey(arguments.length, "get", kStorage, "string or Array");
      return get(this.#owner, kStorage, key, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }
  put(key: unknown, value?: unknown, options?: Options): Promise<void> {
    try {
      if (key === undefined) key = undefinedKey(arguments.length, "put", kStorage, "string or object");
      return put(this.#owner, kStorage, key, value, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }
  delete(key: unknown, options?: Options): Promise<boolean | number> {
    const given = arguments.length;
    return rejecting(this.#owner, () => {
      if (key === undefined) key = undefinedKey(given, "delete", kStorage, "string or Array");
      return remove(kStorage, key, options);
    });
  }
  list(options?: Options & ListOptions): Promise<Map<string, unknown>> {
    return rejecting(this.#owner, () => list(kStorage, options));
  }
  deleteAll(options?: Options): Promise<void> {
    return rejecting(this.#owner, () => {
      checkOptions(options, "deleteAll", kStorage, 1, "PutOptions");
      if (this[kOpen] > 0) throw new Error("Cannot call deleteAll() within a transaction");
      return native.storageDeleteAll(flagsOf(options) | (isOn("delete_all_deletes_alarm") ? kDeleteAlarmToo : 0));
    });
  }
  sync(): Promise<void> {
    return rejecting(this.#owner, () => native.storageSync());
  }
  getAlarm(options?: Options): Promise<number | null> {
    return rejecting(this.#owner, () => getAlarm(kStorage, options));
  }
  setAlarm(time: unknown, options?: Options): Promise<void> {
    return rejecting(this.#owner, () => setAlarm(kStorage, this, time, options));
  }
  deleteAlarm(options?: Options): Promise<void> {
    return rejecting(this.#owner, () => deleteAlarm(kStorage, options));
  }
  transactionSync<T>(callback: () => T): T {
    if (typeof callback !== "function") throw wrongArgument("transactionSync", kStorage, 1, "function");
    requireOwner(this.#owner);
    if (!native.usesSqlite()) throw new Error("Durable Object is not backed by SQL.");
    native.txnBeginSync();
    let value: T;
    try {
      value = callback();
    } catch (error) {
      native.txnRollback();
      throw error;
    }
    native.txnCommit();
    return value;
  }
  getCurrentBookmark(): Promise<string> {
    return recovering(this.#owner, () => native.storageCurrentBookmark());
  }
  getBookmarkForTime(time: unknown): Promise<string> {
    return recovering(this.#owner, () => {
      if (typeof time !== "number" && !(time instanceof Date)) throw wrongArgument("getBookmarkForTime", kStorage, 1, "date");
      const ms = Number(time);
      if (!Number.isFinite(ms)) throw new TypeError("The value cannot be converted because it is not a valid Date.");
      return native.storageBookmarkForTime(Math.max(-kTimeMax, Math.min(Math.trunc(ms), kTimeMax)));
    });
  }
  onNextSessionRestoreBookmark(bookmark: unknown): Promise<string> {
    return recovering(this.#owner, () => native.storageRestore(textOf(bookmark)));
  }
  transaction<T>(callback: Callback<T>): Promise<T> {
    return rejecting(this.#owner, () => {
      if (typeof callback !== "function") throw wrongArgument("transaction", kStorage, 1, "function");
      // A throw must not leave the section, which would reset the object: it is carried past it.
      return native.blockConcurrency(() => runTransaction(this, callback)).then((outcome) => {
        if ("error" in outcome) throw outcome.error;
        return outcome.value;
      });
    });
  }
}

const kNoSql = "This Durable Object is not backed by SQLite storage, so the SQL API is not available. SQL can be enabled on a new " +
  "Durable Object class by using the `new_sqlite_classes` instead of `new_classes` under `[[migrations]]` in your wrangler.toml, but " +
  "an already-deployed class cannot be converted to SQLite (except by deleting the existing data).";
const kNoKv = "The storage.kv (synchronous KV) API is only available for SQLite-backed Durable Objects, but this object's namespace is " +
  "not declared to use SQLite. You can use the older, asyncronous interface via methods of `storage` itself (e.g. `storage.get()`). " +
  "SQLite can be enabled on a new Durable Object class by using the `new_sqlite_classes` instead of `new_classes` under `migrations` " +
  "in your wrangler.jsonc or wrangler.toml, but an already-deployed class cannot be converted to SQLite (except by deleting the " +
  "existing data).";
const kNoRecovery = "This Durable Object's storage back-end does not implement point-in-time recovery.";

// What SQLite storage alone has.
function recovering(owner: number, operation: () => Promise<string>): Promise<string> {
  return rejecting(owner, () => {
    if (!native.usesSqlite()) throw new Error(kNoRecovery);
    return operation();
  });
}

// An object of another class is told why it has none.
for (const [name, why] of [["sql", kNoSql], ["kv", kNoKv]] as const) {
  Object.defineProperty(DurableObjectStorage.prototype, name, {
    get(): never { throw new Error(why); }, enumerable: true, configurable: true,
  });
}
function define(storage: object, name: string, value: object): void {
  Object.defineProperty(storage, name, { value, writable: true, enumerable: true, configurable: true });
}

type Outcome<T> = { value: T } | { error: unknown };

type Callback<T> = (txn: DurableObjectTransaction) => T | Promise<T>;

async function runTransaction<T>(storage: DurableObjectStorage, callback: Callback<T>): Promise<Outcome<T>> {
  native.txnBegin();
  const txn = new DurableObjectTransaction(kInternal, storage, ++storage[kOpen]);
  try {
    const value = await callback(txn);
    endTransaction(txn, true);
    return { value };
  } catch (error) {
    endTransaction(txn, false);
    return { error };
  }
}

const kEnd = Symbol("end");

export class DurableObjectTransaction {
  #owner: number;
  #storage: DurableObjectStorage;
  #depth: number;
  #state: "open" | "rolled back" | "committed" = "open";

  constructor(token?: unknown, storage?: DurableObjectStorage, depth?: number) {
    illegalConstructor(token);
    this.#owner = currentObject();
    this.#storage = storage!;
    this.#depth = depth!;
  }
  #check(operation: string): void {
    if (this.#state === "rolled back") throw new Error(`Cannot ${operation}() on rolled back transaction`);
    if (this.#state === "committed") throw committed(operation);
  }
  get(key: unknown, options?: Options): Promise<unknown> {
    const given = arguments.length;
    return rejecting(this.#owner, () => {
      this.#check("get");
      if (key === undefined) key = undefinedKey(given, "get", kTransaction, "string or Array");
      return get(this.#owner, kTransaction, key, options);
    });
  }
  put(key: unknown, value?: unknown, options?: Options): Promise<void> {
    const given = arguments.length;
    return rejecting(this.#owner, () => {
      this.#check("put");
      if (key === undefined) key = undefinedKey(given, "put", kTransaction, "string or object");
      return put(this.#owner, kTransaction, key, value, options);
    });
  }
  delete(key: unknown, options?: Options): Promise<boolean | number> {
    const given = arguments.length;
    return rejecting(this.#owner, () => {
      this.#check("delete");
      if (key === undefined) key = undefinedKey(given, "delete", kTransaction, "string or Array");
      return remove(kTransaction, key, options);
    });
  }
  list(options?: Options & ListOptions): Promise<Map<string, unknown>> {
    return rejecting(this.#owner, () => (this.#check("list"), list(kTransaction, options)));
  }
  deleteAll(): never {
    throw new Error("Cannot call deleteAll() within a transaction");
  }
  getAlarm(options?: Options): Promise<number | null> {
    return rejecting(this.#owner, () => (this.#check("getAlarm"), getAlarm(kTransaction, options)));
  }
  setAlarm(time: unknown, options?: Options): Promise<void> {
    return rejecting(this.#owner,
      () => setAlarm(kTransaction, this.#storage, time, options, () => this.#check("setAlarm")));
  }
  deleteAlarm(options?: Options): Promise<void> {
    return rejecting(this.#owner, () => (this.#check("deleteAlarm"), deleteAlarm(kTransaction, options)));
  }
  rollback(): void {
    if (this.#state === "rolled back") return;
    if (this.#state === "committed") throw committed("rollback");
    if (this.#storage[kOpen] > this.#depth) {
      throw new Error("Cannot roll back an outer transaction while a nested transaction is still running.");
    }
    native.txnRollback();
    this.#storage[kOpen]--;
    this.#state = "rolled back";
  }
  [kEnd](commit: boolean): void {
    if (this.#state === "open") {
      if (commit) native.txnCommit();
      else native.txnRollback();
      this.#storage[kOpen]--;
    }
    this.#state = this.#state === "rolled back" ? this.#state : "committed";
  }
}

function endTransaction(txn: DurableObjectTransaction, commit: boolean): void {
  txn[kEnd](commit);
}

function committed(operation: string): Error {
  return new Error(`Cannot call ${operation}() on transaction that has already committed: ` +
    "did you move `txn` outside of the closure?");
}

platform({ DurableObjectStorage, DurableObjectTransaction });

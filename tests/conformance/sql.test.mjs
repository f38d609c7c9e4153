// SQL in objects, storage.kv and transactionSync. (What SQLite itself answers is compared in src/sql/peer_cases.jsonl.)
// storage: sqlite
import { objectClass, thrown, worker } from "./lib.mjs";

const look = (value) => [Object.prototype.toString.call(value), value.constructor.name,
  Object.getOwnPropertyNames(Object.getPrototypeOf(value)).sort(), Object.getOwnPropertyNames(value)];
const table = (sql, rows = 5) => {
  sql.exec("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c BLOB, d REAL)");
  for (let i = 1; i <= rows; i++) sql.exec("INSERT INTO t VALUES (?, ?, ?, ?)", i, `b${i}`, new Uint8Array([i, 2]), i + 0.5);
};
const count = (sql) => sql.exec("SELECT count(*) AS n FROM t").one().n;

const cases = {
  "what storage.sql is": { inObject: ({ storage }) => [look(storage.sql), storage.sql === storage.sql, typeof storage.sql.Cursor, typeof storage.sql.Statement], expect: [["[object SqlStorage]","SqlStorage",["Cursor","Statement","constructor","databaseSize","exec"],[]],true,"function","function"] },
  "what a cursor is": { inObject: ({ storage: { sql } }) => { table(sql); const c = sql.exec("SELECT * FROM t"); return [look(c), look(c.raw()), c.columnNames]; }, expect: [["[object Cursor]","Cursor",["columnNames","constructor","next","one","raw","rowsRead","rowsWritten","toArray"],[]],["[object RawIterator]","RawIterator",["constructor","next"],[]],["a","b","c","d"]] },
  "rows as objects": { inObject: ({ storage: { sql } }) => { table(sql, 2); return sql.exec("SELECT a, b, d FROM t").toArray(); }, expect: [{"a":1,"b":"b1","d":1.5},{"a":2,"b":"b2","d":2.5}] },
  "rows one by one": { inObject: ({ storage: { sql } }) => { table(sql, 2); const c = sql.exec("SELECT a FROM t"); return [c.next(), c.next(), c.next(), c.next()]; }, expect: [{"done":false,"value":{"a":1}},{"done":false,"value":{"a":2}},{"done":true,"value":undefined},{"done":true,"value":undefined}] },
  "rows by iteration": { inObject: ({ storage: { sql } }) => { table(sql, 3); const seen = []; for (const row of sql.exec("SELECT a, b FROM t")) seen.push(row.b); return seen; }, expect: ["b1","b2","b3"] },
  "spread of raw rows": { inObject: ({ storage: { sql } }) => { table(sql, 2); return [...sql.exec("SELECT a, b FROM t").raw()]; }, expect: [[1,"b1"],[2,"b2"]] },
  "raw and cursor share the position": { inObject: ({ storage: { sql } }) => { table(sql); const c = sql.exec("SELECT a FROM t"); const raw = c.raw(); return [raw.next(), c.next(), raw.toArray(), c.toArray()]; }, expect: [{"done":false,"value":[1]},{"done":false,"value":{"a":2}},[[3],[4],[5]],[]] },
  "toArray gives the rest": { inObject: ({ storage: { sql } }) => { table(sql, 4); const c = sql.exec("SELECT a FROM t"); c.next(); c.next(); return c.toArray(); }, expect: [{"a":3},{"a":4}] },
  "one": { inObject: async ({ storage: { sql } }) => { table(sql); return [sql.exec("SELECT a FROM t WHERE a = 1").one(), await thrown(() => sql.exec("SELECT a FROM t").one()), await thrown(() => sql.exec("SELECT a FROM t WHERE a = 99").one())]; }, expect: [{"a":1},"Error: Expected exactly one result from SQL query, but got multiple results.","Error: Expected exactly one result from SQL query, but got no results."] },
  "counts of rows": { inObject: ({ storage: { sql } }) => {
    table(sql);
    const c = sql.exec("SELECT * FROM t");
    const seen = [c.rowsRead, c.rowsWritten];
    c.next();
    seen.push(c.rowsRead);
    c.toArray();
    const insert = sql.exec("INSERT INTO t(a) VALUES (10), (11)");
    const update = sql.exec("UPDATE t SET b = 'x'");
    return [...seen, c.rowsRead, c.rowsWritten, insert.rowsRead, insert.rowsWritten, update.rowsRead, update.rowsWritten];
  }, expect: [1,0,2,5,0,2,2,7,7] },
  "types of values": { inObject: ({ storage: { sql } }) => sql.exec("SELECT x'0102' AS v, NULL AS n, 9007199254740993 AS big, 1.5 AS f, 'é😀' AS s, '' AS e, x'' AS z, -1 AS m").one(), expect: {"v":new Uint8Array([1,2]).buffer,"n":null,"big":9007199254740992,"f":1.5,"s":"é😀","e":"","z":new Uint8Array([]).buffer,"m":-1} },
  "types of bindings": { inObject: async ({ storage: { sql } }) => {
    const of = (value) => sql.exec("SELECT typeof(?1) AS t, ?1 AS v", value).raw().toArray()[0];
    return [of(1), of(1.5), of("a"), of(null), of(undefined), of(true), of(new Date(0)), of([1, 2]), of({}), of(new Uint8Array([1])), of(new Uint8Array([1, 2, 3]).subarray(1)), of(new ArrayBuffer(2)),
      await thrown(() => of(10n)), await thrown(() => of(Symbol("a")))];
  }, expect: [["real",1],["real",1.5],["text","a"],["null",null],["null",null],["text","true"],["text","Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)"],["text","1,2"],["text","[object Object]"],["blob",new Uint8Array([1]).buffer],["blob",new Uint8Array([2,3]).buffer],["blob",new Uint8Array([0,0]).buffer],"TypeError: Cannot convert a BigInt value to a number","TypeError: Cannot convert a Symbol value to a string"] },
  "numbers of bindings": { inObject: async ({ storage: { sql } }) => [await thrown(() => sql.exec("SELECT ?")), await thrown(() => sql.exec("SELECT 1", 1)), await thrown(() => sql.exec("SELECT ?; SELECT 2", 1)), sql.exec("SELECT 1; SELECT ? AS q", 7).toArray()], expect: ["Error: Wrong number of parameter bindings for SQL query.","Error: Wrong number of parameter bindings for SQL query.","Error: When executing multiple SQL statements in a single call, only the last statement can have parameters.",[{"q":7}]] },
  "two columns of one name": { inObject: ({ storage: { sql } }) => [sql.exec("SELECT 1 AS a, 2 AS a").toArray(), sql.exec("SELECT 1 AS a, 2 AS a").raw().toArray(), sql.exec("SELECT 1 AS a, 2 AS a").columnNames], expect: [[{"a":2}],[[1,2]],["a","a"]] },
  "a column called __proto__": { inObject: ({ storage: { sql } }) => { const row = sql.exec('SELECT 1 AS "__proto__", 2 AS b').one(); return [Object.getPrototypeOf(row) === Object.prototype, row.b]; }, expect: [true,2] },
  "wrong arguments": { inObject: async ({ storage: { sql } }) => [await thrown(() => sql.exec()), await thrown(() => sql.exec(null)), await thrown(() => sql.exec("")), await thrown(() => sql.exec("; -- nothing"))], expect: ["TypeError: Failed to execute 'exec' on 'SqlStorage': parameter 1 is not of type 'String'.","Error: near \"null\": syntax error at offset 0: SQLITE_ERROR","Error: SQL code did not contain a statement.","Error: SQL code did not contain a statement."] },
  "nobody makes cursors": { inObject: async ({ storage: { sql } }) => [await thrown(() => new sql.Cursor()), await thrown(() => new sql.Statement()), sql.Cursor.name], expect: ["TypeError: Illegal constructor","TypeError: Illegal constructor","Cursor"] },
  "statements that are not read are run": { inObject: ({ storage: { sql } }) => { table(sql, 0); sql.exec("INSERT INTO t(a) VALUES (1)"); return count(sql); }, expect: 1 },
  "a cursor is no snapshot": { inObject: ({ storage: { sql } }) => { table(sql); const c = sql.exec("SELECT a FROM t ORDER BY a"); c.next(); sql.exec("DELETE FROM t WHERE a = 3"); return c.toArray().map((row) => row.a); }, expect: [2,4,5] },
  "one text, two cursors": { inObject: ({ storage: { sql } }) => { table(sql); const [one, other] = [sql.exec("SELECT a FROM t"), sql.exec("SELECT a FROM t")]; one.next(); return [one.next().value.a, other.next().value.a]; }, expect: [2,1] },
  "errors": { inObject: async ({ storage: { sql } }) => { table(sql); return [await thrown(() => sql.exec("SELECT * FROM nope")), await thrown(() => sql.exec("INSERT INTO t(a) VALUES (1)")), await thrown(() => sql.exec("SELEC 1")), await thrown(() => sql.exec("BEGIN")), await thrown(() => sql.exec("COMMIT")), await thrown(() => sql.exec("SELECT sqlite_version()")), await thrown(() => sql.exec("ATTACH 'x' AS y")), await thrown(() => sql.exec("PRAGMA user_version"))]; }, expect: ["Error: no such table: nope: SQLITE_ERROR","Error: UNIQUE constraint failed: t.a: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_PRIMARYKEY)","Error: near \"SELEC\": syntax error at offset 0: SQLITE_ERROR","Error: To execute a transaction, please use the state.storage.transaction() or state.storage.transactionSync() APIs instead of the SQL BEGIN TRANSACTION or SAVEPOINT statements. The JavaScript API is safer because it will automatically roll back on exceptions, and because it interacts correctly with Durable Objects' automatic atomic write coalescing.","Error: To execute a transaction, please use the state.storage.transaction() or state.storage.transactionSync() APIs instead of the SQL BEGIN TRANSACTION or SAVEPOINT statements. The JavaScript API is safer because it will automatically roll back on exceptions, and because it interacts correctly with Durable Objects' automatic atomic write coalescing.","Error: not authorized to use function: sqlite_version at offset 7: SQLITE_ERROR","Error: not authorized: SQLITE_AUTH","Error: not authorized: SQLITE_AUTH"] },
  "what is allowed": { inObject: ({ storage: { sql } }) => { table(sql); return [sql.exec("PRAGMA table_info(t)").toArray().length, sql.exec("SELECT json_extract('{\"a\":[1,2]}', '$.a[1]') AS v").one().v, sql.exec("SELECT round(pi(), 3) AS p").one().p, sql.exec("PRAGMA foreign_keys").one()]; }, expect: [4,2,3.142,{"foreign_keys":1}] },
  "full-text search": { inObject: ({ storage: { sql } }) => { sql.exec("CREATE VIRTUAL TABLE f USING fts5(body)"); sql.exec("INSERT INTO f VALUES ('a quick fox'), ('a slow dog')"); return sql.exec("SELECT body FROM f WHERE f MATCH 'quick'").toArray(); }, expect: [{"body":"a quick fox"}] },
  "foreign keys": { inObject: async ({ storage: { sql } }) => { sql.exec("CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p INTEGER REFERENCES p(id))"); return thrown(() => sql.exec("INSERT INTO c VALUES (1)")); }, expect: "Error: FOREIGN KEY constraint failed: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_FOREIGNKEY)" },
  "the size": { inObject: ({ storage: { sql } }) => { const before = sql.databaseSize; table(sql); return [before, sql.databaseSize]; }, expect: [4096,8192] },
  "rows last": { steps: [
    ({ storage: { sql } }) => { table(sql, 3); return "made"; },
    ({ storage: { sql } }) => sql.exec("SELECT a, b FROM t WHERE a > ?", 1).toArray(),
  ], expect: ["made",[{"a":2,"b":"b2"},{"a":3,"b":"b3"}]] },
  "a cursor goes on in a later event": { steps: [
    ({ self, storage: { sql } }) => { table(sql, 4); self.cursor = sql.exec("SELECT a FROM t"); return self.cursor.next(); },
    ({ self }) => [self.cursor.next(), self.cursor.toArray()],
  ], expect: [{"done":false,"value":{"a":1}},[{"done":false,"value":{"a":2}},[{"a":3},{"a":4}]]] },
  "transactionSync": { inObject: async ({ storage }) => {
    const { sql } = storage;
    table(sql, 1);
    const value = storage.transactionSync(() => { sql.exec("INSERT INTO t(a) VALUES (50)"); return "given"; });
    const failed = await thrown(() => storage.transactionSync(() => { sql.exec("INSERT INTO t(a) VALUES (60)"); throw new Error("mine"); }));
    return [value, failed, count(sql)];
  }, expect: ["given","Error: mine",2] },
  "transactionSync nests": { inObject: async ({ storage }) => {
    const { sql } = storage;
    table(sql, 0);
    storage.transactionSync(() => {
      sql.exec("INSERT INTO t(a) VALUES (1)");
      try {
        storage.transactionSync(() => { sql.exec("INSERT INTO t(a) VALUES (2)"); throw new Error("inner"); });
      } catch {}
      sql.exec("INSERT INTO t(a) VALUES (3)");
    });
    return sql.exec("SELECT a FROM t").toArray().map((row) => row.a);
  }, expect: [1,3] },
  "transactionSync of pairs": { inObject: async ({ storage }) => { storage.kv.put("a", 1); await thrown(() => storage.transactionSync(() => { storage.kv.put("a", 2); storage.put("b", 3); throw new Error("mine"); })); return [storage.kv.get("a"), await storage.get("b")]; }, expect: [1,undefined] },
  "transactionSync of nothing": { inObject: async ({ storage }) => [await thrown(() => storage.transactionSync()), await thrown(() => storage.transactionSync(5)), storage.transactionSync(async () => 5) instanceof Promise], expect: ["TypeError: Failed to execute 'transactionSync' on 'DurableObjectStorage': parameter 1 is not of type 'function'.","TypeError: Failed to execute 'transactionSync' on 'DurableObjectStorage': parameter 1 is not of type 'function'.",true] },
  "transaction takes SQL and pairs back": { inObject: async ({ storage }) => {
    const { sql } = storage;
    table(sql, 1);
    const failed = await thrown(() => storage.transaction(async () => { sql.exec("INSERT INTO t(a) VALUES (200)"); await storage.put("k", 1); throw new Error("mine"); }));
    return [failed, count(sql), await storage.get("k")];
  }, expect: ["Error: mine",1,undefined] },
  "transaction keeps both": { inObject: async ({ storage }) => { const { sql } = storage; table(sql, 1); await storage.transaction(async (txn) => { sql.exec("INSERT INTO t(a) VALUES (200)"); await txn.put("k", 1); }); return [count(sql), await storage.get("k")]; }, expect: [2,1] },
  "rollback": { inObject: async ({ storage }) => { const { sql } = storage; table(sql, 1); await storage.transaction(async (txn) => { sql.exec("INSERT INTO t(a) VALUES (200)"); txn.rollback(); }); return count(sql); }, expect: 1 },
  "storage.kv": { inObject: async ({ storage }) => {
    const { kv } = storage;
    kv.put("x", { a: 1 });
    kv.put("y", 2);
    return [look(kv), kv.get("x"), kv.get("nope"), [...kv.list()], kv.delete("x"), kv.delete("x"), await storage.get("y"), look(kv.list())];
  }, expect: [["[object SyncKvStorage]","SyncKvStorage",["constructor","delete","get","list","put"],[]],{"a":1},undefined,[["x",{"a":1}],["y",2]],true,false,2,["[object ListIterator]","ListIterator",["constructor","next"],[]]] },
  "storage.kv and storage are one": { inObject: async ({ storage }) => { await storage.put("a", 1); storage.kv.put("b", 2); return [storage.kv.get("a"), await storage.get("b"), [...(await storage.list()).keys()]]; }, expect: [1,2,["a","b"]] },
  "storage.kv with wrong arguments": { inObject: async ({ storage: { kv } }) => [await thrown(() => kv.get()), await thrown(() => kv.put()), await thrown(() => kv.delete()), await thrown(() => kv.list({ limit: 0 })), await thrown(() => kv.list({ start: "a", startAfter: "b" })), await thrown(() => kv.put("f", () => {}))], expect: ["TypeError: Failed to execute 'get' on 'SyncKvStorage': parameter 1 is not of type 'string'.","TypeError: Failed to execute 'put' on 'SyncKvStorage': parameter 1 is not of type 'string'.","TypeError: Failed to execute 'delete' on 'SyncKvStorage': parameter 1 is not of type 'string'.","TypeError: List limit must be positive.","TypeError: list() cannot be called with both start and startAfter values.","DataCloneError: () => {} could not be cloned."] },
  "storage.kv keeps undefined": { inObject: ({ storage: { kv } }) => { kv.put("u", undefined); return [kv.get("u"), [...kv.list()].length, kv.delete("u")]; }, expect: [undefined,1,true] },
  "storage.kv lists": { inObject: ({ storage: { kv } }) => {
    for (const key of ["a", "b", "ba", "bb", "c", "d"]) kv.put(key, key);
    const keys = (options) => [...kv.list(options)].map(([key]) => key);
    return [keys(), keys({ prefix: "b" }), keys({ start: "b", end: "c" }), keys({ startAfter: "b" }), keys({ reverse: true, limit: 2 }), keys({ prefix: "b", reverse: true, limit: 1 }), keys({ end: "a" })];
  }, expect: [["a","b","ba","bb","c","d"],["b","ba","bb"],["b","ba","bb"],["ba","bb","c","d"],["d","c"],["bb"],[]] },
  "a long list of storage.kv": { inObject: ({ storage: { kv } }) => { for (let i = 0; i < 400; i++) kv.put(`k${String(i).padStart(3, "0")}`, i); const all = [...kv.list()]; const back = [...kv.list({ reverse: true })]; return [all.length, all[399], back.length, back[0], back[399]]; }, expect: [400,["k399",399],400,["k399",399],["k000",0]] },
  "one list at a time": { inObject: async ({ storage: { kv } }) => { kv.put("a", 1); const first = kv.list(); first.next(); const second = kv.list(); return [await thrown(() => first.next()), second.next()]; }, expect: ["Error: kv.list() iterator was invalidated because a new call to kv.list() was started. Only one kv.list() iterator can exist at a time.",{"done":false,"value":["a",1]}] },
  "deleteAll takes both": { inObject: async ({ storage }) => { const { sql } = storage; table(sql); await storage.put("k", 1); await storage.deleteAll(); return [await thrown(() => sql.exec("SELECT * FROM t")), await storage.get("k")]; }, expect: ["Error: no such table: t: SQLITE_ERROR",undefined] },
  "a table after deleteAll": { inObject: async ({ storage }) => { const { sql } = storage; table(sql); await storage.deleteAll(); table(sql, 2); return count(sql); }, expect: 2 },
  "many rows": { inObject: ({ storage: { sql } }) => { sql.exec("CREATE TABLE m(v)"); for (let i = 0; i < 3000; i++) sql.exec("INSERT INTO m VALUES (?)", i); return sql.exec("SELECT sum(v) AS s, count(*) AS n FROM m").one(); }, expect: {"s":4498500,"n":3000} },
  "an error leaves what was done": { inObject: async ({ storage: { sql } }) => { table(sql, 1); await thrown(() => sql.exec("INSERT INTO t(a) VALUES (7); INSERT INTO t(a) VALUES (1)")); return count(sql); }, expect: 2 },
};

export default worker(cases);
export const Subject = objectClass(cases);

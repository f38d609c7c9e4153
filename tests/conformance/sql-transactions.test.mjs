// SQL and pairs in transaction() and transactionSync(): nesting, rollbacks, cursors across them, constraints, critical errors.
// storage: sqlite
import { failure, objectClass, thrown, tried as say, worker } from "./lib.mjs";

const hidden = (value) => JSON.parse(JSON.stringify(value).replace(/(internal error; reference = )\w+/, "$1…"));
const kViolated = "Error: Durable Object was reset and rolled back to its last known good state because the application left the " +
  "database in a state where constraints were violated: FOREIGN KEY constraint failed: SQLITE_CONSTRAINT " +
  "(extended: SQLITE_CONSTRAINT_FOREIGNKEY)";
const numbers = (sql, count = 3) => {
  sql.exec("CREATE TABLE n(i INTEGER PRIMARY KEY)");
  for (let i = 1; i <= count; i++) sql.exec("INSERT INTO n VALUES (?)", i);
};
const all = (sql) => sql.exec("SELECT i FROM n ORDER BY i").toArray().map(({ i }) => i);
const add = (sql, i) => sql.exec("INSERT INTO n VALUES (?)", i);

const cases = {
  // -- transactionSync
  "transactionSync gives what its callback gives": { inObject: ({ storage }) => [undefined, null, 5, "a", { a: 1 }].map((value) => storage.transactionSync(() => value)), expect: [undefined, null, 5, "a", { a: 1 }] },
  "transactionSync with arguments of every type": { inObject: ({ storage }) => [undefined, null, 5, "f", {}, [], Symbol("s"), class A {}].map((callback) => say(() => storage.transactionSync(callback))), expect: ["TypeError: Failed to execute 'transactionSync' on 'DurableObjectStorage': parameter 1 is not of type 'function'.", "TypeError: Failed to execute 'transactionSync' on 'DurableObjectStorage': parameter 1 is not of type 'function'.", "TypeError: Failed to execute 'transactionSync' on 'DurableObjectStorage': parameter 1 is not of type 'function'.", "TypeError: Failed to execute 'transactionSync' on 'DurableObjectStorage': parameter 1 is not of type 'function'.", "TypeError: Failed to execute 'transactionSync' on 'DurableObjectStorage': parameter 1 is not of type 'function'.", "TypeError: Failed to execute 'transactionSync' on 'DurableObjectStorage': parameter 1 is not of type 'function'.", "TypeError: Failed to execute 'transactionSync' on 'DurableObjectStorage': parameter 1 is not of type 'function'.", "TypeError: Class constructor A cannot be invoked without 'new'"] },
  "transactionSync calls its callback once, without arguments": { inObject: ({ storage }) => { const seen = []; storage.transactionSync((...args) => { seen.push(args.length); }); return seen; }, expect: [0] },
  "transactionSync throws what was thrown": { inObject: ({ storage }) => { const seen = []; for (const what of [5, "text", null, undefined, Symbol.iterator, { a: 1 }]) { try { storage.transactionSync(() => { throw what; }); } catch (error) { seen.push(error === what); } } return seen; }, expect: [true, true, true, true, true, true] },
  "transactionSync with an async callback": { inObject: async ({ storage }) => {
    const { sql } = storage;
    numbers(sql, 0);
    const promise = storage.transactionSync(async () => { add(sql, 1); await null; add(sql, 2); throw new Error("later"); });
    const before = all(sql);
    return [before, await thrown(() => promise), all(sql)];
  }, expect: [[1], "Error: later", [1, 2]] },
  "writes of storage in transactionSync": { inObject: async ({ storage }) => {
    await storage.put("a", 1);
    const failed = say(() => storage.transactionSync(() => { storage.put("a", 2); storage.put({ b: 2, c: 3 }); storage.delete("a"); storage.setAlarm(Date.now() + 1e8); throw new Error("back"); }));
    return [failed, await storage.list(), await storage.getAlarm()];
  }, expect: ["Error: back", new Map([["a", 1]]), null] },
  "reads of storage in transactionSync": { inObject: async ({ storage }) => {
    await storage.put("a", 1);
    const reads = storage.transactionSync(() => { storage.put("a", 2); return [storage.get("a"), storage.list()]; });
    return Promise.all(reads);
  }, expect: [2, new Map([["a", 2]])] },
  "deleteAll in transactionSync": { inObject: async ({ storage }) => { await storage.put("a", 1); let done; const value = say(() => storage.transactionSync(() => { done = thrown(() => storage.deleteAll()); return "through"; })); return [hidden(value), await done, await storage.get("a")]; }, expect: ["Error: internal error; reference = …", "nothing thrown", undefined], limpet: ["through", "Error: Cannot call deleteAll() within a transaction", 1], because: "workerd: internal error" },
  "transaction in transactionSync": { inObject: async ({ storage }) => { let inner; const value = say(() => storage.transactionSync(() => { inner = storage.transaction(async (txn) => { await txn.put("a", 1); return "inner"; }); return "outer"; })); return [value, await inner, await storage.get("a")]; }, expect: ["outer", "inner", 1] },
  "transactionSync nests ten deep": { inObject: ({ storage }) => { const { sql } = storage; numbers(sql, 0); const go = (depth) => storage.transactionSync(() => { add(sql, depth); if (depth < 10) say(() => go(depth + 1)); if (depth === 6) throw new Error("six"); }); go(1); return all(sql); }, expect: [1, 2, 3, 4, 5] },
  "transactionSync takes tables back": { inObject: ({ storage }) => { const { sql } = storage; say(() => storage.transactionSync(() => { numbers(sql); throw new Error("back"); })); return [say(() => all(sql)), sql.exec("SELECT count(*) AS c FROM sqlite_master WHERE name = 'n'").one().c]; }, expect: ["Error: no such table: n: SQLITE_ERROR", 0] },
  "a cursor of before transactionSync goes on": { inObject: ({ storage }) => { const { sql } = storage; numbers(sql); const cursor = sql.exec("SELECT i FROM n"); const seen = [cursor.next().value.i]; storage.transactionSync(() => { add(sql, 9); seen.push(cursor.next().value.i); }); return [...seen, ...cursor.toArray().map(({ i }) => i)]; }, expect: [1, 2, 3, 9] },
  "a cursor of before a rollback": { inObject: ({ storage }) => { const { sql } = storage; numbers(sql); const cursor = sql.exec("SELECT i FROM n"); cursor.next(); const failed = say(() => storage.transactionSync(() => { add(sql, 9); throw new Error("back"); })); return [failed, say(() => cursor.next()), say(() => cursor.toArray()), all(sql)]; }, expect: ["Error: back", "Error: abort due to ROLLBACK: SQLITE_ABORT (extended: SQLITE_ABORT_ROLLBACK)", [{ i: null }, { i: 1 }, { i: 2 }, { i: 3 }], [1, 2, 3]], limpet: ["Error: back", "Error: abort due to ROLLBACK: SQLITE_ABORT (extended: SQLITE_ABORT_ROLLBACK)", [], [1, 2, 3]], because: "workerd runs the statement again, from a row that is none" },
  "a cursor of within a rollback": { inObject: ({ storage }) => { const { sql } = storage; numbers(sql); let cursor; const failed = say(() => storage.transactionSync(() => { add(sql, 9); cursor = sql.exec("SELECT i FROM n"); cursor.next(); throw new Error("back"); })); return [failed, say(() => cursor.next()), say(() => cursor.toArray()), all(sql)]; }, expect: ["Error: back", "Error: abort due to ROLLBACK: SQLITE_ABORT (extended: SQLITE_ABORT_ROLLBACK)", [{ i: null }, { i: 1 }, { i: 2 }, { i: 3 }], [1, 2, 3]], limpet: ["Error: back", "Error: abort due to ROLLBACK: SQLITE_ABORT (extended: SQLITE_ABORT_ROLLBACK)", [], [1, 2, 3]], because: "workerd runs the statement again, from a row that is none" },
  "a cursor of within a transactionSync that ends well": { inObject: ({ storage }) => { const { sql } = storage; numbers(sql); const cursor = storage.transactionSync(() => { add(sql, 9); return sql.exec("SELECT i FROM n"); }); return cursor.toArray(); }, expect: [{ i: 1 }, { i: 2 }, { i: 3 }, { i: 9 }] },
  "a cursor of a table that is taken back": { inObject: ({ storage }) => { const { sql } = storage; let cursor; say(() => storage.transactionSync(() => { numbers(sql); cursor = sql.exec("SELECT i FROM n"); throw new Error("back"); })); return [say(() => cursor.columnNames), say(() => cursor.toArray())]; }, expect: [["i"], "Error: abort due to ROLLBACK: SQLITE_ABORT (extended: SQLITE_ABORT_ROLLBACK)"] },

  // -- transaction
  "transaction with arguments of every type": { inObject: async ({ storage }) => { const seen = []; for (const callback of [undefined, null, 5, "f", {}, [], Symbol("s"), class A {}]) seen.push(await thrown(() => storage.transaction(callback))); return seen; }, expect: ["TypeError: Failed to execute 'transaction' on 'DurableObjectStorage': parameter 1 is not of type 'function'.", "TypeError: Failed to execute 'transaction' on 'DurableObjectStorage': parameter 1 is not of type 'function'.", "TypeError: Failed to execute 'transaction' on 'DurableObjectStorage': parameter 1 is not of type 'function'.", "TypeError: Failed to execute 'transaction' on 'DurableObjectStorage': parameter 1 is not of type 'function'.", "TypeError: Failed to execute 'transaction' on 'DurableObjectStorage': parameter 1 is not of type 'function'.", "TypeError: Failed to execute 'transaction' on 'DurableObjectStorage': parameter 1 is not of type 'function'.", "TypeError: Failed to execute 'transaction' on 'DurableObjectStorage': parameter 1 is not of type 'function'.", "TypeError: Class constructor A cannot be invoked without 'new'"] },
  "SQL in a transaction that is rolled back": { inObject: async ({ storage }) => { const { sql } = storage; numbers(sql); const value = await storage.transaction(async (txn) => { add(sql, 9); txn.rollback(); const seen = all(sql); add(sql, 10); return seen; }); return [value, all(sql)]; }, expect: [[1, 2, 3], [1, 2, 3, 10]] },
  "tables in a transaction that throws": { inObject: async ({ storage }) => { const { sql } = storage; const failed = await thrown(() => storage.transaction(async () => { numbers(sql); await scheduler.wait(1); throw new Error("back"); })); return [failed, say(() => all(sql))]; }, expect: ["Error: back", "Error: no such table: n: SQLITE_ERROR"] },
  "transactionSync in a transaction": { inObject: async ({ storage }) => {
    const { sql } = storage;
    numbers(sql, 0);
    await storage.transaction(async (txn) => { storage.transactionSync(() => add(sql, 1)); await txn.put("a", 1); say(() => storage.transactionSync(() => { add(sql, 2); storage.kv.put("a", 2); throw new Error("inner"); })); });
    const failed = await thrown(() => storage.transaction(async () => { storage.transactionSync(() => { add(sql, 3); storage.kv.put("a", 3); }); throw new Error("outer"); }));
    return [failed, all(sql), await storage.get("a")];
  }, expect: ["Error: outer", [1], 1] },
  "nested transactions of SQL": { inObject: async ({ storage }) => {
    const { sql } = storage;
    numbers(sql, 0);
    await storage.transaction(async () => { add(sql, 1); await thrown(() => storage.transaction(async () => { add(sql, 2); await scheduler.wait(1); throw new Error("inner"); })); await storage.transaction(async () => { add(sql, 3); }); add(sql, 4); });
    return all(sql);
  }, expect: [1, 3, 4] },
  "a cursor across the end of a transaction": { inObject: async ({ storage }) => { const { sql } = storage; numbers(sql); let cursor; await storage.transaction(async () => { add(sql, 9); cursor = sql.exec("SELECT i FROM n"); cursor.next(); }); const kept = cursor.toArray(); await thrown(() => storage.transaction(async () => { cursor = sql.exec("SELECT i FROM n"); cursor.next(); await scheduler.wait(1); throw new Error("back"); })); return [kept, say(() => cursor.toArray())]; }, expect: [[{ i: 2 }, { i: 3 }, { i: 9 }], [{ i: 2 }, { i: 3 }, { i: 9 }]] },
  "a failed statement leaves its transaction": { inObject: async ({ storage }) => { const { sql } = storage; numbers(sql); await storage.transaction(async () => { add(sql, 10); say(() => add(sql, 10)); add(sql, 11); }); storage.transactionSync(() => { add(sql, 20); say(() => add(sql, 20)); }); return all(sql); }, expect: [1, 2, 3, 10, 11, 20] },
  "an error of SQL that nobody catches in a transaction": { inObject: async ({ storage }) => { const { sql } = storage; numbers(sql); return [await thrown(() => storage.transaction(async () => { add(sql, 10); add(sql, 10); })), say(() => storage.transactionSync(() => { add(sql, 20); add(sql, 20); })), all(sql)]; }, expect: ["Error: UNIQUE constraint failed: n.i: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_PRIMARYKEY)", "Error: UNIQUE constraint failed: n.i: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_PRIMARYKEY)", [1, 2, 3]] },
  "txn has neither sql nor kv": { inObject: ({ storage }) => storage.transaction(async (txn) => [typeof txn.sql, typeof txn.kv, typeof txn.transaction, typeof txn.transactionSync, typeof txn.sync]), expect: ["undefined", "undefined", "undefined", "undefined", "undefined"] },
  "sync in a transaction": { inObject: ({ storage }) => storage.transaction(async (txn) => { await txn.put("a", 1); storage.put("b", 2); return "no sync"; }), expect: "no sync" },

  // -- Conflicts and constraints
  "OR FAIL and OR IGNORE": { inObject: ({ storage: { sql } }) => { numbers(sql, 2); return [say(() => sql.exec("INSERT OR FAIL INTO n VALUES (5), (1), (6)")), say(() => sql.exec("INSERT OR IGNORE INTO n VALUES (7), (1), (8)").rowsWritten), say(() => sql.exec("INSERT OR ABORT INTO n VALUES (15), (1)")), all(sql)]; }, expect: ["Error: UNIQUE constraint failed: n.i: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_PRIMARYKEY)", 2, "Error: UNIQUE constraint failed: n.i: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_PRIMARYKEY)", [1, 2, 5, 7, 8]] },
  "OR ROLLBACK in a transactionSync": { run: async ({ env, call, newObject }) => { const object = newObject(); const failed = await failure(() => call(object, "orRollbackSync")); return [hidden(failed), await call(env.Subject.get(object.id), "rows")]; }, expect: [{ error: "Error: internal error; reference = …" }, [1]], limpet: [{ error: "Error: UNIQUE constraint failed: r.i: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_PRIMARYKEY)", remote: true, durableObjectReset: true }, [1]], because: "the reason is named" },
  "OR ROLLBACK in a transaction": { run: async ({ env, call, newObject }) => { const object = newObject(); const failed = await failure(() => call(object, "orRollback")); return [hidden(failed), await call(env.Subject.get(object.id), "rows")]; }, expect: [{ error: "Error: internal error; reference = …", remote: true, durableObjectReset: true }, [1]], limpet: [{ error: "Error: Cannot commit transaction due to an earlier SQL critical error", remote: true }, [1]], because: "the reason is named" },
  "OR ROLLBACK in a burst": { run: async ({ env, call, newObject }) => { const object = newObject(); const failed = await failure(() => call(object, "orRollbackBurst")); return [hidden(failed), await call(env.Subject.get(object.id), "rows")]; }, expect: [{ error: "Error: internal error; reference = …" }, [1]], limpet: [{ error: "Error: UNIQUE constraint failed: r.i: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_PRIMARYKEY)", remote: true, durableObjectReset: true }, [1]], because: "the reason is named" },
  "a deferred constraint at the end of a burst": { run: async ({ env, call, newObject }) => { const object = newObject(); const failed = await failure(() => call(object, "violates", "burst")); return [hidden(failed), await call(env.Subject.get(object.id), "parents")]; }, expect: [{ error: kViolated, remote: true }, []], limpet: [{ error: kViolated, remote: true, durableObjectReset: true }, []], because: "the object was reset, as the text says" },
  "a deferred constraint at the end of transactionSync": { run: async ({ env, call, newObject }) => { const object = newObject(); const failed = await failure(() => call(object, "violates", "sync")); return [hidden(failed), await call(env.Subject.get(object.id), "parents")]; }, expect: [{ error: kViolated, remote: true }, []], limpet: [{ error: kViolated, remote: true, durableObjectReset: true }, []], because: "the object was reset, as the text says" },
  "a deferred constraint at the end of a transaction": { run: async ({ env, call, newObject }) => { const object = newObject(); const failed = await failure(() => call(object, "violates", "transaction")); return [hidden(failed), await call(env.Subject.get(object.id), "parents")]; }, expect: [{ error: "Error: internal error; reference = …", remote: true, durableObjectReset: true }, []], limpet: [{ error: kViolated, remote: true, durableObjectReset: true }, []], because: "the object was reset, as the text says" },
  "a deferred constraint that is made good in time": { inObject: ({ storage: { sql } }) => { sql.exec("CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p INTEGER REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED)"); sql.exec("INSERT INTO c VALUES (1)"); sql.exec("INSERT INTO p VALUES (1)"); return sql.exec("SELECT count(*) AS n FROM c").one(); }, expect: { n: 1 } },
  "foreign keys act": { inObject: ({ storage: { sql } }) => {
    sql.exec("CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p(id) ON DELETE CASCADE ON UPDATE CASCADE, q REFERENCES p(id) ON DELETE SET NULL); INSERT INTO p VALUES (1), (2), (3); INSERT INTO c VALUES (1, 2), (2, 3)");
    sql.exec("UPDATE p SET id = 10 WHERE id = 1");
    sql.exec("DELETE FROM p WHERE id = 3");
    sql.exec("DELETE FROM p WHERE id = 2");
    return [sql.exec("SELECT p, q FROM c").raw().toArray(), say(() => sql.exec("INSERT INTO c VALUES (99, NULL)"))];
  }, expect: [[[10, null]], "Error: FOREIGN KEY constraint failed: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_FOREIGNKEY)"] },
  "triggers": { inObject: ({ storage: { sql } }) => {
    sql.exec("CREATE TABLE t(a); CREATE TABLE log(x); CREATE TRIGGER i AFTER INSERT ON t WHEN new.a > 1 BEGIN INSERT INTO log VALUES (new.a); END; CREATE TRIGGER d BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'not to be deleted'); END");
    sql.exec("INSERT INTO t VALUES (1), (2), (3)");
    return [sql.exec("SELECT x FROM log").raw().toArray(), say(() => sql.exec("DELETE FROM t")), sql.exec("SELECT count(*) AS n FROM t").one()];
  }, expect: [[[2], [3]], "Error: not to be deleted: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_TRIGGER)", { n: 3 }] },
  "RAISE in its kinds": { inObject: ({ storage: { sql } }) => { sql.exec("CREATE TABLE t(a); CREATE TRIGGER i BEFORE INSERT ON t WHEN new.a = 2 BEGIN SELECT RAISE(IGNORE); END; CREATE TRIGGER f BEFORE INSERT ON t WHEN new.a = 3 BEGIN SELECT RAISE(FAIL, 'failed'); END"); return [say(() => sql.exec("INSERT INTO t VALUES (1), (2), (5)").rowsWritten), say(() => sql.exec("INSERT INTO t VALUES (6), (3), (7)")), sql.exec("SELECT a FROM t").raw().toArray()]; }, expect: [2, "Error: failed: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_TRIGGER)", [[1], [5], [6]]] },
};

export default worker(cases);
export const Subject = objectClass(cases, {
  constructed({ storage: { sql } }) { sql.exec("CREATE TABLE IF NOT EXISTS r(i INTEGER PRIMARY KEY); CREATE TABLE IF NOT EXISTS parent(id INTEGER PRIMARY KEY); CREATE TABLE IF NOT EXISTS child(p INTEGER REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED)"); },
  rows() { return this.storage.sql.exec("SELECT i FROM r").toArray().map(({ i }) => i); },
  parents() { return this.storage.sql.exec("SELECT p FROM child").toArray(); },
  async orRollbackSync() {
    const { sql } = this.storage;
    sql.exec("INSERT INTO r VALUES (1)");
    await this.storage.sync();
    this.storage.transactionSync(() => { sql.exec("INSERT INTO r VALUES (2)"); try { sql.exec("INSERT OR ROLLBACK INTO r VALUES (1)"); } catch {} });
  },
  async orRollback() {
    const { sql } = this.storage;
    sql.exec("INSERT INTO r VALUES (1)");
    await this.storage.sync();
    await this.storage.transaction(async () => { sql.exec("INSERT INTO r VALUES (2)"); try { sql.exec("INSERT OR ROLLBACK INTO r VALUES (1)"); } catch {} });
  },
  async orRollbackBurst() {
    const { sql } = this.storage;
    sql.exec("INSERT INTO r VALUES (1)");
    await this.storage.sync();
    sql.exec("INSERT INTO r VALUES (2)");
    try { sql.exec("INSERT OR ROLLBACK INTO r VALUES (1)"); } catch {}
  },
  async violates(how) {
    const break_ = () => { this.storage.sql.exec("INSERT INTO child VALUES (77)"); };
    if (how === "burst") break_();
    else if (how === "sync") this.storage.transactionSync(break_);
    else await this.storage.transaction(async () => break_());
  },
});

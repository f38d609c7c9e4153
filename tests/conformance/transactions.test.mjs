// storage.transaction(): isolation, rollback and the texts of its misuse.
import { failure, objectClass, thrown, worker } from "./lib.mjs";

const cases = {
  "a transaction gives what its callback returns": { inObject: ({ storage }) => storage.transaction(async () => "done"), expect: "done" },
  "a transaction's callback may be synchronous": { inObject: ({ storage }) => storage.transaction(() => 5), expect: 5 },
  "writes of a transaction are kept": {
    inObject: async ({ storage }) => { await storage.transaction(async (txn) => { await txn.put("a", 1); await txn.put({ b: 2 }); }); return storage.list(); }, expect: new Map([["a", 1], ["b", 2]]),
  },
  "a transaction reads its own writes": {
    inObject: ({ storage }) => storage.transaction(async (txn) => {
      txn.put("a", 1);
      txn.put("b", 2);
      txn.delete("a");
      return [await txn.get("a"), await txn.get(["a", "b"]), await txn.list()];
    }), expect: [undefined, new Map([["b", 2]]), new Map([["b", 2]])],
  },
  "a throw in a transaction rolls back and is passed on": {
    inObject: async ({ storage }) => {
      await storage.put("a", 1);
      const error = await thrown(() => storage.transaction(async (txn) => { await txn.put("a", 2); await txn.put("b", 3); throw new RangeError("no"); }));
      return [error, await storage.list()];
    }, expect: ["RangeError: no", new Map([["a", 1]])],
  },
  "a throw in a transaction does not reset the object": {
    steps: [
      async ({ storage, self }) => { self.memory = "kept"; return thrown(() => storage.transaction(async () => { throw new Error("no"); })); },
      ({ self }) => self.memory,
    ], expect: ["Error: no", "kept"],
  },
  "the same error object comes out of a transaction": {
    inObject: async ({ storage }) => {
      const mine = new Error("mine");
      try { await storage.transaction(async () => { throw mine; }); } catch (error) { return error === mine; }
    }, expect: true,
  },
  "rollback undoes the writes and keeps the return value": {
    inObject: async ({ storage }) => {
      await storage.put("a", 1);
      const result = await storage.transaction(async (txn) => { await txn.put("a", 2); txn.rollback(); return "after"; });
      return [result, await storage.get("a")];
    }, expect: ["after", 1],
  },
  "rollback twice is fine": { inObject: ({ storage }) => storage.transaction(async (txn) => [txn.rollback(), txn.rollback()]), expect: [undefined, undefined] },
  "get after rollback is refused": { inObject: ({ storage }) => storage.transaction(async (txn) => { txn.rollback(); return thrown(() => txn.get("a")); }), expect: "Error: Cannot get() on rolled back transaction" },
  "put after rollback is refused": { inObject: ({ storage }) => storage.transaction(async (txn) => { txn.rollback(); return thrown(() => txn.put("a", 1)); }), expect: "Error: Cannot put() on rolled back transaction" },
  "list after rollback is refused": { inObject: ({ storage }) => storage.transaction(async (txn) => { txn.rollback(); return thrown(() => txn.list()); }), expect: "Error: Cannot list() on rolled back transaction" },
  "delete after rollback is refused": { inObject: ({ storage }) => storage.transaction(async (txn) => { txn.rollback(); return thrown(() => txn.delete("a")); }), expect: "Error: Cannot delete() on rolled back transaction" },
  "put after the commit is refused": {
    inObject: async ({ storage }) => { let kept; await storage.transaction(async (txn) => { kept = txn; }); return thrown(() => kept.put("a", 1)); }, expect: "Error: Cannot call put() on transaction that has already committed: did you move `txn` outside of the closure?",
  },
  "get after the commit is refused": {
    inObject: async ({ storage }) => { let kept; await storage.transaction(async (txn) => { kept = txn; }); return thrown(() => kept.get("a")); }, expect: "Error: Cannot call get() on transaction that has already committed: did you move `txn` outside of the closure?",
  },
  "rollback after the commit": {
    inObject: async ({ storage }) => { let kept; await storage.transaction(async (txn) => { kept = txn; await txn.put("a", 1); }); return [await thrown(() => kept.rollback()), await storage.get("a")]; }, expect: ["Error: Cannot call rollback() on transaction that has already committed: did you move `txn` outside of the closure?", 1],
  },
  "deleteAll in a transaction is refused": {
    inObject: ({ storage }) => storage.transaction(async (txn) => [await thrown(() => txn.deleteAll()), typeof txn.deleteAll]), expect: ["Error: Cannot call deleteAll() within a transaction", "function"],
  },
  "storage.deleteAll in a transaction is refused": { inObject: ({ storage }) => storage.transaction(async () => thrown(() => storage.deleteAll())), expect: "Error: Cannot call deleteAll() within a transaction" },
  "storage.put inside a transaction that throws is rolled back": {
    inObject: async ({ storage }) => {
      await thrown(() => storage.transaction(async () => { await storage.put("outer", 1); throw new Error("no"); }));
      return storage.list();
    }, expect: new Map([]),
  },
  "a nested transaction that throws takes only its own writes back": {
    inObject: async ({ storage }) => {
      await storage.transaction(async (txn) => {
        await txn.put("a", 1);
        await thrown(() => storage.transaction(async (inner) => { await inner.put("b", 2); throw new Error("no"); }));
        await txn.put("c", 3);
      });
      return storage.list();
    }, expect: new Map([["a", 1], ["c", 3]]),
  },
  "a write before a transaction is kept when it rolls back": {
    inObject: async ({ storage }) => {
      storage.put("before", 1);
      await storage.transaction(async (txn) => { await txn.put("in", 2); txn.rollback(); });
      storage.put("after", 3);
      return storage.list();
    }, expect: new Map([["after", 3], ["before", 1]]),
  },
  "two transactions run one after the other": {
    inObject: async ({ storage }) => {
      await storage.put("n", 0);
      const add = () => storage.transaction(async (txn) => { const n = await txn.get("n"); await Promise.resolve(); await txn.put("n", n + 1); });
      await Promise.all([add(), add(), add()]);
      return storage.get("n");
    }, expect: 3,
  },
  "no other event runs during a transaction": {
    run: async ({ object, call }) => {
      const [, seen] = await Promise.all([call(object, "slowTransaction"), call(object, "peek")]);
      return seen;
    }, expect: "ended",
  },
  "a transaction without a function is refused": { inObject: ({ storage }) => thrown(() => storage.transaction()), expect: "TypeError: Failed to execute 'transaction' on 'DurableObjectStorage': parameter 1 is not of type 'function'." },
  "an error thrown in a transaction reaches the caller": { run: ({ object, call }) => failure(() => call(object, "throwInTransaction")), expect: { error: "TypeError: from the transaction", remote: true } },
};

export default worker(cases);
export const Subject = objectClass(cases, {
  async slowTransaction() {
    await this.storage.transaction(async (txn) => {
      this.stage = "started";
      await txn.put("a", 1);
      await new Promise((done) => setTimeout(done, 20));
      this.stage = "ended";
    });
  },
  async peek() { return this.stage ?? "not started"; },
  async throwInTransaction() { await this.storage.transaction(async () => { throw new TypeError("from the transaction"); }); },
});

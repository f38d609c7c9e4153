// Bookmarks, and restores at the next start. (workerd has no history: what it says is beside what production does.)
// storage: sqlite
import { failure, objectClass, thrown, worker } from "./lib.mjs";

const kNone = "Error: This Durable Object's storage back-end does not implement point-in-time recovery.";
const because = "workerd keeps no history; production does";
const form = /^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/;

// Calls one new object; each time through a stub of its own, because a reset breaks the one that saw it.
function asker(env, call) {
  const id = env.Subject.newUniqueId();
  return (action, argument) => call(env.Subject.get(id), action, argument);
}

// Restores what is asked for, and starts the object anew.
async function restore(ask, bookmark) {
  const undo = await ask("restore", bookmark);
  await failure(() => ask("abort"));
  return undo;
}

// What workerd says of a case as a whole.
const backAndForth = { expect: kNone, because };
const attempt = async (action) => {
  try {
    return await action();
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
};

const cases = {
  "a bookmark has its form": { inObject: async ({ storage }) => form.test(await storage.getCurrentBookmark()), expect: true },
  "bookmarks sort by time": {
    inObject: async ({ storage }) => {
      const seen = [];
      for (let i = 0; i < 4; i++) { seen.push(await storage.getCurrentBookmark()); await storage.put("a", i); }
      return seen.every((bookmark, i) => i === 0 || bookmark > seen[i - 1]);
    }, expect: true,
  },
  "what the methods are": {
    inObject: ({ storage }) => ["getCurrentBookmark", "getBookmarkForTime", "onNextSessionRestoreBookmark"].map((name) => typeof storage[name]),
    expect: ["function", "function", "function"],
  },
  "a bookmark for a time": { inObject: ({ storage }) => attempt(async () => form.test(await storage.getBookmarkForTime(Date.now()))), expect: kNone, limpet: true, because },
  "pairs, SQL and alarm come back": {
    run: ({ env, call }) => attempt(async () => {
      const ask = asker(env, call);
      await ask("fill", 1);
      const bookmark = await ask("bookmark");
      await ask("fill", 2);
      const undo = await restore(ask, bookmark);
      const back = await ask("look");
      await restore(ask, undo);
      return [back, await ask("look")];
    }), ...backAndForth,
    limpet: [
      { a: 1, only: [1], rows: [1], alarm: 4102444800001 },
      { a: 2, only: [1, 2], rows: [1, 2], alarm: 4102444800002 },
    ],
  },
  "deleteAll is undone": {
    run: ({ env, call }) => attempt(async () => {
      const ask = asker(env, call);
      await ask("fill", 1);
      const bookmark = await ask("bookmark");
      await ask("clear");
      await restore(ask, bookmark);
      return ask("look");
    }), ...backAndForth, limpet: { a: 1, only: [1], rows: [1], alarm: 4102444800001 },
  },
  "back to before there was anything": {
    run: ({ env, call }) => attempt(async () => {
      const ask = asker(env, call);
      const bookmark = await ask("bookmark");
      await ask("fill", 1);
      await restore(ask, bookmark);
      return ask("look");
    }), ...backAndForth, limpet: { a: null, only: [], rows: null, alarm: null },
  },
  "the restore waits for the next start": {
    run: ({ env, call }) => attempt(async () => {
      const ask = asker(env, call);
      await ask("fill", 1);
      const bookmark = await ask("bookmark");
      await ask("fill", 2);
      await ask("restore", bookmark);
      const before = await ask("look");
      await ask("fill", 3);
      await failure(() => ask("abort"));
      return [before.a, (await ask("look")).a];
    }), ...backAndForth, limpet: [2, 1],
  },
  "the constructor sees what was restored": {
    run: ({ env, call }) => attempt(async () => {
      const ask = asker(env, call);
      await ask("fill", 1);
      const bookmark = await ask("bookmark");
      await ask("fill", 2);
      await restore(ask, bookmark);
      return ask("first");
    }), ...backAndForth, limpet: 1,
  },
  "an abort without await drops the wish": {
    run: async ({ env, call }) => {
      const ask = asker(env, call);
      await ask("fill", 1);
      const bookmark = await ask("bookmark");
      await ask("fill", 2);
      await failure(() => ask("restoreAndAbort", bookmark));
      return (await ask("look")).a;
    }, expect: 2,
  },
  "a wish in a transaction that is rolled back": {
    run: ({ env, call }) => attempt(async () => {
      const ask = asker(env, call);
      await ask("fill", 1);
      const bookmark = await ask("bookmark");
      await ask("fill", 2);
      await ask("restoreRolledBack", bookmark);
      await failure(() => ask("abort"));
      return (await ask("look")).a;
    }), ...backAndForth, limpet: 2,
  },
  "a bookmark does not show an open transaction": {
    run: ({ env, call }) => attempt(async () => {
      const ask = asker(env, call);
      await ask("fill", 1);
      const bookmark = await ask("bookmarkInTransaction", 7);
      const now = (await ask("look")).a;
      await restore(ask, bookmark);
      return [now, (await ask("look")).a];
    }), ...backAndForth, limpet: [7, 1],
  },
  "writes that are not awaited are in the bookmark": {
    run: ({ env, call }) => attempt(async () => {
      const ask = asker(env, call);
      const bookmark = await ask("putAndBookmark", 5);
      await ask("fill", 6);
      await restore(ask, bookmark);
      return (await ask("look")).a;
    }), ...backAndForth, limpet: 5,
  },
  "refused bookmarks": {
    inObject: async ({ storage }) => {
      const own = await storage.getCurrentBookmark();
      const asked = [undefined, "", "x", own.slice(1), own + "0", own.replace(/-/g, "_"), `f${own.slice(1)}`,
        `00000001${own.slice(8)}`, own.slice(0, -1) + (own.endsWith("0") ? "1" : "0")];
      return Promise.all(asked.map((bookmark) => thrown(() => storage.onNextSessionRestoreBookmark(bookmark))));
    },
    expect: Array(9).fill(kNone),
    limpet: [
      ...Array(6).fill("TypeError: The bookmark is not of the form 8hex-8hex-8hex-32hex that getCurrentBookmark() and getBookmarkForTime() return."),
      "Error: The point in time lies in the future.",
      "Error: The point in time is older than the history that is kept of this Durable Object.",
      "Error: The bookmark is of another Durable Object.",
    ], because,
  },
  "refused times": {
    inObject: ({ storage }) => Promise.all([undefined, "1", NaN, new Date(NaN), 0, -1, Date.now() + 3600_000].map((time) => thrown(() => storage.getBookmarkForTime(time)))),
    expect: [
      "TypeError: Failed to execute 'getBookmarkForTime' on 'DurableObjectStorage': parameter 1 is not of type 'date'.",
      "TypeError: Failed to execute 'getBookmarkForTime' on 'DurableObjectStorage': parameter 1 is not of type 'date'.",
      "TypeError: The value cannot be converted because it is not a valid Date.",
      "TypeError: The value cannot be converted because it is not a valid Date.", kNone, kNone, kNone,
    ],
    limpet: [
      "TypeError: Failed to execute 'getBookmarkForTime' on 'DurableObjectStorage': parameter 1 is not of type 'date'.",
      "TypeError: Failed to execute 'getBookmarkForTime' on 'DurableObjectStorage': parameter 1 is not of type 'date'.",
      "TypeError: The value cannot be converted because it is not a valid Date.",
      "TypeError: The value cannot be converted because it is not a valid Date.",
      "Error: The point in time is older than the history that is kept of this Durable Object.",
      "Error: The point in time is older than the history that is kept of this Durable Object.",
      "Error: The point in time lies in the future.",
    ], because,
  },
};

const actions = {
  constructed(self) {
    self.state.blockConcurrencyWhile(async () => { self.first = (await self.storage.get("a")) ?? null; });
  },
  first() { return this.first; },
  async fill(number) {
    const { storage } = this;
    storage.put("a", number);
    storage.put(`only${number}`, number);
    storage.sql.exec("CREATE TABLE IF NOT EXISTS t(x)");
    storage.sql.exec("INSERT INTO t VALUES (?)", number);
    storage.setAlarm(4102444800000 + number);
  },
  async look() {
    const { storage } = this;
    const rows = storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 't'").toArray().length === 0
      ? null : storage.sql.exec("SELECT x FROM t ORDER BY x").toArray().map(({ x }) => x);
    return { a: (await storage.get("a")) ?? null, only: [...(await storage.list({ prefix: "only" })).values()], rows, alarm: await storage.getAlarm() };
  },
  async clear() { await this.storage.deleteAlarm(); await this.storage.deleteAll(); },
  bookmark() { return this.storage.getCurrentBookmark(); },
  restore(bookmark) { return this.storage.onNextSessionRestoreBookmark(bookmark); },
  abort() { this.state.abort("restarts"); },
  restoreAndAbort(bookmark) {
    this.storage.onNextSessionRestoreBookmark(bookmark).catch(() => {});
    this.state.abort("restarts");
  },
  restoreRolledBack(bookmark) {
    return this.storage.transaction(async (txn) => {
      await this.storage.onNextSessionRestoreBookmark(bookmark);
      txn.rollback();
    });
  },
  bookmarkInTransaction(number) {
    return this.storage.transaction(async (txn) => {
      txn.put("a", number);
      return this.storage.getCurrentBookmark();
    });
  },
  putAndBookmark(number) { this.storage.put("a", number); return this.storage.getCurrentBookmark(); },
};

export class Subject extends objectClass(cases, actions) {
  alarm() {}
}

export default worker(cases);

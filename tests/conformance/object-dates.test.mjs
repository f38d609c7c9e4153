// Objects at a date before the switches that change them: when errors are thrown, what a stub and a state have.
// compatibility-date: 2022-10-30
import { failure, objectClass, thrown, worker } from "./lib.mjs";

// "at once" or "later", and the text.
async function when(action) {
  let promise;
  try { promise = action(); } catch (error) { return `at once ${error.name}: ${error.message}`; }
  if (!(promise instanceof Promise)) return "no promise";
  try { await promise; } catch (error) { return `later ${error.name}: ${error.message}`; }
  return "fine";
}

const cases = {
  "errors of storage's arguments": { inObject: async ({ storage }) => Promise.all([
    () => storage.get(), () => storage.get("a", 5), () => storage.put("a"), () => storage.put({ a: 1 }, 5), () => storage.put("a", () => 1), () => storage.delete(), () => storage.list(5), () => storage.list({ limit: 0 }), () => storage.list({ start: "a", startAfter: "b" }), () => storage.deleteAll(5), () => storage.setAlarm(),
    () => storage.setAlarm(0), () => storage.setAlarm(NaN), () => storage.getAlarm(5), () => storage.deleteAlarm(5), () => storage.transaction(), () => storage.get(Symbol("s")), () => storage.put("a", 1)].map(when)), expect: ["at once TypeError: Failed to execute 'get' on 'DurableObjectStorage': parameter 1 is not of type 'string or Array'.", "at once TypeError: Failed to execute 'get' on 'DurableObjectStorage': parameter 2 is not of type 'GetOptions'.", "at once TypeError: put() called with undefined value.", "at once TypeError: put() may only be called with a single key-value pair and optional options as put(key, value, options) or with multiple key-value pairs and optional options as put(entries, options)", "at once DataCloneError: () => 1 could not be cloned.", "at once TypeError: Failed to execute 'delete' on 'DurableObjectStorage': parameter 1 is not of type 'string or Array'.", "at once TypeError: Failed to execute 'list' on 'DurableObjectStorage': parameter 1 is not of type 'ListOptions'.", "at once TypeError: List limit must be positive.", "at once TypeError: list() cannot be called with both start and startAfter values.", "at once TypeError: Failed to execute 'deleteAll' on 'DurableObjectStorage': parameter 1 is not of type 'PutOptions'.", "at once TypeError: Failed to execute 'setAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'date'.", "at once TypeError: setAlarm() cannot be called with an alarm time <= 0", "at once TypeError: The value cannot be converted because it is not a valid Date.", "at once TypeError: Failed to execute 'getAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'GetAlarmOptions'.", "at once TypeError: Failed to execute 'deleteAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'SetAlarmOptions'.", "at once TypeError: Failed to execute 'transaction' on 'DurableObjectStorage': parameter 1 is not of type 'function'.", "at once TypeError: Cannot convert a Symbol value to a string", "fine"] },
  "errors of a transaction": { inObject: ({ storage }) => storage.transaction(async (txn) => {
    const open = await Promise.all([() => txn.get(), () => txn.put("a"), () => txn.list({ limit: 0 }), () => storage.deleteAll()].map(when));
    txn.rollback();
    return [open, await Promise.all([() => txn.get("a"), () => txn.put("a", 1), () => txn.delete("a"), () => txn.list(), () => txn.getAlarm()].map(when))];
  }), expect: [["at once TypeError: Failed to execute 'get' on 'DurableObjectTransaction': parameter 1 is not of type 'string or Array'.", "at once TypeError: put() called with undefined value.", "at once TypeError: List limit must be positive.", "at once Error: Cannot call deleteAll() within a transaction"], ["at once Error: Cannot get() on rolled back transaction", "at once Error: Cannot put() on rolled back transaction", "at once Error: Cannot delete() on rolled back transaction", "at once Error: Cannot list() on rolled back transaction", "at once Error: Cannot getAlarm() on rolled back transaction"]] },
  "errors of state's arguments": { inObject: async ({ state }) => Promise.all([() => state.blockConcurrencyWhile(), () => state.blockConcurrencyWhile(5), () => state.waitUntil()].map(when)), expect: ["at once TypeError: Failed to execute 'blockConcurrencyWhile' on 'DurableObjectState': parameter 1 is not of type 'function'.", "at once TypeError: Failed to execute 'blockConcurrencyWhile' on 'DurableObjectState': parameter 1 is not of type 'function'.", "at once TypeError: Failed to execute 'waitUntil' on 'DurableObjectState': parameter 1 is not of type 'Promise'."] },
  "errors of a stub's arguments": { run: async ({ object }) => Promise.all([() => object.fetch(), () => object.fetch("/relative"), () => object.fetch("http://object/", { method: "GET", body: "b" }), () => object.fetch("http://object/", 5)].map(when)), expect: ["at once TypeError: Failed to execute 'fetch' on 'Fetcher': parameter 1 is not of type 'Request or string'.", "later TypeError: Fetch API cannot load: /relative", "later TypeError: Request with a GET or HEAD method cannot have a body.", "at once TypeError: Failed to execute 'fetch' on 'Fetcher': parameter 2 is not of type 'RequestInitializerDict or Request'."] },
  "members of a state": { inObject: ({ state }) => ["id", "storage", "exports", "props", "abort", "acceptWebSocket", "blockConcurrencyWhile", "getTags", "getWebSockets", "waitUntil"].map((name) => typeof state[name]), expect: ["object", "object", "undefined", "object", "function", "function", "function", "function", "function", "function"] },
  "members of a stub": { run: ({ object }) => ["get", "put", "delete", "fetch", "connect", "anything", "then", "id", "name"].map((name) => typeof object[name]), expect: ["function", "function", "function", "function", "function", "undefined", "undefined", "object", "undefined"] },
  "an error of an object's own": { run: ({ object, call }) => failure(() => call(object, "throwsOwn")), expect: { error: "Error: Own: mine", remote: true } },
  "deleteAll and the alarm": { inObject: async ({ storage }) => { await storage.setAlarm(4102444800000); await storage.put("a", 1); await storage.deleteAll(); return [await storage.getAlarm(), await storage.list()]; }, expect: [4102444800000, new Map([])] },
  "names of old classes": { inObject: ({ storage, state }) => [storage.constructor.name, state.constructor.name, typeof storage.sync, typeof storage.getCurrentBookmark], expect: ["DurableObjectStorage", "DurableObjectState", "function", "function"] },
  "getters of a stub, an ID and a state are their own": { run: async ({ object }) => [Object.hasOwn(object, "id"), Object.hasOwn(object.id, "name"), await thrown(() => object.anything())], expect: [true, true, "TypeError: object.anything is not a function"] },
};

export default worker(cases);
export class Subject extends objectClass(cases, {
  throwsOwn() { throw Object.assign(new (class Own extends TypeError {})("mine"), { code: 5, name: "Own" }); },
}) {
  alarm() {}
}

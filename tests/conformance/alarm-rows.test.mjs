// Alarms row by row: odd times, order with other writes, transactions, what the handler sees.
import { failure, objectClass, thrown, worker } from "./lib.mjs";

const far = 4102444800000; // 2100
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
async function ran(object, call, count) {
  for (let tries = 0; tries < 2000; tries++) {
    const runs = await call(object, "runs");
    if (runs.length >= count) return runs;
    await wait(25);
  }
  return call(object, "runs");
}

const cases = {
  "times of every type": { inObject: async ({ storage }) => {
    const seen = [];
    for (const time of [far, far + 0.9, new Date(far), new Date(far + 1), 9223372036854, 9223372036855, 8.64e15, 1e300, -1e300, -Infinity, -0, 0.5, 1, 10n, Symbol("s"), () => far, [far], { valueOf: () => far }, new Number(far), String(far), new (class extends Date {})(far)]) {
      await storage.deleteAlarm();
      const failed = await thrown(() => storage.setAlarm(time));
      const at = await storage.getAlarm();
      seen.push([failed, at === null || at > Date.now() + 1e6 ? at : "now"]);
    }
    return seen;
  }, expect: [["nothing thrown", 4102444800000], ["nothing thrown", 4102444800000], ["nothing thrown", 4102444800000], ["nothing thrown", 4102444800001], ["nothing thrown", 9223372036854], ["TypeError: This API doesn't support dates after 2189.", null], ["TypeError: This API doesn't support dates after 2189.", null], ["TypeError: This API doesn't support dates after 2189.", null], ["TypeError: This API doesn't support dates before 1687.", null], ["TypeError: The value cannot be converted because it is not a valid Date.", null], ["TypeError: setAlarm() cannot be called with an alarm time <= 0", null], ["TypeError: setAlarm() cannot be called with an alarm time <= 0", null], ["nothing thrown", "now"], ["TypeError: Failed to execute 'setAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'date'.", null], ["TypeError: Failed to execute 'setAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'date'.", null], ["TypeError: Failed to execute 'setAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'date'.", null], ["TypeError: Failed to execute 'setAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'date'.", null], ["TypeError: Failed to execute 'setAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'date'.", null], ["TypeError: Failed to execute 'setAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'date'.", null], ["TypeError: Failed to execute 'setAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'date'.", null], ["nothing thrown", 4102444800000]] },
  "a date that is changed behind the call": { inObject: async ({ storage }) => { const date = new Date(far); const set = storage.setAlarm(date); date.setTime(far + 5000); await set; return storage.getAlarm(); }, expect: 4102444800000 },
  "no arguments": { inObject: async ({ storage }) => [await thrown(() => storage.setAlarm()), await storage.getAlarm(), await storage.deleteAlarm()], expect: ["TypeError: Failed to execute 'setAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'date'.", null, undefined] },
  "options of every type": { inObject: async ({ storage }) => {
    const seen = [];
    for (const options of [undefined, null, {}, [], () => 1, { allowConcurrency: true }, { allowUnconfirmed: true, noCache: 1 }, "o", 5, true, Symbol("s")]) seen.push([await thrown(() => storage.setAlarm(far, options)), await thrown(() => storage.getAlarm(options)), await thrown(() => storage.deleteAlarm(options))]);
    return seen;
  }, expect: [["nothing thrown", "nothing thrown", "nothing thrown"], ["nothing thrown", "nothing thrown", "nothing thrown"], ["nothing thrown", "nothing thrown", "nothing thrown"], ["nothing thrown", "nothing thrown", "nothing thrown"], ["nothing thrown", "nothing thrown", "nothing thrown"], ["nothing thrown", "nothing thrown", "nothing thrown"], ["nothing thrown", "nothing thrown", "nothing thrown"], ["TypeError: Failed to execute 'setAlarm' on 'DurableObjectStorage': parameter 2 is not of type 'SetAlarmOptions'.", "TypeError: Failed to execute 'getAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'GetAlarmOptions'.", "TypeError: Failed to execute 'deleteAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'SetAlarmOptions'."], ["TypeError: Failed to execute 'setAlarm' on 'DurableObjectStorage': parameter 2 is not of type 'SetAlarmOptions'.", "TypeError: Failed to execute 'getAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'GetAlarmOptions'.", "TypeError: Failed to execute 'deleteAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'SetAlarmOptions'."], ["TypeError: Failed to execute 'setAlarm' on 'DurableObjectStorage': parameter 2 is not of type 'SetAlarmOptions'.", "TypeError: Failed to execute 'getAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'GetAlarmOptions'.", "TypeError: Failed to execute 'deleteAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'SetAlarmOptions'."], ["TypeError: Failed to execute 'setAlarm' on 'DurableObjectStorage': parameter 2 is not of type 'SetAlarmOptions'.", "TypeError: Failed to execute 'getAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'GetAlarmOptions'.", "TypeError: Failed to execute 'deleteAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'SetAlarmOptions'."]] },
  "reads and writes of a burst": { inObject: async ({ storage }) => {
    storage.setAlarm(far);
    const first = storage.getAlarm();
    storage.setAlarm(far + 1);
    const second = storage.getAlarm();
    storage.deleteAlarm();
    const third = storage.getAlarm();
    storage.setAlarm(far + 2);
    return [await first, await second, await third, await storage.getAlarm()];
  }, expect: [4102444800000, 4102444800001, null, 4102444800002] },
  "deleteAlarm of none": { inObject: async ({ storage }) => [await storage.deleteAlarm(), await storage.deleteAlarm(), await storage.getAlarm()], expect: [undefined, undefined, null] },
  "it is neither in list nor in get": { inObject: async ({ storage }) => { await storage.setAlarm(far); await storage.put("a", 1); return [[...(await storage.list()).keys()], await storage.get("alarm"), await storage.get("")]; }, expect: [["a"], undefined, undefined] },
  "a rollback gives the one before": { inObject: async ({ storage }) => { await storage.setAlarm(far); const inside = await storage.transaction(async (txn) => { await txn.deleteAlarm(); const gone = await storage.getAlarm(); await storage.setAlarm(far + 9); const anew = await txn.getAlarm(); txn.rollback(); return [gone, anew]; }); return [inside, await storage.getAlarm()]; }, expect: [[null, 4102444800009], 4102444800000] },
  "nested transactions": { inObject: async ({ storage }) => { await storage.transaction(async (txn) => { await txn.setAlarm(far); await thrown(() => storage.transaction(async (inner) => { await inner.setAlarm(far + 1); throw new Error("inner"); })); }); return storage.getAlarm(); }, expect: 4102444800000 },
  "the methods of a transaction refuse after a rollback": { inObject: ({ storage }) => storage.transaction(async (txn) => { txn.rollback(); return [await thrown(() => txn.setAlarm(far)), await thrown(() => txn.getAlarm()), await thrown(() => txn.deleteAlarm())]; }), expect: ["Error: Cannot setAlarm() on rolled back transaction", "Error: Cannot getAlarm() on rolled back transaction", "Error: Cannot deleteAlarm() on rolled back transaction"] },
  "arguments in a transaction": { inObject: ({ storage }) => storage.transaction(async (txn) => [await thrown(() => txn.setAlarm()), await thrown(() => txn.setAlarm("1")), await thrown(() => txn.setAlarm(NaN)), await thrown(() => txn.setAlarm(0)), await thrown(() => txn.getAlarm(5)), await thrown(() => txn.deleteAlarm(5))]), expect: ["TypeError: Failed to execute 'setAlarm' on 'DurableObjectTransaction': parameter 1 is not of type 'date'.", "TypeError: Failed to execute 'setAlarm' on 'DurableObjectTransaction': parameter 1 is not of type 'date'.", "TypeError: The value cannot be converted because it is not a valid Date.", "TypeError: setAlarm() cannot be called with an alarm time <= 0", "TypeError: Failed to execute 'getAlarm' on 'DurableObjectTransaction': parameter 1 is not of type 'GetAlarmOptions'.", "TypeError: Failed to execute 'deleteAlarm' on 'DurableObjectTransaction': parameter 1 is not of type 'SetAlarmOptions'."] },
  "an abort takes what was set in its burst": { run: async ({ env, call, newObject }) => { const object = newObject(); await failure(() => call(object, "setsThenAborts")); return call(env.Subject.get(object.id), "shown"); }, expect: 4102444800000 },
  "what was set before a throw stays": { run: async ({ object, call }) => { await failure(() => call(object, "setsThenThrows")); return call(object, "shown"); }, expect: 4102444800000 },
  "deleteAll in the handler": { run: async ({ object, call }) => { await call(object, "soon", { deletesAll: true }); await ran(object, call, 1); return [await call(object, "keys"), await call(object, "shown")]; }, expect: [[], null] },
  "deleteAlarm in the handler": { run: async ({ object, call }) => { await call(object, "soon", { deletes: true }); const [info] = await ran(object, call, 1); return [info.after, await call(object, "shown")]; }, expect: [null, null] },
  "set and deleted in the handler": { run: async ({ object, call }) => { await call(object, "soon", { setsFar: true }); const [info] = await ran(object, call, 1); return [info.after, await call(object, "shown")]; }, expect: [null, null] },
  "a transaction in the handler": { run: async ({ object, call }) => { await call(object, "soon", { transaction: true }); await ran(object, call, 1); return [await call(object, "keys"), await call(object, "shown")]; }, expect: [["in", "kept"], 4102444800000] },
  "what the handler's argument is": { run: async ({ object, call }) => { await call(object, "soon", {}); return (await ran(object, call, 1))[0].look; }, expect: [1, "[object AlarmInvocationInfo]", ["isRetry", "retryCount", "scheduledTime"], false, "number"] },
  "what the handler gives is dropped": { run: async ({ object, call }) => { await call(object, "soon", { gives: true }); await ran(object, call, 1); return (await call(object, "runs")).length; }, expect: 1 },
  "events that come while the handler runs see none": { run: async ({ object, call }) => { await call(object, "soon", { waits: 300 }); await ran(object, call, 1); return call(object, "shown"); }, expect: null },
  "one that is set while the handler runs is for later": { run: async ({ object, call }) => { await call(object, "soon", { waits: 200 }); await ran(object, call, 1); await call(object, "setFar"); await wait(300); return [await call(object, "shown"), (await call(object, "runs")).length]; }, expect: [4102444800000, 1] },
  "one that is deleted while the handler runs stays deleted": { run: async ({ object, call }) => { await call(object, "soon", { waits: 200 }); await ran(object, call, 1); await call(object, "take"); await wait(300); return [await call(object, "shown"), (await call(object, "runs")).length]; }, expect: [null, 1] },
  "a class whose handler is no function": { run: async ({ env }) => (await env.Odd.get(env.Odd.newUniqueId()).fetch("http://object/")).json(), expect: ["TypeError: Your Durable Object class must have an alarm() handler in order to call setAlarm()", null] },
};

const actions = {
  constructed(self) { self.seen = []; self.plan = {}; },
  async soon(plan) { this.plan = plan; await this.storage.put("kept", 1); await this.storage.setAlarm(Date.now() + 30); },
  runs() { return this.seen; },
  async shown() { return { at: await this.storage.getAlarm() }.at ?? null; },
  async keys() { return [...(await this.storage.list()).keys()]; },
  take() { return this.storage.deleteAlarm(); },
  setFar() { return this.storage.setAlarm(far); },
  async setsThenAborts() { await this.storage.setAlarm(far); await this.storage.sync(); this.storage.setAlarm(far + 5); this.state.abort("ended"); },
  setsThenThrows() { this.storage.setAlarm(far); throw new Error("after it"); },
};

export class Subject extends objectClass(cases, actions) {
  async alarm(...args) {
    const { plan, storage } = this;
    const [info] = args;
    if (plan.deletesAll) await storage.deleteAll();
    if (plan.deletes) await storage.deleteAlarm();
    if (plan.setsFar) { await storage.setAlarm(far); await storage.deleteAlarm(); }
    if (plan.transaction) await storage.transaction(async (txn) => { await txn.put("in", 1); await txn.setAlarm(far); });
    this.seen.push({ after: await storage.getAlarm(), look: [args.length, Object.prototype.toString.call(info), Object.keys(info).sort(), Object.getPrototypeOf(info) === Object.prototype, typeof info.scheduledTime] });
    if (plan.waits) await wait(plan.waits);
    if (plan.gives) return { given: Symbol("s") };
  }
}

export class Odd {
  alarm = 5;
  constructor(state) { this.storage = state.storage; }
  async fetch() { return Response.json([await thrown(() => this.storage.setAlarm(far)), await this.storage.getAlarm()]); }
}

export default worker(cases);

// The alarm of an object: times, what is seen of it inside and outside of its handler, errors and their texts.
import { objectClass, thrown, worker } from "./lib.mjs";

const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const far = 4102444800000; // 2100

// Waits, in events of its own, until the handler has run `count` times.
async function ran(object, call, count) {
  for (let tries = 0; tries < 2000; tries++) {
    const runs = await call(object, "runs");
    if (runs.length >= count) return runs;
    await wait(25);
  }
  throw new Error("the alarm did not run");
}

const cases = {
  "there is none at first": { inObject: ({ storage }) => storage.getAlarm(), expect: null },
  "setAlarm resolves with undefined": { inObject: ({ storage }) => storage.setAlarm(far), expect: undefined },
  "getAlarm answers what was set": {
    inObject: async ({ storage }) => { storage.setAlarm(far); return storage.getAlarm(); }, expect: far,
  },
  "a Date will do": {
    inObject: async ({ storage }) => { await storage.setAlarm(new Date(far)); return storage.getAlarm(); }, expect: far,
  },
  "fractions are dropped": {
    inObject: async ({ storage }) => { await storage.setAlarm(far + 0.9); return storage.getAlarm(); }, expect: far,
  },
  "it lasts from one event to the next": {
    steps: [({ storage }) => storage.setAlarm(far), ({ storage }) => storage.getAlarm()], expect: [undefined, far],
  },
  "the last one set counts": {
    inObject: async ({ storage }) => { storage.setAlarm(far); storage.setAlarm(far + 1); return storage.getAlarm(); }, expect: far + 1,
  },
  "deleteAlarm takes it back": {
    inObject: async ({ storage }) => {
      await storage.setAlarm(far);
      const before = await storage.deleteAlarm();
      return [before, await storage.getAlarm()];
    }, expect: [undefined, null],
  },
  "a time in the past is now": {
    inObject: async ({ storage }) => {
      const before = Date.now();
      await storage.setAlarm(1);
      const at = await storage.getAlarm();
      return at === null || (at >= before && at <= Date.now());
    }, expect: true,
  },
  "refused times": {
    inObject: async ({ storage }) => {
      const times = [0, -1, NaN, new Date(NaN), Infinity, new Date(0), "1", undefined, null, {}, true];
      return Promise.all(times.map((time) => thrown(() => storage.setAlarm(time))));
    },
    expect: [
      "TypeError: setAlarm() cannot be called with an alarm time <= 0",
      "TypeError: setAlarm() cannot be called with an alarm time <= 0",
      "TypeError: The value cannot be converted because it is not a valid Date.",
      "TypeError: The value cannot be converted because it is not a valid Date.",
      "TypeError: The value cannot be converted because it is not a valid Date.",
      "TypeError: setAlarm() cannot be called with an alarm time <= 0",
      "TypeError: Failed to execute 'setAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'date'.",
      "TypeError: Failed to execute 'setAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'date'.",
      "TypeError: Failed to execute 'setAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'date'.",
      "TypeError: Failed to execute 'setAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'date'.",
      "TypeError: Failed to execute 'setAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'date'.",
    ],
  },
  "options of another type are refused": {
    inObject: async ({ storage }) => [
      await thrown(() => storage.setAlarm(far, 5)), await thrown(() => storage.getAlarm(5)), await thrown(() => storage.deleteAlarm(5)),
    ],
    expect: [
      "TypeError: Failed to execute 'setAlarm' on 'DurableObjectStorage': parameter 2 is not of type 'SetAlarmOptions'.",
      "TypeError: Failed to execute 'getAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'GetAlarmOptions'.",
      "TypeError: Failed to execute 'deleteAlarm' on 'DurableObjectStorage': parameter 1 is not of type 'SetAlarmOptions'.",
    ],
  },
  "a class without a handler may not set one, but for its constructor": {
    run: async ({ env }) => {
      const object = env.Bare.get(env.Bare.newUniqueId());
      return (await object.fetch("http://object/")).json();
    },
    expect: ["nothing thrown", "TypeError: Your Durable Object class must have an alarm() handler in order to call setAlarm()"],
  },
  "a transaction that fails takes it back": {
    inObject: async ({ storage }) => {
      await storage.setAlarm(far);
      await thrown(() => storage.transaction(async (txn) => {
        await txn.setAlarm(far + 5);
        if (await txn.getAlarm() !== far + 5) throw new Error("not seen inside");
        throw new Error("back");
      }));
      return storage.getAlarm();
    }, expect: far,
  },
  "a transaction that ends well keeps it": {
    inObject: async ({ storage }) => {
      await storage.setAlarm(far);
      await storage.transaction((txn) => txn.deleteAlarm());
      const after = await storage.getAlarm();
      await storage.transaction((txn) => txn.setAlarm(far + 7));
      return [after, await storage.getAlarm()];
    }, expect: [null, far + 7],
  },
  "a transaction that is over refuses": {
    inObject: async ({ storage }) => {
      let kept;
      await storage.transaction(async (txn) => { kept = txn; });
      return [
        await thrown(() => kept.setAlarm(far)), await thrown(() => kept.getAlarm()), await thrown(() => kept.deleteAlarm()),
      ];
    },
    expect: ["setAlarm", "getAlarm", "deleteAlarm"].map((name) => `Error: Cannot call ${name}() on transaction that has already ` +
      "committed: did you move `txn` outside of the closure?"),
  },
  "deleteAll takes it, too": {
    inObject: async ({ storage }) => { await storage.setAlarm(far); await storage.deleteAll(); return storage.getAlarm(); }, expect: null,
  },
  "it is no key": {
    inObject: async ({ storage }) => { await storage.setAlarm(far); return (await storage.list()).size; }, expect: 0,
  },
  "the handler is told when it was set for": {
    run: async ({ object, call }) => {
      const at = await call(object, "soon", {});
      const [info] = await ran(object, call, 1);
      return [info.scheduledTime === at, info.retryCount, info.isRetry, info.now >= at, info.inside, await call(object, "shown")];
    }, expect: [true, 0, false, true, null, null],
  },
  "set anew in its handler it runs again": {
    run: async ({ object, call }) => {
      await call(object, "soon", { again: 2 });
      const runs = await ran(object, call, 3);
      return runs.map((info) => [info.retryCount, info.set]);
    }, expect: [[0, true], [0, true], [0, false]],
  },
  "other events run while the handler waits": {
    run: async ({ object, call }) => {
      await call(object, "soon", { waits: 400 });
      await ran(object, call, 1);
      const between = await call(object, "ended");
      for (let tries = 0; tries < 100 && !(await call(object, "ended")); tries++) await wait(25);
      return [between, await call(object, "ended")];
    }, expect: [false, true],
  },
  "what the handler writes is there": {
    run: async ({ object, call }) => {
      await call(object, "soon", { puts: "from the alarm" });
      await ran(object, call, 1);
      return call(object, "value");
    }, expect: "from the alarm",
  },
  "deleted before its time it does not run": {
    run: async ({ object, call }) => {
      await call(object, "soon", { in: 1500 });
      await call(object, "take");
      await wait(1700);
      return (await call(object, "runs")).length;
    }, expect: 0,
  },
  "the object's name is known in the handler": {
    run: async ({ env, call }) => {
      const object = env.Subject.getByName("an alarm's object");
      await call(object, "soon", {});
      return (await ran(object, call, 1))[0].name;
    }, expect: "an alarm's object",
  },
};

const actions = {
  constructed(self) { self.runs = []; self.plan = {}; self.ended = false; },
  async soon(plan) {
    this.plan = plan;
    const at = Date.now() + (plan.in ?? 40);
    await this.storage.setAlarm(at);
    return at;
  },
  runs() { return this.runs; },
  ended() { return this.ended; },
  async shown() { return { at: await this.storage.getAlarm() }.at ?? null; },
  async value() { return (await this.storage.get("value")) ?? null; },
  take() { return this.storage.deleteAlarm(); },
};

export class Subject extends objectClass(cases, actions) {
  async alarm(info) {
    const inside = await this.storage.getAlarm();
    const set = this.runs.length < (this.plan.again ?? 0);
    if (set) await this.storage.setAlarm(Date.now() + 10);
    if (this.plan.puts) await this.storage.put("value", this.plan.puts);
    this.runs.push({ ...info, inside, set, now: Date.now(), name: this.state.id.name });
    if (this.plan.waits) await wait(this.plan.waits);
    this.ended = true;
  }
}

// Without alarm().
export class Bare {
  constructor(state) {
    this.storage = state.storage;
    this.first = thrown(() => state.storage.setAlarm(far));
  }
  async fetch() {
    return Response.json([await this.first, await thrown(() => this.storage.setAlarm(far))]);
  }
}

export default worker(cases);

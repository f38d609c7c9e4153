// Before 2026-02-24 deleteAll() leaves the alarm alone.
// compatibility-date: 2026-02-23
import { objectClass, worker } from "./lib.mjs";

const far = 4102444800000; // 2100

const cases = {
  "deleteAll keeps the alarm": {
    inObject: async ({ storage }) => {
      await storage.put("a", 1);
      await storage.setAlarm(far);
      await storage.deleteAll();
      return [await storage.getAlarm(), (await storage.list()).size];
    }, expect: [far, 0],
  },
  "an alarm of the same burst is kept, too": {
    steps: [({ storage }) => { storage.put("a", 1); storage.setAlarm(far); return storage.deleteAll(); },
      async ({ storage }) => [await storage.getAlarm(), (await storage.list()).size]],
    expect: [undefined, [far, 0]],
  },
};

export class Subject extends objectClass(cases) {
  alarm() {}
}
export default worker(cases);

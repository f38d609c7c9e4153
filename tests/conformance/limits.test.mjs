// Limits of storage and of waiting. workerd keeps only SQLite's limits; production's are checked in front of it, and
// limpet follows production.
import { failure, objectClass, thrown, worker } from "./lib.mjs";

const kBecause = "production refuses these; workerd leaves that to the closed part in front of it";
const keys = (count) => Array.from({ length: count }, (_, index) => `k${index}`);
// The first sentence without its full stop: what follows names sizes, which depend on the serialiser.
const firstSentence = async (action) => (await thrown(action)).split(/\.(?= |$)/)[0];

const cases = {
  "a key of 2,048 bytes is fine": { inObject: async ({ storage }) => { await storage.put("x".repeat(2048), 1); return storage.get("x".repeat(2048)); }, expect: 1 },
  "a key of 2,049 bytes": { inObject: ({ storage }) => firstSentence(() => storage.put("x".repeat(2049), 1)), expect: "nothing thrown", limpet: "RangeError: Keys cannot be larger than 2048 bytes", because: kBecause },
  "a long key counts in UTF-8 bytes": { inObject: ({ storage }) => firstSentence(() => storage.put("\u00e4".repeat(1025), 1)), expect: "nothing thrown", limpet: "RangeError: Keys cannot be larger than 2048 bytes", because: kBecause },
  "a value of 131,072 bytes is fine": { inObject: async ({ storage }) => { await storage.put("k", "x".repeat(131072)); return (await storage.get("k")).length; }, expect: 131072 },
  "a value over the limit": { inObject: ({ storage }) => firstSentence(() => storage.put("k", "x".repeat(200000))), expect: "nothing thrown", limpet: "RangeError: Values cannot be larger than 131072 bytes", because: kBecause },
  "a value over the limit among entries": { inObject: ({ storage }) => firstSentence(() => storage.put({ a: 1, k: "x".repeat(200000) })), expect: "nothing thrown", limpet: 'RangeError: Value for key "k" is above the limit of 131072 bytes', because: kBecause },
  "a refused entry refuses them all": {
    inObject: async ({ storage }) => { await thrown(() => storage.put({ a: 1, k: "x".repeat(200000) })); return (await storage.list()).size; }, expect: 2, limpet: 0, because: kBecause,
  },
  "129 keys in one get": { inObject: ({ storage }) => firstSentence(() => storage.get(keys(129))), expect: "nothing thrown", limpet: "RangeError: Maximum number of keys is 128", because: kBecause },
  "129 keys in one delete": { inObject: ({ storage }) => firstSentence(() => storage.delete(keys(129))), expect: "nothing thrown", limpet: "RangeError: Maximum number of keys is 128", because: kBecause },
  "129 pairs in one put": { inObject: ({ storage }) => firstSentence(() => storage.put(Object.fromEntries(keys(129).map((key) => [key, 1])))), expect: "nothing thrown", limpet: "RangeError: Maximum number of pairs is 128", because: kBecause },
  "blockConcurrencyWhile of more than 30 s resets the object": {
    run: async ({ env, call }) => {
      const id = env.Subject.newUniqueId();
      await call(env.Subject.get(id), "remember");
      const error = await failure(() => call(env.Subject.get(id), "blockForLong"));
      return [error, await call(env.Subject.get(id), "remembers")];
    }, expect: [{ error: "Error: A call to blockConcurrencyWhile() in a Durable Object waited for too long. The call was canceled and the Durable Object was reset.", remote: true, overloaded: true, durableObjectReset: true }, false],
  },
};

export default worker(cases);
export const Subject = objectClass(cases, {
  async remember() { this.memory = true; },
  async remembers() { return this.memory ?? false; },
  async blockForLong() { await this.state.blockConcurrencyWhile(() => new Promise((done) => setTimeout(done, 40000))); },
});

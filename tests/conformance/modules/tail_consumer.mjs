// Keeps what its tail() is told, by a word in the events' first log line.
import { WorkerEntrypoint } from "cloudflare:workers";

const told = new Map();
const nameOf = (value) => value?.constructor?.name;

export default {
  async tail(events, env, ctx) {
    for (const event of events) {
      const word = event.logs[0]?.message?.[0];
      const request = event.event?.request;
      const item = JSON.parse(JSON.stringify(event));
      const shape = {
        array: Array.isArray(events), count: events.length, ctx: nameOf(ctx), env: typeof env,
        kinds: [event, event.event, request, event.logs[0], event.exceptions[0]].map(nameOf),
        tags: [event, event.event, request].map((each) => each && Object.prototype.toString.call(each)),
        keys: Object.keys(event).sort(), eventKeys: event.event && Object.keys(event.event).sort(), requestKeys: request && Object.keys(request).sort(),
        unredacted: request && { url: request.getUnredacted().url, headers: request.getUnredacted().headers },
        date: event.event?.scheduledTime instanceof Date,
      };
      told.set(word, { item, shape });
    }
  },
};

export class Reader extends WorkerEntrypoint {
  take(word) { return told.get(word); }
}

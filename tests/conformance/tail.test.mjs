// Tail Workers: what a Worker's tail() is told of another one's events.
import { worker } from "./lib.mjs";

async function told(env, word) {
  for (;;) {
    const seen = await env.READER.take(word);
    if (seen !== undefined) return seen;
    await scheduler.wait(3);
  }
}
const fetched = async (env, path, init) => { await env.PRODUCER.fetch(`http://producer${path}`, init).catch(() => {}); return await told(env, path.slice(1).split("?")[0]); };
// Without what workerd does not know: names of scripts, versions, and the status of an answer.
function settled(item) {
  delete item.scriptName;
  delete item.scriptVersion;
  delete item.event?.response;
  return item;
}
// Without what changes from run to run.
function steady({ item, shape }) {
  settled(item);
  for (const key of ["eventTimestamp", "cpuTime", "wallTime"]) item[key] = typeof item[key];
  for (const each of [...item.logs, ...item.exceptions]) each.timestamp = typeof each.timestamp;
  for (const each of item.exceptions) each.stack = each.stack?.split("\n")[0];
  return { item, shape };
}

const cases = {
  "a request": { run: async ({ env }) => steady(await fetched(env, "/plain?q=1", { headers: { "x-one": "1", authorization: "Bearer x", "X-Api-Key": "k", cookie: "c" } })), expect: { item: { wallTime: "number", cpuTime: "number", truncated: false, executionModel: "stateless", outcome: "ok", diagnosticsChannelEvents: [], exceptions: [], logs: [{ message: ["plain"], level: "log", timestamp: "number" }], eventTimestamp: "number",
      event: { request: { url: "http://producer/plain?q=1", method: "GET", headers: { authorization: "REDACTED", cookie: "REDACTED", "x-api-key": "REDACTED", "x-one": "1" } } } },
    shape: { array: true, count: 1, ctx: "ExecutionContext", env: "object", kinds: ["TraceItem", "FetchEventInfo", "Request", "TraceLog", undefined], tags: ["[object TraceItem]", "[object FetchEventInfo]", "[object Request]"],
      keys: ["cpuTime", "diagnosticsChannelEvents", "dispatchNamespace", "durableObjectId", "entrypoint", "event", "eventTimestamp", "exceptions", "executionModel", "logs", "outcome", "preview", "scriptName", "scriptTags", "scriptVersion", "tailAttributes", "truncated", "wallTime"],
      eventKeys: ["request", "response"], requestKeys: ["cf", "headers", "method", "url"],
      unredacted: { url: "http://producer/plain?q=1", headers: { authorization: "Bearer x", cookie: "c", "x-api-key": "k", "x-one": "1" } }, date: false } } },
  "its answer": { run: async ({ env }) => settled((await fetched(env, "/status", { method: "POST", body: "b" })).item).event, expect: { request: { url: "http://producer/status", method: "POST", headers: { "content-type": "text/plain;charset=UTF-8" } } } },
  "log lines": { run: async ({ env }) => (await fetched(env, "/logs")).item.logs.map(({ level, message }) => [level, message]), expect: [["log", ["logs"]], ["debug", ["debug"]], ["info", ["info"]], ["warn", ["warn"]], ["error", ["error"]], ["log", ["several", 1, { a: [1, "x"] }, null, null, true]], ["log", []],
    ["log", ["odd", {}]], ["log", ["odd", "() => 1"]], ["log", ["odd", "10"]], ["log", ["odd", "[object Map]"]], ["log", ["odd", "1970-01-01T00:00:00.000Z"]], ["log", ["odd", {}]], ["log", ["odd", null]], ["log", ["odd", "0,0"]], ["log", ["odd", "RangeError: odd"]]] },
  "an exception": { run: async ({ env }) => { const { item } = steady(await fetched(env, "/throw")); return [item.outcome, item.exceptions, item.event]; }, expect: ["exception", [{ stack: "    at Object.fetch (modules/tail_producer.mjs:15:38)", name: "RangeError", message: "thrown", timestamp: "number" }], { request: { url: "http://producer/throw", method: "GET", headers: {} } }] },
  "what waitUntil does": { run: async ({ env }) => { const { item } = await fetched(env, "/later"); return [item.outcome, item.logs.map(({ message }) => message)]; }, expect: ["ok", [["later"], ["after the answer"]]] },
  "a rejection that nobody catches": { run: async ({ env }) => { const { item } = steady(await fetched(env, "/rejects")); return [item.outcome, item.exceptions.map(({ name, message }) => [name, message])]; }, expect: ["ok", [["TypeError", "nobody waits"]]] },
  "a long name in the address": { run: async ({ env }) => { const path = "/" + "0123456789abcdef".repeat(4); const { item, shape } = await fetched(env, path); return [item.event.request.url, shape.unredacted.url]; }, expect: ["http://producer/REDACTED", "http://producer/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"] },
  "a named entrypoint": { run: async ({ env }) => { await env.NAMED.fetch("http://named/"); const item = settled((await told(env, "named")).item); return [item.entrypoint, item.event]; }, expect: ["Named", { request: { url: "http://named/", method: "GET", headers: {} } }] },
  "a method": { run: async ({ env }) => { await env.NAMED.method("called"); const { item, shape } = steady(await told(env, "called")); return [item, shape.kinds, shape.eventKeys]; }, expect: [{ wallTime: "number", cpuTime: "number", truncated: false, executionModel: "stateless", outcome: "ok", entrypoint: "Named", diagnosticsChannelEvents: [], exceptions: [], logs: [{ message: ["called"], level: "log", timestamp: "number" }], eventTimestamp: "number", event: { rpcMethod: "method" } }, ["TraceItem", "JsRpcEventInfo", undefined, "TraceLog", undefined], ["rpcMethod"]] },
  "a method that throws": { run: async ({ env }) => { await env.NAMED.raise("raises").catch(() => {}); const { item } = steady(await told(env, "raises")); return [item.outcome, item.event, item.exceptions]; }, expect: ["ok", { rpcMethod: "raise" }, []] },
};

export default {
  ...worker(cases),
  services: [{ name: "PRODUCER", service: "producer" }, { name: "NAMED", service: "producer", entrypoint: "Named" }, { name: "READER", service: "consumer", entrypoint: "Reader" }],
  others: { consumer: { main: "modules/tail_consumer.mjs" }, producer: { main: "modules/tail_producer.mjs", tails: ["consumer"] } },
};

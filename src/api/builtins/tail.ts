// What a tail() handler gets: the records of another script's events, made of JSON (base/trace_json.h).
import { illegalConstructor, kInternal, platform } from "./seam";

// Each takes over the properties of plain data; `names` are all that it may have.
class Told {
  constructor(token: unknown, names: readonly string[], data: any) {
    illegalConstructor(token);
    for (const name of names) Object.defineProperty(this, name, { value: data[name], enumerable: true, configurable: true });
  }
}
class TraceItem extends Told {}
class TraceLog extends Told {}
class TraceException extends Told {}
class FetchEventInfo extends Told {}
class FetchResponseInfo extends Told {}
class JsRpcEventInfo extends Told {}
class ScheduledEventInfo extends Told {}
class AlarmEventInfo extends Told {}
class HibernatableWebSocketEventInfo extends Told {}

// Of it scripts see the name "Request".
class FetchRequestInfo extends Told {
  #whole: { url: string; headers: object } | undefined;
  constructor(token: unknown, data: any, whole?: { url: string; headers: object }) {
    super(token, ["cf", "headers", "method", "url"], data);
    this.#whole = whole;
  }
  getUnredacted(): FetchRequestInfo {
    return this.#whole === undefined ? this : new FetchRequestInfo(kInternal, { ...this, ...this.#whole });
  }
}
const kTold = {
  TraceItem, TraceLog, TraceException, FetchEventInfo, JsRpcEventInfo, ScheduledEventInfo, AlarmEventInfo, HibernatableWebSocketEventInfo,
  Response: FetchResponseInfo, Request: FetchRequestInfo,
};
for (const [name, each] of Object.entries(kTold)) {
  Object.defineProperty(each, "name", { value: name, configurable: true });
  Object.setPrototypeOf(each.prototype, Object.prototype);
}
platform(kTold);

const kItem = ["event", "eventTimestamp", "logs", "exceptions", "diagnosticsChannelEvents", "scriptName", "entrypoint", "scriptVersion",
  "dispatchNamespace", "scriptTags", "tailAttributes", "preview", "durableObjectId", "outcome", "executionModel", "truncated", "cpuTime",
  "wallTime"];

function infoOf(event: any): object | null {
  if (event === null) return null;
  if ("request" in event) {
    const response = event.response && new FetchResponseInfo(kInternal, ["status"], event.response);
    const request = new FetchRequestInfo(kInternal, event.request, event.unredacted);
    return new FetchEventInfo(kInternal, ["response", "request"], { request, response });
  }
  if ("rpcMethod" in event) return new JsRpcEventInfo(kInternal, ["rpcMethod"], event);
  if ("cron" in event) return new ScheduledEventInfo(kInternal, ["scheduledTime", "cron"], event);
  if ("scheduledTime" in event) {
    return new AlarmEventInfo(kInternal, ["scheduledTime"], { scheduledTime: new Date(event.scheduledTime) });
  }
  return new HibernatableWebSocketEventInfo(kInternal, ["getWebSocketEvent"], event);
}

// The frames alone.
const framesOf = (stack: string | undefined) => stack?.slice(Math.max(0, stack.search(/^ {4}at /m)));

export function traceItem(json: string): object {
  const data = JSON.parse(json);
  return new TraceItem(kInternal, kItem, {
    ...data,
    event: infoOf(data.event),
    logs: data.logs.map((each: object) => new TraceLog(kInternal, ["timestamp", "level", "message"], each)),
    exceptions: data.exceptions.map((each: any) => new TraceException(
      kInternal, ["timestamp", "message", "name", "stack"], { ...each, stack: framesOf(each.stack) })),
    cpuTime: 0, // Not measured.
  });
}

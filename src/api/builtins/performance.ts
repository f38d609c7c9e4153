// performance, with marks and measures: https://w3c.github.io/user-timing/. Nothing else makes entries, so observers hear
// nothing, as on workerd.
import { EventTarget } from "./events";
import { isOn } from "./compatibility";
import { illegalConstructor, isObject, kInternal, native, platform, textOf, wrongArgument, wrongConstructorArgument } from "./seam";

const kEntriesMax = 10_000; // The oldest goes.

class PerformanceEntry {
  #name: string;
  #type: string;
  #start: number;
  #duration: number;
  constructor(token?: unknown, name?: string, type?: string, start?: number, duration?: number) {
    illegalConstructor(token);
    this.#name = name!;
    this.#type = type!;
    this.#start = start!;
    this.#duration = duration!;
  }
  get name(): string { return this.#name; }
  get entryType(): string { return this.#type; }
  get startTime(): number { return this.#start; }
  get duration(): number { return this.#duration; }
  toJSON(): object {
    return { name: this.name, entryType: this.entryType, startTime: this.startTime, duration: this.duration };
  }
}

interface MarkOptions { detail?: unknown; startTime?: unknown }
interface MeasureOptions { detail?: unknown; start?: unknown; end?: unknown; duration?: unknown }

function detailOf(options: { detail?: unknown } | undefined): unknown {
  const detail = options?.detail;
  if (detail === undefined) return null;
  if (!isObject(detail)) {
    throw new TypeError("Incorrect type for the 'detail' field on 'Options': the provided value is not of type 'Object'.");
  }
  return native.structuredClone(detail, []);
}

class PerformanceMark extends PerformanceEntry {
  #detail: unknown;
  constructor(name: unknown, options?: MarkOptions) {
    if (name === undefined) throw wrongConstructorArgument("PerformanceMark", 1, "string");
    super(kInternal, textOf(name), "mark", options?.startTime === undefined ? native.now() : Number(options.startTime), 0);
    this.#detail = detailOf(options);
  }
  get detail(): unknown { return this.#detail; }
  override toJSON(): object { return { ...super.toJSON(), detail: this.#detail }; }
}

class PerformanceMeasure extends PerformanceEntry {
  #detail: unknown;
  constructor(token?: unknown, name?: string, start?: number, duration?: number, detail?: unknown) {
    super(token, name, "measure", start, duration);
    this.#detail = detail;
  }
  get detail(): unknown { return this.#detail; }
  override toJSON(): object {
    return this.#detail === null ? super.toJSON() : { ...super.toJSON(), detail: this.#detail };
  }
}

const kTimes = ["connectEnd", "connectStart", "decodedBodySize", "domainLookupEnd", "domainLookupStart", "encodedBodySize",
  "fetchStart", "initiatorType", "nextHopProtocol", "redirectEnd", "redirectStart", "requestStart", "responseEnd",
  "responseStart", "responseStatus", "secureConnectionStart", "transferSize", "workerStart"];
class PerformanceResourceTiming extends PerformanceEntry {}
for (const key of kTimes) {
  Object.defineProperty(PerformanceResourceTiming.prototype, key, { get: () => 0, enumerable: true, configurable: true });
}

class PerformanceObserverEntryList {
  constructor(token?: unknown) {
    illegalConstructor(token);
  }
  getEntries(): PerformanceEntry[] { return []; }
  getEntriesByType(): PerformanceEntry[] { return []; }
  getEntriesByName(): PerformanceEntry[] { return []; }
}

class PerformanceObserver {
  constructor(callback: unknown) {
    if (callback === undefined) throw wrongConstructorArgument("PerformanceObserver", 1, "Value");
  }
  static get supportedEntryTypes(): string[] { return ["measure", "mark"]; }
  observe(): void {}
  disconnect(): void {}
  takeRecords(): PerformanceEntry[] { return []; }
}

class EventCounts {
  #none = new Map<string, number>();
  constructor(token?: unknown) {
    illegalConstructor(token);
  }
  get size(): number { return 0; }
  get(): undefined {}
  has(): boolean { return false; }
  entries(): IterableIterator<[string, number]> { return this.#none.entries(); }
  keys(): IterableIterator<string> { return this.#none.keys(); }
  values(): IterableIterator<number> { return this.#none.values(); }
  forEach(): void {}
  [Symbol.iterator](): IterableIterator<[string, number]> { return this.#none.entries(); }
}

class Performance extends EventTarget {
  #entries: PerformanceEntry[] = [];
  #counts = new EventCounts(kInternal);
  constructor(token?: unknown) {
    illegalConstructor(token);
    super();
  }
  now(): number { return native.now(); }
  get timeOrigin(): number { return 0; }
  get eventCounts(): EventCounts { return this.#counts; }
  #keep<T extends PerformanceEntry>(entry: T): T {
    if (this.#entries.length >= kEntriesMax) this.#entries.shift();
    this.#entries.push(entry);
    return entry;
  }
  // The time of a mark, or a time as it stands.
  #time(what: unknown): number | undefined {
    if (what === undefined) return undefined;
    if (typeof what === "number") return what;
    const name = textOf(what);
    return this.#entries.findLast((entry) => entry.entryType === "mark" && entry.name === name)?.startTime;
  }
  mark(name: unknown, options?: MarkOptions): PerformanceMark {
    if (name === undefined) throw wrongArgument("mark", "Performance", 1, "string");
    return this.#keep(new PerformanceMark(name, options));
  }
  measure(name: unknown, startOrOptions?: unknown, endMark?: unknown): PerformanceMeasure {
    if (name === undefined) throw wrongArgument("measure", "Performance", 1, "string");
    const options = isObject(startOrOptions) ? (startOrOptions as MeasureOptions) : undefined;
    const detail = detailOf(options);
    const start = this.#time(options ? options.start : startOrOptions) ?? 0;
    let end = this.#time(options ? options.end : endMark);
    if (end === undefined) end = options?.duration === undefined ? native.now() : start + Number(options.duration);
    return this.#keep(new PerformanceMeasure(kInternal, textOf(name), start, end - start, detail));
  }
  getEntries(): PerformanceEntry[] { return [...this.#entries]; }
  getEntriesByName(name: unknown, type?: unknown): PerformanceEntry[] {
    if (name === undefined) throw wrongArgument("getEntriesByName", "Performance", 1, "string");
    const text = textOf(name);
    return this.#entries.filter((each) => each.name === text && (type === undefined || each.entryType === type));
  }
  getEntriesByType(type: unknown): PerformanceEntry[] {
    if (type === undefined) throw wrongArgument("getEntriesByType", "Performance", 1, "string");
    return this.#entries.filter((each) => each.entryType === type);
  }
  #clear(type: string, name: unknown): void {
    this.#entries = this.#entries.filter((each) => each.entryType !== type || (name !== undefined && each.name !== textOf(name)));
  }
  clearMarks(name?: unknown): void { this.#clear("mark", name); }
  clearMeasures(name?: unknown): void { this.#clear("measure", name); }
  clearResourceTimings(): void {}
  setResourceTimingBufferSize(): void {}
  toJSON(): object { return { timeOrigin: 0 }; }
  get nodeTiming(): object {
    return {
      name: "node", entryType: "node", startTime: 0, duration: 0, nodeStart: 0, v8Start: 0, bootstrapComplete: 0,
      environment: 0, loopStart: 0, loopExit: 0, idleTime: 0, uvMetricsInfo: { loopCount: 0, events: 0, eventsWaiting: 0 },
    };
  }
  eventLoopUtilization(): object { return { idle: 0, active: 0, utilization: 0 }; }
  markResourceTiming(): void {}
  timerify(callback: unknown): unknown { return callback; }
}

platform({
  Performance, PerformanceEntry, PerformanceMark, PerformanceMeasure, PerformanceResourceTiming, PerformanceObserver,
  PerformanceObserverEntryList, EventCounts,
});
Object.defineProperty(EventCounts.prototype, Symbol.iterator, { enumerable: false });

export const kPerformanceClasses = {
  Performance, PerformanceEntry, PerformanceMark, PerformanceMeasure, PerformanceResourceTiming, PerformanceObserver,
  PerformanceObserverEntryList,
};

// Without the flag there is the clock alone, and no class.
export function trimPerformance(): void {
  if (isOn("enable_global_performance_classes")) return;
  for (const name of Object.keys(kPerformanceClasses)) delete (globalThis as any)[name];
  for (const name of Object.getOwnPropertyNames(Performance.prototype)) {
    if (!["constructor", "now", "timeOrigin"].includes(name)) delete (Performance.prototype as any)[name];
  }
}
export function makePerformance(): Performance { return new Performance(kInternal); }

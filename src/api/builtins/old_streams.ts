// Streams as scripts of early compatibility dates find them. Nothing here runs for a script of today.
import { isOn } from "./compatibility";
import { isObject, native } from "./seam";
import { kStreamClasses } from "./streams";

// What replaces a global class by one that is made in another way (old_dates.ts).
type Replace = (name: string, of: Function, handler: ProxyHandler<any>) => void;

// Before unwrap_custom_thenables whatever had a `then` and was no promise was a value like any other, of which nothing is
// waited for.
export function ignoreThenables(replace: Replace): void {
  const wrap = (given: any) => (isObject(given) ? new Proxy(given, { get: (target, key) => plainMethod(target, key) }) : given);
  const names = isOn("streams_enable_constructors") ? ["ReadableStream", "WritableStream"] : [];
  if (isOn("transformstream_enable_standard_constructor")) names.push("TransformStream");
  for (const name of names) {
    replace(name, (kStreamClasses as any)[name], {
      construct: (target, [given, ...rest], made) => Reflect.construct(target, [wrap(given), ...rest], made),
    });
  }
}
function plainMethod(target: any, key: PropertyKey): unknown {
  const method = Reflect.get(target, key, target);
  if (typeof method !== "function") return method;
  return (...args: unknown[]) => {
    const result = Reflect.apply(method, target, args);
    return isObject(result) && !(result instanceof Promise) ? undefined : result;
  };
}

// Before fixup-transform-stream-backpressure a writer never waited again once the first chunk had been asked for.
export function withoutBackpressure(stream: any): void {
  let waits: boolean = stream._backpressure;
  Object.defineProperty(stream, "_backpressure", {
    get: () => waits,
    set(value: boolean) { waits = waits && value; },
    configurable: true,
  });
}

// Before writable_stream_spec_compliant_writer a writer that was let go stayed as ready as it was.
export function keepReadyOfReleased(): void {
  const { WritableStreamDefaultWriter: Writer } = kStreamClasses;
  const prototype = Writer.prototype as any;
  const { releaseLock } = prototype;
  prototype.releaseLock = function (this: any): void {
    if (!(this instanceof Writer)) return releaseLock.call(this); // Which throws.
    const ready: Promise<void> = (this as any)._readyPromise;
    const settled = native.promiseState(ready)[0] !== 0;
    releaseLock.call(this);
    if (settled) (this as any)._readyPromise = ready;
  };
}

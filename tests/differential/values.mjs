// Values of programs: `make` builds one from its JSON, `describe` writes any so that two that differ are written differently.

class Plain { constructor() { this.field = 1; } get getter() { return 2; } method() {} }
const kErrors = { Error, RangeError, TypeError, SyntaxError, EvalError, ReferenceError, URIError };

// JSON is itself, but for { $: kind, … }.
export function make(json) {
  if (Array.isArray(json)) return json.map(make);
  if (json === null || typeof json !== "object") return json;
  switch (json.$) {
    case undefined: return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, make(value)]));
    case "undefined": return undefined;
    case "number": return Number(json.text);
    case "bigint": return BigInt(json.text);
    case "symbol": return Symbol("named");
    case "function": return (...args) => args.reduce((sum, each) => sum + each, json.start ?? 0);
    case "throwing": return () => { throw make(json.error); };
    case "date": return new Date(json.time);
    case "regexp": return new RegExp(json.source, json.flags);
    case "map": return new Map(json.entries.map(make));
    case "set": return new Set(json.items.map(make));
    case "bytes": return new globalThis[json.type](make(json.items));
    case "buffer": return new Uint8Array(json.items).buffer;
    case "view": return new DataView(new Uint8Array(json.items).buffer, 1);
    case "part": return new Uint8Array(json.items).subarray(1);
    case "boxed": return Object(make(json.of));
    case "sparse": { const list = []; list[json.at] = 1; list.named = "x"; return list; }
    case "ring": { const ring = { list: [] }; ring.self = ring; ring.list.push(ring, ring.list); return ring; }
    case "twice": { const one = make(json.of); return [one, one]; }
    case "instance": return new Plain();
    case "bare": return Object.assign(Object.create(null), { field: 1 });
    case "getter": return { get field() { return 5; }, get bad() { if (json.bad) throw new RangeError("getter"); return 6; } };
    case "error": {
      const error = new kErrors[json.type](json.message, "cause" in json ? { cause: make(json.cause) } : undefined);
      return Object.assign(error, make(json.own ?? {}));
    }
    case "named": { const error = new Error(json.message); error.name = json.name; return error; }
    case "dom": return new DOMException(json.message, json.name);
    case "aggregate": return new AggregateError([new Error("one"), 2], json.message);
    case "headers": return new Headers(json.pairs);
    case "url": return new URL("http://host.test/path");
    case "promise": return Promise.resolve(1);
    case "weak": return new WeakMap();
    case "proxy": return new Proxy({ a: 1 }, {});
    case "long": return json.text.repeat(json.times);
    case "soon": return Date.now() + json.ms;
    case "time": return json.date ? new Date(json.time) : json.time;
  }
  throw new Error(`no value ${json.$}`);
}

const bytesOf = (view) => Array.from(new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength));
const nameOf = (value) => Object.getPrototypeOf(value)?.constructor?.name ?? "none";

export function describe(value, seen = new Map()) {
  if (value === undefined) return { $: "undefined" };
  if (typeof value === "string") return value.length > 1000 ? { $: "long", length: value.length, start: value.slice(0, 10) } : value;
  if (value === null || typeof value === "boolean") return value;
  if (value > 1.7e12 && value < 2.1e12) return { $: "about now" };  // Only alarms that are due are so.
  if (typeof value === "number") return Number.isFinite(value) && !Object.is(value, -0) ? value : { $: "number", text: Object.is(value, -0) ? "-0" : String(value) };
  if (typeof value === "bigint" || typeof value === "symbol") return { $: typeof value, text: String(value) };
  if (typeof value === "function") return { $: "function", stub: nameOf(value) };
  if (seen.has(value)) return { $: "again", number: seen.get(value) };
  seen.set(value, seen.size);
  const own = (keys) => Object.fromEntries(keys.map((key) => [key, describe(value[key], seen)]));
  if (value instanceof Error) {
    const keys = Object.getOwnPropertyNames(value).filter((key) => !["stack", "message", "log", ...(value instanceof DOMException ? ["name", "code"] : [])].includes(key)).sort();
    return { $: "error", class: nameOf(value), text: `${value.name}: ${value.message}`, own: own(keys) };
  }
  if (Array.isArray(value)) {
    const extra = Object.keys(value).filter((key) => !/^\d+$/.test(key));
    const items = Array.from(value, (item, index) => (index in value ? describe(item, seen) : { $: "hole" }));
    return extra.length > 0 ? { $: "array", items, own: own(extra) } : items;
  }
  if (value instanceof Map) return { $: "map", entries: [...value].map(([key, item]) => [describe(key, seen), describe(item, seen)]) };
  if (value instanceof Set) return { $: "set", items: [...value].map((item) => describe(item, seen)) };
  if (value instanceof Date) return { $: "date", text: String(value.getTime()) };
  if (value instanceof RegExp) return { $: "regexp", text: String(value), last: value.lastIndex };
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    const bytes = bytesOf(value);
    return { $: nameOf(value), bytes: bytes.slice(0, 40), length: bytes.length, offset: value.byteOffset, whole: value.buffer?.byteLength };
  }
  if (value instanceof Boolean || value instanceof Number || value instanceof String || value instanceof BigInt) return { $: "boxed", of: describe(value.valueOf(), seen) };
  if (value instanceof Headers) return { $: "headers", pairs: [...value] };
  const kind = nameOf(value);
  if (/^(Rpc|Fetcher|Durable|JsRpc)/.test(kind)) return { $: "stub", kind };
  const plain = own(Object.keys(value));
  return kind === "Object" ? plain : { $: "object", class: kind, own: plain };
}

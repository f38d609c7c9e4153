// Values as text for people, in the manner of Node's util.inspect. Runs no getter of a script and never throws.
import { isObject, native, prototypes } from "./seam";

const kDepthMax = 2;
const kItemsMax = 100;
const kTextMax = 10_000; // Characters of one text inside a value.
const kLineWidth = 72;
const kOutputMax = 256 * 1024; // Characters in all; what would come after is left out.

interface State { seen: unknown[]; budget: number; rings: unknown[] } // `rings`: what contains itself, in order found

export function inspect(value: unknown): string {
  try {
    return show(value, 0, { seen: [], budget: kOutputMax, rings: [] });
  } catch {
    return "[value that can't be shown]";
  }
}

function quote(text: string): string {
  const more = text.length - kTextMax;
  const shown = more > 0 ? `${text.slice(0, kTextMax)}... ${more} more characters` : text;
  const mark = !shown.includes("'") ? "'" : !shown.includes('"') ? '"' : !shown.includes("`") ? "`" : "'";
  const escaped = JSON.stringify(shown).slice(1, -1).replaceAll('\\"', '"');
  return `${mark}${mark === "`" ? escaped : escaped.replaceAll(mark, `\\${mark}`)}${mark}`;
}

function show(value: unknown, depth: number, state: State): string {
  if (typeof value === "string") return quote(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "symbol") return value.toString();
  if (Object.is(value, -0)) return "-0";
  if (!isObject(value)) return String(value);
  const proxy = native.previewProxy(value);
  if (proxy !== undefined) return show(proxy[0], depth, state);
  if (state.seen.includes(value)) {
    if (!state.rings.includes(value)) state.rings.push(value);
    return `[Circular *${state.rings.indexOf(value) + 1}]`;
  }
  if (state.budget <= 0) return "...";
  state.seen.push(value);
  try {
    const text = showObject(value, depth, state);
    state.budget -= text.length;
    const ring = state.rings.indexOf(value);
    return ring < 0 ? text : `<ref *${ring + 1}> ${text}`;
  } finally {
    state.seen.pop();
  }
}

// The class of an object as its prototypes tell it, without running anything of the script.
function className(value: object): string | null {
  let proto: object | null = value;
  for (; proto !== null && native.previewProxy(proto) === undefined; proto = Object.getPrototypeOf(proto)) {
    const descriptor = Object.getOwnPropertyDescriptor(proto, "constructor");
    if (descriptor && typeof descriptor.value === "function") {
      const name = Object.getOwnPropertyDescriptor(descriptor.value, "name")?.value;
      if (typeof name === "string" && name !== "") return name;
    }
  }
  return null;
}

const typedArray = Object.getPrototypeOf(Uint8Array.prototype);
const typedArrayTag = Object.getOwnPropertyDescriptor(typedArray, Symbol.toStringTag)!.get!;

function showObject(value: object, depth: number, state: State): string {
  const name = className(value);
  if (typeof value === "function") return withProperties(functionTitle(value), "", [], value, depth, state);
  if (Array.isArray(value)) return showList(name === "Array" ? "" : `${name}(${value.length}) `, value, depth, state);
  if (value instanceof Error) return withProperties(errorText(value), "", [], value, depth, state, kErrorFields);
  if (isPlatform(value)) return showPlatform(value, name ?? "Object", depth, state);
  const special = showSpecial(value, name ?? "Object", depth, state);
  if (special !== undefined) return special;
  const title = name === null ? "[Object: null prototype] " : name === "Object" ? "" : `${name} `;
  if (depth > kDepthMax) return `[${name ?? "Object: null prototype"}]`;
  const items = properties(value, depth, state);
  return items.length === 0 ? `${title}{}` : layout(`${title}{`, items, "}", depth);
}

function isPlatform(value: object): boolean {
  for (let proto = Object.getPrototypeOf(value); proto !== null; proto = Object.getPrototypeOf(proto)) {
    if (prototypes.includes(proto)) return true;
    if (native.previewProxy(proto) !== undefined) return false;
  }
  return false;
}

// What the getters of our own classes give; a subclass's are not asked.
function showPlatform(value: any, name: string, depth: number, state: State): string {
  if (depth > kDepthMax) return `[${name}]`;
  const items: string[] = [];
  const isList = typeof value[Symbol.iterator] === "function" && typeof value.getAll === "function";
  if (isList) {
    for (const [key, item] of value) items.push(`${quote(key)} => ${show(item, depth + 1, state)}`);
    return items.length === 0 ? `${name}(0) {}` : layout(`${name}(${items.length}) {`, limited(items), "}", depth);
  }
  const shown = new Set<string>();
  for (let proto = Object.getPrototypeOf(value); proto !== null; proto = Object.getPrototypeOf(proto)) {
    if (!prototypes.includes(proto)) continue;
    for (const [key, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(proto))) {
      if (descriptor.get === undefined || shown.has(key)) continue;
      shown.add(key);
      items.push(`${key}: ${showGetter(descriptor.get, value, depth, state)}`);
    }
  }
  items.push(...Object.keys(value).map((key) => `${key}: ${show(value[key], depth + 1, state)}`));
  return items.length === 0 ? `${name} {}` : layout(`${name} {`, items, "}", depth);
}

function showGetter(get: () => unknown, value: object, depth: number, state: State): string {
  try {
    return show(get.call(value), depth + 1, state);
  } catch {
    return "<not available>";
  }
}

const kErrorFields = ["stack", "message", "cause"];

function showSpecial(value: object, name: string, depth: number, state: State): string | undefined {
  const deep = depth > kDepthMax;
  const inner = (item: unknown) => show(item, depth + 1, state);
  if (value instanceof Map) {
    if (deep) return `[${name}]`;
    const showPair = ([key, item]: [unknown, unknown]) => `${inner(key)} => ${inner(item)}`;
    const items = limited([...Map.prototype.entries.call(value)].map(showPair));
    return withProperties(`${name}(${value.size}) `, "{", items, value, depth, state);
  }
  if (value instanceof Set) {
    if (deep) return `[${name}]`;
    const items = limited([...Set.prototype.values.call(value)].map(inner));
    return withProperties(`${name}(${value.size}) `, "{", items, value, depth, state);
  }
  if (value instanceof Date) {
    return Number.isNaN(Date.prototype.getTime.call(value)) ? "Invalid Date" : Date.prototype.toISOString.call(value);
  }
  if (value instanceof RegExp) return RegExp.prototype.toString.call(value);
  if (value instanceof Promise) {
    const [status, result] = native.promiseState(value);
    const shown = status === 0 ? "<pending>" : status === 1 ? inner(result) : `<rejected> ${inner(result)}`;
    return deep ? "[Promise]" : layout(`${name} {`, [shown], "}", depth);
  }
  if (value instanceof ArrayBuffer) {
    const first = new Uint8Array(value).subarray(0, 50);
    const hex = Array.from(first, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const more = value.byteLength > 50 ? " ..." : "";
    return `${name} { [Uint8Contents]: <${hex}${more}>, byteLength: ${value.byteLength} }`;
  }
  if (ArrayBuffer.isView(value) && typedArrayTag.call(value) !== undefined) {
    const array = value as unknown as ArrayLike<unknown>;
    return showList(`${name}(${array.length}) `, array, depth, state);
  }
  if (value instanceof WeakMap || value instanceof WeakSet) return `${name} { <items unknown> }`;
  if (value instanceof Number || value instanceof String || value instanceof Boolean) {
    return `[${name}: ${show(value.valueOf(), depth, state)}]`;
  }
  return undefined;
}

function functionTitle(value: Function): string {
  const name = Object.getOwnPropertyDescriptor(value, "name")?.value;
  const named = typeof name === "string" && name !== "";
  if (/^class\b/.test(Function.prototype.toString.call(value))) {
    const base = Object.getPrototypeOf(value);
    const baseName = typeof base === "function" ? Object.getOwnPropertyDescriptor(base, "name")?.value : "";
    return `[class ${named ? name : "(anonymous)"}${baseName ? ` extends ${baseName}` : ""}]`;
  }
  const kind = className(value) ?? "Function";
  return named ? `[${kind}: ${name}]` : `[${kind} (anonymous)]`;
}

function errorText(error: Error): string {
  const stack: unknown = error.stack;
  const title = `${String(error.name)}${error.message === "" ? "" : `: ${String(error.message)}`}`;
  let text = typeof stack === "string" && stack !== "" ? stack : title;
  if (!/\n\s+at /.test(text)) text = `[${text}]`;
  const cause = Object.getOwnPropertyDescriptor(error, "cause");
  return cause && "value" in cause ? `${text}\n  [cause]: ${inspect(cause.value).replaceAll("\n", "\n  ")}` : text;
}

function limited(items: string[]): string[] {
  if (items.length <= kItemsMax) return items;
  const more = items.length - kItemsMax;
  return [...items.slice(0, kItemsMax), `... ${more} more item${more > 1 ? "s" : ""}`];
}

function showList(title: string, list: ArrayLike<unknown>, depth: number, state: State): string {
  if (depth > kDepthMax) return "[Array]";
  const items: string[] = [];
  const count = Math.min(list.length, kItemsMax);
  let holes = 0;
  const closeHoles = () => {
    if (holes > 0) items.push(`<${holes} empty item${holes > 1 ? "s" : ""}>`);
    holes = 0;
  };
  for (let at = 0; at < count; at++) {
    const descriptor = Object.getOwnPropertyDescriptor(list, at);
    if (descriptor === undefined) {
      holes++;
      continue;
    }
    closeHoles();
    items.push(showDescriptor(descriptor, depth, state));
  }
  closeHoles();
  const grouped = items.length > 6 ? group(items, list) : items;
  items.splice(0, items.length, ...grouped);
  const isGrouped = grouped.length < count - holes;
  if (list.length > count) items.push(`... ${list.length - count} more item${list.length - count > 1 ? "s" : ""}`);
  items.push(...properties(list as object, depth, state, /^\d+$/));
  return items.length === 0 ? `${title}[]` : layout(`${title}[`, items, "]", depth, isGrouped);
}

function showDescriptor(descriptor: PropertyDescriptor, depth: number, state: State): string {
  if (descriptor.get) return descriptor.set ? "[Getter/Setter]" : "[Getter]";
  return descriptor.set ? "[Setter]" : show(descriptor.value, depth + 1, state);
}

function properties(value: object, depth: number, state: State, skip?: RegExp | string[]): string[] {
  const items: string[] = [];
  for (const key of Object.keys(value)) {
    if (Array.isArray(skip) ? skip.includes(key) : skip?.test(key)) continue;
    if (items.length >= kItemsMax) {
      items.push("...");
      break;
    }
    const descriptor = Object.getOwnPropertyDescriptor(value, key)!;
    const name = /^[A-Za-z_$][\w$]*$/.test(key) ? key : quote(key);
    items.push(`${name}: ${showDescriptor(descriptor, depth, state)}`);
  }
  for (const key of Object.getOwnPropertySymbols(value)) {
    const descriptor = Object.getOwnPropertyDescriptor(value, key)!;
    if (descriptor.enumerable) items.push(`${key.toString()}: ${showDescriptor(descriptor, depth, state)}`);
  }
  return items;
}

function withProperties(title: string, open: string, items: string[], value: object, depth: number, state: State,
  skip?: string[]): string {
  const all = [...items, ...(depth > kDepthMax ? [] : properties(value, depth, state, skip))];
  if (all.length === 0) return open === "" ? title : `${title}${open}}`;
  return layout(`${title}${open === "" ? " {" : open}`, all, "}", depth);
}

// Many short items in columns, as Node's util.inspect arranges them.
function group(items: string[], list: ArrayLike<unknown>): string[] {
  const kSeparator = 2;
  const widest = Math.max(...items.map((item) => item.length)) + kSeparator;
  const total = items.reduce((sum, item) => sum + item.length + kSeparator, 0);
  if (widest * 3 >= kGroupWidth || (total / widest <= 5 && widest - kSeparator > 6)) return items;
  const biased = Math.max(widest - 3 - Math.sqrt(widest - total / items.length), 1);
  const square = Math.round(Math.sqrt(2.5 * biased * items.length) / biased);
  const columns = Math.min(square, Math.floor(kGroupWidth / widest), 12, 15);
  if (columns <= 1) return items;
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...items.filter((_item, at) => at % columns === column).map((item) => item.length)));
  const numbers = Array.prototype.every.call(list, (item) => typeof item === "number" || typeof item === "bigint");
  const rows: string[] = [];
  for (let at = 0; at < items.length; at += columns) {
    const row = items.slice(at, at + columns);
    rows.push(row.map((item, column) => {
      if (numbers) return item.padStart(widths[column]!);
      return column === row.length - 1 ? item : `${item}, `.padEnd(widths[column]! + kSeparator);
    }).join(numbers ? ", " : ""));
  }
  return rows;
}
const kGroupWidth = 80;

function layout(open: string, items: string[], close: string, depth: number, isGrouped = false): string {
  const width = items.reduce((sum, item) => sum + item.length + 2, open.length + depth * 2);
  if (!isGrouped && width <= kLineWidth && !items.some((item) => item.includes("\n"))) {
    return `${open} ${items.join(", ")} ${close}`;
  }
  const indent = "  ";
  return `${open}\n${items.map((item) => indent + item.replaceAll("\n", `\n${indent}`)).join(",\n")}\n${close}`;
}

// What console.log prints: %-directives of a first text, the rest joined by blanks.
export function formatLog(values: unknown[]): string {
  const texts: string[] = [];
  let next = 0;
  if (typeof values[0] === "string" && values.length > 1) {
    next = 1;
    texts.push(values[0].replace(/%[sdifjoOc%]/g, (directive) => {
      if (directive === "%%") return "%";
      return next < values.length ? applyDirective(directive, values[next++]) : directive;
    }));
  }
  for (; next < values.length; next++) {
    const value = values[next];
    texts.push(typeof value === "string" ? value : inspect(value));
  }
  return texts.join(" ");
}

function applyDirective(directive: string, value: unknown): string {
  const noNumber = isObject(value) || typeof value === "symbol";
  switch (directive) {
    case "%s": return typeof value === "string" ? value : inspect(value);
    case "%d": return typeof value === "bigint" ? `${value}n` : noNumber ? "NaN" : String(Number(value));
    case "%i": return noNumber ? "NaN" : String(parseInt(String(value), 10));
    case "%f": return noNumber ? "NaN" : String(parseFloat(String(value)));
    case "%c": return "";
    case "%j": return String(JSON.stringify(value));
    default: return inspect(value);
  }
}

// console: one line of text per call for native.log. Nothing here throws.
import { formatLog, inspect } from "./inspect";
import { isObject, native } from "./seam";

export { inspect };

type Level = "log" | "info" | "warn" | "error" | "debug";
const kGroupsMax = 40;

let indent = "";
const counts = new Map<string, number>();
const timers = new Map<string, number>();
const kLabelsMax = 1000; // Of counts and of timers; further labels are ignored.

// The arguments for those who are told of the event, as in workerd: plain data as JSON, the rest as String() has it.
function asJson(values: unknown[]): string {
  return JSON.stringify(values.map((value) => {
    try {
      if (typeof value === "symbol") return {};
      if (typeof value === "function" || typeof value === "bigint") return String(value);
      if (!isObject(value)) return value;
      const proto = Object.getPrototypeOf(value);
      const isData = Array.isArray(value) || proto === Object.prototype || proto === null || typeof (value as any).toJSON === "function";
      return isData ? JSON.parse(JSON.stringify(value)) : String(value);
    } catch {
      return {};
    }
  }));
}

function write(level: Level, values: unknown[]): void {
  try {
    const text = formatLog(values);
    native.log(level, indent === "" ? text : indent + text.replaceAll("\n", `\n${indent}`), native.traced() ? asJson(values) : undefined);
  } catch {
    // A log line is worth no exception.
  }
}

// Tells of an error that nobody caught.
export function reportException(error: unknown): void {
  write("error", ["Uncaught", error]);
}

function labelOf(label: unknown): string {
  try {
    return String(label ?? "default");
  } catch {
    return "default";
  }
}

function elapsed(label: unknown, values: unknown[], keep: boolean): void {
  const name = labelOf(label);
  const start = timers.get(name);
  if (start === undefined) return write("warn", [`Timer '${name}' does not exist`]);
  write("log", [`${name}: ${(native.now() - start).toFixed(3)}ms`, ...values]);
  if (!keep) timers.delete(name);
}

function table(data: unknown): void {
  if (!isObject(data)) return write("log", [data]);
  try {
    const rows = Object.keys(data).map((key) => [key, (data as any)[key]] as const);
    const columns = [...new Set(rows.flatMap(([, row]) => (isObject(row) ? Object.keys(row) : ["Values"])))];
    const cells = [["(index)", ...columns], ...rows.map(([key, row]) => [key, ...columns.map((column) => {
      if (!isObject(row)) return column === "Values" ? inspect(row) : "";
      return column in row ? inspect((row as any)[column]) : "";
    })])];
    const widths = cells[0]!.map((_, at) => Math.max(...cells.map((row) => row[at]!.length)) + 2);
    const line = (left: string, middle: string, right: string) =>
      left + widths.map((width) => "─".repeat(width)).join(middle) + right;
    const text = (row: string[]) => `│${row.map((cell, at) => ` ${cell}`.padEnd(widths[at]!)).join("│")}│`;
    const head = [line("┌", "┬", "┐"), text(cells[0]!), line("├", "┼", "┤")];
    write("log", [[...head, ...cells.slice(1).map(text), line("└", "┴", "┘")].join("\n")]);
  } catch {
    write("log", [data]);
  }
}

const group = (...values: unknown[]) => {
  if (values.length > 0) write("log", values);
  if (indent.length < 2 * kGroupsMax) indent += "  ";
};

export const consoleObject = {
  log: (...values: unknown[]) => write("log", values),
  info: (...values: unknown[]) => write("info", values),
  warn: (...values: unknown[]) => write("warn", values),
  error: (...values: unknown[]) => write("error", values),
  debug: (...values: unknown[]) => write("debug", values),
  dir: (value: unknown) => write("log", [inspect(value)]),
  dirxml: (...values: unknown[]) => write("log", values),
  trace(...values: unknown[]) {
    write("log", ["Trace:", ...values, `\n${new Error().stack?.split("\n").slice(2).join("\n") ?? ""}`]);
  },
  assert(condition: unknown, ...values: unknown[]) {
    if (condition) return;
    const [first, ...rest] = values;
    if (typeof first === "string") write("error", [`Assertion failed: ${first}`, ...rest]);
    else write("error", ["Assertion failed", ...values]);
  },
  clear() {},
  count(label: unknown) {
    const name = labelOf(label);
    if (counts.has(name) || counts.size < kLabelsMax) counts.set(name, (counts.get(name) ?? 0) + 1);
    write("log", [`${name}: ${counts.get(name) ?? 0}`]);
  },
  countReset: (label: unknown) => void counts.delete(labelOf(label)),
  group,
  groupCollapsed: group,
  groupEnd: () => void (indent = indent.slice(2)),
  table,
  time(label: unknown) {
    if (timers.size < kLabelsMax) timers.set(labelOf(label), native.now());
  },
  timeLog: (label: unknown, ...values: unknown[]) => elapsed(label, values, true),
  timeEnd: (label: unknown) => elapsed(label, [], false),
  timeStamp() {},
  profile() {},
  profileEnd() {},
};
Object.defineProperty(consoleObject, Symbol.toStringTag, { value: "console", configurable: true });

// URLPattern (from urlpattern-polyfill), with workerd's texts: https://urlpattern.spec.whatwg.org
import { URLPattern as Polyfill } from "urlpattern-polyfill/urlpattern";
import { compatibility } from "./compatibility";
import { isObject, platform, textOf } from "./seam";
import { URL } from "./url";

const Standard = Polyfill as any; // Its types are behind it.

type Input = string | Record<string, unknown>;

function inputOf(value: unknown): Input {
  if (value === undefined || value === null) return {};
  return isObject(value) && typeof value === "object" && !isUrl(value) ? (value as Record<string, unknown>) : textOf(value);
}
function isUrl(value: object): boolean {
  return Object.prototype.toString.call(value) === "[object URL]";
}

function textOrNothing(value: unknown): string | undefined {
  return value === undefined ? undefined : textOf(value);
}

export class URLPattern {
  #inner: any;

  constructor(input?: unknown, second?: unknown, third?: unknown) {
    const pattern = inputOf(input);
    const [base, options] = isObject(second) ? [undefined, second] : [textOrNothing(second), third];
    const ignoreCase = isObject(options) && Boolean((options as { ignoreCase?: unknown }).ignoreCase);
    if (!compatibility.standardPatterns) {
      this.#inner = original(pattern, base, ignoreCase);
      return;
    }
    try {
      if (typeof pattern === "string") {
        this.#inner = base === undefined ? new Standard(pattern, { ignoreCase }) : new Standard(pattern, base, { ignoreCase });
      } else {
        if (base !== undefined) throw new TypeError();
        this.#inner = new Standard(pattern as {}, { ignoreCase });
      }
    } catch {
      throw new TypeError("Failed to construct URLPattern");
    }
  }
  get protocol(): string { return this.#inner.protocol; }
  get username(): string { return this.#inner.username; }
  get password(): string { return this.#inner.password; }
  get hostname(): string { return this.#inner.hostname; }
  get port(): string { return this.#inner.port; }
  get pathname(): string { return this.#inner.pathname; }
  get search(): string { return this.#inner.search; }
  get hash(): string { return this.#inner.hash; }
  get hasRegExpGroups(): boolean { return this.#inner.hasRegExpGroups; }

  test(input?: unknown, base?: unknown): boolean {
    return this.#match("test", input, base) as boolean;
  }
  exec(input?: unknown, base?: unknown): object | null {
    return this.#match("exec", input, base) as object | null;
  }
  #match(how: "test" | "exec", input: unknown, base: unknown): boolean | object | null {
    const subject = inputOf(input);
    const from = textOrNothing(base);
    const old = !compatibility.standardPatterns;
    if (typeof subject !== "string" && from !== undefined) {
      throw new TypeError(old ? "A baseURL is not allowed when input is an object." : `Failed to ${how} URLPattern`);
    }
    const found = this.#inner[how](subject, from);
    return old && how === "exec" && found ? withTexts(found) : found;
  }
}
platform({ URLPattern });

// -- from before urlpattern_standard: what a text or a base URL does not say is empty, and so is a group without a match

const kParts = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash"] as const;
// How a text says "anything" of a part.
const kAny: Record<string, RegExp> = { username: /\/\/\*[:@]/, password: /:\*@/, search: /(?<!:[\w$]+|[)}*])\?\*(#|$)/, hash: /#\*$/ };
const kProblem = "Syntax error in URL Pattern";

function original(pattern: Input, base: string | undefined, ignoreCase: boolean): any {
  const text = typeof pattern === "string" ? pattern : undefined;
  const baseUrl = text === undefined ? textOrNothing((pattern as Record<string, unknown>).baseURL) : base;
  if (text !== undefined && base === undefined && !/^[^/?#]*:/.test(text)) {
    throw new TypeError(`${kProblem}: a relative pattern must have a base URL.`);
  }
  if (baseUrl !== undefined && !URL.canParse(baseUrl)) throw new TypeError("Invalid base URL.");
  try {
    const made = text === undefined ? new Standard(pattern, { ignoreCase })
      : base === undefined ? new Standard(text, { ignoreCase }) : new Standard(text, base, { ignoreCase });
    if (text === undefined && baseUrl === undefined) return made;
    const parts: Record<string, string> = {};
    for (const name of kParts) {
      const said = text === undefined ? Object.hasOwn(pattern as object, name) : kAny[name]?.test(text) ?? true;
      parts[name] = made[name] === "*" && name in kAny && !said ? "" : made[name];
    }
    return new Standard(parts, { ignoreCase });
  } catch {
    throw new TypeError(kProblem);
  }
}

function withTexts(found: any): object {
  for (const name of kParts) {
    const { groups } = found[name];
    for (const key of Object.keys(groups)) groups[key] ??= "";
  }
  return found;
}

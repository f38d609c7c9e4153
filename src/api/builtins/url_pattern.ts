// URLPattern (from urlpattern-polyfill), with workerd's texts: https://urlpattern.spec.whatwg.org
import { URLPattern as Polyfill } from "urlpattern-polyfill/urlpattern";
import { isObject, platform, textOf } from "./seam";

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
    if (typeof subject !== "string" && from !== undefined) throw new TypeError(`Failed to ${how} URLPattern`);
    return this.#inner[how](subject, from);
  }
}
platform({ URLPattern });

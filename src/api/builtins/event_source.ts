// EventSource: server-sent events of a URL, or of a stream that is at hand.
import { reportException } from "./console";
import { DOMException } from "./errors";
import { ErrorEvent, Event, EventTarget } from "./events";
import { fetchThrough } from "./fetch";
import { kNoOrigin, MessageEvent } from "./messages";
import { Fetcher } from "./objects";
import type { Response } from "./response";
import { isObject, kInternal, native, platform, textOf, wrongArgument, wrongConstructorArgument } from "./seam";
import { ReadableStream } from "./streams";
import { TextDecoder } from "./text";
import { originOf, parseUrl } from "./url";

const kRetryMs = 2_000;
const kConnecting = 0;
const kOpen = 1;
const kClosed = 2;

interface Message { type: string; data: string; id: string }

// The event stream format: takes text as it comes, gives whole messages.
class Parser {
  retryMs: number | undefined = undefined;  // What the server last asked for.
  id = "";                                  // Of the last message that had one.
  #rest = "";                               // The start of a line.
  #afterReturn = false;                     // The text so far ended in CR: an LF that follows is the same end of line.
  #type = "";
  #data: string[] = [];

  take(text: string): Message[] {
    if (this.#afterReturn && text.startsWith("\n")) text = text.slice(1);
    else if (text === "") return [];
    this.#afterReturn = text.endsWith("\r");
    const lines = (this.#rest + text).split(/\r\n|\r|\n/);
    this.#rest = lines.pop()!;
    const messages: Message[] = [];
    for (const line of lines) {
      if (line !== "") {
        this.#field(line);
        continue;
      }
      const data = this.#data.join("\n");
      if (data !== "") messages.push({ type: this.#type || "message", data, id: this.id });
      this.#type = "";
      this.#data = [];
    }
    return messages;
  }
  #field(line: string): void {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (name === "data") this.#data.push(value);
    else if (name === "event") this.#type = value;
    else if (name === "id" && !value.includes("\0")) this.id = value;
    else if (name === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
  }
}

const aborted = (text: string) => new DOMException(text, "AbortError");

export class EventSource extends EventTarget {
  #url = "";
  #fetcher: unknown = undefined;            // Whom to ask; undefined: the network.
  #state = kConnecting;
  #retryMs = kRetryMs;
  #id = "";
  #reader: any = undefined;
  #timer: number | undefined = undefined;
  #handlers: Record<string, unknown> = { open: null, message: null, error: null };

  constructor(url: unknown, init?: { withCredentials?: boolean; fetcher?: unknown }) {
    super();
    if (url === kInternal) return;
    if (arguments.length === 0) throw wrongConstructorArgument("EventSource", 1, "string");
    const text = textOf(url);
    if (init !== undefined && init !== null && !isObject(init)) throw wrongConstructorArgument("EventSource", 2, "EventSourceInit");
    const parsed = parseUrl(text);
    if (parsed === undefined) {
      throw new DOMException(`Cannot open an EventSource to '${text}'. The URL is invalid.`, "SyntaxError");
    }
    if (init?.withCredentials) {
      throw new DOMException("The init.withCredentials option is not supported. It must be false or undefined.", "NotSupportedError");
    }
    if (init?.fetcher !== undefined && !(init.fetcher instanceof Fetcher)) {
      throw new TypeError("Incorrect type for the 'fetcher' field on 'EventSourceInit': the provided value is not of type 'Fetcher'.");
    }
    this.#url = text;
    this.#fetcher = init?.fetcher;
    this.#connect();
  }
  static from(stream: unknown): EventSource {
    if (!(stream instanceof ReadableStream)) throw wrongArgument("from", "EventSource", 1, "JsReadableStream");
    if (stream.locked) throw new TypeError("This ReadableStream is locked.");
    const source = new EventSource(kInternal);
    source.#state = kOpen;
    source.#read(stream, null);
    return source;
  }

  get url(): string { return this.#url; }
  get withCredentials(): boolean { return false; }
  get readyState(): number { return this.#state; }
  get onopen(): unknown { return this.#handlers.open; }
  set onopen(value: unknown) { this.#handlers.open = isObject(value) ? value : null; }
  get onmessage(): unknown { return this.#handlers.message; }
  set onmessage(value: unknown) { this.#handlers.message = isObject(value) ? value : null; }
  get onerror(): unknown { return this.#handlers.error; }
  set onerror(value: unknown) { this.#handlers.error = isObject(value) ? value : null; }

  close(): void {
    this.#state = kClosed;
    if (this.#timer !== undefined) native.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#reader?.cancel().catch(() => {});
    this.#reader = undefined;
  }

  async #connect(): Promise<void> {
    const headers: Record<string, string> = { Accept: "text/event-stream", "Cache-Control": "no-cache" };
    if (this.#id !== "") headers["Last-Event-ID"] = this.#id;
    let response: Response;
    try {
      response = await (this.#fetcher === undefined ? fetchThrough(undefined, "ServiceWorkerGlobalScope", this.#url, { headers } as any)
                                                    : (this.#fetcher as any).fetch(this.#url, { headers }));
    } catch (error) {
      return this.#fail(error, false);
    }
    const body = response.body;
    const type = response.headers.get("Content-Type");
    const closed = this.#state === kClosed;
    const wrong = !response.ok ? `The response status code was ${response.status}.`
                : !/^text\/event-stream\s*(;|$)/i.test(type ?? "") ? `The content type '${type ?? ""}' is invalid.` : undefined;
    if (closed || wrong !== undefined) {
      body?.cancel().catch(() => {});
      return closed ? undefined : this.#fail(aborted(wrong!), false);
    }
    if (response.url) this.#url = response.url;
    this.#state = kOpen;
    this.#dispatch(new Event("open"));
    if (body === null) return this.#fail(new Error("The server disconnected."), true);
    await this.#read(body, originOf(this.#url));
  }

  async #read(stream: ReadableStream, origin: string | null): Promise<void> {
    const parser = new Parser();
    parser.id = this.#id;
    const decoder = new TextDecoder();
    const reader = this.#reader = stream.getReader() as any;
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done || this.#state === kClosed) break;
        for (const { type, data, id } of parser.take(typeof value === "string" ? value : decoder.decode(value, { stream: true }))) {
          if ((this.#state as number) === kClosed) return;
          this.#dispatch(new MessageEvent(type, { data, lastEventId: id, origin: origin ?? kNoOrigin }));
        }
        this.#id = parser.id;
        this.#retryMs = parser.retryMs ?? this.#retryMs;
      }
      this.#fail(new Error("The server disconnected."), origin !== null);
    } catch (error) {
      this.#fail(error, origin !== null);
    }
  }

  // `again`: try once more when the server's time for that has passed.
  #fail(error: unknown, again: boolean): void {
    if (this.#state === kClosed) return;
    this.#reader = undefined;
    this.#state = again ? kConnecting : kClosed;
    if (again) this.#timer = native.setTimer(() => { this.#connect(); }, this.#retryMs, false);
    this.#dispatch(new ErrorEvent("error", { error }));
  }

  #dispatch(event: Event): void {
    try {
      this.dispatchEvent(event);
    } catch (error) {
      reportException(error);
    }
  }
}
for (const [name, value] of Object.entries({ CONNECTING: kConnecting, OPEN: kOpen, CLOSED: kClosed })) {
  Object.defineProperty(EventSource, name, { value, enumerable: true, configurable: true });
  Object.defineProperty(EventSource.prototype, name, { value, enumerable: true, configurable: true });
}
platform({ EventSource });

// MessageChannel, MessagePort and MessageEvent. Both ports of a channel live in one isolate: a message is a clone, and
// arrives in a microtask.
import { reportException } from "./console";
import { checkEvent, Event, EventTarget } from "./events";
import { illegalConstructor, isObject, kIllegalInvocation, kInternal, native, platform, wrongArgument } from "./seam";

export const kNoOrigin = kInternal; // Of the runtime's own messages, which come from nowhere.

interface MessageInit {
  data?: unknown;
  origin?: string | typeof kNoOrigin;
  lastEventId?: string;
  source?: MessagePort | null;
  ports?: MessagePort[];
}

export class MessageEvent extends Event {
  #init: MessageInit;
  constructor(type: string, init?: MessageInit) {
    checkEvent("MessageEvent", arguments.length, init, "Initializer");
    super(type, init as {});
    this.#init = init ?? {};
  }
  get data(): unknown { return this.#init.data === undefined && !("data" in this.#init) ? null : this.#init.data; }
  get origin(): string | null {
    const { origin } = this.#init;
    return origin === kNoOrigin ? null : String(origin ?? "");
  }
  get lastEventId(): string { return String(this.#init.lastEventId ?? ""); }
  get source(): MessagePort | null { return this.#init.source ?? null; }
  get ports(): MessagePort[] { return [...(this.#init.ports ?? [])]; }
}

const resolved = Promise.resolve();

export class MessagePort extends EventTarget {
  #peer: MessagePort | undefined = undefined; // None once the channel is closed.
  #started = false;
  #waiting: unknown[] = []; // Messages that came before the start.
  #onmessage: unknown = undefined; // Not undefined once it was set: then there is a listener that calls it.

  constructor(token?: unknown) {
    illegalConstructor(token);
    super();
  }
  static entangle(one: MessagePort, other: MessagePort): void {
    one.#peer = other;
    other.#peer = one;
  }

  postMessage(message?: unknown, options?: unknown): void {
    if (!(#peer in this)) throw new TypeError(kIllegalInvocation);
    if (options !== undefined && options !== null && !isObject(options)) {
      throw wrongArgument("postMessage", "MessagePort", 2, "Array or PostMessageOptions");
    }
    const transfer = isObject(options) ? ((options as any).transfer ?? options) : [];
    if (Array.isArray(transfer) && transfer.length > 0) throw new Error("Transfer list is not supported");
    const copy = native.structuredClone(message, []);
    const peer = this.#peer;
    if (peer !== undefined) peer.#receive(copy);
  }
  #receive(message: unknown): void {
    if (!this.#started) {
      this.#waiting.push(message);
      return;
    }
    resolved.then(() => {
      if (this.#peer === undefined) return;
      this.#dispatch(new MessageEvent("message", { data: message, source: this, origin: kNoOrigin }));
    });
  }
  #dispatch(event: Event): void {
    try {
      this.dispatchEvent(event);
    } catch (error) {
      reportException(error);
    }
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    for (const message of this.#waiting.splice(0)) this.#receive(message);
  }
  close(): void {
    const peer = this.#peer;
    if (peer === undefined) return;
    this.#peer = undefined;
    peer.#peer = undefined;
    for (const port of [this, peer]) {
      port.#waiting = [];
      resolved.then(() => port.#dispatch(new Event("close")));
    }
  }

  override addEventListener(...given: Parameters<EventTarget["addEventListener"]>): void {
    super.addEventListener(...given);
    if (String(given[0]) === "message") this.start();
  }

  get onmessage(): unknown {
    return this.#onmessage ?? null;
  }
  set onmessage(value: unknown) {
    if (this.#onmessage === undefined) {
      super.addEventListener("message", (event: Event) => {
        if (typeof this.#onmessage === "function") this.#onmessage.call(this, event);
      });
    }
    this.#onmessage = isObject(value) ? value : null;
    this.start();
  }
}
const { entangle } = MessagePort;
delete (MessagePort as any).entangle;

export class MessageChannel {
  constructor() {
    const [port1, port2] = [new MessagePort(kInternal), new MessagePort(kInternal)];
    entangle(port1, port2);
    for (const [name, value] of Object.entries({ port2, port1 })) {
      Object.defineProperty(this, name, { value, enumerable: true, configurable: true });
    }
  }
  declare readonly port1: MessagePort;
  declare readonly port2: MessagePort;
}
platform({ MessageEvent, MessagePort, MessageChannel });

// MessageChannel, MessagePort and MessageEvent. Both ports of a channel live in one isolate: a message is a clone, and
// arrives in a microtask.
import { compatibility } from "./compatibility";
import { reportException } from "./console";
import { checkEvent, Event, EventTarget, kOwnHandlers } from "./events";
import { illegalConstructor, isObject, kIllegalInvocation, kInternal, native, platform, textOf, wrongArgument } from "./seam";

export const kNoOrigin = kInternal; // Of the runtime's own messages, which come from nowhere.

const kNothing: MessageInit = {};
const kBadSource = "Incorrect type for the 'source' field on 'Initializer': the provided value is not of type 'MessagePort'.";
const kBadPorts = "Incorrect type for the 'ports' field on 'Initializer': the provided value is not of type 'Array'.";

function portsOf(ports: MessagePort[]): MessagePort[] {
  if (!Array.isArray(ports)) throw new TypeError(kBadPorts);
  const other = ports.findIndex((port) => !(port instanceof MessagePort));
  if (other < 0) return [...ports];
  throw new TypeError(`Incorrect type for array element ${other}: the provided value is not of type 'MessagePort'.`);
}

interface MessageInit {
  data?: unknown;
  origin?: string | typeof kNoOrigin;
  lastEventId?: string;
  source?: MessagePort | null;
  ports?: MessagePort[];
}

// Its members are properties of the instance, as on workerd: JSON of an event has them.
export class MessageEvent extends Event {
  readonly ports: MessagePort[];
  readonly source: MessagePort | null;
  readonly lastEventId: string;
  readonly origin: string | null;
  readonly data: unknown;
  constructor(type: string, init?: MessageInit) {
    checkEvent("MessageEvent", arguments.length, init, "Initializer");
    super(type, init as {});
    const { data, origin = "", lastEventId = "", source = null, ports } = init ?? kNothing;
    this.ports = ports === undefined ? [] : portsOf(ports);
    const isPort = source instanceof MessagePort;
    if (source !== null && !isPort && compatibility.refusesWrong) throw new TypeError(kBadSource);
    this.source = isPort ? source : null;
    this.lastEventId = textOf(lastEventId);
    this.origin = origin === kNoOrigin ? null : textOf(origin);
    this.data = data === undefined && origin !== kNoOrigin ? null : data;
  }
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
Object.defineProperty(MessagePort.prototype, kOwnHandlers, { value: true });
platform({ MessageEvent, MessagePort, MessageChannel });

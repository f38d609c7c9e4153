// The two ends of an RPC session between contexts: who calls a stub, and who answers it. See rpc_session.ts.
import { describeError, kObjectReset, kRemote, makeError } from "./errors";
import type { InBody, Packed } from "./native.d";
import { callFailed, disposable, later, Outgoing, Session, type Side } from "./rpc_session";
import { type Path, reachNow, type Result, RpcTarget, Target } from "./rpc_target";
import { isObject, native } from "./seam";

// How many turns of the microtask queue an answer waits for others that may make a pipe needless.
const kAnswerPatience = 16;

// -- the caller's side

// How the first message gets there; the answer comes to `state`.
export interface Start {
  session(state: Client, message: Uint8Array, socket: number): void;
  plain(state: PlainCall, method: string, args: PlainArguments): void;
}
export interface Reached { broken: (() => Error) | undefined } // Set when the callee was reset.

export class Client implements Side {
  readonly session: Session = new Session(this);
  #started = false;
  #owed = false; // The reply of the first message.
  #pipeFailed: (() => void) | undefined;
  constructor(readonly start: Start, readonly reached: Reached) {}

  main(): undefined { return undefined; }
  sent(): boolean { return false; }
  flushed(): void {}
  keepsContext(): boolean { return native.currentObject() !== 0; }
  waits(): boolean { return this.#owed && !this.session.open; }
  quiet(): boolean { return !this.#owed; }
  // Its first message was a plain call, which is out.
  started(): void {
    this.#started = this.#owed = true;
  }
  first(): void {
    if (this.#started) return;
    this.started();
    const socket = this.session.gives ? this.session.openPipe() : 0;
    this.start.session(this, this.session.takeMessage(), socket);
  }
  pipeGone(name: string, message: string, flags: number): void {
    if (this.#owed) {
      this.#pipeFailed = () => this.session.pipeGone(name, message, flags); // If the reply does not know better.
      return;
    }
    if ((flags & kObjectReset) !== 0) this.reached.broken = () => makeError(name, message, flags & ~kRemote);
    this.session.pipeGone(name, message, flags);
  }
  failed(): void {}

  // What the hooks `fetched` and `fetchFailed` come to.
  answered(_status: number, _text: string, _headers: Packed, body: InBody, socket: number | undefined): undefined {
    const { session } = this;
    this.#owed = false;
    const said = body instanceof Uint8Array && body.byteLength > 0; // The pipe may be closed already: it is the last that comes.
    if (this.#pipeFailed !== undefined && !said) {
      this.#pipeFailed();
      return undefined;
    }
    if (socket !== undefined) session.attach(socket);
    try {
      if (body instanceof Uint8Array) session.receive(body);
    } catch (error) {
      session.fail(() => error as Error);
    }
    this.#pipeFailed?.();
    this.#goOn();
    return undefined;
  }
  // The same of a plain call, which gave this.
  returned(id: number, value: unknown): void {
    this.#owed = false;
    this.session.returned(id, value, []);
    this.#goOn();
  }
  #goOn(): void {
    const { session } = this;
    if (session.open) session.sendDeferred();
    else session.answerDeferred();
    session.settle();
  }
  unanswered(name: string, message: string, flags: number): Error {
    this.#owed = false;
    if ((flags & kObjectReset) !== 0) {
      flags &= ~kRemote;
      this.reached.broken = () => makeError(name, message, flags);
    }
    this.session.fail(() => makeError(name, message, flags));
    return makeError(name, message, flags);
  }
}

// Values that hold nothing of the platform's, of the script's classes or callable: a list of primitives, or else the
// list as native.rpcPack writes it.
export type PlainArguments = unknown[] | string;

const kPlainArgumentsMax = 16;
const kPlainTextMax = 64 * 1024;

// Undefined: there is something else among them.
function plainArguments(args: unknown[]): PlainArguments | undefined {
  let primitives = args.length <= kPlainArgumentsMax;
  for (let index = 0; index < args.length; index++) {
    const value = args[index];
    switch (typeof value) {
      case "function":
      case "symbol": return undefined;
      case "string":
        if (value.length > kPlainTextMax) primitives = false;
        break;
      case "object":
        if (value !== null) primitives = false;
        break;
      case "bigint": primitives = false;
    }
  }
  return primitives ? args : native.rpcPack(args);
}

// A call of a method with plain arguments. Most get a plain result, and nothing is called on that before it is there: then
// no session is made for it, at either end.
export class PlainCall {
  readonly call: Outgoing = new Outgoing(undefined, 1, 0, this);
  #client: Client | undefined;
  #sent = false;
  #args: PlainArguments | undefined; // Until it is sent.
  constructor(readonly start: Start, readonly reached: Reached, readonly path: Path, args: PlainArguments) {
    this.#args = args;
    later(() => this.#send());
  }
  #send(): void {
    if (this.#client !== undefined) return; // It goes with the session's first message.
    this.#sent = true;
    const args = this.#args!;
    this.#args = undefined;
    try {
      this.start.plain(this, this.path[0]!, args);
    } catch (error) {
      this.call.reject(error);
    }
  }

  // The session of which this is the first call, for the first that is made on what it will give.
  open(): Session { return this.#open().session; }
  #open(): Client {
    if (this.#client !== undefined) return this.#client;
    const { call } = this;
    const client = (this.#client = new Client(this.start, this.reached));
    const args = this.#args;
    call.session = client.session;
    client.session.adopt(call, this.path, typeof args === "string" ? native.rpcUnpack(args) : args);
    if (this.#sent) client.started();
    return client;
  }

  // What the hooks `callReturned`, `fetched` and `fetchFailed` come to.
  returned(value: unknown): void {
    const { call } = this;
    if (this.#client !== undefined) return this.#client.returned(call.id, value);
    call.resolve(isObject(value) ? disposable(value, () => call.dispose()) : value);
  }
  answered(status: number, text: string, headers: Packed, body: InBody, socket: number | undefined): undefined {
    return this.#open().answered(status, text, headers, body, socket);
  }
  unanswered(name: string, message: string, flags: number): Error {
    return this.#open().unanswered(name, message, flags);
  }
}

// Calls whatever `start` leads to.
export function callThrough(start: Start, reached: Reached, path: Path, args: unknown[] | undefined): Result {
  if (reached.broken !== undefined) return callFailed(reached.broken());
  const plain = args !== undefined && path.length === 1 ? plainArguments(args) : undefined;
  if (plain !== undefined) return new PlainCall(start, reached, path, plain).call;
  return new Client(start, reached).session.call(0, path, args, 0);
}

// -- the callee's side

class Server implements Side {
  readonly session: Session = new Session(this);
  #target: Target;
  #event: number; // 0 once it was answered.
  #patience = kAnswerPatience;
  constructor(target: Target, event: number) {
    this.#target = target;
    this.#event = event;
  }
  main(): Target { return this.#target; }
  keepsContext(): boolean { return true; }
  waits(): boolean { return false; }
  quiet(): boolean { return this.#event === 0; }
  // With a pipe from the caller answers go through it, and the reply says that the calls have come to their end. The answer
  // to the only call goes with the reply, unless something that went through the pipe before may still be on its way.
  sent(): boolean {
    const { session } = this;
    if (this.#event === 0 || session.running > 0 || session.received > 1 || !session.answered) return false;
    this.#reply(session.takeMessage(), 0);
    return true;
  }
  flushed(): void {
    if (this.session.open && this.#event !== 0 && this.session.running === 0) this.#reply(new Uint8Array(0), 0);
  }
  first(): void {
    const { session } = this;
    if (this.#event === 0 || !session.hasOut()) return;
    if (session.running > 0 && this.#patience-- > 0) return session.schedule();
    if (session.running === 0 && !session.gives) {
      this.#reply(session.takeMessage(), 0);
      session.ended = true;
      return;
    }
    const message = session.takeMessage();
    this.#reply(message, session.openPipe());
  }
  pipeGone(name: string, message: string, flags: number): void {
    this.session.pipeGone(name, message, flags);
  }
  failed(error: () => Error): void {
    if (this.#event === 0) return;
    const [name, message, stack, flags] = describeError(error());
    native.reject(this.#event, name, message, stack, flags);
    this.#event = 0;
  }
  #reply(message: Uint8Array, socket: number): void {
    const event = this.#event;
    this.#event = 0;
    native.rpcAnswer(event, message, socket);
    this.session.settle();
  }
}

// Runs the first message of a session; the answer goes to `event`.
export function serve(target: Target, event: number, message: Uint8Array, socket: number): void {
  const { session } = new Server(target, event);
  try {
    if (socket !== 0) session.attach(socket);
    session.receive(message);
  } catch (error) {
    session.fail(() => error as Error);
  }
}

// Runs a plain call. Unless what it gives is plain, too, a session answers.
export function servePlain(target: Target, event: number, method: string, args: unknown[]): void {
  const refuse = (error: unknown) => new Server(target, event).session.follow(1, Promise.reject(error), []);
  const answer = (value: unknown) => {
    const reference = typeof value === "function" || value instanceof RpcTarget;
    if (!reference && native.rpcReturn(event, value)) return;
    new Server(target, event).session.follow(1, Promise.resolve(value), []);
  };
  try {
    const value = reachNow(target, [method], args);
    if (isObject(value)) Promise.resolve(value).then(answer, refuse);
    else answer(value);
  } catch (error) {
    refuse(error);
  }
}

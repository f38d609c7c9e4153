// The two ends of an RPC session between contexts: who calls a stub, and who answers it. See rpc_session.ts.
import { describeError, kObjectReset, kRemote, makeError } from "./errors";
import type { InBody, Packed } from "./native.d";
import { callFailed, Session, type Side } from "./rpc_session";
import { type Path, type Result, Target } from "./rpc_target";
import { native } from "./seam";

// How many turns of the microtask queue an answer waits for others that may make a pipe needless.
const kAnswerPatience = 16;

// -- the caller's side

// How the first message gets there.
export type Start = (state: object, message: Uint8Array, socket: number) => Promise<unknown>;
export interface Reached { broken: (() => Error) | undefined } // Set when the callee was reset.

export class Client implements Side {
  readonly session: Session = new Session(this);
  #started = false;
  #owed = false; // The reply of the first message.
  #pipeFailed: (() => void) | undefined;
  constructor(readonly start: Start, readonly reached: Reached) {}

  main(): undefined { return undefined; }
  flushed(): void {}
  keepsContext(): boolean { return native.currentObject() !== 0; }
  waits(): boolean { return this.#owed && !this.session.open; }
  quiet(): boolean { return !this.#owed; }
  first(): void {
    if (this.#started) return;
    this.#started = true;
    this.#owed = true;
    const socket = this.session.gives ? this.session.openPipe() : 0;
    this.start(this, this.session.takeMessage(), socket).catch(() => {});
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
    if (this.#pipeFailed !== undefined) {
      this.#pipeFailed();
      return undefined;
    }
    if (socket !== undefined) session.attach(socket);
    try {
      if (body instanceof Uint8Array) session.receive(body);
    } catch (error) {
      session.fail(() => error as Error);
    }
    if (session.open) session.sendDeferred();
    else session.answerDeferred();
    session.settle();
    return undefined;
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

// Calls whatever `start` leads to.
export function callThrough(start: Start, reached: Reached, path: Path, args: unknown[] | undefined): Result {
  if (reached.broken !== undefined) return callFailed(reached.broken());
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
  // With a pipe from the caller all answers go through it; the reply says that the calls have come to their end.
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

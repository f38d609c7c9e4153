// An RPC session: one call from this side or to it, the calls that are made on what it gives before it is there
// (pipelining), and what both sides hold of each other afterwards. docs/formats/rpc.md is the protocol.
//
// A call without references is one message each way, carried by the call and its reply. Whoever gives the first
// reference opens a pipe (an end of a WebSocket inside the process) and sends the other end along; the rest of the
// session goes through that. So messages keep the gates' rules: each is an event of its receiver, and none leaves before
// what its sender wrote is durable.
import { compatibility } from "./compatibility";
import { reportException } from "./console";
import { kObjectReset, kRemote, kRetryable, makeError } from "./errors";
import { describeThrown, errorOf, type Thrown } from "./rpc_errors";
import type { RpcStub } from "./rpc_stub";
import { type Hook, type Path, reach, type Result, Target } from "./rpc_target";
import { type Ends, kMessageBytesMax, read, write } from "./rpc_values";
import { concatBytes, native } from "./seam";

const kVersion = 1;
const kHeadBytes = 5; // Of a message of one operation: version, length.
enum Op { kCall, kGet, kReturn, kThrow, kRelease, kAck }
enum Grip { kNone, kPending, kHold } // As ScriptSockets::Grip.

const kPipelineDepthMax = 64;

const kSettled = Promise.resolve();
export const later = (run: () => void) => void kSettled.then(run);

const kCanceled = "The execution context responding to this call was canceled.";
const kHostGone = "The execution context which hosts this callback is no longer running.";
export const kDisposed = "RPC stub used after being disposed.";

// What the other side lets us call.
class Import implements Hook {
  #uses = 1;
  #told: ((error: unknown) => void)[] | undefined;
  constructor(readonly session: Session, readonly number: number) {}
  call(path: Path, args: unknown[] | undefined): Result {
    return this.#uses === 0 ? callFailed(new Error(kDisposed)) : this.session.call(this.number, path, args, 0);
  }
  dup(): Hook {
    if (this.#uses === 0) throw new Error(kDisposed);
    this.#uses++;
    return new Share(this);
  }
  dispose(): void {
    if (this.#uses > 0 && --this.#uses === 0) this.session.release(this);
  }
  onBroken(told: (error: unknown) => void): void {
    if (this.session.broken !== undefined) return later(() => told(this.session.broken!()));
    (this.#told ??= []).push(told);
  }
  broke(error: unknown): void {
    for (const told of this.#told ?? []) {
      try {
        told(error);
      } catch (thrown) {
        reportException(thrown);
      }
    }
  }
}

// One more holder of an Import.
class Share implements Hook {
  #gone = false;
  constructor(readonly of: Import) {}
  call(path: Path, args: unknown[] | undefined): Result {
    return this.#gone ? callFailed(new Error(kDisposed)) : this.of.call(path, args);
  }
  dup(): Hook {
    if (this.#gone) throw new Error(kDisposed);
    return this.of.dup();
  }
  dispose(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.of.dispose();
  }
  onBroken(told: (error: unknown) => void): void { this.of.onBroken(told); }
}

enum Phase { kPending, kGiven, kFailed }

// A call of ours.
export class Outgoing implements Result {
  #phase = Phase.kPending;
  #given: unknown = undefined; // The value, or why there is none.
  #promise: Promise<unknown> | undefined = undefined; // Once somebody waits,
  #resolve: ((value: unknown) => void) | undefined = undefined; // ... with what settles it.
  #reject: ((error: unknown) => void) | undefined = undefined;
  stubs: Hook[] | undefined = undefined; // In what it gave.
  #disposed = false;
  // `first`: makes the session that it lacks, should one be needed.
  constructor(public session: Session | undefined, readonly id: number, readonly depth: number,
    readonly first?: { open(): Session }) {}

  value(): Promise<unknown> {
    if (this.#promise !== undefined) return this.#promise;
    if (this.#phase === Phase.kGiven) return (this.#promise = Promise.resolve(this.#given));
    if (this.#phase === Phase.kFailed) return (this.#promise = Promise.reject(this.#given));
    return (this.#promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    }));
  }
  resolve(value: unknown): void {
    if (this.#phase !== Phase.kPending) return;
    this.#phase = Phase.kGiven;
    this.#given = value;
    if (this.#disposed) this.#drop();
    this.#resolve?.(value);
  }
  reject(error: unknown): void {
    if (this.#phase !== Phase.kPending) return;
    this.#phase = Phase.kFailed;
    this.#given = error;
    this.#reject?.(error);
  }
  call(path: Path, args: unknown[] | undefined): Result {
    if (this.#disposed) return callFailed(new Error("RPC promise used after being disposed."));
    if (this.#phase === Phase.kPending) {
      if (this.depth >= kPipelineDepthMax) {
        return callFailed(new Error(`RPC calls can be pipelined at most ${kPipelineDepthMax} deep.`));
      }
      return (this.session ?? this.first!.open()).call(-this.id, path, args, this.depth + 1, this);
    }
    return this.#phase === Phase.kFailed ? callFailed(this.#given) : onValue(this.#given, path, args);
  }
  dup(): Hook { return this; }
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    if (this.#phase !== Phase.kPending) this.#drop();
  }
  #drop(): void {
    for (const stub of this.stubs?.splice(0) ?? []) stub.dispose();
  }
  onBroken(told: (error: unknown) => void): void { this.value().catch(told); }
}

export function callFailed(error: unknown): Result {
  const result = new Outgoing(undefined, 0, 0);
  result.reject(error);
  return result;
}

// A call on a value that is here: its stubs take over, all else is looked up.
function onValue(value: unknown, path: Path, args: unknown[] | undefined): Result {
  const result = new Outgoing(undefined, 0, 0);
  reach(new Target(value), path, args).then((given) => result.resolve(given), (error) => result.reject(error));
  return result;
}

// Gives a result what `using` calls. A stub has its own.
export function disposable(value: unknown, dispose: () => void): unknown {
  if (typeof value !== "object" || value === null || Symbol.dispose in value) return value;
  try {
    Object.defineProperty(value, Symbol.dispose, { value: dispose, writable: true, enumerable: false, configurable: true });
  } catch {
    // Not extensible: nothing comes so.
  }
  return value;
}

interface Deferred { call: Outgoing; base: Outgoing | undefined; path: Path; args: unknown[] | undefined; bytes: Uint8Array<ArrayBuffer> }

// By number. Most sessions have one call and nothing else, so the first has a place of its own.
class Few<Item> {
  #number = 0;
  #item: Item | undefined;
  #more: Map<number, Item> | undefined;
  get size(): number { return (this.#number === 0 ? 0 : 1) + (this.#more?.size ?? 0); }
  get(number: number): Item | undefined { return number === this.#number ? this.#item : this.#more?.get(number); }
  set(number: number, item: Item): void {
    if (this.#number === 0 && this.#more === undefined) {
      this.#number = number;
      this.#item = item;
    } else (this.#more ??= new Map()).set(number, item);
  }
  delete(number: number): boolean {
    if (number !== this.#number) return this.#more?.delete(number) ?? false;
    this.#number = 0;
    this.#item = undefined;
    return true;
  }
  // All of them, and then there are none.
  take(): Item[] {
    const all = [...(this.#number === 0 ? [] : [this.#item!]), ...(this.#more?.values() ?? [])];
    this.#number = 0;
    this.#item = this.#more = undefined;
    return all;
  }
}

// What differs between the two ends. Not by inheritance: see seam.ts, inherit.
export interface Side {
  main(): Target | undefined; // What number 0 is for the other end.
  // There is no pipe yet: sends what there is in the call or its reply, now or later.
  first(): void;
  // There is a pipe. True: what there is to send went another way.
  sent(): boolean;
  flushed(): void;
  keepsContext(): boolean;
  // The first message is out and its answer is not here: whether there will be a pipe is not known.
  waits(): boolean;
  // Nothing is owed beside messages.
  quiet(): boolean;
  pipeGone(name: string, message: string, flags: number): void;
  failed(error: () => Error): void;
}

export class Session implements Ends {
  #socket = 0;
  #out: Uint8Array<ArrayBuffer>[] = []; // Messages of one operation each.
  #deferred: Deferred[] | undefined; // Calls that wait for the first answer: without a pipe they are answered here.
  #scheduled = false;
  #exports: Few<Target> | undefined;
  #imports: Few<Import> | undefined;
  #calls: Few<Outgoing> | undefined;
  #answers: Few<Promise<unknown>> | undefined; // Of their calls, for those that are made on them.
  #acks: number[] | undefined;
  #nextExport = 1;
  #nextCall = 1;
  running = 0; // Their calls,
  received = 0; // ... and how many there ever were.
  ended = false;
  broken: (() => Error) | undefined; // Why it ended, if not well.
  constructor(readonly side: Side) {}

  // -- Ends
  export(target: Target): number {
    const number = this.#nextExport++;
    (this.#exports ??= new Few()).set(number, target);
    return number;
  }
  homeOf(hook: Hook): number {
    const own = hook instanceof Share ? hook.of : hook;
    return own instanceof Import && own.session === this ? own.number : 0;
  }
  import(number: number): Hook {
    const found = new Import(this, number);
    (this.#imports ??= new Few()).set(number, found);
    return found;
  }
  exported(number: number): Target | undefined { return this.#exports?.get(number); }

  get gives(): boolean { return this.#exports !== undefined && this.#exports.size > 0; }
  get open(): boolean { return this.#socket !== 0; }
  // Nothing that was sent is still to be answered.
  get answered(): boolean { return this.#calls === undefined || this.#calls.size === 0; }
  // -- out
  call(to: number, path: Path, args: unknown[] | undefined, depth: number, base?: Outgoing): Outgoing {
    const call = new Outgoing(this, this.#nextCall++, depth);
    try {
      if (this.broken !== undefined) throw this.broken();
      if (this.ended) throw new Error(kCanceled);
      const op = args === undefined ? [Op.kGet, call.id, to, path] : [Op.kCall, call.id, to, path, args];
      const moved: RpcStub[] | undefined = compatibility.dupStubs ? undefined : [];
      const bytes = this.#write(op, moved);
      (this.#calls ??= new Few()).set(call.id, call);
      if (this.side.waits()) (this.#deferred ??= []).push({ call, base, path, args, bytes });
      else this.#push(bytes);
      moved?.forEach((stub) => stub[Symbol.dispose]());
    } catch (error) {
      call.reject(error);
    }
    return call;
  }
  // The first call, made before there was a session. With arguments it is still to be sent.
  adopt(call: Outgoing, path: Path, args: unknown[] | undefined): void {
    this.#nextCall = call.id + 1;
    (this.#calls ??= new Few()).set(call.id, call);
    try {
      if (args !== undefined) this.#push(this.#write([Op.kCall, call.id, 0, path, args]));
    } catch (error) {
      call.reject(error);
    }
  }
  release(held: Import): void {
    if (!this.#imports?.delete(held.number) || this.ended) return;
    this.#push(this.#write([Op.kRelease, held.number]));
  }

  #write(op: unknown[], moved?: RpcStub[]): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(write(this, op, (number) => this.#exports?.delete(number), moved));
    if (bytes.byteLength - kHeadBytes <= kMessageBytesMax) return bytes;
    throw new Error(`Serialized RPC arguments or return values are limited to 32MiB, but the size of this value was: ${
      bytes.byteLength - kHeadBytes} bytes.`);
  }
  #push(bytes: Uint8Array<ArrayBuffer>): void {
    this.#out.push(bytes);
    this.schedule();
  }
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    later(() => {
      this.#scheduled = false;
      this.#flush();
      this.side.flushed();
    });
  }
  #flush(): void {
    if (this.ended) return;
    try {
      if (!this.open) this.side.first();
      else if (this.hasOut() && !this.side.sent()) native.wsSend(this.#socket, this.takeMessage());
    } catch (error) {
      return this.fail(() => error as Error);
    }
    this.settle();
  }

  // The version stands once before all operations.
  takeMessage(): Uint8Array<ArrayBuffer> {
    if (this.#acks !== undefined) {
      this.#out.push(this.#write([Op.kAck, this.#acks]));
      this.#acks = undefined;
    }
    const out = this.#out;
    this.#out = [];
    return out.length === 1 ? out[0]! : concatBytes(out.map((bytes, index) => (index === 0 ? bytes : bytes.subarray(1))));
  }
  hasOut(): boolean { return this.#out.length > 0; }

  // -- the pipe
  attach(socket: number): void {
    this.#socket = socket;
    native.wsAccept(socket, this, true);
  }
  // A pipe of ours; the number of the end that goes to the other side.
  openPipe(): number {
    const [mine, theirs] = native.wsPair();
    this.attach(mine);
    return theirs;
  }
  sendDeferred(): void {
    for (const { bytes } of this.#takeDeferred()) this.#push(bytes);
  }
  // There is no pipe, and there will be none: all that came is here.
  answerDeferred(): void {
    for (const { call, base, path, args } of this.#takeDeferred()) {
      this.#calls?.delete(call.id);
      const given = base === undefined ? callFailed(new Error(kCanceled)) : base.call(path, args);
      given.value().then((value) => call.resolve(value), (error) => call.reject(error));
    }
  }

  #takeDeferred(): Deferred[] {
    const deferred = this.#deferred ?? [];
    this.#deferred = undefined;
    return deferred;
  }

  // Ends it if neither side holds anything of the other's; else says what it keeps alive.
  settle(): void {
    if (this.ended || this.#socket === 0) return;
    const calls = this.#calls?.size ?? 0;
    const idle = !this.gives && (this.#imports?.size ?? 0) === 0 && calls === 0 && this.running === 0 &&
      this.#out.length === 0 && this.side.quiet();
    if (idle) {
      this.ended = true;
      native.wsClose(this.#socket, 1000, "");
      return;
    }
    const holds = this.side.keepsContext() && (this.gives || this.running > 0);
    native.wsGrip(this.#socket, holds ? Grip.kHold : calls > 0 ? Grip.kPending : Grip.kNone);
  }

  // -- in
  // Called by C++ with what arrives at the pipe: kind 0 a message, 1 a close, 2 an error (text, name and flags).
  event(kind: number, first: unknown, name: unknown, flags: unknown): void {
    if (kind === 0) {
      try {
        this.receive(new Uint8Array(first as ArrayBuffer));
      } catch (error) {
        native.wsDrop(this.#socket);
        this.fail(() => error as Error);
      }
      return;
    }
    if (this.ended) return;
    if (kind === 2) this.side.pipeGone(name as string, first as string, (flags as number) | kRemote);
    else this.side.pipeGone("Error", kCanceled, kRemote | kRetryable);
  }
  pipeGone(name: string, message: string, flags: number): void {
    this.fail(() => makeError(name, message, flags));
    if ((flags & kObjectReset) !== 0) this.broken = () => new Error(kHostGone);
  }

  receive(message: Uint8Array): void {
    if (message.byteLength === 0) return;
    if (message[0] !== kVersion) throw new Error(`RPC protocol version ${message[0]} is not supported.`);
    for (let at = 1; at < message.byteLength;) {
      const size = (message[at]! | message[at + 1]! << 8 | message[at + 2]! << 16 | message[at + 3]! << 24) >>> 0;
      this.#take(message.subarray(at + 4, at + 4 + size));
      at += 4 + size;
    }
    this.settle();
  }
  #take(bytes: Uint8Array): void {
    const stubs: Hook[] = [];
    const op = read(this, bytes, stubs) as any[];
    switch (op[0] as Op) {
      case Op.kCall:
        if (op[2] === 0) native.noteCall(op[3].at(-1));
        return this.#run(op[1], op[2], op[3], op[4], stubs);
      case Op.kGet: return this.#run(op[1], op[2], op[3], undefined, stubs);
      case Op.kReturn: return this.returned(op[1], op[2], stubs);
      case Op.kThrow: return this.#threw(op[1], op[2]);
      case Op.kRelease: {
        const target = this.#exports?.get(op[1]);
        this.#exports?.delete(op[1]);
        if (target !== undefined) disposeSafely(target);
        return;
      }
      case Op.kAck:
        for (const id of op[1]) this.#answers?.delete(id);
    }
  }

  #run(id: number, to: number, path: Path, args: unknown[] | undefined, stubs: Hook[]): void {
    let result: Promise<unknown>;
    if (to >= 0) {
      const target = to === 0 ? this.side.main() : this.#exports?.get(to);
      result = target === undefined ? Promise.reject(new Error(kDisposed)) : reach(target, path, args);
    } else {
      const base = this.#answers?.get(-to);
      result = base === undefined ? Promise.reject(new Error(kDisposed))
        : base.then((value) => reach(new Target(value), path, args));
    }
    this.follow(id, result, stubs);
  }
  // Answers their call with what it comes to.
  follow(id: number, result: Promise<unknown>, stubs: Hook[]): void {
    this.running++;
    this.received++;
    (this.#answers ??= new Few()).set(id, result);
    result.then((value) => this.#answer(id, value, stubs), (error) => this.#refuse(id, error, stubs));
  }
  #answer(id: number, value: unknown, stubs: Hook[]): void {
    this.running--;
    if (this.ended) return;
    try {
      this.#push(this.#write([Op.kReturn, id, value]));
    } catch (error) {
      this.#push(this.#write([Op.kThrow, id, describeThrown(error)]));
    }
    for (const stub of stubs) stub.dispose();
  }
  #refuse(id: number, error: unknown, stubs: Hook[]): void {
    this.running--;
    if (this.ended) return;
    reportException(error);
    this.#push(this.#write([Op.kThrow, id, describeThrown(error)]));
    for (const stub of stubs) stub.dispose();
  }
  returned(id: number, value: unknown, stubs: Hook[]): void {
    const call = this.#calls?.get(id);
    if (call === undefined) return stubs.forEach((stub) => stub.dispose());
    this.#calls!.delete(id);
    (this.#acks ??= []).push(id);
    call.stubs = stubs;
    call.resolve(disposable(value, () => call.dispose()));
  }
  #threw(id: number, thrown: Thrown): void {
    const call = this.#calls?.get(id);
    this.#calls?.delete(id);
    (this.#acks ??= []).push(id);
    call?.reject(errorOf(thrown));
  }

  // -- the end
  fail(error: () => Error): void {
    this.#fail(error);
    this.side.failed(error);
  }
  #fail(error: () => Error): void {
    if (this.ended) return;
    this.ended = true;
    this.broken = error;
    for (const { call } of this.#takeDeferred()) call.reject(error());
    for (const call of this.#calls?.take() ?? []) call.reject(error());
    for (const held of this.#imports?.take() ?? []) held.broke(error());
    (this.#exports?.take() ?? []).forEach(disposeSafely);
  }
}

export function disposeSafely(target: Target): void {
  try {
    target.dispose();
  } catch (error) {
    reportException(error);
  }
}

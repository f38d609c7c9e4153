// Pipes that C++ can take over: of a body that C++ holds and nobody has read from, into the writable side of an identity
// transform that nobody has written to. Nothing moves until somebody takes the readable side: C++ takes the body itself
// then, with what the transform asks of it; whoever reads, cancels or tees starts the pipe as the standard has it. If C++
// has the readable side already, it is told of the body between two chunks (joinSent).
import type { ReadableStream, WritableStream } from "web-streams-polyfill";
import type { Pump } from "./native.d";
import { native } from "./seam";

// The number of the body behind a stream that nobody has read from, so that it can be passed on as it is.
export const kBody = Symbol("body");
const kJoin = Symbol("join"); // Of the readable side.
const kOther = Symbol("other"); // Of both sides of an identity transform: what they share.

// Lives in the streams' own slots, which web-streams-polyfill names as the standard does.
interface Join {
  source: number | Join;
  length: number | undefined; // What has to come in all, and no more.
  told: boolean; // The pipe's promise is somebody's.
  timer: number;
  start(): void;
  resolve(done: Promise<void> | void): void;
}
interface Other {
  readable: any;
  room: Room | undefined;
  written: boolean; // Its writable side was in somebody's hands.
  give: ((body: number) => void) | undefined; // C++ has the readable side.
}
interface Room { left: number } // How many bytes may, and have to, come.
interface PipeOptions { preventClose?: boolean; preventAbort?: boolean; preventCancel?: boolean; signal?: unknown }

// Of a stream that is neither locked nor read from; undefined: a script makes its chunks.
function sourceOf(stream: any): number | Join | undefined {
  if (stream.locked) return undefined;
  return stream[kJoin] ?? (stream._disturbed ? undefined : stream[kBody]);
}

// `writable` passes what it is given to `readable`, bytes unchanged.
export function isIdentity(readable: ReadableStream, writable: WritableStream, room?: Room): void {
  const other: Other = { readable, room, written: false, give: undefined };
  (readable as any)[kOther] = (writable as any)[kOther] = other;
}

// Its writable side is in somebody's hands.
export function isWritten(writable: WritableStream): void {
  const other: Other | undefined = (writable as any)[kOther];
  if (other !== undefined) other.written = true;
}

function isIdle(writable: any): boolean {
  return !writable.locked && writable._state === "writable" && writable._closeRequest === undefined &&
    writable._inFlightCloseRequest === undefined && writable._pendingAbortRequest === undefined;
}

function isFresh(writable: any, { readable, written }: Other): boolean {
  return !written && isIdle(writable) && !readable.locked && !readable._disturbed && readable._state === "readable";
}

// Joins the two if that is possible; undefined: not. `pipe` is the pipe as the standard has it. `told`: the promise goes
// to a script, which may wait for the end of what nobody reads. So such a pipe starts by itself when the turn is over.
export function join(from: any, to: any, pipe: () => Promise<void>, told: boolean): Promise<void> | undefined {
  const other: Other | undefined = to[kOther];
  const source = sourceOf(from);
  if (other === undefined || source === undefined || !isFresh(to, other)) return undefined;
  const reader = from.getReader();
  const writer = to.getWriter();
  from._disturbed = true;
  const { readable } = other;
  const length = other.room?.left;
  const controller = readable._readableStreamController;
  const { _pullAlgorithm: pull, _cancelAlgorithm: cancel } = controller;
  const made: Join = {
    source, length, told, timer: 0, resolve() {},
    start() {
      stopTimer(made);
      readable[kJoin] = undefined;
      controller._pullAlgorithm = pull;
      controller._cancelAlgorithm = cancel;
      reader.releaseLock();
      writer.releaseLock();
      made.resolve(pipe());
    },
  };
  controller._pullAlgorithm = () => {
    made.start();
    return pull();
  };
  controller._cancelAlgorithm = (reason: unknown) => {
    made.start();
    return cancel(reason);
  };
  readable[kJoin] = made;
  const done = new Promise<void>((resolve) => { made.resolve = resolve; });
  if (told) {
    made.timer = native.setTimer(() => made.start(), 0, false);
  } else {
    done.catch(() => {});
  }
  return done;
}

// Of a readable side that C++ takes: a pump that may be given bodies beside what `pump` reads.
export function pumpOfBodies(stream: any, pump: Pump): Pump {
  const other: Other | undefined = stream[kOther];
  if (other === undefined) return pump;
  let asked: ((piece: Uint8Array | number | undefined) => void) | undefined;
  let reading: ReturnType<Pump["read"]> | undefined; // Goes on behind a body.
  let given: number | undefined;
  other.give = (body) => {
    // A chunk that is on its way goes first.
    if (asked === undefined || stream._reader._readRequests.length === 0) given = body;
    else asked(body), asked = undefined;
  };
  return {
    read() {
      if (given !== undefined) {
        const body = given;
        given = undefined;
        return Promise.resolve(body);
      }
      return new Promise((done, fail) => {
        asked = done;
        reading ??= pump.read();
        reading.then((chunk) => {
          if (asked === done) asked = reading = undefined, done(chunk);
        }, (error) => {
          if (asked === done) asked = reading = undefined, fail(error);
        });
      });
    },
    cancel: (reason) => pump.cancel(reason),
  };
}

// The same as join() for a readable side that C++ has begun to send: the body passes between two chunks of the script's.
export function joinSent(from: any, to: any, options: PipeOptions = {}): Promise<void> | undefined {
  const other: Other | undefined = to[kOther];
  if (other?.give === undefined || options.signal !== undefined || options.preventCancel) return undefined;
  const source = sourceOf(from);
  if (source === undefined || !isIdle(to) || !isDrained(to, other)) return undefined;
  const { room, give } = other;
  const { preventClose, preventAbort } = options;
  if (room !== undefined && preventClose) return undefined;
  const reader = from.getReader();
  const writer = to.getWriter();
  from._disturbed = true;
  const body = typeof source === "object" ? takeJoin(source) : source;
  const passed = native.bodyJoin(body, room?.left, true)!;
  give(body);
  return (async () => {
    try {
      await passed;
      from._readableStreamController.close();
      if (room !== undefined) room.left = 0;
      if (!preventClose) await writer.close();
    } catch (error) {
      from._readableStreamController.error(error);
      if (!preventAbort) await writer.abort(error).catch(() => {});
      throw error;
    } finally {
      writer.releaseLock();
      reader.releaseLock();
    }
  })();
}

// What was written is with C++, or on its way there. Texts may be among what a plain TransformStream was given, and chunks
// without a byte, for which no reader's question is ever at its end.
function isDrained(writable: any, { readable, written }: Other): boolean {
  if (readable._state !== "readable") return false;
  if (!written) return true;
  const byteStream = readable._readableStreamController._pendingPullIntos !== undefined;
  return byteStream && writable._inFlightWriteRequest === undefined && writable._writeRequests.length === 0;
}

// Takes the body of C++ out of an untouched stream; undefined if there is none. The stream is to be locked afterwards.
export function takeBody(stream: any): number | undefined {
  const source = sourceOf(stream);
  return typeof source === "object" ? takeJoin(source) : source;
}

function takeJoin(join: Join): number {
  const body = typeof join.source === "object" ? takeJoin(join.source) : join.source;
  stopTimer(join);
  join.resolve(native.bodyJoin(body, join.length, join.told));
  return body;
}

function stopTimer(join: Join): void {
  if (join.timer !== 0) native.clearTimer(join.timer);
  join.timer = 0;
}

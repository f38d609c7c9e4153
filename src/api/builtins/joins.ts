// Pipes that C++ can take over: of a body that C++ holds and nobody has read from, into the writable side of an identity
// transform that nobody has written to. Nothing moves until somebody takes the readable side: C++ takes the body itself
// then, with what the transform asks of it; whoever reads, cancels or tees starts the pipe as the standard has it.
import type { ReadableStream, WritableStream } from "web-streams-polyfill";
import { native } from "./seam";

// The number of the body behind a stream that nobody has read from, so that it can be passed on as it is.
export const kBody = Symbol("body");
const kJoin = Symbol("join"); // Of the readable side.
const kOther = Symbol("other"); // Of the writable side of an identity transform: its readable side.

// Lives in the streams' own slots, which web-streams-polyfill names as the standard does.
interface Join {
  source: number | Join;
  length: number | undefined; // What has to come in all, and no more.
  told: boolean; // The pipe's promise is somebody's.
  timer: number;
  start(): void;
  resolve(done: Promise<void> | void): void;
}
interface Other { readable: any; length: number | undefined }

// Of a stream that is neither locked nor read from; undefined: a script makes its chunks.
function sourceOf(stream: any): number | Join | undefined {
  if (stream.locked) return undefined;
  return stream[kJoin] ?? (stream._disturbed ? undefined : stream[kBody]);
}

// `writable` passes what it is given to `readable`, bytes unchanged.
export function isIdentity(readable: ReadableStream, writable: WritableStream, length?: number): void {
  const other: Other = { readable, length };
  (writable as any)[kOther] = other;
}

// Its writable side is in somebody's hands.
export function isWritten(writable: WritableStream): void {
  (writable as any)[kOther] = undefined;
}

function isFresh(writable: any, { readable }: Other): boolean {
  return !writable.locked && writable._state === "writable" && writable._closeRequest === undefined &&
    writable._inFlightCloseRequest === undefined && writable._pendingAbortRequest === undefined &&
    !readable.locked && !readable._disturbed && readable._state === "readable";
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
  const { readable, length } = other;
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

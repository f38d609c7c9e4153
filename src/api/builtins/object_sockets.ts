// connect() of a stub, and the connect() handler that it leads to: a Socket on each side, over one RPC call that lasts as
// long as the handler runs. The caller sends a `Line` along; the callee asks it for each chunk and gives it each of its
// own, so that neither side is ahead of the other and what is sent keeps the gates' rules.
import { reportException } from "./console";
import type { Callee } from "./fetch";
import { RpcStub } from "./rpc_stub";
import { type Hook, kConnect, RpcTarget, setConnected } from "./rpc_target";
import { isObject, wrongArgument } from "./seam";
import { makeSocket, readTarget, type Socket, type Wire } from "./sockets";
import { copyOfBytes, IdentityTransformStream, ReadableStream } from "./streams";

const kNoHandler = "Handler does not export a connect() function.";
const kLost = "Network connection lost.";
const kClientGone = "Can't read from request stream because client disconnected.";

// What the callee reaches of its caller. The names are between this file's two halves.
class Line extends RpcTarget {
  #up = new IdentityTransformStream() as any;
  #down = new IdentityTransformStream() as any;
  #reader = this.#up.readable.getReader();
  readonly #sending = this.#up.writable.getWriter();
  readonly #coming = this.#down.writable.getWriter();
  readonly #opened = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  #finished = false;

  // -- the callee's
  opened(): void { this.#opened.resolve(); }
  async read(): Promise<Uint8Array | undefined> {
    const { done, value } = await this.#reader.read();
    return done ? undefined : value;
  }
  async write(chunk: unknown): Promise<void> { await this.#coming.write(copyOfBytes(chunk)); }
  async end(): Promise<void> {
    this.#ended.resolve();
    await this.#coming.close();
  }

  // -- ours
  static wireOf(line: Line, finished: Promise<unknown>): Wire {
    const sending = line.#sending;
    finished.then(() => line.#finish(), (error) => line.#fail(error));
    return {
      readable: line.#down.readable, opened: line.#opened.promise, ended: line.#ended.promise,
      write: (bytes) => sending.write(bytes),
      end: () => sending.close(),
      leave: () => line.#leave(),
    };
  }
  // The handler has ended, and with it the connection. What it has sent may still be read.
  #finish(): void {
    this.#finished = true;
    const error = new Error(kLost);
    this.#opened.resolve();
    this.#coming.close().catch(() => {});
    this.#ended.reject(error);
    this.#sending.abort(error).catch(() => {});
  }
  #fail(error: unknown): void {
    this.#finished = true;
    this.#opened.reject(error);
    this.#ended.reject(error);
    this.#sending.abort(error).catch(() => {});
    this.#coming.abort(new Error("Stream was cancelled.")).catch(() => {});
  }
  #leave(): void {
    if (this.#finished) return;
    const error = new TypeError(kClientGone);
    this.#sending.abort(error).catch(() => {});
    this.#coming.abort(error).catch(() => {});
  }
}
const wireOf = Line.wireOf;
delete (Line as any).wireOf;

// `hook` leads to the callee.
export function connectThrough(hook: Hook, callee: Callee, given: unknown[]): Socket {
  if (given.length === 0) throw wrongArgument("connect", "Fetcher", 1, "SocketAddress or string");
  const [about] = readTarget(given[0], given[1]);
  const line = new Line();
  const finished = callee.broken !== undefined ? Promise.reject(callee.broken())
    : about.secure === "on" ? Promise.reject(new Error("A Durable Object or entrypoint takes no TLS connections."))
    : hook.call([kConnect], [line, about.shown.remoteAddress]).value();
  return makeSocket(wireOf(line, finished), about);
}

// -- the callee's side

setConnected(async (holder: any, rest, [given, address]: any[]) => {
  if (!(given instanceof RpcStub) || typeof address !== "string") throw new TypeError(kNoHandler);
  const line = given as any;
  const handler = isObject(holder) ? (holder as any).connect : undefined;
  if (typeof handler !== "function") throw new Error(kNoHandler);
  line.opened().catch(() => {});
  const ended = Promise.withResolvers<void>(); // Only ever by a failure: the caller may end and still read.
  const socket = makeSocket({
    readable: readableOf(line, ended.reject), opened: Promise.resolve(), ended: ended.promise,
    write: async (bytes) => { await line.write(bytes); },
    end: async () => { await line.end(); },
    leave: () => void line.end().catch(() => {}),
  }, { secure: "off", halfOpen: false, highWaterMark: undefined, host: "", isFetchPort: false,
       shown: { remoteAddress: undefined, localAddress: address } });
  try {
    await handler.call(holder, socket, rest[0], rest[1]);
  } catch (error) {
    reportException(error);
  }
});

function readableOf(line: any, failed: (error: unknown) => void): ReadableStream {
  return new (ReadableStream as any)({
    type: "bytes",
    async pull(controller: any) {
      const reading: Promise<Uint8Array | undefined> = line.read();
      reading.catch(failed);
      const chunk = await reading;
      if (chunk === undefined) {
        controller.close();
        controller.byobRequest?.respond(0);
      } else {
        controller.enqueue(chunk);
      }
    },
  }, { highWaterMark: 0 });
}

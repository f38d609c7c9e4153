// The module cloudflare:sockets: https://developers.cloudflare.com/workers/runtime-apis/tcp-sockets/, as workerd has it. C++
// holds the connections (net/client_socket.h); what comes is a body, what goes passes the output gate write by write.
import { hideSource } from "./native_code";
import {
  currentObject, illegalConstructor, isObject, kIllegalInvocation, kInternal, native, platform, requireOwner, textOf, wrongArgument,
} from "./seam";
import { copyOfBytes, kClosing, ReadableStream, streamOfNumber, WritableStream } from "./streams";

const kRefused = "proxy request failed, cannot connect to the specified address";
const kTryFetch = ". It looks like you might be trying to connect to a HTTP-based service — consider using fetch instead";
const kAddressMax = 255; // Characters; as long as a name may be.

type Secure = "off" | "on" | "starttls";
// What a Socket is over: a connection, or one side of an RPC call (object_sockets.ts).
export interface Wire {
  readable: ReadableStream;
  opened: Promise<void>;
  ended: Promise<void>; // The other side sends no more.
  write(bytes: Uint8Array): Promise<unknown>;
  end(): Promise<unknown>;
  leave(): void; // Nothing of it is needed any more.
  number?: number; // Of the connection, where there is one.
}

interface Options { secure: Secure; halfOpen: boolean; highWaterMark: number | undefined }

interface State extends About {
  owner: number; // currentObject() when it was made.
  wire: Wire;
  readable: ReadableStream;
  writable: WritableStream;
  writer: any; // The writable side's controller.
  reader: any; // The readable side's.
  opened: Promise<Shown>;
  closed: Promise<void>;
  close(error?: unknown): void; // Settles `closed`.
  failure: Error | undefined; // What writes get where it did not open.
  closing: boolean;
  gone: boolean; // The connection is not this socket's any more.
  upgrading: boolean;
  upgraded: boolean;
}

let stateOf: (socket: Socket) => State;

export class Socket {
  #state: State;
  constructor(token?: unknown, state?: State) {
    illegalConstructor(token);
    this.#state = state!;
  }
  static {
    stateOf = (socket) => {
      if (!isObject(socket) || !(#state in socket)) throw new TypeError(kIllegalInvocation);
      return (socket as Socket).#state;
    };
  }
  get readable(): ReadableStream { return stateOf(this).readable; }
  get writable(): WritableStream { return stateOf(this).writable; }
  get closed(): Promise<void> { return stateOf(this).closed; }
  get opened(): Promise<Shown> { return stateOf(this).opened; }
  get upgraded(): boolean { return stateOf(this).upgraded; }
  get secureTransport(): Secure { return stateOf(this).secure; }
  close(): Promise<void> { return close(stateOf(this)); }
  startTls(options?: unknown): Socket { return startTls(stateOf(this), options); }
}
platform({ Socket });

// In an object for the sake of its name, which bundling would change.
export const { connect } = {
  connect(address?: unknown, options?: unknown): Socket {
    const [about, port] = readTarget(address, options);
    const [number, body, opened, ended] = native.tcpConnect(about.host, port, about.secure === "on");
    return makeSocket(tcpWire(number, streamOfNumber(body), opened, ended), about);
  },
};
Object.defineProperty(connect, "length", { value: 0, configurable: true });
hideSource(connect);

function tcpWire(number: number, readable: ReadableStream, opened: Promise<void>, ended: Promise<void>): Wire {
  return {
    readable, opened, ended, number,
    write: (bytes) => native.tcpWrite(number, bytes),
    end: () => native.tcpEnd(number),
    leave: () => native.tcpClose(number),
  };
}

// -- arguments

// What connect() is given, and the port.
export function readTarget(address: unknown, options: unknown): [about: About, port: number] {
  const { host, port, text } = isObject(address) ? fromRecord(address) : fromText(address);
  const given = readOptions(options);
  if (text.length === 0 || text.length > kAddressMax || !/^[-._[\]:a-zA-Z0-9]*$/.test(text)) {
    throw new TypeError("Specified address is empty string, contains unsupported characters or is too long.");
  }
  const secure = given.secure as string;
  if (secure !== "off" && secure !== "on" && secure !== "starttls") {
    throw new TypeError(`Unsupported value in secureTransport socket option: ${secure}`);
  }
  const shown = { remoteAddress: text, localAddress: undefined };
  return [{ ...given, host, shown, isFetchPort: port === 80 || port === 443 }, port];
}

interface Address { host: string; port: number; text: string }

const bare = (host: string) => (host.startsWith("[") ? host.slice(1, -1) : host);

function fromText(address: unknown): Address {
  if (address === undefined || address === null) {
    throw new TypeError("Cannot initialize SocketAddress with required members from an undefined or null value.");
  }
  const text = textOf(address);
  const href = native.urlParse(`fake://${text}`, undefined);
  if (href === undefined) throw new TypeError("Specified address could not be parsed.");
  const parts = native.urlParts(href);
  const host = parts[5]!;
  const port = parts[6]!;
  if (host === "") throw new TypeError("Specified address is missing hostname.");
  if (port === "") throw new TypeError("Specified address is missing port.");
  return { host: bare(host), port: Number(port), text };
}

function fromRecord(record: any): Address {
  const hostname = textOf(record.hostname);
  const port = integer(record.port, "number");
  if (port > 65535) throw new TypeError("Value out of range. Must be less than or equal to 65535.");
  return { host: bare(hostname), port, text: `${hostname}:${port}` };
}

function integer(value: unknown, type: string): number {
  const number = Math.trunc(Number(value));
  if (!Number.isFinite(number)) throw new TypeError("The value cannot be converted because it is not an integer.");
  if (number < 0) {
    throw new TypeError(`The value cannot be converted because it is negative and this API expects a positive ${type}.`);
  }
  return number;
}

function readOptions(options: any): Options {
  if (options === undefined) return { secure: "off", halfOpen: false, highWaterMark: undefined };
  if (options === null) {
    throw new TypeError("Cannot initialize SocketOptions with required members from an undefined or null value.");
  }
  if (!isObject(options)) throw wrongArgument("connect", "SocketsModule", 2, "SocketOptions");
  const { secureTransport, allowHalfOpen, highWaterMark } = options as any;
  return {
    secure: (secureTransport === undefined ? "off" : textOf(secureTransport)) as Secure,
    halfOpen: Boolean(allowHalfOpen),
    highWaterMark: highWaterMark === undefined ? undefined : integer(highWaterMark, "bigint"),
  };
}

// -- life

interface Shown { remoteAddress?: string | undefined; localAddress?: string | undefined }
export interface About extends Options {
  host: string;
  shown: Shown; // What `opened` gives.
  isFetchPort: boolean;
  isUpgrade?: boolean; // startTls() made it.
}

export function makeSocket(wire: Wire, about: About): Socket {
  const owner = currentObject();
  const { readable, opened, ended } = wire;
  let writer: any;
  let isOpen = false;
  const writable = new WritableStream({
    start(controller: any) { writer = controller; },
    async write(chunk: unknown) {
      requireOwner(owner);
      const bytes = copyOfBytes(chunk);
      if (!isOpen) await opening();
      if (bytes.byteLength === 0) return;
      try {
        await wire.write(bytes);
      } catch (error) {
        state.close();
        throw error;
      }
    },
    async close() {
      if (!isOpen) await opening();
      await wire.end();
    },
  }, strategy(about.highWaterMark));
  const closed = Promise.withResolvers<void>();
  const opening = () => state.opened.catch((error) => { throw state.failure ?? error; });
  const state: State = {
    ...about, owner, wire, readable, writable, writer, reader: (readable as any)._readableStreamController,
    opened: opened.then(() => {
      isOpen = true;
      return about.shown;
    }, (error) => refused(state, error)),
    closed: closed.promise,
    close: (error) => (error === undefined ? closed.resolve() : closed.reject(error)),
    failure: undefined, closing: false, gone: false, upgrading: false, upgraded: false,
  };
  for (const promise of [state.opened, state.closed]) promise.catch(() => {});
  ended.then(() => endIn(state), (error) => broken(state, error));
  return new Socket(kInternal, state);
}

// With a mark of its own it counts bytes; else one write waits at a time.
function strategy(highWaterMark: number | undefined): any {
  if (highWaterMark === undefined) return undefined;
  return { highWaterMark, size: (chunk: any) => (typeof chunk === "string" ? chunk.length : chunk?.byteLength ?? 1) };
}

function refused(state: State, cause: any): never {
  leave(state);
  if (!state.isUpgrade) {
    const error = new Error(kRefused + (state.isFetchPort ? kTryFetch : ""), { cause });
    state.close(error);
    state.failure = new Error(`jsg.Error: ${error.message}`);
    state.writer.error(state.failure);
    throw error;
  }
  state.close(cause);
  state.writer.error(cause);
  state.reader.error(cause);
  throw cause;
}

// Nothing of it is needed any more.
function leave(state: State): void {
  if (!state.gone) state.wire.leave();
  state.gone = true;
}

// The other side has ended. So does this one, unless it was told not to.
async function endIn(state: State): Promise<void> {
  if (state.gone || state.closing) return;
  const stream = state.writable as any;
  if (state.halfOpen) return;
  try {
    const closes = stream._state === "writable" && stream._closeRequest === undefined && stream._inFlightCloseRequest === undefined;
    if (closes) await (stream._writer === undefined ? stream.close() : stream._writer.close());
    await flushed(stream);
    state.close();
  } catch (error) {
    state.close(error);
  }
  leave(state);
}

function broken(state: State, error: unknown): void {
  if (state.gone || state.closing) return;
  state.writer.error(error);
  state.close();
  leave(state);
}

// What was written has left, or never will. Knows the polyfill's names.
async function flushed(stream: any): Promise<void> {
  const busy = () => stream._state === "writable" && (stream._writeRequests.length > 0 || stream._inFlightWriteRequest !== undefined);
  while (busy()) await new Promise<void>((done) => onWrite(stream, done));
  if (stream._inFlightCloseRequest !== undefined) await new Promise<void>((done) => onWrite(stream, done));
}

// `done` once the write under way is over.
function onWrite(stream: any, done: () => void): void {
  const request = stream._inFlightWriteRequest ?? stream._inFlightCloseRequest ?? stream._writeRequests[0];
  if (request === undefined) return done();
  const { _resolve: resolve, _reject: reject } = request;
  request._resolve = (value: unknown) => { resolve(value); done(); };
  request._reject = (reason: unknown) => { reject(reason); done(); };
}

async function close(state: State): Promise<void> {
  requireOwner(state.owner);
  if (state.closing || state.gone) return state.closing ? state.closed : undefined;
  state.closing = true;
  (state.readable as any)[kClosing] = "This ReadableStream belongs to an object that is closing.";
  (state.writable as any)[kClosing] = "This WritableStream belongs to an object that is closing.";
  try {
    await state.opened;
  } catch {
    return;
  }
  await flushed(state.writable);
  leave(state);
  const error = new TypeError("This socket has been closed.");
  state.reader.error(error);
  if ((state.writable as any)._state === "writable") state.writer.error(error);
  state.close();
}

function startTls(state: State, options: any): Socket {
  if (options !== undefined && options !== null && !isObject(options)) throw wrongArgument("startTls", "Socket", 1, "TlsOptions");
  requireOwner(state.owner);
  if (state.secure === "on") throw new TypeError("Cannot startTls on a TLS socket.");
  if (state.gone) throw new TypeError("The connection was closed before startTls could be started.");
  if (state.secure !== "starttls") {
    throw new TypeError("The `secureTransport` socket option must be set to 'starttls' for startTls to be used.");
  }
  const { number } = state.wire;
  if (number === undefined) throw new TypeError("TLS is not supported on a connection to a Worker.");
  if (state.upgrading) {
    throw new TypeError("startTls has already been called on this socket, or the socket was transferred over RPC.");
  }
  const expected = options?.expectedServerHostname;
  const host = expected === undefined ? state.host : textOf(expected);
  state.upgrading = true;
  const body = Promise.withResolvers<number>();
  const ended = Promise.withResolvers<void>();
  const { readable, writable } = state as any;
  const shake = async () => {
    await flushed(writable);
    if (state.gone) throw new TypeError("The connection was closed before startTls completed.");
    if (!readable.locked) readable.getReader();
    if (!writable.locked) writable.getWriter();
    state.gone = state.upgraded = true;
    state.close();
    const line = native.tcpStartTls(number, host);
    line[3].then(ended.resolve, ended.reject);
    body.resolve(line[1]);
    await line[2];
  };
  const opened = shake();
  opened.catch(body.reject);
  body.promise.catch(() => {});
  return makeSocket(tcpWire(number, streamOfNumber(body.promise), opened, ended.promise), { ...state, secure: "on", isUpgrade: true });
}

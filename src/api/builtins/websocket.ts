// WebSocket, WebSocketPair, CloseEvent: https://developers.cloudflare.com/workers/runtime-apis/websockets/, as workerd
// has them. C++ holds the ends (api/script_sockets.h); here is what a script may do when, and the events.
import { Blob } from "./blob";
import { compatibility, isOn } from "./compatibility";
import { reportException } from "./console";
import { DOMException } from "./errors";
import { checkEvent, ErrorEvent, Event, EventTarget } from "./events";
import { fetchUpgrade } from "./fetch";
import { kNoOrigin, MessageEvent } from "./messages";
import {
  bytesOf, isObject, kIllegalInvocation, kInternal, native, platform, textOf, toInteger, wrongArgument,
  wrongConstructorArgument,
} from "./seam";
import { parseUrl } from "./url";
import { isOriginalUrl } from "./url_original";

const kNotAccepted = "You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending messages.";
const kSendAfterClose = "Can't call WebSocket send() after close().";
const kFailed = "Failed to establish websocket connection";
const kCloseReasonBytesMax = 123;
const kNoCode = 1005;
const kAttachmentBytesMax = 16384;

interface CloseInit { code?: unknown; reason?: unknown; wasClean?: unknown }

export class CloseEvent extends Event {
  readonly wasClean: boolean; // Of the instance, as on workerd.
  readonly reason: string;
  readonly code: number;
  constructor(type: string, init?: CloseInit) {
    checkEvent("CloseEvent", arguments.length, init, "Initializer");
    super(type, init as {});
    this.wasClean = Boolean(init?.wasClean);
    const { reason = "", code = 0 } = init ?? {};
    this.reason = textOf(reason);
    this.code = toInteger(code);
  }
}

// Where a socket stands. `kUsed`: its end went out in a response.
enum Phase { kFresh, kAccepted, kHibernated, kUsed }

class State {
  phase = Phase.kFresh;
  connecting = false;
  closedIn = false; // The other side sends no more, and the script knows.
  closedOut = false;
  client = false; // Of new WebSocket().
  halfOpen = false;
  url: string | null = null;
  protocol = "";
  extensions = "";
  binaryType = "arraybuffer";
  attachment: ArrayBuffer | undefined = undefined; // Of one that does not hibernate.
  peer: State | undefined = undefined; // The other end of a pair.
  constructor(public number: number) {} // For the natives; 0 once the line is gone.
}

let stateOf: (socket: unknown) => State;
let isSocket: (value: unknown) => value is WebSocket;

export class WebSocket extends EventTarget {
  #state: State;

  constructor(url: unknown, protocols?: unknown) {
    if (url === kInternal) {
      super();
      this.#state = protocols as State;
      return;
    }
    if (arguments.length === 0) throw wrongConstructorArgument("WebSocket", 1, "string");
    const address = textOf(url);
    const href = checkedUrl(address);
    const names = checkedProtocols(protocols);
    super();
    const state = (this.#state = new State(0));
    state.client = true;
    state.connecting = true;
    state.url = address; // As it was given.
    connect(this, state, href, names);
  }
  static {
    stateOf = (socket) => {
      if (!isObject(socket) || !(#state in socket)) throw new TypeError(kIllegalInvocation);
      return (socket as WebSocket).#state;
    };
    isSocket = (value): value is WebSocket => isObject(value) && #state in value;
  }

  accept(options?: { allowHalfOpen?: unknown }): void {
    const state = stateOf(this);
    if (options !== undefined && options !== null && !isObject(options)) {
      throw wrongArgument("accept", "WebSocket", 1, "AcceptOptions");
    }
    if (state.client) throw new TypeError("Websockets obtained from the 'new WebSocket()' constructor cannot call accept");
    if (state.phase === Phase.kHibernated) throw new TypeError("Can't accept() WebSocket after enabling hibernation.");
    if (state.phase === Phase.kUsed) throw new TypeError("Can't accept() WebSocket that was already used in a response.");
    if (state.phase === Phase.kAccepted) return;
    const allowed = options?.allowHalfOpen;
    native.wsAccept(state.number, this, false);
    state.halfOpen = allowed === undefined ? !compatibility.answersClose : Boolean(allowed);
    state.phase = Phase.kAccepted;
  }

  send(message: unknown): void {
    const state = stateOf(this);
    if (arguments.length === 0) throw wrongArgument("send", "WebSocket", 1, "ArrayBuffer or ArrayBufferView or string");
    const data = typeof message === "string" ? message : (bytesOf(message) ?? textOf(message));
    requireAccepted(state);
    if (state.closedOut) throw new TypeError(kSendAfterClose);
    if (state.number !== 0) native.wsSend(state.number, data);
  }

  close(code?: unknown, reason?: unknown): void {
    const state = stateOf(this);
    const number = code === undefined ? undefined : toInteger(code);
    const text = reason === undefined ? "" : textOf(reason);
    if (number !== undefined) checkCode(number);
    if (reason !== undefined && number === undefined) {
      throw new DOMException("If you specify a WebSocket close reason, you must also specify a code.", "InvalidAccessError");
    }
    if (compatibility.closeReasonLimit && native.utf8Encode(text).byteLength > kCloseReasonBytesMax) {
      throw new DOMException("WebSocket close reason must not be longer than 123 bytes when UTF-8 encoded.", "SyntaxError");
    }
    if (state.connecting) {
      state.closedOut = true;
      return;
    }
    requireAccepted(state);
    closeOut(state, number ?? kNoCode, text);
  }

  serializeAttachment(value?: unknown): void {
    const state = stateOf(this);
    if (arguments.length === 0) throw wrongArgument("serializeAttachment", "WebSocket", 1, "Value");
    const bytes = native.serialize(value);
    if (bytes.byteLength > kAttachmentBytesMax) {
      throw new Error(`A WebSocket 'attachment' cannot be larger than ${kAttachmentBytesMax} bytes.'attachment' was ` +
        `${bytes.byteLength} bytes.`);
    }
    if (state.phase === Phase.kHibernated) native.wsAttach(state.number, bytes);
    else state.attachment = bytes;
  }
  deserializeAttachment(): unknown {
    const state = stateOf(this);
    const hibernated = state.phase === Phase.kHibernated && state.number !== 0;
    const bytes = hibernated ? native.wsAttachment(state.number) : state.attachment;
    return bytes === undefined ? null : native.deserialize(bytes);
  }

  get readyState(): number {
    const { connecting, closedIn, closedOut } = stateOf(this);
    if (closedIn && closedOut) return 3;
    if (closedIn || closedOut) return 2;
    return connecting ? 0 : 1;
  }
  get url(): string | null { return stateOf(this).url; }
  get protocol(): string { return stateOf(this).protocol; }
  get extensions(): string { return stateOf(this).extensions; }
  get bufferedAmount(): number {
    const { number } = stateOf(this);
    return number > 0 ? native.wsBuffered(number) : 0;
  }
  get binaryType(): string { return stateOf(this).binaryType; }
  set binaryType(value: unknown) {
    const type = textOf(value);
    const state = stateOf(this);
    if (type === "blob" || type === "arraybuffer") state.binaryType = type; // Anything else is ignored.
  }
}
for (const [name, value] of Object.entries({ CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 })) {
  for (const each of [name, `READY_STATE_${name}`]) {
    Object.defineProperty(WebSocket, each, { value, enumerable: true, configurable: true });
    Object.defineProperty(WebSocket.prototype, each, { value, enumerable: true, configurable: true });
  }
}

export class WebSocketPair {
  declare 0: WebSocket;
  declare 1: WebSocket;
  constructor() {
    const [one, other] = native.wsPair().map((number) => new State(number)) as [State, State];
    one.peer = other;
    other.peer = one;
    for (const [name, state] of [["0", one], ["1", other]] as const) {
      const value = wrap(state);
      Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true });
    }
  }
  *[Symbol.iterator](): Iterator<WebSocket> {
    yield this[0];
    yield this[1];
  }
}

export class WebSocketRequestResponsePair {
  #request: string;
  #response: string;
  constructor(request: unknown, response: unknown) {
    const kName = "WebSocketRequestResponsePair";
    if (arguments.length === 0) throw wrongConstructorArgument(kName, 1, "string");
    this.#request = textOf(request);
    if (arguments.length === 1) throw wrongConstructorArgument(kName, 2, "string");
    this.#response = textOf(response);
  }
  get request(): string { return this.#request; }
  get response(): string { return this.#response; }
}
platform({ CloseEvent, WebSocket, WebSocketPair, WebSocketRequestResponsePair });

function wrap(state: State): WebSocket {
  if (compatibility.blobMessages) state.binaryType = "blob";
  return new WebSocket(kInternal, state);
}

// The end that came with an answer.
export function answeredSocket(number: number): WebSocket {
  return wrap(new State(number));
}

export { isSocket as isWebSocket };

function requireAccepted(state: State): void {
  if (state.connecting || state.phase === Phase.kFresh || state.phase === Phase.kUsed) throw new TypeError(kNotAccepted);
}

function closeOut(state: State, code: number, reason: string): void {
  if (state.closedOut) return;
  state.closedOut = true;
  if (state.number !== 0) native.wsClose(state.number, code, reason);
}

function checkCode(number: number): void {
  if (number < 1000 || number > 4999 || number === 1004 || number === 1005 || number === 1006 || number === 1015) {
    throw new DOMException(`Invalid WebSocket close code: ${number}.`, "InvalidAccessError");
  }
}

// -- in a response

// The number of a socket that goes out in a response.
export function takeForResponse(socket: WebSocket): number {
  const state = stateOf(socket);
  const kCant = "Can't return WebSocket in a Response";
  if (state.client) throw new TypeError(`${kCant} if it was created with \`new WebSocket()\``);
  if (state.phase === Phase.kAccepted) throw new TypeError(`${kCant} after calling accept().`);
  if (state.phase === Phase.kHibernated) throw new TypeError(`${kCant} after calling acceptWebSocket().`);
  if (state.phase === Phase.kUsed) throw new TypeError("Can't return WebSocket that was already used in a response.");
  state.phase = Phase.kUsed;
  return state.number;
}

// -- new WebSocket()

function checkedUrl(text: string): string {
  const href = parseUrl(text);
  const problem = (what: string) => new DOMException(`WebSocket Constructor: ${what}`, "SyntaxError");
  if (href === undefined || !isOriginalUrl(text)) throw problem("The url is invalid.");
  if (!href.startsWith("ws:") && !href.startsWith("wss:")) throw problem("The url scheme must be ws or wss.");
  if (href.includes("#")) throw problem("The url fragment must be empty.");
  return href;
}

function checkedProtocols(given: unknown): string[] {
  if (given === undefined) return [];
  const many = Array.isArray(given);
  const names: string[] = many ? given.map(textOf) : [textOf(given)];
  const problem = (what: string) => new DOMException(`WebSocket Constructor: ${what}`, "SyntaxError");
  for (const name of names) {
    if (/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) continue;
    throw problem(many ? "One of the protocol header tokens is invalid." : "The protocol header token is invalid.");
  }
  if (new Set(names).size < names.length) throw problem("The protocols header cannot have repeating values.");
  return names;
}

function connect(socket: WebSocket, state: State, href: string, names: string[]): void {
  let headers = "Upgrade\0websocket\0";
  if (isOn("web_socket_compression")) headers += "Sec-WebSocket-Extensions\0permessage-deflate\0";
  if (names.length > 0) headers += `Sec-WebSocket-Protocol\0${names.join(", ")}\0`;
  fetchUpgrade(`http${href.slice(2)}`, headers).then(
    (response) => opened(socket, state, names, response),
    (error) => failToOpen(socket, state, error instanceof Error ? error.message : String(error)),
  );
}

function opened(socket: WebSocket, state: State, names: string[], response: any): void {
  const answered: WebSocket | null = response.webSocket;
  if (answered === null) {
    return failToOpen(socket, state, "Failed to establish the WebSocket connection: expected server to reply with HTTP " +
      `status code 101 (switching protocols), but received ${response.status} instead.`);
  }
  const protocol: string | null = response.headers.get("Sec-WebSocket-Protocol");
  const number = takeForResponse(answered);
  if (state.closedOut || (protocol !== null && !names.includes(protocol))) {
    native.wsDrop(number);
    return failToOpen(socket, state, state.closedOut ? kFailed : "The server chose a protocol that was not offered.");
  }
  state.number = number;
  state.connecting = false;
  state.phase = Phase.kAccepted;
  state.protocol = protocol ?? "";
  state.extensions = response.headers.get("Sec-WebSocket-Extensions") ?? "";
  if (compatibility.blobMessages) state.binaryType = "blob";
  state.halfOpen = !compatibility.answersClose;
  dispatch(socket, new Event("open"));
  native.wsAccept(number, socket, false);
}

function failToOpen(socket: WebSocket, state: State, message: string): void {
  state.connecting = false;
  state.closedIn = state.closedOut = true;
  dispatchError(socket, `Uncaught TypeError: ${message}`, new TypeError(message));
  dispatch(socket, new CloseEvent("close", { code: 1006, reason: kFailed, wasClean: false }));
}

// -- events

// What a listener throws goes to the log; true if nothing was thrown.
function dispatch(socket: WebSocket, event: Event): unknown {
  try {
    socket.dispatchEvent(event);
    return undefined;
  } catch (error) {
    reportException(error);
    return error ?? new Error(String(error));
  }
}

function dispatchError(socket: WebSocket, message: string, error: unknown): void {
  dispatch(socket, new ErrorEvent("error", { message, error }));
}

// Called by C++. kind: 0 message (`first` is the data), 1 close (a code), 2 error (a text).
export function socketEvent(target: object, kind: number, first: unknown, reason: unknown, clean: unknown): void {
  const socket = target as WebSocket;
  const state = stateOf(socket);
  if (kind === 0) {
    const asBlob = state.binaryType === "blob" && typeof first !== "string";
    const data = asBlob ? new Blob([first]) : first;
    const thrown = dispatch(socket, new MessageEvent("message", { data, origin: kNoOrigin }));
    if (thrown !== undefined) stopReading(socket, state, thrown);
    return;
  }
  if (kind === 2) {
    state.closedIn = state.closedOut = true;
    dispatchError(socket, String(first), new Error(String(first)));
  } else {
    if (clean) {
      state.closedIn = true;
      if (!state.halfOpen) closeOut(state, first as number, reason as string);
    }
    dispatch(socket, new CloseEvent("close", { code: first, reason, wasClean: clean }));
    if (!clean) state.closedIn = state.closedOut = true;
  }
  if (state.closedIn && state.closedOut) state.number = 0;
}

// As on workerd, a listener that throws ends the socket.
function stopReading(socket: WebSocket, state: State, thrown: unknown): void {
  const { number } = state;
  state.closedIn = state.closedOut = true;
  state.number = 0;
  dispatchError(socket, `Uncaught ${thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)}`, thrown);
  if (number > 0) native.wsDrop(number);
}

// -- hibernation: what DurableObjectState needs

const kTagsMax = 10;
const kTagLengthMax = 256;

export class HibernatedSockets {
  #known = new Map<number, WebSocket>(); // By number; a socket has one wrapper as long as the instance lives.

  accept(socket: WebSocket, given: unknown): void {
    const state = stateOf(socket);
    const tags = checkedTags(given);
    if (state.phase === Phase.kAccepted || state.phase === Phase.kHibernated) {
      throw new Error("Cannot call `acceptWebSocket()` if the WebSocket was already accepted via `accept()`");
    }
    if (state.peer !== undefined && state.peer.phase !== Phase.kFresh) {
      throw new Error("Cannot call `acceptWebSocket()` on this WebSocket because its pair has already been accepted or " +
        "used in a Response.");
    }
    if (state.phase !== Phase.kFresh) {
      throw new Error("Tried to make an api::WebSocket hibernatable when it was in an incompatible state.");
    }
    const { attachment } = state;
    state.number = native.wsHibernate(state.number, tags);
    state.phase = Phase.kHibernated;
    if (attachment !== undefined) native.wsAttach(state.number, attachment);
    this.#known.set(state.number, socket);
  }
  get(number: number): WebSocket {
    let socket = this.#known.get(number);
    if (socket === undefined) {
      const state = new State(number);
      state.phase = Phase.kHibernated;
      this.#known.set(number, (socket = wrap(state)));
    }
    return socket;
  }
  list(tag: string | undefined): WebSocket[] {
    return native.wsList(tag).map((number) => this.get(number));
  }
  tags(socket: WebSocket): string[] {
    const { phase, number } = stateOf(socket);
    if (phase === Phase.kAccepted) throw new Error("only hibernatable websockets can have tags.");
    const tags = native.wsTags(number);
    if (tags === undefined) throw new Error("you must call 'acceptWebSocket()' before attempting to access the tags of a WebSocket.");
    return tags;
  }
  autoResponseTime(socket: WebSocket): Date | null {
    const time = native.wsAutoResponseTime(stateOf(socket).number);
    return time === undefined ? null : new Date(time);
  }
  // Before the handler of a close or an error runs, and after it.
  ends(number: number): void {
    stateOf(this.get(number)).closedIn = true;
  }
  forget(number: number): void {
    const socket = this.#known.get(number);
    if (socket === undefined) return;
    const state = stateOf(socket);
    this.#known.delete(number);
    state.number = 0;
    state.closedIn = state.closedOut = true;
  }
}

function checkedTags(given: unknown): string[] {
  if (given === undefined) return [];
  if (!Array.isArray(given)) throw wrongArgument("acceptWebSocket", "DurableObjectState", 2, "Array");
  if (given.length > kTagsMax) throw new Error(`a Hibernatable WebSocket cannot have more than ${kTagsMax} tags`);
  const tags = new Set<string>();
  for (const each of given) {
    const tag = textOf(each);
    if (tag.length > kTagLengthMax) {
      throw new Error(`"${tag}" is longer than the max tag length (${kTagLengthMax} characters).`);
    }
    tags.add(tag);
  }
  return [...tags];
}

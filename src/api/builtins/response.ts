// Response: https://fetch.spec.whatwg.org/#response-class, as workerd has it.
import { Body, cloneRaw, extract, kRaw, kTextType, kUsed, outBody, outLength, type Raw } from "./body";
import { bodyCodings, compatibility, isManual } from "./compatibility";
import { eachPacked, Headers, headersOf, packedHeaders, packHeaders } from "./headers";
import type { InBody, Packed } from "./native.d";
import {
  inherit, isObject, kInternal, native, platform, textOf, wrongArgument, wrongConstructorArgument,
} from "./seam";
import { giveMembers } from "./own_members";
import { parseUrl } from "./url";
import { answeredSocket, isWebSocket, takeForResponse, type WebSocket } from "./websocket";

const kCf = Symbol("cf"); // Of a Response that was made with one.
const kStatus = Symbol("status");
const kStatusText = Symbol("statusText");
const kHeaders = Symbol("headers");
const kType = Symbol("type");
const kUrl = Symbol("url");
const kRedirected = Symbol("redirected");
const kWebSocket = Symbol("webSocket");
const kManual = Symbol("manual");

const kStatusRange = "Responses may only be constructed with status codes in the range 200 to 599, inclusive.";
const kWrongSocket = "Incorrect type for the 'webSocket' field on 'InitializerDict': the provided value is not of type " +
  "'WebSocket'.";
const kNoUpgrade = 'Worker tried to return a WebSocket in a response to a request which did not contain the header ' +
  '"Upgrade: websocket".';
const kNullBody = "Response with null body status (101, 204, 205, or 304) cannot have a body.";

// The headers of a plain text answer that nobody touched, without making any.
const kTextHeaders: Packed = `Content-Type\0${kTextType}\0`;

const isNullBodyStatus = (status: number) => status === 204 || status === 304 || status === 205 || status === 101;

export interface ResponseInit { status?: unknown; statusText?: unknown; headers?: unknown; webSocket?: unknown; encodeBody?: unknown; cf?: unknown }

export interface Response extends Body {}
export class Response {
  declare [kCf]?: unknown;
  declare [kStatus]: number;
  declare [kStatusText]: string;
  // Made when someone looks; until then packed, if it was fetched, or `kType` is all there is.
  declare [kHeaders]: Headers | Packed | undefined;
  declare [kType]: string | undefined;
  declare [kUrl]: string;
  declare [kRedirected]: boolean;
  declare [kWebSocket]: WebSocket | null;
  declare [kManual]: boolean; // encodeBody: the body is in the Content-Encoding already.

  constructor(body?: unknown, init?: ResponseInit | null) {
    giveMembers(this, Response);
    this[kUsed] = false;
    this[kStatus] = 200;
    this[kStatusText] = "";
    this[kHeaders] = undefined;
    this[kUrl] = "";
    this[kRedirected] = false;
    this[kWebSocket] = null;
    this[kManual] = false;
    if (body === kInternal) {
      this[kRaw] = null;
      this[kType] = undefined;
      return;
    }
    if (typeof body === "string") {
      this[kRaw] = body;
      this[kType] = kTextType;
    } else {
      const [raw, type] = extract(body);
      this[kRaw] = raw;
      this[kType] = type;
    }
    if (init !== undefined && init !== null) initialise(this, init);
  }

  get status(): number { return this[kStatus]; }
  get statusText(): string { return this[kStatusText]; }
  get ok(): boolean { return this[kStatus] >= 200 && this[kStatus] <= 299; }
  get headers(): Headers {
    let headers = this[kHeaders];
    if (typeof headers === "string") {
      headers = this[kHeaders] = packedHeaders(headers);
    } else if (headers === undefined) {
      headers = this[kHeaders] = new Headers();
      if (this[kType] !== undefined) headers.set("Content-Type", this[kType]);
    }
    return headers;
  }
  get redirected(): boolean { return this[kRedirected]; }
  get url(): string { return this[kUrl]; }
  get type(): string { return this[kStatus] === 0 ? "error" : "default"; }
  get webSocket(): WebSocket | null { return this[kWebSocket]; }
  get cf(): unknown { return this[kCf]; }

  clone(): Response {
    if (this[kWebSocket] !== null) throw new TypeError("Cannot clone a response to a WebSocket handshake.");
    const raw = cloneRaw(this);
    const copy = make(this[kStatus], this[kStatusText], new Headers(this.headers), raw);
    copy[kUrl] = this[kUrl];
    copy[kRedirected] = this[kRedirected];
    copy[kManual] = this[kManual];
    return copy;
  }

  static json(value: unknown, init?: ResponseInit | null): Response {
    if (arguments.length === 0) throw wrongArgument("json", "Response", 1, "Value");
    if (init !== undefined && init !== null && !isObject(init)) throw wrongArgument("json", "Response", 2, "InitializerDict or Response");
    const response = new Response(String(JSON.stringify(value)), init);
    response[kType] = "application/json";
    if (response[kHeaders] !== undefined && !new Headers(init!.headers).has("content-type")) {
      response.headers.set("Content-Type", "application/json");
    }
    return response;
  }
  static redirect(url: unknown, status: unknown = 302): Response {
    if (arguments.length === 0) throw wrongArgument("redirect", "Response", 1, "string");
    const text = textOf(url);
    const code = +(status as number) | 0;
    if (![301, 302, 303, 307, 308].includes(code)) {
      throw new RangeError(`${code} is not a redirect status code. It must be one of: 301, 302, 303, 307, or 308.`);
    }
    const href = parseUrl(text);
    if (href === undefined) throw new TypeError(`Unable to parse URL: ${text}`);
    const location = compatibility.redirectUrl ? href : text;
    const response = make(code, "", new Headers({ Location: location }), null);
    return response;
  }
  static error(): Response {
    return make(0, "", new Headers(), null);
  }
}
inherit(Response, Body);
platform({ Response });

function initialise(response: Response, init: ResponseInit): void {
  if (!isObject(init)) throw wrongConstructorArgument("Response", 2, "InitializerDict or Response");
  const { status, statusText, headers, webSocket, encodeBody, cf } = init;
  if (cf !== undefined && !isObject(cf)) {
    throw new TypeError("Incorrect type for the 'cf' field on 'InitializerDict': the provided value is not of type 'Object'.");
  }
  const upgrades = isWebSocket(webSocket);
  if (!upgrades && webSocket !== undefined && webSocket !== null && compatibility.refusesWrong) throw new TypeError(kWrongSocket);
  if (status !== undefined) {
    const code = Math.trunc(+(status as number));
    if (!(code >= 200 && code <= 599) && !(code === 101 && upgrades)) throw new RangeError(kStatusRange);
    response[kStatus] = code;
    if (response[kRaw] !== null && isNullBodyStatus(code)) {
      if (response[kRaw] !== "") throw new TypeError(kNullBody);
      response[kRaw] = null;
      response[kType] = undefined;
    }
  }
  if (cf !== undefined) response[kCf] = cf;
  if (upgrades) {
    if (response[kStatus] !== 101) throw new RangeError("Responses with a WebSocket must have status code 101.");
    response[kWebSocket] = webSocket as WebSocket;
  }
  if (statusText !== undefined) {
    const text = textOf(statusText);
    if (/[\r\n\0]/.test(text)) throw new TypeError("Invalid statusText");
    response[kStatusText] = text;
  }
  if (init instanceof Response) response[kManual] = init[kManual];
  else if (encodeBody !== undefined) response[kManual] = isManual("encodeBody", encodeBody);
  if (headers === undefined) return;
  const made = headersOf(headers, "InitializerDict");
  const type = response[kType];
  if (type !== undefined && !made.has("content-type")) made.set("Content-Type", type);
  response[kHeaders] = made;
}

function make(status: number, statusText: string, headers: Headers | Packed, raw: Raw): Response {
  const response = new (Response as any)(kInternal) as Response;
  response[kStatus] = status;
  response[kStatusText] = statusText;
  response[kHeaders] = headers;
  response[kRaw] = raw;
  return response;
}

// An answer that came from outside. Its headers can't be changed.
export function fetchedResponse(status: number, statusText: string, headers: Packed, body: InBody, url: string,
  redirected: boolean, socket?: number, manual = false): Response {
  const response = make(status, statusText, headers, isNullBodyStatus(status) ? null : body);
  response[kUrl] = url;
  response[kRedirected] = redirected;
  response[kManual] = manual;
  if (socket !== undefined) response[kWebSocket] = answeredSocket(socket);
  return response;
}

export function packedOf(response: Response): Packed {
  const headers = response[kHeaders];
  if (typeof headers === "string") return headers;
  if (headers !== undefined) return packHeaders(headers);
  const type = response[kType];
  return type === kTextType ? kTextHeaders : type === undefined ? "" : `Content-Type\0${type}\0`;
}

// Answers an event. Throws what makes the answer unusable (its body was read).
export function respond(event: number, response: Response, requestHeaders: Packed): void {
  const headers = packedOf(response);
  const socket = response[kWebSocket];
  if (socket !== null) {
    if (!asksForWebSocket(requestHeaders)) throw new TypeError(kNoUpgrade);
    native.respond(event, 101, response[kStatusText], headers, null, undefined, takeForResponse(socket));
    return;
  }
  const codings = response[kManual] ? 0 : bodyCodings();
  const raw = response[kRaw];
  if (typeof raw === "string" && !response[kUsed]) {
    response[kUsed] = true;
    native.respond(event, response[kStatus], response[kStatusText], headers, raw, undefined, undefined, codings);
    return;
  }
  const length = outLength(response);
  native.respond(event, response[kStatus], response[kStatusText], headers, outBody(response), length, undefined, codings);
}

function asksForWebSocket(headers: Packed): boolean {
  let asks = false;
  eachPacked(headers, (name, value) => {
    if (name.toLowerCase() === "upgrade" && value.toLowerCase() === "websocket") asks = true;
  });
  return asks;
}

export function isErrorResponse(response: Response): boolean {
  return response[kStatus] === 0;
}

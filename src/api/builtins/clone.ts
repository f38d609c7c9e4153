// The platform's objects that can be cloned and stored, as on workerd: Headers, DOMException, Blob, and a Request or Response
// without a body; and errors with all that they have (enhanced_error_serialization). Each travels as a number of its class and plain data. Stored values hold these numbers: none is reused
// (docs/formats/store-rocks.md).
import { Blob, bytesOfBlob, File } from "./blob";
import { kRaw } from "./body";
import { compatibility } from "./compatibility";
import { DOMException } from "./errors";
import { AbortSignal } from "./events";
import { copyHeaders, Headers, packHeaders } from "./headers";
import { Fetcher } from "./objects";
import { Request, requestHeaders } from "./request";
import { Response } from "./response";
import { packError, unpackError } from "./rpc_errors";
import { RpcTarget } from "./rpc_target";
import { prototypes } from "./seam";
import { ReadableStream, WritableStream } from "./streams";

const [kHeaders, kDomException, kBlob, kRequest, kResponse, kError] = [1, 2, 3, 4, 5, 6];
const kStreamText = "ReadableStream can only be serialized for RPC.";

prototypes.push(RpcTarget.prototype); // Else it would be cloned as a plain object.

function refuse(text: string): never {
  throw new DOMException(text, "DataCloneError");
}

// Hooks.packHost: undefined if objects of this class can't be cloned; throws where workerd has a text of its own.
export function packHost(object: unknown): [number, unknown] | undefined {
  if (object instanceof Headers) return [kHeaders, packHeaders(object)];
  if (object instanceof DOMException) return [kDomException, [object.name, object.message, object.stack]];
  if (object instanceof Error) return compatibility.enhancedErrors ? [kError, packError(object)] : undefined;
  if (object instanceof Blob && !(object instanceof File)) return [kBlob, [object.type, bytesOfBlob(object)]];
  if (object instanceof Request) {
    if (object[kRaw] !== null) refuse(kStreamText);
    const { url, method, redirect, cache, cf } = object;
    return [kRequest, [url, method, requestHeaders(object), redirect, cache, JSON.stringify(cf)]];
  }
  if (object instanceof Response) {
    if (object[kRaw] !== null) refuse(kStreamText);
    if (object.webSocket !== null || object.status === 0) return undefined;
    return [kResponse, [object.status, object.statusText, packHeaders(object.headers)]];
  }
  if (object instanceof ReadableStream) refuse(kStreamText);
  if (object instanceof WritableStream) refuse("WritableStream can only be serialized for RPC.");
  if (object instanceof AbortSignal) refuse("AbortSignal serialization is not enabled.");
  if (object instanceof Fetcher) refuse("ServiceStub cannot be serialized in this context.");
  if (object instanceof RpcTarget) refuse("Remote RPC references can only be serialized for RPC.");
  return undefined;
}

// Hooks.unpackHost: undefined: this server does not know the number.
export function unpackHost(number: number, data: any): unknown {
  if (number === kHeaders) return copyHeaders(data);
  if (number === kDomException) {
    const error = new DOMException(data[1], data[0]);
    error.stack = data[2];
    return error;
  }
  if (number === kBlob) return new Blob([data[1]], { type: data[0] });
  if (number === kRequest) {
    const [url, method, headers, redirect, cache, cf] = data;
    return new Request(url, { method, headers: copyHeaders(headers), redirect, cache, cf: cf === undefined ? undefined : JSON.parse(cf) });
  }
  if (number === kError) return unpackError(data);
  if (number === kResponse) return new Response(null, { status: data[0], statusText: data[1], headers: copyHeaders(data[2]) });
  return undefined;
}

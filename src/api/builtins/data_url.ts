// What fetch() makes of a data: URL: https://fetch.spec.whatwg.org/#data-url-processor.
import { standardMimeType } from "./mime";
import { fetchedResponse, type Response } from "./response";
import { native } from "./seam";
import { parseUrl } from "./url";

const kDefaultType = "text/plain;charset=US-ASCII";

// Throws as for an address that can't be fetched.
export function fetchData(url: string): Response {
  const refuse = (): never => { throw new TypeError(`Fetch API cannot load: ${url}`); };
  const href = parseUrl(url) ?? refuse();
  const comma = href.indexOf(",");
  if (comma < 0) return refuse();
  let type = href.slice("data:".length, comma).trim();
  let bytes = percentDecoded(href.slice(comma + 1).replace(/#.*$/s, ""));
  const coded = /; *base64$/i.exec(type);
  if (coded !== null) {
    type = type.slice(0, coded.index);
    // What is not base64 is left out, as on workerd.
    const text = native.base64Decode(native.latin1(bytes).replace(/[^A-Za-z0-9+/]/g, "")) ?? "";
    bytes = Uint8Array.from(text, (each) => each.charCodeAt(0));
  }
  if (type.startsWith(";")) type = `text/plain${type}`;
  return fetchedResponse(200, "OK", `content-type\0${standardMimeType(type) ?? kDefaultType}\0`, bytes, "", false);
}

function percentDecoded(text: string): Uint8Array {
  const bytes = native.utf8Encode(text);
  let size = 0;
  for (let at = 0; at < bytes.length; at++, size++) {
    const code = bytes[at] === 37 ? /^[0-9a-f]{2}/i.exec(String.fromCharCode(...bytes.subarray(at + 1, at + 3)))?.[0] : undefined;
    bytes[size] = code === undefined ? bytes[at]! : parseInt(code, 16);
    if (code !== undefined) at += 2;
  }
  return bytes.slice(0, size);
}

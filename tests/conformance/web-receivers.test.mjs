// Functions of the platform that are called on something else than they belong to, as when a script takes them off their object.
import { thrown, worker } from "./lib.mjs";

const kIllegal = "TypeError: Illegal invocation: function called with incorrect `this` reference. See " +
  "https://developers.cloudflare.com/workers/observability/errors/#illegal-invocation-errors for details.";

// What a class's functions and accessors say otherwise.
async function unguarded(holder) {
  const found = [];
  for (const key of [...Object.getOwnPropertyNames(holder.prototype), Symbol.iterator, Symbol.asyncIterator]) {
    const { value, get, set } = Object.getOwnPropertyDescriptor(holder.prototype, key) ?? {};
    if (key === "constructor" || key === "DigestStream") continue;
    for (const [name, method] of Object.entries({ value, get, set })) {
      if (typeof method !== "function") continue;
      for (const receiver of [undefined, null, {}, 5, "text", globalThis, holder.prototype]) {
        if (receiver === globalThis && receiver instanceof holder) continue;
        const text = await thrown(() => method.call(receiver, "a", "b"));
        if (text !== kIllegal) found.push(`${name} ${String(key)}: ${text}`);
      }
    }
  }
  return found;
}

const kClasses = [
  "AbortController", "AbortSignal", "Blob", "ByteLengthQueuingStrategy", "CompressionStream", "CountQueuingStrategy",
  "Crypto", "CryptoKey", "CustomEvent", "DecompressionStream", "ErrorEvent", "Event", "EventSource", "EventTarget",
  "File", "FixedLengthStream", "FormData", "Headers", "IdentityTransformStream", "MessageChannel", "MessagePort",
  "ReadableByteStreamController", "ReadableStream", "ReadableStreamBYOBReader",
  "ReadableStreamDefaultController", "ReadableStreamDefaultReader", "Request", "Response", "SubtleCrypto",
  "TextDecoder", "TextDecoderStream", "TextEncoder", "TextEncoderStream", "TransformStream",
  "TransformStreamDefaultController", "URL", "URLPattern", "URLSearchParams", "WebSocket",
  "WebSocketRequestResponsePair", "WritableStream", "WritableStreamDefaultController", "WritableStreamDefaultWriter",
];
const cases = Object.fromEntries(kClasses.map((name) => [name, { run: () => unguarded(globalThis[name]), expect: [] }]));

const kFunctions = ["addEventListener", "atob", "btoa", "clearInterval", "clearTimeout", "dispatchEvent", "fetch", "queueMicrotask",
  "removeEventListener", "reportError", "setInterval", "setTimeout", "structuredClone"];

Object.assign(cases, {
  "global functions on another object": {
    run: async () => {
      const own = {};
      const found = [];
      for (const name of kFunctions) {
        own[name] = globalThis[name];
        const text = await thrown(() => own[name]("a"));
        if (text !== kIllegal) found.push(`${name}: ${text}`);
      }
      return found;
    },
    expect: [],
  },
  "global functions without one": {
    run: () => {
      const [encode, decode, copy] = [btoa, atob, structuredClone];
      return [encode("a"), decode.call(null, "YQ=="), copy.call(globalThis, [1]), self.btoa("b")];
    },
    expect: ["YQ==", "a", [1], "Yg=="],
  },
  "members that scripts like to take off their object": {
    run: async ({ ctx, request }) => {
      const { waitUntil } = ctx;
      const { randomUUID, getRandomValues, subtle: { digest } } = crypto;
      const { json } = request;
      const { get } = request.headers;
      const { now } = performance;
      const { wait } = scheduler;
      const texts = [];
      for (const call of [() => waitUntil(0), () => randomUUID(), () => getRandomValues(new Uint8Array(1)),
        () => digest("SHA-1", new Uint8Array(1)), () => json(), () => get("host"), () => now(), () => wait(1)]) {
        texts.push(await thrown(call) === kIllegal);
      }
      return texts;
    },
    expect: [true, true, true, true, true, true, true, true],
  },
  "a subclass's instance and a proxy": {
    run: () => {
      class Own extends Headers {}
      const headers = new Own({ a: "1" });
      return [Headers.prototype.get.call(headers, "a"), new URL.prototype.constructor("http://h/").host];
    },
    expect: ["1", "h"],
  },
  "a function of the platform is no constructor": {
    run: async () => [await thrown(() => new Headers.prototype.get("a")), "prototype" in Headers.prototype.get, Headers.prototype.get.name, Headers.prototype.get.length],
    expect: ["TypeError: Headers.prototype.get is not a constructor", false, "get", 0],
  },
});
export default worker(cases);

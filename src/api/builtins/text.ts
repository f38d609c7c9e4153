// TextEncoder, TextDecoder and their streams, atob and btoa.
import { compatibility } from "./compatibility";
import { DOMException } from "./errors";
import { bytesOf, concatBytes, isObject, native, platform, textOf, wrongArgument, wrongConstructorArgument } from "./seam";
import { TransformStream } from "./streams";
import { encodingOf, kMultiByte, kSingleByte } from "./text_labels";

export class TextEncoder {
  get encoding(): string { return "utf-8"; }
  encode(text: unknown = ""): Uint8Array {
    return native.utf8Encode(textOf(text));
  }
  encodeInto(text: unknown, into: Uint8Array): { read: number; written: number } {
    if (arguments.length === 0) throw wrongArgument("encodeInto", "TextEncoder", 1, "String");
    const input = textOf(text);
    if (!(into instanceof Uint8Array)) throw wrongArgument("encodeInto", "TextEncoder", 2, "Uint8Array");
    const [read, written] = native.utf8EncodeInto(input, into);
    return { read, written };
  }
}

// Decodes piece by piece. A fatal one throws; it is at its start again then, and after a call that is not `stream`.
interface Decoder {
  decode(bytes: Uint8Array, stream: boolean): string;
}
const kFailed = "Failed to decode input.";

class Utf8Decoder implements Decoder {
  #pending: Uint8Array | undefined = undefined; // The first bytes of a character whose rest is to come.
  #started = false; // The place of a byte order mark has passed.
  constructor(readonly fatal: boolean, readonly ignoreBom: boolean) {}

  decode(bytes: Uint8Array, stream: boolean): string {
    if (this.#pending !== undefined) {
      bytes = concatBytes([this.#pending, bytes]);
      this.#pending = undefined;
    }
    if (stream) {
      const whole = bytes.length - unfinished(bytes);
      if (whole < bytes.length) this.#pending = bytes.slice(whole);
      bytes = bytes.subarray(0, whole);
    }
    const started = this.#started;
    this.#started = stream && (started || bytes.length > 0);
    if (bytes.length === 0) return "";
    try {
      return native.utf8Decode(bytes, this.fatal, this.ignoreBom || started);
    } catch (error) { // It is malformed (kFailed), or longer than a string can be.
      this.#started = false;
      this.#pending = undefined;
      throw error;
    }
  }
}

class Utf16Decoder implements Decoder {
  #pending: Uint8Array = kNoBytes; // An odd byte, or a leading surrogate whose trail may come.
  #started = false;
  constructor(readonly fatal: boolean, readonly ignoreBom: boolean, readonly bigEndian: boolean) {}

  decode(input: Uint8Array, stream: boolean): string {
    const bytes = this.#pending.length === 0 ? input : concatBytes([this.#pending, input]);
    let text = native.utf16Decode(bytes, this.bigEndian);
    let rest = bytes.length % 2;
    const split = (text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800;
    if (stream && split) {
      text = text.slice(0, -1);
      rest += 2;
    }
    this.#pending = stream && rest > 0 ? bytes.slice(bytes.length - rest) : kNoBytes;
    if (!stream && rest > 0 && !split) text += "\ud800"; // What is cut off at the end is one error in all.
    const started = this.#started;
    this.#started = stream && (started || text !== "");
    // Once what was no UTF-16 came through, but for a cut in the middle.
    const isLoose = !compatibility.wellFormedText && (stream || rest === 0);
    if (this.fatal && !isLoose && !text.isWellFormed()) {
      this.#pending = kNoBytes;
      this.#started = false;
      throw new TypeError(kFailed);
    }
    if (!started && !this.ignoreBom && text.charCodeAt(0) === 0xfeff) text = text.slice(1);
    return isLoose ? text : text.toWellFormed();
  }
}

class SingleByteDecoder implements Decoder {
  constructor(readonly fatal: boolean, readonly table: string) {}

  decode(bytes: Uint8Array): string {
    const text = native.singleByteDecode(bytes, this.table);
    if (this.fatal && text.includes("\ufffd")) throw new TypeError(kFailed);
    return text;
  }
}

class MultiByteDecoder implements Decoder {
  #pending: Uint8Array = kNoBytes;
  #state = 0;
  constructor(readonly fatal: boolean, readonly number: number) {}

  decode(input: Uint8Array, stream: boolean): string {
    const bytes = this.#pending.length === 0 ? input : concatBytes([this.#pending, input]);
    const [text, used, state, failed] = native.multiByteDecode(this.number, bytes, !stream, this.#state);
    const goesOn = stream && !(failed && this.fatal);
    this.#pending = goesOn && used < bytes.length ? bytes.slice(used) : kNoBytes;
    this.#state = goesOn ? state : 0;
    if (failed && this.fatal) throw new TypeError(kFailed);
    return text;
  }
}

// https://encoding.spec.whatwg.org/#x-user-defined
const kUserDefined = String.fromCharCode(...Array.from({ length: 128 }, (_, index) => 0xf780 + index));

function decoderFor(encoding: string, fatal: boolean, ignoreBom: boolean): Decoder | undefined {
  if (encoding === "utf-8") return new Utf8Decoder(fatal, ignoreBom);
  if (encoding === "utf-16le" || encoding === "utf-16be") {
    return new Utf16Decoder(fatal, ignoreBom, encoding === "utf-16be");
  }
  const number = kMultiByte[encoding];
  if (number !== undefined) return new MultiByteDecoder(fatal, number);
  const table = encoding === "x-user-defined" ? kUserDefined : kSingleByte[encoding];
  return table === undefined ? undefined : new SingleByteDecoder(fatal, table);
}

export class TextDecoder {
  #encoding: string;
  #fatal: boolean;
  #ignoreBom: boolean;
  #decoder: Decoder;

  constructor(label: unknown = "utf-8", options?: { fatal?: boolean; ignoreBOM?: boolean }) {
    if (options !== undefined && options !== null && !isObject(options)) throw wrongConstructorArgument("TextDecoder", 2, "ConstructorOptions");
    const name = textOf(label);
    const encoding = encodingOf(name);
    this.#fatal = Boolean(options?.fatal);
    this.#ignoreBom = Boolean(options?.ignoreBOM);
    const decoder = encoding === undefined ? undefined : decoderFor(encoding, this.#fatal, this.#ignoreBom);
    if (decoder === undefined) throw new RangeError(`"${name}" is not a valid encoding.`);
    this.#encoding = encoding!;
    this.#decoder = decoder;
  }
  get encoding(): string { return this.#encoding; }
  get fatal(): boolean { return this.#fatal; }
  get ignoreBOM(): boolean { return this.#ignoreBom; }

  decode(input?: unknown, options?: { stream?: boolean }): string {
    const bytes = input === undefined ? kNoBytes : bytesOf(input);
    if (bytes === undefined) throw wrongArgument("decode", "TextDecoder", 1, "Array");
    if (options !== undefined && options !== null && !isObject(options)) throw wrongArgument("decode", "TextDecoder", 2, "DecodeOptions");
    return this.#decoder.decode(bytes, Boolean(options?.stream));
  }
}
const kNoBytes = new Uint8Array(0);

// How many bytes at the end begin a character that more bytes could complete (0 to 3).
function unfinished(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue; // A continuation: its first byte stands before it.
    const wanted = byte >= 0xf0 && byte < 0xf5 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 0;
    if (wanted <= back) return 0;
    if (back === 1) return 1;
    // The second byte decides whether this can still become a character (no overlong forms, no surrogates).
    const second = bytes[bytes.length - back + 1]!;
    const low = byte === 0xe0 ? 0xa0 : byte === 0xf0 ? 0x90 : 0x80;
    const high = byte === 0xed ? 0x9f : byte === 0xf4 ? 0x8f : 0xbf;
    return second >= low && second <= high ? back : 0;
  }
  return 0;
}

// The readable side had room for a chunk once.
const readableOfTexts = () => ({ highWaterMark: compatibility.textsWait ? 0 : 1 });

export class TextEncoderStream extends TransformStream {
  constructor() {
    let high = ""; // A leading surrogate whose trail may come with the next chunk.
    super({
      transform(chunk: unknown, controller: any) {
        let text = high + String(chunk);
        const last = text.charCodeAt(text.length - 1);
        high = last >= 0xd800 && last < 0xdc00 ? text.slice(-1) : "";
        if (high !== "") text = text.slice(0, -1);
        if (text !== "") controller.enqueue(native.utf8Encode(text));
      },
      flush(controller: any) {
        if (high !== "") controller.enqueue(native.utf8Encode(high));
      },
    }, undefined, readableOfTexts());
  }
  get encoding(): string { return "utf-8"; }
}

const kNoSource = "This TransformStream is being used as a byte stream, but received a value that is not a BufferSource.";

export class TextDecoderStream extends TransformStream {
  #decoder: TextDecoder;
  constructor(label?: string, options?: {}) {
    const decoder = new TextDecoder(label, options);
    super({
      transform(chunk: unknown, controller: any) {
        if (bytesOf(chunk) === undefined) throw new TypeError(kNoSource);
        const text = decoder.decode(chunk, { stream: true });
        if (text !== "") controller.enqueue(text);
      },
      flush(controller: any) {
        const text = decoder.decode();
        if (text !== "") controller.enqueue(text);
      },
    }, undefined, readableOfTexts());
    this.#decoder = decoder;
  }
  get encoding(): string { return this.#decoder.encoding; }
  get fatal(): boolean { return this.#decoder.fatal; }
  get ignoreBOM(): boolean { return this.#decoder.ignoreBOM; }
}

export function btoa(text: unknown): string {
  if (arguments.length === 0) throw wrongArgument("btoa", "ServiceWorkerGlobalScope", 1, "String");
  const encoded = native.base64Encode(textOf(text));
  if (encoded === undefined) {
    const problem = "btoa() can only operate on characters in the Latin1 (ISO/IEC 8859-1) range.";
    throw new DOMException(problem, "InvalidCharacterError");
  }
  return encoded;
}

export function atob(text: unknown): string {
  if (arguments.length === 0) throw wrongArgument("atob", "ServiceWorkerGlobalScope", 1, "string");
  const decoded = native.base64Decode(textOf(text));
  if (decoded === undefined) {
    const problem = "atob() called with invalid base64-encoded data. (Only whitespace, '+', '/', alphanumeric ASCII, " +
      "and up to two terminal '=' signs when the input data length is divisible by 4 are allowed.)";
    throw new DOMException(problem, "InvalidCharacterError");
  }
  return decoded;
}

platform({ TextEncoder, TextDecoder, TextEncoderStream, TextDecoderStream });

// Crypto and DigestStream.
import type { Box } from "./native.d";
import { findHash } from "./crypto_names";
import { newSubtle, type SubtleCrypto } from "./crypto_subtle";
import { DOMException } from "./errors";
import {
  bytesOf, illegalConstructor, isObject, native, platform, textOf, wrongArgument, wrongConstructorArgument,
} from "./seam";
import { WritableStream } from "./streams";

const kRandomBytesMax = 65536;
const kChecksums: Record<string, number> = { crc32: 16, crc32c: 17, crc64nvme: 18 }; // As C++ numbers them.

const kNoBytes = "DigestStream is a byte stream but received an object of non-ArrayBuffer/ArrayBufferView/string type " +
  "on its writable side.";

export class DigestStream extends WritableStream {
  #digest: Promise<ArrayBuffer>;
  #written = { bytes: 0 };

  constructor(algorithm: unknown) {
    if (algorithm === undefined) throw wrongConstructorArgument("DigestStream", 1, "string or HashAlgorithm");
    const name = textOf(isObject(algorithm) ? (algorithm as any).name : algorithm);
    const hasher: Box = native.hasherNew(Object.hasOwn(kChecksums, name) ? kChecksums[name]! : findHash(name).number);
    const { promise, resolve, reject } = Promise.withResolvers<ArrayBuffer>();
    const written = { bytes: 0 };
    super({
      write(chunk: unknown) {
        const bytes = typeof chunk === "string" ? native.utf8Encode(chunk) : bytesOf(chunk);
        if (bytes === undefined) throw new TypeError(kNoBytes);
        native.hasherUpdate(hasher, bytes);
        written.bytes += bytes.byteLength;
      },
      close() {
        resolve(native.hasherFinish(hasher));
      },
      abort(reason: unknown) {
        reject(reason);
      },
    });
    promise.catch(() => {}); // Nobody need look at it.
    this.#digest = promise;
    this.#written = written;
  }
  get digest(): Promise<ArrayBuffer> {
    return this.#digest;
  }
  get bytesWritten(): bigint {
    return BigInt(this.#written.bytes);
  }
}
platform({ DigestStream });

export class Crypto {
  #subtle: SubtleCrypto;
  declare DigestStream: typeof DigestStream;

  constructor(token?: unknown) {
    illegalConstructor(token);
    this.#subtle = newSubtle();
  }
  get subtle(): SubtleCrypto {
    return this.#subtle;
  }
  getRandomValues(view: ArrayBufferView): ArrayBufferView {
    const name = ArrayBuffer.isView(view) ? (view as any)[Symbol.toStringTag] : undefined;
    if (name === undefined || name === "DataView" || name.startsWith("Float")) {
      if (!ArrayBuffer.isView(view)) throw wrongArgument("getRandomValues", "Crypto", 1, "ArrayBufferView");
      const text = "ArrayBufferView argument to getRandomValues() must be an integer-typed view.";
      throw new DOMException(text, "TypeMismatchError");
    }
    if (view.byteLength > kRandomBytesMax) {
      const text = `getRandomValues() only accepts buffers of size <= 64K but provided ${view.byteLength} bytes.`;
      throw new DOMException(text, "QuotaExceededError");
    }
    native.randomFill(view);
    return view;
  }
  randomUUID(): string {
    return native.randomUUID();
  }
}
Object.defineProperty(Crypto.prototype, "DigestStream", { value: DigestStream, writable: true, configurable: true });
platform({ Crypto });

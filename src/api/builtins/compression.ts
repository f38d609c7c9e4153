// CompressionStream and DecompressionStream: https://compression.spec.whatwg.org, with workerd's texts.
import { compatibility } from "./compatibility";
import type { ZlibState } from "./native.d";
import { native, platform, textOf, wrongConstructorArgument } from "./seam";
import { copyOfBytes, TransformStream } from "./streams";

const kFormats = ["gzip", "deflate", "deflate-raw"];
const kNoBytes = new Uint8Array(0);
// What a step says of itself (Status in native_zlib.cc).
const kMore = 0;
const kEnded = 2;
const kFailed = 3;

function checkFormat(holder: string, given: number, format: unknown): string {
  if (given === 0) throw wrongConstructorArgument(holder, 1, "string");
  const name = textOf(format);
  if (!kFormats.includes(name)) {
    throw new TypeError("The compression format must be either 'deflate', 'deflate-raw' or 'gzip'.");
  }
  return name;
}

function newState(format: string, compress: boolean): ZlibState {
  const state = native.zlibNew(format, compress);
  if (state === undefined) throw new Error("Failed to initialize compression context.");
  return state;
}

// Everything that `bytes` gives, how it went, and how much of it was used.
function run(state: ZlibState, bytes: Uint8Array, finish: boolean): [Uint8Array[], number, number] {
  const chunks: Uint8Array[] = [];
  for (let offset = 0; ; ) {
    const [chunk, used, status] = native.zlibStep(state, bytes, offset, finish);
    if (chunk !== undefined) chunks.push(chunk);
    offset += used;
    if (status !== kMore) return [chunks, status, offset];
  }
}

export class CompressionStream extends TransformStream {
  constructor(format: unknown) {
    const state = newState(checkFormat("CompressionStream", arguments.length, format), true);
    const put = (bytes: Uint8Array, finish: boolean, controller: any) => {
      for (const chunk of run(state, bytes, finish)[0]) controller.enqueue(chunk);
    };
    super({
      transform(chunk: unknown, controller: any) {
        put(copyOfBytes(chunk), false, controller);
      },
      flush(controller: any) {
        put(kNoBytes, true, controller);
      },
    });
  }
}

export class DecompressionStream extends TransformStream {
  constructor(format: unknown) {
    const state = newState(checkFormat("DecompressionStream", arguments.length, format), false);
    let ended = false;
    super({
      transform(chunk: unknown, controller: any) {
        const bytes = copyOfBytes(chunk);
        if (bytes.length === 0 || (ended && !compatibility.strictCompression)) return;
        const [chunks, status, used] = run(state, bytes, false);
        if (status === kFailed) throw new TypeError("Decompression failed.");
        if (status === kEnded) {
          if (used < bytes.length && compatibility.strictCompression) throw new TypeError("Trailing bytes after end of compressed data");
          ended = true;
        }
        for (const each of chunks) controller.enqueue(each);
      },
      flush() {
        if (!ended && compatibility.strictCompression) throw new TypeError("Called close() on a decompression stream with incomplete data");
      },
    });
  }
}
platform({ CompressionStream, DecompressionStream });

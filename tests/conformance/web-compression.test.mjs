// CompressionStream and DecompressionStream: bytes, there and back, damaged input.
import { worker } from "./lib.mjs";
import { once, table, utf8 } from "./modules/rows.mjs";

const text = utf8("hello hello hello hello");

// What a stream gives for these chunks, as [bytes | count, errors of its two sides].
async function through(stream, chunks) {
  const problems = new Set();
  const note = (error) => problems.add(`${error.name}: ${error.message}`);
  const writer = stream.writable.getWriter();
  const written = (async () => {
    for (const chunk of chunks) await writer.write(chunk);
    await writer.close();
  })().catch(note);
  const bytes = [];
  try {
    for await (const chunk of stream.readable) bytes.push(...chunk);
  } catch (error) {
    note(error);
  }
  await written;
  return problems.size === 0 ? bytes : [bytes.length, ...problems];
}
const compress = (format, ...chunks) => through(new CompressionStream(format), chunks);
const decompress = (format, ...chunks) => through(new DecompressionStream(format), chunks.map((chunk) => new Uint8Array(chunk)));
const asText = (bytes) => new TextDecoder().decode(new Uint8Array(bytes));

const rows = {
  "gzip of a text": [() => compress("gzip", text), [31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 203, 72, 205, 201, 201, 87, 200, 64, 39, 1, 227, 81, 61, 141, 23, 0, 0, 0]],
  "deflate of a text": [() => compress("deflate", text), [120, 156, 203, 72, 205, 201, 201, 87, 200, 64, 39, 1, 104, 3, 8, 177]],
  "deflate-raw of a text": [() => compress("deflate-raw", text), [203, 72, 205, 201, 201, 87, 200, 64, 39, 1]],
  "gzip of nothing": [() => compress("gzip"), [31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
  "gzip of an empty chunk": [async () => (await compress("gzip", new Uint8Array(0))).length, 20],
  "deflate of nothing": [() => compress("deflate"), [120, 156, 3, 0, 0, 0, 0, 1]],
  "strings are UTF-8": [() => compress("deflate-raw", "abc"), [75, 76, 74, 6, 0]],
  "an ArrayBuffer": [async () => (await compress("gzip", text.buffer)).length, 28],
  "a wrong checksum": [async () => { const bytes = await compress("gzip", text); bytes[bytes.length - 6] ^= 1; return decompress("gzip", bytes); }, [0, "TypeError: Decompression failed."]],
  "an unknown format": [() => new CompressionStream("zip"), "TypeError: The compression format must be either 'deflate', 'deflate-raw' or 'gzip'."],
  "an unknown format to decompress": [() => new DecompressionStream("GZIP"), "TypeError: The compression format must be either 'deflate', 'deflate-raw' or 'gzip'."],
  "no format": [() => new CompressionStream(), "TypeError: Failed to construct 'CompressionStream': constructor parameter 1 is not of type 'string'."],
  "what it is": [() => [String(new CompressionStream("gzip")), new CompressionStream("gzip") instanceof TransformStream, DecompressionStream.name], ["[object CompressionStream]", true, "DecompressionStream"]],
  "in a pipe": [async () => {
    const body = new Response("hello").body.pipeThrough(new CompressionStream("gzip")).pipeThrough(new DecompressionStream("gzip"));
    return new Response(body).text();
  }, "hello"],
  "the head of gzip comes at once": [async () => {
    const stream = new CompressionStream("gzip");
    stream.writable.getWriter().write(text);
    return [...(await stream.readable.getReader().read()).value];
  }, [31, 139, 8, 0, 0, 0, 0, 0, 0, 3]],
  "what does not compress, in many pieces": [async () => {
    const big = new Uint8Array(600_000);
    for (let at = 0; at < 262_144; at += 65_536) crypto.getRandomValues(big.subarray(at, at + 65_536));
    const packed = await new Response(new Blob([big]).stream().pipeThrough(new CompressionStream("deflate"))).arrayBuffer();
    const back = new Uint8Array(await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer());
    return [back.length, back.every((byte, index) => byte === big[index])];
  }, [600_000, true]],
  "much out of little": [async () => {
    const packed = await new Response(new Blob([new Uint8Array(10_000_000)]).stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer();
    let count = 0;
    for await (const chunk of new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))) count += chunk.length;
    return [packed.byteLength < 20_000, count];
  }, [true, 10_000_000]],
  "abort": [async () => {
    const stream = new CompressionStream("gzip");
    const reading = stream.readable.getReader().read();
    await stream.writable.getWriter().abort(new Error("enough"));
    await reading;
  }, "Error: enough"],
};
for (const format of ["gzip", "deflate", "deflate-raw"]) {
  const packed = () => compress(format, text);
  rows[`${format}: there and back`] = [async () => asText(await decompress(format, await packed())), "hello hello hello hello"];
  rows[`${format}: byte by byte`] = [async () => asText(await decompress(format, ...(await packed()).map((byte) => [byte]))), "hello hello hello hello"];
  rows[`${format}: nothing to decompress`] = [() => decompress(format), [0, "TypeError: Called close() on a decompression stream with incomplete data"]];
  rows[`${format}: garbage`] = [() => decompress(format, [255, 255, 255, 255, 1, 2, 3]), [0, "TypeError: Decompression failed."]];
  rows[`${format}: cut off`] = [async () => (await decompress(format, (await packed()).slice(0, -6)))[1], "TypeError: Called close() on a decompression stream with incomplete data"];
  rows[`${format}: bytes behind the end`] = [async () => decompress(format, [...(await packed()), 1, 2]), [0, "TypeError: Trailing bytes after end of compressed data"]];
  rows[`${format}: bytes behind the end, in a chunk of their own`] = [async () => (await decompress(format, await packed(), [1]))[1], "TypeError: Trailing bytes after end of compressed data"];
}

const cases = table(once(async () => ({})), rows);

export default worker(cases);

// Natives of CompressionStream and DecompressionStream: the host's zlib. A stream's state is an ordinary ArrayBuffer
// that holds zlib's structures and all the memory zlib ever asks for, so it counts against the isolate's limit, goes
// with its object and needs no clean-up. The built-ins keep it in a private field; no script ever sees one.
#include <zlib.h>

#include <algorithm>
#include <memory>
#include <new>
#include <string>

#include "api/native_list.h"
#include "api/values.h"

namespace limpet::api {
namespace {

using Info = v8::FunctionCallbackInfo<v8::Value>;

constexpr size_t kPieceBytes = 64 * 1024;  // Of input and of output that one step handles.
// What zlib allocates for a window of 32 KiB; if it ever needs more, zlibNew fails and tests with it.
constexpr size_t kDeflateBytes = 384 * 1024;
constexpr size_t kInflateBytes = 64 * 1024;

struct State {
  z_stream stream;
  bool compress;
  bool ended;
  size_t size;  // Of the memory behind this.
  size_t used;
};

uint8_t* MemoryOf(State* state) { return reinterpret_cast<uint8_t*>(state) + sizeof(State); }

// Memory is given out and never taken back: zlib asks when a stream begins, and once more for its window.
voidpf Allocate(voidpf opaque, uInt items, uInt item_bytes) {
  auto* state = static_cast<State*>(opaque);
  size_t bytes = (static_cast<size_t>(items) * item_bytes + 63) / 64 * 64;
  if (bytes > state->size - state->used) return nullptr;
  void* memory = MemoryOf(state) + state->used;
  state->used += bytes;
  return memory;
}
void Release(voidpf, voidpf) {}

int WindowBits(const std::string& format) { return format == "gzip" ? 31 : format == "deflate" ? 15 : -15; }

// zlibNew(format, compress): state | undefined
void ZlibNew(const Info& info) {
  v8::Isolate* isolate = info.GetIsolate();
  std::string format = js::ToUtf8(isolate, info[0]);
  bool compress = info[1]->IsTrue();
  size_t size = compress ? kDeflateBytes : kInflateBytes;
  v8::Local<v8::ArrayBuffer> buffer;
  if (!NewBuffer(isolate, sizeof(State) + size).ToLocal(&buffer)) return;
  auto* state = new (buffer->Data()) State{{}, compress, false, size, 0};
  state->stream.zalloc = Allocate;
  state->stream.zfree = Release;
  state->stream.opaque = state;
  int result = compress ? deflateInit2(&state->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WindowBits(format), 8,
                                       Z_DEFAULT_STRATEGY)
                        : inflateInit2(&state->stream, WindowBits(format));
  if (result == Z_OK) info.GetReturnValue().Set(buffer);
}

enum Status : int { kMore, kHungry, kEnded, kFailed };

// zlibStep(state, bytes, offset, finish): [chunk | undefined, consumed, Status]. kMore: call again with the rest.
void ZlibStep(const Info& info) {
  v8::Isolate* isolate = info.GetIsolate();
  if (!info[0]->IsArrayBuffer() || !info[2]->IsUint32()) return;
  auto* state = static_cast<State*>(info[0].As<v8::ArrayBuffer>()->Data());
  HeapView storage;
  BytesView bytes = Contents(info[1], storage);
  bytes.remove_prefix(std::min<size_t>(bytes.size(), info[2].As<v8::Uint32>()->Value()));
  bool last = bytes.size() <= kPieceBytes;
  auto out = std::make_unique_for_overwrite<uint8_t[]>(kPieceBytes);
  z_stream& stream = state->stream;
  auto piece = static_cast<uInt>(std::min(bytes.size(), kPieceBytes));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = piece;
  stream.next_out = out.get();
  stream.avail_out = kPieceBytes;
  int result = Z_STREAM_END;
  if (!state->ended) {
    int flush = info[3]->IsTrue() && last && state->compress ? Z_FINISH : Z_NO_FLUSH;
    result = state->compress ? deflate(&stream, flush) : inflate(&stream, flush);
  }
  int status = kHungry;
  if (result == Z_STREAM_END) {
    state->ended = true;
    status = kEnded;
  } else if (result != Z_OK && result != Z_BUF_ERROR) {
    status = kFailed;
  } else if (stream.avail_out == 0 || stream.avail_in > 0 || !last) {
    status = kMore;
  }
  size_t written = kPieceBytes - stream.avail_out;
  v8::Local<v8::Value> chunk = v8::Undefined(isolate);
  if (written > 0) {
    chunk = js::ToUint8Array(isolate, {reinterpret_cast<const char*>(out.get()), written});
    if (chunk.IsEmpty()) return;
  }
  v8::Local<v8::Value> parts[] = {chunk, v8::Integer::NewFromUnsigned(isolate, piece - stream.avail_in),
                                  v8::Integer::New(isolate, status)};
  stream.next_in = nullptr;
  stream.next_out = nullptr;
  info.GetReturnValue().Set(v8::Array::New(isolate, parts, std::size(parts)));
}

}  // namespace

void AddZlibNatives(std::vector<js::NativeFunction>& to) {
  to.insert(to.end(), {{"zlibNew", ZlibNew}, {"zlibStep", ZlibStep}});
}

}  // namespace limpet::api

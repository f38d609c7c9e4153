// Takes the chunked transfer coding off a body (RFC 9112, 7.1), strictly. Pure. Trailers are read over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace limpet::net {

inline constexpr size_t kChunkLineBytesMax = 1024;     // A chunk's size with its extensions.
inline constexpr size_t kTrailerBytesMax = 16 * 1024;  // All trailers.
// What the lines of chunks may take beyond 16 bytes and twice their content each: a body can't be a flood of
// extensions.
inline constexpr size_t kChunkExcessBytesMax = 16 * 1024;

class ChunkDecoder {
 public:
  // Takes what it can of `in` and appends at most `out_bytes_max` bytes of the body to `out`; how much it took.
  // Error kInvalidArgument: the coding is broken, the rest of the connection can't be read.
  Result<size_t> Decode(std::string_view in, Bytes& out, size_t out_bytes_max);
  bool done() const { return state_ == State::kDone; }

 private:
  enum class State : uint8_t { kSize, kExtension, kSizeLf, kData, kDataCr, kDataLf, kTrailer, kTrailerLf, kDone };
  Result<Done> Step(char c);
  Result<Done> EndSizeLine();

  State state_ = State::kSize;
  uint64_t left_ = 0;      // Of this chunk.
  size_t digits_ = 0;      // Of this chunk's size.
  size_t line_bytes_ = 0;  // Of the line that is being read.
  uint64_t excess_bytes_ = 0;
  size_t trailer_bytes_ = 0;
};

// "1a\r\n", what stands before a chunk of `size` bytes.
void AppendChunkHead(size_t size, std::string& out);

}  // namespace limpet::net

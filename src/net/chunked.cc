#include "net/chunked.h"

#include <algorithm>
#include <charconv>

namespace limpet::net {
namespace {

constexpr size_t kSizeDigitsMax = 15;  // More than any body limit, and no overflow.

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Error Broken(const char* what) { return Error(ErrorCode::kInvalidArgument, what); }

bool IsText(char c) {
  auto byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
}

}  // namespace

Result<Done> ChunkDecoder::Step(char c) {
  switch (state_) {
    case State::kSize:
      if (int value = HexValue(c); value >= 0) {
        if (++digits_ > kSizeDigitsMax) return Broken("A chunk size is out of range.");
        left_ = left_ * 16 + static_cast<uint64_t>(value);
        return Done{};
      }
      if (digits_ == 0) return Broken("A chunk size is missing.");
      if (c != '\r' && c != ';') return Broken("A chunk size is invalid.");
      state_ = c == '\r' ? State::kSizeLf : State::kExtension;
      line_bytes_ = digits_;
      return Done{};
    case State::kExtension:
      if (++line_bytes_ > kChunkLineBytesMax) return Broken("A chunk extension is too long.");
      if (c == '\r') {
        state_ = State::kSizeLf;
      } else if (!IsText(c)) {
        return Broken("A chunk extension is invalid.");
      }
      return Done{};
    case State::kSizeLf:
      if (c != '\n') return Broken("A chunk size is invalid.");
      return EndSizeLine();
    case State::kDataCr:
      if (c != '\r') return Broken("A chunk is longer than its size.");
      state_ = State::kDataLf;
      return Done{};
    case State::kDataLf:
      if (c != '\n') return Broken("A chunk is longer than its size.");
      state_ = State::kSize;
      return Done{};
    case State::kTrailer:
      if (++trailer_bytes_ > kTrailerBytesMax) return Broken("The trailers are too large.");
      if (c == '\r') {
        state_ = State::kTrailerLf;
      } else if (!IsText(c)) {
        return Broken("A trailer is invalid.");
      } else {
        ++line_bytes_;
      }
      return Done{};
    case State::kTrailerLf:
      if (c != '\n') return Broken("A trailer is invalid.");
      state_ = line_bytes_ == 0 ? State::kDone : State::kTrailer;
      line_bytes_ = 0;
      return Done{};
    case State::kData:
    case State::kDone: break;
  }
  return Done{};
}

Result<Done> ChunkDecoder::EndSizeLine() {
  excess_bytes_ += line_bytes_;
  excess_bytes_ -= std::min(excess_bytes_, 16 + 2 * left_);
  if (excess_bytes_ > kChunkExcessBytesMax) return Broken("The chunks hold too little for their extensions.");
  line_bytes_ = digits_ = 0;
  state_ = left_ == 0 ? State::kTrailer : State::kData;
  return Done{};
}

Result<size_t> ChunkDecoder::Decode(std::string_view in, Bytes& out, size_t out_bytes_max) {
  size_t at = 0;
  while (at < in.size() && state_ != State::kDone) {
    if (state_ != State::kData) {
      LIMPET_TRY([[maybe_unused]] Done stepped, Step(in[at]));
      ++at;
      continue;
    }
    size_t size = std::min<uint64_t>({left_, in.size() - at, out_bytes_max});
    if (size == 0) break;
    out.append(in.substr(at, size));
    at += size;
    out_bytes_max -= size;
    left_ -= size;
    if (left_ == 0) state_ = State::kDataCr;
  }
  return at;
}

void AppendChunkHead(size_t size, std::string& out) {
  char digits[16];
  auto end = std::to_chars(digits, digits + sizeof digits, size, 16).ptr;
  out.append(digits, static_cast<size_t>(end - digits)).append("\r\n");
}

}  // namespace limpet::net

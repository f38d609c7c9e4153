// Feeds bytes to the decoder of the chunked coding, whole, in pieces, and with little room for what comes out: all must
// come to the same end. Then the rest of the input is coded and decoded again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/chunked.h"

namespace {

using limpet::net::ChunkDecoder;

void Require(bool condition) {
  if (!condition) std::abort();
}

struct Decoded {
  bool good = true;
  bool done = false;
  limpet::Bytes body;
  size_t taken = 0;
};

Decoded Decode(std::string_view in, size_t step, size_t room) {
  ChunkDecoder decoder;
  Decoded out;
  for (size_t end = std::min(step, in.size()); out.good && !decoder.done();) {
    size_t before = out.body.size();
    limpet::Result<size_t> taken = decoder.Decode(in.substr(out.taken, end - out.taken), out.body, room);
    out.good = taken.has_value();
    if (!out.good) break;
    Require(*taken <= end - out.taken && out.body.size() - before <= room);
    out.taken += *taken;
    if (out.taken < end && !decoder.done()) {
      Require(out.body.size() - before == room);  // It stops early for want of room only.
      continue;
    }
    if (end == in.size()) break;
    end = std::min(end + step, in.size());
  }
  out.done = decoder.done();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  size_t step = 1 + data[0] % 16;
  size_t room = 1 + data[0] / 16;
  std::string_view in(reinterpret_cast<const char*>(data) + 1, size - 1);
  Decoded whole = Decode(in, SIZE_MAX, SIZE_MAX);
  for (const Decoded& other : {Decode(in, step, SIZE_MAX), Decode(in, SIZE_MAX, room), Decode(in, step, room)}) {
    Require(other.good == whole.good && other.done == whole.done);
    if (whole.good) Require(other.body == whole.body && other.taken == whole.taken);
  }
  Require(!whole.done || whole.taken <= in.size());

  std::string coded;
  for (std::string_view rest = in; !rest.empty();) {
    std::string_view piece = rest.substr(0, room * 7);
    limpet::net::AppendChunkHead(piece.size(), coded);
    coded.append(piece).append("\r\n");
    rest.remove_prefix(piece.size());
  }
  coded.append("0\r\n\r\nNEXT");
  Decoded again = Decode(coded, step * 5, SIZE_MAX);
  Require(again.good && again.done && again.body == in && again.taken == coded.size() - 4);
  return 0;
}

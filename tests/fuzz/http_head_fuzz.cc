// Feeds bytes to the readers of heads and chunks, in pieces and whole: both ways must come to the same end.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "net/chunked.h"
#include "net/http_head.h"

namespace {

using limpet::net::ChunkDecoder;
using limpet::net::HeadLimits;
using limpet::net::HeadScanner;

void Require(bool condition) {
  if (!condition) std::abort();
}

void FuzzHead(std::string_view in, size_t step) {
  HeadLimits limits{.head_bytes_max = 4096, .header_count_max = 16, .target_bytes_max = 512};
  HeadScanner whole, pieces;
  HeadScanner::Found found = whole.Scan(in, limits);
  HeadScanner::Found in_pieces;
  for (size_t size = 0; size < in.size() && in_pieces.head_size == 0 && !in_pieces.problem;) {
    size = std::min(in.size(), size + step);
    in_pieces = pieces.Scan(in.substr(0, size), limits);
  }
  Require(found.head_size == in_pieces.head_size);
  Require(found.problem.has_value() == in_pieces.problem.has_value());
  if (found.head_size == 0) return;
  std::string_view head = in.substr(0, found.head_size);
  limpet::HeaderList headers;
  limpet::net::RequestHead request;
  if (!limpet::net::ParseRequestHead(head, limits, request, headers)) {
    for (size_t i = 0; i < headers.size(); ++i) {
      Require(limpet::IsHeaderName(headers[i].name) && limpet::IsHeaderValue(headers[i].value));
    }
    std::string url, host;
    if (!limpet::net::BuildUrl(request, "http", "local", url, host)) Require(limpet::net::IsHost(host));
  }
  limpet::HeaderList more;
  limpet::net::ResponseHead response;
  (void)limpet::net::ParseResponseHead(head, limits, response, more);
}

void FuzzChunks(std::string_view in, size_t step) {
  ChunkDecoder whole, pieces;
  limpet::Bytes all, sum;
  bool good = whole.Decode(in, all, SIZE_MAX).has_value();
  bool good_pieces = true;
  for (size_t at = 0; at < in.size() && good_pieces && !pieces.done();) {
    limpet::Result<size_t> taken = pieces.Decode(in.substr(at, step), sum, SIZE_MAX);
    good_pieces = taken.has_value();
    if (good_pieces) at += *taken;
  }
  Require(good == good_pieces);
  if (good) Require(all == sum && whole.done() == pieces.done());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  std::string_view in(reinterpret_cast<const char*>(data) + 1, size - 1);
  size_t step = 1 + data[0] % 64;
  FuzzHead(in, step);
  FuzzChunks(in, step);
  return 0;
}

// Feeds text to the readers of Sec-WebSocket-Extensions. What a server agrees to must be an answer that a client takes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "net/websocket_extension.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view in(reinterpret_cast<const char*>(data), size);
  if (auto agreed = limpet::net::AcceptDeflateOffer(in)) {
    Require(agreed->send_window_bits >= 9 && agreed->send_window_bits <= 15);
    Require(!agreed->peer_keeps_window);
    Require(limpet::net::OffersDeflate(in));
    Require(limpet::net::AcceptDeflateOffer(agreed->header).has_value());
  }
  (void)limpet::net::ReadDeflateAnswer(in, true);
  (void)limpet::net::ReadDeflateAnswer(in, false);
  return 0;
}

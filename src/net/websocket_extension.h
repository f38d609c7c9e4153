// Agreeing on permessage-deflate (RFC 7692, 5 and 7.1). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace limpet::net {

// What both sides hold to. Our own messages never refer to earlier ones.
struct DeflateAgreement {
  int send_window_bits = 15;       // Of our messages: 9 … 15.
  bool peer_keeps_window = false;  // The peer's messages may refer to earlier ones.
  std::string header;              // The server's Sec-WebSocket-Extensions.
};

// What a client of ours asks for.
inline constexpr std::string_view kDeflateOffer =
    "permessage-deflate; client_no_context_takeover; server_no_context_takeover";

// A server's choice among the offers of a client's Sec-WebSocket-Extensions (several headers: joined by commas): the
// first that can be met, or none. A header that can't be read offers nothing. A connection that waits should cost
// little memory, so both sides are bound to messages that stand alone, whatever the client asked for.
std::optional<DeflateAgreement> AcceptDeflateOffer(std::string_view header);

// True if a request's header names permessage-deflate: its maker wants it.
bool OffersDeflate(std::string_view header);

// What the server's answer to kDeflateOffer (or to no offer) means; empty `header`: no compression.
// Error: kInvalidArgument: it answers what was not offered, or can't be read.
Result<std::optional<DeflateAgreement>> ReadDeflateAnswer(std::string_view header, bool offered);

}  // namespace limpet::net

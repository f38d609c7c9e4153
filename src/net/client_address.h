// Who the client is, told to scripts through headers. Pure.
//
// The policy, for a connection from `peer`:
//   - `peer` is no trusted proxy: every CF-* header, X-Forwarded-For and X-Forwarded-Proto that it sent is dropped. The
//     client is the peer.
//   - `peer` is a trusted proxy: its CF-* headers stay. The client is the address in CF-Connecting-IP if that is an
//     address; else the last address of X-Forwarded-For that is no trusted proxy itself (its first address if all are);
//     else the peer. X-Forwarded-Proto "http" or "https" becomes the scheme of the request's URL.
//   - Then CF-Connecting-IP is set to the client, and the peer is appended to X-Forwarded-For.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/http.h"
#include "net/ip_address.h"

namespace limpet::net {

struct ClientFacts {
  std::string ip;                          // What CF-Connecting-IP is now.
  std::optional<std::string_view> scheme;  // "http" or "https" if a trusted proxy says so.
};

// `peer_text` is `peer` as text, which the connection has at hand.
ClientFacts ApplyClientAddress(HeaderList& headers, const IpAddress& peer, std::string_view peer_text,
                               const NetworkSet& trusted_proxies, bool peer_is_trusted);

}  // namespace limpet::net

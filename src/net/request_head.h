// The client's side of a head: where a URL leads and what is sent there. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/http.h"
#include "base/result.h"

namespace limpet::net {

struct Target {
  bool tls = false;
  std::string authority;  // As Host has it: "name", "name:81", "[::1]".
  std::string host;       // To resolve and verify: without brackets and port.
  uint16_t port = 0;
  std::string path;  // With the query; never empty.
};

// Error: kInvalidArgument: not an absolute http or https URL, user info, characters that a URL has percent-encoded.
Result<Target> ParseUrl(std::string_view url);

// Request line and headers. Host, Content-Length and those of the connection (Connection, Transfer-Encoding, …) are
// ours: a script's are left out. `upgrade_lines`: the headers of a WebSocket's handshake, then those of that kind are
// ours too; empty otherwise. Error: kInvalidArgument: method or a header.
Result<std::string> MakeRequestHead(const HttpRequest& request, const Target& target,
                                    std::string_view upgrade_lines = {});

}  // namespace limpet::net

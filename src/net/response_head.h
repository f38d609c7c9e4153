// Writes the head of a response so that its framing is ours alone. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "base/http.h"
#include "base/result.h"
#include "net/http_head.h"

namespace limpet::net {

// What the connection knows about the request that is being answered.
struct ExchangeFacts {
  bool head_request = false;  // HEAD: no body follows, whatever the head says.
  bool http_1_0 = false;
  bool keep_alive = true;  // The connection would stay.
};

struct ResponsePlan {
  Framing framing = Framing::kNone;  // Of the body that follows; kNone also if there is none to send.
  uint64_t length = 0;               // If kLength.
  bool keep_alive = true;
};

// Appends status line, headers and blank line to `out`. Headers that speak of this connection (Connection, Keep-Alive,
// Transfer-Encoding, Upgrade, Trailer …) are left out; "Connection: close" is obeyed. Content-Length follows the body;
// a script's own stands only where no body is sent (HEAD, 304). No Date is added, as workerd adds none.
// Error: kInvalidArgument for a status outside 200 … 599, an invalid reason phrase, header name or value; `out` is as
// it was.
Result<ResponsePlan> AppendResponseHead(const HttpResponse& response, const ExchangeFacts& exchange, std::string& out);

}  // namespace limpet::net

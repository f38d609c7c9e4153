// The handshake of both sides (RFC 6455, 4). Pure, but for the randomness that is passed in.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/http.h"
#include "base/random.h"
#include "net/websocket_extension.h"

namespace limpet::net {

// A request that asks for a WebSocket: GET with "Upgrade: websocket". The rest is looked at when it is accepted.
bool AsksForWebSocket(std::string_view method, const HeaderList& headers);

// What a server remembers of such a request while its handler runs.
struct UpgradeOffer {
  std::string key, version, extensions;
  bool connection_upgrade = false;  // "Connection: Upgrade" was there.
};
// Null if the request asks for no WebSocket.
std::unique_ptr<UpgradeOffer> TakeUpgradeOffer(std::string_view method, const HeaderList& headers);

// A server's answer. Texts as workerd has them.
struct UpgradeAnswer {
  int status = 101;  // Or 400, 426: `text` says why.
  std::string_view text;
  std::string head;  // If 101: the whole head. `response`'s headers are kept, but for those of the handshake itself.
  std::optional<DeflateAgreement> deflate;
};
// Error: kInvalidArgument: a header of `response` is invalid.
Result<UpgradeAnswer> AnswerUpgrade(const UpgradeOffer& offer, const HttpResponse& response);

// A client's side.
struct ClientUpgrade {
  std::string key;
  bool deflate_offered = false;
  std::string lines;  // The handshake's headers, each with its CRLF.
};
// Offers compression if the request's own Sec-WebSocket-Extensions names it.
ClientUpgrade MakeClientUpgrade(const HeaderList& headers, Random& random);
// Of a 101. Error: kInvalidArgument: it is no answer to `upgrade`. The subprotocol is left to the caller.
Result<std::optional<DeflateAgreement>> CheckUpgradeAnswer(const ClientUpgrade& upgrade, const HeaderList& headers);

// Sec-WebSocket-Accept for a Sec-WebSocket-Key.
std::string WebSocketAccept(std::string_view key);

}  // namespace limpet::net

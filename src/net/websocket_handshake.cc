#include "net/websocket_handshake.h"

#include <openssl/evp.h>

#include <array>

#include "base/bytes.h"

namespace limpet::net {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

// A comma-separated list names `token`, without case.
bool ListHas(std::string_view list, std::string_view token) {
  while (true) {
    size_t comma = list.find(',');
    std::string_view item = list.substr(0, comma);
    while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
    while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
    if (EqualsIgnoreCase(item, token)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

bool HeaderHas(const HeaderList& headers, std::string_view name, std::string_view token) {
  for (size_t i = 0; i < headers.size(); ++i) {
    if (EqualsIgnoreCase(headers[i].name, name) && ListHas(headers[i].value, token)) return true;
  }
  return false;
}

std::string ToBase64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3), 0);
  std::array<unsigned char, 64> out;  // EVP_EncodeBlock adds a NUL.
  int size =
      EVP_EncodeBlock(out.data(), reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  return text.assign(reinterpret_cast<char*>(out.data()), static_cast<size_t>(size));
}

// 16 bytes in Base64.
bool IsKey(std::string_view key) {
  if (key.size() != 24 || !key.ends_with("==")) return false;
  for (char c : key.substr(0, 22)) {
    bool good = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
    if (!good) return false;
  }
  return true;
}

// What the handshake or the connection decides, whatever a script says.
bool IsOfHandshake(std::string_view name) {
  for (std::string_view ours :
       {"connection", "upgrade", "keep-alive", "proxy-connection", "transfer-encoding", "content-length", "te",
        "trailer", "sec-websocket-accept", "sec-websocket-extensions", "sec-websocket-key", "sec-websocket-version"}) {
    if (EqualsIgnoreCase(name, ours)) return true;
  }
  return false;
}

}  // namespace

bool AsksForWebSocket(std::string_view method, const HeaderList& headers) {
  return method == "GET" && HeaderHas(headers, "Upgrade", "websocket");
}

std::unique_ptr<UpgradeOffer> TakeUpgradeOffer(std::string_view method, const HeaderList& headers) {
  if (!AsksForWebSocket(method, headers)) return nullptr;
  auto offer = std::make_unique<UpgradeOffer>();
  offer->key = headers.GetCombined("Sec-WebSocket-Key").value_or("");
  offer->version = headers.GetCombined("Sec-WebSocket-Version").value_or("");
  offer->extensions = headers.GetCombined("Sec-WebSocket-Extensions").value_or("");
  offer->connection_upgrade = HeaderHas(headers, "Connection", "upgrade");
  return offer;
}

Result<UpgradeAnswer> AnswerUpgrade(const UpgradeOffer& offer, const HttpResponse& response) {
  UpgradeAnswer answer;
  if (offer.version != "13") {
    return UpgradeAnswer{426, "ERROR: The requested WebSocket version is not supported.", {}, {}};
  }
  if (offer.key.empty()) return UpgradeAnswer{400, "ERROR: Missing Sec-WebSocket-Key", {}, {}};
  if (!IsKey(offer.key)) return UpgradeAnswer{400, "ERROR: Invalid Sec-WebSocket-Key", {}, {}};
  if (!offer.connection_upgrade) return UpgradeAnswer{400, "ERROR: Missing Connection: Upgrade", {}, {}};

  answer.head =
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ";
  answer.head.append(WebSocketAccept(offer.key)).append("\r\n");
  answer.deflate = AcceptDeflateOffer(offer.extensions);
  if (answer.deflate) answer.head.append("Sec-WebSocket-Extensions: ").append(answer.deflate->header).append("\r\n");
  for (size_t i = 0; i < response.headers.size(); ++i) {
    auto [name, value] = response.headers[i];
    if (!IsHeaderName(name) || !IsHeaderValue(value)) {
      return Error(ErrorCode::kInvalidArgument, "a header of the response is invalid");
    }
    if (!IsOfHandshake(name)) answer.head.append(name).append(": ").append(value).append("\r\n");
  }
  answer.head.append("\r\n");
  return answer;
}

ClientUpgrade MakeClientUpgrade(const HeaderList& headers, Random& random) {
  std::array<uint8_t, 16> bytes;
  random.Fill(bytes);
  ClientUpgrade upgrade;
  upgrade.key = ToBase64({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  upgrade.deflate_offered = OffersDeflate(headers.GetCombined("Sec-WebSocket-Extensions").value_or(""));
  upgrade.lines = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ";
  upgrade.lines.append(upgrade.key).append("\r\n");
  if (upgrade.deflate_offered) upgrade.lines.append("Sec-WebSocket-Extensions: ").append(kDeflateOffer).append("\r\n");
  return upgrade;
}

Result<std::optional<DeflateAgreement>> CheckUpgradeAnswer(const ClientUpgrade& upgrade, const HeaderList& headers) {
  auto refuse = [](std::string text) { return Error(ErrorCode::kInvalidArgument, std::move(text)); };
  if (!HeaderHas(headers, "Upgrade", "websocket") || !HeaderHas(headers, "Connection", "upgrade")) {
    return refuse("the server switched to a protocol that was not asked for");
  }
  if (headers.GetCombined("Sec-WebSocket-Accept").value_or("") != WebSocketAccept(upgrade.key)) {
    return refuse("the server's Sec-WebSocket-Accept is wrong");
  }
  return ReadDeflateAnswer(headers.GetCombined("Sec-WebSocket-Extensions").value_or(""), upgrade.deflate_offered);
}

std::string WebSocketAccept(std::string_view key) {
  std::string text(key);
  text.append(kGuid);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  return ToBase64({reinterpret_cast<const char*>(digest.data()), size});
}

}  // namespace limpet::net

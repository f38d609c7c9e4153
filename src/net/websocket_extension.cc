#include "net/websocket_extension.h"

#include <vector>

#include "base/bytes.h"
#include "base/http.h"

namespace limpet::net {
namespace {

constexpr size_t kParametersMax = 32;  // Of a whole header; more is no honest offer.

struct Parameter {
  std::string_view name;
  std::string_view value;
  bool has_value = false;
};

struct Extension {
  std::string_view name;
  std::vector<Parameter> parameters;
};

// Reads "token; token=value; token="value", token …" (RFC 6455, 9.1).
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view header) : rest_(header) {}

  // Nothing if it is malformed.
  std::optional<std::vector<Extension>> Read() {
    std::vector<Extension> extensions;
    size_t parameters = 0;
    while (true) {
      SkipSpace();
      if (rest_.empty()) return extensions;
      if (Take(',')) continue;  // An empty element of a list (RFC 9110, 5.6.1).
      Extension& extension = extensions.emplace_back();
      extension.name = Token();
      if (extension.name.empty() || ++parameters > kParametersMax) return std::nullopt;
      while (SkipSpace(), Take(';')) {
        if (++parameters > kParametersMax || !ReadParameter(extension.parameters.emplace_back())) return std::nullopt;
      }
      if (!rest_.empty() && !Take(',')) return std::nullopt;
    }
  }

 private:
  bool ReadParameter(Parameter& parameter) {
    SkipSpace();
    parameter.name = Token();
    if (parameter.name.empty()) return false;
    SkipSpace();
    if (!Take('=')) return true;
    SkipSpace();
    parameter.has_value = true;
    if (!Take('"')) return parameter.value = Token(), !parameter.value.empty();
    parameter.value = Token();  // What is quoted has to be a token all the same.
    return !parameter.value.empty() && Take('"');
  }
  void SkipSpace() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
  }
  bool Take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string_view Token() {
    size_t size = 0;
    while (size < rest_.size() && IsHeaderName(rest_.substr(size, 1))) ++size;
    std::string_view token = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return token;
  }

  std::string_view rest_;
};

// 8 … 15, without leading zeros; 0 if it is anything else.
int WindowBits(const Parameter& parameter) {
  std::string_view value = parameter.value;
  if (value.size() == 1 && (value[0] == '8' || value[0] == '9')) return value[0] - '0';
  if (value.size() == 2 && value[0] == '1' && value[1] >= '0' && value[1] <= '5') return 10 + value[1] - '0';
  return 0;
}

struct DeflateParameters {
  bool client_stands_alone = false, server_stands_alone = false;
  int server_bits = 0, client_bits = 0;  // 0: not given.
  bool client_bits_given = false;        // With or without a value.
};

// Nothing for an unknown, repeated or malformed parameter.
std::optional<DeflateParameters> ReadParameters(const Extension& extension) {
  DeflateParameters read;
  for (const Parameter& parameter : extension.parameters) {
    if (EqualsIgnoreCase(parameter.name, "client_no_context_takeover")) {
      if (std::exchange(read.client_stands_alone, true) || parameter.has_value) return std::nullopt;
    } else if (EqualsIgnoreCase(parameter.name, "server_no_context_takeover")) {
      if (std::exchange(read.server_stands_alone, true) || parameter.has_value) return std::nullopt;
    } else if (EqualsIgnoreCase(parameter.name, "server_max_window_bits")) {
      if (read.server_bits != 0) return std::nullopt;
      if ((read.server_bits = WindowBits(parameter)) == 0) return std::nullopt;
    } else if (EqualsIgnoreCase(parameter.name, "client_max_window_bits")) {
      if (std::exchange(read.client_bits_given, true)) return std::nullopt;
      read.client_bits = WindowBits(parameter);
      if (parameter.has_value && read.client_bits == 0) return std::nullopt;
    } else {
      return std::nullopt;
    }
  }
  return read;
}

bool IsDeflate(const Extension& extension) { return EqualsIgnoreCase(extension.name, "permessage-deflate"); }

}  // namespace

std::optional<DeflateAgreement> AcceptDeflateOffer(std::string_view header) {
  std::optional<std::vector<Extension>> offers = HeaderReader(header).Read();
  if (!offers) return std::nullopt;
  for (const Extension& offer : *offers) {
    if (!IsDeflate(offer)) continue;
    std::optional<DeflateParameters> asked = ReadParameters(offer);
    if (!asked || asked->server_bits == 8) continue;  // zlib can't make such a small window.
    DeflateAgreement agreed;
    agreed.header = kDeflateOffer;
    if (asked->client_bits_given) {
      int bits = asked->client_bits == 0 ? 15 : asked->client_bits;
      agreed.header.append("; client_max_window_bits=").append(std::to_string(bits));
    }
    if (asked->server_bits != 0) {
      agreed.send_window_bits = asked->server_bits;
      agreed.header.append("; server_max_window_bits=").append(std::to_string(asked->server_bits));
    }
    return agreed;
  }
  return std::nullopt;
}

bool OffersDeflate(std::string_view header) {
  std::optional<std::vector<Extension>> offers = HeaderReader(header).Read();
  if (!offers) return false;
  for (const Extension& offer : *offers) {
    if (IsDeflate(offer)) return true;
  }
  return false;
}

Result<std::optional<DeflateAgreement>> ReadDeflateAnswer(std::string_view header, bool offered) {
  std::optional<std::vector<Extension>> answer = HeaderReader(header).Read();
  Error refused(ErrorCode::kInvalidArgument, "the server chose WebSocket extensions that were not offered");
  if (!answer) return refused;
  if (answer->empty()) return std::optional<DeflateAgreement>();
  if (!offered || answer->size() > 1 || !IsDeflate(answer->front())) return refused;
  std::optional<DeflateParameters> chosen = ReadParameters(answer->front());
  if (!chosen || chosen->client_bits_given) return refused;
  DeflateAgreement agreed;
  agreed.peer_keeps_window = !chosen->server_stands_alone;
  agreed.header = header;
  return std::optional<DeflateAgreement>(std::move(agreed));
}

}  // namespace limpet::net

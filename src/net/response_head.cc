#include "net/response_head.h"

#include <charconv>

#include "base/bytes.h"

namespace limpet::net {
namespace {

enum class Kind : uint8_t { kEndToEnd, kHop, kConnection, kLength };

Kind KindOf(std::string_view name) {
  switch (name.size()) {
    case 2: return EqualsIgnoreCase(name, "te") ? Kind::kHop : Kind::kEndToEnd;
    case 7:
      return EqualsIgnoreCase(name, "upgrade") || EqualsIgnoreCase(name, "trailer") ? Kind::kHop : Kind::kEndToEnd;
    case 10:
      if (EqualsIgnoreCase(name, "connection")) return Kind::kConnection;
      return EqualsIgnoreCase(name, "keep-alive") ? Kind::kHop : Kind::kEndToEnd;
    case 14: return EqualsIgnoreCase(name, "content-length") ? Kind::kLength : Kind::kEndToEnd;
    case 16: return EqualsIgnoreCase(name, "proxy-connection") ? Kind::kHop : Kind::kEndToEnd;
    case 17: return EqualsIgnoreCase(name, "transfer-encoding") ? Kind::kHop : Kind::kEndToEnd;
    default: return Kind::kEndToEnd;
  }
}

bool IsNumber(std::string_view text) {
  if (text.empty() || text.size() > 18) return false;
  for (char c : text) {
    if (c < '0' || c > '9') return false;
  }
  return true;
}

void AppendNumber(uint64_t number, std::string& out) {
  char digits[20];
  auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, static_cast<size_t>(end - digits));
}

Error Invalid(std::string text) { return Error(ErrorCode::kInvalidArgument, std::move(text)); }

// The headers, and what they say: `close`, and a Content-Length of the script's (empty if none).
Result<Done> AppendFields(const HeaderList& headers, std::string& out, bool& close, std::string_view& length) {
  for (size_t i = 0; i < headers.size(); ++i) {
    auto [name, value] = headers[i];
    if (!IsHeaderName(name)) return Invalid("a header name of the response is invalid");
    if (!IsHeaderValue(value)) return Invalid("the response header " + std::string(name) + " has an invalid value");
    switch (KindOf(name)) {
      case Kind::kEndToEnd: out.append(name).append(": ").append(value).append("\r\n"); break;
      case Kind::kHop: break;
      case Kind::kConnection: close = close || EqualsIgnoreCase(value, "close"); break;
      case Kind::kLength: length = value; break;
    }
  }
  return Done{};
}

void DecideFraming(const HttpResponse& response, const ExchangeFacts& exchange, ResponsePlan& plan) {
  const Body& body = response.body;
  if (body.stream && !body.length) {
    plan.framing = exchange.http_1_0 ? Framing::kUntilClose : Framing::kChunked;
    // HTTP/1.0 knows no other end of such a body.
    if (exchange.http_1_0 && !exchange.head_request) plan.keep_alive = false;
  } else {
    plan.framing = Framing::kLength;
    plan.length = body.stream ? *body.length : body.bytes.size();
  }
}

}  // namespace

Result<ResponsePlan> AppendResponseHead(const HttpResponse& response, const ExchangeFacts& exchange, std::string& out) {
  if (response.status < 200 || response.status > 599) {
    return Invalid("the response has the invalid status " + std::to_string(response.status));
  }
  if (!IsHeaderValue(response.status_text)) return Invalid("the response has an invalid status text");
  size_t before = out.size();
  std::string_view reason = response.status_text;
  if (reason.empty()) reason = StandardReason(response.status);
  out.append("HTTP/1.1 ");
  AppendNumber(static_cast<uint64_t>(response.status), out);
  out.append(" ").append(reason).append("\r\n");

  ResponsePlan plan;
  plan.keep_alive = exchange.keep_alive;
  bool close = false;
  std::string_view script_length;
  if (Result<Done> fields = AppendFields(response.headers, out, close, script_length); !fields) {
    out.resize(before);
    return std::move(fields).error();
  }
  if (close) plan.keep_alive = false;

  bool never_has_body = response.status == 204 || response.status == 304;
  if (never_has_body || exchange.head_request) {
    bool script_may_say = response.status != 204 && (!response.body.present || response.body.stream);
    if (script_may_say && IsNumber(script_length)) {
      out.append("Content-Length: ").append(script_length).append("\r\n");
    } else if (!never_has_body && (!response.body.stream || response.body.length)) {
      out.append("Content-Length: ");
      AppendNumber(response.body.stream ? *response.body.length : response.body.bytes.size(), out);
      out.append("\r\n");
    }
  } else if (response.status == 205) {
    out.append("Content-Length: 0\r\n");
  } else {
    DecideFraming(response, exchange, plan);
    if (plan.framing == Framing::kChunked) out.append("Transfer-Encoding: chunked\r\n");
    if (plan.framing == Framing::kLength) {
      out.append("Content-Length: ");
      AppendNumber(plan.length, out);
      out.append("\r\n");
    }
  }
  if (!plan.keep_alive) {
    out.append("Connection: close\r\n");
  } else if (exchange.http_1_0) {
    out.append("Connection: keep-alive\r\n");
  }
  out.append("\r\n");
  return plan;
}

}  // namespace limpet::net

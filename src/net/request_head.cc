#include "net/request_head.h"

#include <algorithm>
#include <span>

#include "base/bytes.h"
#include "net/http_head.h"

namespace limpet::net {
namespace {

constexpr std::string_view kOurs[] = {
    "host", "content-length", "connection", "keep-alive",    "transfer-encoding", "upgrade", "proxy-connection",
    "te",   "trailer",        "expect",     "http2-settings"};

constexpr std::string_view kOursInUpgrade[] = {"sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions",
                                               "sec-websocket-accept"};

bool IsOneOf(std::span<const std::string_view> names, std::string_view name) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view one) { return EqualsIgnoreCase(name, one); });
}

Error Invalid(std::string text) { return Error(ErrorCode::kInvalidArgument, std::move(text)); }

}  // namespace

Result<Target> ParseUrl(std::string_view url) {
  Target target;
  std::string_view rest = url;
  if (rest.starts_with("https://")) {
    target.tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return Invalid("only http and https can be fetched: " + std::string(url.substr(0, 200)));
  }
  rest = rest.substr(0, rest.find('#'));
  size_t end = rest.find_first_of("/?");
  std::string_view authority = rest.substr(0, end);
  // A name and a password are not sent, as in workerd.
  if (size_t at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
  if (!IsHost(authority)) return Invalid("the URL has an invalid host: " + std::string(url.substr(0, 200)));
  target.authority = authority;
  size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && authority.back() != ']') {
    unsigned port = 0;
    for (char c : authority.substr(colon + 1)) port = port * 10 + static_cast<unsigned>(c - '0');
    target.port = static_cast<uint16_t>(port);
    authority = authority.substr(0, colon);
  }
  if (target.port == 0) target.port = target.tls ? 443 : 80;
  if (authority.front() == '[') authority = authority.substr(1, authority.size() - 2);
  target.host = authority;
  std::string_view path = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  if (path.empty() || path.front() != '/') target.path = "/";
  target.path.append(path);
  for (char c : target.path) {
    auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f) return Invalid("the URL holds a character that is not percent-encoded");
  }
  return target;
}

Result<std::string> MakeRequestHead(const HttpRequest& request, const Target& target, std::string_view upgrade_lines) {
  if (!IsHeaderName(request.method)) return Invalid("the method is invalid");
  std::string out;
  out.reserve(256 + request.headers.bytes());
  out.append(request.method).append(" ").append(target.path).append(" HTTP/1.1\r\nHost: ");
  out.append(target.authority).append("\r\n").append(upgrade_lines);
  for (size_t i = 0; i < request.headers.size(); ++i) {
    auto [name, value] = request.headers[i];
    if (!IsHeaderName(name)) return Invalid("a header name is invalid");
    if (!IsHeaderValue(value)) return Invalid("the header " + std::string(name) + " has an invalid value");
    if (IsOneOf(kOurs, name) || (!upgrade_lines.empty() && IsOneOf(kOursInUpgrade, name))) continue;
    out.append(name).append(": ").append(value).append("\r\n");
  }
  const Body& body = request.body;
  // Of any method but these a server may wait for a body, or ask for the length of it.
  bool expects_body = request.method != "GET" && request.method != "HEAD";
  if (body.stream && !body.length) {
    out.append("Transfer-Encoding: chunked\r\n");
  } else if (body.present || expects_body) {
    uint64_t length = body.stream ? *body.length : body.bytes.size();
    out.append("Content-Length: ").append(std::to_string(length)).append("\r\n");
  }
  return out.append("\r\n");
}

}  // namespace limpet::net

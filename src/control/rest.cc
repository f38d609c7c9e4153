#include "control/rest.h"

namespace limpet::control {
namespace {

std::string_view HostName(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

bool IsLoopbackName(std::string_view name) {
  if (EqualsIgnoreCase(name, "localhost") || name == "[::1]") return true;
  return name.starts_with("127.") && name.find_first_not_of("0123456789.") == std::string_view::npos;
}

HttpResponse JsonResponse(int status, const Json& json) {
  HttpResponse response;
  response.status = status;
  response.headers.Append("Content-Type", "application/json");
  response.headers.Append("Cache-Control", "no-store");
  response.body = Body::Of(ToText(json));
  return response;
}

int HexValue(char c) {
  std::string_view digits = "0123456789abcdef";
  size_t at = digits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

std::string PercentDecode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexValue(text[i + 1]) >= 0 && HexValue(text[i + 2]) >= 0) {
      out += static_cast<char>(HexValue(text[i + 1]) * 16 + HexValue(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string_view Target::Query(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return {};
}

Target ParseTarget(std::string_view url) {
  Target target;
  url = url.substr(0, url.find('#'));
  if (size_t scheme = url.find("://"); scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  size_t slash = url.find_first_of("/?");
  target.host = std::string(url.substr(0, slash));
  std::string_view rest = slash == std::string_view::npos ? std::string_view() : url.substr(slash);
  size_t mark = rest.find('?');
  std::string_view path = rest.substr(0, mark);
  target.path = std::string(path);
  while (!path.empty()) {
    path.remove_prefix(1);
    size_t end = path.find('/');
    if (std::string_view segment = path.substr(0, end); !segment.empty() || end != std::string_view::npos) {
      target.segments.push_back(PercentDecode(segment));
    }
    path.remove_prefix(end == std::string_view::npos ? path.size() : end);
  }
  std::string_view query = mark == std::string_view::npos ? std::string_view() : rest.substr(mark + 1);
  while (!query.empty()) {
    std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    size_t equals = pair.find('=');
    target.query.emplace_back(PercentDecode(pair.substr(0, equals)),
                              equals == std::string_view::npos ? "" : PercentDecode(pair.substr(equals + 1)));
  }
  return target;
}

bool Matches(std::string_view pattern, const std::vector<std::string>& segments) {
  for (const std::string& segment : segments) {
    if (pattern.empty()) return false;
    pattern.remove_prefix(1);
    std::string_view part = pattern.substr(0, pattern.find('/'));
    pattern.remove_prefix(part.size());
    if (part != "*" && part != segment) return false;
  }
  return pattern.empty();
}

std::optional<Refusal> CheckHostAndOrigin(const Target& target, const HeaderList& headers,
                                          const std::vector<std::string>& admin_hosts) {
  std::string_view name = HostName(target.host);
  bool known = IsLoopbackName(name);
  for (const std::string& host : admin_hosts) known = known || EqualsIgnoreCase(host, name);
  if (!known) {
    return Refusal{403, 10000, "The admin port does not answer to the host name \"" + std::string(name) + "\"."};
  }
  std::optional<std::string_view> origin = headers.Get("Origin");
  if (!origin) return std::nullopt;
  size_t scheme = origin->find("://");
  // Ports count: a Worker's own page on another port of this machine is a foreign page.
  if (scheme != std::string_view::npos && EqualsIgnoreCase(origin->substr(scheme + 3), target.host))
    return std::nullopt;
  return Refusal{403, 10000, "The admin port does not answer to pages of \"" + std::string(*origin) + "\"."};
}

bool EqualsConstantTime(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b.empty() ? 0 : b[i % b.size()]);
  }
  return difference == 0;
}

HttpResponse Success(Json result, Json result_info) {
  Json envelope;
  envelope.Set("success", true).Set("errors", Json::MakeArray()).Set("messages", Json::MakeArray());
  envelope.Set("result", std::move(result));
  if (!result_info.is_null()) envelope.Set("result_info", std::move(result_info));
  return JsonResponse(200, envelope);
}

HttpResponse Success(Json result) { return Success(std::move(result), Json()); }

HttpResponse Failure(const Refusal& refusal) {
  Json error;
  error.Set("code", refusal.code).Set("message", ToValidUtf8(refusal.message));
  if (!refusal.meta.is_null()) error.Set("meta", refusal.meta);
  Json envelope;
  envelope.Set("success", false).Set("errors", Json::MakeArray({std::move(error)}));
  envelope.Set("messages", Json::MakeArray()).Set("result", nullptr);
  return JsonResponse(refusal.status, envelope);
}

HttpResponse PlainText(int status, std::string text) {
  HttpResponse response;
  response.status = status;
  response.headers.Append("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  response.body = Body::Of(std::move(text));
  return response;
}

loop::Task<Decision<Bytes>> ReadBody(Body body, size_t bytes_max) {
  Refusal too_large{413, 10027, "The request is larger than " + std::to_string(bytes_max) + " bytes."};
  Bytes bytes = std::move(body.bytes);
  if (bytes.size() > bytes_max || body.length.value_or(0) > bytes_max) co_return too_large;
  while (body.stream != nullptr) {
    loop::Completion<Result<std::optional<Bytes>>> read([&](auto done) { body.stream->Read(std::move(done)); });
    Result<std::optional<Bytes>> chunk = co_await read;
    if (!chunk.has_value()) co_return Refusal{400, 10001, "The request's body broke off: " + chunk.error().message()};
    if (!chunk.value()) break;
    if (bytes.size() + chunk.value()->size() > bytes_max) co_return too_large;
    bytes += **chunk;
  }
  co_return bytes;
}

}  // namespace limpet::control

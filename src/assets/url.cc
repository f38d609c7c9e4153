#include "assets/url.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/host_url.h"

namespace limpet::assets {
namespace {

std::string Text(ada_string part) { return std::string(part.data, part.length); }

std::optional<Url> Take(ada_url parsed) {
  std::optional<Url> url;
  if (ada_is_valid(parsed)) {
    url.emplace();
    url->scheme = Text(ada_get_protocol(parsed));
    if (!url->scheme.empty()) url->scheme.pop_back();
    url->host = Text(ada_get_host(parsed));
    url->hostname = Text(ada_get_hostname(parsed));
    url->pathname = Text(ada_get_pathname(parsed));
    url->search = Text(ada_get_search(parsed));
    url->hash = Text(ada_get_hash(parsed));
  }
  ada_free(parsed);
  return url;
}

bool IsPlainPathChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '~' || c == '/';
}

bool IsPlainHostChar(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'; }

// Most requests' URLs are written as the standard writes them: nothing to parse.
std::optional<Url> TakePlain(std::string_view text) {
  size_t slashes = text.find("://");
  if (slashes == std::string_view::npos || (text.substr(0, slashes) != "http" && text.substr(0, slashes) != "https")) {
    return std::nullopt;
  }
  std::string_view rest = text.substr(slashes + 3);
  size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  std::string_view host = rest.substr(0, slash);
  std::string_view path = rest.substr(slash);
  std::string_view hostname = host.substr(0, host.find(':'));
  // A label that begins with a digit may be a number of an address ("0x7f.1").
  if (hostname.empty() || hostname.ends_with('.') || hostname.starts_with("xn--")) return std::nullopt;
  for (char c : hostname) {
    if (!IsPlainHostChar(c)) return std::nullopt;
  }
  size_t last_label = hostname.rfind('.');
  char first = hostname[last_label == std::string_view::npos ? 0 : last_label + 1];
  if ((first >= '0' && first <= '9') || hostname.find("xn--") != std::string_view::npos) return std::nullopt;
  std::string_view port = host.substr(hostname.size());
  if (port == ":80" || port == ":443" || port == ":" || port.starts_with(":0")) return std::nullopt;
  for (char c : port.substr(std::min<size_t>(1, port.size()))) {
    if (c < '0' || c > '9') return std::nullopt;
  }
  for (size_t i = 0; i < path.size(); ++i) {
    if (!IsPlainPathChar(path[i]) || (path[i] == '.' && path[i - 1] == '/')) return std::nullopt;
  }
  Url url;
  url.scheme = text.substr(0, slashes);
  url.host = host;
  url.hostname = hostname;
  url.pathname = path;
  return url;
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<Url> ParseUrl(std::string_view text) {
  if (std::optional<Url> plain = TakePlain(text)) return plain;
  return Take(ada_parse(text.data(), text.size()));
}

std::optional<Url> ParseUrl(std::string_view text, std::string_view base) {
  return Take(ada_parse_with_base(text.data(), text.size(), base.data(), base.size()));
}

std::string NormalisePath(std::string_view path, UrlRest rest) {
  std::string text = "relative://";
  if (!path.starts_with('/')) text += '/';
  text += path;
  std::optional<Url> url = ParseUrl(text);
  if (!url) return std::string(path);
  return rest == UrlRest::kKeep ? url->pathname + url->search + url->hash : url->pathname;
}

std::optional<std::string> DecodeComponent(std::string_view text) {
  if (text.find('%') == std::string_view::npos) return std::string(text);
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size() || HexValue(text[i + 1]) < 0 || HexValue(text[i + 2]) < 0) return std::nullopt;
    out += static_cast<char>(HexValue(text[i + 1]) * 16 + HexValue(text[i + 2]));
    i += 2;
  }
  if (!IsUtf8(out)) return std::nullopt;
  return out;
}

std::string EncodeComponent(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  constexpr std::string_view kMarks = "-_.!~*'()";
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    bool kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                kMarks.find(c) != std::string_view::npos;
    if (kept) {
      out += c;
    } else {
      auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

}  // namespace limpet::assets

// The parts of an http(s) URL, as the URL standard splits and writes them. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace limpet::assets {

struct Url {
  std::string scheme;    // "http"
  std::string host;      // With a port that is not the scheme's own.
  std::string hostname;  // Without.
  std::string pathname;  // "/a%20b"
  std::string search;    // "?x", or empty.
  std::string hash;      // "#y", or empty.
};

// Nothing: not an absolute URL.
std::optional<Url> ParseUrl(std::string_view text);
std::optional<Url> ParseUrl(std::string_view text, std::string_view base);
// "/a/b%20c" of "a/./b c"; with `with_rest` also its search and hash.
enum class UrlRest : bool { kDrop, kKeep };
std::string NormalisePath(std::string_view path, UrlRest rest);

// decodeURIComponent, or nothing where it throws.
std::optional<std::string> DecodeComponent(std::string_view text);
std::string EncodeComponent(std::string_view text);  // encodeURIComponent

}  // namespace limpet::assets

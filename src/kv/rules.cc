#include "kv/rules.h"

#include <algorithm>

namespace limpet::kv {
namespace {

constexpr int64_t kSafeIntegerMax = (int64_t{1} << 53) - 1;

// As parseInt(text), for decimal digits; what is larger than JavaScript counts exactly is the largest that it does.
std::optional<int64_t> ParseInt(std::string_view text) {
  size_t at = std::min(text.find_first_not_of(" \t\r\n\v\f"), text.size());
  bool negative = at < text.size() && text[at] == '-';
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
  size_t digits_start = at;
  int64_t number = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    number = std::min(number * 10 + (text[at] - '0'), kSafeIntegerMax);
  }
  if (at == digits_start) return std::nullopt;
  return negative ? -number : number;
}

Refusal Invalid(std::string_view name, std::string_view value, std::string_view why) {
  return {400, std::string("Invalid ").append(name).append(" of ").append(value).append(". ").append(why)};
}

Refusal TooLong(int status, std::string_view what, size_t length, std::string_view limit_name, size_t limit) {
  return {status, std::string(what) + " of " + std::to_string(length) + " exceeds " + std::string(limit_name) + " of " +
                      std::to_string(limit) + "."};
}

}  // namespace

Verdict CheckKey(std::string_view key) {
  if (key.empty()) return Refusal{400, "Key names must not be empty"};
  if (key == "." || key == "..") {
    return Refusal{400, "Illegal key name \"" + std::string(key) + "\". Please use a different name."};
  }
  return CheckPrefix(key);
}

Verdict CheckPrefix(std::string_view prefix) {
  if (prefix.size() <= kKeyBytesMax) return std::nullopt;
  return TooLong(414, "UTF-8 encoded length", prefix.size(), "key length limit", kKeyBytesMax);
}

Verdict CheckCacheTtl(int64_t seconds) {
  if (seconds >= kCacheTtlMin) return std::nullopt;
  return Invalid("cache_ttl", std::to_string(seconds), "Cache TTL must be at least 30.");
}

Verdict CheckListLimit(int64_t limit) {
  if (limit < 1) {
    return Invalid("key_count_limit", std::to_string(limit), "Please specify an integer greater than 0.");
  }
  if (limit > 1000) {
    return Invalid("key_count_limit", std::to_string(limit), "Please specify an integer less than 1000.");
  }
  return std::nullopt;
}

Verdict CheckMetadata(size_t bytes) {
  if (bytes <= kMetadataBytesMax) return std::nullopt;
  return TooLong(413, "Metadata length", bytes, "limit", kMetadataBytesMax);
}

Verdict CheckValue(size_t bytes) {
  if (bytes <= kValueBytesMax) return std::nullopt;
  return TooLong(413, "Value length", bytes, "limit", kValueBytesMax);
}

Verdict ReadExpiration(std::optional<std::string_view> ttl, std::optional<std::string_view> at, uint64_t now,
                       uint64_t* expiration) {
  int64_t time = 0;
  if (ttl) {
    std::optional<int64_t> seconds = ParseInt(*ttl);
    if (!seconds || *seconds <= 0) return Invalid("expiration_ttl", *ttl, "Please specify integer greater than 0.");
    if (*seconds < kExpirationTtlMin) {
      return Invalid("expiration_ttl", *ttl, "Expiration TTL must be at least 60.");
    }
    time = static_cast<int64_t>(now) + *seconds;
  } else if (at) {
    std::optional<int64_t> given = ParseInt(*at);
    if (!given || *given <= static_cast<int64_t>(now)) {
      return Invalid("expiration", *at,
                     "Please specify integer greater than the current number of seconds since the UNIX epoch.");
    }
    if (*given < static_cast<int64_t>(now) + kExpirationTtlMin) {
      return Invalid("expiration", *at, "Expiration times must be at least 60 seconds in the future.");
    }
    time = *given;
  }
  *expiration = static_cast<uint64_t>(time);
  return std::nullopt;
}

}  // namespace limpet::kv

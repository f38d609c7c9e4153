// What a KV namespace refuses, as miniflare's KV says it. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace limpet::kv {

inline constexpr size_t kKeyBytesMax = 512;
inline constexpr size_t kMetadataBytesMax = 1024;
inline constexpr size_t kValueBytesMax = 25 * 1024 * 1024;
inline constexpr int64_t kExpirationTtlMin = 60;  // Seconds.
inline constexpr int64_t kCacheTtlMin = 30;       // Seconds.

// An HTTP status and its text; a script sees "KV PUT failed: 400 TEXT".
struct Refusal {
  int status = 400;
  std::string text;
  bool operator==(const Refusal&) const = default;
};
using Verdict = std::optional<Refusal>;  // Nothing: allowed.

Verdict CheckKey(std::string_view key);
Verdict CheckPrefix(std::string_view prefix);
Verdict CheckCacheTtl(int64_t seconds);
Verdict CheckListLimit(int64_t limit);
Verdict CheckMetadata(size_t bytes);
Verdict CheckValue(size_t bytes);

// When a value expires, in seconds since 1970 (0: never), from the texts that a client gave, which are read as
// JavaScript's parseInt does. If there are both, the TTL decides. Writes `expiration` if it allows.
Verdict ReadExpiration(std::optional<std::string_view> ttl, std::optional<std::string_view> at, uint64_t now,
                       uint64_t* expiration);

}  // namespace limpet::kv

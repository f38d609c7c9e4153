// Tokens of uploads of static files: JSON Web Tokens (RFC 7519, HS256) that say which list of files they are for, so
// that nothing need be remembered of an upload between its requests. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/json.h"

namespace limpet::control {

// `claims` should hold "exp", in seconds since 1970.
std::string MakeAssetToken(std::string_view secret, const Json& claims);
// Its claims. Nothing: signed with another secret, malformed, or over at `now`, in seconds since 1970.
std::optional<Json> ReadAssetToken(std::string_view secret, std::string_view token, int64_t now);

// Standard alphabet, padded. Nothing: it is not.
std::optional<Bytes> DecodeBase64(std::string_view text);

}  // namespace limpet::control

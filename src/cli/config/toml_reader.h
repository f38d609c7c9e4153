// TOML as JSON values that know their lines, so that one reader serves wrangler.toml and wrangler.json(c). Pure.
#pragma once

#include <string_view>

#include "base/json.h"

namespace limpet::cli {

// Errors: kInvalidArgument, "line 3, column 7: …". Dates become text.
Result<Json> ParseToml(std::string_view text);

}  // namespace limpet::cli

// Feeds text to the JSON reader. What it takes, written in either style and read again, must be
// written the same (1.0 becomes 1, as in JavaScript, so the values may differ in type). The first byte
// picks the options.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/bytes.h"
#include "base/json.h"

namespace {

using limpet::Json;
using limpet::JsonStyle;

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  limpet::JsonOptions options{.comments = (data[0] & 1) != 0, .trailing_commas = (data[0] & 2) != 0};
  limpet::Result<Json> parsed = limpet::ParseJson(text, options);
  if (!parsed) return 0;
  for (JsonStyle style : {JsonStyle::kCompact, JsonStyle::kPretty}) {
    std::string written = limpet::ToText(*parsed, style);
    Require(limpet::IsUtf8(written));
    limpet::Result<Json> again = limpet::ParseJson(written);
    Require(again.has_value() && limpet::ToText(*again, style) == written);
  }
  return 0;
}

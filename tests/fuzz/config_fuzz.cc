// Feeds text to the reader of project files, as TOML, JSON or JSON with comments (the first byte). Each refusal must
// say why.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "cli/config/project_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  static constexpr const char* kPaths[] = {"wrangler.toml", "wrangler.json", "wrangler.jsonc"};
  std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  limpet::cli::ConfigResult result =
      limpet::cli::ReadConfig({kPaths[data[0] % 3], std::move(text), (data[0] & 64) != 0 ? "staging" : ""});
  bool refused = std::any_of(result.diagnostics.begin(), result.diagnostics.end(), [](const auto& diagnostic) {
    return diagnostic.level == limpet::cli::Diagnostic::Level::kError;
  });
  if (result.config.has_value() == refused) std::abort();
  return 0;
}

#include "control/previews.h"

#include <cctype>

#include "base/bytes.h"

namespace limpet::control {
namespace {

constexpr size_t kPrefixDigits = 8;
constexpr size_t kLabelMax = 63;  // DNS.

std::string AliasOf(const Json& annotations) { return ToLowerAscii(annotations["workers/alias"].AsString()); }

}  // namespace

bool CanPreview(const ScriptRecord& script) { return script.classes.empty(); }

Previews PreviewsOf(const ScriptRecord& script) {
  Previews previews;
  if (!script.previews_enabled || !CanPreview(script)) return previews;
  auto add = [&](const std::string& prefix, const std::string& id) {
    std::string label = prefix + "-" + script.name;
    if (label.size() <= kLabelMax) previews.emplace(std::move(label), id);  // The newest, if several have it.
  };
  size_t count = 0;
  for (auto version = script.versions.rbegin(); version != script.versions.rend(); ++version, ++count) {
    if (count < kPreviewsMax) add(version->id.substr(0, kPrefixDigits), version->id);
    if (std::string alias = AliasOf(version->annotations); !alias.empty()) add(alias, version->id);
  }
  return previews;
}

std::optional<Refusal> CheckAlias(const Json& annotations, std::string_view script) {
  std::string alias = AliasOf(annotations);
  if (alias.empty()) return std::nullopt;
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-";
  bool name = std::isalpha(static_cast<unsigned char>(alias[0])) != 0 && !alias.ends_with('-') &&
              alias.find_first_not_of(kAllowed) == std::string::npos;
  if (!name) {
    return Refusal{400, 10021,
                   "The preview alias \"" + ToValidUtf8(alias) +
                       "\" must begin with a letter and hold letters, digits and dashes alone."};
  }
  if (alias.size() + 1 + script.size() > kLabelMax) {
    return Refusal{400, 10021,
                   "The preview alias \"" + alias + "\" is too long: with the Worker's name it has more than " +
                       std::to_string(kLabelMax) + " letters."};
  }
  return std::nullopt;
}

}  // namespace limpet::control

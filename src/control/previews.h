// Preview URLs: versions that answer at an address of their own, live or not: VERSION-NAME.DOMAIN, where VERSION is the
// first 8 digits of the version's ID, and ALIAS-NAME.DOMAIN, where the upload gave it an alias. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "control/catalog.h"
#include "control/lifecycle.h"

namespace limpet::control {

// The newest versions of a script that have one. Each is loaded on every shard, though it runs only when it is asked
// for. An alias keeps its version beyond that, one version each.
inline constexpr size_t kPreviewsMax = 10;

// As in production, a script with classes of its own has none: its objects run in live versions alone.
bool CanPreview(const ScriptRecord& script);

// The version that each address means, by the label before the domain: "1a2b3c4d-counter". Empty unless previews are
// switched on. Labels that are no host names (over 63 letters) are left out.
using Previews = std::map<std::string, std::string, std::less<>>;
Previews PreviewsOf(const ScriptRecord& script);

// Why an upload's annotation "workers/alias" is none; nothing: it is one, or there is none. Refusal 10021.
std::optional<Refusal> CheckAlias(const Json& annotations, std::string_view script);

}  // namespace limpet::control

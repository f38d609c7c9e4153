// Which version of a script answers when several share its traffic. Pure, but for the pointers.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/bundle.h"

namespace limpet {

// The versions that are live, one or several. Percentages sum up to 100; a version with 0 answers where it is asked for
// by name only.
struct LiveVersion {
  std::shared_ptr<const ScriptVersion> version;
  double percentage = 100;
};
using LiveVersions = std::vector<LiveVersion>;

// A point in [0, 100): always the same one for the same key, evenly spread over keys.
double SharePoint(std::string_view key);
// The index of the share that `point` falls into.
size_t PickShare(std::span<const double> percentages, double point);
// The version that a header "Cloudflare-Workers-Version-Overrides" (`name="version", …`) names for `script`; empty:
// none.
std::string_view VersionOverride(std::string_view header, std::string_view script);

}  // namespace limpet

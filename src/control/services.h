// Bindings to entrypoints of other scripts, as the control plane looks at them. Pure.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/catalog.h"
#include "control/lifecycle.h"

namespace limpet::control {

using Scripts = std::map<std::string, std::shared_ptr<const ScriptRecord>>;

// Whether all that `version`, of the script `name`, binds is there among `scripts` and what `version` itself exports.
// Refusals: 10143 (no such script), 10144 (no such entrypoint).
std::optional<Refusal> CheckServices(const std::string& name, const VersionRecord& version, const Scripts& scripts);

// A use of `script` by another one that is deployed.
struct ServiceUse {
  std::string user;
  std::string binding;  // Its name; empty: the user has `script` as a tail consumer.
};
std::vector<ServiceUse> UsesOf(const std::string& script, const Scripts& scripts);

}  // namespace limpet::control

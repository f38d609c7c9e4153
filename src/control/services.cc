#include "control/services.h"

#include <algorithm>

namespace limpet::control {
namespace {

bool Exports(const VersionRecord& version, const std::string& entrypoint) {
  // Of a version that was stored before this was noted nothing is known.
  return version.entrypoints.empty() || std::ranges::find(version.entrypoints, entrypoint) != version.entrypoints.end();
}

bool AnyLiveExports(const ScriptRecord& script, const std::string& entrypoint) {
  return std::ranges::any_of(script.versions, [&](const VersionRecord& version) {
    return script.IsLive(version.id) && Exports(version, entrypoint);
  });
}

}  // namespace

std::optional<Refusal> CheckServices(const std::string& name, const VersionRecord& version, const Scripts& scripts) {
  for (const Json& binding : version.bindings) {
    if (binding["type"].AsString() != "service") continue;
    const std::string& target = binding["service"].AsString();
    const std::string& entrypoint = binding["entrypoint"].AsString();
    const std::string which = "Could not resolve service binding '" + binding["name"].AsString() + "'. Target ";
    auto found = scripts.find(target);
    if (target != name && (found == scripts.end() || found->second->Deployed() == nullptr)) {
      return Refusal{400, 10143,
                     which + "script '" + target + "' not found. Please verify the target script and try again."};
    }
    if (entrypoint.empty() || entrypoint == "default") continue;
    if (target == name ? Exports(version, entrypoint) : AnyLiveExports(*found->second, entrypoint)) continue;
    return Refusal{400, 10144,
                   which + "entrypoint '" + entrypoint + "' not found for target script '" + target +
                       "'. Please verify the target and try again."};
  }
  return std::nullopt;
}

std::vector<ServiceUse> UsesOf(const std::string& script, const Scripts& scripts) {
  std::vector<ServiceUse> uses;
  for (const auto& [name, other] : scripts) {
    const VersionRecord* version = other->Deployed();
    if (name == script || version == nullptr) continue;
    for (const Json& binding : version->bindings) {
      if (binding["type"].AsString() == "service" && binding["service"].AsString() == script) {
        uses.push_back({name, binding["name"].AsString()});
      }
    }
    for (const Json& consumer : other->settings["tail_consumers"].items()) {
      if (consumer["service"].AsString() == script) uses.push_back({name, ""});
    }
  }
  return uses;
}

}  // namespace limpet::control

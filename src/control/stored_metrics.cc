// What objects store, for /metrics. The classes come and go, so these are no counters of the registry.
#include <string>

#include "control/plane.h"

namespace limpet::control {
namespace {

std::string Label(std::string_view text) {
  std::string label;
  for (char c : text) {
    if (c == '\\' || c == '"') label += '\\';
    c == '\n' ? label += "\\n" : label += c;
  }
  return label;
}

}  // namespace

std::string Plane::StoredMetrics() const {
  const std::map<NamespaceId, uint64_t> stored = deps_.engine.Stored();
  uint64_t all = 0;
  for (const auto& [ns, bytes] : stored) all += bytes;
  std::string text =
      "# HELP limpet_stored_bytes keys and values of the pairs of all objects, and their databases\n"
      "# TYPE limpet_stored_bytes gauge\n"
      "limpet_stored_bytes " +
      std::to_string(all) + "\n";
  std::string classes;
  for (const auto& [name, script] : catalog_->scripts()) {
    for (const ObjectClass& entry : script->classes) {
      auto found = stored.find(entry.ns);
      classes += "limpet_class_stored_bytes{script=\"" + Label(name) + "\",class=\"" + Label(entry.class_name) +
                 "\"} " + std::to_string(found == stored.end() ? 0 : found->second) + "\n";
    }
  }
  if (classes.empty()) return text;
  return text + "# HELP limpet_class_stored_bytes the same, by class\n# TYPE limpet_class_stored_bytes gauge\n" +
         classes;
}

}  // namespace limpet::control

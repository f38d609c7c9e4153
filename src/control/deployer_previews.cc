// Deployer's way with preview URLs: to the shards each is a script of its own, under its label, with one version.
#include <utility>

#include "control/deployer.h"

namespace limpet::control {

loop::Task<Done> Deployer::SyncPreviews(std::string name) {
  std::shared_ptr<const ScriptRecord> script = catalog_.Find(name);
  Previews wanted = script != nullptr ? PreviewsOf(*script) : Previews();
  Previews active;
  if (auto found = previews_.find(name); found != previews_.end()) active = std::move(found->second);
  previews_.erase(name);
  for (auto preview = wanted.begin(); preview != wanted.end();) {
    const auto& [label, id] = *preview;
    auto old = active.find(label);
    bool there = old != active.end() && old->second == id;
    // A script of that name goes before.
    if (catalog_.Find(label) == nullptr &&
        (there || (co_await ActivatePreview(name, label, *script->FindVersion(id))))) {
      ++preview;
    } else {
      preview = wanted.erase(preview);
    }
  }
  for (const auto& [label, id] : active) {
    if (!wanted.contains(label) && catalog_.Find(label) == nullptr) co_await Remove(label);
  }
  const bool changed = wanted != active;
  if (!wanted.empty()) previews_[name] = std::move(wanted);
  if (changed && on_previews) on_previews();
  co_return Done{};
}

std::string Deployer::ScriptOf(const std::string& label) const {
  if (catalog_.Find(label) != nullptr) return label;
  for (const auto& [name, previews] : previews_) {
    if (previews.contains(label)) return name;
  }
  return label;
}

std::set<std::string, std::less<>> Deployer::WithPreviews(std::set<std::string, std::less<>> scripts) const {
  std::set<std::string, std::less<>> all = scripts;
  for (const auto& [name, previews] : previews_) {
    if (!scripts.contains(name)) continue;
    for (const auto& [label, id] : previews) all.insert(label);
  }
  return all;
}

loop::Task<bool> Deployer::ActivatePreview(std::string name, std::string label, VersionRecord record) {
  Result<std::shared_ptr<ScriptVersion>> version = co_await Load(std::move(name), std::move(record));
  Result<Done> active = Done{};
  if (version.has_value()) {
    version.value()->script_name = label;
    LiveVersions live = {{std::move(version).value(), 100}};
    loop::Completion<Result<Done>> activate(
        [&](auto done) { deps_.runtime.Activate(std::move(live), object::CodeUpdate(), std::move(done)); });
    active = co_await activate;
  } else {
    active = std::move(version).error();
  }
  if (!active.has_value()) {
    deps_.logger.Write(LogLevel::kError, "control", "activate " + label + ": " + active.error().ToString());
  }
  co_return active.has_value();
}

}  // namespace limpet::control

// Deployer's way with versions that are stored already: which are live, in what shares, and new ones of the same code.
#include <algorithm>
#include <cmath>

#include "control/code_update.h"
#include "control/deployer.h"

namespace limpet::control {
namespace {

constexpr size_t kDeploymentsMax = 20;  // Remembered per script.
constexpr size_t kSharesMax = 4;        // Each is an isolate of its own on every shard.

// In any order of their keys.
bool SameExports(const Json& one, const Json& other) {
  if (!one.is_object() || !other.is_object()) return ToText(one) == ToText(other);
  if (one.members().size() != other.members().size()) return false;
  return std::ranges::all_of(one.members(), [&](const auto& member) {
    const Json* found = other.Find(member.first);
    return found != nullptr && SameExports(member.second, *found);
  });
}

std::optional<Refusal> CheckShares(const ScriptRecord& script, const std::vector<Share>& shares) {
  auto bad = [](std::string text) { return Refusal{400, 10021, std::move(text)}; };
  if (shares.empty() || shares.size() > kSharesMax) {
    return bad("A deployment has 1 to " + std::to_string(kSharesMax) + " versions.");
  }
  double sum = 0;
  for (const Share& share : shares) {
    const VersionRecord* version = script.FindVersion(share.version_id);
    if (version == nullptr) return Refusal{404, 100146, "Version not found: " + share.version_id};
    if (!(share.percentage >= 0 && share.percentage <= 100)) return bad("A percentage is a number from 0 to 100.");
    auto same = [&](const Share& other) { return other.version_id == share.version_id; };
    if (std::ranges::count_if(shares, same) > 1) return bad("Version " + share.version_id + " occurs twice.");
    sum += share.percentage;
    if (auto refusal = CheckExports(script.classes, version->exported_classes)) return refusal;
    const VersionRecord& first = *script.FindVersion(shares.front().version_id);
    if (!SameExports(first.exports, version->exports)) {
      return Refusal{400, 100405,
                     "All versions in a multi-version deployment must declare identical `exports`. Versions " +
                         first.id + " and " + version->id + " differ."};
    }
  }
  if (std::abs(sum - 100) > 0.01) return bad("The percentages of a deployment must sum up to 100.");
  return std::nullopt;
}

}  // namespace

Deployer::EditVersion EditSecrets(Secrets secrets) {
  return [secrets = std::move(secrets)](VersionRecord& version) -> std::optional<Refusal> {
    for (const auto& [secret, text] : secrets) {
      auto named = [&](const Json& binding) { return binding["name"].AsString() == secret; };
      auto found = std::ranges::find_if(version.bindings, named);
      if (found != version.bindings.end() && (*found)["type"].AsString() != "secret_text") {
        return Refusal{400, 10053,
                       "Binding name '" + secret + "' already in use. Please use a different name and try again."};
      }
      if (found == version.bindings.end() && !text) return Refusal{404, 10056, "Secret not found: " + secret};
      if (found != version.bindings.end()) version.bindings.erase(found);
      if (text) version.bindings.push_back(Json().Set("name", secret).Set("type", "secret_text").Set("text", *text));
    }
    return std::nullopt;
  };
}

loop::Task<Decision<std::string>> Deployer::Deploy(std::string name, std::vector<Share> shares, Json annotations,
                                                   Json code_update) {
  Result<Done> entered = co_await Enter();
  if (!entered.has_value()) co_return Failed(entered.error());
  Decision<std::string> decision =
      co_await DeployLocked(std::move(name), std::move(shares), std::move(annotations), std::move(code_update));
  turnstile_.Leave();
  co_return decision;
}

loop::Task<Decision<VersionRecord>> Deployer::Rebind(std::string name, EditVersion edit, Live live) {
  Result<Done> entered = co_await Enter();
  if (!entered.has_value()) co_return Failed(entered.error());
  Decision<VersionRecord> decision = co_await RebindLocked(name, std::move(edit), live);
  if (decision.ok()) co_await SyncPreviews(std::move(name));
  turnstile_.Leave();
  co_return decision;
}

VersionRecord Deployer::NewVersion(const ScriptRecord& record) const {
  VersionRecord version;
  version.id = MakeUuid(deps_.random);
  version.number = record.versions.empty() ? 1 : record.versions.back().number + 1;
  version.created_on = Now();
  return version;
}

void Deployer::AddDeployment(ScriptRecord* record, std::vector<Share> shares, Json annotations,
                             Json code_update) const {
  Deployment deployment{MakeUuid(deps_.random), Now(), std::move(shares), std::move(annotations),
                        std::move(code_update)};
  record->deployments.insert(record->deployments.begin(), std::move(deployment));
  if (record->deployments.size() > kDeploymentsMax) record->deployments.resize(kDeploymentsMax);
}

void Deployer::Trim(ScriptRecord* record, CatalogChange* change) const {
  for (size_t i = 0; i + 1 < record->versions.size() && record->versions.size() > options_.versions_max;) {
    if (record->IsLive(record->versions[i].id)) {
      ++i;
      continue;
    }
    change->forgotten.emplace_back(record->name, std::move(record->versions[i]));
    record->versions.erase(record->versions.begin() + static_cast<ptrdiff_t>(i));
  }
  // A deployment names versions that can be looked at.
  std::erase_if(record->deployments, [&](const Deployment& deployment) {
    return std::ranges::any_of(deployment.shares,
                               [&](const Share& share) { return record->FindVersion(share.version_id) == nullptr; });
  });
}

loop::Task<Decision<std::string>> Deployer::DeployLocked(std::string name, std::vector<Share> shares, Json annotations,
                                                         Json code_update) {
  Decision<Json> update = EffectiveCodeUpdate(code_update);
  if (!update.ok()) co_return update.refusal();
  std::shared_ptr<const ScriptRecord> old = catalog_.Find(name);
  if (old == nullptr) co_return NoSuchScript(name);
  if (auto refusal = CheckShares(*old, shares)) co_return *refusal;
  // By age: a newer version that grows takes over from the older ones, and what it has it keeps.
  std::ranges::sort(shares, std::less<>(), [&](const Share& share) { return old->FindVersion(share.version_id); });
  CatalogChange change;
  ScriptRecord& record = change.scripts.emplace_back(*old);
  record.modified_on = Now();
  AddDeployment(&record, std::move(shares), std::move(annotations), *std::move(update));
  std::string id = record.deployments.front().id;
  Result<Done> written = co_await catalog_.Commit(std::move(change));
  if (!written.has_value()) co_return Failed(written.error());
  co_await Activate(name);
  co_return id;
}

loop::Task<Decision<VersionRecord>> Deployer::RebindLocked(std::string name, EditVersion edit, Live live) {
  std::shared_ptr<const ScriptRecord> old = catalog_.Find(name);
  if (old == nullptr) co_return NoSuchScript(name);
  if (old->Newest() == nullptr) co_return Refusal{404, 10222, "This Worker has no versions."};
  bool alone = old->Newest() == old->Deployed() && old->deployments.front().shares.size() == 1;
  if (live == Live::kYes && !alone) {
    co_return Refusal{400, 10215,
                      "Secret edit failed. The newest version of this Worker is not deployed; deploy it first, or use "
                      "`versions secret put`."};
  }
  VersionRecord version = *old->Newest();
  VersionRecord fresh = NewVersion(*old);
  version.id = fresh.id;
  version.number = fresh.number;
  version.created_on = fresh.created_on;
  version.annotations = Json();
  if (auto refusal = edit(version)) co_return *refusal;
  Result<std::shared_ptr<ScriptVersion>> loaded = co_await catalog_.LoadVersion(name, old->Newest()->id);
  if (!loaded.has_value()) co_return Failed(loaded.error());
  CatalogChange change;
  change.content = CatalogChange::Content{name, version.id, loaded.value()->modules};
  ScriptRecord& record = change.scripts.emplace_back(*old);
  record.modified_on = Now();
  NoteVersion(&version);
  record.versions.push_back(version);
  // The project's choice of a code update strategy goes on; a change of bindings does not know it.
  if (live == Live::kYes) AddDeployment(&record, {{version.id, 100}}, Json(), old->deployments.front().code_update);
  Trim(&record, &change);
  Result<Done> written = co_await catalog_.Commit(std::move(change));
  if (!written.has_value()) co_return Failed(written.error());
  if (live == Live::kYes) co_await Activate(name);
  co_return version;
}

loop::Task<Decision<std::shared_ptr<const ScriptVersion>>> Deployer::Content(std::string name, std::string version_id) {
  std::shared_ptr<const ScriptRecord> script = catalog_.Find(name);
  if (script == nullptr) co_return NoSuchScript(name);
  const VersionRecord* version = version_id.empty() ? script->Newest() : script->FindVersion(version_id);
  if (version == nullptr) co_return Refusal{404, 100146, "Version not found: " + version_id};
  Result<std::shared_ptr<ScriptVersion>> loaded = co_await catalog_.LoadVersion(name, version->id);
  if (!loaded.has_value()) co_return Failed(loaded.error());
  co_return std::shared_ptr<const ScriptVersion>(std::move(loaded).value());
}

void NoteVersion(VersionRecord* version) {
  for (Json& binding : version->bindings) {
    if (binding["type"].AsString() != "version_metadata") continue;
    binding.Set("json", Json()
                            .Set("id", version->id)
                            .Set("tag", version->annotations["workers/tag"].AsString())
                            .Set("timestamp", version->created_on));
  }
}

}  // namespace limpet::control

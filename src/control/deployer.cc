#include "control/deployer.h"

#include <algorithm>

#include "control/code_update.h"
#include "control/exports.h"
#include "control/services.h"

namespace limpet::control {
namespace {

Decision<VersionRecord> StartUpFailed(const Error& error) {
  std::string text = error.code() == ErrorCode::kScript ? "Uncaught " + error.ToString() : error.message();
  if (!error.stack().empty()) text += "\n  at " + error.stack();
  return Refusal{400, 10021, std::move(text)};
}

std::optional<Refusal> CheckAssets(const VersionRecord& version) {
  if (!version.assets.is_null()) return std::nullopt;
  if (version.modules.empty()) return Refusal{400, 10021, "The upload has neither code nor static files."};
  for (const Json& binding : version.bindings) {
    if (binding["type"].AsString() != "assets") continue;
    return Refusal{400, 10021,
                   "Binding \"" + binding["name"].AsString() + "\" is one to static files, and the upload has none."};
  }
  return std::nullopt;
}

// Exports that would change classes come in with an upload that is not to go live.
Refusal CheckVersionOnly(const ScriptRecord& record, const VersionRecord& version) {
  for (const ClassBinding& binding : ClassBindings(version.bindings)) {
    bool own = binding.script_name.empty() || binding.script_name == record.name;
    bool provisioned = std::ranges::any_of(
        record.classes, [&](const ObjectClass& entry) { return entry.class_name == binding.class_name; });
    if (!own || provisioned) continue;
    return {400, 100406,
            "Binding '" + binding.binding_name + "' refers to class '" + binding.class_name +
                "', which is only declared in \"exports\". A version upload does not create it: use deploy."};
  }
  return {400, 10211, "A version upload may not carry a class lifecycle change. Use deploy to change \"exports\"."};
}

// A version that is not to go live needs a class that only a migration would make.
std::optional<Refusal> CheckMigrated(const ScriptRecord& record, const VersionRecord& version) {
  for (const ClassBinding& binding : ClassBindings(version.bindings)) {
    bool own = binding.script_name.empty() || binding.script_name == record.name;
    auto named = [&](const ObjectClass& entry) { return entry.class_name == binding.class_name; };
    bool exported = std::ranges::find(version.exported_classes, binding.class_name) != version.exported_classes.end();
    if (!own || !exported || std::ranges::any_of(record.classes, named)) continue;
    return Refusal{400, 10123,
                   "Binding '" + binding.binding_name + "' depends on a migration that makes class '" +
                       binding.class_name + "'. A version upload applies none: use deploy."};
  }
  return std::nullopt;
}

}  // namespace

loop::Task<Done> Turnstile::Enter() {
  if (taken_) {
    loop::Completion<Done> turn([&](auto done) { waiting_.push_back(std::move(done)); });
    co_return co_await turn;
  }
  taken_ = true;
  co_return Done{};
}

void Turnstile::Leave() {
  if (waiting_.empty()) {
    taken_ = false;
    return;
  }
  // From the loop: the next change does not run on this one's stack.
  loop_.Post([next = std::move(waiting_.front())]() mutable { next(Done{}); });
  waiting_.pop_front();
}

Refusal Failed(const Error& error) { return {500, 10013, "limpet: " + error.ToString()}; }

Refusal NoSuchScript(std::string_view name) {
  return {404, 10007, "This Worker does not exist on your account. (" + std::string(name) + ")"};
}

loop::Task<Done> Deployer::Start() {
  co_await SyncKvNamespaces();
  std::vector<std::string> names;
  for (const auto& [name, script] : catalog_.scripts()) {
    if (script->Deployed() != nullptr) names.push_back(name);
  }
  for (std::string& name : names) co_await Activate(std::move(name));
  for (const auto& [name, script] : std::map(catalog_.scripts())) co_await SyncPreviews(name);
  co_await RouteAll();
  for (NamespaceId ns : std::vector<NamespaceId>(catalog_.drops())) scope_.Spawn(Destroy(ns));
  co_return Done{};
}

loop::Task<Result<Done>> Deployer::Enter() {
  co_await turnstile_.Enter();
  if (!catalog_.broken()) co_return Done{};
  Result<Done> reconciled = co_await Reconcile();
  if (!reconciled.has_value()) turnstile_.Leave();
  co_return reconciled;
}

loop::Task<Result<Done>> Deployer::Reconcile() {
  std::map<std::string, std::shared_ptr<const ScriptRecord>> before = catalog_.scripts();
  std::vector<NamespaceId> known_drops = catalog_.drops();
  LIMPET_CO_TRY(Done reloaded, co_await catalog_.Reload());
  (void)reloaded;
  // As after a change that was heard of: what lost a class first, so that none is claimed twice.
  std::vector<std::string> shrunk, others;
  for (const auto& [name, script] : catalog_.scripts()) {
    auto old = before.find(name);
    if (old != before.end() && ToText(ToJson(*old->second)) == ToText(ToJson(*script))) continue;
    bool fewer = old != before.end() && script->classes.size() < old->second->classes.size();
    (fewer ? shrunk : others).push_back(name);
  }
  for (std::string& name : shrunk) co_await Activate(std::move(name));
  for (std::string& name : others) co_await Activate(std::move(name));
  for (const auto& [name, script] : before) {
    if (catalog_.Find(name) == nullptr) co_await Remove(name);
  }
  before.merge(std::map(catalog_.scripts()));
  for (const auto& [name, script] : before) co_await SyncPreviews(name);
  co_await RouteAll();
  co_await SyncKvNamespaces();
  std::vector<NamespaceId> drops;
  for (NamespaceId ns : catalog_.drops()) {
    if (std::find(known_drops.begin(), known_drops.end(), ns) == known_drops.end()) drops.push_back(ns);
  }
  co_await Retire(std::move(drops));
  co_return Done{};
}

loop::Task<Decision<VersionRecord>> Deployer::Put(std::string name, Upload upload, UploadMode mode) {
  Result<Done> entered = co_await Enter();
  if (!entered.has_value()) co_return Failed(entered.error());
  Decision<VersionRecord> decision = co_await PutLocked(name, std::move(upload), mode);
  if (decision.ok()) co_await SyncPreviews(std::move(name));
  turnstile_.Leave();
  co_return decision;
}

loop::Task<Decision<Done>> Deployer::Delete(std::string name, Force force) {
  Result<Done> entered = co_await Enter();
  if (!entered.has_value()) co_return Failed(entered.error());
  Decision<Done> decision = co_await DeleteLocked(name, force);
  if (decision.ok()) co_await SyncPreviews(std::move(name));
  turnstile_.Leave();
  co_return decision;
}

loop::Task<Decision<Done>> Deployer::Edit(std::string name, UniqueFunction<void(ScriptRecord&)> edit) {
  Result<Done> entered = co_await Enter();
  if (!entered.has_value()) co_return Failed(entered.error());
  std::shared_ptr<const ScriptRecord> old = catalog_.Find(name);
  Decision<Done> decision = NoSuchScript(name);
  if (old != nullptr) {
    CatalogChange change;
    edit(change.scripts.emplace_back(*old));
    const ScriptRecord& edited = change.scripts.front();
    bool hidden = edited.subdomain_enabled != old->subdomain_enabled;
    bool previews = edited.previews_enabled != old->previews_enabled;
    bool told = ToText(edited.settings["tail_consumers"]) != ToText(old->settings["tail_consumers"]);
    Result<Done> written = co_await catalog_.Commit(std::move(change));
    if (written.has_value() && hidden) co_await RouteAll();
    if (written.has_value() && told) co_await Activate(name);
    if (written.has_value() && previews) co_await SyncPreviews(name);
    decision = written.has_value() ? Decision<Done>(Done{}) : Decision<Done>(Failed(written.error()));
  }
  turnstile_.Leave();
  co_return decision;
}

LifecycleInput Deployer::InputOf(const ScriptRecord& record, const Upload& upload, const VersionRecord& version) const {
  LifecycleInput input;
  input.script_name = record.name;
  input.tag = record.migration_tag;
  input.classes = record.classes;
  input.exported_classes = version.exported_classes;
  input.bindings = ClassBindings(version.bindings);
  input.migrations = upload.migrations;
  input.exports = upload.exports;
  input.declares_exports = record.declares_exports;
  input.expected = record.expected;
  input.received = record.received;
  for (const auto& [name, script] : catalog_.scripts()) {
    if (name == record.name) continue;
    OtherScript& other = input.other_scripts.emplace_back();
    other.name = name;
    other.classes = script->classes;
    other.expected = script->expected;
    const VersionRecord* deployed = script->Deployed();
    if (deployed == nullptr) continue;
    other.bindings = ClassBindings(deployed->bindings);
    other.exported_classes = deployed->exported_classes;
  }
  return input;
}

void Deployer::NumberClasses(std::vector<ObjectClass>* classes) {
  for (ObjectClass& entry : *classes) {
    if (entry.ns.value != 0) continue;
    entry.ns = catalog_.NewNamespace();
    entry.ns_key = MakeHex(deps_.random, 16);
  }
}

std::optional<ObjectClass> Deployer::ClassOf(const ScriptRecord& record, const LifecyclePlan& plan,
                                             const ClassBinding& binding) const {
  auto find = [&](const std::vector<ObjectClass>& classes) -> std::optional<ObjectClass> {
    for (const ObjectClass& entry : classes) {
      if (entry.class_name == binding.class_name) return entry;
    }
    return std::nullopt;
  };
  std::string script = binding.script_name.empty() ? record.name : binding.script_name;
  if (script == record.name) {
    if (auto own = find(record.classes)) return own;
    for (const ClassTransfer& transfer : plan.expected) {
      if (transfer.class_name == binding.class_name) script = transfer.from_script;
    }
  }
  for (const LifecyclePlan::Handed& handed : plan.handed) {
    if (handed.to_script == script && handed.entry.class_name == binding.class_name) return handed.entry;
  }
  std::shared_ptr<const ScriptRecord> other = catalog_.Find(script);
  return other != nullptr ? find(other->classes) : std::nullopt;
}

// PlanLifecycle has accepted the bindings, so each has its class.
void Deployer::ResolveNamespaces(const ScriptRecord& record, const LifecyclePlan& plan, Json::Array* bindings) const {
  for (Json& binding : *bindings) {
    if (binding["type"].AsString() != "durable_object_namespace") continue;
    auto entry = ClassOf(record, plan, ClassBindings({binding}).front());
    if (entry) binding.Set("namespace_id", entry->ns_key).Set("ns", entry->ns.value);
  }
}

Deployer::Others Deployer::ChangeOthers(const ScriptRecord& record, const LifecyclePlan& plan,
                                        CatalogChange* change) const {
  auto changed = [&](const std::string& name) -> ScriptRecord& {
    for (ScriptRecord& script : change->scripts) {
      if (script.name == name) return script;
    }
    return change->scripts.emplace_back(*catalog_.Find(name));
  };
  Others others;
  auto add = [](std::vector<std::string>* names, const std::string& name) {
    if (std::find(names->begin(), names->end(), name) == names->end()) names->push_back(name);
  };
  for (const LifecyclePlan::Moved& moved : plan.moved) {
    std::erase_if(changed(moved.from_script).classes,
                  [&](const ObjectClass& entry) { return entry.class_name == moved.class_name; });
    add(&others.losers, moved.from_script);
  }
  for (const LifecyclePlan::Handed& handed : plan.handed) {
    ScriptRecord& heir = changed(handed.to_script);
    const std::string& name = handed.entry.class_name;
    std::erase_if(heir.expected, [&](const ClassTransfer& transfer) { return transfer.class_name == name; });
    std::erase_if(heir.received, [&](const ClassTransfer& transfer) { return transfer.class_name == name; });
    heir.received.push_back({name, record.name, handed.entry.sqlite});
    heir.classes.push_back(handed.entry);
    add(&others.heirs, handed.to_script);
  }
  return others;
}

bool Deployer::IsRepeated(const ScriptRecord& record, const Upload& upload) {
  const std::optional<Migrations>& sent = upload.migrations;
  return sent && sent->new_tag && *sent->new_tag == record.migration_tag &&
         sent->old_tag.value_or("") != record.migration_tag &&
         ToText(upload.metadata["migrations"]) == ToText(record.last_migrations);
}

loop::Task<Decision<VersionRecord>> Deployer::PutLocked(std::string name, Upload upload, UploadMode mode) {
  std::shared_ptr<const ScriptRecord> old = catalog_.Find(name);
  if (mode == UploadMode::kVersionOnly && old == nullptr) co_return NoSuchScript(name);
  if (mode == UploadMode::kVersionOnly && upload.migrations && !upload.migrations->steps.empty()) {
    co_return Refusal{400, 10211,
                      "A version upload may not carry a class lifecycle change. Use deploy for migrations."};
  }
  ScriptRecord record = old != nullptr ? *old : ScriptRecord{};
  if (old == nullptr) {
    record.name = name;
    record.tag = MakeHex(deps_.random, 16);
    record.created_on = Now();
  }
  if (auto refusal = CheckAlias(upload.metadata["annotations"], name)) co_return *refusal;
  if (IsRepeated(record, upload)) upload.migrations.reset();
  record.modified_on = Now();
  VersionRecord version = NewVersion(record);
  version.main_module = upload.main_module;
  version.compatibility_date = upload.compatibility_date;
  version.compatibility_flags = upload.compatibility_flags;
  version.annotations = upload.metadata["annotations"];
  version.assets = upload.assets;
  if (upload.metadata["keep_assets"].AsBool() && version.assets.is_null() && record.Newest() != nullptr) {
    version.assets = record.Newest()->assets;
  }
  for (const Module& module : upload.modules) version.modules.emplace_back(module.name, module.kind);
  Decision<Json::Array> bindings = ResolveBindings(upload, record.Newest());
  if (!bindings.ok()) co_return bindings.refusal();
  version.bindings = *std::move(bindings);
  if (auto refusal = ResolveKvNamespaces(&version.bindings)) co_return *refusal;
  NoteVersion(&version);

  if (auto refusal = CheckAssets(version)) co_return *refusal;

  // Check: instantiate, look at what it exports.
  std::shared_ptr<ScriptVersion> checked = MakeVersion(record, version);
  checked->modules = std::move(upload.modules);
  const bool has_code = !checked->modules.empty();
  Result<ScriptReport> report = ScriptReport();
  if (has_code) {
    loop::Completion<Result<ScriptReport>> check([&](auto done) { deps_.runtime.Check(checked, std::move(done)); });
    report = co_await check;
  }
  if (!report.has_value()) co_return StartUpFailed(report.error());
  bool opaque = report->default_export == ScriptReport::DefaultExport::kClass ||
                report->default_export == ScriptReport::DefaultExport::kOther;
  if (has_code && report->handlers.empty() && report->classes.empty() && !opaque) {
    co_return Refusal{400, 10068, "The uploaded script has no registered event handlers."};
  }
  version.exported_classes = report->classes;
  version.handlers = report->handlers;
  version.entrypoints = report->exports;
  version.entrypoints.emplace_back("default");
  if (!options_.local_services) {
    if (auto refusal = CheckServices(name, version, catalog_.scripts())) co_return *refusal;
  }
  version.startup_ms = static_cast<uint64_t>(std::chrono::ceil<std::chrono::milliseconds>(report->startup).count());
  Decision<LifecyclePlan> plan = PlanLifecycle(InputOf(record, upload, version));
  if (!plan.ok() && mode == UploadMode::kVersionOnly && plan.refusal().code == 10061) {
    if (auto refusal = CheckMigrated(record, version)) co_return *refusal;
  }
  if (!plan.ok()) co_return plan.refusal();
  if (mode == UploadMode::kVersionOnly && plan->changes) co_return CheckVersionOnly(record, version);

  // Write.
  record.migration_tag = plan->tag;
  if (upload.migrations) record.last_migrations = upload.metadata["migrations"];
  record.classes = plan->classes;
  record.declares_exports |= upload.exports && !upload.exports->empty();
  record.expected = plan->expected;
  std::erase_if(record.received, [&](const ClassTransfer& transfer) {
    return std::ranges::none_of(record.classes,
                                [&](const ObjectClass& entry) { return entry.class_name == transfer.class_name; });
  });
  NumberClasses(&record.classes);
  ResolveNamespaces(record, *plan, &version.bindings);
  version.exports = LiveExports(upload.metadata["exports"]);
  version.reconciliation = plan->reconciliation;
  CatalogChange change;
  change.drops = plan->dropped;
  change.content = CatalogChange::Content{name, version.id, checked->modules};
  for (Module& module : change.content->modules) {
    for (auto& [cached, cache] : report->code_caches) {
      if (cached == module.name) module.code_cache = std::move(cache);
    }
  }
  record.versions.push_back(version);
  if (mode == UploadMode::kDeploy) {
    AddDeployment(&record, {{version.id, 100}}, version.annotations, upload.code_update);
  }
  for (const char* key : {"observability", "tags", "logpush", "tail_consumers"}) {
    if (const Json* value = upload.metadata.Find(key)) record.settings.Set(key, *value);
  }
  Trim(&record, &change);
  Others others = ChangeOthers(record, *plan, &change);
  change.scripts.push_back(std::move(record));
  Result<Done> written = co_await catalog_.Commit(std::move(change));
  if (!written.has_value()) co_return Failed(written.error());

  // Make live. Scripts that lost a class first, so that it is never claimed twice.
  if (mode == UploadMode::kDeploy) {
    for (std::string& loser : others.losers) co_await Activate(std::move(loser));
    co_await Activate(name);
    for (std::string& heir : others.heirs) co_await Activate(std::move(heir));
    co_await Retire(plan->dropped);
  }
  co_return version;
}

loop::Task<Decision<Done>> Deployer::DeleteLocked(std::string name, Force force) {
  std::shared_ptr<const ScriptRecord> old = catalog_.Find(name);
  if (old == nullptr) co_return NoSuchScript(name);
  if (force == Force::kNo) {
    for (const auto& [other, script] : catalog_.scripts()) {
      const VersionRecord* version = script->Deployed();
      if (other == name || version == nullptr) continue;
      for (const ClassBinding& binding : ClassBindings(version->bindings)) {
        if (binding.script_name != name) continue;
        co_return Refusal{400, 10064,
                          "Cannot delete this Worker as it is still referenced by other Workers: " + other +
                              " binds its class " + binding.class_name + ". Use force to delete it anyway."};
      }
    }
  }
  if (auto uses = UsesOf(name, catalog_.scripts()); force == Force::kNo && !uses.empty()) {
    const std::string how =
        uses.front().binding.empty() ? " has it as a tail consumer" : " binds it as " + uses.front().binding;
    co_return Refusal{400, 10064,
                      "Cannot delete this Worker as it is still referenced by other Workers: " + uses.front().user +
                          how + ". Use force to delete it anyway."};
  }
  CatalogChange change;
  change.removed_script = name;
  for (const ObjectClass& entry : old->classes) change.drops.push_back(entry.ns);
  std::vector<NamespaceId> drops = change.drops;
  Result<Done> written = co_await catalog_.Commit(std::move(change));
  if (!written.has_value()) co_return Failed(written.error());
  co_await Remove(name);
  co_await RouteAll();
  co_await Retire(std::move(drops));
  co_return Done{};
}

// The version with its code and its static files.
loop::Task<Result<std::shared_ptr<ScriptVersion>>> Deployer::Load(std::string name, VersionRecord version) {
  Result<std::shared_ptr<ScriptVersion>> loaded = co_await catalog_.LoadVersion(name, version.id);
  if (!loaded.has_value() || version.assets.is_null()) co_return loaded;
  Json config = version.assets["config"];
  LIMPET_CO_TRY(std::shared_ptr<const assets::Manifest> manifest,
                co_await library_.LoadManifest(version.assets["manifest"].AsString()));
  LIMPET_CO_TRY(assets::Site::Files files, library_.Files(*manifest));
  LIMPET_CO_TRY(assets::SiteConfig read,
                assets::ReadSiteConfig(config, version.compatibility_date, version.compatibility_flags));
  loaded.value()->site = std::make_shared<const assets::Site>(std::move(files), std::move(read));
  co_return loaded;
}

loop::Task<Done> Deployer::Activate(std::string name) {
  std::shared_ptr<const ScriptRecord> script = catalog_.Find(name);
  if (script == nullptr || script->Deployed() == nullptr) co_return Done{};
  std::vector<NamespaceId> namespaces;
  for (const ObjectClass& entry : script->classes) namespaces.push_back(entry.ns);
  deps_.engine.CountTogether(namespaces);
  LiveVersions live;
  Result<Done> active = Done{};
  object::CodeUpdate update = CodeUpdateOf(script->deployments.front().code_update);
  for (const Share& share : script->deployments.front().shares) {
    const VersionRecord* record = script->FindVersion(share.version_id);
    if (record == nullptr) co_return Done{};
    Result<std::shared_ptr<ScriptVersion>> version = co_await Load(name, *record);
    if (version.has_value()) {
      live.push_back({std::move(version).value(), share.percentage});
    } else {
      active = std::move(version).error();
    }
  }
  if (active.has_value()) {
    loop::Completion<Result<Done>> activate(
        [&](auto done) { deps_.runtime.Activate(std::move(live), update, std::move(done)); });
    active = co_await activate;
  }
  if (!active.has_value()) {
    deps_.logger.Write(LogLevel::kError, "control", "activate " + name + ": " + active.error().ToString());
  }
  co_return Done{};
}

loop::Task<Done> Deployer::Remove(std::string name) {
  loop::Completion<Result<Done>> remove([&](auto done) { deps_.runtime.Remove(name, std::move(done)); });
  Result<Done> removed = co_await remove;
  if (!removed.has_value()) {
    deps_.logger.Write(LogLevel::kError, "control", "remove " + name + ": " + removed.error().ToString());
  }
  co_return Done{};
}

loop::Task<Done> Deployer::Retire(std::vector<NamespaceId> namespaces) {
  if (namespaces.empty()) co_return Done{};
  loop::Completion<Result<Done>> retire(
      [&](auto done) { deps_.runtime.RetireNamespaces(namespaces, std::move(done)); });
  Result<Done> retired = co_await retire;
  if (!retired.has_value()) {
    // Their data stays queued; the next start destroys it.
    deps_.logger.Write(LogLevel::kError, "control", "retire namespaces: " + retired.error().ToString());
    co_return Done{};
  }
  for (NamespaceId ns : namespaces) scope_.Spawn(Destroy(ns));
  co_return Done{};
}

loop::Task<Done> Deployer::Destroy(NamespaceId ns) {
  loop::Completion<Result<Done>> drop([&](auto done) { deps_.engine.DropNamespace(ns, deps_.loop, std::move(done)); });
  Result<Done> gone = co_await drop;
  if (gone.has_value()) {
    CatalogChange change;
    change.dropped = ns;
    gone = co_await catalog_.Commit(std::move(change));
  }
  if (!gone.has_value()) {
    deps_.logger.Write(LogLevel::kError, "control",
                       "destroy namespace " + std::to_string(ns.value) + ": " + gone.error().ToString());
  }
  co_return Done{};
}

}  // namespace limpet::control

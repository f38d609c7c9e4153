// Catalog records as JSON and as what shards run. The format: docs/formats/catalog.md.
#include <algorithm>
#include <array>

#include "control/catalog.h"

namespace limpet::control {
namespace {

constexpr std::array kKindNames{"esm", "text", "data", "json", "wasm", "commonjs", "script"};

Json Names(const std::vector<std::string>& names) {
  Json::Array items(names.begin(), names.end());
  return items;
}

std::vector<std::string> Names(const Json& json) {
  std::vector<std::string> names;
  for (const Json& item : json.items()) names.push_back(item.AsString());
  return names;
}

Json Transfers(const std::vector<ClassTransfer>& list) {
  Json json = Json::MakeArray();
  for (const ClassTransfer& item : list) {
    json.Append(Json().Set("class_name", item.class_name).Set("from", item.from_script).Set("sqlite", item.sqlite));
  }
  return json;
}

std::vector<ClassTransfer> Transfers(const Json& json) {
  std::vector<ClassTransfer> list;
  for (const Json& item : json.items()) {
    list.push_back({item["class_name"].AsString(), item["from"].AsString(), item["sqlite"].AsBool()});
  }
  return list;
}

Json ToJson(const VersionRecord& version) {
  Json modules = Json::MakeArray();
  for (const auto& [name, kind] : version.modules) {
    modules.Append(Json().Set("name", name).Set("kind", ModuleKindName(kind)));
  }
  Json json;
  json.Set("id", version.id).Set("number", version.number).Set("created_on", version.created_on);
  json.Set("main_module", version.main_module).Set("modules", std::move(modules)).Set("bindings", version.bindings);
  json.Set("compatibility_date", version.compatibility_date);
  json.Set("compatibility_flags", Names(version.compatibility_flags));
  json.Set("exported_classes", Names(version.exported_classes)).Set("handlers", Names(version.handlers));
  json.Set("entrypoints", Names(version.entrypoints));
  json.Set("startup_ms", version.startup_ms).Set("annotations", version.annotations);
  if (!version.exports.is_null()) json.Set("exports", version.exports);
  if (!version.assets.is_null()) json.Set("assets", version.assets);
  return json;
}

Result<VersionRecord> VersionFromJson(const Json& json) {
  VersionRecord version;
  version.id = json["id"].AsString();
  version.number = json["number"].AsUint64();
  version.created_on = json["created_on"].AsString();
  version.main_module = json["main_module"].AsString();
  for (const Json& item : json["modules"].items()) {
    size_t kind = 0;
    while (kind < kKindNames.size() && item["kind"].AsString() != kKindNames[kind]) ++kind;
    if (kind == kKindNames.size()) return Error(ErrorCode::kCorrupt, "unknown module kind");
    version.modules.emplace_back(item["name"].AsString(), static_cast<ModuleKind>(kind));
  }
  version.bindings = json["bindings"].items();
  version.compatibility_date = json["compatibility_date"].AsString();
  version.compatibility_flags = Names(json["compatibility_flags"]);
  version.exported_classes = Names(json["exported_classes"]);
  version.handlers = Names(json["handlers"]);
  version.entrypoints = Names(json["entrypoints"]);
  version.startup_ms = json["startup_ms"].AsUint64();
  version.annotations = json["annotations"];
  version.exports = json["exports"];
  version.assets = json["assets"];
  if (version.id.empty()) return Error(ErrorCode::kCorrupt, "a version without an id");
  return version;
}

Binding MakeBinding(const Json& json, const std::string& script_name) {
  Binding binding;
  binding.name = json["name"].AsString();
  const std::string& type = json["type"].AsString();
  if (type == "json" || type == "version_metadata") {
    binding.kind = Binding::Kind::kJson;
    binding.value = ToText(json["json"]);
  } else if (type == "service") {
    binding.kind = Binding::Kind::kService;
    binding.script_name = json["service"].AsString();
    binding.entrypoint = json["entrypoint"].AsString();
    if (!json["props"].is_null()) binding.value = ToText(json["props"]);
  } else if (type == "kv_namespace") {
    binding.kind = Binding::Kind::kKvNamespace;
    binding.ns = {json["ns"].AsUint64()};
  } else if (type == "wasm_module" || type == "text_blob" || type == "data_blob") {
    binding.kind = type == "wasm_module" ? Binding::Kind::kWasm
                   : type == "text_blob" ? Binding::Kind::kText
                                         : Binding::Kind::kData;
    binding.value = json["part"].AsString();
  } else if (type == "assets") {
    binding.kind = Binding::Kind::kAssets;
  } else if (type == "durable_object_namespace") {
    binding.kind = Binding::Kind::kDurableObjectNamespace;
    binding.class_name = json["class_name"].AsString();
    binding.script_name = json["script_name"].AsString().empty() ? script_name : json["script_name"].AsString();
    binding.ns = {json["ns"].AsUint64()};
    binding.ns_key = json["namespace_id"].AsString();
  } else {
    binding.value = json["text"].AsString();  // plain_text, secret_text.
  }
  return binding;
}

}  // namespace

const VersionRecord* ScriptRecord::FindVersion(std::string_view id) const {
  for (const VersionRecord& version : versions) {
    if (version.id == id) return &version;
  }
  return nullptr;
}

const VersionRecord* ScriptRecord::Deployed() const {
  if (deployments.empty()) return nullptr;
  const std::vector<Share>& shares = deployments.front().shares;
  return FindVersion(std::ranges::max_element(shares, std::less<>(), &Share::percentage)->version_id);
}

bool ScriptRecord::IsLive(std::string_view version_id) const {
  if (deployments.empty()) return false;
  for (const Share& share : deployments.front().shares) {
    if (share.version_id == version_id) return true;
  }
  return false;
}

Json ToJson(const ScriptRecord& script) {
  Json classes = Json::MakeArray();
  for (const ObjectClass& entry : script.classes) {
    classes.Append(Json()
                       .Set("class_name", entry.class_name)
                       .Set("ns", entry.ns.value)
                       .Set("key", entry.ns_key)
                       .Set("sqlite", entry.sqlite));
  }
  Json versions = Json::MakeArray();
  for (const VersionRecord& version : script.versions) versions.Append(ToJson(version));
  Json deployments = Json::MakeArray();
  for (const Deployment& item : script.deployments) {
    Json shares = Json::MakeArray();
    for (const Share& share : item.shares) {
      shares.Append(Json().Set("version_id", share.version_id).Set("percentage", share.percentage));
    }
    Json json = Json().Set("id", item.id).Set("created_on", item.created_on).Set("versions", std::move(shares));
    json.Set("annotations", item.annotations);
    if (!item.code_update.is_null()) json.Set("code_update_strategy", item.code_update);
    deployments.Append(std::move(json));
  }
  Json json;
  json.Set("name", script.name).Set("tag", script.tag);
  json.Set("created_on", script.created_on).Set("modified_on", script.modified_on);
  json.Set("migration_tag", script.migration_tag).Set("last_migrations", script.last_migrations);
  json.Set("classes", std::move(classes));
  if (script.declares_exports) {
    json.Set("declares_exports", true).Set("expected", Transfers(script.expected));
  }
  if (!script.received.empty()) json.Set("received", Transfers(script.received));
  json.Set("versions", std::move(versions)).Set("deployments", std::move(deployments));
  json.Set("settings", script.settings).Set("schedules", script.schedules).Set("routes", script.routes);
  json.Set("domains", script.domains).Set("subdomain_enabled", script.subdomain_enabled);
  json.Set("previews_enabled", script.previews_enabled);
  return json;
}

Result<ScriptRecord> ScriptFromJson(const Json& json) {
  ScriptRecord script;
  script.name = json["name"].AsString();
  script.tag = json["tag"].AsString();
  script.created_on = json["created_on"].AsString();
  script.modified_on = json["modified_on"].AsString();
  script.migration_tag = json["migration_tag"].AsString();
  script.last_migrations = json["last_migrations"];
  for (const Json& item : json["classes"].items()) {
    ObjectClass& entry = script.classes.emplace_back();
    entry.class_name = item["class_name"].AsString();
    entry.ns = {item["ns"].AsUint64()};
    entry.ns_key = item["key"].AsString();
    entry.sqlite = item["sqlite"].AsBool();
    // Namespace 0 is the catalog itself.
    if (entry.ns.value == 0 || entry.class_name.empty())
      return Error(ErrorCode::kCorrupt, "a class without a namespace");
  }
  script.declares_exports = json["declares_exports"].AsBool();
  script.expected = Transfers(json["expected"]);
  script.received = Transfers(json["received"]);
  for (const Json& item : json["versions"].items()) {
    LIMPET_TRY(VersionRecord version, VersionFromJson(item));
    script.versions.push_back(std::move(version));
  }
  for (const Json& item : json["deployments"].items()) {
    Deployment deployment{
        item["id"].AsString(), item["created_on"].AsString(), {}, item["annotations"], item["code_update_strategy"]};
    for (const Json& share : item["versions"].items()) {
      deployment.shares.push_back({share["version_id"].AsString(), share["percentage"].AsDouble()});
    }
    // Before traffic could be split: one version.
    if (deployment.shares.empty()) deployment.shares.push_back({item["version_id"].AsString(), 100});
    script.deployments.push_back(std::move(deployment));
  }
  script.settings = json["settings"];
  script.schedules = json["schedules"];
  script.routes = json["routes"];
  script.domains = json["domains"];
  script.subdomain_enabled = json["subdomain_enabled"].AsBool();
  script.previews_enabled = json["previews_enabled"].AsBool();
  if (script.name.empty()) return Error(ErrorCode::kCorrupt, "a script without a name");
  return script;
}

std::shared_ptr<ScriptVersion> MakeVersion(const ScriptRecord& script, const VersionRecord& version) {
  auto made = std::make_shared<ScriptVersion>();
  made->script_name = script.name;
  made->version_id = version.id;
  made->main_module = version.main_module;
  for (const auto& [name, kind] : version.modules) {
    Module& module = made->modules.emplace_back();
    module.name = name;
    module.kind = kind;
  }
  for (const Json& binding : version.bindings) made->bindings.push_back(MakeBinding(binding, script.name));
  made->classes = script.classes;
  if (!version.compatibility_date.empty()) made->compatibility_date = version.compatibility_date;
  made->compatibility_flags = version.compatibility_flags;
  for (const Json& consumer : script.settings["tail_consumers"].items()) {
    if (!consumer["service"].AsString().empty()) made->tail_consumers.push_back(consumer["service"].AsString());
  }
  return made;
}

std::string_view ModuleKindName(ModuleKind kind) { return kKindNames[static_cast<size_t>(kind)]; }

std::string MakeHex(Random& random, size_t bytes) {
  std::vector<uint8_t> raw(bytes);
  random.Fill(raw);
  return ToHex(BytesView(reinterpret_cast<const char*>(raw.data()), raw.size()));
}

std::string MakeUuid(Random& random) {
  std::string hex = MakeHex(random, 16);
  hex[12] = '4';
  hex[16] = "89ab"[random.Below(4)];
  for (size_t at : {8, 13, 18, 23}) hex.insert(at, "-");
  return hex;
}

}  // namespace limpet::control

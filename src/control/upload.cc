#include "control/upload.h"

#include <algorithm>
#include <set>

#include "base/absent.h"
#include "base/multipart.h"
#include "control/code_update.h"
#include "control/exports.h"

namespace limpet::control {
namespace {

constexpr std::string_view kBindingTypes[] = {
    "plain_text",       "json",      "secret_text", "durable_object_namespace",
    "version_metadata", "inherit",   "assets",      "service",
    "wasm_module",      "text_blob", "data_blob",   "kv_namespace"};

Refusal Bad(std::string message) { return {400, 10021, std::move(message)}; }

bool Contains(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// Nothing: the part is to be left out. `script`: the name of the part that is a script of the service-worker format, or
// empty; a script beside ES modules is a CommonJS module.
Decision<std::optional<ModuleKind>> KindOf(const FormPart& part, const std::string& script) {
  std::string type = MediaType(part.content_type);
  bool classic = type == "application/javascript" || type == "text/javascript";
  if (!script.empty() && part.name == script) {
    if (classic || type.empty()) return std::optional(ModuleKind::kScript);
    return Bad("The part \"" + script + "\" that \"body_part\" names is no script: its type is \"" + part.content_type +
               "\".");
  }
  if (classic && script.empty()) return std::optional(ModuleKind::kCommonJs);
  if (classic) return Bad("Module \"" + part.name + "\": a script of the service-worker format has no modules.");
  if (type == "application/javascript+module" || type == "text/javascript+module") {
    if (script.empty()) return std::optional(ModuleKind::kEsModule);
    return Bad("Module \"" + part.name + "\": a script of the service-worker format has no modules.");
  }
  if (type == "text/plain" || type == "text/html") return std::optional(ModuleKind::kText);
  if (type == "application/octet-stream") return std::optional(ModuleKind::kData);
  if (type == "application/json") return std::optional(ModuleKind::kJson);
  if (type == "application/wasm") return std::optional(ModuleKind::kWasm);
  if (type == "application/source-map") return std::optional<ModuleKind>();
  if (type.empty()) return Bad("Module \"" + part.name + "\" has no type: its part needs a Content-Type.");
  return Bad("Module \"" + part.name + "\" has the type \"" + part.content_type + "\", which is not supported.");
}

// The bindings whose content is a part of the upload have it.
std::optional<Refusal> CheckParts(const Upload& upload) {
  static constexpr std::pair<std::string_view, ModuleKind> kKinds[] = {
      {"wasm_module", ModuleKind::kWasm}, {"text_blob", ModuleKind::kText}, {"data_blob", ModuleKind::kData}};
  for (const Json& binding : upload.bindings) {
    for (const auto& [type, kind] : kKinds) {
      if (binding["type"].AsString() != type) continue;
      const std::string& part = binding["part"].AsString();
      auto fits = [&](const Module& module) { return module.name == part && module.kind == kind; };
      if (std::ranges::any_of(upload.modules, fits)) continue;
      return Bad("Binding \"" + binding["name"].AsString() + "\": there is no part \"" + part + "\" of its type.");
    }
  }
  return std::nullopt;
}

std::optional<Refusal> ReadModules(const std::vector<FormPart>& parts, Upload* upload) {
  std::set<std::string> names;
  const std::string script = upload->metadata["body_part"].AsString();
  for (const FormPart& part : parts) {
    if (part.name == "metadata") continue;
    Decision<std::optional<ModuleKind>> kind = KindOf(part, script);
    if (!kind.ok()) return kind.refusal();
    if (!*kind) continue;
    if (part.name.empty() || !names.insert(NormaliseModuleName(part.name)).second) {
      return Bad("Module name \"" + part.name + "\" is empty or occurs twice.");
    }
    if (**kind != ModuleKind::kData && **kind != ModuleKind::kWasm && !IsUtf8(part.content)) {
      return Bad("Module \"" + part.name + "\" is not UTF-8.");
    }
    Module module;
    module.name = part.name;
    module.kind = **kind;
    module.content = Bytes(part.content);
    bool is_main = NormaliseModuleName(part.name) == NormaliseModuleName(upload->main_module);
    bool is_code = module.kind == ModuleKind::kEsModule || module.kind == ModuleKind::kCommonJs ||
                   module.kind == ModuleKind::kScript;
    if (is_main && !is_code) {
      return Bad("The main module \"" + part.name + "\" is not JavaScript.");
    }
    upload->modules.insert(is_main ? upload->modules.begin() : upload->modules.end(), std::move(module));
  }
  if (upload->main_module.empty() && upload->modules.empty()) return std::nullopt;
  if (upload->modules.empty() ||
      NormaliseModuleName(upload->modules.front().name) != NormaliseModuleName(upload->main_module)) {
    return Bad("No such module \"" + upload->main_module +
               "\": the upload names it as main_module but has no such part.");
  }
  upload->main_module = upload->modules.front().name;
  return CheckParts(*upload);
}

// An environment of a script is a script of its own, NAME-ENV. `key` holds the script's name.
void NameEnvironment(Json* binding, const char* key) {
  const std::string script = (*binding)[key].AsString(), environment = (*binding)["environment"].AsString();
  if (!script.empty() && !environment.empty() && environment != "production") {
    binding->Set(key, script + "-" + environment);
  }
  binding->Erase("environment");
}

// Bindings to what limpet does not have, all of them: who moves a project here wants to see how much there is to do.
std::optional<Refusal> CheckTypes(const Json& bindings) {
  std::string text;
  for (const Json& binding : bindings.items()) {
    const std::string& type = binding["type"].AsString();
    if (type.empty() || std::ranges::find(kBindingTypes, type) != std::end(kBindingTypes)) continue;
    text += (text.empty() ? "" : "\n") + ("Binding \"" + binding["name"].AsString()) + "\" of type \"" + type +
            "\" is not supported";
    std::string advice = AdviceForBinding(type);
    text += advice.empty() ? "." : ": " + advice + ".";
  }
  return text.empty() ? std::nullopt : std::optional(Bad(std::move(text)));
}

std::optional<Refusal> ReadBinding(const Json& json, Upload* upload, std::set<std::string>* names) {
  const std::string& name = json["name"].AsString();
  const std::string& type = json["type"].AsString();
  if (name.empty() || type.empty()) return Bad("metadata: every binding needs a \"name\" and a \"type\".");
  if (!names->insert(name).second) return Refusal{400, 10053, "Binding name \"" + name + "\" is used twice."};
  if ((type == "plain_text" || type == "secret_text") && !json["text"].is_string()) {
    return Bad("Binding \"" + name + "\" of type \"" + type + "\" needs a \"text\".");
  }
  if (ToText(json).size() > kBindingTextBytesMax) {
    return Refusal{400, 10054,
                   "Binding \"" + name + "\" is larger than " + std::to_string(kBindingTextBytesMax) + " bytes."};
  }
  if (type == "durable_object_namespace" && json["class_name"].AsString().empty()) {
    return Bad("Binding \"" + name + "\" needs a \"class_name\".");
  }
  if (type == "kv_namespace" && json["namespace_id"].AsString().empty()) {
    return Bad("Binding \"" + name + "\" needs a \"namespace_id\".");
  }
  if (type == "service") {
    if (json["service"].AsString().empty()) return Bad("Binding \"" + name + "\" needs a \"service\".");
    const Json& props = json["props"];
    if (!props.is_null() && !props.is_object()) return Bad("Binding \"" + name + "\": \"props\" must be an object.");
  }
  if ((type == "wasm_module" || type == "text_blob" || type == "data_blob") && json["part"].AsString().empty()) {
    return Bad("Binding \"" + name + "\" needs a \"part\".");
  }
  upload->bindings.push_back(json);
  if (type == "durable_object_namespace") NameEnvironment(&upload->bindings.back(), "script_name");
  if (type == "service") NameEnvironment(&upload->bindings.back(), "service");
  return std::nullopt;
}

std::optional<Refusal> ReadMetadata(Upload* upload) {
  const Json& metadata = upload->metadata;
  if (!metadata.is_object()) return Bad("The metadata part must be a JSON object.");
  const std::string& script = metadata["body_part"].AsString();
  upload->main_module = script.empty() ? metadata["main_module"].AsString() : script;
  bool has_files = metadata["assets"].is_object() || metadata["keep_assets"].AsBool();
  if (upload->main_module.empty() && !has_files) return Bad("metadata: \"main_module\" is missing.");
  for (const char* key : {"bindings", "keep_bindings", "compatibility_flags"}) {
    if (const Json* value = metadata.Find(key); value != nullptr && !value->is_array() && !value->is_null()) {
      return Bad(std::string("metadata: \"") + key + "\" must be an array.");
    }
  }
  std::set<std::string> names;
  if (metadata["bindings"].items().size() > kBindingsMax) return Bad("metadata: too many bindings.");
  if (auto refusal = CheckTypes(metadata["bindings"])) return refusal;
  for (const Json& binding : metadata["bindings"].items()) {
    if (auto refusal = ReadBinding(binding, upload, &names)) return refusal;
  }
  Decision<std::optional<Migrations>> migrations = ParseMigrations(metadata["migrations"]);
  if (!migrations.ok()) return migrations.refusal();
  upload->migrations = *migrations;
  Decision<std::optional<std::vector<ExportEntry>>> exports = ParseExports(metadata["exports"]);
  if (!exports.ok()) return exports.refusal();
  upload->exports = *std::move(exports);
  Decision<Json> update = EffectiveCodeUpdate(metadata["code_update_strategy"]);
  if (!update.ok()) return update.refusal();
  upload->code_update = *std::move(update);
  if (upload->migrations && upload->exports) {
    if (!upload->exports->empty()) return Bad("metadata: \"exports\" and \"migrations\" exclude each other.");
    upload->exports.reset();
  }
  for (const Json& item : metadata["keep_bindings"].items()) upload->keep_bindings.push_back(item.AsString());
  upload->compatibility_date = metadata["compatibility_date"].AsString();
  for (const Json& item : metadata["compatibility_flags"].items())
    upload->compatibility_flags.push_back(item.AsString());
  return std::nullopt;
}

}  // namespace

Decision<Upload> ParseUpload(std::string_view content_type, BytesView body) {
  Result<std::vector<FormPart>> parts = ParseForm(content_type, body);
  if (!parts.has_value()) return Bad(parts.error().message());
  Upload upload;
  bool found = false;
  for (const FormPart& part : *parts) {
    if (part.name != "metadata") continue;
    if (found) return Bad("The upload has two parts \"metadata\".");
    Result<Json> metadata = ParseJson(part.content);
    if (!metadata.has_value()) return Bad("metadata: " + metadata.error().message());
    upload.metadata = std::move(metadata).value();
    found = true;
  }
  if (!found) return Bad("The upload has no part \"metadata\".");
  if (auto refusal = ReadMetadata(&upload)) return *refusal;
  if (auto refusal = ReadModules(*parts, &upload)) return *refusal;
  return upload;
}

Decision<Json::Array> ResolveBindings(const Upload& upload, const VersionRecord* newest) {
  Json::Array bindings;
  std::set<std::string> names;
  auto old = [&](const std::string& name) -> const Json* {
    if (newest == nullptr) return nullptr;
    for (const Json& binding : newest->bindings) {
      if (binding["name"].AsString() == name) return &binding;
    }
    return nullptr;
  };
  for (const Json& binding : upload.bindings) {
    const std::string& name = binding["name"].AsString();
    names.insert(name);
    if (binding["type"].AsString() != "inherit") {
      bindings.push_back(binding);
      continue;
    }
    const Json* inherited = old(name);
    if (inherited == nullptr) {
      return Refusal{400, 10057,
                     "Binding \"" + name + "\" can't be inherited: the previous version has none of that name."};
    }
    bindings.push_back(*inherited);
  }
  if (newest == nullptr) return bindings;
  for (const Json& binding : newest->bindings) {
    const std::string& type = binding["type"].AsString();
    if (names.contains(binding["name"].AsString())) continue;
    if (type == "secret_text" || Contains(upload.keep_bindings, type)) bindings.push_back(binding);
  }
  return bindings;
}

std::vector<ClassBinding> ClassBindings(const Json::Array& bindings) {
  std::vector<ClassBinding> found;
  for (const Json& binding : bindings) {
    if (binding["type"].AsString() != "durable_object_namespace") continue;
    found.push_back({binding["name"].AsString(), binding["class_name"].AsString(), binding["script_name"].AsString(),
                     NamespaceId{binding["ns"].AsUint64()}});
  }
  return found;
}

Json PublicBinding(const Json& binding) {
  Json shown = binding;
  shown.Erase("ns");
  if (binding["type"].AsString() == "secret_text") shown.Erase("text");
  return shown;
}

bool IsScriptName(std::string_view name) {
  if (name.empty() || name.size() > 63 || name[0] == '-') return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == std::string_view::npos;
}

std::string NormaliseModuleName(std::string_view name) {
  std::vector<std::string_view> parts;
  while (!name.empty()) {
    size_t slash = name.find('/');
    std::string_view part = name.substr(0, slash);
    name.remove_prefix(slash == std::string_view::npos ? name.size() : slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == ".." && !parts.empty() && parts.back() != "..") {
      parts.pop_back();
    } else {
      parts.push_back(part);
    }
  }
  std::string path;
  for (std::string_view part : parts) path.append(path.empty() ? "" : "/").append(part);
  return path;
}

}  // namespace limpet::control

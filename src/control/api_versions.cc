// Versions whose bindings change: the roads that clients of different ages take; a version's content; who refers to a
// script.
#include "base/multipart.h"
#include "control/plane.h"
#include "control/services.h"

namespace limpet::control {
namespace {

std::string_view MimeOf(ModuleKind kind) {
  switch (kind) {
    case ModuleKind::kEsModule: return "application/javascript+module";
    case ModuleKind::kText: return "text/plain";
    case ModuleKind::kData: return "application/octet-stream";
    case ModuleKind::kJson: return "application/json";
    case ModuleKind::kCommonJs:
    case ModuleKind::kScript: return "application/javascript";
    case ModuleKind::kWasm: return "application/wasm";
  }
  return {};
}

// `bindings`: the list as it shall be. An entry without a value keeps what the old version has under its name.
std::optional<Refusal> ReplaceBindings(const Json& bindings, VersionRecord* version) {
  Json::Array fresh;
  for (const Json& wanted : bindings.items()) {
    const std::string& name = wanted["name"].AsString();
    auto named = [&](const Json& binding) { return binding["name"].AsString() == name; };
    auto has = [&](const Json::Array& list) { return std::ranges::any_of(list, named); };
    if (name.empty() || has(fresh)) {
      return Refusal{400, 10053, "Binding name \"" + name + "\" is empty or used twice."};
    }
    if (wanted["type"].AsString() == "secret_text" && wanted["text"].is_string()) {
      if (ToText(wanted).size() > kBindingTextBytesMax) return Refusal{400, 10054, "The secret is too large."};
      fresh.push_back(Json().Set("name", name).Set("type", "secret_text").Set("text", wanted["text"]));
      continue;
    }
    auto old = std::ranges::find_if(version->bindings, named);
    bool same =
        old != version->bindings.end() && (wanted["type"].AsString() == "inherit" || wanted["type"] == (*old)["type"]);
    if (!same) {
      return Refusal{400, 10057,
                     "Binding \"" + name +
                         "\" is not one of the newest version's. Deploy to change other bindings than "
                         "secrets."};
    }
    fresh.push_back(*old);
  }
  version->bindings = std::move(fresh);
  return std::nullopt;
}

}  // namespace

Decision<Secrets> ReadSecrets(const Json& members) {
  Secrets secrets;
  for (const auto& [name, value] : members.members()) {
    const Json& text = value["text"];
    const std::string& type = value["type"].AsString();
    if (name.empty() || (!value.is_null() && !text.is_string())) {
      return Refusal{400, 10021, "Secret \"" + name + "\" needs a \"text\"."};
    }
    if (!type.empty() && type != "secret_text") {
      return Refusal{400, 10021, "\"" + name + "\" is of type \"" + type + "\": only secrets can be set here."};
    }
    if (text.AsString().size() > kBindingTextBytesMax) return Refusal{400, 10054, "The secret is too large."};
    secrets.emplace_back(name, value.is_null() ? std::nullopt : std::optional(text.AsString()));
  }
  return secrets;
}

// PATCH …/settings: a form with one part "settings", or JSON.
Plane::Answer Plane::PatchSettings(Call call) {
  Json settings;
  std::string type(call.headers.Get("Content-Type").value_or(""));
  if (MediaType(type) == "multipart/form-data") {
    Result<std::vector<FormPart>> parts = ParseForm(type, call.body);
    if (!parts.has_value()) co_return Failure({400, 10021, parts.error().message()});
    for (const FormPart& part : *parts) {
      if (part.name != "settings") continue;
      Result<Json> json = ParseJson(part.content);
      if (!json.has_value()) co_return Failure({400, 10026, "settings: " + json.error().message()});
      settings = std::move(json).value();
    }
  } else {
    Decision<Json> body = ParseBody(call);
    if (!body.ok()) co_return Failure(body.refusal());
    settings = *std::move(body);
  }
  if (!settings.is_object()) co_return Failure({400, 10021, "The settings must be a JSON object."});
  for (const char* key : {"compatibility_date", "compatibility_flags", "migrations"}) {
    if (settings.Find(key) != nullptr) {
      co_return Failure({400, 10021, std::string("settings: \"") + key + "\" changes with a deploy only."});
    }
  }
  if (const Json* bindings = settings.Find("bindings")) {
    auto edit = [wanted = *bindings](VersionRecord& version) { return ReplaceBindings(wanted, &version); };
    Decision<VersionRecord> version = co_await deployer_->Rebind(call.script, std::move(edit), Deployer::Live::kYes);
    if (!version.ok()) co_return Failure(version.refusal());
  }
  Decision<Done> edited = co_await deployer_->Edit(call.script, [settings](ScriptRecord& script) {
    for (const char* key : {"observability", "tags", "logpush", "tail_consumers"}) {
      if (const Json* value = settings.Find(key)) script.settings.Set(key, *value);
    }
  });
  if (!edited.ok()) co_return Failure(edited.refusal());
  co_return co_await Settings(std::move(call));
}

// PATCH …/workers/NAME/versions/latest: a new version with other secrets, not deployed.
Plane::Answer Plane::PatchLatestVersion(Call call) {
  Decision<Json> body = ParseBody(call);
  if (!body.ok()) co_return Failure(body.refusal());
  Decision<control::Secrets> secrets = ReadSecrets((*body)["env"]);
  if (!secrets.ok()) co_return Failure(secrets.refusal());
  auto edit = [set = EditSecrets(*std::move(secrets)),
               annotations = (*body)["annotations"]](VersionRecord& version) mutable {
    version.annotations = annotations;
    return set(version);
  };
  Decision<VersionRecord> version = co_await deployer_->Rebind(call.script, std::move(edit), Deployer::Live::kNo);
  if (!version.ok()) co_return Failure(version.refusal());
  co_return Success(VersionJson(catalog_->Find(call.script).get(), *version));
}

// GET …/content/v2?version=ID: the modules as an upload carries them, the main one first.
Plane::Answer Plane::ScriptContent(Call call) {
  Decision<std::shared_ptr<const ScriptVersion>> version =
      co_await deployer_->Content(call.script, std::string(call.target.Query("version")));
  if (!version.ok()) co_return Failure(version.refusal());
  FormWriter form("limpet-" + MakeHex(deps_.random, 16));
  for (const Module& module : (*version)->modules) {
    form.Add(module.name, module.name, MimeOf(module.kind), module.content);
  }
  HttpResponse response;
  response.headers.Append("Content-Type", form.content_type());
  response.headers.Append("cf-entrypoint", (*version)->main_module);
  response.body = Body::Of(std::move(form).Finish());
  co_return response;
}

// GET …/references: who would miss the script.
Plane::Answer Plane::References(Call call) {
  std::shared_ptr<const ScriptRecord> script = catalog_->Find(call.script);
  if (script == nullptr) co_return Failure(NoSuchScript(call.script));
  Json objects = Json::MakeArray();
  for (const auto& [name, other] : catalog_->scripts()) {
    const VersionRecord* version = other->Deployed();
    if (name == call.script || version == nullptr) continue;
    for (const Json& binding : version->bindings) {
      if (binding["script_name"].AsString() != call.script) continue;
      objects.Append(Json()
                         .Set("service", name)
                         .Set("environment", "production")
                         .Set("name", binding["name"])
                         .Set("durable_object_namespace_id", binding["namespace_id"])
                         .Set("durable_object_namespace_name", call.script + "_" + binding["class_name"].AsString()));
    }
  }
  Json incoming = Json::MakeArray();
  for (const ServiceUse& use : UsesOf(call.script, catalog_->scripts())) {
    if (use.binding.empty()) continue;
    incoming.Append(Json().Set("service", use.user).Set("environment", "production").Set("name", use.binding));
  }
  Json references =
      Json().Set("services", Json().Set("incoming", std::move(incoming)).Set("outgoing", Json::MakeArray()));
  references.Set("durable_objects", std::move(objects)).Set("dispatch_outbounds", Json::MakeArray());
  co_return Success(std::move(references));
}

// GET …/tails/by-consumer/NAME: whose events it is told of.
Plane::Answer Plane::TailProducers(Call call) {
  Json producers = Json::MakeArray();
  for (const ServiceUse& use : UsesOf(call.target.segments.back(), catalog_->scripts())) {
    if (use.binding.empty()) producers.Append(Json().Set("producer", Json().Set("script", use.user)));
  }
  co_return Success(std::move(producers));
}

}  // namespace limpet::control

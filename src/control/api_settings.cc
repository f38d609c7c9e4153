// Secrets, settings, schedules, routes of a script.
#include "control/domains.h"
#include "control/plane.h"
#include "control/schedules.h"

namespace limpet::control {
namespace {

const VersionRecord* Shown(const ScriptRecord& script) {
  return script.Newest() != nullptr ? script.Newest() : script.Deployed();
}

}  // namespace

Plane::Answer Plane::Secrets(Call call) {
  std::shared_ptr<const ScriptRecord> script = catalog_->Find(call.script);
  if (script == nullptr) co_return Failure(NoSuchScript(call.script));
  Json list = Json::MakeArray();
  if (const VersionRecord* version = Shown(*script)) {
    for (const Json& binding : version->bindings) {
      if (binding["type"].AsString() == "secret_text") list.Append(PublicBinding(binding));
    }
  }
  co_return Success(std::move(list));
}

Plane::Answer Plane::PutSecret(Call call) {
  Decision<Json> body = ParseBody(call);
  if (!body.ok()) co_return Failure(body.refusal());
  std::string name = (*body)["name"].AsString();
  std::string text = (*body)["text"].AsString();
  if (name.empty() || !(*body)["text"].is_string())
    co_return Failure({400, 10021, "A secret needs \"name\" and \"text\"."});
  if (text.size() > kBindingTextBytesMax) co_return Failure({400, 10054, "The secret is too large."});
  control::Secrets secrets;
  secrets.emplace_back(name, std::move(text));
  Decision<VersionRecord> version =
      co_await deployer_->Rebind(call.script, EditSecrets(std::move(secrets)), Deployer::Live::kYes);
  if (!version.ok()) co_return Failure(version.refusal());
  co_return Success(Json().Set("name", name).Set("type", "secret_text"));
}

Plane::Answer Plane::DeleteSecret(Call call) {
  control::Secrets secrets;
  std::string name = call.target.segments.back();
  // With url_encoded=true the name was encoded once more than the path's encoding asks for; names hold no "%".
  if (call.target.Query("url_encoded") == "true") name = PercentDecode(name);
  secrets.emplace_back(std::move(name), std::nullopt);
  Decision<VersionRecord> version =
      co_await deployer_->Rebind(call.script, EditSecrets(std::move(secrets)), Deployer::Live::kYes);
  if (!version.ok()) co_return Failure(version.refusal());
  co_return Success(nullptr);
}

Plane::Answer Plane::PatchSecrets(Call call) {
  Decision<Json> body = ParseBody(call);
  if (!body.ok()) co_return Failure(body.refusal());
  Decision<control::Secrets> secrets = ReadSecrets((*body)["secrets"]);
  if (!secrets.ok()) co_return Failure(secrets.refusal());
  Decision<VersionRecord> version =
      co_await deployer_->Rebind(call.script, EditSecrets(*std::move(secrets)), Deployer::Live::kYes);
  if (!version.ok()) co_return Failure(version.refusal());
  co_return Success(Json::MakeObject());
}

Plane::Answer Plane::Settings(Call call) {
  std::shared_ptr<const ScriptRecord> script = catalog_->Find(call.script);
  if (script == nullptr) co_return Failure(NoSuchScript(call.script));
  Json bindings = Json::MakeArray();
  Json json = script->settings.is_null() ? Json::MakeObject() : script->settings;
  if (const VersionRecord* version = Shown(*script)) {
    for (const Json& binding : version->bindings) bindings.Append(PublicBinding(binding));
    json.Set("compatibility_date", version->compatibility_date);
  }
  json.Set("bindings", std::move(bindings));
  if (!script->migration_tag.empty()) json.Set("migration_tag", script->migration_tag);
  co_return Success(std::move(json));
}

Plane::Answer Plane::ScriptSettings(Call call) {
  std::shared_ptr<const ScriptRecord> script = catalog_->Find(call.script);
  if (script == nullptr) co_return Failure(NoSuchScript(call.script));
  co_return Success(script->settings.is_null() ? Json::MakeObject() : script->settings);
}

Plane::Answer Plane::PatchScriptSettings(Call call) {
  Decision<Json> body = ParseBody(call);
  if (!body.ok()) co_return Failure(body.refusal());
  Json patch = *body;
  Decision<Done> edited = co_await deployer_->Edit(call.script, [patch](ScriptRecord& script) {
    for (const auto& [key, value] : patch.members()) script.settings.Set(key, value);
  });
  if (!edited.ok()) co_return Failure(edited.refusal());
  co_return Success(std::move(patch));
}

Plane::Answer Plane::Subdomain(Call call) {
  std::shared_ptr<const ScriptRecord> script = catalog_->Find(call.script);
  if (script == nullptr) co_return Failure(NoSuchScript(call.script));
  co_return Success(Json().Set("enabled", script->subdomain_enabled).Set("previews_enabled", script->previews_enabled));
}

Plane::Answer Plane::PostSubdomain(Call call) {
  Decision<Json> body = ParseBody(call);
  if (!body.ok()) co_return Failure(body.refusal());
  bool enabled = (*body)["enabled"].AsBool();
  bool previews = (*body)["previews_enabled"].AsBool();
  Decision<Done> edited = co_await deployer_->Edit(call.script, [enabled, previews](ScriptRecord& script) {
    script.subdomain_enabled = enabled;
    script.previews_enabled = previews;
  });
  if (!edited.ok()) co_return Failure(edited.refusal());
  co_return Success(Json().Set("enabled", enabled).Set("previews_enabled", previews));
}

Plane::Answer Plane::Schedules(Call call) {
  std::shared_ptr<const ScriptRecord> script = catalog_->Find(call.script);
  if (script == nullptr) co_return Failure(NoSuchScript(call.script));
  co_return Success(Json().Set("schedules", ShowSchedules(script->schedules)));
}

Plane::Answer Plane::PutSchedules(Call call) {
  Decision<Json> body = ParseBody(call);
  if (!body.ok()) co_return Failure(body.refusal());
  WallTime now = deps_.loop.WallNow();
  Decision<Json> read = ReadSchedules(*body, Json(), now);
  if (!read.ok()) co_return Failure(read.refusal());
  Json shown;
  Decision<Done> edited = co_await deployer_->Edit(call.script, [&, now](ScriptRecord& script) {
    script.schedules = *ReadSchedules(*body, script.schedules, now);
    shown = ShowSchedules(script.schedules);
  });
  if (!edited.ok()) co_return Failure(edited.refusal());
  co_return Success(Json().Set("schedules", std::move(shown)));
}

Plane::Answer Plane::PutRoutes(Call call) {
  Decision<Json> body = ParseBody(call);
  if (!body.ok()) co_return Failure(body.refusal());
  Decision<Done> set = co_await deployer_->SetRoutes(call.script, *body);
  if (!set.ok()) co_return Failure(set.refusal());
  Json patterns = Json::MakeArray();
  for (const Json& route : body->items()) patterns.Append(route.is_string() ? route : route["pattern"]);
  co_return Success(std::move(patterns));
}

Plane::Answer Plane::DomainsChangeset(Call call) {
  Decision<Json> body = ParseBody(call);
  if (!body.ok()) co_return Failure(body.refusal());
  Decision<Json> wanted = ReadDomains(*body);
  if (!wanted.ok()) co_return Failure(wanted.refusal());
  std::shared_ptr<const ScriptRecord> script = catalog_->Find(call.script);
  if (script == nullptr) co_return Failure(NoSuchScript(call.script));
  Json added = Json::MakeArray(), removed = script->domains, updated = Json::MakeArray(),
       conflicting = Json::MakeArray();
  for (const Json& domain : wanted->items()) {
    const std::string& host = domain["hostname"].AsString();
    Json left = WithoutDomain(removed, host);
    if (left.items().size() < removed.items().size()) {
      removed = std::move(left);  // It is there and stays.
    } else if (std::shared_ptr<const ScriptRecord> owner = OwnerOf(catalog_->scripts(), host, call.script)) {
      Json taken = domain;
      updated.Append(taken.Set("id", host).Set("service", owner->name).Set("modified", true));
    } else {
      added.Append(domain);
    }
  }
  Json json = Json().Set("added", std::move(added)).Set("updated", std::move(updated));
  co_return Success(json.Set("removed", std::move(removed)).Set("conflicting", std::move(conflicting)));
}

// What the tool asks of each domain that a changeset would take from another script: its id is its name.
Plane::Answer Plane::Domain(Call call) {
  const std::string& host = call.target.segments.back();
  std::shared_ptr<const ScriptRecord> owner = OwnerOf(catalog_->scripts(), host, "");
  if (owner == nullptr) co_return Failure({404, 100114, "There is no custom domain \"" + host + "\"."});
  co_return Success(Json().Set("id", host).Set("hostname", host).Set("service", owner->name));
}

Plane::Answer Plane::PutDomains(Call call) {
  Decision<Json> body = ParseBody(call);
  if (!body.ok()) co_return Failure(body.refusal());
  Json origins = (*body)["origins"];
  auto override_existing =
      (*body)["override_existing_origin"].AsBool() ? Deployer::Override::kYes : Deployer::Override::kNo;
  Decision<Done> edited = co_await deployer_->SetDomains(call.script, origins, override_existing);
  if (!edited.ok()) co_return Failure(edited.refusal());
  co_return Success(std::move(origins));
}

}  // namespace limpet::control

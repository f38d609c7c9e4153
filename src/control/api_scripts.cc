// Scripts, versions, deployments.
#include "control/plane.h"

namespace limpet::control {
namespace {

Json Strings(const std::vector<std::string>& list) { return Json::Array(list.begin(), list.end()); }

Json DeploymentJson(const Deployment& deployment) {
  Json versions = Json::MakeArray();
  for (const Share& share : deployment.shares) {
    versions.Append(Json().Set("version_id", share.version_id).Set("percentage", share.percentage));
  }
  Json json;
  json.Set("id", deployment.id)
      .Set("source", "api")
      .Set("strategy", "percentage")
      .Set("author_email", "admin@localhost");
  json.Set("created_on", deployment.created_on).Set("versions", std::move(versions));
  json.Set("annotations", deployment.annotations.is_null() ? Json::MakeObject() : deployment.annotations);
  if (!deployment.code_update.is_null()) json.Set("code_update_strategy", deployment.code_update);
  return json;
}

Refusal NoSuchService(const std::string& name) {
  return {404, 10090, "This service does not exist on your account. (" + name + ")"};
}

Refusal BadName(const std::string& name) {
  return {400, 10016,
          "Invalid script name \"" + name +
              "\": use lower-case letters, digits, dashes and underscores, 63 characters at most."};
}

}  // namespace

Json Plane::ScriptJson(const ScriptRecord& script) const {
  const VersionRecord* version = script.Deployed() != nullptr ? script.Deployed() : script.Newest();
  Json json;
  json.Set("id", script.name).Set("tag", script.tag).Set("etag", version != nullptr ? version->id : "");
  json.Set("created_on", script.created_on).Set("modified_on", script.modified_on).Set("usage_model", "standard");
  if (version != nullptr) {
    json.Set("handlers", Strings(version->handlers)).Set("compatibility_date", version->compatibility_date);
    json.Set("compatibility_flags", Strings(version->compatibility_flags));
  }
  if (!script.migration_tag.empty()) json.Set("migration_tag", script.migration_tag);
  json.Set("has_modules", version == nullptr || !version->modules.empty())
      .Set("has_assets", version != nullptr && !version->assets.is_null())
      .Set("last_deployed_from", "wrangler");
  return json;
}

std::string Plane::PreviewSuffixOf(const std::string& script) const {
  std::string url = UrlOf("-" + script);
  return url.substr(std::min(url.size(), url.find("://") + 3));
}

Json Plane::VersionJson(const ScriptRecord* script_record, const VersionRecord& version) const {
  Json bindings = Json::MakeArray();
  for (const Json& binding : version.bindings) bindings.Append(PublicBinding(binding));
  Json script =
      Json().Set("etag", version.id).Set("handlers", Strings(version.handlers)).Set("last_deployed_from", "wrangler");
  Json runtime = Json().Set("compatibility_date", version.compatibility_date);
  runtime.Set("compatibility_flags", Strings(version.compatibility_flags)).Set("usage_model", "standard");
  if (!version.exports.is_null()) runtime.Set("exports", version.exports);
  Json resources = Json().Set("bindings", std::move(bindings)).Set("script", std::move(script));
  resources.Set("script_runtime", std::move(runtime));
  Json metadata = Json().Set("created_on", version.created_on).Set("modified_on", version.created_on);
  metadata.Set("source", "wrangler").Set("author_email", "admin@localhost");
  metadata.Set("has_preview", script_record != nullptr && CanPreview(*script_record));
  Json json = Json().Set("id", version.id).Set("number", version.number).Set("metadata", std::move(metadata));
  json.Set("annotations", version.annotations.is_null() ? Json::MakeObject() : version.annotations);
  return json.Set("resources", std::move(resources));
}

Plane::Answer Plane::Service(Call call) {
  std::shared_ptr<const ScriptRecord> script = catalog_->Find(call.script);
  if (script == nullptr) co_return Failure(NoSuchService(call.script));
  Json environment = Json().Set("environment", "production").Set("script", ScriptJson(*script));
  environment.Set("created_on", script->created_on).Set("modified_on", script->modified_on);
  Json json =
      Json().Set("id", script->name).Set("created_on", script->created_on).Set("modified_on", script->modified_on);
  co_return Success(json.Set("default_environment", std::move(environment)));
}

Plane::Answer Plane::Scripts(Call call) {
  Json list = Json::MakeArray();
  for (const auto& [name, script] : catalog_->scripts()) list.Append(ScriptJson(*script));
  co_return Success(std::move(list));
}

Plane::Answer Plane::Worker(Call call) {
  std::shared_ptr<const ScriptRecord> script = catalog_->Find(call.script);
  if (script == nullptr) co_return Failure(NoSuchScript(call.script));
  Json subdomain = Json().Set("enabled", script->subdomain_enabled).Set("previews_enabled", script->previews_enabled);
  subdomain.Set("url", UrlOf(script->name)).Set("preview_url_suffix", PreviewSuffixOf(script->name));
  co_return Success(Json().Set("id", script->tag).Set("name", script->name).Set("subdomain", std::move(subdomain)));
}

Plane::Answer Plane::PutScript(Call call) {
  if (!IsScriptName(call.script)) co_return Failure(BadName(call.script));
  if (!call.target.Query("rollback_to").empty()) co_return co_await RollBack(std::move(call));
  Decision<Upload> upload = ParseUpload(call.headers.Get("Content-Type").value_or(""), call.body);
  if (!upload.ok()) co_return Failure(upload.refusal());
  call.body = Bytes();
  Decision<Json> files = co_await ReadAssets(*upload);
  if (!files.ok()) co_return Failure(files.refusal());
  upload->assets = *std::move(files);
  Decision<VersionRecord> version = co_await deployer_->Put(call.script, *std::move(upload), UploadMode::kDeploy);
  if (!version.ok()) co_return Failure(version.refusal());
  std::shared_ptr<const ScriptRecord> script = catalog_->Find(call.script);
  if (script == nullptr) co_return Failure(NoSuchScript(call.script));  // Deleted right after.
  Json json = ScriptJson(*script);
  json.Set("deployment_id", version->id)
      .Set("startup_time_ms", version->startup_ms)
      .Set("available_on_subdomain", script->subdomain_enabled)
      .Set("previews_enabled", script->previews_enabled);
  json.Set("url", UrlOf(call.script)).Set("number", version->number);
  if (!version->reconciliation.is_null()) json.Set("exports_reconciliation", version->reconciliation);
  co_return Success(std::move(json));
}

Plane::Answer Plane::PostVersion(Call call) {
  Decision<Upload> upload = ParseUpload(call.headers.Get("Content-Type").value_or(""), call.body);
  if (!upload.ok()) co_return Failure(upload.refusal());
  call.body = Bytes();
  Decision<Json> files = co_await ReadAssets(*upload);
  if (!files.ok()) co_return Failure(files.refusal());
  upload->assets = *std::move(files);
  Decision<VersionRecord> version = co_await deployer_->Put(call.script, *std::move(upload), UploadMode::kVersionOnly);
  if (!version.ok()) co_return Failure(version.refusal());
  std::shared_ptr<const ScriptRecord> script = catalog_->Find(call.script);
  Json json = VersionJson(script.get(), *version).Set("startup_time_ms", version->startup_ms);
  if (!version->reconciliation.is_null()) json.Set("exports_reconciliation", version->reconciliation);
  Json previews = Json::MakeArray();  // Ours: the whole addresses.
  for (const auto& [label, id] : script != nullptr ? PreviewsOf(*script) : Previews()) {
    if (id == version->id) previews.Append(UrlOf(label));
  }
  co_return Success(json.Set("preview_urls", std::move(previews)));
}

Plane::Answer Plane::DeleteScript(Call call) {
  auto force = call.target.Query("force") == "true" ? Deployer::Force::kYes : Deployer::Force::kNo;
  Decision<Done> deleted = co_await deployer_->Delete(call.script, force);
  if (!deleted.ok()) co_return Failure(deleted.refusal());
  co_return Success(nullptr);
}

Plane::Answer Plane::Deployments(Call call) {
  std::shared_ptr<const ScriptRecord> script = catalog_->Find(call.script);
  if (script == nullptr) co_return Failure(NoSuchScript(call.script));
  Json list = Json::MakeArray();
  for (const Deployment& deployment : script->deployments) list.Append(DeploymentJson(deployment));
  co_return Success(Json().Set("deployments", std::move(list)));
}

Plane::Answer Plane::PostDeployment(Call call) {
  Decision<Json> body = ParseBody(call);
  if (!body.ok()) co_return Failure(body.refusal());
  std::vector<Share> shares;
  for (const Json& version : (*body)["versions"].items()) {
    shares.push_back({version["version_id"].AsString(), version["percentage"].AsDouble()});
  }
  Decision<std::string> id = co_await deployer_->Deploy(call.script, std::move(shares), (*body)["annotations"],
                                                        (*body)["code_update_strategy"]);
  if (!id.ok()) co_return Failure(id.refusal());
  co_return Success(Json().Set("id", *id).Set("strategy", "percentage").Set("versions", (*body)["versions"]));
}

Plane::Answer Plane::Versions(Call call) {
  std::shared_ptr<const ScriptRecord> script = catalog_->Find(call.script);
  if (script == nullptr) co_return Failure(NoSuchScript(call.script));
  Json list = Json::MakeArray();
  for (size_t i = script->versions.size(); i > 0; --i) list.Append(VersionJson(script.get(), script->versions[i - 1]));
  co_return Success(Json().Set("items", std::move(list)));
}

Plane::Answer Plane::Version(Call call) {
  std::shared_ptr<const ScriptRecord> script = catalog_->Find(call.script);
  if (script == nullptr) co_return Failure(NoSuchScript(call.script));
  const VersionRecord* version = script->FindVersion(call.target.segments.back());
  if (version == nullptr) co_return Failure({404, 100146, "Version not found: " + call.target.segments.back()});
  co_return Success(VersionJson(script.get(), *version));
}

}  // namespace limpet::control

// What wrangler 2 asks for and later ones do not. To it a deployment is a version that was live: one ID for both.
#include <algorithm>

#include "base/multipart.h"
#include "control/plane.h"

namespace limpet::control {
namespace {

constexpr size_t kTagAt = 7, kIdAt = 9;  // client v4 accounts ACCOUNT workers deployments by-script TAG detail ID

std::shared_ptr<const ScriptRecord> FindByTag(const Catalog& catalog, std::string_view tag) {
  for (const auto& [name, script] : catalog.scripts()) {
    if (script->tag == tag) return script;
  }
  return nullptr;
}

// The version with most of the traffic; null: it is forgotten.
const VersionRecord* VersionOf(const ScriptRecord& script, const Deployment& deployment) {
  auto less = [](const Share& one, const Share& other) { return one.percentage < other.percentage; };
  auto largest = std::ranges::max_element(deployment.shares, less);
  return script.FindVersion(largest->version_id);
}

}  // namespace

// GET …/deployments/by-script/TAG[?order=asc], the newest first if nothing else is asked for.
Plane::Answer Plane::DeploymentsByTag(Call call) {
  std::shared_ptr<const ScriptRecord> script = FindByTag(*catalog_, call.target.segments[kTagAt]);
  if (script == nullptr) co_return Failure(NoSuchScript(call.target.segments[kTagAt]));
  Json::Array items;
  for (const Deployment& deployment : script->deployments) {
    const VersionRecord* version = VersionOf(*script, deployment);
    if (version == nullptr) continue;
    Json item = VersionJson(script.get(), *version);
    if (!deployment.annotations.is_null()) item.Set("annotations", deployment.annotations);
    items.push_back(std::move(item));
  }
  Json latest = items.empty() ? Json() : items.front();
  if (call.target.Query("order") == "asc") std::ranges::reverse(items);
  co_return Success(Json().Set("latest", std::move(latest)).Set("items", Json(std::move(items))));
}

Plane::Answer Plane::DeploymentByTag(Call call) {
  std::shared_ptr<const ScriptRecord> script = FindByTag(*catalog_, call.target.segments[kTagAt]);
  if (script == nullptr) co_return Failure(NoSuchScript(call.target.segments[kTagAt]));
  const std::string& id = call.target.segments[kIdAt];
  const VersionRecord* version = script->FindVersion(id);
  if (version == nullptr) co_return Failure({404, 100146, "Version not found: " + id});
  co_return Success(VersionJson(script.get(), *version));
}

// PUT …/scripts/NAME?rollback_to=ID, a form with a "message".
Plane::Answer Plane::RollBack(Call call) {
  std::string id(call.target.Query("rollback_to"));
  Json annotations = Json::MakeObject();
  Result<std::vector<FormPart>> parts = ParseForm(call.headers.Get("Content-Type").value_or(""), call.body);
  if (parts.has_value()) {
    for (const FormPart& part : *parts) {
      if (part.name == "message" && IsUtf8(part.content)) annotations.Set("workers/message", std::string(part.content));
    }
  }
  Decision<std::string> deployed = co_await deployer_->Deploy(call.script, {{id, 100}}, std::move(annotations));
  if (!deployed.ok()) co_return Failure(deployed.refusal());
  co_return Success(Json().Set("deployment_id", id));
}

// GET …/scripts/NAME/bindings: the settings' list alone.
Plane::Answer Plane::Bindings(Call call) {
  std::shared_ptr<const ScriptRecord> script = catalog_->Find(call.script);
  if (script == nullptr) co_return Failure(NoSuchScript(call.script));
  Json bindings = Json::MakeArray();
  const VersionRecord* version = script->Deployed() != nullptr ? script->Deployed() : script->Newest();
  if (version != nullptr) {
    for (const Json& binding : version->bindings) bindings.Append(PublicBinding(binding));
  }
  co_return Success(std::move(bindings));
}

}  // namespace limpet::control

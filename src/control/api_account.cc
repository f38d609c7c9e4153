// Who is asking, and what belongs to no script.
#include "control/domains.h"
#include "control/plane.h"

namespace limpet::control {

Plane::Answer Plane::User(Call call) {
  co_return Success(Json().Set("id", options_.account_id).Set("email", "admin@localhost"));
}

Plane::Answer Plane::VerifyToken(Call call) {
  Json answer = Json().Set("id", call.caller.id.empty() ? options_.account_id : call.caller.id).Set("status", "active");
  answer.Set("name", call.caller.name).Set("scope", ScopeName(call.caller.scope));
  for (const ApiToken& token : access_->tokens()) {
    if (token.id == call.caller.id) answer = ShowToken(token).Set("status", "active");
  }
  co_return Success(std::move(answer));
}

Plane::Answer Plane::Accounts(Call call) {
  Json account = Json().Set("id", options_.account_id).Set("name", options_.account_id);
  Json info = Json().Set("page", 1).Set("per_page", 20).Set("count", 1).Set("total_count", 1).Set("total_pages", 1);
  bool first = call.target.Query("page").empty() || call.target.Query("page") == "1";
  co_return Success(first ? Json::MakeArray({std::move(account)}) : Json::MakeArray(), std::move(info));
}

Plane::Answer Plane::Account(Call call) {
  co_return Success(Json().Set("id", call.target.segments[3]).Set("name", call.target.segments[3]));
}

Plane::Answer Plane::Memberships(Call call) {
  Json account = Json().Set("id", options_.account_id).Set("name", options_.account_id);
  bool first = call.target.Query("page").empty() || call.target.Query("page") == "1";
  Json membership = Json().Set("id", options_.account_id).Set("status", "accepted").Set("account", std::move(account));
  co_return Success(first ? Json::MakeArray({std::move(membership)}) : Json::MakeArray());
}

Plane::Answer Plane::AccountSubdomain(Call call) { co_return Success(Json().Set("subdomain", "local")); }

// One zone of any name: every host name that reaches the server is its own. A zone's id is its name, a route's id its
// pattern in hex.
Plane::Answer Plane::Zones(Call call) {
  std::string name(call.target.Query("name"));
  if (name.empty()) co_return Success(Json::MakeArray());
  co_return Success(Json::MakeArray({Json().Set("id", name).Set("name", name)}));
}

Plane::Answer Plane::Zone(Call call) {
  const std::string& id = call.target.segments.back();
  co_return Success(Json().Set("id", id).Set("name", id).Set("status", "active"));
}

Plane::Answer Plane::ZoneRoutes(Call call) {
  const std::string& zone = call.target.segments[3];
  Json list = Json::MakeArray();
  bool first = call.target.Query("page").empty() || call.target.Query("page") == "1";
  for (const auto& [name, script] : catalog_->scripts()) {
    for (const Json& item : script->routes.items()) {
      Decision<control::Route> route = ParseRoute(item["pattern"].AsString());
      if (!first || !route.ok()) continue;
      bool inside = route->host == zone || route->host.ends_with("." + zone) || item["zone_id"].AsString() == zone;
      if (inside) {
        list.Append(Json().Set("id", ToHex(route->pattern)).Set("pattern", route->pattern).Set("script", name));
      }
    }
  }
  co_return Success(std::move(list));
}

Plane::Answer Plane::PostZoneRoute(Call call) {
  Decision<Json> body = ParseBody(call);
  if (!body.ok()) co_return Failure(body.refusal());
  const std::string name = (*body)["script"].AsString();
  const std::string pattern = (*body)["pattern"].AsString();
  std::shared_ptr<const ScriptRecord> script = catalog_->Find(name);
  if (script == nullptr) co_return Failure(NoSuchScript(name));
  Json routes = script->routes;
  routes.Append(Json().Set("pattern", pattern).Set("zone_id", call.target.segments[3]));
  Decision<Done> set = co_await deployer_->SetRoutes(name, std::move(routes));
  if (!set.ok()) co_return Failure(set.refusal());
  co_return Success(Json().Set("id", ToHex(pattern)).Set("pattern", pattern).Set("script", name));
}

Plane::Answer Plane::DeleteZoneRoute(Call call) {
  const std::string& id = call.target.segments.back();
  std::optional<Bytes> pattern = FromHex(id);
  std::shared_ptr<const ScriptRecord> owner;
  if (pattern) owner = OwnerOfRoute(catalog_->scripts(), *pattern, "");
  if (owner == nullptr) co_return Failure({404, 10009, "There is no route " + id + "."});
  Json left = Json::MakeArray();
  for (const Json& route : owner->routes.items()) {
    if (route["pattern"].AsString() != *pattern) left.Append(route);
  }
  Decision<Done> set = co_await deployer_->SetRoutes(owner->name, std::move(left));
  if (!set.ok()) co_return Failure(set.refusal());
  co_return Success(Json().Set("id", id));
}

Plane::Answer Plane::EmptyList(Call call) { co_return Success(Json::MakeArray()); }
Plane::Answer Plane::EmptyObject(Call call) { co_return Success(Json::MakeObject()); }

Plane::Answer Plane::Namespaces(Call call) {
  Json list = Json::MakeArray();
  bool first = call.target.Query("page").empty() || call.target.Query("page") == "1";
  const std::map<NamespaceId, uint64_t> stored = deps_.engine.Stored();
  for (const auto& [name, script] : catalog_->scripts()) {
    if (!first) break;  // Everything is on the first page.
    for (const ObjectClass& entry : script->classes) {
      auto bytes = stored.find(entry.ns);
      list.Append(Json()
                      .Set("id", entry.ns_key)
                      .Set("name", name + "_" + entry.class_name)
                      .Set("script", name)
                      .Set("class", entry.class_name)
                      .Set("use_sqlite", entry.sqlite)
                      .Set("stored_bytes", bytes == stored.end() ? 0 : bytes->second));
    }
  }
  co_return Success(std::move(list));
}

}  // namespace limpet::control

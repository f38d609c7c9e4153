// Who is asking, and what belongs to no script.
#include "control/plane.h"

namespace limpet::control {

Plane::Answer Plane::User(Call call) {
  co_return Success(Json().Set("id", options_.account_id).Set("email", "admin@localhost"));
}

Plane::Answer Plane::VerifyToken(Call call) {
  Json answer = Json().Set("id", call.caller.id.empty() ? options_.account_id : call.caller.id).Set("status", "active");
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

// One zone of any name: routes are stored, and every host name that reaches the server is its own.
Plane::Answer Plane::Zones(Call call) {
  std::string name(call.target.Query("name"));
  if (name.empty()) co_return Success(Json::MakeArray());
  co_return Success(Json::MakeArray({Json().Set("id", name).Set("name", name)}));
}

Plane::Answer Plane::EmptyList(Call call) { co_return Success(Json::MakeArray()); }
Plane::Answer Plane::EmptyObject(Call call) { co_return Success(Json::MakeObject()); }

Plane::Answer Plane::Namespaces(Call call) {
  Json list = Json::MakeArray();
  bool first = call.target.Query("page").empty() || call.target.Query("page") == "1";
  for (const auto& [name, script] : catalog_->scripts()) {
    if (!first) break;  // Everything is on the first page.
    for (const ObjectClass& entry : script->classes) {
      list.Append(Json()
                      .Set("id", entry.ns_key)
                      .Set("name", name + "_" + entry.class_name)
                      .Set("script", name)
                      .Set("class", entry.class_name)
                      .Set("use_sqlite", entry.sqlite));
    }
  }
  co_return Success(std::move(list));
}

}  // namespace limpet::control

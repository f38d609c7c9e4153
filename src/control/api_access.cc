// API tokens and the audit log.
#include <charconv>

#include "base/iso_time.h"
#include "control/plane.h"

namespace limpet::control {
namespace {

constexpr size_t kAuditPage = 100;
constexpr size_t kAuditPageMax = 1000;

}  // namespace

Plane::Answer Plane::Tokens(Call call) {
  Json list = Json::MakeArray();
  for (const ApiToken& token : access_->tokens()) list.Append(ShowToken(token));
  co_return Success(std::move(list));
}

Plane::Answer Plane::CreateToken(Call call) {
  Decision<Json> body = ParseBody(call);
  if (!body.ok()) co_return Failure(body.refusal());
  const Json& json = *body;
  std::optional<AccessScope> scope = ScopeOfName(json["scope"].AsString());
  if (!scope) {
    co_return Failure({400, 10001, "\"scope\" must be \"read\", \"deploy\" or \"admin\"."});
  }
  std::optional<int64_t> expiry;
  if (const Json* given = json.Find("expires_on"); given != nullptr && !given->is_null()) {
    std::optional<WallTime> time = ParseIsoTime(given->AsString());
    if (!time) {
      co_return Failure(
          {400, 10001, "\"expires_on\" must be a time such as \"2027-01-31T00:00:00Z\" or \"2027-01-31\"."});
    }
    expiry = time->time_since_epoch().count();
  }
  Decision<Access::Made> made = co_await access_->Create(json["name"].AsString(), *scope, expiry);
  if (!made.ok()) co_return Failure(made.refusal());
  Json shown = ShowToken(made->token);
  shown.Set("value", made->value);
  co_return Success(std::move(shown));
}

Plane::Answer Plane::RevokeToken(Call call) {
  Decision<ApiToken> revoked = co_await access_->Revoke(call.target.segments[5]);
  if (!revoked.ok()) co_return Failure(revoked.refusal());
  co_return Success(ShowToken(*revoked));
}

Plane::Answer Plane::AuditLog(Call call) {
  size_t limit = kAuditPage;
  if (std::string_view text = call.target.Query("limit"); !text.empty()) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (error != std::errc() || end != text.data() + text.size() || limit == 0 || limit > kAuditPageMax) {
      co_return Failure({400, 10001, "\"limit\" must be from 1 to " + std::to_string(kAuditPageMax) + "."});
    }
  }
  Result<Json> entries = co_await access_->Entries(limit, std::string(call.target.Query("before")));
  if (!entries.has_value())
    co_return Failure({503, 10013, "The audit log can't be read: " + entries.error().message()});
  co_return Success(std::move(entries).value());
}

}  // namespace limpet::control

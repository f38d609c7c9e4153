// Changes of where scripts answer: routes and custom domains.
#include <algorithm>

#include "control/deployer.h"
#include "control/domains.h"

namespace limpet::control {

loop::Task<Decision<Done>> Deployer::SetDomains(std::string name, Json domains, Override override_existing) {
  Result<Done> entered = co_await Enter();
  if (!entered.has_value()) co_return Failed(entered.error());
  Decision<Done> decision = co_await SetDomainsLocked(std::move(name), std::move(domains), override_existing);
  turnstile_.Leave();
  co_return decision;
}

loop::Task<Decision<Done>> Deployer::SetRoutes(std::string name, Json routes) {
  Result<Done> entered = co_await Enter();
  if (!entered.has_value()) co_return Failed(entered.error());
  Decision<Done> decision = co_await SetRoutesLocked(std::move(name), std::move(routes));
  turnstile_.Leave();
  co_return decision;
}

loop::Task<Decision<Done>> Deployer::SetDomainsLocked(std::string name, Json domains, Override override_existing) {
  std::shared_ptr<const ScriptRecord> old = catalog_.Find(name);
  if (old == nullptr) co_return NoSuchScript(name);
  Decision<Json> read = ReadDomains(domains);
  if (!read.ok()) co_return read.refusal();
  CatalogChange change;
  for (const Json& domain : read->items()) {
    const std::string& host = domain["hostname"].AsString();
    std::shared_ptr<const ScriptRecord> owner = OwnerOf(catalog_.scripts(), host, name);
    if (owner == nullptr) continue;
    if (override_existing == Override::kNo) {
      co_return Refusal{409, 100116,
                        "The custom domain \"" + host + "\" belongs to the Worker \"" + owner->name +
                            "\". Take it out of that one's routes and deploy it, then deploy this one again."};
    }
    auto found = std::find_if(change.scripts.begin(), change.scripts.end(),
                              [&](const ScriptRecord& changed) { return changed.name == owner->name; });
    ScriptRecord& loser = found != change.scripts.end() ? *found : change.scripts.emplace_back(*owner);
    loser.domains = WithoutDomain(loser.domains, host);
  }
  change.scripts.emplace_back(*old).domains = *std::move(read);
  Result<Done> written = co_await catalog_.Commit(std::move(change));
  if (!written.has_value()) co_return Failed(written.error());
  co_await RouteAll();
  co_return Done{};
}

loop::Task<Decision<Done>> Deployer::SetRoutesLocked(std::string name, Json routes) {
  std::shared_ptr<const ScriptRecord> old = catalog_.Find(name);
  if (old == nullptr) co_return NoSuchScript(name);
  Decision<Json> read = ReadRoutes(routes);
  if (!read.ok()) co_return read.refusal();
  for (const Json& route : read->items()) {
    const std::string& pattern = route["pattern"].AsString();
    std::shared_ptr<const ScriptRecord> owner = OwnerOfRoute(catalog_.scripts(), pattern, name);
    if (owner == nullptr) continue;
    co_return Refusal{409, 10020,
                      "The route \"" + pattern + "\" belongs to the Worker \"" + owner->name +
                          "\". Take it out of that one's routes and deploy it, then deploy this one again."};
  }
  CatalogChange change;
  change.scripts.emplace_back(*old).routes = *std::move(read);
  Result<Done> written = co_await catalog_.Commit(std::move(change));
  if (!written.has_value()) co_return Failed(written.error());
  co_await RouteAll();
  co_return Done{};
}

loop::Task<Done> Deployer::RouteAll() {
  auto routes = std::make_shared<const RouteTable>(RoutesOf(catalog_.scripts()));
  loop::Completion<Result<Done>> route([&](auto done) { deps_.runtime.SetRoutes(routes, std::move(done)); });
  Result<Done> routed = co_await route;
  if (!routed.has_value()) {
    deps_.logger.Write(LogLevel::kError, "control", "set routes: " + routed.error().ToString());
  }
  co_return Done{};
}

}  // namespace limpet::control

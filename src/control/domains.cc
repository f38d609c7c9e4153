#include "control/domains.h"

namespace limpet::control {
namespace {

constexpr size_t kHostBytesMax = 253;

bool IsHostName(std::string_view name) {
  if (name.empty() || name.size() > kHostBytesMax || name.front() == '.' || name.back() == '.') return false;
  if (name.find("..") != std::string_view::npos) return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.") == std::string_view::npos;
}

}  // namespace

Decision<Json> ReadDomains(const Json& list) {
  if (!list.is_null() && !list.is_array()) return Refusal{400, 10021, "Domains must be an array of {\"hostname\"}."};
  if (list.items().size() > kDomainsMax) {
    return Refusal{400, 10021, "A script can have " + std::to_string(kDomainsMax) + " custom domains."};
  }
  Json domains = Json::MakeArray();
  for (Json item : list.items()) {
    std::string host = ToLowerAscii(item["hostname"].AsString());
    if (!IsHostName(host)) {
      return Refusal{400, 10021,
                     "\"" + item["hostname"].AsString() +
                         "\" is no host name that a custom domain can have: no scheme, port, path or wildcard."};
    }
    domains.Append(item.Set("hostname", std::move(host)));
  }
  return domains;
}

RouteTable RoutesOf(const Scripts& scripts) {
  RouteTable table;
  for (const auto& [name, script] : scripts) {
    if (!script->subdomain_enabled) table.hidden.insert(name);
    for (const Json& domain : script->domains.items()) table.hosts.emplace(domain["hostname"].AsString(), name);
    for (const Json& item : script->routes.items()) {
      // Records of before routes were looked at may hold anything.
      Decision<Route> route = ParseRoute(item["pattern"].AsString());
      if (!route.ok()) continue;
      route->script = name;
      table.Add(*std::move(route));
    }
  }
  table.Sort();
  return table;
}

std::shared_ptr<const ScriptRecord> OwnerOfRoute(const Scripts& scripts, std::string_view pattern,
                                                 std::string_view name) {
  for (const auto& [other, script] : scripts) {
    if (other == name) continue;
    for (const Json& route : script->routes.items()) {
      if (route["pattern"].AsString() == pattern) return script;
    }
  }
  return nullptr;
}

std::shared_ptr<const ScriptRecord> OwnerOf(const Scripts& scripts, std::string_view host, std::string_view name) {
  for (const auto& [other, script] : scripts) {
    if (other == name) continue;
    for (const Json& domain : script->domains.items()) {
      if (domain["hostname"].AsString() == host) return script;
    }
  }
  return nullptr;
}

Json WithoutDomain(const Json& domains, std::string_view host) {
  Json left = Json::MakeArray();
  for (const Json& domain : domains.items()) {
    if (domain["hostname"].AsString() != host) left.Append(domain);
  }
  return left;
}

}  // namespace limpet::control

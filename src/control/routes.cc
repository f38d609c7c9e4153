#include "control/routes.h"

#include <algorithm>

#include "base/bytes.h"

namespace limpet::control {
namespace {

Refusal Bad(std::string_view pattern, const char* why) {
  return {400, 10022, "Invalid route pattern \"" + std::string(pattern) + "\": " + why};
}

bool MoreSpecific(const Route& a, const Route& b) {
  if (a.host.size() != b.host.size()) return a.host.size() > b.host.size();
  if (a.path.size() != b.path.size()) return a.path.size() > b.path.size();
  if (a.any_path != b.any_path) return b.any_path;
  if ((a.scheme != Route::Scheme::kAny) != (b.scheme != Route::Scheme::kAny)) return a.scheme != Route::Scheme::kAny;
  return a.pattern < b.pattern;
}

const Route* FirstMatch(const std::vector<Route>& routes, Route::Scheme scheme, std::string_view host,
                        std::string_view target) {
  for (const Route& route : routes) {
    if (route.Matches(scheme, host, target)) return &route;
  }
  return nullptr;
}

}  // namespace

bool Route::Matches(Scheme request, std::string_view at, std::string_view target) const {
  if (scheme != Scheme::kAny && scheme != request) return false;
  if (any_host ? !at.ends_with(host) : at != host) return false;
  return any_path ? target.starts_with(path) : target == path;
}

Decision<Route> ParseRoute(std::string_view pattern) {
  Route route;
  route.pattern = pattern;
  std::string_view rest = pattern;
  if (size_t scheme = rest.find("://"); scheme != std::string_view::npos) {
    std::string name = ToLowerAscii(rest.substr(0, scheme));
    if (name != "http" && name != "https" && name != "*") return Bad(pattern, "the scheme must be http or https.");
    if (name != "*") route.scheme = name == "http" ? Route::Scheme::kHttp : Route::Scheme::kHttps;
    rest.remove_prefix(scheme + 3);
  }
  if (rest.find('?') != std::string_view::npos) return Bad(pattern, "a route can't hold a query.");
  size_t slash = std::min(rest.size(), rest.find('/'));
  std::string_view host = rest.substr(0, slash);
  std::string_view path = rest.substr(slash);
  if (host.starts_with('*')) {
    route.any_host = true;
    host.remove_prefix(1);
  }
  if (host.find('*') != std::string_view::npos) return Bad(pattern, "\"*\" in the host can only be its beginning.");
  if (host.find(':') != std::string_view::npos) return Bad(pattern, "a route can't name a port.");
  route.host = ToLowerAscii(host);
  std::string_view allowed = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
  if (route.host.find_first_not_of(allowed) != std::string::npos || route.host.find("..") != std::string::npos ||
      route.host.ends_with('.') || (!route.any_host && (route.host.empty() || route.host.starts_with('.')))) {
    return Bad(pattern, "it must begin with a host name, such as example.com/* or *.example.com/api/*.");
  }
  if (path.ends_with('*')) {
    route.any_path = true;
    path.remove_suffix(1);
  }
  if (path.find('*') != std::string_view::npos) return Bad(pattern, "\"*\" in the path can only be its end.");
  route.path = path.empty() ? "/" : path;
  return route;
}

Decision<Json> ReadRoutes(const Json& list) {
  if (!list.is_null() && !list.is_array()) return Refusal{400, 10022, "Routes must be an array of {\"pattern\"}."};
  if (list.items().size() > kRoutesMax) {
    return Refusal{400, 10022, "A script can have " + std::to_string(kRoutesMax) + " routes."};
  }
  Json routes = Json::MakeArray();
  std::set<std::string> seen;
  for (const Json& item : list.items()) {
    Json route = item.is_string() ? Json().Set("pattern", item) : item;
    const std::string& pattern = route["pattern"].AsString();
    Decision<Route> parsed = ParseRoute(pattern);
    if (!parsed.ok()) return parsed.refusal();
    if (seen.insert(pattern).second) routes.Append(std::move(route));
  }
  return routes;
}

void RouteTable::Add(Route route) {
  std::vector<Route>& list = route.any_host ? any_host_ : by_host_[route.host];
  list.push_back(std::move(route));
}

void RouteTable::Sort() {
  for (auto& [host, routes] : by_host_) std::sort(routes.begin(), routes.end(), MoreSpecific);
  std::sort(any_host_.begin(), any_host_.end(), MoreSpecific);
}

const Route* RouteTable::Find(std::string_view scheme, std::string_view host, std::string_view target) const {
  Route::Scheme asked = scheme == "https" ? Route::Scheme::kHttps : Route::Scheme::kHttp;
  if (auto found = by_host_.find(host); found != by_host_.end()) {
    if (const Route* route = FirstMatch(found->second, asked, host, target)) return route;
  }
  return FirstMatch(any_host_, asked, host, target);
}

}  // namespace limpet::control

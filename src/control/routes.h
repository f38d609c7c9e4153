// Which script answers on which address, beside NAME.localhost: routes ("*.example.com/api/*") and custom domains.
// Pure; a table is immutable and shared between threads as std::shared_ptr<const RouteTable>.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "control/lifecycle.h"

namespace limpet::control {

// Custom domains, in lower case, and the names of the scripts that answer on them.
using HostMap = std::map<std::string, std::string, std::less<>>;

inline constexpr size_t kRoutesMax = 1000;  // Of a script, as on Cloudflare of a zone.

struct Route {
  enum class Scheme : uint8_t { kAny, kHttp, kHttps };
  std::string pattern;  // As written.
  Scheme scheme = Scheme::kAny;
  std::string host;       // Lower case; behind a "*" if `any_host`: "*.example.com", "*example.com".
  bool any_host = false;  // What comes before `host` does not matter.
  std::string path;       // "/api/"; with the query, as in a URL.
  bool any_path = false;  // What comes behind `path` does not matter.
  std::string script;     // Empty: nobody; less specific routes do not count.

  bool Matches(Scheme request, std::string_view at, std::string_view target) const;
};
// Refusal 10022: why it is none.
Decision<Route> ParseRoute(std::string_view pattern);

// [{pattern, …}] or ["pattern"] to [{pattern, …}], each pattern once. Refusal 10022.
Decision<Json> ReadRoutes(const Json& list);

class RouteTable {
 public:
  HostMap hosts;
  std::set<std::string, std::less<>> hidden;  // Scripts that do not answer on NAME.DOMAIN (workers_dev = false).

  void Add(Route route);
  // After the last Add.
  void Sort();
  // The most specific route that matches: the one with the longest host, without "*" before one with; then the one with
  // the longest path. `target` is path and query. Null: none. Allocates nothing.
  const Route* Find(std::string_view scheme, std::string_view host, std::string_view target) const;

 private:
  std::map<std::string, std::vector<Route>, std::less<>> by_host_;
  std::vector<Route> any_host_;
};

}  // namespace limpet::control

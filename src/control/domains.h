// Custom domains: host names that a script answers on beside its own; and what all scripts' records say of routing.
// Pure.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "control/catalog.h"
#include "control/lifecycle.h"
#include "control/runtime.h"

namespace limpet::control {

inline constexpr size_t kDomainsMax = 100;  // A script's.

using Scripts = std::map<std::string, std::shared_ptr<const ScriptRecord>>;

// The entries of an upload of domains, [{hostname, …}], with their names in lower case. Refusal 10021: a name that no
// request can have.
Decision<Json> ReadDomains(const Json& list);
// Which script answers where: routes, custom domains, and who has given up NAME.DOMAIN.
RouteTable RoutesOf(const Scripts& scripts);
// The script other than `name` that has the route `pattern`, or null.
std::shared_ptr<const ScriptRecord> OwnerOfRoute(const Scripts& scripts, std::string_view pattern,
                                                 std::string_view name);
// The script other than `name` that has the custom domain `host`, or null.
std::shared_ptr<const ScriptRecord> OwnerOf(const Scripts& scripts, std::string_view host, std::string_view name);
// `domains` without the one named `host`.
Json WithoutDomain(const Json& domains, std::string_view host);

}  // namespace limpet::control

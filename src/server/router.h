// Which script answers on a host name. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/routes.h"

namespace limpet::server {

// "a.localhost" of "http://A.localhost.:80/x?y": lower case, without port and final dot. Empty if there is none.
std::string HostOf(std::string_view url);

struct RouterOptions {
  std::vector<std::string> domains{"localhost"};  // A script answers on NAME.DOMAIN; lower case.
  std::string default_script;                     // Answers where no name is found; may be empty.
};

class Router {
 public:
  explicit Router(RouterOptions options) : options_(std::move(options)) {}

  // The script's name: from NAME.DOMAIN or NAME.ACCOUNT.workers.dev, unless that script is hidden; else that of the
  // most specific route, else that of the custom domain `host`, else the default script; nothing if there is none.
  // `host` as HostOf gives it of `url`. Whether the script exists is not known here. The answer is a part of `host`, of
  // `routes` or of this; nothing is allocated.
  std::optional<std::string_view> ScriptOf(std::string_view host, std::string_view url,
                                           const control::RouteTable& routes) const;
  const RouterOptions& options() const { return options_; }

 private:
  RouterOptions options_;
};

// The text of a 404: no script is named by `host` (script empty) or `script` does not exist. `known` are the names of
// scripts that the client may see.
std::string NoScriptText(const std::string& host, const std::optional<std::string>& script, const Router& router,
                         const std::vector<std::string>& known);

}  // namespace limpet::server

// Which script answers on a host name. Pure; any thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace limpet::server {

// "a.localhost" of "http://A.localhost.:80/x?y": lower case, without port and final dot. Empty if there is none.
std::string HostOf(std::string_view url);

// Custom domains in lower case, and their scripts' names.
using HostMap = std::map<std::string, std::string, std::less<>>;

struct RouterOptions {
  std::vector<std::string> domains{"localhost"};  // A script answers on NAME.DOMAIN; lower case.
  std::string default_script;                     // Answers where no name is found; may be empty.
};

class Router {
 public:
  explicit Router(RouterOptions options) : options_(std::move(options)) {}

  // The script's name, from NAME.DOMAIN or NAME.ACCOUNT.workers.dev, else that of the custom domain `host`, else the
  // default script; nothing if there is none. `host` as HostOf gives it. Whether the script exists is not known here.
  std::optional<std::string> ScriptOf(std::string_view host, const HostMap& custom) const;
  const RouterOptions& options() const { return options_; }

 private:
  RouterOptions options_;
};

// The text of a 404: no script is named by `host` (script empty) or `script` does not exist. `known` are the names of
// scripts that the client may see.
std::string NoScriptText(const std::string& host, const std::optional<std::string>& script, const Router& router,
                         const std::vector<std::string>& known);

}  // namespace limpet::server

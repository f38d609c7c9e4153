#include "server/router.h"

#include <algorithm>

#include "base/bytes.h"

namespace limpet::server {
namespace {

constexpr std::string_view kWorkersDev = ".workers.dev";
constexpr size_t kKnownShownMax = 20;

// "name" of "name.suffix": one label, no more.
std::optional<std::string_view> LabelBefore(std::string_view host, std::string_view domain) {
  if (host.size() <= domain.size() + 1 || !host.ends_with(domain)) return std::nullopt;
  std::string_view label = host.substr(0, host.size() - domain.size());
  if (!label.ends_with('.')) return std::nullopt;
  label.remove_suffix(1);
  if (label.empty() || label.find('.') != std::string_view::npos) return std::nullopt;
  return label;
}

}  // namespace

std::string HostOf(std::string_view url) {
  if (size_t scheme = url.find("://"); scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  std::string_view host = url.substr(0, url.find_first_of("/?#"));
  if (host.starts_with('[')) return ToLowerAscii(host.substr(0, host.find(']') + 1));
  host = host.substr(0, host.find(':'));
  if (host.ends_with('.')) host.remove_suffix(1);
  return ToLowerAscii(host);
}

std::optional<std::string_view> Router::ScriptOf(std::string_view host, std::string_view url,
                                                 const control::RouteTable& routes) const {
  for (const std::string& domain : options_.domains) {
    auto name = LabelBefore(host, domain);
    if (name && !routes.hidden.contains(*name)) return name;
  }
  if (host.ends_with(kWorkersDev)) {
    std::string_view rest = host.substr(0, host.size() - kWorkersDev.size());
    size_t dot = rest.find('.');
    bool two_labels = dot != std::string_view::npos && dot > 0 && rest.find('.', dot + 1) == std::string_view::npos;
    if (two_labels && !routes.hidden.contains(rest.substr(0, dot))) return rest.substr(0, dot);
  }
  size_t scheme = url.find("://");
  if (scheme != std::string_view::npos) {
    size_t slash = std::min(url.size(), url.find('/', scheme + 3));
    if (const control::Route* route = routes.Find(url.substr(0, scheme), host, url.substr(slash))) return route->script;
  }
  if (auto found = routes.hosts.find(host); found != routes.hosts.end()) return found->second;
  if (!options_.default_script.empty()) return options_.default_script;
  return std::nullopt;
}

std::string NoScriptText(const std::string& host, const std::optional<std::string>& script, const Router& router,
                         const std::vector<std::string>& known) {
  std::string domain = router.options().domains.empty() ? "localhost" : router.options().domains[0];
  std::string text = script ? "There is no Worker \"" + *script + "\" on this server.\n"
                            : "No Worker answers on \"" + host + "\". Workers answer on NAME." + domain + ".\n";
  if (known.empty()) return text + "To publish one: limpet generate NAME, then limpet publish in its folder.\n";
  text += "There are: ";
  for (size_t i = 0; i < known.size() && i < kKnownShownMax; ++i) text += (i > 0 ? ", " : "") + known[i];
  return text + (known.size() > kKnownShownMax ? ", …\n" : "\n");
}

}  // namespace limpet::server

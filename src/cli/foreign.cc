#include "cli/foreign.h"

#include <utility>

#include "base/absent.h"

namespace limpet::cli {

std::optional<std::string> ForeignCommand(const std::string& word) {
  if (std::string advice = AdviceForCommand(word); !advice.empty()) return advice;
  static constexpr std::pair<const char*, const char*> kCommands[] = {
      {"route", "Routes are in the configuration, and put in place by: limpet triggers deploy"},
      {"subdomain", "Every Worker answers on NAME.localhost; other domains: limpet serve --domain, or routes"},
      {"config", "A server and its token are kept by: limpet login"},
      {"preview", "A project is tried with: limpet dev; a version that is not live: limpet versions upload"},
      {"build", "A project is bundled and checked by: limpet deploy --dry-run"},
      {"check", "A project is bundled and checked by: limpet deploy --dry-run"},
      {"types", "wrangler's own `wrangler types` writes them; it needs no server"},
      {"docs", "The documentation is in the folder docs"},
      {"setup", "A project begins with: limpet init"}};
  for (const auto& [name, text] : kCommands) {
    if (word == name) return text;
  }
  for (const char* name : {"cert", "cloudchamber", "pubsub", "vpc"}) {
    if (word == name) return "limpet has nothing like wrangler's \"" + word + "\"";
  }
  return std::nullopt;
}

std::optional<std::string> ForeignFlag(const std::string& flag) {
  static constexpr std::pair<const char*, const char*> kFlags[] = {
      {"--remote", "what runs in dev runs on this machine; limpet versions upload brings it to a server, not live"},
      {"--persist-to", "what is stored in dev is in the project's folder .limpet"},
      {"--routes", "routes are in the configuration"},
      {"--route", "routes are in the configuration"},
      {"--domains", "custom domains are routes in the configuration, with custom_domain = true"},
      {"--triggers", "schedules are in the configuration: crons below [triggers]"},
      {"--schedules", "schedules are in the configuration: crons below [triggers]"},
      {"--outdir", "limpet deploy --dry-run says what would be uploaded"},
      {"--tsconfig", "tsconfig is a key of the configuration"},
      {"--site", "limpet has no Workers Sites; --assets serves a folder of static files"},
      {"--dispatch-namespace", "limpet has no Workers for Platforms"}};
  for (const auto& [name, text] : kFlags) {
    if (flag == name) return text;
  }
  return std::nullopt;
}

}  // namespace limpet::cli

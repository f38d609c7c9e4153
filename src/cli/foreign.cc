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

}  // namespace limpet::cli

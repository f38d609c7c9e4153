#include "cli/foreign.h"

#include <utility>

namespace limpet::cli {

std::optional<std::string> ForeignCommand(const std::string& word) {
  static constexpr std::pair<const char*, const char*> kCommands[] = {
      {"r2", "limpet has no R2. Workers KV holds values of up to 25 MiB (limpet kv), a Durable Object any number"},
      {"d1", "limpet has no D1. A Durable Object has an SQL database of its own: list its class in new_sqlite_classes"},
      {"queues",
       "limpet has no Queues. A Durable Object with an alarm does later what is to be done: examples/scheduler"},
      {"pages", "limpet has no Pages. A Worker with [assets] serves static files: docs/assets.md"},
      {"workflows", "limpet has no Workflows. A Durable Object with an alarm keeps where it is and goes on"},
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
  for (const char* name : {"ai", "cert", "cloudchamber", "containers", "dispatch-namespace", "email", "hyperdrive",
                           "pipelines", "pubsub", "secrets-store", "vectorize", "vpc"}) {
    if (word == name) return "limpet has nothing like wrangler's \"" + word + "\"";
  }
  return std::nullopt;
}

}  // namespace limpet::cli

#include "base/absent.h"

#include <algorithm>

namespace limpet {
namespace {

// One thing by the names that it has in the three places; empty: it is not there.
struct Product {
  std::string_view command, binding, segment, advice;
};

constexpr Product kProducts[] = {
    {"r2", "r2_bucket", "r2",
     "limpet has no R2. Workers KV holds values of up to 25 MiB (limpet kv), a Durable Object any number"},
    {"d1", "d1", "d1",
     "limpet has no D1. A Durable Object has an SQL database of its own: list its class in new_sqlite_classes"},
    {"queues", "queue", "queues",
     "limpet has no Queues. A Durable Object with an alarm does later what is to be done: examples/scheduler"},
    {"workflows", "workflow", "workflows",
     "limpet has no Workflows. A Durable Object with an alarm keeps where it is and goes on"},
    {"pages", "", "pages", "limpet has no Pages. A Worker with [assets] serves static files: docs/assets.md"},
    {"ai", "ai", "ai", "limpet has no Workers AI. A Worker calls the API of a model by fetch()"},
    {"hyperdrive", "hyperdrive", "hyperdrive",
     "limpet has no Hyperdrive. A Worker reaches a database by connect() of cloudflare:sockets"},
    {"vectorize", "vectorize", "vectorize", "limpet has no Vectorize"},
    {"email", "send_email", "email", "limpet sends no mail. A Worker calls the API of a mail service by fetch()"},
    {"secrets-store", "secrets_store_secret", "secrets_store",
     "limpet has no Secrets Store. A Worker has secrets of its own: limpet secret put"},
    {"", "ratelimit", "", "limpet has no rate limiting binding. A Durable Object counts: examples/rate-limiter"},
    {"dispatch-namespace", "dispatch_namespace", "dispatch", "limpet has no Workers for Platforms"},
    {"containers", "", "containers", "limpet has no Containers"},
    {"pipelines", "pipelines", "pipelines", "limpet has no Pipelines"}};

std::string AdviceBy(std::string_view Product::* key, std::string_view name) {
  auto named = [&](const Product& one) { return !name.empty() && one.*key == name; };
  const auto* found = std::ranges::find_if(kProducts, named);
  return found == std::end(kProducts) ? "" : std::string(found->advice);
}

}  // namespace

std::string AdviceForCommand(std::string_view command) { return AdviceBy(&Product::command, command); }
std::string AdviceForBinding(std::string_view type) { return AdviceBy(&Product::binding, type); }

std::string AdviceForPath(const std::vector<std::string>& segments) {
  if (!segments.empty() && segments.back() == "edge-preview") {
    return "limpet has no remote preview. `wrangler dev` without --remote runs the Worker on your machine, "
           "`wrangler versions upload` uploads a version that is not live";
  }
  constexpr size_t kProduct = 4;  // client v4 accounts ID PRODUCT
  return segments.size() > kProduct && segments[2] == "accounts" ? AdviceBy(&Product::segment, segments[kProduct]) : "";
}

}  // namespace limpet

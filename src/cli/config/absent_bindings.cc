#include "cli/config/absent_bindings.h"

#include <utility>

namespace limpet::cli {
namespace {

constexpr std::pair<const char*, const char*> kLists[] = {{"d1_databases", "d1"},
                                                          {"r2_buckets", "r2_bucket"},
                                                          {"workflows", "workflow"},
                                                          {"hyperdrive", "hyperdrive"},
                                                          {"vectorize", "vectorize"},
                                                          {"analytics_engine_datasets", "analytics_engine"},
                                                          {"send_email", "send_email"},
                                                          {"mtls_certificates", "mtls_certificate"},
                                                          {"dispatch_namespaces", "dispatch_namespace"},
                                                          {"ratelimits", "ratelimit"},
                                                          {"pipelines", "pipelines"},
                                                          {"secrets_store_secrets", "secrets_store_secret"},
                                                          {"vpc_services", "vpc_service"},
                                                          {"worker_loaders", "worker_loader"}};
constexpr const char* kSingle[] = {"ai", "browser", "images", "media"};

}  // namespace

Json::Array AbsentBindings(const Json& config) {
  Json::Array found;
  auto add = [&](const Json& item, const char* type) {
    for (const char* key : {"binding", "name"}) {  // Workflows have both: `name` is what it is called there.
      const std::string& name = item[key].AsString();
      if (name.empty()) continue;
      found.push_back(Json().Set("name", name).Set("type", type));
      return;
    }
  };
  for (const auto& [key, type] : kLists) {
    for (const Json& item : config[key].items()) add(item, type);
  }
  for (const Json& item : config["queues"]["producers"].items()) add(item, "queue");
  for (const Json& item : config["logfwdr"]["bindings"].items()) add(item, "logfwdr");
  for (const char* key : kSingle) add(config[key], key);
  return found;
}

}  // namespace limpet::cli

// Which keys a configuration may have, and of what type. Unknown keys are warnings, wrong types errors.
#pragma once

#include <span>
#include <string_view>

namespace limpet::cli {

struct KeyRule {
  std::string_view key;
  std::string_view types;  // Letters: s string, b boolean, n number, a array, o object; "*": any.
  bool inherited = true;   // By environments.
};

inline constexpr KeyRule kTopKeys[] = {{"$schema", "s"},
                                       {"name", "s"},
                                       {"main", "s"},
                                       {"type", "s"},
                                       {"account_id", "s"},
                                       {"zone_id", "s"},
                                       {"route", "so"},
                                       {"routes", "a"},
                                       {"workers_dev", "b"},
                                       {"preview_urls", "b"},
                                       {"compatibility_date", "s"},
                                       {"compatibility_flags", "a"},
                                       {"no_bundle", "b"},
                                       {"find_additional_modules", "b"},
                                       {"base_dir", "s"},
                                       {"preserve_file_names", "b"},
                                       {"rules", "a"},
                                       {"build", "o"},
                                       {"minify", "b"},
                                       {"keep_names", "b"},
                                       {"alias", "o"},
                                       {"tsconfig", "s"},
                                       {"jsx_factory", "s"},
                                       {"jsx_fragment", "s"},
                                       {"node_compat", "b"},
                                       {"usage_model", "s"},
                                       {"migrations", "a"},
                                       {"exports", "o"},
                                       {"triggers", "o"},
                                       {"limits", "o"},
                                       {"placement", "o"},
                                       {"observability", "o"},
                                       {"logpush", "b"},
                                       {"assets", "os"},
                                       {"site", "o"},
                                       {"dev", "o"},
                                       {"env", "o"},
                                       {"upload_source_maps", "b"},
                                       {"keep_vars", "b"},
                                       {"send_metrics", "b"},
                                       {"first_party_worker", "b"},
                                       {"webpack_config", "s"},
                                       {"compliance_region", "s"},
                                       {"legacy_env", "b"},
                                       {"wasm_modules", "o"},
                                       {"text_blobs", "o"},
                                       {"data_blobs", "o"},
                                       {"cache", "o"},
                                       {"vars", "o", false},
                                       {"define", "o", false},
                                       {"durable_objects", "o", false},
                                       {"kv_namespaces", "a", false},
                                       {"kv-namespaces", "a", false},
                                       {"services", "a", false},
                                       {"d1_databases", "a", false},
                                       {"r2_buckets", "a", false},
                                       {"queues", "o", false},
                                       {"workflows", "a", false},
                                       {"tail_consumers", "a", false},
                                       {"version_metadata", "o", false},
                                       {"secrets", "o", false},
                                       {"unsafe", "o", false},
                                       {"containers", "a", false},
                                       {"ai", "o", false},
                                       {"browser", "o", false},
                                       {"images", "o", false},
                                       {"hyperdrive", "a", false},
                                       {"vectorize", "a", false},
                                       {"analytics_engine_datasets", "a", false},
                                       {"send_email", "a", false},
                                       {"mtls_certificates", "a", false},
                                       {"dispatch_namespaces", "a", false},
                                       {"ratelimits", "a", false},
                                       {"pipelines", "a", false},
                                       {"secrets_store_secrets", "a", false},
                                       {"logfwdr", "o", false},
                                       {"cloudchamber", "o", false},
                                       {"streaming_tail_consumers", "a", false},
                                       {"vpc_services", "a", false},
                                       {"worker_loaders", "a", false},
                                       {"media", "o", false}};
inline constexpr KeyRule kBuildKeys[] = {{"command", "s"}, {"cwd", "s"}, {"watch_dir", "sa"}, {"upload", "o"}};
inline constexpr KeyRule kUploadKeys[] = {{"format", "s"}, {"dir", "s"}, {"main", "s"}, {"rules", "a"}};
inline constexpr KeyRule kRuleKeys[] = {{"type", "s"}, {"globs", "a"}, {"fallthrough", "b"}};
inline constexpr KeyRule kObjectsKeys[] = {{"bindings", "a"}, {"classes", "a"}, {"code_update_strategy", "o"}};
inline constexpr KeyRule kStrategyKeys[] = {{"mode", "s"}, {"max_delay", "n"}};
inline constexpr KeyRule kExportKeys[] = {{"type", "s"},       {"state", "s"},          {"storage", "s"},
                                          {"renamed_to", "s"}, {"transferred_to", "s"}, {"transfer_from", "s"},
                                          {"cache", "o"},      {"container", "s"}};
inline constexpr KeyRule kObjectBindingKeys[] = {
    {"name", "s"}, {"binding", "s"}, {"class_name", "s"}, {"script_name", "s"}, {"environment", "s"}};
inline constexpr KeyRule kServiceKeys[] = {{"binding", "s"},    {"service", "s"}, {"environment", "s"},
                                           {"entrypoint", "s"}, {"props", "o"},   {"remote", "b"}};
inline constexpr KeyRule kTailConsumerKeys[] = {{"service", "s"}, {"environment", "s"}};
inline constexpr KeyRule kMigrationKeys[] = {{"tag", "s"},
                                             {"new_classes", "a"},
                                             {"new_sqlite_classes", "a"},
                                             {"renamed_classes", "a"},
                                             {"deleted_classes", "a"},
                                             {"transferred_classes", "a"}};
inline constexpr KeyRule kRenameKeys[] = {{"from", "s"}, {"to", "s"}};
inline constexpr KeyRule kTransferKeys[] = {{"from", "s"}, {"from_script", "s"}, {"to", "s"}};
inline constexpr KeyRule kAssetsKeys[] = {{"directory", "s"},
                                          {"binding", "s"},
                                          {"html_handling", "s"},
                                          {"not_found_handling", "s"},
                                          {"run_worker_first", "ba"},
                                          {"base_path", "s"},
                                          {"experimental_serve_directly", "b"}};
inline constexpr KeyRule kTriggerKeys[] = {{"crons", "a"}};

}  // namespace limpet::cli

// A project's configuration, from wrangler.toml, wrangler.json or wrangler.jsonc in every dialect since 2020. Pure, but
// for FindConfig and LoadConfig.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace limpet::cli {

struct Diagnostic {
  enum class Level : uint8_t { kWarning, kError };
  Level level = Level::kWarning;
  std::string file;
  uint32_t line = 0;    // 0: the file as a whole.
  uint32_t column = 0;  // 0: the whole line.
  std::string text;

  std::string ToString() const;  // "wrangler.toml:3: …", "wrangler.toml:3:14: …"
};

enum class RuleType : uint8_t { kEsModule, kCommonJs, kText, kData, kWasm, kJson };
struct Rule {
  RuleType type = RuleType::kEsModule;
  std::vector<std::string> globs;
};

struct Migration {
  std::string tag;
  Json step;  // {new_classes, new_sqlite_classes, renamed_classes, deleted_classes, transferred_classes}, those given.
};

// [assets]: a folder of static files.
struct AssetsConfig {
  std::string directory;  // Relative to the configuration's folder, or to the working directory if it was a flag.
  bool from_command_line = false;
  Json config;  // What the upload says of it: html_handling, not_found_handling, run_worker_first; those given.
};

struct ProjectConfig {
  std::string file;        // Path of the file; empty if there was none.
  std::string dir = ".";   // Its folder: paths are relative to it.
  std::string name;        // "NAME-ENV" with an environment that does not name itself.
  std::string main;        // Relative to `dir`; empty if not given.
  uint32_t main_line = 0;  // Where `file` says so.
  bool has_environments = false;
  bool keep_vars = false;  // Variables that are live and not in `bindings` stay.
  bool no_bundle = false;
  bool upload_folder = false;   // 1.x [build.upload] format = "modules": every matching file of `upload_dir` goes.
  std::string upload_dir;       // Relative to `dir`; `main` is inside.
  bool service_worker = false;  // 1.x format or type without `main`: package.json names it.
  std::vector<Rule> rules;      // The user's; defaults come after (module_collector).
  std::string build_command, build_cwd;
  std::string compatibility_date;
  std::vector<std::string> compatibility_flags;
  std::optional<AssetsConfig> assets;
  Json::Array bindings;  // As the upload's metadata has them.
  std::vector<Migration> migrations;
  Json exports;               // The declared classes and entry points, never beside migrations; null: not given.
  Json code_update_strategy;  // {mode, max_delay}, those given; null: not given.
  bool workers_dev = true;    // Answers on NAME.DOMAIN.
  bool preview_urls = false;  // Versions answer on VERSION-NAME.DOMAIN.
  Json routes, crons;         // Arrays, or null: not given.
  std::vector<std::pair<std::string, std::string>> define, alias;
  bool minify = false;
  std::string tsconfig;
  Json tail_consumers;  // [{service}]; null: not given.
  struct Blob {
    std::string name, file;  // Of the binding; relative to `dir`.
    RuleType type = RuleType::kText;
  };
  std::vector<Blob> blobs;  // [wasm_modules], [text_blobs], [data_blobs]: of scripts in service-worker format.
};

struct ConfigResult {
  std::optional<ProjectConfig> config;  // Nothing if there was an error.
  std::vector<Diagnostic> diagnostics;
};

struct ConfigSource {
  std::string path;  // Its extension says how to read it.
  std::string text;
  std::string environment;  // "": the top level.
};
ConfigResult ReadConfig(const ConfigSource& source);

// wrangler.json, wrangler.jsonc, wrangler.toml in `dir`, then in its parents. Nothing: none.
std::optional<std::string> FindConfig(const std::string& dir);
// `path` empty: searched from the working directory; none found is an empty config.
ConfigResult LoadConfig(std::string path, const std::string& environment);

}  // namespace limpet::cli

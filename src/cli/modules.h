// The files of a project that are uploaded, bundled if they must be.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "cli/config/project_config.h"

namespace limpet::cli {

struct UploadModule {
  std::string name;          // As the server sees it.
  std::string content_type;  // Its kind (spec wrangler.md section 1.3).
  Bytes content;
};
struct UploadModules {
  std::string main_module;
  std::vector<UploadModule> modules;  // The main module first.
  bool script = false;                // It exports nothing: a script of the service-worker format.
};

struct CollectOptions {
  std::string esbuild;  // Path of the program.
  std::string entry;    // From the command line; empty: the configuration's main.
};

inline constexpr size_t kUploadModulesMax = 1000;
inline constexpr size_t kUploadBytesMax = 100 * 1024 * 1024;

// Reads files, runs esbuild. Errors name the file: kNotFound, kInvalidArgument (a kind that can't be uploaded),
// kUnavailable, kScript (esbuild has said what is wrong on standard error).
Result<UploadModules> CollectModules(const ProjectConfig& config, const CollectOptions& options);

// The texts after `from`, `import` and `import(` in a module. A guess by the text alone (comments count): good enough
// to see whether a bundler is needed, and which files go along when it is not.
std::vector<std::string> FindImports(std::string_view source);
// Whether a module exports something: the same kind of guess.
bool HasExports(std::string_view source);
// "**/*.txt", "src/?.js", "*.{html,txt}".
bool MatchesGlob(std::string_view glob, std::string_view path);
enum class DefaultRules : uint8_t {
  k1x,       // A folder of 1.x: .js is CommonJS, .json no module.
  kTree,     // Every file below the main module: .js is an ES module, .json no module (it may be some tool's).
  kImports,  // What a module imports: .json too.
};
// The rule for a file: the user's first, then the defaults. Nothing: not a module.
std::optional<RuleType> RuleFor(const std::vector<Rule>& rules, std::string_view path, DefaultRules defaults);

}  // namespace limpet::cli

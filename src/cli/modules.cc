#include "cli/modules.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "base/json.h"
#include "cli/process.h"

namespace limpet::cli {
namespace {

namespace fs = std::filesystem;

Result<Bytes> ReadFile(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return Error(ErrorCode::kNotFound, path.string() + " does not exist");
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error(ErrorCode::kUnavailable, path.string() + " can't be read");
  return Bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

std::string ContentType(RuleType type) {
  switch (type) {
    case RuleType::kEsModule: return "application/javascript+module";
    case RuleType::kText: return "text/plain";
    case RuleType::kData: return "application/octet-stream";
    case RuleType::kWasm: return "application/wasm";
    case RuleType::kJson: return "application/json";
    case RuleType::kCommonJs: break;
  }
  return "application/javascript";
}

std::string Lexical(const fs::path& path) { return path.lexically_normal().generic_string(); }

class Collector {
 public:
  Collector(const ProjectConfig& config, const CollectOptions& options) : config_(config), options_(options) {}

  Result<UploadModules> Run() {
    if (config_.upload_folder && options_.entry.empty()) return Folder();
    std::string main = options_.entry;
    if (main.empty()) {
      std::string configured = config_.main.empty() && config_.service_worker ? PackageMain() : config_.main;
      if (configured.empty()) {
        return Error(ErrorCode::kInvalidArgument, "nothing to publish: set main = \"src/index.mjs\" in " +
                                                      (config_.file.empty() ? "wrangler.toml" : config_.file));
      }
      main = (fs::path(config_.dir) / configured).string();
      if (std::error_code ignored; !config_.main.empty() && !fs::is_regular_file(main, ignored)) {
        std::string line = config_.main_line != 0 ? ":" + std::to_string(config_.main_line) : "";
        return Error(ErrorCode::kNotFound, config_.file + line + ": \"main\": " + Lexical(main) + " does not exist");
      }
    }
    fs::path path(Lexical(main));
    LIMPET_TRY(UploadModules modules, Collect(path));
    const UploadModule& first = modules.modules.front();
    if (first.content_type != ContentType(RuleType::kEsModule) || HasExports(first.content)) return modules;
    if (!bundled_ && !config_.no_bundle && !FindImports(first.content).empty()) {
      result_ = {};
      LIMPET_TRY(modules, Bundle(path));
    }
    modules.script = true;
    modules.modules.resize(1);
    modules.modules.front().content_type = ContentType(RuleType::kCommonJs);
    for (const auto& [name, file, type] : config_.blobs) {
      LIMPET_TRY(Bytes content, ReadFile(fs::path(config_.dir) / file));
      modules.modules.push_back({name, ContentType(type), std::move(content)});
    }
    return modules;
  }

 private:
  // 1.x: what package.json names.
  std::string PackageMain() const {
    Result<Bytes> text = ReadFile(fs::path(config_.dir) / "package.json");
    if (!text.has_value()) return "";
    Result<Json> json = ParseJson(text.value());
    return json.has_value() ? json.value()["main"].AsString() : "";
  }

  Result<UploadModules> Collect(const fs::path& path) {
    LIMPET_TRY([[maybe_unused]] Bytes exists, ReadFile(path));
    root_ = path.parent_path();
    if (config_.no_bundle) return NoBundle(path);
    if (!config_.define.empty() || !config_.alias.empty() || config_.minify) return Bundle(path);
    result_.main_module = path.filename().string();
    LIMPET_TRY(bool plain, AddGraph(path.filename().string(), RuleType::kEsModule));
    if (plain) return std::move(result_);
    result_ = {};
    return Bundle(path);
  }

  // 1.x: every file of the folder that a rule matches, as ./RELPATH.
  Result<UploadModules> Folder() {
    root_ = Lexical(fs::path(config_.dir) / config_.upload_dir);
    std::string main = Lexical(config_.main);
    result_.main_module = "./" + main;
    return AddTree(root_, main, "./", DefaultRules::k1x);
  }
  Result<UploadModules> NoBundle(const fs::path& path) {
    result_.main_module = path.filename().string();
    return AddTree(root_, result_.main_module, "", DefaultRules::kTree);
  }

  Result<UploadModules> AddTree(const fs::path& root, const std::string& main, const std::string& prefix,
                                DefaultRules defaults) {
    std::error_code error;
    std::vector<std::string> files;
    fs::path base = root.empty() ? fs::path(".") : root;
    for (fs::recursive_directory_iterator at(base, error), end; !error && at != end; at.increment(error)) {
      std::string name = at->path().filename().string();
      if (at->is_directory(error) && (name == "node_modules" || name.starts_with("."))) {
        at.disable_recursion_pending();
      } else if (at->is_regular_file(error)) {
        files.push_back(at->path().lexically_relative(base).generic_string());
      }
    }
    if (error) return Error(ErrorCode::kUnavailable, base.string() + ": " + error.message());
    std::sort(files.begin(), files.end());
    auto found = std::find(files.begin(), files.end(), main);
    if (found == files.end()) return Error(ErrorCode::kNotFound, (base / main).string() + " does not exist");
    std::rotate(files.begin(), found, found + 1);
    for (const std::string& file : files) {
      std::optional<RuleType> type = RuleFor(config_.rules, file, defaults);
      if (!type) continue;
      LIMPET_TRY([[maybe_unused]] Done added, Add(base / file, prefix + file, *type));
    }
    return std::move(result_);
  }

  Result<Done> Add(const fs::path& path, std::string name, RuleType type) {
    LIMPET_TRY(Bytes content, ReadFile(path));
    bytes_ += content.size();
    if (bytes_ > kUploadBytesMax) return Error(ErrorCode::kOverloaded, "the modules are larger than 100 MiB");
    if (result_.modules.size() == kUploadModulesMax)
      return Error(ErrorCode::kOverloaded, "there are more than 1,000 modules");
    result_.modules.push_back({std::move(name), ContentType(type), std::move(content)});
    return Done{};
  }

  // Adds a module and what it imports. False: a bundler is needed.
  Result<bool> AddGraph(const std::string& name, RuleType type) {
    if (!seen_.insert(name).second) return true;
    if (type == RuleType::kEsModule && !name.ends_with(".js") && !name.ends_with(".mjs")) return false;
    LIMPET_TRY([[maybe_unused]] Done added, Add(root_ / name, name, type));
    if (type != RuleType::kEsModule) return true;
    const Bytes source = result_.modules.back().content;
    for (const std::string& specifier : FindImports(source)) {
      if (specifier.starts_with("cloudflare:") || specifier.starts_with("node:")) continue;
      if (!specifier.starts_with("./") && !specifier.starts_with("../")) return false;
      std::string target = Lexical(fs::path(name).parent_path() / specifier);
      std::error_code ignored;
      if (target.starts_with("..") || !fs::is_regular_file(root_ / target, ignored)) return false;
      std::optional<RuleType> rule = RuleFor(config_.rules, target, DefaultRules::kImports);
      if (!rule || *rule == RuleType::kCommonJs) return false;
      LIMPET_TRY(bool plain, AddGraph(target, *rule));
      if (!plain) return false;
    }
    return true;
  }

  Result<UploadModules> Bundle(const fs::path& path) {
    bundled_ = true;
    std::string pattern = (fs::temp_directory_path() / "limpet-bundle-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) return Error(ErrorCode::kUnavailable, "can't make a temporary folder");
    fs::path out(pattern);
    Result<UploadModules> bundled = BundleInto(path, out);
    std::error_code ignored;
    fs::remove_all(out, ignored);
    return bundled;
  }

  Result<UploadModules> BundleInto(const fs::path& path, const fs::path& out) {
    std::string name = path.stem().string() + ".js";
    std::error_code ignored;
    std::vector<std::string> arguments{options_.esbuild,
                                       fs::absolute(path, ignored).string(),
                                       "--bundle",
                                       "--format=esm",
                                       "--target=es2024",
                                       "--platform=neutral",
                                       "--main-fields=browser,module,main",
                                       "--conditions=workerd,worker,browser",
                                       "--external:cloudflare:*",
                                       "--external:node:*",
                                       "--log-level=warning",
                                       "--asset-names=[hash]-[name]",
                                       "--outdir=" + out.string()};
    for (const char* extension : {".txt", ".html", ".sql", ".bin", ".wasm"}) {
      arguments.push_back(std::string("--loader:") + extension + "=copy");
    }
    for (const auto& [key, value] : config_.define) arguments.push_back("--define:" + key + "=" + value);
    for (const auto& [key, value] : config_.alias) arguments.push_back("--alias:" + key + "=" + value);
    if (config_.minify) arguments.emplace_back("--minify");
    if (!config_.tsconfig.empty()) arguments.push_back("--tsconfig=" + config_.tsconfig);
    Result<int> code = RunProcess(arguments, config_.dir);
    if (!code.has_value()) return std::move(code).error().While("bundle with esbuild");
    if (code.value() != 0) return Error(ErrorCode::kScript, "esbuild could not bundle " + path.string());
    result_.main_module = name;
    return AddTree(out, name, "", DefaultRules::kTree);
  }

  const ProjectConfig& config_;
  const CollectOptions& options_;
  fs::path root_;
  UploadModules result_;
  std::set<std::string> seen_;
  size_t bytes_ = 0;
  bool bundled_ = false;
};

bool IsWordChar(char c) { return isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$'; }

}  // namespace

Result<UploadModules> CollectModules(const ProjectConfig& config, const CollectOptions& options) {
  return Collector(config, options).Run();
}

std::vector<std::string> FindImports(std::string_view source) {
  std::vector<std::string> found;
  for (std::string_view word : {"from", "import"}) {
    for (size_t at = 0; (at = source.find(word, at)) != std::string_view::npos;) {
      bool whole = at == 0 || (!IsWordChar(source[at - 1]) && source[at - 1] != '.');
      at += word.size();
      size_t quote = source.find_first_not_of(" \t\r\n", at);
      if (word == "import" && quote != std::string_view::npos && source[quote] == '(') {
        quote = source.find_first_not_of(" \t\r\n", quote + 1);
      }
      if (!whole || quote == std::string_view::npos || (source[quote] != '"' && source[quote] != '\'')) continue;
      size_t end = source.find(source[quote], quote + 1);
      if (end == std::string_view::npos || source.substr(quote, end - quote).find('\n') != std::string_view::npos)
        continue;
      found.emplace_back(source.substr(quote + 1, end - quote - 1));
    }
  }
  return found;
}

bool HasExports(std::string_view source) {
  constexpr std::string_view kWord = "export";
  for (size_t at = 0; (at = source.find(kWord, at)) != std::string_view::npos; at += kWord.size()) {
    size_t before = at == 0 ? std::string_view::npos : source.find_last_not_of(" \t", at - 1);
    if (before != std::string_view::npos && std::string_view("\r\n;}/").find(source[before]) == std::string_view::npos)
      continue;
    size_t next = source.find_first_not_of(" \t\r\n", at + kWord.size());
    if (next == std::string_view::npos) continue;
    if (source[next] == '{' || source[next] == '*') return true;
    std::string_view rest = source.substr(next);
    if (next == at + kWord.size()) continue;
    for (std::string_view word : {"default", "const", "let", "var", "function", "class", "async"}) {
      if (rest.starts_with(word) && (rest.size() == word.size() || !IsWordChar(rest[word.size()]))) return true;
    }
  }
  return false;
}

bool MatchesGlob(std::string_view glob, std::string_view path) {
  if (size_t open = glob.find('{'); open != std::string_view::npos) {
    size_t close = glob.find('}', open);
    if (close == std::string_view::npos) return false;
    std::string_view choices = glob.substr(open + 1, close - open - 1);
    for (;;) {
      size_t comma = choices.find(',');
      std::string one(glob.substr(0, open));
      one.append(choices.substr(0, comma)).append(glob.substr(close + 1));
      if (MatchesGlob(one, path)) return true;
      if (comma == std::string_view::npos) return false;
      choices.remove_prefix(comma + 1);
    }
  }
  if (glob.starts_with("**/")) {
    std::string_view rest = glob.substr(3);
    for (size_t at = 0;;) {
      if (MatchesGlob(rest, path.substr(at))) return true;
      at = path.find('/', at);
      if (at == std::string_view::npos) return false;
      ++at;
    }
  }
  if (glob.empty()) return path.empty();
  if (glob[0] == '*') {
    bool deep = glob.starts_with("**");
    std::string_view rest = glob.substr(deep ? 2 : 1);
    for (size_t at = 0; at <= path.size(); ++at) {
      if (MatchesGlob(rest, path.substr(at))) return true;
      if (at < path.size() && path[at] == '/' && !deep) return false;
    }
    return false;
  }
  if (path.empty() || (glob[0] != path[0] && (glob[0] != '?' || path[0] == '/'))) return false;
  return MatchesGlob(glob.substr(1), path.substr(1));
}

std::optional<RuleType> RuleFor(const std::vector<Rule>& rules, std::string_view path, DefaultRules defaults) {
  for (const Rule& rule : rules) {
    for (const std::string& glob : rule.globs) {
      if (MatchesGlob(glob, path)) return rule.type;
    }
  }
  static constexpr std::pair<std::string_view, RuleType> kDefaults[] = {
      {".mjs", RuleType::kEsModule}, {".txt", RuleType::kText}, {".html", RuleType::kText},
      {".sql", RuleType::kText},     {".bin", RuleType::kData}, {".wasm", RuleType::kWasm},
      {".cjs", RuleType::kCommonJs}};
  for (const auto& [extension, type] : kDefaults) {
    if (path.ends_with(extension)) return type;
  }
  if (path.ends_with(".js")) return defaults == DefaultRules::k1x ? RuleType::kCommonJs : RuleType::kEsModule;
  if (path.ends_with(".json") && defaults == DefaultRules::kImports) return RuleType::kJson;
  return std::nullopt;
}

}  // namespace limpet::cli

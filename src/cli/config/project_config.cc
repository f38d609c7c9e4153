#include "cli/config/project_config.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/nearest.h"
#include "cli/config/absent_bindings.h"
#include "cli/config/keys.h"
#include "cli/config/toml_reader.h"

namespace limpet::cli {
namespace {

bool HasType(const Json& value, std::string_view types) {
  if (types == "*") return true;
  char letter = value.is_string()   ? 's'
                : value.is_bool()   ? 'b'
                : value.is_number() ? 'n'
                : value.is_array()  ? 'a'
                                    : 'o';
  return !value.is_null() && types.find(letter) != std::string_view::npos;
}

std::string TypeNames(std::string_view types) {
  std::string names;
  for (char c : types) {
    if (!names.empty()) names += " or ";
    names += c == 's' ? "a string" : c == 'b' ? "a boolean" : c == 'n' ? "a number" : c == 'a' ? "an array" : "a table";
  }
  return names;
}

const KeyRule* FindRule(std::span<const KeyRule> rules, std::string_view key) {
  for (const KeyRule& rule : rules) {
    if (rule.key == key) return &rule;
  }
  return nullptr;
}

class Reader {
 public:
  explicit Reader(const ConfigSource& source) : source_(source) {}

  ConfigResult Run() {
    bool is_toml = source_.path.ends_with(".toml");
    Result<Json> parsed =
        is_toml ? ParseToml(source_.text) : ParseJson(source_.text, {.comments = true, .trailing_commas = true});
    if (!parsed.has_value()) {
      FailAt(parsed.error().message());
    } else if (!parsed->is_object()) {
      Fail(1, "the configuration must be an object");
    } else {
      config_.file = source_.path;
      config_.dir = std::filesystem::path(source_.path).parent_path().string();
      if (config_.dir.empty()) config_.dir = ".";
      if (std::optional<Json> merged = Merge(*parsed)) Read(*merged);
    }
    ConfigResult result;
    result.diagnostics = std::move(diagnostics_);
    if (!failed_) result.config = std::move(config_);
    return result;
  }

 private:
  void Fail(uint32_t line, std::string text) {
    failed_ = true;
    diagnostics_.push_back({Diagnostic::Level::kError, source_.path, line, 0, std::move(text)});
  }
  // What a parser says: "line 3, column 14: …".
  void FailAt(const std::string& text) {
    unsigned line = 0, column = 0;
    int read = 0;
    if (std::sscanf(text.c_str(), "line %u, column %u: %n", &line, &column, &read) != 2) read = 0;
    Fail(line, text.substr(static_cast<size_t>(read)));
    diagnostics_.back().column = column;
  }
  void Warn(uint32_t line, std::string text) {
    diagnostics_.push_back({Diagnostic::Level::kWarning, source_.path, line, 0, std::move(text)});
  }

  // Warns of unknown keys, drops those of a wrong type with an error.
  Json Checked(const Json& object, std::span<const KeyRule> rules, const std::string& where, bool strict = false) {
    Json checked = Json::MakeObject();
    for (const auto& [key, value] : object.members()) {
      std::string name = where.empty() ? key : where + "." + key;
      const KeyRule* rule = FindRule(rules, key);
      if (rule == nullptr) {
        if (strict) {
          Fail(value.line(), "unknown key \"" + name + "\"");
        } else {
          std::vector<std::string> known;
          for (const KeyRule& one : rules) known.emplace_back(one.key);
          std::optional<std::string> nearest = Nearest(key, known);
          Warn(value.line(),
               "unknown key \"" + name + "\" is ignored" + (nearest ? "; did you mean \"" + *nearest + "\"?" : ""));
        }
      } else if (!HasType(value, rule->types)) {
        Fail(value.line(),
             "\"" + name + "\" must be " + TypeNames(rule->types) + ", not " + std::string(value.type_name()));
      } else {
        checked.Set(key, value);
      }
    }
    checked.set_line(object.line());
    return checked;
  }

  // The items of an array of objects, each checked.
  std::vector<Json> Items(const Json& array, std::span<const KeyRule> rules, const std::string& where) {
    std::vector<Json> items;
    for (const Json& item : array.items()) {
      if (item.is_object()) {
        items.push_back(Checked(item, rules, where));
      } else {
        Fail(item.line(), "\"" + where + "\" must be an array of tables");
      }
    }
    return items;
  }

  std::vector<std::string> Strings(const Json& array, const std::string& where) {
    std::vector<std::string> strings;
    for (const Json& item : array.items()) {
      if (!item.is_string()) Fail(item.line(), "\"" + where + "\" must be an array of strings");
      strings.push_back(item.AsString());
    }
    return strings;
  }

  // What the top level has and the environment neither inherits nor has itself, as wrangler says it.
  void WarnOfMissing(const Json& top, const Json& over) {
    const std::string where = "env." + source_.environment;
    auto warn = [&](const Json& value, const std::string& field) {
      Warn(value.line(), "\"" + field + "\" exists at the top level, but not on \"" + where +
                             "\": environments do not inherit it. Please add it to \"" + where + "\".");
    };
    for (const auto& [key, value] : top.members()) {
      const KeyRule* rule = FindRule(kTopKeys, key);
      if (rule == nullptr || rule->inherited) continue;
      if (over.Find(key) == nullptr) {
        warn(value, key);
      } else if (key == "vars") {
        for (const auto& [name, variable] : value.members()) {
          if (over[key].Find(name) == nullptr) warn(variable, "vars." + name);
        }
      }
    }
  }

  // The top level with the chosen environment laid over it.
  std::optional<Json> Merge(const Json& top) {
    Json merged = Checked(top, kTopKeys, "");
    for (const auto& [name, value] : merged["env"].members()) {
      if (!value.is_object()) Fail(value.line(), "\"env." + name + "\" must be a table");
    }
    config_.has_environments = !merged["env"].members().empty();
    if (source_.environment.empty()) return merged;
    const Json* environment = merged.Find("env") != nullptr ? merged["env"].Find(source_.environment) : nullptr;
    if (environment == nullptr || !environment->is_object()) {
      Fail(merged["env"].line(),
           "there is no environment \"" + source_.environment + "\": add [env." + source_.environment + "]");
      return std::nullopt;
    }
    Json over = Checked(*environment, kTopKeys, "env." + source_.environment);
    std::string name = merged["name"].AsString();
    WarnOfMissing(merged, over);
    for (const KeyRule& rule : kTopKeys) {
      if (!rule.inherited) merged.Erase(rule.key);
    }
    for (const auto& [key, value] : over.members()) merged.Set(key, value);
    if (over.Find("name") == nullptr && !name.empty()) merged.Set("name", name + "-" + source_.environment);
    return merged;
  }

  void Read(const Json& json) {
    config_.name = json["name"].AsString();
    config_.main = json["main"].AsString();
    config_.main_line = json["main"].line();
    config_.keep_vars = json["keep_vars"].AsBool();
    config_.no_bundle = json["no_bundle"].AsBool();
    config_.minify = json["minify"].AsBool();
    if (json.Find("workers_dev") != nullptr) config_.workers_dev = json["workers_dev"].AsBool();
    config_.preview_urls = json["preview_urls"].AsBool();
    config_.tsconfig = json["tsconfig"].AsString();
    config_.compatibility_date = json["compatibility_date"].AsString();
    config_.compatibility_flags = Strings(json["compatibility_flags"], "compatibility_flags");
    const std::string& date = config_.compatibility_date;
    if (!date.empty() && (date.size() != 10 || date[4] != '-' || date[7] != '-')) {
      Fail(json["compatibility_date"].line(), "\"compatibility_date\" must be a date like 2026-11-24");
    }
    ReadRules(json["rules"], "rules");
    ReadBuild(json);
    ReadObjects(json["durable_objects"]);
    ReadBindings(json);
    ReadAssets(json);
    ReadMigrations(json["migrations"]);
    ReadExports(json);
    ReadRoutes(json);
    Pairs(json["define"], "define", &config_.define);
    Pairs(json["alias"], "alias", &config_.alias);
  }

  void Pairs(const Json& table, const std::string& where, std::vector<std::pair<std::string, std::string>>* pairs) {
    for (const auto& [key, value] : table.members()) {
      if (!value.is_string()) Fail(value.line(), "\"" + where + "." + key + "\" must be a string");
      pairs->emplace_back(key, value.AsString());
    }
  }

  void ReadRules(const Json& rules, const std::string& where) {
    static constexpr std::pair<std::string_view, RuleType> kTypes[] = {
        {"ESModule", RuleType::kEsModule}, {"CommonJS", RuleType::kCommonJs}, {"Text", RuleType::kText},
        {"Data", RuleType::kData},         {"CompiledWasm", RuleType::kWasm}, {"JSON", RuleType::kJson}};
    for (const Json& item : Items(rules, kRuleKeys, where)) {
      Rule rule;
      bool known = false;
      for (const auto& [name, type] : kTypes) {
        if (item["type"].AsString() != name) continue;
        rule.type = type;
        known = true;
      }
      if (!known) Fail(item.line(), "\"" + where + ".type\" must be ESModule, CommonJS, CompiledWasm, Text or Data");
      rule.globs = Strings(item["globs"], where + ".globs");
      if (rule.globs.empty()) Fail(item.line(), "\"" + where + "\" needs \"globs\"");
      config_.rules.push_back(std::move(rule));
    }
  }

  // The first release candidates wrote build.upload_dir and build.upload_format.
  static Json Modernised(Json build) {
    for (const char* key : {"dir", "format"}) {
      std::string old = std::string("upload_") + key;
      const Json* value = build.Find(old);
      if (value == nullptr) continue;
      Json upload = build["upload"];
      upload.set_line(value->line());
      build.Set("upload", upload.Set(key, *value));
      build.Erase(old);
    }
    return build;
  }

  // The dialects: [build.upload] of 2021, `main` since 2022, `type` of 1.x.
  void ReadBuild(const Json& json) {
    const std::string& type = json["type"].AsString();
    bool typed = type == "javascript" || type == "webpack" || type == "rust";
    if (json.Find("type") != nullptr && !typed) {
      Fail(json["type"].line(), R"("type" must be "javascript", "webpack" or "rust")");
    }
    Json build = Checked(Modernised(json["build"]), kBuildKeys, "build", /*strict=*/true);
    config_.build_command = build["command"].AsString();
    config_.build_cwd = build["cwd"].AsString();
    const Json* found = build.Find("upload");
    if (found == nullptr) {
      config_.service_worker = config_.main.empty() && typed;
      return;
    }
    Json upload = Checked(*found, kUploadKeys, "build.upload", /*strict=*/true);
    ReadRules(upload["rules"], "build.upload.rules");
    const std::string& format = upload["format"].AsString();
    if (format == "service-worker") {
      config_.service_worker = true;
      return;
    }
    if (format != "modules") {
      Fail(upload.Find("format") != nullptr ? upload["format"].line() : found->line(),
           "\"build.upload.format\" must be \"modules\" or \"service-worker\"");
      return;
    }
    if (!config_.main.empty()) return;  // wrangler 2 and later: `main` wins.
    config_.upload_folder = true;
    config_.upload_dir = upload["dir"].AsString().empty() ? "dist" : upload["dir"].AsString();
    config_.main = upload["main"].AsString().empty() ? "./index.mjs" : upload["main"].AsString();
  }

  void ReadObjects(const Json& json) {
    Json objects = Checked(json, kObjectsKeys, "durable_objects");
    if (const Json* strategy = objects.Find("code_update_strategy")) {
      config_.code_update_strategy = Checked(*strategy, kStrategyKeys, "durable_objects.code_update_strategy");
      const Json& mode = config_.code_update_strategy["mode"];
      if (mode.AsString() != "deferred" && mode.AsString() != "immediate") {
        Fail(strategy->line(), "\"durable_objects.code_update_strategy.mode\" must be \"deferred\" or \"immediate\"");
      }
    }
    for (const char* key : {"bindings", "classes"}) {
      std::string where = std::string("durable_objects.") + key;
      for (const Json& item : Items(objects[key], kObjectBindingKeys, where)) {
        const std::string& name =
            item["name"].AsString().empty() ? item["binding"].AsString() : item["name"].AsString();
        if (name.empty()) Fail(item.line(), "\"" + where + "\" needs a \"name\"");
        if (item["class_name"].AsString().empty()) Fail(item.line(), "\"" + where + "\" needs a \"class_name\"");
        Json binding = Json().Set("name", name).Set("type", "durable_object_namespace");
        binding.Set("class_name", item["class_name"].AsString());
        for (const char* other : {"script_name", "environment"}) {
          if (!item[other].AsString().empty()) binding.Set(other, item[other].AsString());
        }
        config_.bindings.push_back(std::move(binding));
      }
    }
  }

  void ReadBindings(const Json& json) {
    for (const auto& [name, value] : json["vars"].members()) {
      Json binding = Json().Set("name", name);
      if (value.is_string()) {
        binding.Set("type", "plain_text").Set("text", value.AsString());
      } else {
        binding.Set("type", "json").Set("json", value);
      }
      config_.bindings.push_back(std::move(binding));
    }
    struct {
      const char *key, *type, *from, *to;
    } static constexpr kKinds[] = {{"kv_namespaces", "kv_namespace", "id", "namespace_id"},
                                   {"kv-namespaces", "kv_namespace", "id", "namespace_id"}};
    for (const auto& kind : kKinds) {
      for (const Json& item : json[kind.key].items()) {
        if (item["binding"].AsString().empty()) {
          Fail(item.line(), "\"" + std::string(kind.key) + "\" needs a \"binding\"");
        }
        Json binding = Json().Set("name", item["binding"].AsString()).Set("type", kind.type);
        binding.Set(kind.to, item[kind.from].AsString());
        if (item["preview_id"].is_string()) binding.Set("preview_id", item["preview_id"]);
        config_.bindings.push_back(std::move(binding));
      }
    }
    for (Json& binding : AbsentBindings(json)) config_.bindings.push_back(std::move(binding));
    if (const Json* consumers = json["queues"].Find("consumers"); consumers != nullptr && !consumers->items().empty()) {
      Warn(consumers->line(), "\"queues.consumers\": limpet has no Queues, nothing will call queue()");
    }
    struct {
      const char *key, *type;
      RuleType rule;
    } static constexpr kBlobs[] = {{"wasm_modules", "wasm_module", RuleType::kWasm},
                                   {"text_blobs", "text_blob", RuleType::kText},
                                   {"data_blobs", "data_blob", RuleType::kData}};
    for (const auto& kind : kBlobs) {
      for (const auto& [name, file] : json[kind.key].members()) {
        if (!file.is_string()) Fail(file.line(), "\"" + std::string(kind.key) + "." + name + "\" must be a string");
        config_.blobs.push_back({name, file.AsString(), kind.rule});
        config_.bindings.push_back(Json().Set("name", name).Set("type", kind.type).Set("part", name));
      }
    }
    if (json.Find("tail_consumers") != nullptr) {
      config_.tail_consumers = Json::MakeArray();
      for (const Json& item : Items(json["tail_consumers"], kTailConsumerKeys, "tail_consumers")) {
        std::string service = item["service"].AsString();
        if (service.empty()) Fail(item.line(), "\"tail_consumers\" needs a \"service\"");
        if (const std::string& of = item["environment"].AsString(); !of.empty()) service += "-" + of;
        config_.tail_consumers.Append(Json().Set("service", service));
      }
    }
    for (const Json& item : Items(json["services"], kServiceKeys, "services")) {
      Json binding = Json().Set("type", "service");
      for (const auto& [from, to] : {std::pair("binding", "name"), std::pair("service", "service")}) {
        if (item[from].AsString().empty()) Fail(item.line(), "\"services\" needs a \"" + std::string(from) + "\"");
        binding.Set(to, item[from].AsString());
      }
      for (const char* key : {"environment", "entrypoint"}) {
        if (!item[key].AsString().empty()) binding.Set(key, item[key].AsString());
      }
      if (item["props"].is_object()) binding.Set("props", item["props"]);
      config_.bindings.push_back(std::move(binding));
    }
    if (const std::string& name = json["version_metadata"]["binding"].AsString(); !name.empty()) {
      config_.bindings.push_back(Json().Set("name", name).Set("type", "version_metadata"));
    }
  }

  void ReadAssets(const Json& json) {
    if (const Json* site = json.Find("site")) {
      Fail(
          site->line(),
          "[site] (Workers Sites) is not supported: its files were kept in KV by a library in the script. Use [assets] "
          "with \"directory\" instead");
    }
    const Json* found = json.Find("assets");
    if (found == nullptr) return;
    // 1.x and 2.x: the folder alone.
    Json assets = found->is_string() ? Json().Set("directory", *found) : Checked(*found, kAssetsKeys, "assets");
    config_.assets.emplace().directory = assets["directory"].AsString();
    if (config_.assets->directory.empty()) Fail(found->line(), "\"assets\" needs a \"directory\"");
    for (const char* key : {"html_handling", "not_found_handling", "run_worker_first", "base_path"}) {
      if (assets.Find(key) != nullptr) config_.assets->config.Set(key, assets[key]);
    }
    if (!assets["binding"].AsString().empty()) {
      config_.bindings.push_back(Json().Set("name", assets["binding"]).Set("type", "assets"));
    }
    const Json& first = assets["run_worker_first"];
    if (config_.main.empty() && (first.is_array() || first.AsBool())) {
      Fail(first.line(), "\"assets.run_worker_first\" needs a script: set \"main\"");
    }
    if (config_.main.empty() && !assets["binding"].AsString().empty()) {
      Fail(assets["binding"].line(), "\"assets.binding\" needs a script: set \"main\"");
    }
  }

  // Items that need each of the keys.
  void Complete(const Json& array, std::span<const KeyRule> rules, const std::string& where) {
    for (const Json& item : Items(array, rules, where)) {
      for (const KeyRule& rule : rules) {
        if (!item[rule.key].AsString().empty()) continue;
        Fail(item.line(), "\"" + where + "\" needs a \"" + std::string(rule.key) + "\"");
      }
    }
  }

  void ReadMigrations(const Json& json) {
    for (const Json& item : Items(json, kMigrationKeys, "migrations")) {
      const std::string tag = item["tag"].AsString();
      if (tag.empty()) Fail(item.line(), "every migration needs a \"tag\"");
      for (const Migration& other : config_.migrations) {
        if (other.tag != tag) continue;
        Fail(item["tag"].line(), "The migration tag \"" + tag +
                                     "\" appears multiple times in the list of migrations in your wrangler.toml");
      }
      for (const char* key : {"new_classes", "new_sqlite_classes", "deleted_classes"})
        Strings(item[key], std::string("migrations.") + key);
      Complete(item["renamed_classes"], kRenameKeys, "migrations.renamed_classes");
      Complete(item["transferred_classes"], kTransferKeys, "migrations.transferred_classes");
      Json step = item;
      step.Erase("tag");
      config_.migrations.push_back({tag, std::move(step)});
    }
  }

  // What each entry must have the server says: it knows the classes.
  void ReadExports(const Json& json) {
    const Json* found = json.Find("exports");
    if (found == nullptr) return;
    if (!config_.migrations.empty() && !found->members().empty()) {
      Fail(found->line(), "\"exports\" and \"migrations\" exclude each other: keep one of them");
    }
    config_.exports = Json::MakeObject();
    for (const auto& [name, entry] : found->members()) {
      if (!entry.is_object()) {
        Fail(entry.line(), "\"exports." + name + "\" must be a table");
      } else {
        config_.exports.Set(name, Checked(entry, kExportKeys, "exports." + name));
      }
    }
  }

  void ReadRoutes(const Json& json) {
    Json routes;
    auto add = [&](const Json& route) {
      if (route.is_string() && route.AsString().empty()) return;  // 1.x templates: route = "".
      if (!route.is_string() && !route.is_object()) return Fail(route.line(), "a route must be a string or a table");
      if (route.is_object() && !route["pattern"].is_string()) return Fail(route.line(), "a route needs a \"pattern\"");
      routes.Append(route.is_string() ? Json().Set("pattern", route.AsString()) : route);
    };
    if (const Json* route = json.Find("route")) add(*route);
    if (json.Find("routes") != nullptr && routes.is_null()) routes = Json::MakeArray();  // An empty list clears.
    for (const Json& route : json["routes"].items()) add(route);
    config_.routes = std::move(routes);
    if (json.Find("triggers") == nullptr) return;
    Json triggers = Checked(json["triggers"], kTriggerKeys, "triggers");
    config_.crons = Json::MakeArray();
    for (const std::string& cron : Strings(triggers["crons"], "triggers.crons"))
      config_.crons.Append(Json().Set("cron", cron));
  }

  const ConfigSource& source_;
  ProjectConfig config_;
  std::vector<Diagnostic> diagnostics_;
  bool failed_ = false;
};

}  // namespace

std::string Diagnostic::ToString() const {
  std::string place = file;
  for (uint32_t number : {line, column}) place += number != 0 ? ":" + std::to_string(number) : "";
  return place + ": " + text;
}

ConfigResult ReadConfig(const ConfigSource& source) { return Reader(source).Run(); }

std::optional<std::string> FindConfig(const std::string& dir) {
  std::error_code ignored;
  std::filesystem::path at = std::filesystem::absolute(dir, ignored).lexically_normal();
  for (;;) {
    for (const char* name : {"wrangler.json", "wrangler.jsonc", "wrangler.toml"}) {
      if (std::filesystem::is_regular_file(at / name, ignored)) return (at / name).string();
    }
    if (!at.has_relative_path() || at == at.parent_path()) return std::nullopt;
    at = at.parent_path();
  }
}

ConfigResult LoadConfig(std::string path, const std::string& environment) {
  if (path.empty()) {
    std::optional<std::string> found = FindConfig(".");
    if (!found) {
      ConfigResult none;
      none.config.emplace();
      return none;
    }
    path = *found;
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    ConfigResult failed;
    failed.diagnostics.push_back({Diagnostic::Level::kError, path, 0, 0, "can't be read"});
    return failed;
  }
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  // Messages are shorter with the name alone when it is in the working directory.
  std::error_code ignored;
  std::filesystem::path relative = std::filesystem::relative(path, ignored);
  if (!relative.empty() && !relative.string().starts_with("..")) path = relative.string();
  return ReadConfig({path, std::move(text), environment});
}

}  // namespace limpet::cli

#include "cli/publish.h"

#include <algorithm>

#include "base/multipart.h"
#include "base/random.h"
#include "cli/confirm.h"
#include "cli/exports_text.h"
#include "cli/kv.h"
#include "cli/process.h"
#include "cli/triggers.h"

namespace limpet::cli {
namespace {

constexpr char kAccount[] = "/accounts/local";

std::string ScriptPath(const std::string& name) { return std::string(kAccount) + "/workers/scripts/" + name; }

bool IsName(const std::string& name) {
  return !name.empty() && name.size() <= 63 && name[0] != '-' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == std::string::npos;
}

Result<ScriptState> FindScript(const std::string& name, Client& client) {
  LIMPET_TRY(ApiAnswer answer, client.Get(std::string(kAccount) + "/workers/services/" + name));
  ScriptState state;
  if (answer.success) {
    state.exists = true;
    state.tag = answer.result["default_environment"]["script"]["migration_tag"].AsString();
  } else if (answer.code != 10090 && answer.code != 10007) {
    return Refused(answer);
  }
  return state;
}

Result<Done> RunBuildCommand(const ProjectConfig& config, const Terminal& terminal) {
  if (config.build_command.empty()) return Done{};
  terminal.Dim("running " + config.build_command);
  std::string dir = config.dir + (config.build_cwd.empty() ? "" : "/" + config.build_cwd);
  LIMPET_TRY(int code, RunProcess({"/bin/sh", "-c", config.build_command}, dir));
  if (code == 0) return Done{};
  return Error(ErrorCode::kScript,
               "the build command \"" + config.build_command + "\" ended with code " + std::to_string(code));
}

int Refuse(const Terminal& terminal, const Error& error) {
  terminal.Error(error.message());
  return kExitRefused;
}

}  // namespace

std::optional<ProjectConfig> LoadProject(const Arguments& arguments, const Terminal& terminal) {
  ConfigResult loaded = LoadConfig(arguments.config, arguments.environment);
  for (const Diagnostic& item : loaded.diagnostics) {
    if (item.level == Diagnostic::Level::kError) {
      terminal.Error(item.ToString());
    } else {
      terminal.Warn(item.ToString());
    }
  }
  if (!loaded.config) return std::nullopt;
  ProjectConfig& config = *loaded.config;
  if (Result<Done> done = Override(arguments.overrides, TodayUtc(), &config); !done.has_value()) {
    terminal.Error(done.error().message());
    return std::nullopt;
  }
  if (!arguments.name.empty()) config.name = arguments.name;
  if (!arguments.assets.empty()) {
    if (!config.assets) config.assets.emplace();
    config.assets->directory = arguments.assets;
    config.assets->from_command_line = true;
  }
  if (config.file.empty() && arguments.entry.empty() && arguments.name.empty()) {
    terminal.Error(
        "there is no wrangler.toml, wrangler.json or wrangler.jsonc here or above. Go to the project's folder, or pass "
        "--name; to make a project: limpet generate");
    return std::nullopt;
  }
  if (!IsName(config.name)) {
    terminal.Error(config.name.empty()
                       ? (config.file.empty() ? "pass --name" : config.file + ": set \"name\", or pass --name")
                       : "Worker name \"" + config.name +
                             "\" invalid. Ensure that you only use lowercase letters, dashes, underscores, and "
                             "numbers, 63 at most, and no dash at the beginning.");
    return std::nullopt;
  }
  return std::move(loaded.config);
}

Result<UploadModules> BuildProject(const ProjectConfig& config, const Arguments& arguments,
                                   const Installation& installation, const Terminal& terminal) {
  LIMPET_TRY([[maybe_unused]] Done built, RunBuildCommand(config, terminal));
  CollectOptions options;
  options.esbuild = installation.package_dir + "/node_modules/@esbuild/linux-x64/bin/esbuild";
  options.entry = arguments.entry;
  return CollectModules(config, options);
}

Json MakeMetadata(const ProjectConfig& config, const UploadModules& modules, Json migrations) {
  Json metadata;
  const std::string& main = modules.main_module;
  if (!main.empty()) metadata.Set(modules.script ? "body_part" : "main_module", main);
  metadata.Set("bindings", config.bindings);
  if (!config.compatibility_date.empty()) metadata.Set("compatibility_date", config.compatibility_date);
  metadata.Set("compatibility_flags",
               Json::Array(config.compatibility_flags.begin(), config.compatibility_flags.end()));
  if (config.keep_vars) {  // Naming some kinds names all that stay.
    metadata.Set("keep_bindings", Json::MakeArray({"plain_text", "json", "secret_text", "secret_key"}));
  }
  if (!config.tail_consumers.is_null()) metadata.Set("tail_consumers", config.tail_consumers);
  if (!config.code_update_strategy.is_null()) metadata.Set("code_update_strategy", config.code_update_strategy);
  if (config.exports.is_null()) return metadata.Set("migrations", std::move(migrations));
  return metadata.Set("exports", config.exports);
}

// With declared classes the server works out itself what is to be done.
Result<MigrationPlan> PlanClasses(const ProjectConfig& config, const MigrationFlags& flags, Client& client) {
  if (!config.exports.is_null()) {
    if (!flags.any()) return MigrationPlan();
    return Error(ErrorCode::kConflict,
                 config.file +
                     " declares its classes in \"exports\": change the entries there; flags of migrations can't "
                     "be used beside it.");
  }
  LIMPET_TRY(ScriptState state, FindScript(config.name, client));
  return PlanMigrations(flags, config.migrations, state);
}

Result<Project> ReadProject(const ProjectConfig& config, const Arguments& arguments, const Installation& installation,
                            const Terminal& terminal, AssetHashes* known) {
  Project project;
  bool has_code = !config.main.empty() || config.upload_folder || config.service_worker || !arguments.entry.empty();
  // Without code the build command still runs: it may make the files.
  if (has_code || !config.assets) {
    LIMPET_TRY(project.modules, BuildProject(config, arguments, installation, terminal));
  } else {
    LIMPET_TRY([[maybe_unused]] Done built, RunBuildCommand(config, terminal));
  }
  if (config.assets) {
    LIMPET_TRY(project.assets, CollectAssets(config, terminal, known));
  }
  return project;
}

// Sends the project with what `annotations` says of it, and its static files before it.
Result<ApiAnswer> Send(const ProjectConfig& config, const Project& project, const MigrationFlags& flags,
                       Json annotations, const char* method, const std::string& path, Client& client,
                       const Terminal& terminal, Progress progress) {
  const UploadModules& modules = project.modules;
  LIMPET_TRY(MigrationPlan plan, PlanClasses(config, flags, client));
  for (const std::string& warning : plan.warnings) terminal.Warn(warning);
  SystemRandom random;
  FormWriter form("----limpet-" + std::to_string(random.Next()) + std::to_string(random.Next()));
  Json metadata = MakeMetadata(config, modules, plan.migrations);
  if (!annotations.is_null()) metadata.Set("annotations", std::move(annotations));
  if (project.assets) {
    LIMPET_TRY(std::string token, UploadAssets(*project.assets, config.name, client, terminal, progress));
    metadata.Set("assets", Json().Set("jwt", token).Set("config", project.assets->config));
  }
  form.Add("metadata", "metadata.json", "application/json", ToText(metadata));
  for (const UploadModule& module : modules.modules)
    form.Add(module.name, module.name, module.content_type, module.content);
  std::string type = form.content_type();
  LIMPET_TRY(ApiAnswer answer, client.Call(method, path, std::move(form).Finish(), type));
  if (!answer.success) return Refused(answer);
  return answer;
}

Result<Published> Upload(const ProjectConfig& config, const Project& project, const MigrationFlags& flags,
                         Client& client, const Terminal& terminal, Progress progress, Json annotations) {
  LIMPET_TRY(ApiAnswer answer, Send(config, project, flags, std::move(annotations), "PUT", ScriptPath(config.name),
                                    client, terminal, progress));
  // After the code: a failure leaves the script live.
  LIMPET_TRY([[maybe_unused]] Done put, PutTriggers(config, client));
  const Json* shown = answer.result.Find("available_on_subdomain");
  bool previews = answer.result["previews_enabled"].AsBool();
  if (shown != nullptr && (shown->AsBool() != config.workers_dev || previews != config.preview_urls)) {
    Json wanted = Json().Set("enabled", config.workers_dev).Set("previews_enabled", config.preview_urls);
    LIMPET_TRY(ApiAnswer set,
               client.Call("POST", ScriptPath(config.name) + "/subdomain", ToText(wanted), "application/json"));
    if (!set.success) return Refused(set);
  }
  return Published{config.name, answer.result["deployment_id"].AsString(),
                   Addresses(config, answer.result["url"].AsString()), answer.result["exports_reconciliation"]};
}

namespace {

// With several environments, none named may be a slip. As wrangler has it.
void WarnOfEnvironments(const ProjectConfig& config, const Arguments& arguments, const Terminal& terminal) {
  if (!config.has_environments || arguments.environment_given) return;
  terminal.Warn(config.file + " has environments, and none is named: this is the top level, " + config.name +
                ". Name one with --env, or say --env \"\"");
}

// What the version says of itself; null: nothing.
Json Annotations(const Arguments& arguments) {
  Json annotations;
  for (const auto& [key, text] : {std::pair{"workers/message", &arguments.message},
                                  {"workers/tag", &arguments.tag},
                                  {"workers/alias", &arguments.preview_alias}}) {
    if (!text->empty()) annotations.Set(key, *text);
  }
  return annotations;
}

void PrintDryRun(const ProjectConfig& config, const Project& project, const Arguments& arguments,
                 const Terminal& terminal) {
  Json modules = Json::MakeArray();
  for (const UploadModule& module : project.modules.modules) {
    uint64_t bytes = module.content.size();
    modules.Append(Json().Set("name", module.name).Set("type", module.content_type).Set("bytes", bytes));
    if (arguments.output_json) continue;
    terminal.Info(module.name + "  " + module.content_type + "  " + std::to_string(bytes) + " bytes");
  }
  uint64_t files = project.assets ? project.assets->files.size() : 0;
  if (arguments.output_json) {
    Json json = Json().Set("success", true).Set("dry_run", true).Set("name", config.name);
    terminal.Result(ToText(json.Set("modules", std::move(modules)).Set("static_files", files)));
    return;
  }
  if (project.assets) terminal.Info(std::to_string(files) + " static files");
  for (const Json& binding : config.bindings) {
    terminal.Info("env." + binding["name"].AsString() + "  " + binding["type"].AsString());
  }
  terminal.Info("dry run: nothing was sent");
}

}  // namespace

int RunPublish(const Arguments& arguments, const Installation& installation, const Terminal& terminal) {
  std::optional<ProjectConfig> config = LoadProject(arguments, terminal);
  if (!config) return kExitRefused;
  WarnOfEnvironments(*config, arguments, terminal);
  // As in the reference's tool, the flag replaces the mode alone; a delay makes sense with one of them only.
  if (!arguments.code_update_mode.empty()) {
    config->code_update_strategy.Set("mode", arguments.code_update_mode);
    if (arguments.code_update_mode == "immediate") config->code_update_strategy.Erase("max_delay");
  }
  AssetHashes known;
  Result<Project> project = ReadProject(*config, arguments, installation, terminal, &known);
  if (!project.has_value()) return Refuse(terminal, project.error());
  if (arguments.dry_run) {
    PrintDryRun(*config, *project, arguments, terminal);
    return kExitOk;
  }
  Result<std::unique_ptr<Client>> client = Connect(arguments.server, arguments.token);
  if (!client.has_value()) return Refuse(terminal, client.error());
  Result<Done> provided = ProvideNamespaces(*client.value(), &*config);
  if (!provided.has_value()) return Refuse(terminal, provided.error());
  Result<Published> published =
      Upload(*config, project.value(), arguments.migrations, *client.value(), terminal,
             arguments.output_json ? Progress::kQuiet : Progress::kShown, Annotations(arguments));
  if (!published.has_value()) return Refuse(terminal, published.error());
  if (arguments.output_json) {
    Json json = Json().Set("success", true).Set("name", published->name).Set("version_id", published->version_id);
    if (!published->reconciliation.is_null()) json.Set("exports_reconciliation", published->reconciliation);
    terminal.Result(ToText(json.Set("urls", Json::Array(published->urls.begin(), published->urls.end()))));
    return kExitOk;
  }
  if (std::string text = ReconciliationText(published->reconciliation); !text.empty()) terminal.Info(text);
  terminal.Info(terminal.Green("Successfully published your script to"));
  for (const std::string& url : published->urls) terminal.Result(url);
  for (const std::string& text : CronTexts(*config)) terminal.Info(text);
  if (published->urls.empty()) terminal.Info("It has no address: workers_dev is false, and there are no routes");
  return kExitOk;
}

int RunVersionsUpload(const Arguments& arguments, const Installation& installation, const Terminal& terminal) {
  std::optional<ProjectConfig> config = LoadProject(arguments, terminal);
  if (!config) return kExitRefused;
  WarnOfEnvironments(*config, arguments, terminal);
  AssetHashes known;
  Result<Project> project = ReadProject(*config, arguments, installation, terminal, &known);
  if (!project.has_value()) return Refuse(terminal, project.error());
  Result<std::unique_ptr<Client>> client = Connect(arguments.server, arguments.token);
  if (!client.has_value()) return Refuse(terminal, client.error());
  Result<Done> provided = ProvideNamespaces(*client.value(), &*config);
  if (!provided.has_value()) return Refuse(terminal, provided.error());
  Result<ApiAnswer> answer =
      Send(*config, project.value(), {}, Annotations(arguments), "POST", ScriptPath(config->name) + "/versions",
           *client.value(), terminal, arguments.output_json ? Progress::kQuiet : Progress::kShown);
  if (!answer.has_value()) return Refuse(terminal, answer.error());
  const std::string& id = answer->result["id"].AsString();
  const Json& previews = answer->result["preview_urls"];
  if (arguments.output_json) {
    Json json = Json().Set("success", true).Set("name", config->name).Set("version_id", id);
    terminal.Result(ToText(json.Set("preview_urls", previews)));
    return kExitOk;
  }
  terminal.Info(terminal.Green("Uploaded") + " a version of " + config->name + ", which is not live:");
  terminal.Result(id);
  for (const Json& url : previews.items()) terminal.Result(url.AsString());
  if (previews.items().empty() && !arguments.preview_alias.empty()) {
    terminal.Warn(
        "it has no preview URL: a Worker has them if its configuration says preview_urls = true, it was "
        "published since, and it has no Durable Object classes of its own");
  }
  terminal.Info("To make it live: limpet versions deploy " + id + " --name " + config->name);
  return kExitOk;
}

int RunDelete(const Arguments& arguments, const Terminal& terminal) {
  std::string name = arguments.name;
  if (name.empty()) {
    std::optional<ProjectConfig> config = LoadProject(arguments, terminal);
    if (!config) return kExitRefused;
    name = config->name;
  }
  if (!IsName(name)) return Refuse(terminal, Error(ErrorCode::kInvalidArgument, "\"" + name + "\" is no script name"));
  if (arguments.dry_run) {
    terminal.Info("dry run: would delete " + name + " and all data of its objects");
    return kExitOk;
  }
  if (!Confirmed(arguments, "Delete " + name + " and all data of its objects?", terminal)) return kExitRefused;
  Result<std::unique_ptr<Client>> client = Connect(arguments.server, arguments.token);
  if (!client.has_value()) return Refuse(terminal, client.error());
  Result<ApiAnswer> answer = client.value()->Call(
      "DELETE", std::string(kAccount) + "/workers/services/" + name + "?force=" + (arguments.force ? "true" : "false"),
      {}, {});
  if (!answer.has_value()) return Refuse(terminal, answer.error());
  if (!answer->success) return Refuse(terminal, Refused(answer.value()));
  if (arguments.output_json) {
    terminal.Result(ToText(Json().Set("success", true).Set("deleted", name)));
    return kExitOk;
  }
  terminal.Info("Deleted " + name + " and all data of its objects");
  return kExitOk;
}

int RunWhoami(const Arguments& arguments, const Terminal& terminal) {
  Result<Client::Options> options = FindServer(arguments.server, arguments.token);
  if (!options.has_value()) return Refuse(terminal, options.error());
  Result<std::unique_ptr<Client>> client = Client::Open(options.value());
  if (!client.has_value()) return Refuse(terminal, client.error());
  Result<ApiAnswer> answer = client.value()->Get("/accounts");
  if (!answer.has_value()) return Refuse(terminal, answer.error());
  if (!answer->success) return Refuse(terminal, Refused(answer.value()));
  Result<ApiAnswer> token = client.value()->Get("/user/tokens/verify");
  if (!token.has_value()) return Refuse(terminal, token.error());
  if (!token->success) return Refuse(terminal, Refused(token.value()));
  const std::string& name = token->result["name"].AsString();
  const std::string& scope = token->result["scope"].AsString();
  const std::string& expiry = token->result["expires_on"].AsString();
  for (const Json& account : answer->result.items()) {
    if (arguments.output_json) {
      Json json = Json().Set("server", options->server).Set("account", account["name"]);
      if (!scope.empty()) json.Set("token", name).Set("scope", scope);
      if (!expiry.empty()) json.Set("expires_on", expiry);
      terminal.Result(ToText(json));
      continue;
    }
    terminal.Result("account " + account["name"].AsString() + " on " + options->server);
    if (scope.empty()) continue;  // A server from before.
    std::string may = scope == "read" ? "may look" : scope == "deploy" ? "may change scripts and data" : "may do all";
    terminal.Result("token " + name + ", scope " + scope + ": " + may + (expiry.empty() ? "" : ", until " + expiry));
  }
  return kExitOk;
}

}  // namespace limpet::cli

// The one file that knows CLI11, whose errors are exceptions.
#include "cli/args.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "base/nearest.h"
#include "cli/cli.h"
#include "cli/completion.h"
#include "cli/foreign.h"

namespace limpet::cli {
namespace {

constexpr const char* kCommands[] = {"generate", "publish", "deploy", "delete", "whoami",   "serve",    "dev",
                                     "init",     "objects", "token",  "audit",  "secret",   "versions", "deployments",
                                     "rollback", "tail",    "login",  "logout", "triggers", "kv",       "completion"};

void AddServer(CLI::App* command, Arguments* arguments) {
  command->add_option("--server", arguments->server,
                      "The server's admin address (LIMPET_SERVER; http://127.0.0.1:8788)");
  // An empty one is a variable that is not set: not the moment to look for another token.
  command->add_option("--token", arguments->token, "Its token (LIMPET_TOKEN; found for a server on this machine)")
      ->check([](const std::string& text) { return std::string(text.empty() ? "--token is empty" : ""); });
  command->add_option("--profile", arguments->profile, "A server that limpet login knows (LIMPET_PROFILE)");
}

void AddProject(CLI::App* command, Arguments* arguments) {
  command->add_option("-c,--config", arguments->config, "The configuration file");
  command->add_option("-e,--env", arguments->environment, "The environment in it")
      ->each([arguments](const std::string&) { arguments->environment_given = true; });
}

void AddYes(CLI::App* command, Arguments* arguments) {
  command->add_flag("-y,--yes,--skip-confirmation", arguments->yes, "Asks nothing");
}

// Every occurrence of a migration flag takes one set of values.
CLI::Option* Repeated(CLI::Option* option, int size) {
  return option->type_size(size)->expected(1)->allow_extra_args(false)->multi_option_policy(
      CLI::MultiOptionPolicy::TakeAll);
}

struct Raw {
  std::vector<std::string> renames, transfers;
  std::string old_tag, new_tag, output, ip;
  std::optional<uint16_t> port;
};

// What flags say in place of the configuration.
void AddOverrides(CLI::App* command, Arguments* arguments) {
  OverrideFlags& flags = arguments->overrides;
  auto pairs = [&](const char* name, std::vector<std::string>* values, const char* about) {
    Repeated(command->add_option(name, *values, about), 1)->type_name("KEY:VALUE");
  };
  pairs("--var", &flags.vars, "A variable, instead of the configuration's; may be repeated");
  pairs("--define", &flags.defines, "What a global name in the code is replaced by; may be repeated");
  pairs("--alias", &flags.aliases, "A module that is imported in place of another; may be repeated");
  Repeated(command->add_option("--compatibility-flags,--compatibility-flag", flags.compatibility_flags,
                               "Instead of the configuration's; may be repeated"),
           1)
      ->type_name("FLAG");
  command->add_option("--compatibility-date", flags.compatibility_date, "Instead of the configuration's")
      ->type_name("DATE");
  command->add_flag("--latest", flags.latest, "Today as the compatibility date");
  command->add_flag("--minify", flags.minify, "Makes the bundle small");
  command->add_flag("--no-bundle", flags.no_bundle, "Uploads the files as they are");
}

void AddPublish(CLI::App* command, Arguments* arguments, Raw* raw) {
  AddServer(command, arguments);
  AddProject(command, arguments);
  MigrationFlags& flags = arguments->migrations;
  command->add_option("script", arguments->entry, "The main module, instead of the configuration's");
  command->add_option("--name", arguments->name, "The script's name, instead of the configuration's");
  command->add_option("--assets", arguments->assets, "A folder of static files, instead of the configuration's");
  Repeated(command->add_option("--new-class", flags.new_classes, "A class that gets storage"), 1)->type_name("CLASS");
  Repeated(command->add_option("--new-sqlite-class", flags.new_sqlite_classes, "The same, with SQL"), 1)
      ->type_name("CLASS");
  Repeated(command->add_option("--delete-class", flags.deleted_classes, "Destroys a class's objects and their data"), 1)
      ->type_name("CLASS");
  Repeated(command->add_option("--rename-class", raw->renames, "The objects of FROM become those of TO"), 2)
      ->type_name("FROM TO");
  Repeated(command->add_option("--transfer-class", raw->transfers, "Takes over another script's class"), 3)
      ->type_name("FROM_SCRIPT FROM_CLASS TO_CLASS");
  command->add_option("--old-tag", raw->old_tag, "The migration tag that the script must have");
  command->add_option("--new-tag", raw->new_tag, "The one that it gets");
  command
      ->add_option("--durable-objects-code-update-mode", arguments->code_update_mode,
                   "When running objects take the new code: \"deferred\" or \"immediate\"")
      ->check(CLI::IsMember({"deferred", "immediate"}));
  command->add_option("--output", raw->output, "\"json\": the result for programs")->check(CLI::IsMember({"json"}));
  command->add_flag("--json", arguments->output_json, "The same as --output json");
  command->add_flag("--dry-run", arguments->dry_run, "Bundles and checks, sends nothing");
  AddOverrides(command, arguments);
  command->add_flag("--keep-vars", arguments->overrides.keep_vars, "Variables that the configuration lacks stay");
  command->add_option("--tag", arguments->tag, "What the version is called");
  command->add_option("--message", arguments->message, "What the version says of itself");
}

void AddAccess(CLI::App* app, Arguments* arguments) {
  CLI::App* token = app->add_subcommand("token", "Makes, lists and revokes the tokens that a server knows");
  token->require_subcommand(1);
  CLI::App* create = token->add_subcommand("create", "Makes a token and prints it");
  AddServer(create, arguments);
  create->add_option("name", arguments->name, "What it is for")->required();
  create->add_option("--scope", arguments->scope, "What it may do: look, change scripts and data, or all (deploy)")
      ->check(CLI::IsMember({"read", "deploy", "admin"}));
  create->add_option("--expires", arguments->expires, "30d, 12h or a date such as 2027-01-31; none: never");
  create->add_flag("--json", arguments->output_json, "The same for programs");
  CLI::App* list = token->add_subcommand("list", "The tokens, not what they read");
  AddServer(list, arguments);
  list->add_flag("--json", arguments->output_json, "A JSON list");
  CLI::App* revoke = token->add_subcommand("revoke", "Refuses a token from now on");
  AddServer(revoke, arguments);
  revoke->add_option("name", arguments->name, "Its name or ID")->required();
  revoke->add_flag("--json", arguments->output_json, "The same for programs");
  CLI::App* audit = app->add_subcommand("audit", "Who changed what on a server, the newest first");
  AddServer(audit, arguments);
  audit->add_option("--limit", arguments->limit, "At most so many (50)");
  audit->add_flag("--json", arguments->output_json, "A JSON list");
}

// What is done to a script that is on a server. With an action: a command of several.
CLI::App* AddScript(CLI::App* parent, const char* name, const char* text, Arguments* arguments) {
  CLI::App* command = parent->add_subcommand(name, text);
  AddServer(command, arguments);
  AddProject(command, arguments);
  command->add_option("--name", arguments->name, "The script, instead of the configuration's");
  command->parse_complete_callback([arguments, name] { arguments->action = name; });
  return command;
}

void AddRemote(CLI::App* app, Arguments* arguments) {
  const char* json = "For programs: JSON";
  const char* message = "What the deployment says of itself";
  CLI::App* secret = app->add_subcommand("secret", "The secrets of a script")->require_subcommand(1);
  AddScript(secret, "list", "Their names", arguments)->add_flag("--json", arguments->output_json, json);
  auto change = [&](const char* name, const char* about) {
    CLI::App* command = AddScript(secret, name, about, arguments);
    command->add_flag("--json", arguments->output_json, json);
    return command;
  };
  change("put", "Sets one; its value comes from standard input")
      ->add_option("key", arguments->key, "Its name")
      ->required();
  CLI::App* drop = change("delete", "Deletes one");
  drop->add_option("key", arguments->key, "Its name")->required();
  AddYes(drop, arguments);
  change("bulk", "Sets several, of a file {\"NAME\": \"value\", \"OLD\": null}, or of lines NAME=value")
      ->add_option("file", arguments->key, "The file; none: standard input");
  CLI::App* versions = app->add_subcommand("versions", "The versions of a script")->require_subcommand(1);
  AddScript(versions, "list", "Those that are kept, newest first", arguments)
      ->add_flag("--json", arguments->output_json, json);
  CLI::App* view = AddScript(versions, "view", "What one is made of", arguments);
  view->add_option("version", arguments->key, "Its ID")->required();
  view->add_flag("--json", arguments->output_json, json);
  CLI::App* upload = AddScript(versions, "upload", "Uploads the project as a version that is not live", arguments);
  upload->add_option("script", arguments->entry, "The main module, instead of the configuration's");
  upload->add_option("--assets", arguments->assets, "A folder of static files, instead of the configuration's");
  AddOverrides(upload, arguments);
  upload->add_option("--preview-alias", arguments->preview_alias, "Its preview URL is ALIAS-NAME.DOMAIN, too");
  upload->add_option("--tag", arguments->tag, "What the version is called");
  upload->add_option("--message", arguments->message, "What the version says of itself");
  upload->add_flag("--json", arguments->output_json, json);
  CLI::App* deploy = AddScript(versions, "deploy", "Makes versions live, each for its part of the traffic", arguments);
  deploy->add_option("version", arguments->words, "VERSION or VERSION@PERCENT")->required();
  deploy->add_option("--message", arguments->message, message);
  deploy->add_flag("-y,--yes")->description("Accepted for wrangler: nothing is asked");
  deploy->add_flag("--json", arguments->output_json, json);
  CLI::App* deployments = app->add_subcommand("deployments", "What was live of a script")->require_subcommand(1);
  AddScript(deployments, "list", "Newest first", arguments)->add_flag("--json", arguments->output_json, json);
  AddScript(deployments, "status", "What is live now", arguments)->add_flag("--json", arguments->output_json, json);
  CLI::App* rollback = AddScript(app, "rollback", "Makes an earlier version live again", arguments);
  rollback->add_option("version", arguments->key, "Which one; none: the one before");
  rollback->add_option("--message", arguments->message, message);
  rollback->add_flag("-y,--yes")->description("Accepted for wrangler: nothing is asked");
  rollback->add_flag("--json", arguments->output_json, json);
  CLI::App* triggers =
      app->add_subcommand("triggers", "Routes, custom domains and crons of a script")->require_subcommand(1);
  AddScript(triggers, "deploy", "Puts those of the configuration in place", arguments);
  CLI::App* tail = app->add_subcommand("tail", "What a script's events did, live");
  AddServer(tail, arguments);
  AddProject(tail, arguments);
  tail->add_option("name,--name", arguments->name, "The script, instead of the configuration's");
  tail->add_option("--outcome", arguments->outcomes, "Only events that ended so: ok, exception, canceled, …");
  tail->add_option_function<std::vector<std::string>>(
          "--status",
          [arguments](const std::vector<std::string>& words) {
            for (const std::string& word : words) {
              std::vector<const char*> outcomes{word.c_str()};
              if (word == "error") outcomes = {"exception", "exceededCpu", "exceededMemory", "unknown"};
              arguments->outcomes.insert(arguments->outcomes.end(), outcomes.begin(), outcomes.end());
            }
          },
          "The same in wrangler's words")
      ->check(CLI::IsMember({"ok", "error", "canceled"}));
  tail->add_option("--method", arguments->methods, "Only requests of these methods");
  tail->add_option("--search", arguments->search, "Only events that said this");
  tail->add_option("--header", arguments->header, "Only requests with this header")->type_name("NAME[:TEXT]");
  tail->add_option("--ip", arguments->client_ip, "Only requests of this address")->check([](const std::string& text) {
    return std::string(text == "self" ? "--ip self is known to Cloudflare alone: give the address" : "");
  });
  tail->add_option("--version-id", arguments->version_id, "Only events of this version");
  tail->add_option("--sampling-rate", arguments->sampling_rate, "Only this part of the events, 0 to 1")
      ->check(CLI::Range(0.0, 1.0));
  tail->add_option_function<std::string>(
          "--format", [arguments](const std::string& word) { arguments->output_json |= word == "json"; },
          "\"json\": the same as --json")
      ->check(CLI::IsMember({"json", "pretty"}));
  tail->add_flag("--json", arguments->output_json, "One JSON object a line");
}

void AddKv(CLI::App* app, Arguments* arguments) {
  KvArguments& kv = arguments->kv;
  CLI::App* top =
      app->add_subcommand("kv", "The KV namespaces of a server, and the values in them")->require_subcommand(1);
  CLI::App* group = nullptr;
  auto begin = [&](const char* name, const char* about) {
    group = top->add_subcommand(name, about)->require_subcommand(1);
    group->parse_complete_callback([arguments, name] { arguments->kv.group = name; });
  };
  auto add = [&](const char* name, const char* about) {
    CLI::App* command = group->add_subcommand(name, about);
    AddServer(command, arguments);
    AddProject(command, arguments);
    if (name != std::string_view("get") && name != std::string_view("export")) {  // Bytes as they are, or JSON anyway.
      command->add_flag("--json", arguments->output_json, "For programs: JSON");
    }
    command->add_flag("--remote")->description("Accepted for wrangler 4: it always is");
    command->parse_complete_callback([arguments, name] { arguments->action = name; });
    return command;
  };
  auto add_in = [&](const char* name, const char* about) {
    CLI::App* command = add(name, about);
    command->add_option("--binding", kv.binding, "The namespace, by its binding in the configuration");
    command->add_option("--namespace-id", kv.namespace_id, "The namespace, by its ID");
    command->add_flag("--preview", kv.preview, "The binding's preview_id");
    return command;
  };
  begin("namespace", "Makes, lists, renames and deletes namespaces");
  CLI::App* create = add("create", "Makes a namespace");
  create->add_option("namespace", kv.name, "Its name")->required();
  create->add_flag("--preview", kv.preview, "One for a binding's preview_id");
  create->add_option("--id", kv.id, "The ID that it gets, of a configuration from elsewhere: 32 hex digits");
  add("list", "All of them");
  CLI::App* rename = add_in("rename", "Gives a namespace another name");
  rename->add_option("namespace", kv.name, "The old name");
  rename->add_option("--new-name", kv.new_name, "The new one")->required();
  CLI::App* remove = add_in("delete", "Deletes a namespace and all that is in it");
  remove->add_option("namespace", kv.name, "Its name");
  AddYes(remove, arguments);
  begin("key", "The values of a namespace");
  CLI::App* put = add_in("put", "Stores a value");
  put->add_option("key", kv.name, "The key")->required();
  put->add_option("value", kv.value, "The value")->each([&kv](const std::string&) { kv.has_value = true; });
  put->add_option("--path", kv.path, "A file with the value; \"-\": standard input");
  put->add_option("--ttl,--expiration-ttl", kv.ttl, "It is gone after so many seconds, 60 at least");
  put->add_option("--expiration", kv.expiration, "It is gone at this time, in seconds since 1970");
  put->add_option("--metadata", kv.metadata, "What a list tells beside the key: JSON");
  CLI::App* get = add_in("get", "Writes a value to standard output");
  get->add_option("key", kv.name, "The key")->required();
  get->add_flag("--text")->description("Accepted for wrangler: the bytes are written as they are");
  add_in("list", "The keys")->add_option("--prefix", kv.prefix, "Those that begin so");
  add_in("delete", "Deletes a value")->add_option("key", kv.name, "The key")->required();
  begin("bulk", "Many values at once");
  const char* file = "A file; \"-\": standard input";
  add_in("put", "Stores the list [{\"key\", \"value\", …}]")->add_option("file", kv.name, file)->required();
  add_in("export", "All values, as the list that put takes");
  add_in("get", "The values of the list [\"key\", …]")->add_option("file", kv.name, file)->required();
  CLI::App* drop = add_in("delete", "Deletes those of the list [\"key\", …]");
  drop->add_option("file", kv.name, file)->required();
  drop->add_flag("-f,--force", arguments->force, "Asks nothing");
  AddYes(drop, arguments);
}

void Build(CLI::App* app, Arguments* arguments, Raw* raw) {
  app->require_subcommand(1);
  CLI::App* generate = app->add_subcommand("generate", "Makes a project folder from a template")->alias("init");
  generate->add_option("name", arguments->name, "The project's name (worker)");
  generate->add_option("template", arguments->template_source, "A folder or a Git address; none: the counter");
  generate->add_option("-t,--type", arguments->type, "Accepted for wrangler 1.x; written to wrangler.toml");
  AddPublish(app->add_subcommand("publish", "Uploads the project and makes it live")->alias("deploy"), arguments, raw);
  CLI::App* remove = app->add_subcommand("delete", "Deletes a script and all data of its objects");
  AddServer(remove, arguments);
  AddProject(remove, arguments);
  remove->add_option("name,--name", arguments->name, "The script, instead of the configuration's");
  remove->add_flag("--force", arguments->force, "Even if other scripts bind its classes; asks nothing");
  AddYes(remove, arguments);
  remove->add_flag("--dry-run", arguments->dry_run, "Says what would be deleted");
  remove->add_flag("--json", arguments->output_json, "The result for programs");
  CLI::App* whoami = app->add_subcommand("whoami", "Says which server and account the tool talks to");
  AddServer(whoami, arguments);
  whoami->add_flag("--json", arguments->output_json, "The same for programs");
  AddServer(app->add_subcommand("login", "Keeps a server's address and token for later commands"), arguments);
  app->add_subcommand("logout", "Forgets what login has kept")
      ->add_option("--profile", arguments->profile, "The one of that name");
  CLI::App* objects = app->add_subcommand("objects", "The objects of a class on a server: what they store, and stored");
  objects->require_subcommand(1);
  CLI::App* list = objects->add_subcommand("list", "The IDs and names of the objects that store something");
  AddServer(list, arguments);
  list->add_option("class", arguments->object_class, "The class, or the ID of its namespace")->required();
  list->add_option("--script", arguments->script, "The script, if several have such a class");
  list->add_option("--prefix", arguments->name_prefix, "Those whose name begins so, in order of names");
  list->add_option("--limit", arguments->limit, "At most so many");
  list->add_flag("--json", arguments->output_json, "A JSON list");
  CLI::App* get = objects->add_subcommand("get", "What an object stores: keys, sizes, its database's size");
  AddServer(get, arguments);
  get->add_option("id", arguments->object_id, "64 hex digits, or the object's name")->required();
  get->add_option("--class", arguments->object_class, "Of a name: the class, or the ID of its namespace");
  get->add_option("--script", arguments->script, "The script, if several have such a class");
  get->add_flag("--json", arguments->output_json, "The same for programs");
  CLI::App* drop = objects->add_subcommand("delete", "Resets an object and deletes all that it stored");
  AddServer(drop, arguments);
  drop->add_option("id", arguments->object_id, "64 hex digits")->required();
  AddYes(drop, arguments);
  drop->add_flag("--json", arguments->output_json, "The same for programs");
  auto of_object = [&](const char* name, const char* about) {
    CLI::App* command = objects->add_subcommand(name, about);
    AddServer(command, arguments);
    command->add_option("id", arguments->object_id, "64 hex digits")->required();
    command->add_flag("--json", arguments->output_json, "The same for programs");
    return command;
  };
  constexpr const char* kAt = "A bookmark, 2026-01-31T12:00:00Z, or milliseconds since 1970; now if it is left out";
  CLI::App* bookmarks = of_object("bookmarks", "The states of an object that can be had back, the last one first");
  bookmarks->add_option("--limit", arguments->limit, "At most so many (100)");
  CLI::App* export_to = of_object("export", "Writes what an object stores into an SQLite file");
  export_to->add_option("file", arguments->file, "The file; it must not be there")->required();
  export_to->add_option("--at", arguments->at, kAt);
  CLI::App* import_from = of_object("import", "Resets an object, and replaces what it stores by an SQLite file");
  import_from->add_option("file", arguments->file, "The file, as export writes it, or any other")->required();
  CLI::App* fork = of_object("fork", "Copies an object to a new one of its class, without its alarm");
  fork->add_option("--to", arguments->to, "The name of the new object")->required();
  fork->add_option("--at", arguments->at, kAt);
  CLI::App* restore = of_object("restore", "Resets an object, and leads it back to an earlier state");
  restore->add_option("--at,--bookmark", arguments->at, "A bookmark, 2026-01-31T12:00:00Z, or milliseconds since 1970")
      ->required();
  AddAccess(app, arguments);
  AddRemote(app, arguments);
  AddKv(app, arguments);
  app->add_subcommand("completion", "Prints what completes these commands in a shell: bash, zsh or fish")
      ->add_option("shell", arguments->name, "For example: source <(limpet completion zsh)")
      ->required();
  app->add_subcommand("serve", "Runs a server: limpet serve --help")->prefix_command();
  CLI::App* dev = app->add_subcommand("dev", "Runs the project here, reloads on save");
  AddProject(dev, arguments);
  dev->add_option("script", arguments->entry, "The main module, instead of the configuration's");
  dev->add_option("--assets", arguments->assets, "A folder of static files, instead of the configuration's");
  dev->add_option("--listen", arguments->listen, "Where to serve (127.0.0.1:8787)");
  dev->add_option("--port", raw->port, "The same, the port alone");
  dev->add_option("--ip", raw->ip, "The same, the address alone");
  Repeated(dev->add_option("--env-file", arguments->env_files, "In place of .dev.vars and .env; may be repeated"), 1)
      ->type_name("FILE");
  dev->add_flag("--test-scheduled")->description("Accepted for wrangler: /__scheduled is always there");
  dev->add_flag("--local,-l")->description("Accepted for wrangler: it always is");
  AddOverrides(dev, arguments);
}

Arguments Finish(const CLI::App& app, Arguments arguments, const Raw& raw) {
  static constexpr std::pair<const char*, Command> kNames[] = {
      {"generate", Command::kGenerate},    {"publish", Command::kPublish},   {"delete", Command::kDelete},
      {"whoami", Command::kWhoami},        {"serve", Command::kServe},       {"dev", Command::kDev},
      {"secret", Command::kSecret},        {"versions", Command::kVersions}, {"deployments", Command::kDeployments},
      {"rollback", Command::kRollback},    {"tail", Command::kTail},         {"login", Command::kLogin},
      {"logout", Command::kLogout},        {"triggers", Command::kTriggers}, {"kv", Command::kKv},
      {"completion", Command::kCompletion}};
  for (const auto& [name, command] : kNames) {
    const CLI::App* chosen = app.get_subcommand(name);
    if (!chosen->parsed()) continue;
    arguments.command = command;
    if (command == Command::kPublish) {
      if (chosen->count("--old-tag") != 0) arguments.migrations.old_tag = raw.old_tag;
      if (chosen->count("--new-tag") != 0) arguments.migrations.new_tag = raw.new_tag;
    }
  }
  static constexpr std::pair<const char*, Command> kObjects[] = {
      {"list", Command::kObjectsList},     {"get", Command::kObjectsGet},
      {"delete", Command::kObjectsDelete}, {"bookmarks", Command::kObjectsBookmarks},
      {"export", Command::kObjectsExport}, {"import", Command::kObjectsImport},
      {"fork", Command::kObjectsFork},     {"restore", Command::kObjectsRestore}};
  for (const auto& [name, command] : kObjects) {
    if (app.get_subcommand("objects")->get_subcommand(name)->parsed()) arguments.command = command;
  }
  static constexpr std::pair<const char*, Command> kToken[] = {
      {"create", Command::kTokenCreate}, {"list", Command::kTokenList}, {"revoke", Command::kTokenRevoke}};
  for (const auto& [name, command] : kToken) {
    if (app.get_subcommand("token")->get_subcommand(name)->parsed()) arguments.command = command;
  }
  if (app.get_subcommand("audit")->parsed()) arguments.command = Command::kAudit;
  for (size_t i = 0; i + 1 < raw.renames.size(); i += 2) {
    arguments.migrations.renamed_classes.emplace_back(raw.renames[i], raw.renames[i + 1]);
  }
  for (size_t i = 0; i + 2 < raw.transfers.size(); i += 3) {
    arguments.migrations.transferred_classes.push_back({raw.transfers[i], raw.transfers[i + 1], raw.transfers[i + 2]});
  }
  if (raw.output == "json") arguments.output_json = true;
  if (raw.port || !raw.ip.empty()) {
    std::string ip = raw.ip.empty() ? "127.0.0.1" : raw.ip;
    if (ip.find(':') != std::string::npos && ip[0] != '[') ip = "[" + ip + "]";
    arguments.listen = ip + ":" + std::to_string(raw.port.value_or(8787));
  }
  return arguments;
}

// What is wrong with the words of `command`, as people say it; CLI11's own text if nothing better is known.
std::string UsageText(const CLI::App& app, const std::vector<std::string>& words, const CLI::ParseError& error) {
  auto any = [](const CLI::App*) { return true; };
  const CLI::App* command = &app;
  std::string path;  // " objects list"
  for (const std::string& word : words) {
    std::vector<std::string> known;
    const CLI::App* next = nullptr;
    for (const CLI::App* one : command->get_subcommands(any)) {
      if (one->check_name(word)) next = one;
      known.push_back(one->get_name());
    }
    if (known.empty() || (next == nullptr && word.starts_with("-"))) break;
    if (next == nullptr) {
      std::optional<std::string> nearest = Nearest(word, known);
      std::string text = "There is no command \"" + (path + " " + word).substr(1) + "\".";
      if (nearest) text += " Did you mean \"limpet" + path + " " + *nearest + "\"?";
      return text + " Try: limpet" + path + " --help";
    }
    command = next;
    path += " " + word;
  }
  std::string name = "limpet" + path;
  std::string advice = ". Try: " + name + " --help";
  if (command == &app) return error.what() + advice;
  for (const std::string& word : words) {
    std::string flag = word.substr(0, word.find('='));
    if (!flag.starts_with("--") || flag == "--" || command->get_option_no_throw(flag) != nullptr) continue;
    std::vector<std::string> known;
    for (const CLI::Option* option : command->get_options()) {
      if (!option->get_lnames().empty()) known.push_back("--" + option->get_lnames()[0]);
    }
    std::optional<std::string> nearest = Nearest(flag, known);
    if (std::optional<std::string> about = ForeignFlag(flag)) return name + " has no flag " + flag + ": " + *about;
    return name + " has no flag " + flag + (nearest ? "; did you mean " + *nearest + "?" : ".") + advice.substr(1);
  }
  std::string text = error.what();
  if (error.get_name() == "RequiredError") {
    std::string names;
    for (const CLI::App* one : command->get_subcommands(any)) names += (names.empty() ? "" : ", ") + one->get_name();
    if (!names.empty()) return name + " needs one of: " + names + advice;
    if (text.ends_with(" is required")) return name + " needs " + text.substr(0, text.find(' ')) + advice;
  }
  const CLI::Option* option = command->get_option_no_throw(text.substr(0, text.find(':')));
  if (option != nullptr && error.get_name() == "ArgumentMismatch") {
    const std::string type = option->get_type_name();
    text = option->get_name() + " needs " + (type == "TEXT" ? "a value" : type == "UINT" ? "a number" : type);
  }
  return text + advice;
}

ParsedArguments Parse(const std::vector<std::string>& words, const std::string& version) {
  Arguments arguments;
  Raw raw;
  CLI::App app("limpet: Workers and Durable Objects on machines you own", "limpet");
  app.set_version_flag("-V,-v,--version", "limpet " + version);
  Build(&app, &arguments, &raw);
  std::vector<std::string> reversed(words.rbegin(), words.rend());  // As App::parse(vector) wants them.
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::CallForVersion& call) {
    return {std::nullopt, {kExitOk, std::string(call.what())}};
  } catch (const CLI::CallForHelp&) {
    // By the name that it was called by.
    for (CLI::App* one : app.get_subcommands([&](const CLI::App* some) { return some->check_name(words[0]); })) {
      one->name(words[0]);
    }
    return {std::nullopt, {kExitOk, app.help()}};
  } catch (const CLI::CallForAllHelp&) {
    return {std::nullopt, {kExitOk, app.help("", CLI::AppFormatMode::All)}};
  } catch (const CLI::ParseError& error) {
    return {std::nullopt, {kExitUsage, UsageText(app, words, error)}};
  }
  return {Finish(app, std::move(arguments), raw), {}};
}

// The values that an option takes, if they are a few: its type is "TEXT:{deferred,immediate}" then.
std::vector<std::string> ChoicesOf(const CLI::Option& option) {
  std::vector<std::string> choices;
  std::string type = option.get_type_name();
  size_t at = type.find('{'), end = type.rfind('}');
  if (at == std::string::npos || end == std::string::npos) return choices;
  for (size_t comma; at < end; at = comma) {
    comma = std::min(type.find(',', at + 1), end);
    choices.push_back(type.substr(at + 1, comma - at - 1));
  }
  return choices;
}

CommandHelp Describe(const CLI::App& app) {
  CommandHelp help{.about = app.get_description()};
  if (!app.get_name().empty()) help.names.push_back(app.get_name());
  for (const std::string& alias : app.get_aliases()) help.names.push_back(alias);
  for (const CLI::Option* option : app.get_options()) {
    FlagHelp flag{.about = option->get_description(), .takes_value = option->get_items_expected_max() > 0};
    for (const std::string& name : option->get_lnames()) flag.names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) flag.names.push_back("-" + name);
    flag.choices = ChoicesOf(*option);
    if (!flag.names.empty()) help.flags.push_back(std::move(flag));
  }
  for (const CLI::App* next : app.get_subcommands([](const CLI::App*) { return true; })) {
    help.commands.push_back(Describe(*next));
  }
  return help;
}

}  // namespace

CommandHelp DescribeCommands() {
  Arguments arguments;
  Raw raw;
  CLI::App app("limpet", "");
  app.set_version_flag("-V,-v,--version", "");
  Build(&app, &arguments, &raw);
  return Describe(app);
}

std::optional<std::string> NearestCommand(const std::string& word) {
  return Nearest(word, {std::begin(kCommands), std::end(kCommands)});
}

ParsedArguments ParseArguments(const std::vector<std::string>& words, const std::string& version) {
  // wrangler 1 to 3: kv:key put, secret:bulk
  if (!words.empty() && words[0] == "secret:bulk") {
    std::vector<std::string> modern = {"secret", "bulk"};
    modern.insert(modern.end(), words.begin() + 1, words.end());
    return ParseArguments(modern, version);
  }
  if (!words.empty() && words[0].starts_with("kv:")) {
    std::vector<std::string> modern = {"kv", words[0].substr(3)};
    modern.insert(modern.end(), words.begin() + 1, words.end());
    return ParseArguments(modern, version);
  }
  if (words.empty()) return ParseArguments({"--help"}, version);
  if (words[0] == "help") {
    std::vector<std::string> about(words.begin() + 1, words.end());
    about.emplace_back("--help");
    return ParseArguments(about, version);
  }
  // `serve` has flags of its own, which the server layer knows.
  if (words[0] == "serve") {
    Arguments arguments;
    arguments.command = Command::kServe;
    arguments.serve.assign(words.begin() + 1, words.end());
    return {std::move(arguments), {}};
  }
  if (!words[0].starts_with("-") &&
      std::find(std::begin(kCommands), std::end(kCommands), words[0]) == std::end(kCommands)) {
    if (std::optional<std::string> advice = ForeignCommand(words[0])) return {std::nullopt, {kExitUsage, *advice}};
    std::string text = "There is no command \"" + words[0] + "\".";
    if (std::optional<std::string> nearest = NearestCommand(words[0]))
      text += " Did you mean \"limpet " + *nearest + "\"?";
    return {std::nullopt, {kExitUsage, text + " Try: limpet --help"}};
  }
  try {
    return Parse(words, version);
  } catch (const std::exception& error) {
    return {std::nullopt, {kExitUsage, error.what()}};
  }
}

}  // namespace limpet::cli

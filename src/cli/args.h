// The command line, taken apart. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/migration_plan.h"
#include "cli/overrides.h"

namespace limpet::cli {

enum class Command : uint8_t {
  kNone,
  kGenerate,
  kPublish,
  kDelete,
  kWhoami,
  kServe,
  kDev,
  kObjectsList,
  kObjectsGet,
  kObjectsDelete,
  kObjectsBookmarks,
  kObjectsExport,
  kObjectsImport,
  kObjectsFork,
  kObjectsRestore,
  kTokenCreate,
  kTokenList,
  kTokenRevoke,
  kAudit,
  kSecret,
  kVersions,
  kDeployments,
  kRollback,
  kTail,
  kKv,
  kLogin,
  kLogout,
  kTriggers,
  kCompletion
};

// limpet kv GROUP ACTION; the action is Arguments::action.
struct KvArguments {
  std::string group;  // "namespace", "key", "bulk"
  std::string name;   // The namespace's title, the key, or the file.
  std::string value;  // key put
  bool has_value = false;
  std::string id;  // namespace create --id
  std::string binding, namespace_id, new_name, prefix, path, metadata;
  std::optional<uint64_t> ttl, expiration;
  bool preview = false;
};

struct Arguments {
  Command command = Command::kNone;
  std::string server, token;        // Every client command.
  std::string profile;              // The same: --profile
  std::string config, environment;  // -c, -e
  std::string name;                 // --name, or NAME of generate, delete, token create, completion.
  std::string entry;                // publish [SCRIPT]
  std::string assets;               // publish, dev --assets DIR
  std::string template_source;      // generate NAME [TEMPLATE]
  std::string type;                 // generate -t
  std::string object_class;         // objects list CLASS|NAMESPACE
  std::string object_id;            // objects, but for list
  std::string at;                   // objects export|fork|restore --at: a bookmark or a time; empty: now
  std::string file;                 // objects export|import
  std::string to;                   // objects fork --to
  std::string script;               // objects list --script
  std::string name_prefix;          // objects list --prefix
  std::optional<uint64_t> limit;    // objects list --limit, audit --limit
  std::string scope = "deploy";     // token create --scope
  std::string expires;              // token create --expires
  std::string action;               // secret, versions, deployments: "list", "put", …
  std::string key;                  // secret KEY (or bulk's file), rollback VERSION
  std::string message;              // --message
  std::string tag, preview_alias;   // versions upload
  std::vector<std::string> words;   // versions deploy VERSION@PERCENT…
  // tail
  std::vector<std::string> outcomes, methods;
  std::string search, client_ip, version_id, header;  // A header is "NAME" or "NAME:TEXT".
  std::optional<double> sampling_rate;
  KvArguments kv;
  MigrationFlags migrations;
  std::string code_update_mode;  // publish --durable-objects-code-update-mode
  bool dry_run = false;
  bool force = false;
  bool yes = false;                // Asks nothing.
  bool environment_given = false;  // -e, if only as "".
  OverrideFlags overrides;
  bool output_json = false;
  std::string listen = "127.0.0.1:8787";  // dev
  std::vector<std::string> env_files;     // dev --env-file
  std::vector<std::string> serve;         // Everything after "serve".
};

// What to do instead of running a command: print and exit.
struct EarlyExit {
  int code = 0;
  std::string text;  // To standard output if code is 0, else to standard error.
};

// One of the two.
struct ParsedArguments {
  std::optional<Arguments> arguments;
  EarlyExit exit;
};
ParsedArguments ParseArguments(const std::vector<std::string>& words, const std::string& version);

// The command that a mistyped one is nearest to, or nothing.
std::optional<std::string> NearestCommand(const std::string& word);

}  // namespace limpet::cli

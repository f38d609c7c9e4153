// Uploading a project: `limpet publish`, and each reload of `limpet dev`.
#pragma once

#include <string>

#include "base/json.h"
#include "cli/args.h"
#include "cli/asset_files.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/config/project_config.h"
#include "cli/modules.h"
#include "cli/terminal.h"

namespace limpet::cli {

struct Published {
  std::string name, version_id;
  std::vector<std::string> urls;  // Where it answers: addresses, and the patterns of its routes.
  Json reconciliation;            // What became of the project's `exports`; null: it has none.
};

// The configuration that `arguments` name, its warnings and errors printed. Nothing: there were errors.
std::optional<ProjectConfig> LoadProject(const Arguments& arguments, const Terminal& terminal);
// [build] command, then the modules. Errors as CollectModules.
Result<UploadModules> BuildProject(const ProjectConfig& config, const Arguments& arguments,
                                   const Installation& installation, const Terminal& terminal);
// What is sent of a project.
struct Project {
  UploadModules modules;  // None: static files alone.
  std::optional<AssetFolder> assets;
};
// Static files too; `known` as CollectAssets.
Result<Project> ReadProject(const ProjectConfig& config, const Arguments& arguments, const Installation& installation,
                            const Terminal& terminal, AssetHashes* known);
// `annotations`: what the version says of itself. Errors: kConflict (the server or the migration list refuses: the text
// is for people), kUnavailable.
Result<Published> Upload(const ProjectConfig& config, const Project& project, const MigrationFlags& flags,
                         Client& client, const Terminal& terminal, Progress progress, Json annotations = {});
// The metadata part of the upload form; without a main module of static files alone.
Json MakeMetadata(const ProjectConfig& config, const UploadModules& modules, Json migrations);

int RunPublish(const Arguments& arguments, const Installation& installation, const Terminal& terminal);
int RunVersionsUpload(const Arguments& arguments, const Installation& installation, const Terminal& terminal);
int RunDelete(const Arguments& arguments, const Terminal& terminal);
int RunWhoami(const Arguments& arguments, const Terminal& terminal);

}  // namespace limpet::cli

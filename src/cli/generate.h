// `limpet generate NAME [TEMPLATE]`: a project folder from a template.
#pragma once

#include <string>
#include <string_view>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/terminal.h"

namespace limpet::cli {

struct ProjectNames {
  std::string name;
  std::string date;  // Today, for compatibility_date.
  std::string type;  // Of -t; empty: none.
};

// wrangler.toml of a new project: `name`, `workers_dev` (unless it has a route), `type` and `compatibility_date` set at
// the top level, everything else as it was. Pure.
std::string RewriteToml(std::string_view text, const ProjectNames& names);
// wrangler.json(c) of a new project: the value of the top-level "name" replaced, everything else as it was. Pure.
std::string RewriteJson(std::string_view text, std::string_view name);
// `{{ project-name }}` and the like replaced. Pure.
std::string FillTemplate(std::string_view text, std::string_view name);

// TEMPLATE is a folder (copied as it is, without .git, node_modules and .limpet), a bare repository or a Git address
// (cloned, without its history). A NAME that is taken becomes NAME-1. What could not be made whole is removed.
int RunGenerate(const Arguments& arguments, const Installation& installation, const Terminal& terminal);

}  // namespace limpet::cli

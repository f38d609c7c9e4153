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
// `{{ project-name }}` and the like replaced. Pure.
std::string FillTemplate(std::string_view text, std::string_view name);

int RunGenerate(const Arguments& arguments, const Installation& installation, const Terminal& terminal);

}  // namespace limpet::cli

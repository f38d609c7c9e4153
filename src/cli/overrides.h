// What flags say in place of the project's configuration. Pure, but for today's date.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/config/project_config.h"
#include "cli/dot_env.h"

namespace limpet::cli {

// Flags of publish, versions upload and dev; wrangler's.
struct OverrideFlags {
  std::vector<std::string> vars, defines, aliases;  // "KEY:VALUE"
  std::vector<std::string> compatibility_flags;
  std::string compatibility_date;
  bool latest = false, minify = false, no_bundle = false, keep_vars = false;
};

// Errors: kInvalidArgument, which names the flag. `today` is a date such as 2026-11-27.
Result<Done> Override(const OverrideFlags& flags, const std::string& today, ProjectConfig* config);

// What `.dev.vars` or `.env` say, in place of the configuration's variables of the same names, but not of what `flags`
// say, nor of other bindings. As variables, not as secrets: those would outlive their line.
void UseDevVariables(const Variables& variables, const OverrideFlags& flags, ProjectConfig* config);

std::string TodayUtc();

}  // namespace limpet::cli

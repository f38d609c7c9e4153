// `.dev.vars` and `.env`: values that `limpet dev` gives to the script.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace limpet::cli {

using Variables = std::vector<std::pair<std::string, std::string>>;

// The lines "NAME=VALUE" of a file, as npm's dotenv reads them: "export " before, comments behind "#", values in ', "
// or ` (over several lines too; \n and \r in " are line ends). What is no such line is nothing. Pure.
Variables ParseDotEnv(std::string_view text);

// What a project's folder has: `.dev.vars.ENVIRONMENT`, else `.dev.vars`; without either what `.env`, `.env.local`,
// `.env.ENVIRONMENT` and `.env.ENVIRONMENT.local` say together, the later ones first. `files`: those that were read.
struct DevVariables {
  Variables values;
  std::vector<std::string> files;
};
// With `own`, files of --env-file, below that folder: what those say, the later ones first, and nothing else.
// Errors: kUnavailable (a file can't be read).
Result<DevVariables> ReadDevVariables(const std::string& dir, const std::string& environment,
                                      const std::vector<std::string>& own = {});

// Is it a file that ReadDevVariables may read, by its name?
bool IsDevVariablesFile(std::string_view name);

}  // namespace limpet::cli

// `limpet dev`: a server in this process, the project on it, uploaded again whenever a file changes.
#pragma once

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/terminal.h"

namespace limpet::cli {

int RunDev(const Arguments& arguments, const Installation& installation, Commands& commands, const Terminal& terminal);

}  // namespace limpet::cli

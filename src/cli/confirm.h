// Asks before what can't be undone.
#pragma once

#include <string>

#include "cli/args.h"
#include "cli/terminal.h"

namespace limpet::cli {

// True if it may be done: --yes or --force, --json (programs don't answer), no terminal to ask on, or "y" there.
// Blocks until something is typed. `question` ends with "?".
bool Confirmed(const Arguments& arguments, const std::string& question, const Terminal& terminal);

}  // namespace limpet::cli

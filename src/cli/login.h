// `limpet login`, `limpet logout`: servers by name, with their tokens.
#pragma once

#include "cli/args.h"
#include "cli/terminal.h"

namespace limpet::cli {

// Asks the server whether the token is right, and only then keeps both. What is missing is asked for on a terminal, the
// token without showing it; elsewhere the token may come on standard input (--token -).
int RunLogin(const Arguments& arguments, const Terminal& terminal);
int RunLogout(const Arguments& arguments, const Terminal& terminal);

}  // namespace limpet::cli

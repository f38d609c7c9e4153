// limpet token, limpet audit: who may ask a server for what, and who changed what.
#pragma once

#include "cli/args.h"
#include "cli/terminal.h"

namespace limpet::cli {

int RunTokenCreate(const Arguments& arguments, const Terminal& terminal);
int RunTokenList(const Arguments& arguments, const Terminal& terminal);
int RunTokenRevoke(const Arguments& arguments, const Terminal& terminal);
int RunAudit(const Arguments& arguments, const Terminal& terminal);

}  // namespace limpet::cli

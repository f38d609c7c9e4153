// `limpet objects`: the objects of a class on a running server.
#pragma once

#include "cli/args.h"
#include "cli/terminal.h"

namespace limpet::cli {

// Page by page: each is printed before the next is asked for.
int RunObjectsList(const Arguments& arguments, const Terminal& terminal);
int RunObjectsGet(const Arguments& arguments, const Terminal& terminal);
int RunObjectsDelete(const Arguments& arguments, const Terminal& terminal);

}  // namespace limpet::cli

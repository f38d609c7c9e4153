// `limpet objects`: the objects of a class on a running server.
#pragma once

#include "cli/args.h"
#include "cli/client.h"
#include "cli/terminal.h"

namespace limpet::cli {

// Page by page: each is printed before the next is asked for.
int RunObjectsList(const Arguments& arguments, const Terminal& terminal);
int RunObjectsGet(const Arguments& arguments, const Terminal& terminal);
int RunObjectsDelete(const Arguments& arguments, const Terminal& terminal);
// objects_history.cc: the time machine.
int RunObjectsBookmarks(const Arguments& arguments, const Terminal& terminal);
int RunObjectsExport(const Arguments& arguments, const Terminal& terminal);
int RunObjectsImport(const Arguments& arguments, const Terminal& terminal);
int RunObjectsFork(const Arguments& arguments, const Terminal& terminal);
int RunObjectsRestore(const Arguments& arguments, const Terminal& terminal);

// Calls the server about the object that the arguments name, at `rest` below it.
Result<ApiAnswer> CallObject(const Arguments& arguments, const std::string& method, const std::string& rest = {},
                             std::string body = {}, std::string content_type = {});

// The same, with a file that comes or goes.
Result<ApiAnswer> TransferObject(const Arguments& arguments, Client::Transfer& transfer, const std::string& method,
                                 const std::string& rest);

}  // namespace limpet::cli

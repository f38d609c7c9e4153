// `limpet serve`: flags, the server, signals, the line that says it is ready.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "server/server.h"

namespace limpet::server {

struct ServeContext {
  std::function<Result<js::Runtime*>()> js;  // Makes it; what it gives outlives the call.
  // The admin address and token of a server that has started, for local tools. May fail without harm.
  std::function<Result<Done>(const std::string& admin_origin, const std::string& token)> announce;
};

// Runs until INT or TERM (a second one ends the process at once). Returns an exit code: 0, 1 refused, 2 usage. The
// process must end by _exit after. One call a process, from its main thread.
int Serve(const std::vector<std::string>& arguments, const ServeContext& context);

}  // namespace limpet::server

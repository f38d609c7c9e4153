// `limpet kv`: the KV namespaces of a server, and the values in them.
#pragma once

#include <string>

#include "base/json.h"
#include "cli/args.h"
#include "cli/client.h"
#include "cli/config/project_config.h"
#include "cli/terminal.h"

namespace limpet::cli {

int RunKv(const Arguments& arguments, const Terminal& terminal);

// Gives each binding to KV the ID of a namespace of this server: what dev runs has namespaces of its own, made when
// they are first needed, whatever the configuration names.
Result<Done> UseLocalNamespaces(Client& client, ProjectConfig* config);
// The same for a server: a binding without an ID keeps the namespace that it has there, or gets one of its own.
// Errors: kNotFound (an ID that the server does not have: with the command that makes it; nothing was made).
Result<Done> ProvideNamespaces(Client& client, ProjectConfig* config);

}  // namespace limpet::cli

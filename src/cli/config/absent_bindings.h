// Bindings to what limpet does not have, so that the server refuses them by name: left out, a script would find
// `undefined`.
#pragma once

#include "base/json.h"

namespace limpet::cli {

// Those of a configuration (of the environment that counts), as an upload's metadata has them: name and type. What is
// not of the type that it should have is left out. Pure.
Json::Array AbsentBindings(const Json& config);

}  // namespace limpet::cli

// What a server did with a project's declared classes, for people. Pure.
#pragma once

#include <string>

#include "base/json.h"

namespace limpet::cli {

// The answer's exports_reconciliation as lines of text; empty: nothing to say.
std::string ReconciliationText(const Json& reconciliation);
// A refusal's meta.details, each on lines of its own that begin with a line end; empty: there are none.
std::string DetailsText(const Json& details);

}  // namespace limpet::cli

// The declared classes of a script (metadata.exports): what is declared, what the code exports and what is provisioned
// are brought together. Pure. Reference: Cloudflare's "Durable Object class exports".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "control/lifecycle.h"

namespace limpet::control {

// Nothing: it is absent. Entries of entry points are left out; what is left may be empty, which declares nothing.
// A refusal (100402) names every entry that is wrong in itself, as invalid_export.
Decision<std::optional<std::vector<ExportEntry>>> ParseExports(const Json& json);

// Applies `*input.exports` to `plan`, which begins as the script is. All that can't be reconciled is refused together:
// 100402 with meta.details [{class, scenario, message, suggestion, referencing_scripts?}]. Afterwards
// plan->reconciliation has its nine arrays.
std::optional<Refusal> ReconcileExports(const LifecycleInput& input, LifecyclePlan* plan);

// What a version shows of its exports: tombstones are left out. Null: nothing was declared.
Json LiveExports(const Json& exports);

}  // namespace limpet::control

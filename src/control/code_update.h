// The code update strategy of a deployment: when running objects take over its code. Pure.
#pragma once

#include "base/json.h"
#include "control/lifecycle.h"
#include "object/shard.h"

namespace limpet::control {

// What a request's code_update_strategy comes to: {mode: "deferred", max_delay: SECONDS} or {mode: "immediate"}; null
// stays null, and leaves limpet's own way (object::CodeUpdate::Mode::kSoon). Refusal 10021: anything else.
Decision<Json> EffectiveCodeUpdate(const Json& json);
// For the runtime, of what EffectiveCodeUpdate gave.
object::CodeUpdate CodeUpdateOf(const Json& effective);

}  // namespace limpet::control

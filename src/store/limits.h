// What every engine refuses before it looks any further.
#pragma once

#include "base/ids.h"
#include "base/result.h"
#include "store/engine.h"

namespace limpet::store {

// The last namespace number is an engine's own; no object lives there.
inline constexpr NamespaceId kEngineNamespace{UINT64_MAX};

// kInvalidArgument: a key or value over its limit, a kClear with a key, an object of the engine's own namespace.
Result<Done> CheckBatch(const ObjectBatch& batch);

// How a commit under a lost or expired claim is refused.
Error Fenced(const Claim& claim, uint64_t current_epoch);

}  // namespace limpet::store

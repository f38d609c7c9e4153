// What the control plane loads at its start: all records of an object under a prefix.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/function.h"
#include "base/ids.h"
#include "base/result.h"
#include "loop/task.h"
#include "store/engine.h"

namespace limpet::control {

// Gives each pair of `object` whose key begins with `prefix` to `take`, in the order of their keys; ends with its first
// error, or with the store's. `session` outlives the task.
loop::Task<Result<Done>> ReadAll(store::Session& session, ObjectId object, std::string prefix,
                                 UniqueFunction<Result<Done>(const Bytes& key, const Bytes& value)> take);

}  // namespace limpet::control

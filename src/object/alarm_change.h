// News of an object's alarm, from the shard that has made it durable to the clock that fires it.
#pragma once

#include <cstdint>
#include <optional>

namespace limpet::object {

struct AlarmChange {
  bool known = true;               // False: a write failed, and what the store says now must be read.
  std::optional<int64_t> at_ms{};  // If known: when the next try is due, since 1970; nothing: there is no alarm.
};

}  // namespace limpet::object

// Lets go of history that is older than its window, while RocksDB compacts: nothing sweeps for it.
#pragma once

#include <rocksdb/compaction_filter.h>

#include <memory>

#include "base/clock.h"

namespace limpet::store::rocks {

// Records go an hour after the window, so that a restore which has begun finds all of it. `clock` outlives the factory.
std::shared_ptr<rocksdb::CompactionFilterFactory> MakeExpiry(const Clock& clock, Duration window);

}  // namespace limpet::store::rocks

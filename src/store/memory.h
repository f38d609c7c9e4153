// An engine that keeps everything in memory and forgets it when destroyed: for tests, and for `dev` without a disk.
#pragma once

#include <cstdint>
#include <memory>

#include "store/engine.h"

namespace limpet::store {

struct MemoryOptions {
  // How many of 100 TryGet and TryScan answer kWouldBlock, picked by `seed`; Get and Scan then answer as ever.
  uint32_t cold_reads_percent = 0;
  uint64_t seed = 1;
};

// Any loop: real ones on several threads, or a SimLoop. A commit is applied when it is called; its answer, like every
// other, is posted to the session's loop.
std::unique_ptr<Engine> MakeMemoryEngine(MemoryOptions options = {});

}  // namespace limpet::store

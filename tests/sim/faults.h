// The store of the runs that look at one thing of the object layer: slow, and often asked for what is not in memory.
#pragma once

#include <chrono>

#include "base/random.h"
#include "store/faulty.h"

namespace limpet::sim {

inline store::FaultyOptions SlowStore(uint64_t seed, SeededRandom& random) {
  store::FaultyOptions options;
  options.seed = seed;
  options.commit_delay = std::chrono::microseconds(random.Below(3000));
  options.commit_jitter = std::chrono::milliseconds(2);
  options.answer_jitter = options.read_jitter = std::chrono::milliseconds(1);
  options.cold_reads_percent = 30;
  return options;
}

}  // namespace limpet::sim

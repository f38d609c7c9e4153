// A loop runs closures on one thread: a shard, the control plane, or a simulation.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/function.h"

namespace limpet::loop {

// Names a timer of one loop; 0 names none. Never used twice.
using TimerId = uint64_t;

class Loop : public Clock {
 public:
  // Runs `closure` on this loop's thread, after what runs now. Any thread. Closures of one poster run in order.
  // Those posted from other threads are taken over in batches, with one wake-up for many.
  virtual void Post(UniqueFunction<void()> closure) = 0;
  // Runs `closure` once, not before `delay` has passed (this thread only).
  virtual TimerId After(Duration delay, UniqueFunction<void()> closure) = 0;
  // The timer will not run any more; harmless if it did. This thread only.
  virtual void Cancel(TimerId timer) = 0;
  // Runs `closure` when the loop has run what was ready, before it sleeps: the end of this "turn of the loop", where
  // batches are sealed and sent. This thread only.
  virtual void AtTurnEnd(UniqueFunction<void()> closure) = 0;
  virtual bool OnThisThread() const = 0;
};

}  // namespace limpet::loop

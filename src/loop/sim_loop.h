// A loop without a thread or a real clock: a test drives it, a seed orders what is ready.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "base/random.h"
#include "loop/loop.h"

namespace limpet::loop {

// One thread. With a seed, closures of Post from "other threads" keep their order, but timers that are due together
// run in an order that the seed picks.
class SimLoop final : public Loop {
 public:
  explicit SimLoop(uint64_t seed = 0) : random_(seed) {}
  // Runs what is ready, and what that makes ready, without letting time pass.
  void RunReady();
  // Lets `duration` pass, stopping at each timer on the way.
  void Advance(Duration duration);
  // Advances from timer to timer until nothing is left or `limit` has passed. True if nothing is left.
  bool RunUntilIdle(Duration limit);
  bool idle() const { return ready_.empty() && at_turn_end_.empty() && timers_.empty(); }
  SeededRandom& random() { return random_; }

  void Post(UniqueFunction<void()> closure) override;
  TimerId After(Duration delay, UniqueFunction<void()> closure) override;
  void Cancel(TimerId timer) override;
  void AtTurnEnd(UniqueFunction<void()> closure) override;
  bool OnThisThread() const override { return true; }
  Instant Now() const override { return now_; }
  WallTime WallNow() const override;

 private:
  struct Timer {
    TimerId id;
    UniqueFunction<void()> closure;
  };
  bool RunNextTimer(Instant until);

  SeededRandom random_;
  Instant now_{std::chrono::hours(1)};
  std::deque<UniqueFunction<void()>> ready_;
  std::vector<UniqueFunction<void()>> at_turn_end_;
  std::multimap<Instant, Timer> timers_;
  TimerId next_timer_ = 1;
};

}  // namespace limpet::loop

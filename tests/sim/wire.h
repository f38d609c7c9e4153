// The way from one shard to another in a simulation: what is posted arrives in order, each after a time that the seed
// picks, so that messages of different shards overtake each other as they do between threads.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <utility>

#include "loop/sim_loop.h"

namespace limpet::sim {

// Everything but Post is the loop's own. Outlives the shards that post to it; the loop outlives it.
class Wire final : public loop::Loop {
 public:
  explicit Wire(loop::SimLoop& loop) : loop_(loop), state_(std::make_shared<State>()) {}
  ~Wire() override { Cut(); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // The process died: what is on its way is lost, and what is posted from now on.
  void Cut() {
    state_->cut = true;
    std::exchange(state_->queue, {});
  }

  void Post(UniqueFunction<void()> closure) override {
    if (state_->cut) return;
    state_->queue.push_back(std::move(closure));
    auto delay = std::chrono::microseconds(loop_.random().Below(2) == 0 ? 0 : loop_.random().Below(1500));
    loop_.After(delay, [state = state_] {
      if (state->cut) return;
      UniqueFunction<void()> next = std::move(state->queue.front());
      state->queue.pop_front();
      next();
    });
  }
  loop::TimerId After(Duration delay, UniqueFunction<void()> closure) override {
    return loop_.After(delay, std::move(closure));
  }
  void Cancel(loop::TimerId timer) override { loop_.Cancel(timer); }
  void AtTurnEnd(UniqueFunction<void()> closure) override { loop_.AtTurnEnd(std::move(closure)); }
  bool OnThisThread() const override { return true; }
  Instant Now() const override { return loop_.Now(); }
  WallTime WallNow() const override { return loop_.WallNow(); }

 private:
  struct State {
    bool cut = false;
    std::deque<UniqueFunction<void()>> queue;
  };
  loop::SimLoop& loop_;
  std::shared_ptr<State> state_;
};

}  // namespace limpet::sim

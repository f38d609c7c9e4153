// Work for the next closure of a loop: many items, one Post. One thread.
#pragma once

#include <deque>
#include <memory>
#include <utility>

#include "base/function.h"
#include "loop/loop.h"

namespace limpet::object {

// What is queued when this is destroyed never runs.
class Deferred {
 public:
  explicit Deferred(loop::Loop& loop) : state_(std::make_shared<State>()) { state_->loop = &loop; }
  ~Deferred() {
    state_->loop = nullptr;
    std::exchange(state_->queue, {});
  }
  Deferred(const Deferred&) = delete;
  Deferred& operator=(const Deferred&) = delete;

  void Later(UniqueFunction<void()> work) {
    state_->queue.push_back(std::move(work));
    Arm(state_);
  }

 private:
  struct State {
    loop::Loop* loop = nullptr;  // Null: the owner is gone.
    bool armed = false;
    std::deque<UniqueFunction<void()>> queue;
  };
  static void Arm(const std::shared_ptr<State>& state) {
    if (std::exchange(state->armed, true)) return;
    state->loop->Post([state] { Run(state); });
  }
  // Items may run the loop in a nested way (a turn is interrupted): the queue is looked at anew after each, and armed
  // again before the first, so that a nested loop goes on with the rest. What an item adds runs here too, or each event
  // of one object would cost a round of the loop; after kAtOnceMax items the loop has its turn.
  static constexpr size_t kAtOnceMax = 64;
  static void Run(const std::shared_ptr<State>& state) {
    state->armed = false;
    for (size_t left = kAtOnceMax; left > 0 && !state->queue.empty(); --left) {
      UniqueFunction<void()> work = std::move(state->queue.front());
      state->queue.pop_front();
      if (!state->queue.empty()) Arm(state);
      work();
      if (state->loop == nullptr) return;
    }
    if (!state->queue.empty()) Arm(state);
  }
  std::shared_ptr<State> state_;
};

}  // namespace limpet::object

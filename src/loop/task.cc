#include "loop/task.h"

#include <algorithm>

namespace limpet::loop {

// The root frame of a spawned task: takes itself off the scope's list when the task is over.
struct TaskScope::Detached {
  struct promise_type {
    std::shared_ptr<State> state;
    uint64_t id = 0;

    Detached get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept {
      struct Leave {
        bool await_ready() noexcept { return false; }
        void await_suspend(std::coroutine_handle<promise_type> self) noexcept {
          std::shared_ptr<State> state = std::move(self.promise().state);
          Forget(*state, self.promise().id);
          self.destroy();
          if (--state->running == 0 && state->drained) std::exchange(state->drained, nullptr)();
        }
        void await_resume() noexcept {}
      };
      return Leave{};
    }
    void return_void() {}
    [[noreturn]] void unhandled_exception() { CheckFailed("no exception leaves a task", __FILE__, __LINE__); }
  };
  // Frames are in order of their ids. One that is over leaves an empty place, until there are more of those than
  // frames: a scope of many tasks would else move most of them at each end.
  static void Forget(State& state, uint64_t id) {
    auto& frames = state.frames;
    auto found = std::ranges::lower_bound(frames, id, {}, [](const auto& frame) { return frame.first; });
    if (found == frames.end() || found->first != id) return;  // The scope is being destroyed.
    found->second = nullptr;
    if (frames.size() > 2 * state.running) std::erase_if(frames, [](const auto& frame) { return !frame.second; });
  }
  std::coroutine_handle<promise_type> handle;
};

TaskScope::~TaskScope() {
  state_->closed = true;
  for (auto& [id, frame] : std::exchange(state_->frames, {})) {
    if (frame) frame.destroy();
  }
}

void TaskScope::Spawn(Task<Done> task) {
  if (state_->closed) return;
  constexpr auto run = [](Task<Done> spawned) -> Detached { co_await spawned; };
  Detached detached = run(std::move(task));
  detached.handle.promise().state = state_;
  detached.handle.promise().id = state_->next++;
  state_->frames.emplace_back(detached.handle.promise().id, detached.handle);
  ++state_->running;
  detached.handle.resume();
}

void TaskScope::WhenDrained(UniqueFunction<void()> then) {
  if (state_->running == 0) return then();
  state_->drained = std::move(then);
}

}  // namespace limpet::loop

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
          std::erase_if(state->frames, [id = self.promise().id](const auto& frame) { return frame.first == id; });
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
  std::coroutine_handle<promise_type> handle;
};

TaskScope::~TaskScope() {
  state_->closed = true;
  for (auto& [id, frame] : std::exchange(state_->frames, {})) frame.destroy();
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

#include "js/foreground.h"

#include <algorithm>

#include "js/isolate_state.h"

namespace limpet::js {
namespace {

// Tasks of an isolate that were ended by the CPU limit; the last one ends the isolate.
constexpr int kOverrunsMax = 3;

}  // namespace

void ForegroundTasks::Close() {
  std::deque<Task> ready;
  std::unordered_map<uint64_t, Task> delayed;
  std::lock_guard lock(mutex_);
  ready.swap(ready_);
  delayed.swap(delayed_);
  loop_ = nullptr;
  isolate_ = nullptr;
}

void ForegroundTasks::PostTaskImpl(Task task, const v8::SourceLocation&) {
  std::lock_guard lock(mutex_);
  if (loop_ == nullptr) return;
  ready_.push_back(std::move(task));
  loop_->Post([self = shared_from_this()] { self->RunNext(); });
}

void ForegroundTasks::PostNonNestableTaskImpl(Task task, const v8::SourceLocation& location) {
  PostTaskImpl(std::move(task), location);  // Turns of one isolate never nest.
}

void ForegroundTasks::PostDelayedTaskImpl(Task task, double seconds, const v8::SourceLocation&) {
  std::lock_guard lock(mutex_);
  if (loop_ == nullptr) return;
  uint64_t id = next_delayed_++;
  delayed_.emplace(id, std::move(task));
  constexpr double kSecondsMax = 3600;
  auto delay =
      std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::clamp(seconds, 0.0, kSecondsMax)));
  // A loop's timers are set on its own thread only.
  loop_->Post([self = shared_from_this(), id, delay] {
    std::lock_guard lock(self->mutex_);
    if (self->loop_ != nullptr) self->loop_->After(delay, [self, id] { self->RunDelayed(id); });
  });
}

void ForegroundTasks::PostNonNestableDelayedTaskImpl(Task task, double seconds, const v8::SourceLocation& location) {
  PostDelayedTaskImpl(std::move(task), seconds, location);
}

void ForegroundTasks::RunNext() {
  Task task;
  {
    std::lock_guard lock(mutex_);
    if (ready_.empty()) return;
    task = std::move(ready_.front());
    ready_.pop_front();
  }
  RunAsTurn(std::move(task));
}

void ForegroundTasks::RunDelayed(uint64_t id) {
  Task task;
  {
    std::lock_guard lock(mutex_);
    auto found = delayed_.find(id);
    if (found == delayed_.end()) return;
    task = std::move(found->second);
    delayed_.erase(found);
  }
  RunAsTurn(std::move(task));
}

void ForegroundTasks::RunAsTurn(Task task) {
  if (isolate_ == nullptr) return;  // Closed on this thread only, so it stays as it is.
  isolate_->Run(
      nullptr,
      [self = shared_from_this(), task = std::move(task)](Scope& scope) {
        task->Run();
        IsolateState& state = IsolateState::From(scope.isolate());
        // V8 calls a FinalizationRegistry back for each of its cells, whatever became of the call before. One that
        // never returns would take all the time that there is.
        if (state.turn.ended != Ended::kCpu || ++self->overruns_ < kOverrunsMax) return;
        state.dead_message = "The isolate exceeded its CPU time limit in FinalizationRegistry callbacks and was reset.";
        state.Terminate(Ended::kMemory);
      },
      nullptr);
}

}  // namespace limpet::js

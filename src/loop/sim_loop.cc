#include "loop/sim_loop.h"

#include <algorithm>
#include <utility>

namespace limpet::loop {

void SimLoop::RunReady() {
  while (!ready_.empty() || !at_turn_end_.empty()) {
    while (!ready_.empty()) {
      UniqueFunction<void()> closure = std::move(ready_.front());
      ready_.pop_front();
      closure();
    }
    for (UniqueFunction<void()>& closure : std::exchange(at_turn_end_, {})) closure();
  }
}

bool SimLoop::RunNextTimer(Instant until) {
  if (timers_.empty() || timers_.begin()->first > until) return false;
  Instant due = timers_.begin()->first;
  auto [first, last] = timers_.equal_range(due);
  auto chosen =
      std::next(first, static_cast<ptrdiff_t>(random_.Below(static_cast<uint64_t>(std::distance(first, last)))));
  now_ = std::max(now_, due);
  UniqueFunction<void()> closure = std::move(chosen->second.closure);
  timers_.erase(chosen);
  closure();
  return true;
}

void SimLoop::Advance(Duration duration) {
  Instant until = now_ + duration;
  RunReady();
  while (RunNextTimer(until)) RunReady();
  now_ = until;
}

bool SimLoop::RunUntilIdle(Duration limit) {
  Instant until = now_ + limit;
  RunReady();
  while (RunNextTimer(until)) RunReady();
  return idle();
}

void SimLoop::Post(UniqueFunction<void()> closure) { ready_.push_back(std::move(closure)); }

TimerId SimLoop::After(Duration delay, UniqueFunction<void()> closure) {
  TimerId id = next_timer_++;
  timers_.emplace(now_ + std::max(delay, Duration::zero()), Timer{id, std::move(closure)});
  return id;
}

void SimLoop::Cancel(TimerId timer) {
  std::erase_if(timers_, [timer](const auto& entry) { return entry.second.id == timer; });
}

void SimLoop::AtTurnEnd(UniqueFunction<void()> closure) { at_turn_end_.push_back(std::move(closure)); }

WallTime SimLoop::WallNow() const {
  return WallTime(std::chrono::milliseconds(1'700'000'000'000) +
                  std::chrono::duration_cast<std::chrono::milliseconds>(now_.time_since_epoch()));
}

}  // namespace limpet::loop

#include "loop/asio_loop.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <mutex>
#include <queue>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/check.h"

namespace limpet::loop {

// Asio's own timer queue is one heap operation and one allocation a timer; scripts make and cancel many, so all of a
// loop's timers stand in one heap of ours and one Asio timer waits for the first.
struct AsioLoop::State {
  struct Due {
    Instant at;
    TimerId id;
    bool operator>(const Due& other) const { return at != other.at ? at > other.at : id > other.id; }
  };

  boost::asio::io_context context{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard{context.get_executor()};
  boost::asio::steady_timer timer{context};
  std::thread::id thread;

  std::mutex mutex;  // Guards `posted` and `wake_pending`, the only things other threads touch.
  std::vector<UniqueFunction<void()>> posted;
  bool wake_pending = false;

  std::priority_queue<Due, std::vector<Due>, std::greater<>> due;
  std::unordered_map<TimerId, UniqueFunction<void()>> timers;
  TimerId next_timer = 1;
  Instant armed = Instant::max();
  std::vector<UniqueFunction<void()>> at_turn_end;
  bool turn_end_pending = false;

  // Taken over and not yet run. Kept here, not in the loop that runs them, so that a nested ServeFor goes on with the
  // next one and the order holds.
  std::deque<UniqueFunction<void()>> taken;

  void TakePosted() {
    std::vector<UniqueFunction<void()>> batch;
    {
      std::lock_guard lock(mutex);
      batch.swap(posted);
      wake_pending = false;
    }
    for (UniqueFunction<void()>& closure : batch) taken.push_back(std::move(closure));
    while (RunTaken()) {
    }
  }

  bool RunTaken() {
    if (taken.empty()) return false;
    UniqueFunction<void()> closure = std::move(taken.front());
    taken.pop_front();
    closure();
    return true;
  }

  void Arm() {
    while (!due.empty() && !timers.contains(due.top().id)) due.pop();
    if (due.empty()) return;
    Instant first = due.top().at;
    if (armed <= first) return;
    armed = first;
    timer.expires_at(first);
    timer.async_wait([this](boost::system::error_code error) {
      if (!error) FireDue();
    });
  }

  void FireDue() {
    armed = Instant::max();
    Instant now = std::chrono::steady_clock::now();
    while (!due.empty() && due.top().at <= now) {
      TimerId id = due.top().id;
      due.pop();
      auto found = timers.find(id);
      if (found == timers.end()) continue;
      UniqueFunction<void()> closure = std::move(found->second);
      timers.erase(found);
      closure();
    }
    Arm();
  }

  void RunTurnEnd() {
    turn_end_pending = false;
    for (UniqueFunction<void()>& closure : std::exchange(at_turn_end, {})) closure();
  }
};

namespace {

// Asio stops a context whose count of outstanding work reaches 0. What a handler has posted is added to the count only
// when the handler returns (scheduler.ipp, private_outstanding_work), but a nested poll_one, as in ServeFor, takes off
// each that it has run at once: the count falls short by as much, for as long. This is more than one handler posts.
constexpr int kWorkAhead = 1 << 16;

}  // namespace

AsioLoop::AsioLoop() : state_(std::make_unique<State>()) {
  for (int i = 0; i < kWorkAhead; ++i) state_->context.get_executor().on_work_started();
}
AsioLoop::~AsioLoop() = default;

void AsioLoop::Run() {
  state_->thread = std::this_thread::get_id();
  state_->context.restart();
  state_->context.run();
}

void AsioLoop::Stop() { state_->context.stop(); }

void AsioLoop::ServeFor(Duration slice) {
  LIMPET_CHECK(OnThisThread());
  Instant until = std::chrono::steady_clock::now() + slice;
  state_->Arm();  // Inside a timer's closure nothing waits for the others.
  while ((state_->RunTaken() || state_->context.poll_one() > 0) && std::chrono::steady_clock::now() < until) {
  }
}

void AsioLoop::Post(UniqueFunction<void()> closure) {
  bool wake = false;
  {
    std::lock_guard lock(state_->mutex);
    state_->posted.push_back(std::move(closure));
    wake = !std::exchange(state_->wake_pending, true);
  }
  if (wake) boost::asio::post(state_->context, [state = state_.get()] { state->TakePosted(); });
}

TimerId AsioLoop::After(Duration delay, UniqueFunction<void()> closure) {
  LIMPET_CHECK(OnThisThread() || state_->thread == std::thread::id());
  TimerId id = state_->next_timer++;
  state_->timers.emplace(id, std::move(closure));
  state_->due.push({std::chrono::steady_clock::now() + std::max(delay, Duration::zero()), id});
  state_->Arm();
  return id;
}

void AsioLoop::Cancel(TimerId timer) {
  state_->timers.erase(timer);
  // Cancelled entries leave the heap when they come up; many of them are swept, or a script could grow it without end.
  if (state_->due.size() > 64 && state_->due.size() > 4 * state_->timers.size()) {
    std::priority_queue<State::Due, std::vector<State::Due>, std::greater<>> kept;
    for (; !state_->due.empty(); state_->due.pop()) {
      if (state_->timers.contains(state_->due.top().id)) kept.push(state_->due.top());
    }
    state_->due = std::move(kept);
  }
}

void AsioLoop::AtTurnEnd(UniqueFunction<void()> closure) {
  state_->at_turn_end.push_back(std::move(closure));
  if (std::exchange(state_->turn_end_pending, true)) return;
  // Queued behind the handlers that are ready now, which is the end of this turn as Asio sees it.
  boost::asio::post(state_->context, [state = state_.get()] { state->RunTurnEnd(); });
}

bool AsioLoop::OnThisThread() const { return state_->thread == std::this_thread::get_id(); }
Instant AsioLoop::Now() const { return std::chrono::steady_clock::now(); }
WallTime AsioLoop::WallNow() const { return RealClock().WallNow(); }
boost::asio::io_context& AsioLoop::context() { return state_->context; }

}  // namespace limpet::loop

// The watchdog: one thread that notices a turn which has run for a slice, and asks V8 to interrupt it. What then
// happens is decided on the turn's own thread (IsolateState::OnInterrupt).
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "js/isolate.h"

namespace limpet::js {

struct IsolateState;

// What the watchdog sees of one thread. Written by that thread only.
struct Lane {
  std::atomic<IsolateState*> innermost{nullptr};  // Whose turn runs; null between turns.
  std::atomic<uint64_t> serial{0};                // Changes whenever `innermost` is set.
  int depth = 0;                                  // Turns on the stack. The thread's own.
  uintptr_t stack_low = 0;                        // The lowest address of the thread's stack. The thread's own.
  Duration cpu_mark{0};  // The thread's CPU clock when a turn's end or interruption last read it. The thread's own.

 private:
  friend class Watchdog;
  uint64_t seen = 0;  // The watchdog's own.
  Instant since{};
};

// Made on the main thread; outlives all isolates. Sleeps while no turn runs.
class Watchdog {
 public:
  Watchdog();
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // The lane of the calling thread, which runs `loop`.
  std::shared_ptr<Lane> LaneOf(const loop::AsioLoop* loop);
  // Before an isolate is disposed: no interrupt is requested of it any more.
  void Forget(IsolateState* state);

  // `state` is null when the outermost turn has ended. On the lane's thread; two relaxed stores.
  void Entered(Lane& lane, IsolateState* state) {
    lane.innermost.store(state, std::memory_order_relaxed);
    lane.serial.store(lane.serial.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    // The watchdog's membarrier stands for the fence that would belong here.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (asleep_.load(std::memory_order_relaxed)) Wake();
  }

 private:
  void Work();
  bool Scan(Instant now);
  void Wake();

  std::mutex mutex_;
  std::condition_variable wake_;
  bool closing_ = false;
  std::atomic<bool> asleep_{false};
  std::map<const loop::AsioLoop*, std::weak_ptr<Lane>> lanes_;
  std::thread thread_;
};

}  // namespace limpet::js

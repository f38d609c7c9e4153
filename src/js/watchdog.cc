#include "js/watchdog.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "js/isolate_state.h"

namespace limpet::js {
namespace {

constexpr Duration kTick = kSlice / 2;
constexpr Duration kQuietMax = std::chrono::seconds(1);  // Ticks go on so long after the last turn.

int Membarrier(int command) { return static_cast<int>(syscall(SYS_membarrier, command, 0, 0)); }

uintptr_t LowestStackAddress() {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return 0;
  void* low = nullptr;
  size_t size = 0;
  pthread_attr_getstack(&attributes, &low, &size);
  pthread_attr_destroy(&attributes);
  return reinterpret_cast<uintptr_t>(low);
}

}  // namespace

Watchdog::Watchdog() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // Signals are for the threads that wait for them.
  thread_ = std::thread([this] { Work(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Watchdog::~Watchdog() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

std::shared_ptr<Lane> Watchdog::LaneOf(const loop::AsioLoop* loop) {
  std::lock_guard lock(mutex_);
  std::weak_ptr<Lane>& slot = lanes_[loop];
  std::shared_ptr<Lane> lane = slot.lock();
  if (lane == nullptr) {
    lane = std::make_shared<Lane>();
    lane->stack_low = LowestStackAddress();
    slot = lane;
  }
  return lane;
}

void Watchdog::Forget(IsolateState* state) {
  std::lock_guard lock(mutex_);  // Scan() holds it while it uses an isolate.
  for (const auto& [loop, weak] : lanes_) {
    std::shared_ptr<Lane> lane = weak.lock();
    LIMPET_CHECK(lane == nullptr || lane->innermost.load(std::memory_order_relaxed) != state);
  }
}

void Watchdog::Wake() {
  {
    std::lock_guard lock(mutex_);
    asleep_.store(false, std::memory_order_relaxed);
  }
  wake_.notify_one();
}

void Watchdog::Work() {
  bool barrier = Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
  std::unique_lock lock(mutex_);
  Instant active = std::chrono::steady_clock::now();
  while (!closing_) {
    Instant now = std::chrono::steady_clock::now();
    if (Scan(now)) active = now;
    if (!barrier || now - active < kQuietMax) {
      wake_.wait_for(lock, kTick);
      continue;
    }
    // A turn that begins from here on sees `asleep_`; one that began before the barrier is seen by the scan.
    asleep_.store(true, std::memory_order_seq_cst);
    barrier = Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;
    if (barrier && !Scan(now)) {
      wake_.wait(lock, [this] { return closing_ || !asleep_.load(std::memory_order_relaxed); });
    }
    asleep_.store(false, std::memory_order_relaxed);
    active = std::chrono::steady_clock::now();
  }
}

// True if a turn runs or has run since the last scan. Under the lock.
bool Watchdog::Scan(Instant now) {
  bool active = false;
  for (auto entry = lanes_.begin(); entry != lanes_.end();) {
    std::shared_ptr<Lane> lane = entry->second.lock();
    if (lane == nullptr) {
      entry = lanes_.erase(entry);
      continue;
    }
    ++entry;
    uint64_t serial = lane->serial.load(std::memory_order_relaxed);
    IsolateState* state = lane->innermost.load(std::memory_order_relaxed);
    active |= state != nullptr || serial != lane->seen;
    if (serial != std::exchange(lane->seen, serial)) {
      lane->since = now;
    } else if (state != nullptr && now - lane->since >= kSlice) {
      lane->since = now;
      state->RequestInterrupt();
    }
  }
  return active;
}

}  // namespace limpet::js

// A thread of ours with a loop: a shard, the control plane, the checker.
#pragma once

#include <pthread.h>

#include <cstddef>
#include <string>

#include "base/function.h"
#include "base/result.h"
#include "loop/asio_loop.h"

namespace limpet::server {

// JavaScript and nested isolates run on it (js/isolate.h, kDepthMax).
inline constexpr size_t kStackBytes = 64 * 1024 * 1024;

// Made and destroyed on one other thread.
class LoopThread {
 public:
  LoopThread() = default;
  ~LoopThread();  // Stops and joins.
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  // Error: kUnavailable. `name` is what tools show, up to 15 bytes.
  Result<Done> Start(const std::string& name);
  // Runs `work` on the loop and waits for it. Not from the loop itself.
  void Call(UniqueFunction<void()> work);
  // The loop ends; `last` runs on the thread after it has, then the thread ends. Any thread, once.
  void Stop(UniqueFunction<void()> last);
  void Join();
  loop::AsioLoop& loop() { return loop_; }

 private:
  static void* Main(void* self);

  loop::AsioLoop loop_;
  pthread_t thread_{};
  UniqueFunction<void()> last_;  // Written on the loop.
  bool running_ = false;
  bool stopped_ = false;
};

}  // namespace limpet::server

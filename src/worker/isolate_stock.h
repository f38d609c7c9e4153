// A thread's isolate in reserve: making one from the startup snapshot is most of the time to a small version's first
// answer, so it is made beforehand, when the thread has a moment. On the thread of a shard, or of checks.
#pragma once

#include <memory>

#include "js/isolate.h"
#include "loop/asio_loop.h"

namespace limpet::worker {

class IsolateStock {
 public:
  // `js` and `loop` outlive it.
  IsolateStock(js::Runtime& js, loop::AsioLoop& loop, js::IsolateOptions options);
  ~IsolateStock();
  IsolateStock(const IsolateStock&) = delete;
  IsolateStock& operator=(const IsolateStock&) = delete;

  // The one in reserve, else a fresh one. `on_dead` as of js::Isolate::Make. The script that it is for starts; then
  // Refill().
  Result<std::unique_ptr<js::Isolate>> Take(UniqueFunction<void(Error)> on_dead);
  // Makes the next one, soon: not at once, what the script was started for comes first.
  void Refill();

 private:
  void RefillAfter(Duration delay);

  js::Runtime& js_;
  loop::AsioLoop& loop_;
  const js::IsolateOptions options_;
  std::unique_ptr<js::Isolate> spare_;
  loop::TimerId timer_ = 0;
};

}  // namespace limpet::worker

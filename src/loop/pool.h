// A few threads for calls that block (disk reads, name resolution).
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "base/function.h"

namespace limpet::loop {

// Run from any thread. The destructor runs what was queued, then joins.
class Pool {
 public:
  explicit Pool(size_t threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  // `work` answers by posting to the loop that wants the answer.
  void Run(UniqueFunction<void()> work);

 private:
  void Work();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<UniqueFunction<void()>> queue_;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace limpet::loop

// The way back to a session: answers from any thread, none after the session has ended.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "base/function.h"
#include "loop/loop.h"

namespace limpet::store {

// Shared by a session and whoever owes it an answer. The loop may be destroyed after Close().
class SessionLink : public std::enable_shared_from_this<SessionLink> {
 public:
  explicit SessionLink(loop::Loop& loop) : loop_(&loop) {}

  // Runs `answer` on the session's loop, if the session still lives then. Any thread.
  void Post(UniqueFunction<void()> answer) {
    std::lock_guard lock(mutex_);
    if (loop_ == nullptr) return;
    loop_->Post([self = shared_from_this(), answer = std::move(answer)]() mutable {
      if (self->open_) answer();
    });
  }
  // On the loop's thread.
  void Close() {
    open_ = false;
    std::lock_guard lock(mutex_);
    loop_ = nullptr;
  }
  bool open() const { return open_; }  // On the loop's thread.

 private:
  bool open_ = true;  // The loop's thread alone.
  std::mutex mutex_;
  loop::Loop* loop_;
};

}  // namespace limpet::store

// Where V8 posts the tasks that belong on an isolate's own thread (asynchronous WebAssembly compilation, clean-up of
// FinalizationRegistry, steps of the garbage collector): each becomes a turn of the isolate.
#pragma once

#include <node.h>
#include <v8-platform.h>

#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "js/isolate.h"
#include "loop/asio_loop.h"

namespace limpet::js {

// Posted to from any thread; V8 may hold it longer than the isolate lives.
class ForegroundTasks final : public v8::TaskRunner, public std::enable_shared_from_this<ForegroundTasks> {
 public:
  // Without a loop and an isolate (a snapshot is being made) tasks are dropped.
  ForegroundTasks(loop::AsioLoop* loop, Isolate* isolate) : loop_(loop), isolate_(isolate) {}
  // Destroys what has not run; later tasks are dropped. On the isolate's thread, before the isolate is disposed.
  void Close();

  bool IdleTasksEnabled() override { return false; }
  bool NonNestableTasksEnabled() const override { return true; }
  bool NonNestableDelayedTasksEnabled() const override { return true; }

 protected:
  using Task = std::unique_ptr<v8::Task>;
  void PostTaskImpl(Task task, const v8::SourceLocation& location) override;
  void PostNonNestableTaskImpl(Task task, const v8::SourceLocation& location) override;
  void PostDelayedTaskImpl(Task task, double seconds, const v8::SourceLocation& location) override;
  void PostNonNestableDelayedTaskImpl(Task task, double seconds, const v8::SourceLocation& location) override;

 private:
  void RunNext();
  void RunDelayed(uint64_t id);
  void RunAsTurn(Task task);

  std::mutex mutex_;  // Guards all that follows.
  loop::AsioLoop* loop_;
  Isolate* isolate_;
  std::deque<Task> ready_;
  std::unordered_map<uint64_t, Task> delayed_;
  uint64_t next_delayed_ = 1;
  int overruns_ = 0;  // The isolate's thread's.
};

class PlatformDelegate final : public node::IsolatePlatformDelegate {
 public:
  PlatformDelegate(loop::AsioLoop* loop, Isolate* isolate) : tasks_(std::make_shared<ForegroundTasks>(loop, isolate)) {}
  std::shared_ptr<v8::TaskRunner> GetForegroundTaskRunner() override { return tasks_; }
  bool IdleTasksEnabled() override { return false; }
  void Close() { tasks_->Close(); }

 private:
  std::shared_ptr<ForegroundTasks> tasks_;
};

}  // namespace limpet::js

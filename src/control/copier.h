// Where copies of objects are worked on, away from the control plane's loop: a thread for what SQLite does, which may
// take minutes, and one that reads and writes files, so that no transfer waits for that. Both in scratch files in one
// folder.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/function.h"
#include "base/http.h"
#include "base/scratch_file.h"
#include "loop/loop.h"
#include "loop/pool.h"
#include "loop/task.h"

namespace limpet::control {

// Exports, imports and forks at a time; more are refused.
inline constexpr size_t kCopiesMax = 4;
// Left free on the disk by anything but small copies: the store needs it.
inline constexpr uint64_t kDiskReserveBytes = 64 * 1024 * 1024;
inline constexpr uint64_t kSmallCopyBytes = 4 * 1024 * 1024;

// A thread that may end before those who want something of it. Any thread.
class Worker {
 public:
  explicit Worker(bool has_thread) : pool_(has_thread ? std::make_unique<loop::Pool>(1) : nullptr) {}
  // On the thread; at once, here, if there is none (any more).
  void Run(UniqueFunction<void()> work);
  void Close();  // Ends the thread, after what it was given. Blocks.

 private:
  std::mutex mutex_;  // Guards pool_; held while work is queued, not while it runs.
  std::unique_ptr<loop::Pool> pool_;
};

class Copier {
 public:
  // `folder` is made when it is needed. Without threads everything blocks the loop, which outlives this.
  Copier(loop::Loop& loop, std::string folder, bool has_threads);
  ~Copier();  // What SQLite is at is ended.
  Copier(const Copier&) = delete;
  Copier& operator=(const Copier&) = delete;

  // Runs `work` there, then `done` with its result on the loop.
  template <typename T>
  void Run(const std::shared_ptr<Worker>& where, UniqueFunction<T()> work, UniqueFunction<void(T)> done) {
    where->Run([&loop = loop_, work = std::move(work), done = std::move(done)]() mutable {
      T result = work();
      loop.Post([done = std::move(done), result = std::move(result)]() mutable { done(std::move(result)); });
    });
  }
  // The same, awaited.
  template <typename T>
  loop::Task<T> Do(std::shared_ptr<Worker> where, UniqueFunction<T()> work) {
    loop::Completion<T> run([&](auto done) { Run<T>(where, std::move(work), std::move(done)); });
    co_return co_await run;
  }
  // Owned by many; destroyed by the worker.
  template <typename T>
  static std::shared_ptr<T> Share(std::unique_ptr<T> owned, std::shared_ptr<Worker> where) {
    return std::shared_ptr<T>(owned.release(),
                              [where = std::move(where)](T* last) { where->Run([last] { delete last; }); });
  }

  const std::shared_ptr<Worker>& sql() const { return sql_; }
  const std::shared_ptr<Worker>& files() const { return files_; }
  const std::string& folder() const { return folder_; }
  std::shared_ptr<const std::atomic<bool>> stop() const { return stop_; }

  // The right to one copy; null: there are kCopiesMax.
  std::shared_ptr<void> Enter();
  // The whole of the file as a body. `ticket` lives as long.
  Body FileBody(std::shared_ptr<ScratchFile> file, std::shared_ptr<void> ticket);
  // The body into a file, as fast as the disk takes it. Errors: kOverloaded (it is larger than `bytes_max`, or the
  // disk is full), kInvalidArgument (it broke off).
  loop::Task<Result<std::shared_ptr<ScratchFile>>> TakeBody(Body body, uint64_t bytes_max);
  // Any thread. kOverloaded: `bytes` more would leave too little.
  Result<Done> CheckRoom(uint64_t bytes) const;

 private:
  loop::Loop& loop_;
  const std::string folder_;
  const std::shared_ptr<Worker> sql_, files_;
  const std::shared_ptr<std::atomic<bool>> stop_ = std::make_shared<std::atomic<bool>>(false);
  const std::shared_ptr<size_t> running_ = std::make_shared<size_t>(0);
};

}  // namespace limpet::control

// Task<T>: a coroutine that runs on one loop. It starts when it is awaited, or spawned into a TaskScope.
//
// Parameters of a task are values, or references to what outlives it. After every co_await the world may have changed.
#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/function.h"
#include "base/result.h"

namespace limpet::loop {

template <typename T>
class [[nodiscard]] Task {
 public:
  struct promise_type {
    std::optional<T> value;
    std::coroutine_handle<> continuation;

    Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept {
      struct Resume {
        bool await_ready() noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
          std::coroutine_handle<> next = self.promise().continuation;
          return next ? next : std::noop_coroutine();
        }
        void await_resume() noexcept {}
      };
      return Resume{};
    }
    template <typename U>
    void return_value(U&& result) {
      value.emplace(std::forward<U>(result));
    }
    [[noreturn]] void unhandled_exception() { CheckFailed("no exception leaves a task", __FILE__, __LINE__); }
  };

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> continuation) noexcept {
    handle_.promise().continuation = continuation;
    return handle_;
  }
  T await_resume() { return *std::move(handle_.promise().value); }

 private:
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

// Lets a task await a call that answers through a callback:
//   Result<Bytes> got = co_await Completion<Result<Bytes>>([&](auto done) { engine.Get(id, key, std::move(done)); });
// The callback may be called at once or later, once, on the same thread. If it is dropped instead, the awaiting task
// never resumes, and is destroyed with its owner.
template <typename T>
class Completion {
 public:
  using Callback = UniqueFunction<void(T)>;
  explicit Completion(UniqueFunction<void(Callback)> start)
      : start_(std::move(start)), state_(std::make_shared<State>()) {}
  ~Completion() { state_->waiting = nullptr; }
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;

  bool await_ready() {
    start_([state = state_](T value) {
      state->value.emplace(std::move(value));
      if (std::coroutine_handle<> waiting = std::exchange(state->waiting, nullptr)) waiting.resume();
    });
    return state_->value.has_value();
  }
  void await_suspend(std::coroutine_handle<> waiting) { state_->waiting = waiting; }
  T await_resume() { return *std::move(state_->value); }

 private:
  struct State {
    std::optional<T> value;
    std::coroutine_handle<> waiting;
  };
  UniqueFunction<void(Callback)> start_;
  std::shared_ptr<State> state_;
};

// Owns running tasks. To stop: Close() (no new tasks), then destroy it, which destroys the tasks that are still
// suspended; or await Drained first. Everything on one thread.
class TaskScope {
 public:
  TaskScope() : state_(std::make_shared<State>()) {}
  ~TaskScope();
  TaskScope(const TaskScope&) = delete;
  TaskScope& operator=(const TaskScope&) = delete;

  void Spawn(Task<Done> task);  // Starts it at once. After Close(): dropped unstarted.
  void Close() { state_->closed = true; }
  size_t size() const { return state_->running; }
  // Calls `then` when no task runs (at once if none does). One waiter.
  void WhenDrained(UniqueFunction<void()> then);

 private:
  struct Detached;
  struct State {
    bool closed = false;
    size_t running = 0;
    uint64_t next = 0;
    std::vector<std::pair<uint64_t, std::coroutine_handle<>>> frames;
    UniqueFunction<void()> drained;
  };
  std::shared_ptr<State> state_;
};

}  // namespace limpet::loop

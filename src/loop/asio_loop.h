// The real loop: one thread, one boost::asio::io_context.
#pragma once

#include <memory>
#include <thread>

#include "loop/loop.h"

namespace boost::asio {
class io_context;
}

namespace limpet::loop {

// Run() is called by the one thread that owns the loop. Everything is destroyed on that thread or after it ended.
class AsioLoop final : public Loop {
 public:
  AsioLoop();
  ~AsioLoop() override;
  AsioLoop(const AsioLoop&) = delete;
  AsioLoop& operator=(const AsioLoop&) = delete;

  void Run();   // Until Stop(). May be called again after.
  void Stop();  // Any thread: Run() returns after the closure that runs now.
  // Serves what is ready for about `slice`, from inside a closure of this loop: how one isolate's long turn lets the
  // others run. Returns at once if nothing is ready.
  void ServeFor(Duration slice);

  void Post(UniqueFunction<void()> closure) override;
  TimerId After(Duration delay, UniqueFunction<void()> closure) override;
  void Cancel(TimerId timer) override;
  void AtTurnEnd(UniqueFunction<void()> closure) override;
  bool OnThisThread() const override;
  Instant Now() const override;
  WallTime WallNow() const override;

  boost::asio::io_context& context();  // For net/ only.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace limpet::loop

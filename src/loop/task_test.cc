#include "loop/task.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "loop/sim_loop.h"

namespace limpet::loop {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)

// Tells when the frame that holds it is destroyed.
struct Witness {
  explicit Witness(std::string* log) : log(log) {}
  Witness(Witness&& other) noexcept : log(std::exchange(other.log, nullptr)) {}
  ~Witness() {
    if (log != nullptr) *log += "~";
  }
  std::string* log;
};

Task<int> Later(SimLoop& loop, Duration delay, int value) {
  co_return co_await Completion<int>(
      [&](auto done) { loop.After(delay, [done = std::move(done), value]() mutable { done(value); }); });
}

Task<Done> Sum(SimLoop& loop, std::string& log) {
  int sum = co_await Later(loop, 1ms, 2);
  sum += co_await Later(loop, 1ms, 3);
  log += std::to_string(sum);
  co_return Done{};
}

Task<Done> HoldForever(Witness witness, Completion<int>::Callback* callback) {
  (void)co_await Completion<int>([&](auto done) { *callback = std::move(done); });
  *witness.log += "resumed";
  co_return Done{};
}

Task<Done> AtOnce(std::string& log) {
  int value = co_await Completion<int>([](auto done) { done(7); });
  log += std::to_string(value);
  co_return Done{};
}

TEST(Task, DoesNotStartBeforeItIsAwaitedOrSpawned) {
  std::string log;
  {
    Task<Done> unstarted = AtOnce(log);
  }
  EXPECT_EQ(log, "");
}

TEST(Task, AwaitsOthersAndCallbacks) {
  SimLoop loop;
  std::string log;
  TaskScope scope;
  scope.Spawn(Sum(loop, log));
  EXPECT_EQ(scope.size(), 1u);
  loop.Advance(1ms);
  EXPECT_EQ(log, "");
  loop.Advance(1ms);
  EXPECT_EQ(log, "5");
  EXPECT_EQ(scope.size(), 0u);
}

TEST(Completion, MayAnswerInsideTheCallThatStartsIt) {
  std::string log;
  TaskScope scope;
  scope.Spawn(AtOnce(log));
  EXPECT_EQ(log, "7");
}

TEST(Completion, AnAnswerAfterTheTaskWasDestroyedIsIgnored) {
  std::string log;
  Completion<int>::Callback callback;
  {
    TaskScope scope;
    scope.Spawn(HoldForever(Witness(&log), &callback));
  }
  EXPECT_EQ(log, "~");
  callback(1);
  EXPECT_EQ(log, "~");
}

TEST(TaskScope, DestroysWhatIsStillSuspended) {
  std::string log;
  Completion<int>::Callback first, second;
  auto scope = std::make_unique<TaskScope>();
  scope->Spawn(HoldForever(Witness(&log), &first));
  scope->Spawn(HoldForever(Witness(&log), &second));
  scope.reset();
  EXPECT_EQ(log, "~~");
}

TEST(TaskScope, DestroysTheRestWhateverTheOrderInWhichOthersEnd) {
  constexpr size_t kTasks = 20;
  std::string log;
  std::vector<Completion<int>::Callback> callbacks(kTasks);
  auto scope = std::make_unique<TaskScope>();
  for (Completion<int>::Callback& callback : callbacks) scope->Spawn(HoldForever(Witness(&log), &callback));
  size_t ended = 0;
  for (size_t i = 0; i < 15; ++i) {
    callbacks[i * 7 % kTasks](1);
    EXPECT_EQ(scope->size(), kTasks - ++ended);
    EXPECT_EQ(std::ranges::count(log, '~'), static_cast<ptrdiff_t>(ended));
  }
  scope->Spawn(HoldForever(Witness(&log), &callbacks[0]));
  scope.reset();
  EXPECT_EQ(std::ranges::count(log, '~'), static_cast<ptrdiff_t>(kTasks + 1));
}

TEST(TaskScope, StartsNothingAfterItIsClosed) {
  std::string log;
  TaskScope scope;
  scope.Close();
  scope.Spawn(AtOnce(log));
  EXPECT_EQ(log, "");
  EXPECT_EQ(scope.size(), 0u);
}

TEST(TaskScope, TellsWhenTheLastTaskIsOver) {
  SimLoop loop;
  std::string log;
  TaskScope scope;
  scope.Spawn(Sum(loop, log));
  scope.Spawn(Sum(loop, log));
  scope.WhenDrained([&] { log += "drained"; });
  EXPECT_EQ(log, "");
  loop.Advance(2ms);
  EXPECT_EQ(log, "55drained");
  scope.WhenDrained([&] { log += "!"; });
  EXPECT_EQ(log, "55drained!");
}

}  // namespace
}  // namespace limpet::loop

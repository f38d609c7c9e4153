#include "loop/asio_loop.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace limpet::loop {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)

TEST(AsioLoop, RunsPostedClosuresInOrderAndTheEndOfTheTurnAfterThem) {
  AsioLoop loop;
  std::string order;
  loop.Post([&] {
    order += "1";
    loop.AtTurnEnd([&] {
      order += "E";
      loop.Stop();
    });
    loop.AtTurnEnd([&] { order += "F"; });
  });
  loop.Post([&] { order += "2"; });
  loop.Run();
  EXPECT_EQ(order, "12EF");
}

TEST(AsioLoop, KeepsTheOrderOfEachThreadThatPosts) {
  constexpr int kThreads = 4, kPosts = 2000;
  AsioLoop loop;
  std::vector<int> last(kThreads, -1);
  int total = 0, mistakes = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kPosts; ++i) {
        loop.Post([&, thread, i] {
          if (last[thread] != i - 1) ++mistakes;
          last[thread] = i;
          if (++total == kThreads * kPosts) loop.Stop();
        });
      }
    });
  }
  loop.Run();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(total, kThreads * kPosts);
  EXPECT_EQ(mistakes, 0);
}

TEST(AsioLoop, TimersRunInOrderOfTheirTimesAndNotBefore) {
  AsioLoop loop;
  std::string order;
  Instant start = loop.Now();
  loop.Post([&] {
    loop.After(3ms, [&] {
      order += "c";
      EXPECT_GE(loop.Now() - start, 3ms);
      loop.Stop();
    });
    loop.After(1ms, [&] { order += "b"; });
    loop.After(-1ms, [&] { order += "a"; });
    loop.After(0ms, [&] { order += "a"; });
  });
  loop.Run();
  EXPECT_EQ(order, "aabc");
}

TEST(AsioLoop, ACanceledTimerDoesNotRunEvenIfItIsDue) {
  AsioLoop loop;
  std::string order;
  TimerId second = 0;
  loop.Post([&] {
    loop.After(0ms, [&] {
      order += "1";
      loop.Cancel(second);
      loop.Cancel(second);
    });
    second = loop.After(0ms, [&] { order += "2"; });
    loop.After(1ms, [&] { loop.Stop(); });
  });
  loop.Run();
  EXPECT_EQ(order, "1");
}

TEST(AsioLoop, ManyCanceledTimersDoNotHoldUpTheOthers) {
  AsioLoop loop;
  int ran = 0;
  loop.Post([&] {
    loop.After(1ms, [&] {
      ++ran;
      loop.Stop();
    });
    for (int i = 0; i < 10'000; ++i) loop.Cancel(loop.After(1h, [&] { ++ran; }));
  });
  loop.Run();
  EXPECT_EQ(ran, 1);
}

TEST(AsioLoop, RunsAgainAfterItWasStopped) {
  AsioLoop loop;
  int ran = 0;
  for (int i = 0; i < 2; ++i) {
    loop.Post([&] {
      ++ran;
      loop.Stop();
    });
    loop.Run();
  }
  EXPECT_EQ(ran, 2);
}

TEST(AsioLoop, KnowsItsThread) {
  AsioLoop loop;
  bool inside = false;
  std::thread other([&] {
    loop.Post([&] {
      inside = loop.OnThisThread();
      loop.Stop();
    });
    loop.Run();
  });
  other.join();
  EXPECT_TRUE(inside);
  EXPECT_FALSE(loop.OnThisThread());
}

TEST(AsioLoopServeFor, GoesOnWithTheNextClosureInOrder) {
  AsioLoop loop;
  std::string order;
  loop.Post([&] {
    order += "(";
    loop.Post([&] { order += "3"; });
    loop.ServeFor(1h);  // Until nothing is ready.
    order += ")";
  });
  loop.Post([&] { order += "1"; });
  loop.Post([&] { order += "2"; });
  loop.Post([&] { loop.Post([&] { loop.Stop(); }); });
  loop.Run();
  EXPECT_EQ(order, "(123)");
}

TEST(AsioLoopServeFor, ReturnsWhenTheSliceIsOver) {
  AsioLoop loop;
  int served = 0;
  UniqueFunction<void()> endless = [&] {
    ++served;
    loop.Post([&] { endless(); });
  };
  loop.Post([&] {
    endless();
    loop.ServeFor(1ms);
    loop.Stop();
  });
  loop.Run();
  EXPECT_GT(served, 1);
}

TEST(AsioLoopServeFor, ServesDueTimersFromInsideATimer) {
  AsioLoop loop;
  std::string order;
  loop.Post([&] {
    loop.After(0ms, [&] {
      order += "(";
      loop.ServeFor(1h);
      order += ")";
      loop.Stop();
    });
    loop.After(0ms, [&] { order += "1"; });
  });
  loop.Run();
  EXPECT_EQ(order, "(1)");
}

}  // namespace
}  // namespace limpet::loop

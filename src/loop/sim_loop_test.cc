#include "loop/sim_loop.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace limpet::loop {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)

TEST(SimLoop, RunsPostedClosuresInOrderAndTheEndOfTheTurnAfterThem) {
  SimLoop loop;
  std::string order;
  loop.AtTurnEnd([&] { order += "E"; });
  loop.Post([&] {
    order += "1";
    loop.Post([&] { order += "3"; });
  });
  loop.Post([&] { order += "2"; });
  EXPECT_EQ(order, "");
  loop.RunReady();
  EXPECT_EQ(order, "123E");
  EXPECT_TRUE(loop.idle());
}

TEST(SimLoop, WhatTheEndOfATurnPostsIsANewTurn) {
  SimLoop loop;
  std::string order;
  loop.AtTurnEnd([&] {
    order += "E";
    loop.Post([&] { order += "1"; });
    loop.AtTurnEnd([&] { order += "F"; });
  });
  loop.RunReady();
  EXPECT_EQ(order, "E1F");
}

TEST(SimLoop, ATimerRunsOnceWhenItsTimeHasCome) {
  SimLoop loop;
  int runs = 0;
  Instant start = loop.Now();
  loop.After(5ms, [&] {
    ++runs;
    EXPECT_EQ(loop.Now() - start, 5ms);
  });
  loop.Advance(5ms - 1ns);
  EXPECT_EQ(runs, 0);
  loop.Advance(1ns);
  EXPECT_EQ(runs, 1);
  loop.Advance(1h);
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(loop.Now() - start, 1h + 5ms);
}

TEST(SimLoop, ACanceledTimerDoesNotRunAndCancelingTwiceIsHarmless) {
  SimLoop loop;
  TimerId timer = loop.After(1ms, [] { ADD_FAILURE(); });
  loop.Cancel(timer);
  loop.Cancel(timer);
  loop.Cancel(0);
  EXPECT_TRUE(loop.RunUntilIdle(1s));
}

TEST(SimLoop, WallTimeGoesWithMonotonicTime) {
  SimLoop loop;
  WallTime before = loop.WallNow();
  loop.Advance(1500ms);
  EXPECT_EQ(loop.WallNow() - before, 1500ms);
}

TEST(SimLoop, RunUntilIdleStopsAtItsLimit) {
  SimLoop loop;
  loop.After(2s, [] {});
  EXPECT_FALSE(loop.RunUntilIdle(1s));
  EXPECT_TRUE(loop.RunUntilIdle(3s));
}

std::string OrderOfTimersDueTogether(uint64_t seed) {
  SimLoop loop(seed);
  std::string order;
  for (char c = 'a'; c < 'f'; ++c) {
    loop.After(1ms, [&order, c] { order += c; });
  }
  loop.Advance(1ms);
  return order;
}

TEST(SimLoop, TheSeedOrdersTimersThatAreDueTogether) {
  std::set<std::string> orders;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(OrderOfTimersDueTogether(seed), OrderOfTimersDueTogether(seed)) << "seed " << seed;
    orders.insert(OrderOfTimersDueTogether(seed));
  }
  EXPECT_GT(orders.size(), 5u);
}

}  // namespace
}  // namespace limpet::loop

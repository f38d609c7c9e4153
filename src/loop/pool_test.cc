#include "loop/pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

namespace limpet::loop {
namespace {

TEST(Pool, RunsAllThatIsQueuedBeforeItEnds) {
  std::atomic<int> ran = 0;
  {
    Pool pool(3);
    for (int i = 0; i < 1000; ++i) pool.Run([&] { ++ran; });
  }
  EXPECT_EQ(ran, 1000);
}

TEST(Pool, RunsAsManyAtOnceAsItHasThreads) {
  // Each waits for the others: fewer threads would wait for ever. It outlives the pool, whose threads still leave it.
  std::latch together(3);
  Pool pool(3);
  for (int i = 0; i < 3; ++i) pool.Run([&] { together.arrive_and_wait(); });
  together.wait();
}

TEST(Pool, OneThreadKeepsTheOrder) {
  std::vector<int> order;
  {
    Pool pool(1);
    for (int i = 0; i < 100; ++i) pool.Run([&order, i] { order.push_back(i); });
  }
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

}  // namespace
}  // namespace limpet::loop

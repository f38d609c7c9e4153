#include "base/random.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <vector>

namespace limpet {
namespace {

TEST(SeededRandom, TheSameSeedGivesTheSameNumbers) {
  SeededRandom one(7), two(7), other(8);
  uint64_t first = one.Next();
  EXPECT_EQ(first, two.Next());
  EXPECT_NE(first, other.Next());
}

TEST(SeededRandom, IsSplitmix64) {
  SeededRandom random(0);
  EXPECT_EQ(random.Next(), 0xE220A8397B1DCDAFu);  // The reference implementation's first output for 0.
}

TEST(Random, BelowReachesEveryNumberUnderTheLimit) {
  SeededRandom random(1);
  std::set<uint64_t> seen;
  for (int i = 0; i < 200; ++i) seen.insert(random.Below(5));
  EXPECT_EQ(seen, (std::set<uint64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(random.Below(1), 0u);
}

TEST(BufferedRandom, NeverGivesTheSameTwice) {
  BufferedRandom random;
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.Next());
  EXPECT_EQ(seen.size(), 1000u);
  std::vector<uint8_t> large(4000, 0);
  random.Fill(large);
  EXPECT_GT(std::set<uint8_t>(large.begin(), large.end()).size(), 100u);
}

TEST(Random, FillWritesEveryByteAndNoOther) {
  for (size_t size : {0u, 1u, 7u, 8u, 9u, 1000u}) {
    std::vector<uint8_t> buffer(size + 1, 0);
    SystemRandom system;
    system.Fill({buffer.data(), size});
    EXPECT_EQ(buffer[size], 0) << size;
    if (size == 1000) {
      EXPECT_GT(std::set<uint8_t>(buffer.begin(), buffer.end()).size(), 100u);
    }
  }
}

}  // namespace
}  // namespace limpet

#include "base/function.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>

namespace limpet {
namespace {

TEST(UniqueFunction, OwnsWhatItCapturesAndFreesItOnce) {
  auto counted = std::make_shared<int>(0);
  {
    UniqueFunction<int(int)> add = [counted, owned = std::make_unique<int>(5)](int more) { return *owned + more; };
    EXPECT_EQ(counted.use_count(), 2);
    UniqueFunction<int(int)> moved = std::move(add);
    EXPECT_FALSE(add);  // NOLINT(bugprone-use-after-move): that is what is tested.
    EXPECT_EQ(moved(2), 7);
    EXPECT_EQ(counted.use_count(), 2);
  }
  EXPECT_EQ(counted.use_count(), 1);
}

TEST(UniqueFunction, ACaptureThatDoesNotFitInsideMovesTheSame) {
  auto counted = std::make_shared<int>(0);
  std::array<int64_t, 32> large{};
  large[31] = 9;
  UniqueFunction<int64_t()> first = [counted, large] { return large[31]; };
  UniqueFunction<int64_t()> second = [] { return int64_t{1}; };
  second = std::move(first);
  EXPECT_EQ(second(), 9);
  EXPECT_EQ(counted.use_count(), 2);
  second = nullptr;
  EXPECT_EQ(counted.use_count(), 1);
}

TEST(UniqueFunction, PassesReferencesAndMovesValues) {
  UniqueFunction<std::unique_ptr<int>(std::unique_ptr<int>, int&)> call = [](std::unique_ptr<int> value, int& seen) {
    seen = *value;
    return value;
  };
  int seen = 0;
  EXPECT_EQ(*call(std::make_unique<int>(3), seen), 3);
  EXPECT_EQ(seen, 3);
}

TEST(UniqueFunctionDeathTest, CallingAnEmptyOneIsAFailedCheck) {
  UniqueFunction<void()> empty;
  EXPECT_FALSE(empty);
  EXPECT_DEATH(empty(), "operations_");
}

}  // namespace
}  // namespace limpet

#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace limpet {
namespace {

Result<int> Half(int number) {
  if (number % 2 != 0) return Error(ErrorCode::kInvalidArgument, "odd");
  return number / 2;
}
Result<int> Quarter(int number) {
  LIMPET_TRY(int half, Half(number));
  LIMPET_TRY(half, Half(half));
  return half;
}

TEST(Error, CanBeAssignedFromWhatIsMadeOfItself) {
  Error error(ErrorCode::kUnavailable, "a text that is too long for the inside of a string");
  error = std::move(error).With(Error::kRetryable);
  error = std::move(error).While("read");
  EXPECT_EQ(error.message(), "read: a text that is too long for the inside of a string");
  EXPECT_TRUE(error.Has(Error::kRetryable));
}

TEST(Result, TryGivesTheValueOrLeavesWithTheError) {
  EXPECT_EQ(Quarter(8).value(), 2);
  Result<int> failed = Quarter(6);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::kInvalidArgument);
}

TEST(Result, HoldsWhatCanOnlyBeMoved) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(4);
  EXPECT_EQ(*std::move(result).value(), 4);
}

TEST(Error, TheAttemptStandsBeforeTheMessage) {
  Error error = Error(ErrorCode::kUnavailable, "no space left").While("write log").While("open store");
  EXPECT_EQ(error.message(), "open store: write log: no space left");
  EXPECT_EQ(error.ToString(), "unavailable: open store: write log: no space left");
}

TEST(Error, OfAScriptKeepsItsNameAndFlags) {
  Error error = Error::Script("RangeError", "too far").With(Error::kRemote).With(Error::kOverloaded).WithStack("at f");
  EXPECT_EQ(error.ToString(), "RangeError: too far");
  EXPECT_TRUE(error.Has(Error::kRemote) && error.Has(Error::kOverloaded));
  EXPECT_FALSE(error.Has(Error::kRetryable));
  EXPECT_EQ(error.stack(), "at f");
}

TEST(ResultDeathTest, TheValueOfAnErrorIsAFailedCheck) {
  Result<int> failed = Error(ErrorCode::kInternal, "x");
  EXPECT_DEATH((void)failed.value(), "has_value");
  Result<int> good = 1;
  EXPECT_DEATH((void)good.error(), "has_value");
}

}  // namespace
}  // namespace limpet

#include "control/secret_box.h"

#include <gtest/gtest.h>

namespace limpet::control {
namespace {

class SecretBoxTest : public testing::Test {
 protected:
  SeededRandom random_{7};
  SecretBox box_{Bytes(SecretBox::kKeyBytes, 'k'), random_};
};

TEST_F(SecretBoxTest, OpensWhatItSealedAndShowsNothingOfIt) {
  for (std::string text : {std::string(), std::string("hunter2"), std::string(70'000, 'x')}) {
    auto sealed = box_.Seal(text, "script/a");
    ASSERT_TRUE(sealed.has_value());
    EXPECT_EQ(sealed->find(ToHex(text).substr(0, 14)) != std::string::npos, text.empty());
    auto opened = box_.Open(*sealed, "script/a");
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(*opened, text);
    auto again = box_.Seal(text, "script/a");
    EXPECT_NE(*sealed, *again);  // The same text twice is not seen to be the same.
  }
}

TEST_F(SecretBoxTest, RefusesAnotherKeyAnotherPlaceAndAnyChange) {
  auto sealed = box_.Seal("hunter2", "script/a");
  ASSERT_TRUE(sealed.has_value());
  EXPECT_EQ(box_.Open(*sealed, "script/b").error().code(), ErrorCode::kCorrupt);
  SecretBox other(Bytes(SecretBox::kKeyBytes, 'o'), random_);
  EXPECT_FALSE(other.Open(*sealed, "script/a").has_value());
  for (size_t i = 0; i < sealed->size(); ++i) {
    std::string changed = *sealed;
    changed[i] = changed[i] == '0' ? '1' : '0';
    EXPECT_FALSE(box_.Open(changed, "script/a").has_value()) << i;
  }
  EXPECT_FALSE(box_.Open("", "script/a").has_value());
  EXPECT_FALSE(box_.Open("hunter2", "script/a").has_value());
}

}  // namespace
}  // namespace limpet::control

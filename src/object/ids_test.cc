#include "object/ids.h"

#include <gtest/gtest.h>

namespace limpet::object {
namespace {

// What workerd 1.20261117.1 makes of these names with the unique key "limpet-test-key".
TEST(IdCodec, MakesTheIdsThatWorkerdMakes) {
  IdCodec codec(NamespaceId{1}, "limpet-test-key");
  EXPECT_EQ(codec.ToString(codec.FromName("")), "7347d89bf9792c996476b9bc77c814b5b76ce804d7c5dfcb71d5259509b0477b");
  EXPECT_EQ(codec.ToString(codec.FromName("A")), "00982655a4c7feed39d86a24432a460d372b53c6f6a24569fff418e2ed59c775");
  EXPECT_EQ(codec.ToString(codec.FromName("h\xC3\xA9")),
            "1baa5db1ba617453a2f931575de6476563c4c9fca0f9e19ee934f4679adb3eca");
  EXPECT_EQ(codec.ToString(codec.FromName("counter")),
            "7c5994874e7a7330301d91310156fd268d4d8d93549c4934c5b794ae43040225");
}

TEST(IdCodec, ReadsItsOwnIdsInEitherCase) {
  IdCodec codec(NamespaceId{1}, "key");
  SeededRandom random(3);
  ObjectId id = codec.NewUnique(random);
  std::string text = codec.ToString(id);
  EXPECT_EQ(codec.FromString(text).value(), id);
  for (char& c : text) c = static_cast<char>(toupper(c));
  EXPECT_EQ(codec.FromString(text).value(), id);
}

TEST(IdCodec, RefusesWhatIsNoIdWithATypeError) {
  IdCodec codec(NamespaceId{1}, "key"), other(NamespaceId{2}, "other");
  for (const std::string& bad : {std::string(), std::string("zz"), std::string(64, 'g'), std::string(66, '0')}) {
    auto result = codec.FromString(bad);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().name(), "TypeError");
    EXPECT_EQ(result.error().message(), "Invalid Durable Object ID: must be 64 hex digits");
  }
  auto foreign = codec.FromString(other.ToString(other.FromName("A")));
  ASSERT_FALSE(foreign.has_value());
  EXPECT_EQ(foreign.error().message(), "Durable Object ID is not valid for this namespace.");
}

}  // namespace
}  // namespace limpet::object

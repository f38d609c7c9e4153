// How things are stored: keys, records, sums of the log, and what the committer remembers.
#include <gtest/gtest.h>

#include <cstring>

#include "store/rocks/keys.h"
#include "store/rocks/log_check.h"
#include "store/rocks/numbers.h"

namespace limpet::store {
namespace {

ObjectId Object(uint32_t number) {
  ObjectId id{.ns = {7}};
  std::memcpy(id.base.data(), &number, sizeof number);
  return id;
}

TEST(RocksKeys, SortAndDecode) {
  using namespace rocks;
  ObjectId object = Object(5);
  EXPECT_LT(CommitNumberKey(object), PairKey(object, Space::kKv, ""));
  EXPECT_LT(PairKey(object, Space::kKv, "\xFF\xFF"), SpaceEnd(object, Space::kKv));
  EXPECT_LE(SpaceEnd(object, Space::kKv), PairKey(object, Space::kMeta, ""));
  EXPECT_EQ(ObjectOfKey(PairKey(object, Space::kPage, "x")), object);
  EXPECT_EQ(PartitionOfClaimKey(ClaimKey(77)), 77u);
  EXPECT_EQ(NamespaceOfDropKey(DropKey({78}))->value, 78u);
  for (uint64_t number : {uint64_t{0}, uint64_t{127}, uint64_t{128}, uint64_t{300}, UINT64_MAX}) {
    EXPECT_EQ(DecodeNumber(EncodeNumber(number)), number);
  }
  EXPECT_EQ(DecodeNumber(""), std::nullopt);
  EXPECT_EQ(DecodeNumber("\x80"), std::nullopt);
  EXPECT_EQ(DecodeNumber(Bytes("\x01\x01", 2)), std::nullopt);
  EXPECT_EQ(DecodeNumber(Bytes(10, '\xFF')), std::nullopt);
}

TEST(RocksKeys, AnObjectsRecordKeepsWhatItIsGiven) {
  using rocks::ObjectRecord;
  for (const ObjectRecord& record :
       {ObjectRecord{.number = 1}, ObjectRecord{.number = 300, .last = 7},
        ObjectRecord{.number = 2, .last = 7, .oldest = 5}, ObjectRecord{.number = 2, .bytes = StoredBytes{}},
        ObjectRecord{.number = 2, .last = 7, .bytes = StoredBytes{1, 2}}}) {
    EXPECT_EQ(rocks::DecodeObject(rocks::EncodeObject(record)), record);
  }
  EXPECT_EQ(rocks::EncodeObject({.number = 1}), "\1") << "as it was before there was history";
  for (Bytes wrong : {Bytes(), Bytes("\1\1\1\1"), Bytes("\1\1\1\1\1\1"), Bytes("\1\x80")}) {
    EXPECT_EQ(rocks::DecodeObject(wrong), std::nullopt);
  }
}

TEST(LogCheck, KnowsTheStandardChecksum) { EXPECT_EQ(rocks::Crc32c(0, "123456789"), 0xE3069283u); }

TEST(ObjectStates, ForgetsWhatDidNotCommitForLong) {
  rocks::ObjectStates states;
  for (uint32_t i = 0; i < 3 * rocks::ObjectStates::kGenerationMax; ++i) states.Add(Object(i), {.number = i});
  EXPECT_LE(states.size(), 2 * rocks::ObjectStates::kGenerationMax);
  EXPECT_EQ(states.Find(Object(0)), nullptr);
  rocks::ObjectState* old = states.Find(Object(rocks::ObjectStates::kGenerationMax + 1));
  ASSERT_NE(old, nullptr);
  EXPECT_EQ(old->number, rocks::ObjectStates::kGenerationMax + 1);
  EXPECT_NE(states.Find(Object(3 * rocks::ObjectStates::kGenerationMax - 1)), nullptr);
}

}  // namespace
}  // namespace limpet::store

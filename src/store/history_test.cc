#include "store/history.h"

#include <gtest/gtest.h>

namespace limpet::store {
namespace {

ScanPage Records(std::initializer_list<std::pair<Bytes, Bytes>> pairs) { return {.pairs = pairs}; }

TEST(History, WritesAndReadsItsRecords) {
  Bytes key = HistoryKey(7, Space::kPage, "k");
  Bytes value = HistoryValue("old");
  std::optional<HistoryRecord> record = ParseHistory(key, value);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->slot, 7u);
  EXPECT_EQ(record->space, Space::kPage);
  EXPECT_EQ(record->key, "k");
  EXPECT_EQ(record->before, "old");
  Bytes nothing = HistoryValue(std::nullopt), empty = HistoryValue("");
  EXPECT_EQ(ParseHistory(key, nothing)->before, std::nullopt);
  EXPECT_EQ(ParseHistory(key, empty)->before, "");
  EXPECT_TRUE(ParseHistory(BirthKey(9), "")->birth);
}

TEST(History, RefusesRecordsThatAreNone) {
  EXPECT_FALSE(ParseHistory("short", ""));
  EXPECT_FALSE(ParseHistory(HistoryKey(1, Space::kMeta, "k"), HistoryValue("x")));
  EXPECT_FALSE(ParseHistory(HistoryKey(1, Space::kKv, "k"), ""));
  EXPECT_FALSE(ParseHistory(HistoryKey(1, Space::kKv, "k"), "\2x"));
  EXPECT_FALSE(ParseHistory(HistoryKey(1, Space::kKv, "k"), Bytes("\0x", 2)));
}

TEST(History, SlotsAndMarksOnlyGrowThoughTheClockGoesBack) {
  HistoryState state;
  state.BeginSlot(1000, false);
  EXPECT_EQ(state.last, 1000u);
  EXPECT_FALSE(state.BeginsSlot(1000 + kSlotMs - 1));
  EXPECT_TRUE(state.BeginsSlot(1000 + kSlotMs));
  EXPECT_EQ(state.Mark(500), 1001u);
  EXPECT_TRUE(state.BeginsSlot(500));
  state.BeginSlot(500, false);
  EXPECT_EQ(state.last, 1002u);
}

TEST(Undo, TakesTheFirstRecordOfAKey) {
  Undo undo;
  std::vector<Undo::Change> changes;
  ASSERT_TRUE(undo.Add(Records({{HistoryKey(1, Space::kKv, "a"), HistoryValue("1")},
                                {HistoryKey(1, Space::kPage, "a"), HistoryValue(std::nullopt)}}),
                       changes)
                  .has_value());
  ASSERT_TRUE(undo.Add(Records({{HistoryKey(2, Space::kKv, "a"), HistoryValue("2")}}), changes).has_value());
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].before, "1");
  EXPECT_EQ(changes[1].before, std::nullopt);
  EXPECT_FALSE(undo.nothing());
  ASSERT_TRUE(undo.Add(Records({{BirthKey(3), ""}}), changes).has_value());
  EXPECT_TRUE(undo.nothing());
}

}  // namespace
}  // namespace limpet::store

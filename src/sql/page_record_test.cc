#include "sql/page_record.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "base/random.h"

namespace limpet::sql {
namespace {

// What comes back, or nothing.
std::optional<Bytes> Unpacked(BytesView record) {
  Bytes page(kPageBytes, '?');
  if (!UnpackPage(record, std::span<char, kPageBytes>(page.data(), kPageBytes))) return std::nullopt;
  return page;
}

TEST(PageRecord, LeavesTheLongestRunOfZerosOut) {
  Bytes page(kPageBytes, '\0');
  page[0] = 'a';
  page.back() = 'z';
  Bytes record = PackPage(page);
  EXPECT_LT(record.size(), kRecordHeadBytes + 16);
  EXPECT_EQ(record.substr(0, kRecordHeadBytes), page.substr(0, kRecordHeadBytes)) << "the header stays in its place";
  EXPECT_EQ(Unpacked(record), page);
  Bytes empty(kPageBytes, '\0');
  EXPECT_EQ(Unpacked(PackPage(empty)), empty);
  Bytes full(kPageBytes, 'x');
  EXPECT_EQ(PackPage(full), full);
  EXPECT_EQ(Unpacked(full), full);
}

TEST(PageRecord, GivesBackWhateverThePageIs) {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    SeededRandom random(seed);
    Bytes page(kPageBytes, 'x');
    for (uint64_t runs = random.Below(6); runs > 0; --runs) {
      size_t at = random.Below(kPageBytes);
      size_t zeros = std::min<size_t>(random.Below(3000), kPageBytes - at);
      std::fill_n(page.begin() + static_cast<std::ptrdiff_t>(at), zeros, '\0');
    }
    Bytes record = PackPage(page);
    EXPECT_LE(record.size(), kPageBytes);
    ASSERT_EQ(Unpacked(record), page) << "seed " << seed;
  }
}

TEST(PageRecord, RefusesWhatIsNone) {
  Bytes page(kPageBytes, '\0');
  Bytes record = PackPage(page);
  EXPECT_FALSE(Unpacked(""));
  EXPECT_FALSE(Unpacked(record.substr(0, 50)));
  EXPECT_FALSE(Unpacked(Bytes(kPageBytes + 1, 'x')));
  EXPECT_FALSE(Unpacked(Bytes(kPageBytes - 1, 'x'))) << "no run is that short";
  record[record.size() - 2] = '\x10';
  EXPECT_FALSE(Unpacked(record)) << "behind the end";
  record[record.size() - 2] = record[record.size() - 1] = 0;
  EXPECT_FALSE(Unpacked(record)) << "in the header";
}

}  // namespace
}  // namespace limpet::sql

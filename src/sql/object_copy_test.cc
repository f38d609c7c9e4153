#include "sql/object_copy.h"

#include <gtest/gtest.h>

#include "sql/sql_testing.h"

namespace limpet::sql {
namespace {

std::map<uint32_t, Bytes> SomeDatabase(const std::string& more = {}) {
  MapPages pages;
  std::unique_ptr<Database> database = Database::Open(pages).value();
  EXPECT_EQ(sql::Run(*database, "CREATE TABLE t(x); INSERT INTO t VALUES (1), ('two');" + more), "");
  EXPECT_TRUE(database->Commit().has_value());
  database.reset();
  return pages.now;
}

class ObjectCopyTest : public testing::Test {
 protected:
  ObjectCopy::Place Here() { return {testing::TempDir(), stop_}; }
  std::unique_ptr<ObjectCopy> CopyOf(const std::map<uint32_t, Bytes>& pages,
                                     const std::vector<ObjectCopy::Pair>& pairs) {
    std::unique_ptr<ObjectCopy> copy = ObjectCopy::Make(Here()).value();
    for (const auto& [number, page] : pages) EXPECT_TRUE(copy->PutPage(number, page).has_value());
    for (const auto& [key, value] : pairs) EXPECT_TRUE(copy->PutPair(key, value).has_value());
    return copy;
  }
  Bytes FileOf(ObjectCopy& copy, const ObjectCopy::Notes& notes = {}) {
    Result<std::shared_ptr<ScratchFile>> file = copy.ToFile(notes);
    if (!file.has_value()) return file.error().ToString();
    Bytes bytes(file.value()->size(), '\0');
    EXPECT_EQ(file.value()->Read(0, bytes).value(), bytes.size());
    return bytes;
  }
  Result<std::unique_ptr<ObjectCopy>> Read(BytesView bytes) {
    std::unique_ptr<ScratchFile> file = ScratchFile::Make(testing::TempDir()).value();
    EXPECT_TRUE(file->Write(0, bytes).has_value());
    notes_.clear();
    return ObjectCopy::FromFile(Here(), std::move(file), notes_);
  }
  static std::map<uint32_t, Bytes> PagesOf(ObjectCopy& copy) {
    std::map<uint32_t, Bytes> all;
    for (;;) {
      std::vector<ObjectCopy::Page> pages = copy.NextPages(2 * kPageBytes).value();
      if (pages.empty()) return all;
      EXPECT_LE(pages.size(), 2u);
      all.insert(pages.begin(), pages.end());
    }
  }
  static std::vector<ObjectCopy::Pair> PairsOf(ObjectCopy& copy) {
    std::vector<ObjectCopy::Pair> all;
    for (;;) {
      std::vector<ObjectCopy::Pair> pairs = copy.NextPairs(1).value();
      if (pairs.empty()) return all;
      all.insert(all.end(), pairs.begin(), pairs.end());
    }
  }

  std::shared_ptr<std::atomic<bool>> stop_ = std::make_shared<std::atomic<bool>>(false);
  ObjectCopy::Notes notes_;
};

TEST_F(ObjectCopyTest, GoesIntoAFileAndBack) {
  std::vector<ObjectCopy::Pair> pairs = {{Bytes("\0\1", 2), "x"}, {"a", Bytes("\0\1", 2)}, {"b", ""}};
  Bytes file = FileOf(*CopyOf(SomeDatabase(), pairs), {{"alarm", "5"}});
  EXPECT_EQ(file.substr(0, 15), "SQLite format 3");
  EXPECT_EQ(file.size() % kPageBytes, 0u);
  std::unique_ptr<ObjectCopy> back = Read(file).value();
  EXPECT_EQ(PairsOf(*back), pairs);
  EXPECT_EQ(notes_, (ObjectCopy::Notes{{"alarm", "5"}}));
  MapPages pages;
  pages.now = PagesOf(*back);
  std::unique_ptr<Database> database = Database::Open(pages).value();
  EXPECT_EQ(sql::Run(*database, "SELECT x FROM t"), "[1][two]");
  EXPECT_EQ(sql::Run(*database, "SELECT name FROM sqlite_master"), "[t]");
}

TEST_F(ObjectCopyTest, HasNoDatabaseIfTheObjectHadNone) {
  std::unique_ptr<ObjectCopy> back = Read(FileOf(*CopyOf({}, {{"a", "1"}}))).value();
  EXPECT_FALSE(back->has_pages());
  EXPECT_EQ(PairsOf(*back), (std::vector<ObjectCopy::Pair>{{"a", "1"}}));
}

TEST_F(ObjectCopyTest, TheFirstUndoCounts) {
  std::unique_ptr<ObjectCopy> copy = CopyOf({}, {{"changed", "2"}, {"new", "1"}});
  EXPECT_TRUE(copy->UndoPair("changed", "1").has_value());
  EXPECT_TRUE(copy->UndoPair("changed", "0").has_value());
  EXPECT_TRUE(copy->UndoPair("new", std::nullopt).has_value());
  EXPECT_TRUE(copy->UndoPair("new", "0").has_value());
  EXPECT_TRUE(copy->UndoPair("gone", "").has_value());
  Bytes one(kPageBytes, '1'), two(kPageBytes, '2');
  EXPECT_TRUE(copy->PutPage(1, two).has_value() && copy->PutPage(2, two).has_value());
  EXPECT_TRUE(copy->UndoPage(1, one).has_value() && copy->UndoPage(1, std::nullopt).has_value());
  EXPECT_TRUE(copy->UndoPage(2, std::nullopt).has_value() && copy->UndoPage(2, one).has_value());
  EXPECT_TRUE(copy->UndoPage(3, std::nullopt).has_value());
  EXPECT_FALSE(copy->Empty().value());
  EXPECT_EQ(PairsOf(*copy), (std::vector<ObjectCopy::Pair>{{"changed", "1"}, {"gone", ""}}));
  EXPECT_EQ(PagesOf(*copy), (std::map<uint32_t, Bytes>{{1, one}}));
  EXPECT_FALSE(copy->PutPage(0, one).has_value());
  EXPECT_FALSE(copy->PutPage(UINT32_MAX, one).has_value());
}

TEST_F(ObjectCopyTest, WhatWasUndoneIsNothing) {
  std::unique_ptr<ObjectCopy> copy = CopyOf({}, {{"a", "1"}});
  EXPECT_FALSE(copy->Empty().value());
  EXPECT_TRUE(copy->UndoPair("a", std::nullopt).has_value());
  EXPECT_TRUE(copy->Empty().value());
}

TEST_F(ObjectCopyTest, LeavesFreePagesOut) {
  std::vector<ObjectCopy::Pair> pairs;
  for (int i = 0; i < 300; ++i) pairs.emplace_back("key" + std::to_string(1000 + i), Bytes(10'000, 'v'));
  std::unique_ptr<ObjectCopy> back = Read(FileOf(*CopyOf(SomeDatabase(), pairs))).value();
  EXPECT_EQ(PairsOf(*back), pairs);
  MapPages pages;
  pages.now = PagesOf(*back);
  EXPECT_LT(pages.now.size(), 10u);  // Of some 900 that the pairs took in the file.
  std::unique_ptr<Database> database = Database::Open(pages).value();
  EXPECT_EQ(sql::Run(*database,
                     "CREATE TABLE more(y); INSERT INTO more SELECT hex(zeroblob(3000)) FROM (WITH RECURSIVE "
                     "n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i FROM n)"),
            "");
  EXPECT_EQ(sql::Run(*database, "SELECT count(*), sum(length(y)) FROM more"), "[500,3000000]");
  EXPECT_EQ(sql::Run(*database, "SELECT x FROM t"), "[1][two]");
}

TEST_F(ObjectCopyTest, RefusesWhatItCanNotUse) {
  auto why = [&](const Bytes& file) { return Read(file).error().message(); };
  Bytes sound = FileOf(*CopyOf(SomeDatabase("CREATE INDEX i ON t(x);"), {}));
  EXPECT_NE(why("nothing").find("no SQLite"), std::string::npos);
  Bytes wal = sound;
  wal[18] = wal[19] = 2;
  EXPECT_NE(why(wal).find("journal_mode=DELETE"), std::string::npos);
  Bytes large = sound;
  large[16] = 0x20;
  EXPECT_NE(why(large).find("8192"), std::string::npos);
  EXPECT_NE(why(sound.substr(0, kPageBytes)).find("cut short"), std::string::npos);
  EXPECT_EQ(why(FileOf(*CopyOf({}, {{Bytes(17'000, 'k'), "v"}}))), "A key is longer than 16 KiB.");
  Bytes index = sound;  // Its entry for 'two', which the table has still.
  index[index.rfind("two", 3 * kPageBytes)] = 'T';
  EXPECT_NE(why(index).find("damaged"), std::string::npos) << why(index);
  for (size_t at = kPageBytes; at < sound.size(); at += 97) {
    Bytes damaged = sound;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    (void)Read(damaged);  // Whatever comes of it, nothing crashes.
  }
}

TEST_F(ObjectCopyTest, EndsWhenItShall) {
  std::vector<ObjectCopy::Pair> pairs;
  for (int i = 0; i < 5000; ++i) pairs.emplace_back("key" + std::to_string(10'000 + i), "value");
  Bytes file = FileOf(*CopyOf({}, pairs));
  stop_->store(true);
  Result<std::unique_ptr<ObjectCopy>> read = Read(file);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code(), ErrorCode::kCanceled);
}

}  // namespace
}  // namespace limpet::sql

#include "sql/object_file.h"

#include <gtest/gtest.h>

#include "sql/sql_testing.h"

namespace limpet::sql {
namespace {

std::map<uint32_t, Bytes> SomeDatabase() {
  MapPages pages;
  std::unique_ptr<Database> database = Database::Open(pages).value();
  EXPECT_EQ(sql::Run(*database, "CREATE TABLE t(x); INSERT INTO t VALUES (1), ('two')"), "");
  EXPECT_TRUE(database->Commit().has_value());
  database.reset();
  return pages.now;
}

TEST(ObjectFile, GoesThereAndBack) {
  ObjectContent content;
  content.pages = SomeDatabase();
  content.pairs = {{"a", Bytes("\0\1", 2)}, {"b", ""}};
  content.notes = {{"alarm", "5"}};
  Bytes file = WriteObjectFile(content).value();
  EXPECT_EQ(file.substr(0, 15), "SQLite format 3");
  EXPECT_EQ(file.size() % kPageBytes, 0u);
  ObjectContent back = ReadObjectFile(file).value();
  EXPECT_EQ(back.pairs, content.pairs);
  EXPECT_EQ(back.notes, content.notes);
  MapPages pages;
  pages.now = back.pages;
  std::unique_ptr<Database> database = Database::Open(pages).value();
  EXPECT_EQ(sql::Run(*database, "SELECT x FROM t"), "[1][two]");
  EXPECT_EQ(sql::Run(*database, "SELECT name FROM sqlite_master"), "[t]");
}

TEST(ObjectFile, HasNoDatabaseIfTheObjectHadNone) {
  ObjectContent content;
  content.pairs = {{"a", "1"}};
  ObjectContent back = ReadObjectFile(WriteObjectFile(content).value()).value();
  EXPECT_TRUE(back.pages.empty());
  EXPECT_EQ(back.pairs, content.pairs);
}

TEST(ObjectFile, RefusesWhatItCanNotUse) {
  auto why = [](Bytes file) { return ReadObjectFile(file).error().message(); };
  ObjectContent content;
  content.pages = SomeDatabase();
  Bytes sound = WriteObjectFile(content).value();
  EXPECT_NE(why("nothing").find("no SQLite"), std::string::npos);
  Bytes wal = sound;
  wal[18] = wal[19] = 2;
  EXPECT_NE(why(wal).find("journal_mode=DELETE"), std::string::npos);
  Bytes large = sound;
  large[16] = 0x20;
  EXPECT_NE(why(large).find("8192"), std::string::npos);
  EXPECT_NE(why(sound.substr(0, kPageBytes)).find("cut short"), std::string::npos);
  for (size_t at = kPageBytes; at < sound.size(); at += 97) {
    Bytes damaged = sound;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    (void)ReadObjectFile(damaged);  // Whatever comes of it, nothing crashes.
  }
}

}  // namespace
}  // namespace limpet::sql

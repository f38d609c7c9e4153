#include "sql/database.h"

#include <gtest/gtest.h>

#include "sql/errors.h"
#include "sql/memory.h"
#include "sql/sql_testing.h"

namespace limpet::sql {
namespace {

class DatabaseTest : public testing::Test {
 protected:
  DatabaseTest() { Open(); }
  void Open(DatabaseOptions options = {}) {
    database_.reset();
    database_ = Database::Open(pages_, options).value();
  }
  std::string Run(std::string_view text, std::vector<Binding> bindings = {}) {
    return sql::Run(*database_, text, std::move(bindings));
  }
  std::unique_ptr<Cursor> Start(std::string_view text) { return database_->Exec(text, {}).value(); }
  void Commit() {
    Result<Done> committed = database_->Commit();
    EXPECT_TRUE(committed.has_value()) << (committed.has_value() ? "" : committed.error().ToString());
  }
  // No journal, no temporary file, no page outside of a batch: ever.
  void ExpectNoOtherFile() {
    EXPECT_EQ(database_->file().refused_files(), 0u);
    EXPECT_EQ(database_->file().stray_writes(), 0u);
  }

  MapPages pages_;
  std::unique_ptr<Database> database_;
};

TEST_F(DatabaseTest, KeepsWhatIsCommittedAndForgetsTheRest) {
  EXPECT_EQ(Run("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)"), "");
  EXPECT_EQ(Run("INSERT INTO t VALUES(1,'x'),(2,'y')"), "");
  EXPECT_EQ(Run("SELECT * FROM t"), "[1,x][2,y]");
  EXPECT_EQ(pages_.batches, 0u) << "nothing leaves before the commit";
  Commit();
  EXPECT_EQ(pages_.batches, 1u);
  EXPECT_EQ(pages_.now.size(), 2u);
  EXPECT_EQ(Run("DELETE FROM t"), "");
  Open();
  EXPECT_EQ(Run("SELECT * FROM t"), "[1,x][2,y]");
  ExpectNoOtherFile();
}

TEST_F(DatabaseTest, LeavesNothingBehindIfItOnlyReads) {
  EXPECT_EQ(Run("SELECT count(*) FROM sqlite_master"), "[0]");
  EXPECT_EQ(database_->SizeBytes().value(), 4096u);
  Commit();
  EXPECT_EQ(pages_.batches, 0u);
  EXPECT_EQ(pages_.begun, 0u);
}

}  // namespace
}  // namespace limpet::sql

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

TEST_F(DatabaseTest, WritesThePagesThatChangedAlone) {
  (void)Run("CREATE TABLE t(a); INSERT INTO t VALUES(1)");
  Commit();
  size_t before = pages_.pages_written;
  (void)Run("INSERT INTO t VALUES(2)");
  Commit();
  EXPECT_EQ(pages_.pages_written - before, 1u) << "not the first one, which says nothing new";
  (void)Run("INSERT INTO t VALUES(zeroblob(20000))");
  Commit();
  Open();
  EXPECT_EQ(Run("SELECT count(*), total(length(a)) FROM t"), "[3,20002]");
  EXPECT_EQ(Run("PRAGMA quick_check"), "[ok]");
  ExpectNoOtherFile();
}

TEST_F(DatabaseTest, LeavesNothingBehindIfItOnlyReads) {
  EXPECT_EQ(Run("SELECT count(*) FROM sqlite_master"), "[0]");
  EXPECT_EQ(database_->SizeBytes().value(), 4096u);
  Commit();
  EXPECT_EQ(pages_.batches, 0u);
  EXPECT_EQ(pages_.begun, 0u);
}

TEST_F(DatabaseTest, TellsOfTheFirstWriteOfEachTransaction) {
  (void)Run("CREATE TABLE t(a)");
  (void)Run("INSERT INTO t VALUES(1)");
  EXPECT_EQ(pages_.begun, 1u);
  Commit();
  (void)Run("SELECT * FROM t");
  EXPECT_EQ(pages_.begun, 1u);
  (void)Run("SELECT 1; INSERT INTO t VALUES(2); SELECT 2");
  EXPECT_EQ(pages_.begun, 2u);
  EXPECT_TRUE(database_->in_transaction());
}

TEST_F(DatabaseTest, WritesThousandsOfPagesAsOneBatchWithoutAJournal) {
  (void)Run("CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB)");
  Commit();
  (void)Run(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<2000) INSERT INTO t SELECT i, "
      "randomblob(3500) FROM n");
  Commit();
  EXPECT_EQ(pages_.batches, 2u);
  EXPECT_GT(pages_.pages_written, 2000u);
  // Overwrites and a statement that fails half way, which needs a statement journal.
  EXPECT_EQ(Run("UPDATE t SET b = randomblob(3600)"), "");
  EXPECT_EQ(Run("UPDATE t SET a = 3000 - (a % 1999)").substr(0, 24), "UNIQUE constraint failed");
  (void)Run("CREATE INDEX i ON t(b)");
  EXPECT_EQ(Run("SELECT count(*) FROM (SELECT b FROM t ORDER BY b || 'x')"), "[2000]");
  Commit();
  EXPECT_EQ(pages_.batches, 3u);
  ExpectNoOtherFile();
  EXPECT_EQ(Run("PRAGMA quick_check"), "[ok]");
}

TEST_F(DatabaseTest, ReadsADatabaseThatIsLargerThanItsCache) {
  Open({.cache_bytes = 64 * 1024});
  (void)Run("CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB)");
  for (int part = 0; part < 8; ++part) {
    (void)Run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<500) INSERT INTO t(b) SELECT "
        "zeroblob(3000) FROM n");
    Commit();
  }
  Open({.cache_bytes = 64 * 1024});
  int64_t before = ThreadMemoryBytes();
  EXPECT_EQ(Run("SELECT count(*), sum(length(b)) FROM t"), "[4000,12000000]");
  EXPECT_LT(ThreadMemoryBytes() - before, 256 * 1024);
  EXPECT_LT(database_->MemoryBytes(), 256u * 1024);
  EXPECT_GT(pages_.reads, 4000u);
  ExpectNoOtherFile();
}

TEST_F(DatabaseTest, HoldsLittleMemoryWhenIdle) {
  (void)Run("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)");
  (void)Run("INSERT INTO t VALUES(1,'x')");
  Commit();
  constexpr int kDatabases = 100;
  std::vector<std::unique_ptr<Database>> many;
  int64_t before = ThreadMemoryBytes();
  for (int i = 0; i < kDatabases; ++i) {
    many.push_back(Database::Open(pages_).value());
    EXPECT_EQ(sql::Run(*many.back(), "SELECT b FROM t WHERE a = 1"), "[x]");
  }
  int64_t each = (ThreadMemoryBytes() - before) / kDatabases;
  RecordProperty("bytes_per_idle_database", std::to_string(each));
  EXPECT_LT(each, 40 * 1024);
  many.clear();
  EXPECT_EQ(ThreadMemoryBytes(), before);
}

TEST_F(DatabaseTest, AsksTheStoreForNothingWhileItsPagesAreInMemory) {
  (void)Run("CREATE TABLE t(a INTEGER PRIMARY KEY)");
  (void)Run("INSERT INTO t VALUES(1)");
  Commit();
  (void)Run("SELECT * FROM t");
  size_t reads = pages_.reads;
  for (int i = 0; i < 10; ++i) {
    (void)Run("SELECT * FROM t");
    (void)Run("INSERT INTO t DEFAULT VALUES");
    Commit();
  }
  EXPECT_EQ(pages_.reads, reads);
}

TEST_F(DatabaseTest, RefusesATransactionOfTooManyPagesAndNamesTheLimit) {
  Open({.cache_bytes = 64 * 1024, .dirty_bytes_max = 1024 * 1024});
  (void)Run("CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB)");
  Commit();
  size_t batches = pages_.batches;
  Result<std::unique_ptr<Cursor>> run = database_->Exec(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<2000) INSERT INTO t SELECT i, "
      "zeroblob(3500) FROM n",
      {});
  ASSERT_FALSE(run.has_value());
  EXPECT_EQ(run.error().code(), ErrorCode::kOverloaded);
  EXPECT_EQ(run.error().message(), "the transaction has changed more than 1 MiB of the database: SQLITE_FULL");
  EXPECT_EQ(Run("SELECT count(*) FROM t"), "[0]");
  EXPECT_EQ(Run("INSERT INTO t VALUES(1,1)"), run.error().message()) << "nothing more is written";
  EXPECT_FALSE(database_->Commit().has_value());
  EXPECT_EQ(pages_.batches, batches);
  // Many small statements come to the same.
  Open({.cache_bytes = 64 * 1024, .dirty_bytes_max = 1024 * 1024});
  std::string answer;
  for (int i = 0; i < 2000 && answer.empty(); ++i) answer = Run("INSERT INTO t(b) VALUES(zeroblob(3500))");
  EXPECT_EQ(answer, "the transaction has changed more than 1 MiB of the database: SQLITE_FULL");
  EXPECT_FALSE(database_->Commit().has_value());
  EXPECT_EQ(pages_.batches, batches);
  ExpectNoOtherFile();
}

TEST_F(DatabaseTest, RefusesToGrowBeyondItsSize) {
  Open({.database_bytes_max = 1024 * 1024});
  (void)Run("CREATE TABLE t(b BLOB)");
  std::string answer;
  for (int i = 0; i < 400 && answer.empty(); ++i) {
    answer = Run("INSERT INTO t VALUES(zeroblob(3500))");
    if (answer.empty()) Commit();
  }
  EXPECT_EQ(answer, "database or disk is full: SQLITE_FULL");
  EXPECT_EQ(Run("SELECT count(*) > 200 FROM t"), "[1]");
}

TEST_F(DatabaseTest, WithoutRoomForAPageItTakesNoTable) {
  Open({.database_bytes_max = 100});
  EXPECT_EQ(Run("CREATE TABLE t(b BLOB)"), "database or disk is full: SQLITE_FULL");
}

TEST_F(DatabaseTest, BoundsTheMemoryOfAStatement) {
  Open({.statement_bytes_max = 4 * 1024 * 1024});
  const char* large =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<10000) SELECT count(*) FROM (SELECT "
      "hex(randomblob(500)) AS x FROM n ORDER BY x)";
  EXPECT_EQ(Run(large),
            "out of memory: the statement needs more than 4 MiB for sorting, temporary tables and changed pages: "
            "SQLITE_NOMEM");
  EXPECT_EQ(Run("SELECT 1"), "[1]");
  Open();
  EXPECT_EQ(Run(large), "[10000]");
}

TEST_F(DatabaseTest, EndsAnEndlessQueryWhenAsked) {
  int asked = 0;
  database_->SetInterrupt([&] { return ++asked == 5; });
  Result<std::unique_ptr<Cursor>> endless =
      database_->Exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT max(i) FROM n", {});
  ASSERT_FALSE(endless.has_value());
  EXPECT_EQ(endless.error().code(), ErrorCode::kCanceled);
  EXPECT_EQ(endless.error().message(), "interrupted: SQLITE_INTERRUPT");
  EXPECT_EQ(asked, 5);
  EXPECT_EQ(Run("SELECT 1"), "[1]");
}

TEST_F(DatabaseTest, AnInterruptedWriteTakesItsTransactionDown) {
  (void)Run("CREATE TABLE t(a)");
  Commit();
  (void)Run("INSERT INTO t VALUES(1)");
  database_->SetInterrupt([] { return true; });
  EXPECT_EQ(Run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) INSERT INTO t SELECT i FROM n"),
            "interrupted: SQLITE_INTERRUPT");
  database_->SetInterrupt({});
  EXPECT_FALSE(database_->in_transaction());
  Result<Done> committed = database_->Commit();
  ASSERT_FALSE(committed.has_value());
  EXPECT_EQ(committed.error().message(), "interrupted: SQLITE_INTERRUPT");
  EXPECT_EQ(pages_.batches, 1u);
}

TEST_F(DatabaseTest, NamesAPageThatIsDamagedAndReturnsNothingOfIt) {
  (void)Run("CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB)");
  (void)Run("CREATE TABLE u(a)");
  (void)Run("INSERT INTO t VALUES(1, zeroblob(10000))");
  Commit();
  pages_.damaged = 2;
  Open();
  Result<std::unique_ptr<Cursor>> read = database_->Exec("SELECT * FROM t", {});
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(read.error().message(), "read page 2 of the database: bad checksum in file 7: SQLITE_CORRUPT");
  EXPECT_EQ(Run("SELECT count(*) FROM u"), "[0]");
  pages_.damaged = 1;
  EXPECT_EQ(Database::Open(pages_).error().code(), ErrorCode::kCorrupt);
}

TEST_F(DatabaseTest, ADiskThatFailsReadsIsNamedAndTriedAgain) {
  (void)Run("CREATE TABLE t(a)");
  Commit();
  Open();
  pages_.fail_reads = Error(ErrorCode::kUnavailable, "the store is being reopened");
  Result<std::unique_ptr<Cursor>> read = database_->Exec("SELECT * FROM t", {});
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code(), ErrorCode::kUnavailable);
  pages_.fail_reads.reset();
  EXPECT_EQ(Run("SELECT count(*) FROM t"), "[0]");
}

TEST_F(DatabaseTest, FindsAPageWithWrongContent) {
  (void)Run("CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB)");
  (void)Run("INSERT INTO t VALUES(1, zeroblob(100))");
  Commit();
  pages_.now[2] = Bytes(kPageBytes, 'x');
  Open();
  EXPECT_EQ(Run("SELECT * FROM t"), "database disk image is malformed: SQLITE_CORRUPT");
}

}  // namespace
}  // namespace limpet::sql

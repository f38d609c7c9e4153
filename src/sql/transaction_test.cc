// Savepoints, commits, cursors and the cache of statements.
#include <gtest/gtest.h>

#include "sql/database.h"
#include "sql/errors.h"
#include "sql/sql_testing.h"

namespace limpet::sql {
namespace {

class SqlTransaction : public testing::Test {
 protected:
  SqlTransaction() : database_(Database::Open(pages_).value()) {
    EXPECT_EQ(Run("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)"), "");
    EXPECT_EQ(Run("INSERT INTO t VALUES(1,'x'),(2,'y'),(3,'z')"), "");
    Commit();
  }
  ~SqlTransaction() override {
    EXPECT_EQ(database_->file().refused_files(), 0u);
    EXPECT_EQ(database_->file().stray_writes(), 0u);
  }
  std::string Run(std::string_view text, std::vector<Binding> bindings = {}) {
    return sql::Run(*database_, text, std::move(bindings));
  }
  std::unique_ptr<Cursor> Start(std::string_view text) { return database_->Exec(text, {}).value(); }
  void Commit() {
    Result<Done> committed = database_->Commit();
    EXPECT_TRUE(committed.has_value()) << (committed.has_value() ? "" : committed.error().ToString());
  }
  std::string Stored(std::string_view text) {  // What one sees who opens the database now.
    std::unique_ptr<Database> other = Database::Open(pages_).value();
    return sql::Run(*other, text);
  }

  MapPages pages_;
  std::unique_ptr<Database> database_;
};

TEST_F(SqlTransaction, RollsBackToEachSavepoint) {
  (void)Run("INSERT INTO t VALUES(4,'burst')");
  database_->Begin();
  (void)Run("INSERT INTO t VALUES(5,'outer')");
  database_->Begin();
  (void)Run("DELETE FROM t");
  EXPECT_EQ(Run("SELECT count(*) FROM t"), "[0]");
  EXPECT_TRUE(database_->Rollback().has_value());
  EXPECT_EQ(Run("SELECT count(*) FROM t"), "[5]");
  EXPECT_TRUE(database_->Rollback().has_value());
  EXPECT_EQ(Run("SELECT count(*) FROM t"), "[4]");
  Commit();
  EXPECT_EQ(Stored("SELECT b FROM t WHERE a > 3"), "[burst]");
}

TEST_F(SqlTransaction, SavepointsWithoutWritesCostNothing) {
  size_t begun = pages_.begun;
  database_->Begin();
  database_->Begin();
  EXPECT_EQ(Run("SELECT count(*) FROM t"), "[3]");
  EXPECT_TRUE(database_->Release().has_value());
  EXPECT_TRUE(database_->Rollback().has_value());
  EXPECT_FALSE(database_->in_transaction());
  EXPECT_EQ(pages_.begun, begun);
  database_->Begin();
  (void)Run("DELETE FROM t WHERE a = 1");
  database_->Begin();
  EXPECT_TRUE(database_->Rollback().has_value()) << "nothing was written inside";
  EXPECT_TRUE(database_->Release().has_value());
  Commit();
  EXPECT_EQ(Stored("SELECT a FROM t"), "[2][3]");
}

TEST_F(SqlTransaction, SchemaChangesRollBackToo) {
  database_->Begin();
  (void)Run("CREATE TABLE u(a)");
  (void)Run("ALTER TABLE t ADD COLUMN c DEFAULT 7");
  EXPECT_EQ(Run("SELECT c FROM t WHERE a=1"), "[7]");
  EXPECT_TRUE(database_->Rollback().has_value());
  EXPECT_EQ(Run("SELECT * FROM u"), "no such table: u: SQLITE_ERROR");
  EXPECT_EQ(Run("SELECT * FROM t WHERE a=1"), "[1,x]");
}

TEST_F(SqlTransaction, ConstraintsThatAreViolatedAtTheEndLoseTheTransaction) {
  (void)Run("CREATE TABLE p(id INTEGER PRIMARY KEY)");
  (void)Run("CREATE TABLE c(p REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED)");
  Commit();
  (void)Run("INSERT INTO t VALUES(9,'lost')");
  (void)Run("INSERT INTO c VALUES(5)");
  size_t batches = pages_.batches;
  Result<Done> committed = database_->Commit();
  ASSERT_FALSE(committed.has_value());
  EXPECT_EQ(committed.error().message(),
            "Durable Object was reset and rolled back to its last known good state because the application left the "
            "database in a state where constraints were violated: FOREIGN KEY constraint failed: SQLITE_CONSTRAINT "
            "(extended: SQLITE_CONSTRAINT_FOREIGNKEY)");
  EXPECT_EQ(pages_.batches, batches);
  EXPECT_EQ(Stored("SELECT count(*) FROM t"), "[3]");
}

TEST_F(SqlTransaction, ForeignKeysCanBeDeferredToTheEnd) {
  (void)Run("CREATE TABLE p(id INTEGER PRIMARY KEY)");
  (void)Run("CREATE TABLE c(p REFERENCES p(id))");
  Commit();
  EXPECT_EQ(Run("INSERT INTO c VALUES(5)").substr(0, 11), "FOREIGN KEY");
  for (int64_t round = 0; round < 2; ++round) {  // The second time the statements come from the cache.
    (void)Run("PRAGMA defer_foreign_keys=ON");
    (void)Run("SELECT count(*) FROM t");
    EXPECT_EQ(Run("INSERT INTO c VALUES(?)", {round + 5}), "");
    EXPECT_EQ(Run("INSERT INTO p VALUES(?)", {round + 5}), "");
    Commit();
  }
  EXPECT_EQ(Run("INSERT INTO c VALUES(77)").substr(0, 11), "FOREIGN KEY") << "until the end of the transaction";
}

TEST_F(SqlTransaction, AConflictThatRollsBackLosesTheTransaction) {
  (void)Run("INSERT INTO t VALUES(4,'w')");
  EXPECT_EQ(Run("INSERT OR ROLLBACK INTO t VALUES(1,'dup')").substr(0, 24), "UNIQUE constraint failed");
  EXPECT_EQ(Run("SELECT count(*) FROM t"), "[3]");
  EXPECT_FALSE(database_->Commit().has_value());
}

TEST_F(SqlTransaction, AStatementThatFailsLeavesTheOthersOfItsTransaction) {
  (void)Run("INSERT INTO t VALUES(4,'w')");
  EXPECT_EQ(Run("INSERT INTO t VALUES(5,'v'),(1,'dup')").substr(0, 24), "UNIQUE constraint failed");
  EXPECT_EQ(Run("INSERT INTO t VALUES(6,'u'); SELECT nope"), "no such column: nope at offset 7: SQLITE_ERROR");
  Commit();
  EXPECT_EQ(Stored("SELECT a FROM t WHERE a > 3"), "[4][6]");
}

TEST_F(SqlTransaction, RunsAStatementWhoseCursorIsIgnored) {
  Start("INSERT INTO t VALUES(4,'w')").reset();
  Start("INSERT INTO t VALUES(5,'v') RETURNING a").reset();
  Commit();
  EXPECT_EQ(Stored("SELECT count(*) FROM t"), "[5]");
}

TEST_F(SqlTransaction, RowsThatAWriteReturnsOutliveTheCommit) {
  std::unique_ptr<Cursor> cursor = Start("UPDATE t SET b = b || '!' RETURNING a, b, NULL, 1.5, x'00ff'");
  ASSERT_TRUE(cursor->Next().has_value());
  Commit();
  EXPECT_EQ(Stored("SELECT b FROM t"), "[x!][y!][z!]");
  EXPECT_EQ(cursor->rows_written(), 3u);
  EXPECT_EQ(Rows(*cursor), "[2,y!,null,1.5,x'00ff'][3,z!,null,1.5,x'00ff']");
  EXPECT_EQ(cursor->columns()->front(), "a");
}

TEST_F(SqlTransaction, RowsThatAWriteReturnsOutliveSavepoints) {
  std::unique_ptr<Cursor> outer = Start("UPDATE t SET b = 'o' RETURNING a");
  database_->Begin();
  EXPECT_EQ(Run("INSERT INTO t VALUES(4,'w')"), "");
  std::unique_ptr<Cursor> inner = Start("DELETE FROM t WHERE a < 3 RETURNING a");
  EXPECT_TRUE(database_->Rollback().has_value());
  EXPECT_EQ(Rows(*outer) + Rows(*inner), "[1][2][3][1][2]");
  Commit();
  EXPECT_EQ(Stored("SELECT * FROM t"), "[1,o][2,o][3,o]");
}

TEST_F(SqlTransaction, RollingBackTheWholeTransactionMakesALostOneGood) {
  std::unique_ptr<Cursor> read = Start("SELECT a FROM t ORDER BY a");
  database_->Begin();
  (void)Run("INSERT INTO t VALUES(4,'w')");
  (void)Run("INSERT OR ROLLBACK INTO t VALUES(1,'dup')");
  EXPECT_FALSE(database_->in_transaction());
  EXPECT_TRUE(database_->RollbackAll().has_value());
  EXPECT_EQ(database_->depth(), 0u);
  EXPECT_EQ(Run("INSERT INTO t VALUES(5,'v')"), "");
  Commit();
  EXPECT_EQ(Stored("SELECT a FROM t"), "[1][2][3][5]");
}

TEST_F(SqlTransaction, AReadGoesOnAcrossCommitsAndChanges) {
  std::unique_ptr<Cursor> cursor = Start("SELECT a FROM t ORDER BY a");
  (void)Run("INSERT INTO t VALUES(4,'w')");
  Commit();
  ASSERT_TRUE(cursor->Next().has_value());
  database_->Begin();
  (void)Run("DELETE FROM t WHERE a = 3");
  EXPECT_TRUE(database_->Release().has_value());
  Commit();
  EXPECT_EQ(Rows(*cursor), "[2][4]");
}

TEST_F(SqlTransaction, TheSameTextRunsTwiceAtOnce) {
  std::unique_ptr<Cursor> one = Start("SELECT a FROM t ORDER BY a");
  std::unique_ptr<Cursor> two = Start("SELECT a FROM t ORDER BY a");
  ASSERT_TRUE(one->Next().has_value());
  EXPECT_EQ(one->Integer(0), 2);
  EXPECT_EQ(two->Integer(0), 1);
  EXPECT_EQ(Rows(*two), "[1][2][3]");
  EXPECT_EQ(Rows(*one), "[2][3]");
}

TEST_F(SqlTransaction, CursorsOutliveTheirDatabase) {
  std::unique_ptr<Cursor> cursor = Start("SELECT a FROM t ORDER BY a");
  std::unique_ptr<Cursor> done = Start("SELECT 1");
  ASSERT_TRUE(done->Next().has_value());
  database_ = Database::Open(pages_).value();
  EXPECT_FALSE(cursor->has_row());
  EXPECT_EQ(cursor->Next().error().message(), "The database of this cursor was closed.");
  EXPECT_TRUE(done->Next().has_value());
}

TEST_F(SqlTransaction, ATableInUseCannotBeDropped) {
  std::unique_ptr<Cursor> cursor = Start("SELECT a FROM t ORDER BY a");
  EXPECT_EQ(Run("DROP TABLE t"), "database table is locked: SQLITE_LOCKED");
  EXPECT_EQ(Rows(*cursor), "[1][2][3]");
  EXPECT_EQ(Run("DROP TABLE t"), "");
}

TEST_F(SqlTransaction, CountsRowsAsTheCursorGoes) {
  std::unique_ptr<Cursor> cursor = Start("SELECT a FROM t ORDER BY a");
  EXPECT_EQ(cursor->rows_read(), 1u);
  ASSERT_TRUE(cursor->Next().has_value());
  EXPECT_EQ(cursor->rows_read(), 2u);
  (void)Rows(*cursor);
  EXPECT_EQ(cursor->rows_read(), 3u);
  EXPECT_EQ(Start("SELECT a FROM t ORDER BY a")->rows_read(), 1u) << "each run counts from 0";
}

TEST_F(SqlTransaction, ColumnsOfAStatementFollowTheSchema) {
  EXPECT_EQ(Start("SELECT * FROM t")->columns()->size(), 2u);
  std::shared_ptr<const ColumnNames> names = Start("SELECT * FROM t")->columns();
  EXPECT_EQ(Start("SELECT * FROM t")->columns(), names) << "the same object while they are the same";
  (void)Run("ALTER TABLE t ADD COLUMN c");
  EXPECT_EQ(*Start("SELECT * FROM t")->columns(), (ColumnNames{"a", "b", "c"}));
}

TEST_F(SqlTransaction, BindsEveryKindOfValue) {
  EXPECT_EQ(Run("SELECT ?, ?, ?, ?, ?",
                {std::monostate(), int64_t{-5}, 2.5, std::string_view("t\0xt", 4), sql::Blob{BytesView("\0\xFF", 2)}}),
            std::string("[null,-5,2.5,t\0xt,x'00ff']", 26));
  EXPECT_EQ(Run("SELECT typeof(?), typeof(?), length(?)", {std::string_view(), sql::Blob{}, std::string_view()}),
            "[text,blob,0]");
  EXPECT_EQ(Run("SELECT length(?)", {std::string_view(std::string(9'000'000, 'x'))}),
            "string or blob too big: SQLITE_TOOBIG");
  EXPECT_EQ(Run("SELECT ?"), kWrongBindings);
}

TEST_F(SqlTransaction, KeepsCompiledStatementsUpToALimitOfText) {
  size_t at_first = database_->cache().size();
  for (int i = 0; i < 5; ++i) (void)Run("SELECT a FROM t WHERE a = 1");
  EXPECT_EQ(database_->cache().size(), at_first + 1);
  (void)Run("SELECT 1; SELECT 2");
  EXPECT_EQ(database_->cache().size(), at_first + 1) << "several statements are not kept";
  std::unique_ptr<Cursor> live = Start("SELECT a FROM t ORDER BY b");
  for (int i = 0; i < 40; ++i) (void)Run("SELECT " + std::to_string(i) + " /*" + std::string(50'000, 'x') + "*/");
  EXPECT_LE(database_->cache().text_bytes(), 1024u * 1024);
  EXPECT_LE(database_->cache().size(), 21u);
  EXPECT_EQ(Rows(*live), "[1][2][3]") << "a statement that went lives on with its cursor";
  EXPECT_EQ(Run("SELECT a FROM t WHERE a = 1"), "[1]");
}

TEST_F(SqlTransaction, SaysHowLargeTheDatabaseIs) {
  EXPECT_EQ(database_->SizeBytes().value(), 8192u);
  (void)Run("INSERT INTO t VALUES(9, zeroblob(40960))");
  EXPECT_EQ(database_->SizeBytes().value(), 49152u);
  (void)Run("DELETE FROM t WHERE a = 9");
  EXPECT_EQ(database_->SizeBytes().value(), 8192u) << "pages that are free do not count";
  Commit();
}

}  // namespace
}  // namespace limpet::sql

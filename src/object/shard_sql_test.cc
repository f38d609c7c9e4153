// SQL in the objects of a shard: what callers see.
#include <gtest/gtest.h>

#include "loop/sim_loop.h"
#include "object/fake_code_test.h"
#include "sql/sql_testing.h"
#include "store/faulty.h"

namespace limpet::object {
namespace {

using namespace std::chrono_literals;
using Strings = std::vector<std::string>;

// Runs the SQL after the "/" of the URL and replies with the rows.
void RunSql(Instance& instance, InputLock, HttpRequest request, OnReply reply) {
  Result<sql::Database*> database = instance.storage().Sql();
  if (!database.has_value()) return reply(std::move(database).error());
  reply(Text(sql::Run(*database.value(), request.url.substr(1))));
}

class ShardSqlTest : public testing::Test {
 protected:
  ShardSqlTest() : engine_(&loop_, {.commit_delay = 5ms}) {
    shard_ = Shard::Make(loop_, engine_.Attach(loop_), engine_.Acquire(0).value(), {}, log_, counters_);
    shard_->SetClass(kSpace, class_);
  }
  void Fetch(const std::string& sql) { shard_->Fetch(Id(1), std::nullopt, Request("/" + sql), Into(replies_)); }
  Strings Replies() { return std::exchange(replies_, {}); }

  loop::SimLoop loop_{1};
  store::FaultyEngine engine_;
  NullLogger log_;
  Counters counters_;
  std::shared_ptr<FakeClass> class_ = std::make_shared<FakeClass>(RunSql);
  std::unique_ptr<Shard> shard_;
  std::vector<std::string> replies_;
};

TEST_F(ShardSqlTest, HoldsAReplyUntilWhatSqlWroteIsDurable) {
  Fetch("CREATE TABLE t(a)");
  loop_.Advance(4ms);
  EXPECT_EQ(Replies(), Strings{});
  loop_.Advance(1ms);
  EXPECT_EQ(Replies(), Strings{""});
  Fetch("SELECT count(*) FROM t");
  loop_.RunReady();
  EXPECT_EQ(Replies(), Strings{"[0]"}) << "a read waits for nothing";
  Fetch("DELETE FROM t WHERE a = 5");
  loop_.RunReady();
  EXPECT_EQ(Replies(), Strings{""}) << "and a write that changed nothing does not either";
}

TEST_F(ShardSqlTest, AnObjectThatOnlyReadsLeavesNothingBehind) {
  Fetch("SELECT count(*) FROM sqlite_master");
  Fetch("DROP TABLE IF EXISTS t");
  loop_.Advance(1s);
  EXPECT_EQ(Replies(), (Strings{"[0]", ""}));
  EXPECT_TRUE(engine_.ListObjects(kSpace, std::nullopt, 10).value().empty());
}

TEST_F(ShardSqlTest, ASmallDatabaseTakesNoWholePages) {
  Fetch("CREATE TABLE t(a)");
  Fetch("INSERT INTO t VALUES('a row')");
  loop_.Advance(1s);
  size_t bytes = 0;
  store::ScanOptions pages;
  pages.space = store::Space::kPage;
  for (const auto& [key, record] : engine_.durable().Scan(Id(1), pages).pairs) bytes += record.size();
  EXPECT_GT(bytes, 200u);
  EXPECT_LT(bytes, 600u) << "two pages, without their zeros";
}

TEST_F(ShardSqlTest, IsRebuiltFromTheStoreAfterEviction) {
  Fetch("CREATE TABLE t(a)");
  Fetch("INSERT INTO t VALUES(1)");
  loop_.Advance(11s);
  EXPECT_EQ(shard_->live_instances(), 0u);
  Fetch("SELECT * FROM t");
  loop_.Advance(1s);
  EXPECT_EQ(Replies(), (Strings{"", "", "[1]"}));
  EXPECT_EQ(class_->made, 2);
}

TEST_F(ShardSqlTest, AFailedWriteResetsTheObjectToWhatIsDurable) {
  Fetch("CREATE TABLE t(a)");
  loop_.Advance(1s);
  engine_.FailNextCommit({.landed = false});
  Fetch("INSERT INTO t VALUES(1)");
  loop_.Advance(1s);
  Fetch("SELECT count(*) FROM t");
  loop_.Advance(1s);
  Strings replies = Replies();
  ASSERT_EQ(replies.size(), 3u);
  EXPECT_TRUE(replies[1].starts_with("error: Internal error in Durable Object storage write")) << replies[1];
  EXPECT_EQ(replies[2], "[0]");
}

constexpr const char* kViolation = "INSERT INTO c VALUES(5); SELECT 'not to be seen'";

TEST_F(ShardSqlTest, ConstraintsViolatedAtTheEndOfATurnResetTheObject) {
  Fetch("CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED)");
  loop_.Advance(1s);
  Fetch(kViolation);
  loop_.Advance(1s);
  Fetch("SELECT count(*) FROM c");
  loop_.Advance(1s);
  EXPECT_EQ(Replies(),
            (Strings{"",
                     "error: Durable Object was reset and rolled back to its last known good state because the "
                     "application left the database in a state where constraints were violated: FOREIGN KEY "
                     "constraint failed: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_FOREIGNKEY)",
                     "[0]"}));
  EXPECT_EQ(class_->made, 2);
}

TEST_F(ShardSqlTest, ATransactionWhoseDatabaseCannotBeCommittedLeavesNoPairs) {
  Fetch("CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED)");
  loop_.Advance(1s);
  class_->handler = [](Instance& instance, InputLock lock, HttpRequest, OnReply) {
    instance.storage().BeginTransaction();
    auto put = instance.storage().Put(lock, {{"pair", "of it"}}, {}, nullptr);
    (void)sql::Run(*instance.storage().Sql().value(), kViolation);
    EXPECT_FALSE(instance.storage().CommitTransaction().has_value());
  };
  Fetch("");
  loop_.Advance(1s);
  Strings replies = Replies();
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_TRUE(replies[1].starts_with("error: Durable Object was reset and rolled back")) << replies[1];
  EXPECT_TRUE(engine_.durable().Scan(Id(1), {}).pairs.empty());
}

TEST_F(ShardSqlTest, AConstructorWhoseWritesCannotBeCommittedFailsThoseWhoWait) {
  Fetch("CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED)");
  loop_.Advance(11s);
  class_->construct = [](Instance& instance) -> Result<Done> {
    (void)sql::Run(*instance.storage().Sql().value(), kViolation);
    return Done{};
  };
  Fetch("SELECT 1");
  loop_.Advance(1s);
  Strings replies = Replies();
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_TRUE(replies[1].starts_with("error: Durable Object was reset and rolled back")) << replies[1];
  EXPECT_EQ(class_->made, 2);
}

}  // namespace
}  // namespace limpet::object

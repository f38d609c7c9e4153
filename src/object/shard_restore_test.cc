// The time machine of the objects of a shard: what callers see.
#include <gtest/gtest.h>

#include "loop/sim_loop.h"
#include "object/fake_code_test.h"
#include "sql/sql_testing.h"
#include "store/faulty.h"

namespace limpet::object {
namespace {

using namespace std::chrono_literals;
using Strings = std::vector<std::string>;

// "put KEY VALUE", "get KEY", "sql TEXT", "alarm MS", "alarm?", "clear", "bookmark", "time MS", "restore BOOKMARK",
// "abort".
void RunWord(Instance& instance, InputLock lock, HttpRequest request, OnReply reply) {
  size_t space = request.url.find(' ');
  std::string word = request.url.substr(0, space);
  std::string rest = space == std::string::npos ? "" : request.url.substr(space + 1);
  Storage& storage = instance.storage();
  if (word == "put") {
    size_t at = rest.find(' ');
    (void)storage.PutNow(rest.substr(0, at), rest.substr(at + 1));
    return reply(Text("ok"));
  }
  if (word == "get") return reply(Text(storage.GetNow(rest).value().value_or("none")));
  if (word == "sql") return reply(Text(sql::Run(*storage.Sql().value(), rest)));
  if (word == "alarm") return (void)storage.SetAlarm(lock, std::stoll(rest), {}, {}), reply(Text("ok"));
  if (word == "clear") return (void)storage.DeleteAll(lock, {}, {}), reply(Text("ok"));
  if (word == "abort") return reply(Text("ok")), instance.Abort(Error::Script("Error", "as asked"));
  auto state = std::make_shared<OnReply>(std::move(reply));
  auto text = [state](Result<std::string> got, InputLock) {
    (*state)(got.has_value() ? Result<HttpResponse>(Text(got.value())) : Result<HttpResponse>(got.error()));
  };
  if (word == "alarm?") {
    auto shown = [state](Result<std::optional<int64_t>> got, InputLock) {
      (*state)(Text(got.value() ? std::to_string(*got.value()) : "none"));
    };
    if (auto now = storage.GetAlarm(lock, {}, shown)) shown(*now, {});
    return;
  }
  Storage::Now<std::string> now;
  if (word == "bookmark") now = storage.CurrentBookmark(lock, text);
  if (word == "time") now = storage.BookmarkForTime(lock, std::stoll(rest), text);
  if (word == "restore") now = storage.RestoreOnNextStart(lock, rest, text);
  if (now) text(*now, {});
}

class ShardRestoreTest : public testing::Test {
 protected:
  ShardRestoreTest() : engine_(&loop_, {.commit_delay = 5ms}) { Open(); }
  void Open() {
    ShardOptions options;
    options.quota = quota_;
    shard_ = Shard::Make(loop_, engine_.Attach(loop_), engine_.Acquire(0).value(), options, log_, counters_);
    shard_->SetClass(kSpace, class_);
  }
  std::string Do(const std::string& what, uint8_t id = 1) {
    std::vector<std::string> replies;
    shard_->Fetch(Id(id), std::nullopt, Request(what), Into(replies));
    loop_.Advance(1s);
    return replies.empty() ? "no reply" : replies[0];
  }
  int64_t Now() const { return loop_.WallNow().time_since_epoch().count(); }

  loop::SimLoop loop_{1};
  Quota quota_;
  store::FaultyEngine engine_;
  NullLogger log_;
  Counters counters_;
  std::shared_ptr<FakeClass> class_ = std::make_shared<FakeClass>(RunWord);
  std::unique_ptr<Shard> shard_;
};

TEST_F(ShardRestoreTest, RestoresPairsPagesAndAlarmAtTheNextStart) {
  std::string due = std::to_string(Now() + 1'000'000);
  Do("put a 1");
  Do("sql CREATE TABLE t(x); INSERT INTO t VALUES (1)");
  Do("alarm " + due);
  std::string bookmark = Do("bookmark");
  ASSERT_EQ(bookmark.size(), 59u) << bookmark;
  Do("put a 2");
  Do("put b 2");
  Do("sql INSERT INTO t VALUES (2)");
  Do("alarm " + std::to_string(Now() + 2'000'000));
  std::string undo = Do("restore " + bookmark);
  EXPECT_GT(undo, bookmark);
  EXPECT_EQ(Do("get a"), "2") << "not before the next start";
  Do("put a 3");
  Do("abort");
  EXPECT_EQ(Do("get a"), "1");
  EXPECT_EQ(Do("get b"), "none");
  EXPECT_EQ(Do("sql SELECT x FROM t"), "[1]");
  EXPECT_EQ(Do("alarm?"), due);
  Do("abort");
  EXPECT_EQ(Do("get a"), "1") << "once";
  Do("restore " + undo);
  Do("abort");
  EXPECT_EQ(Do("get a"), "3") << "what was there right before the restore";
  EXPECT_EQ(Do("sql SELECT x FROM t"), "[1][2]");
}

TEST_F(ShardRestoreTest, ARestoreOverAQuotaIsRefusedAndChangesNothing) {
  const std::string large(900, 'x');
  Do("put a " + large);
  Do("put b " + large);
  std::string bookmark = Do("bookmark");
  Do("put a 1");
  std::string less = Do("bookmark");
  Do("put b 2");
  shard_.reset();
  quota_.object = 904;
  Open();
  std::optional<Result<uint64_t>> restored;
  auto restore = [&](const std::string& to) {
    restored.reset();
    shard_->RestoreTo(Id(1), ParseBookmark(Id(1), to).value(),
                      [&](Result<uint64_t> got) { restored = std::move(got); });
    loop_.Advance(1s);
  };
  restore(bookmark);
  EXPECT_EQ(restored->error().message(),
            "Exceeded allowed storage: the Durable Object would store 1802 bytes, its quota is 904.");
  EXPECT_EQ(Do("get a"), "1");
  EXPECT_EQ(Do("get b"), "2");
  Do("restore " + bookmark);
  Do("abort");
  EXPECT_EQ(Do("get a"), "1") << "that of a script is struck off";
  restore(less);
  EXPECT_TRUE(restored->has_value()) << "what stays is not counted twice";
  EXPECT_EQ(Do("get b"), large);
}

constexpr char kTooOld[] = "error: The point in time is older than the history that is kept of this Durable Object.";
constexpr char kFuture[] = "error: The point in time lies in the future.";

TEST_F(ShardRestoreTest, ATimeIsRefusedAtOneMillisecondMoreThanThirtyDays) {
  constexpr int64_t kWindow = 30ll * 24 * 3600 * 1000;
  Do("put a 1");
  loop_.Advance(40 * 24h);
  // The handler runs, and marks, at the moment of its call.
  EXPECT_EQ(Do("time " + std::to_string(Now() - kWindow - 1)), kTooOld);
  EXPECT_EQ(Do("time " + std::to_string(Now() - kWindow)).size(), 59u);
  EXPECT_EQ(Do("time " + std::to_string(Now())).size(), 59u);
  EXPECT_EQ(Do("time " + std::to_string(Now() + 1)), kFuture);
  EXPECT_EQ(Do("time 0"), kTooOld);
  EXPECT_EQ(Do("time -5"), kTooOld);
}

TEST_F(ShardRestoreTest, ABookmarkServesForThirtyDays) {
  Do("put a 1");
  std::string bookmark = Do("bookmark");
  Do("put a 2");
  loop_.Advance(30 * 24h - 1h);
  engine_.ExpireHistory();
  Do("put a 3");
  Do("restore " + bookmark);
  Do("abort");
  EXPECT_EQ(Do("get a"), "1");
  Do("put a 4");
  loop_.Advance(2h);
  EXPECT_EQ(Do("restore " + bookmark), kTooOld);
  EXPECT_EQ(Do("get a"), "4");
}

TEST_F(ShardRestoreTest, AWishThatWaitsUntilItsStateIsTooOldIsForgotten) {
  Do("put a 1");
  std::string bookmark = Do("bookmark");
  Do("put a 2");
  std::string undo = Do("restore " + bookmark);
  EXPECT_EQ(undo.size(), 59u);
  shard_.reset();  // Nobody calls the object for long.
  Open();
  loop_.Advance(31 * 24h);
  engine_.ExpireHistory();
  EXPECT_EQ(Do("get a"), "2");
  EXPECT_EQ(Do("restore " + undo), kTooOld);
  Do("abort");
  EXPECT_EQ(Do("get a"), "2") << "it does not come later, either";
}

TEST_F(ShardRestoreTest, BringsBackWhatDeleteAllTook) {
  Do("put a 1");
  Do("sql CREATE TABLE t(x); INSERT INTO t VALUES (1)");
  std::string bookmark = Do("bookmark");
  Do("clear");
  EXPECT_EQ(Do("get a"), "none");
  Do("restore " + bookmark);
  Do("abort");
  EXPECT_EQ(Do("get a"), "1");
  EXPECT_EQ(Do("sql SELECT x FROM t"), "[1]");
}

TEST_F(ShardRestoreTest, RestoresTheTimeBeforeTheObjectWas) {
  std::string before = Do("bookmark");
  Do("put a 1");
  Do("restore " + before);
  Do("abort");
  EXPECT_EQ(Do("get a"), "none");
}

TEST_F(ShardRestoreTest, FindsTheStateOfATime) {
  Do("put a 1");
  loop_.Advance(60s);
  int64_t time = Now();
  loop_.Advance(60s);
  Do("put a 2");
  Do("restore " + Do("time " + std::to_string(time)));
  Do("abort");
  EXPECT_EQ(Do("get a"), "1");
}

TEST_F(ShardRestoreTest, RefusesBookmarksThatLeadNowhere) {
  Do("put a 1");
  std::string bookmark = Do("bookmark");
  EXPECT_NE(Do("restore x").find("form 8hex"), std::string::npos);
  EXPECT_NE(Do("restore " + Do("bookmark", 2)).find("another Durable Object"), std::string::npos);
  std::string future = "f" + bookmark.substr(1);
  EXPECT_NE(Do("restore " + future).find("future"), std::string::npos);
  std::string old = std::string(bookmark).replace(0, 8, "00000001");
  EXPECT_NE(Do("restore " + old).find("older"), std::string::npos);
  EXPECT_NE(Do("time " + std::to_string(Now() + 100'000)).find("future"), std::string::npos);
  EXPECT_NE(Do("time 5").find("older"), std::string::npos);
  Do("abort");
  EXPECT_EQ(Do("get a"), "1");
}

TEST_F(ShardRestoreTest, TheLastBookmarkCounts) {
  std::string first = Do("bookmark");
  Do("put a 1");
  std::string second = Do("bookmark");
  Do("put a 2");
  std::string undo = Do("restore " + first);
  Do("restore " + second);
  Do("abort");
  EXPECT_EQ(Do("get a"), "1");
  Do("put a 5");
  Do("restore " + undo);
  Do("abort");
  EXPECT_EQ(Do("get a"), "5") << "that restore never came";
}

TEST_F(ShardRestoreTest, ALargeRestoreIsGoneOnWithAfterAPowerCut) {
  for (int i = 0; i < 12; ++i) Do("put " + std::to_string(i) + " " + std::string(1'000'000, 'x'));
  std::string bookmark = Do("bookmark");
  Do("put 0 changed");
  Do("clear");
  Do("put 3 other");
  std::string undo = Do("restore " + bookmark);
  Do("abort");
  for (int cut = 0; cut < 6; ++cut) {
    std::vector<std::string> replies;
    shard_->Fetch(Id(1), std::nullopt, Request("get 0"), Into(replies));
    loop_.Advance(cut * 6ms + 1ms);
    shard_.reset();
    engine_.CrashAndReopen();
    Open();
  }
  for (int i = 0; i < 12; ++i) EXPECT_EQ(Do("get " + std::to_string(i)).size(), 1'000'000u);
  Do("restore " + undo);
  Do("abort");
  EXPECT_EQ(Do("get 3"), "other");
  EXPECT_EQ(Do("get 0"), "none");
}

TEST_F(ShardRestoreTest, RestoresFromOutsideAndResetsTheInstance) {
  Do("put a 1");
  std::string bookmark = Do("bookmark");
  Do("put a 2");
  std::optional<Result<uint64_t>> done;
  auto into = [&](Result<uint64_t> result) { done = std::move(result); };
  shard_->RestoreTo(Id(1), ParseBookmark(Id(1), bookmark).value(), into);
  loop_.Advance(1s);
  ASSERT_TRUE(done && done->has_value());
  EXPECT_EQ(Do("get a"), "1");
  shard_->RestoreTo(Id(1), {.moment = done->value()}, into);
  loop_.Advance(1s);
  EXPECT_EQ(Do("get a"), "2");
  shard_->RestoreTo(Id(1), {.moment = UINT64_MAX}, into);
  loop_.Advance(1s);
  EXPECT_FALSE(done->has_value());
  EXPECT_EQ(Do("get a"), "2");
}

}  // namespace
}  // namespace limpet::object

// Alarms of objects, from setAlarm to the end of their handlers, on the virtual clock.
#include <gtest/gtest.h>

#include "loop/sim_loop.h"
#include "object/alarm_clock.h"
#include "object/alarm_record.h"
#include "object/fake_code_test.h"
#include "store/faulty.h"

namespace limpet::object {
namespace {

using loop::SimLoop;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Texts = std::vector<std::string>;

TEST(AlarmRecord, IsReadAsItWasWritten) {
  AlarmRecord alarm{.attempt_ms = 1'800'000'000'000, .scheduled_ms = 5, .retries = 3, .serial = 9, .name = "n\0me"};
  EXPECT_EQ(DecodeAlarm(EncodeAlarm(alarm)).value(), alarm);
  alarm.name.reset();
  EXPECT_EQ(DecodeAlarm(EncodeAlarm(alarm)).value(), alarm);
  Bytes newer = EncodeAlarm(alarm);
  newer[8] = 2;
  EXPECT_EQ(DecodeAlarm(newer).error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(DecodeAlarm("short").error().code(), ErrorCode::kCorrupt);
}

class AlarmTest : public testing::Test {
 protected:
  explicit AlarmTest(store::FaultyOptions faults = {.commit_delay = milliseconds(5)}, AlarmClockOptions options = {})
      : options_(options), engine_(&loop_, faults) {
    Open();
  }
  ~AlarmTest() override { Close(); }

  void Open() {
    counters_ = std::make_unique<Counters>();
    shard_ = Shard::Make(loop_, engine_.Attach(loop_), engine_.Acquire(0).value(), {.idle_evict = seconds(10)}, log_,
                         *counters_);
    shard_->SetClass(kSpace, NewClass());
    clock_ = std::make_unique<AlarmClock>(loop_, engine_.Attach(loop_),
                                          std::vector<Directory::Peer>{{&loop_, shard_.get()}}, options_, *counters_);
    shard_->SetOnAlarmChange(clock_->Listener());
    clock_->Start();
  }
  void Close() {
    clock_.reset();
    shard_.reset();
  }
  void Crash() {
    Close();
    engine_.CrashAndReopen();
    Open();
  }

  std::shared_ptr<FakeClass> NewClass() {
    class_ = std::make_shared<FakeClass>([](Instance&, InputLock, HttpRequest, OnReply reply) { reply(Text("")); });
    class_->on_alarm = [this](Instance& instance, InputLock lock, AlarmInfo info, OnReply done) {
      runs_.push_back(Since() + " " + std::to_string(info.retry_count));
      times_.push_back(NowMs());
      infos_.push_back(info);
      names_.push_back(instance.name().value_or("none"));
      if (act_) return act_(instance, lock, std::move(done));
      done(HttpResponse());
    };
    return class_;
  }

  // Runs `what` in the object, as an event.
  void In(uint8_t object, std::function<void(Instance&, const InputLock&)> what,
          std::optional<std::string> name = std::nullopt) {
    class_->handler = [what](Instance& instance, InputLock lock, HttpRequest, OnReply reply) {
      what(instance, lock);
      reply(Text("done"));
    };
    shard_->Fetch(Id(object), std::move(name), Request("/"), Into(replies_));
    loop_.RunReady();
  }
  void Set(uint8_t object, Duration in, std::optional<std::string> name = std::nullopt) {
    int64_t at = NowMs() + std::chrono::duration_cast<milliseconds>(in).count();
    In(
        object,
        [at](Instance& instance, const InputLock& lock) {
          (void)instance.storage().SetAlarm(lock, at, {}, [](auto, auto) {});
        },
        std::move(name));
  }
  std::string Shown(uint8_t object) {
    auto shown = std::make_shared<std::string>("no answer");
    In(object, [this, shown](Instance& instance, const InputLock& lock) { *shown = Shown(instance, lock); });
    return *shown;
  }
  // getAlarm(), relative to the start of the test; "null".
  std::string Shown(Instance& instance, const InputLock& lock) {
    auto now = instance.storage().GetAlarm(lock, {}, [](auto, auto) {});
    if (!now) return "asks the disk";
    if (!now->has_value()) return now->error().message();
    return now->value() ? std::to_string(*now->value() - start_) : "null";
  }
  int64_t NowMs() const { return ToMs(loop_.WallNow()); }
  std::string Since() const { return std::to_string(NowMs() - start_); }
  store::AlarmPage Index() { return engine_.durable().ScanAlarms(std::nullopt, 1000); }
  static Error Thrown() { return Error::Script("Error", "thrown"); }

  SimLoop loop_{1};
  const int64_t start_ = ToMs(loop_.WallNow());
  const AlarmClockOptions options_;
  store::FaultyEngine engine_;
  NullLogger log_;
  std::unique_ptr<Counters> counters_;
  std::shared_ptr<FakeClass> class_;
  std::unique_ptr<Shard> shard_;
  std::unique_ptr<AlarmClock> clock_;
  std::function<void(Instance&, const InputLock&, OnReply)> act_;
  Texts runs_, names_, replies_;
  std::vector<AlarmInfo> infos_;
  std::vector<int64_t> times_;
  std::vector<OnReply> hanging_;
};

TEST_F(AlarmTest, RunsOnceAtItsTimeAndIsGone) {
  Set(1, seconds(3));
  EXPECT_EQ(Shown(1), "3000");
  loop_.Advance(milliseconds(2999));
  EXPECT_EQ(runs_, Texts{});
  loop_.Advance(milliseconds(2));
  EXPECT_EQ(runs_, Texts{"3000 0"});
  EXPECT_EQ(infos_[0].scheduled_ms, start_ + 3000);
  loop_.Advance(hours(1));
  EXPECT_EQ(runs_.size(), 1u);
  EXPECT_EQ(Index(), store::AlarmPage{});
  EXPECT_EQ(Shown(1), "null");
}

TEST_F(AlarmTest, StartsAnObjectThatIsNotInMemoryUnderItsName) {
  Set(1, hours(1), "a name");
  loop_.Advance(minutes(1));
  EXPECT_EQ(shard_->live_instances(), 0u);
  Crash();
  loop_.Advance(hours(1));
  EXPECT_EQ(runs_, Texts{"3600000 0"});
  EXPECT_EQ(names_, Texts{"a name"});
}

TEST_F(AlarmTest, TheLastOneSetCountsAndPastTimesAreNow) {
  Set(1, seconds(3));
  Set(1, seconds(8));
  loop_.Advance(seconds(7));
  EXPECT_EQ(runs_, Texts{});
  Set(1, seconds(-100));
  EXPECT_EQ(Shown(1), "7000");
  loop_.Advance(milliseconds(10));
  EXPECT_EQ(runs_.size(), 1u);
  Set(1, seconds(50));
  Set(1, seconds(2));
  loop_.Advance(seconds(60));
  EXPECT_EQ(runs_.size(), 2u);
}

TEST_F(AlarmTest, DeleteAlarmAndDeleteAllTakeItBack) {
  Set(1, seconds(3));
  Set(2, seconds(3));
  Set(3, seconds(3));
  loop_.Advance(seconds(1));
  In(1, [](Instance& instance, const InputLock& lock) {
    (void)instance.storage().DeleteAlarm(lock, {}, [](auto, auto) {});
  });
  In(2, [](Instance& instance, const InputLock& lock) {
    (void)instance.storage().DeleteAll(lock, {.alarm = true}, [](auto, auto) {});
  });
  In(3, [](Instance& instance, const InputLock& lock) {
    (void)instance.storage().Put(lock, {{"a", "1"}}, {}, [](auto, auto) {});
    (void)instance.storage().DeleteAll(lock, {}, [](auto, auto) {});
  });
  EXPECT_EQ(Shown(1), "null");
  EXPECT_EQ(Shown(3), "3000");
  loop_.Advance(seconds(10));
  EXPECT_EQ(runs_, Texts{"3000 0"});
}

TEST_F(AlarmTest, DeleteAlarmOfNoneWritesNothing) {
  In(1, [](Instance& instance, const InputLock& lock) {
    (void)instance.storage().DeleteAlarm(lock, {}, [](auto, auto) {});
  });
  loop_.Advance(seconds(1));
  EXPECT_EQ(engine_.durable().CommitNumber(Id(1)), 0u);
}

TEST_F(AlarmTest, GoesWithTheBurstAndTheTransactionItIsIn) {
  In(1, [this](Instance& instance, const InputLock& lock) {
    Storage& storage = instance.storage();
    (void)storage.Put(lock, {{"a", "1"}}, {}, [](auto, auto) {});
    (void)storage.SetAlarm(lock, NowMs() + 1000, {}, [](auto, auto) {});
    storage.BeginSyncTransaction();
    (void)storage.SetAlarm(lock, NowMs() + 2000, {}, [](auto, auto) {});
    EXPECT_EQ(Shown(instance, lock), "2000");
    storage.RollbackTransaction();
    EXPECT_EQ(Shown(instance, lock), "1000");
    storage.BeginSyncTransaction();
    (void)storage.DeleteAlarm(lock, {}, [](auto, auto) {});
    EXPECT_EQ(Shown(instance, lock), "null");
    storage.BeginSyncTransaction();
    (void)storage.SetAlarm(lock, NowMs() + 3000, {}, [](auto, auto) {});
    EXPECT_TRUE(storage.CommitTransaction().has_value());
    EXPECT_TRUE(storage.CommitTransaction().has_value());
  });
  EXPECT_EQ(Index(), store::AlarmPage{});
  loop_.Advance(milliseconds(5));
  EXPECT_EQ(engine_.durable().CommitNumber(Id(1)), 1u);
  loop_.Advance(seconds(10));
  EXPECT_EQ(runs_, Texts{"3000 0"});
}

TEST_F(AlarmTest, AReplyWaitsForTheAlarmBeforeIt) {
  Set(1, seconds(1));
  loop_.Advance(milliseconds(4));
  EXPECT_EQ(replies_, Texts{});
  loop_.Advance(milliseconds(1));
  EXPECT_EQ(replies_, Texts{"done"});
}

// spec/api.md section 15, number 14.
TEST_F(AlarmTest, AFailingHandlerRunsSevenTimesWithPausesThatDouble) {
  act_ = [](Instance&, const InputLock&, OnReply done) { done(Thrown()); };
  Set(1, seconds(1));
  loop_.Advance(milliseconds(1500));
  EXPECT_EQ(Shown(1), "1000");  // Between the tries: the time that was set.
  loop_.Advance(hours(1));
  ASSERT_EQ(times_.size(), 7u);
  for (size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(infos_[i].retry_count, i);
    EXPECT_EQ(infos_[i].scheduled_ms, start_ + 1000);
    if (i == 0) continue;
    int64_t pause = 1000 * (1 << i), gap = times_[i] - times_[i - 1];
    EXPECT_GE(gap, pause);
    EXPECT_LE(gap, pause + pause / 4 + 30);
  }
  EXPECT_EQ(Shown(1), "null");
  EXPECT_EQ(Index(), store::AlarmPage{});
}

TEST_F(AlarmTest, RetriesAreCountedAcrossRestarts) {
  act_ = [](Instance&, const InputLock&, OnReply done) { done(Thrown()); };
  Set(1, seconds(1));
  for (int i = 0; i < 300; ++i) {
    loop_.Advance(seconds(1));
    Crash();
  }
  ASSERT_EQ(times_.size(), 7u);
  EXPECT_EQ(infos_.back().retry_count, 6u);
}

// The instance that could have counted it is gone.
TEST_F(AlarmTest, ATryThatEndsWithItsInstanceCounts) {
  act_ = [this](Instance& instance, const InputLock&, OnReply done) {
    hanging_.push_back(std::move(done));
    instance.Abort(Thrown());
  };
  Set(1, seconds(1));
  loop_.Advance(hours(1));
  ASSERT_EQ(times_.size(), 7u);
  EXPECT_EQ(infos_.back().retry_count, 6u);
  EXPECT_EQ(Index(), store::AlarmPage{});
  hanging_.clear();
}

TEST_F(AlarmTest, AConstructorThatFailsCounts) {
  Set(1, minutes(1));
  loop_.Advance(seconds(30));
  int made = class_->made;
  class_->construct = [](Instance&) -> Result<Done> { return Thrown(); };
  loop_.Advance(hours(1));
  EXPECT_EQ(class_->made - made, 7);
  EXPECT_EQ(runs_, Texts{});
  EXPECT_EQ(Index(), store::AlarmPage{});
}

TEST_F(AlarmTest, AHandlerHasAQuarterOfAnHour) {
  act_ = [this](Instance&, const InputLock&, OnReply done) { hanging_.push_back(std::move(done)); };
  Set(1, seconds(1));
  loop_.Advance(minutes(15));
  EXPECT_EQ(runs_.size(), 1u);
  EXPECT_EQ(class_->live, 1);
  act_ = nullptr;
  loop_.Advance(seconds(10));
  EXPECT_EQ(runs_.size(), 2u);
  EXPECT_EQ(infos_.back().retry_count, 1u);
  hanging_.clear();
}

// Number 15.
TEST_F(AlarmTest, SetAlarmInAFailingHandlerTakesThePlaceOfTheRetry) {
  act_ = [this](Instance& instance, const InputLock& lock, OnReply done) {
    if (runs_.size() == 2) (void)instance.storage().SetAlarm(lock, start_ + 50'000, {}, [](auto, auto) {});
    if (runs_.size() <= 2) return done(Thrown());
    done(HttpResponse());
  };
  Set(1, seconds(1));
  loop_.Advance(hours(1));
  ASSERT_EQ(runs_.size(), 3u);
  EXPECT_EQ(runs_.back(), "50000 0");
  EXPECT_EQ(infos_.back().scheduled_ms, start_ + 50'000);
}

TEST_F(AlarmTest, AnAlarmThatIsSetForTheSameTimeWhileItRunsRunsAgain) {
  act_ = [this](Instance& instance, const InputLock& lock, OnReply done) {
    if (runs_.size() == 1) (void)instance.storage().SetAlarm(lock, start_, {}, [](auto, auto) {});
    done(HttpResponse());
  };
  Set(1, seconds(1));
  loop_.Advance(seconds(5));
  EXPECT_EQ(runs_.size(), 2u);
}

TEST_F(AlarmTest, DeleteAlarmInAFailingHandlerIsTheEnd) {
  act_ = [](Instance& instance, const InputLock& lock, OnReply done) {
    (void)instance.storage().DeleteAlarm(lock, {}, [](auto, auto) {});
    done(Thrown());
  };
  Set(1, seconds(1));
  loop_.Advance(hours(1));
  EXPECT_EQ(runs_.size(), 1u);
}

// Number 16.
TEST_F(AlarmTest, IsNullInItsHandlerUnlessItIsSetAnew) {
  Texts shown;
  act_ = [&](Instance& instance, const InputLock& lock, OnReply done) {
    shown.push_back(Shown(instance, lock));
    if (runs_.size() == 1) (void)instance.storage().SetAlarm(lock, start_ + 9000, {}, [](auto, auto) {});
    shown.push_back(Shown(instance, lock));
    done(HttpResponse());
  };
  Set(1, seconds(1));
  loop_.Advance(hours(1));
  EXPECT_EQ(shown, (Texts{"null", "9000", "null", "null"}));
  EXPECT_EQ(runs_, (Texts{"1000 0", "9000 0"}));
}

// Number 17.
TEST_F(AlarmTest, RunsAgainIfThePowerGoesBeforeWhatItWroteIsDurable) {
  act_ = [](Instance& instance, const InputLock& lock, OnReply done) {
    (void)instance.storage().Put(lock, {{"ran", "yes"}}, {}, [](auto, auto) {});
    done(HttpResponse());
  };
  Set(1, seconds(1));
  loop_.Advance(milliseconds(1002));
  ASSERT_EQ(runs_.size(), 1u);
  bool landed = false;
  Crash();
  landed = engine_.durable().Get(Id(1), store::Space::kKv, "ran").has_value();
  EXPECT_EQ(Index().empty(), landed);  // Both or none.
  loop_.Advance(seconds(10));
  EXPECT_EQ(runs_.size(), landed ? 1u : 2u);
  EXPECT_EQ(infos_.back().retry_count, 0u);
}

TEST_F(AlarmTest, OtherEventsRunWhileAHandlerWaitsAndAlarmsDoNot) {
  act_ = [this](Instance&, const InputLock&, OnReply done) { hanging_.push_back(std::move(done)); };
  Set(1, seconds(1));
  loop_.Advance(seconds(2));
  replies_.clear();
  Set(1, seconds(1));  // By a request, while the handler of the first is under way.
  loop_.Advance(seconds(5));
  EXPECT_EQ(replies_, Texts{"done"});
  EXPECT_EQ(runs_.size(), 1u);
  hanging_.back()(HttpResponse());
  loop_.Advance(seconds(1));
  EXPECT_EQ(runs_.size(), 2u);
  hanging_.back()(HttpResponse());
  loop_.Advance(seconds(1));
  hanging_.clear();
}

TEST_F(AlarmTest, ADeployMeanwhileDoesNotCount) {
  act_ = [this](Instance&, const InputLock&, OnReply done) { hanging_.push_back(std::move(done)); };
  Set(1, seconds(1));
  loop_.Advance(seconds(2));
  act_ = nullptr;
  shard_->SetClass(kSpace, NewClass());
  loop_.Advance(minutes(1));
  ASSERT_EQ(runs_.size(), 2u);
  EXPECT_EQ(infos_.back().retry_count, 0u);
  EXPECT_EQ(Index(), store::AlarmPage{});
  hanging_.clear();
}

TEST_F(AlarmTest, AFailedWriteDoesNotCountAndLosesNothing) {
  for (bool landed : {false, true}) {
    runs_.clear();
    act_ = [&](Instance&, const InputLock&, OnReply done) {
      if (runs_.size() == 1) engine_.FailNextCommit({.landed = landed});
      done(HttpResponse());
    };
    Set(1, seconds(1));
    loop_.Advance(minutes(1));
    EXPECT_EQ(runs_.size(), landed ? 1u : 2u);
    EXPECT_EQ(infos_.back().retry_count, 0u);
    EXPECT_EQ(Index(), store::AlarmPage{});
  }
}

TEST_F(AlarmTest, AnAlarmThatAFailedWriteHasSetRunsInTime) {
  Set(1, minutes(10));
  loop_.Advance(seconds(1));
  engine_.FailNextCommit({.landed = true});
  Set(1, minutes(1));
  loop_.Advance(minutes(2));
  EXPECT_EQ(runs_, Texts{"61000 0"});
  engine_.FailNextCommit({.landed = false});
  Set(2, minutes(1));
  loop_.Advance(hours(1));
  EXPECT_EQ(runs_.size(), 1u);
}

TEST_F(AlarmTest, OfADeletedClassIsForgotten) {
  Set(1, minutes(1));
  loop_.Advance(seconds(20));
  bool removed = false;
  shard_->RemoveClass(kSpace, Error(ErrorCode::kUnavailable, "deleted"), [&] { removed = true; });
  loop_.Advance(minutes(2));
  ASSERT_TRUE(removed);
  EXPECT_EQ(runs_, Texts{});
  engine_.DropNamespace(kSpace, loop_, [](Result<Done>) {});
  loop_.Advance(hours(1));
  EXPECT_EQ(clock_->held(), 0u);
}

// A read that is under way holds back the commit of what is written after it, and an abort drops it. The clock must not
// have been told of it: nothing else would tell it again.
class HeldWriteTest : public AlarmTest {
 protected:
  HeldWriteTest()
      : AlarmTest({.commit_delay = milliseconds(1), .read_jitter = milliseconds(50), .cold_reads_percent = 100}) {}

  // Writes behind a read that takes a while.
  void Hold(Instance& instance, const InputLock& lock) {
    live_ = &instance;
    auto now = instance.storage().Get(lock, "a", {.allow_concurrency = true}, [](auto, auto) {});
    ASSERT_FALSE(now.has_value());
  }
  static void Ignore(const Result<Done>&, const InputLock&) {}
  Instance* live_ = nullptr;
  static constexpr WriteOptions kUnconfirmed{.allow_unconfirmed = true};
};

// The alarm is due while a write that takes it back, or moves it, is held; then that write is dropped.
TEST_F(HeldWriteTest, ADeletionOrAMoveThatIsDroppedLosesNothing) {
  for (uint8_t object = 0; object < 20; ++object) {
    Set(object, seconds(10));
    loop_.Advance(seconds(10) - milliseconds(1));
    In(object, [&](Instance& instance, const InputLock& lock) {
      Hold(instance, lock);
      if (object % 2 == 0) (void)instance.storage().SetAlarm(lock, NowMs() + 1'000'000'000, kUnconfirmed, Ignore);
      if (object % 2 == 1) (void)instance.storage().DeleteAlarm(lock, kUnconfirmed, Ignore);
    });
    loop_.Advance(milliseconds(3));
    live_->Abort(Thrown());
    loop_.Advance(minutes(1));
    for (const store::AlarmEntry& entry : Index()) EXPECT_GT(entry.time, static_cast<uint64_t>(NowMs()));
  }
  EXPECT_GT(runs_.size(), 10u);
}

TEST_F(HeldWriteTest, AnAlarmThatItsHandlerSetAndThatIsDroppedRunsAgain) {
  act_ = [&](Instance& instance, const InputLock& lock, OnReply done) {
    if (runs_.size() == 1) {
      Hold(instance, lock);
      (void)instance.storage().SetAlarm(lock, NowMs() + 1'000'000'000, kUnconfirmed, Ignore);
    }
    done(HttpResponse());
  };
  Set(1, seconds(1));
  for (int step = 0; step < 2000 && runs_.empty(); ++step) loop_.Advance(milliseconds(1));
  ASSERT_EQ(runs_.size(), 1u);
  live_->Abort(Thrown());
  loop_.Advance(minutes(1));
  EXPECT_EQ(runs_.size(), 2u);
  EXPECT_EQ(Index(), store::AlarmPage{});
}

// --- The clock with little room: the same must come out.

class SmallClockTest : public AlarmTest {
 protected:
  SmallClockTest()
      : AlarmTest({.seed = 5, .commit_delay = milliseconds(1), .read_jitter = milliseconds(3)},
                  {.ahead_max = 8, .page = 4, .fires_max = 3, .again_max = 2}) {}
};

TEST_F(SmallClockTest, RunsManyMoreThanItHolds) {
  for (uint8_t i = 0; i < 200; ++i) {
    Set(i, milliseconds(2000 + (i * 37 % 200) * 10));
    EXPECT_LE(clock_->held(), 8u + 2u);
  }
  for (int i = 0; i < 5000; ++i) {
    loop_.Advance(milliseconds(1));
    EXPECT_LE(clock_->held(), 8u + 2u);
    EXPECT_LE(clock_->on_their_way(), 3u);
  }
  EXPECT_EQ(runs_.size(), 200u);
  for (size_t i = 0; i < times_.size(); ++i) EXPECT_LE(times_[i] - infos_[i].scheduled_ms, 100);
  EXPECT_EQ(Index(), store::AlarmPage{});
  EXPECT_EQ(clock_->held(), 0u);
}

TEST_F(SmallClockTest, AnEarlierOneThatIsSetWhileThePageIsReadIsNotMissed) {
  for (uint8_t i = 0; i < 100; ++i) Set(i, seconds(60 + i));
  loop_.Advance(milliseconds(2));
  for (int round = 0; round < 40; ++round) {
    uint8_t object = static_cast<uint8_t>(100 + round);
    Set(object, seconds(2));
    loop_.Advance(milliseconds(round % 7));
    if (round % 3 == 0) Set(object, seconds(1));
    if (round % 5 > 0) continue;
    loop_.Advance(milliseconds(2));
    Crash();
  }
  loop_.Advance(seconds(8));
  EXPECT_EQ(runs_.size(), 40u);
  loop_.Advance(minutes(5));
  EXPECT_EQ(runs_.size(), 140u);
}

TEST_F(SmallClockTest, SlowObjectsDoNotHoldTheOthersUp) {
  act_ = [this](Instance&, const InputLock&, OnReply done) {
    if (runs_.size() <= 6) return hanging_.push_back(std::move(done));
    done(HttpResponse());
  };
  for (uint8_t i = 0; i < 20; ++i) Set(i, seconds(1));
  loop_.Advance(seconds(20));
  EXPECT_EQ(runs_.size(), 20u);
  EXPECT_EQ(clock_->on_their_way(), 6u);
  for (OnReply& done : hanging_) done(HttpResponse());
  hanging_.clear();
  loop_.Advance(seconds(1));
  EXPECT_EQ(Index(), store::AlarmPage{});
}

TEST_F(SmallClockTest, MoreThanItKeepsForLaterAreReadAgain) {
  for (uint8_t i = 0; i < 30; ++i) Set(i, seconds(20));
  loop_.Advance(seconds(15));
  shard_->RemoveClass(kSpace, Error(ErrorCode::kUnavailable, "away"), [] {});
  loop_.Advance(minutes(1));
  EXPECT_EQ(runs_, Texts{});
  shard_->SetClass(kSpace, NewClass());
  loop_.Advance(hours(2));
  EXPECT_EQ(runs_.size(), 30u);
}

}  // namespace
}  // namespace limpet::object

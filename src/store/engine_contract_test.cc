// What every engine promises. An engine is added by a name and a function in EngineUnderTest.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <future>
#include <thread>

#include "base/counters.h"
#include "base/log.h"
#include "base/random.h"
#include "loop/asio_loop.h"
#include "loop/sim_loop.h"
#include "store/faulty.h"
#include "store/history.h"
#include "store/limits.h"
#include "store/memory.h"
#include "store/names.h"
#include "store/rocks/rocks_engine.h"

namespace limpet::store {
namespace {

using namespace std::chrono_literals;

ObjectId Object(uint8_t number, uint64_t ns = 7) {
  ObjectId id{.ns = {ns}};
  id.base.fill(number);
  return id;
}
Write Put(Bytes key, Bytes value, Space space = Space::kKv) {
  return {Write::Kind::kPut, space, std::move(key), std::move(value)};
}
Write Delete(Bytes key, Space space = Space::kKv) { return {Write::Kind::kDelete, space, std::move(key), {}}; }
Write Clear(Space space = Space::kKv) { return {Write::Kind::kClear, space, {}, {}}; }

// One engine with a session, on the loop that suits it.
class EngineUnderTest {
 public:
  explicit EngineUnderTest(std::string_view name) {
    if (name == "memory") engine_ = MakeMemoryEngine();
    if (name == "memory_cold") engine_ = MakeMemoryEngine({.cold_reads_percent = 100});
    if (name == "faulty") {
      engine_ = std::make_unique<FaultyEngine>(&sim_, FaultyOptions{.seed = 3,
                                                                    .commit_delay = 1ms,
                                                                    .commit_jitter = 3ms,
                                                                    .answer_jitter = 1ms,
                                                                    .read_jitter = 1ms,
                                                                    .cold_reads_percent = 30});
    }
    if (name == "rocks") {
      real_ = true;
      char folder[] = "/tmp/limpet-contract-XXXXXX";
      dir_ = mkdtemp(folder);
      Result<std::unique_ptr<Engine>> opened =
          OpenRocksEngine({.dir = dir_, .logger = &logger_, .counters = &counters_, .clock = &clock_});
      EXPECT_TRUE(opened.has_value()) << (opened.has_value() ? "" : opened.error().ToString());
      engine_ = std::move(opened).value();
    }
    claim_ = engine_->Acquire(0).value();
    session_ = engine_->Attach(loop());
  }
  ~EngineUnderTest() {
    session_.reset();
    engine_.reset();
    if (!dir_.empty()) std::filesystem::remove_all(dir_);
  }

  loop::Loop& loop() { return real_ ? static_cast<loop::Loop&>(asio_) : sim_; }
  Engine& engine() { return *engine_; }
  std::unique_ptr<Session>& session() { return session_; }
  const Claim& claim() const { return claim_; }

  // Runs the loop until `start`'s callback has been called, and returns what it was called with.
  template <typename T, typename Start>
  T Await(Start start) {
    std::optional<T> answer;
    auto done = [&](T value) {
      answer.emplace(std::move(value));
      if (real_) asio_.Stop();
    };
    if (real_) {
      asio_.Post([&] {
        start(done);
        EXPECT_FALSE(answer.has_value()) << "called from inside the call";
      });
      asio_.Run();
    } else {
      start(done);
      EXPECT_FALSE(answer.has_value()) << "called from inside the call";
      sim_.RunUntilIdle(1h);
    }
    LIMPET_CHECK(answer.has_value());
    return *std::move(answer);
  }
  Result<uint64_t> Commit(ObjectId object, std::vector<Write> writes, std::optional<Claim> claim = {}) {
    return Await<Result<uint64_t>>(
        [&](auto done) { session_->Commit(claim.value_or(claim_), {object, writes}, done); });
  }
  Result<std::optional<Bytes>> Get(ObjectId object, Bytes key, Space space = Space::kKv) {
    return Await<Result<std::optional<Bytes>>>([&](auto done) { session_->Get(object, space, key, done); });
  }
  ScanPage Scan(ObjectId object, ScanOptions options) {
    ScanPage page = Await<Result<ScanPage>>([&](auto done) { session_->Scan(object, options, done); }).value();
    Result<ScanPage> tried = session_->TryScan(object, options);
    if (tried.has_value()) {
      EXPECT_EQ(tried.value().pairs, page.pairs);
    } else {
      EXPECT_EQ(tried.error().code(), ErrorCode::kWouldBlock);
    }
    return page;
  }
  AlarmPage Alarms(std::optional<AlarmEntry> after = {}, size_t limit = 100) {
    return Await<Result<AlarmPage>>([&](auto done) { session_->ScanAlarms(after, limit, done); }).value();
  }
  HistoryMark Mark(ObjectId object) {
    return Await<Result<HistoryMark>>([&](auto done) { session_->Mark(object, done); }).value();
  }
  // What is there now, by space and key.
  std::map<Bytes, Bytes> State(ObjectId object) {
    std::map<Bytes, Bytes> state;
    for (Space space : {Space::kKv, Space::kPage, Space::kAlarm}) {
      ScanOptions options;
      options.space = space;
      for (auto& [key, value] : Scan(object, options).pairs) state[static_cast<char>(space) + key] = value;
    }
    return state;
  }
  // What was there at a moment.
  std::map<Bytes, Bytes> StateAt(ObjectId object, uint64_t moment) {
    std::map<Bytes, Bytes> state = State(object);
    Undo undo;
    std::vector<Undo::Change> changes;
    ScanOptions options;
    options.space = Space::kHistory;
    options.start = Undo::Start(moment);
    EXPECT_TRUE(undo.Add(Scan(object, options), changes).has_value());
    if (undo.nothing()) return {};
    for (Undo::Change& change : changes) {
      Bytes key = static_cast<char>(change.space) + change.key;
      state.erase(key);
      if (change.before) state[key] = *change.before;
    }
    return state;
  }
  // All that was committed is answered: one commit of each object comes after it.
  void Settle() {
    for (uint8_t i = 1; i <= 3; ++i) (void)Commit(Object(i), {});
  }
  std::string Keys(ObjectId object, ScanOptions options) {
    std::string keys;
    for (const auto& [key, value] : Scan(object, options).pairs) keys += key + " ";
    return keys;
  }

 private:
  bool real_ = false;
  std::string dir_;
  NullLogger logger_;
  Counters counters_;
  RealClock clock_;
  loop::SimLoop sim_;
  loop::AsioLoop asio_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Session> session_;
  Claim claim_;
};

class EngineContract : public testing::TestWithParam<const char*> {
 protected:
  EngineUnderTest on_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Engines, EngineContract, testing::Values("memory", "memory_cold", "faulty", "rocks"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(EngineContract, ShowsWhatWasCommitted) {
  EXPECT_EQ(on_.Get(Object(1), "a").value(), std::nullopt);
  EXPECT_EQ(on_.Commit(Object(1), {Put("a", "1"), Put("empty", ""), Put(Bytes("n\0l", 3), Bytes("\0", 1))}).value(),
            1u);
  EXPECT_EQ(on_.Get(Object(1), "a").value(), "1");
  EXPECT_EQ(on_.Get(Object(1), "empty").value(), "");
  EXPECT_EQ(on_.Get(Object(1), Bytes("n\0l", 3)).value(), Bytes("\0", 1));
  EXPECT_EQ(on_.Get(Object(2), "a").value(), std::nullopt);
  EXPECT_EQ(on_.Get(Object(1, 8), "a").value(), std::nullopt);
  EXPECT_EQ(on_.Get(Object(1), "a", Space::kMeta).value(), std::nullopt);
  Result<std::optional<Bytes>> tried = on_.session()->TryGet(Object(1), Space::kKv, "a");
  if (tried.has_value()) {
    EXPECT_EQ(tried.value(), "1");
  } else {
    EXPECT_EQ(tried.error().code(), ErrorCode::kWouldBlock);
  }
}

TEST_P(EngineContract, NumbersTheCommitsOfEachObject) {
  EXPECT_EQ(on_.Commit(Object(1), {Put("a", "1")}).value(), 1u);
  EXPECT_EQ(on_.Commit(Object(1), {Put("a", "2")}).value(), 2u);
  EXPECT_EQ(on_.Commit(Object(2), {Put("a", "2")}).value(), 1u);
  EXPECT_EQ(on_.Commit(Object(1), {Clear()}).value(), 3u);
  EXPECT_EQ(on_.Commit(Object(1), {}).value(), 4u);
}

TEST_P(EngineContract, AppliesTheWritesOfABatchInOrder) {
  ASSERT_TRUE(on_.Commit(Object(1), {Put("a", "1"), Put("b", "1"), Put("m", "1", Space::kMeta)}).has_value());
  ASSERT_TRUE(on_.Commit(Object(1), {Put("c", "2"), Put("a", "2"), Delete("a"), Put("d", "2"), Clear(), Put("e", "2"),
                                     Put("e", "3")})
                  .has_value());
  EXPECT_EQ(on_.Keys(Object(1), {}), "e ");
  EXPECT_EQ(on_.Get(Object(1), "e").value(), "3");
  EXPECT_EQ(on_.Get(Object(1), "m", Space::kMeta).value(), "1");
}

TEST_P(EngineContract, ClearsManyKeysAndThoseOfABatchThatIsStillOnItsWay) {
  std::vector<Write> many;
  for (int i = 0; i < 300; ++i) many.push_back(Put(std::to_string(i), "x"));
  ASSERT_TRUE(on_.Commit(Object(1), many).has_value());
  ASSERT_TRUE(on_.Commit(Object(2), {Put("a", "x")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(1), {Clear()}).has_value());
  EXPECT_EQ(on_.Keys(Object(1), {}), "");
  auto answer = on_.Await<Result<uint64_t>>([&](auto done) {
    on_.session()->Commit(on_.claim(), {Object(1), {Put("a", "1")}}, [](auto) {});
    on_.session()->Commit(on_.claim(), {Object(1), {Clear(), Put("b", "1")}}, [](auto) {});
    on_.session()->Commit(on_.claim(), {Object(1), {Put("c", "1")}}, done);
  });
  EXPECT_EQ(answer.value(), 5u);
  EXPECT_EQ(on_.Keys(Object(1), {}), "b c ");
  EXPECT_EQ(on_.Keys(Object(2), {}), "a ");
}

TEST_P(EngineContract, ScansRangesInBothDirections) {
  ASSERT_TRUE(on_.Commit(Object(1),
                         {Put("a", "1"), Put("b", "2"), Put("c", "3"), Put("\xFF", "4"), Put("x", "p", Space::kPage)})
                  .has_value());
  ASSERT_TRUE(on_.Commit(Object(0), {Put("z", "0")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(2), {Put("0", "0")}).has_value());
  EXPECT_EQ(on_.Keys(Object(1), {}), "a b c \xFF ");
  EXPECT_EQ(on_.Keys(Object(1), {.start = "b", .end = "c"}), "b ");
  EXPECT_EQ(on_.Keys(Object(1), {.start = "c", .end = "b"}), "");
  EXPECT_EQ(on_.Keys(Object(1), {.start = "b", .end = std::nullopt, .reverse = true}), "\xFF c b ");
  EXPECT_EQ(on_.Keys(Object(1), {.start = "", .end = "c", .reverse = true, .limit = 1}), "b ");
  EXPECT_EQ(on_.Keys(Object(1), {.start = "", .end = std::nullopt, .limit = 2}), "a b ");
}

TEST_P(EngineContract, EndsAPageWithThePairThatCrossesItsBytes) {
  ASSERT_TRUE(on_.Commit(Object(1), {Put("a", "12345"), Put("b", "12345"), Put("c", "1")}).has_value());
  ScanOptions options;
  options.bytes_max = 7;
  ScanPage page = on_.Scan(Object(1), options);
  EXPECT_EQ(page.pairs.size(), 2u);
  EXPECT_FALSE(page.complete);
  options.start = Bytes("b\0", 2);
  page = on_.Scan(Object(1), options);
  EXPECT_EQ(page.pairs.size(), 1u);
  EXPECT_TRUE(page.complete);
}

TEST_P(EngineContract, ReadsPages) {
  Bytes five;
  AppendBigEndian64(five, 5);
  ASSERT_TRUE(on_.Commit(Object(1), {Put(five, "page", Space::kPage)}).has_value());
  EXPECT_EQ(on_.session()->ReadPage(Object(1), 5).value(), "page");
  EXPECT_EQ(on_.session()->ReadPage(Object(1), 6).value(), std::nullopt);
  ScanOptions pages;
  pages.space = Space::kPage;
  EXPECT_EQ(on_.session()->ScanNow(Object(1), pages).value().pairs.size(), 1u);
}

TEST_P(EngineContract, CommitsPagesWithThePairsBesideThem) {
  auto number = [](uint64_t page) {
    Bytes key;
    AppendBigEndian64(key, page);
    return key;
  };
  auto page = [&](uint64_t which) { return on_.session()->ReadPage(Object(1), which).value(); };
  ASSERT_TRUE(on_.Commit(Object(1), {Put(number(1), Bytes(4096, 'a'), Space::kPage), Put("k", "1"),
                                     Put(number(2), Bytes(4096, 'b'), Space::kPage)})
                  .has_value());
  ASSERT_TRUE(on_.Commit(Object(1), {Put(number(1), Bytes(4096, 'c'), Space::kPage), Delete(number(2), Space::kPage),
                                     Put(number(256), "x", Space::kPage)})
                  .has_value());
  EXPECT_EQ(page(1), Bytes(4096, 'c'));
  EXPECT_EQ(page(2), std::nullopt);
  EXPECT_EQ(page(256), "x");
  ASSERT_TRUE(on_.Commit(Object(1), {Clear()}).has_value());
  EXPECT_EQ(page(1), Bytes(4096, 'c')) << "the pairs were cleared";
  EXPECT_EQ(on_.engine().ListObjects({7}, std::nullopt, 10).value(), (std::vector{Object(1)}));
  ASSERT_TRUE(
      on_.Commit(Object(1), {Clear(Space::kPage), Put(number(3), "new", Space::kPage), Put("k", "2")}).has_value());
  EXPECT_EQ(page(1), std::nullopt);
  EXPECT_EQ(page(3), "new");
  EXPECT_EQ(on_.Get(Object(1), "k").value(), "2");
  auto dropped = on_.Await<Result<Done>>([&](auto done) { on_.engine().DropNamespace({7}, on_.loop(), done); });
  EXPECT_TRUE(dropped.has_value());
  EXPECT_EQ(page(3), std::nullopt);
}

// --- Alarms

Bytes AlarmAt(uint64_t time, BytesView rest = "") {
  Bytes record;
  AppendBigEndian64(record, time);
  return record.append(rest);
}
Write SetAlarm(uint64_t time, BytesView rest = "") { return Put("", AlarmAt(time, rest), Space::kAlarm); }

TEST_P(EngineContract, KeepsOneAlarmOfEachObjectInTheOrderOfTheirTimes) {
  ASSERT_TRUE(on_.Commit(Object(1), {SetAlarm(30, "one")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(2), {SetAlarm(5)}).has_value());
  ASSERT_TRUE(on_.Commit(Object(1, 9), {SetAlarm(20)}).has_value());
  ASSERT_TRUE(on_.Commit(Object(3), {SetAlarm(256), Put("a", "1")}).has_value());
  EXPECT_EQ(on_.Alarms(), (AlarmPage{{5, Object(2)}, {20, Object(1, 9)}, {30, Object(1)}, {256, Object(3)}}));
  EXPECT_EQ(on_.Get(Object(1), "", Space::kAlarm).value(), AlarmAt(30, "one"));
  EXPECT_EQ(on_.Alarms(std::nullopt, 2), (AlarmPage{{5, Object(2)}, {20, Object(1, 9)}}));
  EXPECT_EQ(on_.Alarms(AlarmEntry{20, Object(1, 9)}, 1), (AlarmPage{{30, Object(1)}}));
  EXPECT_EQ(on_.Alarms(AlarmEntry{256, Object(3)}), AlarmPage{});
  EXPECT_EQ(on_.Keys(Object(1), {}), "");

  ASSERT_TRUE(on_.Commit(Object(1), {SetAlarm(4, "moved")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(2), {Delete("", Space::kAlarm)}).has_value());
  ASSERT_TRUE(on_.Commit(Object(1, 9), {SetAlarm(20, "same time")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(3), {Clear()}).has_value());
  EXPECT_EQ(on_.Alarms(), (AlarmPage{{4, Object(1)}, {20, Object(1, 9)}, {256, Object(3)}}));
  EXPECT_EQ(on_.Get(Object(1, 9), "", Space::kAlarm).value(), AlarmAt(20, "same time"));
  EXPECT_EQ(on_.Get(Object(2), "", Space::kAlarm).value(), std::nullopt);
  ASSERT_TRUE(on_.Commit(Object(3), {Clear(Space::kAlarm)}).has_value());
  EXPECT_EQ(on_.engine().ListObjects({7}, std::nullopt, 100).value(), (std::vector{Object(1)}));  // An alarm is data.
}

TEST_P(EngineContract, TheLastOfManyAlarmsThatAreOnTheirWayCounts) {
  auto answer = on_.Await<Result<uint64_t>>([&](auto done) {
    on_.session()->Commit(on_.claim(), {Object(1), {SetAlarm(1), SetAlarm(2)}}, [](auto) {});
    on_.session()->Commit(on_.claim(), {Object(1), {Delete("", Space::kAlarm)}}, [](auto) {});
    on_.session()->Commit(on_.claim(), {Object(2), {SetAlarm(7), Delete("", Space::kAlarm)}}, [](auto) {});
    on_.session()->Commit(on_.claim(), {Object(1), {SetAlarm(3), Put("a", "1"), SetAlarm(4)}}, done);
  });
  EXPECT_EQ(answer.value(), 3u);
  on_.Settle();
  EXPECT_EQ(on_.Alarms(), (AlarmPage{{4, Object(1)}}));
}

TEST_P(EngineContract, KeepsAnIndexOfTheNamesOfObjects) {
  auto name = [](std::string text) { return Put(Bytes(kNameKey), std::move(text), Space::kMeta); };
  ASSERT_TRUE(on_.Commit(Object(1), {Put("k", "v"), name("bob")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(2), {name("alice"), Put("k", "v")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(3), {name("nobody")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(1), {Put("k", "v"), name("bob")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(1, 8), {Put("k", "v"), name("elsewhere")}).has_value());
  using Names = std::vector<std::pair<Bytes, ObjectId>>;
  auto from = [&](Bytes start, uint64_t ns = 7) {
    Names found;
    ScanOptions options;
    options.space = Space::kMeta;
    options.start = std::move(start);
    for (const auto& [key, value] : on_.Scan(NameIndex({ns}), options).pairs) {
      found.push_back(OfNameIndexKey({ns}, key).value());
    }
    return found;
  };
  EXPECT_EQ(from(""), (Names{{"alice", Object(2)}, {"bob", Object(1)}, {"nobody", Object(3)}}));
  EXPECT_EQ(from("b"), (Names{{"bob", Object(1)}, {"nobody", Object(3)}}));
  EXPECT_EQ(on_.engine().ListObjects({7}, std::nullopt, 100).value(), (std::vector{Object(1), Object(2)}))
      << "neither a name nor the index is data";
  ASSERT_TRUE(on_.Commit(Object(1), {Clear(Space::kMeta)}).has_value());
  EXPECT_EQ(from(""), (Names{{"alice", Object(2)}, {"nobody", Object(3)}}));
  auto dropped = on_.Await<Result<Done>>([&](auto done) { on_.engine().DropNamespace({7}, on_.loop(), done); });
  EXPECT_TRUE(dropped.has_value());
  EXPECT_EQ(from(""), Names());
  EXPECT_EQ(from("", 8), (Names{{"elsewhere", Object(1, 8)}}));
}

TEST_P(EngineContract, RefusesAlarmsThatAreNone) {
  for (const Write& wrong : {Put("key", AlarmAt(1), Space::kAlarm), Put("", "short", Space::kAlarm)}) {
    EXPECT_EQ(on_.Commit(Object(1), {wrong}).error().code(), ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(on_.Alarms(), AlarmPage{});
}

TEST_P(EngineContract, AlarmsGoWithTheirNamespace) {
  for (uint8_t i = 1; i <= 5; ++i) ASSERT_TRUE(on_.Commit(Object(i), {SetAlarm(i)}).has_value());
  ASSERT_TRUE(on_.Commit(Object(1, 8), {SetAlarm(3)}).has_value());
  auto dropped = on_.Await<Result<Done>>([&](auto done) { on_.engine().DropNamespace({7}, on_.loop(), done); });
  EXPECT_TRUE(dropped.has_value());
  EXPECT_EQ(on_.Get(Object(1), "", Space::kAlarm).value(), std::nullopt);
  for (int tries = 0; on_.Alarms().size() > 1 && tries < 500; ++tries) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(on_.Alarms(), (AlarmPage{{3, Object(1, 8)}}));
}

TEST_P(EngineContract, RefusesKeysAndValuesOverTheirLimits) {
  EXPECT_TRUE(on_.Commit(Object(1), {Put(Bytes(kKeyBytesMax, 'k'), "v")}).has_value());
  EXPECT_EQ(on_.Commit(Object(1), {Put("a", "1"), Put(Bytes(kKeyBytesMax + 1, 'k'), "v")}).error().code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(on_.Commit(Object(1), {Put("a", Bytes(kValueBytesMax + 1, 'v'))}).error().code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(on_.Commit({.ns = kEngineNamespace}, {Put("a", "v")}).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(on_.Get(Object(1), "a").value(), std::nullopt);
}

TEST_P(EngineContract, FencesClaimsThatAreOldExpiredOrWereNeverMade) {
  Claim old = on_.claim();
  ASSERT_TRUE(on_.Commit(Object(1), {Put("a", "1")}).has_value());
  Claim claim = on_.engine().Acquire(0).value();
  EXPECT_GT(claim.epoch, old.epoch);
  EXPECT_EQ(on_.Commit(Object(1), {Put("a", "2")}, old).error().code(), ErrorCode::kFenced);
  EXPECT_EQ(on_.Commit(Object(1), {Put("a", "2")}, Claim{.partition = 9}).error().code(), ErrorCode::kFenced);
  Claim expired = claim;
  expired.valid_until = on_.loop().Now();
  EXPECT_EQ(on_.Commit(Object(1), {Put("a", "2")}, expired).error().code(), ErrorCode::kFenced);
  EXPECT_EQ(on_.Get(Object(1), "a").value(), "1");
  EXPECT_EQ(on_.Commit(Object(1), {Put("a", "3")}, claim).value(), 2u);
}

TEST_P(EngineContract, ListsAndDropsTheObjectsOfANamespace) {
  for (uint8_t i = 1; i <= 5; ++i) ASSERT_TRUE(on_.Commit(Object(i), {Put("a", "1")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(3), {Clear()}).has_value());
  ASSERT_TRUE(on_.Commit(Object(1, 6), {Put("a", "1")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(1, 8), {Put("a", "1")}).has_value());
  EXPECT_EQ(on_.engine().ListObjects({7}, std::nullopt, 100).value(),
            (std::vector{Object(1), Object(2), Object(4), Object(5)}));
  EXPECT_EQ(on_.engine().ListObjects({7}, Object(2), 1).value(), (std::vector{Object(4)}));
  for (int again = 0; again < 2; ++again) {
    auto dropped = on_.Await<Result<Done>>([&](auto done) { on_.engine().DropNamespace({7}, on_.loop(), done); });
    EXPECT_TRUE(dropped.has_value());
  }
  EXPECT_TRUE(on_.engine().ListObjects({7}, std::nullopt, 100).value().empty());
  EXPECT_EQ(on_.Get(Object(1), "a").value(), std::nullopt);
  EXPECT_EQ(on_.Get(Object(1, 6), "a").value(), "1");
  EXPECT_EQ(on_.Get(Object(1, 8), "a").value(), "1");
}

TEST_P(EngineContract, AnswersNothingAfterTheSessionIsDestroyed) {
  auto answered = std::make_shared<bool>(false);
  auto second = on_.Await<Result<uint64_t>>([&](auto done) {
    std::unique_ptr<Session> other = on_.engine().Attach(on_.loop());
    other->Commit(on_.claim(), {Object(1), {Put("a", "1")}}, [answered](auto) { *answered = true; });
    other->Get(Object(1), Space::kKv, "a", [answered](auto) { *answered = true; });
    other.reset();
    on_.session()->Commit(on_.claim(), {Object(2), {Put("a", "1")}}, done);
  });
  EXPECT_TRUE(second.has_value());
  EXPECT_FALSE(*answered);
}

// --- History

TEST_P(EngineContract, KeepsEveryMarkedStateInItsHistory) {
  SeededRandom random(11);
  std::vector<std::pair<uint64_t, std::map<Bytes, Bytes>>> marked;
  const ObjectId object = Object(1);
  marked.emplace_back(on_.Mark(object).now, std::map<Bytes, Bytes>());
  for (int round = 0; round < 40; ++round) {
    // Several commits at once share a write.
    (void)on_.Await<Result<uint64_t>>([&](auto done) {
      for (uint64_t left = random.Below(3); left > 0; --left) {
        std::vector<Write> writes;
        for (uint64_t more = random.Below(6); more > 0; --more) {
          Bytes key(1, static_cast<char>('a' + random.Below(8)));
          Space space = random.Below(3) == 0 ? Space::kPage : Space::kKv;
          uint64_t what = random.Below(20);
          if (what < 12) writes.push_back(Put(key, std::to_string(random.Below(1000)), space));
          if (what >= 12 && what < 17) writes.push_back(Delete(key, space));
          if (what == 17) writes.push_back(Clear(space));
          if (what == 18) writes.push_back(Put("", std::to_string(10'000'000 + random.Below(1000)), Space::kAlarm));
          if (what == 19) writes.push_back(Delete("", Space::kAlarm));
        }
        on_.session()->Commit(on_.claim(), {object, std::move(writes)}, [](auto) {});
        if (random.Below(2) == 0) on_.session()->Mark(object, [](auto) {});
      }
      on_.session()->Commit(on_.claim(), {object, {}}, done);
    });
    if (random.Below(3) > 0) {
      uint64_t now = on_.Mark(object).now;
      EXPECT_GE(now, marked.back().first);
      marked.emplace_back(now, on_.State(object));
    }
    if (random.Below(5) > 0) continue;
    for (const auto& [moment, state] : marked) ASSERT_EQ(on_.StateAt(object, moment), state) << moment;
  }
  for (const auto& [moment, state] : marked) ASSERT_EQ(on_.StateAt(object, moment), state) << moment;
}

TEST_P(EngineContract, KeepsOneRecordOfAKeyThatChangesManyTimesInASlot) {
  ASSERT_TRUE(on_.Commit(Object(1), {Put("other", "1")}).has_value());
  (void)on_.Mark(Object(1));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(on_.Commit(Object(1), {Put("a", std::to_string(i))}).has_value());
  ScanOptions options;
  options.space = Space::kHistory;
  EXPECT_LE(on_.Scan(Object(1), options).pairs.size(), 3u);  // The birth; the slot, or two if the clock was unlucky.
}

TEST_P(EngineContract, KeepsWhatAClearTookAway) {
  std::vector<Write> many;
  for (int i = 0; i < 300; ++i) many.push_back(Put(std::to_string(i), "x"));
  ASSERT_TRUE(on_.Commit(Object(1), many).has_value());
  std::map<Bytes, Bytes> full = on_.State(Object(1));
  uint64_t before = on_.Mark(Object(1)).now;
  ASSERT_TRUE(on_.Commit(Object(1), {Clear(), Put("1", "new")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(1), {Put("1", "newer")}).has_value());
  EXPECT_EQ(on_.StateAt(Object(1), before), full);
}

TEST_P(EngineContract, ForgetsTheHistoryThatIsClearedWithTheRest) {
  ASSERT_TRUE(on_.Commit(Object(1), {Put("a", "1")}).has_value());
  uint64_t before = on_.Mark(Object(1)).now;
  ASSERT_TRUE(on_.Commit(Object(1), {Clear(), Clear(Space::kHistory)}).has_value());
  EXPECT_GT(on_.Mark(Object(1)).oldest, before);
  ScanOptions options;
  options.space = Space::kHistory;
  EXPECT_TRUE(on_.Scan(Object(1), options).pairs.empty());
  EXPECT_FALSE(on_.Commit(Object(1), {Put("a", "1", Space::kHistory)}).has_value());
}

TEST_P(EngineContract, ListsNoObjectThatHasHistoryAlone) {
  ASSERT_TRUE(on_.Commit(Object(1), {Put("a", "1")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(2), {Put("a", "1")}).has_value());
  (void)on_.Mark(Object(1));
  ASSERT_TRUE(on_.Commit(Object(1), {Clear()}).has_value());
  EXPECT_EQ(on_.engine().ListObjects({7}, {}, 10).value(), std::vector<ObjectId>{Object(2)});
}

}  // namespace
}  // namespace limpet::store

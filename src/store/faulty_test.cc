#include "store/faulty.h"

#include <gtest/gtest.h>

#include <map>

#include "loop/sim_loop.h"

namespace limpet::store {
namespace {

using namespace std::chrono_literals;

ObjectId Object(uint8_t number) {
  ObjectId id{.ns = {7}};
  id.base.fill(number);
  return id;
}
ObjectBatch Batch(uint8_t object, Bytes value) {
  return {Object(object), {{Write::Kind::kPut, Space::kKv, "a", std::move(value)}}};
}

struct Rig {
  explicit Rig(FaultyOptions options) : loop(options.seed), engine(&loop, options) {
    claim = engine.Acquire(0).value();
    session = engine.Attach(loop);
  }
  // The code of the answer goes to `*answers`: "ok" or the error's name, in order.
  void Commit(uint8_t object, Bytes value) {
    session->Commit(claim, Batch(object, value), [this, value](Result<uint64_t> result) {
      answers += value + ":" + (result.has_value() ? "ok" : std::string(ErrorCodeName(result.error().code()))) + " ";
    });
  }
  std::string Durable(uint8_t object) {
    return engine.durable().Get(Object(object), Space::kKv, "a").value_or("absent");
  }

  loop::SimLoop loop;
  FaultyEngine engine;
  std::unique_ptr<Session> session;
  Claim claim;
  std::string answers;
};

TEST(FaultyEngine, MakesACommitDurableWhenItsDelayHasPassed) {
  Rig rig({.commit_delay = 5ms});
  rig.Commit(1, "x");
  rig.loop.Advance(4ms);
  EXPECT_EQ(rig.Durable(1), "absent");
  EXPECT_EQ(rig.engine.in_flight(), 1u);
  rig.loop.Advance(1ms);
  EXPECT_EQ(rig.Durable(1), "x");
  EXPECT_EQ(rig.answers, "x:ok ");
}

TEST(FaultyEngine, FailsTheCommitItIsToldToLandedOrLost) {
  for (bool landed : {false, true}) {
    Rig rig({.commit_delay = 5ms, .settle_delay = 2ms});
    rig.engine.FailNextCommit({.landed = landed});
    rig.Commit(1, "x");
    rig.loop.Advance(5ms);
    EXPECT_EQ(rig.answers, "x:unavailable ");
    EXPECT_EQ(rig.Durable(1), landed ? "x" : "absent");
    EXPECT_EQ(rig.session->TryGet(Object(1), Space::kKv, "a").error().code(), ErrorCode::kUnavailable);
    rig.Commit(2, "y");
    rig.loop.Advance(2ms);
    EXPECT_EQ(rig.answers, "x:unavailable y:unavailable ");
    EXPECT_TRUE(rig.session->TryGet(Object(1), Space::kKv, "a").has_value());
    rig.Commit(2, "z");
    rig.loop.Advance(5ms);
    EXPECT_EQ(rig.Durable(2), "z");
  }
}

TEST(FaultyEngine, LosesWhatIsNotDurableWhenThePowerGoes) {
  bool lost = false, kept = false;
  for (uint64_t seed = 1; seed < 30; ++seed) {
    Rig rig({.seed = seed, .commit_delay = 5ms});
    rig.Commit(1, "old");
    rig.loop.Advance(5ms);
    rig.Commit(1, "new");
    rig.loop.Advance(1ms);
    rig.engine.CrashAndReopen();
    EXPECT_FALSE(rig.session->TryGet(Object(1), Space::kKv, "a").has_value());
    rig.loop.Advance(1h);
    EXPECT_EQ(rig.answers, "old:ok ");
    (rig.Durable(1) == "old" ? lost : kept) = true;
    rig.session = rig.engine.Attach(rig.loop);
    EXPECT_EQ(rig.session->TryGet(Object(1), Space::kKv, "a").value(), rig.Durable(1));
  }
  EXPECT_TRUE(lost && kept);
}

TEST(FaultyEngine, RefusesWhileTheDiskIsFullAndWorksAfter) {
  Rig rig({.commit_delay = 1ms, .settle_delay = 1ms});
  rig.engine.SetDiskFull(true);
  for (int i = 0; i < 10; ++i) {
    rig.Commit(1, "x");
    rig.loop.Advance(10ms);
  }
  EXPECT_EQ(rig.answers.find("ok"), std::string::npos);
  EXPECT_EQ(rig.Durable(1), "absent");
  rig.engine.SetDiskFull(false);
  rig.loop.Advance(10ms);
  rig.Commit(1, "y");
  rig.loop.Advance(10ms);
  EXPECT_EQ(rig.Durable(1), "y");
}

TEST(FaultyEngine, FencesACommitThatIsOnItsWayWhenTheClaimIsSuperseded) {
  Rig rig({.commit_delay = 5ms});
  rig.Commit(1, "x");
  rig.claim = rig.engine.Acquire(0).value();
  rig.Commit(2, "y");
  rig.loop.Advance(5ms);
  EXPECT_NE(rig.answers.find("x:fenced"), std::string::npos) << rig.answers;
  EXPECT_EQ(rig.Durable(1), "absent");
  EXPECT_EQ(rig.Durable(2), "y");
}

// What is acknowledged is there; an object's commits land in order, with none missing between them; the same seed does
// the same.
TEST(FaultyEngine, AnswersForADamagedPageThatItIsDamagedUntilItIsWrittenAnew) {
  Rig rig({.seed = 1});
  auto page = [&](uint64_t number) {
    Write write{Write::Kind::kPut, Space::kPage, {}, "page"};
    AppendBigEndian64(write.key, number);
    return write;
  };
  rig.session->Commit(rig.claim, {Object(1), {page(1), page(2)}}, [](auto) {});
  rig.loop.Advance(1s);
  rig.engine.DamagePage(Object(1), 2);
  EXPECT_TRUE(rig.session->ReadPage(Object(1), 1).has_value());
  EXPECT_TRUE(rig.engine.IsDamaged(Object(1), 2));
  Result<std::optional<Bytes>> read = rig.session->ReadPage(Object(1), 2);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code(), ErrorCode::kCorrupt);
  rig.session->Commit(rig.claim, {Object(1), {page(2)}}, [](auto) {});
  rig.loop.Advance(1s);
  EXPECT_TRUE(rig.session->ReadPage(Object(1), 2).has_value());
}

std::string RunSeed(uint64_t seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  Rig rig(
      {.seed = seed, .commit_delay = 1ms, .commit_jitter = 5ms, .answer_jitter = 3ms, .failed_commits_permille = 50});
  SeededRandom random(seed);
  std::string log;
  std::map<uint8_t, uint64_t> acknowledged;
  for (int step = 0; step < 200; ++step) {
    auto object = static_cast<uint8_t>(random.Below(4));
    uint64_t before = rig.engine.durable().CommitNumber(Object(object));
    rig.session->Commit(rig.claim, Batch(object, std::to_string(step)), [&, object](Result<uint64_t> number) {
      log += std::to_string(object) + (number.has_value() ? "=" + std::to_string(number.value()) : "!") + " ";
      if (!number.has_value()) return;
      EXPECT_GT(number.value(), acknowledged[object]);
      acknowledged[object] = number.value();
      EXPECT_GE(rig.engine.durable().CommitNumber(Object(object)), number.value());
    });
    EXPECT_EQ(rig.engine.durable().CommitNumber(Object(object)), before);
    rig.loop.Advance(std::chrono::microseconds(random.Below(2000)));
    if (random.Below(40) == 0) {
      rig.engine.CrashAndReopen();
      rig.session = rig.engine.Attach(rig.loop);
    }
    for (auto [number, count] : acknowledged) EXPECT_GE(rig.engine.durable().CommitNumber(Object(number)), count);
  }
  rig.loop.Advance(1s);
  return log;
}

TEST(FaultyEngine, KeepsWhatItAcknowledgedAndReplaysBySeed) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    std::string log = RunSeed(seed);
    EXPECT_EQ(log, RunSeed(seed)) << "seed " << seed;
    EXPECT_NE(log.find('!'), std::string::npos);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace limpet::store

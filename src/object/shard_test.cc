#include "object/shard.h"

#include <gtest/gtest.h>

#include "loop/sim_loop.h"
#include "object/fake_code_test.h"
#include "object/placement.h"
#include "store/faulty.h"

namespace limpet::object {
namespace {

using loop::SimLoop;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Puts count + 1 and replies with it.
void Increment(Instance& instance, InputLock lock, HttpRequest, OnReply reply) {
  auto owed = std::make_shared<OnReply>(std::move(reply));
  auto finish = [&instance, owed](Result<std::optional<Bytes>> value, const InputLock& lock) {
    if (!value.has_value()) return (*owed)(std::move(value).error());
    std::string next = std::to_string((value.value() ? std::stoi(*value.value()) : 0) + 1);
    auto put = instance.storage().Put(lock, {{"count", next}}, {}, nullptr);
    (*owed)(Text(next));
  };
  auto now = instance.storage().Get(lock, "count", {}, [&instance, finish](auto value, InputLock lock) {
    finish(std::move(value), lock);
    instance.TurnEnded();
  });
  if (now) finish(std::move(*now), lock);
}

class ShardTest : public testing::Test {
 protected:
  explicit ShardTest(store::FaultyOptions faults = {.commit_delay = milliseconds(5)}) : engine_(&loop_, faults) {
    claim_ = engine_.Acquire(0).value();
    Attach();
    shard_->SetClass(kSpace, class_);
  }
  void Attach(ShardOptions options = {}) {
    shard_ = Shard::Make(loop_, engine_.Attach(loop_), claim_, std::move(options), log_, counters_);
    shard_->SetClass(kSpace, class_);
  }
  void Fetch(uint8_t number, std::string url = "/") {
    shard_->Fetch(Id(number), std::nullopt, Request(std::move(url)), Into(replies_));
  }

  SimLoop loop_{1};
  store::FaultyEngine engine_;
  NullLogger log_;
  Counters counters_;
  store::Claim claim_;
  std::shared_ptr<FakeClass> class_ = std::make_shared<FakeClass>(Increment);
  std::unique_ptr<Shard> shard_;
  std::vector<std::string> replies_;
};
using Strings = std::vector<std::string>;

TEST_F(ShardTest, HoldsAReplyUntilItsWriteIsDurable) {
  Fetch(1);
  loop_.Advance(milliseconds(4));
  EXPECT_EQ(replies_, Strings{});
  loop_.Advance(milliseconds(1));
  EXPECT_EQ(replies_, Strings{"1"});
}

TEST_F(ShardTest, RunsEventsInOrderAndManyCommitsAtOnce) {
  for (int i = 0; i < 5; ++i) Fetch(1);
  loop_.Advance(milliseconds(6));
  EXPECT_EQ(replies_, (Strings{"1", "2", "3", "4", "5"}));
}

TEST_F(ShardTest, EvictsAnIdleObjectAndRebuildsItFromTheStore) {
  Fetch(1);
  loop_.Advance(seconds(9));
  EXPECT_EQ(shard_->live_instances(), 1u);
  loop_.Advance(seconds(2));
  EXPECT_EQ(shard_->live_instances(), 0u);
  EXPECT_EQ(class_->live, 0);
  Fetch(1);
  loop_.Advance(milliseconds(10));
  EXPECT_EQ(replies_, (Strings{"1", "2"}));
  EXPECT_EQ(class_->made, 2);
}

TEST_F(ShardTest, KeepsAPinnedObjectLonger) {
  class_->handler = [](Instance& instance, InputLock, HttpRequest, OnReply reply) {
    instance.Pin();
    reply(Text(""));
  };
  Fetch(1);
  loop_.Advance(seconds(69));
  EXPECT_EQ(shard_->live_instances(), 1u);
  loop_.Advance(seconds(2));
  EXPECT_EQ(shard_->live_instances(), 0u);
  EXPECT_TRUE(engine_.ListObjects(kSpace, std::nullopt, 10).value().empty()) << "it never wrote";
}

TEST_F(ShardTest, ResetsTheObjectWhenAWriteFailsAndServesTheNextEventAfresh) {
  Fetch(1);
  loop_.Advance(milliseconds(10));
  engine_.FailNextCommit({.landed = false});
  Fetch(1);
  loop_.Advance(milliseconds(100));
  ASSERT_EQ(replies_.size(), 2u);
  EXPECT_TRUE(replies_[1].starts_with(
      "error: Internal error in Durable Object storage write caused object to be reset; reference = "))
      << replies_[1];
  Fetch(1);
  loop_.Advance(milliseconds(100));
  EXPECT_EQ(replies_[2], "2");
}

TEST_F(ShardTest, DeletesWhatALiveObjectStoredAndStartsTheNextInstanceAfterThat) {
  Fetch(1);
  loop_.Advance(milliseconds(10));
  Fetch(1);  // Its write is on the way.
  loop_.RunReady();
  bool deleted = false;
  shard_->Delete(Id(1), [&](Result<Done> result) { deleted = result.has_value(); });
  Fetch(1);  // Waits for the next instance.
  loop_.Advance(milliseconds(100));
  EXPECT_TRUE(deleted);
  EXPECT_EQ(replies_, (Strings{"1", "error: Durable Object reset because it was deleted.", "1"}));
  EXPECT_EQ(class_->made, 2);
}

TEST_F(ShardTest, DeletesAnObjectThatIsNotInMemoryAndSaysIfItCannot) {
  Fetch(1);
  loop_.Advance(seconds(20));
  ASSERT_EQ(shard_->live_instances(), 0u);
  std::vector<bool> deleted;
  auto note = [&](Result<Done> result) { deleted.push_back(result.has_value()); };
  engine_.FailNextCommit({.landed = false});
  shard_->Delete(Id(1), note);
  loop_.Advance(milliseconds(100));
  EXPECT_EQ(deleted, std::vector<bool>{false});
  EXPECT_EQ(engine_.ListObjects(kSpace, std::nullopt, 10)->size(), 1u);
  shard_->Delete(Id(1), note);
  shard_->Delete(Id(1), note);
  loop_.Advance(milliseconds(100));
  EXPECT_EQ(deleted, (std::vector<bool>{false, true, true}));
  EXPECT_TRUE(engine_.ListObjects(kSpace, std::nullopt, 10)->empty());
  EXPECT_EQ(class_->made, 1) << "a delete starts no instance";
  bool drained = false;
  shard_->Delete(Id(1), note);
  shard_->Drain([&] { drained = deleted.size() == 4; });
  loop_.Advance(milliseconds(100));
  EXPECT_TRUE(drained) << "a drain waits for the delete";
  shard_->Delete(Id(1), note);
  loop_.Advance(milliseconds(100));
  EXPECT_EQ(deleted.size(), 5u);
  EXPECT_FALSE(deleted.back()) << "and nothing begins after it";
}

TEST_F(ShardTest, RefusesWhatDoesNotFitTheInbox) {
  Attach({.inbox_events_max = 3});
  for (int i = 0; i < 5; ++i) Fetch(1);
  loop_.RunReady();
  EXPECT_EQ(replies_, (Strings{"error: Durable Object is overloaded. Too many requests queued.",
                               "error: Durable Object is overloaded. Too many requests queued."}));
  loop_.Advance(milliseconds(10));
  EXPECT_EQ(replies_.size(), 5u);
}

constexpr char kTooLong[] = "error: Durable Object is overloaded. Requests queued for too long.";
constexpr char kTooMany[] =
    "error: Durable Object is overloaded. Too many requests for the same object within a 10 second window.";

TEST_F(ShardTest, RefusesWhatHasWaitedTooLongAndServesTheRest) {
  Attach({.idle_evict = seconds(1), .inbox_wait_max = seconds(3)});
  std::vector<InputLock> held;
  int served = 0;
  class_->handler = [&](Instance&, InputLock lock, HttpRequest, OnReply reply) {
    if (served++ == 0) held.push_back(std::move(lock));
    reply(Text("served"));
  };
  Fetch(1);
  loop_.Advance(milliseconds(10));
  for (int i = 0; i < 2; ++i) Fetch(1);
  loop_.Advance(seconds(2));
  Fetch(1);
  EXPECT_EQ(replies_, Strings{"served"});
  loop_.Advance(milliseconds(999));
  EXPECT_EQ(replies_.size(), 1u);
  loop_.Advance(milliseconds(2));
  EXPECT_EQ(replies_, (Strings{"served", kTooLong, kTooLong}));
  held.clear();
  loop_.RunReady();
  EXPECT_EQ(replies_, (Strings{"served", kTooLong, kTooLong, "served"}));
  EXPECT_EQ(served, 2) << "what was refused never runs";
  loop_.Advance(seconds(10));
  EXPECT_EQ(replies_.size(), 4u);
  EXPECT_EQ(shard_->live_instances(), 0u);
}

TEST_F(ShardTest, AnInstanceWhoseOnlyRequestGaveUpWhileItStartedLeavesMemory) {
  Attach({.idle_evict = seconds(1), .inbox_wait_max = seconds(3)});
  class_->starts_later = true;
  Fetch(1);
  loop_.Advance(seconds(4));
  EXPECT_EQ(replies_, Strings{kTooLong});
  ASSERT_EQ(class_->starting.size(), 1u);
  std::exchange(class_->starting, {}).front()();
  loop_.Advance(seconds(10));
  EXPECT_EQ(shard_->live_instances(), 0u);
}

TEST_F(ShardTest, SaysOverloadedAloneOfWhatItRefuses) {
  Attach({.inbox_wait_max = seconds(3)});
  std::optional<Error> refusal;
  std::vector<std::pair<InputLock, OnReply>> held;  // Nothing else comes in.
  class_->handler = [&](Instance&, InputLock lock, HttpRequest, OnReply reply) {
    held.emplace_back(std::move(lock), std::move(reply));
  };
  Fetch(2);
  loop_.Advance(milliseconds(10));
  shard_->Fetch(Id(2), std::nullopt, Request("/"), [&](Result<HttpResponse> result) { refusal = result.error(); });
  loop_.Advance(seconds(4));
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->message(), "Durable Object is overloaded. Requests queued for too long.");
  EXPECT_TRUE(refusal->Has(Error::kOverloaded));
  EXPECT_FALSE(refusal->Has(Error::kRetryable) || refusal->Has(Error::kRemote) || refusal->Has(Error::kObjectReset));
  EXPECT_EQ(held.size(), 1u);
}

TEST_F(ShardTest, RefusesMoreRequestsInTenSecondsThanAllowedOfOneObjectAlone) {
  Attach({.window_events_max = 2});
  for (int i = 0; i < 3; ++i) Fetch(1);
  Fetch(2);
  loop_.Advance(milliseconds(100));
  EXPECT_EQ(replies_, (Strings{kTooMany, "1", "1", "2"}));
  replies_.clear();
  loop_.Advance(milliseconds(9800));
  Fetch(1);
  loop_.Advance(milliseconds(50));
  EXPECT_EQ(replies_, Strings{kTooMany});
  loop_.Advance(milliseconds(60));
  Fetch(1);
  loop_.Advance(milliseconds(10));
  EXPECT_EQ(replies_, (Strings{kTooMany, "3"}));
}

TEST_F(ShardTest, GivesTheConstructorsErrorToThoseWhoWaitAndTriesAgainForTheNext) {
  class_->construct = [](Instance&) -> Result<Done> { return Error::Script("RangeError", "no"); };
  Fetch(1);
  Fetch(1);
  loop_.Advance(milliseconds(10));
  EXPECT_EQ(replies_, (Strings{"error: no", "error: no"}));
  class_->construct = [](Instance&) -> Result<Done> { return Done{}; };
  Fetch(1);
  loop_.Advance(milliseconds(10));
  EXPECT_EQ(replies_[2], "1");
}

TEST_F(ShardTest, AConstructorThatAbortsFailsThoseWhoWaitOnce) {
  class_->construct = [](Instance& instance) -> Result<Done> {
    instance.Abort(Error::Script("Error", "enough"));
    return Done{};
  };
  Fetch(1);
  Fetch(1);
  loop_.Advance(milliseconds(10));
  EXPECT_EQ(replies_, (Strings{"error: enough", "error: enough"}));
  EXPECT_EQ(class_->made, 1);
}

TEST_F(ShardTest, DropsTheBurstOfAnAbortedTurn) {
  class_->handler = [](Instance& instance, InputLock lock, HttpRequest request, OnReply reply) {
    if (request.url == "/read") return Increment(instance, std::move(lock), std::move(request), std::move(reply));
    auto put = instance.storage().Put(lock, {{"count", "40"}}, {}, nullptr);
    instance.Abort(Error::Script("Error", "enough"));
  };
  Fetch(1, "/abort");
  loop_.Advance(milliseconds(20));
  Fetch(1, "/read");
  loop_.Advance(milliseconds(20));
  EXPECT_EQ(replies_, (Strings{"error: enough", "1"}));
}

TEST_F(ShardTest, AnAbortTakesItsOwnBurstAlone) {
  class_->handler = [](Instance& instance, InputLock lock, HttpRequest request, OnReply reply) {
    if (request.url == "/read") return Increment(instance, std::move(lock), std::move(request), std::move(reply));
    auto put = instance.storage().Put(lock, {{"count", "40"}}, {}, nullptr);
    instance.TurnEnded();  // And before it was sent:
    auto again = instance.storage().Put(lock, {{"count", "50"}}, {}, nullptr);
    instance.Abort(Error::Script("Error", "enough"));
  };
  Fetch(1, "/abort");
  loop_.Advance(milliseconds(20));
  Fetch(1, "/read");
  loop_.Advance(milliseconds(20));
  EXPECT_EQ(replies_, (Strings{"error: enough", "41"}));
}

TEST_F(ShardTest, EndsACriticalSectionThatRunsTooLong) {
  std::vector<GateRef> sections;
  std::vector<OnReply> owed;
  class_->handler = [&](Instance& instance, InputLock lock, HttpRequest, OnReply reply) {
    GateRef section = instance.BeginCritical(lock).value();
    sections.push_back(section);
    owed.push_back(std::move(reply));
    instance.Enter(section, [](Result<InputLock>) {});
  };
  Fetch(1);
  loop_.Advance(seconds(29));
  EXPECT_EQ(replies_, Strings{});
  loop_.Advance(seconds(2));
  EXPECT_EQ(replies_,
            Strings{"error: A call to blockConcurrencyWhile() in a Durable Object waited for too long. The call "
                    "was canceled and the Durable Object was reset."});
}

TEST_F(ShardTest, RollsARunningObjectAfterItsGraceAndQueuesWhatComesMeanwhile) {
  OnReply owed;
  class_->handler = [&](Instance&, InputLock, HttpRequest, OnReply reply) { owed = std::move(reply); };
  Fetch(1);
  loop_.Advance(milliseconds(1));
  auto next = std::make_shared<FakeClass>(Increment);
  shard_->SetClass(kSpace, next);
  Fetch(1);
  loop_.Advance(seconds(29));
  EXPECT_EQ(next->made, 0);
  loop_.Advance(seconds(2));
  EXPECT_EQ(replies_, (Strings{"error: Durable Object reset because its code was updated.", "1"}));
}

TEST_F(ShardTest, RollsAnIdleObjectAtOnce) {
  Fetch(1);
  loop_.Advance(milliseconds(10));
  auto next = std::make_shared<FakeClass>(Increment);
  shard_->SetClass(kSpace, next);
  Fetch(1);
  loop_.Advance(milliseconds(10));
  EXPECT_EQ(replies_, (Strings{"1", "2"}));
  EXPECT_EQ(next->made, 1);
}

// Shares objects out by their first byte.
class SharedOut final : public ClassCode {
 public:
  SharedOut(std::shared_ptr<FakeClass> low, std::shared_ptr<FakeClass> high, uint8_t limit)
      : low_(std::move(low)), high_(std::move(high)), limit_(limit) {}
  std::shared_ptr<ClassCode> For(const ObjectId& id) const override { return id.base[0] < limit_ ? low_ : high_; }
  std::unique_ptr<Code> Instantiate(Instance&) override { return nullptr; }  // Never: it is asked For.

 private:
  std::shared_ptr<FakeClass> low_, high_;
  uint8_t limit_;
};

TEST_F(ShardTest, AnObjectOfASharedClassRollsOnlyWhenItsOwnCodeChanges) {
  auto low = std::make_shared<FakeClass>(Increment), high = std::make_shared<FakeClass>(Increment);
  auto ask = [&](uint8_t object) {
    Fetch(object);
    loop_.Advance(milliseconds(10));
  };
  shard_->SetClass(kSpace, std::make_shared<SharedOut>(low, high, 5));
  for (uint8_t object : {3, 7}) ask(object);
  EXPECT_EQ(low->made, 1);
  EXPECT_EQ(high->made, 1);
  shard_->SetClass(kSpace, std::make_shared<SharedOut>(low, high, 6));  // Nobody moves.
  for (uint8_t object : {3, 7}) ask(object);
  EXPECT_EQ(low->made + high->made, 2);
  shard_->SetClass(kSpace, std::make_shared<SharedOut>(low, high, 8));  // 7 goes over.
  for (uint8_t object : {3, 7}) ask(object);
  EXPECT_EQ(low->made, 2);
  EXPECT_EQ(high->live, 0);
  shard_->BreakAll(low.get(), Error(ErrorCode::kOverloaded, "broken"));
  shard_->SetClass(kSpace, low);  // The same code, alone: nobody rolls.
  for (uint8_t object : {3, 7}) ask(object);
  EXPECT_EQ(low->made, 4);
  EXPECT_EQ(replies_, (Strings{"1", "1", "2", "2", "3", "3", "4", "4"}));
}

TEST_F(ShardTest, RemovesAClassAndTellsWhenItsWritesHaveSettled) {
  Fetch(1);
  loop_.Advance(milliseconds(1));
  bool gone = false;
  shard_->RemoveClass(kSpace, Error(ErrorCode::kNotFound, "deleted"), [&] { gone = true; });
  loop_.Advance(milliseconds(1));
  EXPECT_FALSE(gone);
  loop_.Advance(milliseconds(10));
  EXPECT_TRUE(gone);
  Fetch(1);
  loop_.Advance(milliseconds(10));
  EXPECT_EQ(replies_, (Strings{"error: deleted", "error: deleted"}));
}

TEST_F(ShardTest, DrainsRunningEventsAndWrites) {
  Fetch(1);
  Fetch(2);
  loop_.Advance(milliseconds(1));
  bool drained = false;
  shard_->Drain([&] { drained = true; });
  Fetch(1);
  loop_.Advance(milliseconds(3));
  EXPECT_FALSE(drained);
  loop_.Advance(milliseconds(5));
  EXPECT_TRUE(drained);
  EXPECT_EQ(shard_->live_instances(), 0u);
  EXPECT_EQ(replies_, (Strings{"error: The server is shutting down.", "1", "1"}));
}

TEST_F(ShardTest, MakesAPutWaitWhileTooManyBytesAreOnTheirWay) {
  bool went_on = false;
  class_->handler = [&](Instance& instance, InputLock lock, HttpRequest, OnReply reply) {
    auto put =
        instance.storage().Put(lock, {{"a", Bytes(kDirtyBytesMax + 1, 'x')}}, {}, [&](Result<Done>, InputLock held) {
          went_on = true;
          EXPECT_TRUE(held);
        });
    EXPECT_FALSE(put.has_value());
    reply(Text("done"));
  };
  Fetch(1);
  Fetch(1);
  loop_.Advance(milliseconds(4));
  EXPECT_FALSE(went_on);
  loop_.Advance(milliseconds(1));
  EXPECT_TRUE(went_on);
  EXPECT_EQ(replies_, Strings{"done"}) << "the second event came in only after the first put went on";
}

TEST_F(ShardTest, AnswersNothingOnceItsClaimHasExpired) {
  class_->handler = [](Instance&, InputLock, HttpRequest, OnReply reply) { reply(Text("stale")); };
  claim_.valid_until = loop_.Now() + milliseconds(2);
  shard_->SetClaim(claim_);
  Fetch(1);
  loop_.Advance(milliseconds(2));
  Fetch(1);
  loop_.Advance(milliseconds(2));
  EXPECT_EQ(replies_, (Strings{"stale", "error: Durable Object storage is no longer accessible."}));
}

TEST_F(ShardTest, DoesNotLetUnconfirmedWritesHoldAReplyButResetsWhenTheyFail) {
  class_->handler = [](Instance& instance, InputLock lock, HttpRequest, OnReply reply) {
    auto put = instance.storage().Put(lock, {{"a", "1"}}, {.allow_unconfirmed = true}, nullptr);
    reply(Text("early"));
  };
  engine_.FailNextCommit({});
  Fetch(1);
  loop_.RunReady();
  EXPECT_EQ(replies_, Strings{"early"});
  EXPECT_EQ(shard_->live_instances(), 1u);
  loop_.Advance(milliseconds(10));
  EXPECT_EQ(shard_->live_instances(), 0u);
}

TEST_F(ShardTest, ResetsAnObjectWhoseCommitIsNotAnswered) {
  Attach({.flush_max = milliseconds(2)});
  Fetch(1);
  loop_.Advance(milliseconds(3));
  EXPECT_EQ(replies_,
            Strings{"error: Durable Object storage operation exceeded timeout which caused object to be reset."});
}

class Chunks final : public BodyStream {
 public:
  explicit Chunks(Instance& instance) : instance_(instance) {}
  void Read(OnChunk on_chunk) override {
    if (left_-- == 0) return on_chunk(std::optional<Bytes>());
    // Each chunk follows a write of its own.
    auto put = instance_.storage().Put({}, {{"chunk", std::to_string(left_)}}, {}, nullptr);
    on_chunk(std::optional<Bytes>("chunk"));
    instance_.TurnEnded();
  }

 private:
  Instance& instance_;
  int left_ = 2;
};

TEST_F(ShardTest, HoldsEachBodyChunkUntilTheWritesBeforeItAreDurable) {
  class_->handler = [](Instance& instance, InputLock, HttpRequest, OnReply reply) {
    HttpResponse response;
    response.body = Body::Of(std::make_unique<Chunks>(instance));
    reply(std::move(response));
  };
  std::unique_ptr<BodyStream> body;
  std::string got;
  shard_->Fetch(Id(1), std::nullopt, Request("/"),
                [&](Result<HttpResponse> result) { body = std::move(result.value().body.stream); });
  loop_.RunReady();
  ASSERT_NE(body, nullptr);
  BodyStream::OnChunk on_chunk;
  auto read = [&] {
    body->Read([&](Result<std::optional<Bytes>> chunk) {
      got += !chunk.has_value() ? "error" : chunk.value() ? *chunk.value() : ".";
    });
  };
  read();
  loop_.Advance(milliseconds(4));
  EXPECT_EQ(got, "");
  loop_.Advance(milliseconds(2));
  EXPECT_EQ(got, "chunk");
  engine_.FailNextCommit({});
  read();
  loop_.Advance(milliseconds(50));
  EXPECT_EQ(got, "chunkerror");
}

TEST_F(ShardTest, CarriesCallsBodiesAndRepliesBetweenShards) {
  auto other = Shard::Make(loop_, engine_.Attach(loop_), claim_, {}, log_, counters_);
  class_->handler = [](Instance& instance, InputLock, HttpRequest, OnReply reply) {
    HttpResponse response;
    response.body = Body::Of(std::make_unique<Chunks>(instance));
    reply(std::move(response));
  };
  other->SetClass(kSpace, class_);
  Directory directory({{&loop_, shard_.get()}, {&loop_, other.get()}}, 0);
  std::string got;
  std::vector<std::unique_ptr<BodyStream>> bodies;
  for (uint8_t number = 0; number < 16; ++number) {
    ObjectId id = Id(static_cast<uint8_t>(number * 16));
    id.base[7] = static_cast<uint8_t>(number * 16);
    directory.Fetch(id, std::nullopt, Request("/"), [&](Result<HttpResponse> result) {
      bodies.push_back(std::move(result.value().body.stream));
      bodies.back()->Read(
          [&](Result<std::optional<Bytes>> chunk) { got += chunk.has_value() && chunk.value() ? "c" : "."; });
    });
  }
  loop_.Advance(milliseconds(20));
  EXPECT_EQ(got, std::string(16, 'c'));
  EXPECT_GT(shard_->live_instances(), 2u);
  EXPECT_GT(other->live_instances(), 2u);
  bodies.clear();
  loop_.RunReady();
}

}  // namespace
}  // namespace limpet::object

// Planned ends of instances: code updates of every strategy, and the handler that runs before.
#include <gtest/gtest.h>

#include "loop/sim_loop.h"
#include "object/fake_code_test.h"
#include "store/faulty.h"

namespace limpet::object {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Strings = std::vector<std::string>;

class ShutdownTest : public testing::Test {
 protected:
  ShutdownTest() : engine_(&loop_, {.commit_delay = milliseconds(5)}) {
    shard_ = Shard::Make(loop_, engine_.Attach(loop_), engine_.Acquire(0).value(), {}, log_, counters_);
    for (int version = 1; version <= 3; ++version) codes_.push_back(MakeCode(version));
    shard_->SetClass(kSpace, codes_[0]);
  }
  // "/" answers with the version, "/hold" when it is let go, and "/value" with what is stored.
  std::shared_ptr<FakeClass> MakeCode(int version) {
    auto code = std::make_shared<FakeClass>(
        [this, version](Instance& instance, InputLock lock, HttpRequest request, OnReply reply) {
          if (request.url == "/hold") return held_.push_back(std::move(reply));
          if (request.url == "/value") {
            auto value = instance.storage().GetNow("k");
            return reply(Text(value.has_value() && value.value() ? *value.value() : "none"));
          }
          reply(Text("v" + std::to_string(version)));
        });
    return code;
  }
  void Fetch(std::string url = "/") { shard_->Fetch(Id(1), std::nullopt, Request(std::move(url)), Into(replies_)); }
  // The handler writes, says so, and ends when it is let go.
  void Watch(FakeClass& code, std::string value, bool at_once = false) {
    code.on_pre_shutdown = [this, value, at_once](Instance& instance, const InputLock& lock, ShutdownReason reason,
                                                  OnReply done) {
      told_.push_back(reason == ShutdownReason::kInactive ? "inactive" : "codeUpdated");
      (void)instance.storage().Put(lock, {{"k", value}}, {}, nullptr);
      if (at_once) return done(HttpResponse());
      held_.push_back(std::move(done));
    };
  }
  void Settle() { loop_.Advance(milliseconds(20)); }

  loop::SimLoop loop_{1};
  store::FaultyEngine engine_;
  NullLogger log_;
  Counters counters_;
  std::vector<OnReply> held_;
  std::vector<std::shared_ptr<FakeClass>> codes_;
  std::unique_ptr<Shard> shard_;
  Strings replies_, told_;
  const std::string updated_ = "error: Durable Object reset because its code was updated.";
};

TEST_F(ShutdownTest, AnImmediateUpdateEndsWhatRuns) {
  Fetch("/hold");
  Settle();
  shard_->SetClass(kSpace, codes_[1], {CodeUpdate::Mode::kImmediate, {}});
  Fetch();
  Settle();
  EXPECT_EQ(replies_, (Strings{updated_, "v2"}));
  EXPECT_EQ(codes_[0]->live, 0);
}

TEST_F(ShutdownTest, ADeferredUpdateLetsTheOldInstanceServeUntilItIsIdle) {
  Fetch();
  Settle();
  shard_->SetClass(kSpace, codes_[1], {CodeUpdate::Mode::kDeferred, seconds(60)});
  for (int i = 0; i < 4; ++i) {
    loop_.Advance(seconds(9));
    Fetch();
  }
  loop_.Advance(seconds(11));
  EXPECT_EQ(codes_[0]->live, 0) << "ten seconds without an event";
  Fetch();
  Settle();
  EXPECT_EQ(replies_, (Strings{"v1", "v1", "v1", "v1", "v1", "v2"}));
  loop_.Advance(seconds(9));
  Fetch();
  Settle();
  EXPECT_EQ(codes_[1]->made, 1) << "the timer's time is over: the new instance is none of its business";
}

TEST_F(ShutdownTest, ADeferredUpdateEndsWithItsDelay) {
  Fetch("/hold");
  Settle();
  shard_->SetClass(kSpace, codes_[1], {CodeUpdate::Mode::kDeferred, seconds(60)});
  loop_.Advance(seconds(59));
  Fetch();
  Settle();
  EXPECT_EQ(replies_, Strings{"v1"});
  loop_.Advance(seconds(1));
  Fetch();
  Settle();
  EXPECT_EQ(replies_, (Strings{"v1", updated_, "v2"}));
}

TEST_F(ShutdownTest, ADelayOfNothingIsAtOnce) {
  Fetch("/hold");
  Settle();
  shard_->SetClass(kSpace, codes_[1], {CodeUpdate::Mode::kDeferred, seconds(0)});
  Settle();
  EXPECT_EQ(replies_, Strings{updated_});
}

TEST_F(ShutdownTest, TheFirstDelayThatIsOverAppliesTheLatestCode) {
  Fetch("/hold");
  Settle();
  shard_->SetClass(kSpace, codes_[1], {CodeUpdate::Mode::kDeferred, seconds(30)});
  loop_.Advance(seconds(10));
  shard_->SetClass(kSpace, codes_[2], {CodeUpdate::Mode::kDeferred, seconds(60)});
  loop_.Advance(seconds(19));
  EXPECT_EQ(codes_[0]->live, 1);
  loop_.Advance(seconds(1));
  EXPECT_EQ(codes_[0]->live, 0);
  Fetch();
  Settle();
  EXPECT_EQ(replies_, (Strings{updated_, "v3"}));
}

TEST_F(ShutdownTest, AnImmediateUpdateCutsADeferredOneShort) {
  Fetch("/hold");
  Settle();
  shard_->SetClass(kSpace, codes_[1], {CodeUpdate::Mode::kDeferred, seconds(30)});
  shard_->SetClass(kSpace, codes_[2], {CodeUpdate::Mode::kImmediate, {}});
  Settle();
  EXPECT_EQ(replies_, Strings{updated_});
}

TEST_F(ShutdownTest, WhatRunsOnTooOldCodeIsEnded) {
  Fetch("/hold");
  Settle();
  shard_->EndAll(codes_[1].get());
  Settle();
  EXPECT_EQ(replies_, Strings{});
  shard_->EndAll(codes_[0].get());
  Settle();
  EXPECT_EQ(replies_, Strings{updated_});
}

TEST_F(ShutdownTest, AnIdleObjectIsToldBeforeItGoesAndWhatItWritesIsThereForTheNext) {
  Watch(*codes_[0], "last");
  Fetch();
  loop_.Advance(seconds(9));
  EXPECT_EQ(told_, Strings{});
  loop_.Advance(seconds(2));
  EXPECT_EQ(told_, Strings{"inactive"});
  EXPECT_EQ(codes_[0]->live, 1);
  Fetch("/value");
  loop_.Advance(seconds(5));
  EXPECT_EQ(replies_, Strings{"v1"}) << "no event is delivered meanwhile";
  held_[0](HttpResponse());
  Settle();
  EXPECT_EQ(replies_, (Strings{"v1", "last"}));
  EXPECT_EQ(codes_[0]->made, 2);
  EXPECT_EQ(told_.size(), 1u);
}

TEST_F(ShutdownTest, TheNextConstructorWaitsForTheLastWrites) {
  Watch(*codes_[0], "last", /*at_once=*/true);
  Fetch();
  loop_.Advance(seconds(10) - milliseconds(1));
  codes_[0]->construct = [](Instance& instance) -> Result<Done> {
    auto value = instance.storage().GetNow("k");
    EXPECT_TRUE(value.has_value() && value.value() == "last");
    return Done{};
  };
  for (int i = 0; i < 3; ++i) {  // Before the commit is back, in its midst, after.
    loop_.Advance(milliseconds(2));
    Fetch();
  }
  Settle();
  EXPECT_EQ(replies_.size(), 4u);
  EXPECT_EQ(codes_[0]->made, 2);
}

TEST_F(ShutdownTest, EveryUpdateTellsTheOldCode) {
  for (CodeUpdate update : {CodeUpdate{CodeUpdate::Mode::kSoon, {}}, CodeUpdate{CodeUpdate::Mode::kImmediate, {}},
                            CodeUpdate{CodeUpdate::Mode::kDeferred, seconds(3)}}) {
    auto old = MakeCode(1), fresh = MakeCode(2);
    shard_->SetClass(kSpace, old);
    Settle();
    replies_.clear();
    told_.clear();
    Watch(*old, "w" + std::to_string(static_cast<int>(update.mode)), /*at_once=*/true);
    Fetch();
    Settle();
    shard_->SetClass(kSpace, fresh, update);
    loop_.Advance(seconds(4));
    Fetch("/value");
    Settle();
    EXPECT_EQ(told_, Strings{"codeUpdated"});
    EXPECT_EQ(replies_, (Strings{"v1", "w" + std::to_string(static_cast<int>(update.mode))}));
    EXPECT_EQ(old->live, 0);
  }
}

TEST_F(ShutdownTest, WhatRunsGoesOnWhileTheHandlerRuns) {
  Watch(*codes_[0], "last");
  Fetch("/hold");
  Settle();
  shard_->SetClass(kSpace, codes_[1], {CodeUpdate::Mode::kImmediate, {}});
  Settle();
  ASSERT_EQ(held_.size(), 2u);
  held_[0](Text("late"));
  Settle();
  EXPECT_EQ(replies_, Strings{"late"});
  held_[1](HttpResponse());
  Settle();
  EXPECT_EQ(codes_[0]->live, 0);
}

TEST_F(ShutdownTest, AHandlerHasTenSecondsAndKeepsWhatItWrote) {
  Watch(*codes_[0], "early");
  Fetch();
  Settle();
  shard_->SetClass(kSpace, codes_[1], {CodeUpdate::Mode::kImmediate, {}});
  Fetch("/value");
  loop_.Advance(milliseconds(9900));
  EXPECT_EQ(codes_[0]->live, 1);
  loop_.Advance(milliseconds(200));
  EXPECT_EQ(codes_[0]->live, 0);
  EXPECT_EQ(replies_, (Strings{"v1", "early"}));
  held_[0](HttpResponse());  // Too late.
  Settle();
}

TEST_F(ShutdownTest, AGateThatStaysShutDoesNotHoldTheEndUp) {
  Watch(*codes_[0], "never");
  InputLock kept;
  codes_[0]->handler = [&](Instance&, InputLock lock, HttpRequest, OnReply reply) {
    kept = std::move(lock);
    reply(Text("locked"));
  };
  Fetch();
  Settle();
  shard_->SetClass(kSpace, codes_[1], {CodeUpdate::Mode::kImmediate, {}});
  loop_.Advance(milliseconds(10'100));
  EXPECT_EQ(told_, Strings{});
  EXPECT_EQ(codes_[0]->live, 0);
  kept = {};
}

TEST_F(ShutdownTest, EndsThatNobodyPlannedTellNobody) {
  Watch(*codes_[0], "x");
  codes_[0]->handler = [](Instance& instance, InputLock, HttpRequest, OnReply) {
    instance.Abort(Error::Script("Error", "enough"));
  };
  Fetch();
  Settle();
  EXPECT_EQ(replies_, Strings{"error: enough"});
  codes_[0]->construct = [](Instance&) -> Result<Done> { return Error::Script("Error", "no"); };
  Fetch();
  Settle();
  codes_[0]->construct = [](Instance&) -> Result<Done> { return Done{}; };
  codes_[0]->handler = [](Instance&, InputLock, HttpRequest, OnReply reply) { reply(Text("")); };
  Fetch();
  Settle();
  shard_->RemoveClass(kSpace, Error(ErrorCode::kNotFound, "gone"), [] {});
  Settle();
  EXPECT_EQ(told_, Strings{});
}

TEST_F(ShutdownTest, ALastWriteThatFailsIsAFailedObject) {
  Watch(*codes_[0], "lost", /*at_once=*/true);
  Fetch();
  Settle();
  engine_.FailNextCommit({.landed = false});
  shard_->SetClass(kSpace, codes_[1]);
  Fetch("/value");
  loop_.Advance(seconds(1));
  EXPECT_EQ(replies_, (Strings{"v1", "none"}));
}

TEST_F(ShutdownTest, AHandlerMayAbort) {
  codes_[0]->on_pre_shutdown = [](Instance& instance, const InputLock& lock, ShutdownReason, OnReply) {
    (void)instance.storage().Put(lock, {{"k", "dropped"}}, {}, nullptr);
    instance.Abort(Error::Script("Error", "enough"));
  };
  Fetch();
  Settle();
  shard_->SetClass(kSpace, codes_[1]);
  Fetch("/value");
  Settle();
  EXPECT_EQ(replies_, (Strings{"v1", "none"}));
}

TEST_F(ShutdownTest, TheEndOfTheServerTellsIdleObjects) {
  Watch(*codes_[0], "last", /*at_once=*/true);
  Fetch();
  Settle();
  bool drained = false;
  shard_->Drain([&] { drained = true; });
  Settle();
  EXPECT_TRUE(drained);
  EXPECT_EQ(told_, Strings{"inactive"});
  EXPECT_EQ(engine_.ListObjects(kSpace, std::nullopt, 1)->size(), 1u);
}

}  // namespace
}  // namespace limpet::object

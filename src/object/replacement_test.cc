// All that an object stores is replaced: whole or not at all, whatever happens in the middle.
#include "object/replacement.h"

#include <gtest/gtest.h>

#include "loop/sim_loop.h"
#include "object/fake_code_test.h"
#include "store/faulty.h"

namespace limpet::object {
namespace {

using namespace std::chrono_literals;
using store::Space;
using store::Write;
using Map = std::map<Bytes, Bytes>;

// Gives `pairs` in slices of two; and fails after `fails_after` of them.
class ListSource final : public ContentSource {
 public:
  explicit ListSource(Map pairs, int fails_after = -1) : pairs_(std::move(pairs)), fails_after_(fails_after) {}
  void Next(UniqueFunction<void(Result<Slice>)> done) override {
    if (fails_after_-- == 0) return done(Error(ErrorCode::kOverloaded, "the disk is full"));
    Slice slice;
    while (!pairs_.empty() && slice.writes.size() < 2) {
      auto first = pairs_.begin();
      slice.writes.push_back({Write::Kind::kPut, Space::kKv, first->first, first->second});
      pairs_.erase(first);
    }
    slice.last = pairs_.empty();
    if (slice.last) {
      slice.writes.push_back({Write::Kind::kPut, Space::kAlarm, {}, Bytes(8, '\1')});
      for (Space space : {Space::kPage}) slice.writes.push_back({Write::Kind::kPut, space, Bytes(8, '\0'), "page"});
    }
    done(std::move(slice));
  }

 private:
  Map pairs_;
  int fails_after_;
};

class ReplacementTest : public testing::Test {
 protected:
  ReplacementTest() : engine_(&loop_, {.commit_delay = 5ms}) { Open(); }
  void Open(Quota quota = {}) {
    ShardOptions options;
    options.restore_commit_bytes = 20;
    options.quota = quota;
    shard_.reset();
    shard_ = Shard::Make(loop_, engine_.Attach(loop_), engine_.Acquire(0).value(), options, log_, counters_);
    shard_->SetClass(kSpace, class_);
  }
  static Map Many(const std::string& value, int count = 9) {
    Map pairs;
    for (int i = 0; i < count; ++i) pairs["key" + std::to_string(i)] = value;
    return pairs;
  }
  std::shared_ptr<std::optional<Result<Done>>> Begin(std::shared_ptr<ContentSource> source, bool only_if_new = false) {
    auto result = std::make_shared<std::optional<Result<Done>>>();
    shard_->Apply(Id(1), {std::move(source), only_if_new}, [result](Result<Done> got) { *result = std::move(got); });
    return result;
  }
  std::string Replace(std::shared_ptr<ContentSource> source, bool only_if_new = false) {
    auto result = Begin(std::move(source), only_if_new);
    loop_.Advance(5s);
    if (!*result) return "no answer";
    return (*result)->has_value() ? "ok" : (*result)->error().message();
  }
  std::string Settle() {
    auto result = std::make_shared<std::optional<Result<Done>>>();
    shard_->Settle(Id(1), [result](Result<Done> got) { *result = std::move(got); });
    loop_.Advance(5s);
    if (!*result) return "no answer";
    return (*result)->has_value() ? "ok" : (*result)->error().message();
  }
  size_t Unsettled() {
    std::unique_ptr<store::Session> session = engine_.Attach(loop_);
    store::ScanOptions options;
    options.space = Space::kMeta;
    return session->ScanNow(store::UnsettledIndex(), options).value().pairs.size();
  }
  // As an instance sees it.
  Map Look() {
    std::vector<std::string> replies;
    shard_->Fetch(Id(1), std::nullopt, Request("look"), Into(replies));
    loop_.Advance(5s);
    EXPECT_EQ(replies.size(), 1u);
    return std::exchange(seen_, {});
  }
  size_t Stored(Space space) {
    std::unique_ptr<store::Session> session = engine_.Attach(loop_);
    store::ScanOptions options;
    options.space = space;
    return session->ScanNow(Id(1), options).value().pairs.size();
  }

  loop::SimLoop loop_{1};
  store::FaultyEngine engine_;
  NullLogger log_;
  Counters counters_;
  Map seen_;
  std::shared_ptr<FakeClass> class_ =
      std::make_shared<FakeClass>([this](Instance& instance, InputLock, HttpRequest, OnReply reply) {
        Result<object::Pairs> pairs = instance.storage().ListNow({});
        for (auto& [key, value] : pairs.value()) seen_[key] = value;
        reply(Text("ok"));
      });
  std::unique_ptr<Shard> shard_;
};

TEST_F(ReplacementTest, TakesThePlaceOfAllThatIsThere) {
  EXPECT_EQ(Replace(std::make_shared<ListSource>(Many("old"))), "ok");
  EXPECT_EQ(Look(), Many("old"));
  EXPECT_EQ(Replace(std::make_shared<ListSource>(Map{{"a", "new"}})), "ok");
  EXPECT_EQ(Look(), (Map{{"a", "new"}}));
  EXPECT_EQ(Replace(std::make_shared<ListSource>(Many("newer", 3))), "ok");
  EXPECT_EQ(Look(), Many("newer", 3));
  EXPECT_EQ(Stored(Space::kPage), 1u);
  EXPECT_EQ(Stored(Space::kAlarm), 1u);
}

TEST_F(ReplacementTest, OnlyOfAnObjectThatStoresNothing) {
  EXPECT_EQ(Replace(std::make_shared<ListSource>(Many("one")), true), "ok");
  EXPECT_EQ(Replace(std::make_shared<ListSource>(Many("two")), true), "The Durable Object stores something already.");
  EXPECT_EQ(Look(), Many("one"));
}

TEST_F(ReplacementTest, ThatFailsHalfWayIsUndone) {
  EXPECT_EQ(Replace(std::make_shared<ListSource>(Many("new"), 3)), "the disk is full");
  EXPECT_EQ(Look(), Map());
  EXPECT_EQ(Stored(Space::kPage) + Stored(Space::kAlarm), 0u);
  EXPECT_EQ(Replace(std::make_shared<ListSource>(Many("old"))), "ok");
  EXPECT_EQ(Replace(std::make_shared<ListSource>(Many("new", 20), 3)), "the disk is full");
  EXPECT_EQ(Look(), Many("old"));
  EXPECT_EQ(Stored(Space::kPage), 1u);
}

TEST_F(ReplacementTest, ThatIsCutOffByACrashIsUndoneAtTheNextStart) {
  EXPECT_EQ(Replace(std::make_shared<ListSource>(Many("old"))), "ok");
  size_t halves = 0;
  for (auto when = 1ms; when < 150ms; when += 4ms) {
    auto result = Begin(std::make_shared<ListSource>(Many("new", 20)));
    loop_.Advance(when);
    shard_.reset();
    engine_.CrashAndReopen();
    Open();
    if (*result && (*result)->has_value()) {
      EXPECT_EQ(Look(), Many("new", 20)) << when.count();
      EXPECT_EQ(Replace(std::make_shared<ListSource>(Many("old"))), "ok");
      continue;
    }
    halves += Stored(Space::kKv) == 9 ? 0 : 1;
    Map seen = Look();
    EXPECT_TRUE(seen == Many("old") || seen == Many("new", 20)) << when.count();
    if (seen != Many("old")) EXPECT_EQ(Replace(std::make_shared<ListSource>(Many("old"))), "ok");
  }
  EXPECT_GT(halves, 3u);
}

TEST_F(ReplacementTest, WhatIsLeftOfOneIsUndoneWhenItIsSettledAndNoInstanceStarts) {
  EXPECT_EQ(Replace(std::make_shared<ListSource>(Many("old"))), "ok");
  (void)Begin(std::make_shared<ListSource>(Many("new", 20)));
  loop_.Advance(60ms);
  shard_.reset();
  engine_.CrashAndReopen();
  Open();
  EXPECT_EQ(Unsettled(), 1u);
  EXPECT_EQ(Settle(), "ok");
  EXPECT_EQ(Unsettled(), 0u);
  EXPECT_EQ(class_->made, 0);
  EXPECT_EQ(Stored(Space::kKv), 9u);
  EXPECT_EQ(Look(), Many("old"));
}

TEST_F(ReplacementTest, OfANewObjectTheHistoryAloneIsLeft) {
  (void)Begin(std::make_shared<ListSource>(Many("new", 20)));
  loop_.Advance(30ms);
  shard_.reset();
  engine_.CrashAndReopen();
  Open();
  EXPECT_GT(Stored(Space::kKv), 0u);
  EXPECT_EQ(Settle(), "ok");
  for (Space space : {Space::kKv, Space::kPage, Space::kAlarm, Space::kMeta}) {
    EXPECT_EQ(Stored(space), 0u) << static_cast<char>(space);
  }
  EXPECT_EQ(Unsettled(), 0u);
}

TEST_F(ReplacementTest, OneThatIsUnderWayIsLeftAlone) {
  auto result = Begin(std::make_shared<ListSource>(Many("new", 20)));
  loop_.Advance(20ms);
  EXPECT_EQ(Settle(), "ok");
  ASSERT_TRUE(*result);
  EXPECT_TRUE((*result)->has_value());
  EXPECT_EQ(Look(), Many("new", 20));
}

TEST_F(ReplacementTest, AnEntryOfTheIndexThatLeadsNowhereIsStruckOff) {
  std::unique_ptr<store::Session> session = engine_.Attach(loop_);
  store::ObjectBatch entry{store::UnsettledIndex(), {}};
  entry.writes.push_back({Write::Kind::kPut, Space::kMeta, store::UnsettledKey(Id(1)), {}});
  session->Commit(engine_.Acquire(1).value(), std::move(entry), [](const auto&) {});
  loop_.Advance(1s);
  EXPECT_EQ(Unsettled(), 1u);
  EXPECT_EQ(Settle(), "ok");
  EXPECT_EQ(Unsettled(), 0u);
}

TEST_F(ReplacementTest, WhatIsLeftOfOneIsUndoneBeforeAnother) {
  (void)Begin(std::make_shared<ListSource>(Many("new", 20)));
  loop_.Advance(30ms);
  shard_.reset();
  engine_.CrashAndReopen();
  Open();
  EXPECT_GT(Stored(Space::kKv), 0u);
  EXPECT_EQ(Replace(std::make_shared<ListSource>(Many("one", 2)), true), "ok");
  EXPECT_EQ(Look(), Many("one", 2));
}

TEST_F(ReplacementTest, KeepsToTheQuotas) {
  EXPECT_EQ(Replace(std::make_shared<ListSource>(Many("old"))), "ok");
  Open({.object = 100});
  EXPECT_EQ(Replace(std::make_shared<ListSource>(Many("new", 50))),
            "Exceeded allowed storage: the Durable Object would store 109 bytes, its quota is 100.");
  EXPECT_EQ(Look(), Many("old"));
  EXPECT_EQ(Replace(std::make_shared<ListSource>(Many("new"))), "ok");
  Open({.in_namespace = 200});
  EXPECT_EQ(Replace(std::make_shared<ListSource>(Many("new", 50))),
            "Exceeded allowed storage: its class would store 204 bytes, its quota is 200.");
  EXPECT_EQ(Look(), Many("new"));
}

TEST_F(ReplacementTest, EventsWaitForItsEnd) {
  auto result = Begin(std::make_shared<ListSource>(Many("new", 20)));
  loop_.Advance(20ms);
  EXPECT_FALSE(result->has_value());
  EXPECT_EQ(Look(), Many("new", 20));
}

TEST_F(ReplacementTest, EndsWithTheServer) {
  auto result = Begin(std::make_shared<ListSource>(Many("new", 20)));
  loop_.Advance(20ms);
  bool drained = false;
  shard_->Drain([&] { drained = true; });
  loop_.Advance(1s);
  EXPECT_TRUE(drained);
  ASSERT_TRUE(*result);
  EXPECT_EQ((*result)->error().message(), "The server is shutting down.");
  Open();
  EXPECT_EQ(Look(), Map());
}

}  // namespace
}  // namespace limpet::object

#include "kv/kv.h"

#include <gtest/gtest.h>

#include <thread>

#include "kv/outlet.h"
#include "loop/sim_loop.h"
#include "store/memory.h"

namespace limpet::kv {
namespace {

class KvTest : public testing::Test {
 protected:
  KvTest() : engine_(store::MakeMemoryEngine()), session_(engine_->Attach(loop_)) {
    Result<store::Claim> claim = engine_->Acquire(7);
    EXPECT_TRUE(claim.has_value());
    writer_.emplace(*session_, claim.value());
  }
  template <typename T>
  static loop::Task<Done> Keep(loop::Task<T> task, std::optional<T>* value) {
    value->emplace(co_await std::move(task));
    co_return Done{};
  }
  template <typename T>
  T Wait(loop::Task<Result<T>> task) {
    std::optional<Result<T>> value;
    scope_.Spawn(Keep(std::move(task), &value));
    loop_.RunUntilIdle(std::chrono::seconds(1));
    EXPECT_TRUE(value && value->has_value());
    return value && value->has_value() ? std::move(*value).value() : T{};
  }
  void Write(const Bytes& key, std::optional<Value> value) { Wait(writer_->Write(ns_, Change(key, std::move(value)))); }
  static std::vector<Writer::Change> Change(const Bytes& key, std::optional<Value> value) {
    std::vector<Writer::Change> changes;
    changes.emplace_back(key, std::move(value));
    return changes;
  }
  void Put(const Bytes& key, const Bytes& bytes, uint64_t expiration = 0, std::optional<std::string> metadata = {}) {
    Write(key, Value{{expiration, std::move(metadata)}, bytes});
  }
  std::optional<Bytes> Get(const Bytes& key, uint64_t now = 100) {
    std::optional<Value> value = Wait(Find(*session_, kNs, key, now));
    return value ? std::optional(value->bytes) : std::nullopt;
  }
  // The keys with a space after each, and "+" if there are more.
  std::string Keys(ListOptions options, uint64_t now = 100) {
    ListPage page = Wait(List(*session_, kNs, std::move(options), now));
    std::string text;
    for (const auto& [key, entry] : page.keys) text += key + " ";
    return text + (page.complete ? "" : "+");
  }
  void PutAfter(int steps, std::optional<Result<Done>>* put) {
    if (steps > 0) return loop_.Post([this, steps, put] { PutAfter(steps - 1, put); });
    scope_.Spawn(Keep(writer_->Write(ns_, Change("a", Value{{}, "new"})), put));
  }
  size_t Records() { return Wait(Scan()).pairs.size(); }
  loop::Task<Result<store::ScanPage>> Scan() {
    ObjectId id{.ns = kNs};
    id.base[0] = 'k';
    id.base[1] = 'v';
    store::ScanOptions options;
    options.space = store::Space::kMeta;
    loop::Completion<Result<store::ScanPage>> scan([&](auto done) { session_->Scan(id, options, std::move(done)); });
    co_return co_await scan;
  }

  static constexpr NamespaceId kNs{9};
  loop::SimLoop loop_;
  std::unique_ptr<store::Engine> engine_;
  std::unique_ptr<store::Session> session_;
  loop::TaskScope scope_;
  std::optional<Writer> writer_;
  std::shared_ptr<Namespace> ns_ = std::make_shared<Namespace>(kNs);
};

TEST_F(KvTest, KeepsValuesWithMetadata) {
  Put("a", "one", 0, R"({"x":1})");
  Put("b", "", 0, "");
  std::optional<Value> a = Wait(Find(*session_, kNs, "a", 100));
  ASSERT_TRUE(a);
  EXPECT_EQ(a->bytes, "one");
  EXPECT_EQ(a->entry.metadata, R"({"x":1})");
  std::optional<Value> b = Wait(Find(*session_, kNs, "b", 100));
  ASSERT_TRUE(b);
  EXPECT_EQ(b->bytes, "");
  EXPECT_EQ(b->entry.metadata, "");
  Put("a", "two");
  EXPECT_EQ(Wait(Find(*session_, kNs, "a", 100))->entry.metadata, std::nullopt);
  Write("a", std::nullopt);
  EXPECT_EQ(Get("a"), std::nullopt);
  EXPECT_EQ(Keys({}), "b ");
}

TEST_F(KvTest, ListsInOrderOfBytesPageByPage) {
  for (const char* key : {"b", "a", "a\xff", "a\3771", "ab", "c"}) Put(key, "v");
  EXPECT_EQ(Keys({}),
            "a ab a\xff a\xff"
            "1 b c ");
  EXPECT_EQ(Keys({.prefix = "a\xff"}),
            "a\xff a\xff"
            "1 ");
  EXPECT_EQ(Keys({.prefix = "a", .limit = 2}), "a ab +");
  EXPECT_EQ(Keys({.prefix = "a", .after = "ab", .limit = 2}),
            "a\xff a\xff"
            "1 ");
  EXPECT_EQ(Keys({.prefix = "a", .after = "b"}), "");
}

TEST_F(KvTest, WhatIsOverIsNotSeenAndThenSwept) {
  Put("a", "v", 150);
  Put("b", "v", 150);
  Put("c", "v", 150);
  Put("c", "later", 250);
  Put("d", "v");
  EXPECT_EQ(Keys({}, 149), "a b c d ");
  EXPECT_EQ(Get("a", 149), "v");
  EXPECT_EQ(Get("a", 150), std::nullopt);
  EXPECT_EQ(Keys({.limit = 1}, 150), "c +");
  EXPECT_EQ(Wait(writer_->Sweep(ns_, 149, 10)), 0u);
  EXPECT_EQ(Wait(writer_->Sweep(ns_, 150, 10)), 3u);
  EXPECT_EQ(Get("c", 150), "later");
  EXPECT_EQ(Records(), 5u);  // Of c a value, a head and a mark; of d a value and a head.
}

TEST_F(KvTest, ASweepLeavesWhatIsWrittenMeanwhile) {
  // At each step of the sweep: before it, between its reads, after them.
  for (int steps = 0; steps < 12; ++steps) {
    Put("a", "old", 150);
    std::optional<Result<Done>> put;
    std::optional<Result<size_t>> swept;
    loop_.Post([&, steps] { PutAfter(steps, &put); });
    scope_.Spawn(Keep(writer_->Sweep(ns_, 200, 10), &swept));
    loop_.RunUntilIdle(std::chrono::seconds(1));
    ASSERT_TRUE(put && put->has_value() && swept && swept->has_value());
    EXPECT_EQ(Get("a", 200), "new") << steps;
  }
}

TEST_F(KvTest, SeveralChangesLandTogether) {
  Put("gone", "v");
  std::vector<Writer::Change> changes;
  changes.emplace_back("a", Value{{}, "first"});
  changes.emplace_back("a", Value{{}, "second"});
  changes.emplace_back("gone", std::nullopt);
  Wait(writer_->Write(ns_, std::move(changes)));
  EXPECT_EQ(Get("a"), "second");
  EXPECT_EQ(Keys({}), "a ");
}

TEST_F(KvTest, TheEndOfANamespaceWaitsForItsWritesAndLetsNoneBegin) {
  Namespaces all(store::Claim{});
  all.Add(kNs);
  ns_ = all.Find(kNs);
  std::optional<Result<Done>> put;
  bool ended = false;
  scope_.Spawn(Keep(writer_->Write(ns_, Change("a", Value{{}, "v"})), &put));
  all.Retire(kNs, [&] { ended = true; });
  EXPECT_FALSE(ended);
  loop_.RunUntilIdle(std::chrono::seconds(1));
  EXPECT_TRUE(put && put->has_value());
  EXPECT_TRUE(ended);
  EXPECT_EQ(all.Find(kNs), nullptr);

  put.reset();
  scope_.Spawn(Keep(writer_->Write(ns_, Change("a", Value{{}, "late"})), &put));
  loop_.RunUntilIdle(std::chrono::seconds(1));
  ASSERT_TRUE(put && !put->has_value());
  EXPECT_EQ(put->error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(Get("a"), "v");
}

TEST(KvNamespace, ThreadsWriteAndSweepUntilItRetires) {
  Namespace ns{NamespaceId{9}};
  std::atomic<int> writing = 0, ended = 0;
  std::atomic<bool> sweeping = false, bad = false;
  auto write = [&] {
    Bytes key = "key";
    std::vector<BytesView> keys = {key};
    while (ns.BeginWrite(keys)) {
      writing.fetch_add(1);
      if (ended.load() != 0) bad = true;
      writing.fetch_sub(1);
      ns.EndWrite(keys);
    }
  };
  auto sweep = [&] {
    while (!ns.retired()) {
      if (!ns.BeginSweep()) continue;
      if (sweeping.exchange(true)) bad = true;  // One at a time.
      sweeping = false;
      ns.EndSweep([&](const auto&) {});
      if (ended.load() != 0) bad = true;
      ns.EndWrite({});
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back(write);
    threads.emplace_back(sweep);
  }
  while (writing.load() == 0) std::this_thread::yield();
  ns.Retire([&] { ended.fetch_add(1); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ended.load(), 1);
  EXPECT_FALSE(bad.load());
}

TEST_F(KvTest, AnOutletRefusesMoreThanMayBeOnItsWay) {
  constexpr size_t kMax = 10000;
  Outlet outlet(*engine_, loop_, {}, kMax);
  std::vector<Result<Done>> answers;
  auto write = [&](size_t bytes) {
    outlet.Write(ns_, Change("a", Value{{}, Bytes(bytes, 'x')}), [&](Result<Done> done) { answers.push_back(done); });
  };
  write(kMax / 2);
  write(kMax / 2);
  EXPECT_TRUE(answers.empty());
  loop_.RunUntilIdle(std::chrono::seconds(1));
  ASSERT_EQ(answers.size(), 2u);
  bool refused = !answers[0].has_value() && answers[0].error().code() == ErrorCode::kOverloaded;
  refused |= !answers[1].has_value() && answers[1].error().code() == ErrorCode::kOverloaded;
  EXPECT_TRUE(refused);
  answers.clear();
  write(1);
  loop_.RunUntilIdle(std::chrono::seconds(1));
  ASSERT_EQ(answers.size(), 1u);
}

}  // namespace
}  // namespace limpet::kv

#include "kv/kv.h"

#include <gtest/gtest.h>

#include "loop/sim_loop.h"
#include "store/memory.h"

namespace limpet::kv {
namespace {

class KvTest : public testing::Test {
 protected:
  KvTest() : engine_(store::MakeMemoryEngine()), session_(engine_->Attach(loop_)) {
    Result<store::Claim> claim = engine_->Acquire(7);
    EXPECT_TRUE(claim.has_value());
    writer_.emplace(*session_, claim.value(), kNs);
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
  void Put(const Bytes& key, const Bytes& bytes, uint64_t expiration = 0, std::optional<std::string> metadata = {}) {
    Wait(writer_->Put(key, {{expiration, std::move(metadata)}, bytes}));
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
    scope_.Spawn(Keep(writer_->Put("a", {{}, "new"}), put));
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
  Wait(writer_->Delete("a"));
  EXPECT_EQ(Get("a"), std::nullopt);
  EXPECT_EQ(Keys({}), "b ");
}

TEST_F(KvTest, ListsInOrderOfBytesPageByPage) {
  for (const char* key : {"b", "a", "a\xff",
                          "a\xff"
                          "1",
                          "ab", "c"})
    Put(key, "v");
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
  EXPECT_EQ(Wait(writer_->Sweep(149, 10)), 0u);
  EXPECT_EQ(Wait(writer_->Sweep(150, 10)), 3u);
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
    scope_.Spawn(Keep(writer_->Sweep(200, 10), &swept));
    loop_.RunUntilIdle(std::chrono::seconds(1));
    ASSERT_TRUE(put && put->has_value() && swept && swept->has_value());
    EXPECT_EQ(Get("a", 200), "new") << steps;
  }
}

}  // namespace
}  // namespace limpet::kv

// What every engine promises of sums, and of clears of much.
#include "store/engine_testing.h"

namespace limpet::store {
namespace {

class EngineTotals : public testing::TestWithParam<const char*> {
 protected:
  EngineUnderTest on_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Engines, EngineTotals, testing::ValuesIn(kEngines),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(EngineTotals, CountsWhatIsStoredWithEachCommit) {
  auto totals = [&](const ObjectId& object) { return on_.session()->TotalsNow(object).value(); };
  auto stored = [&](const ObjectId& object) { return totals(object).object; };
  Bytes page;
  AppendBigEndian64(page, 1);
  EXPECT_EQ(totals(Object(1)).commits, 0u);
  ASSERT_TRUE(on_.Commit(Object(1), {Put("a", "12345"), Put("b", "1"), Put("a", "123"), Put("m", "m", Space::kMeta)})
                  .has_value());
  EXPECT_EQ(stored(Object(1)), (StoredBytes{6, 0}));
  ASSERT_TRUE(on_.Commit(Object(1), {Put("a", "1234567"), Delete("b"), Put(page, "page", Space::kPage)}).has_value());
  EXPECT_EQ(stored(Object(1)), (StoredBytes{8, 12}));
  EXPECT_EQ(totals(Object(1)).commits, 2u);
  ASSERT_TRUE(on_.Commit(Object(2), {Put("abc", "def")}).has_value());
  ASSERT_TRUE(on_.Commit(Object(3, 8), {Put("k", "v")}).has_value());
  EXPECT_EQ(totals(Object(2)).in_namespace, 26u);
  EXPECT_EQ(totals(Object(3, 8)).in_namespace, 2u);
  EXPECT_EQ(totals(Object(9)).in_all, 28u);
  EXPECT_EQ(totals(Object(2)).in_group, 26u) << "alone";
  on_.engine().CountTogether({{7}, {8}});
  EXPECT_EQ(totals(Object(2)).in_group, 28u);
  EXPECT_EQ(totals(Object(9, 8)).in_group, 28u);
  on_.engine().CountTogether({{8}, {9}});
  EXPECT_EQ(totals(Object(2)).in_group, 26u) << "the other has left";
  EXPECT_EQ(totals(Object(3, 8)).in_group, 2u);
  on_.engine().CountTogether({{9}, {8}, {7}});
  // What follows a mark is compared with what is on disk.
  (void)on_.Mark(Object(1));
  ASSERT_TRUE(on_.Commit(Object(1), {Put("a", "12"), Delete("gone"), Put("c", "")}).has_value());
  EXPECT_EQ(stored(Object(1)), (StoredBytes{4, 12}));
  ASSERT_TRUE(on_.Commit(Object(1), {Put("z", "z"), Clear(), Put("a", "1"), Delete("c")}).has_value());
  EXPECT_EQ(stored(Object(1)), (StoredBytes{2, 12}));
  ASSERT_TRUE(on_.Commit(Object(1), {Put("a", "12"), Put("c", "c"), Clear(Space::kPage)}).has_value());
  EXPECT_EQ(stored(Object(1)), (StoredBytes{5, 0}));
  ASSERT_TRUE(
      on_.Commit(Object(1), {Clear(), Clear(Space::kPage), Clear(Space::kMeta), Clear(Space::kHistory)}).has_value());
  EXPECT_EQ(stored(Object(1)), StoredBytes());
  ASSERT_TRUE(on_.Commit(Object(1), {Put("new", "1")}).has_value());
  EXPECT_EQ(stored(Object(1)), (StoredBytes{4, 0}));
  auto dropped = on_.Await<Result<Done>>([&](auto done) { on_.engine().DropNamespace({7}, on_.loop(), done); });
  EXPECT_TRUE(dropped.has_value());
  EXPECT_EQ(stored(Object(1)), StoredBytes());
  EXPECT_EQ(totals(Object(1)).in_namespace, 0u);
  EXPECT_EQ(totals(Object(3, 8)).in_all, 2u);
  EXPECT_EQ(totals(Object(3, 8)).in_group, 2u);
}

TEST_P(EngineTotals, AClearOfMuchComesWholeAndCanBeLedBack) {
  constexpr size_t kMuch = 3 * 1024 * 1024;
  for (char key : {'a', 'b', 'c'}) ASSERT_TRUE(on_.Commit(Object(1), {Put({key}, Bytes(kMuch, key))}).has_value());
  ASSERT_TRUE(on_.Commit(Object(1), {Put("12345678", Bytes(4096, 'p'), Space::kPage)}).has_value());
  const uint64_t before = on_.Mark(Object(1)).now;
  const auto was = on_.State(Object(1));
  std::optional<HistoryMark> between;
  (void)on_.Await<Result<uint64_t>>([&](auto done) {
    ObjectBatch clear{Object(1), {Put("b", "no"), Clear(), Clear(Space::kPage), Put("b", "new")}};
    on_.session()->Commit(on_.claim(), std::move(clear), [](const Result<uint64_t>& at) { EXPECT_EQ(at.value(), 5u); });
    on_.session()->Mark(Object(1), [&](Result<HistoryMark> mark) { between = mark.value(); });
    on_.session()->Commit(on_.claim(), {Object(1), {Put("c", "after")}}, done);
  });
  EXPECT_EQ(on_.State(Object(1)), (std::map<Bytes, Bytes>{{"kb", "new"}, {"kc", "after"}}));
  EXPECT_EQ(on_.StateAt(Object(1), before), was);
  on_.Settle();
  ASSERT_TRUE(between.has_value());
  EXPECT_EQ(on_.session()->TotalsNow(Object(1))->object, (StoredBytes{10, 0}));
  EXPECT_EQ(on_.Commit(Object(1), {}).value(), 8u) << "one each, and Settle's";
}

// Many commits of few objects at once, so that groups hold several of one object.
TEST_P(EngineTotals, CountsTheSameAsAScanWhateverIsWritten) {
  SeededRandom random(11);
  for (int round = 0; round < 60; ++round) {
    (void)on_.Await<bool>([&](auto done) {
      auto left = std::make_shared<uint64_t>(1 + random.Below(6));
      for (uint64_t commits = *left; commits > 0; --commits) {
        ObjectBatch batch{Object(static_cast<uint8_t>(random.Below(3))), {}};
        for (uint64_t writes = 1 + random.Below(4); writes > 0; --writes) {
          Space space = random.Below(2) == 0 ? Space::kKv : Space::kPage;
          Bytes key(1, static_cast<char>('a' + random.Below(4)));
          uint64_t what = random.Below(8);
          batch.writes.push_back(what == 0  ? Clear(space)
                                 : what < 3 ? Delete(key, space)
                                            : Put(key, Bytes(random.Below(9), 'x'), space));
        }
        on_.session()->Commit(on_.claim(), std::move(batch), [left, done](const Result<uint64_t>& result) mutable {
          EXPECT_TRUE(result.has_value());
          if (--*left == 0) done(true);
        });
        if (random.Below(8) == 0) on_.session()->Mark(Object(1), [](const Result<HistoryMark>&) {});
      }
    });
    uint64_t all = 0;
    for (uint8_t object = 0; object < 3; ++object) {
      StoredBytes seen;
      for (auto [space, sum] : {std::pair(Space::kKv, &seen.pairs), std::pair(Space::kPage, &seen.pages)}) {
        ScanOptions options;
        options.space = space;
        for (const auto& [key, value] : on_.Scan(Object(object), options).pairs) *sum += key.size() + value.size();
      }
      ASSERT_EQ(on_.session()->TotalsNow(Object(object)).value().object, seen) << "round " << round;
      all += seen.sum();
    }
    ASSERT_EQ(on_.session()->TotalsNow(Object(0)).value().in_all, all) << "round " << round;
    const std::map<NamespaceId, uint64_t> stored = on_.engine().Stored();
    auto found = stored.find(Object(0).ns);
    ASSERT_EQ(found == stored.end() ? 0 : found->second, all) << "round " << round;
  }
}

}  // namespace
}  // namespace limpet::store

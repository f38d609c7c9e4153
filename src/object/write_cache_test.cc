#include "object/write_cache.h"

#include <gtest/gtest.h>

#include "object/list_merge.h"

namespace limpet::object {
namespace {

std::string Show(const WriteCache& cache, BytesView key) {
  auto found = cache.Find(key);
  if (!found.known) return "?";
  return found.value == nullptr ? "-" : *found.value;
}

TEST(WriteCache, ShowsTheNewestWriteAndForgetsNothingBeforeItIsDurable) {
  WriteCache cache;
  cache.Put("a", "1", true);
  cache.Put("a", "2", true);
  cache.Delete("b", false);
  EXPECT_EQ(Show(cache, "a"), "2");
  EXPECT_EQ(Show(cache, "b"), "-");
  EXPECT_EQ(Show(cache, "c"), "?");
  EXPECT_EQ(cache.last_confirmed(), 2u);
  EXPECT_FALSE(cache.has_sealed());
  cache.Seal();
  WriteCache::Batch batch = cache.TakeSealed();
  EXPECT_EQ(batch.writes.size(), 3u);
  EXPECT_EQ(batch.last, 3u);
  EXPECT_EQ(batch.bytes, cache.dirty_bytes());
  cache.Durable(batch.last, batch.bytes);
  EXPECT_EQ(cache.dirty_bytes(), 0u);
}

TEST(WriteCache, RollsBackToTheStateBeforeEachSavepoint) {
  WriteCache cache;
  cache.Put("a", "0", true);
  EXPECT_EQ(cache.Begin(), 1u);
  EXPECT_TRUE(cache.has_sealed()) << "the burst before the transaction is complete";
  cache.Put("a", "1", true);
  EXPECT_EQ(cache.Begin(), 2u);
  cache.Put("a", "2", true);
  cache.Put("b", "2", true);
  cache.Rollback();
  EXPECT_EQ(Show(cache, "a"), "1");
  EXPECT_EQ(Show(cache, "b"), "?");
  EXPECT_EQ(cache.TakeSealed().writes.size(), 1u) << "nothing of an open transaction is sent";
  EXPECT_TRUE(cache.Commit().has_value());
  EXPECT_FALSE(cache.has_sealed()) << "what else belongs to the burst may still fail";
  cache.Seal();
  EXPECT_EQ(cache.TakeSealed().writes.size(), 1u);
  EXPECT_FALSE(cache.Commit().has_value());
}

TEST(WriteCache, HidesTheStoreWhileAClearIsPending) {
  WriteCache cache;
  cache.Put("a", "1", true);
  cache.Clear(true);
  EXPECT_EQ(Show(cache, "zzz"), "-");
  cache.Seal();
  WriteCache::Batch batch = cache.TakeSealed();
  ASSERT_EQ(batch.writes.size(), 1u);
  EXPECT_EQ(batch.writes[0].kind, store::Write::Kind::kClear);
  cache.Durable(batch.last, batch.bytes);
  EXPECT_EQ(Show(cache, "zzz"), "?");
}

TEST(WriteCache, KeepsFewDurableBytes) {
  WriteCache cache;
  for (int i = 0; i < 1000; ++i) cache.Put("key" + std::to_string(i), "value", true);
  cache.Seal();
  WriteCache::Batch batch = cache.TakeSealed();
  cache.Durable(batch.last, batch.bytes);
  size_t known = 0;
  for (int i = 0; i < 1000; ++i) known += cache.Find("key" + std::to_string(i)).known ? 1 : 0;
  EXPECT_LE(known * 100, kCleanBytesMax);
}

Pairs Merge(ListOptions options, std::vector<WriteCache::Overlay> overlay, std::vector<std::string> stored,
            size_t page) {
  ListMerge merge(options, std::move(overlay), false);
  while (!merge.done()) {
    store::ScanOptions scan = merge.NextPage();
    store::ScanPage answer;
    std::vector<std::string> keys = stored;
    if (scan.reverse) std::reverse(keys.begin(), keys.end());
    for (const std::string& key : keys) {
      if (key < scan.start || (scan.end && key >= *scan.end)) continue;
      if (answer.pairs.size() >= scan.limit) break;
      if (answer.pairs.size() >= page) {
        answer.complete = false;
        break;
      }
      answer.pairs.emplace_back(key, "s");
    }
    merge.AddPage(std::move(answer));
  }
  return merge.TakePairs();
}

TEST(WriteCache, ASecondClearInABurstKeepsThatOfThePages) {
  WriteCache cache;
  cache.PutPage(1, "page");
  cache.Seal();
  WriteCache::Batch sent = cache.TakeSealed();  // On its way: the store has no page yet.
  cache.Clear(/*confirmed=*/true);
  cache.ClearPages();
  cache.Clear(/*confirmed=*/true);
  cache.Seal();
  auto writes = cache.TakeSealed().writes;
  auto clears_pages = [](const store::Write& write) {
    return write.kind == store::Write::Kind::kClear && write.space == store::Space::kPage;
  };
  EXPECT_EQ(std::count_if(writes.begin(), writes.end(), clears_pages), 1);
  EXPECT_EQ(sent.writes.size(), 1u);
}

TEST(ListMerge, LaysPendingWritesOverPagesInEitherDirection) {
  std::vector<std::string> stored{"a", "b", "c", "d", "e"};
  for (size_t page : {1u, 2u, 3u, 100u}) {
    for (bool reverse : {false, true}) {
      for (uint64_t limit = 1; limit <= 6; ++limit) {
        std::vector<WriteCache::Overlay> overlay{
            {"a", std::nullopt}, {"bb", "p"}, {"c", "p"}, {"e", std::nullopt}, {"f", "p"}};
        Pairs want{{"b", "s"}, {"bb", "p"}, {"c", "p"}, {"d", "s"}, {"f", "p"}};
        if (reverse) std::reverse(want.begin(), want.end());
        if (want.size() > limit) want.resize(limit);
        ListOptions options;
        options.reverse = reverse;
        options.limit = limit;
        EXPECT_EQ(Merge(options, overlay, stored, page), want)
            << "page " << page << " reverse " << reverse << " limit " << limit;
      }
    }
  }
  ListOptions nothing;
  nothing.start = "c";
  nothing.end = "b";
  EXPECT_EQ(Merge(nothing, {}, stored, 9), Pairs{});
}

}  // namespace
}  // namespace limpet::object

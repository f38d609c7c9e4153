#include "assets/library.h"

#include <gtest/gtest.h>

#include "loop/sim_loop.h"
#include "store/memory.h"

namespace limpet::assets {
namespace {

class LibraryTest : public testing::Test {
 protected:
  LibraryTest() : engine_(store::MakeMemoryEngine()) { Open(); }
  // Runs a task to its end.
  template <typename T>
  T Wait(loop::Task<T> task) {
    std::optional<T> value;
    scope_.Spawn(Keep(std::move(task), &value));
    loop_.RunUntilIdle(std::chrono::seconds(1));
    EXPECT_TRUE(value.has_value());
    return *std::move(value);
  }
  template <typename T>
  static loop::Task<Done> Keep(loop::Task<T> task, std::optional<T>* value) {
    value->emplace(co_await std::move(task));
    co_return Done{};
  }
  void Open() {
    library_.reset();
    auto opened = Wait(Library::Open(*engine_, loop_));
    ASSERT_TRUE(opened.has_value());
    library_ = std::move(opened).value();
  }
  std::string Put(const Manifest& manifest) {
    Result<std::string> id = Wait(library_->PutManifest(manifest));
    EXPECT_TRUE(id.has_value());
    return id.has_value() ? id.value() : "";
  }
  void PutContent(const std::string& hash, Bytes bytes) {
    std::vector<Library::Content> contents;
    contents.push_back({hash, "text/plain", std::move(bytes)});
    EXPECT_TRUE(Wait(library_->PutContents(std::move(contents))).has_value());
  }
  void Sweep(std::set<std::string> live) { EXPECT_TRUE(Wait(library_->Sweep(std::move(live))).has_value()); }
  // The content, piece by piece; nothing if it is gone.
  std::optional<Bytes> Read(const std::string& hash, ContentRange range) {
    std::unique_ptr<store::Session> session = engine_->Attach(loop_);
    std::unique_ptr<BodyStream> stream = OpenContent(*session, hash, range);
    Bytes all;
    for (;;) {
      std::optional<Result<std::optional<Bytes>>> chunk;
      stream->Read([&](Result<std::optional<Bytes>> got) { chunk = std::move(got); });
      loop_.RunUntilIdle(std::chrono::seconds(1));
      if (!chunk || !chunk->has_value()) return std::nullopt;
      if (!chunk->value()) return all;
      all += *chunk->value();
    }
  }
  static std::string Hash(char c) { return std::string(32, c); }

  loop::SimLoop loop_;
  std::unique_ptr<store::Engine> engine_;
  loop::TaskScope scope_;
  std::unique_ptr<Library> library_;
};

TEST_F(LibraryTest, KeepsContentsInPiecesAndReadsAnyPartOfThem) {
  Bytes large;
  for (size_t i = 0; i < kChunkBytes * 2 + 100; ++i) large += static_cast<char>(i * 7 % 251);
  PutContent(Hash('a'), large);
  PutContent(Hash('b'), "");
  Open();
  EXPECT_EQ(Read(Hash('a'), {0, large.size()}), large);
  EXPECT_EQ(Read(Hash('a'), {kChunkBytes - 3, 7}), large.substr(kChunkBytes - 3, 7));
  EXPECT_EQ(Read(Hash('a'), {large.size() - 1, 1}), large.substr(large.size() - 1));
  EXPECT_EQ(Read(Hash('b'), {0, 0}), "");
  EXPECT_EQ(Read(Hash('c'), {0, 1}), std::nullopt);
  Result<Site::Files> files = library_->Files({{"/x", Hash('a')}});
  ASSERT_TRUE(files.has_value());
  EXPECT_EQ(files->at("/x").size, large.size());
  EXPECT_EQ(files->at("/x").content_type, "text/plain");
}

TEST_F(LibraryTest, AsksForWhatItLacksOnce) {
  PutContent(Hash('a'), "1");
  Manifest manifest{{"/1", Hash('a')}, {"/2", Hash('b')}, {"/3", Hash('b')}};
  EXPECT_EQ(library_->Missing(manifest), std::vector<std::string>{Hash('b')});
  std::string id = Put(manifest);
  EXPECT_EQ(Put(manifest), id);
  Open();
  auto loaded = Wait(library_->LoadManifest(id));
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(*loaded.value(), manifest);
  EXPECT_FALSE(Wait(library_->LoadManifest("none")).has_value());
}

TEST_F(LibraryTest, SweepsWhatNothingRefersToAndNothingElse) {
  PutContent(Hash('a'), "kept");
  PutContent(Hash('b'), "gone");
  std::string live = Put({{"/a", Hash('a')}});
  std::string dead = Put({{"/b", Hash('b')}});
  Sweep({live});  // Both lists are of a moment ago.
  loop_.Advance(kSweepGrace * 2);
  Sweep({live});  // Seen unreferenced for the first time.
  EXPECT_EQ(library_->content_count(), 2U);
  loop_.Advance(kSweepGrace);
  Sweep({live});
  EXPECT_EQ(library_->content_count(), 1U);
  EXPECT_EQ(Read(Hash('a'), {0, 4}), "kept");
  EXPECT_EQ(Read(Hash('b'), {0, 4}), std::nullopt);
  EXPECT_FALSE(Wait(library_->LoadManifest(dead)).has_value());
  Open();
  EXPECT_EQ(library_->content_count(), 1U);
}

TEST_F(LibraryTest, AnUploadKeepsAnOldContentFromTheSweep) {
  PutContent(Hash('a'), "old");
  Sweep({});
  loop_.Advance(kSweepGrace);
  Put({{"/a", Hash('a')}});  // A new version will have it: it is not asked for again.
  Sweep({});
  EXPECT_EQ(library_->content_count(), 1U);
}

}  // namespace
}  // namespace limpet::assets

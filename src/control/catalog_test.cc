#include "control/catalog.h"

#include <gtest/gtest.h>

#include "loop/sim_loop.h"
#include "store/memory.h"
#include "store/partitions.h"

namespace limpet::control {
namespace {

constexpr char kSecret[] = "hunter2-hunter2";

class CatalogTest : public testing::Test {
 protected:
  template <typename T>
  T Run(loop::Task<T> task) {
    std::optional<T> result;
    scope_.Spawn(Keep(std::move(task), &result));
    loop_.RunUntilIdle(std::chrono::seconds(10));
    LIMPET_CHECK(result.has_value());
    return *std::move(result);
  }
  template <typename T>
  static loop::Task<Done> Keep(loop::Task<T> task, std::optional<T>* result) {
    result->emplace(co_await std::move(task));
    co_return Done{};
  }
  Result<std::unique_ptr<Catalog>> Open(char key) {
    return Run(Catalog::Open(*engine_, loop_, SecretBox(Bytes(SecretBox::kKeyBytes, key), random_)));
  }
  // What the store holds under `key` of the catalog.
  Bytes Stored(const char* key) {
    auto session = engine_->Attach(loop_);
    Bytes found;
    session->Get(ObjectId{}, store::Space::kKv, key, [&](Result<std::optional<Bytes>> value) {
      if (value.has_value() && value.value()) found = *value.value();
    });
    loop_.RunUntilIdle(std::chrono::seconds(10));
    return found;
  }
  void Store(std::vector<std::pair<Bytes, Bytes>> pairs) {
    auto session = engine_->Attach(loop_);
    Result<store::Claim> claim = engine_->Acquire(store::kCatalogPartition);
    ASSERT_TRUE(claim.has_value());
    store::ObjectBatch batch{ObjectId{}, {}};
    for (auto& [key, value] : pairs) {
      batch.writes.push_back({store::Write::Kind::kPut, store::Space::kKv, std::move(key), std::move(value)});
    }
    session->Commit(claim.value(), std::move(batch), [](Result<uint64_t> done) { ASSERT_TRUE(done.has_value()); });
    loop_.RunUntilIdle(std::chrono::seconds(10));
  }
  static ScriptRecord Script() {
    ScriptRecord script;
    script.name = "counter";
    VersionRecord& version = script.versions.emplace_back();
    version.id = "v";
    version.bindings = {Json().Set("name", "KEY").Set("type", "secret_text").Set("text", kSecret),
                        Json().Set("name", "VAR").Set("type", "plain_text").Set("text", "seen")};
    return script;
  }

  loop::SimLoop loop_;
  SeededRandom random_{3};
  std::unique_ptr<store::Engine> engine_ = store::MakeMemoryEngine();
  loop::TaskScope scope_;
};

TEST_F(CatalogTest, SecretsLieSealedInTheStoreAndComeBackWithTheirKeyAlone) {
  {
    auto catalog = Open('k');
    ASSERT_TRUE(catalog.has_value()) << catalog.error().ToString();
    CatalogChange change;
    change.scripts.push_back(Script());
    ASSERT_TRUE(Run(catalog.value()->Commit(std::move(change))).has_value());
    EXPECT_EQ(catalog.value()->Find("counter")->versions[0].bindings[0]["text"].AsString(), kSecret);
  }
  Bytes stored = Stored("script/counter");
  EXPECT_EQ(stored.find(kSecret), Bytes::npos);
  EXPECT_NE(stored.find("seen"), Bytes::npos);
  {
    auto other = Open('x');
    ASSERT_FALSE(other.has_value());
    EXPECT_EQ(other.error().code(), ErrorCode::kCorrupt);
    EXPECT_NE(other.error().message().find("secrets-key"), std::string::npos) << other.error().message();
  }
  auto again = Open('k');
  ASSERT_TRUE(again.has_value()) << again.error().ToString();
  EXPECT_EQ(again.value()->Find("counter")->versions[0].bindings, Script().versions[0].bindings);
}

TEST_F(CatalogTest, ACatalogOfFormat1IsSealedWhenItIsOpened) {
  Store({{"format", "1"}, {"script/counter", ToText(ToJson(Script()))}});
  ASSERT_NE(Stored("script/counter").find(kSecret), Bytes::npos);
  auto catalog = Open('k');
  ASSERT_TRUE(catalog.has_value()) << catalog.error().ToString();
  EXPECT_EQ(catalog.value()->Find("counter")->versions[0].bindings[0]["text"].AsString(), kSecret);
  EXPECT_EQ(Stored("script/counter").find(kSecret), Bytes::npos);
  EXPECT_EQ(Stored("format"), "2");
}

TEST_F(CatalogTest, ADeploymentIsReadAsOneVersionOrAsShares) {
  Result<Json> old = ParseJson(R"({"name":"a","versions":[{"id":"1"},{"id":"2"}],
      "deployments":[{"id":"d","version_id":"2"},
                     {"id":"e","versions":[{"version_id":"1","percentage":90.5},{"version_id":"2","percentage":9.5}]}]})");
  ASSERT_TRUE(old.has_value());
  Result<ScriptRecord> script = ScriptFromJson(*old);
  ASSERT_TRUE(script.has_value());
  EXPECT_EQ(script->Deployed()->id, "2");
  EXPECT_TRUE(script->IsLive("2"));
  EXPECT_FALSE(script->IsLive("1"));
  script->deployments.erase(script->deployments.begin());
  Result<ScriptRecord> again = ScriptFromJson(ToJson(*script));
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->Deployed()->id, "1");
  EXPECT_EQ(again->deployments[0].shares[1].percentage, 9.5);
}

}  // namespace
}  // namespace limpet::control

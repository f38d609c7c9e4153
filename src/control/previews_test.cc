// Preview URLs over the API: which versions the running system is given under which label.
#include "control/previews.h"

#include "control/control_plane_testing.h"

namespace limpet::control {
namespace {

constexpr char kPlain[] = "export default {}";

class PreviewsTest : public ControlPlaneTest {
 protected:
  // A version's ID. `more` of the metadata.
  std::string Post(const std::string& more = {}) {
    Json answer = Upload("POST", std::string(kScript) + "/versions", Metadata(more), kPlain);
    EXPECT_TRUE(answer["success"].AsBool()) << ToText(answer);
    return answer["result"]["id"].AsString();
  }
  Json Put() { return Upload("PUT", kScript, Metadata({}), kPlain); }
  static std::string Metadata(const std::string& more) { return R"({"main_module":"index.mjs")" + more + "}"; }
  static std::string Alias(const std::string& alias) { return R"(,"annotations":{"workers/alias":")" + alias + "\"}"; }
  void Switch(const char* enabled) {
    std::string body = R"({"enabled":true,"previews_enabled":)" + std::string(enabled) + "}";
    EXPECT_TRUE(Call("POST", std::string(kScript) + "/subdomain", body)["success"].AsBool());
  }
  static std::string Label(const std::string& id) { return id.substr(0, 8) + "-counter"; }
  // The version that a label runs.
  std::string Live(const std::string& label) {
    auto found = runtime_.live.find(label);
    return found == runtime_.live.end() ? "" : found->second->version_id;
  }
};

TEST_F(PreviewsTest, AVersionAnswersUnderItsPrefixWhilePreviewsAreOn) {
  Put();
  std::string one = Post();
  EXPECT_EQ(runtime_.live.size(), 1u);
  Switch("true");
  EXPECT_EQ(Live(Label(one)), one);
  std::string two = Post();
  EXPECT_EQ(Live(Label(two)), two);
  EXPECT_EQ(runtime_.live.size(), 4u);  // What is live has one too.
  Open();
  EXPECT_EQ(Live(Label(two)), two);
  EXPECT_NE(Live("counter"), two);
  Switch("false");
  EXPECT_EQ(runtime_.live.size(), 1u);
}

TEST_F(PreviewsTest, AnAliasMovesToTheNewestThatHasIt) {
  Put();
  Switch("true");
  std::string one = Post(Alias("Staging"));
  EXPECT_EQ(Live("staging-counter"), one);
  std::string two = Post(Alias("staging"));
  EXPECT_EQ(Live("staging-counter"), two);
  EXPECT_EQ(Live(Label(one)), one);
  for (const std::string& bad : std::vector<std::string>{"-a", "1a", "a-", "a.b", "a b", std::string(60, 'a')}) {
    Json answer = Upload("POST", std::string(kScript) + "/versions", Metadata(Alias(bad)), kPlain);
    EXPECT_EQ(Code(answer), 10021) << bad;
  }
}

TEST_F(PreviewsTest, WhatIsForgottenOrDeletedAnswersNoMore) {
  Put();
  Switch("true");
  std::string one = Post();
  for (int i = 0; i < 3; ++i) Post();
  EXPECT_EQ(Live(Label(one)), "");  // versions_max is 3.
  Call("DELETE", kScript);
  EXPECT_TRUE(runtime_.live.empty());
}

TEST_F(PreviewsTest, AScriptOfTheSameNameGoesBefore) {
  Put();
  Switch("true");
  Upload("PUT", "/accounts/local/workers/scripts/staging-counter", Metadata({}), kPlain);
  std::string real = Live("staging-counter");
  Post(Alias("staging"));
  EXPECT_EQ(Live("staging-counter"), real);
  Call("DELETE", kScript);
  EXPECT_EQ(Live("staging-counter"), real);
}

TEST_F(PreviewsTest, AScriptWithClassesOfItsOwnHasNone) {
  Publish(kNewClass);
  Switch("true");
  EXPECT_EQ(runtime_.live.size(), 1u);
  Json versions = Call("GET", std::string(kScript) + "/versions")["result"]["items"];
  EXPECT_FALSE(versions.items()[0]["metadata"]["has_preview"].AsBool());
}

TEST_F(PreviewsTest, ToolsAreToldTheAddresses) {
  Put();
  Switch("true");
  Json worker = Call("GET", "/accounts/local/workers/workers/counter")["result"]["subdomain"];
  EXPECT_EQ(worker["preview_url_suffix"].AsString(), "-counter.localhost:8787");
  EXPECT_TRUE(worker["previews_enabled"].AsBool());
  Json answer = Upload("POST", std::string(kScript) + "/versions", Metadata(Alias("staging")), kPlain)["result"];
  EXPECT_TRUE(answer["metadata"]["has_preview"].AsBool());
  std::string id = answer["id"].AsString().substr(0, 8);
  EXPECT_EQ(ToText(answer["preview_urls"]),
            R"(["http://)" + id + R"(-counter.localhost:8787","http://staging-counter.localhost:8787"])");
}

TEST(PreviewsOf, TheNewestVersionsAndThoseWithAnAlias) {
  ScriptRecord script;
  script.name = "a";
  script.previews_enabled = true;
  for (int i = 0; i < 30; ++i) {
    VersionRecord& version = script.versions.emplace_back();
    version.id = std::to_string(10'000'000 + i) + "-rest";
    if (i == 3) version.annotations.Set("workers/alias", "old");
  }
  Previews previews = PreviewsOf(script);
  EXPECT_EQ(previews.size(), kPreviewsMax + 1);
  EXPECT_EQ(previews["old-a"], "10000003-rest");
  EXPECT_TRUE(previews.contains("10000029-a"));
  EXPECT_FALSE(previews.contains("10000019-a"));
  script.name = std::string(58, 'a');  // With a prefix it is no host name.
  EXPECT_EQ(PreviewsOf(script).size(), 1u);
}

}  // namespace
}  // namespace limpet::control

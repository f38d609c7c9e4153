#include "cli/kv.h"

#include <gtest/gtest.h>

#include "cli/args.h"
#include "cli/kv_bulk.h"

namespace limpet::cli {
namespace {

Arguments Parsed(const std::vector<std::string>& words) {
  ParsedArguments parsed = ParseArguments(words, "0");
  EXPECT_TRUE(parsed.arguments) << parsed.exit.text;
  return parsed.arguments ? *std::move(parsed.arguments) : Arguments();
}

TEST(KvArguments, BothSpellings) {
  for (const std::vector<std::string>& start : {std::vector<std::string>{"kv", "key"}, {"kv:key"}}) {
    std::vector<std::string> words = start;
    for (const char* word : {"put", "k", "", "--binding", "KV", "--ttl", "60", "--preview"}) words.emplace_back(word);
    Arguments got = Parsed(words);
    EXPECT_EQ(got.command, Command::kKv);
    EXPECT_EQ(got.kv.group, "key");
    EXPECT_EQ(got.action, "put");
    EXPECT_EQ(got.kv.name, "k");
    EXPECT_TRUE(got.kv.has_value);  // The empty one.
    EXPECT_EQ(got.kv.binding, "KV");
    EXPECT_EQ(got.kv.ttl, 60u);
    EXPECT_TRUE(got.kv.preview);
  }
  Arguments made = Parsed({"kv:namespace", "create", "NAME", "-e", "staging"});
  EXPECT_EQ(made.kv.group, "namespace");
  EXPECT_EQ(made.action, "create");
  EXPECT_EQ(made.kv.name, "NAME");
  EXPECT_EQ(made.environment, "staging");
  EXPECT_EQ(Parsed({"kv", "bulk", "delete", "f.json", "--namespace-id", "x", "--force", "--remote"}).kv.group, "bulk");
}

TEST(KvArguments, WhatIsMissingIsSaid) {
  EXPECT_FALSE(ParseArguments({"kv"}, "0").arguments);
  EXPECT_FALSE(ParseArguments({"kv:key"}, "0").arguments);
  EXPECT_FALSE(ParseArguments({"kv", "key", "put"}, "0").arguments);
  EXPECT_FALSE(ParseArguments({"kv", "namespace", "rename", "a"}, "0").arguments);
}

TEST(KvBulk, Base64) {
  EXPECT_EQ(ToBase64(""), "");
  EXPECT_EQ(ToBase64("f"), "Zg==");
  EXPECT_EQ(ToBase64("fo"), "Zm8=");
  EXPECT_EQ(ToBase64("foo"), "Zm9v");
  EXPECT_EQ(ToBase64(std::string("\0\xff\n>", 4)), "AP8KPg==");
}

TEST(KvBulk, PairsOfAListAndOfWhatAGetPrints) {
  auto pairs = [](const char* text) {
    Result<Json::Array> read = ReadPairs(ParseJson(text).value(), "f.json");
    return read.has_value() ? ToText(Json(std::move(read).value())) : "error: " + read.error().message();
  };
  EXPECT_EQ(pairs(R"([{"key":"a","value":"1"}])"), R"([{"key":"a","value":"1"}])");
  EXPECT_EQ(pairs(R"({"a":"1","gone":null,"b":{"value":"2","metadata":{"m":1}},"c":{"value":null}})"),
            R"([{"key":"a","value":"1"},{"key":"b","value":"2","metadata":{"m":1}}])");
  EXPECT_EQ(pairs(R"({"a":1})"), R"(error: f.json: the value of "a" must be a text)");
  EXPECT_EQ(pairs("1").substr(0, 12), "error: f.jso");
}

// A server that knows the namespaces "known" and makes others.
class FakeClient : public Client {
 public:
  Result<ApiAnswer> Call(std::string method, std::string path, std::string body, std::string) override {
    ApiAnswer answer;
    answer.success = true;
    if (method == "POST") {
      std::string title = ParseJson(body).value()["title"].AsString();
      made.push_back(title);
      answer.result = Json().Set("id", "id of " + title).Set("title", title);
    } else if (path.ends_with("/settings")) {
      Json binding = Json().Set("type", "kv_namespace").Set("name", "B_C").Set("namespace_id", deployed);
      answer.result = Json().Set("bindings", Json::MakeArray({std::move(binding)}));
    } else if (size_t at = path.find("/namespaces/"); at != std::string::npos) {
      std::string id = path.substr(at + 12);
      answer.success = id == "known" || id == "x";
      answer.code = answer.success ? 0 : 10013;
    } else {
      answer.result = Json::MakeArray({Json().Set("id", "id of known").Set("title", "known")});
    }
    return answer;
  }
  Result<ApiAnswer> CallAs(const std::string&, std::string method, std::string path, std::string body,
                           std::string type) override {
    return Call(std::move(method), std::move(path), std::move(body), std::move(type));
  }
  Result<Done> Listen(std::string, std::string, FunctionRef<void(BytesView)>) override { return Done{}; }
  std::vector<std::string> made;
  std::string deployed;  // What the script on the server has as B_C.
};

ProjectConfig Config() {
  ConfigResult read = ReadConfig({"wrangler.toml",
                                  "name = \"app\"\n"
                                  "kv_namespaces = [{ binding = \"A\", id = \"known\" },\n"
                                  "  { binding = \"B_C\" }, { binding = \"D\", id = \"x\", preview_id = \"p\" }]\n",
                                  ""});
  EXPECT_TRUE(read.config);
  return *std::move(read.config);
}

std::vector<std::string> Ids(const ProjectConfig& config) {
  std::vector<std::string> ids;
  for (const Json& binding : config.bindings) {
    EXPECT_EQ(binding.Find("preview_id"), nullptr);
    ids.push_back(binding["namespace_id"].AsString());
  }
  return ids;
}

TEST(KvNamespacesOfProjects, DevHasItsOwn) {
  FakeClient client;
  ProjectConfig config = Config();
  ASSERT_TRUE(UseLocalNamespaces(client, &config).has_value());
  EXPECT_EQ(Ids(config), (std::vector<std::string>{"id of known", "id of B_C", "id of p"}));
  EXPECT_EQ(client.made, (std::vector<std::string>{"B_C", "p"}));
}

TEST(KvNamespacesOfProjects, PublishingMakesThoseWithoutAnId) {
  FakeClient client;
  ProjectConfig config = Config();
  ASSERT_TRUE(ProvideNamespaces(client, &config).has_value());
  EXPECT_EQ(Ids(config), (std::vector<std::string>{"known", "id of app-b-c", "x"}));
  EXPECT_EQ(client.made, std::vector<std::string>{"app-b-c"});
}

TEST(KvNamespacesOfProjects, PublishingKeepsWhatTheScriptHasUnlessItIsGone) {
  FakeClient client;
  client.deployed = "id of known";
  ProjectConfig config = Config();
  ASSERT_TRUE(ProvideNamespaces(client, &config).has_value());
  EXPECT_EQ(Ids(config), (std::vector<std::string>{"known", "id of known", "x"}));
  EXPECT_TRUE(client.made.empty());
  client.deployed = "gone";
  config = Config();
  ASSERT_TRUE(ProvideNamespaces(client, &config).has_value());
  EXPECT_EQ(client.made, std::vector<std::string>{"app-b-c"});
}

TEST(KvNamespacesOfProjects, PublishingSaysHowAnIdOfElsewhereIsMade) {
  FakeClient client;
  ConfigResult read = ReadConfig({"wrangler.toml",
                                  "name = \"app\"\n"
                                  "kv_namespaces = [{ binding = \"B\" }, { binding = \"MY_KV\", id = "
                                  "\"06779da6940b431db6e566b4846d64db\" }, { binding = \"C\", id = \"<your id>\" }]\n",
                                  ""});
  ASSERT_TRUE(read.config);
  Result<Done> provided = ProvideNamespaces(client, &*read.config);
  ASSERT_FALSE(provided.has_value());
  const std::string& text = provided.error().message();
  EXPECT_NE(text.find("limpet kv namespace create app-my-kv --id 06779da6940b431db6e566b4846d64db"), std::string::npos);
  EXPECT_NE(text.find("\"<your id>\""), std::string::npos) << text;
  EXPECT_EQ(text.find("--id <"), std::string::npos) << text;
  EXPECT_TRUE(client.made.empty());
  Arguments made = Parsed({"kv", "namespace", "create", "app-my-kv", "--id", "06779da6940b431db6e566b4846d64db"});
  EXPECT_EQ(made.kv.id, "06779da6940b431db6e566b4846d64db");
}

// A namespace of 250 keys, k000 and so on, in two pages. Key "k007" holds what is no text if `binary`.
class Pairs final : public FakeClient {
 public:
  Result<ApiAnswer> Call(std::string method, std::string path, std::string body, std::string) override {
    ApiAnswer answer;
    answer.success = true;
    if (path.find("/keys?") != std::string::npos) {
      bool first = path.ends_with("cursor=");
      Json::Array keys;
      for (int i = first ? 0 : 150; i < (first ? 150 : 250); ++i) keys.push_back(Json().Set("name", Name(i)));
      keys[0].Set("metadata", 1);
      answer.result = Json(std::move(keys));
      answer.info = Json().Set("cursor", first ? "c" : "");
    } else if (method == "POST") {
      ++bulk;
      const Json asked = ParseJson(body).value();
      EXPECT_LE(asked["keys"].items().size(), 100u);
      Json values = Json::MakeObject();
      for (const Json& key : asked["keys"].items()) {
        if (binary && key.AsString() == "k007") answer.success = false;
        values.Set(key.AsString(), key.AsString() == "k003" ? Json() : Json("v" + key.AsString()));
      }
      answer.result = Json().Set("values", std::move(values));
    } else {
      ++single;
      std::string key = path.substr(path.size() - 4);
      answer.success = key != "k003";  // Deleted since.
      answer.code = answer.success ? 0 : 10009;
      answer.file = key == "k007" ? "\xff" : "v" + key;
    }
    return answer;
  }
  bool binary = false;
  int bulk = 0, single = 0;

 private:
  static std::string Name(int i) { return "k" + std::string(i < 10 ? 2 : i < 100 ? 1 : 0, '0') + std::to_string(i); }
};

Json Exported(Pairs& client) {
  testing::internal::CaptureStdout();
  EXPECT_TRUE(ExportPairs(client, "/namespaces/x", Terminal()).has_value());
  return ParseJson(testing::internal::GetCapturedStdout()).value();
}

TEST(KvBulk, ExportAsksForAHundredValuesAtATime) {
  Pairs client;
  Json all = Exported(client);
  EXPECT_EQ(all.items().size(), 249u);
  EXPECT_EQ(ToText(all.items()[0]), R"({"key":"k000","value":"vk000","metadata":1})");
  EXPECT_EQ(client.bulk, 3);  // 100 and 50 of one page, 100 of the other.
  EXPECT_EQ(client.single, 0);
}

TEST(KvBulk, ExportGetsOneByOneWhatIsNoText) {
  Pairs client;
  client.binary = true;
  Json all = Exported(client);
  EXPECT_EQ(all.items().size(), 249u);
  EXPECT_EQ(ToText(all.items()[6]), R"({"key":"k007","value":"/w==","base64":true})");
  EXPECT_EQ(client.single, 100);
}

}  // namespace
}  // namespace limpet::cli

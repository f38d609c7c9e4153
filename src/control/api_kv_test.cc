// KV namespaces and values over the API.
#include "control/control_plane_testing.h"

namespace limpet::control {
namespace {

constexpr char kBase[] = "/accounts/local/storage/kv/namespaces";

class KvApiTest : public ControlPlaneTest {
 protected:
  std::string Make(const std::string& title) {
    return Call("POST", kBase, R"({"title":")" + title + "\"}")["result"]["id"].AsString();
  }
  std::string Of(const std::string& id, const std::string& rest) { return std::string(kBase) + "/" + id + "/" + rest; }
  // A value as it is; its status in status_.
  HttpResponse Value(const std::string& id, const std::string& key) {
    HttpRequest request;
    request.method = "GET";
    request.url = "http://127.0.0.1:8788/client/v4" + Of(id, "values/" + key);
    request.headers.Append("Authorization", "Bearer secret");
    HttpResponse response = Send(std::move(request));
    status_ = response.status;
    return response;
  }
  // What the store holds of the only namespace.
  size_t Records() {
    ObjectId object{.ns = kv_.All()[0]->id()};
    object.base[0] = 'k';
    object.base[1] = 'v';
    std::unique_ptr<store::Session> session = engine_->Attach(loop_);
    store::ScanOptions options;
    options.space = store::Space::kMeta;
    return session->ScanNow(object, options).value().pairs.size();
  }
  std::string Keys(const std::string& id, const std::string& query = {}) {
    return ToText(Call("GET", Of(id, "keys" + query))["result"]);
  }
};

TEST_F(KvApiTest, NamespacesAreMadeRenamedListedAndDeleted) {
  std::string a = Make("a");
  EXPECT_EQ(a.size(), 32u);
  std::string b = Make("b");
  EXPECT_EQ(Code(Call("POST", kBase, R"({"title":"a"})")), 10014);
  EXPECT_EQ(Code(Call("POST", kBase, "{}")), 10019);
  EXPECT_EQ(Call("GET", std::string(kBase) + "/" + a)["result"]["title"].AsString(), "a");
  EXPECT_EQ(Code(Call("PUT", std::string(kBase) + "/" + a, R"({"title":"b"})")), 10014);
  EXPECT_EQ(Call("PUT", std::string(kBase) + "/" + a, R"({"title":"z"})")["result"]["title"].AsString(), "z");
  Json page = Call("GET", std::string(kBase) + "?order=title&per_page=1&page=2")["result"];
  ASSERT_EQ(page.items().size(), 1u);
  EXPECT_EQ(page.items()[0]["title"].AsString(), "z");
  EXPECT_TRUE(Call("GET", std::string(kBase) + "?per_page=1&page=3")["result"].items().empty());
  Open();
  EXPECT_EQ(Call("GET", kBase)["result"].items().size(), 2u);
  EXPECT_TRUE(Call("DELETE", std::string(kBase) + "/" + a)["success"].AsBool());
  EXPECT_EQ(Code(Call("DELETE", std::string(kBase) + "/" + a)), 10013);
  EXPECT_EQ(Code(Call("GET", Of(a, "keys"))), 10013);
  Open();
  EXPECT_EQ(Call("GET", kBase)["result"].items().size(), 1u);
  EXPECT_TRUE(Call("PUT", Of(b, "values/k"), "v")["success"].AsBool());
}

TEST_F(KvApiTest, ANamespaceGetsTheIdThatIsAskedFor) {
  constexpr char kId[] = "06779da6940b431db6e566b4846d64db";
  auto make = [&](const std::string& title, const std::string& id) {
    return Call("POST", kBase, R"({"title":")" + title + R"(","id":)" + id + "}");
  };
  std::string quoted = "\"" + std::string(kId) + "\"";
  EXPECT_EQ(make("a", quoted)["result"]["id"].AsString(), kId);
  EXPECT_EQ(Code(make("b", quoted)), 10014);
  EXPECT_EQ(status_, 400);
  for (const char* bad : {"1", "[]", R"("")", R"("06779DA6940B431DB6E566B4846D64DB")", R"("06779da6")"}) {
    EXPECT_EQ(Code(make("b", bad)), 10011) << bad;
  }
  EXPECT_EQ(make("b", "null")["result"]["id"].AsString().size(), 32u);
  EXPECT_TRUE(Call("PUT", Of(kId, "values/k"), "v")["success"].AsBool());
  // Deleted, it is free again, and what was in it is not there.
  Call("DELETE", std::string(kBase) + "/" + kId);
  EXPECT_EQ(make("c", quoted)["result"]["id"].AsString(), kId);
  Open();
  EXPECT_EQ(Call("GET", std::string(kBase) + "/" + kId)["result"]["title"].AsString(), "c");
  EXPECT_EQ(Keys(kId), "[]");
}

TEST_F(KvApiTest, ValuesComeBackWithWhatBelongsToThem) {
  std::string id = Make("a");
  EXPECT_TRUE(Call("PUT", Of(id, "values/dir%2Fk%201"), "one")["success"].AsBool());
  EXPECT_EQ(Value(id, "dir%2Fk%201").body.bytes, "one");
  FormWriter form("b");
  form.Add("value", std::nullopt, "", "two");
  form.Add("metadata", std::nullopt, "", R"({"n":1})");
  std::string type = form.content_type();
  EXPECT_TRUE(Call("PUT", Of(id, "values/m?expiration_ttl=60"), std::move(form).Finish(), type)["success"].AsBool());
  HttpResponse value = Value(id, "m");
  EXPECT_EQ(value.body.bytes, "two");
  std::string expiration(value.headers.Get("expiration").value_or(""));
  EXPECT_NE(expiration, "");
  EXPECT_EQ(Call("GET", Of(id, "metadata/m"))["result"]["n"].AsInt64(), 1);
  EXPECT_EQ(Keys(id), R"([{"name":"dir/k 1"},{"name":"m","expiration":)" + expiration + R"(,"metadata":{"n":1}}])");
  EXPECT_EQ(Keys(id, "?prefix=dir%2F"), R"([{"name":"dir/k 1"}])");
  Json first = Call("GET", Of(id, "keys?limit=1"));
  std::string cursor = first["result_info"]["cursor"].AsString();
  EXPECT_NE(cursor, "");
  EXPECT_EQ(Call("GET", Of(id, "keys?limit=1&cursor=" + cursor))["result"].items()[0]["name"].AsString(), "m");
  EXPECT_TRUE(Call("DELETE", Of(id, "values/m"))["success"].AsBool());
  Value(id, "m");
  EXPECT_EQ(status_, 404);
}

TEST_F(KvApiTest, WhatTheRulesForbidIsRefused) {
  std::string id = Make("a");
  EXPECT_EQ(Code(Call("PUT", Of(id, "values/" + std::string(513, 'k')), "v")), 10030);
  EXPECT_EQ(status_, 414);
  Json soon = Call("PUT", Of(id, "values/k?expiration_ttl=59"), "v");
  EXPECT_EQ(status_, 400);
  EXPECT_EQ(Code(soon), 10034);
  EXPECT_EQ(soon["errors"].items()[0]["message"].AsString(),
            "put: 'Invalid expiration_ttl of 59. Expiration TTL must be at least 60.'");
  EXPECT_EQ(Code(Call("PUT", Of(id, "values/k?expiration=1"), "v")), 10033);
  EXPECT_EQ(Code(Call("PUT", Of(id, "values/%ff"), "v")), 10042);
  EXPECT_EQ(Code(Call("PUT", Of(id, "values/%2E%2E"), "v")), 10042);
  EXPECT_EQ(Code(Call("GET", Of(id, "keys?limit=0"))), 10028);
  EXPECT_EQ(Code(Call("GET", Of(id, "keys?cursor=x"))), 10041);
  EXPECT_EQ(Code(Call("GET", Of("title", "keys"))), 10011);
  EXPECT_EQ(Code(Call("GET", Of(std::string(32, 'a'), "keys"))), 10013);
  EXPECT_EQ(Code(Call("GET", std::string(kBase) + "?page=0")), 10007);
  EXPECT_EQ(Code(Call("GET", std::string(kBase) + "?per_page=1001")), 10008);
  EXPECT_EQ(Code(Call("GET", std::string(kBase) + "?order=size")), 10043);
  EXPECT_EQ(Code(Call("GET", std::string(kBase) + "?direction=up")), 10044);
  EXPECT_EQ(Code(Call("PUT", Of(id, "bulk"), R"([{"key":"ok","value":"1"},{"key":"","value":"2"}])")), 10042);
  EXPECT_EQ(Keys(id), "[]");
  EXPECT_EQ(Code(Call("PUT", Of(id, "bulk"), R"([{"key":"k","value":"*","base64":true}])")), 10012);
  EXPECT_EQ(Code(Call("PUT", Of(id, "bulk"), R"([{"key":"k","value":"/w==","base64":true}])")), 0);
  EXPECT_EQ(Code(Call("POST", Of(id, "bulk/get"), R"({"keys":["k"]})")), 10029);
}

TEST_F(KvApiTest, ManyAtOnce) {
  std::string id = Make("a");
  Json put = Call("PUT", Of(id, "bulk"),
                  R"([{"key":"a","value":"aGkg4pyT","base64":true},{"key":"j","value":"[1]","metadata":{"m":1}}])");
  EXPECT_EQ(put["result"]["successful_key_count"].AsInt64(), 2);
  EXPECT_EQ(Value(id, "a").body.bytes, "hi ✓");
  EXPECT_EQ(ToText(Call("POST", Of(id, "bulk/get"), R"({"keys":["a","j","x"]})")["result"]),
            R"({"values":{"a":"hi ✓","j":"[1]","x":null}})");
  EXPECT_EQ(ToText(Call("POST", Of(id, "bulk/get"), R"({"keys":["j"],"type":"json","withMetadata":true})")["result"]),
            R"({"values":{"j":{"value":[1],"metadata":{"m":1}}}})");
  EXPECT_TRUE(Call("DELETE", Of(id, "bulk"), R"(["a"])")["success"].AsBool());
  EXPECT_TRUE(Call("POST", Of(id, "bulk/delete"), R"(["j"])")["success"].AsBool());
  EXPECT_EQ(Keys(id), "[]");
}

TEST_F(KvApiTest, ABindingNeedsItsNamespace) {
  auto publish = [&](const std::string& id) {
    return Upload(
        "PUT", kScript,
        R"({"main_module":"index.mjs","bindings":[{"type":"kv_namespace","name":"KV","namespace_id":")" + id + "\"}]}",
        "export default {}");
  };
  EXPECT_EQ(Code(publish("0123456789abcdef0123456789abcdef")), 10041);
  std::string id = Make("a");
  EXPECT_TRUE(publish(id)["success"].AsBool());
  ASSERT_EQ(runtime_.live["counter"]->bindings.size(), 1u);
  const Binding binding = runtime_.live["counter"]->bindings[0];
  EXPECT_EQ(binding.kind, Binding::Kind::kKvNamespace);
  EXPECT_NE(kv_.Find(binding.ns), nullptr);
  Json shown = Call("GET", std::string(kScript) + "/settings")["result"]["bindings"].items()[0];
  EXPECT_EQ(shown["namespace_id"].AsString(), id);
  EXPECT_EQ(shown.Find("ns"), nullptr);
  // After a restart it is there before the script runs; after its deletion no more.
  Open();
  EXPECT_NE(kv_.Find(binding.ns), nullptr);
  NamespaceId ns = binding.ns;
  Call("DELETE", std::string(kBase) + "/" + id);
  EXPECT_EQ(kv_.Find(ns), nullptr);
}

TEST_F(KvApiTest, WhatIsOverIsSweptFromTheStore) {
  std::string id = Make("a");
  Call("PUT", Of(id, "values/k?expiration_ttl=60"), "v");
  EXPECT_EQ(Records(), 3u);  // docs/formats/kv.md: a value, an entry, a mark.
  loop_.RunUntilIdle(std::chrono::seconds(200));
  Value(id, "k");
  EXPECT_EQ(status_, 404);
  EXPECT_EQ(Records(), 0u);
}

}  // namespace
}  // namespace limpet::control

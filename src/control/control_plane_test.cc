// The REST API over the real catalog and the memory engine; only the runtime is a stand-in (it lives in server/).
#include <gtest/gtest.h>

#include <set>

#include "base/json.h"
#include "base/multipart.h"
#include "control/control_plane_testing.h"
#include "control/secret_box.h"
#include "loop/sim_loop.h"
#include "object/ids.h"
#include "store/faulty.h"
#include "store/memory.h"

namespace limpet::control {
namespace {

TEST_F(ControlPlaneTest, TheWalkThroughOfPublishing) {
  EXPECT_EQ(Code(Publish("null")), 10061);
  EXPECT_EQ(status_, 400);
  EXPECT_TRUE(runtime_.live.empty());
  Json published = Publish(kNewClass);
  ASSERT_TRUE(published["success"].AsBool()) << ToText(published);
  EXPECT_EQ(published["result"]["url"].AsString(), "http://counter.localhost:8787");
  EXPECT_EQ(published["result"]["startup_time_ms"].AsInt64(), 3);  // 2.1 ms, rounded up.
  auto first = runtime_.live["counter"];
  ASSERT_EQ(first->bindings.size(), 1u);
  EXPECT_EQ(first->bindings[0].ns, first->classes[0].ns);
  EXPECT_EQ(first->bindings[0].script_name, "counter");
  EXPECT_EQ(first->bindings[0].ns_key.size(), 32u);
  EXPECT_EQ(first->modules[0].code_cache, "cache");
  EXPECT_EQ(Code(Publish(kNewClass)), 10074);
  EXPECT_TRUE(Publish("null")["success"].AsBool());
  EXPECT_EQ(runtime_.live["counter"]->classes[0].ns, first->classes[0].ns);
  EXPECT_NE(runtime_.live["counter"]->version_id, first->version_id);
}

TEST_F(ControlPlaneTest, RenameKeepsTheNamespaceAndDeleteDestroysIt) {
  Publish(kNewClass);
  ObjectClass counter = runtime_.live["counter"]->classes[0];
  EXPECT_EQ(Code(Publish("null", "export class Tally {}", "Tally")), 10061);
  EXPECT_EQ(Code(Publish("null", "export class Tally {}", "")), 10064);
  Json renamed =
      Publish(R"({"steps":[{"renamed_classes":[{"from":"Counter","to":"Tally"}]}]})", "export class Tally {}", "Tally");
  ASSERT_TRUE(renamed["success"].AsBool()) << ToText(renamed);
  EXPECT_EQ(runtime_.live["counter"]->bindings[0].ns, counter.ns);
  EXPECT_EQ(runtime_.live["counter"]->bindings[0].ns_key, counter.ns_key);

  auto session = engine_->Attach(loop_);
  auto claim = engine_->Acquire(0);
  ObjectId object{counter.ns, {1}};
  store::Write write{store::Write::Kind::kPut, store::Space::kKv, "k", "v"};
  session->Commit(*claim, {object, {write}}, [](Result<uint64_t>) {});
  loop_.RunUntilIdle(std::chrono::seconds(1));
  ASSERT_EQ(engine_->ListObjects(counter.ns, std::nullopt, 10)->size(), 1u);
  EXPECT_EQ(Code(Publish(R"({"steps":[{"deleted_classes":["Tally"]}]})", "export default {}", "Tally")), 10061);
  Json deleted = Publish(R"({"steps":[{"deleted_classes":["Tally"]}]})", "export default {}", "");
  ASSERT_TRUE(deleted["success"].AsBool()) << ToText(deleted);
  EXPECT_TRUE(runtime_.retired.contains(counter.ns.value));
  EXPECT_TRUE(engine_->ListObjects(counter.ns, std::nullopt, 10)->empty());
}

TEST_F(ControlPlaneTest, EverythingIsThereAfterARestart) {
  Publish(R"({"new_tag":"v1","steps":[{"new_classes":["Counter"]}]})");
  auto before = runtime_.live["counter"];
  runtime_.live.clear();
  Open();
  auto after = runtime_.live["counter"];
  ASSERT_NE(after, nullptr);
  EXPECT_EQ(after->version_id, before->version_id);
  EXPECT_EQ(after->modules[0].content, before->modules[0].content);
  EXPECT_EQ(after->classes[0].ns_key, before->classes[0].ns_key);
  Json service = Call("GET", "/accounts/local/workers/services/counter");
  EXPECT_EQ(service["result"]["default_environment"]["script"]["migration_tag"].AsString(), "v1");
  EXPECT_EQ(Code(Publish(R"({"old_tag":"v0","new_tag":"v2","steps":[]})")), 10079);
  EXPECT_EQ(status_, 412);
  // A class made after the restart gets a number of its own.
  Json more = Publish(R"({"old_tag":"v1","new_tag":"v2","steps":[{"new_classes":["Two"]}]})",
                      "export class Counter {}; export class Two {}");
  ASSERT_TRUE(more["success"].AsBool()) << ToText(more);
  EXPECT_NE(runtime_.live["counter"]->classes[0].ns, runtime_.live["counter"]->classes[1].ns);
}

TEST_F(ControlPlaneTest, AnUploadThatArrivesTwiceIsTakenTwice) {
  constexpr char kFirst[] = R"({"new_tag":"v1","steps":[{"new_classes":["Counter"]}]})";
  ASSERT_TRUE(Publish(kFirst)["success"].AsBool());
  ObjectClass counter = runtime_.live["counter"]->classes[0];
  EXPECT_TRUE(Publish(kFirst)["success"].AsBool());
  Open();  // The second may come after a restart.
  EXPECT_TRUE(Publish(kFirst)["success"].AsBool());
  EXPECT_EQ(runtime_.live["counter"]->classes[0].ns, counter.ns);
  // Other steps under the same tags are another migration.
  EXPECT_EQ(Code(Publish(R"({"new_tag":"v1","steps":[{"new_classes":["Other"]}]})")), 10079);
  constexpr char kSecond[] = R"({"old_tag":"v1","new_tag":"v2","steps":[{"new_classes":["Two"]}]})";
  ASSERT_TRUE(Publish(kSecond, "export class Counter {}; export class Two {}")["success"].AsBool());
  EXPECT_TRUE(Publish(kSecond, "export class Counter {}; export class Two {}")["success"].AsBool());
  EXPECT_EQ(Code(Publish(kFirst)), 10079);
  // Without tags nothing tells a second upload from a mistake.
  EXPECT_EQ(Code(Publish(kNewClass)), 10074);
}

TEST_F(ControlPlaneTest, TheMetadataPartIsKnownByItsNameAlone) {
  struct {
    const char *filename, *type;
    bool last;
  } cases[] = {{nullptr, "", false},
               {"metadata.json", "application/json", false},
               {"blob", "application/octet-stream", false},
               {nullptr, "text/plain;charset=UTF-8", true}};
  for (const auto& item : cases) {
    FormWriter form("b");
    auto metadata = [&] {
      std::optional<std::string_view> filename;
      if (item.filename != nullptr) filename = item.filename;
      form.Add("metadata", filename, item.type, R"({"main_module":"index.mjs"})");
    };
    if (!item.last) metadata();
    form.Add("index.mjs", "index.mjs", "application/javascript+module", kCode);
    if (item.last) metadata();
    std::string type = form.content_type();
    Json answer = Call("PUT", kScript, std::move(form).Finish(), type);
    EXPECT_TRUE(answer["success"].AsBool()) << ToText(answer);
  }
}

TEST_F(ControlPlaneTest, AnUploadThatIsNoneIsRefusedAndChangesNothing) {
  struct {
    const char *type, *body;
    int64_t code;
    const char* text;
  } cases[] = {
      {"", "", 10021, "Content-Type must be multipart/form-data"},
      {"application/json", "{}", 10021, "Content-Type must be multipart/form-data"},
      {"multipart/form-data", "--b--", 10021, "no usable boundary"},
      {"multipart/form-data; boundary=b", "", 10021, "first boundary is missing"},
      {"multipart/form-data; boundary=b", "--b--\r\n", 10021, "no part \"metadata\""},
      {"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n{\"a\":\r\n",
       10021, "last boundary is missing"},
      {"multipart/form-data; boundary=b",
       "--b\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n{\"a\":\r\n--b--", 10021, "metadata: line 1"},
      {"multipart/form-data; boundary=b",
       "--b\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\nnull\r\n--b--", 10021, "must be a JSON object"},
      {"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n{}\r\n--b--",
       10021, "\"main_module\" is missing"},
      {"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--", 10021,
       "a part has no name"},
  };
  for (const auto& item : cases) {
    Json answer = Call("PUT", kScript, item.body, item.type);
    EXPECT_EQ(status_, 400) << item.text;
    EXPECT_EQ(Code(answer), item.code) << item.text;
    EXPECT_NE(answer["errors"].items()[0]["message"].AsString().find(item.text), std::string::npos) << ToText(answer);
  }
  EXPECT_EQ(plane_->script_count(), 0u);
  EXPECT_TRUE(runtime_.live.empty());
}

TEST_F(ControlPlaneTest, RefusalsOfTheWayInHaveTheCodesThatClientsKnow) {
  auto send = [&](const char* method, const std::string& path, const char* token) {
    HttpRequest request;
    request.method = method;
    request.url = "http://127.0.0.1:8788/client/v4" + path;
    if (token != nullptr) request.headers.Append("Authorization", token);
    HttpResponse response = Send(std::move(request));
    Result<Json> json = ParseJson(response.body.bytes);
    EXPECT_TRUE(json.has_value());
    EXPECT_FALSE((*json)["success"].AsBool());
    EXPECT_TRUE((*json)["result"].is_null());
    return std::pair(response.status, (*json)["errors"].items()[0]);
  };
  for (const char* token : {(const char*)nullptr, "Bearer wrong", "Basic secret", "secret"}) {
    for (const char* path : {kScript, "/user", "/accounts/local/nothing"}) {
      auto [status, error] = send("PUT", path, token);
      EXPECT_EQ(status, 403);
      EXPECT_EQ(error["code"].AsInt64(), 10000);
      EXPECT_EQ(error["message"].AsString(), "Authentication error");
    }
  }
  auto [status, error] = send("GET", "/accounts/local/magic/wands", "Bearer secret");
  EXPECT_EQ(status, 404);
  EXPECT_EQ(error["code"].AsInt64(), 7003);
  EXPECT_EQ(error["message"].AsString(),
            "Could not route to /client/v4/accounts/local/magic/wands, perhaps your object identifier is invalid?");
  const Json lacking = send("GET", "/accounts/local/d1/database", "Bearer secret").second;
  EXPECT_EQ(lacking["code"].AsInt64(), 7003);
  EXPECT_TRUE(lacking["message"].AsString().starts_with("limpet has no D1. ")) << ToText(lacking);
  EXPECT_EQ(send("PATCH", kScript, "Bearer secret").first, 405);
}

TEST_F(ControlPlaneTest, TheVersionedRoadDeploysAndRollsBack) {
  Publish(kNewClass);
  std::string first = runtime_.live["counter"]->version_id;
  std::string metadata = R"({"main_module":"index.mjs","bindings":[]})";
  EXPECT_EQ(Code(Upload("POST", std::string(kScript) + "/versions",
                        R"({"main_module":"index.mjs","migrations":{"steps":[{}]}})", kCode)),
            10211);
  Json version = Upload("POST", std::string(kScript) + "/versions", metadata, kCode);
  ASSERT_TRUE(version["success"].AsBool()) << ToText(version);
  std::string second = version["result"]["id"].AsString();
  EXPECT_TRUE(version["result"]["resources"]["script"].is_object());
  EXPECT_EQ(runtime_.live["counter"]->version_id, first);
  auto deploy = [&](const std::string& id) {
    return Call("POST", std::string(kScript) + "/deployments",
                R"({"strategy":"percentage","versions":[{"version_id":")" + id + R"(","percentage":100}]})");
  };
  EXPECT_TRUE(deploy(second)["success"].AsBool());
  EXPECT_EQ(runtime_.live["counter"]->version_id, second);
  EXPECT_TRUE(deploy(first)["success"].AsBool());
  EXPECT_EQ(runtime_.live["counter"]->version_id, first);
  EXPECT_EQ(Code(deploy("nope")), 100146);
  Json deployments = Call("GET", std::string(kScript) + "/deployments");
  EXPECT_EQ(deployments["result"]["deployments"].items()[0]["versions"].items()[0]["version_id"].AsString(), first);
  for (int i = 0; i < 5; ++i) Publish("null");
  EXPECT_EQ(Call("GET", std::string(kScript) + "/versions")["result"]["items"].items().size(), 3u);
  // A deployment whose version is gone is gone as well.
  deployments = Call("GET", std::string(kScript) + "/deployments");
  EXPECT_EQ(deployments["result"]["deployments"].items().size(), 3u);
}

TEST_F(ControlPlaneTest, SecretsStayAndAreNeverShown) {
  Publish(kNewClass);
  EXPECT_TRUE(Call("PUT", std::string(kScript) + "/secrets",
                   R"({"name":"KEY","text":"hidden","type":"secret_text"})")["success"]
                  .AsBool());
  Publish("null");
  EXPECT_EQ(runtime_.live["counter"]->bindings.size(), 2u);
  EXPECT_EQ(runtime_.live["counter"]->bindings[1].value, "hidden");
  for (const char* path : {"/secrets", "/settings", "/versions"}) {
    Json shown = Call("GET", std::string(kScript) + path);
    EXPECT_EQ(ToText(shown).find("hidden"), std::string::npos) << path;
  }
  EXPECT_TRUE(Call("DELETE", std::string(kScript) + "/secrets/KEY?url_encoded=true")["success"].AsBool());
  EXPECT_EQ(runtime_.live["counter"]->bindings.size(), 1u);
  EXPECT_EQ(Code(Call("DELETE", std::string(kScript) + "/secrets/KEY")), 10056);
}

TEST_F(ControlPlaneTest, AScriptThatThrowsAtStartIsRefusedWithFileAndLine) {
  Json refused = Publish("null", "throw new TypeError('no')", "");
  EXPECT_EQ(Code(refused), 10021);
  EXPECT_EQ(refused["errors"].items()[0]["message"].AsString(), "Uncaught TypeError: no\n  at index.mjs:3:7");
  EXPECT_EQ(Code(Call("GET", "/accounts/local/workers/services/counter")), 10090);
}

TEST_F(ControlPlaneTest, DeleteEndsTheScriptAndItsData) {
  Publish(kNewClass);
  uint64_t ns = runtime_.live["counter"]->classes[0].ns.value;
  EXPECT_TRUE(Call("DELETE", "/accounts/local/workers/services/counter?force=false")["success"].AsBool());
  EXPECT_TRUE(runtime_.live.empty());
  EXPECT_TRUE(runtime_.retired.contains(ns));
  EXPECT_EQ(Code(Call("DELETE", kScript)), 10007);
  Open();
  EXPECT_EQ(plane_->script_count(), 0u);
}

TEST_F(ControlPlaneTest, ConcurrentUploadsOfOneClassAreTakenOneByOne) {
  int accepted = 0, refused = 0;
  for (int i = 0; i < 5; ++i) {
    FormWriter form("b");
    form.Add("metadata", std::nullopt, "", std::string(R"({"main_module":"a.js","migrations":)") + kNewClass + "}");
    form.Add("a.js", "a.js", "application/javascript+module", kCode);
    HttpRequest request;
    request.method = "PUT";
    request.url = std::string("http://localhost:1/client/v4") + kScript;
    request.headers.Append("authorization", "bearer secret");
    request.headers.Append("Content-Type", form.content_type());
    request.body = Body::Of(std::move(form).Finish());
    plane_->Handle(std::move(request), {},
                   [&](HttpResponse response) { (response.status == 200 ? accepted : refused)++; });
  }
  loop_.RunUntilIdle(std::chrono::seconds(10));
  EXPECT_EQ(accepted, 1);
  EXPECT_EQ(refused, 4);
}

TEST_F(ControlPlaneTest, AChangeWithAnUnknownOutcomeIsFoundOutByTheNextOne) {
  for (bool landed : {false, true}) {
    plane_.reset();
    runtime_.live.clear();
    auto faulty = std::make_unique<store::FaultyEngine>(&loop_);
    store::FaultyEngine& disk = *faulty;
    engine_ = std::move(faulty);
    Open();
    ASSERT_TRUE(Publish(kNewClass)["success"].AsBool());
    std::string first = runtime_.live["counter"]->version_id;

    disk.FailNextCommit({.landed = landed, .after = 1});  // The audit log's comes first.
    EXPECT_EQ(Code(Publish("null")), 10013);
    EXPECT_EQ(status_, 500);
    EXPECT_EQ(runtime_.live["counter"]->version_id, first);

    Json next = Call("PUT", std::string(kScript) + "/schedules", R"([{"cron":"* * * * *"}])");
    EXPECT_TRUE(next["success"].AsBool()) << ToText(next);
    EXPECT_EQ(runtime_.live["counter"]->version_id != first, landed);

    disk.FailNextCommit({.landed = landed, .after = 1});  // The audit log's comes first.
    EXPECT_EQ(Code(Call("DELETE", std::string(kScript) + "?force=true")), 10013);
    EXPECT_TRUE(runtime_.live.contains("counter"));
    EXPECT_TRUE(Publish(landed ? kNewClass : "null")["success"].AsBool());
    EXPECT_EQ(runtime_.retired.empty(), !landed);
  }
}

TEST_F(ControlPlaneTest, WhatCantBeLoggedIsNotDone) {
  auto faulty = std::make_unique<store::FaultyEngine>(&loop_);
  store::FaultyEngine& disk = *faulty;
  plane_.reset();
  engine_ = std::move(faulty);
  Open();
  ASSERT_TRUE(Publish(kNewClass)["success"].AsBool());
  disk.FailNextCommit({.landed = false});
  EXPECT_EQ(Code(Call("DELETE", std::string(kScript) + "?force=true")), 10013);
  EXPECT_EQ(status_, 503);
  EXPECT_TRUE(runtime_.live.contains("counter"));
  EXPECT_TRUE(Call("DELETE", std::string(kScript) + "?force=true")["success"].AsBool());
}

TEST_F(ControlPlaneTest, OnlyTheTokenAndKnownHostsGetIn) {
  auto get = [&](std::string url, std::string token, std::string origin = {}, Peer peer = {.loopback = true}) {
    HttpRequest request;
    request.url = std::move(url);
    if (!token.empty()) request.headers.Append("Authorization", token);
    if (!origin.empty()) request.headers.Append("Origin", origin);
    return Send(std::move(request), peer).status;
  };
  const std::string user = "http://127.0.0.1:8788/client/v4/user";
  EXPECT_EQ(get(user, "Bearer secret"), 200);
  EXPECT_EQ(get(user, ""), 403);
  EXPECT_EQ(get(user, "Bearer secres"), 403);
  EXPECT_EQ(get(user, "Bearer secretsecret"), 403);
  EXPECT_EQ(get(user, "Bearer "), 403);
  EXPECT_EQ(get("http://evil.example:8788/client/v4/user", "Bearer secret"), 403);
  EXPECT_EQ(get("http://127.0.0.1.evil.example/client/v4/user", "Bearer secret"), 403);
  EXPECT_EQ(get("http://[::1]:8788/client/v4/user", "Bearer secret"), 200);
  EXPECT_EQ(get(user, "Bearer secret", "http://counter.localhost:8787"), 403);
  EXPECT_EQ(get(user, "Bearer secret", "null"), 403);
  EXPECT_EQ(get(user, "Bearer secret", "http://127.0.0.1:8788"), 200);
  EXPECT_EQ(get("http://localhost:8788/healthz", ""), 200);
  EXPECT_EQ(get("http://localhost:8788/metrics", "", "", {.loopback = false}), 403);
  EXPECT_EQ(get("http://localhost:8788/client/v4/none", "Bearer secret"), 404);
}

TEST_F(ControlPlaneTest, CustomDomainsAreRoutedKeptAndTakenOver) {
  Publish("null", "export default {}", "");
  std::string other = "/accounts/local/workers/scripts/other";
  Upload("PUT", other, R"({"main_module":"index.mjs"})", "export default {}");
  auto put = [&](const std::string& script, const std::string& host, bool taking_over = false) {
    return Call("PUT", script + "/domains/records",
                R"({"override_existing_origin":)" + std::string(taking_over ? "true" : "false") +
                    R"(,"origins":[{"hostname":")" + host + R"(","zone_id":"z"}]})");
  };
  EXPECT_TRUE(put(kScript, "Shop.Example.com")["success"].AsBool());
  EXPECT_EQ(runtime_.hosts, (HostMap{{"shop.example.com", "counter"}}));
  EXPECT_EQ(Code(put(other, "shop.example.com")), 100116);
  EXPECT_EQ(status_, 409);
  Json changes = Call("POST", other + "/domains/changeset?replace_state=true", R"([{"hostname":"shop.example.com"}])");
  ASSERT_EQ(changes["result"]["updated"].items().size(), 1u);
  std::string id = changes["result"]["updated"].items()[0]["id"].AsString();
  EXPECT_EQ(Call("GET", "/accounts/local/workers/domains/records/" + id)["result"]["service"].AsString(), "counter");
  EXPECT_EQ(Code(Call("GET", "/accounts/local/workers/domains/records/none.example")), 100114);
  EXPECT_TRUE(put(other, "shop.example.com", true)["success"].AsBool());
  runtime_.hosts.clear();
  Open();
  EXPECT_EQ(runtime_.hosts, (HostMap{{"shop.example.com", "other"}}));
  for (const char* host : {"", "a/b", "*.example.com", "a.example:80", ".a", "a..b"}) {
    EXPECT_EQ(Code(put(kScript, host)), 10021) << host;
  }
  Call("DELETE", other);
  EXPECT_TRUE(runtime_.hosts.empty());
}

TEST_F(ControlPlaneTest, EveryPlainRouteAnswersInTheEnvelope) {
  Publish(kNewClass);
  for (const char* path :
       {"/user", "/user/tokens/verify", "/accounts?page=1", "/memberships?page=1", "/accounts/x/workers/subdomain",
        "/accounts/x/workers/scripts", "/accounts/x/workers/workers/counter",
        "/accounts/x/workers/durable_objects/namespaces?page=1", "/accounts/x/workers/scripts/counter/subdomain",
        "/accounts/x/workers/scripts/counter/settings", "/accounts/x/workers/scripts/counter/script-settings"}) {
    EXPECT_TRUE(Call("GET", path)["success"].AsBool()) << path;
  }
  EXPECT_EQ(Code(Call("GET", "/accounts/x/nothing")), 7003);
  EXPECT_EQ(Code(Call("PUT", "/accounts/x/workers/scripts/UPPER", "", "text/plain")), 10016);
  EXPECT_EQ(Code(Call("POST", "/accounts/x/workers/scripts/counter/deployments", "{")), 10026);
  EXPECT_TRUE(Call("PUT", std::string(kScript) + "/schedules", R"([{"cron":"* * * * *"}])")["success"].AsBool());
  EXPECT_TRUE(Call("POST", std::string(kScript) + "/subdomain", R"({"enabled":true})")["success"].AsBool());
}

TEST_F(ControlPlaneTest, ListsShowsAndDeletesObjects) {
  Publish(kNewClass);
  ObjectClass counter = runtime_.live["counter"]->classes[0];
  object::IdCodec codec(counter.ns, counter.ns_key);
  std::vector<ObjectId> objects;
  auto session = engine_->Attach(loop_);
  auto claim = engine_->Acquire(0);
  // The first and the last ID that can be (but for one byte), and one between.
  for (uint8_t byte : {0x00, 0x42, 0xFE}) {
    ObjectId object{counter.ns, {}};
    object.base.fill(byte);
    objects.push_back(object);
    Bytes header(100, '\0');
    header[16] = 0x10;  // Pages of 4096 bytes, three of them.
    header[31] = 3;
    Bytes page;
    AppendBigEndian64(page, 1);
    session->Commit(*claim,
                    {object,
                     {{store::Write::Kind::kPut, store::Space::kKv, "k", "value"},
                      {store::Write::Kind::kPut, store::Space::kPage, page, header}}},
                    [](Result<uint64_t>) {});
  }
  loop_.RunUntilIdle(std::chrono::seconds(1));

  const std::string all = "/accounts/x/workers/durable_objects/namespaces/" + counter.ns_key + "/objects";
  Json page = Call("GET", all + "?limit=2");
  ASSERT_EQ(page["result"].items().size(), 2u) << ToText(page);
  EXPECT_EQ(page["result"].items()[0]["id"].AsString(), codec.ToString(objects[0]));
  EXPECT_TRUE(page["result"].items()[0]["hasStoredData"].AsBool());
  page = Call("GET", all + "?limit=2&cursor=" + page["result_info"]["cursor"].AsString());
  ASSERT_EQ(page["result"].items().size(), 1u);
  EXPECT_EQ(page["result"].items()[0]["id"].AsString(), codec.ToString(objects[2]));
  EXPECT_EQ(page["result_info"]["cursor"].AsString(), "");

  for (const ObjectId& object : objects) {
    Json shown = Call("GET", all + "/" + codec.ToString(object))["result"];
    EXPECT_TRUE(shown["hasStoredData"].AsBool());
    EXPECT_EQ(shown["database_bytes"].AsInt64(), 3 * 4096);
    EXPECT_GT(shown["commit_number"].AsInt64(), 0);
    EXPECT_GT(shown["stored_bytes"].AsInt64(), shown["pairs_bytes"].AsInt64());
    ASSERT_EQ(shown["keys"].items().size(), 1u);
    EXPECT_EQ(shown["keys"].items()[0]["bytes"].AsInt64(), 5);
  }
  const std::string by_id = "/accounts/x/workers/durable_objects/objects/";
  EXPECT_TRUE(Call("DELETE", by_id + codec.ToString(objects[1]))["success"].AsBool());
  EXPECT_EQ(runtime_.deleted, std::vector{objects[1]});
  ObjectId nothing{counter.ns, {7}};
  EXPECT_FALSE(Call("GET", by_id + codec.ToString(nothing))["result"]["hasStoredData"].AsBool());
  EXPECT_EQ(Code(Call("DELETE", by_id + codec.ToString(nothing))), 10067);
  std::string other = object::IdCodec({99}, "other").ToString({{99}, {1}});
  EXPECT_EQ(Code(Call("DELETE", by_id + other)), 10021);
  EXPECT_EQ(Code(Call("GET", all + "/" + other)), 10021);
  EXPECT_EQ(Code(Call("GET", all + "?limit=0")), 10021);
  EXPECT_EQ(Code(Call("GET", all + "?cursor=" + other)), 10021);
  EXPECT_EQ(Code(Call("GET", "/accounts/x/workers/durable_objects/namespaces/none/objects")), 10066);
  EXPECT_EQ(runtime_.deleted.size(), 1u);
}

}  // namespace
}  // namespace limpet::control

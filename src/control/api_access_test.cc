// Tokens, and the routes of zones, through the REST API.
#include "control/control_plane_testing.h"

namespace limpet::control {
namespace {

TEST_F(ControlPlaneTest, ATokenDoesWhatItsScopeAllowsAndLeavesATrace) {
  Json made = Call("POST", "/accounts/local/tokens", R"({"name":"eye","scope":"read"})", "application/json");
  ASSERT_TRUE(made["success"].AsBool()) << ToText(made);
  auto as = [&](const std::string& method, const std::string& path) {
    HttpRequest request;
    request.method = method;
    request.url = "http://127.0.0.1:8788/client/v4" + path;
    request.headers.Append("Authorization", "Bearer " + made["result"]["value"].AsString());
    HttpResponse response = Send(std::move(request));
    return std::pair(response.status, Code(ParseJson(response.body.bytes).value()));
  };
  EXPECT_EQ(as("GET", "/accounts/local/workers/scripts").first, 200);
  EXPECT_EQ(as("DELETE", kScript), std::pair(403, int64_t{9109}));
  EXPECT_EQ(as("GET", "/accounts/local/tokens"), std::pair(403, int64_t{9109}));
  EXPECT_EQ(Code(Call("POST", "/accounts/local/tokens", R"({"name":"x","scope":"all"})", "application/json")), 10001);
  Call("DELETE", kScript);
  Json log = Call("GET", "/accounts/local/audit_logs");
  const Json::Array& entries = log["result"].items();
  ASSERT_EQ(entries.size(), 3u) << ToText(log);  // What was not allowed has changed nothing.
  EXPECT_EQ(entries[0]["method"].AsString(), "DELETE");
  EXPECT_EQ(entries[0]["code"].AsInt64(), 10007);
  EXPECT_EQ(entries[2]["status"].AsInt64(), 200);
  EXPECT_EQ(ToText(log).find(made["result"]["value"].AsString()), std::string::npos);
  EXPECT_TRUE(Call("DELETE", "/accounts/local/tokens/eye")["success"].AsBool());
  EXPECT_EQ(as("GET", "/accounts/local/workers/scripts"), std::pair(403, int64_t{10000}));
}

TEST_F(ControlPlaneTest, RoutesAreCheckedOwnedAndListedByZone) {
  Publish(kNewClass);
  const std::string path = std::string(kScript) + "/routes";
  Json put = Call("PUT", path, R"([{"pattern":"example.com/*","zone_name":"example.com"},"*.shop.org/api/*"])");
  EXPECT_EQ(ToText(put["result"]), R"(["example.com/*","*.shop.org/api/*"])");
  ASSERT_NE(runtime_.routes->Find("http", "example.com", "/x"), nullptr);
  EXPECT_EQ(runtime_.routes->Find("http", "a.shop.org", "/api/x")->script, "counter");
  EXPECT_EQ(runtime_.routes->Find("http", "a.shop.org", "/x"), nullptr);
  EXPECT_EQ(Code(Call("PUT", path, R"(["example.com/*.jpg"])")), 10022);
  ASSERT_NE(runtime_.routes->Find("http", "example.com", "/x"), nullptr) << "a refusal changes nothing";

  EXPECT_EQ(Call("GET", "/zones?name=shop.org")["result"].items()[0]["id"].AsString(), "shop.org");
  Json routes = Call("GET", "/zones/shop.org/workers/routes")["result"];
  ASSERT_EQ(routes.items().size(), 1U);
  EXPECT_EQ(routes.items()[0]["pattern"].AsString(), "*.shop.org/api/*");
  EXPECT_EQ(routes.items()[0]["script"].AsString(), "counter");

  Upload("PUT", "/accounts/local/workers/scripts/other", R"({"main_module":"index.mjs"})", kCode);
  EXPECT_EQ(Code(Call("PUT", "/accounts/local/workers/scripts/other/routes", R"(["example.com/*"])")), 10020);
  Json added = Call("POST", "/zones/example.com/workers/routes", R"({"pattern":"example.com/o*","script":"other"})");
  EXPECT_EQ(runtime_.routes->Find("http", "example.com", "/over")->script, "other");
  Call("DELETE", "/zones/example.com/workers/routes/" + added["result"]["id"].AsString());
  EXPECT_EQ(runtime_.routes->Find("http", "example.com", "/over")->script, "counter");
  Open();
  EXPECT_EQ(runtime_.routes->Find("http", "example.com", "/over")->script, "counter");
  Call("PUT", path, "[]");
  EXPECT_EQ(runtime_.routes->Find("http", "example.com", "/x"), nullptr);

  Call("POST", std::string(kScript) + "/subdomain", R"({"enabled":false})");
  EXPECT_TRUE(runtime_.routes->hidden.contains("counter"));
  Call("POST", std::string(kScript) + "/subdomain", R"({"enabled":true})");
  EXPECT_FALSE(runtime_.routes->hidden.contains("counter"));
}

}  // namespace
}  // namespace limpet::control

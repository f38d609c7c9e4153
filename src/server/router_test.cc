#include "server/router.h"

#include <gtest/gtest.h>

namespace limpet::server {
namespace {

std::string Named(const Router& router, std::string host, const control::RouteTable& routes = {},
                  const std::string& target = "/") {
  std::optional<std::string_view> name = router.ScriptOf(host, "http://" + host + target, routes);
  return name ? std::string(*name) : "-";
}

TEST(Router, TakesTheHostOutOfAUrl) {
  EXPECT_EQ(HostOf("http://A.Localhost.:8787/x?y"), "a.localhost");
  EXPECT_EQ(HostOf("http://[::1]:80/"), "[::1]");
  EXPECT_EQ(HostOf("http://a.localhost?x=http://b"), "a.localhost");
  EXPECT_EQ(HostOf("http:///x"), "");
}

TEST(Router, NamesTheScriptByTheLabelBeforeADomain) {
  Router router({.domains = {"localhost", "workers.example"}, .default_script = ""});
  EXPECT_EQ(Named(router, "counter.localhost"), "counter");
  EXPECT_EQ(Named(router, "counter.workers.example"), "counter");
  EXPECT_EQ(Named(router, "counter.someone.workers.dev"), "counter");
  for (const char* host : {"localhost", ".localhost", "a.b.localhost", "counterlocalhost", "workers.dev",
                           "a.workers.dev", "a.b.c.workers.dev", "127.0.0.1", "", ".a.workers.dev"}) {
    EXPECT_EQ(Named(router, host), "-") << host;
  }
}

TEST(Router, FallsBackToTheDefaultScript) {
  Router router({.domains = {"localhost"}, .default_script = "mine"});
  EXPECT_EQ(Named(router, "localhost"), "mine");
  EXPECT_EQ(Named(router, "127.0.0.1"), "mine");
  EXPECT_EQ(Named(router, "other.localhost"), "other");
}

TEST(Router, CustomDomainsComeBeforeTheDefaultScript) {
  Router router({.domains = {"localhost"}, .default_script = "mine"});
  control::RouteTable custom;
  custom.hosts = {{"shop.example.com", "shop"}, {"other.localhost", "thief"}};
  EXPECT_EQ(Named(router, "shop.example.com", custom), "shop");
  EXPECT_EQ(Named(router, "a.shop.example.com", custom), "mine");
  EXPECT_EQ(Named(router, "other.localhost", custom), "other");
}

TEST(Router, RoutesComeBeforeCustomDomainsAndBehindAScriptsOwnName) {
  Router router({.domains = {"localhost"}, .default_script = ""});
  control::RouteTable routes;
  routes.hosts = {{"shop.example.com", "shop"}};
  for (const char* pattern : {"shop.example.com/api/*", "*.localhost/*", "*.workers.dev/*"}) {
    control::Route route = *control::ParseRoute(pattern);
    route.script = "routed";
    routes.Add(std::move(route));
  }
  routes.Sort();
  EXPECT_EQ(Named(router, "shop.example.com", routes), "shop");
  EXPECT_EQ(Named(router, "shop.example.com", routes, "/api/x?y"), "routed");
  EXPECT_EQ(Named(router, "own.localhost", routes), "own");
  EXPECT_EQ(Named(router, "own.me.workers.dev", routes), "own");
  EXPECT_EQ(Named(router, "a.b.localhost", routes), "routed");
  routes.hidden = {"own"};
  EXPECT_EQ(Named(router, "own.localhost", routes), "routed");
  EXPECT_EQ(Named(router, "own.me.workers.dev", routes), "routed");
  EXPECT_EQ(Named(router, "other.localhost", routes), "other");
}

TEST(Router, SaysWhatThereIsInsteadOfAnUnknownScript) {
  Router router({});
  EXPECT_EQ(NoScriptText("x.localhost", "x", router, {"a", "b"}),
            "There is no Worker \"x\" on this server.\nThere are: a, b\n");
  EXPECT_NE(NoScriptText("127.0.0.1", std::nullopt, router, {}).find("NAME.localhost"), std::string::npos);
  std::vector<std::string> many(21, "a");
  EXPECT_TRUE(NoScriptText("x", std::nullopt, router, many).ends_with("…\n"));
}

}  // namespace
}  // namespace limpet::server

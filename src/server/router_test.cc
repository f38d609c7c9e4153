#include "server/router.h"

#include <gtest/gtest.h>

namespace limpet::server {
namespace {

TEST(Router, TakesTheHostOutOfAUrl) {
  EXPECT_EQ(HostOf("http://A.Localhost.:8787/x?y"), "a.localhost");
  EXPECT_EQ(HostOf("http://[::1]:80/"), "[::1]");
  EXPECT_EQ(HostOf("http://a.localhost?x=http://b"), "a.localhost");
  EXPECT_EQ(HostOf("http:///x"), "");
}

TEST(Router, NamesTheScriptByTheLabelBeforeADomain) {
  Router router({.domains = {"localhost", "workers.example"}, .default_script = ""});
  EXPECT_EQ(router.ScriptOf("counter.localhost", {}), "counter");
  EXPECT_EQ(router.ScriptOf("counter.workers.example", {}), "counter");
  EXPECT_EQ(router.ScriptOf("counter.someone.workers.dev", {}), "counter");
  for (const char* host : {"localhost", ".localhost", "a.b.localhost", "counterlocalhost", "workers.dev",
                           "a.workers.dev", "a.b.c.workers.dev", "127.0.0.1", "", ".a.workers.dev"}) {
    EXPECT_EQ(router.ScriptOf(host, {}), std::nullopt) << host;
  }
}

TEST(Router, FallsBackToTheDefaultScript) {
  Router router({.domains = {"localhost"}, .default_script = "mine"});
  EXPECT_EQ(router.ScriptOf("localhost", {}), "mine");
  EXPECT_EQ(router.ScriptOf("127.0.0.1", {}), "mine");
  EXPECT_EQ(router.ScriptOf("other.localhost", {}), "other");
}

TEST(Router, CustomDomainsComeBeforeTheDefaultScript) {
  Router router({.domains = {"localhost"}, .default_script = "mine"});
  HostMap custom{{"shop.example.com", "shop"}, {"other.localhost", "thief"}};
  EXPECT_EQ(router.ScriptOf("shop.example.com", custom), "shop");
  EXPECT_EQ(router.ScriptOf("a.shop.example.com", custom), "mine");
  EXPECT_EQ(router.ScriptOf("other.localhost", custom), "other");
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

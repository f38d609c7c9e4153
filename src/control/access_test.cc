// API tokens and the audit log, over the memory and the faulty engine.
#include "control/access.h"

#include <gtest/gtest.h>

#include "control/rest.h"
#include "loop/sim_loop.h"
#include "store/memory.h"

namespace limpet::control {
namespace {

class AccessTest : public testing::Test {
 protected:
  AccessTest() : engine_(store::MakeMemoryEngine()), random_(1) { Open(); }
  void Open() {
    access_.reset();
    auto opened = Await(Access::Open(*engine_, loop_, random_, "own"));
    ASSERT_TRUE(opened.has_value());
    access_ = std::move(*opened);
  }
  template <typename T>
  T Await(loop::Task<T> task) {
    std::optional<T> value;
    loop::TaskScope scope;
    scope.Spawn(Keep(std::move(task), &value));
    loop_.RunUntilIdle(std::chrono::seconds(10));
    return *std::move(value);
  }
  template <typename T>
  static loop::Task<Done> Keep(loop::Task<T> task, std::optional<T>* value) {
    value->emplace(co_await task);
    co_return Done{};
  }
  void Pass(Duration time) {
    loop_.After(time, [] {});
    loop_.RunUntilIdle(time + std::chrono::seconds(1));
  }
  Decision<Caller> Identify(const std::string& token) {
    HeaderList headers;
    headers.Append("Authorization", "Bearer " + token);
    return access_->Identify(headers);
  }

  loop::SimLoop loop_;
  std::unique_ptr<store::Engine> engine_;
  SeededRandom random_;
  std::unique_ptr<Access> access_;
};

TEST_F(AccessTest, TheServersOwnTokenIsAdmin) {
  ASSERT_TRUE(Identify("own").ok());
  EXPECT_EQ(Identify("own")->scope, AccessScope::kAdmin);
  for (const char* wrong : {"", "ow", "owns", "Own", "lmpt_", "lmpt_0000"}) EXPECT_FALSE(Identify(wrong).ok()) << wrong;
  EXPECT_FALSE(access_->Identify({}).ok());
  EXPECT_EQ(Identify("x").refusal().status, 403);
  EXPECT_EQ(Identify("x").refusal().code, 10000);
}

TEST_F(AccessTest, TokensLastUntilTheyAreRevokedOrExpire) {
  int64_t now = loop_.WallNow().time_since_epoch().count();
  auto ci = Await(access_->Create("ci", AccessScope::kDeploy, std::nullopt));
  auto guest = Await(access_->Create("guest", AccessScope::kRead, now + 60'000));
  ASSERT_TRUE(ci.ok() && guest.ok());
  EXPECT_TRUE(ci->value.starts_with("lmpt_"));
  EXPECT_EQ(ToText(ShowToken(ci->token)).find(ci->token.hash), std::string::npos);
  Open();
  ASSERT_TRUE(Identify(ci->value).ok());
  EXPECT_EQ(Identify(ci->value)->name, "ci");
  EXPECT_EQ(Identify(ci->value)->scope, AccessScope::kDeploy);
  EXPECT_EQ(Identify(guest->value)->scope, AccessScope::kRead);
  EXPECT_FALSE(Identify(ci->value + "0").ok());
  EXPECT_FALSE(Identify(ci->token.hash).ok());
  Pass(std::chrono::seconds(60));
  EXPECT_FALSE(Identify(guest->value).ok());
  EXPECT_TRUE(Await(access_->Revoke("ci")).ok());
  EXPECT_FALSE(Identify(ci->value).ok());
  EXPECT_EQ(Await(access_->Revoke("ci")).refusal().status, 404);
  Open();
  EXPECT_FALSE(Identify(ci->value).ok());
  EXPECT_EQ(access_->tokens().size(), 1u);
}

TEST_F(AccessTest, WhatIsNoTokenIsRefused) {
  EXPECT_EQ(Await(access_->Create("", AccessScope::kRead, std::nullopt)).refusal().status, 400);
  EXPECT_EQ(Await(access_->Create(std::string(129, 'x'), AccessScope::kRead, std::nullopt)).refusal().status, 400);
  EXPECT_EQ(Await(access_->Create("old", AccessScope::kRead, 1)).refusal().status, 400);
  EXPECT_TRUE(Await(access_->Create("twice", AccessScope::kRead, std::nullopt)).ok());
  EXPECT_EQ(Await(access_->Create("twice", AccessScope::kAdmin, std::nullopt)).refusal().status, 409);
}

TEST_F(AccessTest, WrongTokensWaitLongerAndLonger) {
  auto wait = [&] {
    Instant start = loop_.Now();
    EXPECT_FALSE(Await(access_->Penalize()).has_value());
    return loop_.Now() - start;
  };
  Pass(std::chrono::seconds(1));
  EXPECT_LT(wait(), std::chrono::milliseconds(1));
  for (int i = 0; i < 4; ++i) wait();
  Duration first = wait(), second = wait();
  EXPECT_GE(first, std::chrono::milliseconds(50));
  EXPECT_GE(second, first * 2 - std::chrono::milliseconds(1));
  Pass(std::chrono::hours(1));
  EXPECT_LT(wait(), std::chrono::milliseconds(1));
}

TEST_F(AccessTest, TooManyWrongTokensAtOnceAreTurnedAway) {
  std::vector<std::optional<std::optional<Refusal>>> answers(100);
  loop::TaskScope scope;
  for (auto& answer : answers) scope.Spawn(Keep(access_->Penalize(), &answer));
  size_t refused = 0;
  for (const auto& answer : answers) refused += answer && *answer && (*answer)->status == 429 ? 1 : 0;
  EXPECT_EQ(refused, answers.size() - 5 - 64);
  loop_.RunUntilIdle(std::chrono::seconds(60));
  EXPECT_EQ(scope.size(), 0u);
}

TEST_F(AccessTest, TheAuditLogIsPagedNewestFirstAndForgotten) {
  for (int i = 0; i < 5; ++i) {
    Result<Bytes> entry =
        Await(access_->Begin({"", "admin-token", AccessScope::kAdmin}, "PUT", "/x/" + std::to_string(i)));
    ASSERT_TRUE(entry.has_value());
    if (i != 4) Await(access_->Finish(*entry, i == 3 ? 400 : 200, i == 3 ? 10061 : 0, i == 3 ? "no" : ""));
  }
  Open();
  Json page = Await(access_->Entries(2, "")).value();
  ASSERT_EQ(page.items().size(), 2u);
  EXPECT_EQ(page.items()[0]["path"].AsString(), "/x/4");
  EXPECT_EQ(page.items()[0].Find("status"), nullptr);  // Begun, and nothing known of its end.
  EXPECT_EQ(page.items()[1]["code"].AsInt64(), 10061);
  Json rest = Await(access_->Entries(10, page.items()[1]["id"].AsString())).value();
  ASSERT_EQ(rest.items().size(), 3u);
  EXPECT_EQ(rest.items()[2]["path"].AsString(), "/x/0");
  Pass(Access::kAuditKept + std::chrono::hours(1));
  Open();
  EXPECT_TRUE(Await(access_->Entries(10, ""))->items().empty());
}

TEST(NeededScope, IsReadForLooksAndAdminForAccess) {
  auto needed = [](const char* method, const char* path) { return NeededScope(method, ParseTarget(path).segments); };
  EXPECT_EQ(needed("GET", "http://a/client/v4/accounts/x/workers/scripts"), AccessScope::kRead);
  EXPECT_EQ(needed("PUT", "http://a/client/v4/accounts/x/workers/scripts/a"), AccessScope::kDeploy);
  EXPECT_EQ(needed("POST", "http://a/client/v4/accounts/x/workers/scripts/a/tails"), AccessScope::kRead);
  EXPECT_EQ(needed("DELETE", "http://a/client/v4/accounts/x/workers/scripts/a/tails/1"), AccessScope::kRead);
  EXPECT_EQ(needed("POST", "http://a/client/v4/accounts/x/storage/kv/namespaces/1/bulk/get"), AccessScope::kRead);
  EXPECT_EQ(needed("PUT", "http://a/client/v4/accounts/x/storage/kv/namespaces/1/bulk"), AccessScope::kDeploy);
  EXPECT_EQ(needed("GET", "http://a/client/v4/accounts/x/tokens"), AccessScope::kAdmin);
  EXPECT_EQ(needed("GET", "http://a/client/v4/accounts/x/audit_logs"), AccessScope::kAdmin);
  EXPECT_EQ(needed("DELETE", "http://a/client/v4/accounts/x/%74okens/1"), AccessScope::kAdmin);
}

}  // namespace
}  // namespace limpet::control

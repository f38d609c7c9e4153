#include "cli/remote.h"

#include <gtest/gtest.h>

namespace limpet::cli {
namespace {

TEST(Remote, SharesSumUpTo100) {
  auto shares = [](std::vector<std::string> words) {
    Result<Json> read = ReadShares(words);
    return read.has_value() ? ToText(read.value()) : read.error().message();
  };
  EXPECT_EQ(shares({"a"}), R"([{"version_id":"a","percentage":100}])");
  EXPECT_EQ(shares({"a@25%", "b"}), R"([{"version_id":"a","percentage":25},{"version_id":"b","percentage":75}])");
  EXPECT_EQ(shares({"a@12.5", "b@87.5"}),
            R"([{"version_id":"a","percentage":12.5},{"version_id":"b","percentage":87.5}])");
  EXPECT_EQ(shares({"a@60", "b@60"}), "The percentages sum up to 120%, not to 100%");
  EXPECT_EQ(shares({"a@60"}), "The percentages sum up to 60%, not to 100%");
  for (const char* bad : {"a@", "a@x", "a@-1", "a@101", "a@nan", "a@1%%"}) {
    EXPECT_NE(shares({bad}).find("write VERSION@PERCENT"), std::string::npos) << bad;
  }
}

TEST(Remote, DescribesEventsForPeople) {
  auto describe = [](const char* text) { return DescribeEvent(ParseJson(text).value(), Terminal()); };
  EXPECT_EQ(describe(R"({"outcome":"ok","wallTime":3,"event":{"request":{"method":"GET","url":"http://a/"},
      "response":{"status":200}},"logs":[{"level":"warn","message":["the tide",{"high":1}]}]})"),
            "GET http://a/ 200 ok 3 ms\n  warn the tide {\"high\":1}");
  EXPECT_EQ(describe(R"({"outcome":"exception","entrypoint":"Boat","event":{"rpcMethod":"sail"},
      "exceptions":[{"name":"TypeError","message":"no"}]})"),
            "call sail of Boat exception 0 ms\n  TypeError: no");
  EXPECT_EQ(describe(R"({"outcome":"ok","event":{"scheduledTime":"2026-11-27T00:00:00.000Z"}})"), "alarm ok 0 ms");
  EXPECT_EQ(describe(R"({"outcome":"ok","event":null})"), "event ok 0 ms");
  EXPECT_EQ(describe("[]"), "event  0 ms");
}

}  // namespace
}  // namespace limpet::cli

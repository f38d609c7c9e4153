#include "base/trace_json.h"

#include <gtest/gtest.h>

namespace limpet {
namespace {

TEST(RedactUrl, HidesWhatLooksLikeAnIdentifier) {
  struct {
    const char *url, *redacted;
  } cases[] = {
      {"http://a/plain/path?q=1", "http://a/plain/path?q=1"},
      {"http://a/0123456789abcdef0123456789ABCDEF", "http://a/REDACTED"},
      {"http://a/123e4567-e89b-12d3-a456-426614174000/x", "http://a/REDACTED/x"},
      {"http://a/0123456789abcdef0123456789abcde", "http://a/0123456789abcdef0123456789abcde"},
      {"http://a/?key=aB3dE5fG7hI9jK1lM3nO5&b=2", "http://a/?key=REDACTED&b=2"},
      {"http://a/a-long-name-without-digits-in-it", "http://a/a-long-name-without-digits-in-it"},
      {"", ""},
  };
  for (const auto& item : cases) EXPECT_EQ(RedactUrl(item.url), item.redacted);
}

TEST(TraceJson, LogLinesAreTheirArguments) {
  TraceEvent trace;
  trace.AddLog("log", R"(["a",{"b":[1]},null])", 1);
  trace.AddLog("warn", LogArguments("[one] \"text\""), 2);
  Json logs = TraceJson(trace)["logs"];
  EXPECT_EQ(ToText(logs.items().at(0)["message"]), R"(["a",{"b":[1]},null])");
  EXPECT_EQ(ToText(logs.items().at(1)["message"]), R"(["[one] \"text\""])");
}

TEST(TailItemJson, ShowsARequestRedactedAndBesideThatAsItWas) {
  TraceEvent trace;
  trace.kind = TraceEvent::Kind::kFetch;
  trace.url = "http://a/0123456789abcdef0123456789abcdef";
  trace.headers.Append("X-Api-Key", "k");
  Json event = TailItemJson(trace)["event"];
  EXPECT_EQ(event["request"]["url"].AsString(), "http://a/REDACTED");
  EXPECT_EQ(event["request"]["headers"]["x-api-key"].AsString(), "REDACTED");
  EXPECT_EQ(event["unredacted"]["url"].AsString(), trace.url);
  EXPECT_EQ(event["unredacted"]["headers"]["x-api-key"].AsString(), "k");
  EXPECT_EQ(TraceJson(trace)["event"]["request"]["url"].AsString(), trace.url);
}

}  // namespace
}  // namespace limpet

#include "control/tail.h"

#include <gtest/gtest.h>

#include "base/trace_json.h"
#include "loop/sim_loop.h"

namespace limpet::control {
namespace {

TraceEvent Request() {
  TraceEvent trace;
  trace.script_name = "a";
  trace.version_id = "v";
  trace.kind = TraceEvent::Kind::kFetch;
  trace.method = "GET";
  trace.url = "http://a.localhost/";
  trace.headers.Append("X-Boat", "Limpet");
  trace.headers.Append("Authorization", "Bearer hidden");
  trace.headers.Append("CF-Connecting-IP", "127.0.0.1");
  trace.status = 200;
  trace.AddLog("warn", LogArguments("the tide"), 5);
  return trace;
}

bool Wants(const char* filters, const TraceEvent& trace, double sample = 0.5) {
  Result<Json> json = ParseJson(filters);
  Decision<TailFilters> read = TailFilters::Read(*json);
  EXPECT_TRUE(read.ok()) << filters;
  return read->Wants(trace, sample);
}

TEST(Tail, FiltersAllHaveToAgree) {
  TraceEvent trace = Request();
  for (const char* good :
       {"[]", R"([{"outcome":["ok","canceled"]}])", R"([{"method":["POST","GET"]}])", R"([{"sampling_rate":0.6}])",
        R"([{"header":{"key":"x-boat"}}])", R"([{"header":{"key":"X-Boat","query":"Lim"}}])", R"([{"query":"tide"}])",
        R"([{"client_ip":["127.0.0.1"]}])", R"([{"scriptVersion":"v"}])"}) {
    EXPECT_TRUE(Wants(good, trace)) << good;
  }
  for (const char* bad :
       {R"([{"outcome":["exception"]}])", R"([{"method":["POST"]}])", R"([{"sampling_rate":0.4}])",
        R"([{"header":{"key":"x-ship"}}])", R"([{"header":{"key":"x-boat","query":"Ship"}}])", R"([{"query":"ebb"}])",
        R"([{"client_ip":["::1"]}])", R"([{"scriptVersion":"w"}])", R"([{"outcome":["ok"]},{"method":["POST"]}])"}) {
    EXPECT_FALSE(Wants(bad, trace)) << bad;
  }
  for (const char* wrong : {R"([{"colour":"red"}])", R"([{"outcome":"ok"}])", R"([{"sampling_rate":"1"}])"}) {
    Decision<TailFilters> read = TailFilters::Read(ParseJson(wrong).value());
    ASSERT_FALSE(read.ok()) << wrong;
    EXPECT_EQ(read.refusal().code, 10021);
  }
}

TEST(Tail, TellsWhatHappenedWithoutSecrets) {
  TraceEvent trace = Request();
  trace.SetOutcome(Error::Script("TypeError", "no"));
  trace.AddException(Error::Script("TypeError", "no").WithStack("TypeError: no\n    at a.js:1:2"), 6);
  Json json = TraceJson(trace);
  EXPECT_EQ(json["outcome"].AsString(), "exception");
  EXPECT_EQ(json["logs"].items()[0]["message"].items()[0].AsString(), "the tide");
  EXPECT_EQ(json["exceptions"].items()[0]["name"].AsString(), "TypeError");
  EXPECT_EQ(json["event"]["request"]["headers"]["x-boat"].AsString(), "Limpet");
  EXPECT_EQ(json["event"]["response"]["status"].AsInt64(), 200);
  EXPECT_EQ(ToText(json).find("hidden"), std::string::npos);
}

TEST(Tail, AnEventThatSaysTooMuchIsCut) {
  TraceEvent trace = Request();
  for (int i = 0; i < 100; ++i) trace.AddLog("log", std::string(10'000, 'x'), 1);
  EXPECT_TRUE(trace.truncated);
  EXPECT_LT(trace.logs.size(), 20u);
}

class Reader final : public WebSocketReceiver {
 public:
  void OnMessage(WebSocketMessagePtr message) override { heard.emplace_back(message->payload()); }
  void OnClose(WebSocketClose close) override { closed = close.code; }
  void OnError(Error) override {}
  std::vector<std::string> heard;
  int closed = 0;
};

TEST(Tail, AListenerHearsItsScriptUntilItGoes) {
  loop::SimLoop loop;
  SeededRandom random(1);
  TailHub hub(loop, random);
  int changes = 0;
  hub.on_change = [&] { ++changes; };
  auto opened = hub.Open("a", *TailFilters::Read(Json()));
  ASSERT_TRUE(opened.ok());
  EXPECT_TRUE(hub.Traced().contains("a"));
  EXPECT_EQ(hub.Connect("nothing"), nullptr);
  std::unique_ptr<WebSocketEnd> end = hub.Connect(opened->id);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(hub.Connect(opened->id), nullptr);  // One connection a tail.
  Reader reader;
  end->SetReceiver(&reader);
  hub.Tell(Request());
  TraceEvent other = Request();
  other.script_name = "b";
  hub.Tell(other);
  loop.RunUntilIdle(std::chrono::seconds(1));
  EXPECT_EQ(reader.heard.size(), 1u);
  end->Close(1000, "");
  loop.RunUntilIdle(std::chrono::seconds(1));
  EXPECT_TRUE(hub.Traced().empty());
  EXPECT_EQ(changes, 1);
  EXPECT_EQ(reader.closed, 1000);
}

TEST(Tail, WhoNeverConnectsIsForgotten) {
  loop::SimLoop loop;
  SeededRandom random(1);
  TailHub hub(loop, random);
  ASSERT_TRUE(hub.Open("a", *TailFilters::Read(Json())).ok());
  loop.RunUntilIdle(kTailPatience + std::chrono::minutes(2));
  EXPECT_TRUE(hub.Traced().empty());
}

TEST(Tail, ThereIsALimit) {
  loop::SimLoop loop;
  SeededRandom random(1);
  TailHub hub(loop, random);
  for (size_t i = 0; i < kTailsMax; ++i) ASSERT_TRUE(hub.Open("a", *TailFilters::Read(Json())).ok());
  EXPECT_FALSE(hub.Open("a", *TailFilters::Read(Json())).ok());
}

}  // namespace
}  // namespace limpet::control

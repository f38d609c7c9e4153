#include "control/schedules.h"

#include <algorithm>
#include <chrono>

#include "control/control_plane_testing.h"
#include "store/faulty.h"

namespace limpet::control {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr char kEveryMinute[] = R"([{"cron":"* * * * *"}])";

// A control plane on a virtual clock, whose store outlives it.
class SchedulesTest : public ControlPlaneTest {
 protected:
  Json Put(const std::string& list) { return Call("PUT", std::string(kScript) + "/schedules", list); }
  // To the middle of the next minute, so that what a call takes does not matter.
  void ToMiddle() { loop_.Advance(minutes(1) - SinceMinute() + seconds(20)); }
  Duration SinceMinute() const { return loop_.WallNow().time_since_epoch() % minutes(1); }
  int64_t Minute() const { return std::chrono::floor<minutes>(loop_.WallNow().time_since_epoch()).count(); }
  std::string Run(const char* cron, int64_t minute) const {
    return std::string("counter ") + cron + " " + std::to_string(minute);
  }
  void Stop() { plane_.reset(); }
};

TEST_F(SchedulesTest, EachMinuteIsRunOnce) {
  Publish(kNewClass);
  ToMiddle();
  EXPECT_TRUE(Put(kEveryMinute)["success"].AsBool());
  int64_t first = Minute() + 1;
  EXPECT_TRUE(runtime_.runs.empty());
  loop_.Advance(minutes(3));
  EXPECT_EQ(runtime_.runs, (std::vector<std::string>{Run("* * * * *", first), Run("* * * * *", first + 1),
                                                     Run("* * * * *", first + 2)}));
  EXPECT_TRUE(Put("[]")["success"].AsBool());
  runtime_.runs.clear();
  loop_.Advance(minutes(3));
  EXPECT_TRUE(runtime_.runs.empty());
}

TEST_F(SchedulesTest, ASecondDeployOfTheSameScheduleLosesNoTime) {
  Publish(kNewClass);
  ToMiddle();
  Put(kEveryMinute);
  int64_t first = Minute() + 1;
  Stop();
  loop_.Advance(minutes(1));
  Open();  // The minute was missed; it is run before the second PUT could forget it.
  Put(R"([{"cron":"* * * * *"},{"cron":"*/2 * * * *"}])");
  EXPECT_EQ(runtime_.runs, std::vector{Run("* * * * *", first)});
}

TEST_F(SchedulesTest, ARestartRunsNothingTwice) {
  Publish(kNewClass);
  ToMiddle();
  Put(kEveryMinute);
  loop_.Advance(minutes(1));
  ASSERT_EQ(runtime_.runs.size(), 1U);
  for (int i = 0; i < 3; ++i) {
    Stop();
    Open();
  }
  EXPECT_EQ(runtime_.runs.size(), 1U);
  loop_.Advance(minutes(1));
  EXPECT_EQ(runtime_.runs.size(), 2U);
}

TEST_F(SchedulesTest, OfWhatWasMissedTheNewestIsRunIfItIsNotTooOld) {
  Publish(kNewClass);
  ToMiddle();
  Put(kEveryMinute);
  loop_.Advance(minutes(1));
  runtime_.runs.clear();
  Stop();
  loop_.Advance(minutes(10));
  Open();
  EXPECT_EQ(runtime_.runs, std::vector{Run("* * * * *", Minute())});
  // One an hour before the end of two hours' absence is too old, half an hour is not.
  auto at = [&](int64_t ahead) {
    int64_t minute = (Minute() + ahead) % (24 * 60);
    return std::to_string(minute % 60) + " " + std::to_string(minute / 60) + " * * *";
  };
  std::string old = at(58), fresh = at(90);
  Put(R"([{"cron":")" + old + R"("},{"cron":")" + fresh + R"("}])");
  int64_t due = Minute() + 90;
  runtime_.runs.clear();
  Stop();
  loop_.Advance(hours(2));
  Open();
  EXPECT_EQ(runtime_.runs, std::vector{Run(fresh.c_str(), due)});
}

TEST_F(SchedulesTest, WhatCouldNotBeNotedIsRunLater) {
  for (bool landed : {false, true}) {
    Stop();
    auto faulty = std::make_unique<store::FaultyEngine>(&loop_);
    store::FaultyEngine& disk = *faulty;
    engine_ = std::move(faulty);
    Open();
    Publish(kNewClass);
    ToMiddle();
    Put(kEveryMinute);
    runtime_.runs.clear();
    int64_t first = Minute() + 1;
    disk.FailNextCommit({.landed = landed});
    loop_.Advance(minutes(1));
    EXPECT_TRUE(runtime_.runs.empty()) << landed;
    loop_.Advance(seconds(30));
    EXPECT_EQ(runtime_.runs, std::vector{Run("* * * * *", first)}) << landed;
  }
}

TEST_F(SchedulesTest, AScriptThatIsGoneRunsNoMore) {
  Publish(kNewClass);
  ToMiddle();
  Put(kEveryMinute);
  loop_.Advance(minutes(1));
  EXPECT_TRUE(Call("DELETE", std::string(kScript) + "?force=true")["success"].AsBool());
  runtime_.runs.clear();
  loop_.Advance(minutes(2));
  EXPECT_TRUE(runtime_.runs.empty());
  Publish(kNewClass);
  loop_.Advance(minutes(2));
  EXPECT_TRUE(runtime_.runs.empty());
}

TEST_F(SchedulesTest, TheApiShowsThemAndRefusesWhatIsNone) {
  Publish(kNewClass);
  std::string path = std::string(kScript) + "/schedules";
  EXPECT_EQ(ToText(Call("GET", path)["result"]), R"({"schedules":[]})");
  Json first = Put(R"([{"cron":"0 17 * * SUN"},{"cron":"0 17 * * SUN"}])")["result"];
  ASSERT_EQ(first["schedules"].items().size(), 1U);
  EXPECT_EQ(Call("GET", path)["result"], first);
  loop_.Advance(seconds(5));
  Json second = Put(R"([{"cron":"0 17 * * SUN"},{"cron":"1 * * * *"}])")["result"];
  EXPECT_EQ(second["schedules"].items()[0]["created_on"], first["schedules"].items()[0]["created_on"]);
  EXPECT_NE(second["schedules"].items()[0]["modified_on"], first["schedules"].items()[0]["modified_on"]);

  Json refused = Put(R"([{"cron":"1 * * * *"},{"cron":"0 22 * * 0"}])");
  EXPECT_EQ(Code(refused), 10100);
  EXPECT_EQ(
      refused["errors"].items()[0]["message"].AsString(),
      "invalid cron string \"0 22 * * 0\": the day of the week \"0\": 0 is not between 1 and 7 (1 is Sunday, 7 is "
      "Saturday).");
  std::string many = "[";
  for (size_t i = 0; i <= kCronsMax; ++i) {
    many += (i == 0 ? "" : ",") + std::string(R"({"cron":")") + std::to_string(i % 60) + " " + std::to_string(i / 60) +
            R"( * * *"})";
  }
  EXPECT_EQ(Code(Put(many + "]")), 10072);
  for (const char* bad : {"{}", "[1]", R"(["* * * * *"])", R"([{"cron":5}])", "null"}) {
    EXPECT_EQ(Code(Put(bad)), 10021) << bad;
  }
  EXPECT_EQ(Code(Call("PUT", "/accounts/local/workers/scripts/none/schedules", "[]")), 10007);
  EXPECT_EQ(Call("GET", path)["result"], second);
}

TEST(DueTime, AClockThatWasSetBackRunsNothingTwiceAndOneThatWasWrongDoesNotStopIt) {
  Cron cron = Cron::Parse("* * * * *").value();
  WallTime now(hours(500'000));
  EXPECT_EQ(DueTime(cron, now - minutes(1), now), now);
  EXPECT_EQ(DueTime(cron, now, now), std::nullopt);
  EXPECT_EQ(DueTime(cron, now + hours(2), now), std::nullopt);
  EXPECT_EQ(DueTime(cron, now + hours(25), now), now);
  EXPECT_EQ(DueTime(cron, now - hours(300), now), now);
}

}  // namespace
}  // namespace limpet::control

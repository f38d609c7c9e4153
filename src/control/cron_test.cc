#include "control/cron.h"

#include <gtest/gtest.h>

#include "control/catalog.h"

namespace limpet::control {
namespace {

using std::chrono::milliseconds;

WallTime At(int year, unsigned month, unsigned day, int hour = 0, int minute = 0) {
  std::chrono::sys_days date = std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day);
  return WallTime(date) + std::chrono::hours(hour) + std::chrono::minutes(minute);
}

// The first `count` times after `after`, as "MM-DD HH:MM", or the year too if it is another one.
std::string Times(const std::string& text, int count, WallTime after = At(2026, 11, 27)) {
  Result<Cron> cron = Cron::Parse(text);
  if (!cron.has_value()) return cron.error().message();
  std::string times;
  for (int i = 0; i < count; ++i) {
    std::optional<WallTime> next = cron->Next(after);
    if (!next) return times + "never";
    EXPECT_TRUE(cron->Matches(*next)) << text;
    after = *next;
    std::string iso = IsoTime(after);  // "2026-11-24T00:00:00.000Z"
    times += (i == 0 ? "" : ", ") + (iso.starts_with("2026-") ? iso.substr(5, 5) : iso.substr(0, 10)) + " " +
             iso.substr(11, 5);
  }
  return times;
}

std::string Why(const std::string& text) {
  Result<Cron> cron = Cron::Parse(text);
  return cron.has_value() ? "taken" : cron.error().message();
}

TEST(Cron, ComesAtTheMinutesThatItNames) {
  EXPECT_EQ(Times("* * * * *", 2), "11-27 00:01, 11-27 00:02");
  EXPECT_EQ(Times("*/30 * * * *", 3), "11-27 00:30, 11-27 01:00, 11-27 01:30");
  EXPECT_EQ(Times("5/20 3,22 * * *", 4), "11-27 03:05, 11-27 03:25, 11-27 03:45, 11-27 22:05");
  EXPECT_EQ(Times("0 0 1 * *", 3), "12-01 00:00, 2027-01-01 00:00, 2027-02-01 00:00");
  EXPECT_EQ(Times("59 23 31 12 *", 2), "12-31 23:59, 2027-12-31 23:59");
  EXPECT_EQ(Times("0 12 29 2 *", 2), "2028-02-29 12:00, 2032-02-29 12:00");
  EXPECT_EQ(Times("0-4/2,50 0\t*  * *", 4), "11-27 00:02, 11-27 00:04, 11-27 00:50, 11-28 00:00");
}

TEST(Cron, SundayIsTheFirstDayOfTheWeek) {
  EXPECT_EQ(Times("0 17 * * 1", 2), "11-29 17:00, 12-06 17:00");  // Sundays.
  EXPECT_EQ(Times("0 17 * * sun", 2), "11-29 17:00, 12-06 17:00");
  EXPECT_EQ(Times("10 7 * * MON-fri", 3), "11-27 07:10, 11-30 07:10, 12-01 07:10");
  EXPECT_EQ(Times("10 7 * * 2-6", 3), "11-27 07:10, 11-30 07:10, 12-01 07:10");
  EXPECT_EQ(Times("0 0 * * L", 2), "11-28 00:00, 12-05 00:00");  // Saturdays.
}

TEST(Cron, RangesWrapAround) {
  EXPECT_EQ(Times("0 6 * * SAT-MON", 4), "11-28 06:00, 11-29 06:00, 11-30 06:00, 12-05 06:00");
  EXPECT_EQ(Times("0 22-1 * * *", 5), "11-27 01:00, 11-27 22:00, 11-27 23:00, 11-28 00:00, 11-28 01:00");
  EXPECT_EQ(Times("0 0 1 NOV-FEB/2 *", 3), "2027-01-01 00:00, 2027-11-01 00:00, 2028-01-01 00:00");
}

TEST(Cron, KnowsTheLastDayAndTheNearestWeekday) {
  EXPECT_EQ(Times("0 0 L * *", 4), "11-30 00:00, 12-31 00:00, 2027-01-31 00:00, 2027-02-28 00:00");
  EXPECT_EQ(Times("0 0 L-2 * *", 2), "11-28 00:00, 12-29 00:00");
  EXPECT_EQ(Times("59 23 LW * *", 3), "11-30 23:59, 12-31 23:59, 2027-01-29 23:59");  // 31 January 2027 is a Sunday.
  EXPECT_EQ(Times("0 0 L-3W * *", 2), "12-28 00:00, 2027-01-28 00:00");
  EXPECT_EQ(Times("0 0 15W * *", 3), "12-15 00:00, 2027-01-15 00:00, 2027-02-15 00:00");
  EXPECT_EQ(Times("0 0 28W * *", 2), "12-28 00:00, 2027-01-28 00:00");
  EXPECT_EQ(Times("0 0 1W 5 *", 1), "2027-05-03 00:00");   // The 1st is a Saturday: not in April.
  EXPECT_EQ(Times("0 0 31W 1 *", 1), "2027-01-29 00:00");  // The 31st is a Sunday: not in February.
  EXPECT_EQ(Times("0 0 31W * *", 2, At(2026, 8, 31)), "10-30 00:00, 12-31 00:00");  // Not in a month without it.
}

TEST(Cron, KnowsTheNthDayOfTheWeek) {
  EXPECT_EQ(Times("0 0 * * FRI#2", 2), "12-11 00:00, 2027-01-08 00:00");
  EXPECT_EQ(Times("0 0 * * 6L", 2), "12-25 00:00, 2027-01-29 00:00");
  EXPECT_EQ(Times("0 0 * * MON#5", 2), "11-30 00:00, 2027-03-29 00:00");
  EXPECT_EQ(Times("0 0 * 2 SUN#5", 2), "2032-02-29 00:00, 2060-02-29 00:00");
  EXPECT_EQ(Times("0 0 * 2 SUN#5", 1, At(2088, 3, 1)), "2128-02-29 00:00");
}

TEST(Cron, OneOfTwoRestrictedDaysSuffices) {
  EXPECT_EQ(Times("0 0 13 * FRI", 4), "12-04 00:00, 12-11 00:00, 12-13 00:00, 12-18 00:00");
  EXPECT_EQ(Times("0 0 */31 * 1", 1), "the day of the month \"*/31\": 31 is not between 1 and 30");
  EXPECT_EQ(Times("0 0 31 2 MON", 1), "2027-02-01 00:00");
}

TEST(Cron, RefusesWhatCloudflareRefuses) {
  EXPECT_EQ(Why("0 22 * * 0"), "the day of the week \"0\": 0 is not between 1 and 7 (1 is Sunday, 7 is Saturday)");
  EXPECT_EQ(Why(""), "it has 0 fields, not 5: minute, hour, day of the month, month, day of the week");
  EXPECT_EQ(Why("* * * *"), "it has 4 fields, not 5: minute, hour, day of the month, month, day of the week");
  EXPECT_EQ(Why("* * * * * *"), "it has 6 fields, not 5: minute, hour, day of the month, month, day of the week");
  EXPECT_EQ(Why("60 * * * *"), "the minute \"60\": 60 is not between 0 and 59");
  EXPECT_EQ(Why("* 24 * * *"), "the hour \"24\": 24 is not between 0 and 23");
  EXPECT_EQ(Why("*/60 * * * *"), "the minute \"*/60\": 60 is not between 1 and 59");
  EXPECT_EQ(Why("1/0 * * * *"), "the minute \"1/0\": 0 is not between 1 and 59");
  EXPECT_EQ(Why("1- * * * *"), "the minute \"1-\" is not understood");
  EXPECT_EQ(Why("1/ * * * *"), "the minute \"1/\": a number is missing");
  EXPECT_EQ(Why("0 0 31 2 *"), "no month has such a day, so it never comes");
  EXPECT_EQ(Why("0 0 30W 2 *"), "no month has such a day, so it never comes");
  for (const char* text : {" * * * * *",       "* * * * * ",      "*,* * * * *",   "5,* * * * *",
                           "*-5 * * * *",      "1,,2 * * * *",    "x * * * *",     "99999999999999 * * * *",
                           "-1 * * * *",       "* * L,1 * *",     "* * 1,L * *",   "* * W * *",
                           "* * L-0 * *",      "* * L-31 * *",    "* * 1W,2 * *",  "* * 1-2W * *",
                           "* * LWW * *",      "* * l * *",       "* * ? * *",     "* * * JANU *",
                           "* * * 0 *",        "* * * * MON#0",   "* * * * MON#6", "* * * * #1",
                           "* * * * MONL,TUE", "* * * * MON#1,2", "* * * * LL",    "@daily",
                           "* * * * 8"}) {
    EXPECT_NE(Why(text), "taken") << text;
  }
  EXPECT_NE(Why(std::string(300, '1')), "taken");
  EXPECT_NE(Why(std::string("* * * * *\0", 10)), "taken");
}

TEST(Cron, TheNewestOfAnIntervalLeavesItsBeginningOut) {
  Cron cron = Cron::Parse("*/10 * * * *").value();
  WallTime ten = At(2026, 11, 27, 0, 10);
  EXPECT_EQ(cron.Newest(ten, ten + milliseconds(599'999)), std::nullopt);
  EXPECT_EQ(cron.Newest(ten - milliseconds(1), ten), ten);
  EXPECT_EQ(cron.Newest(ten, ten + std::chrono::minutes(35)), At(2026, 11, 27, 0, 40));
  EXPECT_EQ(cron.Newest(ten, ten), std::nullopt);
  EXPECT_EQ(cron.Next(ten + milliseconds(599'999)), At(2026, 11, 27, 0, 20));
  EXPECT_EQ(cron.Next(At(1969, 12, 31, 23, 55)), At(1970, 1, 1));
}

}  // namespace
}  // namespace limpet::control

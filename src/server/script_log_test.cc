#include "server/script_log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace limpet::server {
namespace {

struct FakeClock final : Clock {
  Instant now{};
  Instant Now() const override { return now; }
  WallTime WallNow() const override { return {}; }
};

struct Lines final : Logger {
  std::vector<std::string> lines;
  void Write(LogLevel level, std::string_view part, std::string_view message) override {
    lines.push_back(std::string(level == LogLevel::kError  ? "E "
                                : level == LogLevel::kWarn ? "W "
                                                           : "I ") +
                    std::string(part) + " " + std::string(message));
  }
};

TEST(ScriptLog, SaysExceptionsAndWithAllTheConsole) {
  FakeClock clock;
  Lines lines;
  ScriptLog some(ScriptOutput::kExceptions, clock, lines);
  some.OnConsole("shop", "log", "hello");
  some.OnException("shop", "Uncaught Error: no\n    at a.js:1:2");
  ScriptLog none(ScriptOutput::kNone, clock, lines);
  none.OnException("shop", "Uncaught Error: no");
  ScriptLog all(ScriptOutput::kAll, clock, lines);
  all.OnConsole("shop", "log", "hello");
  all.OnConsole("shop", "warn", "\x1b[2Jhm");
  EXPECT_EQ(lines.lines, (std::vector<std::string>{"E worker shop: Uncaught Error: no\n        at a.js:1:2",
                                                   "I worker shop: hello", "W worker shop: [2Jhm"}));
}

TEST(ScriptLog, TellsTheNumberOfThoseBeyondItsMeasure) {
  FakeClock clock;
  Lines lines;
  ScriptLog log(ScriptOutput::kExceptions, clock, lines);
  for (uint32_t i = 0; i < ScriptLog::kLinesMax + 5; ++i) log.OnException("shop", "x");
  EXPECT_EQ(lines.lines.size(), ScriptLog::kLinesMax);
  clock.now += std::chrono::seconds(1);
  log.OnException("shop", "x");
  EXPECT_EQ(lines.lines.back(), "E worker shop: x (and 5 of Workers not shown: see limpet tail)");
  log.OnException("shop", std::string(ScriptLog::kTextMax + 1, 'y'));
  EXPECT_EQ(lines.lines.back(), "E worker shop: " + std::string(ScriptLog::kTextMax, 'y') + "…");
}

}  // namespace
}  // namespace limpet::server

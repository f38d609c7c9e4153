// The server's own log. Scripts' console output does not come here (see api/console).
#pragma once

#include <cstdint>
#include <string_view>

namespace limpet {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError };

class Logger {
 public:
  virtual ~Logger() = default;
  // One line. Any thread; does not block on more than the standard error stream.
  virtual void Write(LogLevel level, std::string_view part, std::string_view message) = 0;
};

// Lines on standard error: "12:00:00.123 warn  store  message".
class StderrLogger final : public Logger {
 public:
  explicit StderrLogger(LogLevel least = LogLevel::kInfo) : least_(least) {}
  void Write(LogLevel level, std::string_view part, std::string_view message) override;

 private:
  LogLevel least_;
};

class NullLogger final : public Logger {
 public:
  void Write(LogLevel, std::string_view, std::string_view) override {}
};

}  // namespace limpet

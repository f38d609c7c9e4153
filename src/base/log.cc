#include "base/log.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>

namespace limpet {

void StderrLogger::Write(LogLevel level, std::string_view part, std::string_view message) {
  if (level < least_) return;
  static constexpr const char* kNames[] = {"debug", "info ", "warn ", "error"};
  auto now = std::chrono::system_clock::now();
  std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm local{};
  localtime_r(&seconds, &local);
  char head[64];
  std::snprintf(head, sizeof head, "%02d:%02d:%02d.%03d %s ", local.tm_hour, local.tm_min, local.tm_sec,
                static_cast<int>(millis), kNames[static_cast<int>(level)]);
  std::string line(head);
  line.append(part).append(": ").append(message).append("\n");
  // One write a line, so that lines of several threads do not mix; a closed stream is nobody's error.
  [[maybe_unused]] ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace limpet

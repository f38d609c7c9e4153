#include "server/script_log.h"

#include <string>

#include "base/bytes.h"

namespace limpet::server {

void ScriptLog::OnConsole(std::string_view script, std::string_view level, std::string_view text) {
  if (what_ != ScriptOutput::kAll) return;
  LogLevel as = level == "error" ? LogLevel::kError : level == "warn" ? LogLevel::kWarn : LogLevel::kInfo;
  Write(as, script, text);
}

void ScriptLog::OnException(std::string_view script, std::string_view text) {
  if (what_ == ScriptOutput::kNone) return;
  Write(LogLevel::kError, script, text);
}

bool ScriptLog::MayWrite() {
  int64_t now = std::chrono::duration_cast<std::chrono::seconds>(clock_.Now().time_since_epoch()).count();
  int64_t last = second_.load(std::memory_order_relaxed);
  // Two threads may see a new second at once: one line more or less is no matter.
  if (now != last && second_.compare_exchange_strong(last, now, std::memory_order_relaxed)) {
    lines_.store(0, std::memory_order_relaxed);
  }
  return lines_.fetch_add(1, std::memory_order_relaxed) < kLinesMax;
}

void ScriptLog::Write(LogLevel level, std::string_view script, std::string_view text) {
  if (!MayWrite()) {
    unsaid_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  // One line of the log is one thing that was said: its further lines are set in.
  std::string line(script);
  line += ": ";
  bool cut = text.size() > kTextMax;
  for (char c : text.substr(0, kTextMax)) {
    if (c == '\n') {
      line += "\n    ";
    } else if (c >= ' ' || c == '\t' || (c & 0x80) != 0) {
      line += c;
    }  // Else it would speak to the terminal.
  }
  if (cut) line += "…";
  if (uint64_t unsaid = unsaid_.exchange(0, std::memory_order_relaxed); unsaid > 0) {
    line += " (and " + std::to_string(unsaid) + " of Workers not shown: see limpet tail)";
  }
  logger_.Write(level, "worker", line);
}

}  // namespace limpet::server

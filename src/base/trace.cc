#include "base/trace.h"

namespace limpet {

bool TraceEvent::Fits(size_t bytes) {
  if (truncated || bytes_ + bytes > kTraceBytesMax) {
    truncated = true;
    return false;
  }
  bytes_ += bytes;
  return true;
}

void TraceEvent::AddLog(std::string_view level, std::string_view text, int64_t now_ms) {
  if (Fits(text.size() + 64)) logs.push_back({std::string(level), std::string(text), now_ms});
}

void TraceEvent::AddException(const Error& error, int64_t now_ms) {
  if (!Fits(error.message().size() + error.stack().size() + 64)) return;
  exceptions.push_back({std::string(error.name()), error.message(), error.stack(), now_ms});
}

void TraceEvent::SetOutcome(const Error& error) {
  bool over_limit = error.code() == ErrorCode::kOverloaded;
  if (over_limit && error.message().find("CPU") != std::string::npos) {
    outcome = "exceededCpu";
  } else if (over_limit && error.message().find("memory") != std::string::npos) {
    outcome = "exceededMemory";
  } else {
    outcome = error.code() == ErrorCode::kCanceled ? "canceled" : "exception";
  }
}

}  // namespace limpet

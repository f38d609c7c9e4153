// What scripts say, in the log of `limpet serve`: their uncaught exceptions, and with `all` their console too.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "base/log.h"
#include "server/flags.h"
#include "worker/runtime.h"

namespace limpet::server {

// Any shard's thread, without a lock. A script that fails at every request must not fill the disk: of more than
// kLinesMax in a second only the number is told, with the next line that is written.
class ScriptLog final : public worker::Observer {
 public:
  static constexpr uint32_t kLinesMax = 20;
  static constexpr size_t kTextMax = 4096;  // Bytes of one of them.

  // Both outlive this.
  ScriptLog(ScriptOutput what, const Clock& clock, Logger& logger) : what_(what), clock_(clock), logger_(logger) {}
  void OnConsole(std::string_view script, std::string_view level, std::string_view text) override;
  void OnException(std::string_view script, std::string_view text) override;

 private:
  void Write(LogLevel level, std::string_view script, std::string_view text);
  bool MayWrite();

  const ScriptOutput what_;
  const Clock& clock_;
  Logger& logger_;
  std::atomic<int64_t> second_{-1};
  std::atomic<uint32_t> lines_{0};   // Of that second.
  std::atomic<uint64_t> unsaid_{0};  // Since the last line.
};

}  // namespace limpet::server

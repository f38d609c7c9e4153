// What one event of a script did, for those who listen to it ("tail"). Plain data, made only while somebody does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/http.h"

namespace limpet {

// What an event may carry; what is more is left out, and `truncated` says so.
inline constexpr size_t kTraceBytesMax = 128 * 1024;

struct TraceEvent {
  enum class Kind : uint8_t { kNone, kFetch, kScheduled, kAlarm, kRpc, kWebSocket };
  struct Log {
    std::string level, text;  // The text is its arguments, as a JSON array.
    int64_t time_ms = 0;
  };
  struct Exception {
    std::string name, message, stack;
    int64_t time_ms = 0;
  };

  std::string script_name, version_id;
  std::string entrypoint;      // The class of an object, or the name of an export; empty: the default export.
  std::string object_id;       // Of an event of an object.
  std::string outcome = "ok";  // Or "exception", "canceled", "exceededCpu", "exceededMemory".
  int64_t time_ms = 0;         // When it began, since 1970.
  int64_t wall_ms = 0;         // How long it took.
  std::vector<Log> logs = {};
  std::vector<Exception> exceptions = {};
  bool truncated = false;

  Kind kind = Kind::kNone;
  std::string method, url;  // kFetch.
  HeaderList headers = {};  // kFetch: the request's.
  std::shared_ptr<const std::string> cf = nullptr;
  int status = 0;            // kFetch: of the response; 0: there was none.
  std::string detail;        // kRpc: the method. kScheduled: the pattern. kWebSocket: "message", "close", "error".
  int64_t scheduled_ms = 0;  // kScheduled, kAlarm.

  void AddLog(std::string_view level, std::string_view text, int64_t now_ms);
  void AddException(const Error& error, int64_t now_ms);
  // The outcome of an event that ended with `error`.
  void SetOutcome(const Error& error);

 private:
  bool Fits(size_t bytes);
  size_t bytes_ = 0;
};

}  // namespace limpet

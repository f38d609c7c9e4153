// An alarm as the store keeps it (docs/formats/store-rocks.md), and what becomes of it when its handler fails. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"

namespace limpet::object {

inline constexpr uint8_t kAlarmRetriesMax = 6;                         // Counted ones, beside the first try.
inline constexpr Duration kAlarmRetryFirst = std::chrono::seconds(2);  // Doubles with each; up to a quarter more.
inline constexpr Duration kAlarmHandlerMax = std::chrono::minutes(15);

struct AlarmRecord {
  int64_t attempt_ms = 0;    // When it is due, since 1970.
  int64_t scheduled_ms = 0;  // What was set; a retry keeps it.
  uint8_t retries = 0;
  uint64_t serial = 0;              // Tells an alarm that was set during a run from the one that runs.
  std::optional<std::string> name;  // Of the object, if it was known.
  bool operator==(const AlarmRecord&) const = default;
};

Bytes EncodeAlarm(const AlarmRecord& alarm);
Result<AlarmRecord> DecodeAlarm(BytesView bytes);  // Errors: kCorrupt.

// The alarm's next try after one that failed now; nothing: that was the last.
std::optional<AlarmRecord> AfterFailure(AlarmRecord alarm, WallTime now, Random& jitter);
// The failure is the script's own (an exception, a limit, an abort), and counts. Ours (storage, shutdown, new code) do
// not: the alarm is tried again until it runs.
bool CountsAgainstAlarm(const Error& failure);

inline int64_t ToMs(WallTime time) { return time.time_since_epoch().count(); }

}  // namespace limpet::object

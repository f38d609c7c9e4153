// Cron expressions as Cloudflare's cron triggers have them, and when they come. Pure; all times are UTC.
//
// Five fields, parted by spaces or tabs: minute (0-59), hour (0-23), day of the month (1-31), month (1-12 or JAN-DEC),
// day of the week (1-7 or SUN-SAT; 1 is Sunday). Each is "*" or a list of V, V-V, V/N, V-V/N and */N; a range may wrap
// around (FRI-MON), a step is at most the field's width. The day of the month may also be L (the last), L-N (N before
// it), LW, L-NW and NW (the weekday nearest to it, in the same month); the day of the week V#N (the Nth in the month),
// VL (the last) and L (Saturday). If both days are restricted one of them suffices.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace limpet::control {

inline constexpr size_t kCronBytesMax = 256;  // Longer text is no expression.

class Cron {
 public:
  // Error: kInvalidArgument, says which field and why; also for one whose time never comes ("0 0 31 2 *").
  static Result<Cron> Parse(std::string_view text);

  // Is the minute of `time` one of its times?
  bool Matches(WallTime time) const;
  // The first of its minutes after `after`.
  std::optional<WallTime> Next(WallTime after) const;
  // The last of its minutes in (after, until]. Takes time with their distance.
  std::optional<WallTime> Newest(WallTime after, WallTime until) const;

 private:
  enum class Day : uint8_t {
    kAny,
    kSet,             // One of `days` or `weekdays`.
    kLast,            // Of the month, `number` before it; of the week, the last `number` (0 is Sunday) of the month.
    kLastNearest,     // The weekday nearest to that.
    kNearestWeekday,  // To the day `number`.
    kNth,             // `number` is the day of the week, `nth` says which in the month.
  };
  struct DayRule {
    Day kind = Day::kAny;
    uint8_t number = 0;
    uint8_t nth = 0;
  };
  class Reader;

  bool MatchesDay(std::chrono::sys_days day) const;

  uint64_t minutes_ = 0;   // By bit: 0 to 59.
  uint64_t hours_ = 0;     // 0 to 23.
  uint64_t days_ = 0;      // 1 to 31.
  uint64_t months_ = 0;    // 1 to 12.
  uint64_t weekdays_ = 0;  // 0 (Sunday) to 6.
  DayRule day_of_month_, day_of_week_;
};

}  // namespace limpet::control

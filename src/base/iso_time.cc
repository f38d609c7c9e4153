#include "base/iso_time.h"

#include <chrono>
#include <cstdio>
#include <ctime>

namespace limpet {

std::string IsoTime(WallTime time) {
  int64_t milliseconds = time.time_since_epoch().count();
  time_t seconds = milliseconds / 1000;
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  snprintf(text + size, sizeof text - size, ".%03dZ", static_cast<int>(milliseconds % 1000));
  return text;
}

std::optional<WallTime> ParseIsoTime(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00";
  constexpr size_t kDay = 10, kMinutes = 16;
  std::string_view fraction;
  if (text.size() != kDay) {
    if (!text.ends_with('Z')) return std::nullopt;
    text.remove_suffix(1);
    if (size_t dot = text.find('.'); dot != std::string_view::npos) {
      fraction = text.substr(dot + 1);
      text = text.substr(0, dot);
      if (fraction.empty() || text.size() != kForm.size()) return std::nullopt;
    }
    if (text.size() != kForm.size() && text.size() != kMinutes) return std::nullopt;
  }
  int fields[6] = {};
  size_t field = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (kForm[i] != '0') {
      if (text[i] != kForm[i]) return std::nullopt;
      ++field;
    } else {
      if (text[i] < '0' || text[i] > '9') return std::nullopt;
      fields[field] = fields[field] * 10 + (text[i] - '0');
    }
  }
  std::chrono::year_month_day day{std::chrono::year(fields[0]), std::chrono::month(static_cast<unsigned>(fields[1])),
                                  std::chrono::day(static_cast<unsigned>(fields[2]))};
  if (!day.ok() || fields[0] < 1970 || fields[3] > 23 || fields[4] > 59 || fields[5] > 60) return std::nullopt;
  int part = 0, unit = 100;
  for (char digit : fraction) {
    if (digit < '0' || digit > '9') return std::nullopt;
    part += unit * (digit - '0');
    unit /= 10;
  }
  return WallTime(std::chrono::duration_cast<WallTime::duration>(
      std::chrono::sys_days(day).time_since_epoch() + std::chrono::hours(fields[3]) + std::chrono::minutes(fields[4]) +
      std::chrono::seconds(fields[5]) + std::chrono::milliseconds(part)));
}

}  // namespace limpet

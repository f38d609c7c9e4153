#include "control/cron.h"

#include <algorithm>
#include <charconv>
#include <vector>

namespace limpet::control {
namespace {

using std::chrono::days;
using std::chrono::minutes;
using std::chrono::sys_days;
using std::chrono::weekday;
using std::chrono::year_month_day;

// The longest pause is that of a fifth weekday in February, around a century that is no leap year.
constexpr int kYearsMax = 41;

struct Field {
  const char* name;
  unsigned min, max;
  const char* const* names;  // Three letters each, from `min` on; null: none.
};

constexpr const char* kMonths[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr const char* kWeekdays[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};
constexpr Field kMinute{"minute", 0, 59, nullptr};
constexpr Field kHour{"hour", 0, 23, nullptr};
constexpr Field kDayOfMonth{"day of the month", 1, 31, nullptr};
constexpr Field kMonth{"month", 1, 12, kMonths};
constexpr Field kDayOfWeek{"day of the week", 1, 7, kWeekdays};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
char Upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

std::vector<std::string_view> Split(std::string_view text) {
  std::vector<std::string_view> fields;
  size_t start = 0;
  for (size_t at = 0; at <= text.size(); ++at) {
    if (at < text.size() && text[at] != ' ' && text[at] != '\t') continue;
    if (at > start || fields.empty() || at == text.size()) fields.push_back(text.substr(start, at - start));
    start = at + 1;
  }
  return fields;
}

unsigned LastOf(const year_month_day& date) {
  return static_cast<unsigned>((date.year() / date.month() / std::chrono::last).day());
}

// The weekday nearest to the day `target` of the month of `date`, in that month.
unsigned NearestWeekday(const year_month_day& date, unsigned target) {
  unsigned of_week = weekday(sys_days(date.year() / date.month() / std::chrono::day(target))).c_encoding();
  if (of_week == 6) return target == 1 ? 3 : target - 1;
  if (of_week == 0) return target == LastOf(date) ? target - 2 : target + 1;
  return target;
}

bool Has(uint64_t bits, unsigned number) { return (bits >> number & 1) != 0; }

}  // namespace

// Reads one field.
class Cron::Reader {
 public:
  Reader(const Field& field, std::string_view text) : field_(field), text_(text), left_(text) {}

  // "*" or a list, as bits. `all`: set if it was "*".
  Result<uint64_t> Set(bool* all) {
    *all = left_ == "*";
    if (*all) return Range(field_.min, field_.max, 1);
    uint64_t bits = 0;
    do {
      LIMPET_TRY(uint64_t item, Item());
      bits |= item;
    } while (Take(','));
    LIMPET_TRY(Done done, AtEnd());
    (void)done;
    return bits;
  }

  Result<unsigned> Value() {
    size_t digits = 0;
    while (digits < left_.size() && IsDigit(left_[digits])) ++digits;
    if (digits > 0) return Number(digits, field_.min, field_.max);
    for (unsigned i = 0; field_.names != nullptr && i <= field_.max - field_.min && left_.size() >= 3; ++i) {
      auto same = [](char a, char b) { return Upper(a) == b; };
      if (!std::equal(left_.begin(), left_.begin() + 3, field_.names[i], same)) continue;
      left_.remove_prefix(3);
      return field_.min + i;
    }
    return Bad();
  }
  Result<unsigned> Number(unsigned min, unsigned max) {
    size_t digits = 0;
    while (digits < left_.size() && IsDigit(left_[digits])) ++digits;
    return Number(digits, min, max);
  }
  bool Take(char c) {
    if (!left_.starts_with(c)) return false;
    left_.remove_prefix(1);
    return true;
  }
  Result<Done> AtEnd() const {
    if (!left_.empty()) return Bad();
    return Done{};
  }
  bool empty() const { return left_.empty(); }
  Error Bad() const {
    std::string text = std::string("the ") + field_.name + " \"" + std::string(text_) + "\" is not understood";
    return Error(ErrorCode::kInvalidArgument, std::move(text));
  }

 private:
  Result<unsigned> Number(size_t digits, unsigned min, unsigned max) {
    unsigned value = max + 1;
    std::from_chars_result read = std::from_chars(left_.data(), left_.data() + digits, value);
    if (digits == 0 || read.ec != std::errc() || value < min || value > max) {
      return Error(ErrorCode::kInvalidArgument,
                   std::string("the ") + field_.name + " \"" + std::string(text_) + "\": " +
                       (digits == 0 ? "a number is missing"
                                    : std::string(left_.substr(0, digits)) + " is not between " + std::to_string(min) +
                                          " and " + std::to_string(max)) +
                       (&field_ == &kDayOfWeek && max == field_.max ? " (1 is Sunday, 7 is Saturday)" : ""));
    }
    left_.remove_prefix(digits);
    return value;
  }
  Result<uint64_t> Item() {
    unsigned first = field_.min, last = field_.max;
    if (Take('*')) {
      if (!left_.starts_with('/')) return Bad();
    } else {
      LIMPET_TRY(first, Value());
      if (Take('-')) {
        LIMPET_TRY(last, Value());
      } else if (!left_.starts_with('/')) {
        last = first;
      }
    }
    unsigned step = 1;
    if (Take('/')) {
      LIMPET_TRY(step, Number(1, field_.max - field_.min));
    }
    return Range(first, last, step);
  }
  uint64_t Range(unsigned first, unsigned last, unsigned step) const {
    uint64_t bits = 0;
    unsigned width = field_.max - field_.min + 1;
    unsigned count = (last + width - first) % width;
    for (unsigned i = 0; i <= count; i += step) bits |= 1ULL << ((first - field_.min + i) % width + field_.min);
    return bits;
  }

  const Field& field_;
  const std::string_view text_;
  std::string_view left_;
};

Result<Cron> Cron::Parse(std::string_view text) {
  if (text.size() > kCronBytesMax) return Error(ErrorCode::kInvalidArgument, "it is too long");
  std::vector<std::string_view> fields = Split(text);
  if (fields.size() != 5) {
    return Error(ErrorCode::kInvalidArgument,
                 "it has " + std::to_string(text.empty() ? 0 : fields.size()) +
                     " fields, not 5: minute, hour, day of the month, month, day of the week");
  }
  Cron cron;
  bool all = false;
  LIMPET_TRY(cron.minutes_, Reader(kMinute, fields[0]).Set(&all));
  LIMPET_TRY(cron.hours_, Reader(kHour, fields[1]).Set(&all));
  LIMPET_TRY(cron.months_, Reader(kMonth, fields[3]).Set(&all));

  DayRule& of_month = cron.day_of_month_;
  Reader month_day(kDayOfMonth, fields[2]);
  if (month_day.Take('L')) {
    of_month.kind = Day::kLast;
    if (month_day.Take('-')) {
      LIMPET_TRY(unsigned before, month_day.Number(1, kDayOfMonth.max - 1));
      of_month.number = static_cast<uint8_t>(before);
    }
    if (month_day.Take('W')) of_month.kind = Day::kLastNearest;
    LIMPET_TRY(Done done, month_day.AtEnd());
    (void)done;
  } else if (fields[2].ends_with('W')) {
    of_month.kind = Day::kNearestWeekday;
    LIMPET_TRY(unsigned day, month_day.Value());
    of_month.number = static_cast<uint8_t>(day);
    if (!month_day.Take('W') || !month_day.empty()) return month_day.Bad();
  } else {
    LIMPET_TRY(cron.days_, month_day.Set(&all));
    of_month.kind = all ? Day::kAny : Day::kSet;
  }

  DayRule& of_week = cron.day_of_week_;
  Reader week_day(kDayOfWeek, fields[4]);
  bool nth = fields[4].find('#') != std::string_view::npos;
  if (fields[4] == "L") {
    of_week.kind = Day::kSet;
    cron.weekdays_ = 1U << 6U;
  } else if (nth || fields[4].ends_with('L')) {
    of_week.kind = nth ? Day::kNth : Day::kLast;
    LIMPET_TRY(unsigned day, week_day.Value());
    of_week.number = static_cast<uint8_t>(day - 1);
    if (!week_day.Take(nth ? '#' : 'L')) return week_day.Bad();
    if (nth) {
      LIMPET_TRY(unsigned which, week_day.Number(1, 5));
      of_week.nth = static_cast<uint8_t>(which);
    }
    LIMPET_TRY(Done done, week_day.AtEnd());
    (void)done;
  } else {
    LIMPET_TRY(cron.weekdays_, week_day.Set(&all));
    cron.weekdays_ >>= 1;
    of_week.kind = all ? Day::kAny : Day::kSet;
  }
  if (!cron.Next(WallTime())) return Error(ErrorCode::kInvalidArgument, "no month has such a day, so it never comes");
  return cron;
}

bool Cron::MatchesDay(sys_days at) const {
  year_month_day date(at);
  if (!Has(months_, static_cast<unsigned>(date.month()))) return false;
  const auto day = static_cast<unsigned>(date.day());
  const unsigned of_week = weekday(at).c_encoding();
  const unsigned last = LastOf(date);
  auto month_matches = [&] {
    switch (day_of_month_.kind) {
      case Day::kSet: return Has(days_, day);
      case Day::kLast: return day + day_of_month_.number == last;
      case Day::kLastNearest:
        return last > day_of_month_.number && day == NearestWeekday(date, last - day_of_month_.number);
      case Day::kNearestWeekday:
        return day_of_month_.number <= last && day == NearestWeekday(date, day_of_month_.number);
      default: return true;
    }
  };
  auto week_matches = [&] {
    switch (day_of_week_.kind) {
      case Day::kSet: return Has(weekdays_, of_week);
      case Day::kLast: return of_week == day_of_week_.number && day + 7 > last;
      case Day::kNth: return of_week == day_of_week_.number && (day - 1) / 7 + 1 == day_of_week_.nth;
      default: return true;
    }
  };
  if (day_of_week_.kind == Day::kAny) return month_matches();
  if (day_of_month_.kind == Day::kAny) return week_matches();
  return month_matches() || week_matches();
}

bool Cron::Matches(WallTime time) const {
  sys_days day = std::chrono::floor<days>(time);
  auto minute = static_cast<unsigned>(std::chrono::floor<minutes>(time - day).count());
  return Has(minutes_, minute % 60) && Has(hours_, minute / 60) && MatchesDay(day);
}

std::optional<WallTime> Cron::Next(WallTime after) const {
  sys_days first = std::chrono::floor<days>(after);
  auto from = static_cast<unsigned>(std::chrono::floor<minutes>(after - first).count()) + 1;
  const sys_days end = first + days(kYearsMax * 366);
  for (sys_days day = first; day < end; day += days(1), from = 0) {
    if (!MatchesDay(day)) continue;
    for (unsigned minute = from; minute < 24 * 60; ++minute) {
      if (Has(minutes_, minute % 60) && Has(hours_, minute / 60)) return WallTime(day) + minutes(minute);
    }
  }
  return std::nullopt;
}

std::optional<WallTime> Cron::Newest(WallTime after, WallTime until) const {
  for (WallTime at = std::chrono::floor<minutes>(until); at > after; at -= minutes(1)) {
    if (Matches(at)) return at;
  }
  return std::nullopt;
}

}  // namespace limpet::control

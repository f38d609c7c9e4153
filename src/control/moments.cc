#include "control/moments.h"

#include <charconv>
#include <chrono>

namespace limpet::control {

using object::Bookmark;
using store::Space;

Refusal BadMoment(std::string why) { return {400, 10021, std::move(why)}; }

Refusal HistoryRefused(const limpet::Error& error) {
  if (error.code() == ErrorCode::kScript || error.code() == ErrorCode::kInvalidArgument) {
    return BadMoment(error.message());
  }
  if (error.code() == ErrorCode::kConflict) return {409, 10069, error.message()};
  if (error.code() == ErrorCode::kNotFound) return {404, 10066, error.message()};
  return {500, 10001, "The store failed: " + error.message()};
}

std::optional<uint64_t> ParseTime(std::string_view text) {
  uint64_t ms = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
  if (error == std::errc() && end == text.data() + text.size()) return ms;
  if (!text.ends_with('Z')) return std::nullopt;
  text.remove_suffix(1);
  std::string_view fraction;
  if (size_t dot = text.find('.'); dot != std::string_view::npos) {
    fraction = text.substr(dot + 1, 3);
    text = text.substr(0, dot);
  }
  constexpr std::string_view kForm = "0000-00-00T00:00:00";
  if (text.size() != kForm.size() && text.size() != kForm.size() - 3) return std::nullopt;
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
  uint64_t part = 0, unit = 100;
  for (char digit : fraction) {
    if (digit < '0' || digit > '9') return std::nullopt;
    part += unit * static_cast<uint64_t>(digit - '0');
    unit /= 10;
  }
  auto days = static_cast<uint64_t>(std::chrono::sys_days(day).time_since_epoch().count());
  auto seconds = static_cast<uint64_t>((fields[3] * 60 + fields[4]) * 60 + fields[5]);
  return (days * 86'400 + seconds) * 1000 + part;
}

loop::Task<Decision<Moment>> FindMoment(store::Session& session, ObjectId id, std::string at) {
  loop::Completion<Result<store::HistoryMark>> ask([&](auto done) { session.Mark(id, std::move(done)); });
  Result<store::HistoryMark> mark = co_await ask;
  if (!mark.has_value()) co_return HistoryRefused(mark.error());
  Moment moment{{.moment = mark->now}, *mark};
  if (at.empty()) co_return moment;
  if (std::optional<uint64_t> ms = ParseTime(at)) {
    if (Result<Done> checked = object::CheckBookmark({.moment = *ms}, *mark); !checked.has_value()) {
      co_return HistoryRefused(checked.error());
    }
    loop::Completion<Result<store::ScanPage>> look(
        [&](auto done) { session.Scan(id, object::LastRecordUpTo(*ms), std::move(done)); });
    Result<store::ScanPage> page = co_await look;
    if (!page.has_value()) co_return HistoryRefused(page.error());
    std::optional<Bytes> before;
    if (!page->pairs.empty()) before = page->pairs[0].first;
    Result<uint64_t> found = object::MomentAt(*ms, before, *mark);
    if (!found.has_value()) co_return HistoryRefused(found.error());
    moment.bookmark.moment = *found;
    co_return moment;
  }
  Result<Bookmark> bookmark = object::ParseBookmark(id, at);
  if (!bookmark.has_value()) {
    bool looks_like_one = at.find('-') == 8 && at.size() > 20 && at[10] != 'T';
    co_return BadMoment(looks_like_one ? bookmark.error().message()
                                       : "\"" + at +
                                             "\" is neither a bookmark nor a time: write milliseconds since "
                                             "1970 or 2026-01-31T12:00:00Z.");
  }
  if (Result<Done> checked = object::CheckBookmark(*bookmark, *mark); !checked.has_value())
    co_return HistoryRefused(checked.error());
  moment.bookmark = *bookmark;
  co_return moment;
}

loop::Task<Decision<uint64_t>> ResolveUndo(store::Session& session, ObjectId id, Bookmark bookmark) {
  if (!bookmark.undo) co_return bookmark.moment;
  loop::Completion<Result<std::optional<Bytes>>> get(
      [&](auto done) { session.Get(id, Space::kMeta, Bytes(object::kUndoneKey), std::move(done)); });
  Result<std::optional<Bytes>> read = co_await get;
  if (!read.has_value()) co_return HistoryRefused(read.error());
  Result<object::Undone> undone = object::DecodeUndone(read->value_or(""));
  if (!undone.has_value()) co_return HistoryRefused(undone.error());
  for (const auto& [asked, before] : *undone) {
    if (asked == bookmark.moment) co_return before;
  }
  co_return BadMoment("The restore of this bookmark never came.");
}

}  // namespace limpet::control

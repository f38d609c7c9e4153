#include "control/moments.h"

#include <charconv>

#include "base/iso_time.h"

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
  std::optional<WallTime> time = ParseIsoTime(text);
  if (!time) return std::nullopt;
  return static_cast<uint64_t>(time->time_since_epoch().count());
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

// The time machine from outside: bookmarks and restores of objects, on a live server.
#include <charconv>

#include "base/iso_time.h"
#include "control/moments.h"
#include "control/plane.h"
#include "object/ids.h"
#include "store/history.h"

namespace limpet::control {
namespace {

constexpr size_t kBookmarksShown = 100, kBookmarksShownMax = 1000;

std::string ShownTime(uint64_t ms) { return IsoTime(WallTime(WallTime::duration(static_cast<int64_t>(ms)))); }

}  // namespace

// GET …/objects/ID/bookmarks?limit=N: now, and the begins of the slots of the object's history, the last one first.
Plane::Answer Plane::Bookmarks(Call call) {
  Decision<Found> found = FindObject(call);
  if (!found.ok()) co_return Failure(found.refusal());
  size_t limit = kBookmarksShown;
  if (std::string_view text = call.target.Query("limit"); !text.empty()) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (error != std::errc() || end != text.data() + text.size() || limit == 0 || limit > kBookmarksShownMax) {
      co_return Failure(BadMoment("limit is a number from 1 to " + std::to_string(kBookmarksShownMax) + "."));
    }
  }
  std::unique_ptr<store::Session> session = deps_.engine.Attach(deps_.loop);
  Decision<Moment> now = co_await FindMoment(*session, found->id, "");
  if (!now.ok()) co_return Failure(now.refusal());
  Json list = Json::MakeArray();
  auto show = [&](uint64_t moment) {
    list.Append(
        Json().Set("bookmark", object::FormatBookmark(found->id, {.moment = moment})).Set("time", ShownTime(moment)));
  };
  show(now->bookmark.moment);
  for (uint64_t before = now->bookmark.moment; list.items().size() < limit;) {
    loop::Completion<Result<store::ScanPage>> look(
        [&](auto done) { session->Scan(found->id, object::LastRecordUpTo(before - 1), std::move(done)); });
    Result<store::ScanPage> page = co_await look;
    if (!page.has_value()) co_return Failure(HistoryRefused(page.error()));
    if (page->pairs.empty()) break;
    std::optional<store::HistoryRecord> record = store::ParseHistory(page->pairs[0].first, page->pairs[0].second);
    if (!record || record->slot < now->mark.oldest) break;
    before = record->slot;
    show(before);
  }
  Json info = Json().Set("oldest", ShownTime(now->mark.oldest));
  co_return Success(std::move(list), std::move(info));
}

// POST …/objects/ID/restore {"at": MOMENT}: now, with a reset of the object if it lives.
Plane::Answer Plane::RestoreObject(Call call) {
  Decision<Found> found = FindObject(call);
  if (!found.ok()) co_return Failure(found.refusal());
  Decision<Json> body = ParseBody(call);
  if (!body.ok()) co_return Failure(body.refusal());
  const std::string& at = (*body)["at"].AsString();
  if (at.empty()) co_return Failure(BadMoment("\"at\" is missing: a bookmark or a time."));
  std::unique_ptr<store::Session> session = deps_.engine.Attach(deps_.loop);
  Decision<Moment> moment = co_await FindMoment(*session, found->id, at);
  if (!moment.ok()) co_return Failure(moment.refusal());
  loop::Completion<Result<uint64_t>> restore(
      [&](auto done) { deps_.runtime.RestoreObject(found->id, moment->bookmark, std::move(done)); });
  Result<uint64_t> before = co_await restore;
  if (!before.has_value()) co_return Failure(HistoryRefused(before.error()));
  Json result = Json().Set("id", object::IdCodec(found->entry.ns, found->entry.ns_key).ToString(found->id));
  result.Set("bookmark", object::FormatBookmark(found->id, moment->bookmark));
  result.Set("bookmark_before", object::FormatBookmark(found->id, {.moment = *before}));
  co_return Success(std::move(result));
}

}  // namespace limpet::control

// The time machine from outside: bookmarks, exports, imports, forks and restores of objects, on a live server.
//
// What an object stored at a moment is read without a lock: first what is there now, in pages, then what has changed
// since the moment. Whatever changes between two pages is among the changes, so all of it is of one commit.
#include <charconv>
#include <chrono>
#include <map>

#include "control/plane.h"
#include "object/alarm_record.h"
#include "object/ids.h"
#include "sql/object_file.h"
#include "sql/page_record.h"
#include "store/history.h"

namespace limpet::control {
namespace {

using object::Bookmark;
using store::Space;
using store::Write;

constexpr size_t kContentBytesMax = 96 * 1024 * 1024;  // Of an export, an import, a fork: all of it is in memory.
constexpr size_t kBookmarksShown = 100, kBookmarksShownMax = 1000;
constexpr char kAlarmNote[] = "alarm";

Refusal StoreFailed(const limpet::Error& error) { return {500, 10001, "The store failed: " + error.message()}; }
Refusal BadRequest(std::string why) { return {400, 10021, std::move(why)}; }
Refusal TooLarge() {
  return {413, 10068,
          "The object stores more than " + std::to_string(kContentBytesMax / (1024 * 1024)) +
              " MiB: that is too much for this."};
}

// A refusal of ours, or the store's failure.
Refusal Refused(const limpet::Error& error) {
  if (error.code() == ErrorCode::kScript || error.code() == ErrorCode::kInvalidArgument) {
    return BadRequest(error.message());
  }
  if (error.code() == ErrorCode::kConflict) return {409, 10069, error.message()};
  if (error.code() == ErrorCode::kNotFound) return {404, 10066, error.message()};
  return StoreFailed(error);
}

uint64_t BigEndian(BytesView key) { return key.size() == 8 ? ReadBigEndian64(key) : 0; }

// "2026-01-31T12:00:00Z", seconds with or without a fraction, or left out.
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

std::string ShownTime(uint64_t ms) {
  std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(static_cast<int64_t>(ms))};
  auto day = std::chrono::floor<std::chrono::days>(time);
  std::chrono::year_month_day date(day);
  std::chrono::hh_mm_ss clock(time - day);
  char text[40];
  snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
           static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
           static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
           static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return text;
}

struct Moment {
  Bookmark bookmark;
  store::HistoryMark mark;
};

// `at`: "" for now; a bookmark; a time.
loop::Task<Decision<Moment>> FindMoment(store::Session& session, ObjectId id, std::string at) {
  loop::Completion<Result<store::HistoryMark>> ask([&](auto done) { session.Mark(id, std::move(done)); });
  Result<store::HistoryMark> mark = co_await ask;
  if (!mark.has_value()) co_return Refused(mark.error());
  Moment moment{{.moment = mark->now}, *mark};
  if (at.empty()) co_return moment;
  if (std::optional<uint64_t> ms = ParseTime(at)) {
    if (Result<Done> checked = object::CheckBookmark({.moment = *ms}, *mark); !checked.has_value()) {
      co_return Refused(checked.error());
    }
    loop::Completion<Result<store::ScanPage>> look(
        [&](auto done) { session.Scan(id, object::LastRecordUpTo(*ms), std::move(done)); });
    Result<store::ScanPage> page = co_await look;
    if (!page.has_value()) co_return Refused(page.error());
    std::optional<Bytes> before;
    if (!page->pairs.empty()) before = page->pairs[0].first;
    Result<uint64_t> found = object::MomentAt(*ms, before, *mark);
    if (!found.has_value()) co_return Refused(found.error());
    moment.bookmark.moment = *found;
    co_return moment;
  }
  Result<Bookmark> bookmark = object::ParseBookmark(id, at);
  if (!bookmark.has_value()) {
    bool looks_like_one = at.find('-') == 8 && at.size() > 20 && at[10] != 'T';
    co_return BadRequest(looks_like_one ? bookmark.error().message()
                                        : "\"" + at +
                                              "\" is neither a bookmark nor a time: write milliseconds since "
                                              "1970 or 2026-01-31T12:00:00Z.");
  }
  if (Result<Done> checked = object::CheckBookmark(*bookmark, *mark); !checked.has_value())
    co_return Refused(checked.error());
  moment.bookmark = *bookmark;
  co_return moment;
}

// The moment that an undo bookmark means.
loop::Task<Decision<uint64_t>> ResolveUndo(store::Session& session, ObjectId id, Bookmark bookmark) {
  if (!bookmark.undo) co_return bookmark.moment;
  loop::Completion<Result<std::optional<Bytes>>> get(
      [&](auto done) { session.Get(id, Space::kMeta, Bytes(object::kUndoneKey), std::move(done)); });
  Result<std::optional<Bytes>> read = co_await get;
  if (!read.has_value()) co_return Refused(read.error());
  Result<object::Undone> undone = object::DecodeUndone(read->value_or(""));
  if (!undone.has_value()) co_return Refused(undone.error());
  for (const auto& [asked, before] : *undone) {
    if (asked == bookmark.moment) co_return before;
  }
  co_return BadRequest("The restore of this bookmark never came.");
}

// By space and key.
using Content = std::map<std::pair<Space, Bytes>, Bytes>;

size_t Weight(const Bytes& key, const Bytes& value) { return key.size() + value.size() + 64; }

loop::Task<Decision<Content>> ReadContentAt(store::Session& session, ObjectId id, uint64_t moment) {
  Content content;
  size_t bytes = 0;
  for (Space space : {Space::kKv, Space::kPage, Space::kAlarm}) {
    store::ScanOptions next;
    next.space = space;
    for (bool complete = false; !complete;) {
      loop::Completion<Result<store::ScanPage>> scan([&](auto done) { session.Scan(id, next, std::move(done)); });
      Result<store::ScanPage> page = co_await scan;
      if (!page.has_value()) co_return Refused(page.error());
      complete = page->complete;
      if (!complete) next.start = page->pairs.back().first + '\0';
      for (auto& [key, value] : page->pairs) {
        bytes += Weight(key, value);
        content[{space, std::move(key)}] = std::move(value);
      }
      if (bytes > kContentBytesMax) co_return TooLarge();
    }
  }
  store::Undo undo;
  store::ScanOptions next;
  next.space = Space::kHistory;
  next.start = store::Undo::Start(moment);
  for (bool complete = false; !complete && !undo.nothing();) {
    loop::Completion<Result<store::ScanPage>> scan([&](auto done) { session.Scan(id, next, std::move(done)); });
    Result<store::ScanPage> page = co_await scan;
    if (!page.has_value()) co_return Refused(page.error());
    complete = page->complete;
    if (!complete) next.start = page->pairs.back().first + '\0';
    std::vector<store::Undo::Change> changes;
    Result<Done> added = undo.Add(*page, changes);
    if (!added.has_value()) co_return Refused(added.error());
    for (store::Undo::Change& change : changes) {
      content.erase({change.space, change.key});
      if (!change.before) continue;
      bytes += Weight(change.key, *change.before);
      content[{change.space, std::move(change.key)}] = *std::move(change.before);
    }
    if (bytes > 2 * kContentBytesMax) co_return TooLarge();
  }
  if (undo.nothing()) content.clear();
  co_return content;
}

loop::Task<Decision<Content>> FindContent(store::Session& session, ObjectId id, std::string at, Bookmark* found) {
  Decision<Moment> moment = co_await FindMoment(session, id, std::move(at));
  if (!moment.ok()) co_return moment.refusal();
  Decision<uint64_t> resolved = co_await ResolveUndo(session, id, moment->bookmark);
  if (!resolved.ok()) co_return resolved.refusal();
  *found = {.moment = *resolved};
  co_return co_await ReadContentAt(session, id, *resolved);
}

sql::ObjectContent ToFile(Content content) {
  sql::ObjectContent file;
  for (auto& [where, value] : content) {
    if (where.first == Space::kKv) file.pairs.emplace_back(where.second, std::move(value));
    if (where.first == Space::kPage) {
      Bytes& page = file.pages[static_cast<uint32_t>(BigEndian(where.second))];
      page.resize(sql::kPageBytes);
      // A record that is none is damage that reading the file will find.
      if (!sql::UnpackPage(value, std::span<char, sql::kPageBytes>(page.data(), sql::kPageBytes)))
        page = std::move(value);
    }
    if (where.first != Space::kAlarm) continue;
    Result<object::AlarmRecord> alarm = object::DecodeAlarm(value);
    if (alarm.has_value()) file.notes[kAlarmNote] = std::to_string(alarm->scheduled_ms);
  }
  return file;
}

// Everything that the object stored goes, and a restore that was to come with it.
std::vector<Write> Replacing() {
  std::vector<Write> writes;
  for (Space space : {Space::kKv, Space::kPage, Space::kAlarm}) writes.push_back({Write::Kind::kClear, space, {}, {}});
  writes.push_back({Write::Kind::kDelete, Space::kMeta, Bytes(object::kRestoreKey), {}});
  return writes;
}

}  // namespace

// GET …/objects/ID/bookmarks?limit=N: now, and the begins of the slots of the object's history, the last one first.
Plane::Answer Plane::Bookmarks(Call call) {
  Decision<Found> found = FindObject(call);
  if (!found.ok()) co_return Failure(found.refusal());
  size_t limit = kBookmarksShown;
  if (std::string_view text = call.target.Query("limit"); !text.empty()) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (error != std::errc() || end != text.data() + text.size() || limit == 0 || limit > kBookmarksShownMax) {
      co_return Failure(BadRequest("limit is a number from 1 to " + std::to_string(kBookmarksShownMax) + "."));
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
    if (!page.has_value()) co_return Failure(Refused(page.error()));
    if (page->pairs.empty()) break;
    std::optional<store::HistoryRecord> record = store::ParseHistory(page->pairs[0].first, page->pairs[0].second);
    if (!record || record->slot < now->mark.oldest) break;
    before = record->slot;
    show(before);
  }
  Json info = Json().Set("oldest", ShownTime(now->mark.oldest));
  co_return Success(std::move(list), std::move(info));
}

// GET …/objects/ID/export?at=MOMENT: an SQLite file.
Plane::Answer Plane::ExportObject(Call call) {
  Decision<Found> found = FindObject(call);
  if (!found.ok()) co_return Failure(found.refusal());
  std::unique_ptr<store::Session> session = deps_.engine.Attach(deps_.loop);
  Bookmark bookmark;
  Decision<Content> content =
      co_await FindContent(*session, found->id, std::string(call.target.Query("at")), &bookmark);
  if (!content.ok()) co_return Failure(content.refusal());
  if (content->empty()) co_return Failure({404, 10067, "The object stores nothing at that moment."});
  sql::ObjectContent file = ToFile(std::move(*content));
  object::IdCodec codec(found->entry.ns, found->entry.ns_key);
  file.notes["object"] = codec.ToString(found->id);
  file.notes["class"] = found->entry.class_name;
  file.notes["bookmark"] = object::FormatBookmark(found->id, bookmark);
  Result<Bytes> bytes = sql::WriteObjectFile(std::move(file));
  if (!bytes.has_value()) co_return Failure({500, 10001, "The database is damaged: " + bytes.error().message()});
  HttpResponse response;
  response.headers.Append("Content-Type", "application/vnd.sqlite3");
  response.body = Body::Of(std::move(bytes).value());
  co_return response;
}

// PUT …/objects/ID/import, with an SQLite file as body: it takes the place of all that the object stores.
Plane::Answer Plane::ImportObject(Call call) {
  Decision<Found> found = FindObject(call);
  if (!found.ok()) co_return Failure(found.refusal());
  Result<sql::ObjectContent> file = sql::ReadObjectFile(call.body);
  if (!file.has_value()) co_return Failure(BadRequest(file.error().message()));
  if (!found->entry.sqlite && !file->pages.empty()) {
    co_return Failure(BadRequest("The class \"" + found->entry.class_name +
                                 "\" has no SQLite storage (new_sqlite_classes), and the file has tables."));
  }
  std::unique_ptr<store::Session> session = deps_.engine.Attach(deps_.loop);
  Decision<Moment> before = co_await FindMoment(*session, found->id, "");
  std::vector<Write> writes = Replacing();
  for (auto& [key, value] : file->pairs) {
    if (key.size() > store::kKeyBytesMax) co_return Failure(BadRequest("A key is longer than 16 KiB."));
    writes.push_back({Write::Kind::kPut, Space::kKv, std::move(key), std::move(value)});
  }
  for (auto& [number, content] : file->pages) {
    Write write{Write::Kind::kPut, Space::kPage, {}, sql::PackPage(content)};
    AppendBigEndian64(write.key, number);
    writes.push_back(std::move(write));
  }
  if (auto note = file->notes.find(kAlarmNote); note != file->notes.end()) {
    std::optional<uint64_t> ms = ParseTime(note->second);
    if (!ms) co_return Failure(BadRequest("The time of the alarm in _cf_METADATA is none."));
    object::AlarmRecord alarm;
    alarm.attempt_ms = alarm.scheduled_ms = static_cast<int64_t>(*ms);
    writes.push_back({Write::Kind::kPut, Space::kAlarm, {}, object::EncodeAlarm(alarm)});
  }
  loop::Completion<Result<Done>> apply(
      [&](auto done) { deps_.runtime.ChangeObject(found->id, {std::move(writes), false}, std::move(done)); });
  Result<Done> applied = co_await apply;
  if (!applied.has_value()) co_return Failure(Refused(applied.error()));
  Json result = Json().Set("id", object::IdCodec(found->entry.ns, found->entry.ns_key).ToString(found->id));
  if (before.ok()) result.Set("bookmark_before", object::FormatBookmark(found->id, before->bookmark));
  co_return Success(std::move(result));
}

// POST …/objects/ID/fork {"to": NAME, "at": MOMENT}: a new object of that name. The alarm stays behind: two of it would
// do everything twice.
Plane::Answer Plane::ForkObject(Call call) {
  Decision<Found> found = FindObject(call);
  if (!found.ok()) co_return Failure(found.refusal());
  Decision<Json> body = ParseBody(call);
  if (!body.ok()) co_return Failure(body.refusal());
  const std::string& name = (*body)["to"].AsString();
  if (name.empty()) co_return Failure(BadRequest("\"to\" is missing: the name of the new object."));
  std::unique_ptr<store::Session> session = deps_.engine.Attach(deps_.loop);
  Bookmark bookmark;
  Decision<Content> content = co_await FindContent(*session, found->id, (*body)["at"].AsString(), &bookmark);
  if (!content.ok()) co_return Failure(content.refusal());
  std::vector<Write> writes;
  for (auto& [where, value] : *content) {
    if (where.first != Space::kAlarm)
      writes.push_back({Write::Kind::kPut, where.first, where.second, std::move(value)});
  }
  if (writes.empty()) co_return Failure({404, 10067, "The object stores nothing at that moment."});
  object::IdCodec codec(found->entry.ns, found->entry.ns_key);
  ObjectId to = codec.FromName(name);
  loop::Completion<Result<Done>> apply(
      [&](auto done) { deps_.runtime.ChangeObject(to, {std::move(writes), true}, std::move(done)); });
  Result<Done> applied = co_await apply;
  if (!applied.has_value() && applied.error().code() == ErrorCode::kConflict) {
    co_return Failure({409, 10069, "The object \"" + name + "\" stores something already: choose another name."});
  }
  if (!applied.has_value()) co_return Failure(Refused(applied.error()));
  Json result = Json().Set("id", codec.ToString(to)).Set("name", name);
  result.Set("bookmark", object::FormatBookmark(found->id, bookmark));
  co_return Success(std::move(result));
}

// POST …/objects/ID/restore {"at": MOMENT}: now, with a reset of the object if it lives.
Plane::Answer Plane::RestoreObject(Call call) {
  Decision<Found> found = FindObject(call);
  if (!found.ok()) co_return Failure(found.refusal());
  Decision<Json> body = ParseBody(call);
  if (!body.ok()) co_return Failure(body.refusal());
  const std::string& at = (*body)["at"].AsString();
  if (at.empty()) co_return Failure(BadRequest("\"at\" is missing: a bookmark or a time."));
  std::unique_ptr<store::Session> session = deps_.engine.Attach(deps_.loop);
  Decision<Moment> moment = co_await FindMoment(*session, found->id, at);
  if (!moment.ok()) co_return Failure(moment.refusal());
  loop::Completion<Result<uint64_t>> restore(
      [&](auto done) { deps_.runtime.RestoreObject(found->id, moment->bookmark, std::move(done)); });
  Result<uint64_t> before = co_await restore;
  if (!before.has_value()) co_return Failure(Refused(before.error()));
  Json result = Json().Set("id", object::IdCodec(found->entry.ns, found->entry.ns_key).ToString(found->id));
  result.Set("bookmark", object::FormatBookmark(found->id, moment->bookmark));
  result.Set("bookmark_before", object::FormatBookmark(found->id, {.moment = *before}));
  co_return Success(std::move(result));
}

}  // namespace limpet::control

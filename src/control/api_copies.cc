// Copies of objects on a live server, however large they are: exports, imports and forks.
//
// What an object stored at a moment is read without a lock: first what is there now, in pages, then what has changed
// since the moment. Whatever changes between two pages is among the changes, so all of it is of one commit. It goes
// into a file (sql/object_copy.h), and from there to the client, or into an object by way of its shard.
#include <algorithm>

#include "control/moments.h"
#include "control/plane.h"
#include "object/alarm_record.h"
#include "object/ids.h"
#include "sql/object_copy.h"
#include "sql/page_record.h"
#include "store/history.h"

namespace limpet::control {
namespace {

using object::Bookmark;
using object::ContentSource;
using sql::ObjectCopy;
using store::Space;
using store::Write;

constexpr size_t kScanBytes = 1024 * 1024;
constexpr uint64_t kFileBytesMax = kAdminBodyBytesMax;
constexpr char kAlarmNote[] = "alarm";
constexpr char kNameNote[] = "name";

// Of the files. What the store says is HistoryRefused.
Refusal CopyFailed(const limpet::Error& error) {
  if (error.code() == ErrorCode::kInvalidArgument) return BadMoment(error.message());
  if (error.code() == ErrorCode::kOverloaded) return {507, 10077, error.message()};
  if (error.code() == ErrorCode::kCorrupt) return {500, 10001, "The object is damaged: " + error.message()};
  return {503, 10001, error.message()};
}

Refusal TooMany() {
  return {429, 10076,
          "The server is at " + std::to_string(kCopiesMax) + " exports, imports or forks already: try again later."};
}

Refusal Nothing() { return {404, 10067, "The object stores nothing at that moment."}; }

uint64_t BigEndian(BytesView key) { return key.size() == 8 ? ReadBigEndian64(key) : 0; }

// What an object stored.
struct Copied {
  std::shared_ptr<ObjectCopy> copy;
  std::optional<Bytes> alarm;  // Its record.
  bool alarm_undone = false;
  bool ended = false;  // Nothing that is older counts.
};

Result<Done> AddPage(ObjectCopy& copy, BytesView key, std::optional<BytesView> record, bool undo) {
  auto number = static_cast<uint32_t>(std::min<uint64_t>(BigEndian(key), UINT32_MAX));
  char page[sql::kPageBytes];
  if (record && !sql::UnpackPage(*record, std::span<char, sql::kPageBytes>(page))) {
    return Error(ErrorCode::kCorrupt, "page " + std::to_string(number) + " is none");
  }
  if (!undo) return copy.PutPage(number, BytesView(page, sql::kPageBytes));
  return copy.UndoPage(number, record ? std::optional(BytesView(page, sql::kPageBytes)) : std::nullopt);
}

Result<Done> AddNow(Copied& copied, Space space, const store::ScanPage& page) {
  for (const auto& [key, value] : page.pairs) {
    if (space == Space::kAlarm) copied.alarm = value;
    Result<Done> added = space == Space::kKv     ? copied.copy->PutPair(key, value)
                         : space == Space::kPage ? AddPage(*copied.copy, key, value, false)
                                                 : Result<Done>(Done{});
    if (!added.has_value()) return added;
  }
  return Done{};
}

// Leads it back, by records of history in their order.
Result<Done> AddHistory(Copied& copied, const store::ScanPage& page) {
  for (const auto& [key, value] : page.pairs) {
    std::optional<store::HistoryRecord> record = store::ParseHistory(key, value);
    if (!record) return Error(ErrorCode::kCorrupt, "a record of history that is none");
    copied.ended = record->birth;
    if (copied.ended) return Done{};
    if (record->space == Space::kAlarm && !std::exchange(copied.alarm_undone, true)) {
      copied.alarm.reset();
      if (record->before) copied.alarm.emplace(*record->before);
    }
    Result<Done> added = record->space == Space::kKv     ? copied.copy->UndoPair(record->key, record->before)
                         : record->space == Space::kPage ? AddPage(*copied.copy, record->key, record->before, true)
                                                         : Result<Done>(Done{});
    if (!added.has_value()) return added;
  }
  return Done{};
}

// `copier` and `session` outlive it; so below.
loop::Task<Decision<std::shared_ptr<ObjectCopy>>> NewCopy(Copier& copier) {
  using Made = Result<std::unique_ptr<ObjectCopy>>;
  Made made = co_await copier.Do<Made>(
      copier.sql(), [place = ObjectCopy::Place{copier.folder(), copier.stop()}] { return ObjectCopy::Make(place); });
  if (!made.has_value()) co_return CopyFailed(made.error());
  co_return Copier::Share(std::move(made).value(), copier.sql());
}

loop::Task<Decision<Done>> AddSpace(Copier& copier, store::Session& session, ObjectId id, store::ScanOptions next,
                                    std::shared_ptr<Copied> copied) {
  next.bytes_max = kScanBytes;
  next.once = true;
  uint64_t all = 0;
  for (bool complete = false; !complete && !copied->ended;) {
    loop::Completion<Result<store::ScanPage>> scan([&](auto done) { session.Scan(id, next, std::move(done)); });
    Result<store::ScanPage> page = co_await scan;
    if (!page.has_value()) co_return HistoryRefused(page.error());
    complete = page->complete;
    if (!complete) next.start = page->pairs.back().first + '\0';
    all += kScanBytes;
    auto add = [&copier, copied, space = next.space, all, page = std::move(page).value()]() -> Result<Done> {
      Result<Done> room = all > kSmallCopyBytes ? copier.CheckRoom(kScanBytes) : Done{};
      if (!room.has_value()) return room;
      return space == Space::kHistory ? AddHistory(*copied, page) : AddNow(*copied, space, page);
    };
    Result<Done> added = co_await copier.Do<Result<Done>>(copier.sql(), std::move(add));
    if (!added.has_value()) co_return CopyFailed(added.error());
  }
  co_return Done{};
}

loop::Task<Decision<std::shared_ptr<Copied>>> CopyAt(Copier& copier, store::Session& session, ObjectId id,
                                                     uint64_t moment) {
  auto copied = std::make_shared<Copied>();
  Decision<std::shared_ptr<ObjectCopy>> copy = co_await NewCopy(copier);
  if (!copy.ok()) co_return copy.refusal();
  copied->copy = *std::move(copy);
  store::ScanOptions next;
  for (Space space : {Space::kKv, Space::kPage, Space::kAlarm, Space::kHistory}) {
    next.space = space;
    if (space == Space::kHistory) next.start = store::Undo::Start(moment);
    Decision<Done> added = co_await AddSpace(copier, session, id, next, copied);
    if (!added.ok()) co_return added.refusal();
  }
  if (copied->ended) {
    Decision<std::shared_ptr<ObjectCopy>> none = co_await NewCopy(copier);
    if (!none.ok()) co_return none.refusal();
    copied->copy = *std::move(none);
    copied->alarm.reset();
  }
  using Empty = Result<bool>;
  Empty empty = co_await copier.Do<Empty>(copier.sql(), [copied] { return copied->copy->Empty(); });
  if (!empty.has_value()) co_return CopyFailed(empty.error());
  if (*empty && !copied->alarm) co_return Nothing();
  co_return copied;
}

// The moment up to which the object's states are whole: no restore or import of it has got half way. 0: none is.
loop::Task<Decision<uint64_t>> FindSettled(store::Session& session, ObjectId id) {
  loop::Completion<Result<std::optional<Bytes>>> get(
      [&](auto done) { session.Get(id, Space::kMeta, Bytes(object::kRestoreKey), std::move(done)); });
  Result<std::optional<Bytes>> read = co_await get;
  if (!read.has_value()) co_return HistoryRefused(read.error());
  if (!*read) co_return UINT64_MAX;
  Result<object::PendingRestore> restore = object::DecodeRestore(**read);
  if (!restore.has_value()) co_return HistoryRefused(restore.error());
  co_return object::SettledUpTo(*restore).value_or(UINT64_MAX);
}

loop::Task<Decision<std::shared_ptr<Copied>>> FindContent(Copier& copier, store::Session& session, ObjectId id,
                                                          std::string at, Bookmark* found) {
  // One that begins after the first look is seen by the second, whose moment comes later than ours.
  Decision<uint64_t> settled = co_await FindSettled(session, id);
  if (!settled.ok()) co_return settled.refusal();
  Decision<Moment> moment = co_await FindMoment(session, id, std::move(at));
  if (!moment.ok()) co_return moment.refusal();
  Decision<uint64_t> resolved = co_await ResolveUndo(session, id, moment->bookmark);
  if (!resolved.ok()) co_return resolved.refusal();
  Decision<uint64_t> still = co_await FindSettled(session, id);
  if (!still.ok()) co_return still.refusal();
  *found = {.moment = std::min({*resolved, *settled, *still})};
  if (found->moment == 0) co_return Nothing();
  co_return co_await CopyAt(copier, session, id, found->moment);
}

// Gives what a copy has to a shard.
class CopySource final : public ContentSource {
 public:
  CopySource(std::shared_ptr<Worker> worker, std::shared_ptr<ObjectCopy> copy, std::optional<Bytes> alarm)
      : worker_(std::move(worker)), copy_(std::move(copy)), alarm_(std::move(alarm)) {}

  void Next(UniqueFunction<void(Result<Slice>)> done) override {
    const size_t bytes_max = std::exchange(first_, false) ? object::kSliceBytes : kLaterSliceBytes;
    worker_->Run([copy = copy_, alarm = alarm_, bytes_max, done = std::move(done)]() mutable {
      done(Make(*copy, alarm, bytes_max));
    });
  }

 private:
  // The first may be all there is, and one commit. Later ones are small: each is held several times over on its way,
  // and other objects' commits wait for it.
  static constexpr size_t kLaterSliceBytes = object::kSliceBytes / 4;

  static Result<Slice> Make(ObjectCopy& copy, const std::optional<Bytes>& alarm, size_t bytes_max) {
    Slice slice;
    size_t bytes = 0;
    LIMPET_TRY(std::vector<ObjectCopy::Pair> pairs, copy.NextPairs(bytes_max));
    for (auto& [key, value] : pairs) {
      bytes += key.size() + value.size();
      slice.writes.push_back({Write::Kind::kPut, Space::kKv, std::move(key), std::move(value)});
    }
    if (bytes >= bytes_max) return slice;
    const size_t room = bytes_max - bytes;
    LIMPET_TRY(std::vector<ObjectCopy::Page> pages, copy.NextPages(room));
    for (auto& [number, page] : pages) {
      Write write{Write::Kind::kPut, Space::kPage, {}, sql::PackPage(page)};
      AppendBigEndian64(write.key, number);
      slice.writes.push_back(std::move(write));
    }
    slice.last = pages.size() * sql::kPageBytes < room;
    if (slice.last && alarm) slice.writes.push_back({Write::Kind::kPut, Space::kAlarm, {}, *alarm});
    return slice;
  }

  const std::shared_ptr<Worker> worker_;
  const std::shared_ptr<ObjectCopy> copy_;
  const std::optional<Bytes> alarm_;
  bool first_ = true;
};

Refusal ChangeRefused(const limpet::Error& error) {
  if (error.code() == ErrorCode::kOverloaded) return {413, 10068, error.message()};
  return HistoryRefused(error);
}

}  // namespace

// GET …/objects/ID/export?at=MOMENT: an SQLite file.
Plane::Answer Plane::ExportObject(Call call) {
  Decision<Found> found = FindObject(call);
  if (!found.ok()) co_return Failure(found.refusal());
  std::shared_ptr<void> ticket = copier_.Enter();
  if (ticket == nullptr) co_return Failure(TooMany());
  std::unique_ptr<store::Session> session = deps_.engine.Attach(deps_.loop);
  Bookmark bookmark;
  Decision<std::shared_ptr<Copied>> copied =
      co_await FindContent(copier_, *session, found->id, std::string(call.target.Query("at")), &bookmark);
  if (!copied.ok()) co_return Failure(copied.refusal());
  ObjectCopy::Notes notes;
  notes["object"] = object::IdCodec(found->entry.ns, found->entry.ns_key).ToString(found->id);
  notes["class"] = found->entry.class_name;
  notes["bookmark"] = object::FormatBookmark(found->id, bookmark);
  Result<std::optional<Bytes>> name = co_await NameOf(found->id);
  if (name.has_value() && *name) notes[kNameNote] = **name;
  if ((*copied)->alarm) {
    Result<object::AlarmRecord> alarm = object::DecodeAlarm(*(*copied)->alarm);
    if (alarm.has_value()) notes[kAlarmNote] = std::to_string(alarm->scheduled_ms);
  }
  using Made = Result<std::shared_ptr<ScratchFile>>;
  Made file = co_await copier_.Do<Made>(
      copier_.sql(), [copy = (*copied)->copy, notes = std::move(notes)] { return copy->ToFile(notes); });
  if (!file.has_value()) co_return Failure(CopyFailed(file.error()));
  HttpResponse response;
  response.headers.Append("Content-Type", "application/vnd.sqlite3");
  response.body = copier_.FileBody(std::move(file).value(), std::move(ticket));
  co_return response;
}

// PUT …/objects/ID/import, with an SQLite file as body: it takes the place of all that the object stores.
Plane::Answer Plane::ImportObject(Call call) {
  Decision<Found> found = FindObject(call);
  if (!found.ok()) co_return Failure(found.refusal());
  std::shared_ptr<void> ticket = copier_.Enter();
  if (ticket == nullptr) co_return Failure(TooMany());
  Result<std::shared_ptr<ScratchFile>> file = co_await copier_.TakeBody(std::move(call.upload), kFileBytesMax);
  if (!file.has_value()) co_return Failure(CopyFailed(file.error()));
  const uint64_t bytes = (*file)->size();
  using Read = Result<std::unique_ptr<ObjectCopy>>;
  auto notes = std::make_shared<ObjectCopy::Notes>();
  ObjectCopy::Place place{copier_.folder(), copier_.stop()};
  Read read = co_await copier_.Do<Read>(copier_.sql(), [notes, place, file = std::move(file).value()]() mutable {
    return ObjectCopy::FromFile(place, std::move(file), *notes);
  });
  if (!read.has_value()) co_return Failure(CopyFailed(read.error()));
  std::shared_ptr<ObjectCopy> copy = Copier::Share(std::move(read).value(), copier_.sql());
  if (!found->entry.sqlite && copy->has_pages()) {
    co_return Failure(BadMoment("The class \"" + found->entry.class_name +
                                "\" has no SQLite storage (new_sqlite_classes), and the file has tables."));
  }
  std::optional<Bytes> alarm;
  if (auto note = notes->find(kAlarmNote); note != notes->end()) {
    std::optional<uint64_t> ms = ParseTime(note->second);
    if (!ms) co_return Failure(BadMoment("The time of the alarm in _cf_METADATA is none."));
    object::AlarmRecord record;
    record.attempt_ms = record.scheduled_ms = static_cast<int64_t>(*ms);
    alarm = object::EncodeAlarm(record);
  }
  // A file of this very object says what it was called.
  std::string name;
  object::IdCodec codec(found->entry.ns, found->entry.ns_key);
  if (auto note = notes->find(kNameNote); note != notes->end() && codec.FromName(note->second) == found->id) {
    name = note->second;
  }
  std::unique_ptr<store::Session> session = deps_.engine.Attach(deps_.loop);
  if (Result<Done> room = RoomInStore(*session, found->id, bytes); !room.has_value()) {
    co_return Failure(CopyFailed(room.error()));
  }
  Decision<Moment> before = co_await FindMoment(*session, found->id, "");
  auto source = std::make_shared<CopySource>(copier_.sql(), std::move(copy), std::move(alarm));
  loop::Completion<Result<Done>> apply([&](auto done) {
    deps_.runtime.ChangeObject(found->id, {std::move(source), false, std::move(name)}, std::move(done));
  });
  Result<Done> applied = co_await apply;
  if (!applied.has_value()) co_return Failure(ChangeRefused(applied.error()));
  Json result = Json().Set("id", codec.ToString(found->id));
  if (before.ok()) result.Set("bookmark_before", object::FormatBookmark(found->id, before->bookmark));
  co_return Success(std::move(result));
}

// Of each byte that is written or kept in the history the disk has two for a while, in the log and in a table.
Result<Done> Plane::RoomInStore(store::Session& session, const ObjectId& id, uint64_t bytes) {
  LIMPET_TRY(store::Totals totals, session.TotalsNow(id));
  uint64_t all = bytes + totals.object.sum();
  return all > kSmallCopyBytes ? copier_.CheckRoom(2 * all) : Done{};
}

// POST …/objects/ID/fork {"to": NAME, "at": MOMENT}: a new object of that name. The alarm stays behind: two of it would
// do everything twice.
Plane::Answer Plane::ForkObject(Call call) {
  Decision<Found> found = FindObject(call);
  if (!found.ok()) co_return Failure(found.refusal());
  Decision<Json> body = ParseBody(call);
  if (!body.ok()) co_return Failure(body.refusal());
  const std::string& name = (*body)["to"].AsString();
  if (name.empty()) co_return Failure(BadMoment("\"to\" is missing: the name of the new object."));
  std::shared_ptr<void> ticket = copier_.Enter();
  if (ticket == nullptr) co_return Failure(TooMany());
  std::unique_ptr<store::Session> session = deps_.engine.Attach(deps_.loop);
  Bookmark bookmark;
  Decision<std::shared_ptr<Copied>> copied =
      co_await FindContent(copier_, *session, found->id, (*body)["at"].AsString(), &bookmark);
  if (!copied.ok()) co_return Failure(copied.refusal());
  using Empty = Result<bool>;
  Empty empty = co_await copier_.Do<Empty>(copier_.sql(), [copy = (*copied)->copy] { return copy->Empty(); });
  if (!empty.has_value()) co_return Failure(CopyFailed(empty.error()));
  if (*empty) co_return Failure(Nothing());
  object::IdCodec codec(found->entry.ns, found->entry.ns_key);
  ObjectId to = codec.FromName(name);
  if (Result<Done> room = RoomInStore(*session, found->id, 0); !room.has_value()) {
    co_return Failure(CopyFailed(room.error()));
  }
  auto source = std::make_shared<CopySource>(copier_.sql(), (*copied)->copy, std::nullopt);
  loop::Completion<Result<Done>> apply(
      [&](auto done) { deps_.runtime.ChangeObject(to, {std::move(source), true, name}, std::move(done)); });
  Result<Done> applied = co_await apply;
  if (!applied.has_value() && applied.error().code() == ErrorCode::kConflict) {
    co_return Failure({409, 10069, "The object \"" + name + "\" stores something already: choose another name."});
  }
  if (!applied.has_value()) co_return Failure(ChangeRefused(applied.error()));
  Json result = Json().Set("id", codec.ToString(to)).Set("name", name);
  result.Set("bookmark", object::FormatBookmark(found->id, bookmark));
  co_return Success(std::move(result));
}

}  // namespace limpet::control

// The objects of a class, from outside. Only what is durable is seen.
#include <algorithm>
#include <charconv>

#include "control/plane.h"
#include "object/alarm_record.h"
#include "object/ids.h"
#include "store/names.h"

namespace limpet::control {
namespace {

constexpr size_t kObjectsPerPage = 1000;
constexpr size_t kObjectsPerPageMax = 10'000;
constexpr size_t kKeysShown = 1000;
constexpr size_t kNamespaceAt =
    6;  // client v4 accounts ACCOUNT workers durable_objects namespaces NAMESPACE objects ID
constexpr size_t kPageSizeAt = 16, kPageCountAt = 28, kHeaderBytes = 100;  // In the first page of an SQLite database.

Refusal NoNamespace(const std::string& key) {
  return {404, 10066, "There is no Durable Object namespace \"" + key + "\" on this server."};
}

Refusal StoreFailed(const limpet::Error& error) { return {500, 10001, "The store failed: " + error.message()}; }

uint64_t BigEndian(BytesView bytes) {
  uint64_t value = 0;
  for (char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

// What an SQLite database with this first page takes; pages of 65,536 bytes have the size 1.
uint64_t DatabaseBytes(BytesView first_page) {
  if (first_page.size() < kHeaderBytes) return 0;
  uint64_t page = BigEndian(first_page.substr(kPageSizeAt, 2));
  return (page == 1 ? 65'536 : page) * BigEndian(first_page.substr(kPageCountAt, 4));
}

// The greatest ID below `id`, or nothing if there is none: a list from after it begins with `id`.
std::optional<ObjectId> Before(ObjectId id) {
  for (auto byte = id.base.rbegin(); byte != id.base.rend(); ++byte) {
    if ((*byte)-- != 0) return id;
  }
  return std::nullopt;
}

// Where the keys that begin with `prefix` end; nothing: with the last of all.
std::optional<Bytes> EndOfPrefix(Bytes prefix) {
  while (!prefix.empty() && prefix.back() == '\xFF') prefix.pop_back();
  if (prefix.empty()) return std::nullopt;
  ++prefix.back();
  return prefix;
}

Json Listed(const std::string& id, const std::optional<Bytes>& name) {
  Json json = Json().Set("id", id).Set("hasStoredData", true);
  return name ? json.Set("name", ToValidUtf8(*name)) : json;
}

}  // namespace

// The name that the object was reached by when it first wrote; nothing if that was by its ID.
loop::Task<Result<std::optional<Bytes>>> Plane::NameOf(ObjectId id) {
  std::unique_ptr<store::Session> session = deps_.engine.Attach(deps_.loop);
  loop::Completion<Result<std::optional<Bytes>>> get(
      [&](auto done) { session->Get(id, store::Space::kMeta, Bytes(store::kNameKey), std::move(done)); });
  co_return co_await get;
}

// By the index of names, from after the name `cursor`. Names lead to objects that have been deleted since: a page may
// have fewer than `limit`, and is the last if it has no cursor.
Plane::Answer Plane::ObjectsByName(ObjectClass entry, std::string prefix, std::string cursor, size_t limit) {
  object::IdCodec codec(entry.ns, entry.ns_key);
  std::unique_ptr<store::Session> session = deps_.engine.Attach(deps_.loop);
  store::ScanOptions options;
  options.space = store::Space::kMeta;
  options.start = cursor.empty() ? prefix : std::max(prefix, cursor + std::string(1, '\0') + std::string(17, '\xFF'));
  options.end = EndOfPrefix(prefix);
  options.limit = limit;
  loop::Completion<Result<store::ScanPage>> scan(
      [&](auto done) { session->Scan(store::NameIndex(entry.ns), options, std::move(done)); });
  Result<store::ScanPage> page = co_await scan;
  if (!page.has_value()) co_return Failure(StoreFailed(page.error()));
  Json list = Json::MakeArray();
  std::string last;
  for (const auto& [key, value] : page->pairs) {
    auto named = store::OfNameIndexKey(entry.ns, key);
    if (!named) co_return Failure(StoreFailed(limpet::Error(ErrorCode::kCorrupt, "the index of names")));
    last = named->first;
    Result<bool> stored = HasStoredData(named->second);
    if (!stored.has_value()) co_return Failure(StoreFailed(stored.error()));
    if (*stored) list.Append(Listed(codec.ToString(named->second), named->first));
  }
  bool more = page->pairs.size() == limit || !page->complete;
  Json info = Json().Set("count", static_cast<int64_t>(list.items().size())).Set("cursor", more ? last : "");
  co_return Success(std::move(list), std::move(info));
}

// GET …/namespaces/NAMESPACE/objects?limit=N&cursor=C: those with stored data, in order of ID. With name=NAME the one
// that has it, with name_prefix=P those whose name begins so, in order of names.
Plane::Answer Plane::Objects(Call call) {
  const std::string key = call.target.segments[kNamespaceAt + 1];
  const ObjectClass* entry = nullptr;
  for (const auto& [name, script] : catalog_->scripts()) {
    for (const ObjectClass& one : script->classes) entry = one.ns_key == key ? &one : entry;
  }
  if (entry == nullptr) co_return Failure(NoNamespace(key));
  size_t limit = kObjectsPerPage;
  if (std::string_view text = call.target.Query("limit"); !text.empty()) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (error != std::errc() || end != text.data() + text.size() || limit == 0 || limit > kObjectsPerPageMax) {
      co_return Failure({400, 10021, "limit is a number from 1 to " + std::to_string(kObjectsPerPageMax) + "."});
    }
  }
  object::IdCodec codec(entry->ns, entry->ns_key);
  if (std::string_view name = call.target.Query("name"); !name.empty()) {
    ObjectId id = codec.FromName(name);
    Result<bool> stored = HasStoredData(id);
    if (!stored.has_value()) co_return Failure(StoreFailed(stored.error()));
    Json found = Json::MakeArray();
    if (*stored) found.Append(Listed(codec.ToString(id), Bytes(name)));
    co_return Success(std::move(found));
  }
  if (std::string_view prefix = call.target.Query("name_prefix"); !prefix.empty()) {
    co_return co_await ObjectsByName(*entry, std::string(prefix), std::string(call.target.Query("cursor")), limit);
  }
  std::optional<ObjectId> after;
  if (std::string_view text = call.target.Query("cursor"); !text.empty()) {
    Result<ObjectId> id = codec.FromString(text);
    if (!id.has_value()) co_return Failure({400, 10021, "The cursor is none of this namespace's."});
    after = *id;
  }
  Result<std::vector<ObjectId>> ids = deps_.engine.ListObjects(entry->ns, after, limit);
  if (!ids.has_value()) co_return Failure(StoreFailed(ids.error()));
  Json list = Json::MakeArray();
  for (const ObjectId& id : *ids) {
    Result<std::optional<Bytes>> name = co_await NameOf(id);
    if (!name.has_value()) co_return Failure(StoreFailed(name.error()));
    list.Append(Listed(codec.ToString(id), *name));
  }
  // A full page may be the last one: the next is empty then.
  Json info = Json().Set("count", static_cast<int64_t>(ids->size()));
  info.Set("cursor", ids->size() == limit ? codec.ToString(ids->back()) : "");
  co_return Success(std::move(list), std::move(info));
}

// The ID says itself which namespace it is of.
Decision<Plane::Found> Plane::FindObject(const Call& call) const {
  std::optional<std::string> key;
  if (call.target.segments[kNamespaceAt] == "namespaces") key = call.target.segments[kNamespaceAt + 1];
  const std::string& text = call.target.segments[kNamespaceAt + (key ? 3 : 1)];
  bool key_known = false;
  std::string why = "The Durable Object ID is of no class on this server.";
  for (const auto& [name, script] : catalog_->scripts()) {
    for (const ObjectClass& entry : script->classes) {
      if (key && entry.ns_key != *key) continue;
      key_known = true;
      Result<ObjectId> id = object::IdCodec(entry.ns, entry.ns_key).FromString(text);
      if (id.has_value()) return Found{name, entry, *id};
      if (key || text.size() != 64) why = id.error().message();
    }
  }
  if (key && !key_known) return NoNamespace(*key);
  return Refusal{400, 10021, why};
}

Result<bool> Plane::HasStoredData(const ObjectId& id) {
  LIMPET_TRY(std::vector<ObjectId> ids, deps_.engine.ListObjects(id.ns, Before(id), 1));
  return !ids.empty() && ids[0] == id;
}

Plane::Answer Plane::Object(Call call) {
  Decision<Found> found = FindObject(call);
  if (!found.ok()) co_return Failure(found.refusal());
  Result<bool> stored = HasStoredData(found->id);
  if (!stored.has_value()) co_return Failure(StoreFailed(stored.error()));
  std::unique_ptr<store::Session> session = deps_.engine.Attach(deps_.loop);
  store::ScanOptions options;
  options.limit = kKeysShown + 1;
  loop::Completion<Result<store::ScanPage>> scan(
      [&](auto done) { session->Scan(found->id, options, std::move(done)); });
  Result<store::ScanPage> page = co_await scan;
  if (!page.has_value()) co_return Failure(StoreFailed(page.error()));
  Bytes first;
  AppendBigEndian64(first, 1);
  loop::Completion<Result<std::optional<Bytes>>> get(
      [&](auto done) { session->Get(found->id, store::Space::kPage, first, std::move(done)); });
  Result<std::optional<Bytes>> header = co_await get;
  if (!header.has_value()) co_return Failure(StoreFailed(header.error()));

  Result<std::optional<Bytes>> name = co_await NameOf(found->id);
  if (!name.has_value()) co_return Failure(StoreFailed(name.error()));
  loop::Completion<Result<std::optional<Bytes>>> get_alarm(
      [&](auto done) { session->Get(found->id, store::Space::kAlarm, {}, std::move(done)); });
  Result<std::optional<Bytes>> alarm = co_await get_alarm;
  if (!alarm.has_value()) co_return Failure(StoreFailed(alarm.error()));
  Result<store::Totals> totals = session->TotalsNow(found->id);
  if (!totals.has_value()) co_return Failure(StoreFailed(totals.error()));
  Json keys = Json::MakeArray();
  uint64_t pairs_bytes = 0;
  size_t shown = std::min(page->pairs.size(), kKeysShown);
  for (size_t i = 0; i < shown; ++i) {
    const auto& [key, value] = page->pairs[i];
    keys.Append(Json().Set("key", key).Set("bytes", static_cast<int64_t>(value.size())));
    pairs_bytes += key.size() + value.size();
  }
  Json result = Json().Set("id", object::IdCodec(found->entry.ns, found->entry.ns_key).ToString(found->id));
  result.Set("hasStoredData", *stored).Set("script", found->script).Set("class", found->entry.class_name);
  result.Set("namespace_id", found->entry.ns_key).Set("use_sqlite", found->entry.sqlite).Set("keys", std::move(keys));
  result.Set("keys_complete", page->complete && shown == page->pairs.size()).Set("pairs_bytes", pairs_bytes);
  if (*name) result.Set("name", ToValidUtf8(**name));
  if (*alarm) {
    Result<object::AlarmRecord> record = object::DecodeAlarm(**alarm);
    if (!record.has_value()) co_return Failure(StoreFailed(record.error()));
    WallTime due{std::chrono::milliseconds(record->attempt_ms)};
    result.Set("alarm", IsoTime(due)).Set("alarm_retries", static_cast<int64_t>(record->retries));
  }
  result.Set("commit_number", totals->commits).Set("stored_bytes", totals->object.sum());
  result.Set("class_stored_bytes", totals->in_namespace).Set("script_stored_bytes", totals->in_group);
  result.Set("server_stored_bytes", totals->in_all);
  result.Set("database_bytes", static_cast<int64_t>(*header ? DatabaseBytes(**header) : 0));
  co_return Success(std::move(result));
}

Plane::Answer Plane::DeleteObject(Call call) {
  Decision<Found> found = FindObject(call);
  if (!found.ok()) co_return Failure(found.refusal());
  Result<bool> stored = HasStoredData(found->id);
  if (!stored.has_value()) co_return Failure(StoreFailed(stored.error()));
  if (!*stored) {
    // What it stored once may still be in its history.
    std::unique_ptr<store::Session> session = deps_.engine.Attach(deps_.loop);
    store::ScanOptions one;
    one.space = store::Space::kHistory;
    one.limit = 1;
    loop::Completion<Result<store::ScanPage>> scan([&](auto done) { session->Scan(found->id, one, std::move(done)); });
    Result<store::ScanPage> page = co_await scan;
    if (!page.has_value()) co_return Failure(StoreFailed(page.error()));
    if (page->pairs.empty()) co_return Failure({404, 10067, "The object stores nothing: there is nothing to delete."});
  }
  loop::Completion<Result<Done>> drop([&](auto done) { deps_.runtime.DeleteObject(found->id, std::move(done)); });
  Result<Done> gone = co_await drop;
  if (!gone.has_value()) co_return Failure(StoreFailed(gone.error()));
  co_return Success(Json().Set("id", call.target.segments.back()));
}

}  // namespace limpet::control

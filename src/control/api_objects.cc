// The objects of a class, from outside. Only what is durable is seen.
#include <algorithm>
#include <charconv>

#include "control/plane.h"
#include "object/ids.h"

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

}  // namespace

// GET …/namespaces/NAMESPACE/objects?limit=N&cursor=C: those with stored data, in order of ID.
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
  std::optional<ObjectId> after;
  if (std::string_view text = call.target.Query("cursor"); !text.empty()) {
    Result<ObjectId> id = codec.FromString(text);
    if (!id.has_value()) co_return Failure({400, 10021, "The cursor is none of this namespace's."});
    after = *id;
  }
  Result<std::vector<ObjectId>> ids = deps_.engine.ListObjects(entry->ns, after, limit);
  if (!ids.has_value()) co_return Failure(StoreFailed(ids.error()));
  Json list = Json::MakeArray();
  for (const ObjectId& id : *ids) list.Append(Json().Set("id", codec.ToString(id)).Set("hasStoredData", true));
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

  Json keys = Json::MakeArray();
  size_t shown = std::min(page->pairs.size(), kKeysShown);
  for (size_t i = 0; i < shown; ++i) {
    const auto& [key, value] = page->pairs[i];
    keys.Append(Json().Set("key", key).Set("bytes", static_cast<int64_t>(value.size())));
  }
  Json result = Json().Set("id", object::IdCodec(found->entry.ns, found->entry.ns_key).ToString(found->id));
  result.Set("hasStoredData", *stored).Set("script", found->script).Set("class", found->entry.class_name);
  result.Set("namespace_id", found->entry.ns_key).Set("use_sqlite", found->entry.sqlite).Set("keys", std::move(keys));
  result.Set("keys_complete", page->complete && shown == page->pairs.size());
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

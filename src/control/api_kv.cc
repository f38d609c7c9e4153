// Workers KV over the API: namespaces, and the values in them.
#include <algorithm>
#include <charconv>

#include "base/multipart.h"
#include "control/plane.h"
#include "kv/rules.h"

namespace limpet::control {
namespace {

constexpr size_t kIdAt = 7, kKeyAt = 9;  // client v4 accounts ACCOUNT storage kv namespaces ID values KEY
constexpr size_t kKvIdDigits = 32;
constexpr size_t kPageMax = 1000, kPageDefault = 20;
constexpr size_t kBulkMax = 10'000, kBulkGetMax = 100;
constexpr std::chrono::seconds kSweepEvery{60};

// What a refusal is about: its code, as Cloudflare's API numbers them.
enum class About : uint16_t {
  kPage = 10007,
  kPerPage = 10008,
  kNamespaceId = 10011,
  kValue = 10012,
  kTooLarge = 10024,
  kLimit = 10028,
  kRequest = 10029,
  kKeyLength = 10030,
  kExpiration = 10033,
  kTtl = 10034,
  kCursor = 10041,
  kKeyName = 10042,
  kOrder = 10043,
  kDirection = 10044,
  kMetadata = 10047,
};

Refusal Bad(About about, std::string text) { return {400, static_cast<int>(about), std::move(text)}; }

// What the rules say of what a call, "put" or "list keys", asks for.
Refusal Refused(About about, const char* call, const kv::Refusal& refusal) {
  return {refusal.status, static_cast<int>(about), std::string(call) + ": '" + refusal.text + "'"};
}

std::optional<Refusal> CheckKey(const char* call, const std::string& key) {
  if (!IsUtf8(key)) return Bad(About::kKeyName, std::string(call) + ": 'a key is not UTF-8'");
  std::optional<kv::Refusal> refusal = kv::CheckKey(key);
  if (!refusal) return std::nullopt;
  return Refused(refusal->status == 414 ? About::kKeyLength : About::kKeyName, call, *refusal);
}

Refusal NoNamespace() { return {404, 10013, "namespace not found"}; }

Refusal KvFailed(const limpet::Error& error) {
  if (error.code() == ErrorCode::kNotFound) return NoNamespace();
  if (error.code() == ErrorCode::kOverloaded) return {429, 10022, error.message()};
  return Failed(error);
}

std::optional<size_t> ReadNumber(std::string_view text, size_t fallback) {
  if (text.empty()) return fallback;
  size_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Forgiving: white space and padding are skipped.
std::optional<Bytes> FromBase64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  Bytes bytes;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    if (c == '=' || c == '\r' || c == '\n' || c == ' ') continue;
    size_t digit = kDigits.find(c == '-' ? '+' : c == '_' ? '/' : c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<char>(bits >> count & 0xFF));
  }
  return bytes;
}

// A number of a request's body as text, for kv::ReadExpiration.
std::optional<std::string> NumberText(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return json.is_string() ? json.AsString() : ToText(json);
}

// What is to be stored, if the rules allow it.
Decision<kv::Writer::Change> MakeChange(std::string key, kv::Value value, const std::optional<std::string>& ttl,
                                        const std::optional<std::string>& at, uint64_t now) {
  constexpr char kPut[] = "put";
  if (auto refusal = CheckKey(kPut, key)) return *refusal;
  if (auto refusal = kv::ReadExpiration(ttl, at, now, &value.entry.expiration)) {
    return Refused(ttl ? About::kTtl : About::kExpiration, kPut, *refusal);
  }
  if (value.entry.metadata) {
    if (!ParseJson(*value.entry.metadata).has_value()) return Bad(About::kMetadata, "metadata must be valid json");
    if (auto refusal = kv::CheckMetadata(value.entry.metadata->size())) {
      return Refused(About::kMetadata, kPut, *refusal);
    }
  }
  if (auto refusal = kv::CheckValue(value.bytes.size())) return Refused(About::kTooLarge, kPut, *refusal);
  return kv::Writer::Change(std::move(key), std::move(value));
}

Decision<kv::Writer::Change> ReadPair(const Json& json, uint64_t now) {
  if (!json["key"].is_string() || !json["value"].is_string()) {
    return Bad(About::kRequest, "Each entry needs a \"key\" and a \"value\", both texts.");
  }
  kv::Value value;
  value.bytes = json["value"].AsString();
  if (json["base64"].AsBool()) {
    std::optional<Bytes> bytes = FromBase64(value.bytes);
    if (!bytes) return Bad(About::kValue, "key '" + json["key"].AsString() + "': the value is not base64.");
    value.bytes = *std::move(bytes);
  }
  if (const Json& metadata = json["metadata"]; !metadata.is_null()) value.entry.metadata = ToText(metadata);
  std::string key = json["key"].AsString();
  Decision<kv::Writer::Change> change =
      MakeChange(key, std::move(value), NumberText(json["expiration_ttl"]), NumberText(json["expiration"]), now);
  if (change.ok()) return change;
  Refusal refusal = change.refusal();  // One of many: which one?
  refusal.message = "key '" + ToValidUtf8(key) + "': " + refusal.message;
  return refusal;
}

// The keys of ["a", "b"].
Decision<std::vector<std::string>> ReadKeys(const Json& list, size_t most) {
  if (!list.is_array() || list.items().size() > most) {
    return Bad(About::kRequest, "The keys must be a list of at most " + std::to_string(most) + " texts.");
  }
  std::vector<std::string> keys;
  for (const Json& key : list.items()) {
    if (!key.is_string()) return Bad(About::kRequest, "The keys must be texts.");
    if (auto refusal = CheckKey("bulk", key.AsString())) return *refusal;
    keys.push_back(key.AsString());
  }
  return keys;
}

Json MetadataOf(const kv::Entry& entry) {
  if (!entry.metadata) return {};
  Result<Json> metadata = ParseJson(*entry.metadata);
  return metadata.has_value() ? std::move(metadata).value() : Json();
}

Json BulkAnswer(size_t keys) {
  return Json().Set("successful_key_count", uint64_t{keys}).Set("unsuccessful_keys", Json::MakeArray());
}

Refusal NoKey() { return {404, 10009, "get: 'key not found'"}; }

}  // namespace

Decision<std::shared_ptr<kv::Namespace>> Plane::FindKv(const Call& call) const {
  const std::string& id = call.target.segments[kIdAt];
  const KvNamespace* record = FindKvNamespace(catalog_->kv_namespaces(), id);
  std::shared_ptr<kv::Namespace> found = record != nullptr ? deps_.kv.Find(record->ns) : nullptr;
  if (found != nullptr) return found;
  if (record == nullptr && (id.size() != kKvIdDigits || !FromHex(id))) {
    return Bad(About::kNamespaceId,
               "could not parse UUID from request's namespace_id: 'invalid namespace format: " + ToValidUtf8(id) + "'");
  }
  return NoNamespace();
}

loop::Task<Result<std::optional<kv::Value>>> Plane::FindValue(std::shared_ptr<kv::Namespace> ns, Bytes key) {
  loop::Completion<Result<std::optional<kv::Value>>> find(
      [&](auto done) { kv_->Find(*ns, std::move(key), std::move(done)); });
  co_return co_await find;
}

loop::Task<Result<Done>> Plane::WriteValues(std::shared_ptr<kv::Namespace> ns,
                                            std::vector<kv::Writer::Change> changes) {
  loop::Completion<Result<Done>> write(
      [&](auto done) { kv_->Write(std::move(ns), std::move(changes), std::move(done)); });
  co_return co_await write;
}

Plane::Answer Plane::KvNamespacesList(Call call) {
  std::optional<size_t> page = ReadNumber(call.target.Query("page"), 1);
  std::optional<size_t> per_page = ReadNumber(call.target.Query("per_page"), kPageDefault);
  if (!page || *page == 0) co_return Failure(Bad(About::kPage, "\"page\" is a number from 1."));
  if (!per_page || *per_page == 0 || *per_page > kPageMax) {
    co_return Failure(Bad(About::kPerPage, "\"per_page\" is a number from 1 to 1000."));
  }
  std::string_view order = call.target.Query("order"), direction = call.target.Query("direction");
  if (!order.empty() && order != "id" && order != "title") {
    co_return Failure(Bad(About::kOrder, "\"order\" is \"id\" or \"title\"."));
  }
  if (!direction.empty() && direction != "asc" && direction != "desc") {
    co_return Failure(Bad(About::kDirection, "\"direction\" is \"asc\" or \"desc\"."));
  }
  std::vector<const KvNamespace*> sorted;  // By ID, unless another order is asked for.
  for (const auto& [id, record] : catalog_->kv_namespaces()) sorted.push_back(&record);
  if (order == "title") std::ranges::sort(sorted, std::less<>(), &KvNamespace::title);
  if (direction == "desc") std::ranges::reverse(sorted);
  Json list = Json::MakeArray();
  size_t first = std::min(sorted.size(), *page > sorted.size() ? sorted.size() : (*page - 1) * *per_page);
  size_t last = std::min(sorted.size(), first + *per_page);
  for (size_t i = first; i < last; ++i) list.Append(ShowKvNamespace(*sorted[i]));
  Json info = Json().Set("page", uint64_t{*page}).Set("per_page", uint64_t{*per_page});
  info.Set("count", uint64_t{last - first}).Set("total_count", uint64_t{sorted.size()});
  info.Set("total_pages", uint64_t{(sorted.size() + *per_page - 1) / *per_page});
  co_return Success(std::move(list), std::move(info));
}

Plane::Answer Plane::CreateKv(Call call) {
  Decision<Json> body = ParseBody(call);
  if (!body.ok()) co_return Failure(body.refusal());
  const Json& id = (*body)["id"];  // Ours: a project from elsewhere keeps the ID that its configuration names.
  if (!id.is_null() && (!id.is_string() || id.AsString().empty()))
    co_return Failure(Bad(About::kNamespaceId, "\"id\" is a text."));
  Decision<KvNamespace> made = co_await deployer_->CreateKvNamespace((*body)["title"].AsString(), id.AsString());
  if (!made.ok()) co_return Failure(made.refusal());
  co_return Success(ShowKvNamespace(*made));
}

Plane::Answer Plane::ShowKv(Call call) {
  const KvNamespace* record = FindKvNamespace(catalog_->kv_namespaces(), call.target.segments[kIdAt]);
  if (record == nullptr) co_return Failure(NoNamespace());
  co_return Success(ShowKvNamespace(*record));
}

Plane::Answer Plane::RenameKv(Call call) {
  Decision<Json> body = ParseBody(call);
  if (!body.ok()) co_return Failure(body.refusal());
  Decision<KvNamespace> renamed =
      co_await deployer_->RenameKvNamespace(call.target.segments[kIdAt], (*body)["title"].AsString());
  if (!renamed.ok()) co_return Failure(renamed.refusal());
  co_return Success(ShowKvNamespace(*renamed));
}

Plane::Answer Plane::DeleteKv(Call call) {
  Decision<Done> deleted = co_await deployer_->DeleteKvNamespace(call.target.segments[kIdAt]);
  if (!deleted.ok()) co_return Failure(deleted.refusal());
  co_return Success(Json());
}

// GET …/keys?prefix=P&limit=N&cursor=C. A cursor is the last key in hex.
Plane::Answer Plane::KvKeys(Call call) {
  Decision<std::shared_ptr<kv::Namespace>> ns = FindKv(call);
  if (!ns.ok()) co_return Failure(ns.refusal());
  std::optional<size_t> limit = ReadNumber(call.target.Query("limit"), kv::kListMax);
  if (!limit || *limit == 0 || *limit > kv::kListMax) {
    co_return Failure(
        Bad(About::kLimit, "list keys: 'limit is a number from 1 to " + std::to_string(kv::kListMax) + "'"));
  }
  kv::ListOptions options{.prefix = Bytes(call.target.Query("prefix")), .limit = *limit};
  if (auto refusal = kv::CheckPrefix(options.prefix)) {
    co_return Failure(Refused(About::kKeyLength, "list keys", *refusal));
  }
  if (std::string_view cursor = call.target.Query("cursor"); !cursor.empty()) {
    options.after = FromHex(cursor);
    if (!options.after) co_return Failure(Bad(About::kCursor, "list keys: 'invalid cursor'"));
  }
  loop::Completion<Result<kv::ListPage>> list([&](auto done) { kv_->List(**ns, std::move(options), std::move(done)); });
  Result<kv::ListPage> page = co_await list;
  if (!page.has_value()) co_return Failure(KvFailed(page.error()));
  Json keys = Json::MakeArray();
  for (const auto& [key, entry] : page->keys) {
    Json shown = Json().Set("name", ToValidUtf8(key));
    if (entry.expiration != 0) shown.Set("expiration", entry.expiration);
    if (entry.metadata) shown.Set("metadata", MetadataOf(entry));
    keys.Append(std::move(shown));
  }
  Json info = Json().Set("count", uint64_t{page->keys.size()});
  info.Set("cursor", page->complete ? "" : ToHex(page->keys.back().first));
  co_return Success(std::move(keys), std::move(info));
}

Plane::Answer Plane::GetKvValue(Call call) {
  Decision<std::shared_ptr<kv::Namespace>> ns = FindKv(call);
  if (!ns.ok()) co_return Failure(ns.refusal());
  Result<std::optional<kv::Value>> found = co_await FindValue(*ns, call.target.segments[kKeyAt]);
  if (!found.has_value()) co_return Failure(KvFailed(found.error()));
  if (!found.value()) co_return Failure(NoKey());
  kv::Value& value = **found;
  HttpResponse response;
  response.headers.Append("Content-Type", "application/octet-stream");
  if (value.entry.expiration != 0) response.headers.Append("expiration", std::to_string(value.entry.expiration));
  response.body = Body::Of(std::move(value.bytes));
  co_return response;
}

Plane::Answer Plane::GetKvMetadata(Call call) {
  Decision<std::shared_ptr<kv::Namespace>> ns = FindKv(call);
  if (!ns.ok()) co_return Failure(ns.refusal());
  Result<std::optional<kv::Value>> found = co_await FindValue(*ns, call.target.segments[kKeyAt]);
  if (!found.has_value()) co_return Failure(KvFailed(found.error()));
  if (!found.value()) co_return Failure(NoKey());
  co_return Success(MetadataOf((**found).entry));
}

Plane::Answer Plane::PutKvValue(Call call) {
  Decision<std::shared_ptr<kv::Namespace>> ns = FindKv(call);
  if (!ns.ok()) co_return Failure(ns.refusal());
  kv::Value value;
  std::string type(call.headers.Get("Content-Type").value_or(""));
  if (MediaType(type) == "multipart/form-data") {
    Result<std::vector<FormPart>> parts = ParseForm(type, call.body);
    if (!parts.has_value()) co_return Failure(Bad(About::kRequest, parts.error().message()));
    bool found = false;
    for (const FormPart& part : *parts) {
      if (part.name == "metadata") value.entry.metadata = Bytes(part.content);
      if (part.name != "value") continue;
      value.bytes = Bytes(part.content);
      found = true;
    }
    if (!found) co_return Failure(Bad(About::kValue, "The form has no part \"value\"."));
  } else {
    value.bytes = std::move(call.body);
  }
  auto number = [&](std::string_view name) -> std::optional<std::string> {
    std::string_view text = call.target.Query(name);
    return text.empty() ? std::nullopt : std::optional(std::string(text));
  };
  Decision<kv::Writer::Change> change = MakeChange(call.target.segments[kKeyAt], std::move(value),
                                                   number("expiration_ttl"), number("expiration"), kv_->NowSeconds());
  if (!change.ok()) co_return Failure(change.refusal());
  std::vector<kv::Writer::Change> changes;
  changes.push_back(*std::move(change));
  Result<Done> written = co_await WriteValues(*ns, std::move(changes));
  if (!written.has_value()) co_return Failure(KvFailed(written.error()));
  co_return Success(Json());
}

Plane::Answer Plane::DeleteKvValue(Call call) {
  Decision<std::shared_ptr<kv::Namespace>> ns = FindKv(call);
  if (!ns.ok()) co_return Failure(ns.refusal());
  const std::string& key = call.target.segments[kKeyAt];
  if (auto refusal = CheckKey("delete", key)) co_return Failure(*refusal);
  std::vector<kv::Writer::Change> changes;
  changes.emplace_back(key, std::nullopt);
  Result<Done> written = co_await WriteValues(*ns, std::move(changes));
  if (!written.has_value()) co_return Failure(KvFailed(written.error()));
  co_return Success(Json());
}

Plane::Answer Plane::WriteBulk(std::shared_ptr<kv::Namespace> ns, std::vector<kv::Writer::Change> changes) {
  size_t count = changes.size();
  Result<Done> written = Done{};
  if (count > 0) written = co_await WriteValues(std::move(ns), std::move(changes));
  if (!written.has_value()) co_return Failure(KvFailed(written.error()));
  co_return Success(BulkAnswer(count));
}

Plane::Answer Plane::PutKvBulk(Call call) {
  Decision<std::shared_ptr<kv::Namespace>> ns = FindKv(call);
  if (!ns.ok()) co_return Failure(ns.refusal());
  Decision<Json> body = ParseBody(call);
  if (!body.ok()) co_return Failure(body.refusal());
  call.body.clear();
  if (!body->is_array() || body->items().size() > kBulkMax) {
    co_return Failure(
        Bad(About::kRequest, "The body must be a list of at most " + std::to_string(kBulkMax) + " entries."));
  }
  std::vector<kv::Writer::Change> changes;
  uint64_t now = kv_->NowSeconds();
  for (const Json& json : body->items()) {
    Decision<kv::Writer::Change> change = ReadPair(json, now);
    if (!change.ok()) co_return Failure(change.refusal());
    changes.push_back(*std::move(change));
  }
  co_return co_await WriteBulk(*ns, std::move(changes));
}

Plane::Answer Plane::DeleteKvBulk(Call call) {
  Decision<std::shared_ptr<kv::Namespace>> ns = FindKv(call);
  if (!ns.ok()) co_return Failure(ns.refusal());
  Decision<Json> body = ParseBody(call);
  if (!body.ok()) co_return Failure(body.refusal());
  Decision<std::vector<std::string>> keys = ReadKeys(*body, kBulkMax);
  if (!keys.ok()) co_return Failure(keys.refusal());
  std::vector<kv::Writer::Change> changes;
  for (std::string& key : *keys) changes.emplace_back(std::move(key), std::nullopt);
  co_return co_await WriteBulk(*ns, std::move(changes));
}

// {"keys": […], "type": "text" | "json", "withMetadata": true}
Plane::Answer Plane::GetKvBulk(Call call) {
  Decision<std::shared_ptr<kv::Namespace>> ns = FindKv(call);
  if (!ns.ok()) co_return Failure(ns.refusal());
  Decision<Json> body = ParseBody(call);
  if (!body.ok()) co_return Failure(body.refusal());
  Decision<std::vector<std::string>> keys = ReadKeys((*body)["keys"], kBulkGetMax);
  if (!keys.ok()) co_return Failure(keys.refusal());
  bool json = (*body)["type"].AsString() == "json", metadata = (*body)["withMetadata"].AsBool();
  Json values = Json::MakeObject();
  size_t bytes = 0;
  for (const std::string& key : *keys) {
    Result<std::optional<kv::Value>> found = co_await FindValue(*ns, key);
    if (!found.has_value()) co_return Failure(KvFailed(found.error()));
    if (!found.value()) {
      values.Set(key, Json());
      continue;
    }
    kv::Value& value = **found;
    bytes += value.bytes.size();
    if (bytes > kv::kValueBytesMax) {
      co_return Failure({413, 10024, "The values are larger than " + std::to_string(kv::kValueBytesMax) + " bytes."});
    }
    Json shown;
    if (json) {
      Result<Json> parsed = ParseJson(value.bytes);
      if (!parsed.has_value())
        co_return Failure(Bad(About::kRequest, "bulk get keys: 'key " + key + ": the value is not JSON'"));
      shown = std::move(parsed).value();
    } else if (!IsUtf8(value.bytes)) {
      co_return Failure(
          Bad(About::kRequest, "bulk get keys: 'At least one of the requested keys corresponds to a non-text value'"));
    } else {
      shown = Json(std::move(value.bytes));
    }
    if (metadata) shown = Json().Set("value", std::move(shown)).Set("metadata", MetadataOf(value.entry));
    values.Set(key, std::move(shown));
  }
  co_return Success(Json().Set("values", std::move(values)));
}

// Every now and then what is over leaves the disk.
void Plane::SweepKv() {
  deps_.loop.After(kSweepEvery, [this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) scope_.Spawn(SweepKvNow());
  });
}

loop::Task<Done> Plane::SweepKvNow() {
  for (const std::shared_ptr<kv::Namespace>& ns : deps_.kv.All()) {
    Result<Done> swept = co_await kv_->Sweep(ns);
    if (!swept.has_value()) {
      deps_.logger.Write(LogLevel::kError, "control", "sweep a KV namespace: " + swept.error().ToString());
    }
  }
  SweepKv();
  co_return Done{};
}

}  // namespace limpet::control

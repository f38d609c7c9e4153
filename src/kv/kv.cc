#include "kv/kv.h"

#include <algorithm>
#include <cstring>

namespace limpet::kv {
namespace {

// First bytes of the keys of records.
constexpr char kHead = 'h';   // 'h' KEY: the entry.
constexpr char kValue = 'v';  // 'v' KEY: the entry and the bytes, so that one read sees one state.
constexpr char kTime = 't';   // 't' EXPIRATION KEY: empty. May outlive what it speaks of.
constexpr size_t kNumberBytes = 8;

// Not kKv: the engine would keep for weeks what a put replaced and a sweep removed, and read it at each commit.
constexpr store::Space kSpace = store::Space::kMeta;

ObjectId ObjectOf(NamespaceId ns) {
  ObjectId id{.ns = ns};
  constexpr std::string_view kName = "kv";
  std::memcpy(id.base.data(), kName.data(), kName.size());
  return id;
}

Bytes RecordKey(char kind, BytesView key) { return Bytes(1, kind).append(key); }
Bytes TimeKey(uint64_t expiration, BytesView key) {
  Bytes record(1, kTime);
  AppendBigEndian64(record, expiration);
  return record.append(key);
}

store::Write PutWrite(Bytes key, Bytes value) {
  return {store::Write::Kind::kPut, kSpace, std::move(key), std::move(value)};
}
store::Write DeleteWrite(Bytes key) { return {store::Write::Kind::kDelete, kSpace, std::move(key), {}}; }

// The expiration, the metadata's length plus one (0: there is none), the metadata.
Bytes Encode(const Entry& entry) {
  Bytes record;
  AppendBigEndian64(record, entry.expiration);
  AppendBigEndian64(record, entry.metadata ? entry.metadata->size() + 1 : 0);
  if (entry.metadata) record += *entry.metadata;
  return record;
}

// An entry, and in `bytes` what comes after it.
Result<Value> Decode(Bytes record) {
  Error corrupt(ErrorCode::kCorrupt, "a record of a KV namespace");
  if (record.size() < 2 * kNumberBytes) return corrupt;
  Value value{.entry = {.expiration = ReadBigEndian64(record)}};
  uint64_t length = ReadBigEndian64(BytesView(record).substr(kNumberBytes));
  size_t used = 2 * kNumberBytes;
  if (length > 0) {
    if (length - 1 > record.size() - used) return corrupt;
    value.entry.metadata = record.substr(used, length - 1);
    used += length - 1;
  }
  value.bytes = std::move(record);
  value.bytes.erase(0, used);
  return value;
}

bool IsOver(const Entry& entry, uint64_t now) { return entry.expiration != 0 && entry.expiration <= now; }

Result<std::optional<Value>> Take(Result<std::optional<Bytes>> got, uint64_t now) {
  if (!got.has_value()) return std::move(got).error();
  if (!got.value()) return std::optional<Value>();
  Result<Value> value = Decode(*std::move(got).value());
  if (!value.has_value()) return std::move(value).error();
  if (IsOver(value.value().entry, now)) return std::optional<Value>();
  return std::optional<Value>(std::move(value).value());
}

}  // namespace

Result<std::optional<Value>> TryFind(store::Session& session, NamespaceId ns, BytesView key, uint64_t now) {
  return Take(session.TryGet(ObjectOf(ns), kSpace, RecordKey(kValue, key)), now);
}

loop::Task<Result<std::optional<Value>>> Find(store::Session& session, NamespaceId ns, Bytes key, uint64_t now) {
  loop::Completion<Result<std::optional<Bytes>>> get(
      [&](auto done) { session.Get(ObjectOf(ns), kSpace, RecordKey(kValue, key), std::move(done)); });
  co_return Take(co_await get, now);
}

loop::Task<Result<ListPage>> List(store::Session& session, NamespaceId ns, ListOptions options, uint64_t now) {
  ListPage list;
  Bytes start = RecordKey(kHead, options.prefix);
  if (options.after) start = std::max(start, RecordKey(kHead, *options.after) + '\0');
  Bytes end = RecordKey(kHead, options.prefix);
  while (static_cast<unsigned char>(end.back()) == 0xFF) end.pop_back();  // Ends at kHead at the latest.
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  if (start >= end) co_return list;
  for (;;) {
    store::ScanOptions scan_options{.space = kSpace, .start = start, .end = end, .limit = options.limit + 1};
    loop::Completion<Result<store::ScanPage>> scan(
        [&](auto done) { session.Scan(ObjectOf(ns), scan_options, std::move(done)); });
    LIMPET_CO_TRY(store::ScanPage page, co_await scan);
    for (auto& [key, record] : page.pairs) {
      LIMPET_CO_TRY(Value head, Decode(std::move(record)));
      if (IsOver(head.entry, now)) continue;
      if (list.keys.size() == options.limit) {
        list.complete = false;
        co_return list;
      }
      list.keys.emplace_back(key.substr(1), std::move(head.entry));
    }
    bool more = !page.complete || page.pairs.size() == scan_options.limit;
    if (!more || page.pairs.empty()) co_return list;
    start = page.pairs.back().first + '\0';
  }
}

loop::Task<Result<Done>> Writer::Write(std::shared_ptr<Namespace> ns, std::vector<Change> changes) {
  std::vector<store::Write> writes;
  std::vector<Bytes> names;
  names.reserve(changes.size());
  std::vector<BytesView> keys;
  for (auto& [key, value] : changes) {
    if (value) {
      Bytes head = Encode(value->entry);
      Bytes whole = head;
      whole.append(value->bytes);
      writes.push_back(PutWrite(RecordKey(kValue, key), std::move(whole)));
      writes.push_back(PutWrite(RecordKey(kHead, key), std::move(head)));
      if (value->entry.expiration != 0) writes.push_back(PutWrite(TimeKey(value->entry.expiration, key), {}));
    } else {
      writes.push_back(DeleteWrite(RecordKey(kValue, key)));
      writes.push_back(DeleteWrite(RecordKey(kHead, key)));
    }
    keys.push_back(names.emplace_back(std::move(key)));
  }
  changes.clear();
  if (!ns->BeginWrite(keys)) co_return Error(ErrorCode::kNotFound, "the KV namespace has been deleted");
  loop::Completion<Result<uint64_t>> commit([&](auto done) {
    session_.Commit(claim_, store::ObjectBatch{ObjectOf(ns->id()), std::move(writes)}, std::move(done));
  });
  Result<uint64_t> committed = co_await commit;
  ns->EndWrite(keys);
  if (!committed.has_value()) co_return std::move(committed).error().While("write a KV namespace");
  co_return Done{};
}

loop::Task<Result<size_t>> Writer::Sweep(std::shared_ptr<Namespace> ns, uint64_t now, size_t limit) {
  // A key that is written from here on, or was on the way, may have got a new value that the reads below do not see.
  if (!ns->BeginSweep()) co_return size_t{0};
  store::ScanOptions options{.space = kSpace, .start = Bytes(1, kTime), .end = TimeKey(now + 1, {}), .limit = limit};
  loop::Completion<Result<store::ScanPage>> scan(
      [&](auto done) { session_.Scan(ObjectOf(ns->id()), options, std::move(done)); });
  Result<store::ScanPage> page = co_await scan;
  std::vector<std::pair<Bytes, bool>> found;  // The mark, and whether its key's records are over too.
  std::optional<Error> failed;
  if (!page.has_value()) failed = page.error();
  for (size_t i = 0; !failed && i < page.value().pairs.size(); ++i) {
    const Bytes& mark = page.value().pairs[i].first;
    loop::Completion<Result<std::optional<Bytes>>> get([&](auto done) {
      session_.Get(ObjectOf(ns->id()), kSpace, RecordKey(kHead, BytesView(mark).substr(1 + kNumberBytes)),
                   std::move(done));
    });
    Result<std::optional<Bytes>> record = co_await get;
    if (!record.has_value()) {
      failed = std::move(record).error();
      break;
    }
    if (!record.value()) {
      found.emplace_back(mark, false);
      continue;
    }
    Result<Value> head = Decode(*std::move(record).value());
    if (!head.has_value()) {
      failed = std::move(head).error();
      break;
    }
    found.emplace_back(mark, IsOver(head.value().entry, now));
  }
  size_t removed = 0;
  // Started under the lock: a write that begins later comes later in the store, too.
  loop::Completion<Result<uint64_t>> commit([&](auto done) {
    ns->EndSweep([&](const auto& spared) {
      std::vector<store::Write> writes;
      for (const auto& [mark, over] : found) {
        BytesView key = BytesView(mark).substr(1 + kNumberBytes);
        if (failed || spared.contains(key)) continue;  // Its mark stays for the next sweep.
        writes.push_back(DeleteWrite(mark));
        ++removed;
        if (!over) continue;
        writes.push_back(DeleteWrite(RecordKey(kValue, key)));
        writes.push_back(DeleteWrite(RecordKey(kHead, key)));
      }
      if (writes.empty()) return done(uint64_t{0});
      session_.Commit(claim_, store::ObjectBatch{ObjectOf(ns->id()), std::move(writes)}, std::move(done));
    });
  });
  Result<uint64_t> committed = co_await commit;
  ns->EndWrite({});
  if (failed) co_return *std::move(failed);
  if (!committed.has_value()) co_return std::move(committed).error().While("sweep a KV namespace");
  co_return removed;
}

}  // namespace limpet::kv

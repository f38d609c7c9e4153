#include "assets/library.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/bytes.h"
#include "base/json.h"
#include "store/partitions.h"

namespace limpet::assets {
namespace {

constexpr std::string_view kFormat = "1";
constexpr std::string_view kHeadPrefix = "head/";
constexpr std::string_view kManifestPrefix = "manifest/";
constexpr std::string_view kChunkPrefix = "chunk/";
constexpr size_t kRecentMax = 4;

// One object of namespace 0, beside the catalog's.
ObjectId LibraryObject() {
  ObjectId id;
  constexpr std::string_view kName = "assets";
  std::memcpy(id.base.data(), kName.data(), kName.size());
  return id;
}

Bytes HeadKey(std::string_view hash) { return Bytes(kHeadPrefix).append(hash); }
Bytes ManifestKey(std::string_view id) { return Bytes(kManifestPrefix).append(id); }
Bytes ChunkKey(std::string_view hash, uint64_t index) {
  std::string number = std::to_string(index);
  Bytes key = Bytes(kChunkPrefix).append(hash).append("/");
  return key.append(4 - std::min<size_t>(4, number.size()), '0').append(number);
}

uint64_t ChunksOf(uint64_t size) { return (size + kChunkBytes - 1) / kChunkBytes; }

store::Write PutWrite(Bytes key, Bytes value) {
  return {store::Write::Kind::kPut, store::Space::kKv, std::move(key), std::move(value)};
}
store::Write DeleteWrite(Bytes key) { return {store::Write::Kind::kDelete, store::Space::kKv, std::move(key), {}}; }

class ContentStream final : public BodyStream {
 public:
  ContentStream(store::Session& session, std::string hash, ContentRange range)
      : session_(session), hash_(std::move(hash)), at_(range.from), end_(range.from + range.length) {}
  void Read(OnChunk on_chunk) override {
    if (at_ >= end_) return on_chunk(std::optional<Bytes>());
    uint64_t index = at_ / kChunkBytes;
    Bytes key = ChunkKey(hash_, index);
    Result<std::optional<Bytes>> at_hand = session_.TryGet(LibraryObject(), store::Space::kKv, key);
    if (at_hand.has_value() || at_hand.error().code() != ErrorCode::kWouldBlock) {
      return on_chunk(Take(index, std::move(at_hand)));
    }
    session_.Get(LibraryObject(), store::Space::kKv, std::move(key),
                 [weak = std::weak_ptr<ContentStream*>(self_), index,
                  on_chunk = std::move(on_chunk)](Result<std::optional<Bytes>> got) mutable {
                   if (auto self = weak.lock()) on_chunk((*self)->Take(index, std::move(got)));
                 });
  }

 private:
  Result<std::optional<Bytes>> Take(uint64_t index, Result<std::optional<Bytes>> got) {
    if (!got.has_value()) return std::move(got).error();
    uint64_t skip = at_ - index * kChunkBytes;
    if (!got.value() || got.value()->size() <= skip) {
      return Error(ErrorCode::kNotFound, "a static file's content is gone");
    }
    Bytes bytes = std::move(*got.value());
    bytes.resize(std::min<uint64_t>(bytes.size(), skip + (end_ - at_)));
    bytes.erase(0, skip);
    at_ += bytes.size();
    return std::optional<Bytes>(std::move(bytes));
  }

  store::Session& session_;
  std::string hash_;
  uint64_t at_, end_;
  std::shared_ptr<ContentStream*> self_ = std::make_shared<ContentStream*>(this);
};

}  // namespace

bool IsHash(std::string_view text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::unique_ptr<BodyStream> OpenContent(store::Session& session, const std::string& hash, ContentRange range) {
  return std::make_unique<ContentStream>(session, hash, range);
}

std::optional<Bytes> TryContent(store::Session& session, const std::string& hash) {
  Result<std::optional<Bytes>> got = session.TryGet(LibraryObject(), store::Space::kKv, ChunkKey(hash, 0));
  return got.has_value() ? std::move(got).value() : std::nullopt;
}

loop::Task<Result<std::unique_ptr<Library>>> Library::Open(store::Engine& engine, loop::Loop& loop) {
  LIMPET_CO_TRY(store::Claim claim, engine.Acquire(store::kAssetsPartition));
  std::unique_ptr<Library> library(new Library(loop, engine.Attach(loop), claim));
  Result<Done> loaded = co_await library->Load();
  if (!loaded.has_value()) co_return std::move(loaded).error().While("load the static files");
  co_return std::move(library);
}

loop::Task<Result<Done>> Library::Load() {
  loop::Completion<Result<std::optional<Bytes>>> get(
      [&](auto done) { session_->Get(LibraryObject(), store::Space::kKv, "format", std::move(done)); });
  LIMPET_CO_TRY(std::optional<Bytes> format, co_await get);
  if (format && *format != kFormat) {
    co_return Error(ErrorCode::kCorrupt, "format " + *format + ", this program reads format " + std::string(kFormat));
  }
  for (std::string_view prefix : {kHeadPrefix, kManifestPrefix}) {
    Bytes start(prefix);
    Bytes end = start;
    ++end.back();
    for (bool complete = false; !complete;) {
      store::ScanOptions options{.start = start, .end = end, .once = true};
      loop::Completion<Result<store::ScanPage>> scan(
          [&](auto done) { session_->Scan(LibraryObject(), options, std::move(done)); });
      LIMPET_CO_TRY(store::ScanPage page, co_await scan);
      for (const auto& [key, value] : page.pairs) {
        std::string name = key.substr(prefix.size());
        if (prefix == kManifestPrefix) {
          manifests_.insert(std::move(name));
          continue;
        }
        Result<Json> head = ParseJson(value);
        if (!head.has_value()) co_return Error(ErrorCode::kCorrupt, "record " + key);
        heads_[name] = {head.value()["size"].AsUint64(), head.value()["type"].AsString()};
      }
      complete = page.complete || page.pairs.empty();
      if (!page.pairs.empty()) start = page.pairs.back().first + '\0';
    }
  }
  co_return Done{};
}

loop::Task<Result<Done>> Library::Commit(std::vector<store::Write> writes) {
  writes.push_back(PutWrite("format", Bytes(kFormat)));
  loop::Completion<Result<uint64_t>> commit([&](auto done) {
    session_->Commit(claim_, store::ObjectBatch{LibraryObject(), std::move(writes)}, std::move(done));
  });
  Result<uint64_t> committed = co_await commit;
  if (!committed.has_value()) co_return std::move(committed).error().While("write static files");
  co_return Done{};
}

loop::Task<Result<std::string>> Library::PutManifest(Manifest manifest) {
  Json::Object members;
  for (const auto& [path, hash] : manifest) members.emplace_back(path, hash);
  Bytes text = ToText(Json::MakeObject(std::move(members)));
  std::array<unsigned char, 32> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string id = ToHex(BytesView(reinterpret_cast<const char*>(digest.data()), 16));
  touched_[id] = loop_.Now();
  if (recent_.size() >= kRecentMax) recent_.clear();
  recent_[id] = std::make_shared<const Manifest>(std::move(manifest));
  if (manifests_.contains(id)) co_return id;
  std::vector<store::Write> writes;
  writes.push_back(PutWrite(ManifestKey(id), std::move(text)));
  LIMPET_CO_TRY([[maybe_unused]] Done written, co_await Commit(std::move(writes)));
  manifests_.insert(id);
  co_return id;
}

loop::Task<Result<std::shared_ptr<const Manifest>>> Library::LoadManifest(std::string id) {
  if (auto found = recent_.find(id); found != recent_.end()) co_return found->second;
  loop::Completion<Result<std::optional<Bytes>>> get(
      [&](auto done) { session_->Get(LibraryObject(), store::Space::kKv, ManifestKey(id), std::move(done)); });
  LIMPET_CO_TRY(std::optional<Bytes> text, co_await get);
  if (!text) co_return Error(ErrorCode::kNotFound, "no list of static files " + id);
  Result<Json> json = ParseJson(*text);
  if (!json.has_value()) co_return Error(ErrorCode::kCorrupt, "list of static files " + id);
  auto manifest = std::make_shared<Manifest>();
  for (const auto& [path, hash] : json->members()) manifest->emplace(path, hash.AsString());
  if (recent_.size() >= kRecentMax) recent_.clear();
  recent_[id] = manifest;
  co_return std::shared_ptr<const Manifest>(std::move(manifest));
}

std::vector<std::string> Library::Missing(const Manifest& manifest) const {
  std::set<std::string> missing;
  for (const auto& [path, hash] : manifest) {
    if (!heads_.contains(hash)) missing.insert(hash);
  }
  return {missing.begin(), missing.end()};
}

loop::Task<Result<Done>> Library::PutContents(std::vector<Content> contents) {
  std::vector<store::Write> writes;
  std::vector<std::pair<std::string, Head>> heads;
  for (Content& content : contents) {
    if (heads_.contains(content.hash)) continue;
    Head head{content.bytes.size(), content.content_type};
    for (uint64_t i = 0; i < ChunksOf(head.size); ++i) {
      writes.push_back(PutWrite(ChunkKey(content.hash, i), content.bytes.substr(i * kChunkBytes, kChunkBytes)));
    }
    Json json = Json().Set("size", head.size).Set("type", head.content_type);
    writes.push_back(PutWrite(HeadKey(content.hash), ToText(json)));
    heads.emplace_back(content.hash, std::move(head));
    content.bytes = Bytes();
  }
  if (heads.empty()) co_return Done{};
  LIMPET_CO_TRY([[maybe_unused]] Done written, co_await Commit(std::move(writes)));
  for (auto& [hash, head] : heads) {
    idle_since_.erase(HeadKey(hash));
    heads_[hash] = std::move(head);
  }
  co_return Done{};
}

Result<Site::Files> Library::Files(const Manifest& manifest) const {
  Site::Files files;
  for (const auto& [path, hash] : manifest) {
    auto head = heads_.find(hash);
    if (head == heads_.end()) return Error(ErrorCode::kNotFound, "the content of the static file " + path + " is gone");
    files.emplace_hint(files.end(), path, Asset{hash, head->second.size, head->second.content_type});
  }
  return files;
}

loop::Task<Result<Done>> Library::Sweep(std::set<std::string> live) {
  Instant now = loop_.Now();
  std::erase_if(touched_, [&](const auto& item) { return now - item.second > kSweepGrace; });
  for (const auto& [id, when] : touched_) live.insert(id);
  std::set<std::string> used;
  for (const std::string& id : live) {
    Result<std::shared_ptr<const Manifest>> manifest = co_await LoadManifest(id);
    // Without knowing what a version needs nothing may go.
    if (!manifest.has_value() && manifest.error().code() != ErrorCode::kNotFound) co_return std::move(manifest).error();
    if (!manifest.has_value()) continue;
    for (const auto& [path, hash] : *manifest.value()) used.insert(hash);
  }
  // An upload may have begun while the lists were read, and count on what is about to go.
  for (const auto& [id, when] : touched_) {
    if (!live.contains(id)) co_return Done{};
  }
  auto gone = [&](const std::string& key, bool wanted) {
    if (wanted) return idle_since_.erase(key), false;
    if (now - idle_since_.try_emplace(key, now).first->second < kSweepGrace) return false;
    return idle_since_.erase(key), true;
  };
  // Memory forgets at once, and one commit forgets the rest: an upload that comes meanwhile brings them again behind
  // it.
  std::vector<store::Write> writes;
  std::erase_if(manifests_, [&](const std::string& id) {
    if (!gone(ManifestKey(id), live.contains(id))) return false;
    recent_.erase(id);
    writes.push_back(DeleteWrite(ManifestKey(id)));
    return true;
  });
  std::erase_if(heads_, [&](const auto& item) {
    const auto& [hash, head] = item;
    if (!gone(HeadKey(hash), used.contains(hash))) return false;
    for (uint64_t i = 0; i < ChunksOf(head.size); ++i) writes.push_back(DeleteWrite(ChunkKey(hash, i)));
    writes.push_back(DeleteWrite(HeadKey(hash)));
    return true;
  });
  if (writes.empty()) co_return Done{};
  co_return co_await Commit(std::move(writes));
}

}  // namespace limpet::assets

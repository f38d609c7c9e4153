#include "control/catalog.h"

#include <algorithm>
#include <charconv>

#include "control/read_all.h"
#include "store/partitions.h"

namespace limpet::control {
namespace {

constexpr char kFormat[] = "2";
constexpr char kUnsealedFormat[] = "1";  // Secrets' texts in the clear. Rewritten when it is opened.
constexpr char kFormatKey[] = "format";
constexpr char kNextNamespaceKey[] = "next-namespace";
constexpr std::string_view kScriptPrefix = "script/";
constexpr std::string_view kDropPrefix = "drop/";
constexpr std::string_view kKvPrefix = "kv/";
// Modules are read one by one, when a version is loaded.
constexpr std::string_view kModulePrefix = "module/";
constexpr std::string_view kCachePrefix = "cache/";

const ObjectId kCatalog{};

std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Script names hold no slash (upload.cc, IsScriptName).
Bytes ContentKey(std::string_view prefix, std::string_view script, std::string_view version, size_t index) {
  std::string number = std::to_string(index);
  Bytes key(prefix);
  key.append(script).append("/").append(version).append("/").append(6 - std::min<size_t>(6, number.size()), '0');
  return key.append(number);
}

void Forget(const std::string& script, const VersionRecord& version, std::vector<store::Write>* writes) {
  for (size_t i = 0; i < version.modules.size(); ++i) {
    for (std::string_view prefix : {kModulePrefix, kCachePrefix}) {
      writes->push_back(
          {store::Write::Kind::kDelete, store::Space::kKv, ContentKey(prefix, script, version.id, i), {}});
    }
  }
}

void Put(std::vector<store::Write>* writes, Bytes key, Bytes value) {
  writes->push_back({store::Write::Kind::kPut, store::Space::kKv, std::move(key), std::move(value)});
}

}  // namespace

Bytes PrefixEnd(std::string_view prefix) {
  Bytes end(prefix);
  ++end.back();
  return end;
}

Catalog::Catalog(std::unique_ptr<store::Session> session, store::Claim claim, SecretBox box)
    : session_(std::move(session)), claim_(claim), box_(std::move(box)) {}

loop::Task<Result<std::unique_ptr<Catalog>>> Catalog::Open(store::Engine& engine, loop::Loop& loop, SecretBox box) {
  LIMPET_CO_TRY(store::Claim claim, engine.Acquire(store::kCatalogPartition));
  std::unique_ptr<Catalog> catalog(new Catalog(engine.Attach(loop), claim, std::move(box)));
  LIMPET_CO_TRY(Done loaded, co_await catalog->Reload());
  (void)loaded;
  if (!catalog->unsealed_) co_return std::move(catalog);
  CatalogChange change;
  for (const auto& [name, script] : catalog->scripts_) change.scripts.push_back(*script);
  LIMPET_CO_TRY(Done sealed, co_await catalog->Commit(std::move(change)));
  (void)sealed;
  co_return std::move(catalog);
}

Result<Done> Catalog::Seal(ScriptRecord* script) {
  for (VersionRecord& version : script->versions) {
    for (Json& binding : version.bindings) {
      if (binding["type"].AsString() != "secret_text") continue;
      LIMPET_TRY(std::string sealed, box_.Seal(binding["text"].AsString(), Bytes(kScriptPrefix) + script->name));
      binding.Erase("text");
      binding.Set("sealed", std::move(sealed));
    }
  }
  return Done{};
}

Result<Done> Catalog::Unseal(ScriptRecord* script) const {
  for (VersionRecord& version : script->versions) {
    for (Json& binding : version.bindings) {
      const Json* sealed = binding.Find("sealed");
      if (binding["type"].AsString() != "secret_text" || sealed == nullptr) continue;
      Result<std::string> text = box_.Open(sealed->AsString(), Bytes(kScriptPrefix) + script->name);
      if (!text.has_value()) {
        return Error(ErrorCode::kCorrupt, "the secret " + binding["name"].AsString() + " can't be opened (" +
                                              text.error().message() +
                                              "). Put back the file secrets-key that belongs to this data folder");
      }
      binding.Erase("sealed");
      binding.Set("text", std::move(text).value());
    }
  }
  return Done{};
}

loop::Task<Result<Done>> Catalog::Reload() {
  Result<Contents> loaded = co_await Load();
  if (!loaded.has_value()) co_return std::move(loaded).error().While("load the catalog");
  scripts_ = std::move(loaded->scripts);
  drops_ = std::move(loaded->drops);
  kv_namespaces_ = std::move(loaded->kv_namespaces);
  unsealed_ = loaded->unsealed;
  next_namespace_ = std::max(next_namespace_, loaded->next_namespace);  // Numbers given out meanwhile stay so.
  broken_ = false;
  co_return Done{};
}

loop::Task<Result<Catalog::Contents>> Catalog::Load() {
  Contents contents;
  for (std::string_view prefix :
       {std::string_view(kFormatKey), std::string_view(kNextNamespaceKey), kScriptPrefix, kDropPrefix, kKvPrefix}) {
    auto take = [this, &contents](const Bytes& key, const Bytes& value) -> Result<Done> {
      Result<Done> read = LoadPair(key, value, &contents);
      if (!read.has_value()) return std::move(read).error().While("record " + key);
      return Done{};
    };
    LIMPET_CO_TRY(Done read, co_await ReadAll(*session_, kCatalog, std::string(prefix), take));
    (void)read;
  }
  co_return contents;
}

Result<Done> Catalog::LoadPair(const Bytes& key, const Bytes& value, Contents* contents) const {
  if (key == kFormatKey) {
    contents->unsealed = value == kUnsealedFormat;
    if (value == kFormat || contents->unsealed) return Done{};
    return Error(ErrorCode::kCorrupt, "format " + value + ", this program reads format " + kFormat);
  }
  if (key == kNextNamespaceKey || key.starts_with(kDropPrefix)) {
    std::optional<uint64_t> number = ParseNumber(key == kNextNamespaceKey ? value : key.substr(kDropPrefix.size()));
    if (!number || *number == 0) return Error(ErrorCode::kCorrupt, "not a namespace number");
    if (key == kNextNamespaceKey) {
      contents->next_namespace = *number;
    } else {
      contents->drops.push_back({*number});
    }
    return Done{};
  }
  Result<Json> json = ParseJson(value);
  if (!json.has_value()) return Error(ErrorCode::kCorrupt, json.error().message());
  if (key.starts_with(kKvPrefix)) {
    LIMPET_TRY(KvNamespace found, KvNamespaceFromJson(key.substr(kKvPrefix.size()), *json));
    std::string id = found.id;
    contents->kv_namespaces.emplace(std::move(id), std::move(found));
    return Done{};
  }
  LIMPET_TRY(ScriptRecord script, ScriptFromJson(*json));
  LIMPET_TRY(Done unsealed, Unseal(&script));
  (void)unsealed;
  std::string name = script.name;
  contents->scripts[name] = std::make_shared<const ScriptRecord>(std::move(script));
  return Done{};
}

std::shared_ptr<const ScriptRecord> Catalog::Find(const std::string& name) const {
  auto found = scripts_.find(name);
  return found == scripts_.end() ? nullptr : found->second;
}

loop::Task<Result<Done>> Catalog::Commit(CatalogChange change) {
  if (broken_) co_return Error(ErrorCode::kUnavailable, "what became of an earlier change is not known yet");
  store::ObjectBatch batch{kCatalog, {}};
  Put(&batch.writes, kFormatKey, kFormat);
  Put(&batch.writes, kNextNamespaceKey, std::to_string(next_namespace_));
  for (const auto& [script, version] : change.forgotten) Forget(script, version, &batch.writes);
  if (change.removed_script) {
    if (auto script = Find(*change.removed_script)) {
      for (const VersionRecord& version : script->versions) Forget(script->name, version, &batch.writes);
    }
    batch.writes.push_back(
        {store::Write::Kind::kDelete, store::Space::kKv, Bytes(kScriptPrefix) + *change.removed_script, {}});
  }
  if (change.content) {
    const CatalogChange::Content& content = *change.content;
    for (size_t i = 0; i < content.modules.size(); ++i) {
      const Module& module = content.modules[i];
      Put(&batch.writes, ContentKey(kModulePrefix, content.script, content.version_id, i), module.content);
      if (module.code_cache.empty()) continue;
      Put(&batch.writes, ContentKey(kCachePrefix, content.script, content.version_id, i), module.code_cache);
    }
  }
  for (const ScriptRecord& script : change.scripts) {
    ScriptRecord sealed = script;
    LIMPET_CO_TRY(Done done, Seal(&sealed));
    (void)done;
    Put(&batch.writes, Bytes(kScriptPrefix) + script.name, ToText(ToJson(sealed)));
  }
  for (NamespaceId ns : change.drops) Put(&batch.writes, Bytes(kDropPrefix) + std::to_string(ns.value), "");
  if (const std::optional<KvNamespace>& put = change.kv_namespace) {
    Put(&batch.writes, Bytes(kKvPrefix) + put->id, ToText(ToJson(*put)));
  }
  if (change.removed_kv_namespace) {
    batch.writes.push_back(
        {store::Write::Kind::kDelete, store::Space::kKv, Bytes(kKvPrefix) + *change.removed_kv_namespace, {}});
  }
  if (change.dropped) {
    batch.writes.push_back({store::Write::Kind::kDelete,
                            store::Space::kKv,
                            Bytes(kDropPrefix) + std::to_string(change.dropped->value),
                            {}});
  }

  loop::Completion<Result<uint64_t>> commit(
      [&](auto done) { session_->Commit(claim_, std::move(batch), std::move(done)); });
  Result<uint64_t> committed = co_await commit;
  if (!committed.has_value()) {
    if (committed.error().code() == ErrorCode::kUnavailable) broken_ = true;
    co_return std::move(committed).error().While("write the catalog");
  }
  if (change.removed_script) scripts_.erase(*change.removed_script);
  for (ScriptRecord& script : change.scripts) {
    std::string name = script.name;
    scripts_[name] = std::make_shared<const ScriptRecord>(std::move(script));
  }
  drops_.insert(drops_.end(), change.drops.begin(), change.drops.end());
  if (change.dropped) std::erase(drops_, *change.dropped);
  if (change.removed_kv_namespace) kv_namespaces_.erase(*change.removed_kv_namespace);
  if (change.kv_namespace) {
    std::string id = change.kv_namespace->id;
    kv_namespaces_.insert_or_assign(std::move(id), *std::move(change.kv_namespace));
  }
  co_return Done{};
}

loop::Task<Result<Bytes>> Catalog::Read(Bytes key) {
  std::string name = key;
  loop::Completion<Result<std::optional<Bytes>>> get(
      [&](auto done) { session_->Get(kCatalog, store::Space::kKv, std::move(key), std::move(done)); });
  LIMPET_CO_TRY(std::optional<Bytes> value, co_await get);
  if (!value) co_return Error(ErrorCode::kNotFound, "no record " + name);
  co_return *std::move(value);
}

loop::Task<Result<std::shared_ptr<ScriptVersion>>> Catalog::LoadVersion(std::string script, std::string version_id) {
  std::shared_ptr<const ScriptRecord> record = Find(script);
  const VersionRecord* version = record != nullptr ? record->FindVersion(version_id) : nullptr;
  if (version == nullptr) co_return Error(ErrorCode::kNotFound, "no version " + version_id + " of " + script);
  std::shared_ptr<ScriptVersion> made = MakeVersion(*record, *version);
  for (size_t i = 0; i < made->modules.size(); ++i) {
    LIMPET_CO_TRY(made->modules[i].content, co_await Read(ContentKey(kModulePrefix, script, version_id, i)));
    Result<Bytes> cache = co_await Read(ContentKey(kCachePrefix, script, version_id, i));
    if (cache.has_value()) made->modules[i].code_cache = std::move(cache).value();
  }
  co_return std::move(made);
}

}  // namespace limpet::control

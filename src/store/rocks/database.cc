#include "store/rocks/database.h"

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/iterator.h>
#include <rocksdb/options.h>
#include <rocksdb/slice.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "store/names.h"
#include "store/rocks/expiry.h"
#include "store/rocks/keys.h"
#include "store/rocks/log_check.h"

namespace limpet::store::rocks {
namespace {

constexpr size_t kReadaheadBytes = 256 * 1024;  // Of a long read.

rocksdb::BlockBasedTableOptions TableOptions(const RocksOptions& from) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(from.block_cache_bytes);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  // Index and filters count against the cache, so memory does not grow with the number of stored objects.
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  // What was written last is what is read next: without this every flush would send the hot objects' reads to the pool.
  table.prepopulate_block_cache = rocksdb::BlockBasedTableOptions::PrepopulateBlockCache::kFlushOnly;
  return table;
}

// RocksDB's own log would be a file in the folder, and its writer ends the process when the disk is full (an assertion
// about a file that failed before). So what RocksDB warns of goes where everything else goes.
class LogBridge final : public rocksdb::Logger {
 public:
  explicit LogBridge(limpet::Logger& logger) : rocksdb::Logger(rocksdb::WARN_LEVEL), logger_(logger) {}
  using rocksdb::Logger::Logv;
  void LogHeader(const char*, va_list) override {}
  void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    if (level < rocksdb::WARN_LEVEL || level == rocksdb::HEADER_LEVEL) return;
    char text[kLineBytesMax];
    if (vsnprintf(text, sizeof text, format, arguments) < 0) return;
    logger_.Write(level == rocksdb::WARN_LEVEL ? LogLevel::kWarn : LogLevel::kError, "rocksdb", text);
  }
  void Logv(const char*, va_list) override {}  // Never without a level: the other overload takes all.

 private:
  static constexpr size_t kLineBytesMax = 1024;
  limpet::Logger& logger_;
};

// How soon data that nobody writes to is compacted all the same, for what has expired in it.
uint64_t ExpirySeconds(Duration window) {
  constexpr int64_t kDay = 24 * 3600, kMonth = 30 * kDay;
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(window).count();
  return static_cast<uint64_t>(std::clamp<int64_t>(seconds, kDay, kMonth));
}

rocksdb::Options DatabaseOptions(const RocksOptions& from, bool create) {
  rocksdb::Options options;
  if (from.env != nullptr) options.env = from.env;
  options.create_if_missing = create;
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.recycle_log_file_num = 0;                  // CheckLogs could not tell an old record from a new one.
  options.track_and_verify_wals_in_manifest = true;  // A log that is missing is a refusal, too.
  options.max_bgerror_resume_count = 0;              // The committer reopens; two that mend are one too many.
  options.avoid_flush_during_shutdown = true;
  options.write_buffer_size = from.memtable_bytes;
  options.max_write_buffer_number = 3;
  options.max_total_wal_size = 2 * from.memtable_bytes;
  options.allow_concurrent_memtable_write = false;  // One writer.
  options.memtable_prefix_bloom_size_ratio = 0.02;
  options.memtable_whole_key_filtering = true;
  options.max_open_files = from.open_files_max;
  options.max_background_jobs = 2;
  options.bytes_per_sync = 1024 * 1024;
  options.level_compaction_dynamic_level_bytes = true;
  options.compression = rocksdb::kLZ4Compression;
  options.bottommost_compression = rocksdb::kZSTD;
  options.max_manifest_file_size = 8 * 1024 * 1024;
  options.allow_fallocate = false;  // Or an almost empty log holds its whole size on the disk.
  options.skip_stats_update_on_db_open = true;
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.info_log = std::make_shared<LogBridge>(*from.logger);
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.compaction_filter_factory = MakeExpiry(*from.clock, from.history);
  options.periodic_compaction_seconds = ExpirySeconds(from.history);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(TableOptions(from)));
  return options;
}

rocksdb::Slice ToSlice(BytesView bytes) { return {bytes.data(), bytes.size()}; }
BytesView ToView(rocksdb::Slice slice) { return {slice.data(), slice.size()}; }

Error ClosedError() { return Error(ErrorCode::kUnavailable, "the store is being reopened after a failed write"); }

}  // namespace

Error StatusError(const rocksdb::Status& status, std::string_view attempt) {
  ErrorCode code = status.IsCorruption()   ? ErrorCode::kCorrupt
                   : status.IsIncomplete() ? ErrorCode::kWouldBlock
                                           : ErrorCode::kUnavailable;
  return Error(code, status.ToString()).While(attempt);
}

Database::Use Database::Enter() {
  if ((users_.fetch_add(1, std::memory_order_acquire) & kClosed) == 0) return Use(this);
  Leave();
  return Use(nullptr);
}

void Database::Leave() {
  uint64_t before = users_.fetch_sub(1, std::memory_order_release);
  if ((before & kClosed) != 0) users_.notify_all();
}

Result<Done> Database::Open(Folder& folder) {
  LIMPET_CHECK(db_ == nullptr);
  LIMPET_TRY(Done sound, CheckLogs(folder.database_dir(), *options_.logger));
  (void)sound;
  if (folder.is_new()) {  // RocksDB would make it, too, and complain first that it is not there.
    std::error_code error;
    std::filesystem::create_directory(folder.database_dir(), error);
    if (error) return Error(ErrorCode::kUnavailable, "make " + folder.database_dir() + ": " + error.message());
  }
  rocksdb::DB* opened = nullptr;
  rocksdb::Status status =
      rocksdb::DB::Open(DatabaseOptions(options_, folder.is_new()), folder.database_dir(), &opened);
  if (!status.ok()) return StatusError(status, "open the database in " + folder.database_dir());
  db_.reset(opened);
  if (folder.is_new()) {
    LIMPET_TRY(Done marked, folder.MarkCreated());
    (void)marked;
  }
  users_.fetch_and(~kClosed, std::memory_order_release);
  return Done{};
}

void Database::Close() {
  if (db_ == nullptr) return;
  uint64_t users = users_.fetch_or(kClosed, std::memory_order_acq_rel) | kClosed;
  db_->DisableManualCompaction();  // The one use that may last.
  while (users != kClosed) {
    users_.wait(users, std::memory_order_acquire);
    users = users_.load(std::memory_order_acquire);
  }
  db_.reset();
}

Result<std::optional<Bytes>> ReadValue(Database& database, BytesView record, rocksdb::ReadTier tier) {
  Database::Use use = database.Enter();
  if (!use) return ClosedError();
  rocksdb::ReadOptions options;
  options.read_tier = tier;
  rocksdb::PinnableSlice value;
  rocksdb::Status status = use->Get(options, use->DefaultColumnFamily(), ToSlice(record), &value);
  if (status.IsNotFound()) return std::optional<Bytes>();
  if (!status.ok()) return StatusError(status, "read");
  return std::optional(Bytes(ToView(value)));
}

Result<ScanPage> ReadRange(Database& database, const ObjectId& object, const ScanOptions& wanted,
                           rocksdb::ReadTier tier) {
  ScanPage page;
  if (wanted.end && *wanted.end <= wanted.start) return page;
  Database::Use use = database.Enter();
  if (!use) return ClosedError();
  const Bytes lower = PairKey(object, wanted.space, wanted.start);
  const Bytes upper = wanted.end ? PairKey(object, wanted.space, *wanted.end) : SpaceEnd(object, wanted.space);
  const rocksdb::Slice lower_bound = ToSlice(lower), upper_bound = ToSlice(upper);
  rocksdb::ReadOptions options;
  options.read_tier = tier;
  options.fill_cache = !wanted.once;
  if (wanted.once && !wanted.reverse && tier == rocksdb::kReadAllTier) options.readahead_size = kReadaheadBytes;
  options.iterate_lower_bound = &lower_bound;
  options.iterate_upper_bound = &upper_bound;
  std::unique_ptr<rocksdb::Iterator> at(use->NewIterator(options));
  size_t bytes = 0;
  wanted.reverse ? at->SeekToLast() : at->SeekToFirst();
  for (; at->Valid() && page.pairs.size() < wanted.limit; wanted.reverse ? at->Prev() : at->Next()) {
    if (bytes >= wanted.bytes_max && !page.pairs.empty()) {
      page.complete = false;
      break;
    }
    BytesView key = ToView(at->key()).substr(kObjectPrefixBytes + 1);
    page.pairs.emplace_back(key, ToView(at->value()));
    bytes += key.size() + at->value().size();
  }
  if (!at->status().ok()) return StatusError(at->status(), "scan");
  return page;
}

Result<StoredBytes> CountObject(Database& database, const ObjectId& object) {
  StoredBytes bytes;
  for (auto [space, sum] : {std::pair(Space::kKv, &bytes.pairs), std::pair(Space::kPage, &bytes.pages)}) {
    ScanOptions next;
    next.space = space;
    next.once = true;
    for (bool complete = false; !complete;) {
      LIMPET_TRY(ScanPage page, ReadRange(database, object, next, rocksdb::kReadAllTier));
      for (const auto& [key, value] : page.pairs) *sum += key.size() + value.size();
      complete = page.complete || page.pairs.empty();
      if (!complete) next.start = page.pairs.back().first + '\0';
    }
  }
  return bytes;
}

Result<AlarmPage> ReadAlarms(Database& database, const std::optional<AlarmEntry>& after, size_t limit, bool once) {
  AlarmPage page;
  Database::Use use = database.Enter();
  if (!use) return ClosedError();
  const Bytes lower = after ? AlarmKey(*after) + '\0' : AlarmsStart();
  const Bytes upper = AlarmsEnd();
  const rocksdb::Slice lower_bound = ToSlice(lower), upper_bound = ToSlice(upper);
  rocksdb::ReadOptions options;
  options.fill_cache = !once;
  options.iterate_lower_bound = &lower_bound;
  options.iterate_upper_bound = &upper_bound;
  std::unique_ptr<rocksdb::Iterator> at(use->NewIterator(options));
  for (at->SeekToFirst(); at->Valid() && page.size() < limit; at->Next()) {
    std::optional<AlarmEntry> entry = AlarmOfKey(ToView(at->key()));
    if (!entry) return Error(ErrorCode::kCorrupt, "an entry in the index of alarms that is none");
    page.push_back(*entry);
  }
  if (!at->status().ok()) return StatusError(at->status(), "read the index of alarms");
  return page;
}

Result<std::vector<ObjectId>> ReadObjects(Database& database, NamespaceId ns, std::optional<ObjectId> after,
                                          size_t limit) {
  std::vector<ObjectId> objects;
  Database::Use use = database.Enter();
  if (!use) return ClosedError();
  const Bytes end = NamespaceStart({ns.value + 1});  // Wraps for the engine's own namespace, which has no objects.
  const rocksdb::Slice upper_bound = ToSlice(end);
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  options.iterate_upper_bound = &upper_bound;
  std::unique_ptr<rocksdb::Iterator> at(use->NewIterator(options));
  auto past = [](const ObjectId& object) { return ObjectPrefix(object) + '\xFF'; };  // Greater than every space.
  at->Seek(after ? past(*after) : NamespaceStart(ns));
  while (at->Valid() && objects.size() < limit) {
    ObjectId object = ObjectOfKey(ToView(at->key()));
    if (IsNameIndex(object)) break;  // The last of the namespace.
    if (IsCommitNumberKey(ToView(at->key()))) {
      at->Next();
      continue;
    }
    // Neither history alone is data, nor what the object layer keeps for itself.
    Space space = SpaceOfKey(ToView(at->key()));
    if (space == Space::kHistory || space == Space::kMeta) {
      at->Seek(ToSlice(SpaceEnd(object, space)));
      continue;
    }
    objects.push_back(object);
    at->Seek(past(objects.back()));
  }
  if (!at->status().ok()) return StatusError(at->status(), "list");
  return objects;
}

}  // namespace limpet::store::rocks

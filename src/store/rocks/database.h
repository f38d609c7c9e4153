// The open RocksDB, and the gate that lets it be closed and opened again under running readers.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/status.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "store/engine.h"
#include "store/rocks/folder.h"
#include "store/rocks/rocks_engine.h"

namespace limpet::store::rocks {

// kCorruption becomes kCorrupt (RocksDB's text names the file), kIncomplete kWouldBlock, the rest kUnavailable.
Error StatusError(const rocksdb::Status& status, std::string_view attempt);

class Database {
 public:
  // Keeps the database open while it lives; false if it is closed. For the length of a call, on any thread.
  class Use {
   public:
    Use(Use&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
    ~Use() {
      if (database_ != nullptr) database_->Leave();
    }
    explicit operator bool() const { return database_ != nullptr; }
    rocksdb::DB* operator->() const { return database_->db_.get(); }
    rocksdb::DB& operator*() const { return *database_->db_; }

   private:
    friend class Database;
    explicit Use(Database* database) : database_(database) {}
    Database* database_;
  };

  explicit Database(const RocksOptions& options) : options_(options) {}
  ~Database() { Close(); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Any thread; does not block.
  Use Enter();

  // Checks the logs, then opens. For the thread that owns the database; so are the rest. Blocks.
  Result<Done> Open(Folder& folder);
  // Refuses new users, waits for the present ones, closes. Harmless if closed.
  void Close();
  bool is_open() const { return db_ != nullptr; }
  rocksdb::DB& db() { return *db_; }

 private:
  static constexpr uint64_t kClosed = uint64_t{1} << 63;
  void Leave();

  const RocksOptions& options_;
  std::unique_ptr<rocksdb::DB> db_;
  std::atomic<uint64_t> users_{kClosed};  // And kClosed, while nobody may enter.
};

// Reads, of one state of the database. `tier` kBlockCacheTier never blocks and answers kWouldBlock instead.
// Errors: kUnavailable (also while closed), kCorrupt, kWouldBlock.
Result<std::optional<Bytes>> ReadValue(Database& database, BytesView record, rocksdb::ReadTier tier);
Result<ScanPage> ReadRange(Database& database, const ObjectId& object, const ScanOptions& options,
                           rocksdb::ReadTier tier);
// What its pairs and pages take, by reading all of them.
Result<StoredBytes> CountObject(Database& database, const ObjectId& object);
// `once`: as in ScanOptions.
Result<AlarmPage> ReadAlarms(Database& database, const std::optional<AlarmEntry>& after, size_t limit, bool once);
Result<std::vector<ObjectId>> ReadObjects(Database& database, NamespaceId ns, std::optional<ObjectId> after,
                                          size_t limit);

}  // namespace limpet::store::rocks

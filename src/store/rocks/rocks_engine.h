// The engine of one machine: one RocksDB for all objects of the data folder. docs/formats/store-rocks.md has the
// format.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/result.h"
#include "store/engine.h"
#include "store/history.h"

namespace rocksdb {
class Env;
}

namespace limpet::store {

struct RocksOptions {
  std::string dir;                               // Made if it is missing (its parent must be there).
  Logger* logger = nullptr;                      // Required. This and what follows outlives the engine.
  Counters* counters = nullptr;                  // Required.
  const Clock* clock = nullptr;                  // Required: claims expire by it.
  size_t pool_threads = 4;                       // For reads that go to the disk.
  size_t block_cache_bytes = 256 * 1024 * 1024;  // Blocks, index and filters of the tables that were read.
  size_t memtable_bytes = 16 * 1024 * 1024;      // Also bounds the log, and with it the time of a start after a crash.
  int open_files_max = 512;                      // Tables.
  // After a failed write the database is reopened; while that fails, again after this, doubled up to the second.
  Duration reopen_backoff = std::chrono::milliseconds(50);
  Duration reopen_backoff_max = std::chrono::seconds(2);
  // How long each object's states can be had back (history.h). Zero: nothing is kept, and what was is let go. Longer
  // than it was before: what is gone already does not come back.
  Duration history = kHistoryDefault;
  rocksdb::Env* env = nullptr;  // For tests that count or break what reaches the disk. Null: the machine's files.
};

// Opens the store in `options.dir`, or makes one. Blocks. A log that ends in the middle of a record (power loss) is cut
// there, with a warning.
// Errors: kConflict (another limpet uses the folder), kInvalidArgument (written by a newer limpet, or no store),
// kCorrupt (names file and offset; nothing was changed), kUnavailable (disk, permissions).
//
// The engine: any thread. Sessions on any number of loops. Commits are gathered by one committer thread: whatever waits
// when one fsync returns goes into the next write. When a write or fsync fails, every waiting batch answers
// kUnavailable and the database is reopened, in the background, until it opens; meanwhile reads and commits answer
// kUnavailable.
Result<std::unique_ptr<Engine>> OpenRocksEngine(RocksOptions options);

}  // namespace limpet::store

// Reads RocksDB's write-ahead logs before RocksDB does, and tells a log that ends in the middle of a record (power went
// during a write: open without it) from one that is damaged in the middle (refuse). RocksDB's own recovery can't be
// trusted with the difference: a flipped length near the end of a log reads like the end of it, and it opens short.
//
// Every write is synced before the next begins. So at most the last record may be incomplete, and a sound record after
// a bad one proves that the bad one was once whole.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/log.h"
#include "base/result.h"

namespace limpet::store::rocks {

struct LogVerdict {
  enum class State : uint8_t { kWhole, kTorn, kCorrupt };
  State state = State::kWhole;
  uint64_t offset = 0;   // kTorn: where the last whole record ends; kCorrupt: the bad bytes.
  uint64_t records = 0;  // Whole ones before that.
  std::string reason;    // Of kTorn and kCorrupt.
};

// The content of one log file. Pure; takes time in proportion to the size.
LogVerdict CheckLog(BytesView log);

// Checks all logs of a RocksDB folder, oldest first, and cuts a torn end off (with a warning that says where and how
// much). Errors: kCorrupt, naming file and offset, nothing changed; kUnavailable.
Result<Done> CheckLogs(const std::string& database_dir, Logger& logger);

// CRC-32C (Castagnoli) of `bytes`, going on from `seed`.
uint32_t Crc32c(uint32_t seed, BytesView bytes);

}  // namespace limpet::store::rocks

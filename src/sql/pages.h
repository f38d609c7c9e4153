// Where a database's pages are: below SQLite, an object's write cache over the store.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace limpet::sql {

inline constexpr size_t kPageBytes = 4096;

struct PageWrite {
  uint32_t number = 0;  // From 1.
  Bytes content;        // kPageBytes; empty: the page is gone.
};

// Implemented by whoever owns the database; outlives it. The database's thread.
class Pages {
 public:
  virtual ~Pages() = default;
  // Copies the page, as last written, to `into`. False: there is none. Blocks if it must read the disk.
  // Errors: kCorrupt (its checksum does not match; names the file), kUnavailable (disk; may be retried).
  virtual Result<bool> ReadPage(uint32_t number, std::span<char, kPageBytes> into) = 0;
  // The pages that a transaction changed, once each. They become durable together, with whatever else belongs to the
  // burst, or not at all.
  virtual void WritePages(std::vector<PageWrite> pages) = 0;
  // A statement that may write is about to run: from here on outsiders must see nothing before it is durable.
  virtual void WriteBegins() = 0;
};

}  // namespace limpet::sql

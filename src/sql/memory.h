// SQLite's memory: the process's allocator, with a bound on what one statement may take. Sorters, temporary tables and
// the pages that a transaction changed stay in memory, so a query without a bound could take all of it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace limpet::sql {

// What SQLite holds on this thread, for all of its connections. A connection never changes its thread.
int64_t ThreadMemoryBytes();

// While one lives, this thread's SQLite gets `bytes_max` more than it held at the beginning; then its allocations fail
// (SQLITE_NOMEM). Nests.
class MemoryLimit {
 public:
  explicit MemoryLimit(size_t bytes_max);
  ~MemoryLimit();
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;

 private:
  int64_t outer_;
};

// Before SQLite is initialized.
void ConfigureMemory();

}  // namespace limpet::sql

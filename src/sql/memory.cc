#include "sql/memory.h"

#include <malloc.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstdlib>

#include "base/check.h"

namespace limpet::sql {
namespace {

// SQLite's allocator is one for the process and gets no context: the thread is what it can be told apart by.
thread_local int64_t used = 0;
thread_local int64_t limit = INT64_MAX;

int64_t BlockBytes(void* block) { return static_cast<int64_t>(malloc_usable_size(block)); }

void* Allocate(int bytes) {
  if (bytes > limit - used) return nullptr;
  void* block = std::malloc(static_cast<size_t>(bytes));
  if (block != nullptr) used += BlockBytes(block);
  return block;
}

void Free(void* block) {
  if (block == nullptr) return;
  used -= BlockBytes(block);
  std::free(block);
}

void* Reallocate(void* block, int bytes) {
  int64_t before = BlockBytes(block);
  if (bytes - before > limit - used) return nullptr;
  void* moved = std::realloc(block, static_cast<size_t>(bytes));
  if (moved != nullptr) used += BlockBytes(moved) - before;
  return moved;
}

int Size(void* block) { return static_cast<int>(BlockBytes(block)); }
int RoundUp(int bytes) { return (bytes + 7) & ~7; }
int Initialize(void*) { return SQLITE_OK; }
void Shutdown(void*) {}

}  // namespace

int64_t ThreadMemoryBytes() { return used; }

MemoryLimit::MemoryLimit(size_t bytes_max) : outer_(limit) {
  limit = std::min(limit, used + static_cast<int64_t>(bytes_max));
}
MemoryLimit::~MemoryLimit() { limit = outer_; }

void ConfigureMemory() {
  static constexpr sqlite3_mem_methods kMethods = {Allocate, Free,       Reallocate, Size,
                                                   RoundUp,  Initialize, Shutdown,   nullptr};
  LIMPET_CHECK(sqlite3_config(SQLITE_CONFIG_MALLOC, &kMethods) == SQLITE_OK);
}

}  // namespace limpet::sql

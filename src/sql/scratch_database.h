// SQLite over a scratch file, for our own use: what scripts may not do, it may. Holds a few MiB, however large it is.
// One thread at a time. Calls block.
#pragma once

#include <sqlite3.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"
#include "base/scratch_file.h"
#include "sql/page_file.h"

namespace limpet::sql {

class ScratchDatabase {
 public:
  using Statement = std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)>;

  // `file` outlives it. `stop`: see ObjectCopy::Place. Errors of all: kCorrupt (SQLite's words), kCanceled, those of
  // ScratchFile.
  static Result<std::unique_ptr<ScratchDatabase>> Open(ScratchFile& file,
                                                       std::shared_ptr<const std::atomic<bool>> stop);
  ~ScratchDatabase();
  ScratchDatabase(const ScratchDatabase&) = delete;
  ScratchDatabase& operator=(const ScratchDatabase&) = delete;

  Result<Done> Execute(const char* text);
  Result<Statement> Prepare(std::string_view text);
  // True: there is a row.
  Result<bool> Step(const Statement& statement);
  // Runs a statement of the form (key, value) once, as part of a transaction that is committed every few MiB.
  Result<Done> Insert(const Statement& statement, BytesView key, std::optional<BytesView> value, bool is_text = false);
  Result<Done> Commit();  // What Insert has begun.
  Error Failed();         // What the last call of SQLite's says.

 private:
  class FilePages;
  ScratchDatabase(ScratchFile& file, std::shared_ptr<const std::atomic<bool>> stop);
  std::unique_ptr<FilePages> pages_;
  PageFile file_;
  std::shared_ptr<const std::atomic<bool>> stop_;
  sqlite3* connection_ = nullptr;
  size_t waiting_ = 0;  // Bytes in the open transaction; 0: there is none.
};

// What is under way in one transaction, which is in memory.
inline constexpr size_t kScratchTransactionBytes = 2 * 1024 * 1024;

Bytes ColumnBytes(sqlite3_stmt* statement, int column);

}  // namespace limpet::sql

// An object's SQL database: SQLite over pages (pages.h), as `state.storage.sql` shows it to scripts.
//
// Everything between two calls of Commit() is one transaction: it begins by itself with the first statement that may
// write, and what it changed comes to the Pages as one batch. Savepoints nest in it.
//
// One thread. Calls may block on the disk. Nothing here yields.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/function.h"
#include "base/result.h"
#include "sql/cursor.h"
#include "sql/page_file.h"
#include "sql/pages.h"
#include "sql/statement.h"

struct sqlite3;

namespace limpet::sql {

struct DatabaseOptions {
  size_t cache_bytes = 2 * 1024 * 1024;            // Of clean pages in memory.
  size_t dirty_bytes_max = 64 * 1024 * 1024;       // Of pages that a transaction changed.
  size_t statement_bytes_max = 256 * 1024 * 1024;  // Memory that one statement may take, changed pages included.
  uint64_t database_bytes_max = 10ull * 1024 * 1024 * 1024;  // Beyond: SQLITE_FULL.
  size_t cached_text_bytes_max = 1024 * 1024;                // SQL text of the statements that are kept compiled.
};

// Bytes in a text binding are text; those in a Blob are not.
struct Blob {
  BytesView bytes;
};
using Binding = std::variant<std::monostate, int64_t, double, std::string_view, Blob>;  // First: NULL.

class Database {
 public:
  // Errors: kCorrupt, kUnavailable (from the pages).
  static Result<std::unique_ptr<Database>> Open(Pages& pages, DatabaseOptions options = {});
  // As in DatabaseOptions. A database that is larger keeps what it has.
  void SetBytesMax(uint64_t bytes);
  // What is not committed is gone. Cursors that are open answer with an error from now on.
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Runs the statements in `text`; `bindings` and the cursor belong to the last one, whose first row is there when this
  // returns. Those before it stay done if a later one fails. Bindings are copied.
  // Errors: kScript (what the script did wrong, in SQLite's words), kOverloaded (a limit of DatabaseOptions),
  // kCanceled (interrupted), kCorrupt, kUnavailable.
  Result<std::unique_ptr<Cursor>> Exec(std::string_view text, std::span<const Binding> bindings);

  // Asked every few thousand steps of a running statement: true ends it with kCanceled, and the transaction with it.
  void SetInterrupt(UniqueFunction<bool()> interrupt) { interrupt_ = std::move(interrupt); }

  bool has_interrupt() const { return static_cast<bool>(interrupt_); }

  // SQLite is at work: this is inside of its interrupt.
  bool running() const { return running_ > 0; }
  // Ends it as soon as it goes on.
  void Interrupt();

  // Savepoints, as a stack. They cost nothing until something is written inside.
  void Begin() { ++depth_; }
  Result<Done> Release();
  Result<Done> Rollback();
  uint32_t depth() const { return depth_; }
  // Ends every savepoint, and undoes everything since the last commit. An error that took the transaction down before
  // is made good by it.
  Result<Done> RollbackAll();

  // Ends the transaction under way; the changed pages are with the Pages when this returns. Outside of savepoints. A
  // cursor of a statement that writes (… RETURNING) keeps the rows that it has not given yet.
  // Any error means that the transaction is lost, whatever became of the statements in it: reset the object. kScript:
  // deferred constraints are violated, or an error took the transaction down earlier.
  Result<Done> Commit();
  bool in_transaction() const { return in_transaction_; }
  // What was written since the last commit is gone: Commit() fails, unless RollbackAll() comes first.
  bool lost() const { return lost_.has_value(); }

  Result<uint64_t> SizeBytes();  // Of the pages that are in use.
  // How many there are, with those that were added since the last commit, and without.
  uint32_t PageCount();
  uint32_t CommittedPageCount() const { return file_.page_count(); }
  size_t MemoryBytes() const;  // That this connection holds.
  const PageFile& file() const { return file_; }
  const StatementCache& cache() const { return cache_; }

 private:
  friend class Cursor;
  class Running;
  // Statements of our own, compiled on first use.
  enum class Own : uint8_t { kBegin, kCommit, kRollback, kSavepoint, kRelease, kRollbackTo, kPageCount, kFreePages };
  static constexpr size_t kOwnCount = 8;

  explicit Database(Pages& pages, DatabaseOptions options)
      : options_(options), pages_(pages), file_(pages), cache_(options.cached_text_bytes_max) {}
  Result<Done> Configure();
  Result<Done> Execute(const std::string& sql);
  // The last statement of the text; those before it have been run.
  Result<StatementRef> Prepare(std::string_view text);
  // SQLITE_ROW or SQLITE_DONE.
  Result<int> Step(sqlite3_stmt* statement);
  Result<int64_t> RunOwn(Own which);  // The number in the row that it gives, or 0.
  Result<Done> Bind(sqlite3_stmt* statement, std::span<const Binding> bindings);
  Result<Done> BeforeWrite();
  Result<Done> EnsureTransaction();
  Result<Done> BufferWriters();
  // What the last call of SQLite's says.
  Error LastError();
  bool OverDirtyLimit() const;
  static int Authorize(void* self, int code, const char* first, const char* second, const char* database, const char*);
  static int OnProgress(void* self);

  DatabaseOptions options_;
  Pages& pages_;
  PageFile file_;
  sqlite3* connection_ = nullptr;
  sqlite3_stmt* own_[kOwnCount] = {};
  StatementCache cache_;
  Cursor* cursors_ = nullptr;  // That have a statement.
  UniqueFunction<bool()> interrupt_;
  uint32_t depth_ = 0;
  uint32_t open_savepoints_ = 0;  // Of them, known to SQLite.
  bool in_transaction_ = false;
  bool trusted_ = false;              // A statement of our own is being compiled.
  bool refused_transaction_ = false;  // The statement being compiled was BEGIN or the like.
  bool over_limit_ = false;
  uint32_t running_ = 0;  // Calls of SQLite's that may ask for an interrupt.
  uint32_t progress_ = 0;
  std::optional<Error> lost_;  // Why the transaction was taken down before its end.
};

}  // namespace limpet::sql

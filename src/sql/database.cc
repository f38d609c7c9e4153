#include "sql/database.h"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "sql/authorizer.h"
#include "sql/errors.h"
#include "sql/memory.h"

namespace limpet::sql {
namespace {

constexpr int kProgressSteps = 128;       // Of the bytecode engine, between two looks at the limits.
constexpr uint32_t kInterruptEvery = 16;  // Such looks.

// What a statement may be. As workerd has them.
struct Limit {
  int which, value;
};
constexpr Limit kLimits[] = {
    {SQLITE_LIMIT_LENGTH, 8 * 1024 * 1024 + 32},  // Bytes of a value, and of a row.
    {SQLITE_LIMIT_SQL_LENGTH, 100'000},
    {SQLITE_LIMIT_COLUMN, 100},
    {SQLITE_LIMIT_EXPR_DEPTH, 100},
    {SQLITE_LIMIT_COMPOUND_SELECT, 5},
    {SQLITE_LIMIT_VDBE_OP, 25'000},
    {SQLITE_LIMIT_FUNCTION_ARG, 127},
    {SQLITE_LIMIT_ATTACHED, 0},
    {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50},
    {SQLITE_LIMIT_VARIABLE_NUMBER, 100},
    {SQLITE_LIMIT_TRIGGER_DEPTH, 10},
    {SQLITE_LIMIT_WORKER_THREADS, 0},
};

constexpr const char* kOwnTexts[] = {"BEGIN",     "COMMIT",        "ROLLBACK",          "SAVEPOINT s",
                                     "RELEASE s", "ROLLBACK TO s", "PRAGMA page_count", "PRAGMA freelist_count"};

std::optional<std::string_view> OrNothing(const char* text) {
  return text == nullptr ? std::nullopt : std::optional<std::string_view>(text);
}

// SQLite takes no less than the pages that are there, and 0 for a question.
uint64_t PagesMax(uint64_t bytes) { return std::max<uint64_t>(bytes / kPageBytes, 1); }

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// This PRAGMA acts when it is compiled, and until the end of the transaction.
bool DefersForeignKeys(std::string_view text) {
  constexpr std::string_view kName = "defer_foreign_keys";
  auto same = [](char a, char b) { return (a | 0x20) == (b | 0x20); };
  return std::search(text.begin(), text.end(), kName.begin(), kName.end(), same) != text.end();
}

}  // namespace

class Database::Running {
 public:
  explicit Running(Database& database) : database_(database) {
    ++database_.running_;
    (void)database_.file_.TakeFailure();  // Of an earlier call, if SQLite went on without.
  }
  ~Running() { --database_.running_; }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  Database& database_;
};

Result<std::unique_ptr<Database>> Database::Open(Pages& pages, DatabaseOptions options) {
  std::unique_ptr<Database> database(new Database(pages, options));
  LIMPET_TRY(database->connection_, database->file_.Connect());
  LIMPET_TRY(Done configured, database->Configure());
  (void)configured;
  return database;
}

Database::~Database() {
  while (cursors_ != nullptr) cursors_->Close(ScriptError("The database of this cursor was closed."));
  cache_.Clear();
  for (sqlite3_stmt* own : own_) sqlite3_finalize(own);
  LIMPET_CHECK(sqlite3_close(connection_) == SQLITE_OK);
}

Result<Done> Database::Configure() {
  sqlite3_extended_result_codes(connection_, 1);
  sqlite3_db_config(connection_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  for (const Limit& limit : kLimits) sqlite3_limit(connection_, limit.which, limit.value);
  // Without cache_spill=OFF a large transaction would want a journal. locking_mode stays NORMAL for the same reason.
  LIMPET_TRY(Done executed,
             Execute("PRAGMA cache_spill=OFF; PRAGMA cache_size=-" + std::to_string(options_.cache_bytes / 1024) +
                     "; PRAGMA max_page_count=" + std::to_string(PagesMax(options_.database_bytes_max))));
  sqlite3_set_authorizer(connection_, &Authorize, this);
  sqlite3_progress_handler(connection_, kProgressSteps, &OnProgress, this);
  return executed;
}

void Database::SetBytesMax(uint64_t bytes) {
  if (bytes == options_.database_bytes_max) return;
  options_.database_bytes_max = bytes;
  sqlite3_set_authorizer(connection_, nullptr, nullptr);
  (void)Execute("PRAGMA max_page_count=" + std::to_string(PagesMax(bytes)));
  sqlite3_set_authorizer(connection_, &Authorize, this);
}

Result<Done> Database::Execute(const std::string& sql) {
  if (sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return LastError();
  return Done{};
}

int Database::Authorize(void* self, int code, const char* first, const char* second, const char* database,
                        const char*) {
  auto* me = static_cast<Database*>(self);
  if (me->trusted_ || IsAllowed({code, OrNothing(first), OrNothing(second), OrNothing(database)})) return SQLITE_OK;
  me->refused_transaction_ |= IsTransactionControl(code);
  return SQLITE_DENY;
}

int Database::OnProgress(void* self) {
  auto* me = static_cast<Database*>(self);
  if (me->trusted_) return 0;  // The end of a transaction, which full-text search works in, too.
  if (me->in_transaction_ && me->OverDirtyLimit()) {
    me->over_limit_ = true;
    return 1;
  }
  return ++me->progress_ % kInterruptEvery == 0 && me->interrupt_ && me->interrupt_() ? 1 : 0;
}

bool Database::OverDirtyLimit() const {
  int bytes = 0, unused = 0;
  sqlite3_db_status(connection_, SQLITE_DBSTATUS_CACHE_USED, &bytes, &unused, 0);
  return static_cast<size_t>(bytes) > options_.dirty_bytes_max + options_.cache_bytes;
}

Error Database::LastError() {
  std::optional<Error> failure = file_.TakeFailure();
  int code = sqlite3_errcode(connection_) & 0xFF;
  Error error = ScriptError(LastErrorText(connection_));
  if (std::exchange(over_limit_, false)) {
    error = Error(ErrorCode::kOverloaded, "the transaction has changed more than " +
                                              std::to_string(options_.dirty_bytes_max / 1024 / 1024) +
                                              " MiB of the database: SQLITE_FULL");
  } else if (failure) {
    const char* name = failure->code() == ErrorCode::kCorrupt ? ": SQLITE_CORRUPT" : ": SQLITE_IOERR";
    error = Error(failure->code(), failure->message() + name);
  } else if (code == SQLITE_NOMEM) {
    error = Error(ErrorCode::kOverloaded, "out of memory: the statement needs more than " +
                                              std::to_string(options_.statement_bytes_max / 1024 / 1024) +
                                              " MiB for sorting, temporary tables and changed pages: SQLITE_NOMEM");
  } else if (code == SQLITE_INTERRUPT) {
    error = Error(ErrorCode::kCanceled, error.message());
  }
  // Some failures take the whole transaction with them.
  if (in_transaction_ && sqlite3_get_autocommit(connection_) != 0) {
    in_transaction_ = false;
    open_savepoints_ = 0;
    lost_ = error;
  }
  return error;
}

// --- Statements

Result<int> Database::Step(sqlite3_stmt* statement) {
  MemoryLimit limit(options_.statement_bytes_max);
  Running running(*this);
  int code = sqlite3_step(statement);
  if (code == SQLITE_ROW || code == SQLITE_DONE) return code;
  return LastError();
}

Result<int64_t> Database::RunOwn(Own which) {
  Running running(*this);
  sqlite3_stmt*& own = own_[static_cast<size_t>(which)];
  trusted_ = true;
  int code = SQLITE_OK;
  if (own == nullptr) {
    code = sqlite3_prepare_v3(connection_, kOwnTexts[static_cast<size_t>(which)], -1, SQLITE_PREPARE_PERSISTENT, &own,
                              nullptr);
  }
  if (code == SQLITE_OK) code = sqlite3_step(own);
  trusted_ = false;
  int64_t number = code == SQLITE_ROW ? sqlite3_column_int64(own, 0) : 0;
  if (code == SQLITE_ROW || code == SQLITE_DONE) {
    sqlite3_reset(own);
    return number;
  }
  Error error = LastError();
  if (own != nullptr) sqlite3_reset(own);
  return error;
}

Result<StatementRef> Database::Prepare(std::string_view text) {
  if (DefersForeignKeys(text)) {
    LIMPET_TRY(Done ready, BeforeWrite());
    (void)ready;
  }
  const char* at = text.data();
  const char* const end = at + text.size();
  for (bool first = true;; first = false) {
    sqlite3_stmt* compiled = nullptr;
    const char* tail = nullptr;
    refused_transaction_ = false;
    Running running(*this);
    int length = static_cast<int>(std::min<ptrdiff_t>(end - at, INT32_MAX));
    if (sqlite3_prepare_v3(connection_, at, length, SQLITE_PREPARE_PERSISTENT, &compiled, &tail) != SQLITE_OK)
      return refused_transaction_ ? ScriptError(std::string(kUseTransactionApi)) : LastError();
    if (compiled == nullptr) return ScriptError(std::string(kNoStatement));
    auto statement = std::make_shared<Statement>(compiled);
    while (tail != end && IsSpace(*tail)) ++tail;
    if (tail == end) {
      if (first) cache_.Add(text, statement);
      return statement;
    }
    if (sqlite3_bind_parameter_count(compiled) != 0) return ScriptError(std::string(kBindingsBeforeLast));
    if (!statement->read_only()) {
      LIMPET_TRY(Done ready, BeforeWrite());
      (void)ready;
    }
    for (int code = SQLITE_ROW; code == SQLITE_ROW;) {
      LIMPET_TRY(code, Step(compiled));
    }
    at = tail;
  }
}

Result<Done> Database::Bind(sqlite3_stmt* statement, std::span<const Binding> bindings) {
  for (size_t i = 0; i < bindings.size(); ++i) {
    const Binding& value = bindings[i];
    int place = static_cast<int>(i) + 1;
    int code = SQLITE_OK;
    if (const auto* integer = std::get_if<int64_t>(&value)) {
      code = sqlite3_bind_int64(statement, place, *integer);
    } else if (const auto* real = std::get_if<double>(&value)) {
      code = sqlite3_bind_double(statement, place, *real);
    } else if (const auto* text = std::get_if<std::string_view>(&value)) {
      code = sqlite3_bind_text64(statement, place, text->data() == nullptr ? "" : text->data(), text->size(),
                                 SQLITE_TRANSIENT, SQLITE_UTF8);
    } else if (const auto* blob = std::get_if<Blob>(&value)) {
      code = sqlite3_bind_blob64(statement, place, blob->bytes.data() == nullptr ? "" : blob->bytes.data(),
                                 blob->bytes.size(), SQLITE_TRANSIENT);
    }
    if (code != SQLITE_OK) return LastError();
  }
  return Done{};
}

Result<std::unique_ptr<Cursor>> Database::Exec(std::string_view text, std::span<const Binding> bindings) {
  StatementRef statement = cache_.Find(text);
  if (statement == nullptr) {
    LIMPET_TRY(statement, Prepare(text));
  }
  if (static_cast<size_t>(sqlite3_bind_parameter_count(statement->get())) != bindings.size())
    return ScriptError(std::string(kWrongBindings));
  if (!statement->read_only()) {
    LIMPET_TRY(Done ready, BeforeWrite());
    (void)ready;
  } else if (bindings.empty() && DefersForeignKeys(text)) {
    LIMPET_TRY(Done ready, BeforeWrite());
    (void)ready;
  }
  // From here on the cursor puts the statement in order, whatever happens.
  std::unique_ptr<Cursor> cursor(new Cursor(*this, std::move(statement)));
  LIMPET_TRY(Done bound, Bind(cursor->statement_->get(), bindings));
  LIMPET_TRY(bound, cursor->Step());
  (void)bound;
  return cursor;
}

// --- Transactions

Result<Done> Database::BeforeWrite() {
  if (lost_) return *lost_;
  if (in_transaction_ && OverDirtyLimit()) {
    over_limit_ = true;
    (void)RunOwn(Own::kRollback);
    return LastError();
  }
  return EnsureTransaction();
}

Result<Done> Database::EnsureTransaction() {
  if (!in_transaction_) {
    LIMPET_TRY(int64_t begun, RunOwn(Own::kBegin));
    (void)begun;
    in_transaction_ = true;
    pages_.WriteBegins();
  }
  if (open_savepoints_ < depth_) {
    LIMPET_TRY(Done buffered, BufferWriters());  // SQLite opens none while one of them is under way.
    (void)buffered;
  }
  for (; open_savepoints_ < depth_; ++open_savepoints_) {
    LIMPET_TRY(int64_t opened, RunOwn(Own::kSavepoint));
    (void)opened;
  }
  return Done{};
}

Result<Done> Database::BufferWriters() {
  for (Cursor* cursor = cursors_; cursor != nullptr;) {
    Cursor* next = cursor->after_;
    if (!cursor->statement_->read_only()) {
      LIMPET_TRY(Done buffered, cursor->Buffer());
      (void)buffered;
    }
    cursor = next;
  }
  return Done{};
}

Result<Done> Database::Release() {
  LIMPET_CHECK(depth_ > 0);
  uint32_t ended = depth_--;
  if (lost_) return lost_->code() == ErrorCode::kScript ? ScriptError(std::string(kCriticalError)) : *lost_;
  if (open_savepoints_ < ended) return Done{};
  LIMPET_TRY(Done buffered, BufferWriters());
  LIMPET_TRY(int64_t released, RunOwn(Own::kRelease));
  (void)released;
  --open_savepoints_;
  return buffered;
}

Result<Done> Database::Rollback() {
  LIMPET_CHECK(depth_ > 0);
  uint32_t ended = depth_--;
  if (lost_ || open_savepoints_ < ended) return Done{};
  LIMPET_TRY(Done buffered, BufferWriters());
  LIMPET_TRY(int64_t rolled_back, RunOwn(Own::kRollbackTo));
  LIMPET_TRY(rolled_back, RunOwn(Own::kRelease));
  (void)rolled_back;
  --open_savepoints_;
  return buffered;
}

Result<Done> Database::RollbackAll() {
  depth_ = 0;
  lost_.reset();
  if (!in_transaction_) return Done{};
  LIMPET_TRY(Done buffered, BufferWriters());
  LIMPET_TRY(int64_t rolled_back, RunOwn(Own::kRollback));
  (void)rolled_back;
  in_transaction_ = false;
  open_savepoints_ = 0;
  return buffered;
}

Result<Done> Database::Commit() {
  LIMPET_CHECK(depth_ == 0);
  if (lost_) return *lost_;
  if (!in_transaction_) return Done{};
  LIMPET_TRY(Done buffered, BufferWriters());
  Result<Done> ready = BeforeWrite();  // The limit of changed pages.
  if (!ready.has_value()) return ready;
  Result<int64_t> committed = RunOwn(Own::kCommit);
  if (committed.has_value()) {
    in_transaction_ = false;
    return buffered;
  }
  Error error = std::move(committed).error();
  bool constraint = (sqlite3_errcode(connection_) & 0xFF) == SQLITE_CONSTRAINT;
  if (sqlite3_get_autocommit(connection_) == 0) (void)RunOwn(Own::kRollback);
  in_transaction_ = false;
  if (constraint) error = ScriptError(std::string(kConstraintsViolated) + error.message());
  lost_ = error;
  return error;
}

void Database::Interrupt() { sqlite3_interrupt(connection_); }

// --- Figures

Result<uint64_t> Database::SizeBytes() {
  LIMPET_TRY(int64_t pages, RunOwn(Own::kPageCount));
  LIMPET_TRY(int64_t free, RunOwn(Own::kFreePages));
  return static_cast<uint64_t>(pages - free) * kPageBytes;
}

uint32_t Database::PageCount() {
  Result<int64_t> pages = in_transaction_ ? RunOwn(Own::kPageCount) : Result<int64_t>(0);
  return std::max(CommittedPageCount(), pages.has_value() ? static_cast<uint32_t>(*pages) : 0);
}

size_t Database::MemoryBytes() const {
  size_t sum = 0;
  for (int which : {SQLITE_DBSTATUS_CACHE_USED, SQLITE_DBSTATUS_SCHEMA_USED, SQLITE_DBSTATUS_STMT_USED}) {
    int bytes = 0, unused = 0;
    sqlite3_db_status(connection_, which, &bytes, &unused, 0);
    sum += static_cast<size_t>(bytes);
  }
  return sum;
}

}  // namespace limpet::sql

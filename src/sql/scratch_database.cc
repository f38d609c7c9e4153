#include "sql/scratch_database.h"

#include <cstring>

#include "base/check.h"
#include "sql/errors.h"

namespace limpet::sql {
namespace {

constexpr int kStepsBetweenLooks = 20'000;

void BindBytes(sqlite3_stmt* statement, int index, BytesView bytes, bool is_text) {
  const char* data = bytes.data() == nullptr ? "" : bytes.data();  // A null pointer would be NULL.
  if (is_text) {
    sqlite3_bind_text64(statement, index, data, bytes.size(), SQLITE_STATIC, SQLITE_UTF8);
  } else {
    sqlite3_bind_blob64(statement, index, data, bytes.size(), SQLITE_STATIC);
  }
}

}  // namespace

class ScratchDatabase::FilePages final : public Pages {
 public:
  explicit FilePages(ScratchFile& file) : file_(file) {}
  Result<bool> ReadPage(uint32_t number, std::span<char, kPageBytes> into) override {
    LIMPET_TRY(size_t read, file_.Read(uint64_t{number - 1} * kPageBytes, into));
    return read == kPageBytes;
  }
  void WritePages(std::vector<PageWrite> pages) override {
    for (const PageWrite& page : pages) {
      Result<Done> wrote = file_.Write(uint64_t{page.number - 1} * kPageBytes, page.content);
      if (!wrote.has_value() && !failure_) failure_ = std::move(wrote).error();
    }
  }
  void WriteBegins() override {}
  const std::optional<Error>& failure() const { return failure_; }

 private:
  ScratchFile& file_;
  std::optional<Error> failure_;  // It stays: what is in the file is worth nothing.
};

ScratchDatabase::ScratchDatabase(ScratchFile& file, std::shared_ptr<const std::atomic<bool>> stop)
    : pages_(std::make_unique<FilePages>(file)), file_(*pages_), stop_(std::move(stop)) {}

ScratchDatabase::~ScratchDatabase() { LIMPET_CHECK(sqlite3_close(connection_) == SQLITE_OK); }

Result<std::unique_ptr<ScratchDatabase>> ScratchDatabase::Open(ScratchFile& file,
                                                               std::shared_ptr<const std::atomic<bool>> stop) {
  std::unique_ptr<ScratchDatabase> database(new ScratchDatabase(file, std::move(stop)));
  LIMPET_TRY(database->connection_, database->file_.Connect());
  sqlite3_db_config(database->connection_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_progress_handler(
      database->connection_, kStepsBetweenLooks,
      [](void* self) { return static_cast<ScratchDatabase*>(self)->stop_->load() ? 1 : 0; }, database.get());
  LIMPET_TRY(Done set, database->Execute("PRAGMA cache_spill=OFF; PRAGMA cache_size=-4096; PRAGMA foreign_keys=OFF"));
  (void)set;
  return database;
}

Error ScratchDatabase::Failed() {
  if (pages_->failure()) return *pages_->failure();
  if (stop_->load()) return Error(ErrorCode::kCanceled, "The server is shutting down.");
  std::string text = LastErrorText(connection_);
  if (std::optional<Error> why = file_.TakeFailure()) return std::move(*why).While(text);
  return Error(ErrorCode::kCorrupt, text);
}

Result<Done> ScratchDatabase::Execute(const char* text) {
  bool done = sqlite3_exec(connection_, text, nullptr, nullptr, nullptr) == SQLITE_OK && !pages_->failure();
  return done ? Result<Done>(Done{}) : Failed();
}

Result<ScratchDatabase::Statement> ScratchDatabase::Prepare(std::string_view text) {
  sqlite3_stmt* prepared = nullptr;
  int code = sqlite3_prepare_v2(connection_, text.data(), static_cast<int>(text.size()), &prepared, nullptr);
  if (code != SQLITE_OK) return Failed();
  return Statement(prepared, &sqlite3_finalize);
}

Result<bool> ScratchDatabase::Step(const Statement& statement) {
  int code = sqlite3_step(statement.get());
  if (code != SQLITE_ROW && code != SQLITE_DONE) return Failed();
  return code == SQLITE_ROW;
}

Result<Done> ScratchDatabase::Insert(const Statement& statement, BytesView key, std::optional<BytesView> value,
                                     bool is_text) {
  if (waiting_ == 0) {
    LIMPET_TRY(Done begun, Execute("BEGIN"));
    (void)begun;
  }
  waiting_ += key.size() + (value ? value->size() : 0) + 1;
  BindBytes(statement.get(), 1, key, is_text);
  sqlite3_bind_null(statement.get(), 2);
  if (value) BindBytes(statement.get(), 2, *value, false);
  Result<bool> stepped = Step(statement);
  sqlite3_reset(statement.get());
  if (!stepped.has_value()) return std::move(stepped).error();
  return waiting_ > kScratchTransactionBytes ? Commit() : Result<Done>(Done{});
}

Result<Done> ScratchDatabase::Commit() {
  if (std::exchange(waiting_, 0) == 0) return Done{};
  return Execute("COMMIT");
}

Bytes ColumnBytes(sqlite3_stmt* statement, int column) {
  const void* data = sqlite3_column_blob(statement, column);
  auto size = static_cast<size_t>(sqlite3_column_bytes(statement, column));
  return data == nullptr ? Bytes() : Bytes(static_cast<const char*>(data), size);
}

}  // namespace limpet::sql

#include "sql/cursor.h"

#include <sqlite3.h>

#include <utility>

#include "base/check.h"
#include "sql/database.h"

namespace limpet::sql {
namespace {

ColumnType TypeOf(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER: return ColumnType::kInteger;
    case SQLITE_FLOAT: return ColumnType::kReal;
    case SQLITE_TEXT: return ColumnType::kText;
    case SQLITE_BLOB: return ColumnType::kBlob;
    default: return ColumnType::kNull;
  }
}

BytesView BytesOf(sqlite3_stmt* statement, int column, ColumnType type) {
  const void* bytes = type == ColumnType::kText ? static_cast<const void*>(sqlite3_column_text(statement, column))
                                                : sqlite3_column_blob(statement, column);
  if (bytes == nullptr) return {};  // An empty one.
  return {static_cast<const char*>(bytes), static_cast<size_t>(sqlite3_column_bytes(statement, column))};
}

}  // namespace

Cursor::Cursor(Database& database, StatementRef statement) : database_(&database), statement_(std::move(statement)) {
  statement_->busy = true;
  sqlite3_stmt_status(statement_->get(), kStatusRowsRead, 1);
  sqlite3_stmt_status(statement_->get(), kStatusRowsWritten, 1);
  after_ = database_->cursors_;
  if (after_ != nullptr) after_->before_ = this;
  database_->cursors_ = this;
}

Cursor::~Cursor() { Finish(); }

uint64_t Cursor::Status(int which) const {
  return statement_ == nullptr ? 0 : static_cast<uint32_t>(sqlite3_stmt_status(statement_->get(), which, 0));
}

void Cursor::Finish() {
  if (statement_ == nullptr) return;
  rows_read_ += Status(kStatusRowsRead);
  rows_written_ += Status(kStatusRowsWritten);
  statement_->Reset();
  statement_ = nullptr;
  (before_ == nullptr ? database_->cursors_ : before_->after_) = after_;
  if (after_ != nullptr) after_->before_ = before_;
}

void Cursor::Close(Error why) {
  Finish();
  has_row_ = false;
  buffered_.clear();
  closed_ = std::move(why);
}

Result<Done> Cursor::Step() {
  Result<int> stepped = database_->Step(statement_->get());
  has_row_ = stepped.has_value() && stepped.value() == SQLITE_ROW;
  if (stepped.has_value()) columns_ = statement_->Columns();
  if (!has_row_) Finish();
  if (!stepped.has_value()) return std::move(stepped).error();
  return Done{};
}

Result<Done> Cursor::Next() {
  if (closed_) return *closed_;
  if (!has_row_) return Done{};
  if (buffered_.empty()) return Step();
  buffered_.pop_front();
  has_row_ = !buffered_.empty();
  return Done{};
}

Result<Done> Cursor::Buffer() {
  std::deque<Row> rows;
  while (has_row_) {
    Row& row = rows.emplace_back();
    for (size_t i = 0; i < columns_->size(); ++i) {
      row.types.push_back(Type(i));
      switch (row.types.back()) {
        case ColumnType::kNull: row.values.emplace_back(); break;
        case ColumnType::kInteger: row.values.emplace_back(Integer(i)); break;
        case ColumnType::kReal: row.values.emplace_back(Real(i)); break;
        case ColumnType::kText:
        case ColumnType::kBlob: row.values.emplace_back(Bytes(Blob(i))); break;
      }
    }
    LIMPET_TRY(Done stepped, Step());
    (void)stepped;
  }
  buffered_ = std::move(rows);
  has_row_ = !buffered_.empty();
  return Done{};
}

ColumnType Cursor::Type(size_t column) const {
  LIMPET_CHECK(has_row_ && column < columns_->size());
  return buffered_.empty() ? TypeOf(statement_->get(), static_cast<int>(column)) : buffered_.front().types[column];
}

int64_t Cursor::Integer(size_t column) const {
  if (buffered_.empty()) return sqlite3_column_int64(statement_->get(), static_cast<int>(column));
  return *std::get_if<int64_t>(&buffered_.front().values[column]);
}

double Cursor::Real(size_t column) const {
  if (buffered_.empty()) return sqlite3_column_double(statement_->get(), static_cast<int>(column));
  return *std::get_if<double>(&buffered_.front().values[column]);
}

BytesView Cursor::Text(size_t column) const {
  if (buffered_.empty()) return BytesOf(statement_->get(), static_cast<int>(column), ColumnType::kText);
  return *std::get_if<Bytes>(&buffered_.front().values[column]);
}

BytesView Cursor::Blob(size_t column) const {
  if (buffered_.empty()) return BytesOf(statement_->get(), static_cast<int>(column), ColumnType::kBlob);
  return *std::get_if<Bytes>(&buffered_.front().values[column]);
}

}  // namespace limpet::sql

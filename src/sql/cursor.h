// The rows of one run of a statement.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "sql/statement.h"

namespace limpet::sql {

class Database;

enum class ColumnType : uint8_t { kNull, kInteger, kReal, kText, kBlob };

// Stands on a row or behind the last one. It may outlive its database, and then answers with an error. One thread.
//
// What it returns of a row is valid until the next call of Next(), or of anything that runs SQL: copy it out at once.
class Cursor {
 public:
  ~Cursor();
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  bool has_row() const { return has_row_; }
  // To the next row. Does nothing behind the last one. Errors: as Database::Exec.
  Result<Done> Next();

  // Of the columns of has_row(); names also behind the last one.
  const std::shared_ptr<const ColumnNames>& columns() const { return columns_; }
  ColumnType Type(size_t column) const;
  int64_t Integer(size_t column) const;  // Of kInteger.
  double Real(size_t column) const;      // Of kReal.
  BytesView Text(size_t column) const;   // Of kText: UTF-8, if the database holds no nonsense; it may hold NUL.
  BytesView Blob(size_t column) const;   // Of kBlob.

  // Rows of tables and indexes that the statement has looked at and changed, so far.
  uint64_t rows_read() const { return rows_read_ + Status(kStatusRowsRead); }
  uint64_t rows_written() const { return rows_written_ + Status(kStatusRowsWritten); }

 private:
  friend class Database;
  using Value = std::variant<std::monostate, int64_t, double, Bytes>;
  struct Row {
    std::vector<Value> values;
    std::vector<ColumnType> types;
  };

  Cursor(Database& database, StatementRef statement);
  uint64_t Status(int which) const;
  void Finish();          // The statement is done with: it is free for others.
  Result<Done> Step();    // The statement itself.
  Result<Done> Buffer();  // Reads the rest, so that the statement is finished; Next() goes on as if nothing were.
  void Close(Error why);

  Database* database_;
  StatementRef statement_;  // Null: it has no more rows to give.
  std::shared_ptr<const ColumnNames> columns_;
  bool has_row_ = false;
  std::deque<Row> buffered_;  // The row it stands on, and those behind it.
  std::optional<Error> closed_;
  uint64_t rows_read_ = 0, rows_written_ = 0;    // Of a statement that is done.
  Cursor *before_ = nullptr, *after_ = nullptr;  // In the database's list.
};

}  // namespace limpet::sql

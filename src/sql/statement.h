// Compiled statements: one, and a cache of them by their text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

struct sqlite3_stmt;

namespace limpet::sql {

// sqlite3_stmt_status() numbers that amalgamation.mjs adds.
inline constexpr int kStatusRowsRead = 9;
inline constexpr int kStatusRowsWritten = 10;

using ColumnNames = std::vector<std::string>;

// One thread. `busy` while a cursor runs it. The connection outlives it.
class Statement {
 public:
  explicit Statement(sqlite3_stmt* compiled);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  sqlite3_stmt* get() const { return compiled_; }
  bool read_only() const { return read_only_; }
  // The same object as long as the columns are the same: a caller may keep what it made of them beside it. A statement
  // is compiled anew, with other columns perhaps, when the schema has changed: ask after its first step.
  const std::shared_ptr<const ColumnNames>& Columns();
  // Ends a run. The statement may be run again.
  void Reset();

  bool busy = false;

 private:
  sqlite3_stmt* compiled_;
  bool read_only_;
  int recompiled_ = -1;  // How often it had been when `columns_` was made.
  std::shared_ptr<const ColumnNames> columns_;
};
using StatementRef = std::shared_ptr<Statement>;

// Least recently used texts go first. What a cursor runs lives on with it.
class StatementCache {
 public:
  explicit StatementCache(size_t text_bytes_max) : text_bytes_max_(text_bytes_max) {}

  // Null: there is none, or it is busy.
  StatementRef Find(std::string_view text);
  // Unless the text is there or is too long by itself.
  void Add(std::string_view text, const StatementRef& statement);
  void Clear();
  size_t text_bytes() const { return text_bytes_; }
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string text;
    StatementRef statement;
  };
  const size_t text_bytes_max_;
  size_t text_bytes_ = 0;
  std::list<Entry> entries_;  // The most recently used first.
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_text_;
};

}  // namespace limpet::sql

#include "sql/statement.h"

#include <sqlite3.h>

namespace limpet::sql {

Statement::Statement(sqlite3_stmt* compiled) : compiled_(compiled), read_only_(sqlite3_stmt_readonly(compiled) != 0) {}
Statement::~Statement() { sqlite3_finalize(compiled_); }

const std::shared_ptr<const ColumnNames>& Statement::Columns() {
  int recompiled = sqlite3_stmt_status(compiled_, SQLITE_STMTSTATUS_REPREPARE, 0);
  if (columns_ != nullptr && recompiled == recompiled_) return columns_;
  recompiled_ = recompiled;
  auto names = std::make_shared<ColumnNames>();
  int count = sqlite3_column_count(compiled_);
  for (int i = 0; i < count; ++i) {
    const char* name = sqlite3_column_name(compiled_, i);
    names->emplace_back(name == nullptr ? "" : name);
  }
  if (columns_ == nullptr || *columns_ != *names) columns_ = std::move(names);
  return columns_;
}

void Statement::Reset() {
  sqlite3_reset(compiled_);
  sqlite3_clear_bindings(compiled_);
  busy = false;
}

StatementRef StatementCache::Find(std::string_view text) {
  auto found = by_text_.find(text);
  if (found == by_text_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  const StatementRef& statement = found->second->statement;
  return statement->busy ? nullptr : statement;
}

void StatementCache::Add(std::string_view text, const StatementRef& statement) {
  if (text.size() > text_bytes_max_ || by_text_.contains(text)) return;
  while (text_bytes_ + text.size() > text_bytes_max_) {
    text_bytes_ -= entries_.back().text.size();
    by_text_.erase(entries_.back().text);
    entries_.pop_back();
  }
  entries_.push_front({std::string(text), statement});
  by_text_.emplace(entries_.front().text, entries_.begin());
  text_bytes_ += text.size();
}

void StatementCache::Clear() {
  by_text_.clear();
  entries_.clear();
  text_bytes_ = 0;
}

}  // namespace limpet::sql

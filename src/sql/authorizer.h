// What scripts may do in SQL: statements, functions and PRAGMAs by name. Pure.
#pragma once

#include <optional>
#include <string_view>

namespace limpet::sql {

// One question of SQLite's authorizer, https://www.sqlite.org/c3ref/c_alter_table.html; absent where SQLite passes
// null.
struct Action {
  int code = 0;
  std::optional<std::string_view> first, second, database;
};

bool IsAllowed(const Action& action);
// BEGIN, COMMIT, ROLLBACK, SAVEPOINT, RELEASE: refused with a text of its own.
bool IsTransactionControl(int code);

}  // namespace limpet::sql

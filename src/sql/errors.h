// SQLite's failures as scripts see them: "MESSAGE[ at offset N]: SQLITE_CODE[ (extended: SQLITE_CODE_MORE)]".
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;

namespace limpet::sql {

// "SQLITE_CONSTRAINT", "SQLITE_CONSTRAINT_UNIQUE", … Codes without a name give "SQLITE_UNKNOWN".
std::string_view CodeName(int code);
// The text for the connection's last failure.
std::string LastErrorText(sqlite3* connection);
// An `Error` with this message, as a script would catch it.
Error ScriptError(std::string message);

inline constexpr std::string_view kNoStatement = "SQL code did not contain a statement.";
inline constexpr std::string_view kWrongBindings = "Wrong number of parameter bindings for SQL query.";
inline constexpr std::string_view kBindingsBeforeLast =
    "When executing multiple SQL statements in a single call, only the last statement can have parameters.";
inline constexpr std::string_view kUseTransactionApi =
    "To execute a transaction, please use the state.storage.transaction() or state.storage.transactionSync() APIs "
    "instead of the SQL BEGIN TRANSACTION or SAVEPOINT statements. The JavaScript API is safer because it will "
    "automatically roll back on exceptions, and because it interacts correctly with Durable Objects' automatic atomic "
    "write coalescing.";
inline constexpr std::string_view kConstraintsViolated =
    "Durable Object was reset and rolled back to its last known good state because the application left the database "
    "in a state where constraints were violated: ";
inline constexpr std::string_view kCriticalError = "Cannot commit transaction due to an earlier SQL critical error";

}  // namespace limpet::sql

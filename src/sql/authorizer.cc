#include "sql/authorizer.h"

#include <sqlite3.h>

#include <algorithm>
#include <iterator>
#include <string>

#include "base/bytes.h"

namespace limpet::sql {
namespace {

// Sorted. As workerd has them, names that it lacks (ceiling, log10, power, unistr, …) included in the lack. The last
// ones are what ALTER TABLE runs inside; SQLite lets nobody else call them.
constexpr std::string_view kFunctions[] = {"->",
                                           "->>",
                                           "abs",
                                           "acos",
                                           "acosh",
                                           "asin",
                                           "asinh",
                                           "atan",
                                           "atan2",
                                           "atanh",
                                           "avg",
                                           "bm25",
                                           "ceil",
                                           "changes",
                                           "char",
                                           "coalesce",
                                           "concat",
                                           "concat_ws",
                                           "cos",
                                           "cosh",
                                           "count",
                                           "cume_dist",
                                           "current_date",
                                           "current_time",
                                           "current_timestamp",
                                           "date",
                                           "datetime",
                                           "degrees",
                                           "dense_rank",
                                           "exp",
                                           "first_value",
                                           "floor",
                                           "format",
                                           "glob",
                                           "group_concat",
                                           "hex",
                                           "highlight",
                                           "ifnull",
                                           "iif",
                                           "instr",
                                           "json",
                                           "json_array",
                                           "json_array_length",
                                           "json_extract",
                                           "json_group_array",
                                           "json_group_object",
                                           "json_insert",
                                           "json_object",
                                           "json_patch",
                                           "json_quote",
                                           "json_remove",
                                           "json_replace",
                                           "json_set",
                                           "json_type",
                                           "json_valid",
                                           "jsonb",
                                           "jsonb_array",
                                           "jsonb_extract",
                                           "jsonb_group_array",
                                           "jsonb_group_object",
                                           "jsonb_insert",
                                           "jsonb_object",
                                           "jsonb_patch",
                                           "jsonb_remove",
                                           "jsonb_replace",
                                           "jsonb_set",
                                           "julianday",
                                           "lag",
                                           "last_insert_rowid",
                                           "last_value",
                                           "lead",
                                           "length",
                                           "like",
                                           "likelihood",
                                           "likely",
                                           "ln",
                                           "load_extension",
                                           "log",
                                           "log2",
                                           "lower",
                                           "ltrim",
                                           "match",
                                           "max",
                                           "min",
                                           "mod",
                                           "nth_value",
                                           "ntile",
                                           "nullif",
                                           "octet_length",
                                           "percent_rank",
                                           "pi",
                                           "pow",
                                           "printf",
                                           "quote",
                                           "radians",
                                           "random",
                                           "randomblob",
                                           "rank",
                                           "replace",
                                           "round",
                                           "row_number",
                                           "rtreecheck",
                                           "rtrim",
                                           "sign",
                                           "sin",
                                           "sinh",
                                           "snippet",
                                           "sqlite_drop_column",
                                           "sqlite_rename_column",
                                           "sqlite_rename_quotefix",
                                           "sqlite_rename_table",
                                           "sqlite_rename_test",
                                           "sqrt",
                                           "strftime",
                                           "string_agg",
                                           "substr",
                                           "substring",
                                           "sum",
                                           "tan",
                                           "tanh",
                                           "time",
                                           "timediff",
                                           "total",
                                           "total_changes",
                                           "trim",
                                           "trunc",
                                           "typeof",
                                           "unhex",
                                           "unicode",
                                           "unixepoch",
                                           "unlikely",
                                           "upper",
                                           "zeroblob"};
static_assert(std::ranges::is_sorted(kFunctions));

enum class Argument : uint8_t { kNone, kBoolean, kName, kNameOrNone, kAny };
struct Pragma {
  std::string_view name;
  Argument argument;
};
constexpr Pragma kPragmas[] = {
    {"case_sensitive_like", Argument::kBoolean},
    {"data_version", Argument::kNone},
    {"defer_foreign_keys", Argument::kBoolean},
    {"foreign_key_check", Argument::kNameOrNone},
    {"foreign_key_list", Argument::kName},
    {"foreign_keys", Argument::kBoolean},
    {"ignore_check_constraints", Argument::kBoolean},
    {"index_info", Argument::kName},
    {"index_list", Argument::kName},
    {"index_xinfo", Argument::kName},
    {"legacy_alter_table", Argument::kBoolean},
    {"optimize", Argument::kAny},
    {"page_size", Argument::kNone},
    {"quick_check", Argument::kNameOrNone},
    {"recursive_triggers", Argument::kBoolean},
    {"reverse_unordered_selects", Argument::kBoolean},
    {"table_info", Argument::kName},
    {"table_list", Argument::kNameOrNone},
    {"table_xinfo", Argument::kName},
};
static_assert(std::ranges::is_sorted(kPragmas, {}, &Pragma::name));

constexpr std::string_view kModules[] = {"fts5", "fts5vocab", "rtree", "rtree_i32"};

// Names that begin with _cf_ are the platform's.
bool IsFreeName(std::string_view name) { return !EqualsIgnoreCase(name.substr(0, 4), "_cf_"); }
bool IsFreeName(const std::optional<std::string_view>& name) { return !name || IsFreeName(*name); }

bool IsBoolean(std::string_view text) {
  if (text.size() >= 2 && (text.front() == '\'' || text.front() == '"') && text.back() == text.front())
    text = text.substr(1, text.size() - 2);
  constexpr std::string_view kWords[] = {"true", "false", "yes", "no", "on", "off", "1", "0"};
  return std::ranges::any_of(kWords, [text](std::string_view word) { return EqualsIgnoreCase(text, word); });
}

bool IsAllowedPragma(std::string_view written, const std::optional<std::string_view>& argument) {
  const std::string name = ToLowerAscii(written);
  auto found = std::ranges::lower_bound(kPragmas, name, {}, &Pragma::name);
  if (found == std::end(kPragmas) || found->name != name) return false;
  switch (found->argument) {
    case Argument::kNone: return !argument;
    case Argument::kBoolean: return !argument || IsBoolean(*argument);
    case Argument::kName: return argument && IsFreeName(*argument);
    case Argument::kNameOrNone: return IsFreeName(argument);
    case Argument::kAny: return true;
  }
  return false;
}

}  // namespace

bool IsTransactionControl(int code) { return code == SQLITE_TRANSACTION || code == SQLITE_SAVEPOINT; }

bool IsAllowed(const Action& action) {
  if (action.code == SQLITE_ALTER_TABLE) {
    // The amalgamation that we compile passes the new name of a table in the last place (amalgamation.mjs).
    return action.first == "main" && IsFreeName(action.second) && IsFreeName(action.database);
  }
  if (action.database && *action.database == "temp")
    return (action.code == SQLITE_READ || action.code == SQLITE_UPDATE) && IsFreeName(action.first);
  if (action.database && *action.database != "main") return false;
  switch (action.code) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE: return true;
    case SQLITE_READ:
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
    case SQLITE_CREATE_TABLE:
    case SQLITE_DROP_TABLE:
    case SQLITE_CREATE_VIEW:
    case SQLITE_DROP_VIEW:
    case SQLITE_ANALYZE:
    case SQLITE_REINDEX: return IsFreeName(action.first);
    case SQLITE_CREATE_INDEX:
    case SQLITE_DROP_INDEX:
    case SQLITE_CREATE_TRIGGER:
    case SQLITE_DROP_TRIGGER: return IsFreeName(action.first) && IsFreeName(action.second);
    case SQLITE_CREATE_VTABLE:
    case SQLITE_DROP_VTABLE:
      return IsFreeName(action.first) && action.second &&
             std::ranges::any_of(kModules, [&](auto name) { return EqualsIgnoreCase(name, *action.second); });
    case SQLITE_PRAGMA: return action.first && IsAllowedPragma(*action.first, action.second);
    case SQLITE_FUNCTION: return action.second && std::ranges::binary_search(kFunctions, *action.second);
    default: return false;  // ATTACH, DETACH, temporary tables, transactions, and what SQLite may add.
  }
}

}  // namespace limpet::sql

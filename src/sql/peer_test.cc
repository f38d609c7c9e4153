// What a running workerd 1.20261117.1 answers to each of several hundred statements, and that we answer the same: rows,
// column names, error texts, rows read and written. peer_cases.jsonl holds what it answered: one line a statement, with
// a line that starts a new database before each group.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>

#include "base/json.h"
#include "sql/sql_testing.h"

namespace limpet::sql {
namespace {

// Where we differ, and why.
const std::map<std::string, std::string>& Differences() {
  static const std::map<std::string, std::string> differences = {
      // It counts commits of other connections; workerd has its own metadata connection.
      {"PRAGMA data_version", "{cols:['data_version',],rows:[[1,],],r:0,w:0,}"},
  };
  return differences;
}

Json ToJson(const Cursor& cursor, size_t column) {
  switch (cursor.Type(column)) {
    case ColumnType::kNull: return nullptr;
    case ColumnType::kInteger: return static_cast<double>(cursor.Integer(column));
    case ColumnType::kReal: {
      double real = cursor.Real(column);
      return std::isfinite(real) ? Json(real) : Json(nullptr);  // As JSON has it.
    }
    case ColumnType::kText: return std::string(cursor.Text(column));
    case ColumnType::kBlob: {
      Json::Array bytes;
      for (char byte : cursor.Blob(column)) bytes.push_back(static_cast<double>(static_cast<uint8_t>(byte)));
      Json blob = Json::MakeObject();
      blob.Set("blob", Json(std::move(bytes)));
      return blob;
    }
  }
  return nullptr;
}

// Numbers as JSON's own: all of one kind.
std::string Text(const Json& value) {
  if (value.is_number()) {
    char text[40];
    snprintf(text, sizeof text, "%.15g", value.AsDouble() + 0.0);
    return text;
  }
  if (value.is_array()) {
    std::string text = "[";
    for (const Json& item : value.items()) text += Text(item) + ",";
    return text + "]";
  }
  if (value.is_object()) {
    std::string text = "{";
    for (const auto& [key, item] : value.members()) text += key + ":" + Text(item) + ",";
    return text + "}";
  }
  return value.is_string() ? "'" + value.AsString() + "'" : value.is_null() ? "null" : "?";
}

std::string Answer(Database& database, const std::string& text, const std::vector<Binding>& bindings) {
  constexpr size_t kRowsShown = 20;  // As many as the file holds.
  Result<std::unique_ptr<Cursor>> started = database.Exec(text, bindings);
  if (!started.has_value()) return "'Error: " + started.error().message() + "'";
  Cursor& cursor = *started.value();
  Json names = Json::MakeArray(), rows = Json::MakeArray();
  std::string shown;
  size_t count = 0;
  while (cursor.has_row()) {
    Json::Array row;
    for (size_t i = 0; i < cursor.columns()->size(); ++i) row.push_back(ToJson(cursor, i));
    if (count++ < kRowsShown) shown += Text(Json(std::move(row))) + ",";
    if (Result<Done> next = cursor.Next(); !next.has_value()) return "'Error: " + next.error().message() + "'";
  }
  std::string columns;
  for (const std::string& name : *cursor.columns()) columns += "'" + name + "',";
  return "{cols:[" + columns + "],rows:[" + shown + "],r:" + std::to_string(cursor.rows_read()) +
         ",w:" + std::to_string(cursor.rows_written()) + ",}";
}

TEST(SqlPeer, AnswersAsWorkerdDoes) {
  std::ifstream file(LIMPET_SQL_PEER_CASES);
  ASSERT_TRUE(file.good()) << LIMPET_SQL_PEER_CASES;
  std::unique_ptr<MapPages> pages;
  std::unique_ptr<Database> database;
  size_t cases = 0;
  for (std::string line; std::getline(file, line);) {
    Result<Json> parsed = ParseJson(line);
    ASSERT_TRUE(parsed.has_value()) << line;
    const Json& test = parsed.value();
    if (test.Find("database") != nullptr) {
      if (database != nullptr) EXPECT_TRUE(database->Commit().has_value());
      database.reset();
      pages = std::make_unique<MapPages>();
      database = Database::Open(*pages).value();
      continue;
    }
    std::string text = test["sql"].AsString();
    std::vector<Binding> bindings;
    if (test["sql"].is_array()) {
      const Json::Array& items = test["sql"].items();
      text = items[0].AsString();
      for (size_t i = 1; i < items.size(); ++i) {
        if (items[i].is_string()) bindings.emplace_back(std::string_view(items[i].AsString()));
        if (items[i].is_number()) bindings.emplace_back(items[i].AsDouble());
      }
    }
    auto ours = Differences().find(text);
    std::string answer = Answer(*database, text, bindings);
    if (ours != Differences().end()) {
      EXPECT_EQ(answer, ours->second) << text;
    } else {
      EXPECT_EQ(answer, Text(test["is"])) << text;
    }
    ++cases;
  }
  EXPECT_GT(cases, 450u);
}

}  // namespace
}  // namespace limpet::sql

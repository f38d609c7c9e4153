// Pages in a map, for tests: what a burst wrote is durable when the test says so.
#pragma once

#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sql/database.h"
#include "sql/pages.h"

namespace limpet::sql {

class MapPages final : public Pages {
 public:
  Result<bool> ReadPage(uint32_t number, std::span<char, kPageBytes> into) override {
    ++reads;
    if (fail_reads) return *fail_reads;
    if (damaged == number) return Error(ErrorCode::kCorrupt, "bad checksum in file 7");
    auto found = now.find(number);
    if (found == now.end()) return false;
    std::memcpy(into.data(), found->second.data(), kPageBytes);
    return true;
  }
  void WritePages(std::vector<PageWrite> pages) override {
    ++batches;
    pages_written += pages.size();
    for (PageWrite& page : pages) {
      if (page.content.empty()) {
        now.erase(page.number);
      } else {
        now[page.number] = std::move(page.content);
      }
    }
  }
  void WriteBegins() override { ++begun; }

  std::map<uint32_t, Bytes> now;
  std::optional<Error> fail_reads;
  uint32_t damaged = 0;
  size_t reads = 0, batches = 0, pages_written = 0, begun = 0;
};

// The rows that are left, and the counters, as one line: "[1,x][2,null] r=2 w=0".
inline std::string Rows(Cursor& cursor) {
  std::string text;
  while (cursor.has_row()) {
    text += '[';
    for (size_t i = 0; i < cursor.columns()->size(); ++i) {
      if (i > 0) text += ',';
      switch (cursor.Type(i)) {
        case ColumnType::kNull: text += "null"; break;
        case ColumnType::kInteger: text += std::to_string(cursor.Integer(i)); break;
        case ColumnType::kReal: {
          char number[32];
          snprintf(number, sizeof number, "%.6g", cursor.Real(i));
          text += number;
          break;
        }
        case ColumnType::kText: text += cursor.Text(i); break;
        case ColumnType::kBlob: text += "x'" + ToHex(cursor.Blob(i)) + "'"; break;
      }
    }
    text += ']';
    if (Result<Done> next = cursor.Next(); !next.has_value()) return text + "!" + next.error().message();
  }
  return text;
}

// What the statements give: rows, or the error's message.
inline std::string Run(Database& database, std::string_view text, std::vector<Binding> bindings = {}) {
  Result<std::unique_ptr<Cursor>> cursor = database.Exec(text, bindings);
  return cursor.has_value() ? Rows(*cursor.value()) : cursor.error().message();
}

}  // namespace limpet::sql

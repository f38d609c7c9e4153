// What an object stores, as one plain SQLite file and back: its own database, with its pairs and whatever else there is
// in tables that scripts can't make (their names begin with "_cf_"). All in memory; blocks. Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace limpet::sql {

struct ObjectContent {
  std::map<uint32_t, Bytes> pages;             // By number, from 1; none: no database.
  std::vector<std::pair<Bytes, Bytes>> pairs;  // Table _cf_KV(key TEXT, value BLOB).
  std::map<std::string, std::string> notes;    // Table _cf_METADATA(name TEXT, value TEXT).
};

// Errors: kCorrupt (the pages are no database).
Result<Bytes> WriteObjectFile(ObjectContent content);
// Without those tables, any SQLite file will do. Errors, with advice: kInvalidArgument (no SQLite file, pages of
// another size than 4,096 bytes, a write-ahead log, tables of that name and another form).
Result<ObjectContent> ReadObjectFile(BytesView file);

}  // namespace limpet::sql

#include "sim/disk_rows.h"

#include <sqlite3.h>

#include <functional>

#include "base/check.h"
#include "sim/model.h"
#include "sql/page_file.h"
#include "sql/page_record.h"

namespace limpet::sim {
namespace {

class ImagePages final : public sql::Pages {
 public:
  ImagePages(const store::Image& image, const ObjectId& object) : image_(image), object_(object) {}
  Result<bool> ReadPage(uint32_t number, std::span<char, sql::kPageBytes> into) override {
    Bytes key;
    AppendBigEndian64(key, number);
    std::optional<Bytes> page = image_.Get(object_, store::Space::kPage, key);
    if (!page) return false;
    if (!sql::UnpackPage(*page, into)) return Error(ErrorCode::kCorrupt, "a record that is none");
    return true;
  }
  void WritePages(std::vector<sql::PageWrite>) override { LIMPET_CHECK(false); }
  void WriteBegins() override {}

 private:
  const store::Image& image_;
  const ObjectId& object_;
};

// Runs one statement; each row goes to `row`. What failed, or nothing.
std::string Query(const store::Image& image, const ObjectId& object, const char* text,
                  const std::function<void(sqlite3_stmt*)>& row) {
  ImagePages pages(image, object);
  sql::PageFile file(pages);
  Result<sqlite3*> connection = file.Connect();
  if (!connection.has_value()) return connection.error().ToString();
  sqlite3_stmt* statement = nullptr;
  int code = sqlite3_prepare_v2(connection.value(), text, -1, &statement, nullptr);
  while (code == SQLITE_OK || code == SQLITE_ROW) {
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW) row(statement);
  }
  std::string wrong = code == SQLITE_DONE ? "" : sqlite3_errmsg(connection.value());
  sqlite3_finalize(statement);
  LIMPET_CHECK(sqlite3_close(connection.value()) == SQLITE_OK);
  return wrong;
}

std::string Text(sqlite3_stmt* statement, int column) {
  const void* text = sqlite3_column_text(statement, column);
  return text == nullptr ? "" : static_cast<const char*>(text);
}

}  // namespace

std::string Short(const std::string& value) {
  constexpr size_t kShown = 24;
  if (value.size() <= 2 * kShown) return value;
  return value.substr(0, kShown) + "~" + std::to_string(std::hash<std::string>()(value));
}

const Pairs& DiskRows::Of(const store::Image& image, const ObjectId& object) {
  Known& known = known_[object];
  uint64_t commit = image.CommitNumber(object);
  if (commit == known.commit) return known.rows;
  known.commit = commit;
  size_t hash = 0;
  for (const auto& [key, page] : image.Scan(object, {.space = store::Space::kPage, .start = {}, .end = {}}).pairs) {
    hash = hash * 31 + std::hash<std::string>()(page) + ReadBigEndian64(key);
  }
  if (std::exchange(known.pages, hash) == hash) return known.rows;
  known.rows.clear();
  if (hash == 0) return known.rows;
  std::string wrong = Query(image, object, "SELECT k, v FROM t", [&](sqlite3_stmt* statement) {
    known.rows[RowKey(Text(statement, 0))] = Short(Text(statement, 1));
  });
  // The first page alone may be there: of a table that was rolled back.
  if (wrong != "no such table: t") known.rows[kSchemaKey] = wrong;
  return known.rows;
}

std::string DiskRows::Damage(const store::Image& image, const ObjectId& object) const {
  if (image.Scan(object, {.space = store::Space::kPage, .start = {}, .end = {}, .limit = 1}).pairs.empty()) return {};
  std::string found;
  std::string wrong = Query(image, object, "PRAGMA integrity_check",
                            [&](sqlite3_stmt* statement) { found += Text(statement, 0) + "; "; });
  if (!wrong.empty()) return wrong;
  if (found != "ok; ") return found;
  return Query(image, object, "PRAGMA foreign_key_check", [&](sqlite3_stmt*) { wrong = "a constraint is violated"; }) +
         wrong;
}

}  // namespace limpet::sim

#include "sql/object_file.h"

#include <sqlite3.h>

#include <cstring>
#include <memory>

#include "base/check.h"
#include "sql/errors.h"
#include "sql/page_file.h"

namespace limpet::sql {
namespace {

constexpr size_t kHeaderBytes = 100, kPageSizeAt = 16, kVersionsAt = 18, kPageCountAt = 28;
constexpr std::string_view kMagic("SQLite format 3\0", 16);

class PageMap final : public Pages {
 public:
  explicit PageMap(std::map<uint32_t, Bytes>& pages) : pages_(pages) {}
  Result<bool> ReadPage(uint32_t number, std::span<char, kPageBytes> into) override {
    auto found = pages_.find(number);
    if (found == pages_.end()) return false;
    if (found->second.size() != kPageBytes) return Error(ErrorCode::kCorrupt, "a page of another size");
    std::memcpy(into.data(), found->second.data(), kPageBytes);
    return true;
  }
  void WritePages(std::vector<PageWrite> pages) override {
    for (PageWrite& page : pages) {
      if (page.content.empty()) {
        pages_.erase(page.number);
      } else {
        pages_[page.number] = std::move(page.content);
      }
    }
  }
  void WriteBegins() override {}

 private:
  std::map<uint32_t, Bytes>& pages_;
};

// A connection of our own: what scripts may not do, it may.
class Connection {
 public:
  explicit Connection(std::map<uint32_t, Bytes>& pages) : map_(pages), file_(map_) {}
  ~Connection() { LIMPET_CHECK(sqlite3_close(connection_) == SQLITE_OK); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Result<Done> Open() {
    LIMPET_TRY(connection_, file_.Connect());
    sqlite3_db_config(connection_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    return Execute("PRAGMA cache_spill=OFF; PRAGMA foreign_keys=OFF");
  }
  Result<Done> Execute(const char* text) {
    return sqlite3_exec(connection_, text, nullptr, nullptr, nullptr) == SQLITE_OK ? Result<Done>(Done{}) : Failed();
  }
  Error Failed() {
    std::string text = LastErrorText(connection_);
    if (std::optional<Error> why = file_.TakeFailure()) return std::move(*why).While(text);
    return Error(ErrorCode::kCorrupt, text);
  }
  sqlite3* get() { return connection_; }

 private:
  PageMap map_;
  PageFile file_;
  sqlite3* connection_ = nullptr;
};

using Statement = std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)>;

Result<Statement> Prepare(Connection& connection, std::string_view text) {
  sqlite3_stmt* prepared = nullptr;
  int code = sqlite3_prepare_v2(connection.get(), text.data(), static_cast<int>(text.size()), &prepared, nullptr);
  if (code != SQLITE_OK) return connection.Failed();
  return Statement(prepared, &sqlite3_finalize);
}

template <typename Rows>
Result<Done> InsertAll(Connection& connection, std::string_view text, const Rows& rows, bool values_are_text) {
  LIMPET_TRY(Statement insert, Prepare(connection, text));
  for (const auto& [key, value] : rows) {
    sqlite3_bind_text64(insert.get(), 1, key.data(), key.size(), SQLITE_STATIC, SQLITE_UTF8);
    if (values_are_text) {
      sqlite3_bind_text64(insert.get(), 2, value.data(), value.size(), SQLITE_STATIC, SQLITE_UTF8);
    } else {
      sqlite3_bind_blob64(insert.get(), 2, value.data(), value.size(), SQLITE_STATIC);
    }
    if (sqlite3_step(insert.get()) != SQLITE_DONE) return connection.Failed();
    sqlite3_reset(insert.get());
  }
  return Done{};
}

Bytes Column(sqlite3_stmt* statement, int column) {
  const void* data = sqlite3_column_blob(statement, column);
  auto size = static_cast<size_t>(sqlite3_column_bytes(statement, column));
  return data == nullptr ? Bytes() : Bytes(static_cast<const char*>(data), size);
}

Result<std::vector<std::pair<Bytes, Bytes>>> TakeTable(Connection& connection, std::string_view name,
                                                       std::string_view columns) {
  std::vector<std::pair<Bytes, Bytes>> rows;
  LIMPET_TRY(Statement known, Prepare(connection, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"));
  sqlite3_bind_text64(known.get(), 1, name.data(), name.size(), SQLITE_STATIC, SQLITE_UTF8);
  int found = sqlite3_step(known.get());
  if (found == SQLITE_DONE) return rows;
  if (found != SQLITE_ROW) return connection.Failed();
  known.reset();
  LIMPET_TRY(Statement select, Prepare(connection, "SELECT " + std::string(columns) + " FROM " + std::string(name)));
  int step = 0;
  while ((step = sqlite3_step(select.get())) == SQLITE_ROW) {
    rows.emplace_back(Column(select.get(), 0), Column(select.get(), 1));
  }
  if (step != SQLITE_DONE) return connection.Failed();
  select.reset();
  LIMPET_TRY(Done dropped, connection.Execute(("DROP TABLE " + std::string(name)).c_str()));
  (void)dropped;
  return rows;
}

uint32_t Number(BytesView bytes, size_t at, size_t count) {
  uint32_t number = 0;
  for (size_t i = 0; i < count; ++i) number = number << 8 | static_cast<uint8_t>(bytes[at + i]);
  return number;
}

Error NotUsable(std::string why) { return Error(ErrorCode::kInvalidArgument, std::move(why)); }

Result<Done> CheckFile(BytesView file) {
  if (file.size() < kHeaderBytes || file.substr(0, kMagic.size()) != kMagic) {
    return NotUsable("The file is no SQLite database.");
  }
  if (uint32_t size = Number(file, kPageSizeAt, 2); size != kPageBytes) {
    return NotUsable("The database has pages of " + std::to_string(size == 1 ? 65'536 : size) +
                     " bytes, an object's have 4096: sqlite3 FILE 'PRAGMA page_size=4096; VACUUM'");
  }
  if (file[kVersionsAt] == 2 || file[kVersionsAt + 1] == 2) {
    return NotUsable("The database has a write-ahead log: sqlite3 FILE 'PRAGMA journal_mode=DELETE'");
  }
  if (file.size() % kPageBytes != 0 || Number(file, kPageCountAt, 4) > file.size() / kPageBytes) {
    return NotUsable("The database is cut short.");
  }
  return Done{};
}

}  // namespace

Result<Bytes> WriteObjectFile(ObjectContent content) {
  {
    Connection connection(content.pages);
    LIMPET_TRY(Done opened, connection.Open());
    LIMPET_TRY(Done made, connection.Execute("BEGIN; CREATE TABLE _cf_KV(key TEXT PRIMARY KEY, value BLOB) WITHOUT "
                                             "ROWID; CREATE TABLE _cf_METADATA(name TEXT PRIMARY KEY, value TEXT)"));
    LIMPET_TRY(Done pairs, InsertAll(connection, "INSERT INTO _cf_KV VALUES (?, ?)", content.pairs, false));
    LIMPET_TRY(Done notes, InsertAll(connection, "INSERT INTO _cf_METADATA VALUES (?, ?)", content.notes, true));
    LIMPET_TRY(Done committed, connection.Execute("COMMIT"));
    (void)opened, (void)made, (void)pairs, (void)notes, (void)committed;
  }
  uint32_t count = Number(content.pages[1], kPageCountAt, 4);
  Bytes file;
  file.reserve(count * kPageBytes);
  for (uint32_t number = 1; number <= count; ++number) {
    auto found = content.pages.find(number);
    file += found == content.pages.end() ? Bytes(kPageBytes, '\0') : found->second;
  }
  return file;
}

Result<ObjectContent> ReadObjectFile(BytesView file) {
  LIMPET_TRY(Done usable, CheckFile(file));
  (void)usable;
  ObjectContent content;
  for (size_t at = 0; at < file.size(); at += kPageBytes) {
    content.pages[static_cast<uint32_t>(at / kPageBytes) + 1] = Bytes(file.substr(at, kPageBytes));
  }
  auto refused = [](Error error) { return NotUsable("The database can't be read: " + error.message()); };
  Connection connection(content.pages);
  if (Result<Done> opened = connection.Open(); !opened.has_value()) return refused(std::move(opened).error());
  auto pairs = TakeTable(connection, "_cf_KV", "key, value");
  if (!pairs.has_value()) return refused(std::move(pairs).error());
  content.pairs = std::move(pairs).value();
  auto notes = TakeTable(connection, "_cf_METADATA", "name, value");
  if (!notes.has_value()) return refused(std::move(notes).error());
  content.notes.insert(notes.value().begin(), notes.value().end());
  LIMPET_TRY(Statement tables, Prepare(connection, "SELECT 1 FROM sqlite_master"));
  bool empty = sqlite3_step(tables.get()) == SQLITE_DONE;
  tables.reset();
  if (empty) content.pages.clear();
  return content;
}

}  // namespace limpet::sql

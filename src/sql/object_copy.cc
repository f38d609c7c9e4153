#include "sql/object_copy.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "sql/scratch_database.h"
#include "store/engine.h"

namespace limpet::sql {
namespace {

// https://www.sqlite.org/fileformat.html#the_database_header
constexpr size_t kHeaderBytes = 100, kPageSizeAt = 16, kVersionsAt = 18, kPageCountAt = 28, kFirstFreeAt = 32;
constexpr std::string_view kMagic("SQLite format 3\0", 16);
constexpr uint32_t kPagesMax = kObjectFileBytesMax / kPageBytes;

uint32_t Number(BytesView bytes, size_t at, size_t count) {
  uint32_t number = 0;
  for (size_t i = 0; i < count; ++i) number = number << 8 | static_cast<uint8_t>(bytes[at + i]);
  return number;
}

uint64_t PlaceOf(uint32_t number) { return uint64_t{number - 1} * kPageBytes; }

Error NotUsable(std::string why) { return Error(ErrorCode::kInvalidArgument, std::move(why)); }

// What SQLite found wrong in a file is wrong with the file.
Error Refused(Error error) {
  if (error.code() != ErrorCode::kCorrupt) return error;
  return NotUsable("The database can't be read: " + error.message());
}

Result<Done> CheckHeader(const ScratchFile& file) {
  Bytes head(kHeaderBytes, '\0');
  LIMPET_TRY(size_t read, file.Read(0, head));
  if (read < kHeaderBytes || !head.starts_with(kMagic)) return NotUsable("The file is no SQLite database.");
  if (uint32_t size = Number(head, kPageSizeAt, 2); size != kPageBytes) {
    return NotUsable("The database has pages of " + std::to_string(size == 1 ? 65'536 : size) +
                     " bytes, an object's have 4096: sqlite3 FILE 'PRAGMA page_size=4096; VACUUM'");
  }
  if (head[kVersionsAt] == 2 || head[kVersionsAt + 1] == 2) {
    return NotUsable("The database has a write-ahead log: sqlite3 FILE 'PRAGMA journal_mode=DELETE'");
  }
  if (file.size() % kPageBytes != 0 || Number(head, kPageCountAt, 4) > file.size() / kPageBytes) {
    return NotUsable("The database is cut short.");
  }
  if (file.size() > kObjectFileBytesMax) return NotUsable("The database is larger than 10 GiB.");
  return Done{};
}

// Its first complaint, if it has one.
Result<Done> CheckIntegrity(ScratchDatabase& database) {
  LIMPET_TRY(ScratchDatabase::Statement check, database.Prepare("PRAGMA integrity_check(1)"));
  LIMPET_TRY(bool row, database.Step(check));
  Bytes said = row ? ColumnBytes(check.get(), 0) : Bytes();
  if (said == "ok") return Done{};
  return NotUsable("The database is damaged: " + said);
}

Result<bool> HasTable(ScratchDatabase& database, std::string_view name) {
  LIMPET_TRY(ScratchDatabase::Statement known,
             database.Prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"));
  sqlite3_bind_text64(known.get(), 1, name.data(), name.size(), SQLITE_STATIC, SQLITE_UTF8);
  return database.Step(known);
}

}  // namespace

// A key that was undone stays, so that a second undo is known to be one; without a value it is not there.
struct ObjectCopy::PairTable {
  std::unique_ptr<ScratchFile> file;
  std::unique_ptr<ScratchDatabase> database;
  ScratchDatabase::Statement put{nullptr, &sqlite3_finalize};
  ScratchDatabase::Statement undo{nullptr, &sqlite3_finalize};
  ScratchDatabase::Statement list{nullptr, &sqlite3_finalize};
  bool listed = false;  // `list` was at its end.

  static Result<std::unique_ptr<PairTable>> Make(const Place& place) {
    auto table = std::make_unique<PairTable>();
    LIMPET_TRY(table->file, ScratchFile::Make(place.folder));
    LIMPET_TRY(table->database, ScratchDatabase::Open(*table->file, place.stop));
    ScratchDatabase& database = *table->database;
    LIMPET_TRY(Done made, database.Execute("CREATE TABLE kv(key BLOB PRIMARY KEY, value BLOB, undone INT) WITHOUT "
                                           "ROWID"));
    LIMPET_TRY(table->put, database.Prepare("INSERT OR REPLACE INTO kv VALUES (?, ?, 0)"));
    LIMPET_TRY(table->undo, database.Prepare("INSERT INTO kv VALUES (?1, ?2, 1) ON CONFLICT (key) DO UPDATE SET value "
                                             "= ?2, undone = 1 WHERE undone = 0"));
    LIMPET_TRY(table->list, database.Prepare("SELECT key, value FROM kv WHERE value IS NOT NULL ORDER BY key"));
    (void)made;
    return table;
  }
};

ObjectCopy::ObjectCopy(Place place) : place_(std::move(place)) {}
ObjectCopy::~ObjectCopy() = default;

Result<Done> ObjectCopy::Open(std::shared_ptr<ScratchFile> pages) {
  pages_ = std::move(pages);
  LIMPET_TRY(pairs_, PairTable::Make(place_));
  return Done{};
}

Result<std::unique_ptr<ObjectCopy>> ObjectCopy::Make(Place place) {
  std::unique_ptr<ObjectCopy> copy(new ObjectCopy(std::move(place)));
  LIMPET_TRY(std::unique_ptr<ScratchFile> pages, ScratchFile::Make(copy->place_.folder));
  LIMPET_TRY(Done opened, copy->Open(std::move(pages)));
  (void)opened;
  return copy;
}

// --- From the store

void ObjectCopy::Know(uint32_t number, bool is_there) {
  if (there_.size() <= number) there_.resize(number + 1);
  page_count_ += (is_there ? 1 : 0) - (there_[number] ? 1 : 0);
  there_[number] = is_there;
}

Result<Done> ObjectCopy::PutPage(uint32_t number, BytesView page) {
  LIMPET_CHECK(page.size() == kPageBytes);
  if (number == 0 || number > kPagesMax) return Error(ErrorCode::kCorrupt, "a page of a number that is none");
  Know(number, true);
  return pages_->Write(PlaceOf(number), page);
}

Result<Done> ObjectCopy::UndoPage(uint32_t number, std::optional<BytesView> before) {
  if (number == 0 || number > kPagesMax) return Error(ErrorCode::kCorrupt, "a page of a number that is none");
  if (undone_.size() <= number) undone_.resize(number + 1);
  if (undone_[number]) return Done{};
  undone_[number] = true;
  if (before) return PutPage(number, *before);
  Know(number, false);
  // In the file a page that is not there is one of zeros.
  return PlaceOf(number) < pages_->size() ? pages_->Write(PlaceOf(number), Bytes(kPageBytes, '\0'))
                                          : Result<Done>(Done{});
}

Result<Done> ObjectCopy::PutPair(BytesView key, BytesView value) {
  return pairs_->database->Insert(pairs_->put, key, value);
}

Result<Done> ObjectCopy::UndoPair(BytesView key, std::optional<BytesView> before) {
  return pairs_->database->Insert(pairs_->undo, key, before);
}

Result<bool> ObjectCopy::Empty() {
  if (page_count_ > 0) return false;
  LIMPET_TRY(Done committed, pairs_->database->Commit());
  LIMPET_TRY(bool pair, pairs_->database->Step(pairs_->list));
  (void)committed;
  sqlite3_reset(pairs_->list.get());
  return !pair;
}

// --- A file, and back

Result<std::shared_ptr<ScratchFile>> ObjectCopy::ToFile(const Notes& notes) {
  {
    LIMPET_TRY(std::unique_ptr<ScratchDatabase> file, ScratchDatabase::Open(*pages_, place_.stop));
    LIMPET_TRY(Done made, file->Execute("BEGIN; CREATE TABLE _cf_KV(key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID; "
                                        "CREATE TABLE _cf_METADATA(name TEXT PRIMARY KEY, value TEXT); COMMIT"));
    LIMPET_TRY(ScratchDatabase::Statement pair, file->Prepare("INSERT INTO _cf_KV VALUES (?, ?)"));
    LIMPET_TRY(ScratchDatabase::Statement note, file->Prepare("INSERT INTO _cf_METADATA VALUES (?, CAST(? AS TEXT))"));
    (void)made;
    for (const auto& [name, value] : notes) {
      LIMPET_TRY(Done inserted, file->Insert(note, name, value, true));
      (void)inserted;
    }
    for (;;) {
      LIMPET_TRY(std::vector<Pair> pairs, NextPairs(kScratchTransactionBytes));
      if (pairs.empty()) break;
      for (const auto& [key, value] : pairs) {
        LIMPET_TRY(Done inserted, file->Insert(pair, key, value, true));
        (void)inserted;
      }
    }
    LIMPET_TRY(Done committed, file->Commit());
    (void)committed;
  }
  Bytes head(kHeaderBytes, '\0');
  LIMPET_TRY(size_t read, pages_->Read(0, head));
  (void)read;
  LIMPET_TRY(Done resized, pages_->Resize(uint64_t{Number(head, kPageCountAt, 4)} * kPageBytes));
  (void)resized;
  return std::move(pages_);
}

Result<std::unique_ptr<ObjectCopy>> ObjectCopy::FromFile(Place place, std::shared_ptr<ScratchFile> file, Notes& notes) {
  LIMPET_TRY(Done usable, CheckHeader(*file));
  std::unique_ptr<ObjectCopy> copy(new ObjectCopy(std::move(place)));
  LIMPET_TRY(Done opened, copy->Open(std::move(file)));
  if (Result<Done> taken = copy->TakeTables(notes); !taken.has_value()) return Refused(std::move(taken).error());
  (void)usable, (void)opened;
  return copy;
}

Result<Done> ObjectCopy::TakeTables(Notes& notes) {
  LIMPET_TRY(std::unique_ptr<ScratchDatabase> file, ScratchDatabase::Open(*pages_, place_.stop));
  LIMPET_TRY(Done sound, CheckIntegrity(*file));
  LIMPET_TRY(bool has_pairs, HasTable(*file, "_cf_KV"));
  LIMPET_TRY(bool has_notes, HasTable(*file, "_cf_METADATA"));
  (void)sound;
  if (has_pairs) {
    LIMPET_TRY(ScratchDatabase::Statement select, file->Prepare("SELECT key, value FROM _cf_KV"));
    for (;;) {
      LIMPET_TRY(bool row, file->Step(select));
      if (!row) break;
      Bytes key = ColumnBytes(select.get(), 0), value = ColumnBytes(select.get(), 1);
      if (key.size() > store::kKeyBytesMax) return NotUsable("A key is longer than 16 KiB.");
      if (value.size() > store::kValueBytesMax) return NotUsable("A value is larger than 128 MiB.");
      LIMPET_TRY(Done put, PutPair(key, value));
      (void)put;
    }
  }
  if (has_notes) {
    LIMPET_TRY(ScratchDatabase::Statement select, file->Prepare("SELECT name, value FROM _cf_METADATA LIMIT 100"));
    for (;;) {
      LIMPET_TRY(bool row, file->Step(select));
      if (!row) break;
      notes.emplace(ColumnBytes(select.get(), 0), ColumnBytes(select.get(), 1));
    }
  }
  LIMPET_TRY(Done committed, pairs_->database->Commit());
  LIMPET_TRY(Done dropped, file->Execute("DROP TABLE IF EXISTS _cf_KV; DROP TABLE IF EXISTS _cf_METADATA"));
  (void)committed, (void)dropped;
  LIMPET_TRY(ScratchDatabase::Statement tables, file->Prepare("SELECT 1 FROM sqlite_master"));
  LIMPET_TRY(bool any, file->Step(tables));
  return any ? LeaveOutFree() : Result<Done>(Done{});
}

// Pages of the free list hold nothing; only those that hold the list itself are needed.
Result<Done> ObjectCopy::LeaveOutFree() {
  Bytes page(kPageBytes, '\0');
  LIMPET_TRY(size_t read, pages_->Read(0, page));
  (void)read;
  const uint32_t count = Number(page, kPageCountAt, 4);
  there_.assign(count + 1, true);
  there_[0] = false;
  page_count_ = count;
  uint32_t trunk = Number(page, kFirstFreeAt, 4);
  for (uint32_t left = count; trunk != 0 && left > 0; --left) {
    if (trunk > count) return Error(ErrorCode::kCorrupt, "a free page behind the end");
    LIMPET_TRY(size_t bytes, pages_->Read(PlaceOf(trunk), page));
    (void)bytes;
    trunk = Number(page, 0, 4);
    const uint32_t leaves = Number(page, 4, 4);
    for (uint32_t i = 0; i < std::min<uint32_t>(leaves, kPageBytes / 4 - 2); ++i) {
      uint32_t leaf = Number(page, 8 + 4 * size_t{i}, 4);
      if (leaf > 1 && leaf <= count) Know(leaf, false);
    }
  }
  return Done{};
}

// --- In slices

Result<std::vector<ObjectCopy::Pair>> ObjectCopy::NextPairs(size_t bytes_max) {
  LIMPET_TRY(Done committed, pairs_->database->Commit());
  (void)committed;
  std::vector<Pair> pairs;
  for (size_t bytes = 0; bytes < bytes_max && !pairs_->listed;) {
    LIMPET_TRY(bool row, pairs_->database->Step(pairs_->list));
    pairs_->listed = !row;
    if (!row) break;
    Pair& pair = pairs.emplace_back(ColumnBytes(pairs_->list.get(), 0), ColumnBytes(pairs_->list.get(), 1));
    bytes += pair.first.size() + pair.second.size();
  }
  return pairs;
}

Result<std::vector<ObjectCopy::Page>> ObjectCopy::NextPages(size_t bytes_max) {
  std::vector<Page> pages;
  for (; pages.size() * kPageBytes < bytes_max && next_page_ < there_.size(); ++next_page_) {
    if (!there_[next_page_]) continue;
    Page& page = pages.emplace_back(next_page_, Bytes(kPageBytes, '\0'));
    LIMPET_TRY(size_t read, pages_->Read(PlaceOf(next_page_), page.second));
    (void)read;
  }
  return pages;
}

}  // namespace limpet::sql

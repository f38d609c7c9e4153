#include "sql/page_file.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>

#include "base/check.h"
#include "sql/memory.h"

namespace limpet::sql {
namespace {

// Of the file format, https://www.sqlite.org/fileformat.html#the_database_header
constexpr size_t kPageCountAt = 28;
constexpr size_t kFirstTreeAt = 100;

// SQLite's small allocations; more slots would cost every idle database.
constexpr int kLookasideSlotBytes = 128;
constexpr int kLookasideSlots = 32;

uint32_t ReadBigEndian32(const char* from) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(from);
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

// The first page of a database without tables, as SQLite's own newDatabase() writes it.
void FormatFirstPage(char* page) {
  std::memset(page, 0, kPageBytes);
  std::memcpy(page, "SQLite format 3", 16);
  page[16] = static_cast<char>(kPageBytes >> 8);
  page[17] = static_cast<char>(kPageBytes & 0xFF);
  page[18] = page[19] = 1;  // A rollback journal, not a write-ahead log.
  page[21] = 64, page[22] = page[23] = 32;
  page[kPageCountAt + 3] = 1;
  page[kFirstTreeAt] = 13;  // A leaf of a table, without cells.
  page[kFirstTreeAt + 5] = static_cast<char>(kPageBytes >> 8);
}

struct File : sqlite3_file {
  PageFile* target;
};
PageFile& TargetOf(sqlite3_file* file) { return *static_cast<File*>(file)->target; }

// The file that Connect() is opening on this thread: a VFS gets nothing but a name.
thread_local PageFile* connecting = nullptr;

constexpr sqlite3_io_methods kMethods = {
    .iVersion = 1,
    .xClose = [](sqlite3_file*) { return SQLITE_OK; },
    .xRead = [](sqlite3_file* file, void* into, int bytes,
                sqlite3_int64 offset) { return TargetOf(file).Read(static_cast<char*>(into), bytes, offset); },
    .xWrite = [](sqlite3_file* file, const void* from, int bytes,
                 sqlite3_int64 offset) { return TargetOf(file).Write(static_cast<const char*>(from), bytes, offset); },
    .xTruncate = [](sqlite3_file* file, sqlite3_int64 bytes) { return TargetOf(file).Truncate(bytes); },
    .xSync = [](sqlite3_file*, int) { return SQLITE_OK; },
    .xFileSize =
        [](sqlite3_file* file, sqlite3_int64* bytes) {
          int64_t size = 0;
          int code = TargetOf(file).SizeBytes(&size);
          *bytes = size;
          return code;
        },
    // One connection has the file: every lock is free.
    .xLock = [](sqlite3_file*, int) { return SQLITE_OK; },
    .xUnlock = [](sqlite3_file*, int) { return SQLITE_OK; },
    .xCheckReservedLock =
        [](sqlite3_file*, int* reserved) {
          *reserved = 0;
          return SQLITE_OK;
        },
    .xFileControl = [](sqlite3_file* file, int operation, void*) { return TargetOf(file).Control(operation); },
    .xSectorSize = [](sqlite3_file*) { return static_cast<int>(kPageBytes); },
    .xDeviceCharacteristics =
        [](sqlite3_file*) {
          return SQLITE_IOCAP_BATCH_ATOMIC | SQLITE_IOCAP_POWERSAFE_OVERWRITE | SQLITE_IOCAP_SAFE_APPEND;
        },
    .xShmMap = nullptr,
    .xShmLock = nullptr,
    .xShmBarrier = nullptr,
    .xShmUnmap = nullptr,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int OpenFile(sqlite3_vfs*, const char*, sqlite3_file* file, int flags, int* flags_out) {
  file->pMethods = nullptr;
  if (connecting == nullptr || (flags & SQLITE_OPEN_MAIN_DB) == 0) {
    if (connecting != nullptr) connecting->RefuseFile();
    return SQLITE_CANTOPEN;
  }
  static_cast<File*>(file)->target = connecting;
  file->pMethods = &kMethods;
  if (flags_out != nullptr) *flags_out = flags;
  return SQLITE_OK;
}

// SQLite's library has state of its own for the process: its allocator and the VFS. Once, before the first connection.
const char* InitializeLibrary() {
  static constexpr char kName[] = "limpet";
  static std::once_flag once;
  std::call_once(once, [] {
    ConfigureMemory();
    LIMPET_CHECK(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, kLookasideSlotBytes, kLookasideSlots) == SQLITE_OK);
    LIMPET_CHECK(sqlite3_initialize() == SQLITE_OK);
    static sqlite3_vfs vfs = *sqlite3_vfs_find(nullptr);  // Its clock, randomness and sleep.
    vfs.iVersion = 2;
    vfs.szOsFile = sizeof(File);
    vfs.mxPathname = 64;
    vfs.zName = kName;
    vfs.pNext = nullptr;
    vfs.xOpen = &OpenFile;
    vfs.xDelete = [](sqlite3_vfs*, const char*, int) { return SQLITE_IOERR_DELETE_NOENT; };
    vfs.xAccess = [](sqlite3_vfs*, const char*, int, int* found) {
      *found = 0;
      return SQLITE_OK;
    };
    vfs.xFullPathname = [](sqlite3_vfs*, const char* name, int bytes, char* full) {
      sqlite3_snprintf(bytes, full, "%s", name);
      return SQLITE_OK;
    };
    vfs.xDlOpen = nullptr;
    vfs.xDlError = nullptr;
    vfs.xDlSym = nullptr;
    vfs.xDlClose = nullptr;
    LIMPET_CHECK(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
  });
  return kName;
}

}  // namespace

Result<sqlite3*> PageFile::Connect() {
  const char* vfs = InitializeLibrary();
  sqlite3* connection = nullptr;
  connecting = this;
  int code = sqlite3_open_v2("object", &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs);
  connecting = nullptr;
  if (code == SQLITE_OK) return connection;
  sqlite3_close(connection);
  if (std::optional<Error> failure = TakeFailure()) return std::move(*failure).While("open the database");
  return Error(ErrorCode::kInternal, std::string("open the database: ") + sqlite3_errstr(code));
}

int PageFile::Fail(Error error) {
  int code = error.code() == ErrorCode::kCorrupt ? SQLITE_IOERR_CORRUPTFS : SQLITE_IOERR_READ;
  failure_ = std::move(error);
  return code;
}

int PageFile::ReadPage(uint32_t number, char* into) {
  Result<bool> found = pages_.ReadPage(number, std::span<char, kPageBytes>(into, kPageBytes));
  if (!found.has_value()) {
    return Fail(std::move(found).error().While("read page " + std::to_string(number) + " of the database"));
  }
  if (!found.value()) {
    // A page that SQLite added and freed again within one transaction is never written.
    std::memset(into, 0, kPageBytes);
    if (number == 1) FormatFirstPage(into);
  }
  return SQLITE_OK;
}

void PageFile::NoteFirstPage(const char* content) {
  std::memcpy(header_, content, kHeaderBytes);
  page_count_ = ReadBigEndian32(header_ + kPageCountAt);
  header_known_ = true;
}

int PageFile::NeedHeader() {
  if (header_known_) return SQLITE_OK;
  char page[kPageBytes];
  int code = ReadPage(1, page);
  if (code == SQLITE_OK) NoteFirstPage(page);
  return code;
}

int PageFile::Read(char* into, int bytes, int64_t offset) {
  if (int code = NeedHeader(); code != SQLITE_OK) return code;
  auto end = static_cast<size_t>(offset) + static_cast<size_t>(bytes);
  if (end <= kHeaderBytes) {
    std::memcpy(into, header_ + offset, static_cast<size_t>(bytes));
    return SQLITE_OK;
  }
  if (bytes != static_cast<int>(kPageBytes) || offset % static_cast<int64_t>(kPageBytes) != 0) return SQLITE_IOERR_READ;
  auto number = static_cast<uint32_t>(offset / static_cast<int64_t>(kPageBytes)) + 1;
  if (number > page_count_) {
    std::memset(into, 0, kPageBytes);
    return SQLITE_IOERR_SHORT_READ;
  }
  return ReadPage(number, into);
}

int PageFile::Write(const char* from, int bytes, int64_t offset) {
  if (bytes != static_cast<int>(kPageBytes) || offset % static_cast<int64_t>(kPageBytes) != 0)
    return SQLITE_IOERR_WRITE;
  auto number = static_cast<uint32_t>(offset / static_cast<int64_t>(kPageBytes)) + 1;
  PageWrite page{number, Bytes(from, kPageBytes)};
  if (in_batch_) {
    batch_.push_back(std::move(page));
    return SQLITE_OK;
  }
  ++stray_writes_;
  if (number == 1) NoteFirstPage(from);
  std::vector<PageWrite> one;
  one.push_back(std::move(page));
  pages_.WritePages(std::move(one));
  return SQLITE_OK;
}

int PageFile::Truncate(int64_t bytes) {
  if (int code = NeedHeader(); code != SQLITE_OK) return code;
  // The header may say already how many are left; the pages behind them are those that it counted before.
  auto left = static_cast<uint32_t>(bytes / static_cast<int64_t>(kPageBytes));
  std::vector<PageWrite> gone;
  for (uint32_t number = page_count_; number > left; --number) gone.push_back({number, {}});
  page_count_ = std::min(page_count_, left);
  if (!gone.empty()) pages_.WritePages(std::move(gone));
  return SQLITE_OK;
}

int PageFile::SizeBytes(int64_t* bytes) {
  int code = NeedHeader();
  *bytes = static_cast<int64_t>(page_count_) * static_cast<int64_t>(kPageBytes);
  return code;
}

int PageFile::Control(int operation) {
  switch (operation) {
    case SQLITE_FCNTL_BEGIN_ATOMIC_WRITE: in_batch_ = true; return SQLITE_OK;
    case SQLITE_FCNTL_COMMIT_ATOMIC_WRITE: {
      in_batch_ = false;
      ++batches_;
      uint32_t count_before = page_count_;
      for (const PageWrite& page : batch_) {
        if (page.number == 1) NoteFirstPage(page.content.data());
      }
      for (uint32_t number = count_before; number > page_count_; --number) batch_.push_back({number, {}});
      pages_.WritePages(std::exchange(batch_, {}));
      return SQLITE_OK;
    }
    case SQLITE_FCNTL_ROLLBACK_ATOMIC_WRITE:
      in_batch_ = false;
      batch_.clear();
      return SQLITE_OK;
    default: return SQLITE_NOTFOUND;
  }
}

}  // namespace limpet::sql

// All that an object stores at one moment, on disk: its pages in a scratch file, as SQLite lays them out, its pairs in
// a second one. So objects that are larger than memory are copied: held are a few MiB, and two bits for each page.
//
// As one plain SQLite file it is the object's own database, with its pairs and whatever else there is in tables that
// scripts can't make (their names begin with "_cf_").
//
// One thread at a time, any. Calls block, some of them for long. Errors of all: kOverloaded (the disk is full),
// kUnavailable.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/scratch_file.h"

namespace limpet::sql {

class ObjectCopy {
 public:
  // Where the files are, and what ends a call that takes long (kCanceled) once it is true.
  struct Place {
    std::string folder;
    std::shared_ptr<const std::atomic<bool>> stop;
  };
  using Notes = std::map<std::string, std::string>;  // Table _cf_METADATA(name TEXT, value TEXT).
  using Pair = std::pair<Bytes, Bytes>;
  using Page = std::pair<uint32_t, Bytes>;

  static Result<std::unique_ptr<ObjectCopy>> Make(Place place);
  ~ObjectCopy();
  ObjectCopy(const ObjectCopy&) = delete;
  ObjectCopy& operator=(const ObjectCopy&) = delete;

  // What is there now. `page` has kPageBytes, `number` is from 1.
  Result<Done> PutPage(uint32_t number, BytesView page);
  Result<Done> PutPair(BytesView key, BytesView value);
  // What was there before (nothing: there was nothing). The first call for a page or key counts.
  Result<Done> UndoPage(uint32_t number, std::optional<BytesView> before);
  Result<Done> UndoPair(BytesView key, std::optional<BytesView> before);
  Result<bool> Empty();

  // The SQLite file. The copy is used up. kCorrupt: the pages are no database.
  Result<std::shared_ptr<ScratchFile>> ToFile(const Notes& notes);
  // The copy of such a file; without those tables any SQLite file will do. Errors, with advice: kInvalidArgument (no
  // SQLite file, damaged, too large, pages of another size than 4,096 bytes, a write-ahead log, tables of those names
  // and another form). What is free in it is left out.
  static Result<std::unique_ptr<ObjectCopy>> FromFile(Place place, std::shared_ptr<ScratchFile> file, Notes& notes);

  // What comes next, about `bytes_max` of it; nothing: that was all.
  Result<std::vector<Pair>> NextPairs(size_t bytes_max);
  Result<std::vector<Page>> NextPages(size_t bytes_max);
  bool has_pages() const { return page_count_ > 0; }

 private:
  struct PairTable;
  explicit ObjectCopy(Place place);
  Result<Done> Open(std::shared_ptr<ScratchFile> pages);
  Result<Done> TakeTables(Notes& notes);
  Result<Done> LeaveOutFree();
  void Know(uint32_t number, bool is_there);

  const Place place_;
  std::shared_ptr<ScratchFile> pages_;
  std::unique_ptr<PairTable> pairs_;
  std::vector<bool> there_, undone_;  // By page number.
  size_t page_count_ = 0;             // That are there.
  uint32_t next_page_ = 1;
};

// Larger databases an object can't have (DatabaseOptions::database_bytes_max).
inline constexpr uint64_t kObjectFileBytesMax = 10ull * 1024 * 1024 * 1024;

}  // namespace limpet::sql

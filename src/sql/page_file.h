// The one file that SQLite sees of a database: pages (pages.h) behind its VFS interface. There is no other file:
// journals and temporary files are refused, and counted so that a test can say that none was asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "sql/pages.h"

struct sqlite3;

namespace limpet::sql {

// A database without pages looks like one that was just formatted: SQLite keeps a transaction in memory and hands its
// pages over as one batch only if the first page is there. One thread; outlives the connection.
class PageFile {
 public:
  explicit PageFile(Pages& pages) : pages_(pages) {}

  // Opens a connection over this file.
  Result<sqlite3*> Connect();
  // Why the last call of SQLite's failed, if it was because of the pages.
  std::optional<Error> TakeFailure() { return std::exchange(failure_, std::nullopt); }
  uint32_t page_count() const { return page_count_; }  // 0: not known yet.
  size_t refused_files() const { return refused_files_; }
  size_t batches() const { return batches_; }  // Transactions that came as one batch.
  // Pages that came outside of a batch. Stays 0 but for pages that are cut off after one.
  size_t stray_writes() const { return stray_writes_; }

  // What SQLite calls; the results are its codes.
  int Read(char* into, int bytes, int64_t offset);
  int Write(const char* from, int bytes, int64_t offset);
  int Truncate(int64_t bytes);
  int SizeBytes(int64_t* bytes);
  int Control(int operation);
  void RefuseFile() { ++refused_files_; }

 private:
  struct Header;
  static constexpr size_t kHeaderBytes = 100;

  int Fail(Error error);
  // Reads the first page's header unless it is known.
  int NeedHeader();
  void NoteFirstPage(const char* content);
  int ReadPage(uint32_t number, char* into);

  Pages& pages_;
  std::optional<Error> failure_;
  std::vector<PageWrite> batch_;
  bool in_batch_ = false;
  bool header_known_ = false;
  char header_[kHeaderBytes] = {};  // SQLite looks at it before every statement.
  uint32_t page_count_ = 0;
  size_t refused_files_ = 0;
  size_t batches_ = 0;
  size_t stray_writes_ = 0;
};

}  // namespace limpet::sql

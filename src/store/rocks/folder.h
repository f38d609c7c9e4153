// The data folder around RocksDB's own: who uses it, and which format it holds.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"

namespace limpet::store::rocks {

inline constexpr uint32_t kFormatVersion = 3;

// Holds the folder's lock while it lives. The kernel lets go of it when the process ends, however it ends.
class Folder {
 public:
  // Makes the folder if it is missing, locks it, checks its format record.
  // Errors: kConflict (another limpet uses it), kInvalidArgument (newer format, or data without a format record),
  // kUnavailable (permissions, disk).
  static Result<std::unique_ptr<Folder>> Open(const std::string& dir);
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  // Where RocksDB's files live.
  std::string database_dir() const { return dir_ + "/db"; }
  // True until MarkCreated: the database is still to be made.
  bool is_new() const { return is_new_; }
  // The database is there: from now on its absence is a loss, not a fresh start.
  Result<Done> MarkCreated();

 private:
  explicit Folder(std::string dir) : dir_(std::move(dir)) {}
  Result<Done> Lock();
  Result<Done> CheckFormat();
  Result<Done> WriteFormat(std::string_view state);

  std::string dir_;
  int lock_ = -1;
  bool is_new_ = false;
};

// "open DIR/FORMAT: Permission denied", from errno.
Error FileError(std::string_view attempt, const std::string& path);
// The whole file. Errors: kUnavailable; kNotFound if there is none.
Result<std::string> ReadFile(const std::string& path);

}  // namespace limpet::store::rocks

// A file without a name, for what is too large for memory: it is gone with its last descriptor, so also after a kill.
// Calls block on the disk. One thread at a time; Read may run beside other Reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace limpet {

class ScratchFile {
 public:
  // In `folder`, which is made if it is missing. Errors: kUnavailable (names the folder).
  static Result<std::unique_ptr<ScratchFile>> Make(const std::string& folder);
  ~ScratchFile();
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  // Errors: kOverloaded (the disk is full), kUnavailable.
  Result<Done> Write(uint64_t at, BytesView bytes);
  // How many bytes there were: fewer than asked for at the end only. Errors: kUnavailable.
  Result<size_t> Read(uint64_t at, std::span<char> into) const;
  Result<Done> Resize(uint64_t bytes);
  uint64_t size() const { return size_; }

 private:
  explicit ScratchFile(int file) : file_(file) {}
  const int file_;
  uint64_t size_ = 0;
};

// What a failed call is, from errno: kOverloaded if there is no room on the disk, else kUnavailable.
Error DiskError(const std::string& attempt);

}  // namespace limpet

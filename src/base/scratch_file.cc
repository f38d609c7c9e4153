#include "base/scratch_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace limpet {
namespace {

int OpenNameless(const std::string& folder) {
  int file = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file >= 0) return file;
  // Not every file system can: then it has a name for a moment.
  std::string name = folder + "/scratch-XXXXXX";
  file = ::mkostemp(name.data(), O_CLOEXEC);
  if (file >= 0) ::unlink(name.c_str());
  return file;
}

}  // namespace

Error DiskError(const std::string& attempt) {
  if (errno == ENOSPC || errno == EDQUOT) return Error(ErrorCode::kOverloaded, attempt + ": the disk is full");
  return Error(ErrorCode::kUnavailable, attempt + ": " + std::strerror(errno));
}

Result<std::unique_ptr<ScratchFile>> ScratchFile::Make(const std::string& folder) {
  (void)::mkdir(folder.c_str(), 0700);  // If it can't be made, the next call says why.
  int file = OpenNameless(folder);
  if (file < 0) return DiskError("make a scratch file in " + folder);
  return std::unique_ptr<ScratchFile>(new ScratchFile(file));
}

ScratchFile::~ScratchFile() { ::close(file_); }

Result<Done> ScratchFile::Write(uint64_t at, BytesView bytes) {
  while (!bytes.empty()) {
    ssize_t wrote = ::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return DiskError("write a scratch file");
    at += static_cast<uint64_t>(wrote);
    bytes.remove_prefix(static_cast<size_t>(wrote));
    size_ = std::max(size_, at);
  }
  return Done{};
}

Result<size_t> ScratchFile::Read(uint64_t at, std::span<char> into) const {
  size_t all = 0;
  while (all < into.size()) {
    ssize_t got = ::pread(file_, into.data() + all, into.size() - all, static_cast<off_t>(at + all));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return DiskError("read a scratch file");
    if (got == 0) break;
    all += static_cast<size_t>(got);
  }
  return all;
}

Result<Done> ScratchFile::Resize(uint64_t bytes) {
  if (::ftruncate(file_, static_cast<off_t>(bytes)) != 0) return DiskError("resize a scratch file");
  size_ = bytes;
  return Done{};
}

}  // namespace limpet

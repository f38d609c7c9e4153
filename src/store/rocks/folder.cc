#include "store/rocks/folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace limpet::store::rocks {
namespace {

constexpr std::string_view kFormatLine =
    "limpet store rocks ";  // Then the version, and "creating" until the database is made.

Result<Done> WriteAll(int file, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    ssize_t wrote = ::write(file, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return FileError("write", path);
    text.remove_prefix(static_cast<size_t>(wrote));
  }
  return Done{};
}

Result<Done> SyncDirectory(const std::string& dir) {
  int file = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return FileError("open", dir);
  int failed = ::fsync(file);
  int error = errno;
  ::close(file);
  errno = error;
  if (failed != 0) return FileError("sync", dir);
  return Done{};
}

}  // namespace

Error FileError(std::string_view attempt, const std::string& path) {
  return Error(ErrorCode::kUnavailable,
               std::string(attempt) + " " + path + ": " + std::generic_category().message(errno));
}

Result<std::string> ReadFile(const std::string& path) {
  int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return Error(ErrorCode::kNotFound, path + " does not exist");
  if (file < 0) return FileError("open", path);
  struct stat about = {};
  std::string text;
  if (::fstat(file, &about) == 0) text.reserve(static_cast<size_t>(about.st_size));
  std::string chunk(256 * 1024, '\0');
  ssize_t got = 0;
  while ((got = ::read(file, chunk.data(), chunk.size())) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    text.append(chunk.data(), static_cast<size_t>(got));
  }
  int error = errno;
  ::close(file);
  errno = error;
  if (got < 0) return FileError("read", path);
  return text;
}

Result<std::unique_ptr<Folder>> Folder::Open(const std::string& dir) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) return Error(ErrorCode::kUnavailable, "make data folder " + dir + ": " + error.message());
  std::unique_ptr<Folder> folder(new Folder(dir));
  LIMPET_TRY(Done locked, folder->Lock());
  LIMPET_TRY(Done checked, folder->CheckFormat());
  (void)locked, (void)checked;
  return folder;
}

Folder::~Folder() {
  if (lock_ >= 0) ::close(lock_);
}

Result<Done> Folder::Lock() {
  std::string path = dir_ + "/LOCK";
  lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0) return FileError("open", path).While("the data folder is not writable");
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return FileError("lock", path);
    char owner[32] = {};
    ssize_t got = ::pread(lock_, owner, sizeof owner - 1, 0);
    std::string who = got > 0 ? " (process " + std::string(owner, static_cast<size_t>(got)) + ")" : "";
    return Error(ErrorCode::kConflict, "data folder " + dir_ + ": another limpet uses it" + who);
  }
  // For the message above alone: a failure here is none of the store.
  std::string pid = std::to_string(::getpid());
  if (::ftruncate(lock_, 0) != 0 || ::pwrite(lock_, pid.data(), pid.size(), 0) < 0) errno = 0;
  return Done{};
}

Result<Done> Folder::CheckFormat() {
  std::string path = dir_ + "/FORMAT";
  Result<std::string> read = ReadFile(path);
  if (!read && read.error().code() != ErrorCode::kNotFound) return std::move(read).error();
  if (!read) {
    std::error_code error;
    if (std::filesystem::exists(database_dir(), error)) {
      return Error(ErrorCode::kInvalidArgument, "data folder " + dir_ +
                                                    " holds a database but no FORMAT file: restore the file " +
                                                    "from a backup, or use another folder");
    }
    is_new_ = true;
    return WriteFormat("creating");
  }
  std::string_view text = read.value();
  uint32_t version = 0;
  if (text.starts_with(kFormatLine)) {
    text.remove_prefix(kFormatLine.size());
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
    if (error != std::errc()) version = 0;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
  }
  if (version == 0) return Error(ErrorCode::kCorrupt, path + " (offset 0) is not a format record of limpet");
  if (version > kFormatVersion) {
    return Error(ErrorCode::kInvalidArgument,
                 "data folder " + dir_ + " was written by a newer limpet (data format " + std::to_string(version) +
                     ", this one knows " + std::to_string(kFormatVersion) +
                     "): start that version again, or use another folder. Nothing was changed");
  }
  is_new_ = text.find("creating") != std::string_view::npos;
  // From here on an older limpet must not write: it would leave gaps in the history.
  if (version < kFormatVersion) return WriteFormat(is_new_ ? "creating" : "");
  return Done{};
}

Result<Done> Folder::MarkCreated() {
  is_new_ = false;
  return WriteFormat("");
}

Result<Done> Folder::WriteFormat(std::string_view state) {
  std::string path = dir_ + "/FORMAT";
  std::string fresh = path + ".new";
  int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return FileError("open", fresh);
  std::string line = std::string(kFormatLine) + std::to_string(kFormatVersion);
  if (!state.empty()) line += " " + std::string(state);
  Result<Done> wrote = WriteAll(file, line + "\n", fresh);
  if (wrote.has_value() && ::fsync(file) != 0) wrote = FileError("sync", fresh);
  ::close(file);
  if (!wrote) return wrote;
  if (::rename(fresh.c_str(), path.c_str()) != 0) return FileError("rename", fresh);
  return SyncDirectory(dir_);
}

}  // namespace limpet::store::rocks

// A disk that fails by order, and a clock that is moved: for tests of the engine.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"

namespace limpet::store {

// Fails or counts what reaches the logs.
struct Disk {
  std::atomic<bool> fail_appends{false};
  std::atomic<bool> fail_syncs{false};
  std::atomic<int> log_syncs{0};
};

class LogFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  LogFile(std::unique_ptr<rocksdb::FSWritableFile>&& file, Disk& disk)
      : FSWritableFileOwnerWrapper(std::move(file)), disk_(disk) {}
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    if (!disk_.fail_appends) return FSWritableFileOwnerWrapper::Append(data, options, debug);
    // As a disk that fills up: some of it is written.
    (void)FSWritableFileOwnerWrapper::Append({data.data(), data.size() / 2}, options, debug);
    return rocksdb::IOStatus::NoSpace("the test's disk is full");
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo&, rocksdb::IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
    ++disk_.log_syncs;
    if (disk_.fail_syncs) return rocksdb::IOStatus::IOError("the test's disk does not sync");
    return FSWritableFileOwnerWrapper::Sync(options, debug);
  }

 private:
  Disk& disk_;
};

class TestFiles : public rocksdb::FileSystemWrapper {
 public:
  explicit TestFiles(Disk& disk) : FileSystemWrapper(rocksdb::FileSystem::Default()), disk_(disk) {}
  const char* Name() const override { return "TestFiles"; }
  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus status = FileSystemWrapper::NewWritableFile(name, options, file, debug);
    if (status.ok() && name.ends_with(".log")) *file = std::make_unique<LogFile>(std::move(*file), disk_);
    return status;
  }

 private:
  Disk& disk_;
};

// The real time, and what a test adds to it.
class MovedClock final : public Clock {
 public:
  Instant Now() const override { return real_.Now(); }
  WallTime WallNow() const override { return real_.WallNow() + std::chrono::milliseconds(ahead_ms); }
  std::atomic<int64_t> ahead_ms{0};

 private:
  RealClock real_;
};

}  // namespace limpet::store

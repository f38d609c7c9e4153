#include "control/copier.h"

#include <sys/statvfs.h>

#include <algorithm>

namespace limpet::control {
namespace {

constexpr size_t kReadBytes = 256 * 1024;
constexpr size_t kWriteBytes = 1024 * 1024;

class FileStream final : public BodyStream {
 public:
  FileStream(loop::Loop& loop, std::shared_ptr<Worker> worker, std::shared_ptr<ScratchFile> file,
             std::shared_ptr<void> ticket)
      : loop_(loop), worker_(std::move(worker)), file_(std::move(file)), ticket_(std::move(ticket)) {}
  ~FileStream() override { *alive_ = false; }

  void Read(OnChunk on_chunk) override {
    worker_->Run(
        [this, &loop = loop_, alive = alive_, file = file_, at = at_, on_chunk = std::move(on_chunk)]() mutable {
          Bytes bytes(kReadBytes, '\0');
          Result<size_t> read = file->Read(at, bytes);
          if (read.has_value()) bytes.resize(read.value());
          loop.Post([this, alive = std::move(alive), read = std::move(read), bytes = std::move(bytes),
                     on_chunk = std::move(on_chunk)]() mutable {
            if (!*alive) return;
            if (!read.has_value()) return on_chunk(std::move(read).error());
            at_ += bytes.size();
            on_chunk(bytes.empty() ? std::optional<Bytes>() : std::move(bytes));
          });
        });
  }

 private:
  loop::Loop& loop_;
  const std::shared_ptr<Worker> worker_;
  const std::shared_ptr<ScratchFile> file_;
  const std::shared_ptr<void> ticket_;
  uint64_t at_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // The loop's thread alone looks at it.
};

}  // namespace

void Worker::Run(UniqueFunction<void()> work) {
  {
    std::lock_guard lock(mutex_);
    if (pool_ != nullptr) return pool_->Run(std::move(work));
  }
  work();
}

void Worker::Close() {
  std::unique_ptr<loop::Pool> pool;
  {
    std::lock_guard lock(mutex_);
    pool = std::move(pool_);
  }
}

Copier::Copier(loop::Loop& loop, std::string folder, bool has_threads)
    : loop_(loop),
      folder_(std::move(folder)),
      sql_(std::make_shared<Worker>(has_threads)),
      files_(std::make_shared<Worker>(has_threads)) {}

Copier::~Copier() {
  stop_->store(true);
  sql_->Close();
  files_->Close();
}

std::shared_ptr<void> Copier::Enter() {
  if (*running_ >= kCopiesMax) return nullptr;
  ++*running_;
  return {running_.get(), [running = running_](void*) { --*running; }};
}

Body Copier::FileBody(std::shared_ptr<ScratchFile> file, std::shared_ptr<void> ticket) {
  uint64_t bytes = file->size();
  return Body::Of(std::make_unique<FileStream>(loop_, files_, std::move(file), std::move(ticket)), bytes);
}

loop::Task<Result<std::shared_ptr<ScratchFile>>> Copier::TakeBody(Body body, uint64_t bytes_max) {
  Error too_large(ErrorCode::kOverloaded, "The file is larger than " + std::to_string(bytes_max >> 20) + " MiB.");
  if (body.length.value_or(0) > bytes_max) co_return too_large;
  LIMPET_CO_TRY(std::unique_ptr<ScratchFile> made, ScratchFile::Make(folder_));
  std::shared_ptr<ScratchFile> file = Share(std::move(made), files_);
  uint64_t all = 0;
  Bytes bytes = std::move(body.bytes);
  for (bool complete = false; !complete;) {
    complete = body.stream == nullptr;
    while (!complete && bytes.size() < kWriteBytes) {
      loop::Completion<Result<std::optional<Bytes>>> read([&](auto done) { body.stream->Read(std::move(done)); });
      Result<std::optional<Bytes>> chunk = co_await read;
      if (!chunk.has_value()) {
        co_return Error(ErrorCode::kInvalidArgument, "The request's body broke off: " + chunk.error().message());
      }
      complete = !chunk.value();
      if (!complete) bytes += **chunk;
    }
    const uint64_t at = all;
    all += bytes.size();
    if (all > bytes_max) co_return too_large;
    Result<Done> wrote =
        co_await Do<Result<Done>>(files_, [this, file, at, bytes = std::exchange(bytes, {})]() -> Result<Done> {
          Result<Done> room = at > kSmallCopyBytes ? CheckRoom(bytes.size()) : Done{};
          return room.has_value() ? file->Write(at, bytes) : std::move(room);
        });
    if (!wrote.has_value()) co_return std::move(wrote).error();
  }
  co_return file;
}

Result<Done> Copier::CheckRoom(uint64_t bytes) const {
  struct statvfs about{};
  if (bytes == 0 || ::statvfs(folder_.c_str(), &about) != 0) return Done{};
  uint64_t available = uint64_t{about.f_bavail} * about.f_frsize;
  if (available >= bytes + kDiskReserveBytes) return Done{};
  return Error(ErrorCode::kOverloaded, "The disk has too little room: " + std::to_string(available >> 20) +
                                           " MiB are free, this takes " +
                                           std::to_string(((bytes + kDiskReserveBytes) >> 20) + 1) + " MiB.");
}

}  // namespace limpet::control

// Pipes of the kernel, through which a body goes from one socket into another: splice(2) moves pages, and copies
// nothing. One thread.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

namespace limpet::net {

inline constexpr int kPipeBytes = 512 * 1024;
// Of a body that are still to come, to be worth a pipe.
inline constexpr size_t kPipedBytesMin = 128 * 1024;
// Of one server or client: the kernel gives a user's processes 64 MiB for pipes. Who gets none, copies.
inline constexpr size_t kPipesMax = 32;
inline constexpr size_t kPipesIdleMax = 4;

// splice(2), one end of which is a pipe: how many bytes moved, 0 at the end of `from`; below 0 with errno. Waits only
// for a socket that blocks.
inline ssize_t Splice(int from, int to, size_t bytes_max, unsigned flags = 0) {
  ssize_t moved;
  do {
    moved = ::splice(from, nullptr, to, nullptr, bytes_max, SPLICE_F_MOVE | SPLICE_F_NONBLOCK | flags);
  } while (moved < 0 && errno == EINTR);
  return moved;
}

class Pipe {
 public:
  ~Pipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
    --*open_;
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int out() const { return ends_[0]; }
  int in() const { return ends_[1]; }

 private:
  friend class PipePool;
  Pipe(const int (&ends)[2], std::shared_ptr<size_t> open) : ends_{ends[0], ends[1]}, open_(std::move(open)) {}
  int ends_[2];
  std::shared_ptr<size_t> open_;  // How many there are of the pool, which may be gone.
};

class PipePool {
 public:
  // An empty pipe of kPipeBytes, which does not block; null if there is none to be had.
  std::unique_ptr<Pipe> Take() {
    if (!idle_.empty()) {
      std::unique_ptr<Pipe> pipe = std::move(idle_.back());
      idle_.pop_back();
      return pipe;
    }
    int ends[2];
    if (*open_ >= kPipesMax || ::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return nullptr;
    ++*open_;
    std::unique_ptr<Pipe> pipe(new Pipe(ends, open_));
    if (::fcntl(pipe->in(), F_SETPIPE_SZ, kPipeBytes) < kPipeBytes) return nullptr;
    return pipe;
  }
  // `pipe` is empty.
  void Give(std::unique_ptr<Pipe> pipe) {
    if (idle_.size() < kPipesIdleMax) idle_.push_back(std::move(pipe));
  }

 private:
  std::vector<std::unique_ptr<Pipe>> idle_;
  std::shared_ptr<size_t> open_ = std::make_shared<size_t>(0);
};

}  // namespace limpet::net

// What was read from a socket and not yet taken. One thread.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>

namespace limpet::net {

inline constexpr size_t kBodyReadBytes = 64 * 1024;       // The room for reading a body, at first.
inline constexpr size_t kBodyChunkBytesMax = 256 * 1024;  // And at most; no chunk of a body is larger.

// How much room a read of a body gets: more, once the sender was seen to fill it. Each system call costs about as much
// as copying 64 KiB.
class BodyRoom {
 public:
  size_t bytes() const { return bytes_; }
  void Saw(size_t read) {
    if (read >= bytes_) bytes_ = std::min(2 * bytes_, kBodyChunkBytesMax);
  }

 private:
  size_t bytes_ = kBodyReadBytes;
};

class InBuffer {
 public:
  std::string_view view() const { return {data_.get() + begin_, end_ - begin_}; }
  size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  void Consume(size_t bytes) {
    begin_ += bytes;
    if (begin_ == end_ && !lent_) begin_ = end_ = 0;
  }

  // Lends room for a read of at least `bytes`; until Commit nothing moves.
  struct Room {
    char* data;
    size_t size;
  };
  Room Lend(size_t bytes) {
    if (capacity_ - end_ < bytes) Grow(bytes);
    lent_ = true;
    return {data_.get() + end_, capacity_ - end_};
  }
  // `bytes` of what was lent have been filled.
  void Commit(size_t bytes) {
    end_ += bytes;
    lent_ = false;
  }
  // Gives memory back if nothing is held and more than `keep_bytes` are reserved.
  void Trim(size_t keep_bytes) {
    if (!empty() || lent_ || capacity_ <= keep_bytes) return;
    data_.reset();
    begin_ = end_ = capacity_ = 0;
  }

 private:
  void Grow(size_t bytes) {
    size_t held = size();
    if (capacity_ >= held + bytes && begin_ >= capacity_ / 2) {
      std::memmove(data_.get(), data_.get() + begin_, held);
    } else {
      size_t capacity = std::max(capacity_, size_t{512});
      while (capacity < held + bytes) capacity *= 2;
      std::unique_ptr<char[]> grown(new char[capacity]);
      if (held > 0) std::memcpy(grown.get(), data_.get() + begin_, held);
      data_ = std::move(grown);
      capacity_ = capacity;
    }
    begin_ = 0;
    end_ = held;
  }

  std::unique_ptr<char[]> data_;
  size_t capacity_ = 0, begin_ = 0, end_ = 0;
  bool lent_ = false;
};

}  // namespace limpet::net

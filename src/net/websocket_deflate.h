// The permessage-deflate coding of one message (RFC 7692). Messages are independent of each other: no connection keeps
// a window between them, so the same compressed message serves many receivers. One thread. No I/O.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "base/bytes.h"

struct z_stream_s;

namespace limpet::net {

// Expands a message that comes in pieces.
class Inflater {
 public:
  enum class Status { kOk, kTooLarge, kCorrupt };
  Inflater();
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Appends to `out` what `in` adds. kTooLarge: `out` would get longer than `out_bytes_max`. After anything but kOk
  // only Reset helps.
  Status Add(std::string_view in, Bytes& out, size_t out_bytes_max);
  Status EndMessage(Bytes& out, size_t out_bytes_max);  // Adds the four bytes that senders leave out.
  void Reset();                                         // Forgets the window.

 private:
  std::unique_ptr<z_stream_s> stream_;
  bool good_ = false;
};

// Compresses whole messages. Holds about 270 KiB from the first one on: one for all connections of a loop.
class Deflater {
 public:
  explicit Deflater(int window_bits);  // 9 … 15.
  ~Deflater();
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  // Appends the compressed form of `in`. False: it does not get shorter than `in`, or no memory; `out` is as it was.
  bool Compress(std::string_view in, Bytes& out);

 private:
  int window_bits_;
  std::unique_ptr<z_stream_s> stream_;
};

// The coders that the connections of a loop share: an inflater is lent to a connection for the time of one message.
class DeflateCoders {
 public:
  std::unique_ptr<Inflater> TakeInflater();
  void GiveBack(std::unique_ptr<Inflater> inflater);
  Deflater& DeflaterFor(int window_bits);  // 9 … 15.

 private:
  static constexpr size_t kSpareInflatersMax = 4;
  std::vector<std::unique_ptr<Inflater>> spare_;
  std::unique_ptr<Deflater> deflaters_[16];
};

}  // namespace limpet::net

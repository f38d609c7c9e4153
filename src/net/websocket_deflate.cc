#include "net/websocket_deflate.h"

#include <zlib.h>

#include <algorithm>

namespace limpet::net {
namespace {

constexpr int kLevel = 3;  // Chat and JSON: within a few percent of the default's size, in a third of its time.
constexpr size_t kStepBytes = 16 * 1024;
constexpr std::string_view kTail("\x00\x00\xff\xff", 4);  // RFC 7692, 7.2.1.

Bytef* Input(std::string_view in) { return reinterpret_cast<Bytef*>(const_cast<char*>(in.data())); }

}  // namespace

Inflater::Inflater() : stream_(std::make_unique<z_stream>()) { good_ = inflateInit2(stream_.get(), -15) == Z_OK; }

Inflater::~Inflater() { inflateEnd(stream_.get()); }

void Inflater::Reset() { good_ = inflateReset(stream_.get()) == Z_OK; }

Inflater::Status Inflater::Add(std::string_view in, Bytes& out, size_t out_bytes_max) {
  if (!good_) return Status::kCorrupt;
  z_stream& stream = *stream_;
  stream.next_in = Input(in);
  stream.avail_in = static_cast<uInt>(in.size());
  Bytef buffer[kStepBytes];
  while (true) {
    stream.next_out = buffer;
    stream.avail_out = sizeof buffer;
    int result = inflate(&stream, Z_SYNC_FLUSH);
    size_t made = sizeof buffer - stream.avail_out;
    if (made > out_bytes_max - std::min(out_bytes_max, out.size())) return good_ = false, Status::kTooLarge;
    out.append(reinterpret_cast<char*>(buffer), made);
    if (result == Z_STREAM_END) {
      // A final block ends the sender's stream, not the message (RFC 7692, 7.2.3.4).
      if (inflateReset(&stream) != Z_OK) return good_ = false, Status::kCorrupt;
      if (stream.avail_in == 0) return Status::kOk;
      continue;
    }
    if (result == Z_BUF_ERROR) return Status::kOk;  // Nothing to read and nothing to write: more has to come.
    if (result != Z_OK) return good_ = false, Status::kCorrupt;
    if (stream.avail_in == 0 && stream.avail_out > 0) return Status::kOk;
  }
}

Inflater::Status Inflater::EndMessage(Bytes& out, size_t out_bytes_max) { return Add(kTail, out, out_bytes_max); }

Deflater::Deflater(int window_bits) : window_bits_(window_bits) {}

Deflater::~Deflater() {
  if (stream_) deflateEnd(stream_.get());
}

bool Deflater::Compress(std::string_view in, Bytes& out) {
  if (!stream_) {
    auto stream = std::make_unique<z_stream>();
    if (deflateInit2(stream.get(), kLevel, Z_DEFLATED, -window_bits_, 8, Z_DEFAULT_STRATEGY) != Z_OK) return false;
    stream_ = std::move(stream);
  } else if (deflateReset(stream_.get()) != Z_OK) {
    return false;
  }
  // Room for as much as the input has: if that is not enough, it does not get shorter.
  size_t before = out.size();
  out.resize(before + in.size() + kTail.size());
  z_stream& stream = *stream_;
  stream.next_in = Input(in);
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
  stream.avail_out = static_cast<uInt>(out.size() - before);
  int result = deflate(&stream, Z_SYNC_FLUSH);
  size_t made = out.size() - before - stream.avail_out;
  bool whole = result == Z_OK && stream.avail_in == 0 && stream.avail_out > 0;
  if (!whole || made < kTail.size() || made - kTail.size() >= in.size()) return out.resize(before), false;
  out.resize(before + made - kTail.size());
  return true;
}

std::unique_ptr<Inflater> DeflateCoders::TakeInflater() {
  if (spare_.empty()) return std::make_unique<Inflater>();
  std::unique_ptr<Inflater> inflater = std::move(spare_.back());
  spare_.pop_back();
  return inflater;
}

void DeflateCoders::GiveBack(std::unique_ptr<Inflater> inflater) {
  if (!inflater || spare_.size() >= kSpareInflatersMax) return;
  inflater->Reset();
  spare_.push_back(std::move(inflater));
}

Deflater& DeflateCoders::DeflaterFor(int window_bits) {
  std::unique_ptr<Deflater>& deflater = deflaters_[std::clamp(window_bits, 9, 15)];
  if (!deflater) deflater = std::make_unique<Deflater>(std::clamp(window_bits, 9, 15));
  return *deflater;
}

}  // namespace limpet::net

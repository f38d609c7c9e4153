#include "net/content_coding.h"

#include <zlib.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

// The host exports Brotli and ships no headers for it: this is what of <brotli/encode.h> and <brotli/decode.h> is used.
extern "C" {
struct BrotliEncoderStateStruct;
struct BrotliDecoderStateStruct;
BrotliEncoderStateStruct* BrotliEncoderCreateInstance(void* allocate, void* release, void* opaque);
int BrotliEncoderSetParameter(BrotliEncoderStateStruct*, int parameter, uint32_t value);
int BrotliEncoderCompressStream(BrotliEncoderStateStruct*, int operation, size_t* available_in, const uint8_t** next_in,
                                size_t* available_out, uint8_t** next_out, size_t* total_out);
int BrotliEncoderIsFinished(BrotliEncoderStateStruct*);
void BrotliEncoderDestroyInstance(BrotliEncoderStateStruct*);
BrotliDecoderStateStruct* BrotliDecoderCreateInstance(void* allocate, void* release, void* opaque);
int BrotliDecoderDecompressStream(BrotliDecoderStateStruct*, size_t* available_in, const uint8_t** next_in,
                                  size_t* available_out, uint8_t** next_out, size_t* total_out);
void BrotliDecoderDestroyInstance(BrotliDecoderStateStruct*);
}

namespace limpet::net {
namespace {

constexpr size_t kPieceBytes = 64 * 1024;  // Of input and of output that one call handles.
constexpr int kGzipWindowBits = 31;        // 15, with gzip's header.
constexpr int kBrotliQualityParameter = 1;
constexpr uint32_t kBrotliQuality = 5;  // The default, 11, is for files that are compressed once and for all.
enum BrotliOperation : int { kBrotliProcess = 0, kBrotliFlush = 1, kBrotliFinish = 2 };
constexpr int kBrotliError = 0;
constexpr int kBrotliSuccess = 1;

Error Broken(const char* text) { return Error(ErrorCode::kInvalidArgument, text).Named("TypeError"); }

// How far a coder shall go.
enum class Until : uint8_t { kInput, kFlush, kEnd };

// Takes what it can of `in` (kPieceBytes at most) and appends at most kPieceBytes to `out`.
class Coder {
 public:
  virtual ~Coder() = default;
  // True: all that `until` asks for is out; false: call again with the rest.
  virtual Result<bool> Step(std::string_view& in, Until until, Bytes& out) = 0;
};

// Room at the end of `out`, cut to what was filled when it goes.
class Room {
 public:
  explicit Room(Bytes& out) : out_(out), before_(out.size()) { out_.resize(before_ + kPieceBytes); }
  ~Room() { out_.resize(out_.size() - left); }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;
  uint8_t* data() { return reinterpret_cast<uint8_t*>(out_.data()) + before_; }
  size_t left = kPieceBytes;

 private:
  Bytes& out_;
  size_t before_;
};

class GzipEncoder final : public Coder {
 public:
  GzipEncoder() {
    good_ = deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindowBits, 8, Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~GzipEncoder() override { deflateEnd(&stream_); }
  Result<bool> Step(std::string_view& in, Until until, Bytes& out) override {
    if (!good_) return Error(ErrorCode::kOverloaded, "no memory for compression");
    Room room(out);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = room.data();
    stream_.avail_out = kPieceBytes;
    int flush = until == Until::kInput ? Z_NO_FLUSH : until == Until::kFlush ? Z_SYNC_FLUSH : Z_FINISH;
    int result = deflate(&stream_, flush);
    room.left = stream_.avail_out;
    in.remove_prefix(in.size() - stream_.avail_in);
    if (flush == Z_FINISH) return result == Z_STREAM_END;
    return in.empty() && stream_.avail_out > 0;
  }

 private:
  z_stream stream_{};
  bool good_;
};

class GzipDecoder final : public Coder {
 public:
  GzipDecoder() { good_ = inflateInit2(&stream_, kGzipWindowBits) == Z_OK; }
  ~GzipDecoder() override { inflateEnd(&stream_); }
  Result<bool> Step(std::string_view& in, Until until, Bytes& out) override {
    if (!good_) return Error(ErrorCode::kOverloaded, "no memory for decompression");
    Room room(out);
    if (between_ && !in.empty()) {  // Another member follows (RFC 1952, 2.2).
      if (inflateReset(&stream_) != Z_OK) return Broken("Gzip decompression failed.");
      between_ = false;
    }
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = room.data();
    stream_.avail_out = kPieceBytes;
    int result = between_ ? Z_BUF_ERROR : inflate(&stream_, Z_NO_FLUSH);
    room.left = stream_.avail_out;
    in.remove_prefix(in.size() - stream_.avail_in);
    if (result == Z_STREAM_END) between_ = true;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return Broken("Gzip decompression failed.");
    if (!in.empty() || (stream_.avail_out == 0 && !between_)) return false;
    if (until == Until::kEnd && !between_) return Broken("Gzip compressed stream ended prematurely.");
    return true;
  }

 private:
  z_stream stream_{};
  bool good_;
  bool between_ = false;  // A member has ended.
};

class BrotliEncoder final : public Coder {
 public:
  BrotliEncoder() : state_(BrotliEncoderCreateInstance(nullptr, nullptr, nullptr)) {
    if (state_ != nullptr) BrotliEncoderSetParameter(state_, kBrotliQualityParameter, kBrotliQuality);
  }
  ~BrotliEncoder() override { BrotliEncoderDestroyInstance(state_); }
  Result<bool> Step(std::string_view& in, Until until, Bytes& out) override {
    if (state_ == nullptr) return Error(ErrorCode::kOverloaded, "no memory for compression");
    Room room(out);
    size_t left = in.size();
    const auto* next_in = reinterpret_cast<const uint8_t*>(in.data());
    uint8_t* next_out = room.data();
    int operation = until == Until::kInput ? kBrotliProcess : until == Until::kFlush ? kBrotliFlush : kBrotliFinish;
    if (BrotliEncoderCompressStream(state_, operation, &left, &next_in, &room.left, &next_out, nullptr) == 0) {
      return Error(ErrorCode::kInternal, "compression failed");
    }
    in.remove_prefix(in.size() - left);
    if (operation == kBrotliFinish) return BrotliEncoderIsFinished(state_) != 0;
    return in.empty() && room.left > 0;
  }

 private:
  BrotliEncoderStateStruct* state_;
};

class BrotliDecoder final : public Coder {
 public:
  BrotliDecoder() : state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) {}
  ~BrotliDecoder() override { BrotliDecoderDestroyInstance(state_); }
  Result<bool> Step(std::string_view& in, Until until, Bytes& out) override {
    if (state_ == nullptr) return Error(ErrorCode::kOverloaded, "no memory for decompression");
    if (ended_) {
      if (!in.empty()) return Broken("Brotli decompression failed.");
      return true;
    }
    Room room(out);
    size_t left = in.size();
    const auto* next_in = reinterpret_cast<const uint8_t*>(in.data());
    uint8_t* next_out = room.data();
    int result = BrotliDecoderDecompressStream(state_, &left, &next_in, &room.left, &next_out, nullptr);
    in.remove_prefix(in.size() - left);
    if (result == kBrotliError) return Broken("Brotli decompression failed.");
    ended_ = result == kBrotliSuccess;
    if (ended_) return in.empty();
    if (!in.empty() || room.left == 0) return false;
    if (until == Until::kEnd) return Broken("Brotli compressed stream ended prematurely.");
    return true;
  }

 private:
  BrotliDecoderStateStruct* state_;
  bool ended_ = false;
};

std::unique_ptr<Coder> MakeCoder(ContentCoding coding, bool encodes) {
  if (coding == ContentCoding::kBrotli) {
    if (encodes) return std::make_unique<BrotliEncoder>();
    return std::make_unique<BrotliDecoder>();
  }
  if (encodes) return std::make_unique<GzipEncoder>();
  return std::make_unique<GzipDecoder>();
}

class CodedStream final : public BodyStream {
 public:
  CodedStream(std::unique_ptr<Coder> coder, Body body)
      : coder_(std::move(coder)), source_(std::move(body.stream)), held_(std::move(body.bytes)), in_(held_) {
    source_ended_ = source_ == nullptr;
  }

  void Read(OnChunk on_chunk) override {
    on_chunk_ = std::move(on_chunk);
    Pump();
  }

 private:
  // Works until there is something to give, or nothing to work on. Giving is the last thing that a call does: the
  // reader may ask again, or destroy this, in the middle of it.
  void Pump() {
    while (on_chunk_) {
      if (failed_) return Give(*std::exchange(failed_, std::nullopt));
      if (in_.empty() && !source_ended_ && !flushes_) {
        if (!reading_) AskSource();
        if (!reading_) continue;
        // It has no more at hand: what it has said so far goes out.
        if (unsent_bytes_ == 0) return;
        flushes_ = true;
      }
      Bytes out;
      if (Result<Done> worked = Work(out); !worked) return Give(std::move(worked).error());
      if (!out.empty()) return Give(std::optional<Bytes>(std::move(out)));
      if (done_) return Give(std::optional<Bytes>());
    }
  }

  Result<Done> Work(Bytes& out) {
    if (done_) return Done{};
    std::string_view piece = flushes_ ? std::string_view() : std::string_view(in_).substr(0, kPieceBytes);
    bool ends = source_ended_ && !flushes_ && piece.size() == in_.size();
    Until until = ends ? Until::kEnd : flushes_ ? Until::kFlush : Until::kInput;
    size_t before = piece.size();
    LIMPET_TRY(bool complete, coder_->Step(piece, until, out));
    size_t taken = before - piece.size();
    in_.remove_prefix(taken);
    unsent_bytes_ += taken;
    if (complete && until != Until::kInput) {
      flushes_ = false;
      unsent_bytes_ = 0;
    }
    // Much that is taken and little that comes out would keep the thread.
    if (unsent_bytes_ >= kPieceBytes) flushes_ = true;
    done_ = complete && ends;
    return Done{};
  }

  void AskSource() {
    reading_ = asking_ = true;
    source_->Read([this](Result<std::optional<Bytes>> chunk) {
      reading_ = false;
      if (!chunk) {
        failed_ = std::move(chunk).error();
      } else if (chunk->has_value()) {
        held_ = std::move(**chunk);
        in_ = held_;
      } else {
        source_ended_ = true;
      }
      if (!asking_) Pump();
    });
    asking_ = false;
  }

  void Give(Result<std::optional<Bytes>> chunk) { std::exchange(on_chunk_, nullptr)(std::move(chunk)); }

  std::unique_ptr<Coder> coder_;
  std::unique_ptr<BodyStream> source_;
  Bytes held_;
  std::string_view in_;  // Of held_, not taken yet.
  OnChunk on_chunk_;
  std::optional<Error> failed_;
  size_t unsent_bytes_ = 0;  // Taken, and perhaps still in the coder.
  bool flushes_ = false;     // The coder gives out what it has.
  bool source_ended_ = false;
  bool reading_ = false;  // The source.
  bool asking_ = false;   // Inside the call of its Read.
  bool done_ = false;
};

}  // namespace

ContentCoding ContentCodingOf(const HeaderList& headers, ContentCodings known) {
  constexpr std::string_view kName = "Content-Encoding";
  std::optional<std::string_view> first = headers.Get(kName);
  if (!first) return ContentCoding::kIdentity;
  bool gzip = known.gzip && *first == "gzip";
  bool brotli = known.brotli && *first == "br";
  if ((!gzip && !brotli) || headers.GetCombined(kName) != *first) return ContentCoding::kIdentity;
  return gzip ? ContentCoding::kGzip : ContentCoding::kBrotli;
}

Body DecodeContent(Body body, ContentCoding coding) {
  if (!body.present || coding == ContentCoding::kIdentity) return body;
  return Body::Of(std::make_unique<CodedStream>(MakeCoder(coding, false), std::move(body)));
}

Body EncodeContent(Body body, ContentCoding coding) {
  if (!body.present || coding == ContentCoding::kIdentity || (!body.stream && body.bytes.empty())) return body;
  bool small = !body.stream && body.bytes.size() <= kPieceBytes;
  std::unique_ptr<Coder> coder = MakeCoder(coding, true);
  if (!small) return Body::Of(std::make_unique<CodedStream>(std::move(coder), std::move(body)));
  Bytes out;
  std::string_view in = body.bytes;
  for (;;) {
    Result<bool> complete = coder->Step(in, Until::kEnd, out);
    // Without memory a stream tells whoever reads it.
    if (!complete) return Body::Of(std::make_unique<CodedStream>(std::move(coder), std::move(body)));
    if (*complete) return Body::Of(std::move(out));
  }
}

}  // namespace limpet::net

#include "net/content_coding.h"

#include <gtest/gtest.h>

#include <deque>

#include "net/net_testing.h"

namespace limpet::net {
namespace {

// Gives what it was made of, at once; afterwards it has no more at hand until it is told.
class Source final : public BodyStream {
 public:
  struct Shared {
    std::deque<Result<std::optional<Bytes>>> ready;
    OnChunk waiting;
    void Tell(Result<std::optional<Bytes>> chunk) {
      if (waiting) return std::exchange(waiting, nullptr)(std::move(chunk));
      ready.push_back(std::move(chunk));
    }
  };
  explicit Source(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  ~Source() override { shared_->waiting = nullptr; }
  void Read(OnChunk on_chunk) override {
    if (shared_->ready.empty()) return void(shared_->waiting = std::move(on_chunk));
    Result<std::optional<Bytes>> chunk = std::move(shared_->ready.front());
    shared_->ready.pop_front();
    on_chunk(std::move(chunk));
  }

 private:
  std::shared_ptr<Shared> shared_;
};

Body InPieces(std::string_view text, size_t step) {
  auto shared = std::make_shared<Source::Shared>();
  for (; !text.empty(); text.remove_prefix(std::min(step, text.size()))) {
    shared->Tell(std::optional<Bytes>(Bytes(text.substr(0, step))));
  }
  shared->Tell(std::optional<Bytes>());
  return Body::Of(std::make_unique<Source>(shared));
}

// Everything, or the error's text; no chunk is empty or larger than a piece.
std::string All(Body body) {
  if (!body.stream) return body.bytes;
  std::string all;
  for (bool more = true; more;) {
    bool answered = false;
    body.stream->Read([&](Result<std::optional<Bytes>> chunk) {
      answered = true;
      more = chunk.has_value() && chunk->has_value();
      if (!chunk) all = chunk.error().name() + ": " + chunk.error().message();
      if (!more) return;
      EXPECT_FALSE((*chunk)->empty());
      EXPECT_LE((*chunk)->size(), 64u * 1024);
      all += **chunk;
    });
    EXPECT_TRUE(answered);
    if (!answered) return "no answer";
  }
  return all;
}

constexpr ContentCoding kCodings[] = {ContentCoding::kGzip, ContentCoding::kBrotli};

TEST(ContentCoding, GivesBackWhatItTookWhateverThePieces) {
  std::string noise(300'000, '\0');
  uint32_t state = 7;
  for (char& c : noise) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  for (ContentCoding coding : kCodings) {
    for (const std::string& text : {std::string("x"), std::string(5'000'000, 'a'), noise, std::string(65'536, 'b')}) {
      std::string at_once = All(EncodeContent(Body::Of(text), coding));
      EXPECT_TRUE(at_once != text);
      EXPECT_TRUE(All(DecodeContent(Body::Of(at_once), coding)) == text);
      for (size_t step : {size_t{1}, size_t{1000}, size_t{200'000}}) {
        if (step == 1 && text.size() > 100'000) continue;
        std::string coded = All(EncodeContent(InPieces(text, step), coding));
        EXPECT_TRUE(All(DecodeContent(InPieces(coded, step), coding)) == text) << text.size() << " in " << step;
      }
    }
  }
}

TEST(ContentCoding, LeavesAnEmptyBodyEmptyAndNoneNone) {
  for (ContentCoding coding : kCodings) {
    EXPECT_EQ(All(EncodeContent(Body::Of(Bytes()), coding)), "");
    EXPECT_FALSE(EncodeContent(Body::None(), coding).present);
    EXPECT_FALSE(DecodeContent(Body::None(), coding).present);
    EXPECT_EQ(All(DecodeContent(InPieces(All(EncodeContent(InPieces("", 1), coding)), 1), coding)), "");
  }
}

TEST(ContentCoding, SendsOnWhatItHasWhenTheSourcePauses) {
  for (ContentCoding coding : kCodings) {
    auto said = std::make_shared<Source::Shared>();
    auto received = std::make_shared<Source::Shared>();
    Body coded = EncodeContent(Body::Of(std::make_unique<Source>(said)), coding);
    Body plain = DecodeContent(Body::Of(std::make_unique<Source>(received)), coding);
    std::string seen;
    bool coded_ended = false, plain_ended = false, plain_waits = false;
    auto relay = [&] {
      coded.stream->Read([&](Result<std::optional<Bytes>> chunk) {
        coded_ended = !chunk->has_value();
        received->Tell(std::move(chunk));
      });
    };
    auto read = [&] {
      if (std::exchange(plain_waits, true)) return;
      plain.stream->Read([&](Result<std::optional<Bytes>> chunk) {
        plain_waits = false;
        plain_ended = !chunk->has_value();
        if (!plain_ended) seen += **chunk;
      });
    };
    relay();
    for (const char* text : {"one ", "two ", "three"}) {
      said->Tell(std::optional<Bytes>(Bytes(text)));
      while (!said->waiting) relay();
      read();
      EXPECT_TRUE(seen.ends_with(text)) << seen;
      relay();
    }
    said->Tell(std::optional<Bytes>());
    while (!coded_ended) relay();
    read();
    EXPECT_TRUE(plain_ended);
    EXPECT_EQ(seen, "one two three");
  }
}

TEST(ContentCoding, TellsWhatIsWrongWithWorkerdsTexts) {
  std::string gzip = All(EncodeContent(Body::Of("hello hello hello"), ContentCoding::kGzip));
  std::string brotli = All(EncodeContent(Body::Of("hello hello hello"), ContentCoding::kBrotli));
  auto decode = [](std::string bytes, ContentCoding coding) { return All(DecodeContent(Body::Of(bytes), coding)); };
  EXPECT_EQ(decode("no gzip at all", ContentCoding::kGzip), "TypeError: Gzip decompression failed.");
  EXPECT_EQ(decode(gzip + "x", ContentCoding::kGzip), "TypeError: Gzip compressed stream ended prematurely.");
  EXPECT_EQ(decode("this is not brotli", ContentCoding::kBrotli), "TypeError: Brotli decompression failed.");
  for (size_t size = 0; size < gzip.size(); ++size) {
    EXPECT_EQ(decode(gzip.substr(0, size), ContentCoding::kGzip),
              "TypeError: Gzip compressed stream ended prematurely.");
  }
  for (size_t size = 0; size + 1 < brotli.size(); ++size) {
    EXPECT_EQ(decode(brotli.substr(0, size), ContentCoding::kBrotli),
              "TypeError: Brotli compressed stream ended prematurely.");
  }
  EXPECT_EQ(decode(gzip + gzip, ContentCoding::kGzip), "hello hello hellohello hello hello");
  auto shared = std::make_shared<Source::Shared>();
  shared->Tell(std::optional<Bytes>(Bytes(gzip.substr(0, 5))));
  shared->Tell(Error(ErrorCode::kUnavailable, "gone").Named("Error"));
  EXPECT_EQ(All(DecodeContent(Body::Of(std::make_unique<Source>(shared)), ContentCoding::kGzip)), "Error: gone");
}

TEST(ContentCoding, ReadsTheHeaderAsWorkerdDoes) {
  auto coding = [](std::initializer_list<const char*> values, ContentCodings known = {true, true}) {
    HeaderList headers;
    headers.Append("Other", "gzip");
    for (const char* value : values) headers.Append("content-encoding", value);
    return ContentCodingOf(headers, known);
  };
  EXPECT_EQ(coding({"gzip"}), ContentCoding::kGzip);
  EXPECT_EQ(coding({"br"}), ContentCoding::kBrotli);
  EXPECT_EQ(coding({"br"}, {.gzip = true}), ContentCoding::kIdentity);
  EXPECT_EQ(coding({"gzip"}, {}), ContentCoding::kIdentity);
  for (const char* other : {"GZIP", "x-gzip", "deflate", "gzip, br", "gzip,", ""}) {
    EXPECT_EQ(coding({other}), ContentCoding::kIdentity) << other;
  }
  EXPECT_EQ(coding({"gzip", "br"}), ContentCoding::kIdentity);
  EXPECT_EQ(coding({}), ContentCoding::kIdentity);
}

}  // namespace
}  // namespace limpet::net

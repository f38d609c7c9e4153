#include "net/websocket_frame.h"

#include <gtest/gtest.h>

#include <vector>

#include "net/websocket_testing.h"

namespace limpet::net {
namespace {

using Event = FrameReader::Event;

// What a reader made of some bytes, as one line: "text:Hello ping:x close:1000:bye problem:1002".
std::string Read(std::string_view bytes, FrameOptions options = {}, size_t step = SIZE_MAX) {
  FrameReader reader(options);
  std::string seen;
  for (size_t at = 0; at < bytes.size(); at += std::min(step, bytes.size() - at)) {
    std::string_view in = bytes.substr(at, step);
    while (!in.empty()) {
      Event event = reader.Next(in);
      switch (event) {
        case Event::kMore: EXPECT_TRUE(in.empty()); continue;
        case Event::kMessage: {
          WebSocketMessagePtr message = reader.TakeMessage();
          seen.append(message->is_text() ? "text:" : "binary:").append(message->payload()).append(" ");
          continue;
        }
        case Event::kPing: seen.append("ping:").append(reader.TakeControl()).append(" "); continue;
        case Event::kPong: seen.append("pong:").append(reader.TakeControl()).append(" "); continue;
        case Event::kClose: {
          WebSocketClose close = reader.TakeClose();
          return seen.append("close:").append(std::to_string(close.code)).append(":").append(close.reason);
        }
        case Event::kProblem: return seen.append("problem:").append(std::to_string(reader.problem().code));
      }
    }
  }
  if (!seen.empty()) seen.pop_back();
  return seen;
}

// The same, cut at every place, and byte by byte: all must agree.
std::string ReadAllWays(std::string_view bytes, const FrameOptions& options = {}) {
  std::string whole = Read(bytes, options);
  for (size_t step = 1; step < bytes.size(); step += step < 300 ? 1 : bytes.size() / 7) {
    EXPECT_EQ(Read(bytes, options, step), whole) << "in steps of " << step;
  }
  return whole;
}

FrameOptions FromServer() {
  FrameOptions options;
  options.mask = FrameOptions::Mask::kForbidden;
  return options;
}

FrameOptions WithDeflate() {
  FrameOptions options = FromServer();
  options.coders = std::make_shared<DeflateCoders>();
  return options;
}

TEST(FrameReader, ReadsTheExamplesOfTheRfc) {  // RFC 6455, 5.7.
  EXPECT_EQ(ReadAllWays("\x81\x05\x48\x65\x6c\x6c\x6f", FromServer()), "text:Hello");
  EXPECT_EQ(ReadAllWays("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "text:Hello");
  EXPECT_EQ(ReadAllWays(std::string_view("\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f", 9), FromServer()), "text:Hello");
  EXPECT_EQ(ReadAllWays("\x89\x05\x48\x65\x6c\x6c\x6f", FromServer()), "ping:Hello");
  EXPECT_EQ(ReadAllWays("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "pong:Hello");
  std::string medium = std::string("\x82\x7E\x01\x00", 4) + std::string(256, 'x');
  EXPECT_EQ(ReadAllWays(medium, FromServer()), "binary:" + std::string(256, 'x'));
  std::string large = std::string("\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00", 10) + std::string(65536, 'x');
  EXPECT_EQ(Read(large, FromServer()), "binary:" + std::string(65536, 'x'));
  EXPECT_EQ(Read(large, FromServer(), 1000), "binary:" + std::string(65536, 'x'));
}

TEST(FrameReader, ControlFramesComeInBetween) {
  std::string bytes = ClientFrame(0x01, "ab") + ClientFrame(0x89, "p") + ClientFrame(0x00, "") +
                      ClientFrame(0x80, "c") + ClientFrame(0x81, "") +
                      ClientFrame(0x88,
                                  "\x03\xe8"
                                  "bye");
  EXPECT_EQ(ReadAllWays(bytes), "ping:p text:abc text: close:1000:bye");
}

TEST(FrameReader, RefusesWhatBreaksTheProtocol) {
  EXPECT_EQ(ReadAllWays("\x81\x05Hello"), "problem:1002") << "not masked";
  EXPECT_EQ(ReadAllWays(ClientFrame(0x81, "Hello"), FromServer()), "problem:1002") << "masked";
  EXPECT_EQ(ReadAllWays(ClientFrame(0xc1, "a")), "problem:1002") << "compressed, not agreed on";
  EXPECT_EQ(ReadAllWays(ClientFrame(0xa1, "a")), "problem:1002") << "RSV2";
  EXPECT_EQ(ReadAllWays(ClientFrame(0x91, "a")), "problem:1002") << "RSV3";
  for (int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
    EXPECT_EQ(ReadAllWays(ClientFrame(static_cast<uint8_t>(0x80 | opcode), "a")), "problem:1002") << opcode;
  }
  EXPECT_EQ(ReadAllWays(ClientFrame(0x09, "a")), "problem:1002") << "fragmented ping";
  EXPECT_EQ(ReadAllWays(ClientFrame(0x89, std::string(126, 'a'))), "problem:1002") << "long ping";
  EXPECT_EQ(ReadAllWays(ClientFrame(0x89, std::string(125, 'a'))), "ping:" + std::string(125, 'a'));
  EXPECT_EQ(ReadAllWays(ClientFrame(0x80, "a")), "problem:1002") << "continues nothing";
  EXPECT_EQ(ReadAllWays(ClientFrame(0x01, "a") + ClientFrame(0x81, "b")), "problem:1002") << "not continued";
}

TEST(FrameReader, TakesEitherIfToldTo) {
  FrameOptions any;
  any.mask = FrameOptions::Mask::kAny;
  EXPECT_EQ(ReadAllWays(std::string("\x81\x02ok") + ClientFrame(0x81, "yes"), any), "text:ok text:yes");
}

TEST(FrameReader, ChecksCloseFrames) {
  EXPECT_EQ(ReadAllWays(ClientFrame(0x88, "")), "close:1005:");
  EXPECT_EQ(ReadAllWays(ClientFrame(0x88, "\x03")), "problem:1002");
  EXPECT_EQ(ReadAllWays(ClientFrame(0x88, "\x03\xed")), "problem:1002") << "1005";
  EXPECT_EQ(ReadAllWays(ClientFrame(0x88,
                                    "\x0f\xa0"
                                    "x")),
            "close:4000:x");
  EXPECT_EQ(ReadAllWays(ClientFrame(0x88, "\x03\xe8\xff")), "problem:1007");
}

TEST(FrameReader, ChecksThatTextIsUtf8) {
  EXPECT_EQ(ReadAllWays(ClientFrame(0x81, "h\u00e4\u20ac\U0001f600 and plain text behind")),
            "text:h\u00e4\u20ac\U0001f600 and plain text behind");
  // Cut inside a character, by frames.
  EXPECT_EQ(ReadAllWays(ClientFrame(0x01, "\xe2\x82") + ClientFrame(0x80, "\xac")), "text:\u20ac");
  EXPECT_EQ(ReadAllWays(ClientFrame(0x01, "\xe2\x82") + ClientFrame(0x80, "")), "problem:1007");
  for (std::string_view bad : {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\x80",
                               "\xe2\x82", "eight....\xe2\x82", "\xf0\x8f\xbf\xbf"}) {
    EXPECT_EQ(ReadAllWays(ClientFrame(0x81, bad)), "problem:1007");
    EXPECT_EQ(ReadAllWays(ClientFrame(0x82, bad)), "binary:" + std::string(bad));
  }
  // Seen before the message is whole.
  EXPECT_EQ(Read(ClientFrame(0x01, "\xff")), "problem:1007");
}

TEST(FrameReader, LimitsAMessage) {
  FrameOptions options;
  options.message_bytes_max = 10;
  EXPECT_EQ(ReadAllWays(ClientFrame(0x82, "0123456789"), options), "binary:0123456789");
  EXPECT_EQ(ReadAllWays(ClientFrame(0x82, "0123456789a"), options), "problem:1009");
  EXPECT_EQ(ReadAllWays(ClientFrame(0x02, "0123456") + ClientFrame(0x80, "789a"), options), "problem:1009");
  FrameReader reader(FrameOptions{});
  std::string_view announced("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff....", 14);
  EXPECT_EQ(reader.Next(announced), Event::kProblem);
  EXPECT_EQ(reader.problem().text, "Message is too large: 9223372036854775807 > 33554432");
}

TEST(FrameReader, ReadsTheExamplesOfTheCompressionRfc) {  // RFC 7692, 7.2.3.
  FrameOptions options = WithDeflate();
  EXPECT_EQ(ReadAllWays(std::string_view("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00", 9), options), "text:Hello");
  EXPECT_EQ(ReadAllWays(std::string_view("\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00", 11), options), "text:Hello");
  EXPECT_EQ(ReadAllWays(std::string_view("\xc1\x0b\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 13), options),
            "text:Hello")
      << "a stored block";
  EXPECT_EQ(ReadAllWays(std::string_view("\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 10), options), "text:Hello")
      << "a final block";
  EXPECT_EQ(ReadAllWays(std::string_view("\xc1\x0d\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 15), options),
            "text:Hello")
      << "two blocks";
  EXPECT_EQ(ReadAllWays("\x81\x05Hello", options), "text:Hello") << "not compressed all the same";
  EXPECT_EQ(ReadAllWays(std::string_view("\xc1\x01\x00", 3), options), "text:");
  // The second message refers to the first: only if that was agreed on.
  std::string_view twice("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00", 16);
  EXPECT_EQ(ReadAllWays(twice, options), "text:Hello problem:1007");
  options.peer_keeps_window = true;
  EXPECT_EQ(ReadAllWays(twice, options), "text:Hello text:Hello");
}

TEST(FrameReader, RefusesBadCompression) {
  FrameOptions options = WithDeflate();
  EXPECT_EQ(ReadAllWays("\xc1\x02\xff\xff", options), "problem:1007");
  EXPECT_EQ(ReadAllWays(std::string_view("\x41\x03\xf2\x48\xcd\xc0\x04\xc9\xc9\x07\x00", 11), options), "problem:1002")
      << "the bit on a continuation";
  EXPECT_EQ(ReadAllWays("\xc9\x01"
                        "a",
                        options),
            "problem:1002")
      << "a compressed ping";
  std::string invalid;
  ASSERT_TRUE(options.coders->DeflaterFor(15).Compress(std::string(100, '\xff'), invalid));
  EXPECT_EQ(ReadAllWays(std::string(MakeFrameHead(0xc1, invalid.size(), false).view()) + invalid, options),
            "problem:1007");
}

TEST(FrameReader, ABombEndsAtTheLimit) {
  FrameOptions options = WithDeflate();
  std::string bomb;
  ASSERT_TRUE(options.coders->DeflaterFor(15).Compress(std::string(1024 * 1024, 'x'), bomb));
  ASSERT_LT(bomb.size(), 8000u);
  std::string frame = std::string(MakeFrameHead(0xc2, bomb.size(), false).view()) + bomb;
  options.message_bytes_max = 1024 * 1024;
  EXPECT_EQ(Read(frame, options).size(), 7 + 1024u * 1024);
  options.message_bytes_max = 1024 * 1024 - 1;
  EXPECT_EQ(Read(frame, options), "problem:1009");
}

TEST(Deflater, MakesWhatAnInflaterReads) {
  DeflateCoders coders;
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "message " + std::to_string(i * 7919 % 1000) + "; ";
  for (int bits : {9, 12, 15}) {
    for (int round = 0; round < 2; ++round) {
      Bytes packed = "before", plain;
      ASSERT_TRUE(coders.DeflaterFor(bits).Compress(text, packed));
      std::unique_ptr<Inflater> inflater = coders.TakeInflater();
      EXPECT_EQ(inflater->Add(std::string_view(packed).substr(6), plain, SIZE_MAX), Inflater::Status::kOk);
      EXPECT_EQ(inflater->EndMessage(plain, SIZE_MAX), Inflater::Status::kOk);
      EXPECT_EQ(plain, text);
      coders.GiveBack(std::move(inflater));
    }
  }
  Bytes out = "x";
  EXPECT_FALSE(coders.DeflaterFor(15).Compress("no gain", out));
  EXPECT_EQ(out, "x");
}

TEST(ApplyMask, StartsWhereTheFrameIs) {
  std::array<char, 4> key{'\x01', '\x02', '\x03', '\x04'};
  for (size_t phase = 0; phase < 9; ++phase) {
    std::string data(37, '\0');
    ApplyMask(data.data(), data.size(), key, phase);
    for (size_t i = 0; i < data.size(); ++i) ASSERT_EQ(data[i], key[(phase + i) % 4]);
  }
}

}  // namespace
}  // namespace limpet::net

// Feeds bytes to the reader of WebSocket frames, in pieces and whole: both ways must come to the same end. Then what it
// read is written and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "net/websocket_frame.h"

namespace {

using limpet::Bytes;
using limpet::WebSocketMessagePtr;
using limpet::net::DeflateCoders;
using limpet::net::FrameOptions;
using limpet::net::FrameReader;
using Event = FrameReader::Event;

constexpr size_t kMessageBytesMax = 4096;

void Require(bool condition) {
  if (!condition) std::abort();
}

struct Seen {
  std::vector<Bytes> events;
  std::vector<WebSocketMessagePtr> messages;
};

Seen Read(std::string_view in, const FrameOptions& options, size_t step) {
  FrameReader reader(options);
  Seen seen;
  for (size_t at = 0; at < in.size(); at += std::min(step, in.size() - at)) {
    std::string_view piece = in.substr(at, step);
    while (!piece.empty()) {
      switch (reader.Next(piece)) {
        case Event::kMore: Require(piece.empty()); break;
        case Event::kMessage: {
          WebSocketMessagePtr message = reader.TakeMessage();
          Require(message->payload().size() <= kMessageBytesMax);
          if (message->is_text()) Require(limpet::IsUtf8(message->payload()));
          seen.events.push_back(Bytes(message->is_text() ? "t" : "b").append(message->payload()));
          seen.messages.push_back(std::move(message));
          break;
        }
        case Event::kPing: seen.events.push_back("i" + reader.TakeControl()); break;
        case Event::kPong: seen.events.push_back("o" + reader.TakeControl()); break;
        case Event::kClose: {
          limpet::WebSocketClose close = reader.TakeClose();
          Require(close.code == limpet::kCloseNoCode || limpet::IsCloseCodeOnWire(close.code));
          seen.events.push_back("c" + limpet::net::MakeClosePayload(close.code, close.reason));
          return seen;
        }
        case Event::kProblem:
          Require(limpet::IsCloseCodeOnWire(reader.problem().code));
          seen.events.push_back("p" + std::to_string(reader.problem().code));
          return seen;
      }
    }
  }
  return seen;
}

}  // namespace

// The first byte: how the rest is read (bits 0-1: mask, 2: compression, 3: window kept, 4-7: step).
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  FrameOptions options;
  options.mask = static_cast<FrameOptions::Mask>(data[0] % 4 % 3);
  options.message_bytes_max = kMessageBytesMax;
  if ((data[0] & 4) != 0) options.coders = std::make_shared<DeflateCoders>();
  options.peer_keeps_window = (data[0] & 8) != 0;
  size_t step = 1 + (data[0] >> 4) * 3u;
  std::string_view in(reinterpret_cast<const char*>(data) + 1, size - 1);
  Seen whole = Read(in, options, SIZE_MAX);
  Require(whole.events == Read(in, options, step).events);

  Bytes again;
  for (const WebSocketMessagePtr& message : whole.messages) again.append(message->frame());
  options.mask = FrameOptions::Mask::kForbidden;
  Seen second = Read(again, options, step);
  Require(second.messages.size() == whole.messages.size());
  for (size_t i = 0; i < whole.messages.size(); ++i) {
    Require(second.messages[i]->payload() == whole.messages[i]->payload());
    Bytes packed, plain;
    if (!options.coders || !options.coders->DeflaterFor(9).Compress(whole.messages[i]->payload(), packed)) continue;
    limpet::net::Inflater inflater;
    Require(inflater.Add(packed, plain, SIZE_MAX) == limpet::net::Inflater::Status::kOk);
    Require(inflater.EndMessage(plain, SIZE_MAX) == limpet::net::Inflater::Status::kOk);
    Require(plain == whole.messages[i]->payload());
  }
  return 0;
}

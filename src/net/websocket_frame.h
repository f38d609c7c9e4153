// Reads WebSocket frames (RFC 6455) into messages, strictly. Pure: no I/O. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/websocket.h"
#include "net/utf8_checker.h"
#include "net/websocket_deflate.h"

namespace limpet::net {

inline constexpr size_t kControlBytesMax = 125;

enum class Opcode : uint8_t { kContinuation = 0, kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };

struct FrameOptions {
  enum class Mask : uint8_t {
    kRequired,
    kForbidden,
    kAny
  };  // What a client sends is masked, what a server sends is not.
  Mask mask = Mask::kRequired;
  size_t message_bytes_max = 32 * 1024 * 1024;  // Also of what a compressed message expands to: 1009.
  std::shared_ptr<DeflateCoders> coders{};      // If permessage-deflate was agreed on.
  bool peer_keeps_window = false;               // The peer's messages refer to earlier ones.
};

// Why the connection has to end: the code and reason of the Close frame to send.
struct WebSocketProblem {
  uint16_t code = 0;
  std::string text;
};

// XORs with the four bytes of `key`; `phase`: how many bytes of the frame came before.
void ApplyMask(char* data, size_t size, const std::array<char, 4>& key, size_t phase);

// Code and reason of a Close frame's payload, or what is wrong with it (1002, 1007).
struct ClosePayload {
  WebSocketClose close;
  WebSocketProblem problem;  // If code is not 0.
};
ClosePayload ParseClosePayload(std::string_view payload);
Bytes MakeClosePayload(uint16_t code, std::string_view reason);

// Holds what is left of the frame before, and the message so far; nothing but itself (about 120 bytes) in between.
class FrameReader {
 public:
  enum class Event : uint8_t { kMore, kMessage, kPing, kPong, kClose, kProblem };

  explicit FrameReader(const FrameOptions& options) : options_(options) {}
  ~FrameReader();

  // Takes from the front of `in` up to the next event. kMore: all of `in` is taken. Not called again after kClose and
  // kProblem.
  Event Next(std::string_view& in);
  WebSocketMessagePtr TakeMessage() { return std::move(message_); }  // After kMessage.
  Bytes TakeControl() { return std::move(control_); }                // Payload, after kPing and kPong.
  WebSocketClose TakeClose() { return std::move(close_); }           // After kClose.
  const WebSocketProblem& problem() const { return problem_; }       // After kProblem.
  bool in_message() const { return in_message_ || head_size_ > 0; }  // Something is incomplete.

 private:
  bool ReadHead(std::string_view& in);
  bool CheckHead();
  bool BeginPayload();
  bool TakePayload(std::string_view chunk);
  bool Inflate(std::string_view chunk);
  bool Inflated(Inflater::Status status, size_t before);
  Event EndFrame();
  Event EndMessage();
  bool Fail(uint16_t code, std::string text);
  size_t bytes_so_far() const { return data_.empty() ? 0 : data_.size() - WebSocketMessage::kHeadroom; }

  FrameOptions options_;
  std::array<char, 14> head_{};
  uint8_t head_size_ = 0;
  uint8_t head_needed_ = 2;
  Opcode opcode_ = Opcode::kContinuation;
  bool fin_ = false;
  bool masked_ = false;
  bool in_payload_ = false;
  bool in_message_ = false;
  bool text_ = false;        // The message.
  bool compressed_ = false;  // The message.
  std::array<char, 4> mask_{};
  uint64_t payload_left_ = 0;
  size_t phase_ = 0;
  Utf8Checker utf8_;
  Bytes data_;  // kHeadroom, then the message so far. Empty between messages.
  Bytes control_;
  std::unique_ptr<Inflater> inflater_;
  WebSocketMessagePtr message_;
  WebSocketClose close_;
  WebSocketProblem problem_;
};

}  // namespace limpet::net

// WebSockets as whoever holds one sees them: messages in and out, whether a network connection or another script is at
// the other end. No I/O here; net and loop implement WebSocketEnd.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace limpet {

inline constexpr uint16_t kCloseNoCode = 1005;        // A Close frame without a code. Never on the wire.
inline constexpr uint16_t kCloseDisconnected = 1006;  // No Close frame came. Never on the wire.
inline constexpr std::string_view kDisconnectedText = "WebSocket disconnected without sending Close frame.";

// What may stand in a Close frame (RFC 6455, 7.4).
bool IsCloseCodeOnWire(uint16_t code);

class WebSocketMessage;
using WebSocketMessagePtr = std::shared_ptr<const WebSocketMessage>;

// One message: never changed once made, so that any number of receivers on any threads share it. It is kept as the
// frame that a server sends (RFC 6455, 5.2: unmasked, whole), so that sending it to many costs no copy.
class WebSocketMessage {
 public:
  enum class Type : uint8_t { kText = 1, kBinary = 2 };  // As the opcodes.
  static constexpr size_t kHeadroom = 10;                // The longest head of an unmasked frame.

  // Copies `payload`. Text is valid UTF-8: the caller sees to it.
  static WebSocketMessagePtr Of(Type type, BytesView payload);
  // `buffer`: kHeadroom bytes of any value, then the payload. Saves the copy.
  static WebSocketMessagePtr FromBuffer(Type type, Bytes buffer);

  bool is_text() const { return type_ == Type::kText; }
  BytesView payload() const { return BytesView(buffer_).substr(kHeadroom); }
  BytesView frame() const { return BytesView(buffer_).substr(frame_at_); }

  // The frame with its payload compressed, made by the first sender that wants it and kept for the rest. Empty: it does
  // not get smaller. Null: not made yet. Keep gives what is kept, which is another's if that one was first.
  const Bytes* compressed() const { return compressed_.load(std::memory_order_acquire); }
  const Bytes* KeepCompressed(std::unique_ptr<const Bytes> frame) const;

  WebSocketMessage(Type type, Bytes buffer);  // Use Of and FromBuffer.
  ~WebSocketMessage() { delete compressed(); }
  WebSocketMessage(const WebSocketMessage&) = delete;
  WebSocketMessage& operator=(const WebSocketMessage&) = delete;

 private:
  Type type_;
  uint8_t frame_at_;
  Bytes buffer_;
  mutable std::atomic<const Bytes*> compressed_{nullptr};
};

// The head of a frame (RFC 6455, 5.2) up to the mask's key.
struct FrameHead {
  std::array<char, 10> bytes;
  uint8_t size;
  std::string_view view() const { return {bytes.data(), size}; }
};
// `first`: FIN, RSV and opcode. `masked`: sets the bit; the four bytes of the key follow the head.
FrameHead MakeFrameHead(uint8_t first, size_t payload_bytes, bool masked);

// How the other side ended: `clean` if it sent a Close frame.
struct WebSocketClose {
  uint16_t code = kCloseNoCode;
  std::string reason;
  bool clean = true;
};

// Takes what arrives at an end. Called on the end's thread, at any time after SetReceiver, also inside a call of Send
// or Close by whoever holds the other end: code that runs scripts queues. The end may be destroyed inside any call.
class WebSocketReceiver {
 public:
  virtual ~WebSocketReceiver() = default;
  virtual void OnMessage(WebSocketMessagePtr message) = 0;
  // The other side sends no more: its Close frame, or it is gone (1006, not clean). If it is clean, this side may still
  // send and owes a Close, without which the other side waits. Last call but OnDrained.
  virtual void OnClose(WebSocketClose close) = 0;
  // The connection ended for a reason of its own; instead of OnClose, last call. Errors: kInvalidArgument (the peer
  // broke the protocol), kOverloaded (a limit), or what the other side's Abort was given. Texts as workerd has them.
  virtual void OnError(Error error) = 0;
  // buffered_bytes() was over kHighWaterBytes and is at or below kLowWaterBytes.
  virtual void OnDrained() {}
};

// One end of a WebSocket. One owner, one thread (that of its loop). Destroying it before Close was called cuts the
// line: the other side sees 1006. After Close it may be destroyed at once: what was sent still goes out.
class WebSocketEnd {
 public:
  static constexpr size_t kHighWaterBytes = 1024 * 1024;
  static constexpr size_t kLowWaterBytes = 256 * 1024;

  virtual ~WebSocketEnd() = default;
  // What arrives from now on, and what has waited, goes to `receiver`, which outlives the end or is replaced. Null:
  // nothing is delivered, and the other side is slowed down. Delivery of what has waited may begin inside the call.
  virtual void SetReceiver(WebSocketReceiver* receiver) = 0;
  // In order. Ignored after Close and after the connection ended. Never blocks; the caller looks at buffered_bytes().
  virtual void Send(WebSocketMessagePtr message) = 0;
  // Once; later calls are ignored. `code`: one that IsCloseCodeOnWire or a script's, or kCloseNoCode. Of `reason` what
  // fits into a Close frame is sent (123 bytes, cut between characters).
  virtual void Close(uint16_t code, std::string_view reason) = 0;
  // Cuts the line: the other side sees `error` if it is in this process, else a disconnect. Ignored after the end.
  virtual void Abort(Error error) = 0;
  // Between Pause and Resume nothing is delivered, and the other side is slowed down.
  virtual void Pause() = 0;
  virtual void Resume() = 0;
  // Sent and not yet taken by the other side (by its kernel, for a network connection).
  virtual size_t buffered_bytes() const = 0;
};

inline constexpr size_t kCloseReasonBytesMax = 123;
// The longest beginning of `reason` that fits and does not cut a character.
std::string_view CutCloseReason(std::string_view reason);

}  // namespace limpet

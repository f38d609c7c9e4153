// The hibernatable WebSockets of one object (spec/api.md section 9). They belong to the object, not to its instance: a
// socket stays, with its tags, its attachment and what waits to be delivered, while instances come, are evicted or are
// replaced by newer code. They end with their object's reset, with their peer, or with a Close of the script's.
//
// Thread: the shard's. A socket costs about 300 bytes here, beside its end (net/websocket.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/function.h"
#include "base/result.h"
#include "base/websocket.h"

namespace limpet::object {

inline constexpr size_t kSocketsMax = 32'768;  // Of one object.
inline constexpr size_t kSocketTagsMax = 10;
inline constexpr size_t kSocketTagLengthMax = 256;  // Characters; the caller checks.
inline constexpr size_t kSocketAttachmentBytesMax = 16'384;
// Sent and not yet taken by the other side: more ends the socket.
inline constexpr size_t kSocketBufferedBytesMax = 64 * 1024 * 1024;
// Received and not yet delivered, of one socket: more slows its peer down.
inline constexpr size_t kSocketWaitingMax = 64;
inline constexpr size_t kSocketWaitingBytesMax = 1024 * 1024;

// What came in at socket `socket`: a message, its end, or why it broke.
struct SocketEvent {
  uint64_t socket = 0;
  std::variant<WebSocketMessagePtr, WebSocketClose, Error> what = WebSocketMessagePtr();
  bool is_message() const { return std::holds_alternative<WebSocketMessagePtr>(what); }
};

class ObjectSockets {
 public:
  // What is not a message that the automatic response answers. Events of one socket come in order. May be called inside
  // a call of the code's: it queues.
  using OnEvent = UniqueFunction<void(SocketEvent&& event)>;
  ObjectSockets(const Clock& clock, OnEvent on_event);  // `clock` outlives it.
  ~ObjectSockets();                                     // Cuts every line.
  ObjectSockets(const ObjectSockets&) = delete;
  ObjectSockets& operator=(const ObjectSockets&) = delete;

  // The number of the socket, never used twice. Delivery may begin inside the call. Errors: kOverloaded (kSocketsMax).
  Result<uint64_t> Accept(std::unique_ptr<WebSocketEnd> end, std::vector<std::string> tags);
  // Until the handler of its end has run; oldest first.
  std::vector<uint64_t> List(std::optional<std::string_view> tag) const;
  // Null: there is no such socket (any more).
  const std::vector<std::string>* Tags(uint64_t socket) const;
  // Empty: none was set. Null: there is no such socket.
  const Bytes* Attachment(uint64_t socket) const;
  void SetAttachment(uint64_t socket, Bytes attachment);
  // Ignored if the socket has gone or was closed. The caller has passed the output gate.
  void Send(uint64_t socket, WebSocketMessagePtr message);
  void Close(uint64_t socket, uint16_t code, std::string_view reason);

  // A text that equals `request` is answered with `response`, wherever the object is. Empty: none is any more.
  struct AutoResponse {
    std::string request, response;
  };
  void SetAutoResponse(std::optional<AutoResponse> pair);
  const std::optional<AutoResponse>& auto_response() const { return auto_response_; }
  // When this socket was last answered so.
  std::optional<WallTime> AutoResponseTime(uint64_t socket) const;
  // How long the handler of one event may take; kept for the script.
  std::optional<uint32_t> event_timeout_ms;

  // The object layer's: an event was handed to the code, or dropped; its handler has come to its end.
  void Delivered(const SocketEvent& event);
  void Handled(const SocketEvent& event);
  size_t size() const { return sockets_.size(); }

 private:
  struct Socket;
  Socket* Find(uint64_t socket) const;
  void Arrived(Socket& socket, WebSocketMessagePtr message);
  void Remove(uint64_t socket);

  const Clock& clock_;
  OnEvent on_event_;
  std::vector<std::unique_ptr<Socket>> sockets_;  // By number.
  uint64_t next_ = 1;
  std::optional<AutoResponse> auto_response_;
  WebSocketMessagePtr auto_message_;
};

}  // namespace limpet::object

// The WebSocket connections of one loop, server's and client's, after their handshake. All on the loop's thread.
//
// A connection that waits holds neither a read buffer nor a compression window: with Asio's part, its coupling and the
// pipe to a script about 2 KiB (websocket_test.cc measures it). TLS adds OpenSSL's buffers.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/function.h"
#include "base/websocket.h"
#include "loop/asio_loop.h"
#include "net/websocket_extension.h"

namespace limpet::net {

class WebSocketStream;
class ReadScratch;

struct WebSocketLimits {
  size_t message_bytes_max = 32 * 1024 * 1024;             // Received, expanded: the connection ends with 1009.
  size_t buffered_bytes_max = 64 * 1024 * 1024;            // A Send while more than this waits cuts the connection.
  size_t compress_bytes_min = 1024;                        // Shorter messages are sent as they are.
  size_t compress_bytes_max = 1024 * 1024;                 // Longer ones too: compressing would hold up the loop.
  std::chrono::milliseconds close_timeout{10'000};         // For the peer's Close frame, after ours went out.
  std::chrono::milliseconds linger_timeout{2'000};         // For the peer's end, after the last Close frame.
  std::chrono::milliseconds write_stall_timeout{120'000};  // The peer takes no byte of what waits for it.
  std::chrono::milliseconds ping_interval{0};  // Silence after which a ping is sent, and again the same time
                                               // after which the line is cut. 0: never (TCP keep-alive is on).
  std::chrono::milliseconds tick{1'000};       // How late a timeout may be.
  bool accept_unmasked = false;                // A server takes unmasked frames as well.
};

class WebSocketGroup {
 public:
  struct State;

  // `loop` outlives it.
  WebSocketGroup(loop::AsioLoop& loop, WebSocketLimits limits);
  ~WebSocketGroup();  // Cuts every connection; receivers are told.
  WebSocketGroup(const WebSocketGroup&) = delete;
  WebSocketGroup& operator=(const WebSocketGroup&) = delete;

  enum class Role : uint8_t { kServer, kClient };
  struct Opening {
    std::shared_ptr<WebSocketStream> stream;
    Role role = Role::kServer;
    std::optional<DeflateAgreement> deflate;
    std::string to_send;             // Before the first frame: the server's 101.
    std::string read_ahead;          // Bytes that came after the handshake.
    UniqueFunction<void()> on_gone;  // The connection has ended; called once, before the group is destroyed.
  };
  // Frames are read from when a receiver is set.
  std::unique_ptr<WebSocketEnd> Open(Opening opening);

  std::shared_ptr<ReadScratch> scratch() const;  // For the streams given to Open.
  size_t size() const;
  // Sends a Close frame on each; those that do not answer are cut after close_timeout.
  void CloseAll(uint16_t code, std::string_view reason);
  // Ends what is over its time at `now`; the group's own timer calls it each tick.
  void CheckDeadlines(Instant now);

 private:
  std::shared_ptr<State> state_;
};

}  // namespace limpet::net

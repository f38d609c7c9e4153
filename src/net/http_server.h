// Serves HTTP/1.1 on one loop: a shard has one. Connections come from a Listener (or any accepted socket).
//
// Everything here lives on the loop's thread, except connections(), which any thread may read.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/function.h"
#include "base/http.h"
#include "loop/asio_loop.h"
#include "net/connection_gate.h"
#include "net/ip_address.h"
#include "net/server_limits.h"
#include "net/tls_front.h"
#include "net/websocket.h"

namespace limpet::net {

struct ServerOptions {
  ServerLimits limits{};
  WebSocketLimits websocket{};
  NetworkSet trusted_proxies = NetworkSet::Loopback();  // client_address.h says what they may do.
  std::shared_ptr<TlsFront> tls = nullptr;              // Null: in the clear. Of the same loop.
};

struct RequestInfo {
  std::string_view client_ip;  // What CF-Connecting-IP says. Valid during the call of the handler.
  std::string_view peer_ip;    // The other end of the connection.
  std::string_view scheme;     // "http" or "https", as in the URL.
  bool is_tls = false;         // This connection itself.
};

class Connection;

// The right to answer one request. Dropped unsent, it answers 500. Harmless after the connection or server has gone.
class Responder {
 public:
  Responder(std::weak_ptr<Connection> connection, uint64_t exchange)
      : connection_(std::move(connection)), exchange_(exchange) {}
  Responder(Responder&& other) noexcept = default;
  Responder& operator=(Responder&& other) noexcept;
  ~Responder() { Drop(); }

  // Once. At once or later. Status 101 with `response.websocket` accepts a request for a WebSocket (one with
  // "Upgrade: websocket"): the connection is coupled with that end and is no longer one of HTTP; a handshake that can't
  // be met is answered with workerd's 400 or 426, and the end sees a disconnect. A body stream is pulled as fast as the
  // client takes it and destroyed when it is at its end, failed, or the client has gone. (A stream is destroyed from
  // the loop, never inside a call of its own.) If the stream fails, the connection is cut, so that the client sees an
  // incomplete body.
  void Send(HttpResponse response);
  // Runs `closure` once if the client goes away before the response is wholly sent (one closure; a later call
  // replaces it; at once if it is gone already). A response may still be sent: the client may have closed only its
  // sending side.
  void OnDisconnect(UniqueFunction<void()> closure);

 private:
  void Drop();

  std::weak_ptr<Connection> connection_;  // Empty when moved from.
  uint64_t exchange_;
  bool sent_ = false;
};

class HttpServer {
 public:
  // `request.body` is a stream unless all of a small body came with the head. A stream must not be read after the
  // response is complete: it then fails with workerd's text.
  using Handler = UniqueFunction<void(HttpRequest request, const RequestInfo& info, Responder responder)>;

  HttpServer(loop::AsioLoop& loop, ServerOptions options, Handler handler);  // `loop` outlives it.
  ~HttpServer();                                                             // Cuts every connection.
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Takes over a connected TCP socket, and its place: the connection holds it, or the WebSocket that it becomes. With
  // TLS the server sees it after the handshake.
  void Adopt(int socket_fd, ConnectionGate::Ticket ticket = {});
  // Ends the connections: those in an exchange after their response, idle ones after kDrainGrace, in which a request
  // that is on its way is still answered, WebSockets at once with 1001; then calls `then` (once, from the loop). Later
  // connections are closed at once.
  static constexpr std::chrono::milliseconds kDrainGrace{250};
  void Drain(UniqueFunction<void()> then);
  // WebSockets among them.
  size_t connections() const { return count_.load(std::memory_order_relaxed); }
  // Ends what is over its time at `now`; the server's own timer calls it each tick.
  void CheckDeadlines(Instant now);

 private:
  friend class Connection;
  struct State;
  std::unique_ptr<State> state_;
  std::atomic<size_t> count_{0};
};

}  // namespace limpet::net

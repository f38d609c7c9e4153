// Sends HTTP/1.1 requests, over TCP or TLS, on one loop. Redirects are not followed, bodies not decompressed.
//
// Everything lives on the loop's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/function.h"
#include "base/http.h"
#include "base/result.h"
#include "loop/asio_loop.h"
#include "net/http_head.h"
#include "net/ip_address.h"
#include "net/websocket.h"

namespace limpet::net {

struct ClientOptions {
  // False: refuses every address that IsPublicAddress does not hold for, after name resolution.
  bool allow_private_network = false;
  std::vector<Endpoint> forbidden{};  // Never connected to, whatever their spelling (MayReach).
  std::string ca_file{};              // PEM, trusted beside the system's; for tests and private CAs.
  HeadLimits head{.head_bytes_max = 256 * 1024};
  std::chrono::milliseconds connect_timeout{15'000};  // Name, TCP and TLS together.
  std::chrono::milliseconds head_timeout{300'000};    // From the request to the response's head.
  std::chrono::milliseconds stall_timeout{120'000};   // No byte of a body that is read or written.
  std::chrono::milliseconds idle_timeout{30'000};     // A kept connection.
  size_t idle_connections_max = 64;                   // Kept, all hosts together.
  size_t idle_per_host_max = 8;
  WebSocketLimits websocket{};
};

class ClientExchange;
class ClientSocket;

// A fetch that runs. Destroying it cancels: the callback is not called, or, if the response was given already, its body
// fails with kCanceled. Keep it until the body is read, or Detach.
class FetchHandle {
 public:
  FetchHandle() = default;
  explicit FetchHandle(std::shared_ptr<ClientExchange> exchange) : exchange_(std::move(exchange)) {}
  FetchHandle(FetchHandle&&) noexcept = default;
  FetchHandle& operator=(FetchHandle&& other) noexcept;
  ~FetchHandle() { Cancel(); }
  void Cancel();
  // From now on only the response's body holds the exchange (destroying that cancels it).
  void Detach() { exchange_.reset(); }

 private:
  std::shared_ptr<ClientExchange> exchange_;
};

class HttpClient {
 public:
  using Callback = UniqueFunction<void(Result<HttpResponse>)>;

  // Error: kInvalidArgument if the CA file can't be read.
  static Result<std::unique_ptr<HttpClient>> Open(loop::AsioLoop& loop, ClientOptions options);
  ~HttpClient();  // Cancels what runs: callbacks are dropped; WebSockets and ClientSockets are cut.
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // `request.url`: absolute and normalised (WHATWG), http or https; a fragment is left out, user info is refused. Host,
  // Content-Length and the like are ours; the rest of the headers go as they are. `callback` comes later, from the
  // loop, once the head is there (1xx are read over). Errors: kInvalidArgument (URL, method or headers), kUnavailable
  // (with Flag kRetryable: name, connect, TLS, the connection broke, timeouts), kConflict: the address is not allowed.
  // A reused connection that breaks before the response begins is replaced once, if the request has no streamed body.
  // A GET with "Upgrade: websocket" (and no body) asks for a WebSocket: the handshake's headers are ours (compression
  // is offered if a Sec-WebSocket-Extensions of the request names permessage-deflate), and a server that agrees yields
  // status 101 with `websocket`, which does not depend on the handle. Any other answer is a response like any other.
  FetchHandle Fetch(HttpRequest request, Callback callback);

  size_t idle_connections() const;

 private:
  struct State;
  explicit HttpClient(std::shared_ptr<State> state) : state_(std::move(state)) {}
  friend class ClientExchange;
  friend class ClientSocket;
  friend class Dial;
  std::shared_ptr<State> state_;
};

}  // namespace limpet::net

// One request of an HttpClient and its response. Internal to net.
//
// Held by its FetchHandle, its response's body, and what Asio is doing for it. All on the client's loop.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "net/chunked.h"
#include "net/client_transport.h"
#include "net/http_client.h"
#include "net/in_buffer.h"
#include "net/request_head.h"
#include "net/websocket_handshake.h"

namespace limpet::net {

struct HttpClient::State {
  State(loop::AsioLoop& loop, ClientOptions options)
      : loop(loop),
        options(std::move(options)),
        tls(boost::asio::ssl::context::tls_client),
        resolver(loop.context()),
        websockets(std::make_unique<WebSocketGroup>(loop, this->options.websocket)) {}

  struct Idle {
    std::string key;
    std::shared_ptr<ClientTransport> transport;
    Instant until;
  };

  // A kept connection to `key` that is still alive, or null.
  std::shared_ptr<ClientTransport> TakeIdle(const std::string& key);
  void PutIdle(std::string key, std::shared_ptr<ClientTransport> transport);
  void SweepIdle();

  loop::AsioLoop& loop;
  ClientOptions options;
  boost::asio::ssl::context tls;
  boost::asio::ip::tcp::resolver resolver;
  std::list<Idle> idle;  // Oldest first.
  loop::TimerId sweep = 0;
  bool closed = false;
  std::unordered_set<ClientExchange*> running;
  SystemRandom random;
  std::unique_ptr<WebSocketGroup> websockets;
};

class ClientExchange : public std::enable_shared_from_this<ClientExchange> {
 public:
  ClientExchange(std::shared_ptr<HttpClient::State> client, HttpRequest request, HttpClient::Callback callback);
  ~ClientExchange();

  void Start();
  void Cancel();
  void ReadBody(BodyStream::OnChunk on_chunk);
  void DropBody();

 private:
  Result<Done> Prepare();
  void Resolve();
  Result<std::vector<Endpoint>> Allowed(const std::vector<Endpoint>& found) const;
  void Connect(const std::vector<Endpoint>& found);
  void OnConnected();
  void SendRequest();
  void PullRequest();
  void OnRequestChunk(Result<std::optional<Bytes>> chunk);
  void OnWritten(boost::system::error_code error);
  void ReadMore(size_t room);
  void OnRead(boost::system::error_code error, size_t bytes);
  void OnHeadBytes();
  void Deliver(HttpResponse response);
  void SwitchToWebSocket(HttpResponse response);
  Body TakeBody(Framing framing, uint64_t length);
  void ServeBody();
  bool RetryOnce();
  void Fail(Error error);
  void Complete();
  void End();
  void ParkRequestStream();
  void Arm(std::chrono::milliseconds limit, const char* what);
  void Disarm();
  Error Broken(std::string_view what) const;

  std::shared_ptr<HttpClient::State> client_;
  HttpRequest request_;
  HttpClient::Callback callback_;
  Target target_;
  std::string key_;
  std::string head_;
  std::unique_ptr<ClientUpgrade> upgrade_;  // If the request asks for a WebSocket.
  std::shared_ptr<ClientTransport> transport_;
  bool ended_ = false;
  bool reused_ = false;
  bool retried_ = false;
  loop::TimerId timer_ = 0;

  // The request.
  std::string piece_;  // A coded chunk on its way.
  bool request_sent_ = false;
  bool pulling_ = false;
  uint64_t request_left_ = 0;

  // The response.
  InBuffer in_;
  BodyRoom body_room_;
  HeadScanner scanner_;
  bool reading_ = false;
  bool received_ = false;  // At least a byte.
  size_t interim_responses_ = 0;
  bool head_given_ = false;
  bool keep_alive_ = false;
  bool body_done_ = false;
  Framing framing_ = Framing::kNone;
  uint64_t left_ = 0;
  ChunkDecoder decoder_;
  BodyStream::OnChunk waiting_;
};

}  // namespace limpet::net

// What the exchanges and sockets of an HttpClient share: its TLS, its resolver, the connections that it keeps. Internal
// to net. On the client's loop.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <unordered_set>

#include "base/random.h"
#include "net/client_transport.h"
#include "net/http_client.h"
#include "net/pipe.h"

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
  std::unordered_set<ClientSocket*> sockets;
  SystemRandom random;
  std::unique_ptr<WebSocketGroup> websockets;
  PipePool pipes;
};

}  // namespace limpet::net

#include "net/http_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <cstring>
#include <utility>

#include "net/server_connection.h"

namespace limpet::net {

using boost::asio::ip::tcp;

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this == &other) return *this;
  Drop();
  connection_ = std::move(other.connection_);
  exchange_ = other.exchange_;
  sent_ = other.sent_;
  return *this;
}

void Responder::Drop() {
  if (sent_) return;
  if (std::shared_ptr<Connection> connection = connection_.lock()) connection->DropResponder(exchange_);
}

void Responder::Send(HttpResponse response) {
  sent_ = true;
  if (std::shared_ptr<Connection> connection = connection_.lock()) connection->Send(exchange_, std::move(response));
}

void Responder::OnDisconnect(UniqueFunction<void()> closure) {
  if (std::shared_ptr<Connection> connection = connection_.lock()) {
    connection->OnDisconnect(exchange_, std::move(closure));
  } else if (!sent_) {
    closure();
  }
}

void HttpServer::State::Remove(Connection& connection) {
  std::swap(connections[connection.index], connections.back());
  connections[connection.index]->index = connection.index;
  connections.pop_back();  // The caller holds a reference of its own.
  ShowCount();
  CheckDrained();
}

void HttpServer::State::CheckDrained() {
  if (draining && connections.empty() && websockets.size() == 0 && drained) loop.Post(std::exchange(drained, nullptr));
}

void HttpServer::State::Tick() {
  tick = 0;
  CheckDeadlines(loop.Now());
  if (!connections.empty()) tick = loop.After(options.limits.tick, [this] { Tick(); });
}

void HttpServer::State::CheckDeadlines(Instant at) {
  now = at;
  // From the back: a connection that closes leaves its place to the last one, which has been looked at.
  for (size_t i = connections.size(); i-- > 0;) {
    if (i >= connections.size()) continue;  // Closing one may have closed others.
    std::shared_ptr<Connection> connection = connections[i];
    connection->CheckDeadline(at);
  }
}

HttpServer::HttpServer(loop::AsioLoop& loop, ServerOptions options, Handler handler)
    : state_(std::make_unique<State>(loop, std::move(options), std::move(handler))) {
  state_->count = &count_;
}

HttpServer::~HttpServer() {
  if (state_->grace_over != 0) state_->loop.Cancel(state_->grace_over);
  state_->drained = nullptr;
  if (state_->tick != 0) state_->loop.Cancel(state_->tick);
  if (state_->watch != 0) state_->loop.Cancel(state_->watch);
  for (std::shared_ptr<Connection>& connection : std::exchange(state_->connections, {})) {
    connection->Leave();
    connection->Close();
  }
}

void HttpServer::State::WatchLater(Connection& connection) {
  if (std::exchange(connection.unwatched, true)) return;
  unwatched.push_back(connection.weak_from_this());
  if (watch != 0) return;
  watch = loop.After(kWatchDelay, [this] {
    watch = 0;
    for (std::weak_ptr<Connection>& weak : std::exchange(unwatched, {})) {
      std::shared_ptr<Connection> waiting = weak.lock();
      if (waiting == nullptr) continue;
      waiting->unwatched = false;
      waiting->Watch();
    }
  });
}

void HttpServer::Adopt(int socket_fd, ConnectionGate::Ticket ticket) {
  State& state = *state_;
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (state.draining || ::getpeername(socket_fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    ::close(socket_fd);
    return;
  }
  tcp::endpoint remote;
  std::memcpy(remote.data(), &address, std::min<size_t>(size, remote.capacity()));
  IpAddress peer = FromAsio(remote.address());
  if (state.options.tls == nullptr) return state.Adopt(socket_fd, peer, std::move(ticket));
  state.options.tls->Accept(socket_fd, [&state, alive = std::weak_ptr<int>(state.alive), peer,
                                        ticket = std::move(ticket)](int inner) mutable {
    if (alive.expired() || state.draining) {
      ::close(inner);
      return;
    }
    state.Adopt(inner, peer, std::move(ticket));
  });
}

void HttpServer::State::Adopt(int socket_fd, IpAddress peer, ConnectionGate::Ticket ticket) {
  tcp::socket socket(loop.context());
  boost::system::error_code error, ignored;
  // To Asio the protocol is but a name: a socket of TlsFront's, too, is read and written like one of TCP.
  socket.assign(peer.is_v4() ? tcp::v4() : tcp::v6(), socket_fd, error);
  if (error) {
    ::close(socket_fd);
    return;
  }
  socket.non_blocking(true, error);
  if (error) return;
  socket.set_option(tcp::no_delay(true), ignored);
  bool trusted = options.trusted_proxies.Contains(peer);
  if (tick == 0) {
    now = loop.Now();
    tick = loop.After(options.limits.tick, [this] { Tick(); });
  }
  auto connection = std::make_shared<Connection>(*this, std::move(socket), peer, trusted, std::move(ticket));
  connection->index = connections.size();
  connections.push_back(connection);
  ShowCount();
  connection->Start();
}

void HttpServer::Drain(UniqueFunction<void()> then) {
  state_->draining = true;
  state_->drained = std::move(then);
  std::vector<std::shared_ptr<Connection>> all = state_->connections;
  for (std::shared_ptr<Connection>& connection : all) connection->Drain();
  state_->websockets.CloseAll(1001, "The server is going away.");
  // Closing a connection whose client is just sending would fail that request; so would closing one that is new.
  state_->grace_over = state_->loop.After(kDrainGrace, [state = state_.get()] { state->CloseIdle(); });
  state_->CheckDrained();
}

void HttpServer::State::CloseIdle() {
  grace_over = 0;
  closing_idle = true;
  std::vector<std::shared_ptr<Connection>> all = connections;
  for (std::shared_ptr<Connection>& connection : all) connection->CloseIfIdle();
}

void HttpServer::CheckDeadlines(Instant now) {
  state_->CheckDeadlines(now);
  state_->websockets.CheckDeadlines(now);
}

}  // namespace limpet::net

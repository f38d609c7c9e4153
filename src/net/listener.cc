#include "net/listener.h"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>

#include "net/asio_address.h"

namespace limpet::net {

using boost::asio::ip::tcp;

struct Listener::State : std::enable_shared_from_this<State> {
  State(loop::AsioLoop& loop, std::vector<ListenerTarget> targets)
      : loop(loop), acceptor(loop.context()), targets(std::move(targets)), dealt(this->targets.size()) {}

  void Accept();
  void Deal(int fd);
  void AcceptLater();
  void Stop();

  loop::AsioLoop& loop;
  tcp::acceptor acceptor;
  std::vector<ListenerTarget> targets;
  // Posted to a server that has not counted them yet. Shared with the closures on their way.
  std::vector<std::shared_ptr<std::atomic<size_t>>> dealt;
  Endpoint endpoint;
  loop::TimerId retry = 0;
  size_t next = 0;
  bool stopped = false;
};

Result<std::unique_ptr<Listener>> Listener::Open(loop::AsioLoop& loop, int listening_fd,
                                                 std::vector<ListenerTarget> targets) {
  LIMPET_CHECK(!targets.empty());
  int listening = 0;
  socklen_t size = sizeof listening;
  sockaddr_storage address{};
  socklen_t address_size = sizeof address;
  if (::getsockopt(listening_fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0 ||
      ::getsockname(listening_fd, reinterpret_cast<sockaddr*>(&address), &address_size) != 0 ||
      (address.ss_family != AF_INET && address.ss_family != AF_INET6)) {
    return Error(ErrorCode::kInvalidArgument,
                 "descriptor " + std::to_string(listening_fd) + " is not a listening TCP socket");
  }
  auto state = std::make_shared<State>(loop, std::move(targets));
  for (auto& count : state->dealt) count = std::make_shared<std::atomic<size_t>>(0);
  boost::system::error_code error;
  state->acceptor.assign(address.ss_family == AF_INET ? tcp::v4() : tcp::v6(), listening_fd, error);
  if (error) return Error(ErrorCode::kInvalidArgument, "listening socket: " + error.message());
  state->endpoint = FromAsio(state->acceptor.local_endpoint(error));
  state->Accept();
  return std::unique_ptr<Listener>(new Listener(std::move(state)));
}

Listener::~Listener() {
  Stop();
  state_->targets.clear();
}
const Endpoint& Listener::endpoint() const { return state_->endpoint; }
void Listener::Stop() { state_->Stop(); }

void Listener::State::Stop() {
  stopped = true;
  if (retry != 0) loop.Cancel(std::exchange(retry, 0));
  boost::system::error_code ignored;
  acceptor.close(ignored);
}

void Listener::State::Accept() {
  acceptor.async_accept([self = shared_from_this()](boost::system::error_code error, tcp::socket socket) {
    if (!error && !self->targets.empty()) {
      boost::system::error_code released;
      int fd = socket.release(released);
      if (!released) self->Deal(fd);
    }
    if (self->stopped || error == boost::asio::error::operation_aborted) return;
    if (error && error != boost::asio::error::connection_aborted) return self->AcceptLater();
    self->Accept();
  });
}

void Listener::State::AcceptLater() {
  retry = loop.After(kAcceptRetry, [self = shared_from_this()] {
    self->retry = 0;
    self->Accept();
  });
}

void Listener::State::Deal(int fd) {
  // The search begins one further each time, so that equals take turns.
  size_t best = next % targets.size();
  size_t fewest = SIZE_MAX;
  for (size_t i = 0; i < targets.size(); ++i) {
    size_t at = (next + i) % targets.size();
    size_t count = targets[at].server->connections() + dealt[at]->load(std::memory_order_relaxed);
    if (count < fewest) {
      fewest = count;
      best = at;
    }
  }
  next = best + 1;
  ListenerTarget target = targets[best];
  if (target.loop == &loop) return target.server->Adopt(fd);
  dealt[best]->fetch_add(1, std::memory_order_relaxed);
  target.loop->Post([target, fd, pending = dealt[best]] {
    pending->fetch_sub(1, std::memory_order_relaxed);
    target.server->Adopt(fd);
  });
}

}  // namespace limpet::net

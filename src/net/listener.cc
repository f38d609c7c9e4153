#include "net/listener.h"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>

#include "net/asio_address.h"
#include "net/congestion.h"

namespace limpet::net {

using boost::asio::ip::tcp;

namespace {

constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: 33\r\n"
    "Retry-After: 1\r\nConnection: close\r\n\r\nThere are too many connections.\r\n";

// Those that were turned away are closed a little later: closing with bytes unread resets the connection and could
// destroy the answer on its way. Beyond this number they are closed at once.
constexpr size_t kTurnedAwayMax = 256;
constexpr std::chrono::milliseconds kTurnedAwayTime{100};

}  // namespace

struct Listener::State : std::enable_shared_from_this<State> {
  State(loop::AsioLoop& loop, std::vector<ListenerTarget> targets, std::shared_ptr<ConnectionGate> gate)
      : loop(loop),
        acceptor(loop.context()),
        targets(std::move(targets)),
        dealt(this->targets.size()),
        gate(std::move(gate)) {}

  void Accept();
  void Admit(int fd);
  void Deal(int fd, ConnectionGate::Ticket ticket);
  void AcceptLater();
  void TurnAway(int fd);
  void CloseTurnedAway();
  void Stop();

  loop::AsioLoop& loop;
  tcp::acceptor acceptor;
  std::vector<ListenerTarget> targets;
  // Posted to a server that has not counted them yet. Shared with the closures on their way.
  std::vector<std::shared_ptr<std::atomic<size_t>>> dealt;
  std::shared_ptr<ConnectionGate> gate;
  tcp::endpoint peer;  // Of the connection that is accepted next.
  Endpoint endpoint;
  loop::TimerId retry = 0;
  std::vector<int> turned_away;
  loop::TimerId close_turned_away = 0;  // The timer.
  size_t next = 0;
  bool stopped = false;
};

Result<std::unique_ptr<Listener>> Listener::Open(loop::AsioLoop& loop, int listening_fd,
                                                 std::vector<ListenerTarget> targets,
                                                 std::shared_ptr<ConnectionGate> gate) {
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
  auto state = std::make_shared<State>(loop, std::move(targets), std::move(gate));
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
  if (close_turned_away != 0) loop.Cancel(close_turned_away);
  CloseTurnedAway();
  boost::system::error_code ignored;
  acceptor.close(ignored);
}

void Listener::State::Accept() {
  acceptor.async_accept(peer, [self = shared_from_this()](boost::system::error_code error, tcp::socket socket) {
    if (!error && !self->targets.empty()) {
      boost::system::error_code released;
      int fd = socket.release(released);
      if (!released) self->Admit(fd);
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

void Listener::State::Admit(int fd) {
  if (!IsLoopback(endpoint.address)) ChooseCongestionControl(fd, FromAsio(peer.address()));
  if (gate == nullptr) return Deal(fd, {});
  std::optional<ConnectionGate::Ticket> ticket = gate->Admit(FromAsio(peer.address()));
  if (!ticket) return TurnAway(fd);
  Deal(fd, std::move(*ticket));
}

void Listener::State::TurnAway(int fd) {
  (void)!::send(fd, kFull.data(), kFull.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(fd, SHUT_WR);
  if (turned_away.size() >= kTurnedAwayMax || stopped) return static_cast<void>(::close(fd));
  turned_away.push_back(fd);
  if (close_turned_away != 0) return;
  close_turned_away = loop.After(kTurnedAwayTime, [self = shared_from_this()] { self->CloseTurnedAway(); });
}

void Listener::State::CloseTurnedAway() {
  close_turned_away = 0;
  for (int fd : std::exchange(turned_away, {})) ::close(fd);
}

void Listener::State::Deal(int fd, ConnectionGate::Ticket ticket) {
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
  if (target.loop == &loop) return target.server->Adopt(fd, std::move(ticket));
  dealt[best]->fetch_add(1, std::memory_order_relaxed);
  target.loop->Post([target, fd, ticket = std::move(ticket), pending = dealt[best]]() mutable {
    pending->fetch_sub(1, std::memory_order_relaxed);
    target.server->Adopt(fd, std::move(ticket));
  });
}

}  // namespace limpet::net

// Accepts connections and deals each to the server that has fewest. (The kernel's SO_REUSEPORT deals them unevenly and
// lets a second process share the port unnoticed.)
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "loop/asio_loop.h"
#include "net/connection_gate.h"
#include "net/http_server.h"
#include "net/ip_address.h"

namespace limpet::net {

// A server and the loop that it lives on. Both outlive the listener.
struct ListenerTarget {
  loop::AsioLoop* loop;
  HttpServer* server;
};

// Lives on `loop`'s thread, which may be that of a target or another. Errors of accept (no descriptors left, …) make it
// wait kAcceptRetry and go on.
class Listener {
 public:
  static constexpr std::chrono::milliseconds kAcceptRetry{100};
  static constexpr int kBacklog = 4096;

  // Binds and listens; port 0 takes a free one. The descriptor can be given to Open in this process or, inherited, in
  // another. Error: kUnavailable, naming the address and what to do; errno says which. (bind.cc)
  static Result<int> Bind(const Endpoint& endpoint);
  // Accepts on a listening socket, which it takes over. A connection that `gate` (if any) has no place for is answered
  // 503 at once. Error: kInvalidArgument if it is no such socket.
  static Result<std::unique_ptr<Listener>> Open(loop::AsioLoop& loop, int listening_fd,
                                                std::vector<ListenerTarget> targets,
                                                std::shared_ptr<ConnectionGate> gate = nullptr);
  ~Listener();  // Stops; a connection that was just accepted is closed.
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  const Endpoint& endpoint() const;  // With the port that was chosen.
  // Accepts no more, closes the descriptor. Connections that were accepted stay; the last of them are dealt from the
  // loop, before whatever is posted to it from now on.
  void Stop();

 private:
  struct State;
  explicit Listener(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

}  // namespace limpet::net

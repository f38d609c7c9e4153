// TLS before an HttpServer: takes a client's connection, and gives the server a socket on which all is in the clear.
// For ports with little traffic: each byte goes through a socket of the kernel once more.
//
// Everything here lives on the loop's thread.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/function.h"
#include "base/result.h"
#include "loop/asio_loop.h"

namespace limpet::net {

inline constexpr std::chrono::seconds kTlsHandshakeMax{10};  // Then the connection is closed.

class TlsFront {
 public:
  // `certificate_file`: PEM, the server's first, then those between it and the root. TLS 1.2 and later. Error:
  // kInvalidArgument, names the file.
  static Result<std::shared_ptr<TlsFront>> Open(loop::AsioLoop& loop, const std::string& certificate_file,
                                                const std::string& key_file);
  ~TlsFront();
  TlsFront(const TlsFront&) = delete;
  TlsFront& operator=(const TlsFront&) = delete;

  // Takes over a connected socket. `ready` gets the other socket, a connected one that the caller owns, once the
  // handshake is done; it is dropped if there is none. Ends with either side.
  void Accept(int socket_fd, UniqueFunction<void(int)> ready);

 private:
  struct State;
  class Relay;
  explicit TlsFront(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace limpet::net

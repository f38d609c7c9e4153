// Apart from listener.cc, so that the launcher, which holds the sockets, links it without Asio.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "net/congestion.h"
#include "net/listener.h"

namespace limpet::net {
namespace {

socklen_t FillAddress(const Endpoint& endpoint, sockaddr_storage& storage) {
  if (endpoint.address.is_v4()) {
    auto& address = reinterpret_cast<sockaddr_in&>(storage);
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    std::memcpy(&address.sin_addr, endpoint.address.bytes.data() + 12, 4);
    return sizeof address;
  }
  auto& address = reinterpret_cast<sockaddr_in6&>(storage);
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(endpoint.port);
  std::memcpy(&address.sin6_addr, endpoint.address.bytes.data(), 16);
  return sizeof address;
}

}  // namespace

Result<int> Listener::Bind(const Endpoint& endpoint) {
  sockaddr_storage storage{};
  socklen_t size = FillAddress(endpoint, storage);
  const auto* address = reinterpret_cast<const sockaddr*>(&storage);
  auto fail = [&](int fd, int error) -> Error {
    if (fd >= 0) ::close(fd);
    std::string text = "can't listen on " + endpoint.ToString() + ": ";
    switch (error) {
      case EADDRINUSE:
        text +=
            "the address is in use. Stop the program that listens there, or choose another port (port 0 takes a free "
            "one)";
        break;
      case EACCES:
        text += "permission denied. Ports below 1024 need the privilege CAP_NET_BIND_SERVICE; choose a higher port";
        break;
      case EADDRNOTAVAIL: text += "this machine has no such address. Choose one of its own, or 0.0.0.0 for all"; break;
      default: text += std::strerror(error); break;
    }
    errno = error;
    return Error(ErrorCode::kUnavailable, text);
  };
  int fd = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(fd, errno);
  int one = 1;
  // Only so that a restart need not wait for old connections to time out; two listeners still exclude each other.
  if (::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0) return fail(fd, errno);
  ChooseCongestionControl(fd, endpoint.address);  // Of what it accepts, too.
  if (::bind(fd, address, size) != 0) return fail(fd, errno);
  if (::listen(fd, kBacklog) != 0) return fail(fd, errno);
  return fd;
}

}  // namespace limpet::net

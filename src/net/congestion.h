// How TCP is to send between two ends on one machine. Internal to net.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "net/ip_address.h"

namespace limpet::net {

// Reno for a socket of the loopback, before it connects or listens, if the kernel permits. Machines of the Internet
// often have BBR as the default, which sends by timers at a rate that it estimates. Where nothing can be lost that is
// idle work, and much: a stream between processes cost both ends several times the CPU time. Reno is in every kernel,
// anyone may choose it, and without loss it has nothing to do.
inline void ChooseCongestionControl(int fd, const IpAddress& end) {
  static constexpr char kReno[] = "reno";
  if (IsLoopback(end)) (void)::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, kReno, sizeof kReno - 1);
}

}  // namespace limpet::net

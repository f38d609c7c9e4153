// What a server takes from its clients at most. `limpet serve` has a flag for each that an operator may want to change.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "net/http_head.h"

namespace limpet::net {

struct ServerLimits {
  HeadLimits head;
  uint64_t body_bytes_max = 100ull * 1024 * 1024;         // 413, announced or counted.
  std::chrono::milliseconds header_timeout{10'000};       // From a request's first byte to the end of its head: 408.
  std::chrono::milliseconds idle_timeout{75'000};         // Between requests: closed.
  std::chrono::milliseconds body_stall_timeout{30'000};   // No byte of a body that is being read: 408.
  std::chrono::milliseconds write_stall_timeout{30'000};  // The client takes no byte of what waits for it: closed.
  // What a client must send or take in a second of the time that it is waited for, or the two timeouts above count on.
  uint64_t bytes_per_second_min = 100;
  std::chrono::milliseconds tick{1'000};  // How late a timeout may be.
};

// Of all that listens on one port. Beyond: 503.
struct ConnectionLimits {
  size_t connections_max = 50'000;             // WebSockets among them.
  size_t connections_per_address_max = 2'000;  // Trusted proxies excepted.
};

}  // namespace limpet::net

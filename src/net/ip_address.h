// IP addresses and networks as values. Pure, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace limpet::net {

// IPv4 is held as its IPv6 form (::ffff:a.b.c.d), so that one address has one value.
struct IpAddress {
  std::array<uint8_t, 16> bytes{};

  static IpAddress V4(std::array<uint8_t, 4> bytes);
  static std::optional<IpAddress> Parse(std::string_view text);  // No port, no brackets, no zone.
  bool is_v4() const;
  std::string ToString() const;  // "192.0.2.1", "2001:db8::1".
  auto operator<=>(const IpAddress&) const = default;
};

struct Endpoint {
  IpAddress address;
  uint16_t port = 0;
  std::string ToString() const;  // "127.0.0.1:80", "[::1]:80".
  auto operator<=>(const Endpoint&) const = default;
};
// "127.0.0.1:80", "[::1]:80". Error: kInvalidArgument, naming the text.
Result<Endpoint> ParseEndpoint(std::string_view text);

// Networks such as "10.0.0.0/8", "::1", "2001:db8::/32".
class NetworkSet {
 public:
  // Error: kInvalidArgument, naming the text.
  static Result<NetworkSet> Parse(const std::vector<std::string>& networks);
  static NetworkSet Loopback();  // 127.0.0.0/8, ::1
  bool Contains(const IpAddress& address) const;
  bool empty() const { return networks_.empty(); }

 private:
  struct Network {
    IpAddress address;
    unsigned bits;  // Of 128.
  };
  std::vector<Network> networks_;
};

bool IsLoopback(const IpAddress& address);  // 127.0.0.0/8, ::1.

// True of what the public Internet routes. False of loopback, link-local, private (RFC 1918, RFC 4193), shared (RFC
// 6598), benchmarking, documentation, reserved, multicast and unspecified addresses, also where they are wrapped in
// IPv6 (v4-mapped, v4-compatible, NAT64, 6to4, Teredo).
bool IsPublicAddress(const IpAddress& address);

// True if a connection to `target` may reach a socket that listens on `listener`: the same address and port, or
// either of them unspecified (0.0.0.0, ::) or both loopback.
bool MayReach(const Endpoint& target, const Endpoint& listener);

}  // namespace limpet::net

template <>
struct std::hash<limpet::net::IpAddress> {
  size_t operator()(const limpet::net::IpAddress& address) const noexcept {
    uint64_t hash = 0xcbf29ce484222325u;
    for (uint8_t byte : address.bytes) hash = (hash ^ byte) * 0x100000001b3u;
    return hash;
  }
};

#include "net/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace limpet::net {
namespace {

constexpr std::array<uint8_t, 12> kV4Prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct Range {
  std::array<uint8_t, 4> address;
  unsigned bits;
};
// IANA IPv4 special-purpose registry, with multicast and class E.
constexpr Range kSpecialV4[] = {
    {{0, 0, 0, 0}, 8},      {{10, 0, 0, 0}, 8},     {{100, 64, 0, 0}, 10}, {{127, 0, 0, 0}, 8},
    {{169, 254, 0, 0}, 16}, {{172, 16, 0, 0}, 12},  {{192, 0, 0, 0}, 24},  {{192, 0, 2, 0}, 24},
    {{192, 88, 99, 0}, 24}, {{192, 168, 0, 0}, 16}, {{198, 18, 0, 0}, 15}, {{198, 51, 100, 0}, 24},
    {{203, 0, 113, 0}, 24}, {{224, 0, 0, 0}, 4},    {{240, 0, 0, 0}, 4},
};

bool SamePrefix(const uint8_t* a, const uint8_t* b, unsigned bits) {
  unsigned whole = bits / 8;
  if (std::memcmp(a, b, whole) != 0) return false;
  unsigned rest = bits % 8;
  return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

bool IsPublicV4(const uint8_t* bytes) {
  return std::none_of(std::begin(kSpecialV4), std::end(kSpecialV4),
                      [&](const Range& range) { return SamePrefix(bytes, range.address.data(), range.bits); });
}

bool IsUnspecified(const IpAddress& address) {
  IpAddress none;
  return address == none || address == IpAddress::V4({0, 0, 0, 0});
}

}  // namespace

bool IsLoopback(const IpAddress& address) {
  static constexpr std::array<uint8_t, 16> kOne = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return address.bytes == kOne || (address.is_v4() && address.bytes[12] == 127);
}

IpAddress IpAddress::V4(std::array<uint8_t, 4> v4) {
  IpAddress address;
  std::copy(kV4Prefix.begin(), kV4Prefix.end(), address.bytes.begin());
  std::copy(v4.begin(), v4.end(), address.bytes.begin() + 12);
  return address;
}

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  std::string copy(text);
  std::array<uint8_t, 4> v4{};
  if (copy.size() != std::strlen(copy.c_str())) return std::nullopt;
  if (inet_pton(AF_INET, copy.c_str(), v4.data()) == 1) return V4(v4);
  IpAddress address;
  if (inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

bool IpAddress::is_v4() const { return std::equal(kV4Prefix.begin(), kV4Prefix.end(), bytes.begin()); }

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (is_v4()) {
    inet_ntop(AF_INET, bytes.data() + 12, text, sizeof text);
  } else {
    inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
  }
  return text;
}

std::string Endpoint::ToString() const {
  std::string text = address.is_v4() ? address.ToString() : "[" + address.ToString() + "]";
  return text + ":" + std::to_string(port);
}

Result<Endpoint> ParseEndpoint(std::string_view text) {
  Error bad(ErrorCode::kInvalidArgument, "\"" + std::string(text) + "\" is not ADDRESS:PORT");
  size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad;
  std::string_view host = text.substr(0, colon);
  std::string_view port = text.substr(colon + 1);
  if (host == "localhost") host = "127.0.0.1";
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad;  // IPv6 without brackets: where does the port begin?
  }
  Endpoint endpoint;
  std::optional<IpAddress> address = IpAddress::Parse(host);
  auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (!address || port.empty() || error != std::errc() || end != port.data() + port.size()) return bad;
  endpoint.address = *address;
  return endpoint;
}

Result<NetworkSet> NetworkSet::Parse(const std::vector<std::string>& networks) {
  NetworkSet set;
  for (const std::string& text : networks) {
    Error bad(ErrorCode::kInvalidArgument, "\"" + text + "\" is not an IP address or network (ADDRESS/BITS)");
    size_t slash = text.find('/');
    std::optional<IpAddress> address = IpAddress::Parse(std::string_view(text).substr(0, slash));
    if (!address) return bad;
    unsigned family_bits = address->is_v4() ? 32 : 128;
    unsigned bits = family_bits;
    if (slash != std::string::npos) {
      const char* end = text.data() + text.size();
      auto [at, error] = std::from_chars(text.data() + slash + 1, end, bits);
      if (error != std::errc() || at != end || bits > family_bits) return bad;
    }
    set.networks_.push_back({*address, bits + 128 - family_bits});
  }
  return set;
}

NetworkSet NetworkSet::Loopback() { return Parse({"127.0.0.0/8", "::1"}).value(); }

bool NetworkSet::Contains(const IpAddress& address) const {
  return std::any_of(networks_.begin(), networks_.end(), [&](const Network& network) {
    return SamePrefix(address.bytes.data(), network.address.bytes.data(), network.bits);
  });
}

bool IsPublicAddress(const IpAddress& address) {
  const uint8_t* b = address.bytes.data();
  if (address.is_v4()) return IsPublicV4(b + 12);
  static constexpr uint8_t kNat64[12] = {0x00, 0x64, 0xff, 0x9b};
  if (std::memcmp(b, kNat64, 12) == 0) return IsPublicV4(b + 12);
  if (b[0] == 0x20 && b[1] == 0x02) return IsPublicV4(b + 2);  // 6to4
  if ((b[0] & 0xe0) != 0x20) return false;                     // Only 2000::/3 is global unicast.
  if (b[0] == 0x20 && b[1] == 0x01 && b[2] < 2) return false;  // 2001::/23: Teredo and other special uses.
  if (b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0d && b[3] == 0xb8) return false;  // Documentation.
  if (b[0] == 0x3f && b[1] == 0xff && b[2] < 0x10) return false;                   // Documentation.
  return true;
}

bool MayReach(const Endpoint& target, const Endpoint& listener) {
  if (target.port != listener.port) return false;
  if (target.address == listener.address) return true;
  // An unspecified target means this machine, an unspecified listener every address of it; which addresses those are
  // is not known here, so they all count.
  if (IsUnspecified(target.address) || IsUnspecified(listener.address)) return true;
  return IsLoopback(target.address) && IsLoopback(listener.address);
}

}  // namespace limpet::net

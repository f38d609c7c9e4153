// Between our addresses and Asio's. Internal to net.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include "net/ip_address.h"

namespace limpet::net {

inline IpAddress FromAsio(const boost::asio::ip::address& address) {
  if (address.is_v4()) return IpAddress::V4(address.to_v4().to_bytes());
  IpAddress out;
  boost::asio::ip::address_v6::bytes_type bytes = address.to_v6().to_bytes();
  std::copy(bytes.begin(), bytes.end(), out.bytes.begin());
  return out;
}
inline Endpoint FromAsio(const boost::asio::ip::tcp::endpoint& endpoint) {
  return {FromAsio(endpoint.address()), endpoint.port()};
}
inline boost::asio::ip::tcp::endpoint ToAsio(const Endpoint& endpoint) {
  if (endpoint.address.is_v4()) {
    boost::asio::ip::address_v4::bytes_type bytes;
    std::copy(endpoint.address.bytes.begin() + 12, endpoint.address.bytes.end(), bytes.begin());
    return {boost::asio::ip::address_v4(bytes), endpoint.port};
  }
  boost::asio::ip::address_v6::bytes_type bytes;
  std::copy(endpoint.address.bytes.begin(), endpoint.address.bytes.end(), bytes.begin());
  return {boost::asio::ip::address_v6(bytes), endpoint.port};
}

}  // namespace limpet::net

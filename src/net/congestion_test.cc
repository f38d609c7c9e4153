#include "net/congestion.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "net/listener.h"

namespace limpet::net {
namespace {

std::string Of(int fd) {
  char name[16] = {};
  socklen_t size = sizeof name;
  EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &size), 0);
  return name;
}

std::string OfAListener(const char* address) {
  int fd = Listener::Bind(ParseEndpoint(address).value()).value();
  std::string name = Of(fd);
  ::close(fd);
  return name;
}

TEST(CongestionControl, IsRenoOnTheLoopbackAndTheMachinesOwnElsewhere) {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string usual = Of(fd);
  ChooseCongestionControl(fd, *IpAddress::Parse("192.0.2.1"));
  EXPECT_EQ(Of(fd), usual);
  ChooseCongestionControl(fd, *IpAddress::Parse("127.0.0.7"));
  EXPECT_EQ(Of(fd), "reno");
  ::close(fd);
  EXPECT_EQ(OfAListener("127.0.0.1:0"), "reno");
  EXPECT_EQ(OfAListener("0.0.0.0:0"), usual);
}

}  // namespace
}  // namespace limpet::net

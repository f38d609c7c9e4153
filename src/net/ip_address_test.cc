#include "net/ip_address.h"

#include <gtest/gtest.h>

#include "net/client_address.h"
#include "net/listener.h"

namespace limpet::net {
namespace {

IpAddress Ip(const char* text) { return IpAddress::Parse(text).value(); }

TEST(IpAddress, KnowsWhatThePublicInternetRoutes) {
  for (const char* text : {"1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "192.0.1.1",
                           "223.255.255.255", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"}) {
    EXPECT_TRUE(IsPublicAddress(Ip(text))) << text;
  }
  for (const char* text : {"0.0.0.0",
                           "0.1.2.3",
                           "10.0.0.1",
                           "100.64.0.1",
                           "100.127.255.255",
                           "127.0.0.1",
                           "127.255.0.1",
                           "169.254.169.254",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.0.0.1",
                           "192.0.2.1",
                           "192.168.1.1",
                           "198.18.0.1",
                           "198.19.255.1",
                           "198.51.100.1",
                           "203.0.113.1",
                           "224.0.0.1",
                           "240.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "::ffff:127.0.0.1",
                           "::ffff:10.0.0.1",
                           "::127.0.0.1",
                           "fe80::1",
                           "fec0::1",
                           "fc00::1",
                           "fd12::1",
                           "ff02::1",
                           "64:ff9b::7f00:1",
                           "64:ff9b:1::1",
                           "2002:7f00:1::",
                           "2001::1",
                           "2001:db8::1",
                           "3fff::1",
                           "100::1"}) {
    EXPECT_FALSE(IsPublicAddress(Ip(text))) << text;
  }
}

TEST(IpAddress, FindsEveryWayToAListener) {
  Endpoint admin{Ip("127.0.0.1"), 8788};
  for (const char* text : {"127.0.0.1", "127.0.0.2", "0.0.0.0", "::", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(MayReach({Ip(text), 8788}, admin)) << text;
    EXPECT_FALSE(MayReach({Ip(text), 8789}, admin)) << text;
  }
  EXPECT_FALSE(MayReach({Ip("192.168.0.7"), 8788}, admin));
  EXPECT_TRUE(MayReach({Ip("192.168.0.7"), 8788}, {Ip("0.0.0.0"), 8788}));
}

TEST(NetworkSet, ParsesAndContains) {
  NetworkSet set = NetworkSet::Parse({"10.0.0.0/8", "2001:db8::/33", "192.0.2.7"}).value();
  EXPECT_TRUE(set.Contains(Ip("10.255.0.1")));
  EXPECT_TRUE(set.Contains(Ip("::ffff:10.0.0.1")));
  EXPECT_FALSE(set.Contains(Ip("11.0.0.1")));
  EXPECT_TRUE(set.Contains(Ip("2001:db8:7fff::1")));
  EXPECT_FALSE(set.Contains(Ip("2001:db8:8000::1")));
  EXPECT_TRUE(set.Contains(Ip("192.0.2.7")));
  EXPECT_FALSE(set.Contains(Ip("192.0.2.8")));
  for (const char* bad : {"", "10.0.0.0/33", "10.0.0.0/", "x/8", "10.0.0.0/8x", "::/129"}) {
    EXPECT_FALSE(NetworkSet::Parse({bad}).has_value()) << bad;
  }
}

TEST(ParseEndpoint, TakesAddressAndPort) {
  EXPECT_EQ(ParseEndpoint("127.0.0.1:8787").value().ToString(), "127.0.0.1:8787");
  EXPECT_EQ(ParseEndpoint("[::1]:0").value().ToString(), "[::1]:0");
  EXPECT_EQ(ParseEndpoint("localhost:80").value().ToString(), "127.0.0.1:80");
  for (const char* bad : {"", "8787", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "::1:80", "x:80", "127.0.0.1:8a"}) {
    EXPECT_FALSE(ParseEndpoint(bad).has_value()) << bad;
  }
}

HeaderList Headers(std::initializer_list<std::pair<const char*, const char*>> pairs) {
  HeaderList headers;
  for (auto& [name, value] : pairs) headers.Append(name, value);
  return headers;
}

ClientFacts Apply(HeaderList& headers, const char* peer) {
  NetworkSet trusted = NetworkSet::Parse({"127.0.0.0/8", "10.0.0.0/8"}).value();
  return ApplyClientAddress(headers, Ip(peer), peer, trusted, trusted.Contains(Ip(peer)));
}

TEST(ClientAddress, BelievesNothingOfAStranger) {
  HeaderList headers = Headers({{"CF-Connecting-IP", "6.6.6.6"},
                                {"cf-ray", "x"},
                                {"X-FORWARDED-FOR", "6.6.6.6"},
                                {"x-forwarded-proto", "https"},
                                {"CFX", "kept"},
                                {"cf-ray", "y"}});
  ClientFacts facts = Apply(headers, "203.0.113.9");
  EXPECT_EQ(facts.ip, "203.0.113.9");
  EXPECT_FALSE(facts.scheme);
  EXPECT_EQ(headers.size(), 3u);
  EXPECT_EQ(headers.GetCombined("cf-connecting-ip"), "203.0.113.9");
  EXPECT_EQ(headers.GetCombined("x-forwarded-for"), "203.0.113.9");
  EXPECT_TRUE(headers.Has("CFX"));
}

TEST(ClientAddress, TakesTheWordOfATrustedProxy) {
  HeaderList said = Headers({{"CF-Connecting-IP", "198.51.100.1"}, {"CF-Ray", "x"}, {"X-Forwarded-Proto", "HTTPS"}});
  ClientFacts facts = Apply(said, "127.0.0.1");
  EXPECT_EQ(facts.ip, "198.51.100.1");
  EXPECT_EQ(facts.scheme, "https");
  EXPECT_EQ(said.Get("CF-Ray"), "x");

  HeaderList chain = Headers({{"X-Forwarded-For", "6.6.6.6, 198.51.100.2"}, {"X-Forwarded-For", "10.1.1.1"}});
  EXPECT_EQ(Apply(chain, "127.0.0.1").ip, "198.51.100.2");  // The last one that no trusted proxy is.
  EXPECT_EQ(chain.GetCombined("X-Forwarded-For"), "6.6.6.6, 198.51.100.2, 10.1.1.1, 127.0.0.1");

  HeaderList garbage = Headers({{"CF-Connecting-IP", "not an address"}, {"X-Forwarded-For", "1.2.3.4, junk"}});
  EXPECT_EQ(Apply(garbage, "127.0.0.1").ip, "127.0.0.1");
  EXPECT_EQ(garbage.GetCombined("CF-Connecting-IP"), "127.0.0.1");
}

TEST(Listener, TellsWhyItCannotBindAndWhatToDo) {
  Endpoint any{Ip("127.0.0.1"), 0};
  loop::AsioLoop loop;
  HttpServer server(loop, {}, [](HttpRequest, const RequestInfo&, Responder) {});
  auto listener = Listener::Open(loop, Listener::Bind(any).value(), {{&loop, &server}}).value();
  EXPECT_NE(listener->endpoint().port, 0);
  Result<int> again = Listener::Bind(listener->endpoint());
  ASSERT_FALSE(again.has_value());
  EXPECT_NE(again.error().message().find(listener->endpoint().ToString() + ": the address is in use. Stop"),
            std::string::npos)
      << again.error().message();
  EXPECT_FALSE(Listener::Open(loop, 0, {{&loop, &server}}).has_value());  // No socket at all.
}

}  // namespace
}  // namespace limpet::net

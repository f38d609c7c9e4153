// What the server bounds: sizes, times, rates, connections.
#include <gtest/gtest.h>

#include "net/http_server.h"
#include "net/net_testing.h"

namespace limpet::net {
namespace {

using namespace std::chrono_literals;

TEST(HttpServer, RefusesBodiesOverTheLimitAnnouncedOrCounted) {
  loop::AsioLoop loop;
  ServerOptions options;
  options.limits.body_bytes_max = 1000;
  TestServer server(loop, Echo, std::move(options));
  RawClient announced(loop, server.endpoint());
  announced.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_TRUE(announced.UntilClosed().starts_with("HTTP/1.1 413 "));
  RawClient counted(loop, server.endpoint());
  counted.Send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + std::string(1001, 'a') +
               "\r\n");
  EXPECT_TRUE(counted.UntilClosed().starts_with("HTTP/1.1 413 "));
}

TEST(HttpServer, RefusesAnUnendingHeaderEarly) {
  loop::AsioLoop loop;
  TestServer server(loop, Echo);
  RawClient client(loop, server.endpoint());
  client.Send("GET / HTTP/1.1\r\nHost: x\r\nX: ");
  std::string piece(65'536, 'h');
  size_t sent = 0;
  while (sent < 100'000'000 && client.Send(piece)) {
    sent += piece.size();
    if (client.Take(), client.ended()) break;
  }
  EXPECT_LT(sent, 20'000'000u);  // The kernel's buffers, the linger's megabyte; never the whole.
  EXPECT_TRUE(client.Take().empty() || client.Take().starts_with("HTTP/1.1 431 ")) << client.Take();
}

TEST(HttpServer, EndsAConnectionThatIsOverItsTime) {
  loop::AsioLoop loop;
  ServerLimits limits;
  std::optional<Responder> held;
  std::shared_ptr<BodyStream> body;
  TestServer server(loop, [&](HttpRequest request, const RequestInfo&, Responder responder) {
    held = std::move(responder);
    body = std::move(request.body.stream);
    if (body) ReadAll(body, [](Result<Bytes>) {});
  });
  RawClient slow(loop, server.endpoint()), idle(loop, server.endpoint()), stalled(loop, server.endpoint());
  slow.Send("GET / HTTP/1.1\r\nHo");
  stalled.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345");
  ASSERT_TRUE(RunUntil(loop, [&] { return server.server.connections() == 3 && held; }));
  loop.context().restart();
  loop.context().poll();
  server.server.CheckDeadlines(loop.Now() + limits.header_timeout / 2);
  EXPECT_EQ(server.server.connections(), 3u);
  server.server.CheckDeadlines(loop.Now() + limits.header_timeout + 3s);
  EXPECT_TRUE(slow.UntilClosed().starts_with("HTTP/1.1 408 "));
  EXPECT_EQ(idle.UntilClosed(), "");
  server.server.CheckDeadlines(loop.Now() + limits.body_stall_timeout + 3s);
  EXPECT_TRUE(stalled.UntilClosed().starts_with("HTTP/1.1 408 "));
}

// A byte now and then does not keep a connection open: the patience that it uses up is not what it earns.
TEST(HttpServer, EndsABodyThatTrickles) {
  loop::AsioLoop loop;
  std::vector<Responder> held;
  TestServer server(loop, [&](HttpRequest request, const RequestInfo&, Responder responder) {
    held.push_back(std::move(responder));
    ReadAll(std::shared_ptr<BodyStream>(std::move(request.body.stream)), [](Result<Bytes>) {});
  });
  const ServerLimits limits;
  RawClient slow(loop, server.endpoint()), steady(loop, server.endpoint());
  for (RawClient* client : {&slow, &steady}) {
    client->Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
  }
  ASSERT_TRUE(RunUntil(loop, [&] { return held.size() == 2; }));
  Instant now = loop.Now();
  auto settle = [&] {
    for (int i = 0; i < 50; ++i) {
      loop.context().restart();
      loop.context().run_one_for(1ms);
    }
  };
  bool slow_ended = false;
  for (int step = 0; step < 10; ++step) {
    slow.Send("a");
    steady.Send(std::string(limits.bytes_per_second_min * 12, 'b'));
    settle();
    server.server.CheckDeadlines(now += 10s);
    settle();
    slow_ended = (slow.Take(), slow.ended());
    if (slow_ended) break;
    EXPECT_LT(step, 5);
  }
  EXPECT_TRUE(slow_ended);
  EXPECT_TRUE(slow.Take().starts_with("HTTP/1.1 408 ")) << slow.Take();
  EXPECT_TRUE((steady.Take(), !steady.ended())) << steady.Take();
}

// Also if the bytes come more often than the clock moves.
TEST(HttpServer, EndsABodyThatTricklesSoonerThanTheTicks) {
  loop::AsioLoop loop;
  std::optional<Responder> held;
  TestServer server(loop, [&](HttpRequest request, const RequestInfo&, Responder responder) {
    held.emplace(std::move(responder));
    ReadAll(std::shared_ptr<BodyStream>(std::move(request.body.stream)), [](Result<Bytes>) {});
  });
  const ServerLimits limits;
  RawClient client(loop, server.endpoint());
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
  ASSERT_TRUE(RunUntil(loop, [&] { return held.has_value(); }));
  Instant now = loop.Now();
  for (int step = 0; step < 400 && !client.ended(); ++step) {
    client.Send("a");
    for (int i = 0; i < 10; ++i) {
      loop.context().restart();
      loop.context().run_one_for(1ms);
    }
    if (step % 4 == 3) server.server.CheckDeadlines(now += limits.tick);
    if ((client.Take().starts_with("HTTP/1.1 408 "))) return;
  }
  FAIL() << "the client may trickle for ever";
}

TEST(HttpServer, KeepsASlowReaderThatTakesEnough) {
  loop::AsioLoop loop;
  TestServer server(loop, [&](HttpRequest, const RequestInfo&, Responder responder) {
    responder.Send(TextResponse(std::string(20'000'000, 'x')));
  });
  RawClient client(loop, server.endpoint(), 4096);
  client.Send(kGet);
  ASSERT_TRUE(client.Sees("HTTP/1.1 200"));
  Instant now = loop.Now();
  for (int step = 0; step < 5; ++step) {  // Far too little for the socket to be writable again.
    size_t before = client.Take().size();
    ASSERT_TRUE(RunUntil(loop, [&] { return client.Take().size() > before + 20'000; }));
    server.server.CheckDeadlines(now += ServerLimits().write_stall_timeout + 3s);
    ASSERT_EQ(server.server.connections(), 1u) << step;
  }
  server.server.CheckDeadlines(now += ServerLimits().write_stall_timeout + 3s);
  server.server.CheckDeadlines(now += ServerLimits().write_stall_timeout + 3s);
  EXPECT_EQ(server.server.connections(), 0u);
}

TEST(HttpServer, CutsAReaderThatTakesNothing) {
  loop::AsioLoop loop;
  TestServer server(loop, [&](HttpRequest, const RequestInfo&, Responder responder) {
    responder.Send(TextResponse(std::string(20'000'000, 'x')));
  });
  RawClient client(loop, server.endpoint(), 4096);
  client.Send(kGet);
  ASSERT_TRUE(client.Sees("HTTP/1.1 200"));
  loop.context().restart();
  loop.context().poll();
  // The kernel may have moved something to the client's own buffer meanwhile, once.
  Instant now = loop.Now();
  for (int i = 0; i < 2; ++i) server.server.CheckDeadlines(now += ServerLimits().write_stall_timeout + 3s);
  EXPECT_EQ(server.server.connections(), 0u);
}

TEST(HttpServer, RefusesConnectionsOverTheLimits) {
  loop::AsioLoop loop;
  auto gate = ConnectionGate::Make({.connections_per_address_max = 1}, NetworkSet());
  TestServer server(loop, Echo, {}, gate);
  RawClient first(loop, server.endpoint()), second(loop, server.endpoint());
  EXPECT_TRUE(second.UntilClosed().starts_with("HTTP/1.1 503 "));
  first.Send(kGet);
  EXPECT_TRUE(first.Sees("200 OK"));
  EXPECT_EQ(gate->count(), 1u);
  first.Close();
  ASSERT_TRUE(RunUntil(loop, [&] { return gate->count() == 0; }));  // Its place is free again.
  RawClient third(loop, server.endpoint());
  third.Send(kGet);
  EXPECT_TRUE(third.Sees("200 OK"));
}

TEST(ConnectionGate, HoldsTrustedProxiesToTheSumAloneAndIpv6ToItsNetwork) {
  auto ip = [](std::string_view text) { return *IpAddress::Parse(text); };
  Counter refused;
  auto gate =
      ConnectionGate::Make({.connections_max = 5, .connections_per_address_max = 1}, NetworkSet::Loopback(), &refused);
  std::vector<ConnectionGate::Ticket> held;
  auto admit = [&](std::string_view address) {
    std::optional<ConnectionGate::Ticket> ticket = gate->Admit(ip(address));
    if (ticket) held.push_back(std::move(*ticket));
    return ticket.has_value();
  };
  EXPECT_TRUE(admit("192.0.2.1"));
  EXPECT_FALSE(admit("192.0.2.1"));
  EXPECT_TRUE(admit("2001:db8:0:1::1"));
  EXPECT_FALSE(admit("2001:db8:0:1:2::2"));
  EXPECT_TRUE(admit("2001:db8:0:2::1"));
  EXPECT_TRUE(admit("127.0.0.1"));
  EXPECT_TRUE(admit("127.0.0.1"));
  EXPECT_FALSE(admit("127.0.0.1"));
  EXPECT_FALSE(admit("192.0.2.2"));
  EXPECT_EQ(refused.Value(), 4);
  held[0] = ConnectionGate::Ticket();
  EXPECT_TRUE(admit("192.0.2.1"));
  held.clear();
  EXPECT_EQ(gate->count(), 0u);
}

}  // namespace
}  // namespace limpet::net

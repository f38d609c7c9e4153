#include "net/http_server.h"

#include <gtest/gtest.h>

#include "net/net_testing.h"

namespace limpet::net {
namespace {

using namespace std::chrono_literals;

TEST(HttpServer, AnswersARequestAndKeepsTheConnection) {
  loop::AsioLoop loop;
  TestServer server(loop, Echo);
  RawClient client(loop, server.endpoint());
  for (int i = 0; i < 3; ++i) {
    client.Forget();
    ASSERT_TRUE(client.Send(kGet));
    ASSERT_TRUE(client.Sees("GET http://x.test/a?b=1\n"));
  }
  EXPECT_EQ(client.Take(),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 24\r\n\r\nGET http://x.test/a?b=1\n");
  EXPECT_EQ(server.server.connections(), 1u);
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  loop::AsioLoop loop;
  std::vector<Responder> held;
  TestServer server(loop, [&](HttpRequest request, const RequestInfo&, Responder responder) {
    if (request.url.ends_with("/slow")) {
      held.push_back(std::move(responder));
    } else {
      responder.Send(TextResponse(request.url));
    }
  });
  RawClient client(loop, server.endpoint());
  client.Send(
      "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(RunUntil(loop, [&] { return held.size() == 1; }));
  ASSERT_TRUE(client.Sees("http://x/1"));
  EXPECT_EQ(client.Take().find("http://x/3"), std::string::npos);
  held[0].Send(TextResponse("<slow>"));
  ASSERT_TRUE(client.Sees("http://x/3"));
  EXPECT_LT(client.Take().find("<slow>"), client.Take().find("http://x/3"));
}

TEST(HttpServer, GivesASmallBodyWithTheHeadAndStreamsTheRest) {
  loop::AsioLoop loop;
  TestServer server(loop, Echo);
  RawClient client(loop, server.endpoint());
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
  ASSERT_TRUE(client.Sees("/\nhello"));
  client.Forget();
  std::string large(300'000, 'z');
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + large);
  ASSERT_TRUE(client.Sees(large));
  client.Forget();
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  client.Send("2;ext=1\r\nde\r\n0\r\nTrailer: x\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(client.Sees("http://x/next"));
  EXPECT_NE(client.Take().find("/\nabcde"), std::string::npos);
}

TEST(HttpServer, SendsContinueWhenTheBodyIsAskedFor) {
  loop::AsioLoop loop;
  TestServer server(loop, Echo);
  RawClient client(loop, server.endpoint());
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  ASSERT_TRUE(client.Sees("HTTP/1.1 100 Continue\r\n\r\n"));
  client.Send("ok");
  ASSERT_TRUE(client.Sees("/\nok"));
}

TEST(HttpServer, ClosesWhenAnExpectedBodyWasNotAskedFor) {
  loop::AsioLoop loop;
  TestServer server(
      loop, [](HttpRequest, const RequestInfo&, Responder responder) { responder.Send(TextResponse("no thanks")); });
  RawClient client(loop, server.endpoint());
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  std::string all = client.UntilClosed();
  EXPECT_EQ(all.find("100 Continue"), std::string::npos);
  EXPECT_NE(all.find("Connection: close\r\n"), std::string::npos);
}

// A response whose body is the request's: the answer has begun when the body is asked for.
TEST(HttpServer, SendsContinueBeforeAResponseThatPassesTheBodyThrough) {
  loop::AsioLoop loop;
  TestServer server(loop, [](HttpRequest request, const RequestInfo&, Responder responder) {
    HttpResponse response;
    response.body = std::move(request.body);
    responder.Send(std::move(response));
  });
  RawClient client(loop, server.endpoint());
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");
  ASSERT_TRUE(client.Sees("HTTP/1.1 100 Continue\r\n\r\n"));
  client.Send("2\r\nok\r\n0\r\n\r\n");
  ASSERT_TRUE(client.Sees("0\r\n\r\n"));
  EXPECT_EQ(client.Take(),
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
  client.Forget();
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");  // The connection is kept.
  EXPECT_TRUE(client.Sees("abc"));
}

TEST(HttpServer, SendsNoContinueWhenAStreamedResponseBeginsWithoutTheBody) {
  loop::AsioLoop loop;
  auto shared = std::make_shared<PushStream::Shared>();
  std::unique_ptr<BodyStream> body;
  TestServer server(loop, [&](HttpRequest request, const RequestInfo&, Responder responder) {
    body = std::move(request.body.stream);
    HttpResponse response;
    response.body = Body::Of(std::make_unique<PushStream>(shared));
    responder.Send(std::move(response));
  });
  RawClient client(loop, server.endpoint());
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  ASSERT_TRUE(RunUntil(loop, [&] { return bool(shared->waiting); }));
  shared->Push(std::optional<Bytes>("abc"));
  ASSERT_TRUE(client.Sees("3\r\nabc\r\n"));
  ASSERT_TRUE(RunUntil(loop, [&] { return bool(shared->waiting); }));
  shared->Push(std::optional<Bytes>());
  EXPECT_EQ(client.UntilClosed(),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
}

TEST(HttpServer, ClosesAfterALargeUnreadBody) {
  loop::AsioLoop loop;
  TestServer server(loop, [](HttpRequest request, const RequestInfo&, Responder responder) {
    responder.Send(TextResponse(request.url));
  });
  RawClient client(loop, server.endpoint());
  client.Send("POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + std::string(1000, 'b'));
  std::string all = client.UntilClosed();
  EXPECT_NE(all.find("Connection: close\r\n"), std::string::npos) << all;
}

TEST(HttpServer, TellsTheReaderOfABodyThatEndsEarly) {
  loop::AsioLoop loop;
  std::optional<Result<Bytes>> seen;
  TestServer server(loop, [&](HttpRequest request, const RequestInfo&, Responder responder) {
    ReadAll(std::shared_ptr<BodyStream>(std::move(request.body.stream)),
            [&seen, responder = std::move(responder)](Result<Bytes> body) { seen.emplace(std::move(body)); });
  });
  for (const char* start : {"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
                            "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n", "Content-Length: 5\r\n\r\nabc"}) {
    seen.reset();
    RawClient client(loop, server.endpoint());
    client.Send("POST / HTTP/1.1\r\nHost: x\r\n" + std::string(start));
    client.HalfClose();
    ASSERT_TRUE(RunUntil(loop, [&] { return seen.has_value(); })) << start;
    EXPECT_FALSE(seen->has_value()) << start;
    client.UntilClosed();
  }
}

TEST(HttpServer, ReadsOverASmallUnreadBodyAndKeepsTheConnection) {
  loop::AsioLoop loop;
  TestServer server(loop, [](HttpRequest request, const RequestInfo&, Responder responder) {
    responder.Send(TextResponse(request.url));
  });
  RawClient client(loop, server.endpoint());
  std::string body(100'000, 'b');
  client.Send("POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + body + std::string(kGet));
  ASSERT_TRUE(client.Sees("http://x.test/a?b=1"));
}

TEST(HttpServer, StreamsAResponseWithChunksAndBackpressure) {
  loop::AsioLoop loop;
  auto shared = std::make_shared<PushStream::Shared>();
  TestServer server(loop, [&](HttpRequest, const RequestInfo&, Responder responder) {
    HttpResponse response;
    response.body = Body::Of(std::make_unique<PushStream>(shared));
    responder.Send(std::move(response));
  });
  RawClient client(loop, server.endpoint(), 4096);
  client.Send(kGet);
  ASSERT_TRUE(client.Sees("Transfer-Encoding: chunked\r\n\r\n"));
  shared->Push(std::optional<Bytes>("abc"));
  ASSERT_TRUE(client.Sees("3\r\nabc\r\n"));
  // Nobody receives: the stream is not asked for more once the kernel's buffers are full.
  size_t pushed = 0;
  while (shared->waiting && pushed < 1000) {
    shared->Push(std::optional<Bytes>(Bytes(100'000, 'x')));
    ++pushed;
    loop.context().restart();
    loop.context().poll();
  }
  EXPECT_LT(pushed, 100u);
  ASSERT_TRUE(RunUntil(loop, [&] { return client.Take(), bool(shared->waiting); }));
  shared->Push(std::optional<Bytes>());
  ASSERT_TRUE(client.Sees("\r\n0\r\n\r\n"));
  ASSERT_TRUE(RunUntil(loop, [&] { return shared->destroyed; }));
  EXPECT_EQ(static_cast<size_t>(std::count(client.Take().begin(), client.Take().end(), 'x')), pushed * 100'000);
}

TEST(HttpServer, SendsTheEndOfAStreamThatComesRightAfterALateChunk) {
  loop::AsioLoop loop;
  auto shared = std::make_shared<PushStream::Shared>();
  TestServer server(loop, [&](HttpRequest, const RequestInfo&, Responder responder) {
    HttpResponse response;
    response.body = Body::Of(std::make_unique<PushStream>(shared));
    responder.Send(std::move(response));
  });
  RawClient client(loop, server.endpoint());
  client.Send(kGet);
  ASSERT_TRUE(client.Sees("Transfer-Encoding: chunked\r\n\r\n"));
  shared->ends = true;
  shared->Push(std::optional<Bytes>("abc"));
  ASSERT_TRUE(client.Sees("3\r\nabc\r\n0\r\n\r\n"));
  shared->ends = false;
  client.Forget();
  client.Send(kGet);  // The connection goes on.
  ASSERT_TRUE(client.Sees("HTTP/1.1 200 OK"));
}

TEST(HttpServer, CutsTheConnectionWhenAResponseStreamFailsOrLies) {
  loop::AsioLoop loop;
  for (bool lie : {false, true}) {
    auto shared = std::make_shared<PushStream::Shared>();
    TestServer server(loop, [&](HttpRequest, const RequestInfo&, Responder responder) {
      HttpResponse response;
      response.body = Body::Of(std::make_unique<PushStream>(shared), 10);
      responder.Send(std::move(response));
    });
    RawClient client(loop, server.endpoint());
    client.Send(kGet);
    ASSERT_TRUE(client.Sees("Content-Length: 10\r\n"));
    shared->Push(std::optional<Bytes>("12345"));
    if (lie) {
      shared->Push(std::optional<Bytes>("1234567"));
    } else {
      shared->Push(Error(ErrorCode::kInternal, "broken"));
    }
    EXPECT_TRUE(client.UntilClosed().ends_with("12345"));
    EXPECT_TRUE(RunUntil(loop, [&] { return shared->destroyed; }));
  }
}

TEST(HttpServer, TellsThatTheClientHasGone) {
  loop::AsioLoop loop;
  std::optional<Responder> held;
  bool gone = false;
  TestServer server(loop, [&](HttpRequest, const RequestInfo&, Responder responder) {
    responder.OnDisconnect([&] { gone = true; });
    held = std::move(responder);
  });
  RawClient client(loop, server.endpoint());
  client.Send(kGet);
  ASSERT_TRUE(RunUntil(loop, [&] { return held.has_value(); }));
  EXPECT_FALSE(gone);
  client.Close();
  EXPECT_TRUE(RunUntil(loop, [&] { return gone; }));
  held->Send(TextResponse("too late"));
  EXPECT_TRUE(RunUntil(loop, [&] { return server.server.connections() == 0; }));
}

TEST(HttpServer, AnswersAClientThatClosedOnlyItsSendingSide) {
  loop::AsioLoop loop;
  TestServer server(loop, Echo);
  RawClient client(loop, server.endpoint());
  client.Send(kGet);
  client.HalfClose();
  EXPECT_NE(client.UntilClosed().find("http://x.test/a?b=1"), std::string::npos);
}

TEST(HttpServer, AnswersADroppedResponderWith500) {
  loop::AsioLoop loop;
  TestServer server(loop, [](HttpRequest, const RequestInfo&, Responder) {});
  RawClient client(loop, server.endpoint());
  client.Send(kGet);
  EXPECT_TRUE(client.Sees("HTTP/1.1 500 Internal Server Error\r\n"));
}

TEST(HttpServer, SendsNoBodyForHeadAnd204And304) {
  loop::AsioLoop loop;
  int status = 200;
  TestServer server(loop, [&](HttpRequest, const RequestInfo&, Responder responder) {
    HttpResponse response = TextResponse("body");
    response.status = status;
    responder.Send(std::move(response));
  });
  RawClient client(loop, server.endpoint());
  client.Send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(client.Sees("Content-Length: 4\r\n\r\n"));
  for (int next : {204, 304}) {
    status = next;
    client.Forget();
    client.Send(kGet);
    ASSERT_TRUE(client.Sees("HTTP/1.1 " + std::to_string(next)));
    EXPECT_EQ(client.Take().find("body"), std::string::npos);
    EXPECT_EQ(client.Take().find("Content-Length"), std::string::npos);
  }
}

TEST(HttpServer, EndsHttp10ByClosingUnlessAskedToKeep) {
  loop::AsioLoop loop;
  TestServer server(loop, Echo);
  RawClient old(loop, server.endpoint());
  old.Send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_NE(old.UntilClosed().find("GET " + server.url()), std::string::npos);
  RawClient keep(loop, server.endpoint());
  keep.Send("GET / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n");
  ASSERT_TRUE(keep.Sees("Connection: keep-alive\r\n"));
  keep.Send("GET /2 HTTP/1.0\r\nHost: x\r\n\r\n");
  EXPECT_NE(keep.UntilClosed().find("/2"), std::string::npos);
}

TEST(HttpServer, KeepsFramingOfItsOwnWhateverAScriptSets) {
  loop::AsioLoop loop;
  TestServer server(loop, [&](HttpRequest, const RequestInfo&, Responder responder) {
    HttpResponse response;
    response.headers.Append("Content-Length", "999");
    response.headers.Append("Transfer-Encoding", "chunked");
    response.headers.Append("Connection", "keep-alive, Upgrade");
    response.headers.Append("X-Kept", "yes");
    response.body = Body::Of("four");
    responder.Send(std::move(response));
  });
  RawClient client(loop, server.endpoint());
  client.Send(kGet);
  ASSERT_TRUE(client.Sees("four"));
  EXPECT_EQ(client.Take(), "HTTP/1.1 200 OK\r\nX-Kept: yes\r\nContent-Length: 4\r\n\r\nfour");
}

TEST(HttpServer, AnswersAnInvalidResponseWith500) {
  loop::AsioLoop loop;
  int round = 0;
  TestServer server(loop, [&](HttpRequest, const RequestInfo&, Responder responder) {
    HttpResponse response;
    if (round == 0) response.status = 99;
    if (round == 1) response.headers.Append("X", "a\r\nSet-Cookie: b");
    if (round == 2) response.status_text = "a\r\nb";
    responder.Send(std::move(response));
  });
  RawClient client(loop, server.endpoint());
  for (; round < 3; ++round) {
    client.Forget();
    client.Send(kGet);
    EXPECT_TRUE(client.Sees("500 Internal Server Error"));
    EXPECT_EQ(client.Take().find("Set-Cookie"), std::string::npos);
  }
}

TEST(HttpServer, DrainsAfterTheLastResponse) {
  loop::AsioLoop loop;
  std::optional<Responder> held;
  TestServer server(loop, [&](HttpRequest, const RequestInfo&, Responder responder) { held = std::move(responder); });
  RawClient busy(loop, server.endpoint()), idle(loop, server.endpoint());
  busy.Send(kGet);
  ASSERT_TRUE(RunUntil(loop, [&] { return held && server.server.connections() == 2; }));
  bool drained = false;
  server.server.Drain([&] { drained = true; });
  EXPECT_EQ(idle.UntilClosed(), "");
  EXPECT_FALSE(drained);
  held->Send(TextResponse("last"));
  std::string last = busy.UntilClosed();
  EXPECT_NE(last.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(last.ends_with("last"));
  EXPECT_TRUE(RunUntil(loop, [&] { return drained; }));
}

TEST(HttpServer, AnswersWhatIsOnItsWayWhenItDrains) {
  loop::AsioLoop loop;
  TestServer server(
      loop, [](HttpRequest, const RequestInfo&, Responder responder) { responder.Send(TextResponse("answered")); });
  RawClient fresh(loop, server.endpoint()), kept(loop, server.endpoint()), idle(loop, server.endpoint());
  kept.Send(kGet);
  ASSERT_TRUE(kept.Sees("answered"));
  ASSERT_TRUE(RunUntil(loop, [&] { return server.server.connections() == 3; }));
  bool drained = false;
  server.server.Drain([&] { drained = true; });
  fresh.Send(kGet);
  kept.Send(kGet);
  for (RawClient* client : {&fresh, &kept}) {
    std::string last = client->UntilClosed();
    EXPECT_NE(last.find("Connection: close\r\n"), std::string::npos);
    EXPECT_TRUE(last.ends_with("answered"));
  }
  EXPECT_EQ(idle.UntilClosed(), "");
  EXPECT_TRUE(RunUntil(loop, [&] { return drained; }));
}

TEST(HttpServer, TellsWorkersWhoTheClientIs) {
  loop::AsioLoop loop;
  ServerOptions options;
  options.trusted_proxies = NetworkSet();
  TestServer server(
      loop,
      [&](HttpRequest request, const RequestInfo& info, Responder responder) {
        std::string text = std::string(info.client_ip) + "|";
        for (size_t i = 0; i < request.headers.size(); ++i) {
          text += std::string(request.headers[i].name) + "=" + std::string(request.headers[i].value) + "|";
        }
        responder.Send(TextResponse(text));
      },
      std::move(options));
  RawClient client(loop, server.endpoint());
  client.Send(
      "GET / HTTP/1.1\r\nHost: x\r\ncf-connecting-ip: 6.6.6.6\r\nCF-Ray: 1\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n");
  EXPECT_TRUE(client.Sees("127.0.0.1|Host=x|CF-Connecting-IP=127.0.0.1|X-Forwarded-For=127.0.0.1|"));
}

TEST(HttpServer, OutlivedByRespondersAndStreams) {
  loop::AsioLoop loop;
  std::optional<Responder> held;
  std::shared_ptr<BodyStream> body;
  auto server = std::make_unique<TestServer>(loop, [&](HttpRequest request, const RequestInfo&, Responder responder) {
    held = std::move(responder);
    body = std::move(request.body.stream);
  });
  RawClient client(loop, server->endpoint());
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345");
  ASSERT_TRUE(RunUntil(loop, [&] { return held.has_value(); }));
  server.reset();
  bool failed = false;
  body->Read([&](Result<std::optional<Bytes>> chunk) { failed = !chunk.has_value(); });
  EXPECT_TRUE(failed);
  held->Send(TextResponse("nobody"));
  EXPECT_EQ(client.UntilClosed(), "");
}

}  // namespace
}  // namespace limpet::net

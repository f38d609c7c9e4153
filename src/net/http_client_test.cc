#include "net/http_client.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <filesystem>

#include "net/net_testing.h"
#include "net/tls_testing.h"

namespace limpet::net {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::tcp;

HttpRequest Get(std::string url) {
  HttpRequest request;
  request.url = std::move(url);
  return request;
}

struct Rig {
  explicit Rig(ClientOptions options = {.allow_private_network = true})
      : client(HttpClient::Open(loop, std::move(options)).value()) {}

  // The response with its body read, or the error.
  Result<HttpResponse> Fetch(HttpRequest request) {
    std::optional<Result<HttpResponse>> got;
    FetchHandle handle = client->Fetch(std::move(request), [&](Result<HttpResponse> response) {
      if (!response || !response->body.stream) return void(got.emplace(std::move(response)));
      auto head = std::make_shared<HttpResponse>(std::move(*response));
      ReadAll(std::shared_ptr<BodyStream>(std::move(head->body.stream)), [&got, head](Result<Bytes> body) {
        if (!body) return void(got.emplace(std::move(body).error()));
        head->body = Body::Of(std::move(*body));
        got.emplace(std::move(*head));
      });
    });
    EXPECT_TRUE(RunUntil(loop, [&] { return got.has_value(); }));
    return *std::move(got);
  }

  loop::AsioLoop loop;
  std::unique_ptr<HttpClient> client;
};

void EchoBody(HttpRequest request, const RequestInfo&, Responder responder) {
  HttpResponse response;
  response.headers.Append("X-Method", request.method);
  response.headers.Append("X-Framing", request.headers.Get("transfer-encoding").value_or("length"));
  if (request.body.stream) {
    ReadAll(std::shared_ptr<BodyStream>(std::move(request.body.stream)),
            [responder = std::move(responder), response = std::move(response)](Result<Bytes> body) mutable {
              response.body = Body::Of(body ? std::move(*body) : body.error().ToString());
              responder.Send(std::move(response));
            });
    return;
  }
  response.body = Body::Of(request.url + "|" + request.body.bytes);
  responder.Send(std::move(response));
}

TEST(HttpClient, FetchesAndKeepsTheConnection) {
  Rig rig;
  TestServer server(rig.loop, EchoBody);
  for (int i = 0; i < 3; ++i) {
    Result<HttpResponse> response = rig.Fetch(Get(server.url("/a?b")));
    ASSERT_TRUE(response.has_value()) << response.error().ToString();
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body.bytes, server.url("/a?b") + "|");
    EXPECT_EQ(rig.client->idle_connections(), 1u);
    EXPECT_EQ(server.server.connections(), 1u);
  }
}

TEST(HttpClient, SendsBodiesWithLengthOrInChunks) {
  Rig rig;
  TestServer server(rig.loop, EchoBody);
  HttpRequest request = Get(server.url());
  request.method = "POST";
  request.body = Body::Of("small");
  EXPECT_EQ(rig.Fetch(std::move(request))->body.bytes, server.url() + "|small");

  for (bool known : {false, true}) {
    auto shared = std::make_shared<PushStream::Shared>();
    HttpRequest streamed = Get(server.url());
    streamed.method = "PUT";
    std::optional<uint64_t> length;
    if (known) length = 200'003;
    streamed.body = Body::Of(std::make_unique<PushStream>(shared), length);
    std::optional<Result<HttpResponse>> got;
    FetchHandle handle =
        rig.client->Fetch(std::move(streamed), [&](auto response) { got.emplace(std::move(response)); });
    for (const Bytes& piece : {Bytes("abc"), Bytes(200'000, 'x')}) {
      ASSERT_TRUE(RunUntil(rig.loop, [&] { return bool(shared->waiting); }));
      shared->Push(std::optional<Bytes>(piece));
    }
    ASSERT_TRUE(RunUntil(rig.loop, [&] { return bool(shared->waiting); }));
    shared->Push(std::optional<Bytes>());
    ASSERT_TRUE(RunUntil(rig.loop, [&] { return got.has_value(); }));
    ASSERT_TRUE(got->has_value()) << got->error().ToString();
    EXPECT_EQ((*got)->headers.Get("X-Framing"), known ? "length" : "chunked");
    EXPECT_EQ((*got)->headers.Get("Content-Length"), "200003");
    EXPECT_TRUE(RunUntil(rig.loop, [&] { return shared->destroyed; }));
  }
}

TEST(HttpClient, StreamsAResponseOnlyAsFastAsItIsRead) {
  Rig rig;
  size_t sent = 0;
  struct Endless final : BodyStream {
    explicit Endless(size_t* sent) : sent(sent) {}
    void Read(OnChunk on_chunk) override {
      *sent += 100'000;
      on_chunk(std::optional<Bytes>(Bytes(100'000, 'x')));
    }
    size_t* sent;
  };
  TestServer server(rig.loop, [&](HttpRequest, const RequestInfo&, Responder responder) {
    HttpResponse response;
    response.body = Body::Of(std::make_unique<Endless>(&sent));
    responder.Send(std::move(response));
  });
  std::optional<HttpResponse> got;
  FetchHandle handle = rig.client->Fetch(Get(server.url()), [&](auto response) { got = std::move(*response); });
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return got.has_value(); }));
  size_t before = 0;
  do {
    before = sent;
    rig.loop.context().restart();
    rig.loop.context().run_for(20ms);
  } while (sent != before);
  EXPECT_LT(sent, 20'000'000u);  // What the kernel's buffers took.
  got->body.stream.reset();      // Cancels: the server sees its client go.
  EXPECT_TRUE(RunUntil(rig.loop, [&] { return server.server.connections() == 0; }));
}

TEST(HttpClient, RefusesPrivateAddressesAfterResolution) {
  Rig rig(ClientOptions{});
  TestServer server(rig.loop, EchoBody);
  std::string port = std::to_string(server.endpoint().port);
  for (const char* host : {"127.0.0.1", "localhost", "0.0.0.0", "10.1.2.3", "192.168.0.1", "169.254.169.254", "[::1]",
                           "[::ffff:127.0.0.1]", "[fe80::1]", "[fd00::1]", "[64:ff9b::7f00:1]", "100.64.0.1",
                           "224.0.0.1", "2130706433", "0x7f.1"}) {
    Result<HttpResponse> response = rig.Fetch(Get("http://" + std::string(host) + ":" + port + "/"));
    ASSERT_FALSE(response.has_value()) << host;
    EXPECT_EQ(response.error().code(), ErrorCode::kConflict) << host << ": " << response.error().ToString();
    EXPECT_NE(response.error().message().find("--allow-private-network"), std::string::npos);
  }
  EXPECT_EQ(server.server.connections(), 0u);
}

TEST(HttpClient, NeverReachesAForbiddenEndpointWhateverItsSpelling) {
  loop::AsioLoop admin_loop;
  Rig probe;
  TestServer admin(probe.loop, EchoBody);
  ClientOptions options{.allow_private_network = true, .forbidden = {admin.endpoint()}};
  auto client = HttpClient::Open(probe.loop, std::move(options)).value();
  std::swap(client, probe.client);
  std::string port = std::to_string(admin.endpoint().port);
  for (const char* host : {"127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "127.9.9.9"}) {
    Result<HttpResponse> response = probe.Fetch(Get("http://" + std::string(host) + ":" + port + "/"));
    ASSERT_FALSE(response.has_value()) << host;
    EXPECT_EQ(response.error().code(), ErrorCode::kConflict) << response.error().ToString();
  }
}

TEST(HttpClient, NamesWhatIsWrongWithAUrlOrRequest) {
  Rig rig;
  for (const char* url :
       {"ftp://x/", "http://", "http://user@/", "http://x/a b", "http://x y/", "//x/", "http://x:99999/"}) {
    Result<HttpResponse> response = rig.Fetch(Get(url));
    ASSERT_FALSE(response.has_value()) << url;
    EXPECT_EQ(response.error().code(), ErrorCode::kInvalidArgument) << url;
  }
  HttpRequest request = Get("http://127.0.0.1:1/");
  request.headers.Append("X", "a\r\nB: c");
  EXPECT_EQ(rig.Fetch(std::move(request)).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(rig.Fetch(Get("http://127.0.0.1:1/")).error().code(), ErrorCode::kUnavailable);  // Nothing listens.
}

// A server that says what a test wants, byte for byte.
struct Scripted {
  explicit Scripted(loop::AsioLoop& loop)
      : acceptor(loop.context(), tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)), socket(loop.context()) {}
  void Answer(std::string text, bool close = true) {
    acceptor.async_accept([this, text, close](boost::system::error_code error, tcp::socket accepted) {
      ASSERT_FALSE(error);
      socket = std::move(accepted);
      Again(text, close);
    });
  }
  void Again(std::string text, bool close) {
    socket.async_read_some(boost::asio::buffer(request),
                           [this, text, close](boost::system::error_code error, size_t size) {
                             if (error) return;
                             seen.append(request, size);
                             boost::asio::write(socket, boost::asio::buffer(text));
                             if (close) socket.close();
                           });
  }
  std::string url() { return "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + "/"; }
  tcp::acceptor acceptor;
  tcp::socket socket;
  char request[4096];
  std::string seen;
};

TEST(HttpClient, ReadsEveryFramingAndRefusesBrokenOnes) {
  struct {
    const char* text;
    const char* body;  // Null: an error.
  } cases[] = {
      {"HTTP/1.1 200 OK\r\n\r\nuntil close", "until close"},
      {"HTTP/1.0 200 OK\r\n\r\nold", "old"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc"},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
       "1\r\n\r\na",
       "a"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", nullptr},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", nullptr},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", nullptr},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na", nullptr},
      {"HTTP/1.1 101 Switching\r\n\r\n", nullptr},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nContent-Length: 9\r\nX: y\r\n\r\n",
       "abc"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", nullptr},  // No end.
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", nullptr},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nab", nullptr},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", nullptr},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", nullptr},
      {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", nullptr},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", nullptr},
      {"HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\na", nullptr},
      {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 1\r\n\r\na", nullptr},
      {"HTTP/1.1 200 OK\r\nA: b\rContent-Length: 1\r\n\r\na", nullptr},
      {"HTTP/1.1 200 OK\nContent-Length: 1\n\na", nullptr},
      {"HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
       ""},  // What follows is nobody's answer.
      {"", nullptr},
      {"SSH-2.0-OpenSSH\r\n\r\n", nullptr},
  };
  for (auto& [text, body] : cases) {
    Rig rig;
    Scripted server(rig.loop);
    server.Answer(text);
    Result<HttpResponse> response = rig.Fetch(Get(server.url()));
    ASSERT_EQ(response.has_value(), body != nullptr) << text << ": " << (response ? "" : response.error().ToString());
    if (body != nullptr) EXPECT_EQ(response->body.bytes, body) << text;
    if (body == nullptr || *body == '\0') EXPECT_EQ(rig.client->idle_connections(), 0u) << text;
  }
}

TEST(HttpClient, EndsAFetchWhoseServerSendsInterimResponsesWithoutEnd) {
  Rig rig;
  Scripted server(rig.loop);
  std::string text;
  for (int i = 0; i < 100; ++i) text += "HTTP/1.1 103 Early\r\n\r\n";
  server.Answer(text + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  Result<HttpResponse> response = rig.Fetch(Get(server.url()));
  ASSERT_FALSE(response.has_value());
  EXPECT_NE(response.error().message().find("1xx"), std::string::npos);
}

// A response that was not asked for must not answer the next request.
TEST(HttpClient, KeepsNoConnectionWithBytesLeftOver) {
  Rig rig;
  Scripted server(rig.loop);
  server.Answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", false);
  EXPECT_EQ(rig.Fetch(Get(server.url()))->body.bytes, "1");
  EXPECT_EQ(rig.client->idle_connections(), 0u);
}

TEST(HttpClient, ReplacesAKeptConnectionThatTheServerClosed) {
  Rig rig;
  Scripted server(rig.loop);
  server.Answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1", false);
  EXPECT_EQ(rig.Fetch(Get(server.url()))->body.bytes, "1");
  ASSERT_EQ(rig.client->idle_connections(), 1u);
  server.Again("", true);  // Closes upon the next request, which comes again over a new connection.
  server.Answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2");
  EXPECT_EQ(rig.Fetch(Get(server.url()))->body.bytes, "2");
}

TEST(HttpClient, EndsAFetchOverItsTimeAndOneThatIsCanceled) {
  Rig rig(ClientOptions{.allow_private_network = true, .head_timeout = 1ms});
  std::vector<Responder> held;
  TestServer server(
      rig.loop, [&](HttpRequest, const RequestInfo&, Responder responder) { held.push_back(std::move(responder)); });
  Result<HttpResponse> late = rig.Fetch(Get(server.url()));
  ASSERT_FALSE(late.has_value());
  EXPECT_NE(late.error().message().find("in time"), std::string::npos);

  Rig patient;
  bool gone = false;
  TestServer other(patient.loop, [&](HttpRequest, const RequestInfo&, Responder responder) {
    responder.OnDisconnect([&] { gone = true; });
    held.push_back(std::move(responder));
  });
  held.clear();
  FetchHandle handle = patient.client->Fetch(Get(other.url()), [](auto) { FAIL() << "was canceled"; });
  ASSERT_TRUE(RunUntil(patient.loop, [&] { return held.size() == 1; }));
  handle.Cancel();
  EXPECT_TRUE(RunUntil(patient.loop, [&] { return gone; }));
}

// The time for a response begins when the request is sent, however long its author takes.
TEST(HttpClient, CountsNoTimeThatTheRequestsOwnBodyTakes) {
  Rig rig(ClientOptions{.allow_private_network = true, .head_timeout = 1s});
  TestServer server(rig.loop, EchoBody);
  auto shared = std::make_shared<PushStream::Shared>();
  HttpRequest request = Get(server.url());
  request.method = "PUT";
  request.body = Body::Of(std::make_unique<PushStream>(shared));
  std::optional<Result<HttpResponse>> got;
  FetchHandle handle = rig.client->Fetch(std::move(request), [&](auto response) { got.emplace(std::move(response)); });
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return bool(shared->waiting); }));
  Instant later = rig.loop.Now() + 1200ms;
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return rig.loop.Now() > later || got; }));
  ASSERT_FALSE(got.has_value()) << got->error().ToString();
  shared->Push(std::optional<Bytes>());
  ASSERT_TRUE(RunUntil(rig.loop, [&] { return got.has_value(); }));
  EXPECT_TRUE(got->has_value()) << got->error().ToString();
}

// Answers one request over TLS.
struct TlsServer {
  TlsServer(loop::AsioLoop& loop, const Certificate& certificate)
      : context(boost::asio::ssl::context::tls_server),
        acceptor(loop.context(), tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)) {
    SSL_CTX_use_certificate(context.native_handle(), certificate.certificate);
    SSL_CTX_use_PrivateKey(context.native_handle(), certificate.key);
    acceptor.async_accept([this](boost::system::error_code, tcp::socket accepted) {
      stream.emplace(std::move(accepted), context);
      stream->async_handshake(boost::asio::ssl::stream_base::server, [this](boost::system::error_code error) {
        if (error) return;
        const char* sent = SSL_get_servername(stream->native_handle(), TLSEXT_NAMETYPE_host_name);
        name = sent != nullptr ? sent : "";
        stream->async_read_some(boost::asio::buffer(request), [this](boost::system::error_code, size_t) {
          answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret";
          boost::asio::async_write(*stream, boost::asio::buffer(answer), [](boost::system::error_code, size_t) {});
        });
      });
    });
  }
  std::string url(const std::string& host) {
    return "https://" + host + ":" + std::to_string(acceptor.local_endpoint().port()) + "/";
  }
  boost::asio::ssl::context context;
  tcp::acceptor acceptor;
  std::optional<boost::asio::ssl::stream<tcp::socket>> stream;
  char request[4096];
  std::string answer, name;
};

TEST(HttpClient, SpeaksTlsToWhomItTrustsAndToNobodyElse) {
  Certificate certificate("localhost");
  {
    Rig rig(ClientOptions{.allow_private_network = true, .ca_file = certificate.path});
    TlsServer server(rig.loop, certificate);
    Result<HttpResponse> response = rig.Fetch(Get(server.url("localhost")));
    ASSERT_TRUE(response.has_value()) << response.error().ToString();
    EXPECT_EQ(response->body.bytes, "secret");
    EXPECT_EQ(server.name, "localhost");
  }
  {
    Rig rig;  // Does not know the certificate.
    TlsServer server(rig.loop, certificate);
    Result<HttpResponse> response = rig.Fetch(Get(server.url("localhost")));
    ASSERT_FALSE(response.has_value());
    EXPECT_NE(response.error().message().find("self-signed"), std::string::npos) << response.error().ToString();
  }
  {
    Rig rig(ClientOptions{.allow_private_network = true, .ca_file = certificate.path});
    TlsServer server(rig.loop, certificate);
    Result<HttpResponse> response = rig.Fetch(Get(server.url("127.0.0.1")));  // Another name than it is for.
    ASSERT_FALSE(response.has_value());
    EXPECT_NE(response.error().message().find("mismatch"), std::string::npos) << response.error().ToString();
  }
}

}  // namespace
}  // namespace limpet::net

// The client's side, and real peers: Node's own WebSocket, and TLS.
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <vector>

#include "net/tls_testing.h"
#include "net/websocket_testing.h"

namespace limpet::net {
namespace {

using Strings = std::vector<std::string>;
using boost::asio::ip::tcp;
using boost::system::error_code;

TEST(WebSocketClient, SpeaksWithAServer) {
  Room room;
  std::unique_ptr<HttpClient> client = MakeClient(room.loop);
  for (bool deflate : {false, true}) {
    Joined joined;
    Join(*client, room.loop, room.server.url(), joined, deflate);
    ASSERT_TRUE(joined.end) << joined.error;
    EXPECT_EQ(joined.extensions.has_value(), deflate);
    joined.handle = FetchHandle();  // The WebSocket does not depend on it.
    WebSocketEnd& far = *room.ends.back();
    Notes& notes = *room.notes.back();
    std::string text(100'000, 'y');
    joined.end->Send(TextMessage("hi"));
    joined.end->Send(TextMessage(text));
    far.Send(TextMessage("there"));
    far.Send(TextMessage(text));
    ASSERT_TRUE(RunUntil(room.loop, [&] { return notes.seen.size() == 2 && joined.notes.seen.size() == 2; }));
    EXPECT_EQ(notes.seen, (Strings{"text:hi", "text:" + text}));
    EXPECT_EQ(joined.notes.seen, (Strings{"text:there", "text:" + text}));
    joined.end->Close(1000, "bye");
    ASSERT_TRUE(RunUntil(room.loop, [&] { return notes.ended; }));
    far.Close(1000, "bye");
    ASSERT_TRUE(RunUntil(room.loop, [&] { return joined.notes.ended; }));
    EXPECT_EQ(joined.notes.seen.back(), "close:1000:bye");
  }
}

TEST(WebSocketClient, AnotherAnswerIsAResponse) {
  loop::AsioLoop loop;
  TestServer server(loop,
                    [](HttpRequest, const RequestInfo&, Responder responder) { responder.Send(TextResponse("no")); });
  std::unique_ptr<HttpClient> client = MakeClient(loop);
  Joined joined;
  Join(*client, loop, server.url(), joined);
  EXPECT_EQ(joined.status, 200);
  EXPECT_EQ(joined.end, nullptr);
}

TEST(WebSocketClient, APeerThatDoesNotReadIsCutAtTheLimit) {
  Room room;
  room.listening = false;
  ClientOptions options;
  options.websocket.buffered_bytes_max = 1024 * 1024;
  std::unique_ptr<HttpClient> client = MakeClient(room.loop, options);
  Joined joined;
  Join(*client, room.loop, room.server.url(), joined);
  ASSERT_TRUE(joined.end) << joined.error;
  WebSocketMessagePtr message = TextMessage(std::string(600 * 1024, 'x'));
  for (int i = 0; i < 2; ++i) joined.end->Send(message);
  EXPECT_TRUE(joined.notes.seen.empty());
  joined.end->Send(message);
  EXPECT_FALSE(joined.notes.ended) << "not inside the call";
  ASSERT_TRUE(RunUntil(room.loop, [&] { return joined.notes.ended; }));
  EXPECT_TRUE(joined.notes.seen.back().starts_with("error:The WebSocket's peer does not read")) << joined.notes.seen[0];
  EXPECT_EQ(joined.end->buffered_bytes(), 0u);
}

// Takes TLS off and passes the rest on to a plain server.
struct TlsRelay {
  TlsRelay(loop::AsioLoop& loop, const Certificate& certificate, const Endpoint& to)
      : context(boost::asio::ssl::context::tls_server),
        acceptor(loop.context(), tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)),
        plain(loop.context()) {
    SSL_CTX_use_certificate(context.native_handle(), certificate.certificate);
    SSL_CTX_use_PrivateKey(context.native_handle(), certificate.key);
    plain.connect(tcp::endpoint(boost::asio::ip::address_v4::loopback(), to.port));
    acceptor.async_accept([this](error_code, tcp::socket accepted) {
      secret.emplace(std::move(accepted), context);
      secret->async_handshake(boost::asio::ssl::stream_base::server, [this](error_code error) {
        if (error) return;
        Pass(*secret, plain, up);
        Pass(plain, *secret, down);
      });
    });
  }
  template <typename From, typename To>
  void Pass(From& from, To& to, char (&buffer)[20'000]) {
    from.async_read_some(boost::asio::buffer(buffer), [&](error_code error, size_t size) {
      error_code ignored;
      if (error) return void(plain.close(ignored));
      boost::asio::async_write(to, boost::asio::buffer(buffer, size), [&](error_code failed, size_t) {
        if (!failed) Pass(from, to, buffer);
      });
    });
  }
  std::string url() { return "https://localhost:" + std::to_string(acceptor.local_endpoint().port()) + "/"; }

  boost::asio::ssl::context context;
  tcp::acceptor acceptor;
  std::optional<boost::asio::ssl::stream<tcp::socket>> secret;
  tcp::socket plain;
  char up[20'000], down[20'000];
};

TEST(WebSocketClient, SpeaksOverTls) {
  Room room;
  Certificate certificate("localhost");
  TlsRelay relay(room.loop, certificate, room.server.endpoint());
  std::unique_ptr<HttpClient> client = MakeClient(room.loop, {.ca_file = certificate.path});
  Joined joined;
  Join(*client, room.loop, relay.url(), joined);
  ASSERT_TRUE(joined.end) << joined.error;
  Notes& notes = *room.notes[0];
  std::string text(3'000'000, 'z');
  Strings expected;
  for (int i = 0; i < 3; ++i) {
    joined.end->Send(TextMessage(text));
    joined.end->Send(TextMessage(std::to_string(i)));
    room.ends[0]->Send(TextMessage(text));
    room.ends[0]->Send(TextMessage(std::to_string(i)));
    expected.insert(expected.end(), {"text:" + text, "text:" + std::to_string(i)});
  }
  auto messages = [](const Notes& of) {
    Strings all;
    for (const std::string& line : of.seen) {
      if (line != "drained") all.push_back(line);
    }
    return all;
  };
  auto all_came = [](const Notes& of) { return std::count(of.seen.begin(), of.seen.end(), "text:2") == 1; };
  ASSERT_TRUE(RunUntil(room.loop, [&] { return all_came(notes) && all_came(joined.notes); }));
  EXPECT_EQ(messages(notes), expected);
  EXPECT_EQ(messages(joined.notes), expected);
  room.ends[0]->Close(4000, "bye");
  ASSERT_TRUE(RunUntil(room.loop, [&] { return joined.notes.ended; }));
  EXPECT_EQ(joined.notes.seen.back(), "close:4000:bye");
  joined.end->Close(4000, "bye");
  ASSERT_TRUE(RunUntil(room.loop, [&] { return notes.ended; }));
  EXPECT_EQ(notes.seen.back(), "close:4000:bye");
}

// The host of this test program is Node, whose WebSocket (undici) is a client that is not of our making.
constexpr const char* kNodeClient = R"(
const die = (why) => { console.error(why); process.exit(1); };
const ws = new WebSocket(process.argv[1]);
ws.binaryType = "arraybuffer";
const sent = ["short", "x".repeat(200000), "h\u00e4\u20ac", "", new Uint8Array([0, 1, 255]).buffer,
              new Uint8Array(70000).buffer];
let at = 0;
ws.onopen = () => {
  if (!ws.extensions.startsWith("permessage-deflate")) die("extensions: " + ws.extensions);
  for (const message of sent) ws.send(message);
};
ws.onmessage = ({ data }) => {
  const want = sent[at++];
  const same = typeof want === "string" ? data === want : Buffer.from(data).equals(Buffer.from(want));
  if (!same) die("message " + at + " came back as another");
  if (at === sent.length) ws.close(4001, "done");
};
ws.onclose = (e) => {
  if (e.code !== 4001 || e.reason !== "done" || !e.wasClean) die(`close ${e.code} "${e.reason}" ${e.wasClean}`);
  process.exit(0);
};
ws.onerror = (e) => die("error: " + e.message);
)";

TEST(WebSocket, EchoesToNodesOwnClient) {
  Room room;
  room.listening = false;
  std::string url = "ws://" + room.server.endpoint().ToString() + "/";
  char self[4096];
  ssize_t size = ::readlink("/proc/self/exe", self, sizeof self - 1);
  ASSERT_GT(size, 0);
  self[size] = 0;
  std::string script = kNodeClient;
  char* arguments[] = {self, const_cast<char*>("-e"), script.data(), url.data(), nullptr};
  pid_t child = 0;
  ASSERT_EQ(::posix_spawn(&child, self, nullptr, nullptr, arguments, environ), 0);

  if (RunUntil(room.loop, [&] { return !room.ends.empty(); })) {
    Notes& notes = *room.notes[0];
    WebSocketEnd& end = *room.ends[0];
    notes.then = [&](const WebSocketMessagePtr& message) { end.Send(message); };
    notes.on_end = [&] { end.Close(4001, "done"); };
    end.SetReceiver(&notes);
  }
  int status = -1;
  EXPECT_TRUE(RunUntil(room.loop, [&] { return ::waitpid(child, &status, WNOHANG) == child; }));
  EXPECT_EQ(status, 0);
  ASSERT_FALSE(room.notes.empty());
  EXPECT_EQ(room.notes[0]->seen.back(), "close:4001:done");
}

// Not a check but a figure: --gtest_also_run_disabled_tests --gtest_filter=*FanOut*
TEST(WebSocket, DISABLED_FanOutRate) {
  Room room;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(std::make_unique<RawClient>(room.loop, room.server.endpoint()));
    clients.back()->Send(Upgrade());
    EXPECT_TRUE(clients.back()->Sees("\r\n\r\n"));
    clients.back()->Forget();
  }
  for (int per_turn : {1, 10, 100}) {
    Duration spent{};
    size_t deliveries = 0;
    for (int round = 0; round < 3000 / per_turn; ++round) {
      Instant start = room.loop.Now();
      for (int i = 0; i < per_turn; ++i) {
        WebSocketMessagePtr message = TextMessage(std::string(100, 'm'));
        for (auto& end : room.ends) end->Send(message);
        deliveries += room.ends.size();
      }
      room.loop.context().restart();
      room.loop.context().poll();
      spent += room.loop.Now() - start;
      for (auto& client : clients) {
        client->Take();
        client->Forget();
      }
    }
    double seconds = std::chrono::duration<double>(spent).count();
    std::cout << per_turn << " messages a turn to 100 receivers: " << static_cast<double>(deliveries) / seconds / 1000
              << "k deliveries/s" << std::endl;
  }
}

}  // namespace
}  // namespace limpet::net

// Bodies that only pass go through a pipe: a response's on its way from one server through a client and another server,
// and a request's that is sent back or on.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>

#include "net/http_client.h"
#include "net/net_testing.h"
#include "net/pipe.h"

namespace limpet::net {
namespace {

constexpr size_t kBytes = 3'000'017;

Bytes Pattern() {
  Bytes bytes(kBytes, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 2654435761U >> 13);
  return bytes;
}

// Passes reads on, and counts them.
class Spy final : public BodyStream {
 public:
  struct Counts {
    size_t reads = 0, piped = 0;
  };
  Spy(std::unique_ptr<BodyStream> inner, Counts* counts) : inner_(std::move(inner)), counts_(counts) {}
  void Read(OnChunk on_chunk) override {
    ++counts_->reads;
    inner_->Read(std::move(on_chunk));
  }
  bool CanPipe() const override { return inner_->CanPipe(); }
  void ReadIntoPipe(int pipe, size_t bytes_max, OnPiped on_piped) override {
    inner_->ReadIntoPipe(pipe, bytes_max, [this, on_piped = std::move(on_piped)](Result<size_t> bytes) mutable {
      if (bytes.has_value()) counts_->piped += *bytes;
      on_piped(std::move(bytes));
    });
  }

 private:
  std::unique_ptr<BodyStream> inner_;
  Counts* counts_;
};

// An origin that answers with what it is given, and a server that passes its answers on.
struct Relay {
  explicit Relay(bool known_length = true)
      : client(HttpClient::Open(loop, {.allow_private_network = true}).value()),
        origin(loop,
               [this](HttpRequest, const RequestInfo&, Responder responder) {
                 HttpResponse response;
                 response.body = std::move(answer);
                 responder.Send(std::move(response));
               }),
        server(loop, [this, known_length](HttpRequest, const RequestInfo&, Responder responder) {
          HttpRequest request;
          request.url = origin.url();
          handles.push_back(client->Fetch(std::move(request), [this, known_length, responder = std::move(responder)](
                                                                  Result<HttpResponse> response) mutable {
            HttpResponse passed;
            std::optional<uint64_t> length = response->body.length;
            passed.body = Body::Of(std::make_unique<Spy>(std::move(response->body.stream), &counts),
                                   known_length ? length : std::nullopt);
            responder.Send(std::move(passed));
          }));
        }) {
    signal(SIGPIPE, SIG_IGN);  // As in `limpet serve`.
  }

  loop::AsioLoop loop;
  Body answer;
  Spy::Counts counts;
  std::vector<FetchHandle> handles;
  std::unique_ptr<HttpClient> client;
  TestServer origin;
  TestServer server;
};

size_t OpenFiles() {
  auto files = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(files), end(files)));
}

std::string BodyOf(std::string_view received) { return std::string(received.substr(received.find("\r\n\r\n") + 4)); }

std::string Unchunked(std::string_view coded) {
  std::string body;
  while (!coded.starts_with("0\r\n")) {
    size_t head = coded.find("\r\n");
    if (head == std::string_view::npos) return "no chunk";
    size_t size = std::stoul(std::string(coded.substr(0, head)), nullptr, 16);
    body.append(coded.substr(head + 2, size));
    if (coded.substr(head + 2 + size, 2) != "\r\n") return "no end of a chunk";
    coded.remove_prefix(head + 2 + size + 2);
  }
  return body;
}

TEST(HttpRelay, MovesABodyThroughAPipeAndKeepsBothConnections) {
  Relay relay;
  RawClient browser(relay.loop, relay.server.endpoint());
  for (int turn = 0; turn < 2; ++turn) {
    relay.answer = Body::Of(Pattern());
    ASSERT_TRUE(browser.Send(kGet));
    ASSERT_TRUE(browser.Sees("\r\n\r\n"));
    ASSERT_TRUE(RunUntil(relay.loop, [&] { return BodyOf(browser.Take()).size() >= kBytes; }));
    EXPECT_TRUE(BodyOf(browser.Take()) == Pattern());
    browser.Forget();
  }
  EXPECT_GT(relay.counts.piped, kBytes);
  EXPECT_EQ(relay.origin.server.connections(), 1u);
  EXPECT_FALSE(browser.ended());
}

TEST(HttpRelay, PutsWhatWasPipedIntoChunks) {
  Relay relay(false);
  RawClient browser(relay.loop, relay.server.endpoint());
  relay.answer = Body::Of(Pattern());
  ASSERT_TRUE(browser.Send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
  std::string all = browser.UntilClosed();
  EXPECT_NE(all.find("chunked"), std::string::npos);
  EXPECT_TRUE(Unchunked(BodyOf(all)) == Pattern());
  EXPECT_GT(relay.counts.piped, kBytes / 2);
}

TEST(HttpRelay, EndsAChunkThoughNoOtherComes) {
  Relay relay(false);
  auto shared = std::make_shared<PushStream::Shared>();
  relay.answer = Body::Of(std::make_unique<PushStream>(shared), kBytes);
  RawClient browser(relay.loop, relay.server.endpoint());
  ASSERT_TRUE(browser.Send(kGet));
  ASSERT_TRUE(RunUntil(relay.loop, [&] { return bool(shared->waiting); }));
  shared->Push(std::optional<Bytes>(Bytes(1'000'000, 'x')));
  ASSERT_TRUE(RunUntil(relay.loop, [&] {
    const std::string& received = browser.Take();
    return std::count(received.begin(), received.end(), 'x') == 1'000'000 && received.ends_with("x\r\n");
  }));
  shared->Push(std::optional<Bytes>(Bytes(kBytes - 1'000'000, 'x')));
  ASSERT_TRUE(RunUntil(relay.loop, [&] { return browser.Take().ends_with("\r\n0\r\n\r\n"); }));
  EXPECT_EQ(Unchunked(BodyOf(browser.Take())), Bytes(kBytes, 'x'));
}

TEST(HttpRelay, WaitsForAClientThatTakesNothing) {
  Relay relay;
  RawClient browser(relay.loop, relay.server.endpoint(), 4096);
  relay.answer = Body::Of(Pattern());
  ASSERT_TRUE(browser.Send(kGet));
  size_t before = 0;
  do {
    before = relay.counts.piped;
    relay.loop.context().restart();
    relay.loop.context().run_for(std::chrono::milliseconds(20));
  } while (relay.counts.piped != before || before == 0);
  ASSERT_TRUE(RunUntil(relay.loop, [&] {
    const std::string& received = browser.Take();
    return received.find("\r\n\r\n") != std::string::npos && BodyOf(received).size() >= kBytes;
  }));
  EXPECT_TRUE(BodyOf(browser.Take()) == Pattern());
}

TEST(HttpRelay, EndsWithTheOriginThatBreaksOff) {
  Relay relay;
  auto shared = std::make_shared<PushStream::Shared>();
  relay.answer = Body::Of(std::make_unique<PushStream>(shared), kBytes);
  RawClient browser(relay.loop, relay.server.endpoint());
  ASSERT_TRUE(browser.Send(kGet));
  ASSERT_TRUE(RunUntil(relay.loop, [&] { return bool(shared->waiting); }));
  shared->Push(std::optional<Bytes>(Pattern().substr(0, 1'000'000)));
  ASSERT_TRUE(RunUntil(relay.loop, [&] { return browser.Take().size() > 1'000'000; }));
  ASSERT_TRUE(RunUntil(relay.loop, [&] { return bool(shared->waiting); }));
  shared->Push(Error(ErrorCode::kUnavailable, "gone"));
  EXPECT_EQ(BodyOf(browser.UntilClosed()), Pattern().substr(0, 1'000'000));
}

TEST(HttpRelay, LetsGoOfAllWhenTheClientGoes) {
  Relay relay;
  auto shared = std::make_shared<PushStream::Shared>();
  size_t files = OpenFiles();
  for (int turn = 0; turn < 3; ++turn) {
    relay.answer = Body::Of(std::make_unique<PushStream>(shared), kBytes);
    RawClient browser(relay.loop, relay.server.endpoint());
    ASSERT_TRUE(browser.Send(kGet));
    ASSERT_TRUE(RunUntil(relay.loop, [&] { return bool(shared->waiting); }));
    shared->Push(std::optional<Bytes>(Pattern().substr(0, 1'000'000)));
    ASSERT_TRUE(RunUntil(relay.loop, [&] { return browser.Take().size() > 1'000'000; }));
    ASSERT_TRUE(RunUntil(relay.loop, [&] { return bool(shared->waiting); }));
    browser.Reset();
    ASSERT_TRUE(RunUntil(relay.loop, [&] { return relay.server.server.connections() == 0; }));
    shared->Push(
        Error(ErrorCode::kUnavailable, "over"));  // What is closed in the middle of an answer may be half open.
    ASSERT_TRUE(RunUntil(relay.loop, [&] { return OpenFiles() == files; }));
  }
}

// Sends back what it is sent.
struct Mirror {
  Mirror()
      : server(loop, [this](HttpRequest request, const RequestInfo&, Responder responder) {
          HttpResponse response;
          std::optional<uint64_t> length = request.body.length;
          if (!request.body.stream) return responder.Send(TextResponse(request.body.bytes));
          response.body = Body::Of(std::make_unique<Spy>(std::move(request.body.stream), &counts), length);
          responder.Send(std::move(response));
        }) {
    signal(SIGPIPE, SIG_IGN);
  }
  static std::string Head() {
    return "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(kBytes) + "\r\n\r\n";
  }
  // As much of the request as the server takes while the client takes what comes; all of the answer's body by then.
  std::string Exchange(RawClient& client, std::string_view request, size_t answer_bytes) {
    EXPECT_TRUE(RunUntil(loop, [&] {
      request.remove_prefix(client.SendSome(request));
      const std::string& received = client.Take();
      return client.ended() || (request.empty() && received.find("\r\n\r\n") != std::string::npos &&
                                BodyOf(received).size() >= answer_bytes);
    }));
    return client.Take().find("\r\n\r\n") == std::string::npos ? "" : BodyOf(client.Take());
  }

  loop::AsioLoop loop;
  Spy::Counts counts;
  TestServer server;
};

TEST(HttpMirror, MovesARequestsBodyThroughAPipe) {
  Mirror mirror;
  for (int turn = 0; turn < 2; ++turn) {
    RawClient client(mirror.loop, mirror.server.endpoint());
    EXPECT_TRUE(mirror.Exchange(client, Mirror::Head() + Pattern(), kBytes) == Pattern());
  }
  EXPECT_GT(mirror.counts.piped, kBytes);
}

TEST(HttpMirror, WaitsForTheRestOfABody) {
  Mirror mirror;
  RawClient client(mirror.loop, mirror.server.endpoint());
  const Bytes all = Pattern();
  EXPECT_TRUE(mirror.Exchange(client, Mirror::Head() + all.substr(0, 1'000'000), 1'000'000) ==
              all.substr(0, 1'000'000));
  // As after a while in which nobody wanted more: what comes is read into memory, to hear of the client's end.
  for (int i = 0; i < 3; ++i) {
    mirror.loop.context().restart();
    mirror.loop.context().run_for(std::chrono::milliseconds(5));
  }
  EXPECT_TRUE(mirror.Exchange(client, all.substr(1'000'000), kBytes) == all);
}

TEST(HttpMirror, EndsABodyThatBreaksOffOrStalls) {
  Mirror mirror;
  RawClient broken(mirror.loop, mirror.server.endpoint()), stalled(mirror.loop, mirror.server.endpoint());
  const Bytes part = Pattern().substr(0, 1'000'000);
  EXPECT_TRUE(mirror.Exchange(broken, Mirror::Head() + part, part.size()) == part);
  broken.HalfClose();
  EXPECT_EQ(BodyOf(broken.UntilClosed()).size(), part.size());
  EXPECT_TRUE(mirror.Exchange(stalled, Mirror::Head() + part, part.size()) == part);
  const ServerLimits limits;
  mirror.server.server.CheckDeadlines(mirror.loop.Now() + limits.body_stall_timeout - std::chrono::seconds(3));
  EXPECT_EQ(mirror.server.server.connections(), 1u);
  mirror.server.server.CheckDeadlines(mirror.loop.Now() + limits.body_stall_timeout + std::chrono::seconds(3));
  EXPECT_EQ(BodyOf(stalled.UntilClosed()).size(), part.size());
  EXPECT_EQ(mirror.server.server.connections(), 0u);
}

TEST(HttpMirror, LetsGoOfAllWhenTheClientGoes) {
  Mirror mirror;
  size_t files = OpenFiles();
  for (int turn = 0; turn < 3; ++turn) {
    RawClient client(mirror.loop, mirror.server.endpoint());
    const Bytes part = Pattern().substr(0, 1'000'000);
    EXPECT_TRUE(mirror.Exchange(client, Mirror::Head() + part, part.size()) == part);
    client.Reset();
    ASSERT_TRUE(RunUntil(mirror.loop, [&] { return mirror.server.server.connections() == 0; }));
    ASSERT_TRUE(RunUntil(mirror.loop, [&] { return OpenFiles() == files; }));
  }
}

// Sends on to an origin what it is sent. The origin takes all of it.
struct Uploader {
  Uploader()
      : client(HttpClient::Open(loop, {.allow_private_network = true}).value()),
        origin(loop,
               [this](HttpRequest request, const RequestInfo&, Responder responder) {
                 ReadAll(std::shared_ptr<BodyStream>(std::move(request.body.stream)),
                         [this, responder = std::move(responder)](Result<Bytes> body) mutable {
                           failed = !body.has_value();
                           if (failed) return;
                           uploaded = std::move(body).value();
                           responder.Send(TextResponse("all there"));
                         });
               }),
        server(loop, [this](HttpRequest request, const RequestInfo&, Responder responder) {
          HttpRequest onward;
          onward.method = "POST";
          onward.url = origin.url();
          onward.body = Body::Of(std::make_unique<Spy>(std::move(request.body.stream), &counts), request.body.length);
          handles.push_back(client->Fetch(
              std::move(onward), [responder = std::move(responder)](Result<HttpResponse> response) mutable {
                responder.Send(TextResponse(response ? response->body.bytes : response.error().ToString()));
              }));
        }) {
    signal(SIGPIPE, SIG_IGN);
  }

  loop::AsioLoop loop;
  Spy::Counts counts;
  bool failed = false;
  Bytes uploaded;
  std::vector<FetchHandle> handles;
  std::unique_ptr<HttpClient> client;
  TestServer origin;
  TestServer server;
};

TEST(HttpUpload, MovesARequestsBodyThroughAPipeAndKeepsBothConnections) {
  Uploader uploader;
  RawClient browser(uploader.loop, uploader.server.endpoint());
  for (int turn = 0; turn < 2; ++turn) {
    ASSERT_TRUE(browser.Send(Mirror::Head() + Pattern()));
    ASSERT_TRUE(browser.Sees("all there"));
    EXPECT_TRUE(uploader.uploaded == Pattern());
    browser.Forget();
  }
  EXPECT_GT(uploader.counts.piped, 0u);  // What has come before the origin was connected goes through memory.
  EXPECT_EQ(uploader.origin.server.connections(), 1u);
  EXPECT_FALSE(browser.ended());
}

TEST(HttpUpload, BreaksOffWithTheClientAndLetsGoOfAll) {
  Uploader uploader;
  size_t files = OpenFiles();
  for (int turn = 0; turn < 3; ++turn) {
    uploader.failed = false;
    RawClient browser(uploader.loop, uploader.server.endpoint());
    ASSERT_TRUE(browser.Send(Mirror::Head() + Pattern().substr(0, 1'000'000)));
    ASSERT_TRUE(RunUntil(uploader.loop, [&] { return uploader.counts.piped > 500'000; }));
    uploader.counts = {};
    browser.Reset();
    ASSERT_TRUE(RunUntil(uploader.loop, [&] { return uploader.failed; }));
    ASSERT_TRUE(RunUntil(uploader.loop, [&] { return OpenFiles() <= files + 2; }));  // A pipe is kept.
  }
}

TEST(PipePool, HasSoManyAndNoMore) {
  PipePool pool;
  std::vector<std::unique_ptr<Pipe>> taken;
  while (std::unique_ptr<Pipe> pipe = pool.Take()) taken.push_back(std::move(pipe));
  EXPECT_LE(taken.size(), kPipesMax);
  ASSERT_GE(taken.size(), 1u);
  taken.pop_back();
  std::unique_ptr<Pipe> again = pool.Take();
  EXPECT_NE(again, nullptr);
  pool.Give(std::move(again));
  EXPECT_NE(pool.Take(), nullptr);
}

}  // namespace
}  // namespace limpet::net

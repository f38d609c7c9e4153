// For net's tests: a server on a loop that the test drives, and plain blocking-free sockets that talk to it.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "loop/asio_loop.h"
#include "net/http_server.h"
#include "net/listener.h"

namespace limpet::net {

// Runs the loop, event by event, until `done` holds; gives up after a time that only a hanging test reaches.
inline bool RunUntil(loop::AsioLoop& loop, const std::function<bool()>& done) {
  Instant give_up = loop.Now() + std::chrono::seconds(100);
  while (!done()) {
    loop.context().restart();
    loop.context().run_one_for(std::chrono::milliseconds(5));
    if (loop.Now() > give_up) return false;
  }
  return true;
}

// A client that sends and receives bytes as they are.
class RawClient {
 public:
  RawClient(loop::AsioLoop& loop, const Endpoint& endpoint, int receive_buffer = 0) : loop_(loop) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer > 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
  }
  ~RawClient() { Close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // True if all of it went out (a server that has closed takes no more).
  bool Send(std::string_view bytes) {
    return RunUntil(loop_,
                    [&] {
                      ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
                      if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
                      if (sent < 0 && errno != EAGAIN) failed_ = true;
                      return bytes.empty() || failed_;
                    }) &&
           !failed_;
  }
  void HalfClose() { ::shutdown(fd_, SHUT_WR); }
  // Waits until all that was sent is in the server's kernel: a reset destroys the rest.
  bool Arrived() {
    return RunUntil(loop_, [&] {
      int left = 0;
      return ::ioctl(fd_, SIOCOUTQ, &left) == 0 && left == 0;
    });
  }
  void SendUrgent(char byte) { ::send(fd_, &byte, 1, MSG_OOB | MSG_NOSIGNAL); }
  void Reset() {
    linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    Close();
  }
  void Close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  // What has come by now, without waiting.
  const std::string& Take() {
    char buffer[65536];
    while (true) {
      ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
      if (got > 0) received_.append(buffer, static_cast<size_t>(got));
      if (got == 0 || (got < 0 && errno != EAGAIN)) ended_ = true;
      if (got <= 0) return received_;
    }
  }
  // Runs the loop until `text` has come.
  testing::AssertionResult Sees(std::string_view text) {
    bool seen = RunUntil(loop_, [&] { return Take().find(text) != std::string::npos || ended_; });
    if (seen && received_.find(text) != std::string::npos) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "received only: " << received_;
  }
  // Runs the loop until the server closes; all that came.
  std::string UntilClosed() {
    EXPECT_TRUE(RunUntil(loop_, [&] { return Take(), ended_; })) << "still open after: " << received_;
    return received_;
  }
  // What the kernel takes now.
  size_t SendSome(std::string_view bytes) {
    ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return sent > 0 ? static_cast<size_t>(sent) : 0;
  }
  void Forget() { received_ = std::string(); }
  bool ended() const { return ended_; }

 private:
  loop::AsioLoop& loop_;
  int fd_ = -1;
  bool ended_ = false;
  bool failed_ = false;
  std::string received_;
};

// A server with a listener on a free port of the loopback.
struct TestServer {
  explicit TestServer(loop::AsioLoop& loop, HttpServer::Handler handler, ServerOptions options = {},
                      std::shared_ptr<ConnectionGate> gate = nullptr)
      : server(loop, std::move(options), std::move(handler)) {
    Endpoint any{IpAddress::V4({127, 0, 0, 1}), 0};
    listener = Listener::Open(loop, Listener::Bind(any).value(), {{&loop, &server}}, std::move(gate)).value();
  }
  const Endpoint& endpoint() const { return listener->endpoint(); }
  std::string url(std::string_view path = "/") const { return "http://" + endpoint().ToString() + std::string(path); }

  HttpServer server;
  std::unique_ptr<Listener> listener;
};

inline HttpResponse TextResponse(std::string text) {
  HttpResponse response;
  response.headers.Append("Content-Type", "text/plain");
  response.body = Body::Of(std::move(text));
  return response;
}

// Reads a body to its end and gives it, or the error.
inline void ReadAll(std::shared_ptr<BodyStream> stream, UniqueFunction<void(Result<Bytes>)> then, Bytes sofar = {}) {
  BodyStream* raw = stream.get();
  raw->Read([stream = std::move(stream), then = std::move(then),
             sofar = std::move(sofar)](Result<std::optional<Bytes>> chunk) mutable {
    if (!chunk) return then(std::move(chunk).error());
    if (!chunk->has_value()) return then(std::move(sofar));
    sofar.append(**chunk);
    ReadAll(std::move(stream), std::move(then), std::move(sofar));
  });
}

// Answers chunks that a test gives it, one at a time.
class PushStream final : public BodyStream {
 public:
  struct Shared {
    OnChunk waiting;
    bool destroyed = false;
    bool ends = false;  // The next read is answered at once: the end.
    size_t reads = 0;
    void Push(Result<std::optional<Bytes>> chunk) { std::exchange(waiting, nullptr)(std::move(chunk)); }
  };
  explicit PushStream(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  ~PushStream() override {
    shared_->waiting = nullptr;
    shared_->destroyed = true;
  }
  void Read(OnChunk on_chunk) override {
    ++shared_->reads;
    if (shared_->ends) return on_chunk(std::optional<Bytes>());
    shared_->waiting = std::move(on_chunk);
  }

 private:
  std::shared_ptr<Shared> shared_;
};

// Answers with what it was asked.
inline void Echo(HttpRequest request, const RequestInfo&, Responder responder) {
  std::string text = request.method + " " + request.url + "\n";
  if (!request.body.stream) {
    responder.Send(TextResponse(text + request.body.bytes));
    return;
  }
  ReadAll(std::shared_ptr<BodyStream>(std::move(request.body.stream)),
          [text, responder = std::move(responder)](Result<Bytes> body) mutable {
            responder.Send(TextResponse(text + (body ? std::move(body).value() : body.error().ToString())));
          });
}

inline constexpr std::string_view kGet = "GET /a?b=1 HTTP/1.1\r\nHost: x.test\r\n\r\n";

}  // namespace limpet::net

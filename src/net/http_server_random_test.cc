// Pipelined requests made by a seed, sent in pieces of every size while the server runs in between: the answers must be
// those that the requests ask for, in their order, whatever the pieces.
#include <gtest/gtest.h>

#include "net/chunked.h"
#include "net/net_testing.h"

namespace limpet::net {
namespace {

class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}
  uint64_t Below(uint64_t most) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return (state_ >> 11) % most;
  }

 private:
  uint64_t state_;
};

// What the server does with a request is in its path.
constexpr std::string_view kWays[] = {"/echo", "/through", "/unread", "/late", "/none"};

struct Rig {
  Rig()
      : server(loop, [this](HttpRequest request, const RequestInfo&, Responder responder) {
          Handle(std::move(request), std::move(responder));
        }) {}

  void Handle(HttpRequest request, Responder responder) {
    std::string way = request.url.substr(request.url.rfind('/'));
    HttpResponse response;
    if (way == "/echo" && request.body.stream) {
      return ReadAll(std::shared_ptr<BodyStream>(std::move(request.body.stream)),
                     [responder = std::move(responder)](Result<Bytes> body) mutable {
                       HttpResponse answer;
                       answer.body = Body::Of(body ? std::move(*body) : "lost");
                       responder.Send(std::move(answer));
                     });
    }
    if (way == "/echo" || way == "/through") {
      response.body = request.body.present ? std::move(request.body) : Body::Of(Bytes());
    } else if (way == "/none") {
      response.status = 204;
    } else {
      response.body = Body::Of(Bytes(way.substr(1)));
    }
    if (way != "/late") return responder.Send(std::move(response));
    loop.After(std::chrono::milliseconds(1),
               [responder = std::move(responder), response = std::move(response)]() mutable {
                 responder.Send(std::move(response));
               });
  }

  loop::AsioLoop loop;
  TestServer server;
};

struct Exchange {
  std::string request, body;  // What is sent, what comes back.
  int status = 200;
  bool head = false;
};

Exchange Make(Dice& dice) {
  Exchange made;
  std::string_view way = kWays[dice.Below(std::size(kWays))];
  constexpr size_t kSizes[] = {0, 1, 17, 4'000, 70'000, 200'000};
  std::string body(kSizes[dice.Below(std::size(kSizes))], static_cast<char>('a' + dice.Below(26)));
  size_t framing = dice.Below(3);
  if (framing == 0) body.clear();
  made.head = framing == 0 && dice.Below(4) == 0;
  std::string headers;
  std::string sent = body;
  if (framing == 1) headers = "Content-Length: " + std::to_string(body.size()) + "\r\n";
  if (framing == 2) {
    headers = "Transfer-Encoding: chunked\r\n";
    sent.clear();
    for (std::string_view rest = body; !rest.empty();) {
      size_t size = std::min<size_t>(rest.size(), 1 + dice.Below(dice.Below(2) == 0 ? 50'000 : 5'000));
      AppendChunkHead(size, sent);
      sent.append(rest.substr(0, size)).append("\r\n");
      rest.remove_prefix(size);
    }
    sent.append("0\r\n").append(dice.Below(3) == 0 ? "X-Trailer: x\r\n" : "").append("\r\n");
  }
  made.request = std::string(made.head ? "HEAD" : "POST") + " " + std::string(way) + " HTTP/1.1\r\nHost: x\r\n";
  made.request.append(headers).append("\r\n").append(sent);
  if (dice.Below(8) == 0) made.request.append("\r\n");  // An empty line before the next request.
  if (way == "/none") made.status = 204;
  if (way == "/echo" || way == "/through") made.body = body;
  if (way == "/unread" || way == "/late") made.body = way.substr(1);
  return made;
}

// Takes one response off `text`; false if it is not whole.
bool TakeResponse(std::string& text, const Exchange& exchange, int& status, std::string& body) {
  size_t end = text.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  ResponseHead head;
  HeaderList headers;
  EXPECT_FALSE(ParseResponseHead(std::string_view(text).substr(0, end + 4), {}, head, headers));
  status = head.status;
  body.clear();
  size_t taken = end + 4;
  if (!exchange.head && head.status != 204) {
    if (head.framing == Framing::kLength) {
      if (text.size() < taken + head.length) return false;
      body = text.substr(taken, head.length);
      taken += head.length;
    } else {
      ChunkDecoder decoder;
      Result<size_t> coded = decoder.Decode(std::string_view(text).substr(taken), body, SIZE_MAX);
      EXPECT_TRUE(coded.has_value());
      if (!coded || !decoder.done()) return false;
      taken += *coded;
    }
  }
  text.erase(0, taken);
  return true;
}

void RunSeed(uint64_t seed) {
  Dice dice(seed);
  Rig rig;
  RawClient client(rig.loop, rig.server.endpoint());
  std::vector<Exchange> exchanges;
  std::string bytes;
  for (size_t i = 1 + dice.Below(8); i > 0; --i) {
    exchanges.push_back(Make(dice));
    bytes += exchanges.back().request;
  }
  std::string received;
  auto take = [&] {
    received += client.Take();
    client.Forget();
  };
  constexpr size_t kSteps[] = {1, 7, 300, 5'000, 70'000, 1'000'000};
  std::string_view rest = bytes;
  for (size_t pieces = 0; !rest.empty(); ++pieces) {
    size_t step = pieces > 400 ? rest.size() : 1 + dice.Below(kSteps[dice.Below(std::size(kSteps))]);
    ASSERT_TRUE(client.Send(rest.substr(0, step)));
    rest.remove_prefix(std::min(step, rest.size()));
    for (size_t turns = dice.Below(4); turns > 0; --turns) {
      rig.loop.context().restart();
      rig.loop.context().poll_one();
    }
    take();
  }
  for (size_t i = 0; i < exchanges.size(); ++i) {
    int status = 0;
    std::string body;
    ASSERT_TRUE(RunUntil(rig.loop, [&] { return take(), TakeResponse(received, exchanges[i], status, body); }))
        << "no answer to request " << i << " of " << exchanges.size() << ": " << exchanges[i].request.substr(0, 80);
    ASSERT_EQ(status, exchanges[i].status);
    if (!exchanges[i].head) ASSERT_TRUE(body == exchanges[i].body) << body.size() << " bytes";
  }
  EXPECT_EQ(received, "");
  EXPECT_FALSE(client.ended());
}

TEST(HttpServerRandom, AnswersEveryRequestWhateverThePieces) {
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RunSeed(seed);
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace limpet::net

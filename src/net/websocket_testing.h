// For the tests of WebSockets.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/function.h"
#include "base/websocket.h"
#include "loop/websocket_pipe.h"
#include "net/http_client.h"
#include "net/net_testing.h"

namespace limpet::net {

// A masked frame. `first`: FIN, RSV and opcode.
inline std::string ClientFrame(uint8_t first, std::string_view payload) {
  std::string frame(MakeFrameHead(first, payload.size(), true).view());
  constexpr std::string_view kKey = "\x37\xfa\x21\x3d";
  frame.append(kKey);
  for (size_t i = 0; i < payload.size(); ++i) frame += static_cast<char>(payload[i] ^ kKey[i % 4]);
  return frame;
}

// Writes down what it is told: "text:hi", "binary:…", "close:1000:bye", "lost", "error:…", "drained".
class Notes final : public WebSocketReceiver {
 public:
  void OnMessage(WebSocketMessagePtr message) override {
    seen.push_back((message->is_text() ? "text:" : "binary:") + std::string(message->payload()));
    if (then) then(message);
  }
  void OnClose(WebSocketClose close) override {
    seen.push_back(close.clean ? "close:" + std::to_string(close.code) + ":" + close.reason : "lost");
    ended = true;
    if (on_end) on_end();
  }
  void OnError(Error error) override {
    seen.push_back("error:" + error.message());
    ended = true;
    if (on_end) on_end();
  }
  void OnDrained() override { seen.push_back("drained"); }

  std::vector<std::string> seen;
  bool ended = false;
  UniqueFunction<void(const WebSocketMessagePtr&)> then;
  UniqueFunction<void()> on_end;
};

inline WebSocketMessagePtr TextMessage(std::string_view text) {
  return WebSocketMessage::Of(WebSocketMessage::Type::kText, text);
}

inline constexpr std::string_view kUpgrade =
    "GET /room HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

// A server whose handler accepts every WebSocket and keeps the script's end of each.
struct Room {
  explicit Room(ServerOptions options = {})
      : server(
            loop,
            [this](HttpRequest request, const RequestInfo&, Responder responder) {
              HttpResponse response;
              response.status = 101;
              response.headers.Append("X-Room", request.headers.Get("Upgrade").value_or("none"));
              loop::WebSocketPipe pipe = loop::MakeWebSocketPipe(loop, loop);
              response.websocket = std::move(pipe.first);
              ends.push_back(std::move(pipe.second));
              notes.push_back(std::make_unique<Notes>());
              if (listening) ends.back()->SetReceiver(notes.back().get());
              if (hold) {
                held = std::make_unique<std::pair<Responder, HttpResponse>>(std::move(responder), std::move(response));
              } else {
                responder.Send(std::move(response));
              }
            },
            std::move(options)) {}

  // Runs the loop until `count` things were seen by the first end's receiver.
  std::vector<std::string> Seen(size_t count) {
    RunUntil(loop, [&] { return !notes.empty() && notes[0]->seen.size() >= count; });
    return notes.empty() ? std::vector<std::string>() : notes[0]->seen;
  }
  void Turn() {
    bool done = false;
    loop.After(std::chrono::milliseconds(5), [&] { done = true; });
    RunUntil(loop, [&] { return done; });
  }

  loop::AsioLoop loop;
  std::vector<std::unique_ptr<Notes>> notes;
  std::vector<std::unique_ptr<WebSocketEnd>> ends;
  bool listening = true;
  bool hold = false;
  std::unique_ptr<std::pair<Responder, HttpResponse>> held;
  TestServer server;
};

inline std::string Upgrade(std::string_view more = "") { return std::string(kUpgrade).append(more).append("\r\n"); }

// A client's connection, with its receiver.
struct Joined {
  std::unique_ptr<WebSocketEnd> end;
  std::string head;
  std::string error;
  int status = 0;
  std::optional<std::string> extensions;
  FetchHandle handle;
  Notes notes;
};

inline void Join(HttpClient& client, loop::AsioLoop& loop, const std::string& url, Joined& joined,
                 bool deflate = false) {
  HttpRequest request;
  request.url = url;
  request.headers.Append("Upgrade", "websocket");
  if (deflate) request.headers.Append("Sec-WebSocket-Extensions", "permessage-deflate");
  bool done = false;
  joined.handle = client.Fetch(std::move(request), [&](Result<HttpResponse> response) {
    done = true;
    if (!response) return void(joined.error = response.error().message());
    joined.status = response->status;
    joined.end = std::move(response->websocket);
    if (auto value = response->headers.Get("Sec-WebSocket-Extensions")) joined.extensions = *value;
    if (joined.end) joined.end->SetReceiver(&joined.notes);
  });
  ASSERT_TRUE(RunUntil(loop, [&] { return done; }));
}

inline std::unique_ptr<HttpClient> MakeClient(loop::AsioLoop& loop, ClientOptions options = {}) {
  options.allow_private_network = true;
  return HttpClient::Open(loop, std::move(options)).value();
}

}  // namespace limpet::net

// For the tests of WebSockets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/function.h"
#include "base/websocket.h"

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

}  // namespace limpet::net

// WebSockets inside the process: two ends of one, and a connection between two.
#pragma once

#include <memory>

#include "base/websocket.h"
#include "loop/loop.h"

namespace limpet::loop {

// The two ends of one WebSocket. Each is used on its own loop's thread; the loops may be the same, then what is sent is
// delivered inside the call that sends it. Loops outlive the pipe. What waits for a receiver is not limited: whoever
// sends looks at buffered_bytes().
struct WebSocketPipe {
  std::unique_ptr<WebSocketEnd> first, second;
};
WebSocketPipe MakeWebSocketPipe(Loop& first_loop, Loop& second_loop);

// From now on whatever arrives at one goes out at the other, at the pace of the slower, until both have ended. Both
// belong to the same thread. A disconnect of one cuts the other, an error of one goes to the other.
void CoupleWebSockets(std::unique_ptr<WebSocketEnd> one, std::unique_ptr<WebSocketEnd> other);

}  // namespace limpet::loop

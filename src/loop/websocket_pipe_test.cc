#include "loop/websocket_pipe.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "loop/sim_loop.h"

namespace limpet::loop {
namespace {

WebSocketMessagePtr Text(std::string_view text) { return WebSocketMessage::Of(WebSocketMessage::Type::kText, text); }

struct Notes final : WebSocketReceiver {
  void OnMessage(WebSocketMessagePtr message) override {
    seen += std::string(message->payload().substr(0, 20)) + " ";
    if (then) then();
  }
  void OnClose(WebSocketClose close) override {
    seen += (close.clean ? "close:" : "lost:") + std::to_string(close.code) + close.reason.substr(0, 3) + " ";
  }
  void OnError(Error error) override { seen += "error:" + error.message() + " "; }
  void OnDrained() override { seen += "drained "; }
  std::string seen;
  UniqueFunction<void()> then;
};

TEST(WebSocketPipe, DeliversInOrderBothWaysAndKeepsWhatWaits) {
  SimLoop loop;
  Notes first, second;  // Outlive the ends.
  WebSocketPipe pipe = MakeWebSocketPipe(loop, loop);
  pipe.first->Send(Text("a"));
  pipe.first->Send(Text("b"));
  EXPECT_GT(pipe.first->buffered_bytes(), 0u);
  second.then = [&] { pipe.second->Send(Text("answer")); };
  pipe.second->SetReceiver(&second);
  pipe.first->Send(Text("c"));
  EXPECT_EQ(second.seen, "a b c ");
  EXPECT_EQ(pipe.first->buffered_bytes(), 0u);
  pipe.first->SetReceiver(&first);
  EXPECT_EQ(first.seen, "answer answer answer ");
  pipe.second->Pause();
  pipe.first->Send(Text("d"));
  pipe.first->Close(4000, "bye");
  pipe.first->Send(Text("late"));
  pipe.first->Close(4001, "again");
  EXPECT_EQ(second.seen, "a b c ");
  pipe.second->Resume();
  EXPECT_EQ(second.seen, "a b c d close:4000bye ");
  // Half open: the other direction goes on.
  pipe.second->Close(1000, "");
  EXPECT_EQ(first.seen, "answer answer answer answer close:1000 ");
}

TEST(WebSocketPipe, BetweenLoopsItPosts) {
  SimLoop one, two;
  Notes first, second;  // Outlive the ends.
  WebSocketPipe pipe = MakeWebSocketPipe(one, two);
  pipe.first->SetReceiver(&first);
  pipe.second->SetReceiver(&second);
  pipe.first->Send(Text("a"));
  pipe.first->Close(1000, "");
  EXPECT_EQ(second.seen, "");
  pipe.first.reset();  // What was sent still arrives.
  two.RunReady();
  EXPECT_EQ(second.seen, "a close:1000 ");
}

TEST(WebSocketPipe, AnEndThatIsDestroyedIsADisconnect) {
  SimLoop loop;
  Notes second, first;  // Outlive the ends.
  WebSocketPipe pipe = MakeWebSocketPipe(loop, loop);
  second.then = [&] { pipe.second.reset(); };  // Inside its own receiver's call.
  pipe.second->SetReceiver(&second);
  pipe.first->SetReceiver(&first);
  pipe.first->Send(Text("a"));
  EXPECT_EQ(second.seen, "a ");
  EXPECT_EQ(first.seen, "lost:1006Web ");
  pipe.first->Send(Text("b"));
  EXPECT_EQ(pipe.first->buffered_bytes(), 0u);
}

TEST(WebSocketPipe, TellsWhenItHasDrained) {
  SimLoop loop;
  Notes first, second;  // Outlive the ends.
  WebSocketPipe pipe = MakeWebSocketPipe(loop, loop);
  pipe.first->SetReceiver(&first);
  pipe.first->Send(Text(std::string(2 * 1024 * 1024, 'x')));
  EXPECT_GT(pipe.first->buffered_bytes(), WebSocketEnd::kHighWaterBytes);
  EXPECT_EQ(first.seen, "");
  pipe.second->SetReceiver(&second);
  EXPECT_EQ(first.seen, "drained ");
}

TEST(CoupleWebSockets, PassesEverythingAndSlowsTheFasterDown) {
  SimLoop loop;
  Notes a, b;  // Outlive the ends.
  WebSocketPipe left = MakeWebSocketPipe(loop, loop), right = MakeWebSocketPipe(loop, loop);
  left.first->Send(Text("before"));
  CoupleWebSockets(std::move(left.second), std::move(right.first));
  left.first->SetReceiver(&a);
  right.second->SetReceiver(&b);
  right.second->Send(Text("up"));
  EXPECT_EQ(a.seen, "up ");
  EXPECT_EQ(b.seen, "before ");

  right.second->Pause();
  WebSocketMessagePtr large = Text(std::string(512 * 1024, 'x'));
  for (int i = 0; i < 10; ++i) left.first->Send(large);
  // A few are on the far side; the rest waits here, where the sender sees it.
  EXPECT_GT(left.first->buffered_bytes(), 2u * 1024 * 1024);
  right.second->Resume();
  EXPECT_EQ(left.first->buffered_bytes(), 0u);
  EXPECT_EQ(a.seen, "up drained ");

  left.first->Close(3000, "x");
  EXPECT_TRUE(b.seen.ends_with("close:3000x ")) << b.seen;
  right.second->Close(3001, "y");
  EXPECT_EQ(a.seen, "up drained close:3001y ");
}

TEST(CoupleWebSockets, ADisconnectGoesThrough) {
  SimLoop loop;
  Notes b;  // Outlive the ends.
  WebSocketPipe left = MakeWebSocketPipe(loop, loop), right = MakeWebSocketPipe(loop, loop);
  CoupleWebSockets(std::move(left.second), std::move(right.first));
  right.second->SetReceiver(&b);
  left.first.reset();
  EXPECT_EQ(b.seen, "lost:1006Web ");
}

TEST(CoupleWebSockets, AnErrorGoesThroughOnceAndIsTheEnd) {
  SimLoop loop;
  Notes a, b;  // Outlive the ends.
  WebSocketPipe left = MakeWebSocketPipe(loop, loop), right = MakeWebSocketPipe(loop, loop);
  CoupleWebSockets(std::move(left.second), std::move(right.first));
  left.first->SetReceiver(&a);
  right.second->SetReceiver(&b);
  left.first->Abort(Error(ErrorCode::kOverloaded, "too much"));
  left.first->Send(Text("late"));
  EXPECT_EQ(b.seen, "error:too much ");
  EXPECT_EQ(a.seen, "lost:1006Web ");
}

}  // namespace
}  // namespace limpet::loop

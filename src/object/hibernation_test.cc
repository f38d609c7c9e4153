// Hibernatable WebSockets: they belong to the object, whatever becomes of its instances.
#include <gtest/gtest.h>

#include "loop/sim_loop.h"
#include "loop/websocket_pipe.h"
#include "object/fake_code_test.h"
#include "object/shard.h"
#include "store/faulty.h"

namespace limpet::object {
namespace {

using loop::SimLoop;
using std::chrono::milliseconds;
using std::chrono::seconds;

WebSocketMessagePtr Message(std::string_view text) { return WebSocketMessage::Of(WebSocketMessage::Type::kText, text); }

// The client's end: what it has heard.
struct Client final : WebSocketReceiver {
  explicit Client(std::unique_ptr<WebSocketEnd> given) : end(std::move(given)) { end->SetReceiver(this); }
  void OnMessage(WebSocketMessagePtr message) override { heard.emplace_back(message->payload()); }
  void OnClose(WebSocketClose close) override { heard.push_back("close " + std::to_string(close.code)); }
  void OnError(Error error) override { heard.push_back("error " + error.message()); }
  std::vector<std::string> heard;
  std::unique_ptr<WebSocketEnd> end;
};

// A fetch accepts a WebSocket; its other end becomes a client here. Messages are logged with the number of the instance
// that got them.
class HibernationTest : public testing::Test {
 protected:
  HibernationTest() : engine_(&loop_, {.commit_delay = milliseconds(5)}) {
    shard_ = Shard::Make(loop_, engine_.Attach(loop_), engine_.Acquire(0).value(), {.idle_evict = seconds(10)}, log_,
                         counters_);
    shard_->SetClass(kSpace, NewClass());
  }

  std::shared_ptr<FakeClass> NewClass() {
    class_ = std::make_shared<FakeClass>([this](Instance& instance, InputLock, HttpRequest, OnReply reply) {
      loop::WebSocketPipe pipe = loop::MakeWebSocketPipe(loop_, loop_);
      Result<uint64_t> socket = instance.sockets().Accept(std::move(pipe.first), {"tag"});
      instance.sockets().SetAttachment(socket.value(), "attached");
      clients_.push_back(std::make_unique<Client>(std::move(pipe.second)));
      reply(Text(std::to_string(socket.value())));
    });
    class_->on_socket = [this, version = class_.get()](Instance& instance, InputLock, SocketEvent event, OnReply done) {
      std::string what = "closed";
      if (event.is_message()) what = std::string(std::get<WebSocketMessagePtr>(event.what)->payload());
      seen_.push_back(std::to_string(version->made) + " " + what);
      if (what == "fail") return instance.Abort(Error(ErrorCode::kScript, "failed"));
      if (what == "echo") instance.sockets().Send(event.socket, std::get<WebSocketMessagePtr>(event.what));
      attachments_.push_back(*instance.sockets().Attachment(event.socket));
      if (what == "hang") return hanging_.push_back(std::move(done));
      done(HttpResponse());
    };
    return class_;
  }

  Client& Connect(uint8_t object = 1) {
    shard_->Fetch(Id(object), std::nullopt, Request("/"), Into(replies_));
    loop_.RunReady();
    return *clients_.back();
  }

  // Runs `what` in the object, as an event.
  void In(const ObjectId& object, std::function<void(Instance&)> what) {
    auto handler = std::exchange(class_->handler, [&what](Instance& instance, InputLock, HttpRequest, OnReply reply) {
      what(instance);
      reply(Text("done"));
    });
    shard_->Fetch(object, std::nullopt, Request("/"), Into(replies_));
    loop_.RunReady();
    class_->handler = std::move(handler);
    EXPECT_EQ(replies_.back(), "done");
  }
  void SetTimeout(std::optional<uint32_t> ms) {
    In(Id(1), [ms](Instance& instance) { instance.sockets().event_timeout_ms = ms; });
  }
  void SetAutoResponse(const ObjectId& object) {
    In(object,
       [](Instance& instance) { instance.sockets().SetAutoResponse(ObjectSockets::AutoResponse{"ping", "pong"}); });
  }

  SimLoop loop_{1};
  store::FaultyEngine engine_;
  NullLogger log_;
  Counters counters_;
  std::vector<std::string> replies_, seen_, attachments_;
  std::vector<OnReply> hanging_;  // Destroyed after the shard, which drops what they would say.
  std::vector<std::unique_ptr<Client>> clients_;
  std::shared_ptr<FakeClass> class_;
  std::unique_ptr<Shard> shard_;
};

using Texts = std::vector<std::string>;

TEST_F(HibernationTest, MessagesOfASocketStartInOrder) {
  Client& client = Connect();
  for (const char* text : {"a", "b", "c"}) client.end->Send(Message(text));
  EXPECT_TRUE(seen_.empty());  // Not inside the call that sends.
  loop_.RunReady();
  EXPECT_EQ(seen_, (Texts{"1 a", "1 b", "1 c"}));
}

TEST_F(HibernationTest, AnEvictedInstanceLeavesItsSocketAndAMessageStartsTheNext) {
  Client& client = Connect();
  loop_.Advance(seconds(11));
  EXPECT_EQ(class_->live, 0);
  client.end->Send(Message("wake"));
  client.end->Send(Message("echo"));
  loop_.RunReady();
  EXPECT_EQ(seen_, (Texts{"2 wake", "2 echo"}));
  EXPECT_EQ(attachments_, (Texts{"attached", "attached"}));
  EXPECT_EQ(client.heard, (Texts{"echo"}));
}

TEST_F(HibernationTest, AnAutomaticResponseStartsNoInstance) {
  Client& client = Connect();
  SetAutoResponse(Id(1));
  loop_.Advance(seconds(11));
  ASSERT_EQ(class_->live, 0);
  client.end->Send(Message("ping"));
  loop_.RunReady();
  EXPECT_EQ(client.heard, (Texts{"pong"}));
  EXPECT_EQ(class_->made, 1);
}

TEST_F(HibernationTest, AnAutomaticResponseWaitsForTheFirstSocket) {
  SetAutoResponse(Id(1));
  loop_.Advance(seconds(11));
  ASSERT_EQ(class_->live, 0);
  Client& client = Connect();
  client.end->Send(Message("ping"));
  EXPECT_EQ(client.heard, (Texts{"pong"}));
  client.end->Close(1000, "");
  loop_.Advance(seconds(75));  // 70 from the end of the last instance, not of the first.
  ASSERT_EQ(class_->live, 0);
  Client& again = Connect();
  again.end->Send(Message("ping"));
  EXPECT_EQ(again.heard, (Texts{"pong"}));
}

TEST_F(HibernationTest, AnAutomaticResponseThatNobodyNeedsIsForgotten) {
  SetAutoResponse(Id(1));
  loop_.Advance(seconds(81));
  Client& client = Connect();
  client.end->Send(Message("ping"));
  loop_.RunReady();
  EXPECT_EQ(client.heard, (Texts{}));
  EXPECT_EQ(seen_, (Texts{"2 ping"}));
}

TEST_F(HibernationTest, SettingsOfSoManyObjectsAreKeptAndNoMore) {
  auto id = [](size_t number) {
    ObjectId made = Id(static_cast<uint8_t>(number));
    made.base[1] = static_cast<uint8_t>(number >> 8);
    return made;
  };
  for (size_t i = 0; i <= kKeptSettingsMax; ++i) SetAutoResponse(id(i));
  loop_.Advance(seconds(11));
  ASSERT_EQ(class_->live, 0);
  auto kept = [&](size_t number) {
    bool has = false;
    In(id(number), [&has](Instance& instance) { has = instance.sockets().auto_response().has_value(); });
    return has;
  };
  EXPECT_TRUE(kept(0));
  EXPECT_TRUE(kept(kKeptSettingsMax - 1));
  EXPECT_FALSE(kept(kKeptSettingsMax));
  In(id(0), [](Instance& instance) { instance.sockets().SetAutoResponse(std::nullopt); });  // Makes room for one.
  SetAutoResponse(id(kKeptSettingsMax));
  loop_.Advance(seconds(11));
  EXPECT_TRUE(kept(kKeptSettingsMax));
}

TEST_F(HibernationTest, AHandlerThatTakesTooLongResetsItsObject) {
  Client& client = Connect();
  SetTimeout(500);
  client.end->Send(Message("hang"));
  class_->handler = [this](Instance&, InputLock, HttpRequest, OnReply reply) { hanging_.push_back(std::move(reply)); };
  shard_->Fetch(Id(1), std::nullopt, Request("/"), Into(replies_));
  loop_.Advance(milliseconds(499));
  EXPECT_EQ(client.heard, (Texts{}));
  loop_.Advance(milliseconds(1));
  EXPECT_EQ(client.heard, (Texts{"close 1006"}));
  EXPECT_EQ(replies_.back(), "error: Actor exceeded event execution time and was disconnected.");
  EXPECT_EQ(class_->live, 0);
}

TEST_F(HibernationTest, EachHandlerHasItsOwnTime) {
  Client& client = Connect();
  SetTimeout(500);
  client.end->Send(Message("hang"));
  loop_.Advance(milliseconds(300));
  client.end->Send(Message("hang"));
  loop_.Advance(milliseconds(100));
  hanging_.front()(HttpResponse());
  loop_.Advance(milliseconds(399));
  EXPECT_EQ(client.heard, (Texts{}));
  loop_.Advance(milliseconds(1));
  EXPECT_EQ(client.heard, (Texts{"close 1006"}));
}

TEST_F(HibernationTest, AShorterEventTimeoutHoldsForTheNextEvent) {
  Client& client = Connect();
  SetTimeout(5000);
  client.end->Send(Message("hang"));
  loop_.RunReady();
  SetTimeout(200);
  client.end->Send(Message("hang"));
  loop_.Advance(milliseconds(200));
  EXPECT_EQ(client.heard, (Texts{"close 1006"}));
}

TEST_F(HibernationTest, WithoutAnEventTimeoutAHandlerTakesItsTime) {
  Client& client = Connect();
  SetTimeout(500);
  client.end->Send(Message("short"));
  loop_.RunReady();
  SetTimeout(std::nullopt);
  client.end->Send(Message("hang"));
  loop_.Advance(std::chrono::hours(24));
  EXPECT_EQ(client.heard, (Texts{}));
  hanging_.front()(HttpResponse());
  client.end->Send(Message("after"));
  loop_.RunReady();
  EXPECT_EQ(seen_, (Texts{"1 short", "1 hang", "1 after"}));
}

TEST_F(HibernationTest, NewCodeKeepsTheSocketsOfTheOld) {
  Client& client = Connect();
  std::shared_ptr<FakeClass> old = class_;
  shard_->SetClass(kSpace, NewClass());
  client.end->Send(Message("new"));
  loop_.Advance(seconds(1));
  EXPECT_EQ(old->live, 0);
  EXPECT_EQ(seen_, (Texts{"1 new"}));
  EXPECT_EQ(class_->made, 1);
}

TEST_F(HibernationTest, ACloseIsOneEventAndIsAnsweredAfterIt) {
  Client& client = Connect();
  client.end->Close(4000, "bye");
  loop_.RunReady();
  EXPECT_EQ(seen_, (Texts{"1 closed"}));
  EXPECT_EQ(client.heard, (Texts{"close 4000"}));
  loop_.Advance(seconds(11));
  EXPECT_EQ(class_->live, 0);
}

TEST_F(HibernationTest, AResetCutsTheSocketsAndDropsWhatWaits) {
  Client& client = Connect();
  client.end->Send(Message("fail"));
  client.end->Send(Message("after"));
  loop_.Advance(seconds(1));
  EXPECT_EQ(seen_, (Texts{"1 fail"}));
  EXPECT_EQ(client.heard, (Texts{"close 1006"}));
  Connect();  // A fresh instance, with no socket but this one.
  EXPECT_EQ(replies_.back(), "1");
}

TEST_F(HibernationTest, AResetWhileNewCodeWaitsCutsTheSocketsToo) {
  Client& client = Connect();
  Instance* old = nullptr;
  class_->handler = [&](Instance& instance, InputLock, HttpRequest, OnReply reply) {
    old = &instance;
    hanging_.push_back(std::move(reply));
  };
  shard_->Fetch(Id(1), std::nullopt, Request("/"), Into(replies_));
  loop_.RunReady();
  shard_->SetClass(kSpace, NewClass());
  client.end->Send(Message("waits"));
  loop_.RunReady();
  EXPECT_EQ(client.heard, (Texts{}));
  old->Abort(Error(ErrorCode::kScript, "failed"));
  loop_.Advance(seconds(1));
  EXPECT_EQ(client.heard, (Texts{"close 1006"}));
  EXPECT_EQ(seen_, (Texts{}));
}

TEST(ObjectSocketsTest, TakesSoManyAndNoMore) {
  SimLoop loop{1};
  std::vector<SocketEvent> events;
  ObjectSockets sockets(loop, [&events](SocketEvent&& event) { events.push_back(std::move(event)); });
  std::vector<std::unique_ptr<WebSocketEnd>> peers;
  auto accept = [&] {
    loop::WebSocketPipe pipe = loop::MakeWebSocketPipe(loop, loop);
    peers.push_back(std::move(pipe.second));
    return sockets.Accept(std::move(pipe.first), {"tag"});
  };
  for (size_t i = 0; i < kSocketsMax; ++i) ASSERT_TRUE(accept().has_value());
  Result<uint64_t> refused = accept();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().message(), "only 32768 websockets can be accepted on a single Durable Object instance");
  EXPECT_EQ(sockets.List("tag").size(), kSocketsMax);
  peers.front().reset();  // One that goes makes room.
  ASSERT_EQ(events.size(), 1u);
  sockets.Handled(events[0]);
  EXPECT_EQ(accept().value(), kSocketsMax + 1);
  EXPECT_EQ(sockets.size(), kSocketsMax);
}

TEST_F(HibernationTest, ARemovedClassCutsTheSocketsOfSleepingObjects) {
  Client& client = Connect();
  loop_.Advance(seconds(11));
  bool gone = false;
  shard_->RemoveClass(kSpace, Error(ErrorCode::kUnavailable, "deleted"), [&gone] { gone = true; });
  loop_.RunReady();
  EXPECT_TRUE(gone);
  EXPECT_EQ(client.heard, (Texts{"close 1006"}));
}

TEST_F(HibernationTest, ADrainCutsTheSocketsOfSleepingObjects) {
  Client& client = Connect();
  loop_.Advance(seconds(11));
  bool drained = false;
  shard_->Drain([&drained] { drained = true; });
  loop_.RunReady();
  EXPECT_TRUE(drained);
  EXPECT_EQ(client.heard, (Texts{"close 1006"}));
}

TEST_F(HibernationTest, AnObjectThatIsBehindSlowsItsPeersDownAndLosesNothing) {
  Client& client = Connect();
  constexpr int kMessages = 500;
  for (int i = 0; i < kMessages; ++i) client.end->Send(Message(std::to_string(i)));
  EXPECT_GT(client.end->buffered_bytes(), 0u);
  loop_.Advance(seconds(1));
  ASSERT_EQ(seen_.size(), static_cast<size_t>(kMessages));
  EXPECT_EQ(seen_.back(), "1 499");
  EXPECT_EQ(client.end->buffered_bytes(), 0u);
}

}  // namespace
}  // namespace limpet::object

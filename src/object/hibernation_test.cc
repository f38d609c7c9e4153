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
      done(HttpResponse());
    };
    return class_;
  }

  Client& Connect(uint8_t object = 1) {
    shard_->Fetch(Id(object), std::nullopt, Request("/"), Into(replies_));
    loop_.RunReady();
    return *clients_.back();
  }

  SimLoop loop_{1};
  store::FaultyEngine engine_;
  NullLogger log_;
  Counters counters_;
  std::vector<std::string> replies_, seen_, attachments_;
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
  class_->handler = [](Instance& instance, InputLock, HttpRequest, OnReply reply) {
    instance.sockets().SetAutoResponse(ObjectSockets::AutoResponse{"ping", "pong"});
    reply(Text("set"));
  };
  shard_->Fetch(Id(1), std::nullopt, Request("/"), Into(replies_));
  loop_.Advance(seconds(11));
  ASSERT_EQ(class_->live, 0);
  client.end->Send(Message("ping"));
  loop_.RunReady();
  EXPECT_EQ(client.heard, (Texts{"pong"}));
  EXPECT_EQ(class_->made, 1);
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

#include "net/websocket.h"

#include <algorithm>
#include <utility>

#include "net/websocket_connection.h"

namespace limpet::net {
namespace {

class NetEnd final : public WebSocketEnd {
 public:
  explicit NetEnd(std::shared_ptr<WebSocketConnection> connection) : connection_(std::move(connection)) {}
  ~NetEnd() override { connection_->Abandon(); }
  void SetReceiver(WebSocketReceiver* receiver) override { Alive()->SetReceiver(receiver); }
  void Send(WebSocketMessagePtr message) override { connection_->Send(message); }
  void Close(uint16_t code, std::string_view reason) override { connection_->Close(code, reason); }
  void Abort(Error) override { connection_->Abort(); }
  void Pause() override { connection_->SetPaused(true); }
  void Resume() override { Alive()->SetPaused(false); }
  size_t buffered_bytes() const override { return connection_->buffered_bytes(); }

 private:
  // A receiver may destroy this end while the connection is inside the call.
  std::shared_ptr<WebSocketConnection> Alive() const { return connection_; }
  std::shared_ptr<WebSocketConnection> connection_;
};

}  // namespace

void WebSocketGroup::State::Add(std::shared_ptr<WebSocketConnection> connection) {
  connection->index = connections.size();
  connections.push_back(std::move(connection));
  if (tick == 0) {
    now = loop.Now();
    tick = loop.After(limits.tick, [this] { Tick(); });
  }
}

void WebSocketGroup::State::Remove(WebSocketConnection& connection) {
  std::swap(connections[connection.index], connections.back());
  connections[connection.index]->index = connection.index;
  connections.pop_back();  // The caller holds a reference of its own.
}

void WebSocketGroup::State::FlushLater(std::shared_ptr<WebSocketConnection> connection) {
  if (std::exchange(connection->flush_pending, true)) return;
  to_flush.push_back(std::move(connection));
  if (to_flush.size() > 1) return;
  loop.AtTurnEnd([self = shared_from_this()] {
    for (std::shared_ptr<WebSocketConnection>& ready : std::exchange(self->to_flush, {})) {
      ready->flush_pending = false;
      ready->Flush();
    }
  });
}

void WebSocketGroup::State::Tick() {
  tick = 0;
  CheckDeadlines(loop.Now());
  if (!connections.empty()) tick = loop.After(limits.tick, [this] { Tick(); });
}

void WebSocketGroup::State::CheckDeadlines(Instant at) {
  now = at;
  // From the back: a connection that ends leaves its place to the last one, which has been looked at.
  for (size_t i = connections.size(); i-- > 0;) {
    if (i >= connections.size()) continue;  // Ending one may have ended others.
    std::shared_ptr<WebSocketConnection> connection = connections[i];
    connection->CheckDeadline(at);
  }
}

std::array<char, 4> WebSocketGroup::State::NextMaskKey() {
  if (mask_keys_at == mask_keys.size()) {
    random.Fill(mask_keys);
    mask_keys_at = 0;
  }
  std::array<char, 4> key;
  for (char& byte : key) byte = static_cast<char>(mask_keys[mask_keys_at++]);
  return key;
}

WebSocketGroup::WebSocketGroup(loop::AsioLoop& loop, WebSocketLimits limits)
    : state_(std::make_shared<State>(loop, limits)) {}

WebSocketGroup::~WebSocketGroup() {
  std::vector<std::shared_ptr<WebSocketConnection>> all = state_->connections;
  for (std::shared_ptr<WebSocketConnection>& connection : all) connection->Lost();
  if (state_->tick != 0) state_->loop.Cancel(state_->tick);
}

std::unique_ptr<WebSocketEnd> WebSocketGroup::Open(Opening opening) {
  auto connection = std::make_shared<WebSocketConnection>(*state_, std::move(opening));
  state_->Add(connection);
  connection->Start();
  return std::make_unique<NetEnd>(std::move(connection));
}

std::shared_ptr<ReadScratch> WebSocketGroup::scratch() const { return state_->scratch; }
size_t WebSocketGroup::size() const { return state_->connections.size(); }

void WebSocketGroup::CloseAll(uint16_t code, std::string_view reason) {
  std::vector<std::shared_ptr<WebSocketConnection>> all = state_->connections;
  for (std::shared_ptr<WebSocketConnection>& connection : all) connection->Close(code, reason);
}

void WebSocketGroup::CheckDeadlines(Instant now) { state_->CheckDeadlines(now); }

}  // namespace limpet::net

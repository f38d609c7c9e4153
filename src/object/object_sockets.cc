#include "object/object_sockets.h"

#include <algorithm>
#include <utility>

#include "object/mutations.h"

namespace limpet::object {

struct ObjectSockets::Socket final : WebSocketReceiver {
  Socket(ObjectSockets& of, uint64_t number, std::unique_ptr<WebSocketEnd> end, std::vector<std::string> tags)
      : of(of), number(number), end(std::move(end)), tags(std::move(tags)) {}

  void OnMessage(WebSocketMessagePtr message) override { of.Arrived(*this, std::move(message)); }
  void OnClose(WebSocketClose close) override {
    if (!close.clean) gone = true;
    if (LIMPET_MUTANT(socket_closes_twice)) of.on_event_({number, close});
    of.on_event_({number, std::move(close)});
  }
  void OnError(Error error) override {
    gone = true;
    of.on_event_({number, std::move(error)});
  }

  ObjectSockets& of;
  const uint64_t number;
  std::unique_ptr<WebSocketEnd> end;
  std::vector<std::string> tags;
  Bytes attachment;
  std::optional<WallTime> answered_at;  // Automatically.
  size_t waiting_bytes = 0;             // Of messages that came and are not delivered.
  uint32_t waiting = 0;
  bool paused = false;
  bool closed = false;  // By this side.
  bool gone = false;    // The line is cut.
};

ObjectSockets::ObjectSockets(const Clock& clock, OnEvent on_event) : clock_(clock), on_event_(std::move(on_event)) {}

ObjectSockets::~ObjectSockets() = default;

ObjectSockets::Socket* ObjectSockets::Find(uint64_t socket) const {
  auto found = std::ranges::lower_bound(sockets_, socket, {}, [](const auto& each) { return each->number; });
  return found != sockets_.end() && (*found)->number == socket ? found->get() : nullptr;
}

Result<uint64_t> ObjectSockets::Accept(std::unique_ptr<WebSocketEnd> end, std::vector<std::string> tags) {
  if (sockets_.size() >= kSocketsMax) {
    return Error(ErrorCode::kOverloaded, "only " + std::to_string(kSocketsMax) +
                                             " websockets can be accepted on a single Durable Object instance");
  }
  uint64_t number = next_++;
  tags.shrink_to_fit();
  if (LIMPET_MUTANT(socket_tags_shared) && !sockets_.empty()) tags = sockets_.back()->tags;
  sockets_.push_back(std::make_unique<Socket>(*this, number, std::move(end), std::move(tags)));
  Socket& socket = *sockets_.back();
  socket.end->SetReceiver(&socket);
  return number;
}

std::vector<uint64_t> ObjectSockets::List(std::optional<std::string_view> tag) const {
  std::vector<uint64_t> found;
  for (const auto& socket : sockets_) {
    if (!tag || std::ranges::find(socket->tags, *tag) != socket->tags.end()) found.push_back(socket->number);
  }
  return found;
}

const std::vector<std::string>* ObjectSockets::Tags(uint64_t socket) const {
  Socket* found = Find(socket);
  return found == nullptr ? nullptr : &found->tags;
}

const Bytes* ObjectSockets::Attachment(uint64_t socket) const {
  Socket* found = Find(socket);
  return found == nullptr ? nullptr : &found->attachment;
}

void ObjectSockets::SetAttachment(uint64_t socket, Bytes attachment) {
  Socket* found = Find(socket);
  if (found == nullptr || (LIMPET_MUTANT(attachment_is_first) && !found->attachment.empty())) return;
  found->attachment = std::move(attachment);
  found->attachment.shrink_to_fit();
}

void ObjectSockets::Send(uint64_t socket, WebSocketMessagePtr message) {
  Socket* found = Find(socket);
  if (found == nullptr || found->closed || found->gone) return;
  if (found->end->buffered_bytes() + message->payload().size() <= kSocketBufferedBytesMax) {
    return found->end->Send(std::move(message));
  }
  found->closed = found->gone = true;
  Error slow(ErrorCode::kOverloaded, "The WebSocket was closed: more than 64 MiB wait for its peer.");
  found->end->SetReceiver(nullptr);
  found->end->Abort(slow);
  on_event_({socket, std::move(slow)});
}

void ObjectSockets::Close(uint64_t socket, uint16_t code, std::string_view reason) {
  Socket* found = Find(socket);
  if (found == nullptr || found->gone || std::exchange(found->closed, true)) return;
  found->end->Close(code, reason);
}

void ObjectSockets::SetAutoResponse(std::optional<AutoResponse> pair) {
  auto_response_ = std::move(pair);
  auto_message_ = nullptr;
  if (auto_response_) {
    auto_message_ = WebSocketMessage::Of(WebSocketMessage::Type::kText, auto_response_->response);
  }
}

std::optional<WallTime> ObjectSockets::AutoResponseTime(uint64_t socket) const {
  Socket* found = Find(socket);
  return found == nullptr ? std::nullopt : found->answered_at;
}

void ObjectSockets::Arrived(Socket& socket, WebSocketMessagePtr message) {
  if (auto_message_ != nullptr && message->is_text() && message->payload() == auto_response_->request) {
    socket.answered_at = clock_.WallNow();
    if (!socket.closed) socket.end->Send(auto_message_);
    if (!LIMPET_MUTANT(auto_response_wakes)) return;
  }
  ++socket.waiting;
  socket.waiting_bytes += message->payload().size();
  if (socket.waiting >= kSocketWaitingMax || socket.waiting_bytes >= kSocketWaitingBytesMax) {
    socket.paused = true;
    socket.end->Pause();
  }
  on_event_({socket.number, std::move(message)});
}

void ObjectSockets::Delivered(const SocketEvent& event) {
  Socket* found = Find(event.socket);
  if (found == nullptr || !event.is_message()) return;
  --found->waiting;
  found->waiting_bytes -= std::get<WebSocketMessagePtr>(event.what)->payload().size();
  if (!found->paused || found->waiting > kSocketWaitingMax / 2 || found->waiting_bytes > kSocketWaitingBytesMax / 2) {
    return;
  }
  if (LIMPET_MUTANT(socket_stays_paused)) return;
  found->paused = false;
  found->end->Resume();
}

void ObjectSockets::Handled(const SocketEvent& event) {
  if (event.is_message()) return;
  Socket* found = Find(event.socket);
  if (found == nullptr) return;
  // Whoever is owed a Close gets one, whether the script thought of it or not: nothing else would end the connection.
  if (const auto* close = std::get_if<WebSocketClose>(&event.what);
      close != nullptr && !found->closed && !found->gone && !LIMPET_MUTANT(socket_close_unanswered)) {
    found->end->Close(close->code, close->reason);
  }
  Remove(event.socket);
}

void ObjectSockets::Remove(uint64_t socket) {
  auto found = std::ranges::lower_bound(sockets_, socket, {}, [](const auto& each) { return each->number; });
  if (found != sockets_.end() && (*found)->number == socket) sockets_.erase(found);
}

}  // namespace limpet::object

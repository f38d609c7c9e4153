#include "net/websocket_connection.h"

#include <algorithm>
#include <utility>

namespace limpet::net {
namespace {

using boost::system::error_code;

constexpr size_t kPiecesPerWrite = 128;
constexpr size_t kIdlePiecesMax = 4;   // Room for so many stays with a connection that has nothing to send.
constexpr size_t kPieceOverhead = 64;  // Counted for each, so that many small ones are bounded too.
constexpr uint8_t kFin = 0x80, kCompressed = 0x40;

FrameOptions ReaderOptions(WebSocketGroup::State& group, const WebSocketGroup::Opening& opening) {
  FrameOptions options;
  options.message_bytes_max = group.limits.message_bytes_max;
  if (opening.role == WebSocketGroup::Role::kClient) {
    options.mask = FrameOptions::Mask::kForbidden;
  } else if (group.limits.accept_unmasked) {
    options.mask = FrameOptions::Mask::kAny;
  }
  if (opening.deflate) {
    // Not by reference to the group: a connection may outlive it.
    options.coders = std::shared_ptr<DeflateCoders>(group.shared_from_this(), &group.coders);
    options.peer_keeps_window = opening.deflate->peer_keeps_window;
  }
  return options;
}

// Of an unmasked frame.
std::string_view PayloadOf(std::string_view frame) {
  uint8_t form = static_cast<uint8_t>(frame[1]) & 0x7f;
  return frame.substr(form == 127 ? 10 : form == 126 ? 4 : 2);
}

}  // namespace

WebSocketConnection::WebSocketConnection(WebSocketGroup::State& group, WebSocketGroup::Opening opening)
    : group_(&group),
      stream_(std::move(opening.stream)),
      reader_(ReaderOptions(group, opening)),
      on_gone_(std::move(opening.on_gone)),
      role_(opening.role),
      held_(std::move(opening.read_ahead)),
      heard_(group.now) {
  if (opening.deflate) send_window_bits_ = static_cast<uint8_t>(opening.deflate->send_window_bits);
  if (!opening.to_send.empty()) QueueOwn(std::move(opening.to_send));
}

void WebSocketConnection::Start() {
  heard_ = group_->now;
  if (!queue_.empty()) group_->FlushLater(shared_from_this());
}

void WebSocketConnection::SetReceiver(WebSocketReceiver* receiver) {
  receiver_ = receiver;
  Pump();
}

void WebSocketConnection::SetPaused(bool paused) {
  paused_ = paused;
  if (!paused) Pump();
}

void WebSocketConnection::Abandon() {
  receiver_ = nullptr;
  abandoned_ = true;
  broken_ = false;
  if (group_ == nullptr) return;
  if (!close_sent_) return Cut();
  Pump();
}

// Delivers what is at hand, as far as the receiver wants it, then reads more. A call from inside (a receiver that
// pauses and resumes) only marks the way.
void WebSocketConnection::Pump() {
  if (pumping_) return;
  std::shared_ptr<WebSocketConnection> self = shared_from_this();
  while (!held_.empty() && wants_frames() && !done_reading()) TakeBytes(std::exchange(held_, std::string()));
  if (held_.empty() || done_reading()) {
    if (std::exchange(broken_, false)) SetDisconnected();
    TellEnding();
  }
  StartRead();
}

void WebSocketConnection::StartRead() {
  if (reading_ || group_ == nullptr) return;
  if (!done_reading() && (!wants_frames() || !held_.empty())) return WatchLine();
  reading_ = true;
  stream_->Read([self = shared_from_this()](error_code error, std::string_view bytes) {
    self->reading_ = false;
    self->OnBytes(error, bytes);
  });
}

// While nothing is read (the receiver is behind), a line that breaks gives back what it holds all the same.
void WebSocketConnection::WatchLine() {
  if (std::exchange(watching_, true)) return;
  stream_->WaitBroken([self = shared_from_this()](bool broken) {
    if (self->group_ == nullptr || !broken) return;  // In the second case watched no more.
    self->watching_ = false;
    if (!self->reading_) self->Lost();  // Else the read hears of it.
  });
}

void WebSocketConnection::OnBytes(error_code error, std::string_view bytes) {
  if (group_ == nullptr) return;
  if (error) return Lost();
  heard_ = group_->now;
  pinged_ = false;
  if (!done_reading()) TakeBytes(bytes);
  Pump();
}

void WebSocketConnection::TakeBytes(std::string_view in) {
  pumping_ = true;
  while (!in.empty() && (group_ != nullptr || broken_) && !done_reading()) {
    if (!wants_frames()) {
      held_.append(in);
      break;
    }
    if (!TakeEvent(reader_.Next(in))) break;
  }
  pumping_ = false;
}

// False if no more is to be read.
bool WebSocketConnection::TakeEvent(FrameReader::Event event) {
  switch (event) {
    case FrameReader::Event::kMore: return true;
    case FrameReader::Event::kMessage: {
      WebSocketMessagePtr message = reader_.TakeMessage();
      if (receiver_ != nullptr) receiver_->OnMessage(std::move(message));
      return true;
    }
    case FrameReader::Event::kPing: {
      Bytes payload = reader_.TakeControl();
      // One who pings without reading the answers gets none.
      if (group_ != nullptr && !close_sent_ && buffered_ <= WebSocketEnd::kHighWaterBytes) {
        QueueFrame(kFin | static_cast<uint8_t>(Opcode::kPong), payload);
      }
      return true;
    }
    case FrameReader::Event::kPong: return true;
    case FrameReader::Event::kClose: OnCloseFrame(); return false;
    case FrameReader::Event::kProblem: Fail(reader_.problem()); return false;
  }
  return false;
}

void WebSocketConnection::OnCloseFrame() {
  close_received_ = true;
  SetEnding(reader_.TakeClose());
  TellEnding();
  if (close_sent_ && queue_.empty()) AfterFlush();
}

void WebSocketConnection::Fail(const WebSocketProblem& problem) {
  failed_ = true;
  std::string text = "WebSocket protocol error; protocolError.statusCode = " + std::to_string(problem.code) +
                     "; protocolError.description = " + problem.text;
  if (group_ != nullptr && !close_sent_) {
    close_sent_ = true;
    QueueFrame(kFin | static_cast<uint8_t>(Opcode::kClose), MakeClosePayload(problem.code, problem.text));
  }
  SetEnding(Error(problem.code == 1009 ? ErrorCode::kOverloaded : ErrorCode::kInvalidArgument, std::move(text)));
  TellEnding();
  if (queue_.empty()) AfterFlush();
}

void WebSocketConnection::Send(const WebSocketMessagePtr& message) {
  if (close_sent_ || group_ == nullptr || overloaded_) return;
  if (buffered_ > group_->limits.buffered_bytes_max) {
    overloaded_ = true;
    SetEnding(Error(ErrorCode::kOverloaded, "The WebSocket's peer does not read what is sent to it: " +
                                                std::to_string(buffered_) + " bytes wait."));
    // Later: whoever sends does not expect to be told inside the call.
    group_->loop.Post([self = shared_from_this()] { self->Lost(); });
    return;
  }
  std::shared_ptr<const Bytes> compressed = Compressed(message);
  if (role_ == WebSocketGroup::Role::kClient) {
    uint8_t opcode = static_cast<uint8_t>(message->is_text() ? Opcode::kText : Opcode::kBinary);
    if (!compressed) return QueueFrame(kFin | opcode, message->payload());
    return QueueFrame(kFin | kCompressed | opcode, PayloadOf(*compressed));
  }
  if (compressed) {
    std::string_view bytes = *compressed;
    return Queue(std::move(compressed), bytes);
  }
  Queue(message, message->frame());
}

// The message as a compressed frame, or null if it is to be sent as it is. Made once for all connections with the usual
// window.
std::shared_ptr<const Bytes> WebSocketConnection::Compressed(const WebSocketMessagePtr& message) {
  const WebSocketLimits& limits = group_->limits;
  std::string_view payload = message->payload();
  if (send_window_bits_ == 0 || payload.size() < limits.compress_bytes_min ||
      payload.size() > limits.compress_bytes_max) {
    return nullptr;
  }
  const Bytes* kept = send_window_bits_ == 15 ? message->compressed() : nullptr;
  std::unique_ptr<Bytes> made;
  if (kept == nullptr) {
    made = std::make_unique<Bytes>();
    Bytes small;
    if (group_->coders.DeflaterFor(send_window_bits_).Compress(payload, small)) {
      uint8_t opcode = static_cast<uint8_t>(message->is_text() ? Opcode::kText : Opcode::kBinary);
      made->reserve(WebSocketMessage::kHeadroom + small.size());
      made->append(MakeFrameHead(kFin | kCompressed | opcode, small.size(), false).view()).append(small);
    }
    if (send_window_bits_ != 15) {
      if (made->empty()) return nullptr;
      return std::shared_ptr<const Bytes>(std::move(made));
    }
    kept = message->KeepCompressed(std::move(made));
  }
  if (kept->empty()) return nullptr;
  return std::shared_ptr<const Bytes>(message, kept);
}

void WebSocketConnection::Close(uint16_t code, std::string_view reason) {
  if (close_sent_ || group_ == nullptr) return;
  close_sent_ = true;
  QueueFrame(kFin | static_cast<uint8_t>(Opcode::kClose), MakeClosePayload(code, reason));
}

void WebSocketConnection::Abort() {
  broken_ = false;
  if (group_ == nullptr) return;
  told_ = true;  // By its own will.
  receiver_ = nullptr;
  Cut();
}

// What was sent before goes out, as far as the peer takes it at once.
void WebSocketConnection::Cut() {
  std::shared_ptr<WebSocketConnection> self = shared_from_this();
  Flush();
  if (group_ != nullptr) End();
}

void WebSocketConnection::QueueFrame(uint8_t first, std::string_view payload) {
  bool masked = role_ == WebSocketGroup::Role::kClient;
  FrameHead head = MakeFrameHead(first, payload.size(), masked);
  std::string frame;
  frame.reserve(head.size + 4u + payload.size());
  frame.append(head.view());
  if (masked) {
    std::array<char, 4> key = group_->NextMaskKey();
    frame.append(key.data(), key.size());
    frame.append(payload);
    ApplyMask(frame.data() + (frame.size() - payload.size()), payload.size(), key, 0);
  } else {
    frame.append(payload);
  }
  QueueOwn(std::move(frame));
  group_->FlushLater(shared_from_this());
}

void WebSocketConnection::QueueOwn(std::string bytes) {
  auto own = std::make_shared<const std::string>(std::move(bytes));
  std::string_view view = *own;
  queue_.push_back({std::move(own), view});
  buffered_ += view.size() + kPieceOverhead;
}

void WebSocketConnection::Queue(std::shared_ptr<const void> owner, std::string_view bytes) {
  queue_.push_back({std::move(owner), bytes});
  buffered_ += bytes.size() + kPieceOverhead;
  group_->FlushLater(shared_from_this());
}

// Writes until everything is out or the stream takes no more.
void WebSocketConnection::Flush() {
  if (group_ == nullptr || waiting_writable_ || queue_.empty()) return;
  std::shared_ptr<WebSocketConnection> self = shared_from_this();
  while (queue_at_ < queue_.size()) {
    iovec parts[kPiecesPerWrite];
    size_t count = std::min(kPiecesPerWrite, queue_.size() - queue_at_);
    size_t size = 0;
    for (size_t i = 0; i < count; ++i) {
      std::string_view bytes = queue_[queue_at_ + i].bytes;
      parts[i] = {const_cast<char*>(bytes.data()), bytes.size()};
      size += bytes.size();
    }
    error_code error;
    size_t sent = stream_->Write({parts, count}, error);
    if (error) return Lost();
    TakeSent(sent);
    if (sent > 0) write_deadline_ = Instant::max();
    if (sent == size) continue;
    waiting_writable_ = true;
    if (write_deadline_ == Instant::max()) {
      write_deadline_ = group_->now + group_->limits.tick + group_->limits.write_stall_timeout;
    }
    stream_->WaitWritable([self](error_code failed) {
      self->waiting_writable_ = false;
      if (self->group_ == nullptr) return;
      if (failed) return self->Lost();
      self->Flush();
    });
    break;
  }
  over_high_water_ = over_high_water_ || buffered_ > WebSocketEnd::kHighWaterBytes;
  if (over_high_water_ && buffered_ <= WebSocketEnd::kLowWaterBytes) {
    over_high_water_ = false;
    if (receiver_ != nullptr) receiver_->OnDrained();
  }
  if (queue_.empty()) AfterFlush();
}

void WebSocketConnection::TakeSent(size_t bytes) {
  over_high_water_ = over_high_water_ || buffered_ > WebSocketEnd::kHighWaterBytes;
  while (queue_at_ < queue_.size() && bytes >= queue_[queue_at_].bytes.size()) {
    bytes -= queue_[queue_at_].bytes.size();
    buffered_ -= queue_[queue_at_].bytes.size() + kPieceOverhead;
    queue_[queue_at_++].owner.reset();
  }
  if (queue_at_ == queue_.size()) {
    queue_at_ = 0;
    if (queue_.capacity() > kIdlePiecesMax) {
      queue_ = std::vector<Piece>();
    } else {
      queue_.clear();
    }
    return;
  }
  queue_[queue_at_].bytes.remove_prefix(bytes);
  buffered_ -= bytes;
  if (queue_at_ > kPiecesPerWrite && queue_at_ > queue_.size() / 2) {
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(queue_at_));
    queue_at_ = 0;
  }
}

// Everything is out. After a Close frame of ours it is a matter of the peer's Close frame, then of its end.
void WebSocketConnection::AfterFlush() {
  if (group_ == nullptr || !close_sent_ || lingering_) return;
  const WebSocketLimits& limits = group_->limits;
  if (!done_reading()) {
    if (deadline_ == Instant::max()) deadline_ = group_->now + limits.tick + limits.close_timeout;
    return;
  }
  // The server ends the connection first (RFC 6455, 7.1.1). Not with bytes unread: that would reset the connection and
  // could destroy our Close frame on its way.
  if (role_ == WebSocketGroup::Role::kServer && !failed_) return End();
  lingering_ = true;
  deadline_ = group_->now + limits.tick + limits.linger_timeout;
  stream_->ShutdownSend();
  StartRead();
}

void WebSocketConnection::CheckDeadline(Instant now) {
  if (now >= deadline_ || now >= write_deadline_) return Lost();
  // Nobody reads, so nobody meets the end of what the peer sends. Looked at here: readiness tells of it only where what
  // waits to be read would wake us without end.
  if (watching_ && !reading_ && stream_->PeerEnded()) return Lost();
  const WebSocketLimits& limits = group_->limits;
  if (limits.ping_interval.count() == 0 || !reading_ || close_sent_) return;
  if (now < heard_ + limits.ping_interval) return;
  if (!std::exchange(pinged_, true)) return QueueFrame(kFin | static_cast<uint8_t>(Opcode::kPing), {});
  if (now >= heard_ + 2 * limits.ping_interval) Lost();
}

// The line is cut, by the peer or by us.
void WebSocketConnection::Lost() {
  if (group_ == nullptr) return;
  std::shared_ptr<WebSocketConnection> self = shared_from_this();
  // A receiver that is behind gets what came before, first.
  broken_ = !wants_frames() && !done_reading() && !ending_;
  if (broken_) stream_->TakeRest(held_);
  End();
  if (!broken_) SetDisconnected();
  Pump();
}

void WebSocketConnection::SetDisconnected() {
  SetEnding(WebSocketClose{kCloseDisconnected, std::string(kDisconnectedText), false});
}

// The first reason counts.
void WebSocketConnection::SetEnding(std::variant<WebSocketClose, Error> ending) {
  if (told_ || ending_) return;
  ending_ = std::make_unique<std::variant<WebSocketClose, Error>>(std::move(ending));
}

void WebSocketConnection::TellEnding() {
  if (!ending_ || told_ || receiver_ == nullptr || paused_) return;
  told_ = true;
  std::unique_ptr<std::variant<WebSocketClose, Error>> ending = std::move(ending_);
  if (auto* close = std::get_if<WebSocketClose>(ending.get())) {
    receiver_->OnClose(std::move(*close));
  } else {
    receiver_->OnError(std::move(*std::get_if<Error>(ending.get())));
  }
}

void WebSocketConnection::End() {
  std::shared_ptr<WebSocketConnection> self = shared_from_this();
  WebSocketGroup::State* group = std::exchange(group_, nullptr);
  group->Remove(*this);
  stream_->Close();
  queue_ = std::vector<Piece>();
  queue_at_ = buffered_ = 0;
  if (on_gone_) std::exchange(on_gone_, nullptr)();
}

}  // namespace limpet::net

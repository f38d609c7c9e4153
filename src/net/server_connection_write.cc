#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>

#include "base/check.h"
#include "net/server_connection.h"

namespace limpet::net {
namespace {

using boost::asio::ip::tcp;

// What the kernel holds for the client; 0 if it doesn't say.
size_t UnsentBytes(int fd) {
  int bytes = 0;
  return ::ioctl(fd, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? static_cast<size_t>(bytes) : 0;
}

}  // namespace

void Connection::Send(uint64_t exchange, HttpResponse response) {
  if (state_ != State::kExchange || exchange != exchange_ || response_started_) return;
  std::shared_ptr<Connection> self = shared_from_this();
  if (response.websocket && response.status == 101) return StartUpgrade(std::move(response));
  bool holds = response.body.stream && body_.expect_continue && !body_.done && !body_.dropped;
  facts_.keep_alive = DecideKeepAlive(holds);
  std::string held;
  Result<ResponsePlan> plan = AppendResponseHead(response, facts_, holds ? held : out_);
  if (!plan) {
    HttpResponse broken;
    broken.status = 500;
    broken.headers.Append("Content-Type", "text/plain;charset=UTF-8");
    broken.body = Body::Of("The response can't be sent: " + plan.error().message() + ".\n");
    return Send(exchange, std::move(broken));
  }
  response_started_ = true;
  plan_ = plan.value();
  response_left_ = plan_.length;
  read_deadline_ = Instant::max();
  if (holds) {
    held_head_ = std::make_unique<HeldHead>(HeldHead{std::move(held), {}});
    ExchangeFacts closing = facts_;
    closing.keep_alive = false;
    (void)AppendResponseHead(response, closing, held_head_->if_not);  // The same headers as above: no error.
    if (plan_.framing == Framing::kNone || facts_.head_request) ReleaseHead(false);
  }
  if (plan_.framing == Framing::kNone || facts_.head_request) {
    // A stream that nobody will read is let go.
    response_stream_ = std::move(response.body.stream);
    EndResponse();
  } else if (response.body.stream) {
    response_stream_ = std::move(response.body.stream);
    PullResponse();
  } else {
    if (response.body.bytes.size() <= kCopyBytesMax) {
      out_.append(response.body.bytes);
    } else {
      big_ = std::move(response.body.bytes);
    }
    EndResponse();
  }
  if (!writing_) Flush();
  if (state_ != State::kClosed) Pump();
}

// Whether the connection can serve another request, as far as the request decides.
bool Connection::DecideKeepAlive(bool body_may_come) const {
  if (!facts_.keep_alive || peer_closed_ || server_->draining) return false;
  if (body_.done) return true;
  if (body_.expect_continue && !body_may_come) return false;  // Nobody can tell whether the client still sends it.
  return body_.chunked || body_.left <= kDiscardBytesMax;
}

void Connection::ReleaseHead(bool body_was_asked_for) {
  if (!held_head_) return;
  out_.append(body_was_asked_for ? held_head_->if_asked : held_head_->if_not);
  if (!body_was_asked_for) plan_.keep_alive = false;
  held_head_.reset();
}

void Connection::DropResponder(uint64_t exchange) {
  HttpResponse response;
  response.status = 500;
  response.headers.Append("Content-Type", "text/plain;charset=UTF-8");
  response.body = Body::Of("The request was not answered.\n");
  Send(exchange, std::move(response));
}

// Answers a request that can't be served, and ends the connection.
void Connection::Refuse(int status, std::string_view text) {
  std::shared_ptr<Connection> self = shared_from_this();
  ++exchange_;  // Whoever holds the responder or the body has nothing to do with it any more.
  response_started_ = response_done_ = true;
  out_.append("HTTP/1.1 ").append(std::to_string(status)).append(" ").append(StandardReason(status));
  out_.append("\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: ").append(std::to_string(text.size() + 1));
  out_.append("\r\nConnection: close\r\n\r\n").append(text).append("\n");
  BeginLinger();
  NotifyDisconnect();
  FailBody(Error(ErrorCode::kInvalidArgument, std::string(text)));
}

// Sends what is queued, then tells the client that nothing more comes, and reads on for a while: closing at once with
// bytes unread would reset the connection and could destroy the answer on its way.
void Connection::BeginLinger() {
  if (state_ == State::kClosed) return;
  state_ = State::kLinger;
  read_deadline_ = server_->now + server_->options.limits.tick + kLingerTimeout;
  if (!writing_) Flush();
  if (state_ == State::kLinger && peer_closed_ && out_empty()) return Close();
  if (!pumping_) Pump();
}

// Asks the response's stream for more while the client takes it.
void Connection::PullResponse() {
  for (size_t turn = 0; response_stream_ && !response_reading_; ++turn) {
    if (!out_empty() && (turn > 0 || response_begun_)) {
      if (!writing_) Flush();
      if (!out_empty() || state_ != State::kExchange) return;  // AfterFlush goes on.
    }
    if (turn >= kChunksPerTurnMax) {
      server_->loop.Post([weak = weak_from_this()] {
        if (std::shared_ptr<Connection> self = weak.lock()) self->AfterFlush();
      });
      return;
    }
    response_begun_ = response_reading_ = in_read_call_ = true;
    ReadResponse();
    in_read_call_ = false;
  }
  if (state_ != State::kExchange) return;
  if (response_reading_) EndPipedChunk();
  // That, or the end or a chunk that came inside the last call.
  if (!writing_) Flush();
}

void Connection::ReadResponse() {
  if (response_stream_->CanPipe() && (pipe_ || (pipe_ = server_->pipes.Take()))) {
    return response_stream_->ReadIntoPipe(pipe_->in(), kPipeBytes,
                                          [weak = weak_from_this(), exchange = exchange_](Result<size_t> bytes) {
                                            std::shared_ptr<Connection> self = weak.lock();
                                            if (self && self->exchange_ == exchange)
                                              self->OnResponsePiped(std::move(bytes));
                                          });
  }
  response_stream_->Read([weak = weak_from_this(), exchange = exchange_](Result<std::optional<Bytes>> chunk) {
    std::shared_ptr<Connection> self = weak.lock();
    if (self && self->exchange_ == exchange) self->OnResponseChunk(std::move(chunk));
  });
}

void Connection::OnResponseChunk(Result<std::optional<Bytes>> chunk) {
  if (state_ != State::kExchange || !response_reading_) return;
  std::shared_ptr<Connection> self = shared_from_this();
  response_reading_ = false;
  if (!chunk) return Close();  // The client sees a body that is not complete.
  ReleaseHead(false);
  if (chunk->has_value()) {
    if (!Announced((*chunk)->size())) return Close();
    if (!(*chunk)->empty()) QueueChunk(std::move(**chunk));
  } else {
    if (!FinishResponse()) return;
  }
  GoOn();
}

// The same for what is in the pipe.
void Connection::OnResponsePiped(Result<size_t> bytes) {
  if (state_ != State::kExchange || !response_reading_) return;
  std::shared_ptr<Connection> self = shared_from_this();
  response_reading_ = false;
  if (!bytes || !Announced(*bytes)) return Close();
  ReleaseHead(false);
  if (*bytes == 0) {
    if (!FinishResponse()) return;
  } else {
    EndPipedChunk();
    piped_chunk_open_ = plan_.framing == Framing::kChunked;
    if (piped_chunk_open_) AppendChunkHead(*bytes, out_);
    piped_bytes_ = *bytes;
  }
  GoOn();
}

// Whether so many bytes more are no more than were announced.
bool Connection::Announced(size_t bytes) {
  if (plan_.framing != Framing::kLength) return true;
  if (bytes > response_left_) return false;
  response_left_ -= bytes;
  return true;
}

// False: the stream ended too early, and so does the connection.
bool Connection::FinishResponse() {
  if (plan_.framing == Framing::kLength && response_left_ > 0) return Close(), false;
  EndPipedChunk();
  if (plan_.framing == Framing::kChunked) out_.append("0\r\n\r\n");
  EndResponse();
  return true;
}

void Connection::GoOn() {
  if (in_read_call_) return;  // PullResponse goes on.
  if (!writing_) Flush();
  PullResponse();
  Pump();
}

void Connection::QueueChunk(Bytes chunk) {
  bool chunked = plan_.framing == Framing::kChunked;
  EndPipedChunk();
  if (chunked) AppendChunkHead(chunk.size(), out_);
  if (chunk.size() <= kCopyBytesMax) {
    out_.append(chunk);
    if (chunked) out_.append("\r\n");
    return;
  }
  big_ = std::move(chunk);
  if (chunked) after_ = "\r\n";
}

// With the head of the next chunk if there is one at once: two bytes on their own cost a packet.
void Connection::EndPipedChunk() {
  if (!std::exchange(piped_chunk_open_, false)) return;
  LIMPET_CHECK(piped_bytes_ == 0);  // Which go after `out_`.
  out_.append("\r\n");
}

void Connection::EndResponse() {
  response_done_ = true;
  ParkResponseStream();
}

// A stream is never destroyed inside a call of its own, which may be where we are.
void Connection::ParkResponseStream() {
  bool reading = std::exchange(response_reading_, false);
  response_begun_ = false;
  if (!response_stream_ || server_ == nullptr) return;
  struct Parked {
    std::unique_ptr<Pipe> pipe;  // A read that is out may still fill it.
    std::unique_ptr<BodyStream> stream;
  };
  Parked parked{reading ? std::move(pipe_) : nullptr, std::move(response_stream_)};
  server_->loop.Post([parked = std::move(parked)] {});
}

// What the socket took of what is first in the queue, as send().
ssize_t Connection::SendQueued() {
  int fd = socket_.native_handle();
  iovec parts[3];
  size_t count = 0;
  auto add = [&](std::string_view part) {
    if (!part.empty()) parts[count++] = {const_cast<char*>(part.data()), part.size()};
  };
  add(std::string_view(out_).substr(out_at_));
  add(std::string_view(big_).substr(big_at_));
  if (count == 0 && piped_bytes_ > 0) {
    return Splice(pipe_->out(), fd, piped_bytes_, piped_chunk_open_ ? SPLICE_F_MORE : 0);
  }
  if (piped_bytes_ == 0) add(after_);
  int flags = MSG_NOSIGNAL | (piped_bytes_ > 0 ? MSG_MORE : 0);
  if (count == 1) return ::send(fd, parts[0].iov_base, parts[0].iov_len, flags);
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = count;
  return ::sendmsg(fd, &message, flags);
}

// Writes until everything is out or the socket takes no more.
void Connection::Flush() {
  while (!out_empty()) {
    ssize_t sent = SendQueued();
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return WaitWritable();
    if (sent <= 0) return Close();
    TakeSent(static_cast<size_t>(sent));
  }
  write_deadline_ = Instant::max();
  if (state_ == State::kLinger) {
    boost::system::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
  }
}

void Connection::TakeSent(size_t bytes) {
  size_t part = std::min(bytes, out_.size() - out_at_);
  out_at_ += part;
  bytes -= part;
  if (out_at_ == out_.size()) {
    out_.clear();
    out_at_ = 0;
  }
  part = std::min(bytes, big_.size() - big_at_);
  big_at_ += part;
  bytes -= part;
  if (big_at_ == big_.size() && !big_.empty()) {
    big_ = Bytes();
    big_at_ = 0;
  }
  part = std::min(bytes, piped_bytes_);
  piped_bytes_ -= part;
  after_.remove_prefix(bytes - part);
}

// The socket takes more only when much of the kernel's buffer is free again, which may take a slow client longer than
// the timeout. So what counts is that the buffer empties, at the least rate. False: the client takes nothing, or too
// little.
bool Connection::TakesBytes(Instant now) {
  const ServerLimits& limits = server_->options.limits;
  size_t unsent = UnsentBytes(socket_.native_handle());
  uint64_t least = limits.bytes_per_second_min * static_cast<uint64_t>(limits.write_stall_timeout.count()) / 1000;
  if (unsent + std::max<uint64_t>(least, 1) > unsent_bytes_) return false;
  unsent_bytes_ = unsent;
  write_deadline_ = now + limits.tick + limits.write_stall_timeout;
  return true;
}

void Connection::WaitWritable() {
  writing_ = true;
  unsent_bytes_ = UnsentBytes(socket_.native_handle());
  write_deadline_ = server_->now + server_->options.limits.tick + server_->options.limits.write_stall_timeout;
  socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](boost::system::error_code error) {
    self->writing_ = false;
    if (self->state_ == State::kClosed) return;
    if (self->state_ == State::kUpgrade) return self->TryFinishUpgrade();
    if (error) return self->Close();
    self->Flush();
    if (self->state_ != State::kClosed && self->out_empty()) self->AfterFlush();
  });
}

void Connection::AfterFlush() {
  PullResponse();
  Pump();
}

}  // namespace limpet::net

#include "net/server_connection.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <cerrno>

#include "base/check.h"

namespace limpet::net {
namespace {

using boost::asio::ip::tcp;

// The body of a request whose bytes had not all come with its head.
class RequestBodyStream final : public BodyStream {
 public:
  RequestBodyStream(std::weak_ptr<Connection> connection, uint64_t exchange)
      : connection_(std::move(connection)), exchange_(exchange) {}
  ~RequestBodyStream() override {
    if (std::shared_ptr<Connection> connection = connection_.lock()) connection->DropBody(exchange_);
  }
  void Read(OnChunk on_chunk) override {
    if (std::shared_ptr<Connection> connection = connection_.lock()) {
      connection->ReadBody(exchange_, std::move(on_chunk));
    } else {
      on_chunk(Error(ErrorCode::kUnavailable, "Network connection lost.").With(Error::kRetryable));
    }
  }
  bool CanPipe() const override {
    std::shared_ptr<Connection> connection = connection_.lock();
    return connection && connection->CanPipeBody(exchange_);
  }
  void ReadIntoPipe(int pipe, size_t bytes_max, OnPiped on_piped) override {
    if (std::shared_ptr<Connection> connection = connection_.lock()) {
      connection->PipeBody(exchange_, pipe, bytes_max, std::move(on_piped));
    }
  }

 private:
  std::weak_ptr<Connection> connection_;
  uint64_t exchange_;
};

Error ConnectionLost() { return Error(ErrorCode::kUnavailable, "Network connection lost.").With(Error::kRetryable); }

}  // namespace

Connection::Connection(HttpServer::State& server, tcp::socket socket, IpAddress peer, bool peer_is_trusted,
                       ConnectionGate::Ticket ticket)
    : server_(&server),
      socket_(std::move(socket)),
      peer_(peer),
      peer_text_(peer.ToString()),
      peer_is_trusted_(peer_is_trusted),
      ticket_(std::move(ticket)) {
  read_deadline_ = server.now + server.options.limits.tick + server.options.limits.header_timeout;
}

void Connection::Close() {
  if (state_ == State::kClosed) return;
  std::shared_ptr<Connection> self = shared_from_this();
  state_ = State::kClosed;
  boost::system::error_code ignored;
  socket_.close(ignored);
  ParkResponseStream();
  if (server_ != nullptr) std::exchange(server_, nullptr)->Remove(*this);
  NotifyDisconnect();
  FailBody(ConnectionLost());
}

// With a reset: what the kernel holds for a client that takes nothing would stay for minutes.
void Connection::Abort() {
  boost::system::error_code ignored;
  socket_.set_option(boost::asio::socket_base::linger(true, 0), ignored);
  Close();
}

void Connection::Drain() { facts_.keep_alive = false; }

void Connection::CloseIfIdle() {
  boost::system::error_code ignored;
  if (state_ == State::kHead && in_.empty() && socket_.available(ignored) == 0) Close();
}

void Connection::CheckDeadline(Instant now) {
  if (now >= write_deadline_ && !TakesBytes(now)) return Abort();
  if (now < read_deadline_) return;
  OutOfTime();
}

void Connection::OutOfTime() {
  read_deadline_ = Instant::max();
  if (state_ == State::kHead && !in_.empty()) return Refuse(408, "The request head did not arrive in time.");
  if (state_ == State::kExchange && !response_started_) return Refuse(408, "The request body did not arrive in time.");
  Close();
}

// Goes on with whatever the bytes at hand allow, then reads more. A call from inside (a handler that answers at once)
// only marks the way: the loop here looks again, so pipelined requests need no recursion.
void Connection::Pump() {
  if (pumping_ || state_ == State::kClosed) return;
  std::shared_ptr<Connection> self = shared_from_this();
  pumping_ = true;
  while (Step()) {
  }
  pumping_ = false;
  ReadOn();
}

void Connection::ReadOn() {
  if (reading_ || server_ == nullptr) return;
  if (state_ == State::kExchange && !WantsBody()) return server_->WatchLater(*this);
  if (state_ != State::kHead || exchange_ == 1 || !in_.empty()) return StartRead();
  // After an answer: by the end of the turn the client may have sent its next request.
  if (std::exchange(read_posted_, true)) return;
  server_->loop.AtTurnEnd([weak = weak_from_this()] {
    std::shared_ptr<Connection> self = weak.lock();
    if (self == nullptr) return;
    self->read_posted_ = false;
    self->StartRead();
  });
}

// True if there may be more to do at once.
bool Connection::Step() {
  switch (state_) {
    case State::kHead: return StartExchange();
    case State::kExchange:
      if (!response_done_) ServeBody();
      return state_ == State::kExchange && response_done_ && out_empty() && EndExchange();
    case State::kLinger:
      linger_bytes_ += in_.size();
      in_.Consume(in_.size());
      if (linger_bytes_ > kLingerBytesMax) Close();
      return false;
    case State::kUpgrade: TryFinishUpgrade(); return false;
    case State::kClosed: return false;
  }
  return false;
}

bool Connection::StartExchange() {
  const ServerLimits& limits = server_->options.limits;
  while (in_.view().starts_with("\r\n")) in_.Consume(2);  // Empty lines before a request (RFC 9112, 2.2).
  if (in_.empty() || in_.view() == "\r") return false;
  // After this many bytes the whole head has to come within its time, however it trickles.
  HeadScanner::Found found = scanner_.Scan(in_.view(), limits.head);
  if (found.problem) return Refuse(found.problem->status, found.problem->text), false;
  if (found.head_size == 0) {
    Instant latest = server_->now + limits.tick + limits.header_timeout;
    if (!head_begun_) read_deadline_ = latest;
    head_begun_ = true;
    return false;
  }
  head_begun_ = false;
  scanner_.Reset();
  read_deadline_ = Instant::max();

  RequestHead head;
  HttpRequest request;
  std::string_view bytes = in_.view().substr(0, found.head_size);
  if (auto problem = ParseRequestHead(bytes, limits.head, head, request.headers)) {
    return Refuse(problem->status, problem->text), false;
  }
  if (head.framing == Framing::kLength && head.length > limits.body_bytes_max) {
    return Refuse(413, "The request body is too large."), false;
  }
  CallHandler(head, std::move(request), found.head_size);
  return true;
}

void Connection::CallHandler(RequestHead head, HttpRequest request, size_t head_size) {
  ClientFacts client =
      ApplyClientAddress(request.headers, peer_, peer_text_, server_->options.trusted_proxies, peer_is_trusted_);
  RequestInfo info{client.ip, peer_text_, client.scheme.value_or(server_->options.tls ? "https" : "http"),
                   server_->options.tls != nullptr};
  std::string local_host, host;
  if (head.host.empty()) {
    boost::system::error_code error;
    tcp::endpoint local = socket_.local_endpoint(error);
    local_host = error ? "localhost" : FromAsio(local).ToString();
  }
  if (auto problem = BuildUrl(head, info.scheme, local_host, request.url, host)) {
    return Refuse(problem->status, problem->text);
  }
  if (host != head.host) request.headers.Set("Host", host);
  request.method.assign(head.method);

  upgrade_offer_ = head.http_1_0 ? nullptr : TakeUpgradeOffer(head.method, request.headers);
  facts_ = {head.method == "HEAD", head.http_1_0, head.keep_alive && !server_->draining};
  response_started_ = response_done_ = false;
  held_head_.reset();
  state_ = State::kExchange;
  in_.Consume(
      head_size);  // The views of `head` are dead from here on, but for their bytes: nothing moves until a read.
  request.body = TakeBody(head);
  server_->handler(std::move(request), info, Responder(weak_from_this(), exchange_));
}

Body Connection::TakeBody(const RequestHead& head) {
  body_ = RequestBody();
  if (head.framing == Framing::kNone) return Body::None();
  if (head.framing == Framing::kLength && head.length <= std::min(kInlineBodyBytesMax, in_.size())) {
    if (head.length == 0 && (head.method == "GET" || facts_.head_request)) return Body::None();
    Bytes bytes(in_.view().substr(0, head.length));
    in_.Consume(head.length);
    return Body::Of(std::move(bytes));
  }
  body_.done = false;
  body_.chunked = head.framing == Framing::kChunked;
  body_.left = head.length;
  body_.patience = server_->options.limits.body_stall_timeout;
  body_.expect_continue = head.expect_continue && in_.empty();
  std::optional<uint64_t> length;
  if (!body_.chunked) length = head.length;
  return Body::Of(std::make_unique<RequestBodyStream>(weak_from_this(), exchange_), length);
}

// The response is wholly sent. False if bytes of the request are still missing, or the connection ends here.
bool Connection::EndExchange() {
  on_disconnect_ = nullptr;
  if (pipe_) server_->pipes.Give(std::move(pipe_));
  FailBody(Error(ErrorCode::kInvalidArgument, "Can't read from request stream after response has been sent.")
               .Named("TypeError"));
  if (state_ != State::kExchange) return false;
  bool whole = body_.done || (plan_.keep_alive && DiscardBody());
  if (state_ != State::kExchange) return false;
  if (!whole && plan_.keep_alive && !peer_closed_) return false;  // More of it is coming.
  ++exchange_;
  if (!plan_.keep_alive || !whole || server_->closing_idle) {
    if (whole && in_.empty()) {
      Close();
    } else {
      BeginLinger();
    }
    return false;
  }
  state_ = State::kHead;
  in_.Trim(kReadAheadBytes);
  if (peer_closed_ && in_.empty()) return Close(), false;
  read_deadline_ = server_->now + server_->options.limits.tick + server_->options.limits.idle_timeout;
  return true;
}

// Up to `bytes_max` bytes of the body from what is at hand; empty if more has to come, or with body_.done at the end.
Result<Bytes> Connection::DecodeBody(size_t bytes_max) {
  Bytes out;
  if (body_.chunked) {
    LIMPET_TRY(size_t taken, body_.decoder.Decode(in_.view(), out, bytes_max));
    in_.Consume(taken);
    body_.done = body_.decoder.done();
  } else {
    size_t size = std::min<uint64_t>({body_.left, in_.size(), bytes_max});
    out.assign(in_.view().substr(0, size));
    in_.Consume(size);
    body_.left -= size;
    body_.done = body_.left == 0;
  }
  body_.taken += out.size();
  return out;
}

void Connection::ServeBody() {
  if (body_.piping) return ServePipe();
  if (!body_.waiting) return;
  if (!body_.done) {
    Result<Bytes> bytes = DecodeBody(kBodyChunkBytesMax);
    if (!bytes) {
      if (!response_started_) return Refuse(400, bytes.error().message());
      return Close();
    }
    if (body_.taken > server_->options.limits.body_bytes_max) {
      if (!response_started_) return Refuse(413, "The request body is too large.");
      return Close();
    }
    if (!bytes->empty()) {
      if (!BodyCame(bytes->size())) return OutOfTime();
      return std::exchange(body_.waiting, nullptr)(std::optional<Bytes>(std::move(*bytes)));
    }
  }
  if (body_.done) {
    read_deadline_ = Instant::max();
    return std::exchange(body_.waiting, nullptr)(std::optional<Bytes>());
  }
  if (peer_closed_) return Close();
  WaitForBody();
}

void Connection::ServePipe() {
  ssize_t moved =
      Splice(socket_.native_handle(), body_.piping->pipe, std::min<uint64_t>(body_.left, body_.piping->bytes_max));
  if (moved < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return WaitForBody();
  if (moved <= 0) return Close();
  size_t bytes = static_cast<size_t>(moved);
  body_.left -= bytes;
  body_.taken += bytes;
  body_.done = body_.left == 0;
  if (!BodyCame(bytes)) return OutOfTime();
  std::exchange(body_.piping, std::nullopt)->on_piped(bytes);
}

void Connection::WaitForBody() {
  if (body_.waited_since == Instant::max()) body_.waited_since = server_->now;
  read_deadline_ =
      body_.waited_since + server_->options.limits.tick + std::max<Duration>(body_.patience, Duration::zero());
}

// A client that trickles is out of patience as surely as one that stalls. The clock moves with the ticks, so that a
// wait may seem longer by one: so much patience is lent.
bool Connection::BodyCame(size_t bytes) {
  const ServerLimits& limits = server_->options.limits;
  read_deadline_ = Instant::max();
  if (body_.waited_since == Instant::max()) return true;
  Duration earned = limits.body_stall_timeout;
  if (limits.bytes_per_second_min > 0)
    earned = std::chrono::nanoseconds(std::chrono::seconds(bytes)) / limits.bytes_per_second_min;
  Duration left = body_.patience - (server_->now - body_.waited_since) + earned;
  body_.patience = std::min<Duration>(left, limits.body_stall_timeout);
  body_.waited_since = Instant::max();
  return left >= -limits.tick;
}

// Reads over what nobody wants. True when the body is behind us.
bool Connection::DiscardBody() {
  while (!body_.done && !in_.empty()) {
    size_t before = in_.size();
    Result<Bytes> bytes = DecodeBody(kBodyChunkBytesMax);
    body_.discarded += before - in_.size();
    if (!bytes || body_.discarded > kDiscardBytesMax) return BeginLinger(), false;
    if (before == in_.size() && !body_.done) break;
  }
  if (!body_.done) WaitForBody();
  return body_.done;
}

void Connection::FailBody(Error error) {
  if (body_.waiting) std::exchange(body_.waiting, nullptr)(std::move(error));
  if (body_.piping) std::exchange(body_.piping, std::nullopt)->on_piped(std::move(error));
}

void Connection::ReadBody(uint64_t exchange, BodyStream::OnChunk on_chunk) {
  if (state_ == State::kClosed || exchange != exchange_ || response_done_) {
    bool answered = state_ != State::kClosed;
    if (!answered) return on_chunk(ConnectionLost());
    return on_chunk(Error(ErrorCode::kInvalidArgument, "Can't read from request stream after response has been sent.")
                        .Named("TypeError"));
  }
  std::shared_ptr<Connection> self = shared_from_this();
  body_.waiting = std::move(on_chunk);
  if (body_.expect_continue && (!response_started_ || held_head_)) {
    body_.expect_continue = false;
    if (in_.empty()) out_.append("HTTP/1.1 100 Continue\r\n\r\n");
    ReleaseHead(true);
    if (!writing_ && !out_empty()) Flush();
  }
  if (state_ == State::kExchange) ServeBody();
  if (!pumping_) StartRead();
}

// What came with the head, or was read to hear of the client's end, goes first; chunks have their sizes between them.
bool Connection::CanPipeBody(uint64_t exchange) const {
  return state_ == State::kExchange && exchange == exchange_ && !response_done_ && !body_.done && !body_.chunked &&
         !body_.expect_continue && body_.left >= kPipedBytesMin && !reading_ && !peer_closed_ && in_.empty();
}

void Connection::PipeBody(uint64_t exchange, int pipe, size_t bytes_max, BodyStream::OnPiped on_piped) {
  LIMPET_CHECK(CanPipeBody(exchange));
  std::shared_ptr<Connection> self = shared_from_this();
  body_.piping = RequestBody::Piping{pipe, bytes_max, std::move(on_piped)};
  ServePipe();
  if (!pumping_) StartRead();
}

void Connection::DropBody(uint64_t exchange) {
  if (exchange != exchange_) return;
  body_.waiting = nullptr;
  body_.piping.reset();
  body_.dropped = true;
}

void Connection::OnDisconnect(uint64_t exchange, UniqueFunction<void()> closure) {
  if (state_ == State::kClosed || (exchange == exchange_ && peer_closed_)) return closure();
  if (exchange == exchange_ && state_ == State::kExchange) on_disconnect_ = std::move(closure);
}

void Connection::NotifyDisconnect() {
  if (on_disconnect_) std::exchange(on_disconnect_, nullptr)();
}

void Connection::StartRead() {
  if (reading_ || peer_closed_ || state_ == State::kClosed || state_ == State::kUpgrade) return;
  size_t room = kHeadReadBytes;
  if (state_ == State::kExchange) {
    if (body_.piping && !response_done_) {
      reading_ = true;
      return socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](boost::system::error_code error) {
        self->reading_ = false;
        if (self->state_ == State::kUpgrade) return self->TryFinishUpgrade();
        if (!error && self->state_ != State::kClosed) self->Pump();
      });
    }
    if (WantsBody()) {
      room = body_.room.bytes();
    } else if (in_.size() >= kReadAheadBytes) {
      return;
    }
  }
  reading_ = true;
  InBuffer::Room lent = in_.Lend(room);
  socket_.async_read_some(
      boost::asio::buffer(lent.data, lent.size),
      [self = shared_from_this()](boost::system::error_code error, size_t bytes) { self->OnRead(error, bytes); });
}

void Connection::OnRead(boost::system::error_code error, size_t bytes) {
  reading_ = false;
  body_.room.Saw(bytes);
  in_.Commit(bytes);
  if (state_ == State::kClosed) return;
  if (state_ == State::kUpgrade) return TryFinishUpgrade();  // Also if it failed: the WebSocket will see.
  if (error == boost::asio::error::eof) {
    peer_closed_ = true;
    OnEnd();
  } else if (error) {
    return Close();
  }
  Pump();
}

// The client sends no more: it has gone, or closed only its sending side. An exchange whose request is whole goes on.
void Connection::OnEnd() {
  if (state_ != State::kExchange || (!body_.done && !response_started_ && in_.empty())) return Close();
  NotifyDisconnect();
}

}  // namespace limpet::net

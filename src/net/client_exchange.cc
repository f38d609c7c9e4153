#include "net/client_exchange.h"

#include <algorithm>
#include <cerrno>

#include "base/bytes.h"
#include "net/pipe.h"
#include "net/websocket_stream.h"

namespace limpet::net {
namespace {

constexpr size_t kHeadReadBytes = 8 * 1024;
constexpr size_t kInlineBytesMax = 64 * 1024;  // A body that came with its head is given as bytes up to here.
constexpr size_t kInterimResponsesMax = 64;    // 1xx before the response.

class ResponseBodyStream final : public BodyStream {
 public:
  explicit ResponseBodyStream(std::shared_ptr<ClientExchange> exchange) : exchange_(std::move(exchange)) {}
  ~ResponseBodyStream() override { exchange_->DropBody(); }
  void Read(OnChunk on_chunk) override { exchange_->ReadBody(std::move(on_chunk)); }
  bool CanPipe() const override { return exchange_->CanPipe(); }
  void ReadIntoPipe(int pipe, size_t bytes_max, OnPiped on_piped) override {
    exchange_->PipeBody(pipe, bytes_max, std::move(on_piped));
  }

 private:
  std::shared_ptr<ClientExchange> exchange_;
};

bool IsIdempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" || method == "DELETE";
}

}  // namespace

ClientExchange::ClientExchange(std::shared_ptr<HttpClient::State> client, HttpRequest request,
                               HttpClient::Callback callback)
    : client_(std::move(client)), request_(std::move(request)), callback_(std::move(callback)) {
  client_->running.insert(this);
}

ClientExchange::~ClientExchange() {
  if (!ended_) End();
}

void ClientExchange::Start() {
  if (ended_) return;
  if (Result<Done> prepared = Prepare(); !prepared) return Fail(std::move(prepared).error());
  transport_ = client_->TakeIdle(key_);
  reused_ = transport_ != nullptr;
  if (reused_) {
    SendRequest();
  } else {
    Connect();
  }
}

Result<Done> ClientExchange::Prepare() {
  LIMPET_TRY(target_, ParseUrl(request_.url));
  if (AsksForWebSocket(request_.method, request_.headers) && !request_.body.present) {
    upgrade_ = std::make_unique<ClientUpgrade>(MakeClientUpgrade(request_.headers, client_->random));
  }
  LIMPET_TRY(head_, MakeRequestHead(request_, target_, upgrade_ ? std::string_view(upgrade_->lines) : ""));
  key_ = (target_.tls ? "https " : "http ") + ToLowerAscii(target_.host) + " " + std::to_string(target_.port);
  if (request_.body.stream && request_.body.length) request_left_ = *request_.body.length;
  return Done{};
}

void ClientExchange::Connect() {
  Dial::To to{.host = target_.host, .port = target_.port, .tls = target_.tls, .authority = target_.authority};
  dial_ = std::make_shared<Dial>(client_, std::move(to), [this](Result<std::shared_ptr<ClientTransport>> transport) {
    std::shared_ptr<ClientExchange> self = shared_from_this();  // End cancels the dial: we are alive.
    dial_.reset();
    if (!transport) return Fail(std::move(transport).error());
    transport_ = std::move(transport).value();
    SendRequest();
  });
  dial_->Start();
}

void ClientExchange::SendRequest() {
  Arm(client_->options.head_timeout, "no response came in time");
  std::string_view bytes = request_.body.stream ? std::string_view() : request_.body.bytes;
  transport_->Write(head_, bytes, [self = shared_from_this(), on = transport_.get()](boost::system::error_code error) {
    if (!self->ended_ && self->transport_.get() == on) self->OnWritten(error);
  });
  ReadMore(kHeadReadBytes);
}

void ClientExchange::OnWritten(boost::system::error_code error) {
  // A server may answer and close without reading all: its answer counts, and reading tells of its end.
  if (error) return;
  if (!request_.body.stream) {
    request_sent_ = true;
    if (body_done_) Complete();
    return;
  }
  PullRequest();
}

void ClientExchange::PullRequest() {
  if (pulling_ || ended_ || !request_.body.stream) return;
  pulling_ = true;
  if (!head_given_) Disarm();  // It is the script that we wait for.
  if (TakePipe()) {
    return request_.body.stream->ReadIntoPipe(pipe_->in(), kPipeBytes, [weak = weak_from_this()](Result<size_t> bytes) {
      if (std::shared_ptr<ClientExchange> self = weak.lock()) self->OnRequestPiped(std::move(bytes));
    });
  }
  request_.body.stream->Read([weak = weak_from_this()](Result<std::optional<Bytes>> chunk) {
    if (std::shared_ptr<ClientExchange> self = weak.lock()) self->OnRequestChunk(std::move(chunk));
  });
}

void ClientExchange::OnRequestChunk(Result<std::optional<Bytes>> chunk) {
  pulling_ = false;
  if (ended_) return;
  if (!chunk) return Fail(std::move(chunk).error().While("request body"));
  bool chunked = !request_.body.length;
  bool last = !chunk->has_value();
  piece_.clear();
  if (last) {
    if (request_left_ > 0) return Fail(Broken("the request body ended before its announced length"));
    if (chunked) piece_ = "0\r\n\r\n";
  } else if (chunked) {
    AppendChunkHead((*chunk)->size(), piece_);
    piece_.append(**chunk).append("\r\n");
  } else {
    if ((*chunk)->size() > request_left_) return Fail(Broken("the request body is longer than announced"));
    request_left_ -= (*chunk)->size();
    piece_ = std::move(**chunk);
  }
  if (last) {
    ParkRequestStream();
    request_.body.bytes.clear();
  }
  if (!head_given_) {
    Arm(last ? client_->options.head_timeout : client_->options.stall_timeout,
        last ? "no response came in time" : "the server takes no more of the request");
  }
  transport_->Write(piece_, {}, [self = shared_from_this(), on = transport_.get()](boost::system::error_code error) {
    if (!self->ended_ && self->transport_.get() == on) self->OnWritten(error);
  });
}

// Whether the next piece of the request goes through `pipe_`.
bool ClientExchange::TakePipe() {
  if (!request_.body.length || transport_->has_tls() || !request_.body.stream->CanPipe()) return false;
  if (!pipe_) pipe_ = client_->pipes.Take();
  return pipe_ != nullptr;
}

// Not the end: the last bytes are followed by a Read.
void ClientExchange::OnRequestPiped(Result<size_t> bytes) {
  pulling_ = false;
  if (ended_) return;
  if (!bytes || *bytes > request_left_) pipe_.reset();  // Who knows what is in it.
  if (!bytes) return Fail(std::move(bytes).error().While("request body"));
  if (*bytes > request_left_) return Fail(Broken("the request body is longer than announced"));
  request_left_ -= *bytes;
  piped_ = *bytes;
  if (!head_given_) Arm(client_->options.stall_timeout, "the server takes no more of the request");
  SendPiped();
}

void ClientExchange::SendPiped() {
  while (piped_ > 0) {
    ssize_t sent = transport_->MoveFrom(pipe_->out(), piped_);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return transport_->WaitWritable([self = shared_from_this()](boost::system::error_code) {
        if (!self->ended_) self->SendPiped();
      });
    }
    if (sent <= 0) return;  // As in OnWritten.
    piped_ -= static_cast<size_t>(sent);
  }
  // Not from here: the next piece may be there at once, and the one after it.
  client_->loop.Post([weak = weak_from_this()] {
    std::shared_ptr<ClientExchange> self = weak.lock();
    if (self && !self->ended_) self->PullRequest();
  });
}

void ClientExchange::ReadMore(size_t room) {
  if (reading_ || ended_) return;
  reading_ = true;
  InBuffer::Room lent = in_.Lend(room);
  transport_->Read(lent.data, lent.size, [self = shared_from_this()](boost::system::error_code error, size_t bytes) {
    self->OnRead(error, bytes);
  });
}

void ClientExchange::OnRead(boost::system::error_code error, size_t bytes) {
  reading_ = false;
  body_room_.Saw(bytes);
  in_.Commit(bytes);
  if (ended_) return;
  received_ = received_ || bytes > 0;
  if (!head_given_) {
    if (error && RetryOnce()) return;
    if (error) return Fail(Broken("the connection ended before a response came"));
    return OnHeadBytes();
  }
  if (error) {
    if (error == boost::asio::error::eof && framing_ == Framing::kUntilClose) {
      body_done_ = true;
    } else if (in_.empty()) {
      return Fail(Broken("the connection ended before the response was complete"));
    }
    keep_alive_ = false;
  }
  ServeBody();
}

// A kept connection may have been closed by the server just as we used it.
bool ClientExchange::RetryOnce() {
  if (!reused_ || retried_ || received_ || request_.body.stream || pulling_ || !IsIdempotent(request_.method))
    return false;
  retried_ = true;
  reused_ = false;
  Disarm();
  transport_.reset();
  in_ = InBuffer();
  Connect();
  return true;
}

void ClientExchange::OnHeadBytes() {
  while (true) {
    HeadScanner::Found found = scanner_.Scan(in_.view(), client_->options.head);
    if (found.problem) return Fail(Broken(found.problem->text));
    if (found.head_size == 0) return ReadMore(kHeadReadBytes);
    ResponseHead head;
    HttpResponse response;
    if (auto problem =
            ParseResponseHead(in_.view().substr(0, found.head_size), client_->options.head, head, response.headers)) {
      return Fail(Broken(problem->text));
    }
    response.status = head.status;
    response.status_text = head.reason;
    in_.Consume(found.head_size);
    scanner_.Reset();
    if (head.status == 101 && upgrade_) return SwitchToWebSocket(std::move(response));
    if (head.status == 101) return Fail(Broken("the server switched to another protocol, which was not asked for"));
    if (head.status < 200) {
      if (++interim_responses_ > kInterimResponsesMax) return Fail(Broken("the server sends 1xx without an end"));
      continue;
    }
    keep_alive_ = head.keep_alive;
    bool empty = request_.method == "HEAD" || head.status == 204 || head.status == 304;
    response.body = TakeBody(empty ? Framing::kNone : head.framing, head.length);
    return Deliver(std::move(response));
  }
}

void ClientExchange::SwitchToWebSocket(HttpResponse response) {
  if (!request_sent_) return Fail(Broken("the server answered before it had the request"));
  Result<std::optional<DeflateAgreement>> deflate = CheckUpgradeAnswer(*upgrade_, response.headers);
  if (!deflate) return Fail(Broken(deflate.error().message()));
  WebSocketGroup::Opening opening;
  opening.role = WebSocketGroup::Role::kClient;
  opening.deflate = std::move(*deflate);
  opening.read_ahead = in_.view();
  opening.stream = MakeTransportStream(std::exchange(transport_, nullptr), client_->websockets->scratch());
  response.websocket = client_->websockets->Open(std::move(opening));
  body_done_ = true;
  in_ = InBuffer();
  std::shared_ptr<ClientExchange> self = shared_from_this();
  HttpClient::Callback callback = std::move(callback_);
  head_given_ = true;
  End();
  callback(std::move(response));
}

Body ClientExchange::TakeBody(Framing framing, uint64_t length) {
  framing_ = framing;
  left_ = length;
  if (framing == Framing::kNone) {
    body_done_ = true;
    return Body::None();
  }
  if (framing == Framing::kLength && length <= std::min(kInlineBytesMax, in_.size())) {
    Bytes bytes(in_.view().substr(0, length));
    in_.Consume(length);
    body_done_ = true;
    return Body::Of(std::move(bytes));
  }
  std::optional<uint64_t> known;
  if (framing == Framing::kLength) known = length;
  return Body::Of(std::make_unique<ResponseBodyStream>(shared_from_this()), known);
}

void ClientExchange::Deliver(HttpResponse response) {
  std::shared_ptr<ClientExchange> self = shared_from_this();
  Disarm();
  head_given_ = true;
  HttpClient::Callback callback = std::move(callback_);
  if (body_done_) Complete();
  callback(std::move(response));
}

void ClientExchange::ReadBody(BodyStream::OnChunk on_chunk) {
  if (ended_ && !body_done_) return on_chunk(Error(ErrorCode::kCanceled, "The fetch was canceled."));
  std::shared_ptr<ClientExchange> self = shared_from_this();
  waiting_ = std::move(on_chunk);
  ServeBody();
}

// Gives the reader what is there, or reads more.
void ClientExchange::ServeBody() {
  if (!waiting_) return;
  Bytes out;
  if (!body_done_ && framing_ == Framing::kChunked) {
    Result<size_t> taken = decoder_.Decode(in_.view(), out, kBodyChunkBytesMax);
    if (!taken) return Fail(Broken(taken.error().message()));
    in_.Consume(*taken);
    body_done_ = decoder_.done();
  } else if (!in_.empty() && (!body_done_ || framing_ == Framing::kUntilClose)) {
    size_t size = std::min(in_.size(), kBodyChunkBytesMax);
    if (framing_ == Framing::kLength) size = std::min<uint64_t>(size, left_);
    out.assign(in_.view().substr(0, size));
    in_.Consume(size);
    left_ -= framing_ == Framing::kLength ? size : 0;
    if (framing_ == Framing::kLength) body_done_ = left_ == 0;
  }
  if (!out.empty()) {
    Disarm();
    // Given back early: a script may never ask for what comes after the last byte.
    if (body_done_ && framing_ != Framing::kUntilClose) Complete();
    return std::exchange(waiting_, nullptr)(std::optional<Bytes>(std::move(out)));
  }
  if (body_done_) {
    Complete();
    return std::exchange(waiting_, nullptr)(std::optional<Bytes>());
  }
  Arm(client_->options.stall_timeout, "the response stalled");
  ReadMore(body_room_.bytes());
}

// What was read with the head goes first, and chunks have their sizes between them.
bool ClientExchange::CanPipe() const {
  return !ended_ && !reading_ && in_.empty() && framing_ == Framing::kLength && left_ >= kPipedBytesMin &&
         !transport_->has_tls();
}

void ClientExchange::PipeBody(int pipe, size_t bytes_max, BodyStream::OnPiped on_piped) {
  std::shared_ptr<ClientExchange> self = shared_from_this();
  piping_ = Piping{pipe, bytes_max, std::move(on_piped)};
  ServePipe();
}

void ClientExchange::ServePipe() {
  if (!piping_) return;
  ssize_t moved = transport_->MoveInto(piping_->pipe, std::min<uint64_t>(left_, piping_->bytes_max));
  if (moved < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    Arm(client_->options.stall_timeout, "the response stalled");
    reading_ = true;
    transport_->WaitReadable([self = shared_from_this()](boost::system::error_code) {
      self->reading_ = false;
      if (!self->ended_) self->ServePipe();
    });
    return;
  }
  if (moved <= 0) return Fail(Broken("the connection ended before the response was complete"));
  Disarm();
  left_ -= static_cast<size_t>(moved);
  body_done_ = left_ == 0;
  if (body_done_) Complete();
  std::exchange(piping_, std::nullopt)->on_piped(static_cast<size_t>(moved));
}

void ClientExchange::FailBody(Error error) {
  if (waiting_) std::exchange(waiting_, nullptr)(std::move(error));
  if (piping_) std::exchange(piping_, std::nullopt)->on_piped(std::move(error));
}

void ClientExchange::DropBody() {
  waiting_ = nullptr;
  piping_.reset();
  if (!ended_ && !body_done_) End();
}

void ClientExchange::Cancel() {
  if (ended_) return;
  std::shared_ptr<ClientExchange> self = shared_from_this();
  End();
  callback_ = nullptr;
  FailBody(Error(ErrorCode::kCanceled, "The fetch was canceled."));
}

void ClientExchange::Fail(Error error) {
  if (ended_) return;
  std::shared_ptr<ClientExchange> self = shared_from_this();
  End();
  if (callback_) {
    HttpClient::Callback callback = std::move(callback_);
    return callback(std::move(error));
  }
  FailBody(std::move(error));
}

// The response is all here. The connection is kept if both sides are through with it.
void ClientExchange::Complete() {
  if (ended_) return;
  bool reusable = keep_alive_ && request_sent_ && in_.empty() && !reading_ && framing_ != Framing::kUntilClose;
  if (reusable) client_->PutIdle(key_, std::move(transport_));
  End();
}

void ClientExchange::End() {
  ended_ = true;
  Disarm();
  client_->running.erase(this);
  ParkRequestStream();
  if (dial_) std::exchange(dial_, nullptr)->Cancel();
  if (transport_) transport_->Close();
}

// A stream is never destroyed inside a call of its own, which may be where we are.
void ClientExchange::ParkRequestStream() {
  if (pipe_ && piped_ == 0 && !pulling_) client_->pipes.Give(std::move(pipe_));
  if (!request_.body.stream) return;
  struct Parked {
    std::unique_ptr<Pipe> pipe;  // A read that is out may still fill it.
    std::unique_ptr<BodyStream> stream;
  };
  client_->loop.Post([parked = Parked{std::move(pipe_), std::move(request_.body.stream)}] {});
}

void ClientExchange::Arm(std::chrono::milliseconds limit, const char* what) {
  Disarm();
  timer_ = client_->loop.After(limit, [weak = weak_from_this(), what] {
    if (std::shared_ptr<ClientExchange> self = weak.lock()) {
      self->timer_ = 0;
      self->Fail(self->Broken(what));
    }
  });
}

void ClientExchange::Disarm() {
  if (timer_ != 0) client_->loop.Cancel(std::exchange(timer_, 0));
}

Error ClientExchange::Broken(std::string_view what) const {
  return Error(ErrorCode::kUnavailable, target_.authority + ": " + std::string(what)).With(Error::kRetryable);
}

}  // namespace limpet::net

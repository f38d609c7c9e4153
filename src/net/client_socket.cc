#include "net/client_socket.h"

#include <algorithm>
#include <utility>

#include "net/client_state.h"
#include "net/dial.h"

namespace limpet::net {
namespace {

constexpr uint16_t kMailPort = 25;  // Closed to scripts in production, so that nobody sends mail from there.

Error Lost() { return Error(ErrorCode::kUnavailable, "Network connection lost.").With(Error::kRetryable); }
Error Canceled() { return Error(ErrorCode::kCanceled, "This socket has been closed.").Named("TypeError"); }

std::string Authority(const std::string& host, uint16_t port) {
  bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace

class ClientSocket::Stream final : public BodyStream {
 public:
  explicit Stream(std::shared_ptr<ClientSocket> socket) : socket_(std::move(socket)) {}
  ~Stream() override { socket_->DropReader(this); }
  void Read(OnChunk on_chunk) override { socket_->Read(this, std::move(on_chunk)); }

 private:
  std::shared_ptr<ClientSocket> socket_;
};

std::shared_ptr<ClientSocket> ClientSocket::Make(HttpClient& client) {
  return std::make_shared<ClientSocket>(client.state_);
}

ClientSocket::ClientSocket(std::shared_ptr<HttpClient::State> client) : client_(std::move(client)) {
  client_->sockets.insert(this);
}

ClientSocket::~ClientSocket() { client_->sockets.erase(this); }

void ClientSocket::Open(To to, OnDone on_open) {
  to_ = std::move(to);
  if (closed_) return Later(std::move(on_open), Canceled());
  std::string authority = Authority(to_.host, to_.port);
  if (to_.port == kMailPort) {
    on_open_ = std::move(on_open);
    client_->loop.Post([self = shared_from_this(), authority] {
      if (!self->closed_) self->OnOpen(Error(ErrorCode::kConflict, authority + ": connections to port 25 are refused"));
    });
    return;
  }
  on_open_ = std::move(on_open);
  Dial::To dial{.host = to_.host, .port = to_.port, .tls = to_.tls, .authority = std::move(authority)};
  dial_ = std::make_shared<Dial>(client_, std::move(dial),
                                 [weak = weak_from_this()](Result<std::shared_ptr<ClientTransport>> transport) {
                                   if (std::shared_ptr<ClientSocket> self = weak.lock()) {
                                     self->OnOpen(std::move(transport));
                                   }
                                 });
  // Later: it may fail at once.
  client_->loop.Post([dial = dial_] { dial->Start(); });
}

void ClientSocket::OnOpen(Result<std::shared_ptr<ClientTransport>> transport) {
  std::shared_ptr<ClientSocket> self = shared_from_this();
  dial_.reset();
  OnDone on_open = std::move(on_open_);
  if (!transport) {
    at_end_ = true;
    closed_ = true;
    if (waiting_) std::exchange(waiting_, nullptr)(std::optional<Bytes>());
    if (on_open) on_open(std::move(transport).error());
    return;
  }
  transport_ = std::move(transport).value();
  if (on_open) on_open(Done{});  // Else who opened it has let go, and somebody reads.
  if (waiting_) ReadMore();
}

std::unique_ptr<BodyStream> ClientSocket::Reader(OnDone on_end) {
  auto made = std::make_unique<Stream>(shared_from_this());
  reader_ = made.get();
  on_end_ = std::move(on_end);
  return made;
}

void ClientSocket::Read(const Stream* stream, BodyStream::OnChunk on_chunk) {
  if (stream != reader_ || at_end_) return on_chunk(std::optional<Bytes>());
  if (closed_) return on_chunk(Canceled());
  waiting_ = std::move(on_chunk);
  if (!shaking_) ReadMore();
}

void ClientSocket::ReadMore() {
  if (reading_ || !transport_) return;
  reading_ = true;
  InBuffer::Room room = in_.Lend(body_room_.bytes());
  transport_->Read(room.data, std::min(room.size, kBodyChunkBytesMax),
                   [self = shared_from_this()](boost::system::error_code error, size_t bytes) {
                     self->OnRead(error && error != boost::asio::error::eof, error == boost::asio::error::eof, bytes);
                   });
}

void ClientSocket::OnRead(bool failed, bool ended, size_t bytes) {
  reading_ = false;
  body_room_.Saw(bytes);
  in_.Commit(bytes);
  Bytes got(in_.view());
  in_.Consume(bytes);
  if (closed_) return;
  BodyStream::OnChunk waiting = std::move(waiting_);
  if (shaking_) {  // The read was called off, or had just come back.
    if (waiting) waiting(bytes > 0 ? std::optional<Bytes>(std::move(got)) : std::optional<Bytes>());
    if (!closed_) Handshake();
    return;
  }
  if (bytes == 0 && ended) at_end_ = true;
  if (!waiting) return;  // Nobody wants it.
  if (bytes > 0) return waiting(std::optional<Bytes>(std::move(got)));
  if (ended || failed) {
    std::shared_ptr<ClientSocket> self = shared_from_this();  // Whoever reads may let go.
    OnDone on_end = std::move(on_end_);
    waiting(ended ? Result<std::optional<Bytes>>(std::optional<Bytes>()) : Lost());
    if (on_end) Later(std::move(on_end), ended ? Result<Done>(Done{}) : Lost());
    return;
  }
  waiting_ = std::move(waiting);
  ReadMore();
}

void ClientSocket::Write(Bytes bytes, OnDone on_done) {
  if (!transport_) return Later(std::move(on_done), closed_ ? Canceled() : Lost());
  writing_ = std::move(bytes);
  on_written_ = std::move(on_done);
  transport_->Write(writing_, {}, [self = shared_from_this()](boost::system::error_code error) {
    self->writing_ = {};
    if (!self->on_written_) return;
    std::exchange(self->on_written_, nullptr)(error ? Result<Done>(Lost()) : Result<Done>(Done{}));
  });
}

void ClientSocket::ShutdownWrite(OnDone on_done) {
  if (!transport_) return Later(std::move(on_done), closed_ ? Canceled() : Lost());
  writing_ = transport_->CloseNotify();
  on_written_ = std::move(on_done);
  // The bytes are already encrypted.
  transport_->WriteRaw(writing_, [self = shared_from_this()](boost::system::error_code error) {
    self->writing_ = {};
    boost::system::error_code ignored;
    if (self->transport_) self->transport_->socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
    if (!self->on_written_) return;
    std::exchange(self->on_written_, nullptr)(error ? Result<Done>(Lost()) : Result<Done>(Done{}));
  });
}

void ClientSocket::StartTls(std::string host, OnDone on_done) {
  if (!transport_) return Later(std::move(on_done), closed_ ? Canceled() : Lost());
  tls_host_ = std::move(host);
  on_tls_ = std::move(on_done);
  shaking_ = true;
  if (reading_) {
    boost::system::error_code ignored;
    transport_->socket().cancel(ignored);  // Comes back to OnRead.
    return;
  }
  if (waiting_) std::exchange(waiting_, nullptr)(std::optional<Bytes>());
  Handshake();
}

void ClientSocket::Handshake() {
  transport_->StartTls(client_->tls, tls_host_, [self = shared_from_this()](boost::system::error_code error) {
    self->shaking_ = false;
    OnDone on_tls = std::move(self->on_tls_);
    if (self->closed_) return;
    if (!error) {
      self->Later(std::move(on_tls), Done{});
      if (self->waiting_) self->ReadMore();
      return;
    }
    std::string problem = self->transport_->VerifyProblem();
    Error why(ErrorCode::kUnavailable, "TLS handshake failed: " + (problem.empty() ? error.message() : problem));
    BodyStream::OnChunk waiting = std::move(self->waiting_);
    self->Close();
    self->Later(std::move(on_tls), why);
    if (waiting) waiting(std::move(why));
  });
}

void ClientSocket::Close() {
  if (closed_) return;
  std::shared_ptr<ClientSocket> self = shared_from_this();
  closed_ = true;
  if (dial_) std::exchange(dial_, nullptr)->Cancel();
  if (transport_) std::exchange(transport_, nullptr)->Close();
  if (on_open_) Later(std::move(on_open_), Canceled());
  if (on_written_) Later(std::move(on_written_), Canceled());
  if (on_tls_) Later(std::move(on_tls_), Canceled());
  if (waiting_) std::exchange(waiting_, nullptr)(Canceled());
}

void ClientSocket::DropWriter() {
  has_writer_ = false;
  on_open_ = nullptr;
  on_written_ = nullptr;
  on_tls_ = nullptr;
  if (reader_ == nullptr) Close();
}

void ClientSocket::DropReader(const Stream* stream) {
  if (stream != reader_) return;  // One of before StartTls.
  reader_ = nullptr;
  waiting_ = nullptr;
  on_end_ = nullptr;
  if (!has_writer_) Close();
}

void ClientSocket::Later(OnDone on_done, Result<Done> result) {
  client_->loop.Post([on_done = std::move(on_done), result = std::move(result)]() mutable {
    if (on_done) on_done(std::move(result));
  });
}

}  // namespace limpet::net

#include "net/tls_front.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace limpet::net {

using boost::asio::ip::tcp;
using boost::asio::local::stream_protocol;
using boost::system::error_code;
namespace ssl = boost::asio::ssl;

struct TlsFront::State {
  explicit State(loop::AsioLoop& loop) : loop(loop), tls(ssl::context::tls_server) {}
  loop::AsioLoop& loop;
  ssl::context tls;
};

// One connection, held by what Asio runs for it.
class TlsFront::Relay : public std::enable_shared_from_this<Relay> {
 public:
  Relay(State& state, tcp::socket socket)
      : loop_(state.loop), outer_(std::move(socket), state.tls), inner_(state.loop.context()) {}

  void Start(UniqueFunction<void(int)> ready) {
    timer_ = loop_.After(kTlsHandshakeMax, [weak = weak_from_this()] {
      if (std::shared_ptr<Relay> self = weak.lock()) self->Close();
    });
    auto done = [self = shared_from_this(), ready = std::move(ready)](error_code error) mutable {
      self->loop_.Cancel(self->timer_);
      if (error) return self->Close();
      self->HandOver(std::move(ready));
    };
    outer_.async_handshake(ssl::stream_base::server, std::move(done));
  }

 private:
  void HandOver(UniqueFunction<void(int)> ready) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return Close();
    error_code error;
    inner_.assign(stream_protocol(), ends[0], error);
    if (error) ::close(ends[0]);
    ready(ends[1]);
    if (error) return Close();
    ReadOuter();
    ReadInner();
  }

  // From the client to the server.
  void ReadOuter() {
    outer_.async_read_some(boost::asio::buffer(in_), [self = shared_from_this()](error_code error, size_t size) {
      if (error) return self->EndInner();
      boost::asio::async_write(self->inner_, boost::asio::buffer(self->in_.data(), size),
                               [self](error_code failed, size_t) {
                                 if (failed) return self->Close();
                                 self->ReadOuter();
                               });
    });
  }
  // The client says no more; what the server still has to say goes out.
  void EndInner() {
    error_code ignored;
    inner_.shutdown(stream_protocol::socket::shutdown_send, ignored);
  }

  // From the server to the client.
  void ReadInner() {
    inner_.async_read_some(boost::asio::buffer(out_), [self = shared_from_this()](error_code error, size_t size) {
      if (error) return self->EndOuter();
      boost::asio::async_write(self->outer_, boost::asio::buffer(self->out_.data(), size),
                               [self](error_code failed, size_t) {
                                 if (failed) return self->Close();
                                 self->ReadInner();
                               });
    });
  }
  // The server has closed: so does this, with TLS's own word for it.
  void EndOuter() {
    timer_ = loop_.After(kTlsHandshakeMax, [weak = weak_from_this()] {
      if (std::shared_ptr<Relay> self = weak.lock()) self->Close();
    });
    outer_.async_shutdown([self = shared_from_this()](error_code) { self->Close(); });
  }

  void Close() {
    loop_.Cancel(timer_);
    error_code ignored;
    outer_.lowest_layer().close(ignored);
    inner_.close(ignored);
  }

  loop::AsioLoop& loop_;
  ssl::stream<tcp::socket> outer_;
  stream_protocol::socket inner_;
  std::array<char, 16 * 1024> in_, out_;
  loop::TimerId timer_ = 0;
};

TlsFront::TlsFront(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsFront::~TlsFront() = default;

Result<std::shared_ptr<TlsFront>> TlsFront::Open(loop::AsioLoop& loop, const std::string& certificate_file,
                                                 const std::string& key_file) {
  auto state = std::make_unique<State>(loop);
  error_code error;
  state->tls.set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1, error);
  if (error) return Error(ErrorCode::kInternal, "TLS: " + error.message());
  state->tls.use_certificate_chain_file(certificate_file, error);
  if (error) {
    return Error(ErrorCode::kInvalidArgument,
                 "the certificate " + certificate_file + " can't be used (PEM is wanted): " + error.message());
  }
  state->tls.use_private_key_file(key_file, ssl::context::pem, error);
  if (error) {
    return Error(ErrorCode::kInvalidArgument,
                 "the key " + key_file + " can't be used, or is not that of the certificate: " + error.message());
  }
  return std::shared_ptr<TlsFront>(new TlsFront(std::move(state)));
}

void TlsFront::Accept(int socket_fd, UniqueFunction<void(int)> ready) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  tcp::socket socket(state_->loop.context());
  error_code error, ignored;
  if (::getsockname(socket_fd, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    socket.assign(address.ss_family == AF_INET ? tcp::v4() : tcp::v6(), socket_fd, error);
  } else {
    error = error_code(errno, boost::system::system_category());
  }
  if (error) {
    ::close(socket_fd);
    return;
  }
  socket.set_option(tcp::no_delay(true), ignored);
  std::make_shared<Relay>(*state_, std::move(socket))->Start(std::move(ready));
}

}  // namespace limpet::net

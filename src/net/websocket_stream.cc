#include "net/websocket_stream.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "net/client_transport.h"

namespace limpet::net {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr size_t kTlsReadBytes = 8 * 1024;
constexpr size_t kTlsWriteBytesMax = 64 * 1024;

// A line that is cut without a word is noticed by the kernel within about two minutes, whether it waits for something
// to come or for what was sent to arrive.
void KeepAlive(tcp::socket& socket) {
  int on = 1, idle = 60, interval = 15, count = 4, unacknowledged_ms = 120'000;
  int fd = socket.native_handle();
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof unacknowledged_ms);
}

void WaitForBreak(tcp::socket& socket, UniqueFunction<void(bool)> then) {
  socket.async_wait(tcp::socket::wait_error, [&socket, then = std::move(then)](error_code error) mutable {
    if (error) return then(false);  // Closed: `socket` may be gone.
    pollfd state{socket.native_handle(), 0, 0};
    then(::poll(&state, 1, 0) > 0 &&
         (state.revents & (POLLERR | POLLHUP)) != 0);  // Else urgent data, which nobody reads.
  });
}

class PlainStream final : public WebSocketStream {
 public:
  PlainStream(tcp::socket socket, std::shared_ptr<ReadScratch> scratch)
      : socket_(std::move(socket)), scratch_(std::move(scratch)) {
    error_code ignored;
    socket_.native_non_blocking(true, ignored);
    KeepAlive(socket_);
  }

  void Read(OnBytes on_bytes) override {
    socket_.async_wait(tcp::socket::wait_read, [this, on_bytes = std::move(on_bytes)](error_code error) mutable {
      if (error) return on_bytes(error, {});
      ReadNow(std::move(on_bytes));
    });
  }

  size_t Write(std::span<iovec> parts, error_code& error) override {
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    while (true) {
      ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL);
      if (sent >= 0) return static_cast<size_t>(sent);
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) error = error_code(errno, boost::system::system_category());
      return 0;
    }
  }

  void WaitWritable(UniqueFunction<void(error_code)> then) override {
    socket_.async_wait(tcp::socket::wait_write, [then = std::move(then)](error_code error) mutable { then(error); });
  }
  void WaitBroken(UniqueFunction<void(bool)> then) override { WaitForBreak(socket_, std::move(then)); }
  bool PeerEnded() override {
    pollfd state{socket_.native_handle(), POLLRDHUP, 0};
    return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLERR | POLLHUP)) != 0;
  }
  void TakeRest(std::string& out) override {
    std::unique_ptr<char[]> buffer(new char[ReadScratch::kBytes]);
    for (size_t taken = 0; taken < kRestBytesMax;) {
      ssize_t got = ::recv(socket_.native_handle(), buffer.get(), ReadScratch::kBytes, 0);
      if (got <= 0) return;
      out.append(buffer.get(), static_cast<size_t>(got));
      taken += static_cast<size_t>(got);
    }
  }
  void ShutdownSend() override {
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
  }
  void Close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  void ReadNow(OnBytes on_bytes) {
    std::shared_ptr<ReadScratch> scratch = scratch_;
    std::unique_ptr<char[]> own;
    char* buffer = scratch->Take();
    bool shared = buffer != nullptr;
    if (!shared) own.reset(buffer = new char[ReadScratch::kBytes]);
    ssize_t got = ::recv(socket_.native_handle(), buffer, ReadScratch::kBytes, 0);
    if (got > 0) {
      on_bytes({}, {buffer, static_cast<size_t>(got)});
    } else if (got == 0) {
      on_bytes(boost::asio::error::eof, {});
    } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
      on_bytes({}, {});  // Woken for nothing: asks again.
    } else {
      on_bytes(error_code(errno, boost::system::system_category()), {});
    }
    if (shared) scratch->GiveBack();
  }

  tcp::socket socket_;
  std::shared_ptr<ReadScratch> scratch_;
};

// TLS writes whole: what is taken is copied, and more is taken when it is out.
class TlsStream final : public WebSocketStream, public std::enable_shared_from_this<TlsStream> {
 public:
  explicit TlsStream(std::shared_ptr<ClientTransport> transport) : transport_(std::move(transport)) {
    KeepAlive(transport_->socket());
  }

  void Read(OnBytes on_bytes) override {
    if (in_ == nullptr) in_.reset(new char[kTlsReadBytes]);
    transport_->Read(
        in_.get(), kTlsReadBytes,
        [self = shared_from_this(), on_bytes = std::move(on_bytes)](error_code error, size_t size) mutable {
          on_bytes(size > 0 ? error_code() : error, {self->in_.get(), size});
        });
  }
  size_t Write(std::span<iovec> parts, error_code& error) override {
    if (broken_) error = broken_;
    if (busy_ || broken_) return 0;
    out_.clear();
    for (const iovec& part : parts) {
      size_t size = std::min(part.iov_len, kTlsWriteBytesMax - out_.size());
      out_.append(static_cast<const char*>(part.iov_base), size);
    }
    busy_ = true;
    transport_->Write(out_, {}, [self = shared_from_this()](error_code failed) {
      self->busy_ = false;
      self->broken_ = failed;
      self->out_ = std::string();
      if (self->waiting_) std::exchange(self->waiting_, nullptr)(failed);
    });
    return out_.size();
  }
  void WaitWritable(UniqueFunction<void(error_code)> then) override { waiting_ = std::move(then); }
  void WaitBroken(UniqueFunction<void(bool)> then) override { WaitForBreak(transport_->socket(), std::move(then)); }
  bool PeerEnded() override { return false; }  // What came before could not be kept.
  void TakeRest(std::string&) override {}      // Encrypted, and of no use without what follows.
  void ShutdownSend() override {}  // The peer sees a Close frame; a half-closed TLS connection is of no use to it.
  void Close() override { transport_->Close(); }

 private:
  std::shared_ptr<ClientTransport> transport_;
  std::unique_ptr<char[]> in_;
  std::string out_;
  bool busy_ = false;
  error_code broken_;
  UniqueFunction<void(error_code)> waiting_;
};

}  // namespace

std::shared_ptr<WebSocketStream> MakePlainStream(tcp::socket socket, std::shared_ptr<ReadScratch> scratch) {
  return std::make_shared<PlainStream>(std::move(socket), std::move(scratch));
}

std::shared_ptr<WebSocketStream> MakeTransportStream(std::shared_ptr<ClientTransport> transport,
                                                     std::shared_ptr<ReadScratch> scratch) {
  if (transport->has_tls()) return std::make_shared<TlsStream>(std::move(transport));
  return MakePlainStream(std::move(transport->socket()), std::move(scratch));
}

}  // namespace limpet::net

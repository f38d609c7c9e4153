#include "net/client_transport.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "net/ip_address.h"
#include "net/pipe.h"

namespace limpet::net {

void ClientTransport::StartTls(boost::asio::ssl::context& context, const std::string& host, ErrorCallback done) {
  try {
    tls_.emplace(socket_, context);
  } catch (const boost::system::system_error& error) {
    return done(error.code());
  }
  SSL* ssl = tls_->native_handle();
  bool prepared = false;
  if (IpAddress::Parse(host)) {
    prepared = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  } else {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    prepared = SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
  }
  SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
  if (!prepared) return done(boost::asio::error::invalid_argument);
  tls_->async_handshake(
      boost::asio::ssl::stream_base::client,
      [self = shared_from_this(), done = std::move(done)](boost::system::error_code error) mutable { done(error); });
}

void ClientTransport::Read(char* data, size_t size, ReadCallback done) {
  auto handler = [self = shared_from_this(), done = std::move(done)](boost::system::error_code error,
                                                                     size_t bytes) mutable { done(error, bytes); };
  if (tls_) {
    tls_->async_read_some(boost::asio::buffer(data, size), std::move(handler));
  } else {
    socket_.async_read_some(boost::asio::buffer(data, size), std::move(handler));
  }
}

ssize_t ClientTransport::MoveInto(int pipe, size_t bytes_max) {
  return Splice(socket_.native_handle(), pipe, bytes_max);
}

void ClientTransport::WaitReadable(ErrorCallback done) {
  socket_.async_wait(
      boost::asio::ip::tcp::socket::wait_read,
      [self = shared_from_this(), done = std::move(done)](boost::system::error_code error) mutable { done(error); });
}

ssize_t ClientTransport::MoveFrom(int pipe, size_t bytes_max) {
  return Splice(pipe, socket_.native_handle(), bytes_max);
}

void ClientTransport::WaitWritable(ErrorCallback done) {
  socket_.async_wait(
      boost::asio::ip::tcp::socket::wait_write,
      [self = shared_from_this(), done = std::move(done)](boost::system::error_code error) mutable { done(error); });
}

void ClientTransport::Write(std::string_view first, std::string_view second, ErrorCallback done) {
  std::array<boost::asio::const_buffer, 2> parts{boost::asio::const_buffer(first.data(), first.size()),
                                                 boost::asio::const_buffer(second.data(), second.size())};
  auto handler = [self = shared_from_this(), done = std::move(done)](boost::system::error_code error, size_t) mutable {
    done(error);
  };
  if (tls_) {
    boost::asio::async_write(*tls_, parts, std::move(handler));
  } else {
    boost::asio::async_write(socket_, parts, std::move(handler));
  }
}

void ClientTransport::WriteRaw(std::string_view bytes, ErrorCallback done) {
  boost::asio::async_write(socket_, boost::asio::const_buffer(bytes.data(), bytes.size()),
                           [self = shared_from_this(), done = std::move(done)](boost::system::error_code error,
                                                                               size_t) mutable { done(error); });
}

// Asio's own shutdown waits for the other side's, and would read what it still has to say.
std::string ClientTransport::CloseNotify() {
  if (!tls_) return {};
  SSL* ssl = tls_->native_handle();
  BIO* usual = SSL_get_wbio(ssl);
  BIO* memory = BIO_new(BIO_s_mem());
  if (usual == nullptr || memory == nullptr) {
    BIO_free(memory);
    return {};
  }
  BIO_up_ref(usual);
  SSL_set0_wbio(ssl, memory);
  (void)SSL_shutdown(ssl);
  char* data = nullptr;
  long size = BIO_get_mem_data(memory, &data);
  std::string bytes(data, size > 0 ? static_cast<size_t>(size) : 0);
  SSL_set0_wbio(ssl, usual);
  return bytes;
}

void ClientTransport::Close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

bool ClientTransport::IsQuiet() {
  char byte;
  return ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
         (errno == EAGAIN || errno == EWOULDBLOCK);
}

std::string ClientTransport::VerifyProblem() {
  if (!tls_) return {};
  long result = SSL_get_verify_result(tls_->native_handle());
  return result == X509_V_OK ? std::string() : X509_verify_cert_error_string(result);
}

}  // namespace limpet::net

// A TCP connection of the client, with TLS on it or not. What runs on it keeps it alive (Asio's TLS needs that until an
// aborted operation has come back). Internal to net.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <optional>
#include <string>

#include "base/function.h"

namespace limpet::net {

class ClientTransport : public std::enable_shared_from_this<ClientTransport> {
 public:
  using ErrorCallback = UniqueFunction<void(boost::system::error_code)>;
  using ReadCallback = UniqueFunction<void(boost::system::error_code, size_t)>;

  explicit ClientTransport(boost::asio::io_context& context) : socket_(context) {}
  ~ClientTransport() { Close(); }

  boost::asio::ip::tcp::socket& socket() { return socket_; }
  bool has_tls() const { return tls_.has_value(); }
  // Handshake as a client that wants `host` (a name or an IP address) and trusts what `context` trusts.
  void StartTls(boost::asio::ssl::context& context, const std::string& host, ErrorCallback done);
  void Read(char* data, size_t size, ReadCallback done);
  // What splice(2) moved into `pipe`: 0 at the end, below with errno. Not with TLS.
  ssize_t MoveInto(int pipe, size_t bytes_max);
  void WaitReadable(ErrorCallback done);
  // The same out of `pipe`.
  ssize_t MoveFrom(int pipe, size_t bytes_max);
  void WaitWritable(ErrorCallback done);
  // All of both. The bytes stay where they are until `done`.
  void Write(std::string_view first, std::string_view second, ErrorCallback done);
  // Past TLS, if there is any.
  void WriteRaw(std::string_view bytes, ErrorCallback done);
  // What tells the other side that this one has nothing more to say, encrypted: to be sent after the last Write, by
  // WriteRaw. Empty without TLS. Reading goes on.
  std::string CloseNotify();
  void Close();
  // True if nothing has come and the other end has not closed: a kept connection can be used again.
  bool IsQuiet();
  // Why the peer's certificate was refused; empty if it was not.
  std::string VerifyProblem();

 private:
  boost::asio::ip::tcp::socket socket_;
  std::optional<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> tls_;
};

}  // namespace limpet::net

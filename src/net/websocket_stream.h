// The bytes below a WebSocket: a socket, or TLS on one. Internal to net; one thread. What runs on a stream is held by
// its callbacks: they own whoever owns the stream.
#pragma once

#include <sys/uio.h>

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/function.h"

namespace limpet::net {

class ClientTransport;

// Where plain sockets are read to, by turns, so that one that waits holds no memory for what may come.
class ReadScratch {
 public:
  static constexpr size_t kBytes = 64 * 1024;
  // Null while another read's bytes are being looked at (a nested turn of the loop): take memory of your own then.
  char* Take() {
    if (std::exchange(taken_, true)) return nullptr;
    if (buffer_ == nullptr) buffer_.reset(new char[kBytes]);
    return buffer_.get();
  }
  void GiveBack() { taken_ = false; }

 private:
  std::unique_ptr<char[]> buffer_;
  bool taken_ = false;
};

class WebSocketStream {
 public:
  static constexpr size_t kRestBytesMax = 8 * 1024 * 1024;
  using OnBytes = UniqueFunction<void(boost::system::error_code, std::string_view)>;
  virtual ~WebSocketStream() = default;
  // The next bytes; valid during the call, which comes later. One at a time.
  virtual void Read(OnBytes on_bytes) = 0;
  // Takes what it can at once; 0 if nothing, then WaitWritable.
  virtual size_t Write(std::span<iovec> parts, boost::system::error_code& error) = 0;
  virtual void WaitWritable(UniqueFunction<void(boost::system::error_code)> then) = 0;
  // For when nothing is read: `then` with true when the line has broken, with false when it has not and nothing more is
  // to be learnt here. A peer that has merely ended its side is not seen so, but by PeerEnded.
  virtual void WaitBroken(UniqueFunction<void(bool)> then) = 0;
  // Whether the peer has ended its side, or the line has broken. A system call.
  virtual bool PeerEnded() = 0;
  // What came before the line broke, up to kRestBytesMax, is appended to `out`.
  virtual void TakeRest(std::string& out) = 0;
  virtual void ShutdownSend() = 0;  // After what was written.
  virtual void Close() = 0;         // Callbacks that wait come with an error.
};

// `scratch` is kept alive.
std::shared_ptr<WebSocketStream> MakePlainStream(boost::asio::ip::tcp::socket socket,
                                                 std::shared_ptr<ReadScratch> scratch);
// A transport on which nothing runs; with TLS or without.
std::shared_ptr<WebSocketStream> MakeTransportStream(std::shared_ptr<ClientTransport> transport,
                                                     std::shared_ptr<ReadScratch> scratch);

}  // namespace limpet::net

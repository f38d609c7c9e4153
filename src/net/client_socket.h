// A TCP connection that a script opens (cloudflare:sockets): bytes both ways, with backpressure, and TLS from the
// beginning or from some point on.
//
// It has two holders, whoever writes (with everything else that may be asked of it) and whoever reads; the line is
// closed when both have let go. On the client's loop. No callback comes from inside a call, except for Read's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/function.h"
#include "base/http.h"
#include "base/result.h"
#include "net/http_client.h"
#include "net/in_buffer.h"

namespace limpet::net {

class ClientTransport;
class Dial;

class ClientSocket final : public std::enable_shared_from_this<ClientSocket> {
 public:
  using OnDone = UniqueFunction<void(Result<Done>)>;
  struct To {
    std::string host;  // A name or an address, without brackets.
    uint16_t port = 0;
    bool tls = false;
  };

  // As yet nothing happens.
  static std::shared_ptr<ClientSocket> Make(HttpClient& client);
  explicit ClientSocket(std::shared_ptr<HttpClient::State> client);
  ~ClientSocket();

  // Once. `on_open`: it is connected, its TLS too. Errors: kUnavailable, kConflict: the address or port is not allowed.
  void Open(To to, OnDone on_open);
  // What comes, as a stream, to be asked for once: it holds the reading side. It waits for Open, ends at once if that
  // fails, and ends with what was not encrypted when StartTls is called. Destroyed: nobody reads any more. `on_end`: it
  // was read to its end, or to where it broke.
  std::unique_ptr<BodyStream> Reader(OnDone on_end);
  // After Open. One at a time. Error: kUnavailable (kRetryable): the connection is lost.
  void Write(Bytes bytes, OnDone on_done);
  // After the last Write: the other side reads an end.
  void ShutdownWrite(OnDone on_done);
  // TLS with `host`, between two Writes. What this side reads from then on is the business of a new Reader, to be made
  // before. Error: kUnavailable, with the reason.
  void StartTls(std::string host, OnDone on_done);
  // Cuts the line. Who reads or writes gets kCanceled.
  void Close();
  // The writing side lets go.
  void DropWriter();

 private:
  class Stream;
  void Read(const Stream* stream, BodyStream::OnChunk on_chunk);
  void DropReader(const Stream* stream);
  void OnOpen(Result<std::shared_ptr<ClientTransport>> transport);
  void ReadMore();
  void OnRead(bool failed, bool ended, size_t bytes);
  void Handshake();
  void Later(OnDone on_done, Result<Done> result);

  std::shared_ptr<HttpClient::State> client_;
  std::shared_ptr<Dial> dial_;
  std::shared_ptr<ClientTransport> transport_;  // Null: not open yet, or any more.
  To to_;
  OnDone on_open_;
  bool closed_ = false;
  bool has_writer_ = true;

  const Stream* reader_ = nullptr;  // Not owned: tells us when it goes.
  OnDone on_end_;
  BodyStream::OnChunk waiting_;
  bool reading_ = false;
  bool at_end_ = false;
  InBuffer in_;
  BodyRoom body_room_;

  Bytes writing_;
  OnDone on_written_;

  bool shaking_ = false;  // From StartTls to the end of the handshake nothing is read.
  std::string tls_host_;
  OnDone on_tls_;
};

}  // namespace limpet::net

// One request of an HttpClient and its response. Internal to net.
//
// Held by its FetchHandle, its response's body, and what Asio is doing for it. All on the client's loop.
#pragma once

#include <memory>
#include <string>

#include "net/chunked.h"
#include "net/client_state.h"
#include "net/dial.h"
#include "net/in_buffer.h"
#include "net/request_head.h"
#include "net/websocket_handshake.h"

namespace limpet::net {

class ClientExchange : public std::enable_shared_from_this<ClientExchange> {
 public:
  ClientExchange(std::shared_ptr<HttpClient::State> client, HttpRequest request, HttpClient::Callback callback);
  ~ClientExchange();

  void Start();
  void Cancel();
  void ReadBody(BodyStream::OnChunk on_chunk);
  bool CanPipe() const;
  void PipeBody(int pipe, size_t bytes_max, BodyStream::OnPiped on_piped);
  void DropBody();

 private:
  Result<Done> Prepare();
  void Connect();
  void SendRequest();
  void PullRequest();
  void OnRequestChunk(Result<std::optional<Bytes>> chunk);
  bool TakePipe();
  void OnRequestPiped(Result<size_t> bytes);
  void SendPiped();
  void OnWritten(boost::system::error_code error);
  void ReadMore(size_t room);
  void OnRead(boost::system::error_code error, size_t bytes);
  void OnHeadBytes();
  void Deliver(HttpResponse response);
  void SwitchToWebSocket(HttpResponse response);
  Body TakeBody(Framing framing, uint64_t length);
  void ServeBody();
  void ServePipe();
  void FailBody(Error error);
  bool RetryOnce();
  void Fail(Error error);
  void Complete();
  void End();
  void ParkRequestStream();
  void Arm(std::chrono::milliseconds limit, const char* what);
  void Disarm();
  Error Broken(std::string_view what) const;

  std::shared_ptr<HttpClient::State> client_;
  HttpRequest request_;
  HttpClient::Callback callback_;
  Target target_;
  std::string key_;
  std::string head_;
  std::unique_ptr<ClientUpgrade> upgrade_;  // If the request asks for a WebSocket.
  std::shared_ptr<Dial> dial_;              // While it connects.
  std::shared_ptr<ClientTransport> transport_;
  bool ended_ = false;
  bool reused_ = false;
  bool retried_ = false;
  loop::TimerId timer_ = 0;

  // The request.
  std::string piece_;  // A coded chunk on its way.
  bool request_sent_ = false;
  bool pulling_ = false;
  uint64_t request_left_ = 0;
  std::unique_ptr<Pipe> pipe_;
  size_t piped_ = 0;  // In `pipe_`.

  // The response.
  InBuffer in_;
  BodyRoom body_room_;
  HeadScanner scanner_;
  bool reading_ = false;
  bool received_ = false;  // At least a byte.
  size_t interim_responses_ = 0;
  bool head_given_ = false;
  bool keep_alive_ = false;
  bool body_done_ = false;
  Framing framing_ = Framing::kNone;
  uint64_t left_ = 0;
  ChunkDecoder decoder_;
  BodyStream::OnChunk waiting_;
  // Instead of `waiting_`.
  struct Piping {
    int pipe;
    size_t bytes_max;
    BodyStream::OnPiped on_piped;
  };
  std::optional<Piping> piping_;
};

}  // namespace limpet::net

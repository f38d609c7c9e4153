#include "loop/websocket_pipe.h"
#include "net/server_connection.h"
#include "net/websocket_stream.h"

namespace limpet::net {

void Connection::StartUpgrade(HttpResponse response) {
  HttpResponse refusal;
  refusal.headers.Append("Content-Type", "text/plain;charset=UTF-8");
  if (!upgrade_offer_) {
    refusal.status = 500;
    refusal.body = Body::Of("A WebSocket was sent in answer to a request without \"Upgrade: websocket\".\n");
    return Send(exchange_, std::move(refusal));
  }
  Result<UpgradeAnswer> answer = AnswerUpgrade(*upgrade_offer_, response);
  if (!answer || answer->status != 101 || !body_.done) {
    refusal.status = !answer ? 500 : answer->status != 101 ? answer->status : 400;
    if (refusal.status == 426) refusal.headers.Append("Sec-WebSocket-Version", "13");
    refusal.headers.Append("Connection", "close");
    refusal.body = Body::Of(!answer                 ? answer.error().message()
                            : answer->status != 101 ? std::string(answer->text)
                                                    : "ERROR: A request for a WebSocket has no body");
    return Send(exchange_, std::move(refusal));
  }
  response_started_ = response_done_ = true;
  ++exchange_;
  on_disconnect_ = nullptr;
  upgrade_ = std::make_unique<Upgrade>(Upgrade{std::move(*answer), std::move(response.websocket)});
  state_ = State::kUpgrade;
  read_deadline_ = write_deadline_ = Instant::max();
  // What runs on the socket has to come back before it can be handed on.
  boost::system::error_code ignored;
  if (reading_ || writing_) socket_.cancel(ignored);
  if (!pumping_) Pump();
}

void Connection::TryFinishUpgrade() {
  if (reading_ || writing_) return;
  std::shared_ptr<Connection> self = shared_from_this();
  HttpServer::State* server = std::exchange(server_, nullptr);
  state_ = State::kClosed;

  WebSocketGroup::Opening opening;
  opening.to_send = out_.substr(out_at_);  // A "100 Continue" or the like may not be out yet.
  opening.to_send.append(upgrade_->answer.head);
  opening.deflate = std::move(upgrade_->answer.deflate);
  opening.read_ahead = in_.view();
  opening.stream = MakePlainStream(std::move(socket_), server->websockets.scratch());
  opening.on_gone = [server, ticket = std::move(ticket_)] {  // Its place is the WebSocket's from now on.
    server->ShowCount();
    server->CheckDrained();
  };
  std::unique_ptr<WebSocketEnd> end = server->websockets.Open(std::move(opening));
  server->Remove(*this);
  if (server->draining) end->Close(1001, "The server is going away.");
  loop::CoupleWebSockets(std::move(end), std::move(upgrade_->end));
  upgrade_.reset();
}

}  // namespace limpet::net

#include "net/dial.h"

#include <algorithm>
#include <utility>

#include "net/asio_address.h"
#include "net/client_state.h"
#include "net/congestion.h"

namespace limpet::net {

using boost::asio::ip::tcp;

void Dial::Start() {
  timer_ = client_->loop.After(client_->options.connect_timeout, [weak = weak_from_this()] {
    std::shared_ptr<Dial> self = weak.lock();
    if (!self) return;
    self->timer_ = 0;
    self->Finish(self->Broken("connecting took too long"));
  });
  if (std::optional<IpAddress> address = IpAddress::Parse(to_.host)) return Connect({{*address, to_.port}});
  client_->resolver.async_resolve(
      to_.host, std::to_string(to_.port), tcp::resolver::numeric_service,
      [self = shared_from_this()](boost::system::error_code error, const tcp::resolver::results_type& results) {
        if (!self->callback_) return;
        if (error) return self->Finish(self->Broken("the name can't be resolved: " + error.message()));
        std::vector<Endpoint> found;
        for (const auto& result : results) found.push_back(FromAsio(result.endpoint()));
        self->Connect(found);
      });
}

// Checked here, on the very addresses that are connected to: a name can't change between check and use.
Result<std::vector<Endpoint>> Dial::Allowed(const std::vector<Endpoint>& found) const {
  const ClientOptions& options = client_->options;
  std::vector<Endpoint> allowed;
  std::string refused;
  for (const Endpoint& endpoint : found) {
    bool forbidden = std::any_of(options.forbidden.begin(), options.forbidden.end(),
                                 [&](const Endpoint& listener) { return MayReach(endpoint, listener); });
    if (forbidden) {
      refused = "connections to " + endpoint.ToString() + " are refused: it is reserved for the server's own use";
    } else if (!options.allow_private_network && !IsPublicAddress(endpoint.address)) {
      refused = "connections to " + endpoint.address.ToString() +
                " are refused: it is a loopback, link-local, private or reserved address "
                "(limpet --allow-private-network permits them)";
    } else {
      allowed.push_back(endpoint);
    }
  }
  if (!allowed.empty()) return allowed;
  if (refused.empty()) return Broken("the name has no address");
  return Error(ErrorCode::kConflict, to_.authority + ": " + refused);
}

void Dial::Connect(const std::vector<Endpoint>& found) {
  Result<std::vector<Endpoint>> allowed = Allowed(found);
  if (!allowed) return Finish(std::move(allowed).error());
  untried_.assign(allowed->rbegin(), allowed->rend());
  transport_ = std::make_shared<ClientTransport>(client_->loop.context());
  ConnectNext();
}

void Dial::ConnectNext() {
  Endpoint next = untried_.back();
  untried_.pop_back();
  tcp::endpoint endpoint = ToAsio(next);
  tcp::socket& socket = transport_->socket();
  boost::system::error_code error;
  socket.close(error);
  socket.open(endpoint.protocol(), error);
  if (error && !untried_.empty()) return ConnectNext();
  if (error) return Finish(Broken("can't connect: " + error.message()));
  ChooseCongestionControl(socket.native_handle(), next.address);
  socket.async_connect(endpoint,
                       [self = shared_from_this(), alive = transport_](boost::system::error_code connect_error) {
                         if (!self->callback_) return;
                         if (!connect_error) return self->OnConnected();
                         if (!self->untried_.empty()) return self->ConnectNext();
                         self->Finish(self->Broken("can't connect: " + connect_error.message()));
                       });
}

void Dial::OnConnected() {
  boost::system::error_code ignored;
  transport_->socket().set_option(tcp::no_delay(true), ignored);
  if (!to_.tls) return Finish(std::move(transport_));
  transport_->StartTls(client_->tls, to_.host, [self = shared_from_this()](boost::system::error_code error) {
    if (!self->callback_) return;
    if (!error) return self->Finish(std::move(self->transport_));
    std::string problem = self->transport_->VerifyProblem();
    self->Finish(self->Broken("TLS: " + (problem.empty() ? error.message() : problem)));
  });
}

void Dial::Finish(Result<std::shared_ptr<ClientTransport>> result) {
  if (!callback_) return;
  std::shared_ptr<Dial> self = shared_from_this();
  Callback callback = std::move(callback_);
  Cancel();
  callback(std::move(result));
}

void Dial::Cancel() {
  callback_ = nullptr;
  if (timer_ != 0) client_->loop.Cancel(std::exchange(timer_, 0));
  if (transport_) std::exchange(transport_, nullptr)->Close();
}

Error Dial::Broken(std::string_view what) const {
  return Error(ErrorCode::kUnavailable, to_.authority + ": " + std::string(what)).With(Error::kRetryable);
}

}  // namespace limpet::net

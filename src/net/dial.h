// One way to another server: its name looked up, what may not be reached refused, TCP, and TLS if it is wanted.
// Internal to net. On the client's loop; what it has asked for keeps it alive.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/client_transport.h"
#include "net/http_client.h"

namespace limpet::net {

class Dial : public std::enable_shared_from_this<Dial> {
 public:
  struct To {
    std::string host;  // A name or an address, without brackets.
    uint16_t port = 0;
    bool tls = false;
    std::string authority;  // For texts.
  };
  using Callback = UniqueFunction<void(Result<std::shared_ptr<ClientTransport>>)>;

  // `callback` comes once, from Start or later. Errors: kUnavailable (kRetryable), kConflict: the address is not
  // allowed.
  Dial(std::shared_ptr<HttpClient::State> client, To to, Callback callback)
      : client_(std::move(client)), to_(std::move(to)), callback_(std::move(callback)) {}
  void Start();
  // The callback does not come any more.
  void Cancel();

 private:
  Result<std::vector<Endpoint>> Allowed(const std::vector<Endpoint>& found) const;
  void Connect(const std::vector<Endpoint>& found);
  void ConnectNext();
  void OnConnected();
  void Finish(Result<std::shared_ptr<ClientTransport>> result);
  Error Broken(std::string_view what) const;

  std::shared_ptr<HttpClient::State> client_;
  To to_;
  Callback callback_;  // Empty: it is over.
  std::shared_ptr<ClientTransport> transport_;
  std::vector<Endpoint> untried_;  // The next one last.
  loop::TimerId timer_ = 0;
};

}  // namespace limpet::net

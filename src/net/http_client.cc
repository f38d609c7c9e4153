#include "net/http_client.h"

#include <sys/stat.h>

#include <algorithm>

#include "net/client_exchange.h"
#include "net/client_socket.h"

namespace limpet::net {
namespace {

// Where distributions keep the certificates that they trust: one folder with hashed names, or one file.
constexpr const char* kCaFolder = "/etc/ssl/certs";
constexpr const char* kCaFiles[] = {"/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};

Result<Done> Prepare(boost::asio::ssl::context& tls, const std::string& ca_file) {
  boost::system::error_code error;
  tls.set_options(boost::asio::ssl::context::default_workarounds | boost::asio::ssl::context::no_tlsv1 |
                      boost::asio::ssl::context::no_tlsv1_1,
                  error);
  if (error) return Error(ErrorCode::kInternal, "TLS: " + error.message());
  tls.set_verify_mode(boost::asio::ssl::verify_peer, error);
  if (error) return Error(ErrorCode::kInternal, "TLS: " + error.message());
  boost::system::error_code ignored;
  tls.add_verify_path(kCaFolder, ignored);
  struct stat about{};
  for (const char* file : kCaFiles) {
    if (::stat(file, &about) == 0) tls.load_verify_file(file, ignored);
  }
  if (ca_file.empty()) return Done{};
  tls.load_verify_file(ca_file, error);
  if (error) return Error(ErrorCode::kInvalidArgument, "CA file " + ca_file + ": " + error.message());
  return Done{};
}

}  // namespace

FetchHandle& FetchHandle::operator=(FetchHandle&& other) noexcept {
  if (this == &other) return *this;
  Cancel();
  exchange_ = std::move(other.exchange_);
  return *this;
}

void FetchHandle::Cancel() {
  if (exchange_) std::exchange(exchange_, nullptr)->Cancel();
}

std::shared_ptr<ClientTransport> HttpClient::State::TakeIdle(const std::string& key) {
  Instant now = loop.Now();
  for (auto at = idle.end(); at != idle.begin();) {
    --at;
    if (at->key != key) continue;
    std::shared_ptr<ClientTransport> transport = std::move(at->transport);
    bool good = at->until > now && transport->IsQuiet();
    at = idle.erase(at);
    if (good) return transport;
  }
  return nullptr;
}

void HttpClient::State::PutIdle(std::string key, std::shared_ptr<ClientTransport> transport) {
  if (closed || options.idle_connections_max == 0) return;
  auto same = [&](const Idle& other) { return other.key == key; };
  if (static_cast<size_t>(std::count_if(idle.begin(), idle.end(), same)) >= options.idle_per_host_max) return;
  if (idle.size() >= options.idle_connections_max) idle.pop_front();
  idle.push_back({std::move(key), std::move(transport), loop.Now() + options.idle_timeout});
  if (sweep == 0) sweep = loop.After(options.idle_timeout, [this] { SweepIdle(); });
}

void HttpClient::State::SweepIdle() {
  sweep = 0;
  Instant now = loop.Now();
  while (!idle.empty() && idle.front().until <= now) idle.pop_front();
  if (!idle.empty()) sweep = loop.After(idle.front().until - now, [this] { SweepIdle(); });
}

Result<std::unique_ptr<HttpClient>> HttpClient::Open(loop::AsioLoop& loop, ClientOptions options) {
  try {
    std::string ca_file = options.ca_file;
    auto state = std::make_shared<State>(loop, std::move(options));
    LIMPET_TRY([[maybe_unused]] Done prepared, Prepare(state->tls, ca_file));
    return std::unique_ptr<HttpClient>(new HttpClient(std::move(state)));
  } catch (const boost::system::system_error& error) {
    return Error(ErrorCode::kInternal, std::string("TLS: ") + error.what());
  }
}

HttpClient::~HttpClient() {
  state_->closed = true;
  state_->websockets.reset();
  state_->idle.clear();
  if (state_->sweep != 0) state_->loop.Cancel(state_->sweep);
  state_->resolver.cancel();
  std::vector<std::shared_ptr<ClientExchange>> running;
  for (ClientExchange* exchange : state_->running) {
    if (std::shared_ptr<ClientExchange> alive = exchange->weak_from_this().lock()) running.push_back(std::move(alive));
  }
  for (std::shared_ptr<ClientExchange>& exchange : running) exchange->Cancel();
  std::vector<std::shared_ptr<ClientSocket>> sockets;
  for (ClientSocket* socket : state_->sockets) {
    if (std::shared_ptr<ClientSocket> alive = socket->weak_from_this().lock()) sockets.push_back(std::move(alive));
  }
  for (std::shared_ptr<ClientSocket>& socket : sockets) socket->Close();
}

FetchHandle HttpClient::Fetch(HttpRequest request, Callback callback) {
  auto exchange = std::make_shared<ClientExchange>(state_, std::move(request), std::move(callback));
  // Later, so that the callback never runs inside this call.
  state_->loop.Post([exchange] { exchange->Start(); });
  return FetchHandle(std::move(exchange));
}

size_t HttpClient::idle_connections() const { return state_->idle.size(); }

}  // namespace limpet::net

// What a Server is made with.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "net/ip_address.h"
#include "net/server_limits.h"
#include "object/quota.h"
#include "server/router.h"
#include "worker/runtime.h"

namespace limpet::server {

// One request that was answered.
struct RequestLog {
  std::string_view method, url;
  int status = 0;
  Duration duration{};  // Until the response's head.
};

struct ServerOptions {
  std::string data_dir;  // Made if it is missing, with its parents.
  net::Endpoint listen, admin_listen;
  int public_fd = -1, admin_fd = -1;  // Listening sockets, taken over; -1: bound here.
  uint32_t shards = 1;
  RouterOptions router;
  std::string public_origin;  // "http://NAME.localhost:PORT": PORT is replaced.
  std::vector<std::string> admin_hosts;
  std::string admin_tls_cert, admin_tls_key;  // PEM files; empty: plain HTTP.
  net::NetworkSet trusted_proxies = net::NetworkSet::Loopback();
  bool allow_private_network = false;
  std::string ca_file;           // Trusted beside the system's certificates; empty: none.
  bool manual_runs = false;      // Requests may run scheduled handlers (server/manual_runs.h).
  bool show_exceptions = false;  // A script's exception is the body of its 500.
  bool local_services = false;   // Bindings to scripts that are not there are accepted, as in wrangler's dev.
  Duration roll_grace = std::chrono::seconds(30);
  Duration idle_evict = std::chrono::seconds(10);       // See object::ShardOptions.
  size_t object_queue_max = 1000;                       // Likewise: inbox_events_max,
  Duration object_wait_max = std::chrono::seconds(60);  // inbox_wait_max,
  size_t object_rate_max = 0;                           // window_events_max.
  object::Quota quota = {};
  Duration history = std::chrono::hours(30 * 24);  // See store::RocksOptions.
  net::ServerLimits http{};                        // Of the public port.
  net::ConnectionLimits connections{};             // Likewise; never more than the process may have open.
  worker::Limits limits;
  std::function<void(const RequestLog&)> on_request;  // Any shard's thread; may be empty.
  worker::Observer* observer = nullptr;               // May be null; outlives the server.
};

}  // namespace limpet::server

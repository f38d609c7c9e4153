// The flags of `limpet serve`. Pure: the launcher and the core read the same command line with it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/ip_address.h"
#include "net/server_limits.h"
#include "object/quota.h"

namespace limpet::server {

inline constexpr uint32_t kShardsMax = 256;
inline constexpr uint16_t kPublicPort = 8787;
inline constexpr uint16_t kAdminPort = 8788;

// What of their scripts' output the server's own log has.
enum class ScriptOutput : uint8_t { kNone, kExceptions, kAll };

struct ServeFlags {
  bool help = false;  // Then nothing else counts.
  std::string data_dir = "./limpet-data";
  net::Endpoint listen{net::IpAddress::V4({127, 0, 0, 1}), kPublicPort};  // Port 0: a free one.
  net::Endpoint admin_listen{net::IpAddress::V4({127, 0, 0, 1}), kAdminPort};
  uint32_t shards = 0;                   // 0: one per core.
  std::vector<std::string> domains;      // A Worker answers on NAME.DOMAIN; empty: "localhost".
  std::vector<std::string> admin_hosts;  // Host names that the admin port answers to, beside loopback.
  net::NetworkSet trusted_proxies = net::NetworkSet::Loopback();
  bool allow_private_network = false;
  std::string ca_file;                        // PEM; empty: the system's certificates alone.
  bool allow_remote_admin = false;            // Without it, or TLS, an admin address that is not loopback is refused.
  std::string admin_tls_cert, admin_tls_key;  // PEM files; both or none.
  Duration roll_grace = std::chrono::seconds(30);
  Duration idle_evict = std::chrono::seconds(10);
  size_t object_queue_max = 1000;
  Duration object_wait_max = std::chrono::seconds(60);
  size_t object_rate_max = 0;  // In 10 s; 0: no limit.
  object::Quota quota{.object = 10ull * 1024 * 1024 * 1024};
  Duration history = std::chrono::hours(30 * 24);
  Duration cpu_max = std::chrono::seconds(30);
  size_t memory_max = 128 * 1024 * 1024;  // Bytes.
  ScriptOutput script_output = ScriptOutput::kExceptions;
  net::ServerLimits http{};
  net::ConnectionLimits connections{};
};

// `arguments` is what follows "serve". Error: kInvalidArgument, a text for people that names the flag.
Result<ServeFlags> ParseServeFlags(const std::vector<std::string>& arguments);
// What `limpet serve --help` prints.
std::string ServeHelp();

// "127.0.0.1:80", "[::1]:80" or "localhost:80".
Result<net::Endpoint> ParseListenAddress(std::string_view text);

}  // namespace limpet::server

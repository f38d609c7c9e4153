#include "server/flags.h"

#include <charconv>
#include <optional>
#include <string_view>

#include "base/nearest.h"

namespace limpet::server {
namespace {

constexpr uint64_t kMebibyte = 1024 * 1024;
constexpr uint64_t kSecondsMax = 24 * 3600;
constexpr uint64_t kDaysMax = 3650;
constexpr uint64_t kObjectQueueMax = 1'000'000;
constexpr uint64_t kMebibytesMax = 1024 * 1024;
constexpr uint64_t kKibibyte = 1024;
constexpr uint64_t kKibibytesMax = 16 * 1024;
constexpr uint64_t kCountMax = 10'000'000;

Error Usage(std::string text) { return Error(ErrorCode::kInvalidArgument, std::move(text)); }

Result<uint64_t> ParseNumber(std::string_view text, uint64_t least, uint64_t most) {
  uint64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) {
    return Usage("\"" + std::string(text) + "\" is not a whole number from " + std::to_string(least) + " to " +
                 std::to_string(most));
  }
  return number;
}

// What a flag with a value does; `proxies` gathers networks.
struct Parse {
  ServeFlags flags;
  std::vector<std::string> proxies;
};
using Setter = Result<Done> (*)(Parse& parse, const std::string& value);

struct Flag {
  const char* name;
  const char* placeholder;  // Null: a flag without a value.
  const char* help;
  Setter set;
};

const Flag kFlags[] = {
    {"--data-dir", "DIR", "where everything is stored (./limpet-data)",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       if (value.empty()) return Usage("the folder's name is empty");
       parse.flags.data_dir = value;
       return Done{};
     }},
    {"--listen", "ADDR:PORT", "where Workers answer (127.0.0.1:8787); port 0 picks a free one",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(parse.flags.listen, ParseListenAddress(value));
       return Done{};
     }},
    {"--admin-listen", "ADDR:PORT", "where the REST API and /metrics answer (127.0.0.1:8788)",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(parse.flags.admin_listen, ParseListenAddress(value));
       return Done{};
     }},
    {"--shards", "N", "threads that run scripts (one per core)",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(uint64_t shards, ParseNumber(value, 1, kShardsMax));
       parse.flags.shards = static_cast<uint32_t>(shards);
       return Done{};
     }},
    {"--domain", "NAME", "Workers answer on WORKER.NAME (localhost); may be repeated",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       parse.flags.domains.push_back(value);
       return Done{};
     }},
    {"--trusted-proxy", "NETWORK",
     "may set CF-Connecting-IP, beside loopback: an address or 10.0.0.0/8; may be repeated; none: not even loopback",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       parse.proxies.push_back(value);
       return Done{};
     }},
    {"--allow-private-network", nullptr, "scripts may fetch loopback and private addresses",
     [](Parse& parse, const std::string&) -> Result<Done> {
       parse.flags.allow_private_network = true;
       return Done{};
     }},
    {"--ca-file", "FILE", "certificates (PEM) that TLS to other servers trusts beside the system's",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       parse.flags.ca_file = value;
       return Done{};
     }},
    {"--admin-tls-cert", "FILE", "the admin port speaks TLS: its certificate, and those behind it (PEM)",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       parse.flags.admin_tls_cert = value;
       return Done{};
     }},
    {"--admin-tls-key", "FILE", "the certificate's key (PEM)",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       parse.flags.admin_tls_key = value;
       return Done{};
     }},
    {"--allow-remote-admin", nullptr, "the admin address may be other than loopback, in plain HTTP",
     [](Parse& parse, const std::string&) -> Result<Done> {
       parse.flags.allow_remote_admin = true;
       return Done{};
     }},
    {"--admin-host", "NAME", "a host name that the admin port answers to, beside loopback; may be repeated",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       parse.flags.admin_hosts.push_back(value);
       return Done{};
     }},
    {"--roll-grace", "SECONDS", "what running events of an object get after a deploy (30)",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(uint64_t seconds, ParseNumber(value, 0, kSecondsMax));
       parse.flags.roll_grace = std::chrono::seconds(seconds);
       return Done{};
     }},
    {"--idle-evict-ms", "MS", "after this time without events an object leaves memory (10000)",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(uint64_t milliseconds, ParseNumber(value, 1, kSecondsMax * 1000));
       parse.flags.idle_evict = std::chrono::milliseconds(milliseconds);
       return Done{};
     }},
    {"--object-queue", "N", "requests that may wait for one object (1000): beyond it they are refused as overloaded",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(parse.flags.object_queue_max, ParseNumber(value, 1, kObjectQueueMax));
       return Done{};
     }},
    {"--object-wait", "SECONDS", "how long a request may wait for its object (60): then it is refused likewise",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(uint64_t seconds, ParseNumber(value, 1, kSecondsMax));
       parse.flags.object_wait_max = std::chrono::seconds(seconds);
       return Done{};
     }},
    {"--object-rate", "N", "requests to one object in 10 seconds, likewise (0: no limit)",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(parse.flags.object_rate_max, ParseNumber(value, 0, UINT32_MAX));
       return Done{};
     }},
    {"--object-storage-mb", "MIB", "what one object may store (10240); 0: no limit but SQL's of 10240",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(uint64_t mebibytes, ParseNumber(value, 0, kMebibytesMax));
       parse.flags.quota.object = mebibytes * kMebibyte;
       return Done{};
     }},
    {"--class-storage-mb", "MIB", "what all objects of one class may store together (0: no limit)",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(uint64_t mebibytes, ParseNumber(value, 0, kMebibytesMax));
       parse.flags.quota.in_namespace = mebibytes * kMebibyte;
       return Done{};
     }},
    {"--script-storage-mb", "MIB", "what all objects of one script's classes may store together (0: no limit)",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(uint64_t mebibytes, ParseNumber(value, 0, kMebibytesMax));
       parse.flags.quota.in_script = mebibytes * kMebibyte;
       return Done{};
     }},
    {"--storage-mb", "MIB", "what all objects of the server may store together (0: no limit)",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(uint64_t mebibytes, ParseNumber(value, 0, kMebibytesMax));
       parse.flags.quota.in_all = mebibytes * kMebibyte;
       return Done{};
     }},
    {"--history-days", "N", "for so long earlier states of objects can be had back (30); 0 keeps none",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(uint64_t days, ParseNumber(value, 0, kDaysMax));
       parse.flags.history = std::chrono::hours(24 * days);
       return Done{};
     }},
    {"--cpu-ms", "MS", "CPU time of one event (30000)",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(uint64_t milliseconds, ParseNumber(value, 1, kSecondsMax * 1000));
       parse.flags.cpu_max = std::chrono::milliseconds(milliseconds);
       return Done{};
     }},
    {"--memory-mb", "MIB", "memory of one script on one shard (128)",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(uint64_t mebibytes, ParseNumber(value, 16, 64 * 1024));
       parse.flags.memory_max = mebibytes * kMebibyte;
       return Done{};
     }},
    {"--log-workers", "WHAT", "of what Workers say on standard error: none, exceptions (the uncaught ones), or all",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       if (value != "none" && value != "exceptions" && value != "all") {
         return Usage("\"" + value + "\" is none of none, exceptions and all");
       }
       parse.flags.script_output = value == "none"  ? ScriptOutput::kNone
                                   : value == "all" ? ScriptOutput::kAll
                                                    : ScriptOutput::kExceptions;
       return Done{};
     }},
    {"--body-max", "MIB", "the largest request body (100): beyond it 413",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(uint64_t number, ParseNumber(value, 1, kMebibytesMax));
       parse.flags.http.body_bytes_max = number * kMebibyte;
       return Done{};
     }},
    {"--head-max", "KIB", "request line and headers of a request (128): 431",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(uint64_t number, ParseNumber(value, 1, kKibibytesMax));
       parse.flags.http.head.head_bytes_max = number * kKibibyte;
       return Done{};
     }},
    {"--headers-max", "N", "headers of a request (512): 431",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(uint64_t number, ParseNumber(value, 1, kCountMax));
       parse.flags.http.head.header_count_max = number;
       return Done{};
     }},
    {"--url-max", "KIB", "the URL of a request (16): 414",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(uint64_t number, ParseNumber(value, 1, kKibibytesMax));
       parse.flags.http.head.target_bytes_max = number * kKibibyte;
       return Done{};
     }},
    {"--head-timeout-ms", "MS", "from a request's first byte to the end of its headers (10000): 408",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(uint64_t number, ParseNumber(value, 1, kSecondsMax * 1000));
       parse.flags.http.header_timeout = std::chrono::milliseconds(number);
       return Done{};
     }},
    {"--idle-timeout-ms", "MS", "a connection between two requests (75000): closed",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(uint64_t number, ParseNumber(value, 1, kSecondsMax * 1000));
       parse.flags.http.idle_timeout = std::chrono::milliseconds(number);
       return Done{};
     }},
    {"--body-timeout-ms", "MS", "a request's body stalls (30000): 408",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(uint64_t number, ParseNumber(value, 1, kSecondsMax * 1000));
       parse.flags.http.body_stall_timeout = std::chrono::milliseconds(number);
       return Done{};
     }},
    {"--write-timeout-ms", "MS", "a client takes nothing of an answer (30000): closed",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(uint64_t number, ParseNumber(value, 1, kSecondsMax * 1000));
       parse.flags.http.write_stall_timeout = std::chrono::milliseconds(number);
       return Done{};
     }},
    {"--min-rate", "BYTES", "what a client must send or take in a second of those two timeouts (100)",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(uint64_t number, ParseNumber(value, 0, kMebibyte));
       parse.flags.http.bytes_per_second_min = number;
       return Done{};
     }},
    {"--connections-max", "N", "open connections, WebSockets among them (50000): 503",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(uint64_t number, ParseNumber(value, 1, kCountMax));
       parse.flags.connections.connections_max = number;
       return Done{};
     }},
    {"--connections-per-address", "N", "of one address, trusted proxies excepted (2000): 503",
     [](Parse& parse, const std::string& value) -> Result<Done> {
       LIMPET_TRY(uint64_t number, ParseNumber(value, 1, kCountMax));
       parse.flags.connections.connections_per_address_max = number;
       return Done{};
     }},
};

const Flag* FindFlag(std::string_view name) {
  for (const Flag& flag : kFlags) {
    if (name == flag.name) return &flag;
  }
  return nullptr;
}

std::string Meant(std::string_view name) {
  std::vector<std::string> names;
  for (const Flag& flag : kFlags) names.emplace_back(flag.name);
  std::optional<std::string> nearest = Nearest(name, names);
  return nearest ? " (did you mean " + *nearest + "?)" : "";
}

Result<ServeFlags> Finish(Parse parse) {
  std::vector<std::string> networks{"127.0.0.0/8", "::1"};
  if (std::erase(parse.proxies, "none") > 0) networks.clear();
  networks.insert(networks.end(), parse.proxies.begin(), parse.proxies.end());
  Result<net::NetworkSet> proxies = net::NetworkSet::Parse(networks);
  if (!proxies.has_value()) return Usage("--trusted-proxy: " + proxies.error().message());
  parse.flags.trusted_proxies = std::move(proxies).value();
  bool tls = !parse.flags.admin_tls_cert.empty();
  if (tls != !parse.flags.admin_tls_key.empty()) {
    return Usage(tls ? "--admin-tls-cert needs --admin-tls-key" : "--admin-tls-key needs --admin-tls-cert");
  }
  if (!IsLoopback(parse.flags.admin_listen.address) && !parse.flags.allow_remote_admin && !tls) {
    return Usage("--admin-listen " + parse.flags.admin_listen.ToString() +
                 ": others could reach the admin port, which speaks plain HTTP. Give it TLS with --admin-tls-cert and "
                 "--admin-tls-key, put a TLS proxy before a loopback address, or pass --allow-remote-admin");
  }
  return std::move(parse.flags);
}

}  // namespace

Result<net::Endpoint> ParseListenAddress(std::string_view text) {
  constexpr std::string_view kLocalhost = "localhost:";
  if (!text.starts_with(kLocalhost)) return net::ParseEndpoint(text);
  return net::ParseEndpoint("127.0.0.1:" + std::string(text.substr(kLocalhost.size())));
}

Result<ServeFlags> ParseServeFlags(const std::vector<std::string>& arguments) {
  Parse parse;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string_view word = arguments[i];
    if (word == "--help" || word == "-h") {
      parse.flags.help = true;
      return std::move(parse.flags);
    }
    size_t equals = word.starts_with("--") ? word.find('=') : std::string_view::npos;
    std::string name(word.substr(0, equals));
    const Flag* flag = FindFlag(name);
    if (flag == nullptr) return Usage("unknown argument " + name + Meant(name) + "; see limpet serve --help");
    std::string value;
    if (flag->placeholder == nullptr) {
      if (equals != std::string_view::npos) return Usage(name + " takes no value");
    } else if (equals != std::string_view::npos) {
      value = std::string(word.substr(equals + 1));
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    } else {
      return Usage(name + " needs a value: " + name + " " + flag->placeholder);
    }
    if (Result<Done> set = flag->set(parse, value); !set.has_value()) return Usage(name + ": " + set.error().message());
  }
  return Finish(std::move(parse));
}

std::string ServeHelp() {
  std::string text =
      "limpet serve [FLAGS]: runs a server until it gets SIGTERM or SIGINT; a second one ends it at once\n\n";
  for (const Flag& flag : kFlags) {
    std::string left = std::string("  ") + flag.name + (flag.placeholder ? std::string(" ") + flag.placeholder : "");
    left.resize(std::max<size_t>(left.size() + 2, 29), ' ');
    text += left + flag.help + "\n";
  }
  return text;
}

}  // namespace limpet::server

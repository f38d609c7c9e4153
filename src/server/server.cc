#include "server/server.h"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <thread>
#include <utility>

#include "control/control_plane.h"
#include "kv/namespaces.h"
#include "loop/pool.h"
#include "object/alarm_clock.h"
#include "server/flags.h"
#include "server/runtime.h"
#include "store/partitions.h"
#include "store/rocks/rocks_engine.h"

namespace limpet::server {
namespace {

// A core that was killed a moment ago still holds the folder's lock until the kernel has ended its threads.
constexpr std::chrono::seconds kLockPatience{3};
constexpr std::chrono::milliseconds kLockRetry{20};
constexpr size_t kComputeThreads = 2;
constexpr size_t kTracesWaitingMax = 1000;  // For those who listen to scripts; what is more is not told.
constexpr net::ConnectionLimits kAdminConnections{.connections_max = 500, .connections_per_address_max = 100};

// Of the descriptors that the process may have open a quarter is left to the store and to outbound connections: without
// them no request could be answered.
size_t ConnectionsThatFit() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  return static_cast<size_t>(files.rlim_cur) / 4 * 3;
}

Result<net::Endpoint> LocalEndpoint(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    return Error(ErrorCode::kInvalidArgument, std::string("listening socket: ") + std::strerror(errno));
  }
  net::Endpoint endpoint;
  if (storage.ss_family == AF_INET) {
    const auto& address = reinterpret_cast<const sockaddr_in&>(storage);
    std::array<uint8_t, 4> bytes;
    std::memcpy(bytes.data(), &address.sin_addr, bytes.size());
    return net::Endpoint{net::IpAddress::V4(bytes), ntohs(address.sin_port)};
  }
  const auto& address = reinterpret_cast<const sockaddr_in6&>(storage);
  std::memcpy(endpoint.address.bytes.data(), &address.sin6_addr, endpoint.address.bytes.size());
  endpoint.port = ntohs(address.sin6_port);
  return endpoint;
}

// Lets one thread wait until others have answered.
class Countdown {
 public:
  explicit Countdown(size_t left) : left_(left) {}
  void Arrive() {
    std::lock_guard lock(mutex_);
    if (--left_ == 0) done_.notify_all();
  }
  bool WaitUntil(Instant deadline) {
    std::unique_lock lock(mutex_);
    return done_.wait_until(lock, deadline, [this] { return left_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  size_t left_;
};

}  // namespace

Result<Done> MakeFolder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error && access(path.c_str(), W_OK | X_OK) != 0) error = std::error_code(errno, std::generic_category());
  if (!error) return Done{};
  return Error(ErrorCode::kUnavailable, "can't use the data folder " + path + ": " + error.message() +
                                            ". Choose another one with --data-dir, or make this one writable");
}

struct Server::State {
  State(ServerOptions given, js::Runtime& js, Logger& logger)
      : options(std::move(given)), js(js), logger(logger), router(options.router) {}

  Result<Done> Start();
  Result<Done> Bind();
  Result<Done> OpenStore();
  Result<Done> OpenShards();
  Result<Done> OpenControl();
  void OpenAlarms();
  Result<Done> OpenListeners();
  void OnTrace(std::shared_ptr<const TraceEvent> trace);
  void HandleAdmin(HttpRequest request, const net::RequestInfo& info, net::Responder responder);
  template <typename Start>
  bool OnAllShards(Instant deadline, Start start);
  bool Drain();
  void Destroy();

  ServerOptions options;
  js::Runtime& js;
  Logger& logger;
  Router router;
  SystemRandom random;
  RealClock clock;
  Counters counters;
  loop::Pool compute{kComputeThreads};
  std::string token;
  net::Endpoint public_endpoint, admin_endpoint;
  bool stopped = false;
  std::atomic<size_t> traces_waiting{0};
  Counter& count_traces_dropped = counters.Make(Counters::Kind::kCounter, "limpet_tail_dropped_total",
                                                "Events that those who listen to a script were not told of.", "");

  std::unique_ptr<store::Engine> engine;
  std::unique_ptr<kv::Namespaces> kv;
  std::vector<std::unique_ptr<ShardServer>> shards;

  LoopThread control;
  std::unique_ptr<ShardRuntime> runtime;
  // On the control thread.
  std::unique_ptr<net::HttpServer> admin_http;
  std::unique_ptr<control::ControlPlane> plane;
  std::unique_ptr<object::AlarmClock> alarms;
  std::unique_ptr<net::Listener> public_listener, admin_listener;
};

Result<Done> Server::State::Start() {
  LIMPET_TRY(Done made, MakeFolder(options.data_dir));
  LIMPET_TRY(token, control::LoadOrMakeToken(options.data_dir, random));
  LIMPET_TRY(Done bound, Bind());
  LIMPET_TRY(Done store, OpenStore());
  LIMPET_TRY(Done opened, OpenShards());
  LIMPET_TRY(Done controlled, OpenControl());
  (void)made, (void)bound, (void)store, (void)opened, (void)controlled;
  OpenAlarms();
  return OpenListeners();
}

Result<Done> Server::State::Bind() {
  if (options.public_fd < 0) {
    LIMPET_TRY(options.public_fd, net::Listener::Bind(options.listen));
  }
  if (options.admin_fd < 0) {
    LIMPET_TRY(options.admin_fd, net::Listener::Bind(options.admin_listen));
  }
  LIMPET_TRY(public_endpoint, LocalEndpoint(options.public_fd));
  LIMPET_TRY(admin_endpoint, LocalEndpoint(options.admin_fd));
  return Done{};
}

Result<Done> Server::State::OpenStore() {
  store::RocksOptions rocks;
  rocks.dir = options.data_dir + "/store";
  rocks.logger = &logger;
  rocks.counters = &counters;
  rocks.clock = &clock;
  rocks.history = options.history;
  Instant patience = clock.Now() + kLockPatience;
  for (;;) {
    Result<std::unique_ptr<store::Engine>> opened = store::OpenRocksEngine(rocks);
    if (opened.has_value()) {
      engine = std::move(opened).value();
      return Done{};
    }
    if (opened.error().code() != ErrorCode::kConflict) return std::move(opened).error();
    if (clock.Now() > patience) {
      return Error(ErrorCode::kConflict, opened.error().message() +
                                             " and has it locked. Stop that one, or choose another folder with "
                                             "--data-dir");
    }
    std::this_thread::sleep_for(kLockRetry);
  }
}

Result<Done> Server::State::OpenShards() {
  LIMPET_TRY(store::Claim claim, engine->Acquire(store::kObjectsPartition));
  LIMPET_TRY(store::Claim kv_claim, engine->Acquire(store::kKvPartition));
  kv = std::make_unique<kv::Namespaces>(kv_claim);
  ShardContext context{
      options, router,   js,
      logger,  counters, random,
      compute, *kv,      [this](std::shared_ptr<const TraceEvent> trace) { OnTrace(std::move(trace)); }};
  for (uint32_t index = 0; index < options.shards; ++index) {
    shards.push_back(std::make_unique<ShardServer>(index, context));
    LIMPET_TRY(Done opened, shards.back()->Open(*engine, claim, {admin_endpoint}));
    (void)opened;
  }
  std::vector<object::Directory::Peer> peers;
  for (auto& shard : shards) peers.push_back(shard->peer());
  for (auto& shard : shards) shard->Connect(peers);
  return Done{};
}

Result<Done> Server::State::OpenControl() {
  std::vector<ShardServer*> all;
  for (auto& shard : shards) all.push_back(shard.get());
  runtime = std::make_unique<ShardRuntime>(control.loop(), std::move(all), js);
  LIMPET_TRY(Done started, control.Start("control"));
  LIMPET_TRY(Done checker, runtime->Open());
  (void)started, (void)checker;

  control::ControlOptions settings;
  settings.token = token;
  LIMPET_TRY(settings.secrets_key, control::LoadOrMakeSecretsKey(options.data_dir, random));
  settings.admin_hosts = options.admin_hosts;
  settings.public_origin = options.public_origin;
  settings.local_services = options.local_services;
  settings.scratch_dir = options.data_dir + "/scratch";
  settings.copy_threads = true;
  settings.object_quota = options.quota;
  if (size_t at = settings.public_origin.find("PORT"); at != std::string::npos) {
    settings.public_origin.replace(at, 4, std::to_string(public_endpoint.port));
  }
  Result<Done> result = Done{};
  Countdown opened(1);
  control.loop().Post([&] {
    control::ControlPlane::Open(std::move(settings), {control.loop(), *engine, *runtime, logger, counters, random, *kv},
                                [&](Result<std::unique_ptr<control::ControlPlane>> got) {
                                  if (got.has_value()) {
                                    plane = std::move(got).value();
                                  } else {
                                    result = std::move(got).error();
                                  }
                                  opened.Arrive();
                                });
  });
  opened.WaitUntil(Instant::max());
  return result;
}

// Any shard's thread.
void Server::State::OnTrace(std::shared_ptr<const TraceEvent> trace) {
  if (traces_waiting.fetch_add(1) >= kTracesWaitingMax) {
    traces_waiting.fetch_sub(1);
    return count_traces_dropped.Add();
  }
  control.loop().Post([this, trace = std::move(trace)] {
    traces_waiting.fetch_sub(1);
    if (plane != nullptr) plane->OnTrace(trace);
  });
}

// The scripts are active now: an alarm that was due while the server was down finds its code.
void Server::State::OpenAlarms() {
  control.Call([this] {
    std::vector<object::Directory::Peer> peers;
    for (auto& shard : shards) peers.push_back(shard->peer());
    alarms = std::make_unique<object::AlarmClock>(control.loop(), engine->Attach(control.loop()), std::move(peers),
                                                  object::AlarmClockOptions(), counters);
  });
  for (auto& shard : shards) shard->SetOnAlarmChange(alarms->Listener());
  control.Call([this] { alarms->Start(); });
}

Result<Done> Server::State::OpenListeners() {
  Result<Done> result = Done{};
  control.Call([&] {
    net::ServerOptions http;
    http.websocket.accept_unmasked = true;  // wrangler's tail sends so.
    http.limits.body_bytes_max = control::kAdminBodyBytesMax;
    if (!options.admin_tls_cert.empty()) {
      Result<std::shared_ptr<net::TlsFront>> tls =
          net::TlsFront::Open(control.loop(), options.admin_tls_cert, options.admin_tls_key);
      if (!tls.has_value()) {
        result = std::move(tls).error().While("open the admin port");
        return;
      }
      http.tls = std::move(tls).value();
    }
    admin_http = std::make_unique<net::HttpServer>(
        control.loop(), std::move(http),
        [this](HttpRequest request, const net::RequestInfo& info, net::Responder responder) {
          HandleAdmin(std::move(request), info, std::move(responder));
        });
    std::vector<net::ListenerTarget> targets;
    for (auto& shard : shards) targets.push_back(shard->target());
    net::ConnectionLimits limits = options.connections;
    limits.connections_max = std::min(limits.connections_max, ConnectionsThatFit());
    auto open = [&](int fd, std::vector<net::ListenerTarget> to, net::ConnectionLimits limits,
                    const char* port) -> std::unique_ptr<net::Listener> {
      Counter& refused = counters.Make(Counters::Kind::kCounter, "limpet_http_connections_refused_total",
                                       "Connections that found no place.", "port=\"" + std::string(port) + "\"");
      auto gate = net::ConnectionGate::Make(limits, options.trusted_proxies, &refused);
      Result<std::unique_ptr<net::Listener>> listener =
          net::Listener::Open(control.loop(), fd, std::move(to), std::move(gate));
      if (listener.has_value()) return std::move(listener).value();
      result = std::move(listener).error();
      return nullptr;
    };
    public_listener = open(options.public_fd, std::move(targets), limits, "public");
    admin_listener = open(options.admin_fd, {{&control.loop(), admin_http.get()}}, kAdminConnections, "admin");
  });
  return result;
}

void Server::State::HandleAdmin(HttpRequest request, const net::RequestInfo& info, net::Responder responder) {
  std::optional<net::IpAddress> client = net::IpAddress::Parse(info.client_ip);
  control::Peer peer{.loopback = client && IsLoopback(*client)};
  plane->Handle(std::move(request), peer, [responder = std::move(responder)](HttpResponse response) mutable {
    responder.Send(std::move(response));
  });
}

// Calls `start(shard, then)` for each and waits until every `then` has run. False at the deadline.
template <typename Start>
bool Server::State::OnAllShards(Instant deadline, Start start) {
  auto left = std::make_shared<Countdown>(shards.size());
  for (auto& shard : shards) start(*shard, [left] { left->Arrive(); });
  return left->WaitUntil(deadline);
}

bool Server::State::Drain() {
  Instant deadline = clock.Now() + kDrainMax;
  auto admin = std::make_shared<Countdown>(1);
  control.Call([this] {
    public_listener->Stop();
    admin_listener->Stop();
  });
  // From here on every connection that was accepted has reached its server.
  control.Call([this, admin] {
    public_listener.reset();
    admin_listener.reset();
    admin_http->Drain([admin] { admin->Arrive(); });
  });
  bool drained = OnAllShards(deadline, [](ShardServer& shard, auto then) { shard.DrainHttp(std::move(then)); }) &&
                 admin->WaitUntil(deadline);
  if (!drained) return false;
  control.Call([this] {
    runtime->Close();
    alarms.reset();
    plane.reset();
    admin_http.reset();
  });
  return OnAllShards(deadline, [](ShardServer& shard, auto then) { shard.DrainScripts(std::move(then)); }) &&
         OnAllShards(deadline, [](ShardServer& shard, auto then) { shard.DrainObjects(std::move(then)); });
}

void Server::State::Destroy() {
  auto all_ended = std::make_unique<std::latch>(static_cast<ptrdiff_t>(shards.size()));
  for (auto& shard : shards) shard->Stop(*all_ended);
  for (auto& shard : shards) shard->Join();
  control.Stop({});
  control.Join();
  engine.reset();
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

// The loops still hold closures whose captures belong to isolates that are gone, or run: they are never destroyed.
Server::~Server() { (void)state_.release(); }

Result<std::unique_ptr<Server>> Server::Start(ServerOptions options, js::Runtime& js, Logger& logger) {
  std::unique_ptr<Server> server(new Server(std::make_unique<State>(std::move(options), js, logger)));
  LIMPET_TRY(Done started, server->state_->Start());
  (void)started;
  return server;
}

bool Server::Stop() {
  if (std::exchange(state_->stopped, true)) return true;
  if (!state_->Drain()) return false;
  state_->Destroy();
  return true;
}

const net::Endpoint& Server::public_endpoint() const { return state_->public_endpoint; }
const net::Endpoint& Server::admin_endpoint() const { return state_->admin_endpoint; }
const std::string& Server::token() const { return state_->token; }

}  // namespace limpet::server

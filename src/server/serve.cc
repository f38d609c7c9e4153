#include "server/serve.h"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>

#include "server/flags.h"
#include "server/script_log.h"

namespace limpet::server {
namespace {

constexpr int kExitOk = 0;
constexpr int kExitRefused = 1;
constexpr int kExitUsage = 2;
constexpr std::chrono::milliseconds kTickMin{20};

// A signal handler can reach nothing but statics, and any thread of the host may get the signal.
volatile int stop_pipe_end = -1;
// By the launcher, and by others: a service manager tells every process of the group, the launcher tells us once more.
volatile sig_atomic_t stop_signals[2] = {0, 0};
volatile pid_t launcher_pid = -1;

void OnStopSignal(int, siginfo_t* info, void*) {
  volatile sig_atomic_t& count = stop_signals[info->si_pid == launcher_pid ? 0 : 1];
  count = count + 1;
  if (count > 1) _exit(kExitRefused);
  [[maybe_unused]] ssize_t written = write(stop_pipe_end, "", 1);
}

// Readable once INT or TERM has come; -1 if it can't be had.
int OpenStopPipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return -1;
  stop_pipe_end = ends[1];
  struct sigaction action{};
  launcher_pid = getppid();
  action.sa_sigaction = OnStopSignal;
  action.sa_flags = SA_RESTART | SA_SIGINFO;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  return ends[0];
}

void WaitFor(int fd) {
  pollfd waiting{fd, POLLIN, 0};
  while (poll(&waiting, 1, -1) < 0) {
  }
}

// Bodies and buffers come and go by the megabyte: given back to the kernel each time, every page of them is a fault
// again, which costs more than what is done with it.
void KeepFreedMemory() {
  mallopt(M_MMAP_THRESHOLD, 8 * 1024 * 1024);
  mallopt(M_TRIM_THRESHOLD, 32 * 1024 * 1024);  // Of each arena, about one for a thread.
}

// What the launcher hands over: "5,6", public and admin. Nothing if this process was started alone.
void TakeListeners(ServerOptions& options) {
  const char* given = std::getenv("LIMPET_LISTEN_FDS");
  if (given == nullptr) return;
  std::string_view text = given;
  int fds[2] = {-1, -1};
  size_t comma = text.find(',');
  if (comma == std::string_view::npos) return;
  std::from_chars(given, given + comma, fds[0]);
  std::from_chars(given + comma + 1, given + text.size(), fds[1]);
  for (int fd : fds) {
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return;
  }
  unsetenv("LIMPET_LISTEN_FDS");
  options.public_fd = fds[0];
  options.admin_fd = fds[1];
}

// Timeouts are looked at once in a tick; short ones want a short one.
std::chrono::milliseconds TickOf(const net::ServerLimits& limits) {
  std::chrono::milliseconds shortest =
      std::min({limits.header_timeout, limits.idle_timeout, limits.body_stall_timeout, limits.write_stall_timeout});
  return std::clamp(shortest / 4, kTickMin, limits.tick);
}

ServerOptions ToOptions(const ServeFlags& flags) {
  ServerOptions options;
  options.data_dir = flags.data_dir;
  options.listen = flags.listen;
  options.admin_listen = flags.admin_listen;
  options.shards = flags.shards > 0 ? flags.shards : std::max(1u, std::thread::hardware_concurrency());
  if (!flags.domains.empty()) options.router.domains = flags.domains;
  options.public_origin = "http://NAME." + options.router.domains[0] + ":PORT";
  options.admin_hosts = flags.admin_hosts;
  options.admin_tls_cert = flags.admin_tls_cert;
  options.admin_tls_key = flags.admin_tls_key;
  options.trusted_proxies = flags.trusted_proxies;
  options.allow_private_network = flags.allow_private_network;
  options.ca_file = flags.ca_file;
  options.roll_grace = flags.roll_grace;
  options.idle_evict = flags.idle_evict;
  options.object_queue_max = flags.object_queue_max;
  // A deploy may hold requests back for the grace of the old code, and that is no overload.
  options.object_wait_max = std::max(flags.object_wait_max, 2 * flags.roll_grace);
  options.object_rate_max = flags.object_rate_max;
  options.quota = flags.quota;
  options.history = flags.history;
  options.http = flags.http;
  options.http.tick = TickOf(flags.http);
  options.connections = flags.connections;
  options.limits.cpu_max = flags.cpu_max;
  options.limits.memory_max = flags.memory_max;
  TakeListeners(options);
  return options;
}

int Refuse(const Error& error, int code) {
  std::string text = error.code() == ErrorCode::kCorrupt ? error.ToString() : error.message();
  fprintf(stderr, "limpet: %s\n", text.c_str());
  return code;
}

}  // namespace

int Serve(const std::vector<std::string>& arguments, const ServeContext& context) {
  Result<ServeFlags> flags = ParseServeFlags(arguments);
  if (!flags.has_value()) return Refuse(flags.error(), kExitUsage);
  if (flags->help) {
    fputs(ServeHelp().c_str(), stdout);
    return kExitOk;
  }
  KeepFreedMemory();
  int stop = OpenStopPipe();
  if (stop < 0) return Refuse(Error(ErrorCode::kUnavailable, "can't open a pipe"), kExitRefused);
  static StderrLogger logger;  // Used by threads that a stop may leave behind.
  Result<js::Runtime*> js = context.js();
  if (!js.has_value()) return Refuse(js.error(), kExitRefused);
  ServerOptions options = ToOptions(flags.value());
  static RealClock clock;
  static ScriptLog script_log(flags->script_output, clock, logger);
  options.observer = &script_log;
  Result<std::unique_ptr<Server>> started = Server::Start(std::move(options), *js.value(), logger);
  if (!started.has_value()) return Refuse(started.error(), kExitRefused);
  Server& server = *started.value();

  const char* scheme = flags->admin_tls_cert.empty() ? "http://" : "https://";
  std::string admin = scheme + server.admin_endpoint().ToString();
  std::string ready = "limpet is ready: http://" + server.public_endpoint().ToString() + " (admin " + admin + ")";
  if (Result<Done> announced = context.announce(admin, server.token()); !announced.has_value()) {
    logger.Write(LogLevel::kWarn, "serve", "the profile for local tools: " + announced.error().message());
  }
  if (std::getenv("LIMPET_RESTARTED") != nullptr) {
    logger.Write(LogLevel::kInfo, "serve", ready);
  } else {
    printf("%s\n", ready.c_str());
    fflush(stdout);
  }

  WaitFor(stop);
  logger.Write(LogLevel::kInfo, "serve", "stopping; a second signal ends at once");
  if (!server.Stop()) logger.Write(LogLevel::kWarn, "serve", "some requests did not end in time");
  return kExitOk;
}

}  // namespace limpet::server

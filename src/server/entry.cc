// limpet.node: Node's binary loads it and calls in here once; from then on our main has the process, and leaves by
// _exit (returning into the host's teardown with isolates of ours would abort).
#include <node.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

#include "cli/cli.h"
#include "server/flags.h"
#include "server/serve.h"
#include "server/server.h"

#if __has_feature(address_sanitizer)
extern "C" int __lsan_do_recoverable_leak_check();  // Of the runtime that is preloaded.
#endif

namespace limpet {
namespace {

// The host's own arguments, after the script's name. (/proc, because process.argv is JavaScript's.)
std::vector<std::string> Arguments() {
  std::string all;
  if (FILE* file = fopen("/proc/self/cmdline", "re")) {
    char block[4096];
    for (size_t size; (size = fread(block, 1, sizeof block, file)) > 0;) all.append(block, size);
    fclose(file);
  }
  std::vector<std::string> words;
  bool ours = false;
  for (size_t at = 0; at < all.size();) {
    size_t end = std::min(all.find('\0', at), all.size());
    std::string word = all.substr(at, end - at);
    at = end + 1;
    if (ours) {
      words.push_back(std::move(word));
    } else {
      ours = word.ends_with("limpet.cjs");
    }
  }
  return words;
}

// Hands what scripts say to the terminal of `limpet dev`, one event at a time.
class DevEvents final : public worker::Observer {
 public:
  explicit DevEvents(UniqueFunction<void(cli::DevEvent)> sink) : sink_(std::move(sink)) {}
  void OnConsole(std::string_view, std::string_view level, std::string_view text) override {
    cli::DevEvent event;
    event.kind = cli::DevEvent::Kind::kConsole;
    event.level = level;
    event.text = text;
    Give(std::move(event));
  }
  void OnException(std::string_view, std::string_view text) override {
    constexpr std::string_view kUncaught = "Uncaught ";  // The terminal says so itself.
    if (text.starts_with(kUncaught)) text.remove_prefix(kUncaught.size());
    cli::DevEvent event;
    event.kind = cli::DevEvent::Kind::kException;
    event.text = text;
    Give(std::move(event));
  }
  void OnRequest(const server::RequestLog& log) {
    cli::DevEvent event;
    event.method = log.method;
    event.url = log.url;
    event.status = log.status;
    event.duration = log.duration;
    Give(std::move(event));
  }

 private:
  void Give(cli::DevEvent event) {
    std::lock_guard lock(mutex_);
    if (sink_) sink_(std::move(event));
  }
  std::mutex mutex_;
  UniqueFunction<void(cli::DevEvent)> sink_;
};

class DevServer final : public cli::DevServer {
 public:
  DevServer(std::unique_ptr<server::Server> server, std::unique_ptr<DevEvents> events)
      : server_(std::move(server)), events_(std::move(events)) {}
  ~DevServer() override {
    server_->Stop();
    (void)events_.release();  // A thread that did not end in time may still speak.
  }
  std::string public_origin() const override {
    return "http://localhost:" + std::to_string(server_->public_endpoint().port);
  }
  std::string admin_origin() const override { return "http://" + server_->admin_endpoint().ToString(); }
  std::string token() const override { return server_->token(); }

 private:
  std::unique_ptr<server::Server> server_;
  std::unique_ptr<DevEvents> events_;
};

class Commands final : public cli::Commands {
 public:
  explicit Commands(node::MultiIsolatePlatform* platform) : platform_(platform), logger_(LogLevel::kWarn) {}

  int Serve(std::vector<std::string> arguments) override {
    server::ServeContext context;
    context.js = [this] { return Js(); };
    context.announce = [](const std::string& origin, const std::string& token) {
      return cli::WriteProfile({origin, token});
    };
    return server::Serve(arguments, context);
  }

  Result<std::unique_ptr<cli::DevServer>> StartDev(cli::DevOptions dev) override {
    LIMPET_TRY(js::Runtime * js, Js());
    server::ServerOptions options;
    LIMPET_TRY(options.listen, server::ParseListenAddress(dev.listen));
    LIMPET_TRY(options.admin_listen, server::ParseListenAddress("127.0.0.1:0"));
    options.data_dir = dev.data_dir;
    options.router.default_script = dev.default_script;
    options.public_origin = "http://localhost:PORT";
    options.allow_private_network = true;
    options.show_exceptions = true;
    options.manual_runs = true;
    options.local_services = true;
    options.roll_grace = Duration::zero();  // A save replaces the objects at once.
    auto events = std::make_unique<DevEvents>(std::move(dev.on_event));
    options.observer = events.get();
    options.on_request = [events = events.get()](const server::RequestLog& log) { events->OnRequest(log); };
    LIMPET_TRY(std::unique_ptr<server::Server> server, server::Server::Start(std::move(options), *js, logger_));
    return std::unique_ptr<cli::DevServer>(std::make_unique<DevServer>(std::move(server), std::move(events)));
  }

 private:
  Result<js::Runtime*> Js() {
    LIMPET_TRY(js_, worker::MakeJsRuntime(platform_));
    return js_.get();
  }

  node::MultiIsolatePlatform* platform_;
  StderrLogger logger_;
  std::unique_ptr<js::Runtime> js_;
};

[[noreturn]] void Run(node::MultiIsolatePlatform* platform) {
  const char* root = std::getenv("LIMPET_ROOT");
  cli::Installation installation{root != nullptr ? root : LIMPET_ROOT_DIR, LIMPET_VERSION};
  Commands commands(platform);
  int code = cli::Main(Arguments(), installation, commands);
  std::fflush(nullptr);
#if __has_feature(address_sanitizer)
  __lsan_do_recoverable_leak_check();  // _exit does not.
#endif
  _exit(code);
}

}  // namespace
}  // namespace limpet

#pragma clang diagnostic ignored "-Wcast-function-type-mismatch"  // Node's macro casts so.
NODE_MODULE_INIT() { limpet::Run(node::GetMultiIsolatePlatform(node::GetCurrentEnvironment(context))); }

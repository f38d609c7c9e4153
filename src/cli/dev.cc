#include "cli/dev.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>

#include "cli/client.h"
#include "cli/dot_env.h"
#include "cli/keys_input.h"
#include "cli/kv.h"
#include "cli/overrides.h"
#include "cli/process.h"
#include "cli/publish.h"
#include "cli/watch.h"

namespace limpet::cli {
namespace {

constexpr std::chrono::milliseconds kQuiet{30};  // After the last change of a burst.

// A signal handler can reach nothing but a static. Any thread of the host may get the signal, so a mask or a signalfd
// of ours alone would miss it.
volatile int stop_pipe_end = -1;

void OnStopSignal(int) { [[maybe_unused]] ssize_t written = write(stop_pipe_end, "", 1); }

// Readable once INT or TERM has come; -1 if it can't be had.
int OpenStopPipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return -1;
  stop_pipe_end = ends[1];
  struct sigaction action{};
  action.sa_handler = OnStopSignal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return ends[0];
}

std::string ClockText() {
  time_t now = time(nullptr);
  tm parts{};
  localtime_r(&now, &parts);
  char text[16];
  return std::string(text, strftime(text, sizeof text, "%H:%M:%S", &parts));
}

std::string EventText(const DevEvent& event, const Terminal& terminal) {
  std::string text = terminal.Grey(ClockText()) + " ";
  if (event.kind == DevEvent::Kind::kConsole)
    return text + (event.level == "log" ? "" : event.level + ": ") + event.text;
  if (event.kind == DevEvent::Kind::kException) return text + terminal.Red("uncaught ") + event.text;
  std::string status = std::to_string(event.status);
  char duration[32];
  snprintf(duration, sizeof duration, "%.1f ms", std::chrono::duration<double, std::milli>(event.duration).count());
  return text + event.method + " " + event.url + " " +
         (event.status < 400 ? terminal.Green(status) : terminal.Red(status)) + " " + terminal.Grey(duration);
}

// A class that is new to this folder's state needs no ceremony: dev makes its storage. A list in the file is followed.
MigrationFlags NewClasses(const ProjectConfig& config, Client& client) {
  MigrationFlags flags;
  if (!config.migrations.empty() || !config.exports.is_null()) return flags;
  Result<ApiAnswer> known = client.Get("/accounts/local/workers/durable_objects/namespaces");
  if (!known.has_value()) return flags;
  for (const Json& binding : config.bindings) {
    if (binding["type"].AsString() != "durable_object_namespace" || !binding["script_name"].AsString().empty())
      continue;
    const std::string& name = binding["class_name"].AsString();
    bool found = std::find(flags.new_classes.begin(), flags.new_classes.end(), name) != flags.new_classes.end();
    for (const Json& item : known->result.items()) {
      found = found || (item["script"].AsString() == config.name && item["class"].AsString() == name);
    }
    if (!found) flags.new_classes.push_back(name);
  }
  return flags;
}

bool Reload(const Arguments& arguments, const Installation& installation, Client& client, const Terminal& terminal,
            AssetHashes* known) {
  auto started = std::chrono::steady_clock::now();
  std::optional<ProjectConfig> config = LoadProject(arguments, terminal);
  if (!config) return false;
  config->code_update_strategy = Json();                           // What is saved is to run.
  if (config->crons.is_null()) config->crons = Json::MakeArray();  // Those of an earlier file go.
  Result<DevVariables> variables = ReadDevVariables(config->dir, arguments.environment, arguments.env_files);
  if (!variables.has_value()) return terminal.Error(variables.error().message()), false;
  UseDevVariables(variables.value().values, arguments.overrides, &*config);
  for (const std::string& file : variables.value().files) terminal.Dim("using the values of " + file);
  Result<Project> project = ReadProject(*config, arguments, installation, terminal, known);
  if (!project.has_value()) return terminal.Error(project.error().message()), false;
  Result<Done> local = UseLocalNamespaces(client, &*config);
  if (!local.has_value()) return terminal.Error(local.error().message()), false;
  Result<Published> published =
      Upload(*config, project.value(), NewClasses(*config, client), client, terminal, Progress::kQuiet);
  if (!published.has_value()) return terminal.Error(published.error().message()), false;
  auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started);
  terminal.Info(terminal.Grey(ClockText()) + " loaded " + published->name + " " +
                terminal.Grey(std::to_string(took.count()) + " ms"));
  return true;
}

constexpr char kMenu[] = "keys: o opens a browser, r loads the project anew, c clears the state, x exits";

// One run of the command: the server, and the project on it.
class Session {
 public:
  Session(const Arguments& arguments, const Installation& installation, Commands& commands, const Terminal& terminal)
      : arguments_(arguments), installation_(installation), commands_(commands), terminal_(terminal) {}

  int Run();

 private:
  bool Start();
  bool Load() { return Reload(arguments_, installation_, *client_, terminal_, &known_); }
  // False: the command is over.
  bool OnKey(char key);
  bool ClearState();

  const Arguments& arguments_;
  const Installation& installation_;
  Commands& commands_;
  const Terminal& terminal_;
  ProjectConfig config_;
  std::string listen_;
  AssetHashes known_;  // Static files that have not changed are not read again.
  std::unique_ptr<DevServer> server_;
  std::unique_ptr<Client> client_;
};

bool Session::Start() {
  DevOptions options;
  options.listen = listen_;
  options.data_dir = config_.dir + "/.limpet";
  options.default_script = config_.name;
  options.on_event = [this](const DevEvent& event) { terminal_.Info(EventText(event, terminal_)); };
  Result<std::unique_ptr<DevServer>> server = commands_.StartDev(std::move(options));
  if (!server.has_value()) return terminal_.Error(server.error().message()), false;
  server_ = std::move(server).value();
  // The same address after a restart, also if the system has chosen the port.
  std::string origin = server_->public_origin();
  size_t port = origin.rfind(':');
  if (listen_.ends_with(":0") && port != std::string::npos) {
    listen_ = listen_.substr(0, listen_.size() - 2) + origin.substr(port);
  }
  Result<std::unique_ptr<Client>> client = Client::Open({server_->admin_origin(), server_->token()});
  if (!client.has_value()) return terminal_.Error(client.error().message()), false;
  client_ = std::move(client).value();
  return true;
}

bool Session::ClearState() {
  client_ = nullptr;
  server_ = nullptr;
  std::error_code error;
  std::filesystem::remove_all(config_.dir + "/.limpet", error);
  if (error) terminal_.Error(config_.dir + "/.limpet: " + error.message());
  if (!Start()) return false;
  terminal_.Info("cleared the state: what objects stored is gone");
  Load();
  return true;
}

bool Session::OnKey(char key) {
  switch (key) {
    case 'x':
    case 'q':
    case 4: return false;  // Ctrl-D.
    case 'r': Load(); return true;
    case 'c': return ClearState();
    case 'o': {
      Result<int> opened = RunProcess({"xdg-open", server_->public_origin()}, config_.dir);
      if (!opened.has_value() || opened.value() != 0)
        terminal_.Warn("no browser was found; open " + server_->public_origin());
      return true;
    }
    case 0: return true;
    default: terminal_.Dim(kMenu); return true;
  }
}

int Session::Run() {
  std::optional<ProjectConfig> config = LoadProject(arguments_, terminal_);
  if (!config) return kExitRefused;
  config_ = *std::move(config);
  listen_ = arguments_.listen;
  if (!Start()) return kExitRefused;
  Result<std::unique_ptr<Watcher>> watcher = Watcher::Open(config_.dir);
  if (!watcher.has_value()) return terminal_.Error(watcher.error().message()), kExitRefused;
  if (config_.assets) watcher.value()->Watch(AssetsFolder(config_));
  int stop_fd = OpenStopPipe();  // After the server has started: its handlers, if any, are replaced.
  if (stop_fd < 0) return terminal_.Error("can't open a pipe"), kExitRefused;
  Load();
  terminal_.Result(server_->public_origin());
  KeyInput keys;
  if (keys.fd() >= 0) terminal_.Dim(kMenu);
  for (;;) {
    // What the build command itself wrote is no change.
    if (!config_.build_command.empty()) watcher.value()->Discard();
    Watcher::Wake wake = watcher.value()->Wait(stop_fd, keys.fd(), kQuiet);
    if (wake == Watcher::Wake::kStopped) return kExitOk;
    if (wake == Watcher::Wake::kChanged) {
      Load();
    } else if (!OnKey(keys.Take())) {
      return server_ != nullptr ? kExitOk : kExitRefused;
    }
  }
}

}  // namespace

int RunDev(const Arguments& arguments, const Installation& installation, Commands& commands, const Terminal& terminal) {
  return Session(arguments, installation, commands, terminal).Run();
}

}  // namespace limpet::cli

#include "cli/dev.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "cli/client.h"
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
  config->code_update_strategy = Json();  // What is saved is to run.
  Result<Project> project = ReadProject(*config, arguments, installation, terminal, known);
  if (!project.has_value()) return terminal.Error(project.error().message()), false;
  Result<Published> published =
      Upload(*config, project.value(), NewClasses(*config, client), client, terminal, Progress::kQuiet);
  if (!published.has_value()) return terminal.Error(published.error().message()), false;
  auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started);
  terminal.Info(terminal.Grey(ClockText()) + " loaded " + published->name + " " +
                terminal.Grey(std::to_string(took.count()) + " ms"));
  return true;
}

}  // namespace

int RunDev(const Arguments& arguments, const Installation& installation, Commands& commands, const Terminal& terminal) {
  std::optional<ProjectConfig> config = LoadProject(arguments, terminal);
  if (!config) return kExitRefused;
  DevOptions options;
  options.listen = arguments.listen;
  options.data_dir = config->dir + "/.limpet";
  options.default_script = config->name;
  options.on_event = [&terminal](const DevEvent& event) { terminal.Info(EventText(event, terminal)); };
  Result<std::unique_ptr<DevServer>> server = commands.StartDev(std::move(options));
  if (!server.has_value()) {
    terminal.Error(server.error().message());
    return kExitRefused;
  }
  Result<std::unique_ptr<Client>> client = Client::Open({server.value()->admin_origin(), server.value()->token()});
  Result<std::unique_ptr<Watcher>> watcher = Watcher::Open(config->dir);
  if (!client.has_value() || !watcher.has_value()) {
    terminal.Error(!client.has_value() ? client.error().message() : watcher.error().message());
    return kExitRefused;
  }
  AssetHashes known;  // Static files that have not changed are not read again.
  if (config->assets) watcher.value()->Watch(AssetsFolder(*config));
  int stop_fd = OpenStopPipe();  // After the server has started: its handlers, if any, are replaced.
  if (stop_fd < 0) return terminal.Error("can't open a pipe"), kExitRefused;
  Reload(arguments, installation, *client.value(), terminal, &known);
  terminal.Result(server.value()->public_origin());
  for (;;) {
    // What the build command itself wrote is no change.
    if (!config->build_command.empty()) watcher.value()->Discard();
    if (!watcher.value()->Wait(stop_fd, kQuiet)) break;
    Reload(arguments, installation, *client.value(), terminal, &known);
  }
  return kExitOk;
}

}  // namespace limpet::cli

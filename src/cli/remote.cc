#include "cli/remote.h"

#include <termios.h>
#include <unistd.h>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/confirm.h"
#include "cli/dot_env.h"
#include "cli/json_list.h"
#include "cli/publish.h"

namespace limpet::cli {
namespace {

constexpr char kScripts[] = "/accounts/local/workers/scripts/";
constexpr char kJsonType[] = "application/json";
constexpr size_t kSecretBytesMax = 64 * 1024;

int Refuse(const Terminal& terminal, const Error& error) {
  terminal.Error(error.message());
  return kExitRefused;
}

// One script on one server.
struct Remote {
  std::string name;
  std::unique_ptr<Client> client;

  Result<Json> Call(const std::string& method, const std::string& path, const Json& body = {}) const {
    bool plain = body.is_null();
    LIMPET_TRY(ApiAnswer answer,
               client->Call(method, kScripts + name + path, plain ? "" : ToText(body), plain ? "" : kJsonType));
    if (!answer.success) return Refused(answer);
    return std::move(answer.result);
  }
};

// The script that --name or the configuration names.
std::optional<Remote> Open(const Arguments& arguments, const Terminal& terminal) {
  Remote remote{arguments.name, nullptr};
  if (remote.name.empty()) {
    std::optional<ProjectConfig> config = LoadProject(arguments, terminal);
    if (!config) return std::nullopt;
    remote.name = config->name;
  }
  if (remote.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") != std::string::npos) {
    terminal.Error("\"" + remote.name + "\" is no script name");
    return std::nullopt;
  }
  Result<std::unique_ptr<Client>> client = Connect(arguments.server, arguments.token);
  if (!client.has_value()) {
    terminal.Error(client.error().message());
    return std::nullopt;
  }
  remote.client = std::move(client).value();
  return remote;
}

// A line from the terminal, not shown while it is typed; or all of standard input, without its last line end.
Result<std::string> ReadSecret(const std::string& name) {
  std::string text;
  bool typed = isatty(STDIN_FILENO) != 0;
  termios before{};
  if (typed) {
    std::fprintf(stderr, "The value of %s: ", name.c_str());
    tcgetattr(STDIN_FILENO, &before);
    termios silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &silent);
  }
  for (int letter; (letter = std::fgetc(stdin)) != EOF && !(typed && letter == '\n');) {
    text.push_back(static_cast<char>(letter));
    if (text.size() > kSecretBytesMax) break;
  }
  if (typed) {
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
    std::fputc('\n', stderr);
  }
  if (text.size() > kSecretBytesMax) return Error(ErrorCode::kInvalidArgument, "A secret has 64 KiB at most");
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty()) return Error(ErrorCode::kInvalidArgument, "The secret is empty");
  return text;
}

// A JSON object, or lines NAME=value as in `.env`.
Result<Json> ReadBulk(const std::string& file) {
  std::string text;
  bool typed = file.empty() || file == "-";
  const std::string path = typed ? "standard input" : file;
  if (typed) {
    for (int letter; (letter = std::fgetc(stdin)) != EOF;) text.push_back(static_cast<char>(letter));
  } else {
    std::ifstream file(path, std::ios::binary);
    if (!file) return Error(ErrorCode::kNotFound, "can't read " + path);
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  size_t first = text.find_first_not_of(" \t\r\n");
  Result<Json> json = Json::MakeObject();
  if (first == std::string::npos || text[first] == '{' || text[first] == '[') {
    json = ParseJson(text);
  } else {
    for (auto& [name, value] : ParseDotEnv(text)) json->Set(name, std::move(value));
  }
  if (!json.has_value()) return std::move(json).error().While(path);
  Json secrets = Json::MakeObject();
  for (const auto& [name, value] : json->members()) {
    if (!value.is_string() && !value.is_null()) {
      return Error(ErrorCode::kInvalidArgument,
                   path + ": the value of \"" + name + "\" must be a text, or null to delete");
    }
    secrets.Set(name,
                value.is_null() ? Json() : Json().Set("name", name).Set("text", value).Set("type", "secret_text"));
  }
  if (!json->is_object() || secrets.members().empty()) {
    return Error(ErrorCode::kInvalidArgument, path + " must hold names and values: a JSON object, or lines NAME=value");
  }
  return Json().Set("secrets", std::move(secrets));
}

std::string Percent(double percentage) {
  char text[32];
  std::snprintf(text, sizeof text, "%g%%", percentage);
  return text;
}

void PrintDeployment(const Json& deployment, const Terminal& terminal) {
  std::string line = deployment["created_on"].AsString();
  for (const Json& version : deployment["versions"].items()) {
    line += "  " + Percent(version["percentage"].AsDouble()) + " " + version["version_id"].AsString();
  }
  const std::string& message = deployment["annotations"]["workers/message"].AsString();
  terminal.Result(message.empty() ? line : line + "  " + message);
}

void PrintVersion(const Json& version, const Terminal& terminal) {
  std::string line = version["id"].AsString() + "  " + version["metadata"]["created_on"].AsString() + "  number " +
                     std::to_string(version["number"].AsInt64());
  for (const char* key : {"workers/tag", "workers/message"}) {
    const std::string& text = version["annotations"][key].AsString();
    if (!text.empty()) line += "  " + text;
  }
  terminal.Result(line);
}

std::string Joined(const Json& list) {
  std::string text;
  for (const Json& item : list.items()) text += (text.empty() ? "" : ", ") + item.AsString();
  return text;
}

// As `wrangler versions view` has it.
void PrintVersionWhole(const Json& version, const Terminal& terminal) {
  auto show = [&](std::string name, const std::string& text) {
    name.resize(21, ' ');
    if (!text.empty()) terminal.Result(name + text);
  };
  const Json& runtime = version["resources"]["script_runtime"];
  show("Version ID:", version["id"].AsString());
  show("Number:", std::to_string(version["number"].AsInt64()));
  show("Created:", version["metadata"]["created_on"].AsString());
  show("Tag:", version["annotations"]["workers/tag"].AsString());
  show("Message:", version["annotations"]["workers/message"].AsString());
  show("Handlers:", Joined(version["resources"]["script"]["handlers"]));
  show("Compatibility date:", runtime["compatibility_date"].AsString());
  show("Compatibility flags:", Joined(runtime["compatibility_flags"]));
  for (const Json& binding : version["resources"]["bindings"].items()) {
    show("Binding:", binding["name"].AsString() + "  " + binding["type"].AsString());
  }
}

std::string Quoted(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string path;
  for (char letter : text) {
    auto byte = static_cast<unsigned char>(letter);
    bool plain = std::isalnum(byte) != 0 || letter == '-' || letter == '_' || letter == '.' || letter == '~';
    if (plain) {
      path.push_back(letter);
    } else {
      path.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
  }
  return path;
}

}  // namespace

Result<Json> ReadShares(const std::vector<std::string>& words) {
  std::vector<std::pair<std::string, double>> shares;
  double given = 0;
  size_t open = 0;
  for (const std::string& word : words) {
    size_t at = word.find('@');
    double percentage = -1;
    if (at != std::string::npos) {
      const char* end = word.data() + word.size() - (word.ends_with('%') ? 1 : 0);
      auto [stop, error] = std::from_chars(word.data() + at + 1, end, percentage);
      if (error != std::errc() || stop != end || !(percentage >= 0 && percentage <= 100)) {
        return Error(ErrorCode::kInvalidArgument, "\"" + word + "\": write VERSION@PERCENT, 0 to 100");
      }
      given += percentage;
    } else {
      ++open;
    }
    shares.emplace_back(word.substr(0, at), percentage);
  }
  if (given > 100.01 || (open == 0 && std::abs(given - 100) > 0.01)) {
    return Error(ErrorCode::kInvalidArgument, "The percentages sum up to " + Percent(given) + ", not to 100%");
  }
  Json versions = Json::MakeArray();
  for (const auto& [id, percentage] : shares) {
    double share = percentage >= 0 ? percentage : (100 - given) / static_cast<double>(open);
    versions.Append(Json().Set("version_id", id).Set("percentage", share));
  }
  return versions;
}

std::string DescribeEvent(const Json& event, const Terminal& terminal) {
  const Json& what = event["event"];
  std::string head;
  if (const Json* request = what.Find("request")) {
    head = (*request)["method"].AsString() + " " + (*request)["url"].AsString();
    if (int64_t status = what["response"]["status"].AsInt64(); status != 0) head += " " + std::to_string(status);
  } else if (what.Find("rpcMethod") != nullptr) {
    head = "call " + what["rpcMethod"].AsString();
  } else if (what.Find("cron") != nullptr) {
    head = "cron \"" + what["cron"].AsString() + "\"";
  } else if (what.Find("scheduledTime") != nullptr) {
    head = "alarm";
  } else if (const Json* socket = what.Find("getWebSocketEvent")) {
    head = "websocket " + (*socket)["webSocketEventType"].AsString();
  } else {
    head = "event";
  }
  if (const std::string& entrypoint = event["entrypoint"].AsString(); !entrypoint.empty()) head += " of " + entrypoint;
  const std::string& outcome = event["outcome"].AsString();
  std::string text = head + " " + (outcome == "ok" ? terminal.Green(outcome) : terminal.Red(outcome));
  text += terminal.Grey(" " + std::to_string(event["wallTime"].AsInt64()) + " ms");
  for (const Json& log : event["logs"].items()) {
    text += "\n  " + terminal.Grey(log["level"].AsString());
    for (const Json& part : log["message"].items()) text += " " + (part.is_string() ? part.AsString() : ToText(part));
  }
  for (const Json& thrown : event["exceptions"].items()) {
    const std::string& stack = thrown["stack"].AsString();
    text +=
        "\n  " + terminal.Red(stack.empty() ? thrown["name"].AsString() + ": " + thrown["message"].AsString() : stack);
  }
  return text;
}

int RunSecret(const Arguments& arguments, const Terminal& terminal) {
  std::optional<Remote> remote = Open(arguments, terminal);
  if (!remote) return kExitRefused;
  const std::string& key = arguments.key;
  if (arguments.action == "list") {
    Result<Json> secrets = remote->Call("GET", "/secrets");
    if (!secrets.has_value()) return Refuse(terminal, secrets.error());
    if (arguments.output_json) {
      terminal.Result(ToText(secrets.value()));
    } else {
      for (const Json& secret : secrets->items()) terminal.Result(secret["name"].AsString());
    }
    return kExitOk;
  }
  Result<Json> done = Json();
  if (arguments.action == "put") {
    Result<std::string> text = ReadSecret(key);
    if (!text.has_value()) return Refuse(terminal, text.error());
    done = remote->Call("PUT", "/secrets", Json().Set("name", key).Set("text", *text).Set("type", "secret_text"));
  } else if (arguments.action == "delete") {
    if (!Confirmed(arguments, "Delete the secret " + key + " of " + remote->name + "?", terminal)) return kExitRefused;
    done = remote->Call("DELETE", "/secrets/" + Quoted(key));
  } else {
    Result<Json> bulk = ReadBulk(key);
    if (!bulk.has_value()) return Refuse(terminal, bulk.error());
    done = remote->Call("PATCH", "/secrets-bulk", *bulk);
  }
  if (!done.has_value()) return Refuse(terminal, done.error());
  if (arguments.output_json) PrintDone(terminal);
  terminal.Info(arguments.action == "delete" ? "Deleted " + key + " of " + remote->name
                                             : "Set, and live: " + remote->name);
  return kExitOk;
}

int RunVersions(const Arguments& arguments, const Terminal& terminal) {
  std::optional<Remote> remote = Open(arguments, terminal);
  if (!remote) return kExitRefused;
  if (arguments.action == "list") {
    Result<Json> versions = remote->Call("GET", "/versions");
    if (!versions.has_value()) return Refuse(terminal, versions.error());
    JsonList list(terminal);
    for (const Json& version : (*versions)["items"].items()) {
      if (arguments.output_json) {
        list.Add(version);
      } else {
        PrintVersion(version, terminal);
      }
    }
    if (arguments.output_json) list.End();
    return kExitOk;
  }
  if (arguments.action == "view") {
    Result<Json> version = remote->Call("GET", "/versions/" + Quoted(arguments.key));
    if (!version.has_value()) return Refuse(terminal, version.error());
    if (arguments.output_json) {
      terminal.Result(ToText(version.value()));
    } else {
      PrintVersionWhole(version.value(), terminal);
    }
    return kExitOk;
  }
  Result<Json> shares = ReadShares(arguments.words);
  if (!shares.has_value()) return Refuse(terminal, shares.error());
  Json body = Json().Set("strategy", "percentage").Set("versions", *shares);
  if (!arguments.message.empty()) body.Set("annotations", Json().Set("workers/message", arguments.message));
  Result<Json> deployed = remote->Call("POST", "/deployments", body);
  if (!deployed.has_value()) return Refuse(terminal, deployed.error());
  if (arguments.output_json) terminal.Result(ToText(deployed.value()));
  terminal.Info("Live: " + remote->name);
  return kExitOk;
}

int RunDeployments(const Arguments& arguments, const Terminal& terminal) {
  std::optional<Remote> remote = Open(arguments, terminal);
  if (!remote) return kExitRefused;
  Result<Json> all = remote->Call("GET", "/deployments");
  if (!all.has_value()) return Refuse(terminal, all.error());
  const Json::Array& deployments = (*all)["deployments"].items();  // The newest first.
  if (arguments.action == "status") {
    if (deployments.empty()) return Refuse(terminal, Error(ErrorCode::kNotFound, "nothing of it is deployed"));
    if (arguments.output_json) {
      terminal.Result(ToText(deployments[0]));
    } else {
      PrintDeployment(deployments[0], terminal);
    }
    return kExitOk;
  }
  JsonList list(terminal);
  for (const Json& deployment : deployments) {
    if (arguments.output_json) {
      list.Add(deployment);
    } else {
      PrintDeployment(deployment, terminal);
    }
  }
  if (arguments.output_json) list.End();
  return kExitOk;
}

int RunRollback(const Arguments& arguments, const Terminal& terminal) {
  std::optional<Remote> remote = Open(arguments, terminal);
  if (!remote) return kExitRefused;
  std::string id = arguments.key;
  if (id.empty()) {
    Result<Json> all = remote->Call("GET", "/deployments");
    if (!all.has_value()) return Refuse(terminal, all.error());
    const Json::Array& deployments = (*all)["deployments"].items();
    // What was live alone before, and is not now.
    for (size_t i = 1; i < deployments.size() && id.empty(); ++i) {
      const Json::Array& versions = deployments[i]["versions"].items();
      if (versions.size() == 1 && deployments[i]["versions"] != deployments[0]["versions"]) {
        id = versions[0]["version_id"].AsString();
      }
    }
    if (id.empty())
      return Refuse(terminal, Error(ErrorCode::kNotFound, "There is no earlier deployment to go back to"));
  }
  std::string message = arguments.message.empty() ? "Rollback" : arguments.message;
  Json versions = Json::MakeArray({Json().Set("version_id", id).Set("percentage", 100)});
  Json body = Json().Set("strategy", "percentage").Set("versions", std::move(versions));
  Result<Json> deployed =
      remote->Call("POST", "/deployments", body.Set("annotations", Json().Set("workers/message", message)));
  if (!deployed.has_value()) return Refuse(terminal, deployed.error());
  if (arguments.output_json) terminal.Result(ToText(deployed.value()));
  terminal.Info("Live again: version " + id + " of " + remote->name);
  return kExitOk;
}

int RunTail(const Arguments& arguments, const Terminal& terminal) {
  std::optional<Remote> remote = Open(arguments, terminal);
  if (!remote) return kExitRefused;
  Json filters = Json::MakeArray();
  auto words = [](const std::vector<std::string>& list) { return Json(Json::Array(list.begin(), list.end())); };
  if (!arguments.outcomes.empty()) filters.Append(Json().Set("outcome", words(arguments.outcomes)));
  if (!arguments.methods.empty()) filters.Append(Json().Set("method", words(arguments.methods)));
  if (!arguments.search.empty()) filters.Append(Json().Set("query", arguments.search));
  if (!arguments.client_ip.empty()) filters.Append(Json().Set("client_ip", words({arguments.client_ip})));
  if (!arguments.version_id.empty()) filters.Append(Json().Set("scriptVersion", arguments.version_id));
  if (arguments.sampling_rate) filters.Append(Json().Set("sampling_rate", *arguments.sampling_rate));
  if (!arguments.header.empty()) {
    size_t colon = arguments.header.find(':');
    Json header = Json().Set("key", arguments.header.substr(0, colon));
    if (colon != std::string::npos) header.Set("query", arguments.header.substr(colon + 1));
    filters.Append(Json().Set("header", std::move(header)));
  }
  Result<Json> tail = remote->Call("POST", "/tails", Json().Set("filters", std::move(filters)));
  if (!tail.has_value()) return Refuse(terminal, tail.error());
  terminal.Info("Listening to " + remote->name);
  Result<Done> ended = remote->client->Listen((*tail)["url"].AsString(), "trace-v1", [&](BytesView text) {
    Result<Json> event = ParseJson(text);
    if (!event.has_value()) return;
    terminal.Result(arguments.output_json ? std::string(text) : DescribeEvent(*event, terminal));
    std::fflush(stdout);
  });
  if (!ended.has_value()) return Refuse(terminal, ended.error());
  terminal.Info("The server has ended it");
  return kExitOk;
}

}  // namespace limpet::cli

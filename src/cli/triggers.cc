#include "cli/triggers.h"

#include <algorithm>
#include <memory>

#include "cli/cli.h"
#include "cli/publish.h"

namespace limpet::cli {
namespace {

std::string ScriptPath(const std::string& name) { return "/accounts/local/workers/scripts/" + name; }

int Refuse(const Terminal& terminal, const Error& error) {
  terminal.Error(error.message());
  return kExitRefused;
}

}  // namespace

Result<Done> PutTriggers(const ProjectConfig& config, Client& client) {
  auto put = [&](const char* path, const Json& value) -> Result<Done> {
    LIMPET_TRY(ApiAnswer answer, client.Call("PUT", ScriptPath(config.name) + path, ToText(value), "application/json"));
    if (!answer.success) return Refused(answer);
    return Done{};
  };
  if (!config.crons.is_null()) {
    LIMPET_TRY([[maybe_unused]] Done crons, put("/schedules", config.crons));
  }
  if (config.routes.is_null()) return Done{};
  Json routes = Json::MakeArray(), origins = Json::MakeArray();
  for (const Json& route : config.routes.items()) {
    if (route["custom_domain"].AsBool()) {
      origins.Append(Json().Set("hostname", route["pattern"]));
    } else {
      routes.Append(route);
    }
  }
  LIMPET_TRY([[maybe_unused]] Done routed, put("/routes", routes));
  LIMPET_TRY([[maybe_unused]] Done named, put("/domains/records", Json().Set("origins", std::move(origins))));
  return Done{};
}

std::vector<std::string> Addresses(const ProjectConfig& config, const std::string& url) {
  std::vector<std::string> addresses;
  if (config.workers_dev) addresses.push_back(url);
  size_t host = std::min(url.size(), url.find("://") + 3);
  size_t port = std::min(url.size(), url.find(':', host));
  for (const Json& route : config.routes.items()) {
    const std::string& pattern = route["pattern"].AsString();
    bool domain = route["custom_domain"].AsBool();
    addresses.push_back(domain ? url.substr(0, host) + pattern + url.substr(port) : pattern);
  }
  return addresses;
}

std::vector<std::string> CronTexts(const ProjectConfig& config) {
  std::vector<std::string> texts;
  for (const Json& item : config.crons.items()) texts.push_back("schedule: " + item["cron"].AsString());
  return texts;
}

int RunTriggers(const Arguments& arguments, const Terminal& terminal) {
  std::optional<ProjectConfig> config = LoadProject(arguments, terminal);
  if (!config) return kExitRefused;
  if (config->crons.is_null() && config->routes.is_null()) {
    terminal.Warn("the configuration names neither routes nor crons: nothing changes");
  }
  Result<std::unique_ptr<Client>> client = Connect(arguments.server, arguments.token);
  if (!client.has_value()) return Refuse(terminal, client.error());
  Result<Done> put = PutTriggers(*config, *client.value());
  if (!put.has_value()) return Refuse(terminal, put.error());
  terminal.Info("Deployed " + config->name + " triggers");
  for (const Json& route : config->routes.items()) terminal.Result(route["pattern"].AsString());
  for (const std::string& text : CronTexts(*config)) terminal.Result(text);
  return kExitOk;
}

}  // namespace limpet::cli

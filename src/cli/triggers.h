// What starts a script beside its own address: routes, custom domains, cron triggers.
#pragma once

#include <string>
#include <vector>

#include "cli/args.h"
#include "cli/client.h"
#include "cli/config/project_config.h"
#include "cli/terminal.h"

namespace limpet::cli {

// Puts those that `config` names in place of the script's. What it does not name at all stays as it is.
Result<Done> PutTriggers(const ProjectConfig& config, Client& client);
// Where a script answers whose own address is `url`: addresses, and the patterns of its routes.
std::vector<std::string> Addresses(const ProjectConfig& config, const std::string& url);
// For `config.crons`, one text each: what the tool says of them. Empty: it names none.
std::vector<std::string> CronTexts(const ProjectConfig& config);

// `limpet triggers deploy`
int RunTriggers(const Arguments& arguments, const Terminal& terminal);

}  // namespace limpet::cli

// What is done to a script that is on a server: its secrets, versions, deployments, and what its events say.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "cli/args.h"
#include "cli/terminal.h"

namespace limpet::cli {

int RunSecret(const Arguments& arguments, const Terminal& terminal);
int RunVersions(const Arguments& arguments, const Terminal& terminal);
int RunDeployments(const Arguments& arguments, const Terminal& terminal);
int RunRollback(const Arguments& arguments, const Terminal& terminal);
// Until the server ends it, or a signal.
int RunTail(const Arguments& arguments, const Terminal& terminal);

// "ID@20" and the like to shares that sum up to 100: what has no percentage gets an equal part of the rest. Pure.
Result<Json> ReadShares(const std::vector<std::string>& words);
// What a person reads of an event that a tail told, some lines. Pure.
std::string DescribeEvent(const Json& event, const Terminal& terminal);

}  // namespace limpet::cli

#include <cstdlib>

#include "cli/access.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/completion.h"
#include "cli/dev.h"
#include "cli/generate.h"
#include "cli/kv.h"
#include "cli/login.h"
#include "cli/objects.h"
#include "cli/publish.h"
#include "cli/remote.h"
#include "cli/terminal.h"
#include "cli/triggers.h"

namespace limpet::cli {

int Main(const std::vector<std::string>& arguments, const Installation& installation, Commands& commands) {
  Terminal terminal;
  ParsedArguments parsed = ParseArguments(arguments, installation.version);
  if (!parsed.arguments) {
    if (parsed.exit.code == kExitOk) {
      terminal.Result(parsed.exit.text);
    } else {
      terminal.Error(parsed.exit.text);
    }
    return parsed.exit.code;
  }
  // The client looks at one place for it.
  if (!parsed.arguments->profile.empty()) setenv("LIMPET_PROFILE", parsed.arguments->profile.c_str(), 1);
  switch (parsed.arguments->command) {
    case Command::kGenerate: return RunGenerate(*parsed.arguments, installation, terminal);
    case Command::kPublish: return RunPublish(*parsed.arguments, installation, terminal);
    case Command::kDelete: return RunDelete(*parsed.arguments, terminal);
    case Command::kWhoami: return RunWhoami(*parsed.arguments, terminal);
    case Command::kServe: return commands.Serve(std::move(parsed.arguments->serve));
    case Command::kDev: return RunDev(*parsed.arguments, installation, commands, terminal);
    case Command::kObjectsList: return RunObjectsList(*parsed.arguments, terminal);
    case Command::kObjectsGet: return RunObjectsGet(*parsed.arguments, terminal);
    case Command::kObjectsBookmarks: return RunObjectsBookmarks(*parsed.arguments, terminal);
    case Command::kObjectsExport: return RunObjectsExport(*parsed.arguments, terminal);
    case Command::kObjectsImport: return RunObjectsImport(*parsed.arguments, terminal);
    case Command::kObjectsFork: return RunObjectsFork(*parsed.arguments, terminal);
    case Command::kObjectsRestore: return RunObjectsRestore(*parsed.arguments, terminal);
    case Command::kObjectsDelete: return RunObjectsDelete(*parsed.arguments, terminal);
    case Command::kTokenCreate: return RunTokenCreate(*parsed.arguments, terminal);
    case Command::kTokenList: return RunTokenList(*parsed.arguments, terminal);
    case Command::kTokenRevoke: return RunTokenRevoke(*parsed.arguments, terminal);
    case Command::kAudit: return RunAudit(*parsed.arguments, terminal);
    case Command::kSecret: return RunSecret(*parsed.arguments, terminal);
    case Command::kVersions:
      if (parsed.arguments->action == "upload") return RunVersionsUpload(*parsed.arguments, installation, terminal);
      return RunVersions(*parsed.arguments, terminal);
    case Command::kDeployments: return RunDeployments(*parsed.arguments, terminal);
    case Command::kRollback: return RunRollback(*parsed.arguments, terminal);
    case Command::kTail: return RunTail(*parsed.arguments, terminal);
    case Command::kTriggers: return RunTriggers(*parsed.arguments, terminal);
    case Command::kKv: return RunKv(*parsed.arguments, terminal);
    case Command::kLogin: return RunLogin(*parsed.arguments, terminal);
    case Command::kLogout: return RunLogout(*parsed.arguments, terminal);
    case Command::kCompletion: return RunCompletion(*parsed.arguments);
    case Command::kNone: break;
  }
  return kExitUsage;
}

}  // namespace limpet::cli

// What a shell asks to complete a command line of the tool: scripts for bash, zsh and fish, made from the commands as
// args.cc knows them. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/args.h"

namespace limpet::cli {

struct FlagHelp {
  std::vector<std::string> names = {};  // "--config", "-c"
  std::string about = {};
  bool takes_value = false;
  std::vector<std::string> choices = {};  // The values that it takes, if they are a few.
};

struct CommandHelp {
  std::vector<std::string> names = {};  // "publish", "deploy"; of the program itself: none.
  std::string about = {};
  std::vector<FlagHelp> flags = {};
  std::vector<CommandHelp> commands = {};
};

// The program with all its commands. (Of `serve`, whose flags are another layer's, without them.)
CommandHelp DescribeCommands();

// The flags in a text of `--help` that has one a line: "  --data-dir DIR   where …".
std::vector<FlagHelp> ReadFlags(const std::string& help);

// Of "bash", "zsh" or "fish". Errors: kInvalidArgument (another shell), which names them.
Result<std::string> CompletionScript(const std::string& shell, const CommandHelp& program);

// limpet completion SHELL: prints it.
int RunCompletion(const Arguments& arguments);

}  // namespace limpet::cli

#include "cli/completion.h"

#include <algorithm>
#include <cctype>

#include "base/function.h"
#include "cli/cli.h"
#include "cli/terminal.h"
#include "server/flags.h"

namespace limpet::cli {
namespace {

std::string Joined(const std::vector<std::string>& words, std::string_view between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : std::string(between)) + word;
  return text;
}

// In single quotes, as bash and zsh read them.
std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// The same for fish, where a backslash escapes within them.
std::string FishQuoted(const std::string& text) {
  std::string quoted = "'";
  for (char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

// Calls `each` with every command below `command` and with its paths: "kv/key/put"; a command of two names has two.
void Walk(const CommandHelp& command, const std::vector<std::string>& paths,
          FunctionRef<void(const CommandHelp&, const std::vector<std::string>&)> each) {
  each(command, paths);
  for (const CommandHelp& next : command.commands) {
    std::vector<std::string> below;
    for (const std::string& path : paths) {
      for (const std::string& name : next.names) below.push_back(path.empty() ? name : path + "/" + name);
    }
    Walk(next, below, each);
  }
}

std::vector<std::string> AllPaths(const CommandHelp& program) {
  std::vector<std::string> all;
  Walk(program, {""}, [&](const CommandHelp&, const std::vector<std::string>& paths) {
    for (const std::string& path : paths) {
      if (!path.empty()) all.push_back(path);
    }
  });
  return all;
}

// The pattern of a `case` for the paths.
std::string Pattern(const std::vector<std::string>& paths, const std::string& flag = "") {
  std::vector<std::string> quoted;
  for (const std::string& path : paths) quoted.push_back(Quoted(flag.empty() ? path : path + " " + flag));
  return Joined(quoted, "|");
}

// Branches of a `case` over "PATH FLAG": the values that a flag takes; the same words in bash and zsh.
std::string ChoiceBranches(const CommandHelp& program) {
  std::string branches;
  Walk(program, {""}, [&](const CommandHelp& command, const std::vector<std::string>& paths) {
    for (const FlagHelp& flag : command.flags) {
      if (flag.choices.empty()) continue;
      for (const std::string& name : flag.names) {
        branches += "    " + Pattern(paths, name) + ") choices=" + Quoted(Joined(flag.choices, " ")) + " ;;\n";
      }
    }
  });
  return branches;
}

std::string Bash(const CommandHelp& program) {
  std::string branches;
  Walk(program, {""}, [&](const CommandHelp& command, const std::vector<std::string>& paths) {
    std::vector<std::string> words;
    for (const CommandHelp& next : command.commands) words.insert(words.end(), next.names.begin(), next.names.end());
    for (const FlagHelp& flag : command.flags) {
      std::ranges::copy_if(flag.names, std::back_inserter(words), [](const auto& name) { return name[1] == '-'; });
    }
    branches += "    " + Pattern(paths) + ") words=" + Quoted(Joined(words, " ")) + " ;;\n";
  });
  return R"(# bash completion of limpet
_limpet() {
  local command="" word words="" choices="" at current="${COMP_WORDS[COMP_CWORD]}"
  for ((at = 1; at < COMP_CWORD; at++)); do
    word="${COMP_WORDS[at]}"
    case "$word" in -*) continue ;; esac
    case " $_limpet_commands " in *" ${command:+${command}/}$word "*) command="${command:+${command}/}$word" ;; esac
  done
  case "$command ${COMP_WORDS[COMP_CWORD-1]}" in
)" + ChoiceBranches(program) +
         R"(  esac
  case "$command" in
)" + branches +
         R"(  esac
  COMPREPLY=($(compgen -W "${choices:-$words}" -- "$current"))
  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$current"))
}
_limpet_commands=)" +
         Quoted(Joined(AllPaths(program), " ")) + "\ncomplete -o filenames -F _limpet limpet\n";
}

// "name:about" of each name, as _describe takes them.
std::string Described(const std::vector<std::string>& names, const std::string& about) {
  std::string text;
  for (const std::string& name : names) text += " " + Quoted(name + ":" + about);
  return text;
}

std::string Zsh(const CommandHelp& program) {
  std::string branches;
  Walk(program, {""}, [&](const CommandHelp& command, const std::vector<std::string>& paths) {
    std::string commands, flags;
    for (const CommandHelp& next : command.commands) commands += Described(next.names, next.about);
    for (const FlagHelp& flag : command.flags) flags += Described(flag.names, flag.about);
    branches += "    " + Pattern(paths) + ") commands=(" + commands + " ) flags=(" + flags + " ) ;;\n";
  });
  return R"(#compdef limpet
# zsh completion of limpet
_limpet() {
  local at="" word choices=""
  local -a commands flags known
  known=()" +
         Joined(AllPaths(program), " ") + R"()
  for word in "${(@)words[2,CURRENT-1]}"; do
    [[ $word == -* ]] && continue
    (( ${known[(Ie)${at:+$at/}$word]} )) && at="${at:+$at/}$word"
  done
  case "$at ${words[CURRENT-1]}" in
)" + ChoiceBranches(program) +
         R"(  esac
  if [[ -n $choices ]]; then
    compadd -- ${=choices}
    return
  fi
  case "$at" in
)" + branches +
         R"(  esac
  if [[ $PREFIX == -* ]]; then
    _describe -o flag flags
  elif (( $#commands )); then
    _describe command commands
  else
    _files
  fi
}
if [[ $funcstack[1] == _limpet ]]; then
  _limpet "$@"
else
  compdef _limpet limpet
fi
)";
}

std::string Fish(const CommandHelp& program) {
  std::string lines;
  Walk(program, {""}, [&](const CommandHelp& command, const std::vector<std::string>& paths) {
    std::string at;
    for (const std::string& path : paths) at += " " + (path.empty() ? "/" : path);
    std::string start = "complete -c limpet -n '__limpet_at" + at + "'";
    for (const CommandHelp& next : command.commands) {
      for (const std::string& name : next.names) {
        lines += start + " -f -a " + name + " -d " + FishQuoted(next.about) + "\n";
      }
    }
    for (const FlagHelp& flag : command.flags) {
      lines += start;
      for (const std::string& name : flag.names) {
        lines += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (!flag.choices.empty()) {
        lines += " -x -a " + FishQuoted(Joined(flag.choices, " "));
      } else if (flag.takes_value) {
        lines += " -r";
      }
      lines += " -d " + FishQuoted(flag.about) + "\n";
    }
  });
  return R"(# fish completion of limpet
# Whether the command that has been typed so far is one of the arguments; "/" is none.
function __limpet_at
  set -l at /
  for word in (commandline -opc)[2..-1]
    string match -q -- '-*' $word; and continue
    set -l next (string replace -r '^/' '' -- "$at/$word" | string replace -r '^/' '')
    contains -- $next $__limpet_commands; and set at $next
  end
  contains -- $at $argv
end
set -g __limpet_commands )" +
         Joined(AllPaths(program), " ") + "\n" + lines;
}

}  // namespace

std::vector<FlagHelp> ReadFlags(const std::string& help) {
  std::vector<FlagHelp> flags;
  for (size_t at = 0; at < help.size();) {
    size_t end = std::min(help.find('\n', at), help.size());
    std::string line = help.substr(at, end - at);
    at = end + 1;
    if (!line.starts_with("  --")) continue;
    size_t name_end = std::min(line.find(' ', 2), line.size());
    FlagHelp flag{.names = {line.substr(2, name_end - 2)}};
    size_t text = name_end + 1;
    auto upper = [&](size_t i) { return i < line.size() && std::isupper(static_cast<unsigned char>(line[i])) != 0; };
    if (upper(text)) {  // What it takes.
      flag.takes_value = true;
      text = std::min(line.find(' ', text), line.size());
    }
    text = std::min(line.find_first_not_of(' ', text), line.size());
    flag.about = line.substr(text);
    flags.push_back(std::move(flag));
  }
  return flags;
}

Result<std::string> CompletionScript(const std::string& shell, const CommandHelp& program) {
  if (shell == "bash") return Bash(program);
  if (shell == "zsh") return Zsh(program);
  if (shell == "fish") return Fish(program);
  return Error(ErrorCode::kInvalidArgument, "completion is for bash, zsh and fish, not for \"" + shell + "\"");
}

int RunCompletion(const Arguments& arguments) {
  CommandHelp program = DescribeCommands();
  for (CommandHelp& command : program.commands) {
    if (command.names[0] == "serve") command.flags = ReadFlags(server::ServeHelp());
  }
  Terminal terminal;
  Result<std::string> script = CompletionScript(arguments.name, program);
  if (!script.has_value()) {
    terminal.Error(script.error().message());
    return kExitUsage;
  }
  script->pop_back();  // Result() ends the line.
  terminal.Result(*script);
  return kExitOk;
}

}  // namespace limpet::cli

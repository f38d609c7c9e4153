// Commands and flags of wrangler's that this tool does not have. Pure.
#pragma once

#include <optional>
#include <string>

namespace limpet::cli {

// What to do instead of `limpet WORD`; nothing if it is no command of wrangler's either.
std::optional<std::string> ForeignCommand(const std::string& word);
// The same for a flag, "--remote", of whichever command.
std::optional<std::string> ForeignFlag(const std::string& flag);

}  // namespace limpet::cli

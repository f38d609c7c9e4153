#include "cli/confirm.h"

#include <unistd.h>

#include <cstdio>

namespace limpet::cli {

bool Confirmed(const Arguments& arguments, const std::string& question, const Terminal& terminal) {
  if (arguments.yes || arguments.force || arguments.output_json) return true;
  if (isatty(STDIN_FILENO) == 0 || isatty(STDERR_FILENO) == 0) return true;
  std::fprintf(stderr, "%s [y/N] ", question.c_str());
  std::string line;
  for (int letter; (letter = std::fgetc(stdin)) != EOF && letter != '\n';) line.push_back(static_cast<char>(letter));
  if (line == "y" || line == "Y" || line == "yes") return true;
  terminal.Info("Nothing was done");
  return false;
}

}  // namespace limpet::cli

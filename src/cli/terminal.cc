#include "cli/terminal.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace limpet::cli {
namespace {

void Write(FILE* out, std::string_view line) {
  std::string text(line);
  text += '\n';
  fwrite(text.data(), 1, text.size(), out);
  fflush(out);
}

}  // namespace

Terminal::Terminal() {
  const char* term = std::getenv("TERM");
  colours_ = isatty(STDERR_FILENO) != 0 && isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr &&
             term != nullptr && std::string_view(term) != "dumb";
}

std::string Terminal::Paint(const char* code, std::string_view text) const {
  if (!colours_) return std::string(text);
  return std::string("\x1b[").append(code).append("m").append(text).append("\x1b[0m");
}

void Terminal::Result(std::string_view line) const { Write(stdout, line); }
void Terminal::Info(std::string_view line) const { Write(stderr, line); }
void Terminal::Warn(std::string_view line) const { Write(stderr, Paint("33", "warning: ") + std::string(line)); }
void Terminal::Error(std::string_view line) const { Write(stderr, Paint("31", "error: ") + std::string(line)); }
void Terminal::Dim(std::string_view line) const { Write(stderr, Paint("90", line)); }

}  // namespace limpet::cli

#include "cli/keys_input.h"

#include <unistd.h>

#include <cctype>

namespace limpet::cli {

KeyInput::KeyInput() {
  // In the background the terminal belongs to somebody else: touching it would stop us.
  if (tcgetpgrp(STDIN_FILENO) != getpgrp()) return;
  if (isatty(STDIN_FILENO) == 0 || isatty(STDERR_FILENO) == 0 || tcgetattr(STDIN_FILENO, &before_) != 0) return;
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0) fd_ = STDIN_FILENO;
}

KeyInput::~KeyInput() {
  if (fd_ >= 0 && tcgetpgrp(STDIN_FILENO) == getpgrp()) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

char KeyInput::Take() {
  char key = 0;
  if (fd_ < 0) return 0;
  if (read(fd_, &key, 1) == 1) return static_cast<char>(std::tolower(static_cast<unsigned char>(key)));
  // The terminal has gone: it would be readable for ever.
  tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  fd_ = -1;
  return 0;
}

}  // namespace limpet::cli

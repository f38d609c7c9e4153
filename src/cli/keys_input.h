// Single keys of the terminal, for `limpet dev`.
#pragma once

#include <termios.h>

namespace limpet::cli {

// Puts the terminal into a mode in which a key is there at once and is not shown; Ctrl-C stays a signal. Put back when
// this is destroyed. Without a terminal on standard input and standard error, and in the background, there are
// no keys.
class KeyInput {
 public:
  KeyInput();
  ~KeyInput();
  KeyInput(const KeyInput&) = delete;
  KeyInput& operator=(const KeyInput&) = delete;

  int fd() const { return fd_; }  // Readable when a key is there; -1: no keys.
  // The key, a letter in lower case; 0: none, or no more will come.
  char Take();

 private:
  int fd_ = -1;
  termios before_{};
};

}  // namespace limpet::cli

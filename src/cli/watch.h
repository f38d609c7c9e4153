// Waits for files below a folder to change (inotify).
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"

namespace limpet::cli {

inline constexpr size_t kWatchedFoldersMax = 10'000;

// One thread. node_modules and what begins with a dot are left out, but for .dev.vars, .env and .assetsignore.
class Watcher {
 public:
  static Result<std::unique_ptr<Watcher>> Open(const std::string& dir);
  ~Watcher();
  enum class Wake : uint8_t { kChanged, kStopped, kKey };
  // Returns after a change, once nothing has changed for `quiet` (an editor writes in several steps), or when `stop_fd`
  // or `key_fd` (-1: none) can be read.
  Wake Wait(int stop_fd, int key_fd, std::chrono::milliseconds quiet);
  // That folder too, if it is another one; what it begins with does not matter.
  void Watch(const std::string& dir) { Add(dir); }
  // Forgets what has changed so far.
  void Discard() { ReadEvents(); }

 private:
  explicit Watcher(int fd) : fd_(fd) {}
  void Add(const std::string& dir);
  bool ReadEvents();  // True if one of them matters.

  int fd_;
  std::map<int, std::string> folders_;
};

}  // namespace limpet::cli

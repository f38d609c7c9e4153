// Waits for files below a folder to change (inotify).
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"

namespace limpet::cli {

inline constexpr size_t kWatchedFoldersMax = 10'000;

// One thread. node_modules and folders that begin with a dot are left out.
class Watcher {
 public:
  static Result<std::unique_ptr<Watcher>> Open(const std::string& dir);
  ~Watcher();
  // Returns true after a change, once nothing has changed for `quiet` (an editor writes in several steps); false when
  // `stop_fd` becomes readable.
  bool Wait(int stop_fd, std::chrono::milliseconds quiet);
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

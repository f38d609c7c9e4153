#include "cli/watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cli/dot_env.h"

namespace limpet::cli {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE;

bool IsIgnored(std::string_view name) {
  if (IsDevVariablesFile(name) || name == ".assetsignore") return false;
  return name.starts_with(".") || name == "node_modules";
}

}  // namespace

Result<std::unique_ptr<Watcher>> Watcher::Open(const std::string& dir) {
  int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return Error(ErrorCode::kUnavailable, std::string("watch files: ") + std::strerror(errno));
  std::unique_ptr<Watcher> watcher(new Watcher(fd));
  watcher->Add(dir);
  if (watcher->folders_.empty()) return Error(ErrorCode::kUnavailable, "watch " + dir + ": " + std::strerror(errno));
  return watcher;
}

Watcher::~Watcher() { close(fd_); }

void Watcher::Add(const std::string& dir) {
  if (folders_.size() == kWatchedFoldersMax) return;
  int watch = inotify_add_watch(fd_, dir.c_str(), kEvents);
  if (watch < 0) return;
  folders_[watch] = dir;
  std::error_code error;
  for (fs::directory_iterator at(dir, error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    if (at->is_directory(ignored) && !at->is_symlink(ignored) && !IsIgnored(at->path().filename().string())) {
      Add(at->path().string());
    }
  }
}

bool Watcher::ReadEvents() {
  bool matters = false;
  alignas(inotify_event) char buffer[16 * 1024];
  for (ssize_t size; (size = read(fd_, buffer, sizeof buffer)) > 0;) {
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      std::string name = event->len > 0 ? event->name : "";
      if (IsIgnored(name)) continue;
      matters = true;
      if ((event->mask & IN_ISDIR) != 0 && (event->mask & (IN_CREATE | IN_MOVED_TO)) != 0) {
        Add(folders_[event->wd] + "/" + name);
      }
    }
  }
  return matters;
}

Watcher::Wake Watcher::Wait(int stop_fd, int key_fd, std::chrono::milliseconds quiet) {
  bool changed = false;
  for (;;) {
    pollfd files[3] = {{fd_, POLLIN, 0}, {stop_fd, POLLIN, 0}, {key_fd, POLLIN, 0}};
    int ready = poll(files, 3, changed ? static_cast<int>(quiet.count()) : -1);
    if (ready < 0 && errno != EINTR) return Wake::kStopped;
    if (ready > 0 && files[1].revents != 0) return Wake::kStopped;
    if (ready > 0 && files[2].revents != 0) return Wake::kKey;
    if (ready == 0) return Wake::kChanged;
    if (ready > 0 && ReadEvents()) changed = true;
  }
}

}  // namespace limpet::cli

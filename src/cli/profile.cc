#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/json.h"
#include "cli/cli.h"

namespace limpet::cli {
namespace {

std::string Folder() {
  const char* config = std::getenv("XDG_CONFIG_HOME");
  if (config != nullptr && *config == '/') return std::string(config) + "/limpet";
  const char* home = std::getenv("HOME");
  return (home != nullptr && *home != 0 ? std::string(home) : ".") + "/.config/limpet";
}

std::string ProfilePath() { return Folder() + "/profile.json"; }

Result<std::string> LoginPath(const std::string& name) {
  if (name.size() > 64 || name.starts_with('.') ||
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") !=
          std::string::npos) {
    return Error(ErrorCode::kInvalidArgument,
                 "\"" + name + "\" is no profile's name: letters, digits, \"-\", \"_\" and \".\"");
  }
  return Folder() + "/profiles/" + (name.empty() ? "default" : name) + ".json";
}

Result<Done> Write(const std::string& path, const Profile& profile) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (error) return Error(ErrorCode::kUnavailable, path + ": " + error.message());
  std::string text = ToText(Json().Set("server", profile.server).Set("token", profile.token), JsonStyle::kPretty);
  std::string fresh = path + "." + std::to_string(getpid());
  int file = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return Error(ErrorCode::kUnavailable, fresh + ": " + std::strerror(errno));
  bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  written = close(file) == 0 && written && rename(fresh.c_str(), path.c_str()) == 0;
  if (!written) return Error(ErrorCode::kUnavailable, path + ": " + std::strerror(errno));
  return Done{};
}

Result<Profile> Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error(ErrorCode::kNotFound, path + " does not exist");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  LIMPET_TRY(Json json, ParseJson(text));
  return Profile{json["server"].AsString(), json["token"].AsString()};
}

}  // namespace

Result<Done> WriteProfile(const Profile& profile) { return Write(ProfilePath(), profile); }

Result<Profile> ReadProfile() { return Read(ProfilePath()); }

Result<Profile> ReadLogin(const std::string& name) {
  LIMPET_TRY(std::string path, LoginPath(name));
  return Read(path);
}

Result<std::string> WriteLogin(const std::string& name, const Profile& profile) {
  LIMPET_TRY(std::string path, LoginPath(name));
  LIMPET_TRY([[maybe_unused]] Done written, Write(path, profile));
  return path;
}

Result<std::string> RemoveLogin(const std::string& name) {
  LIMPET_TRY(std::string path, LoginPath(name));
  if (unlink(path.c_str()) == 0) return path;
  if (errno == ENOENT) return Error(ErrorCode::kNotFound, "not logged in: there is no " + path);
  return Error(ErrorCode::kUnavailable, path + ": " + std::strerror(errno));
}

}  // namespace limpet::cli

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

std::string ProfilePath() {
  const char* config = std::getenv("XDG_CONFIG_HOME");
  if (config != nullptr && *config == '/') return std::string(config) + "/limpet/profile.json";
  const char* home = std::getenv("HOME");
  return (home != nullptr && *home != 0 ? std::string(home) : ".") + "/.config/limpet/profile.json";
}

}  // namespace

Result<Done> WriteProfile(const Profile& profile) {
  std::string path = ProfilePath();
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

Result<Profile> ReadProfile() {
  std::string path = ProfilePath();
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error(ErrorCode::kNotFound, path + " does not exist");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  LIMPET_TRY(Json json, ParseJson(text));
  return Profile{json["server"].AsString(), json["token"].AsString()};
}

}  // namespace limpet::cli

// The folder of static files of a project: what is in it, and bringing it to a server.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/client.h"
#include "cli/config/project_config.h"
#include "cli/terminal.h"

namespace limpet::cli {

struct AssetFile {
  std::string path;  // "/a/index.html": where it is served, not encoded.
  std::string file;  // On disk.
  std::string hash;  // Of content and extension, 32 hex digits.
  uint64_t size = 0;
};

struct AssetFolder {
  std::vector<AssetFile> files;  // By path.
  Json config;                   // As `metadata.assets.config`: with the texts of _redirects and _headers.
};

// What is known of files that have not changed since: `limpet dev` looks at the folder again and again.
using AssetHashes = std::map<std::string, AssetFile>;  // By file, size and time of change.

// Where the files are.
std::string AssetsFolder(const ProjectConfig& config);
// Reads and hashes the folder; lines of _redirects and _headers that will be left out are warned of. Errors: kNotFound
// (no such folder), kOverloaded (a limit: which file), kUnavailable.
Result<AssetFolder> CollectAssets(const ProjectConfig& config, const Terminal& terminal, AssetHashes* known);

// Sends the contents that the server lacks; the token for the script's upload. `says_so`: progress on the terminal.
enum class Progress : bool { kQuiet, kShown };
Result<std::string> UploadAssets(const AssetFolder& folder, const std::string& script, Client& client,
                                 const Terminal& terminal, Progress progress);

}  // namespace limpet::cli

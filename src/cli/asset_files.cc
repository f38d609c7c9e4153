#include "cli/asset_files.h"

#include <openssl/sha.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "assets/ignore.h"
#include "assets/library.h"
#include "assets/media_types.h"
#include "assets/rules.h"
#include "base/multipart.h"
#include "base/random.h"

namespace limpet::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kProblemsShownMax = 20;

Result<Bytes> ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  Bytes content((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file) return Error(ErrorCode::kUnavailable, path.string() + " can't be read");
  return content;
}

Result<std::string> ReadOptional(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return std::string();
  return ReadFile(path);
}

std::string HashOf(BytesView content, const fs::path& path) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  Bytes all = Bytes(content).append(path.extension().string());  // The same bytes of another type are another content.
  SHA256(reinterpret_cast<const unsigned char*>(all.data()), all.size(), digest);
  return ToHex(BytesView(reinterpret_cast<const char*>(digest), 16));
}

void Warn(const std::vector<assets::RuleProblem>& problems, const fs::path& file, const Terminal& terminal) {
  for (size_t i = 0; i < problems.size() && i < kProblemsShownMax; ++i) {
    terminal.Warn(file.string() + ":" + std::to_string(problems[i].line) + ": " + problems[i].message);
  }
  if (problems.size() > kProblemsShownMax) {
    terminal.Warn(file.string() + ": and " + std::to_string(problems.size() - kProblemsShownMax) + " more lines");
  }
}

Result<AssetFile> ReadAsset(const fs::directory_entry& entry, std::string path, AssetHashes* known) {
  std::error_code error;
  AssetFile file{.path = "/" + std::move(path), .file = entry.path().string(), .hash = {}};
  file.size = entry.file_size(error);
  auto changed = entry.last_write_time(error).time_since_epoch().count();
  if (error) return Error(ErrorCode::kUnavailable, file.file + ": " + error.message());
  if (file.size > assets::kFileBytesMax) {
    return Error(ErrorCode::kOverloaded, "Asset too large: " + file.file + " has " + std::to_string(file.size) +
                                             " bytes, 25 MiB are allowed. Leave it out with a .assetsignore file");
  }
  std::string key = file.file + "\n" + std::to_string(file.size) + "\n" + std::to_string(changed);
  if (auto found = known->find(key); found != known->end()) return found->second;
  LIMPET_TRY(Bytes content, ReadFile(entry.path()));
  file.size = content.size();
  file.hash = HashOf(content, entry.path());
  (*known)[key] = file;
  return file;
}

// The files of one request, as the server asks for them.
Result<std::string> SendBucket(const Json& bucket, const std::map<std::string, const AssetFile*>& by_hash,
                               const std::string& token, Client& client) {
  SystemRandom random;
  FormWriter form("----limpet-" + std::to_string(random.Next()) + std::to_string(random.Next()));
  for (const Json& item : bucket.items()) {
    auto found = by_hash.find(item.AsString());
    if (found == by_hash.end()) return Error(ErrorCode::kConflict, "the server asks for a file that is none of these");
    LIMPET_TRY(Bytes content, ReadFile(found->second->file));
    std::string type = assets::ContentTypeOf(found->second->path);
    form.Add(item.AsString(), item.AsString(), type.empty() ? "application/null" : type, content);
  }
  std::string type = form.content_type();
  LIMPET_TRY(ApiAnswer answer,
             client.CallAs(token, "POST", "/accounts/local/workers/assets/upload", std::move(form).Finish(), type));
  if (!answer.success) return Refused(answer);
  return answer.result["jwt"].AsString();
}

}  // namespace

std::string AssetsFolder(const ProjectConfig& config) {
  fs::path root = config.assets->directory;
  if (root.is_relative() && !config.assets->from_command_line) root = fs::path(config.dir) / root;
  std::string path = root.lexically_normal().string();
  return path.size() > 1 && path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
}

Result<AssetFolder> CollectAssets(const ProjectConfig& config, const Terminal& terminal, AssetHashes* known) {
  fs::path root = AssetsFolder(config);
  std::error_code error;
  if (!fs::is_directory(root, error)) {
    return Error(ErrorCode::kNotFound, "the folder of static files " + root.string() + " does not exist");
  }
  LIMPET_TRY(std::string ignored, ReadOptional(root / ".assetsignore"));
  if (!IsUtf8(ignored) || ignored.find('\0') != std::string::npos) {
    return Error(ErrorCode::kInvalidArgument, (root / ".assetsignore").string() + " is not UTF-8 text");
  }
  assets::IgnoreRules rules(ignored);
  AssetFolder folder;
  for (fs::recursive_directory_iterator at(root, fs::directory_options::follow_directory_symlink, error), end;
       !error && at != end; at.increment(error)) {
    std::string path = at->path().lexically_relative(root).generic_string();
    std::error_code unreadable;
    if (at->is_directory(unreadable) && rules.Ignores(path + "/x") && rules.Ignores(path)) {
      at.disable_recursion_pending();
    }
    if (!at->is_regular_file(unreadable) || rules.Ignores(path)) continue;
    if (path == "_worker.js") {
      return Error(ErrorCode::kInvalidArgument,
                   "there is a _worker.js among the static files: it would be served as text. Make it the project's "
                   "main, or leave it out with a .assetsignore file");
    }
    if (folder.files.size() == assets::kFilesMax) {
      return Error(ErrorCode::kOverloaded, "Maximum number of assets exceeded: 20,000 files are allowed in " +
                                               root.string() + ". Leave files out with a .assetsignore file");
    }
    LIMPET_TRY(AssetFile file, ReadAsset(*at, path, known));
    folder.files.push_back(std::move(file));
  }
  if (error) return Error(ErrorCode::kUnavailable, root.string() + ": " + error.message());
  std::sort(folder.files.begin(), folder.files.end(),
            [](const AssetFile& a, const AssetFile& b) { return a.path < b.path; });

  folder.config = config.assets->config.is_object() ? config.assets->config : Json::MakeObject();
  LIMPET_TRY(std::string redirects, ReadOptional(root / "_redirects"));
  LIMPET_TRY(std::string headers, ReadOptional(root / "_headers"));
  bool keeps_html = folder.config["html_handling"].AsString() == "none";
  Warn(assets::ParseRedirects(redirects, keeps_html ? assets::HtmlRules::kNone : assets::HtmlRules::kSome).problems,
       root / "_redirects", terminal);
  Warn(assets::ParseHeaderRules(headers).problems, root / "_headers", terminal);
  if (!redirects.empty()) folder.config.Set("_redirects", ToValidUtf8(redirects));
  if (!headers.empty()) folder.config.Set("_headers", ToValidUtf8(headers));
  return folder;
}

Result<std::string> UploadAssets(const AssetFolder& folder, const std::string& script, Client& client,
                                 const Terminal& terminal, Progress progress) {
  Json::Object manifest;
  std::map<std::string, const AssetFile*> by_hash;
  for (const AssetFile& file : folder.files) {
    if (!IsUtf8(file.path)) return Error(ErrorCode::kInvalidArgument, file.file + ": the name is not UTF-8");
    manifest.emplace_back(file.path, Json().Set("hash", file.hash).Set("size", file.size));
    by_hash[file.hash] = &file;
  }
  LIMPET_TRY(ApiAnswer session,
             client.Call("POST", "/accounts/local/workers/scripts/" + script + "/assets-upload-session",
                         ToText(Json().Set("manifest", Json::MakeObject(std::move(manifest)))), "application/json"));
  if (!session.success) return Refused(session);
  std::string token = session.result["jwt"].AsString();
  const Json::Array& buckets = session.result["buckets"].items();
  size_t wanted = 0, sent = 0;
  for (const Json& bucket : buckets) wanted += bucket.items().size();
  bool shown = progress == Progress::kShown;
  if (shown && wanted == 0) {
    terminal.Dim(std::to_string(folder.files.size()) + " static files, none of them new");
  }
  std::string complete = buckets.empty() ? token : "";
  for (const Json& bucket : buckets) {
    LIMPET_TRY(std::string answered, SendBucket(bucket, by_hash, token, client));
    if (!answered.empty()) complete = answered;
    sent += bucket.items().size();
    if (shown) {
      terminal.Dim("uploaded " + std::to_string(sent) + " of " + std::to_string(wanted) + " new static files (" +
                   std::to_string(folder.files.size()) + " in all)");
    }
  }
  if (complete.empty()) return Error(ErrorCode::kConflict, "the server took the static files and did not say so");
  return complete;
}

}  // namespace limpet::cli

// Uploads of static files: a session says which files a version will have and learns which contents are missing; they
// come in one or more requests; the last is answered with the token that the script's upload then carries.
#include <algorithm>

#include "base/multipart.h"
#include "control/asset_tokens.h"
#include "control/plane.h"

namespace limpet::control {
namespace {

constexpr int64_t kTokenSeconds = 3600;
constexpr size_t kBucketBytesMax = 32 * 1024 * 1024;  // Of contents; a third more travels.
constexpr size_t kBucketFilesMax = 500;
constexpr std::string_view kNoType = "application/null";  // What wrangler sends for files of no known type.

Refusal Bad(std::string message) { return {400, 10021, std::move(message)}; }

struct WantedFiles {
  assets::Manifest manifest;
  std::map<std::string, uint64_t> sizes;  // By hash.
};

// {"/path": {"hash": "…", "size": 1}}
Decision<WantedFiles> ReadWanted(const Json& json) {
  if (!json.is_object()) return Bad("assets: the body needs a \"manifest\" of paths, hashes and sizes.");
  if (json.members().size() > assets::kFilesMax) {
    return Bad("Maximum number of assets exceeded: " + std::to_string(json.members().size()) + " files, " +
               std::to_string(assets::kFilesMax) + " are allowed in a version.");
  }
  WantedFiles wanted;
  for (const auto& [path, file] : json.members()) {
    if (!path.starts_with('/') || path.size() > assets::kPathBytesMax) {
      return Bad("assets: the path \"" + path.substr(0, 100) + "\" must begin with \"/\" and have at most " +
                 std::to_string(assets::kPathBytesMax) + " bytes.");
    }
    const std::string& hash = file["hash"].AsString();
    if (!assets::IsHash(hash)) return Bad("assets: the hash of \"" + path + "\" must be 32 hex digits.");
    uint64_t size = file["size"].AsUint64();
    if (size > assets::kFileBytesMax) {
      return Bad("Asset too large: \"" + path + "\" has " + std::to_string(size) + " bytes, " +
                 std::to_string(assets::kFileBytesMax) + " are allowed.");
    }
    wanted.sizes[hash] = size;
    wanted.manifest.emplace(path, hash);
  }
  return wanted;
}

// What goes into one request each.
Json Buckets(const std::vector<std::string>& missing, const std::map<std::string, uint64_t>& sizes) {
  Json buckets = Json::MakeArray();
  Json::Array bucket;
  uint64_t bytes = 0;
  for (const std::string& hash : missing) {
    uint64_t size = sizes.at(hash);
    if (!bucket.empty() && (bytes + size > kBucketBytesMax || bucket.size() >= kBucketFilesMax)) {
      buckets.Append(Json(std::exchange(bucket, {})));
      bytes = 0;
    }
    bucket.emplace_back(hash);
    bytes += size;
  }
  if (!bucket.empty()) buckets.Append(Json(std::move(bucket)));
  return buckets;
}

std::string TypeOf(std::string_view content_type) {
  return content_type == kNoType ? std::string() : std::string(content_type);
}

}  // namespace

int64_t Plane::NowSeconds() const {
  return std::chrono::duration_cast<std::chrono::seconds>(deps_.loop.WallNow().time_since_epoch()).count();
}

std::optional<Json> Plane::AssetClaims(std::string_view token) const {
  return ReadAssetToken(options_.token, token, NowSeconds());
}

std::optional<Json> Plane::UploadClaims(const HeaderList& headers) const {
  std::string_view given = headers.Get("Authorization").value_or("");
  constexpr std::string_view kScheme = "Bearer ";
  if (!given.starts_with(kScheme)) return std::nullopt;
  std::optional<Json> claims = AssetClaims(given.substr(kScheme.size()));
  if (claims && (*claims)["use"].AsString() != "upload") return std::nullopt;
  return claims;
}

std::string Plane::AssetToken(const std::string& manifest, const char* use) const {
  Json claims = Json().Set("iat", NowSeconds()).Set("exp", NowSeconds() + kTokenSeconds);
  return MakeAssetToken(options_.token, claims.Set("use", use).Set("manifest", manifest));
}

Plane::Answer Plane::AssetsSession(Call call) {
  if (!IsScriptName(call.script)) co_return Failure({400, 10016, "Invalid script name \"" + call.script + "\"."});
  Decision<Json> body = ParseBody(call);
  if (!body.ok()) co_return Failure(body.refusal());
  Decision<WantedFiles> wanted = ReadWanted((*body)["manifest"]);
  if (!wanted.ok()) co_return Failure(wanted.refusal());
  Result<std::string> id = co_await library_->PutManifest(wanted->manifest);
  if (!id.has_value()) co_return Failure(Failed(id.error()));
  std::vector<std::string> missing = library_->Missing(wanted->manifest);
  Json result = Json().Set("jwt", AssetToken(id.value(), missing.empty() ? "complete" : "upload"));
  co_return Success(result.Set("buckets", Buckets(missing, wanted->sizes)));
}

Plane::Answer Plane::AssetsUpload(Call call) {
  std::optional<Json> claims = UploadClaims(call.headers);
  if (!claims) co_return Failure({401, 10000, "The token of this upload of static files is wrong or over."});
  std::string_view content_type = call.headers.Get("Content-Type").value_or("");
  std::vector<assets::Library::Content> contents;
  if (call.target.segments.size() > 7) {  // client v4 accounts ACCOUNT workers assets upload HASH
    contents.push_back({call.target.segments.back(), TypeOf(content_type), std::move(call.body)});
  } else {
    Result<std::vector<FormPart>> parts = ParseForm(content_type, call.body);
    if (!parts.has_value()) co_return Failure(Bad(parts.error().message()));
    bool base64 = call.target.Query("base64") == "true";
    for (const FormPart& part : *parts) {
      std::optional<Bytes> bytes = base64 ? DecodeBase64(part.content) : Bytes(part.content);
      if (!bytes) co_return Failure(Bad("assets: the part \"" + part.name + "\" is not base64."));
      contents.push_back({part.name, TypeOf(part.content_type), *std::move(bytes)});
    }
    call.body = Bytes();
  }
  std::string id = (*claims)["manifest"].AsString();
  Result<std::shared_ptr<const assets::Manifest>> manifest = co_await library_->LoadManifest(id);
  if (!manifest.has_value()) co_return Failure(Failed(manifest.error()));
  std::set<std::string> known;
  for (const auto& [path, hash] : *manifest.value()) known.insert(hash);
  for (const assets::Library::Content& content : contents) {
    if (!known.contains(content.hash)) {
      co_return Failure(Bad("assets: \"" + content.hash + "\" is no file of this upload."));
    }
    if (content.bytes.size() > assets::kFileBytesMax) {
      co_return Failure({413, 10027,
                         "Asset too large: " + std::to_string(content.bytes.size()) + " bytes, " +
                             std::to_string(assets::kFileBytesMax) + " are allowed."});
    }
    if (!IsHeaderValue(content.content_type)) co_return Failure(Bad("assets: a type is no header value."));
  }
  Result<Done> written = co_await library_->PutContents(std::move(contents));
  if (!written.has_value()) co_return Failure(Failed(written.error()));
  Json result = Json::MakeObject();
  bool complete = library_->Missing(*manifest.value()).empty();
  if (complete) result.Set("jwt", AssetToken(id, "complete"));
  HttpResponse response = Success(std::move(result));
  response.status = complete ? 201 : 202;
  co_return response;
}

// What the metadata's `assets` stand for: {"manifest": ID, "config": {…}}; null without them.
loop::Task<Decision<Json>> Plane::ReadAssets(const Upload& upload) {
  const Json& given = upload.metadata["assets"];
  if (given.is_null()) co_return Json();
  Json config = given["config"].is_object() ? given["config"] : Json::MakeObject();
  Result<assets::SiteConfig> read =
      assets::ReadSiteConfig(config, upload.compatibility_date, upload.compatibility_flags);
  if (!read.has_value()) co_return Bad(read.error().message());
  if (given["jwt"].AsString().empty()) co_return Bad("assets: the upload's \"jwt\" is missing.");
  std::optional<Json> claims = AssetClaims(given["jwt"].AsString());
  if (!claims || (*claims)["use"].AsString() != "complete") {
    co_return Bad("assets: the token of the upload of static files is wrong or over; upload them again.");
  }
  std::string id = (*claims)["manifest"].AsString();
  Result<std::shared_ptr<const assets::Manifest>> manifest = co_await library_->LoadManifest(id);
  if (!manifest.has_value() || !library_->Missing(*manifest.value()).empty()) {
    co_return Bad("assets: files of this upload are missing; upload them again.");
  }
  co_return Json()
      .Set("manifest", id)
      .Set("files", uint64_t{manifest.value()->size()})
      .Set("config", std::move(config));
}

void Plane::SweepAssets() {
  deps_.loop.After(assets::kSweepGrace, [this, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.expired()) return;
    scope_.Spawn(Sweep());
    SweepAssets();
  });
}

loop::Task<Done> Plane::Sweep() {
  std::set<std::string> live;
  for (const auto& [name, script] : catalog_->scripts()) {
    for (const VersionRecord& version : script->versions) {
      if (!version.assets.is_null()) live.insert(version.assets["manifest"].AsString());
    }
  }
  Result<Done> swept = co_await library_->Sweep(std::move(live));
  if (!swept.has_value()) {
    deps_.logger.Write(LogLevel::kError, "control", "sweep static files: " + swept.error().ToString());
  }
  co_return Done{};
}

}  // namespace limpet::control

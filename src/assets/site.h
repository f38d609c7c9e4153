// The static files of one version of a script: which file answers which request, and with what headers. Pure and
// immutable: shared between threads as std::shared_ptr<const Site>. It answers what Cloudflare's asset Worker answers.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "assets/rules.h"
#include "assets/url.h"
#include "base/http.h"
#include "base/json.h"

namespace limpet::assets {

// A file's content, as the store has it (library.h).
struct Asset {
  std::string hash;          // What its ETag says.
  uint64_t size = 0;         // Bytes.
  std::string content_type;  // Empty: the answer has none.
};

enum class HtmlHandling : uint8_t { kAutoTrailingSlash, kForceTrailingSlash, kDropTrailingSlash, kNone };
enum class NotFoundHandling : uint8_t { kNone, kSinglePage, kPage };

// As `assets.config` of an upload says it.
struct SiteConfig {
  HtmlHandling html = HtmlHandling::kAutoTrailingSlash;
  NotFoundHandling not_found = NotFoundHandling::kNone;
  WorkerFirst worker_first;
  Redirects redirects;
  HeaderRules headers;
  // The flag assets_navigation_prefers_asset_serving: a page's navigation meets `not_found` before the script.
  bool navigation_first = false;
};
// Errors: kInvalidArgument, with what is wrong.
Result<SiteConfig> ReadSiteConfig(const Json& json, std::string_view compatibility_date,
                                  const std::vector<std::string>& flags);

// What is looked at of a request.
struct SiteRequest {
  std::string_view method;
  Url url;
  bool navigates = false;  // Sec-Fetch-Mode: navigate
};
// Nothing: its URL is none.
std::optional<SiteRequest> ReadSiteRequest(const HttpRequest& request);

struct SiteAnswer {
  enum class Kind : uint8_t {
    kNothing,   // 404 without a body; before a script: the script answers.
    kFile,      // `asset` with `status` 200 or 404.
    kRedirect,  // `status` to `location`.
    kMissing,   // A proxying rule leads nowhere: 404.
    kMethod,    // 405
  };
  Kind kind = Kind::kNothing;
  int status = 404;
  std::string location = {};
  const Asset* asset = nullptr;  // Of the Site.
};

class Site {
 public:
  using Files = std::map<std::string, Asset, std::less<>>;  // By path: "/index.html", not encoded.
  Site(Files files, SiteConfig config);

  // Whether the script answers, or the files do.
  enum class First : uint8_t { kScript, kFiles };
  // `answer` is what the files answer, if they do.
  First Route(const SiteRequest& request, SiteAnswer* answer) const;
  // What the files answer, without a look at scripts.
  SiteAnswer Answer(const SiteRequest& request) const { return Answer(request, config_.not_found); }
  // Lays what `_headers` says of the request over the answer's headers.
  void SetHeaders(const SiteRequest& request, HeaderList* headers) const;
  size_t size() const { return files_.size(); }

 private:
  struct PathHash {
    using is_transparent = void;
    size_t operator()(std::string_view path) const { return std::hash<std::string_view>()(path); }
  };
  // What a path means: a file, or another path that is the file's own.
  struct Intent {
    const Asset* asset = nullptr;
    int status = 200;
    std::string redirect = {};  // If `asset` is null and this is not empty.
    explicit operator bool() const { return asset != nullptr || !redirect.empty(); }
  };
  enum class Redirecting : bool { kNo, kYes };

  SiteAnswer Answer(const SiteRequest& request, NotFoundHandling not_found) const;
  const Asset* Find(std::string_view path) const;
  Intent Look(const std::string& path, NotFoundHandling not_found, Redirecting redirecting) const;
  Intent LookAuto(const std::string& path, NotFoundHandling not_found, Redirecting redirecting) const;
  Intent LookForce(const std::string& path, NotFoundHandling not_found, Redirecting redirecting) const;
  Intent LookDrop(const std::string& path, NotFoundHandling not_found, Redirecting redirecting) const;
  Intent NotFound(const std::string& path, NotFoundHandling not_found) const;
  // A redirect to `destination`, if that serves `file`.
  Intent ToOwnPath(const std::string& file, std::string destination, NotFoundHandling not_found,
                   Redirecting redirecting) const;

  std::unordered_map<std::string, Asset, PathHash, std::equal_to<>> files_;
  SiteConfig config_;
};

}  // namespace limpet::assets

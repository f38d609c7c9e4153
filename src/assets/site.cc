#include "assets/site.h"

#include <algorithm>

namespace limpet::assets {
namespace {

constexpr std::string_view kNavigationDate = "2025-04-01";
constexpr std::string_view kNavigationOn = "assets_navigation_prefers_asset_serving";
constexpr std::string_view kNavigationOff = "assets_navigation_has_no_effect";

Error Bad(std::string text) { return Error(ErrorCode::kInvalidArgument, std::move(text)); }

bool Has(const std::vector<std::string>& flags, std::string_view flag) {
  return std::find(flags.begin(), flags.end(), flag) != flags.end();
}

template <typename Map>
std::string Segments(std::string_view path, Map map) {
  std::string out;
  out.reserve(path.size());
  while (true) {
    size_t slash = path.find('/');
    out += map(path.substr(0, slash));
    if (slash == std::string_view::npos) return out;
    out += '/';
    path.remove_prefix(slash + 1);
  }
}

// The path under which a file was uploaded: decoded, without empty segments.
std::string DecodePath(std::string_view path) {
  std::string decoded =
      Segments(path, [](std::string_view segment) { return DecodeComponent(segment).value_or(std::string(segment)); });
  decoded.erase(std::unique(decoded.begin(), decoded.end(), [](char a, char b) { return a == '/' && b == '/'; }),
                decoded.end());
  return decoded;
}

std::string EncodePath(std::string_view path) {
  return Segments(path, [](std::string_view segment) { return EncodeComponent(segment); });
}

// `path` without `suffix`, which it ends with.
std::string Without(std::string_view path, std::string_view suffix) {
  return std::string(path.substr(0, path.size() - suffix.size()));
}

std::string RedirectLocation(const Redirect& redirect, const Url& url) {
  std::string base = url.scheme + "://" + url.host + url.pathname;
  std::optional<Url> to = ParseUrl(redirect.to, base);
  if (!to) return redirect.to;
  std::string rest = to->pathname + (to->search.empty() ? url.search : to->search) + to->hash;
  bool same = to->scheme == url.scheme && to->host == url.host;
  return same ? rest : to->scheme + "://" + to->host + rest;
}

}  // namespace

Result<SiteConfig> ReadSiteConfig(const Json& json, std::string_view compatibility_date,
                                  const std::vector<std::string>& flags) {
  SiteConfig config;
  auto choose = [&](const char* key, std::initializer_list<const char*> names) -> Result<size_t> {
    const Json& value = json[key];
    if (value.is_null()) return size_t{0};
    size_t index = 0;
    std::string known;
    for (const char* name : names) {
      if (value.AsString() == name) return index;
      known += (index++ > 0 ? ", " : "") + std::string(name);
    }
    return Bad("assets: \"" + std::string(key) + "\" must be one of: " + known);
  };
  LIMPET_TRY(size_t html,
             choose("html_handling", {"auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none"}));
  LIMPET_TRY(size_t not_found, choose("not_found_handling", {"none", "single-page-application", "404-page"}));
  config.html = static_cast<HtmlHandling>(html);
  config.not_found = static_cast<NotFoundHandling>(not_found);
  const Json& first = json["run_worker_first"];
  if (first.is_array()) {
    std::vector<std::string> rules;
    for (const Json& rule : first.items()) rules.push_back(rule.AsString());
    config.worker_first = ParseWorkerFirst(rules);
    if (!config.worker_first.problem.empty()) return Bad(config.worker_first.problem);
  } else if (first.is_bool()) {
    config.worker_first.always = first.AsBool();
  } else if (!first.is_null()) {
    return Bad("assets: \"run_worker_first\" must be a boolean or an array of patterns");
  }
  if (const std::string& base = json["base_path"].AsString(); !base.empty() && base != "/") {
    return Bad("assets: \"base_path\" is not supported by this version of limpet");
  }
  bool keeps_html = config.html == HtmlHandling::kNone;
  config.redirects = ParseRedirects(json["_redirects"].AsString(), keeps_html ? HtmlRules::kNone : HtmlRules::kSome);
  config.headers = ParseHeaderRules(json["_headers"].AsString());
  config.navigation_first =
      Has(flags, kNavigationOn) || (compatibility_date >= kNavigationDate && !Has(flags, kNavigationOff));
  return config;
}

std::optional<SiteRequest> ReadSiteRequest(const HttpRequest& request) {
  std::optional<Url> url = ParseUrl(request.url);
  if (!url) return std::nullopt;
  return SiteRequest{.method = request.method,
                     .url = *std::move(url),
                     .navigates = request.headers.Get("Sec-Fetch-Mode") == "navigate"};
}

Site::Site(Files files, SiteConfig config) : config_(std::move(config)) {
  files_.reserve(files.size());
  for (auto& [path, asset] : files) files_.emplace(path, std::move(asset));
}

const Asset* Site::Find(std::string_view path) const {
  auto found = files_.find(path);
  return found == files_.end() ? nullptr : &found->second;
}

Site::First Site::Route(const SiteRequest& request, SiteAnswer* answer) const {
  auto any = [&](const std::vector<Pattern>& patterns) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const Pattern& pattern) { return pattern.Matches(request.url.pathname); });
  };
  const WorkerFirst& first = config_.worker_first;
  if (any(first.assets)) {
    *answer = Answer(request);
    return First::kFiles;
  }
  if (first.always || any(first.worker)) return First::kScript;
  // What is not found is the script's, but for pages that a browser navigates to.
  bool patterns = !first.worker.empty();
  bool whole = patterns || (config_.navigation_first && request.navigates);
  *answer = Answer(request, whole ? config_.not_found : NotFoundHandling::kNone);
  if (answer->kind == SiteAnswer::Kind::kNothing) return First::kScript;
  if (answer->kind == SiteAnswer::Kind::kMissing) *answer = Answer(request);
  return First::kFiles;
}

SiteAnswer Site::Answer(const SiteRequest& request, NotFoundHandling not_found) const {
  using Kind = SiteAnswer::Kind;
  Redirect rule;
  std::string_view pathname = request.url.pathname;
  std::string rewritten;
  bool proxied = config_.redirects.Find(pathname, &rule);
  if (proxied && rule.status != 200) {
    return {.kind = Kind::kRedirect, .status = rule.status, .location = RedirectLocation(rule, request.url)};
  }
  if (proxied) pathname = rewritten = NormalisePath(rule.to, UrlRest::kDrop);
  std::string path = DecodePath(pathname);
  Intent intent = Look(path, not_found, Redirecting::kYes);
  if (!intent) return {.kind = proxied ? Kind::kMissing : Kind::kNothing};
  if (request.method != "GET" && request.method != "HEAD") return {.kind = Kind::kMethod, .status = 405};
  std::string encoded = EncodePath(intent.asset == nullptr ? intent.redirect : path);
  if (intent.asset == nullptr || encoded != pathname) {
    return {.kind = Kind::kRedirect, .status = 307, .location = encoded + request.url.search};
  }
  return {.kind = Kind::kFile, .status = intent.status, .asset = intent.asset};
}

void Site::SetHeaders(const SiteRequest& request, HeaderList* headers) const {
  if (config_.headers.rules.empty()) return;
  std::string with_host;
  std::vector<std::string_view> ours;  // Names set by an earlier rule: a later one adds to them.
  for (const HeaderRules::Rule& rule : config_.headers.rules) {
    std::string_view text = request.url.pathname;
    if (rule.pattern.has_host()) {
      if (with_host.empty()) with_host = "https://" + request.url.hostname + request.url.pathname;
      text = with_host;
    }
    Captures captures;
    if (!rule.pattern.Matches(text, &captures)) continue;
    for (const std::string& name : rule.unset) headers->Delete(name);
    for (const auto& [name, value] : rule.set) {
      std::string filled = Fill(value, captures);
      if (!IsHeaderValue(filled)) continue;
      if (std::find(ours.begin(), ours.end(), name) != ours.end()) {
        headers->Append(name, filled);
      } else {
        headers->Set(name, filled);
        ours.push_back(name);
      }
    }
  }
}

// -- html_handling. The order of the questions is that of Cloudflare's asset Worker.

Site::Intent Site::Look(const std::string& path, NotFoundHandling not_found, Redirecting redirecting) const {
  switch (config_.html) {
    case HtmlHandling::kAutoTrailingSlash: return LookAuto(path, not_found, redirecting);
    case HtmlHandling::kForceTrailingSlash: return LookForce(path, not_found, redirecting);
    case HtmlHandling::kDropTrailingSlash: return LookDrop(path, not_found, redirecting);
    case HtmlHandling::kNone: break;
  }
  if (const Asset* exact = Find(path)) return {.asset = exact};
  return NotFound(path, not_found);
}

Site::Intent Site::ToOwnPath(const std::string& file, std::string destination, NotFoundHandling not_found,
                             Redirecting redirecting) const {
  if (redirecting == Redirecting::kNo || Find(destination) != nullptr) return {};
  const Asset* asset = Find(file);
  if (asset == nullptr) return {};
  Intent there = Look(destination, not_found, Redirecting::kNo);
  if (there.asset == nullptr || there.asset->hash != asset->hash) return {};
  return {.redirect = std::move(destination)};
}

Site::Intent Site::LookAuto(const std::string& path, NotFoundHandling not_found, Redirecting redirecting) const {
  const Asset* exact = Find(path);
  if (path.ends_with("/index")) {
    if (exact != nullptr) return {.asset = exact};
    if (auto to = ToOwnPath(path + ".html", Without(path, "index"), not_found, redirecting)) return to;
    if (auto to = ToOwnPath(Without(path, "/index") + ".html", Without(path, "/index"), not_found, redirecting))
      return to;
  } else if (path.ends_with("/index.html")) {
    if (auto to = ToOwnPath(path, Without(path, "index.html"), not_found, redirecting)) return to;
    std::string folder = Without(path, "/index.html");
    if (auto to = ToOwnPath(folder + ".html", folder, not_found, redirecting)) return to;
  } else if (path.ends_with('/')) {
    if (const Asset* index = Find(path + "index.html")) return {.asset = index};
    if (auto to = ToOwnPath(Without(path, "/") + ".html", Without(path, "/"), not_found, redirecting)) return to;
  } else if (path.ends_with(".html")) {
    std::string bare = Without(path, ".html");
    if (auto to = ToOwnPath(path, bare, not_found, redirecting)) return to;
    if (auto to = ToOwnPath(bare + "/index.html", bare + "/", not_found, redirecting)) return to;
  }
  if (exact != nullptr) return {.asset = exact};
  if (const Asset* page = Find(path + ".html")) return {.asset = page};
  if (auto to = ToOwnPath(path + "/index.html", path + "/", not_found, redirecting)) return to;
  return NotFound(path, not_found);
}

Site::Intent Site::LookForce(const std::string& path, NotFoundHandling not_found, Redirecting redirecting) const {
  const Asset* exact = Find(path);
  if (path.ends_with("/index")) {
    if (exact != nullptr) return {.asset = exact};
    std::string folder = Without(path, "index");
    if (auto to = ToOwnPath(path + ".html", folder, not_found, redirecting)) return to;
    if (auto to = ToOwnPath(Without(path, "/index") + ".html", folder, not_found, redirecting)) return to;
  } else if (path.ends_with("/index.html")) {
    std::string folder = Without(path, "index.html");
    if (auto to = ToOwnPath(path, folder, not_found, redirecting)) return to;
    if (auto to = ToOwnPath(Without(path, "/index.html") + ".html", folder, not_found, redirecting)) return to;
  } else if (path.ends_with('/')) {
    if (const Asset* index = Find(path + "index.html")) return {.asset = index};
    if (const Asset* page = Find(Without(path, "/") + ".html")) return {.asset = page};
  } else if (path.ends_with(".html")) {
    std::string folder = Without(path, ".html") + "/";
    if (auto to = ToOwnPath(path, folder, not_found, redirecting)) return to;
    if (exact != nullptr) return {.asset = exact};
    if (auto to = ToOwnPath(folder + "index.html", folder, not_found, redirecting)) return to;
  }
  if (exact != nullptr) return {.asset = exact};
  if (auto to = ToOwnPath(path + ".html", path + "/", not_found, redirecting)) return to;
  if (auto to = ToOwnPath(path + "/index.html", path + "/", not_found, redirecting)) return to;
  return NotFound(path, not_found);
}

Site::Intent Site::LookDrop(const std::string& path, NotFoundHandling not_found, Redirecting redirecting) const {
  const Asset* exact = Find(path);
  if (path.ends_with("/index")) {
    if (exact != nullptr) return {.asset = exact};
    std::string folder = Without(path, "/index");
    if (path == "/index") {
      if (auto to = ToOwnPath("/index.html", "/", not_found, redirecting)) return to;
    } else {
      if (auto to = ToOwnPath(folder + ".html", folder, not_found, redirecting)) return to;
      if (auto to = ToOwnPath(path + ".html", folder, not_found, redirecting)) return to;
    }
  } else if (path.ends_with("/index.html")) {
    std::string folder = Without(path, "/index.html");
    if (path == "/index.html") {
      if (auto to = ToOwnPath("/index.html", "/", not_found, redirecting)) return to;
    } else {
      if (auto to = ToOwnPath(path, folder, not_found, redirecting)) return to;
      if (exact != nullptr) return {.asset = exact};
      if (auto to = ToOwnPath(folder + ".html", folder, not_found, redirecting)) return to;
    }
  } else if (path.ends_with('/')) {
    if (path == "/") {
      if (const Asset* index = Find("/index.html")) return {.asset = index};
    } else {
      std::string folder = Without(path, "/");
      if (auto to = ToOwnPath(folder + ".html", folder, not_found, redirecting)) return to;
      if (auto to = ToOwnPath(folder + "/index.html", folder, not_found, redirecting)) return to;
    }
  } else if (path.ends_with(".html")) {
    std::string bare = Without(path, ".html");
    if (auto to = ToOwnPath(path, bare, not_found, redirecting)) return to;
    if (auto to = ToOwnPath(bare + "/index.html", bare, not_found, redirecting)) return to;
  }
  if (exact != nullptr) return {.asset = exact};
  if (const Asset* page = Find(path + ".html")) return {.asset = page};
  if (const Asset* index = Find(path + "/index.html")) return {.asset = index};
  return NotFound(path, not_found);
}

Site::Intent Site::NotFound(const std::string& path, NotFoundHandling not_found) const {
  if (not_found == NotFoundHandling::kSinglePage) {
    if (const Asset* index = Find("/index.html")) return {.asset = index};
  }
  if (not_found != NotFoundHandling::kPage) return {};
  // The nearest 404.html on the way up.
  std::string folder = path;
  while (!folder.empty()) {
    folder.resize(folder.rfind('/') == std::string::npos ? 0 : folder.rfind('/'));
    if (const Asset* page = Find(folder + "/404.html")) return {.asset = page, .status = 404};
  }
  return {};
}

}  // namespace limpet::assets

#include "server/asset_server.h"

#include <algorithm>
#include <charconv>

#include "base/multipart.h"

namespace limpet::server {
namespace {

constexpr std::string_view kCacheControl = "public, max-age=0, must-revalidate";
constexpr uint64_t kCodedMin = 50;  // Bytes: less is not worth a coding.

// https://developers.cloudflare.com/speed/optimization/content/compression/
constexpr std::string_view kCompressible[] = {"text/html",
                                              "text/richtext",
                                              "text/plain",
                                              "text/css",
                                              "text/x-script",
                                              "text/x-component",
                                              "text/x-java-source",
                                              "text/x-markdown",
                                              "text/markdown",
                                              "application/javascript",
                                              "application/x-javascript",
                                              "text/javascript",
                                              "text/js",
                                              "image/x-icon",
                                              "image/vnd.microsoft.icon",
                                              "application/x-perl",
                                              "application/x-httpd-cgi",
                                              "text/xml",
                                              "application/xml",
                                              "application/rss+xml",
                                              "application/vnd.api+json",
                                              "application/x-protobuf",
                                              "application/json",
                                              "multipart/bag",
                                              "multipart/mixed",
                                              "application/xhtml+xml",
                                              "font/ttf",
                                              "font/otf",
                                              "font/x-woff",
                                              "image/svg+xml",
                                              "application/vnd.ms-fontobject",
                                              "application/ttf",
                                              "application/x-ttf",
                                              "application/otf",
                                              "application/x-otf",
                                              "application/truetype",
                                              "application/opentype",
                                              "application/x-opentype",
                                              "application/font-woff",
                                              "application/eot",
                                              "application/font",
                                              "application/font-sfnt",
                                              "application/wasm",
                                              "application/javascript-binast",
                                              "application/manifest+json",
                                              "application/ld+json",
                                              "application/graphql+json",
                                              "application/geo+json"};

// If-None-Match: is `tag` ("\"HASH\"") among them? Weakly compared (RFC 9110, 13.1.2).
bool Matches(std::string_view header, std::string_view tag) {
  while (!header.empty()) {
    size_t comma = std::min(header.size(), header.find(','));
    std::string_view item = header.substr(0, comma);
    header.remove_prefix(std::min(header.size(), comma + 1));
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (item.starts_with("W/")) item.remove_prefix(2);
    if (item == tag) return true;
  }
  return false;
}

bool ReadNumber(std::string_view text, uint64_t* number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

}  // namespace

WantedRange ReadRange(std::string_view header, uint64_t size) {
  using Kind = WantedRange::Kind;
  constexpr std::string_view kUnit = "bytes=";
  // Several ranges at once are answered with the whole, as any range may be.
  if (!header.starts_with(kUnit) || header.find(',') != std::string_view::npos) return {};
  header.remove_prefix(kUnit.size());
  size_t dash = header.find('-');
  if (dash == std::string_view::npos) return {};
  uint64_t first = 0, last = 0;
  bool has_first = ReadNumber(header.substr(0, dash), &first);
  bool has_last = ReadNumber(header.substr(dash + 1), &last);
  if ((dash > 0 && !has_first) || (dash + 1 < header.size() && !has_last) || (!has_first && !has_last)) return {};
  if (!has_first) {  // The last so many.
    if (last == 0) return {.kind = Kind::kNone};
    uint64_t length = std::min(last, size);
    return {.kind = size == 0 ? Kind::kNone : Kind::kPart, .range = {size - length, length}};
  }
  if (has_last && last < first) return {};
  if (first >= size) return {.kind = Kind::kNone};
  uint64_t end = has_last ? std::min(last, size - 1) : size - 1;
  return {.kind = Kind::kPart, .range = {first, end - first + 1}};
}

net::ContentCoding AcceptedCoding(std::string_view accept) {
  bool brotli = false, gzip = false;
  while (!accept.empty()) {
    size_t comma = std::min(accept.size(), accept.find(','));
    std::string item = ToLowerAscii(accept.substr(0, comma));
    accept.remove_prefix(std::min(accept.size(), comma + 1));
    std::erase(item, ' ');
    size_t semicolon = std::min(item.size(), item.find(';'));
    std::string quality = item.substr(semicolon);
    bool refused = quality.starts_with(";q=0") && quality.find_first_not_of("0.", 3) == std::string::npos;
    item.resize(semicolon);
    if (refused) continue;
    brotli = brotli || item == "br";
    gzip = gzip || item == "gzip";
  }
  return brotli ? net::ContentCoding::kBrotli : gzip ? net::ContentCoding::kGzip : net::ContentCoding::kIdentity;
}

bool IsCompressible(std::string_view content_type) {
  std::string type = MediaType(content_type);
  return std::find(std::begin(kCompressible), std::end(kCompressible), type) != std::end(kCompressible);
}

const Bytes* AssetServer::FindKept(const std::string& key) {
  auto found = kept_by_key_.find(key);
  if (found == kept_by_key_.end()) return nullptr;
  kept_.splice(kept_.begin(), kept_, found->second);
  return &kept_.front().bytes;
}

void AssetServer::Keep(std::string key, const Bytes& bytes) {
  kept_bytes_ += bytes.size();
  kept_.push_front({std::move(key), bytes});
  kept_by_key_[kept_.front().key] = kept_.begin();
  while (kept_bytes_ > kKeptBytesMax) {
    kept_bytes_ -= kept_.back().bytes.size();
    kept_by_key_.erase(kept_.back().key);
    kept_.pop_back();
  }
}

Body AssetServer::Whole(const assets::Asset& asset) {
  if (asset.size == 0) return Body::Of(Bytes());
  if (asset.size <= assets::kChunkBytes) {
    if (const Bytes* kept = FindKept(asset.hash)) return Body::Of(*kept);
    std::optional<Bytes> bytes = assets::TryContent(*session_, asset.hash);
    if (bytes && bytes->size() == asset.size) {
      Keep(asset.hash, *bytes);
      return Body::Of(*std::move(bytes));
    }
  }
  return Body::Of(assets::OpenContent(*session_, asset.hash, {0, asset.size}), asset.size);
}

Body AssetServer::Coded(const assets::Asset& asset, net::ContentCoding coding) {
  std::string key = asset.hash + (coding == net::ContentCoding::kBrotli ? "b" : "g");
  if (const Bytes* kept = FindKept(key)) return Body::Of(*kept);
  Body coded = net::EncodeContent(Whole(asset), coding);
  if (coded.stream == nullptr) Keep(std::move(key), coded.bytes);  // Else it is large, or not in memory at the moment.
  return coded;
}

// Everything but the body of a file.
HttpResponse AssetServer::Make(const assets::Site& site, const assets::SiteRequest& wanted,
                               const assets::SiteAnswer& answer, const HttpRequest& request) const {
  HttpResponse response;
  response.status = answer.status;
  if (answer.kind == assets::SiteAnswer::Kind::kRedirect) response.headers.Append("Location", answer.location);
  if (answer.asset != nullptr) {
    std::string tag = "\"" + answer.asset->hash + "\"";
    response.headers.Append("ETag", tag);
    if (!answer.asset->content_type.empty()) response.headers.Append("Content-Type", answer.asset->content_type);
    if (!request.headers.Has("Authorization") && !request.headers.Has("Range")) {
      response.headers.Append("Cache-Control", kCacheControl);
    }
    response.headers.Append("CF-Cache-Status", "HIT");
    if (Matches(request.headers.Get("If-None-Match").value_or(""), tag)) response.status = 304;
  }
  site.SetHeaders(wanted, &response.headers);
  return response;
}

HttpResponse AssetServer::ToClient(const assets::Site& site, const assets::SiteRequest& wanted,
                                   const assets::SiteAnswer& answer, const HttpRequest& request) {
  HttpResponse response = Make(site, wanted, answer, request);
  if (answer.asset == nullptr || response.status == 304) return response;
  const assets::Asset& asset = *answer.asset;
  bool compressible = asset.size >= kCodedMin && IsCompressible(response.headers.Get("Content-Type").value_or("")) &&
                      !response.headers.Has("Content-Encoding") &&
                      response.headers.Get("Cache-Control").value_or("").find("no-transform") == std::string_view::npos;
  if (compressible) response.headers.Append("Vary", "Accept-Encoding");
  if (response.status == 200) response.headers.Append("Accept-Ranges", "bytes");
  std::optional<std::string_view> range = request.headers.Get("Range");
  std::string_view tag = response.headers.Get("ETag").value_or("");
  if (range && response.status == 200 && wanted.method == "GET" &&
      request.headers.Get("If-Range").value_or(tag) == tag) {
    WantedRange part = ReadRange(*range, asset.size);
    std::string size = std::to_string(asset.size);
    if (part.kind == WantedRange::Kind::kNone) {
      response.status = 416;
      response.headers.Set("Content-Range", "bytes */" + size);
      return response;
    }
    if (part.kind == WantedRange::Kind::kPart) {
      auto [from, length] = part.range;
      response.status = 206;
      response.headers.Set("Content-Range",
                           "bytes " + std::to_string(from) + "-" + std::to_string(from + length - 1) + "/" + size);
      response.body = Body::Of(assets::OpenContent(*session_, asset.hash, part.range), length);
      return response;
    }
  }
  net::ContentCoding coding = net::ContentCoding::kIdentity;
  if (compressible && !range && wanted.method == "GET") {
    coding = AcceptedCoding(request.headers.Get("Accept-Encoding").value_or(""));
  }
  if (coding == net::ContentCoding::kIdentity) {
    response.body = Whole(asset);
    return response;
  }
  response.headers.Set("Content-Encoding", coding == net::ContentCoding::kBrotli ? "br" : "gzip");
  if (tag.starts_with('"')) response.headers.Set("ETag", "W/" + std::string(tag));  // Other bytes, same file.
  response.body = Coded(asset, coding);
  return response;
}

HttpResponse AssetServer::ToScript(const assets::Site& site, const assets::SiteRequest& wanted,
                                   const assets::SiteAnswer& answer, const HttpRequest& request) {
  HttpResponse response = Make(site, wanted, answer, request);
  if (answer.asset != nullptr && response.status != 304 && wanted.method == "GET") response.body = Whole(*answer.asset);
  return response;
}

}  // namespace limpet::server

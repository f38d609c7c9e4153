// Answers with static files: head and headers as assets::Site says, contents from the store, compressed for clients
// that take it. One shard's; on its loop.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "assets/library.h"
#include "assets/site.h"
#include "base/http.h"
#include "net/content_coding.h"
#include "store/engine.h"

namespace limpet::server {

class AssetServer {
 public:
  explicit AssetServer(std::unique_ptr<store::Session> session) : session_(std::move(session)) {}

  // `answer` is the site's to `wanted`, which is `request` taken apart. Bodies that it gives are read before this is
  // destroyed.
  HttpResponse ToClient(const assets::Site& site, const assets::SiteRequest& wanted, const assets::SiteAnswer& answer,
                        const HttpRequest& request);
  // The same for a script that asks: not compressed, no ranges.
  HttpResponse ToScript(const assets::Site& site, const assets::SiteRequest& wanted, const assets::SiteAnswer& answer,
                        const HttpRequest& request);

  static constexpr size_t kKeptBytesMax = 16 * 1024 * 1024;  // Of contents, as they are and compressed, in memory.

 private:
  HttpResponse Make(const assets::Site& site, const assets::SiteRequest& wanted, const assets::SiteAnswer& answer,
                    const HttpRequest& request) const;
  Body Whole(const assets::Asset& asset);
  Body Coded(const assets::Asset& asset, net::ContentCoding coding);
  const Bytes* FindKept(const std::string& key);  // Valid until the next Keep.
  void Keep(std::string key, const Bytes& bytes);

  std::unique_ptr<store::Session> session_;
  struct Kept {
    std::string key;
    Bytes bytes;
  };
  std::list<Kept> kept_;  // Most recently used first.
  std::unordered_map<std::string, std::list<Kept>::iterator> kept_by_key_;
  size_t kept_bytes_ = 0;
};

// What a Range header asks of a body of `size` bytes. Pure.
struct WantedRange {
  enum class Kind : uint8_t { kWhole, kPart, kNone };  // kNone: nothing of it is there, 416.
  Kind kind = Kind::kWhole;
  assets::ContentRange range = {};
};
WantedRange ReadRange(std::string_view header, uint64_t size);

// Which coding a client takes, gzip or br; the better one of equals. Pure.
net::ContentCoding AcceptedCoding(std::string_view accept_encoding);
// Is it a type that Cloudflare compresses?
bool IsCompressible(std::string_view content_type);

}  // namespace limpet::server

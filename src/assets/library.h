// The contents of static files in the store, by hash, shared by all versions of all scripts, and which files a version
// has (docs/formats/assets.md). What nothing refers to any more is swept.
//
// The Library: one loop, the control plane's. Reading contents (OpenContent): any loop, with a session of that loop.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "assets/site.h"
#include "base/http.h"
#include "loop/task.h"
#include "store/engine.h"

namespace limpet::assets {

inline constexpr size_t kFileBytesMax = 25 * 1024 * 1024;
inline constexpr size_t kFilesMax = 20'000;  // Of a version.
inline constexpr size_t kChunkBytes = 256 * 1024;
inline constexpr size_t kPathBytesMax = 1024;
inline constexpr std::chrono::hours kSweepGrace{1};  // What nothing refers to stays at least that long.

// Paths and the hashes of their contents.
using Manifest = std::map<std::string, std::string, std::less<>>;

// 32 hex digits: what a client calls a content. Opaque.
bool IsHash(std::string_view text);

class Library {
 public:
  // Errors: kCorrupt, kUnavailable.
  static loop::Task<Result<std::unique_ptr<Library>>> Open(store::Engine& engine, loop::Loop& loop);

  // Keeps a manifest; its id. The contents that it names are safe from the next sweeps for kSweepGrace.
  loop::Task<Result<std::string>> PutManifest(Manifest manifest);
  // Errors: kNotFound, kCorrupt, kUnavailable.
  loop::Task<Result<std::shared_ptr<const Manifest>>> LoadManifest(std::string id);
  // Which of the manifest's contents are not there yet, each once.
  std::vector<std::string> Missing(const Manifest& manifest) const;

  struct Content {
    std::string hash, content_type;
    Bytes bytes;  // kFileBytesMax at most; the caller has looked.
  };
  // Durable when it answers. The same again changes nothing.
  loop::Task<Result<Done>> PutContents(std::vector<Content> contents);
  // What a site is made of. Error: kNotFound, a content is missing.
  Result<Site::Files> Files(const Manifest& manifest) const;

  // Forgets what neither a manifest of `live` nor a recent upload refers to, and did not at a sweep kSweepGrace ago.
  loop::Task<Result<Done>> Sweep(std::set<std::string> live);
  size_t content_count() const { return heads_.size(); }

 private:
  struct Head {
    uint64_t size = 0;
    std::string content_type;
  };

  Library(loop::Loop& loop, std::unique_ptr<store::Session> session, store::Claim claim)
      : loop_(loop), session_(std::move(session)), claim_(claim) {}
  loop::Task<Result<Done>> Load();
  loop::Task<Result<Done>> Commit(std::vector<store::Write> writes);

  loop::Loop& loop_;
  std::unique_ptr<store::Session> session_;
  store::Claim claim_;
  std::unordered_map<std::string, Head> heads_;  // By hash.
  std::set<std::string> manifests_;
  std::map<std::string, Instant> idle_since_;                      // Records that a sweep found unreferenced.
  std::map<std::string, Instant> touched_;                         // Manifests of uploads, and when.
  std::map<std::string, std::shared_ptr<const Manifest>> recent_;  // kRecentMax at most.
};

// The content, or `length` bytes of it from `from`, piece by piece. `session` outlives it. The stream fails if the
// content is not there.
struct ContentRange {
  uint64_t from = 0;
  uint64_t length = 0;
};
std::unique_ptr<BodyStream> OpenContent(store::Session& session, const std::string& hash, ContentRange range);
// A whole content of at most kChunkBytes if memory has it; nothing: use OpenContent.
std::optional<Bytes> TryContent(store::Session& session, const std::string& hash);

}  // namespace limpet::assets

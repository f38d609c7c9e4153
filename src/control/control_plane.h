// The control plane: the REST API of spec "wrangler against a self-hosted API" over the catalog and the runtime.
//
// One loop (not a shard's: uploads are parsed on it). Everything here is called and destroyed on that loop.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/counters.h"
#include "base/http.h"
#include "base/log.h"
#include "base/random.h"
#include "base/trace.h"
#include "control/runtime.h"
#include "kv/namespaces.h"
#include "loop/loop.h"
#include "object/quota.h"
#include "store/engine.h"

namespace limpet::control {

// Of an import, an object's database and its pairs. The plane has lower limits for all else.
inline constexpr uint64_t kAdminBodyBytesMax = 20ull * 1024 * 1024 * 1024;

struct ControlOptions {
  Bytes secrets_key;                     // What secrets are sealed with (LoadOrMakeSecretsKey).
  std::string token;                     // What `Authorization: Bearer` must carry (LoadOrMakeToken).
  std::vector<std::string> admin_hosts;  // Host names beside loopback that the admin port answers to.
  std::string public_origin;             // "http://NAME.localhost:8787": NAME is replaced. For addresses in answers.
  std::string account_id = "local";      // Shown by /accounts; any account id is accepted in paths.
  size_t upload_bytes_max = 100 * 1024 * 1024;
  size_t request_bytes_max = 1024 * 1024;  // Of requests that are not uploads.
  std::string scratch_dir = "/tmp";        // Of files without names: copies of objects that are made or taken in.
  bool copy_threads = false;               // They have threads of their own; else they block the loop, for tests.
  bool local_services = false;             // Uploads may bind scripts that are not there.
  object::Quota object_quota = {};         // For CheckReplacement, of what comes to objects from outside.
  size_t versions_max = 10;                // Kept per script; the deployed one is always kept.
};

// All outlive the control plane.
struct ControlDeps {
  loop::Loop& loop;
  store::Engine& engine;
  Runtime& runtime;
  Logger& logger;
  Counters& counters;
  Random& random;
  kv::Namespaces& kv;  // Filled and emptied by the control plane.
};

// Whom a request came from.
struct Peer {
  bool loopback = false;
};

class ControlPlane {
 public:
  using OnReply = UniqueFunction<void(HttpResponse)>;
  using OnOpen = UniqueFunction<void(Result<std::unique_ptr<ControlPlane>>)>;
  // Loads the catalog, goes on with unfinished drops and activates every deployed script; then `done`, with the plane
  // or why there is none (kCorrupt, kUnavailable). A script that cannot be activated is logged and does not stop it.
  static void Open(ControlOptions options, ControlDeps deps, OnOpen done);
  virtual ~ControlPlane() = default;

  // Answers one request of the admin port, once. `request.url` is absolute, its host is the Host header's.
  virtual void Handle(HttpRequest request, Peer peer, OnReply reply) = 0;
  // What an event of a script did that Runtime::SetTraced named.
  virtual void OnTrace(std::shared_ptr<const TraceEvent> trace) = 0;
  virtual size_t script_count() const = 0;
};

// The token in `data_dir`/admin-token; made (32 random bytes in hex, mode 0600) if there is none.
// Errors: kUnavailable (names the file), kInvalidArgument (the file is empty or readable by others).
Result<std::string> LoadOrMakeToken(const std::string& data_dir, Random& random);

// The key in `data_dir`/secrets-key (64 hex digits), made the same way. The same errors.
Result<Bytes> LoadOrMakeSecretsKey(const std::string& data_dir, Random& random);

}  // namespace limpet::control

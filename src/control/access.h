// Who may ask the REST API for what, and who changed what: API tokens and the audit log. Both are one object of the
// store beside the catalog (docs/formats/catalog.md). On the control plane's loop.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/http.h"
#include "base/json.h"
#include "base/random.h"
#include "control/lifecycle.h"
#include "loop/loop.h"
#include "loop/task.h"
#include "store/engine.h"

namespace limpet::control {

// Each allows what those before it allow.
enum class AccessScope : uint8_t {
  kRead,    // Look at everything but secrets' texts.
  kDeploy,  // Change scripts and data.
  kAdmin,   // Tokens and the audit log.
};
std::string_view ScopeName(AccessScope scope);  // "read", "deploy", "admin".
std::optional<AccessScope> ScopeOfName(std::string_view name);
// What a request needs. `segments` are those of the path, from "client" on.
AccessScope NeededScope(std::string_view method, const std::vector<std::string>& segments);

// An API token. The token itself is shown once, when it is made; its SHA-256 is kept.
struct ApiToken {
  std::string id;    // 32 hex digits.
  std::string name;  // Of the user's choice; unique.
  AccessScope scope = AccessScope::kRead;
  std::string hash;               // 64 hex digits.
  std::string created_on;         // "2026-11-24T00:00:00.000Z"
  std::optional<int64_t> expiry;  // Milliseconds since 1970.
};
Json ShowToken(const ApiToken& token);  // Without the hash.

// Whom a request's token names.
struct Caller {
  std::string id;    // Empty: the server's own token (admin-token).
  std::string name;  // "admin-token" then.
  AccessScope scope = AccessScope::kAdmin;
};

class Access {
 public:
  static constexpr Duration kAuditKept = std::chrono::hours(24 * 90);
  static constexpr size_t kTokensMax = 1000;
  static constexpr size_t kNameMax = 128;  // Bytes.

  // Errors: kCorrupt, kUnavailable.
  static loop::Task<Result<std::unique_ptr<Access>>> Open(store::Engine& engine, loop::Loop& loop, Random& random,
                                                          std::string own_token);

  // Refusal: 403/10000 for a token that is unknown, revoked or expired. Takes the same time wherever a wrong one
  // differs.
  Decision<Caller> Identify(const HeaderList& headers) const;
  // A wrong token was seen: the answer waits, longer with each in a row. Refusal 429 when too many wait.
  loop::Task<std::optional<Refusal>> Penalize();

  const std::vector<ApiToken>& tokens() const { return tokens_; }
  struct Made {
    ApiToken token;
    std::string value;  // What `Authorization: Bearer` carries.
  };
  // Durable when it answers. Refusals: 400 for a bad name or expiry, 409 for a name that is taken, 503.
  loop::Task<Decision<Made>> Create(std::string name, AccessScope scope, std::optional<int64_t> expiry);
  // By ID or name. Refusals: 404, 503.
  loop::Task<Decision<ApiToken>> Revoke(std::string id_or_name);

  // A change is about to be tried; durable when it answers, so that none goes unseen. The key names the entry.
  // Errors: kUnavailable.
  loop::Task<Result<Bytes>> Begin(const Caller& caller, std::string method, std::string path);
  // What became of it. An error is of no consequence: the entry stays without an outcome.
  loop::Task<Done> Finish(Bytes entry, int status, int64_t code, std::string message);
  // The newest `limit` entries, newest first; older than the one with the ID `before`, if any.
  loop::Task<Result<Json>> Entries(size_t limit, std::string before);

 private:
  Access(std::unique_ptr<store::Session> session, store::Claim claim, loop::Loop& loop, Random& random,
         std::string own_token)
      : session_(std::move(session)), claim_(claim), loop_(loop), random_(random), own_token_(std::move(own_token)) {}
  loop::Task<Result<Done>> Load();
  loop::Task<Result<Done>> Write(std::vector<store::Write> writes);
  loop::Task<Done> Prune();

  std::unique_ptr<store::Session> session_;
  store::Claim claim_;
  loop::Loop& loop_;
  Random& random_;
  std::string own_token_;
  std::vector<ApiToken> tokens_;
  std::map<Bytes, Json> open_;  // Entries without an outcome.
  uint64_t last_entry_ = 0;     // Milliseconds since 1970 times 1,000, strictly growing.
  uint64_t written_ = 0;
  Instant last_failure_{};
  uint64_t failures_ = 0;
  size_t waiting_ = 0;
};

}  // namespace limpet::control

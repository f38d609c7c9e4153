#include "control/access.h"

#include <openssl/sha.h>

#include <algorithm>
#include <charconv>

#include "base/bytes.h"
#include "control/catalog.h"
#include "control/read_all.h"
#include "control/rest.h"
#include "store/partitions.h"

namespace limpet::control {
namespace {

constexpr ObjectId kAccess{NamespaceId{0}, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
constexpr std::string_view kTokenPrefix = "token/";
constexpr std::string_view kAuditPrefix = "audit/";
constexpr char kTokenStart[] = "lmpt_";  // Tells a token from other secrets, for people and scanners.
constexpr size_t kTokenBytes = 32;
constexpr uint64_t kPruneEvery = 256;  // Entries.
constexpr size_t kPruneMax = 1024;
constexpr uint64_t kFreeFailures = 5;
constexpr std::chrono::milliseconds kFirstPenalty{50};
constexpr uint64_t kDoublings = 6;  // 3.2 s at most.
constexpr size_t kWaitingMax = 64;

constexpr std::string_view kScopes[] = {"read", "deploy", "admin"};

std::string HashOf(std::string_view token) {
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const uint8_t*>(token.data()), token.size(), digest);
  return ToHex(BytesView(reinterpret_cast<const char*>(digest), sizeof digest));
}

Bytes AuditKey(uint64_t entry) {
  char digits[17];
  snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(entry));
  return Bytes(kAuditPrefix) + digits;
}

Json ToJson(const ApiToken& token) {
  Json json = ShowToken(token);
  json.Set("hash", token.hash);
  if (token.expiry) json.Set("expiry", *token.expiry);
  return json;
}

std::optional<ApiToken> TokenFromJson(const Json& json) {
  std::optional<AccessScope> scope = ScopeOfName(json["scope"].AsString());
  ApiToken token{json["id"].AsString(),   json["name"].AsString(),       scope.value_or(AccessScope::kRead),
                 json["hash"].AsString(), json["created_on"].AsString(), std::nullopt};
  if (const Json* expiry = json.Find("expiry")) token.expiry = expiry->AsInt64();
  if (!scope || token.id.empty() || token.hash.size() != size_t{2} * SHA256_DIGEST_LENGTH) return std::nullopt;
  return token;
}

Refusal NotStored(const Error& error) {
  return {503, 10013,
          "The change could not be stored: " + error.message() + ". Nothing is known to be changed; try again."};
}

std::string_view Bearer(const HeaderList& headers) {
  std::string_view given = headers.Get("Authorization").value_or("");
  constexpr std::string_view kScheme = "Bearer ";
  if (given.size() <= kScheme.size() || !EqualsIgnoreCase(given.substr(0, kScheme.size()), kScheme)) return {};
  return given.substr(kScheme.size());
}

}  // namespace

std::string_view ScopeName(AccessScope scope) { return kScopes[static_cast<size_t>(scope)]; }

std::optional<AccessScope> ScopeOfName(std::string_view name) {
  for (size_t i = 0; i < std::size(kScopes); ++i) {
    if (kScopes[i] == name) return static_cast<AccessScope>(i);
  }
  return std::nullopt;
}

AccessScope NeededScope(std::string_view method, const std::vector<std::string>& segments) {
  // client v4 accounts ACCOUNT tokens|audit_logs …
  if (segments.size() > 4 && (segments[4] == "tokens" || segments[4] == "audit_logs")) return AccessScope::kAdmin;
  if (method == "GET" || method == "HEAD") return AccessScope::kRead;
  bool tails = segments.size() > 7 && segments[7] == "tails";
  bool bulk_get = method == "POST" && segments.size() > 2 && segments.back() == "get" && segments.rbegin()[1] == "bulk";
  return tails || bulk_get ? AccessScope::kRead : AccessScope::kDeploy;
}

Json ShowToken(const ApiToken& token) {
  Json json;
  json.Set("id", token.id).Set("name", token.name).Set("scope", ScopeName(token.scope));
  json.Set("created_on", token.created_on);
  if (token.expiry) json.Set("expires_on", IsoTime(WallTime(std::chrono::milliseconds(*token.expiry))));
  return json;
}

loop::Task<Result<std::unique_ptr<Access>>> Access::Open(store::Engine& engine, loop::Loop& loop, Random& random,
                                                         std::string own_token) {
  LIMPET_CO_TRY(store::Claim claim, engine.Acquire(store::kAccessPartition));
  std::unique_ptr<Access> access(new Access(engine.Attach(loop), claim, loop, random, std::move(own_token)));
  Result<Done> loaded = co_await access->Load();
  if (!loaded.has_value()) co_return std::move(loaded).error().While("load the API tokens");
  co_await access->Prune();
  co_return std::move(access);
}

loop::Task<Result<Done>> Access::Load() {
  auto take = [this](const Bytes& key, const Bytes& value) -> Result<Done> {
    Result<Json> json = ParseJson(value);
    std::optional<ApiToken> token = json.has_value() ? TokenFromJson(*json) : std::nullopt;
    if (!token) return Error(ErrorCode::kCorrupt, "record " + key + " is no token");
    tokens_.push_back(*std::move(token));
    return Done{};
  };
  co_return co_await ReadAll(*session_, kAccess, std::string(kTokenPrefix), take);
}

loop::Task<Result<Done>> Access::Write(std::vector<store::Write> writes) {
  store::ObjectBatch batch{kAccess, std::move(writes)};
  loop::Completion<Result<uint64_t>> commit(
      [&](auto done) { session_->Commit(claim_, std::move(batch), std::move(done)); });
  Result<uint64_t> committed = co_await commit;
  if (!committed.has_value()) co_return std::move(committed).error();
  co_return Done{};
}

Decision<Caller> Access::Identify(const HeaderList& headers) const {
  std::string_view given = Bearer(headers);
  if (!given.empty() && !own_token_.empty() && EqualsConstantTime(given, own_token_)) {
    return Caller{{}, "admin-token", AccessScope::kAdmin};
  }
  if (given.starts_with(kTokenStart)) {
    std::string hash = HashOf(given);
    int64_t now = loop_.WallNow().time_since_epoch().count();
    for (const ApiToken& token : tokens_) {
      if (!EqualsConstantTime(hash, token.hash)) continue;
      if (token.expiry && *token.expiry <= now) break;
      return Caller{token.id, token.name, token.scope};
    }
  }
  return Refusal{403, 10000, "Authentication error"};
}

loop::Task<std::optional<Refusal>> Access::Penalize() {
  Instant now = loop_.Now();
  auto quiet = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now - last_failure_).count());
  failures_ = (failures_ > quiet ? failures_ - quiet : 0) + 1;
  last_failure_ = now;
  if (failures_ <= kFreeFailures) co_return std::nullopt;
  if (waiting_ >= kWaitingMax) {
    co_return Refusal{429, 971, "Too many requests with a wrong token: wait before you try again"};
  }
  ++waiting_;
  Duration pause = kFirstPenalty * (uint64_t{1} << std::min(failures_ - kFreeFailures - 1, kDoublings));
  loop::Completion<Done> waited(
      [&](auto done) { loop_.After(pause, [done = std::move(done)]() mutable { done(Done{}); }); });
  co_await waited;
  --waiting_;
  co_return std::nullopt;
}

loop::Task<Decision<Access::Made>> Access::Create(std::string name, AccessScope scope, std::optional<int64_t> expiry) {
  if (name.empty() || name.size() > kNameMax) {
    co_return Refusal{400, 10001, "A token needs a name of at most " + std::to_string(kNameMax) + " bytes."};
  }
  if (expiry && *expiry <= loop_.WallNow().time_since_epoch().count()) {
    co_return Refusal{400, 10001, "The token would have expired already."};
  }
  if (tokens_.size() >= kTokensMax) {
    co_return Refusal{400, 10001, "There are " + std::to_string(kTokensMax) + " tokens: revoke one first."};
  }
  for (const ApiToken& token : tokens_) {
    if (token.name == name) {
      co_return Refusal{409, 10002,
                        "There is a token \"" + name + "\" already: revoke it first, or choose another name."};
    }
  }
  Made made;
  made.value = kTokenStart + MakeHex(random_, kTokenBytes);
  made.token = {MakeHex(random_, 16), std::move(name), scope, HashOf(made.value), IsoTime(loop_.WallNow()), expiry};
  std::vector<store::Write> writes;
  writes.push_back(
      {store::Write::Kind::kPut, store::Space::kKv, Bytes(kTokenPrefix) + made.token.id, ToText(ToJson(made.token))});
  Result<Done> stored = co_await Write(std::move(writes));
  if (!stored.has_value()) co_return NotStored(stored.error());
  tokens_.push_back(made.token);
  co_return made;
}

loop::Task<Decision<ApiToken>> Access::Revoke(std::string id_or_name) {
  auto found =
      std::find_if(tokens_.begin(), tokens_.end(), [&](const ApiToken& token) { return token.id == id_or_name; });
  if (found == tokens_.end()) {
    found =
        std::find_if(tokens_.begin(), tokens_.end(), [&](const ApiToken& token) { return token.name == id_or_name; });
  }
  if (found == tokens_.end()) {
    co_return Refusal{404, 10003, "There is no token \"" + id_or_name + "\". See: limpet token list"};
  }
  // From now on, whatever the disk does: a token that its owner wants gone must not go on.
  ApiToken token = *found;
  tokens_.erase(found);
  std::vector<store::Write> writes;
  writes.push_back({store::Write::Kind::kDelete, store::Space::kKv, Bytes(kTokenPrefix) + token.id, {}});
  Result<Done> stored = co_await Write(std::move(writes));
  if (!stored.has_value()) {
    co_return Refusal{503, 10013,
                      "The token is refused until the next start, but that could not be stored: " +
                          stored.error().message() + ". Revoke it again after a restart."};
  }
  co_return token;
}

loop::Task<Result<Bytes>> Access::Begin(const Caller& caller, std::string method, std::string path) {
  auto now = static_cast<uint64_t>(loop_.WallNow().time_since_epoch().count()) * 1000;
  last_entry_ = std::max(now, last_entry_ + 1);
  Bytes key = AuditKey(last_entry_);
  Json entry;
  entry.Set("id", key.substr(kAuditPrefix.size())).Set("when", IsoTime(loop_.WallNow()));
  entry.Set("token", caller.name)
      .Set("token_id", caller.id)
      .Set("method", std::move(method))
      .Set("path", ToValidUtf8(path));
  std::vector<store::Write> writes;
  writes.push_back({store::Write::Kind::kPut, store::Space::kKv, key, ToText(entry)});
  Result<Done> stored = co_await Write(std::move(writes));
  if (!stored.has_value()) co_return std::move(stored).error();
  open_[key] = std::move(entry);
  if (++written_ % kPruneEvery == 0) co_await Prune();
  co_return key;
}

loop::Task<Done> Access::Finish(Bytes key, int status, int64_t code, std::string message) {
  auto found = open_.find(key);
  if (found == open_.end()) co_return Done{};
  Json entry = std::move(found->second);
  open_.erase(found);
  entry.Set("status", status);
  if (code != 0) entry.Set("code", code).Set("message", ToValidUtf8(message));
  std::vector<store::Write> writes;
  writes.push_back({store::Write::Kind::kPut, store::Space::kKv, std::move(key), ToText(entry)});
  (void)co_await Write(std::move(writes));
  co_return Done{};
}

loop::Task<Result<Json>> Access::Entries(size_t limit, std::string before) {
  store::ScanOptions options;
  options.start = Bytes(kAuditPrefix);
  options.end = before.empty() ? PrefixEnd(kAuditPrefix) : Bytes(kAuditPrefix) + before;
  options.reverse = true;
  options.limit = limit;
  loop::Completion<Result<store::ScanPage>> scan([&](auto done) { session_->Scan(kAccess, options, std::move(done)); });
  LIMPET_CO_TRY(store::ScanPage page, co_await scan);
  Json entries = Json::MakeArray();
  for (const auto& [key, value] : page.pairs) {
    Result<Json> entry = ParseJson(value);
    if (!entry.has_value()) co_return Error(ErrorCode::kCorrupt, "record " + key + ": " + entry.error().message());
    entries.Append(std::move(entry).value());
  }
  co_return entries;
}

// Drops entries that are old enough. What it leaves, the next one takes.
loop::Task<Done> Access::Prune() {
  auto kept = std::chrono::duration_cast<std::chrono::milliseconds>(kAuditKept).count();
  int64_t oldest = loop_.WallNow().time_since_epoch().count() - kept;
  if (oldest <= 0) co_return Done{};
  store::ScanOptions options;
  options.start = Bytes(kAuditPrefix);
  options.end = AuditKey(static_cast<uint64_t>(oldest) * 1000);
  options.limit = kPruneMax;
  loop::Completion<Result<store::ScanPage>> scan([&](auto done) { session_->Scan(kAccess, options, std::move(done)); });
  Result<store::ScanPage> page = co_await scan;
  if (!page.has_value() || page->pairs.empty()) co_return Done{};
  std::vector<store::Write> writes;
  for (auto& [key, value] : page->pairs) {
    writes.push_back({store::Write::Kind::kDelete, store::Space::kKv, std::move(key), {}});
  }
  (void)co_await Write(std::move(writes));
  co_return Done{};
}

}  // namespace limpet::control

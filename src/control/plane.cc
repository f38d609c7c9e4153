#include "control/plane.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/absent.h"
#include "base/multipart.h"

namespace limpet::control {
namespace {

constexpr std::string_view kApi = "/client/v4";

std::string Problem(const std::string& path, const char* what) {
  return path + ": " + what + ": " + std::strerror(errno);
}

Result<std::string> ReadToken(const std::string& path, int file) {
  struct stat info{};
  if (fstat(file, &info) != 0) return Error(ErrorCode::kUnavailable, Problem(path, "stat"));
  if ((info.st_mode & 077) != 0) {
    return Error(ErrorCode::kInvalidArgument, path + " can be read by others; run: chmod 600 " + path);
  }
  char text[513];
  ssize_t size = read(file, text, sizeof text - 1);
  if (size < 0) return Error(ErrorCode::kUnavailable, Problem(path, "read"));
  std::string token(text, static_cast<size_t>(size));
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' ')) token.pop_back();
  if (token.empty()) return Error(ErrorCode::kInvalidArgument, path + " is empty; delete it to have a new token made");
  return token;
}

}  // namespace

namespace {

Result<std::string> LoadOrMake(const std::string& path, Random& random) {
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    Result<std::string> token = ReadToken(path, file);
    close(file);
    return token;
  }
  if (errno != ENOENT) return Error(ErrorCode::kUnavailable, Problem(path, "open"));
  std::string token = MakeHex(random, 32);
  // Under another name first: a half-written token is never read.
  std::string fresh = path + ".new";
  file = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return Error(ErrorCode::kUnavailable, Problem(fresh, "create"));
  std::string line = token + "\n";
  bool written = write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size()) && fsync(file) == 0;
  written = close(file) == 0 && written && rename(fresh.c_str(), path.c_str()) == 0;
  if (!written) return Error(ErrorCode::kUnavailable, Problem(path, "write"));
  return token;
}

}  // namespace

Result<std::string> LoadOrMakeToken(const std::string& data_dir, Random& random) {
  return LoadOrMake(data_dir + "/admin-token", random);
}

Result<Bytes> LoadOrMakeSecretsKey(const std::string& data_dir, Random& random) {
  std::string path = data_dir + "/secrets-key";
  LIMPET_TRY(std::string text, LoadOrMake(path, random));
  std::optional<Bytes> key = FromHex(text);
  if (!key || key->size() != SecretBox::kKeyBytes) {
    return Error(ErrorCode::kInvalidArgument, path + " is not a key: 64 hex digits");
  }
  return *std::move(key);
}

// The scope outlives the start: it is destroyed by the loop, after the task has ended.
loop::Task<Done> Plane::OpenTask(std::unique_ptr<Plane> plane, OnOpen done, std::shared_ptr<loop::TaskScope> scope) {
  Result<Done> started = co_await plane->Start();
  plane->deps_.loop.Post([scope = std::move(scope)] {});
  if (started.has_value()) {
    done(std::unique_ptr<ControlPlane>(std::move(plane)));
  } else {
    done(std::move(started).error());
  }
  co_return Done{};
}

void ControlPlane::Open(ControlOptions options, ControlDeps deps, OnOpen done) {
  auto scope = std::make_shared<loop::TaskScope>();
  scope->Spawn(Plane::OpenTask(std::make_unique<Plane>(std::move(options), deps), std::move(done), scope));
}

loop::Task<Result<Done>> Plane::Start() {
  Result<std::unique_ptr<Catalog>> catalog =
      co_await Catalog::Open(deps_.engine, deps_.loop, SecretBox(std::move(options_.secrets_key), deps_.random));
  if (!catalog.has_value()) co_return std::move(catalog).error();
  catalog_ = std::move(catalog).value();
  Result<std::unique_ptr<Access>> access =
      co_await Access::Open(deps_.engine, deps_.loop, deps_.random, options_.token);
  if (!access.has_value()) co_return std::move(access).error();
  access_ = std::move(access).value();
  Result<std::unique_ptr<assets::Library>> library = co_await assets::Library::Open(deps_.engine, deps_.loop);
  if (!library.has_value()) co_return std::move(library).error();
  library_ = std::move(library).value();
  kv_ = std::make_unique<kv::Outlet>(deps_.engine, deps_.loop, deps_.kv.claim());
  deployer_ = std::make_unique<Deployer>(options_, deps_, *catalog_, *library_);
  tails_.on_change = [this] { TellTraced(); };
  deployer_->on_previews = [this] {
    if (!tails_.Traced().empty()) TellTraced();
  };
  co_await deployer_->Start();
  SweepAssets();
  SweepKv();
  Result<std::unique_ptr<class Schedules>> schedules = co_await Schedules::Open(deps_, *catalog_);
  if (!schedules.has_value()) co_return std::move(schedules).error();
  schedules_ = std::move(schedules).value();
  schedules_->Wake();
  scope_.Spawn(SettleObjects());
  co_return Done{};
}

void Plane::Handle(HttpRequest request, Peer peer, OnReply reply) {
  scope_.Spawn(Serve(std::move(request), peer, std::move(reply)));
}

loop::Task<Done> Plane::Serve(HttpRequest request, Peer peer, OnReply reply) {
  reply(co_await Dispatch(std::move(request), peer));
  co_return Done{};
}

Plane::Answer Plane::Dispatch(HttpRequest request, Peer peer) {
  Call call;
  call.method = request.method;
  call.target = ParseTarget(request.url);
  call.secure = request.url.starts_with("https://");
  if (auto refusal = CheckHostAndOrigin(call.target, request.headers, options_.admin_hosts))
    co_return Failure(*refusal);
  const std::string& path = call.target.path;
  // Its name is a secret of its own: clients send no token along.
  if (path.starts_with(kTailPath) && call.method == "GET") co_return ConnectTail(call.target);
  // Uploads of static files carry the token of their session, and are larger than other calls.
  bool is_assets = path.find("/workers/assets/upload") != std::string::npos || path.ends_with("/assets-upload-session");
  Decision<Caller> caller = access_->Identify(request.headers);
  if (!caller.ok() && is_assets && UploadClaims(request.headers)) caller = Caller{{}, "upload", AccessScope::kDeploy};
  bool is_probe = path == "/healthz" || path == "/metrics";
  if (!caller.ok() && !(is_probe && peer.loopback)) {
    if (!is_probe && !path.starts_with(kApi)) co_return PlainText(404, "Not found\n");
    std::optional<Refusal> too_many = co_await access_->Penalize();
    co_return Failure(too_many ? *too_many : caller.refusal());
  }
  if (is_probe) {
    co_return PlainText(200, path == "/healthz" ? "ok\n" : deps_.counters.ToPrometheus() + StoredMetrics());
  }
  if (!path.starts_with(kApi)) co_return PlainText(404, "Not found\n");

  bool path_known = false;
  const Route* route = FindRoute(call.method, call.target, &path_known);
  if (route == nullptr) {
    deps_.logger.Write(LogLevel::kWarn, "control", "no route for " + call.method + " " + path);
    if (path_known) co_return Failure({405, 10405, "Method " + call.method + " is not allowed for " + path});
    if (std::string advice = AdviceForPath(call.target.segments); !advice.empty()) {
      co_return Failure({404, 7003, advice + "."});
    }
    co_return Failure({404, 7003, "Could not route to " + path + ", perhaps your object identifier is invalid?"});
  }
  AccessScope needed = NeededScope(call.method, call.target.segments);
  if (caller->scope < needed) {
    co_return Failure({403, 9109,
                       "Unauthorized to access requested resource: the token \"" + caller->name +
                           "\" has the scope \"" + std::string(ScopeName(caller->scope)) + "\", this needs \"" +
                           std::string(ScopeName(needed)) + "\"."});
  }
  bool is_upload = MediaType(request.headers.Get("Content-Type").value_or("")) == "multipart/form-data";
  is_upload |= path.find("/storage/kv/namespaces/") != std::string::npos;
  if (call.method == "PUT" && path.ends_with("/import")) call.upload = std::exchange(request.body, Body::None());
  Decision<Bytes> body = co_await ReadBody(
      std::move(request.body), is_upload || is_assets ? options_.upload_bytes_max : options_.request_bytes_max);
  if (!body.ok()) co_return Failure(body.refusal());
  call.body = *std::move(body);
  call.headers = std::move(request.headers);
  // client v4 accounts ACCOUNT workers scripts NAME …
  if (call.target.segments.size() > 6 && call.target.segments[4] == "workers") call.script = call.target.segments[6];
  call.caller = *std::move(caller);
  co_return co_await Run(route, std::move(call));
}

Plane::Answer Plane::Run(const Route* route, Call call) {
  if (call.method == "GET" || NeededScope(call.method, call.target.segments) == AccessScope::kRead) {
    co_return co_await (this->*route->handler)(std::move(call));
  }
  Result<Bytes> entry = co_await access_->Begin(call.caller, call.method, call.target.path);
  if (!entry.has_value()) {
    co_return Failure(
        {503, 10013, "Nothing was changed, since the audit log can't be written: " + entry.error().message()});
  }
  HttpResponse response = co_await (this->*route->handler)(std::move(call));
  schedules_->Wake();
  int64_t code = 0;
  std::string message;
  if (response.status >= 400) {
    if (Result<Json> json = ParseJson(response.body.bytes); json.has_value() && !(*json)["errors"].items().empty()) {
      const Json& error = (*json)["errors"].items()[0];
      code = error["code"].AsInt64();
      message = error["message"].AsString();
    }
  }
  co_await access_->Finish(std::move(entry).value(), response.status, code, std::move(message));
  co_return response;
}

const Plane::Route* Plane::FindRoute(const std::string& method, const Target& target, bool* path_known) const {
  std::vector<std::string> segments(target.segments.begin() + std::min<ptrdiff_t>(2, std::ssize(target.segments)),
                                    target.segments.end());
  for (const Route* route = kRoutes; route->method != nullptr; ++route) {
    if (!Matches(route->pattern, segments)) continue;
    *path_known = true;
    if (method == route->method) return route;
  }
  return nullptr;
}

Decision<Json> Plane::ParseBody(const Call& call) const {
  if (call.body.empty()) return Json::MakeObject();
  Result<Json> json = ParseJson(call.body);
  if (!json.has_value()) return Refusal{400, 10026, "The request's body is not JSON: " + json.error().message()};
  return std::move(json).value();
}

std::string Plane::UrlOf(const std::string& script) const {
  std::string url = options_.public_origin;
  if (size_t at = url.find("NAME"); at != std::string::npos) url.replace(at, 4, script);
  return url;
}

#define LIMPET_SCRIPT "/accounts/*/workers/scripts/*"
#define LIMPET_KV "/accounts/*/storage/kv/namespaces"
const Plane::Route Plane::kRoutes[] = {
    {"GET", "/user", &Plane::User},
    {"GET", "/user/tokens/verify", &Plane::VerifyToken},
    {"GET", "/accounts", &Plane::Accounts},
    {"GET", "/accounts/*", &Plane::Account},
    {"GET", "/memberships", &Plane::Memberships},
    {"GET", "/zones", &Plane::Zones},
    {"GET", "/accounts/*/tokens", &Plane::Tokens},
    {"POST", "/accounts/*/tokens", &Plane::CreateToken},
    {"DELETE", "/accounts/*/tokens/*", &Plane::RevokeToken},
    {"GET", "/accounts/*/audit_logs", &Plane::AuditLog},
    {"GET", "/zones/*", &Plane::Zone},
    {"GET", "/zones/*/workers/routes", &Plane::ZoneRoutes},
    {"POST", "/zones/*/workers/routes", &Plane::PostZoneRoute},
    {"DELETE", "/zones/*/workers/routes/*", &Plane::DeleteZoneRoute},
    {"GET", "/accounts/*/workers/deployments/by-script/*", &Plane::DeploymentsByTag},
    {"GET", "/accounts/*/workers/deployments/by-script/*/detail/*", &Plane::DeploymentByTag},
    {"GET", "/accounts/*/workers/subdomain", &Plane::AccountSubdomain},
    {"GET", "/accounts/*/workers/durable_objects/namespaces", &Plane::Namespaces},
    {"GET", "/accounts/*/workers/durable_objects/namespaces/*/objects", &Plane::Objects},
    {"GET", "/accounts/*/workers/durable_objects/namespaces/*/objects/*", &Plane::Object},
    {"DELETE", "/accounts/*/workers/durable_objects/namespaces/*/objects/*", &Plane::DeleteObject},
    {"GET", "/accounts/*/workers/durable_objects/namespaces/*/objects/*/bookmarks", &Plane::Bookmarks},
    {"GET", "/accounts/*/workers/durable_objects/namespaces/*/objects/*/export", &Plane::ExportObject},
    {"PUT", "/accounts/*/workers/durable_objects/namespaces/*/objects/*/import", &Plane::ImportObject},
    {"POST", "/accounts/*/workers/durable_objects/namespaces/*/objects/*/fork", &Plane::ForkObject},
    {"POST", "/accounts/*/workers/durable_objects/namespaces/*/objects/*/restore", &Plane::RestoreObject},
    {"GET", "/accounts/*/workers/durable_objects/objects/*", &Plane::Object},
    {"DELETE", "/accounts/*/workers/durable_objects/objects/*", &Plane::DeleteObject},
    {"GET", "/accounts/*/workers/durable_objects/objects/*/bookmarks", &Plane::Bookmarks},
    {"GET", "/accounts/*/workers/durable_objects/objects/*/export", &Plane::ExportObject},
    {"PUT", "/accounts/*/workers/durable_objects/objects/*/import", &Plane::ImportObject},
    {"POST", "/accounts/*/workers/durable_objects/objects/*/fork", &Plane::ForkObject},
    {"POST", "/accounts/*/workers/durable_objects/objects/*/restore", &Plane::RestoreObject},
    {"GET", "/accounts/*/workers/tails/by-consumer/*", &Plane::TailProducers},
    {"GET", "/accounts/*/containers/applications", &Plane::EmptyList},
    {"GET", LIMPET_KV, &Plane::KvNamespacesList},
    {"POST", LIMPET_KV, &Plane::CreateKv},
    {"GET", LIMPET_KV "/*", &Plane::ShowKv},
    {"PUT", LIMPET_KV "/*", &Plane::RenameKv},
    {"DELETE", LIMPET_KV "/*", &Plane::DeleteKv},
    {"GET", LIMPET_KV "/*/keys", &Plane::KvKeys},
    {"GET", LIMPET_KV "/*/metadata/*", &Plane::GetKvMetadata},
    {"GET", LIMPET_KV "/*/values/*", &Plane::GetKvValue},
    {"PUT", LIMPET_KV "/*/values/*", &Plane::PutKvValue},
    {"DELETE", LIMPET_KV "/*/values/*", &Plane::DeleteKvValue},
    {"PUT", LIMPET_KV "/*/bulk", &Plane::PutKvBulk},
    {"DELETE", LIMPET_KV "/*/bulk", &Plane::DeleteKvBulk},
    {"POST", LIMPET_KV "/*/bulk/delete", &Plane::DeleteKvBulk},
    {"POST", LIMPET_KV "/*/bulk/get", &Plane::GetKvBulk},
    {"GET", "/accounts/*/workers/domains/records/*", &Plane::Domain},
    {"GET", "/accounts/*/workers/services/*", &Plane::Service},
    {"DELETE", "/accounts/*/workers/services/*", &Plane::DeleteScript},
    {"GET", "/accounts/*/workers/workers/*", &Plane::Worker},
    {"PATCH", "/accounts/*/workers/workers/*/versions/latest", &Plane::PatchLatestVersion},
    {"GET", "/accounts/*/workers/scripts", &Plane::Scripts},
    {"GET", LIMPET_SCRIPT, &Plane::ScriptContent},
    {"PUT", LIMPET_SCRIPT, &Plane::PutScript},
    {"DELETE", LIMPET_SCRIPT, &Plane::DeleteScript},
    {"POST", LIMPET_SCRIPT "/assets-upload-session", &Plane::AssetsSession},
    {"POST", "/accounts/*/workers/assets/upload", &Plane::AssetsUpload},
    {"POST", "/accounts/*/workers/assets/upload/*", &Plane::AssetsUpload},
    {"GET", LIMPET_SCRIPT "/references", &Plane::References},
    {"POST", LIMPET_SCRIPT "/tails", &Plane::PostTail},
    {"DELETE", LIMPET_SCRIPT "/tails/*", &Plane::DeleteTail},
    {"GET", LIMPET_SCRIPT "/bindings", &Plane::Bindings},
    {"GET", LIMPET_SCRIPT "/content/v2", &Plane::ScriptContent},
    {"GET", LIMPET_SCRIPT "/deployments", &Plane::Deployments},
    {"POST", LIMPET_SCRIPT "/deployments", &Plane::PostDeployment},
    {"GET", LIMPET_SCRIPT "/versions", &Plane::Versions},
    {"POST", LIMPET_SCRIPT "/versions", &Plane::PostVersion},
    {"GET", LIMPET_SCRIPT "/versions/*", &Plane::Version},
    {"GET", LIMPET_SCRIPT "/secrets", &Plane::Secrets},
    {"PUT", LIMPET_SCRIPT "/secrets", &Plane::PutSecret},
    {"DELETE", LIMPET_SCRIPT "/secrets/*", &Plane::DeleteSecret},
    {"PATCH", LIMPET_SCRIPT "/secrets-bulk", &Plane::PatchSecrets},
    {"GET", LIMPET_SCRIPT "/settings", &Plane::Settings},
    {"PATCH", LIMPET_SCRIPT "/settings", &Plane::PatchSettings},
    {"GET", LIMPET_SCRIPT "/script-settings", &Plane::ScriptSettings},
    {"PATCH", LIMPET_SCRIPT "/script-settings", &Plane::PatchScriptSettings},
    {"GET", LIMPET_SCRIPT "/subdomain", &Plane::Subdomain},
    {"POST", LIMPET_SCRIPT "/subdomain", &Plane::PostSubdomain},
    {"GET", LIMPET_SCRIPT "/schedules", &Plane::Schedules},
    {"PUT", LIMPET_SCRIPT "/schedules", &Plane::PutSchedules},
    {"PUT", LIMPET_SCRIPT "/routes", &Plane::PutRoutes},
    {"POST", LIMPET_SCRIPT "/domains/changeset", &Plane::DomainsChangeset},
    {"PUT", LIMPET_SCRIPT "/domains/records", &Plane::PutDomains},
    {nullptr, nullptr, nullptr},
};
#undef LIMPET_SCRIPT
#undef LIMPET_KV

}  // namespace limpet::control

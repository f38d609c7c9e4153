// ControlPlane's insides: one method per resource.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "assets/library.h"
#include "control/access.h"
#include "control/catalog.h"
#include "control/control_plane.h"
#include "control/copier.h"
#include "control/deployer.h"
#include "control/rest.h"
#include "control/schedules.h"
#include "control/tail.h"
#include "kv/outlet.h"
#include "loop/task.h"

namespace limpet::control {

// One request of the API, its body read.
struct Call {
  std::string method;
  Target target;
  bool secure = false;  // It came over TLS, as far as is known.
  HeaderList headers;
  Bytes body;
  Body upload;  // Instead, of an import: not read yet.
  Caller caller;
  std::string script;  // The segment after "scripts" or "services" or "workers", if the path has one.
};

// The secrets of {NAME: {text} | null}.
Decision<Secrets> ReadSecrets(const Json& members);

class Plane final : public ControlPlane {
 public:
  Plane(ControlOptions options, ControlDeps deps)
      : options_(std::move(options)),
        deps_(deps),
        copier_(deps.loop, options_.scratch_dir, options_.copy_threads),
        tails_(deps.loop, deps.random) {}
  loop::Task<Result<Done>> Start();
  void Handle(HttpRequest request, Peer peer, OnReply reply) override;
  void OnTrace(std::shared_ptr<const TraceEvent> trace) override;
  size_t script_count() const override { return catalog_->scripts().size(); }
  static loop::Task<Done> OpenTask(std::unique_ptr<Plane> plane, OnOpen done, std::shared_ptr<loop::TaskScope> scope);

 private:
  using Answer = loop::Task<HttpResponse>;
  struct Route {
    const char* method;
    const char* pattern;  // Below /client/v4.
    Answer (Plane::*handler)(Call call);
  };
  static const Route kRoutes[];

  loop::Task<Done> Serve(HttpRequest request, Peer peer, OnReply reply);
  Answer Dispatch(HttpRequest request, Peer peer);
  // Runs the route's handler, with the audit log around what changes something.
  Answer Run(const Route* route, Call call);
  const Route* FindRoute(const std::string& method, const Target& target, bool* path_known) const;

  // api_account.cc
  Answer User(Call call);
  Answer VerifyToken(Call call);
  Answer Accounts(Call call);
  Answer Account(Call call);
  Answer Memberships(Call call);
  Answer AccountSubdomain(Call call);
  Answer Zones(Call call);
  Answer Zone(Call call);
  Answer ZoneRoutes(Call call);
  Answer PostZoneRoute(Call call);
  Answer DeleteZoneRoute(Call call);
  Answer EmptyList(Call call);
  Answer EmptyObject(Call call);
  Answer Namespaces(Call call);
  // api_access.cc
  Answer Tokens(Call call);
  Answer CreateToken(Call call);
  Answer RevokeToken(Call call);
  Answer AuditLog(Call call);
  // api_objects.cc
  Answer Objects(Call call);
  Answer Object(Call call);
  Answer DeleteObject(Call call);
  // api_assets.cc
  Answer AssetsSession(Call call);
  Answer AssetsUpload(Call call);
  int64_t NowSeconds() const;
  std::optional<Json> AssetClaims(std::string_view token) const;
  std::optional<Json> UploadClaims(const HeaderList& headers) const;  // Of the token that such an upload carries.
  std::string AssetToken(const std::string& manifest, const char* use) const;
  loop::Task<Decision<Json>> ReadAssets(const Upload& upload);  // `upload` outlives it.
  void SweepAssets();
  loop::Task<Done> Sweep();
  // api_kv.cc
  Answer KvNamespacesList(Call call);
  Answer CreateKv(Call call);
  Answer ShowKv(Call call);
  Answer RenameKv(Call call);
  Answer DeleteKv(Call call);
  Answer KvKeys(Call call);
  Answer GetKvValue(Call call);
  Answer GetKvMetadata(Call call);
  Answer PutKvValue(Call call);
  Answer DeleteKvValue(Call call);
  Answer PutKvBulk(Call call);
  Answer DeleteKvBulk(Call call);
  Answer GetKvBulk(Call call);
  Decision<std::shared_ptr<kv::Namespace>> FindKv(const Call& call) const;
  loop::Task<Result<std::optional<kv::Value>>> FindValue(std::shared_ptr<kv::Namespace> ns, Bytes key);
  loop::Task<Result<Done>> WriteValues(std::shared_ptr<kv::Namespace> ns, std::vector<kv::Writer::Change> changes);
  Answer WriteBulk(std::shared_ptr<kv::Namespace> ns, std::vector<kv::Writer::Change> changes);
  void SweepKv();
  loop::Task<Done> SweepKvNow();
  // api_history.cc
  Answer Bookmarks(Call call);
  Answer RestoreObject(Call call);
  // api_copies.cc
  Answer ExportObject(Call call);
  Answer ImportObject(Call call);
  Answer ForkObject(Call call);
  Result<Done> RoomInStore(store::Session& session, const ObjectId& id, uint64_t bytes);
  // settle.cc
  loop::Task<Done> SettleObjects();
  loop::Task<Result<Done>> SettleObject(store::Session& session, Bytes key);
  // stored_metrics.cc
  std::string StoredMetrics() const;  // As Counters::ToPrometheus.
  // api_scripts.cc
  Answer Service(Call call);
  Answer Scripts(Call call);
  Answer Worker(Call call);
  Answer PutScript(Call call);
  Answer PostVersion(Call call);
  Answer DeleteScript(Call call);
  Answer Deployments(Call call);
  Answer PostDeployment(Call call);
  Answer Versions(Call call);
  Answer Version(Call call);
  // api_versions.cc
  Answer PatchSettings(Call call);
  Answer PatchLatestVersion(Call call);
  Answer ScriptContent(Call call);
  Answer References(Call call);
  Answer TailProducers(Call call);
  // api_legacy.cc
  Answer DeploymentsByTag(Call call);
  Answer DeploymentByTag(Call call);
  Answer RollBack(Call call);
  Answer Bindings(Call call);
  // api_tail.cc
  Answer PostTail(Call call);
  Answer DeleteTail(Call call);
  HttpResponse ConnectTail(const Target& target);
  void TellTraced();
  // api_settings.cc
  Answer Secrets(Call call);
  Answer PutSecret(Call call);
  Answer DeleteSecret(Call call);
  Answer PatchSecrets(Call call);
  Answer Settings(Call call);
  Answer ScriptSettings(Call call);
  Answer PatchScriptSettings(Call call);
  Answer Subdomain(Call call);
  Answer PostSubdomain(Call call);
  Answer Schedules(Call call);
  Answer PutSchedules(Call call);
  Answer PutRoutes(Call call);
  Answer DomainsChangeset(Call call);
  Answer Domain(Call call);
  Answer PutDomains(Call call);

  struct Found {
    std::string script;
    ObjectClass entry;
    ObjectId id;
  };
  Decision<Found> FindObject(const Call& call) const;
  Result<bool> HasStoredData(const ObjectId& id);
  loop::Task<Result<std::optional<Bytes>>> NameOf(ObjectId id);
  Answer ObjectsByName(ObjectClass entry, std::string prefix, std::string cursor, size_t limit);
  Decision<Json> ParseBody(const Call& call) const;
  std::string UrlOf(const std::string& script) const;
  Json ScriptJson(const ScriptRecord& script) const;
  Json VersionJson(const ScriptRecord* script, const VersionRecord& version) const;  // The script may be gone.
  std::string PreviewSuffixOf(
      const std::string& script) const;  // What follows a prefix or an alias: "-NAME.localhost:8787"

  ControlOptions options_;
  ControlDeps deps_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<Access> access_;
  std::unique_ptr<assets::Library> library_;
  std::unique_ptr<kv::Outlet> kv_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::unique_ptr<Deployer> deployer_;
  std::unique_ptr<class Schedules> schedules_;
  Copier copier_;
  TailHub tails_;
  loop::TaskScope scope_;  // Last: its tasks use all of the above.
};

}  // namespace limpet::control

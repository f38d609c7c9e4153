// Changes of scripts: upload, deploy, secrets, delete. One at a time; each is checked, written as one change of the
// catalog, then made live. A refused or failed change leaves nothing behind.
//
// One loop. Everything it is given outlives it.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "assets/library.h"
#include "control/catalog.h"
#include "control/control_plane.h"
#include "control/lifecycle.h"
#include "control/previews.h"
#include "control/upload.h"
#include "loop/task.h"

namespace limpet::control {

// Lets one task in at a time, in order of arrival.
class Turnstile {
 public:
  explicit Turnstile(loop::Loop& loop) : loop_(loop) {}
  loop::Task<Done> Enter();
  void Leave();

 private:
  loop::Loop& loop_;
  bool taken_ = false;
  std::deque<UniqueFunction<void(Done)>> waiting_;
};

enum class UploadMode : uint8_t {
  kDeploy,       // PUT: makes it live.
  kVersionOnly,  // POST versions: stored; made live by a later deployment.
};

class Deployer {
 public:
  Deployer(const ControlOptions& options, ControlDeps deps, Catalog& catalog, assets::Library& library)
      : options_(options), deps_(deps), catalog_(catalog), library_(library), turnstile_(deps.loop) {}

  // Activates what is deployed, and goes on with unfinished drops.
  loop::Task<Done> Start();
  // To the shards a preview is a script of its own, under its label: the script that it is one of; another name as it
  // is.
  std::string ScriptOf(const std::string& label) const;
  // These scripts and the labels of their previews.
  std::set<std::string, std::less<>> WithPreviews(std::set<std::string, std::less<>> scripts) const;
  UniqueFunction<void()> on_previews;  // Those of a script have changed.

  // The new version.
  loop::Task<Decision<VersionRecord>> Put(std::string name, Upload upload, UploadMode mode);
  // Makes stored versions live. The new deployment's id. `code_update`: as the request has it, or null.
  loop::Task<Decision<std::string>> Deploy(std::string name, std::vector<Share> shares, Json annotations,
                                           Json code_update = {});
  // A new version with the code of the newest, its bindings and annotations as `edit` leaves them. kLive: deployed;
  // refused unless the newest is deployed, alone.
  using EditVersion = UniqueFunction<std::optional<Refusal>(VersionRecord& version)>;
  enum class Live : bool { kNo, kYes };
  loop::Task<Decision<VersionRecord>> Rebind(std::string name, EditVersion edit, Live live);
  // The modules of a version. Refusals: no such script, no such version.
  loop::Task<Decision<std::shared_ptr<const ScriptVersion>>> Content(std::string name, std::string version_id);
  enum class Force : bool { kNo, kYes };
  loop::Task<Decision<Done>> Delete(std::string name, Force force);
  // Changes fields of the record that no running code depends on, but for whether it is routed to and who is told of
  // it.
  loop::Task<Decision<Done>> Edit(std::string name, UniqueFunction<void(ScriptRecord&)> edit);
  // Replaces the script's routes ([{pattern}]). One that another script has is refused.
  loop::Task<Decision<Done>> SetRoutes(std::string name, Json routes);
  // Replaces the script's custom domains ([{hostname}]). One that another script has is taken from it, or refused.
  enum class Override : bool { kNo, kYes };
  loop::Task<Decision<Done>> SetDomains(std::string name, Json domains, Override override_existing);
  // KV namespaces (deployer_kv.cc). Refusals: 10013 (no such namespace), 10014 (the title is taken, or the ID), 10019
  // (no title), 10011 (no ID). `id`: the one that a configuration from elsewhere names; empty: a new one.
  loop::Task<Decision<KvNamespace>> CreateKvNamespace(std::string title, std::string id);
  loop::Task<Decision<KvNamespace>> RenameKvNamespace(std::string id, std::string title);
  loop::Task<Decision<Done>> DeleteKvNamespace(std::string id);

 private:
  // Waits for the turn of a change. If the one before has an unknown outcome, finds it out, and makes live what did
  // land. Error: the store still can't tell; the turn is over.
  loop::Task<Result<Done>> Enter();
  loop::Task<Result<Done>> Reconcile();
  loop::Task<Decision<VersionRecord>> PutLocked(std::string name, Upload upload, UploadMode mode);
  loop::Task<Decision<std::string>> DeployLocked(std::string name, std::vector<Share> shares, Json annotations,
                                                 Json code_update);
  loop::Task<Decision<VersionRecord>> RebindLocked(std::string name, EditVersion edit, Live live);
  loop::Task<Decision<Done>> DeleteLocked(std::string name, Force force);
  loop::Task<Decision<Done>> SetDomainsLocked(std::string name, Json domains, Override override_existing);
  loop::Task<Decision<KvNamespace>> PutKvNamespaceLocked(KvNamespace record);
  loop::Task<Decision<Done>> DeleteKvNamespaceLocked(std::string id);
  // Tells the shards (ControlDeps::kv) which there are; when it answers nothing is written to others.
  loop::Task<Done> SyncKvNamespaces();
  // Writes the number of its namespace into each binding of type kv_namespace. Refusal 10041: there is none.
  std::optional<Refusal> ResolveKvNamespaces(Json::Array* bindings) const;
  LifecycleInput InputOf(const ScriptRecord& record, const Upload& upload, const VersionRecord& version) const;
  void NumberClasses(std::vector<ObjectClass>* classes);
  // The class that a binding of `record` leads to once `plan` is carried out; nothing if there is none.
  std::optional<ObjectClass> ClassOf(const ScriptRecord& record, const LifecyclePlan& plan,
                                     const ClassBinding& binding) const;
  void ResolveNamespaces(const ScriptRecord& record, const LifecyclePlan& plan, Json::Array* bindings) const;
  // What `plan` does to other scripts' tables. Their names: those that lost a class, those that got one.
  struct Others {
    std::vector<std::string> losers, heirs;
  };
  Others ChangeOthers(const ScriptRecord& record, const LifecyclePlan& plan, CatalogChange* change) const;
  // A client that lost the answer sends its upload again: the migrations are applied already.
  static bool IsRepeated(const ScriptRecord& record, const Upload& upload);
  VersionRecord NewVersion(const ScriptRecord& record) const;
  void AddDeployment(ScriptRecord* record, std::vector<Share> shares, Json annotations, Json code_update) const;
  void Trim(ScriptRecord* record, CatalogChange* change) const;
  loop::Task<Done> Activate(std::string name);
  loop::Task<Result<std::shared_ptr<ScriptVersion>>> Load(std::string name, VersionRecord version);
  loop::Task<Done> Remove(std::string name);
  loop::Task<Decision<Done>> SetRoutesLocked(std::string name, Json routes);
  loop::Task<Done> RouteAll();
  // Makes the preview URLs of the script what its record says, or takes them away if it is gone (deployer_previews.cc).
  loop::Task<Done> SyncPreviews(std::string name);
  loop::Task<bool> ActivatePreview(std::string name, std::string label, VersionRecord record);
  loop::Task<Done> Retire(std::vector<NamespaceId> namespaces);
  loop::Task<Done> Destroy(NamespaceId ns);
  std::string Now() const { return IsoTime(deps_.loop.WallNow()); }

  const ControlOptions& options_;
  ControlDeps deps_;
  Catalog& catalog_;
  assets::Library& library_;
  Turnstile turnstile_;
  std::map<std::string, Previews> previews_;  // What the shards have, by script; none is empty.
  loop::TaskScope scope_;
};

// What sets (text) or removes (nothing) secrets. Refusals: 10053 (the name is another binding's), 10056 (there is
// none).
using Secrets = std::vector<std::pair<std::string, std::optional<std::string>>>;
Deployer::EditVersion EditSecrets(Secrets secrets);
// Writes what the version is into its bindings of type version_metadata.
void NoteVersion(VersionRecord* version);

Refusal Failed(const Error& error);           // The server's own trouble: 500, code 10013.
Refusal NoSuchScript(std::string_view name);  // 404, code 10007.

}  // namespace limpet::control

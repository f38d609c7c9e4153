// What the control plane knows of the running system. Implemented in server/.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/bundle.h"
#include "base/clock.h"
#include "base/function.h"
#include "base/ids.h"
#include "base/live_versions.h"
#include "base/result.h"
#include "control/routes.h"
#include "object/shard.h"

namespace limpet::control {

// What instantiating a script showed.
struct ScriptReport {
  enum class DefaultExport : uint8_t { kNone, kObject, kClass, kOther };
  DefaultExport default_export = DefaultExport::kNone;
  std::vector<std::string> handlers;  // Functions of the default export: "fetch", "scheduled", ….
  std::vector<std::string> exports;   // Every name that the main module exports, "default" included.
  std::vector<std::string> classes;   // Those that are classes or constructor functions, "default" excluded.
  std::vector<std::pair<std::string, Bytes>> code_caches;  // By module name as uploaded; may be empty.
  Duration startup{0};                                     // How long it took.
};

using OnDone = UniqueFunction<void(Result<Done>)>;

// Called on the control plane's loop; every callback comes on that loop, once, never from inside the call, and not
// after the control plane is destroyed.
class Runtime {
 public:
  virtual ~Runtime() = default;
  // Instantiates the script's module graph away from the shards, with a limit of 1 s. `version` is not yet complete:
  // its bindings and classes may be missing. Errors: kScript, where message() is the exception's text and stack() names
  // file and line ("index.js:3:7"); kInvalidArgument for a graph that does not link.
  virtual void Check(std::shared_ptr<const ScriptVersion> version, UniqueFunction<void(Result<ScriptReport>)> done) = 0;
  // Makes `versions` (not empty, of one script) those that answer for their script, whose objects take
  // them over as `update` says. Answers once every shard routes new requests to them. They are durable already: an
  // error (kUnavailable, kScript) is logged, and they will be tried again at the next start.
  virtual void Activate(LiveVersions versions, object::CodeUpdate update, OnDone done) = 0;
  // No shard routes to the script any more.
  virtual void Remove(std::string script_name, OnDone done) = 0;
  // The routes and custom domains from now on, all of them.
  virtual void SetRoutes(std::shared_ptr<const RouteTable> routes, OnDone done) = 0;
  // The namespaces are gone for good: live objects are reset, later events refused. Answers once no commit of theirs is
  // on the way on any shard, so that their data can be destroyed.
  virtual void RetireNamespaces(std::vector<NamespaceId> namespaces, OnDone done) = 0;
  // Resets the object if it lives and deletes all that it stored. Errors: kNotFound (its class is gone), kUnavailable
  // (outcome unknown).
  virtual void DeleteObject(ObjectId object, OnDone done) = 0;
  // See object::Shard: RestoreTo, Apply, Settle.
  virtual void RestoreObject(ObjectId object, object::Bookmark target, UniqueFunction<void(Result<uint64_t>)> done) = 0;
  virtual void ChangeObject(ObjectId object, object::Shard::Change change, OnDone done) = 0;
  virtual void SettleObject(ObjectId object, OnDone done) = 0;
  // Runs the script's scheduled handler, on some shard; answers once it and what it has under way are over. Errors:
  // kScript (it failed), kNotFound, kCanceled (it took too long), what ended it.
  virtual void RunScheduled(std::string script_name, std::string cron, WallTime time, OnDone done) = 0;
  // The scripts whose events are told to ControlPlane::OnTrace from now on.
  virtual void SetTraced(std::set<std::string, std::less<>> scripts, OnDone done) = 0;
};

}  // namespace limpet::control

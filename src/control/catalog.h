// What the control plane remembers: scripts, their versions, deployments, classes and namespaces. Kept in the store
// under namespace 0 (docs/formats/catalog.md), and in memory except for the modules' contents.
//
// One loop. A change is one store batch: whole or not at all, also across a crash.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bundle.h"
#include "base/iso_time.h"
#include "base/json.h"
#include "base/random.h"
#include "control/class_transfer.h"
#include "control/kv_namespaces.h"
#include "control/secret_box.h"
#include "loop/task.h"
#include "store/engine.h"

namespace limpet::control {

struct VersionRecord {
  std::string id;          // UUID.
  uint64_t number = 0;     // 1 for the script's first.
  std::string created_on;  // "2026-11-24T00:00:00.000Z"
  std::string main_module;
  std::vector<std::pair<std::string, ModuleKind>> modules;
  Json::Array bindings;  // As uploaded, secrets' texts included; DO bindings carry "ns" and "namespace_id" (the key).
  std::string compatibility_date;
  std::vector<std::string> compatibility_flags;
  std::vector<std::string> exported_classes;
  std::vector<std::string> handlers;
  std::vector<std::string> entrypoints;  // Names that bindings may call; empty: it was stored before they were noted.
  uint64_t startup_ms = 0;               // Rounded up; 0: not known.
  Json annotations;
  Json exports;         // The live entries that its upload declared (control/exports.h); null: none.
  Json reconciliation;  // What the upload did to the classes, for its answer. Not kept.
  Json assets;          // {"manifest", "files", "config"}: its static files (assets/library.h); null: none.
};

// A version's part of a script's traffic, in percent.
struct Share {
  std::string version_id;
  double percentage = 100;
};

struct Deployment {
  std::string id;
  std::string created_on;
  std::vector<Share> shares;  // The oldest version first; they sum up to 100. Not empty.
  Json annotations;
  Json code_update;  // {mode, max_delay?} as the deployment asked (control/code_update.h); null: it did not.
};

struct ScriptRecord {
  std::string name;
  std::string tag;  // Of the script's identity (an API field), 32 hex digits.
  std::string created_on, modified_on;
  std::string migration_tag;            // A property of the script, not of a version. Empty: none.
  Json last_migrations;                 // The last ones applied, as uploaded; null: none.
  std::vector<ObjectClass> classes;     // Likewise.
  bool declares_exports = false;        // Its classes are declared in exports, no longer by migrations.
  std::vector<ClassTransfer> expected;  // Classes that other scripts are to hand over.
  std::vector<ClassTransfer> received;  // Those that came so.
  std::vector<VersionRecord> versions;  // Oldest first.
  std::vector<Deployment> deployments;  // Newest first.
  Json settings;                        // observability, tags, logpush, tail_consumers: stored, shown.
  Json schedules, routes, domains;
  bool subdomain_enabled = true;
  bool previews_enabled = false;

  const VersionRecord* FindVersion(std::string_view id) const;
  // The one that has most of the traffic. Null for a script that has never been deployed.
  const VersionRecord* Deployed() const;
  bool IsLive(std::string_view version_id) const;  // It has a share, be it 0.
  const VersionRecord* Newest() const { return versions.empty() ? nullptr : &versions.back(); }
};

// One change of the catalog.
struct CatalogChange {
  std::vector<ScriptRecord> scripts;  // Put, replacing those of the same name.
  std::optional<std::string> removed_script;
  struct Content {
    std::string script, version_id;
    std::vector<Module> modules;  // In the order of the VersionRecord.
  };
  std::optional<Content> content;                                // Of a new version.
  std::vector<std::pair<std::string, VersionRecord>> forgotten;  // By script: whose contents go.
  std::vector<NamespaceId> drops;                                // To be destroyed: queued.
  std::optional<NamespaceId> dropped;                            // Has been destroyed: leaves the queue.
  std::optional<KvNamespace> kv_namespace;                       // Put.
  std::optional<std::string> removed_kv_namespace;               // Its ID.
};

class Catalog {
 public:
  // `box` opens the secrets. Errors: kCorrupt (a secret that was sealed with another key, too), kUnavailable.
  static loop::Task<Result<std::unique_ptr<Catalog>>> Open(store::Engine& engine, loop::Loop& loop, SecretBox box);

  const std::map<std::string, std::shared_ptr<const ScriptRecord>>& scripts() const { return scripts_; }
  std::shared_ptr<const ScriptRecord> Find(const std::string& name) const;  // Null: no such script.
  const std::vector<NamespaceId>& drops() const { return drops_; }
  const KvNamespaces& kv_namespaces() const { return kv_namespaces_; }
  // A namespace number that was never used. Kept by the next Commit; unused ones are lost without harm.
  NamespaceId NewNamespace() { return {next_namespace_++}; }
  // Durable when it answers. On kUnavailable the outcome is unknown and memory shows the old state: broken() is true
  // and every later Commit is refused until Reload has seen what became of it.
  loop::Task<Result<Done>> Commit(CatalogChange change);
  bool broken() const { return broken_; }
  // Replaces what memory holds by what the store holds. Not beside a Commit. An error changes nothing.
  loop::Task<Result<Done>> Reload();
  // What a shard runs. Errors: kNotFound, kCorrupt, kUnavailable.
  loop::Task<Result<std::shared_ptr<ScriptVersion>>> LoadVersion(std::string script, std::string version_id);

 private:
  using Scripts = std::map<std::string, std::shared_ptr<const ScriptRecord>>;
  struct Contents {
    Scripts scripts = {};
    std::vector<NamespaceId> drops = {};
    KvNamespaces kv_namespaces = {};
    uint64_t next_namespace = 1;
    bool unsealed = false;  // It is of an older format, with secrets in the clear.
  };

  Catalog(std::unique_ptr<store::Session> session, store::Claim claim, SecretBox box);
  loop::Task<Result<Contents>> Load();
  Result<Done> LoadPair(const Bytes& key, const Bytes& value, Contents* contents) const;
  Result<Done> Seal(ScriptRecord* script);
  Result<Done> Unseal(ScriptRecord* script) const;
  loop::Task<Result<Bytes>> Read(Bytes key);

  std::unique_ptr<store::Session> session_;
  store::Claim claim_;
  SecretBox box_;
  bool unsealed_ = false;
  Scripts scripts_;
  std::vector<NamespaceId> drops_;
  KvNamespaces kv_namespaces_;
  uint64_t next_namespace_ = 1;
  bool broken_ = false;
};

// A version with everything but its modules' contents; `own` is the script's class table.
std::shared_ptr<ScriptVersion> MakeVersion(const ScriptRecord& script, const VersionRecord& version);

Json ToJson(const ScriptRecord& script);
Result<ScriptRecord> ScriptFromJson(const Json& json);

Bytes PrefixEnd(std::string_view prefix);          // The end of the keys that begin with `prefix`, which is not empty.
std::string_view ModuleKindName(ModuleKind kind);  // "esm", "text", "data", …: docs/formats/catalog.md.
std::string MakeUuid(Random& random);              // Version 4.
std::string MakeHex(Random& random, size_t bytes);

}  // namespace limpet::control

// One version of a script on one shard: its isolate, made when an event needs it and dropped when idle or dead, and
// what lives in it. On the shard's thread.
#pragma once

#include <v8.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/io_context.h"
#include "base/bundle.h"
#include "worker/runtime.h"

namespace limpet::worker {

class Version;

// An isolate with the script's modules evaluated. Held by every context in it; destroyed from the loop.
class LoadedScript final : public api::IoHost {
 public:
  // The isolate, without the modules.
  static Result<std::shared_ptr<LoadedScript>> Make(const ShardDeps& deps, std::shared_ptr<const ScriptVersion> version,
                                                    const std::weak_ptr<Version>& owner);
  // Evaluates the modules. Long top-level code is time-sliced: events that come meanwhile queue behind it, and must
  // look at failure() in their turn.
  Result<Done> Evaluate();
  const std::optional<Error>& failure() const { return failure_; }
  ~LoadedScript() override;
  void CallEntrypoint(api::EntrypointCall call, HttpRequest request, object::OnReply reply) override;
  void OnConsole(std::string_view level, std::string_view text) override;
  void OnException(std::string_view text) override;

  const ScriptVersion& version() const { return *version_; }
  v8::Local<v8::Value> DefaultExport(js::Scope& scope) const { return default_export_.Get(scope.isolate()); }
  v8::Local<v8::Object> Environment(js::Scope& scope) const { return environment_.Get(scope.isolate()); }
  // Empty if the module does not export it.
  v8::MaybeLocal<v8::Value> Export(js::Scope& scope, const std::string& name) const;

  // Of the stateless events that run in it, each at its `place`. Ended when the isolate dies.
  std::vector<std::shared_ptr<api::IoContext>> contexts;
  std::weak_ptr<LoadedScript> self;  // Of whoever holds it.
  bool listed = false;               // Among those whose contexts its shard ends when it goes.

 private:
  LoadedScript(const ShardDeps& deps, std::shared_ptr<const ScriptVersion> version);
  Result<Done> EvaluateIn(js::Scope& scope);

  const ShardDeps& deps_;
  std::shared_ptr<const ScriptVersion> version_;
  std::optional<Error> failure_;
  v8::Global<v8::Value> default_export_;
  v8::Global<v8::Object> environment_;
  v8::Global<v8::Object> namespace_;
};

class Version : public std::enable_shared_from_this<Version> {
 public:
  Version(const ShardDeps& deps, std::shared_ptr<const ScriptVersion> version)
      : deps_(deps), version_(std::move(version)) {}
  const ScriptVersion& script() const { return *version_; }
  const ShardDeps& deps() const { return deps_; }
  // The loaded script; loads it if need be. Error: the script's own, or no memory.
  Result<std::shared_ptr<LoadedScript>> Use();
  // The code of one of its classes, which holds the version: the object layer alone keeps it.
  std::shared_ptr<object::ClassCode> ClassOf(const ObjectClass& object_class);
  // Would `other` run the same? A version may come again with other classes: they belong to the script.
  bool Runs(const ScriptVersion& other) const;
  // Every live object of this version is ended with `error`.
  void BreakObjects(const Error& error);
  // Every live object of this version makes room for newer code.
  void EndObjects();
  // Its isolate is over its memory limit: all that lives there ends with `error`, the next event loads it anew.
  void OnDead(Error error);
  // Drops the isolate if nothing lives in it and nothing came since `since`.
  void DropIfIdle(Instant since);

 private:
  const ShardDeps& deps_;
  std::shared_ptr<const ScriptVersion> version_;
  std::shared_ptr<LoadedScript> loaded_;
  Instant last_used_{};
  std::vector<std::pair<NamespaceId, std::weak_ptr<object::ClassCode>>> classes_;
};

// Makes the object layer's view of a class of `version`.
std::shared_ptr<object::ClassCode> MakeClassCode(std::shared_ptr<Version> version, ObjectClass object_class);
// One class of several versions, by their shares of its objects.
std::shared_ptr<object::ClassCode> MakeSplitClass(std::vector<std::shared_ptr<object::ClassCode>> codes,
                                                  std::vector<double> shares);

// `env` of the version; adds the namespaces that it binds to `host`. In service-worker format its properties are
// globals, too. `kv` null: bindings to KV lead nowhere. Error: a binding that can't be made.
Result<v8::Local<v8::Object>> MakeEnvironment(js::Scope& scope, const ScriptVersion& version, const kv::Namespaces* kv,
                                              api::IoHost& host);
// Evaluates a module graph in a fresh isolate's turn; shared with Instantiate.
v8::MaybeLocal<v8::Object> SyntheticModule(js::Scope& scope, std::string_view specifier,
                                           v8::Local<v8::Object> environment);

}  // namespace limpet::worker

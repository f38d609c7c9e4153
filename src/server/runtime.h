// What the control plane asks of the running system, done on the shards and on a thread for checks.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/runtime.h"
#include "server/loop_thread.h"
#include "server/shard_server.h"

namespace limpet::server {

// Used on the control plane's loop; made before it starts, destroyed after it has ended.
class ShardRuntime final : public control::Runtime {
 public:
  ShardRuntime(loop::Loop& control, std::vector<ShardServer*> shards, js::Runtime& js);
  ~ShardRuntime() override;
  // Starts the thread for checks.
  Result<Done> Open();
  // The control plane is gone: no callback runs any more. On its loop.
  void Close() { open_ = false; }

  void Check(std::shared_ptr<const ScriptVersion> version,
             UniqueFunction<void(Result<control::ScriptReport>)> done) override;
  void Activate(LiveVersions versions, object::CodeUpdate update, control::OnDone done) override;
  void Remove(std::string script_name, control::OnDone done) override;
  void SetRoutes(std::shared_ptr<const control::RouteTable> routes, control::OnDone done) override;
  void RetireNamespaces(std::vector<NamespaceId> namespaces, control::OnDone done) override;
  void DeleteObject(ObjectId object, control::OnDone done) override;
  void RestoreObject(ObjectId object, object::Bookmark target, UniqueFunction<void(Result<uint64_t>)> done) override;
  void SettleObject(ObjectId object, control::OnDone done) override;
  void ChangeObject(ObjectId object, object::Shard::Change change, control::OnDone done) override;
  void RunScheduled(std::string script_name, std::string cron, WallTime time, control::OnDone done) override;
  void SetTraced(std::set<std::string, std::less<>> scripts, control::OnDone done) override;

 private:
  struct Pending {
    std::shared_ptr<const ScriptVersion> version;
    UniqueFunction<void(Result<control::ScriptReport>)> done;
  };
  using Act = std::function<void(ShardServer& shard, UniqueFunction<void()> acted)>;

  // `act` on every shard's loop; `done` once all have acted.
  void OnAllShards(const Act& act, control::OnDone done);
  void CheckNext();
  void Checked(Result<worker::Report> report);
  // `act` on the loop of the object's shard; what it comes to goes to `done`, here.
  template <typename T>
  void OnShardOf(const ObjectId& object, UniqueFunction<void(T)> done,
                 UniqueFunction<void(object::Shard& shard, UniqueFunction<void(T)> done)> act);

  loop::Loop& control_;
  std::vector<ShardServer*> shards_;
  js::Runtime& js_;
  std::deque<Pending> checks_;  // The first one runs. One at a time: a check may serve its loop meanwhile.
  bool open_ = true;
  size_t next_run_ = 0;  // The shard of the next scheduled event, counted on for ever.
  LoopThread check_thread_;
  std::unique_ptr<worker::Checker> checker_;  // On its thread.
};

}  // namespace limpet::server

// A shard under observation: forwards every call, and checks what the shard promises at the moment it answers. Events
// are looked at here, before they travel to another shard, because a claim may end while they do.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "loop/sim_loop.h"
#include "object/shard.h"
#include "sim/fake_code.h"
#include "sim/model.h"

namespace limpet::sim {

class Watch final : public object::Shard {
 public:
  // All outlive this. `place` is told which version and which namespaces the shard should run now.
  Watch(loop::SimLoop& loop, Model& model, Place& place, std::unique_ptr<object::Shard> shard)
      : loop_(loop), model_(model), place_(place), shard_(std::move(shard)) {}

  // `request.method` is "ORIGIN:NUMBER", numbers ascending by origin; replaced by the number of the arrival here.
  void Fetch(const ObjectId& id, std::optional<std::string> name, HttpRequest request, object::OnReply reply) override;
  void Alarm(const ObjectId& id, object::OnAlarmOutcome done) override { shard_->Alarm(id, std::move(done)); }
  void SetOnAlarmChange(object::OnAlarmChange on_change) override { shard_->SetOnAlarmChange(std::move(on_change)); }
  void SetClass(NamespaceId ns, std::shared_ptr<object::ClassCode> code, object::CodeUpdate update) override;
  void RemoveClass(NamespaceId ns, Error reason, UniqueFunction<void()> then) override;
  void Delete(const ObjectId& id, UniqueFunction<void(Result<Done>)> done) override {
    shard_->Delete(id, std::move(done));
  }
  void RestoreTo(const ObjectId& id, object::Bookmark target, UniqueFunction<void(Result<uint64_t>)> done) override {
    shard_->RestoreTo(id, target, std::move(done));
  }
  void Apply(const ObjectId& id, Change change, UniqueFunction<void(Result<Done>)> done) override {
    shard_->Apply(id, std::move(change), std::move(done));
  }
  void Settle(const ObjectId& id, UniqueFunction<void(Result<Done>)> done) override {
    shard_->Settle(id, std::move(done));
  }
  void EndAll(const object::ClassCode* code) override { shard_->EndAll(code); }
  void BreakAll(const object::ClassCode* code, Error error) override { shard_->BreakAll(code, std::move(error)); }
  void Drain(UniqueFunction<void()> then) override;
  void SetClaim(store::Claim claim) override { shard_->SetClaim(claim); }
  size_t live_instances() const override { return shard_->live_instances(); }

  // The newest code of the namespace that runs now, and the ones before it.
  const std::vector<std::shared_ptr<FakeClass>>& classes() const { return classes_; }

 private:
  // One event, from its arrival.
  struct Arrival {
    ObjectId object;
    bool draining, removed;  // When it came.
    int replies = 0;
  };
  class Body;
  void OnReply(Arrival& arrival, const Result<HttpResponse>& result);

  loop::SimLoop& loop_;
  Model& model_;
  Place& place_;
  std::unique_ptr<object::Shard> shard_;
  std::vector<std::shared_ptr<FakeClass>> classes_;
  std::map<std::pair<ObjectId, std::string>, uint64_t> last_from_;
  uint64_t arrivals_ = 0;
  std::shared_ptr<std::set<uint64_t>> owed_ = std::make_shared<std::set<uint64_t>>();  // Came before a drain.
  bool draining_ = false;
};

}  // namespace limpet::sim

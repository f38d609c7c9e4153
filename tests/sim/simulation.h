// One seeded run: a few objects on two shards, scripts, WebSockets, a store that fails, power cuts, deploys, isolates
// that die, classes that are deleted, orderly restarts, claims that end.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/counters.h"
#include "base/log.h"
#include "loop/sim_loop.h"
#include "object/alarm_clock.h"
#include "object/placement.h"
#include "object/shard.h"
#include "sim/fake_code.h"
#include "sim/lines.h"
#include "sim/model.h"
#include "sim/watch.h"
#include "sim/wire.h"
#include "store/faulty.h"

namespace limpet::sim {

class Simulation {
 public:
  // `violation` is called with what did not hold, as soon as it is seen.
  Simulation(uint64_t seed, const OutletMutations& outlets, std::function<void(const std::string&)> violation);
  ~Simulation();
  void Run();

 private:
  static constexpr size_t kShards = 2;
  struct Modes {
    bool faults, rolls, crashes, claims, breaks, removes, drains, deletes, damage, sql, sheds;
  };
  struct Sent {
    ObjectId object;
    int replies = 0;
    bool lost = false;  // Its server died.
  };

  void Open();
  void Close();
  void StartClock();
  void Act();
  void Send();
  void OnReply(const std::shared_ptr<Sent>& sent, size_t from, Result<HttpResponse> result);
  void ReadBody(std::unique_ptr<BodyStream> body);
  HttpRequest Request(ScriptKinds kinds);
  void Call(size_t from, const ObjectId& id, HttpRequest request, object::OnReply reply);
  // Runs `work` on the shard, as the control plane would: after a while, and not if the server dies before.
  void OnShard(size_t index, std::function<void(size_t index)> work);
  void SetClass(size_t index, NamespaceId ns, uint64_t version);
  void Roll();
  void BreakAll();
  void Remove();              // Deletes the class, then makes a new one of that name.
  void Drop(NamespaceId ns);  // Destroys the storage of a deleted class; again and again until it is gone.
  void Delete();              // One of the objects.
  void Damage();              // One of an object's pages.
  void Drain();
  bool RestartIfDrained();
  void MakeObjects();
  void Pass(Duration duration);  // Checks the disk on the way.
  void Heal();
  bool ClaimValid() const { return loop_.Now() < claim_.valid_until; }

  loop::SimLoop loop_;
  SeededRandom random_;
  Model model_;
  Lines lines_;
  const OutletMutations& outlets_;
  Modes modes_;
  object::ShardOptions options_;
  std::unique_ptr<store::FaultyEngine> engine_;
  store::Claim claim_;
  NullLogger log_;
  std::unique_ptr<Counters> counters_;
  NamespaceId space_{1};
  std::set<NamespaceId> removed_, dropping_;
  std::vector<ObjectId> objects_, former_;  // Of the class that is, of those that were.
  std::vector<Script> scripts_;
  std::vector<std::unique_ptr<Place>> places_, old_places_;  // Closures of the loop may still know an old one.
  std::vector<std::unique_ptr<object::Directory>> directories_;
  std::vector<std::unique_ptr<Wire>> wires_, old_wires_;  // From each shard to the other: [from * kShards + to].
  std::vector<std::unique_ptr<Wire>> control_;            // From the control plane to each shard.
  std::vector<std::unique_ptr<Wire>> net_;                // To each shard from its clients, then the other way.
  std::unique_ptr<Wire> clock_wire_;                      // From the shards to the clock.
  std::vector<std::unique_ptr<Watch>> shards_;
  std::unique_ptr<object::AlarmClock> clock_;
  std::vector<std::shared_ptr<Sent>> sent_;
  std::list<std::unique_ptr<BodyStream>> bodies_;
  uint64_t version_ = 0;
  uint64_t lives_ = 0;  // Of the server.
  uint64_t calls_ = 0;
  std::optional<size_t> draining_;  // Shards that have not drained yet.
};

}  // namespace limpet::sim

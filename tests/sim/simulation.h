// One seeded run: a few objects on two shards, scripts, a store that fails, power cuts, deploys, claims that end.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/counters.h"
#include "base/log.h"
#include "loop/sim_loop.h"
#include "object/placement.h"
#include "object/shard.h"
#include "sim/fake_code.h"
#include "sim/model.h"
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
  static constexpr NamespaceId kSpace{1};
  struct Modes {
    bool faults, rolls, crashes, claims;
  };
  struct Sent {
    ObjectId object;
    int replies = 0;
    bool lost = false;  // Its server died.
  };

  void Open();
  void Close();
  void Act();
  void Send();
  void OnReply(const std::shared_ptr<Sent>& sent, Result<HttpResponse> result);
  void CheckReply(const ObjectId& object, const Result<HttpResponse>& result);
  void ReadBody(const ObjectId& object, std::unique_ptr<BodyStream> body);
  void Roll();
  void Pass(Duration duration);  // Checks the disk on the way.
  void Heal();
  bool ClaimValid() const { return loop_.Now() < claim_.valid_until; }

  loop::SimLoop loop_;
  SeededRandom random_;
  Model model_;
  const OutletMutations& outlets_;
  Modes modes_;
  object::ShardOptions options_;
  std::unique_ptr<store::FaultyEngine> engine_;
  store::Claim claim_;
  NullLogger log_;
  std::unique_ptr<Counters> counters_;
  std::vector<ObjectId> objects_;
  std::vector<Script> scripts_;
  std::vector<std::unique_ptr<Place>> places_, old_places_;  // Closures of the loop may still know an old one.
  std::vector<std::unique_ptr<object::Directory>> directories_;
  std::vector<std::unique_ptr<object::Shard>> shards_;
  std::vector<std::shared_ptr<Sent>> sent_;
  struct Reading {
    ObjectId object;
    std::unique_ptr<BodyStream> body;
  };
  std::list<Reading> bodies_;
};

}  // namespace limpet::sim

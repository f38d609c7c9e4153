// One seeded run of quotas: a few objects of two classes of one script that put, delete, take back and are led back,
// near what they may store, on a store that fails and loses its power.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/counters.h"
#include "base/log.h"
#include "loop/sim_loop.h"
#include "object/fake_code_test.h"
#include "object/shard.h"
#include "store/faulty.h"

namespace limpet::sim {

class Quotas {
 public:
  // `violation` is called with what did not hold, as soon as it is seen.
  Quotas(uint64_t seed, std::function<void(const std::string&)> violation);
  ~Quotas();
  void Run();

 private:
  struct Op {
    enum class Kind : uint8_t { kPut, kDelete, kClear, kBegin, kCommit, kRollback, kRow, kDropRows, kAbort } kind;
    std::string key;
    uint64_t bytes = 0;
  };
  // What one event did: of each put whether it fitted, and what SQL said.
  struct Report {
    std::vector<bool> fitted;
    std::vector<std::string> sql;
  };
  struct Moment {
    ObjectId object;
    uint64_t at = 0;
    store::StoredBytes stored;
  };

  void Open();
  void Crash();
  void Step();
  std::vector<Op> RandomOps();
  void Send(const ObjectId& object, std::vector<Op> ops);
  static void Do(object::Instance& instance, const object::InputLock& lock, const std::vector<Op>& ops, Report& report);
  // Time passes, and after each bit of it nothing is over its quota.
  void Pass(Duration duration);
  bool Settle();  // False: events did not end.
  // One event at rest, of which all is known beforehand.
  void Write();
  void Expect(const store::Totals& before, const std::vector<Op>& ops, const Report& report);
  void Remember();
  void Restore();
  void Delete();
  void CheckObjects();
  store::Totals Counted(const ObjectId& object) const;
  const ObjectId& AnyObject() { return objects_[random_.Below(objects_.size())]; }

  bool violated_ = false;  // It ends with the first.
  std::function<void(const std::string&)> violation_;
  loop::SimLoop loop_;
  SeededRandom random_;
  const bool crowded_, crashes_, faults_, sql_;
  object::Quota quota_;
  std::unique_ptr<store::FaultyEngine> engine_;
  store::Groups groups_;
  NullLogger log_;
  std::unique_ptr<Counters> counters_;
  std::shared_ptr<object::FakeClass> class_;
  std::unique_ptr<object::Shard> shard_;
  std::vector<ObjectId> objects_;
  std::map<std::string, std::pair<std::vector<Op>, std::shared_ptr<Report>>> events_;
  bool half_restored_ = false;  // The rest comes later, whatever others have put meanwhile.
  uint64_t next_event_ = 0, unanswered_ = 0;
  std::vector<Moment> moments_;
};

}  // namespace limpet::sim

// Fires the alarms of all objects when they are due. One per process, on one loop.
//
// The store has an index of all alarms by time; the clock holds the part of it that comes next, of a bounded size, and
// reads on when that runs low. It hears of changes from the shards when they are durable. What it holds is a hint: the
// shard reads the object's record before the alarm runs, so a fire that comes too early, twice or for nothing does no
// harm. What must hold is that nothing is missing: every alarm in the store is held here, or on its way to its object,
// or comes after the place up to which the index was read.
//
// Thread: that of its loop, unless said otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "base/counters.h"
#include "loop/loop.h"
#include "object/deadlines.h"
#include "object/placement.h"
#include "object/shard.h"
#include "store/engine.h"

namespace limpet::object {

struct AlarmClockOptions {
  size_t ahead_max = 4096;  // Alarms that are held; more: the last of them go, and are read again later.
  size_t page = 1024;       // Read at once; ahead_max is at least twice as much.
  // On their way to their objects at once. One whose handler takes longer than `slow_after` counts no more, so that
  // slow objects do not hold the others up.
  size_t fires_max = 1000;
  Duration slow_after = std::chrono::seconds(5);
  // An alarm that could not be delivered (a deploy, a disk that fails) is sent again after this, doubling.
  Duration again_first = std::chrono::seconds(2);
  uint32_t again_doublings = 9;
  size_t again_max = 64 * 1024;                      // Such alarms; more: the index is read again from its beginning.
  Duration reread_after = std::chrono::seconds(30);  // When that is.
};

class AlarmClock {
 public:
  // `peers` as for Directory; `session` is of `loop`. All outlive this; shards and loops also what this has posted.
  AlarmClock(loop::Loop& loop, std::unique_ptr<store::Session> session, std::vector<Directory::Peer> peers,
             AlarmClockOptions options, Counters& counters);
  ~AlarmClock();
  AlarmClock(const AlarmClock&) = delete;
  AlarmClock& operator=(const AlarmClock&) = delete;

  // For a shard's SetOnAlarmChange: before any alarm may change. Called on any thread, also after this is gone.
  OnAlarmChange Listener();
  // Once the objects' code is in place.
  void Start();

  size_t held() const { return places_.size(); }
  size_t on_their_way() const { return fires_.size(); }

 private:
  using Order = std::set<store::AlarmEntry>;
  struct Place {
    uint64_t time = 0;
    uint32_t tries = 0;  // Above zero: it is in again_, else in ahead_.
  };
  struct Fire {
    explicit Fire(const ObjectId& object) : object(object) {}
    const ObjectId object;
    uint32_t tries = 0;
    std::optional<AlarmChange> change;  // Heard meanwhile.
    Deadlines<Fire>::Node slow{this};   // Linked while it counts.
  };

  void Changed(const ObjectId& object, AlarmChange change);
  void Apply(const ObjectId& object, AlarmChange change);
  void Hold(const ObjectId& object, uint64_t time);
  void HoldAgain(const ObjectId& object, uint32_t tries);
  void Drop(const ObjectId& object);
  bool Covers(const store::AlarmEntry& entry) const { return complete_ || (covered_ && entry <= *covered_); }
  void Trim();
  void ReadOn();
  void PageRead(Result<store::AlarmPage> page);
  void ReadAgain();  // From the beginning.
  void Run();
  void Send(const store::AlarmEntry& entry);
  void Over(const ObjectId& object, AlarmOutcome outcome);
  void Wake();
  uint64_t NowMs() const;

  loop::Loop& loop_;
  const std::vector<Directory::Peer> peers_;
  const AlarmClockOptions options_;
  Counter& count_fires_;
  Counter& count_again_;
  Counter& gauge_held_;
  Counter& gauge_on_their_way_;

  std::unordered_map<ObjectId, Place> places_;
  Order ahead_, again_;
  std::optional<store::AlarmEntry> covered_;  // All alarms up to here are held, or on their way.
  bool complete_ = false;                     // All that there are.
  bool started_ = false;
  bool reading_ = false;
  std::optional<store::AlarmEntry> read_from_;         // Where the page begins that is being read.
  bool reread_ = false;                                // A reading from the beginning is due, or under way.
  std::unordered_map<ObjectId, AlarmChange> changed_;  // While a page is being read.
  std::unordered_map<ObjectId, std::unique_ptr<Fire>> fires_;
  size_t counted_ = 0;  // Of fires_.
  Deadlines<Fire> slow_;
  loop::TimerId timer_ = 0;
  uint64_t timer_for_ = 0;
  loop::TimerId pause_timer_ = 0, reread_timer_ = 0;
  std::shared_ptr<AlarmClock*> self_;  // Emptied when this is destroyed.
  std::unique_ptr<store::Session> session_;
};

}  // namespace limpet::object

// The inside of a shard. See shard.h.
#pragma once

#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/random.h"
#include "object/deadlines.h"
#include "object/deferred.h"
#include "object/live_instance.h"
#include "object/replacement.h"
#include "object/restore.h"
#include "object/shard.h"

namespace limpet::object {

class ShardImpl final : public Shard, InstanceHost {
 public:
  ShardImpl(loop::Loop& loop, std::unique_ptr<store::Session> session, store::Claim claim, ShardOptions options,
            Logger& logger, Counters& counters);
  ~ShardImpl() override;

  void Fetch(const ObjectId& id, std::optional<std::string> name, HttpRequest request, OnReply reply) override;
  void Alarm(const ObjectId& id, OnAlarmOutcome done) override;
  void SetOnAlarmChange(OnAlarmChange on_change) override { on_alarm_change_ = std::move(on_change); }
  void SetClass(NamespaceId ns, std::shared_ptr<ClassCode> code, CodeUpdate update) override;
  void RemoveClass(NamespaceId ns, Error reason, UniqueFunction<void()> then) override;
  void Delete(const ObjectId& id, UniqueFunction<void(Result<Done>)> done) override;
  void EndAll(const ClassCode* code) override;
  void RestoreTo(const ObjectId& id, Bookmark target, UniqueFunction<void(Result<uint64_t>)> done) override;
  void Apply(const ObjectId& id, Change change, UniqueFunction<void(Result<Done>)> done) override;
  void Settle(const ObjectId& id, UniqueFunction<void(Result<Done>)> done) override;
  void BreakAll(const ClassCode* code, Error error) override;
  void Drain(UniqueFunction<void()> then) override;
  void SetClaim(store::Claim claim) override { claim_ = claim; }
  size_t live_instances() const override { return live_; }

 private:
  // Work on what an object stores while no instance of it lives.
  struct Upkeep {
    std::optional<Bookmark> target = {};  // A restore; else a `change` with content; else it all goes, unless
    Change change = {};
    bool settles = false;  // ... what is half done is all that is to be ended.
    UniqueFunction<void(Result<uint64_t>)> done = {};
  };
  // What a shard knows of an ID that has an instance or events. Erased when it has neither.
  struct Slot {
    explicit Slot(const ObjectId& id) : id(id) {}
    const ObjectId id;
    std::unique_ptr<LiveInstance> instance;
    std::list<EventRef> inbox;  // Not yet in an instance's gate, in the order of arrival.
    uint32_t events = 0;        // Waiting: in the inbox or in the gate.
    bool check_pending = false;
    size_t bytes = 0;
    uint64_t next_order = 1;
    uint32_t socket_events = 0;  // Those of `events` that came in at sockets.
    Instant window_began{};      // Of the fetches counted against `window_events_max`.
    size_t window_events = 0;
    // The record of an alarm whose try ended with its instance. Before the next instance starts it is counted.
    std::optional<Bytes> failed_alarm;
    bool counting_alarm = false;
    std::optional<std::string> name;           // Known once it has sockets: what wakes it does not know it.
    std::unique_ptr<ObjectSockets> sockets;    // Null: it has never had any.
    std::list<Upkeep> upkeep;                  // The first one waits for the instance's end, or is under way.
    std::shared_ptr<Replacement> replacement;  // The one under way.
    bool busy = false;                         // With upkeep or a restore. No instance starts meanwhile.
    bool no_restore = false;                   // The store was asked: the next instance starts with what is there.
    Deadlines<Slot>::Node kept{this};          // It is here for its sockets' settings alone.
    bool has_sockets() const { return sockets != nullptr && sockets->size() > 0; }
  };
  struct Namespace {
    std::shared_ptr<ClassCode> code;  // Null: removed.
    std::optional<Error> removed;
    size_t slots = 0;
    std::vector<UniqueFunction<void()>> when_empty;
    loop::TimerId update_timer = 0;  // A deferred update of the code: whoever still runs older code then is ended.
    Instant update_due{};
  };

  Slot* Find(const ObjectId& id);
  Slot& FindOrMake(const ObjectId& id);
  // Brings the slot forward, from the loop: destroys an instance that is gone, starts one if events wait, or erases it.
  void CheckLater(Slot& slot);
  void Check(const ObjectId& id);
  void StartInstance(Slot& slot, const std::shared_ptr<ClassCode>& code);
  void EraseSlot(Slot& slot);
  // Upkeep and restores, in shard_upkeep.cc.
  void AddUpkeep(const ObjectId& id, Upkeep upkeep, Error reset);
  void StartUpkeep(Slot& slot);
  void SettleFirst(const ObjectId& id, Result<std::optional<Bytes>> record);
  void StrikeOff(const ObjectId& id);
  void RunUpkeep(const ObjectId& id);
  void FailUpkeep(Slot& slot, const Error& error);
  void DeleteNow(const ObjectId& id);
  void UpkeepEnded(const ObjectId& id, Result<uint64_t> result);
  // True if the instance must wait: a restore is recorded, or memory does not know.
  bool RestoreFirst(Slot& slot);
  void AskForRestore(const ObjectId& id, uint32_t tries);
  void StartRestore(const ObjectId& id, Result<std::optional<Bytes>> record);
  void RestoreEnded(const ObjectId& id, Result<Restore::Outcome> ended);
  void Enqueue(Slot& slot, EventRef event);
  void DropSockets(Slot& slot);
  bool KeepSettings(Slot& slot);
  void Forget(Slot& slot);
  void EventsDue(LiveInstance& instance);
  void OnSocketEvent(const ObjectId& id, SocketEvent happened);
  // Alarms, in shard_alarm.cc.
  void AlarmRead(const ObjectId& id, Result<std::optional<Bytes>> record);
  void SendAlarm(const ObjectId& id, std::optional<std::string> name, std::optional<Bytes> record);
  void AlarmReplied(const Event& event, const Result<HttpResponse>& result);
  void AlarmOver(const ObjectId& id, AlarmOutcome outcome);
  void CountFailedAlarm(Slot& slot);
  void FailedAlarmRead(const ObjectId& id, const Result<std::optional<Bytes>>& record);
  void FailedAlarmCounted(const ObjectId& id, AlarmOutcome outcome);
  void FailInbox(Slot& slot, const Error& error);
  void ReplyLater(EventRef event, Error error);
  // Why an event of `bytes` is not let in, or null. Counts it if it is.
  const char* Overloaded(Slot& slot, size_t bytes);
  void WaitedTooLong(Event& event);
  void Roll(LiveInstance& instance, Instant latest);  // It ends when its grace is over, `latest` at the latest.
  static void MakeRoom(LiveInstance& instance);
  void DeferUpdate(NamespaceId ns, Namespace& space, Duration delay);
  void UpdateDue(NamespaceId ns);
  // Was the instance made by `current`, or by that part of it which its object belongs to?
  static bool IsCurrent(const LiveInstance& instance, const std::shared_ptr<ClassCode>& current);
  void ShutdownDue(LiveInstance& instance);
  void TryEvict(LiveInstance& instance);
  void SetIdleDeadline(LiveInstance& instance);
  void RunGates();
  void FlushAll();
  void CheckDrained();

  // InstanceHost.
  loop::Loop& loop() override { return loop_; }
  Deferred& deferred() override { return deferred_; }
  store::Session& session() override { return *session_; }
  const store::Claim& claim() const override { return claim_; }
  const Quota& quota() const override { return options_.quota; }
  void GateRunnable(GateRef node) override;
  void WantFlush(LiveInstance& instance) override;
  void SectionStarted(GateNode& section) override;
  void CommitProgress(LiveInstance& instance) override;
  void ActivityChanged(LiveInstance& instance) override;
  void Started(LiveInstance& instance, Result<Done> result) override;
  void Return(EventRef event) override;
  void Delivered(Event& event) override;
  void AlarmChanged(const ObjectId& id, AlarmChange change) override;
  Random& jitter() override { return jitter_; }
  ObjectSockets& SocketsOf(const ObjectId& id) override;
  void WatchEvents(LiveInstance& instance, Instant due) override;
  void LimitShutdown(LiveInstance& instance) override;
  void Ended(LiveInstance& instance) override;
  void Settled(LiveInstance& instance) override;
  Error WriteFailed(const ObjectId& id, const Error& why) override;

  loop::Loop& loop_;
  store::Claim claim_;
  const ShardOptions options_;
  Logger& logger_;
  Counter &count_live_, &count_events_, &count_started_, &count_evicted_, &count_resets_, &count_overloads_;

  SeededRandom jitter_;
  OnAlarmChange on_alarm_change_;
  std::unordered_map<ObjectId, OnAlarmOutcome> alarms_;  // On their way through their objects.
  std::unordered_map<uint64_t, Namespace> namespaces_;
  std::deque<GateRef> runnable_;
  bool gates_posted_ = false;
  std::vector<LiveInstance*> flush_;
  bool flush_posted_ = false;
  size_t live_ = 0;
  size_t kept_slots_ = 0;
  uint64_t next_incarnation_ = 1;
  bool draining_ = false;
  UniqueFunction<void()> drained_;
  std::shared_ptr<ShardImpl*> self_;  // Emptied when this is destroyed: for closures that the loop holds.

  // Destroyed from the last: the session first (its callbacks point at instances), then the slots, then what they are
  // linked in.
  Deferred deferred_;
  Deadlines<LiveInstance> idle_, flushing_, rolling_, events_, shutdowns_;
  Deadlines<GateNode> sections_;
  Deadlines<Slot> kept_;
  Deadlines<Event> waiting_;
  std::unordered_map<ObjectId, std::unique_ptr<Slot>> slots_;
#ifdef LIMPET_MUTANTS
  std::vector<std::unique_ptr<LiveInstance>> zombies_;
#endif
  std::unique_ptr<store::Session> session_;
};

}  // namespace limpet::object

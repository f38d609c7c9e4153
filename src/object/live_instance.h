// One incarnation of an object: its gates, its storage, its code, the events that run in it. Made and destroyed by its
// shard. One thread.
//
// Every call into the code is a suspension point: a turn may be interrupted and the loop run inside it. So the code is
// destroyed only when none of its calls is on the stack (in_code_ == 0), from the loop.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>

#include "base/random.h"
#include "loop/loop.h"
#include "object/code.h"
#include "object/deadlines.h"
#include "object/event.h"
#include "object/gate_node.h"
#include "object/gated_body.h"
#include "object/object_storage.h"
#include "object/output_gate.h"

namespace limpet::object {

// What an instance asks of its shard.
class InstanceHost {
 public:
  virtual ~InstanceHost() = default;
  virtual loop::Loop& loop() = 0;
  virtual Deferred& deferred() = 0;
  virtual store::Session& session() = 0;
  virtual const store::Claim& claim() const = 0;
  virtual const Quota& quota() const = 0;
  virtual void GateRunnable(GateRef node) = 0;
  virtual void WantFlush(LiveInstance& instance) = 0;
  virtual void SectionStarted(GateNode& section) = 0;
  virtual void CommitProgress(LiveInstance& instance) = 0;   // A commit was sent or has come back.
  virtual void ActivityChanged(LiveInstance& instance) = 0;  // Events, bodies or pins: idle or not?
  virtual void Started(LiveInstance& instance, Result<Done> result) = 0;
  virtual void Return(EventRef event) = 0;   // Delivered to the gate, but the instance has ended.
  virtual void Delivered(Event& event) = 0;  // Says when its handler must have ended.
  virtual void WatchEvents(LiveInstance& instance, Instant due) = 0;  // Calls EventsDue() then.
  virtual void AlarmChanged(const ObjectId& id, AlarmChange change) = 0;
  virtual Random& jitter() = 0;
  virtual ObjectSockets& SocketsOf(const ObjectId& id) = 0;
  virtual void LimitShutdown(LiveInstance& instance) = 0;  // Calls ShutdownTimedOut() after a while.
  virtual void Ended(LiveInstance& instance) = 0;          // Call TearDown() from the loop.
  virtual void Settled(LiveInstance& instance) = 0;        // Torn down, and nothing on the way: destroy it.
  virtual Error WriteFailed(const ObjectId& id, const Error& why) = 0;  // Logs it; the error that callers see.
};

class LiveInstance final : public Instance, GateHost, OutputHost, StorageHost, BodyHost {
 public:
  LiveInstance(InstanceHost& host, const ObjectId& id, std::optional<std::string> name, uint64_t incarnation,
               std::shared_ptr<ClassCode> made_by);
  ~LiveInstance() override;

  void Start();
  // Puts the event into the gate's queue.
  void Accept(EventRef event);
  // Ends it as planned: its code is told first if it wants to be, and what it then writes is durable before the end. No
  // event comes in from here on. Calls no code by itself; `evicted` or EndForNewCode say what the end is for.
  void ShutDown(Error error, ShutdownReason reason);
  // The same, to make room for newer code, or for the end of the server. What it leaves behind is as it should be.
  void EndForNewCode(Error error, ShutdownReason reason);
  void ShutdownTimedOut();
  bool shutting_down() const { return shutdown_ != nullptr; }
  bool last_writes() const { return shutdown_ != nullptr && shutdown_->handled; }
  // Events are for the next instance.
  bool takes_no_more() const;
  // Ends the instance: gates and storage shut at once; the rest from the loop. The first error stays.
  void Break(Error error);
  void TearDown();
  void FlushTimedOut();
  // Breaks the instance if an event has run for too long.
  void EventsDue();

  // Instance.
  const ObjectId& id() const override { return id_; }
  const std::optional<std::string>& name() const override { return name_; }
  Storage& storage() override { return storage_; }
  void Enter(const GateRef& where, OnLock ready) override;
  Result<GateRef> BeginCritical(const InputLock& lock) override;
  InputLock EndCritical(InputLock lock) override;
  void FailCritical(GateRef section, Error error) override;
  void WhenDurable(UniqueFunction<void(Result<Done>)> then) override { output_.WhenDurable(std::move(then)); }
  bool OutputFree() override { return output_.IsFree(); }
  uint64_t output_mark() const override { return output_.mark(); }
  void TurnEnded() override { storage_.Seal(); }
  void Abort(Error reason) override;
  void EnterCode() override { ++in_code_; }
  void LeaveCode() override;
  void Pin() override;
  void Unpin() override;
  void Hold() override;
  void Release() override;
  ObjectSockets& sockets() override { return host_.SocketsOf(id_); }
  bool replaced() const override { return rolling; }
  bool broken() const override { return error_ != nullptr; }
  const Error* failure() const override { return error_.get(); }

  uint64_t incarnation() const { return incarnation_; }
  const std::shared_ptr<ClassCode>& made_by() const { return made_by_; }
  bool started() const { return started_; }
  bool idle() const { return running_.empty() && bodies_.empty(); }
  bool pinned() const { return pins_ > 0; }
  bool held() const { return holds_ > 0; }
  // Nothing would be lost by ending it now.
  bool evictable() const {
    return idle() && in_code_ == 0 && !root_->locked() && !root_->has_waiters() && storage_.clean();
  }
  bool gone() const { return torn_down_ && in_code_ == 0 && storage_.settled() && !flush_wanted; }
  size_t running_events() const { return running_.size(); }
  ObjectStorage& object_storage() { return storage_; }

  // For the shard's lists.
  Deadlines<LiveInstance>::Node idle_deadline{this};
  Deadlines<LiveInstance>::Node flush_deadline{this};
  Deadlines<LiveInstance>::Node roll_deadline{this};
  Deadlines<LiveInstance>::Node shutdown_deadline{this};
  Deadlines<LiveInstance>::Node event_deadline{this};  // Stays when the event has ended in time: one for many events.
  Instant last_event{};
  bool flush_wanted = false;
  bool rolling = false;
  bool evicted = false;
  bool ended_for_new_code = false;
  bool ending = false;  // It goes as soon as it is idle: it is rolling, or its shard drains.

 private:
  class InCode;  // Marks a call into the code.
  class ReplyHandle;
  // A planned end under way.
  struct Shutdown {
    Error error;
    bool handled = false;      // The handler has ended, or had its time.
    bool turn_runs = false;    // … but a turn has not: its burst is still open.
    bool all_durable = false;  // The end itself.
  };

  void Deliver(const EventRef& event, Result<InputLock> lock);
  void DeliverAlarm(const EventRef& event, InputLock lock);
  void RunAlarm(const EventRef& event, Result<std::optional<Bytes>> record, InputLock lock);
  void AlarmNotRun(const EventRef& event, const InputLock& lock);
  void AlarmReplaced(const EventRef& event, Result<HttpResponse> ended, const InputLock& lock);
  void EndAlarm(const EventRef& event, Result<HttpResponse> result);
  void OnCodeReply(const EventRef& event, Result<HttpResponse> result);
  void SendReply(const EventRef& event, Result<HttpResponse> result);
  void AfterCode();
  void BreakByScript(Error error);
  void PreShutdownEnded();
  void EndOnceDurable();

  // GateHost.
  void GateRunnable(GateRef node) override { host_.GateRunnable(std::move(node)); }
  void RunUnderLock(OnLock& ready, Result<InputLock> lock) override;
  void GateFree() override;
  void SectionStarted(GateNode& section) override { host_.SectionStarted(section); }
  void SectionTimedOut() override;
  void SectionDropped(Error error) override;
  // OutputHost.
  bool ClaimHolds() override;
  void RunOutput(UniqueFunction<void(Result<Done>)>& then, Result<Done> result) override;
  // StorageHost.
  void RunTurn(UniqueFunction<void()>& turn) override;
  void WroteConfirmed(uint64_t write) override { output_.LockUpTo(write); }
  void WritesDurable(uint64_t write) override { output_.DurableUpTo(write); }
  void WantFlush() override;
  void CommitSent() override { host_.CommitProgress(*this); }
  void AlarmChanged(AlarmChange change) override { host_.AlarmChanged(id_, change); }
  void CannotCommit(const Error& why) override;
  void Settled(const Error* failed) override;
  const store::Claim& claim() const override { return host_.claim(); }
  const Quota& quota() const override { return host_.quota(); }
  loop::Loop& loop() override { return host_.loop(); }
  // BodyHost.
  void BodyEnded(GatedBodyState* body) override;
  Deferred& deferred() override { return host_.deferred(); }

  InstanceHost& host_;
  const ObjectId id_;
  const std::optional<std::string> name_;
  const uint64_t incarnation_;
  std::shared_ptr<ClassCode> made_by_;
  GateRef root_;
  OutputGate output_;
  ObjectStorage storage_;
  std::unique_ptr<Code> code_;
  std::list<EventRef> running_;
  std::list<std::shared_ptr<GatedBodyState>> bodies_;
  std::unique_ptr<Error> error_;  // Why it ended.
  std::shared_ptr<Shutdown> shutdown_;
  uint32_t pins_ = 0;
  uint32_t holds_ = 0;
  uint32_t in_code_ = 0;
  bool started_ = false;
  bool torn_down_ = false;
  bool tear_down_waits_ = false;  // For the end of the calls into the code.
};

}  // namespace limpet::object

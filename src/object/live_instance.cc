#include "object/live_instance.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "object/alarm_record.h"
#include "object/mutations.h"

namespace limpet::object {

class LiveInstance::InCode {
 public:
  explicit InCode(LiveInstance& instance) : instance_(instance) { ++instance_.in_code_; }
  ~InCode() {
    if (--instance_.in_code_ == 0) instance_.AfterCode();
  }
  InCode(const InCode&) = delete;
  InCode& operator=(const InCode&) = delete;

 private:
  LiveInstance& instance_;
};

// What the code gets to reply with. Dropped unused, it fails the event: nobody else could.
class LiveInstance::ReplyHandle {
 public:
  explicit ReplyHandle(EventRef event) : event_(std::move(event)) {}
  ReplyHandle(ReplyHandle&&) noexcept = default;
  ReplyHandle& operator=(ReplyHandle&&) = delete;
  ~ReplyHandle() {
    if (event_ == nullptr) return;
    Reply(Error(ErrorCode::kScript,
                "The Workers runtime canceled this request because it detected that your Worker's code had hung and "
                "would never generate a response."));
  }
  void Reply(Result<HttpResponse> result) {
    EventRef event = std::exchange(event_, nullptr);
    if (event == nullptr || event->running_in == nullptr) return;
    event->running_in->OnCodeReply(event, std::move(result));
  }

 private:
  EventRef event_;
};

LiveInstance::LiveInstance(InstanceHost& host, const ObjectId& id, std::optional<std::string> name,
                           uint64_t incarnation, std::shared_ptr<ClassCode> made_by)
    : host_(host),
      id_(id),
      name_(std::move(name)),
      incarnation_(incarnation),
      made_by_(std::move(made_by)),
      root_(GateNode::MakeRoot(*this)),
      output_(*this),
      storage_(*this, host.session(), id_) {}

LiveInstance::~LiveInstance() {
  // Usually torn down long ago. At the end of the shard it may not be: its code goes first.
  if (!error_) error_ = std::make_unique<Error>(ErrorCode::kCanceled, "The server is shutting down.");
  root_->Detach();
  for (EventRef& event : running_) event->running_in = nullptr;
  storage_.Shut(*error_);
  for (auto& body : std::exchange(bodies_, {})) body->Break(*error_);
  code_.reset();
}

void LiveInstance::Start() {
  InCode in_code(*this);
  InputLock lock = root_->Lock();
  code_ = made_by_->Instantiate(*this);
  if (code_ == nullptr) {
    return Break(Error(ErrorCode::kInternal, "internal error; the class could not be instantiated"));
  }
  code_->Start(std::move(lock), [this](Result<Done> result) {
    if (broken() || started_) return;
    // An error reply is observable too; but the constructor's writes are dropped with it, so nothing is to wait for.
    if (!result.has_value()) return Break(std::move(result.error()).With(Error::kRemote));
    started_ = true;
    host_.Started(*this, Done{});
  });
}

// --- Events

void LiveInstance::Accept(EventRef event) {
  root_->Queue([this, event = std::move(event)](Result<InputLock> lock) { Deliver(event, std::move(lock)); });
}

void LiveInstance::Deliver(const EventRef& event, Result<InputLock> lock) {
  if (event->refused) return;
  // Whoever waited when the instance broke hears of it; a fresh one might fail in the same way for ever. What came for
  // a rolling instance waits for the next.
  if (!takes_no_more() && (broken() || !lock.has_value())) {
    host_.Delivered(*event);
    if (event->alarm) event->alarm->record.reset();  // It was not tried.
    event->result = broken() ? *error_ : lock.error();
    return host_.deferred().Later([event] { event->reply(*std::exchange(event->result, std::nullopt)); });
  }
  if (takes_no_more()) return host_.Return(event);
  host_.Delivered(*event);
  event->running_in = this;
  event->at = running_.insert(running_.end(), event);
  last_event = host_.loop().Now();
  host_.ActivityChanged(*this);
  if (event->alarm) return DeliverAlarm(event, std::move(lock).value());
  OnReply reply = [handle = ReplyHandle(event)](Result<HttpResponse> result) mutable {
    handle.Reply(std::move(result));
  };
  if (event->socket) {
    if (event->due != Instant::max()) host_.WatchEvents(*this, event->due);
    return code_->WebSocket(std::move(lock).value(), *event->socket, std::move(reply));
  }
  code_->Fetch(std::move(lock).value(), std::move(event->request), std::move(reply));
}

void LiveInstance::OnCodeReply(const EventRef& event, Result<HttpResponse> result) {
  if (broken()) return;  // TearDown answers.
  event->due = Instant::max();
  if (event->alarm && !event->alarm->ended) return EndAlarm(event, std::move(result));
  if (!result.has_value()) result = std::move(result.error()).With(Error::kRemote);
  // NOLINTNEXTLINE(bugprone-branch-clone): both are false where mutants are compiled out.
  bool mutant = result.has_value() ? LIMPET_MUTANT(reply_before_durable) : LIMPET_MUTANT(error_before_durable);
  if (mutant) return SendReply(event, std::move(result));
  event->result = std::move(result);
  output_.WhenDurable([event](Result<Done> durable) {
    // A broken gate's error reaches the event in TearDown, in place of what it had to say.
    if (event->running_in == nullptr || !durable.has_value()) return;
    event->running_in->SendReply(event, *std::exchange(event->result, std::nullopt));
  });
}

void LiveInstance::SendReply(const EventRef& event, Result<HttpResponse> result) {
  event->running_in = nullptr;
  running_.erase(event->at);
  if (event->alarm) event->alarm->settled = event->alarm->counted;
  if (result.has_value() && result.value().body.stream != nullptr) {
    auto body = std::make_shared<GatedBodyState>(static_cast<BodyHost&>(*this), std::move(result.value().body.stream));
    bodies_.push_back(body);
    result.value().body.stream = std::make_unique<GatedBody>(std::move(body));
  }
  event->result = std::move(result);
  // From the loop: the caller may be code in another isolate, and this may be inside a turn of ours.
  host_.deferred().Later([event] { event->reply(*std::exchange(event->result, std::nullopt)); });
  if (LIMPET_MUTANT(answered_twice)) host_.deferred().Later([event] { event->reply(HttpResponse()); });
  host_.ActivityChanged(*this);
}

// --- Alarms

void LiveInstance::DeliverAlarm(const EventRef& event, InputLock lock) {
  event->alarm->record.reset();  // The constructor has passed: from here on the handler alone can fail.
  auto then = [this, event](Result<std::optional<Bytes>> record, InputLock held) {
    RunAlarm(event, std::move(record), std::move(held));
  };
  Storage::Now<std::optional<Bytes>> now = storage_.ReadAlarm(lock, {}, then);
  if (now) RunAlarm(event, std::move(*now), std::move(lock));
}

// Under the lock: what was true when it was sent here need not be any more.
void LiveInstance::RunAlarm(const EventRef& event, Result<std::optional<Bytes>> record, InputLock lock) {
  if (broken()) return;
  AlarmRun& run = *event->alarm;
  if (!record.has_value()) return SendReply(event, std::move(record).error());
  if (!record.value()) return AlarmNotRun(event, lock);
  Result<AlarmRecord> alarm = DecodeAlarm(*record.value());
  if (!alarm.has_value()) return SendReply(event, std::move(alarm).error());
  if (alarm.value().attempt_ms > ToMs(host_.loop().WallNow()) && !LIMPET_MUTANT(alarm_too_early)) {
    run.due_ms = alarm.value().attempt_ms;
    return AlarmNotRun(event, lock);
  }
  run.record = record.value();
  storage_.AlarmRuns(*std::move(record).value());
  if (LIMPET_MUTANT(alarm_deleted_too_early)) storage_.AlarmEnded(std::nullopt);
  event->due = host_.loop().Now() + kAlarmHandlerMax;
  host_.WatchEvents(*this, event->due);
  OnReply reply = [handle = ReplyHandle(event)](Result<HttpResponse> result) mutable {
    handle.Reply(std::move(result));
  };
  code_->Alarm(std::move(lock), {alarm.value().retries, alarm.value().scheduled_ms}, std::move(reply));
}

// What was read may be this instance's own write, which an abort would take back: the clock must not hear of it before
// it is durable.
void LiveInstance::AlarmNotRun(const EventRef& event, const InputLock& lock) {
  auto durable = [this, event](Result<Done>, InputLock) {
    if (event->running_in == this && !broken()) SendReply(event, HttpResponse());
  };
  if (LIMPET_MUTANT(alarm_told_before_durable)) return durable(Done{}, {});
  Storage::Now<Done> now = storage_.Sync(lock, durable);
  if (now) durable(std::move(*now), {});
}

// What becomes of the alarm is a write of its own, under a lock: an open transaction may roll back, and the turn under
// way goes on. It follows all that the handler wrote.
void LiveInstance::EndAlarm(const EventRef& event, Result<HttpResponse> result) {
  event->result = std::move(result);
  root_->Wait([this, event](Result<InputLock> lock) {
    if (broken() || !lock.has_value() || event->running_in != this) return;
    Result<HttpResponse> ended = *std::exchange(event->result, std::nullopt);
    event->alarm->ended = true;
    if (ended.has_value() || CountsAgainstAlarm(ended.error())) {
      std::optional<Bytes> next;
      Result<AlarmRecord> ran = DecodeAlarm(*event->alarm->record);
      if (!ended.has_value() && ran.has_value() && !LIMPET_MUTANT(alarm_lost_by_failure)) {
        auto retry = AfterFailure(std::move(ran).value(), host_.loop().WallNow(), host_.jitter());
        if (retry) next = EncodeAlarm(*retry);
      }
      event->alarm->counted = true;
      if (!storage_.AlarmEnded(next)) return AlarmReplaced(event, std::move(ended), lock.value());
    } else {
      storage_.AlarmNotCounted();
    }
    OnCodeReply(event, std::move(ended));
  });
}

// The script has set or deleted it meanwhile: that is what must be durable, though the script may not have asked for
// it.
void LiveInstance::AlarmReplaced(const EventRef& event, Result<HttpResponse> ended, const InputLock& lock) {
  event->result = std::move(ended);
  auto durable = [this, event](Result<Done>, InputLock) {
    if (event->running_in == this && !broken()) OnCodeReply(event, *std::exchange(event->result, std::nullopt));
  };
  if (LIMPET_MUTANT(alarm_told_before_durable)) return durable(Done{}, {});
  Storage::Now<Done> now = storage_.Sync(lock, durable);
  if (now) durable(std::move(*now), {});
}

void LiveInstance::EventsDue() {
  if (broken()) return;
  Instant first = Instant::max();
  bool alarm = false;
  for (const EventRef& event : running_) {
    if (event->due >= first) continue;
    first = event->due;
    alarm = event->alarm.has_value();
  }
  if (first > host_.loop().Now()) {
    if (first != Instant::max()) host_.WatchEvents(*this, first);
    return;
  }
  if (LIMPET_MUTANT(event_timeout_ignored)) return;
  if (alarm) {
    return Break(Error(ErrorCode::kOverloaded, "Alarm exceeded its allowed execution time")
                     .With(Error::kOverloaded)
                     .With(Error::kObjectReset));
  }
  Break(Error(ErrorCode::kUnavailable, "Actor exceeded event execution time and was disconnected.")
            .With(Error::kRetryable)
            .With(Error::kObjectReset));
}

void LiveInstance::BodyEnded(GatedBodyState* body) {
  bodies_.remove_if([body](const auto& open) { return open.get() == body; });
  if (!broken()) host_.ActivityChanged(*this);
}

// --- Gates

void LiveInstance::Enter(const GateRef& where, OnLock ready) {
  (where != nullptr ? where : root_)->Wait(std::move(ready));
}

Result<GateRef> LiveInstance::BeginCritical(const InputLock& lock) {
  return (lock.gate() != nullptr ? lock.gate() : root_)->BeginSection();
}

InputLock LiveInstance::EndCritical(InputLock lock) {
  GateRef section = lock.gate();
  if (section == nullptr) return {};
  return section->EndSection(std::move(lock));
}

void LiveInstance::FailCritical(GateRef, Error error) { BreakByScript(std::move(error)); }

void LiveInstance::SectionDropped(Error error) { BreakByScript(std::move(error)); }

void LiveInstance::SectionTimedOut() {
  Break(
      Error(ErrorCode::kOverloaded,
            "A call to blockConcurrencyWhile() in a Durable Object waited for too long. The call was canceled and the "
            "Durable Object was reset.")
          .With(Error::kOverloaded)
          .With(Error::kObjectReset)
          .With(Error::kRemote));
}

void LiveInstance::RunUnderLock(OnLock& ready, Result<InputLock> lock) {
  InCode in_code(*this);
  ready(std::move(lock));
}

// A turn may be run by its isolate later than it was asked for, and its lock outlasts the call that answered: nothing
// else would tell that the instance is idle now.
void LiveInstance::GateFree() {
  if (LIMPET_MUTANT(roll_misses_idle)) return;
  if (ending && in_code_ == 0 && idle() && !broken()) host_.ActivityChanged(*this);
}

bool LiveInstance::ClaimHolds() {
  if (claim().valid_until == Instant::max() || LIMPET_MUTANT(stale_claim_answers)) return true;
  if (host_.loop().Now() < claim().valid_until) return true;
  Break(Error(ErrorCode::kFenced, "Durable Object storage is no longer accessible.")
            .With(Error::kRetryable)
            .With(Error::kObjectReset));
  return false;
}

void LiveInstance::RunOutput(UniqueFunction<void(Result<Done>)>& then, Result<Done> result) {
  InCode in_code(*this);
  then(std::move(result));
}

void LiveInstance::RunTurn(UniqueFunction<void()>& turn) {
  InCode in_code(*this);
  turn();
}

// --- Storage

void LiveInstance::WantFlush() { host_.WantFlush(*this); }

// What the script brought about, it is told in the words that say so.
void LiveInstance::CannotCommit(const Error& why) {
  bool by_script = why.code() == ErrorCode::kScript || why.code() == ErrorCode::kOverloaded;
  if (by_script) return BreakByScript(why);
  Break(host_.WriteFailed(id_, why));
}

void LiveInstance::Settled(const Error* failed) {
  if (failed != nullptr && !broken()) Break(host_.WriteFailed(id_, *failed));
  host_.CommitProgress(*this);
  if (torn_down_ && storage_.settled()) return host_.Settled(*this);
  EndOnceDurable();
  if (!broken() && idle()) host_.ActivityChanged(*this);
}

void LiveInstance::FlushTimedOut() {
  Break(Error(ErrorCode::kUnavailable,
              "Durable Object storage operation exceeded timeout which caused object to be reset.")
            .With(Error::kOverloaded)
            .With(Error::kObjectReset));
}

// --- Life and end

void LiveInstance::Abort(Error reason) { BreakByScript(std::move(reason)); }

// The turn under way leaves nothing. The bursts of turns that have ended stay: only the end of this turn of the loop
// was missing for them to be on their way.
void LiveInstance::BreakByScript(Error error) {
  storage_.SendSealed();
  Break(std::move(error).With(Error::kRemote).With(Error::kObjectReset));
}

void LiveInstance::LeaveCode() {
  if (--in_code_ == 0 && !LIMPET_MUTANT(roll_misses_idle)) AfterCode();
}

void LiveInstance::Pin() {
  if (pins_++ == 0 && !broken()) host_.ActivityChanged(*this);
}

void LiveInstance::Unpin() {
  LIMPET_CHECK(pins_ > 0);
  if (--pins_ == 0 && !broken()) host_.ActivityChanged(*this);
}

void LiveInstance::Hold() {
  if (holds_++ == 0 && !broken()) host_.ActivityChanged(*this);
}

void LiveInstance::Release() {
  LIMPET_CHECK(holds_ > 0);
  if (--holds_ == 0 && !broken()) host_.ActivityChanged(*this);
}

void LiveInstance::EndForNewCode(Error error, ShutdownReason reason) {
  if (broken()) return;
  ended_for_new_code = true;
  ShutDown(std::move(error), reason);
}

bool LiveInstance::takes_no_more() const {
  if (LIMPET_MUTANT(shutdown_takes_events)) return rolling && !shutting_down();
  return rolling || shutting_down();
}

void LiveInstance::ShutDown(Error error, ShutdownReason reason) {
  if (broken() || shutting_down()) return;
  if (!started_ || !code_->wants_pre_shutdown()) return Break(std::move(error));
  shutdown_ = std::make_shared<Shutdown>(Shutdown{std::move(error)});
  idle_deadline.Unlink();
  roll_deadline.Unlink();
  host_.LimitShutdown(*this);
  root_->Queue([this, reason](Result<InputLock> lock) {
    if (broken() || !lock.has_value()) return;
    auto done = [this, weak = std::weak_ptr<Shutdown>(shutdown_)](Result<HttpResponse>) {
      if (!weak.expired()) PreShutdownEnded();
    };
    code_->PreShutdown(std::move(lock).value(), reason, std::move(done));
  });
}

// The turn that the handler ended in may still write.
void LiveInstance::PreShutdownEnded() {
  if (broken() || shutdown_->handled) return;
  shutdown_->handled = shutdown_->turn_runs = true;
  if (LIMPET_MUTANT(last_writes_lost)) return ShutdownTimedOut();
  host_.LimitShutdown(*this);
  if (in_code_ == 0) AfterCode();
}

void LiveInstance::ShutdownTimedOut() {
  if (broken()) return;
  if (!shutdown_->handled) return PreShutdownEnded();
  shutdown_->all_durable = true;  // They are not; the end has waited long enough for them.
  Break(shutdown_->error);
}

void LiveInstance::EndOnceDurable() {
  if (broken() || !last_writes() || shutdown_->turn_runs || !storage_.all_durable()) return;
  shutdown_->all_durable = true;
  Break(shutdown_->error);
}

void LiveInstance::Break(Error error) {
  if (broken()) return;
  // Something else than the end that was planned: nothing is as it should be.
  if (shutting_down() && !shutdown_->all_durable) evicted = ended_for_new_code = false;
  error_ = std::make_unique<Error>(std::move(error));
  root_->MarkBroken(*error_);
  output_.MarkBroken(*error_);
  storage_.Shut(*error_);
  idle_deadline.Unlink();
  roll_deadline.Unlink();
  event_deadline.Unlink();
  shutdown_deadline.Unlink();
  host_.Ended(*this);
}

void LiveInstance::AfterCode() {
  if (tear_down_waits_) {
    tear_down_waits_ = false;
    host_.Ended(*this);
  } else if (torn_down_) {
    host_.Settled(*this);
  } else if (last_writes() && shutdown_->turn_runs) {
    shutdown_->turn_runs = false;
    // From the loop: the turn's own closures come first.
    host_.deferred().Later([this, weak = std::weak_ptr<Shutdown>(shutdown_)] {
      if (weak.expired() || broken()) return;
      if (in_code_ > 0) {  // The loop runs inside of another turn, whose burst is not to be cut.
        shutdown_->turn_runs = true;
        return;
      }
      storage_.Seal();
      storage_.Flush();
      EndOnceDurable();
    });
  } else if (ending && idle() && !broken()) {
    host_.ActivityChanged(*this);
  }
}

void LiveInstance::TearDown() {
  if (torn_down_) return;
  if (in_code_ > 0) {
    tear_down_waits_ = true;
    return;
  }
  torn_down_ = true;
  ++in_code_;  // Until the end of this function: nothing here may start it again.
  // Those who wait for its start hear why there was none: the next one might end in the same way for ever.
  if (!started_ && !rolling && !evicted) host_.Started(*this, *error_);
  output_.RejectAll();
  root_->RejectAll();
  for (auto& body : std::exchange(bodies_, {})) body->Break(*error_);
  for (EventRef& event : std::exchange(running_, {})) {
    event->running_in = nullptr;
    if (LIMPET_MUTANT(end_forgets_events)) continue;
    event->result = *error_;
    host_.deferred().Later([event] { event->reply(*std::exchange(event->result, std::nullopt)); });
  }
  code_.reset();
  root_->Detach();
  --in_code_;
  host_.CommitProgress(*this);
  host_.Settled(*this);
}

}  // namespace limpet::object

// Alarms: from the clock to their object, and what became of them.
#include <utility>

#include "object/alarm_record.h"
#include "object/mutations.h"
#include "object/shard_impl.h"

namespace limpet::object {
namespace {

constexpr AlarmOutcome kRetry{AlarmOutcome::Kind::kRetry};

AlarmOutcome NotDue(int64_t due_ms) { return {AlarmOutcome::Kind::kNotDue, due_ms}; }

}  // namespace

void ShardImpl::AlarmChanged(const ObjectId& id, AlarmChange change) {
  if (on_alarm_change_) on_alarm_change_(id, change);
}

void ShardImpl::Alarm(const ObjectId& id, OnAlarmOutcome done) {
  if (draining_ || alarms_.contains(id)) {
    return deferred_.Later([done = std::move(done)]() mutable { done(kRetry); });
  }
  alarms_.emplace(id, std::move(done));
  Slot* slot = Find(id);
  LiveInstance* live = slot == nullptr ? nullptr : slot->instance.get();
  if (live != nullptr && live->started() && !live->broken() && !live->rolling) {
    return SendAlarm(id, live->name(), {});
  }
  // An instance is started for an alarm that is due alone, and under the name that the record knows.
  session_->Get(id, store::Space::kAlarm, {},
                [this, id](Result<std::optional<Bytes>> record) { AlarmRead(id, std::move(record)); });
}

void ShardImpl::AlarmRead(const ObjectId& id, Result<std::optional<Bytes>> record) {
  if (!record.has_value() || draining_) return AlarmOver(id, kRetry);
  if (!record.value()) return AlarmOver(id, {});
  Result<AlarmRecord> alarm = DecodeAlarm(*record.value());
  if (!alarm.has_value()) {
    logger_.Write(LogLevel::kError, "object", alarm.error().ToString());
    return AlarmOver(id, kRetry);
  }
  if (alarm.value().attempt_ms > ToMs(loop_.WallNow())) return AlarmOver(id, NotDue(alarm.value().attempt_ms));
  auto ns = namespaces_.find(id.ns.value);
  if (ns == namespaces_.end() || ns->second.code == nullptr) return AlarmOver(id, kRetry);
  SendAlarm(id, std::move(alarm).value().name, std::move(record).value());
}

void ShardImpl::SendAlarm(const ObjectId& id, std::optional<std::string> name, std::optional<Bytes> record) {
  count_events_.Add();
  auto event = std::make_shared<Event>();
  event->object = id;
  event->name = std::move(name);
  event->alarm.emplace().record = std::move(record);
  event->reply = [this, self = self_, raw = event.get()](Result<HttpResponse> result) {
    if (*self != nullptr) AlarmReplied(*raw, result);
  };
  Enqueue(FindOrMake(id), std::move(event));
}

void ShardImpl::AlarmReplied(const Event& event, const Result<HttpResponse>& result) {
  const AlarmRun& run = *event.alarm;
  if (result.has_value() && run.due_ms) return AlarmOver(event.object, NotDue(*run.due_ms));
  if (result.has_value() || run.settled) return AlarmOver(event.object, {});
  if (!run.record || !CountsAgainstAlarm(result.error())) return AlarmOver(event.object, kRetry);
  // The instance, or its constructor, ended with an error of the script's. Nobody else can count it now, and the next
  // instance must not know the alarm before.
  Slot* slot = Find(event.object);
  bool ended = slot != nullptr && (slot->instance == nullptr || slot->instance->broken());
  if (!ended || LIMPET_MUTANT(alarm_failure_not_counted)) return AlarmOver(event.object, kRetry);
  slot->failed_alarm = run.record;
  CheckLater(*slot);
}

void ShardImpl::AlarmOver(const ObjectId& id, AlarmOutcome outcome) {
  auto found = alarms_.find(id);
  if (found == alarms_.end()) return;
  OnAlarmOutcome done = std::move(found->second);
  alarms_.erase(found);
  deferred_.Later([done = std::move(done), outcome]() mutable { done(outcome); });
}

void ShardImpl::CountFailedAlarm(Slot& slot) {
  if (std::exchange(slot.counting_alarm, true)) return;
  session_->Get(slot.id, store::Space::kAlarm, {},
                [this, id = slot.id](Result<std::optional<Bytes>> record) { FailedAlarmRead(id, record); });
}

// If it is another one now, the script set it or did away with it before it failed.
void ShardImpl::FailedAlarmRead(const ObjectId& id, const Result<std::optional<Bytes>>& record) {
  Slot* slot = Find(id);
  LIMPET_CHECK(slot != nullptr && slot->failed_alarm && slot->instance == nullptr);
  if (!record.has_value()) return FailedAlarmCounted(id, kRetry);
  if (record.value() != slot->failed_alarm) return FailedAlarmCounted(id, {});
  Result<AlarmRecord> failed = DecodeAlarm(*slot->failed_alarm);
  if (!failed.has_value()) return FailedAlarmCounted(id, kRetry);
  store::Write write{store::Write::Kind::kDelete, store::Space::kAlarm, {}, {}};
  AlarmChange change;
  if (auto retry = AfterFailure(std::move(failed).value(), loop_.WallNow(), jitter_)) {
    change.at_ms = retry->attempt_ms;
    write.kind = store::Write::Kind::kPut;
    write.value = EncodeAlarm(*retry);
  }
  std::vector<store::Write> writes;
  writes.push_back(std::move(write));
  session_->Commit(claim_, {id, std::move(writes)}, [this, id, change](Result<uint64_t> committed) {
    AlarmChanged(id, committed.has_value() ? change : AlarmChange{.known = false});
    FailedAlarmCounted(id, committed.has_value() ? AlarmOutcome() : kRetry);
  });
}

void ShardImpl::FailedAlarmCounted(const ObjectId& id, AlarmOutcome outcome) {
  Slot* slot = Find(id);
  LIMPET_CHECK(slot != nullptr);
  slot->failed_alarm.reset();
  slot->counting_alarm = false;
  AlarmOver(id, outcome);
  CheckLater(*slot);
}

}  // namespace limpet::object

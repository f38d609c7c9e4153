// The alarm in an object's storage: one record, written like a pair.
#include <algorithm>
#include <utility>

#include "object/alarm_record.h"
#include "object/mutations.h"
#include "object/object_storage.h"

namespace limpet::object {

std::optional<Result<std::optional<Bytes>>> ObjectStorage::PeekAlarm() {
  WriteCache::Lookup cached = cache_.FindAlarm();
  if (cached.known) return cached.value == nullptr ? std::optional<Bytes>() : std::optional<Bytes>(*cached.value);
  Result<std::optional<Bytes>> stored = session_.TryGet(id_, store::Space::kAlarm, {});
  if (!stored.has_value() && MustAsk(stored.error())) return std::nullopt;
  if (stored.has_value()) cache_.LearnAlarm(stored.value());
  return stored;
}

bool ObjectStorage::MayHaveAlarm() {
  auto record = PeekAlarm();
  return !record || !record->has_value() || record->value().has_value();
}

Storage::Now<std::optional<Bytes>> ObjectStorage::ReadAlarm(const InputLock& lock, ReadOptions options,
                                                            OnAnswer<std::optional<Bytes>> done) {
  if (shut_) return *shut_;
  if (auto at_hand = PeekAlarm()) return at_hand;
  ReadId read = BeginRead();
  ReadValue(store::Space::kAlarm, {},
            [this, read, next = Hold(lock, options.allow_concurrency),
             done = std::move(done)](Result<std::optional<Bytes>> record) mutable {
              if (!shut_ && record.has_value()) cache_.LearnAlarm(record.value());
              EndRead(read);
              Answer(std::move(next), std::move(done), std::move(record));
            });
  return std::nullopt;
}

Result<std::optional<int64_t>> ObjectStorage::ShownAlarm(const Result<std::optional<Bytes>>& record,
                                                         const std::optional<Bytes>& running) {
  if (!record.has_value()) return Error(record.error());
  if (!record.value() || (record.value() == running && !LIMPET_MUTANT(alarm_shown_while_it_runs))) {
    return std::optional<int64_t>();
  }
  LIMPET_TRY(AlarmRecord alarm, DecodeAlarm(*record.value()));
  return std::optional<int64_t>(alarm.scheduled_ms);
}

Storage::Now<std::optional<int64_t>> ObjectStorage::GetAlarm(const InputLock& lock, ReadOptions options,
                                                             OnAnswer<std::optional<int64_t>> done) {
  auto shown = [running = running_alarm_, done = std::move(done)](Result<std::optional<Bytes>> record,
                                                                  InputLock held) mutable {
    done(ShownAlarm(record, running), std::move(held));
  };
  Now<std::optional<Bytes>> now = ReadAlarm(lock, options, std::move(shown));
  if (!now) return std::nullopt;
  return ShownAlarm(*now, running_alarm_);
}

Storage::Now<Done> ObjectStorage::SetAlarm(const InputLock& lock, int64_t ms, WriteOptions options,
                                           OnAnswer<Done> done) {
  if (shut_) return *shut_;
  AlarmRecord alarm;
  alarm.scheduled_ms = alarm.attempt_ms = std::max(ms, ToMs(host_.loop().WallNow()));
  alarm.name = host_.name();
  if (running_alarm_) {
    Result<AlarmRecord> running = DecodeAlarm(*running_alarm_);
    if (running.has_value()) alarm.serial = running.value().serial + 1;
  }
  cache_.PutAlarm(EncodeAlarm(alarm), !options.allow_unconfirmed);
  return AfterWrite(lock, options, std::move(done));
}

Storage::Now<Done> ObjectStorage::DeleteAlarm(const InputLock& lock, WriteOptions options, OnAnswer<Done> done) {
  if (shut_) return *shut_;
  if (!MayHaveAlarm()) return Done{};  // An object that never wrote leaves nothing on disk.
  cache_.DeleteAlarm(!options.allow_unconfirmed);
  return AfterWrite(lock, options, std::move(done));
}

void ObjectStorage::AlarmRuns(Bytes record) { running_alarm_ = std::move(record); }

bool ObjectStorage::AlarmEnded(const std::optional<Bytes>& next) {
  std::optional<Bytes> ran = std::exchange(running_alarm_, std::nullopt);
  if (shut_ || !ran) return false;
  WriteCache::Lookup now = cache_.FindAlarm();
  if (!now.known || now.value == nullptr || *now.value != *ran) return false;
  if (next) {
    cache_.PutAlarm(*next, /*confirmed=*/true);
  } else {
    cache_.DeleteAlarm(/*confirmed=*/true);
  }
  Wrote();
  Seal();
  return true;
}

}  // namespace limpet::object

#include "sim/alarms.h"

#include <algorithm>

#include "object/alarm_record.h"

namespace limpet::sim {

int64_t Alarms::Set(const ObjectId& object, int64_t wanted) {
  while (known_.contains(wanted)) ++wanted;
  Overridden(object);
  known_[wanted].object = object;
  return wanted;
}

void Alarms::Overridden(const ObjectId& object) {
  for (auto& [time, alarm] : known_) {
    if (alarm.object == object) alarm.overridden = true;
  }
}

uint32_t Alarms::Failures(const Known& alarm) const {
  auto failed = constructors_failed_.find(alarm.object);
  return alarm.attempts + (failed == constructors_failed_.end() ? 0 : failed->second);
}

void Alarms::Begins(const ObjectId& object, int64_t time, uint32_t retries, int64_t now) {
  auto found = known_.find(time);
  if (found == known_.end() || found->second.object != object) return violation_("an alarm ran that was never set");
  Known& alarm = found->second;
  if (time > now) violation_("an alarm ran before its time");
  if (retries > object::kAlarmRetriesMax) violation_("an alarm was tried too often");
  if (retries > Failures(alarm)) violation_("an alarm counts failures that were none");
  if (alarm.done && exact_ && !alarm.aborted) violation_("an alarm that was dealt with ran again");
  if (alarm.ended_at && alarm.failed && !alarm.done) {
    if (exact_ && retries <= alarm.retries) violation_("the failure of an alarm did not count");
    if (retries == alarm.retries + 1 && now < *alarm.ended_at + (int64_t{2000} << alarm.retries)) {
      violation_("an alarm was tried again too soon");
    }
  }
  ++alarm.attempts;
  alarm.retries = retries;
  alarm.ended_at.reset();
}

void Alarms::Ends(int64_t time, bool thrown, int64_t now) {
  Known& alarm = known_.at(time);
  (thrown ? alarm.failed : alarm.done) = true;
  if (thrown) alarm.ended_at = now;
}

void Alarms::Aborted(const ObjectId& object) {
  for (auto& [time, alarm] : known_) {
    if (alarm.object == object) alarm.aborted = true;
  }
}

void Alarms::ConstructorFailed(const ObjectId& object) { ++constructors_failed_[object]; }

bool Alarms::Over(int64_t time) const {
  const Known& alarm = known_.at(time);
  return alarm.done || Failures(alarm) > object::kAlarmRetriesMax;
}

void Alarms::OnDisk(const ObjectId& object, std::optional<int64_t> time) {
  std::optional<int64_t>& before = on_disk_[object];
  if (before && before != time && !Over(*before) && !known_.at(*before).overridden) violation_("an alarm was lost");
  before = time;
}

}  // namespace limpet::sim

#include "sim/model.h"

#include <algorithm>

#include "object/alarm_record.h"

namespace limpet::sim {

namespace {

std::string Show(const Pairs& state) {
  std::string text;
  for (auto& [key, value] : state) text += key + "=" + value.substr(0, 40) + " ";
  return text;
}

}  // namespace

uint64_t WriteOf(const Pairs& state) {
  uint64_t last = 0;
  for (const std::string& key : {std::string(kWriteKey), RowKey(kWriteKey)}) {
    auto found = state.find(key);
    if (found != state.end()) last = std::max<uint64_t>(last, std::stoull(found->second));
  }
  return last;
}

std::optional<int64_t> AlarmOf(const Pairs& state) {
  auto found = state.find(kAlarmKey);
  return found == state.end() ? std::nullopt : std::optional<int64_t>(std::stoll(found->second));
}

Pairs Model::Durable(const ObjectId& object) const {
  store::ScanPage page = engine_->durable().Scan(object, {});
  Pairs durable(page.pairs.begin(), page.pairs.end());
  if (std::optional<Bytes> alarm = engine_->durable().Get(object, store::Space::kAlarm, "")) {
    durable[kAlarmKey] = std::to_string(object::DecodeAlarm(*alarm).value().scheduled_ms);
  }
  const Pairs& rows = rows_.Of(engine_->durable(), object);
  durable.insert(rows.begin(), rows.end());
  return durable;
}

// An alarm that was dealt with is gone, though the script that set it has written nothing since; one that runs is still
// there, though its script sees none.
bool Model::Same(const Pairs& durable, const Pairs& state) const {
  std::optional<int64_t> there = AlarmOf(durable), seen = AlarmOf(state);
  bool same = there == seen || (there && !seen && alarms.Begun(*there)) || (!there && seen && alarms.Over(*seen));
  if (!same) return false;
  Pairs left = durable, right = state;
  left.erase(kAlarmKey);
  right.erase(kAlarmKey);
  return left == right;
}

void Model::CheckNoAlarms() {
  for (auto& [object, states] : states_) {
    if (!retired(object.ns) && AlarmOf(Durable(object))) Violate("an alarm never ran");
  }
}

void Model::Emitted(const ObjectId& object, uint64_t write, bool claim_valid, const char* what) {
  uint64_t durable = std::stoull(engine_->durable().Get(object, store::Space::kKv, kWriteKey).value_or("0"));
  durable = std::max(durable, WriteOf(rows_.Of(engine_->durable(), object)));
  if (durable < write && write > deleted_up_to_[object] && !dropped_.contains(object.ns)) {
    Violate(std::string(what) + " left before write " + std::to_string(write) + " was durable");
  }
  if (!claim_valid) Violate(std::string(what) + " left after the claim had expired");
}

void Model::InstanceMade(const ObjectId& object) {
  if (!live_.insert(object).second) Violate("a second instance of an object");
  if (Writing([&](const ObjectId& id) { return id == object; })) {
    Violate("an instance was made before the writes of the one before had settled");
  }
  std::map<uint64_t, Pairs>& states = states_[object];
  if (!states.empty()) settled_[object] = states.rbegin()->first;
  uint64_t durable = WriteOf(Durable(object));
  std::erase_if(states, [durable](const auto& state) { return state.first != durable; });
  if (deleting_.erase(object) > 0 && durable == 0) seen_[object] = 0;
}

void Model::DeleteBegins(const ObjectId& object) {
  deleting_[object] = deleted_up_to_[object] = last_write_;
  alarms.Overridden(object);
  alarms.Aborted(object);
}

void Model::Deleted(const ObjectId& object, bool done) {
  if (!done || dropped_.contains(object.ns)) return;
  Pairs durable = Durable(object);
  if (!durable.empty() && WriteOf(durable) <= deleted_up_to_[object]) Violate("a deleted object left storage behind");
}

void Model::CheckCounts() {
  std::string wrong = engine_->durable().WrongCount();
  if (!wrong.empty()) Violate(wrong);
}

void Model::CheckDatabases() {
  for (auto& [object, states] : states_) {
    std::string wrong = rows_.Damage(engine_->durable(), object);
    if (!wrong.empty()) Violate("a database on disk is not whole: " + wrong);
  }
}

void Model::CheckDisk() {
  for (auto& [object, states] : states_) {
    Pairs durable = Durable(object);
    if (dropped_.contains(object.ns)) {
      alarms.Forget(object);
      if (!durable.empty()) Violate("a deleted class left storage behind");
      continue;
    }
    uint64_t write = WriteOf(durable);
    if (deleting_.contains(object) && durable.empty()) seen_[object] = 0;
    alarms.OnDisk(object, AlarmOf(durable));
    if (write < seen_[object]) Violate("a durable write is gone");
    seen_[object] = write;
    if (write == 0 && durable.empty()) continue;
    auto state = states.find(write);
    if (state == states.end() && write <= settled_[object] && live_.contains(object)) {
      return Violate("a write of an older instance landed after the next one was made");
    }
    if (state == states.end())
      return Violate("half of a burst is on disk: write " + std::to_string(write) + ": " + Show(durable));
    if (!Same(durable, state->second))
      return Violate("a state on disk that never was: " + Show(durable) + " where " + Show(state->second) +
                     " was right");
    states.erase(states.begin(), state);
  }
}

}  // namespace limpet::sim

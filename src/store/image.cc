#include "store/image.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "store/names.h"
#include "store/unsettled.h"

namespace limpet::store {

size_t Image::SpaceIndex(Space space) {
  switch (space) {
    case Space::kKv: return 0;
    case Space::kMeta: return 1;
    case Space::kPage: return 2;
    case Space::kAlarm: return 3;
    case Space::kHistory: return 4;
  }
  LIMPET_CHECK(false);
  return 0;
}

const Image::Pairs* Image::Find(const ObjectId& object, Space space) const {
  auto found = objects_.find(object);
  return found == objects_.end() ? nullptr : &found->second.spaces[SpaceIndex(space)];
}

std::optional<Bytes> Image::Get(const ObjectId& object, Space space, BytesView key) const {
  const Pairs* pairs = Find(object, space);
  if (pairs == nullptr) return std::nullopt;
  auto found = pairs->find(key);
  if (found == pairs->end()) return std::nullopt;
  return found->second;
}

ScanPage Image::Scan(const ObjectId& object, const ScanOptions& options) const {
  ScanPage page;
  const Pairs* pairs = Find(object, options.space);
  if (pairs == nullptr || (options.end && *options.end <= options.start)) return page;
  auto first = pairs->lower_bound(options.start);
  auto last = options.end ? pairs->lower_bound(*options.end) : pairs->end();
  size_t bytes = 0;
  while (first != last && page.pairs.size() < options.limit) {
    if (bytes >= options.bytes_max && !page.pairs.empty()) {
      page.complete = false;
      break;
    }
    auto next = options.reverse ? --last : first++;
    bytes += next->first.size() + next->second.size();
    page.pairs.emplace_back(next->first, next->second);
  }
  return page;
}

uint64_t Image::CommitNumber(const ObjectId& object) const {
  auto found = objects_.find(object);
  return found == objects_.end() ? 0 : found->second.commits;
}

Totals Image::Count(const ObjectId& object, const Groups& groups) const {
  Totals totals;
  if (!KeepsHistory(object.ns)) return totals;
  auto used = [&](NamespaceId ns) {
    auto found = used_.find(ns);
    return found == used_.end() ? 0 : found->second;
  };
  auto found = objects_.find(object);
  if (found != objects_.end()) totals.object = found->second.counted;
  totals.commits = CommitNumber(object);
  totals.in_namespace = used(object.ns);
  for (NamespaceId ns : groups.Of(object.ns)) totals.in_group += used(ns);
  for (const auto& [ns, bytes] : used_) totals.in_all += bytes;
  return totals;
}

StoredBytes Image::Measure(const ObjectId& object) const {
  auto bytes = [&](Space space) {
    uint64_t sum = 0;
    if (const Pairs* pairs = Find(object, space)) {
      for (const auto& [key, value] : *pairs) sum += key.size() + value.size();
    }
    return sum;
  };
  return {bytes(Space::kKv), bytes(Space::kPage)};
}

std::string Image::WrongCount() const {
  std::map<NamespaceId, uint64_t> held = used_;
  for (auto& [ns, sum] : held) sum = 0;
  for (const auto& [id, object] : objects_) {
    if (!KeepsHistory(id.ns)) continue;
    const StoredBytes there = Measure(id);
    held[id.ns] += there.sum();
    if (there == object.counted) continue;
    return "an object's pairs and pages take " + std::to_string(there.pairs) + " and " + std::to_string(there.pages) +
           " bytes, counted are " + std::to_string(object.counted.pairs) + " and " +
           std::to_string(object.counted.pages);
  }
  for (const auto& [ns, sum] : held) {
    auto found = used_.find(ns);
    const uint64_t counted = found == used_.end() ? 0 : found->second;
    if (counted != sum) {
      return "a namespace stores " + std::to_string(sum) + " bytes, counted are " + std::to_string(counted);
    }
  }
  return {};
}

// Before the write is made.
void Image::CountWrite(NamespaceId ns, Object& object, const Write& write, bool recovering) {
  if (!KeepsHistory(ns) || (write.space != Space::kKv && write.space != Space::kPage)) return;
  uint64_t& counted = write.space == Space::kKv ? object.counted.pairs : object.counted.pages;
  const Pairs& pairs = object.spaces[SpaceIndex(write.space)];
  auto found = pairs.find(write.key);
  uint64_t before = found == pairs.end() ? 0 : found->first.size() + found->second.size(), after = 0;
  if (write.kind == Write::Kind::kClear) before = counted;
  if (write.kind == Write::Kind::kPut) after = write.key.size() + write.value.size();
  bool forgets = (miscount_ == Miscount::kDeletes && write.kind == Write::Kind::kDelete) ||
                 (miscount_ == Miscount::kClears && write.kind == Write::Kind::kClear) ||
                 (miscount_ == Miscount::kReplaced && write.kind == Write::Kind::kPut);
  if (forgets) before = 0;
  if (miscount_ == Miscount::kRecovery && recovering) after *= 2;
  counted = counted - before + after;
  if (miscount_ == Miscount::kNamespaces && write.space == Space::kPage) return;
  uint64_t& used = used_[ns];
  used = used - before + after;
  if (used == 0) used_.erase(ns);
}

std::vector<ObjectId> Image::List(NamespaceId ns, std::optional<ObjectId> after, size_t limit) const {
  std::vector<ObjectId> listed;
  auto at = after ? objects_.upper_bound(*after) : objects_.lower_bound(ObjectId{.ns = ns});
  for (; at != objects_.end() && at->first.ns == ns && listed.size() < limit; ++at) {
    if (IsNameIndex(at->first)) continue;
    const Object& object = at->second;
    // Neither history alone is data, nor what the object layer keeps for itself.
    bool has_data = std::ranges::any_of(std::array{Space::kKv, Space::kPage, Space::kAlarm},
                                        [&](Space space) { return !object.spaces[SpaceIndex(space)].empty(); });
    if (has_data) {
      listed.push_back(at->first);
    }
  }
  return listed;
}

// The first change of a key in a slot keeps what was there.
void Image::Keep(Object& object, Space space, BytesView key) {
  if (object.history.birth) return;
  Bytes record = HistoryKey(object.history.last, space, key);
  Pairs& kept = object.spaces[SpaceIndex(Space::kHistory)];
  if (kept.contains(record)) return;
  const Pairs& pairs = object.spaces[SpaceIndex(space)];
  auto found = pairs.find(key);
  kept.emplace(std::move(record), HistoryValue(found == pairs.end() ? std::nullopt : std::optional(found->second)));
}

uint64_t Image::Apply(const ObjectBatch& batch, uint64_t now, bool recovering) {
  Object& object = objects_[batch.object];
  bool forget = std::ranges::any_of(batch.writes, [](const Write& write) { return write.space == Space::kHistory; });
  if (forget) object.history.Forget(now);
  for (const Write& write : batch.writes) {
    Pairs& pairs = object.spaces[SpaceIndex(write.space)];
    if (!forget && KeepsHistory(batch.object.ns) && KeepsHistory(write.space)) {
      if (object.history.BeginsSlot(now)) {
        bool empty = std::ranges::all_of(object.spaces, [](const Pairs& space) { return space.empty(); });
        object.history.BeginSlot(now, empty && object.history.oldest == 0);
        if (object.history.birth) object.spaces[SpaceIndex(Space::kHistory)].emplace(BirthKey(object.history.last), "");
      }
      if (write.kind != Write::Kind::kClear) Keep(object, write.space, write.key);
      if (write.kind == Write::Kind::kClear) {
        for (const auto& [key, value] : pairs) Keep(object, write.space, key);
      }
    }
    if (write.space == Space::kAlarm) {
      DropAlarm(batch.object, pairs);
      if (write.kind == Write::Kind::kPut) alarms_.insert({ReadBigEndian64(write.value), batch.object});
    }
    if (write.space == Space::kMeta) IndexMeta(batch.object, pairs, write);
    CountWrite(batch.object.ns, object, write, recovering);
    switch (write.kind) {
      case Write::Kind::kPut: pairs.insert_or_assign(write.key, write.value); break;
      case Write::Kind::kDelete: pairs.erase(write.key); break;
      case Write::Kind::kClear: pairs.clear(); break;
    }
  }
  return ++object.commits;
}

void Image::ExpireHistory(uint64_t now) {
  constexpr uint64_t kKeptMs =
      std::chrono::duration_cast<std::chrono::milliseconds>(kHistoryDefault + std::chrono::hours(1)).count();
  if (now < kKeptMs) return;
  Bytes horizon;
  AppendBigEndian64(horizon, now - kKeptMs);
  for (auto& [id, object] : objects_) {
    Pairs& kept = object.spaces[SpaceIndex(Space::kHistory)];
    kept.erase(kept.begin(), kept.lower_bound(horizon));
  }
}

HistoryMark Image::Mark(const ObjectId& object, uint64_t now) {
  constexpr uint64_t kWindowMs = std::chrono::duration_cast<std::chrono::milliseconds>(kHistoryDefault).count();
  auto found = objects_.find(object);
  uint64_t oldest = now > kWindowMs ? now - kWindowMs : 0;
  if (found == objects_.end()) return {.now = now, .oldest = oldest};
  HistoryState& history = found->second.history;
  return {.now = history.Mark(now), .oldest = std::max(oldest, history.oldest)};
}

void Image::IndexMeta(const ObjectId& object, const Pairs& meta, const Write& write) {
  if (write.kind == Write::Kind::kClear || write.key == kRestoreKey) {
    Pairs& unsettled = objects_[UnsettledIndex()].spaces[SpaceIndex(Space::kMeta)];
    if (write.kind == Write::Kind::kPut) unsettled.insert_or_assign(UnsettledKey(object), Bytes());
    if (write.kind != Write::Kind::kPut) unsettled.erase(UnsettledKey(object));
  }
  bool name = write.key == kNameKey;
  if (write.kind != Write::Kind::kClear && !name) return;
  Pairs& index = objects_[NameIndex(object.ns)].spaces[SpaceIndex(Space::kMeta)];
  if (auto old = meta.find(kNameKey); old != meta.end()) index.erase(NameIndexKey(old->second, object));
  if (write.kind == Write::Kind::kPut) index.insert_or_assign(NameIndexKey(write.value, object), Bytes());
}

void Image::DropAlarm(const ObjectId& object, const Pairs& alarm) {
  if (!alarm.empty()) alarms_.erase({ReadBigEndian64(alarm.begin()->second), object});
}

AlarmPage Image::ScanAlarms(const std::optional<AlarmEntry>& after, size_t limit) const {
  AlarmPage page;
  for (auto at = after ? alarms_.upper_bound(*after) : alarms_.begin(); at != alarms_.end() && page.size() < limit;) {
    page.push_back(*at++);
  }
  return page;
}

void Image::Drop(NamespaceId ns) {
  std::erase_if(alarms_, [ns](const AlarmEntry& entry) { return entry.object.ns == ns; });
  std::erase_if(objects_, [ns](const auto& entry) { return entry.first.ns == ns; });
  if (miscount_ != Miscount::kDrops) used_.erase(ns);
}

uint64_t Image::Epoch(uint32_t partition) const {
  auto found = epochs_.find(partition);
  return found == epochs_.end() ? 0 : found->second;
}

Claim Image::Acquire(uint32_t partition) { return {.partition = partition, .epoch = ++epochs_[partition]}; }

bool Image::Allows(const Claim& claim, Instant now) const {
  return claim.epoch != 0 && claim.epoch == Epoch(claim.partition) && now < claim.valid_until;
}

}  // namespace limpet::store

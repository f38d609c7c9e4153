// A store's content as a plain value in memory: what the memory and the faulty engine hold. No threads, no I/O.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "store/engine.h"
#include "store/groups.h"
#include "store/history.h"

namespace limpet::store {

// Ways of an engine to count wrongly, for simulations that must notice.
enum class Miscount : uint8_t {
  kNone,
  kDeletes,     // What is deleted still counts.
  kClears,      // ... or cleared.
  kReplaced,    // ... or replaced.
  kRecovery,    // What lands when the power comes back counts twice.
  kDrops,       // The sum of a namespace that was dropped stays.
  kNamespaces,  // A namespace's sum is not told of pages.
};

class Image {
 public:
  std::optional<Bytes> Get(const ObjectId& object, Space space, BytesView key) const;
  AlarmPage ScanAlarms(const std::optional<AlarmEntry>& after, size_t limit) const;
  ScanPage Scan(const ObjectId& object, const ScanOptions& options) const;
  // The number of the object's last commit; 0 before the first.
  uint64_t CommitNumber(const ObjectId& object) const;
  // As counted with each commit, which a simulation compares with what is there.
  Totals Count(const ObjectId& object, const Groups& groups) const;
  const std::map<NamespaceId, uint64_t>& stored() const { return used_; }
  StoredBytes Measure(const ObjectId& object) const;
  // What was counted otherwise than it is; empty if all is right.
  std::string WrongCount() const;
  void SetMiscount(Miscount miscount) { miscount_ = miscount; }
  std::vector<ObjectId> List(NamespaceId ns, std::optional<ObjectId> after, size_t limit) const;

  // The object's new commit number. `now`: milliseconds since 1970.
  uint64_t Apply(const ObjectBatch& batch, uint64_t now, bool recovering = false);
  // What an engine does in its own time: forgets what is older than the history that is kept, and an hour.
  void ExpireHistory(uint64_t now);
  HistoryMark Mark(const ObjectId& object, uint64_t now);
  void Drop(NamespaceId ns);

  // The partition's epoch; 0 if it was never acquired.
  uint64_t Epoch(uint32_t partition) const;
  Claim Acquire(uint32_t partition);
  bool Allows(const Claim& claim, Instant now) const;

  bool operator==(const Image&) const = default;

 private:
  using Pairs = std::map<Bytes, Bytes, std::less<>>;
  struct Object {
    uint64_t commits = 0;
    Pairs spaces[5];  // By SpaceIndex.
    HistoryState history;
    StoredBytes counted;
    bool operator==(const Object& other) const {
      return commits == other.commits && std::ranges::equal(spaces, other.spaces);
    }
  };
  static size_t SpaceIndex(Space space);
  const Pairs* Find(const ObjectId& object, Space space) const;

  static void Keep(Object& object, Space space, BytesView key);
  // Keeps the indexes of names and of unsettled objects (names.h, unsettled.h), before `write` reaches the object's
  // space.
  void IndexMeta(const ObjectId& object, const Pairs& meta, const Write& write);
  void DropAlarm(const ObjectId& object, const Pairs& alarm);
  void CountWrite(NamespaceId ns, Object& object, const Write& write, bool recovering);

  std::map<ObjectId, Object> objects_;
  std::set<AlarmEntry> alarms_;
  std::map<uint32_t, uint64_t> epochs_;
  std::map<NamespaceId, uint64_t> used_;  // By the objects of each namespace.
  Miscount miscount_ = Miscount::kNone;
};

}  // namespace limpet::store
